"""What came in is kept once and handled once, each address's words in their order."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, people, schema, updates
from storage.database import Database, PostgreSQL
from storage.keys import KeyStore
from storage.updates import Waiting
from tests.storage.scene import NOW, after, count, said


def kept(conn: Connection, keys: KeyStore, *incoming: updates.Incoming, account: str = "main") -> int:
    return updates.receive(conn, keys, "telegram", account, incoming, NOW)


def handle_all(conn: Connection, keys: KeyStore) -> list[str]:
    words = []
    while waiting := updates.next_waiting(conn, keys):
        words.append(waiting.body.decode())
        updates.handled(conn, waiting.id, NOW)
    return words


async def test_an_update_that_comes_twice_is_kept_once(db: Database, keys: KeyStore) -> None:
    assert await db.write(kept, keys, said("1", "a"), said("2", "a"), said("1", "a")) == 2
    assert await db.write(kept, keys, said("2", "a"), said("3", "b")) == 1
    assert await db.write(kept, keys, said("2", "a")) == 0
    assert await db.read(count, schema.updates) == 3


async def test_an_update_that_was_handled_is_still_known(db: Database, keys: KeyStore) -> None:
    await db.write(kept, keys, said("1", "a"))
    await db.write(handle_all, keys)
    assert await db.write(kept, keys, said("1", "a")) == 0
    assert await db.write(handle_all, keys) == []


async def test_two_accounts_may_use_the_same_number_for_an_update(db: Database, keys: KeyStore) -> None:
    assert await db.write(kept, keys, said("1", "a")) == 1
    assert await db.write(kept, keys, said("1", "a"), account="second") == 1


async def test_updates_are_handled_in_the_order_in_which_they_came_repeats_aside(db: Database, keys: KeyStore) -> None:
    await db.write(
        kept, keys, said("9", "a", "one"), said("1", "b", "two"), said("9", "a", "one"), said("5", "a", "three")
    )
    assert await db.write(handle_all, keys) == ["one", "two", "three"]


async def test_a_batch_is_kept_whole_or_not_at_all(db: Database, keys: KeyStore) -> None:
    def broken(conn: Connection) -> None:
        kept(conn, keys, said("1", "a"), said("2", "b"))
        raise OSError("disk")

    with pytest.raises(OSError):
        await db.write(broken)
    assert await db.read(count, schema.updates) == 0
    assert await db.read(count, schema.people) == 0
    assert await db.write(kept, keys, said("1", "a"), said("2", "b")) == 2


async def test_what_fails_is_tried_three_times_then_others_of_the_address_go_on(db: Database, keys: KeyStore) -> None:
    await db.write(kept, keys, said("1", "a", "poison"), said("2", "a", "next"))

    def try_once(conn: Connection) -> tuple[bytes, bool]:
        waiting = updates.next_waiting(conn, keys)
        assert waiting
        return waiting.body, updates.failed(conn, waiting.id)

    assert [await db.write(try_once) for _ in range(4)] == [
        (b"poison", False),
        (b"poison", False),
        (b"poison", True),
        (b"next", False),
    ]


async def test_an_update_whose_person_was_erased_meanwhile_is_no_fault(db: Database, keys: KeyStore) -> None:
    await db.write(kept, keys, said("1", "a"))
    waiting = await db.write(updates.next_waiting, keys)
    assert waiting
    await db.write(lambda conn: conn.execute(schema.people.delete()))
    assert not await db.write(updates.failed, waiting.id)


async def test_words_that_nobody_can_open_any_more_hold_nobody_up(db: Database, keys: KeyStore) -> None:
    await db.write(kept, keys, said("1", "a", "erased"), said("2", "b", "next"))
    erased = await db.read(people.find, keys, "telegram", "main", "a")
    assert erased
    keys.destroy(erased.key_id)
    assert await db.write(handle_all, keys) == ["next"]


async def test_what_was_handled_leaves_no_words(db: Database, keys: KeyStore) -> None:
    await db.write(kept, keys, said("1", "a"))
    await db.write(handle_all, keys)
    row = await db.read(lambda conn: conn.execute(sa.select(schema.updates)).one())
    assert (row.state, row.sealed, row.record) == ("handled", b"", "")


async def test_after_eight_days_an_update_is_forgotten_with_its_reply(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        kept(conn, keys, said("1", "a"), said("2", "b"))
        waiting = updates.next_waiting(conn, keys)
        assert waiting
        address = people.address(conn, waiting.address_id)
        deliveries.reply(conn, keys, address=address, message=b"x", purpose="reply", now=NOW, update_id=waiting.id)
        updates.handled(conn, waiting.id, NOW)

    await db.write(live)
    assert await db.write(updates.forget, after(days=7, hours=23)) == 0
    assert await db.write(updates.forget, NOW + updates.REMEMBERED + timedelta(seconds=1)) == 3  # 2 names, 1 update
    assert await db.read(count, schema.seen_updates) == 0
    assert await db.read(count, schema.deliveries) == 0
    assert await db.write(handle_all, keys) == ["hello"]  # what waits still waits


async def test_forgetting_goes_in_small_steps(db: Database, keys: KeyStore) -> None:
    await db.write(kept, keys, *(said(str(n), "a") for n in range(5)))
    await db.write(handle_all, keys)
    late = after(days=9)
    steps = [await db.write(updates.forget, late, 2) for _ in range(4)]
    assert steps == [4, 4, 2, 0]


# ── Several at once ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_two_workers_never_get_the_same_update_nor_two_of_one_address(
    postgresql: PostgreSQL, keys: KeyStore
) -> None:
    await postgresql.write(kept, keys, said("1", "a", "a1"), said("2", "a", "a2"), said("3", "b", "b1"))
    engine = postgresql.engine
    async with engine.begin() as one, engine.begin() as two, engine.begin() as three:
        first = await one.run_sync(updates.next_waiting, keys)
        second = await two.run_sync(updates.next_waiting, keys)
        third = await three.run_sync(updates.next_waiting, keys)
        assert isinstance(first, Waiting)
        assert isinstance(second, Waiting)
        assert (first.body, second.body, third) == (b"a1", b"b1", None)
        await one.run_sync(updates.handled, first.id, NOW)
    left = await postgresql.write(updates.next_waiting, keys)
    assert left
    assert left.body == b"a2"


async def test_a_worker_that_dies_gives_its_update_back(postgresql: PostgreSQL, keys: KeyStore) -> None:
    await postgresql.write(kept, keys, said("1", "a", "a1"))
    async with postgresql.engine.connect() as dying:
        assert await dying.run_sync(updates.next_waiting, keys)
        assert await postgresql.write(updates.next_waiting, keys) is None
        await dying.invalidate()
    again = await postgresql.write(updates.next_waiting, keys)
    assert again
    assert again.body == b"a1"


async def test_every_update_is_handled_once_and_in_order_by_many_workers(
    postgresql: PostgreSQL, keys: KeyStore
) -> None:
    names = "abcd"
    await postgresql.write(kept, keys, *(said(f"{n}", names[n % 4], f"{names[n % 4]}{n:02}") for n in range(40)))
    handled: list[str] = []

    def handle_one(conn: Connection) -> bool:
        waiting = updates.next_waiting(conn, keys)
        if waiting is None:
            return False
        handled.append(waiting.body.decode())
        updates.handled(conn, waiting.id, NOW)
        return True

    async def work() -> None:
        idle = 0
        while idle < 20:
            idle = 0 if await postgresql.write(handle_one) else idle + 1

    await asyncio.gather(*(work() for _ in range(4)))
    assert len(handled) == len(set(handled)) == 40
    for name in names:
        of_one = [words for words in handled if words.startswith(name)]
        assert of_one == sorted(of_one)


async def test_the_same_batch_by_two_doors_at_once_is_kept_once(postgresql: PostgreSQL, keys: KeyStore) -> None:
    batch = [said(str(n), str(n % 3)) for n in range(20)]
    counts = await asyncio.gather(
        *(postgresql.write(kept, keys, *order) for order in (batch, batch[::-1], batch, batch[::-1]))
    )
    assert sum(counts) == 20
    assert await postgresql.read(count, schema.updates) == 20
    assert await postgresql.read(count, schema.people) == 3


async def test_somebody_whom_two_processes_meet_at_once_is_one_person(postgresql: PostgreSQL, keys: KeyStore) -> None:
    async with postgresql.engine.begin() as one:
        await one.run_sync(kept, keys, said("1", "new"))
        other = asyncio.create_task(postgresql.write(kept, keys, said("2", "new")))
        await asyncio.sleep(0.1)
        assert not other.done()
    assert await other == 1
    assert await postgresql.read(count, schema.people) == 1
    assert await postgresql.write(handle_all, keys) == ["hello", "hello"]
