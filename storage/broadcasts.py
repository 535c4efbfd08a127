"""Broadcasts: what staff write to many, from the draft to the report; and the reins of all of them, dispatches' too.

States::

    draft ─▶ planning ─▶ trial ─▶ planning ─▶ sending ─▶ done
                 └─────────┴─────────┴───────────┤ ▲
                                               paused
    before it is done also: cancelled (what waits is not sent); then still: withdrawn (and what was sent is taken back)

A state moves in one small commit, and from then on no delivery is marked 'sending' against it; ``sweep`` moves the rows
after it, a chunk at a time (C4). The column ``outcome`` holds what is known so far: ``counts`` (by state), ``stopped``,
``reach`` (as it was counted for the draft), ``from`` (what the brake has judged already), ``card`` (the message that
shows it to who made it) and ``todo`` (what a draft waits for).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import people as people_
from storage.people import Address
from storage.reach import Audience, Reach
from storage.rows import stands
from storage.schema import addresses, broadcasts, deliveries, dispatches, people, wills

RUNNING: Final = ("planning", "trial", "sending")
OVER: Final = ("cancelled", "withdrawn", "done")
WAITING: Final = ("pending", "claimed", "sending", "paused")  # of a delivery: it has not ended
TRIED: Final = ("sent", "unclear", "gone", "refused")  # the platform was asked

SHARE: Final = 0.01  # of an audience: its trial
SWEPT: Final = 1_500  # rows in one transaction: 10 ms on SQLite (C4)
LATELY: Final = timedelta(days=30)  # what counts for the usual
HANDED_IN: Final = timedelta(days=7)  # that a draft is worked at
SOON_AFTER: Final = timedelta(days=1)  # of what they got: then their stop has to do with it


@dataclass(frozen=True, slots=True)
class Broadcast:
    id: int
    kind: str
    dispatch_id: int | None
    corrects: int | None
    content: dict[str, Any]
    audience: dict[str, list[str]]
    urgent: bool
    reason: str
    approved_by: str
    state: str
    why: str
    size: int
    trial: int
    created_at: datetime
    created_by: str
    planned_at: datetime | None
    ended_at: datetime | None
    outcome: dict[str, Any]

    @property
    def running(self) -> bool:
        return self.state in RUNNING

    @property
    def counts(self) -> dict[str, int]:
        """Recipients by the state of their delivery, as last seen. Once it is planned they add up to the audience."""
        return self.outcome.get("counts") or {}

    @property
    def stopped(self) -> int:
        """Those who stopped the news within a day of getting it."""
        return int(self.outcome.get("stopped", 0))

    @property
    def resumed_at(self) -> datetime | None:
        resumed = self.outcome.get("resumed")
        return datetime.fromisoformat(resumed) if resumed else None

    @property
    def reach(self) -> Reach | None:
        """As it was counted for the draft; None while it is being counted."""
        found = self.outcome.get("reach")
        return msgspec.convert(found, Reach) if found else None

    @property
    def todo(self) -> list[str]:
        return self.outcome.get("todo") or []

    @property
    def card(self) -> dict[str, Any]:
        return self.outcome.get("card") or {}

    @property
    def total(self) -> int:
        planned = sum(self.counts.values())
        return planned if self.planned_at or self.state in OVER else max(planned, self.size)

    @property
    def crowd(self) -> bool:
        """Whether a small count of it would say something about somebody (W3)."""
        return self.reach is not None and self.reach.crowd

    @property
    def got_it(self) -> int:
        """Those who have it, or may have it."""
        return self.counts.get("sent", 0) + self.counts.get("unclear", 0)

    @property
    def waiting(self) -> int:
        return self.total - sum(n for state, n in self.counts.items() if state not in WAITING)

    @property
    def texts(self) -> dict[str, dict[str, str]]:
        """What it says, by language; nothing else of its content."""
        return {code: said for code, said in self.content.items() if isinstance(said, dict) and "text" in said}


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a broadcast so far. ``stopped``: who stopped the news within a day of getting it."""

    counts: Mapping[str, int] = field(default_factory=dict)
    stopped: int = 0

    def of(self, *states: str) -> int:
        return sum(self.counts.get(state, 0) for state in states)

    def since(self, earlier: Tally) -> Tally:
        left = {state: n - earlier.counts.get(state, 0) for state, n in self.counts.items()}
        return Tally(left, self.stopped - earlier.stopped)


@dataclass(frozen=True, slots=True)
class Usual:
    """Shares, of earlier broadcasts together: of those who were tried, the gone; of those who got it, who stopped."""

    gone: float = 0.0
    stopped: float = 0.0


_NAMES: Final = tuple(Broadcast.__dataclass_fields__)
_BROADCAST: Final = sa.select(*(broadcasts.c[name] for name in _NAMES))


def _read(row: Any) -> Broadcast:
    found = dict(zip(_NAMES, row, strict=True))
    for name in ("content", "audience", "outcome"):
        found[name] = found[name] or {}
    return Broadcast(**found)


def get(conn: Connection, broadcast_id: int) -> Broadcast | None:
    row = conn.execute(_BROADCAST.where(broadcasts.c.id == broadcast_id)).first()
    return _read(row) if row else None


def lock(conn: Connection, broadcast_id: int) -> Broadcast | None:
    """Like ``get``, and nobody else changes it until the transaction ends."""
    row = conn.execute(_BROADCAST.where(broadcasts.c.id == broadcast_id).with_for_update(key_share=True)).first()
    return _read(row) if row else None


def latest(conn: Connection, limit: int = 10) -> list[Broadcast]:
    """What staff wrote, the latest first; without drafts that were dropped, and without what only takes back."""
    made = sa.and_(broadcasts.c.kind != "dispatch", sa.or_(broadcasts.c.state != "cancelled", broadcasts.c.size > 0))
    rows = conn.execute(_BROADCAST.where(made).order_by(broadcasts.c.id.desc()).limit(2 * limit))
    return [found for row in rows if not (found := _read(row)).content.get("withdrawn")][:limit]


def of_dispatch(conn: Connection, dispatch_id: int) -> Broadcast | None:
    own = sa.and_(stands(broadcasts.c.kind, "dispatch"), broadcasts.c.dispatch_id == dispatch_id)
    row = conn.execute(_BROADCAST.where(own)).first()
    return _read(row) if row else None


def title(conn: Connection, dispatch_id: int) -> str:
    """What a dispatch is called."""
    this_one = sa.select(dispatches.c.title, dispatches.c.summary).where(dispatches.c.id == dispatch_id)
    row = conn.execute(this_one).first()
    return (row.title or row.summary) if row else ""


def under_way(conn: Connection) -> list[Broadcast]:
    """All that somebody has to look after: what runs or is paused, and what was called off and has not come to rest."""
    called_off = sa.and_(broadcasts.c.state.in_(["cancelled", "withdrawn"]), broadcasts.c.ended_at.is_(None))
    at_work = sa.or_(broadcasts.c.state.in_([*RUNNING, "paused"]), called_off)
    return [_read(row) for row in conn.execute(_BROADCAST.where(at_work).order_by(broadcasts.c.id))]


# ── Drafts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def draft(
    conn: Connection,
    by: str,
    now: datetime,
    content: Mapping[str, Any] | None = None,
    *,
    audience: Audience | None = None,
    corrects: int | None = None,
    **notes: Any,
) -> int:
    """``by``: the name of a member of staff, or "shell". ``corrects``: the broadcast whose recipients get it."""
    values = {
        "kind": "staff" if corrects is None else "correction",
        "corrects": corrects,
        "content": dict(content or {}),
        "audience": {side: list(names) for side, names in (audience or {}).items()},
        "state": "draft",
        "created_at": now,
        "created_by": by,
        "outcome": notes,
    }
    return int(conn.execute(broadcasts.insert().values(**values).returning(broadcasts.c.id)).scalar_one())


def edit(conn: Connection, draft_id: int, **values: Any) -> bool:
    """Change a draft: content, audience, urgent, reason. Whatever was counted or asked about it is void."""
    kept = lock(conn, draft_id)
    if kept is None or kept.state != "draft":
        return False
    void = {"asked", *(["reach"] if "audience" in values or "urgent" in values else [])}
    outcome = {name: value for name, value in kept.outcome.items() if name not in void}
    conn.execute(broadcasts.update().where(broadcasts.c.id == draft_id).values(outcome=outcome, **values))
    return True


def note(conn: Connection, broadcast_id: int, **notes: Any) -> None:
    """Write down what is known of it now; None forgets."""
    kept = lock(conn, broadcast_id)
    if kept is None:
        return
    outcome = {name: value for name, value in {**kept.outcome, **notes}.items() if value is not None}
    if outcome != kept.outcome:
        conn.execute(broadcasts.update().where(broadcasts.c.id == broadcast_id).values(outcome=outcome))


def drafts_to_do(conn: Connection, now: datetime) -> list[Broadcast]:
    """Drafts that wait for us: to fetch a picture, to count, to show."""
    worked_at = sa.and_(broadcasts.c.state == "draft", broadcasts.c.created_at > now - HANDED_IN)
    found = [_read(row) for row in conn.execute(_BROADCAST.where(worked_at).order_by(broadcasts.c.id))]
    return [broadcast for broadcast in found if broadcast.todo]


def confirm(
    conn: Connection, draft_id: int, now: datetime, *, size: int, valid_until: datetime, approved_by: str = ""
) -> bool:
    """Send it, to those who are subscribed at this moment. A hundredth of them goes first, as a trial."""
    kept = lock(conn, draft_id)
    if kept is None or kept.state != "draft" or (kept.urgent and not approved_by):
        return False
    if kept.corrects is not None:
        supersede(conn, kept.corrects)
    values = {
        "state": "planning",
        "created_at": now,
        "size": size,
        "trial": max(1, math.ceil(size * SHARE)) if kept.kind == "staff" else 0,
        "valid_until": valid_until,
        "approved_by": approved_by,
        "outcome": {name: value for name, value in kept.outcome.items() if name not in ("todo", "asked")},
    }
    conn.execute(broadcasts.update().where(broadcasts.c.id == draft_id).values(**values))
    return True


def drop(conn: Connection, draft_id: int, now: datetime) -> bool:
    """A draft that will not be sent."""
    return _move(conn, draft_id, ["draft"], state="cancelled", ended_at=now)


# ── Reins ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _move(conn: Connection, broadcast_id: int, only_from: Iterable[str], **values: Any) -> bool:
    this_one = sa.and_(broadcasts.c.id == broadcast_id, broadcasts.c.state.in_(list(only_from)))
    return conn.execute(broadcasts.update().where(this_one).values(**values)).rowcount == 1


def pause(conn: Connection, broadcast_id: int, why: str, judged: Tally | None = None) -> bool:
    """``judged``: what made the brake do it; only what comes after it is judged again."""
    if not _move(conn, broadcast_id, RUNNING, state="paused", why=why):
        return False
    if judged:
        has_judged(conn, broadcast_id, judged)
    return True


def has_judged(conn: Connection, broadcast_id: int, tally: Tally) -> None:
    note(conn, broadcast_id, **{"from": _noted(tally)})


def resume(conn: Connection, broadcast_id: int, now: datetime) -> bool:
    """It goes on where it stopped."""
    kept = lock(conn, broadcast_id)
    if kept is None or kept.state != "paused":
        return False
    planned = sa.select(deliveries.c.id).where(deliveries.c.broadcast_id == broadcast_id).limit(1)
    on_trial = kept.trial and conn.execute(planned).first() is not None
    state = "sending" if kept.planned_at else "trial" if on_trial else "planning"
    note(conn, broadcast_id, resumed=now.astimezone(UTC).isoformat())
    return _move(conn, broadcast_id, ["paused"], state=state, why="")


def cancel(conn: Connection, broadcast_id: int) -> bool:
    """What waits is not sent."""
    return _move(conn, broadcast_id, [*RUNNING, "paused"], state="cancelled", why="")


def withdraw(conn: Connection, broadcast_id: int, by: str) -> bool:
    """What waits is not sent, and once nothing is on the wire, what was sent is taken back by a correction."""
    if not _move(
        conn, broadcast_id, [*RUNNING, "paused", "cancelled", "done"], state="withdrawn", why="", ended_at=None
    ):
        return False
    supersede(conn, broadcast_id)
    note(conn, broadcast_id, withdrawn_by=by)
    return True


def supersede(conn: Connection, broadcast_id: int) -> None:
    """Corrections of it that are under way are overtaken by another one."""
    earlier = sa.and_(broadcasts.c.corrects == broadcast_id, broadcasts.c.state.in_([*RUNNING, "paused"]))
    conn.execute(broadcasts.update().where(earlier).values(state="cancelled", why=""))


def widen(conn: Connection, broadcast_id: int) -> bool:
    """The trial went well: on to all the others."""
    return _move(conn, broadcast_id, ["trial"], state="planning", trial=0)


def finish(conn: Connection, broadcast_id: int, tally: Tally, now: datetime) -> bool:
    """It came to rest: done, or called off as it was."""
    note(conn, broadcast_id, **_noted(tally))
    this_one = sa.and_(broadcasts.c.id == broadcast_id, broadcasts.c.ended_at.is_(None))
    state = sa.case((broadcasts.c.state == "sending", "done"), else_=broadcasts.c.state)
    at_rest = sa.and_(this_one, broadcasts.c.state.in_(["sending", "cancelled", "withdrawn"]))
    return conn.execute(broadcasts.update().where(at_rest).values(state=state, ended_at=now)).rowcount == 1


def take_back(conn: Connection, broadcast_id: int, now: datetime, content: Mapping[str, Any]) -> int:
    """The correction that takes back what was sent of a broadcast."""
    kept = get(conn, broadcast_id)
    by = str(kept.outcome.get("withdrawn_by", "")) if kept else ""
    correction = draft(conn, by, now, content, corrects=broadcast_id)
    confirm(conn, correction, now, size=kept.got_it if kept else 0, valid_until=now + LATELY)
    return correction


def sweep(conn: Connection, broadcast_id: int, after: int, now: datetime, size: int = SWEPT) -> int | None:
    """Let the rows of the next ``size`` recipients follow their broadcast's state; returns the last of them, None when
    all are done."""
    state = conn.scalar(sa.select(broadcasts.c.state).where(broadcasts.c.id == broadcast_id)) or ""
    mine = (deliveries.c.broadcast_id == broadcast_id, deliveries.c.recipient_id > after)
    some = sa.select(deliveries.c.recipient_id).where(*mine).order_by(deliveries.c.recipient_id).limit(size).subquery()
    last: int | None = conn.scalar(sa.select(sa.func.max(some.c.recipient_id)))
    if last is None or state not in _FOLLOW:
        return None
    before, values = _FOLLOW[state]
    if state in OVER:
        values = {**values, "done_at": now, "sealed": None, "record": None, "lead_id": None}
    rows = sa.and_(*mine, deliveries.c.recipient_id <= last, stands(deliveries.c.state, *before))
    conn.execute(deliveries.update().where(rows).values(**values))
    return last


_GO_ON: Final = (("paused",), {"state": "pending"})
_NOT_SENT: Final = ("pending", "paused", "closed")
_FOLLOW: Final[Mapping[str, tuple[tuple[str, ...], dict[str, Any]]]] = {
    **dict.fromkeys(RUNNING, _GO_ON),
    "paused": (("pending",), {"state": "paused"}),
    "cancelled": (_NOT_SENT, {"state": "cancelled"}),
    "withdrawn": (_NOT_SENT, {"state": "withdrawn"}),
}


def astray(broadcast: Broadcast, tally: Tally) -> bool:
    """Whether rows have yet to follow the state of their broadcast."""
    before = _FOLLOW[broadcast.state][0] if broadcast.state in _FOLLOW else ()
    return tally.of(*before) > 0


def chat(conn: Connection, address_id: int) -> Address | None:
    """The address that a card is shown at; None when it is no longer there."""
    there = sa.select(addresses.c.id).where(addresses.c.id == address_id, addresses.c.state == "open")
    return people_.address(conn, address_id) if conn.execute(there).first() else None


def shown(conn: Connection, delivery_id: int) -> str | None:
    """The platform's id of a message of ours that shows a broadcast; empty when it did not arrive, None while it is on
    its way."""
    row = conn.execute(sa.select(deliveries.c.state, deliveries.c.ids).where(deliveries.c.id == delivery_id)).first()
    if row is None or row.state not in WAITING:
        return str(row.ids[-1]) if row and row.ids else ""
    return None


# ── What became of it ────────────────────────────────────────────────────────────────────────────────────────────────


def tally(conn: Connection, broadcast_id: int) -> Tally:
    """Reads all rows of a broadcast: for a reader."""
    by_state = (
        sa.select(deliveries.c.state, sa.func.count())
        .where(deliveries.c.broadcast_id == broadcast_id)
        .group_by(deliveries.c.state)
    )
    counts = {row[0]: row[1] for row in conn.execute(by_state)}
    return Tally(counts, _stopped(conn, broadcast_id) if counts.get("sent") else 0)


def _stopped(conn: Connection, broadcast_id: int) -> int:
    # From the stops, which are few, to the deliveries.
    made_at = sa.select(broadcasts.c.created_at).where(broadcasts.c.id == broadcast_id).scalar_subquery()
    soon = sa.and_(
        wills.c.at >= deliveries.c.done_at,
        # A Moment is milliseconds.
        sa.type_coerce(wills.c.at, sa.BigInteger)
        <= sa.type_coerce(deliveries.c.done_at, sa.BigInteger) + SOON_AFTER // timedelta(milliseconds=1),
    )
    query = (
        sa.select(sa.func.count(people.c.id.distinct()))
        .select_from(wills)
        .join(people, people.c.pseudonym == wills.c.pseudonym)
        .join(deliveries, sa.and_(deliveries.c.broadcast_id == broadcast_id, deliveries.c.recipient_id == people.c.id))
        .where(wills.c.deed == "stop", wills.c.at >= made_at, deliveries.c.state == "sent", soon)
    )
    return conn.execute(query).scalar_one()


def now(conn: Connection, broadcast_id: int) -> Broadcast | None:
    """Like ``get``, with the counts of this moment while its deliveries are kept: for a reader."""
    kept = get(conn, broadcast_id)
    if kept is None or kept.state == "draft":
        return kept
    counted = tally(conn, broadcast_id)
    return replace(kept, outcome={**kept.outcome, **_noted(counted)}) if counted.counts else kept


def latest_now(conn: Connection, limit: int) -> list[Broadcast]:
    """Like ``latest``, with the counts of this moment of those that run."""
    return [(now(conn, one.id) or one) if one.running else one for one in latest(conn, limit)]


def saw(conn: Connection, broadcast_id: int, tally: Tally) -> None:
    """Keep the counts as they are now, for who asks how it goes."""
    note(conn, broadcast_id, **_noted(tally))


def _noted(tally: Tally) -> dict[str, Any]:
    return {"counts": dict(tally.counts), "stopped": tally.stopped}


def judged(broadcast: Broadcast) -> Tally:
    """What the brake has judged of it already."""
    return Tally(**broadcast.outcome.get("from", {}))


def under_trial(conn: Connection, broadcast_id: int, now: datetime, waits_for_good: Iterable[str]) -> bool:
    """Whether some of a trial has yet to end. Who waits for a better hour, by one of these rules, does not count."""
    better_hour = sa.and_(deliveries.c.due_at > now, deliveries.c.why.in_(list(waits_for_good)))
    going = sa.or_(
        stands(deliveries.c.state, "claimed", "sending"), sa.and_(stands(deliveries.c.state, "pending"), ~better_hour)
    )
    left = sa.select(deliveries.c.id).where(deliveries.c.broadcast_id == broadcast_id, going).limit(1)
    return conn.execute(left).first() is not None


def waits_on(conn: Connection, broadcast_id: int, account: str) -> bool:
    """Whether any of it is still to go through this account."""
    mine = sa.and_(deliveries.c.broadcast_id == broadcast_id, deliveries.c.account == account)
    left = sa.select(deliveries.c.id).where(mine, stands(deliveries.c.state, "pending", "claimed", "sending")).limit(1)
    return conn.execute(left).first() is not None


def usual(conn: Connection, now: datetime) -> Usual:
    """Of the broadcasts that were done in the last thirty days."""
    done = sa.and_(
        broadcasts.c.state == "done", broadcasts.c.ended_at > now - LATELY, broadcasts.c.kind != "correction"
    )
    tallies = [_tallied(outcome) for outcome in conn.scalars(sa.select(broadcasts.c.outcome).where(done))]
    tried, sent = sum(one.of(*TRIED) for one in tallies), sum(one.of("sent") for one in tallies)
    return Usual(
        gone=sum(one.of("gone") for one in tallies) / tried if tried else 0.0,
        stopped=sum(one.stopped for one in tallies) / sent if sent else 0.0,
    )


def _tallied(outcome: Mapping[str, Any] | None) -> Tally:
    found = outcome or {}
    return Tally(found.get("counts") or {}, int(found.get("stopped", 0)))
