"""So many of a thing within a time, for each client. Kept in memory alone: nothing about a client is ever stored."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

KNOWN = 20_000  # clients remembered; the one who was quiet for longest is forgotten first


class Budget:
    def __init__(self, most: int, within: timedelta, clock: Callable[[], datetime]) -> None:
        self._most, self._within, self._clock = most, within, clock
        self._spent: OrderedDict[str, deque[datetime]] = OrderedDict()

    def spend(self, who: str = "") -> bool:
        """False when ``who`` has nothing left; then nothing is spent."""
        now = self._clock()
        times = self._spent.setdefault(who, deque())
        self._spent.move_to_end(who)
        while times and times[0] <= now - self._within:
            times.popleft()
        if len(times) >= self._most:
            return False
        times.append(now)
        if len(self._spent) > KNOWN:
            self._spent.popitem(last=False)
        return True


def client(host: str | None) -> str:
    """Whom a budget belongs to. One household has 2^64 addresses of version 6."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return host or ""
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
