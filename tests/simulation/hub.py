"""The parts of ``bot.hub.Hub`` that carry news out and words in, put together in one process of the simulation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from bot.clock import Clock
from bot.delivery.compose import Composer, encode
from bot.delivery.courier import Courier
from bot.delivery.plan import plan
from bot.erasure import Eraser
from bot.talk.inbox import Inbox, listen
from channels.contract import AnyUpdate, Limits, Message, Purpose, Said, paragraph
from config.messages import Phrases, phrases
from storage import deliveries, people
from storage.database import Connection, Database
from storage.dispatches import Stored
from storage.keys import KeyStore
from storage.people import Person
from storage.pictures import Picture
from storage.rhythms import Timing
from tests.simulation.house import ACCOUNT
from tests.simulation.loop import Process, SimLoop
from tests.simulation.platform import SimChannel

PLAN = 2.0  # seconds
STOP, DELETE = "stop", "delete"


class Plainly:
    """Every dispatch as its text; several in one message, one after the other."""

    def news(self, found: Sequence[Stored], p: Phrases, *, digest: bool) -> Message:
        return Message((paragraph(" ".join(dispatch.text for dispatch in found)),), purpose=Purpose.news)

    def announcement(self, content: Mapping[str, Any], p: Phrases, picture: Picture | None) -> Message:
        raise NotImplementedError


class Talk:
    """A conversation of three words. ``did`` is told what a person decided, in the transaction that keeps it."""

    def __init__(self, keys: KeyStore, did: Callable[[str, str], None]) -> None:
        self._keys = keys
        self._did = did

    def answer(
        self, conn: Connection, person: Person, update: AnyUpdate, *, limits: Limits, now: Any, **_: Any
    ) -> list[Message]:
        assert isinstance(update, Said)
        answer = Message((paragraph(f"re:{update.id}"),))
        if update.text == STOP:
            people.stop(conn, person.id, now)
            self._did(STOP, update.address)
        elif update.text == DELETE:
            here = people.called(conn, self._keys, person.id, update.address)
            assert here is not None
            self._did(DELETE, update.address)
            to = people.farewell(conn, self._keys, here.id, now)
            people.erase(conn, person.id, now)
            deliveries.reply(
                conn,
                self._keys,
                address=to,
                message=encode(answer),
                purpose="reply",
                now=now,
                valid_for=people.FAREWELL,
            )
            return []
        return [answer]


class SimHub:
    """``begin`` it; ``stop`` as a signal would."""

    def __init__(
        self,
        process: Process,
        *,
        db: Database,
        keys: KeyStore,
        clock: Clock,
        channel: SimChannel,
        timing: Timing,
        did: Callable[[str, str], None],
    ) -> None:
        self.process = process
        self._db = db
        self._clock = clock
        self._timing = timing
        speak = lambda _: phrases("en")  # noqa: E731
        self.courier = Courier(
            channel=channel,
            composer=Composer(db, channel, Plainly(), speak),
            db=db,
            keys=keys,
            clock=clock,
            holder=process.name,
            timing=timing,
        )
        self._inbox = Inbox(
            db=db,
            keys=keys,
            clock=clock,
            conversation=Talk(keys, did),
            channels={ACCOUNT: channel},
            speak=speak,
            answered=lambda _: self.courier.wake(),
        )
        self._eraser = Eraser(db=db, keys=keys, clock=clock)
        self._stopping = asyncio.Event()

    def begin(self, loop: SimLoop) -> asyncio.Task[None]:
        return self.process.begin(loop, self._run())

    def stop(self) -> None:
        self._stopping.set()

    async def _run(self) -> None:
        """As ``bot.hub.Hub`` starts and stops."""
        courier = asyncio.create_task(self.courier.run())
        others = [asyncio.create_task(part) for part in self._others()]
        await self._stopping.wait()
        for task in others:
            task.cancel()
        await self.courier.stop()
        await asyncio.wait({courier}, timeout=4)
        courier.cancel()
        await asyncio.gather(courier, *others, return_exceptions=True)

    def _others(self) -> list[Coroutine[Any, Any, None]]:
        return [self._inbox.run(), listen(self.courier, self._inbox, self._clock), self._eraser.run(), self._plan()]

    async def _plan(self) -> None:
        while True:
            with suppress(Exception):
                await plan(self._db, self._clock, self._timing, self.courier.wake)
            await self._clock.sleep(PLAN)
