"""One dispatch whole, and what became of it: ``serai news show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.cli import data
from bot.cli.news import Id
from bot.cli.terminal import Json, Stop, iso, local, say, say_json

if TYPE_CHECKING:
    from storage.database import Connection
    from storage.dispatches import Stored
    from storage.reasons import Broadcast

Counted = list[tuple["Broadcast", dict[str, int]]]

# In the order of a delivery's life; others that there may be come after them.
ORDER = ("pending", "claimed", "sending", "closed", "sent", "unclear", "gone", "refused")


def show(dispatch_id: Id, /, *, as_json: Json = False) -> None:
    """One dispatch whole, and how many were told it.

    Example: serai news show 12
    """
    from storage import deliveries, dispatches, reasons

    def query(conn: Connection) -> tuple[Stored, Counted] | None:
        found = dispatches.get(conn, dispatch_id)
        if found is None:
            return None
        made = reasons.broadcasts_of(conn, dispatch_id)
        return found, [(broadcast, deliveries.counts(conn, broadcast.id)) for broadcast in made]

    settings = data.settings()
    data.must_be_there(settings)
    found: tuple[Stored, Counted] | None = data.read(settings, query, otherwise=None)
    if found is None:
        raise Stop(f"There is no dispatch {dispatch_id}. `serai news` and `serai news waiting` show the numbers.")
    if as_json:
        say_json(_as_json(*found))
    else:
        _show(*found)


def _show(dispatch: Stored, broadcasts: Counted) -> None:
    facts = {
        "status": f"{dispatch.status} ({dispatch.why})" if dispatch.why else dispatch.status,
        "source": dispatch.source,
        "link": dispatch.link,
        "places": "; ".join(f"{place['name']} ({place['country'] or '?'})" for place in dispatch.places),
        "countries": ", ".join(dispatch.countries) or "none: regional",
        "topics": ", ".join(dispatch.topics) or "none",
        "language": dispatch.language or "not known",
        "published": local(dispatch.published) if dispatch.published else "not dated",
        "first seen": local(dispatch.first_seen),
        "of use until": local(dispatch.valid_until) if dispatch.valid_until else "",
        "pushed": "yes" if dispatch.push else "no: it came with a first look, or too old",
    }
    say(f"{dispatch.id}  {dispatch.title}".rstrip(), "bold")
    for name, value in facts.items():
        if value:
            say(f"  {name:<12}  {value}")
    say(f"\n{dispatch.summary}\n", "dim")
    say(f"{dispatch.text}\n")
    for broadcast, counts in broadcasts:
        say(_became(broadcast, counts))
    if not broadcasts:
        say("No broadcast was made of it.")


def _became(broadcast: Broadcast, counts: dict[str, int]) -> str:
    head = f"broadcast {broadcast.id}, {local(broadcast.created_at)}, {broadcast.state}"
    audience = sum(counts.values())
    if not audience:
        return f"{head}: nobody yet" if broadcast.state == "planning" else f"{head}: nobody, or over 30 days ago"
    so_far = " so far" if broadcast.state == "planning" else ""
    return f"{head}: to {audience:,}{so_far} = " + " + ".join(f"{n:,} {state}" for state, n in _ordered(counts).items())


def _ordered(counts: dict[str, int]) -> dict[str, int]:
    return {state: counts[state] for state in sorted(counts, key=lambda s: (ORDER.index(s) if s in ORDER else 99, s))}


def _as_json(dispatch: Stored, broadcasts: Counted) -> dict[str, Any]:
    from bot.cli.news import _as_json as table

    return table(dispatch) | {
        "push": dispatch.push,
        "valid_until": iso(dispatch.valid_until),
        "broadcasts": [
            {
                "id": broadcast.id,
                "kind": broadcast.kind,
                "state": broadcast.state,
                "made_at": iso(broadcast.created_at),
                "planned_at": iso(broadcast.planned_at),
                "audience": sum(counts.values()),
                "counts": _ordered(counts),
            }
            for broadcast, counts in broadcasts
        ],
    }
