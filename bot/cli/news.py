"""Recent news, and an editor's word on it: ``serai news …``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from bot.cli import data
from bot.cli.read import Place, bytes_of
from bot.cli.terminal import Json, Stop, iso, say, say_json, warn

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Connection, Database
    from storage.dispatches import Stored

Id = Annotated[int, Parameter(name="ID", validator=Number(gte=1, lt=2**31), help="Its number in `serai news`.")]
Why = Annotated[str, Parameter(show_default=True, help="The reason, for other editors.")]


def recent(
    *words: str,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1000), show_default=True)] = 10,
    as_json: Json = False,
) -> None:
    """Recent news, the newest first: all, or by country, topic or words.

    Example: serai news Iraq jobs

    Parameters
    ----------
    words
        Countries, topics or words that narrow it down.
    limit
        How many, at the most.
    """
    from bot.news.places import Gazetteer
    from bot.news.topics import Topics
    from bot.talk.search import find, terms_of
    from bot.talk.wanted import Wanted, read

    gazetteer = Gazetteer.load()
    wanted = read(" ".join(words), gazetteer, Topics.load(), loosely=True)

    def query(conn: Connection) -> list[Stored]:
        found = find(conn, wanted, terms_of(wanted.unknown), limit=limit)
        if not found and wanted.topics:  # a word that names a topic may stand in other news too
            found = find(conn, Wanted(countries=wanted.countries), terms_of([wanted.rest]), limit=limit)
        return found

    found: list[Stored] = data.read(data.settings(), query, otherwise=[])
    _show(found, as_json, "No such news." if words else "No news yet.")
    if not found and wanted.likely:
        warn(f"Did you mean {' or '.join(gazetteer.name(country, 'en') for country in wanted.likely)}?")


def waiting(*, as_json: Json = False) -> None:
    """What waits for an editor, the oldest first.

    Example: serai news waiting
    """
    from storage import dispatches

    _show(data.read(data.settings(), dispatches.waiting, otherwise=[]), as_json, "Nothing waits.")


def approve(dispatch_id: Id, /) -> None:
    """Let a dispatch that waits go out.

    Example: serai news approve 12
    """
    from bot.news import editing
    from storage.staff import SHELL

    settings = data.settings()

    async def here(db: Database) -> bool:
        return await db.write(editing.approve, SHELL, dispatch_id, datetime.now(UTC), settings.delivery.valid_for)

    _decide(settings, dispatch_id, "news_approve", {}, here)
    say(f"Dispatch {dispatch_id} is approved.")


def hold(dispatch_id: Id, /, *, why: Why = "held by an editor") -> None:
    """Take a dispatch out of the news until somebody approves it.

    Example: serai news hold 12 --why "a number in it is wrong"
    """
    _move(dispatch_id, "held", why, ["ready"])
    say(f"Dispatch {dispatch_id} is held.")


def withdraw(dispatch_id: Id, /, *, why: Why = "withdrawn by an editor") -> None:
    """Take a dispatch out of the news for good; what was not sent yet is not sent.

    Example: serai news withdraw 12
    """
    _move(dispatch_id, "withdrawn", why, ["ready", "held"])
    say(f"Dispatch {dispatch_id} is withdrawn.")


def add(place: Place = "-", /) -> None:
    """Hand in a text: it is one dispatch, and waits for an editor.

    Example: serai news add letter.txt

    Parameters
    ----------
    place
        A path, or - for standard input. It begins with its place: "Erbil, Iraq: …".
    """
    from bot.news import editing
    from bot.news.read import Reader, decode
    from storage.staff import SHELL

    settings = data.settings()
    data.must_be_there(settings)
    text = decode(bytes_of(place))

    async def here(db: Database) -> tuple[int, str, bool]:
        reader, now = Reader.load(), datetime.now(UTC)
        try:
            taken = await db.write(editing.hand_in, reader, SHELL, text, now, settings.delivery.valid_for)
        except editing.NotTaken as not_taken:
            raise Stop(str(not_taken)) from None
        return taken.dispatch.id, taken.dispatch.status, taken.new

    number, status, new = data.change(settings, "news_add", {"text": text}, here).answer
    if new:
        say(f"Dispatch {number} waits for an editor: `serai news approve {number}` lets it go out.")
    else:
        say(f"The same words are here already: dispatch {number}, {status}.")


def _move(dispatch_id: int, status: str, why: str, only_from: list[str]) -> None:
    from bot.news import editing
    from storage.staff import SHELL

    async def here(db: Database) -> bool:
        now = datetime.now(UTC)
        return await db.write(editing.move, SHELL, dispatch_id, status, why, now, only_from=only_from)

    arguments = {"status": status, "why": why, "only_from": only_from}
    _decide(data.settings(), dispatch_id, "news_move", arguments, here)


def _decide(
    settings: Settings,
    dispatch_id: int,
    deed: str,
    arguments: dict[str, Any],
    here: Callable[[Database], Awaitable[bool]],
) -> None:
    from storage import dispatches

    data.must_be_there(settings)
    if data.change(settings, deed, {"dispatch_id": dispatch_id, **arguments}, here).answer:
        return
    kept = data.read(settings, lambda conn: dispatches.get(conn, dispatch_id), otherwise=None)
    match kept.status if kept else None:
        case None:
            raise Stop(f"There is no dispatch {dispatch_id}. `serai news` and `serai news waiting` show the numbers.")
        case "held":
            raise Stop(f"Dispatch {dispatch_id} waits for an editor already.")
        case "withdrawn":
            raise Stop(f"Dispatch {dispatch_id} was withdrawn already.")
        case _:
            raise Stop(f"Dispatch {dispatch_id} is in the news already.")


def _show(found: Sequence[Stored], as_json: bool, none: str) -> None:
    if as_json:
        say_json([_as_json(dispatch) for dispatch in found])
        return
    if not found:
        say(none)
    for dispatch in found:
        about = ", ".join(dispatch.countries) or "regional"
        topics = ", ".join(dispatch.topics)
        say(f"{dispatch.id}  {dispatch.sort_at:%d %b %Y}  {about}  {topics}".rstrip(), "dim")
        if dispatch.title:
            say(dispatch.title, "bold")
        say(dispatch.summary)
        why = f"({dispatch.why})" if dispatch.why else ""
        say("  ".join(filter(None, (dispatch.source, dispatch.link, why))))
        say()


def _as_json(dispatch: Stored) -> dict[str, Any]:
    return {
        "id": dispatch.id,
        "source": dispatch.source,
        "title": dispatch.title,
        "text": dispatch.text,
        "summary": dispatch.summary,
        "link": dispatch.link,
        "language": dispatch.language,
        "places": [dict(place) for place in dispatch.places],
        "countries": sorted(dispatch.countries),
        "topics": list(dispatch.topics),
        "published": iso(dispatch.published),
        "first_seen": iso(dispatch.first_seen),
        "status": dispatch.status,
        "why": dispatch.why,
    }
