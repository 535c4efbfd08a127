"""The reader and its lexicons, loaded once; and the folder of material beside the checkout, where it is present."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.topics import Topics

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
