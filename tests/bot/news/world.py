"""A source and what watches it: a real web server, either database, a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar
from xml.sax.saxutils import escape

import sqlalchemy as sa

from bot.news.fetch import Fetcher
from bot.news.intake import Look
from bot.news.read import Reader
from bot.news.watch import Watch
from storage import dispatches, schema, sources
from storage.database import Connection, Database
from storage.dispatches import Stored
from storage.sources import Source, Wanted
from tests.providers.sources import Sources, feed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = 900.0
VALID_FOR = timedelta(days=3)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Item:
    text: str
    guid: str = ""
    title: str = ""
    link: str = ""
    published: datetime | None = None


def rss(items: Iterable[Item | str], note: str = "") -> bytes:
    """``note``: something that changes in a feed whose news does not."""

    def element(name: str, value: str, attributes: str = "") -> str:
        return f"<{name}{attributes}>{escape(value)}</{name}>" if value else ""

    body = "".join(
        "<item>"
        + element("guid", item.guid, ' isPermaLink="false"')
        + element("title", item.title)
        + element("link", item.link)
        + element("description", item.text)
        + element("pubDate", format_datetime(item.published) if item.published else "")
        + "</item>"
        for item in (Item(each, guid=each) if isinstance(each, str) else each for each in items)
    )
    start = f"<?xml version='1.0'?><rss version='2.0'><channel><title>News</title><description>{note}</description>"
    return f"{start}{body}</channel></rss>".encode()


def paragraphs(*texts: str) -> bytes:
    return "\n\n".join(texts).encode()


def story(subject: str) -> str:
    """A text of its own for each subject, long enough to name itself."""
    chance = random.Random(subject)
    words = ("".join(chance.choices("bdfgklmnprstvz", k=1) + chance.choices("aeiou", k=1)) for _ in range(60))
    rest = " ".join("".join(next(words) for _ in range(3)) for _ in range(20))
    return f"News of {subject} after the summer, in the words of those who work there: {rest}."


SUBJECTS = [a + b for a in "bcdfghklmnprstvz" for b in ("ala", "emu", "ipi", "orko", "uxen")]
MANY = [story(subject) for subject in SUBJECTS]
VISAS, BORDERS, CAMPS, SCHOOLS = (story(subject) for subject in ("visas", "borders", "camps", "schools"))


@dataclass
class World:
    every: ClassVar = timedelta(seconds=EVERY)

    db: Database
    web: Sources
    reader: Reader
    clock: HandClock = field(default_factory=HandClock)
    watch: Watch = field(init=False)
    planned: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = self.restarted()

    async def source(
        self, name: str = "a", kind: str = "feed", url: str = "", *, trusted: bool = True, origin: str = "file"
    ) -> int:
        wanted = Wanted(name, kind, url or self.web.url(f"/{name}"), EVERY, trusted, allow_private=True)
        return (await self.db.write(sources.put, wanted, origin)).id

    def says(self, body: bytes, name: str = "a") -> None:
        self.web.pages[f"/{name}"] = feed(body, "text/plain; charset=utf-8" if body[:1] != b"<" else "text/xml")

    async def look(self, source_id: int, body: bytes | None = None, name: str = "a") -> Look:
        """A quarter of an hour later."""
        if body is not None:
            self.says(body, name)
        self.clock.time += timedelta(seconds=EVERY)
        look = await self.watch.look(source_id)
        assert look is not None
        return look

    async def watched(self, first: bytes, name: str = "a", kind: str = "feed", *, trusted: bool = True) -> int:
        """A source after its first fetch."""
        source_id = await self.source(name, kind, trusted=trusted)
        await self.look(source_id, first, name)
        return source_id

    async def state(self, source_id: int) -> Source:
        found = await self.db.read(sources.get, source_id)
        assert found
        return found

    async def news(self) -> list[Stored]:
        return await self.db.read(dispatches.recent, limit=200)

    async def texts(self) -> list[str]:
        return [dispatch.text for dispatch in await self.news()]

    async def everything(self) -> list[Stored]:
        """Held ones too, in the order in which they came."""

        def query(conn: Connection) -> list[Stored]:
            ids = conn.scalars(sa.select(schema.dispatches.c.id).order_by(schema.dispatches.c.id)).all()
            return [found for each in ids if (found := dispatches.get(conn, each))]

        return await self.db.read(query)

    async def broadcasts(self) -> list[int]:
        """The dispatches that have one, in the order in which they are planned."""

        def query(conn: Connection) -> list[int]:
            return list(conn.scalars(sa.select(schema.broadcasts.c.dispatch_id).order_by(schema.broadcasts.c.id)))

        return await self.db.read(query)

    async def pushed(self) -> list[str]:
        texts = {dispatch.id: dispatch.text for dispatch in await self.everything()}
        return [texts[dispatch_id] for dispatch_id in await self.broadcasts()]

    def restarted(self, db: Database | None = None, **fetching: Any) -> Watch:
        """Another process: it knows what is in the tables, and nothing else."""
        return Watch(
            db=db or self.db,
            fetcher=Fetcher(clock=self.clock.now, **fetching),
            reader=self.reader,
            clock=self.clock,
            valid_for=VALID_FOR,
            news=lambda: self.planned.append(1),
        )


class Dying:
    """A database whose process dies at the end of a deed, before it is kept; ``after`` some that are."""

    def __init__(self, db: Database, after: int = 0) -> None:
        self._db = db
        self._after = after
        self.dialect = db.dialect

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        return await self._db.read(*args, **kwargs)

    async def write(self, deed: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        def die(conn: Connection, *args: Any, **kwargs: Any) -> None:
            deed(conn, *args, **kwargs)
            raise KilledError

        self._after -= 1
        return await self._db.write(die if self._after < 0 else deed, *args, **kwargs)


class KilledError(Exception):
    pass
