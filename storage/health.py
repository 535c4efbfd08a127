"""How the database is, for whoever keeps the hub: asked by ``serai check``. Changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import leases
from storage.rows import stands
from storage.schema import addresses, deliveries
from storage.schema import leases as lease_rows


@dataclass(frozen=True, slots=True)
class Engine:
    """What the tables lie in. ``version`` is SQLite's or PostgreSQL's own; the rest is as it says itself."""

    version: tuple[int, ...]
    journal: str = ""  # SQLite: wal
    secure_delete: bool = True  # SQLite: on this connection, as on all of ours
    durable: bool = True  # PostgreSQL: what is committed is on the disk


def engine(conn: Connection) -> Engine:
    def says(line: str) -> str:
        return str(conn.exec_driver_sql(line).scalar())

    if conn.dialect.name == "sqlite":
        secure = says("PRAGMA secure_delete") == "1"
        return Engine(sqlite3.sqlite_version_info, says("PRAGMA journal_mode"), secure)
    number = int(says("SHOW server_version_num"))
    durable = says("SHOW fsync") == "on" and says("SHOW synchronous_commit") != "off"
    return Engine((number // 10_000, number % 10_000), durable=durable)


def sealed_addresses(conn: Connection, limit: int = 20) -> list[tuple[str, bytes]]:
    """(record, sealed) of those met last: the keys beside us must open them."""
    latest = sa.select(addresses.c.record, addresses.c.sealed).order_by(addresses.c.id.desc()).limit(limit)
    return [(row.record, row.sealed) for row in conn.execute(latest)]


def waits_on(conn: Connection, account: str) -> bool:
    """Whether anything is to be sent by this account."""
    waiting = sa.select(deliveries.c.id).where(deliveries.c.account == account, stands(deliveries.c.state, "pending"))
    return conn.execute(waiting.limit(1)).first() is not None


def held_leases(conn: Connection) -> dict[str, str]:
    """Who leads the schedule and drives which account now, on PostgreSQL: the lease's name, and its holder."""
    running = sa.select(lease_rows.c.name, lease_rows.c.holder).where(
        lease_rows.c.expires_at > leases.database_time(conn)
    )
    return {row.name: row.holder for row in conn.execute(running)}
