"""What is typed for a broadcast, read and checked: its texts, its picture, whom it is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.terminal import Stop

if TYPE_CHECKING:
    from bot.news.places import Gazetteer


def content(text: str, texts: Sequence[str]) -> dict[str, Any]:
    from bot.news.language import Languages
    from bot.talk.announce import text_in
    from bot.talk.onboarding import LANGUAGES

    others = dict(_given(one) for one in texts)
    if unknown := others.keys() - set(LANGUAGES):
        raise Stop(f"--text: no language {' or '.join(sorted(unknown))}. There are: {', '.join(LANGUAGES)}")
    if not all(words.strip() for words in (text, *others.values())):
        raise Stop("There is no text in it.")
    told = Languages().of(text)
    code = next((one for one in LANGUAGES if one.partition("-")[0] == told), "en")
    if code in others:
        raise Stop(f"There are two texts in {code}. Give each with its language, the first one too.")
    # A newline that is typed as \n is one: a shell makes it hard to type another.
    return {code: text_in(words.replace("\\n", "\n")) for code, words in {code: text, **others}.items()}


def _given(one: str) -> tuple[str, str]:
    code, equals, words = one.partition("=")
    if not equals:
        raise Stop("--text wants a language and a text: --text fa-AF=…")
    return code, words


def picture(path: Path | None, alt: str) -> tuple[bytes, str, str] | None:
    if path is None:
        return None
    if not alt.strip():
        raise Stop("Say what is on the picture, for those who cannot see it: --alt TEXT")
    from bot.talk.announce import NoPicture, picture_at

    try:
        return picture_at(path, alt)
    except NoPicture as none:
        raise Stop(str(none)) from None


def audience(
    countries: Sequence[str], topics: Sequence[str], languages: Sequence[str], channels: Sequence[str]
) -> dict[str, list[str]]:
    from bot.news.topics import Topics
    from bot.talk.onboarding import LANGUAGES
    from bot.talk.report import NAMES

    sides = {
        "countries": sorted({code for name in countries for code in _countries(name)}),
        "topics": _among("topic", topics, Topics.load().slugs) if topics else [],
        "languages": _among("language", languages, LANGUAGES),
        "channels": _among("channel", channels, (*NAMES, "webchat", "email")),
    }
    return {side: names for side, names in sides.items() if names}


def _countries(name: str) -> tuple[str, ...]:
    from bot.news.topics import Topics
    from bot.talk.wanted import read

    found = read(f"+{name}" if len(name) == 2 else name, gazetteer(), Topics.load(), loosely=False)
    if not found.countries or found.unknown:
        raise Stop(f"--country: I know no country {name}.")
    return found.countries


def gazetteer() -> Gazetteer:
    from bot.news.places import Gazetteer

    return Gazetteer.load()


def _among(kind: str, given: Sequence[str], known: Sequence[str]) -> list[str]:
    if unknown := [name for name in given if name not in known]:
        raise Stop(f"--{kind}: no {kind} {' or '.join(unknown)}. There are: {', '.join(known)}")
    return sorted(set(given))
