"""What somebody names: countries in any spelling, topics, and what is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import regex
from babel import Locale

from bot.news.places import WORDLIKE, Gazetteer
from bot.news.topics import Topics
from bot.talk.words import ALL, FILLERS, key

LONGEST: Final = 6  # words in a topic's name
MOST: Final = 24  # words of a message that are looked at
_PARTS = regex.compile(r"[\s,;،؛。、&]+")
_EDGES = regex.compile(r"^[^\w]+|[^\w]+$")
_AFTER = regex.compile(r"^(?P<query>.*?)\s*\bafter (?P<id>\d{1,15})$", regex.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """``unknown`` are words that name nothing; ``likely`` the countries that misspelt ones may stand for."""

    countries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    all_countries: bool = False
    all_topics: bool = False
    unknown: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    rest: str = ""  # the text without its countries

    @property
    def something(self) -> bool:
        return bool(self.countries or self.topics or self.all_countries or self.all_topics)

    @property
    def codes(self) -> list[str]:
        """The words that name the same again, in a button's line."""
        if self.all_countries and self.all_topics:
            return ["all"]
        return [*map(code, self.countries), *self.topics]


def code(country: str) -> str:
    """A country in a button's line: "iq", and "+me" where the code is also a word."""
    return f"+{country.lower()}" if country.lower() in WORDLIKE else country.lower()


def paged(text: str) -> tuple[str, int | None]:
    """ "iq after 123" is more of "iq", from dispatch 123 on."""
    match = _AFTER.match(text)
    return (match["query"], int(match["id"])) if match else (text, None)


def coded(text: str, topics: Topics) -> Wanted | None:
    """What a button's line names; None when the text holds anything else."""
    countries, slugs = [], []
    for word in text.split():
        if word in topics.slugs:
            slugs.append(word)
        elif country := _country(word):
            countries.append(country)
        else:
            return None
    return Wanted(_once(countries), _once(slugs))


def read(text: str, gazetteer: Gazetteer, topics: Topics, *, loosely: bool) -> Wanted:
    """What a person names who types ``text``. ``loosely``: a misspelt country counts; it does no harm when reading."""
    if (exact := coded(text, topics)) is not None:
        return exact
    countries: list[str] = []
    likely: list[str] = []
    missed: list[str] = []
    rest = " ".join(text.split()[:MOST])
    if not loosely:  # a list of names, in which "af" is no word of a sentence
        codes = [word for word in rest.split() if word.islower() and _country(word)]
        countries = [country for word in codes if (country := _country(word))]
        rest = " ".join(word for word in rest.split() if word not in codes)
    for _ in range(MOST):
        guess = gazetteer.country(rest)
        if guess.country is None:
            break
        if guess.how == "fuzzy":
            likely.append(guess.country)
        if guess.how == "fuzzy" and not loosely:
            missed.append(guess.matched)
        else:
            countries.append(guess.country)
        rest = guess.rest
    found, unknown = _topics(rest, topics)
    everything = any(word in ALL for word in unknown)
    unknown = [word for word in unknown if word not in ALL]
    sides = key(rest)
    return Wanted(
        _once(countries),
        _once(found),
        everything and not countries and ("topic" not in sides or "countr" in sides),
        everything and not found and ("countr" not in sides or "topic" in sides),
        _once([*missed, *unknown]),
        _once(likely),
        rest,
    )


def _topics(text: str, topics: Topics) -> tuple[list[str], list[str]]:
    """The topics that are named, the longest names first, and the words that name none."""
    parts = [part for raw in _PARTS.split(text) if (part := _EDGES.sub("", raw))][:MOST]
    found: list[str] = []
    unknown: list[str] = []
    at = 0
    while at < len(parts):
        for stop in range(min(at + LONGEST, len(parts)), at, -1):
            ends = (key(parts[at]), key(parts[stop - 1]))
            if not FILLERS.isdisjoint(ends):
                continue
            if slug := topics.named(" ".join(parts[at:stop])):
                found.append(slug)
                at = stop
                break
        else:
            if key(parts[at]) not in FILLERS:
                unknown.append(parts[at])
            at += 1
    return found, unknown


def _country(word: str) -> str | None:
    """The country of a code in a button's line."""
    bare = word.removeprefix("+")
    if len(bare) != 2 or not bare.isascii() or not bare.isalpha() or (bare == word and bare.lower() in WORDLIKE):
        return None
    return bare.upper() if bare.upper() in _CODES else None


# CLDR lists unions, outlying islands and codes for tests beside the countries.
_CODES: Final = frozenset(name for name in map(str, Locale("en").territories) if len(name) == 2 and name.isalpha()) - {
    "AC",
    "CP",
    "CQ",
    "DG",
    "EA",
    "EU",
    "EZ",
    "IC",
    "QO",
    "TA",
    "UN",
    "XA",
    "XB",
    "ZZ",
}


def _once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))
