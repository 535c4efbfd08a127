"""What lies in somebody's chat, for whoever wants it to vanish."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import chats, deliveries, people, schema, sent
from storage.database import Database
from storage.keys import KeyStore
from storage.people import Address
from tests.storage.scene import NOW, after, someone

HOURS = timedelta(hours=48)


def reply(conn: Connection, keys: KeyStore, address: Address, **values: object) -> int:
    made = deliveries.reply(conn, keys, address=address, message=b"hello", purpose="reply", now=NOW)
    if values:
        conn.execute(schema.deliveries.update().where(schema.deliveries.c.id == made).values(**values))
    return made


def was_sent(conn: Connection, keys: KeyStore, address: Address, ids: list[str], at: datetime) -> int:
    return reply(conn, keys, address, state="sent", ids=ids, marked_at=at)


async def test_what_was_sent_to_this_address_lately_each_once(db: Database, keys: KeyStore) -> None:
    ana, ben = await db.write(someone, keys, "1"), await db.write(someone, keys, "2")
    await db.write(was_sent, keys, ana, ["10"], after(hours=-49))
    await db.write(was_sent, keys, ana, ["11", "12"], after(hours=-47))
    await db.write(was_sent, keys, ana, ["12"], after(hours=-1))  # edited in place
    await db.write(was_sent, keys, ana, [""], after(hours=-1))  # what made others vanish has no id
    await db.write(was_sent, keys, ben, ["13"], after(hours=-1))
    await db.write(reply, keys, ana)
    assert await db.read(sent.ids, ana.id, NOW - HOURS) == ["11", "12"]


async def test_of_a_web_chat_all_lines(db: Database, keys: KeyStore) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    here = await db.read(people.address, sitting.address_id)
    ours = await db.write(chats.add_line, keys, here, b"hello", NOW, ours=True)
    theirs = await db.write(chats.add_line, keys, here, b"salam", NOW, ours=False)
    await db.write(was_sent, keys, here, [str(ours)], NOW)
    assert await db.read(sent.ids, here.id, NOW - HOURS) == [str(ours), str(theirs)]


async def test_answers_that_did_not_leave_yet_never_will(db: Database, keys: KeyStore) -> None:
    ana, ben = await db.write(someone, keys, "1"), await db.write(someone, keys, "2")
    rows = {
        await db.write(reply, keys, ana): "cancelled",
        await db.write(reply, keys, ana, state="claimed"): "cancelled",
        await db.write(reply, keys, ana, state="sending"): "sending",
        await db.write(reply, keys, ana, state="sent"): "sent",
        await db.write(reply, keys, ana, purpose="counselling"): "pending",
        await db.write(reply, keys, ben): "pending",
    }
    assert await db.write(sent.take_back, ana.id, NOW) == 2
    found = await db.read(lambda conn: conn.execute(sa.select(schema.deliveries)).all())
    assert {row.id: row.state for row in found} == rows
    assert {row.sealed for row in found if row.state == "cancelled"} == {None}
