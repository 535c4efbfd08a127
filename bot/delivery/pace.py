"""When the next request of an account may leave.

The platform's limits hold in every sliding window: requests are spaced evenly (GCRA with a burst of one, L3) at 0.985
of the rate, for at exactly 30 a second a jitter of the network shows 31 in some sliding second. Who waits is served by
priority, so that a person's answer overtakes a broadcast.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from bot.clock import Clock
from channels.contract import Limits

USED = 0.985  # of a limit
CATCH_UP = 0.05  # of an interval: what a late timer may win back
MINUTE = 61.0  # a sliding minute, with a second for the network


@dataclass(order=True)
class _Waiter:
    priority: int
    order: int
    who: Hashable = field(compare=False)
    group: bool = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Pace:
    """One account's pace. ``who`` is anything that stands for one recipient."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._interval = 1 / (limits.per_second * USED)
        self._between = 1 / (limits.per_address * USED)
        # Starts empty: the session before may have used this second's budget.
        self._next = clock.monotonic() + self._interval
        self._held_until = 0.0
        self._next_to: dict[Hashable, float] = {}
        self._group_sends: dict[Hashable, deque[float]] = {}
        self._waiters: list[_Waiter] = []
        self._order = 0
        self._changed = asyncio.Event()

    def hold(self, seconds: float) -> None:
        """Nothing leaves for so long: the platform said so."""
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)

    @property
    def held(self) -> float:
        """Seconds for which the whole account still has to wait."""
        return max(0.0, self._held_until - self._clock.monotonic())

    async def turn(self, priority: int, who: Hashable, *, group: bool = False) -> None:
        """Wait until one request to ``who`` may leave, and take that turn."""
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
            elif wait > 0:
                await self._either(wait)

    def _give_a_turn(self) -> float | None:
        """Give the turn that is due; else the seconds until one may be, or None when nobody waits."""
        if not self._waiters:
            return None
        now = self._clock.monotonic()
        common = max(self._next, self._held_until)
        due = {waiter.order: max(common, self._allowed_at(waiter, now)) for waiter in self._waiters}
        ready = [waiter for waiter in self._waiters if due[waiter.order] <= now]
        if not ready:
            return max(min(due.values()) - now, 0.0005)
        waiter = min(ready)
        self._waiters.remove(waiter)
        self._take(waiter, now)
        if not waiter.turn.done():
            waiter.turn.set_result(None)
        return 0.0

    def _allowed_at(self, waiter: _Waiter, now: float) -> float:
        allowed = self._next_to.get(waiter.who, 0.0)
        sends = self._group_sends.get(waiter.who)
        if waiter.group and self._limits.per_group_minute and sends and len(sends) >= self._limits.per_group_minute:
            allowed = max(allowed, sends[0] + MINUTE)
        return allowed

    def _take(self, waiter: _Waiter, now: float) -> None:
        self._next = max(self._next, now - self._interval * CATCH_UP) + self._interval
        self._next_to[waiter.who] = now + self._between
        if waiter.group and self._limits.per_group_minute:
            sends = self._group_sends.setdefault(waiter.who, deque(maxlen=self._limits.per_group_minute))
            sends.append(now)
        if len(self._next_to) > 10_000:
            self._next_to = {who: at for who, at in self._next_to.items() if at > now}

    async def _either(self, seconds: float) -> None:
        """Sleep, or until somebody new waits."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        changing = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({sleeping, changing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            changing.cancel()
