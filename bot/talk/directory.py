"""Where else to find help: the contacts that the staff keep, each with the day on which somebody last checked it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from bot.talk.turn import Turn, dated
from bot.talk.wanted import code, read
from channels.contract import Choice, Message, Paragraph, Span
from config.settings import Contact

STALE: Final = timedelta(days=180)
MOST: Final = 6  # countries of one question
OTHERS: Final = 8  # countries that are offered


def contacts(turn: Turn, argument: str = "") -> list[Message]:
    """ "/contacts iraq", in any spelling; alone, those of the countries that they follow."""
    t, there = turn.p.t, _countries(turn)
    wanted = read(argument, turn.gazetteer, turn.topics, loosely=True)
    asked: Sequence[str] = wanted.countries or (there if wanted.all_countries else ())
    if not argument:
        asked = [country for country in there if country in turn.person.countries]
    asked = asked[:MOST]
    here = [part for country in asked for part in _of(turn, country)]
    others = [country for country in there if country not in asked][:OTHERS]
    return [
        turn.reply(
            *_missing(turn, argument, asked),
            *here,
            *_everywhere(turn, headed=bool(here)),
            t("For another country, send for example: /contacts Iraq") if there else "",
            title=t("Where to find help"),
            choices=[
                *(Choice(turn.country(country), f"/contacts {code(country)}") for country in others),
                Choice(t("Ask a counsellor"), "/ask"),
                Choice(t("Help"), "/help"),
            ],
        )
    ]


def nearby(turn: Turn) -> list[str]:
    """Those in the countries that they follow, else those for everyone."""
    chosen = [contact for contact in turn.house.contacts if contact.country in turn.person.countries]
    return [_line(turn, contact) for contact in chosen or _in(turn, "")]


def _missing(turn: Turn, argument: str, asked: Sequence[str]) -> list[str]:
    """What cannot be answered, said first."""
    t = turn.p.t
    if argument and not asked:
        return [t("I know no country called {words}.", words=f"“{argument[:30]}”")]
    none = [turn.country(country) for country in asked if not _in(turn, country)]
    return [t("Sorry, we know of no contact in {countries} yet.", countries=turn.listed(none))] if none else []


def _of(turn: Turn, country: str) -> list[str | Paragraph]:
    lines = [_line(turn, contact) for contact in _in(turn, country)]
    return [(Span(turn.country(country), bold=True),), *lines] if lines else []


def _everywhere(turn: Turn, *, headed: bool) -> list[str | Paragraph]:
    """What serves everyone; where nothing does, how to reach us."""
    t, house = turn.p.t, turn.house
    lines = [_line(turn, contact) for contact in _in(turn, "")]
    if lines:
        return [*([(Span(t("In every country"), bold=True),)] if headed else []), *lines]
    if headed:
        return []
    return [
        t("Our counsellors may know whom you can turn to."),
        t("Another way to reach us: {contact}", contact=house.contact) if house.contact else "",
    ]


def _line(turn: Turn, contact: Contact) -> str:
    """A contact, and how far it can be relied on."""
    t, day = turn.p.t, dated(turn.p, contact.checked)
    if turn.hours.local(turn.now).date() - contact.checked > STALE:
        return t("{contact} (not checked since {date})", contact=contact.text, date=day)
    return t("{contact} (checked on {date})", contact=contact.text, date=day)


def _in(turn: Turn, country: str) -> list[Contact]:
    return [contact for contact in turn.house.contacts if contact.country == country]


def _countries(turn: Turn) -> list[str]:
    """Those that there are contacts in, by their names."""
    return sorted({contact.country for contact in turn.house.contacts if contact.country}, key=turn.country)
