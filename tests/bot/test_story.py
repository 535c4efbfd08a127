"""The main job, as it happens: the real dispatches are watched, people subscribe on Telegram, each gets what concerns
them, once, over restarts, re-posts and edits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from storage import dispatches
from tests.hubs import eventually, running, settings, source
from tests.providers.sources import Sources, feed
from tests.providers.telegram import SentMessage, TelegramStandIn

SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds" / "dispatches.txt"
ABOUT_IRAQ = {1, 6, 7, 8, 9}


def seeds() -> list[str]:
    if not SEEDS.exists():
        pytest.skip(f"needs the eleven real dispatches, which are not in this clone: {SEEDS.name}")
    return SEEDS.read_text(encoding="utf-8").split("\n\n")


def as_text(paragraphs: list[str]) -> bytes:
    return "\n\n".join(paragraphs).encode()


def as_rss(paragraphs: list[str]) -> bytes:
    items = "".join(
        f"<item><guid isPermaLink='false'>item-{number}</guid><description>{escape(text)}</description></item>"
        for number, text in enumerate(paragraphs)
    )
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>News</title>{items}</channel></rss>".encode()


async def tap(bot: TelegramStandIn, chat: int, label: str) -> SentMessage:
    """Press the button with this label on the newest message that has it, and wait for what comes of it."""

    def newest() -> tuple[SentMessage, str] | None:
        for message in reversed(bot.to(chat)):
            for text, data in message.buttons:
                if label in text:
                    return message, data
        return None

    found: tuple[SentMessage, str] = await eventually(newest)
    message, data = found
    before = len(bot.calls)
    bot.press(chat, message.message_id, data)
    answers = ("sendmessage", "editmessagetext")
    await eventually(lambda: any(call.method.lower() in answers for call in bot.calls[before:]))
    return message


async def subscribe_to_iraq(bot: TelegramStandIn, chat: int) -> int:
    """Five taps after /start; returns how many taps it took."""
    bot.start(chat)
    taps = ("English", "I agree", "Iraq", "Next", "All topics")
    for label in taps:
        await tap(bot, chat, label)
    await eventually(lambda: any("Iraq" in m.text and "STOP" in m.text for m in bot.to(chat)))
    return len(taps)


def told(bot: TelegramStandIn, chat: int, paragraph: str) -> int:
    """How many messages to this chat bring this dispatch."""
    words = " ".join(paragraph.split(":", 1)[1].split()[:5])
    return sum(words in " ".join(m.text.split()) and "/why" in str(m.buttons) for m in bot.to(chat))


@pytest.fixture
def bot() -> TelegramStandIn:
    return TelegramStandIn(chat_burst=20)


async def test_a_person_who_follows_iraq_gets_what_appears_about_iraq_once_each(
    bot: TelegramStandIn, database_url: str, tmp_path: Path
) -> None:
    paragraphs = seeds()
    first = paragraphs[:2]
    async with Sources() as web:
        with bot:
            web.pages["/news.txt"] = feed(as_text(first), "text/plain; charset=utf-8")
            web.pages["/rss"] = feed(as_rss(first))
            watched = [
                source("dateline", "dateline", web.url("/news.txt")),
                source("rss", "feed", web.url("/rss")),
            ]
            wanted = settings(database_url, sources=watched, telegram_at=bot)
            keys = tmp_path / "keys"
            async with running(wanted, keys) as hub:
                await eventually(lambda: len(web.asked) >= 2)
                await subscribe_to_iraq(bot, 77)
                before = len(web.asked)
                web.pages["/news.txt"] = feed(as_text(paragraphs), "text/plain; charset=utf-8")
                web.pages["/rss"] = feed(as_rss(paragraphs))
                expected = [paragraphs[n] for n in sorted(ABOUT_IRAQ - {1})]
                await eventually(lambda: all(told(bot, 77, text) for text in expected), 40)
                await eventually(lambda: len(web.asked) >= before + 6)

            # A restart, everything listed twice, one text edited at each source, one posted again under another name.
            edited = [text.replace("key priority area", "main priority") for text in paragraphs] + [paragraphs[9]]
            async with running(wanted, keys) as hub:
                before = len(web.asked)
                web.pages["/news.txt"] = feed(as_text(edited), "text/plain; charset=utf-8")
                web.pages["/rss"] = feed(as_rss(edited))
                await eventually(lambda: len(web.asked) >= before + 8, 40)
                await asyncio.sleep(1)
                kept = await hub.db.read(dispatches.recent, limit=100)

    assert len(kept) == 11
    assert any("main priority" in dispatch.text for dispatch in kept)
    for number, text in enumerate(paragraphs):
        assert told(bot, 77, text) == (number in ABOUT_IRAQ - {1}), text[:60]
    assert bot.violations == []
    assert bot.provoked_429 == 0
