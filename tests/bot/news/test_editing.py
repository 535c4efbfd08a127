"""An editor changes their mind while news goes out: who has not got it yet waits, and is not forgotten."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.news import editing
from storage import broadcasts, deliveries, schema
from storage.database import Database
from storage.keys import KeyStore
from tests.storage.scene import LEASE, NOW, a_dispatch, drive, planned, someone

DAY = timedelta(days=1)


def going_out(conn: Connection, keys: KeyStore) -> tuple[int, int]:
    """News that is due to somebody: its id, and its broadcast's."""
    someone(conn, keys, topics=["visas"], countries=["IQ"])
    dispatch_id = a_dispatch(conn, topics=["visas"], countries=["IQ"])
    return dispatch_id, planned(conn, dispatch_id)


def hold(conn: Connection, dispatch_id: int) -> bool:
    return editing.move(conn, "Leila", dispatch_id, "held", "wait", NOW, only_from=["ready"])


def leaves(conn: Connection, keys: KeyStore) -> bool:
    """Whether anything is marked to go on the wire."""
    epoch = drive(conn)
    claimed = deliveries.claim(conn, "main", epoch, NOW, 10)
    return any(deliveries.mark_sending(conn, keys, one.id, LEASE, epoch, NOW) for one in claimed)


def state(conn: Connection) -> str:
    return str(conn.execute(sa.select(schema.deliveries.c.state)).scalar_one())


async def test_what_is_held_while_it_goes_out_goes_on_when_it_is_approved(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[bool, str, bool]:
        dispatch_id, broadcast_id = going_out(conn, keys)
        assert hold(conn, dispatch_id)
        held = leaves(conn, keys)
        broadcasts.sweep(conn, broadcast_id, 0, NOW)
        waits = state(conn)
        assert editing.approve(conn, "Leila", dispatch_id, NOW, DAY)
        broadcasts.sweep(conn, broadcast_id, 0, NOW)
        return held, waits, leaves(conn, keys)

    assert await db.write(live) == (False, "paused", True)


async def test_approving_does_not_take_the_brake_off(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> bool:
        dispatch_id, broadcast_id = going_out(conn, keys)
        broadcasts.pause(conn, broadcast_id, "refused 12/90")
        assert hold(conn, dispatch_id)
        assert editing.approve(conn, "Leila", dispatch_id, NOW, DAY)
        broadcasts.sweep(conn, broadcast_id, 0, NOW)
        return leaves(conn, keys)

    assert not await db.write(live)
