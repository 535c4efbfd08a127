"""A web server on loopback that plays sources: well-behaved feeds, and every way to misbehave that the wire allows."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

REASONS = {200: "OK", 304: "Not Modified", 404: "Not Found", 410: "Gone", 429: "Too Many Requests", 503: "Unavailable"}


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    target: str
    headers: dict[str, str]  # names in lower case
    at: str  # our address that was dialled
    sni: str = ""
    method: str = "GET"
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Answer: TypeAlias = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class Sources:
    """``async with Sources() as web: web.pages["/feed"] = feed(b"…"); web.url("/feed")``. Keeps what was asked."""

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self._host = host
        self._tls = tls
        self._names: list[str] = []
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if self._tls:
            self._tls.sni_callback = lambda _socket, name, _context: self._names.append(name or "")
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    def url(self, path: str, host: str | None = None) -> str:
        return f"http{'s' if self._tls else ''}://{host or self._host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            request, *lines = head.split("\r\n")
            pairs = (line.partition(":") for line in lines if line)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            asked = Asked(
                target=request.split(" ")[1],
                headers=headers,
                at=writer.get_extra_info("sockname")[0],
                sni=self._names[-1] if self._names else "",
                method=request.split(" ")[0],
                body=await reader.readexactly(int(headers.get("content-length", "0"))),
            )
            self.asked.append(asked)
            await self.pages.get(asked.path, answer(404))(asked, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the hub hung up on us, as it should on most of what we do here
        finally:
            self._open.discard(task)
            writer.close()


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def raw(*pieces: bytes) -> Answer:
    """These bytes, then the end of the connection."""

    async def play(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return play


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """An ordinary answer; ``retry_after="5"`` becomes ``Retry-After: 5``."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return raw(head(status, {"Content-Length": str(len(body)), **named}), body)


def feed(body: bytes, content_type: str = "application/rss+xml; charset=utf-8") -> Answer:
    """A feed as it should be: with an ETag, 304 to who has it already, gzip to who takes it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    async def play(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.headers.get("if-none-match") == etag:
            writer.write(head(304, {"ETag": etag}))
            return
        headers, sent = {"Content-Type": content_type, "ETag": etag}, body
        if "gzip" in asked.headers.get("accept-encoding", ""):
            headers, sent = headers | {"Content-Encoding": "gzip"}, gzip.compress(body)
        writer.write(head(200, headers | {"Content-Length": str(len(sent))}) + sent)

    return play


def redirect(to: str, status: int = 302) -> Answer:
    return answer(status, location=to)


def cut(body: bytes, missing: int = 100) -> Answer:
    """Announces more than it sends."""
    return raw(head(200, {"Content-Length": str(len(body) + missing)}), body)


def cut_chunks(body: bytes) -> Answer:
    """Begins a chunked answer and hangs up before its end."""
    return raw(head(200, {"Transfer-Encoding": "chunked"}), b"%x\r\n%s\r\n" % (len(body), body))


def bomb(megabytes: int, encoding: str = "gzip") -> Answer:
    """A thousandth of its size on the wire."""
    packed = gzip.compress(bytes(megabytes * 1_000_000))
    return answer(body=packed, content_encoding=encoding)


def endless(piece: bytes, start: bytes = b"", seconds: float = 0.0) -> Answer:
    """Goes on for ever, with ``seconds`` between two pieces."""

    async def play(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(start or head(200, {"Content-Type": "text/plain"}))
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(seconds)

    return play
