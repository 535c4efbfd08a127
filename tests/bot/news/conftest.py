"""The reader and its lexicons, loaded once; and the folder of material beside the checkout, where it is present."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.topics import Topics
from storage.database import Database
from tests import databases
from tests.bot.news.world import World
from tests.providers.sources import Sources

SHARED = Path(__file__).resolve().parents[3].parent / "shared"


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader.load()


@pytest.fixture(scope="session")
def gazetteer(reader: Reader) -> Gazetteer:
    return reader.gazetteer


@pytest.fixture(scope="session")
def topics(reader: Reader) -> Topics:
    return reader.topics


@pytest.fixture
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"there is no folder {SHARED.name!r} beside the checkout")
    return SHARED


@pytest.fixture
async def world(db: Database, reader: Reader) -> AsyncIterator[World]:
    async with Sources() as web:
        yield World(db, web, reader)


@pytest.fixture
async def small(sqlite_url: str, reader: Reader) -> AsyncIterator[World]:
    """For what does not depend on the database."""
    async with Sources() as web, databases.opened(sqlite_url) as db:
        yield World(db, web, reader)
