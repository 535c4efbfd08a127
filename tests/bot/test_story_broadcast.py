"""A broadcast, as it happens: an editor writes it by chat, thirty people get it once each in their language, over a
pause and a restart; and one that goes wrong stops by itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import to_builtins

from bot.delivery import reins
from bot.hub import Hub
from config.settings import Delivery, Settings
from storage import broadcasts, people, staff
from storage.broadcasts import Broadcast
from storage.database import Connection
from storage.reach import size_up
from storage.rhythms import AT_ONCE
from tests.bot.test_story import tap
from tests.hubs import eventually, running, settings
from tests.providers.telegram import TelegramStandIn
from tests.storage.scene import someone
from tests.storage.test_broadcasts import there

EDITOR = 1
ENGLISH = "The centre in Erbil is closed from Monday on. Please come to the one in Baghdad."
DARI = "مرکز اربیل از روز دوشنبه بسته است. لطفاً به مرکز بغداد بیایید که باز است."
SOON = Delivery(group_wait=timedelta(0), quiet_hours=None, daily_cap=1000)


@pytest.fixture
def bot() -> TelegramStandIn:
    # Slow enough that there is something left to stop, however slow the machine is.
    return TelegramStandIn(chat_burst=50, rate=7.0)


def chats(n: int) -> list[int]:
    return list(range(2000, 2000 + n))


async def begin(hub: Hub, bot: TelegramStandIn, n: int) -> None:
    """n people, every third of whom reads Dari, and Amira at her telephone."""

    def deed(conn: Connection) -> str:
        now = datetime.now(UTC) - timedelta(hours=1)
        for number, chat in enumerate(chats(n)):
            address = someone(conn, hub.keys, str(chat), since=now)
            people.change(conn, address.person_id, language="fa-AF" if number % 3 == 0 else "en")
        return staff.add(conn, "Amira", "editor", now + timedelta(hours=1))

    bot.say(EDITOR, f"/staff {await hub.db.write(deed)}")
    await eventually(lambda: any("Welcome, Amira" in message.text for message in bot.to(EDITOR)))


async def write(bot: TelegramStandIn) -> None:
    """In both languages, and sent."""
    bot.say(EDITOR, f"/broadcast {ENGLISH}")
    await tap(bot, EDITOR, "Text, or other language")
    await tap(bot, EDITOR, "دری")
    await eventually(lambda: any("Send me the text in دری" in message.text for message in bot.to(EDITOR)))
    bot.say(EDITOR, DARI)
    await eventually(lambda: any("English and دری" in message.text for message in bot.to(EDITOR)))
    await tap(bot, EDITOR, "Send …")
    await tap(bot, EDITOR, "Yes, send it")


async def sent(hub: Hub) -> None:
    """The same, without the presses."""
    content = {code: {"title": "", "text": text} for code, text in (("en", ENGLISH), ("fa-AF", DARI))}
    counted = to_builtins(await hub.db.read(size_up, {}, datetime.now(UTC), AT_ONCE))
    await hub.db.write(reins.compose, "Amira", content, datetime.now(UTC), audience={}, reach=counted)


def got(bot: TelegramStandIn, n: int) -> Counter[int]:
    """How many messages each person has."""
    return Counter({chat: len(bot.to(chat)) for chat in chats(n)})


def shown(bot: TelegramStandIn, words: str) -> bool:
    """Whether the editor sees this now."""
    return any(words in message.text for message in bot.to(EDITOR))


async def state(hub: Hub) -> Broadcast:
    (latest,) = await hub.db.read(broadcasts.latest, 1)
    return await hub.db.read(there, latest.id)


def wanted(database_url: str, bot: TelegramStandIn) -> Settings:
    return settings(database_url, telegram_at=bot, delivery=SOON)


async def test_thirty_people_get_it_once_each_over_a_pause_and_a_restart(
    bot: TelegramStandIn, database_url: str, tmp_path: Path
) -> None:
    n = 30
    with bot:
        async with running(wanted(database_url, bot), tmp_path / "keys") as hub:
            await begin(hub, bot, n)
            await write(bot)
            await eventually(lambda: got(bot, n).total() > 5, 40)
            await tap(bot, EDITOR, "Pause")
            await eventually(lambda: shown(bot, "wait until it goes on"), 40)
            paused = await state(hub)
            assert paused.state == "paused"
            assert sum(paused.counts.values()) == n
            before = got(bot, n).total()
            assert 5 < before < n
        async with running(wanted(database_url, bot), tmp_path / "keys") as hub:
            assert got(bot, n).total() == before
            await tap(bot, EDITOR, "Go on")
            await eventually(lambda: shown(bot, ": done"), 40)
            ended = await state(hub)
    assert got(bot, n) == Counter(chats(n))
    for number, chat in enumerate(chats(n)):
        assert bot.to(chat)[0].text == (DARI if number % 3 == 0 else ENGLISH)
    assert (ended.state, ended.counts, ended.size) == ("done", {"sent": n}, n)
    report = next(message for message in bot.to(EDITOR) if ": done" in message.text)
    assert "30 people got it" in report.text
    assert any("paused" in earlier for earlier in report.edits)  # one message, all along
    assert bot.violations == []


async def test_one_that_is_refused_again_and_again_stops_by_itself_and_goes_on_when_told(
    bot: TelegramStandIn, database_url: str, tmp_path: Path
) -> None:
    n = 80
    refused = chats(n)[::9]
    with bot:
        for chat in refused:
            bot.answers(chat, 400, "Bad Request: this text is not allowed")
        async with running(wanted(database_url, bot), tmp_path / "keys") as hub:
            await begin(hub, bot, n)
            await sent(hub)
            await eventually(lambda: shown(bot, "It paused by itself: the app refused"), 60)
            await eventually(lambda: shown(bot, "wait until it goes on"), 40)
            paused = await state(hub)
            assert paused.state == "paused"
            assert sum(paused.counts.values()) == n
            assert paused.counts["paused"] > 0
            for chat in refused:
                bot.allow(chat)
            await tap(bot, EDITOR, "Go on")
            await eventually(lambda: shown(bot, ": done"), 60)
            ended = await state(hub)
    assert ended.counts.keys() == {"sent", "refused"}
    assert sum(ended.counts.values()) == n
    assert 5 <= ended.counts["refused"] < len(refused)
    assert set(got(bot, n).values()) <= {0, 1}
    assert got(bot, n).total() == ended.counts["sent"]


async def test_what_is_withdrawn_vanishes_from_the_chats_of_those_who_got_it(
    bot: TelegramStandIn, database_url: str, tmp_path: Path
) -> None:
    n = 6
    with bot:
        async with running(wanted(database_url, bot), tmp_path / "keys") as hub:
            await begin(hub, bot, n)
            await sent(hub)
            await eventually(lambda: shown(bot, ": done"), 40)
            await tap(bot, EDITOR, "Withdraw …")
            await tap(bot, EDITOR, "Yes, withdraw it")
            replaced = "This message was withdrawn."
            english = [chat for number, chat in enumerate(chats(n)) if number % 3]
            await eventually(lambda: all(bot.to(chat)[0].text.startswith(replaced) for chat in english), 40)
            await eventually(lambda: shown(bot, "Withdrawal of broadcast 1: done"), 40)
    assert got(bot, n) == Counter(chats(n))
    assert not any(ENGLISH in bot.to(chat)[0].text or DARI in bot.to(chat)[0].text for chat in chats(n))


async def test_a_picture_is_passed_on_to_everybody(bot: TelegramStandIn, database_url: str, tmp_path: Path) -> None:
    n = 3
    with bot:
        async with running(wanted(database_url, bot), tmp_path / "keys") as hub:
            await begin(hub, bot, n)
            file = bot.picture(b"\x89PNG\r\n\x1a\n and so on")
            photo = [{"file_id": file, "file_unique_id": "AQ", "width": 90, "height": 90}]
            bot.attach(EDITOR, "photo", ENGLISH, photo=photo)
            await tap(bot, EDITOR, "Describe the picture")
            await eventually(lambda: shown(bot, "What is on the picture?"))
            bot.say(EDITOR, "The door of the centre")
            await eventually(lambda: shown(bot, "The picture: The door of the centre"))
            await tap(bot, EDITOR, "Send …")
            await tap(bot, EDITOR, "Yes, send it")
            await eventually(lambda: shown(bot, ": done"), 40)
    assert [(len(bot.to(chat)), bool(bot.to(chat)[0].photo), bot.to(chat)[0].text) for chat in chats(n)] == [
        (1, True, ENGLISH)
    ] * n
    assert bot.violations == []
