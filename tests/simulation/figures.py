"""What many seeds come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation import checks
from tests.simulation.day import Day


@dataclass
class Figures:
    days: int = 0
    sent: int = 0
    in_doubt: int = 0
    virtual: float = 0.0
    real: float = 0.0
    most: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    copies: Counter[str] = field(default_factory=Counter)

    def add(self, day: Day) -> None:
        self.days += 1
        self.sent += len(day.platform.accepted)
        self.in_doubt += checks.lost_in_doubt(day)
        self.virtual += day.world.loop.time()
        self.real += day.took
        self.most = max([self.most, *checks.after_each(day, "kill").values()])
        self.faults += day.world.faults
        self.copies += Counter(checks.cause(day, first) for first, *_ in checks.copies(day).values())

    def __str__(self) -> str:
        if not self.days:
            return "no seeds"
        faults = ", ".join(f"{number} {kind}" for kind, number in sorted(self.faults.items()))
        copies = ", ".join(f"{number} after {kind}" for kind, number in sorted(self.copies.items()))
        return (
            f"{self.days} seeds, {self.days / self.real:.1f} a second, {self.virtual / self.real:.0f} times as fast as "
            f"the clock; {self.sent} messages accepted\nfaults: {faults}\nsecond copies: {copies}; at most {self.most} "
            f"messages for one kill\ngiven up after two interruptions, and never accepted: {self.in_doubt}"
        )
