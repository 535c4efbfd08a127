"""Commands that show what the hub makes of something, and keep nothing: ``serai read``, ``serai country``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from bot.cli.data import finish, log_to_stderr
from bot.cli.terminal import Json, Stop, local, say, say_json, warn

if TYPE_CHECKING:
    from bot.news.dispatch import Dispatch
    from bot.news.fetch import Fresh, Request
    from bot.news.read import Reading, Why

Kind = Literal["feed", "dateline", "page", "reliefweb"]
Preset = Literal["icmpd", "budapest-process"]
Beside = Annotated[str | None, Parameter(show=False)]


@Parameter(name="*")
@dataclass(frozen=True)
class Selectors:
    """Where the news is on a page.

    Parameters
    ----------
    preset
        Of a page: icmpd or budapest-process.
    item
        Of a page: the CSS selector of an item; beside it may stand --title, --link, --date and --text.
    """

    preset: Annotated[Preset | None, Parameter(show_choices=False)] = None
    item: str | None = None
    title: Beside = None
    link: Beside = None
    date: Beside = None
    text: Beside = None

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@Parameter(name="*")
@dataclass(frozen=True)
class Options(Selectors):
    """What a source needs besides its address.

    Parameters
    ----------
    appname
        Of ReliefWeb: the name that it has approved.
    countries
        Of ReliefWeb: about which, such as AF,PK; all that we follow if none.
    query
        Of ReliefWeb: words that a report must have.
    """

    appname: str | None = None
    countries: str | None = None
    query: str | None = None

    def given(self) -> dict[str, Any]:
        given = super().given()
        if self.countries is not None:
            given["countries"] = [code.strip() for code in self.countries.split(",") if code.strip()]
        return given


def _no_option(_: type, place: str) -> None:
    if place.startswith("-") and place != "-":
        raise ValueError(f"There is no option {place} here.")


# Without the hyphen allowed, "-" is taken for an option.
Place = Annotated[str, Parameter(allow_leading_hyphen=True, validator=_no_option)]


NOTHING = Selectors()


def read(
    place: Place,
    /,
    *,
    kind: Kind | None = None,
    page: Selectors = NOTHING,
    explain: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> None:
    """Show what the hub reads in a file, a web address or - (standard input). Keeps nothing.

    Example: serai read news.txt --kind dateline --json

    Parameters
    ----------
    place
        A path, an http(s) address, or - for standard input.
    kind
        What it is; when not given, its content tells.
    explain
        Tell which words decided about the countries and the topics.
    """
    from bot.news.read import Reader

    log_to_stderr()
    options, reader = page.given(), Reader.load()
    because = reader.why if explain else None
    if re.match("https?://", place, re.IGNORECASE):
        # Private addresses too: it is the person's own machine that asks.
        fetched = finish(fetch(place, allow_private=True))
        raw, url, content_type = fetched.body, fetched.url, fetched.content_type
    else:
        raw, url, content_type = bytes_of(place), "", ""
    show(reader.read(raw, kind, url=url, content_type=content_type, options=options), as_json, because)


def read_all(
    raw: bytes, kind: str | None, options: Mapping[str, Any], url: str = "", content_type: str = ""
) -> Reading:
    from bot.news.read import Reader

    return Reader.load().read(raw, kind, url=url, content_type=content_type, options=options)


def bytes_of(place: str) -> bytes:
    from bot.news.read import LARGEST

    if place == "-":
        if sys.stdin.isatty():
            warn("Reading what you type; end with Ctrl-D on a line of its own.")
        return sys.stdin.buffer.read(LARGEST + 1)  # enough to be told that it is too much
    try:
        with Path(place).open("rb") as document:
            return document.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no name of a file"
        raise Stop(f"{place}: {why}. Give a file, an http(s) address, or - for standard input.") from None


async def fetch(place: str, *, allow_private: bool, local_files: bool = False, request: Request | None = None) -> Fresh:
    from bot.news.fetch import Failed, Fetcher, Fresh

    fetcher = Fetcher(clock=lambda: datetime.now(UTC))
    try:
        answer = await fetcher.fetch(request or place, allow_private=allow_private, local_files=local_files)
    finally:
        await fetcher.close()
    if isinstance(answer, Fresh):
        return answer
    why = answer.why if isinstance(answer, Failed) else "gave nothing new; try again later"
    raise Stop(f"{place}: {why}")


def show(reading: Reading, as_json: bool, because: Callable[[Dispatch], Why] | None = None) -> None:
    """``because``: what tells which words decided; none: it is not told."""
    if as_json:
        said = ((dispatch, {"why": because(dispatch).as_json()} if because else {}) for dispatch in reading.dispatches)
        say_json([dispatch.as_json() | why for dispatch, why in said])
    else:
        for number, dispatch in enumerate(reading.dispatches, 1):
            _show(number, dispatch, because(dispatch) if because else None)
        aside = f", {len(reading.set_aside)} set aside" if reading.set_aside else ""
        say(f"{len(reading.dispatches)} read{aside}.")
    for item in reading.set_aside:
        warn(f"set aside: {item.where}: {item.why}")
    if reading.remark:
        warn(reading.remark)


def _show(number: int, dispatch: Dispatch, why: Why | None) -> None:
    facts = {
        "identity": dispatch.identity,
        "title": dispatch.title,
        "text": dispatch.text.replace("\n", "\n" + " " * 20),
        "link": dispatch.link,
        "places": "; ".join(f"{place.name} ({place.country or '?'})" for place in dispatch.places),
        "dateline_country": dispatch.dateline_country or "",
        "countries": ", ".join(dispatch.countries) or "none: regional",
        "topics": ", ".join(dispatch.topics) or "none",
        "language": dispatch.language or "not known",
        "published": local(dispatch.published) if dispatch.published else "",
        "event": " to ".join(f"{day:%Y-%m-%d}" for day in dict.fromkeys(dispatch.event or ())),
        "phones": "a number to check before it is sent" if dispatch.phones else "",
        "summary": dispatch.summary,
    }
    if why:
        seen = dict.fromkeys(f"{m.words}: {m.country} {m.role.value}" for m in why.countries)
        topics = (f"{because.topic}: {', '.join(because.words)}" for because in why.topics)
        facts |= {
            "why countries": "; ".join(seen) or "nothing named",
            "why topics": "; ".join(topics) or "nothing found",
        }
    say(f"{number}.", "bold")
    for name, value in facts.items():
        if value:
            say(f"  {name:<16}  {value}")
    say()


def country(
    *text: Annotated[str, Parameter(allow_leading_hyphen=True)],
    as_json: Json = False,
) -> None:
    """Tell which country somebody means, in any language; - answers each line of standard input.

    Example: serai country news from Kabul --json

    Parameters
    ----------
    text
        Words as a person types them, or - for standard input.
    """
    from bot.news.places import Gazetteer

    if not text:
        raise Stop("Say what somebody typed: serai country news from Kabul")
    gazetteer = Gazetteer.load()
    for line in _lines() if text == ("-",) else (" ".join(text),):
        guess = gazetteer.country(line)
        name = gazetteer.name(guess.country, "en") if guess.country else None
        if as_json:
            answer = {"country": guess.country, "name": name, "how": guess.how, "matched": guess.matched}
            say_json(answer, in_lines=True)
        else:
            say(f"{guess.country} {name}" if guess.country else "no country")


def _lines() -> Iterator[str]:
    """Each line of standard input as it comes, whatever bytes are in it."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "replace").strip("\r\n")
