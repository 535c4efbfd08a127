"""Pictures that go out with what staff write; each kept once, under the hash of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.rows import insert
from storage.schema import pictures


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    mime: str
    data: bytes = field(repr=False)


def keep(conn: Connection, data: bytes, mime: str, now: datetime) -> str:
    """Returns the name that it has from now on."""
    name = hashlib.sha256(data).hexdigest()
    values = {"name": name, "mime": mime, "data": data, "made_at": now}
    conn.execute(insert(conn, pictures).values(**values).on_conflict_do_nothing())
    return name


def get(conn: Connection, name: str) -> Picture | None:
    row = conn.execute(sa.select(pictures.c.name, pictures.c.mime, pictures.c.data).where(pictures.c.name == name))
    found = row.first()
    return Picture(*found) if found else None
