"""The commands for how often news comes, and when not: /when, /quiet and /regional."""

from __future__ import annotations

from datetime import time
from typing import Final

from bot.talk import subscription
from bot.talk.rhythm import change, clock, comes, nights, read_frequency, read_quiet, theirs
from bot.talk.subscription import ticked
from bot.talk.turn import Turn
from bot.talk.words import NO, YES, key
from channels.contract import Choice, Message
from config.settings import Quiet

NIGHT: Final = Quiet(time(21), time(8))  # offered where the house itself keeps no quiet hours
OTHERS: Final = (Quiet(time(22), time(7)), Quiet(time(23), time(6)))
ON: Final = frozenset(["on"]) | YES
OFF: Final = frozenset(["off"]) | NO


def when(turn: Turn, argument: str = "") -> list[Message]:
    """ "/when" shows it; "now", "daily 18:30" or "weekly" after it changes it."""
    if not turn.person.subscribed:
        return subscription.mine(turn)
    if not argument:
        return [_often(turn)]
    if (frequency := read_frequency(argument)) is None:
        return [_often(turn, note=_unread(turn, "/when daily 18:30"))]
    change(turn, frequency=frequency)
    return [_often(turn, here=True)]


def quiet(turn: Turn, argument: str = "") -> list[Message]:
    """ "/quiet" shows them; "22:00-07:00", "off", or "on" for the usual ones, changes them."""
    if not turn.person.subscribed:
        return subscription.mine(turn)
    if not turn.limits.night:
        return [turn.reply(nights(turn), comes(turn), choices=_ways(turn), here=bool(argument))]
    if not argument:
        return [_hours(turn)]
    if key(argument) in ON:
        change(turn, quiet=None if turn.house.delivery.quiet_hours else _spelled(NIGHT))
    elif hours := read_quiet(argument):
        change(turn, quiet=hours)
    else:
        return [_hours(turn, note=_unread(turn, "/quiet 22:00-07:00"))]
    return [_hours(turn, here=True)]


def regional(turn: Turn, argument: str = "") -> list[Message]:
    """ "/regional" shows whether news about the whole region comes, too; "on" or "off" after it changes it."""
    t, said = turn.p.t, key(argument)
    if not turn.person.subscribed:
        return subscription.mine(turn)
    if said and said not in ON | OFF:
        return [turn.reply(_unread(turn, "/regional on"), choices=_regional(turn))]
    if said:
        turn.change(regional=said in ON)
    return [turn.reply(_whole_region(turn), choices=_regional(turn), here=bool(said), title=t("The whole region"))]


# ── What they see ────────────────────────────────────────────────────────────────────────────────────────────────────


def _often(turn: Turn, *, note: str = "", here: bool = False) -> Message:
    t, often = turn.p.t, theirs(turn).often
    offered = (("now", t("At once")), ("daily", t("Once a day")), ("weekly", t("Once a week")))
    return turn.reply(
        note,
        comes(turn),
        nights(turn) if turn.limits.night else "",
        "" if note else t("To choose the time yourself, send for example: /when daily 18:30"),
        title=t("How often news comes"),
        choices=[
            *(Choice(ticked(label, name == often), f"/when {name}") for name, label in offered),
            *([Choice(t("Quiet hours"), "/quiet")] if turn.limits.night else []),
            Choice(t("What I get"), "/mine"),
        ],
        here=here,
    )


def _hours(turn: Turn, *, note: str = "", here: bool = False) -> Message:
    t, chosen = turn.p.t, theirs(turn).quiet
    usual = turn.house.delivery.quiet_hours or NIGHT
    lines = {usual: "/quiet on"} | {hours: f"/quiet {_spelled(hours)}" for hours in OTHERS if hours != usual}
    return turn.reply(
        note,
        nights(turn),
        comes(turn),
        "" if note else t("To choose other hours, send for example: /quiet 22:00-07:00"),
        title=t("Quiet hours"),
        choices=[
            *(Choice(ticked(_shown(turn, hours), hours == chosen), line) for hours, line in lines.items()),
            Choice(ticked(t("No quiet hours"), chosen is None), "/quiet off"),
            *_ways(turn),
        ],
        here=here,
    )


def _whole_region(turn: Turn) -> str:
    t, person = turn.p.t, turn.person
    if person.all_countries:
        return t("You get news from every country, and so news about the whole region, too.")
    if person.regional:
        return t("You also get news about the whole region, which names no country.")
    return t("You get no news about the whole region, only about the countries that you chose.")


def _regional(turn: Turn) -> list[Choice]:
    t, person = turn.p.t, turn.person
    if person.all_countries:
        return [Choice(t("Countries"), "/countries"), Choice(t("What I get"), "/mine")]
    toggle = Choice(
        ticked(t("News about the whole region"), person.regional),
        "/regional off" if person.regional else "/regional on",
        wide=True,
    )
    return [toggle, Choice(t("What I get"), "/mine")]


def _ways(turn: Turn) -> list[Choice]:
    return [Choice(turn.p.t("How often"), "/when"), Choice(turn.p.t("What I get"), "/mine")]


def _unread(turn: Turn, example: str) -> str:
    return turn.p.t("I did not understand that, and nothing changed. Send for example: {line}", line=example)


def _spelled(hours: Quiet) -> str:
    return f"{hours.start:%H:%M}-{hours.end:%H:%M}"


def _shown(turn: Turn, hours: Quiet) -> str:
    return f"{clock(turn, hours.start)}–{clock(turn, hours.end)}"
