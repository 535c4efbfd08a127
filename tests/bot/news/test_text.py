from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.news.text import clean, fold, name_from, one_line, phrases, words

ALIKE = [
    ("capitals", "KABUL", "kabul"),
    ("accents", "Türkiye", "turkiye"),
    ("dotted and dotless i", "İstanbul Diyarbakır", "istanbul diyarbakir"),
    ("Arabic and Persian yeh", "علي", "علی"),
    ("Arabic and Persian kaf", "كابل", "کابل"),
    ("Urdu and Persian heh", "ھرات", "هرات"),
    ("Kurdish letters", "هەولێر", "ههولیر"),
    ("vowel marks", "العِراقُ", "العراق"),
    ("tatweel", "عـراق", "عراق"),
    ("hamza on alef", "أربيل", "اربيل"),
    ("half space", "می\u200cروم", "میروم"),
    ("Arabic digits", "٢٠٢١", "2021"),
    ("Persian digits", "۲۰۲۱", "2021"),
    ("Bengali digits", "২০২১", "2021"),
    ("Cyrillic short i and yo", "Чайковский ёж", "чаиковскии еж"),
    ("Uzbek apostrophes", "oʻzbek o‘zbek o’zbek", "o'zbek o'zbek o'zbek"),
    ("full width", "ＭＲＣ", "mrc"),
    ("dashes", "10–14", "10-14"),
]


@pytest.mark.parametrize(("one", "other"), [row[1:] for row in ALIKE], ids=[row[0] for row in ALIKE])
def test_what_is_the_same_to_a_reader_folds_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("কাজ", "কাজী"), ("ли", "лы"), ("کار", "کارد"), ("ঢাকা", "ঢাকি")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_cleaning_takes_out_what_cannot_be_seen_and_keeps_lines_and_joiners() -> None:
    assert clean("\ufeff A\u00a0b\x07\u202e\r\nc\td\r\r\n\n\n\ne می\u200cروم ") == "A b\nc d\n\ne می\u200cروم"


def test_a_word_keeps_bengali_vowel_signs_and_conjuncts_together() -> None:
    assert [word.folded for word in words("কাজী ক্ষমা")] == [fold("কাজী"), fold("ক্ষমা")]


def test_a_run_of_words_ends_at_a_comma() -> None:
    text = "Sri Lanka, South Korea"
    found = words(text)
    assert next(phrases(text, found, 0, 4)) == (2, "sri lanka")


@given(st.text())
def test_words_stand_where_they_say(text: str) -> None:
    for word in words(text):
        assert fold(text[word.start : word.end]) == word.folded


def test_a_name_from_words_does_not_mind_spaces_or_capitals() -> None:
    assert name_from("The  Centre\nopened") == name_from("the centre opened")
    assert name_from("ab", "c") != name_from("a", "bc")
    assert len(name_from("x")) == len("sha256:") + 32
    assert one_line(" a\n b ") == "a b"
