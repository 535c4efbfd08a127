"""What is kept about somebody is theirs: to have a copy of it, and to have it deleted.

Deleting asks once. Then everything goes in the one transaction of the answer, with the answer itself: nothing is left
that it could be sent to, so it goes to a *farewell*, the same address under a fresh key and tied to nobody, which ends
with that message (``storage.people``). In the web chat, where addresses are ours, the open tab goes to somebody new.
"""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from bot.delivery.compose import encode
from bot.talk.turn import Turn
from channels.contract import Choice, Message, Span
from storage import chats, deliveries, exports, people
from storage.exports import Kept

ASKED: Final = "delete"  # what a conversation waits for, with the second at which it was asked: "delete 1795521600"
HOLDS: Final = timedelta(hours=1)  # that the question is open; an older button asks again


# ── To have it deleted ───────────────────────────────────────────────────────────────────────────────────────────────


def delete(turn: Turn, argument: str = "") -> list[Message]:
    """ "/delete" asks; "/delete yes" within the hour does it."""
    answer = argument.strip().casefold()
    if answer == "no":
        return keep(turn)
    kept = exports.kept(turn.conn, turn.person.id)
    # Who presses a second time is somebody new already, and has nothing to lose.
    if answer == "yes" and (_asked(turn) or _nothing(turn, kept)):
        return _erase(turn)
    turn.change(step=f"{ASKED} {int(turn.now.timestamp())}")
    t = turn.p.t
    return [
        turn.reply(
            t("This goes for ever, also from our safety copies:"),
            "\n".join(f"• {thing}" for thing in (*_what(turn, kept), *_and_also(turn))),
            t("No more news comes then, and we will not know you when you write again."),
            t("For a copy of it, send /export first."),
            title=t("Delete everything about you?"),
            choices=[
                Choice(t("Keep everything"), "/delete no", wide=True),
                Choice(t("Delete everything about me"), "/delete yes", wide=True),
            ],
        )
    ]


def keep(turn: Turn) -> list[Message]:
    turn.change(step="")
    t = turn.p.t
    return [
        turn.reply(
            t("All right, nothing was deleted."),
            choices=[Choice(t("News"), "/news"), Choice(t("What I get"), "/mine"), Choice(t("Help"), "/help")],
            here=True,
        )
    ]


def asked(step: str) -> bool:
    """Whether this is what a conversation waits for."""
    return step.partition(" ")[0] == ASKED


def _asked(turn: Turn) -> bool:
    if not asked(turn.person.step):
        return False
    since = turn.now.timestamp() - int(turn.person.step.partition(" ")[2])
    return since <= HOLDS.total_seconds()


def _nothing(turn: Turn, kept: Kept) -> bool:
    """Whether there is no more than the address that this very message came from."""
    person = turn.person
    return not (person.agreed or person.language or kept.questions or kept.news) and kept.addresses <= 1


def _erase(turn: Turn) -> list[Message]:
    t, conn = turn.p.t, turn.conn
    goodbye = turn.reply(
        t("We keep nothing about you any more, and no more news comes from us."),
        t("Within a day nobody can read it in our safety copies either."),
        ""
        if turn.limits.sitting
        else t(
            "What you and we wrote may stay in this app and with the company that runs it. We cannot delete it there."
        ),
        t("If you write to us again, we meet you as somebody new."),
        title=t("Everything about you is deleted"),
        here=True,
    )
    here = people.called(conn, turn.keys, turn.person.id, turn.name)
    if here is None:
        people.erase(conn, turn.person.id, turn.now)
        return []
    if turn.limits.sitting:
        to = chats.erase(conn, turn.keys, here, turn.name, turn.now)
    else:
        to = people.farewell(conn, turn.keys, here.id, turn.now)
        people.erase(conn, turn.person.id, turn.now)
    deliveries.reply(
        conn,
        turn.keys,
        address=to,
        message=encode(goodbye),
        purpose=str(goodbye.purpose),
        now=turn.now,
        valid_for=people.FAREWELL,
    )
    return []  # a reply would go to whom there is no more


# ── To have a copy ───────────────────────────────────────────────────────────────────────────────────────────────────


def export(turn: Turn, _: str = "") -> list[Message]:
    """How much is kept, and a link that hands it over once: not in the chat, for it would lie there (K8)."""
    t, base = turn.p.t, turn.house.public_url
    link = f"{base}/export/{exports.link(turn.conn, turn.keys, turn.person.id, turn.now)}" if base else ""
    way: list[str | tuple[Span, ...]] = []
    if link:
        minutes = exports.LINK // timedelta(minutes=1)
        way = [
            t("Get a copy of it here:"),
            (Span(link, link=link),),
            t(
                "The link works once, in the next {n} minutes. Who has it can read what is in the copy, so do not "
                "pass it on.",
                n=minutes,
            ),
            t("It opens only on the computer that this service runs on.") if _on_this_machine(base) else "",
        ]
    elif turn.house.contact:
        way = [t("To get a copy of it, write to us: {contact}", contact=turn.house.contact)]
    return [
        turn.reply(
            t("This is what we keep about you:"),
            "\n".join(f"• {thing}" for thing in _what(turn, exports.kept(turn.conn, turn.person.id))),
            *way,
            title=t("What we know about you"),
            choices=[
                Choice(t("What I get"), "/mine"),
                Choice(t("Privacy"), "/privacy"),
                Choice(t("Delete everything about me"), "/delete"),
            ],
        )
    ]


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# ── What is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _what(turn: Turn, kept: Kept) -> list[str]:
    """What is kept about them, a line for each kind."""
    t, tn = turn.p.t, turn.p.tn
    lines = [
        tn("the address that our messages go to", "{n} addresses that our messages go to", kept.addresses),
        t("your language") if turn.person.language else "",
        t("when you want to hear from us") if turn.person.agreed else "",
        tn("the country that you chose", "the {n} countries that you chose", kept.countries) if kept.countries else "",
        tn("the topic that you chose", "the {n} topics that you chose", kept.topics) if kept.topics else "",
        tn("your question to our counsellors", "your {n} questions to our counsellors", kept.questions)
        if kept.questions
        else "",
        tn("that we sent you {n} piece of news, and when", "that we sent you {n} pieces of news, and when", kept.news)
        if kept.news
        else "",
        tn("{n} line on this page", "{n} lines on this page", kept.lines) if kept.lines else "",
    ]
    return [line for line in lines if line]


def _and_also(turn: Turn) -> list[str]:
    return [turn.p.t("the number to come back by, if you have one")] if turn.limits.sitting else []
