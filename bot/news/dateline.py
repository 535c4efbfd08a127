"""The dateline that a paragraph may begin with: "Baghdad and Erbil, Iraq: The support …"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import regex

from bot.news.dispatch import Place
from bot.news.events import is_date_word
from bot.news.places import LARGE, Candidate, Gazetteer
from bot.news.text import fold

SHORTEST = 40  # characters: less, without a dateline, is a heading or a page number
LONGEST = 100  # characters of a dateline

# What may end it: a colon that is not in a time or an address, a dash between spaces, and, where all of it is known, a
# full stop or the bracket around an agency.
_END = regex.compile(
    r"\s?(?:[:：](?!//)(?!(?<=\d:)\d)|\s(?:[–—]|--?)\s|(?<=[\p{L})])[—–](?=\s?\p{Lu})|(?P<stop>\.\s+(?=[\p{Lu}\p{Lo}“\"«])|(?<=\))\s+(?=[\p{Lu}\p{Lo}])))\s*"
)
_NEVER = regex.compile(r"[\n!?؟۔।;\"“”«»<>@]")
_COMMA = regex.compile(r"\s*[,،、]\s*")
# "and", as the languages of the region say it between two cities.
_AND = regex.compile(r"\s+(?:and|&|und|et|и|ва|va|және|жана|менен|ve|û|و|او|اور|এবং|ও)\s+|\s*/\s*|\s+[–—-]\s+")
_BRACKETS = regex.compile(r"\s*[(\[]([^()\[\]]{1,40})[)\]]\s*")
_AROUND = regex.compile(r"(?:[-–—•*]\s*)*(?:[(\[](?P<in>[^()\[\]]+)[)\]]|(?P<bare>.*))", regex.DOTALL)
_AGENCY = regex.compile(r"\p{Lu}{2,8}\s?[-–/ ]\s?(?=\p{L})")
_RELEASE = regex.compile(r"(?:press|news|media)\s(?:release|statement|note)\s*[:–—-]\s*", regex.IGNORECASE)
# Around a name: "Osh city", "ولایت بلخ".
_KIND = regex.compile(
    r"\s(?:city|province|district|region|governorate|oblast|division|шаҳри|шаары|область|شهر|ضلع)$|"
    r"^(?:г\.|город|шаҳри|ш\.|вилояти|ولایت|شهر|محافظة|مدينة|city of|province of)\s",
    regex.IGNORECASE,
)
_CAPITALS = regex.compile(r"\p{Lu}{2,5}")


@dataclass(frozen=True)
class Dateline:
    places: tuple[Place, ...]
    country: str | None  # the first one named, else that of the first place
    body: str


def read_dateline(text: str, gazetteer: Gazetteer) -> Dateline | None:
    """The dateline of a text and the rest of it; None where the text begins otherwise.

    It is one if it names a country, or if it is nothing but places that the atlas knows; days and agencies may stand
    beside them. "Note:" is neither. Before a mere full stop every place has to be known.
    """
    for end in reversed(list(_END.finditer(text, 0, min(len(text), LONGEST + 10)))):
        head = text[: end.start()]
        if len(head) < 2 or _NEVER.search(head):
            continue
        strict = end["stop"] is not None
        for written in _variants(head.strip()):
            if read := _read(written, gazetteer, strict=strict):
                return Dateline(*read, text[end.end() :].strip())
    return None


def _variants(head: str) -> Iterator[str]:
    """As it stands, out of its bullet or brackets, and without the agency that may stand before it: "BSS-DHAKA"."""
    if whole := _AROUND.fullmatch(head):
        head = whole["in"] or whole["bare"]
    if release := _RELEASE.match(head):
        head = head[release.end() :]
    yield head
    if agency := _AGENCY.match(head):
        yield head[agency.end() :]


def _read(head: str, gazetteer: Gazetteer, *, strict: bool) -> tuple[tuple[Place, ...], str | None] | None:
    places: list[Place] = []
    waiting: list[str] = []  # places whose country is still to come
    country = None
    items = list(_items(head, gazetteer))
    for item in items:
        land = _country(item, gazetteer)
        if not land and not strict and (len(items) > 1 or len(places) == 0):
            land = gazetteer.spelled(item, only_countries=len(items) > 1)
        if land:
            places += [Place(name, land) for name in waiting]
            if not _country(item, gazetteer) and len(items) == 1:
                places.append(Place(item, land))
            waiting, country = [], country or land
        elif _may_be_a_place(item, gazetteer) and not (strict and not _is_large(item, gazetteer)):
            waiting.append(item)
        else:
            return None
    if strict and not (places or waiting):
        return None
    # After the country, or without one, only places that are known: "Iraq, Women: …" is a heading.
    known = [gazetteer.called(name) for name in waiting]
    if not all(known):
        return None
    for name, candidates in zip(waiting, known, strict=True):
        best = _agreed(candidates, known)
        if not (places and best.size == "p" and places[-1].country == best.country):  # "Quetta, Balochistan"
            places.append(Place(name, best.country))
    country = country or (places[0].country if places else None)
    return (tuple(places), country) if country else None


def _items(head: str, gazetteer: Gazetteer) -> Iterator[str]:
    """The places that a dateline names, without days and agencies; a country after its city is one of its own."""
    head = _BRACKETS.sub(lambda inside: f", {inside[1]}, " if _country(inside[1], gazetteer) else " ", head)
    for part in filter(None, _COMMA.split(head.strip())):
        whole = _undated(part, gazetteer)
        # A country with an "and" in its name is one item: "Bosnia and Herzegovina".
        for item in [whole] if _country(whole, gazetteer) else _AND.split(part):
            item = _undated(item, gazetteer)
            if not gazetteer.called(item):
                item = _KIND.sub("", item)
            if item and not _is_american_state(item, head, gazetteer) and not _is_agency(item, head, gazetteer):
                yield from _parted(item, gazetteer)


def _undated(item: str, gazetteer: Gazetteer) -> str:
    """Without the days at its ends. In Tajik "Душанбе" is Monday, and mostly the capital."""
    tokens = item.split()

    def is_day(token: str) -> bool:
        parts = fold(token.strip(".")).split("-")
        return all(map(is_date_word, parts)) and not _is_large(token, gazetteer)

    while tokens and is_day(tokens[-1]):
        tokens.pop()
    while tokens and is_day(tokens[0]):
        tokens.pop(0)
    return " ".join(tokens)


def _parted(item: str, gazetteer: Gazetteer) -> Iterator[str]:
    """ "Dhaka Bangladesh" is two, "Cox's Bazar" is one."""
    tokens = item.split()
    if len(tokens) > 1 and not gazetteer.called(item):
        for at in range(1, len(tokens)):
            city, land = " ".join(tokens[:at]), " ".join(tokens[at:])
            if gazetteer.called(city) and _country(land, gazetteer):
                yield from (city, land)
                return
    yield item


def _is_american_state(item: str, head: str, gazetteer: Gazetteer) -> bool:
    """ "Washington, DC" """
    code = item.replace(".", "")
    city = gazetteer.called(_COMMA.split(head.strip())[0])
    return len(code) == 2 and code.isupper() and bool(city) and city[0].country == "US"


def _is_agency(item: str, head: str, gazetteer: Gazetteer) -> bool:
    """ "UNHCR, Islamabad" """
    return bool(_CAPITALS.fullmatch(item)) and not head.isupper() and not gazetteer.called(item)


def _country(name: str, gazetteer: Gazetteer) -> str | None:
    found = gazetteer.called(name)
    return found[0].country if found and found[0].size == "n" else None


def _is_large(name: str, gazetteer: Gazetteer) -> bool:
    return any(place.region and place.size in LARGE for place in gazetteer.called(name))


def _may_be_a_place(name: str, gazetteer: Gazetteer) -> bool:
    """A place of the atlas, or up to three words with capitals: villages make news too. "IOM" is none."""
    if gazetteer.called(name):
        return True
    parts = name.split()
    capitals = all(part[:1].lower() != part[:1] or part[:1].upper() == part[:1] for part in parts)
    unlike = _CAPITALS.fullmatch(name) or any(c.isdigit() or c in ".:()[]" for c in name)
    return len(parts) <= 3 and capitals and not unlike and any(c.isalpha() for c in name)


def _agreed(candidates: tuple[Candidate, ...], all_: list[tuple[Candidate, ...]]) -> Candidate:
    """Of several towns of one name the one in a country that the whole dateline can be in."""
    common = set.intersection(*({place.country for place in known} for known in all_))
    return next((place for place in candidates if place.country in common), candidates[0])
