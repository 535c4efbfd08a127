"""From a broadcast to each recipient, and every reply: what is to be sent, what is under way, and what became of it.

States of a delivery::

    pending ─▶ claimed ─▶ sending ─▶ sent | unclear | gone | refused
       ▲          │          │ ├────▶ closed (waits until the window opens) ─▶ pending
       └──────────┴──────────┘ └────▶ pending (later; once more after an unclear end; as plain text)
    at the 'sending' mark also: stopped | unconcerned | told | withdrawn | expired | cancelled,
    paused (waits until the broadcast goes on) ─▶ pending, and pending again until a better hour

News that is due to the same person at the same time goes out in one message: the first row leads, and the others, with
its id as their ``lead_id``, share what becomes of it.

Written in two steps for the sake of what cannot be undone: 'sending' is durable and fenced before the request leaves
(L2).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import leases
from storage import people as people_
from storage.keys import KeyGone, KeyStore, Tampered
from storage.planning import NEWS, REPLY, URGENT, concerned, latest_open
from storage.rhythms import AT_ONCE, Go, Heard, Rhythm, Timing, Wait
from storage.rows import insert, locked, stands
from storage.schema import addresses, broadcasts, deliveries, dispatches, people, told

MESSAGE = "message"  # the purpose that a reply is sealed for
BUNDLE = 40  # dispatches in one message
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
    kind: str  # of the broadcast; empty: a reply
    broadcast_id: int | None
    dispatch_ids: tuple[int, ...]  # several: in one message
    digest: bool  # it is what a day or a week brought
    message: bytes | None  # the reply
    replaces: str  # of a correction: what they got, as its platform calls it
    part: int
    plain: bool
    anew: bool
    resent: bool


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


def retime(conn: Connection, person_id: int, now: datetime) -> None:
    """They changed when they want to hear: what waits for them is looked at anew."""
    conn.execute(
        deliveries.update()
        .where(deliveries.c.recipient_id == person_id, stands(deliveries.c.state, "pending"))
        .where(deliveries.c.priority == NEWS, deliveries.c.due_at > now, deliveries.c.attempt == 0)
        .values(due_at=now, why="")
    )


# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _due(account: str) -> sa.ColumnElement[bool]:
    waits = sa.and_(stands(deliveries.c.state, "pending"), deliveries.c.lead_id.is_(None))
    return sa.and_(deliveries.c.account == account, waits)


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
    conn: Connection,
    keys: KeyStore,
    delivery_id: int,
    lease: str,
    epoch: int,
    now: datetime,
    timing: Timing = AT_ONCE,
) -> Marked | None:
    """The last look before the wire, and the durable word that it is on its way (L2).

    Stop, concern, told, end of use and the hour are checked here and not only in the plan (C1). None: not to be sent
    now (its state says why), or no longer ours.
    """
    person = conn.execute(
        # A stop waits for this mark, or this mark for the stop: never both at once. First of all locks, for whoever
        # changes a person takes this one first too.
        sa.select(people, leases.held(conn, lease, epoch).label("ours"))
        .where(
            people.c.id == sa.select(deliveries.c.recipient_id).where(deliveries.c.id == delivery_id).scalar_subquery()
        )
        .with_for_update(key_share=True)
    ).first()
    if person is None or not person.ours:
        return None
    row = conn.execute(
        _WITH_BROADCAST.where(
            deliveries.c.id == delivery_id, deliveries.c.state == "claimed", deliveries.c.epoch == epoch
        ).with_for_update(of=deliveries)
    ).first()
    if row is None:
        return None
    if unfit := _unfit(conn, row, person, now):
        _finish(conn, delivery_id, unfit, "", now)
        return None
    may = _may_leave(row, person, timing, now)
    if isinstance(may, Wait):
        _wait(conn, row, may)
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
    sending = {"state": "sending", "address_id": address.id, "marked_at": now}
    ours = conn.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery_id, leases.held(conn, lease, epoch))
        .values(attempt=row.attempt + 1, **sending)
    )
    if not ours.rowcount:
        return None
    if _is_news(row) and not _tell(conn, row, now):
        _finish(conn, delivery_id, "told", "", now)
        return None
    together = row.part > 0 or (may is not None and may.digest) or timing.together(_rhythm(person))
    riders = _riders(conn, row, person, epoch, now) if _is_news(row) and together else []
    if riders:
        conn.execute(
            deliveries.update()
            .where(deliveries.c.id.in_([rider.id for rider in riders]))
            .values(lead_id=row.id, epoch=epoch, attempt=deliveries.c.attempt + 1, **sending)
        )
    if may is not None:
        _count(conn, person, may, now)
    return Marked(
        id=row.id,
        attempt=row.attempt + 1,
        recipient_id=row.recipient_id,
        address_id=address.id,
        address=name,
        group=person.kind == "group",
        language=person.language,
        purpose=row.purpose,
        kind=row.kind or "",
        broadcast_id=row.broadcast_id,
        dispatch_ids=tuple(one.dispatch_id for one in (row, *riders) if one.dispatch_id is not None),
        digest=may is not None and may.digest,
        message=message,
        replaces=_corrected(conn, row, address) if row.kind == "correction" else "",
        part=row.part,
        plain=row.plain,
        anew=row.anew,
        resent=row.resent,
    )


_WITH_BROADCAST = sa.select(
    deliveries, broadcasts.c.kind, broadcasts.c.dispatch_id, broadcasts.c.corrects, broadcasts.c.state.label("of")
).outerjoin(broadcasts, broadcasts.c.id == deliveries.c.broadcast_id)


def _is_news(row: Any) -> bool:
    """A dispatch that they were not told, and not a word of ours about it."""
    return row.dispatch_id is not None and row.kind != "correction"


# When


def _may_leave(row: Any, person: Any, timing: Timing, now: datetime) -> Go | Wait | None:
    """Whether this is the hour for it. None: it is no push that counts, and may leave."""
    if row.broadcast_id is None or row.priority == URGENT:
        return None
    if row.part:  # they read its beginning already
        return None
    rhythm = _rhythm(person)
    if row.attempt or row.kind == "correction":  # it was counted, or counts for nothing: only the night matters
        return timing.night(rhythm, row.account, now)
    pushed_on = date.fromisoformat(person.pushed_on) if person.pushed_on else None
    heard = Heard(pushed_on, person.pushes, person.digest_at)
    return timing.may_leave(rhythm, heard, row.account, now, row.created_at)


def _rhythm(person: Any) -> Rhythm:
    return Rhythm(person.zone, person.frequency, person.quiet)


def _wait(conn: Connection, row: Any, wait: Wait) -> None:
    """Back in the queue, and all other news for them with it: it is the same hour for all of it."""
    until = {"due_at": wait.until, "why": wait.why}
    conn.execute(deliveries.update().where(deliveries.c.id == row.id).values(state="pending", **until))
    conn.execute(
        deliveries.update()
        .where(deliveries.c.recipient_id == row.recipient_id, stands(deliveries.c.state, "pending"))
        .where(deliveries.c.account == row.account, deliveries.c.priority == NEWS, deliveries.c.due_at < wait.until)
        .values(**until)
    )


def _count(conn: Connection, person: Any, go: Go, now: datetime) -> None:
    today = go.today.isoformat()
    pushes = person.pushes + 1 if person.pushed_on == today else 1
    values = {"digest_at": now} if go.digest else {"pushed_on": today, "pushes": pushes}
    conn.execute(people.update().where(people.c.id == person.id).values(**values))


# What goes along


def _riders(conn: Connection, lead: Any, person: Any, epoch: int, now: datetime) -> Sequence[Any]:
    """Other news for the same person that is due, too, and goes out in the same message."""
    theirs = _WITH_BROADCAST.where(deliveries.c.recipient_id == lead.recipient_id)
    if lead.part:  # the rest of a message whose beginning they have
        rest = theirs.where(deliveries.c.lead_id == lead.id, stands(deliveries.c.state, "pending"))
        return conn.execute(rest.order_by(deliveries.c.due_at, deliveries.c.id)).all()
    in_hand = sa.and_(stands(deliveries.c.state, "claimed"), deliveries.c.epoch == epoch)
    due = sa.and_(stands(deliveries.c.state, "pending"), deliveries.c.due_at <= now)
    alike = (deliveries.c[name] == getattr(lead, name) for name in ("account", "priority", "resent", "plain", "anew"))
    candidates = (
        theirs.where(sa.or_(in_hand, due), *alike, deliveries.c.id != lead.id, deliveries.c.part == 0)
        .where(
            broadcasts.c.dispatch_id.is_not(None),
            broadcasts.c.kind != "correction",
            sa.func.coalesce(deliveries.c.lead_id, lead.id) == lead.id,
        )
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(BUNDLE - 1)
    )
    return [row for row in conn.execute(locked(conn, candidates, deliveries)).all() if _rides(conn, row, person, now)]


def _rides(conn: Connection, row: Any, person: Any, now: datetime) -> bool:
    if unfit := _unfit(conn, row, person, now) or ("" if _tell(conn, row, now) else "told"):
        _finish(conn, row.id, unfit, "", now)
    return not unfit


def _let_go(conn: Connection, lead_id: int) -> None:
    """Its riders are on their own again."""
    still = stands(deliveries.c.state, *people_.UNFINISHED, "paused")
    conn.execute(deliveries.update().where(deliveries.c.lead_id == lead_id, still).values(lead_id=None))


def _corrected(conn: Connection, row: Any, address: Any) -> str:
    """The message that a correction takes the place of; empty where it cannot: it held more than that, say."""
    ridden = sa.exists().where(earlier.c.lead_id == deliveries.c.id)
    found = conn.execute(
        sa.select(deliveries.c.ids).where(
            deliveries.c.broadcast_id == row.corrects,
            deliveries.c.recipient_id == row.recipient_id,
            deliveries.c.address_id == address.id,
            deliveries.c.lead_id.is_(None),
            ~ridden,
        )
    ).scalar()
    return str(found[0]) if found and len(found) == 1 else ""


earlier = deliveries.alias("earlier")


# Whether at all


def _unfit(conn: Connection, row: Any, person: Any, now: datetime) -> str:
    """Why this is not sent after all, as the state that it ends in; empty when it is fit to go."""
    if row.valid_until is not None and row.valid_until <= now:
        return "expired"
    if row.broadcast_id is None:
        return ""
    if not person.subscribed:
        return "stopped"
    if row.of in ("cancelled", "withdrawn"):
        return "cancelled"
    if row.of == "paused":
        return "paused"
    if not _is_news(row):
        return ""
    news = conn.execute(
        sa.select(dispatches.c.status, concerned(row.dispatch_id).label("wanted"))
        .join_from(dispatches, people, people.c.id == row.recipient_id)
        .where(dispatches.c.id == row.dispatch_id)
    ).one()
    if news.status != "ready":  # who holds it has paused its broadcast, too, and may let it go on
        return "paused" if news.status == "held" else "withdrawn"
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
    # By this very broadcast: at an earlier mark of this row; or, where it has none, by another name that they had.
    by_this_one = conn.scalar(sa.select(told.c.broadcast_id).where(*this_one)) == row.broadcast_id
    return bool(row.attempt) and by_this_one


def _address(conn: Connection, row: Any) -> Any:
    """Where it goes: a reply to where the words came from, news to the address of this account heard last."""
    if row.broadcast_id is None:
        this_one = (addresses.c.id == row.address_id, addresses.c.person_id == row.recipient_id)
        return conn.execute(sa.select(addresses).where(*this_one, addresses.c.state == "open")).first()
    found = latest_open(addresses.c.id, row.recipient_id, addresses.c.account == row.account).scalar_subquery()
    return conn.execute(sa.select(addresses).where(addresses.c.id == found)).first()


def _rehome(conn: Connection, row: Any, now: datetime) -> None:
    """No open address on this account: news goes, from its first part on, to another of theirs, if there is one."""
    other = conn.scalar(latest_open(addresses.c.account, row.recipient_id)) if row.broadcast_id is not None else None
    if other is None:
        _finish(conn, row.id, "gone", "no open address", now)
        return
    _let_go(conn, row.id)
    conn.execute(
        deliveries.update()
        .where(deliveries.c.id == row.id)
        .values(
            state="pending", account=other, address_id=None, due_at=now, part=0, ids=sa.null(), plain=False, anew=False
        )
    )


def _finish(conn: Connection, delivery_id: int, state: str, why: str, now: datetime) -> None:
    _let_go(conn, delivery_id)
    values: dict[str, Any] = {"state": state, "why": why}
    if state != "paused":  # then it is no end
        values |= {"done_at": now, "sealed": None, "record": None}
    conn.execute(deliveries.update().where(deliveries.c.id == delivery_id).values(**values))


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
    if done:
        _end_riders(conn, marked, {"state": "sent", "done_at": now, "why": ""})


def _end_riders(conn: Connection, marked: Marked, values: dict[str, Any]) -> None:
    """What became of the message became of all that it held."""
    if len(marked.dispatch_ids) > 1:
        mine = sa.and_(deliveries.c.lead_id == marked.id, deliveries.c.state == "sending")
        conn.execute(deliveries.update().where(mine).values(**values))
        _let_go(conn, marked.id)


def put_back(conn: Connection, marked: Marked, epoch: int, due_at: datetime, why: str, **flags: bool) -> None:
    """Pending again from ``due_at`` on. ``flags``: resent, plain, anew."""
    values: dict[str, Any] = {"state": "pending", "due_at": due_at, "why": why, **flags}
    back = conn.execute(
        deliveries.update()
        .where(_under_way(marked), deliveries.c.epoch == epoch)
        .values(**values)
        .returning(deliveries.c.part)
    ).first()
    if back is None or len(marked.dispatch_ids) < 2:
        return
    if back.part == 0:  # nothing of it is out: at the next mark it may be another bundle
        values["lead_id"] = None
    mine = sa.and_(deliveries.c.lead_id == marked.id, deliveries.c.state == "sending")
    conn.execute(deliveries.update().where(mine).values(**values))


def finish(conn: Connection, marked: Marked, epoch: int, state: str, why: str, now: datetime) -> None:
    """Ends as ``unclear``, ``refused``, ``gone`` or ``closed``; a closed one keeps its words, for it may open again."""
    values: dict[str, Any] = {"state": state, "why": why, "done_at": now}
    if state != "closed":
        values |= {"sealed": None, "record": None}
    ours = sa.and_(_under_way(marked), deliveries.c.epoch == epoch)
    if conn.execute(deliveries.update().where(ours).values(**values)).rowcount:
        _end_riders(conn, marked, values)


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
