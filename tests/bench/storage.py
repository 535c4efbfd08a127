"""How fast storage plans and sends, on both databases: ``python -m tests.bench.storage [people] [deliveries]``.

Prints, and asserts nothing: figures depend on the machine. C4 asks for chunks of the plan under 10 ms on SQLite.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, leases, people, planning, schema
from storage.database import Database, Priority
from storage.keys import KeyStore
from storage.upgrade import upgrade
from tests import databases
from tests.storage.scene import LEASE, NOW, a_broadcast, a_dispatch, after

COUNTRIES = ["AF", "IQ", "IR", "PK", "SY", "TR", "BD", "SO", "ET", "SD"]
TOPICS = [f"topic-{n}" for n in range(14)]


def settle(conn: Connection, keys: KeyStore, first: int, size: int) -> None:
    """``size`` people with an address each, every second with choices of their own."""
    chance = random.Random(first)
    ids = range(first, first + size)
    key_ids = dict(zip(ids, keys.new_people(size), strict=True))
    choosy = [i for i in ids if i % 2]
    conn.execute(
        schema.people.insert(),
        [
            {
                "id": i,
                "pseudonym": f"p-{i}",
                "key_id": key_ids[i],
                "created_at": NOW,
                "seen_at": NOW,
                "subscribed": i % 10 != 0,
                "since": after(hours=-1),
                "all_topics": not i % 2,
                "all_countries": not i % 2,
            }
            for i in ids
        ],
    )
    conn.execute(
        schema.addresses.insert(),
        [
            {
                "id": i,
                "person_id": i,
                "channel": "telegram",
                "account": "main",
                "lookup": i.to_bytes(32, "big"),
                "record": str(i),
                "sealed": keys.seal(key_ids[i], people.ADDRESS, str(i), str(i).encode()),
                "key_id": key_ids[i],
                "created_at": NOW,
                "heard_at": NOW,
            }
            for i in ids
        ],
    )
    for table, name, names in (
        (schema.person_countries, "country", COUNTRIES),
        (schema.person_topics, "topic", TOPICS),
    ):
        conn.execute(
            table.insert(), [{"person_id": i, name: chosen} for i in choosy for chosen in chance.sample(names, 3)]
        )


def show(label: str, times: list[float]) -> None:
    ms = sorted(t * 1000 for t in times)
    p50, p99 = ms[len(ms) // 2], ms[min(len(ms) - 1, int(len(ms) * 0.99))]
    print(f"  {label:<42} n {len(ms):>6}   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   most {ms[-1]:7.2f} ms", flush=True)


async def timed(times: list[float], work: Awaitable[object]) -> object:
    begin = time.perf_counter()
    result = await work
    times.append(time.perf_counter() - begin)
    return result


async def plan(db: Database) -> None:
    broadcast_id = await db.write(
        lambda conn: a_broadcast(conn, a_dispatch(conn, countries=["IQ", "SY"], topics=TOPICS[:2]))
    )
    begin, times, rows = time.perf_counter(), list[float](), 0
    while True:
        made = await timed(times, db.write(planning.plan_chunk, broadcast_id, NOW, priority=Priority.bulk))
        if made is None:
            break
        assert isinstance(made, int)
        rows += made
    total = time.perf_counter() - begin
    show(f"a chunk of the plan ({planning.CHUNK} people)", times)
    print(f"  {'planned':<42} {rows} rows in {total:.2f} s: {rows / total:,.0f} a second")


async def answered(db: Database) -> None:
    """What an update waits behind a chunk of the plan that runs."""
    broadcast_id = await db.write(lambda conn: a_broadcast(conn, a_dispatch(conn, countries=["IQ"], topics=TOPICS[:2])))
    times: list[float] = []

    async def bulk() -> None:
        while await db.write(planning.plan_chunk, broadcast_id, NOW, priority=Priority.bulk) is not None:
            pass

    planner = asyncio.create_task(bulk())
    number = 0
    while not planner.done():
        number += 1
        await timed(times, db.write(leases.take, f"bench {number % 50}", "here", priority=Priority.update))
        await asyncio.sleep(0.002)
    show("a small write while a plan runs", times)


async def send(db: Database, keys: KeyStore, wanted: int, at_once: int) -> None:
    def free(conn: Connection) -> int:
        conn.execute(schema.leases.update().values(expires_at=0))
        epoch = leases.take(conn, LEASE, "bench", 3600)
        assert epoch
        return epoch

    epoch = await db.write(free)
    claims: list[float] = []
    marks: list[float] = []
    results: list[float] = []
    begin, sent, last = time.perf_counter(), 0, ""
    while sent < wanted:
        claimed = await timed(claims, db.write(deliveries.claim, "main", epoch, NOW, 60))
        assert isinstance(claimed, list)
        if not claimed:
            break
        queue = iter(claimed)

        async def work(queue: object = queue) -> None:
            nonlocal sent, last
            for item in queue:  # type: ignore[attr-defined]
                marked = await timed(marks, db.write(deliveries.mark_sending, keys, item.id, LEASE, epoch, NOW))
                if marked is None:
                    continue
                last = str(item.id)
                assert isinstance(marked, deliveries.Marked)
                await timed(results, db.write(deliveries.part_sent, marked, 1, last, NOW, done=True))
                sent += 1

        await asyncio.gather(*(work() for _ in range(at_once)))
    total = time.perf_counter() - begin
    show("claim of 60", claims)
    show("mark", marks)
    show("result", results)
    print(f"  {f'claim, mark, result, {at_once} at once':<42} {sent / total:,.0f} deliveries a second")


async def house_keeping(db: Database) -> None:
    for label, deed in (
        ("reap with nothing to reap", lambda conn: deliveries.reap(conn, "main", 1, NOW, NOW)),
        ("forget with nothing to forget", lambda conn: deliveries.forget(conn, NOW)),
        ("forget a thousand", lambda conn: deliveries.forget(conn, after(days=31))),
    ):
        times: list[float] = []
        await timed(times, db.write(deed))
        show(label, times)

    def tomorrow(conn: Connection) -> None:
        conn.execute(
            schema.deliveries.update().where(schema.deliveries.c.state == "pending").values(due_at=after(days=1))
        )

    await db.write(tomorrow)
    times = []
    await timed(times, db.write(deliveries.claim, "main", 1, NOW, 60))
    show("claim while all that waits is due tomorrow", times)


async def run(url: str, keys: KeyStore, size: int, wanted: int) -> None:
    print(url.split("@")[0].split(":")[0], flush=True)
    async with databases.opened(url) as db:
        await db.write(upgrade)
        begin = time.perf_counter()
        for first in range(1, size + 1, 5_000):
            await db.write(settle, keys, first, min(5_000, size + 1 - first))
        await db.write(lambda conn: conn.execute(sa.text("ANALYZE")))
        print(f"  {size:,} people settled in {time.perf_counter() - begin:.1f} s", flush=True)
        for step in steps(db, keys, wanted):
            await step()


def steps(db: Database, keys: KeyStore, wanted: int) -> list[Callable[[], Awaitable[None]]]:
    return [
        lambda: plan(db),
        lambda: answered(db),
        lambda: send(db, keys, wanted, 1),
        lambda: send(db, keys, wanted, 30),
        lambda: house_keeping(db),
    ]


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000
    with tempfile.TemporaryDirectory(dir=".") as directory:
        keys = KeyStore.open(Path(directory) / "keys")
        asyncio.run(run(databases.sqlite_url(Path(directory) / "bench.db"), keys, size, wanted))
        with databases.empty_postgresql() as url:
            asyncio.run(run(url, keys, size, wanted))
        keys.close()


if __name__ == "__main__":
    main()
