"""Phrases found in a text: as whole words of any script, in any order of languages, with the endings that they allow.

A phrase is written as people write it. ``refugee*`` allows any ending of the word; ``wages & unpaid`` is found where
both stand in one sentence; a leading ``?`` makes it a hint, which says little alone; with ``!`` its words say nothing:
"document fraud" is not the fraud of a swindler.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import regex

from bot.news.text import Word, words

SHORTEST_STEM = 1  # letters: Uzbek "yo‘l" is two words to us
LEAD = 50  # characters: what ends sooner is an abbreviation or a cry, not the first sentence

# Folded: as ``words`` gives them.
_BRITISH = {
    "center": "centre",
    "centers": "centres",
    "labor": "labour",
    "program": "programme",
    "programs": "programmes",
    "counselor": "counsellor",
    "counselors": "counsellors",
    "counseling": "counselling",
    "organized": "organised",
    "rumors": "rumours",
}
# Between the words of one phrase. A slash parts: "Geneva/Islamabad".
_JOINT = regex.compile(r"[\s'’‘ʻʼ`&/-]{0,3}|\.|\s?[–—]\s?")
_STOP = regex.compile(r"[.!?؟۔।…]+[\"”’»)\]]*(?=\s|$)|\n")
# What Arabic writes together with a noun: "and", "in", "for", "the".
_CLITIC = regex.compile(r"^(?:[وفبک]?ال|و?لل|[ولب])(?=\w{3})")


class Phrase(NamedTuple):
    """One line of a lexicon."""

    topic: str
    written: str
    hint: bool
    void: bool
    parts: int


class Hit(NamedTuple):
    phrase: Phrase
    first: int  # index of its first word
    after: int  # … and of the word after its last
    sentence: int


@dataclass(slots=True)
class _Node:
    exact: dict[str, _Node] = field(default_factory=dict)
    stems: dict[str, _Node] = field(default_factory=dict)
    ends: list[tuple[Phrase, int]] = field(default_factory=list)  # (phrase, which of its parts)


@dataclass(frozen=True, slots=True)
class Read:
    """A text cut into words and sentences, for lexicons to look into."""

    text: str
    found: Sequence[Word]
    forms: Sequence[tuple[str, ...]]  # of each word: as it stands, and without a plural or an article
    sentences: Sequence[int]  # of each word, counted from 0

    @classmethod
    def of(cls, text: str) -> Read:
        found = words(text)
        stops = _stops(text)
        sentences, at = [], 0
        for word in found:
            while at < len(stops) and stops[at] <= word.start:
                at += 1
            sentences.append(at)
        return cls(text, found, [_forms(word.folded) for word in found], sentences)


class Lexicon:
    """Phrases by their words. Built once; reads only, so safe in threads."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, topic: str, written: str) -> None:
        parts = written.lstrip("?!").split(" & ")
        phrase = Phrase(topic, written, written.startswith("?"), written.startswith("!"), len(parts))
        for number, part in enumerate(parts):
            node = self._root
            for word, is_stem in _pattern(part):
                node = (node.stems if is_stem else node.exact).setdefault(word, _Node())
            if node is not self._root:
                node.ends.append((phrase, number))

    def hits(self, read: Read, masked: Collection[int] = ()) -> list[Hit]:
        """All that is found outside the masked words, in no order; of the parts of a phrase only where all of them
        are in one sentence."""
        hits: list[Hit] = []
        apart: dict[tuple[Phrase, int], dict[int, tuple[int, int]]] = defaultdict(dict)
        for at, sentence in enumerate(read.sentences):
            for after, phrase, part in self._at(read, at, at, self._root):
                if any(word in masked for word in range(at, after)):
                    continue
                if phrase.parts == 1:
                    hits.append(Hit(phrase, at, after, sentence))
                else:
                    apart[phrase, sentence].setdefault(part, (at, after))
        for (phrase, sentence), spans in apart.items():
            if len(spans) == phrase.parts:
                hits += [Hit(phrase, at, after, sentence) for at, after in spans.values()]
        return hits

    def _at(self, read: Read, start: int, at: int, node: _Node) -> Iterator[tuple[int, Phrase, int]]:
        if at >= len(read.found):
            return
        if at > start and not _JOINT.fullmatch(read.text, read.found[at - 1].end, read.found[at].start):
            return
        for child in _children(node, read.forms[at]):
            for phrase, part in child.ends:
                yield at + 1, phrase, part
            if child.exact or child.stems:
                yield from self._at(read, start, at + 1, child)


def _children(node: _Node, forms: Sequence[str]) -> Iterator[_Node]:
    for form in forms:
        if child := node.exact.get(form):
            yield child
        if node.stems:
            for length in range(SHORTEST_STEM, len(form) + 1):
                if child := node.stems.get(form[:length]):
                    yield child


def _pattern(part: str) -> Iterator[tuple[str, bool]]:
    for word in words(part):
        yield _british(word.folded), part[word.end : word.end + 1] == "*"


def _stops(text: str) -> list[int]:
    """Where sentences end; roughly, for the first one not before it says something."""
    ends = [match.end() for match in _STOP.finditer(text)]
    return [end for end in ends if end >= LEAD or text[end - 1 : end] == "\n"]


def _forms(word: str) -> tuple[str, ...]:
    word = _british(word)
    if "a" <= word[0] <= "z":
        one = singular(word)
        return (word, one) if one != word else (word,)
    bare = _CLITIC.sub("", word) if "ء" <= word[0] <= "ۿ" else word
    return (word, bare) if bare != word else (word,)


def _british(word: str) -> str:
    return _BRITISH.get(word, word)


def key(text: str) -> str:
    """A phrase as its words: "Pre-departure orientation" is "pre departure orientation"."""
    return " ".join(_british(word.folded) for word in words(text))


def singular(word: str) -> str:
    """An English word without its plural ending. "customs" comes out wrong, and alike in a keyword and in a text."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1]
