"""Where news comes from: ``serai source …``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bot.cli import data
from bot.cli.read import Kind, Options, fetch, read_all, show
from bot.cli.terminal import Json, Stop, in_one_word, iso, local, say, say_json

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.database import Database
    from storage.sources import Source, Wanted


def list_all(*, as_json: Json = False) -> None:
    """All sources, and how each was when it was last asked.

    Example: serai source list
    """
    from storage import sources

    settings = data.settings()
    found: list[Source] = data.read(settings, sources.all_of_them, otherwise=[])
    listed = [_as_json(source) for source in found]
    known = {source.name for source in found}
    listed += [_not_yet(wanted) for wanted in _in_file(settings) if wanted.name not in known]
    if as_json:
        say_json(listed)
        return
    if not listed:
        say("No source yet. `serai source add NAME KIND URL` adds one.")
    for source, times in zip(listed, [*map(_times, found), *[""] * len(listed)], strict=False):
        trusted = ", trusted" if source["trusted"] else ""
        state = f"{source['state']}: {source['why']}" if source["why"] else source["state"]
        say(source["name"], "bold")
        if source["kind"] == "staff":
            say(f"  what staff and partners hand in; {state}")
            continue
        say(f"  {source['kind']}, every {in_one_word(source['every_seconds'])}{trusted}; {state}")
        say("  " + "  ".join(filter(None, (source["url"], times))))


NOTHING = Options()


def try_one(
    place: str,
    /,
    *,
    kind: Kind | None = None,
    allow_private: bool = False,
    options: Options = NOTHING,
    as_json: Json = False,
) -> None:
    """Fetch an address under the rules of a source, and show what is read. Keeps nothing.

    Example: serai source try https://example.org/feed.xml --kind feed

    Parameters
    ----------
    place
        An http(s) address, or a path as in the settings file.
    kind
        What it is; when not given, its content tells.
    allow_private
        The address may lie in a private network.
    """
    from bot.news.kinds import request_for

    data.log_to_stderr()
    given = options.given()
    request = request_for(kind or "", place, given)
    fetched = data.finish(fetch(place, allow_private=allow_private, local_files=True, request=request))
    show(read_all(fetched.body, kind, given, fetched.url, fetched.content_type), as_json)


def add(
    name: str,
    kind: Annotated[Kind, Parameter(show_choices=False)],
    url: str = "",
    /,
    *,
    every: Annotated[str, Parameter(show_default=True)] = "15m",
    trusted: bool = False,
    allow_private: bool = False,
    options: Options = NOTHING,
) -> None:
    """Watch a new source. What it holds now can be read at once; what comes later is sent.

    Example: serai source add iom feed https://example.org/rss.xml --every 30m

    Parameters
    ----------
    name
        What to call it.
    kind
        What it is: feed, dateline, page or reliefweb.
    url
        Its http(s) address; ReliefWeb's is known.
    every
        How often to ask it: 30s, 15m, 2h, 1d.
    trusted
        Send without waiting for an editor.
    allow_private
        The address may lie in a private network.
    """
    from bot.news.kinds import wanted as as_wanted
    from config.settings import one_source
    from storage import sources

    settings = data.settings()
    table = {"name": name, "kind": kind, "every": every, "trusted": trusted, "allow_private": allow_private}
    wanted = as_wanted(one_source(table | ({"url": url} if url else {}) | options.given()))
    known = data.read(settings, lambda conn: sources.by_name(conn, wanted.name), otherwise=None)
    if wanted.name in {source.name for source in _in_file(settings)} or (
        known and known.origin == "file" and known.state != "dropped"
    ):
        raise Stop(f"{wanted.name} is a source of the settings already. Give another name, or change it there.")

    async def here(db: Database) -> int:
        return (await db.write(sources.put, wanted, "added")).id

    fields = {field: getattr(wanted, field) for field in wanted.__dataclass_fields__}
    by_hub = data.change(settings, "source_put", {"source": fields}, here).by_hub
    deed = "changed" if known and known.state != "dropped" else "added"
    say(f"{wanted.name} is {deed}: {wanted.url}, every {in_one_word(wanted.every_seconds)}.")
    if wanted.hindrance:
        say(f"It is off: {wanted.hindrance}.")
    elif not trusted:
        say("What comes from it waits for an editor: `serai news waiting`.")
    if not by_hub and data.file(settings) and not wanted.hindrance:
        say("No hub is running; `serai run` watches it.")


def on(name: str, /) -> None:
    """Watch a source again.

    Example: serai source on iom

    Parameters
    ----------
    name
        Its name in `serai source list`.
    """
    _switch(name, "on")


def off(name: str, /) -> None:
    """Watch a source no more.

    Example: serai source off iom

    Parameters
    ----------
    name
        Its name in `serai source list`.
    """
    _switch(name, "off")


def _switch(name: str, state: str) -> None:
    from storage import sources

    async def here(db: Database) -> bool:
        return await db.write(sources.switch, name, state, datetime.now(UTC))

    settings = data.settings()
    data.must_be_there(settings)
    if not data.change(settings, "source_switch", {"name": name, "state": state}, here).answer:
        raise Stop(f"There is no source {name!r}. `serai source list` shows all.")
    say(f"{name} is {state}.")


def _in_file(settings: Settings) -> list[Wanted]:
    from bot.news.kinds import wanted

    return [wanted(source) for source in settings.sources]


def _times(source: Source) -> str:
    read = f"last read {local(source.succeeded_at)}" if source.succeeded_at else "never read"
    return f"{read}, next {local(source.next_at)}" if source.next_at and source.state == "on" else read


def _as_json(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "url": source.url,
        "every_seconds": source.every_seconds,
        "trusted": source.trusted,
        "state": source.state,
        "why": source.why,
        "failures": source.failures,
        "fetched_at": iso(source.fetched_at),
        "succeeded_at": iso(source.succeeded_at),
        "next_at": iso(source.next_at),
    }


def _not_yet(wanted: Wanted) -> dict[str, Any]:
    """A source of the settings file that no hub has seen."""
    return {
        "name": wanted.name,
        "kind": wanted.kind,
        "url": wanted.url,
        "every_seconds": wanted.every_seconds,
        "trusted": wanted.trusted,
        "state": "off" if wanted.hindrance else "new",
        "why": wanted.hindrance or "the next `serai run` watches it",
        "failures": 0,
        "fetched_at": None,
        "succeeded_at": None,
        "next_at": None,
    }
