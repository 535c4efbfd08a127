"""One session of driving an account: what is due goes out, a person's answer first, and what became of it is kept.

The order that nothing may break (reliability.md, L1 to L4): hold the lease → claim → mark 'sending', durable and
fenced → wait for the turn → one request → write the outcome. Whatever happens in between, a later session finds a row
that says how far it got. What this one holds in memory begins empty, and is given up with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

import structlog

from bot.clock import Clock
from bot.delivery.compose import CannotBeWorded, Composer
from bot.delivery.fault import named
from bot.delivery.lease import MARGIN, RENEW, Lease, LeaseLost
from bot.delivery.pace import NotNow, Pace, either, room_for_news
from channels.contract import (
    Broken,
    Channel,
    Closed,
    Gone,
    Later,
    Moved,
    Outcome,
    Part,
    Purpose,
    Refused,
    Sent,
    Unclear,
)
from storage import accounts, deliveries, people, planning
from storage.database import Database
from storage.deliveries import Claimed, Marked
from storage.keys import KeyStore
from storage.rhythms import Timing

log = structlog.get_logger()

LOOK = 1.0  # seconds after which rows that another process queued are found
CLAIM_SECONDS = 2.0  # of budget: more would wait in memory while people stop (C2)
REPLIES = 100  # claimed at once when there is no room for news
SHORT = 2.0  # seconds that a message of several parts waits between them with its row marked
RESEND_AFTER = 5.0
BROKEN_PAUSE = 60.0
GRACE = 2.5  # seconds in which a request under way may still be answered when the session ends
FAREWELL = 0.7  # … and for a last word to the database, which may be the very thing that is broken


class Session:
    """Drives ``channel`` as long as ``lease`` holds. ``run`` once."""

    def __init__(
        self,
        *,
        channel: Channel,
        composer: Composer,
        db: Database,
        keys: KeyStore,
        clock: Clock,
        lease: Lease,
        timing: Timing,
    ) -> None:
        self._channel = channel
        self._limits = channel.limits
        self._composer = composer
        self._db = db
        self._keys = keys
        self._clock = clock
        self._lease = lease
        self._timing = timing
        self._epoch = lease.epoch
        self._pace = Pace(channel.limits, clock)
        self._ready: list[Claimed] = []
        self._busy: set[int] = set()  # recipients with a delivery under way: each hears things in order
        self._held_up: dict[int, datetime] = {}  # recipients whose row went back: nothing overtakes it
        self._places = {"all": 0, "news": 0}  # taken by deliveries that are marked, or about to be
        self._tasks: set[asyncio.Task[None]] = set()
        self._not_marked: list[int] = []
        self._fault: BaseException | None = None
        self._broken = False
        self._wake = asyncio.Event()
        self._look = True  # there may be rows that we have not seen
        self._looked_at = 0.0
        self._more = False  # the last claim was a full one
        self._log = log.bind(account=channel.account)

    def wake(self) -> None:
        self._look = True
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``, or until something breaks."""
        state = await self._db.write(accounts.put, self._channel.account, self._channel.kind)
        self._broken = bool(state.broken)
        if state.held_until:
            self._pace.hold((state.held_until - self._clock.now()).total_seconds())
        await self._reap()
        helpers = [self._start(self._renew()), self._start(self._pace.run())]
        try:
            while not stopping.is_set():
                self._wake.clear()
                if self._fault:
                    raise self._fault
                await self._claim()
                while item := self._next():
                    self._begin(item)
                await either(self._clock, self._pause(), self._wake)
        finally:
            await self._wind_up(helpers)

    def _start(self, work: Coroutine[Any, Any, None], ended: Callable[[], None] = lambda: None) -> asyncio.Task[None]:
        """A task whose fault ends the session. A row that it leaves as 'sending' is judged by the next one."""

        def done(task: asyncio.Task[None]) -> None:
            ended()
            if not task.cancelled() and (error := task.exception()):
                self._fault = self._fault or error
            self._wake.set()

        task = asyncio.create_task(work)
        task.add_done_callback(done)
        return task

    async def _wind_up(self, helpers: list[asyncio.Task[None]]) -> None:
        self._pace.close()
        for task in helpers:
            task.cancel()
        if self._tasks:
            # What is on the wire gets its moment to be answered; then the row says 'sending', and that is the truth.
            await asyncio.wait(self._tasks, timeout=GRACE)
        left = [*helpers, *self._tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            async with asyncio.timeout(FAREWELL):
                await self._release([item.id for item in self._ready] + self._not_marked)
        except Exception as error:  # the next session finds them
            self._log.warning("claimed rows not released", fault=named(error))

    async def _renew(self) -> None:
        """Beside the requests, so that a slow one costs no lease."""
        while True:
            await self._clock.sleep(RENEW)
            await self._lease.renew()
            await self._reap()
            # Not marked, most often because they are not to be sent; where the lease was short they wait again.
            not_marked, self._not_marked = self._not_marked, []
            await self._release(not_marked)

    async def _reap(self) -> None:
        """Rows of earlier sessions: on SQLite their process is dead, elsewhere they get the time of one request."""
        now = self._clock.now()
        alone = self._db.dialect == "sqlite"
        before = now if alone else now - timedelta(seconds=self._limits.deadline)
        back, judged = await self._db.write(deliveries.reap, self._channel.account, self._epoch, now, before)
        if back or judged:
            self._log.warning("found unfinished", put_back=back, judged=judged)
            self.wake()

    async def _release(self, ids: list[int]) -> None:
        if ids:
            await self._db.write(deliveries.release, ids, self._epoch)

    # ── What is next ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _claim(self) -> None:
        """Take what is due: replies whenever there may be some, news when little of it is left in hand."""
        if self._pace.held:
            return
        budget = max(1, min(500, int(self._limits.per_second * CLAIM_SECONDS)))
        since = self._clock.monotonic() - self._looked_at
        if not (self._look or since >= LOOK or (self._more and len(self._ready) <= budget // 2)):
            return
        in_hand = sum(item.priority != planning.REPLY and self._rest(item) < SHORT for item in self._ready)
        room = budget - in_hand if in_hand <= budget // 2 else 0
        self._look, self._looked_at = False, self._clock.monotonic()
        now = self._clock.now()
        claimed = await self._db.write(
            deliveries.claim,
            self._channel.account,
            self._epoch,
            now,
            room or REPLIES,
            replies_only=not room,
            lease=self._lease.name,
        )
        self._more = len(claimed) == (room or REPLIES)
        self._ready = sorted([*self._ready, *claimed], key=lambda item: (item.priority, item.id))
        # What had gone back by then is among them, at its place.
        self._held_up = {who: until for who, until in self._held_up.items() if until > now}

    def _next(self) -> Claimed | None:
        """A reply before news, each person's in order, and nobody before they may hear something again."""
        if self._pace.held or self._fault:
            return None
        for item in self._ready:
            if self._has_place(item) and self._free(item) and not self._rest(item):
                self._ready.remove(item)
                return item
        return None

    def _has_place(self, item: Claimed) -> bool:
        if self._places["all"] >= self._limits.at_once:
            return False
        return item.priority == planning.REPLY or self._places["news"] < room_for_news(self._limits)

    def _free(self, item: Claimed) -> bool:
        return item.recipient_id not in self._busy and item.recipient_id not in self._held_up

    def _rest(self, item: Claimed) -> float:
        return self._pace.rest(item.recipient_id)

    def _pause(self) -> float:
        """Seconds until there may be something to do, if nothing happens."""
        if self._pace.held:
            return min(LOOK, self._pace.held)
        waiting = (item for item in self._ready if self._has_place(item) and self._free(item))
        return min([LOOK, *(rest for item in waiting if (rest := self._rest(item)))])

    def _begin(self, item: Claimed) -> None:
        self._busy.add(item.recipient_id)
        self._take_place(item, 1)

        def ended() -> None:
            self._tasks.discard(task)
            self._busy.discard(item.recipient_id)
            self._take_place(item, -1)

        task = self._start(self._deliver(item), ended)
        self._tasks.add(task)

    def _take_place(self, item: Claimed, number: int) -> None:
        self._places["all"] += number
        if item.priority != planning.REPLY:
            self._places["news"] += number

    # ── One delivery ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _deliver(self, item: Claimed) -> None:
        marked = await self._db.write(
            deliveries.mark_sending,
            self._keys,
            item.id,
            self._lease.name,
            self._epoch,
            self._clock.now(),
            self._timing,
        )
        if marked is None:
            self._not_marked.append(item.id)
            return
        try:
            parts = await self._composer.parts(marked)
        except CannotBeWorded as never:
            cause = never.__cause__ or never
            self._log.error("cannot be worded", delivery=marked.id, fault=named(cause))
            await self._finish(marked, "refused", f"cannot be worded: {type(cause).__name__}")
            return
        if not parts:
            await self._finish(marked, "refused", "nothing to say")
        elif marked.part >= len(parts):  # fitted anew, it has fewer parts than are out already
            await self._surely(deliveries.part_sent, marked, marked.part, "", self._clock.now(), done=True)
        else:
            await self._send_parts(item, marked, parts)

    async def _send_parts(self, item: Claimed, marked: Marked, parts: tuple[Part, ...]) -> None:
        for number in range(marked.part, len(parts)):
            if not await self._rested(item, marked):
                return
            part = _as_marked(parts[number], marked, number)
            try:
                async with self._pace.turn(item.priority, marked.recipient_id, group=marked.group):
                    if self._lease.left < MARGIN:
                        raise LeaseLost
                    begun = self._clock.monotonic()
                    outcome = await self._send(marked, part)
            except (NotNow, LeaseLost) as reason:  # nothing left us
                await self._back(marked, 0, type(reason).__name__)
                if isinstance(reason, LeaseLost):
                    raise
                return
            took = round(self._clock.monotonic() - begun, 3)
            note = self._log.bind(delivery=marked.id, outcome=type(outcome).__name__, part=number, took=took)
            if not await self._write_down(marked, part, number + 1, outcome, note, last=number + 1 == len(parts)):
                return

    async def _rested(self, item: Claimed, marked: Marked) -> bool:
        """Wait until this person may hear the next part; False when that is so long that the row goes back."""
        rest = self._pace.rest(marked.recipient_id)
        if rest > SHORT:
            await self._back(marked, rest, "")
            return False
        if rest:
            self._take_place(item, -1)  # others may go meanwhile
            self._wake.set()
            try:
                await self._clock.sleep(rest)
            finally:
                self._take_place(item, 1)
        return True

    async def _send(self, marked: Marked, part: Part) -> Outcome:
        try:
            # The adapter keeps the deadline; this is for one that does not.
            async with asyncio.timeout(self._limits.deadline + 5):
                return await self._channel.send(marked.address, part)
        except TimeoutError:
            return Unclear("no answer in time")
        except Exception as error:  # an adapter never raises for what a platform can answer: so nobody knows
            self._log.error("adapter failed", delivery=marked.id, fault=named(error))
            return Unclear(type(error).__name__)

    async def _write_down(
        self, marked: Marked, part: Part, parts_out: int, outcome: Outcome, note: Any, *, last: bool
    ) -> bool:
        """Keep what became of a part; True when the next part may follow."""
        now = self._clock.now()
        match outcome:
            case Sent(platform_id):
                note.info("sent")
                await self._surely(deliveries.part_sent, marked, parts_out, platform_id, now, done=last)
                if self._broken:
                    self._broken = False
                    await self._surely(accounts.broken, self._channel.account, "", None)
                return not last
            case Later(after, "account", why):
                note.info("later", after=after, why=why)
                await self._hold(after)
                # Due as it was: the hold keeps it, and what comes meanwhile stays behind it.
                await self._back(marked, 0, why)
            case Later(after, _, why):
                note.info("later for this address", after=after, why=why)
                await self._back(marked, after, why)
                await self._surely(deliveries.address_waits, marked.address_id, now + timedelta(seconds=after))
            case Unclear(why):
                note.warning("unclear", why=why, resent=marked.resent)
                if marked.resent or marked.purpose == Purpose.counselling:
                    await self._finish(marked, "unclear", why)
                else:
                    await self._back(marked, RESEND_AFTER, why, resent=True)
            case Gone(why):
                note.info("gone", why=why)
                await self._surely(people.lost, marked.address_id, why)
                # Back in the queue: its next mark finds another address of theirs, or ends it as gone.
                await self._back(marked, 0, why)
            case Moved(name):
                note.info("moved")
                await self._surely(people.rename, self._keys, marked.address_id, name)
                await self._back(marked, 0, "moved")
            case Refused(why, markup):
                if markup and not marked.plain:
                    note.warning("markup refused", why=why)
                    await self._back(marked, 0, why, plain=True)
                elif part.replaces:
                    note.info("cannot be edited", why=why)
                    await self._back(marked, 0, why, anew=True)
                else:
                    note.error("refused", why=why)
                    await self._finish(marked, "refused", why)
            case Closed():
                note.info("closed")
                await self._finish(marked, "closed", "")
            case Broken(why):
                note.error("account is broken: its queue is held; look at its settings", why=why)
                self._broken = True
                await self._hold(BROKEN_PAUSE)
                await self._surely(accounts.broken, self._channel.account, why, now)
                await self._back(marked, 0, why)
            case _:
                assert_never(outcome)
        return False

    async def _hold(self, seconds: float) -> None:
        """The whole account waits, also after a restart (L3)."""
        self._pace.hold(seconds)
        until = self._clock.now() + timedelta(seconds=seconds)
        await self._surely(accounts.hold, self._channel.account, until)

    async def _back(self, marked: Marked, after: float, why: str, **flags: bool) -> None:
        due = self._clock.now() + timedelta(seconds=after)
        await self._surely(deliveries.put_back, marked, self._epoch, due, why, **flags)
        # Not before the claim that finds it again: a person's next reply may be in hand already.
        self._held_up[marked.recipient_id] = max(due, self._clock.now())
        self._look = True

    async def _finish(self, marked: Marked, state: str, why: str) -> None:
        await self._surely(deliveries.finish, marked, self._epoch, state, why, self._clock.now())

    async def _surely(self, deed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A result that is not written down would be sent again: try for as long as the lease may last."""
        for wait in (0.2, 0.8, 3.2):
            try:
                return await self._db.write(deed, *args, **kwargs)
            except Exception as error:
                self._log.warning("result not written yet", fault=named(error))
                await self._clock.sleep(wait)
        return await self._db.write(deed, *args, **kwargs)


def _as_marked(part: Part, marked: Marked, number: int) -> Part:
    if number == 0 and marked.replaces:
        part = replace(part, replaces=marked.replaces)
    if marked.plain:
        part = replace(part, text=part.plain, attachment=None)
    if marked.anew:
        part = replace(part, replaces="")
    return part
