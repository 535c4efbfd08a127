"""The migrations make the tables that the program speaks of, and take them away again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from storage.database import Database
from storage.keys import KeyStore
from storage.schema import metadata
from storage.upgrade import config, downgrade, upgrade, versions
from tests import databases
from tests.storage.scene import a_dispatch, claim_and_mark, drive, planned, someone

SEARCH = "dispatch_words"  # each database has its own kind; its tables are not in the schema


@pytest.fixture(params=databases.KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield databases.sqlite_url(tmp_path / "empty.db")
        return
    databases.need_postgresql()
    with databases.empty_postgresql() as url:
        yield url


def tables(conn: Connection) -> set[str]:
    return set(sa.inspect(conn).get_table_names()) - {"alembic_version"}


def differences(conn: Connection) -> list[Any]:
    context = MigrationContext.configure(
        conn,
        opts={
            "include_name": lambda name, kind, parents: not (kind == "table" and (name or "").startswith(SEARCH)),
            # How SQLite spells an empty default is not how it was written.
            "compare_server_default": conn.dialect.name == "postgresql",
        },
    )
    return list(compare_metadata(context, metadata))


async def test_the_version_that_is_needed_is_the_one_that_alembic_leads_to(sqlite: Database) -> None:
    current, needed = await sqlite.read(versions)
    assert needed == ScriptDirectory.from_config(config()).get_current_head()
    assert current == await sqlite.read(lambda conn: MigrationContext.configure(conn).get_current_revision())


async def test_an_empty_database_is_brought_up_and_back_down(empty_url: str) -> None:
    async with databases.opened(empty_url) as db:
        assert (await db.read(versions))[0] is None
        await db.write(upgrade)
        current, needed = await db.read(versions)
        assert current == needed
        assert metadata.tables.keys() <= await db.read(tables)
        await db.write(upgrade)  # nothing to do
        await db.write(downgrade, "base")
        assert await db.read(tables) == set()
        await db.write(upgrade)
        assert metadata.tables.keys() <= await db.read(tables)


async def test_a_database_in_use_is_taken_down_as_well(empty_url: str, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        someone(conn, keys, topics=["visas"], countries=["IQ"])
        planned(conn, a_dispatch(conn, topics=["visas"], countries=["IQ"]))
        claim_and_mark(conn, keys, drive(conn))

    async with databases.opened(empty_url) as db:
        await db.write(upgrade)
        await db.write(live)
        await db.write(downgrade, "base")
        assert await db.read(tables) == set()


async def test_the_migrations_make_the_tables_of_the_schema(db: Database) -> None:
    assert await db.read(differences) == []


async def test_a_migration_that_fails_leaves_nothing(empty_url: str) -> None:
    def dies(conn: Connection) -> None:
        upgrade(conn)
        raise OSError

    async with databases.opened(empty_url) as db:
        with pytest.raises(OSError):
            await db.write(dies)
        assert await db.read(tables) == set()
        await db.write(upgrade)


async def test_two_processes_may_upgrade_at_once(empty_url: str) -> None:
    async with databases.opened(empty_url) as one, databases.opened(empty_url) as two:
        await asyncio.gather(one.write(upgrade), two.write(upgrade))
        current, needed = await one.read(versions)
        assert current == needed


async def test_what_refers_to_something_has_an_index_to_be_found_by(db: Database) -> None:
    """Else each row that is forgotten would read through a whole table."""

    def missing(conn: Connection) -> set[str]:
        inspect, found = sa.inspect(conn), set()
        for name in metadata.tables:
            firsts = [tuple(index["column_names"])[:1] for index in inspect.get_indexes(name)]
            firsts += [tuple(unique["column_names"])[:1] for unique in inspect.get_unique_constraints(name)]
            firsts.append(tuple(inspect.get_pk_constraint(name)["constrained_columns"])[:1])
            for key in inspect.get_foreign_keys(name):
                if tuple(key["constrained_columns"]) not in firsts:
                    found.add(f"{name}.{key['constrained_columns'][0]}")
        return found

    # News and broadcasts are withdrawn, not deleted; sources are dropped, not deleted.
    assert await db.read(missing) <= {"told.dispatch_id", "told.broadcast_id", "dispatches.source_id"}
