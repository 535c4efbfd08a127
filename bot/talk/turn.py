"""One turn of a conversation: who speaks, in which language, through what, and all that an answer needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from babel.lists import format_list

from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.topics import Topics, labels
from bot.talk.dates import dated as dated
from bot.talk.dates import formats
from bot.talk.hours import Hours
from channels.contract import Choice, Limits, Message, Paragraph, paragraph
from config.messages import Phrases
from config.settings import Contact, Delivery, Opening
from storage import people
from storage.database import Connection
from storage.keys import KeyStore
from storage.people import Person
from storage.staff import Member

SAY: Final = 64  # bytes that a button may carry

# What a conversation waits for (``Person.step``), besides a wish: "subscribe iq", to be carried out after "I agree".
ASKING: Final = "ask"  # the next message is a question for a counsellor
MISSED: Final = "missed"  # the last message was not understood
# Or, for staff, the words for something that is being made: "draft 12" (``commands.STEPS``).


@dataclass(frozen=True)
class House:
    """Who runs the hub, as an operator states it."""

    name: str
    about: str = ""
    funder: str = ""
    contact: str = ""
    zone: str = "UTC"
    hours: Sequence[Opening] = ()
    contacts: Sequence[Contact] = ()
    kept_days: int = 90
    public_url: str = ""
    valid_for: timedelta = timedelta(days=3)  # that news is of use
    delivery: Delivery = field(default_factory=Delivery)


@dataclass
class Turn:
    """What the answering functions get: ``(turn, argument) -> [Message]``."""

    conn: Connection
    person: Person
    p: Phrases
    limits: Limits
    now: datetime
    house: House
    hours: Hours
    gazetteer: Gazetteer
    topics: Topics
    reader: Reader
    keys: KeyStore
    speak: Callable[[str | None], Phrases]
    do: Callable[[str], list[Message]] = field(repr=False)  # answer a line as if it had been typed
    staff: Member | None = None  # who of the staff works from this chat
    name: str = field(default="", repr=False)  # the address that they speak from, as its platform calls it
    on: str = ""  # the message of ours whose button was pressed
    written: str = ""  # the message of theirs, as its platform calls it, where it can be removed
    again: bool = False  # the message before was not understood either

    # ── The person ───────────────────────────────────────────────────────────────────────────────────────────────────

    def change(self, **values: object) -> None:
        """Set columns of the person where they differ."""
        if any(getattr(self.person, name) != value for name, value in values.items()):
            people.change(self.conn, self.person.id, **values)
            self.reload()

    def reload(self) -> None:
        self.person = people.get(self.conn, self.person.id)

    # ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def country(self, code: str) -> str:
        return self.gazetteer.name(code, self.p.language)

    def topic(self, slug: str) -> str:
        return labels(self.p.t).get(slug) or self.p.t(self.topics.label(slug))

    def named(self, countries: Iterable[str] = (), topics: Iterable[str] = ()) -> list[str]:
        """Names in the person's language: countries by name, then topics in the order of the taxonomy."""
        wanted = set(topics)
        return [
            *sorted(map(self.country, set(countries))),
            *(self.topic(slug) for slug in self.topics.slugs if slug in wanted),
        ]

    def topics_listed(self, slugs: Iterable[str]) -> str:
        return parted(self.p, self.named(topics=slugs))

    def listed(self, names: Sequence[str]) -> str:
        return listed(self.p, names)

    def surely(self, words: Callable[[Turn], Sequence[str]]) -> list[str]:
        """Sentences that must not be misunderstood: with the English under them, for as long as no native speaker has
        reviewed the catalogue of the person's language."""
        both = words(self), () if self.p.reviewed else words(replace(self, p=self.speak("en")))
        return list(dict.fromkeys(sentence for side in both for sentence in side))

    # ── The answer ───────────────────────────────────────────────────────────────────────────────────────────────────

    def reply(
        self,
        *paragraphs: str | Paragraph,
        title: str = "",
        choices: Iterable[Choice] = (),
        here: bool = False,
    ) -> Message:
        """A reply. ``here``: in the place of the message whose button was pressed, where the platform can."""
        return Message(
            paragraphs=tuple(paragraph(p) if isinstance(p, str) else p for p in paragraphs if p),
            title=title,
            choices=tuple(choices),
            language=self.p.language,
            rtl=self.p.rtl,
            replaces=self.on if here and self.limits.edits else "",
        )


def listed(p: Phrases, names: Sequence[str]) -> str:
    """ "Iraq, Iran and Pakistan" in the person's language."""
    return str(format_list(list(names), locale=formats(p)))


def parted(p: Phrases, names: Iterable[str]) -> str:
    """Parted by semicolons, for names with commas in them."""
    return ("؛ " if p.rtl else "; ").join(names)


def said(command: str, words: Iterable[str], ending: str = "") -> str:
    """A button's line, with as many of the words as a button can carry."""
    line = command
    for word in words:
        longer = f"{line} {word}"
        if len(f"{longer}{ending}".encode()) > SAY:
            break
        line = longer
    return line + ending
