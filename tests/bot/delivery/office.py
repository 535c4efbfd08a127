"""A post office for tests: a database, people, one account on a stand-in, and its courier, all of them real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from bot.clock import SystemClock
from bot.delivery.compose import Composer, encode
from bot.delivery.courier import Courier
from channels import telegram
from channels.contract import Attachment, Channel, Message, Purpose, paragraph
from config.messages import Phrases, phrases
from storage import deliveries, people, planning, schema
from storage.database import Database
from storage.dispatches import Stored
from storage.keys import KeyStore
from storage.people import Address
from storage.pictures import Picture
from tests.providers.telegram import TelegramStandIn
from tests.storage.scene import a_dispatch

LONG_AGO = timedelta(hours=-1)


class SpedClock(SystemClock):
    """Real time, ``speed`` times as fast; ``forward`` skips some of it."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._ahead = 0.0
        self._skipped = asyncio.Event()

    def forward(self, seconds: float) -> None:
        self._ahead += seconds
        skipped, self._skipped = self._skipped, asyncio.Event()
        skipped.set()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return super().monotonic() * self._speed + self._ahead

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            skipped = self._skipped
            try:
                await asyncio.wait_for(skipped.wait(), left / self._speed)
            except TimeoutError:
                return


class Between:
    """A database with somebody in between: what they do happens once, before or after the deed of a name."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.dialect = db.dialect
        self.before: dict[str, Callable[[], Awaitable[object]]] = {}
        self.after: dict[str, Callable[[], Awaitable[object]]] = {}

    async def write(self, deed: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self._do(self._db.write, deed, *args, **kwargs)

    async def read(self, query: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self._do(self._db.read, query, *args, **kwargs)

    async def _do(self, how: Callable[..., Any], deed: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = getattr(deed, "__name__", "")
        if act := self.before.pop(name, None):
            await act()
        result = await how(deed, *args, **kwargs)
        if act := self.after.pop(name, None):
            await act()
        return result


class DatabaseFault(Exception):
    pass


async def fails() -> None:
    raise DatabaseFault


class Plainly:
    """Every dispatch as its text."""

    def news(self, found: Sequence[Stored], p: Phrases, *, digest: bool) -> Message:
        title = found[0].title if len(found) == 1 else ""
        words = tuple(paragraph(dispatch.text) for dispatch in found)
        return Message(words, title=title, language=p.language, purpose=Purpose.news)

    def announcement(self, content: Mapping[str, Any], p: Phrases, picture: Picture | None) -> Message:
        pictures = (Attachment("image", "", "A picture", picture.data, picture.mime, picture.name),) if picture else ()
        words = (paragraph(content[p.language]["text"]),)
        return Message(words, attachments=pictures, language=p.language, purpose=Purpose.news)


def speak(language: str | None) -> Phrases:
    return phrases(language or "en")


def bot_account(bot: TelegramStandIn, account: str = "main") -> telegram.Telegram:
    return telegram.Telegram(
        account, telegram.Settings(token=bot.token, base_url=bot.base_url, rates=bot.rate), patience=1
    )


class Office:
    """``driving`` runs the courier; the rest puts people and messages into the tables, as the hub would."""

    def __init__(
        self, db: Database, keys: KeyStore, channel: Channel, *, clock: SpedClock | None = None, holder: str = "here"
    ) -> None:
        self.db = db
        self.keys = keys
        self.channel = channel
        self.clock = clock or SpedClock()
        self.between = Between(db)
        self.holder = holder
        self.courier = self._courier()

    def _courier(self) -> Courier:
        db: Any = self.between
        composer = Composer(db, self.channel, Plainly(), speak)
        return Courier(
            channel=self.channel, composer=composer, db=db, keys=self.keys, clock=self.clock, holder=self.holder
        )

    @asynccontextmanager
    async def driving(self) -> AsyncIterator[Courier]:
        self.courier = self._courier()
        await self.channel.open()
        running = asyncio.create_task(self.courier.run())
        try:
            yield self.courier
        finally:
            await self.courier.stop()
            await asyncio.wait_for(running, 15)
            await self.channel.close()

    # ── People and what waits for them ───────────────────────────────────────────────────────────────────────────────

    async def person(self, chat: int | str, **more: Any) -> Address:
        return (await self.people(chat, **more))[0]

    async def people(self, *chats: int | str, group: bool = False) -> list[Address]:
        """Subscribed to everything, each with an open address of this account."""
        since = self.clock.now() + LONG_AGO

        def settle(conn: Connection) -> list[Address]:
            settled = []
            for chat in chats:
                address = people.meet(
                    conn, self.keys, self.channel.kind, self.channel.account, str(chat), since, group=group
                )
                people.heard(conn, address.id, since)
                people.change(conn, address.person_id, all_topics=True, all_countries=True)
                people.subscribe(conn, address.person_id, since)
                settled.append(people.address(conn, address.id))
            return settled

        return await self.db.write(settle)

    async def also_here(self, of: Address, chat: int | str) -> Address:
        """A person known elsewhere has an address of this account, too."""
        address = await self.person(chat)

        def join(conn: Connection) -> None:
            mine = schema.addresses.c.id == address.id
            conn.execute(schema.addresses.update().where(mine).values(person_id=of.person_id, heard_at=None))
            conn.execute(schema.people.delete().where(schema.people.c.id == address.person_id))

        await self.db.write(join)
        return address

    async def dispatch(self, words: str = "News", **more: Any) -> int:
        return await self.db.write(a_dispatch, words=words, at=self.clock.now(), **more)

    async def broadcast(self, dispatch_id: int, *, valid_for: float = 3600, kind: str = "dispatch") -> int:
        """To everybody whom it concerns; planned."""
        now = self.clock.now()

        def planned(conn: Connection) -> int:
            broadcast_id: int = conn.execute(
                schema.broadcasts.insert()
                .values(
                    kind=kind,
                    dispatch_id=dispatch_id,
                    state="planning",
                    created_at=now,
                    valid_until=now + timedelta(seconds=valid_for),
                )
                .returning(schema.broadcasts.c.id)
            ).scalar_one()
            while planning.plan_chunk(conn, broadcast_id, now) is not None:
                pass
            return broadcast_id

        broadcast_id = await self.db.write(planned)
        self.courier.wake()
        return broadcast_id

    async def news(self, words: str = "News", **more: Any) -> int:
        return await self.broadcast(await self.dispatch(words), **more)

    async def reply(
        self, to: Address, words: str, *, replaces: str = "", purpose: Purpose = Purpose.reply, title: str = ""
    ) -> int:
        message = Message((paragraph(words),), title=title, purpose=purpose, replaces=replaces)

        def queue(conn: Connection) -> int:
            return deliveries.reply(
                conn,
                self.keys,
                address=people.address(conn, to.id),
                message=encode(message),
                purpose=str(purpose),
                now=self.clock.now(),
            )

        delivery_id = await self.db.write(queue)
        self.courier.wake()
        return delivery_id

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def row(self, delivery_id: int) -> Any:
        query = sa.select(schema.deliveries).where(schema.deliveries.c.id == delivery_id)
        return await self.db.read(lambda conn: conn.execute(query).one())

    async def rows(self, broadcast_id: int | None = None) -> list[Any]:
        query = sa.select(schema.deliveries).order_by(schema.deliveries.c.id)
        if broadcast_id is not None:
            query = query.where(schema.deliveries.c.broadcast_id == broadcast_id)
        return await self.db.read(lambda conn: list(conn.execute(query)))

    async def ends(self, *states: str, broadcast_id: int | None = None, seconds: float = 60) -> list[Any]:
        """Wait until the deliveries are in these states, in their order; one state stands for all of them."""
        rows: list[Any] = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    rows = await self.rows(broadcast_id)
                    found = [row.state for row in rows]
                    if found and (found == list(states) or (len(states) == 1 and set(found) == set(states))):
                        return rows
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"{[(row.id, row.state, row.why) for row in rows]}, not {states}") from None

    async def account(self, column: str) -> Any:
        """What the table says of the account; None as long as it says nothing at all."""
        query = sa.select(schema.accounts).where(schema.accounts.c.name == self.channel.account)
        row = await self.db.read(lambda conn: conn.execute(query).first())
        return getattr(row, column, None)

    async def address(self, address_id: int) -> Address:
        return await self.db.read(people.address, address_id)

    async def waits_to_be_resent(self) -> bool:
        return any(row.resent and row.state == "pending" for row in await self.rows())


async def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until ``true()`` is so, or what it awaits is; returns it."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)
