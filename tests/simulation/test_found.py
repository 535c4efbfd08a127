"""What the simulation found, each as the smallest test that shows it."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from bot.delivery.pace import Pace
from channels.contract import Limits
from tests.simulation.loop import simulated
from tests.simulation.world import BASE

JITTER = 0.010  # seconds by which the network may bring a later request nearer to an earlier one


class LateClock:
    """Every third timer is late, as in a process that has much to do."""

    def __init__(self) -> None:
        self._slept = count(1)

    def now(self):  # type: ignore[no-untyped-def]
        return BASE

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds + (0.09 if next(self._slept) % 3 == 0 else 0.0))


@pytest.mark.parametrize("rate", [1, 5, 20, 30])
def test_what_a_late_timer_wins_back_leaves_room_for_the_network(rate: int) -> None:
    """At a low rate it was more than the limit leaves free: six requests in a second of five."""

    async def turns() -> list[float]:
        clock = LateClock()
        pace = Pace(Limits(per_second=rate), clock)
        left: list[float] = []

        async def one(who: int) -> None:
            async with pace.turn(5, who):
                left.append(clock.monotonic())

        giving = asyncio.create_task(pace.run())
        await asyncio.gather(*map(one, range(6 * rate)))
        giving.cancel()
        return left

    with simulated() as loop:
        left = loop.run_until_complete(turns())
    assert min(last - first for first, last in zip(left, left[rate:], strict=False)) >= 1.0 + JITTER
