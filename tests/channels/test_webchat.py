"""The web chat's adapter: messages to safe HTML, and where they go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from channels.contract import (
    Attachment,
    Channel,
    Choice,
    Closed,
    Message,
    Outcome,
    Received,
    Request,
    Sent,
    Span,
    paragraph,
)
from channels.webchat import Shown, WebChat


async def nowhere(address: str, body: bytes, replaces: str, removes: Sequence[str]) -> str | None:
    return None


CHAT = WebChat("chat", nowhere)
LINK = 'rel="noopener noreferrer nofollow" target="_blank"'


@dataclass
class FitCase:
    label: str
    message: Message
    html: str
    plain: str


FIT = [
    FitCase(
        "paragraphs and a title",
        Message((paragraph("One."), paragraph("Two\nlines.")), title="News"),
        '<p dir="auto"><strong>News</strong></p><p dir="auto">One.</p><p dir="auto">Two<br>lines.</p>',
        "News\n\nOne.\n\nTwo\nlines.",
    ),
    FitCase(
        "bold and a link",
        Message((paragraph("See ", Span("here", bold=True, link="https://example.org/?a=1&b=2"), "."),)),
        f'<p dir="auto">See <strong><a href="https://example.org/?a=1&amp;b=2" {LINK}>here</a></strong>.</p>',
        "See here (https://example.org/?a=1&b=2).",
    ),
    FitCase(
        "somebody else's markup is words",
        Message((paragraph("<script>alert('&')</script>"),)),
        '<p dir="auto">&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;</p>',
        "<script>alert('&')</script>",
    ),
    FitCase(
        "a link that does something else than lead somewhere is words",
        Message((paragraph(Span("here", link="javascript:alert(1)")),)),
        '<p dir="auto">here</p>',
        "here (javascript:alert(1))",
    ),
    FitCase(
        "a quote in a link stays inside of it",
        Message((paragraph(Span("x", link='https://example.org/" onclick="alert(1)')),)),
        f'<p dir="auto"><a href="https://example.org/&quot; onclick=&quot;alert(1)" {LINK}>x</a></p>',
        'x (https://example.org/" onclick="alert(1))',
    ),
    FitCase(
        "right to left",
        Message((paragraph("اخبار عراق"),), language="fa", rtl=True),
        '<p dir="auto">اخبار عراق</p>',
        "اخبار عراق",
    ),
    FitCase("emoji", Message((paragraph("👩‍👩‍👧 🇮🇶"),)), '<p dir="auto">👩‍👩‍👧 🇮🇶</p>', "👩‍👩‍👧 🇮🇶"),
    FitCase(
        "a picture is told",
        Message((paragraph("Look."),), attachments=(Attachment("image", "https://example.org/a.jpg", "A map"),)),
        f'<p dir="auto">Look.</p><p dir="auto"><a href="https://example.org/a.jpg" {LINK}>A map</a></p>',
        "Look.\n\nA map (https://example.org/a.jpg)",
    ),
    FitCase("nothing", Message(()), "", ""),
]


@pytest.mark.parametrize("case", FIT, ids=lambda case: case.label)
def test_a_message_becomes_one_part_of_safe_html(case: FitCase) -> None:
    (part,) = CHAT.fit(case.message)
    assert (part.text, part.plain) == (case.html, case.plain)


def test_only_what_is_longer_than_8000_characters_is_split() -> None:
    words = "word " * 1599 + "word."
    assert len(CHAT.fit(Message((paragraph(words),)))) == 1
    first, *others = parts = CHAT.fit(
        Message((paragraph(words), paragraph(words)), choices=(Choice("Yes", "/yes"),), replaces="7")
    )
    assert all(len(part.plain) <= 8000 for part in parts)
    assert (first.replaces, first.choices) == ("7", ())
    assert others[-1].choices == (Choice("Yes", "/yes"),)
    assert not any(part.replaces for part in others)


@given(st.text(), st.text(), st.text(max_size=40))
def test_whatever_is_said_makes_no_element_of_its_own(title: str, words: str, link: str) -> None:
    message = Message((paragraph(words, Span("more", link=f"https://example.org/{link}")),), title=title)
    (part,) = CHAT.fit(message)
    body = LexborHTMLParser(f"<body>{part.text}</body>").body
    assert body is not None
    nodes = list(body.traverse())
    assert {node.tag for node in nodes} <= {"body", "p", "strong", "a", "br"}
    assert {name for node in nodes for name in node.attributes} <= {"dir", "href", "rel", "target"}


@dataclass
class SendCase:
    label: str
    line: str | None
    expected: Outcome


@pytest.mark.parametrize(
    "case",
    [SendCase("the tab is open", "42", Sent("42")), SendCase("the tab is closed", None, Closed())],
    ids=lambda case: case.label,
)
async def test_sending_puts_a_line_where_the_open_tab_finds_it(case: SendCase) -> None:
    posted: list[tuple[str, Shown, str]] = []

    async def post(address: str, body: bytes, replaces: str, removes: Sequence[str]) -> str | None:
        posted.append((address, msgspec.json.decode(body, type=Shown), replaces))
        return case.line

    chat = WebChat("chat", post)
    message = Message(
        (paragraph("سلام"),), language="fa", rtl=True, choices=(Choice("بله", "/yes", True),), replaces="41"
    )
    assert await chat.send("a1", chat.fit(message)[0]) == case.expected
    shown = Shown('<p dir="auto">سلام</p>', (Choice("بله", "/yes", True),), "fa", "rtl")
    assert posted == [("a1", shown, "41")]


PNG = b"\x89PNG\r\n\x1a\n"
NAME = sha256(PNG).hexdigest()
MAP = Attachment("image", "", 'A "map"', data=PNG, mime="image/png", name=NAME)
ELSEWHERE = Attachment("image", "https://example.org/a.jpg", "A map of elsewhere")


async def sent(message: Message) -> list[tuple[Shown, Sequence[str]]]:
    posted: list[tuple[Shown, Sequence[str]]] = []

    async def post(address: str, body: bytes, replaces: str, removes: Sequence[str]) -> str | None:
        posted.append((msgspec.json.decode(body, type=Shown), removes))
        return "42"

    chat = WebChat("chat", post)
    for part in chat.fit(message):
        assert await chat.send("a1", part) == Sent("42")
    return posted


async def test_a_picture_of_ours_stands_over_the_words_and_others_are_told() -> None:
    [(shown, _)] = await sent(Message((paragraph("Look."),), attachments=(ELSEWHERE, MAP)))
    assert (shown.picture, shown.alt) == (NAME, 'A "map"')
    assert "A map of elsewhere" in shown.html
    assert "A &quot;map" not in shown.html


async def test_a_picture_stands_once_over_several_parts() -> None:
    shown = [part for part, _ in await sent(Message((paragraph("word " * 3000),), attachments=(MAP,)))]
    assert [part.picture for part in shown] == [NAME, ""]


async def test_a_picture_without_a_name_of_ours_is_told() -> None:
    nameless = Attachment("image", "", "A map", data=PNG, name="../../etc/passwd")
    [(shown, _)] = await sent(Message((paragraph("Look."),), attachments=(nameless,)))
    assert (shown.picture, shown.html) == ("", '<p dir="auto">Look.</p><p dir="auto">A map</p>')


async def test_lines_vanish_by_a_line_that_says_nothing() -> None:
    [(shown, removes)] = await sent(Message((), removes=("7", "8")))
    assert (shown.html, shown.removes, removes) == ("", ("7", "8"), ("7", "8"))


async def test_there_are_neither_groups_nor_files() -> None:
    assert await CHAT.administers("a", "b") is False
    assert await CHAT.fetch("a") is None


def test_it_is_a_channel_that_neither_polls_nor_has_a_webhook() -> None:
    assert isinstance(CHAT, Channel)
    assert not CHAT.polls
    assert CHAT.receive(Request(b"{}", {})) == Received(status=404, why="the web chat has no webhook")
