"""What staff write to many, from the shell: ``serai broadcast …``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from bot.cli import data, typed
from bot.cli.terminal import Json, Stop, iso, local, say, say_json, warn

if TYPE_CHECKING:
    from channels.contract import Limits
    from config.messages import Phrases
    from config.settings import Settings
    from storage.broadcasts import Broadcast
    from storage.database import Database
    from storage.reach import Reach

Id = Annotated[int, Parameter(name="ID", validator=Number(gte=1, lt=2**31), help="Its number in `broadcast list`.")]
Yes = Annotated[bool, Parameter(help="Do not ask.")]
Texts = Annotated[
    tuple[str, ...],
    Parameter(name="--text", help="The text in another language: --text fa-AF=…", negative=""),
]
Several = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]

TICK: Final = 1.0  # seconds between two looks at how it goes …
SHARE_OF_TIME: Final = 10  # … and this many times as long as the look took


def send(
    text: str,
    /,
    *,
    texts: Texts = (),
    country: Several = (),
    topic: Several = (),
    language: Several = (),
    channel: Several = (),
    image: Path | None = None,
    alt: str = "",
    urgent: Annotated[bool, Parameter(help="At night too. Wants --reason, and an editor's yes in chat.")] = False,
    reason: str = "",
    yes: Yes = False,
) -> None:
    """Write to many people.

    Example: serai broadcast "The centre is closed." --country IQ

    Parameters
    ----------
    text
        What to say. A short first line with an empty one under it is the title.
    country
        Only those who follow one of these.
    topic
        Only those who follow one of these.
    language
        Only those who read one of these.
    channel
        Only those on one of these.
    image
        A picture: JPEG, PNG or WebP.
    alt
        What is on it, for those who cannot see it.
    reason
        Why it is urgent.
    """
    from msgspec import to_builtins

    from storage.reach import too_narrow

    settings = data.settings()
    data.must_be_there(settings)
    if urgent != bool(reason.strip()):
        raise Stop("An urgent broadcast has a reason, and only an urgent one: --urgent --reason WHY")
    picture = typed.picture(image, alt)
    content = typed.content(text, texts)
    audience = typed.audience(country, topic, language, channel)
    reach, limits = _reach(settings, audience, urgent)
    _preview(settings, content, picture, audience, reach, limits)
    if not reach.people:
        raise Stop("Nobody would get it, so nothing was sent.")
    if too_narrow(reach, audience):
        raise Stop(
            "That is fewer than 10 people. So few could be told apart, so choose more of them, or write to them in "
            "their conversations."
        )
    if urgent:
        _must_have_editors(settings)
    _must_agree(yes, f"Send it to {_people(reach)}?" if not urgent else "Ask the editors to send it?")

    async def here(db: Database) -> int:
        from bot.delivery import reins
        from storage.staff import SHELL

        return await db.write(reins.compose, SHELL, content, datetime.now(UTC), **given, picture=picture)

    given: dict[str, Any] = {"audience": audience, "reach": to_builtins(reach), "reason": reason.strip()}
    # The hub reads the picture itself: it is on the same machine, and a line to it holds no more than a megabyte.
    path = str(image.absolute()) if image else ""
    arguments = {"content": content, "given": given, "image": path, "alt": alt}
    done = data.change(settings, "broadcast_send", arguments, here)
    if urgent:
        say(f"Broadcast {done.answer} waits for an editor's yes in chat. See: serai broadcast show {done.answer}")
        return
    _follow(settings, int(done.answer), sent_by_hub=done.by_hub)


def list_all(
    *, limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 10, as_json: Json = False
) -> None:
    """The latest broadcasts, each with its state.

    Example: serai broadcast list
    """
    from storage import broadcasts
    from storage.broadcasts import Broadcast

    settings, nothing = data.settings_for_looking(), list[Broadcast]()
    found = data.read(settings, lambda conn: broadcasts.latest_now(conn, limit), otherwise=nothing)
    if as_json:
        say_json([_as_json(one) for one in found])
        return
    from bot.talk import report

    p = _english()
    for one in found:
        how = report.bar(p, one) if one.running else ""
        say(f"{one.id}  {local(one.created_at)}  {report.state(p, one)}  {one.created_by}  {how}".rstrip(), "dim")
        say(report.heading(one))
        say()
    if not found:
        say("No broadcast yet.")


def show(
    broadcast_id: Id,
    /,
    *,
    watch: Annotated[bool, Parameter(help="Until it is over. Ctrl-C stops looking, not the sending.")] = False,
    as_json: Json = False,
) -> None:
    """How a broadcast goes, or what became of it.

    Example: serai broadcast show 12
    """
    settings = data.settings_for_looking()
    if watch:
        _watch(settings, broadcast_id)
        return
    found = _found(settings, broadcast_id)
    if as_json:
        say_json(_as_json(found))
    else:
        _report(found)


def pause(broadcast_id: Id, /) -> None:
    """Stop sending for now; what waits is kept.

    Example: serai broadcast pause 12
    """
    _move(broadcast_id, "pause")


def resume(broadcast_id: Id, /) -> None:
    """Go on where it stopped.

    Example: serai broadcast resume 12
    """
    _move(broadcast_id, "resume")


def cancel(broadcast_id: Id, /, *, yes: Yes = False) -> None:
    """Send no more of it, for good.

    Example: serai broadcast cancel 12
    """
    _move(broadcast_id, "cancel", yes=yes)


def withdraw(broadcast_id: Id, /, *, yes: Yes = False) -> None:
    """Send no more of it, and take back what was sent.

    Example: serai broadcast withdraw 12
    """
    _move(broadcast_id, "withdraw", yes=yes)


def correct(broadcast_id: Id, text: str, /, *, texts: Texts = (), yes: Yes = False) -> None:
    """Send another text to all who got it, in its place where the app can.

    Example: serai broadcast correct 12 "The centre is open."

    Parameters
    ----------
    text
        What it should have said.
    """
    settings = data.settings()
    data.must_be_there(settings)
    found, content = _found(settings, broadcast_id), typed.content(text, texts)
    if missing := [code for code in found.texts if code not in content]:
        also = " ".join(f"--text {code}=…" for code in missing)
        raise Stop(f"Broadcast {broadcast_id} is in other languages as well: give them, too, with {also}")
    _must_agree(yes, f"Correct it for {_count(found)}?")

    async def here(db: Database) -> int | None:
        from bot.delivery import reins
        from storage.staff import SHELL

        return await db.write(reins.correct, SHELL, broadcast_id, content, datetime.now(UTC))

    done = data.change(settings, "broadcast_correct", {"broadcast_id": broadcast_id, "texts": content}, here)
    if done.answer is None:
        raise Stop(f"Broadcast {broadcast_id} cannot be corrected: it is {_state(settings, broadcast_id)}.")
    _follow(settings, int(done.answer), sent_by_hub=done.by_hub)


# ── Before ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reach(settings: Settings, audience: Mapping[str, Sequence[str]], urgent: bool) -> tuple[Reach, dict[str, Limits]]:
    from bot.hub import channels_of, timing
    from storage.reach import Reach, size_up

    limits = channels_of(settings)
    when, now = timing(settings, limits), datetime.now(UTC)
    nobody = Reach(people=0, known=0)
    found = data.read(settings, lambda conn: size_up(conn, audience, now, when, urgent=urgent), otherwise=nobody)
    return found, limits


def _preview(
    settings: Settings,
    content: Mapping[str, Any],
    picture: tuple[bytes, str, str] | None,
    audience: Mapping[str, Sequence[str]],
    reach: Reach,
    limits: Mapping[str, Limits],
) -> None:
    from zoneinfo import ZoneInfo

    from bot.talk import report
    from config.messages import language_name

    p = _english()
    for code, said in content.items():
        say(language_name(code), "dim")
        if said["title"]:
            say(said["title"], "bold")
        say(f"{said['text']}\n")
    if picture:
        say(f"With a picture of {len(picture[0]) / 1024:.0f} kB: {picture[2]}\n")
    say(f"For {_in_words(audience)}:")
    zone = ZoneInfo(settings.organisation.zone)
    seconds, sitting = report.takes(reach, limits), report.sits(reach, limits)
    for line in report.reach_lines(p, reach, seconds, zone, datetime.now(UTC), sitting=sitting):
        say(f"  {line}")
    say()


def _in_words(audience: Mapping[str, Sequence[str]]) -> str:
    from config.messages import language_name

    gazetteer = typed.gazetteer() if "countries" in audience else None
    names: dict[str, Callable[[str], str]] = {
        "countries": lambda code: gazetteer.name(code, "en") if gazetteer else code,
        "languages": lambda code: language_name(code, said_in="en"),
    }
    parts = [
        f"{words} {' or '.join(names.get(side, str)(name) for name in audience[side])}"
        for side, words in (
            ("countries", "who follow"),
            ("topics", "who follow the topic"),
            ("languages", "who read"),
            ("channels", "on"),
        )
        if side in audience
    ]
    return f"people {', '.join(parts)}" if parts else "everybody who gets the news"


def _must_have_editors(settings: Settings) -> None:
    from storage import staff

    if not data.read(settings, lambda conn: bool(staff.bound(conn, "editor")), otherwise=False):
        add = "serai staff add NAME --role editor"
        raise Stop(f"An urgent broadcast needs an editor's yes in chat, and there is no editor there: {add}")


def _must_agree(yes: bool, question: str) -> None:
    if yes:
        return
    say(f"{question} [y/N]")
    answer = sys.stdin.readline().strip().casefold()
    if answer not in ("y", "yes"):
        raise Stop("Nothing was done." if answer else "Nothing was done. To go on without being asked: --yes")


# ── While, and after ─────────────────────────────────────────────────────────────────────────────────────────────────


def _move(broadcast_id: int, deed: str, *, yes: bool = True) -> None:
    settings = data.settings()
    data.must_be_there(settings)
    found = _found(settings, broadcast_id)
    _must_agree(yes, f"{deed.capitalize()} broadcast {broadcast_id}? {_count(found)} got it.")

    async def here(db: Database) -> bool:
        from bot.delivery import reins
        from storage.staff import SHELL

        return await db.write(reins.move, SHELL, broadcast_id, deed, datetime.now(UTC))

    if not data.change(settings, "broadcast_move", {"broadcast_id": broadcast_id, "deed": deed}, here).answer:
        raise Stop(f"Broadcast {broadcast_id} is {_state(settings, broadcast_id)}: it cannot be {DEEDS_PAST[deed]}.")
    say(f"Broadcast {broadcast_id} is {DEEDS_PAST[deed]}.")


DEEDS_PAST: Final = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "withdraw": "withdrawn"}


def _found(settings: Settings, broadcast_id: int) -> Broadcast:
    from storage import broadcasts

    found = data.read(settings, lambda conn: broadcasts.now(conn, broadcast_id), otherwise=None)
    if found is None:
        raise Stop(f"There is no broadcast {broadcast_id}. `serai broadcast list` shows the numbers.")
    return found


def _state(settings: Settings, broadcast_id: int) -> str:
    from bot.talk import report

    return report.state(_english(), _found(settings, broadcast_id))


def _follow(settings: Settings, broadcast_id: int, *, sent_by_hub: bool) -> None:
    if data.folder(settings) and not sent_by_hub:
        say(f"Broadcast {broadcast_id} goes out as soon as the hub runs: serai run")
    elif sys.stdout.isatty():
        _watch(settings, broadcast_id)
    else:
        say(f"Broadcast {broadcast_id} is on its way. See: serai broadcast show {broadcast_id}")


def _watch(settings: Settings, broadcast_id: int) -> None:
    """A bar that moves until it is over. Ctrl-C stops looking, nothing else."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from bot.talk import report

    p = _english()
    columns = (TextColumn("{task.description}"), BarColumn(30), TaskProgressColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns) as bar:
            task = bar.add_task("")
            while True:
                begun = time.monotonic()
                found = _found(settings, broadcast_id)
                bar.update(task, description=report.state(p, found), total=1, completed=_share(found))
                if found.ended_at or found.state in ("draft", "paused"):
                    break
                time.sleep(max(TICK, SHARE_OF_TIME * (time.monotonic() - begun)))
    except KeyboardInterrupt:
        warn(f"\nIt goes on. To look again: serai broadcast show {broadcast_id} --watch")
        sys.exit(130)
    _report(found)


def _share(found: Broadcast) -> float:
    return (found.total - found.waiting) / found.total if found.total else float(found.ended_at is not None)


def _report(found: Broadcast) -> None:
    from bot.talk import report

    p = _english()
    say(f"Broadcast {found.id}: {report.state(p, found)}", "bold")
    say(report.heading(found) or "(withdrawal)")
    if found.state == "paused":
        say(report.reason(p, found))
    if found.urgent:
        say(f"Urgent: {found.reason}")
        say(f"Approved by {found.approved_by}." if found.approved_by else "It waits for an editor's yes in chat.")
    for line in report.outcome_lines(p, found):
        say(f"  {line}")


def _people(reach: Reach) -> str:
    from bot.talk import report

    return report.people(_english(), reach.people, crowd=reach.crowd)


def _count(found: Broadcast) -> str:
    from bot.talk import report

    return report.people(_english(), found.got_it, crowd=found.crowd)


def _english() -> Phrases:
    from config.messages import phrases

    return phrases("en")


def _as_json(found: Broadcast) -> dict[str, Any]:
    from storage.reach import FEW

    def shown(n: int) -> int | None:
        """W3: none under ten where a hub has many people."""
        return None if found.crowd and 0 < n < FEW else n

    return {
        "id": found.id,
        "kind": found.kind,
        "state": found.state,
        "why": found.why,
        "texts": found.texts,
        "audience": found.audience,
        "people": shown(found.total),
        "counts": {state: shown(n) for state, n in sorted(found.counts.items())},
        "stopped": shown(found.stopped),
        "urgent": found.urgent,
        "reason": found.reason,
        "created_by": found.created_by,
        "approved_by": found.approved_by,
        "corrects": found.corrects,
        "created_at": iso(found.created_at),
        "ended_at": iso(found.ended_at),
    }
