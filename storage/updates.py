"""What came in: kept before it is acknowledged, handled once, in the order of each address."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from storage import people
from storage.keys import KeyGone, KeyStore, Tampered
from storage.rows import insert, locked, stands
from storage.schema import seen_updates, updates

log = structlog.get_logger()

REMEMBERED = timedelta(days=8)  # Meta repeats a webhook for seven days (K1)
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Incoming:
    """An update, as it is kept: ``body`` is our own form of it, without names."""

    id: str
    address: str
    kind: str
    at: datetime
    body: bytes
    group: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    id: int
    account: str
    address_id: int
    kind: str
    at: datetime
    body: bytes
    attempts: int


def receive(
    conn: Connection, keys: KeyStore, channel: str, account: str, incoming: Sequence[Incoming], now: datetime
) -> int:
    """Keep these updates; returns how many are new. One transaction: all of them, or none is acknowledged."""
    new: dict[bytes, Incoming] = {}
    for update in incoming:
        new.setdefault(keys.hash("update", account, update.id), update)
    for hashed in sorted(new):  # in one order everywhere: two that bring the same updates never wait for each other
        first = conn.execute(
            insert(conn, seen_updates).values(hash=hashed, seen_at=now).on_conflict_do_nothing()
        ).rowcount
        if not first:
            del new[hashed]
    for update in new.values():
        address = people.meet(conn, keys, channel, account, update.address, now, group=update.group)
        record = secrets.token_hex(8)
        conn.execute(
            updates.insert().values(
                account=account,
                address_id=address.id,
                kind=update.kind,
                record=record,
                sealed=keys.seal(address.key_id, "update", record, update.body),
                key_id=address.key_id,
                at=update.at,
                received_at=now,
            )
        )
    return len(new)


def next_waiting(conn: Connection, keys: KeyStore, but: Collection[int] = ()) -> Waiting | None:
    """The oldest update that nobody handles, none of whose address's earlier ones still waits. ``but``: addresses whose
    updates must wait for something else."""
    earlier = updates.alias("earlier")
    first_of_its_address = ~sa.exists().where(
        earlier.c.address_id == updates.c.address_id, earlier.c.id < updates.c.id, earlier.c.state == "new"
    )
    waits = stands(updates.c.state, "new")
    oldest = sa.select(updates).where(waits, first_of_its_address).order_by(updates.c.id).limit(1)
    if but:
        oldest = oldest.where(updates.c.address_id.not_in(but))
    while row := conn.execute(locked(conn, oldest, updates)).first():
        try:
            body = keys.unseal("update", row.record, row.sealed)
        except (KeyGone, Tampered) as error:  # nobody can ever read it, and others wait behind it
            log.error("update cannot be opened", update=row.id, fault=type(error).__name__)
            conn.execute(updates.update().where(updates.c.id == row.id).values(state="failed"))
            continue
        return Waiting(row.id, row.account, row.address_id, row.kind, row.at, body, row.attempts)
    return None


def handled(conn: Connection, update_id: int, now: datetime) -> None:
    """Done; its words go at once, for nothing needs them any more."""
    conn.execute(
        updates.update().where(updates.c.id == update_id).values(state="handled", handled_at=now, sealed=b"", record="")
    )


def failed(conn: Connection, update_id: int) -> bool:
    """One more attempt was in vain; True when it was the last. The words stay, sealed, for whoever mends the fault."""
    attempts = conn.execute(
        updates.update()
        .where(updates.c.id == update_id)
        .values(attempts=updates.c.attempts + 1)
        .returning(updates.c.attempts)
    ).scalar()
    last = attempts is not None and attempts >= ATTEMPTS  # None: its person was erased meanwhile
    if last:
        conn.execute(updates.update().where(updates.c.id == update_id).values(state="failed"))
    return last


def forget(conn: Connection, now: datetime, limit: int = 1000) -> int:
    """What was remembered long enough goes, also what could not be handled.

    Returns how much was forgotten, ``limit`` of each kind at the most: again until it is 0, in transactions of their
    own (C4).
    """
    until = now - REMEMBERED
    hashes = sa.select(seen_updates.c.hash).where(seen_updates.c.seen_at < until).limit(limit)
    forgotten = conn.execute(seen_updates.delete().where(seen_updates.c.hash.in_(hashes))).rowcount
    # The first of them in the order in which they came: where none of these is old, none is.
    oldest = conn.execute(
        sa.select(updates.c.id, updates.c.state, updates.c.received_at).order_by(updates.c.id).limit(limit)
    )
    ids = [row.id for row in oldest if row.state != "new" and row.received_at < until]
    conn.execute(updates.delete().where(updates.c.id.in_(ids)))
    return forgotten + len(ids)
