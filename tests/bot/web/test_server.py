"""The door: headers, origins, webhooks, and how the server starts and stops."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
import structlog

from bot.web.budget import Budget, client
from bot.web.chat import Bell
from bot.web.languages import Speech
from bot.web.server import HERE, CannotListen, Web
from channels.contract import AnyUpdate, Limits, Message, Outcome, Part, Pressed, Received, Request, Said
from config.messages import Phrases, collect, phrases
from tests.bot.web.little_hub import LittleHub

AT = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class Postbox:
    """A platform that says what the test wants."""

    answer: Received = field(default_factory=Received)
    account: str = "post"
    got: list[Request] = field(default_factory=list)
    limits: Limits = field(default_factory=lambda: Limits(1))
    polls: bool = False
    kind: ClassVar[str] = "postbox"

    def receive(self, request: Request) -> Received:
        self.got.append(request)
        return self.answer

    def fit(self, message: Message) -> tuple[Part, ...]:
        raise NotImplementedError

    async def send(self, address: str, part: Part) -> Outcome:
        raise NotImplementedError

    async def poll(self) -> Sequence[AnyUpdate]:
        return ()

    async def acknowledge(self, pressed: Pressed) -> None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
async def hub(tmp_path: Path, postbox: Postbox) -> AsyncIterator[LittleHub]:
    async with LittleHub(tmp_path, more_channels={"post": postbox}).running() as hub:
        yield hub


@pytest.fixture
async def http(hub: LittleHub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=hub.url, trust_env=False) as http:
        yield http


# ── Every answer ─────────────────────────────────────────────────────────────────────────────────────────────────────

PATHS = ["/", "/chat", "/blank", "/health", "/static/chat.js", "/chat/lines", "/nothing", "/hooks/nobody", "/static/no"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_bears_the_security_headers(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "permissions-policy" in headers
    assert "set-cookie" not in headers
    assert "server" not in headers
    assert headers["cache-control"] == ("public, max-age=86400" if path == "/static/chat.js" else "no-store")


@dataclass
class OriginCase:
    label: str
    headers: dict[str, str]
    status: int


ORIGINS = [
    OriginCase("our page", {"Sec-Fetch-Site": "same-origin"}, 200),
    OriginCase("another site", {"Sec-Fetch-Site": "cross-site"}, 403),
    OriginCase("a neighbour on our domain", {"Sec-Fetch-Site": "same-site"}, 403),
    OriginCase("an old browser on our page", {"Origin": "{url}"}, 200),
    OriginCase("an old browser on another site", {"Origin": "https://example.org"}, 403),
    OriginCase("a sandboxed frame", {"Origin": "null"}, 403),
    OriginCase("no browser", {}, 200),
]


@pytest.mark.parametrize("case", ORIGINS, ids=lambda case: case.label)
async def test_only_our_own_page_may_act(hub: LittleHub, http: httpx.AsyncClient, case: OriginCase) -> None:
    headers = {name: value.format(url=hub.url) for name, value in case.headers.items()}
    assert (await http.post("/chat/sit", json={}, headers=headers)).status_code == case.status


async def test_the_page_is_light(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    parts = [page, *[await http.get(path) for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))]]
    assert len(parts) == 4
    assert all(part.status_code == 200 for part in parts)
    assert sum(len(part.content) for part in parts) < 60_000


async def test_the_page_works_without_anything_inline(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)


async def test_the_page_says_how_to_reach_us_where_it_cannot_work(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    assert "help@example.org" in page[page.index("<noscript>") : page.index("</noscript>")]


async def test_health_is_plain(http: httpx.AsyncClient) -> None:
    assert (await http.get("/health")).text == "ok"


def _light(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = [
    ("ink", "paper", 4.5),
    ("ink", "surface", 4.5),
    ("ink", "own", 4.5),
    ("soft", "paper", 4.5),
    ("soft", "surface", 4.5),
    ("deed", "surface", 4.5),
    ("deed", "deed-soft", 4.5),
    ("on-deed", "deed", 4.5),
    ("on-bar", "bar", 4.5),
    ("on-leave", "leave", 4.5),
    ("on-banner", "banner", 4.5),
    ("fault", "paper", 4.5),
    ("fault", "surface", 4.5),
    ("edge", "surface", 3.0),
    ("edge", "paper", 3.0),
    ("focus", "paper", 3.0),
    ("focus", "surface", 3.0),
]


@pytest.mark.parametrize(("front", "behind", "least"), PAIRS)
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_differ_enough_to_read(front: str, behind: str, least: float, scheme: int) -> None:
    css = (HERE / "static" / "chat.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", css.split("@media (prefers-color-scheme: dark)")[scheme]))
    high, low = sorted((_light(colours[front]), _light(colours[behind])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= least


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

UPDATE = Said(id="1", address="a", at=AT, text="words of somebody")


async def test_a_webhook_is_answered_when_its_updates_are_kept(
    hub: LittleHub, http: httpx.AsyncClient, postbox: Postbox
) -> None:
    postbox.answer = Received([UPDATE], 202, b"thanks")
    answer = await http.post("/hooks/post", content=b"raw", headers={"X-Signature": "s"})
    assert (answer.status_code, answer.content) == (202, b"thanks")
    assert hub.taken == [("post", UPDATE)]
    assert (postbox.got[0].body, postbox.got[0].headers["x-signature"]) == (b"raw", "s")


async def test_a_webhook_whose_updates_cannot_be_kept_comes_again(
    hub: LittleHub, http: httpx.AsyncClient, postbox: Postbox
) -> None:
    postbox.answer = Received([UPDATE])
    hub.broken = True
    answer = await http.post("/hooks/post", content=b"raw")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"


async def test_a_webhook_refused_is_logged_without_words(http: httpx.AsyncClient, postbox: Postbox) -> None:
    postbox.answer = Received(status=401, why="no signature")
    with structlog.testing.capture_logs() as logged:
        assert (await http.post("/hooks/post", content=b"words of somebody")).status_code == 401
    assert logged == [
        {
            "event": "web.hook_refused",
            "log_level": "warning",
            "account": "post",
            "status": 401,
            "why": "no signature",
        }
    ]


async def test_a_platform_that_asks_by_get_is_answered_from_the_query(
    http: httpx.AsyncClient, postbox: Postbox
) -> None:
    postbox.answer = Received(body=b"1158201444")
    answer = await http.get("/hooks/post?hub.challenge=1158201444")
    assert answer.text == "1158201444"
    assert answer.headers["content-type"].startswith("text/plain")
    assert postbox.got[0].body == b"hub.challenge=1158201444"


async def test_a_webhook_may_be_a_megabyte_and_no_more(http: httpx.AsyncClient, postbox: Postbox) -> None:
    sizes = [1024 * 1024, 1024 * 1024 + 1]
    assert [(await http.post("/hooks/post", content=b"x" * size)).status_code for size in sizes] == [200, 413]
    assert len(postbox.got) == 1


@pytest.mark.parametrize("account", ["nobody", "chat"])
async def test_no_webhook_where_there_is_none(http: httpx.AsyncClient, account: str) -> None:
    assert (await http.post(f"/hooks/{account}", content=b"{}")).status_code == 404


# ── Starting and stopping ────────────────────────────────────────────────────────────────────────────────────────────


async def test_it_stops_in_the_middle_of_a_stream(hub: LittleHub, http: httpx.AsyncClient) -> None:
    token = (await http.post("/chat/sit", json={})).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with http.stream("GET", "/chat/stream", headers=headers, timeout=30) as answer:
        chunks = answer.aiter_bytes()
        await anext(chunks)
        async with asyncio.timeout(3):
            await hub.web.stop()
        assert b"ended" not in b"".join([chunk async for chunk in chunks])  # the sitting goes on elsewhere


async def test_it_serves_again_after_a_stop(hub: LittleHub, http: httpx.AsyncClient) -> None:
    token = (await http.post("/chat/sit", json={})).json()["token"]
    port = hub.web.port
    await hub.web.stop()
    await hub.serve(port)
    async with httpx.AsyncClient(base_url=hub.url, headers={"Authorization": f"Bearer {token}"}) as again:
        assert (await again.get("/chat/lines")).status_code == 200
        async with again.stream("GET", "/chat/stream") as answer:
            assert b"event: lines" in await anext(answer.aiter_bytes())


async def test_a_port_in_use_says_which_setting_to_change(hub: LittleHub) -> None:
    second = Web(hub.app, Bell())
    with pytest.raises(CannotListen, match=rf"Port {hub.web.port} .* in use .*web\.port.*SERAI_WEB__PORT"):
        await second.start("127.0.0.1", hub.web.port)
    await second.stop()


async def test_a_host_that_is_none_says_which_setting_to_change(hub: LittleHub) -> None:
    with pytest.raises(CannotListen, match=r"SERAI_WEB__HOST"):
        await Web(hub.app, Bell()).start("192.0.2.1", 0)


# ── Pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_budget_counts_in_every_window() -> None:
    now = AT
    budget = Budget(2, timedelta(minutes=1), lambda: now)
    assert [budget.spend("a"), budget.spend("b"), budget.spend("a"), budget.spend("a")] == [True, True, True, False]
    now += timedelta(seconds=59)
    assert not budget.spend("a")
    now += timedelta(seconds=1)
    assert budget.spend("a")


@pytest.mark.parametrize(
    ("host", "whose"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::/64"), ("unix", "unix"), (None, "")],
)
def test_a_household_has_one_budget(host: str | None, whose: str) -> None:
    assert client(host) == whose


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fa-IR,fa;q=0.9,en;q=0.8", "fa"),
        ("de, en;q=0.5, ar;q=0.9", "ar"),
        ("de", "en"),
        ("zh-Hant", "zh-Hant"),
        ("*;q=x", "en"),
        ("FA", "fa"),
    ],
)
def test_the_page_speaks_the_first_language_asked_for_that_we_have(header: str, language: str) -> None:
    asked: list[str] = []

    def speak(code: str) -> Phrases:
        asked.append(code)
        return phrases("en")

    Speech(speak, ["en", "fa", "ar", "zh-Hant"]).of(header)
    assert asked == [language]


def test_the_words_of_the_page_are_collected_for_translation() -> None:
    collected = collect()
    for sentence in ("News arrives here while this page is open.", "Your choices", "Not sent."):
        assert collected.get(sentence) is not None
