"""Who drives what: one holder at a time, told apart by an epoch that only grows (reliability.md, L1, L4 to L6).

On PostgreSQL a lease runs out by the database's clock. On SQLite there is one process, held by a file lock, so that
whoever asks gets the lease, and the epoch still tells an earlier session's rows from this one's.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.rows import insert
from storage.schema import leases

# No send begins with less than this left, so that a request is on its way before anyone else may drive.
MARGIN_MS = 2_000


def _clock(conn: Connection) -> sa.ColumnElement[int]:
    """Milliseconds since 1970 by the one clock that judges, read when the row is looked at and not before."""
    if conn.dialect.name == "postgresql":
        return sa.literal_column("cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)", sa.BigInteger)
    return sa.literal_column("cast((julianday('now') - 2440587.5) * 86400000 as integer)", sa.BigInteger)


def _runs(conn: Connection, margin_ms: int = 0) -> sa.ColumnElement[bool]:
    return sa.true() if conn.dialect.name == "sqlite" else leases.c.expires_at > _clock(conn) + margin_ms


def database_time(conn: Connection) -> int:
    """Milliseconds since 1970 by the database's clock."""
    return conn.execute(sa.select(_clock(conn))).scalar_one()


def take(conn: Connection, name: str, holder: str, seconds: float = 8.0) -> int | None:
    """A new epoch, or None while somebody else's lease runs."""
    conn.execute(
        insert(conn, leases)
        .values(name=name, holder="", epoch=0, expires_at=0)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    row = conn.execute(sa.select(leases).where(leases.c.name == name).with_for_update()).one()
    now = database_time(conn)  # after the wait for the row
    if conn.dialect.name == "postgresql" and row.expires_at > now and row.holder != holder:
        return None
    # An epoch never goes back, even when a replica that lags is promoted.
    epoch = max(int(row.epoch) + 1, now)
    conn.execute(
        leases.update()
        .where(leases.c.name == name)
        .values(holder=holder, epoch=epoch, expires_at=now + round(seconds * 1000))
    )
    return epoch


def renew(conn: Connection, name: str, epoch: int, seconds: float = 8.0) -> bool:
    """False when the lease ran out or is somebody else's by now."""
    changed = conn.execute(
        leases.update()
        .where(leases.c.name == name, leases.c.epoch == epoch, _runs(conn))
        .values(expires_at=_clock(conn) + round(seconds * 1000))
    )
    return changed.rowcount == 1


def held(conn: Connection, name: str, epoch: int) -> sa.ColumnElement[bool]:
    """Whether this epoch may still begin a send, as a condition for the statement that says so (L2)."""
    return sa.exists().where(leases.c.name == name, leases.c.epoch == epoch, _runs(conn, MARGIN_MS))


def holds(conn: Connection, name: str, epoch: int) -> bool:
    """Whether this epoch may still begin a send."""
    return bool(conn.scalar(sa.select(held(conn, name, epoch))))


def release(conn: Connection, name: str, epoch: int) -> None:
    """Others need not wait until it runs out."""
    conn.execute(leases.update().where(leases.c.name == name, leases.c.epoch == epoch).values(expires_at=0))
