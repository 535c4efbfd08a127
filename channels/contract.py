"""What every adapter must know, and all that it must know.

Neutral on one side (``Message``, ``Update``, ``Outcome``), one platform on the other. Nothing here imports anything of
ours, and nothing here does any I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

# ── What we say ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Purpose(StrEnum):
    """Why a message is sent; platforms allow different things for each."""

    reply = "reply"  # answers what a person just did; overtakes everything else
    news = "news"
    service = "service"  # about the subscription itself
    counselling = "counselling"  # a person's case; never resent silently


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text. ``link`` is an absolute http(s) address."""

    text: str
    bold: bool = False
    link: str = ""


Paragraph: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. ``say`` is what the press means *as a typed line* ("/countries +iq"), at most 64 bytes of UTF-8.

    So each button has a typed equivalent by construction, an old button still works, and a channel without buttons
    numbers the choices and turns the number back into the line.
    """

    label: str
    say: str
    wide: bool = False  # on a row of its own


@dataclass(frozen=True, slots=True)
class Attachment:
    """``url`` is an absolute http(s) address; where there is none, ``data`` holds the bytes themselves, of type
    ``mime``, and ``name`` (the hash of them) tells one from another."""

    kind: Literal["image", "video", "voice", "document"]
    url: str
    alt: str  # alternative text; required, for it is all that some channels can show
    data: bytes = field(default=b"", repr=False)
    mime: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to say to one address, before any platform's markup."""

    paragraphs: tuple[Paragraph, ...]
    title: str = ""
    choices: tuple[Choice, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    language: str = "en"  # BCP 47
    rtl: bool = False
    purpose: Purpose = Purpose.reply
    replaces: str = ""  # the platform's id of an earlier message of ours that this one takes the place of, where it can
    # The platform's ids of messages in this chat, ours and theirs, that are to vanish; then it says nothing itself.
    removes: tuple[str, ...] = ()


def paragraph(*pieces: str | Span) -> Paragraph:
    """A paragraph of plain strings and spans."""
    return tuple(Span(piece) if isinstance(piece, str) else piece for piece in pieces)


@dataclass(frozen=True, slots=True)
class Part:
    """What ``send`` puts on the wire in exactly one request. Made by ``fit``; opaque to everyone else.

    ``text`` is in the adapter's own markup, ``plain`` the same without any: what remains when the platform refuses the
    markup.
    """

    text: str
    plain: str
    choices: tuple[Choice, ...] = ()
    attachment: Attachment | None = None
    language: str = "en"
    rtl: bool = False
    purpose: Purpose = Purpose.reply
    replaces: str = ""
    removes: tuple[str, ...] = ()


# ── What became of it ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Sent:
    """Accepted by the platform, under its own ``id``."""

    id: str


@dataclass(frozen=True, slots=True)
class Later:
    """A limit, or it never left us: try again ``after`` seconds. Uses up no attempt."""

    after: float
    whose: Literal["account", "address"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """The request left us and no answer came, or a 5xx page did: it may have arrived."""

    why: str


@dataclass(frozen=True, slots=True)
class Gone:
    """Blocked, deleted, never started: nothing more to this address. Only exactly known answers may say so."""

    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The address has a new name; write it down and send there."""

    address: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This content never. ``markup`` when only the markup was refused: it is tried once more as plain text."""

    why: str
    markup: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The platform's window for free text is shut (or the tab is), and no template fits."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The account itself: a dead token, a lost permission. Hold its queue and tell an admin."""

    why: str


Outcome: TypeAlias = Sent | Later | Unclear | Gone | Moved | Refused | Closed | Broken


# ── What came in ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Something that happened at an address. No names, no phone book: those end in the adapter.

    ``id`` is the platform's own, so that the same update twice is handled once. ``at`` is the platform's time (aware,
    UTC).
    """

    id: str
    address: str = field(repr=False)
    at: datetime
    group: bool = False  # the address is a group or a channel, not one person
    # In a group: who of its members it was, as ``administers`` wants it; empty where only those who run it can speak.
    by: str = field(default="", repr=False)
    written: str = ""  # the platform's id of what they wrote, so that it can be removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Update):
    text: str = field(repr=False)
    forwarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(Update):
    """A button of ours: ``say`` is the choice's typed line, ``on`` the platform's id of the message that bears it."""

    say: str
    on: str = ""
    press: str = field(default="", repr=False)  # what ``acknowledge`` needs, if anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached(Update):
    """A file, a contact, a place. What it holds is not taken in here."""

    kind: Literal["image", "video", "voice", "document", "contact", "location", "other"]
    text: str = field(default="", repr=False)  # the caption
    forwarded: bool = False
    file: str = field(default="", repr=False)  # of a picture: what ``fetch`` wants


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Update):
    """The person opened (or re-opened) the conversation; ``payload`` is the deep link's, unchecked."""

    payload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(Update):
    """Blocked us or left. Nothing more goes there until a strictly newer ``Started`` or word of theirs."""

    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed(Update):
    """The platform gave this address another name (a group became a supergroup)."""

    to: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Update):
    message: str  # the platform's id of our message
    state: Literal["delivered", "read", "failed"]


AnyUpdate: TypeAlias = Said | Pressed | Attached | Started | Left | Renamed | Receipt


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook call, as bytes. Header names in lower case."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """What a webhook call held, and the answer that it gets *after* the updates are stored."""

    updates: Sequence[AnyUpdate] = ()
    status: int = 200
    body: bytes = b""
    why: str = ""  # for the log when status is not 2xx; holds no words of anyone


# ── What a platform allows ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits are data: the pace reads them, adapters do not sleep. Rates are messages per ``seconds``."""

    per_second: float  # a whole account
    per_address: float = 1.0  # messages a second to one address
    per_group_minute: int = 0  # messages a minute to one group; 0: as to a person
    text: int = 4096  # length of one part, in ``unit``
    unit: Literal["characters", "utf16", "bytes"] = "characters"
    choices: int = 100
    choice_label: int = 64  # characters
    deadline: float = 30.0  # seconds that one request may stay open
    at_once: int = 8  # requests under way
    edits: bool = False  # a message of ours can be replaced in place
    removes: timedelta = timedelta(0)  # messages in a chat can be made to vanish for so long; 0: never
    sitting: bool = False  # the address lasts as long as an open page
    night: bool = True  # quiet hours make sense here


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: well (True), worth knowing (None) or at fault (False); and what a person should do.

    Neither says a token, nor an address with anything secret in it.
    """

    ok: bool | None
    what: str
    todo: str = ""


@runtime_checkable
class Channel(Protocol):
    """One account on one platform.

    Either ``receive`` or ``poll`` (or both) brings updates; ``polls`` tells. An adapter never raises for what a
    platform can answer.
    """

    kind: ClassVar[str]  # "telegram"
    account: str  # our name of it, lower case
    limits: Limits
    polls: bool

    def fit(self, message: Message) -> tuple[Part, ...]:
        """Split a message into parts that the platform takes. Pure; at least one part."""

    async def send(self, address: str, part: Part) -> Outcome:
        """Exactly one request."""

    def receive(self, request: Request) -> Received:
        """Verify and parse a webhook call. Pure."""

    async def poll(self) -> Sequence[AnyUpdate]:
        """Wait for updates (at most ~50 s). Those of the previous call are confirmed by calling again."""

    async def administers(self, group: str, who: str) -> bool | None:
        """Whether this member (``Update.by``) runs this group; None when the platform did not say."""

    async def fetch(self, file: str) -> bytes | None:
        """The bytes of a picture (``Attached.file``), 5 MB at the most; None when it cannot be had."""

    async def acknowledge(self, pressed: Pressed) -> None:
        """Let the person see at once that the press arrived. Best effort."""

    async def open(self) -> None:
        """Whatever the platform wants before the first request (register a webhook, the command menu)."""

    async def check(self) -> Sequence[Finding]:
        """Whether the account works as it is set up, asked of the platform. Changes nothing, and disturbs no hub that
        drives the account at the same time. Needs no ``open``; never raises for what a platform can answer."""

    async def close(self) -> None: ...


class BadSettings(ValueError):
    """A half-configured account. Names the key and says what is missing; stops the start."""
