"""People, their addresses, and their will."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, people, schema
from storage.database import Database, PostgreSQL
from storage.keys import KeyStore
from storage.people import Address
from tests.storage.scene import (
    NOW,
    a_dispatch,
    after,
    claim_and_mark,
    count,
    delivery,
    drive,
    planned,
    second_address,
    someone,
)


def row(conn: Connection, address: Address) -> Any:
    return conn.execute(sa.select(schema.addresses).where(schema.addresses.c.id == address.id)).one()


def wills(conn: Connection) -> list[tuple[str, str]]:
    return [(w.pseudonym, w.deed) for w in conn.execute(sa.select(schema.wills).order_by(schema.wills.c.id))]


async def test_the_same_name_is_the_same_address_and_another_account_another_person(
    db: Database, keys: KeyStore
) -> None:
    first = await db.write(people.meet, keys, "telegram", "main", "7", NOW)
    assert await db.write(people.meet, keys, "telegram", "main", "7", NOW) == first
    other = await db.write(people.meet, keys, "telegram", "second", "7", NOW)
    assert other.person_id != first.person_id
    assert await db.read(people.find, keys, "telegram", "main", "7") == first
    assert await db.read(people.find, keys, "telegram", "main", "8") is None


async def test_a_pseudonym_that_is_taken_is_not_given_again(
    db: Database, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = iter(["p-same", "p-same", "p-same", "p-other"])
    monkeypatch.setattr(people, "pseudonym", lambda: next(names))
    first = await db.write(people.meet, keys, "telegram", "main", "1", NOW)
    second = await db.write(people.meet, keys, "telegram", "main", "2", NOW)
    assert (await db.read(people.get, first.person_id)).pseudonym == "p-same"
    assert (await db.read(people.get, second.person_id)).pseudonym == "p-other"


async def test_what_somebody_chose_is_kept_and_can_be_taken_away(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> people.Person:
        person_id = people.meet(conn, keys, "telegram", "main", "1", NOW).person_id
        for _ in range(2):  # the same choice twice is one
            people.add_topics(conn, person_id, ["visas", "health", "work"])
            people.add_countries(conn, person_id, ["IQ", "IR"])
        people.remove_topics(conn, person_id, ["health"])
        people.remove_countries(conn, person_id)
        people.change(conn, person_id, language="bn", step="country", offered=["a", "b"], regional=True)
        people.agree(conn, person_id, "1", NOW)
        return people.get(conn, person_id)

    person = await db.write(live)
    assert (person.topics, person.countries) == (frozenset({"visas", "work"}), frozenset())
    assert (person.language, person.step, person.offered) == ("bn", "country", ("a", "b"))
    assert (person.agreed, person.regional, person.subscribed) == (True, True, False)


async def test_news_begins_when_somebody_subscribes_and_not_again_when_they_repeat_it(
    db: Database, keys: KeyStore
) -> None:
    def since(conn: Connection) -> Any:
        return conn.scalar(sa.select(schema.people.c.since))

    address = await db.write(someone, keys, subscribed=False)
    await db.write(people.subscribe, address.person_id, NOW)
    await db.write(people.subscribe, address.person_id, after(60))
    assert await db.read(since) == NOW
    await db.write(people.stop, address.person_id, after(70))
    assert await db.read(since) is None
    await db.write(people.subscribe, address.person_id, after(80))
    assert await db.read(since) == after(80)


# ── Their will ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_writes_a_will_in_the_same_commit(db: Database, keys: KeyStore) -> None:
    address = await db.write(someone, keys)
    person = await db.read(people.get, address.person_id)

    def dies(conn: Connection) -> None:
        people.stop(conn, person.id, NOW)
        raise OSError

    with pytest.raises(OSError):
        await db.write(dies)
    assert (await db.read(people.get, person.id)).subscribed
    assert await db.read(wills) == []

    await db.write(people.stop, person.id, NOW)
    assert not (await db.read(people.get, person.id)).subscribed
    assert await db.read(wills) == [(person.pseudonym, "stop")]


async def test_a_will_outlives_the_person(db: Database, keys: KeyStore) -> None:
    address = await db.write(someone, keys)
    person = await db.read(people.get, address.person_id)
    await db.write(people.stop, person.id, NOW)
    await db.write(lambda conn: conn.execute(schema.people.delete()))
    assert await db.read(wills) == [(person.pseudonym, "stop")]


async def test_with_a_person_goes_all_that_is_theirs(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        address = someone(conn, keys, topics=["visas"], countries=["IQ"])
        planned(conn, a_dispatch(conn, topics=["visas"], countries=["IQ"]))
        claim_and_mark(conn, keys, drive(conn))
        people.keep_question(conn, keys, people.get(conn, address.person_id), "help", NOW)
        conn.execute(schema.people.delete())

    await db.write(live)
    for table in (schema.addresses, schema.person_topics, schema.deliveries, schema.told, schema.questions):
        assert await db.read(count, table) == 0


async def test_who_changes_a_person_waits_for_whoever_changes_them(postgresql: PostgreSQL, keys: KeyStore) -> None:
    address = await postgresql.write(someone, keys)
    async with postgresql.engine.begin() as one:
        await one.run_sync(people.lock, address.person_id)
        two = asyncio.create_task(postgresql.write(people.lock, address.person_id))
        await asyncio.sleep(0.1)
        assert not two.done()
        await one.run_sync(lambda conn: people.change(conn, address.person_id, step="first"))
    assert (await two).step == "first"


# ── Addresses open and go ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("label", "events", "state"),
    [
        ("heard", [("heard", 10)], "open"),
        ("left", [("heard", 10), ("left", 20)], "gone"),
        ("came back", [("heard", 10), ("left", 20), ("heard", 30)], "open"),
        ("a late word from before they left", [("left", 20), ("heard", 10)], "gone"),
        ("a word of the very time they left", [("left", 20), ("heard", 20)], "gone"),
        ("a late leaving from before they came back", [("heard", 30), ("left", 20)], "open"),
        ("a leaving that comes again", [("left", 20), ("heard", 30), ("left", 20)], "open"),
        ("left, and an older leaving comes late", [("left", 30), ("left", 10), ("heard", 20)], "gone"),
    ],
)
async def test_only_what_is_newer_opens_an_address_or_closes_it(
    db: Database, keys: KeyStore, label: str, events: list[tuple[str, int]], state: str
) -> None:
    address = await db.write(people.meet, keys, "telegram", "main", "1", NOW)
    for event, at in events:
        if event == "heard":
            await db.write(people.heard, address.id, after(at))
        else:
            await db.write(people.lost, address.id, "left", after(at))
    assert (await db.read(people.address, address.id)).state == state
    assert await db.read(people.reachable, address.person_id) == (state == "open")


async def test_a_late_word_moves_neither_the_time_heard_nor_the_window_back(db: Database, keys: KeyStore) -> None:
    address = await db.write(people.meet, keys, "whatsapp", "main", "1", NOW)
    await db.write(people.heard, address.id, after(60), after(hours=24))
    await db.write(people.heard, address.id, after(10), after(hours=23))
    await db.write(people.heard, address.id, after(5))
    kept = await db.read(row, address)
    assert (kept.heard_at, kept.window_until) == (after(60), after(hours=24))


# ── Another name ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_address_that_moved_is_the_same_person_under_the_new_name(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[Address, str]:
        address = someone(conn, keys, "-1", group=True)
        assert people.rename(conn, keys, address.id, "-100") == address.id
        planned(conn, a_dispatch(conn))
        return address, claim_and_mark(conn, keys, drive(conn)).address

    address, sent_to = await db.write(live)
    assert sent_to == "-100"
    assert await db.read(people.find, keys, "telegram", "main", "-1") is None
    found = await db.read(people.find, keys, "telegram", "main", "-100")
    assert found
    assert found.id == address.id
    assert await db.write(people.rename, keys, address.id, "-100") == address.id  # told twice


async def test_a_group_that_moved_and_was_met_under_both_names_keeps_its_news_and_its_replies(
    db: Database, keys: KeyStore
) -> None:
    def live(conn: Connection) -> None:
        old = someone(conn, keys, "-1", group=True, topics=["visas"])
        new = people.meet(conn, keys, "telegram", "main", "-100", NOW, group=True)
        people.heard(conn, new.id, NOW)
        reply_id = deliveries.reply(conn, keys, address=old, message=b"hello", purpose="reply", now=NOW)
        epoch = drive(conn)
        deliveries.claim(conn, "main", epoch, NOW, 1)  # under way already
        assert people.rename(conn, keys, old.id, "-100") == new.id
        assert people.rename(conn, keys, old.id, "-100") == new.id
        assert people.address(conn, new.id).person_id == old.person_id
        marked = deliveries.mark_sending(conn, keys, reply_id, "account:main", epoch, NOW)
        assert marked
        assert (marked.address, marked.message) == ("-100", b"hello")
        planned(conn, a_dispatch(conn, topics=["visas"]))
        assert claim_and_mark(conn, keys, epoch).address == "-100"

    await db.write(live)


async def test_a_delivery_on_the_wire_is_put_back_to_the_new_name(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        old = someone(conn, keys, "-1", group=True)
        people.meet(conn, keys, "telegram", "main", "-100", NOW, group=True)
        deliveries.reply(conn, keys, address=old, message=b"hello", purpose="reply", now=NOW)
        epoch = drive(conn)
        marked = claim_and_mark(conn, keys, epoch)
        people.rename(conn, keys, marked.address_id, "-100")
        deliveries.put_back(conn, marked, epoch, NOW, "moved")
        assert claim_and_mark(conn, keys, epoch).address == "-100"

    await db.write(live)


@pytest.mark.parametrize("will", ["stopped", "subscribed"])
async def test_what_was_chosen_under_the_new_name_stands(db: Database, keys: KeyStore, will: str) -> None:
    def live(conn: Connection) -> tuple[Address, Address]:
        old = someone(conn, keys, "-1", group=True)
        planned(conn, a_dispatch(conn))
        marked = claim_and_mark(conn, keys, drive(conn))
        assert marked.recipient_id == old.person_id
        deliveries.part_sent(conn, marked, 1, "77", NOW, done=True)
        new = someone(conn, keys, "-100", group=True)
        if will == "stopped":
            people.stop(conn, new.person_id, NOW)
        people.rename(conn, keys, old.id, "-100")
        return old, new

    old, new = await db.write(live)
    assert (await db.read(people.address, new.id)).person_id == new.person_id
    assert (await db.read(people.get, new.person_id)).subscribed == (will == "subscribed")
    assert not await db.read(people.reachable, old.person_id)
    # What the old name was told is not told again.
    told_to = await db.read(lambda conn: set(conn.scalars(sa.select(schema.told.c.recipient_id))))
    assert told_to == {old.person_id, new.person_id}


async def test_two_addresses_of_one_person_become_one(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        one = someone(conn, keys, "1")
        two = second_address(conn, keys, one, "2", account="main", heard_at=NOW)
        assert people.rename(conn, keys, one.id, "2") == two.id
        planned(conn, a_dispatch(conn))
        assert claim_and_mark(conn, keys, drive(conn)).address == "2"
        assert delivery(conn).recipient_id == one.person_id

    await db.write(live)


# ── Questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_questions_wait_for_a_counsellor_oldest_first(db: Database, keys: KeyStore) -> None:
    def ask(conn: Connection, name: str, words: str, seconds: int) -> None:
        person = people.get(conn, someone(conn, keys, name).person_id)
        people.keep_question(conn, keys, person, words, after(seconds))

    await db.write(ask, "1", "second", 20)
    await db.write(ask, "2", "first", 10)
    waiting = await db.read(people.waiting_questions, keys)
    assert [question["words"] for question in waiting] == ["first", "second"]


async def test_who_never_agreed_and_says_nothing_for_a_week_is_forgotten_and_nobody_else(
    db: Database, keys: KeyStore
) -> None:
    def story(conn: Connection) -> list[str]:
        def guest(name: str) -> Address:
            return people.meet(conn, keys, "telegram", "main", name, NOW)

        asked, agreed, silent = guest("asked"), guest("agreed"), guest("silent")
        people.keep_question(conn, keys, people.get(conn, asked.person_id), "Where?", after(days=6))
        people.agree(conn, agreed.person_id, "1", NOW)
        return [silent.key_id, asked.key_id]

    silent_key, asked_key = await db.write(story)
    kept = after(days=90) - NOW
    assert await db.write(people.forget, after(days=7), kept) == 0
    assert await db.write(people.forget, after(days=7, seconds=1), kept) == 1
    assert await db.read(people.doomed) == [silent_key]
    assert await db.write(people.forget, after(days=7, seconds=1), kept) == 0
    # The question goes when its time is over, and then its asker.
    assert await db.write(people.forget, after(days=97), kept) == 1
    assert await db.read(people.doomed) == [silent_key, asked_key]
    assert await db.read(count, schema.people) == 1
