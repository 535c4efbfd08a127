"""An event loop in which time only passes when everybody waits, and processes that can be killed between two steps.

Nothing here opens a socket or starts a thread. A process is a ``ContextVar``: whatever was begun in it belongs to it,
through tasks, timers and callbacks. Killed, its steps no longer run, and no ``finally`` runs either: being cancelled is
not being killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")
TICK = 1e-9  # seconds within which timers are due together
BUSY = 100_000  # rounds in one moment, after which time is said to stand still

HOST: ContextVar[Process | None] = ContextVar("host", default=None)
WORLD = Context()  # what belongs to no process: the platform, people, faults


class Deadlock(Exception):
    """Everybody waits, and for nothing that will come; or nobody ever waits."""


class Process:
    """Steps run as long as it is ``up``; those of a dead one are kept, for a coroutine that is collected would run its
    ``finally`` after all."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.up = True
        self.context = WORLD.copy()
        self.context.run(HOST.set, self)
        self.tasks: set[asyncio.Task[Any]] = set()
        self._parked: list[tuple[_Step, Context]] = []

    def __repr__(self) -> str:
        return self.name

    def stop(self) -> None:
        """SIGSTOP; or SIGKILL, if nobody calls ``go_on``."""
        self.up = False

    def go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self.up = True
        parked, self._parked = self._parked, []
        for step, context in parked:
            loop.call_soon(step, context=context)

    def park(self, step: _Step) -> None:
        self._parked.append((step, copy_context()))

    def begin(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return loop.create_task(work, context=self.context.copy())


class _Step:
    """A callback of a process, run if that is up when its time comes."""

    __slots__ = ("_args", "_callback", "_host", "handle")
    handle: asyncio.Handle

    def __init__(self, host: Process, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._host, self._callback, self._args = host, callback, args

    def __call__(self) -> None:
        if not self._host.up:
            self._host.park(self)
        elif not self.handle.cancelled():  # while it was parked
            self._callback(*self._args)


class _NoIO:
    """A selector that only moves virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._rounds = 0

    def select(self, timeout: float | None) -> list[Any]:
        self._rounds = 0 if timeout else self._rounds + 1
        if timeout is None or self._rounds > BUSY:
            raise Deadlock
        self.now += timeout
        return []


class SimLoop(asyncio.BaseEventLoop):
    """Virtual time from 0 on. Pinned by ``test_loop``: ``_selector``, ``_process_events``, ``_clock_resolution``."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _NoIO()
        self._clock_resolution = TICK
        self.set_task_factory(_task)

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, _: list[Any]) -> None:
        pass

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        if host := HOST.get() if context is None else context.get(HOST):
            step = _Step(host, callback, args)
            step.handle = super().call_soon(step, context=context)
            return step.handle
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        if host := HOST.get() if context is None else context.get(HOST):
            step = _Step(host, callback, args)
            step.handle = timer = super().call_at(when, step, context=context)
            return timer
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(self, _: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """What a thread would do happens here, a moment later."""
        done: asyncio.Future[T] = self.create_future()

        def do() -> None:
            if not done.cancelled():
                done.set_result(func(*args))

        self.call_later(0.001, do)
        return done

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:
        raise RuntimeError("there are no threads here")


class _Task(asyncio.Task[Any]):
    """Hashed by its number and not by where it lies in memory, so that a set of tasks has the same order each time."""

    def __init__(self, number: int, *args: Any, **kwargs: Any) -> None:
        self._number = number
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


def _task(loop: asyncio.AbstractEventLoop, work: Any, **kwargs: Any) -> asyncio.Task[Any]:
    numbers: Iterator[int] = loop.__dict__.setdefault("numbers", iter(range(1, 1 << 30)))
    task = _Task(next(numbers), work, loop=loop, **kwargs)
    context = kwargs.get("context")
    if host := HOST.get() if context is None else context.get(HOST):
        host.tasks.add(task)
        task.add_done_callback(host.tasks.discard)
    return task


@contextmanager
def simulated() -> Iterator[SimLoop]:
    loop = SimLoop()
    try:
        yield loop
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()
