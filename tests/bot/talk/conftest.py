"""Somebody to talk with, in-process, over a database file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from bot.news.places import Gazetteer
from bot.news.text import fold
from bot.news.topics import Topics
from bot.talk.conversation import Conversation, House
from channels.contract import AnyUpdate, Attached, Choice, Limits, Message, Pressed, Said, Started
from channels.wording import plain
from config.settings import Contact, openings
from storage import dispatches, people, sources
from storage.database import Database
from storage.keys import KeyStore
from storage.people import Person

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday, 15:00 in Baghdad
LIMITS = Limits(per_second=30, edits=True)
HOUSE = House(
    name="Test Hub",
    about="Test Hub is run by the Silk Routes office.",
    funder="the Fund",
    contact="hub@example.org",
    zone="Asia/Baghdad",
    hours=openings("Sun-Thu 09:00-17:00"),
    contacts=(
        Contact(country="IQ", text="MRC Baghdad, +964 1 000 000", checked=date(2026, 10, 1)),
        Contact(text="Any centre of the network", checked=date(2026, 9, 1)),
    ),
    kept_days=30,
    public_url="https://hub.example.org",
)


@dataclass
class Talk:
    """One person at one address. ``say``, ``press`` and ``start`` give the replies."""

    db: Database
    keys: KeyStore
    conversation: Conversation
    limits: Limits = LIMITS
    now: datetime = NOW
    name: str = "1001"
    replies: list[Message] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    async def say(self, text: str) -> list[Message]:
        return await self.update(Said(id=self._id(), address=self.name, at=self.now, text=text))

    async def start(self, payload: str = "") -> list[Message]:
        return await self.update(Started(id=self._id(), address=self.name, at=self.now, payload=payload))

    async def send(self, kind: Any, text: str = "") -> list[Message]:
        return await self.update(Attached(id=self._id(), address=self.name, at=self.now, kind=kind, text=text))

    async def press(self, label: str, on: str = "77") -> list[Message]:
        """Press the button of this label on the last message that has it."""
        choice = self.button(label)
        return await self.line(choice.say, on)

    async def line(self, say: str, on: str = "77") -> list[Message]:
        return await self.update(Pressed(id=self._id(), address=self.name, at=self.now, say=say, on=on))

    async def update(self, update: AnyUpdate) -> list[Message]:
        replies: list[Message] = await self.db.write(self._answer, update)
        self.replies = replies or self.replies
        return replies

    def button(self, label: str) -> Choice:
        found = [choice for message in reversed(self.replies) for choice in message.choices if choice.label == label]
        assert found, f"no button {label!r} among {self.buttons}"
        return found[0]

    @property
    def buttons(self) -> list[str]:
        return [choice.label for message in self.replies for choice in message.choices]

    @property
    def heard(self) -> str:
        """All that the last replies say."""
        return "\n\n".join(plain(message) for message in self.replies)

    async def person(self) -> Person:
        person: Person = await self.db.write(lambda conn: people.get(conn, self._meet(conn)))
        return person

    async def subscribed(self, line: str = "/subscribe all") -> Talk:
        await self.say("/language en")
        await self.say("/agree")
        await self.say(line)
        return self

    def elsewhere(self, name: str, **limits: Any) -> Talk:
        """Somebody else, perhaps on a channel with other limits."""
        return Talk(self.db, self.keys, self.conversation, replace(self.limits, **limits), self.now, name)

    def _id(self) -> str:
        return f"{self.name}-{next(self._ids)}"

    def _meet(self, conn: Any) -> int:
        return people.meet(conn, self.keys, "test", "main", self.name, self.now).person_id

    def _answer(self, conn: Any, update: AnyUpdate) -> list[Message]:
        person = people.lock(conn, self._meet(conn))
        return self.conversation.answer(conn, person, update, limits=self.limits, now=self.now)


def kept(conn: Any, title: str = "", text: str = "", **given: Any) -> int:
    """A dispatch in the database. ``days``: how long ago."""
    source = sources.put(conn, sources.Wanted("Silk Routes", "feed", "https://news.example.org/feed", 900), "file")
    now = given.pop("now", NOW)
    published = given.pop("published", now - timedelta(days=given.pop("days", 1)))
    values = {
        "title": title,
        "text": text or title,
        "summary": given.pop("summary", text),
        "link": given.pop("link", "https://news.example.org/1"),
        "language": "en",
        "places": given.pop("places", []),
        "published": published,
        "sort_at": published or now,
        "fingerprint": given.pop("fingerprint", title.encode()),
        "status": given.pop("status", "ready"),
        "push": True,
    }
    return dispatches.add(
        conn,
        source_id=source.id,
        values=values,
        countries=given.pop("countries", ()),
        topics=given.pop("topics", ()),
        words=fold(f"{title} {text}"),
        now=now,
    )


@pytest.fixture(scope="session")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


@pytest.fixture(scope="session")
def taxonomy() -> Topics:
    return Topics.load()


@pytest.fixture
def conversation(gazetteer: Gazetteer, taxonomy: Topics, keys: KeyStore) -> Conversation:
    return Conversation(house=HOUSE, gazetteer=gazetteer, topics=taxonomy, keys=keys)


@pytest.fixture
def talk(sqlite: Database, keys: KeyStore, conversation: Conversation) -> Talk:
    return Talk(sqlite, keys, conversation)
