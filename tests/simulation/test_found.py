"""What the simulation found, each as the smallest test that shows it."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from bot.delivery.pace import Pace
from channels.contract import Limits
from storage import deliveries, people
from storage.database import Connection, Database
from storage.keys import KeyStore
from tests.simulation.house import BASE
from tests.simulation.loop import simulated
from tests.storage.scene import LEASE, NOW, a_dispatch, claim_and_mark, drive, planned, row_of, someone

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


def both(conn: Connection, keys: KeyStore) -> list[int]:
    """Two names of one chat, and nobody knows: each is somebody who wants everything."""
    return [someone(conn, keys, name).id for name in ("1", "2")]


async def test_who_is_joined_in_the_middle_of_a_broadcast_is_not_told_again(db: Database, keys: KeyStore) -> None:
    """They have it by their other name, from this very broadcast."""
    old, _ = await db.write(both, keys)
    await db.write(lambda conn: planned(conn, a_dispatch(conn)))
    epoch = await db.write(drive)
    marked = await db.write(lambda conn: claim_and_mark(conn, keys, epoch))
    assert marked.address == "1"
    await db.write(deliveries.part_sent, marked, 1, "77", NOW, done=True)
    await db.write(people.rename, keys, old, "2")
    [claimed] = await db.write(deliveries.claim, "main", epoch, NOW, 10)
    assert await db.write(deliveries.mark_sending, keys, claimed.id, LEASE, epoch, NOW) is None
    assert (await row_of(db, claimed.id)).state == "told"
