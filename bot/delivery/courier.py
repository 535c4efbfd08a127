"""Drives one account: what is due goes out, a person's answer first, and what became of it is written down.

The order that nothing may break (reliability.md, L1 to L4): hold the lease → claim → mark 'sending', durable and
fenced → wait for the turn → one request → write the outcome. Whatever happens in between, a later session finds a row
that says how far it got.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import assert_never

import structlog

from bot.clock import Clock
from bot.delivery.compose import Composer
from bot.delivery.pace import Pace
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
from storage import accounts, deliveries, leases, people
from storage.database import Database
from storage.deliveries import Claimed, Marked
from storage.keys import KeyStore

log = structlog.get_logger()

LOOK = 1.0  # seconds after which rows that another process queued are found
LEASE = 8.0
RENEW = 2.0
CLAIM_SECONDS = 2.0  # of budget: more would wait in memory while people stop (C2)
FOR_REPLIES = 2  # requests that a broadcast never occupies
RESEND_AFTER = 5.0
BROKEN_PAUSE = 60.0


class LeaseLost(Exception):
    """Somebody else may drive this account; nothing more leaves from here."""


class Courier:
    """One account's courier. ``run`` until cancelled or ``stop``; ``wake`` when there may be something new."""

    def __init__(
        self, *, channel: Channel, composer: Composer, db: Database, keys: KeyStore, clock: Clock, holder: str
    ) -> None:
        self.channel = channel
        self.driving = False
        self._compose = composer
        self._db = db
        self._keys = keys
        self._clock = clock
        self._holder = holder
        self._lease = f"account:{channel.account}"
        self._epoch = 0
        self._lease_until = 0.0
        self._pace: Pace
        self._ready: list[Claimed] = []
        self._busy: set[int] = set()  # recipients with a request under way: each hears things in order
        self._tasks: set[asyncio.Task[None]] = set()
        self._news_under_way = 0
        self._wake = asyncio.Event()
        self._look = True  # there may be rows that we have not seen
        self._looked_at = 0.0
        self._more = False  # the last claim of news was a full one
        self._broken = False
        self._stopping = False
        self._log = log.bind(account=channel.account)

    def wake(self) -> None:
        self._look = True
        self._wake.set()

    async def stop(self) -> None:
        """Begin nothing more; what is on the wire may finish."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Drive whenever the lease is ours; after a fault, as a new session with a new epoch (L4)."""
        while not self._stopping:
            try:
                epoch = await self._db.write(leases.take, self._lease, self._holder, LEASE)
                if epoch is None:
                    await self._clock.sleep(RENEW)
                    continue
                await self._session(epoch)
            except LeaseLost:
                self._log.warning("lease lost")
            except Exception:
                self._log.exception("session broke off")
                await self._clock.sleep(1)

    # ── A session ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _session(self, epoch: int) -> None:
        self._epoch = epoch
        self._lease_until = self._clock.monotonic() + LEASE
        self._pace = Pace(self.channel.limits, self._clock)
        self._ready, self._busy, self._news_under_way = [], set(), 0
        state = await self._db.write(accounts.put, self.channel.account, self.channel.kind)
        self._broken = bool(state.broken)
        if state.held_until:
            self._pace.hold((state.held_until - self._clock.now()).total_seconds())
        await self._reap()
        helpers = [asyncio.create_task(self._renew()), asyncio.create_task(self._pace.run())]
        self.driving = True
        try:
            await self._drive(helpers)
        finally:
            self.driving = False
            await self._wind_up(helpers)

    async def _wind_up(self, helpers: list[asyncio.Task[None]]) -> None:
        for task in helpers:
            task.cancel()
        if self._tasks:
            # What is on the wire gets its moment to be answered; then the row says 'sending', and that is the truth.
            await asyncio.wait(self._tasks, timeout=3)
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            await self._db.write(deliveries.release, [item.id for item in self._ready], self._epoch)
            await self._db.write(leases.release, self._lease, self._epoch)

    async def _renew(self) -> None:
        """Beside the requests, so that a slow one costs no lease. On SQLite the file lock stands for it."""
        while True:
            await self._clock.sleep(RENEW)
            before = self._clock.monotonic()
            if not await self._db.write(leases.renew, self._lease, self._epoch, LEASE):
                raise LeaseLost
            self._lease_until = before + LEASE
            await self._reap()

    async def _reap(self) -> None:
        """Rows of earlier sessions: on SQLite their process is dead, elsewhere they get the time of one request."""
        now = self._clock.now()
        alone = self._db.dialect == "sqlite"
        before = now if alone else now - timedelta(seconds=self.channel.limits.deadline)
        back, judged = await self._db.write(deliveries.reap, self.channel.account, self._epoch, now, before)
        if judged:
            self._log.warning("found unfinished", put_back=back, unclear=judged)

    async def _drive(self, helpers: list[asyncio.Task[None]]) -> None:
        while not self._stopping:
            for helper in helpers:
                if helper.done():
                    helper.result()
            self._wake.clear()
            await self._claim()
            while item := self._next_item():
                self._begin(item)
            await self._wait()

    async def _claim(self) -> None:
        """Take what is due: replies whenever there may be some, news when little of it is left in hand."""
        since = self._clock.monotonic() - self._looked_at
        budget = max(1, min(500, int(self.channel.limits.per_second * CLAIM_SECONDS)))
        news = sum(item.priority != deliveries.REPLY for item in self._ready)
        low = news <= budget // 2
        if not (self._look or since > LOOK or (low and self._more)):
            return
        self._look, self._looked_at = False, self._clock.monotonic()
        limit = budget - news if low and not self._pace.held else 0
        replies = await self._claim_rows(100, replies_only=True)
        others = await self._claim_rows(limit) if limit else []
        self._more = bool(limit) and len(others) == limit
        self._ready = sorted([*self._ready, *replies, *others], key=lambda item: (item.priority, item.id))

    async def _claim_rows(self, limit: int, *, replies_only: bool = False) -> list[Claimed]:
        now, account = self._clock.now(), self.channel.account
        return await self._db.write(deliveries.claim, account, self._epoch, now, limit, replies_only=replies_only)

    def _next_item(self) -> Claimed | None:
        room = self.channel.limits.at_once - len(self._tasks)
        room_for_news = self.channel.limits.at_once - FOR_REPLIES - self._news_under_way
        if room <= 0:
            return None
        for item in self._ready:
            if item.recipient_id in self._busy:
                continue
            if item.priority == deliveries.REPLY or room_for_news > 0:
                self._ready.remove(item)
                return item
        return None

    def _begin(self, item: Claimed) -> None:
        self._busy.add(item.recipient_id)
        news = item.priority != deliveries.REPLY
        self._news_under_way += news
        task = asyncio.create_task(self._deliver(item))
        self._tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._busy.discard(item.recipient_id)
            self._news_under_way -= news
            self._wake.set()
            if not done.cancelled() and (error := done.exception()):
                # The row stays 'sending' until a later session judges it: end this one.
                self._log.error("delivery broke off", delivery=item.id, fault=type(error).__name__)
                self._lease_until = 0.0

        task.add_done_callback(ended)

    async def _wait(self) -> None:
        """Until there may be something to do. Rows that other processes queue are found by looking each second."""
        if self._lease_until == 0.0:
            raise LeaseLost
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await self._wake.wait()

    # ── One delivery ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _deliver(self, item: Claimed) -> None:
        marked = await self._db.write(
            deliveries.mark_sending, self._keys, item.id, self._lease, self._epoch, self._clock.now()
        )
        if marked is None:
            return
        try:
            parts = await self._compose.parts(marked)
        except Exception as error:
            self._log.exception("cannot be worded", delivery=marked.id)
            await self._finish(marked, "refused", f"cannot be worded: {type(error).__name__}")
            return
        if not parts:
            await self._finish(marked, "refused", "nothing to say")
        for number in range(marked.part, len(parts)):
            part = self._as_marked(parts[number], marked)
            await self._pace.turn(item.priority, marked.recipient_id, group=marked.group)
            if self._lease_until - self._clock.monotonic() < leases.MARGIN_MS / 1000:
                raise LeaseLost
            outcome = await self._send(marked, part)
            if not await self._write_down(marked, part, number + 1, outcome, last=number + 1 == len(parts)):
                return

    @staticmethod
    def _as_marked(part: Part, marked: Marked) -> Part:
        if marked.plain:
            part = replace(part, text=part.plain, attachment=None)
        if marked.anew:
            part = replace(part, replaces="")
        return part

    async def _send(self, marked: Marked, part: Part) -> Outcome:
        try:
            # The adapter keeps the deadline; this is for one that does not.
            async with asyncio.timeout(self.channel.limits.deadline + 5):
                return await self.channel.send(marked.address, part)
        except TimeoutError:
            return Unclear("no answer in time")

    async def _write_down(self, marked: Marked, part: Part, parts_out: int, outcome: Outcome, *, last: bool) -> bool:
        """Keep what became of a part; True when the next part may follow."""
        now = self._clock.now()
        note = self._log.bind(delivery=marked.id, outcome=type(outcome).__name__)
        match outcome:
            case Sent(platform_id):
                note.info("sent", part=parts_out)
                await self._surely(deliveries.part_sent, marked, parts_out, platform_id, now, done=last)
                if self._broken:
                    self._broken = False
                    await self._surely(accounts.broken, self.channel.account, "", None)
                return not last
            case Later(after, whose, why):
                note.info("later", after=after, whose=whose, why=why)
                await self._later(marked, after, whose, why)
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
                address_id = await self._db.write(people.rename, self._keys, marked.address_id, name)
                await self._surely(deliveries.readdress, marked, address_id)
                await self._back(marked, 0, "moved")
            case Refused(why, markup):
                if markup and not marked.plain:
                    note.warning("markup refused", why=why)
                    await self._back(marked, 0, why, plain=True)
                elif part.replaces and not marked.anew:
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
                await self._surely(accounts.broken, self.channel.account, why, now)
                await self._later(marked, BROKEN_PAUSE, "account", why)
            case _:
                assert_never(outcome)
        return False

    async def _later(self, marked: Marked, after: float, whose: str, why: str) -> None:
        until = self._clock.now() + timedelta(seconds=after)
        if whose == "account":
            self._pace.hold(after)
            await self._surely(accounts.hold, self.channel.account, until)
        await self._back(marked, after, why)
        if whose == "address":
            await self._surely(deliveries.address_waits, marked.address_id, until)

    async def _back(self, marked: Marked, after: float, why: str, **flags: bool) -> None:
        due = self._clock.now() + timedelta(seconds=after)
        await self._surely(deliveries.put_back, marked, self._epoch, due, why, **flags)

    async def _finish(self, marked: Marked, state: str, why: str) -> None:
        await self._surely(deliveries.finish, marked, self._epoch, state, why, self._clock.now())

    async def _surely(self, deed: object, *args: object, **kwargs: object) -> None:
        """A result that is not written down would be sent again: try for as long as the lease may last."""
        for attempt in range(4):
            try:
                await self._db.write(deed, *args, **kwargs)  # type: ignore[arg-type]
            except Exception:
                if attempt == 3:
                    raise
                await self._clock.sleep(0.2 * 4**attempt)
            else:
                return
