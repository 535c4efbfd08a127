"""What staff do with broadcasts: the same deeds for a chat, the shell, and a hub that the shell asks.

Each runs in one transaction, and writes down who did it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from storage import broadcasts, pictures, staff
from storage.broadcasts import Broadcast
from storage.database import Connection
from storage.reach import Audience

VALID: Final = timedelta(days=8)  # a weekly digest still brings it
BY: Final = "by "  # begins why it is paused where somebody of the staff did it
# A deed, and how the audit calls it.
DEEDS: Final[Mapping[str, str]] = {
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "withdraw": "withdrew",
}


def about(broadcast_id: int) -> str:
    """How the audit names it."""
    return f"broadcast {broadcast_id}"


def move(conn: Connection, who: str, broadcast_id: int, deed: str, now: datetime) -> bool:
    """One of ``DEEDS``. False when it is not in a state for that."""
    deeds: dict[str, Callable[[], bool]] = {
        "pause": lambda: broadcasts.pause(conn, broadcast_id, f"{BY}{who}"),
        "resume": lambda: broadcasts.resume(conn, broadcast_id, now),
        "cancel": lambda: broadcasts.cancel(conn, broadcast_id),
        "withdraw": lambda: broadcasts.withdraw(conn, broadcast_id, who),
    }
    done = deeds[deed]()
    if done:
        staff.note(conn, now, who, DEEDS[deed], about(broadcast_id))
    return done


def hold(conn: Connection, who: str, dispatch_id: int) -> bool:
    """A dispatch is held while it goes out: who has not got it yet waits."""
    kept = broadcasts.of_dispatch(conn, dispatch_id)
    return kept is not None and broadcasts.pause(conn, kept.id, f"{BY}{who}")


def let_go(conn: Connection, dispatch_id: int, now: datetime) -> bool:
    """It is approved after all, and goes on; unless it was the brake that stopped it."""
    kept = broadcasts.of_dispatch(conn, dispatch_id)
    return kept is not None and kept.why.startswith(BY) and broadcasts.resume(conn, kept.id, now)


def take_back(conn: Connection, who: str, dispatch_id: int) -> bool:
    """A dispatch is withdrawn: whoever got it is told so, in its place where the channel can."""
    kept = broadcasts.of_dispatch(conn, dispatch_id)
    return kept is not None and broadcasts.withdraw(conn, kept.id, who)


def send(conn: Connection, who: str, draft_id: int, now: datetime, *, approved_by: str = "") -> bool:
    """A draft is sent, to as many as were counted for it. False when it is no draft any more."""
    kept = broadcasts.get(conn, draft_id)
    if kept is None:
        return False
    size = kept.reach.people if kept.reach else 0
    if kept.corrects is not None and (corrected := broadcasts.get(conn, kept.corrects)):
        size = corrected.got_it
    if not broadcasts.confirm(conn, draft_id, now, size=size, valid_until=now + VALID, approved_by=approved_by):
        return False
    staff.note(conn, now, who, "approved" if approved_by else "sent", about(draft_id), kept.reason)
    return True


def compose(
    conn: Connection,
    who: str,
    content: Mapping[str, Any],
    now: datetime,
    *,
    audience: Audience,
    reach: Mapping[str, Any],
    reason: str = "",
    picture: tuple[bytes, str, str] | None = None,
) -> int:
    """Written and sent at once, where all of it is known: at the shell. With a ``reason`` it is urgent, and waits for
    an editor's yes. ``picture``: its bytes, its type, and what is on it."""
    if picture:
        data, mime, alt = picture
        content = {**content, "picture": {"name": pictures.keep(conn, data, mime, now), "alt": alt}}
    made = broadcasts.draft(conn, who, now, content, audience=audience)
    if reason:
        broadcasts.edit(conn, made, urgent=True, reason=reason)
        staff.note(conn, now, who, "made urgent", about(made), reason)
        broadcasts.note(conn, made, reach=dict(reach), asked=True, todo=["ask"])
    else:
        broadcasts.note(conn, made, reach=dict(reach))
        send(conn, who, made, now)
    return made


def corrected(kept: Broadcast, texts: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a correction: the same, but for these texts."""
    return {**kept.content, **texts, "corrected": True}


def can_be_corrected(kept: Broadcast) -> bool:
    """Once nothing of it is on its way any more, and somebody may have read it."""
    return kept.kind == "staff" and kept.state in ("done", "cancelled") and kept.got_it > 0


def correct(conn: Connection, who: str, broadcast_id: int, texts: Mapping[str, Any], now: datetime) -> int | None:
    """To all who got it, in its place where the channel can. None when it is not in a state for that."""
    kept = broadcasts.lock(conn, broadcast_id)
    if kept is None or not can_be_corrected(kept):
        return None
    made = broadcasts.draft(conn, who, now, corrected(kept, texts), corrects=broadcast_id)
    send(conn, who, made, now)
    return made
