"""When counsellors are at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from config.settings import Opening


@dataclass(frozen=True)
class Hours:
    """Openings of each day of the week, Monday first, in the office's zone."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[time, time], ...], ...]

    @classmethod
    def of(cls, openings: Iterable[Opening], zone: str) -> Hours:
        """Of what the settings say."""
        week: list[list[tuple[time, time]]] = [[] for _ in range(7)]
        for opening in openings:
            for day in opening.days:
                week[day].append((opening.opens, opening.closes))
        return cls(ZoneInfo(zone), tuple(tuple(sorted(spans)) for spans in week))

    def open_until(self, now: datetime) -> datetime | None:
        """When the office closes that is open now; None while it is shut."""
        return next((closes for opens, closes in self._openings(now) if opens <= now < closes), None)

    def next_opening(self, now: datetime) -> datetime | None:
        """When it opens next, in its own zone; None when it never does."""
        return next((opens for opens, _ in self._openings(now) if opens > now), None)

    def local(self, now: datetime) -> datetime:
        return now.astimezone(self.zone)

    def _openings(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        today = self.local(now).date()
        for ahead in range(8):
            day = today + timedelta(days=ahead)
            for opens, closes in self.week[day.weekday()]:
                yield datetime.combine(day, opens, self.zone), datetime.combine(day, closes, self.zone)
