"""One way in to either database: one writer with priorities, readers that cannot write, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import accounts, schema
from storage.database import BadDatabase, Database, PostgreSQL, Priority, SQLite, sqlite_engine
from storage.upgrade import upgrade
from tests.databases import opened, sqlite_url
from tests.storage.scene import count

ROOT = Path(__file__).resolve().parents[2]


def add(conn: Connection, name: str) -> None:
    conn.execute(schema.accounts.insert().values(name=name, channel="telegram"))


def names(conn: Connection) -> list[str]:
    return list(conn.scalars(sa.select(schema.accounts.c.name).order_by(schema.accounts.c.name)))


# ── Either ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_deed_that_raises_leaves_nothing_and_others_go_on(db: Database) -> None:
    def broken(conn: Connection) -> None:
        add(conn, "half")
        raise LookupError("not today")

    results = await asyncio.gather(db.write(add, "one"), db.write(broken), db.write(add, "two"), return_exceptions=True)
    assert isinstance(results[1], LookupError)
    assert await db.read(names) == ["one", "two"]


async def test_a_deed_that_breaks_a_constraint_leaves_nothing(db: Database) -> None:
    await db.write(add, "one")

    def twice(conn: Connection) -> None:
        add(conn, "two")
        add(conn, "one")

    with pytest.raises(sa.exc.IntegrityError):
        await db.write(twice)
    assert await db.read(names) == ["one"]


async def test_a_query_cannot_write(db: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        await db.read(add, "one")
    assert await db.read(names) == []


async def test_a_query_sees_one_state_of_the_tables(db: Database) -> None:
    if isinstance(db, SQLite):
        between, go_on = threading.Event(), threading.Event()

        def look(conn: Connection) -> tuple[int, int]:
            first = count(conn, schema.accounts)
            between.set()
            assert go_on.wait(10)
            return first, count(conn, schema.accounts)

        reading = asyncio.create_task(db.read(look))
        await asyncio.to_thread(between.wait)
        await db.write(add, "meanwhile")
        go_on.set()
        assert await reading == (0, 0)
        return
    assert isinstance(db, PostgreSQL)
    async with db._reading.connect() as reader:
        assert await reader.run_sync(count, schema.accounts) == 0
        await db.write(add, "meanwhile")
        assert await reader.run_sync(count, schema.accounts) == 0


async def test_what_was_handed_over_is_done_though_nobody_waits_for_it(sqlite: SQLite) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        started.set()
        assert go_on.wait(10)
        add(conn, "slow")

    waiting = asyncio.create_task(sqlite.write(slow))
    await asyncio.to_thread(started.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await sqlite.write(add, "next")
    assert await sqlite.read(names) == ["next", "slow"]


@pytest.mark.parametrize(
    "url", ["", "mysql://x/y", "var/serai.db", "sqlite://", "sqlite:///:memory:", "postgres//x", "postgres://x/y"]
)
def test_an_address_that_cannot_be_used_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(BadDatabase, match="database_url"):
        Database.open(url)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def pragma(conn: Connection, name: str) -> Any:
    return conn.exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_every_connection_overwrites_what_is_deleted_and_keeps_what_is_written(sqlite: SQLite) -> None:
    gate = threading.Barrier(4)

    def settings(conn: Connection) -> tuple[Any, ...]:
        return tuple(
            pragma(conn, name)
            for name in ("secure_delete", "journal_mode", "synchronous", "foreign_keys", "temp_store")
        )

    def with_the_others(conn: Connection) -> tuple[Any, ...]:
        gate.wait(10)  # so that each has a connection of its own
        return (*settings(conn), pragma(conn, "query_only"), pragma(conn, "wal_autocheckpoint"))

    expected = (1, "wal", 2, 1, 2)
    assert await sqlite.write(settings) == expected
    for reader in await asyncio.gather(*(sqlite.read(with_the_others) for _ in range(4))):
        assert reader == (*expected, 1, 0)


async def test_all_deeds_run_one_after_the_other_in_one_thread(sqlite: SQLite) -> None:
    inside: list[str] = []
    threads = set()

    def deed(conn: Connection) -> None:
        inside.append("begins")
        threads.add(threading.current_thread().name)
        add(conn, str(len(inside)))
        inside.append("ends")

    await asyncio.gather(*(sqlite.write(deed) for _ in range(50)))
    assert inside == ["begins", "ends"] * 50
    assert threads == {"writer"}


async def test_an_update_overtakes_results_and_bulk_work_that_wait(sqlite: SQLite) -> None:
    started, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def hold(conn: Connection) -> None:
        started.set()
        assert go_on.wait(10)

    def deed(conn: Connection, name: str) -> None:
        done.append(name)

    first = asyncio.create_task(sqlite.write(hold))
    await asyncio.to_thread(started.wait)
    waiting = [
        asyncio.create_task(sqlite.write(deed, f"{priority.name} {n}", priority=priority))
        for n in (1, 2)
        for priority in (Priority.bulk, Priority.result, Priority.update)
    ]
    await asyncio.sleep(0)  # all of them are in the queue
    go_on.set()
    await asyncio.gather(first, *waiting)
    assert done == ["update 1", "update 2", "result 1", "result 2", "bulk 1", "bulk 2"]


async def test_readers_do_not_wait_for_the_writer(sqlite: SQLite) -> None:
    started, go_on = threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        add(conn, "not yet")
        started.set()
        assert go_on.wait(10)

    writing = asyncio.create_task(sqlite.write(hold))
    await asyncio.to_thread(started.wait)
    assert await sqlite.read(names) == []
    go_on.set()
    await writing
    assert await sqlite.read(names) == ["not yet"]


@pytest.mark.parametrize("fault", [StopIteration, GeneratorExit, asyncio.CancelledError])
async def test_the_writer_goes_on_whatever_a_deed_raises(sqlite: SQLite, fault: type[BaseException]) -> None:
    def broken(conn: Connection) -> None:
        add(conn, "half")
        raise fault

    task = asyncio.ensure_future(sqlite.write(broken))
    done, _ = await asyncio.wait([task], timeout=10)
    assert done == {task}
    assert task.cancelled() or task.exception() is not None
    await sqlite.write(add, "whole")
    assert await sqlite.read(names) == ["whole"]


async def test_closing_does_what_waits_and_empties_the_log(sqlite_url: str, tmp_path: Path) -> None:
    db = Database.open(sqlite_url)
    waiting = [asyncio.create_task(db.write(add, str(n), priority=Priority.bulk)) for n in range(20)]
    await asyncio.sleep(0)
    await db.close()
    await asyncio.gather(*waiting)
    with pytest.raises(RuntimeError, match="closed"):
        await db.write(add, "late")
    await db.close()
    assert not (tmp_path / "serai.db-wal").exists()
    async with opened(sqlite_url) as again:
        assert len(await again.read(names)) == 20


async def test_a_full_disk_fails_the_deed_and_not_the_database(sqlite: SQLite) -> None:
    def limit(conn: Connection, more: int) -> None:
        pages = pragma(conn, "page_count")
        pragma(conn, f"max_page_count={pages + more}")

    def much(conn: Connection) -> None:
        for n in range(200):
            accounts.put(conn, f"{n}" + "x" * 4_000, "telegram")

    await sqlite.write(limit, 2)
    with pytest.raises(sa.exc.OperationalError, match="full"):
        await sqlite.write(much)
    assert await sqlite.read(names) == []
    await sqlite.write(limit, 10_000)
    await sqlite.write(much)
    assert len(await sqlite.read(names)) == 200


async def test_only_the_writer_checkpoints(sqlite: SQLite, tmp_path: Path) -> None:
    await sqlite.write(add, "one")
    log = tmp_path / "serai.db-wal"
    before = log.stat().st_size
    assert before
    for _ in range(8):
        await sqlite.read(names)
    sqlite._readers.dispose()
    assert log.stat().st_size == before


async def test_what_is_deleted_is_gone_from_the_file(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url) as db:
        await db.write(add, "canary-8c1f")
        await db.write(lambda conn: conn.execute(schema.accounts.delete()))
    assert b"canary-8c1f" not in (tmp_path / "serai.db").read_bytes()


KILLED = """
    import asyncio, sys
    from storage import schema
    from storage.database import Database

    def add(conn, name):
        conn.execute(schema.accounts.insert().values(name=name, channel="telegram"))

    async def main():
        db = Database.open(sys.argv[1])
        for n in range(100_000):
            await db.write(add, f"{n:06}")
            print(f"{n:06}", flush=True)

    asyncio.run(main())
"""


def told_before_the_kill(sqlite_url: str) -> list[str]:
    """Names whose writes had returned when their process was killed in the middle of its work."""
    script = [sys.executable, "-c", textwrap.dedent(KILLED), sqlite_url]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        told = [process.stdout.readline().strip() for _ in range(50)]
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    return told


async def test_what_was_written_outlives_a_kill(sqlite_url: str, tmp_path: Path) -> None:
    told = await asyncio.to_thread(told_before_the_kill, sqlite_url)
    async with opened(sqlite_url) as db:
        kept = await db.read(names)
    assert set(told) <= set(kept)
    assert kept == [f"{n:06}" for n in range(len(kept))]  # and no hole
    assert len(kept) - len(told) <= 1
    with sqlite3.connect(tmp_path / "serai.db") as check:
        assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("serai.db*")}


async def test_whoever_opens_a_file_for_reading_only_leaves_all_of_it_as_it_is(
    sqlite: SQLite, sqlite_url: str, tmp_path: Path
) -> None:
    await sqlite.write(add, "one")
    before = files(tmp_path)
    assert before["serai.db-wal"]
    reader = Database.open(sqlite_url, read_only=True)
    await reader.reach()
    assert await reader.read(names) == ["one"]
    await sqlite.write(add, "two")
    assert await reader.read(names) == ["one", "two"]
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        await reader.write(add, "three")
    before = files(tmp_path)
    await reader.close()
    after = files(tmp_path)
    assert {name: after[name] for name in ("serai.db", "serai.db-wal")} == {
        name: before[name] for name in ("serai.db", "serai.db-wal")
    }


async def test_a_file_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path / "serai.db"), read_only=True) as db:
        with pytest.raises(BadDatabase, match="cannot be opened"):
            await db.reach()
    assert files(tmp_path) == {}


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "serai.db"
    path.write_text("no database at all" * 100)
    with pytest.raises(BadDatabase, match=r"serai\.db cannot be opened"):
        Database.open(sqlite_url(path))


async def test_writers_and_readers_may_be_first_at_a_new_file_all_at_once(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "new.db")
    async with opened(url) as one, opened(url) as two:
        look = sa.text("SELECT count(*) FROM sqlite_master")
        reads = [db.read(lambda conn: conn.scalar(look)) for db in (one, two) for _ in range(4)]
        writes = [db.write(lambda conn: conn.execute(look).scalar()) for db in (one, two)]
        assert set(await asyncio.gather(*reads, *writes)) == {0}


def test_a_new_file_is_made_with_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "var" / "deep" / "serai.db"
    engine = sqlite_engine(sqlite_url(path), writer=True)
    with engine.begin() as conn:
        upgrade(conn)
    engine.dispose()
    assert path.exists()


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_deadlock_is_done_again(postgresql: PostgreSQL) -> None:
    for name in ("a", "b"):
        await postgresql.write(add, name)

    def lock(conn: Connection, name: str) -> None:
        conn.execute(sa.select(schema.accounts).where(schema.accounts.c.name == name).with_for_update())

    tries: list[str] = []

    def crosswise(conn: Connection, first: str, second: str) -> None:
        tries.append(first)
        lock(conn, first)
        conn.execute(sa.text("SELECT pg_sleep(0.2)"))
        lock(conn, second)
        conn.execute(schema.accounts.update().where(schema.accounts.c.name == first).values(broken="done"))

    await asyncio.gather(postgresql.write(crosswise, "a", "b"), postgresql.write(crosswise, "b", "a"))
    assert len(tries) == 3
    assert {state.broken for state in await postgresql.read(accounts.all_of_them)} == {"done"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"database": "serai_is_not_here"}, "cannot be opened .*serai_is_not_here"),
        ({"username": "nobody_of_this_name"}, "cannot be opened .*nobody_of_this_name"),
        ({"host": "127.0.0.1", "port": 9}, "does not answer"),
    ],
)
async def test_a_server_that_cannot_be_had_is_told_in_a_sentence(
    postgresql_url: str, change: dict[str, Any], told: str
) -> None:
    url = sa.engine.make_url(postgresql_url).set(**change).render_as_string(hide_password=False)
    async with opened(url) as db:
        with pytest.raises(BadDatabase, match=told):
            await db.reach()


async def test_a_transaction_that_hangs_is_ended_by_the_server(postgresql: PostgreSQL) -> None:
    async with postgresql.engine.connect() as conn:
        limit = (await conn.execute(sa.text("SHOW idle_in_transaction_session_timeout"))).scalar()
    assert limit == "1min"


async def test_after_the_server_dropped_all_connections_the_next_deed_is_done(postgresql: PostgreSQL) -> None:
    await postgresql.write(add, "before")
    others = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with opened(postgresql.engine.url.set(drivername="postgresql").render_as_string(False)) as admin:
        await admin.write(lambda conn: conn.execute(others).all())
    await postgresql.write(add, "next")
    assert await postgresql.read(names) == ["before", "next"]
