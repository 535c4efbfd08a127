"""How commands speak: an answer goes to standard output, as words or as JSON; all else to standard error."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from cyclopts import CycloptsError
    from cyclopts.help import HelpPanel
    from rich.console import ConsoleOptions

Json = Annotated[bool, Parameter(name="--json", help="Answer in JSON.")]

# Much of what is shown was written by others; none of it may steer the terminal.
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class Stop(Exception):
    """Ends a command with a sentence that says what to do."""


class _Terminal(Console):
    def on_broken_pipe(self) -> NoReturn:
        raise  # what Rich caught: ``main`` knows what to do


def _terminal(*, stderr: bool = False) -> Console:
    # Lines are not wrapped: what is to be copied stays whole, and a pipe gets them as they are.
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return _Terminal(stderr=stderr, color_system=colours, highlight=False, soft_wrap=True)


_out, _err = _terminal(), _terminal(stderr=True)


def say(text: str = "", style: str = "") -> None:
    _out.print(Text(text.translate(_CONTROLS), style))


def warn(text: str) -> None:
    _err.print(Text(text.translate(_CONTROLS)))


def say_json(value: Any, *, in_lines: bool = False) -> None:
    """``in_lines``: one line, at once, for whoever waits at the other end of a pipe."""
    text = json.dumps(value, ensure_ascii=False, indent=None if in_lines else 2)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def local(moment: datetime) -> str:
    return f"{moment.astimezone():%d %b %H:%M:%S}"


def in_one_word(seconds: float) -> str:
    """An interval as the settings write it: 90 is "90s", 7200 is "2h"."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


# ── Help and mistakes ────────────────────────────────────────────────────────────────────────────────────────────────


class Columns:
    """Help in two columns, without boxes: for a pipe, and for who has it read aloud."""

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        console.print(Text.assemble("Usage: ", str(usage)))

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:
        _print_trimmed(console, description)

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        from cyclopts.help.specs import DescriptionRenderer, NameRenderer

        if not panel.entries:
            return
        rows = Table.grid(padding=(0, 2))
        name, description = NameRenderer(), DescriptionRenderer()
        for entry in panel.entries:
            rows.add_row("", name(entry), description(entry))
        console.print(Text(f"{panel.title}:"))
        _print_trimmed(console, rows)
        console.print()


def _print_trimmed(console: Console, renderable: Any) -> None:
    """Without the spaces that Rich fills its lines up with."""
    with console.capture() as captured:
        console.print(renderable)
    for line in captured.get().splitlines():
        console.print(Text(line.rstrip()))


def mistake(error: CycloptsError) -> Text:
    """What is wrong with a command as it was typed, and where to read on."""
    command = " ".join(["serai", *(error.command_chain or ())])
    return Text(f"{error}\nSee: {command} --help")
