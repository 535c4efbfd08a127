"""Whether two texts are the same news: the same words, or nearly so and about the same places, numbers and days.

Similarity alone calls the same workshop in another city the same news; so what one text names and the other does not is
a veto. Between sources the words have to be the same; nearly the same is enough for an edit by the same source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeAlias

import regex
from babel.dates import get_day_names, get_month_names
from rapidfuzz.distance import Indel

from bot.news.dispatch import Dispatch
from bot.news.text import fold

ENOUGH = 60  # letters: a text that is shorter does not name its news without its title, nor a title without its day
ALIKE = 0.4  # of the smaller text's runs of three words
FEWEST = 8  # runs: of two shorter texts one is not an edit of the other, however alike they look
QUOTED = 0.8  # of the runs of what is quoted
QUOTATION = 20  # letters at the least
SPELLING = 0.88  # "Sulaimaniyah" and "Sulaymaniyah" are one name, "Tuesday" and "Thursday" are two
# Numbers in words. "One" and "second" are left out: in many sentences they count nothing.
_IN_WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    "два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать",
    "دو سه چهار پنج شش هفت هشت نه ده یازده دوازده سیزده چهارده پانزده",
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety hundred",
    "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто сто",
    "بیست سی چهل پنجاه شصت هفتاد هشتاد نود صد",
)
_NUMBERS = {fold(word): str(n) for words in _IN_WORDS for n, word in enumerate(words.split(), 2)} | {
    fold(word): str(n * 10) for words in _TENS for n, word in enumerate(words.split(), 2)
}
Runs: TypeAlias = set[tuple[str, str, str]]
_WORD = regex.compile(r"[\p{L}\p{M}]+|\p{N}+")
# Capitals inside a sentence: names, in scripts that have capitals.
_NAME = regex.compile(r"(?<=[\p{Ll}\p{N},;]\s)\p{Lu}[\p{L}\p{M}]+")


def folded_words(text: str) -> list[str]:
    """Folded words and numbers, without punctuation."""
    return list(_WORD.findall(fold(text)))


def fingerprint(title: str, text: str, published: datetime | None = None, places: Iterable[str] = ()) -> bytes:
    """The same for the same words, however they are spaced, quoted and capitalised. The title counts only for a text
    that would be too short without it, for one source gives titles and another does not; "Weekly update" is other news
    on another day."""
    folded = " ".join(folded_words(text))
    if len(folded) < ENOUGH:
        folded = " ".join(folded_words(f"{title} {text}"))
    if len(folded) < ENOUGH and published:
        folded += f"\n{published:%Y-%m-%d}"
    folded += "".join(f"\n{place}" for place in sorted(map(fold, places)))
    return hashlib.sha256(folded.encode("utf-8", "replace")).digest()


def content(item: Dispatch) -> bytes:
    """Other for whatever a reader would see changed."""
    shown = "\n".join((item.title, item.text, item.link, *(place.name for place in item.places)))
    return hashlib.sha256(shown.encode("utf-8", "replace")).digest()


# ── An edit, or another event ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text names: where these differ on both sides, two texts are about two events."""

    numbers: frozenset[str]
    dates: frozenset[str]
    names: frozenset[str]
    places: frozenset[str]
    countries: frozenset[str]

    @classmethod
    def of(cls, text: str, places: Iterable[str] = (), countries: Iterable[str] = ()) -> Facts:
        """``places``: of its dateline; ``countries``: that it concerns. Both tell apart where there are no capitals."""
        found = set(folded_words(text))
        return cls(
            numbers=frozenset(_NUMBERS.get(word, word) for word in found if word.isnumeric() or word in _NUMBERS),
            dates=frozenset(found & _dates()),
            names=frozenset(fold(name) for name in _NAME.findall(text)),
            places=frozenset(map(fold, places)),
            countries=frozenset(countries),
        )


def two_events(one: Facts, other: Facts) -> bool:
    """Each has a number, a day, a name, a place or a country that the other lacks."""
    return any(
        _each_lacks(getattr(one, kind), getattr(other, kind), spelling=kind in ("names", "places"))
        for kind in Facts.__dataclass_fields__
    )


def _each_lacks(one: frozenset[str], other: frozenset[str], *, spelling: bool) -> bool:
    only_one, only_other = one - other, other - one
    if spelling:
        both = [(a, b) for a in only_one for b in only_other if Indel.normalized_similarity(a, b) >= SPELLING]
        only_one, only_other = only_one - {a for a, _ in both}, only_other - {b for _, b in both}
    return bool(only_one and only_other)


def quotes(text: str, other: str) -> bool:
    """Whether a text says all of another, or nearly; two words are in many texts, and quote none."""
    said, quoted = " ".join(folded_words(text)), " ".join(folded_words(other))
    if len(quoted) < QUOTATION:
        return False
    return f" {quoted} " in f" {said} " or (len(quoted) < len(said) and likeness(runs(other), runs(text)) >= QUOTED)


def runs(text: str) -> Runs:
    """All three words that follow each other."""
    found = folded_words(text)
    return set(zip(found, found[1:], found[2:], strict=False))


def likeness(one: Runs, other: Runs) -> float:
    """Which share of the smaller one's runs the other has too; nothing for what is too short to say."""
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller >= FEWEST else 0.0


@cache
def _dates() -> frozenset[str]:
    """Months and days of the week, in the languages of the region."""
    names = [
        name
        for language in (
            "en",
            "ru",
            "ar",
            "ar_IQ",
            "fa",
            "fa_AF",
            "ps",
            "ur",
            "bn",
            "uz",
            "tg",
            "ky",
            "kk",
            "ckb",
            "tr",
        )
        for context in ("format", "stand-alone")
        for names_of in (get_month_names, get_day_names)
        for name in names_of("wide", context, language).values()
    ]
    return frozenset(word for name in names for word in folded_words(name) if word.isalpha())
