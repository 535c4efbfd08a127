"""A Telegram that is as strict as the real one, and fails when told to.

A real HTTP server in a thread of its own, so that it can serve a test, or a hub in another process::

    with TelegramStandIn() as telegram:
        telegram.start(42)
        ...
        [message] = telegram.wait_sent(1)

Whatever a call has wrong is answered with 400 and kept in ``violations``; limits that were overrun are answered with
429 and counted in ``provoked_429``.
"""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import itertools
import json
import math
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from tests.providers.contract import Contract

ChatId: TypeAlias = int | str
T = TypeVar("T")

TOKEN = "123456789:STANDIN-not-a-secret-but-never-shown0"
LATELY = 1790000000  # the first message's date
NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}
CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


@dataclass(frozen=True)
class Call:
    method: str
    parameters: dict[str, Any]
    at: float  # monotonic


@dataclass
class SentMessage:
    """What the person sees now; ``edits`` are the texts before."""

    message_id: int
    chat_id: ChatId
    text: str  # as shown, without markup
    raw: str  # as it came
    parse_mode: str
    keyboard: list[list[dict[str, Any]]]
    photo: str
    at: float  # monotonic
    deleted: bool = False
    links: list[str] = field(default_factory=list)
    edits: list[str] = field(default_factory=list)

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """Label and what a press says, in reading order."""
        return [(button["text"], button.get("callback_data", "")) for row in self.keyboard for button in row]


class Refusal(Exception):
    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters


class TelegramStandIn:
    """One bot's side of the Bot API. Times are monotonic; ``rate`` is messages a second for the whole bot."""

    def __init__(
        self,
        token: str = TOKEN,
        *,
        rate: float = 30.0,
        chat_burst: int = 3,
        chat_window: float = 3.0,
        group_minute: int = 20,
        username: str = "serai_test_bot",
        push_retry: float = 0.05,
    ) -> None:
        self.token, self.username = token, username
        self.rate, self.chat_burst, self.chat_window, self.group_minute = rate, chat_burst, chat_window, group_minute
        self.contract = Contract.load()
        self.calls: list[Call] = []
        self.sent: list[SentMessage] = []
        self.acknowledged: list[str] = []
        self.commands: list[dict[str, str]] = []
        self.webhook: dict[str, Any] = {}
        self.pushed: list[tuple[int, int]] = []  # update_id, the status that it got
        self.deleted: list[tuple[ChatId, int]] = []  # chat and message, also of people
        self.channels: set[int] = set()  # ids of chats that are channels
        self.admins: dict[int, set[int]] = defaultdict(set)  # of groups and channels
        self.files: dict[str, bytes] = {}  # pictures that were uploaded, or sent to the bot, by file_id
        self.uploads = 0
        self.violations: list[str] = []
        self.provoked_429 = 0  # limits overrun
        self.held_429 = 0  # answers while throttled on purpose
        self.conflicts = 0
        self._port = 0
        self._push_retry = push_retry
        self._arrivals: dict[str, deque[float]] = defaultdict(deque)
        self._ids = itertools.count(1001)
        self._update_ids = itertools.count(910_001)
        self._pending: deque[dict[str, Any]] = deque()
        self._allowed: set[str] = set()
        self._epoch = 0
        self._answers: dict[str, Refusal] = {}
        self._refused: dict[str, Refusal] = {}  # by method
        self._unreachable: set[str] = set()
        self._drops = self._early_drops = self._bad_gateways = self._html_refusals = 0
        self._gateway_accepts = False
        self._held_until = self._delay = 0.0
        self._revoked = False
        self._connections: set[asyncio.StreamWriter] = set()

    # ── Life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> TelegramStandIn:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="telegram-stand-in", daemon=True)
        self._thread.start()
        self._await(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def down(self) -> None:
        """Refuse connections, and cut those there are."""
        self._await(self._stop_serving())

    def up(self) -> None:
        """Serve again, on the same port."""
        self._await(self._serve())

    async def _begin(self) -> None:
        self._news = asyncio.Event()
        await self._serve()
        self._pusher = asyncio.create_task(self._push())

    async def _end(self) -> None:
        self._pusher.cancel()
        await self._stop_serving()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", self._port, backlog=512)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop_serving(self) -> None:
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await asyncio.sleep(0)

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _inside(self, work: Callable[[], T]) -> T:
        """Run something in the server's own thread."""

        async def done() -> T:
            return work()

        return self._await(done())  # type: ignore[no-any-return]

    # ── Looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def wait_sent(self, n: int, timeout: float = 10.0) -> list[SentMessage]:
        """Block until ``n`` messages were accepted. For tests whose hub is in another process or thread."""
        _wait(lambda: len(self.sent) >= n, timeout)
        assert len(self.sent) >= n, f"{len(self.sent)} of {n} messages came; violations: {self.violations[:5]}"
        return list(self.sent)

    async def until_sent(self, n: int, within: float = 10.0) -> list[SentMessage]:
        """The same for a test that shares its event loop with the hub."""
        return await asyncio.to_thread(self.wait_sent, n, within)

    def wait_called(self, method: str, n: int = 1, timeout: float = 10.0) -> None:
        """Block until a method was called ``n`` times."""
        _wait(lambda: self.methods().count(method) >= n, timeout)
        assert self.methods().count(method) >= n, f"{method} was not called {n} times"

    def to(self, chat_id: ChatId) -> list[SentMessage]:
        return [message for message in list(self.sent) if str(message.chat_id) == str(chat_id)]

    def shown(self, chat_id: ChatId) -> list[SentMessage]:
        """What of ours is still to be seen in a chat."""
        return [message for message in self.to(chat_id) if not message.deleted]

    def busiest(self, window: float = 1.0, chat_id: ChatId | None = None) -> int:
        """Most messages accepted within any ``window`` seconds."""
        times = sorted(m.at for m in list(self.sent) if chat_id is None or str(m.chat_id) == str(chat_id))
        most = first = 0
        for last, at in enumerate(times):
            while times[first] <= at - window:
                first += 1
            most = max(most, last - first + 1)
        return most

    def methods(self) -> list[str]:
        return [call.method for call in list(self.calls)]

    # ── Faults on purpose ────────────────────────────────────────────────────────────────────────────────────────────

    def answers(self, chat_id: ChatId, status: int, description: str, **parameters: int) -> None:
        """Answer every send to a chat so, until ``allow``."""
        self._answers[str(chat_id)] = Refusal(status, description, **parameters)

    def allow(self, chat_id: ChatId) -> None:
        self._answers.pop(str(chat_id), None)

    def refuses(self, method: str, status: int, description: str) -> None:
        """Answer every call of a method so."""
        self._refused[method] = Refusal(status, description)

    def block(self, chat_id: ChatId) -> None:
        self.answers(chat_id, 403, "Forbidden: bot was blocked by the user")

    def deactivate(self, chat_id: ChatId) -> None:
        self.answers(chat_id, 403, "Forbidden: user is deactivated")

    def forget(self, chat_id: ChatId) -> None:
        self.answers(chat_id, 400, "Bad Request: chat not found")

    def migrate(self, old: int, new: int, *, tell: bool = False) -> None:
        """A group becomes a supergroup; ``tell``: there is an update about it, too."""
        self.answers(old, 400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new)
        if tell:
            self._happen("message", self._message(old, migrate_to_chat_id=new))

    def throttle(self, seconds: int) -> None:
        """Answer 429 to every send for so long."""
        self._held_until = time.monotonic() + seconds

    def drop_after_accepting(self, n: int = 1) -> None:
        """Take the next ``n`` messages, and close the connection without an answer."""
        self._drops = n

    def drop_before_accepting(self, n: int = 1) -> None:
        self._early_drops = n

    def bad_gateway(self, n: int = 1, accept: bool = False) -> None:
        """A 502 page for the next ``n`` messages, which were taken or not."""
        self._bad_gateways, self._gateway_accepts = n, accept

    def refuse_html(self, n: int = 1) -> None:
        self._html_refusals = n

    def unreachable(self, url: str) -> None:
        """Telegram cannot fetch this picture."""
        self._unreachable.add(url)

    def revoke(self) -> None:
        self._revoked = True

    def delay(self, seconds: float) -> None:
        """Answer every send so much later; 0 ends it."""
        self._delay = seconds

    # ── What people do ───────────────────────────────────────────────────────────────────────────────────────────────

    def say(self, chat_id: int, text: str, **more: Any) -> int:
        """``by``: who of a group; without it somebody whose id is the group's without its sign."""
        return self._happen("message", self._message(chat_id, text=text, **more))

    def post(self, channel: int, text: str, **more: Any) -> int:
        """An admin posts in a channel."""
        self.channels.add(channel)
        chat = self._chat(channel)
        message = {"message_id": next(self._ids), "sender_chat": chat, "chat": chat, "date": LATELY, "text": text}
        return self._happen("channel_post", message | {"date": LATELY + message["message_id"]} | more)

    def added(self, chat_id: int, *, by: int, status: str = "member") -> int:
        self.allow(chat_id)
        return self._membership(chat_id, "left", status, by, int(time.time()))

    def thrown_out(self, chat_id: int, *, by: int) -> int:
        kind = "channel" if chat_id in self.channels else str(_chat(chat_id)["type"])
        self.answers(chat_id, 403, f"Forbidden: bot was kicked from the {kind} chat")
        return self._membership(chat_id, "member", "kicked", by, int(time.time()))

    def picture(self, data: bytes) -> str:
        """The file_id of a picture that somebody sends."""
        file_id = f"AgAC{len(self.files) + 1}"
        self.files[file_id] = data
        return file_id

    def start(self, chat_id: int, payload: str = "") -> int:
        self.allow(chat_id)
        return self.say(chat_id, f"/start {payload}".strip())

    def attach(self, chat_id: int, kind: str = "photo", caption: str = "", **more: Any) -> int:
        more |= {"caption": caption} if caption else {}
        return self._happen("message", self._message(chat_id, **(_ATTACHMENTS[kind] | more)))

    def press(self, chat_id: int, message_id: int, data: str, *, by: int = 0) -> int:
        query = {
            "id": str(next(self._ids) * 7919),
            "from": _person(by or chat_id),
            "message": {"message_id": message_id, "chat": self._chat(chat_id), "date": 0},
            "chat_instance": "-88",
            "data": data,
        }
        return self._happen("callback_query", query)

    def block_by_user(self, chat_id: int) -> int:
        self.block(chat_id)
        return self._membership(chat_id, "member", "kicked")

    def unblock_by_user(self, chat_id: int) -> int:
        self.allow(chat_id)
        return self._membership(chat_id, "kicked", "member")

    def update(self, kind: str, body: Mapping[str, Any]) -> int:
        """Any update, as written."""
        return self._happen(kind, dict(body))

    def repeat(self, raw: Mapping[str, Any]) -> None:
        """An update that was there before, with its id."""
        self._inside(lambda: self._queue(dict(raw)))

    def _membership(self, chat_id: int, before: str, after: str, by: int = 0, at: int = 0) -> int:
        change = {
            "chat": self._chat(chat_id),
            "from": _person(by or chat_id),
            "date": at or LATELY + next(self._ids),
            "old_chat_member": _member(before, self._me()),
            "new_chat_member": _member(after, self._me()),
        }
        return self._happen("my_chat_member", change)

    def _chat(self, chat_id: ChatId) -> dict[str, Any]:
        kind = {"type": "channel", "title": "Channel"} if chat_id in self.channels else {}
        return _chat(chat_id) | kind

    def _message(self, chat_id: int, *, by: int = 0, **content: Any) -> dict[str, Any]:
        number = next(self._ids)
        return {
            "message_id": number,
            "from": _person(by or chat_id),
            "chat": self._chat(chat_id),
            "date": LATELY + number,
        } | content

    def _happen(self, kind: str, body: dict[str, Any]) -> int:
        number = next(self._update_ids)
        self._inside(lambda: self._queue({"update_id": number, kind: body}))
        return number

    def _queue(self, raw: dict[str, Any]) -> None:
        kind = next(key for key in raw if key != "update_id")
        if kind in self._allowed or (not self._allowed and kind not in NOT_BY_DEFAULT):
            self._pending.append(raw)
            self._news.set()

    # ── Updates to the bot ───────────────────────────────────────────────────────────────────────────────────────────

    async def _get_updates(self, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        if self.webhook:
            self.conflicts += 1
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first")
        self._epoch += 1
        mine = self._epoch
        self._news.set()  # an older poll ends with a conflict
        if "allowed_updates" in asked:
            self._allowed = set(asked["allowed_updates"])
        offset = asked.get("offset", 0)
        while self._pending and self._pending[0]["update_id"] < offset:
            self._pending.popleft()
        until = time.monotonic() + asked.get("timeout", 0)
        while not self._pending and (left := until - time.monotonic()) > 0:
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
            if mine != self._epoch:
                self.conflicts += 1
                raise Refusal(409, CONFLICT)
        return list(itertools.islice(self._pending, asked.get("limit", 100)))

    def _set_webhook(self, asked: Mapping[str, Any]) -> bool:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", asked.get("secret_token", "")):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        self.webhook = dict(asked) if asked["url"] else {}
        if "allowed_updates" in asked:
            self._allowed = set(asked["allowed_updates"])
        if asked.get("drop_pending_updates"):
            self._pending.clear()
        self._news.set()
        return True

    async def _push(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            wait = self._push_retry
            while True:
                if not (self.webhook and self._pending):
                    self._news.clear()
                    await self._news.wait()
                    continue
                raw = self._pending[0]
                status = await self._push_one(client, raw)
                self.pushed.append((raw["update_id"], status))
                if 200 <= status < 300:
                    self._pending.popleft()
                    wait = self._push_retry
                else:
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, 2.0)

    async def _push_one(self, client: httpx.AsyncClient, raw: Mapping[str, Any]) -> int:
        secret = self.webhook.get("secret_token")
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            return (await client.post(self.webhook["url"], json=raw, headers=headers)).status_code
        except httpx.HTTPError:
            return 0

    # ── Calls by the bot ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                answer = await self._answer(*request)
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the end; asyncio's server reports a cancelled conversation as a fault
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, target: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        url = urlsplit(target)
        if url.path.startswith("/file/"):
            return self._download(unquote(url.path))
        path = re.fullmatch(r"/bot([^/]+)/(\w+)", unquote(url.path))
        try:
            if path is None or not re.fullmatch(r"\d+:[\w-]+", path[1]):
                raise Refusal(404, "Not Found")
            if path[1] != self.token or self._revoked:
                raise Refusal(401, "Unauthorized")
            method, asked = self._understood(path[2], _parameters(url.query, headers, body))
            self.calls.append(Call(method, asked, time.monotonic()))
            result = await self._do(method, asked)
        except Refusal as refusal:
            return _refusal(refusal)
        except _NoAnswer as silence:
            return silence.page
        except Exception as fault:  # a call that even this stand-in does not understand
            self.violations.append(f"{url.path.rpartition('/')[2]}: {fault!r}")
            return _refusal(Refusal(500, "Internal Server Error"))
        return _http(200, json.dumps({"ok": True, "result": result}).encode())

    def _understood(self, name: str, asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if self.contract is None:
            method = next((known for known in _METHODS if known.lower() == name.lower()), None)
            asked = {key: _guessed(key, value) for key, value in asked.items()}
            wrong = [f"{method}: {key} is missing" for key in _METHODS.get(method or "", ()) if key not in asked]
        else:
            method = self.contract.method(name)
            if method:
                asked = self.contract.decoded(method, asked)
            wrong = self.contract.call(method, asked) if method else []
        if method is None:
            self.violations.append(f"no method {name}")
            raise Refusal(404, "Not Found")
        if method not in _METHODS:
            wrong = [f"{method} is not modelled here"]
        self._wrong(wrong)
        return method, asked

    def _wrong(self, wrong: list[str]) -> None:
        if wrong:
            self.violations += wrong
            raise Refusal(400, f"Bad Request: {wrong[0]}")

    def _download(self, path: str) -> bytes:
        found = re.fullmatch(r"/file/bot([^/]+)/photos/(\w+)", path)
        if found is None or found[1] != self.token or found[2] not in self.files:
            return _refusal(Refusal(404, "Not Found"))
        return _http(200, self.files[found[2]], "application/octet-stream")

    async def _do(self, method: str, asked: dict[str, Any]) -> Any:
        if refusal := self._refused.get(method):
            raise refusal
        match method:
            case "sendMessage" | "sendPhoto" | "editMessageText":
                return await self._send(method, asked)
            case "getUpdates":
                return await self._get_updates(asked)
            case "getMe":
                return self._me()
            case "answerCallbackQuery":
                self.acknowledged.append(asked["callback_query_id"])
            case "deleteMessages":
                self._delete(asked["chat_id"], asked["message_ids"])
            case "getChatMember":
                return self._member_of(asked["chat_id"], asked["user_id"])
            case "getFile":
                return self._file(asked["file_id"])
            case "setMyCommands":
                self._set_commands(asked["commands"])
            case "setWebhook":
                self._set_webhook(asked)
            case "deleteWebhook":
                self._set_webhook({**asked, "url": ""})
            case "getWebhookInfo":
                url = self.webhook.get("url", "")
                return {"url": url, "has_custom_certificate": False, "pending_update_count": len(self._pending)}
        return True

    def _me(self) -> dict[str, Any]:
        me = {"id": int(self.token.split(":")[0]), "is_bot": True, "first_name": "Serai", "username": self.username}
        return me | {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def _delete(self, chat_id: ChatId, ids: list[int]) -> None:
        if not 1 <= len(ids) <= 100:
            self._wrong([f"{len(ids)} messages to delete, and not 1 to 100"])
        if refusal := self._answers.get(str(chat_id)):
            raise refusal
        self.deleted += [(chat_id, number) for number in ids]
        for message in self.to(chat_id):
            message.deleted = message.deleted or message.message_id in ids

    def _member_of(self, chat_id: ChatId, user_id: int) -> dict[str, Any]:
        if user_id <= 0:
            raise Refusal(400, "Bad Request: invalid user_id specified")
        status = "administrator" if user_id in self.admins[int(chat_id)] else "member"
        return _member(status, _person(user_id))

    def _file(self, file_id: str) -> dict[str, Any]:
        if file_id not in self.files:
            raise Refusal(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        size = len(self.files[file_id])
        if size > 20_000_000:
            raise Refusal(400, "Bad Request: file is too big")
        return _file(file_id=file_id) | {"file_size": size, "file_path": f"photos/{file_id}"}

    def _set_commands(self, commands: list[dict[str, str]]) -> None:
        self._wrong([f"command {c['command']}" for c in commands if not re.fullmatch("[a-z0-9_]{1,32}", c["command"])])
        self.commands = commands

    async def _send(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self._delay)
        chat_id = asked["chat_id"]
        if self._early_drops:
            self._early_drops -= 1
            raise _NoAnswer
        self._within_limits(str(chat_id), time.monotonic())
        bad_gateway = bool(self._bad_gateways)
        if bad_gateway:
            self._bad_gateways -= 1
            if not self._gateway_accepts:
                raise _NoAnswer(_BAD_GATEWAY)
        if refusal := self._answers.get(str(chat_id)):
            raise refusal
        if not re.fullmatch(r"-?\d+|@\w{5,32}", str(chat_id)):
            raise Refusal(400, "Bad Request: chat not found")
        message = self._edited(asked) if method == "editMessageText" else self._new(method, asked)
        if bad_gateway:
            raise _NoAnswer(_BAD_GATEWAY)
        if self._drops:
            self._drops -= 1
            raise _NoAnswer
        return self._shown(message)

    def _new(self, method: str, asked: dict[str, Any]) -> SentMessage:
        is_photo = method == "sendPhoto"
        photo = self._photo(asked["photo"]) if is_photo else ""
        raw = asked.get("caption", "") if is_photo else asked["text"]
        text, links = self._read_text(raw, asked.get("parse_mode", ""), caption=is_photo)
        message = SentMessage(
            message_id=next(self._ids),
            chat_id=asked["chat_id"],
            text=text,
            raw=raw,
            parse_mode=asked.get("parse_mode", ""),
            keyboard=self._read_keyboard(asked),
            photo=photo,
            at=time.monotonic(),
            links=links,
        )
        self.sent.append(message)
        return message

    def _photo(self, photo: str | bytes) -> str:
        """Its address, or what it is called once it is uploaded."""
        if isinstance(photo, bytes):
            if not photo.startswith(_IMAGES) or len(photo) > 10_000_000:
                raise Refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
            self.uploads += 1
            return self.picture(photo)
        if photo.startswith(("http://", "https://")):
            if photo in self._unreachable:
                raise Refusal(400, "Bad Request: failed to get HTTP URL content")
        elif photo not in self.files:
            raise Refusal(400, "Bad Request: wrong file identifier/HTTP URL specified")
        return photo

    def _edited(self, asked: dict[str, Any]) -> SentMessage:
        found = [m for m in self.to(asked["chat_id"]) if m.message_id == asked.get("message_id")]
        if not found:
            raise Refusal(400, "Bad Request: message to edit not found")
        [message] = found
        if message.photo:
            raise Refusal(400, "Bad Request: there is no text in the message to edit")
        text, links = self._read_text(asked.get("text", ""), asked.get("parse_mode", ""), caption=False)
        keyboard = self._read_keyboard(asked)
        if (text, links, keyboard) == (message.text, message.links, message.keyboard):
            raise Refusal(
                400,
                "Bad Request: message is not modified: specified new message content and reply markup are exactly the "
                "same as a current content and reply markup of the message",
            )
        message.edits.append(message.text)
        message.text, message.links, message.keyboard, message.raw = text, links, keyboard, asked["text"]
        return message

    def _shown(self, message: SentMessage) -> dict[str, Any]:
        content: dict[str, Any] = {"text": message.text}
        if message.photo:
            name = message.photo if message.photo in self.files else "AgAC"
            sizes = [_file(width=90, height=90), _file(file_id=name, width=900, height=900)]
            content = {"photo": sizes} | ({"caption": message.text} if message.text else {})
        if message.keyboard:
            content["reply_markup"] = {"inline_keyboard": message.keyboard}
        head = {"message_id": message.message_id, "from": self._me(), "date": LATELY + message.message_id}
        return head | {"chat": self._chat(message.chat_id)} | content

    # ── Limits and reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _within_limits(self, chat_id: str, now: float) -> None:
        if now < self._held_until:
            self.held_429 += 1
            raise _too_many(self._held_until - now)
        windows = [("", self.rate, 1.0), (chat_id, self.chat_burst, self.chat_window)]
        if chat_id.startswith(("-", "@")):
            windows.append((f"{chat_id} a minute", self.group_minute, 60.0))
        for name, most, window in windows:
            arrivals = self._arrivals[name]
            while arrivals and arrivals[0] <= now - window:
                arrivals.popleft()
            if len(arrivals) >= most:
                self.provoked_429 += 1
                raise _too_many(arrivals[0] + window - now)
        for name, _, _ in windows:
            self._arrivals[name].append(now)

    def _read_text(self, raw: str, mode: str, *, caption: bool) -> tuple[str, list[str]]:
        text, links = raw, list[str]()
        if mode:
            if self._html_refusals:
                self._html_refusals -= 1
                raise Refusal(400, "Bad Request: can't parse entities: told to refuse at byte offset 0")
            if mode.upper() != "HTML":
                self._wrong([f"parse_mode {mode} is not modelled here"])
            text, links, entities = read_html(raw)
            if entities > 100:
                self._wrong([f"{entities} entities; those after the 100th would be lost"])
        size = len(text.strip().encode("utf-16-le")) // 2
        if not size and not caption:
            raise Refusal(400, "Bad Request: message text is empty")
        if size > (1024 if caption else 4096):
            self._wrong([f"{'message caption' if caption else 'message'} is too long"])
        return text, links

    def _read_keyboard(self, asked: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        rows: list[list[dict[str, Any]]] = asked.get("reply_markup", {}).get("inline_keyboard", [])
        wrong = ["a row of more than 8 buttons" for row in rows if len(row) > 8]
        if sum(map(len, rows)) > 100:
            wrong.append("reply markup is too long")
        for button in itertools.chain.from_iterable(rows):
            if not button["text"].strip():
                wrong.append("a button without a label")
            if len(button.keys() - {"text", "style", "icon_custom_emoji_id"}) != 1:
                wrong.append("a button must do exactly one thing")
            if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
                wrong.append("BUTTON_DATA_INVALID")
        self._wrong(wrong)
        return rows


# ── Telegram's HTML ──────────────────────────────────────────────────────────────────────────────────────────────────

_TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "a", "code", "pre", "blockquote", "tg-spoiler"}
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_MARKUP = re.compile(r"<(?P<end>/?)(?P<tag>[a-zA-Z-]*)(?P<rest>[^>]*)(?P<shut>>?)|&(?P<entity>#\d+|\w+);")
_HREF = re.compile(r"""\s+href=(?:"([^"]*)"|'([^']*)')\s*""")


def read_html(raw: str) -> tuple[str, list[str], int]:
    """What is shown, where its links lead, and how many entities it has; a Refusal where Telegram would not have it."""
    shown: list[str] = []
    links: list[str] = []
    opened: list[str] = []
    entities = end = 0
    for found in _MARKUP.finditer(raw):
        shown.append(raw[end : found.start()])
        end = found.end()
        tag = (found["tag"] or "").lower()
        if found["entity"]:
            shown.append(_character(found["entity"], found[0]))
        elif not found["shut"] or tag not in _TAGS:
            raise _unparsed(f'Unsupported start tag "{tag}"', raw, found.start())
        elif found["end"]:
            if not opened or opened.pop() != tag:
                raise _unparsed(f'Unmatched end tag "{tag}"', raw, found.start())
            entities += 1
        else:
            opened.append(tag)
            if tag == "a":
                links.append(_href(found["rest"], raw, found.start()))
            elif found["rest"].strip():
                raise _unparsed(f'Unsupported attribute of "{tag}"', raw, found.start())
    if opened:
        raise _unparsed(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"', raw, len(raw))
    return "".join([*shown, raw[end:]]), links, entities


def _href(rest: str, raw: str, at: int) -> str:
    href = _HREF.fullmatch(rest)
    url = "" if href is None else (href[1] or href[2] or "")
    for name, character in _ENTITIES.items():
        url = url.replace(f"&{name};", character)
    if not url.startswith(("http://", "https://", "tg://")):
        raise _unparsed("a link that leads nowhere", raw, at)
    return url


def _character(name: str, as_written: str) -> str:
    return chr(int(name[1:])) if name.startswith("#") else _ENTITIES.get(name, as_written)


def _unparsed(why: str, raw: str, at: int) -> Refusal:
    return Refusal(400, f"Bad Request: can't parse entities: {why} at byte offset {len(raw[:at].encode())}")


def _wait(true: Callable[[], bool], timeout: float) -> None:
    until = time.monotonic() + timeout
    while not true() and time.monotonic() < until:
        time.sleep(0.005)


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _NoAnswer(Exception):
    """Not an answer of Telegram's: a page, or nothing at all."""

    def __init__(self, page: bytes | None = None) -> None:
        super().__init__()
        self.page = page


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return first.split(" ")[1], headers, body


def _parameters(query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    asked: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    kind = headers.get("content-type", "")
    if kind.startswith("application/json") and body:
        return asked | dict(json.loads(body))
    if kind.startswith("multipart/form-data"):
        return asked | dict(_multipart(kind, body))
    return asked | dict(parse_qsl(body.decode(), keep_blank_values=True))


def _multipart(kind: str, body: bytes) -> Iterator[tuple[str, Any]]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    whole: Any = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    for part in whole.iter_parts():
        value = part.get_payload(decode=True)
        is_file = part.get_filename() is not None
        yield str(part.get_param("name", header="content-disposition")), value if is_file else value.decode()


def _http(status: int, body: bytes, kind: str = "application/json", retry_after: int | None = None) -> bytes:
    more = f"Retry-After: {retry_after}\r\n" if retry_after else ""
    head = f"HTTP/1.1 {status} .\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


_BAD_GATEWAY = _http(502, b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>", "text/html")


def _refusal(refusal: Refusal) -> bytes:
    answer: dict[str, Any] = {"ok": False, "error_code": refusal.status, "description": refusal.description}
    if refusal.parameters:
        answer["parameters"] = refusal.parameters
    return _http(refusal.status, json.dumps(answer).encode(), retry_after=refusal.parameters.get("retry_after"))


def _too_many(wait: float) -> Refusal:
    seconds = max(1, math.ceil(wait))
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


# ── Shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# What is modelled, and what each method cannot do without (used where the contract file is not there).
_METHODS: Mapping[str, tuple[str, ...]] = {
    "sendMessage": ("chat_id", "text"),
    "sendPhoto": ("chat_id", "photo"),
    "editMessageText": ("chat_id", "message_id", "text"),
    "getUpdates": (),
    "getMe": (),
    "answerCallbackQuery": ("callback_query_id",),
    "deleteMessages": ("chat_id", "message_ids"),
    "getChatMember": ("chat_id", "user_id"),
    "getFile": ("file_id",),
    "setMyCommands": ("commands",),
    "setWebhook": ("url",),
    "deleteWebhook": (),
    "getWebhookInfo": (),
}
_WORDS = {
    "text",
    "caption",
    "callback_query_id",
    "url",
    "secret_token",
    "parse_mode",
    "photo",
    "language_code",
    "file_id",
}


def _guessed(name: str, value: Any) -> Any:
    """A form field's value, without the contract."""
    if name in _WORDS or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _person(chat_id: int) -> dict[str, Any]:
    return {"id": abs(chat_id), "is_bot": False, "first_name": "Ana", "language_code": "en"}


def _chat(chat_id: ChatId) -> dict[str, Any]:
    if isinstance(chat_id, str):
        return {"id": -1009999999999, "type": "channel", "title": "Channel", "username": chat_id.lstrip("@")}
    if chat_id > 0:
        return {"id": chat_id, "type": "private", "first_name": "Ana"}
    return {"id": chat_id, "type": "supergroup" if str(chat_id).startswith("-100") else "group", "title": "Group"}


_RIGHTS = [
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats"),
    *("can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories"),
    *("can_edit_stories", "can_delete_stories"),
]


def _member(status: str, user: dict[str, Any]) -> dict[str, Any]:
    rights = dict.fromkeys(_RIGHTS, False) if status == "administrator" else {}
    return {"status": status, "user": user, **rights, **({"until_date": 0} if status == "kicked" else {})}


_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")


def _file(**more: Any) -> dict[str, Any]:
    return {"file_id": "AgAC", "file_unique_id": "AQAD", **more}


_ATTACHMENTS: Mapping[str, dict[str, Any]] = {
    "photo": {"photo": [_file(width=90, height=90)]},
    "video": {"video": _file(width=90, height=90, duration=3)},
    "voice": {"voice": _file(duration=3)},
    "document": {"document": _file(file_name="a.pdf")},
    "animation": {"animation": _file(width=9, height=9, duration=3), "document": _file()},
    "contact": {"contact": {"phone_number": "+15550100", "first_name": "Ana"}},
    "location": {"location": {"latitude": 34.5, "longitude": 69.2}},
    "sticker": {"sticker": _file(type="regular", width=512, height=512, is_animated=False, is_video=False, emoji="👍")},
    "dice": {"dice": {"emoji": "🎲", "value": 6}},
}
