"""Whether two texts are the same news: the same words, or nearly so and about the same places, numbers and days.

Similarity alone calls the same workshop in another city the same news; so what one text names and the other does not is
a veto. Built for a source whose item was edited; between sources the words have to be the same.
"""

from __future__ import annotations

import hashlib

import regex

from bot.news.text import fold

ENOUGH = 60  # letters: a text that is shorter does not name its news without its title
ALIKE = 0.5  # of the smaller text's runs of three words
_WORD = regex.compile(r"[\p{L}\p{M}]+|\p{N}+")


def words(text: str) -> list[str]:
    """Folded words and numbers, without punctuation."""
    return list(_WORD.findall(fold(text)))


def fingerprint(title: str, text: str) -> bytes:
    """The same for the same words, however they are spaced, quoted and capitalised. The title counts only for a text
    that would be too short without it, for one source gives titles and another does not."""
    folded = " ".join(words(text))
    if len(folded) < ENOUGH:
        folded = " ".join(words(f"{title} {text}"))
    return hashlib.sha256(folded.encode()).digest()


def edited(old: str, new: str) -> bool:
    """Whether ``new`` is ``old`` with some words changed."""
    before, after = _runs(words(old)), _runs(words(new))
    if not before or not after:
        return False
    shared = len(before & after) / min(len(before), len(after))
    return shared >= ALIKE and not _two_events(old, new)


def _runs(text: list[str]) -> set[tuple[str, ...]]:
    return {tuple(text[i : i + 3]) for i in range(max(1, len(text) - 2))} if text else set()


_NAME = regex.compile(r"(?<=[\p{Ll}\p{N},;]\s)\p{Lu}[\p{L}\p{M}]+|\p{N}+")


def _two_events(old: str, new: str) -> bool:
    """Each text has a number, or a name, that the other lacks."""
    before, after = set(_NAME.findall(old)), set(_NAME.findall(new))
    for kind in (str.isnumeric, str.isalpha):
        only_before = {name for name in before - after if kind(name)}
        only_after = {name for name in after - before if kind(name)}
        if only_before and only_after:
            return True
    return False
