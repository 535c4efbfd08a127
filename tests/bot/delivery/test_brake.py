"""The brake: what makes a broadcast stop by itself, and what does not; and how a trial grows, and how it all ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from bot.delivery.brake import Brake, judge
from bot.news import editing
from storage import accounts, broadcasts, people, planning, schema
from storage.broadcasts import Broadcast, Tally, Usual
from storage.database import Connection, Database
from storage.keys import KeyStore
from tests.storage import scene
from tests.storage.scene import NOW, after
from tests.storage.test_broadcasts import a_crowd, end, plan, planned, sent_off, there


@dataclass(frozen=True)
class Case:
    label: str
    counts: dict[str, int]
    stopped: int = 0
    usual: Usual = field(default_factory=Usual)
    why: str = ""


CASES = [
    Case("nothing yet", {}),
    Case("all is well", {"sent": 1000}),
    Case("one refused of three says nothing", {"sent": 2, "refused": 1}),
    Case("four of four say nothing", {"refused": 4}),
    Case("five refused of five", {"refused": 5}, why="refused 5/5"),
    Case("a twentieth is borne", {"sent": 475, "refused": 25}),
    Case("more than a twentieth is not", {"sent": 474, "refused": 26}, why="refused 26/500"),
    Case("who was not tried does not count", {"sent": 80, "refused": 6, "pending": 9000, "stopped": 50, "told": 900},
         why="refused 6/86"),
    Case("unclear and gone were tried", {"unclear": 60, "gone": 60, "refused": 6}, usual=Usual(gone=0.3)),
    Case("three in a hundred gone are borne, where it is not known what is usual", {"sent": 970, "gone": 30}),
    Case("more are not", {"sent": 969, "gone": 31}, why="gone 31/1000"),
    Case("four gone say nothing", {"sent": 10, "gone": 4}),
    Case("three times the usual is borne", {"sent": 70, "gone": 30}, usual=Usual(gone=0.1)),
    Case("more than that is not", {"sent": 69, "gone": 31}, usual=Usual(gone=0.1), why="gone 31/100"),
    Case("hardly anybody ever left: a hundredth counts as usual", {"sent": 97, "gone": 3}, usual=Usual(gone=0.0001)),
    Case("stops, of those who got it", {"sent": 100, "gone": 1}, 3),
    Case("far more stops than usual", {"sent": 100}, 5, why="stopped 5/100"),
    Case("that many stops are usual", {"sent": 100}, 12, usual=Usual(stopped=0.04)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
def test_what_makes_a_broadcast_stop(case: Case) -> None:
    assert judge(Tally(case.counts, case.stopped), case.usual) == case.why


# ── Over a database ──────────────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += seconds


class Desk:
    """A brake, and what it tells."""

    def __init__(self, db: Database, keys: KeyStore) -> None:
        self.db, self.keys = db, keys
        self.clock = Clock()
        self.heard: list[tuple[str, str]] = []
        self.begin()

    def begin(self) -> None:
        """As after a restart."""
        self.brake = Brake(db=self.db, clock=self.clock, told=self._told, went_on=lambda: None)

    def _told(self, conn: Connection, broadcast: Broadcast, event: str, now: datetime) -> None:
        if event != "moved":
            self.heard.append((event, broadcast.why))

    async def look(self) -> None:
        """A look, after so long that everything is due."""
        self.clock.ahead += 100
        await self.brake.look()

    async def there(self, broadcast_id: int) -> Broadcast:
        return await self.db.read(there, broadcast_id)


@pytest.fixture
def desk(db: Database, keys: KeyStore) -> Desk:
    return Desk(db, keys)


async def test_a_trial_grows_once_all_of_it_has_ended_well(desk: Desk) -> None:
    def deed(conn: Connection) -> int:
        a_crowd(conn, desk.keys, 8)
        made = sent_off(conn, 8)
        plan(conn, made)
        return made

    made = await desk.db.write(deed)
    await desk.look()
    assert (await desk.there(made)).state == "trial"
    await desk.db.write(end, made, "sent", 1)
    await desk.look()
    assert (await desk.there(made)).state == "planning"
    await desk.db.write(plan, made)
    assert (await desk.there(made)).state == "sending"
    assert len(await desk.db.read(scene.recipients, made)) == 8


async def test_a_trial_whose_people_are_all_asleep_is_not_waited_for(desk: Desk) -> None:
    def deed(conn: Connection) -> int:
        a_crowd(conn, desk.keys, 8)
        made = sent_off(conn, 8)
        plan(conn, made)
        conn.execute(schema.deliveries.update().values(due_at=after(hours=9), why="quiet hours"))
        return made

    made = await desk.db.write(deed)
    await desk.look()
    assert (await desk.there(made)).state == "planning"


async def test_it_stops_by_itself_and_goes_on_when_somebody_says_so(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 40)
    await desk.db.write(end, made, "sent", 10)
    await desk.db.write(end, made, "refused", 5)
    await desk.look()
    await desk.look()
    paused = await desk.there(made)
    assert (paused.state, paused.why) == ("paused", "refused 5/15")
    assert paused.counts == {"sent": 10, "refused": 5, "paused": 25}
    assert desk.heard == [("paused", "refused 5/15")]

    await desk.db.write(broadcasts.resume, made, desk.clock.now())
    await desk.look()
    await desk.look()
    going = await desk.there(made)
    assert going.state == "sending"  # what it stopped for is not held against it twice
    assert going.counts == {"sent": 10, "refused": 5, "pending": 25}

    await desk.db.write(end, made, "refused", 5)
    await desk.look()
    assert desk.heard == [("paused", "refused 5/15"), ("paused", "refused 5/5")]


async def test_what_was_on_the_wire_when_it_stopped_is_not_held_against_it_later(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 20)
    await desk.db.write(end, made, "refused", 5)
    await desk.db.write(end, made, "sending", 6)
    await desk.look()
    on_the_wire = schema.deliveries.c.state == "sending"
    await desk.db.write(lambda c: c.execute(schema.deliveries.update().where(on_the_wire).values(state="refused")))
    await desk.look()
    await desk.db.write(broadcasts.resume, made, desk.clock.now())
    await desk.look()
    assert (await desk.there(made)).state == "sending"


async def test_trouble_that_begins_late_is_seen_among_the_last_five_hundred(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 700)
    await desk.db.write(end, made, "sent", 600)
    await desk.look()
    await desk.db.write(end, made, "refused", 6)  # one in a hundred of all, but all of the last ones
    await desk.look()
    assert (await desk.there(made)).why == "refused 6/6"


async def test_what_waits_for_a_morning_is_not_the_end_and_what_has_all_ended_is(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 3)
    await desk.db.write(end, made, "sent", 2)
    await desk.look()
    assert (await desk.there(made)).ended_at is None
    await desk.db.write(end, made, "gone", 1)
    await desk.look()
    ended = await desk.there(made)
    assert (ended.state, ended.counts) == ("done", {"sent": 2, "gone": 1})
    assert desk.heard == [("done", "")]
    await desk.look()
    assert len(desk.heard) == 1


async def test_a_pause_is_carried_through_after_a_restart(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 5)
    await desk.db.write(end, made, "sent", 2)
    await desk.db.write(broadcasts.pause, made, "by Amira")
    desk.begin()
    await desk.look()
    assert (await desk.there(made)).counts == {"sent": 2, "paused": 3}
    await desk.db.write(broadcasts.resume, made, desk.clock.now())
    desk.begin()
    await desk.look()
    assert (await desk.there(made)).counts == {"sent": 2, "pending": 3}


async def test_what_is_cancelled_comes_to_rest_with_all_accounted_for(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 5)
    await desk.db.write(end, made, "sent", 2)
    await desk.db.write(broadcasts.cancel, made)
    await desk.look()
    ended = await desk.there(made)
    assert (ended.state, ended.counts) == ("cancelled", {"sent": 2, "cancelled": 3})
    assert ended.ended_at is not None


async def test_what_is_withdrawn_is_taken_back_once_nothing_of_it_is_on_the_wire(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 5)
    await desk.db.write(end, made, "sent", 2)
    await desk.db.write(end, made, "sending", 1)
    await desk.db.write(broadcasts.withdraw, made, "Amira")
    await desk.look()
    assert await desk.db.read(planning.to_plan) == []
    await desk.db.write(lambda c: c.execute(schema.deliveries.update().values(state="sent")))
    await desk.look()
    (correction,) = await desk.db.read(planning.to_plan)
    await desk.db.write(plan, correction)
    assert len(await desk.db.read(scene.recipients, correction)) == 5
    assert (await desk.there(correction)).content["withdrawn"] is True
    await desk.look()
    assert len(await desk.db.read(broadcasts.under_way)) == 1  # the correction alone


async def test_news_that_is_withdrawn_is_taken_back_by_its_title(desk: Desk) -> None:
    def deed(conn: Connection) -> int:
        a_crowd(conn, desk.keys, 5)
        made = scene.planned(conn, dispatch_id := scene.a_dispatch(conn))
        end(conn, made, "sent", 3)
        editing.move(conn, "Amira", dispatch_id, "withdrawn", "wrong", NOW, only_from=["ready"])
        return made

    made = await desk.db.write(deed)
    await desk.look()
    (correction,) = await desk.db.read(planning.to_plan)
    await desk.db.write(plan, correction)
    assert len(await desk.db.read(scene.recipients, correction)) == 3
    content = (await desk.there(correction)).content
    assert (content["withdrawn"], content["about"]) == (True, "Title")
    assert (await desk.there(made)).counts == {"sent": 3, "withdrawn": 2}


async def test_what_nobody_got_needs_no_taking_back(desk: Desk) -> None:
    made = await desk.db.write(planned, desk.keys, 2)
    await desk.db.write(broadcasts.withdraw, made, "Amira")
    await desk.look()
    assert await desk.db.read(planning.to_plan) == []


BROKEN: list[tuple[str, str, float, str, str]] = [
    ("its account breaks", "main", 60, "staff", "paused"),
    ("another account breaks", "other", 60, "staff", "sending"),
    ("it broke before, and nobody has tried it since", "main", -60, "staff", "sending"),
    ("news waits for it by itself", "main", 60, "dispatch", "sending"),
]


@pytest.mark.parametrize(("label", "account", "since", "kind", "state"), BROKEN, ids=[row[0] for row in BROKEN])
async def test_a_broken_account_stops_what_goes_through_it(
    desk: Desk, label: str, account: str, since: float, kind: str, state: str
) -> None:
    def deed(conn: Connection) -> int:
        made = planned(conn, desk.keys, 3)
        conn.execute(schema.broadcasts.update().values(kind=kind))
        accounts.put(conn, account, "telegram")
        accounts.broken(conn, account, "token revoked", after(since))
        return made

    made = await desk.db.write(deed)
    await desk.look()
    assert (await desk.there(made)).state == state


async def test_the_brake_is_for_news_too(desk: Desk) -> None:
    def deed(conn: Connection) -> int:
        a_crowd(conn, desk.keys, 10)
        made = scene.planned(conn, scene.a_dispatch(conn))
        end(conn, made, "gone", 6)
        return made

    made = await desk.db.write(deed)
    await desk.look()
    assert (await desk.there(made)).why == "gone 6/6"


async def test_many_stops_after_it_stop_it(desk: Desk) -> None:
    def deed(conn: Connection) -> int:
        made = planned(conn, desk.keys, 20)
        for recipient in end(conn, made, "sent", 10)[:5]:
            people.stop(conn, recipient, after(60))
        return made

    made = await desk.db.write(deed)
    await desk.look()
    assert (await desk.there(made)).why == "stopped 5/10"


async def test_what_does_not_move_is_counted_more_and_more_seldom_and_at_once_when_its_state_changes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[float] = []
    tally = broadcasts.tally

    def counting(conn: Connection, broadcast_id: int) -> Tally:
        counted.append(desk.clock.ahead)
        return tally(conn, broadcast_id)

    monkeypatch.setattr(broadcasts, "tally", counting)
    made: Any = await desk.db.write(planned, desk.keys, 2)
    for _ in range(40):
        desk.clock.ahead += 1
        await desk.brake.look()
    apart = [later - earlier for earlier, later in pairwise(counted)]
    assert apart == sorted(apart)
    assert max(apart) == 10
    await desk.db.write(broadcasts.pause, made, "by Amira")
    before = len(counted)
    await desk.brake.look()
    assert len(counted) > before
