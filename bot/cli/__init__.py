"""Every command typed at a shell. The modules beside this one hold what each does, by subject.

They import what is heavy inside the commands, so that ``serai --help`` is quick.
"""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import version

from cyclopts import App, Parameter

from bot.cli import broadcast, check, news, read, run, show, sources, staff, why
from bot.cli.terminal import Columns, Stop, mistake, warn

app = App(
    name="serai",
    help=(
        "News and counselling for people on the move, on the messaging apps they use.\n\n"
        "Each command has an example in its --help. Settings: ./serai.toml, or SERAI_… variables."
    ),
    version=lambda: version("serai"),
    version_flags=["--version"],
    help_format="plaintext",
    help_formatter=Columns(),
    group_parameters="Options",
    error_formatter=mistake,
    default_parameter=Parameter(negative="", show_default=False),
)
news_app = App(
    name="news",
    help="Recent news; also show, waiting, approve, hold, withdraw, add.\n\nExample: serai news Iraq jobs",
)
source_app = App(
    name="source",
    help="Where news comes from: list, try, add, on, off.\n\nExample: serai source list",
)
staff_app = App(
    name="staff",
    help="Who works here: list, add, code, off, log.\n\nExample: serai staff list",
)
broadcast_app = App(
    name="broadcast",
    help=(
        "Write to many people.\n\nAlso: list, show, pause, resume, cancel, correct, withdraw.\n\n"
        'Example: serai broadcast "The centre is closed." --country IQ'
    ),
)
db_app = App(
    name="db",
    help="The database: upgrade.\n\nExample: serai db upgrade",
)

app.command(run.run, sort_key=0)  # what one types first
app.command(read.read)
app.command(read.country)
app.command(news_app)
news_app.default(news.recent)
news_app.command(show.show)
news_app.command(news.waiting)
news_app.command(news.approve)
news_app.command(news.hold)
news_app.command(news.withdraw)
news_app.command(news.add)
app.command(source_app)
source_app.command(sources.list_all, name="list")
source_app.command(sources.try_one, name="try")
source_app.command(sources.add)
source_app.command(sources.on)
source_app.command(sources.off)
app.command(why.why)
app.command(check.check)
app.command(staff.questions)
app.command(broadcast_app)
broadcast_app.default(broadcast.send)
broadcast_app.command(broadcast.list_all, name="list", show=False)
broadcast_app.command(broadcast.show, show=False)
broadcast_app.command(broadcast.pause, show=False)
broadcast_app.command(broadcast.resume, show=False)
broadcast_app.command(broadcast.cancel, show=False)
broadcast_app.command(broadcast.correct, show=False)
broadcast_app.command(broadcast.withdraw, show=False)
app.command(staff_app)
staff_app.command(staff.list_all, name="list")
staff_app.command(staff.add)
staff_app.command(staff.code)
staff_app.command(staff.off)
staff_app.command(staff.log)
app.command(db_app)
db_app.command(staff.upgrade)


def main() -> None:
    """The door of the ``serai`` command. 0: done; 2: it says what to do; 130: Ctrl-C; 1: a fault of ours."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            app(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads us has enough, as `head` does. What is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not _says_what_to_do(error):
            raise
        warn(str(error))
        sys.exit(2)


def _says_what_to_do(error: Exception) -> bool:
    if isinstance(error, Stop):
        return True
    from bot.control import Refused
    from bot.hub import NeedsUpgrade
    from bot.news.read import Unreadable
    from channels.contract import BadSettings as BadAccount
    from config.settings import BadSettings
    from storage.database import BadDatabase
    from storage.keys import BadKeys, KeyGone, Tampered
    from storage.lock import Held

    told = (BadSettings, BadAccount, BadDatabase, BadKeys, Held, KeyGone, NeedsUpgrade, Refused, Tampered, Unreadable)
    return isinstance(error, told) or (isinstance(error, OSError) and error.filename is not None)
