"""From a broadcast to each recipient, and every reply: what is to be sent, what is under way, and what became of it.

States of a delivery::

    pending ─▶ claimed ─▶ sending ─▶ sent | unclear | gone | refused
       ▲          │          │ ├────▶ closed (waits until the window opens) ─▶ pending
       └──────────┴──────────┘ └────▶ pending (later; once more after an unclear end; as plain text)
    at the 'sending' mark also: stopped | unconcerned | told | withdrawn | expired | cancelled

Written in two steps for the sake of what cannot be undone: 'sending' is durable and fenced before the request leaves
(L2).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import leases
from storage import people as people_
from storage.keys import KeyGone, KeyStore, Tampered
from storage.rows import insert, locked, stands
from storage.schema import (
    addresses,
    broadcasts,
    deliveries,
    dispatch_countries,
    dispatch_topics,
    dispatches,
    people,
    person_countries,
    person_topics,
    told,
)

REPLY, URGENT, NEWS = 0, 1, 5  # priorities: a person is answered first
MESSAGE = "message"  # the purpose that a reply is sealed for
CHUNK = 2500  # people in one transaction of the plan: under 10 ms on SQLite, though all of them are concerned (C4)
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Ours to send, if the 'sending' mark still allows it."""

    id: int
    priority: int
    recipient_id: int


@dataclass(frozen=True, slots=True)
class Marked:
    """Written down as 'sending': to be put on the wire now."""

    id: int
    attempt: int
    recipient_id: int
    address_id: int
    address: str
    group: bool
    language: str | None
    purpose: str
    broadcast_id: int | None
    dispatch_id: int | None
    message: bytes | None  # the reply
    part: int
    plain: bool
    anew: bool
    resent: bool


# ── Planning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def broadcast_dispatch(conn: Connection, dispatch_id: int, now: datetime, valid_until: datetime | None) -> int | None:
    """The one broadcast of this dispatch; None when it has one already."""
    return conn.execute(
        insert(conn, broadcasts)
        .values(kind="dispatch", dispatch_id=dispatch_id, state="planning", created_at=now, valid_until=valid_until)
        .on_conflict_do_nothing()
        .returning(broadcasts.c.id)
    ).scalar()


def to_plan(conn: Connection) -> list[int]:
    return list(
        conn.scalars(sa.select(broadcasts.c.id).where(broadcasts.c.state == "planning").order_by(broadcasts.c.id))
    )


def concerned(dispatch_id: Any) -> sa.ColumnElement[bool]:
    """Whom a dispatch concerns, as a condition on ``people``.

    Without a country it is regional: for those with all countries, or with regional news on. Without a topic it is for
    those with all topics.
    """
    # Asked of each person, and not IN (all followers): that set would be made anew for every chunk of a plan.
    follows_country = sa.exists().where(
        person_countries.c.person_id == people.c.id,
        dispatch_countries.c.dispatch_id == dispatch_id,
        dispatch_countries.c.country == person_countries.c.country,
    )
    follows_topic = sa.exists().where(
        person_topics.c.person_id == people.c.id,
        dispatch_topics.c.dispatch_id == dispatch_id,
        dispatch_topics.c.topic == person_topics.c.topic,
    )
    regional = ~sa.exists().where(dispatch_countries.c.dispatch_id == dispatch_id)
    return sa.and_(
        sa.or_(people.c.all_countries, follows_country, sa.and_(people.c.regional, regional)),
        sa.or_(people.c.all_topics, follows_topic),
    )


def _latest_open(column: sa.ColumnElement[Any], recipient_id: Any, *also: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The open address that was heard last of all that this recipient has."""
    return (
        sa.select(column)
        .where(addresses.c.person_id == recipient_id, addresses.c.state == "open", *also)
        .order_by(addresses.c.heard_at.desc().nulls_last(), addresses.c.id.desc())
        .limit(1)
    )


def plan_chunk(conn: Connection, broadcast_id: int, now: datetime, size: int = CHUNK) -> int | None:
    """Make delivery rows for the next ``size`` people; returns how many, or None when all are planned.

    A snapshot in chunks: the audience is who was subscribed at the broadcast's time, and the cursor moves in the
    chunk's own transaction (C3).
    """
    row = conn.execute(
        sa.select(broadcasts)
        .where(broadcasts.c.id == broadcast_id, broadcasts.c.state == "planning")
        .with_for_update(key_share=True)
    ).first()
    if row is None:
        return None
    next_people = (
        sa.select(people.c.id).where(people.c.id > row.cursor).order_by(people.c.id).limit(size).subquery("next_people")
    )
    last = conn.scalar(sa.select(sa.func.max(next_people.c.id)))
    if last is None:
        conn.execute(broadcasts.update().where(broadcasts.c.id == broadcast_id).values(state="sending", planned_at=now))
        return None
    home = addresses.alias("home")
    audience = (
        sa.select(
            sa.literal(broadcast_id),
            people.c.id,
            home.c.account,
            sa.literal(row.purpose),
            sa.literal(URGENT if row.urgent else NEWS),
            sa.literal(now, deliveries.c.due_at.type),
            sa.literal(row.valid_until, deliveries.c.valid_until.type),
            sa.literal(now, deliveries.c.created_at.type),
        )
        .select_from(people)
        .join(home, home.c.id == _latest_open(addresses.c.id, people.c.id).correlate(people).scalar_subquery())
        .where(
            people.c.id > row.cursor,
            people.c.id <= last,
            people.c.subscribed,
            people.c.since <= row.created_at,
            concerned(row.dispatch_id),
        )
    )
    names = ["broadcast_id", "recipient_id", "account", "purpose", "priority", "due_at", "valid_until", "created_at"]
    made = conn.execute(insert(conn, deliveries).from_select(names, audience).on_conflict_do_nothing())
    conn.execute(broadcasts.update().where(broadcasts.c.id == broadcast_id).values(cursor=last))
    return int(made.rowcount)


def reply(
    conn: Connection,
    keys: KeyStore,
    *,
    address: people_.Address,
    message: bytes,
    purpose: str,
    now: datetime,
    update_id: int | None = None,
    valid_for: timedelta = timedelta(days=2),
) -> int:
    """Queue a message to one address, ahead of every broadcast, in the transaction of the update that it answers."""
    record = secrets.token_hex(8)
    return int(
        conn.execute(
            deliveries.insert()
            .values(
                recipient_id=address.person_id,
                account=address.account,
                address_id=address.id,
                update_id=update_id,
                purpose=purpose,
                priority=REPLY,
                record=record,
                sealed=keys.seal(address.key_id, MESSAGE, record, message),
                key_id=address.key_id,
                due_at=now,
                created_at=now,
                valid_until=now + valid_for,
            )
            .returning(deliveries.c.id)
        ).scalar_one()
    )


# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _due(account: str) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.account == account, stands(deliveries.c.state, "pending"))


def _priorities(conn: Connection, account: str) -> Iterator[int]:
    """Those that have pending rows, the most urgent first: a step in the index for each.

    Asked by priority, the rows that are due stand in one stretch of the index; what is due tomorrow is not even read.
    """
    # First in order, not min(): right after a plan PostgreSQL knows nothing of the new rows, and would read them all.
    next_one = sa.select(deliveries.c.priority).where(_due(account)).order_by(deliveries.c.priority).limit(1)
    last = -1
    while (found := conn.scalar(next_one.where(deliveries.c.priority > last))) is not None:
        yield (last := int(found))


def claim(
    conn: Connection,
    account: str,
    epoch: int,
    now: datetime,
    limit: int,
    *,
    replies_only: bool = False,
    lease: str | None = None,
) -> list[Claimed]:
    """Take the next rows of this account that are due, the most urgent first; none when ``lease`` is no longer held."""
    if lease is not None and not leases.holds(conn, lease, epoch):
        return []
    rows: list[Claimed] = []
    for priority in [REPLY] if replies_only else _priorities(conn, account):
        if len(rows) >= limit:
            break
        next_ones = (
            sa.select(deliveries.c.id, deliveries.c.priority, deliveries.c.recipient_id)
            .where(_due(account), deliveries.c.priority == priority, deliveries.c.due_at <= now)
            .order_by(deliveries.c.due_at, deliveries.c.id)
            .limit(limit - len(rows))
        )
        rows += [Claimed(*row) for row in conn.execute(locked(conn, next_ones, deliveries))]
    if rows:
        conn.execute(
            deliveries.update()
            .where(deliveries.c.id.in_([row.id for row in rows]))
            .values(state="claimed", epoch=epoch)
        )
    return rows


def mark_sending(
    conn: Connection, keys: KeyStore, delivery_id: int, lease: str, epoch: int, now: datetime
) -> Marked | None:
    """The last look before the wire, and the durable word that it is on its way (L2).

    Stop, concern, told and end of use are checked here and not only in the plan. None: not to be sent (its state says
    why), or no longer ours.
    """
    person = conn.execute(
        # A stop waits for this mark, or this mark for the stop: never both at once. First of all locks, for whoever
        # changes a person takes this one first too.
        sa.select(people.c.language, people.c.subscribed, people.c.kind, leases.held(conn, lease, epoch).label("ours"))
        .where(
            people.c.id == sa.select(deliveries.c.recipient_id).where(deliveries.c.id == delivery_id).scalar_subquery()
        )
        .with_for_update(read=True)
    ).first()
    if person is None or not person.ours:
        return None
    row = conn.execute(
        sa.select(deliveries, broadcasts.c.dispatch_id, broadcasts.c.state.label("broadcast_state"))
        .outerjoin(broadcasts, broadcasts.c.id == deliveries.c.broadcast_id)
        .where(deliveries.c.id == delivery_id, deliveries.c.state == "claimed", deliveries.c.epoch == epoch)
        .with_for_update(of=deliveries)
    ).first()
    if row is None:
        return None
    if unfit := _unfit(conn, row, person, now):
        _finish(conn, delivery_id, unfit, "", now)
        return None
    address = _address(conn, row)
    if address is None:
        _rehome(conn, row, now)
        return None
    try:
        name = keys.unseal(people_.ADDRESS, address.record, address.sealed).decode()
        message = keys.unseal(MESSAGE, row.record, row.sealed) if row.sealed else None
    except (KeyGone, Tampered) as error:  # erased a moment ago, or damaged: nothing here can ever be read
        _finish(conn, delivery_id, "gone", type(error).__name__, now)
        return None
    ours = conn.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery_id, leases.held(conn, lease, epoch))
        .values(state="sending", attempt=row.attempt + 1, address_id=address.id, marked_at=now)
    )
    if not ours.rowcount:
        return None
    if row.dispatch_id is not None and not _tell(conn, row, now):
        _finish(conn, delivery_id, "told", "", now)
        return None
    return Marked(
        id=row.id,
        attempt=row.attempt + 1,
        recipient_id=row.recipient_id,
        address_id=address.id,
        address=name,
        group=person.kind == "group",
        language=person.language,
        purpose=row.purpose,
        broadcast_id=row.broadcast_id,
        dispatch_id=row.dispatch_id,
        message=message,
        part=row.part,
        plain=row.plain,
        anew=row.anew,
        resent=row.resent,
    )


def _unfit(conn: Connection, row: Any, person: Any, now: datetime) -> str:
    """Why this is not sent after all, as the state that it ends in; empty when it is fit to go."""
    if row.valid_until is not None and row.valid_until <= now:
        return "expired"
    if row.broadcast_id is None:
        return ""
    if not person.subscribed:
        return "stopped"
    if row.broadcast_state == "cancelled":
        return "cancelled"
    if row.dispatch_id is None:
        return ""
    news = conn.execute(
        sa.select(dispatches.c.status, concerned(row.dispatch_id).label("wanted"))
        .join_from(dispatches, people, people.c.id == row.recipient_id)
        .where(dispatches.c.id == row.dispatch_id)
    ).one()
    if news.status != "ready":
        return "withdrawn"
    return "" if news.wanted else "unconcerned"


def _tell(conn: Connection, row: Any, now: datetime) -> bool:
    """The fact that they are told is unique, and decided here (T1); False when another broadcast told them."""
    first = conn.scalar(
        insert(conn, told)
        .values(recipient_id=row.recipient_id, dispatch_id=row.dispatch_id, broadcast_id=row.broadcast_id, at=now)
        .on_conflict_do_nothing()
        .returning(told.c.broadcast_id)
    )
    if first is not None:
        return True
    this_one = (told.c.recipient_id == row.recipient_id, told.c.dispatch_id == row.dispatch_id)
    return bool(conn.scalar(sa.select(told.c.broadcast_id).where(*this_one)) == row.broadcast_id)


def _address(conn: Connection, row: Any) -> Any:
    """Where it goes: a reply to where the words came from, news to the address of this account heard last."""
    if row.broadcast_id is None:
        this_one = (addresses.c.id == row.address_id, addresses.c.person_id == row.recipient_id)
        return conn.execute(sa.select(addresses).where(*this_one, addresses.c.state == "open")).first()
    found = _latest_open(addresses.c.id, row.recipient_id, addresses.c.account == row.account).scalar_subquery()
    return conn.execute(sa.select(addresses).where(addresses.c.id == found)).first()


def _rehome(conn: Connection, row: Any, now: datetime) -> None:
    """No open address on this account: news goes, from its first part on, to another of theirs, if there is one."""
    other = conn.scalar(_latest_open(addresses.c.account, row.recipient_id)) if row.broadcast_id is not None else None
    if other is None:
        _finish(conn, row.id, "gone", "no open address", now)
        return
    conn.execute(
        deliveries.update()
        .where(deliveries.c.id == row.id)
        .values(
            state="pending", account=other, address_id=None, due_at=now, part=0, ids=sa.null(), plain=False, anew=False
        )
    )


def _finish(conn: Connection, delivery_id: int, state: str, why: str, now: datetime) -> None:
    conn.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery_id)
        .values(state=state, why=why, done_at=now, sealed=None, record=None)
    )


# ── What became of it ────────────────────────────────────────────────────────────────────────────────────────────────


def _under_way(marked: Marked) -> sa.ColumnElement[bool]:
    return sa.and_(
        deliveries.c.id == marked.id, deliveries.c.state == "sending", deliveries.c.attempt == marked.attempt
    )


def part_sent(conn: Connection, marked: Marked, parts_out: int, platform_id: str, now: datetime, *, done: bool) -> None:
    """``parts_out`` parts are out. A fact, so it is written down whichever epoch it comes from (L1), and once if it is
    told twice."""
    row = conn.execute(
        sa.select(deliveries.c.ids, deliveries.c.part).where(_under_way(marked)).with_for_update()
    ).first()
    if row is None:
        return
    values: dict[str, Any] = {}
    if parts_out > row.part:
        values = {"part": parts_out, "ids": [*(row.ids or []), platform_id]}
    if done:
        values |= {"state": "sent", "done_at": now, "why": "", "sealed": None, "record": None}
    if values:
        conn.execute(deliveries.update().where(deliveries.c.id == marked.id).values(**values))


def put_back(conn: Connection, marked: Marked, epoch: int, due_at: datetime, why: str, **flags: bool) -> None:
    """Pending again from ``due_at`` on. ``flags``: resent, plain, anew."""
    conn.execute(
        deliveries.update()
        .where(_under_way(marked), deliveries.c.epoch == epoch)
        .values(state="pending", due_at=due_at, why=why, **flags)
    )


def finish(conn: Connection, marked: Marked, epoch: int, state: str, why: str, now: datetime) -> None:
    """Ends as ``unclear``, ``refused``, ``gone`` or ``closed``; a closed one keeps its words, for it may open again."""
    values: dict[str, Any] = {"state": state, "why": why, "done_at": now}
    if state != "closed":
        values |= {"sealed": None, "record": None}
    conn.execute(deliveries.update().where(_under_way(marked), deliveries.c.epoch == epoch).values(**values))


def release(conn: Connection, ids: list[int], epoch: int) -> None:
    """Claimed and not begun: back in the queue."""
    conn.execute(
        deliveries.update()
        .where(deliveries.c.id.in_(ids), deliveries.c.state == "claimed", deliveries.c.epoch == epoch)
        .values(state="pending")
    )


def address_waits(conn: Connection, address_id: int, until: datetime) -> None:
    """Nothing to this address before ``until``, and what waits for it keeps its order: also news, whose address is
    chosen at sending."""
    address = conn.execute(
        sa.select(addresses.c.person_id, addresses.c.account).where(addresses.c.id == address_id)
    ).first()
    if address is None:
        return
    to_it = sa.or_(
        deliveries.c.address_id == address_id,
        sa.and_(deliveries.c.address_id.is_(None), deliveries.c.account == address.account),
    )
    conn.execute(
        deliveries.update()
        .where(deliveries.c.recipient_id == address.person_id, to_it)
        .where(deliveries.c.state == "pending", deliveries.c.due_at < until)
        .values(due_at=until)
    )


def reopen(conn: Connection, person_id: int, now: datetime) -> int:
    """The window is open again: what was closed, and is still of use, is due now."""
    still = sa.or_(deliveries.c.valid_until.is_(None), deliveries.c.valid_until > now)
    return conn.execute(
        deliveries.update()
        .where(deliveries.c.recipient_id == person_id, stands(deliveries.c.state, "closed"), still)
        .values(state="pending", due_at=now, done_at=None)
    ).rowcount


def reap(conn: Connection, account: str, epoch: int, now: datetime, sent_before: datetime) -> tuple[int, int]:
    """What an earlier session of this account left behind; returns (put back, judged unclear).

    Claimed rows go back at once. Rows marked 'sending' before ``sent_before`` may have arrived: news and replies are
    sent once more, at the most; a counsellor's words never are (T2, L4).
    """
    under_way = stands(deliveries.c.state, "claimed", "sending")
    old = sa.and_(deliveries.c.account == account, under_way, deliveries.c.epoch < epoch)
    back = conn.execute(
        deliveries.update().where(old, deliveries.c.state == "claimed").values(state="pending")
    ).rowcount
    judged = sa.and_(old, deliveries.c.state == "sending", deliveries.c.marked_at <= sent_before)
    once_more = sa.and_(judged, deliveries.c.resent.is_(False), deliveries.c.purpose != "counselling")
    again = conn.execute(
        deliveries.update()
        .where(once_more)
        .values(state="pending", resent=True, due_at=now, why="stopped in the middle")
    ).rowcount
    unclear = conn.execute(
        deliveries.update()
        .where(judged)
        .values(state="unclear", done_at=now, why="stopped in the middle", sealed=None, record=None)
    ).rowcount
    return back, again + unclear


def counts(conn: Connection, broadcast_id: int) -> dict[str, int]:
    """How many recipients of a broadcast are in each state."""
    rows = conn.execute(
        sa.select(deliveries.c.state, sa.func.count())
        .where(deliveries.c.broadcast_id == broadcast_id)
        .group_by(deliveries.c.state)
    )
    return {row[0]: row[1] for row in rows}


def forget(conn: Connection, now: datetime, limit: int = 1000) -> int:
    """Rows of single deliveries live thirty days; what somebody was told stays known (K5). What waits for a window
    ends with its use, and its words with it.

    Returns how many were forgotten, ``limit`` at the most: again until it is 0, in transactions of their own (C4).
    """
    useless = (
        sa.select(deliveries.c.id)
        .where(stands(deliveries.c.state, "closed"), deliveries.c.valid_until <= now)
        .limit(limit)
    )
    expired = conn.execute(
        deliveries.update().where(deliveries.c.id.in_(useless)).values(state="expired", sealed=None, record=None)
    ).rowcount
    old = (
        sa.select(deliveries.c.id).where(deliveries.c.done_at < now - KEPT).order_by(deliveries.c.done_at).limit(limit)
    )
    forgotten = conn.execute(deliveries.delete().where(deliveries.c.id.in_(old))).rowcount
    return expired + forgotten
