from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.news.events import is_date_word, read_event
from bot.news.phones import has_phone
from bot.news.text import fold

ABOUT = date(2021, 12, 1)
EVENTS = [
    # text, first day, last day
    ("The visit took place on 10 – 14th January 2022 in Islamabad.", "2022-01-10", "2022-01-14"),
    ("relaunched its virtual counselling hub on 3rd November 2021.", "2021-11-03", "2021-11-03"),
    ("visited Baghdad, Iraq, on 20-24 November 2021.", "2021-11-20", "2021-11-24"),
    ("from 28 February to 2 March 2022", "2022-02-28", "2022-03-02"),
    ("31st December 2020 – 2nd January 2021", "2020-12-31", "2021-01-02"),
    ("28 December – 3 January 2022", "2021-12-28", "2022-01-03"),
    ("between 9 and 11 June 2023", "2023-06-09", "2023-06-11"),
    ("on May 3, 2024 at noon", "2024-05-03", "2024-05-03"),
    ("May 3-5, 2024", "2024-05-03", "2024-05-05"),
    ("2024-05-03", "2024-05-03", "2024-05-03"),
    ("12.05.2024", "2024-05-12", "2024-05-12"),
    ("14–16 октября 2024 года", "2024-10-14", "2024-10-16"),
    ("с 3 по 5 мая 2024", "2024-05-03", "2024-05-05"),
    ("2024-yil 14-oktabr kuni", "2024-10-14", "2024-10-14"),
    ("2024-жылдын 14-октябрында", "2024-10-14", "2024-10-14"),
    ("14 октябри соли 2024", "2024-10-14", "2024-10-14"),
    ("১০ জানুয়ারি ২০২২", "2022-01-10", "2022-01-10"),
    ("في 10 كانون الثاني 2022", "2022-01-10", "2022-01-10"),
    ("۱۰ جنوری ۲۰۲۲", "2022-01-10", "2022-01-10"),
    ("14 Ekim 2024 günü", "2024-10-14", "2024-10-14"),
    # without a year: the one nearest to the day of publication
    ("on 20-24 November", "2021-11-20", "2021-11-24"),
    ("on 30 March", "2022-03-30", "2022-03-30"),
]
NO_EVENT = """Over the course of 2021|the 2019 Call for Action|since 3 May 2019|a law of 3 March 2019|
until 30 June 2024|
about 30 may return|on 31 February 2022|03/11/2021|at 10:30|pages 3-5|""".replace("\n", "").split("|")


@pytest.mark.parametrize(("text", "first", "last"), EVENTS, ids=[row[0] for row in EVENTS])
def test_a_text_says_when_it_takes_place(text: str, first: str, last: str) -> None:
    assert read_event(text, ABOUT) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("text", NO_EVENT)
def test_other_days_are_no_event(text: str) -> None:
    assert read_event(text, ABOUT) is None


def test_a_day_without_a_year_is_no_date_when_nobody_knows_the_year() -> None:
    assert read_event("on 20-24 November") is None


@given(text=st.text(alphabet="0123456789-–./ mayMAYjune года,", max_size=60), about=st.dates() | st.none())
def test_an_event_ends_when_it_begins_or_later(text: str, about: date | None) -> None:
    event = read_event(text, about)
    assert event is None or event.first <= event.last


@pytest.mark.parametrize("word", ["3", "november", "2021", "monday", "мая", "душанбе", "14th"])
def test_words_of_a_date_are_known(word: str) -> None:
    assert is_date_word(fold(word))


PHONES = """+93 79 959 9898|0304 1112123|065 222 7788|call 5588|Hotline: 16359|on its helpline 1991.|+7 727 000 11 22|
شماره ۰۷۹ ۹۵۹ ۹۸۹۸|০১৭১২৩৪৫৬৭৮|call 1414 for help|по телефону 8 800 000 00 00""".replace("\n", "").split("|")
NO_PHONES = """call 200 people|took 1,240 calls|in 2021 – 2024|on 03/11/2021|2024-05-03 at 10:00|1,200,000 people|
0.5 per cent|
the 2019 Call for Action|10 – 14th January 2022|hotline took 300 calls|""".replace("\n", "").split("|")


@pytest.mark.parametrize("text", PHONES)
def test_a_telephone_number_is_seen(text: str) -> None:
    assert has_phone(text)


@pytest.mark.parametrize("text", NO_PHONES)
def test_other_numbers_are_no_telephone(text: str) -> None:
    assert not has_phone(text)
