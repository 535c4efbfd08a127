"""Days and hours as people write them: the calendar, the names and the digits of their language."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from babel import Locale
from babel.dates import format_date

from config.messages import Phrases

# Where the solar year of the Hijra is the calendar of everyday life: its months, from the spring on. CLDR's Persian
# calendar has the same days under the names used in Iran.
SOLAR: Final = {
    "fa-AF": ("حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله", "میزان", "عقرب", "قوس", "جدی", "دلو", "حوت"),
}
_YEAR_1400: Final = date(2021, 3, 21)
_FIRST_HALF: Final = 6 * 31  # days of the first six months; five of 30 follow, and one of 29 or 30


def dated(p: Phrases, day: date) -> str:
    """A date whose month is a word, never 03/11/2021: «۳ قوس ۱۴۰۵» in Dari."""
    if months := SOLAR.get(p.language):
        year, month, day_of_month = solar(day)
        return p.digits(f"{day_of_month} {months[month - 1]} {year}")
    return p.digits(str(format_date(day, "medium", locale=formats(p))))


def timed(p: Phrases, moment: datetime) -> str:
    """The hour and the minute, by the clock that ``moment`` is told by."""
    return p.digits(f"{moment:%H:%M}")


def weekday(p: Phrases, day: date) -> str:
    return str(format_date(day, "EEEE", locale=formats(p)))


def formats(p: Phrases) -> Locale:
    """International English: the day before the month, and no comma before "and"."""
    return Locale("en", "GB") if p.locale.language == "en" else p.locale


def solar(day: date) -> tuple[int, int, int]:
    """Year, month and day of the solar Hijri calendar, for 1210 to 1634 (1831 to 2256).

    Written here, for it is a dozen lines: the packages that convert know the names of the months used in Iran alone.
    """
    year = day.year - 621
    if day < _new_year(year):
        year -= 1
    past = (day - _new_year(year)).days
    month, day_of_month = divmod(past, 31) if past < _FIRST_HALF else divmod(past - _FIRST_HALF, 30)
    return year, month + (1 if past < _FIRST_HALF else 7), day_of_month + 1


def _new_year(year: int) -> date:
    """The first of Hamal.

    In these centuries eight years of each 33 have a leap day (K. Borkowski, "The Persian calendar for 3000 years",
    1996). The rule of 2820 years, which many programs have, begins 1404 a day too early.
    """
    return _YEAR_1400 + timedelta(days=365 * (year - 1400) + _leap_days(year) - _leap_days(1400))


def _leap_days(year: int) -> int:
    """Up to the beginning of ``year``. Years 1, 5, 9, 13, 17, 22, 26 and 30 of the 33 are leap years."""
    return (8 * year + 21) // 33
