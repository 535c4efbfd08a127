"""What staff write to many, as a person gets it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from babel import Locale

from bot.news.text import clean
from bot.talk.dates import dated
from channels.contract import Attachment, Choice, Message, Purpose, paragraph
from config.messages import Phrases
from storage.pictures import Picture

TITLE: Final = 80  # characters: a first line of so many, with a blank line under it, is a title
FULL_STOPS: Final = tuple(".,;:،؛۔।")


def announcement(content: Mapping[str, Any], p: Phrases, picture: Picture | None) -> Message:
    """In the person's language, else in English, else in the first that there is."""
    if content.get("withdrawn"):
        return _withdrawn(content, p)
    texts = texts_of(content)
    code = next((code for code in (p.language, "en") if code in texts), next(iter(texts), p.language))
    said = texts.get(code, {"text": ""})
    blocks = [*said["text"].split("\n\n"), p.t("This is corrected. It replaces what we sent before.")]
    return Message(
        tuple(paragraph(block) for block in (blocks if content.get("corrected") else blocks[:-1])),
        title=said.get("title", ""),
        choices=(Choice(p.t("What I get"), "/mine"),),
        attachments=(_shown(picture, content),) if picture else (),
        language=code,
        rtl=Locale.parse(code, sep="-").text_direction == "rtl",
        purpose=Purpose.news,
    )


def _withdrawn(content: Mapping[str, Any], p: Phrases) -> Message:
    """Nothing of what it said, for that is what must not be believed; only where nothing else names it, its title."""
    sent = datetime.fromisoformat(content["sent"]) if "sent" in content else None
    about = p.t("It was about: {title}", title=content["about"]) if content.get("about") else ""
    lines = (p.t("We sent it on {date}.", date=dated(p, sent.date())) if sent else "", about)
    words = (*filter(None, lines), p.t("Please do not go by it."))
    return Message(
        tuple(paragraph(line) for line in words),
        title=p.t("This message was withdrawn."),
        language=p.language,
        rtl=p.rtl,
        purpose=Purpose.news,
    )


def _shown(picture: Picture, content: Mapping[str, Any]) -> Attachment:
    alt = (content.get("picture") or {}).get("alt", "")
    return Attachment("image", "", alt, picture.data, picture.mime, picture.name)


def texts_of(content: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The texts, by language; nothing else of a content."""
    return {code: said for code, said in content.items() if isinstance(said, dict) and "text" in said}


def text_in(words: str) -> dict[str, str]:
    """A text as it is kept, its title apart where it begins with one."""
    words = clean(words)
    head, gap, rest = words.partition("\n\n")
    titled = gap and "\n" not in head and len(head) <= TITLE and not head.endswith(FULL_STOPS)
    return {"title": head, "text": rest.strip()} if titled else {"title": "", "text": words}


# ── Pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LARGEST: Final = 5 * 1024 * 1024  # bytes


def picture_at(path: Path, alt: str) -> tuple[bytes, str, str]:
    """The bytes of a picture in a file, their type, and what is on it. ``NoPicture`` when it is none that we send."""
    if path.stat().st_size > LARGEST or (mime := kind_of(data := path.read_bytes())) is None:
        raise NoPicture(f"{path} is no JPEG, PNG or WebP of at most 5 MB.")
    return data, mime, alt


class NoPicture(ValueError):
    """The message says so in English."""


def kind_of(data: bytes) -> str | None:
    """The type of a picture that we send, by its first bytes; None for anything else, and for what is too large."""
    if len(data) > LARGEST:
        return None
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None
