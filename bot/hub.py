"""Puts the hub together: settings, database, keys, channels, conversation, schedule, web. Reads like a list.

``serai run`` and the tests call the same ``Hub``; nothing registers itself on import, and there are no globals.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from bot.accounts import adapter
from bot.clock import Clock, SystemClock
from bot.control import ControlServer, Refused, serve
from bot.delivery import reins
from bot.delivery.brake import Brake
from bot.delivery.compose import Composer, Content
from bot.delivery.courier import Courier
from bot.delivery.plan import plan
from bot.delivery.when import When
from bot.erasure import Eraser
from bot.news import editing, kinds
from bot.news.fetch import Fetcher
from bot.news.language import Languages
from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.topics import Topics
from bot.news.watch import Watch
from bot.schedule import Schedule
from bot.talk import notices
from bot.talk.announce import announcement, picture_at
from bot.talk.card import bundle, card
from bot.talk.cards import Cards
from bot.talk.conversation import Conversation, House
from bot.talk.inbox import Inbox, Linked, listen
from bot.web.chat import Bell, ChatSettings, poster
from bot.web.languages import Speech
from bot.web.server import Web, app
from channels.contract import Channel, Limits, Message
from channels.webchat import WebChat
from config.messages import Phrases, languages, phrases
from config.settings import Settings
from storage import chats, deliveries, dispatches, exports, people, sources, staff, updates
from storage.database import Database, Priority
from storage.keys import KeyStore
from storage.pictures import Picture
from storage.sources import Wanted
from storage.staff import SHELL
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
        valid_for=settings.delivery.valid_for,
        delivery=settings.delivery,
    )


def channels_of(settings: Settings) -> dict[str, Limits]:
    """What each account of the settings allows, for who does not drive it."""
    url, clock = settings.web.public_url, SystemClock().now
    limits = {name: adapter(one, public_url=url, clock=clock).limits for name, one in settings.accounts.items()}
    return limits | ({WEB_CHAT: WebChat.limits} if settings.web.chat else {})


def timing(settings: Settings, limits: Mapping[str, Limits]) -> When:
    """The rules of when people hear from us. ``limits`` of each account."""
    delivery = settings.delivery
    return When(
        zone=settings.organisation.zone,
        quiet=delivery.quiet_hours,
        group_wait=delivery.group_wait,
        daily_cap=delivery.daily_cap,
        no_night=frozenset(name for name, one in limits.items() if not one.night),
    )


class Words:
    """How what goes out to many is said."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def news(self, found: Sequence[dispatches.Stored], p: Phrases, *, digest: bool) -> Message:
        if len(found) == 1:
            return card(found[0], p, self._gazetteer)
        return bundle(found, p, self._gazetteer, digest=digest)

    def announcement(self, content: Content, p: Phrases, picture: Picture | None) -> Message:
        return announcement(content, p, picture)


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
        self._reader = Reader(self._gazetteer, self._topics, Languages())
        self.house = house(settings)
        self.conversation = Conversation(
            house=self.house,
            gazetteer=self._gazetteer,
            topics=self._topics,
            keys=keys,
            speak=speak,
            reader=self._reader,
        )
        self.bell = Bell()
        self._chat = ChatSettings(WEB_CHAT, settings.web.chat_idle) if settings.web.chat else None
        self.channels: dict[str, Channel] = self._channels()
        self._timing = timing(settings, {name: channel.limits for name, channel in self.channels.items()})
        self.couriers = {
            name: Courier(
                channel=channel,
                composer=Composer(db, channel, Words(self._gazetteer), speak),
                db=db,
                keys=keys,
                clock=self.clock,
                holder=holder,
                timing=self._timing,
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
            reader=self._reader,
            clock=self.clock,
            valid_for=settings.delivery.valid_for,
            news=lambda: self.schedule.news(),
        )
        self.cards = Cards(
            db=db,
            keys=keys,
            clock=self.clock,
            channels=self.channels,
            begin=self.conversation.begin,
            timing=self._timing,
            queued=self._wake_all,
        )
        self.brake = Brake(db=db, clock=self.clock, told=self.cards.told, went_on=self._went_on)
        self.schedule = Schedule(
            db=db,
            clock=self.clock,
            holder=holder,
            look=self.watch.look,
            plan=self._plan,
            tidy=self._tidy,
            each_second={"brake": self.brake.look, "cards": self.cards.look, "notices": self._notices},
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

    def _went_on(self) -> None:
        """There may be a broadcast to plan, or deliveries to send."""
        self.schedule.news()
        self._wake_all()

    async def _plan(self) -> None:
        await plan(self.db, self.clock, self._timing, self._wake_all)

    async def _notices(self) -> None:
        """Tell the staff what they did not ask for: what waits, and what broke."""
        if await self.db.read(notices.due):
            for account in await self.db.write(notices.give, self.keys, self.conversation.begin, self.clock.now()):
                self._wake(account)

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
            done = await self.db.write(notices.approve, self.keys, speak, SHELL, dispatch_id, now, valid_for)
            self.schedule.news()
            return done

        async def news_move(dispatch_id: int, status: str, why: str, only_from: list[str]) -> bool:
            now = self.clock.now()
            return await self.db.write(editing.move, SHELL, dispatch_id, status, why, now, only_from=only_from)

        async def news_add(text: str) -> tuple[int, str, bool]:
            now, valid_for = self.clock.now(), self.settings.delivery.valid_for
            try:
                taken = await self.db.write(editing.hand_in, self._reader, SHELL, text, now, valid_for)
            except editing.NotTaken as not_taken:
                raise Refused(str(not_taken)) from None
            return taken.dispatch.id, taken.dispatch.status, taken.new

        async def links() -> dict[str, str]:
            """By account, where anybody can write to it alone."""
            return {name: found.link for name, found in self.channels.items() if isinstance(found, Linked)}

        async def staff_add(name: str, role: str) -> str | None:
            try:
                return await self.db.write(staff.add, name, role, self.clock.now())
            except staff.Taken:
                return None

        async def staff_code(name: str) -> str | None:
            return await self.db.write(staff.new_code, name, self.clock.now())

        async def staff_off(name: str) -> bool:
            return await self.db.write(staff.switch_off, name, self.clock.now())

        async def source_put(source: dict[str, Any]) -> int:
            put = await self.db.write(sources.put, Wanted(**source), "added")
            await self.schedule.sync()
            return put.id

        async def source_switch(name: str, state: str) -> bool:
            done = await self.db.write(sources.switch, name, state, self.clock.now())
            await self.schedule.sync()
            return done

        async def broadcast_send(content: dict[str, Any], given: dict[str, Any], image: str, alt: str) -> int:
            given["picture"] = await asyncio.to_thread(picture_at, Path(image), alt) if image else None
            made: int = await self.db.write(reins.compose, SHELL, content, self.clock.now(), **given)
            self._went_on()
            return made

        async def broadcast_correct(broadcast_id: int, texts: dict[str, Any]) -> int | None:
            made = await self.db.write(reins.correct, SHELL, broadcast_id, texts, self.clock.now())
            self._went_on()
            return made

        async def broadcast_move(broadcast_id: int, deed: str) -> bool:
            return await self.db.write(reins.move, SHELL, broadcast_id, deed, self.clock.now())

        news, sources_ = (news_approve, news_move, news_add), (source_put, source_switch)
        many = (broadcast_send, broadcast_correct, broadcast_move)
        deeds = (ping, *news, *sources_, *many, staff_add, staff_code, staff_off, links)
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
