"""Telegram, through python-telegram-bot.

How a message looks is in ``telegram_parts``, what comes in is read in ``telegram_updates``, and what an answer means
stands in ``telegram_answers``; here is the wire. Two things about the Bot API shape it. It has no idempotency, so a
request without an answer may have arrived; and the token is part of every URL, so nothing that an HTTP client says of a
request may reach a log or an outcome.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec
import regex
import structlog
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, WebhookInfo
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from channels import exchange
from channels import telegram_answers as answers
from channels.contract import (
    AnyUpdate,
    Attachment,
    BadSettings,
    Choice,
    Finding,
    Later,
    Limits,
    Message,
    Outcome,
    Part,
    Pressed,
    Received,
    Request,
    Sent,
    Unclear,
)
from channels.telegram_parts import BUTTONS, TEXT, fit, rows
from channels.telegram_updates import PICTURE, UPDATES, Ourselves, is_id, read

log = structlog.get_logger()

BODY = 1_000_000  # bytes of a webhook call that we are willing to read
CHECK, ASK, FETCH = 10.0, 5.0, 20.0  # seconds for a check, for who runs a group, for a picture
UPLOADING = 1.0  # seconds after which the next one looks whether a picture is uploaded
UPLOADS = 200  # pictures that are known to be uploaded
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Settings:
    """One bot. ``base_url`` is what comes before ``/bot<token>/…``; ``rates`` is messages a second."""

    token: str = field(repr=False)
    base_url: str = "https://api.telegram.org"
    mode: Literal["polling", "webhook"] = "polling"
    webhook_secret: str = field(default="", repr=False)
    rates: float = 30.0


def quiet() -> None:
    """Keep the libraries' own logs from showing URLs (they hold the token) and texts. Making a ``Telegram`` does it."""
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)


class Telegram:
    """One bot. Updates come by ``poll`` or by ``receive``, as its settings say.

    ``send`` of a part that ``replaces`` a message is an edit. When that message cannot be edited any more the outcome
    is ``Refused("cannot edit")``, and the part without ``replaces`` may be sent as a new message. A part whose ``text``
    equals its ``plain`` goes out without markup: so the second try after ``Refused(markup=True)`` is the same part
    with ``text=plain, attachment=None``.
    """

    kind: ClassVar[str] = "telegram"

    def __init__(
        self,
        account: str,
        settings: Settings,
        *,
        public_url: str = "",
        commands: Sequence[tuple[str, str]] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = 25.0,
        httpx_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """``patience``: seconds that a long poll waits. ``httpx_kwargs`` go to the HTTP clients (a proxy, say)."""
        quiet()
        _check(account, settings)
        self.account = account
        self.polls = settings.mode == "polling"
        self.limits = Limits(
            per_second=settings.rates,
            per_address=1.0,
            per_group_minute=20,
            text=TEXT,
            unit="utf16",
            choices=BUTTONS,
            deadline=30.0,
            at_once=16,
            edits=True,
            removes=timedelta(hours=48),
        )
        self._settings = settings
        self._hook = f"{public_url.rstrip('/')}/hooks/{account}"
        self._commands = list(commands)
        self._clock, self._sleep, self._patience = clock, sleep, patience
        # Two of each: a long poll never waits for a send, nor a send for it.
        self._wire = _wire(2 * self.limits.at_once, self.limits.deadline, httpx_kwargs)
        self._ear = _wire(1, patience + 10, httpx_kwargs)
        base = settings.base_url.rstrip("/")
        root, files = f"{base}/bot", f"{base}/file/bot"
        self._bot = Bot(
            settings.token, base_url=root, base_file_url=files, request=self._wire, get_updates_request=self._ear
        )
        self._listener = Bot(settings.token, base_url=root, request=self._ear, get_updates_request=self._ear)
        self._me = Ourselves(settings.token.partition(":")[0])
        self._uploads: OrderedDict[str, str] = OrderedDict()  # the file id of a picture; empty where it was refused
        self._uploading: set[str] = set()
        self._introduction: asyncio.Task[None] | None = None
        self._offset: int | None = None
        self._failures = 0

    @property
    def link(self) -> str:
        """Where anybody can write to the bot alone; empty as long as we could not ask for its name."""
        return f"https://t.me/{self._me.username}" if self._me.username else ""

    # ── Out ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def fit(self, message: Message) -> tuple[Part, ...]:
        return fit(message)

    async def send(self, address: str, part: Part) -> Outcome:
        """One request, and what became of it. While a picture is being uploaded, others wait for what it is called."""
        picture = part.attachment
        if picture is None or not picture.name:
            return await self._send(address, part)
        if picture.name in self._uploading:
            return Later(UPLOADING, "address", "its picture is being uploaded")
        if picture.name in self._uploads:
            return await self._send(address, part)
        self._uploading.add(picture.name)
        try:
            return await self._send(address, part)
        finally:
            self._uploading.discard(picture.name)

    async def _send(self, address: str, part: Part) -> Outcome:
        try:
            async with asyncio.timeout(self.limits.deadline):
                return Sent(await self._ask(address, part))
        except _Declined as declined:
            return self._picture_lost(declined.answer, part) or answers.judged(declined.answer, part)
        except TelegramError as fault:
            return exchange.from_fault(fault.__cause__)
        except TimeoutError:
            return Unclear("deadline")
        except Exception as fault:  # an answer that could not be understood: it was sent all the same
            log.error("telegram.answer_not_understood", account=self.account, why=type(fault).__name__)
            return Unclear(type(fault).__name__)

    async def _ask(self, address: str, part: Part) -> str:
        if part.removes:
            if ids := [int(number) for number in part.removes if number.isdecimal()]:
                await self._bot.delete_messages(address, ids)
            return ""
        common: dict[str, Any] = {
            "chat_id": address,
            "parse_mode": "HTML" if part.text != part.plain else None,
            "reply_markup": _keyboard(part.choices),
        }
        no_preview = LinkPreviewOptions(is_disabled=True)
        if part.replaces:
            if not part.replaces.isdecimal():
                raise _Declined(400, "message to edit not found", {})
            await self._bot.edit_message_text(
                part.text, message_id=int(part.replaces), link_preview_options=no_preview, **common
            )
            return part.replaces
        if part.attachment:
            return await self._show(part.attachment, part.text, common)
        return str((await self._bot.send_message(text=part.text, link_preview_options=no_preview, **common)).message_id)

    # ── Pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _show(self, picture: Attachment, caption: str, common: Mapping[str, Any]) -> str:
        """A picture by its address, by what Telegram called it when it was uploaded, or uploaded now."""
        known = self._uploads.get(picture.name)
        if known == "":
            raise _Declined(400, "Bad Request: IMAGE_PROCESS_FAILED", {})
        photo: str | bytes = picture.url or known or picture.data
        sent = await self._bot.send_photo(photo=photo, caption=caption, **common)
        if isinstance(photo, bytes) and picture.name and sent.photo:
            self._remember(picture.name, sent.photo[-1].file_id)
        return str(sent.message_id)

    def _remember(self, name: str, file_id: str) -> None:
        self._uploads[name] = file_id
        while len(self._uploads) > UPLOADS:
            self._uploads.popitem(last=False)

    def _picture_lost(self, declined: answers.Declined, part: Part) -> Outcome | None:
        """A picture that is no longer there is uploaded once more; one that is no picture, never again."""
        picture = part.attachment
        if picture is None or not picture.data or not picture.name:
            return None
        if answers.no_such_file(declined) and self._uploads.get(picture.name):
            del self._uploads[picture.name]
            return Later(UPLOADING, "address", "its picture is uploaded anew")
        if answers.no_picture(declined):
            self._remember(picture.name, "")
        return None

    async def fetch(self, file: str) -> bytes | None:
        try:
            async with asyncio.timeout(FETCH):
                found = await self._bot.get_file(file)
                if (found.file_size or 0) > PICTURE:
                    return None
                picture = bytes(await found.download_as_bytearray())
        except Exception as fault:
            log.warning("telegram.not_fetched", account=self.account, why=_why(fault))
            return None
        return picture if len(picture) <= PICTURE else None

    # ── Groups, and presses ──────────────────────────────────────────────────────────────────────────────────────────

    async def administers(self, group: str, who: str) -> bool | None:
        if not who.isdecimal():  # a channel that speaks in the group
            return False
        try:
            async with asyncio.timeout(ASK):
                member = await self._bot.get_chat_member(group, int(who))
        except Exception as fault:
            if isinstance(fault, _Declined) and answers.no_member(fault.answer):
                return False
            log.warning("telegram.admin_unknown", account=self.account, why=_why(fault))
            return None
        return member.status in ("creator", "administrator")

    async def acknowledge(self, pressed: Pressed) -> None:
        """Stop the button's spinner. A late answer is an error of no interest."""
        if pressed.press:
            with suppress(Exception):
                async with asyncio.timeout(10):
                    await self._bot.answer_callback_query(pressed.press)

    # ── In ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, request: Request) -> Received:
        ours, theirs = self._settings.webhook_secret, request.headers.get(SECRET_HEADER, "")
        if not ours or not hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "backslashreplace")):
            return Received(status=401, why="wrong secret")
        if len(request.body) > BODY:
            return Received(status=400, why="body too large")
        try:
            raw = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Received(status=400, why="not JSON")
        if not isinstance(raw, dict) or not is_id(raw.get("update_id")):
            return Received(status=400, why="no update_id")
        return Received(self._read([raw]))

    async def poll(self) -> Sequence[AnyUpdate]:
        """Wait for updates. On trouble: a line in the log, a growing wait, and nothing."""
        query = {"offset": self._offset, "timeout": int(self._patience), "limit": 100, "allowed_updates": list(UPDATES)}
        try:
            async with asyncio.timeout(self._patience + 20):
                # In lower case it is not PTB's own method, whose parser stops at the first update that it cannot read.
                found = await self._listener.do_api_request("getupdates", query)
            raws = [raw for raw in found if is_id(raw.get("update_id"))]
        except Exception as fault:  # also an answer that could not be understood
            await self._recover(fault)
            return ()
        self._failures = 0
        if raws:
            self._offset = max(int(raw["update_id"]) for raw in raws) + 1
        return self._read(raws)

    async def _recover(self, fault: Exception) -> None:
        self._failures += 1
        match fault:
            case _Declined(answer=answers.Declined(status=401 | 404)):
                wait = 60.0
            case _Declined(answer=answers.Declined(status=429)):
                wait = exchange.seconds(fault.answer.retry_after)
            case _:
                wait = 2.0 ** min(self._failures - 1, 5)
        log.warning("telegram.poll_failed", account=self.account, why=_why(fault), wait=wait, failures=self._failures)
        await self._sleep(wait)

    def _read(self, raws: Sequence[dict[str, Any]]) -> tuple[AnyUpdate, ...]:
        updates: list[AnyUpdate] = []
        for raw in raws:
            # A shape that we cannot read must not come again for a day, with all that is queued behind it.
            with suppress(AttributeError, KeyError, TypeError, ValueError, OverflowError):
                if update := read(raw, self._clock, self._me):
                    updates.append(update)
        return tuple(updates)

    # ── Opening and closing ──────────────────────────────────────────────────────────────────────────────────────────

    async def open(self) -> None:
        """Tell Telegram how we listen and which commands there are; when it can't be reached, go on trying behind."""
        if not self.polls and not self._hook.startswith(("https://", "http://")):
            raise BadSettings(f"accounts.{self.account}: mode is webhook, so web.public_url must be set")
        await asyncio.gather(self._wire.initialize(), self._ear.initialize())  # it may have been closed before
        if not await self._introduce():
            self._introduction = asyncio.create_task(self._keep_introducing())

    async def _keep_introducing(self) -> None:
        wait = 2.0
        await self._sleep(wait)
        while not await self._introduce():
            wait = min(2 * wait, 60.0)
            await self._sleep(wait)

    async def _introduce(self) -> bool:
        try:
            self._me = Ourselves(self._me.id, (await self._bot.get_me()).username or "")
            if self.polls:
                await self._bot.delete_webhook(drop_pending_updates=False)
            else:
                await self._bot.set_webhook(
                    self._hook, secret_token=self._settings.webhook_secret, allowed_updates=UPDATES
                )
            if self._commands:
                await self._bot.set_my_commands(self._commands)
        except Exception as fault:
            log.error("telegram.open_failed", account=self.account, why=_why(fault))
            return isinstance(fault, _Declined) and fault.answer.status == 400  # the same again would be refused again
        return True

    async def check(self) -> Sequence[Finding]:
        """Asks who the bot is, and how it is told of updates. Never asks for updates: that would cut off a hub that
        polls."""
        try:
            async with asyncio.timeout(CHECK):
                me = await self._bot.get_me()
                found = await self._bot.get_webhook_info()
        except Exception as fault:
            what = fault.answer if isinstance(fault, _Declined) else _why(fault)
            return (answers.unsound(f"accounts.{self.account}", what),)
        return (
            Finding(True, f"the bot is @{me.username}"),
            *([] if me.can_join_groups else [answers.NO_GROUPS]),
            self._heard(found),
            *answers.trouble(
                bool(found.url),
                found.pending_update_count,
                found.last_error_date,
                found.last_error_message,
                self._clock(),
            ),
        )

    def _heard(self, found: WebhookInfo) -> Finding:
        """Whether updates come in the way that the settings say."""
        host = _host(found.url)
        if self.polls and found.url:
            return Finding(
                False,
                f"a webhook leads to {host}, and while it does, polling is answered with 409",
                "If a program of somebody else uses this bot, get another bot from @BotFather; if not, start the hub "
                "anew, which removes the webhook.",
            )
        if not self.polls and found.url != self._hook:
            where = f"the webhook leads to {host}, not to this hub" if found.url else "no webhook is set"
            return Finding(False, where, "Look at web.public_url, and start the hub anew: it sets the webhook.")
        return Finding(True, "updates come by polling" if self.polls else f"the webhook leads to {host}")

    async def close(self) -> None:
        if self._introduction:
            self._introduction.cancel()
            with suppress(asyncio.CancelledError):
                await self._introduction
        await self._wire.shutdown()
        await self._ear.shutdown()


def _check(account: str, settings: Settings) -> None:
    where = f"accounts.{account}"
    if not regex.fullmatch(r"[\w:.\-]+", settings.token):
        raise BadSettings(f"{where}.token is missing or has characters that a bot token cannot have")
    if not settings.base_url.startswith(("https://", "http://")):
        raise BadSettings(f"{where}.base_url must begin with https://")
    if settings.mode not in ("polling", "webhook"):
        raise BadSettings(f"{where}.mode must be polling or webhook")
    if settings.mode == "webhook" and not regex.fullmatch(r"[A-Za-z0-9_\-]{1,256}", settings.webhook_secret):
        raise BadSettings(f"{where}.webhook_secret is missing, or is not 1 to 256 of A-Z a-z 0-9 _ -")
    if not settings.rates > 0:
        raise BadSettings(f"{where}.rates must be more than 0")


# ── The wire ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Declined(TelegramError):
    """An answer that is no result. PTB's own classes forget the status and mix what was sent with what was not."""

    def __init__(self, status: int, description: str, parameters: Mapping[str, Any]) -> None:
        super().__init__(description)
        retry_after, moved_to = parameters.get("retry_after"), parameters.get("migrate_to_chat_id")
        self.answer = answers.Declined(
            status,
            description,
            float(retry_after) if isinstance(retry_after, int | float) else None,
            moved_to if is_id(moved_to) else None,
        )


def _why(fault: Exception) -> str:
    """A reason for the log: no URL, nothing quoted out of a message, no ids of people."""
    return fault.answer.why if isinstance(fault, _Declined) else type(fault.__cause__ or fault).__name__


class _Wire(HTTPXRequest):
    """PTB's HTTP client, but an answer that is no result keeps its status, and none of it is logged."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        status, payload = await super().do_request(*args, **kwargs)
        if 200 <= status < 300:
            return status, payload
        answer = _json(payload)
        parameters = answer.get("parameters")
        raise _Declined(
            status, str(answer.get("description") or ""), parameters if isinstance(parameters, dict) else {}
        )

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        return _json(payload)


def _json(payload: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _wire(connections: int, deadline: float, httpx_kwargs: Mapping[str, Any] | None) -> _Wire:
    return _Wire(
        connection_pool_size=connections,
        connect_timeout=5.0,
        pool_timeout=5.0,
        write_timeout=10.0,
        media_write_timeout=20.0,
        read_timeout=deadline,
        httpx_kwargs=dict(httpx_kwargs or {}),
    )


def _host(url: str) -> str:
    """The rest of a webhook's address may hold somebody's token."""
    with suppress(ValueError):
        return urlsplit(url).hostname or "an unknown host"
    return "an unknown host"


def _keyboard(choices: Sequence[Choice]) -> InlineKeyboardMarkup | None:
    buttons = [
        [InlineKeyboardButton(choice.label, callback_data=choice.say) for choice in row] for row in rows(choices)
    ]
    return InlineKeyboardMarkup(buttons) if buttons else None
