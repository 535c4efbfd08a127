"""One holder at a time, and an epoch that only grows."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import leases, schema
from storage.database import Database, PostgreSQL, SQLite


def left(conn: Connection, milliseconds: int) -> None:
    """Let all leases have so long left, by the database's clock."""
    now = leases.database_time(conn)
    conn.execute(schema.leases.update().values(expires_at=now + milliseconds))


async def test_each_session_has_a_greater_epoch(db: Database) -> None:
    epochs: list[int | None] = [await db.write(leases.take, "a", "me") for _ in range(5)]
    assert sorted({epoch for epoch in epochs if epoch}) == epochs


async def test_an_epoch_grows_though_the_clock_went_back(db: Database) -> None:
    first = await db.write(leases.take, "a", "me")
    assert first
    ahead = first + 3_600_000
    await db.write(lambda conn: conn.execute(schema.leases.update().values(epoch=ahead)))
    assert await db.write(leases.take, "a", "me") == ahead + 1


async def test_an_epoch_is_not_below_the_time_so_that_a_lagging_replica_cannot_repeat_one(db: Database) -> None:
    epoch = await db.write(leases.take, "a", "me")
    assert epoch
    assert abs(epoch - await db.read(leases.database_time)) < 60_000


async def test_a_lease_of_another_epoch_is_neither_held_nor_renewed(db: Database) -> None:
    old = await db.write(leases.take, "a", "me")
    new = await db.write(leases.take, "a", "me")
    assert old
    assert new
    assert await db.read(leases.holds, "a", new)
    assert await db.write(leases.renew, "a", new)
    assert not await db.read(leases.holds, "a", old)
    assert not await db.write(leases.renew, "a", old)
    await db.write(leases.release, "a", old)  # too late: it is the new session's
    assert await db.read(leases.holds, "a", new)


async def test_leases_of_different_names_know_nothing_of_each_other(db: Database) -> None:
    one = await db.write(leases.take, "one", "me")
    two = await db.write(leases.take, "two", "you")
    assert one
    assert two
    assert await db.read(leases.holds, "one", one)
    assert await db.read(leases.holds, "two", two)
    assert not await db.read(leases.holds, "three", two)


async def test_nobody_else_gets_a_lease_that_runs(postgresql: PostgreSQL) -> None:
    epoch = await postgresql.write(leases.take, "a", "me")
    assert epoch
    assert await postgresql.write(leases.take, "a", "you") is None
    await postgresql.write(leases.release, "a", epoch)
    assert await postgresql.write(leases.take, "a", "you")


async def test_a_lease_ends_by_the_clock_of_the_database(postgresql: PostgreSQL) -> None:
    epoch = await postgresql.write(leases.take, "a", "me", 0.1)
    assert epoch
    await asyncio.sleep(0.2)
    assert not await postgresql.write(leases.renew, "a", epoch)
    assert await postgresql.write(leases.take, "a", "you")


async def test_no_send_begins_with_less_than_two_seconds_left(postgresql: PostgreSQL) -> None:
    epoch = await postgresql.write(leases.take, "a", "me")
    assert epoch
    await postgresql.write(left, 1_900)
    assert not await postgresql.read(leases.holds, "a", epoch)
    assert await postgresql.write(leases.renew, "a", epoch)
    assert await postgresql.read(leases.holds, "a", epoch)


async def test_of_many_who_ask_at_once_one_gets_it(postgresql: PostgreSQL) -> None:
    got = await asyncio.gather(*(postgresql.write(leases.take, "a", f"host {n}") for n in range(8)))
    assert len([epoch for epoch in got if epoch]) == 1


async def test_on_sqlite_the_file_lock_is_the_lease_and_a_new_session_takes_over_at_once(sqlite: SQLite) -> None:
    old = await sqlite.write(leases.take, "a", "before the crash")
    await sqlite.write(left, -5_000)
    assert old
    assert await sqlite.read(leases.holds, "a", old)  # nobody took over: it is still this process
    assert await sqlite.write(leases.take, "a", "after it")
    assert not await sqlite.read(leases.holds, "a", old)


async def test_a_lease_is_kept_in_whole_milliseconds(db: Database) -> None:
    await db.write(leases.take, "a", "me", 7.9999)
    kept = await db.read(lambda conn: conn.execute(sa.select(schema.leases.c.expires_at)).scalar_one())
    assert isinstance(kept, int)
