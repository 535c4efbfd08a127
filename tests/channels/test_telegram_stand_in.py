"""The stand-in is as strict as the platform: otherwise the other tests prove nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from channels.contract import Message, Sent, paragraph
from channels.telegram import Settings, Telegram
from tests.providers.contract import BOT_API, Contract
from tests.providers.telegram import TelegramStandIn, read_html

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
needs_contract = pytest.mark.skipif(Contract.load() is None, reason=f"the Bot API as JSON is not here: {BOT_API.name}")


@pytest.fixture
def platform() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as platform:
        yield platform


@pytest.fixture
async def call(platform: TelegramStandIn) -> AsyncIterator[Callable[..., Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:

        async def call(method: str, **asked: Any) -> tuple[int, str]:
            answer = await client.post(f"{platform.base_url}/bot{platform.token}/{method}", json=asked)
            return answer.status_code, answer.json().get("description", "")

        yield call


# ── Calls ──

WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    ("no text", "sendMessage", {"chat_id": 1}, "text is missing"),
    ("an unknown field", "sendMessage", {"chat_id": 1, "text": "a", "colour": "red"}, "unknown field colour"),
    ("a wrong type", "sendMessage", {"chat_id": 1, "text": 5}, "int is no String"),
    (
        "a wrong type inside",
        "sendMessage",
        {"chat_id": 1, "text": "a", "link_preview_options": {"is_disabled": "yes"}},
        "is_disabled",
    ),
    ("an unknown mode", "sendMessage", {"chat_id": 1, "text": "a", "parse_mode": "rtf"}, "unknown mode"),
    (
        "an unknown style",
        "sendMessage",
        {
            "chat_id": 1,
            "text": "a",
            "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "a", "style": "pink"}]]},
        },
        "pink is none of",
    ),
    ("too many updates at once", "getUpdates", {"limit": 101}, "not within 1-100"),
    ("nothing to delete", "deleteMessages", {"chat_id": 1, "message_ids": []}, "0 messages to delete"),
    ("too much to delete", "deleteMessages", {"chat_id": 1, "message_ids": [5] * 101}, "101 messages to delete"),
    ("a member without a number", "getChatMember", {"chat_id": -1, "user_id": "ana"}, "is no Integer"),
    ("a long notice", "answerCallbackQuery", {"callback_query_id": "1", "text": "x" * 201}, "not within 0-200"),
]


@needs_contract
@pytest.mark.parametrize(
    ("method", "asked", "why"), [row[1:] for row in WRONG], ids=[f"{row[1]}: {row[0]}" for row in WRONG]
)
async def test_a_call_is_held_against_the_published_contract(
    method: str, asked: dict[str, Any], why: str, platform: TelegramStandIn, call: Callable[..., Any]
) -> None:
    status, description = await call(method, **asked)
    assert status == 400
    assert why in description
    assert len(platform.violations) == 1


def keys(*rows: int, data: str = "/a") -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "a", "callback_data": data}] * row for row in rows]}


TOO_MUCH: list[tuple[str, dict[str, Any], str]] = [
    ("4097 letters", {"text": "x" * 4097}, "message is too long"),
    ("2049 emoji", {"text": "👍" * 2049}, "message is too long"),
    ("101 buttons", {"text": "a", "reply_markup": keys(*[8] * 12, 5)}, "reply markup is too long"),
    ("9 in a row", {"text": "a", "reply_markup": keys(9)}, "more than 8"),
    ("65 bytes on a button", {"text": "a", "reply_markup": keys(1, data="я" * 33)}, ""),
    ("nothing", {"text": "   "}, "message text is empty"),
    ("an unknown tag", {"text": "<p>a</p>", "parse_mode": "HTML"}, "can't parse entities"),
    ("an open tag", {"text": "<b>a", "parse_mode": "HTML"}, "can't parse entities"),
    ("crossed tags", {"text": "<b><i>a</b></i>", "parse_mode": "HTML"}, "can't parse entities"),
    ("a stray <", {"text": "1 < 2", "parse_mode": "HTML"}, "can't parse entities"),
    ("101 entities", {"text": "<b>a</b>" * 101, "parse_mode": "HTML"}, "101 entities"),
]


@pytest.mark.parametrize(("asked", "why"), [row[1:] for row in TOO_MUCH], ids=[row[0] for row in TOO_MUCH])
@pytest.mark.parametrize("with_contract", [True, False])
async def test_the_limits_are_real(
    asked: dict[str, Any], why: str, with_contract: bool, platform: TelegramStandIn, call: Callable[..., Any]
) -> None:
    if not with_contract:
        platform.contract = None
    status, description = await call("sendMessage", chat_id=1, **asked)
    assert (status, why in description, platform.sent) == (400, True, [])


async def test_what_is_just_allowed_is_taken(platform: TelegramStandIn, call: Callable[..., Any]) -> None:
    text = "<b>" + "&lt;" * 4096 + "</b>"
    keyboard = {"inline_keyboard": [[{"text": "a", "callback_data": "я" * 32}] * 8] * 12}
    assert await call("sendMessage", chat_id="1", text=text, parse_mode="HTML", reply_markup=keyboard) == (200, "")
    assert platform.sent[0].text == "<" * 4096
    assert platform.violations == []


def test_html_is_read_as_telegram_reads_it() -> None:
    raw = '<b>a</b> &amp;&lt;&#65;&nbsp; <a href="https://x.org/?a=1&amp;b=2">c</a>'
    assert read_html(raw) == ("a &<A&nbsp; c", ["https://x.org/?a=1&b=2"], 2)


async def test_a_wrong_token_and_a_wrong_method(platform: TelegramStandIn) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=platform.base_url) as client:
        paths = [f"/bot{platform.token}x/getMe", "/botme/getMe", f"/bot{platform.token}/getme", "/", "/bot/getMe"]
        assert [(await client.get(path)).status_code for path in paths] == [401, 404, 200, 404, 404]
        assert (await client.get(f"/bot{platform.token}/makeTea")).status_code == 404


async def test_forms_files_and_queries_are_understood(platform: TelegramStandIn) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=f"{platform.base_url}/bot{platform.token}") as client:
        form = {"chat_id": "1", "text": "سلام", "reply_markup": json.dumps(keys(1))}
        assert (await client.post("/sendMessage", data=form)).status_code == 200
        files = {"chat_id": (None, "1"), "text": (None, "سلام")}
        assert (await client.post("/sendMessage", files=files)).status_code == 200
        assert (await client.get("/sendMessage", params={"chat_id": 1, "text": "سلام"})).status_code == 200
    assert [message.text for message in platform.sent] == ["سلام"] * 3


# ── Rates ──


async def test_the_bots_rate_is_a_sliding_window(platform: TelegramStandIn, call: Callable[..., Any]) -> None:
    platform.rate, platform.chat_burst = 5, 100
    answers = [await call("sendMessage", chat_id=1, text="a") for _ in range(6)]
    assert [status for status, _ in answers] == [200] * 5 + [429]
    assert answers[-1][1] == "Too Many Requests: retry after 1"
    assert platform.provoked_429 == 1
    assert platform.busiest() == 5
    await asyncio.sleep(1.05)
    assert (await call("sendMessage", chat_id=1, text="a"))[0] == 200


async def test_one_chat_takes_a_short_burst_and_a_group_twenty_a_minute(
    platform: TelegramStandIn, call: Callable[..., Any]
) -> None:
    assert [(await call("sendMessage", chat_id=7, text="a"))[0] for _ in range(4)] == [200, 200, 200, 429]
    platform.rate = platform.chat_burst = 100
    statuses = [(await call("sendMessage", chat_id=-1007, text="a"))[0] for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert platform.provoked_429 == 2


async def test_a_throttle_is_told_twice_and_is_nobodys_fault(platform: TelegramStandIn) -> None:
    platform.throttle(9)
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{platform.base_url}/bot{platform.token}/sendMessage"
        answer = await client.post(url, json={"chat_id": 1, "text": "a"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "9")
    assert answer.json()["parameters"] == {"retry_after": 9}
    assert (platform.provoked_429, platform.held_429) == (0, 1)


async def test_two_thousand_messages_pass_in_good_time() -> None:
    with TelegramStandIn(rate=1e6) as platform:
        settings = Settings(platform.token, platform.base_url, rates=1e6)
        telegram = Telegram("main", settings, httpx_kwargs={"trust_env": False})
        [part] = telegram.fit(Message(paragraphs=(paragraph("hello"),)))
        turn = asyncio.Semaphore(telegram.limits.at_once)

        async def send(address: int) -> bool:
            async with turn:
                return isinstance(await telegram.send(str(address), part), Sent)

        assert all(await asyncio.gather(*(send(address) for address in range(1, 2001))))
        await telegram.close()
    assert len({message.chat_id for message in platform.sent}) == 2000
    assert (platform.violations, platform.provoked_429) == ([], 0)


# ── Updates ──


@needs_contract
def test_updates_are_as_the_contract_has_them(platform: TelegramStandIn) -> None:
    contract = Contract.load()
    assert contract
    platform.start(42, "iraq")
    platform.say(-1007, "سلام")
    platform.press(42, 7, "/all")
    platform.block_by_user(42)
    platform.unblock_by_user(42)
    platform.migrate(-4001, -1007, tell=True)
    for kind in ("photo", "video", "voice", "document", "animation", "contact", "location", "sticker", "dice"):
        platform.attach(42, kind)
    platform.attach(42, photo=[{"file_id": platform.picture(PNG), "file_unique_id": "u", "width": 9, "height": 9}])
    platform.say(-1007, "hello", by=42)
    platform.press(-1007, 7, "/all", by=42)
    platform.post(-1008, "/subscribe iraq")
    platform.added(-1008, by=42, status="administrator")
    platform.thrown_out(-1008, by=42)
    assert len(platform._pending) == 21
    for update in list(platform._pending):
        assert contract.value("Update", update) == []


@needs_contract
async def test_results_are_as_the_contract_has_them(platform: TelegramStandIn) -> None:
    contract = Contract.load()
    assert contract
    platform.admins[-1007].add(42)
    name = platform.picture(PNG)
    async with httpx.AsyncClient(trust_env=False, base_url=f"{platform.base_url}/bot{platform.token}") as client:
        sent = await client.post("/sendPhoto", data={"chat_id": "1"}, files={"photo": ("a.png", PNG, "image/png")})
        again = {"chat_id": 1, "photo": sent.json()["result"]["photo"][-1]["file_id"]}
        calls = [
            ("Message", sent),
            ("Message", await client.post("/sendPhoto", json=again)),
            ("ChatMember", await client.post("/getChatMember", json={"chat_id": -1007, "user_id": 42})),
            ("ChatMember", await client.post("/getChatMember", json={"chat_id": -1007, "user_id": 43})),
            ("File", await client.post("/getFile", json={"file_id": name})),
        ]
    for kind, answer in calls:
        assert contract.value(kind, answer.json()["result"]) == []
    assert (platform.uploads, platform.violations) == (1, [])


WRONG_PICTURES: list[tuple[str, dict[str, Any], str]] = [
    ("no picture", {"files": {"photo": ("a.png", b"<svg/>", "image/png")}}, "IMAGE_PROCESS_FAILED"),
    ("a name that it did not give", {"data": {"photo": "AgAC99"}}, "wrong file identifier"),
    ("an address without http", {"data": {"photo": "file:///etc/passwd"}}, "wrong file identifier"),
]


@pytest.mark.parametrize(("asked", "why"), [row[1:] for row in WRONG_PICTURES], ids=[row[0] for row in WRONG_PICTURES])
async def test_what_is_no_picture_is_not_taken(asked: dict[str, Any], why: str, platform: TelegramStandIn) -> None:
    asked = {"data": {}} | asked
    asked["data"] = {"chat_id": "1"} | asked["data"]
    async with httpx.AsyncClient(trust_env=False, base_url=f"{platform.base_url}/bot{platform.token}") as client:
        answer = await client.post("/sendPhoto", **asked)
    assert answer.status_code == 400
    assert why in answer.json()["description"]


async def test_a_file_is_handed_out_to_who_has_the_token(platform: TelegramStandIn) -> None:
    name = platform.picture(PNG)
    async with httpx.AsyncClient(trust_env=False, base_url=f"{platform.base_url}/file") as client:
        paths = [f"/bot{platform.token}/photos/{name}", f"/bot{platform.token}x/photos/{name}", "/botx/photos/x"]
        assert [(await client.get(path)).status_code for path in paths] == [200, 404, 404]


class Hook(BaseHTTPRequestHandler):
    statuses: list[int] = []
    got: list[tuple[int, str | None]] = []

    def do_POST(self) -> None:
        raw = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.got.append((raw["update_id"], self.headers["X-Telegram-Bot-Api-Secret-Token"]))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


async def test_a_webhook_is_called_until_it_says_yes(platform: TelegramStandIn, call: Callable[..., Any]) -> None:
    Hook.statuses, Hook.got = [500, 302], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    await call("setWebhook", url=f"http://127.0.0.1:{server.server_port}/hooks/main", secret_token="s-1")
    first, second = platform.say(1, "a"), platform.say(1, "b")
    until = time.monotonic() + 5
    while len(platform.pushed) < 4 and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    server.shutdown()
    server.server_close()
    assert platform.pushed == [(first, 500), (first, 302), (first, 200), (second, 200)]
    assert Hook.got == [(first, "s-1")] * 3 + [(second, "s-1")]
    assert (await call("getUpdates"))[0] == 409


async def test_only_the_kinds_asked_for_come(platform: TelegramStandIn, call: Callable[..., Any]) -> None:
    await call("getUpdates", allowed_updates=["message"])
    platform.press(1, 2, "/all")
    platform.say(1, "hello")
    assert [list(update)[1] for update in platform._pending] == ["message"]
