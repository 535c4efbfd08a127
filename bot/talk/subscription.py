"""What somebody follows: choosing it by taps or by words, seeing it, leaving it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bot.talk.consent import consent
from bot.talk.rhythm import comes, settle
from bot.talk.turn import Turn, dated, parted, said
from bot.talk.wanted import Wanted, code, read
from bot.talk.words import ALL, key
from channels.contract import Choice, Message
from config.messages import language_name
from storage import dispatches, people

FIRST: Final = ("AF", "BD", "IQ", "KG", "PK", "TJ", "UZ")  # offered before *more*
MORE: Final = ("IR", "KZ", "LK", "TM", "TR")
PAGE: Final = 30  # countries on one page
EXCEPT: Final = 3  # topics left out that are named instead of all those that are not

# ── What it comes to ─────────────────────────────────────────────────────────────────────────────────────────────────


def follows(turn: Turn) -> str:
    """Exactly what comes, in one sentence."""
    t, person = turn.p.t, turn.person
    countries = turn.listed(turn.named(countries=person.countries))
    topics = turn.topics_listed(person.topics)
    left_out = set(turn.topics.slugs) - person.topics
    if person.all_countries and person.all_topics:
        return t("You get all our news, from every country and on every topic.")
    if person.all_topics:
        return t("You get all our news about {countries}.", countries=countries)
    if len(left_out) <= EXCEPT and person.topics:
        topics = turn.topics_listed(left_out)
        if person.all_countries:
            return t("You get news from every country, on all topics but this: {topics}.", topics=topics)
        return t(
            "You get news about {countries}, on all topics but this: {topics}.", countries=countries, topics=topics
        )
    if person.all_countries:
        return t("You get news from every country, on this: {topics}.", topics=topics)
    return t("You get news about {countries}, on this: {topics}.", countries=countries, topics=topics)


def begun(turn: Turn, *, here: bool = False) -> Message:
    """What will come, how often, and how to stop."""
    t = turn.p.t
    return turn.reply(
        follows(turn),
        comes(turn),
        t(
            "News arrives while this page is open. To come back later, keep the number that “{button}” gives you.",
            button=t("Keep my place"),
        )
        if turn.limits.sitting
        else "",
        *turn.surely(_how_to_stop),
        title=t("All set"),
        choices=[
            Choice(t("Read news now"), "/news"),
            Choice(t("What I get"), "/mine"),
            Choice(t("How often"), "/when"),
            Choice(t("Stop"), "/stop"),
        ],
        here=here,
    )


def _how_to_stop(turn: Turn) -> list[str]:
    if turn.person.kind == "group":
        return [turn.p.t("Who runs this group can stop it at any time: /stop")]
    return [turn.p.t("To stop, send STOP at any time.")]


def mine(turn: Turn, _: str = "", *, here: bool = False) -> list[Message]:
    t, person = turn.p.t, turn.person
    language = t("Language: {language}.", language=language_name(turn.p.language))
    if not person.subscribed:
        stopped = t("You get no news from us now. You can still read it with /news.")
        start = Choice(t("Start"), "/start")
        return [
            turn.reply(
                stopped, language, choices=[start, Choice(t("News"), "/news"), Choice(t("Help"), "/help")], here=here
            )
        ]
    since = person.since
    return [
        turn.reply(
            follows(turn),
            t("You also get news about the whole region, which names no country.")
            if person.regional and not person.all_countries
            else "",
            comes(turn),
            t("You get this because you asked for it on {date}.", date=dated(turn.p, turn.hours.local(since).date()))
            if since
            else t("You get this because you asked for it."),
            language,
            t("Change it with the buttons, or send for example /subscribe Iraq or /unsubscribe Iraq."),
            choices=[
                Choice(t("Countries"), "/countries"),
                Choice(t("Topics"), "/topics"),
                Choice(t("How often"), "/when"),
                Choice(t("Language"), "/language"),
                Choice(t("Stop"), "/stop"),
            ],
            here=here,
        )
    ]


def stop(turn: Turn, _: str = "") -> list[Message]:
    """At once, and no question."""
    people.stop(turn.conn, turn.person.id, turn.now)
    turn.reload()
    t = turn.p.t
    return [
        turn.reply(
            *turn.surely(_stopped),
            choices=[Choice(t("News"), "/news"), Choice(t("Start again"), "/start")],
        )
    ]


def _stopped(turn: Turn) -> list[str]:
    t = turn.p.t
    return [
        t("You are out: no more news comes from us. You can still read it with /news."),
        t("To get news again, send /start."),
    ]


# ── Choosing by taps ─────────────────────────────────────────────────────────────────────────────────────────────────

Side = Literal["countries", "topics"]


@dataclass(frozen=True)
class Deeds:
    """How one side of a choice is stored."""

    add: Callable[..., None]
    remove: Callable[..., None]


_DEEDS: Final[dict[Side, Deeds]] = {
    "countries": Deeds(people.add_countries, people.remove_countries),
    "topics": Deeds(people.add_topics, people.remove_topics),
}


def _chosen(turn: Turn, side: Side) -> frozenset[str]:
    return turn.person.countries if side == "countries" else turn.person.topics


def _all(turn: Turn, side: Side) -> bool:
    return turn.person.all_countries if side == "countries" else turn.person.all_topics


def _settled(turn: Turn, side: Side) -> bool:
    return _all(turn, side) or bool(_chosen(turn, side))


def _take_all(turn: Turn, side: Side) -> None:
    _DEEDS[side].remove(turn.conn, turn.person.id)
    people.change(turn.conn, turn.person.id, **{f"all_{side}": True})
    turn.reload()


def _pick(turn: Turn, side: Side, names: Sequence[str]) -> None:
    """Add these; where everything was chosen, it is these alone from now on."""
    _DEEDS[side].add(turn.conn, turn.person.id, names)
    people.change(turn.conn, turn.person.id, **{f"all_{side}": False})
    turn.reload()
    settle(turn, names)


def _drop(turn: Turn, side: Side, names: Iterable[str]) -> bool:
    """Remove these. False, and nothing done, when a subscribed person would be left with nothing."""
    gone = set(names)
    if side == "topics" and turn.person.all_topics:
        kept = [slug for slug in turn.topics.slugs if slug not in gone]
        if kept:
            _pick(turn, side, kept)
        return bool(kept)
    if turn.person.subscribed and _chosen(turn, side) and not _chosen(turn, side) - gone:
        return False
    _DEEDS[side].remove(turn.conn, turn.person.id, gone)
    turn.reload()
    settle(turn)
    return True


def countries(turn: Turn, argument: str = "") -> list[Message]:
    """ "/countries", "+iq", "-iq", "all", "next", "back"; "more" shows more of them. A country's name adds it."""
    words = argument.split()
    more = "more" in words
    words = [word for word in words if word not in ("more", "back")]
    if not turn.person.agreed and (not words or words == ["next"]):
        return [_countries_there_are(turn)]
    if not words:
        return [countries_page(turn, more=more, here=bool(argument))]
    if words == ["next"]:
        if _settled(turn, "countries"):
            return [topics_page(turn, here=True)]
        return [countries_page(turn, here=True, note=_choose_first(turn, "countries"))]
    return _tapped(turn, "countries", words, lambda: countries_page(turn, more=more, here=True))


def topics(turn: Turn, argument: str = "") -> list[Message]:
    """ "/topics", "+slug", "-slug", "all", "done", "back". A topic's name adds it."""
    words = [word for word in argument.split() if word != "back"]
    if not turn.person.agreed and (not words or words == ["done"]):
        return [_topics_there_are(turn)]
    if not words:
        return [topics_page(turn, here=bool(argument))]
    if words == ["done"]:
        return _finished(turn)
    replies = _tapped(turn, "topics", words, lambda: topics_page(turn, here=True))
    finishes = key(words[0]) in ALL and turn.person.agreed and not turn.person.subscribed
    return _finished(turn) if finishes else replies


def _tapped(turn: Turn, side: Side, words: list[str], page: Callable[[], Message]) -> list[Message]:
    """Do what a tap, or the same line typed, says; then show the page as it is now."""
    everything = len(words) == 1 and key(words[0]) in ALL
    removing = words[0].startswith("-")
    wanted = Wanted() if everything else _of(turn, side, words)
    names = wanted.countries if side == "countries" else wanted.topics
    if not names and not everything:
        return [_not_understood(turn, wanted, "unsubscribe" if removing else "subscribe")]
    if not turn.person.agreed:
        return mine(turn) if removing else [_first_agree(turn, wanted.codes)]
    if everything:
        _take_all(turn, side)
    elif not removing:
        _pick(turn, side, names)
    elif not (side == "countries" and turn.person.all_countries) and not _drop(turn, side, names):
        return [_all_or_stop(turn, side, here=True)]
    return [page()]


def _of(turn: Turn, side: Side, words: list[str]) -> Wanted:
    """The one side of what a line names. A sign marks a code: "+me", "-me"."""
    line = " ".join("+" + word[1:] if word[0] in "+-" and len(word) == 3 else word.lstrip("+-") for word in words)
    wanted = read(line, turn.gazetteer, turn.topics, loosely=False)
    if side == "countries":
        return Wanted(countries=wanted.countries, unknown=wanted.unknown, likely=wanted.likely)
    return Wanted(topics=wanted.topics, unknown=wanted.unknown)


def _choose_first(turn: Turn, side: Side) -> str:
    if side == "countries":
        return turn.p.t("Please choose a country first, or all of them.")
    return turn.p.t("Please choose a topic first, or all of them.")


def _finished(turn: Turn) -> list[Message]:
    """The last step of choosing: news begins, unless something is still open."""
    if turn.person.subscribed:
        return mine(turn, here=True)
    if not _settled(turn, "countries"):
        return [countries_page(turn, here=True, note=_choose_first(turn, "countries"))]
    if not _settled(turn, "topics"):
        return [topics_page(turn, here=True, note=_choose_first(turn, "topics"))]
    settle(turn)  # what a link ticked was not picked here
    people.subscribe(turn.conn, turn.person.id, turn.now)
    turn.change(step="")
    turn.reload()
    return [begun(turn, here=True)]


def countries_page(turn: Turn, *, more: bool = False, here: bool = False, note: str = "") -> Message:
    """Countries as toggles that stay where they are."""
    t, person = turn.p.t, turn.person
    flag = " more" if more else ""
    shown = [*FIRST, *sorted(person.countries - set(FIRST), key=turn.country)]
    if more:
        shown += [*MORE, *dispatches.countries_with_news(turn.conn, turn.now)]
    choices = [
        _toggle(turn.country(country), f"/countries {{}}{country.lower()}{flag}", country in person.countries)
        for country in list(dict.fromkeys(shown))[:PAGE]
    ]
    if not more:
        choices.append(Choice(t("More countries"), "/countries more"))
    choices.append(Choice(ticked(t("All countries"), person.all_countries), f"/countries all{flag}"))
    choices.append(Choice(t("Done"), "/topics done") if person.subscribed else Choice(t("Next"), "/countries next"))
    return turn.reply(
        note,
        follows(turn) if person.subscribed else t("Which countries do you want news about? Choose one or more."),
        t("Is yours not here? Send its name, for example: /countries Turkey"),
        choices=choices,
        here=here,
    )


def topics_page(turn: Turn, *, here: bool = False, note: str = "") -> Message:
    """Topics as toggles that stay where they are."""
    t, person = turn.p.t, turn.person
    toggles = [
        _toggle(turn.topic(slug), f"/topics {{}}{slug}", slug in person.topics, wide=True) for slug in turn.topics.slugs
    ]
    everything = Choice(ticked(t("All topics"), person.all_topics), "/topics all", wide=True)
    back, done = Choice(t("Back"), "/countries back"), Choice(t("Done"), "/topics done")
    # What most people want comes first, for fourteen topics reach below a telephone's screen; where there are few
    # buttons the last ones are the buttons.
    roomy = turn.limits.choices > len(toggles)
    choices = [everything, *toggles, back, done] if roomy else [*toggles, back, everything, done]
    return turn.reply(
        note,
        follows(turn)
        if person.subscribed
        else t("Which topics? Choose what matters to you and then Done, or take all topics. News begins then."),
        choices=choices,
        here=here,
    )


def _toggle(label: str, line: str, on: bool, *, wide: bool = False) -> Choice:
    return Choice(ticked(label, on), line.format("-" if on else "+"), wide)


def ticked(label: str, on: bool) -> str:
    return f"✓ {label}" if on else label


def _countries_there_are(turn: Turn) -> Message:
    t = turn.p.t
    there = dispatches.countries_with_news(turn.conn, turn.now)[:8] or list(FIRST)
    return turn.reply(
        t("You can read news about any country. Just send its name."),
        t("To have news sent to you, choose Start."),
        choices=[*(Choice(turn.country(c), f"/news {code(c)}") for c in there), Choice(t("Start"), "/start")],
    )


def _topics_there_are(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(
        t("These are our topics. Choose one to read news about it."),
        t("To have news sent to you, choose Start."),
        choices=[
            *(Choice(turn.topic(slug), f"/news {slug}", wide=True) for slug in turn.topics.slugs),
            Choice(t("Start"), "/start"),
        ],
    )


def _all_or_stop(turn: Turn, side: Side, *, here: bool = False) -> Message:
    """The last country or topic goes: never in silence."""
    t = turn.p.t
    keep = Choice(t("Keep it"), "/mine")
    out = Choice(t("Stop the news"), "/stop")
    if side == "countries":
        names = turn.listed(turn.named(countries=turn.person.countries))
        return turn.reply(
            t(
                "You follow no other country than {countries}. Do you want news from all countries, or no more news?",
                countries=names,
            ),
            choices=[keep, Choice(t("All countries"), "/countries all"), out],
            here=here,
        )
    names = turn.topics_listed(turn.person.topics)
    return turn.reply(
        t("You follow no other topic than {topics}. Do you want all topics, or no more news?", topics=names),
        choices=[keep, Choice(t("All topics"), "/topics all"), out],
        here=here,
    )


# ── Choosing by words ────────────────────────────────────────────────────────────────────────────────────────────────


def subscribe(turn: Turn, argument: str = "") -> list[Message]:
    """ "/subscribe iraq jobs", "/subscribe all"; alone it lets you choose."""
    if not argument:
        return [countries_page(turn) if turn.person.agreed else _first_agree(turn, [])]
    wanted = read(argument, turn.gazetteer, turn.topics, loosely=False)
    if not wanted.something:
        return [_not_understood(turn, wanted, "subscribe")]
    if not turn.person.agreed:
        return [_first_agree(turn, wanted.codes or ["all"])]
    already = turn.person.subscribed and _covered(turn, wanted)
    _follow(turn, wanted)
    people.subscribe(turn.conn, turn.person.id, turn.now)
    turn.change(step="")
    turn.reload()
    replies = [_already(turn, wanted)] if already else [begun(turn)]
    if wanted.unknown:
        replies.append(_not_understood(turn, wanted, "subscribe"))
    return replies


def _follow(turn: Turn, wanted: Wanted) -> None:
    """Nothing chosen on a side yet, and nothing named: all of it. Who has all of a side keeps all of it."""
    sides: tuple[tuple[Side, tuple[str, ...], bool], ...] = (
        ("countries", wanted.countries, wanted.all_countries),
        ("topics", wanted.topics, wanted.all_topics),
    )
    for side, names, everything in sides:
        if everything or (not names and not _settled(turn, side)):
            _take_all(turn, side)
        elif names and not _all(turn, side):
            _pick(turn, side, names)


def _covered(turn: Turn, wanted: Wanted) -> bool:
    person = turn.person
    return (person.all_countries or (not wanted.all_countries and person.countries.issuperset(wanted.countries))) and (
        person.all_topics or (not wanted.all_topics and person.topics.issuperset(wanted.topics))
    )


def _already(turn: Turn, wanted: Wanted) -> Message:
    """It is among what comes; offer to have that alone."""
    t, person = turn.p.t, turn.person
    choices = []
    if person.all_countries and len(wanted.countries) == 1:
        (country,) = wanted.countries
        choices.append(Choice(t("Only {country}", country=turn.country(country)), f"/countries +{country.lower()}"))
    if person.all_topics and len(wanted.topics) == 1:
        choices.append(Choice(t("Only this topic"), f"/topics +{wanted.topics[0]}"))
    return turn.reply(t("You have that already."), follows(turn), choices=[*choices, Choice(t("What I get"), "/mine")])


def _first_agree(turn: Turn, codes: list[str]) -> Message:
    """Their wish is kept, in our codes and not in their words, and is carried out when they agree."""
    turn.change(step=said("subscribe", codes))
    return consent(turn, here=False)


def unsubscribe(turn: Turn, argument: str = "") -> list[Message]:
    """ "/unsubscribe iraq"; alone, or with *all*, it stops everything."""
    t = turn.p.t
    wanted = read(argument, turn.gazetteer, turn.topics, loosely=False)
    if not argument or (wanted.something and not wanted.countries and not wanted.topics):
        return stop(turn)
    if not wanted.something:
        return [_not_understood(turn, wanted, "unsubscribe")]
    replies = []
    for side, names in (("countries", wanted.countries), ("topics", wanted.topics)):
        replies += _leave(turn, side, names)  # type: ignore[arg-type]
    if not replies:
        now = (
            follows(turn)
            if turn.person.subscribed
            else t("You get no news from us now. You can still read it with /news.")
        )
        replies = [turn.reply(t("Done."), now, choices=[Choice(t("What I get"), "/mine"), Choice(t("Stop"), "/stop")])]
    if wanted.unknown:
        replies.append(_not_understood(turn, wanted, "unsubscribe"))
    return replies


def _leave(turn: Turn, side: Side, names: tuple[str, ...]) -> list[Message]:
    """Take these away; what is in the way of it is the reply."""
    t = turn.p.t
    if not names:
        return []
    if side == "countries" and turn.person.all_countries:
        return [
            countries_page(
                turn,
                note=t("You get news from all countries, so no single one can be left out. Choose those you want."),
            )
        ]
    if not _all(turn, side) and not _chosen(turn, side) & set(names):
        named = turn.listed(turn.named(**{side: names}))
        return [turn.reply(t("You do not follow {names}.", names=named), choices=[Choice(t("What I get"), "/mine")])]
    return [] if _drop(turn, side, names) else [_all_or_stop(turn, side)]


def _not_understood(turn: Turn, wanted: Wanted, command: str) -> Message:
    """Which words named nothing, and what they may have meant."""
    t = turn.p.t
    guesses = [Choice(turn.country(c), f"/{command} {code(c)}") for c in wanted.likely[:3]]
    unknown = turn.listed([f"“{word[:30]}”" for word in wanted.unknown[:5]])
    return turn.reply(
        t("I know no country or topic called {words}.", words=unknown)
        if wanted.unknown
        else t("Please name a country or a topic, for example: /subscribe Iraq"),
        t("Did you mean one of these?") if guesses else "",
        choices=[*guesses, Choice(t("Countries"), "/countries"), Choice(t("Topics"), "/topics")],
    )


# ── One piece of news ────────────────────────────────────────────────────────────────────────────────────────────────


def why(turn: Turn, argument: str) -> list[Message]:
    """Which rule brought this piece of news."""
    stored = _stored(turn, argument)
    if stored is None:
        return [_no_such_news(turn)]
    t, person = turn.p.t, turn.person
    matched = turn.named(countries=person.countries & set(stored.countries))
    on = turn.named(topics=person.topics & set(stored.topics))
    by_country = person.all_countries or bool(matched) or (person.regional and not stored.countries)
    by_topic = person.all_topics or bool(on)
    countries, topics_ = turn.listed(matched), parted(turn.p, on)
    if not person.subscribed:
        reason = t("You get no news from us now. This came while you did.")
    elif not (by_country and by_topic):
        reason = t("This does not match what you follow now. You may have changed it since.")
    elif person.all_countries and person.all_topics:
        reason = t("You get this because you follow all countries and all topics.")
    elif person.all_countries:
        reason = t("You get this because you follow {topics} in all countries.", topics=topics_)
    elif not matched and person.all_topics:
        reason = t("You get this because it is about the whole region and you follow news of that kind.")
    elif not matched:
        reason = t("You get this because it is about the whole region and you follow {topics}.", topics=topics_)
    elif person.all_topics:
        reason = t("You get this because you follow {countries} and all topics.", countries=countries)
    else:
        reason = t("You get this because you follow {countries} and {topics}.", countries=countries, topics=topics_)
    return [
        turn.reply(
            reason,
            choices=[
                Choice(t("Fewer like this"), f"/fewer {stored.id}"),
                Choice(t("What I get"), "/mine"),
                Choice(t("Stop"), "/stop"),
            ],
        )
    ]


def fewer(turn: Turn, argument: str) -> list[Message]:
    """Offers to drop what brought this piece of news."""
    stored = _stored(turn, argument)
    if stored is None:
        return [_no_such_news(turn)]
    t, person = turn.p.t, turn.person
    if not person.subscribed:
        return mine(turn)
    slugs = [slug for slug in stored.topics if person.all_topics or slug in person.topics]
    choices = [
        Choice(t("Leave out: {name}", name=turn.topic(slug)), f"/unsubscribe {slug}", wide=True) for slug in slugs[:4]
    ]
    choices += [
        Choice(t("Leave out: {name}", name=turn.country(c)), f"/unsubscribe {code(c)}", wide=True)
        for c in stored.countries
        if c in person.countries
    ][:4]
    if person.all_countries:
        choices.append(Choice(t("Choose countries"), "/countries", wide=True))
    if not choices:
        choices.append(Choice(t("Choose topics"), "/topics", wide=True))
    if person.frequency == "now":
        choices.append(Choice(t("All in one message, once a day"), "/when daily", wide=True))
    elif not person.frequency.startswith("weekly"):
        choices.append(Choice(t("All in one message, once a week"), "/when weekly", wide=True))
    return [
        turn.reply(
            t("What do you want less of?"),
            choices=[*choices, Choice(t("Leave it as it is"), "/mine"), Choice(t("Stop all news"), "/stop")],
        )
    ]


def _stored(turn: Turn, argument: str) -> dispatches.Stored | None:
    digits = argument.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 15:
        return None
    stored = dispatches.get(turn.conn, int(digits))
    return stored if stored and stored.status == "ready" else None


def _no_such_news(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(
        t("That piece of news is no longer here."),
        choices=[Choice(t("News"), "/news"), Choice(t("What I get"), "/mine")],
    )
