"""What people type about how often, and about the night."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.when import local
from bot.talk.rhythm import read_frequency, read_quiet
from config.settings import Delivery
from storage.rhythms import Rhythm

FREQUENCIES = [
    ("now", "now"),
    ("At once", "now"),
    ("immediately!", "now"),
    ("daily", "daily"),
    ("DAILY", "daily"),
    ("Once a day", "daily"),
    ("every day please", "daily"),
    ("daily 18:30", "daily 18:30"),
    ("daily at 18:30", "daily 18:30"),
    ("once a day at 6.30 pm", "daily 18:30"),
    ("daily 6pm", "daily 18:00"),
    ("daily 6 P.M.", "daily 18:00"),
    ("daily 12am", "daily 00:00"),
    ("daily 12 pm", "daily 12:00"),
    ("daily 8", "daily"),
    ("daily 08:00", "daily"),
    ("daily 24:00", "daily 00:00"),
    ("daily 1830", "daily 18:30"),
    ("daily 18h30", "daily 18:30"),
    ("daily ۱۸:۳۰", "daily 18:30"),
    ("روزانه ۱۸:۳۰", "daily 18:30"),
    ("daily ১৮:৩০", "daily 18:30"),
    ("daily １８：３０", "daily 18:30"),
    ("weekly", "weekly"),
    ("weekly 7", "weekly 07:00"),
    ("Monday 7:15", "weekly 07:15"),
    ("هفته‌وار", "weekly"),
    ("هفته وار", "weekly"),
    ("раз в неделю", "weekly"),
    ("07.30", "daily 07:30"),
    ("18:30", "daily 18:30"),
    ("", None),
    ("sometimes", None),
    ("every 2 days", None),
    ("friday", None),
    ("daily 25:00", None),
    ("daily 18:60", None),
    ("daily 13pm", None),
    ("daily 0 am", None),
    ("daily 7 or 8", None),
    ("now 18:30", None),
    ("daily -", "daily"),
    ("12345", None),
    ("not daily", None),
]


@pytest.mark.parametrize(("typed", "meant"), FREQUENCIES, ids=[repr(row[0]) for row in FREQUENCIES])
def test_how_often(typed: str, meant: str | None) -> None:
    assert read_frequency(typed) == meant


SPANS = [
    ("22:00-07:00", "22:00-07:00"),
    ("22-7", "22:00-07:00"),
    ("22–7", "22:00-07:00"),
    ("22 - 07", "22:00-07:00"),
    ("10pm-7am", "22:00-07:00"),
    ("10 pm to 7 am", "22:00-07:00"),
    ("from 10:30pm until 6.15am", "22:30-06:15"),
    ("between 22 and 7", "22:00-07:00"),
    ("22:00 07:00", "22:00-07:00"),
    ("2200-0700", "22:00-07:00"),
    ("22-7am", "22:00-07:00"),
    ("12am-6am", "00:00-06:00"),
    ("24:00-6:00", "00:00-06:00"),
    ("13-15", "13:00-15:00"),
    ("۲۲:۰۰-۰۷:۰۰", "22:00-07:00"),
    ("٢٢-٧", "22:00-07:00"),
    ("off", "off"),
    ("None", "off"),
    ("no", "off"),
    ("نه", "off"),
    ("", None),
    ("night", None),
    ("22", None),
    ("22-22", None),
    ("0-24", None),
    ("25-7", None),
    ("10-7am", None),
    ("22:00-07:00-08:00", None),
    ("22:00-07:99", None),
]


@pytest.mark.parametrize(("typed", "meant"), SPANS, ids=[repr(row[0]) for row in SPANS])
def test_quiet_hours(typed: str, meant: str | None) -> None:
    assert read_quiet(typed) == meant


@given(st.text(max_size=30) | st.text("0123456789:.-–apm ۱۲٣", max_size=14))
def test_whatever_is_typed_is_read_as_what_the_rules_know_or_not_at_all(typed: str) -> None:
    house = Delivery()
    if (frequency := read_frequency(typed)) is not None:
        assert read_frequency(frequency) == frequency
        often, _, at = frequency.partition(" ")
        kept = local(Rhythm(None, frequency), zone="UTC", quiet=house.quiet_hours)
        assert kept.often == often
        assert f"{kept.asked:%H:%M}" == (at or "08:00")
    if (hours := read_quiet(typed)) is not None:
        assert read_quiet(hours) == hours
        quiet = local(Rhythm(None, "now", hours), zone="UTC", quiet=house.quiet_hours).quiet
        assert ("off" if quiet is None else f"{quiet.start:%H:%M}-{quiet.end:%H:%M}") == hours
