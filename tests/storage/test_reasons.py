"""Why somebody was told a dispatch, or was not: one row for each reason, asked of both databases."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.cli.why import as_table, sentence
from storage import accounts, deliveries, dispatches, people, reasons, schema, sources
from storage.database import Connection, Database, SQLite
from storage.keys import KeyStore
from tests.storage.scene import (
    NOW,
    a_broadcast,
    a_dispatch,
    after,
    claim_and_mark,
    drive,
    mark,
    planned,
    someone,
)
from tests.storage.test_indexes import scans, statements


@dataclass
class Scene:
    """A database with somebody in it, and a dispatch."""

    conn: Connection
    keys: KeyStore

    def somebody(self, **choices: object) -> people.Address:
        self.who = someone(self.conn, self.keys, **choices)  # type: ignore[arg-type]
        accounts.put(self.conn, "main", "telegram")
        return self.who

    def dispatch(self, *, push: bool = True, published: datetime | None = NOW, **more: object) -> int:
        self.news = a_dispatch(self.conn, **({"countries": ["IQ"], "topics": ["jobs"]} | more))  # type: ignore[arg-type]
        self.set(schema.dispatches, push=push, published=published)
        return self.news

    def planned(self, valid_until: datetime | None = None) -> int:
        return planned(self.conn, self.news, valid_until)

    def marked(self) -> deliveries.Marked:
        self.epoch = drive(self.conn)
        return claim_and_mark(self.conn, self.keys, self.epoch)

    def ended(self, state: str, why: str) -> None:
        deliveries.finish(self.conn, self.marked(), self.epoch, state, why, after(3))

    def stopped(self) -> None:
        people.stop(self.conn, self.who.person_id, after(2))

    def set(self, table: sa.Table, **values: object) -> None:
        self.conn.execute(table.update().values(**values))


@dataclass(frozen=True)
class Row:
    label: str
    tell: Callable[[Scene], object]
    verdict: str
    rules: tuple[str, ...]
    said: str
    later: timedelta = timedelta(seconds=10)
    running: bool = True


def steps(*tells: Callable[[Scene], object]) -> Callable[[Scene], None]:
    def tell(scene: Scene) -> None:
        for step in tells:
            step(scene)

    return tell


def told(scene: Scene) -> None:
    scene.somebody()
    scene.dispatch()
    scene.planned()
    deliveries.part_sent(scene.conn, scene.marked(), 1, "42", after(3), done=True)


def waits(scene: Scene, valid_until: datetime | None = None) -> None:
    scene.somebody()
    scene.dispatch()
    scene.planned(valid_until)


def nobody_pushed_it(scene: Scene, **more: object) -> None:
    scene.somebody()
    scene.dispatch(push=False, **more)  # type: ignore[arg-type]


def planned_for(scene: Scene, news: dict[str, object] | None = None, **choices: object) -> None:
    scene.somebody(**choices)
    scene.dispatch(**(news or {}))  # type: ignore[arg-type]
    scene.planned()


def told_forgotten(scene: Scene) -> None:
    told(scene)
    scene.conn.execute(schema.deliveries.delete())


def told_by_another(scene: Scene) -> None:
    told(scene)
    first = scene.conn.scalar(sa.select(schema.broadcasts.c.id))
    values = {"kind": "held", "dispatch_id": scene.news, "state": "sending", "created_at": NOW}
    again = scene.conn.execute(
        schema.broadcasts.insert().values(**values).returning(schema.broadcasts.c.id)
    ).scalar_one()
    assert again != first
    row = {"broadcast_id": again, "recipient_id": scene.who.person_id, "account": "main", "purpose": "news"}
    times = {"due_at": NOW, "created_at": NOW, "done_at": after(5)}
    scene.conn.execute(schema.deliveries.insert().values(**row, priority=5, state="told", **times))


def behind_others(scene: Scene) -> None:
    someone(scene.conn, scene.keys, "first")
    someone(scene.conn, scene.keys, "second")
    waits(scene)


def held_up(scene: Scene) -> None:
    waits(scene)
    accounts.hold(scene.conn, "main", after(minutes=5))


def broken(scene: Scene) -> None:
    waits(scene)
    accounts.broken(scene.conn, "main", "401 Unauthorized", NOW)


def backs_off(scene: Scene) -> None:
    waits(scene)
    deliveries.put_back(scene.conn, scene.marked(), scene.epoch, after(minutes=2), "status 500")


def claimed(scene: Scene) -> None:
    waits(scene)
    deliveries.claim(scene.conn, "main", drive(scene.conn), NOW, 1)


def on_the_wire(scene: Scene) -> None:
    waits(scene)
    scene.marked()


def withdraw(scene: Scene) -> None:
    dispatches.move(scene.conn, scene.news, "withdrawn", "by an editor", only_from=["ready"])


def hold(scene: Scene) -> None:
    dispatches.move(scene.conn, scene.news, "held", "a number is wrong", only_from=["ready"])


def lose(scene: Scene) -> None:
    people.lost(scene.conn, scene.who.id, "blocked", after(2))


def marked_unfit(then: Callable[[Scene], object]) -> Callable[[Scene], None]:
    """They changed their mind between the claim and the mark, which found it."""

    def tell(scene: Scene) -> None:
        waits(scene)
        epoch = drive(scene.conn)
        (row,) = deliveries.claim(scene.conn, "main", epoch, NOW, 1)
        then(scene)
        assert mark(scene.conn, scene.keys, row.id, epoch, after(5)) is None

    return tell


def follow_pakistan(scene: Scene) -> None:
    people.change(scene.conn, scene.who.person_id, all_countries=False)
    people.add_countries(scene.conn, scene.who.person_id, ["PK"])


def follow_all_again(scene: Scene) -> None:
    people.change(scene.conn, scene.who.person_id, all_countries=True)


def there_and_back(scene: Scene) -> None:
    marked_unfit(follow_pakistan)(scene)
    follow_all_again(scene)


def chose_after_the_plan(scene: Scene) -> None:
    planned_for(scene, countries=["PK"])
    follow_all_again(scene)


def subscribed_later(scene: Scene) -> None:
    scene.somebody(since=after(60))
    scene.dispatch()
    scene.planned()


def first_fetch(scene: Scene) -> None:
    nobody_pushed_it(scene)
    sources.fetched(scene.conn, scene.conn.scalar(sa.select(schema.sources.c.id)), NOW, NOW)


def being_planned(scene: Scene) -> None:
    scene.somebody()
    scene.dispatch()
    a_broadcast(scene.conn, scene.news)


def cancelled_early(scene: Scene) -> None:
    being_planned(scene)
    scene.set(schema.broadcasts, state="cancelled")


def ended(state: str, why: str) -> Callable[[Scene], None]:
    return steps(waits, lambda scene: scene.ended(state, why))


def forgotten(scene: Scene) -> None:
    waits(scene)
    scene.conn.execute(schema.deliveries.delete())


def no_address(scene: Scene) -> None:
    scene.somebody()
    scene.conn.execute(schema.addresses.delete())
    scene.dispatch()
    scene.planned()


def lost_before(scene: Scene) -> None:
    scene.somebody()
    lose(scene)
    scene.dispatch()
    scene.planned()


ROWS = [
    Row("told", told, "told", ("sent",), "by broadcast 1, on telegram (main): sent, the platform took it"),
    Row("told perhaps", ended("unclear", "no answer"), "told", ("unclear",), "perhaps, for no answer came (no answer)"),
    Row("told long ago", told_forgotten, "told", ("sent",), "by broadcast 1; how it went is no longer kept"),
    Row("told by another broadcast", told_by_another, "told", ("sent",), "by broadcast 1, on telegram"),
    Row("being planned", being_planned, "waiting", ("planning",), "broadcast 1 is being planned since"),
    Row("next to go", waits, "waiting", ("pending",), "pending since 01 Mar 2026"),
    Row("in the queue", behind_others, "waiting", ("pending",), "behind 2 others, at the rate of the account"),
    Row("account held", held_up, "waiting", ("pending",), "the account is held until 01 Mar 2026"),
    Row("account broken", broken, "waiting", ("pending",), "the account is broken since 01 Mar 2026"),
    Row("back-off", backs_off, "waiting", ("pending",), "after attempt 1 (status 500)"),
    Row("no hub runs", waits, "waiting", ("pending",), "no hub is running (`serai run`)", running=False),
    Row("claimed", claimed, "waiting", ("claimed",), "claimed since"),
    Row("on the wire", on_the_wire, "waiting", ("sending",), "on the wire, attempt 1"),
    Row("editor", steps(planned_for, hold), "held", ("editor",), "waits for an editor, first seen 01 Mar"),
    Row("editor, and none planned", steps(nobody_pushed_it, hold), "held", ("editor",), "a number is wrong"),
    Row("closed window", ended("closed", ""), "held", ("closed",), "it goes out when they come back"),
    Row(
        "country",
        lambda s: planned_for(s, countries=["PK"]),
        "not concerned",
        ("country",),
        "does not follow Iraq (follows Pakistan)",
    ),
    Row(
        "topic",
        lambda s: planned_for(s, countries=["IQ"], topics=["health"]),
        "not concerned",
        ("topic",),
        "follows the country but not jobs (follows health)",
    ),
    Row(
        "country and topic",
        lambda s: planned_for(s, countries=["PK"], topics=["health"]),
        "not concerned",
        ("country", "topic"),
        "does not follow Iraq (follows Pakistan); does not follow jobs (follows health)",
    ),
    Row(
        "no topic",
        lambda s: planned_for(s, {"topics": []}, topics=["health"]),
        "not concerned",
        ("topic",),
        "has no topic, so it is for who follows all topics",
    ),
    Row(
        "regional news off",
        lambda s: planned_for(s, {"countries": []}, countries=["IQ"]),
        "not concerned",
        ("regional",),
        "they have regional news off",
    ),
    Row(
        "never subscribed",
        lambda s: planned_for(s, subscribed=False),
        "not concerned",
        ("never subscribed",),
        "is not subscribed, and never was",
    ),
    Row(
        "stopped before",
        steps(Scene.somebody, Scene.stopped, Scene.dispatch, Scene.planned),
        "not concerned",
        ("stopped",),
        "is not subscribed since 01 Mar 2026",
    ),
    Row(
        "stopped meanwhile",
        steps(waits, Scene.stopped),
        "not concerned",
        ("stopped",),
        "is not subscribed since 01 Mar 2026",
    ),
    Row("stopped at the mark", marked_unfit(Scene.stopped), "not concerned", ("stopped",), "is not subscribed since"),
    Row("subscribed later", subscribed_later, "not concerned", ("subscribed later",), "after the broadcast was made"),
    Row(
        "chose meanwhile",
        steps(waits, follow_pakistan),
        "not concerned",
        ("country",),
        "does not follow Iraq (follows Pakistan)",
    ),
    Row("chosen at the mark", marked_unfit(follow_pakistan), "not concerned", ("country",), "does not follow Iraq"),
    Row("chosen back", there_and_back, "not concerned", ("chosen since",), "chose other news when it was their turn"),
    Row("chosen after the plan", chose_after_the_plan, "not concerned", ("chosen since",), "when it was planned"),
    Row("first fetch", first_fetch, "not concerned", ("first fetch",), "came with the first look at source since"),
    Row(
        "too old",
        lambda s: nobody_pushed_it(s, published=after(days=-9)),
        "not concerned",
        ("too old",),
        "too long before it was seen",
    ),
    Row("not pushed", nobody_pushed_it, "not concerned", ("not pushed",), "came as old news"),
    Row("no broadcast", steps(Scene.somebody, Scene.dispatch), "not concerned", ("no broadcast",), "no broadcast was"),
    Row("no address", no_address, "not concerned", ("no address",), "has no address"),
    Row(
        "address gone before", lost_before, "not concerned", ("address gone",), "cannot be reached on main since 01 Mar"
    ),
    Row("address gone meanwhile", steps(waits, lose), "not sent", ("address gone",), "cannot be reached on main since"),
    Row("address gone at the mark", marked_unfit(lose), "not sent", ("gone",), "on main since 01 Mar 2026"),
    Row("refused", ended("refused", "400 too long"), "not sent", ("refused",), "the platform refused it since"),
    Row("expired", lambda s: waits(s, after(5)), "not sent", ("expired",), "was of no use any more"),
    Row("withdrawn", steps(waits, withdraw), "not sent", ("withdrawn",), "was withdrawn or held (by an editor)"),
    Row("withdrawn at the mark", marked_unfit(withdraw), "not sent", ("withdrawn",), "was withdrawn or held since"),
    Row(
        "withdrawn before",
        steps(Scene.somebody, Scene.dispatch, withdraw),
        "not sent",
        ("withdrawn",),
        "was withdrawn",
    ),
    Row("cancelled", cancelled_early, "not sent", ("cancelled",), "the broadcast was cancelled"),
    Row(
        "cancelled meanwhile",
        steps(waits, lambda s: s.set(schema.broadcasts, state="cancelled")),
        "not sent",
        ("cancelled",),
        "the broadcast was cancelled",
    ),
    Row("forgotten", forgotten, "not sent", ("forgotten",), "why is no longer kept", later=timedelta(days=31)),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.label for row in ROWS])
async def test_each_reason_is_told_in_one_line(db: Database, keys: KeyStore, row: Row) -> None:
    def tell(conn: Connection) -> tuple[str, int]:
        scene = Scene(conn, keys)
        row.tell(scene)
        return people.get(conn, scene.who.person_id).pseudonym, scene.news

    pseudonym, dispatch_id = await db.write(tell)
    now = NOW + row.later
    reason = await db.read(reasons.why, pseudonym, dispatch_id, now)
    assert (reason.verdict, reason.rules) == (row.verdict, row.rules)
    line = sentence(reason, now, running=row.running)
    assert line.startswith(f"{row.verdict}: ")
    assert row.said in line
    assert "\n" not in line
    table = as_table(reason, now, running=row.running)
    assert (table["verdict"], table["rules"], table["sentence"]) == (row.verdict, list(row.rules), line)


async def test_nobody_and_nothing_are_told_apart(db: Database, keys: KeyStore) -> None:
    who = await db.write(someone, keys)
    pseudonym = (await db.read(people.get, who.person_id)).pseudonym
    for name, what in (("p-nobody22", "person"), (pseudonym, "dispatch")):
        with pytest.raises(reasons.Unknown) as unknown:
            await db.read(reasons.why, name, 4711, NOW)
        assert unknown.value.what == what


CHOICES = list(itertools.product([(), ("IQ",), ("PK",)], [(), ("jobs",), ("health",)], *[[False, True]] * 3))
NEWS = list(itertools.product([(), ("IQ",), ("IQ", "AF")], [(), ("jobs",), ("jobs", "visas")]))


async def test_whom_it_concerns_is_whom_the_plan_takes(db: Database, keys: KeyStore) -> None:
    """Every mix of choices, and of what a dispatch is about: no rule is named exactly where a row was planned."""

    def fill(conn: Connection) -> tuple[dict[int, str], list[int]]:
        names = {}
        for number, (countries, topics, all_countries, all_topics, regional) in enumerate(CHOICES):
            choices = {"all_countries": all_countries, "all_topics": all_topics, "regional": regional}
            who = someone(conn, keys, str(number), countries=countries, topics=topics, **choices)
            names[who.person_id] = people.get(conn, who.person_id).pseudonym
        made = [a_dispatch(conn, countries=countries, topics=topics) for countries, topics in NEWS]
        for dispatch_id in made:
            planned(conn, dispatch_id)
        return names, made

    names, made = await db.write(fill)

    def compare(conn: Connection, dispatch_id: int) -> None:
        rows = sa.select(schema.deliveries.c.recipient_id).join(schema.broadcasts)
        taken = set(conn.scalars(rows.where(schema.broadcasts.c.dispatch_id == dispatch_id)))
        for person_id, name in names.items():
            reason = reasons.why(conn, name, dispatch_id, NOW)
            assert (reason.verdict == "waiting") == (person_id in taken), reason

    for dispatch_id in made:
        await db.read(compare, dispatch_id)


async def test_no_statement_of_it_reads_through_a_large_table(sqlite: SQLite, keys: KeyStore) -> None:
    def look(conn: Connection) -> list[str]:
        scene = Scene(conn, keys)
        behind_others(scene)
        with statements(conn) as seen:
            reasons.why(conn, people.get(conn, scene.who.person_id).pseudonym, scene.news, NOW)
        return [found for statement, parameters in seen for found in scans(conn, statement, parameters)]

    assert await sqlite.write(look) == []
