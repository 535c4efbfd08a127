"""A partner's group and a partner's channel: who runs it subscribes it, news is posted there once, and after they throw
us out nothing comes any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.hub import Hub
from storage import schema
from tests.hubs import eventually, running, settings, source
from tests.providers.sources import Sources, feed
from tests.providers.telegram import SentMessage, TelegramStandIn

GROUP, CHANNEL, BOSS, MEMBER = -1001234567890, -1009876543210, 501, 502
FIRST = "KABUL, Afghanistan: Schools open again in the north of the country."
IRAQ = [
    "BAGHDAD, Iraq: The office in Baghdad moves to a new street.",
    "BASRA, Iraq: A new centre for people who return opens in Basra.",
]
NAME = "@serai_test_bot"


def written(*texts: str) -> object:
    return feed("\n\n".join(texts).encode(), "text/plain; charset=utf-8")


@pytest.fixture
def bot() -> TelegramStandIn:
    return TelegramStandIn(chat_burst=20)


@pytest.fixture
async def web() -> AsyncIterator[Sources]:
    async with Sources() as web:
        web.pages["/news.txt"] = written(FIRST)
        yield web


def news(bot: TelegramStandIn, chat: int, words: str) -> list[SentMessage]:
    return [message for message in bot.to(chat) if words in message.text]


async def subscribed(hub: Hub) -> int:
    query = sa.select(sa.func.count()).select_from(schema.people).where(schema.people.c.subscribed)
    return int(await hub.db.read(lambda conn: conn.scalar(query)) or 0)


async def test_a_group_hears_what_its_admin_chose_once_and_nothing_after_we_are_thrown_out(
    bot: TelegramStandIn, web: Sources, database_url: str, tmp_path: Path
) -> None:
    watched = [source("dateline", "dateline", web.url("/news.txt"))]
    with bot:
        bot.admins[GROUP].add(BOSS)
        wanted = settings(database_url, sources=watched, telegram_at=bot)
        async with running(wanted, tmp_path / "keys") as hub:
            await eventually(lambda: web.asked)
            bot.added(GROUP, by=MEMBER)
            await bot.until_sent(1)
            assert "/subscribe Iraq" in bot.to(GROUP)[0].text

            bot.say(GROUP, "what do you think?", by=MEMBER)
            bot.say(GROUP, f"/subscribe{NAME} iraq", by=MEMBER)
            await bot.until_sent(2)
            assert "Only an admin" in bot.to(GROUP)[1].text
            assert await subscribed(hub) == 0

            bot.say(GROUP, f"/subscribe{NAME} iraq", by=BOSS)
            await bot.until_sent(4)  # that it is done, and which language
            assert await subscribed(hub) == 1
            [done] = news(bot, GROUP, "All set")
            bot.press(GROUP, done.message_id, "/stop", by=MEMBER)
            await eventually(lambda: len(bot.acknowledged) == 1)

            web.pages["/news.txt"] = written(FIRST, IRAQ[0])
            await eventually(lambda: news(bot, GROUP, "new street"), 30)
            assert [message.buttons for message in news(bot, GROUP, "new street")] == [[]]

            bot.thrown_out(GROUP, by=BOSS)
            await eventually(lambda: not bot._pending, 30)
            web.pages["/news.txt"] = written(FIRST, *IRAQ)
            before = len(bot.calls)
            asked = len(web.asked)
            await eventually(lambda: len(web.asked) >= asked + 3, 30)
            assert await subscribed(hub) == 0

    assert len(news(bot, GROUP, "new street")) == 1
    assert [call for call in bot.calls[before:] if call.method.startswith("send")] == []
    assert (bot.violations, bot.provoked_429) == ([], 0)


async def test_a_channel_is_subscribed_by_a_post_in_it(
    bot: TelegramStandIn, web: Sources, database_url: str, tmp_path: Path
) -> None:
    watched = [source("dateline", "dateline", web.url("/news.txt"))]
    with bot:
        wanted = settings(database_url, sources=watched, telegram_at=bot)
        async with running(wanted, tmp_path / "keys"):
            await eventually(lambda: web.asked)
            await eventually(lambda: "getUpdates" in bot.methods())
            bot.post(CHANNEL, "Good morning to our readers")
            bot.post(CHANNEL, "/subscribe iraq")
            [done, language] = await bot.until_sent(2)
            assert "Iraq" in done.text
            bot.press(CHANNEL, language.message_id, "/stop", by=MEMBER)  # a reader of it
            await eventually(lambda: len(bot.acknowledged) == 1)
            web.pages["/news.txt"] = written(FIRST, IRAQ[0])
            await eventually(lambda: news(bot, CHANNEL, "new street"), 30)
    assert len(bot.sent) == 3
    assert bot.violations == []
