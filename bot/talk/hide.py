"""Somebody may be looking over their shoulder: what we wrote vanishes from the chat, as far as the channel lets us.

Afterwards nothing there tells of what: one word, and not even the command.
"""

from __future__ import annotations

from bot.talk.turn import Turn
from channels.contract import Message
from storage import people, sent


def hide(turn: Turn, _: str = "") -> list[Message]:
    t = turn.p.t
    here = people.called(turn.conn, turn.keys, turn.person.id, turn.name) if turn.limits.removes else None
    if here is None:
        return [
            turn.reply(
                t("In this app I cannot take back what I wrote."),
                t(
                    "You can delete this chat yourself: in the list of your chats, keep your finger on it, and choose "
                    "Delete."
                ),
            )
        ]
    sent.take_back(turn.conn, here.id, turn.now)
    theirs = [turn.written] if turn.written else []
    gone = [*sent.ids(turn.conn, here.id, turn.now - turn.limits.removes), *theirs]
    done = turn.reply(t("Done."))
    return [Message((), language=turn.p.language, removes=tuple(dict.fromkeys(gone))), done] if gone else [done]
