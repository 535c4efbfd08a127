"""Dates as sources write them: ISO 8601, and English as people write it. Read to the day, at midnight UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import regex

LONGEST = 80  # characters: more is a sentence that speaks of a date, not the date of the news

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_BEFORE = (
    r"(?:(?:(?:released|published|posted|updated|created)(?:\s+(?:date|on))?|date|on)\s*:?\s*)?"
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
)
# The whole of what is given, so that a range of days (the time of an event, not of the news) is no date.
_FORMS = tuple(
    regex.compile(_BEFORE + form + r"(?:,?\s+(?:at\s+)?[0-9]{1,2}:[0-9]{2})?\.?", regex.IGNORECASE)
    for form in (
        rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"(?P<day>[0-3]?[0-9])\.\s?(?P<month>[01]?[0-9])\.\s?{_YEAR}",
        rf"{_YEAR}[-/.](?P<month>[01][0-9])[-/.](?P<day>[0-3][0-9])",
    )
)


def read_date(written: str) -> datetime | None:
    """The moment that is written there, aware; None when it is not a date and nothing but a date.

    "03/11/2021" is none: it is another day for an American than for everyone else.
    """
    written = " ".join(written.split())
    if not 6 <= len(written) <= LONGEST:
        return None
    return _iso(written) or next((found for form in _FORMS if (found := _day(form.fullmatch(written)))), None)


def _iso(written: str) -> datetime | None:
    if not written.isascii() or written[4:5] != "-":
        return None
    try:
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day(match: regex.Match[str] | None) -> datetime | None:
    if match is None:
        return None
    month = match["month"]
    try:
        number = int(month) if month.isdecimal() else _MONTHS.index(month[:3].lower()) + 1
        return datetime(int(match["year"]), number, int(match["day"]), tzinfo=UTC)
    except ValueError:
        return None
