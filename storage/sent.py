"""What lies in somebody's chat, by the platform's ids, for whoever wants it to vanish."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.rows import stands
from storage.schema import chat_lines, deliveries


def ids(conn: Connection, address_id: int, since: datetime) -> list[str]:
    """Of all that was sent to this address since then, and of all lines of a web chat, ours and theirs; each once."""
    sent = conn.scalars(
        sa.select(deliveries.c.ids)
        .where(deliveries.c.address_id == address_id, deliveries.c.marked_at >= since)
        .order_by(deliveries.c.id)
    )
    lines = conn.scalars(sa.select(chat_lines.c.id).where(chat_lines.c.address_id == address_id))
    found = [str(name) for names in sent if names for name in names if name]
    return list(dict.fromkeys([*found, *map(str, lines)]))


def take_back(conn: Connection, address_id: int, now: datetime) -> int:
    """Answers to this address that did not leave yet never will. Returns how many."""
    waiting = sa.and_(deliveries.c.address_id == address_id, stands(deliveries.c.state, "pending", "claimed"))
    return conn.execute(
        deliveries.update()
        .where(waiting, deliveries.c.broadcast_id.is_(None), deliveries.c.purpose == "reply")
        .values(state="cancelled", done_at=now, sealed=None, record=None)
    ).rowcount
