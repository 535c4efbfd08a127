"""One look at a source: fetch it, read it, keep what is new, once.

What is new, what is the same again, what may be pushed and what has to wait for an editor is decided here, in one
transaction with the source's own state, so that a kill in between neither loses nor repeats.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import structlog

from bot.clock import Clock
from bot.news.dispatch import Dispatch, Place
from bot.news.fetch import Busy, Failed, Fetched, Fetcher, Fresh, Unchanged
from bot.news.kinds import request_for
from bot.news.read import Reader, Reading, Unreadable
from bot.news.samenews import ALIKE, Facts, Runs, content, fingerprint, likeness, runs, two_events
from bot.news.text import fold
from storage import deliveries, dispatches, sources
from storage.database import Connection, Database, Priority
from storage.dispatches import OLD, Identity, Stored
from storage.sources import Source

log = structlog.get_logger()

FLOOD = 20  # new at once, and over half of the feed: an editor looks first
OFF_AFTER = 20  # failures in a row
LONGEST_WAIT = 6 * 3600.0
CANDIDATES = 200  # of what a source lists no more, in search of what was edited
LONGEST_NAME = 1_000  # bytes of an identity; PostgreSQL cannot index one of 2,700

WAITS = "waits for an editor"
FLOODED = "flood: much of this source is new at once"


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
            reading = await asyncio.to_thread(
                self._reader.read,
                answer.body,
                source.kind,
                url=answer.url,
                content_type=answer.content_type,
                options=source.options,
            )
        except Unreadable as unreadable:
            return await self._failed(source, str(unreadable), note)
        except Exception as error:
            # By its kind only: what it says may quote the document.
            note.error("reading broke off: this is a fault of ours", error=type(error).__name__)
            return await self._failed(source, "It could not be read, by a fault of ours. Tell the developers.", note)
        look = await self._db.write(
            take_in, source, reading, answer, self._clock.now(), self._valid_for, priority=Priority.bulk
        )
        if look is None:
            return None
        self._digests[source.id] = digest
        self._tell(source, reading, look, note)
        return look

    async def _unchanged(self, source: Source, *, etag: str = "", last_modified: str = "") -> Look | None:
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


# ── In one transaction ───────────────────────────────────────────────────────────────────────────────────────────────


def _as_it_was(conn: Connection, looked_at: Source) -> Source | None:
    """The source as it is now; None when while we looked it was switched off, dropped, or given another address."""
    source = sources.get(conn, looked_at.id)
    if source is None or source.state != "on" or _stated(source) != _stated(looked_at):
        return None
    return source


def _stated(source: Source) -> tuple[object, ...]:
    return source.kind, source.url, source.options


def unless_changed(conn: Connection, source: Source, deed: Callable[..., None], *args: Any, **kwargs: Any) -> bool:
    """Write down how a look ended, unless it was a look at what is no longer watched."""
    if _as_it_was(conn, source) is None:
        return False
    deed(conn, source.id, *args, **kwargs)
    return True


def take_in(
    conn: Connection, looked_at: Source, reading: Reading, answer: Fresh, now: datetime, valid_for: timedelta
) -> Look | None:
    """Keep what a document says, and that it was read."""
    dispatches.one_at_a_time(conn)
    source = _as_it_was(conn, looked_at)
    if source is None:
        return None
    look = _Document(conn, source, reading, now, valid_for).look()
    sources.fetched(conn, source.id, now, _next(source, now), etag=answer.etag, last_modified=answer.last_modified)
    return look


class _Document:
    """The dispatches that a source lists now, beside those that are kept."""

    def __init__(self, conn: Connection, source: Source, reading: Reading, now: datetime, valid_for: timedelta) -> None:
        self._conn = conn
        self._source = source
        self._now = now
        self._valid_until = now + valid_for
        self._first = source.first_fetched_at is None
        self._items = {_name(item): item for item in reading.dispatches}
        self._known = dispatches.known(conn, source.id, self._items)
        self._shown = Counter(content(item) for item in self._items.values())
        self._changed = dispatches.known(conn, source.id, {_change_of(known) for known in self._known.values()})
        self._listed_again: set[int] = set()
        self._vouched_for: list[Stored] = []
        self._look = Look(set_aside=len(reading.set_aside))

    def look(self) -> Look:
        unknown = [(name, item) for name, item in self._oldest_first() if not self._seen_again(name, item)]
        new = [
            (name, item) for name, item in unknown if not self._same_again(name, item) and not self._edit(name, item)
        ]
        count = len({_prints(item) for _, item in new})
        flood = not self._first and count >= FLOOD and count * 2 > len(self._items)
        for name, item in new:
            # Asked again: a feed may bring the same twice.
            if not self._same_again(name, item):
                self._keep(name, item, flood=flood)
        if not flood:
            self._release()
        return self._look

    def _oldest_first(self) -> list[tuple[str, Dispatch]]:
        """People are told in the order of events. A feed begins with what is newest, a text goes on at its end."""
        items = list(self._items.items())
        if self._source.kind != "dateline":
            items.reverse()
        return sorted(items, key=lambda pair: min(pair[1].published or self._now, self._now))

    # Known by its name

    def _seen_again(self, name: str, item: Dispatch) -> bool:
        """What the source listed before under this name, changed or not."""
        if not (known := self._known.get(name)):
            return False
        if content(item) == known.text_hash and not self._taken_back(item, known):
            return True
        if self._is_other_news(item, known):
            return False
        self._change(name, item, known.dispatch_id)
        return True

    def _taken_back(self, item: Dispatch, known: Identity) -> bool:
        """The source changed this dispatch under another name, and no longer lists what it had made of it."""
        change = self._changed.get(_change_of(known))
        return change is not None and change.text_hash != content(item) and change.text_hash not in self._shown

    def _is_other_news(self, item: Dispatch, known: Identity) -> bool:
        """Some sources number their items from the top: the name stays where it is, and the news moves on."""
        if same := self._same(item):
            return same.id != known.dispatch_id
        elsewhere = self._shown[known.text_hash] - (content(item) == known.text_hash)
        if not elsewhere:
            return False
        kept = dispatches.get(self._conn, known.dispatch_id)
        return kept is None or likeness(runs(kept.text), runs(item.text)) < ALIKE

    def _change(self, name: str, item: Dispatch, dispatch_id: int) -> None:
        dispatches.edit(
            self._conn,
            dispatch_id,
            values=self._columns(item, dispatch_id),
            countries=item.countries,
            topics=item.topics,
            words=_words(item),
            now=self._now,
        )
        self._remember(name, item, dispatch_id)
        self._remember(_change_of(Identity(dispatch_id, b"")), item, dispatch_id)
        self._look.changed.append(dispatch_id)

    def _remember(self, name: str, item: Dispatch, dispatch_id: int) -> None:
        dispatches.remember(self._conn, self._source.id, name, dispatch_id, content(item), self._now)
        self._listed_again.add(dispatch_id)

    # Known by what it says

    def _same_again(self, name: str, item: Dispatch) -> bool:
        """The same under another name, or from a second source."""
        if not (same := self._same(item)):
            return False
        self._remember(name, item, same.id)
        if self._source.trusted and not self._first and same.status == "held" and same.why == WAITS:
            self._vouched_for.append(same)
        return True

    def _same(self, item: Dispatch) -> Stored | None:
        for print_ in _prints(item):
            found = dispatches.by_fingerprint(self._conn, print_)
            kept = dispatches.get(self._conn, found) if found is not None else None
            # The same words of another place are other news.
            if kept and not _elsewhere(item, kept):
                return kept
        return None

    def _edit(self, name: str, item: Dispatch) -> bool:
        """An edit of what had no name of its own: it looks like something that the source lists no more."""
        said = runs(item.text)
        alike = [
            (share, dispatch_id)
            for dispatch_id, text in self._gone
            if dispatch_id not in self._listed_again and (share := likeness(said, text)) >= ALIKE
        ]
        for _, dispatch_id in sorted(alike, reverse=True):
            kept = dispatches.get(self._conn, dispatch_id)
            if kept and not two_events(_facts(kept), _facts(item)):
                self._change(name, item, dispatch_id)
                return True
        return False

    @cached_property
    def _gone(self) -> list[tuple[int, Runs]]:
        # Since ever: how long it was listed is not known, only since when.
        gone = dispatches.vanished(self._conn, self._source.id, self._items, datetime.min.replace(tzinfo=UTC))
        return [(dispatch.id, runs(dispatch.text)) for dispatch in gone[:CANDIDATES]]

    # New

    def _keep(self, name: str, item: Dispatch, *, flood: bool) -> None:
        old = item.published is not None and item.published < self._now - OLD
        push = not self._first and not old
        if flood:
            status, why = "held", FLOODED
        elif self._first or self._source.trusted:
            status, why = "ready", ""
        else:
            status, why = "held", WAITS
        dispatch_id = dispatches.add(
            self._conn,
            source_id=self._source.id,
            values=self._columns(item)
            | {
                "published": item.published,
                "sort_at": min(item.published or self._now, self._now),
                "status": status,
                "why": why,
                "push": push,
                "valid_until": self._valid_until,
            },
            countries=item.countries,
            topics=item.topics,
            words=_words(item),
            now=self._now,
        )
        self._remember(name, item, dispatch_id)
        self._look.new.append(dispatch_id)
        if status == "held":
            self._look.held.append(dispatch_id)
        elif push:
            self._push(dispatch_id)

    def _push(self, dispatch_id: int) -> None:
        if deliveries.broadcast_dispatch(self._conn, dispatch_id, self._now, self._valid_until):
            self._look.pushed.append(dispatch_id)

    def _release(self) -> None:
        """What waits only because the source that was first is not trusted, and a trusted one has it too."""
        for dispatch in self._vouched_for:
            if dispatches.move(self._conn, dispatch.id, "ready", "", only_from=["held"]) and dispatch.push:
                self._push(dispatch.id)

    def _columns(self, item: Dispatch, dispatch_id: int | None = None) -> dict[str, Any]:
        """``dispatch_id``: the one that these will be written to, if there is one already."""
        print_, with_places = _prints(item)
        taken = dispatches.by_fingerprint(self._conn, print_)
        return {
            "title": item.title,
            "text": item.text,
            "summary": item.summary,
            "link": item.link,
            "language": item.language,
            "places": [{"name": place.name, "country": place.country} for place in item.places],
            "dateline_country": item.dateline_country,
            "fingerprint": print_ if taken in (None, dispatch_id) else with_places,
        }


def _name(item: Dispatch) -> str:
    name = item.identity.encode("utf-8", "replace")
    return item.identity if len(name) <= LONGEST_NAME else f"sha256:{hashlib.sha256(name).hexdigest()}"


def _change_of(known: Identity) -> str:
    """Beside the names that the source gives, under which a dispatch's last change by this source is kept. No name
    begins with a space."""
    return f" changed {known.dispatch_id}"


def _prints(item: Dispatch) -> tuple[bytes, bytes]:
    """By the words alone; and with the places, where the words alone are those of news from elsewhere."""
    places = [place.name for place in item.places] or [item.dateline_country or ""]
    return (
        fingerprint(item.title, item.text, item.published),
        fingerprint(item.title, item.text, item.published, places),
    )


def _facts(dispatch: Dispatch | Stored) -> Facts:
    return Facts.of(dispatch.text, _place_names(dispatch), dispatch.countries)


def _elsewhere(item: Dispatch, kept: Stored) -> bool:
    """Whether these same words are of another place. What a title adds or leaves out is no place."""
    alike = fold(item.title) == fold(kept.title)
    one, other = (Facts.of("", _place_names(news), news.countries if alike else ()) for news in (item, kept))
    return two_events(one, other)


def _place_names(dispatch: Dispatch | Stored) -> list[str]:
    return [place.name if isinstance(place, Place) else place["name"] for place in dispatch.places]


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
