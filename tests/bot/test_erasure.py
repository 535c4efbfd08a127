"""Deleted at once: on Telegram, in the web chat, over a crash, and beside somebody who reads the database."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.clock import SystemClock
from bot.erasure import Eraser
from bot.hub import Hub
from storage import people, schema
from storage.database import Connection, Database, SQLite
from storage.keys import KeyGone, KeyStore
from tests.hubs import eventually, running, settings, source
from tests.providers.sources import Sources, feed
from tests.providers.telegram import SentMessage, TelegramStandIn
from tests.storage.scene import NOW, count, someone


class Clock(SystemClock):
    """Time that the test moves."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


async def erased(db: Database, keys: KeyStore) -> str:
    """Somebody whose rows are gone; the id of their key."""
    address = await db.write(someone, keys)
    await db.write(people.erase, address.person_id, NOW)
    return address.key_id


def readable(keys: KeyStore, key_id: str) -> bool:
    try:
        keys.seal(key_id, "x", "x", b"")
    except KeyGone:
        return False
    return True


# ── What is owed ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_key_is_destroyed_and_then_nothing_is_owed(db: Database, keys: KeyStore) -> None:
    key_id = await erased(db, keys)
    assert readable(keys, key_id)
    await Eraser(db=db, keys=keys, clock=Clock()).look()
    assert not readable(keys, key_id)
    assert await db.read(people.doomed) == []


async def test_what_a_crash_left_owing_is_paid_by_whoever_runs_next(db: Database, keys: KeyStore) -> None:
    first, second = await erased(db, keys), await erased(db, keys)
    keys.destroy(first)  # killed after this
    await Eraser(db=db, keys=keys, clock=Clock()).look()
    assert not readable(keys, second)
    assert await db.read(people.doomed) == []


async def test_two_processes_may_do_it_at_once(db: Database, keys: KeyStore) -> None:
    key_ids = [await erased(db, keys) for _ in range(5)]
    erasers = [Eraser(db=db, keys=keys, clock=Clock()) for _ in range(3)]
    await asyncio.gather(*(eraser.look() for eraser in erasers))
    assert not any(readable(keys, key_id) for key_id in key_ids)
    assert await db.read(people.doomed) == []


async def test_who_reads_for_long_is_named_in_the_log_and_waited_for(
    sqlite: SQLite, keys: KeyStore, tmp_path: Path
) -> None:
    clock = Clock()
    eraser = Eraser(db=sqlite, keys=keys, clock=clock)
    with closing(sqlite3.connect(tmp_path / "serai.db", isolation_level=None)) as foreign:
        foreign.execute("BEGIN")
        foreign.execute("SELECT * FROM people").fetchall()
        key_id = await erased(sqlite, keys)
        with capture_logs() as logs:
            for clock.at in (1.0, 30.0, 59.0):
                await eraser.look()
            assert [line["event"] for line in logs] == ["erased"]
            clock.at = 62.0
            await eraser.look()
        assert "another program has the database open" in logs[-1]["event"]
        assert not readable(keys, key_id), "the key does not wait"
        assert await sqlite.read(people.doomed) == [key_id]
    await eraser.look()
    assert await sqlite.read(people.doomed) == []
    assert (tmp_path / "serai.db-wal").stat().st_size > 0, "the word that it is done"


async def test_a_fault_is_tried_again(sqlite: SQLite, keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id = await erased(sqlite, keys)
    destroy, faults = keys.destroy, iter([OSError("disk")])

    def fails_once(key_id: str) -> None:
        if error := next(faults, None):
            raise error
        destroy(key_id)

    monkeypatch.setattr(keys, "destroy", fails_once)

    class Quick(Clock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0.01)

    task = asyncio.create_task(Eraser(db=sqlite, keys=keys, clock=Quick()).run())
    await eventually(lambda: not readable(keys, key_id))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# ── On Telegram ──────────────────────────────────────────────────────────────────────────────────────────────────────


def last(bot: TelegramStandIn, chat: int, words: str) -> SentMessage | None:
    return next((message for message in reversed(bot.to(chat)) if words in message.text), None)


async def tap(bot: TelegramStandIn, chat: int, label: str, times: int = 1) -> None:
    def there() -> tuple[SentMessage, str] | None:
        for message in reversed(bot.to(chat)):
            for text, data in message.buttons:
                if label in text:
                    return message, data
        return None

    message, data = await eventually(there)
    for _ in range(times):
        bot.press(chat, message.message_id, data)


async def subscribe(bot: TelegramStandIn, chat: int) -> None:
    bot.start(chat)
    for label in ("English", "I agree", "Iraq", "Next", "All topics"):
        await tap(bot, chat, label)
    await eventually(lambda: last(bot, chat, "All set"))


def owing(conn: Connection) -> dict[str, int]:
    tables = (schema.people, schema.addresses, schema.doomed_keys)
    return {table.name: count(conn, table) for table in tables}


async def settled(hub: Hub, people_left: int) -> None:
    """Until the keys are gone too."""
    async with asyncio.timeout(15):
        while await hub.db.read(owing) != {"people": people_left, "addresses": people_left, "doomed_keys": 0}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_two_people_subscribe_one_is_deleted_and_only_the_other_hears_on(
    database_url: str, tmp_path: Path
) -> None:
    bot = TelegramStandIn(chat_burst=20)
    async with Sources() as web:
        with bot:
            web.pages["/news.txt"] = feed(b"Baghdad, Iraq: Old news.", "text/plain")
            watched = [source("news", "dateline", web.url("/news.txt"))]
            wanted = settings(database_url, sources=watched, telegram_at=bot)
            async with running(wanted, tmp_path / "keys") as hub:
                await eventually(lambda: len(web.asked) >= 2)
                for chat in (77, 88):
                    await subscribe(bot, chat)
                bot.say(77, "/delete")
                await tap(bot, 77, "Delete everything about me", times=2)  # by an impatient thumb
                await eventually(lambda: last(bot, 77, "Everything about you is deleted"))
                await settled(hub, people_left=1)
                before = len(bot.to(77))

                web.pages["/news.txt"] = feed(
                    b"Baghdad, Iraq: Old news.\n\nErbil, Iraq: The centre opens at eight.", "text/plain"
                )
                await eventually(lambda: last(bot, 88, "The centre opens at eight"), 30)
                await asyncio.sleep(1)
                assert len(bot.to(77)) == before

                bot.say(77, "hello")
                await eventually(lambda: last(bot, 77, "Please choose your language."))

                def wills(conn: Connection) -> list[str]:
                    return list(conn.scalars(sa.select(schema.wills.c.deed)))

                assert set(await hub.db.read(wills)) == {"erase"}
    assert bot.violations == []
    assert not any("Delete everything" in label for message in bot.to(77) for label, _ in message.buttons)


# ── In the web chat ──────────────────────────────────────────────────────────────────────────────────────────────────


class Tab:
    """What the page does, without a page."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.whose = ""
        self.after = 0
        self.shown: list[str] = []

    async def sit(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {(await self.http.post('/chat/sit', json={})).json()['token']}"

    async def look(self) -> None:
        answer = await self.http.get("/chat/lines", params={"after": self.after, "whose": self.whose})
        assert answer.status_code == 200
        found = answer.json()
        if self.whose not in ("", found["whose"]):
            self.shown, self.after = [], 0
        self.whose = found["whose"]
        self.shown += [line["html"] for line in found["lines"]]
        self.after = max([self.after, *(line["change"] for line in found["lines"])])

    async def until(self, words: str) -> str:
        async with asyncio.timeout(15):
            while not any(words in html for html in self.shown):
                await asyncio.sleep(0.05)
                await self.look()
        return next(html for html in self.shown if words in html)

    async def say(self, text: str) -> None:
        assert (await self.http.post("/chat/say", json={"text": text})).status_code == 204

    async def press(self, say: str, label: str = "") -> None:
        assert (await self.http.post("/chat/press", json={"say": say, "label": label})).status_code == 204


async def a_tab(http: httpx.AsyncClient) -> Tab:
    tab = Tab(http)
    await tab.sit()
    await tab.until("Please choose your language.")
    await tab.press("/language en", "English")
    await tab.until("Welcome to")
    return tab


async def test_in_the_web_chat_the_lines_vanish_and_the_page_says_so(database_url: str, tmp_path: Path) -> None:
    wanted = settings(database_url)
    async with running(wanted, tmp_path / "keys") as hub:
        base = f"http://127.0.0.1:{hub.web.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            tab = await a_tab(http)
            await tab.say("/ask a secret of mine")
            await tab.until("with our counsellors")
            receipt = (await http.post("/chat/receipt", json={})).json()["receipt"]
            await tab.say("/delete")
            await tab.until("Delete everything about you?")
            await tab.press("/delete yes", "Delete everything about me")
            await tab.until("Everything about you is deleted")
            assert len(tab.shown) == 1, "the confirmation alone"
            await settled(hub, people_left=1)
            assert (await http.post("/chat/return", json={"receipt": receipt})).status_code == 404

            await tab.say("hello")
            await tab.until("Please choose your language.")
            assert "a secret of mine" not in "".join(tab.shown)


async def test_an_open_stream_tells_the_page_whose_lines_it_brings(database_url: str, tmp_path: Path) -> None:
    async with running(settings(database_url), tmp_path / "keys") as hub:
        base = f"http://127.0.0.1:{hub.web.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            tab = await a_tab(http)
            events: list[dict[str, str]] = []

            async def listen() -> None:
                event: dict[str, str] = {}
                async with http.stream("GET", "/chat/stream", timeout=30) as answer:
                    async for line in answer.aiter_lines():
                        name, _, rest = line.partition(": ")
                        if line:
                            event[name] = rest
                        elif event:
                            events.append(event)
                            event = {}

            listening = asyncio.create_task(listen())
            await eventually(lambda: events)
            await tab.say("/delete")
            await tab.until("Delete everything about you?")
            await tab.press("/delete yes", "Delete everything about me")
            await eventually(lambda: "is deleted" in str(events))
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    brought = [event for event in events if event.get("event") == "lines"]
    whose = list(dict.fromkeys(event["id"] for event in brought))
    assert len(whose) == 2
    of_the_new = "".join(event["data"] for event in brought if event["id"] == whose[1])
    assert "is deleted" in of_the_new
    assert "Welcome" not in of_the_new


async def test_a_word_that_crosses_the_erasure_is_of_somebody_new(database_url: str, tmp_path: Path) -> None:
    async with running(settings(database_url), tmp_path / "keys") as hub:
        base = f"http://127.0.0.1:{hub.web.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            tab = await a_tab(http)
            await tab.say("/delete")
            await tab.until("Delete everything about you?")
            presses = [tab.press("/delete yes", "Delete everything about me") for _ in range(3)]
            words = [tab.say(f"hello {number}") for number in range(5)]
            await asyncio.gather(*presses, *words)
            await tab.until("is deleted")
            await settled(hub, people_left=1)


async def test_the_link_of_export_opens_on_the_hub_that_made_it(database_url: str, tmp_path: Path) -> None:
    async with running(settings(database_url), tmp_path / "keys") as hub:
        base = f"http://127.0.0.1:{hub.web.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            tab = await a_tab(http)
            await tab.say("/ask a secret of mine")
            await tab.until("with our counsellors")
            await tab.say("/export")
            html = await tab.until("/export/")
            assert "only on the computer" in html
            found = re.search(r'href="http://127\.0\.0\.1(/export/[\w-]+)"', html)
            assert found
            copy: dict[str, Any] = (await http.post(found[1])).json()
    assert [question["words"] for question in copy["questions"]] == ["a secret of mine"]
    assert "/export" in [line["words"] for line in copy["web_chat"]]
