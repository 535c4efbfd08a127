"""The main job over what sources really do: a window that moves on, re-posts, edits here and there, a restart in the
middle of sending; and somebody who comes later."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from tests.bot.test_story import as_text, seeds, subscribe_to_iraq, told
from tests.hubs import eventually, running, settings, source
from tests.providers.sources import Sources, feed
from tests.providers.telegram import TelegramStandIn

EARLY, LATE = 77, 78  # two people
WINDOW = 4  # items in the feed


@pytest.fixture
def bot() -> TelegramStandIn:
    return TelegramStandIn(chat_burst=20)


class Publisher:
    """The same news as a text that grows and as a feed that shows the latest."""

    def __init__(self, web: Sources) -> None:
        self.web = web
        self.posts = 0

    def shows(self, paragraphs: list[str], *, posted_again: bool = False) -> None:
        """``posted_again``: under other ids and titles, by links that track readers."""
        self.posts += posted_again
        items = "".join(
            f"<item><guid isPermaLink='false'>{self.posts}-{number}</guid><title>News {self.posts}</title>"
            f"<link>https://news.example/{number}?utm_campaign={self.posts}</link>"
            f"<description>{escape(text)}</description></item>"
            for number, text in reversed(list(enumerate(paragraphs))[-WINDOW:])
        )
        rss = f"<?xml version='1.0'?><rss version='2.0'><channel><title>News</title>{items}</channel></rss>"
        self.web.pages["/news.txt"] = feed(as_text(paragraphs), "text/plain; charset=utf-8")
        self.web.pages["/rss"] = feed(rss.encode())

    async def seen(self) -> None:
        """Both were asked again since now, twice so that the first answer is dealt with."""
        before = len(self.web.asked)

        def twice() -> bool:
            paths = [asked.path for asked in self.web.asked[before:]]
            return min(paths.count("/news.txt"), paths.count("/rss")) >= 2

        await eventually(twice, 30)


async def test_edits_re_posts_and_restarts_repeat_nothing_and_lose_nothing(
    bot: TelegramStandIn, database_url: str, tmp_path: Path
) -> None:
    texts = seeds()
    keys = tmp_path / "keys"
    async with Sources() as web:
        publisher = Publisher(web)
        with bot:
            wanted = settings(
                database_url,
                sources=[
                    source("dateline", "dateline", web.url("/news.txt")),
                    source("rss", "feed", web.url("/rss")),
                ],
                telegram_at=bot,
            )
            publisher.shows(texts[:7])
            async with running(wanted, keys):
                await publisher.seen()
                await subscribe_to_iraq(bot, EARLY)
                publisher.shows(texts[:9])
                # Each source has shown it before it is edited: from one that never did, an edit is news.
                await publisher.seen()
                await eventually(lambda: told(bot, EARLY, texts[7]) or told(bot, EARLY, texts[8]), 30)

            # It ended, perhaps in the middle of sending. Next, one is edited at both sources and all is posted again.
            better = [text.replace("trade facilitation", "trade at the crossings") for text in texts]
            assert better[7] != texts[7]
            publisher.shows(better[:9], posted_again=True)
            async with running(wanted, keys):
                await publisher.seen()
                await eventually(lambda: told(bot, EARLY, texts[7]) and told(bot, EARLY, texts[8]), 30)
                await subscribe_to_iraq(bot, LATE)
                publisher.shows(better[:10], posted_again=True)
                await eventually(lambda: told(bot, EARLY, texts[9]) and told(bot, LATE, texts[9]), 30)

                publisher.shows(texts, posted_again=True)  # the edit is taken back, and what is left appears
                await publisher.seen()
                publisher.shows(better, posted_again=True)
                await publisher.seen()
                before = len(bot.to(EARLY))
                bot.say(EARLY, "/news iraq")
                await eventually(lambda: any("at the crossings" in m.text for m in bot.to(EARLY)[before:]))

    got = {chat: [told(bot, chat, text) for text in texts] for chat in (EARLY, LATE)}
    assert got[EARLY] == [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]
    assert got[LATE] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    assert bot.violations == []
    assert bot.provoked_429 == 0
