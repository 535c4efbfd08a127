"""The web chat's rows: a sitting belongs to the tab, lines to the address, and a receipt leads back."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import chats, people, schema
from storage.database import Database
from storage.keys import KeyStore
from tests.storage.scene import NOW, after, count

IDLE = timedelta(minutes=15)


def say(
    conn: Connection, keys: KeyStore, name: str, words: str, at: float = 0, replaces: int | None = None
) -> int | None:
    return chats.say(conn, keys, "web", name, words.encode(), after(at), idle=IDLE, replaces=replaces)


def read(conn: Connection, keys: KeyStore, address_id: int, since: int = 0, limit: int = 200) -> list[tuple[str, int]]:
    return [(line.body.decode(), line.changed) for line in chats.lines(conn, keys, address_id, since, limit)]


async def test_each_tab_is_somebody_of_its_own(db: Database, keys: KeyStore) -> None:
    one = await db.write(chats.open_sitting, keys, "token-1", "web", NOW)
    two = await db.write(chats.open_sitting, keys, "token-2", "web", NOW)
    assert one.address_id != two.address_id
    assert await db.read(chats.sitting_of, keys, "token-1", NOW, IDLE) == one
    assert await db.read(chats.sitting_of, keys, "token-3", NOW, IDLE) is None


async def test_the_token_itself_is_not_kept(db: Database, keys: KeyStore) -> None:
    await db.write(chats.open_sitting, keys, "token-1", "web", NOW)
    (kept,) = await db.read(lambda conn: conn.execute(sa.select(schema.chat_sittings.c.token)).one())
    assert b"token-1" not in kept


async def test_only_an_act_keeps_a_sitting_alive(db: Database, keys: KeyStore) -> None:
    await db.write(chats.open_sitting, keys, "t", "web", NOW)
    await db.write(chats.listened, keys, "t", after(minutes=10))
    assert await db.read(chats.sitting_of, keys, "t", after(minutes=14), IDLE)
    assert await db.read(chats.sitting_of, keys, "t", after(minutes=15), IDLE) is None
    await db.write(chats.acted, keys, "t", after(minutes=14))
    assert await db.read(chats.sitting_of, keys, "t", after(minutes=28), IDLE)


async def test_a_sitting_that_ended_does_not_come_back(db: Database, keys: KeyStore) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    await db.write(chats.end, keys, "t", after(1))
    await db.write(chats.acted, keys, "t", after(2))
    await db.write(chats.listened, keys, "t", after(2))
    assert await db.read(chats.sitting_of, keys, "t", after(2), IDLE) is None
    assert await db.write(say, keys, sitting.name, "anyone there?", 2) is None


async def test_lines_that_are_removed_are_gone_and_an_open_tab_is_told(db: Database, keys: KeyStore) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    other = await db.write(chats.open_sitting, keys, "u", "web", NOW)
    lines = [await db.write(say, keys, sitting.name, words) for words in ("one", "two", "three")]
    elsewhere = await db.write(say, keys, other.name, "theirs")
    [*_, (_, last)] = await db.read(read, keys, sitting.address_id)
    gone = [line for line in (lines[0], lines[1], elsewhere) if line]
    assert await db.write(chats.remove, keys, "web", sitting.name, gone, b"gone", after(1))
    assert [words for words, _ in await db.read(read, keys, sitting.address_id)] == ["three", "gone"]
    assert [words for words, _ in await db.read(read, keys, sitting.address_id, last)] == ["gone"]
    assert [words for words, _ in await db.read(read, keys, other.address_id)] == ["theirs"]


async def test_a_tab_that_slept_while_all_its_lines_went_still_finds_what_comes_next(
    db: Database, keys: KeyStore
) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    lines = [await db.write(say, keys, sitting.name, "one"), await db.write(say, keys, sitting.name, "two")]
    [*_, (_, last)] = await db.read(read, keys, sitting.address_id)
    assert await db.write(say, keys, sitting.name, "asleep", 60) is None
    await db.write(chats.remove, keys, "web", sitting.name, [line for line in lines if line], b"gone", after(60))
    await db.write(chats.listened, keys, "t", after(61))
    await db.write(say, keys, sitting.name, "three", 61)
    assert [words for words, _ in await db.read(read, keys, sitting.address_id, last)] == ["gone", "three"]


async def test_nobody_has_no_lines_to_remove(db: Database, keys: KeyStore) -> None:
    assert await db.write(chats.remove, keys, "web", "nobody", [1], b"gone", NOW) is None


async def test_the_next_tab_at_an_address_ends_the_one_before(db: Database, keys: KeyStore) -> None:
    first = await db.write(chats.open_sitting, keys, "café", "web", NOW)
    second = await db.write(chats.sit, keys, "home", first.address_id, after(60))
    assert (second.address_id, second.name) == (first.address_id, first.name)
    assert await db.read(chats.sitting_of, keys, "café", after(60), IDLE) is None


async def test_a_closed_tab_is_told_nothing(db: Database, keys: KeyStore) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    assert await db.write(say, keys, sitting.name, "now", 44)
    assert await db.write(say, keys, sitting.name, "too late", 45) is None
    await db.write(chats.listened, keys, "t", after(50))
    assert await db.write(say, keys, sitting.name, "again", 60)
    assert await db.write(say, keys, "unknown", "nobody", 60) is None


async def test_a_tab_asks_for_what_is_new_and_hears_of_changes(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        sitting = chats.open_sitting(conn, keys, "t", "web", NOW)
        address = people.address(conn, sitting.address_id)
        first = say(conn, keys, sitting.name, "one")
        chats.add_line(conn, keys, address, b"two", NOW, ours=False)
        assert read(conn, keys, address.id) == [("one", 1), ("two", 2)]
        assert say(conn, keys, sitting.name, "one, corrected", replaces=first) == first
        assert read(conn, keys, address.id, since=2) == [("one, corrected", 3)]
        assert read(conn, keys, address.id) == [("two", 2), ("one, corrected", 3)]
        assert read(conn, keys, address.id, limit=1) == [("one, corrected", 3)]

    await db.write(live)


async def test_a_line_of_theirs_or_of_somebody_else_is_never_replaced(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        one = chats.open_sitting(conn, keys, "t1", "web", NOW)
        two = chats.open_sitting(conn, keys, "t2", "web", NOW)
        theirs = chats.add_line(conn, keys, people.address(conn, one.address_id), b"mine", NOW, ours=False)
        others = say(conn, keys, two.name, "other")
        for line_id in (theirs, others, 404):
            assert say(conn, keys, one.name, "new", replaces=line_id) != line_id
        assert [words for words, _ in read(conn, keys, one.address_id)] == ["mine", "new", "new", "new"]
        assert [words for words, _ in read(conn, keys, two.address_id)] == ["other"]

    await db.write(live)


async def test_a_receipt_leads_back_and_a_new_one_replaces_it(db: Database, keys: KeyStore) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    await db.write(chats.keep_receipt, b"first", sitting.address_id, NOW)
    assert await db.read(chats.by_receipt, b"first") == sitting.address_id
    await db.write(chats.keep_receipt, b"second", sitting.address_id, NOW)
    assert await db.read(chats.by_receipt, b"first") is None
    assert await db.read(chats.by_receipt, b"second") == sitting.address_id


async def test_old_lines_and_sittings_are_forgotten(db: Database, keys: KeyStore) -> None:
    sitting = await db.write(chats.open_sitting, keys, "t", "web", NOW)
    await db.write(say, keys, sitting.name, "old")
    await db.write(chats.forget, after(days=7), timedelta(days=7))
    assert (await db.read(count, schema.chat_lines), await db.read(count, schema.chat_sittings)) == (1, 0)
    await db.write(chats.forget, after(days=7, seconds=1), timedelta(days=7))
    assert await db.read(count, schema.chat_lines) == 0
