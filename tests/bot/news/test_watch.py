"""What a look at a source brings: against a real server, on both databases, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.news.intake import Look
from bot.news.read import Reader
from bot.news.watch import OFF_AFTER, approve
from storage import dispatches, planning, schema, sources
from storage.database import Connection, PostgreSQL
from storage.sources import Source, Wanted
from tests import databases
from tests.bot.news.world import (
    BORDERS,
    CAMPS,
    EVERY,
    MANY,
    NOON,
    SCHOOLS,
    SUBJECTS,
    VALID_FOR,
    VISAS,
    Dying,
    Item,
    KilledError,
    World,
    paragraphs,
    rss,
    story,
)
from tests.providers.reliefweb import ReliefWeb, report
from tests.providers.sources import Answer as Page
from tests.providers.sources import Asked, Sources, answer, feed

# ── What is new ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_first_fetch_of_a_source_can_be_read_and_is_never_pushed(world: World) -> None:
    source = await world.source()
    look = await world.look(source, rss([VISAS, BORDERS]))
    assert (len(look.new), look.pushed, look.held, world.planned) == (2, [], [], [])
    assert set(await world.texts()) == {VISAS, BORDERS}
    assert await world.broadcasts() == []


async def test_what_comes_later_is_pushed_once_when_the_source_is_trusted(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    look = await world.look(source, rss([BORDERS, VISAS]))
    assert (look.new, look.held) == (look.pushed, [])
    assert await world.pushed() == [BORDERS]
    assert world.planned == [1]
    again = await world.look(source, rss([BORDERS, VISAS], "again"))
    assert (again.new, again.changed, again.pushed) == ([], [], [])
    assert await world.pushed() == [BORDERS]


async def test_what_comes_later_waits_for_an_editor_when_the_source_is_not_trusted(world: World) -> None:
    source = await world.watched(rss([VISAS]), trusted=False)
    look = await world.look(source, rss([BORDERS, VISAS]))
    assert (look.new, look.pushed) == (look.held, [])
    assert await world.texts() == [VISAS]
    assert await world.db.write(approve, look.held[0], world.clock.now(), VALID_FOR)
    assert not await world.db.write(approve, look.held[0], world.clock.now(), VALID_FOR)
    assert set(await world.texts()) == {VISAS, BORDERS}
    assert await world.pushed() == [BORDERS]


@dataclass(frozen=True)
class Dated:
    label: str
    published: datetime | None
    pushed: bool
    sorted_at: datetime


NOW = NOON + timedelta(seconds=2 * EVERY)  # the time of the second look
DATED = [
    Dated("no date: it is as old as we know it", None, True, NOW),
    Dated("today", NOW - timedelta(hours=3), True, NOW - timedelta(hours=3)),
    Dated("seven days ago", NOW - timedelta(days=7), True, NOW - timedelta(days=7)),
    Dated("a second longer ago", NOW - timedelta(days=7, seconds=1), False, NOW - timedelta(days=7, seconds=1)),
    Dated("years ago", datetime(2019, 5, 1, tzinfo=UTC), False, datetime(2019, 5, 1, tzinfo=UTC)),
    Dated("a date to come sorts as now", NOW + timedelta(days=40), True, NOW),
]


@pytest.mark.parametrize("case", DATED, ids=lambda case: case.label)
async def test_a_date_decides_what_is_pushed_and_where_it_stands(small: World, case: Dated) -> None:
    source = await small.watched(rss([VISAS]))
    await small.look(source, rss([Item(BORDERS, guid="b", published=case.published), VISAS]))
    (kept,) = [dispatch for dispatch in await small.news() if dispatch.text == BORDERS]
    assert (kept.sort_at, kept.published) == (case.sorted_at, case.published)
    assert (await small.pushed() == [BORDERS]) == case.pushed


async def test_an_old_item_is_not_pushed_by_an_editors_word_either(world: World) -> None:
    source = await world.watched(rss([VISAS]), trusted=False)
    old = Item(BORDERS, guid="b", published=NOW - timedelta(days=30))
    (held,) = (await world.look(source, rss([old, VISAS]))).held
    assert await world.db.write(approve, held, world.clock.now(), VALID_FOR)
    assert BORDERS in await world.texts()
    assert await world.broadcasts() == []


async def test_people_are_told_in_the_order_of_events(small: World) -> None:
    feeds = await small.watched(rss([VISAS]))
    texts = await small.watched(paragraphs(VISAS), "text", "dateline")
    await small.look(feeds, rss([MANY[2], MANY[1], MANY[0], VISAS]))  # a feed begins with what is newest
    await small.look(texts, paragraphs(VISAS, MANY[3], MANY[4]), "text")  # a text goes on at its end
    assert await small.pushed() == MANY[:5]
    assert (await small.texts())[:5] == [MANY[4], MANY[3], MANY[2], MANY[1], MANY[0]]


@pytest.mark.parametrize(
    ("new", "old", "held"),
    [(19, 11, False), (20, 20, False), (20, 19, True), (25, 35, False), (31, 29, True), (40, 0, True)],
)
async def test_a_flood_waits_for_an_editor(small: World, new: int, old: int, held: bool) -> None:
    before = MANY[:old] or [VISAS]
    source = await small.watched(rss(before))
    look = await small.look(source, rss(MANY[old : old + new] + MANY[:old]))
    assert len(look.new) == new
    assert (len(look.held), len(look.pushed)) == ((new, 0) if held else (0, new))
    assert len(await small.news()) == len(before) + (0 if held else new)


async def test_the_same_twice_in_a_feed_makes_no_flood(small: World) -> None:
    source = await small.watched(rss([VISAS]))
    twice = [Item(text, guid=f"{text}{n}") for text in MANY[:12] for n in (1, 2)]
    look = await small.look(source, rss([*twice, VISAS]))
    assert (len(look.new), len(look.pushed), look.held) == (12, 12, [])


# ── The same again ───────────────────────────────────────────────────────────────────────────────────────────────────

ITEM = Item(BORDERS, guid="b", title="Borders", link="https://news.example/b?id=5")


@dataclass(frozen=True)
class Again:
    label: str
    items: list[Item]
    link: str = ITEM.link  # which one is kept
    title: str = ITEM.title


AGAIN = [
    Again("another guid", [replace(ITEM, guid="c")]),
    Again("another guid, beside the first", [replace(ITEM, guid="c"), ITEM]),
    Again("no guid", [replace(ITEM, guid="")]),
    Again(
        "the same guid with another link", [replace(ITEM, link="https://new.example/b")], link="https://new.example/b"
    ),
    Again("a link that tracks readers", [replace(ITEM, guid="", link=f"{ITEM.link}&utm_source=rss&fbclid=1")]),
    Again("another title under the same guid", [replace(ITEM, title="At the border")], title="At the border"),
    Again("another title under another guid", [replace(ITEM, guid="c", title="At the border")]),
    Again("other spaces, quotes and capitals", [replace(ITEM, guid="c", text=BORDERS.upper().replace(" ", "  "))]),
    Again("a guid that the feed repeats", [replace(ITEM, guid="x"), Item(VISAS, guid="x")]),
    Again("another date", [replace(ITEM, guid="c", published=NOW)]),
]


@pytest.mark.parametrize("case", AGAIN, ids=lambda case: case.label)
async def test_the_same_again_is_told_once(world: World, case: Again) -> None:
    source = await world.watched(rss([Item(VISAS, guid="v")]))
    await world.look(source, rss([ITEM, Item(VISAS, guid="v")]))
    for note in ("", "more"):
        look = await world.look(source, rss([*case.items, Item(VISAS, guid="v")], note))
        assert (look.new, look.pushed) == ([], [])
    assert await world.pushed() == [BORDERS]
    (kept,) = [dispatch for dispatch in await world.news() if dispatch.text == BORDERS]
    assert (kept.link, kept.title) == (case.link, case.title)


async def test_the_same_twice_in_one_look_is_told_once(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    look = await world.look(source, rss([Item(BORDERS, guid="1"), Item(BORDERS, guid="2"), VISAS]))
    assert len(look.pushed) == 1
    assert await world.pushed() == [BORDERS]


IRAQ = f"Erbil, Iraq: {BORDERS}"


@dataclass(frozen=True)
class Second:
    label: str
    kind: str
    body: bytes


SECOND = [
    Second("a feed that gives titles", "feed", rss([Item(BORDERS, guid="1", title="At the border")])),
    Second("a feed whose text begins with the dateline", "feed", rss([Item(IRAQ, guid="1", title="Erbil")])),
    Second("a feed whose title names another country", "feed", rss([Item(BORDERS, guid="1", title="Turkish help")])),
    Second("a text without the dateline", "dateline", paragraphs(BORDERS)),
    Second("a text with more places", "dateline", paragraphs(f"Baghdad and Erbil, Iraq: {BORDERS}")),
    Second("a text that spells the place otherwise", "dateline", paragraphs(f"Erbiil, Iraq: {BORDERS}")),
]


@pytest.mark.parametrize("case", SECOND, ids=lambda case: case.label)
async def test_the_same_from_a_second_source_is_one_dispatch(world: World, case: Second) -> None:
    first = await world.watched(paragraphs(VISAS), kind="dateline")
    second = await world.watched(paragraphs(CAMPS) if case.kind == "dateline" else rss([CAMPS]), "b", case.kind)
    await world.look(first, paragraphs(VISAS, IRAQ))
    look = await world.look(second, case.body, "b")
    assert (look.new, look.pushed, look.changed) == ([], [], [])
    assert await world.pushed() == [BORDERS]

    # And the other way round.
    look = await world.look(first, paragraphs(VISAS, IRAQ, SCHOOLS))
    assert len(look.new) == 1


async def test_a_second_source_may_be_edited_without_an_end_of_it(small: World) -> None:
    first = await small.watched(rss([VISAS]))
    second = await small.watched(rss([CAMPS]), "b")
    await small.look(first, rss([BORDERS, VISAS]))
    await small.look(second, rss([Item(BORDERS, guid="1")]), "b")
    better = BORDERS.replace("summer", "winter")
    assert (await small.look(second, rss([Item(better, guid="1")]), "b")).changed
    for note in ("x", "y"):
        assert not (await small.look(first, rss([BORDERS, VISAS], note))).changed
        assert not (await small.look(second, rss([Item(better, guid="1")], note), "b")).changed
    assert better in await small.texts()
    assert await small.pushed() == [BORDERS.replace("summer", "winter")]


async def test_news_that_waits_because_of_its_source_is_released_by_a_trusted_one(world: World) -> None:
    doubtful = await world.watched(rss([VISAS]), trusted=False)
    trusted = await world.watched(rss([CAMPS]), "b")
    (held,) = (await world.look(doubtful, rss([BORDERS, VISAS]))).held
    look = await world.look(trusted, rss([BORDERS, CAMPS], "b"), "b")
    assert (look.new, look.pushed) == ([], [held])
    assert BORDERS in await world.texts()
    assert await world.pushed() == [BORDERS]


async def test_news_that_an_editor_withdrew_stays_so_when_it_is_posted_again(small: World) -> None:
    source = await small.watched(rss([VISAS]))
    (pushed,) = (await small.look(source, rss([BORDERS, VISAS]))).pushed
    await small.db.write(dispatches.move, pushed, "withdrawn", "wrong", only_from=["ready"])
    await small.look(source, rss([Item(BORDERS, guid="again"), VISAS]))
    assert await small.texts() == [VISAS]


# ── Edits ────────────────────────────────────────────────────────────────────────────────────────────────────────────

EDITED = BORDERS.replace("summer", "long winter")


async def test_an_edit_under_the_same_guid_changes_what_can_be_read_and_is_not_pushed(world: World) -> None:
    source = await world.watched(rss([Item(VISAS, guid="v")]))
    (pushed,) = (await world.look(source, rss([ITEM, Item(VISAS, guid="v")]))).pushed
    look = await world.look(source, rss([replace(ITEM, text=EDITED), Item(VISAS, guid="v")]))
    assert (look.new, look.changed, look.pushed) == ([], [pushed], [])
    assert set(await world.texts()) == {VISAS, EDITED}
    assert len(await world.broadcasts()) == 1
    found = await world.db.read(dispatches.recent, terms=["winter"])
    assert [dispatch.id for dispatch in found] == [pushed]


async def test_an_edit_in_a_text_is_the_same_dispatch_and_so_is_taking_it_back(world: World) -> None:
    source = await world.watched(paragraphs(VISAS), kind="dateline")
    (pushed,) = (await world.look(source, paragraphs(VISAS, IRAQ))).pushed
    for round_ in range(3):
        edited = f"Erbil, Iraq: {EDITED}"
        for text, kept in ((edited, EDITED), (IRAQ, BORDERS)):
            for again in ("", " and more"):
                look = await world.look(source, paragraphs(VISAS, text, f"{SCHOOLS}{round_}{again}"))
                assert look.changed[:1] == ([] if again else [pushed]) or pushed not in look.changed
                assert kept in await world.texts()
    assert len([text for text in await world.texts() if text in (BORDERS, EDITED)]) == 1
    assert len([text for text in await world.pushed() if text in (BORDERS, EDITED)]) == 1


async def test_an_edit_is_known_however_long_the_text_was_listed(small: World) -> None:
    source = await small.watched(paragraphs(VISAS, IRAQ), kind="dateline")
    small.clock.time += timedelta(days=400)
    look = await small.look(source, paragraphs(VISAS, f"Erbil, Iraq: {EDITED}"))
    assert (look.new, len(look.changed)) == ([], 1)


async def test_an_edit_and_something_new_in_one_look_are_told_apart(world: World) -> None:
    source = await world.watched(paragraphs(VISAS, IRAQ), kind="dateline")
    other = f"Erbil, Iraq: {CAMPS}"
    look = await world.look(source, paragraphs(other, f"Erbil, Iraq: {EDITED}", VISAS))
    assert (len(look.new), len(look.changed)) == (1, 1)
    assert set(await world.texts()) == {VISAS, EDITED, CAMPS}
    assert await world.pushed() == [CAMPS]


async def test_of_two_that_look_like_what_is_listed_no_more_one_is_its_edit(small: World) -> None:
    source = await small.watched(paragraphs(VISAS, IRAQ), kind="dateline")
    other = EDITED.replace("News", "More news")
    look = await small.look(source, paragraphs(VISAS, f"Erbil, Iraq: {EDITED}", f"Erbil, Iraq: {other}"))
    assert (len(look.changed), len(look.new)) == (1, 1)
    assert {EDITED, other} <= set(await small.texts())


async def test_an_edit_of_something_posted_under_another_guid_as_well_is_no_news(small: World) -> None:
    source = await small.watched(rss([VISAS]))
    await small.look(source, rss([Item(BORDERS, guid="2"), Item(BORDERS, guid="1"), VISAS]))
    for note in ("", "x", "y"):
        look = await small.look(source, rss([Item(BORDERS, guid="2"), Item(EDITED, guid="1"), VISAS], note))
        assert (look.new, len(look.changed)) == ([], 0 if note else 1)
    assert len(await small.broadcasts()) == 1


async def test_a_feed_that_numbers_its_items_from_the_top_loses_no_news(small: World) -> None:
    def listed(*texts: str) -> bytes:
        return rss(Item(text, guid=f"item-{n}") for n, text in enumerate(texts))

    source = await small.watched(listed(VISAS, BORDERS, CAMPS))
    assert len((await small.look(source, listed(SCHOOLS, VISAS, BORDERS))).pushed) == 1
    assert len((await small.look(source, listed(MANY[0], SCHOOLS, VISAS))).pushed) == 1
    assert set(await small.texts()) == {VISAS, BORDERS, CAMPS, SCHOOLS, MANY[0]}
    assert await small.pushed() == [SCHOOLS, MANY[0]]


WORKSHOP = (
    "Erbil, Iraq: A workshop on safe migration was held for 25 officials from the ministries on 12 May. They spoke of "
    "visas, about the rights of workers abroad and about what those who return need most, and agreed to meet again."
)
ANOTHER = (
    "Erbil, Iraq: Forty teachers from the province were trained for two days in how to advise school leavers who think "
    "of going abroad. The training closed with a visit to the counselling centre, and certificates were handed out."
)
TWO = [
    ("two workshops in the same city and week", WORKSHOP, ANOTHER),
    ("the same text from another city", WORKSHOP, WORKSHOP.replace("Erbil", "Basra")),
    ("the same text from another country", f"Iraq: {BORDERS}", f"Pakistan: {BORDERS}"),
    ("the same text with another number", WORKSHOP, WORKSHOP.replace("25", "40")),
    ("the same text with another day", WORKSHOP, WORKSHOP.replace("12 May", "19 May")),
    ("the same text with another month", WORKSHOP, WORKSHOP.replace("12 May", "12 June")),
    (
        "the same text with another city inside",
        WORKSHOP.replace("was held", "was held in Dohuk"),
        WORKSHOP.replace("was held", "was held in Kirkuk"),
    ),
]


@pytest.mark.parametrize("listed", [True, False], ids=["both listed", "one after the other"])
@pytest.mark.parametrize(("one", "other"), [case[1:] for case in TWO], ids=[case[0] for case in TWO])
async def test_two_events_are_two_dispatches(small: World, one: str, other: str, listed: bool) -> None:
    source = await small.watched(paragraphs(VISAS), kind="dateline")
    await small.look(source, paragraphs(VISAS, one))
    both = (one, other) if listed else (other,)
    look = await small.look(source, paragraphs(VISAS, *both))
    assert (len(look.new), len(look.pushed), look.changed) == (1, 1, [])
    # Each of them again, under other names, is known.
    second = await small.watched(rss([CAMPS]), "b")
    look = await small.look(second, rss([Item(one, guid="1"), Item(other, guid="2"), CAMPS]), "b")
    assert (look.new, look.changed) == ([], [])
    assert len(await small.broadcasts()) == 2


async def test_a_short_text_is_news_again_on_another_day(small: World) -> None:
    closed = Item("The office is closed tomorrow.", title="Closed", guid="1", published=NOON - timedelta(days=3))
    source = await small.watched(rss([Item(VISAS, guid="v")]))
    await small.look(source, rss([closed, Item(VISAS, guid="v")]))
    look = await small.look(source, rss([replace(closed, guid="2", published=NOON), Item(VISAS, guid="v")]))
    assert len(look.pushed) == 1


# ── Nothing lost, nothing twice ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_process_that_dies_in_between_has_kept_nothing_and_the_next_one_does_it(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    before = await world.state(source)
    world.says(rss([BORDERS, VISAS]))
    with pytest.raises(KilledError):
        await world.restarted(Dying(world.db)).look(source)  # type: ignore[arg-type]
    assert await world.state(source) == before
    assert (await world.texts(), await world.broadcasts()) == ([VISAS], [])
    assert len((await world.look(source)).pushed) == 1
    assert await world.pushed() == [BORDERS]


async def test_two_processes_that_bring_the_same_at_once_make_one_broadcast(
    postgresql: PostgreSQL, postgresql_url: str, reader: Reader
) -> None:
    async with Sources() as web, databases.opened(postgresql_url) as other:
        world = World(postgresql, web, reader)
        names = [f"s{n}" for n in range(6)]
        ids = [await world.watched(rss([VISAS]), name) for name in names]
        for name in names:
            world.says(rss([BORDERS, *MANY[:10], VISAS]), name)
        processes = [world.restarted(), world.restarted(other)]
        looks = await asyncio.gather(*(processes[n % 2].look(source) for n, source in enumerate(ids)))
        assert sum(len(look.new) for look in looks if look) == 11
        assert sorted(await world.pushed()) == sorted([BORDERS, *MANY[:10]])
        assert len(await world.news()) == 12


async def test_two_processes_that_look_at_one_source_at_once_make_one_broadcast(
    postgresql: PostgreSQL, postgresql_url: str, reader: Reader
) -> None:
    async with Sources() as web, databases.opened(postgresql_url) as other:
        world = World(postgresql, web, reader)
        source = await world.watched(rss([VISAS]))
        world.says(rss([BORDERS, VISAS]))
        await asyncio.gather(*(process.look(source) for process in (world.restarted(), world.restarted(other))))
        assert await world.pushed() == [BORDERS]
        assert len(await world.news()) == 2


async def test_names_too_long_for_an_index_stop_nothing(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    link = "https://news.example/" + "".join(chr(0x4E00 + 37 * n % 20_000) for n in range(1_800))
    for note in ("", "again"):
        await world.look(source, rss([Item(BORDERS, link=link), VISAS], note))
    assert await world.pushed() == [BORDERS]


class Newsroom:
    """One piece of news after the other, shown as a text that grows and as a feed that shows the latest; edited, taken
    back, posted again, moved about, by chance but the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.current: list[str] = []  # each news in its present wording
        self.first: list[str] = []
        self.numbers: list[int] = []  # the guid of each in the feed
        self.listed: set[int] = set()  # in the text

    def write(self) -> None:
        number = len(self.current)
        self.first.append(story(f"subject number {number}".replace(str(number), SUBJECTS[number])))
        self.current.append(self.first[-1])
        self.numbers.append(number)
        self.listed.add(number)

    def happens(self) -> None:
        number = self.chance.randrange(len(self.current))
        match self.chance.choice(("write", "write", "edit", "edit", "back", "post again", "drop", "return", "nothing")):
            case "write":
                self.write()
            case "edit":
                words = self.current[number].split(" ")
                words[self.chance.randrange(16, len(words))] = self.chance.choice(("neither", "always", "perhaps"))
                self.current[number] = " ".join(words)
            case "back":
                self.current[number] = self.first[number]
            case "post again":
                self.numbers[number] += 1_000
            case "drop":
                self.listed.discard(number)
            case "return":
                self.listed.add(number)

    def text(self) -> bytes:
        listed = [self.current[number] for number in sorted(self.listed)]
        self.chance.shuffle(listed)
        return paragraphs(*listed) if listed else b"Nothing is new here today, come back another day please."

    def feed(self) -> bytes:
        latest = list(zip(self.numbers, self.current, strict=True))[-6:]
        return rss(Item(text, guid=str(number)) for number, text in reversed(latest))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_two_sources_do_with_the_same_news_it_is_kept_once_and_told_once(
    small: World, seed: int
) -> None:
    room = Newsroom(seed)
    room.write()
    text = await small.watched(room.text(), "text", "dateline")
    latest = await small.watched(room.feed(), "feed")
    nothing_yet = len(await small.everything())
    for _ in range(30):
        room.happens()
        if room.chance.random() < 0.2:
            small.watch = small.restarted()
        small.says(room.text(), "text")
        small.says(room.feed(), "feed")
        for source in room.chance.sample([text, latest], 2):
            if room.chance.random() < 0.1:
                with pytest.raises(KilledError):
                    await small.restarted(Dying(small.db)).look(source)  # type: ignore[arg-type]
            await small.look(source)
        kept = [dispatch.text for dispatch in await small.everything() if "Nothing is new" not in dispatch.text]
        assert sorted(word(text) for text in kept) == sorted(word(text) for text in room.current)
        assert len(await small.broadcasts()) == len(await small.everything()) - nothing_yet
        shown = set(room.current[-6:]) | {room.current[number] for number in room.listed}
        assert shown <= set(kept)


def word(text: str) -> str:
    """Which news it is, in whatever wording."""
    return " ".join(text.split(" ")[:6])


# ── How a source is ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_did_not_change_is_not_sent_again_also_after_a_restart(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    etag = (await world.state(source)).etag
    assert etag
    world.watch = world.restarted()
    look = await world.look(source)
    assert look.unchanged
    assert world.web.asked[-1].headers["if-none-match"] == etag
    state = await world.state(source)
    assert (state.etag, state.fetched_at, state.next_at) == (
        etag,
        world.clock.now(),
        world.clock.now() + timedelta(seconds=EVERY),
    )


async def test_a_document_that_comes_again_without_an_etag_is_not_read_again(small: World) -> None:
    source = await small.source()
    small.web.pages["/a"] = answer(body=rss([VISAS]), content_type="text/xml")
    assert not (await small.look(source)).unchanged
    assert (await small.look(source)).unchanged
    small.web.pages["/a"] = answer(body=rss([BORDERS, VISAS]), content_type="text/xml")
    assert len((await small.look(source)).pushed) == 1
    assert (await small.state(source)).succeeded_at == small.clock.now()


async def test_an_etag_is_forgotten_when_the_source_gives_none_any_more(small: World) -> None:
    source = await small.watched(rss([VISAS]))
    for pages in (rss([BORDERS, VISAS]), rss([BORDERS, VISAS])):  # read, and not read again
        small.web.pages["/a"] = answer(body=pages, content_type="text/xml")
        await small.look(source)
        assert (await small.state(source)).etag == ""
    await small.look(source)
    assert "if-none-match" not in small.web.asked[-1].headers


@pytest.mark.parametrize("status", [429, 503])
async def test_a_source_that_asks_us_to_wait_is_left_alone_also_after_a_restart(world: World, status: int) -> None:
    source = await world.watched(rss([VISAS]))
    world.web.pages["/a"] = answer(status, retry_after="7200")
    assert (await world.look(source)).failed
    until = world.clock.now() + timedelta(hours=2)
    assert ((await world.state(source)).next_at, (await world.state(source)).failures) == (until, 0)
    world.says(rss([BORDERS, VISAS]))
    asked = len(world.web.asked)
    for watch in (world.watch, world.restarted()):
        world.clock.time = until - timedelta(seconds=1)
        assert await watch.look(source) is None
    assert len(world.web.asked) == asked
    world.clock.time = until
    look = await world.restarted().look(source)
    assert look
    assert len(look.pushed) == 1
    assert (await world.state(source)).why == ""


async def test_a_source_that_is_well_is_asked_whenever_the_schedule_says(small: World) -> None:
    source = await small.watched(rss([VISAS]))
    assert await small.watch.look(source) is not None


async def test_a_source_that_fails_is_asked_ever_less_often_then_switched_off_until_a_person_looks(
    world: World,
) -> None:
    source = await world.watched(rss([VISAS]))
    world.web.pages["/a"] = answer(500)
    waits = []
    with capture_logs() as logs:
        for _ in range(OFF_AFTER):
            look = await world.watch.look(source)
            assert look
            assert look.failed
            state = await world.state(source)
            assert state.next_at
            waits.append((state.next_at - world.clock.now()).total_seconds())
            assert await world.watch.look(source) is None
            world.clock.time = state.next_at
            world.watch = world.restarted()
    assert waits[:4] == [2 * EVERY, 4 * EVERY, 8 * EVERY, 16 * EVERY]
    assert waits == sorted(waits)
    assert set(waits[5:]) == {6 * 3600.0}
    state = await world.state(source)
    assert (state.state, state.failures) == ("off", OFF_AFTER)
    assert "HTTP 500" in state.why
    assert [(log["log_level"], log["source"]) for log in logs][-1] == ("error", "a")
    assert "serai source on a" in logs[-1]["event"]
    assert await world.texts() == [VISAS]

    await world.db.write(sources.switch, "a", "on", world.clock.now())
    world.says(rss([BORDERS, VISAS]))
    look = await world.watch.look(source)
    assert look
    assert len(look.pushed) == 1
    assert ((await world.state(source)).failures, (await world.state(source)).why) == (0, "")


BROKEN = [
    ("not a feed", b"<html><body>Maintenance</body></html>"),
    ("nothing", b""),
    ("half a feed without items", b"<?xml version='1.0'?><rss"),
]


@pytest.mark.parametrize(("label", "body"), BROKEN, ids=[case[0] for case in BROKEN])
async def test_a_document_that_cannot_be_read_is_a_failure_and_old_news_stays(
    small: World, label: str, body: bytes
) -> None:
    source = await small.watched(rss([VISAS]))
    etag = (await small.state(source)).etag
    look = await small.look(source, body)
    assert look.failed
    assert ((await small.state(source)).failures, (await small.state(source)).etag) == (1, etag)
    assert await small.texts() == [VISAS]
    small.clock.time += timedelta(days=1)
    assert len((await small.look(source, rss([BORDERS, VISAS]))).pushed) == 1


async def test_a_reader_that_breaks_is_a_failure_of_this_source_alone(small: World) -> None:
    class Broken:
        def read(self, *args: Any, **kwargs: Any) -> Any:
            raise RecursionError("words of the document")

    source = await small.watched(rss([VISAS]))
    small.reader = Broken()  # type: ignore[assignment]
    small.watch = small.restarted()
    with capture_logs() as logs:
        look = await small.look(source, rss([BORDERS, VISAS]))
    assert look.failed
    assert (await small.state(source)).failures == 1
    assert "words of the document" not in str(logs)


async def test_one_bad_item_is_set_aside_and_said_once_and_the_rest_goes_on(small: World) -> None:
    bad = Item("<div>" * 400 + "deep", guid="bad")
    source = await small.watched(rss([VISAS]))
    with capture_logs() as logs:
        look = await small.look(source, rss([BORDERS, bad, VISAS]))
        assert (look.set_aside, len(look.pushed)) == (1, 1)
        await small.look(source, rss([BORDERS, bad, VISAS], "later"))
        await small.look(source, rss([CAMPS, BORDERS, bad, VISAS]))
        await small.look(source)
    assert [log["where"] for log in logs if log["event"] == "item set aside"] == ["item 2"]
    assert set(await small.pushed()) == {BORDERS, CAMPS}


async def test_a_file_is_a_source_when_the_settings_name_it_and_not_otherwise(world: World, tmp_path: Path) -> None:
    path = tmp_path / "news.txt"
    path.write_bytes(paragraphs(VISAS))
    named = await world.source("file", "dateline", str(path))
    added = await world.source("added", "dateline", str(path), origin="added")
    assert len((await world.look(named)).new) == 1
    assert (await world.look(added)).failed
    assert (await world.look(named)).unchanged
    with path.open("ab") as file:
        file.write(b"\n\n" + BORDERS.encode())
    assert len((await world.look(named)).pushed) == 1
    path.unlink()
    assert (await world.look(named)).failed
    assert set(await world.texts()) == {VISAS, BORDERS}


async def meanwhile(world: World, source: int, page: Page, deed: Callable[[Connection], Any]) -> Look | None:
    """A look during which something is done: after the source was asked, before it answers."""
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(request: Asked, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await may_answer.wait()
        await page(request, writer)

    world.web.pages["/a"] = slow
    look = asyncio.create_task(world.watch.look(source))
    async with asyncio.timeout(10):  # it would never be asked if the first look had failed
        await asked.wait()
    await world.db.write(deed)
    may_answer.set()
    return await look


MEANWHILE: list[tuple[str, Callable[[Connection], Any]]] = [
    ("removed from the settings", lambda conn: sources.settle(conn, [])),
    ("switched off", lambda conn: sources.switch(conn, "a", "off", NOON)),
    (
        "given another address",
        lambda conn: sources.put(conn, Wanted("a", "feed", "https://new.example/", EVERY, True), "file"),
    ),
]
ANSWERS: list[tuple[str, Page]] = [
    ("news", feed(rss([BORDERS, VISAS]))),
    ("a failure", answer(500)),
    ("come back later", answer(429, retry_after="60")),
]


@pytest.mark.parametrize("page", [case[1] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
@pytest.mark.parametrize("deed", [case[1] for case in MEANWHILE], ids=[case[0] for case in MEANWHILE])
async def test_a_source_that_is_taken_away_while_a_look_is_under_way_brings_nothing(
    small: World, deed: Callable[[Connection], Any], page: Page
) -> None:
    source = await small.watched(rss([VISAS]))
    states: list[Source | None] = []

    def take_away(conn: Connection) -> None:
        deed(conn)
        states.append(sources.get(conn, source))

    assert await meanwhile(small, source, page, take_away) is None
    assert [await small.state(source)] == states
    assert (await small.texts(), await small.broadcasts()) == ([VISAS], [])


async def test_a_source_that_becomes_trusted_while_a_look_is_under_way_is_trusted(small: World) -> None:
    source = await small.watched(rss([VISAS]), trusted=False)
    trust = Wanted("a", "feed", small.web.url("/a"), EVERY, trusted=True, allow_private=True)
    look = await meanwhile(small, source, feed(rss([BORDERS, VISAS])), lambda conn: sources.put(conn, trust, "file"))
    assert look
    assert len(look.pushed) == 1


async def test_another_address_is_a_new_first_fetch(world: World) -> None:
    source = await world.watched(rss([VISAS]))
    await world.source(url=world.web.url("/moved"))
    look = await world.look(source, rss([CAMPS, VISAS]), "moved")
    assert (len(look.new), look.pushed) == (1, [])
    assert len((await world.look(source, rss([BORDERS, CAMPS, VISAS]), "moved")).pushed) == 1


async def test_every_broadcast_has_a_time_after_which_it_is_of_no_use(small: World) -> None:
    source = await small.watched(rss([VISAS]))
    await small.look(source, rss([BORDERS, VISAS]))
    ends = await small.db.read(lambda conn: conn.scalars(sa.select(schema.broadcasts.c.valid_until)).all())
    assert ends == [small.clock.now() + VALID_FOR]
    assert len(await small.db.read(planning.to_plan)) == 1


# ── Other kinds ──────────────────────────────────────────────────────────────────────────────────────────────────────


def a_page(*titles: str) -> bytes:
    return "".join(f'<div><h3><a href="/{t}">{t}</a></h3><p>{story(t)}</p></div>' for t in titles).encode()


async def test_a_page_is_watched_by_its_selectors_and_begins_afresh_with_others(small: World) -> None:
    def put(**options: str) -> Wanted:
        return Wanted("a", "page", small.web.url("/a"), EVERY, True, allow_private=True, options=options)

    source = (await small.db.write(sources.put, put(item="div"), "file")).id
    assert len((await small.look(source, a_page("Visas", "Borders"))).new) == 2
    look = await small.look(source, a_page("Camps", "Visas", "Borders"))
    assert (len(look.new), len(look.pushed), look.failed) == (1, 1, "")
    await small.db.write(sources.put, put(item="div", title="a"), "file")
    assert not (await small.look(source)).unchanged  # the same bytes are read anew
    assert (await small.look(source, b"<p>another site</p>")).failed.startswith("Nothing on this web page")


async def test_reliefweb_is_asked_by_post_and_switched_off_when_it_does_not_know_us(small: World) -> None:
    api = ReliefWeb([report(1)])
    small.web.pages["/v2/reports"] = api.play

    async def put(appname: str) -> int:
        url, options = small.web.url("/v2/reports"), {"appname": appname}
        wanted = Wanted("rw", "reliefweb", url, EVERY, True, allow_private=True, options=options)
        return (await small.db.write(sources.put, wanted, "file")).id

    source = await put("serai-news-Xy12")
    assert len((await small.look(source)).new) == 1
    api.reports.append(report(2, date={"created": small.clock.time.isoformat()}))
    assert len((await small.look(source)).pushed) == 1
    await put("somebody-else")
    assert "not approved this appname" in (await small.look(source)).failed
    state = await small.state(source)
    assert (state.state, state.failures) == ("off", 1)
    small.clock.time += timedelta(days=1)
    assert await small.watch.look(source) is None
