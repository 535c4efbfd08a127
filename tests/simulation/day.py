"""One day of a hub, in some virtual seconds: two dispatches, questions, some who leave, and what the seed breaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
import structlog

from bot import erasure
from bot.delivery.when import When
from bot.talk import inbox
from storage import planning
from storage.planning import broadcast_dispatch
from storage.schema import broadcasts, deliveries, doomed_keys, people, updates
from tests.simulation.house import ACCOUNT, House, chat, house
from tests.simulation.hub import DELETE, STOP, SimHub
from tests.simulation.loop import Process, simulated
from tests.simulation.platform import Platform, SimChannel
from tests.simulation.world import Break, SimClock, SimDatabase, World, half
from tests.storage.scene import a_dispatch

SIZE = 10  # people; the real code takes some milliseconds for a message
CHUNK = 5  # people in one chunk of a plan
CHAOS = 8.0  # seconds for which there are faults
PATIENCE = 60.0  # seconds after the last fault in which everything is done
AFTER = 4.0  # … and then nothing more happens
DOWN = (0.05, 2.0)  # seconds until somebody starts it again
PAUSE = (0.1, 9.0)  # seconds; a lease is shorter
WORK = ("pending", "claimed", "sending")


@dataclass
class Day:
    """What happened, for the checks."""

    world: World
    platform: Platform
    timing: When
    parts: dict[int, int] = field(default_factory=dict)  # of each dispatch
    audience: dict[int, set[str]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)  # the update's id, and who asked
    did: dict[str, tuple[str, float]] = field(default_factory=dict)  # who stopped or was erased, when it was committed
    joined: dict[str, float] = field(default_factory=dict)  # which name we learned that another has now, and when
    settled: float | None = None  # when everything was done
    left: list[str] = field(default_factory=list)  # tasks that did not end
    took: float = 0.0  # real seconds
    hubs: list[SimHub] = field(default_factory=list)
    _promised: list[tuple[str, str]] = field(default_factory=list)

    @property
    def house(self) -> House:
        return self.world.house

    # ── Hubs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        process = Process(f"hub{len(self.hubs) + 1}")
        db = SimDatabase(self.world, process, self._committed)
        channel = SimChannel(self.platform, process, ACCOUNT)
        clock = SimClock(self.world)
        hub = SimHub(
            process, db=db, keys=self.house.keys, clock=clock, channel=channel, timing=self.timing, did=self._promise
        )
        self.hubs.append(hub)
        hub.begin(self.world.loop)

    def broken(self, what: Break) -> None:
        """It goes on, or somebody starts it again: a killed one soon, the other when it is gone."""
        world = self.world
        match what.kind:
            case "pause":
                world.later(world.rng.uniform(*PAUSE), what.process.go_on, world.loop)
            case "kill":
                world.later(world.rng.uniform(*DOWN), self.start)
            case "restart":
                self.hubs[-1].stop()
                self._when_gone(what.process)

    def _when_gone(self, process: Process) -> None:
        self.world.later(0.1, self._when_gone if process.tasks else self._again, process)

    def _again(self, process: Process) -> None:
        if self.hubs[-1].process is process:
            self.start()

    # ── What is known the moment that it is durable ──────────────────────────────────────────────────────────────────

    def _promise(self, what: str, who: str) -> None:
        self._promised.append((what, who))

    def _committed(self, name: str, args: tuple[Any, ...]) -> None:
        if name == "_handle":
            self.did |= {who: (what, self.world.loop.time()) for what, who in self._promised}
        elif name == "rename":
            self.joined.setdefault(args[2], self.world.loop.time())
        elif name == "part_sent" and args[2]:
            self.platform.accepted[int(args[2])].written = True
        self._promised.clear()

    # ── What happens ─────────────────────────────────────────────────────────────────────────────────────────────────

    def schedule(self) -> None:
        rng, later = self.world.rng, self.world.later
        who = [chat(number) for number in rng.sample(range(1, self.house.size + 1), 9)]
        asking, stopping, deleting, moving = who[:3], who[3:5], who[5:6], who[6:9]
        later(rng.uniform(0, 4), self.move, moving[0], "b1")
        later(rng.uniform(0, 4), self.move, moving[1], moving[2])
        later(rng.uniform(0.1, 1), self.publish, rng.randint(1, 2))
        later(rng.uniform(0.5, 4), self.publish, rng.randint(1, 2))
        for person in asking:
            later(rng.uniform(0.1, 7), self.ask, person)
        for person in stopping:
            later(rng.uniform(0.3, 5), self.platform.say, person, STOP)
        for person in deleting:
            later(rng.uniform(0.3, 5), self.platform.say, person, DELETE)

    def publish(self, parts: int) -> None:
        """A dispatch of so many parts, for everybody who is subscribed now."""
        dispatch = len(self.parts) + 1
        text = "|".join(f"{dispatch}.{part}" for part in range(parts))
        now = self.world.now()
        self.world.note(f"news {text}")
        made = self.house.do(lambda conn: a_dispatch(conn, words=text, at=now))
        self.house.do(broadcast_dispatch, made, now, now + timedelta(hours=1))
        self.parts[dispatch] = parts
        subscribed = self.house.look(sa.select(people.c.id).where(people.c.subscribed))
        self.audience[dispatch] = {chat(row.id) for row in subscribed if row.id <= self.house.size}

    def ask(self, person: str) -> None:
        self.asked[str(len(self.platform.updates))] = person
        self.platform.say(person, "what now?")

    def move(self, name: str, to: str) -> None:
        self.world.note(f"{name} is {to} now")
        self.platform.moved[name] = to

    def chat(self, name: str) -> str:
        """Where this name leads by now."""
        return self.platform.moved.get(name, name)

    # ── Its end ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def done(self) -> bool:
        """Whether nothing waits for anybody."""
        waits = [
            sa.select(deliveries.c.id).where(deliveries.c.state.in_(WORK)),
            sa.select(updates.c.id).where(updates.c.state == "new"),
            sa.select(doomed_keys.c.key_id),
            sa.select(people.c.id).where(people.c.kind == "leaving"),
            sa.select(broadcasts.c.id).where(broadcasts.c.state == "planning"),
        ]
        said = self.platform.confirmed == len(self.platform.updates)
        return said and not any(self.house.look(query.limit(1)) for query in waits)

    async def run(self) -> None:
        self.world.broken = self.broken
        self.start()
        self.schedule()
        await asyncio.sleep(CHAOS)
        self.world.chaos = False
        self.world.note("no more faults")
        until = CHAOS + PATIENCE
        while not self.done() and self.world.loop.time() < until:  # noqa: ASYNC110 (it is asked of the tables)
            await asyncio.sleep(1)
        self.settled = self.world.loop.time() if self.done() else None
        await asyncio.sleep(AFTER)
        hub = self.hubs[-1]
        hub.stop()
        for _ in range(10):
            if hub.process.tasks:
                await asyncio.sleep(0.5)
        self.left = sorted(str(task.get_coro()) for task in hub.process.tasks)

    async def bury(self) -> None:
        """What is still there ends without a trace, for a coroutine that is collected does so noisily."""
        self.world.over = True
        for hub in self.hubs:
            hub.process.go_on(self.world.loop)
            for task in list(hub.process.tasks):
                task.cancel()
        while tasks := [task for hub in self.hubs for task in hub.process.tasks]:
            await asyncio.wait(tasks, timeout=10)
            for task in tasks:
                task.cancel()


def _in_small_chunks(plan_chunk: Callable[..., Any]) -> Callable[..., Any]:
    def plan_chunk_(*args: Any, **kwargs: Any) -> Any:
        return plan_chunk(*args, size=CHUNK, **kwargs)

    return plan_chunk_


@contextmanager
def _logging(tell: Callable[[str], None] | None) -> Iterator[None]:
    """Nobody reads the log of a thousand hubs; that of one is told with its trace."""

    def say(_: Any, level: str, event: Any) -> str:
        assert tell
        tell(f"{'':10} {level}: {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    level = logging.INFO if tell else logging.CRITICAL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level), processors=[say])
    try:
        yield
    finally:
        structlog.configure(**before)


def live(
    seed: int, *, size: int = SIZE, kinds: Iterable[str] | None = None, tell: Callable[[str], None] | None = None
) -> Day:
    """The day of this seed, to its end. ``kinds``: of faults; None: half of all that there are."""
    began = time.perf_counter()
    with (
        simulated() as loop,
        _logging(tell),
        patch.object(planning, "plan_chunk", _in_small_chunks(planning.plan_chunk)),
        # Seldom where they would find nothing, and take the time for it.
        patch.object(inbox, "GLANCE", 1.0),
        patch.object(inbox, "LOOK", 2.0),
        patch.object(erasure, "LOOK", 3.0),
    ):
        world = World(seed, loop, house(size), half(seed) if kinds is None else frozenset(kinds), tell)
        rate = float(world.rng.choice((5, 10, 20)))
        group_wait = timedelta(seconds=world.rng.choice((0, 0, 3)))
        day = Day(
            world=world,
            platform=Platform(world, rate),
            timing=When(zone="UTC", quiet=None, group_wait=group_wait, daily_cap=1000),
        )
        loop.run_until_complete(day.run())
        day.took = time.perf_counter() - began
        loop.run_until_complete(day.bury())
    return day
