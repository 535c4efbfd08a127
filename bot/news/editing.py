"""What editors do with news, and partners: it is decided, corrected or handed in, and written down who did it.

The same deeds for a chat, the shell and a hub that the shell asks; each runs in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.delivery import reins
from bot.news import intake
from bot.news.intake import HANDED_IN, Deed, Listed, Plan
from bot.news.read import Reader, Unreadable
from bot.news.text import clean
from bot.news.watch import approve as approve_now
from storage import dispatches, sources, staff
from storage.database import Connection
from storage.dispatches import Stored
from storage.staff import Note

# As the audit has them: "Leila approved dispatch 12".
APPROVED, HELD, WITHDREW = DECISIONS = ("approved", "held", "withdrew")
SUMMARISED, CORRECTED, GAVE = "summarised", "corrected", "handed in"
HELD_BY: Final = "held by "


class NotTaken(Exception):
    """A text that cannot be handed in. The message is a sentence in English; ``closed``: nothing can be, for now."""

    def __init__(self, why: str, *, closed: bool = False) -> None:
        super().__init__(why)
        self.closed = closed


@dataclass(frozen=True, slots=True)
class HandedIn:
    """``new`` is false where the same words were kept already, whoever brought them."""

    dispatch: Stored
    new: bool


def about(dispatch_id: int) -> str:
    """How the audit names it."""
    return f"dispatch {dispatch_id}"


def decided(conn: Connection, dispatch_id: int) -> Note | None:
    """Who of the staff decided last on this dispatch, and when; None where nobody did."""
    return staff.last(conn, about(dispatch_id), DECISIONS)


def handed_in(conn: Connection, dispatch_id: int) -> Note | None:
    """Who handed it in."""
    return staff.last(conn, about(dispatch_id), [GAVE])


# ── Deciding: the first one wins ─────────────────────────────────────────────────────────────────────────────────────


def approve(conn: Connection, who: str, dispatch_id: int, now: datetime, valid_for: timedelta) -> bool:
    """It may be read, and goes to whom it concerns unless it came too old. False when it was decided before."""
    done = approve_now(conn, dispatch_id, now, valid_for)
    if done:
        reins.let_go(conn, dispatch_id, now)
        staff.note(conn, now, who, APPROVED, about(dispatch_id))
    return done


def move(
    conn: Connection, who: str, dispatch_id: int, status: str, why: str, now: datetime, *, only_from: Sequence[str]
) -> bool:
    """To "held" or "withdrawn". False when it was decided before, or there is no such dispatch."""
    done = dispatches.move(conn, dispatch_id, status, why, only_from=only_from)
    if done:
        dispatches.shown(conn, now, dispatch_id)
        staff.note(conn, now, who, HELD if status == "held" else WITHDREW, about(dispatch_id), why)
        if status == "withdrawn":  # whoever got it is told
            reins.take_back(conn, who, dispatch_id)
        else:
            reins.hold(conn, who, dispatch_id)
    return done


# ── Correcting what waits ────────────────────────────────────────────────────────────────────────────────────────────


def summarise(conn: Connection, who: str, dispatch_id: int, summary: str, now: datetime) -> bool:
    """An editor's own summary. False when it waits no more."""
    done = dispatches.correct(conn, dispatch_id, now, summary=summary)
    if done:
        staff.note(conn, now, who, SUMMARISED, about(dispatch_id))
    return done


def concern(
    conn: Connection,
    who: str,
    dispatch_id: int,
    now: datetime,
    *,
    countries: Iterable[str] | None = None,
    topics: Iterable[str] | None = None,
) -> bool:
    """Other countries, or other topics. False when it waits no more."""
    done = dispatches.correct(conn, dispatch_id, now, countries=countries, topics=topics)
    if done:
        side, given = ("countries", countries) if countries is not None else ("topics", topics)
        staff.note(conn, now, who, CORRECTED, about(dispatch_id), f"{side}: {' '.join(sorted(given or ())) or 'none'}")
    return done


# ── Handing in ───────────────────────────────────────────────────────────────────────────────────────────────────────


def hand_in(conn: Connection, reader: Reader, who: str, text: str, now: datetime, valid_for: timedelta) -> HandedIn:
    """One text is one dispatch, which waits for an editor. ``NotTaken`` says why not."""
    each = _read(reader, text)
    source = sources.of_staff(conn)
    # Never an edit of what somebody handed in before: that would change news which an editor has approved.
    look = intake.keep(conn, source, Plan((), first=False, flood=False), [Deed(each)], None, now, valid_for)
    if look is None:
        raise NotTaken("Nothing can be handed in at the moment.", closed=True)
    dispatch_id = dispatches.known(conn, source.id, [each.name])[each.name].dispatch_id
    if look.new:
        dispatches.move(conn, dispatch_id, "held", f"{HANDED_IN}{who}", only_from=["held"])
        staff.note(conn, now, who, GAVE, about(dispatch_id))
    kept = dispatches.get(conn, dispatch_id)
    assert kept is not None  # noqa: S101
    return HandedIn(kept, new=bool(look.new))


def _read(reader: Reader, text: str) -> Listed:
    """As a paragraph with a dateline; blank lines would part it."""
    whole = "\n".join(line for line in text.splitlines() if line.strip())
    if not clean(whole):
        raise NotTaken("There is no text in it.")
    try:
        reading = reader.read(whole.encode("utf-8", "replace"), "dateline")
    except Unreadable as unreadable:
        raise NotTaken(str(unreadable)) from None
    if not reading.dispatches:
        raise NotTaken(" ".join(item.why for item in reading.set_aside) or "There is no text in it.")
    return Listed.of(reading.dispatches[0])
