"""``serai run``: the hub, from its start to its end."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.cli import data
from bot.cli.terminal import Stop, in_one_word, say

if TYPE_CHECKING:
    import asyncio

    from bot.hub import Hub
    from config.settings import Delivery, Settings
    from storage.keys import KeyStore
    from storage.sources import Source

SAMPLE = "sample"
# With the time in it, for the same words a second time are no news.
SAMPLE_NEWS = (
    "Erbil, Iraq: Word of %s: from Monday on, the centre in Erbil opens at eight, so that people can come before work."
)
LISTED = 5  # sources that are named at the start


def run() -> None:
    """Start the hub: sources, chats and the web chat. Ctrl-C stops it.

    Example: SERAI_WEB__PORT=8081 serai run
    """
    settings = data.settings()
    data.log_to_stderr(settings.log, logging.INFO)
    data.finish(_run(settings))


async def _run(settings: Settings) -> None:
    import asyncio

    from bot.hub import Hub, prepare
    from storage import people, sources
    from storage.database import Database

    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    var = data.folder(settings)
    with data.lock(settings):
        async with AsyncExitStack() as at_the_end:
            db = Database.open(settings.database_url)
            at_the_end.push_async_callback(db.close)
            await db.reach()
            await prepare(settings, db)
            keys = data.keys(settings, await db.read(people.count))
            at_the_end.callback(keys.close)
            _speak_of_new(keys, settings)
            settings = _with_sample(settings, await db.read(sources.all_of_them))
            hub = Hub(settings, db=db, keys=keys, control=var / "serai.sock" if var else None)
            at_the_end.push_async_callback(hub.stop)
            if await _started(hub, stopping):
                _greet(settings, hub.web.port, await db.read(sources.all_of_them))
                await stopping.wait()
            say("Stopping …")
    say("Stopped. Nothing is lost: `serai run` goes on where it stopped.")


async def _started(hub: Hub, stopping: asyncio.Event) -> bool:
    """False when it was told to stop before all was ready: a platform may be slow to greet us."""
    import asyncio

    from bot.web.server import CannotListen

    start, stop = asyncio.create_task(hub.start()), asyncio.create_task(stopping.wait())
    await asyncio.wait((start, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        with suppress(asyncio.CancelledError):
            await start
        return False
    try:
        start.result()
    except CannotListen as cannot:
        raise Stop(str(cannot)) from None
    return True


# ── What it says ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _speak_of_new(keys: KeyStore, settings: Settings) -> None:
    """Said before anything can fail, for a second start finds them made."""
    if keys.created:
        say(f"Made new keys in {settings.keys}/. Keep a second copy elsewhere: without them nobody can be reached.")


def _greet(settings: Settings, port: int, known: list[Source]) -> None:
    watched = [source for source in known if source.state == "on"]
    say("Serai is running. Ctrl-C stops it.", "bold")
    say(f"  Web chat  {address(settings, port) if settings.web.chat else 'off (web.chat)'}")
    for account in settings.accounts.values():
        say(f"  {account.channel.capitalize():<8}  account {account.name}")
    for source in watched[:LISTED]:
        say(f"  Source    {source.name}: {source.url}, every {in_one_word(source.every_seconds)}")
    if len(watched) > LISTED:
        say(f"            and {len(watched) - LISTED} more: `serai source list`")
    if not known:
        say("  Source    none yet: `serai source add NAME KIND URL` adds one")
    for source in known:
        if source.state == "off" and source.why != "switched off":
            say(f"  Source    {source.name} is off: {source.why}")
    sample = _sample_url(settings)
    if any((source.name, source.url) == (SAMPLE, sample) for source in watched):
        say("  Subscribe in the web chat, then let the sample speak; its news arrives within seconds:")
        say(f"    printf '\\n\\n{SAMPLE_NEWS}' \"$(date +%T)\" >> {shlex.quote(sample)}")


def address(settings: Settings, port: int) -> str:
    """Where to look: the public address, else the one that is listened on, in words that a browser takes."""
    web, public = settings.web, urlsplit(settings.web.public_url)
    if (public.hostname, public.port) != (web.host.lower(), web.port):
        return web.public_url
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(web.host, public.netloc.rpartition(":")[0])  # noqa: S104
    return f"{public.scheme}://{host}:{port}"


# ── The sample ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _with_sample(settings: Settings, known: list[Source]) -> Settings:
    """Where nobody named a source yet, the hub begins with the sample, copied to where it can be written to."""
    from msgspec import structs

    from config.settings import Source as Wanted

    has_file = (Path.cwd() / "serai.toml").exists() or os.environ.get("SERAI_CONFIG")
    others = settings.sources or any(source.name != SAMPLE for source in known)
    sample = _sample_file(settings)
    if sample is None or has_file or others:
        return settings
    if not sample.exists():
        shutil.copyfile(Path(__file__).parents[2] / "config" / "samples" / "dispatches.txt", sample)
    source = Wanted(name=SAMPLE, kind="dateline", url=_sample_url(settings), every=timedelta(seconds=5), trusted=True)
    return structs.replace(settings, sources=(source,), delivery=_eager(settings.delivery))


def _eager(delivery: Delivery) -> Delivery:
    """Who tries the sample sees each piece of news as it comes; unless they chose when it should."""
    from msgspec import structs

    if delivery != type(delivery)():
        return delivery
    return structs.replace(delivery, group_wait=timedelta(0), daily_cap=1000)


def _sample_file(settings: Settings) -> Path | None:
    var = data.folder(settings)
    return var / "sample.txt" if var else None


def _sample_url(settings: Settings) -> str:
    sample = _sample_file(settings)
    if sample and sample.is_relative_to(Path.cwd()):
        sample = sample.relative_to(Path.cwd())
    return str(sample or "")
