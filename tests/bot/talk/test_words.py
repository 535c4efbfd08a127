"""Whatever may be typed."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.talk import commands
from bot.talk.turn import said
from bot.talk.words import STOP, is_stop, key, number
from channels.contract import Left, Receipt, Renamed
from config.messages import phrases
from tests.bot.talk.conftest import NOW, Talk, kept

STOPS = (
    'STOP|stop.|Stop!|"stop"|unsubscribe|QUIT|end|توقف|لغو|بس|ودروه|بند کړه|بند کرو|বন্ধ|বন্ধ করুন|'
    "أوقف|إلغاء الاشتراك|بوەستە|raweste|Rawestîne|қатъ кунед|To'xtat|toʻxtating|to‘xtat|тўхтат|токтот|тоқтат|"
    "Стоп|отписаться|СТОП!"
)


@pytest.mark.parametrize("word", STOPS.split("|"))
def test_a_whole_message_stops_in_every_language(word: str) -> None:
    assert is_stop(word)


@pytest.mark.parametrize(
    "text", ["stop the war", "please do not stop", "bus stop in Erbil", "", "...", "the end of war", "بس یک سوال"]
)
def test_a_sentence_with_a_stop_word_stops_nothing(text: str) -> None:
    assert not is_stop(text)


def test_no_stop_word_is_also_a_command_that_does_something_else() -> None:
    for word in STOP & commands.COMMANDS.keys():
        assert word in ("stop", "unsubscribe")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2),
        ("٢", 2),
        ("۲", 2),
        ("২", 2),
        (" 12. ", 12),
        ("3)", 3),
        ("2 3", None),
        ("two", None),
        ("1234", None),
        ("", None),
    ],
)
def test_a_number_in_any_digits(text: str, expected: int | None) -> None:
    assert number(text) == expected


READ = [
    ("a command", "/news", "news", ""),
    ("capitals", "/NEWS Iraq", "news", "Iraq"),
    ("a space after the slash", "/ news", "news", ""),
    ("the bot's name", "/News@Some_Bot iraq", "news", "iraq"),
    ("several lines", "/ask one\ntwo", "ask", "one\ntwo"),
    ("an alias", "/settings", "mine", ""),
    ("an unknown one", "/frobnicate x", "frobnicate", "x"),
    ("a bare command", "Help!", "help", ""),
    ("help in Russian", "помощь", "help", ""),
    ("news in Bangla", "খবর", "news", ""),
    ("a bare command with words", "news iraq", "news", "iraq"),
]


@pytest.mark.parametrize(("label", "text", "command", "argument"), READ, ids=[row[0] for row in READ])
def test_reading_a_line(label: str, text: str, command: str, argument: str) -> None:
    line = commands.read(text)
    assert line is not None
    assert (line.command, line.argument) == (command, argument)


@pytest.mark.parametrize(
    "text", ["help my brother", "start over at home", "stop it now or else", "why me", "mine work", "", "/", "a/b"]
)
def test_a_sentence_is_no_command(text: str) -> None:
    assert commands.read(text) is None


async def test_a_misspelt_command_is_guessed(talk: Talk) -> None:
    await talk.say("/subscibe iraq")
    assert "Did you mean /subscribe?" in talk.heard


async def test_a_short_unknown_command_gets_help(talk: Talk) -> None:
    await talk.say("/hp")
    assert "What you can do here" in talk.heard


async def test_help_is_short(talk: Talk) -> None:
    await talk.say("/help")
    assert len([line for line in talk.heard.splitlines() if line]) <= 12


BAD = [
    "", " ", "\u0000", "\u202e\u2066", "👍", "👨‍👩‍👧‍👦" * 50, "/", "//", "/ ", "/news /news /news",
    "/why ' OR 1=1 --", "%s {name} {0}",
    "news \"'*()", "/news after after 3", "/news after 3 after 4", "/countries +", "/countries -",
    "/countries + -", "/topics +nothing",
    "/countries +zz", "/countries +🇮🇶", "/topics next", "/countries done", "/agree agree", "/language",
    "/language " + "x" * 500,
    "/subscribe ,,,", "/subscribe -iq", "/unsubscribe nothing", "/start " + "_" * 64, "/fewer", "/ask \u200f",
    "/cancel now",
    "ا" * 3000, "a b " * 900, "/news " + "слово " * 500, "🇮🇶" * 100, "\ud800", "0", "000", "-1", "1" * 300,
]  # fmt: skip


@pytest.mark.parametrize("agreed", [False, True])
async def test_whatever_is_typed_gets_an_answer(talk: Talk, agreed: bool) -> None:
    await talk.db.write(kept, "A fair", "A fair opens.", countries=["IQ"], topics=["labour-migration"])
    if agreed:
        await talk.subscribed("/subscribe iraq jobs")
    for text in BAD:
        replies = await talk.say(text)
        assert replies, repr(text)
        assert talk.heard.strip(), repr(text)


async def test_what_is_too_long_is_said_kindly_and_changes_nothing(talk: Talk) -> None:
    await talk.say("/ask")
    await talk.say("x" * 4001)
    assert "too long" in talk.heard
    assert "4000" in talk.heard


async def test_a_number_that_was_not_offered(talk: Talk) -> None:
    await talk.say("/help")
    await talk.say("9")
    assert "a number from 1 to 4" in talk.heard


async def test_a_number_means_the_last_offer_also_after_words_without_one(talk: Talk) -> None:
    await talk.say("/help")
    await talk.say("9")
    await talk.say("2")
    assert "You get no news" in talk.heard


@pytest.mark.parametrize("kind", ["image", "video", "voice", "document", "contact", "location", "other"])
async def test_only_text_is_read(talk: Talk, kind: str) -> None:
    await talk.send(kind)
    assert "I can only read text" in talk.heard


async def test_stop_under_a_picture_is_stop(talk: Talk) -> None:
    await talk.subscribed()
    await talk.send("image", "STOP")
    assert not (await talk.person()).subscribed


async def test_receipts_and_new_names_are_left_alone(talk: Talk) -> None:
    silent = [
        Receipt(id="c", address="1001", at=NOW, message="1", state="read"),
        Renamed(id="d", address="1001", at=NOW, to="1002"),
    ]
    for update in silent:
        assert await talk.update(update) == []


async def test_who_left_gets_nothing_more(talk: Talk) -> None:
    await talk.subscribed()
    assert await talk.update(Left(id="x", address="1001", at=NOW + timedelta(seconds=1))) == []
    assert not (await talk.person()).subscribed


def test_the_command_menu_names_commands_that_exist(talk: Talk) -> None:
    menu = talk.conversation.commands(phrases("en"))
    assert {name for name, _ in menu} <= commands.COMMANDS.keys()
    assert all(3 <= len(what) <= 40 for _, what in menu)


# ── Buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
async def test_each_button_says_what_can_be_typed(talk: Talk, seed: int) -> None:
    """Two people go the same way, one by buttons and one by typing, and hear the same."""
    for n in range(8):
        await talk.db.write(
            kept, f"Piece {n}", f"News number {n}.", countries=["IQ", "IT"][: n % 3], topics=["women-gender"], days=n
        )
    typist = talk.elsewhere("typist")
    chance = random.Random(seed)
    openings = [
        "/start",
        "/start iraq_women-gender",
        "/news",
        "news iraq",
        "/fewer 3",
        "/why 2",
        "/mine",
        "/subscribe it",
        "/ask",
    ]
    for _ in range(60):
        choices = [choice for message in talk.replies for choice in message.choices]
        if choices and chance.random() < 0.85:
            choice = chance.choice(choices)
            assert 1 <= len(choice.say.encode()) <= 64
            pressed, typed = await talk.line(choice.say), await typist.say(choice.say)
        else:
            opening = chance.choice(openings)
            pressed, typed = await talk.say(opening), await typist.say(opening)
        assert [replace(message, replaces="") for message in pressed] == typed
        assert pressed


@given(st.lists(st.text(min_size=1, max_size=30).filter(lambda word: word.split() == [word]), max_size=8))
def test_a_buttons_line_is_never_too_long(words: list[str]) -> None:
    line = said("/subscribe", words, " after 123")
    assert len(line.encode("utf-8", "surrogatepass")) <= 64
    assert line.startswith("/subscribe")


@given(st.text())
def test_words_are_the_same_however_they_are_written(text: str) -> None:
    assert key(key(text)) == key(text)
