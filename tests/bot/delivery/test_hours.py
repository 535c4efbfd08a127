"""When somebody hears from us."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.delivery.when import APART, CAP, DAILY, GROUPED, QUIET, WEEKLY, When, local, moment_of
from config.settings import Quiet
from storage.rhythms import Due, Go, Heard, Rhythm, Timing, Wait

NIGHT = Quiet(time(21), time(8))
HOUSE = When("Asia/Baghdad", NIGHT, timedelta(minutes=10), 3, frozenset(["web"]))
KABUL = ZoneInfo("Asia/Kabul")  # +04:30, and no summer time
TODAY = date(2026, 11, 24)  # a Tuesday


def kabul(at: str, day: date | int = TODAY) -> datetime:
    """The moment of a time on a wall in Kabul; a number is a day of that November."""
    on = date(2026, 11, day) if isinstance(day, int) else day
    return datetime.combine(on, time.fromisoformat(at), KABUL).astimezone(UTC)


def rhythm(frequency: str = "now", quiet: str | None = None, zone: str | None = "Asia/Kabul") -> Rhythm:
    return Rhythm(zone, frequency, quiet)


def test_it_is_what_the_tables_ask_for() -> None:
    timing: Timing = HOUSE
    assert timing.due(rhythm(), "main", kabul("12:00"))


# ── An estimate ──────────────────────────────────────────────────────────────────────────────────────────────────────

DUE = [
    # label, rhythm, now, when, why
    ("news is grouped", rhythm(), kabul("12:00"), kabul("12:10"), GROUPED),
    ("the night begins before the group is whole", rhythm(), kabul("20:55"), kabul("08:00", 25), QUIET),
    ("at night", rhythm(), kabul("23:00"), kabul("08:00", 25), QUIET),
    ("before the morning", rhythm(), kabul("05:00"), kabul("08:00"), QUIET),
    ("the night ends while it is grouped", rhythm(), kabul("07:55"), kabul("08:05"), GROUPED),
    ("at night, for who wants no quiet hours", rhythm(quiet="off"), kabul("23:00"), kabul("23:10"), GROUPED),
    ("in quiet hours of their own", rhythm(quiet="12:00-14:00"), kabul("13:00"), kabul("14:00"), QUIET),
    ("in the night before those", rhythm(quiet="12:00-14:00"), kabul("23:00"), kabul("23:10"), GROUPED),
    ("daily, in the evening", rhythm("daily"), kabul("20:00"), kabul("08:00", 25), DAILY),
    ("daily, before the time of day", rhythm("daily 18:30"), kabul("12:00"), kabul("18:30"), DAILY),
    ("daily, at that very time", rhythm("daily 18:30"), kabul("18:30"), kabul("18:30", 25), DAILY),
    ("daily, at night", rhythm("daily 22:00"), kabul("12:00"), kabul("08:00", 25), DAILY),
    ("daily, at night, and no quiet hours", rhythm("daily 22:00", "off"), kabul("12:00"), kabul("22:00"), DAILY),
    ("daily, in quiet hours by day", rhythm("daily", "07:00-12:00"), kabul("05:00"), kabul("12:00"), DAILY),
    ("weekly, on a Tuesday", rhythm("weekly"), kabul("12:00"), kabul("08:00", 30), WEEKLY),
    ("weekly, on Monday before it", rhythm("weekly 09:00"), kabul("08:30", 23), kabul("09:00", 23), WEEKLY),
    ("weekly, on Monday after it", rhythm("weekly"), kabul("08:30", 23), kabul("08:00", 30), WEEKLY),
    ("weekly, on Sunday", rhythm("weekly"), kabul("12:00", 29), kabul("08:00", 30), WEEKLY),
    ("weekly, at night", rhythm("weekly 23:00"), kabul("12:00"), kabul("08:00", 30), WEEKLY),
    ("nobody's word", rhythm("sometimes", "at night"), kabul("23:00"), kabul("08:00", 25), QUIET),
    ("a time that is none", rhythm("daily 25:00", "21:00-21:00"), kabul("12:00"), kabul("12:10"), GROUPED),
]


@pytest.mark.parametrize(("label", "wish", "now", "at", "why"), DUE, ids=[row[0] for row in DUE])
def test_when_it_is_due(label: str, wish: Rhythm, now: datetime, at: datetime, why: str) -> None:
    assert HOUSE.due(wish, "main", now) == Due(at, why)


@pytest.mark.parametrize(("at", "due"), [("12:00", Due(kabul("12:00"))), ("23:00", Due(kabul("08:00", 25), QUIET))])
def test_what_goes_alone_does_not_wait_for_others_but_for_the_morning(at: str, due: Due) -> None:
    assert HOUSE.due(rhythm(), "main", kabul(at), alone=True) == due


def test_a_house_that_does_not_group_is_at_once() -> None:
    assert replace(HOUSE, group_wait=timedelta()).due(rhythm(), "main", kabul("12:00")) == Due(kabul("12:00"), "")


def test_web_chat_knows_no_night() -> None:
    assert HOUSE.due(rhythm(quiet="21:00-08:00"), "web", kabul("23:00")) == Due(kabul("23:10"), GROUPED)
    assert HOUSE.may_leave(rhythm(), Heard(), "web", kabul("23:00")) == Go(TODAY)
    assert HOUSE.due(rhythm("daily 22:00"), "web", kabul("12:00")).at == kabul("22:00")


def test_a_house_may_know_no_night_and_a_person_still() -> None:
    house = replace(HOUSE, quiet=None)
    assert house.may_leave(rhythm(), Heard(), "main", kabul("23:00")) == Go(TODAY)
    assert isinstance(house.may_leave(rhythm(quiet="22:00-07:00"), Heard(), "main", kabul("23:00")), Wait)


@pytest.mark.parametrize("zone", [None, "", "Asia/Atlantis", "Asia", "../etc/passwd", "/etc/passwd", "\0", "Kabul "])
def test_an_unknown_zone_is_the_house_s(zone: str | None) -> None:
    noon = datetime(2026, 11, 24, 17, 55, tzinfo=UTC)  # 20:55 in Baghdad
    assert HOUSE.due(rhythm(zone=zone), "main", noon) == Due(datetime(2026, 11, 25, 5, tzinfo=UTC), QUIET)


# ── May it leave? ────────────────────────────────────────────────────────────────────────────────────────────────────

YESTERDAY = TODAY - timedelta(days=1)
FULL = Heard(TODAY, 3)
LEAVES = [
    # label, rhythm, heard, now, whether, and if not until when
    ("at once", rhythm(), Heard(), kabul("12:00"), Go(TODAY)),
    ("the third push", rhythm(), Heard(TODAY, 2), kabul("12:00"), Go(TODAY)),
    ("three of yesterday", rhythm(), Heard(YESTERDAY, 3), kabul("12:00"), Go(TODAY)),
    ("the fourth waits for the evening", rhythm(), FULL, kabul("12:00"), Wait(kabul("20:00"), CAP)),
    ("and leaves with the rest", rhythm(), FULL, kabul("20:00"), Go(TODAY, digest=True)),
    ("or soon after", rhythm(), FULL, kabul("20:40"), Go(TODAY, digest=True)),
    (
        "after that the morning",
        rhythm(),
        Heard(TODAY, 3, kabul("20:00")),
        kabul("20:30"),
        Wait(kabul("08:00", 25), CAP),
    ),
    (
        "no second digest in the evening",
        rhythm(),
        Heard(TODAY, 3, kabul("08:00")),
        kabul("12:00"),
        Wait(kabul("08:00", 25), CAP),
    ),
    ("a shorter night, a later evening", rhythm(quiet="23:00-06:00"), FULL, kabul("12:00"), Wait(kabul("22:00"), CAP)),
    ("a night from midnight on", rhythm(quiet="00:00-06:00"), FULL, kabul("12:00"), Wait(kabul("23:00"), CAP)),
    ("a late night", rhythm(quiet="02:00-09:00"), FULL, kabul("12:00"), Wait(kabul("20:00"), CAP)),
    ("quiet by day", rhythm(quiet="09:00-17:00"), FULL, kabul("18:00"), Wait(kabul("20:00"), CAP)),
    ("quiet in the evening", rhythm(quiet="14:00-22:00"), FULL, kabul("12:00"), Wait(kabul("22:00"), CAP)),
    ("quiet past midnight", rhythm(quiet="13:00-03:00"), FULL, kabul("04:00"), Wait(kabul("12:00"), CAP)),
    ("hardly ever awake", rhythm(quiet="20:30-20:00"), FULL, kabul("19:00"), Wait(kabul("20:00"), QUIET)),
    ("never quiet", rhythm(quiet="off"), FULL, kabul("12:00"), Wait(kabul("20:00"), CAP)),
    (
        "never quiet, after the digest",
        rhythm(quiet="off"),
        Heard(TODAY, 3, kabul("20:00")),
        kabul("23:00"),
        Wait(kabul("00:00", 25), CAP),
    ),
    ("at night", rhythm(), Heard(), kabul("03:00"), Wait(kabul("08:00"), QUIET)),
    ("the night begins", rhythm(), Heard(), kabul("21:00"), Wait(kabul("08:00", 25), QUIET)),
    ("the night is over", rhythm(), Heard(), kabul("08:00"), Go(TODAY)),
    ("daily, too early", rhythm("daily 12:00"), Heard(), kabul("10:00"), Wait(kabul("12:00"), DAILY)),
    ("daily, at its time", rhythm("daily"), Heard(), kabul("08:00"), Go(TODAY, digest=True)),
    ("daily, at night", rhythm("daily"), Heard(), kabul("07:59"), Wait(kabul("08:00"), QUIET)),
    ("daily, late", rhythm("daily"), Heard(digest_at=kabul("08:00", 23)), kabul("15:00"), Go(TODAY, digest=True)),
    (
        "daily, had it today",
        rhythm("daily"),
        Heard(digest_at=kabul("08:00")),
        kabul("09:00"),
        Wait(kabul("08:00", 25), DAILY),
    ),
    (
        "daily, had it late last night",
        rhythm("daily"),
        Heard(digest_at=kabul("19:00", 23)),
        kabul("08:00"),
        Wait(kabul("08:00", 25), DAILY),
    ),
    ("daily, whatever was pushed", rhythm("daily"), FULL, kabul("08:00"), Go(TODAY, digest=True)),
    (
        "daily at 22:00 comes when the night is over",
        rhythm("daily 22:00"),
        Heard(),
        kabul("08:00"),
        Go(TODAY, digest=True),
    ),
    ("weekly, on its day", rhythm("weekly"), Heard(), kabul("08:00", 23), Go(YESTERDAY, digest=True)),
    ("weekly, too early", rhythm("weekly 12:00"), Heard(), kabul("09:00", 23), Wait(kabul("12:00", 23), WEEKLY)),
    (
        "weekly, missed on Monday",
        rhythm("weekly"),
        Heard(digest_at=kabul("08:00", 16)),
        kabul("09:00"),
        Go(TODAY, digest=True),
    ),
    (
        "weekly, had it this week",
        rhythm("weekly"),
        Heard(digest_at=kabul("09:00")),
        kabul("10:00", 28),
        Wait(kabul("08:00", 30), WEEKLY),
    ),
    (
        "weekly, late on Thursday, and on Monday again",
        rhythm("weekly"),
        Heard(digest_at=kabul("10:00", 26)),
        kabul("08:00", 30),
        Go(date(2026, 11, 30), digest=True),
    ),
]


@pytest.mark.parametrize(("label", "wish", "heard", "now", "answer"), LEAVES, ids=[row[0] for row in LEAVES])
def test_whether_it_may_leave(label: str, wish: Rhythm, heard: Heard, now: datetime, answer: Go | Wait) -> None:
    assert HOUSE.may_leave(wish, heard, "main", now) == answer


EVENINGS = [
    ("off", "20:00"),
    ("21:00-08:00", "20:00"),
    ("22:30-07:00", "21:30"),
    ("00:59-07:00", "23:59"),
    ("01:00-07:00", "20:00"),
    ("16:00-04:00", "15:00"),
    ("15:59-22:00", "22:00"),
    ("13:00-03:00", "12:00"),
    ("20:30-20:00", "20:00"),
    ("01:30-01:00", "01:00"),
]


@pytest.mark.parametrize(("quiet", "evening"), EVENINGS, ids=[row[0] for row in EVENINGS])
def test_the_evening_comes_an_hour_before_the_night(quiet: str, evening: str) -> None:
    assert local(rhythm(quiet=quiet), zone="UTC", quiet=None).evening == time.fromisoformat(evening)


def test_no_pushes_at_all_is_a_digest_each_evening() -> None:
    house = replace(HOUSE, daily_cap=0)
    assert house.may_leave(rhythm(), Heard(), "main", kabul("12:00")) == Wait(kabul("20:00"), CAP)
    assert house.may_leave(rhythm(), Heard(), "main", kabul("20:00")) == Go(TODAY, digest=True)
    had_it = Heard(digest_at=kabul("20:00"))
    assert house.may_leave(rhythm(), had_it, "main", kabul("20:30")) == Wait(kabul("20:00", 25), CAP)


def test_what_came_after_its_time_is_for_the_next_digest() -> None:
    at_ten, at_three = kabul("10:00"), kabul("15:00")
    wish, heard = rhythm("daily"), Heard(digest_at=kabul("08:00", 23))
    assert HOUSE.may_leave(wish, heard, "main", at_three, since=at_ten) == Wait(kabul("08:00", 25), DAILY)
    assert HOUSE.may_leave(wish, heard, "main", at_three, since=kabul("20:00", 23)) == Go(TODAY, digest=True)
    weekly = rhythm("weekly")
    assert HOUSE.may_leave(weekly, heard, "main", at_three, since=at_ten) == Wait(kabul("08:00", 30), WEEKLY)
    assert HOUSE.may_leave(weekly, Heard(), "main", at_three, since=kabul("20:00", 22)) == Go(TODAY, digest=True)


def test_a_digest_that_was_late_makes_the_next_ones_no_later() -> None:
    """A hub that is down each day until three: the digest leaves then, each day, and at eight once that is over."""
    wish, heard = rhythm("daily"), Heard()
    for day in (20, 21, 22):
        assert HOUSE.may_leave(wish, heard, "main", kabul("15:00", day)) == Go(date(2026, 11, day), digest=True)
        heard = Heard(digest_at=kabul("15:00", day))
    waits = HOUSE.may_leave(wish, heard, "main", kabul("08:00", 23))
    assert waits == Wait(kabul("08:00"), DAILY)
    assert HOUSE.may_leave(wish, heard, "main", kabul("08:00")) == Go(TODAY, digest=True)


def test_a_digest_dated_ahead_by_a_wrong_clock_stops_nothing_by_an_error() -> None:
    wait = HOUSE.may_leave(rhythm("daily"), Heard(digest_at=datetime(2099, 1, 1, tzinfo=UTC)), "main", kabul("12:00"))
    assert isinstance(wait, Wait)
    assert wait.until > kabul("12:00")


# ── Clocks that go forward and back ──────────────────────────────────────────────────────────────────────────────────

LEAPS = [
    # label, zone, local time and fold, UTC
    ("half an hour", "Asia/Kabul", "2026-11-24 08:00", 0, "2026-11-24 03:30"),
    ("three quarters", "Asia/Kathmandu", "2026-11-24 08:00", 0, "2026-11-24 02:15"),
    ("left out: the moment of the leap", "Europe/Berlin", "2026-03-29 02:30", 0, "2026-03-29 01:00"),
    ("left out, whatever the fold", "Europe/Berlin", "2026-03-29 02:30", 1, "2026-03-29 01:00"),
    ("just before it", "Europe/Berlin", "2026-03-29 01:59", 0, "2026-03-29 00:59"),
    ("right after it", "Europe/Berlin", "2026-03-29 03:00", 0, "2026-03-29 01:00"),
    ("twice: the first", "Europe/Berlin", "2026-10-25 02:30", 0, "2026-10-25 00:30"),
    ("twice: the second", "Europe/Berlin", "2026-10-25 02:30", 1, "2026-10-25 01:30"),
    ("a leap at midnight", "Africa/Cairo", "2026-04-24 00:30", 0, "2026-04-23 22:00"),
    ("a leap of half an hour", "Australia/Lord_Howe", "2026-10-04 02:15", 0, "2026-10-03 15:30"),
    ("a day that was left out", "Pacific/Apia", "2011-12-30 08:00", 0, "2011-12-30 10:00"),
]


@pytest.mark.parametrize(("label", "zone", "local", "fold", "utc"), LEAPS, ids=[row[0] for row in LEAPS])
def test_the_moment_of_a_local_time(label: str, zone: str, local: str, fold: int, utc: str) -> None:
    wall = datetime.fromisoformat(local)
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert moment_of(wall.date(), wall.time(), ZoneInfo(zone), fold) == expected


def test_quiet_hours_that_end_in_the_hour_left_out_end_with_the_leap() -> None:
    wish = rhythm(quiet="22:00-02:30", zone="Europe/Berlin")
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert HOUSE.may_leave(wish, Heard(), "main", midnight) == Wait(datetime(2026, 3, 29, 1, tzinfo=UTC), QUIET)


def test_a_leap_from_one_night_into_the_next_ends_neither() -> None:
    wish = rhythm(quiet="02:45-02:30", zone="Europe/Berlin")
    one = datetime(2026, 3, 29, 0, tzinfo=UTC)  # at 02:00 it is 03:00, and 02:30 never was
    assert HOUSE.may_leave(wish, Heard(), "main", one) == Wait(datetime(2026, 3, 30, 0, 30, tzinfo=UTC), QUIET)


def test_quiet_hours_whose_end_comes_twice_end_twice() -> None:
    wish = rhythm(quiet="22:00-02:30", zone="Europe/Berlin")
    midnight, again = (datetime(2026, 10, 25, hour, minute, tzinfo=UTC) for hour, minute in ((0, 0), (1, 15)))
    assert HOUSE.may_leave(wish, Heard(), "main", midnight) == Wait(midnight + timedelta(minutes=30), QUIET)
    assert HOUSE.may_leave(wish, Heard(), "main", again) == Wait(again + timedelta(minutes=15), QUIET)


def test_quiet_hours_are_as_long_as_the_clock_says_when_it_goes_back() -> None:
    wish = rhythm(zone="Europe/Berlin")
    evening = datetime(2026, 10, 24, 19, tzinfo=UTC)  # 21:00; 08:00 is twelve hours later that night
    assert HOUSE.may_leave(wish, Heard(), "main", evening) == Wait(datetime(2026, 10, 25, 7, tzinfo=UTC), QUIET)


# ── Whatever happens ─────────────────────────────────────────────────────────────────────────────────────────────────

ZONES = sorted(available_timezones())
SHIFTY = ["Africa/Cairo", "America/Nuuk", "America/Santiago", "Antarctica/Troll", "Asia/Beirut", "Atlantic/Azores",
          "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Chatham", "America/Havana"]  # fmt: skip
minutes = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
hours = st.builds(lambda start, end: f"{start:%H:%M}-{end:%H:%M}", minutes, minutes)
quiets = st.one_of(st.sampled_from([None, "off", "21:00-08:00", "00:30-06:00", "nonsense"]), hours)
frequencies = st.one_of(
    st.sampled_from(["now", "daily", "weekly", "often"]),
    st.builds(lambda often, at: f"{often} {at:%H:%M}", st.sampled_from(["daily", "weekly"]), minutes),
)
zones = st.one_of(st.none(), st.sampled_from(SHIFTY), st.sampled_from(ZONES), st.just("Nowhere/At_all"))
rhythms = st.builds(Rhythm, zones, frequencies, quiets)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
LEAP_DAYS = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 28), (4, 4), (4, 23), (9, 5), (10, 24))]
around_leaps = st.builds(lambda day, n: day + timedelta(minutes=n), st.sampled_from(LEAP_DAYS), st.integers(0, 3000))
nows = st.one_of(moments, around_leaps)
houses = st.builds(
    When,
    st.sampled_from(["UTC", "Asia/Kabul", "Europe/Berlin"]),
    st.one_of(st.none(), st.just(NIGHT), st.just(Quiet(time(13), time(15)))),
    st.sampled_from([timedelta(), timedelta(minutes=10), timedelta(hours=5)]),
    st.integers(0, 4),
    st.just(frozenset(["web"])),
)
accounts = st.sampled_from(["main", "main", "web"])


def zone_of(house: When, wish: Rhythm) -> ZoneInfo:
    return ZoneInfo(wish.zone if wish.zone in ZONES else house.zone)


def in_quiet_hours(house: When, wish: Rhythm, account: str, moment: datetime) -> bool:
    """Said anew, minute by minute of a day, and by no code of the rules."""
    span = house.quiet
    if wish.quiet == "off" or account == "web":
        return False
    if wish.quiet and wish.quiet[0].isdigit():
        start, end = map(time.fromisoformat, wish.quiet.split("-"))
        span = Quiet(start, end) if start != end else span
    if span is None:
        return False
    wall = moment.astimezone(zone_of(house, wish))
    into = (wall.hour * 60 + wall.minute - span.start.hour * 60 - span.start.minute) % 1440
    lasts = (span.end.hour * 60 + span.end.minute - span.start.hour * 60 - span.start.minute) % 1440
    return into < lasts


@given(houses, rhythms, accounts, nows)
def test_what_is_due_is_due_later_and_never_in_quiet_hours(
    house: When, wish: Rhythm, account: str, now: datetime
) -> None:
    due = house.due(wish, account, now)
    assert due.at >= now
    assert due.at > now or not house.group_wait
    assert due.at < now + timedelta(days=9)
    assert not in_quiet_hours(house, wish, account, due.at)


@given(houses, rhythms, accounts, nows)
def test_what_is_due_as_a_digest_leaves_as_one(house: When, wish: Rhythm, account: str, now: datetime) -> None:
    due = house.due(wish, account, now)
    assume(due.why in (DAILY, WEEKLY))
    on = due.at.astimezone(zone_of(house, wish)).date()
    assert house.may_leave(wish, Heard(), account, due.at, since=now) == Go(on, digest=True)


heards = st.builds(
    lambda now, pushes, ago, on: (
        now,
        Heard(now.date() + timedelta(days=on), pushes, None if ago is None else now - ago),
    ),
    nows,
    st.integers(0, 5),
    st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(days=10))),
    st.integers(-1, 1),
)


@given(houses, rhythms, accounts, heards, st.one_of(st.none(), st.timedeltas(timedelta(), timedelta(days=9))))
def test_who_waits_until_then_gets_it(
    house: When, wish: Rhythm, account: str, at: tuple[datetime, Heard], waited: timedelta | None
) -> None:
    now, heard = at
    since = waited if waited is None else now - waited
    for _ in range(3):  # the night, and the digest's time or the cap
        answer = house.may_leave(wish, heard, account, now, since)
        assert in_quiet_hours(house, wish, account, now) <= isinstance(answer, Wait)
        if isinstance(answer, Go):
            assert answer.today == now.astimezone(zone_of(house, wish)).date()
            return
        assert now < answer.until < now + timedelta(days=15)
        assert not in_quiet_hours(house, wish, account, answer.until)
        now = answer.until
    raise AssertionError("it waits for ever")


@given(rhythms, nows)
def test_quiet_hours_end_no_later_than_they_do(wish: Rhythm, now: datetime) -> None:
    answer = HOUSE.may_leave(wish, Heard(), "main", now)
    assume(isinstance(answer, Wait) and answer.why == QUIET)
    assert isinstance(answer, Wait)
    zone = zone_of(HOUSE, wish)
    assume(now.astimezone(zone).utcoffset() == answer.until.astimezone(zone).utcoffset())
    assert answer.until - now < timedelta(days=1)
    moment = now
    while moment < answer.until:
        assert in_quiet_hours(HOUSE, wish, "main", moment)
        moment += timedelta(minutes=7)


@dataclass
class Sent:
    """All that somebody was sent, and what the tables remember of it."""

    heard: Heard = field(default_factory=Heard)
    digests: list[tuple[datetime, str]] = field(default_factory=list)
    pushes: dict[tuple[str | None, date], int] = field(default_factory=dict)

    def send(self, house: When, wish: Rhythm, go: Go, now: datetime) -> None:
        if go.digest:
            self.digests.append((now, zone_of(house, wish).key))
            self.heard = replace(self.heard, digest_at=now)
            return
        again = self.heard.pushes + 1 if self.heard.pushed_on == go.today else 1
        self.heard = replace(self.heard, pushed_on=go.today, pushes=again)
        count = self.pushes.get((wish.zone, go.today), 0)
        self.pushes[wish.zone, go.today] = count + 1


@given(
    houses,
    nows,
    st.lists(
        st.tuples(rhythms, st.lists(st.timedeltas(timedelta(minutes=1), timedelta(hours=30)), min_size=1, max_size=12)),
        min_size=1,
        max_size=4,
    ),
)
def test_one_digest_a_day_whatever_they_change(
    house: When, now: datetime, life: list[tuple[Rhythm, list[timedelta]]]
) -> None:
    """Asked at any times, over leaps of the clock, and while they cross zones and change their mind."""
    sent = Sent()
    for wish, steps in life:
        for step in steps:
            now += step
            answer = house.may_leave(wish, sent.heard, "main", now)
            if isinstance(answer, Go):
                assert not in_quiet_hours(house, wish, "main", now)
                sent.send(house, wish, answer, now)
    for (earlier, _), (later, zone) in pairwise(sent.digests):
        assert later - earlier >= APART
        there = ZoneInfo(zone)
        assert earlier.astimezone(there).date() < later.astimezone(there).date()


@given(houses, zones, quiets, nows, st.lists(st.timedeltas(timedelta(minutes=1), timedelta(hours=5)), max_size=40))
def test_no_more_pushes_a_day_than_the_house_allows(
    house: When, zone: str | None, quiet: str | None, now: datetime, steps: list[timedelta]
) -> None:
    sent, wish = Sent(), Rhythm(zone, "now", quiet)
    for step in steps:
        now += step
        answer = house.may_leave(wish, sent.heard, "main", now)
        if isinstance(answer, Go):
            sent.send(house, wish, answer, now)
    assert all(count <= house.daily_cap for count in sent.pushes.values())


@given(houses, zones, quiets, st.sampled_from(["daily", "weekly"]), minutes, nows)
def test_who_is_served_in_time_hears_each_day_or_week_and_at_the_same_hour(
    house: When, zone: str | None, quiet: str | None, often: str, at: time, now: datetime
) -> None:
    """Something new waits from each digest on for the next."""
    wish, heard, since = Rhythm(zone, f"{often} {at:%H:%M}", quiet), Heard(), now
    start, there = now, zone_of(house, wish)
    got: list[datetime] = []
    while len(got) < 5:
        answer = house.may_leave(wish, heard, "main", now, since)
        if isinstance(answer, Go):
            got.append(now.astimezone(there))
            heard, since = replace(heard, digest_at=now), now
        else:
            now = answer.until
    apart = timedelta(days=7 if often == "weekly" else 1)
    days = [local.date() for local in got]
    assume(len({local.utcoffset() for local in (start.astimezone(there), *got)}) == 1)
    assert [later - earlier for earlier, later in pairwise(days)] == [apart] * 4
    assert len({local.time() for local in got[1:]}) == 1
    assert often == "daily" or days[0].weekday() == 0
