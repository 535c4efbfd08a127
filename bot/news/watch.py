"""One look at a source: fetch it, read it, keep what is new, once; and write down how the source is.

What did not change is not read again, and who fails is asked ever less often. What a document brings is decided in
``intake``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.clock import Clock
from bot.news.fetch import Busy, Failed, Fetched, Fetcher, Fresh, Unchanged
from bot.news.intake import Ending, Listed, Look, as_it_was, listed, take_in
from bot.news.kinds import request_for
from bot.news.read import Reader, Reading, Unreadable
from storage import dispatches, planning, sources
from storage.database import Connection, Database
from storage.sources import Source

log = structlog.get_logger()

OFF_AFTER = 20  # failures in a row
LONGEST_WAIT = 6 * 3600.0


class Watch:
    """Looks at sources. ``news`` is called when there is a broadcast to plan."""

    def __init__(
        self,
        *,
        db: Database,
        fetcher: Fetcher,
        reader: Reader,
        clock: Clock,
        valid_for: timedelta,
        news: Callable[[], None],
    ) -> None:
        self._db = db
        self._fetcher = fetcher
        self._reader = reader
        self._clock = clock
        self._valid_for = valid_for
        self._news = news
        # By source, of the document that was read last; forgotten with the process, which costs one more reading.
        self._digests: dict[int, bytes] = {}
        self._complaints: dict[int, Counter[str]] = {}

    async def look(self, source_id: int) -> Look | None:
        """Look once. None when the source is off, asked to be left alone until later, or was taken away meanwhile.
        Never raises for what a source can answer."""
        source = await self._db.read(sources.get, source_id)
        if source is None or source.state != "on" or _asked_to_wait(source, self._clock.now()):
            return None
        answer = await self._fetcher.fetch(
            request_for(source.kind, source.url, source.options),
            etag=source.etag,
            last_modified=source.last_modified,
            allow_private=source.allow_private,
            local_files=source.origin == "file",
        )
        return await self._judge(source, answer, log.bind(source=source.name))

    async def _judge(self, source: Source, answer: Fetched, note: Any) -> Look | None:
        match answer:
            case Fresh():
                return await self._fresh(source, answer, note)
            case Unchanged():
                return await self._unchanged(source)
            case Busy(after, why):
                note.info("source is busy", after=round(after))
                until = self._clock.now() + timedelta(seconds=after)
                done = await self._db.write(unless_changed, source, sources.postponed, until, why)
                return Look(failed=why) if done else None
            case Failed(why, hopeless=hopeless):
                return await self._failed(source, why, note, off=hopeless)

    async def _fresh(self, source: Source, answer: Fresh, note: Any) -> Look | None:
        digest = _digest(source, answer)
        if digest == self._digests.get(source.id):  # many servers know no 304
            return await self._unchanged(source, etag=answer.etag, last_modified=answer.last_modified)
        try:
            # Reading holds the processor for a quarter of a millisecond an item: not in the event loop.
            reading, document = await asyncio.to_thread(self._read, source, answer)
        except Unreadable as unreadable:
            return await self._failed(source, str(unreadable), note)
        except Exception as error:
            # By its kind only: what it says may quote the document.
            note.error("reading broke off: this is a fault of ours", error=type(error).__name__)
            return await self._failed(source, "It could not be read, by a fault of ours. Tell the developers.", note)
        now = self._clock.now()
        ending = Ending(answer.etag, answer.last_modified, _next(source, now))
        look, ended = await take_in(self._db, source, document, ending, now, self._valid_for)
        if ended:
            self._digests[source.id] = digest
            look.set_aside = len(reading.set_aside)
        self._tell(source, reading, look, note)
        return look if ended else None

    def _read(self, source: Source, answer: Fresh) -> tuple[Reading, tuple[Listed, ...]]:
        reading = self._reader.read(
            answer.body, source.kind, url=answer.url, content_type=answer.content_type, options=source.options
        )
        return reading, listed(reading)

    async def _unchanged(
        self, source: Source, *, etag: str | None = None, last_modified: str | None = None
    ) -> Look | None:
        now = self._clock.now()
        again = _next(source, now)
        done = await self._db.write(
            unless_changed, source, sources.fetched, now, again, etag=etag, last_modified=last_modified
        )
        return Look(unchanged=True) if done else None

    def _tell(self, source: Source, reading: Reading, look: Look, note: Any) -> None:
        complaints = Counter(item.why for item in reading.set_aside)
        # An item that cannot be read stays for weeks, and moves down as others come: it is said once.
        if not complaints <= self._complaints.get(source.id, Counter()):
            for item in reading.set_aside:
                note.warning("item set aside", where=item.where, why=item.why)
        self._complaints[source.id] = complaints
        if look.new or look.changed or look.pushed:
            note.info(
                "news", new=len(look.new), changed=len(look.changed), pushed=len(look.pushed), held=len(look.held)
            )
        if look.pushed:
            self._news()

    async def _failed(self, source: Source, why: str, note: Any, *, off: bool = False) -> Look | None:
        now = self._clock.now()
        failures = source.failures + 1
        off = off or failures >= OFF_AFTER
        wait = min(source.every_seconds * 2 ** min(failures, 20), max(LONGEST_WAIT, source.every_seconds))
        again = now + timedelta(seconds=wait)
        if not await self._db.write(unless_changed, source, sources.failed, now, again, why, off=off):
            return None
        if off:
            note.error(
                f"source is off after {failures} failures in a row; mend it, then: serai source on {source.name}",
                why=why,
            )
        else:
            note.warning("source failed", why=why, failures=failures, again_in=round(wait))
        return Look(failed=why)


def _asked_to_wait(source: Source, now: datetime) -> bool:
    """After a failure or a "come back later" its own time counts, also over a restart; a ``why`` is there until it
    answers. Otherwise the schedule decides."""
    return bool(source.why and source.next_at and source.next_at > now)


def _next(source: Source, now: datetime) -> datetime:
    return now + timedelta(seconds=source.every_seconds)


def _digest(source: Source, answer: Fresh) -> bytes:
    about = repr((source.kind, source.url, source.options, answer.url, answer.content_type))
    return hashlib.sha256(about.encode("utf-8", "replace") + b"\n" + answer.body).digest()


def unless_changed(conn: Connection, source: Source, deed: Callable[..., None], *args: Any, **kwargs: Any) -> bool:
    """Write down how a look ended, unless it was a look at what is no longer watched."""
    if as_it_was(conn, source) is None:
        return False
    deed(conn, source.id, *args, **kwargs)
    return True


def approve(conn: Connection, dispatch_id: int, now: datetime, valid_for: timedelta) -> bool:
    """An editor's word: it may be read, and goes to whom it concerns unless it came too old. False when somebody
    decided before."""
    if not dispatches.move(conn, dispatch_id, "ready", "", only_from=["held"]):
        return False
    dispatch = dispatches.get(conn, dispatch_id)
    if dispatch and dispatch.push:
        planning.broadcast_dispatch(conn, dispatch_id, now, now + valid_for)
    return True
