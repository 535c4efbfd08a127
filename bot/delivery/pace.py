"""When the next request of an account may leave.

The platform's limits hold in every sliding window: requests are spaced evenly (GCRA with a burst of one, L3) at 0.985
of the rate, for at exactly 30 a second a jitter of the network shows 31 in some sliding second. Who waits is served by
priority, so that a person's answer overtakes a broadcast; some of the requests that may be under way at once are kept
for answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.clock import Clock
from channels.contract import Limits

USED = 0.985  # of a limit
CATCH_UP = 0.05  # of an interval: what a late timer may win back
# Seconds, at the most: ``USED`` leaves 15 ms of each second free, and the network's jitter needs the rest of them.
CATCH_UP_MOST = 0.002
MINUTE = 61.0  # a sliding minute, with a second for the network
FOR_REPLIES = 2  # requests under way that a broadcast never occupies


def room_for_news(limits: Limits) -> int:
    return max(1, limits.at_once - FOR_REPLIES)


async def either(clock: Clock, seconds: float, event: asyncio.Event) -> None:
    """Sleep, or until something happens."""
    if event.is_set():
        return
    waiting = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


class NotNow(Exception):
    """The account was told to wait, or its session ends: this request does not leave."""


@dataclass(order=True)
class _Waiter:
    priority: int
    order: int
    who: Hashable = field(compare=False)
    group: bool = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Pace:
    """One account's pace. ``who`` is anything that stands for one recipient; priority 0 is an answer to a person."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._interval = 1 / (limits.per_second * USED)
        self._between = 1 / (limits.per_address * USED)
        # Starts empty: the session before may have used this second's budget.
        self._next = clock.monotonic() + self._interval
        self._held_until = 0.0
        self._closed = False
        self._under_way = 0
        self._next_to: dict[Hashable, float] = {}
        self._group_sends: dict[Hashable, deque[float]] = {}
        self._waiters: list[_Waiter] = []
        self._order = 0
        self._changed = asyncio.Event()

    def hold(self, seconds: float) -> None:
        """Nothing leaves for so long: the platform said so. Who waits is sent away."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)
        if self.held:
            self._send_away()

    def close(self) -> None:
        """Nothing leaves any more."""
        self._closed = True
        self._send_away()

    def _send_away(self) -> None:
        for waiter in self._waiters:
            if not waiter.turn.done():
                waiter.turn.set_exception(NotNow())
        self._waiters.clear()

    @property
    def held(self) -> float:
        """Seconds for which the whole account still has to wait."""
        return max(0.0, self._held_until - self._clock.monotonic())

    def rest(self, who: Hashable) -> float:
        """Seconds until ``who`` may hear something again."""
        return max(0.0, self._allowed_at(who) - self._clock.monotonic())

    @asynccontextmanager
    async def turn(self, priority: int, who: Hashable, *, group: bool = False) -> AsyncIterator[None]:
        """Wait until one request to ``who`` may leave; it is under way as long as the context lasts. Or ``NotNow``."""
        await self._turn(priority, who, group)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            # Counted from the answer: of two requests the first may be the slower one on its way.
            self._next_to[who] = self._clock.monotonic() + self._between
            self._changed.set()

    async def _turn(self, priority: int, who: Hashable, group: bool) -> None:
        if self._closed or self.held:
            raise NotNow
        self._order += 1
        waiter = _Waiter(priority, self._order, who, group, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._changed.set()
        try:
            await waiter.turn
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def run(self) -> None:
        """Give out turns, until cancelled."""
        while True:
            self._changed.clear()
            wait = self._give_a_turn()
            if wait is None:
                await self._changed.wait()
            else:
                await either(self._clock, wait, self._changed)

    def _give_a_turn(self) -> float | None:
        """Give the turn that is due. Returns the seconds until the next one may be, or None when nobody can go."""
        waiters = self._with_room()
        if not waiters:
            return None
        now = self._clock.monotonic()
        due = {waiter.order: max(self._next, self._allowed_at(waiter.who)) for waiter in waiters}
        ready = [waiter for waiter in waiters if due[waiter.order] <= now]
        if not ready:
            return max(min(due.values()) - now, 0.0005)
        waiter = min(ready)
        self._waiters.remove(waiter)
        self._take(waiter, now)
        if not waiter.turn.done():
            waiter.turn.set_result(None)
        return 0.0

    def _with_room(self) -> list[_Waiter]:
        if self._under_way >= self._limits.at_once:
            return []
        news_too = self._under_way < room_for_news(self._limits)
        return [waiter for waiter in self._waiters if waiter.priority == 0 or news_too]

    def _allowed_at(self, who: Hashable) -> float:
        allowed = self._next_to.get(who, 0.0)
        sends = self._group_sends.get(who)
        if sends and len(sends) == self._limits.per_group_minute:
            allowed = max(allowed, sends[0] + MINUTE)
        return allowed

    def _take(self, waiter: _Waiter, now: float) -> None:
        self._next = max(self._next, now - min(self._interval * CATCH_UP, CATCH_UP_MOST)) + self._interval
        self._next_to[waiter.who] = now + self._between
        if waiter.group and self._limits.per_group_minute:
            sends = self._group_sends.setdefault(waiter.who, deque(maxlen=self._limits.per_group_minute))
            sends.append(now)
        if len(self._next_to) > 10_000:
            self._next_to = {who: at for who, at in self._next_to.items() if at > now}
