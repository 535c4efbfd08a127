"""How a command reaches what is kept.

On SQLite only one process may write (C5): while a hub runs it is asked to do what has to be done, and the file is
opened for reading only, so that nothing is written or checkpointed beside it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from bot.cli.terminal import Stop, warn

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Connection, Database
    from storage.keys import KeyStore
    from storage.lock import HubLock

T = TypeVar("T")

TRIES = 5  # of about a second: while a hub starts or stops it holds the data and does not answer


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Its result, after all of it is done."""
    import asyncio

    return asyncio.run(work)


def settings() -> Settings:
    from bot.accounts import ACCOUNT_KINDS
    from config.settings import load

    found = load(os.environ, account_kinds=ACCOUNT_KINDS, cwd=Path.cwd())
    log_to_stderr(found.log)
    return found


def settings_for_looking() -> Settings:
    """Without the accounts, for a command that only looks at what is kept: to load what they need takes longer than
    to answer. So does what writes a log, which such a command does not."""
    from config.settings import load

    return load(os.environ, account_kinds=None, cwd=Path.cwd())


def log_to_stderr(form: str = "text", level: int = logging.WARNING) -> None:
    """Standard output is for answers."""
    import structlog

    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    # Clients log addresses with tokens in them, and APScheduler each look that was still under way.
    for noisy in ("httpx", "httpcore", "telegram"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and "NO_COLOR" not in os.environ, pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if form == "json" else "%H:%M:%S", utc=form == "json"),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


# ── Where it is ──────────────────────────────────────────────────────────────────────────────────────────────────────


def file(settings: Settings) -> Path | None:
    """The SQLite file; None on PostgreSQL."""
    from storage.database import sqlite_path

    return sqlite_path(settings.database_url) if settings.database_url.startswith("sqlite") else None


def folder(settings: Settings) -> Path | None:
    """Where the SQLite file, the lock and the socket of the hub lie; None on PostgreSQL."""
    path = file(settings)
    return path.parent if path else None


def must_be_there(settings: Settings) -> None:
    """For a command that changes what is kept: in another folder than the hub's it makes nothing."""
    path = file(settings)
    if path and not path.exists():
        raise Stop(f"There is no database here ({path}). Go to the folder of the hub; `serai run` makes a new one.")


def lock(settings: Settings) -> HubLock | nullcontext[None]:
    """Held by the hub, or by a command that writes in its place."""
    from storage.lock import HubLock

    var = folder(settings)
    return HubLock(var / "serai.lock") if var else nullcontext()


def keys(settings: Settings, people: int) -> KeyStore:
    """The key store; a new one only where nobody is known yet, for new keys open nothing that is kept."""
    from storage.keys import KeyStore

    if people and not (settings.keys / "people.db").exists():
        known = "one person" if people == 1 else f"{people} people"
        raise Stop(
            f"The database knows {known}, but the folder with their keys is missing: {settings.keys.absolute()}\n"
            "Put your copy of it there, or set `keys` (SERAI_KEYS) to where it is: without it nobody can be reached. "
            "To begin anew, with nobody, move the database away as well."
        )
    return KeyStore.open(settings.keys, secret=settings.secret_key)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(settings: Settings, query: Callable[[Connection], T], *, otherwise: T) -> T:
    """What is kept, whether a hub runs or not; ``otherwise`` where there is nothing yet."""
    path = file(settings)
    if path and not path.exists():
        warn(f"There is no database yet ({path}): `serai run` makes it.")
        return otherwise
    return finish(_read(settings, query))


async def _read(settings: Settings, query: Callable[[Connection], T]) -> T:
    from storage.upgrade import versions

    for_reading = _opened(settings, read_only=True)
    async with for_reading as db:
        current, needed = await db.read(versions)
        if current == needed:
            return await db.read(query)
    async with _alone(settings) as db:  # which brings it up to date, or says who has to
        return await db.read(query)


@asynccontextmanager
async def _opened(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Database]:
    from storage.database import Database

    db = Database.open(settings.database_url, read_only=read_only)
    try:
        await db.reach()
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[Database]:
    from bot.hub import prepare

    log_to_stderr(settings.log)
    with lock(settings):
        async with _opened(settings) as db:
            await prepare(settings, db)
            yield db


# ── Changing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Done(NamedTuple):
    answer: Any
    by_hub: bool


def change(
    settings: Settings, deed: str, arguments: Mapping[str, Any], here: Callable[[Database], Awaitable[Any]]
) -> Done:
    """Ask the hub that runs for ``deed``; where none does, do ``here``."""
    from bot.control import NotRunning, ask
    from storage.lock import Held

    async def do_here() -> Any:
        async with _alone(settings) as db:
            return await here(db)

    var = folder(settings)
    if var is None:
        return Done(finish(do_here()), by_hub=False)
    for _ in range(TRIES):
        try:
            return Done(finish(ask(var / "serai.sock", deed, **arguments)), by_hub=True)
        except NotRunning:
            pass
        try:
            return Done(finish(do_here()), by_hub=False)
        except Held as held:
            holder = held.holder
    raise Stop(f"The data is held by {holder}, which does not answer. Look whether it is well, and try again.")


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """(the version that it was of, the one that it is of now)"""
    from storage.upgrade import upgrade as to_head
    from storage.upgrade import versions

    async def go() -> tuple[str | None, str]:
        with lock(settings):
            async with _opened(settings) as db:
                before, needed = await db.read(versions)
                await db.write(to_head)
                return before, needed

    return finish(go())
