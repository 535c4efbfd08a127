"""A document of any length is kept a few dispatches at a time, and as if it had been kept at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.news.intake import AT_ONCE
from bot.news.places import Gazetteer
from bot.news.watch import Watch
from bot.talk.card import bundle, card
from channels.contract import Message
from channels.wording import html, plain
from config.messages import phrases
from storage import sources
from storage.database import Database, Priority
from storage.dispatches import Stored
from tests.bot.news.world import BORDERS, CAMPS, MANY, SCHOOLS, VISAS, Dying, Item, KilledError, World, rss
from tests.providers.sources import answer

OLD, NEW = MANY[:50], MANY[50:]  # 20 new ones: at the top of the feed, and no flood among 70
assert len(NEW) > 2 * AT_ONCE


class Busy:
    """A database at which somebody else comes to write while a look does."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect
        self.read = db.read
        self.done: list[str] = []
        self._others: list[asyncio.Task[None]] = []

    async def write(self, deed: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if deed.__name__ == "keep":
            assert kwargs["priority"] == Priority.bulk
            assert len(args[2]) <= AT_ONCE
            self._others.append(asyncio.create_task(self._other()))
        answered = await self._db.write(deed, *args, **kwargs)
        self.done.append(deed.__name__)
        return answered

    async def _other(self) -> None:
        await self._db.write(lambda conn: None, priority=Priority.update)
        self.done.append("somebody else's")

    async def gone(self) -> None:
        await asyncio.gather(*self._others)


async def cut_off(world: World, source: int, after: int) -> None:
    """A look whose process dies ``after`` some of its transactions."""
    dying: Any = Dying(world.db, after)
    world.clock.time += world.every
    with pytest.raises(KilledError):
        await world.restarted(dying).look(source)
    world.watch = world.restarted()


async def test_whoever_has_to_write_waits_for_a_few_dispatches_and_not_for_all(world: World) -> None:
    source = await world.source()
    busy: Any = Busy(world.db)
    world.watch = world.restarted(busy)
    assert len((await world.look(source, rss(MANY))).new) == len(MANY)
    await busy.gone()
    assert busy.done.count("keep") == -(-len(MANY) // AT_ONCE)
    first, last = busy.done.index("somebody else's"), len(busy.done) - 1 - busy.done[::-1].index("keep")
    assert first < last


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_a_first_fetch_that_was_cut_off_is_still_the_first(world: World, after: int) -> None:
    source = await world.source()
    world.says(rss(MANY))
    await cut_off(world, source, after)
    assert len(await world.news()) == after * AT_ONCE
    assert ((await world.state(source)).first_fetched_at, (await world.state(source)).etag) == (None, "")

    look = await world.look(source, rss([BORDERS, *MANY]))
    assert (len(look.new), look.pushed, look.held) == (len(MANY) + 1 - after * AT_ONCE, [], [])
    assert sorted(await world.texts()) == sorted([BORDERS, *MANY])
    assert (await world.state(source)).first_fetched_at == world.clock.now()

    assert len((await world.look(source, rss([VISAS, BORDERS, *MANY]))).pushed) == 1
    assert await world.pushed() == [VISAS]


async def test_a_flood_that_was_cut_off_is_still_a_flood(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    world.says(rss([*MANY[:24], VISAS]))
    await cut_off(world, source, after=2)
    world.web.pages["/a"] = answer(500)
    assert (await world.look(source)).failed
    world.clock.time += 2 * world.every

    look = await world.look(source, rss([*MANY[:24], VISAS]))  # 8 that are new would not be one
    assert (len(look.new), len(look.held), look.pushed) == (24 - 2 * AT_ONCE, 24 - 2 * AT_ONCE, [])
    assert (await world.texts(), await world.broadcasts()) == ([VISAS], [])

    # What came to its end is counted no more.
    assert len((await world.look(source, rss([BORDERS, *MANY[:24], VISAS]))).pushed) == 1


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_news_that_was_cut_off_is_told_once_and_in_its_order(world: World, after: int) -> None:
    source = await world.watched(rss(OLD))
    newest_first = [*reversed(NEW), *OLD]
    world.says(rss(newest_first))
    await cut_off(world, source, after)
    assert len(await world.broadcasts()) == after * AT_ONCE
    look = await world.look(source)
    assert len(look.pushed) == len(NEW) - after * AT_ONCE
    assert await world.pushed() == NEW
    assert len(await world.everything()) == len(MANY)


async def test_a_source_that_is_switched_off_between_two_transactions_brings_no_more(world: World) -> None:
    source = await world.watched(rss(OLD))

    class SwitchedOff(Busy):
        async def write(self, deed: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            answered = await self._db.write(deed, *args, **kwargs)
            await self._db.write(sources.switch, "a", "off", world.clock.now())
            return answered

    db: Any = SwitchedOff(world.db)
    watch: Watch = world.restarted(db)
    world.says(rss([*reversed(NEW), *OLD]))
    world.clock.time += world.every
    assert await watch.look(source) is None
    assert await world.pushed() == NEW[:AT_ONCE]
    assert world.planned == [1]  # of what was kept, people are told


# ── Our own words, come back ─────────────────────────────────────────────────────────────────────────────────────────

LONG = Item(f"{BORDERS} {VISAS} {CAMPS}", guid="1", title="At the border", link="https://news.example/1")
UNTITLED = Item(BORDERS, guid="1")


def single(found: list[Stored], language: str) -> Message:
    return card(found[0], phrases(language), Gazetteer.load())


def several(found: list[Stored], language: str) -> Message:
    return bundle(found, phrases(language), Gazetteer.load(), digest=True)


def as_a_bridge_shows_it(message: Message) -> Item:
    """A post of a Telegram channel or of a page, as services that make feeds of them do."""
    lines = html(message).replace("\n", "<br>")
    return Item(lines, guid=f"https://t.me/hub/{len(lines)}", title=f"{plain(message)[:60]}…")


SENT: list[tuple[str, Item, Callable[[list[Stored], str], Message], str]] = [
    ("with a title", LONG, single, "en"),
    ("without a title", UNTITLED, single, "en"),
    ("in Dari", LONG, single, "fa-AF"),
    ("several in one message", LONG, several, "en"),
]


@pytest.mark.parametrize(("item", "worded", "language"), [case[1:] for case in SENT], ids=[case[0] for case in SENT])
async def test_what_the_hub_sent_to_its_own_channel_is_no_news_when_it_comes_back(
    small: World, item: Item, worded: Callable[[list[Stored], str], Message], language: str
) -> None:
    source = await small.watched(rss([SCHOOLS]))
    own = await small.watched(rss([]), "own")
    (pushed,) = (await small.look(source, rss([item, SCHOOLS]))).pushed
    message = worded([news for news in await small.news() if news.id == pushed], language)
    look = await small.look(own, rss([as_a_bridge_shows_it(message)]), "own")
    assert (look.new, look.changed, look.pushed, look.held) == ([], [], [], [])

    # Corrected in its place, it does not overwrite what the source says.
    again = replace(as_a_bridge_shows_it(message), text=f"Corrected:\n{html(message)}".replace("\n", "<br>"))
    assert (await small.look(own, rss([again]), "own")).changed == []
    assert item.text in await small.texts()

    # Other news that names its source is news.
    assert len((await small.look(own, rss([f"{MANY[0]}<br>Source: a", again]), "own")).pushed) == 1
