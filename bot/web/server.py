"""The web server: the page of the web chat, its wire, and the door for webhooks. It runs in the hub's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import structlog
import uvicorn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.talk.turn import House
from bot.web.chat import Bell, Chat, ChatSettings, Clock, Returned, Take, kept
from bot.web.export import Export
from bot.web.languages import Speech
from bot.web.shield import Shield
from channels import contract
from channels.contract import Channel
from storage.database import Database
from storage.keys import KeyStore

log = structlog.get_logger()

Endpoint = Callable[[Request], Awaitable[Response]]

HERE = Path(__file__).parent
IN_FLIGHT = 2  # seconds that an answer under way gets when the server stops


class CannotListen(OSError):
    """The address cannot be had; says which setting to change."""


def app(
    *,
    db: Database,
    keys: KeyStore,
    clock: Clock,
    channels: Mapping[str, Channel],
    take: Take,
    bell: Bell,
    chat: ChatSettings | None,
    house: House,
    speech: Speech,
    returned: Returned | None = None,
) -> Starlette:
    """All that answers over HTTP.

    ``take(account, updates)`` keeps updates durably before it returns. ``returned(person_id)`` is called when
    somebody's tab is open again, by a receipt or after a silence: what was closed may be delivered now.
    """

    async def nobody(person_id: int) -> None: ...

    pages = _pages()

    async def hook(request: Request) -> Response:
        channel = channels.get(request.path_params["account"])
        if channel is None:
            raise HTTPException(404)
        return await _received(channel, request, take)

    routes: list[BaseRoute] = [
        Route("/health", _healthy),
        Route("/hooks/{account}", hook, methods=["GET", "POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        *Export(db, keys, clock, house, speech, pages).routes(),
    ]
    if chat is not None:
        front = _front(pages, chat, house, speech)
        routes += [Route("/", front), Route("/chat", front), Route("/blank", _blank(pages))]
        routes += Chat(db, keys, clock, bell, take, returned or nobody, chat, speech, pages).routes()
    return Starlette(routes=routes, middleware=[Middleware(Shield)])


def _pages() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals["static"] = {
        file.name: f"/static/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
        for file in (HERE / "static").iterdir()
    }
    return pages


def _front(pages: Environment, chat: ChatSettings, house: House, speech: Speech) -> Endpoint:
    async def front(request: Request) -> Response:
        asked = request.query_params.get("language", "")
        phrases = speech.known(asked) if asked else speech.of(request.headers.get("accept-language", ""))
        page = pages.get_template("chat.html").render(
            t=phrases.t,
            lang=phrases.language,
            dir="rtl" if phrases.rtl else "ltr",
            house=house,
            idle=int(chat.idle.total_seconds()),
            speaks=" ".join(speech.languages),
        )
        return HTMLResponse(page, headers={"Vary": "Accept-Language"})

    return front


def _blank(pages: Environment) -> Endpoint:
    async def blank(request: Request) -> Response:
        """Where *leave quickly* leads: a page that tells nothing."""
        return HTMLResponse(pages.get_template("blank.html").render())

    return blank


async def _healthy(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _received(channel: Channel, request: Request, take: Take) -> Response:
    # A GET has no body; what Meta asks by one stands in the query.
    body = request.url.query.encode() if request.method == "GET" else await request.body()
    received = channel.receive(contract.Request(body, dict(request.headers)))
    if not 200 <= received.status < 300:
        log.warning("web.hook_refused", account=channel.account, status=received.status, why=received.why)
    if received.updates:
        await kept(take, channel.account, received.updates)
    return Response(received.body, received.status, media_type="text/plain")


# ── Serving ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The hub listens to signals, not we."""
        yield


class Web:
    """Serves an app in the running event loop, from ``start`` to ``stop``."""

    def __init__(self, app: Starlette, bell: Bell, *, proxies: str = "127.0.0.1,::1") -> None:
        """``proxies``: whose X-Forwarded-For is believed, separated by commas."""
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=proxies,
            timeout_graceful_shutdown=IN_FLIGHT,
        )
        self._server = _Server(config)
        self._bell = bell
        self._serving: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listens when it returns. ``CannotListen`` when the address is taken. Port 0: any; ``port`` tells which."""
        # Both write what passes through them into the log; at debug level that would be people's words.
        for name in ("sse_starlette", "uvicorn"):
            logging.getLogger(name).setLevel(logging.WARNING)
        listener = _listener(host, port)
        self.port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="web")
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 (uvicorn has nothing to wait for)
            await asyncio.sleep(0.01)
        if self._serving.done():
            self._serving.result()

    async def stop(self) -> None:
        """Streams end, answers under way get two seconds."""
        self._bell.close()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


def _listener(host: str, port: int) -> socket.socket:
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(_advice(host, port, error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CannotListen(_advice(host, port, error)) from error
    return listener


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. Stop that program, or choose another port: "
            "web.port in serai.toml, or SERAI_WEB__PORT."
        )
    if error.errno == errno.EACCES:
        return (
            f"Port {port} on {host} may not be opened by this user. Choose a port above 1023: "
            "web.port in serai.toml, or SERAI_WEB__PORT."
        )
    return (
        f"Cannot listen on {host}, port {port} ({error.strerror}). Choose another address: "
        "web.host and web.port in serai.toml, or SERAI_WEB__HOST and SERAI_WEB__PORT."
    )
