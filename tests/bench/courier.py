"""How fast messages leave, end to end through a stand-in, on both databases: ``python -m tests.bench.courier``.

A number tells how many people; ``--profile`` shows where the time of the event loop goes.

Prints, and asserts nothing: figures depend on the machine. The stand-in takes any rate, so that the courier and the
database are what is measured.
"""

from __future__ import annotations

import asyncio
import cProfile
import logging
import multiprocessing
import pstats
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

from channels.contract import Channel
from channels.telegram import Settings, Telegram
from storage.database import Database
from storage.keys import KeyStore
from storage.upgrade import upgrade
from tests import databases
from tests.bot.delivery.office import Between, Office, until
from tests.providers.telegram import TOKEN, TelegramStandIn


class Timed(Between):
    """How long each deed takes, as the one who waits for it sees it."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.times: dict[str, list[float]] = defaultdict(list)

    async def _do(self, how: Callable[..., Any], deed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        try:
            return await super()._do(how, deed, *args, **kwargs)
        finally:
            self.times[getattr(deed, "__name__", "?")].append(time.perf_counter() - begun)

    def show(self, total: float) -> None:
        for name, times in sorted(self.times.items(), key=lambda item: -sum(item[1])):
            ms = sorted(t * 1000 for t in times)
            p50, p99 = ms[len(ms) // 2], ms[int(len(ms) * 0.99)]
            share = sum(ms) / 1000 / total
            print(f"    {name:<14} n {len(ms):>6}  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms  {share:5.2f} at once")


def stand_in(there: Connection) -> None:
    """In a process of its own, so that it takes nothing from the courier's."""
    with TelegramStandIn(rate=100_000, chat_burst=1000) as bot:
        there.send(bot.base_url)
        there.recv()
        print(f"  the stand-in took {len(bot.sent)}, at most {bot.busiest()} in a second; violations: {bot.violations}")
        there.send(None)


@contextmanager
def telegram() -> Iterator[Channel]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=stand_in, args=(there,))
    process.start()
    try:
        yield Telegram("main", Settings(token=TOKEN, base_url=here.recv(), rates=100_000))
        here.send(None)
        here.recv()
    finally:
        process.terminate()
        process.join()


async def run(url: str, directory: Path, people: int, profile: bool) -> None:
    keys = KeyStore.open(directory / f"keys-{url[:6]}")
    async with databases.opened(url) as db:
        await db.write(upgrade)
        with telegram() as channel:
            office = Office(db, keys, channel)
            timed = office.between = Timed(db)
            for first in range(1, people + 1, 500):
                await office.people(*range(first, min(first + 500, people + 1)))
            await office.news("Some words, as many as a short piece of news has. " * 6)
            profiler = cProfile.Profile()
            begun, worked = time.perf_counter(), time.process_time()
            if profile:
                profiler.enable()
            async with office.driving():
                await until(lambda: len(timed.times["part_sent"]) >= people, 600)
                total, worked = time.perf_counter() - begun, time.process_time() - worked
                profiler.disable()
                await office.ends("sent")
            print(
                f"{url.split(':')[0]}: {people} messages in {total:.1f} s: {people / total:,.0f} a second, "
                f"{worked / people * 1000:.1f} ms of processor for each"
            )
            timed.show(total)
            if profile:
                pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    keys.close()


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    profile = "--profile" in sys.argv
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(dir=".") as directory:
        asyncio.run(run(databases.sqlite_url(Path(directory) / "bench.db"), Path(directory), people, profile))
        with databases.empty_postgresql() as url:
            asyncio.run(run(url, Path(directory), people, profile))


if __name__ == "__main__":
    main()
