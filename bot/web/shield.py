"""What holds for every answer and for every request: security headers, the same origin, a limit on bodies."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KILOBYTE = 1024
CHAT_BODY, HOOK_BODY = 64 * KILOBYTE, 1024 * KILOBYTE
READING = ("GET", "HEAD", "OPTIONS")
A_DAY = "public, max-age=86400"  # the address of a static file changes with what is in it

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Shield:
    """ASGI middleware; plain, for Starlette's own base class would hold back a stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._chat = RequestBodyLimitMiddleware(app, CHAT_BODY)
        self._hooks = RequestBodyLimitMiddleware(app, HOOK_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _dress(MutableHeaders(scope=message), scope["path"], message["status"])
            await send(message)

        hook = scope["path"].startswith("/hooks/")
        if not hook and scope["method"] not in READING and not same_origin(Headers(scope=scope)):
            await PlainTextResponse("from another origin", 403)(scope, receive, shielded)
            return
        await (self._hooks if hook else self._chat)(scope, receive, shielded)


def _dress(headers: MutableHeaders, path: str, status: int) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    headers["Cache-Control"] = A_DAY if path.startswith("/static/") and status in (200, 304) else "no-store"


def same_origin(headers: Headers) -> bool:
    """Browsers say where a request comes from; what is no browser says nothing, and holds no page open either."""
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
