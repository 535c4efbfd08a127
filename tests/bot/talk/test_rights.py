"""What is kept about somebody is theirs: deleted when they say so, and handed over when they ask."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.delivery.compose import decode
from bot.news.places import Gazetteer
from bot.news.topics import Topics
from bot.talk.conversation import Conversation
from channels.contract import Message
from channels.wording import plain
from config.messages import phrases
from storage import chats, deliveries, exports, people, planning, schema
from storage.database import Database
from storage.keys import KeyStore
from tests.bot.talk.conftest import HOUSE, Talk, kept

YES, NO = "Delete everything about me", "Keep everything"


@pytest.fixture
def talk(db: Database, keys: KeyStore, conversation: Conversation) -> Talk:
    """On either database."""
    return Talk(db, keys, conversation)


async def goodbyes(talk: Talk) -> list[tuple[str, Message]]:
    """What waits to be sent: to which address, and the message."""

    def waiting(conn: Any) -> list[tuple[str, Message]]:
        rows = conn.execute(
            sa.select(schema.deliveries, schema.addresses.c.record.label("named"), schema.addresses.c.sealed.label("n"))
            .join(schema.addresses, schema.addresses.c.id == schema.deliveries.c.address_id)
            .order_by(schema.deliveries.c.id)
        )
        return [
            (
                talk.keys.unseal(people.ADDRESS, row.named, row.n).decode(),
                decode(talk.keys.unseal(deliveries.MESSAGE, row.record, row.sealed)),
            )
            for row in rows
        ]

    found: list[tuple[str, Message]] = await talk.db.read(waiting)
    return found


async def known(talk: Talk) -> bool:
    return await talk.db.read(people.find, talk.keys, "test", "main", talk.name) is not None


# ── To have it deleted ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_asks_once_names_what_goes_and_offers_the_safe_answer_first(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq jobs")
    await talk.say("/ask My visa is lost.")
    await talk.say("/ask And my passport.")
    await talk.say("/delete")
    assert talk.buttons == [NO, YES]
    for thing in ("your language", "the country that you chose", "your 2 questions to our counsellors", "the address"):
        assert thing in talk.heard, thing
    assert "/export" in talk.heard
    assert (await talk.person()).subscribed, "asking changes nothing"


async def test_yes_deletes_at_once_and_the_last_message_still_comes(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq jobs")
    await talk.say("/ask My visa is lost.")
    await talk.say("/delete")
    assert await talk.press(YES) == [], "the answer takes another way than replies"
    assert not await known(talk)
    ((address, message),) = await goodbyes(talk)
    assert address == talk.name
    assert "Everything about you is deleted" in plain(message)
    assert "no more news" in plain(message)
    assert "may stay in this app" in plain(message)
    assert message.choices == (), "nothing that brings them back by a slip of the thumb"
    assert message.replaces == "77", "in the place of the question, and so the old buttons are gone"
    assert await talk.db.read(people.waiting_questions, talk.keys) == []


async def test_it_is_said_in_their_language(talk: Talk, gazetteer: Gazetteer, taxonomy: Topics) -> None:
    spoken: list[str | None] = []

    def speak(language: str | None) -> Any:
        spoken.append(language)
        return replace(phrases("en"), language=language or "en")

    talk.conversation = Conversation(house=HOUSE, gazetteer=gazetteer, topics=taxonomy, keys=talk.keys, speak=speak)
    await talk.subscribed()
    person = await talk.person()
    await talk.db.write(people.change, person.id, language="fa-AF")
    await talk.say("/delete")
    await talk.press(YES)
    assert (await goodbyes(talk))[0][1].language == "fa-AF"


async def test_afterwards_they_are_somebody_new(talk: Talk) -> None:
    await talk.subscribed()
    before = await talk.person()
    await talk.say("/delete")
    await talk.press(YES)
    talk.replies = []
    await talk.say("hello")
    assert "Please choose your language." in talk.heard
    now = await talk.person()
    assert (now.agreed, now.subscribed, now.language) == (False, False, None)
    assert now.pseudonym != before.pseudonym


@pytest.mark.parametrize("answer", [NO, "/delete no", "no", "1", "cancel", "/cancel", "never mind"])
async def test_no_keeps_everything(talk: Talk, answer: str) -> None:
    await talk.subscribed()
    await talk.say("/delete")
    await (talk.press(answer) if answer == NO else talk.say(answer))
    assert "nothing was deleted" in talk.heard
    assert (await talk.person()).subscribed
    await talk.line("/delete yes")
    assert talk.buttons == [NO, YES], "and the question is no longer open"
    assert await known(talk)


@pytest.mark.parametrize("answer", ["yes", "2", "/delete yes", "/delete  YES "])
async def test_yes_can_be_typed(talk: Talk, answer: str) -> None:
    await talk.subscribed()
    await talk.say("/delete")
    await talk.say(answer)
    assert not await known(talk)


@pytest.mark.parametrize(
    "line", ["delete", "Delete me!", "delete my data", "/erase", "/forget", "/delete my account", "/delete please yes"]
)
async def test_however_it_is_typed_it_asks_first(talk: Talk, line: str) -> None:
    await talk.subscribed()
    await talk.say(line)
    assert talk.buttons == [NO, YES]
    assert (await talk.person()).subscribed


async def test_yes_without_the_question_asks(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("/delete yes")
    assert talk.buttons == [NO, YES]
    assert await known(talk)


async def test_a_press_on_a_month_old_button_asks_again(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("/delete")
    old = talk.button(YES)
    talk.now += timedelta(days=30)
    await talk.line(old.say)
    assert talk.buttons == [NO, YES]
    assert (await talk.person()).subscribed
    await talk.press(YES)
    assert not await known(talk)


async def test_the_old_button_of_who_came_back_asks_again(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("/delete")
    old = talk.button(YES)
    await talk.line(old.say)
    await talk.subscribed("/subscribe iraq")
    await talk.line(old.say)
    assert talk.buttons == [NO, YES]
    assert (await talk.person()).subscribed


async def test_a_second_press_finds_nothing_and_leaves_nothing(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("/delete")
    for _ in range(2):
        await talk.press(YES)
    assert not await known(talk)
    assert [plain(message).count("is deleted") for _, message in await goodbyes(talk)] == [1, 1]


async def test_in_an_open_question_it_goes_before_the_question(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("/ask")
    await talk.say("/delete")
    await talk.press(YES)
    assert not await known(talk)
    assert await talk.db.read(people.waiting_questions, talk.keys) == []


async def test_after_stop_it_works_as_well(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("stop")
    await talk.say("/delete")
    await talk.press(YES)
    assert not await known(talk)


async def test_who_only_looked_may_ask_too(talk: Talk) -> None:
    await talk.say("/delete")
    assert "the address that our messages go to" in talk.heard
    assert "your language" not in talk.heard
    await talk.press(YES)
    assert not await known(talk)


async def test_in_the_web_chat_the_tab_goes_on_as_somebody_new(talk: Talk) -> None:
    talk.limits = replace(talk.limits, sitting=True)

    def sit(conn: Any) -> chats.Sitting:
        return chats.open_sitting(conn, talk.keys, "tab", "web", talk.now)

    sitting = await talk.db.write(sit)
    talk.name = sitting.name

    def answer(conn: Any, update: Any) -> list[Message]:
        address = people.find(conn, talk.keys, "webchat", "web", talk.name)
        assert address
        person = people.lock(conn, address.person_id)
        return talk.conversation.answer(conn, person, update, limits=talk.limits, now=talk.now)

    talk._answer = answer  # type: ignore[method-assign]
    await talk.say("/language en")
    await talk.say("/delete")
    assert "the number to come back by" in talk.heard
    await talk.press(YES)
    ((address, message),) = await goodbyes(talk)
    now = await talk.db.read(chats.sitting_of, talk.keys, "tab", talk.now, timedelta(minutes=15))
    assert now
    assert now.name == address
    assert now.address_id != sitting.address_id
    assert "may stay in this app" not in plain(message), "it is our own page"


# ── To have a copy ───────────────────────────────────────────────────────────────────────────────────────────────────


def link(talk: Talk) -> str:
    """The secret in the link of the last reply."""
    (found,) = set(re.findall(r"https://hub\.example\.org/export/([\w-]{43})", talk.heard))
    return str(found)


async def test_it_says_how_much_is_kept_and_gives_a_link(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq iran jobs")
    await talk.say("/ask My visa is lost.")
    await talk.say("/export")
    for thing in ("the 2 countries that you chose", "the topic that you chose", "your question to our counsellors"):
        assert thing in talk.heard, thing
    assert "once, in the next 15 minutes" in talk.heard
    assert "only on the computer" not in talk.heard
    assert "My visa" not in talk.heard, "the words themselves are not put into the chat"
    found = await talk.db.write(exports.take, talk.keys, link(talk), talk.now)
    assert found
    assert found["subscription"]["countries"] == ["IQ", "IR"]
    assert [question["words"] for question in found["questions"]] == ["My visa is lost."]


async def test_it_works_after_stop_and_for_who_never_agreed(talk: Talk) -> None:
    await talk.say("/export")
    assert await talk.db.write(exports.take, talk.keys, link(talk), talk.now)
    await talk.subscribed()
    await talk.say("stop")
    await talk.say("/export")
    found = await talk.db.write(exports.take, talk.keys, link(talk), talk.now)
    assert found
    assert found["subscription"]["stopped_at"]


async def test_asking_twice_the_second_link_counts(talk: Talk) -> None:
    await talk.say("/export")
    first = link(talk)
    await talk.say("/export")
    assert not await talk.db.read(exports.works, talk.keys, first, talk.now)
    assert await talk.db.read(exports.works, talk.keys, link(talk), talk.now)


LOOPBACK = [
    ("http://127.0.0.1:8080", True),
    ("http://[::1]:8080", True),
    ("http://localhost:8080", True),
    ("https://hub.example.org", False),
    ("http://192.168.1.5:8080", False),
]


@pytest.mark.parametrize(("url", "only_here"), LOOPBACK)
async def test_on_a_hub_that_is_being_tried_it_says_where_the_link_opens(
    talk: Talk, gazetteer: Gazetteer, taxonomy: Topics, url: str, only_here: bool
) -> None:
    house = replace(HOUSE, public_url=url)
    talk.conversation = Conversation(house=house, gazetteer=gazetteer, topics=taxonomy, keys=talk.keys)
    await talk.say("/export")
    assert f"{url}/export/" in talk.heard
    assert ("only on the computer" in talk.heard) is only_here


async def test_where_they_are_told_of_their_rights(talk: Talk) -> None:
    for line in ("/help", "/privacy"):
        await talk.say(line)
        assert "/export" in talk.heard
        assert "/delete" in talk.heard
    assert YES in talk.buttons
    await talk.press(YES)
    assert talk.buttons == [NO, YES], "the button asks"


async def test_news_that_they_were_told_is_counted(talk: Talk) -> None:
    await talk.subscribed()
    person = await talk.person()

    def tell(conn: Any) -> None:
        for number in range(2):
            dispatch_id = kept(conn, f"A fair {number}", countries=["IQ"])
            broadcast_id = planning.broadcast_dispatch(conn, dispatch_id, talk.now, None)
            conn.execute(
                schema.told.insert().values(
                    recipient_id=person.id, dispatch_id=dispatch_id, broadcast_id=broadcast_id, at=talk.now
                )
            )

    await talk.db.write(tell)
    await talk.say("/export")
    assert "that we sent you 2 pieces of news, and when" in talk.heard
