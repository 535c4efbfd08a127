"""Puts the hub together: settings, database, keys, channels, conversation, schedule, web. Reads like a list.

``serai run`` and the tests call the same ``Hub``; nothing registers itself on import, and there are no globals.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Coroutine
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from bot.accounts import adapter
from bot.clock import Clock, SystemClock
from bot.control import ControlServer, serve
from bot.delivery.compose import Composer
from bot.delivery.courier import Courier
from bot.delivery.plan import plan
from bot.erasure import Eraser
from bot.news import kinds
from bot.news.fetch import Fetcher
from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.topics import Topics
from bot.news.watch import Watch, approve
from bot.schedule import Schedule
from bot.talk.card import card
from bot.talk.conversation import Conversation, House
from bot.talk.inbox import Inbox, listen
from bot.web.chat import Bell, ChatSettings, poster
from bot.web.languages import Speech
from bot.web.server import Web, app
from channels.contract import Channel
from channels.webchat import WebChat
from config.messages import Phrases, languages, phrases
from config.settings import Settings
from storage import chats, deliveries, dispatches, exports, people, sources, updates
from storage.database import Database, Priority
from storage.keys import KeyStore
from storage.sources import Wanted
from storage.upgrade import upgrade, versions

log = structlog.get_logger()

WEB_CHAT = "webchat"  # the account that the hub has of itself


class NeedsUpgrade(Exception):
    """The database is of another version; says which command mends it."""


def speak(language: str | None) -> Phrases:
    """The sentences in a person's language; English until they chose one."""
    return phrases(language or "en")


def wanted(settings: Settings) -> list[Wanted]:
    """The sources of the settings file."""
    return [kinds.wanted(source) for source in settings.sources]


def house(settings: Settings) -> House:
    """What the hub says of itself."""
    organisation = settings.organisation
    return House(
        name=organisation.name,
        about=organisation.about,
        funder=organisation.funder,
        contact=organisation.contact,
        zone=organisation.zone,
        hours=organisation.hours,
        contacts=settings.contacts,
        kept_days=organisation.kept_days,
        public_url=settings.web.public_url,
    )


class Hub:
    """All parts, and their start and end."""

    def __init__(
        self,
        settings: Settings,
        *,
        db: Database,
        keys: KeyStore,
        clock: Clock | None = None,
        control: Path | None = None,
    ) -> None:
        """``control``: where shell commands reach this hub; None where they write to the database themselves."""
        self.settings = settings
        self.db = db
        self.keys = keys
        self.clock = clock or SystemClock()
        self._control_path = control
        self._control: ControlServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._gazetteer, self._topics = Gazetteer.load(), Topics.load()
        self.house = house(settings)
        self.conversation = Conversation(
            house=self.house, gazetteer=self._gazetteer, topics=self._topics, keys=keys, speak=speak
        )
        self.bell = Bell()
        self._chat = ChatSettings(WEB_CHAT, settings.web.chat_idle) if settings.web.chat else None
        self.channels: dict[str, Channel] = self._channels()
        self.couriers = {
            name: Courier(
                channel=channel,
                composer=Composer(db, channel, self._card, speak),
                db=db,
                keys=keys,
                clock=self.clock,
                holder=holder,
            )
            for name, channel in self.channels.items()
        }
        self.inbox = Inbox(
            db=db,
            keys=keys,
            clock=self.clock,
            conversation=self.conversation,
            channels=self.channels,
            speak=speak,
            answered=self._wake,
        )
        agent = f"Serai/{version('serai')} (+{settings.web.public_url})"
        self.fetcher = Fetcher(clock=self.clock.now, user_agent=agent)
        self.watch = Watch(
            db=db,
            fetcher=self.fetcher,
            reader=Reader.load(),
            clock=self.clock,
            valid_for=settings.delivery.valid_for,
            news=lambda: self.schedule.news(),
        )
        self.schedule = Schedule(
            db=db, clock=self.clock, holder=holder, look=self.watch.look, plan=self._plan, tidy=self._tidy
        )
        self.web = self._web()

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _channels(self) -> dict[str, Channel]:
        channels: dict[str, Channel] = {}
        for account in self.settings.accounts.values():
            channels[account.name] = adapter(
                account,
                public_url=self.settings.web.public_url,
                clock=self.clock.now,
                commands=self.conversation.commands(speak("en")),
            )
        if self._chat:
            channels[WEB_CHAT] = WebChat(WEB_CHAT, poster(self.db, self.keys, self.clock.now, self.bell, self._chat))
        return channels

    def _card(self, dispatch: dispatches.Stored, phrases_: Phrases) -> Any:
        return card(dispatch, phrases_, self._gazetteer)

    def _web(self) -> Web:
        pages = app(
            db=self.db,
            keys=self.keys,
            clock=self.clock.now,
            channels=self.channels,
            take=self.inbox.take,
            bell=self.bell,
            chat=self._chat,
            house=self.house,
            speech=Speech(speak, languages()),
            returned=self._returned,
        )
        return Web(pages, self.bell)

    # ── Start and end ────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        await self.db.write(sources.settle, wanted(self.settings))
        await self.web.start(self.settings.web.host, self.settings.web.port)
        if self._control_path:
            self._control = await serve(self._control_path, self._deeds())
        for channel in self.channels.values():
            await channel.open()
        self._run("schedule", self.schedule.run())
        self._run("inbox", self.inbox.run())
        self._run("eraser", Eraser(db=self.db, keys=self.keys, clock=self.clock).run())
        for name, courier in self.couriers.items():
            self._run(f"courier:{name}", courier.run())
            if courier.channel.polls:
                self._run(f"listen:{name}", listen(courier, self.inbox, self.clock))

    def _run(self, name: str, part: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(part, name=name))

    async def stop(self) -> None:
        """Begin nothing new, let what is on the wire end, and close. Under five seconds, so all parts at once."""
        couriers = [task for task in self._tasks if task.get_name().startswith("courier:")]
        for task in self._tasks:
            if task not in couriers:
                task.cancel()
        for courier in self.couriers.values():
            await courier.stop()
        doors = [asyncio.create_task(self.web.stop())]
        if self._control:
            doors.append(asyncio.create_task(self._control.close()))
        await asyncio.wait([*couriers, *doors], timeout=4)
        for task in (*self._tasks, *doors):
            task.cancel()
        await asyncio.gather(*self._tasks, *doors, return_exceptions=True)
        for channel in self.channels.values():
            with contextlib.suppress(Exception):
                await channel.close()
        await self.fetcher.close()
        await self.db.close()
        self.keys.close()

    # ── What the parts ask of each other ─────────────────────────────────────────────────────────────────────────────

    def _wake(self, account: str) -> None:
        if courier := self.couriers.get(account):
            courier.wake()

    def _wake_all(self) -> None:
        for courier in self.couriers.values():
            courier.wake()

    async def _plan(self) -> None:
        await plan(self.db, self.clock, self._wake_all)

    async def _returned(self, person_id: int) -> None:
        """Somebody came back to a conversation: what waited for them goes out."""
        if await self.db.write(deliveries.reopen, person_id, self.clock.now(), priority=Priority.update):
            self._wake_all()

    async def _tidy(self) -> None:
        """Forget what was kept long enough, a little at a time, so that nobody waits for it."""
        now, kept = self.clock.now(), timedelta(days=self.settings.organisation.kept_days)
        bulk = Priority.bulk
        for forget in (updates.forget, deliveries.forget):
            while await self.db.write(forget, now, priority=bulk):
                pass
        await self.db.write(chats.forget, now, kept, priority=bulk)
        await self.db.write(exports.forget, now, priority=bulk)
        while await self.db.write(people.forget, now, kept, priority=bulk):
            pass

    # ── What a shell command may ask of a hub that runs ──────────────────────────────────────────────────────────────

    def _deeds(self) -> dict[str, Any]:
        async def ping() -> str:
            return "pong"

        async def news_approve(dispatch_id: int) -> bool:
            now, valid_for = self.clock.now(), self.settings.delivery.valid_for
            done = await self.db.write(approve, dispatch_id, now, valid_for)
            self.schedule.news()
            return done

        async def news_move(dispatch_id: int, status: str, why: str, only_from: list[str]) -> bool:
            return await self.db.write(dispatches.move, dispatch_id, status, why, only_from=only_from)

        async def source_put(source: dict[str, Any]) -> int:
            put = await self.db.write(sources.put, Wanted(**source), "added")
            await self.schedule.sync()
            return put.id

        async def source_switch(name: str, state: str) -> bool:
            done = await self.db.write(sources.switch, name, state, self.clock.now())
            await self.schedule.sync()
            return done

        deeds = (ping, news_approve, news_move, source_put, source_switch)
        return {deed.__name__: deed for deed in deeds}


async def prepare(settings: Settings, db: Database) -> None:
    """Bring SQLite's tables up to date; on PostgreSQL ask, for other processes may be at work there."""
    current, needed = await db.read(versions)
    if current == needed:
        return
    if db.dialect == "sqlite":
        await db.write(upgrade)
        return
    state = "is empty" if current is None else f"is of version {current}"
    raise NeedsUpgrade(f"The database {state} and this program needs version {needed}: run `serai db upgrade`.")
