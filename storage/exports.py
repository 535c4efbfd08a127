"""What is kept about a person: how much of it, and all of it, handed over once by a link that only they were told."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import chats, people
from storage.keys import KeyGone, KeyStore, Tampered
from storage.schema import addresses, chat_lines, dispatches, exports, person_countries, person_topics, questions, told
from storage.schema import people as persons

LINK = timedelta(minutes=15)
LINES = 5_000  # of a web chat that are handed over: the last ones


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is kept about somebody."""

    addresses: int
    countries: int
    topics: int
    questions: int
    news: int
    lines: int


def kept(conn: Connection, person_id: int) -> Kept:
    lines = (
        sa.select(sa.func.count())
        .select_from(chat_lines.join(addresses, addresses.c.id == chat_lines.c.address_id))
        .where(addresses.c.person_id == person_id)
    )
    columns = {
        "addresses": addresses.c.person_id,
        "countries": person_countries.c.person_id,
        "topics": person_topics.c.person_id,
        "questions": questions.c.person_id,
        "news": told.c.recipient_id,
    }
    counts = [
        sa.select(sa.func.count()).where(column == person_id).scalar_subquery().label(name)
        for name, column in columns.items()
    ]
    return Kept(*map(int, conn.execute(sa.select(*counts, lines.scalar_subquery().label("lines"))).one()))


# ── The link ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def link(conn: Connection, keys: KeyStore, person_id: int, now: datetime) -> str:
    """The secret of a new link; an earlier one of this person works no more. Only its keyed hash is kept."""
    forget(conn, now)
    conn.execute(exports.delete().where(exports.c.person_id == person_id))
    token = secrets.token_urlsafe(32)
    conn.execute(exports.insert().values(hash=_hash(keys, token), person_id=person_id, made_at=now))
    return token


def works(conn: Connection, keys: KeyStore, token: str, now: datetime) -> bool:
    return conn.execute(sa.select(exports.c.hash).where(*_of(keys, token, now))).first() is not None


def take(conn: Connection, keys: KeyStore, token: str, now: datetime) -> dict[str, Any] | None:
    """All that is kept about whoever was given this link; None when it is used, too old, or nobody's. Works once."""
    person_id = conn.scalar(exports.delete().where(*_of(keys, token, now)).returning(exports.c.person_id))
    return None if person_id is None else collected(conn, keys, person_id, now)


def forget(conn: Connection, now: datetime) -> None:
    """Links whose time is over."""
    conn.execute(exports.delete().where(exports.c.made_at <= now - LINK))


def _hash(keys: KeyStore, token: str) -> bytes:
    return keys.hash("export", token)


def _of(keys: KeyStore, token: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return exports.c.hash == _hash(keys, token), exports.c.made_at > now - LINK


# ── What is in it ────────────────────────────────────────────────────────────────────────────────────────────────────


def collected(conn: Connection, keys: KeyStore, person_id: int, now: datetime) -> dict[str, Any]:
    """Everything about a person that can be read. ``web_chat`` holds ``chats.Line``s, for whoever knows their form."""
    person = conn.execute(sa.select(persons).where(persons.c.id == person_id)).one()
    topics = conn.scalars(sa.select(person_topics.c.topic).where(person_topics.c.person_id == person_id))
    countries = conn.scalars(sa.select(person_countries.c.country).where(person_countries.c.person_id == person_id))
    return {
        "made_at": _time(now),
        "called": person.pseudonym,
        "first_seen": _time(person.created_at),
        "last_seen": _time(person.seen_at),
        "settings": {
            "language": person.language,
            "time_zone": person.zone,
            "frequency": person.frequency,
            "quiet_hours": person.quiet,
            "regional_news": person.regional,
        },
        "subscription": {
            "subscribed": person.subscribed,
            "since": _time(person.since),
            "stopped_at": _time(person.stopped_at),
            "all_countries": person.all_countries,
            "countries": sorted(countries),
            "all_topics": person.all_topics,
            "topics": sorted(topics),
        },
        "consent": {"agreed_at": _time(person.agreed_at), "version": person.agreed_to},
        "addresses": _addresses(conn, keys, person_id),
        "questions": _questions(conn, keys, person_id),
        "web_chat": _lines(conn, keys, person_id),
        "news_told": _news(conn, person_id),
    }


def _addresses(conn: Connection, keys: KeyStore, person_id: int) -> list[dict[str, Any]]:
    rows = conn.execute(sa.select(addresses).where(addresses.c.person_id == person_id).order_by(addresses.c.id))
    return [
        {
            "channel": row.channel,
            "address": _opened(keys, people.ADDRESS, row),
            "open": row.state == "open",
            "since": _time(row.created_at),
            "last_heard": _time(row.heard_at),
        }
        for row in rows
    ]


def _questions(conn: Connection, keys: KeyStore, person_id: int) -> list[dict[str, Any]]:
    rows = conn.execute(sa.select(questions).where(questions.c.person_id == person_id).order_by(questions.c.id))
    return [
        {"asked_at": _time(row.asked_at), "language": row.language, "words": _opened(keys, people.QUESTION, row)}
        for row in rows
    ]


def _lines(conn: Connection, keys: KeyStore, person_id: int) -> list[chats.Line]:
    ids = conn.scalars(sa.select(addresses.c.id).where(addresses.c.person_id == person_id)).all()
    return sorted(
        (line for address_id in ids for line in chats.lines(conn, keys, address_id, limit=LINES)),
        key=lambda line: line.id,
    )


def _news(conn: Connection, person_id: int) -> list[dict[str, Any]]:
    rows = conn.execute(
        sa.select(told.c.at, dispatches.c.title, dispatches.c.summary, dispatches.c.link)
        .join(dispatches, dispatches.c.id == told.c.dispatch_id)
        .where(told.c.recipient_id == person_id)
        .order_by(told.c.at, told.c.dispatch_id)
    )
    return [{"at": _time(row.at), "news": row.title or row.summary, "link": row.link} for row in rows]


def _opened(keys: KeyStore, purpose: str, row: Any) -> str | None:
    """One row that is damaged must not keep all the others from them."""
    try:
        return keys.unseal(purpose, row.record, row.sealed).decode()
    except (KeyGone, Tampered):
        return None


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
