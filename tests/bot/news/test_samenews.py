"""What is the same news, what is an edit of it, and what only looks like it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.news.dispatch import Dispatch, Place
from bot.news.samenews import ALIKE, Facts, content, fingerprint, likeness, quotes, runs, two_events

LONG = (
    "A workshop on safe migration was held in Erbil for 25 officials of the ministries on 12 May. They spoke about "
    "visas and about what those who return need most, and agreed to meet again before the end of the year."
)
ARABIC = (
    "عقدت ورشة عمل حول الهجرة الآمنة لخمسة وعشرين موظفا من الوزارات يوم 12 مايو وتحدث المشاركون عن التأشيرات وعن حقوق "
    "العمال في الخارج وعما يحتاج إليه العائدون واتفقوا على اللقاء مرة أخرى"
)
BANGLA = (
    "মন্ত্রণালয়ের কর্মকর্তাদের জন্য নিরাপদ অভিবাসন বিষয়ে একটি কর্মশালা ১২ মে অনুষ্ঠিত হয়েছে এবং অংশগ্রহণকারীরা ভিসা ও "
    "বিদেশে শ্রমিকদের অধিকার নিয়ে কথা বলেছেন এবং আবার দেখা করতে সম্মত হয়েছেন"
)
RUSSIAN = (
    "Семинар о безопасной миграции прошёл для сотрудников министерств 12 мая. Участники говорили о визах, о правах "
    "рабочих за границей и о том, что нужно тем, кто возвращается, и решили встретиться снова."
)


def edited(old: str, new: str) -> bool:
    return likeness(runs(old), runs(new)) >= ALIKE and not two_events(Facts.of(old), Facts.of(new))


@dataclass(frozen=True)
class Pair:
    label: str
    old: str
    new: str
    edited: bool


PAIRS = [
    Pair("the same", LONG, LONG, True),
    Pair("a word changed", LONG, LONG.replace("officials", "people"), True),
    Pair("several words changed", LONG, LONG.replace("spoke about", "discussed").replace("agreed", "decided"), True),
    Pair("the end cut off", LONG, LONG[:95], True),
    Pair("a sentence added", LONG, LONG + " The next one is planned in autumn.", True),
    Pair("a sentence before it", LONG, "This is a correction of what we wrote. " + LONG, True),
    Pair("a number added, none taken away", LONG, LONG + " It lasted 2 days.", True),
    Pair("a name added, none taken away", LONG, LONG + " The rector of Salahaddin came too.", True),
    Pair("a name spelled better", LONG.replace("Erbil", "Sulaimaniyah"), LONG.replace("Erbil", "Sulaymaniyah"), True),
    Pair("another city", LONG, LONG.replace("Erbil", "Dohuk"), False),
    Pair("another number", LONG, LONG.replace("25", "30"), False),
    Pair("another number in words", LONG.replace("25", "thirty"), LONG.replace("25", "forty"), False),
    Pair("the same number in words", LONG.replace("25", "twelve"), LONG.replace("25", "12"), True),
    Pair("another day", LONG, LONG.replace("12 May", "13 May"), False),
    Pair("another month", LONG, LONG.replace("12 May", "12 June"), False),
    Pair("other news", LONG, "The embassy of Norway in Islamabad is closed on Friday because of repairs. " * 2, False),
    Pair("nothing", "", "", False),
    Pair("too short to tell", "The office is closed today.", "The office is closed now.", False),
    Pair("Arabic, a word changed", ARABIC, ARABIC.replace("واتفقوا", "وقرروا"), True),
    Pair("Arabic, another number", ARABIC, ARABIC.replace("12", "19"), False),
    Pair("Arabic, another month", ARABIC, ARABIC.replace("مايو", "يونيو"), False),
    Pair("Bangla, a word changed", BANGLA, BANGLA.replace("আবার", "পুনরায়"), True),
    Pair("Bangla, another number", BANGLA, BANGLA.replace("১২", "১৩"), False),
    Pair("Bangla, other digits for the same number", BANGLA, BANGLA.replace("১২", "12"), True),
    Pair("Russian, a word changed", RUSSIAN, RUSSIAN.replace("снова", "ещё раз"), True),
    Pair("Russian, another month", RUSSIAN, RUSSIAN.replace("мая", "июня"), False),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.label)
def test_an_edit_is_told_from_another_event(pair: Pair) -> None:
    assert edited(pair.old, pair.new) == pair.edited
    assert edited(pair.new, pair.old) == pair.edited


@dataclass(frozen=True)
class Known:
    """What was read of a text beside its words: its dateline, and the countries that it concerns."""

    label: str
    one: tuple[list[str], list[str]]
    other: tuple[list[str], list[str]]
    two: bool


KNOWN = [
    Known("another place, where there are no capitals", (["أربيل"], []), (["البصرة"], []), True),
    Known("one more place", (["أربيل"], []), (["أربيل", "بغداد"], []), False),
    Known("each another one", (["بغداد", "أربيل"], []), (["بغداد", "البصرة"], []), True),
    Known("a place, and none", (["أربيل"], []), ([], []), False),
    Known("a place in another spelling", (["Sulaimaniyah"], []), (["Sulaymaniyah"], []), False),
    Known("another country", ([], ["IQ"]), ([], ["BD"]), True),
    Known("one more country", ([], ["IQ"]), ([], ["BD", "IQ"]), False),
]


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.label)
def test_places_and_countries_tell_apart_what_words_do_not(case: Known) -> None:
    one, other = Facts.of(ARABIC, *case.one), Facts.of(ARABIC, *case.other)
    assert two_events(one, other) == two_events(other, one) == case.two


TEXTS = st.text(min_size=0, max_size=300)


@given(TEXTS, TEXTS)
def test_two_texts_are_judged_alike_from_either_side(one: str, other: str) -> None:
    assert likeness(runs(one), runs(other)) == likeness(runs(other), runs(one))
    assert two_events(Facts.of(one), Facts.of(other)) == two_events(Facts.of(other), Facts.of(one))
    assert not two_events(Facts.of(one), Facts.of(one))
    assert fingerprint("", one) == fingerprint("", one)


WORD = st.text("abcdefghijklmnopqrstuvwxyzабвгдежзийклمنهوي", min_size=2, max_size=9)


@given(st.lists(WORD, min_size=30, max_size=60, unique=True), st.data())
def test_a_text_with_few_words_changed_cut_or_added_is_an_edit(words: list[str], data: st.DataObject) -> None:
    old = " ".join(words)
    at = data.draw(st.integers(0, len(words) - 4))
    change = data.draw(st.sampled_from([[], ["neu"], ["neu", "neuer", "am"]]))
    assert edited(old, " ".join([*words[:at], *change, *words[at + 3 :]]))


@given(st.lists(WORD, min_size=30, max_size=40), st.sampled_from(["  ", "\n", "\u00a0", " – ", ", ", "! "]))
def test_spaces_quotes_and_capitals_do_not_make_other_news(words: list[str], joint: str) -> None:
    text = " ".join(words)
    assert fingerprint("", f"“{joint.join(words)}”".title()) == fingerprint("Any title", text)


MONDAY, TUESDAY = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 3, 9, tzinfo=UTC)


def test_a_title_and_a_day_count_only_where_the_text_says_too_little() -> None:
    assert fingerprint("a", LONG, MONDAY) == fingerprint("b", LONG, TUESDAY) == fingerprint("", LONG)
    short = "All offices are closed."
    assert fingerprint("Kabul", short) != fingerprint("Herat", short)
    assert fingerprint("", short, MONDAY) != fingerprint("", short, TUESDAY)
    assert fingerprint("", short, MONDAY) == fingerprint("", short, MONDAY.replace(hour=11))
    assert fingerprint("", LONG, None, ["Kabul"]) != fingerprint("", LONG, None, ["Herat"])


def test_whatever_a_reader_would_see_is_content() -> None:
    item = Dispatch("id", "title", LONG, "https://a.example/", (Place("Erbil", "IQ"),))
    others = [
        Dispatch("id", "Title", LONG, "https://a.example/", (Place("Erbil", "IQ"),)),
        Dispatch("id", "title", LONG.replace(".", ","), "https://a.example/", (Place("Erbil", "IQ"),)),
        Dispatch("id", "title", LONG, "https://b.example/", (Place("Erbil", "IQ"),)),
        Dispatch("id", "title", LONG, "https://a.example/", (Place("Basra", "IQ"),)),
    ]
    assert len({content(each) for each in [item, *others]}) == 5
    assert content(item) == content(Dispatch("other id", "title", LONG, "https://a.example/", (Place("Erbil", "IQ"),)))


QUOTED = [
    ("itself", LONG, LONG, True),
    ("among other words", f"Erbil, Iraq\n{LONG.upper()}\nSource: a", LONG, True),
    ("one word changed", LONG.replace("spoke about", "discussed") + " And more was said of it.", LONG, True),
    ("a part of it", LONG[:80], LONG, False),
    ("other words", "Nothing of the kind was ever said by anyone here.", LONG, False),
    ("a quotation that is too short", LONG, LONG[:12], False),
    ("nothing", LONG, "", False),
]


@pytest.mark.parametrize(("text", "other", "quoted"), [case[1:] for case in QUOTED], ids=[case[0] for case in QUOTED])
def test_a_text_quotes_another_when_it_says_all_of_it(text: str, other: str, quoted: bool) -> None:
    assert quotes(text, other) == quoted
