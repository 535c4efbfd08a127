"""Why somebody was told a dispatch, or was not: read out of what is kept. Changes nothing.

Told, waiting, held, not concerned, not sent: the first that holds, and the rules that say so. What is asked here is
what ``deliveries`` asks when it plans and when it marks; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import accounts as accounts_
from storage import leases
from storage.accounts import AccountState
from storage.rows import stands
from storage.schema import (
    accounts,
    addresses,
    broadcasts,
    deliveries,
    dispatch_countries,
    dispatch_topics,
    dispatches,
    people,
    person_countries,
    person_topics,
    sources,
    told,
)
from storage.schema import leases as lease_rows

Verdict = Literal["told", "waiting", "held", "not concerned", "not sent"]

MOST_AHEAD = 10_000  # in the queue: more are not counted, for the answer is wanted at once

# What keeps a dispatch from somebody, as a mark would find it now; the others count at planning only.
AT_THE_MARK = {"never subscribed", "stopped", "country", "regional", "topic"}


class Unknown(LookupError):
    """``what`` is "person" or "dispatch": there is none of this name."""

    def __init__(self, what: Literal["person", "dispatch"]) -> None:
        super().__init__(f"there is no such {what}")
        self.what = what


@dataclass(frozen=True, slots=True)
class Broadcast:
    id: int
    kind: str
    state: str
    created_at: datetime
    planned_at: datetime | None
    cursor: int


@dataclass(frozen=True, slots=True)
class Delivery:
    id: int
    broadcast_id: int
    state: str
    why: str
    account: str
    channel: str
    priority: int
    created_at: datetime
    due_at: datetime
    valid_until: datetime | None
    marked_at: datetime | None
    done_at: datetime | None
    attempt: int
    part: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The person, as far as it decides what they hear."""

    id: int
    pseudonym: str
    kind: str
    subscribed: bool
    since: datetime | None
    stopped_at: datetime | None
    all_countries: bool
    all_topics: bool
    regional: bool
    countries: tuple[str, ...]
    topics: tuple[str, ...]
    open_addresses: int
    lost: tuple[str, str] | None  # (account, why) of the address that was heard last, when none is open
    lost_at: datetime | None  # when the platform told us itself


@dataclass(frozen=True, slots=True)
class News:
    """The dispatch, as far as it decides who hears it."""

    id: int
    source: str
    title: str
    status: str
    why: str
    push: bool
    published: datetime | None
    first_seen: datetime
    first_fetch: bool  # it came with the first look at its source
    countries: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """``rules`` names what decided: all of them, the first one foremost. ``since``: as long as it is so, if known."""

    person: Subject
    dispatch: News
    verdict: Verdict
    rules: tuple[str, ...]
    since: datetime | None = None
    broadcast: Broadcast | None = None
    delivery: Delivery | None = None
    account: AccountState | None = None  # of the delivery
    driven: bool | None = None  # some process drives the account; None where no lease tells (SQLite)
    ahead: int = 0  # in the queue of the account, ``MOST_AHEAD`` at the most


def why(conn: Connection, pseudonym: str, dispatch_id: int, now: datetime) -> Reason:
    """The one reason why this person was told this dispatch, or was not. ``Unknown`` when there is no such one."""
    person, news = _subject(conn, pseudonym), _news(conn, dispatch_id)
    fact = conn.execute(
        sa.select(told.c.broadcast_id, told.c.at).where(
            told.c.recipient_id == person.id, told.c.dispatch_id == dispatch_id
        )
    ).first()
    delivery = _delivery(conn, person.id, dispatch_id, fact.broadcast_id if fact else None)
    broadcast = _broadcast(conn, dispatch_id, delivery.broadcast_id if delivery else fact and fact.broadcast_id)
    if delivery:
        return _with_queue(conn, _of_delivery(person, news, broadcast, delivery, now))
    if fact:  # single deliveries are forgotten after a while, or it was told to somebody whom they were joined with
        return Reason(person, news, "told", ("sent",), fact.at, broadcast)
    return _without_delivery(person, news, broadcast, now)


# ── What decides ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_delivery(person: Subject, news: News, broadcast: Broadcast | None, delivery: Delivery, now: datetime) -> Reason:
    def because(verdict: Verdict, *rules: str, since: datetime | None) -> Reason:
        return Reason(person, news, verdict, rules, since, broadcast, delivery)

    ended = delivery.done_at or delivery.marked_at or delivery.created_at
    match delivery.state:
        case "sent" | "unclear":
            return because("told", delivery.state, since=ended)
        case "sending":
            return because("waiting", "sending", since=delivery.marked_at)
        case "stopped":
            return because("not concerned", "stopped", since=ended)
        case "unconcerned":
            chosen = [rule for rule in _rules(person, news, None) if rule in AT_THE_MARK]
            return because("not concerned", *(chosen or ["chosen since"]), since=ended)
        case "pending" | "claimed" | "closed":
            pass
        case "paused":
            return because("held", "paused", since=ended)
        case state if delivery.done_at is not None:
            return because("not sent", state, since=ended)
        case state:  # one that waits for something of its own
            return because("waiting", state, since=delivery.created_at)
    # It waits, and would be sent now; or the mark would find what keeps it back.
    if delivery.valid_until is not None and delivery.valid_until <= now:
        return because("not sent", "expired", since=delivery.valid_until)
    if broadcast and broadcast.state == "cancelled":
        return because("not sent", "cancelled", since=None)
    if news.status == "held":
        return because("held", "editor", since=news.first_seen)
    if news.status == "withdrawn":
        return because("not sent", "withdrawn", since=None)
    rules = _rules(person, news, None)
    if kept_back := [rule for rule in rules if rule in AT_THE_MARK]:
        return because("not concerned", *kept_back, since=person.stopped_at)
    if delivery.state == "closed":
        return because("held", "closed", since=ended)
    if rules:
        return because("not sent", *rules, since=person.lost_at)
    return because("waiting", delivery.state, since=delivery.created_at)


def _without_delivery(person: Subject, news: News, broadcast: Broadcast | None, now: datetime) -> Reason:
    def because(verdict: Verdict, *rules: str, since: datetime | None = None) -> Reason:
        return Reason(person, news, verdict, rules, since, broadcast)

    if news.status == "held":
        return because("held", "editor", since=news.first_seen)
    if news.status == "withdrawn":
        return because("not sent", "withdrawn")
    if not broadcast:
        return because("not concerned", _never_pushed(news), since=news.first_seen)
    if rules := _rules(person, news, broadcast):
        return because("not concerned", *rules, since=person.stopped_at if rules[0] == "stopped" else None)
    if broadcast.state == "cancelled":
        return because("not sent", "cancelled")
    if broadcast.state == "planning" and broadcast.cursor < person.id:
        return because("waiting", "planning", since=broadcast.created_at)
    from storage.deliveries import KEPT  # late: with it come the keys, and a tenth of a second

    planned_at = broadcast.planned_at or now
    if planned_at < now - KEPT:
        return because("not sent", "forgotten", since=planned_at)
    return because("not concerned", "chosen since", since=planned_at)


def _never_pushed(news: News) -> str:
    if news.push:
        return "no broadcast"
    if news.first_fetch:
        return "first fetch"
    from storage.dispatches import OLD

    return "too old" if news.published and news.published < news.first_seen - OLD else "not pushed"


def _rules(person: Subject, news: News, broadcast: Broadcast | None) -> list[str]:
    """All that keeps this dispatch from this person: as the plan of ``broadcast`` asks, or a mark."""
    rules = []
    if not person.subscribed:
        rules.append("stopped" if person.stopped_at else "never subscribed")
    elif broadcast and person.since and person.since > broadcast.created_at:
        rules.append("subscribed later")
    if not person.all_countries and not set(person.countries) & set(news.countries):
        if news.countries:
            rules.append("country")
        elif not person.regional:
            rules.append("regional")
    if not person.all_topics and not set(person.topics) & set(news.topics):
        rules.append("topic")
    if not person.open_addresses:
        rules.append("address gone" if person.lost else "no address")
    return rules


# ── What is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _subject(conn: Connection, pseudonym: str) -> Subject:
    row = conn.execute(sa.select(people).where(people.c.pseudonym == pseudonym)).first()
    if row is None:
        raise Unknown("person")
    theirs = conn.execute(
        sa.select(addresses.c.account, addresses.c.state, addresses.c.why, addresses.c.left_at)
        .where(addresses.c.person_id == row.id)
        .order_by(addresses.c.heard_at.desc().nulls_last(), addresses.c.id.desc())
    ).all()
    open_ones = sum(address.state == "open" for address in theirs)
    lost = theirs[0] if theirs and not open_ones else None
    return Subject(
        id=row.id,
        pseudonym=row.pseudonym,
        kind=row.kind,
        subscribed=row.subscribed,
        since=row.since,
        stopped_at=row.stopped_at,
        all_countries=row.all_countries,
        all_topics=row.all_topics,
        regional=row.regional,
        countries=_listed(conn, person_countries.c.country, person_countries.c.person_id == row.id),
        topics=_listed(conn, person_topics.c.topic, person_topics.c.person_id == row.id),
        open_addresses=open_ones,
        lost=(lost.account, lost.why) if lost else None,
        lost_at=lost.left_at if lost else None,
    )


def _news(conn: Connection, dispatch_id: int) -> News:
    row = conn.execute(
        sa.select(dispatches, sources.c.name.label("source"), sources.c.first_fetched_at)
        .join(sources, sources.c.id == dispatches.c.source_id)
        .where(dispatches.c.id == dispatch_id)
    ).first()
    if row is None:
        raise Unknown("dispatch")
    return News(
        id=row.id,
        source=row.source,
        title=row.title or row.summary,
        status=row.status,
        why=row.why,
        push=row.push,
        published=row.published,
        first_seen=row.first_seen,
        first_fetch=row.first_fetched_at is not None and row.first_seen == row.first_fetched_at,
        countries=_listed(conn, dispatch_countries.c.country, dispatch_countries.c.dispatch_id == dispatch_id),
        topics=_listed(conn, dispatch_topics.c.topic, dispatch_topics.c.dispatch_id == dispatch_id),
    )


def _listed(conn: Connection, column: sa.Column[Any], where: sa.ColumnElement[bool]) -> tuple[str, ...]:
    return tuple(conn.scalars(sa.select(column).where(where).order_by(column)))


_BROADCAST = sa.select(*(broadcasts.c[name] for name in Broadcast.__dataclass_fields__))


def _broadcast(conn: Connection, dispatch_id: int, broadcast_id: int | None) -> Broadcast | None:
    """This one; without an id the dispatch's own, which has an index for itself."""
    own = sa.and_(stands(broadcasts.c.kind, "dispatch"), broadcasts.c.dispatch_id == dispatch_id)
    row = conn.execute(_BROADCAST.where(own if broadcast_id is None else broadcasts.c.id == broadcast_id)).first()
    return Broadcast(*row) if row else None


def _delivery(conn: Connection, person_id: int, dispatch_id: int, told_by: int | None) -> Delivery | None:
    """The one that told them; else the latest that was to. A person has few: they are found by their recipient."""
    names = Delivery.__dataclass_fields__.keys() - {"channel"}
    columns = [deliveries.c[name] for name in Delivery.__dataclass_fields__ if name in names]
    here = sa.func.coalesce(addresses.c.channel, accounts.c.channel, "").label("channel")
    row = conn.execute(
        sa.select(*columns, here)
        .join(broadcasts, broadcasts.c.id == deliveries.c.broadcast_id)
        .outerjoin(addresses, addresses.c.id == deliveries.c.address_id)
        .outerjoin(accounts, accounts.c.name == deliveries.c.account)
        .where(
            deliveries.c.recipient_id == person_id,
            broadcasts.c.id == told_by if told_by is not None else broadcasts.c.dispatch_id == dispatch_id,
        )
        .order_by(deliveries.c.id.desc())
        .limit(1)
    ).first()
    return Delivery(**row._mapping) if row else None


def _with_queue(conn: Connection, reason: Reason) -> Reason:
    """For what waits: how its account is, and how many go first."""
    delivery = reason.delivery
    if reason.verdict != "waiting" or delivery is None:
        return reason
    account = next((state for state in accounts_.all_of_them(conn) if state.name == delivery.account), None)
    driven = _driven(conn, delivery.account)
    ahead = _ahead(conn, delivery) if delivery.state == "pending" else 0
    return replace(reason, account=account, driven=driven, ahead=ahead)


def _driven(conn: Connection, account: str) -> bool | None:
    if conn.dialect.name == "sqlite":
        return None
    until = conn.scalar(sa.select(lease_rows.c.expires_at).where(lease_rows.c.name == f"account:{account}"))
    return until is not None and until > leases.database_time(conn)


def _ahead(conn: Connection, delivery: Delivery) -> int:
    mine = sa.tuple_(
        sa.literal(delivery.priority),
        sa.literal(delivery.due_at, deliveries.c.due_at.type),
        sa.literal(delivery.id),
    )
    first = (
        sa.select(sa.literal(1))
        .where(
            deliveries.c.account == delivery.account,
            stands(deliveries.c.state, "pending"),
            sa.tuple_(deliveries.c.priority, deliveries.c.due_at, deliveries.c.id) < mine,
        )
        .limit(MOST_AHEAD)
        .subquery()
    )
    return conn.execute(sa.select(sa.func.count()).select_from(first)).scalar_one()


# ── What became of a dispatch ────────────────────────────────────────────────────────────────────────────────────────


def broadcasts_of(conn: Connection, dispatch_id: int) -> list[Broadcast]:
    """The dispatch's own, and what else was made of it."""
    of_it = _BROADCAST.where(broadcasts.c.dispatch_id == dispatch_id).order_by(broadcasts.c.id)
    return [Broadcast(*row) for row in conn.execute(of_it)]
