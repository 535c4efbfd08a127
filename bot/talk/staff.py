"""Who works here, by chat: a one-use code binds this chat to a member of the staff."""

from __future__ import annotations

from collections.abc import Sequence

from bot.talk.dates import dated
from bot.talk.turn import Turn
from channels.contract import Choice, Message
from config.messages import Phrases
from storage import dispatches, staff


def staff_(turn: Turn, argument: str, may: Sequence[str]) -> list[Message]:
    """ "/staff CODE" binds, "/staff out" unbinds; alone it says who they are here. ``may``: their commands."""
    if not argument:
        return [_here(turn, may) if turn.staff else _ask_for_code(turn)]
    if argument.casefold() == "out":
        return _out(turn)
    return _bind(turn, argument)


def role(p: Phrases, name: str) -> str:
    names = {
        "editor": p.t("an editor"),
        "counsellor": p.t("a counsellor"),
        "supervisor": p.t("a supervisor of counsellors"),
        "admin": p.t("an admin"),
        "partner": p.t("a partner"),
    }
    return names[name]


def _bind(turn: Turn, code: str) -> list[Message]:
    t = turn.p.t
    member = staff.bind(turn.conn, code, turn.person.id, turn.now)
    if member is None:
        return [
            turn.reply(
                t("I do not know this code. It works once, and for two days. Please ask for a new one."),
                choices=[Choice(t("Help"), "/help")],
            )
        ]
    turn.staff = member
    wait = dispatches.how_many_wait(turn.conn) if member.may("editor") else 0
    welcome = turn.reply(
        t("Welcome, {name}. From now on you work from this chat: you are {role} here.", **_facts(turn)),
        turn.p.tn("{n} piece of news waits for an editor.", "{n} pieces of news wait for an editor.", wait)
        if wait
        else "",
        t("To see what you can do, send /staff. If this telephone is lost, tell who gave you the code, at once."),
        choices=[*([Choice(t("What waits"), "/waiting")] if wait else []), Choice(t("What I can do"), "/staff")],
    )
    return [welcome, *_gone(turn)]


def _gone(turn: Turn) -> list[Message]:
    """The message with the code vanishes from the chat, where the channel can."""
    return [Message((), removes=(turn.written,))] if turn.written and turn.limits.removes else []


def _out(turn: Turn) -> list[Message]:
    t = turn.p.t
    if turn.staff is None:
        return [_ask_for_code(turn)]
    staff.unbind(turn.conn, turn.staff, turn.now)
    turn.staff = None
    return [
        turn.reply(
            t("All right, you do not work from this chat any more. You need a new code to come back."),
            choices=[Choice(t("News"), "/news"), Choice(t("Help"), "/help")],
        )
    ]


def _here(turn: Turn, may: Sequence[str]) -> Message:
    assert turn.staff is not None  # noqa: S101
    t, sentences = turn.p.t, does(turn.p)
    since = turn.hours.local(turn.staff.bound_at or turn.now).date()
    return turn.reply(
        t("You are {role} here, since {date}.", date=dated(turn.p, since), **_facts(turn)),
        "\n".join(f"/{name} – {sentences[name]}" for name in may if name in sentences),
        t("/staff out – work from this chat no more"),
        t("Everything that a person can do you can do as well: /help"),
        title=turn.staff.name,
        choices=[
            *([Choice(t("What waits"), "/waiting")] if "waiting" in may else []),
            *([Choice(t("Hand in news"), "/handin")] if "handin" in may else []),
            Choice(t("Help"), "/help"),
        ],
    )


def does(p: Phrases) -> dict[str, str]:
    """What each command of the staff does; of those that are only behind buttons, nothing."""
    t = p.t
    return {
        "waiting": t("what waits for an editor"),
        "show": t("one piece of news, by its number: /show 12"),
        "approve": t("let it go out: /approve 12"),
        "hold": t("keep it out of the news for now: /hold 12"),
        "withdraw": t("take it out of the news: /withdraw 12"),
        "summary": t("write its summary: /summary 12"),
        "correct": t("its countries and topics: /correct 12"),
        "handin": t("hand in news, for an editor to look at"),
        "broadcast": t("write something of your own to many people"),
        "broadcasts": t("what goes out and what went out, to pause it or to take it back"),
    }


def _facts(turn: Turn) -> dict[str, str]:
    assert turn.staff is not None  # noqa: S101
    return {"name": turn.staff.name, "role": role(turn.p, turn.staff.role)}


def _ask_for_code(turn: Turn) -> Message:
    t = turn.p.t
    return turn.reply(
        t("This is for the people who work here. If you have a code, send it like this: /staff and the code."),
        t("To write to one of us, choose “{button}”.", button=t("Ask a counsellor")),
        choices=[Choice(t("Ask a counsellor"), "/ask"), Choice(t("Help"), "/help")],
    )
