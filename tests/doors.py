"""The doors through which the outside comes in, each as short a way as there is from what came to what became of it.

A real web server, a real database, and the parts that the hub itself is made of.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

import httpx
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.delivery.compose import decode
from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.topics import Topics
from bot.talk.conversation import Conversation, House
from bot.talk.inbox import Inbox
from bot.web.chat import Bell
from bot.web.languages import Speech
from bot.web.server import Web, app
from channels.contract import Received, Request
from channels.telegram import Settings, Telegram
from channels.wording import plain
from config.messages import Phrases, phrases
from storage import people, schema
from storage.database import Connection, Database
from storage.keys import KeyStore
from storage.people import Person
from tests.bot.news.world import HandClock, World, rss
from tests.providers.sources import Answer, Sources, feed

HURRY = 0.5  # seconds that a source has, where it is to fail for that
GOOD = "Good news of row {row}: the centre opened its doors to all families of the province on Monday."


def speak(language: str | None) -> Phrases:
    return phrases(language or "en")


# ── Sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _page(text: str) -> bytes:
    """Two entries: of one alone nobody could tell that it is a list."""
    entries = (("Good", text), ("Old", "What the page said long ago, and says still, to whoever comes by."))
    found = (f'<article><h2><a href="/{title}">{title}</a></h2><p>{text}</p></article>' for title, text in entries)
    return f"<html><body><main>{''.join(found)}</main></body></html>".encode()


GOODS: Mapping[str, Callable[[str], Answer]] = {
    "feed": lambda text: feed(rss([text])),
    "dateline": lambda text: feed(text.encode(), "text/plain; charset=utf-8"),
    "page": lambda text: feed(_page(text), "text/html; charset=utf-8"),
}


@dataclass(frozen=True)
class Taken:
    """What became of a document: the news that can be read, as "title: text" or either, and what was complained of."""

    news: tuple[str, ...] = ()
    complaint: str = ""  # in the source's own row
    aside: tuple[str, ...] = ()  # in the log
    state: str = "on"


@dataclass
class SourceDoor:
    """A source of its own for each row, which has good news after the bad."""

    db: Database
    web: Sources
    reader: Reader
    _rows: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.world = World(self.db, self.web, self.reader)
        self._hurried = self.world.restarted(total_seconds=HURRY)

    async def brings(
        self, page: Answer, kind: str = "feed", *, hurry: bool = False, elsewhere: Mapping[str, Answer] = {}
    ) -> Taken:
        """What becomes of this page; and of the good one that comes later, whatever this one was."""
        row = next(self._rows)
        name = f"row{row}"
        source = await self.world.source(name, kind)
        self.web.pages |= {f"/{name}": page} | {f"/{path}": other for path, other in elsewhere.items()}
        with capture_logs() as logs:
            await (self._hurried if hurry else self.world.watch).look(source)
        state = await self.world.state(source)
        taken = Taken(
            news=tuple(sorted(await self._news(source))),
            complaint=state.why,
            aside=tuple(f"{log['where']}: {log['why']}" for log in logs if log["event"] == "item set aside"),
            state=state.state,
        )
        await self._goes_on(source, name, kind, row)
        return taken

    async def _goes_on(self, source: int, name: str, kind: str, row: int) -> None:
        good = GOOD.format(row=row)
        self.web.pages[f"/{name}"] = GOODS[kind](good)
        self.world.clock.time += timedelta(days=2)  # whatever it asked for
        await self.world.watch.look(source)
        assert any(good in text for text in await self._news(source)), f"nothing good came after row {row}"
        assert (await self.world.state(source)).why == ""

    async def links(self) -> list[str]:
        return await self.db.read(lambda conn: list(conn.scalars(sa.select(schema.dispatches.c.link))))

    async def _news(self, source: int) -> list[str]:
        query = sa.select(schema.dispatches.c.title, schema.dispatches.c.text)
        here = query.where(schema.dispatches.c.source_id == source)
        rows = await self.db.read(lambda conn: conn.execute(here).all())
        return [": ".join(filter(None, row)) for row in rows]


# ── Chats ────────────────────────────────────────────────────────────────────────────────────────────────────────────

SECRET = "s3cret"
TOKEN = "123456:test"
NOBODY = "http://127.0.0.1:9"
SENT_AT = 1_790_000_000  # seconds since 1970


def telegram_bot() -> Telegram:
    """As it is behind a web hook, with nobody at the other end whom it could tell anything."""
    settings = Settings(token=TOKEN, base_url=NOBODY, mode="webhook", webhook_secret=SECRET)
    return Telegram("main", settings, public_url="https://hub.example")


@dataclass
class ChatDoor:
    """Telegram's words come in, as they are on the wire, and the hub's answers are queued."""

    db: Database
    keys: KeyStore
    gazetteer: Gazetteer
    topics: Topics
    reader: Reader
    clock: HandClock = field(default_factory=HandClock)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.bot = telegram_bot()
        self.inbox = self.another()

    def another(self, db: Database | None = None) -> Inbox:
        """The inbox of another process."""
        conversation = Conversation(
            house=House(name="Test hub"),
            gazetteer=self.gazetteer,
            topics=self.topics,
            keys=self.keys,
            speak=speak,
            reader=self.reader,
        )
        return Inbox(
            db=db or self.db,
            keys=self.keys,
            clock=self.clock,
            conversation=conversation,
            channels={"main": self.bot},
            speak=speak,
            answered=lambda account: None,
        )

    def received(self, raw: Mapping[str, Any]) -> Received:
        body = json.dumps({"update_id": next(self._numbers), **raw}).encode("utf-8", "surrogatepass")
        return self.bot.receive(Request(body, {"x-telegram-bot-api-secret-token": SECRET}))

    def message(self, who: int, **content: Any) -> Received:
        return self.received({"message": self._frame(who) | content})

    def press(self, who: int, line: str, **frame: Any) -> Received:
        message = self._frame(who) | frame
        return self.received({"callback_query": {"id": "1", "from": {"id": who}, "data": line, "message": message}})

    def _frame(self, who: int) -> dict[str, Any]:
        sender = {"id": who, "is_bot": False, "first_name": NAME}
        return {
            "message_id": next(self._numbers),
            "date": SENT_AT,
            "from": sender,
            "chat": {"id": who, "type": "private"},
        }

    async def answers(self, who: int, *received: Received) -> list[str]:
        """What is said to them after these came, in the order in which it is said."""
        before = len(await self.said_to(who))
        for one in received:
            await self.inbox.take("main", one.updates)
        while await self.inbox.handle_one():
            pass
        return (await self.said_to(who))[before:]

    async def said_to(self, who: int) -> list[str]:
        def query(conn: Connection) -> list[Any]:
            address = people.find(conn, self.keys, "telegram", "main", str(who))
            mine = schema.deliveries.c.address_id == (address.id if address else 0)
            columns = (schema.deliveries.c.record, schema.deliveries.c.sealed)
            return list(conn.execute(sa.select(*columns).where(mine).order_by(schema.deliveries.c.id)))

        rows = await self.db.read(query)
        return [plain(decode(self.keys.unseal("message", row.record, row.sealed))) for row in rows]

    async def person(self, who: int) -> Person:
        def query(conn: Connection) -> Person:
            address = people.find(conn, self.keys, "telegram", "main", str(who))
            assert address
            return people.get(conn, address.person_id)

        return await self.db.read(query)

    async def unsealed(self) -> str:
        """Every word that came in or goes out, for whoever has the keys."""

        def query(conn: Connection) -> str:
            sealed = (("update", schema.updates), ("message", schema.deliveries))
            rows = ((name, row) for name, table in sealed for row in conn.execute(table.select()) if row.sealed)
            return "".join(str(self.keys.unseal(name, row.record, row.sealed)) for name, row in rows)

        return await self.db.read(query)

    async def kept(self) -> str:
        """Every column of every table that can be read."""

        def query(conn: Connection) -> str:
            return "".join(repr(conn.execute(table.select()).all()) for table in schema.metadata.sorted_tables)

        return await self.db.read(query)


NAME = "Zebulon"


# ── The web ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class WebDoor:
    """The real server, with a bot behind its web hook; ``kept`` are the ids of the updates that it took."""

    db: Database
    keys: KeyStore
    kept: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        pages = app(
            db=self.db,
            keys=self.keys,
            clock=HandClock().now,
            channels={"main": telegram_bot()},
            take=self._take,
            bell=(bell := Bell()),
            chat=None,
            house=House(name="Test hub"),
            speech=Speech(speak, ["en"]),
        )
        async with AsyncExitStack() as stack:
            self._web = Web(pages, bell)
            await self._web.start("127.0.0.1", 0)
            stack.push_async_callback(self._web.stop)
            self._http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._web.port}", trust_env=False)
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self._stack.aclose()

    async def status(
        self, body: bytes, secret: str | None = SECRET, *, path: str = "/hooks/main", method: str = "POST"
    ) -> int:
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {}
        return (await self._http.request(method, path, content=body, headers=headers)).status_code

    async def _take(self, account: str, updates: Sequence[Any]) -> None:
        self.kept += [update.id for update in updates]
