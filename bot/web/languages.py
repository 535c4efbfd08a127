"""In which language a page speaks: the first that the browser asks for and that we have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from config.messages import Phrases

ASKED = 10  # languages of a browser that are looked at
ALIASES = {"prs": "fa"}  # older names that browsers still send


class Speech:
    def __init__(self, speak: Callable[[str], Phrases], languages: Sequence[str]) -> None:
        self._speak = speak
        self.languages = tuple(languages)
        self._have = {code.lower(): code for code in languages}

    def of(self, accept_language: str) -> Phrases:
        """The phrases for an Accept-Language header."""
        for code in _asked(accept_language):
            if have := self._match(code):
                return self._speak(have)
        return self._speak("en")

    def known(self, code: str) -> Phrases:
        return self._speak(self._match(code.lower()) or "en")

    def _match(self, code: str) -> str | None:
        """The very language, else one that its readers can read: Dari for "fa" and "fa-IR"."""
        spoken = code.partition("-")[0]
        spoken = ALIASES.get(spoken, spoken)
        alike = (have for have in self._have if have.partition("-")[0] == spoken)
        return self._have.get(code) or self._have.get(spoken) or self._have.get(next(alike, ""))


def _asked(header: str) -> list[str]:
    weighed = []
    for place, entry in enumerate(header.lower().split(",")[:ASKED]):
        code, _, rest = entry.partition(";")
        weighed.append((-_weight(rest), place, code.strip()))
    return [code for _, _, code in sorted(weighed)]


def _weight(rest: str) -> float:
    try:
        return float(rest.partition("q=")[2] or 1)
    except ValueError:
        return 0.0
