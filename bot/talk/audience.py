"""Whom a draft is for, by taps: countries, topics, languages, channels. Nothing chosen on a side is all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bot.talk import report, subscription
from bot.talk.turn import Turn
from bot.talk.wanted import read
from channels.contract import Choice, Message
from config.messages import language_name, languages
from storage import accounts
from storage.broadcasts import Broadcast

SIDES: Final = ("countries", "topics", "languages", "channels")

Audience = Mapping[str, Sequence[str]]


def line(turn: Turn, chosen: Audience) -> str:
    """In words."""
    t = turn.p.t
    parts = [
        t("people who follow {countries}", countries=turn.listed(turn.named(countries=chosen["countries"])))
        if chosen.get("countries")
        else "",
        t("people who follow the topic {topics}", topics=turn.topics_listed(chosen["topics"]))
        if chosen.get("topics")
        else "",
        t("people who read {languages}", languages=turn.listed([language_name(code) for code in chosen["languages"]]))
        if chosen.get("languages")
        else "",
        t("people on {channels}", channels=turn.listed([report.channel(turn.p, one) for one in chosen["channels"]]))
        if chosen.get("channels")
        else "",
    ]
    return t("For: {audience}", audience="; ".join(filter(None, parts)) or t("everybody who gets our news"))


def sides(turn: Turn, draft: Broadcast) -> list[Choice]:
    """The doors to the pages; a tick where somebody chose."""
    t = turn.p.t
    names = {
        "countries": t("Countries"),
        "topics": t("Topics"),
        "languages": t("Languages"),
        "channels": t("Channels"),
    }
    return [Choice(ticked(names[side], bool(draft.audience.get(side))), f"/draft {draft.id} {side}") for side in SIDES]


def page(turn: Turn, draft: Broadcast, side: str) -> Message:
    """One side as toggles that stay where they are."""
    t, command = turn.p.t, f"/draft {draft.id} {side}"
    on = draft.audience.get(side, ())
    asks = {
        "countries": t("Who follows which countries? Who follows all of them gets it, too."),
        "topics": t("Who follows which topics? Who follows all of them gets it, too."),
        "languages": t("Who reads in which language?"),
        "channels": t("On which apps?"),
    }
    toggles = [
        Choice(ticked(label, name in on), f"{command} {'-' if name in on else '+'}{name.lower()}", side == "topics")
        for name, label in _offered(turn, side, on).items()
    ]
    return turn.reply(
        asks[side],
        t("Is yours not here? Send for example: {line}", line=f"{command} Turkey") if side == "countries" else "",
        line(turn, draft.audience),
        choices=[
            *toggles,
            Choice(ticked(t("No matter which"), not on), f"{command} all"),
            Choice(t("Done"), f"/draft {draft.id}"),
        ],
        here=True,
    )


def toggled(turn: Turn, chosen: Audience, side: str, about: str) -> dict[str, list[str]]:
    """As a tap changes it: "+iq", "-iq", "all"; a name that is typed adds."""
    on = set(chosen.get(side, ()))
    names = _named(turn, side, about.lstrip("+-"))
    on = set() if about == "all" else on - names if about.startswith("-") else on | names
    return {**{name: list(values) for name, values in chosen.items()}, side: sorted(on)}


def _offered(turn: Turn, side: str, on: Iterable[str]) -> dict[str, str]:
    """The names of one side, and how they are called."""
    if side == "countries":
        shown = [*subscription.FIRST, *subscription.MORE, *on]
        return {code: turn.country(code) for code in dict.fromkeys(shown)}
    if side == "topics":
        return {slug: turn.topic(slug) for slug in turn.topics.slugs}
    if side == "languages":
        return {code: language_name(code) for code in dict.fromkeys([*languages(), *on])}
    kinds = dict.fromkeys([*(one.channel for one in accounts.all_of_them(turn.conn)), *on])
    names = {kind: report.channel(turn.p, kind) for kind in kinds}
    return {kind: name[:1].upper() + name[1:] for kind, name in names.items()}


def _named(turn: Turn, side: str, about: str) -> set[str]:
    if side == "countries":
        code = f"+{about}" if len(about) == 2 else about
        return set(read(code, turn.gazetteer, turn.topics, loosely=False).countries)
    return {name for name in _offered(turn, side, ()) if name.lower() == about.lower()}


def ticked(label: str, on: bool) -> str:
    return f"✓ {label}" if on else label
