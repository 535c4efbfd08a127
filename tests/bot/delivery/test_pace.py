"""The pace keeps every limit in every sliding window, and lets no second of budget go by while somebody waits."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.delivery.pace import NotNow, Pace
from channels.contract import Limits


class HandClock:
    """Moves when it is told to; sleeping moves it on, and a late timer may be late."""

    def __init__(self, late: float = 0.0) -> None:
        self.time = 1_000.0
        self.late = late

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds + self.late
        await asyncio.sleep(0)


async def drive(pace: Pace, clock: HandClock, wanted: list[tuple[int, str, bool]]) -> list[tuple[float, str, int]]:
    """Everybody waits at once; returns (time, who, priority) in the order of the turns."""
    turns: list[tuple[float, str, int]] = []

    async def one(priority: int, who: str, group: bool) -> None:
        async with pace.turn(priority, who, group=group):
            pass
        turns.append((clock.time, who, priority))

    running = asyncio.create_task(pace.run())
    try:
        await asyncio.wait_for(asyncio.gather(*(one(*waiter) for waiter in wanted)), 30)
    finally:
        running.cancel()
    return turns


def most_in(times: list[float], window: float) -> int:
    """The most events in any half-open window of this length."""
    return max((sum(start <= t < start + window for t in times) for start in times), default=0)


@settings(deadline=None, max_examples=60)
@given(
    rate=st.sampled_from([1.0, 5.0, 30.0, 80.0]),
    people=st.lists(st.integers(0, 12), min_size=1, max_size=120),
    late=st.sampled_from([0.0, 0.0007, 0.004]),
)
def test_no_sliding_second_holds_more_than_the_limit(rate: float, people: list[int], late: float) -> None:
    async def story() -> None:
        clock = HandClock(late)
        limits = Limits(per_second=rate, per_address=1.0)
        turns = await drive(Pace(limits, clock), clock, [(5, f"p{n}", False) for n in people])
        assert len(turns) == len(people)
        assert most_in([t for t, _, _ in turns], 1.0) <= rate
        each = defaultdict(list)
        for at, who, _ in turns:
            each[who].append(at)
        assert all(most_in(times, 1.0) <= 1 for times in each.values())

    asyncio.run(story())


async def test_a_group_gets_no_more_than_its_number_in_any_minute() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=30, per_address=1.0, per_group_minute=20), clock)
    turns = await drive(pace, clock, [(5, "group", True)] * 70)
    assert most_in([t for t, _, _ in turns], 60.0) == 20


async def test_the_budget_is_used_to_within_a_twentieth() -> None:
    clock = HandClock(late=0.001)
    pace = Pace(Limits(per_second=30, per_address=1.0), clock)
    turns = await drive(pace, clock, [(5, f"p{n}", False) for n in range(600)])
    assert turns[-1][0] - turns[0][0] < 600 / 30 * 1.05


async def test_an_answer_overtakes_a_broadcast() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=10), clock)
    wanted = [(5, f"news{n}", False) for n in range(50)] + [(0, "answer", False)]
    turns = await drive(pace, clock, wanted)
    assert turns[0][1] == "answer"


async def test_whoever_waits_is_sent_away_when_the_account_is_held_and_nobody_goes_until_then() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=10), clock)
    waits = asyncio.create_task(drive(pace, clock, [(5, "early", False)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    pace.hold(7)
    with pytest.raises(NotNow):
        await waits
    with pytest.raises(NotNow):
        await drive(pace, clock, [(5, "meanwhile", False)])
    clock.time += pace.held
    assert len(await drive(pace, clock, [(5, "afterwards", False)])) == 1


async def test_nobody_goes_any_more_when_the_session_ends() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=10), clock)
    pace.close()
    with pytest.raises(NotNow):
        await drive(pace, clock, [(5, "late", False)])


async def test_a_person_who_waits_delays_nobody_else() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=10, per_address=0.1), clock)
    turns = await drive(pace, clock, [(5, "slow", False), (5, "slow", False), (5, "other", False)])
    assert [who for _, who, _ in turns] == ["slow", "other", "slow"]
    assert pace.rest("slow") > 9
    assert pace.rest("somebody new") == 0


async def test_who_stops_waiting_takes_no_turn() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=10), clock)

    async def one() -> None:
        async with pace.turn(0, "gone"):
            raise AssertionError("never")

    gives_up = asyncio.create_task(one())
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.sleep(0)
    turns = await drive(pace, clock, [(5, "stays", False)])
    assert [who for _, who, _ in turns] == ["stays"]


async def test_news_leaves_room_for_answers_among_the_requests_under_way() -> None:
    clock = HandClock()
    pace = Pace(Limits(per_second=1000, at_once=4), clock)
    answered = asyncio.Event()
    under_way: list[str] = []

    async def one(priority: int, who: str) -> None:
        async with pace.turn(priority, who):
            under_way.append(who)
            await answered.wait()

    news = [asyncio.create_task(one(5, f"news{n}")) for n in range(5)]
    running = asyncio.create_task(pace.run())
    await asyncio.sleep(0.05)
    assert under_way == ["news0", "news1"]
    replies = [asyncio.create_task(one(0, f"answer{n}")) for n in range(3)]
    await asyncio.sleep(0.05)
    assert under_way == ["news0", "news1", "answer0", "answer1"]
    answered.set()
    await asyncio.wait_for(asyncio.gather(*news, *replies), 5)
    assert under_way[4] == "answer2"
    running.cancel()
