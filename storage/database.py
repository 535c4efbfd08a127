"""One way in to either database: ``await db.read(query, …)`` and ``await db.write(deed, …)``.

A query or a deed is a plain function whose first argument is a connection; it runs in one transaction. On SQLite all
deeds run in one writer thread, updates before results before bulk (C4), over the plain driver, and queries run in a few
reader threads; on PostgreSQL both go through asyncpg. The same functions, both databases.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Connection
from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool, StaticPool

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

P = ParamSpec("P")
T = TypeVar("T")
Deed = Callable[Concatenate[Connection, P], T]

READERS = 4
PATIENCE_MS = 30_000  # with whoever holds the file
BRIEFLY_MS = 10  # … while others wait for the writer (C4)


class Priority(enum.IntEnum):
    """Who goes first to the one writer."""

    update = 0
    result = 1
    bulk = 2


class BadDatabase(ValueError):
    """The database_url cannot be used; the message says why and what to write instead."""


class Database:
    """Either database. Open with ``Database.open(url)``, close when done."""

    dialect: str

    @staticmethod
    def open(url: str, *, read_only: bool = False) -> Database:
        """``read_only``: beside the process that writes a SQLite file; nothing is written, not even to its log (C5)."""
        try:
            kind = sa.engine.make_url(url).get_backend_name()
        except (sa.exc.ArgumentError, ValueError):
            kind = ""
        if kind == "sqlite":
            return SQLite(url, read_only=read_only)
        if kind == "postgresql":
            return PostgreSQL(url)  # where any number of processes may write
        raise BadDatabase("database_url: must begin with sqlite:/// or postgresql:// (SERAI_DATABASE_URL)")

    async def read(self, query: Deed[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer of ``query``, which sees one state of the tables and changes nothing."""
        raise NotImplementedError

    async def write(
        self, deed: Callable[..., T], /, *args: Any, priority: Priority = Priority.result, **kwargs: Any
    ) -> T:
        """Do ``deed`` and commit it, or none of it when it raises. It may be done again after a deadlock."""
        raise NotImplementedError

    async def scrub(self) -> bool:
        """Leave nothing of what was erased in a log beside the tables (S3). False while somebody who reads prevents it.

        On PostgreSQL there is nothing to do: dead rows stay until VACUUM and in archives, and the key's death is what
        erases.
        """
        return True

    async def reach(self) -> None:
        """``BadDatabase``, with a sentence for the operator, when it cannot be opened or does not answer."""
        try:
            await self.read(lambda conn: conn.scalar(sa.select(1)))
        except sa.exc.DBAPIError as error:
            why = str(error.orig).partition("\n")[0].rpartition(">: ")[2]
            raise BadDatabase(f"database_url: it cannot be opened ({why}). Look at SERAI_DATABASE_URL.") from error
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise BadDatabase(
                f"database_url: the database does not answer ({why}). Is it running? Look at SERAI_DATABASE_URL."
            ) from error

    async def close(self) -> None:
        raise NotImplementedError


# ── SQLite ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite address; None for a database in memory."""
    name = sa.engine.make_url(url).database
    return Path(name) if name and name != ":memory:" else None


def sqlite_engine(url: str, *, writer: bool, read_only: bool = False) -> Engine:
    path = sqlite_path(url)
    address = sa.engine.make_url(url).set(drivername="sqlite+pysqlite")
    if path and read_only:
        # query_only alone would not do: whoever closes last checkpoints all the same.
        address = address.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
    elif path:
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        address,
        hide_parameters=True,  # an error would show what is bound to the statement
        poolclass=StaticPool if writer else QueuePool,
        connect_args={"check_same_thread": False, "timeout": PATIENCE_MS / 1000, "isolation_level": None},
        **({} if writer else {"pool_size": READERS}),
    )

    def prepare(connection: Any, _: Any) -> None:
        def pragma(line: str) -> Any:
            return connection.execute(f"PRAGMA {line}").fetchone()

        if writer and not read_only:
            _write_ahead(connection)  # the file stays so, for readers too
        pragma("synchronous=FULL")
        pragma("foreign_keys=ON")
        pragma("analysis_limit=400")
        pragma("cache_size=-32768")
        pragma("temp_store=MEMORY")  # nothing of anyone in a temporary file
        # Per connection, and its default depends on the build: asserted, not assumed (S3).
        pragma("secure_delete=ON")
        if pragma("secure_delete")[0] != 1:
            raise BadDatabase("this build of SQLite cannot overwrite what is deleted; use another, or PostgreSQL")
        if not writer:
            # Only the writer checkpoints: two that do can corrupt the file before SQLite 3.51.3 (C5).
            pragma("wal_autocheckpoint=0")
            pragma("query_only=ON")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN"))
    return engine


def _write_ahead(connection: Any) -> None:
    """Another process that opens the same new file has its turn first; SQLite itself would not wait here."""
    for pause in (0.01, 0.05, 0.2, 1.0, 3.0, 0.0):
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not pause or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(pause)
        else:
            return


Task = Callable[[], None]


class SQLite(Database):
    dialect = "sqlite"

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        path = sqlite_path(url)
        if path is None:
            raise BadDatabase("database_url: name a file, like sqlite:///var/serai.db; in memory nothing would be kept")
        self._read_only = read_only
        try:
            self._writer = sqlite_engine(url, writer=True, read_only=read_only)
            if not read_only:
                self._writer.connect().close()  # before any reader: it makes the file
        except (OSError, sa.exc.DatabaseError) as error:
            raise BadDatabase(f"database_url: {path} cannot be opened ({getattr(error, 'orig', error)})") from error
        self._readers = sqlite_engine(url, writer=False, read_only=read_only)
        self._queue: queue.PriorityQueue[tuple[int, int, Task | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="writer", daemon=True)
        self._thread.start()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")

    def _write_all(self) -> None:
        while (task := self._queue.get()[2]) is not None:
            task()
        if not self._read_only:
            with suppress(sqlite3.Error):  # whoever opens it next will
                _truncate_log(self._writer)
        self._writer.dispose()

    async def write(
        self, deed: Callable[..., T], /, *args: Any, priority: Priority = Priority.result, **kwargs: Any
    ) -> T:
        def do() -> T:
            with self._writer.begin() as connection:
                return deed(connection, *args, **kwargs)

        return await self._in_turn(priority, do)

    async def scrub(self) -> bool:
        return await self._in_turn(Priority.bulk, lambda: _truncate_log(self._writer, patience_ms=BRIEFLY_MS))

    async def _in_turn(self, priority: Priority, do: Callable[[], T]) -> T:
        """Let the writer do it."""
        if self._closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._queue.put((priority, next(self._order), lambda: _settle(loop, done, do)))
        # Shielded: a deed that was handed over is done, whoever stops waiting for it.
        return await asyncio.shield(done)

    async def read(self, query: Deed[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        def run() -> T:
            with self._readers.begin() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    async def close(self) -> None:
        """What was handed over is still done; the writer leaves last, and empties its log."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        self._readers.dispose()
        self._queue.put((max(Priority) + 1, next(self._order), None))
        await asyncio.to_thread(self._thread.join)


def _settle(loop: asyncio.AbstractEventLoop, done: asyncio.Future[T], do: Callable[[], T]) -> None:
    """Run ``do`` here, and tell the loop how it ended. Never raises: the one writer goes on, whatever a deed does."""
    result: Any = None
    error: BaseException | None = None
    try:
        result = do()
    except StopIteration as stop:  # a future refuses it
        error = RuntimeError("a deed raised StopIteration")
        error.__cause__ = stop
    except BaseException as raised:
        error = raised

    def tell() -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _truncate_log(engine: Engine, patience_ms: int = PATIENCE_MS) -> bool:
    """False when somebody reads for longer than ``patience_ms``."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={patience_ms}")
        ((busy, _, _),) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        cursor.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
    finally:
        connection.close()
    return not busy


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────

IDLE_MS = 60_000  # a transaction that hangs pins dead rows for everyone (C7)
UNDONE = {"40001", "40P01"}  # serialization failure, deadlock: nothing of it was kept, and it may be done again
TRIES = 4


class PostgreSQL(Database):
    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine  # slow to load, and only wanted here

        self.engine: AsyncEngine = create_async_engine(
            sa.engine.make_url(url).set(drivername="postgresql+asyncpg"),
            hide_parameters=True,
            pool_size=8,
            max_overflow=4,
            pool_pre_ping=True,
            connect_args={"server_settings": {"idle_in_transaction_session_timeout": str(IDLE_MS)}},
        )
        # One state of the tables for all statements of a query, as on SQLite.
        self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def write(
        self, deed: Callable[..., T], /, *args: Any, priority: Priority = Priority.result, **kwargs: Any
    ) -> T:
        for tries_left in reversed(range(TRIES)):
            try:
                async with self.engine.begin() as connection:
                    return await connection.run_sync(deed, *args, **kwargs)
            except sa.exc.DBAPIError as error:
                if not tries_left or getattr(error.orig, "sqlstate", None) not in UNDONE:
                    raise
        raise AssertionError("unreachable")

    async def read(self, query: Deed[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._reading.connect() as connection:
            return await connection.run_sync(query, *args, **kwargs)

    async def close(self) -> None:
        await self.engine.dispose()
