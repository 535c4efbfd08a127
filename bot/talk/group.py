"""A partner's group or channel: those who run it choose what comes there, and anybody in it may read.

It is a person to us, of another kind: with countries, topics and a language, but with no case, no consent and nothing
of its own to tell. We are silent there unless somebody speaks to us, and a story is never asked for in front of others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import regex

from bot.news.text import clean
from bot.talk import commands, onboarding, search, subscription
from bot.talk.commands import Line
from bot.talk.consent import VERSION
from bot.talk.turn import Turn
from bot.talk.wanted import coded, read
from bot.talk.words import is_stop
from channels.contract import AnyUpdate, Choice, Message, Paragraph, Pressed, Said, Span, Started
from storage import people

# Reading is for everybody. What changes something is for those who run the group; a name that is no command yet does
# no harm. All other commands are between one person and us.
READ: Final = frozenset(["news", "contacts", "mine", "help", "about"])
RUN: Final = frozenset(
    [
        *("start", "subscribe", "unsubscribe", "countries", "topics", "regional", "stop", "delete"),
        *("language", "when", "quiet", "later"),
    ]
)
_TAKES_LEAVE: Final = frozenset(["stop", "delete"])
_NAME = regex.compile(r"(?<!\w)@\w+")


@dataclass(frozen=True, slots=True)
class Standing:
    """Who speaks in a group: whether they run it, None when the platform did not say. ``alone``: where anybody can
    write to us alone, empty where that is not known."""

    runs: bool | None = False
    alone: str = ""


def needs_standing(update: AnyUpdate) -> bool:
    """Whether it matters who of the group this was. To know it takes a request to the platform."""
    match update:
        case Pressed():
            return True
        case Started():
            return bool(update.written)
        case Said():
            line = _meant(update.text)
            return line is not None and line.command in RUN
        case _:
            return False


def answer(turn: Turn, update: AnyUpdate, standing: Standing) -> list[Message]:
    match update:
        case Started() if not update.written:  # somebody took us in
            return [] if turn.person.subscribed else [_greeting(turn)]
        case Started():
            return _command(turn, Line("start", update.payload), standing)
        case Pressed():
            # Whoever sees a button can press it. A word to each of them would be heard by all.
            turn.on = update.on
            line = commands.read(clean(update.say))
            return _command(turn, line, standing) if line and standing.runs else []
        case Said():
            line = _meant(update.text)
            return _command(turn, line, standing) if line else _words(turn, update.text, standing)
        case _:
            return []


# ── What is said ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _bare(text: str) -> str:
    """Without our name."""
    return clean(_NAME.sub(" ", text))


def _meant(text: str) -> Line | None:
    """The command in a line. Who only answers a message of ours may use the word of one and talk to the others."""
    words = _bare(text)
    if is_stop(words):
        return Line("stop")
    line = commands.read(words)
    return line if line and (line.slashed or _NAME.search(text)) else None


def _command(turn: Turn, line: Line, standing: Standing) -> list[Message]:
    name = line.command
    if name in READ:
        return [_worded(turn, message) for message in _read(turn, line, standing)]
    if name in RUN and name in commands.COMMANDS:
        if not standing.runs:
            return [_not_theirs(turn, standing)]
        return [_kept(message) for message in _run(turn, line)]
    if name in commands.COMMANDS:
        return [_alone(turn, standing)]
    return _misspelt(turn, name)


def _words(turn: Turn, text: str, standing: Standing) -> list[Message]:
    """Words that name a country or a topic are answered; others only where they call us by name."""
    words = _bare(text)
    wanted = read(words, turn.gazetteer, turn.topics, loosely=True)
    if wanted.something and not wanted.unknown and not wanted.likely:
        return [_worded(turn, message) for message in search.news(turn, words)]
    return _help(turn, standing) if _NAME.search(text) else []


def _misspelt(turn: Turn, name: str) -> list[Message]:
    """It may be another bot's command: a guess, or nothing."""
    near = commands.closest(name)
    if near not in READ | RUN:
        return []
    return [turn.reply(turn.p.t("There is no command /{name}. Did you mean /{near}?", name=name[:32], near=near))]


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(turn: Turn, line: Line, standing: Standing) -> list[Message]:
    if line.command == "help":
        return _help(turn, standing)
    return commands.COMMANDS[line.command](turn, line.argument)


def _worded(turn: Turn, message: Message) -> Message:
    """Buttons lead one person on, and in a group everybody would hear it: what they offer to read is told instead."""
    lines = [commands.read(choice.say) for choice in message.choices]
    names = [
        choice.label
        for choice, line in zip(message.choices, lines, strict=True)
        if line and line.command in ("news", "contacts") and line.argument and " after " not in line.argument
    ]
    told: tuple[Paragraph, ...] = ((Span(turn.listed(names)),),) if names else ()
    return replace(message, paragraphs=(*message.paragraphs, *told), choices=())


def _help(turn: Turn, standing: Standing) -> list[Message]:
    t = turn.p.t
    return [
        turn.reply(
            t("Read: /news for the latest, /news Iraq, /contacts Iraq"),
            t("What comes here: /mine. Who runs this group chooses it: /countries, /topics, /subscribe Iraq, /stop"),
            t("And when it comes: /when, /quiet, /regional"),
            _to_a_person(turn, standing),
            title=t("What you can do here"),
        )
    ]


def _alone(turn: Turn, standing: Standing) -> Message:
    return turn.reply(turn.p.t("That is between you and me."), _to_a_person(turn, standing))


def _to_a_person(turn: Turn, standing: Standing) -> Paragraph:
    t = turn.p.t
    if not standing.alone:
        return (Span(t("For all that is yours alone, please write to me alone.")),)
    return (
        Span(t("For all that is yours alone, please write to me alone:") + " "),
        Span(standing.alone, link=standing.alone),
    )


# ── Running it ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _greeting(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(
        t("Hello, this is {hub}. I can bring news here.", hub=turn.house.name),
        t("Who runs this group can choose which: send /start, or for example /subscribe Iraq"),
        choices=[Choice(t("Start"), "/start")],
    )


def _not_theirs(turn: Turn, standing: Standing) -> Message:
    if standing.runs is None:
        return turn.reply(turn.p.t("I cannot see now who runs this group. Please try again in a while."))
    return turn.reply(turn.p.t("Only an admin of this group can change that."))


def _kept(message: Message) -> Message:
    """Those buttons that are for who runs the group."""
    lines = [(choice, commands.read(choice.say)) for choice in message.choices]
    return replace(message, choices=tuple(choice for choice, line in lines if line and line.command in RUN))


def _run(turn: Turn, line: Line) -> list[Message]:
    new = turn.person.language is None and not turn.person.agreed
    if line.command == "start" and new:
        return onboarding.start(turn, line.argument)  # asks for the language, and keeps what a link named
    if not turn.person.agreed and line.command not in _TAKES_LEAVE:
        people.agree(turn.conn, turn.person.id, VERSION, turn.now)  # nothing personal is kept that needs a yes
        turn.reload()
    if line.command == "language":
        return _language(turn, line.argument)
    replies = commands.COMMANDS[line.command](turn, line.argument)
    if turn.person.subscribed and turn.person.language is None:
        replies = [*replies, *onboarding.language(turn, "")]
    return replies


def _language(turn: Turn, argument: str) -> list[Message]:
    """A new group goes on to its countries, with what a link named ticked."""
    before = turn.person.language
    replies = onboarding.language(turn, argument)
    if turn.person.subscribed or turn.person.language == before:
        return replies
    if ticked := coded(argument.partition(" ")[2], turn.topics):
        people.add_countries(turn.conn, turn.person.id, ticked.countries)
        people.add_topics(turn.conn, turn.person.id, ticked.topics)
        turn.reload()
    return [subscription.countries_page(turn, here=True)]
