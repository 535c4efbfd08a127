"""What runs when, in the one process that leads: each source at its own interval, planning, and house-keeping."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.clock import Clock
from storage import leases, sources
from storage.database import Database
from storage.sources import Source

log = structlog.get_logger()

LEASE = "schedule"
BEAT = 2.0  # seconds: the lease is renewed, and what other processes brought is seen, this often
JITTER = 0.1  # of the interval, at most half a minute: sources are not all asked in the same second

Work = Callable[[], Awaitable[object]]
NOTHING: Mapping[str, Work] = MappingProxyType({})


class Schedule:
    """Runs jobs while this process leads. The jobs live in memory; their times come from the tables."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        holder: str,
        look: Callable[[int], Awaitable[object]],
        plan: Work,
        tidy: Work,
        each_second: Mapping[str, Work] = NOTHING,
    ) -> None:
        self._db = db
        self._clock = clock
        self._holder = holder
        self._look = look
        self._plan = plan
        self._tidy = tidy
        self._each_second = each_second
        self._scheduler: AsyncIOScheduler | None = None
        self._watched: dict[int, Source] = {}
        self._one_sync = asyncio.Lock()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._planning = asyncio.Event()
        self.leading = False

    def news(self) -> None:
        """There is a broadcast to plan."""
        self._planning.set()

    async def run(self) -> None:
        """Lead whenever the lease is free, until cancelled."""
        while True:
            try:
                epoch = await self._db.write(leases.take, LEASE, self._holder)
                if epoch is None:
                    await self._clock.sleep(BEAT)
                    continue
                await self._lead(epoch)
            except Exception:
                log.exception("schedule broke off")
                await self._clock.sleep(1)

    async def _lead(self, epoch: int) -> None:
        scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "misfire_grace_time": None},
            timezone="UTC",
        )
        every_hour = IntervalTrigger(hours=1, timezone="UTC")
        soon = self._clock.now() + timedelta(minutes=1)
        scheduler.add_job(self._begin, every_hour, ["tidy", self._tidy], next_run_time=soon)
        for name, work in self._each_second.items():
            scheduler.add_job(self._begin, IntervalTrigger(seconds=1, timezone="UTC"), [name, work])
        scheduler.start()
        self._scheduler, self._watched, self.leading = scheduler, {}, True
        await self._begin("plan", self._plan_forever)
        try:
            while True:
                await self.sync()
                await self._clock.sleep(BEAT)
                if not await self._db.write(leases.renew, LEASE, epoch):
                    log.warning("another process leads")
                    return
        finally:
            self._scheduler, self.leading = None, False
            scheduler.shutdown(wait=False)
            await self._break_off()
            with contextlib.suppress(Exception):
                await self._db.write(leases.release, LEASE, epoch)

    # ── Jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def sync(self) -> None:
        """Watch what the table says: new sources, changed ones, and none that is off."""
        async with self._one_sync:
            wanted = {source.id: source for source in await self._db.read(sources.watched)}
            if self._scheduler is None:
                return
            for source_id in self._watched.keys() - wanted.keys():
                self._scheduler.remove_job(_job(source_id))
            for source in wanted.values():
                if _restated(self._watched.get(source.id), source):
                    self._add(self._scheduler, source)
            self._watched = wanted

    def _add(self, scheduler: AsyncIOScheduler, source: Source) -> None:
        trigger = IntervalTrigger(
            # APScheduler counts whole seconds; one is the shortest interval that the settings take.
            seconds=max(1, round(source.every_seconds)),
            jitter=min(30, source.every_seconds * JITTER),
            timezone="UTC",
        )
        scheduler.add_job(
            self._begin,
            trigger,
            [_job(source.id), lambda: self._look(source.id)],
            id=_job(source.id),
            replace_existing=True,
            next_run_time=due(source, self._clock.now()),
        )

    async def _begin(self, name: str, work: Work) -> None:
        """Run beside everything else, once at a time: what is slow delays nobody, and is not started on top of itself.

        The tasks are ours and not APScheduler's, which tells of a job that is cancelled as an error."""
        if self._scheduler is not None and name not in self._running:
            task = self._running[name] = asyncio.create_task(self._do(name, work))
            task.add_done_callback(lambda _: self._running.pop(name, None))

    async def _do(self, name: str, work: Work) -> None:
        try:
            await work()
        except Exception:
            log.exception("a job broke off", job=name)

    async def _break_off(self) -> None:
        """What is not kept by now is done again by whoever leads next."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _plan_forever(self) -> None:
        """Plan when there is news, and look every few seconds for what other processes brought."""
        while True:
            self._planning.clear()
            try:
                await self._plan()
            except Exception:
                log.exception("planning broke off")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._planning.wait()


def due(source: Source, now: datetime) -> datetime:
    """When to ask next. A restart asks nobody before their time; an interval that was made shorter counts at once, but
    not where a source failed or asked us to wait."""
    if source.next_at is None or source.fetched_at is None:
        return max(now, source.next_at or now)
    by_interval = source.fetched_at + timedelta(seconds=source.every_seconds)
    return max(now, source.next_at if source.why else min(source.next_at, by_interval))


def _restated(known: Source | None, source: Source) -> bool:
    """Whether a person said something new about it; otherwise its times only go forward."""
    if known is None or (known.every_seconds, known.kind, known.url) != (source.every_seconds, source.kind, source.url):
        return True
    return bool(known.next_at and source.next_at and source.next_at < known.next_at)


def _job(source_id: int) -> str:
    return f"source:{source_id}"
