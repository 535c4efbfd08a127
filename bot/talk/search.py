"""Reading news when one likes: by country, by topic, by words; and what to make of words that are no command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from rapidfuzz import fuzz, process

from bot.talk.card import entry
from bot.talk.turn import MISSED, SAY, Turn, said
from bot.talk.wanted import Wanted, code, paged, read
from bot.talk.words import NEWS, PERSONAL, PLEA, key, plain_words
from channels.contract import Choice, Message, Paragraph, Span
from storage import dispatches
from storage.database import Connection
from storage.dispatches import RECENT, Stored

PAGE: Final = 5
TERMS: Final = 6  # words that are searched for
SIDES: Final = 4  # countries, and topics, of one question
LONG: Final = 3  # words; a misspelt country in a longer sentence is rather another word


def news(turn: Turn, argument: str = "") -> list[Message]:
    """ "/news", "/news iraq", "/news iraq jobs", "/news any words", "/news iq after 123"."""
    query, after = paged(argument)
    wanted = _read(turn, query)
    terms = terms_of(wanted.unknown)
    if found := find(turn.conn, wanted, terms, after):
        return [_page(turn, wanted, terms, found, further=after is not None)]
    if page := _in_words(turn, wanted, after):
        return [page]
    if after is not None:
        return [_nothing_more(turn)]
    if terms and wanted.something and (found := find(turn.conn, wanted, (), None)):
        words = turn.listed([f"“{word[:30]}”" for word in wanted.unknown[:TERMS]])
        note = turn.p.t("There is no news with {words}. This is the news without that:", words=words)
        return [_page(turn, wanted, (), found, note=note)]
    return [_nothing(turn, wanted, query)]


def _in_words(turn: Turn, wanted: Wanted, after: int | None) -> Message | None:
    """A word that names a topic may also stand in news that has not that topic."""
    terms = terms_of([wanted.rest]) if wanted.topics else ()
    place = Wanted(countries=wanted.countries)
    found = find(turn.conn, place, terms, after) if terms else []
    return _page(turn, place, terms, found, further=after is not None) if found else None


def _read(turn: Turn, query: str) -> Wanted:
    return read(query, turn.gazetteer, turn.topics, loosely=True)


def terms_of(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for text in words for word in plain_words(text) if len(word) > 1))[:TERMS]


def find(
    conn: Connection, wanted: Wanted, terms: Sequence[str], after: int | None = None, limit: int = PAGE + 1
) -> list[Stored]:
    """Newest first: what is about any of the countries and on any of the topics."""
    found: dict[int, Stored] = {}
    for country in wanted.countries[:SIDES] or (None,):
        for topic in wanted.topics[:SIDES] or (None,):
            some = dispatches.recent(conn, country=country, topic=topic, terms=terms, after=after, limit=limit)
            found |= {stored.id: stored for stored in some}
    return sorted(found.values(), key=lambda stored: (stored.sort_at, stored.id), reverse=True)[:limit]


def _page(
    turn: Turn,
    wanted: Wanted,
    terms: Sequence[str],
    found: Sequence[Stored],
    *,
    note: str = "",
    further: bool = False,
    and_ask: bool = False,
) -> Message:
    t = turn.p.t
    shown = found[:PAGE]
    choices = []
    if len(found) > PAGE:
        choices.append(Choice(t("More"), more(wanted, terms, shown[-1].id)))
    if len(wanted.countries) == 1 and not turn.person.subscribed:
        country = turn.country(wanted.countries[0])
        choices.append(Choice(t("Get news about {country}", country=country), said("/subscribe", wanted.codes)))
    if and_ask:
        choices.append(Choice(t("Ask a counsellor"), "/ask"))
    return turn.reply(
        note,
        *_entries(turn, shown, further=further),
        title=_title(turn, wanted, terms, further=further),
        choices=choices,
    )


def _title(turn: Turn, wanted: Wanted, terms: Sequence[str], *, further: bool) -> str:
    t = turn.p.t
    names = " · ".join(turn.named(wanted.countries[:SIDES], wanted.topics[:SIDES]))
    if further:
        return t("More news: {names}", names=names) if names else t("More news")
    if names:
        return t("News: {names}", names=names)
    return t("What I found") if terms else t("The latest news")


def _entries(turn: Turn, shown: Sequence[Stored], *, further: bool) -> list[Paragraph]:
    """With a line of its own where news from longer ago begins."""
    entries: list[Paragraph] = []
    old_ones = False
    for stored in shown:
        if not old_ones and stored.sort_at < turn.now - RECENT:
            old_ones = True
            entries.append((Span(turn.p.t("Older than {n} days:", n=RECENT // timedelta(days=1))),))
        entries.append(entry(stored, turn.p, turn.gazetteer))
    return entries


def more(wanted: Wanted, terms: Sequence[str], last: int) -> str:
    """The line for the next page. Long words are cut until a button can carry them: a search finds by beginnings."""
    ending = f" after {last}"
    names = [*map(code, wanted.countries[:SIDES]), *wanted.topics[:SIDES]]
    for size in range(20, 2, -1):
        line = " ".join(["/news", *names, *(term[:size] for term in terms)]) + ending
        if len(line.encode()) <= SAY:
            return line
    return said("/news", [*names, *(term[:3] for term in terms)], ending)


def _nothing_more(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(t("That was all."), choices=[Choice(t("All news"), "/news"), Choice(t("Help"), "/help")])


def _nothing(turn: Turn, wanted: Wanted, query: str) -> Message:
    t = turn.p.t
    names = " · ".join(turn.named(wanted.countries, wanted.topics))
    there = dispatches.countries_with_news(turn.conn, turn.now)
    there = sorted(there, key=lambda c: c not in wanted.countries)[:PAGE]  # theirs first, where only the topic has none
    if names and not terms_of(wanted.unknown):
        sentence = t("There is no news about this yet: {names}", names=names)
    elif query.strip():
        sentence = t("I found no news with these words.")
    else:
        sentence = t("There is no news yet.")
    choices = [Choice(turn.country(c), f"/news {code(c)}") for c in there]
    if query.strip():
        choices.append(Choice(t("All news"), "/news"))
    if len(wanted.countries) == 1 and not turn.person.subscribed:
        country = turn.country(wanted.countries[0])
        choices.append(Choice(t("Get news about {country}", country=country), said("/subscribe", wanted.codes)))
    return turn.reply(
        sentence,
        t("There is news about these countries:") if there else "",
        choices=[*choices, Choice(t("Ask a counsellor"), "/ask")],
    )


# ── Words that are no command ────────────────────────────────────────────────────────────────────────────────────────


def free(turn: Turn, text: str, commands: Sequence[str]) -> list[Message]:
    """A country, a topic, a search; and otherwise a person who can help. A story is never answered with a list."""
    said_words = key(text).split()
    asked = any(word in NEWS for word in said_words)
    wanted = _read(turn, text)
    long = len(said_words) > LONG and not asked
    if long and wanted.likely:
        certain = tuple(country for country in wanted.countries if country not in wanted.likely)
        wanted = replace(wanted, countries=certain)
    if not PERSONAL.isdisjoint(said_words) and not asked and (long or not wanted.something):
        return [_a_person(turn, wanted)]
    if not PLEA.isdisjoint(said_words) and not asked and not wanted.something:
        return [_a_person(turn, wanted)]
    terms = terms_of(wanted.unknown)
    if found := (terms or wanted.something) and find(turn.conn, wanted, terms, None):
        return [_page(turn, wanted, terms, found)]
    if page := _in_words(turn, wanted, None):
        return [page]
    if not wanted.something:
        return [_not_understood(turn, wanted, text, commands)]
    if found := find(turn.conn, wanted, (), None):
        return [_page(turn, wanted, (), found, and_ask=bool(terms))]
    return [_nothing(turn, Wanted(wanted.countries, wanted.topics), text)]


def _a_person(turn: Turn, wanted: Wanted) -> Message:
    """Somebody tells what happened to them."""
    t = turn.p.t
    return turn.reply(
        t("Thank you for telling us. I am only a program, but our counsellors are people, and they can help."),
        t("Do you want to write to one of them?"),
        choices=[Choice(t("Ask a counsellor"), "/ask"), *_guesses(turn, wanted)[:2]],
    )


def _not_understood(turn: Turn, wanted: Wanted, text: str, commands: Sequence[str]) -> Message:
    """One line, two likely guesses, and a person; the second time in a row the person comes first."""
    t = turn.p.t
    turn.change(step=turn.person.step or MISSED)
    guesses = _guesses(turn, wanted)
    word = key(text)
    if 3 < len(word) <= 32 and (near := process.extractOne(word, commands, scorer=fuzz.ratio, score_cutoff=70)):
        guesses.append(Choice(f"/{near[0]}", f"/{near[0]}"))
    guesses = [*guesses, Choice(t("News"), "/news"), Choice(t("Help"), "/help")][:2]
    person = Choice(t("Ask a counsellor"), "/ask")
    return turn.reply(
        t("I did not understand that: I am only a program. A counsellor is a person, and can help."),
        choices=[person, *guesses] if turn.again else [*guesses, person],
    )


def _guesses(turn: Turn, wanted: Wanted) -> list[Choice]:
    t = turn.p.t
    places = [
        Choice(t("News about {country}", country=turn.country(c)), f"/news {code(c)}")
        for c in list(dict.fromkeys((*wanted.countries, *wanted.likely)))[:2]
    ]
    return [*places, *(Choice(turn.topic(slug), f"/news {slug}") for slug in wanted.topics[:1])]
