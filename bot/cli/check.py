"""Whether everything works, and what to do where it does not: ``serai check``."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from bot.cli import data
from bot.cli.terminal import Json, say, say_json

if TYPE_CHECKING:
    from bot.checks import Line

COLOURS = {"ok": "green", "warning": "yellow", "fault": "bold red"}


def check(*, as_json: Json = False) -> None:
    """Tell what works and what does not, and what to do about it.

    Looks at settings, database, keys, sources, accounts and web; changes nothing.
    Ends with 1 when something is at fault; a warning is none.

    Example: serai check
    """
    lines = _look()
    if as_json:
        say_json([{"about": line.about, "state": line.state, "what": line.what, "todo": line.todo} for line in lines])
    else:
        _show(lines)
    if any(line.state == "fault" for line in lines):
        sys.exit(1)


def _look() -> list[Line]:
    from bot import checks
    from config.settings import BadSettings

    try:
        settings = data.settings()
    except BadSettings as bad:  # each of them is a thing to mend, and nothing else can be looked at before
        return [checks.Line("settings", "fault", fault, "Mend it in the settings.") for fault in bad.faults]
    data.log_to_stderr(settings.log, logging.ERROR)  # what is at fault is in the answer
    return data.finish(checks.check(settings))


def _show(lines: list[Line]) -> None:
    width = max(len(line.about) for line in lines)
    for line in lines:
        say(f"{line.state:<7}  {line.about:<{width}}  {line.what}", COLOURS[line.state])
        if line.todo:
            say(f"{'':<7}  {'':<{width}}  → {line.todo}")
    count = {state: sum(line.state == state for line in lines) for state in COLOURS}
    say(f"{count['ok']} ok, {count['warning']} to look at, {count['fault']} at fault.")
