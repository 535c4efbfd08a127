"""What can be typed: reading a line, and the table of all commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import regex
from rapidfuzz import fuzz, process

from bot.talk import (
    broadcast,
    consent,
    desk,
    directory,
    draft,
    hide,
    office,
    onboarding,
    rights,
    search,
    staff,
    subscription,
    when,
)
from bot.talk.turn import Turn
from bot.talk.words import HELP, NEWS, key
from channels.contract import Choice, Message
from config.messages import Phrases

Answering = Callable[[Turn, str], list[Message]]

_SLASHED = regex.compile(r"[/／\\]\s?(?P<name>[^\s@/]{1,32})(?:@\w+)?(?:\s+(?P<argument>.*))?", regex.DOTALL)
_SHORTEST: Final = 4  # letters of a command that a guess is made for


@dataclass(frozen=True, slots=True)
class Line:
    """A typed line: a command and what follows it. ``slashed``: certainly meant as one."""

    command: str
    argument: str = ""
    slashed: bool = True


def help_page(turn: Turn, _: str = "") -> list[Message]:
    t = turn.p.t
    return [
        turn.reply(
            t("Read: /news for the latest, or send the name of a country, a topic, or any words."),
            t("Get news sent to you: /start, /countries, /topics, /subscribe Iraq, /unsubscribe Iraq, /mine"),
            t("How often it comes, and when not: /when, /quiet, /regional"),
            t("Talk to a person: /ask. Find help in a country: /contacts Iraq"),
            t("You and us: /language, /privacy, /about"),
            t("What we know about you: /export gives you a copy, /delete deletes it."),
            t("No more news: /stop"),
            t("Make what we wrote here vanish: /hide"),
            title=t("What you can do here"),
            choices=[
                Choice(t("News"), "/news"),
                Choice(t("What I get"), "/mine"),
                Choice(t("Ask a counsellor"), "/ask"),
                Choice(t("Language"), "/language"),
            ],
        )
    ]


def staff_(turn: Turn, argument: str = "") -> list[Message]:
    return staff.staff_(turn, argument, [name for name in STAFF_COMMANDS if for_staff(turn, name)])


COMMANDS: Final[Mapping[str, Answering]] = {
    "start": onboarding.start,
    "news": search.news,
    "subscribe": subscription.subscribe,
    "unsubscribe": subscription.unsubscribe,
    "mine": subscription.mine,
    "countries": subscription.countries,
    "topics": subscription.topics,
    "when": when.when,
    "quiet": when.quiet,
    "regional": when.regional,
    "language": onboarding.language,
    "ask": office.ask,
    "contacts": directory.contacts,
    "cancel": office.cancel,
    "agree": onboarding.agree,
    "later": onboarding.later,
    "stop": subscription.stop,
    "why": desk.why,
    "fewer": subscription.fewer,
    "help": help_page,
    "privacy": consent.privacy,
    "export": rights.export,
    "hide": hide.hide,
    "delete": rights.delete,
    "about": consent.about,
    "staff": staff_,
}

# For who of the staff has the role; to everybody else they are no commands at all.
STAFF_COMMANDS: Final[Mapping[str, tuple[str, Answering]]] = {
    "waiting": ("editor", desk.waiting),
    "show": ("editor", desk.show),
    "approve": ("editor", desk.approve),
    "hold": ("editor", desk.hold),
    "summary": ("editor", desk.summary),
    "correct": ("editor", desk.correct),
    "withdraw": ("editor", desk.withdraw),
    "handin": ("partner", desk.handin),
    "broadcast": ("editor", broadcast.broadcast),
    "broadcasts": ("editor", broadcast.broadcasts_),
    "draft": ("editor", draft.draft),
}

# What a step of a member of staff waits for: words, which go to ``(turn, what the step is about, words)``.
STEPS: Final[Mapping[str, Callable[[Turn, str, str], list[Message]]]] = {
    desk.SUMMARY: desk.take_summary,
    desk.HAND_IN: desk.take_hand_in,
    draft.DRAFT: draft.take_text,
    draft.ALT: draft.take_alt,
    draft.REASON: draft.take_reason,
}


def for_staff(turn: Turn, name: str) -> Answering | None:
    role, answering = STAFF_COMMANDS.get(name, ("", None))
    return answering if turn.staff and turn.staff.may(role) else None


# Other names that people try.
_ALIASES: Final = {
    "settings": "mine",
    "subscriptions": "mine",
    "me": "mine",
    "menu": "help",
    "commands": "help",
    "lang": "language",
    "languages": "language",
    "country": "countries",
    "topic": "topics",
    "counsellor": "ask",
    "counselor": "ask",
    "contact": "contacts",
    "directory": "contacts",
    "offices": "contacts",
    "latest": "news",
    "frequency": "when",
    "often": "when",
    "how often": "when",
    "digest": "when",
    "quiet hours": "quiet",
    "night": "quiet",
    "region": "regional",
    "sub": "subscribe",
    "unsub": "unsubscribe",
    "quit": "stop",
    "end": "stop",
    "terms": "privacy",
    "my data": "export",
    "download": "export",
    "erase": "delete",
    "forget": "delete",
    "delete me": "delete",
    "forget me": "delete",
    "delete my data": "delete",
    "delete my account": "delete",
    "زبان": "language",
    "تغییر زبان": "language",
    "کشورها": "countries",
    "موضوعها": "topics",
    "خبرهای من": "mine",
    "تماس": "contacts",
    "محرمیت": "privacy",
}

# Without a slash these take words after them ("news Iraq"); all others are commands only as the whole of a message.
_OPEN: Final = frozenset(["news", "subscribe", "unsubscribe", "contacts"])


def read(text: str) -> Line | None:
    """The command in a line, if it holds one; an unknown one only with its slash."""
    if match := _SLASHED.fullmatch(text):
        name = match["name"].casefold()
        return Line(_ALIASES.get(name, name), (match["argument"] or "").strip())
    whole = key(text)
    name = _ALIASES.get(whole, whole)
    if whole in NEWS:
        return Line("news", slashed=False)
    if whole in HELP:
        return Line("help", slashed=False)
    if name in COMMANDS:
        return Line(name, slashed=False)
    first, _, rest = text.partition(" ")
    first = key(first)
    if rest and first in _OPEN | NEWS:
        return Line(first if first in _OPEN else "news", rest.strip(), slashed=False)
    return None


def closest(name: str) -> str | None:
    """The command that a misspelt one is most like."""
    known = [*COMMANDS, *_ALIASES]
    near = process.extractOne(name, known, scorer=fuzz.ratio, score_cutoff=65) if len(name) >= _SHORTEST else None
    return _ALIASES.get(near[0], near[0]) if near else None


def unknown(turn: Turn, name: str) -> list[Message]:
    """A slash and a word that is no command."""
    near = closest(name)
    if near is None:
        return help_page(turn)
    t = turn.p.t
    return [
        turn.reply(
            t("There is no command /{name}. Did you mean /{near}?", name=name[:32], near=near),
            choices=[Choice(f"/{near}", f"/{near}"), Choice(t("Help"), "/help")],
        )
    ]


def menu(p: Phrases) -> list[tuple[str, str]]:
    """For a platform's list of commands: those that people need, and what each does."""
    t = p.t
    return [
        ("news", t("Read the latest news")),
        ("mine", t("What I get, and why")),
        ("countries", t("Choose countries")),
        ("topics", t("Choose topics")),
        ("when", t("How often news comes")),
        ("quiet", t("Quiet hours")),
        ("ask", t("Ask a counsellor")),
        ("contacts", t("Find help in a country")),
        ("language", t("Change the language")),
        ("start", t("Start, or start again")),
        ("stop", t("Stop all news")),
        ("privacy", t("What is kept about me")),
        ("about", t("Who we are")),
        ("help", t("What you can do here")),
    ]
