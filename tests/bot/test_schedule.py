"""What runs when: each source at its own interval, in the one process that leads, over restarts and hand-overs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from bot.clock import SystemClock
from bot.news.fetch import Fetcher
from bot.news.read import Reader
from bot.news.watch import Watch
from bot.schedule import LEASE, Schedule, due
from storage import leases, schema, sources
from storage.database import Connection, Database, PostgreSQL
from storage.sources import Source, Wanted
from tests import databases
from tests.hubs import eventually
from tests.providers.sources import Sources, endless, feed, head

QUARTER = 900.0


def now() -> datetime:
    return datetime.now(UTC)


async def nothing() -> None:
    return None


@dataclass
class Looks:
    """Which sources were looked at, in order."""

    db: Database
    at: list[int] = field(default_factory=list)

    async def __call__(self, source_id: int) -> None:
        soon = now() + timedelta(seconds=QUARTER)
        await self.db.write(sources.fetched, source_id, now(), soon)
        self.at.append(source_id)


@asynccontextmanager
async def running(
    db: Database,
    look: Callable[[int], Awaitable[object]],
    *,
    plan: Callable[[], Awaitable[object]] = nothing,
    holder: str = "here",
) -> AsyncIterator[Schedule]:
    schedule = Schedule(db=db, clock=SystemClock(), holder=holder, look=look, plan=plan, tidy=nothing)
    task = asyncio.create_task(schedule.run())
    try:
        yield schedule
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        assert tasks_of(schedule) == []


def tasks_of(schedule: Schedule) -> list[str]:
    frames = {task.get_name(): getattr(task.get_coro(), "cr_frame", None) for task in asyncio.all_tasks()}
    return [name for name, frame in frames.items() if frame and frame.f_locals.get("self") is schedule]


async def put(db: Database, name: str, every: float = QUARTER, url: str = "https://news.example/feed") -> int:
    return (await db.write(sources.put, Wanted(name, "feed", url, every, True, True), "added")).id


async def asked_ago(db: Database, source_id: int, seconds: float, every: float = QUARTER) -> None:
    then = now() - timedelta(seconds=seconds)
    await db.write(sources.fetched, source_id, then, then + timedelta(seconds=every))


async def leader(db: Database) -> str:
    def query(conn: Connection) -> str:
        row = conn.execute(schema.leases.select().where(schema.leases.c.name == LEASE)).first()
        return str(row.holder) if row and row.expires_at else ""

    return await db.read(query)


# ── When ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

T = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T + timedelta(minutes=minutes)


@dataclass(frozen=True)
class Due:
    label: str
    due: float  # minutes from now
    next_at: float | None = None
    fetched_at: float | None = None
    why: str = ""
    every: float = 15


DUE = [
    Due("never asked", 0),
    Due("asked five minutes ago", 10, next_at=10, fetched_at=-5),
    Due("its time went by while we were down", 0, next_at=-60, fetched_at=-75),
    Due("its interval was made shorter", 0, next_at=55, fetched_at=-5, every=5),
    Due("its interval was made longer", 10, next_at=10, fetched_at=-5, every=60),
    Due("it failed and waits", 240, next_at=240, fetched_at=-5, why="HTTP 500"),
    Due("it asked us to wait, at its very first fetch", 60, next_at=60, why="HTTP 429"),
    Due("a person switched it on again", 0, next_at=0, fetched_at=-5),
]


@pytest.mark.parametrize("case", DUE, ids=lambda case: case.label)
def test_a_source_is_due(case: Due) -> None:
    source = Source(
        id=1,
        name="a",
        kind="feed",
        url="",
        every_seconds=case.every * 60,
        trusted=True,
        allow_private=False,
        origin="file",
        state="on",
        why=case.why,
        etag="",
        last_modified="",
        failures=0,
        next_at=None if case.next_at is None else at(case.next_at),
        fetched_at=None if case.fetched_at is None else at(case.fetched_at),
        succeeded_at=None,
        first_fetched_at=None,
    )
    assert due(source, T) == at(case.due)


async def test_each_source_is_asked_at_its_own_interval_and_not_before_its_time(db: Database) -> None:
    looks = Looks(db)
    often, seldom, fresh = await put(db, "often", 1), await put(db, "seldom"), await put(db, "fresh")
    await asked_ago(db, fresh, 300)
    async with running(db, looks):
        await eventually(lambda: looks.at.count(often) >= 3)
    assert (looks.at.count(seldom), looks.at.count(fresh)) == (1, 0)


async def test_a_restart_asks_nobody_again_before_their_time(db: Database) -> None:
    looks = Looks(db)
    seldom = await put(db, "seldom")
    async with running(db, looks):
        await eventually(lambda: looks.at)
    often = await put(db, "often", 1)
    async with running(db, looks):
        await eventually(lambda: looks.at.count(often) >= 2)
    assert looks.at.count(seldom) == 1


async def test_a_source_that_hangs_delays_no_other_and_is_not_asked_on_top_of_itself(sqlite_url: str) -> None:
    async with Sources() as web, databases.opened(sqlite_url) as db:
        web.pages["/hangs"] = endless(b"", head(200, {"Content-Type": "text/xml"}), 0.5)
        web.pages["/well"] = feed(b"<rss version='2.0'><channel><title>News</title></channel></rss>")
        clock = SystemClock()
        watch = Watch(
            db=db,
            fetcher=Fetcher(clock=clock.now, total_seconds=20),
            reader=Reader.load(),
            clock=clock,
            valid_for=timedelta(days=3),
            news=lambda: None,
        )
        await put(db, "hangs", 1, web.url("/hangs"))
        await put(db, "well", 1, web.url("/well"))
        async with running(db, watch.look):
            await eventually(lambda: sum(asked.path == "/well" for asked in web.asked) >= 3)
            assert sum(asked.path == "/hangs" for asked in web.asked) == 1


async def test_a_job_that_breaks_is_run_again(sqlite_url: str) -> None:
    tries = {"look": 0, "plan": 0}

    async def look(source_id: int) -> None:
        tries["look"] += 1
        raise RuntimeError("a fault of ours")

    async def plan() -> None:
        tries["plan"] += 1
        raise RuntimeError("a fault of ours")

    async with databases.opened(sqlite_url) as db:
        await put(db, "a", 1)
        with capture_logs() as logs:
            async with running(db, look, plan=plan):
                await eventually(lambda: tries["look"] >= 2 and tries["plan"] >= 2)
    assert {(log["event"], log["log_level"]) for log in logs} == {
        ("a job broke off", "error"),
        ("planning broke off", "error"),
    }


# ── What changes meanwhile ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_source_that_is_added_is_watched_within_seconds(db: Database) -> None:
    looks = Looks(db)
    async with running(db, looks) as schedule:
        await eventually(lambda: schedule.leading)
        by_another_process = await put(db, "a")
        await eventually(lambda: by_another_process in looks.at, 5)
        here = await put(db, "b")
        await schedule.sync()
        await eventually(lambda: here in looks.at, 1)


async def test_a_source_that_is_switched_off_or_dropped_is_asked_no_more(db: Database) -> None:
    looks = Looks(db)
    wanted = [Wanted(name, "feed", "https://news.example/", 1) for name in ("a", "b", "c")]
    a, b, c = (source.id for source in await db.write(sources.settle, wanted))
    async with running(db, looks) as schedule:
        await eventually(lambda: {a, b, c} <= set(looks.at))
        await db.write(sources.switch, "a", "off", now())
        await db.write(sources.settle, wanted[:1] + wanted[2:])
        await schedule.sync()
        looks.at.clear()
        await eventually(lambda: looks.at.count(c) >= 2)
        assert set(looks.at) == {c}
        await db.write(sources.switch, "a", "on", now())
        await schedule.sync()
        await eventually(lambda: a in looks.at)


async def test_another_interval_or_address_counts_at_once(db: Database) -> None:
    looks = Looks(db)
    faster, moved = await put(db, "faster"), await put(db, "moved")
    await asked_ago(db, faster, 60)
    await asked_ago(db, moved, 60)
    async with running(db, looks) as schedule:
        await eventually(lambda: schedule.leading)
        await schedule.sync()
        assert looks.at == []
        await put(db, "faster", 1)
        await put(db, "moved", url="https://news.example/new")
        await schedule.sync()
        await eventually(lambda: looks.at.count(faster) >= 2 and moved in looks.at)
        assert looks.at.count(moved) == 1


async def test_a_source_that_waits_is_asked_at_once_when_a_person_says_so(db: Database) -> None:
    looks = Looks(db)
    source = await put(db, "a")
    await db.write(sources.failed, source, now(), now() + timedelta(hours=6), "HTTP 500")
    async with running(db, looks) as schedule:
        await eventually(lambda: schedule.leading)
        await schedule.sync()
        await db.write(sources.switch, "a", "on", now())
        await eventually(lambda: looks.at == [source], 5)


async def test_planning_runs_at_once_for_news_and_soon_for_what_others_brought(sqlite_url: str) -> None:
    plans = []

    async def plan() -> None:
        plans.append(asyncio.get_running_loop().time())

    async with databases.opened(sqlite_url) as db, running(db, nothing, plan=plan) as schedule:  # type: ignore[arg-type]
        await eventually(lambda: plans)
        before = len(plans)
        schedule.news()
        await eventually(lambda: len(plans) > before, 1)
        await eventually(lambda: len(plans) > before + 1, 5)


# ── Who leads ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_of_two_processes_leads_and_the_other_follows_when_it_ends(
    postgresql: PostgreSQL, postgresql_url: str
) -> None:
    one, two = Looks(postgresql), Looks(postgresql)
    await put(postgresql, "a", 1)
    async with databases.opened(postgresql_url) as other:
        async with running(postgresql, one, holder="one") as first:
            await eventually(lambda: len(one.at) >= 1)
            async with running(other, two, holder="two") as second:
                await eventually(lambda: len(one.at) >= 3)
                assert (first.leading, second.leading, two.at) == (True, False, [])
        assert await leader(postgresql) == ""
        async with running(other, two, holder="two") as second:
            await eventually(lambda: two.at, 5)
            assert second.leading


async def test_the_other_takes_over_when_the_lease_of_one_that_died_runs_out(postgresql: PostgreSQL) -> None:
    looks = Looks(postgresql)
    await put(postgresql, "a", 1)
    assert await postgresql.write(leases.take, LEASE, "died", 1.5)
    async with running(postgresql, looks, holder="here") as schedule:
        await asyncio.sleep(0.5)
        assert not schedule.leading
        await eventually(lambda: looks.at, 8)
        assert await leader(postgresql) == "here"


async def test_one_that_lost_its_lease_leads_no_more(postgresql: PostgreSQL) -> None:
    cancelled = asyncio.Event()

    async def look(source_id: int) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await put(postgresql, "a", 1)
    async with running(postgresql, look, holder="paused") as schedule:
        await eventually(lambda: schedule.leading)

        def usurp(conn: Connection) -> None:
            conn.execute(schema.leases.update().where(schema.leases.c.name == LEASE).values(expires_at=0))
            leases.take(conn, LEASE, "other", 60)

        await postgresql.write(usurp)
        await eventually(lambda: not schedule.leading, 8)
        await asyncio.wait_for(cancelled.wait(), 2)
        assert await leader(postgresql) == "other"
        await schedule.sync()  # a command that comes now is for the other


async def test_a_database_that_fails_for_a_while_ends_nothing(db: Database) -> None:
    looks = Looks(db)
    source = await put(db, "a", 1)
    read, broken = db.read, True

    async def sometimes(*args: object, **kwargs: object) -> object:
        if broken:
            raise ConnectionError
        return await read(*args, **kwargs)  # type: ignore[arg-type]

    db.read = sometimes  # type: ignore[method-assign, assignment]
    with capture_logs() as logs:
        async with running(db, looks):
            await eventually(lambda: logs)
            broken = False
            await eventually(lambda: source in looks.at)
    assert {log["event"] for log in logs} == {"schedule broke off"}


async def test_it_ends_at_once_in_the_middle_of_a_look(db: Database) -> None:
    begun = asyncio.Event()

    async def look(source_id: int) -> None:
        begun.set()
        await asyncio.sleep(60)

    await put(db, "a", 1)
    async with running(db, look) as schedule:
        await asyncio.wait_for(begun.wait(), 5)
        assert len(tasks_of(schedule)) == 3  # its own, planning, and the look
    assert await leader(db) == ""
