"""Who asks to be deleted is, in the commit of the answer; the message that says so still arrives (promise 7)."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import chats, deliveries, exports, people, planning, schema, updates
from storage.database import Database, PostgreSQL, SQLite
from storage.keys import KeyGone, KeyStore
from storage.people import Address
from tests.storage.scene import (
    NOW,
    a_dispatch,
    after,
    claim_and_mark,
    count,
    drive,
    mark,
    planned,
    said,
    second_address,
    someone,
)
from tests.storage.test_canary import ADDRESS, CHAT, WORDS, found_in

# What belongs to no person.
OF_THE_HOUSE = {
    "sources", "dispatches", "identities", "dispatch_countries", "dispatch_topics", "broadcasts", "leases", "accounts",
    "wills", "seen_updates", "doomed_keys", "staff", "audit", "pictures",
}  # fmt: skip


def lived(conn: Connection, keys: KeyStore, name: str = ADDRESS, country: str = "IQ") -> Address:
    """Somebody who did all that one can do here."""
    address = someone(conn, keys, name, topics=["visas-pathways"], countries=[country])
    second_address(conn, keys, address, f"{name}-2", account="second")
    person = people.get(conn, address.person_id)
    people.agree(conn, person.id, "1", NOW)
    people.keep_question(conn, keys, person, WORDS, NOW)
    exports.link(conn, keys, person.id, NOW)
    dispatch_id = a_dispatch(conn, countries=[country], topics=["visas-pathways"], source=f"of-{country}")
    planned(conn, dispatch_id)
    updates.receive(conn, keys, "telegram", "main", [said(f"{name}-u1", name, WORDS)], NOW)
    waiting = updates.next_waiting(conn, keys)
    assert waiting
    deliveries.reply(
        conn, keys, address=address, message=WORDS.encode(), purpose="reply", now=NOW, update_id=waiting.id
    )
    epoch = drive(conn)
    told = claim_and_mark(conn, keys, epoch)  # the reply
    deliveries.part_sent(conn, told, 1, "1", NOW, done=True)
    claim_and_mark(conn, keys, epoch)  # the news: on the wire
    token = f"tab-{name}"
    conn.execute(
        schema.chat_sittings.insert().values(
            token=keys.hash("sitting", token), address_id=address.id, opened_at=NOW, acted_at=NOW, listened_at=NOW
        )
    )
    chats.add_line(conn, keys, address, f"{CHAT} {WORDS}".encode(), NOW, ours=False)
    chats.keep_receipt(conn, keys.hash("receipt", token), address.id, NOW)
    return people.address(conn, address.id)


def sizes(conn: Connection) -> dict[str, int]:
    return {table.name: count(conn, table) for table in schema.metadata.sorted_tables}


async def test_everything_of_a_person_goes_and_nothing_of_anybody_else(db: Database, keys: KeyStore) -> None:
    await db.write(lived, keys, "somebody else", "PK")
    before = await db.read(sizes)
    theirs = await db.write(lived, keys)
    with_them = await db.read(sizes)
    assert {name for name in before if before[name] == with_them[name]} <= OF_THE_HOUSE, "the scene touches every table"
    await db.write(people.erase, theirs.person_id, after(1))
    left = await db.read(sizes)
    assert {name: left[name] for name in left if name not in OF_THE_HOUSE} == {
        name: before[name] for name in before if name not in OF_THE_HOUSE
    }


async def test_the_will_is_written_down_and_the_keys_are_doomed(db: Database, keys: KeyStore) -> None:
    theirs = await db.write(lived, keys)
    name = (await db.read(people.get, theirs.person_id)).pseudonym

    def key_ids(conn: Connection) -> set[str]:
        return {theirs.key_id, *conn.scalars(sa.select(schema.addresses.c.key_id))}

    expected = await db.read(key_ids)
    assert len(expected) == 2
    await db.write(people.erase, theirs.person_id, after(1))

    def wills(conn: Connection) -> list[tuple[str, str, datetime]]:
        return [(w.pseudonym, w.deed, w.at) for w in conn.execute(sa.select(schema.wills))]

    assert await db.read(wills) == [(name, "erase", after(1))]
    assert set(await db.read(people.doomed)) == expected
    await db.write(people.destroyed, expected)
    assert await db.read(people.doomed) == []


async def test_who_writes_again_is_somebody_new(db: Database, keys: KeyStore) -> None:
    theirs = await db.write(lived, keys)
    await db.write(people.erase, theirs.person_id, after(1))
    again = await db.write(people.meet, keys, "telegram", "main", ADDRESS, after(2))
    person = await db.read(people.get, again.person_id)
    assert again.key_id != theirs.key_id
    assert (person.agreed, person.subscribed, person.topics, person.language) == (False, False, frozenset(), None)


# ── What is under way ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_claimed_is_not_sent_any_more(db: Database, keys: KeyStore) -> None:
    def claimed(conn: Connection) -> tuple[int, int]:
        address = someone(conn, keys)
        planned(conn, a_dispatch(conn))
        epoch = drive(conn)
        (item,) = deliveries.claim(conn, "main", epoch, NOW, 1)
        people.erase(conn, address.person_id, NOW)
        return item.id, epoch

    delivery_id, epoch = await db.write(claimed)
    assert await db.write(mark, keys, delivery_id, epoch) is None
    await db.write(deliveries.release, [delivery_id], epoch)


ENDS: list[tuple[str, Callable[[Connection, KeyStore, deliveries.Marked, int], object]]] = [
    ("sent", lambda conn, keys, marked, epoch: deliveries.part_sent(conn, marked, 1, "1", NOW, done=True)),
    ("later", lambda conn, keys, marked, epoch: deliveries.put_back(conn, marked, epoch, after(5), "later")),
    ("waits", lambda conn, keys, marked, epoch: deliveries.address_waits(conn, marked.address_id, after(5))),
    ("refused", lambda conn, keys, marked, epoch: deliveries.finish(conn, marked, epoch, "refused", "", NOW)),
    ("gone", lambda conn, keys, marked, epoch: people.lost(conn, marked.address_id, "blocked")),
    ("moved", lambda conn, keys, marked, epoch: people.rename(conn, keys, marked.address_id, "new name")),
]


@pytest.mark.parametrize(("label", "end"), ENDS, ids=[row[0] for row in ENDS])
async def test_what_was_on_the_wire_ends_without_a_fault_and_without_a_trace(
    db: Database, keys: KeyStore, label: str, end: Callable[[Connection, KeyStore, deliveries.Marked, int], object]
) -> None:
    def marked(conn: Connection) -> tuple[deliveries.Marked, int]:
        address = someone(conn, keys)
        planned(conn, a_dispatch(conn))
        epoch = drive(conn)
        found = claim_and_mark(conn, keys, epoch)
        people.erase(conn, address.person_id, NOW)
        return found, epoch

    found, epoch = await db.write(marked)
    await db.write(end, keys, found, epoch)
    left = await db.read(sizes)
    assert (left["people"], left["addresses"], left["deliveries"], left["told"]) == (0, 0, 0, 0)


async def test_what_was_on_the_wire_ends_nothing_of_who_comes_next(db: Database, keys: KeyStore) -> None:
    """No id is given again: a late answer would be taken for an answer to somebody else's message."""

    def late(conn: Connection) -> tuple[str, str]:
        first = someone(conn, keys, "1")
        planned(conn, a_dispatch(conn))
        epoch = drive(conn)
        on_the_wire = claim_and_mark(conn, keys, epoch)
        people.erase(conn, first.person_id, NOW)
        second = someone(conn, keys, "2")
        deliveries.reply(conn, keys, address=second, message=b"hello", purpose="reply", now=NOW)
        reply = claim_and_mark(conn, keys, epoch)
        deliveries.part_sent(conn, on_the_wire, 1, "1", NOW, done=True)
        people.lost(conn, on_the_wire.address_id, "blocked")
        state = conn.scalar(sa.select(schema.deliveries.c.state).where(schema.deliveries.c.id == reply.id))
        return str(state), people.address(conn, second.id).state

    assert await db.write(late) == ("sending", "open")


async def test_a_broadcast_being_planned_goes_on_without_them(db: Database, keys: KeyStore) -> None:
    def half_planned(conn: Connection) -> list[int]:
        ids = [someone(conn, keys, str(number)).person_id for number in range(4)]
        broadcast_id = planning.broadcast_dispatch(conn, a_dispatch(conn), NOW, None)
        assert broadcast_id
        planning.plan_chunk(conn, broadcast_id, NOW, 2)
        for erased in (ids[0], ids[3]):
            people.erase(conn, erased, NOW)
        while planning.plan_chunk(conn, broadcast_id, NOW, 2) is not None:
            pass
        planned_for = conn.scalars(sa.select(schema.deliveries.c.recipient_id)).all()
        return [ids.index(person_id) for person_id in sorted(planned_for)]

    assert await db.write(half_planned) == [1, 2]


async def test_a_plan_and_an_erasure_at_the_same_moment_lose_nobody_else(
    postgresql: PostgreSQL, keys: KeyStore
) -> None:
    def people_and_news(conn: Connection) -> tuple[list[int], int]:
        ids = [someone(conn, keys, str(number)).person_id for number in range(30)]
        broadcast_id = planning.broadcast_dispatch(conn, a_dispatch(conn), NOW, None)
        assert broadcast_id
        return ids, broadcast_id

    ids, broadcast_id = await postgresql.write(people_and_news)

    async def plan() -> None:
        for _ in range(50):
            try:
                while await postgresql.write(planning.plan_chunk, broadcast_id, NOW, 3) is not None:
                    pass
            except sa.exc.IntegrityError:  # gone between the look and the row; planned again, as the schedule does
                continue
            return

    erasing = [postgresql.write(people.erase, person_id, NOW) for person_id in ids[::3]]
    await asyncio.gather(plan(), *erasing)
    planned_for = await postgresql.read(
        lambda conn: set(conn.scalars(sa.select(schema.deliveries.c.recipient_id)).all())
    )
    assert planned_for == set(ids) - set(ids[::3])


# ── The last message ─────────────────────────────────────────────────────────────────────────────────────────────────


def bid_farewell(conn: Connection, keys: KeyStore, address: Address, at: datetime = NOW) -> Address:
    to = people.farewell(conn, keys, address.id, at)
    deliveries.reply(conn, keys, address=to, message=b"goodbye", purpose="reply", now=at, valid_for=people.FAREWELL)
    people.erase(conn, address.person_id, at)
    return to


async def test_the_last_message_still_reaches_them_and_then_nothing_is_left(db: Database, keys: KeyStore) -> None:
    theirs = await db.write(lived, keys)
    to = await db.write(bid_farewell, keys, theirs)
    assert (to.channel, to.account) == (theirs.channel, theirs.account)
    assert to.key_id != theirs.key_id
    await db.write(lambda conn: keys.destroy(theirs.key_id))
    assert not await db.read(people.any_parted, after(1))
    epoch = await db.write(drive)
    marked = await db.write(claim_and_mark, keys, epoch)
    assert (marked.address, marked.message) == (ADDRESS, b"goodbye")
    assert not await db.read(people.any_parted, after(1)), "it is on the wire"
    await db.write(deliveries.part_sent, marked, 1, "1", after(1), done=True)
    assert await db.read(people.any_parted, after(1))
    await db.write(people.forget_parted, after(1))
    left = await db.read(sizes)
    assert (left["people"], left["addresses"], left["deliveries"]) == (0, 0, 0)
    assert set(await db.read(people.doomed)) >= {theirs.key_id, to.key_id}
    assert not await db.read(people.any_parted, after(1))


async def test_a_last_message_that_cannot_be_sent_ends_within_the_hour(db: Database, keys: KeyStore) -> None:
    theirs = await db.write(lived, keys)
    await db.write(bid_farewell, keys, theirs)
    assert not await db.read(people.any_parted, after(hours=0.99))
    epoch = await db.write(drive)
    (late,) = await db.write(deliveries.claim, "main", epoch, after(hours=1), 10)
    assert await db.write(mark, keys, late.id, epoch, after(hours=1)) is None, "and it is not sent late"
    assert await db.read(people.any_parted, after(hours=1))
    await db.write(people.forget_parted, after(hours=1))
    assert (await db.read(sizes))["people"] == 0


async def test_nobody_finds_who_is_leaving(db: Database, keys: KeyStore) -> None:
    theirs = await db.write(lived, keys)
    before = await db.read(people.get, theirs.person_id)
    to = await db.write(bid_farewell, keys, theirs)
    leaving = await db.read(people.get, to.person_id)
    assert await db.read(people.find, keys, "telegram", "main", ADDRESS) is None
    assert leaving.pseudonym != before.pseudonym
    assert (leaving.subscribed, leaving.agreed, leaving.topics) == (False, False, frozenset())
    assert await db.read(people.count) == 0
    again = await db.write(people.meet, keys, "telegram", "main", ADDRESS, after(1))
    assert again.person_id not in (to.person_id, theirs.person_id)
    assert await db.read(people.count) == 1
    await db.write(planned, await db.write(a_dispatch))
    rows = await db.read(lambda conn: conn.execute(sa.select(schema.deliveries.c.broadcast_id)).all())
    assert [row.broadcast_id for row in rows] == [None], "the goodbye alone"


async def test_in_the_web_chat_the_open_tab_goes_to_somebody_new(db: Database, keys: KeyStore) -> None:
    idle = timedelta(minutes=15)

    def erased(conn: Connection) -> tuple[Address, chats.Sitting | None, list[chats.Line], int | None]:
        sitting = chats.open_sitting(conn, keys, "tab", "web", NOW)
        address = people.address(conn, sitting.address_id)
        chats.add_line(conn, keys, address, WORDS.encode(), NOW, ours=False)
        chats.keep_receipt(conn, b"receipt", address.id, NOW)
        chats.erase(conn, keys, address, sitting.name, after(1))
        now = chats.sitting_of(conn, keys, "tab", after(1), idle)
        assert now
        said = chats.say(conn, keys, "web", sitting.name, b"goodbye", after(1), idle=idle)
        assert said, "the page hears the last message"
        return address, now, chats.lines(conn, keys, now.address_id), chats.by_receipt(conn, b"receipt")

    before, now, lines, by_receipt = await db.write(erased)
    assert now
    assert now.address_id != before.id
    assert [line.body for line in lines] == [b"goodbye"]
    assert by_receipt is None
    assert before.key_id in await db.read(people.doomed)


async def test_a_tab_that_ended_stays_ended(db: Database, keys: KeyStore) -> None:
    def erased(conn: Connection) -> chats.Sitting | None:
        sitting = chats.open_sitting(conn, keys, "tab", "web", NOW)
        chats.end(conn, keys, "tab", NOW)
        chats.erase(conn, keys, people.address(conn, sitting.address_id), sitting.name, after(1))
        return chats.sitting_of(conn, keys, "tab", after(1), timedelta(minutes=15))

    assert await db.write(erased) is None


async def test_of_several_addresses_the_one_that_spoke_is_found(db: Database, keys: KeyStore) -> None:
    def both(conn: Connection) -> tuple[Address, Address, Address]:
        first = someone(conn, keys, "1")
        second = second_address(conn, keys, first, "2", account="second", heard_at=after(5))
        twin = second_address(conn, keys, first, "2", account="third", heard_at=after(9))
        return first, second, twin

    first, second, twin = await db.write(both)
    assert (await db.read(people.called, keys, first.person_id, "1")) == first
    assert (await db.read(people.called, keys, first.person_id, "2")) == twin
    assert (await db.read(people.called, keys, first.person_id, "3")) is None
    keys.destroy(twin.key_id)
    assert (await db.read(people.called, keys, first.person_id, "2")) == second


# ── The files (S3) ───────────────────────────────────────────────────────────────────────────────────────────────────


def files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


async def test_scrubbing_empties_the_log_and_waits_for_nobody(sqlite: SQLite, keys: KeyStore, tmp_path: Path) -> None:
    await sqlite.write(lived, keys)
    log = tmp_path / "serai.db-wal"
    assert log.stat().st_size
    with closing(sqlite3.connect(tmp_path / "serai.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN")
        foreign.execute("SELECT * FROM people").fetchall()
        await sqlite.write(people.change, 1, step="x")
        assert not await sqlite.scrub()
        await sqlite.write(people.change, 1, step="y")  # and the writer goes on
    assert await sqlite.scrub()
    assert log.stat().st_size == 0


async def test_postgresql_has_nothing_to_scrub(postgresql: PostgreSQL) -> None:
    assert await postgresql.scrub()


def raw_key(folder: Path, key_id: str) -> tuple[bytes, bytes]:
    """The wrapped key of a person as the key store holds it, and its bare ciphertext."""
    with closing(sqlite3.connect(folder / "people.db")) as store:
        ((wrapped,),) = store.execute("SELECT wrapped FROM person WHERE id = ?", (bytes.fromhex(key_id),)).fetchall()
    return wrapped, wrapped[12:]


def spellings(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield secret.hex().encode()
    yield base64.b64encode(secret)[:-4]


async def test_after_an_erasure_no_file_holds_what_was_marked_nor_the_key(
    sqlite: SQLite, keys: KeyStore, tmp_path: Path
) -> None:
    theirs = await sqlite.write(lived, keys)
    wrapped = raw_key(tmp_path / "keys", theirs.key_id)
    sealed = await sqlite.read(
        lambda conn: [bytes(row) for row in conn.scalars(sa.select(schema.addresses.c.sealed)).all()]
    )
    await sqlite.write(lambda conn: people.change(conn, theirs.person_id, step="subscribe iq"))
    before = b"".join(file.read_bytes() for file in files(tmp_path))
    assert wrapped[0] in before
    assert all(blob in before for blob in sealed), "the scan can find what is there"

    await sqlite.write(bid_farewell, keys, theirs)
    for key_id in await sqlite.read(people.doomed):
        keys.destroy(key_id)
    assert await sqlite.scrub()

    assert {file.name for file in files(tmp_path)} >= {"serai.db", "serai.db-wal", "serai.db-shm", "people.db"}
    assert found_in(files(tmp_path)) == []
    after_all = b"".join(file.read_bytes() for file in files(tmp_path))
    assert not any(spelling in after_all for secret in wrapped for spelling in spellings(secret))
    # What is sealed could not be read without the key; the rows themselves are overwritten too.
    assert not any(blob in after_all for blob in sealed)
    with pytest.raises(KeyGone):
        keys.seal(theirs.key_id, "address", "x", b"")


async def test_a_copy_that_was_made_before_cannot_be_read_any_more(
    sqlite: SQLite, keys: KeyStore, tmp_path: Path
) -> None:
    theirs = await sqlite.write(lived, keys)
    await sqlite.scrub()
    backup = tmp_path / "backup" / "serai.db"
    backup.parent.mkdir()
    backup.write_bytes((tmp_path / "serai.db").read_bytes())
    await sqlite.write(people.erase, theirs.person_id, after(1))
    keys.destroy(theirs.key_id)
    old = Database.open(f"sqlite:///{backup}")
    try:
        assert await old.read(people.called, keys, theirs.person_id, ADDRESS) is None
        with pytest.raises(KeyGone):
            await old.read(people.waiting_questions, keys)
    finally:
        await old.close()
