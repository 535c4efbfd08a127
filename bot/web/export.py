"""A copy of what is kept about somebody, behind a link that only they were told and that works once.

Messengers look at links by themselves: opening it shows a button and uses nothing up. The button downloads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.talk.turn import House
from bot.web.chat import Theirs
from bot.web.languages import Speech
from storage import exports
from storage.chats import Line
from storage.database import Database, Priority
from storage.keys import KeyStore

FILE = "my-data.json"  # a name that tells nobody of what


@dataclass
class Export:
    db: Database
    keys: KeyStore
    clock: Callable[[], datetime]
    house: House
    speech: Speech
    pages: Environment

    def routes(self) -> list[Route]:
        return [Route("/export/{token}", self.answer, methods=["GET", "POST"])]

    async def answer(self, request: Request) -> Response:
        token = request.path_params["token"]
        if request.method != "POST":
            works = await self.db.read(exports.works, self.keys, token, self.clock())
            return self._page(request, works=works)
        found = await self.db.write(exports.take, self.keys, token, self.clock(), priority=Priority.update)
        if found is None:
            return self._page(request, works=False)
        headers = {"Content-Disposition": f'attachment; filename="{FILE}"'}
        return Response(_file(found), media_type="application/json", headers=headers)

    def _page(self, request: Request, *, works: bool) -> Response:
        """The same for a link that is used, too old, or was never given: nobody learns which."""
        phrases = self.speech.of(request.headers.get("accept-language", ""))
        page = self.pages.get_template("export.html").render(
            t=phrases.t,
            lang=phrases.language,
            dir="rtl" if phrases.rtl else "ltr",
            house=self.house,
            works=works,
        )
        return HTMLResponse(page, 200 if works else 404, headers={"Vary": "Accept-Language"})


def _file(found: dict[str, Any]) -> bytes:
    found["web_chat"] = [written for line in found["web_chat"] if (written := _written(line))]
    return json.dumps(found, ensure_ascii=False, indent=2).encode()


def _written(line: Line) -> dict[str, str] | None:
    """What they said or pressed on the page; our lines are news, which is listed, and answers."""
    if line.ours:
        return None
    return {
        "at": line.at.isoformat(timespec="seconds"),
        "words": msgspec.json.decode(line.body, type=Theirs).text,
    }
