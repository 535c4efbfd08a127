"""When somebody wants to hear from us: what is kept of it, and what is asked of the rules (``bot.delivery.when``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rhythm:
    """As a person's row holds it. ``zone``: an IANA name; None: the house's. ``frequency``: "now", "daily" or "weekly",
    the latter two with a local time if it is not the usual one ("daily 18:30"). ``quiet``: "21:00-08:00" or "off";
    None: the house's."""

    zone: str | None = None
    frequency: str = "now"
    quiet: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What they were sent so far: ``pushes`` on the local date ``pushed_on``, and the last digest."""

    pushed_on: date | None = None
    pushes: int = 0
    digest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """An estimate made when a broadcast is planned. ``why``: the rule that makes it later than now, else empty."""

    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Go:
    """It may leave now. ``today``: their local date; ``digest``: it counts as their digest, not as a push."""

    today: date
    digest: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: not before ``until``, by the rule ``why``."""

    until: datetime
    why: str


class Timing(Protocol):
    """The rules. Pure; asked for each distinct rhythm of a chunk, and again for each message before it leaves.

    ``since``: when it was planned. A digest that is late leaves with what its time found waiting; what came after that
    time is for the next one. None: as if it had always waited.
    """

    def due(self, rhythm: Rhythm, account: str, now: datetime, *, alone: bool = False) -> Due:
        """``alone``: nothing goes with it in one message, so it does not wait for that."""

    def may_leave(
        self, rhythm: Rhythm, heard: Heard, account: str, now: datetime, since: datetime | None = None
    ) -> Go | Wait: ...

    def night(self, rhythm: Rhythm, account: str, now: datetime) -> Wait | None:
        """Only whether it is quiet with them."""

    def together(self, rhythm: Rhythm) -> bool:
        """Whether what is due at the same time comes in one message."""


class AtOnce:
    """No rule at all."""

    def due(self, rhythm: Rhythm, account: str, now: datetime, *, alone: bool = False) -> Due:
        return Due(now)

    def may_leave(
        self, rhythm: Rhythm, heard: Heard, account: str, now: datetime, since: datetime | None = None
    ) -> Go | Wait:
        return Go(now.date())

    def night(self, rhythm: Rhythm, account: str, now: datetime) -> Wait | None:
        return None

    def together(self, rhythm: Rhythm) -> bool:
        return False


AT_ONCE = AtOnce()
