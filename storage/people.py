"""People and their addresses. What is personal is sealed with the person's own key; the rest is ids and choices."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.keys import KeyGone, KeyStore, Tampered
from storage.rows import insert, stands
from storage.schema import (
    addresses,
    chat_receipts,
    deliveries,
    doomed_keys,
    people,
    person_countries,
    person_topics,
    questions,
    staff,
    told,
    wills,
)

ADDRESS, QUESTION = "address", "question"  # the purposes that these are sealed for
UNFINISHED = ("pending", "claimed", "sending", "closed")  # states of a delivery that may still be sent
LEAVING = "leaving"
FAREWELL = timedelta(hours=1)  # that a last message has to reach somebody


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who talks to the hub, or a partner's group. Nothing here names them."""

    id: int
    pseudonym: str
    kind: str
    key_id: str
    language: str | None
    agreed: bool
    subscribed: bool
    since: datetime | None  # subscribed since then
    all_topics: bool
    all_countries: bool
    regional: bool
    topics: frozenset[str]
    countries: frozenset[str]
    zone: str | None  # with frequency and quiet: ``storage.rhythms.Rhythm``
    frequency: str
    quiet: str | None
    step: str
    offered: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    id: int
    person_id: int
    channel: str
    account: str
    state: str
    heard_at: datetime | None
    left_at: datetime | None
    key_id: str


_ADDRESS = sa.select(*(addresses.c[name] for name in Address.__dataclass_fields__))

# No letters or digits that are mistaken for one another when read out.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def pseudonym() -> str:
    return "p-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def find(conn: Connection, keys: KeyStore, channel: str, account: str, address: str) -> Address | None:
    row = conn.execute(
        _ADDRESS.where(addresses.c.account == account, addresses.c.lookup == keys.lookup(channel, account, address))
    ).first()
    return Address(*row) if row else None


def address(conn: Connection, address_id: int) -> Address:
    return Address(*conn.execute(_ADDRESS.where(addresses.c.id == address_id)).one())


def meet(
    conn: Connection, keys: KeyStore, channel: str, account: str, name: str, now: datetime, *, group: bool = False
) -> Address:
    """The address of this name; on the first meeting, made with a person and a key of their own."""
    if known := find(conn, keys, channel, account, name):
        return known
    key_id = keys.new_person()
    person_id = _new_person(conn, key_id, "group" if group else "person", now)
    record = secrets.token_hex(8)
    address_id = conn.scalar(
        insert(conn, addresses)
        .values(
            person_id=person_id,
            channel=channel,
            account=account,
            lookup=keys.lookup(channel, account, name),
            record=record,
            sealed=keys.seal(key_id, ADDRESS, record, name.encode()),
            key_id=key_id,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["account", "lookup"])
        .returning(addresses.c.id)
    )
    if address_id is None:  # another process met them in this moment
        conn.execute(people.delete().where(people.c.id == person_id))
        known = find(conn, keys, channel, account, name)
        assert known is not None  # noqa: S101
        return known
    return address(conn, address_id)


def _new_person(conn: Connection, key_id: str, kind: str, now: datetime) -> int:
    statement = insert(conn, people).on_conflict_do_nothing(index_elements=["pseudonym"]).returning(people.c.id)
    while True:  # a pseudonym may be taken: rare, and not so rare among a million
        values = {"pseudonym": pseudonym(), "kind": kind, "key_id": key_id, "created_at": now, "seen_at": now}
        if (person_id := conn.scalar(statement.values(**values))) is not None:
            return int(person_id)


def rename(conn: Connection, keys: KeyStore, address_id: int, name: str) -> int:
    """The platform gave this address another name. Returns the id of the address that has it now."""
    row = conn.execute(sa.select(addresses).where(addresses.c.id == address_id)).first()
    if row is None:  # erased while a message to it was on the wire
        return address_id
    if (known := find(conn, keys, row.channel, row.account, name)) and known.id != address_id:
        _join(conn, keys, row, known, name)
        return known.id
    conn.execute(
        addresses.update()
        .where(addresses.c.id == address_id)
        .values(lookup=keys.lookup(row.channel, row.account, name), **_sealed(keys, row.key_id, name))
    )
    return address_id


def _sealed(keys: KeyStore, key_id: str, name: str) -> dict[str, object]:
    record = secrets.token_hex(8)
    return {"record": record, "sealed": keys.seal(key_id, ADDRESS, record, name.encode()), "key_id": key_id}


def _join(conn: Connection, keys: KeyStore, old: Any, new: Address, name: str) -> None:
    """Both names of one address were met already: the row of the new name stands, for whoever chose what to hear.

    That is the person of the new name if they ever subscribed or stopped there, else the one of the old name: a group
    that moves keeps its news. Nobody is told twice.
    """
    first, second = sorted((old.person_id, new.person_id))
    lock(conn, first)
    lock(conn, second)
    decided = sa.or_(people.c.subscribed, people.c.stopped_at.is_not(None))
    chose = conn.scalar(sa.select(decided).where(people.c.id == new.person_id))
    stays, goes = (new.person_id, old.person_id) if chose else (old.person_id, new.person_id)
    if stays != goes:
        _unite_told(conn, goes, stays)
        key_id = conn.scalar(sa.select(people.c.key_id).where(people.c.id == stays))
        conn.execute(
            addresses.update()
            .where(addresses.c.id == new.id)
            .values(person_id=stays, **_sealed(keys, key_id or new.key_id, name))
        )
    # A reply follows its address, under way or not; news finds it by its recipient.
    ends_there = sa.and_(deliveries.c.address_id.in_([old.id, new.id]), deliveries.c.broadcast_id.is_(None))
    conn.execute(
        deliveries.update()
        .where(ends_there, deliveries.c.state.in_(UNFINISHED))
        .values(address_id=new.id, recipient_id=stays)
    )
    conn.execute(addresses.update().where(addresses.c.id == old.id).values(state="gone", why="moved"))


def _unite_told(conn: Connection, goes: int, stays: int) -> None:
    heard_of = sa.select(sa.literal(stays), told.c.dispatch_id, told.c.broadcast_id, told.c.at).where(
        told.c.recipient_id == goes,
        # What was marked under the old name and has not arrived is for the new one to be told.
        ~sa.exists().where(
            deliveries.c.recipient_id == goes,
            deliveries.c.broadcast_id == told.c.broadcast_id,
            deliveries.c.state.in_(UNFINISHED),
        ),
    )
    names = ["recipient_id", "dispatch_id", "broadcast_id", "at"]
    conn.execute(insert(conn, told).from_select(names, heard_of).on_conflict_do_nothing())


def _latest(column: sa.Column[Any], at: datetime) -> sa.ColumnElement[Any]:
    """The later of what is known and ``at``: what comes late moves nothing back (S4)."""
    return sa.case((column > at, column), else_=sa.literal(at, column.type))


def heard(conn: Connection, address_id: int, at: datetime, window_until: datetime | None = None) -> None:
    """A word of theirs at the platform's time ``at``: the address is open, unless they left at that time or later."""
    values: dict[str, object] = {"state": "open", "why": "", "heard_at": _latest(addresses.c.heard_at, at)}
    if window_until is not None:
        values["window_until"] = _latest(addresses.c.window_until, window_until)
    not_left_since = sa.or_(addresses.c.left_at.is_(None), addresses.c.left_at < at)
    conn.execute(addresses.update().where(addresses.c.id == address_id, not_left_since).values(**values))


def lost(conn: Connection, address_id: int, why: str, at: datetime | None = None) -> None:
    """Blocked or deleted. ``at`` is the platform's time of it, when the platform told us itself: whoever was heard
    after that is back already."""
    gone = addresses.update().where(addresses.c.id == address_id)
    if at is None:
        conn.execute(gone.values(state="gone", why=why))
        return
    not_back = sa.or_(addresses.c.heard_at.is_(None), addresses.c.heard_at <= at)
    conn.execute(gone.where(not_back).values(state="gone", why=why, left_at=_latest(addresses.c.left_at, at)))


def called(conn: Connection, keys: KeyStore, person_id: int, name: str) -> Address | None:
    """The address of this person that bears this name; of several, the one heard last."""
    theirs = sa.select(addresses).where(addresses.c.person_id == person_id)
    for row in conn.execute(theirs.order_by(addresses.c.heard_at.desc().nulls_last(), addresses.c.id.desc())).all():
        with contextlib.suppress(KeyGone, Tampered):
            if keys.unseal(ADDRESS, row.record, row.sealed).decode() == name:
                return address(conn, row.id)
    return None


def reachable(conn: Connection, person_id: int) -> bool:
    """Whether any address of theirs is open."""
    open_one = sa.select(addresses.c.id).where(addresses.c.person_id == person_id, addresses.c.state == "open")
    return conn.execute(open_one.limit(1)).first() is not None


def get(conn: Connection, person_id: int) -> Person:
    row = conn.execute(sa.select(people).where(people.c.id == person_id)).one()
    topics = conn.scalars(sa.select(person_topics.c.topic).where(person_topics.c.person_id == person_id))
    countries = conn.scalars(sa.select(person_countries.c.country).where(person_countries.c.person_id == person_id))
    return Person(
        id=row.id,
        pseudonym=row.pseudonym,
        kind=row.kind,
        key_id=row.key_id,
        language=row.language,
        agreed=row.agreed_at is not None,
        subscribed=row.subscribed,
        since=row.since,
        all_topics=row.all_topics,
        all_countries=row.all_countries,
        regional=row.regional,
        topics=frozenset(topics),
        countries=frozenset(countries),
        zone=row.zone,
        frequency=row.frequency,
        quiet=row.quiet,
        step=row.step,
        offered=tuple(row.offered or ()),
    )


def lock(conn: Connection, person_id: int) -> Person:
    """Like ``get``, and nobody else changes this person until the transaction ends (S4)."""
    # Not their id: rows that refer to them, like those of a broadcast being planned, need not wait.
    conn.execute(sa.select(people.c.id).where(people.c.id == person_id).with_for_update(key_share=True)).one()
    return get(conn, person_id)


def change(conn: Connection, person_id: int, **values: object) -> None:
    """Set columns of a person: language, zone, frequency, quiet, step, offered, regional, all_topics, all_countries."""
    if values:
        conn.execute(people.update().where(people.c.id == person_id).values(**values))


def agree(conn: Connection, person_id: int, version: str, now: datetime) -> None:
    change(conn, person_id, agreed_at=now, agreed_to=version)


def add_countries(conn: Connection, person_id: int, countries: Iterable[str]) -> None:
    for country in countries:
        conn.execute(
            insert(conn, person_countries).values(person_id=person_id, country=country).on_conflict_do_nothing()
        )


def add_topics(conn: Connection, person_id: int, topics: Iterable[str]) -> None:
    for topic in topics:
        conn.execute(insert(conn, person_topics).values(person_id=person_id, topic=topic).on_conflict_do_nothing())


def remove_countries(conn: Connection, person_id: int, countries: Iterable[str] | None = None) -> None:
    """None: all of them."""
    gone = person_countries.delete().where(person_countries.c.person_id == person_id)
    conn.execute(gone if countries is None else gone.where(person_countries.c.country.in_(list(countries))))


def remove_topics(conn: Connection, person_id: int, topics: Iterable[str] | None = None) -> None:
    """None: all of them."""
    gone = person_topics.delete().where(person_topics.c.person_id == person_id)
    conn.execute(gone if topics is None else gone.where(person_topics.c.topic.in_(list(topics))))


def subscribe(conn: Connection, person_id: int, now: datetime) -> None:
    """News begins now; ``since`` stays what it was for who is subscribed already."""
    conn.execute(
        people.update()
        .where(people.c.id == person_id, people.c.subscribed.is_(False))
        .values(subscribed=True, since=now, stopped_at=None)
    )


def stop(conn: Connection, person_id: int, now: datetime) -> None:
    """No more news, from this commit on; written down where a restore will read it."""
    conn.execute(
        people.update().where(people.c.id == person_id).values(subscribed=False, since=None, stopped_at=now, step="")
    )
    will(conn, person_id, "stop", now)


def will(conn: Connection, person_id: int, deed: str, now: datetime) -> None:
    name = sa.select(people.c.pseudonym).where(people.c.id == person_id).scalar_subquery()
    conn.execute(wills.insert().values(pseudonym=name, deed=deed, at=now))


def keep_question(conn: Connection, keys: KeyStore, person: Person, words: str, now: datetime) -> None:
    """Keep what somebody asks a counsellor, sealed, until a human takes it."""
    record = secrets.token_hex(8)
    conn.execute(
        questions.insert().values(
            person_id=person.id,
            record=record,
            sealed=keys.seal(person.key_id, QUESTION, record, words.encode()),
            key_id=person.key_id,
            language=person.language,
            asked_at=now,
        )
    )


def count(conn: Connection) -> int:
    """How many people and groups are known."""
    known = sa.select(sa.func.count()).select_from(people).where(people.c.kind != LEAVING)
    return conn.execute(known).scalar_one()


def waiting_questions(conn: Connection, keys: KeyStore) -> list[dict[str, object]]:
    """What waits for a counsellor, oldest first: pseudonym, language, asked_at, words."""
    rows = conn.execute(
        sa.select(questions, people.c.pseudonym)
        .join(people, people.c.id == questions.c.person_id)
        .where(questions.c.state == "waiting")
        .order_by(questions.c.asked_at)
    )
    return [
        {
            "id": row.id,
            "person": row.pseudonym,
            "language": row.language,
            "asked_at": row.asked_at,
            "words": keys.unseal(QUESTION, row.record, row.sealed).decode(),
        }
        for row in rows
    ]


GUEST = timedelta(days=7)


def forget(conn: Connection, now: datetime, kept: timedelta, limit: int = 200) -> int:
    """Questions older than ``kept`` go; and so does, with all that hangs on them, who never agreed to anything, said
    nothing for a week, left no question and no receipt, and is not of the staff.

    Returns how many people were forgotten, ``limit`` at the most: again until it is 0.
    """
    conn.execute(questions.delete().where(questions.c.asked_at < now - kept))
    asked = sa.select(questions.c.person_id)
    returning = sa.select(addresses.c.person_id).join(chat_receipts, chat_receipts.c.address_id == addresses.c.id)
    working = sa.select(staff.c.person_id).where(staff.c.person_id.is_not(None))
    guests = (
        sa.select(people.c.id, people.c.key_id)
        .where(
            people.c.agreed_at.is_(None),
            people.c.seen_at < now - GUEST,
            people.c.kind == "person",
            people.c.id.not_in(asked),
            people.c.id.not_in(returning),
            people.c.id.not_in(working),
        )
        .limit(limit)
    )
    found = conn.execute(guests).all()
    _doom(conn, [row.key_id for row in found], now)
    conn.execute(people.delete().where(people.c.id.in_([row.id for row in found])))
    return len(found)


# ── Erasing ──────────────────────────────────────────────────────────────────────────────────────────────────────────
#
# Everything of a person goes in one commit. Two things come after it, and both are rows, so that a crash only delays
# them: their key, which ``bot.erasure`` destroys at once, and the last message, which says that it is done. It goes to
# a ``farewell``: the address once more, under a fresh key and tied to nobody, which ends with the message.


def erase(conn: Connection, person_id: int, now: datetime) -> None:
    """All rows of this person go, also what is queued for them; a delivery marked 'sending' may still arrive.

    What stays is their will (a random name, 'erase', the time), and their key's id until the key is destroyed.
    """
    lock(conn, person_id)
    will(conn, person_id, "erase", now)
    theirs = sa.select(addresses.c.key_id).where(addresses.c.person_id == person_id)
    _doom(conn, conn.scalars(theirs.union(sa.select(people.c.key_id).where(people.c.id == person_id))).all(), now)
    conn.execute(people.delete().where(people.c.id == person_id))


def farewell(conn: Connection, keys: KeyStore, address_id: int, now: datetime) -> Address:
    """This address once more, for one last message. Nobody finds it: who writes from there is somebody new."""
    row = conn.execute(sa.select(addresses).where(addresses.c.id == address_id)).one()
    name = keys.unseal(ADDRESS, row.record, row.sealed).decode()
    key_id = keys.new_person()
    again = conn.execute(
        addresses.insert()
        .values(
            person_id=_new_person(conn, key_id, LEAVING, now),
            channel=row.channel,
            account=row.account,
            lookup=secrets.token_bytes(32),
            window_until=row.window_until,
            created_at=now,
            **_sealed(keys, key_id, name),
        )
        .returning(addresses.c.id)
    ).scalar_one()
    return address(conn, again)


def _parted(now: datetime) -> sa.Select[Any]:
    """Those whose last message is out, or had its time."""
    under_way = sa.exists().where(
        deliveries.c.recipient_id == people.c.id, deliveries.c.state.in_(["pending", "claimed", "sending"])
    )
    over = sa.or_(~under_way, people.c.created_at <= now - FAREWELL)
    return sa.select(people.c.id, people.c.key_id).where(stands(people.c.kind, LEAVING), over)


def any_parted(conn: Connection, now: datetime) -> bool:
    return conn.execute(_parted(now).limit(1)).first() is not None


def forget_parted(conn: Connection, now: datetime) -> None:
    """After their last message nothing is left of them."""
    found = conn.execute(_parted(now).with_for_update(key_share=True)).all()
    _doom(conn, [row.key_id for row in found], now)
    conn.execute(people.delete().where(people.c.id.in_([row.id for row in found])))


def _doom(conn: Connection, key_ids: Iterable[str], now: datetime) -> None:
    for key_id in key_ids:
        conn.execute(insert(conn, doomed_keys).values(key_id=key_id, at=now).on_conflict_do_nothing())


def doomed(conn: Connection) -> list[str]:
    """Keys that are to be destroyed."""
    return list(conn.scalars(sa.select(doomed_keys.c.key_id).order_by(doomed_keys.c.at)))


def destroyed(conn: Connection, key_ids: Iterable[str]) -> None:
    """They are, and no file holds them any more."""
    conn.execute(doomed_keys.delete().where(doomed_keys.c.key_id.in_(list(key_ids))))
