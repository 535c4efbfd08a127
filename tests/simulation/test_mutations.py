"""Each guard of the courier taken away: some seed of a few notices, and says so in the words of a promise."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from bot.delivery import pace
from bot.delivery.lease import Lease
from bot.delivery.session import Session
from bot.talk.inbox import Inbox
from storage import deliveries, planning
from storage.keys import KeyStore
from tests.simulation import checks
from tests.simulation.day import live
from tests.simulation.world import OFTEN

SEEDS = 20

Patch = pytest.MonkeyPatch


def nobody_is_told(patch: Patch) -> None:
    patch.setattr(deliveries, "_tell", lambda conn, row, now: True)


def stop_is_not_looked_at_again(patch: Patch) -> None:
    patch.setattr(deliveries, "_unfit", lambda conn, row, person, now: "")


def what_an_earlier_session_left_is_not_looked_for(patch: Patch) -> None:
    async def reap(self: Session) -> None:
        pass

    patch.setattr(Session, "_reap", reap)


def a_process_has_one_epoch(patch: Patch) -> None:
    take = Lease.take

    async def take_once(self: Lease) -> bool:
        if not self.epoch:
            return await take(self)
        await self.renew()
        return True

    patch.setattr(Lease, "take", take_once)


def a_result_is_written_once_or_not_at_all(patch: Patch) -> None:
    async def perhaps(self: Session, deed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return await self._db.write(deed, *args, **kwargs)
        except Exception:
            return None

    patch.setattr(Session, "_surely", perhaps)


def what_is_unclear_is_sent_again_and_again(patch: Patch) -> None:
    put_back = deliveries.put_back

    @wraps(put_back)
    def forgetful(*args: Any, **flags: Any) -> None:
        flags.pop("resent", None)
        put_back(*args, **flags)

    patch.setattr(deliveries, "put_back", forgetful)


def the_part_that_is_out_is_forgotten(patch: Patch) -> None:
    part_sent = deliveries.part_sent

    @wraps(part_sent)
    def at_the_end(*args: Any, done: bool) -> None:
        if done:
            part_sent(*args, done=done)

    patch.setattr(deliveries, "part_sent", at_the_end)


def a_burst_is_allowed(patch: Patch) -> None:
    patch.setattr(pace, "CATCH_UP", 8)
    patch.setattr(pace, "CATCH_UP_MOST", 8.0)


def a_hold_is_not_kept(patch: Patch) -> None:
    patch.setattr(pace.Pace, "hold", lambda self, seconds: None)


def each_person_may_hear_everything_at_once(patch: Patch) -> None:
    patch.setattr(pace.Pace, "rest", lambda self, who: 0.0)
    patch.setattr(pace.Pace, "_allowed_at", lambda self, who: 0.0)


def an_update_is_acknowledged_before_it_is_kept(patch: Patch) -> None:
    take = Inbox.take

    async def in_a_while(self: Inbox, *args: Any) -> None:
        kept = asyncio.ensure_future(take(self, *args))
        kept.add_done_callback(lambda task: task.cancelled() or task.exception())

    patch.setattr(Inbox, "take", in_a_while)


def the_same_update_is_not_known_again(patch: Patch) -> None:
    patch.setattr(KeyStore, "hash", lambda self, purpose, *fields: secrets.token_bytes(32))


def the_plan_moves_on_without_its_rows(patch: Patch) -> None:
    rows = planning._rows

    def too_few(*args: Any) -> Any:
        return rows(*args).limit(3)

    patch.setattr(planning, "_rows", too_few)


# What is taken away, what goes wrong besides and how often, and what somebody says then.
MUTATIONS: list[tuple[Callable[[Patch], None], dict[str, float], str]] = [
    (nobody_is_told, {}, "was not told"),
    (stop_is_not_looked_at_again, {"later": 0.2}, "after stop"),
    (what_an_earlier_session_left_is_not_looked_for, {"kill": 1}, "not done"),
    (a_process_has_one_epoch, {"error after": 0.03}, "not done"),
    (a_result_is_written_once_or_not_at_all, {"error before": 0.03}, "not done"),
    (what_is_unclear_is_sent_again_and_again, {"server error": 0.4}, "3 times"),
    (the_part_that_is_out_is_forgotten, {"later here": 0.1}, "again"),
    (a_burst_is_allowed, {}, "in the second"),
    (a_hold_is_not_kept, {"later": 0.2}, "told to wait"),
    (each_person_may_hear_everything_at_once, {}, "twice within"),
    (an_update_is_acknowledged_before_it_is_kept, {"error before": 0.1}, "not answered"),
    (the_same_update_is_not_known_again, {"told again": 0.5}, "again"),
    (the_plan_moves_on_without_its_rows, {}, "never got"),
]


@pytest.mark.parametrize(("mutation", "faults", "said"), MUTATIONS, ids=[row[0].__name__ for row in MUTATIONS])
def test_some_seed_notices_that(
    mutation: Callable[[Patch], None], faults: dict[str, float], said: str, monkeypatch: Patch
) -> None:
    for kind, often in faults.items():
        monkeypatch.setitem(OFTEN, kind, often)
    for seed in range(SEEDS):
        assert not checks.found(live(seed, kinds=faults))
        with monkeypatch.context() as patch:
            mutation(patch)
            found = checks.found(live(seed, kinds=faults))
        if any(said in sentence for sentence in found):
            print(f"seed {seed}: {found[:3]}")
            return
    pytest.fail(f"{SEEDS} seeds, and nobody noticed")
