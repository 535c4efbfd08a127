"""What is known of each account of ours between two sessions: how long it was told to wait, and whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.rows import insert
from storage.schema import accounts


@dataclass(frozen=True, slots=True)
class AccountState:
    name: str
    channel: str
    held_until: datetime | None
    broken: str
    broken_at: datetime | None


_STATE = sa.select(*(accounts.c[name] for name in AccountState.__dataclass_fields__))


def put(conn: Connection, name: str, channel: str) -> AccountState:
    statement = insert(conn, accounts).values(name=name, channel=channel)
    conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"channel": channel}))
    return AccountState(*conn.execute(_STATE.where(accounts.c.name == name)).one())


def hold(conn: Connection, name: str, until: datetime) -> None:
    """The platform said when to come back; written down before the next send, for it outlives the process (L3).

    Of several answers at once the longest counts.
    """
    shorter = sa.or_(accounts.c.held_until.is_(None), accounts.c.held_until < until)
    conn.execute(accounts.update().where(accounts.c.name == name, shorter).values(held_until=until))


def broken(conn: Connection, name: str, why: str, now: datetime | None) -> None:
    """``why`` is empty when it works again."""
    conn.execute(accounts.update().where(accounts.c.name == name).values(broken=why, broken_at=now))


def all_of_them(conn: Connection) -> list[AccountState]:
    return [AccountState(*row) for row in conn.execute(_STATE.order_by(accounts.c.name))]


def newly_broken(conn: Connection) -> list[AccountState]:
    """Those that do not work, and that no admin was told of since they broke."""
    untold = sa.or_(accounts.c.alarmed_at.is_(None), accounts.c.alarmed_at < accounts.c.broken_at)
    return [AccountState(*row) for row in conn.execute(_STATE.where(accounts.c.broken != "", untold))]


def alarmed(conn: Connection, name: str, now: datetime) -> None:
    """An admin was told."""
    conn.execute(accounts.update().where(accounts.c.name == name).values(alarmed_at=now))
