"""What comes in is kept before anyone is told so, and answered once, each person's in order, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from bot.clock import SystemClock
from bot.delivery.compose import decode
from bot.talk.group import Standing
from bot.talk.inbox import Inbox, listen
from channels import telegram
from channels.contract import (
    AnyUpdate,
    Left,
    Limits,
    Message,
    Outcome,
    Part,
    Pressed,
    Received,
    Renamed,
    Request,
    Said,
    Started,
    paragraph,
)
from storage import people, schema
from storage.database import Connection, Database, PostgreSQL
from storage.keys import KeyStore
from storage.people import Person
from tests.bot.delivery.office import Between, DatabaseFault, fails, speak, until
from tests.providers.telegram import TOKEN

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def said(number: int, words: str, who: str = "ana", seconds: float = 0) -> Said:
    return Said(id=str(number), address=who, at=AT + timedelta(seconds=number + seconds), text=words)


@dataclass
class Echo:
    """A conversation that says what it heard, and breaks on some words."""

    breaks_on: set[str] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)
    standings: list[Standing | None] = field(default_factory=list)

    def answer(
        self,
        conn: Connection,
        person: Person,
        update: AnyUpdate,
        *,
        limits: Limits,
        now: datetime,
        standing: Standing | None = None,
    ) -> list[Message]:
        self.standings.append(standing)
        words = getattr(update, "text", "") or type(update).__name__
        people.change(conn, person.id, step=words)
        if isinstance(update, Started):
            people.subscribe(conn, person.id, now)
        if words in self.breaks_on:
            raise LookupError(words)
        self.heard.append(words)
        return [Message((paragraph(f"you said {words}"),))]


class Postbox:
    """A platform whose polls bring what the test puts in, until they are confirmed by polling again."""

    kind: ClassVar[str] = "telegram"
    polls = True

    def __init__(self, account: str = "main") -> None:
        self.account = account
        self.limits = Limits(per_second=1000)
        self.waiting: list[AnyUpdate] = []
        self.confirmed: list[AnyUpdate] = []
        self.acknowledged: list[str] = []
        self.polled = 0
        self.cut_off = 0
        self.admins: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.willing = asyncio.Event()  # to say who runs a group
        self.willing.set()
        self.link = "https://chat.example/bot"
        self._given: list[AnyUpdate] = []

    def fit(self, message: Message) -> tuple[Part, ...]:
        raise NotImplementedError

    async def send(self, address: str, part: Part) -> Outcome:
        raise NotImplementedError

    def receive(self, request: Request) -> Received:
        raise NotImplementedError

    async def poll(self) -> Sequence[AnyUpdate]:
        self.polled += 1
        self.confirmed += self._given
        self.waiting = [update for update in self.waiting if update not in self._given]
        self._given = []
        try:
            await until(lambda: self.waiting)
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        self._given = list(self.waiting)
        return self._given

    async def administers(self, group: str, who: str) -> bool | None:
        self.asked.append((group, who))
        await self.willing.wait()
        if who == "nobody knows":
            return None
        if who == "trouble":
            raise OSError
        return who in self.admins

    async def acknowledge(self, pressed: Pressed) -> None:
        self.acknowledged.append(pressed.press)

    async def open(self) -> None: ...

    async def close(self) -> None: ...


@dataclass
class Driver:
    channel: Any
    driving: bool = True


class Reception:
    """An inbox over a database with somebody in between."""

    def __init__(self, db: Database, keys: KeyStore, answers: Echo) -> None:
        self.db = db
        self.between = Between(db)
        self.keys = keys
        self.echo = answers
        self.postbox = Postbox()
        self.woken: list[str] = []
        between: Any = self.between
        self.inbox = Inbox(
            db=between,
            keys=keys,
            clock=SystemClock(),
            conversation=answers,
            channels={"main": self.postbox},
            speak=speak,
            answered=self.woken.append,
        )

    async def take(self, *updates: AnyUpdate) -> None:
        await self.inbox.take("main", updates)

    async def handle_all(self) -> None:
        while await self.inbox.handle_one():
            pass

    async def replies(self) -> list[str]:
        """The words of all that was queued, in its order."""
        query = sa.select(schema.deliveries).order_by(schema.deliveries.c.id)
        rows = await self.db.read(lambda conn: list(conn.execute(query)))
        kept = [decode(self.keys.unseal("message", row.record, row.sealed)) for row in rows]
        return [message.paragraphs[0][0].text for message in kept]

    async def states(self) -> list[str]:
        query = sa.select(schema.updates.c.state).order_by(schema.updates.c.id)
        return await self.db.read(lambda conn: list(conn.scalars(query)))

    async def person(self, who: str = "ana") -> Person:
        def find(conn: Connection) -> Person:
            address = people.find(conn, self.keys, "telegram", "main", who)
            assert address
            return people.get(conn, address.person_id)

        return await self.db.read(find)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def reception(db: Database, keys: KeyStore, echo: Echo) -> Reception:
    return Reception(db, keys, echo)


@asynccontextmanager
async def working(*parts: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_update_that_comes_twice_is_answered_once(reception: Reception) -> None:
    await reception.take(said(1, "hello"), said(1, "hello"))
    await reception.handle_all()
    await reception.take(said(1, "hello"))
    await reception.handle_all()
    assert await reception.replies() == ["you said hello"]
    assert reception.woken == ["main"]


async def test_a_webhook_call_that_is_repeated_is_answered_once(db: Database, keys: KeyStore, echo: Echo) -> None:
    message = {"message_id": 1, "date": 1790000000, "text": "salam", "chat": {"id": 42, "type": "private"}}
    body = json.dumps({"update_id": 7, "message": message}).encode()
    reception = Reception(db, keys, echo)
    channel = telegram.Telegram(
        "main", telegram.Settings(token=TOKEN, mode="webhook", webhook_secret="s"), public_url="https://hub.example"
    )
    for _ in range(2):
        received = channel.receive(Request(body, {"x-telegram-bot-api-secret-token": "s"}))
        assert received.status == 200
        await reception.take(*received.updates)
    await reception.handle_all()
    assert await reception.replies() == ["you said salam"]


async def test_a_press_is_acknowledged_at_once_and_only_after_it_was_kept(reception: Reception) -> None:
    pressed = Pressed(id="1", address="ana", at=AT, say="/next", press="token")
    reception.between.before["receive"] = fails
    with pytest.raises(DatabaseFault):
        await reception.take(pressed)
    await asyncio.sleep(0.05)
    assert reception.postbox.acknowledged == []
    await reception.take(pressed)
    await until(lambda: reception.postbox.acknowledged == ["token"])


# ── In order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_each_persons_words_are_answered_in_their_order_among_those_of_others(reception: Reception) -> None:
    words = [(who, f"{who}{n}") for n in range(5) for who in ("ana", "ben", "eve")]
    await reception.take(*(said(number, text, who) for number, (who, text) in enumerate(words)))
    async with working(reception.inbox.run()):
        await until(lambda: len(reception.echo.heard) == 15)
    for who in ("ana", "ben", "eve"):
        assert [text for text in reception.echo.heard if text.startswith(who)] == [f"{who}{n}" for n in range(5)]


async def test_two_hubs_share_the_work_and_each_persons_words_keep_their_order(
    postgresql: PostgreSQL, keys: KeyStore
) -> None:
    echoes = [Echo(), Echo()]
    hubs = [Reception(postgresql, keys, echo) for echo in echoes]
    people_ = [f"p{n}" for n in range(6)]
    batch = [said(10 * n + k, f"{who} {k}", who) for k in range(5) for n, who in enumerate(people_)]
    await asyncio.gather(*(hub.take(*batch) for hub in hubs))
    async with working(*(hub.inbox.run() for hub in hubs)):
        await until(lambda: sum(len(echo.heard) for echo in echoes) >= 30)
        await asyncio.sleep(0.3)
    assert sorted(echoes[0].heard + echoes[1].heard) == sorted(update.text for update in batch)
    assert all(echo.heard for echo in echoes)
    replies = await hubs[0].replies()
    for who in people_:
        mine = [reply for reply in replies if reply.startswith(f"you said {who} ")]
        assert mine == [f"you said {who} {k}" for k in range(5)]


# ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_update_that_breaks_is_tried_three_times_then_told_of_and_kept(
    reception: Reception, echo: Echo
) -> None:
    echo.breaks_on.add("bad luck")
    await reception.take(said(1, "bad luck"), said(2, "good luck"), said(3, "hello", "ben"))
    await reception.handle_all()
    sorry, *others = await reception.replies()
    assert "went wrong" in sorry
    assert sorted(others) == ["you said good luck", "you said hello"]
    assert await reception.states() == ["failed", "handled", "handled"]
    assert (await reception.person()).step == "good luck"
    query = sa.select(schema.updates.c.record, schema.updates.c.sealed).where(schema.updates.c.state == "failed")
    [kept] = await reception.db.read(lambda conn: list(conn.execute(query)))
    assert b"bad luck" in reception.keys.unseal("update", kept.record, kept.sealed)


async def test_what_an_update_that_breaks_had_changed_is_taken_back(reception: Reception, echo: Echo) -> None:
    await reception.take(said(1, "before"))
    await reception.handle_all()
    echo.breaks_on.add("bad luck")
    await reception.take(said(2, "bad luck"))
    await reception.inbox.handle_one()
    assert (await reception.person()).step == "before"
    assert await reception.replies() == ["you said before"]
    echo.breaks_on.clear()
    await reception.handle_all()
    assert await reception.replies() == ["you said before", "you said bad luck"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_fault_of_the_database_costs_no_answer_and_makes_no_second_one(reception: Reception, when: str) -> None:
    await reception.take(said(1, "one"), said(2, "two"))
    getattr(reception.between, when)["_handle"] = fails
    async with working(reception.inbox.run()):
        await until(lambda: len(reception.echo.heard) == 2)
        await until(lambda: _handled(reception))
    assert await reception.replies() == ["you said one", "you said two"]


async def _handled(reception: Reception) -> bool:
    return set(await reception.states()) == {"handled"}


async def test_a_poll_is_confirmed_only_when_what_it_brought_is_kept(reception: Reception) -> None:
    postbox = reception.postbox
    reception.between.before["receive"] = fails
    async with working(listen(Driver(postbox), reception.inbox, SystemClock())):
        postbox.waiting.append(said(1, "hello"))
        await until(lambda: not reception.between.before)
        assert postbox.polled == 1
        assert postbox.confirmed == []
        await until(lambda: postbox.confirmed)
        assert await reception.states() == ["new"]
    assert postbox.polled == 2


async def test_whoever_no_longer_drives_stops_polling(reception: Reception) -> None:
    driver = Driver(reception.postbox, driving=False)
    async with working(listen(driver, reception.inbox, SystemClock())):
        await asyncio.sleep(0.3)
        assert reception.postbox.polled == 0
        driver.driving = True
        await until(lambda: reception.postbox.polled == 1)
        driver.driving = False
        await until(lambda: reception.postbox.cut_off == 1)


# ── Who left ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def started(number: int, seconds: float) -> Started:
    return Started(id=str(number), address="ana", at=AT + timedelta(seconds=seconds))


def left(number: int, seconds: float) -> Left:
    return Left(id=str(number), address="ana", at=AT + timedelta(seconds=seconds), why="kicked")


async def test_whoever_leaves_hears_nothing_more(reception: Reception) -> None:
    await reception.take(started(1, 0), left(2, 10))
    await reception.handle_all()
    assert not (await reception.person()).subscribed
    assert await reception.replies() == ["you said Started"]


async def test_an_old_start_that_comes_late_opens_nothing(reception: Reception) -> None:
    await reception.take(started(1, 0), left(2, 10), started(3, 5), said(4, "late", seconds=-4))
    await reception.handle_all()
    assert not (await reception.person()).subscribed
    assert reception.echo.heard == ["Started"]
    await reception.take(started(5, 11))
    await reception.handle_all()
    assert (await reception.person()).subscribed


async def test_a_late_word_of_leaving_does_not_turn_out_who_came_back(reception: Reception) -> None:
    await reception.take(started(1, 20), left(2, 10))
    await reception.handle_all()
    assert (await reception.person()).subscribed


async def test_a_group_keeps_its_choices_under_its_new_name(reception: Reception) -> None:
    await reception.take(started(1, 0))
    await reception.handle_all()
    await reception.take(Renamed(id="2", address="ana", at=AT, to="ana the second"))
    await reception.handle_all()
    assert (await reception.person("ana the second")).subscribed
    assert await reception.replies() == ["you said Started"]


# ── Groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def among(number: int, words: str, by: str, group: str = "-1") -> Said:
    return Said(id=str(number), address=group, at=AT + timedelta(seconds=number), text=words, group=True, by=by)


async def handled(reception: Reception, n: int) -> list[Standing | None]:
    async with working(reception.inbox.run()):
        await until(lambda: len(reception.echo.heard) == n)
    return reception.echo.standings


LINK = "https://chat.example/bot"


@pytest.mark.parametrize(
    ("by", "runs"), [("boss", True), ("member", False), ("nobody knows", None), ("trouble", None), ("", True)]
)
async def test_the_platform_is_asked_who_runs_a_group_before_it_is_changed(
    reception: Reception, by: str, runs: bool | None
) -> None:
    reception.postbox.admins.add("boss")
    await reception.take(among(1, "/subscribe iraq", by))
    assert await handled(reception, 1) == [Standing(runs, LINK)]
    assert reception.postbox.asked == ([("-1", by)] if by else [])


async def test_the_platform_is_not_asked_about_who_only_reads_nor_about_a_person(reception: Reception) -> None:
    await reception.take(among(1, "/news", "boss"), said(2, "/subscribe iraq"))
    await handled(reception, 2)
    assert reception.postbox.asked == []


async def test_the_platform_is_asked_once_a_minute(reception: Reception) -> None:
    await reception.take(*(among(n, "/subscribe iraq", "boss") for n in range(5)), among(9, "/stop", "member"))
    await handled(reception, 6)
    assert reception.postbox.asked == [("-1", "boss"), ("-1", "member")]


async def test_nobody_waits_for_who_runs_a_group_but_that_group(reception: Reception) -> None:
    reception.postbox.willing.clear()
    await reception.take(
        among(1, "/stop", "boss"), among(2, "/news", "boss"), said(3, "hello"), among(4, "/news", "ben", "-2")
    )
    async with working(reception.inbox.run()):
        await until(lambda: reception.echo.heard == ["hello", "/news"])
        await until(lambda: reception.postbox.asked)
        reception.postbox.willing.set()
        await until(lambda: reception.echo.heard == ["hello", "/news", "/stop", "/news"])


# ── The end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_inbox_leaves_no_task_behind(reception: Reception) -> None:
    before = asyncio.all_tasks()
    async with working(reception.inbox.run(), listen(Driver(reception.postbox), reception.inbox, SystemClock())):
        await until(lambda: reception.postbox.polled)
        await reception.take(Pressed(id="1", address="ana", at=AT, say="/next", press="token"))
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == before
