"""Whether we may drive an account: a row in the database, and until when it holds by our own count."""

from __future__ import annotations

from bot.clock import Clock
from storage import leases
from storage.database import Database

SECONDS = 8.0
RENEW = 2.0
MARGIN = leases.MARGIN_MS / 1000  # no send begins with less left


class LeaseLost(Exception):
    """Somebody else may drive this account; nothing more leaves from here."""


class Lease:
    """One account's lease, taken anew for each session."""

    def __init__(self, db: Database, clock: Clock, account: str, holder: str) -> None:
        self.name = f"account:{account}"
        self.epoch = 0
        self._db = db
        self._clock = clock
        self._holder = holder
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds."""
        return self._until - self._clock.monotonic()

    async def take(self) -> bool:
        # L5: counted from before the database was asked, for it may have taken its time to answer.
        asked = self._clock.monotonic()
        epoch = await self._db.write(leases.take, self.name, self._holder, SECONDS)
        if epoch is None:
            return False
        self.epoch, self._until = epoch, asked + SECONDS
        return True

    async def renew(self) -> None:
        asked = self._clock.monotonic()
        if not await self._db.write(leases.renew, self.name, self.epoch, SECONDS):
            raise LeaseLost
        self._until = asked + SECONDS

    async def release(self) -> None:
        await self._db.write(leases.release, self.name, self.epoch)
