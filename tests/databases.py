"""Fresh databases for tests, of both kinds and at little cost: upgraded once, then copied or, on PostgreSQL, emptied.

A test that changes tables, not just rows, takes a database of its own: ``empty_postgresql``.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
import sqlalchemy as sa

from storage.database import Database
from storage.schema import metadata
from storage.upgrade import upgrade

KINDS = ("sqlite", "postgresql")
SERVER = os.environ.get("SERAI_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/postgres")
PREFIX = "serai_test_"
FORGOTTEN = 24 * 3600  # seconds after which a database of tests that were killed is cleared away


def apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run ``work`` to its end in a loop of its own, whatever loop there is here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def sqlite_template(directory: Path) -> Path:
    """A file with all tables in it, to be copied."""
    path = directory / "template.db"
    apart(_upgraded(sqlite_url(path)))
    return path


@contextmanager
def fresh_sqlite(template: Path, directory: Path) -> Iterator[str]:
    path = directory / "serai.db"
    shutil.copy(template, path)
    yield sqlite_url(path)


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────


def need_postgresql() -> None:
    """Skip where there is no server; in CI there has to be one."""
    try:
        apart(_do("SELECT 1"))
    except (OSError, asyncpg.PostgresError) as error:
        # Without its password.
        where = sa.engine.make_url(SERVER).render_as_string(hide_password=True)
        missing = (
            f"No PostgreSQL at {where} ({type(error).__name__}). Start one that lets you in and makes databases, "
            "or name it in SERAI_TEST_POSTGRESQL."
        )
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


@contextmanager
def empty_postgresql() -> Iterator[str]:
    """The address of a database without tables, dropped afterwards."""
    name = f"{PREFIX}{int(time.time())}_{secrets.token_hex(4)}"
    apart(_do(f'CREATE DATABASE "{name}"'))
    try:
        yield sa.engine.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        apart(_do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@contextmanager
def upgraded_postgresql() -> Iterator[str]:
    """The address of a database with all tables, dropped afterwards."""
    apart(_sweep())
    with empty_postgresql() as url:
        apart(_upgraded(url))
        yield url


# A hundred times quicker than making a database for each test.
EMPTY = [
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    *(f"DELETE FROM {table}" for table in ["dispatch_words", *reversed(metadata.sorted_tables)]),  # noqa: S608
    "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'",
]


@contextmanager
def emptied_postgresql(url: str) -> Iterator[str]:
    """This database for one test, empty again afterwards."""
    try:
        yield url
    finally:
        apart(_do(";".join(EMPTY), url))


async def _sweep() -> None:
    """What tests that were killed left behind."""
    connection = await asyncpg.connect(SERVER)
    try:
        for row in await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"{PREFIX}%"):
            made_at = row["datname"].removeprefix(PREFIX).split("_")[0]
            if made_at.isdecimal() and int(made_at) < time.time() - FORGOTTEN:
                await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}"')
    finally:
        await connection.close()


async def _do(statement: str, url: str = SERVER) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


# ── Both ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _upgraded(url: str) -> None:
    async with opened(url) as db:
        await db.write(upgrade)


@asynccontextmanager
async def opened(url: str, *, read_only: bool = False) -> AsyncIterator[Database]:
    db = Database.open(url, read_only=read_only)
    try:
        yield db
    finally:
        await db.close()
