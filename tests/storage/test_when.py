"""The hour decides at the mark, and what is due to one person goes out in one message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, dispatches, people, planning, schema
from storage.database import Database
from storage.deliveries import Marked
from storage.keys import KeyStore
from storage.people import Address
from storage.rhythms import Due, Go, Heard, Rhythm, Wait
from tests.storage.scene import LEASE, NOW, a_broadcast, a_dispatch, drive, someone

SOON = NOW + timedelta(minutes=10)
MORNING = NOW + timedelta(hours=9)


@dataclass
class Told:
    """Rules that say what a test wants, and remember what they were asked."""

    due_at: datetime = SOON
    answer: Callable[[Heard], Go | Wait] = lambda _: Go(NOW.date())
    asked: list[tuple[Rhythm, Heard]] = field(default_factory=list)

    def due(self, rhythm: Rhythm, account: str, now: datetime, *, alone: bool = False) -> Due:
        self.asked.append((rhythm, Heard()))
        return Due(self.due_at, "later")

    def may_leave(
        self, rhythm: Rhythm, heard: Heard, account: str, now: datetime, since: datetime | None = None
    ) -> Go | Wait:
        self.asked.append((rhythm, heard))
        return self.answer(heard)

    def night(self, rhythm: Rhythm, account: str, now: datetime) -> Wait | None:
        may = self.may_leave(rhythm, Heard(), account, now)
        return may if isinstance(may, Wait) else None

    def together(self, rhythm: Rhythm) -> bool:
        return True


def plan(conn: Connection, dispatch_id: int, rules: Told, now: datetime = NOW) -> int:
    broadcast_id = a_broadcast(conn, dispatch_id)
    while planning.plan_chunk(conn, broadcast_id, now, timing=rules) is not None:
        pass
    return broadcast_id


def mark(conn: Connection, keys: KeyStore, rules: Told, now: datetime = SOON) -> Marked | None:
    """Claim all that is due, and mark the first of it."""
    epoch = drive(conn)
    claimed = deliveries.claim(conn, "main", epoch, now, 50)
    return deliveries.mark_sending(conn, keys, claimed[0].id, LEASE, epoch, now, rules) if claimed else None


def rows(conn: Connection) -> list[Any]:
    return list(conn.execute(sa.select(schema.deliveries).order_by(schema.deliveries.c.id)))


def states(conn: Connection) -> list[str]:
    return [row.state for row in rows(conn)]


def follower(conn: Connection, keys: KeyStore, name: str = "1", **columns: Any) -> Address:
    address = someone(conn, keys, name, topics=["visas"], countries=["IQ"])
    people.change(conn, address.person_id, **columns)
    return address


def news(conn: Connection, words: str = "news") -> int:
    return a_dispatch(conn, topics=["visas"], countries=["IQ"], words=words)


async def test_a_plan_asks_for_each_rhythm_and_writes_down_the_hour_and_its_rule(db: Database, keys: KeyStore) -> None:
    rules = Told(MORNING)

    def live(conn: Connection) -> None:
        follower(conn, keys, "1")
        follower(conn, keys, "2", zone="Asia/Kabul", frequency="daily 18:30", quiet="off")
        follower(conn, keys, "3")
        plan(conn, news(conn), rules)

    await db.write(live)
    assert sorted(map(str, {rhythm for rhythm, _ in rules.asked})) == sorted(
        map(str, {Rhythm(), Rhythm("Asia/Kabul", "daily 18:30", "off")})
    )
    assert {(row.due_at, row.why) for row in await db.read(rows)} == {(MORNING, "later")}


async def test_a_week_s_digest_still_holds_what_came_first_in_it(db: Database, keys: KeyStore) -> None:
    monday = NOW + timedelta(days=6)

    def live(conn: Connection) -> list[datetime]:
        follower(conn, keys)
        broadcast_id = a_broadcast(conn, news(conn), NOW + timedelta(days=3))
        assert planning.plan_chunk(conn, broadcast_id, NOW, timing=Told(monday)) == 1
        return [row.valid_until for row in rows(conn)]

    assert await db.write(live) == [monday + timedelta(days=1)]


async def test_what_waits_already_takes_the_new_along(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> list[datetime]:
        follower(conn, keys)
        plan(conn, news(conn, "first"), Told(SOON))
        plan(conn, news(conn, "second"), Told(MORNING), NOW + timedelta(minutes=4))
        return [row.due_at for row in rows(conn)]

    assert await db.write(live) == [SOON, SOON]


async def test_what_is_due_to_one_person_goes_out_in_one_message(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[Marked | None, list[int]]:
        follower(conn, keys)
        ids = [news(conn, words) for words in ("first", "second", "third")]
        for dispatch_id in ids:
            plan(conn, dispatch_id, Told())
        return mark(conn, keys, Told()), ids

    marked, ids = await db.write(live)
    assert marked
    assert marked.dispatch_ids == tuple(ids)
    first, *others = await db.read(rows)
    assert [row.state for row in (first, *others)] == ["sending"] * 3
    assert {row.lead_id for row in others} == {first.id}
    await db.write(deliveries.part_sent, marked, 1, "77", SOON, done=True)
    assert await db.read(states) == ["sent"] * 3
    told = await db.read(lambda conn: set(conn.scalars(sa.select(schema.told.c.dispatch_id))))
    assert told == set(ids)


async def test_two_people_never_share_a_message(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> Marked | None:
        follower(conn, keys, "1")
        follower(conn, keys, "2")
        plan(conn, news(conn), Told())
        return mark(conn, keys, Told())

    marked = await db.write(live)
    assert marked
    assert len(marked.dispatch_ids) == 1
    assert sorted(await db.read(states)) == ["claimed", "sending"]


ENDS = [
    ("refused", lambda conn, m: deliveries.finish(conn, m, m_epoch(conn), "refused", "why", SOON), ["refused"] * 2),
    ("closed", lambda conn, m: deliveries.finish(conn, m, m_epoch(conn), "closed", "", SOON), ["closed"] * 2),
    ("later", lambda conn, m: deliveries.put_back(conn, m, m_epoch(conn), MORNING, "429"), ["pending"] * 2),
    (
        "the process was killed",
        lambda conn, _: deliveries.reap(conn, "main", m_epoch(conn) + 1, MORNING, MORNING),
        ["pending"] * 2,
    ),
]


def m_epoch(conn: Connection) -> int:
    return int(conn.execute(sa.select(sa.func.max(schema.deliveries.c.epoch))).scalar_one())


@pytest.mark.parametrize(("label", "deed", "expected"), ENDS, ids=[end[0] for end in ENDS])
async def test_what_becomes_of_a_message_becomes_of_all_that_it_holds(
    db: Database, keys: KeyStore, label: str, deed: Callable[[Connection, Marked], Any], expected: list[str]
) -> None:
    def live(conn: Connection) -> list[int]:
        follower(conn, keys)
        ids = [news(conn, words) for words in ("first", "second")]
        for dispatch_id in ids:
            plan(conn, dispatch_id, Told())
        marked = mark(conn, keys, Told())
        assert marked
        deed(conn, marked)
        assert states(conn) == expected
        people.heard(conn, 1, SOON)
        deliveries.reopen(conn, marked.recipient_id, SOON)
        return ids

    ids = await db.write(live)
    if label == "refused":
        return
    # And it goes out later, in one message again, once.
    again = await db.write(mark, keys, Told(), MORNING)
    assert again
    assert again.dispatch_ids == tuple(ids)
    assert again.resent == (label == "the process was killed")


async def test_a_message_of_which_the_beginning_is_out_goes_on_with_the_same_news(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[list[int], Marked | None]:
        follower(conn, keys)
        ids = [news(conn, words) for words in ("first", "second")]
        for dispatch_id in ids:
            plan(conn, dispatch_id, Told())
        marked = mark(conn, keys, Told())
        assert marked
        deliveries.part_sent(conn, marked, 1, "77", SOON, done=False)
        deliveries.put_back(conn, marked, m_epoch(conn), SOON, "later")
        plan(conn, news(conn, "third"), Told(SOON), SOON)
        return ids, mark(conn, keys, Told())

    ids, again = await db.write(live)
    assert again
    assert (again.part, again.dispatch_ids) == (1, tuple(ids))
    assert await db.read(states) == ["sending", "sending", "claimed"]


async def test_news_that_was_withdrawn_does_not_ride_along(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[int, Marked | None]:
        follower(conn, keys)
        first, second = news(conn, "first"), news(conn, "second")
        for dispatch_id in (first, second):
            plan(conn, dispatch_id, Told())
        dispatches.move(conn, second, "withdrawn", "wrong", only_from=["ready"])
        return first, mark(conn, keys, Told())

    first, marked = await db.write(live)
    assert marked
    assert marked.dispatch_ids == (first,)
    assert await db.read(states) == ["sending", "withdrawn"]


async def test_when_it_is_not_the_hour_all_that_waits_for_them_waits_for_it(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> Marked | None:
        follower(conn, keys)
        for words in ("first", "second"):
            plan(conn, news(conn, words), Told())
        epoch = drive(conn)
        (first, _) = deliveries.claim(conn, "main", epoch, SOON, 1) * 2
        night = Told(answer=lambda _: Wait(MORNING, "quiet hours"))
        return deliveries.mark_sending(conn, keys, first.id, LEASE, epoch, SOON, night)

    assert await db.write(live) is None
    assert [(row.state, row.due_at, row.why) for row in await db.read(rows)] == [
        ("pending", MORNING, "quiet hours"),
        ("pending", MORNING, "quiet hours"),
    ]


async def test_pushes_are_counted_by_the_day_and_a_digest_by_its_hour(db: Database, keys: KeyStore) -> None:
    heard: list[Heard] = []

    def rules(go: Go) -> Told:
        def answer(what: Heard) -> Go:
            heard.append(what)
            return go

        return Told(answer=answer)

    def live(conn: Connection) -> None:
        follower(conn, keys)
        today, tomorrow = NOW.date(), NOW.date() + timedelta(days=1)
        for number, go in enumerate([Go(today), Go(today), Go(today, digest=True), Go(tomorrow), Go(tomorrow)]):
            plan(conn, news(conn, f"news {number}"), Told(NOW))
            marked = mark(conn, keys, rules(go))
            assert marked
            assert marked.digest == go.digest
            deliveries.part_sent(conn, marked, 1, str(number), SOON, done=True)

    await db.write(live)
    today, tomorrow = NOW.date(), NOW.date() + timedelta(days=1)
    assert [(what.pushed_on, what.pushes, what.digest_at) for what in heard] == [
        (None, 0, None),
        (today, 1, None),
        (today, 2, None),
        (today, 2, SOON),
        (tomorrow, 1, SOON),
    ]


async def test_a_second_attempt_is_no_second_push(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[int, Marked | None]:
        address = follower(conn, keys)
        plan(conn, news(conn), Told())
        marked = mark(conn, keys, Told())
        assert marked
        deliveries.put_back(conn, marked, m_epoch(conn), SOON, "429")
        again = mark(conn, keys, Told())
        pushes = sa.select(schema.people.c.pushes).where(schema.people.c.id == address.person_id)
        return conn.execute(pushes).scalar_one(), again

    pushes, again = await db.write(live)
    assert again
    assert pushes == 1


async def test_what_is_urgent_asks_for_no_hour_and_a_reply_neither(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> Marked | None:
        address = follower(conn, keys)
        broadcast_id = a_broadcast(conn, news(conn))
        conn.execute(schema.broadcasts.update().values(urgent=True))
        planning.plan_chunk(conn, broadcast_id, NOW, timing=Told(MORNING))
        night = Told(answer=lambda _: Wait(MORNING, "quiet hours"))
        assert mark(conn, keys, night, NOW)
        deliveries.reply(conn, keys, address=address, message=b"{}", purpose="reply", now=NOW)
        return mark(conn, keys, night, NOW)

    assert await db.write(live)


async def test_who_changes_when_they_want_to_hear_is_asked_about_anew(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> list[tuple[datetime, str]]:
        address = follower(conn, keys)
        plan(conn, news(conn), Told(MORNING))
        deliveries.retime(conn, address.person_id, SOON)
        return [(row.due_at, row.why) for row in rows(conn)]

    assert await db.write(live) == [(SOON, "")]


# ── Broadcasts of the staff ──────────────────────────────────────────────────────────────────────────────────────────


def staff_broadcast(conn: Connection, **values: Any) -> int:
    values = {"kind": "staff", "state": "planning", "content": {"en": {"text": "hello"}}, "created_at": NOW, **values}
    return int(conn.execute(schema.broadcasts.insert().values(**values).returning(schema.broadcasts.c.id)).scalar_one())


async def test_a_trial_takes_the_first_of_the_audience_and_the_plan_goes_on_behind_it(
    db: Database, keys: KeyStore
) -> None:
    def live(conn: Connection) -> tuple[list[int], list[int], str]:
        everyone = [follower(conn, keys, str(number)).person_id for number in range(10)]
        broadcast_id = staff_broadcast(conn, trial=3)
        while planning.plan_chunk(conn, broadcast_id, NOW, 4) is not None:
            pass
        tried = [row.recipient_id for row in rows(conn)]
        state = conn.execute(sa.select(schema.broadcasts.c.state)).scalar_one()
        conn.execute(schema.broadcasts.update().values(state="planning", trial=0))
        while planning.plan_chunk(conn, broadcast_id, NOW, 4) is not None:
            pass
        assert sorted(row.recipient_id for row in rows(conn)) == everyone
        return everyone, tried, state

    everyone, tried, state = await db.write(live)
    assert (tried, state) == (everyone[:3], "trial")


@pytest.mark.parametrize(
    ("state", "row"), [("paused", "paused"), ("cancelled", "cancelled"), ("withdrawn", "cancelled")]
)
async def test_what_was_claimed_before_a_broadcast_paused_is_not_sent(
    db: Database, keys: KeyStore, state: str, row: str
) -> None:
    def live(conn: Connection) -> Marked | None:
        follower(conn, keys)
        planning.plan_chunk(conn, staff_broadcast(conn), NOW)
        epoch = drive(conn)
        (claimed,) = deliveries.claim(conn, "main", epoch, NOW, 1)
        conn.execute(schema.broadcasts.update().values(state=state))
        return deliveries.mark_sending(conn, keys, claimed.id, LEASE, epoch, NOW)

    assert await db.write(live) is None
    (left,) = await db.read(rows)
    assert (left.state, left.done_at is None) == (row, row == "paused")


async def test_a_correction_takes_the_place_of_what_they_got_and_reaches_nobody_else(
    db: Database, keys: KeyStore
) -> None:
    def live(conn: Connection) -> Marked | None:
        follower(conn, keys)
        broadcast_id = staff_broadcast(conn)
        planning.plan_chunk(conn, broadcast_id, NOW)
        marked = mark(conn, keys, Told())
        assert marked
        deliveries.part_sent(conn, marked, 1, "77", SOON, done=True)
        follower(conn, keys, "2")
        correction = staff_broadcast(conn, kind="correction", corrects=broadcast_id)
        assert planning.plan_chunk(conn, correction, SOON) == 1
        return mark(conn, keys, Told())

    marked = await db.write(live)
    assert marked
    assert (marked.kind, marked.replaces) == ("correction", "77")
