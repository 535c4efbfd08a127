"""What Telegram tells us of, as our own updates. Pure, and without python-telegram-bot.

In a group, what members say to each other never comes in: only a command, a mention of our name, or an answer to a
message of ours. Our name stays in such a text, so that the conversation can tell who called us from who answered us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import regex

from channels.contract import AnyUpdate, Attached, Left, Pressed, Renamed, Said, Started

UPDATES = ("message", "channel_post", "callback_query", "my_chat_member")
PICTURE = 5_000_000  # bytes of a picture that is taken in

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
_PICTURES = ("image/jpeg", "image/png", "image/webp")
_COMMAND = regex.compile(r"(/\w+)(?:@(\w+))?(?=\s|\Z)")
_HERE, _AWAY = ("creator", "administrator", "member"), ("left", "kicked")


@dataclass(frozen=True, slots=True)
class Ourselves:
    """The bot: its id, and its name without @, empty as long as we could not ask for it."""

    id: str
    username: str = ""

    def named(self, username: str) -> bool:
        """Whether this name is ours, as far as we know."""
        return not self.username or username.casefold() == self.username.casefold()

    def mentioned(self, text: str) -> bool:
        return bool(self.username) and any(map(self.named, regex.findall(r"(?<!\w)@(\w+)", text)))


def is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read(raw: Mapping[str, Any], clock: Callable[[], datetime], me: Ourselves) -> AnyUpdate | None:
    """None for what does not concern us. Raises one of the usual errors for a shape that is not known."""
    number = str(raw["update_id"])
    if message := raw.get("message") or raw.get("channel_post"):
        return _message(number, message, me)
    if query := raw.get("callback_query"):
        return _pressed(number, query, clock())
    if change := raw.get("my_chat_member"):
        return _membership(number, change)
    return None


# ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _message(number: str, message: Mapping[str, Any], me: Ourselves) -> AnyUpdate | None:
    where = _where(number, message["chat"], _time(message["date"]))
    if "migrate_to_chat_id" in message:
        return Renamed(**where, to=str(int(message["migrate_to_chat_id"])))
    if message.get("is_automatic_forward"):  # a channel's post in the group that discusses it: nobody said it to us
        return None
    forwarded = "forward_origin" in message
    if where["group"]:
        # Files, and what somebody said elsewhere, are nothing that is said to us.
        return _said(where | _writer(message), message, me) if "text" in message and not forwarded else None
    where |= {"written": str(message["message_id"])}
    if message.get("text"):
        return _said(where, message, me, forwarded=forwarded)
    for key, kind in _KINDS.items():
        if key in message:
            return _attached(where, message, key, kind, forwarded)
    return None


def _writer(message: Mapping[str, Any]) -> dict[str, str]:
    """Who wrote it. In a channel only those who run it can, and an anonymous admin writes as the group itself."""
    chat = message["chat"]
    sender = message.get("sender_chat") or message.get("from") or {}
    anonymous = chat["type"] == "channel" or sender.get("id") == chat["id"]
    return {"by": "" if anonymous else str(sender.get("id", "somebody")), "written": str(message["message_id"])}


def _said(
    where: Mapping[str, Any], message: Mapping[str, Any], me: Ourselves, *, forwarded: bool = False
) -> AnyUpdate | None:
    text = str(message["text"])
    command = _COMMAND.match(text)
    if command is None:
        if where["group"] and not (me.mentioned(text) or _answers(message, me)):
            return None
        return Said(**where, text=text, forwarded=forwarded)
    name, bot = command.groups()
    if bot and not me.named(bot):
        return None
    rest = text[command.end() :]
    if name.casefold() == "/start":
        return Started(**where, payload=rest.strip())
    return Said(**where, text=text if where["group"] else name + rest, forwarded=forwarded)


def _answers(message: Mapping[str, Any], me: Ourselves) -> bool:
    return str((message.get("reply_to_message") or {}).get("from", {}).get("id")) == me.id


def _attached(
    where: Mapping[str, Any], message: Mapping[str, Any], key: str, kind: Any, forwarded: bool
) -> AnyUpdate | None:
    file, is_picture = _picture(key, message[key])
    return Attached(
        **where,
        kind="image" if is_picture else kind,
        text=str(message.get("caption") or ""),
        forwarded=forwarded,
        file=file,
    )


def _picture(key: str, content: Any) -> tuple[str, bool]:
    """What to fetch a picture by, the largest size of it that we take; and whether it is one, sent as a file or not."""
    sizes: Sequence[Mapping[str, Any]] = ()
    if key == "photo":
        sizes = content
    elif key == "document" and content.get("mime_type") in _PICTURES:
        sizes = [content]
    small = [size for size in sizes if size.get("file_size", 0) <= PICTURE]
    largest = max(small, key=lambda size: size.get("width", 0) * size.get("height", 0), default=None)
    return str(largest["file_id"]) if largest else "", bool(sizes)


# ── Presses, and being there ─────────────────────────────────────────────────────────────────────────────────────────


def _pressed(number: str, query: Mapping[str, Any], now: datetime) -> Pressed | None:
    if not query.get("data"):
        return None
    message = query.get("message") or {"chat": {"id": query["from"]["id"], "type": "private"}, "message_id": ""}
    # A press has no time of its own. Whole seconds, like all of theirs: who blocks us right after it did so later.
    where = _where(number, message["chat"], now.replace(microsecond=0)) | _member(message["chat"], query["from"])
    return Pressed(**where, say=str(query["data"]), on=str(message["message_id"]), press=str(query["id"]))


def _membership(number: str, change: Mapping[str, Any]) -> Started | Left | None:
    where = _where(number, change["chat"], _time(change["date"]))
    before, after = (_present(change[key]) for key in ("old_chat_member", "new_chat_member"))
    if not after:
        return Left(**where, why=str(change["new_chat_member"]["status"]))
    return None if before else Started(**where | _member(change["chat"], change["from"]))


def _present(member: Mapping[str, Any]) -> bool:
    return member["status"] in _HERE or bool(member["status"] == "restricted" and member.get("is_member"))


def _member(chat: Mapping[str, Any], person: Mapping[str, Any]) -> dict[str, str]:
    return {} if chat.get("type") == "private" else {"by": str(person.get("id", "somebody"))}


def _where(number: str, chat: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {"id": number, "address": str(int(chat["id"])), "at": at, "group": chat.get("type") != "private"}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
