"""The brake: a broadcast that goes wrong stops by itself, before it reaches everybody. What waits is not lost.

``judge`` is the rule, pure; ``Brake`` looks after every broadcast under way, in the one process that leads: it lets the
deliveries follow what staff said (pause, go on, call off), lets a trial grow, stops what goes wrong, and writes down
how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Literal

import structlog

from bot.clock import Clock
from bot.delivery.when import CAP, DAILY, QUIET, WEEKLY
from storage import accounts, broadcasts
from storage.broadcasts import TRIED, WAITING, Broadcast, Tally, Usual
from storage.database import Connection, Database, Priority

log = structlog.get_logger()

REFUSED: Final = 0.05  # of those who were tried …
WINDOW: Final = 500  # … of so many at a time
TIMES: Final = 3  # the usual share of the gone, or of those who stop …
FLOOR: Final = 0.01  # … which is held to be at least this
LEAST: Final = 5  # people: fewer say nothing

SHARE_OF_TIME: Final = 10  # after counting, so many times as long goes to others …
DORMANT: Final = 10.0  # … and what does not move is looked at this often, in seconds …
NEWS_DORMANT: Final = 60.0  # … or this, for there may be hundreds of dispatches that wait for somebody's morning
USUAL_HOLDS: Final = 60.0  # seconds

Event = Literal["paused", "done", "moved"]
# In the transaction that it happened in.
Told = Callable[[Connection, Broadcast, Event, datetime], None]


def judge(tally: Tally, usual: Usual) -> str:
    """Why a broadcast has to stop: "refused 12/90", that is of how many, or "gone …", "stopped …"; empty while it is
    well."""
    tried = tally.of(*TRIED)
    rules = (
        ("refused", tally.of("refused"), tried, REFUSED),
        ("gone", tally.of("gone"), tried, TIMES * max(usual.gone, FLOOR)),
        ("stopped", tally.stopped, tally.of("sent"), TIMES * max(usual.stopped, FLOOR)),
    )
    return next((f"{why} {some}/{of}" for why, some, of, share in rules if some >= LEAST and some > share * of), "")


class Brake:
    """``look`` each second or so, in one process only. ``told`` is called when something happened that staff want to
    know; ``went_on`` when there may be something to plan or to send."""

    def __init__(self, *, db: Database, clock: Clock, told: Told, went_on: Callable[[], None]) -> None:
        self._db = db
        self._clock = clock
        self._told = told
        self._went_on = went_on
        self._looked: dict[int, tuple[str, Tally, float, float]] = {}  # state, what it was, the next look, apart
        self._refusals: dict[int, Tally] = {}  # where the window of refusals began
        self._usual, self._usual_until = Usual(), 0.0

    async def look(self) -> None:
        found = await self._db.read(broadcasts.under_way)
        here = {broadcast.id for broadcast in found}
        self._looked = {key: value for key, value in self._looked.items() if key in here}
        self._refusals = {key: value for key, value in self._refusals.items() if key in here}
        for broadcast in found:
            if self._is_due(broadcast):
                await self._look_at(broadcast)

    def _is_due(self, broadcast: Broadcast) -> bool:
        state, _, at, _ = self._looked.get(broadcast.id, ("", Tally(), 0.0, 0.0))
        return broadcast.state != state or self._clock.monotonic() >= at

    async def _look_at(self, broadcast: Broadcast) -> None:
        begun = self._clock.monotonic()
        # Before the count, so that all of what is tried is judged.
        tried = broadcast.state == "trial" and await self._is_tried(broadcast.id)
        tally = await self._db.read(broadcasts.tally, broadcast.id)
        if broadcasts.astray(broadcast, tally):
            await self._sweep(broadcast.id)
            tally = await self._db.read(broadcasts.tally, broadcast.id)
        state, *_ = self._looked.get(broadcast.id, ("",))
        if tally != _known(broadcast) or state != broadcast.state:
            await self._db.write(self._saw, broadcast.id, tally, priority=Priority.bulk)
        if broadcast.running and (why := await self._why_not(broadcast, tally)):
            await self._stop(broadcast.id, why, tally)
        elif tried:
            await self._db.write(broadcasts.widen, broadcast.id)
            self._went_on()
        elif broadcast.state == "paused":
            await self._settle(broadcast, tally)
        elif broadcast.state not in ("planning", "trial") and not tally.of(*WAITING):
            await self._finish(broadcast.id, tally)
        self._next_look(broadcast, tally, self._clock.monotonic() - begun)

    def _next_look(self, broadcast: Broadcast, tally: Tally, took: float) -> None:
        """Counting a million rows takes a while, and what waits for the morning need not be counted each second."""
        _, before, _, apart = self._looked.get(broadcast.id, ("", Tally(), 0.0, 0.0))
        most = NEWS_DORMANT if broadcast.kind == "dispatch" else DORMANT
        apart = min(most, max(1.0, 2 * apart)) if tally == before else 0.0
        at = self._clock.monotonic() + max(apart, SHARE_OF_TIME * took)
        self._looked[broadcast.id] = (broadcast.state, tally, at, apart)

    def _saw(self, conn: Connection, broadcast_id: int, tally: Tally) -> None:
        broadcasts.saw(conn, broadcast_id, tally)
        self._tell(conn, broadcast_id, "moved")

    def _tell(self, conn: Connection, broadcast_id: int, event: Event) -> None:
        if broadcast := broadcasts.get(conn, broadcast_id):
            self._told(conn, broadcast, event, self._clock.now())

    # ── What there is to do ──────────────────────────────────────────────────────────────────────────────────────────

    async def _sweep(self, broadcast_id: int) -> None:
        last: int | None = 0
        while last is not None:
            last = await self._db.write(broadcasts.sweep, broadcast_id, last, self._clock.now(), priority=Priority.bulk)
        self._went_on()

    async def _is_tried(self, broadcast_id: int) -> bool:
        return not await self._db.read(broadcasts.under_trial, broadcast_id, self._clock.now(), BETTER_HOURS)

    async def _stop(self, broadcast_id: int, why: str, tally: Tally) -> None:
        self._refusals.pop(broadcast_id, None)
        if await self._db.write(self._pull, broadcast_id, why, tally):
            log.warning("broadcast paused by itself", broadcast=broadcast_id, why=why)
            self._went_on()

    async def _settle(self, broadcast: Broadcast, tally: Tally) -> None:
        """What was on the wire when it stopped is part of what made it stop, and is not held against it again."""
        if "from" in broadcast.outcome and tally != broadcasts.judged(broadcast):
            await self._db.write(broadcasts.has_judged, broadcast.id, tally)

    async def _finish(self, broadcast_id: int, tally: Tally) -> None:
        if await self._db.write(self._end, broadcast_id, tally):
            log.info("broadcast ended", broadcast=broadcast_id, **tally.counts)
            self._went_on()

    async def _why_not(self, broadcast: Broadcast, tally: Tally) -> str:
        since = tally.since(broadcasts.judged(broadcast))
        window = tally.since(self._refusals.setdefault(broadcast.id, broadcasts.judged(broadcast)))
        recent = Tally({state: window.of(state) for state in TRIED if state != "gone"})
        if why := judge(since, await self._usually()) or judge(recent, Usual()):
            return why
        if window.of(*TRIED) >= WINDOW:
            self._refusals[broadcast.id] = tally
        return await self._broken(broadcast)

    async def _broken(self, broadcast: Broadcast) -> str:
        """A broken account holds its queue by itself and takes it up when it is mended: for news that is enough."""
        if broadcast.kind == "dispatch":
            return ""
        since = broadcast.resumed_at or broadcast.created_at
        for account in await self._db.read(accounts.all_of_them):
            lately = account.broken and account.broken_at and account.broken_at >= since
            if lately and await self._db.read(broadcasts.waits_on, broadcast.id, account.name):
                return f"account {account.name}"
        return ""

    async def _usually(self) -> Usual:
        if self._clock.monotonic() >= self._usual_until:
            self._usual = await self._db.read(broadcasts.usual, self._clock.now())
            self._usual_until = self._clock.monotonic() + USUAL_HOLDS
        return self._usual

    def _pull(self, conn: Connection, broadcast_id: int, why: str, tally: Tally) -> bool:
        done = broadcasts.pause(conn, broadcast_id, why, tally)
        if done:
            self._tell(conn, broadcast_id, "paused")
        return done

    def _end(self, conn: Connection, broadcast_id: int, tally: Tally) -> bool:
        now = self._clock.now()
        if not broadcasts.finish(conn, broadcast_id, tally, now):
            return False
        ended = broadcasts.get(conn, broadcast_id)
        if ended and ended.state == "withdrawn" and tally.of("sent", "unclear"):
            about = broadcasts.title(conn, ended.dispatch_id) if ended.dispatch_id else ""
            sent = ended.created_at.isoformat()
            broadcasts.take_back(conn, broadcast_id, now, {"withdrawn": True, "sent": sent, "about": about})
        self._tell(conn, broadcast_id, "done")
        return True


# What a person waits for who is not waiting for the trial.
BETTER_HOURS: Final[Collection[str]] = (QUIET, CAP, DAILY, WEEKLY)


def _known(broadcast: Broadcast) -> Tally:
    return Tally(broadcast.counts, broadcast.stopped)
