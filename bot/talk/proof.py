"""How a dispatch looks to an editor: as it stands, who decided, why it waits, and the buttons that fit its state.

A button carries a mark of what was shown: when that changed meanwhile, also because somebody else decided, a press
shows the proof anew and does nothing.
"""

from __future__ import annotations

import hashlib
from typing import Final

from bot.news import editing
from bot.news.intake import FLOODED, HANDED_IN, WAITS
from bot.news.text import one_line
from bot.talk.card import entry
from bot.talk.dates import dated, timed
from bot.talk.turn import Turn
from channels.contract import Choice, Message
from storage import dispatches, staff
from storage.dispatches import Stored

MARK: Final = 6  # digits
DECIDED: Final = {"ready": editing.APPROVED, "held": editing.HELD, "withdrawn": editing.WITHDREW}


def proof(turn: Turn, stored: Stored, *notes: str, here: bool = False) -> Message:
    """``notes``: what else there is to say first. ``here``: in the place of the message whose button was pressed."""
    return turn.reply(
        decision(turn, stored),
        *notes,
        entry(stored, turn.p, turn.gazetteer),
        about(turn, stored),
        _why(turn, stored),
        title=_title(turn, stored),
        choices=_choices(turn, stored),
        here=here,
    )


def _title(turn: Turn, stored: Stored) -> str:
    t = turn.p.t
    match stored.status:
        case "held" if decision(turn, stored):
            return t("News {number} is held", number=stored.id)
        case "held":
            return t("News {number} waits for an editor", number=stored.id)
        case "ready":
            return t("News {number} is in the news", number=stored.id)
        case _:
            return t("News {number} is withdrawn", number=stored.id)


def decision(turn: Turn, stored: Stored) -> str:
    """Who decided, and when."""
    t = turn.p.t
    note = editing.decided(turn.conn, stored.id)
    if note is None or note.deed != DECIDED[stored.status]:
        return ""
    local = turn.hours.local(note.at)
    facts = {
        "name": _name(turn, note.who),
        "date": dated(turn.p, local.date()),
        "time": timed(turn.p, local),
    }
    match stored.status:
        case "ready":
            return t("Approved by {name}, {date}, {time}.", **facts)
        case "held":
            return t("Held by {name}, {date}, {time}. It stays out of the news until somebody approves it.", **facts)
        case _:
            return t("Withdrawn by {name}, {date}, {time}.", **facts)


def _name(turn: Turn, who: str) -> str:
    return turn.p.t("the operator") if who == staff.SHELL else who


def about(turn: Turn, stored: Stored) -> str:
    """What decides who gets it."""
    t = turn.p.t
    countries, topics = turn.named(countries=stored.countries), turn.topics_listed(stored.topics)
    return "\n".join(
        [
            t("Countries: {names}", names=turn.listed(countries)) if countries else t("Countries: the whole region"),
            t("Topics: {names}", names=topics) if topics else t("Topics: none, so only for those with all topics"),
        ]
    )


def _why(turn: Turn, stored: Stored) -> str:
    t, why = turn.p.t, stored.why
    if stored.status != "held" or why.startswith(editing.HELD_BY):
        return ""
    if why.startswith(HANDED_IN):
        return t("Why it waits: {name} handed it in.", name=_name(turn, why.removeprefix(HANDED_IN)))
    if why == WAITS:
        return t("Why it waits: its source is not trusted.")
    if why == FLOODED:
        return t("Why it waits: its source brought very much at once.")
    return t("Why it waits: {reason}", reason=why)


def _choices(turn: Turn, stored: Stored) -> list[Choice]:
    t, number, seen = turn.p.t, stored.id, mark(stored)
    if stored.status != "held":
        more = dispatches.how_many_wait(turn.conn)
        return [Choice(t("What waits ({n})", n=more), "/waiting")] if more else []
    out = (
        Choice(t("Withdraw"), f"/withdraw {number} {seen}")
        if decision(turn, stored)
        else Choice(t("Hold"), f"/hold {number} {seen}")
    )
    whole = one_line(stored.text) != one_line(stored.summary)
    return [
        Choice(t("Approve"), f"/approve {number} {seen}"),
        out,
        Choice(t("Edit summary"), f"/summary {number}"),
        Choice(t("Correct countries, topics"), f"/correct {number}", wide=True),
        *([Choice(t("Read all of it"), f"/show {number} all", wide=True)] if whole else []),
    ]


def mark(stored: Stored) -> str:
    """The same as long as the card says the same."""
    shown = (stored.title, stored.text, stored.summary, stored.countries, stored.topics, stored.status, stored.why)
    return hashlib.sha256(repr(shown).encode("utf-8", "replace")).hexdigest()[:MARK]
