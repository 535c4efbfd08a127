"""From the first word to the first choice: language, what is kept, yes or not now."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

from rapidfuzz import fuzz, process

from bot.talk.consent import VERSION, consent
from bot.talk.subscription import countries_page, follows
from bot.talk.turn import Turn, said
from bot.talk.wanted import Wanted, coded, read
from bot.talk.words import key
from channels.contract import Choice, Message
from config.messages import language_name, languages
from storage import people

# The languages of the people whom this is for. Those without a catalogue are known by name, to say "not yet".
LANGUAGES: Final = ("en", "fa-AF", "ps", "ur", "bn", "ar", "ckb", "ku", "tg", "uz", "ky", "kk", "ru")
_ALIASES: Final = {
    "dari": "fa-AF", "prs": "fa-AF", "farsi": "fa-AF", "persian": "fa-AF", "fa": "fa-AF", "دری": "fa-AF",
    "pashtu": "ps", "pushto": "ps", "bengali": "bn", "bangla": "bn", "sorani": "ckb", "kurdi": "ckb",
    "kurdish": "ckb", "kurmanji": "ku", "kmr": "ku", "ozbek": "uz", "qazaq": "kk", "tojiki": "tg",
}  # fmt: skip


def start(turn: Turn, payload: str = "") -> list[Message]:
    """ "/start", alone or with what a link presets: "iraq_return-reintegration"."""
    wanted = preset(turn, payload)
    if turn.person.agreed:
        return [_known(turn, wanted)]
    if turn.person.language is None:
        return [_which_language(turn, wanted.codes)]
    return [consent(turn, wanted.codes)]


def preset(turn: Turn, payload: str) -> Wanted:
    """What a deep link names; unknown words are ignored."""
    countries: list[str] = []
    topics: list[str] = []
    for piece in payload.strip()[:64].replace(" ", "_").split("_"):
        if piece.casefold() in turn.topics.slugs:
            topics.append(piece.casefold())
        elif piece:
            wanted = read(piece.replace("-", " "), turn.gazetteer, turn.topics, loosely=False)
            countries += wanted.countries if not wanted.unknown else ()
    return Wanted(tuple(dict.fromkeys(countries)), tuple(dict.fromkeys(topics)))


def _known(turn: Turn, wanted: Wanted) -> Message:
    """Somebody who was here before: nothing changes until they tap."""
    t = turn.p.t
    if wanted.something:
        names = " · ".join(turn.named(wanted.countries, wanted.topics))
        return turn.reply(
            t("Do you want news about this? {names}", names=names),
            follows(turn) if turn.person.subscribed else "",
            choices=[
                Choice(t("Yes, send me that"), said("/subscribe", wanted.codes)),
                Choice(t("Let me choose"), "/countries"),
                Choice(t("Not now"), "/later"),
            ],
        )
    if turn.person.subscribed:
        return turn.reply(
            t("Welcome back."),
            follows(turn),
            choices=[Choice(t("News"), "/news"), Choice(t("What I get"), "/mine"), Choice(t("Help"), "/help")],
        )
    return countries_page(turn, note=t("Welcome back."))


# ── Language ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def language(turn: Turn, argument: str = "") -> list[Message]:
    """ "/language Arabic", in any language, or a code; after it, what a link would have ticked."""
    name, codes = argument, Wanted()
    if (chosen := _language(argument)) is None and argument:
        name, _, rest = argument.partition(" ")
        codes = coded(rest, turn.topics) or Wanted()
        chosen = _language(name)
    t = turn.p.t
    if chosen is None:
        unknown = t("I do not know that language.") if argument else ""
        return [_which_language(turn, [], note=unknown)]
    if chosen not in languages():
        return [_which_language(turn, [], note=t("I do not speak {language} yet.", language=language_name(chosen)))]
    people.change(turn.conn, turn.person.id, language=chosen)
    turn.reload()
    turn.p = turn.speak(chosen)
    if not turn.person.agreed:
        return [consent(turn, codes.codes)]
    t = turn.p.t
    return [
        turn.reply(
            t("We now write to you in {language}.", language=language_name(chosen)),
            choices=[Choice(t("News"), "/news"), Choice(t("What I get"), "/mine"), Choice(t("Help"), "/help")],
            here=bool(argument),
        )
    ]


def _which_language(turn: Turn, codes: list[str], note: str = "") -> Message:
    """Asked in each language that we speak; each is written in its own script."""
    asked = [turn.speak(language).t("Please choose your language.") for language in languages()]
    return turn.reply(
        note,
        *dict.fromkeys(asked),
        choices=[Choice(language_name(language), said(f"/language {language}", codes)) for language in languages()],
    )


def _language(said_: str) -> str | None:
    """The code of a language, by its code or by its name in any of our languages."""
    wanted = key(said_)
    known = _names()
    if wanted in known:
        return known[wanted]
    close = process.extractOne(wanted, known.keys(), scorer=fuzz.ratio, score_cutoff=80) if len(wanted) > 3 else None
    return known[close[0]] if close else None


@cache
def _names() -> dict[str, str]:
    names = {key(alias): language for alias, language in _ALIASES.items()}
    spoken = dict.fromkeys([*languages(), *LANGUAGES])
    for language in spoken:
        for code in (language.partition("-")[0], language):  # who says "Persian" can read Dari
            names |= {key(language_name(code, said_in=other)): language for other in spoken}
            names[key(code)] = language
    return names


# ── Yes, or not now ──────────────────────────────────────────────────────────────────────────────────────────────────


def agree(turn: Turn, argument: str = "") -> list[Message]:
    """Yes. What they wished for before it is done; what a link named is ticked."""
    if not turn.person.agreed:
        people.agree(turn.conn, turn.person.id, VERSION, turn.now)
    wish = turn.person.step
    turn.change(step="")
    turn.reload()
    if wish.startswith("subscribe"):
        first, *others = turn.do(f"/{wish}")
        return [replace(first, replaces=turn.on if turn.limits.edits else ""), *others]
    if turn.person.subscribed:
        return [_known(turn, Wanted())]
    if ticked := coded(argument, turn.topics):
        people.add_countries(turn.conn, turn.person.id, ticked.countries)
        people.add_topics(turn.conn, turn.person.id, ticked.topics)
        turn.reload()
    return [countries_page(turn, here=True)]


def later(turn: Turn, _: str = "") -> list[Message]:
    """Not now: nothing is sent, and the news can be read."""
    turn.change(step="")
    t = turn.p.t
    if turn.person.subscribed:
        return [turn.reply(t("All right, nothing changes."), follows(turn), choices=_ways(turn), here=True)]
    return [
        turn.reply(
            t("That is fine. We send you nothing by ourselves."),
            t("You can read news at any time: send /news, or the name of a country."),
            choices=_ways(turn),
            here=True,
        )
    ]


def _ways(turn: Turn) -> list[Choice]:
    return [Choice(turn.p.t("News"), "/news"), Choice(turn.p.t("Help"), "/help")]


def greeted(turn: Turn, _: str = "") -> list[Message]:
    """A hello: the way in for somebody new, a hello for somebody known."""
    if not turn.person.agreed and turn.person.language is None:
        return start(turn)
    t = turn.p.t
    return [
        turn.reply(
            t("Hello! Send the name of a country to read its news, or choose."),
            choices=[
                Choice(t("News"), "/news"),
                Choice(t("What I get"), "/mine"),
                Choice(t("Ask a counsellor"), "/ask"),
                Choice(t("Help"), "/help"),
            ],
        )
    ]
