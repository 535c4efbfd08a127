"""What must be true of a day, whatever went wrong on it: the promises of the house, each asked of what happened.

Each check yields a sentence for what it finds wrong.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import sqlalchemy as sa

from bot.delivery import lease
from storage.schema import broadcasts, deliveries, dispatches, people, told, updates
from tests.simulation.day import Day
from tests.simulation.house import chat
from tests.simulation.hub import DELETE
from tests.simulation.platform import AT_ONCE, DEADLINE, Accepted
from tests.simulation.world import Break

FLUSH: Final = 0.05  # seconds, of the formula for second copies
ANSWERED: Final = 0.25  # seconds in which an answer is there and written down, if nothing fails
UNDER_WAY: Final = 4.0  # seconds that a message may wait with its row marked: for its turn, and between its parts
FINAL: Final = {"sent", "unclear", "gone", "stopped", "told"}


def found(day: Day) -> list[str]:
    return [wrong for check in CHECKS for wrong in check(day)]


# ── Everybody ────────────────────────────────────────────────────────────────────────────────────────────────────────


def it_ends(day: Day) -> Iterator[str]:
    """With the faults off everything is done in a minute, in a state that is an end, and no task is left."""
    if day.settled is None:
        states = Counter(row.state for row in day.house.look(sa.select(deliveries.c.state)))
        yield f"it is not done a minute after the last fault: {dict(states)}"
    else:
        for row in day.house.look(sa.select(deliveries).where(deliveries.c.state.not_in(FINAL))):
            yield f"delivery {row.id} ended as {row.state}: {row.why}"
    for task in day.left:
        yield f"a task is left: {task}"


def nobody_is_lost(day: Day) -> Iterator[str]:
    """Who was subscribed and can be reached has all of the news. Or it is said that nobody knows, after it was
    interrupted twice."""
    got, unclear = _got(day), _unclear(day)
    for dispatch, audience in day.audience.items():
        for who in sorted(who for who in audience if not _excused(day, who)):
            missing = [tag for tag in _tags(day, dispatch) if (day.chat(who), tag) not in got]
            if missing and (day.chat(who), dispatch) not in unclear:
                yield f"{who} never got {missing}"


def lost_in_doubt(day: Day) -> int:
    """Messages that never left, though they were interrupted twice and so were given up."""
    got = _got(day)
    return sum(
        (who, tag) not in got
        for who, dispatch in _unclear(day)
        if not _excused(day, who)
        for tag in _tags(day, dispatch)
    )


def _got(day: Day) -> set[tuple[str, str]]:
    """Which chat, by the name that it has at the end, got which tag."""
    return {(day.chat(copy.chat), tag) for copy in day.platform.accepted for tag in copy.tags}


def _tags(day: Day, dispatch: int) -> list[str]:
    return [f"{dispatch}.{part}" for part in range(day.parts[dispatch])]


def _excused(day: Day, who: str) -> bool:
    """They left, or blocked us."""
    return not {who, day.chat(who)}.isdisjoint(day.did.keys() | day.platform.blocked)


def _unclear(day: Day) -> set[tuple[str, int]]:
    """Which chat, of which dispatch: interrupted twice."""
    rows = day.house.look(
        sa.select(deliveries.c.recipient_id, dispatches.c.text)
        .select_from(deliveries)
        .join(broadcasts, broadcasts.c.id == deliveries.c.broadcast_id)
        .join(dispatches, dispatches.c.id == broadcasts.c.dispatch_id)
        .where(deliveries.c.state == "unclear", deliveries.c.resent)
    )
    return {(day.chat(chat(row.recipient_id)), int(row.text.partition(".")[0])) for row in rows}


def questions_are_answered(day: Day) -> Iterator[str]:
    got = _got(day)
    replies = sa.select(deliveries.c.update_id, deliveries.c.state).where(deliveries.c.broadcast_id.is_(None))
    rows = day.house.look(replies)
    for row in day.house.look(sa.select(updates).where(updates.c.state != "handled")):
        yield f"update {row.id} is {row.state}, after {row.attempts} attempts"
    for update_id, number in Counter(row.update_id for row in rows if row.update_id is not None).items():
        if number > 1:
            yield f"update {update_id} was answered {number} times"
    silent = [who for number, who in day.asked.items() if (who, f"re:{number}") not in got and who not in day.did]
    in_doubt = sum(row.state in ("unclear", "gone") for row in rows)
    if len(silent) > in_doubt:
        yield f"{silent} asked, and were not answered"


# ── Second copies ────────────────────────────────────────────────────────────────────────────────────────────────────


def copies(day: Day) -> dict[tuple[str, str], list[Accepted]]:
    """What came more than once: who got which tag, in what messages."""
    every: dict[tuple[str, str], list[Accepted]] = defaultdict(list)
    for copy in day.platform.accepted:
        for tag in copy.tags:
            every[copy.chat, tag].append(copy)
    return {key: all_of_it for key, all_of_it in every.items() if len(all_of_it) > 1}


def cause(day: Day, first: Accepted) -> str:
    """Why it was sent again: the fault that left it in doubt."""
    if first.written:
        return ""
    if first.fault:
        return first.fault
    if broken := _broken_with(day, first):
        return broken.kind
    database = ("error before", "error after", "outage")
    return "database" if any(day.world.faults[kind] for kind in database) else ""


def _broken_with(day: Day, copy: Accepted) -> Break | None:
    """The kill, or the pause, that came before its answer was written down. (Who ends in order writes it down.)"""
    near = (broken for broken in day.world.breaks if abs(broken.at - copy.at) < ANSWERED)
    return next((broken for broken in near if broken.process is copy.process and broken.kind != "restart"), None)


def nothing_comes_twice_without_a_cause(day: Day) -> Iterator[str]:
    for (who, tag), all_of_it in copies(day).items():
        if len(all_of_it) > 2:
            yield f"{who} got {tag} {len(all_of_it)} times"
        if any(not cause(day, copy) for copy in all_of_it[:-1]):
            yield f"{who} got {tag} again, and nothing was in doubt"


def allowed(day: Day) -> int:
    """Second copies for each kill, from the run's own rate and round trip (promise 2)."""
    trips = sorted(day.platform.trips)
    p99 = trips[int(len(trips) * 0.99)] if trips else 0.0
    return math.ceil(day.platform.rate * (p99 + FLUSH)) + 1


def after_each(day: Day, kind: str) -> Counter[Break]:
    """Messages of which something came again because of each kill, or of each pause."""
    firsts = {all_of_it[0].number: all_of_it[0] for all_of_it in copies(day).values()}
    breaks = (_broken_with(day, first) for first in firsts.values() if cause(day, first) == kind)
    return Counter(broken for broken in breaks if broken)


def a_break_repeats_no_more_than_was_on_the_wire(day: Day) -> Iterator[str]:
    for kind, most in (("kill", allowed(day)), ("pause", AT_ONCE)):
        for broken, number in after_each(day, kind).items():
            if number > most:
                yield f"{number} second copies after the {kind} at {broken.at:.3f}, allowed {most}"


# ── Stop, told, pace ─────────────────────────────────────────────────────────────────────────────────────────────────


def stop_means_stop(day: Day) -> Iterator[str]:
    # What was marked when the process was paused may leave as long as the lease holds.
    most = DEADLINE + (lease.SECONDS if day.world.faults["pause"] else 0.0)
    for copy in day.platform.accepted:
        what, at = day.did.get(copy.chat, ("", math.inf))
        news = [tag for tag in copy.tags if not tag.startswith("re:")]
        if news and copy.at > at + most:
            yield f"{copy.chat} got {news} {copy.at - at:.1f} s after {what}"


def the_erased_are_gone(day: Day) -> Iterator[str]:
    there = {row.id for row in day.house.look(sa.select(people.c.id))}
    for who, (what, _) in day.did.items():
        if what == DELETE and int(who[1:]) in there:
            yield f"{who} is still there"


def who_got_it_is_told(day: Day) -> Iterator[str]:
    rows = day.house.look(sa.select(told.c.recipient_id, told.c.dispatch_id))
    known = {(f"a{row.recipient_id}", row.dispatch_id) for row in rows}
    strangers = {who for who, (what, _) in day.did.items() if what == DELETE} | set(day.platform.moved.values())
    for copy in day.platform.accepted:
        for tag in copy.tags:
            if not tag.startswith("re:") and copy.chat not in strangers and (copy.chat, int(tag[0])) not in known:
                yield f"{copy.chat} got {tag}, and was not told"


def who_is_joined_is_not_told_again(day: Day) -> Iterator[str]:
    """Once we know that two names are one chat, what came to the one, all of it, does not come to the other."""
    for old, new in day.platform.moved.items():
        joined = day.joined.get(new, math.inf)
        had = {copy: copy.chat for copy in day.platform.accepted if copy.chat in (old, new) and copy.at < joined}
        out = {tag for copy, name in had.items() if name == old and copy.written for tag in copy.tags}
        begun = {tag.partition(".")[0] for copy, name in had.items() if name == new for tag in copy.tags}
        whole = [
            dispatch for dispatch in day.parts if out.issuperset(_tags(day, dispatch)) and str(dispatch) not in begun
        ]
        before = {tag for dispatch in whole for tag in _tags(day, dispatch)}
        for copy in day.platform.accepted:
            if copy.chat == new and copy.at > joined + UNDER_WAY:
                for tag in before.intersection(copy.tags):
                    yield f"{new} got {tag} again, which came to it as {old}"


def the_limits_are_kept(day: Day) -> Iterator[str]:
    # A request that had its turn when the process was paused leaves together with the next one.
    most, arrivals = int(day.platform.rate) + bool(day.world.faults["pause"]), day.platform.arrivals
    for first, last in zip(arrivals, arrivals[most:], strict=False):
        if last - first < 1.0:
            yield f"{most + 1} messages in the second from {first:.3f} on"
    if day.platform.overrun:
        yield f"{day.platform.overrun} requests left while we were told to wait"
    # Who is erased is told so as somebody new, and nobody counts for both.
    erased = {who for who, (what, _) in day.did.items() if what == DELETE}
    for who in sorted({copy.chat for copy in day.platform.accepted} - erased):
        for one, next_one in pairwise(copy for copy in day.platform.accepted if copy.chat == who):
            if one.process is next_one.process and next_one.at - one.at < 1.0:
                yield f"{one.process} wrote to {who} twice within {next_one.at - one.at:.3f} s"


CHECKS: Final[tuple[Callable[[Day], Iterator[str]], ...]] = (
    it_ends,
    nobody_is_lost,
    questions_are_answered,
    nothing_comes_twice_without_a_cause,
    a_break_repeats_no_more_than_was_on_the_wire,
    stop_means_stop,
    the_erased_are_gone,
    who_got_it_is_told,
    who_is_joined_is_not_told_again,
    the_limits_are_kept,
)
