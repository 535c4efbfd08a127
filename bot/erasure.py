"""What an erasure still owes once its rows are gone: the keys are destroyed, and no log keeps what they sealed.

Both are written down with the erasure (``storage.people``), so whoever runs next pays what a crash left owing.
"""

from __future__ import annotations

import asyncio

import structlog

from bot.clock import Clock
from bot.delivery.fault import named
from storage import people
from storage.database import Database
from storage.keys import KeyStore

log = structlog.get_logger()

LOOK = 1.0  # seconds
LATE = 60.0  # S3: by then nothing is left in a log


class Eraser:
    """Looks each second. Any number of processes may: destroying a key twice is no fault."""

    def __init__(self, *, db: Database, keys: KeyStore, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._destroyed: set[str] = set()  # here; their ids stay in the table until the logs are clean
        self._since: float | None = None  # when the first of them was

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.error("cannot finish an erasure yet", fault=named(error))
            await self._clock.sleep(LOOK)

    async def look(self) -> None:
        now = self._clock.now()
        if await self._db.read(people.any_parted, now):
            await self._db.write(people.forget_parted, now)
        if doomed := await self._db.read(people.doomed):
            await self._destroy([key_id for key_id in doomed if key_id not in self._destroyed])
            if await self._clean():
                await self._db.write(people.destroyed, doomed)
                self._destroyed.difference_update(doomed)
                self._since = None

    async def _destroy(self, key_ids: list[str]) -> None:
        for key_id in key_ids:
            await asyncio.to_thread(self._keys.destroy, key_id)
            self._destroyed.add(key_id)
        if key_ids:
            log.info("erased", keys=len(key_ids))

    async def _clean(self) -> bool:
        """Whether neither log holds what was erased; somebody who reads for long is in the way of it."""
        clean = await asyncio.to_thread(self._keys.scrub) and await self._db.scrub()
        since = self._since = self._clock.monotonic() if self._since is None else self._since
        if not clean and self._clock.monotonic() - since > LATE:
            log.warning("what was erased is still in a log: another program has the database open, end it")
            self._since = None
        return clean
