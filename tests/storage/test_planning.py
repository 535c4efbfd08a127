"""Whom a dispatch concerns, and how a broadcast becomes a row for each of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, people, planning, schema
from storage.database import Database, PostgreSQL
from storage.keys import KeyStore
from storage.people import Address
from tests.storage.scene import (
    NOW,
    a_broadcast,
    a_dispatch,
    after,
    count,
    delivery,
    planned,
    recipients,
    second_address,
    someone,
)


@dataclass(frozen=True)
class Case:
    label: str
    countries: tuple[str, ...]  # of the dispatch
    topics: tuple[str, ...]
    expected: set[str]  # of the people below
    everyone: dict[str, dict[str, object]] = field(default_factory=lambda: EVERYONE)


EVERYONE: dict[str, dict[str, object]] = {
    "all of everything": {"all_countries": True, "all_topics": True},
    "all countries, visas": {"all_countries": True, "topics": ["visas"]},
    "all countries, no topic": {"all_countries": True, "all_topics": False},
    "iraq, all topics": {"countries": ["IQ"], "all_topics": True},
    "iraq, visas": {"countries": ["IQ"], "topics": ["visas"]},
    "iraq and iran, visas and health": {"countries": ["IQ", "IR"], "topics": ["visas", "health"]},
    "iran, health": {"countries": ["IR"], "topics": ["health"]},
    "iraq, all topics, regional": {"countries": ["IQ"], "all_topics": True, "regional": True},
    "iraq, visas, regional": {"countries": ["IQ"], "topics": ["visas"], "regional": True},
    "no country, all topics": {"all_countries": False, "all_topics": True},
    "no country, all topics, regional": {"all_countries": False, "all_topics": True, "regional": True},
    "nothing": {"all_countries": False, "all_topics": False},
    "all of everything, but stopped": {"all_countries": True, "all_topics": True, "subscribed": False},
}

CONCERNED = [
    Case(
        label="one country, one topic",
        countries=("IQ",),
        topics=("visas",),
        expected={
            "all of everything",
            "all countries, visas",
            "iraq, all topics",
            "iraq, visas",
            "iraq and iran, visas and health",
            "iraq, all topics, regional",
            "iraq, visas, regional",
        },
    ),
    Case(
        label="several of each: one that fits is enough",
        countries=("IR", "TR"),
        topics=("health", "work"),
        expected={"all of everything", "iraq and iran, visas and health", "iran, health"},
    ),
    Case(
        label="a country and a topic that nobody chose",
        countries=("TR",),
        topics=("work",),
        expected={"all of everything"},
    ),
    Case(
        label="no topic: for those with all topics",
        countries=("IQ",),
        topics=(),
        expected={"all of everything", "iraq, all topics", "iraq, all topics, regional"},
    ),
    Case(
        label="no country: for those with all countries, or regional news on",
        countries=(),
        topics=("visas",),
        expected={
            "all of everything",
            "all countries, visas",
            "iraq, all topics, regional",
            "iraq, visas, regional",
            "no country, all topics, regional",
        },
    ),
    Case(
        label="neither country nor topic",
        countries=(),
        topics=(),
        expected={"all of everything", "iraq, all topics, regional", "no country, all topics, regional"},
    ),
]


@pytest.mark.parametrize("case", CONCERNED, ids=lambda case: case.label)
async def test_a_dispatch_goes_to_whom_it_concerns(db: Database, keys: KeyStore, case: Case) -> None:
    def plan(conn: Connection) -> set[str]:
        names = {
            someone(conn, keys, label, **choices).person_id: label  # type: ignore[arg-type]
            for label, choices in case.everyone.items()
        }
        broadcast_id = planned(conn, a_dispatch(conn, countries=case.countries, topics=case.topics))
        return {names[person_id] for person_id in recipients(conn, broadcast_id)}

    assert await db.write(plan) == case.expected


def crowd(conn: Connection, keys: KeyStore, size: int) -> list[Address]:
    return [someone(conn, keys, str(n)) for n in range(size)]


def chunk(conn: Connection, broadcast_id: int) -> int | None:
    return planning.plan_chunk(conn, broadcast_id, NOW, 3)


async def test_a_plan_in_chunks_reaches_everyone_once(db: Database, keys: KeyStore) -> None:
    everyone = await db.write(crowd, keys, 8)
    broadcast_id = await db.write(lambda conn: a_broadcast(conn, a_dispatch(conn)))
    assert await db.read(planning.to_plan) == [broadcast_id]
    assert [await db.write(chunk, broadcast_id) for _ in range(5)] == [3, 3, 2, None, None]
    assert await db.read(recipients, broadcast_id) == [address.person_id for address in everyone]
    assert await db.read(planning.to_plan) == []


async def test_who_joins_leaves_or_comes_back_between_chunks_is_in_or_out_by_rule_not_by_luck(
    db: Database, keys: KeyStore
) -> None:
    everyone = await db.write(crowd, keys, 9)
    broadcast_id = await db.write(lambda conn: a_broadcast(conn, a_dispatch(conn)))
    assert await db.write(chunk, broadcast_id) == 3

    def meanwhile(conn: Connection) -> None:
        someone(conn, keys, "joins", since=after(1))
        for index in (0, 4, 5):  # one who was planned for, two who were not yet
            people.stop(conn, everyone[index].person_id, after(1))
        for index in (1, 5):  # who wants news from now on is not told what was before
            people.stop(conn, everyone[index].person_id, after(1))
            people.subscribe(conn, everyone[index].person_id, after(2))

    await db.write(meanwhile)
    while await db.write(chunk, broadcast_id) is not None:
        pass
    planned_for = [everyone.index(a) for a in everyone if a.person_id in await db.read(recipients, broadcast_id)]
    assert planned_for == [0, 1, 2, 3, 6, 7, 8]
    assert await db.read(count, schema.deliveries) == 7


async def test_a_chunk_that_breaks_off_leaves_nothing_and_is_planned_again(db: Database, keys: KeyStore) -> None:
    everyone = await db.write(crowd, keys, 5)
    broadcast_id = await db.write(lambda conn: a_broadcast(conn, a_dispatch(conn)))
    await db.write(chunk, broadcast_id)

    def dies(conn: Connection) -> None:
        chunk(conn, broadcast_id)
        raise OSError

    with pytest.raises(OSError):
        await db.write(dies)
    assert await db.read(count, schema.deliveries) == 3
    assert await db.write(chunk, broadcast_id) == 2
    assert await db.read(recipients, broadcast_id) == [address.person_id for address in everyone]


async def test_a_chunk_that_is_planned_twice_makes_no_second_row(db: Database, keys: KeyStore) -> None:
    await db.write(crowd, keys, 3)
    broadcast_id = await db.write(lambda conn: a_broadcast(conn, a_dispatch(conn)))
    await db.write(chunk, broadcast_id)
    await db.write(lambda conn: conn.execute(schema.broadcasts.update().values(cursor=0)))
    assert await db.write(chunk, broadcast_id) == 0
    assert await db.read(count, schema.deliveries) == 3


async def test_a_dispatch_has_one_broadcast(db: Database) -> None:
    dispatch_id = await db.write(a_dispatch)
    assert await db.write(planning.broadcast_dispatch, dispatch_id, NOW, None)
    assert await db.write(planning.broadcast_dispatch, dispatch_id, NOW, None) is None


async def test_news_goes_to_the_address_heard_last_and_to_none_that_is_gone(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        one = someone(conn, keys, "1", account="main")
        second_address(conn, keys, one, "1b", account="newer", heard_at=NOW)
        second_address(conn, keys, one, "1c", account="never", heard_at=None)
        lost = second_address(conn, keys, one, "1d", account="gone", heard_at=after(60))
        people.lost(conn, lost.id, "blocked")
        two = someone(conn, keys, "2")
        people.lost(conn, two.id, "blocked")
        planned(conn, a_dispatch(conn))

    await db.write(live)
    row = await db.read(delivery)  # the second person has nowhere to be told
    assert row.account == "newer"


async def test_rows_carry_what_the_broadcast_says(db: Database, keys: KeyStore) -> None:
    await db.write(someone, keys)
    await db.write(lambda conn: planned(conn, a_dispatch(conn), after(days=3)))
    row = await db.read(delivery)
    assert (row.state, row.purpose, row.priority) == ("pending", "news", planning.NEWS)
    assert (row.due_at, row.valid_until, row.created_at) == (NOW, after(days=3), NOW)
    assert row.address_id is None


async def test_a_group_is_a_recipient_like_a_person(db: Database, keys: KeyStore) -> None:
    group = await db.write(someone, keys, "-100", group=True)
    broadcast_id = await db.write(lambda conn: planned(conn, a_dispatch(conn)))
    assert await db.read(recipients, broadcast_id) == [group.person_id]


async def test_two_planners_at_once_make_each_row_once(postgresql: PostgreSQL, keys: KeyStore) -> None:
    everyone = await postgresql.write(crowd, keys, 30)
    broadcast_id = await postgresql.write(lambda conn: a_broadcast(conn, a_dispatch(conn)))

    async def plan() -> int:
        made = 0
        while (rows := await postgresql.write(chunk, broadcast_id)) is not None:
            made += rows
        return made

    assert sum(await asyncio.gather(plan(), plan(), plan())) == 30
    assert await postgresql.read(recipients, broadcast_id) == [address.person_id for address in everyone]


async def test_somebody_who_is_being_answered_does_not_hold_up_the_plan(postgresql: PostgreSQL, keys: KeyStore) -> None:
    someone_here = await postgresql.write(someone, keys)
    broadcast_id = await postgresql.write(lambda conn: a_broadcast(conn, a_dispatch(conn)))
    async with postgresql.engine.begin() as answering:
        await answering.run_sync(people.lock, someone_here.person_id)
        async with asyncio.timeout(5):
            assert await postgresql.write(chunk, broadcast_id) == 1


async def test_counts_say_how_many_are_in_each_state(db: Database, keys: KeyStore) -> None:
    await db.write(crowd, keys, 3)
    broadcast_id = await db.write(lambda conn: planned(conn, a_dispatch(conn)))
    first = sa.select(sa.func.min(schema.deliveries.c.id)).scalar_subquery()
    await db.write(
        lambda conn: conn.execute(
            schema.deliveries.update().where(schema.deliveries.c.id == first).values(state="sent")
        )
    )
    assert await db.read(deliveries.counts, broadcast_id) == {"sent": 1, "pending": 2}
