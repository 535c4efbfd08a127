"""Telegram, through python-telegram-bot.

Two things about the Bot API shape this file. It has no idempotency, so a request without an answer may have arrived;
and the token is part of every URL, so nothing that an HTTP client says of a request may reach a log or an outcome.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
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

from channels import exchange, wording
from channels.contract import (
    AnyUpdate,
    Attached,
    Attachment,
    BadSettings,
    Broken,
    Choice,
    Finding,
    Gone,
    Later,
    Left,
    Limits,
    Message,
    Moved,
    Outcome,
    Part,
    Pressed,
    Received,
    Refused,
    Renamed,
    Request,
    Said,
    Sent,
    Started,
    Unclear,
)

log = structlog.get_logger()

TEXT, CAPTION, CALLBACK_DATA, BUTTONS, MARKS = 4096, 1024, 64, 100, 100
BODY = 1_000_000  # bytes of a webhook call that we are willing to read
SHORT_LABEL = 20  # up to this length two buttons share a row
CHECK = 10.0  # seconds for a check
WAITING = 100  # updates that nobody fetches: more than a hub at work leaves
LATELY = timedelta(hours=1)
UPDATES = ("message", "callback_query", "my_chat_member")
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
            at_once=8,
            edits=True,
        )
        self._settings = settings
        self._hook = f"{public_url.rstrip('/')}/hooks/{account}"
        self._commands = list(commands)
        self._clock, self._sleep, self._patience = clock, sleep, patience
        # Two of each: a long poll never waits for a send, nor a send for it.
        self._wire = _wire(2 * self.limits.at_once, self.limits.deadline, httpx_kwargs)
        self._ear = _wire(1, patience + 10, httpx_kwargs)
        root = f"{settings.base_url.rstrip('/')}/bot"
        self._bot = Bot(settings.token, base_url=root, request=self._wire, get_updates_request=self._ear)
        self._listener = Bot(settings.token, base_url=root, request=self._ear, get_updates_request=self._ear)
        self._username = ""
        self._introduction: asyncio.Task[None] | None = None
        self._offset: int | None = None
        self._failures = 0

    # ── Out ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def fit(self, message: Message) -> tuple[Part, ...]:
        """HTML parts; the choices under the last one. A picture carries the text as its caption where that is short."""
        _keyboard(message.choices)
        picture, text = _captioned(message)
        if not text and not picture:
            raise ValueError("a message must say something")
        texts = wording.split(text, TEXT, "utf16", rtl=message.rtl, marks=MARKS)
        return tuple(self._part(message, texts, number, picture) for number in range(len(texts)))

    def _part(self, message: Message, texts: Sequence[wording.Text], number: int, picture: Attachment | None) -> Part:
        text, last = texts[number], number == len(texts) - 1
        spelled = text + wording.described([picture]) if picture else text
        return Part(
            text=wording.as_html(text),
            plain=wording.as_plain(spelled, rtl=message.rtl),
            choices=message.choices if last else (),
            attachment=picture,
            language=message.language,
            rtl=message.rtl,
            purpose=message.purpose,
            replaces=message.replaces if number == 0 else "",
        )

    async def send(self, address: str, part: Part) -> Outcome:
        """One request, and what became of it."""
        try:
            async with asyncio.timeout(self.limits.deadline):
                return Sent(await self._ask(address, part))
        except _Declined as declined:
            return _judged(declined, part)
        except TelegramError as fault:
            return exchange.from_fault(fault.__cause__)
        except TimeoutError:
            return Unclear("deadline")
        except Exception as fault:  # an answer that could not be understood: it was sent all the same
            log.error("telegram.answer_not_understood", account=self.account, why=type(fault).__name__)
            return Unclear(type(fault).__name__)

    async def _ask(self, address: str, part: Part) -> str:
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
            return str((await self._bot.send_photo(photo=part.attachment.url, caption=part.text, **common)).message_id)
        return str((await self._bot.send_message(text=part.text, link_preview_options=no_preview, **common)).message_id)

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
        if not isinstance(raw, dict) or not _is_id(raw.get("update_id")):
            return Received(status=400, why="no update_id")
        return Received(self._read([raw]))

    async def poll(self) -> Sequence[AnyUpdate]:
        """Wait for updates. On trouble: a line in the log, a growing wait, and nothing."""
        query = {"offset": self._offset, "timeout": int(self._patience), "limit": 100, "allowed_updates": list(UPDATES)}
        try:
            async with asyncio.timeout(self._patience + 20):
                # In lower case it is not PTB's own method, whose parser stops at the first update that it cannot read.
                found = await self._listener.do_api_request("getupdates", query)
            raws = [raw for raw in found if _is_id(raw.get("update_id"))]
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
            case _Declined(status=401 | 404):
                wait = 60.0
            case _Declined(status=429):
                wait = exchange.seconds(fault.retry_after)
            case _:
                wait = 2.0 ** min(self._failures - 1, 5)
        log.warning("telegram.poll_failed", account=self.account, why=_why(fault), wait=wait, failures=self._failures)
        await self._sleep(wait)

    def _read(self, raws: Sequence[dict[str, Any]]) -> tuple[AnyUpdate, ...]:
        updates: list[AnyUpdate] = []
        for raw in raws:
            # A shape that we cannot read must not come again for a day, with all that is queued behind it.
            with suppress(AttributeError, KeyError, TypeError, ValueError, OverflowError):
                if update := _update(raw, self._clock, self._username):
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
            self._username = (await self._bot.get_me()).username or ""
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
            return isinstance(fault, _Declined) and fault.status == 400  # the same again would be refused again
        return True

    async def check(self) -> Sequence[Finding]:
        """Asks who the bot is, and how it is told of updates. Never asks for updates: that would cut off a hub that
        polls."""
        try:
            async with asyncio.timeout(CHECK):
                me = await self._bot.get_me()
                found = await self._bot.get_webhook_info()
        except Exception as fault:
            return (_unsound(f"accounts.{self.account}", fault),)
        return (
            Finding(True, f"the bot is @{me.username}"),
            *([] if me.can_join_groups else [_NO_GROUPS]),
            self._heard(found),
            *_trouble(found, self._clock()),
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
        self.status = status
        self.description = description  # empty when the answer was not in Telegram's words
        retry_after, moved_to = parameters.get("retry_after"), parameters.get("migrate_to_chat_id")
        self.retry_after = float(retry_after) if isinstance(retry_after, int | float) else None
        self.moved_to = moved_to if _is_id(moved_to) else None


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
        read_timeout=deadline,
        httpx_kwargs=dict(httpx_kwargs or {}),
    )


# ── What an answer means ─────────────────────────────────────────────────────────────────────────────────────────────

_CHAT = r"(?:basic )?(?:group|supergroup|channel)(?: chat)?"
_GONE = {
    400: r"chat not found|private chat not found|PEER_ID_INVALID",
    403: (
        r"bot was blocked by the user|user is deactivated|bot can't initiate conversation with a user"
        r"|bot can't send messages to bots|the group chat was deleted"
        rf"|bot was kicked from the {_CHAT}|bot is not a member of the {_CHAT}"
    ),
}
_NO_RIGHT = (
    r"(?:not enough rights|have no rights) to send .*|CHAT_WRITE_FORBIDDEN"
    r"|need administrator rights in the channel chat"
)
_UNEDITABLE = (
    r"message to edit not found|message can't be edited|MESSAGE_ID_INVALID|there is no text in the message to edit.*"
)


def _judged(declined: _Declined, part: Part) -> Outcome:
    status, why = declined.status, _why(declined)
    if judged := exchange.from_status(status, declined.retry_after):
        return judged
    if not declined.description:
        return exchange.not_the_platform(status)
    if declined.moved_to:
        return Moved(str(declined.moved_to))
    said = regex.sub(r"^(?:Bad Request|Forbidden): ", "", declined.description)
    match status:
        case 400 | 403 if regex.fullmatch(_GONE[status], said, regex.IGNORECASE):
            return Gone(why)
        case 400:
            return _bad_request(said, why, part)
        case 401 | 404:
            return Broken(why)
        case 409:
            return Later(exchange.AGAIN, "account", why)
        case _:
            return Refused(why)


def _bad_request(said: str, why: str, part: Part) -> Outcome:
    if part.replaces and said.startswith("message is not modified"):
        return Sent(part.replaces)
    if part.replaces and regex.fullmatch(_UNEDITABLE, said, regex.IGNORECASE):
        return Refused("cannot edit")
    if said.startswith("can't parse entities"):
        return Refused("markup refused", markup=True)
    if part.attachment:  # most often a picture that Telegram cannot fetch; the words go without it
        return Refused(why, markup=True)
    if regex.fullmatch(_NO_RIGHT, said, regex.IGNORECASE):
        return Gone("no right to write")
    return Refused(why)


def _why(fault: Exception) -> str:
    """A reason for the log: no URL, nothing quoted out of a message, no ids of people."""
    if not isinstance(fault, _Declined):
        return type(fault.__cause__ or fault).__name__
    return f"{fault.status} {_bare(fault.description)}".strip()


def _bare(said: str) -> str:
    return str(regex.sub(r"\"[^\"]*\"|https?://\S+|\d{5,}", "…", said))[:120]


# ── What a check found ───────────────────────────────────────────────────────────────────────────────────────────────

_NO_GROUPS = Finding(
    None, "the bot cannot be added to groups", "If partners' groups shall subscribe: /setjoingroups at @BotFather."
)


def _unsound(where: str, fault: Exception) -> Finding:
    match fault:
        case _Declined(description="") | _Declined(status=500 | 502 | 503 | 504):
            what = f"Telegram is in trouble, or something else answers in its place ({_why(fault)})"
        case _Declined(status=401 | 404):
            return Finding(
                False,
                f"Telegram does not know this token ({_why(fault)})",
                f"Get the token from @BotFather (/mybots), and set {where}.token to it.",
            )
        case _Declined(status=429):
            return Finding(None, "Telegram asks us to wait", "Check again in some minutes.")
        case _Declined():
            what = f"Telegram refuses to answer ({_why(fault)})"
        case _:
            what = f"Telegram cannot be reached ({_why(fault)})"
    return Finding(False, what, f"Look at the network of this machine, its firewall, and {where}.base_url.")


def _host(url: str) -> str:
    """The rest of a webhook's address may hold somebody's token."""
    with suppress(ValueError):
        return urlsplit(url).hostname or "an unknown host"
    return "an unknown host"


def _trouble(found: WebhookInfo, now: datetime) -> Sequence[Finding]:
    findings = []
    if found.url and found.last_error_date and found.last_error_date > now - LATELY:
        said = _bare(found.last_error_message or "no reason")
        findings.append(
            Finding(
                None if not found.pending_update_count else False,
                f"Telegram could not hand over an update at {found.last_error_date:%H:%M} UTC: {said}",
                "Look whether web.public_url can be reached from outside, by HTTPS with a valid certificate.",
            )
        )
    if found.pending_update_count > WAITING:
        findings.append(
            Finding(
                None, f"{found.pending_update_count} updates wait to be fetched", "Look whether the hub is running."
            )
        )
    return findings


# ── What a message looks like ────────────────────────────────────────────────────────────────────────────────────────


def _captioned(message: Message) -> tuple[Attachment | None, wording.Text]:
    """The first picture that Telegram could fetch, when the text is short enough to go under it; what is said in words.

    An edit cannot add a picture.
    """
    text = wording.text_of(message)
    pictures = (a for a in message.attachments if a.kind == "image" and a.url.startswith(("https://", "http://")))
    if not message.replaces and (picture := next(pictures, None)):
        caption = text + wording.described(other for other in message.attachments if other is not picture)
        if wording.measure(wording.as_plain(caption, rtl=message.rtl), "utf16") <= CAPTION:
            return picture, caption
    return None, text + wording.described(message.attachments)


def _keyboard(choices: Sequence[Choice]) -> InlineKeyboardMarkup | None:
    if not choices:
        return None
    if len(choices) > BUTTONS:
        raise ValueError(f"{len(choices)} choices, but Telegram takes {BUTTONS}")
    rows: list[list[InlineKeyboardButton]] = []
    open_row = False
    for choice in choices:
        if not 1 <= len(choice.say.encode()) <= CALLBACK_DATA:
            raise ValueError(f"a choice must say 1 to {CALLBACK_DATA} bytes: {choice.say!r}")
        button = InlineKeyboardButton(choice.label, callback_data=choice.say)
        alone = choice.wide or len(choice.label) > SHORT_LABEL
        if open_row and not alone:
            rows[-1].append(button)
            open_row = False
        else:
            rows.append([button])
            open_row = not alone
    return InlineKeyboardMarkup(rows)


# ── What came in ─────────────────────────────────────────────────────────────────────────────────────────────────────

_KINDS: Mapping[str, Literal["image", "video", "voice", "document", "contact", "location", "other"]] = {
    "photo": "image",
    "live_photo": "image",
    "animation": "video",  # before "document", which is there too
    "video": "video",
    "video_note": "video",
    "voice": "voice",
    "audio": "voice",
    "document": "document",
    "contact": "contact",
    "venue": "location",
    "location": "location",
    "sticker": "other",
    "poll": "other",
    "dice": "other",
    "game": "other",
    "story": "other",
    "paid_media": "other",
    "checklist": "other",
    "rich_message": "other",
}
_COMMAND = regex.compile(r"(/\w+)(?:@(\w+))?(?=\s|\Z)")
_HERE, _AWAY = ("creator", "administrator", "member"), ("left", "kicked")


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _update(raw: Mapping[str, Any], clock: Callable[[], datetime], username: str) -> AnyUpdate | None:
    number = str(raw["update_id"])
    if message := raw.get("message"):
        return _message(number, message, username)
    if query := raw.get("callback_query"):
        return _pressed(number, query, clock())
    if change := raw.get("my_chat_member"):
        return _membership(number, change)
    return None


def _message(number: str, message: Mapping[str, Any], username: str) -> AnyUpdate | None:
    where = _where(number, message["chat"], _time(message["date"]))
    if "migrate_to_chat_id" in message:
        return Renamed(**where, to=str(int(message["migrate_to_chat_id"])))
    if message.get("is_automatic_forward"):  # a channel's post in the group that discusses it: nobody said it to us
        return None
    if text := message.get("text"):
        return _said(where, str(text), username)
    for key, kind in _KINDS.items():
        if key in message:
            return Attached(**where, kind=kind, text=str(message.get("caption") or ""))
    return None


def _said(where: Mapping[str, Any], text: str, username: str) -> AnyUpdate | None:
    command = _COMMAND.match(text)
    if command is None:
        return Said(**where, text=text)
    name, bot = command.groups()
    if bot and username and bot.casefold() != username.casefold():
        return None  # in a group, to another bot
    rest = text[command.end() :]
    if name.casefold() == "/start":
        return Started(**where, payload=rest.strip())
    return Said(**where, text=name + rest)


def _pressed(number: str, query: Mapping[str, Any], now: datetime) -> Pressed | None:
    if not query.get("data"):
        return None
    message = query.get("message") or {"chat": {"id": query["from"]["id"], "type": "private"}, "message_id": ""}
    where = _where(number, message["chat"], now)
    return Pressed(**where, say=str(query["data"]), on=str(message["message_id"]), press=str(query["id"]))


def _membership(number: str, change: Mapping[str, Any]) -> Started | Left | None:
    where = _where(number, change["chat"], _time(change["date"]))
    before, after = (_present(change[key]) for key in ("old_chat_member", "new_chat_member"))
    if not after:
        return Left(**where, why=str(change["new_chat_member"]["status"]))
    return None if before else Started(**where)


def _present(member: Mapping[str, Any]) -> bool:
    return member["status"] in _HERE or bool(member["status"] == "restricted" and member.get("is_member"))


def _where(number: str, chat: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {"id": number, "address": str(int(chat["id"])), "at": at, "group": chat.get("type") != "private"}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
