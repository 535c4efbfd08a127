"""The web chat: our own page. Messages become safe HTML in rows that the open page reads.

Updates do not come through a webhook here: the web server hands them over itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import ClassVar, Literal

import msgspec

from channels.contract import (
    AnyUpdate,
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

# Puts a body where the page at an address finds it, in place of an earlier line if one is named. The line's id, or None
# when no page is open there.
Post = Callable[[str, bytes, str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Shown:
    """The body of a line: what the page shows."""

    html: str
    choices: tuple[Choice, ...] = ()
    lang: str = "en"
    dir: Literal["ltr", "rtl"] = "ltr"


class WebChat:
    kind: ClassVar[str] = "webchat"
    limits = Limits(
        per_second=500, per_address=50, text=TEXT, choices=100, at_once=32, edits=True, sitting=True, night=False
    )
    polls = False

    def __init__(self, account: str, post: Post) -> None:
        self.account = account
        self._post = post

    def fit(self, message: Message) -> tuple[Part, ...]:
        texts = split(text_of(message) + described(message.attachments), TEXT, "characters", rtl=message.rtl)
        last = len(texts) - 1
        return tuple(
            Part(
                text=as_html(text),
                plain=as_plain(text, rtl=message.rtl),
                choices=message.choices[: self.limits.choices] if number == last else (),
                language=message.language,
                rtl=message.rtl,
                purpose=message.purpose,
                replaces=message.replaces if number == 0 else "",
            )
            for number, text in enumerate(texts)
        )

    async def send(self, address: str, part: Part) -> Outcome:
        shown = Shown(part.text, part.choices, part.language, "rtl" if part.rtl else "ltr")
        line = await self._post(address, msgspec.json.encode(shown), part.replaces)
        return Closed() if line is None else Sent(line)

    def receive(self, request: Request) -> Received:
        return Received(status=404, why="the web chat has no webhook")

    async def poll(self) -> Sequence[AnyUpdate]:
        return ()

    async def acknowledge(self, pressed: Pressed) -> None:
        """The page shows the press by itself."""

    async def open(self) -> None: ...

    async def check(self) -> Sequence[Finding]:
        """It stands on nothing but the hub itself."""
        return ()

    async def close(self) -> None: ...


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
