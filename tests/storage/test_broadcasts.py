"""Broadcasts of the staff: drafts, how many people they are for, their reins, and that counts add up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from storage import broadcasts, deliveries, people, planning, reach, schema
from storage.broadcasts import Broadcast, Tally, Usual
from storage.database import Connection, Database
from storage.keys import KeyStore
from storage.people import Address
from storage.reach import Later, size_up
from storage.rhythms import AT_ONCE, Due, Go, Heard, Rhythm, Wait
from tests.storage import scene
from tests.storage.scene import NOW, after

TEXT = {"en": {"title": "", "text": "The centre is closed."}}
WEEK = after(days=7)
MORNING = after(hours=20)


class Nights:
    """Who has chosen a digest, and who has chosen quiet hours, hears of it in the morning."""

    def due(self, rhythm: Rhythm, account: str, now: datetime, *, alone: bool = False) -> Due:
        if rhythm.frequency == "daily":
            return Due(MORNING, "daily digest")
        return Due(MORNING + timedelta(hours=1), "quiet hours") if rhythm.quiet else Due(now)

    def may_leave(
        self, rhythm: Rhythm, heard: Heard, account: str, now: datetime, since: datetime | None = None
    ) -> Go | Wait:
        raise AssertionError("not asked")


def a_crowd(conn: Connection, keys: KeyStore, n: int, **choices: Any) -> list[Address]:
    first = people.count(conn)
    return [scene.someone(conn, keys, str(first + number), **choices) for number in range(n)]


def spoken(conn: Connection, to: list[Address], **values: Any) -> None:
    for address in to:
        people.change(conn, address.person_id, **values)


def sent_off(conn: Connection, size: int, audience: dict[str, list[str]] | None = None) -> int:
    """A broadcast of the staff, confirmed."""
    made = broadcasts.draft(conn, "Amira", NOW, TEXT, audience=audience)
    assert broadcasts.confirm(conn, made, NOW, size=size, valid_until=WEEK)
    return made


def plan(conn: Connection, broadcast_id: int) -> None:
    while planning.plan_chunk(conn, broadcast_id, NOW) is not None:
        pass


def planned(conn: Connection, keys: KeyStore, n: int) -> int:
    """To n people, past its trial, with all rows pending."""
    a_crowd(conn, keys, n)
    made = sent_off(conn, n)
    plan(conn, made)
    broadcasts.widen(conn, made)
    plan(conn, made)
    return made


def swept(conn: Connection, broadcast_id: int, size: int = 2) -> int:
    last, chunks = 0, 0
    while (step := broadcasts.sweep(conn, broadcast_id, last, NOW, size)) is not None:
        last, chunks = step, chunks + 1
    return chunks


def end(conn: Connection, broadcast_id: int, state: str, n: int, at: datetime = NOW) -> list[int]:
    """n of the rows that are pending end so; returns their recipients."""
    rows = conn.execute(
        sa.select(schema.deliveries.c.id, schema.deliveries.c.recipient_id)
        .where(schema.deliveries.c.broadcast_id == broadcast_id, schema.deliveries.c.state == "pending")
        .limit(n)
    ).all()
    assert len(rows) == n
    ended = schema.deliveries.update().where(schema.deliveries.c.id.in_([row.id for row in rows]))
    conn.execute(ended.values(state=state, done_at=at))
    return [row.recipient_id for row in rows]


def there(conn: Connection, broadcast_id: int) -> Broadcast:
    found = broadcasts.get(conn, broadcast_id)
    assert found is not None
    return found


# ── How many ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_people_are_counted_by_language_and_account_and_by_what_makes_them_wait(
    db: Database, keys: KeyStore
) -> None:
    def deed(conn: Connection) -> reach.Reach:
        spoken(conn, a_crowd(conn, keys, 4), language="fa-AF")
        spoken(conn, a_crowd(conn, keys, 3, account="other"), frequency="daily")
        spoken(conn, a_crowd(conn, keys, 2), quiet="21:00-08:00")
        a_crowd(conn, keys, 1, subscribed=False)
        (gone,) = a_crowd(conn, keys, 1)
        people.lost(conn, gone.id, "blocked")
        return size_up(conn, {}, NOW, Nights())

    found = await db.write(deed)
    assert found.people == 9
    assert found.known == 11
    assert found.languages == {"en": 5, "fa-AF": 4}
    assert {name: (one.people, one.now) for name, one in found.accounts.items()} == {"main": (6, 4), "other": (3, 0)}
    assert found.later == (
        Later("daily digest", 3, MORNING, MORNING),
        Later("quiet hours", 2, MORNING + timedelta(hours=1), MORNING + timedelta(hours=1)),
    )
    assert found.unreachable == 1


async def test_what_is_urgent_makes_nobody_wait(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> reach.Reach:
        spoken(conn, a_crowd(conn, keys, 3), frequency="daily")
        return size_up(conn, {}, NOW, Nights(), urgent=True)

    found = await db.write(deed)
    assert found.later == ()
    assert found.accounts["main"].now == 3


AUDIENCES: list[tuple[str, dict[str, list[str]], int]] = [
    ("nothing said is everybody", {}, 4),
    ("a country, and who follows all of them", {"countries": ["IQ"]}, 3),
    ("one of two countries", {"countries": ["IQ", "AF"]}, 4),
    ("a topic, and who follows all of them", {"topics": ["jobs"]}, 3),
    ("both", {"countries": ["AF"], "topics": ["jobs"]}, 2),
    ("a language", {"languages": ["fa-AF"]}, 1),
    ("who chose no language reads English", {"languages": ["en"]}, 3),
    ("a channel", {"channels": ["telegram"]}, 4),
    ("a channel that nobody is on", {"channels": ["viber"]}, 0),
]


@pytest.mark.parametrize(("label", "audience", "n"), AUDIENCES, ids=[label for label, *_ in AUDIENCES])
async def test_the_count_is_of_those_whom_the_plan_takes(
    db: Database, keys: KeyStore, label: str, audience: dict[str, list[str]], n: int
) -> None:
    def deed(conn: Connection) -> tuple[int, int]:
        scene.someone(conn, keys, "all")
        scene.someone(conn, keys, "iraq", countries=["IQ"], topics=["visas"])
        scene.someone(conn, keys, "afghanistan", countries=["AF"])
        spoken(conn, [scene.someone(conn, keys, "jobs", countries=["IQ"], topics=["jobs"])], language="fa-AF")
        made = sent_off(conn, 1, audience)
        broadcasts._move(conn, made, ["planning"], trial=0)
        plan(conn, made)
        return size_up(conn, audience, NOW, AT_ONCE).people, len(scene.recipients(conn, made))

    assert await db.write(deed) == (n, n)


def a_reach(n: int, known: int) -> reach.Reach:
    return reach.Reach(people=n, known=known)


@pytest.mark.parametrize(
    ("people_", "known", "audience", "refused"),
    [
        (9, 100, {"countries": ["IQ"]}, True),
        (10, 100, {"countries": ["IQ"]}, False),
        (9, 99, {"countries": ["IQ"]}, False),
        (9, 100, {}, False),
        (9, 100, {"countries": []}, False),
    ],
)
def test_few_out_of_many_are_not_written_to_as_an_audience(
    people_: int, known: int, audience: dict[str, list[str]], refused: bool
) -> None:
    assert reach.too_narrow(a_reach(people_, known), audience) is refused


# ── Drafts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_draft_is_sent_to_nobody_until_it_is_confirmed_and_then_a_hundredth_goes_first(
    db: Database, keys: KeyStore
) -> None:
    def deed(conn: Connection) -> tuple[list[int], str, int, int]:
        a_crowd(conn, keys, 30)
        made = broadcasts.draft(conn, "Amira", NOW, TEXT)
        before = planning.to_plan(conn)
        broadcasts.confirm(conn, made, NOW, size=130, valid_until=WEEK)
        plan(conn, made)
        return before, there(conn, made).state, there(conn, made).trial, len(scene.recipients(conn, made))

    assert await db.write(deed) == ([], "trial", 2, 2)


async def test_it_does_not_wait_for_other_news_to_go_with_it(db: Database, keys: KeyStore) -> None:
    class Grouping(Nights):
        def due(self, rhythm: Rhythm, account: str, now: datetime, *, alone: bool = False) -> Due:
            return Due(now) if alone else Due(now + timedelta(minutes=10), "grouped")

    def deed(conn: Connection) -> tuple[list[datetime], int]:
        a_crowd(conn, keys, 2)
        made = sent_off(conn, 200)
        while planning.plan_chunk(conn, made, NOW, timing=Grouping()) is not None:
            pass
        counted = size_up(conn, {}, NOW, Grouping()).accounts["main"].now
        return list(conn.scalars(sa.select(schema.deliveries.c.due_at))), counted

    assert await db.write(deed) == ([NOW, NOW], 2)


async def test_it_is_confirmed_once_and_is_for_those_subscribed_at_that_moment(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> tuple[bool, bool, datetime]:
        made = broadcasts.draft(conn, "Amira", after(hours=-3), TEXT)
        first = broadcasts.confirm(conn, made, NOW, size=1, valid_until=WEEK)
        second = broadcasts.confirm(conn, made, after(1), size=1, valid_until=WEEK)
        return first, second, there(conn, made).created_at

    assert await db.write(deed) == (True, False, NOW)


async def test_what_is_urgent_needs_a_second_person(db: Database) -> None:
    def deed(conn: Connection) -> tuple[bool, bool, str]:
        made = broadcasts.draft(conn, "Amira", NOW, TEXT)
        broadcasts.edit(conn, made, urgent=True, reason="shelling")
        alone = broadcasts.confirm(conn, made, NOW, size=1, valid_until=WEEK)
        two = broadcasts.confirm(conn, made, NOW, size=1, valid_until=WEEK, approved_by="Bahar")
        return alone, two, there(conn, made).approved_by

    assert await db.write(deed) == (False, True, "Bahar")


async def test_a_change_voids_what_was_asked_and_another_audience_what_was_counted(db: Database) -> None:
    def deed(conn: Connection) -> list[set[str]]:
        made = broadcasts.draft(conn, "Amira", NOW, TEXT)
        known = []
        for values in ({"content": {}}, {"audience": {"countries": ["IQ"]}}, {"urgent": True}):
            broadcasts.note(conn, made, reach={"people": 1, "known": 1}, asked=True)
            broadcasts.edit(conn, made, **values)
            known.append(set(there(conn, made).outcome))
        return known

    assert await db.write(deed) == [{"reach"}, set(), set()]


async def test_what_is_sent_cannot_be_edited_or_dropped(db: Database) -> None:
    def deed(conn: Connection) -> tuple[bool, bool]:
        made = sent_off(conn, 1)
        return broadcasts.edit(conn, made, content={}), broadcasts.drop(conn, made, NOW)

    assert await db.write(deed) == (False, False)


# ── Reins ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pause_keeps_what_waits_and_going_on_sends_it(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> list[Any]:
        made = planned(conn, keys, 7)
        end(conn, made, "sent", 2)
        seen: list[Any] = [broadcasts.pause(conn, made, "by Amira"), swept(conn, made)]
        seen += [dict(broadcasts.tally(conn, made).counts), len(claimable(conn))]
        seen += [broadcasts.resume(conn, made, NOW), there(conn, made).state, swept(conn, made)]
        return [*seen, dict(broadcasts.tally(conn, made).counts), len(claimable(conn))]

    paused = {"sent": 2, "paused": 5}
    assert await db.write(deed) == [True, 4, paused, 0, True, "sending", 4, {"sent": 2, "pending": 5}, 5]


def claimable(conn: Connection) -> list[Any]:
    epoch = scene.drive(conn)
    found = deliveries.claim(conn, "main", epoch, NOW, 100)
    deliveries.release(conn, [one.id for one in found], epoch)
    return found


async def test_from_the_commit_of_a_pause_on_nothing_is_marked_and_the_row_waits(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> tuple[bool, dict[str, int]]:
        made = planned(conn, keys, 1)
        epoch = scene.drive(conn)
        (claimed,) = deliveries.claim(conn, "main", epoch, NOW, 1)
        broadcasts.pause(conn, made, "by Amira")
        return scene.mark(conn, keys, claimed.id, epoch) is None, dict(broadcasts.tally(conn, made).counts)

    assert await db.write(deed) == (True, {"paused": 1})


async def test_a_pause_in_the_middle_of_the_plan_or_of_the_trial_goes_on_from_there(
    db: Database, keys: KeyStore
) -> None:
    def deed(conn: Connection) -> list[str]:
        a_crowd(conn, keys, 3)
        made = sent_off(conn, 3)
        states = []
        for _ in range(3):  # before its first row, on trial, and after it
            broadcasts.pause(conn, made, "")
            broadcasts.resume(conn, made, NOW)
            states.append(there(conn, made).state)
            plan(conn, made)
            broadcasts.widen(conn, made)
        plan(conn, made)
        return [*states, there(conn, made).state, str(len(scene.recipients(conn, made)))]

    assert await db.write(deed) == ["planning", "planning", "sending", "sending", "3"]


async def test_a_trial_that_was_paused_is_a_trial_again(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> str:
        a_crowd(conn, keys, 3)
        made = sent_off(conn, 3)
        plan(conn, made)
        broadcasts.pause(conn, made, "refused")
        broadcasts.resume(conn, made, NOW)
        return there(conn, made).state

    assert await db.write(deed) == "trial"


@pytest.mark.parametrize(("deed_", "ended"), [("cancel", "cancelled"), ("withdraw", "withdrawn")])
async def test_what_is_called_off_is_not_sent_and_all_are_accounted_for(
    db: Database, keys: KeyStore, deed_: str, ended: str
) -> None:
    def deed(conn: Connection) -> tuple[bool, dict[str, int], int]:
        made = planned(conn, keys, 6)
        end(conn, made, "sent", 2)
        end(conn, made, "closed", 1)
        done = broadcasts.cancel(conn, made) if deed_ == "cancel" else broadcasts.withdraw(conn, made, "Amira")
        swept(conn, made)
        return done, dict(broadcasts.tally(conn, made).counts), len(claimable(conn))

    assert await db.write(deed) == (True, {"sent": 2, ended: 4}, 0)


async def test_another_correction_overtakes_the_one_under_way_and_so_does_a_withdrawal(db: Database) -> None:
    def deed(conn: Connection) -> list[str]:
        made = sent_off(conn, 1)
        corrections = [broadcasts.draft(conn, "Amira", NOW, TEXT, corrects=made) for _ in range(2)]
        seen = []
        for one in corrections:
            broadcasts.confirm(conn, one, NOW, size=1, valid_until=WEEK)
            seen += [there(conn, correction).state for correction in corrections]
        broadcasts.withdraw(conn, made, "Amira")
        return [*seen, there(conn, corrections[1]).state]

    assert await db.write(deed) == ["planning", "draft", "cancelled", "planning", "cancelled"]


MOVES: list[tuple[str, dict[str, bool]]] = [
    ("draft", {"pause": False, "resume": False, "cancel": False, "withdraw": False, "drop": True}),
    ("planning", {"pause": True, "resume": False, "cancel": True, "withdraw": True, "drop": False}),
    ("trial", {"pause": True, "resume": False, "cancel": True, "withdraw": True, "drop": False}),
    ("sending", {"pause": True, "resume": False, "cancel": True, "withdraw": True, "drop": False}),
    ("paused", {"pause": False, "resume": True, "cancel": True, "withdraw": True, "drop": False}),
    ("cancelled", {"pause": False, "resume": False, "cancel": False, "withdraw": True, "drop": False}),
    ("done", {"pause": False, "resume": False, "cancel": False, "withdraw": True, "drop": False}),
    ("withdrawn", {"pause": False, "resume": False, "cancel": False, "withdraw": False, "drop": False}),
]


@pytest.mark.parametrize(("state", "moves"), MOVES, ids=[state for state, _ in MOVES])
async def test_each_rein_is_for_the_states_in_which_it_means_something(
    db: Database, state: str, moves: dict[str, bool]
) -> None:
    def deed(conn: Connection, move: str) -> bool:
        made = broadcasts.draft(conn, "Amira", NOW, TEXT)
        conn.execute(schema.broadcasts.update().where(schema.broadcasts.c.id == made).values(state=state))
        match move:
            case "pause":
                return broadcasts.pause(conn, made, "")
            case "resume":
                return broadcasts.resume(conn, made, NOW)
            case "cancel":
                return broadcasts.cancel(conn, made)
            case "withdraw":
                return broadcasts.withdraw(conn, made, "Amira")
        return broadcasts.drop(conn, made, NOW)

    assert {move: await db.write(deed, move) for move in moves} == moves


# ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_when_nothing_waits_any_more_it_is_done_with_how_many_ended_how(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> Broadcast:
        made = planned(conn, keys, 6)
        stopper, *_ = end(conn, made, "sent", 3)
        end(conn, made, "gone", 2)
        end(conn, made, "refused", 1)
        people.stop(conn, stopper, after(60))
        broadcasts.finish(conn, made, broadcasts.tally(conn, made), after(120))
        return there(conn, made)

    ended = await db.write(deed)
    assert (ended.state, ended.ended_at) == ("done", after(120))
    assert ended.counts == {"sent": 3, "gone": 2, "refused": 1}
    assert (ended.total, ended.waiting, ended.stopped) == (6, 0, 1)


STOPS: list[tuple[str, float, int]] = [
    ("soon after it came", 1, 1),
    ("before it came", -1, 0),
    ("two days later", 48, 0),
]


@pytest.mark.parametrize(("label", "hours", "n"), STOPS, ids=[label for label, *_ in STOPS])
async def test_a_stop_within_a_day_of_getting_it_has_to_do_with_it(
    db: Database, keys: KeyStore, label: str, hours: float, n: int
) -> None:
    def deed(conn: Connection) -> int:
        made = planned(conn, keys, 1)
        (recipient,) = end(conn, made, "sent", 1, at=after(hours=2))
        people.stop(conn, recipient, after(hours=2 + hours))
        people.stop(conn, recipient, after(hours=2 + hours))  # who says it twice is one
        return broadcasts.tally(conn, made).stopped

    assert await db.write(deed) == n


async def test_the_usual_is_of_all_that_was_done_lately_taken_together(db: Database) -> None:
    def a_done_one(conn: Connection, ended_at: datetime, counts: dict[str, int], stopped: int, kind: str) -> None:
        made = broadcasts.draft(conn, "Amira", ended_at, TEXT)
        values = {"state": "done", "kind": kind, "ended_at": ended_at}
        conn.execute(
            schema.broadcasts.update()
            .where(schema.broadcasts.c.id == made)
            .values(outcome={"counts": counts, "stopped": stopped}, **values)
        )

    def deed(conn: Connection) -> tuple[Usual, Usual]:
        none = broadcasts.usual(conn, NOW)
        a_done_one(conn, after(days=-1), {"sent": 90, "gone": 10, "told": 5}, 0, "dispatch")
        a_done_one(conn, after(days=-2), {"sent": 100}, 19, "staff")
        a_done_one(conn, after(days=-31), {"gone": 1000}, 0, "staff")
        a_done_one(conn, after(days=-1), {"gone": 1000}, 0, "correction")
        return none, broadcasts.usual(conn, NOW)

    none, usual = await db.write(deed)
    assert none == Usual()
    assert usual == Usual(gone=10 / 200, stopped=19 / 190)


async def test_what_was_sent_is_taken_back_from_those_who_may_have_read_it(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> tuple[set[int], set[int], Broadcast]:
        made = planned(conn, keys, 5)
        got = {*end(conn, made, "sent", 2), *end(conn, made, "unclear", 1)}
        broadcasts.withdraw(conn, made, "Amira")
        swept(conn, made)
        tally = broadcasts.tally(conn, made)
        broadcasts.finish(conn, made, tally, NOW)
        correction = broadcasts.take_back(conn, made, NOW, {"withdrawn": True})
        plan(conn, correction)
        return got, set(scene.recipients(conn, correction)), there(conn, correction)

    got, told, correction = await db.write(deed)
    assert told == got
    assert (correction.kind, correction.created_by, correction.size) == ("correction", "Amira", 3)


async def test_only_what_needs_looking_after_is_looked_after(db: Database) -> None:
    def deed(conn: Connection) -> Counter[str]:
        for state, ended_at in [
            *((state, None) for state in ("draft", *broadcasts.RUNNING, "paused", "cancelled", "withdrawn", "done")),
            *((state, NOW) for state in broadcasts.OVER),
        ]:
            made = broadcasts.draft(conn, "Amira", NOW, TEXT)
            conn.execute(
                schema.broadcasts.update().where(schema.broadcasts.c.id == made).values(state=state, ended_at=ended_at)
            )
        return Counter(one.state for one in broadcasts.under_way(conn))

    assert await db.write(deed) == Counter([*broadcasts.RUNNING, "paused", "cancelled", "withdrawn"])


async def test_a_trial_goes_on_while_some_of_it_may_still_leave_now(db: Database, keys: KeyStore) -> None:
    def deed(conn: Connection) -> list[bool]:
        made = planned(conn, keys, 2)
        rows = schema.deliveries.update().where(schema.deliveries.c.broadcast_id == made)
        seen = [broadcasts.under_trial(conn, made, NOW, ["quiet hours"])]
        for values in (
            {"due_at": MORNING, "why": "quiet hours"},  # for a better hour
            {"due_at": after(600), "why": "grouped"},  # a moment
            {"due_at": NOW, "why": "quiet hours", "state": "claimed"},
            {"state": "sent"},
        ):
            conn.execute(rows.values(**values))
            seen.append(broadcasts.under_trial(conn, made, NOW, ["quiet hours"]))
        return seen

    assert await db.write(deed) == [True, False, True, True, False]


def test_a_tally_since_another_is_what_came_after_it() -> None:
    before, now = Tally({"sent": 5, "pending": 9}, 1), Tally({"sent": 8, "gone": 2, "pending": 4}, 1)
    since = now.since(before)
    assert (since.of("sent"), since.of("gone"), since.stopped) == (3, 2, 0)


def test_the_counts_of_a_plan_under_way_are_out_of_the_people_counted_before() -> None:
    made_at = datetime(2026, 3, 1, tzinfo=UTC)
    half = Broadcast(
        *(1, "staff", None, None, {}, {}, False, "", "", "trial", "", 200, 2, made_at, "Amira", None, None),
        {"counts": {"sent": 1, "pending": 1}},
    )
    assert (half.total, half.waiting) == (200, 199)
