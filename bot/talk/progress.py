"""A broadcast under way, as staff see it: how far it is, what became of it, and what can be done now."""

from __future__ import annotations

from typing import Any, Final

from bot.delivery.reins import can_be_corrected
from bot.talk import report
from bot.talk.dates import dated, timed
from bot.talk.turn import Turn
from channels.contract import Choice, Message
from storage import broadcasts, people
from storage.broadcasts import Broadcast
from storage.people import Address

LISTED: Final = 8


def progress(turn: Turn, broadcast: Broadcast, *notes: str, here: bool = False) -> Message:
    """How it goes, with its reins; at the end the report."""
    t, p = turn.p.t, turn.p
    lines = [
        report.bar(p, broadcast),
        "\n".join(f"• {line}" for line in report.outcome_lines(p, broadcast)),
        report.reason(p, broadcast) if broadcast.state == "paused" else "",
        t("A few get it first. If that goes well, it goes on by itself.") if broadcast.state == "trial" else "",
        t("Urgent: {reason}", reason=broadcast.reason) if broadcast.urgent else "",
    ]
    return turn.reply(
        *notes,
        f"“{heading(turn, broadcast)}”",
        *lines,
        title=f"{name(turn, broadcast)}: {report.state(p, broadcast)}",
        choices=_reins(turn, broadcast),
        here=here,
    )


def name(turn: Turn, broadcast: Broadcast) -> str:
    t = turn.p.t
    if broadcast.content.get("withdrawn"):
        return t("Withdrawal of broadcast {id}", id=str(broadcast.corrects))
    if broadcast.kind == "correction":
        return t("Correction of broadcast {id}", id=str(broadcast.corrects))
    return t("Broadcast {id}", id=str(broadcast.id))


def heading(turn: Turn, broadcast: Broadcast) -> str:
    """Its first words; of a dispatch, its title."""
    if broadcast.content.get("withdrawn"):
        return turn.p.t("This message was withdrawn.")
    return broadcasts.title(turn.conn, broadcast.dispatch_id) if broadcast.dispatch_id else report.heading(broadcast)


def _reins(turn: Turn, broadcast: Broadcast) -> list[Choice]:
    t, line = turn.p.t, f"/broadcasts {broadcast.id}"
    pause, go_on = Choice(t("Pause"), f"{line} pause"), Choice(t("Go on"), f"{line} resume")
    cancel, withdraw = Choice(t("Cancel …"), f"{line} cancel"), Choice(t("Withdraw …"), f"{line} withdraw")
    correct = Choice(t("Correct …"), f"{line} correct")
    takes_back = [withdraw] if broadcast.kind != "correction" else []
    match broadcast.state:
        case "planning" | "trial" | "sending":
            return [pause, cancel, *takes_back]
        case "paused":
            return [go_on, cancel, *takes_back]
        case "done" | "cancelled" if can_be_corrected(broadcast):
            return [correct, withdraw]
    return []


def listed(turn: Turn) -> Message:
    """The latest ones, each with its state."""
    t = turn.p.t
    found = broadcasts.latest(turn.conn, LISTED)
    write = Choice(t("Write a broadcast"), "/broadcast", wide=True)
    if not found:
        return turn.reply(t("There is no broadcast yet."), choices=[write])
    return turn.reply(
        *(_entry(turn, one) for one in found),
        title=t("Broadcasts"),
        choices=[*(Choice(t("Look at {number}", number=str(one.id)), _line(one)) for one in found), write],
    )


def _line(broadcast: Broadcast) -> str:
    return f"/draft {broadcast.id}" if broadcast.state == "draft" else f"/broadcasts {broadcast.id}"


def _entry(turn: Turn, one: Broadcast) -> str:
    at = turn.hours.local(one.created_at)
    how = f"{report.state(turn.p, one)}, {report.bar(turn.p, one)}" if one.running else report.state(turn.p, one)
    day = f"{dated(turn.p, at.date())}, {timed(turn.p, at)}"
    return f"{one.id} · {day} · {how}\n“{heading(turn, one)}”"


# ── Who, where and which ─────────────────────────────────────────────────────────────────────────────────────────────


def who(turn: Turn) -> str:
    assert turn.staff is not None  # noqa: S101
    return turn.staff.name


def found(turn: Turn, number: str) -> Broadcast | None:
    if not (number.isascii() and number.isdigit() and len(number) <= 15):
        return None
    return broadcasts.get(turn.conn, int(number))


def no_such(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(
        t("I know no broadcast of that number."), choices=[Choice(t("All broadcasts"), "/broadcasts")], here=True
    )


def again(turn: Turn, broadcast: Broadcast) -> Broadcast:
    """The same, as it is now."""
    now = broadcasts.get(turn.conn, broadcast.id)
    assert now is not None  # noqa: S101
    return now


def spoken_from(turn: Turn) -> Address:
    found = people.called(turn.conn, turn.keys, turn.person.id, turn.name)
    assert found is not None  # noqa: S101
    return found


def card_here(turn: Turn) -> dict[str, Any]:
    """Where a broadcast is shown from now on: in a new message to this chat, or in the one whose button was pressed."""
    return {"address": spoken_from(turn).id, **({"on": turn.on} if turn.on else {})}
