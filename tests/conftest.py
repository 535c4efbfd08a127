"""What tests of any room may ask for: ``db``, a fresh database of each kind, and ``keys``, a fresh key store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.database import Database, PostgreSQL, SQLite
from storage.keys import KeyStore
from tests import databases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgresql_upgraded() -> Iterator[str]:
    databases.need_postgresql()
    with databases.upgraded_postgresql() as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh SQLite file with all tables."""
    with databases.fresh_sqlite(sqlite_template, tmp_path) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_upgraded: str) -> Iterator[str]:
    """The address of a PostgreSQL database with all tables and no rows."""
    with databases.emptied_postgresql(postgresql_upgraded) as url:
        yield url


@pytest.fixture(params=databases.KINDS)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh database with all tables, once of each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, once of each kind."""
    async with databases.opened(database_url) as database:
        yield database


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyStore]:
    store = KeyStore.open(tmp_path / "keys")
    yield store
    store.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[SQLite]:
    """For what only SQLite does."""
    async with databases.opened(sqlite_url) as database:
        assert isinstance(database, SQLite)
        yield database


@pytest.fixture
async def postgresql(postgresql_url: str) -> AsyncIterator[PostgreSQL]:
    """For what only PostgreSQL does: several transactions at once."""
    async with databases.opened(postgresql_url) as database:
        assert isinstance(database, PostgreSQL)
        yield database


# The workers end at the same time when what takes long is begun first. Many tests wait for a pace, so there are more
# workers than cores (Makefile).
SLOW = ("simulation", "faults", "browser", "test_story_broadcast", "test_story", "test_run", "test_bad_input")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(name in item.path.parts or item.path.stem.startswith(name) for name in SLOW))
