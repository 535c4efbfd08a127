"""The desk: what waits for an editor, decided, corrected and handed in by chat.

The first press wins: who comes second is shown who decided, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.news import editing
from bot.news.editing import NotTaken
from bot.news.summary import LIMIT
from bot.news.text import one_line
from bot.talk import notices, subscription
from bot.talk.card import entry
from bot.talk.proof import about, decision, mark, proof
from bot.talk.turn import Turn
from bot.talk.wanted import Wanted, paged, read
from bot.talk.words import CANCEL, key
from channels.contract import Choice, Message, Span, paragraph
from storage import dispatches, reasons
from storage.dispatches import Stored
from storage.staff import note

SUMMARY, HAND_IN = "summary", "handin"  # what a conversation waits for: "summary 12"
PAGE: Final = 5  # of what waits, at a time


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def waiting(turn: Turn, argument: str = "") -> list[Message]:
    """ "/waiting": what waits, the oldest first; "after 12" is more of it."""
    t = turn.p.t
    after = paged(argument)[1] or 0
    found = dispatches.waiting(turn.conn, PAGE, after=after)
    if not found:
        return [turn.reply(t("Nothing waits for an editor."), choices=[Choice(t("News"), "/news")])]
    choices = [Choice(t("Look at {number}", number=one.id), f"/show {one.id}") for one in found]
    if dispatches.how_many_wait(turn.conn, after=found[-1].id):
        choices.append(Choice(t("Next"), f"/waiting after {found[-1].id}", wide=True))
    count = dispatches.how_many_wait(turn.conn, after=after)
    return [
        turn.reply(
            *((Span(f"{one.id} · ", bold=True), *entry(one, turn.p, turn.gazetteer)) for one in found),
            title=turn.p.tn("{n} piece of news waits for an editor.", "{n} pieces of news wait for an editor.", count),
            choices=choices,
            here=bool(after),
        )
    ]


def show(turn: Turn, argument: str = "") -> list[Message]:
    """ "/show 12": its card; "all": every word of it; "back": its card in the place of what asked."""
    stored, rest = _found(turn, argument)
    if stored is None:
        return [_no_such_news(turn)]
    if rest != "all":
        return [proof(turn, stored, here=rest == "back")]
    t = turn.p.t
    return [
        turn.reply(
            stored.text,
            paragraph(Span(t("Source: {name}", name=stored.source), link=stored.link)),
            title=stored.title,
            choices=[Choice(t("Back to the card"), f"/show {stored.id}")],
        )
    ]


def _found(turn: Turn, argument: str) -> tuple[Stored | None, str]:
    """The dispatch whose number comes first, and what is said after it."""
    number, _, rest = argument.strip().partition(" ")
    if not (number.isascii() and number.isdigit() and len(number) <= 15):
        return None, ""
    return dispatches.get(turn.conn, int(number)), rest.strip()


def _no_such_news(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(
        t("I know no news of that number. Send the command with its number, for example: /show 12"),
        choices=[Choice(t("What waits"), "/waiting")],
    )


# ── Deciding ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def approve(turn: Turn, argument: str = "") -> list[Message]:
    """It goes out, and whoever handed it in is thanked."""
    stored, seen = _found(turn, argument)
    if stored is None or stored.status != "held" or _stale(stored, seen):
        return [_as_it_is(turn, stored, seen)]
    done = notices.approve(turn.conn, turn.keys, turn.speak, _who(turn), stored.id, turn.now, turn.house.valid_for)
    t = turn.p.t
    sent = (
        t("It goes to the people whom it concerns.")
        if stored.push
        else t("It is too old to be sent to anybody. People find it with /news.")
    )
    out = t("To take it out of the news again: /withdraw {number}", number=stored.id)
    return [_after(turn, stored.id, seen, *([sent, out] if done else []))]


def hold(turn: Turn, argument: str = "") -> list[Message]:
    """It stays out of the news, or is taken out of it, until somebody approves it."""
    return _move(turn, argument, "held", f"{editing.HELD_BY}{_who(turn)}")


def withdraw(turn: Turn, argument: str = "") -> list[Message]:
    """It is taken out of the news for good; what was not sent yet is not sent."""
    return _move(turn, argument, "withdrawn", f"withdrawn by {_who(turn)}")


def _move(turn: Turn, argument: str, status: str, why: str) -> list[Message]:
    stored, seen = _found(turn, argument)
    # A button is of a card that waits; who types the command means it also for what is in the news.
    from_ = ["held"] if seen else ["held", "ready"]
    if stored is None or stored.status not in from_ or _stale(stored, seen):
        return [_as_it_is(turn, stored, seen)]
    editing.move(turn.conn, _who(turn), stored.id, status, why, turn.now, only_from=from_)
    return [_after(turn, stored.id, seen)]


def _stale(stored: Stored, seen: str) -> bool:
    return bool(seen) and seen != mark(stored)


def _as_it_is(turn: Turn, stored: Stored | None, seen: str) -> Message:
    """Nothing was done: somebody was first, or it changed."""
    if stored is None:
        return _no_such_news(turn)
    changed = stored.status == "held" and not decision(turn, stored) and _stale(stored, seen)
    note = turn.p.t("It changed since you saw it. Please look again.") if changed else ""
    return proof(turn, stored, note, here=bool(seen))


def _after(turn: Turn, dispatch_id: int, seen: str, *notes: str) -> Message:
    """The card as it is now, in the place of the one whose button was pressed."""
    stored = dispatches.get(turn.conn, dispatch_id)
    assert stored is not None  # noqa: S101
    return proof(turn, stored, *notes, here=bool(seen))


def _who(turn: Turn) -> str:
    assert turn.staff is not None  # noqa: S101
    return turn.staff.name


# ── Correcting what waits ────────────────────────────────────────────────────────────────────────────────────────────


def summary(turn: Turn, argument: str = "") -> list[Message]:
    """ "/summary 12" waits for the words; "/summary 12 and the words" takes them at once."""
    stored, words = _found(turn, argument)
    if stored is None or stored.status != "held":
        return [_as_it_is(turn, stored, "")]
    if words:
        return take_summary(turn, str(stored.id), words)
    turn.change(step=f"{SUMMARY} {stored.id}")
    return [_ask_for_summary(turn, stored)]


def take_summary(turn: Turn, number: str, words: str) -> list[Message]:
    """The words, once they came."""
    stored, _ = _found(turn, number)
    said = one_line(words)
    if stored is None or stored.status != "held" or key(said) in CANCEL:
        turn.change(step="")
        return [_as_it_is(turn, stored, "")]
    t = turn.p.t
    if not key(said):
        return [_ask_for_summary(turn, stored, t("There is no word in that."))]
    if len(said) > LIMIT:
        turn.change(step=f"{SUMMARY} {stored.id}")
        long = t("That has {length} characters. Please make it shorter.", length=len(said))
        return [_ask_for_summary(turn, stored, long)]
    turn.change(step="")
    editing.summarise(turn.conn, _who(turn), stored.id, said, turn.now)
    return [_after(turn, stored.id, "", t("The summary is changed."))]


def _ask_for_summary(turn: Turn, stored: Stored, note: str = "") -> Message:
    t = turn.p.t
    return turn.reply(
        note,
        t("Write the summary now, in one message of {most} characters at the most.", most=LIMIT),
        "" if note else t("It is now:"),
        "" if note else stored.summary,
        title=t("The summary of news {number}", number=stored.id),
        choices=[Choice(t("Leave it as it is"), f"/show {stored.id} back")],
    )


def correct(turn: Turn, argument: str = "") -> list[Message]:
    """ "/correct 12": its countries and topics as toggles; "+iq", "-visas-pathways", or a name, which adds."""
    stored, words = _found(turn, argument)
    if stored is None or stored.status != "held":
        return [_as_it_is(turn, stored, "")]
    if words in ("", "topics", "countries"):
        return [_toggles(turn, stored, topics=words == "topics", here=bool(turn.on))]
    wanted = _named(turn, words)
    if not wanted.countries and not wanted.topics:
        note = turn.p.t("I know no country or topic called {words}.", words=f"“{words[:30]}”")
        return [_toggles(turn, stored, note, topics=False, here=False)]
    removing = words.startswith("-")
    who, now = _who(turn), turn.now
    if wanted.countries:
        countries = _switched(stored.countries, wanted.countries, removing)
        editing.concern(turn.conn, who, stored.id, now, countries=countries)
    if wanted.topics:
        editing.concern(turn.conn, who, stored.id, now, topics=_switched(stored.topics, wanted.topics, removing))
    stored = dispatches.get(turn.conn, stored.id)
    assert stored is not None  # noqa: S101
    return [_toggles(turn, stored, topics=not wanted.countries, here=bool(turn.on))]


def _switched(now: Sequence[str], named: Sequence[str], removing: bool) -> set[str]:
    return set(now) - set(named) if removing else {*now, *named}


def _named(turn: Turn, words: str) -> Wanted:
    """A sign marks a code: "+me", "-me"."""
    bare = [f"+{word[1:]}" if word[0] in "+-" and len(word) == 3 else word.lstrip("+-") for word in words.split()]
    return read(" ".join(bare), turn.gazetteer, turn.topics, loosely=False)


def _toggles(turn: Turn, stored: Stored, note: str = "", *, topics: bool, here: bool) -> Message:
    t, line = turn.p.t, f"/correct {stored.id}"
    if topics:
        chosen: Sequence[str] = stored.topics
        names = {slug: turn.topic(slug) for slug in turn.topics.slugs}
        other = Choice(t("Countries"), f"{line} countries")
    else:
        chosen = stored.countries
        shown = [*subscription.FIRST, *subscription.MORE, *chosen]
        names = {country.lower(): turn.country(country) for country in dict.fromkeys(shown)}
        other = Choice(t("Topics"), f"{line} topics")
    on = {name.lower() for name in chosen}
    return turn.reply(
        note,
        entry(stored, turn.p, turn.gazetteer),
        about(turn, stored),
        "" if topics else t("Another country? Send for example: {line}", line=f"{line} Turkey"),
        title=t("What is news {number} about?", number=stored.id),
        choices=[
            *(
                Choice(f"✓ {label}" if name in on else label, f"{line} {'-' if name in on else '+'}{name}", topics)
                for name, label in names.items()
            ),
            other,
            Choice(t("Done"), f"/show {stored.id} back"),
        ],
        here=here,
    )


# ── Handing in ───────────────────────────────────────────────────────────────────────────────────────────────────────


def handin(turn: Turn, argument: str = "") -> list[Message]:
    """ "/handin and the news"; alone it waits for the words."""
    if argument:
        return hand_in(turn, argument)
    turn.change(step=HAND_IN)
    t = turn.p.t
    return [
        turn.reply(
            t("Send the news now, in one message. Begin with its place, like this:"),
            t("Erbil, Iraq: From 1 December the centre opens at eight in the morning."),
            choices=[Choice(t("Cancel"), "/staff")],
        )
    ]


def take_hand_in(turn: Turn, _: str, words: str) -> list[Message]:
    """The words, once they came."""
    turn.change(step="")
    t = turn.p.t
    if key(words) in CANCEL:
        return [turn.reply(t("All right, nothing was handed in."))]
    return hand_in(turn, words)


def hand_in(turn: Turn, text: str) -> list[Message]:
    """A partner's or an editor's news, which an editor looks at before anybody else."""
    t = turn.p.t
    if turn.person.step == HAND_IN:
        turn.change(step="")
    try:
        taken = editing.hand_in(turn.conn, turn.reader, _who(turn), text, turn.now, turn.house.valid_for)
    except NotTaken as not_taken:
        short = t("That is too short to be news. Please send all of it, with its place.")
        return [turn.reply(t("Nothing can be handed in at the moment.") if not_taken.closed else short)]
    if taken.new:
        return [turn.reply(t("Thank you. An editor looks at it."))]
    match taken.dispatch.status:
        case "held":
            return [turn.reply(t("Thank you. We have it already, and an editor looks at it."))]
        case "ready":
            return [turn.reply(t("Thank you. It is in our news already."))]
        case _:
            return [turn.reply(t("Thank you. We had it already, and decided not to send it."))]


# ── Why somebody was told, or was not ────────────────────────────────────────────────────────────────────────────────


def why(turn: Turn, argument: str) -> list[Message]:
    """ "/why p-7k3f9q2m 12" is for editors; all others, and "/why 12", ask of themselves."""
    name, _, number = argument.strip().partition(" ")
    if not (turn.staff and turn.staff.may("editor") and number.strip()):
        return subscription.why(turn, argument)
    from bot.cli.why import pseudonym, sentence

    stored, _ = _found(turn, number)
    if stored is None:
        return [_no_such_news(turn)]
    try:
        reason = reasons.why(turn.conn, pseudonym(name), stored.id, turn.now)
    except reasons.Unknown:
        return [turn.reply(turn.p.t("I know nobody called {name}.", name=pseudonym(name)[:30]))]
    note(turn.conn, turn.now, turn.staff.name, "looked up", editing.about(stored.id), reason.person.pseudonym)
    return [turn.reply(sentence(reason, turn.now))]
