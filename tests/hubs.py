"""A whole hub for a test: the same composition as `serai run`, on loopback, with stand-ins for the platforms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec import structs

from bot.hub import Hub, prepare
from channels import telegram
from config.settings import Account, Delivery, Organisation, Settings, Source, Web
from storage.database import Database
from storage.keys import KeyStore
from tests.providers.telegram import TelegramStandIn

# Whatever the hour, and each piece of news by itself.
AT_ONCE = Delivery(group_wait=timedelta(0), quiet_hours=None, daily_cap=1000)


def source(name: str, kind: str, url: str, *, every: float = 1, trusted: bool = True) -> Source:
    return Source(name=name, kind=kind, url=url, every=timedelta(seconds=every), trusted=trusted, allow_private=True)


def settings(
    database_url: str, *, sources: Sequence[Source] = (), telegram_at: TelegramStandIn | None = None, **more: Any
) -> Settings:
    accounts = {}
    if telegram_at:
        bot = telegram.Settings(token=telegram_at.token, base_url=telegram_at.base_url, rates=telegram_at.rate)
        accounts["main"] = Account(name="main", channel="telegram", settings=bot)
    plain = Settings(
        database_url=database_url,
        sources=tuple(sources),
        accounts=accounts,
        web=Web(port=0, public_url="http://127.0.0.1"),
        organisation=Organisation(name="Test hub"),
        delivery=AT_ONCE,
    )
    return structs.replace(plain, **more)


@asynccontextmanager
async def running(wanted: Settings, keys: Path, **more: Any) -> AsyncIterator[Hub]:
    """Started, and stopped at the end; another one may go on with the same database and keys."""
    db = Database.open(wanted.database_url)
    await prepare(wanted, db)
    hub = Hub(wanted, db=db, keys=KeyStore.open(keys), **more)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


async def eventually(what: Callable[[], Any], seconds: float = 45.0) -> Any:
    """Wait until ``what()`` is true, and return it."""
    async with asyncio.timeout(seconds):
        while not (found := what()):  # noqa: ASYNC110 (there is nothing to wait for but what the stand-ins show)
            await asyncio.sleep(0.02)
    return found
