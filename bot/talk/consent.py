"""What we keep of people and who may see it: shown before anything is kept, and whenever they ask."""

from __future__ import annotations

from typing import Final

from bot.talk.turn import Turn, said
from channels.contract import Choice, Message
from config.messages import languages

VERSION: Final = "1"  # of what is agreed to; a new one when the promise changes


def consent(turn: Turn, codes: list[str] | None = None, *, here: bool = True) -> Message:
    """The page with *I agree* and *Not now*. ``codes``: what a link would have ticked, once agreed."""
    t = turn.p.t
    choices = [Choice(t("I agree"), said("/agree", codes or ())), Choice(t("Not now"), "/later")]
    if len(languages()) > 1:
        choices.append(Choice(t("Language"), said("/language", [])))
    return turn.reply(
        *turn.surely(_agreed_to),
        title=t("Welcome to {hub}", hub=turn.house.name),
        choices=choices,
        here=here,
    )


def _agreed_to(turn: Turn) -> list[str]:
    return [
        *_who(turn),
        *_what(turn),
        turn.p.t("You can read news without agreeing. We need your yes before we send you news by ourselves."),
    ]


def privacy(turn: Turn, _: str = "") -> list[Message]:
    t = turn.p.t
    return [
        turn.reply(
            *turn.surely(_kept),
            t("Send /hide and what we wrote vanishes from this chat, where the app lets us."),
            t("Questions about this? Write to us: {contact}", contact=turn.house.contact) if turn.house.contact else "",
            title=t("What we know about you"),
            choices=[
                Choice(t("What I get"), "/mine"),
                Choice(t("Get a copy"), "/export"),
                Choice(t("Delete everything about me"), "/delete"),
                Choice(t("Help"), "/help"),
            ],
        )
    ]


def _kept(turn: Turn) -> list[str]:
    t = turn.p.t
    return [
        *_what(turn),
        t("Send /stop and no more news comes to you. Send /mine to see what you chose."),
        t("Send /export for a copy of what we keep about you, and /delete to have all of it deleted at once."),
    ]


def about(turn: Turn, _: str = "") -> list[Message]:
    t = turn.p.t
    return [
        turn.reply(
            *_who(turn),
            t("Write to us: {contact}", contact=turn.house.contact) if turn.house.contact else "",
            t("On the web: {address}", address=turn.house.public_url) if turn.house.public_url else "",
            title=turn.house.name,
            choices=[Choice(t("News"), "/news"), Choice(t("Privacy"), "/privacy"), Choice(t("Help"), "/help")],
        )
    ]


def _who(turn: Turn) -> list[str]:
    t = turn.p.t
    return [
        turn.house.about or t("This service is run by {hub}.", hub=turn.house.name),
        t("It is paid for by {funder}.", funder=turn.house.funder) if turn.house.funder else "",
        t("It is free. Nobody here will ever ask you for money, papers or passwords."),
    ]


def _what(turn: Turn) -> list[str]:
    t, tn = turn.p.t, turn.p.tn
    return [
        t(
            "We keep your language, the countries and topics that you choose, when you want to hear from us, and the "
            "address that our messages go to. We do not ask for your name."
        ),
        tn(
            "What you choose is kept while you use this service. What you write is kept for {n} day at most.",
            "What you choose is kept while you use this service. What you write is kept for {n} days at most.",
            turn.house.kept_days,
        ),
        t(
            "All of it is locked. Only the staff of {hub} can read what you write, and they see no name.",
            hub=turn.house.name,
        ),
        "" if turn.limits.sitting else t("The company that runs this app can also see what you and we write here."),
    ]
