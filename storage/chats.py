"""The web chat's rows: sittings (an open tab), the lines of a conversation, and receipts to come back by."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import people
from storage.keys import KeyStore
from storage.rows import insert
from storage.schema import addresses, chat_lines, chat_receipts, chat_sittings

LINE = "chat line"
LISTENING = timedelta(seconds=45)  # a tab that gave no sign of life for so long is closed
AT_ONCE = 500  # lines that one statement removes


@dataclass(frozen=True, slots=True)
class Sitting:
    address_id: int
    name: str  # the address, as the adapter knows it
    account: str
    acted_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    ours: bool
    body: bytes
    changed: int
    at: datetime


def open_sitting(conn: Connection, keys: KeyStore, token: str, account: str, now: datetime) -> Sitting:
    """A new tab: an address of its own, named by chance."""
    address = people.meet(conn, keys, "webchat", account, secrets.token_hex(16), now)
    return sit(conn, keys, token, address.id, now)


def sit(conn: Connection, keys: KeyStore, token: str, address_id: int, now: datetime) -> Sitting:
    """A tab at an address that is known. An earlier tab there ends: the guest who comes next must not see it."""
    conn.execute(
        chat_sittings.update()
        .where(chat_sittings.c.address_id == address_id, chat_sittings.c.ended_at.is_(None))
        .values(ended_at=now)
    )
    conn.execute(
        chat_sittings.insert().values(
            token=keys.hash("sitting", token), address_id=address_id, opened_at=now, acted_at=now, listened_at=now
        )
    )
    people.heard(conn, address_id, now)
    sitting = sitting_of(conn, keys, token, now, timedelta(days=1))
    assert sitting is not None  # noqa: S101
    return sitting


def sitting_of(conn: Connection, keys: KeyStore, token: str, now: datetime, idle: timedelta) -> Sitting | None:
    """The open sitting that this token stands for; None when it ended, or nobody acted there for ``idle``."""
    row = conn.execute(
        sa.select(
            chat_sittings.c.address_id,
            chat_sittings.c.acted_at,
            addresses.c.record,
            addresses.c.sealed,
            addresses.c.account,
        )
        .join(addresses, addresses.c.id == chat_sittings.c.address_id)
        .where(
            chat_sittings.c.token == keys.hash("sitting", token),
            chat_sittings.c.ended_at.is_(None),
            chat_sittings.c.acted_at > now - idle,
        )
    ).first()
    if row is None:
        return None
    name = keys.unseal(people.ADDRESS, row.record, row.sealed).decode()
    return Sitting(row.address_id, name, row.account, row.acted_at)


def acted(conn: Connection, keys: KeyStore, token: str, now: datetime) -> None:
    """Only a person's act keeps a sitting alive."""
    conn.execute(
        chat_sittings.update()
        .where(chat_sittings.c.token == keys.hash("sitting", token), chat_sittings.c.ended_at.is_(None))
        .values(acted_at=now, listened_at=now)
    )


def listened(conn: Connection, keys: KeyStore, token: str, now: datetime) -> None:
    conn.execute(
        chat_sittings.update()
        .where(chat_sittings.c.token == keys.hash("sitting", token), chat_sittings.c.ended_at.is_(None))
        .values(listened_at=now)
    )


def end(conn: Connection, keys: KeyStore, token: str, now: datetime) -> None:
    conn.execute(
        chat_sittings.update().where(chat_sittings.c.token == keys.hash("sitting", token)).values(ended_at=now)
    )


def erase(conn: Connection, keys: KeyStore, address: people.Address, name: str, now: datetime) -> people.Address:
    """Erase whoever sits at this address. The open tab goes on with somebody new, who finds none of its lines.

    The address has its name from us and from chance, so the new one may have the same: no word on its way gets lost.
    """
    open_ones = (chat_sittings.c.address_id == address.id, chat_sittings.c.ended_at.is_(None))
    tokens = conn.scalars(chat_sittings.delete().where(*open_ones).returning(chat_sittings.c.token)).all()
    people.erase(conn, address.person_id, now)
    new = people.meet(conn, keys, "webchat", address.account, name, now)
    people.heard(conn, new.id, now)
    for token in tokens:
        conn.execute(
            chat_sittings.insert().values(token=token, address_id=new.id, opened_at=now, acted_at=now, listened_at=now)
        )
    return new


def say(
    conn: Connection,
    keys: KeyStore,
    account: str,
    name: str,
    body: bytes,
    now: datetime,
    *,
    idle: timedelta,
    replaces: int | None = None,
) -> int | None:
    """Put a line of ours where the open tab finds it; None when no tab is open there."""
    address = people.find(conn, keys, "webchat", account, name)
    if address is None:
        return None
    listening = conn.scalar(
        sa.select(chat_sittings.c.address_id).where(
            chat_sittings.c.address_id == address.id,
            chat_sittings.c.ended_at.is_(None),
            chat_sittings.c.acted_at > now - idle,
            chat_sittings.c.listened_at > now - LISTENING,
        )
    )
    if listening is None:
        return None
    if replaces is not None and _replace(conn, keys, address, replaces, body, now):
        return replaces
    return add_line(conn, keys, address, body, now, ours=True)


def _replace(
    conn: Connection, keys: KeyStore, address: people.Address, line_id: int, body: bytes, now: datetime
) -> bool:
    record = secrets.token_hex(8)
    changed = conn.execute(
        chat_lines.update()
        .where(chat_lines.c.id == line_id, chat_lines.c.address_id == address.id, chat_lines.c.ours)
        .values(
            record=record,
            sealed=keys.seal(address.key_id, LINE, record, body),
            changed=_next_change(conn, address.id),
        )
    )
    return changed.rowcount == 1


def add_line(
    conn: Connection, keys: KeyStore, address: people.Address, body: bytes, now: datetime, *, ours: bool
) -> int:
    record = secrets.token_hex(8)
    return int(
        conn.execute(
            chat_lines.insert()
            .values(
                address_id=address.id,
                ours=ours,
                record=record,
                sealed=keys.seal(address.key_id, LINE, record, body),
                key_id=address.key_id,
                changed=_next_change(conn, address.id),
                at=now,
            )
            .returning(chat_lines.c.id)
        ).scalar_one()
    )


def remove(
    conn: Connection, keys: KeyStore, account: str, name: str, line_ids: Sequence[int], body: bytes, now: datetime
) -> int | None:
    """These lines go, and ``body`` is a line that tells an open tab so; its id. None when nobody has this name."""
    address = people.find(conn, keys, "webchat", account, name)
    if address is None:
        return None
    # Before they go: a tab asks for what changed after the last line that it knows.
    told = add_line(conn, keys, address, body, now, ours=True)
    theirs = (chat_lines.c.address_id == address.id, chat_lines.c.id != told)
    for first in range(0, len(line_ids), AT_ONCE):
        conn.execute(chat_lines.delete().where(*theirs, chat_lines.c.id.in_(line_ids[first : first + AT_ONCE])))
    return told


def _next_change(conn: Connection, address_id: int) -> int:
    # One address is spoken to by one courier and one person; the row lock orders them.
    conn.execute(sa.select(addresses.c.id).where(addresses.c.id == address_id).with_for_update(key_share=True))
    last = conn.scalar(sa.select(sa.func.max(chat_lines.c.changed)).where(chat_lines.c.address_id == address_id))
    return (last or 0) + 1


def lines(conn: Connection, keys: KeyStore, address_id: int, after: int = 0, limit: int = 200) -> list[Line]:
    """What was said or changed after the change ``after``, in the order of the changes; the last ``limit`` of them."""
    rows = conn.execute(
        sa.select(chat_lines)
        .where(chat_lines.c.address_id == address_id, chat_lines.c.changed > after)
        .order_by(chat_lines.c.changed.desc())
        .limit(limit)
    ).all()
    return [
        Line(row.id, row.ours, keys.unseal(LINE, row.record, row.sealed), row.changed, row.at) for row in reversed(rows)
    ]


def keep_receipt(conn: Connection, hashed: bytes, address_id: int, now: datetime) -> None:
    """The way back to this conversation; an earlier receipt of it works no more."""
    conn.execute(chat_receipts.delete().where(chat_receipts.c.address_id == address_id))
    conn.execute(insert(conn, chat_receipts).values(hash=hashed, address_id=address_id, made_at=now))


def by_receipt(conn: Connection, hashed: bytes) -> int | None:
    return conn.scalar(sa.select(chat_receipts.c.address_id).where(chat_receipts.c.hash == hashed))


def forget(conn: Connection, now: datetime, kept: timedelta) -> None:
    """Lines older than ``kept``, and sittings that ended a day ago."""
    conn.execute(chat_lines.delete().where(chat_lines.c.at < now - kept))
    conn.execute(chat_sittings.delete().where(chat_sittings.c.acted_at < now - timedelta(days=1)))
