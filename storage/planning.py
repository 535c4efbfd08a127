"""From a broadcast to a row for each recipient: whom it is for, and when each of them is likely to want it.

Planning only estimates; the 'sending' mark decides (C1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.audience import chosen
from storage.rhythms import AT_ONCE, Due, Rhythm, Timing
from storage.rows import insert, stands
from storage.schema import (
    Moment,
    addresses,
    broadcasts,
    deliveries,
    dispatch_countries,
    dispatch_topics,
    people,
    person_countries,
    person_topics,
)

REPLY, URGENT, NEWS, CORRECTION = 0, 1, 5, 7  # priorities: a person is answered first
DIGEST = timedelta(days=1)  # that a digest is of use from its hour on
CHUNK = 1500  # people in one transaction of the plan: about 10 ms on SQLite, though all of them are concerned (C4)


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


# ── Whom it is for ───────────────────────────────────────────────────────────────────────────────────────────────────


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


def latest_open(column: sa.ColumnElement[Any], recipient_id: Any, *also: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The open address that was heard last of all that this recipient has."""
    return (
        sa.select(column)
        .where(addresses.c.person_id == recipient_id, addresses.c.state == "open", *also)
        .order_by(addresses.c.heard_at.desc().nulls_last(), addresses.c.id.desc())
        .limit(1)
    )


def _audience(broadcast: Any, home: Any) -> sa.ColumnElement[bool]:
    """A condition on ``people``: subscribed when the broadcast was made (C3), and meant by it."""
    if broadcast.kind == "correction":  # whoever may have read what it corrects
        got_it = sa.exists().where(
            earlier.c.broadcast_id == broadcast.corrects,
            earlier.c.recipient_id == people.c.id,
            earlier.c.state.in_(["sent", "unclear"]),
        )
        return sa.and_(people.c.subscribed, got_it)
    then = sa.and_(people.c.subscribed, people.c.since <= broadcast.created_at)
    if broadcast.kind == "staff":
        return sa.and_(then, chosen(broadcast.audience or {}, home))
    return sa.and_(then, concerned(broadcast.dispatch_id))


earlier = deliveries.alias("earlier")


# ── Its rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def plan_chunk(
    conn: Connection, broadcast_id: int, now: datetime, size: int = CHUNK, *, timing: Timing = AT_ONCE
) -> int | None:
    """Make delivery rows for the next ``size`` people; returns how many, or None when all are planned, or as many as
    the trial takes.

    A snapshot in chunks: the audience is who was subscribed at the broadcast's time, and the cursor moves in the
    chunk's own transaction (C3).
    """
    broadcast = conn.execute(
        sa.select(broadcasts)
        .where(broadcasts.c.id == broadcast_id, broadcasts.c.state == "planning")
        .with_for_update(key_share=True)
    ).first()
    if broadcast is None:
        return None
    next_people = (
        sa.select(people.c.id)
        .where(people.c.id > broadcast.cursor)
        .order_by(people.c.id)
        .limit(size)
        .subquery("next_people")
    )
    last = conn.scalar(sa.select(sa.func.max(next_people.c.id)))
    if last is None:
        _move(conn, broadcast_id, state="sending", planned_at=now)
        return None
    here = sa.and_(people.c.id > broadcast.cursor, people.c.id <= last)
    rows = _rows(conn, broadcast, here, now, timing).order_by(people.c.id)  # who came first is served first
    if broadcast.trial:
        rows = rows.limit(max(0, broadcast.trial - _planned(conn, broadcast_id)))
    made = conn.execute(insert(conn, deliveries).from_select(_COLUMNS, rows).on_conflict_do_nothing()).rowcount
    if made < 0:  # of a statement that begins with WITH SQLite's driver does not say it
        made = conn.execute(sa.select(sa.func.changes())).scalar_one()
    if broadcast.trial and _planned(conn, broadcast_id) >= broadcast.trial:
        _move(conn, broadcast_id, cursor=_last_planned(conn, broadcast_id), state="trial")
    else:
        _move(conn, broadcast_id, cursor=last)
    return int(made)


_COLUMNS = [
    "broadcast_id",
    "recipient_id",
    "account",
    "purpose",
    "priority",
    "due_at",
    "why",
    "valid_until",
    "created_at",
]


def _rows(
    conn: Connection, broadcast: Any, here: sa.ColumnElement[bool], now: datetime, timing: Timing
) -> sa.Select[Any]:
    home = addresses.alias("home")
    query = (
        sa.select(people)
        .select_from(people)  # said, for an audience may name ``home`` as well
        .join(home, home.c.id == latest_open(addresses.c.id, people.c.id).correlate(people).scalar_subquery())
        .where(here, _audience(broadcast, home))
    )
    priority = CORRECTION if broadcast.kind == "correction" else URGENT if broadcast.urgent else NEWS
    due_at: Any = sa.literal(now, Moment())
    why: Any = sa.literal("")
    if priority == NEWS and (moments := _moments(conn, here, now, timing, broadcast.kind)) is not None:
        same = [moments.c.account == home.c.account, *(moments.c[name] == _spelled(name) for name in _RHYTHM)]
        query = query.outerjoin(moments, sa.and_(*same))
        due_at = _with_what_waits(conn, sa.func.coalesce(moments.c.due_at, due_at))
        why = sa.func.coalesce(moments.c.why, why)
    return query.with_only_columns(
        sa.literal(broadcast.id),
        people.c.id,
        home.c.account,
        sa.literal(broadcast.purpose),
        sa.literal(priority),
        due_at,
        why,
        _of_use_until(broadcast, due_at),
        sa.literal(now, Moment()),
    )


def _of_use_until(broadcast: Any, due_at: Any) -> Any:
    """What comes in a digest is of use on its day, though by itself it were too old by then."""
    if broadcast.valid_until is None:
        return sa.literal(None, Moment())
    end = sa.literal(broadcast.valid_until, Moment())
    a_day = sa.literal_column(str(DIGEST // timedelta(milliseconds=1)), sa.BigInteger)
    its_day = sa.type_coerce(sa.cast(due_at, sa.BigInteger) + a_day, Moment())
    return sa.case((due_at >= end, its_day), else_=end)


_RHYTHM = ("zone", "frequency", "quiet")


def _spelled(name: str) -> sa.ColumnElement[str]:
    """A column of a person's rhythm; what is not set is the empty text, for NULL equals nothing."""
    return sa.func.coalesce(people.c[name], "")


def _moments(conn: Connection, here: sa.ColumnElement[bool], now: datetime, timing: Timing, kind: str) -> sa.CTE | None:
    """When each rhythm among these people wants its news; None when all of them want it now."""
    rhythms = (
        sa.select(addresses.c.account, *(_spelled(name).label(name) for name in _RHYTHM))
        .join(people, people.c.id == addresses.c.person_id)
        .where(here, people.c.subscribed, addresses.c.state == "open")
        .distinct()
    )
    found: list[tuple[Any, Due]] = []
    for row in conn.execute(rhythms).all():
        rhythm = Rhythm(row.zone or None, row.frequency, row.quiet or None)
        found.append((row, timing.due(rhythm, row.account, now, alone=kind == "staff")))
    later = [(row, due) for row, due in found if due.at > now]
    if not later:
        return None
    names = (sa.column("account", sa.Text), *(sa.column(name, sa.Text) for name in _RHYTHM))
    values = sa.values(*names, sa.column("due_at", Moment()), sa.column("why", sa.Text), name="moments")
    return values.data([(*row, due.at, due.why) for row, due in later]).cte("moments")


def _with_what_waits(conn: Connection, due_at: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """What waits for somebody already takes the new along, and none of it waits for what comes after."""
    waits = (
        sa.select(sa.func.min(earlier.c.due_at))
        .where(
            earlier.c.recipient_id == people.c.id,
            stands(earlier.c.state, "pending"),
            earlier.c.priority == NEWS,
            earlier.c.lead_id.is_(None),
        )
        .correlate(people)
        .scalar_subquery()
    )
    least = sa.func.least if conn.dialect.name == "postgresql" else sa.func.min
    return least(due_at, sa.func.coalesce(waits, due_at))


def _planned(conn: Connection, broadcast_id: int) -> int:
    of_it = sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.broadcast_id == broadcast_id)
    return conn.execute(of_it).scalar_one()


def _last_planned(conn: Connection, broadcast_id: int) -> int:
    last = sa.select(sa.func.max(deliveries.c.recipient_id)).where(deliveries.c.broadcast_id == broadcast_id)
    return int(conn.execute(last).scalar_one())


def _move(conn: Connection, broadcast_id: int, **values: Sequence[Any] | Any) -> None:
    conn.execute(broadcasts.update().where(broadcasts.c.id == broadcast_id).values(**values))


def content(conn: Connection, broadcast_id: int) -> dict[str, Any] | None:
    """What staff wrote, by language; None where it is a dispatch that goes out."""
    return conn.scalar(sa.select(broadcasts.c.content).where(broadcasts.c.id == broadcast_id))
