"""The places that dispatches come from, and how each was when it was last asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.rows import insert
from storage.schema import EPOCH, sources

STAFF = "staff"  # the kind that is handed in and never fetched


@dataclass(frozen=True, slots=True)
class Source:
    id: int
    name: str
    kind: str
    url: str
    every_seconds: float
    trusted: bool
    allow_private: bool
    origin: str  # 'file' | 'added'
    state: str  # 'on' | 'off' | 'dropped'
    why: str
    etag: str
    last_modified: str
    failures: int
    next_at: datetime | None
    fetched_at: datetime | None
    succeeded_at: datetime | None
    first_fetched_at: datetime | None
    options: dict[str, Any] = field(default_factory=dict, repr=False)  # plain JSON; what the kind needs, keys among it


_SOURCE = sa.select(*(sources.c[name] for name in Source.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source as an operator states it. ``hindrance``: why it cannot be watched as it is; then it is off."""

    name: str
    kind: str
    url: str
    every_seconds: float
    trusted: bool = False
    allow_private: bool = False
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    hindrance: str = ""


def put(conn: Connection, wanted: Wanted, origin: str) -> Source:
    """Add it, or bring what the operator states up to date. Another address, or other options, start it afresh."""
    known = by_name(conn, wanted.name)
    values = {name: getattr(wanted, name) for name in Wanted.__dataclass_fields__ if name != "hindrance"}
    values |= {"origin": origin}
    if wanted.hindrance:
        values |= {"state": "off", "why": wanted.hindrance}
    if known is None:
        conn.execute(insert(conn, sources).values(**values))
    else:
        restated = (known.url, known.options) != (wanted.url, wanted.options)
        if restated or known.kind != wanted.kind:
            values |= {"etag": "", "last_modified": "", "failures": 0, "first_fetched_at": None, "next_at": None}
        if not wanted.hindrance and (known.state == "dropped" or restated):
            values |= {"state": "on", "why": ""}
        conn.execute(sources.update().where(sources.c.id == known.id).values(**values))
    source = by_name(conn, wanted.name)
    assert source is not None  # noqa: S101
    return source


def settle(conn: Connection, wanted: Sequence[Wanted]) -> list[Source]:
    """Make the sources of the settings file the ones that are watched; those added by command stay."""
    for source in wanted:
        put(conn, source, "file")
    names = [source.name for source in wanted]
    conn.execute(
        sources.update()
        .where(sources.c.origin == "file", sources.c.name.not_in(names))
        .values(state="dropped", why="no longer in the settings")
    )
    return watched(conn)


def watched(conn: Connection) -> list[Source]:
    """Those that are asked; nobody asks the staff."""
    asked = _SOURCE.where(sources.c.state == "on", sources.c.kind != STAFF)
    return [Source(*row) for row in conn.execute(asked.order_by(sources.c.id))]


def all_of_them(conn: Connection) -> list[Source]:
    return [Source(*row) for row in conn.execute(_SOURCE.where(sources.c.state != "dropped").order_by(sources.c.name))]


def names(conn: Connection) -> dict[str, int]:
    """Of all that there ever were, dropped ones too, to their ids."""
    return {row.name: row.id for row in conn.execute(sa.select(sources.c.name, sources.c.id))}


def by_name(conn: Connection, name: str) -> Source | None:
    row = conn.execute(_SOURCE.where(sources.c.name == name)).first()
    return Source(*row) if row else None


def of_staff(conn: Connection) -> Source:
    """What staff and partners hand in comes from here; made when it is first wanted."""
    found = _SOURCE.where(sources.c.kind == STAFF).order_by(sources.c.id).limit(1)
    if row := conn.execute(found).first():
        return Source(*row)
    # A source of the settings may have the name already.
    names = chain(["Staff"], map("Staff {}".format, count(2)))
    name = next(name for name in names if by_name(conn, name) is None)
    values = {"name": name, "kind": STAFF, "url": "", "every_seconds": 0, "trusted": False, "allow_private": False}
    # Nothing of it is "what came with the first fetch", so nothing is kept back.
    made = insert(conn, sources).values(**values, options={}, origin="added", first_fetched_at=EPOCH)
    conn.execute(made.on_conflict_do_nothing(index_elements=["name"]))
    return Source(*conn.execute(found).one())


def get(conn: Connection, source_id: int) -> Source | None:
    row = conn.execute(_SOURCE.where(sources.c.id == source_id)).first()
    return Source(*row) if row else None


def fetched(
    conn: Connection,
    source_id: int,
    now: datetime,
    next_at: datetime,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
) -> None:
    """It answered. ``etag`` and ``last_modified`` of a full answer, empty or not, are sent back the next time; None
    keeps what was known, after "not modified"."""
    values: dict[str, object] = {
        "fetched_at": now,
        "succeeded_at": now,
        "next_at": next_at,
        "failures": 0,
        "why": "",
        "first_fetched_at": sa.func.coalesce(sources.c.first_fetched_at, sa.literal(now, sources.c.fetched_at.type)),
    }
    said = {"etag": etag, "last_modified": last_modified}
    values |= {name: value for name, value in said.items() if value is not None}
    conn.execute(sources.update().where(sources.c.id == source_id).values(**values))


def failed(conn: Connection, source_id: int, now: datetime, next_at: datetime, why: str, *, off: bool = False) -> None:
    """It did not. ``off`` after too many times in a row: a person has to look."""
    values: dict[str, object] = {"fetched_at": now, "next_at": next_at, "why": why, "failures": sources.c.failures + 1}
    if off:
        values["state"] = "off"
    conn.execute(sources.update().where(sources.c.id == source_id).values(**values))


def postponed(conn: Connection, source_id: int, next_at: datetime, why: str) -> None:
    """It asked to be left alone until then; not a failure."""
    conn.execute(sources.update().where(sources.c.id == source_id).values(next_at=next_at, why=why))


def switch(conn: Connection, name: str, state: str, next_at: datetime) -> bool:
    """On or off, by a person's word. False when there is no such source."""
    changed = conn.execute(
        sources.update()
        .where(sources.c.name == name, sources.c.state != "dropped")
        .values(state=state, why="" if state == "on" else "switched off", failures=0, next_at=next_at)
    )
    return changed.rowcount == 1


# ── Telling an admin ─────────────────────────────────────────────────────────────────────────────────────────────────


def given_up(conn: Connection) -> list[Source]:
    """Those that were switched off because they failed, and that no admin was told of yet."""
    untold = sa.or_(sources.c.alarmed_at.is_(None), sources.c.alarmed_at < sources.c.fetched_at)
    failed_ = _SOURCE.where(sources.c.state == "off", sources.c.failures > 0, untold)
    return [Source(*row) for row in conn.execute(failed_.order_by(sources.c.id))]


def alarmed(conn: Connection, source_id: int, now: datetime) -> None:
    """An admin was told."""
    conn.execute(sources.update().where(sources.c.id == source_id).values(alarmed_at=now))
