"""A hub of a few lines around the real web server: a real database, real keys, the real adapter, a talk of a few cases.

The answers take the way that they take in the hub: through the adapter, into a row, to the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.talk.turn import House
from bot.web.chat import Bell, ChatSettings, poster
from bot.web.languages import Speech
from bot.web.server import Web, app
from channels.contract import AnyUpdate, Channel, Choice, Message, Outcome, Pressed, Said, Sent, Started, paragraph
from channels.webchat import WebChat
from config.messages import phrases
from storage import upgrade
from storage.database import Database
from storage.keys import KeyStore

ACCOUNT = "chat"

HELLO = Message(
    (paragraph("Welcome. This is news for people on the move. It is free."), paragraph("Which language do you want?")),
    title="Serai",
    choices=(
        Choice("English", "/language en"),
        Choice("فارسی", "/language fa"),
        Choice("Say more", "/more", wide=True),
    ),
)
PERSIAN = Message(
    (paragraph("سلام! اخبار عراق را می‌خواهید؟"),), language="fa", rtl=True, choices=(Choice("بله", "/yes"),)
)
COUNTRIES = ("Afghanistan", "Bangladesh", "Iran", "Iraq", "Pakistan", "Türkiye")


def countries(chosen: frozenset[str], replaces: str = "") -> Message:
    """Toggles, as in the real talk: the line that a button says changes with its tick."""
    toggles = (
        Choice(f"✓ {name}", f"/countries -{name[:4]}") if name in chosen else Choice(name, f"/countries +{name[:4]}")
        for name in COUNTRIES
    )
    return Message(
        (paragraph("About which countries? Choose as many as you like."),),
        choices=(*toggles, Choice("Next", "/next", wide=True)),
        replaces=replaces,
    )


@dataclass
class LittleHub:
    path: Path
    settings: ChatSettings = field(default_factory=lambda: ChatSettings(ACCOUNT))
    house: House = field(
        default_factory=lambda: House("Serai", about="News for people on the move", contact="help@example.org")
    )
    more_channels: dict[str, Channel] = field(default_factory=dict)
    taken: list[tuple[str, AnyUpdate]] = field(default_factory=list)
    back: list[int] = field(default_factory=list)
    broken: bool = False  # the database of updates
    silent: bool = False  # nobody answers
    ahead: timedelta = timedelta()  # how far the clock was put forward
    url: str = ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LittleHub]:
        self.db = Database.open(f"sqlite:///{self.path / 'hub.db'}")
        self.keys = KeyStore.open(self.path / "keys")
        await self.db.write(upgrade.upgrade)
        await self.serve()
        try:
            yield self
        finally:
            await self.web.stop()
            await self.db.close()
            self.keys.close()

    async def serve(self, port: int = 0) -> None:
        self.bell = Bell()
        self.channel = WebChat(ACCOUNT, poster(self.db, self.keys, self.now, self.bell, self.settings))
        self.app = app(
            db=self.db,
            keys=self.keys,
            clock=self.now,
            channels={ACCOUNT: self.channel, **self.more_channels},
            take=self.take,
            bell=self.bell,
            chat=self.settings,
            house=self.house,
            speech=Speech(phrases, ["en"]),
            returned=self.returned,
        )
        self.web = Web(self.app, self.bell)
        await self.web.start("127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self.web.port}"

    async def returned(self, person_id: int) -> None:
        self.back.append(person_id)

    async def take(self, account: str, updates: Sequence[AnyUpdate]) -> None:
        if self.broken:
            raise OSError("no space left on device")
        for update in updates:
            known = any(update.id == earlier.id for _, earlier in self.taken)
            self.taken.append((account, update))
            if account == ACCOUNT and not known and not self.silent:
                self._answering = asyncio.create_task(self.answer(update))

    async def answer(self, update: AnyUpdate) -> None:
        for message in self.words(update):
            await self.say(update.address, message)

    def words(self, update: AnyUpdate) -> tuple[Message, ...]:
        match update:
            case Started():
                return (HELLO,)
            case Pressed(say="/language en", on=on):
                return (Message((paragraph("Good: English."),), replaces=on), countries(frozenset()))
            case Pressed(say="/language fa"):
                return (PERSIAN,)
            case Pressed(say="/countries +Iraq", on=on):
                return (countries(frozenset({"Iraq"}), on),)
            case Pressed(say="/countries -Iraq", on=on):
                return (countries(frozenset(), on),)
            case Said(text=text):
                return (Message((paragraph(f"You said: {text}"),)),)
            case _:
                return (Message((paragraph("Yes."),)),)

    async def say(self, address: str, message: Message) -> Outcome:
        outcomes = [await self.channel.send(address, part) for part in self.channel.fit(message)]
        return outcomes[-1]

    @property
    def address(self) -> str:
        """Of the newest conversation."""
        return next(update.address for _, update in reversed(self.taken) if isinstance(update, Started))

    def heard(self, kind: type[Any]) -> list[Any]:
        return [update for _, update in self.taken if isinstance(update, kind)]


def sent(outcome: Outcome) -> str:
    assert isinstance(outcome, Sent)
    return outcome.id
