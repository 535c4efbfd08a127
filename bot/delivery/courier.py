"""Drives one account whenever the lease is ours: one session after the other, each with an epoch of its own (L4)."""

from __future__ import annotations

import asyncio

import structlog

from bot.clock import Clock
from bot.delivery.compose import Composer
from bot.delivery.fault import named
from bot.delivery.lease import RENEW, Lease, LeaseLost
from bot.delivery.pace import either
from bot.delivery.session import FAREWELL, Session
from channels.contract import Channel
from storage.database import Database
from storage.keys import KeyStore
from storage.rhythms import AT_ONCE, Timing

log = structlog.get_logger()

AFTER_A_FAULT = 1.0


class Courier:
    """One account's courier. ``run`` until cancelled or ``stop``; ``wake`` when there may be something new."""

    def __init__(
        self,
        *,
        channel: Channel,
        composer: Composer,
        db: Database,
        keys: KeyStore,
        clock: Clock,
        holder: str,
        timing: Timing = AT_ONCE,
    ) -> None:
        self.channel = channel
        self._composer = composer
        self._db = db
        self._keys = keys
        self._clock = clock
        self._timing = timing
        self._lease = Lease(db, clock, channel.account, holder)
        self._session: Session | None = None
        self._stopping = asyncio.Event()
        self._log = log.bind(account=channel.account)

    @property
    def driving(self) -> bool:
        return self._session is not None

    @property
    def epoch(self) -> int:
        """Of the lease that we took last."""
        return self._lease.epoch

    def wake(self) -> None:
        if self._session:
            self._session.wake()

    async def stop(self) -> None:
        """Begin nothing more; what is on the wire may finish."""
        self._stopping.set()
        self.wake()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                if await self._lease.take():
                    await self._drive()
                else:
                    await either(self._clock, RENEW, self._stopping)
            except LeaseLost:
                self._log.warning("lease lost")
                # The next session does not know who heard something from this one in the last second.
                await either(self._clock, AFTER_A_FAULT, self._stopping)
            except Exception as error:
                self._log.error("session broke off", fault=named(error))
                await either(self._clock, AFTER_A_FAULT, self._stopping)

    async def _drive(self) -> None:
        self._session = Session(
            channel=self.channel,
            composer=self._composer,
            db=self._db,
            keys=self._keys,
            clock=self._clock,
            lease=self._lease,
            timing=self._timing,
        )
        try:
            await self._session.run(self._stopping)
        finally:
            self._session = None
            await self._leave()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self._lease.release()
        except Exception as error:  # then it runs out
            self._log.warning("lease not released", fault=named(error))
