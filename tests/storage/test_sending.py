"""From a claimed row to the wire and back: the last look, the fence, and what is written down afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, dispatches, leases, people, planning, schema
from storage.database import Database, PostgreSQL
from storage.deliveries import Marked
from storage.keys import KeyStore
from storage.people import Address
from tests.storage.scene import (
    LEASE,
    NOW,
    a_dispatch,
    after,
    claim_and_mark,
    count,
    delivery,
    drive,
    mark,
    planned,
    row_of,
    second_address,
    someone,
)


def news_for_one(conn: Connection, keys: KeyStore) -> tuple[Address, int]:
    """Somebody, and a delivery of news to them that waits; the id of the delivery."""
    address = someone(conn, keys)
    planned(conn, a_dispatch(conn), after(days=3))
    return address, delivery(conn).id


def reply(conn: Connection, keys: KeyStore, address: Address, purpose: str = "reply", now: datetime = NOW) -> int:
    return deliveries.reply(conn, keys, address=address, message=b"words", purpose=purpose, now=now)


def set_row(conn: Connection, delivery_id: int, **values: Any) -> None:
    conn.execute(schema.deliveries.update().where(schema.deliveries.c.id == delivery_id).values(**values))


# ── Claiming ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_person_is_answered_before_news_and_urgent_news_goes_before_other(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> list[int]:
        address, news = news_for_one(conn, keys)
        urgent = reply(conn, keys, address)
        set_row(conn, urgent, priority=planning.URGENT)
        answer = reply(conn, keys, address)
        epoch = drive(conn)
        assert [c.id for c in deliveries.claim(conn, "main", epoch, NOW, 10)] == [answer, urgent, news]
        assert [c.id for c in deliveries.claim(conn, "main", epoch, NOW, 10)] == []
        return [answer, urgent, news]

    await db.write(live)


async def test_what_is_due_earlier_goes_earlier_and_what_is_due_later_stays(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        address = someone(conn, keys)
        late, early, tomorrow = (reply(conn, keys, address, now=after(s)) for s in (-1, -2, 86_400))
        epoch = drive(conn)
        assert [c.id for c in deliveries.claim(conn, "main", epoch, NOW, 1)] == [early]
        assert [c.id for c in deliveries.claim(conn, "main", epoch, NOW, 5)] == [late]
        assert delivery(conn, tomorrow).state == "pending"

    await db.write(live)


async def test_replies_can_be_claimed_alone(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        address, _ = news_for_one(conn, keys)
        answer = reply(conn, keys, address)
        claimed = deliveries.claim(conn, "main", drive(conn), NOW, 10, replies_only=True)
        assert [c.id for c in claimed] == [answer]

    await db.write(live)


async def test_each_account_has_its_own_queue(db: Database, keys: KeyStore) -> None:
    await db.write(news_for_one, keys)
    assert await db.write(deliveries.claim, "second", 1, NOW, 10) == []


async def test_a_session_that_lost_its_lease_claims_nothing_where_it_names_the_lease(
    db: Database, keys: KeyStore
) -> None:
    await db.write(news_for_one, keys)
    old, new = await db.write(drive), await db.write(drive)
    assert await db.write(deliveries.claim, "main", old, NOW, 10, lease=LEASE) == []
    assert len(await db.write(deliveries.claim, "main", new, NOW, 10, lease=LEASE)) == 1


async def test_released_rows_wait_again(db: Database, keys: KeyStore) -> None:
    _, news = await db.write(news_for_one, keys)
    epoch = await db.write(drive)
    await db.write(deliveries.claim, "main", epoch, NOW, 10)
    await db.write(deliveries.release, [news], epoch - 1)
    assert (await row_of(db, news)).state == "claimed"
    await db.write(deliveries.release, [news], epoch)
    assert (await row_of(db, news)).state == "pending"


async def test_two_drivers_at_once_claim_different_rows(postgresql: PostgreSQL, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        address = someone(conn, keys)
        for _ in range(10):
            reply(conn, keys, address)

    await postgresql.write(live)
    async with postgresql.engine.begin() as one, postgresql.engine.begin() as two:
        first = await one.run_sync(deliveries.claim, "main", 1, NOW, 4)
        second = await two.run_sync(deliveries.claim, "main", 2, NOW, 10)
        assert len(first) == 4
        assert len(second) == 6
        assert not {c.id for c in first} & {c.id for c in second}


# ── The last look ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mark_is_written_down_and_brings_what_the_courier_needs(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[Address, Marked, Any]:
        address, news = news_for_one(conn, keys)
        people.change(conn, address.person_id, language="bn")
        epoch = drive(conn)
        deliveries.claim(conn, "main", epoch, NOW, 1)
        marked = mark(conn, keys, news, epoch)
        assert marked
        return address, marked, delivery(conn)

    address, marked, row = await db.write(live)
    assert (row.state, row.attempt, row.address_id, row.marked_at) == ("sending", 1, address.id, NOW)
    assert marked == Marked(
        id=row.id,
        attempt=1,
        recipient_id=address.person_id,
        address_id=address.id,
        address="1",
        group=False,
        language="bn",
        purpose="news",
        kind="dispatch",
        broadcast_id=row.broadcast_id,
        dispatch_ids=(1,),
        digest=False,
        message=None,
        replaces="",
        part=0,
        plain=False,
        anew=False,
        resent=False,
    )


async def test_a_reply_carries_its_words_and_goes_where_the_person_spoke(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> Marked:
        address = someone(conn, keys, "spoke here", subscribed=False)
        second_address(conn, keys, address, "heard later", account="main", heard_at=after(60))
        reply(conn, keys, address)
        return claim_and_mark(conn, keys, drive(conn))

    marked = await db.write(live)
    assert (marked.address, marked.message, marked.dispatch_ids) == ("spoke here", b"words", ())


@dataclass(frozen=True)
class Change:
    """What happens between the claim and the mark, and where the delivery ends."""

    label: str
    happens: Callable[[Connection, KeyStore, Address], object]
    state: str
    account: str = "main"
    at: datetime = NOW


def told_by_another(conn: Connection, keys: KeyStore, address: Address) -> None:
    row = delivery(conn)
    dispatch_id = conn.scalar(sa.select(schema.broadcasts.c.dispatch_id))
    other = conn.execute(
        schema.broadcasts.insert()
        .values(kind="digest", dispatch_id=dispatch_id, state="sending", created_at=NOW)
        .returning(schema.broadcasts.c.id)
    ).scalar_one()
    conn.execute(
        schema.told.insert().values(recipient_id=row.recipient_id, dispatch_id=dispatch_id, broadcast_id=other, at=NOW)
    )


def drop_all_topics(conn: Connection, keys: KeyStore, address: Address) -> None:
    people.change(conn, address.person_id, all_topics=False)


def no_news_from_here(conn: Connection, keys: KeyStore, address: Address) -> None:
    people.change(conn, address.person_id, all_countries=False)


def withdraw(conn: Connection, keys: KeyStore, address: Address) -> None:
    (dispatch_id,) = conn.execute(sa.select(schema.dispatches.c.id)).one()
    dispatches.move(conn, dispatch_id, "withdrawn", "wrong", only_from=["ready"])


def move_house(conn: Connection, keys: KeyStore, address: Address) -> None:
    second_address(conn, keys, address, "elsewhere", account="second", heard_at=None)
    people.lost(conn, address.id, "blocked")


def another_here(conn: Connection, keys: KeyStore, address: Address) -> None:
    second_address(conn, keys, address, "also here", account="main", heard_at=None)
    people.lost(conn, address.id, "blocked")


CHANGES = [
    Change("nothing happened", lambda conn, keys, address: None, "sending"),
    Change("they stopped", lambda conn, keys, address: people.stop(conn, address.person_id, NOW), "stopped"),
    Change("their address is gone", lambda conn, keys, address: people.lost(conn, address.id, "blocked"), "gone"),
    Change("they have another account of ours", move_house, "pending", account="second"),
    Change("they have another address on this account", another_here, "sending"),
    Change("it was told in a digest", told_by_another, "told"),
    Change("they dropped the topic", drop_all_topics, "unconcerned"),
    Change("they dropped the country", no_news_from_here, "unconcerned"),
    Change("an editor withdrew it", withdraw, "withdrawn"),
    Change(
        "the broadcast was cancelled",
        lambda conn, keys, address: conn.execute(schema.broadcasts.update().values(state="cancelled")),
        "cancelled",
    ),
    Change("it is of no use any more", lambda conn, keys, address: None, "expired", at=after(days=3)),
    Change("just of use still", lambda conn, keys, address: None, "sending", at=after(days=3) - timedelta(seconds=1)),
    Change("their key is destroyed", lambda conn, keys, address: keys.destroy(address.key_id), "gone"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.label)
async def test_the_mark_looks_again(db: Database, keys: KeyStore, change: Change) -> None:
    address, news = await db.write(news_for_one, keys)
    epoch = await db.write(drive)
    await db.write(deliveries.claim, "main", epoch, NOW, 10)
    await db.write(change.happens, keys, address)
    marked = await db.write(mark, keys, news, epoch, change.at)
    row = await row_of(db, news)
    assert (row.state, row.account) == (change.state, change.account)
    assert (marked is not None) == (change.state == "sending")
    if change.state not in ("sending", "pending"):
        assert row.done_at == change.at


async def test_only_what_goes_on_the_wire_counts_as_told(db: Database, keys: KeyStore) -> None:
    address, news = await db.write(news_for_one, keys)
    epoch = await db.write(drive)
    await db.write(deliveries.claim, "main", epoch, NOW, 10)
    await db.write(people.lost, address.id, "blocked")
    await db.write(mark, keys, news, epoch)
    assert await db.read(count, schema.told) == 0


async def test_a_second_attempt_of_the_same_broadcast_is_no_second_telling(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> Marked:
        news_for_one(conn, keys)
        epoch = drive(conn)
        first = claim_and_mark(conn, keys, epoch)
        deliveries.put_back(conn, first, epoch, NOW, "later")
        return claim_and_mark(conn, keys, epoch)

    assert (await db.write(live)).attempt == 2
    assert await db.read(count, schema.told) == 1


async def test_a_reply_is_sent_to_who_stopped_but_not_where_they_left(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        address = someone(conn, keys)
        people.stop(conn, address.person_id, NOW)
        stays, goes = reply(conn, keys, address), reply(conn, keys, address)
        epoch = drive(conn)
        deliveries.claim(conn, "main", epoch, NOW, 10)
        assert mark(conn, keys, stays, epoch)
        second_address(conn, keys, address, "elsewhere", account="second", heard_at=NOW)
        people.lost(conn, address.id, "blocked")
        assert mark(conn, keys, goes, epoch) is None
        assert (delivery(conn, goes).state, delivery(conn, goes).sealed) == ("gone", None)

    await db.write(live)


async def test_the_part_reached_does_not_follow_to_another_account(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> Any:
        address, news = news_for_one(conn, keys)
        epoch = drive(conn)
        marked = claim_and_mark(conn, keys, epoch)
        deliveries.part_sent(conn, marked, 1, "p1", NOW, done=False)
        move_house(conn, keys, address)
        deliveries.put_back(conn, marked, epoch, NOW, "blocked", plain=True)
        deliveries.claim(conn, "main", epoch, NOW, 1)
        assert mark(conn, keys, news, epoch) is None
        return delivery(conn)

    row = await db.write(live)
    assert (row.account, row.state, row.part, row.ids, row.plain) == ("second", "pending", 0, None, False)


# ── The fence ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_driver_that_was_replaced_marks_nothing(db: Database, keys: KeyStore) -> None:
    _, news = await db.write(news_for_one, keys)
    old = await db.write(drive)
    await db.write(deliveries.claim, "main", old, NOW, 10)
    await db.write(drive)
    assert await db.write(mark, keys, news, old) is None
    assert (await row_of(db, news)).state == "claimed"
    assert await db.read(count, schema.told) == 0


async def test_a_driver_that_was_replaced_ends_nothing_either(db: Database, keys: KeyStore) -> None:
    address, news = await db.write(news_for_one, keys)
    old = await db.write(drive)
    await db.write(deliveries.claim, "main", old, NOW, 10)
    await db.write(people.stop, address.person_id, NOW)
    await db.write(drive)
    assert await db.write(mark, keys, news, old) is None
    assert (await row_of(db, news)).state == "claimed"


async def test_a_row_that_another_session_claimed_is_not_ours_to_mark(db: Database, keys: KeyStore) -> None:
    _, news = await db.write(news_for_one, keys)
    old = await db.write(drive)
    await db.write(deliveries.claim, "main", old, NOW, 10)
    new = await db.write(drive)
    assert await db.write(mark, keys, news, new) is None
    assert (await row_of(db, news)).state == "claimed"


async def test_a_row_is_marked_once(db: Database, keys: KeyStore) -> None:
    _, news = await db.write(news_for_one, keys)
    epoch = await db.write(drive)
    await db.write(deliveries.claim, "main", epoch, NOW, 10)
    assert await db.write(mark, keys, news, epoch)
    assert await db.write(mark, keys, news, epoch) is None
    assert (await row_of(db, news)).attempt == 1


@pytest.mark.parametrize("left_ms", [-1_000, 0, 1_500])
async def test_with_less_than_two_seconds_of_lease_nothing_is_marked(
    postgresql: PostgreSQL, keys: KeyStore, left_ms: int
) -> None:
    _, news = await postgresql.write(news_for_one, keys)
    epoch = await postgresql.write(drive)
    await postgresql.write(deliveries.claim, "main", epoch, NOW, 10)

    def runs_out(conn: Connection) -> None:
        expires_at = leases.database_time(conn) + left_ms
        conn.execute(schema.leases.update().values(expires_at=expires_at))

    await postgresql.write(runs_out)
    assert await postgresql.write(mark, keys, news, epoch) is None
    assert (await row_of(postgresql, news)).state == "claimed"
    assert await postgresql.read(count, schema.told) == 0


async def test_a_mark_that_waited_until_its_lease_was_lost_is_not_written(
    postgresql: PostgreSQL, keys: KeyStore
) -> None:
    address, news = await postgresql.write(news_for_one, keys)
    epoch = await postgresql.write(drive)
    await postgresql.write(deliveries.claim, "main", epoch, NOW, 10)
    async with postgresql.engine.begin() as answering:
        await answering.run_sync(people.lock, address.person_id)
        marking = asyncio.create_task(postgresql.write(mark, keys, news, epoch))
        await asyncio.sleep(0.1)
        assert not marking.done()
        await postgresql.write(drive)  # somebody else takes over meanwhile
    assert await marking is None
    assert (await row_of(postgresql, news)).state == "claimed"
    assert await postgresql.read(count, schema.told) == 0


# ── Stop ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mark_waits_for_a_stop_that_is_being_written_and_then_obeys_it(
    postgresql: PostgreSQL, keys: KeyStore
) -> None:
    address, news = await postgresql.write(news_for_one, keys)
    epoch = await postgresql.write(drive)
    await postgresql.write(deliveries.claim, "main", epoch, NOW, 10)
    async with postgresql.engine.begin() as stopping:
        await stopping.run_sync(people.lock, address.person_id)
        await stopping.run_sync(people.stop, address.person_id, NOW)
        marking = asyncio.create_task(postgresql.write(mark, keys, news, epoch))
        await asyncio.sleep(0.1)
        assert not marking.done()
    assert await marking is None
    assert (await row_of(postgresql, news)).state == "stopped"


async def test_a_stop_waits_for_a_mark_that_is_being_written(postgresql: PostgreSQL, keys: KeyStore) -> None:
    address, news = await postgresql.write(news_for_one, keys)
    epoch = await postgresql.write(drive)
    await postgresql.write(deliveries.claim, "main", epoch, NOW, 10)
    async with postgresql.engine.begin() as marking:
        assert await marking.run_sync(mark, keys, news, epoch)
        stopping = asyncio.create_task(postgresql.write(people.stop, address.person_id, NOW))
        await asyncio.sleep(0.1)
        assert not stopping.done()
    await stopping
    assert (await row_of(postgresql, news)).state == "sending"


async def test_after_a_stop_no_row_of_a_broadcast_under_way_is_marked(postgresql: PostgreSQL, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[Address, list[int]]:
        address = someone(conn, keys)
        for n in range(20):
            planned(conn, a_dispatch(conn, words=str(n)))
        return address, [c.id for c in deliveries.claim(conn, "main", epoch, NOW, 50)]

    epoch = await postgresql.write(drive)
    address, rows = await postgresql.write(live)
    assert len(rows) == 20
    stopped = False

    async def mark_all(some: list[int]) -> list[tuple[bool, bool]]:
        marked = []
        for row in some:
            before = stopped
            marked.append((before, await postgresql.write(mark, keys, row, epoch) is not None))
        return marked

    async def stop() -> None:
        nonlocal stopped
        await asyncio.sleep(0.03)
        await postgresql.write(people.stop, address.person_id, NOW)
        stopped = True

    *results, _ = await asyncio.gather(mark_all(rows[::2]), mark_all(rows[1::2]), stop())
    assert not [went for result in results for was_stopped, went in result if was_stopped and went]


# ── What became of it ────────────────────────────────────────────────────────────────────────────────────────────────


async def on_the_wire(db: Database, keys: KeyStore, purpose: str = "reply") -> tuple[Marked, int]:
    """A reply that is marked, and the epoch of its session."""

    def live(conn: Connection) -> tuple[Marked, int]:
        reply(conn, keys, someone(conn, keys), purpose)
        epoch = drive(conn)
        return claim_and_mark(conn, keys, epoch), epoch

    return await db.write(live)


async def test_sent_is_a_fact_and_ends_it(db: Database, keys: KeyStore) -> None:
    marked, _ = await on_the_wire(db, keys)
    await db.write(deliveries.part_sent, marked, 1, "42", after(1), done=True)
    row = await row_of(db)
    assert (row.state, row.part, row.ids, row.done_at) == ("sent", 1, ["42"], after(1))
    assert row.sealed is row.record is None


async def test_sent_is_written_down_from_an_old_session_while_the_row_is_on_the_wire(
    db: Database, keys: KeyStore
) -> None:
    marked, _ = await on_the_wire(db, keys)
    await db.write(drive)
    await db.write(deliveries.part_sent, marked, 1, "42", NOW, done=True)
    assert (await row_of(db)).state == "sent"


async def test_sent_comes_too_late_once_the_row_was_judged(db: Database, keys: KeyStore) -> None:
    marked, _ = await on_the_wire(db, keys)
    epoch = await db.write(drive)
    await db.write(deliveries.reap, "main", epoch, after(31), after(1))
    await db.write(deliveries.part_sent, marked, 1, "42", after(32), done=True)
    assert (await row_of(db)).state == "pending"
    again = await db.write(claim_and_mark, keys, epoch, after(33))
    await db.write(deliveries.part_sent, marked, 1, "42", after(34), done=True)  # of the first attempt still
    assert (await row_of(db)).state == "sending"
    await db.write(deliveries.part_sent, again, 1, "43", after(35), done=True)
    assert (await row_of(db)).ids == ["43"]


FENCED: list[tuple[str, Callable[[Connection, Marked, int], object]]] = [
    ("put back", lambda conn, marked, epoch: deliveries.put_back(conn, marked, epoch, after(5), "later")),
    ("finished", lambda conn, marked, epoch: deliveries.finish(conn, marked, epoch, "refused", "why", NOW)),
    ("released", lambda conn, marked, epoch: deliveries.release(conn, [marked.id], epoch)),
]


@pytest.mark.parametrize(("label", "deed"), FENCED, ids=[label for label, _ in FENCED])
async def test_all_else_is_fenced(
    db: Database, keys: KeyStore, label: str, deed: Callable[[Connection, Marked, int], object]
) -> None:
    marked, epoch = await on_the_wire(db, keys)
    for stale in (epoch - 1, epoch + 1):
        await db.write(deed, marked, stale)
        assert (await row_of(db)).state == "sending"
    await db.write(deed, replace(marked, attempt=0), epoch)
    assert (await row_of(db)).state == "sending"


async def test_a_message_in_parts_goes_on_where_it_stopped(db: Database, keys: KeyStore) -> None:
    marked, epoch = await on_the_wire(db, keys)
    await db.write(deliveries.part_sent, marked, 1, "p1", NOW, done=False)
    row = await row_of(db)
    assert (row.state, row.part, row.ids) == ("sending", 1, ["p1"])
    await db.write(deliveries.put_back, marked, epoch, after(5), "later")
    again = await db.write(claim_and_mark, keys, epoch, after(5))
    assert (again.part, again.attempt, again.message) == (1, 2, b"words")
    await db.write(deliveries.part_sent, again, 2, "p2", after(6), done=True)
    row = await row_of(db)
    assert (row.state, row.part, row.ids) == ("sent", 2, ["p1", "p2"])


async def test_a_part_that_is_reported_twice_counts_once(db: Database, keys: KeyStore) -> None:
    marked, _ = await on_the_wire(db, keys)
    for _ in range(2):
        await db.write(deliveries.part_sent, marked, 1, "p1", NOW, done=False)
    assert (await row_of(db)).ids == ["p1"]


async def test_what_is_put_back_waits_for_its_time_and_remembers_why(db: Database, keys: KeyStore) -> None:
    marked, epoch = await on_the_wire(db, keys)
    await db.write(deliveries.put_back, marked, epoch, after(5), "markup", plain=True, resent=True, anew=True)
    row = await row_of(db)
    assert (row.state, row.due_at, row.why) == ("pending", after(5), "markup")
    assert await db.write(deliveries.claim, "main", epoch, after(4), 1) == []
    again = await db.write(claim_and_mark, keys, epoch, after(5))
    assert (again.plain, again.resent, again.anew) == (True, True, True)


@pytest.mark.parametrize("state", ["unclear", "refused", "gone"])
async def test_what_ends_leaves_no_words(db: Database, keys: KeyStore, state: str) -> None:
    marked, epoch = await on_the_wire(db, keys)
    await db.write(deliveries.finish, marked, epoch, state, "why", NOW)
    row = await row_of(db)
    assert (row.state, row.why, row.sealed, row.record) == (state, "why", None, None)


async def test_what_is_closed_waits_with_its_words_until_the_window_opens(db: Database, keys: KeyStore) -> None:
    marked, epoch = await on_the_wire(db, keys)
    await db.write(deliveries.finish, marked, epoch, "closed", "", NOW)
    assert await db.write(deliveries.reopen, marked.recipient_id, after(60)) == 1
    again = await db.write(claim_and_mark, keys, epoch, after(60))
    assert again.message == b"words"


async def test_what_is_closed_and_of_no_use_any_more_stays_closed_and_is_forgotten(
    db: Database, keys: KeyStore
) -> None:
    marked, epoch = await on_the_wire(db, keys)
    await db.write(deliveries.finish, marked, epoch, "closed", "", NOW)
    assert await db.write(deliveries.reopen, marked.recipient_id, after(days=2)) == 0
    await db.write(deliveries.forget, after(days=2))
    row = await row_of(db)
    assert (row.state, row.sealed) == ("expired", None)
    assert await db.write(deliveries.forget, after(days=31)) == 1
    assert await db.read(count, schema.deliveries) == 0


async def test_an_address_that_has_to_wait_keeps_its_order_and_others_go_on(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[list[int], list[int]]:
        address, news = news_for_one(conn, keys)
        other = someone(conn, keys, "2")
        waits = [reply(conn, keys, address), reply(conn, keys, address), news]
        later = reply(conn, keys, address, now=after(90))
        goes = reply(conn, keys, other)
        elsewhere = second_address(conn, keys, address, "1b", account="second", heard_at=NOW)
        also_goes = reply(conn, keys, elsewhere)
        deliveries.address_waits(conn, address.id, after(60))
        epoch = drive(conn)
        assert [c.id for c in deliveries.claim(conn, "main", epoch, NOW, 10)] == [goes]
        assert [c.id for c in deliveries.claim(conn, "second", epoch, NOW, 10)] == [also_goes]
        assert delivery(conn, later).due_at == after(90)
        return [c.id for c in deliveries.claim(conn, "main", epoch, after(60), 10)], waits

    claimed, waited = await db.write(live)
    assert claimed == waited


# ── What an earlier session left ─────────────────────────────────────────────────────────────────────────────────────


async def test_claimed_rows_of_an_earlier_session_go_back_at_once(db: Database, keys: KeyStore) -> None:
    await db.write(news_for_one, keys)
    old = await db.write(drive)
    await db.write(deliveries.claim, "main", old, NOW, 10)
    new = await db.write(drive)
    assert await db.write(deliveries.reap, "main", new, NOW, after(-30)) == (1, 0)
    assert (await row_of(db)).state == "pending"


async def test_nothing_of_the_session_itself_or_of_another_account_is_reaped(db: Database, keys: KeyStore) -> None:
    await db.write(news_for_one, keys)
    epoch = await db.write(drive)
    await db.write(deliveries.claim, "main", epoch, NOW, 10)
    assert await db.write(deliveries.reap, "main", epoch, NOW, NOW) == (0, 0)
    assert await db.write(deliveries.reap, "second", epoch + 1, NOW, NOW) == (0, 0)
    assert (await row_of(db)).state == "claimed"


async def test_what_was_on_the_wire_is_judged_after_the_time_of_one_request(db: Database, keys: KeyStore) -> None:
    await on_the_wire(db, keys)
    epoch = await db.write(drive)
    assert await db.write(deliveries.reap, "main", epoch, after(29), after(-1)) == (0, 0)
    assert (await row_of(db)).state == "sending"
    assert await db.write(deliveries.reap, "main", epoch, after(30), after(0)) == (0, 1)
    row = await row_of(db)
    assert (row.state, row.resent, row.due_at) == ("pending", True, after(30))


async def test_what_is_unclear_is_sent_once_more_at_the_most(db: Database, keys: KeyStore) -> None:
    await on_the_wire(db, keys)
    for expected in ("pending", "unclear"):
        epoch = await db.write(drive)
        await db.write(deliveries.reap, "main", epoch, after(60), after(30))
        row = await row_of(db)
        assert row.state == expected
        if expected == "pending":
            await db.write(claim_and_mark, keys, epoch, after(61))
            await db.write(lambda conn: conn.execute(schema.deliveries.update().values(marked_at=NOW)))
    assert (row.sealed, row.done_at) == (None, after(60))


async def test_a_counsellors_words_are_never_sent_again(db: Database, keys: KeyStore) -> None:
    await on_the_wire(db, keys, "counselling")
    epoch = await db.write(drive)
    assert await db.write(deliveries.reap, "main", epoch, after(60), after(30)) == (0, 1)
    assert (await row_of(db)).state == "unclear"


# ── Forgetting ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_after_thirty_days_a_delivery_is_forgotten_and_what_was_told_is_not(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        news_for_one(conn, keys)
        deliveries.part_sent(conn, claim_and_mark(conn, keys, drive(conn)), 1, "1", NOW, done=True)
        reply(conn, keys, someone(conn, keys, "2"))  # still waits

    await db.write(live)
    assert await db.write(deliveries.forget, after(days=30)) == 0
    assert await db.write(deliveries.forget, after(days=30, seconds=1)) == 1
    assert await db.read(count, schema.told) == 1
    assert (await row_of(db)).state == "pending"
