"""From a broadcast to a row for each recipient, in chunks that leave the writer to others."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bot.clock import Clock
from storage import planning
from storage.database import Database, Priority
from storage.rhythms import Timing

log = structlog.get_logger()


async def plan(db: Database, clock: Clock, timing: Timing, planned: Callable[[], None]) -> int:
    """Plan every broadcast that waits for it; ``planned`` is called as rows appear. Returns how many rows were made.

    Safe to repeat and to break off anywhere: each chunk moves the broadcast's cursor in its own transaction, and
    (broadcast, recipient) is unique.
    """
    made = 0
    for broadcast_id in await db.read(planning.to_plan):
        rows = 0
        while (
            chunk := await db.write(
                planning.plan_chunk, broadcast_id, clock.now(), timing=timing, priority=Priority.bulk
            )
        ) is not None:
            rows += chunk
            planned()
        log.info("planned", broadcast=broadcast_id, recipients=rows)
        made += rows
    return made
