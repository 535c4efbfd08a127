"""A platform that people write on: it takes messages, counts every one, and fails in the ways that platforms do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from channels.contract import (
    AnyUpdate,
    Finding,
    Gone,
    Later,
    Limits,
    Message,
    Moved,
    Outcome,
    Part,
    Pressed,
    Received,
    Request,
    Said,
    Sent,
    Unclear,
)
from tests.simulation.loop import Process
from tests.simulation.world import World

DEADLINE = 6.0  # seconds
AT_ONCE = 8  # requests under way
UP = (0.015, 0.025)  # seconds that a request is on its way
DOWN = (0.01, 0.08)  # … and its answer
POLL = 20.0


@dataclass(eq=False)
class Accepted:
    number: int
    at: float
    process: Process
    chat: str
    tags: tuple[str, ...]
    fault: str = ""  # of the platform: why its answer never came, or came late
    written: bool = False  # that it was sent


@dataclass
class Platform:
    """With one account of ours. ``moved``: names that are others by now; ``blocked``: who wants nothing of us."""

    world: World
    rate: float
    moved: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    accepted: list[Accepted] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    trips: list[float] = field(default_factory=list)  # seconds of each round trip
    overrun: int = 0  # requests while we were told to wait, and knew it
    updates: list[Said] = field(default_factory=list)
    confirmed: int = 0
    _hold: tuple[float, Process | None, float] = (0.0, None, 0.0)  # until when, who was told, and when

    def __post_init__(self) -> None:
        self._news = asyncio.Event()

    # ── What people say ──────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, chat: str, text: str) -> None:
        number = len(self.updates)
        self.world.note(f"{chat} says {text}")
        self.updates.append(Said(id=str(number), address=chat, at=self.world.now(), text=text))
        self._news.set()

    async def poll(self, offset: int) -> list[Said]:
        """From ``offset`` on; what came before is not told again."""
        self.confirmed = max(self.confirmed, offset)
        if len(self.updates) <= self.confirmed:
            self._news.clear()
            try:
                async with asyncio.timeout(POLL):
                    await self._news.wait()
            except TimeoutError:
                return []
        await asyncio.sleep(self.world.rng.uniform(*DOWN))
        again = self.confirmed > 0 and self.world.chance("told again")
        return self.updates[self.confirmed - again :]

    # ── What we say ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, process: Process, address: str, part: Part) -> Outcome:
        world = self.world
        world.edge(process)  # killed before it left
        await asyncio.sleep(0)
        left = world.loop.time()
        until, told, since = self._hold
        self.overrun += told is process and since < left < until
        answer: asyncio.Future[Outcome] = world.loop.create_future()
        world.later(world.rng.uniform(*UP), self._arrive, process, address, part, answer)
        try:
            async with asyncio.timeout(DEADLINE):
                outcome = await answer
        except TimeoutError:
            return Unclear("no answer")
        if isinstance(outcome, Later) and outcome.whose == "account":
            self._hold = (world.loop.time() + outcome.after, process, world.loop.time() + 0.001)
        self.trips.append(world.loop.time() - left)
        world.edge(process)  # killed with the answer in hand
        return outcome

    def _arrive(self, process: Process, address: str, part: Part, answer: asyncio.Future[Outcome]) -> None:
        world = self.world
        self.arrivals.append(world.loop.time())
        wait = world.rng.uniform(*DOWN)
        outcome = self._refusal(address)
        if outcome is None:
            kept = self._accept(process, address, part)
            outcome = Sent(str(kept.number))
            if world.chance("silence"):
                kept.fault, wait = "silence", -1
            elif world.chance("server error"):
                kept.fault, outcome = "server error", Unclear("502")
            elif world.chance("slow"):
                kept.fault, wait = "slow", world.rng.uniform(1.0, 1.2 * DEADLINE)
        world.note(f"{process} → {address} {part.text}: {outcome if wait >= 0 else 'no answer'}")
        if wait >= 0:
            # In the process that waits for it, so that a dead one is told nothing.
            world.loop.call_later(wait, _settle, answer, outcome, context=process.context)

    def _refusal(self, address: str) -> Outcome | None:
        world = self.world
        if address in self.blocked:
            return Gone("blocked")
        if to := self.moved.get(address):
            return Moved(to)
        if world.chance("later"):
            return Later(world.rng.uniform(0.5, 4), "account")
        if world.chance("later here"):
            return Later(world.rng.uniform(0.5, 4), "address")
        if world.chance("reset"):
            return Unclear("reset")
        if world.chance("gone"):
            self.blocked.add(address)
            return Gone("blocked")
        return None

    def _accept(self, process: Process, address: str, part: Part) -> Accepted:
        kept = Accepted(len(self.accepted), self.world.loop.time(), process, address, tuple(part.text.split()))
        self.accepted.append(kept)
        return kept


def _settle(answer: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not answer.done():
        answer.set_result(outcome)


class SimChannel:
    """The adapter, in one process."""

    kind: ClassVar[str] = "telegram"
    polls = True

    def __init__(self, platform: Platform, process: Process, account: str) -> None:
        self._platform = platform
        self._process = process
        self._offset = 0
        self.account = account
        self.limits = Limits(per_second=platform.rate, deadline=DEADLINE, at_once=AT_ONCE)

    def fit(self, message: Message) -> tuple[Part, ...]:
        """A bar parts a message."""
        words = " ".join(span.text for paragraph in message.paragraphs for span in paragraph)
        return tuple(Part(piece, piece, purpose=message.purpose) for piece in words.split("|"))

    async def send(self, address: str, part: Part) -> Outcome:
        return await self._platform.send(self._process, address, part)

    async def poll(self) -> Sequence[AnyUpdate]:
        found = await self._platform.poll(self._offset)
        self._offset = max(self._offset, *(int(update.id) + 1 for update in found)) if found else self._offset
        return found

    def receive(self, request: Request) -> Received:
        raise NotImplementedError

    async def administers(self, group: str, who: str) -> bool | None:
        return None

    async def fetch(self, file: str) -> bytes | None:
        return None

    async def acknowledge(self, pressed: Pressed) -> None:
        pass

    async def open(self) -> None:
        pass

    async def check(self) -> Sequence[Finding]:
        return ()

    async def close(self) -> None:
        pass
