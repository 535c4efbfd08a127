"""What lasts: the real tables and queries on SQLite in memory, and the real key store beside them.

Made once in a process, with people in it, and put back to that for each seed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from storage.database import sqlite_engine
from storage.keys import KeyStore
from storage.upgrade import upgrade
from tests.storage.scene import someone

BASE = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCOUNT = "main"


def chat(number: int) -> str:
    """Where person ``number`` is reached."""
    return f"a{number}"


class House:
    """The database and ``keys``; after each ``reset`` as they were made."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._connection = sqlite_engine("sqlite://", writer=True).connect()
        data: Any = self._connection.connection.driver_connection
        self._lock = TemporaryFile()  # noqa: SIM115 (as long as the keys)
        secret = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.keys = KeyStore(Path("/nowhere"), bytes(32), self._lock.fileno(), secret, secret)
        self.now: Callable[[], datetime] = lambda: BASE
        # The database's clock, of which the leases ask.
        data.create_function("julianday", 1, lambda _: 2440587.5 + self.now().timestamp() / 86400)
        self.do(upgrade)
        for number in range(1, size + 1):
            address = self.do(someone, self.keys, chat(number), since=BASE - timedelta(hours=1), language="en")
            assert address.person_id == number
        self._kept = [(database, database.serialize()) for database in (data, secret)]

    def reset(self, now: Callable[[], datetime]) -> None:
        self.now = now
        for database, kept in self._kept:
            database.deserialize(kept)

    def do(self, deed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """In a transaction, at no time at all."""
        with self._connection.begin():
            return deed(self._connection, *args, **kwargs)

    def look(self, query: Any) -> list[Any]:
        return self.do(lambda conn: list(conn.execute(query)))


@cache
def house(size: int) -> House:
    """Of so many people. There is one for all seeds, and it is one seed's at a time."""
    return House(size)
