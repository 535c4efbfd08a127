"""Asking a counsellor: when they answer comes before the story."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.talk.hours import Hours
from config.settings import openings
from storage import people
from tests.bot.talk.conftest import Talk


async def waiting(talk: Talk) -> list[Any]:
    found: list[Any] = await talk.db.write(people.waiting_questions, talk.keys)
    return [question["words"] for question in found]


async def test_the_next_message_is_the_question(talk: Talk) -> None:
    await talk.say("/ask")
    assert "at work now and answer until 17:00 (Baghdad time)" in talk.heard
    assert talk.buttons == ["Cancel"]
    await talk.say("My visa\u200f is\u0000 lost. news?")
    assert "Your question is with our counsellors." in talk.heard
    assert await waiting(talk) == ["My visa is lost. news?"]
    await talk.say("hello")
    assert len(await waiting(talk)) == 1, "what comes after is no question"


async def test_a_question_in_one_line(talk: Talk) -> None:
    await talk.say("/ask what about Iraq?")
    assert await waiting(talk) == ["what about Iraq?"]


@pytest.mark.parametrize("line", ["/cancel", "cancel", "1", "never mind"])
async def test_cancel_leaves(talk: Talk, line: str) -> None:
    await talk.say("/ask")
    await talk.say(line)
    assert "you asked nothing" in talk.heard
    await talk.say("a secret story of my own")
    assert await waiting(talk) == []


async def test_another_command_leaves_too(talk: Talk) -> None:
    await talk.say("/ask")
    await talk.say("/help")
    await talk.say("a secret story of my own")
    assert await waiting(talk) == []


async def test_words_that_look_like_commands_are_part_of_the_question(talk: Talk) -> None:
    await talk.say("/ask")
    await talk.say("news iraq")
    assert await waiting(talk) == ["news iraq"]


async def test_stop_stops_while_asking(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("/ask")
    await talk.say("stop")
    assert not (await talk.person()).subscribed
    assert await waiting(talk) == []


async def test_a_greeting_is_not_yet_a_question(talk: Talk) -> None:
    await talk.say("/ask")
    await talk.say("hello")
    assert "Write your question now" in talk.heard
    await talk.say("my visa")
    assert await waiting(talk) == ["my visa"]


async def test_a_photo_is_refused_and_the_question_is_still_awaited(talk: Talk) -> None:
    await talk.say("/ask")
    await talk.send("image", "my passport")
    assert "I can only read text" in talk.heard
    await talk.say("my passport is lost")
    assert await waiting(talk) == ["my passport is lost"]


async def test_contacts_are_of_the_countries_they_follow_else_for_everyone(talk: Talk) -> None:
    await talk.say("/ask")
    assert "Any centre of the network (checked on 1 Sept 2026)" in talk.heard
    assert "MRC Baghdad" not in talk.heard
    await talk.subscribed("/subscribe iraq")
    await talk.say("/ask")
    assert "MRC Baghdad, +964 1 000 000 (checked on 1 Oct 2026)" in talk.heard


WHEN = [
    ("at work", datetime(2026, 11, 24, 12, 0), "at work now and answer until 17:00 (Baghdad time)"),
    ("before work", datetime(2026, 11, 24, 3, 0), "answer today from 09:00 (Baghdad time)"),
    ("in the evening", datetime(2026, 11, 24, 18, 0), "answer tomorrow from 09:00 (Baghdad time)"),
    ("on Thursday night", datetime(2026, 11, 26, 18, 0), "answer on Sunday from 09:00 (Baghdad time)"),
    ("when it is another day there", datetime(2026, 11, 24, 22, 0), "answer today from 09:00 (Baghdad time)"),
]


@pytest.mark.parametrize(("label", "now", "said"), WHEN, ids=[row[0] for row in WHEN])
async def test_when_somebody_answers(talk: Talk, label: str, now: datetime, said: str) -> None:
    talk.now = now.replace(tzinfo=UTC)
    await talk.say("/ask")
    assert said in talk.heard


async def test_without_office_hours_no_hour_is_promised(talk: Talk) -> None:
    hours = Hours.of((), "UTC")
    assert hours.open_until(talk.now) is None
    assert hours.next_opening(talk.now) is None


def test_hours_may_pass_the_end_of_the_week_and_have_a_break() -> None:
    hours = Hours.of(openings("Sat-Wed 08:00-12:00; Sat-Wed 13:00-16:00; Thu 08:00-12:00"), "Asia/Kabul")
    friday = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
    opens = hours.next_opening(friday)
    assert opens is not None
    assert f"{opens:%a %H:%M}" == "Sat 08:00"
    noon = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)  # 12:30 in Kabul
    assert hours.open_until(noon) is None
