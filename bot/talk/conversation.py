"""What people say and what they hear. Channel-neutral: every button is also a line that can be typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.news.language import Languages
from bot.news.places import Gazetteer
from bot.news.read import Reader
from bot.news.text import clean
from bot.news.topics import Topics
from bot.talk import commands, desk, draft, group, office, onboarding, search, subscription
from bot.talk.commands import Line
from bot.talk.hours import Hours
from bot.talk.turn import ASKING, MISSED, House, Turn
from bot.talk.words import CANCEL, COUNSELLOR, GREETING, NO, START, THANKS, YES, is_stop, key, number
from channels.contract import (
    AnyUpdate,
    Attached,
    Choice,
    Left,
    Limits,
    Message,
    Pressed,
    Receipt,
    Renamed,
    Said,
    Span,
    Started,
)
from config.messages import Phrases, phrases
from storage import people, staff
from storage.database import Connection
from storage.keys import KeyStore
from storage.people import Person

__all__ = ["Conversation", "House"]

LONGEST: Final = 4_000  # characters of one message that are taken in


def _spoken(language: str | None) -> Phrases:
    return phrases(language or "en")


class Conversation:
    """Answers updates. Holds nothing of anyone: what it must remember is in the person's row."""

    def __init__(
        self,
        *,
        house: House,
        gazetteer: Gazetteer,
        topics: Topics,
        keys: KeyStore,
        speak: Callable[[str | None], Phrases] = _spoken,
        reader: Reader | None = None,
    ) -> None:
        """``reader`` reads what is handed in; one that others use has loaded already."""
        self._house = house
        self._hours = Hours.of(house.hours, house.zone)
        self._gazetteer = gazetteer
        self._topics = topics
        self._reader = reader or Reader(gazetteer, topics, Languages())
        self._keys = keys
        self._speak = speak

    def commands(self, phrases_: Phrases) -> list[tuple[str, str]]:
        """(command, what it does), for a platform's command menu."""
        return commands.menu(phrases_)

    def answer(
        self,
        conn: Connection,
        person: Person,
        update: AnyUpdate,
        *,
        limits: Limits,
        now: datetime,
        standing: group.Standing | None = None,
    ) -> list[Message]:
        """The replies, in order. Runs inside the one transaction of the update, and changes the person in it.

        ``standing``: who of a group speaks; without it, somebody who does not run it.
        """
        if isinstance(update, Left):
            people.stop(conn, person.id, now)
            return []
        if isinstance(update, Receipt | Renamed):
            return []
        turn = self._turn(conn, person, update.address, limits, now)
        turn.written = update.written
        if update.group or person.kind == "group":
            return group.answer(turn, update, standing or group.Standing())
        return self._offered(turn, self._replies(turn, update))

    def begin(self, conn: Connection, person: Person, now: datetime) -> Turn:
        """To write to somebody who did not say anything."""
        return self._turn(conn, person, "", Limits(per_second=1), now)

    def _turn(self, conn: Connection, person: Person, name: str, limits: Limits, now: datetime) -> Turn:
        turn = Turn(
            conn=conn,
            person=person,
            p=self._speak(person.language),
            limits=limits,
            now=now,
            house=self._house,
            hours=self._hours,
            gazetteer=self._gazetteer,
            topics=self._topics,
            reader=self._reader,
            keys=self._keys,
            speak=self._speak,
            do=lambda line: self._line(turn, line),
            staff=staff.of_person(conn, person.id),
            name=name,
        )
        return turn

    def _replies(self, turn: Turn, update: Said | Pressed | Attached | Started) -> list[Message]:
        match update:
            case Started():
                _leave_step(turn)
                return onboarding.start(turn, update.payload)
            case Attached():
                return subscription.stop(turn) if is_stop(update.text) else _passed_on(turn, update) or _only_text(turn)
            case Pressed():
                turn.on = update.on
                return self._line(turn, clean(update.say))
            case Said():
                return _passed_on(turn, update) or self._said(turn, update.text)

    # ── A line ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _said(self, turn: Turn, text: str) -> list[Message]:
        if len(text) > LONGEST:
            return _too_long(turn)
        text = clean(text)
        chosen = number(text)
        if chosen is None or not turn.person.offered:
            return self._line(turn, text)
        if 1 <= chosen <= len(turn.person.offered):
            return self._line(turn, turn.person.offered[chosen - 1])
        return _no_such_number(turn)

    def _line(self, turn: Turn, text: str) -> list[Message]:
        if is_stop(text):
            return subscription.stop(turn)
        line = commands.read(text)
        if line and line.slashed:
            return self._command(turn, line)
        if turn.person.step == ASKING:
            return self._while_asking(turn, text)
        step, _, about = turn.person.step.partition(" ")
        if turn.staff and (takes := commands.STEPS.get(step)):
            return takes(turn, about, text)
        _leave_step(turn)
        if line:
            return self._command(turn, line)
        return self._words(turn, text)

    def _command(self, turn: Turn, line: Line) -> list[Message]:
        if line.command != "cancel":
            _leave_step(turn)
        if answering := commands.COMMANDS.get(line.command) or commands.for_staff(turn, line.command):
            return answering(turn, line.argument)
        return commands.unknown(turn, line.command)

    def _while_asking(self, turn: Turn, text: str) -> list[Message]:
        """The message is the question, unless it takes it back or holds no word."""
        said = key(text)
        if said in CANCEL:
            return office.cancel(turn)
        return office.keep(turn, text) if said and said not in GREETING else office.ask(turn)

    def _words(self, turn: Turn, text: str) -> list[Message]:
        """No command."""
        said = key(text)
        if said in YES | NO and (line := _answered(turn, yes=said in YES)):
            return self._line(turn, line)
        if said in CANCEL:
            return office.cancel(turn)
        if said in START:
            return onboarding.start(turn)
        if said in GREETING:
            return onboarding.greeted(turn)
        if said in THANKS:
            return _welcome(turn)
        if said in COUNSELLOR:
            return office.ask(turn)
        return search.free(turn, text, list(commands.COMMANDS))

    # ── What was offered ─────────────────────────────────────────────────────────────────────────────────────────────

    def _offered(self, turn: Turn, replies: list[Message]) -> list[Message]:
        """Remember what the last choices stand for, so that a number typed means the line."""
        last = next((message for message in reversed(replies) if message.choices), None)
        if last:
            turn.change(offered=tuple(choice.say for choice in last.choices))
        return [_fitted(message, turn.p, turn.limits.choices) for message in replies]


def _fitted(message: Message, p: Phrases, room: int) -> Message:
    """Where there are fewer buttons than choices, the last choices, which lead on, are buttons; the others are numbered
    lines to answer with a number. Where there are none at all, the channel numbers them itself."""
    if room <= 0 or len(message.choices) <= room:
        return message
    listed = message.choices[:-room]
    lines = "\n".join(f"{p.number(number)}. {choice.label}" for number, choice in enumerate(listed, 1))
    return replace(message, paragraphs=(*message.paragraphs, (Span(lines),)), choices=message.choices[-room:])


def _leave_step(turn: Turn) -> None:
    """A question that is no longer asked, a miss that is mended. A wish waits for its *I agree*."""
    turn.again = turn.again or turn.person.step == MISSED
    if turn.person.step in (ASKING, MISSED) or turn.person.step.partition(" ")[0] in commands.STEPS:
        turn.change(step="")


def _answered(turn: Turn, *, yes: bool) -> str | None:
    """The line of *I agree* or *Not now*, or of the same to a question, while they are on offer."""
    meant = ("/agree", "/delete yes") if yes else ("/later", "/delete no")
    return next((line for line in turn.person.offered if line.startswith(meant)), None)


def _welcome(turn: Turn) -> list[Message]:
    t = turn.p.t
    return [turn.reply(t("You are welcome."), choices=[Choice(t("News"), "/news"), Choice(t("Help"), "/help")])]


def _passed_on(turn: Turn, update: Said | Attached) -> list[Message]:
    """A post that staff pass on, or a picture of theirs, is taken for what they want to send; nothing if it is
    neither."""
    text = clean(update.text)
    if turn.staff is None or len(text) > LONGEST:
        return []
    if isinstance(update, Attached):
        picture = update.kind == "image" and update.file and turn.staff.may("editor")
        return draft.pictured(turn, update.file, text) if picture else []
    if not update.forwarded or not text:
        return []
    if turn.staff.may("editor") and turn.person.step != desk.HAND_IN:
        return draft.forwarded(turn, text)
    return desk.hand_in(turn, text) if turn.staff.may("partner") else []


def _only_text(turn: Turn) -> list[Message]:
    t = turn.p.t
    choices: Sequence[Choice] = [Choice(t("Ask a counsellor"), "/ask"), Choice(t("Help"), "/help")]
    if turn.person.step == ASKING:
        choices = [Choice(t("Cancel"), "/cancel")]
    return [
        turn.reply(
            t("I can only read text. What you sent was not kept. Please write it in words."),
            choices=choices,
        )
    ]


def _too_long(turn: Turn) -> list[Message]:
    t = turn.p.t
    sorry = turn.p.tn(
        "That is too long for me, sorry. Please write at most {n} character, or send it in parts.",
        "That is too long for me, sorry. Please write at most {n} characters, or send it in parts.",
        LONGEST,
    )
    return [turn.reply(sorry, choices=[Choice(t("Ask a counsellor"), "/ask"), Choice(t("Help"), "/help")])]


def _no_such_number(turn: Turn) -> list[Message]:
    most = len(turn.person.offered)
    return [
        turn.reply(
            turn.p.tn("Please send the number {n}, or a word.", "Please send a number from 1 to {n}, or a word.", most)
        )
    ]
