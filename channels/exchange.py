"""One HTTP exchange, judged: the only place where timeouts and bare status codes get their meaning.

The line that matters runs between *it never left us* (try again, no harm done) and *it may have arrived* (nobody can
know). An adapter adds only what its platform says in the body.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx

from channels.contract import Later, Outcome, Refused, Unclear

AGAIN = 5.0  # seconds to wait where nobody says how long
ELSEWHERE = 60.0  # … where something between us and the platform answered in its place
LONGEST = 24 * 3600.0

# The request was not written, not even in part. A proxy refuses before it passes anything on.
NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


def from_fault(fault: BaseException | None) -> Later | Unclear:
    """What a failed exchange means. Only names the kind of fault: its text may hold a URL with a token in it."""
    why = type(fault).__name__ if fault is not None else "no answer"
    return Later(AGAIN, "account", why) if isinstance(fault, NEVER_SENT) else Unclear(why)


def from_status(status: int, retry_after: str | float | None = None, *, now: datetime | None = None) -> Outcome | None:
    """What a status means on every platform; None where only the body can tell (2xx, 400, 401, 403, 404, …)."""
    why = f"status {status}"
    if status == 429:
        return Later(seconds(retry_after, now=now), "account", why)
    if status == 408 or status >= 500:
        return Unclear(why)
    if status == 413:
        return Refused(why)
    if 300 <= status < 400:
        return not_the_platform(status)
    return None


def not_the_platform(status: int) -> Later:
    """A sign-in page, a firewall: not the platform's words, so nothing that they say is true of the message."""
    return Later(ELSEWHERE, "account", f"status {status}, but not from the platform")


def seconds(retry_after: str | float | None, *, now: datetime | None = None, otherwise: float = AGAIN) -> float:
    """``Retry-After`` as seconds: a number, or (when ``now`` is given) a date."""
    if retry_after is None:
        return otherwise
    try:
        wait = float(retry_after)
    except ValueError:
        wait = _until(str(retry_after), now, otherwise)
    return min(wait, LONGEST) if wait > 0 else otherwise  # also for nan


def _until(date: str, now: datetime | None, otherwise: float) -> float:
    if now is None:
        return otherwise
    try:
        return (parsedate_to_datetime(date) - now).total_seconds()
    except (TypeError, ValueError):
        return otherwise
