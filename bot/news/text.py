"""Letters and words: what is the same to a reader is made the same to the program.

``clean`` is for text that people will read; ``fold`` is for comparing and is never shown.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import regex

_NEWLINE = regex.compile(r"\r\n?|[\u0085\u2028\u2029\v\f]")
_SPACES = regex.compile(r"[^\S\n]+")
# Invisible characters that say nothing: controls, lone surrogates, soft hyphen, byte order mark, and the marks that
# set a direction (an unclosed one would turn the rest of a message around). The joiners stay: Persian needs them.
_INVISIBLE = regex.compile(
    r"[[\p{Cc}\p{Cs}\p{Co}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]--\n]", regex.V1
)

# Signs above and below letters, Arabic vowel marks, tatweel, joiners. Bengali vowel signs are letters: kept.
_MARKS = regex.compile("[\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06ed\u200c\u200d]+")
_ALIKE = {
    "ی": "يىېۍێے",
    "ک": "ك",
    "گ": "ګ",
    "ه": "ھہەةۀ",
    "و": "ۆۇۋ",
    "ل": "ڵ",
    "ر": "ڕ",
    "ن": "ں",
    "i": "ı",
    "'": "ʻʼ‘’`´ʹ′",
    "-": "‐‑‒–—−",
    '"': "“”„«»",
}
_LETTERS = {ord(other): letter for letter, others in _ALIKE.items() for other in others}
_LETTERS |= {zero + n: str(n) for zero in (0x660, 0x6F0, 0x9E6) for n in range(10)}

# A word is what stands between two word boundaries *of its own script*: Python's ``re`` would cut Bengali at each vowel
# sign. The Uzbek turned comma is a letter to Unicode, yet most people type an apostrophe: it parts words for both.
_WORD = regex.compile(r"[\w--[_ʻʼ]]+", regex.V1)
_JOINT = regex.compile(r"[\s'’‘ʻʼ`&/-]{0,3}|\.|\s?[–—]\s?")


def clean(text: str) -> str:
    """Text as it may be shown: composed, with plain spaces and line breaks, without invisible characters."""
    text = _NEWLINE.sub("\n", unicodedata.normalize("NFC", text).replace("\t", " "))
    lines = _SPACES.sub(" ", _INVISIBLE.sub("", text)).split("\n")
    lined: str = regex.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in lines))
    return lined.strip()


def fold(text: str) -> str:
    """Text for comparing: the same for capitals, accents, vowel marks, look-alike letters and digits of any script."""
    bare: str = _MARKS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return bare.translate(_LETTERS)


def listed(text: str) -> frozenset[str]:
    """The words of a list in the source code, however its lines are broken."""
    return frozenset(text.split())


def one_line(text: str) -> str:
    return " ".join(text.split())


def name_from(*parts: str) -> str:
    """A name for these words, the same however they are spaced or capitalised."""
    same = "\n".join(one_line(unicodedata.normalize("NFKC", part)).casefold() for part in parts)
    return "sha256:" + hashlib.sha256(same.encode("utf-8", "replace")).hexdigest()[:32]


class Word(NamedTuple):
    folded: str
    start: int
    end: int
    capital: bool  # begins with a capital letter, or its script has none
    cased: bool


def words(text: str) -> list[Word]:
    """The words of a text, with where they stand in it."""
    found = []
    for match in _WORD.finditer(text):
        word = match.group()
        first = word[0]
        cased = first.lower() != first.upper()
        if folded := fold(word):
            found.append(Word(folded, match.start(), match.end(), not cased or first != first.lower(), cased))
    return found


def phrases(text: str, found: Sequence[Word], at: int, longest: int) -> Iterator[tuple[int, str]]:
    """The runs of words that begin with word ``at``, the longest first: (index after the last word, folded words).

    A run ends at a comma or a stop: "Kabul, Iran" is no place.
    """
    end = at + 1
    while end < len(found) and end - at < longest and _JOINT.fullmatch(text, found[end - 1].end, found[end].start):
        end += 1
    for stop in range(end, at, -1):
        yield stop, " ".join([word.folded for word in found[at:stop]])
