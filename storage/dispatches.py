"""News that was read: kept once each, found by country, topic and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import regex
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.rows import insert
from storage.schema import dispatch_countries, dispatch_topics, dispatches, identities, sources

RECENT = timedelta(days=30)
OLD = timedelta(days=7)  # what was published longer before it was seen is never pushed


@dataclass(frozen=True, slots=True)
class Stored:
    """A dispatch as it is kept."""

    id: int
    source: str
    title: str
    text: str
    summary: str
    link: str
    language: str | None
    places: tuple[Mapping[str, Any], ...]  # {name, country}
    countries: tuple[str, ...]
    topics: tuple[str, ...]
    published: datetime | None
    first_seen: datetime
    sort_at: datetime
    status: str  # held | ready | withdrawn
    why: str
    push: bool
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Identity:
    dispatch_id: int
    text_hash: bytes


_STORED = sa.select(dispatches, sources.c.name.label("source")).join(sources, sources.c.id == dispatches.c.source_id)


def _load(conn: Connection, rows: Sequence[Any]) -> list[Stored]:
    ids = [row.id for row in rows]
    countries: dict[int, list[str]] = {}
    topics: dict[int, list[str]] = {}
    for found, table, name in ((countries, dispatch_countries, "country"), (topics, dispatch_topics, "topic")):
        for dispatch_id, value in conn.execute(sa.select(table).where(table.c.dispatch_id.in_(ids)).order_by(name)):
            found.setdefault(dispatch_id, []).append(value)
    return [
        Stored(
            id=row.id,
            source=row.source,
            title=row.title,
            text=row.text,
            summary=row.summary,
            link=row.link,
            language=row.language,
            places=tuple(row.places),
            countries=tuple(countries.get(row.id, ())),
            topics=tuple(topics.get(row.id, ())),
            published=row.published,
            first_seen=row.first_seen,
            sort_at=row.sort_at,
            status=row.status,
            why=row.why,
            push=row.push,
            valid_until=row.valid_until,
        )
        for row in rows
    ]


def get(conn: Connection, dispatch_id: int) -> Stored | None:
    rows = conn.execute(_STORED.where(dispatches.c.id == dispatch_id)).all()
    return _load(conn, rows)[0] if rows else None


# ── Taking in ────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_at_a_time(conn: Connection) -> None:
    """Until this transaction ends nobody else takes in dispatches: two sources that bring the same news in the same
    moment must see each other's. SQLite has one writer anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('serai dispatches'))"))


def known(conn: Connection, source_id: int, wanted: Iterable[str]) -> dict[str, Identity]:
    """Which of these identities this source has shown before."""
    found: dict[str, Identity] = {}
    names = list(wanted)
    for start in range(0, len(names), 500):  # SQLite takes a limited number of values in one statement
        rows = conn.execute(
            sa.select(identities.c.identity, identities.c.dispatch_id, identities.c.text_hash).where(
                identities.c.source_id == source_id, identities.c.identity.in_(names[start : start + 500])
            )
        )
        found |= {row.identity: Identity(row.dispatch_id, row.text_hash) for row in rows}
    return found


_BY_FINGERPRINT = (
    sa.select(dispatches.c.id)
    .where(dispatches.c.fingerprint == sa.bindparam("wanted"))
    .order_by(dispatches.c.id)
    .limit(1)
)


def by_fingerprint(conn: Connection, fingerprint: bytes) -> int | None:
    return conn.scalar(_BY_FINGERPRINT, {"wanted": fingerprint})


def by_fingerprints(conn: Connection, wanted: Iterable[bytes]) -> set[bytes]:
    """Which of these some dispatch has."""
    found: set[bytes] = set()
    prints = list(dict.fromkeys(wanted))
    for start in range(0, len(prints), 500):
        some = dispatches.c.fingerprint.in_(prints[start : start + 500])
        found.update(conn.scalars(sa.select(dispatches.c.fingerprint).where(some)))
    return found


def seen_since(conn: Connection, source_id: int, since: datetime) -> int:
    """How many dispatches this source was the first to bring after ``since``."""
    # Found by their names, for dispatches have no index by their source.
    lately = sa.select(identities.c.dispatch_id).where(
        identities.c.source_id == source_id, identities.c.seen_at > since
    )
    query = sa.select(sa.func.count()).where(
        dispatches.c.id.in_(lately), dispatches.c.source_id == source_id, dispatches.c.first_seen > since
    )
    return conn.execute(query).scalar_one()


def remember(
    conn: Connection, source_id: int, identity: str, dispatch_id: int, text_hash: bytes, now: datetime
) -> None:
    """This source calls this dispatch by this name."""
    statement = insert(conn, identities).values(
        source_id=source_id, identity=identity, dispatch_id=dispatch_id, text_hash=text_hash, seen_at=now
    )
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["source_id", "identity"],
            set_={"dispatch_id": dispatch_id, "text_hash": text_hash, "seen_at": now},
        )
    )


def add(
    conn: Connection,
    *,
    source_id: int,
    values: Mapping[str, Any],
    countries: Iterable[str],
    topics: Iterable[str],
    words: str,
    now: datetime,
) -> int:
    """Keep a new dispatch. ``values`` are columns; ``words`` is what a search finds, folded already."""
    dispatch_id: int = conn.execute(
        dispatches.insert()
        .values(source_id=source_id, first_seen=now, changed_at=now, **values)
        .returning(dispatches.c.id)
    ).scalar_one()
    _about(conn, dispatch_id, countries, topics)
    _index(conn, dispatch_id, words)
    return dispatch_id


def edit(
    conn: Connection,
    dispatch_id: int,
    *,
    values: Mapping[str, Any],
    countries: Iterable[str],
    topics: Iterable[str],
    words: str,
    now: datetime,
) -> None:
    """The source changed it: what /news shows changes; what was sent does not."""
    conn.execute(dispatches.update().where(dispatches.c.id == dispatch_id).values(changed_at=now, **values))
    for table in (dispatch_countries, dispatch_topics):
        conn.execute(table.delete().where(table.c.dispatch_id == dispatch_id))
    _about(conn, dispatch_id, countries, topics)
    _index(conn, dispatch_id, words)


def _about(conn: Connection, dispatch_id: int, countries: Iterable[str], topics: Iterable[str]) -> None:
    for country in sorted(set(countries)):
        conn.execute(dispatch_countries.insert().values(dispatch_id=dispatch_id, country=country))
    for topic in sorted(set(topics)):
        conn.execute(dispatch_topics.insert().values(dispatch_id=dispatch_id, topic=topic))


# A word ends at what is neither letter, sign nor digit. Cut here, and not by either database: PostgreSQL's own answer
# depends on the locale of the server, and vowel signs are part of a word, or a Bangla word falls to pieces.
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_LONGEST = 64  # characters of a word; PostgreSQL takes 2,046 bytes
_MOST = 200_000  # characters of a text; PostgreSQL takes a megabyte
_TERMS = 16  # words of a search


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word[:_LONGEST] for word in _WORD.findall(text[:_MOST])))


def _index(conn: Connection, dispatch_id: int, text: str) -> None:
    words = _words(text)
    if conn.dialect.name == "sqlite":
        conn.execute(sa.text("DELETE FROM dispatch_words WHERE rowid = :id"), {"id": dispatch_id})
        conn.execute(
            sa.text("INSERT INTO dispatch_words (rowid, words) VALUES (:id, :words)"),
            {"id": dispatch_id, "words": " ".join(words)},
        )
    else:
        conn.execute(
            sa.text(
                "INSERT INTO dispatch_words (dispatch_id, words) VALUES (:id, array_to_tsvector(:words))"
                " ON CONFLICT (dispatch_id) DO UPDATE SET words = excluded.words"
            ).bindparams(sa.bindparam("words", words, sa.ARRAY(sa.Text))),
            {"id": dispatch_id},
        )


# ── An editor's word ─────────────────────────────────────────────────────────────────────────────────────────────────


def move(conn: Connection, dispatch_id: int, status: str, why: str, *, only_from: Sequence[str]) -> bool:
    """The first press wins: False when it was decided already, or there is no such dispatch."""
    changed = conn.execute(
        dispatches.update()
        .where(dispatches.c.id == dispatch_id, dispatches.c.status.in_(only_from))
        .values(status=status, why=why)
    )
    return changed.rowcount == 1


def waiting(conn: Connection, limit: int = 50, *, after: int = 0) -> list[Stored]:
    """What an editor has yet to decide, the oldest first, from id ``after`` on."""
    held = _STORED.where(dispatches.c.status == "held", dispatches.c.id > after)
    return _load(conn, conn.execute(held.order_by(dispatches.c.id).limit(limit)).all())


def how_many_wait(conn: Connection, *, after: int = 0) -> int:
    held = (dispatches.c.status == "held", dispatches.c.id > after)
    return conn.execute(sa.select(sa.func.count()).select_from(dispatches).where(*held)).scalar_one()


_UNSHOWN = sa.and_(dispatches.c.status == "held", dispatches.c.shown_at.is_(None))


def any_unshown(conn: Connection) -> bool:
    """Whether something waits that no editor was shown."""
    return conn.execute(sa.select(dispatches.c.id).where(_UNSHOWN).limit(1)).first() is not None


def unshown(conn: Connection, limit: int) -> tuple[list[Stored], int]:
    """What waits and no editor was shown, the oldest first, and how many there are of it; none comes while this
    transaction lasts."""
    one_at_a_time(conn)
    rows = conn.execute(_STORED.where(_UNSHOWN).order_by(dispatches.c.id).limit(limit)).all()
    count = conn.execute(sa.select(sa.func.count()).select_from(dispatches).where(_UNSHOWN)).scalar_one()
    return _load(conn, rows), count


def shown(conn: Connection, now: datetime, dispatch_id: int | None = None) -> None:
    """Editors know of this one, or of all that waits."""
    which = dispatches.c.shown_at.is_(None) if dispatch_id else _UNSHOWN
    one = (dispatches.c.id == dispatch_id,) if dispatch_id else ()
    conn.execute(dispatches.update().where(which, *one).values(shown_at=now))


def correct(
    conn: Connection,
    dispatch_id: int,
    now: datetime,
    *,
    summary: str | None = None,
    countries: Iterable[str] | None = None,
    topics: Iterable[str] | None = None,
) -> bool:
    """An editor's own words, countries or topics for what waits. False when it waits no more."""
    values = {"changed_at": now} | ({"summary": summary} if summary is not None else {})
    waits = (dispatches.c.id == dispatch_id, dispatches.c.status == "held")
    if not conn.execute(dispatches.update().where(*waits).values(**values)).rowcount:
        return False
    for table, given in ((dispatch_countries, countries), (dispatch_topics, topics)):
        if given is not None:
            conn.execute(table.delete().where(table.c.dispatch_id == dispatch_id))
    _about(conn, dispatch_id, countries or (), topics or ())
    return True


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def recent(
    conn: Connection,
    *,
    country: str | None = None,
    topic: str | None = None,
    terms: Sequence[str] = (),
    after: int | None = None,
    limit: int = 5,
) -> list[Stored]:
    """The newest first, by when it was published, else first seen. ``after``: the id of the last one shown, so that
    news which comes in between moves nothing. ``terms``: folded words, each of which must begin some word of it."""
    query = _STORED.where(dispatches.c.status == "ready")
    if country:
        query = query.where(
            dispatches.c.id.in_(
                sa.select(dispatch_countries.c.dispatch_id).where(dispatch_countries.c.country == country)
            )
        )
    if topic:
        query = query.where(
            dispatches.c.id.in_(sa.select(dispatch_topics.c.dispatch_id).where(dispatch_topics.c.topic == topic))
        )
    if terms:
        query = query.where(dispatches.c.id.in_(_having(conn, terms)))
    if after is not None:
        last = sa.select(dispatches.c.sort_at).where(dispatches.c.id == after).scalar_subquery()
        query = query.where(
            sa.or_(dispatches.c.sort_at < last, sa.and_(dispatches.c.sort_at == last, dispatches.c.id < after))
        )
    rows = conn.execute(query.order_by(dispatches.c.sort_at.desc(), dispatches.c.id.desc()).limit(limit)).all()
    return _load(conn, rows)


def _having(conn: Connection, terms: Sequence[str]) -> Any:
    words = _words(" ".join(terms))[:_TERMS]
    if not words:
        return sa.select(sa.literal(0)).where(sa.false())
    # Letters, signs and digits only: nothing in them is of meaning to a query.
    if conn.dialect.name == "sqlite":
        match = " ".join(f'"{word}"*' for word in words)
        return (
            sa.select(sa.column("rowid"))
            .select_from(sa.table("dispatch_words"))
            .where(sa.text("dispatch_words MATCH :match").bindparams(match=match))
        )
    match = " & ".join(f"'{word}':*" for word in words)
    return (
        sa.select(sa.column("dispatch_id"))
        .select_from(sa.table("dispatch_words"))
        .where(sa.text("words @@ CAST(:match AS tsquery)").bindparams(match=match))
    )


def countries_with_news(conn: Connection, now: datetime) -> list[str]:
    """Countries that recent news is about, the most news first."""
    count = sa.func.count().label("n")
    rows = conn.execute(
        sa.select(dispatch_countries.c.country, count)
        .join(dispatches, dispatches.c.id == dispatch_countries.c.dispatch_id)
        .where(dispatches.c.status == "ready", dispatches.c.sort_at > now - RECENT)
        .group_by(dispatch_countries.c.country)
        .order_by(count.desc(), dispatch_countries.c.country)
    )
    return [row.country for row in rows]


def summaries(conn: Connection, source_id: int, limit: int) -> list[tuple[int, str]]:
    """The id and the summary of what this source brought, the latest first."""
    here = dispatches.c.source_id == source_id
    query = sa.select(dispatches.c.id, dispatches.c.summary, dispatches.c.text).where(here)
    rows = conn.execute(query.order_by(dispatches.c.id.desc()).limit(limit))
    return [(row.id, row.summary or row.text) for row in rows]


@dataclass(frozen=True, slots=True)
class Vanished:
    """A dispatch that its source no longer lists."""

    id: int
    text: str


def vanished(conn: Connection, source_id: int, listed: Iterable[str], since: datetime) -> list[Vanished]:
    """What this source showed since then and lists no more under any name, the latest first."""
    here = set(listed)
    named = conn.execute(
        sa.select(identities.c.dispatch_id, identities.c.identity)
        .where(identities.c.source_id == source_id, identities.c.seen_at > since)
        .order_by(identities.c.seen_at.desc(), identities.c.dispatch_id.desc())
    ).all()
    still = {row.dispatch_id for row in named if row.identity in here}
    gone = list(dict.fromkeys(row.dispatch_id for row in named if row.dispatch_id not in still))[:500]
    rows = conn.execute(sa.select(dispatches.c.id, dispatches.c.text).where(dispatches.c.id.in_(gone)))
    texts = {row.id: row.text for row in rows}
    return [Vanished(dispatch_id, texts[dispatch_id]) for dispatch_id in gone]
