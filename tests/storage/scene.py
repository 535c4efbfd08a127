"""People, news and sessions for the tests of storage, in few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, dispatches, leases, people, planning, schema, sources
from storage.database import Database
from storage.deliveries import Marked
from storage.keys import KeyStore
from storage.people import Address
from storage.updates import Incoming

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = "account:main"


def after(seconds: float = 0, **more: float) -> datetime:
    return NOW + timedelta(seconds=seconds, **more)


def someone(
    conn: Connection,
    keys: KeyStore,
    name: str = "1",
    *,
    account: str = "main",
    topics: Iterable[str] = (),
    countries: Iterable[str] = (),
    subscribed: bool = True,
    since: datetime = after(hours=-1),  # noqa: B008
    group: bool = False,
    **choices: bool,
) -> Address:
    """Somebody with an open address; with news on, and all of it unless they chose."""
    address = people.meet(conn, keys, "telegram", account, name, since, group=group)
    people.heard(conn, address.id, since)
    people.add_topics(conn, address.person_id, topics)
    people.add_countries(conn, address.person_id, countries)
    if not topics:
        choices.setdefault("all_topics", True)
    if not countries:
        choices.setdefault("all_countries", True)
    people.change(conn, address.person_id, **choices)
    if subscribed:
        people.subscribe(conn, address.person_id, since)
    return people.address(conn, address.id)


def second_address(
    conn: Connection, keys: KeyStore, of: Address, name: str, *, account: str, heard_at: datetime | None = None
) -> Address:
    """Another address of the same person."""
    other = people.meet(conn, keys, "telegram", account, name, NOW)
    conn.execute(
        schema.addresses.update()
        .where(schema.addresses.c.id == other.id)
        .values(person_id=of.person_id, heard_at=heard_at)
    )
    conn.execute(schema.people.delete().where(schema.people.c.id == other.person_id))
    return people.address(conn, other.id)


def a_source(conn: Connection, name: str = "source") -> int:
    return sources.put(conn, sources.Wanted(name, "feed", f"https://{name}.example/feed", 60), "file").id


def a_dispatch(
    conn: Connection,
    *,
    countries: Iterable[str] = (),
    topics: Iterable[str] = (),
    words: str = "news",
    status: str = "ready",
    at: datetime = NOW,
    source: str = "source",
) -> int:
    values: dict[str, Any] = {
        "title": "Title",
        "text": words,
        "summary": "",
        "link": "",
        "language": "en",
        "places": [],
        "dateline_country": None,
        "published": at,
        "sort_at": at,
        "fingerprint": b"",
        "status": status,
        "push": True,
        "valid_until": None,
    }
    return dispatches.add(
        conn,
        source_id=a_source(conn, source),
        values=values,
        countries=countries,
        topics=topics,
        words=words,
        now=at,
    )


def a_broadcast(conn: Connection, dispatch_id: int, valid_until: datetime | None = None) -> int:
    broadcast_id = planning.broadcast_dispatch(conn, dispatch_id, NOW, valid_until)
    assert broadcast_id is not None
    return broadcast_id


def planned(conn: Connection, dispatch_id: int, valid_until: datetime | None = None) -> int:
    broadcast_id = a_broadcast(conn, dispatch_id, valid_until)
    while planning.plan_chunk(conn, broadcast_id, NOW) is not None:
        pass
    return broadcast_id


def drive(conn: Connection, name: str = LEASE, holder: str = "here", seconds: float = 60) -> int:
    """A new session of an account: its epoch. Whoever drove before is out."""
    conn.execute(schema.leases.update().where(schema.leases.c.name == name).values(expires_at=0))
    epoch = leases.take(conn, name, holder, seconds)
    assert epoch is not None
    return epoch


def mark(conn: Connection, keys: KeyStore, delivery_id: int, epoch: int, now: datetime = NOW) -> Marked | None:
    return deliveries.mark_sending(conn, keys, delivery_id, LEASE, epoch, now)


def claim_and_mark(conn: Connection, keys: KeyStore, epoch: int, now: datetime = NOW) -> Marked:
    (claimed,) = deliveries.claim(conn, "main", epoch, now, 1)
    marked = mark(conn, keys, claimed.id, epoch, now)
    assert marked is not None
    return marked


def delivery(conn: Connection, delivery_id: int | None = None) -> Any:
    """The row of this delivery; of the only one when there is but one."""
    query = sa.select(schema.deliveries)
    if delivery_id is not None:
        query = query.where(schema.deliveries.c.id == delivery_id)
    return conn.execute(query).one()


def recipients(conn: Connection, broadcast_id: int) -> list[int]:
    return list(
        conn.scalars(
            sa.select(schema.deliveries.c.recipient_id)
            .where(schema.deliveries.c.broadcast_id == broadcast_id)
            .order_by(schema.deliveries.c.recipient_id)
        )
    )


def count(conn: Connection, table: sa.Table) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def said(update_id: str, address: str, words: str = "hello", at: datetime = NOW) -> Incoming:
    return Incoming(update_id, address, "Said", at, words.encode())


async def row_of(db: Database, delivery_id: int | None = None) -> Any:
    return await db.read(delivery, delivery_id)
