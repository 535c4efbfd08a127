"""The Telegram adapter against a strict stand-in: what goes out, what each answer means, what comes in."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from channels.contract import (
    AnyUpdate,
    Attached,
    Attachment,
    BadSettings,
    Broken,
    Channel,
    Choice,
    Gone,
    Later,
    Left,
    Message,
    Moved,
    Outcome,
    Part,
    Pressed,
    Refused,
    Renamed,
    Request,
    Said,
    Sent,
    Span,
    Started,
    Unclear,
    paragraph,
)
from channels.telegram import SECRET_HEADER, Settings, Telegram
from tests.providers.contract import EXAMPLES
from tests.providers.telegram import TelegramStandIn

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
ANA, GROUP = 777000111, -1001234567890
SECRET = "hook-secret_1"


@pytest.fixture
def platform() -> Iterator[TelegramStandIn]:
    with TelegramStandIn(rate=10_000, chat_burst=10_000) as platform:
        yield platform
        assert platform.violations == []


def adapter(platform: TelegramStandIn, **more: Any) -> Telegram:
    settings = Settings(platform.token, platform.base_url, **more.pop("settings", {}))
    return Telegram("main", settings, clock=lambda: NOW, httpx_kwargs={"trust_env": False}, **{"patience": 1.0, **more})


@pytest.fixture
async def telegram(platform: TelegramStandIn) -> AsyncIterator[Telegram]:
    telegram = adapter(platform)
    yield telegram
    await telegram.close()


def said(*texts: str, **more: Any) -> Message:
    return Message(paragraphs=tuple(map(paragraph, texts)), **more)


def only(telegram: Telegram, message: Message) -> Part:
    [part] = telegram.fit(message)
    return part


# ── What an answer means ──


@dataclass(frozen=True)
class Case:
    label: str
    answer: Callable[[TelegramStandIn], object]
    expected: Outcome
    address: int = ANA


def answers(
    status: int, description: str, address: int = ANA, **parameters: int
) -> Callable[[TelegramStandIn], object]:
    return lambda platform: platform.answers(address, status, description, **parameters)


FORBIDDEN = "403 Forbidden: "
BAD = "400 Bad Request: "
SEND = [
    Case("accepted", lambda platform: None, Sent("1001")),
    Case("blocked", lambda p: p.block(ANA), Gone(FORBIDDEN + "bot was blocked by the user")),
    Case("account deleted", lambda p: p.deactivate(ANA), Gone(FORBIDDEN + "user is deactivated")),
    Case("never started", lambda p: p.forget(ANA), Gone(BAD + "chat not found")),
    Case(
        "never wrote to us",
        answers(403, "Forbidden: bot can't initiate conversation with a user"),
        Gone(FORBIDDEN + "bot can't initiate conversation with a user"),
    ),
    Case("no such person", answers(400, "Bad Request: PEER_ID_INVALID"), Gone(BAD + "PEER_ID_INVALID")),
    Case(
        "thrown out of a group",
        answers(403, "Forbidden: bot was kicked from the supergroup chat"),
        Gone(FORBIDDEN + "bot was kicked from the supergroup chat"),
    ),
    Case(
        "no longer in a channel",
        answers(403, "Forbidden: bot is not a member of the channel chat"),
        Gone(FORBIDDEN + "bot is not a member of the channel chat"),
    ),
    Case(
        "group deleted",
        answers(403, "Forbidden: the group chat was deleted"),
        Gone(FORBIDDEN + "the group chat was deleted"),
    ),
    Case(
        "may not write in a group",
        answers(400, "Bad Request: not enough rights to send text messages to the chat"),
        Gone("no right to write"),
    ),
    Case("a group closed to us", answers(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), Gone("no right to write")),
    Case(
        "an unknown 403 never removes anybody",
        answers(403, "Forbidden: something new"),
        Refused(FORBIDDEN + "something new"),
    ),
    Case(
        "nearly a known 403 removes nobody",
        answers(403, "Forbidden: bot was blocked by the user's parents"),
        Refused(FORBIDDEN + "bot was blocked by the user's parents"),
    ),
    Case("became a supergroup", lambda p: p.migrate(ANA, GROUP), Moved(str(GROUP))),
    Case("markup not understood", lambda p: p.refuse_html(1), Refused("markup refused", markup=True)),
    Case(
        "another 400 is quoted without our words",
        answers(400, 'Bad Request: URL "https://iom.int/a" of 777000111 is invalid'),
        Refused(BAD + "URL … of … is invalid"),
    ),
    Case("too large", answers(413, "Request Entity Too Large"), Refused("status 413")),
    Case("told to wait", lambda p: p.throttle(7), Later(7, "account", "status 429")),
    Case("told to wait, not how long", answers(429, "Too Many Requests"), Later(5, "account", "status 429")),
    Case("token revoked", lambda p: p.revoke(), Broken("401 Unauthorized")),
    Case("token unknown", answers(404, "Not Found"), Broken("404 Not Found")),
    Case("two hubs at once", answers(409, "Conflict: …"), Later(5, "account", "409 Conflict: …")),
    Case("a teapot", answers(418, "I'm a teapot"), Refused("418 I'm a teapot")),
    Case("a gateway's page, not taken", lambda p: p.bad_gateway(1), Unclear("status 502")),
    Case("a gateway's page, but taken", lambda p: p.bad_gateway(1, accept=True), Unclear("status 502")),
    Case("server error in Telegram's words", answers(500, "Internal Server Error"), Unclear("status 500")),
    Case("taken, then silence", lambda p: p.drop_after_accepting(1), Unclear("RemoteProtocolError")),
    Case("not taken, and silence", lambda p: p.drop_before_accepting(1), Unclear("RemoteProtocolError")),
    Case("nobody listens", lambda p: p.down(), Later(5, "account", "ConnectError")),
]


@pytest.mark.parametrize("case", SEND, ids=[case.label for case in SEND])
async def test_what_an_answer_means(case: Case, platform: TelegramStandIn, telegram: Telegram) -> None:
    case.answer(platform)
    part = only(telegram, said("a < b"))
    outcome = await telegram.send(str(case.address), part)
    if isinstance(outcome, Unclear) and outcome.why == "ReadError":  # how the system reports the same cut connection
        outcome = Unclear("RemoteProtocolError")
    assert outcome == case.expected
    assert len(platform.methods()) <= 1, "exactly one request"


@pytest.mark.parametrize(("status", "page"), [(403, b"<html>no</html>"), (400, b"[1]"), (302, b"")])
async def test_a_page_that_is_not_telegrams_removes_and_refuses_nobody(status: int, page: bytes) -> None:
    async with StrangeServer(status, page) as base_url:
        telegram = Telegram("main", Settings("1:x", base_url), httpx_kwargs={"trust_env": False})
        outcome = await telegram.send("1", only(telegram, said("hi")))
        await telegram.close()
    assert outcome == Later(60, "account", f"status {status}, but not from the platform")


@pytest.mark.parametrize("page", [b"<html>welcome</html>", b'{"ok":true}', b'{"ok":true,"result":{}}', b"\xff"])
async def test_an_answer_that_cannot_be_understood_is_unclear(page: bytes) -> None:
    async with StrangeServer(200, page) as base_url:
        telegram = Telegram("main", Settings("1:x", base_url), httpx_kwargs={"trust_env": False})
        outcome = await telegram.send("1", only(telegram, said("hi")))
        await telegram.close()
    assert isinstance(outcome, Unclear)


class StrangeServer:
    """Answers everything with one page."""

    def __init__(self, status: int, page: bytes) -> None:
        self.answer = f"HTTP/1.1 {status} .\r\nContent-Length: {len(page)}\r\n\r\n".encode() + page

    async def __aenter__(self) -> str:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()
        writer.close()


async def test_a_refused_markup_goes_out_as_plain_text(platform: TelegramStandIn, telegram: Telegram) -> None:
    platform.refuse_html(1)
    part = only(telegram, said("1 < 2 & ", title="News"))
    assert await telegram.send(str(ANA), part) == Refused("markup refused", markup=True)
    assert isinstance(await telegram.send(str(ANA), replace(part, text=part.plain, attachment=None)), Sent)
    assert [(message.text, message.parse_mode) for message in platform.sent] == [("News\n\n1 < 2 & ", "")]


async def test_a_request_that_takes_too_long_is_unclear(platform: TelegramStandIn, telegram: Telegram) -> None:
    telegram.limits = replace(telegram.limits, deadline=0.2)
    platform.delay(5)
    assert await telegram.send(str(ANA), only(telegram, said("hi"))) == Unclear("deadline")


# ── What is shown ──


async def test_a_message_arrives_as_meant(platform: TelegramStandIn, telegram: Telegram) -> None:
    message = Message(
        title="سلام & خوش",
        paragraphs=(
            paragraph("دفتر IOM ", Span("اینجا", link="https://iom.int/?a=1&b=2"), " 👨‍👩‍👧‍👦"),
            paragraph(Span("<b>", bold=True)),
        ),
        choices=(
            Choice("بله", "/yes"),
            Choice("نه", "/no"),
            Choice("همه‌ی کشورها", "/all", wide=True),
            Choice("x", "/x"),
        ),
        language="fa",
        rtl=True,
    )
    part = only(telegram, message)
    assert isinstance(await telegram.send(str(ANA), part), Sent)
    [shown] = platform.sent
    assert shown.text == "سلام & خوش\n\nدفتر \u2068IOM\u2069 اینجا 👨‍👩‍👧‍👦\n\n<b>"
    assert shown.links == ["https://iom.int/?a=1&b=2"]
    assert [[button["callback_data"] for button in row] for row in shown.keyboard] == [
        ["/yes", "/no"],
        ["/all"],
        ["/x"],
    ]
    assert platform.calls[-1].parameters["link_preview_options"] == {"is_disabled": True}


def test_long_labels_have_a_row_of_their_own(platform: TelegramStandIn) -> None:
    from channels.telegram import _keyboard

    labels = ["a", "b" * 21, "c", "d", "e"]
    keyboard = _keyboard([Choice(label, f"/{label[0]}") for label in labels])
    assert keyboard is not None
    assert [[b.text[0] for b in row] for row in keyboard.inline_keyboard] == [["a"], ["b"], ["c", "d"], ["e"]]


async def test_a_long_message_is_several_parts_with_the_choices_last(
    platform: TelegramStandIn, telegram: Telegram
) -> None:
    parts = telegram.fit(said("👍 Sentence. " * 800, choices=(Choice("More", "/more"),), replaces="7"))
    assert [bool(part.choices) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [part.replaces for part in parts] == ["7"] + [""] * (len(parts) - 1)
    for part in parts:
        assert isinstance(await telegram.send(str(ANA), replace(part, replaces="")), Sent)
    assert "".join(m.text for m in platform.sent).count("👍") == 800


def test_more_than_a_hundred_links_are_not_lost(platform: TelegramStandIn) -> None:
    items = tuple(paragraph(Span("a", link=f"https://x.org/{n}")) for n in range(150))
    assert [part.text.count("<a ") for part in adapter(platform).fit(Message(paragraphs=items))] == [100, 50]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (said("hi", choices=(Choice("a", "/" + "я" * 32),)), "64 bytes"),
        (said("hi", choices=(Choice("a", ""),)), "64 bytes"),
        (said("hi", choices=(Choice("a", "/a"),) * 101), "101 choices"),
        (said(" "), "must say something"),
    ],
)
def test_what_no_bot_may_say_is_a_bug(message: Message, why: str, platform: TelegramStandIn) -> None:
    with pytest.raises(ValueError, match=why):
        adapter(platform).fit(message)


MAP = Attachment(kind="image", url="https://iom.int/map.png", alt="A map of Kabul")


async def test_a_picture_carries_a_short_text(platform: TelegramStandIn, telegram: Telegram) -> None:
    part = only(telegram, said("Where we are", attachments=(MAP,), choices=(Choice("OK", "/ok"),)))
    assert isinstance(await telegram.send(str(ANA), part), Sent)
    [shown] = platform.sent
    assert (shown.photo, shown.text, shown.buttons) == (MAP.url, "Where we are", [("OK", "/ok")])


async def test_a_picture_with_a_long_text_is_a_link(platform: TelegramStandIn, telegram: Telegram) -> None:
    part = only(telegram, said("word " * 300, attachments=(MAP,)))
    assert part.attachment is None
    assert isinstance(await telegram.send(str(ANA), part), Sent)
    assert platform.sent[0].links == [MAP.url]


async def test_other_attachments_are_links_in_the_caption_and_count(
    platform: TelegramStandIn, telegram: Telegram
) -> None:
    film = Attachment(kind="video", url="https://iom.int/film", alt="How to register")
    short = only(telegram, said("Where we are", attachments=(film, MAP)))
    assert isinstance(await telegram.send(str(ANA), short), Sent)
    assert (platform.sent[0].photo, platform.sent[0].links) == (MAP.url, [film.url])
    assert only(telegram, said("x" * 1000, attachments=(film, MAP))).attachment is None


async def test_a_picture_that_cannot_be_fetched_goes_as_words(platform: TelegramStandIn, telegram: Telegram) -> None:
    platform.unreachable(MAP.url)
    part = only(telegram, said("Where we are", attachments=(MAP,)))
    outcome = await telegram.send(str(ANA), part)
    assert isinstance(outcome, Refused)
    assert outcome.markup
    assert isinstance(await telegram.send(str(ANA), replace(part, text=part.plain, attachment=None)), Sent)
    assert platform.sent[0].text == f"Where we are\n\nA map of Kabul ({MAP.url})"


PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50


def pictured(data: bytes = PNG, name: str = "hash") -> Message:
    return said("Where we are", attachments=(Attachment("image", "", "A map", data=data, mime="image/png", name=name),))


async def test_a_picture_of_ours_is_uploaded_once(platform: TelegramStandIn, telegram: Telegram) -> None:
    part = only(telegram, pictured())
    assert isinstance(await telegram.send(str(ANA), part), Sent)
    assert isinstance(await telegram.send(str(ANA + 1), part), Sent)
    assert isinstance(await telegram.send(str(ANA), only(telegram, pictured(PNG + b"1", "other"))), Sent)
    assert [(platform.files[message.photo], message.text) for message in platform.sent] == [
        (PNG, "Where we are"),
        (PNG, "Where we are"),
        (PNG + b"1", "Where we are"),
    ]
    assert platform.uploads == 2


async def test_while_a_picture_is_uploaded_the_next_one_waits(platform: TelegramStandIn, telegram: Telegram) -> None:
    platform.delay(0.3)
    part = only(telegram, pictured())
    outcomes = await asyncio.gather(*(telegram.send(str(ANA + n), part) for n in range(3)))
    assert [type(outcome) for outcome in outcomes] == [Sent, Later, Later]
    platform.delay(0)
    assert isinstance(await telegram.send(str(ANA + 1), part), Sent)
    assert platform.uploads == 1


async def test_an_upload_that_fails_is_tried_by_the_next_one(platform: TelegramStandIn, telegram: Telegram) -> None:
    platform.block(ANA)
    part = only(telegram, pictured())
    assert isinstance(await telegram.send(str(ANA), part), Gone)
    assert isinstance(await telegram.send(str(ANA + 1), part), Sent)


async def test_a_picture_that_is_no_longer_there_is_uploaded_anew(
    platform: TelegramStandIn, telegram: Telegram
) -> None:
    part = only(telegram, pictured())
    assert isinstance(await telegram.send(str(ANA), part), Sent)
    platform.files.clear()
    assert await telegram.send(str(ANA), part) == Later(1.0, "address", "its picture is uploaded anew")
    assert isinstance(await telegram.send(str(ANA), part), Sent)
    assert platform.uploads == 2


async def test_what_is_no_picture_is_not_uploaded_again_and_the_words_go_without_it(
    platform: TelegramStandIn, telegram: Telegram
) -> None:
    part = only(telegram, pictured(b"<svg/>"))
    for _ in range(2):
        outcome = await telegram.send(str(ANA), part)
        assert isinstance(outcome, Refused)
        assert outcome.markup
    assert platform.methods() == ["sendPhoto"]
    assert isinstance(await telegram.send(str(ANA), replace(part, text=part.plain, attachment=None)), Sent)
    assert platform.sent[0].text == "Where we are\n\nA map"


FETCH: list[tuple[str, Callable[[TelegramStandIn], str], bytes | None]] = [
    ("a picture", lambda p: p.picture(PNG), PNG),
    ("more than five megabytes", lambda p: p.picture(PNG + b"0" * 5_000_000), None),
    ("more than Telegram hands out", lambda p: p.picture(PNG + b"0" * 20_000_000), None),
    ("one that nobody sent", lambda p: "AgACnobody", None),
    ("nobody listens", lambda p: p.picture(PNG) if not p.down() else "", None),  # type: ignore[func-returns-value]
]


@pytest.mark.parametrize(("sent", "expected"), [row[1:] for row in FETCH], ids=[row[0] for row in FETCH])
async def test_fetching_a_picture(
    sent: Callable[[TelegramStandIn], str], expected: bytes | None, platform: TelegramStandIn, telegram: Telegram
) -> None:
    with structlog.testing.capture_logs() as lines:
        assert await telegram.fetch(sent(platform)) == expected
    assert platform.token not in repr(lines)


async def test_a_picture_may_stand_alone(platform: TelegramStandIn, telegram: Telegram) -> None:
    assert isinstance(await telegram.send(str(ANA), only(telegram, Message((), attachments=(MAP,)))), Sent)
    assert platform.sent[0].text == ""


# ── Edits ──


async def test_a_message_is_replaced_in_place(platform: TelegramStandIn, telegram: Telegram) -> None:
    sent = await telegram.send(str(ANA), only(telegram, said("old", choices=(Choice("A", "/a"),))))
    assert isinstance(sent, Sent)
    new = only(telegram, said("new", choices=(Choice("B", "/b"),), replaces=sent.id))
    assert await telegram.send(str(ANA), new) == sent
    [shown] = platform.sent
    assert (shown.text, shown.buttons, shown.edits) == ("new", [("B", "/b")], ["old"])
    assert await telegram.send(str(ANA), new) == sent, "'not modified' is as good as done"


@pytest.mark.parametrize("gone", ["5", "photo", "not a number"])
async def test_what_cannot_be_edited_is_refused_so_that_it_goes_out_anew(
    gone: str, platform: TelegramStandIn, telegram: Telegram
) -> None:
    if gone == "photo":
        sent = await telegram.send(str(ANA), only(telegram, said("old", attachments=(MAP,))))
        assert isinstance(sent, Sent)
        gone = sent.id
    part = only(telegram, said("new", replaces=gone))
    assert await telegram.send(str(ANA), part) == Refused("cannot edit")
    assert isinstance(await telegram.send(str(ANA), replace(part, replaces="")), Sent)


# ── Vanishing ──


async def test_messages_vanish_a_hundred_in_one_request(platform: TelegramStandIn, telegram: Telegram) -> None:
    sent = [await telegram.send(str(ANA), only(telegram, said(text))) for text in ("one", "two", "three")]
    ids = [outcome.id for outcome in sent if isinstance(outcome, Sent)]
    parts = telegram.fit(Message((), removes=(*ids[:2], *map(str, range(5000, 5118)))))
    assert [await telegram.send(str(ANA), part) for part in parts] == [Sent(""), Sent("")]
    assert [message.text for message in platform.shown(ANA)] == ["three"]
    assert [len(call.parameters["message_ids"]) for call in platform.calls[3:]] == [100, 20]


VANISH: list[tuple[str, Callable[[TelegramStandIn], object], Outcome]] = [
    ("too old", lambda p: p.refuses("deleteMessages", 400, "Bad Request: message can't be deleted"), Sent("")),
    ("gone already", lambda p: p.refuses("deleteMessages", 400, "Bad Request: message to delete not found"), Sent("")),
    ("blocked", lambda p: p.block(ANA), Gone(FORBIDDEN + "bot was blocked by the user")),
    (
        "told to wait",
        lambda p: p.refuses("deleteMessages", 429, "Too Many Requests: retry after 5"),
        Later(5, "account", "status 429"),
    ),
]


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in VANISH], ids=[row[0] for row in VANISH])
async def test_what_an_answer_to_vanishing_means(
    answer: Callable[[TelegramStandIn], object], expected: Outcome, platform: TelegramStandIn, telegram: Telegram
) -> None:
    answer(platform)
    assert await telegram.send(str(ANA), only(telegram, Message((), removes=("5",)))) == expected


async def test_what_is_no_id_of_telegrams_is_left_out(platform: TelegramStandIn, telegram: Telegram) -> None:
    assert await telegram.send(str(ANA), only(telegram, Message((), removes=("", "abc")))) == Sent("")
    assert platform.methods() == []


# ── Who runs a group ──

RUNS: list[tuple[str, Callable[[TelegramStandIn], object], str, bool | None]] = [
    ("an admin", lambda p: p.admins[GROUP].add(ANA), str(ANA), True),
    ("a member", lambda p: None, str(ANA), False),
    ("a channel that speaks there", lambda p: None, "-100777", False),
    ("nobody known", lambda p: None, "somebody", False),
    ("no member", lambda p: p.refuses("getChatMember", 400, "Bad Request: user not found"), str(ANA), False),
    (
        "no member, in other words",
        lambda p: p.refuses("getChatMember", 400, "Bad Request: PARTICIPANT_ID_INVALID"),
        str(ANA),
        False,
    ),
    (
        "the list is not shown to us",
        lambda p: p.refuses("getChatMember", 400, "Bad Request: member list is inaccessible"),
        str(ANA),
        None,
    ),
    ("told to wait", lambda p: p.refuses("getChatMember", 429, "Too Many Requests: retry after 5"), str(ANA), None),
    ("nobody listens", lambda p: p.down(), str(ANA), None),
]


@pytest.mark.parametrize(("before", "who", "expected"), [row[1:] for row in RUNS], ids=[row[0] for row in RUNS])
async def test_who_runs_a_group(
    before: Callable[[TelegramStandIn], object],
    who: str,
    expected: bool | None,
    platform: TelegramStandIn,
    telegram: Telegram,
) -> None:
    before(platform)
    assert await telegram.administers(str(GROUP), who) is expected


async def test_the_owner_runs_it_too(telegram: Telegram, platform: TelegramStandIn, monkeypatch: Any) -> None:
    owner = {"status": "creator", "user": BOT | {"is_bot": False}, "is_anonymous": True}
    monkeypatch.setattr(platform, "_member_of", lambda chat, user: owner)
    assert await telegram.administers(str(GROUP), "5") is True


async def test_where_it_can_be_written_to_alone_is_known_once_it_is_open(telegram: Telegram) -> None:
    assert telegram.link == ""
    await telegram.open()
    assert telegram.link == "https://t.me/serai_test_bot"


# ── What comes in ──

EXAMPLE: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))["telegram"] if EXAMPLES.exists() else {}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(1790000000 + seconds, UTC)


FROM_EXAMPLES: list[tuple[str, AnyUpdate | None]] = [
    ("hook_start", Started(id="910001", address=str(ANA), at=at(0), written="5", payload="c_9fK2")),
    ("hook_text", Said(id="910002", address=str(ANA), at=at(10), written="6", text="hello")),
    (
        "hook_button",
        Pressed(id="910003", address=str(ANA), at=NOW, say="lang:sr", on="7", press="333222111"),
    ),
    ("hook_blocked", Left(id="910004", address=str(ANA), at=at(20), why="kicked")),
    ("hook_unblocked", Started(id="910005", address=str(ANA), at=at(30))),
    ("hook_staff_topic_reply", None),  # what members of a group say to each other is not for us
    ("hook_migrated", Renamed(id="910007", address="-4001", at=at(50), group=True, to=str(GROUP))),
]


def message(chat: int = ANA, **content: Any) -> dict[str, Any]:
    kind = "private" if chat > 0 else "supergroup"
    person = {"id": ANA, "is_bot": False, "first_name": "Ana"}
    body = {"message_id": 5, "from": person, "chat": {"id": chat, "type": kind}, "date": 1790000000, **content}
    return {"update_id": 1, "message": body}


def membership(before: dict[str, Any], after: dict[str, Any], chat_type: str = "private") -> dict[str, Any]:
    chat = {"id": ANA if chat_type == "private" else GROUP, "type": chat_type}
    change = {"chat": chat, "from": {"id": ANA}, "date": 1790000000}
    change |= {"old_chat_member": before, "new_chat_member": after}
    return {"update_id": 1, "my_chat_member": change}


def press(chat: int, kind: str) -> dict[str, Any]:
    on = {"chat": {"id": chat, "type": kind}, "message_id": 7, "date": 0}
    return {"update_id": 1, "callback_query": {"id": "9", "from": {"id": ANA}, "data": "/all", "message": on}}


def post(text: str, **content: Any) -> dict[str, Any]:
    chat = {"id": GROUP, "type": "channel"}
    body = {"message_id": 5, "sender_chat": chat, "chat": chat, "date": 1790000000, "text": text, **content}
    return {"update_id": 1, "channel_post": body}


def size(file_id: str, width: int, **more: int) -> dict[str, Any]:
    return {"file_id": file_id, "width": width, "height": width, **more}


CHAT: dict[str, Any] = {"id": "1", "address": str(ANA), "at": at(0)}
PERSON: dict[str, Any] = CHAT | {"written": "5"}
ROOM: dict[str, Any] = {"id": "1", "address": str(GROUP), "at": at(0), "group": True}
MEMBER: dict[str, Any] = ROOM | {"by": str(ANA), "written": "5"}
BOT = {"id": 123456789, "is_bot": True, "first_name": "Serai"}  # as the stand-in's token has it
FORWARDED = {"type": "hidden_user", "sender_user_name": "Ali", "date": 0}
HUGE = 6_000_000
RECEIVE: list[tuple[str, dict[str, Any], AnyUpdate | None]] = [
    ("Dari", message(text="سلام، ویزا"), Said(**PERSON, text="سلام، ویزا")),
    ("Bangla", message(text="আমি কাজ খুঁজছি"), Said(**PERSON, text="আমি কাজ খুঁজছি")),
    ("emoji", message(text="👨‍👩‍👧‍👦🇦🇫"), Said(**PERSON, text="👨‍👩‍👧‍👦🇦🇫")),
    ("a command", message(text="/news iraq"), Said(**PERSON, text="/news iraq")),
    ("start without a payload", message(text="/start"), Started(**PERSON)),
    ("start by name", message(text="/start@serai_test_bot iraq_visas"), Started(**PERSON, payload="iraq_visas")),
    ("a word that begins like start", message(text="/started"), Said(**PERSON, text="/started")),
    ("an address, not a command", message(text="/a/b@c"), Said(**PERSON, text="/a/b@c")),
    ("passed on", message(text="a", forward_origin=FORWARDED), Said(**PERSON, text="a", forwarded=True)),
    ("a voice message", message(voice={"file_id": "x"}), Attached(**PERSON, kind="voice")),
    ("a round video", message(video_note={}), Attached(**PERSON, kind="video")),
    ("an animation", message(animation={}, document={}), Attached(**PERSON, kind="video")),
    ("a file", message(document={}), Attached(**PERSON, kind="document")),
    ("a contact", message(contact={"phone_number": "+93"}), Attached(**PERSON, kind="contact")),
    ("a place", message(venue={}, location={}), Attached(**PERSON, kind="location")),
    ("a sticker", message(sticker={"emoji": "👍"}), Attached(**PERSON, kind="other")),
    ("an edit", {"update_id": 1, "edited_message": message(text="x")["message"]}, None),
    ("a kind not known yet", {"update_id": 1, "telepathy": {}}, None),
    ("nothing", {"update_id": 1}, None),
    ("a shape not known yet", {"update_id": 1, "message": {"chat": 5}}, None),
    ("a time not of this world", message(text="x", date=10**30), None),
    # Pictures
    (
        "a photo, the largest of its sizes",
        message(photo=[size("s", 90), size("l", 900), size("m", 300)], caption="کابل"),
        Attached(**PERSON, kind="image", text="کابل", file="l"),
    ),
    (
        "a photo whose largest size is too large",
        message(photo=[size("s", 90), size("l", 900, file_size=HUGE)], forward_origin=FORWARDED),
        Attached(**PERSON, kind="image", file="s", forwarded=True),
    ),
    (
        "a picture as a file",
        message(document={"file_id": "d", "mime_type": "image/png", "file_size": 9}),
        Attached(**PERSON, kind="image", file="d"),
    ),
    (
        "a huge picture as a file",
        message(document={"file_id": "d", "mime_type": "image/png", "file_size": HUGE}),
        Attached(**PERSON, kind="image"),
    ),
    (
        "a text as a file",
        message(document={"file_id": "d", "mime_type": "text/plain"}),
        Attached(**PERSON, kind="document"),
    ),
    # Presses
    (
        "a press on a message that is gone",
        press(ANA, "private"),
        Pressed(**CHAT | {"at": NOW}, say="/all", on="7", press="9"),
    ),
    (
        "a press without its message",
        {"update_id": 1, "callback_query": {"id": "9", "from": {"id": ANA}, "data": "/all"}},
        Pressed(**{**CHAT, "at": NOW}, say="/all", press="9"),
    ),
    ("a game", {"update_id": 1, "callback_query": {"id": "9", "from": {"id": ANA}, "game_short_name": "x"}}, None),
    (
        "a press in a group",
        press(GROUP, "supergroup"),
        Pressed(**ROOM | {"at": NOW, "by": str(ANA)}, say="/all", on="7", press="9"),
    ),
    (
        "a press in a channel is one of its readers'",
        press(GROUP, "channel"),
        Pressed(**ROOM | {"at": NOW, "by": str(ANA)}, say="/all", on="7", press="9"),
    ),
    # Groups
    ("words among members", message(GROUP, text="how are you"), None),
    ("a command in a group", message(GROUP, text="/news iraq"), Said(**MEMBER, text="/news iraq")),
    (
        "a command to us",
        message(GROUP, text="/news@Serai_test_bot iraq"),
        Said(**MEMBER, text="/news@Serai_test_bot iraq"),
    ),
    ("a command to another bot", message(GROUP, text="/news@weatherbot"), None),
    ("start in a group", message(GROUP, text="/start@serai_test_bot iq"), Started(**MEMBER, payload="iq")),
    ("our name", message(GROUP, text="iraq, @SERAI_test_bot?"), Said(**MEMBER, text="iraq, @SERAI_test_bot?")),
    ("nearly our name", message(GROUP, text="iraq, @serai_test_bot2"), None),
    ("an address of mail", message(GROUP, text="write to a@serai_test_bot"), None),
    (
        "an answer to us",
        message(GROUP, text="iraq", reply_to_message={"message_id": 4, "from": BOT}),
        Said(**MEMBER, text="iraq"),
    ),
    ("an answer to somebody", message(GROUP, text="iraq", reply_to_message={"from": {"id": ANA}}), None),
    (
        "an admin who does not show their name",
        message(GROUP, text="/stop", sender_chat={"id": GROUP, "type": "supergroup"}),
        Said(**ROOM, written="5", text="/stop"),
    ),
    (
        "a member who speaks as a channel of theirs",
        message(GROUP, text="/stop", sender_chat={"id": -100777, "type": "channel"}),
        Said(**ROOM, by="-100777", written="5", text="/stop"),
    ),
    ("a command that was passed on", message(GROUP, text="/stop", forward_origin=FORWARDED), None),
    ("a photo in a group", message(GROUP, photo=[size("s", 90)], caption="/stop"), None),
    ("somebody joined", message(GROUP, new_chat_members=[{}]), None),
    ("something pinned", message(GROUP, pinned_message={}), None),
    ("a channel's post in its group", message(GROUP, text="/x", is_automatic_forward=True), None),
    ("the new group's own note of moving", message(GROUP, migrate_from_chat_id=-4001), None),
    # Channels
    ("a channel's post", post("Good morning"), None),
    ("a command in a channel", post("/subscribe iraq"), Said(**ROOM, written="5", text="/subscribe iraq")),
    ("start in a channel", post("/start"), Started(**ROOM, written="5")),
    ("a signed post", post("/stop", **{"from": {"id": ANA}}), Said(**ROOM, written="5", text="/stop")),
    # Being there
    ("thrown out", membership({"status": "member"}, {"status": "kicked"}, "group"), Left(**ROOM, why="kicked")),
    ("made admin", membership({"status": "member"}, {"status": "administrator"}, "supergroup"), None),
    (
        "added to a channel",
        membership({"status": "left"}, {"status": "administrator"}, "channel"),
        Started(**ROOM, by=str(ANA)),
    ),
    ("unblocked", membership({"status": "kicked"}, {"status": "member"}), Started(**CHAT)),
    (
        "muted, but there",
        membership({"status": "member"}, {"status": "restricted", "is_member": True}, "supergroup"),
        None,
    ),
    (
        "restricted, and away",
        membership({"status": "member"}, {"status": "restricted", "is_member": False}, "supergroup"),
        Left(**ROOM, why="restricted"),
    ),
]


def hook(raw: object, secret: str = SECRET) -> Request:
    body = raw if isinstance(raw, bytes) else json.dumps(raw, ensure_ascii=False).encode()
    return Request(body, {SECRET_HEADER: secret})


@pytest.fixture
async def listener(platform: TelegramStandIn) -> AsyncIterator[Telegram]:
    telegram = adapter(
        platform, settings={"mode": "webhook", "webhook_secret": SECRET}, public_url="http://127.0.0.1:9"
    )
    await telegram.open()
    yield telegram
    await telegram.close()


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in RECEIVE], ids=[row[0] for row in RECEIVE])
async def test_what_comes_in(raw: dict[str, Any], expected: AnyUpdate | None, listener: Telegram) -> None:
    received = listener.receive(hook(raw))
    assert (received.status, received.body) == (200, b"")
    assert list(received.updates) == ([expected] if expected else [])


@pytest.mark.skipif(not EXAMPLE, reason=f"the documented examples are not here: {EXAMPLES.name}")
@pytest.mark.parametrize(("name", "expected"), FROM_EXAMPLES, ids=[row[0] for row in FROM_EXAMPLES])
async def test_documented_examples(name: str, expected: AnyUpdate | None, listener: Telegram) -> None:
    received = listener.receive(hook(EXAMPLE[name]))
    assert list(received.updates) == ([expected] if expected else [])
    assert "Ana" not in repr(received)


REFUSED: list[tuple[str, Request, int, str]] = [
    ("a wrong secret", hook({"update_id": 1}, "wrong"), 401, "wrong secret"),
    ("a secret in another script", hook({"update_id": 1}, "کلید"), 401, "wrong secret"),
    ("no secret", Request(b"{}", {}), 401, "wrong secret"),
    ("not JSON", hook(b"<xml/>"), 400, "not JSON"),
    ("not UTF-8", hook(b'{"update_id": 1, "x": "\xff"}'), 400, "not JSON"),
    ("deeper than anybody writes", hook(b"[" * 100_000), 400, "not JSON"),
    ("a list", hook([1]), 400, "no update_id"),
    ("no update_id", hook({"message": {}}), 400, "no update_id"),
    ("update_id is no number", hook({"update_id": True}), 400, "no update_id"),
    ("more than a megabyte", hook({"update_id": 1, "x": "x" * 1_000_000}), 400, "body too large"),
]


@pytest.mark.parametrize(("request_", "status", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_what_is_not_let_in(request_: Request, status: int, why: str, listener: Telegram) -> None:
    received = listener.receive(request_)
    assert (received.status, received.why, list(received.updates)) == (status, why, [])


def test_without_a_secret_nothing_is_let_in(platform: TelegramStandIn) -> None:
    assert adapter(platform).receive(Request(b'{"update_id": 1}', {SECRET_HEADER: ""})).status == 401


async def test_a_press_is_never_later_than_a_block_that_follows_it(platform: TelegramStandIn) -> None:
    telegram = adapter(platform, settings={"mode": "webhook", "webhook_secret": SECRET})
    telegram._clock = lambda: NOW.replace(microsecond=900_000)
    [pressed] = telegram.receive(hook(press(ANA, "private"))).updates
    assert pressed.at == NOW


# ── Polling ──


async def test_updates_are_confirmed_by_the_next_call(platform: TelegramStandIn, telegram: Telegram) -> None:
    await telegram.open()
    platform.start(ANA, "iraq")
    platform.press(ANA, 5, "/yes")
    first = await telegram.poll()
    assert [type(update) for update in first] == [Started, Pressed]

    again = adapter(platform)  # the process died before it confirmed anything
    assert [update.id for update in await again.poll()] == [update.id for update in first]
    await again.close()

    platform.say(ANA, "hello")
    assert [type(update) for update in await telegram.poll()] == [Said]


async def test_a_poll_waits_for_what_comes(platform: TelegramStandIn, telegram: Telegram) -> None:
    waiting = asyncio.create_task(telegram.poll())
    await asyncio.sleep(0.1)
    await asyncio.to_thread(platform.block_by_user, ANA)
    [left] = await waiting
    assert isinstance(left, Left)


async def test_a_quiet_poll_brings_nothing(telegram: Telegram) -> None:
    assert await telegram.poll() == ()


async def test_an_update_that_cannot_be_read_holds_nothing_up(platform: TelegramStandIn, telegram: Telegram) -> None:
    platform.update("message", {"message_id": "?"})
    platform.say(ANA, "hello")
    assert [type(update) for update in await telegram.poll()] == [Said]
    assert await telegram.poll() == ()


async def test_trouble_while_polling_waits_longer_each_time(platform: TelegramStandIn) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    telegram = adapter(platform, sleep=sleep)
    platform.down()
    for _ in range(7):
        assert await telegram.poll() == ()
    assert waits == [1, 2, 4, 8, 16, 32, 32]
    platform.up()
    platform.say(ANA, "hello")
    assert [type(update) for update in await telegram.poll()] == [Said]
    platform.revoke()
    assert await telegram.poll() == ()
    assert waits[7:] == [60]
    await telegram.close()


async def test_a_second_poller_is_a_conflict_not_a_crash(platform: TelegramStandIn) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    one, two = adapter(platform, sleep=sleep), adapter(platform, sleep=sleep)
    first = asyncio.create_task(one.poll())
    await asyncio.sleep(0.1)
    assert await two.poll() == ()
    assert await first == ()
    assert (waits, platform.conflicts) == ([1], 1)
    await one.close()
    await two.close()


# ── Opening ──


async def test_opening_sets_commands_and_takes_an_old_webhook_away(platform: TelegramStandIn) -> None:
    telegram = adapter(platform, commands=[("news", "Latest news"), ("stop", "Stop")])
    await telegram.open()
    assert platform.methods() == ["getMe", "deleteWebhook", "setMyCommands"]
    assert platform.commands == [
        {"command": "news", "description": "Latest news"},
        {"command": "stop", "description": "Stop"},
    ]
    await telegram.close()


async def test_opening_registers_the_webhook(platform: TelegramStandIn, listener: Telegram) -> None:
    assert platform.webhook["url"] == "http://127.0.0.1:9/hooks/main"
    assert platform.webhook["secret_token"] == SECRET
    assert platform.webhook["allowed_updates"] == ["message", "channel_post", "callback_query", "my_chat_member"]


async def test_opening_without_a_network_goes_on_trying(platform: TelegramStandIn) -> None:
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await gate.wait()

    telegram = adapter(platform, sleep=sleep)
    platform.down()
    await telegram.open()
    assert platform.methods() == []
    platform.up()
    gate.set()
    await asyncio.to_thread(platform.wait_called, "deleteWebhook")
    await telegram.close()


async def test_closing_stops_the_trying(platform: TelegramStandIn) -> None:
    telegram = adapter(platform)
    platform.down()
    await telegram.open()
    await telegram.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


HALF: list[tuple[str, dict[str, Any], str]] = [
    ("no token", {"token": ""}, "token"),
    ("a token with a slash", {"token": "1:a/b"}, "token"),
    ("an address that is none", {"base_url": "api.telegram.org"}, "base_url"),
    ("an unknown mode", {"mode": "telepathy"}, "mode"),
    ("a webhook without a secret", {"mode": "webhook"}, "webhook_secret"),
    ("a secret that Telegram would refuse", {"mode": "webhook", "webhook_secret": "a b"}, "webhook_secret"),
    ("no rate", {"rates": 0}, "rates"),
]


@pytest.mark.parametrize(("settings", "key"), [row[1:] for row in HALF], ids=[row[0] for row in HALF])
def test_a_half_configured_account_says_what_is_missing(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(BadSettings, match=f"accounts.main.{key}"):
        Telegram("main", Settings(**{"token": "1:x", **settings}))


async def test_a_webhook_needs_a_public_url() -> None:
    telegram = Telegram("main", Settings("1:x", mode="webhook", webhook_secret=SECRET))
    with pytest.raises(BadSettings, match="public_url"):
        await telegram.open()
    await telegram.close()


# ── The rest of the contract ──


def test_it_is_a_channel(platform: TelegramStandIn) -> None:
    channel: Channel = adapter(platform, settings={"rates": 5.0})
    assert isinstance(channel, Channel)
    assert (channel.kind, channel.account, channel.polls, channel.limits.per_second) == ("telegram", "main", True, 5.0)


async def test_a_press_is_acknowledged_and_trouble_with_that_is_nobodys(
    platform: TelegramStandIn, telegram: Telegram
) -> None:
    pressed = Pressed(id="1", address=str(ANA), at=NOW, say="/all", press="333")
    await telegram.acknowledge(pressed)
    assert platform.acknowledged == ["333"]
    platform.down()
    await telegram.acknowledge(pressed)


async def test_no_token_and_no_word_reach_a_log_or_an_outcome(
    platform: TelegramStandIn, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def sleep(seconds: float) -> None: ...

    caplog.set_level(logging.DEBUG)
    outcomes: list[Outcome] = []
    with structlog.testing.capture_logs() as lines:
        telegram = adapter(platform, sleep=sleep)
        part = only(telegram, said("private words"))
        await telegram.open()
        await telegram.poll()
        for case in SEND:
            case.answer(platform)
            outcomes.append(await telegram.send(str(ANA), part))
            platform.allow(ANA)
            platform.throttle(0)
        await telegram.poll()  # nobody listens
        platform.up()
        await telegram.poll()  # the token was revoked
        await telegram.open()
        await telegram.close()
    shown = "\n".join([caplog.text, *capsys.readouterr(), repr(outcomes), repr(lines), repr(telegram._settings)])
    assert len(lines) >= 3
    for secret in (platform.token, platform.token.split(":")[1], "private words", str(ANA)):
        assert secret not in shown
