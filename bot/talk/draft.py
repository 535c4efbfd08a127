"""A draft of what editors write to many: its texts and picture, whom it is for, a test, and the word to send it.

``bot.talk.cards`` sends what takes longer than an answer may: the card once the people are counted, and the progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from bot.delivery import reins
from bot.news.text import one_line
from bot.talk import audience, report
from bot.talk.announce import announcement, text_in, texts_of
from bot.talk.audience import ticked
from bot.talk.onboarding import LANGUAGES
from bot.talk.progress import again, card_here, found, no_such, progress, spoken_from, who
from bot.talk.turn import Turn
from bot.talk.words import CANCEL, key
from channels.contract import Choice, Message
from config.messages import language_name
from storage import broadcasts, pictures, staff
from storage.broadcasts import Broadcast
from storage.database import Connection
from storage.reach import FEW, Reach, too_narrow

DRAFT, ALT, REASON = "draft", "picture", "reason"  # what a conversation waits for: "draft 12 fa-AF", "picture 12"
LONGEST_REASON: Final = 300  # characters


# ── Beginning ────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask(turn: Turn) -> list[Message]:
    """An empty draft, and the wish for its text."""
    return [_ask_for_text(turn, _new(turn, {}), turn.p.language)]


def begin(turn: Turn, text: str = "", picture: str = "") -> list[Message]:
    """A draft with this text, or this picture (``Attached.file``) and its caption, or both."""
    content: dict[str, Any] = {_language(turn, text): text_in(text)} if text else {}
    if picture:
        content["picture"] = {"file": picture, "account": spoken_from(turn).account, "alt": ""}
    _new(turn, content, todo=["preview", "card"] if picture else ["card"])
    return [_fetching(turn)] if picture else previews(turn, content)


def _new(turn: Turn, content: dict[str, Any], *, todo: Iterable[str] = ()) -> int:
    draft_id = broadcasts.draft(turn.conn, who(turn), turn.now, content, card=card_here(turn), todo=list(todo))
    turn.change(step="" if content else f"{DRAFT} {draft_id} {turn.p.language}")
    return draft_id


def _language(turn: Turn, text: str) -> str:
    """The language that a text is in, of those that people choose; the editor's own where it cannot be told."""
    told = turn.reader.languages.of(text)
    return next((code for code in LANGUAGES if code.partition("-")[0] == told), told or turn.p.language)


def forwarded(turn: Turn, text: str) -> list[Message]:
    """A post that an editor passed on: the text that a draft waits for, or a new draft."""
    step, _, rest = turn.person.step.partition(" ")
    return take_text(turn, rest, text) if step == DRAFT else begin(turn, text)


def pictured(turn: Turn, file: str, caption: str) -> list[Message]:
    """A picture from an editor: for the draft that they are at, or for a new one."""
    step, _, rest = turn.person.step.partition(" ")
    kept = _draft(turn, rest.partition(" ")[0]) if step in (DRAFT, ALT) else None
    if kept is None:
        return begin(turn, caption, file)
    content = {**kept.content, "picture": {"file": file, "account": spoken_from(turn).account, "alt": ""}}
    if caption:
        content[_language(turn, caption)] = text_in(caption)
    turn.change(step="")
    _edit(turn, kept, todo=["preview", "card"], content=content)
    return [_fetching(turn)]


def _fetching(turn: Turn) -> Message:
    return turn.reply(turn.p.t("One moment, I am fetching the picture."))


def correction(turn: Turn, of: Broadcast) -> list[Message]:
    """A draft of what is to stand in the place of what was sent: the same, until its texts are changed."""
    content, card_ = reins.corrected(of, {}), card_here(turn)
    draft_id = broadcasts.draft(turn.conn, who(turn), turn.now, content, corrects=of.id, card=card_)
    kept = broadcasts.get(turn.conn, draft_id)
    assert kept is not None  # noqa: S101
    return [_texts(turn, kept, next(iter(kept.texts)) if len(kept.texts) == 1 else "")]


# ── The draft ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draft(turn: Turn, argument: str = "") -> list[Message]:
    """ "/draft 12" and what to do with it; each is a button on its card."""
    number, _, rest = argument.strip().partition(" ")
    kept = found(turn, number)
    if kept is None or kept.kind == "dispatch":
        return [no_such(turn)]
    deed, _, about = rest.strip().partition(" ")
    if turn.on and deed != "second":
        broadcasts.note(turn.conn, kept.id, card=card_here(turn))
    if kept.state != "draft":
        return [progress(turn, kept, here=True)]
    if deed in audience.SIDES and kept.kind == "staff":
        return [_side(turn, kept, deed, about)]
    deeds: dict[str, Callable[[], list[Message]]] = {
        "text": lambda: [_texts(turn, kept, about)],
        "without": lambda: _without(turn, kept, about),
        "alt": lambda: [_ask_for_alt(turn, kept)],
        "test": lambda: _test(turn, kept),
        "urgent": lambda: [_urgent(turn, kept)],
        "calm": lambda: _back(turn, _edit(turn, kept, urgent=False, reason="")),
        "second": lambda: _second(turn, kept, about),
        "send": lambda: _sure(turn, kept),
        "yes": lambda: _send(turn, kept),
        "drop": lambda: [_drop(turn, kept)],
    }
    return deeds[deed]() if deed in deeds else _back(turn, kept)


def _side(turn: Turn, draft: Broadcast, side: str, about: str) -> Message:
    """The page of one side; ``about``: "+iq", "-iq", "all", or a country's name, which adds it."""
    if about:
        draft = _edit(turn, draft, audience=audience.toggled(turn, draft.audience, side, about))
    return audience.page(turn, draft, side)


def _draft(turn: Turn, number: str) -> Broadcast | None:
    kept = found(turn, number)
    return kept if kept and kept.state == "draft" else None


def card(turn: Turn, draft: Broadcast, *notes: str, here: bool = False) -> Message:
    """What a draft is so far, whom it is for, and what can be done with it."""
    t, line = turn.p.t, f"/draft {draft.id}"
    picture = draft.content.get("picture")
    return turn.reply(
        *notes,
        _texts_line(turn, draft),
        t("The picture: {alt}", alt=picture["alt"])
        if picture and picture.get("alt")
        else t("Please describe the picture, for those who cannot see it.")
        if picture
        else "",
        _audience_line(turn, draft),
        "\n".join(_reach_lines(turn, draft)),
        t("Urgent, so at night too: {reason}", reason=draft.reason) if draft.urgent else "",
        title=t("Draft {id}", id=str(draft.id))
        if draft.kind == "staff"
        else t("Correction of broadcast {id}", id=str(draft.corrects)),
        choices=[
            *(audience.sides(turn, draft) if draft.kind == "staff" else ()),
            Choice(t("Text, or other language"), f"{line} text", wide=True),
            *([Choice(t("Describe the picture"), f"{line} alt", wide=True)] if picture else []),
            Choice(t("Test to me"), f"{line} test"),
            *_urgency(turn, draft),
            Choice(t("Drop it"), f"{line} drop"),
            Choice(t("Send …"), f"{line} send"),
        ],
        here=here,
    )


def _urgency(turn: Turn, draft: Broadcast) -> list[Choice]:
    if draft.kind != "staff":
        return []
    t, line = turn.p.t, f"/draft {draft.id}"
    return [Choice(t("Not urgent"), f"{line} calm") if draft.urgent else Choice(t("Urgent …"), f"{line} urgent")]


def _texts_line(turn: Turn, draft: Broadcast) -> str:
    t = turn.p.t
    if not draft.texts:
        return t("There is no text yet.")
    names = turn.listed([language_name(code) for code in draft.texts])
    if len(draft.texts) == 1:
        return t("The text is in {language}, for everybody.", language=names)
    return t(
        "The text is in {languages}. Who reads none of these gets it in {first}.", languages=names, first=_first(draft)
    )


def _first(draft: Broadcast) -> str:
    """The language for those who read none of its languages."""
    return language_name("en" if "en" in draft.texts else next(iter(draft.texts)))


def _audience_line(turn: Turn, draft: Broadcast) -> str:
    t = turn.p.t
    if draft.kind == "correction":
        corrected = broadcasts.get(turn.conn, draft.corrects or 0)
        old = [code for code in draft.texts if corrected and draft.texts[code] == corrected.texts.get(code)]
        same = t("Still as it was: {languages}.", languages=turn.listed([language_name(code) for code in old]))
        goes = t("It goes to all who got what it corrects, in the place of that where the app can.")
        return f"{goes} {same}" if old else goes
    return audience.line(turn, draft.audience)


def _reach_lines(turn: Turn, draft: Broadcast) -> list[str]:
    if draft.kind == "correction":
        return []
    if draft.reach is None:
        return [turn.p.t("Counting the people …")]
    seconds, sitting = float(draft.outcome.get("seconds", 0)), bool(draft.outcome.get("sitting"))
    return report.reach_lines(turn.p, draft.reach, seconds, turn.hours.zone, turn.now, sitting=sitting)


def _back(turn: Turn, draft: Broadcast, *notes: str) -> list[Message]:
    """Its card as it is now; where somebody changed whom it is for, counted anew by whoever counts."""
    turn.change(step="")
    if draft.reach is not None or draft.kind == "correction":
        return [card(turn, draft, *notes, here=True)]
    _to_do(turn, draft, "card")
    return [card(turn, draft, *notes, here=True)] if turn.on else []


def _edit(turn: Turn, draft: Broadcast, *, todo: Iterable[str] = (), **values: Any) -> Broadcast:
    broadcasts.edit(turn.conn, draft.id, **values)
    if todo:
        broadcasts.note(turn.conn, draft.id, card=card_here(turn))
        _to_do(turn, draft, *todo)
    return again(turn, draft)


def _to_do(turn: Turn, draft: Broadcast, *todo: str) -> None:
    broadcasts.note(turn.conn, draft.id, todo=[*dict.fromkeys([*draft.todo, *todo])])


def previews(turn: Turn, content: dict[str, Any], only: str = "") -> list[Message]:
    """The message itself, as a person gets it, in each language that there is."""
    name = (content.get("picture") or {}).get("name")
    picture = pictures.get(turn.conn, name) if name else None
    codes = [only] if only else list(texts_of(content))
    return [announcement({code: content[code], **_besides(content)}, turn.speak(code), picture) for code in codes]


def _besides(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name in ("picture", "corrected")}


def _test(turn: Turn, draft: Broadcast) -> list[Message]:
    if not draft.texts:
        return [_ask_for_text(turn, draft.id, turn.p.language)]
    broadcasts.note(turn.conn, draft.id, card={"address": spoken_from(turn).id})
    _to_do(turn, draft, "card")
    return previews(turn, draft.content)


# ── Its texts and its picture ────────────────────────────────────────────────────────────────────────────────────────


def _texts(turn: Turn, draft: Broadcast, language: str) -> Message:
    t, line = turn.p.t, f"/draft {draft.id}"
    if language in LANGUAGES or language in draft.texts:
        return _ask_for_text(turn, draft.id, language, draft)
    codes = dict.fromkeys([*draft.texts, *LANGUAGES])
    return turn.reply(
        t("In which language is the text that you want to send or change?"),
        choices=[
            *(Choice(ticked(language_name(code), code in draft.texts), f"{line} text {code}") for code in codes),
            Choice(t("Back"), line),
        ],
        here=True,
    )


def _ask_for_text(turn: Turn, draft_id: int, language: str, draft: Broadcast | None = None) -> Message:
    t, line = turn.p.t, f"/draft {draft_id}"
    turn.change(step=f"{DRAFT} {draft_id} {language}")
    spare = draft is not None and len(draft.texts) > 1 and language in draft.texts
    return turn.reply(
        t("Send me the text in {language} now, in one message.", language=language_name(language))
        if draft
        else t("Send me the text now, in one message. You can also forward a post, or send a picture."),
        t("A short first line with an empty line under it becomes the title."),
        choices=[
            *([Choice(t("Take this text out"), f"{line} without {language}", wide=True)] if spare else []),
            Choice(t("Back") if draft else t("Drop it"), line if draft else f"{line} drop"),
        ],
        here=draft is not None,
    )


def take_text(turn: Turn, about: str, words: str) -> list[Message]:
    """The text that a draft waited for."""
    number, _, language = about.partition(" ")
    draft = _draft(turn, number)
    turn.change(step="")
    if draft is None:
        return [no_such(turn)]
    if key(words) in CANCEL:
        return _back(turn, draft)
    if not draft.texts:  # nobody said in which language they would write
        language = _language(turn, words)
    content = {**draft.content, language: text_in(words)}
    _edit(turn, draft, todo=["card"], content=content)
    return previews(turn, content, language)


def _without(turn: Turn, draft: Broadcast, language: str) -> list[Message]:
    if len(draft.texts) > 1 and language in draft.texts:
        content = {name: value for name, value in draft.content.items() if name != language}
        draft = _edit(turn, draft, content=content)
    return _back(turn, draft)


def _ask_for_alt(turn: Turn, draft: Broadcast) -> Message:
    t = turn.p.t
    turn.change(step=f"{ALT} {draft.id}")
    return turn.reply(
        t("What is on the picture? Write it in one sentence, for those who cannot see it."),
        choices=[Choice(t("Back"), f"/draft {draft.id}")],
        here=True,
    )


def take_alt(turn: Turn, about: str, words: str) -> list[Message]:
    """What is on the picture."""
    draft = _draft(turn, about)
    turn.change(step="")
    if draft is None or "picture" not in draft.content:
        return [no_such(turn)]
    if key(words) in CANCEL:
        return _back(turn, draft)
    picture = {**draft.content["picture"], "alt": one_line(words)[:LONGEST_REASON]}
    return _back(turn, _edit(turn, draft, content={**draft.content, "picture": picture}))


# ── Urgent ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _urgent(turn: Turn, draft: Broadcast) -> Message:
    t = turn.p.t
    turn.change(step=f"{REASON} {draft.id}")
    return turn.reply(
        t("An urgent message comes at once, at night too, and to those who want one message a day."),
        t("It needs a reason, and a second editor who says yes. Both are kept on record."),
        t("Write the reason now, in one sentence."),
        choices=[Choice(t("Back"), f"/draft {draft.id}")],
        here=True,
    )


def take_reason(turn: Turn, about: str, words: str) -> list[Message]:
    """Why it is urgent."""
    draft = _draft(turn, about)
    turn.change(step="")
    if draft is None:
        return [no_such(turn)]
    if key(words) in CANCEL or not key(words):
        return _back(turn, draft)
    reason = one_line(words)[:LONGEST_REASON]
    staff.note(turn.conn, turn.now, who(turn), "made urgent", reins.about(draft.id), reason)
    _edit(turn, draft, todo=["card"], urgent=True, reason=reason)
    return []


def _second(turn: Turn, draft: Broadcast, answer: str) -> list[Message]:
    """Another editor looks at what is urgent: "/draft 12 second", and "yes" after it sends it."""
    t = turn.p.t
    if not draft.urgent or not draft.outcome.get("asked"):
        return [turn.reply(t("It was changed since. You will be asked again if it is to go out."), here=True)]
    if draft.created_by == who(turn):
        return [turn.reply(t("It needs a second editor: somebody else than you."), here=True)]
    if answer == "no":
        broadcasts.edit(turn.conn, draft.id)
        staff.note(turn.conn, turn.now, who(turn), "refused", reins.about(draft.id))
        return [turn.reply(t("All right, it is not sent."), here=True)]
    if answer == "yes":
        return _go(turn, draft, approved_by=who(turn))
    return [*previews(turn, draft.content), ask_second(turn, draft)]


def ask_second(turn: Turn, draft: Broadcast) -> Message:
    """What a second editor is asked."""
    t, line = turn.p.t, f"/draft {draft.id} second"
    return turn.reply(
        t("Somebody where the hub runs wants to send this now, at night too.")
        if draft.created_by == staff.SHELL
        else t("{name} wants to send this now, at night too.", name=draft.created_by),
        t("The reason: {reason}", reason=draft.reason),
        _audience_line(turn, draft),
        "\n".join(_reach_lines(turn, draft)),
        title=t("Urgent: is this right?"),
        choices=[
            Choice(t("Look at it"), line),
            Choice(t("No, do not send it"), f"{line} no"),
            Choice(t("Yes, send it"), f"{line} yes"),
        ],
    )


# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sure(turn: Turn, draft: Broadcast) -> list[Message]:
    if why_not := _why_not(turn, draft):
        return _back(turn, draft, why_not)
    t, line = turn.p.t, f"/draft {draft.id}"
    if draft.kind == "correction":
        question = t("Send this correction to all who got broadcast {id}?", id=str(draft.corrects))
    else:
        question = t("Send this to {people}?", people=_people(turn, draft.reach))
    return [
        turn.reply(
            question,
            t("Another editor is asked first, for it is urgent.") if draft.urgent else "",
            choices=[
                Choice(t("Back"), line),
                Choice(t("Ask for the second yes") if draft.urgent else t("Yes, send it"), f"{line} yes"),
            ],
            here=True,
        )
    ]


def _people(turn: Turn, reach: Reach | None) -> str:
    return report.people(turn.p, reach.people, crowd=reach.crowd) if reach else ""


def _why_not(turn: Turn, draft: Broadcast) -> str:
    """Why it cannot be sent as it is; empty when it can."""
    t = turn.p.t
    if not draft.texts or "file" in draft.content.get("picture", {}):
        return t("The picture is still being fetched.") if draft.texts else t("It has no text yet.")
    if draft.kind == "correction":
        return ""
    if draft.reach is None:
        return t("The people are still being counted. Please press again in a moment.")
    if not draft.reach.people:
        return t("Nobody would get it. Please choose other people.")
    if too_narrow(draft.reach, draft.audience):
        return narrow(turn)
    if draft.urgent and not others(turn.conn, draft.created_by):
        return t("There is no second editor who could say yes. An admin can add one: serai staff add")
    return ""


def narrow(turn: Turn) -> str:
    return turn.p.t(
        "That is fewer than {n} people. So few could be told apart, so please choose more of them, or write to them in "
        "their conversations.",
        n=FEW,
    )


def others(conn: Connection, name: str) -> list[staff.Member]:
    """The editors on duty, without this one."""
    return [member for member in staff.bound(conn, "editor") if member.name != name]


def _send(turn: Turn, draft: Broadcast) -> list[Message]:
    if why_not := _why_not(turn, draft):
        return _back(turn, draft, why_not)
    if not draft.urgent:
        return _go(turn, draft)
    broadcasts.note(turn.conn, draft.id, asked=True)
    _to_do(turn, draft, "ask")
    names = turn.listed([member.name for member in others(turn.conn, draft.created_by)])
    asked = turn.p.t("I asked {names}. It goes out with a yes.", names=names)
    return [card(turn, again(turn, draft), asked, here=True)]


def _go(turn: Turn, draft: Broadcast, approved_by: str = "") -> list[Message]:
    sent = reins.send(turn.conn, who(turn), draft.id, turn.now, approved_by=approved_by)
    if turn.on:  # where the progress will be shown
        return [progress(turn, again(turn, draft), here=True)]
    return [turn.reply(turn.p.t("It is on its way.") if sent else turn.p.t("It was sent already."))]


def _drop(turn: Turn, draft: Broadcast) -> Message:
    turn.change(step="")
    broadcasts.drop(turn.conn, draft.id, turn.now)
    t = turn.p.t
    return turn.reply(
        t("The draft is dropped. Nobody got it."), choices=[Choice(t("All broadcasts"), "/broadcasts")], here=True
    )
