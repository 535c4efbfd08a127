"""What a document brings: judged as a whole, then kept a few at a time.

What is new, what is the same again, what was edited and what may be pushed is judged first, and changes nothing. It is
kept in short transactions, so that nobody waits long for the one writer (C4); the last one writes down that the source
was read. After a kill in between, the next look finds the rest, and counts what is kept already to it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from bot.news.dispatch import Dispatch, Place
from bot.news.read import Reading
from bot.news.samenews import ALIKE, Facts, Runs, content, fingerprint, likeness, quotes, runs, two_events
from bot.news.text import fold
from storage import dispatches, planning, sources
from storage.database import Connection, Database, Priority
from storage.dispatches import OLD, Identity, Stored
from storage.sources import Source

FLOOD = 20  # new at once, and over half of the feed: an editor looks first
AT_ONCE = 8  # dispatches kept in one transaction, at about a millisecond each
CANDIDATES = 200  # of what a source lists no more, in search of what was edited
SOURCE_IS = 30  # characters of "Source: ", in whatever language
LONGEST_NAME = 1_000  # bytes of an identity; PostgreSQL cannot index one of 2,700

WAITS = "waits for an editor"
FLOODED = "flood: much of this source is new at once"
HANDED_IN = "handed in by "  # and the name of who did


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

    def add(self, more: Look) -> None:
        self.new += more.new
        self.changed += more.changed
        self.pushed += more.pushed
        self.held += more.held


@dataclass(frozen=True, slots=True)
class Listed:
    """A dispatch as a document lists it, with all that can be told of it without asking what is kept."""

    name: str
    item: Dispatch
    content: bytes
    by_words: bytes  # its fingerprint
    with_places: bytes  # … where the words alone are those of news from elsewhere

    @classmethod
    def of(cls, item: Dispatch) -> Listed:
        places = [place.name for place in item.places] or [item.dateline_country or ""]
        return cls(
            name=_name(item),
            item=item,
            content=content(item),
            by_words=fingerprint(item.title, item.text, item.published),
            with_places=fingerprint(item.title, item.text, item.published, places),
        )


def listed(reading: Reading) -> tuple[Listed, ...]:
    """What a document lists, each name once."""
    each = map(Listed.of, reading.dispatches)
    return tuple({one.name: one for one in each}.values())


@dataclass(frozen=True, slots=True)
class Deed:
    """``edit_of``: the dispatch that this is another wording of. ``shows``: the one that it is our own message about.
    Without either, it is the same as one, or new."""

    listed: Listed
    edit_of: int | None = None
    shows: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about a document; what is as it was is not in it."""

    deeds: tuple[Deed, ...]
    first: bool
    flood: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written down of the source when all of a document is kept."""

    etag: str
    last_modified: str
    next_at: datetime


async def take_in(
    db: Database, source: Source, document: Sequence[Listed], ending: Ending, now: datetime, valid_for: timedelta
) -> tuple[Look, bool]:
    """Keep what a document says, and that it was read. False when the source was taken away meanwhile; what was kept
    until then stays."""
    plan = await db.read(judge, source, document, now)
    look = Look()
    for start in range(0, len(plan.deeds), AT_ONCE) or (0,):
        some = plan.deeds[start : start + AT_ONCE]
        last = ending if start + AT_ONCE >= len(plan.deeds) else None
        done = await db.write(keep, source, plan, some, last, now, valid_for, priority=Priority.bulk)
        if done is None:
            return look, False
        look.add(done)
    return look, True


def as_it_was(conn: Connection, looked_at: Source) -> Source | None:
    """The source as it is now; None when while we looked it was switched off, dropped, or given another address."""
    source = sources.get(conn, looked_at.id)
    if source is None or source.state != "on" or _stated(source) != _stated(looked_at):
        return None
    return source


def _stated(source: Source) -> tuple[object, ...]:
    return source.kind, source.url, source.options


# ── Judging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def judge(conn: Connection, source: Source, document: Sequence[Listed], now: datetime) -> Plan:
    """What is to be done about each in a document, in this order: what changed under its name, what is the same as
    something or an edit of it, what is new. Changes nothing."""
    return _Judgement(conn, source, document, now).plan()


class _Judgement:
    """What a source lists now, beside what is kept."""

    def __init__(self, conn: Connection, source: Source, document: Sequence[Listed], now: datetime) -> None:
        self._conn = conn
        self._source = source
        self._now = now
        self._document = document
        self._known = dispatches.known(conn, source.id, [each.name for each in document])
        self._changed = dispatches.known(conn, source.id, {_change_of(known) for known in self._known.values()})
        self._shown = Counter(each.content for each in document)
        self._listed_again: set[int] = set()

    def plan(self) -> Plan:
        changes, unknown = [], []
        for each in self._oldest_first():
            known = self._known.get(each.name)
            if known and not self._is_changed(each, known):
                continue
            if (shown := self._shown_by(each.item)) is not None:
                changes.append(Deed(each, shows=shown))
            elif known and not self._is_other_news(each, known):
                changes.append(Deed(each, edit_of=known.dispatch_id))
            else:
                unknown.append(each)
        again, new = self._told_apart(unknown)
        first = self._source.first_fetched_at is None
        return Plan((*changes, *again, *map(Deed, new)), first, flood=not first and self._is_flood(new))

    def _oldest_first(self) -> list[Listed]:
        """People are told in the order of events. A feed begins with what is newest, a text goes on at its end."""
        document = self._document if self._source.kind == "dateline" else self._document[::-1]
        return sorted(document, key=lambda each: min(each.item.published or self._now, self._now))

    # Known by its name

    def _is_changed(self, each: Listed, known: Identity) -> bool:
        return each.content != known.text_hash or self._is_taken_back(each, known)

    def _is_taken_back(self, each: Listed, known: Identity) -> bool:
        """The source changed this dispatch under another name, and no longer lists what it had made of it."""
        change = self._changed.get(_change_of(known))
        return change is not None and change.text_hash != each.content and change.text_hash not in self._shown

    def _is_other_news(self, each: Listed, known: Identity) -> bool:
        """Some sources number their items from the top: the name stays where it is, and the news moves on."""
        if same := _same(self._conn, each):
            return same.id != known.dispatch_id
        if not self._shown[known.text_hash] - (each.content == known.text_hash):
            return False
        kept = dispatches.get(self._conn, known.dispatch_id)
        return kept is None or likeness(runs(kept.text), runs(each.item.text)) < ALIKE

    # Our own words, come back

    def _shown_by(self, item: Dispatch) -> int | None:
        """The dispatch that our own message is about: a channel of ours may be watched like any other, and what we
        sent there would be news again, for ever. It ends with the name of the source, and says the whole summary."""
        lines = [fold(line) for line in item.text.splitlines()]
        for folded, source_id in self._sources.items():
            if any(line.endswith(f" {folded}") and len(line) <= len(folded) + SOURCE_IS for line in lines):
                for dispatch_id, summary in dispatches.summaries(self._conn, source_id, CANDIDATES):
                    if quotes(item.text, summary):
                        return dispatch_id
        return None

    @cached_property
    def _sources(self) -> dict[str, int]:
        return {fold(name): source_id for name, source_id in sources.names(self._conn).items()}

    # Known by what it says

    def _told_apart(self, unknown: Sequence[Listed]) -> tuple[list[Deed], list[Listed]]:
        """(those that are kept already, in these words or in others; those that are new)"""
        again: list[Deed] = []
        rest: list[Listed] = []
        kept = dispatches.by_fingerprints(self._conn, (print_ for each in unknown for print_ in _prints(each)))
        for each in unknown:
            may_be = any(print_ in kept for print_ in _prints(each))
            if may_be and (same := _same(self._conn, each)):
                self._listed_again.add(same.id)
                again.append(Deed(each))
            else:
                rest.append(each)
        new = []
        for each in rest:
            if (dispatch_id := self._edited(each.item)) is None:
                new.append(each)
            else:
                self._listed_again.add(dispatch_id)
                again.append(Deed(each, edit_of=dispatch_id))
        return again, new

    def _edited(self, item: Dispatch) -> int | None:
        """An edit of what had no name of its own: it looks like something that the source lists no more."""
        if not self._gone:
            return None
        said = runs(item.text)
        alike = [
            (share, dispatch_id)
            for dispatch_id, text in self._gone
            if dispatch_id not in self._listed_again and (share := likeness(said, text)) >= ALIKE
        ]
        for _, dispatch_id in sorted(alike, reverse=True):
            kept = dispatches.get(self._conn, dispatch_id)
            if kept and not two_events(_facts(kept), _facts(item)):
                return dispatch_id
        return None

    @cached_property
    def _gone(self) -> list[tuple[int, Runs]]:
        # Since ever: how long it was listed is not known, only since when.
        names = (each.name for each in self._document)
        gone = dispatches.vanished(self._conn, self._source.id, names, datetime.min.replace(tzinfo=UTC))
        return [(dispatch.id, runs(dispatch.text)) for dispatch in gone[:CANDIDATES]]

    def _is_flood(self, new: Sequence[Listed]) -> bool:
        """Counting what a look kept that did not come to its end."""
        count = len({each.by_words for each in new})
        if count and (ended := self._source.succeeded_at):
            count += dispatches.seen_since(self._conn, self._source.id, ended)
        return count >= FLOOD and count * 2 > len(self._document)


# ── Keeping, in one transaction ──────────────────────────────────────────────────────────────────────────────────────


def keep(
    conn: Connection,
    looked_at: Source,
    plan: Plan,
    deeds: Iterable[Deed],
    ending: Ending | None,
    now: datetime,
    valid_for: timedelta,
) -> Look | None:
    """Do some of what was planned; with ``ending``, the last of it. None when the source was taken away."""
    dispatches.one_at_a_time(conn)
    source = as_it_was(conn, looked_at)
    if source is None:
        return None
    keeper = _Keeper(conn, source, plan, now, now + valid_for)
    for deed in deeds:
        keeper.do(deed)
    if ending:
        sources.fetched(conn, source.id, now, ending.next_at, etag=ending.etag, last_modified=ending.last_modified)
    return keeper.look


class _Keeper:
    def __init__(self, conn: Connection, source: Source, plan: Plan, now: datetime, valid_until: datetime) -> None:
        self.look = Look()
        self._conn = conn
        self._source = source
        self._plan = plan
        self._now = now
        self._valid_until = valid_until

    def do(self, deed: Deed) -> None:
        if deed.edit_of is not None:
            self._change(deed.listed, deed.edit_of)
        elif deed.shows is not None:
            self._remember(deed.listed.name, deed.listed, deed.shows)
        # Asked again: a feed may bring the same twice, and so may another source in the same moment.
        elif same := _same(self._conn, deed.listed):
            self._remember(deed.listed.name, deed.listed, same.id)
            self._release(same)
        else:
            self._add(deed.listed)

    def _change(self, each: Listed, dispatch_id: int) -> None:
        dispatches.edit(self._conn, dispatch_id, values=self._columns(each, dispatch_id), **self._about(each.item))
        self._remember(each.name, each, dispatch_id)
        self._remember(_change_of(Identity(dispatch_id, b"")), each, dispatch_id)
        self.look.changed.append(dispatch_id)

    def _remember(self, name: str, each: Listed, dispatch_id: int) -> None:
        dispatches.remember(self._conn, self._source.id, name, dispatch_id, each.content, self._now)

    def _add(self, each: Listed) -> None:
        item = each.item
        old = item.published is not None and item.published < self._now - OLD
        status, why = self._status()
        state = {
            "published": item.published,
            "sort_at": min(item.published or self._now, self._now),
            "status": status,
            "why": why,
            "push": not self._plan.first and not old,
            "valid_until": self._valid_until,
        }
        dispatch_id = dispatches.add(
            self._conn, source_id=self._source.id, values=self._columns(each) | state, **self._about(item)
        )
        self._remember(each.name, each, dispatch_id)
        self.look.new.append(dispatch_id)
        if status == "held":
            self.look.held.append(dispatch_id)
        elif state["push"]:
            self._push(dispatch_id)

    def _status(self) -> tuple[str, str]:
        if self._plan.flood:
            return "held", FLOODED
        return ("ready", "") if self._plan.first or self._source.trusted else ("held", WAITS)

    def _push(self, dispatch_id: int) -> None:
        if planning.broadcast_dispatch(self._conn, dispatch_id, self._now, self._valid_until):
            self.look.pushed.append(dispatch_id)

    def _release(self, same: Stored) -> None:
        """What waits only because the source that was first is not trusted, or because it was handed in, and a trusted
        source has it too."""
        vouches = self._source.trusted and not self._plan.first and not self._plan.flood
        unread = same.why == WAITS or same.why.startswith(HANDED_IN)
        if not (vouches and unread and same.status == "held"):
            return
        if dispatches.move(self._conn, same.id, "ready", "", only_from=["held"]) and same.push:
            self._push(same.id)

    def _columns(self, each: Listed, dispatch_id: int | None = None) -> dict[str, Any]:
        """``dispatch_id``: the one that these will be written to, if there is one already."""
        item = each.item
        taken = dispatches.by_fingerprint(self._conn, each.by_words)
        return {
            "title": item.title,
            "text": item.text,
            "summary": item.summary,
            "link": item.link,
            "language": item.language,
            "places": [{"name": place.name, "country": place.country} for place in item.places],
            "dateline_country": item.dateline_country,
            "fingerprint": each.by_words if taken in (None, dispatch_id) else each.with_places,
        }

    def _about(self, item: Dispatch) -> dict[str, Any]:
        places = " ".join(place.name for place in item.places)
        return {
            "countries": item.countries,
            "topics": item.topics,
            "words": fold(f"{item.title} {places} {item.text}"),
            "now": self._now,
        }


# ── Names, and the same words ────────────────────────────────────────────────────────────────────────────────────────


def _name(item: Dispatch) -> str:
    name = item.identity.encode("utf-8", "replace")
    return item.identity if len(name) <= LONGEST_NAME else f"sha256:{hashlib.sha256(name).hexdigest()}"


def _change_of(known: Identity) -> str:
    """Beside the names that the source gives, under which a dispatch's last change by this source is kept. No name
    begins with a space."""
    return f" changed {known.dispatch_id}"


def _prints(each: Listed) -> Iterator[bytes]:
    yield each.by_words
    yield each.with_places


def _same(conn: Connection, each: Listed) -> Stored | None:
    """What is kept in the same words, whichever source brought it."""
    for print_ in _prints(each):
        found = dispatches.by_fingerprint(conn, print_)
        kept = dispatches.get(conn, found) if found is not None else None
        # The same words of another place are other news.
        if kept and not _elsewhere(each.item, kept):
            return kept
    return None


def _elsewhere(item: Dispatch, kept: Stored) -> bool:
    """Whether these same words are of another place. What a title adds or leaves out is no place."""
    alike = fold(item.title) == fold(kept.title)
    one, other = (Facts.of("", _place_names(news), news.countries if alike else ()) for news in (item, kept))
    return two_events(one, other)


def _facts(dispatch: Dispatch | Stored) -> Facts:
    return Facts.of(dispatch.text, _place_names(dispatch), dispatch.countries)


def _place_names(dispatch: Dispatch | Stored) -> list[str]:
    return [place.name if isinstance(place, Place) else place["name"] for place in dispatch.places]
