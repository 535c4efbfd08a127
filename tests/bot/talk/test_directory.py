"""Where else to find help: kept by the staff, with the day on which somebody checked it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from bot.news.places import Gazetteer
from bot.news.topics import Topics
from bot.talk.conversation import Conversation
from bot.talk.turn import House
from config.settings import Contact
from storage.keys import KeyStore
from tests.bot.talk.conftest import HOUSE, Talk

BAGHDAD = "MRC Baghdad, +964 1 000 000 (checked on 1 Oct 2026)"
ANYWHERE = "Any centre of the network (checked on 1 Sept 2026)"
WITHOUT_GENERAL = (
    Contact(country="IQ", text="MRC Baghdad", checked=date(2026, 10, 1)),
    Contact(country="PK", text="MRC Islamabad", checked=date(2026, 10, 1)),
)


@pytest.fixture
def with_house(talk: Talk, gazetteer: Gazetteer, taxonomy: Topics, keys: KeyStore) -> Callable[[House], Talk]:
    def change(house: House) -> Talk:
        talk.conversation = Conversation(house=house, gazetteer=gazetteer, topics=taxonomy, keys=keys)
        return talk

    return change


@pytest.mark.parametrize(
    "line",
    [
        "/contacts iraq", "/contacts Irak", "/contacts العراق", "/contacts iq", "/contacts 🇮🇶", "/contacts in Baghdad",
        "contacts iraq", "/contact iraq", "/offices Iraq",
    ],
)  # fmt: skip
async def test_a_country_may_be_typed_in_any_way(talk: Talk, line: str) -> None:
    await talk.say(line)
    assert BAGHDAD in talk.heard
    assert ANYWHERE in talk.heard, "what serves everyone comes after it"
    assert talk.heard.index(BAGHDAD) < talk.heard.index("In every country") < talk.heard.index(ANYWHERE)


async def test_alone_it_is_of_the_countries_that_they_follow(talk: Talk) -> None:
    await talk.say("/contacts")
    assert ANYWHERE in talk.heard
    assert BAGHDAD not in talk.heard
    assert talk.buttons == ["Iraq", "Ask a counsellor", "Help"]
    await talk.press("Iraq")
    assert BAGHDAD in talk.heard
    await talk.subscribed("/subscribe iraq")
    await talk.say("/contacts")
    assert BAGHDAD in talk.heard


async def test_where_there_is_none_what_serves_everyone_is_shown(talk: Talk) -> None:
    await talk.say("/contacts Uzbekistan")
    assert "Sorry, we know of no contact in Uzbekistan yet." in talk.heard
    assert ANYWHERE in talk.heard


async def test_where_there_is_nothing_at_all_it_says_so_kindly(with_house: Callable[[House], Talk]) -> None:
    talk = with_house(replace(HOUSE, contacts=WITHOUT_GENERAL))
    await talk.say("/contacts uzbekistan")
    assert "Sorry, we know of no contact in Uzbekistan yet." in talk.heard
    assert "Our counsellors may know" in talk.heard
    assert "hub@example.org" in talk.heard
    assert talk.buttons == ["Iraq", "Pakistan", "Ask a counsellor", "Help"]
    talk = with_house(replace(HOUSE, contacts=(), contact=""))
    await talk.say("/contacts")
    assert "Our counsellors may know" in talk.heard
    assert talk.buttons == ["Ask a counsellor", "Help"]


async def test_several_countries_and_one_without(with_house: Callable[[House], Talk]) -> None:
    talk = with_house(replace(HOUSE, contacts=WITHOUT_GENERAL))
    await talk.say("/contacts iraq, pakistan and uzbekistan")
    assert "MRC Baghdad" in talk.heard
    assert "MRC Islamabad" in talk.heard
    assert "no contact in Uzbekistan yet" in talk.heard
    await talk.say("/contacts all")
    assert "MRC Baghdad" in talk.heard
    assert "MRC Islamabad" in talk.heard


async def test_a_country_that_is_none(talk: Talk) -> None:
    await talk.say("/contacts Xanaduland")
    assert "I know no country called “Xanaduland”." in talk.heard
    assert ANYWHERE in talk.heard


CHECKED = [
    ("today", date(2026, 11, 24), "(checked on 24 Nov 2026)"),
    ("180 days ago", date(2026, 5, 28), "(checked on 28 May 2026)"),
    ("181 days ago", date(2026, 5, 27), "(not checked since 27 May 2026)"),
    ("years ago", date(2020, 1, 2), "(not checked since 2 Jan 2020)"),
]


@pytest.mark.parametrize(("label", "day", "said"), CHECKED, ids=[row[0] for row in CHECKED])
async def test_how_far_a_contact_can_be_relied_on(
    with_house: Callable[[House], Talk], label: str, day: date, said: str
) -> None:
    talk = with_house(replace(HOUSE, contacts=(Contact(text="Any centre", checked=day),)))
    await talk.say("/contacts")
    assert f"Any centre {said}" in talk.heard
    await talk.say("/ask")
    assert f"Any centre {said}" in talk.heard


async def test_helping_oneself_leaves_an_open_question(talk: Talk) -> None:
    await talk.say("/ask")
    await talk.say("/contacts iraq")
    assert BAGHDAD in talk.heard
    assert (await talk.person()).step == ""
