from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from bot.news.topics import Topics, labels

ABOUT = [
    ("Migrant workers signed contracts.", "labour-migration"),
    ("She is a migrant worker.", "labour-migration"),
    ("Labor migration and vocational training", "labour-migration"),
    ("Scholarships for students at universities", "education-scholarships"),
    ("Visas are issued at the consulates.", "visas-pathways"),
    ("Reintegration of returnees", "return-reintegration"),
    ("Border crossings were closed by border guards.", "border-management"),
    ("Smugglers ask for ransom.", "trafficking-smuggling"),
    ("Refugees and asylum seekers", "asylum-refugees"),
    ("Stress and fear after the journey", "psychosocial"),
    ("Remittances of the diaspora", "diaspora-development"),
    ("The Migrant Resource Center offers counseling.", "services-contacts"),
    ("Women can call our hotline about a job offer.", "labour-migration women-gender services-contacts"),
    # --- word boundaries and plurals
    ("This is our custom.", ""),
    ("Customs officers", "border-management"),
    ("A televised advisory about Visalia", ""),
    ("the asylums", "asylum-refugees"),
    # --- names of bodies say nothing of the news
    ("The European Asylum Support Office (EASO) was there.", ""),
    ("The Ministry of Labour and Social Affairs and the Ministry of Refugees and Repatriation met.", ""),
    (
        "They met the ministries of Foreign Affairs, Migration and Displacement, Labour & Social Affairs.",
        "",
    ),
    ("The Norwegian Refugee Council and the Federal Office for Migration and Refugees", ""),
    ("The State Secretariat for Migration hired women.", "women-gender"),
    ("The Ministry of Refugees and Repatriation counts refugees.", "asylum-refugees"),
    ("", ""),
]
TYPED = [
    ("jobs", "labour-migration"),
    ("Job", "labour-migration"),
    ("scholarship", "education-scholarships"),
    ("scholarhip", "education-scholarships"),
    ("return", "return-reintegration"),
    ("return-reintegration", "return-reintegration"),
    ("I want to go home", "return-reintegration"),
    ("reintergration", "return-reintegration"),
    ("Study abroad and scholarships", "education-scholarships"),
    ("show me news about jobs please", "labour-migration"),
    ("visa", "visas-pathways"),
    ("vissa", "visas-pathways"),
    ("asylum", "asylum-refugees"),
    ("refugges", "asylum-refugees"),
    ("women", "women-gender"),
    ("mental health", "psychosocial"),
    ("BORDERS", "border-management"),
    ("hotline", "services-contacts"),
]
NO_TOPIC = ["", "hello", "stop", "help", "no", "start", "menu", "more", "Iraq", "😀", "how are you", "کار", "x" * 5000]


@pytest.mark.parametrize(("text", "slugs"), ABOUT, ids=[row[0][:50] for row in ABOUT])
def test_a_text_has_the_topics_of_its_keywords(topics: Topics, text: str, slugs: str) -> None:
    assert topics.of(text) == tuple(slugs.split())


def test_a_title_counts_too(topics: Topics) -> None:
    assert topics.of("It opened.", title="New scholarships") == ("education-scholarships",)


@pytest.mark.parametrize(("typed", "slug"), TYPED)
def test_a_person_types_a_topic(topics: Topics, typed: str, slug: str) -> None:
    assert topics.named(typed) == slug


@pytest.mark.parametrize("typed", NO_TOPIC)
def test_other_words_are_no_topic(topics: Topics, typed: str) -> None:
    assert topics.named(typed) is None


def test_each_topic_is_named_by_its_slug_and_its_label(topics: Topics) -> None:
    for slug in topics.slugs:
        assert topics.named(slug) == topics.named(topics.label(slug)) == slug


def lexicon() -> list[tuple[str, str]]:
    table = tomllib.loads((Path(config.__file__).parent / "topics.toml").read_text("utf-8"))["topic"]
    return [(line, row["slug"]) for row in table for line in chain(row["keywords"], *row["in"].values())]


def test_each_keyword_gives_its_topic(topics: Topics) -> None:
    silent = [
        written
        for written, slug in lexicon()
        if not written.startswith(("?", "!"))
        and slug not in topics.of(f"{written.replace('*', '').replace(' & ', ' … ')} today.")
    ]
    assert silent == []


def test_each_topic_has_words_in_each_language(topics: Topics) -> None:
    table = tomllib.loads((Path(config.__file__).parent / "topics.toml").read_text("utf-8"))["topic"]
    served = {"fa", "ps", "ur", "bn", "ar", "ckb", "ku", "tg", "uz", "ky", "kk", "ru", "tr"}
    assert [set(row["in"]) for row in table] == [served] * len(topics.slugs)


IN_OTHER_WORDS = [
    ("a vowel sign goes on with the word", "কাজী সাহেব এসেছেন।", ""),
    ("an ending", "নারীদের জন্য একটি সভা হলো।", "women-gender"),
    ("an Arabic article and a conjunction", "وصل اليوم عدد من الناس واللاجئين.", "asylum-refugees"),
    ("a joiner inside a word", "عودت‌کنندگان به شهر رسیدند.", "return-reintegration"),
    ("Russian cases", "О беженцах говорили вчера.", "asylum-refugees"),
    ("the Uzbek turned comma", "Xorijda oʻqish haqida gaplashdik.", "education-scholarships"),
    ("the same with an apostrophe", "Xorijda o'qish haqida gaplashdik.", "education-scholarships"),
    ("Turkish dotted i", "İLTİCA BAŞVURULARI", "asylum-refugees"),
    ("Urdu", "یہ لوگ انسانی اسمگلروں سے بھاگے۔", "trafficking-smuggling"),
    ("no English word is a Kurdish one", "They were well aware of it in Bursa.", ""),
    ("document fraud is not a swindle", "The officers learned about document fraud.", "border-management"),
    ("two words in one sentence", "Their wages were simply held back by him.", "rights-protection"),
]


@pytest.mark.parametrize(("text", "slugs"), [row[1:] for row in IN_OTHER_WORDS], ids=[row[0] for row in IN_OTHER_WORDS])
def test_words_are_whole_and_bend(topics: Topics, text: str, slugs: str) -> None:
    assert set(slugs.split()) <= set(topics.of(text))
    if not slugs:
        assert topics.of(text) == ()


def test_hints_need_each_other_unless_one_is_the_title(topics: Topics) -> None:
    assert "rights-protection" not in topics.of("A lawyer came to see the new house in the old town this morning.")
    assert "rights-protection" in topics.of("A lawyer came to see the new house of the court in the old town.")
    assert "rights-protection" in topics.of("He came to see the house.", title="A lawyer for all")


def test_what_comes_late_is_detail_and_has_to_be_said_twice(topics: Topics) -> None:
    filler = "The day was long and the sun was warm. " * 50
    assert topics.of(f"{filler} Scholarships.") == ()
    assert topics.of(f"{filler} Scholarships. Scholarships.") == ("education-scholarships",)


def test_the_words_that_decided_are_shown_as_they_were_written(topics: Topics) -> None:
    [asylum, women] = sorted(topics.explained("Refugees, and other WOMEN."))
    assert (asylum.topic, asylum.words) == ("asylum-refugees", ("Refugees",))
    assert (women.topic, women.words) == ("women-gender", ("WOMEN",))


def test_the_labels_to_translate_are_those_of_the_taxonomy(topics: Topics) -> None:
    assert labels(str) == {slug: topics.label(slug) for slug in topics.slugs}
    assert len(topics.slugs) == 14


@given(text=st.text(max_size=200))
def test_topics_of_any_text_are_in_the_order_of_the_taxonomy(topics: Topics, text: str) -> None:
    found = topics.of(text)
    assert list(found) == [slug for slug in topics.slugs if slug in found]
