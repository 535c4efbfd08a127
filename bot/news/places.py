"""Which country is meant: by a person who types a word or two, and by a text that speaks of several.

The names come from ``config/places.tsv.gz`` (made by ``config/make_places.py``) and ``config/places_extra.tsv``.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import regex
from babel import Locale, UnknownLocaleError
from rapidfuzz.distance import OSA

import config
from bot.news.text import Word, clean, fold, listed, phrases, words

# Whose cities and people we follow, and whose datelines count. Türkiye is where many meet and many pass through: it is
# concerned when it is named, not when a workshop is held in Istanbul.
REGION = frozenset({"AF", "PK", "IQ", "BD", "TJ", "KG", "UZ", "KZ", "TM", "LK", "IR"})
CODES = {
    **{code: code for code in sorted(REGION | {"TR"})},
    **{"AFG": "AF", "PAK": "PK", "IRQ": "IQ", "BGD": "BD", "TJK": "TJ", "KGZ": "KG"},
    **{"UZB": "UZ", "KAZ": "KZ", "TKM": "TM", "LKA": "LK", "IRN": "IR"},
}
# Two letters that are also a word of English, Turkish, Uzbek …, typed alone, are that word.
WORDLIKE = listed(
    "no in id is it my me so to be by am as at do us ye la de es et ma na ne se si tu ve pa va mi mr ms tv pm ai st"
)
# Codes that people type in small letters, besides those of the region.
OFTEN = listed(
    "de us gb ae sa qa om kw bh my ru kr jp it gr fr pl ro hu ca au at ch se no dk nl es pt in np cy rs jo lb"
)
# Who types one of these alone means a language, or something that is done to shoes.
TONGUES = listed("russian polish greek")
LEADING = frozenset(("in", "from", "of", "about", "for", "to", "news"))  # "jobs in bd"

LARGE = "ncpxl"  # a country's capital, a province, a city of 100,000 or more
LONGEST = 5  # words in a name

How = Literal["name", "flag", "code", "city", "adjective", "fuzzy"]
Kind = Literal["name", "adjective", "people", "city"]
_KINDS: dict[str, Kind] = {"n": "name", "a": "adjective", "b": "people"}


class Candidate(NamedTuple):
    country: str
    size: str  # see config/make_places.py; "a" and "b" for an adjective

    @property
    def region(self) -> bool:
        return self.country in REGION


class Mention(NamedTuple):
    first: int  # index of its first word
    last: int  # … and of the one after its last
    phrase: str
    candidates: tuple[Candidate, ...]
    inflected: bool

    @property
    def kind(self) -> Kind:
        return _KINDS.get(self.candidates[0].size, "city")

    @property
    def how(self) -> How:
        return "adjective" if self.kind == "people" else self.kind

    @property
    def country(self) -> str:
        return self.candidates[0].country


@dataclass(frozen=True)
class CountryGuess:
    country: str | None
    how: How | None
    matched: str
    rest: str


@dataclass(frozen=True)
class Gazetteer:
    """Names of countries, provinces and cities. Built once by ``load``; reads only, so safe in threads."""

    _names: dict[str, tuple[Candidate, ...]] = field(repr=False)
    _countries: frozenset[str] = field(repr=False)  # ISO 3166 alpha-2
    _openers: frozenset[str] = field(repr=False)  # the first words of names of several words
    _shy: frozenset[str] = field(repr=False)  # countries whose name is an everyday word too
    _spelled: dict[int, list[tuple[str, str]]] = field(repr=False)  # by length: names to compare misspellings with

    @classmethod
    def load(cls) -> Gazetteer:
        folder = Path(config.__file__).parent
        names = _atlas(fold(gzip.decompress((folder / "places.tsv.gz").read_bytes()).decode("utf-8")))
        shy: set[str] = set()
        spelled: dict[int, list[tuple[str, str]]] = {}
        for line in (folder / "places_extra.tsv").read_text("utf-8").splitlines():
            place, tab, rest = line.partition("\t")
            if line.startswith("#") or not tab:
                continue
            extra = [" ".join(word.folded for word in words(name)) for name in rest.split("|")]
            if place == "~~":
                shy.update(extra)
            else:
                names.update(dict.fromkeys(extra, _candidates(place)))
        for name, found in names.items():
            if found and name not in shy and _may_be_misspelled(name, *found[0]):
                spelled.setdefault(len(name), []).append((name, found[0].country))
        openers = frozenset(name.partition(" ")[0] for name in names if " " in name)
        countries = frozenset(found[0].country for found in names.values() if found and found[0].size == "n")
        return cls(names, countries, openers, frozenset(shy), spelled)

    def called(self, name: str) -> tuple[Candidate, ...]:
        """The places of exactly this name, largest first."""
        return self._names.get(" ".join(word.folded for word in words(name)), ())

    def is_shy(self, phrase: str) -> bool:
        """Whether these folded words name a country and are everyday words too: "chad", "того"."""
        return phrase in self._shy

    def name(self, country: str, language: str) -> str:
        """What ``country`` is called in ``language``; in English when that language has no name for it."""
        for code in (language, language.split("-")[0], "en"):
            try:
                if found := Locale.parse(code, sep="-").territories.get(country):
                    return str(found)
            except (UnknownLocaleError, ValueError):
                continue
        return country

    def country(self, text: str) -> CountryGuess:
        """The country that somebody means who typed ``text``; ``rest`` is what else they said."""
        text = clean(text)
        found = words(text)
        meant = [m for m in self.mentions(text, found) if self._is_meant(m, found)]
        for how in ("name", "flag", "adjective", "code", "city", "fuzzy"):
            match how:
                case "flag":
                    guess = _flag(text, self._countries)
                case "code":
                    guess = _code(text, found, self._countries)
                case "fuzzy":
                    guess = self._misspelled(text, found)
                case _:
                    guess = next((_guess(text, found, m) for m in meant if m.how == how), None)
            if guess:
                return guess
        return CountryGuess(None, None, "", text)

    def mentions(self, text: str, found: Sequence[Word]) -> Iterator[Mention]:
        """Everything in the text that bears the name of a place, the longest names first, none overlapping."""
        at = 0
        while at < len(found):
            for stop, phrase in phrases(text, found, at, LONGEST if found[at].folded in self._openers else 1):
                candidates = self._names.get(phrase)
                inflected = False
                if candidates is None:
                    candidates, phrase = self._stem(phrase, found[at])
                    inflected = candidates is not None
                if candidates is not None:
                    if candidates:
                        yield Mention(at, stop, phrase, candidates, inflected)
                    at = stop
                    break
            else:
                at += 1

    def _stem(self, phrase: str, seen: Word) -> tuple[tuple[Candidate, ...] | None, str]:
        """A place's name inside longer words: "Афганистане", "বাংলাদেশের", "بالعراق"."""
        for stem in _stems(phrase):
            candidates = self._names.get(stem)
            if candidates and len(stem) > 3 and stem not in self._shy:
                first = candidates[0]
                city = first.size in LARGE if first.country in REGION else first.size in "cx" and len(stem) > 4
                if first.size in "na" or (city and seen.capital):
                    return candidates, stem
        return None, phrase

    def _is_meant(self, mention: Mention, found: Sequence[Word]) -> bool:
        """Whether a person who typed this in a message means the place."""
        alone = all(word.folded in FILLERS for word in (*found[: mention.first], *found[mention.last :]))
        if mention.kind == "people":
            return alone and mention.phrase not in TONGUES
        first = found[mention.first]
        inside = mention.first > 0 and first.cased and first.capital
        if alone or mention.kind == "adjective":
            return True
        if mention.phrase in self._shy:
            return inside
        if mention.kind == "name":
            return True
        place = mention.candidates[0]
        home = place.region or place.country == "TR"
        if inside:
            return place.size in "cx" or (home and place.size != "s")
        shortest = 4 if home else 5
        return len(mention.phrase) >= shortest and place.size in (LARGE if home else "cx")

    def spelled(self, name: str, *, only_countries: bool = False) -> str | None:
        """The country of the region whose name, or whose large city, this misspells by a letter."""
        folded = "".join(word.folded for word in words(name))
        if len(folded) < 6 or self.called(name):
            return None
        near = self._near(folded, 1, "n" if only_countries else LARGE)
        return near[1] if near else None

    def _misspelled(self, text: str, found: Sequence[Word]) -> CountryGuess | None:
        best: tuple[int, int, int, str] | None = None
        for at, word in enumerate(found):
            for stop in (at + 1, at + 2):
                written = "".join(each.folded for each in found[at:stop])
                near = None
                if stop == at + 2 and (stop > len(found) or len(word.folded) < 3 or len(written) < 7):
                    continue
                if stop == at + 2 and any(
                    written == name and land in REGION for name, land in self._spelled.get(len(written), ())
                ):
                    near = (0, self._names[written][0].country)  # "Islam abad" is nothing but a space away
                elif len(written) > 4 and written not in self._names:
                    near = self._near(written, 1 if len(written) < 8 or stop == at + 2 else 2, LARGE)
                    if near and stop == at + 2 and near[1] not in REGION:
                        near = None
                if near and (best is None or near[0] < best[0]):
                    best = (near[0], at, stop, near[1])
        if best is None:
            return None
        start, end = found[best[1]].start, found[best[2] - 1].end
        return CountryGuess(best[3], "fuzzy", text[start:end], _rest(text, start, end))

    def _near(self, written: str, allowed: int, sizes: str) -> tuple[int, str] | None:
        """(distance, country) of the one country whose names are nearest to what is written."""
        near: dict[str, int] = {}
        for length in range(len(written) - allowed, len(written) + allowed + 1):
            for name, country in self._spelled.get(length, ()):
                distance = OSA.distance(written, name, score_cutoff=allowed)
                size = self._names[name][0].size
                # "Kiran" is somebody's name; and two letters off is far for a town.
                alike = written[0] == name[0] or (distance == 1 and length > 7)
                if distance <= allowed and alike and size in sizes and (distance < 2 or size == "n"):
                    near[country] = min(distance, near.get(country, distance))
        closest = [country for country, distance in near.items() if distance == min(near.values())]
        return (near[closest[0]], closest[0]) if len(closest) == 1 else None


def _atlas(text: str) -> dict[str, tuple[Candidate, ...]]:
    names: dict[str, tuple[Candidate, ...]] = {}
    for line in text.splitlines():
        places, _, listed = line.partition("\t")
        names.update(dict.fromkeys(listed.split("|"), _candidates(places)))
    return names


def _may_be_misspelled(name: str, country: str, size: str) -> bool:
    """Whether what people type is compared with this name: long ones, of what they are likely to mean."""
    near = country in REGION
    if len(name) < 6:
        return near and name.isascii() and ((size == "n" and len(name) > 3) or (size == "c" and len(name) > 4))
    if " " in name:
        return False
    return (size == "n" and (near or name.isascii())) or (near and size in "cxl" and len(name) > 6)


def _candidates(places: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(p[:2].upper(), p[2]) for p in places.split(",")) if places != "--" else ()


# --- What a person types -------------------------------------------------------------------------------------------

FILLERS = listed(
    """
    news the a in from about of for on at to please pls latest new update updates me show give i am im want
    country and region republic city province district oblast область шаары viloyati dear sir hello hi salam any
    what is there s kya ka ki ke se az dar ba man من از در به في عن اخبار خبر خبرونه новости в из на о про мне
    хабар янгиликлар yangiliklar haber haberler খবর সংবাদ এর میں سے کی کے کا لە له
    """
)
PREPOSITIONS = listed("in from near at around to outside toward towards")
_DANGLING = regex.compile(
    r"(?:^|\s)(?:in|from|about|for|of|to|on|at|the|в|из|на|о|про|در|از|به|في|من|عن|لە|له)$", regex.IGNORECASE
)
_EDGES = regex.compile(r"^[\s,.;:!?؟،۔।–—-]+|[\s,.;:!?؟،۔।–—-]+$")
_FLAG = regex.compile(r"[\U0001F1E6-\U0001F1FF]{2}")


def _guess(text: str, found: Sequence[Word], mention: Mention) -> CountryGuess:
    start, end = found[mention.first].start, found[mention.last - 1].end
    return CountryGuess(mention.country, mention.how, text[start:end], _rest(text, start, end))


def _rest(text: str, start: int, end: int) -> str:
    """What is left when the country is taken out, without the "in" that led to it."""
    before, after = _EDGES.sub("", text[:start]), _EDGES.sub("", text[end:])
    while (shorter := _EDGES.sub("", _DANGLING.sub("", before))) != before:
        before = shorter
    return f"{before} {after}".strip()


def _flag(text: str, countries: frozenset[str]) -> CountryGuess | None:
    for match in _FLAG.finditer(text):
        code = "".join(chr(ord(letter) - 0x1F1E6 + ord("A")) for letter in match.group())
        if code in countries:
            return CountryGuess(code, "flag", match.group(), _rest(text, *match.span()))
    return None


def _code(text: str, found: Sequence[Word], countries: frozenset[str]) -> CountryGuess | None:
    """A code of two or three letters: alone in any case; of the region also in capitals inside a message, or after a
    word that leads to a place."""
    before = ""
    for word in found:
        leading, before = before in LEADING, text[word.start : word.end].lower()
        written = text[word.start : word.end]
        code = written.upper()
        alone = len(found) == 1
        if code in CODES and (written.isupper() or len(found) <= 2 or leading):
            country = CODES[code]
        elif code == "US" and written.isupper() and (alone or not text.isupper()):
            country = "US"
        elif alone and code.isascii() and (written.isupper() or code.lower() in OFTEN) and code.lower() not in WORDLIKE:
            country = code
        else:
            continue
        if country in countries:
            return CountryGuess(country, "code", written, _rest(text, word.start, word.end))
    return None


# --- Names inside words --------------------------------------------------------------------------------------------

_BEFORE = ("وال", "بال", "فال", "کال", "ولل", "وب", "ول", "لل", "ال", "و", "ب", "ل", "ف", "ک")
_AFTER = {
    "arabic": ("یین", "یون", "یات", "یه", "ها", "های", "دا", "ی", "یش", "ه"),
    "bengali": fold("ের ে য়ের য় তে কে র ি ী টি এর এ ও ই").split(),
    "cyrillic": fold(
        """
    ский ская ское ские ского ской ских ским скими скую ском ами ах ям ях ов ом ем ой ою ей а у е ы и ю я о да
    де та те дан ден тан тен нан нен мен бен пен га ге ка ке ға қа
    ни нин нинг нинки ды ди ты дын дин тын нын нун дун ро дагы дагы
    лик лык дык дик тык тик дық дік тық тік лық лік
    """
    ).split(),
    "latin": [
        "dagi",
        "daki",
        "liklar",
        "likler",
        "lik",
        "dan",
        "den",
        "da",
        "de",
        "ga",
        "ge",
        "ning",
        "nin",
        "ni",
        "ye",
        "e",
        "i",
    ],
}


def _stems(word: str) -> Iterator[str]:
    """What a word would be without the endings, or Arabic prefixes, that its script is used to hang on names."""
    first = word[0]
    if "\u0600" <= first <= "\u06ff":
        for before in ("", *_BEFORE):
            if word.startswith(before):
                bare = word[len(before) :]
                if before:
                    yield bare
                yield from _without(bare, "arabic")
    elif "\u0980" <= first <= "\u09ff":
        yield from _without(word, "bengali")
    elif "\u0400" <= first <= "\u04ff":
        yield from _without(word, "cyrillic")
    elif len(word) > 4:
        yield from _without(word, "latin")


def _without(word: str, script: str) -> Iterator[str]:
    for after in _AFTER[script]:
        if len(word) > len(after) + 2 and word.endswith(after):
            yield word[: -len(after)]
    if script == "cyrillic":  # "Молдовы", "Японии"
        for after, instead in (("ы", "а"), ("е", "а"), ("у", "а"), ("ои", "а"), ("и", "я"), ("ю", "я"), ("еи", "я")):
            if word.endswith(after):
                yield word[: -len(after)] + instead
