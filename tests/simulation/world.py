"""The world of one seed: a clock, a database, a platform, people, faults, and a hub that is killed and started again.

Everything that the hub does is the real code; what it stands on is made here. All chance comes from the seed.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from storage.database import Database, Priority
from tests.simulation.house import BASE, House
from tests.simulation.loop import WORLD, Process, SimLoop

KINDS = (
    "kill",
    "restart",
    "pause",
    "error before",
    "error after",
    "outage",
    "silence",
    "server error",
    "reset",
    "slow",
    "later",
    "later here",
    "gone",
    "told again",
)
OFTEN = {  # of each chance that there is
    "error before": 0.008,
    "error after": 0.008,
    "silence": 0.015,
    "server error": 0.06,
    "reset": 0.015,
    "slow": 0.02,
    "later": 0.015,
    "later here": 0.02,
    "gone": 0.01,
    "told again": 0.2,
}
ENDS = 4  # kills, restarts and pauses, at most
EDGES = 500  # among so many moments, each of them before or after something that lasts
OUTAGE = (0.5, 5.0)  # seconds


def half(seed: int) -> frozenset[str]:
    """The kinds of faults that a seed has: with fewer of them, each shows more of itself."""
    return frozenset(random.Random(f"kinds {seed}").sample(KINDS, len(KINDS) // 2))


class DatabaseFault(Exception):
    pass


class Buried(Exception):
    """Of a dead process, so that it ends."""


@dataclass(frozen=True)
class Break:
    """A process was killed, told to end, or stood still."""

    kind: str
    at: float
    process: Process


@dataclass
class World:
    seed: int
    loop: SimLoop
    house: House
    kinds: frozenset[str]  # of faults
    tell: Callable[[str], None] | None = None  # each line of the trace
    rng: random.Random = field(init=False)
    faults: Counter[str] = field(default_factory=Counter)
    breaks: list[Break] = field(default_factory=list)
    chaos: bool = True
    over: bool = False
    lines: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._hash = hashlib.blake2b(digest_size=8)
        self._edges = itertools.count()
        edges = self.rng.sample(range(EDGES), self.rng.randint(1, ENDS))
        self._ends = {edge: self.rng.choice(("kill", "restart", "pause")) for edge in edges}
        begins = self.rng.uniform(0.5, 6)
        self._outage = (begins, begins + self.rng.uniform(*OUTAGE))
        self.broken: Callable[[Break], None] = lambda _: None
        self.house.reset(self.now)

    # ── Time and trace ───────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> datetime:
        return BASE + timedelta(seconds=self.loop.time())

    def note(self, what: str) -> None:
        line = f"{self.loop.time():10.6f} {what}"
        self.lines += 1
        self._hash.update(line.encode())
        if self.tell:
            self.tell(line)

    @property
    def trace(self) -> str:
        return self._hash.hexdigest()

    def later(self, seconds: float, do: Callable[..., object], *args: Any) -> None:
        """Whatever becomes of any process."""
        self.loop.call_later(seconds, do, *args, context=WORLD)

    # ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def chance(self, kind: str) -> bool:
        happens = self.chaos and self.rng.random() < OFTEN[kind] and kind in self.kinds
        if happens:
            self.faults[kind] += 1
        return happens

    @property
    def outage(self) -> bool:
        begins, ends = self._outage
        return self.chaos and "outage" in self.kinds and begins <= self.loop.time() < ends

    def edge(self, process: Process) -> None:
        """A moment at which a process may be killed, told to end, or stand still."""
        kind = self._ends.get(next(self._edges), "")
        if not (self.chaos and kind in self.kinds and process.up):
            return
        self.faults[kind] += 1
        self.note(f"{process} {kind}")
        self.breaks.append(Break(kind, self.loop.time(), process))
        if kind != "restart":
            process.stop()
        self.later(0, self.broken, self.breaks[-1])


class SimClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now()

    def monotonic(self) -> float:
        return self._world.loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SimDatabase(Database):
    """The real SQL, in the order and with the uncertainties of ``storage.database.SQLite``: one writer, who does what
    was handed over whether or not anybody still waits for it."""

    dialect = "sqlite"

    def __init__(self, world: World, process: Process, committed: Callable[[str, tuple[Any, ...]], None]) -> None:
        self._world = world
        self._process = process
        self._committed = committed
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._busy = False

    async def write(self, deed: Any, /, *args: Any, priority: Priority = Priority.result, **kwargs: Any) -> Any:
        done = self._world.loop.create_future()
        turn = (int(priority), next(self._order), lambda: self._write(done, deed, args, kwargs))
        heapq.heappush(self._queue, turn)
        if not self._busy:
            self._next()
        return await done

    async def read(self, query: Any, /, *args: Any, **kwargs: Any) -> Any:
        done = self._world.loop.create_future()
        self._world.loop.call_later(self._world.rng.uniform(0.0002, 0.002), self._read, done, query, args, kwargs)
        return await done

    async def scrub(self) -> bool:
        return True

    async def close(self) -> None:
        pass

    def _next(self) -> None:
        self._busy = bool(self._queue)
        if self._busy:
            self._world.loop.call_later(self._world.rng.uniform(0.0002, 0.003), self._do)

    def _do(self) -> None:
        heapq.heappop(self._queue)[2]()
        self._next()

    def _write(self, done: asyncio.Future[Any], deed: Any, args: Any, kwargs: Any) -> None:
        world, name = self._world, deed.__name__
        world.edge(self._process)  # killed before it
        if not self._process.up:
            world.loop.call_soon(self._write, done, deed, args, kwargs)  # if it ever goes on
            return
        result, error = None, self._before()
        if error is None:
            result, error = self._run(deed, args, kwargs)
            if error is None:
                world.note(f"{self._process} {name}")
                self._committed(name, args)
                if world.chance("error after"):
                    error = DatabaseFault("after the commit")
        if error is not None:
            world.note(f"{self._process} {name}: {error}")
        world.edge(self._process)  # killed after it, and before anybody knew
        self._tell(done, result, error)

    def _read(self, done: asyncio.Future[Any], query: Any, args: Any, kwargs: Any) -> None:
        result, error = None, self._before()
        if error is None:
            result, error = self._run(query, args, kwargs)
        self._tell(done, result, error)

    def _before(self) -> Exception | None:
        if self._world.over:
            return Buried()
        if self._world.outage:
            self._world.faults["outage"] += 1
            return DatabaseFault("out of order")
        return DatabaseFault("before the commit") if self._world.chance("error before") else None

    def _run(self, deed: Any, args: Any, kwargs: Any) -> tuple[Any, Exception | None]:
        try:
            return self._world.house.do(deed, *args, **kwargs), None
        except Exception as error:
            return None, error

    def _tell(self, done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        def tell() -> None:
            if done.done():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        self._world.loop.call_later(self._world.rng.uniform(0.0001, 0.002), tell)
