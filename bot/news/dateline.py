"""The dateline that a paragraph may begin with: "Baghdad and Erbil, Iraq: The support …"."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from bot.news.dispatch import Place
from bot.news.places import Gazetteer

SHORTEST = 40  # characters: less, without a dateline, is a heading or a page number

# What stands before the colon: no sentence, no quotation, no bracket. A colon inside a time or an address is not one.
_HEAD = regex.compile(
    r"(?P<head>[^\n:：.!?؟۔।;\"“”«»()\[\]<>@0-9]{2,90}?)\s?(?:[:：](?!//)|\s[–—]\s)\s*(?P<body>.*)", regex.DOTALL
)
_COMMA = regex.compile(r"\s*[,،、]\s*")
# "and", as the languages of the region say it between two cities.
_AND = regex.compile(r"\s+(?:and|&|und|et|и|ва|va|және|жана|ve|û|و|او|اور|এবং|ও)\s+|\s*/\s*")


@dataclass(frozen=True)
class Dateline:
    places: tuple[Place, ...]
    country: str | None  # the first one named, else that of the first place
    body: str


def read_dateline(text: str, gazetteer: Gazetteer) -> Dateline | None:
    """The dateline of a text and the rest of it; None where the text begins otherwise.

    It is one if it names a country, or if it is nothing but places that the atlas knows. "Note:" is neither.
    """
    if not (match := _HEAD.match(text)):
        return None
    items = [item for part in _COMMA.split(match["head"].strip()) for item in _AND.split(part) if item]
    if not items:
        return None
    places: list[Place] = []
    waiting: list[str] = []  # places whose country is still to come
    country = None
    for item in _rejoined(match["head"], items, gazetteer):
        if land := _country(item, gazetteer):
            places += [Place(name, land) for name in waiting]
            waiting, country = [], country or land
        elif _may_be_a_place(item, gazetteer):
            waiting.append(item)
        else:
            return None
    for name in waiting:
        # After the country, or without one, only places that are known: "Iraq, Women: …" is a heading.
        if not (known := gazetteer.called(name)):
            return None
        places.append(Place(name, known[0].country))
    country = country or (places[0].country if places else None)
    return Dateline(tuple(places), country, match["body"].strip())


def _rejoined(head: str, items: list[str], gazetteer: Gazetteer) -> list[str]:
    """A country with an "and" in its name is one item: "Bosnia and Herzegovina"."""
    last = _COMMA.split(head.strip())[-1]
    parts = [part for part in _AND.split(last) if part]
    if len(parts) > 1 and _country(last, gazetteer):
        return [*items[: -len(parts)], last]
    return items


def _country(name: str, gazetteer: Gazetteer) -> str | None:
    found = gazetteer.called(name)
    return found[0].country if found and found[0].size == "n" else None


def _may_be_a_place(name: str, gazetteer: Gazetteer) -> bool:
    """A place of the atlas, or one or two words with capitals: villages make news too."""
    parts = name.split()
    capitals = all(part[:1].lower() != part[:1] or part[:1].upper() == part[:1] for part in parts)
    return bool(gazetteer.called(name)) or (len(parts) <= 3 and capitals and any(c.isalpha() for c in name))
