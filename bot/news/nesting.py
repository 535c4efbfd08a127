"""Whether a piece of HTML is safe to parse, told before it is parsed.

A parser's time grows with the square of the nesting, and 15 kB of unclosed ``<b id=1><b id=2>…`` become 450 MB, because
each paragraph after them opens all of them anew.
"""

from __future__ import annotations

from collections import Counter

import regex

from bot.news.text import listed

DEEPEST = 5_000  # a tenth of a second; sloppy pages seem deeper than they are
MOST = 500_000  # elements
STEPS = 10_000_000  # from each element up to the root, as a selector may go

_TAG = regex.compile(r"<(/?)([A-Za-z][^\s/>]*)(\s*/?>)?")
_VOID = listed("area base br col embed hr img input link meta param source track wbr frame")
# What a parser opens again in each block that follows, until it is closed.
_FORMATTING = listed("a b big code em font i nobr s small strike strong tt u")
_ALIKE = 3  # … of those without attributes no more than this many of a name
_MISNESTED = 32  # elements that one misplaced end tag of these may make
_ENDED_BY_THE_NEXT = listed("p li dt dd")
_ENDS_A_PARAGRAPH = listed("article aside blockquote div dl footer header main nav ol section ul h1 h2 h3 h4 h5 h6")


def tangled(markup: str) -> bool:
    """Whether it might be too much to parse."""
    return read(markup).too_much


def read(markup: str) -> Reading:
    """What its tree will be at the most, some threefold give or take; broken off where it is too much.

    Each "<name" counts for a tag wherever it stands, and an end tag ends something only right after it, as it should.
    """
    reading = Reading()
    for tag in _TAG.finditer(markup):
        name = tag[2].lower()
        if tag[1]:
            reading.close(name)
        else:
            reading.open(name, bare=tag[3] is not None)
        if reading.too_much:
            break
    return reading


class Reading:
    def __init__(self) -> None:
        self.deepest = 0
        self.elements = 0
        self._stack: list[tuple[str, str | None]] = []  # with what is remembered for it among the formatting elements
        self._formatting: Counter[str] = Counter()
        self._open = 0
        self._steps = 0
        self._foreign = False

    @property
    def too_much(self) -> bool:
        return self.deepest > DEEPEST or self.elements > MOST or self._steps > STEPS

    def open(self, name: str, *, bare: bool) -> None:
        self.elements += (3 if name in ("td", "th") else 1) + self._open  # a cell brings the row that it lacks
        self._steps += len(self._stack) + self._open
        self._foreign = self._foreign or name in ("svg", "math")
        if name in _VOID and not self._foreign:  # in a formula even <input> is open until it is closed
            return
        top = self._stack[-1][0] if self._stack else ""
        if (top == name and name in _ENDED_BY_THE_NEXT) or (top == "p" and name in _ENDS_A_PARAGRAPH):
            self._stack.pop()
        self._stack.append((name, self._remembered(name, bare) if name in _FORMATTING else None))
        self.deepest = max(self.deepest, len(self._stack) + self._open)

    def _remembered(self, name: str, bare: bool) -> str | None:
        # A link ends the one before it, so that its attributes make no difference.
        as_what = name if bare or name == "a" else f"{name} with attributes"
        if as_what == name and self._formatting[name] >= _ALIKE:
            return None
        self._formatting[as_what] += 1
        self._open += 1
        return as_what

    def close(self, name: str) -> None:
        self.elements += 1
        if self._stack and self._stack[-1][0] == name:
            _, remembered = self._stack.pop()
            if remembered:
                self._formatting[remembered] -= 1
                self._open -= 1
        elif name in _FORMATTING:
            self.elements += _MISNESTED
