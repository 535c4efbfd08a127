"""One look at a source: fetch it, read it, keep what is new, once.

What is new, what is the same again, what may be pushed and what has to wait for an editor is decided here, in one
transaction with the source's own state, so that a kill in between neither loses nor repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.clock import Clock
from bot.news.dispatch import Dispatch
from bot.news.fetch import Busy, Failed, Fetcher, Fresh, Unchanged
from bot.news.read import Reader, Reading, Unreadable
from bot.news.samenews import edited, fingerprint
from bot.news.text import fold
from storage import deliveries, dispatches, sources
from storage.database import Connection, Database, Priority
from storage.sources import Source

log = structlog.get_logger()

OLD = timedelta(days=7)  # what was published longer ago is never pushed
FLOOD = 20  # new at once, and over half of the feed: an editor looks first
OFF_AFTER = 20  # failures in a row
LONGEST_WAIT = 6 * 3600.0


@dataclass
class Look:
    """What one look at a source brought."""

    new: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    pushed: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    set_aside: int = 0
    unchanged: bool = False
    failed: str = ""


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

    async def look(self, source_id: int) -> Look | None:
        """Look once; None when the source is off or asked to be left alone until later. Never raises for what a source
        can answer."""
        source = await self._db.read(sources.get, source_id)
        now = self._clock.now()
        if source is None or source.state != "on" or (source.failures and source.next_at and source.next_at > now):
            return None
        note = log.bind(source=source.name)
        answer = await self._fetcher.fetch(
            source.url,
            etag=source.etag,
            last_modified=source.last_modified,
            allow_private=source.allow_private,
            local_files=source.origin == "file",
        )
        match answer:
            case Fresh():
                return await self._fresh(source, answer, note)
            case Unchanged():
                await self._db.write(sources.fetched, source.id, now, self._next(source, now))
                return Look(unchanged=True)
            case Busy(after, why):
                note.info("source is busy", after=after)
                await self._db.write(sources.postponed, source.id, now + timedelta(seconds=after), why)
                return Look(failed=why)
            case Failed(why):
                return await self._failed(source, why, note)

    async def _fresh(self, source: Source, answer: Fresh, note: Any) -> Look:
        try:
            # Reading holds the processor for a quarter of a millisecond an item: not in the event loop.
            reading = await asyncio.to_thread(
                self._reader.read, answer.body, source.kind, url=answer.url, content_type=answer.content_type
            )
        except Unreadable as unreadable:
            return await self._failed(source, str(unreadable), note)
        now = self._clock.now()
        look = await self._db.write(self._take_in, source, reading, answer, now, priority=Priority.bulk)
        for item in reading.set_aside:
            note.warning("item set aside", where=item.where, why=item.why)
        if look.new or look.changed:
            note.info(
                "news", new=len(look.new), changed=len(look.changed), pushed=len(look.pushed), held=len(look.held)
            )
        if look.pushed:
            self._news()
        return look

    async def _failed(self, source: Source, why: str, note: Any) -> Look:
        now = self._clock.now()
        failures = source.failures + 1
        off = failures >= OFF_AFTER
        wait = min(source.every_seconds * 2 ** min(failures, 20), max(LONGEST_WAIT, source.every_seconds))
        await self._db.write(sources.failed, source.id, now, now + timedelta(seconds=wait), why, off=off)
        if off:
            note.error("source is switched off after too many failures; `serai source on NAME` tries again", why=why)
        else:
            note.warning("source failed", why=why, failures=failures, again_in=round(wait))
        return Look(failed=why)

    @staticmethod
    def _next(source: Source, now: datetime) -> datetime:
        return now + timedelta(seconds=source.every_seconds)

    # ── In one transaction ───────────────────────────────────────────────────────────────────────────────────────────

    def _take_in(self, conn: Connection, source: Source, reading: Reading, answer: Fresh, now: datetime) -> Look:
        dispatches.one_at_a_time(conn)
        look = Look(set_aside=len(reading.set_aside))
        items = list({dispatch.identity: dispatch for dispatch in reading.dispatches}.values())
        known = dispatches.known(conn, source.id, (item.identity for item in items))
        unknown = [item for item in items if item.identity not in known]
        for item in items:
            if item.identity in known:
                self._seen_again(conn, source, item, known[item.identity], look, now)
        unknown = [item for item in unknown if not self._same_as_kept(conn, source, item, items, look, now)]
        first = source.first_fetched_at is None
        flood = not first and len(unknown) >= FLOOD and len(unknown) * 2 > len(items)
        for item in unknown:
            self._keep(conn, source, item, look, now, first=first, flood=flood)
        sources.fetched(
            conn, source.id, now, self._next(source, now), etag=answer.etag, last_modified=answer.last_modified
        )
        return look

    def _seen_again(
        self,
        conn: Connection,
        source: Source,
        item: Dispatch,
        known: dispatches.Identity,
        look: Look,
        now: datetime,
    ) -> None:
        print_ = fingerprint(item.title, item.text)
        if print_ != known.text_hash:
            self._change(conn, known.dispatch_id, item, print_, now)
            dispatches.remember(conn, source.id, item.identity, known.dispatch_id, print_, now)
            look.changed.append(known.dispatch_id)

    def _same_as_kept(
        self, conn: Connection, source: Source, item: Dispatch, items: list[Dispatch], look: Look, now: datetime
    ) -> bool:
        """A re-post, the same from a second source, or an edit of what had no name of its own."""
        print_ = fingerprint(item.title, item.text)
        if (same := dispatches.by_fingerprint(conn, print_)) is not None:
            dispatches.remember(conn, source.id, item.identity, same, print_, now)
            return True
        listed = {other.identity for other in items}
        for candidate in dispatches.vanished(conn, source.id, listed, now - timedelta(days=90)):
            if edited(candidate.text, item.text):
                self._change(conn, candidate.id, item, print_, now)
                dispatches.remember(conn, source.id, item.identity, candidate.id, print_, now)
                look.changed.append(candidate.id)
                return True
        return False

    def _change(self, conn: Connection, dispatch_id: int, item: Dispatch, print_: bytes, now: datetime) -> None:
        dispatches.edit(
            conn,
            dispatch_id,
            values=self._columns(item, print_),
            countries=item.countries,
            topics=item.topics,
            words=_words(item),
            now=now,
        )

    def _keep(
        self, conn: Connection, source: Source, item: Dispatch, look: Look, now: datetime, *, first: bool, flood: bool
    ) -> None:
        old = item.published is not None and item.published < now - OLD
        push = not first and not old
        if first:
            status, why = "ready", ""
        elif flood:
            status, why = "held", "flood: much of this source is new at once"
        elif source.trusted:
            status, why = "ready", ""
        else:
            status, why = "held", "waits for an editor"
        print_ = fingerprint(item.title, item.text)
        dispatch_id = dispatches.add(
            conn,
            source_id=source.id,
            values=self._columns(item, print_)
            | {
                "published": item.published,
                "sort_at": min(item.published or now, now),
                "status": status,
                "why": why,
                "push": push,
                "valid_until": now + self._valid_for,
            },
            countries=item.countries,
            topics=item.topics,
            words=_words(item),
            now=now,
        )
        dispatches.remember(conn, source.id, item.identity, dispatch_id, print_, now)
        look.new.append(dispatch_id)
        if status == "held":
            look.held.append(dispatch_id)
        elif push and deliveries.broadcast_dispatch(conn, dispatch_id, now, now + self._valid_for):
            look.pushed.append(dispatch_id)

    @staticmethod
    def _columns(item: Dispatch, print_: bytes) -> dict[str, Any]:
        return {
            "title": item.title,
            "text": item.text,
            "summary": item.summary,
            "link": item.link,
            "language": item.language,
            "places": [{"name": place.name, "country": place.country} for place in item.places],
            "dateline_country": item.dateline_country,
            "fingerprint": print_,
        }


def _words(item: Dispatch) -> str:
    places = " ".join(place.name for place in item.places)
    return fold(f"{item.title} {places} {item.text}")


def approve(conn: Connection, dispatch_id: int, now: datetime, valid_for: timedelta) -> bool:
    """An editor's word: it may be read, and goes to whom it concerns unless it came too old. False when somebody
    decided before."""
    if not dispatches.move(conn, dispatch_id, "ready", "", only_from=["held"]):
        return False
    dispatch = dispatches.get(conn, dispatch_id)
    if dispatch and dispatch.push:
        deliveries.broadcast_dispatch(conn, dispatch_id, now, now + valid_for)
    return True
