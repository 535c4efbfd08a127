"""When somebody hears from us: by the clock on their own wall, as often as they asked, and never in their quiet hours.

Pure: the time is handed in, and nothing is read or kept. A moment is aware and in UTC; a ``time`` is what the wall
shows. The rules are those of the design ("Decided": frequency, quiet hours), of C1 (now decides, the plan estimates)
and of T3 (one digest a local day, and 20 hours between two).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain
from typing import Final, Literal
from zoneinfo import ZoneInfo

from config.settings import Quiet
from storage.rhythms import Due, Go, Heard, Rhythm, Wait

GROUPED, QUIET, CAP, DAILY, WEEKLY = "grouped", "quiet hours", "daily cap", "daily digest", "weekly digest"

MORNING: Final = time(8)  # of a digest, unless they chose another time
EVENING: Final = time(20)  # of what the daily cap left over, where no night begins soon after
AFTERNOON: Final = time(15)  # quiet hours that begin within an hour of it, or before, are no night
APART: Final = timedelta(hours=20)  # between two digests (T3)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AHEAD: Final = 8  # days or weeks that are looked at for the next time

Often = Literal["now", "daily", "weekly"]


@dataclass(frozen=True, slots=True)
class Local:
    """What one person asked for, by the clock on their wall. ``asked``: the time they want digests at."""

    zone: ZoneInfo
    quiet: Quiet | None
    often: Often
    asked: time

    @property
    def at(self) -> time:
        """When digests come: the time asked for, or the end of the quiet hours that it lies in."""
        return self.quiet.end if self.quiet and _within(self.asked, self.quiet) else self.asked

    @property
    def evening(self) -> time:
        """When the rest of a day comes: an hour before the night."""
        if self.quiet is None:
            return EVENING
        before = (datetime.combine(date.min + DAY, self.quiet.start) - HOUR).time()
        if before >= AFTERNOON:
            chosen = before
        elif not _within(EVENING, self.quiet) or self.quiet.end > EVENING:
            chosen = EVENING
        else:  # they sleep from the afternoon past midnight
            chosen = before
        return self.quiet.end if _within(chosen, self.quiet) else chosen

    def today(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def is_quiet(self, moment: datetime) -> bool:
        return self.quiet is not None and _within(moment.astimezone(self.zone).time(), self.quiet)

    def free(self, moment: datetime) -> datetime:
        """The moment itself, or the end of the quiet hours that it lies in."""
        if self.quiet is None or not self.is_quiet(moment):
            return moment
        today = self.today(moment)
        # An end may come twice when the clocks go back, and a leap may lead from one night into the next.
        ends = (moment_of(today + n * DAY, self.quiet.end, self.zone, fold) for n in range(AHEAD) for fold in (0, 1))
        return next(end for end in ends if end > moment and not self.is_quiet(end))

    def on(self, day: date, at: time) -> datetime:
        return self.free(moment_of(day, at, self.zone))

    def slot(self, day: date) -> datetime:
        """When the digest of the day, or of the week, that ``day`` is in should leave."""
        return self.on(self.first(day), self.at)

    def slots(self, now: datetime) -> Iterator[datetime]:
        """The times of digests after ``now``."""
        today, apart = self.today(now), 7 * DAY if self.often == "weekly" else DAY
        return (slot for n in range(AHEAD) if (slot := self.slot(today + n * apart)) > now)

    def first(self, day: date) -> date:
        """The first day of what one digest is about."""
        return day - day.weekday() * DAY if self.often == "weekly" else day

    def rested(self, last: datetime | None, moment: datetime) -> bool:
        """Whether the last digest is of an earlier day, or week, and long enough ago (T3)."""
        if last is None:
            return True
        return moment - last >= APART and self.today(last) < self.first(self.today(moment))


def local(rhythm: Rhythm, *, zone: str, quiet: Quiet | None, night: bool = True) -> Local:
    """What holds for this person in a house with this zone and these quiet hours.

    What can't be read counts as not chosen. ``night``: whether quiet hours make sense where they are written to.
    """
    theirs = read_hours(rhythm.quiet, quiet) if night else None
    return Local(_zone(rhythm.zone or "", zone), theirs, *_often(rhythm.frequency))


@dataclass(frozen=True, slots=True)
class When:
    """The house's settings, and the rules (``storage.rhythms.Timing``).

    ``zone``: of the organisation; ``no_night``: the accounts on whose channel quiet hours make no sense.
    """

    zone: str
    quiet: Quiet | None
    group_wait: timedelta
    daily_cap: int
    no_night: frozenset[str] = frozenset()

    def due(self, rhythm: Rhythm, account: str, now: datetime, *, alone: bool = False) -> Due:
        their = self._local(rhythm, account)
        if their.often != "now":
            return Due(next(their.slots(now)), _digest(their))
        grouped = now if alone else now + self.group_wait
        if (free := their.free(grouped)) != grouped:
            return Due(free, QUIET)
        return Due(grouped, GROUPED if grouped > now else "")

    def night(self, rhythm: Rhythm, account: str, now: datetime) -> Wait | None:
        their = self._local(rhythm, account)
        return Wait(their.free(now), QUIET) if their.is_quiet(now) else None

    def together(self, rhythm: Rhythm) -> bool:
        return self.group_wait > timedelta(0) or rhythm.frequency.split(" ")[0] in ("daily", "weekly")

    def may_leave(
        self, rhythm: Rhythm, heard: Heard, account: str, now: datetime, since: datetime | None = None
    ) -> Go | Wait:
        if night := self.night(rhythm, account, now):
            return night
        their = self._local(rhythm, account)
        if go := self._go(their, heard, now, since):
            return go
        chances = self._chances(their, now)
        until = next((at for at in chances if self._go(their, heard, at, since)), None)
        # None only where the last digest is dated far ahead, by a clock that was wrong.
        return Wait(until or their.free(now + DAY), CAP if their.often == "now" else _digest(their))

    def _local(self, rhythm: Rhythm, account: str) -> Local:
        return local(rhythm, zone=self.zone, quiet=self.quiet, night=account not in self.no_night)

    def _go(self, their: Local, heard: Heard, moment: datetime, since: datetime | None) -> Go | None:
        """How it may leave at a moment that is not quiet."""
        today = their.today(moment)
        if their.often == "now":
            pushes = heard.pushes if heard.pushed_on == today else 0
            if pushes < self.daily_cap:
                return Go(today)
            its_time = moment >= their.on(today, their.evening)
        else:
            slot = their.slot(today)  # that may be hours or, in a week, days ago: the hub was down
            its_time = moment >= slot and (since is None or since < slot)
        return Go(today, digest=True) if its_time and their.rested(heard.digest_at, moment) else None

    def _chances(self, their: Local, now: datetime) -> Iterator[datetime]:
        """Moments after ``now`` at which it may be let go, in their order. None of them is quiet."""
        if their.often != "now":
            return their.slots(now)
        today = their.today(now)
        days = ((their.on(day, time.min), their.on(day, their.evening)) for day in _days(today + DAY))
        return (at for at in chain([their.on(today, their.evening)], chain.from_iterable(days)) if at > now)


def _digest(their: Local) -> str:
    return WEEKLY if their.often == "weekly" else DAILY


def _days(first: date) -> Iterator[date]:
    return (first + n * DAY for n in range(AHEAD))


def _within(at: time, quiet: Quiet) -> bool:
    if quiet.start < quiet.end:
        return quiet.start <= at < quiet.end
    return at >= quiet.start or at < quiet.end


def moment_of(day: date, at: time, zone: ZoneInfo, fold: int = 0) -> datetime:
    """When the clocks of this zone show that.

    Of a time that comes twice in autumn, the first or (``fold`` 1) the second; a time that is left out in spring is
    over at the moment of the leap.
    """
    local = datetime.combine(day, at, zone).replace(fold=fold)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) == local.replace(tzinfo=None, fold=0):
        return moment
    before, after = sorted(local.replace(fold=side).astimezone(UTC) for side in (0, 1))
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta.resolution:
        middle = before + (after - before) // 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after


# ── As it is kept ────────────────────────────────────────────────────────────────────────────────────────────────────

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_DIGEST = re.compile(r"(daily|weekly)(?: ([01]\d|2[0-3]):([0-5]\d))?", re.ASCII)


@lru_cache(maxsize=1024)
def _zone(name: str, house: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or house)
    except (KeyError, ValueError, OSError):  # unknown; no name at all; "Asia" is a folder
        return ZoneInfo(house)


@lru_cache(maxsize=1024)
def read_hours(kept: str | None, house: Quiet | None) -> Quiet | None:
    """A person's quiet hours: "21:00-08:00" or "off"; else the house's."""
    if kept == "off":
        return None
    match = _HOURS.fullmatch(kept or "")
    if match is None:
        return house
    start, end = (time(int(match[n]), int(match[n + 1])) for n in (1, 3))
    return Quiet(start, end) if start != end else house


@lru_cache(maxsize=1024)
def _often(kept: str) -> tuple[Often, time]:
    match = _DIGEST.fullmatch(kept)
    if match is None:
        return "now", MORNING
    at = time(int(match[2]), int(match[3])) if match[2] else MORNING
    return ("weekly" if match[1] == "weekly" else "daily"), at
