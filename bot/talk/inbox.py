"""From an update to its answer: kept first, then handled once, each person's in order.

Keeping is one transaction, and only then is the platform told that we have it. Handling is another: the update, what it
changes of the person, and the replies that it calls for are committed together, or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec
import structlog

from bot.clock import Clock
from bot.delivery.compose import encode
from bot.delivery.fault import named
from bot.delivery.pace import either
from bot.talk.group import Standing, needs_standing
from channels.contract import (
    AnyUpdate,
    Attached,
    Channel,
    Left,
    Limits,
    Message,
    Pressed,
    Receipt,
    Renamed,
    Said,
    Started,
    paragraph,
)
from config.messages import Phrases
from storage import deliveries, people, updates
from storage.database import Connection, Database, Priority
from storage.keys import KeyStore
from storage.people import Address, Person
from storage.updates import Incoming, Waiting

log = structlog.get_logger()

LOOK = 1.0  # seconds after which what other processes kept is found
GLANCE = 0.2  # seconds after which a poller sees that it no longer drives
ASK = 6.0  # seconds that a platform has to say who runs a group
KNOWN, UNKNOWN = 60.0, 5.0  # seconds that its answer holds, and that it holds that there was none

KINDS: Mapping[str, type[AnyUpdate]] = {
    kind.__name__: kind for kind in (Said, Pressed, Attached, Started, Left, Renamed, Receipt)
}


class Answers(Protocol):
    """What the inbox asks of the conversation."""

    def answer(
        self,
        conn: Connection,
        person: Person,
        update: AnyUpdate,
        *,
        limits: Limits,
        now: datetime,
        standing: Standing | None = None,
    ) -> list[Message]: ...


@runtime_checkable
class Linked(Protocol):
    """A channel that knows the address at which anybody can write to us alone."""

    @property
    def link(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group who wants something that only those may have who run it."""

    account: str
    address_id: int
    group: str = field(repr=False)
    who: str = field(repr=False)


class Failed(Exception):
    """Handling this update went wrong; nothing of it was kept."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__(waiting.id)
        self.waiting = waiting


class Inbox:
    """Keeps what comes in and has it answered."""

    def __init__(
        self,
        *,
        db: Database,
        keys: KeyStore,
        clock: Clock,
        conversation: Answers,
        channels: Mapping[str, Channel],
        speak: Callable[[str | None], Phrases],
        answered: Callable[[str], None],
    ) -> None:
        """``answered`` is called with an account's name when there are replies for it."""
        self._db = db
        self._keys = keys
        self._clock = clock
        self._conversation = conversation
        self._channels = channels
        self._speak = speak
        self._answered = answered
        # Who runs which group, and until when that is believed; and the groups that wait to know it.
        self._runs: dict[Member, tuple[bool | None, float]] = {}
        self._asking: set[int] = set()
        self._new = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, account: str, incoming: Sequence[AnyUpdate]) -> None:
        """Keep these updates; when it returns they are durable and the platform may be told."""
        channel = self._channels[account]
        rows = [Incoming(u.id, u.address, type(u).__name__, u.at, msgspec.json.encode(u), u.group) for u in incoming]
        kept = await self._db.write(
            updates.receive, self._keys, channel.kind, account, rows, self._clock.now(), priority=Priority.update
        )
        log.info("received", account=account, updates=len(rows), new=kept)
        self._new.set()
        for update in incoming:
            if isinstance(update, Pressed):
                self._begin(self._acknowledge(channel, update))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _acknowledge(channel: Channel, pressed: Pressed) -> None:
        with contextlib.suppress(Exception):
            await channel.acknowledge(pressed)

    async def run(self) -> None:
        """Handle what waits, until cancelled. Looks each second for what other processes kept."""
        try:
            while True:
                self._new.clear()
                try:
                    while await self.handle_one():
                        pass
                except Exception as error:
                    log.error("inbox broke off", fault=named(error))
                    await self._clock.sleep(1)
                await either(self._clock, LOOK, self._new)
        finally:
            for task in self._tasks:
                task.cancel()

    async def handle_one(self) -> bool:
        """Handle the oldest update that waits; False when none does.

        What only those may do who run a group waits until the platform said who they are; others go on meanwhile.
        """
        try:
            account = await self._db.write(self._handle, frozenset(self._asking), priority=Priority.update)
        except Failed as failed:
            fault = named(failed.__cause__ or failed)
            log.error("update failed", update=failed.waiting.id, attempts=failed.waiting.attempts + 1, fault=fault)
            account = await self._db.write(self._set_aside, failed.waiting, priority=Priority.update)
        if isinstance(account, Member):
            self._asking.add(account.address_id)
            self._begin(self._ask(account))
        elif account:
            self._answered(account)
        return account is not None

    async def _ask(self, member: Member) -> None:
        """Who this is, outside of any transaction."""
        runs: bool | None = None
        try:
            async with asyncio.timeout(ASK):
                runs = await self._channels[member.account].administers(member.group, member.who)
        except Exception as error:
            log.error("cannot ask who runs a group", account=member.account, fault=named(error))
        finally:
            now = self._clock.monotonic()
            self._runs = {known: answer for known, answer in self._runs.items() if answer[1] > now}
            self._runs[member] = runs, now + (UNKNOWN if runs is None else KNOWN)
            self._asking.discard(member.address_id)
            self._new.set()

    # ── In one transaction ───────────────────────────────────────────────────────────────────────────────────────────

    def _handle(self, conn: Connection, but: frozenset[int]) -> str | Member | None:
        waiting = updates.next_waiting(conn, self._keys, but)
        if waiting is None:
            return None
        try:
            update = msgspec.json.decode(waiting.body, type=KINDS[waiting.kind])
            standing = self._standing(update, waiting)
            if isinstance(standing, Member):
                return standing
            address = people.address(conn, waiting.address_id)
            person = people.lock(conn, address.person_id)
            messages = self._answer(conn, address, person, update, waiting, standing)
            now = self._clock.now()
            for message in messages:
                self._queue(conn, address, message, now, waiting.id)
            updates.handled(conn, waiting.id, now)
        except Exception as error:
            raise Failed(waiting) from error
        return waiting.account

    def _standing(self, update: AnyUpdate, waiting: Waiting) -> Standing | Member:
        """Who of a group speaks; or of whom the platform must be asked first."""
        channel = self._channels[waiting.account]
        alone = channel.link if isinstance(channel, Linked) else ""
        if not (update.group and update.by and needs_standing(update)):
            return Standing(update.group and not update.by, alone)
        member = Member(waiting.account, waiting.address_id, update.address, update.by)
        runs, until = self._runs.get(member, (None, 0.0))
        return Standing(runs, alone) if until > self._clock.monotonic() else member

    def _answer(
        self,
        conn: Connection,
        address: Address,
        person: Person,
        update: AnyUpdate,
        waiting: Waiting,
        standing: Standing,
    ) -> list[Message]:
        now = self._clock.now()
        if isinstance(update, Renamed):
            people.rename(conn, self._keys, address.id, update.to)
            return []
        if isinstance(update, Left):
            self._left(conn, address, person, update, now)
            return []
        # Platforms repeat and reorder: what is older than their last block opens nothing again (S4).
        if address.left_at is not None and update.at <= address.left_at:
            return []
        if not isinstance(update, Receipt):
            people.heard(conn, address.id, max(update.at, address.heard_at or update.at))
            people.change(conn, person.id, seen_at=now)
            deliveries.reopen(conn, person.id, now)
        limits = self._channels[waiting.account].limits
        return self._conversation.answer(conn, person, update, limits=limits, now=now, standing=standing)

    def _left(self, conn: Connection, address: Address, person: Person, update: Left, now: datetime) -> None:
        if address.heard_at is not None and update.at < address.heard_at:
            return
        people.lost(conn, address.id, update.why or "left", update.at)
        if not people.reachable(conn, person.id):
            people.stop(conn, person.id, now)

    def _queue(self, conn: Connection, address: Address, message: Message, now: datetime, update_id: int) -> None:
        deliveries.reply(
            conn,
            self._keys,
            address=address,
            message=encode(message),
            purpose=str(message.purpose),
            now=now,
            update_id=update_id,
        )

    def _set_aside(self, conn: Connection, waiting: Waiting) -> str:
        """Try again later; after the last time say so to the person, and keep the words for whoever mends the fault."""
        if updates.failed(conn, waiting.id):
            address = people.address(conn, waiting.address_id)
            phrases = self._speak(people.get(conn, address.person_id).language)
            sorry = phrases.t(
                "Sorry, something went wrong on our side. Your message is kept. Please try again in a while."
            )
            message = Message((paragraph(sorry),), language=phrases.language, rtl=phrases.rtl)
            self._queue(conn, address, message, self._clock.now(), waiting.id)
        return waiting.account


class Driver(Protocol):
    """Who drives an account; only while they do may its platform be polled."""

    channel: Channel

    @property
    def driving(self) -> bool: ...


async def listen(driver: Driver, inbox: Inbox, clock: Clock) -> None:
    """Poll a platform while we drive its account: two pollers would take each other's updates."""
    account = driver.channel.account
    while True:
        if not driver.driving:
            await clock.sleep(GLANCE)
            continue
        try:
            if incoming := await _polled(driver, clock):
                await _kept(inbox, account, incoming, clock)
        except Exception as error:
            log.error("cannot poll", account=account, fault=named(error))
            await clock.sleep(1)


async def _polled(driver: Driver, clock: Clock) -> Sequence[AnyUpdate]:
    """What a poll brings; nothing when somebody else drives before it ends. Then they will be told the same."""
    poll = asyncio.ensure_future(driver.channel.poll())
    glance: asyncio.Future[None] | None = None
    try:
        while driver.driving and not poll.done():
            glance = asyncio.ensure_future(clock.sleep(GLANCE))
            await asyncio.wait({poll, glance}, return_when=asyncio.FIRST_COMPLETED)
            glance.cancel()
        return poll.result() if poll.done() else ()
    finally:
        poll.cancel()
        if glance:
            glance.cancel()


async def _kept(inbox: Inbox, account: str, incoming: Sequence[AnyUpdate], clock: Clock) -> None:
    """Polling again tells the platform that we have these: so not before they are kept (C6)."""
    while True:
        try:
            await inbox.take(account, incoming)
        except Exception as error:
            log.error("cannot keep updates", account=account, updates=len(incoming), fault=named(error))
            await clock.sleep(1)
        else:
            return
