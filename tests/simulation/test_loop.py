"""The loop that the simulation stands on, and what of asyncio's inside it leans on."""

from __future__ import annotations

import asyncio
import inspect
import socket
from asyncio import base_events

import pytest

from tests.simulation.loop import Deadlock, Process, simulated


def test_it_leans_on_no_more_of_asyncio_than_this() -> None:
    source = inspect.getsource(base_events.BaseEventLoop._run_once)
    for needed in ("self._selector.select(timeout)", "self._process_events(", "self._clock_resolution", "self.time()"):
        assert needed in source
    assert "self.call_at(" in inspect.getsource(base_events.BaseEventLoop.call_later)


def test_an_hour_passes_at_once_and_in_order() -> None:
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, asyncio.get_running_loop().time()))

    async def all_of_them() -> None:
        await asyncio.gather(sleeper("late", 3600), sleeper("early", 1.5))

    with simulated() as loop:
        loop.run_until_complete(all_of_them())
    assert seen == [("early", 1.5), ("late", 3600.0)]


def test_who_waits_for_nothing_is_told_so() -> None:
    with simulated() as loop, pytest.raises(Deadlock):
        loop.run_until_complete(asyncio.Event().wait())


def test_nothing_reaches_the_world_outside() -> None:
    async def knock() -> None:
        await asyncio.open_connection("127.0.0.1", 9)

    with simulated() as loop, pytest.raises((NotImplementedError, RuntimeError, socket.gaierror)):
        loop.run_until_complete(knock())


async def _mourned(seen: list[str], host: Process) -> None:
    loop = asyncio.get_running_loop()

    async def deeper() -> None:
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(10)
        finally:
            seen.append("finally")

    async def work() -> None:
        await asyncio.gather(deeper(), asyncio.create_task(deeper()), return_exceptions=True)

    host.begin(loop, work())
    loop.call_later(1, host.stop)
    await asyncio.sleep(60)


def test_a_killed_process_does_nothing_more_and_runs_no_finally() -> None:
    seen: list[str] = []
    host = Process("host")
    with simulated() as loop:
        loop.run_until_complete(_mourned(seen, host))
        assert seen == []
        host.go_on(loop)  # as if it had only been paused
        loop.run_until_complete(asyncio.sleep(1))
    assert seen == ["finally", "finally"]
    assert not host.tasks
