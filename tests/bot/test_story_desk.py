"""A dispatch that nobody vouches for: it comes to the editors on Telegram, one corrects and approves it, and people get
it as it was corrected."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.settings import Delivery
from storage import dispatches, staff
from tests.bot.test_story import as_text, subscribe_to_iraq, tap
from tests.hubs import eventually, running, settings, source
from tests.providers.sources import Sources, feed
from tests.providers.telegram import SentMessage, TelegramStandIn

OLD = "Kabul, Afghanistan: The office in Kabul stays where it is, and answers everybody who comes in the morning."
NEWS = (
    "Erbil, Iraq: The centre in Erbil opens at eight in the morning from now on. It is shut on Fridays. Whoever wants "
    "to come back from abroad is told there what is to be done, and nobody has to pay for anything."
)
SUMMARY = "The centre in Erbil now opens at eight, but not on Fridays."
LEILA, OMAR, PERSON = 501, 502, 77
AT_ONCE = Delivery(group_wait=timedelta(0), quiet_hours=None, daily_cap=1000)


@pytest.fixture
def bot() -> TelegramStandIn:
    return TelegramStandIn(chat_burst=20)


async def shown(bot: TelegramStandIn, chat: int, words: str) -> SentMessage:
    """The message to this chat that says so now."""

    def look() -> SentMessage | None:
        return next((message for message in bot.to(chat) if words in message.text), None)

    found: SentMessage = await eventually(look, 30)
    return found


async def test_an_editor_corrects_and_approves_what_people_then_get(
    bot: TelegramStandIn, database_url: str, tmp_path: Path
) -> None:
    async with Sources() as web:
        with bot:
            web.pages["/news.txt"] = feed(as_text([OLD]), "text/plain; charset=utf-8")
            wanted = settings(
                database_url,
                sources=[source("partner", "dateline", web.url("/news.txt"), trusted=False)],
                telegram_at=bot,
                delivery=AT_ONCE,
            )
            async with running(wanted, tmp_path / "keys") as hub:
                await eventually(lambda: web.asked)
                await subscribe_to_iraq(bot, PERSON)
                for chat, name in ((LEILA, "Leila"), (OMAR, "Omar")):
                    code = await hub.db.write(staff.add, name, "editor", hub.clock.now())
                    bot.say(chat, f"/staff {code}")
                    await shown(bot, chat, f"Welcome, {name}.")
                await eventually(lambda: [call.method.lower() for call in bot.calls].count("deletemessages") == 2)

                web.pages["/news.txt"] = feed(as_text([OLD, NEWS]), "text/plain; charset=utf-8")
                for chat in (LEILA, OMAR):
                    card = await shown(bot, chat, "waits for an editor")
                    assert "Why it waits: its source is not trusted." in card.text
                assert [label for label, _ in card.buttons][:3] == ["Approve", "Hold", "Edit summary"]
                assert not any("Erbil" in message.text for message in bot.to(PERSON))

                await tap(bot, LEILA, "Edit summary")
                await shown(bot, LEILA, "Write the summary now")
                bot.say(LEILA, SUMMARY)
                await shown(bot, LEILA, "The summary is changed.")
                decided = await tap(bot, LEILA, "Approve")
                await eventually(lambda: "Approved by Leila" in decided.text)
                assert decided.buttons == []

                pushed = await shown(bot, PERSON, SUMMARY)
                assert "Friday" in pushed.text
                assert "told there what is to be done" not in pushed.text

                # The other's card is of before.
                card = await tap(bot, OMAR, "Hold")
                await eventually(lambda: "Approved by Leila" in card.text)
                (kept,) = [one for one in await hub.db.read(dispatches.recent) if "Erbil" in one.text]
                notes: Any = await hub.db.read(staff.notes)

    assert (kept.status, kept.summary) == ("ready", SUMMARY)
    about = [(note.who, note.deed) for note in notes if note.about == f"dispatch {kept.id}"]
    assert about == [("Leila", "approved"), ("Leila", "summarised")]
    assert sum(SUMMARY in message.text for message in bot.to(PERSON)) == 1
    assert bot.violations == []
    assert bot.provoked_429 == 0
