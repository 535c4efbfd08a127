"""How one piece of news looks."""

from __future__ import annotations

from typing import Any

import pytest

from bot.news.places import Gazetteer
from bot.talk.card import card
from channels.contract import Message, Purpose
from channels.wording import html, plain
from config.messages import phrases
from storage import dispatches
from tests.bot.talk.conftest import Talk, kept

LONG = "Many people who think of going home fear what their friends or families might think of them. " * 3


async def shown(talk: Talk, gazetteer: Gazetteer, **given: Any) -> Message:
    news = await talk.db.write(kept, **given)
    stored = await talk.db.read(dispatches.get, news)
    assert stored
    return card(stored, phrases("en"), gazetteer)


async def test_a_card_with_a_title(talk: Talk, gazetteer: Gazetteer) -> None:
    message = await shown(
        talk,
        gazetteer,
        title="Jobs fair",
        text="All are welcome.",
        places=[{"name": "Baghdad", "country": "IQ"}, {"name": "Erbil", "country": "IQ"}],
    )
    assert plain(message) == (
        "Jobs fair\n\nBaghdad and Erbil, Iraq · 23 Nov 2026\n\nAll are welcome.\n\nSource: Silk Routes (https://news.example.org/1)"
    )
    assert message.purpose is Purpose.news
    assert [(choice.label, choice.say) for choice in message.choices] == [
        ("Why do I get this?", "/why 1"),
        ("Fewer like this", "/fewer 1"),
    ]


@pytest.mark.parametrize("title", ["", LONG[:40], "Many people who think of going…"])
async def test_without_a_title_of_its_own_the_first_words_are_bold_and_nothing_is_said_twice(
    talk: Talk, gazetteer: Gazetteer, title: str
) -> None:
    message = await shown(talk, gazetteer, title=title, text=LONG, summary=LONG[:93])
    assert message.title == ""
    assert html(message).startswith("<b>Many people who think of going home fear what their friends</b> or families")
    assert plain(message).count("Many people") == 1


async def test_a_long_title_is_cut_between_words(talk: Talk, gazetteer: Gazetteer) -> None:
    message = await shown(talk, gazetteer, title="word " * 50, text="Something else.")
    assert len(message.title) <= 120
    assert message.title.endswith("word…")


PLACED = [
    ("no place: the countries it is about", {"countries": ["PK", "IQ"]}, "Iraq and Pakistan · 23 Nov 2026"),
    ("no place at all", {}, "23 Nov 2026"),
    ("two countries", {"places": [{"name": "Kabul", "country": "AF"}, {"name": "Erbil", "country": "IQ"}]},
     "Kabul, Afghanistan; Erbil, Iraq · 23 Nov 2026"),
    ("a place without a country", {"places": [{"name": "Somewhere", "country": None}]}, "Somewhere · 23 Nov 2026"),
    ("a country as the place", {"places": [{"name": "Iraq", "country": "IQ"}]}, "Iraq · 23 Nov 2026"),
    ("no date", {"published": None}, "seen on 24 Nov 2026"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "given", "line"), PLACED, ids=[row[0] for row in PLACED])
async def test_the_line_of_place_and_date(talk: Talk, gazetteer: Gazetteer, label: str, given: Any, line: str) -> None:
    message = await shown(talk, gazetteer, title="Title", text="Text.", **given)
    assert plain(message).split("\n\n")[1] == line


async def test_several_cards_in_one_message_have_no_buttons(talk: Talk, gazetteer: Gazetteer) -> None:
    news = await talk.db.write(kept, "Title", "Text.")
    stored = await talk.db.read(dispatches.get, news)
    assert stored
    assert card(stored, phrases("en"), gazetteer, full=False).choices == ()
