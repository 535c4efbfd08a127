"""Dari beside English: its calendar, its digits and clock, its words, and the English under what must be understood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.news.places import Gazetteer
from bot.news.topics import Topics
from bot.talk import wanted as wanted_
from bot.talk.commands import read
from bot.talk.dates import dated, solar, timed, weekday
from bot.talk.turn import listed
from bot.talk.words import CANCEL, COUNSELLOR, GREETING, NO, START, STOP, THANKS, YES, key
from bot.web.languages import Speech
from channels.wording import FSI, PDI, RLM
from config.messages import languages, phrases
from tests.bot.talk.conftest import NOW, Talk, kept

DARI = phrases("fa-AF")
ENGLISH = phrases("en")

# ── Dates ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# The first day of each year, as the calendars of Afghanistan and Iran were printed; *: the year before was a leap year.
NEW_YEARS = {
    1375: date(1996, 3, 20),
    1376: date(1997, 3, 21),  # *
    1380: date(2001, 3, 21),  # *
    1388: date(2009, 3, 21),  # *
    1390: date(2011, 3, 21),
    1391: date(2012, 3, 20),
    1392: date(2013, 3, 21),  # *
    1395: date(2016, 3, 20),
    1396: date(2017, 3, 21),  # *
    1399: date(2020, 3, 20),
    1400: date(2021, 3, 21),  # *
    1401: date(2022, 3, 21),
    1402: date(2023, 3, 21),
    1403: date(2024, 3, 20),
    1404: date(2025, 3, 21),  # *
    1405: date(2026, 3, 21),
    1406: date(2027, 3, 21),
    1407: date(2028, 3, 20),
    1408: date(2029, 3, 20),
    1409: date(2030, 3, 21),  # *
    1412: date(2033, 3, 20),
    1413: date(2034, 3, 21),  # *
    1420: date(2041, 3, 20),
    1421: date(2042, 3, 21),  # *
}


@pytest.mark.parametrize(("year", "first"), NEW_YEARS.items())
def test_the_year_begins_with_the_spring(year: int, first: date) -> None:
    assert solar(first) == (year, 1, 1)
    assert solar(first - timedelta(days=1))[:2] == (year - 1, 12)


@pytest.mark.parametrize(("year", "days"), [(1395, 30), (1399, 30), (1403, 30), (1408, 30), (1400, 29), (1404, 29)])
def test_a_leap_year_has_a_day_more_in_its_last_month(year: int, days: int) -> None:
    assert solar(NEW_YEARS[year + 1] - timedelta(days=1)) == (year, 12, days)


@given(st.dates(date(1960, 1, 1), date(2060, 12, 31)))
def test_the_day_after_is_the_next_day_of_the_month_or_the_first_of_the_next(day: date) -> None:
    (year, month, day_of_month), after = solar(day), solar(day + timedelta(days=1))
    following = (year, month + 1, 1) if month < 12 else (year + 1, 1, 1)
    assert after in {(year, month, day_of_month + 1), following}
    assert day_of_month <= (31 if month <= 6 else 30)


WRITTEN = [
    (date(2026, 11, 24), "۳ قوس ۱۴۰۵"),
    (date(2021, 8, 15), "۲۴ اسد ۱۴۰۰"),
    (date(2021, 11, 3), "۱۲ عقرب ۱۴۰۰"),
    (date(2025, 3, 20), "۳۰ حوت ۱۴۰۳"),
    (date(2026, 3, 21), "۱ حمل ۱۴۰۵"),
    (date(2026, 9, 22), "۳۱ سنبله ۱۴۰۵"),
    (date(2026, 9, 23), "۱ میزان ۱۴۰۵"),
]


@pytest.mark.parametrize(("day", "written"), WRITTEN)
def test_a_date_is_of_the_solar_year_with_the_months_of_afghanistan(day: date, written: str) -> None:
    assert dated(DARI, day) == written


def test_english_dates_stay_as_they_are() -> None:
    assert dated(ENGLISH, date(2026, 11, 24)) == "24 Nov 2026"
    assert weekday(ENGLISH, date(2026, 11, 24)) == "Tuesday"
    assert timed(ENGLISH, datetime(2026, 11, 24, 8, 0, tzinfo=UTC)) == "08:00"


def test_the_clock_and_the_days_of_the_week() -> None:
    assert timed(DARI, datetime(2026, 11, 24, 8, 5, tzinfo=UTC)) == "۰۸:۰۵"
    assert weekday(DARI, date(2026, 11, 24)) == "سه\u200cشنبه"


def test_names_are_listed_with_the_comma_of_the_script() -> None:
    assert listed(DARI, ["عراق", "ایران", "ترکیه"]).replace("\u200f", "") == "عراق، ایران، و ترکیه"


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────

SAID: list[tuple[str, frozenset[str]]] = [
    ("توقف", STOP),
    ("توقف کنید", STOP),
    ("خبر نفرستید", STOP),
    ("دیگر خبر نفرستید!", STOP),
    ("بس کنید", STOP),
    ("بلی", YES),
    ("موافق هستم", YES),
    ("نی", NO),
    ("حالا نه", NO),
    ("سلام", GREETING),
    ("سلام علیکم", GREETING),
    ("صبح به خیر", GREETING),
    ("تشکر", THANKS),
    ("تشکر از شما", THANKS),
    ("شروع", START),
    ("شروع دوباره", START),
    ("انصراف", CANCEL),
    ("مشاور", COUNSELLOR),
    ("می‌خواهم با مشاور گپ بزنم", COUNSELLOR),
]


@pytest.mark.parametrize(("said", "table"), SAID, ids=[said for said, _ in SAID])
def test_people_answer_in_dari_words(said: str, table: frozenset[str]) -> None:
    assert key(said) in table


@pytest.mark.parametrize("said", ["خبرها", "خبر", "اخبار", "تازه‌ترین خبرها", "خبرهای نو", "چه خبر؟"])
def test_news_is_asked_for_in_dari(said: str) -> None:
    assert (line := read(said))
    assert line.command == "news"


@pytest.mark.parametrize("said", ["کمک", "راهنما", "رهنمایی", "مینو"])
def test_help_is_asked_for_in_dari(said: str) -> None:
    assert (line := read(said))
    assert line.command == "help"


def test_stopping_is_what_the_sentence_about_it_says() -> None:
    assert "«توقف»" in DARI.t("To stop, send STOP at any time.")
    assert "«توقف»" in DARI.t("There is nothing to cancel. To stop our news, send STOP.")
    assert key("توقف") in STOP


TOPICS = [
    ("ویزه", "visas-pathways"),
    ("خبرهای ویزا", "visas-pathways"),
    ("کار در خارج", "labour-migration"),
    ("بورسیه", "education-scholarships"),
    ("در بارهٔ پناهندگی", "asylum-refugees"),
    ("صحت روانی", "psychosocial"),
]


@pytest.mark.parametrize(("said", "slug"), TOPICS)
def test_a_topic_is_known_by_its_dari_name(said: str, slug: str, gazetteer: Gazetteer, taxonomy: Topics) -> None:
    wanted = wanted_.read(said, gazetteer, taxonomy, loosely=True)
    assert (wanted.topics, wanted.countries, wanted.unknown) == ((slug,), (), ())


# ── What is heard ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def dari(talk: Talk) -> Talk:
    await talk.start()
    await talk.press("دری")
    return talk


async def chosen(dari: Talk) -> Talk:
    for label in ("موافق هستم", "عراق", "بعدی", "همهٔ موضوع‌ها"):
        await dari.press(label)
    return dari


async def test_five_taps_lead_to_news_in_dari(dari: Talk) -> None:
    assert "نام شما را نمی‌پرسیم" in dari.heard
    await chosen(dari)
    assert "همهٔ خبرهای ما در بارهٔ عراق به شما می‌آید." in dari.heard
    assert dari.replies[-1].rtl
    assert dari.replies[-1].language == "fa-AF"


async def test_the_language_is_called_dari_and_not_persian(dari: Talk) -> None:
    await chosen(dari)
    await dari.say("/mine")
    assert "زبان: دری." in dari.heard
    await dari.say("/language")
    assert dari.buttons == ["English", "دری"]
    await dari.say("/language دری")
    assert "به زبان دری به شما می‌نویسیم" in dari.heard


@pytest.mark.parametrize("name", ["Dari", "dari", "Persian", "prs", "fa", "دری", "فارسی", "дари", "персидский"])
async def test_it_is_found_by_each_of_its_names(talk: Talk, name: str) -> None:
    await talk.say(f"/language {name}")
    assert (await talk.person()).language == "fa-AF"


async def test_numbers_and_dates_are_written_in_their_digits(dari: Talk) -> None:
    assert "۳۰ روز" in dari.heard
    await chosen(dari)
    await dari.say("/mine")
    assert "۳ قوس ۱۴۰۵" in dari.heard
    await dari.say("/ask")
    assert "از ساعت ۰۹:۰۰" in dari.heard or "تا ساعت ۱۷:۰۰" in dari.heard
    await dari.say("/contacts")
    assert "MRC Baghdad, +964 1 000 000" in undressed(dari.heard)
    assert "۹ میزان ۱۴۰۵" in dari.heard


async def test_choices_without_buttons_are_numbered_and_chosen_in_their_digits(dari: Talk) -> None:
    plain = dari.elsewhere("1002", choices=2)
    await plain.say("/language fa-AF")
    await plain.say("/agree")
    assert "۱. افغانستان" in plain.heard
    await plain.say("۳")
    assert (await plain.person()).countries == {"IQ"}


async def test_a_number_is_taken_in_any_digits(dari: Talk) -> None:
    await dari.say("۱")
    assert (await dari.person()).agreed


async def test_an_id_is_typed_as_it_is_shown(dari: Talk) -> None:
    number = await dari.db.write(kept, "A title", "Words of it", countries=("IQ",), topics=("visas-pathways",))
    await chosen(dari)
    await dari.say(f"/why {number}")
    assert "دنبال می‌کنید" in dari.heard
    assert dari.button("کمتر از این گونه").say == f"/fewer {number}"


async def test_a_card_reads_in_both_directions(dari: Talk) -> None:
    title = "From Monday on, the centre in Erbil, Iraq, opens at 8."
    where = [{"name": "Erbil", "country": "IQ"}]
    await dari.db.write(kept, title, "Bring a paper, or come.", countries=("IQ",), places=where, published=NOW)
    await chosen(dari)
    await dari.say("/news")
    lines = dari.heard.splitlines()
    assert title in lines  # wholly English, so it is left alone
    assert f"{RLM}{FSI}Erbil{PDI}، عراق · ۳ قوس ۱۴۰۵" in lines


async def test_a_command_inside_a_sentence_keeps_its_stroke(dari: Talk) -> None:
    await dari.say("/later")
    assert f"{FSI}/news{PDI}" in dari.heard


@pytest.mark.parametrize("asked", ["fa-AF,en;q=0.5", "fa", "fa-IR,fa;q=0.9", "prs-AF", "de,prs;q=0.8,en;q=0.1"])
def test_a_browser_that_asks_for_dari_or_persian_gets_dari(asked: str) -> None:
    assert Speech(phrases, languages()).of(asked).language == "fa-AF"


# ── Until somebody has reviewed it ───────────────────────────────────────────────────────────────────────────────────


async def test_what_must_be_understood_has_the_english_under_it(dari: Talk) -> None:
    assert "We do not ask for your name." in dari.heard
    assert dari.heard.count("Test Hub is run by the Silk Routes office.") == 1
    await chosen(dari)
    assert "send STOP at any time" in dari.heard
    await dari.say("توقف")
    assert "خبرها متوقف شد" in dari.heard
    assert "no more news comes from us" in dari.heard
    await dari.say("/help")
    assert "What you can do here" not in dari.heard


async def test_a_reviewed_catalogue_speaks_alone(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk.conversation, "_speak", lambda code: replace(phrases(code or "en"), reviewed=True))
    await talk.say("/language fa-AF")
    assert "نام شما را نمی‌پرسیم" in talk.heard
    assert "We do not ask for your name." not in talk.heard


def undressed(text: str) -> str:
    return text.replace(FSI, "").replace(PDI, "").replace(RLM, "")
