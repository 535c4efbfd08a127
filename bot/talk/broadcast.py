"""What editors send to many, by chat: "/broadcast" begins a draft, "/broadcasts" shows them and holds the reins."""

from __future__ import annotations

from bot.delivery.reins import DEEDS, can_be_corrected, move
from bot.talk import draft, report
from bot.talk.progress import again, card_here, found, listed, name, no_such, progress, who
from bot.talk.turn import Turn
from channels.contract import Choice, Message
from storage import broadcasts
from storage.broadcasts import Broadcast


def broadcast(turn: Turn, text: str = "") -> list[Message]:
    """ "/broadcast and the text" begins a draft; alone it asks for the text."""
    return draft.begin(turn, text) if text else draft.ask(turn)


def broadcasts_(turn: Turn, argument: str = "") -> list[Message]:
    """ "/broadcasts" lists them; "/broadcasts 12" shows one, and "/broadcasts 12 pause" does something with it."""
    if not argument:
        return [listed(turn)]
    number, _, rest = argument.strip().partition(" ")
    kept = found(turn, number)
    if kept is None:
        return [no_such(turn)]
    if kept.state == "draft":
        return draft.draft(turn, number)
    if turn.on and kept.kind != "dispatch":
        broadcasts.note(turn.conn, kept.id, card=card_here(turn))
    deed, _, answer = rest.strip().partition(" ")
    if deed == "correct" and can_be_corrected(kept):
        return draft.correction(turn, kept)
    if deed in ("cancel", "withdraw") and answer != "yes":
        return [_sure(turn, kept, deed)]
    if deed in DEEDS:
        done = move(turn.conn, who(turn), kept.id, deed, turn.now)
        note = "" if done else turn.p.t("That cannot be done any more. This is how it is now:")
        return [progress(turn, again(turn, kept), note, here=True)]
    return [progress(turn, kept, here=bool(turn.on))]


def _sure(turn: Turn, kept: Broadcast, deed: str) -> Message:
    """Asks once: what is called off does not come back."""
    t, line, p = turn.p.t, f"/broadcasts {kept.id}", turn.p
    got = report.people(p, kept.got_it, crowd=kept.crowd)
    if deed == "cancel":
        question = t("Cancel it for good? {people} got it; the others will not.", people=got)
        yes = Choice(t("Yes, cancel it"), f"{line} cancel yes")
    else:
        question = t(
            "Withdraw it? {people} got it, and will read in its place that it was withdrawn. Nobody else gets it.",
            people=got,
        )
        yes = Choice(t("Yes, withdraw it"), f"{line} withdraw yes")
    return turn.reply(question, title=name(turn, kept), choices=[Choice(t("No, leave it"), line), yes], here=True)
