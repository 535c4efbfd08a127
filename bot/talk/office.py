"""Asking a person: when they answer is said before the story is asked for."""

from __future__ import annotations

from datetime import timedelta

from babel.dates import get_timezone_location

from bot.talk import rights
from bot.talk.dates import timed, weekday
from bot.talk.directory import nearby
from bot.talk.turn import ASKING, Turn
from channels.contract import Choice, Message
from storage import people


def ask(turn: Turn, words: str = "") -> list[Message]:
    """ "/ask" waits for the next message; "/ask and my question" keeps it at once."""
    if words:
        return keep(turn, words)
    turn.change(step=ASKING)
    t = turn.p.t
    return [
        turn.reply(
            answers_when(turn),
            t("Write your question now, in one message. A counsellor reads it, nobody else. It costs nothing."),
            t("If you are in danger now, do not wait for us: look for help where you are."),
            *contacts(turn),
            choices=[Choice(t("Cancel"), "/cancel")],
        )
    ]


def keep(turn: Turn, words: str) -> list[Message]:
    """What they wrote waits, sealed, for a counsellor."""
    people.keep_question(turn.conn, turn.keys, turn.person, words, turn.now)
    turn.change(step="")
    t = turn.p.t
    return [
        turn.reply(
            t("Thank you. Your question is with our counsellors."),
            answers_when(turn),
            t(
                "The answer arrives on this page. To come back later, keep the number that “{button}” gives you.",
                button=t("Keep my place"),
            )
            if turn.limits.sitting
            else t("The answer arrives here."),
            t("To add something, send /ask again."),
            *contacts(turn),
            choices=[Choice(t("News"), "/news"), Choice(t("Help"), "/help")],
        )
    ]


def cancel(turn: Turn, _: str = "") -> list[Message]:
    t = turn.p.t
    open_ = turn.person.step
    if rights.asked(open_):
        return rights.keep(turn)
    turn.change(step="")
    choices = [Choice(t("News"), "/news"), Choice(t("Help"), "/help")]
    if open_ == ASKING:
        return [
            turn.reply(t("All right, you asked nothing."), choices=[*choices, Choice(t("Ask a counsellor"), "/ask")])
        ]
    if turn.person.subscribed:
        choices.append(Choice(t("Stop all news"), "/stop"))
    return [turn.reply(t("There is nothing to cancel. To stop our news, send STOP."), choices=choices)]


def answers_when(turn: Turn) -> str:
    """When somebody answers, by the office's clock."""
    t, hours = turn.p.t, turn.hours
    zone = str(get_timezone_location(hours.zone.key, locale=turn.p.locale, return_city=True))
    if closes := hours.open_until(turn.now):
        return t(
            "Our counsellors are at work now and answer until {time} ({place} time).",
            time=timed(turn.p, closes),
            place=zone,
        )
    opens = hours.next_opening(turn.now)
    if opens is None:
        return t("A counsellor answers as soon as possible.")
    time = timed(turn.p, opens)
    today = hours.local(turn.now).date()
    if opens.date() == today:
        return t("Our counsellors answer today from {time} ({place} time).", time=time, place=zone)
    if opens.date() == today + timedelta(days=1):
        return t("Our counsellors answer tomorrow from {time} ({place} time).", time=time, place=zone)
    day = weekday(turn.p, opens)
    return t("Our counsellors answer on {day} from {time} ({place} time).", day=day, time=time, place=zone)


def contacts(turn: Turn) -> list[str]:
    """Where else to turn, and that can be soon."""
    t, house = turn.p.t, turn.house
    if found := nearby(turn):
        return [t("You can also get help here:"), *found]
    return [t("Another way to reach us: {contact}", contact=house.contact)] if house.contact else []
