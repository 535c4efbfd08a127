"""When what a text tells of takes place: "10 – 14th January 2022", "20-24 November", "14–16 октября 2024 года"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Literal

import regex
from babel.dates import get_day_names, get_month_names

from bot.news.dispatch import Event
from bot.news.text import fold, listed

READ = 5_000  # characters: what comes later is not what the news is about
LONGEST = timedelta(days=366)

_LANGUAGES = listed("en ru ar ar_IQ fa fa_AF ps ur bn uz uz_Cyrl tg ky kk ckb tr")
# What CLDR spells otherwise than people do, by the number of the month.
_ALSO = {
    1: "جانفی|জানুয়ারি|كانون ثاني",
    2: "ফেব্রুয়ারি|فیبروری|фев",
    3: "مارس",
    4: "ابریل",
    5: "ماه می",
    8: "اوگست",
    9: "sept|sentyabr|сен",
    10: "oktyabr",
    11: "نوفمبر|ноя",
}
# A date after these words is another thing's: of a law, of a limit, of the beginning of something long.
_OTHER = regex.compile(
    r"(?:\b(?:since|until|till|by|before|after|dated|born(?: on)?|founded(?: on| in)?|law of|decree of|resolution of|"
    r"decision of|agreement of|as of|updated(?: on)?|published(?: on)?|до|после|закон\w* от|تا|منذ|حتى|قبل)\s+)$"
)


def read_event(text: str, about: date | None = None) -> Event | None:
    """The first days that a text names as those of what it tells, or None.

    ``about``: when it was published. A day without a year is the one nearest to that; without it, it is no date.
    """
    folded = fold(text[:READ])
    found = sorted(_found(folded, about), key=lambda each: each[0])
    return next((event for at, event in found if not _OTHER.search(folded, max(0, at - 30), at)), None)


def is_date_word(word: str) -> bool:
    """Whether this folded word may be part of a date: a number, a year, the name of a month or of a day."""
    month = word in _months() or (word.endswith("и") and word[:-1] in _months())  # "3 ноябри соли 2023"
    return word in _AROUND or month or word in _calendar() or bool(_NUMBER.fullmatch(word))


_AROUND = listed("г года год йил yil соли ж жылы سنه سال")
# "23-26 May and 7-9 June 2022": both in that year.
_YEAR_AFTER = regex.compile(r"[^.;!?]{0,30}?\b((?:19|20)[0-9]{2})\b")
_NUMBER = regex.compile(r"(?:[0-3]?[0-9](?:st|nd|rd|th)?|(?:19|20)[0-9]{2})")


def _found(text: str, about: date | None) -> Iterator[tuple[int, Event]]:
    taken: set[int] = set()
    for form in _forms():
        for match in form.finditer(text):
            if taken.isdisjoint(range(*match.span())) and (event := _event(match, about)):
                taken.update(range(*match.span()))
                yield match.start(), event


def _event(match: regex.Match[str], about: date | None) -> Event | None:
    part = match.groupdict()
    month = _number(part["month"])
    year = part.get("year") or part.get("year_before")
    day = int(part["day"])
    last_day = int(part.get("last") or day)
    last_month = _number(part.get("last_month")) or month
    if month is None or last_month is None:
        return None
    try:
        if year is None and (next_year := _YEAR_AFTER.match(match.string, match.end())):
            year = next_year[1]
        if year is None:
            if about is None:
                return None
            last = _nearest(last_month, last_day, about)
        else:
            last = date(int(year), last_month, last_day)
        first = date(last.year, month, day)
        if first > last:
            first = date(int(part.get("first_year") or last.year - 1), month, day)
    except ValueError:
        return None
    return Event(first, last) if timedelta(0) <= last - first <= LONGEST else None


def _nearest(month: int, day: int, about: date) -> date:
    return min((date(about.year + by, month, day) for by in (-1, 0, 1)), key=lambda each: abs(each - about))


def _number(month: str | None) -> int | None:
    return None if month is None else int(month) if month.isdecimal() else _months().get(month)


# A form begins with a number, but for English, so that few places of a text are tried.
@cache
def _forms() -> tuple[regex.Pattern[str], ...]:
    names = "|".join(sorted(map(regex.escape, _months()), key=len, reverse=True))
    english = "|".join(sorted({fold(n).rstrip(".") for n in _names("en")} | {"sept"}, key=len, reverse=True))
    day = r"(?<![\d.,:/+-])(?P<day>[0-3]?\d)"
    last = r"(?P<last>[0-3]?\d)"
    nth = r"(?:\s?(?:st|nd|rd|th)\b|-?(?:го|е|ого|ое)\b|\.)?(?:\s+of)?"
    to = r"\s*(?:-|to|till|and|&|through|по|до|и|va|ва|ve|تا|الی|الى|الي|و|او|اور|سے|থেকে|ও)\s*"
    year = r"(?:[\s,]*(?:(?:соли|سال|عام|سنه|সাল)\s)?(?P<year>(?:19|20)\d\d))?(?!\d)"
    may = r"(?!(?<=\bmay)\s+(?!at|in|on|and|to|for|the|with|of)[a-z])"  # "about 30 may return"
    month = rf"[\s-]*(?P<month>{names})\p{{L}}{{0,4}}(?:\.|\b){may}"
    last_month = month.replace("month", "last_month")
    before = r"(?P<year_before>(?:19|20)\d\d)[\s-]*(?:yil\w*|йил\w*|жыл\w*)[\s,]*"
    english_month, english_last = rf"\b(?P<month>{english})\.?\s+", rf"(?:(?P<last_month>{english})\.?\s+)?"
    forms = (
        rf"{day}{nth}{month}(?:[\s,]*(?P<first_year>(?:19|20)\d\d))?{to}{last}{nth}{last_month}{year}",
        rf"{before}{day}{to}{last}{nth}{month}",
        rf"{day}{nth}{to}{last}{nth}{month}{year}",
        rf"{english_month}(?P<day>[0-3]?\d)(?:st|nd|rd|th)?{to}{english_last}{last}(?:st|nd|rd|th)?\b(?!\s?[:%])[\s,]*(?P<year>(?:19|20)\d\d)?",
        rf"{english_month}(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\b,?(?!\s?[:%,.]\d)(?:\s+(?P<year>(?:19|20)\d\d))?(?!\d)",
        rf"{before}{day}{nth}{month}",
        rf"{day}{nth}{month}{year}",
        r"(?<![\d.-])(?P<year>(?:19|20)\d\d)-(?P<month>[01]\d)-(?P<day>[0-3]\d)(?![\d-])",
        r"(?<![\d.])(?P<day>[0-3]?\d)\.(?P<month>[01]?\d)\.(?P<year>(?:19|20)\d\d)(?!\d)",
    )
    return tuple(regex.compile(form) for form in forms)


@cache
def _months() -> dict[str, int]:
    """Folded names of months, in the languages of the region. Abbreviations in English and Russian only: elsewhere
    they are everyday words."""
    months: dict[str, int] = {}
    for language in _LANGUAGES:
        for number, name in enumerate(_names(language)):
            months.setdefault(fold(name).rstrip("."), number % 12 + 1)
    for number, names in _ALSO.items():
        months.update((fold(name), number) for name in names.split("|"))
    return {name: number for name, number in months.items() if len(name) > 1}


def _names(language: str) -> list[str]:
    widths: list[Literal["wide", "abbreviated"]] = ["wide", "abbreviated"] if language in ("en", "ru") else ["wide"]
    return [
        get_month_names(width, context, language)[number]
        for width in widths
        for context in ("format", "stand-alone")
        for number in range(1, 13)
    ]


@cache
def _calendar() -> frozenset[str]:
    days = {name for language in _LANGUAGES for name in get_day_names("wide", "format", language).values()}
    short = set(get_day_names("abbreviated", "format", "en").values())
    return frozenset(word for name in days | short for word in fold(name).split())
