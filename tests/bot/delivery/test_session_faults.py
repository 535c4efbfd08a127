"""The database fails at each statement of the courier, before or after its commit: nothing is lost, little is repeated.

And a courier ends when it is told to, wherever it is, and leaves nothing running.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest

from bot.delivery.lease import RENEW
from storage.database import Database
from storage.keys import KeyStore
from tests.bot.delivery.office import Office, SpedClock, bot_account, fails, until
from tests.providers.telegram import TelegramStandIn

DEEDS = ["take", "put", "reap", "claim", "mark_sending", "get", "part_sent", "renew", "release"]
PEOPLE = 12


@pytest.fixture
def bot() -> Iterator[TelegramStandIn]:
    with TelegramStandIn(rate=1000, chat_burst=50) as stand_in:
        yield stand_in
        assert stand_in.violations == []


@pytest.fixture
def office(db: Database, keys: KeyStore, bot: TelegramStandIn) -> Office:
    return Office(db, keys, bot_account(bot), clock=SpedClock(speed=8))


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_of_the_database_loses_nothing_and_repeats_nothing(
    office: Office, bot: TelegramStandIn, deed: str, when: str
) -> None:
    """Nobody hears it twice: until a row is marked nothing left us, and a result is written until it is kept."""
    await office.people(*range(PEOPLE))
    getattr(office.between, when)[deed] = fails
    async with office.driving():
        await office.news()
        await office.clock.sleep(1.5 * RENEW)
        office.clock.forward(31)  # elsewhere a request may be under way for so long
        rows = await office.ends("sent")
    assert len(rows) == PEOPLE
    assert Counter(int(message.chat_id) for message in bot.sent) == Counter(range(PEOPLE))


async def test_a_result_that_cannot_be_written_for_long_costs_one_second_copy_at_the_most(
    office: Office, bot: TelegramStandIn
) -> None:
    await office.people(*range(PEOPLE))

    async def again() -> None:
        office.between.before["part_sent"] = again
        raise OSError("disk full")

    office.between.before["part_sent"] = again
    async with office.driving() as courier:
        await office.news()
        first = courier.epoch
        await until(lambda: courier.driving and courier.epoch > first)
        office.between.before.clear()
        office.clock.forward(31)
        await until(lambda: len(set(map(_chat, bot.sent))) == PEOPLE)
        await office.clock.sleep(10)
        states = {row.state for row in await office.rows()}
    assert states <= {"sent", "unclear"}
    copies = Counter(map(_chat, bot.sent))
    assert set(copies) == set(range(PEOPLE))
    assert max(copies.values()) <= 2


def _chat(message: object) -> int:
    return int(message.chat_id)  # type: ignore[attr-defined]


# ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def nothing(office: Office, bot: TelegramStandIn) -> None:
    await until(lambda: office.courier.driving)


async def requests_under_way(office: Office, bot: TelegramStandIn) -> None:
    bot.delay(0.5)
    await office.news()
    await until(lambda: "sendMessage" in bot.methods())


async def a_held_account(office: Office, bot: TelegramStandIn) -> None:
    bot.throttle(60)
    await office.news()
    await until(lambda: bot.held_429)


async def a_pause_between_parts(office: Office, bot: TelegramStandIn) -> None:
    await office.news(" ".join(f"word{number}" for number in range(900)))
    await until(lambda: len(bot.sent) >= PEOPLE)


async def a_fault(office: Office, bot: TelegramStandIn) -> None:
    office.between.before["claim"] = fails
    await until(lambda: not office.between.before)


PLACES = [nothing, requests_under_way, a_held_account, a_pause_between_parts, a_fault]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize("how", ["stop", "cancel"])
async def test_a_courier_ends_wherever_it_is_and_leaves_no_task_and_no_row_in_hand(
    db: Database,
    keys: KeyStore,
    bot: TelegramStandIn,
    place: Callable[[Office, TelegramStandIn], Awaitable[None]],
    how: str,
) -> None:
    office = Office(db, keys, bot_account(bot))
    await office.people(*range(PEOPLE))
    await office.channel.open()
    before = asyncio.all_tasks()
    running = asyncio.create_task(office.courier.run())
    await place(office, bot)
    if how == "stop":
        await office.courier.stop()
    else:
        running.cancel()
    await asyncio.wait({running}, timeout=5)
    assert running.done()
    assert running.cancelled() == (how == "cancel")
    await office.channel.close()
    await asyncio.sleep(0.1)  # what was cancelled has ended by then
    assert asyncio.all_tasks() == before
    states = {row.state for row in await office.rows()}
    assert states <= {"pending", "sent"}
    bot.delay(0)
