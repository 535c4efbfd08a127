"""How many people an audience is, and how many of them hear of it later, and why. Counts only, never who.

It reads all of the audience, so it is asked of a reader, and never inside a transaction that others wait for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import people as people_
from storage.audience import chosen
from storage.planning import latest_open
from storage.rhythms import Rhythm, Timing
from storage.schema import Moment, addresses, people

Audience = Mapping[str, Sequence[str]]

CROWD = 100  # people of a hub, from which on few of them could be singled out …
FEW = 10  # … by an audience, or a count, of fewer than this (W3)


@dataclass(frozen=True, slots=True)
class Account:
    """How many are written to through one account of ours. ``now``: those who hear at once."""

    channel: str
    people: int = 0
    now: int = 0


@dataclass(frozen=True, slots=True)
class Later:
    """``people`` hear of it between ``first`` and ``last``, for the rule ``why`` (``bot.delivery.when``)."""

    why: str
    people: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """``known``: everybody whom the hub knows. ``shut``: the platform's window is shut for them now. ``unreachable``:
    subscribed and among the audience, but nowhere open to us; they are not among ``people``."""

    people: int
    known: int
    languages: dict[str, int] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    later: tuple[Later, ...] = ()
    shut: int = 0
    unreachable: int = 0

    @property
    def crowd(self) -> bool:
        """So many that a small count says something about somebody."""
        return self.known >= CROWD


def narrowed(audience: Audience) -> bool:
    """Whether somebody chose out of all people."""
    return any(audience.values())


def too_narrow(reach: Reach, audience: Audience) -> bool:
    """An audience narrowed by hand to a few out of many: that is a conversation, and no broadcast (W3)."""
    return narrowed(audience) and reach.crowd and reach.people < FEW


def size_up(conn: Connection, audience: Audience, now: datetime, timing: Timing, *, urgent: bool = False) -> Reach:
    """How many this audience is now. ``urgent``: no rule holds anybody back."""
    languages: Counter[str] = Counter()
    totals: Counter[tuple[str, str]] = Counter()
    at_once: Counter[str] = Counter()
    waits: dict[str, Counter[datetime]] = {}
    shut = 0
    for row in conn.execute(_groups(audience, now)):
        languages[row.language] += row.n
        totals[row.account, row.channel] += row.n
        shut += row.n if row.shut else 0
        due = None if urgent else timing.due(Rhythm(row.zone, row.frequency, row.quiet), row.account, now, alone=True)
        if due is None or due.at <= now:
            at_once[row.account] += row.n
        else:
            waits.setdefault(due.why, Counter())[due.at] += row.n
    return Reach(
        people=totals.total(),
        known=people_.count(conn),
        languages=dict(languages.most_common()),
        accounts={account: Account(channel, n, at_once[account]) for (account, channel), n in totals.most_common()},
        later=tuple(Later(why, at.total(), min(at), max(at)) for why, at in sorted(waits.items())),
        shut=shut,
        unreachable=_unreachable(conn, audience),
    )


def _groups(audience: Audience, now: datetime) -> sa.Select[Any]:
    """Who would get it now, by all that decides how and when."""
    home = addresses.alias("home")
    language = sa.func.coalesce(people.c.language, "en").label("language")
    shut = sa.func.coalesce(home.c.window_until <= sa.literal(now, Moment()), sa.false()).label("shut")
    kinds = (language, home.c.channel, home.c.account, people.c.zone, people.c.frequency, people.c.quiet, shut)
    return (
        sa.select(*kinds, sa.func.count().label("n"))
        .select_from(people)
        .join(home, home.c.id == latest_open(addresses.c.id, people.c.id).correlate(people).scalar_subquery())
        .where(people.c.subscribed, chosen(audience, home))
        .group_by(*kinds)
    )


def _unreachable(conn: Connection, audience: Audience) -> int:
    if audience.get("channels"):  # they are on none
        return 0
    open_one = sa.exists().where(addresses.c.person_id == people.c.id, addresses.c.state == "open")
    nowhere = (
        sa.select(sa.func.count()).select_from(people).where(people.c.subscribed, chosen(audience, None), ~open_one)
    )
    return conn.execute(nowhere).scalar_one()
