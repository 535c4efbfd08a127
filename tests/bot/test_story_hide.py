"""Somebody looks over their shoulder: what we wrote on Telegram is no longer there, and neither is the command."""

from __future__ import annotations

from pathlib import Path

from tests.hubs import eventually, running, settings
from tests.providers.telegram import TelegramStandIn

ANA = 77


async def test_after_hide_one_word_is_left_in_the_chat(database_url: str, tmp_path: Path) -> None:
    with TelegramStandIn(chat_burst=20) as bot:
        async with running(settings(database_url, telegram_at=bot), tmp_path / "keys"):
            await eventually(lambda: "getUpdates" in bot.methods())
            bot.start(ANA)
            [asked] = await bot.until_sent(1)
            bot.press(ANA, asked.message_id, "/language en")
            await eventually(lambda: asked.edits)
            bot.say(ANA, "/help")
            await bot.until_sent(2)
            bot.say(ANA, "/hide", message_id=4711)
            await eventually(lambda: [message.text for message in bot.shown(ANA)] == ["Done."], 30)
            bot.say(ANA, "/hide")  # and that one word, too
            await eventually(lambda: len(bot.sent) == 4 and len(bot.shown(ANA)) == 1, 30)
    assert (str(ANA), 4711) in [(str(chat), number) for chat, number in bot.deleted]
    assert (bot.violations, bot.provoked_429) == ([], 0)
