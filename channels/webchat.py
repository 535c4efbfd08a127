"""The web chat: our own page. Messages become safe HTML in rows that the open page reads.

Updates do not come through a webhook here: the web server hands them over itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from html import escape
from typing import ClassVar, Literal

import msgspec
import regex

from channels.contract import (
    AnyUpdate,
    Attachment,
    Choice,
    Closed,
    Finding,
    Limits,
    Message,
    Outcome,
    Paragraph,
    Part,
    Pressed,
    Received,
    Request,
    Sent,
    Span,
)
from channels.wording import Text, as_plain, described, split, text_of

TEXT = 8000

# Puts a body where the page at an address finds it, in place of an earlier line if one is named, and takes away the
# lines that are named last. The line's id, or None when no page is open there.
Post = Callable[[str, bytes, str, Sequence[str]], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Shown:
    """The body of a line: what the page shows, or which lines it takes away. ``picture`` is its name."""

    html: str
    choices: tuple[Choice, ...] = ()
    lang: str = "en"
    dir: Literal["ltr", "rtl"] = "ltr"
    picture: str = ""
    alt: str = ""
    removes: tuple[str, ...] = ()


class WebChat:
    kind: ClassVar[str] = "webchat"
    limits = Limits(
        per_second=500,
        per_address=50,
        text=TEXT,
        choices=100,
        at_once=32,
        edits=True,
        removes=timedelta(days=3650),  # the lines are ours
        sitting=True,
        night=False,
    )
    polls = False

    def __init__(self, account: str, post: Post) -> None:
        self.account = account
        self._post = post

    def fit(self, message: Message) -> tuple[Part, ...]:
        """The first picture of ours that the page can ask for stands over the words; the others are told."""
        if message.removes:
            return (Part("", "", language=message.language, purpose=message.purpose, removes=message.removes),)
        picture = next(filter(_shows, message.attachments), None)
        others = described(attachment for attachment in message.attachments if attachment is not picture)
        texts = split(text_of(message) + others, TEXT, "characters", rtl=message.rtl)
        last = len(texts) - 1
        return tuple(
            Part(
                text=as_html(text),
                plain=as_plain(text, rtl=message.rtl),
                choices=message.choices[: self.limits.choices] if number == last else (),
                attachment=picture if number == 0 else None,
                language=message.language,
                rtl=message.rtl,
                purpose=message.purpose,
                replaces=message.replaces if number == 0 else "",
            )
            for number, text in enumerate(texts)
        )

    async def send(self, address: str, part: Part) -> Outcome:
        shown = Shown(part.text, part.choices, part.language, "rtl" if part.rtl else "ltr", removes=part.removes)
        if part.attachment:
            shown = replace(shown, picture=part.attachment.name, alt=part.attachment.alt)
        line = await self._post(address, msgspec.json.encode(shown), part.replaces, part.removes)
        return Closed() if line is None else Sent(line)

    def receive(self, request: Request) -> Received:
        return Received(status=404, why="the web chat has no webhook")

    async def poll(self) -> Sequence[AnyUpdate]:
        return ()

    async def administers(self, group: str, who: str) -> bool | None:
        """There are no groups here."""
        return False

    async def fetch(self, file: str) -> bytes | None:
        """Nothing can be sent to us but words."""
        return None

    async def acknowledge(self, pressed: Pressed) -> None:
        """The page shows the press by itself."""

    async def open(self) -> None: ...

    async def check(self) -> Sequence[Finding]:
        """It stands on nothing but the hub itself."""
        return ()

    async def close(self) -> None: ...


def _shows(attachment: Attachment) -> bool:
    """The page loads nothing from elsewhere, which would learn who looks: only what we keep ourselves, by its hash."""
    return (
        attachment.kind == "image" and bool(attachment.data) and bool(regex.fullmatch("[0-9a-f]{64}", attachment.name))
    )


def as_html(text: Text) -> str:
    """Paragraphs whose own first letter tells their direction, for news is often in another language than the chat."""
    return "".join(f'<p dir="auto">{_paragraph(paragraph)}</p>' for paragraph in text)


def _paragraph(paragraph: Paragraph) -> str:
    return "".join(_span(span) for span in paragraph)


def _span(span: Span) -> str:
    text = escape(span.text).replace("\n", "<br>")
    if span.link.startswith(("https://", "http://")):
        text = f'<a href="{escape(span.link)}" rel="noopener noreferrer nofollow" target="_blank">{text}</a>'
    return f"<strong>{text}</strong>" if span.bold else text
