"""The web chat's end of the wire: sittings, what is said and pressed, and what the page reads (W2 and W6).

A sitting is an open tab. Its token is held by the tab alone and travels in the Authorization header, never in an
address and never in a cookie: the next guest at the same machine finds nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
import structlog
from jinja2 import Environment
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.web.budget import Budget, client
from bot.web.languages import Speech
from channels.contract import AnyUpdate, Pressed, Said, Started
from channels.webchat import Post, Shown
from storage import chats, people, pictures
from storage.chats import Line, Sitting
from storage.database import Database, Priority
from storage.keys import KeyGone, KeyStore

log = structlog.get_logger()

Clock = Callable[[], datetime]
Take = Callable[[str, Sequence[AnyUpdate]], Awaitable[None]]
Returned = Callable[[int], Awaitable[None]]

LONGEST_WORD = 4000
LONGEST_LABEL = 200
LONGEST_SAY = 64  # bytes, as in the contract
LONGEST_START = 64
RECEIPT = 16  # digits
LOOK_AGAIN = 2.0  # seconds; other processes write lines too, and cannot ring our bell
SIGN_OF_LIFE = timedelta(seconds=15)
STREAMS = 5  # at one sitting
REMEMBERED = 10_000
GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
PICTURE = re.compile(r"[0-9a-f]{64}")
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")

T = TypeVar("T")


@dataclass(frozen=True)
class ChatSettings:
    account: str
    idle: timedelta = timedelta(minutes=15)
    sittings: int = 30  # from one client within ``within``
    returns: int = 10  # tries of a receipt from one client within ``within``
    all_returns: int = 300  # … from everybody
    words: int = 40  # said and pressed at one sitting within a minute
    within: timedelta = timedelta(minutes=10)


class Bell:
    """Wakes the streams of an address in this process when there is something to read. Rung in the event loop."""

    def __init__(self) -> None:
        self._listening: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    def ring(self, address: str) -> None:
        for event in self._listening.get(address, ()):
            event.set()

    def listening(self, address: str) -> int:
        return len(self._listening.get(address, ()))

    @contextmanager
    def listen(self, address: str) -> Iterator[Callable[[float], Awaitable[None]]]:
        """Gives a function that waits until the bell rings (or has rung since the last wait), at most for so long."""
        event = asyncio.Event()
        self._listening.setdefault(address, set()).add(event)

        async def wait(seconds: float) -> None:
            try:
                await asyncio.wait_for(event.wait(), seconds)
            except TimeoutError:
                return
            event.clear()

        try:
            yield wait
        finally:
            self._listening[address].discard(event)
            if not self._listening[address]:
                del self._listening[address]

    def close(self) -> None:
        """The streams end: the program stops."""
        self.closed = True
        for address in list(self._listening):
            self.ring(address)


def poster(db: Database, keys: KeyStore, clock: Clock, bell: Bell, settings: ChatSettings) -> Post:
    """What the adapter of the web chat sends by."""

    async def post(address: str, body: bytes, replaces: str, removes: Sequence[str]) -> str | None:
        if removes:
            return await vanish(address, body, [int(line) for line in removes if line.isdecimal()])
        line = await db.write(
            chats.say,
            keys,
            settings.account,
            address,
            body,
            clock(),
            idle=settings.idle,
            replaces=int(replaces) if replaces.isdecimal() else None,
        )
        if line is None:
            return None
        bell.ring(address)
        return str(line)

    async def vanish(address: str, body: bytes, lines: Sequence[int]) -> str:
        line = await db.write(chats.remove, keys, settings.account, address, lines, body, clock())
        bell.ring(address)
        return str(line or "")

    return post


# ── What the page sends ──────────────────────────────────────────────────────────────────────────────────────────────


class Sit(msgspec.Struct):
    start: str = ""  # the payload of a deep link; pre-ticks, nothing more (W7)


class Word(msgspec.Struct):
    text: str
    id: str = ""  # chosen by the page, so that a word sent again after a lost answer is one word


class Press(msgspec.Struct):
    say: str
    on: str = ""
    label: str = ""
    id: str = ""


class Number(msgspec.Struct):
    receipt: str


class Theirs(msgspec.Struct):
    """The body of a person's own line."""

    text: str
    id: str = ""
    on: str = ""  # the line whose button this was


async def _read(request: Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.MsgspecError:
        raise HTTPException(400, "not what the page sends") from None


# ── The endpoints ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Chat:
    db: Database
    keys: KeyStore
    clock: Clock
    bell: Bell
    take: Take
    returned: Returned
    settings: ChatSettings
    speech: Speech
    pages: Environment
    # Of this process alone: when each open tab was last seen, and which words were already made lines.
    _seen: OrderedDict[int, datetime] = field(default_factory=OrderedDict)
    _lines: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        settings, minute = self.settings, timedelta(minutes=1)
        self._sittings = Budget(settings.sittings, settings.within, self.clock)
        self._words = Budget(settings.words, minute, self.clock)
        self._receipts = Budget(3, minute, self.clock)
        self._returns = Budget(settings.returns, settings.within, self.clock)
        self._all_returns = Budget(settings.all_returns, settings.within, self.clock)

    def routes(self) -> list[Route]:
        return [
            Route("/chat/sit", self.sit, methods=["POST"]),
            Route("/chat/say", self.say, methods=["POST"]),
            Route("/chat/press", self.press, methods=["POST"]),
            Route("/chat/stay", self.stay, methods=["POST"]),
            Route("/chat/lines", self.lines),
            Route("/chat/stream", self.stream),
            Route("/chat/receipt", self.receipt, methods=["POST"]),
            Route("/chat/return", self.come_back, methods=["POST"]),
            Route("/chat/end", self.end, methods=["POST"]),
            Route("/chat/picture/{name}", self.picture),
        ]

    async def sit(self, request: Request) -> Response:
        """A new sitting, which begins by itself: the person's first tap is an answer already."""
        asked = await _read(request, Sit)
        _spend(self._sittings, _who(request))
        token = secrets.token_urlsafe(32)
        sitting = await self.db.write(
            chats.open_sitting, self.keys, token, self.settings.account, self.clock(), priority=Priority.update
        )
        self._saw(sitting)
        await self._keep(Started(payload=_clean(asked.start)[:LONGEST_START], **self._where(sitting)))
        return JSONResponse({"token": token})

    async def say(self, request: Request) -> Response:
        word = await _read(request, Word)
        text = _clean(word.text)
        if not text or len(text) > LONGEST_WORD:
            raise HTTPException(400, "empty, or too long")
        sitting = await self._acting(request, Theirs(text, word.id), word.id)
        await self._keep(Said(text=text, **self._where(sitting, word.id)))
        self.bell.ring(sitting.name)
        return Response(status_code=204)

    async def press(self, request: Request) -> Response:
        press = await _read(request, Press)
        say, on = _clean(press.say), press.on if press.on.isdecimal() else ""
        if not say or len(say.encode()) > LONGEST_SAY:
            raise HTTPException(400, "no button of ours")
        label = _clean(press.label)[:LONGEST_LABEL]
        sitting = await self._acting(request, Theirs(label, press.id, on) if label else None, press.id)
        await self._keep(Pressed(say=say, on=on, **self._where(sitting, press.id)))
        self.bell.ring(sitting.name)
        return Response(status_code=204)

    async def stay(self, request: Request) -> Response:
        """\"I am still here.\""""
        await self._acting(request, None)
        return Response(status_code=204)

    async def lines(self, request: Request) -> Response:
        """What the page lacks, for where a stream does not come through."""
        token = _token(request)
        found = await self._look(token, _after(request), _whose(request))
        if found is None:
            raise HTTPException(401)
        sitting, lines = found
        await self._listened(token, sitting)
        return JSONResponse({"whose": self._whose(sitting), "lines": self._rendered(request, lines)})

    async def stream(self, request: Request) -> Response:
        token, after, whose = _token(request), _after(request), _whose(request)
        found = await self._look(token, after, whose)
        if found is None:
            raise HTTPException(401)
        if self.bell.listening(found[0].name) >= STREAMS:
            raise HTTPException(429)
        return EventSourceResponse(self._events(request, token, after, whose, found[0].name), sep="\n", ping=15)

    async def _events(
        self, request: Request, token: str, after: int, whose: str, name: str
    ) -> AsyncIterator[dict[str, str]]:
        """Lines as they come. An event's id says whose they are: when somebody is erased, the tab goes to another."""
        first = True
        with self.bell.listen(name) as wait:
            while not self.bell.closed:
                found = await self._look(token, after, whose)
                if found is None:
                    yield {"event": "ended", "data": ""}
                    return
                sitting, lines = found
                theirs = self._whose(sitting)
                if whose != theirs:
                    whose, after, first = theirs, after if whose == "" else 0, True
                await self._listened(token, sitting)
                if lines or first:  # the first event tells the page that nothing between us holds the stream back
                    yield {"event": "lines", "id": whose, "data": json.dumps(self._rendered(request, lines))}
                    after = max([after, *(line.changed for line in lines)])
                first = False
                await wait(LOOK_AGAIN)

    async def receipt(self, request: Request) -> Response:
        sitting = await self._acting(request, None)
        _spend(self._receipts, sitting.name)
        digits = str(secrets.randbelow(9 * 10 ** (RECEIPT - 1)) + 10 ** (RECEIPT - 1))
        hashed = await asyncio.to_thread(self.keys.receipt_hash, digits)
        await self.db.write(chats.keep_receipt, hashed, sitting.address_id, self.clock())
        grouped = " ".join(digits[place : place + 4] for place in range(0, RECEIPT, 4))
        return JSONResponse({"receipt": grouped})

    async def come_back(self, request: Request) -> Response:
        asked = await _read(request, Number)
        _spend(self._returns, _who(request))
        _spend(self._all_returns)
        # The same answer, after the same work, for what is no receipt and for one that nobody has.
        hashed = await asyncio.to_thread(self.keys.receipt_hash, asked.receipt[:100])
        token = secrets.token_urlsafe(32)
        leaving = _token(request) if "authorization" in request.headers else ""
        back = await self.db.write(self._seat, hashed, token, leaving, self.clock())
        if back is None:
            raise HTTPException(404)
        sitting, person_id = back
        self._saw(sitting)
        self.bell.ring(sitting.name)  # the old tab looks, and finds that it has ended
        await self.returned(person_id)
        return JSONResponse({"token": token})

    async def end(self, request: Request) -> Response:
        await self.db.write(chats.end, self.keys, _token(request), self.clock(), priority=Priority.update)
        return Response(status_code=204, headers={"Clear-Site-Data": '"*"'})

    async def picture(self, request: Request) -> Response:
        """A picture that was sent to many, by the hash of its bytes: who can name it has seen it. An ``img`` cannot say
        whose tab it is in."""
        name = request.path_params["name"]
        found = await self.db.read(pictures.get, name) if PICTURE.fullmatch(name) else None
        if found is None or found.mime not in PICTURES:
            raise HTTPException(404)
        return Response(found.data, media_type=found.mime)

    # ── Beneath them ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _acting(self, request: Request, body: Theirs | None, given: str = "") -> Sitting:
        """A person's act: it keeps the sitting alive, and is shown as a line if it has a body."""
        token = _token(request)
        sitting = await self.db.read(self._sitting, token, self.clock())
        if sitting is None:
            raise HTTPException(401)
        if body is not None:
            _spend(self._words, sitting.name)
        again = bool(given) and f"{sitting.name}:{given}" in self._lines
        shown = None if body is None or again else msgspec.json.encode(body)
        # Whose it is by now: between the two the tab may have gone to somebody new, or closed.
        sitting = await self.db.write(self._act, token, shown, self.clock(), priority=Priority.update)
        if sitting is None:
            raise HTTPException(401)
        if given:
            self._lines[f"{sitting.name}:{given}"] = None
            _cut(self._lines)
        return sitting

    def _act(self, conn: Any, token: str, body: bytes | None, now: datetime) -> Sitting | None:
        chats.acted(conn, self.keys, token, now)  # first, for it makes an erasure wait
        sitting = self._sitting(conn, token, now)
        if sitting and body is not None:
            chats.add_line(conn, self.keys, people.address(conn, sitting.address_id), body, now, ours=False)
        return sitting

    def _sitting(self, conn: Any, token: str, now: datetime) -> Sitting | None:
        try:
            return chats.sitting_of(conn, self.keys, token, now, self.settings.idle)
        except KeyGone:  # the person was erased
            return None

    def _seat(self, conn: Any, hashed: bytes, token: str, leaving: str, now: datetime) -> tuple[Sitting, int] | None:
        """A tab at the receipt's conversation; the one that it left for it ends."""
        address_id = chats.by_receipt(conn, hashed)
        if address_id is None:
            return None
        address = people.address(conn, address_id)
        if address.account != self.settings.account:
            return None
        chats.end(conn, self.keys, leaving, now)
        try:
            return chats.sit(conn, self.keys, token, address_id, now), address.person_id
        except KeyGone:
            return None

    async def _look(self, token: str, after: int, whose: str = "") -> tuple[Sitting, list[Line]] | None:
        """What came after the change ``after``; all there is, where that was a change of somebody else's lines."""

        def look(conn: Any) -> tuple[Sitting, list[Line]] | None:
            sitting = self._sitting(conn, token, self.clock())
            if sitting is None:
                return None
            known = after if whose in ("", self._whose(sitting)) else 0
            return sitting, chats.lines(conn, self.keys, sitting.address_id, known)

        return await self.db.read(look)

    def _whose(self, sitting: Sitting) -> str:
        """Tells the page that its lines are no longer those of this sitting."""
        return self.keys.hash("whose lines", str(sitting.address_id))[:8].hex()

    async def _keep(self, update: AnyUpdate) -> None:
        await kept(self.take, self.settings.account, [update])

    async def _listened(self, token: str, sitting: Sitting) -> None:
        """The tab's sign of life. After a silence, what found it closed in the meantime may come now."""
        now, last = self.clock(), self._seen.get(sitting.address_id)
        if last is not None and now - last < SIGN_OF_LIFE:
            return
        await self.db.write(chats.listened, self.keys, token, now)
        self._saw(sitting)
        if last is None or now - last > chats.LISTENING:
            address = await self.db.read(people.address, sitting.address_id)
            await self.returned(address.person_id)

    def _saw(self, sitting: Sitting) -> None:
        self._seen[sitting.address_id] = self.clock()
        self._seen.move_to_end(sitting.address_id)
        _cut(self._seen)

    def _where(self, sitting: Sitting, given: str = "") -> dict[str, Any]:
        own = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(16)
        return {"id": f"{sitting.name}:{own}", "address": sitting.name, "at": self.clock()}

    def _rendered(self, request: Request, lines: Sequence[Line]) -> list[dict[str, object]]:
        here = self.speech.of(request.headers.get("accept-language", ""))
        return [self._line(line, here.t) for line in lines]

    def _line(self, line: Line, t: Callable[..., str]) -> dict[str, object]:
        page = self.pages.get_template("line.html")
        about = {"id": line.id, "change": line.changed, "ours": line.ours}
        if line.ours:
            shown = msgspec.json.decode(line.body, type=Shown)
            if shown.removes:
                return about | {"removes": shown.removes, "html": ""}
            html = page.render(id=line.id, shown=shown, theirs=None, t=self.speech.known(shown.lang).t)
            return about | {"lang": shown.lang, "dir": shown.dir, "html": html}
        theirs = msgspec.json.decode(line.body, type=Theirs)
        html = page.render(id=line.id, shown=None, theirs=theirs, t=t)
        return about | {"on": theirs.on, "said": theirs.id, "html": html}


async def kept(take: Take, account: str, updates: Sequence[AnyUpdate]) -> None:
    """Nothing is acknowledged that is not kept."""
    try:
        await take(account, updates)
    except Exception as error:
        log.error("web.not_kept", account=account, fault=type(error).__name__)
        raise HTTPException(503, headers={"Retry-After": "10"}) from error


def _spend(budget: Budget, who: str = "") -> None:
    if not budget.spend(who):
        raise HTTPException(429)


def _who(request: Request) -> str:
    return client(request.client.host if request.client else None)


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401)
    return token


def _after(request: Request) -> int:
    after = request.query_params.get("after", "0")
    return int(after) if after.isdecimal() and len(after) < 16 else 0


def _whose(request: Request) -> str:
    return request.query_params.get("whose", "")


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _cut(memory: OrderedDict[Any, Any]) -> None:
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)
