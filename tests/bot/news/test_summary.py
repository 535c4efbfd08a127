from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bot.news.summary import summarise

LEAD = "The centre in the north of the city opened its doors to families on Monday."
NEXT = "Two counsellors answer questions there every day from eight in the morning."
REST = "Nobody needs an appointment, and 1,250.5 people have not been turned away since. " * 4


def test_a_short_text_is_its_own_summary() -> None:
    assert summarise(" Open today? Yes: ") == "Open today? Yes:"


def test_whole_sentences_are_taken_while_they_fit() -> None:
    assert summarise(f"{LEAD} {NEXT} {REST}", 160) == f"{LEAD} {NEXT}"
    assert summarise(f"{LEAD} {NEXT} {REST}", 140) == LEAD


LEADS = [
    ("a heading", "Opening hours\n"),
    ("a question", "Have you ever asked yourself what to do when you come back home? "),
    ("a bare quotation", "“We are so glad that we can be here with all of you this morning.” "),
    ("a cry", "Welcome! "),
    ("a list that is cut off", "These are the people who came to the opening of the new house:\n"),
]


@pytest.mark.parametrize("before", [row[1] for row in LEADS], ids=[row[0] for row in LEADS])
def test_the_first_proper_sentence_leads(before: str) -> None:
    assert summarise(f"{before}{LEAD} {REST}", 140) == LEAD


def test_a_sentence_about_money_is_left_out_unless_it_leads() -> None:
    donor = "The project is funded by the Kingdom of Somewhere and by its generous people."
    assert summarise(f"{LEAD} {donor} {NEXT} {REST}", 160) == f"{LEAD} {NEXT}"
    assert summarise(f"{donor} {REST}", 100) == REST.partition(". ")[0] + "."
    assert summarise(donor) == donor
    assert summarise(f"{LEAD} {donor}") == LEAD


def test_a_short_text_does_not_begin_with_a_question_either() -> None:
    assert summarise(f"Interested in studying nursing abroad? {LEAD}") == LEAD
    assert summarise("Interested? Call us.") == "Interested? Call us."


def test_a_sentence_that_announces_a_list_is_left_out() -> None:
    assert summarise(f"{LEAD} These are the services:\n- one\n- two\n{REST}", 160) == LEAD


def test_a_long_sentence_is_cut_at_a_word_or_a_clause() -> None:
    assert summarise("word " * 100, 52) == "word " * 9 + "word…"
    assert summarise(f"{'word ' * 8}word, and {'more ' * 50}", 52) == "word " * 8 + "word…"
    assert not summarise("10,000 " * 100, 50).endswith("10…")


def test_abbreviations_numbers_and_initials_end_no_sentence() -> None:
    text = "Dr. J. Khan and Ms. Ali met 3.5 million U.S. visitors, e.g. families, on 5 Jan. 2022 in Osh. " + REST
    assert (
        summarise(text, 120)
        == "Dr. J. Khan and Ms. Ali met 3.5 million U.S. visitors, e.g. families, on 5 Jan. 2022 in Osh."
    )


ENDS = [
    (
        "Urdu",
        "یہ مرکز پیر کے دن شہر میں تمام خاندانوں کے لیے کھول دیا گیا ہے۔",
        " وہاں ہر روز مشیر سوالات کے جواب دیتے ہیں۔",
    ),
    ("Bangla", "কেন্দ্রটি সোমবার শহরের সব পরিবারের জন্য তার দরজা খুলে দিয়েছে আজ।", " সেখানে পরামর্শদাতারা উত্তর দেন।"),
    ("Russian", "Центр в г. Душанбе открыл двери для семей в понедельник, т.е. вчера.", " Там отвечают на вопросы."),
    ("Arabic", "فتح المركز أبوابه للعائلات يوم الاثنين في شمال المدينة القديمة.", " يجيب المستشارون هناك على الأسئلة."),
]


@pytest.mark.parametrize(("first", "second"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_sentences_end_as_their_language_ends_them(first: str, second: str) -> None:
    assert summarise(first + second * 10, len(first) + 5) == first


LETTERS = st.text(alphabet='aB .!?:۔।،,\n"“”()ক্ষি👩‍👩‍👧é\u0301میں1', max_size=600)


@given(LETTERS | st.text(max_size=600), st.integers(min_value=1, max_value=320))
def test_a_summary_is_never_too_long_nor_cuts_what_looks_like_one_letter(text: str, limit: int) -> None:
    summary = summarise(text, limit)
    assert len(summary) <= limit
    whole = regex.findall(r"\X", " ".join(text.split()))
    assert all(cluster in whole for cluster in regex.findall(r"\X", " ".join(summary.removesuffix("…").split()))), (
        summary
    )
