"""How staff are told of a broadcast: how many it is for, how far it is, what became of it. In a chat, and at the shell.

Where a hub has many people, a count of a few would single them out: it is given as "fewer than 10" (W3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal

from bot.delivery import when
from bot.delivery.pace import USED
from bot.talk.dates import dated, formats, timed
from channels.contract import Limits
from config.messages import Phrases, language_name
from storage.broadcasts import Broadcast, Tally
from storage.reach import FEW, Later, Reach

CELLS: Final = 10  # of a bar
HEAD: Final = 60  # characters of first words
NAMES: Final = {
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "viber": "Viber",
    "messenger": "Messenger",
    "instagram": "Instagram",
    "sms": "SMS",
}


def number(p: Phrases, n: int, *, crowd: bool = False) -> str:
    """ "1,240"; a few among many people are "fewer than 10"."""
    if crowd and 0 < n < FEW:
        return p.t("fewer than {n}", n=FEW)
    return p.digits(str(format_decimal(n, locale=formats(p))))


def people(p: Phrases, n: int, *, crowd: bool = False) -> str:
    return p.tn("{count} person", "{count} people", _plural(n, crowd), count=number(p, n, crowd=crowd))


def _plural(n: int, crowd: bool) -> int:
    return FEW if crowd and 0 < n < FEW else n


def channel(p: Phrases, kind: str) -> str:
    """What people call it."""
    return {"webchat": p.t("web chat"), "email": p.t("e-mail"), **NAMES}.get(kind, kind)


def heading(broadcast: Broadcast) -> str:
    """Its first words."""
    said = next(iter(broadcast.texts.values()), {})
    words = " ".join((said.get("title") or said.get("text") or "").split())
    return words if len(words) <= HEAD else f"{words[: HEAD - 1].rpartition(' ')[0] or words[: HEAD - 1]}…"


# ── Before ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def reach_lines(p: Phrases, reach: Reach, seconds: float, zone: ZoneInfo, now: datetime, *, sitting: bool) -> list[str]:
    """How many, in which languages, how long it takes (``takes``), and who hears of it later, and why."""
    t, crowd = p.t, reach.crowd
    if not reach.people:
        return [t("Nobody: there is no one like that who gets our news."), *_left_out(p, reach)]
    on = [
        t("{count} on {channel}", count=number(p, account.people, crowd=crowd), channel=_account(p, reach, name))
        for name, account in reach.accounts.items()
    ]
    spoken = [f"{language_name(code)} {number(p, n, crowd=crowd)}" for code, n in reach.languages.items()]
    lines = [
        f"{people(p, reach.people, crowd=crowd)}: {', '.join(on)}.",
        f"{', '.join(spoken)}.",
        t("Sending takes about {time}.", time=duration(p, seconds)) if seconds else "",
        *(_later(p, later, zone, now, crowd=crowd) for later in reach.later),
        t("On the web chat it arrives while their page is open.") if sitting else "",
        *_left_out(p, reach),
    ]
    return [line for line in lines if line]


def _account(p: Phrases, reach: Reach, name: str) -> str:
    kind = reach.accounts[name].channel
    alone = sum(other.channel == kind for other in reach.accounts.values()) == 1
    return channel(p, kind) if alone else f"{channel(p, kind)} ({name})"


def _left_out(p: Phrases, reach: Reach) -> Iterator[str]:
    crowd = reach.crowd
    if n := reach.shut:
        yield p.tn(
            "{count} person gets it when they write to us again: the app does not let us write before.",
            "{count} people get it when they write to us again: the app does not let us write before.",
            _plural(n, crowd),
            count=number(p, n, crowd=crowd),
        )
    if n := reach.unreachable:
        yield p.tn(
            "{count} more person cannot be reached: they blocked us, or left the app.",
            "{count} more people cannot be reached: they blocked us, or left the app.",
            _plural(n, crowd),
            count=number(p, n, crowd=crowd),
        )


def _later(p: Phrases, later: Later, zone: ZoneInfo, now: datetime, *, crowd: bool) -> str:
    n = later.people
    filled = {
        "count": number(p, n, crowd=crowd),
        "time": _at(p, later.first, zone, now),
        "last": _at(p, later.last, zone, now),
        "why": rule(p, later.why),
    }
    if later.last - later.first < timedelta(minutes=1):
        return p.tn(
            "{count} person hears of it at {time} ({why}).",
            "{count} people hear of it at {time} ({why}).",
            _plural(n, crowd),
            **filled,
        )
    return p.tn(
        "{count} person hears of it between {time} and {last} ({why}).",
        "{count} people hear of it between {time} and {last} ({why}).",
        _plural(n, crowd),
        **filled,
    )


def _at(p: Phrases, moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    local = moment.astimezone(zone)
    time = timed(p, local)
    return time if moment - now < timedelta(hours=20) else f"{dated(p, local.date())}, {time}"


def rule(p: Phrases, why: str) -> str:
    """Why somebody hears of it later."""
    rules: Mapping[str, Callable[[], str]] = {
        when.QUIET: lambda: p.t("quiet hours"),
        when.DAILY: lambda: p.t("they chose one message a day"),
        when.WEEKLY: lambda: p.t("they chose one message a week"),
        when.CAP: lambda: p.t("they had enough messages today"),
    }
    return rules[why]() if why in rules else why


def takes(reach: Reach, limits: Mapping[str, Limits]) -> float:
    """Seconds until those have it who hear at once: all accounts work side by side."""
    accounts = ((one.now, limits[name]) for name, one in reach.accounts.items() if name in limits)
    return max((now / (USED * allowed.per_second) for now, allowed in accounts), default=0)


def sits(reach: Reach, limits: Mapping[str, Limits]) -> bool:
    """Whether some of them are reached only as long as their page is open."""
    return any(limits[name].sitting for name in reach.accounts if name in limits)


def duration(p: Phrases, seconds: float) -> str:
    minutes = seconds / 60
    if seconds < 90:
        return p.tn("{n} second", "{n} seconds", max(1, round(seconds)))
    return p.tn("{n} minute", "{n} minutes", round(minutes)) if minutes < 90 else _hours(p, minutes / 60)


def _hours(p: Phrases, hours: float) -> str:
    return p.tn("{n} hour", "{n} hours", round(hours))


# ── While, and after ─────────────────────────────────────────────────────────────────────────────────────────────────


def state(p: Phrases, broadcast: Broadcast) -> str:
    names: Mapping[str, Callable[[], str]] = {
        "draft": lambda: p.t("draft"),
        "planning": lambda: p.t("beginning"),
        "trial": lambda: p.t("trying a few first"),
        "sending": lambda: p.t("sending"),
        "paused": lambda: p.t("paused"),
        "cancelled": lambda: p.t("cancelled"),
        "withdrawn": lambda: p.t("withdrawn"),
        "done": lambda: p.t("done"),
    }
    return names[broadcast.state]()


def percent(broadcast: Broadcast) -> int:
    """Of its audience, whose delivery has ended; 100 only at the end."""
    total = broadcast.total
    return (total - broadcast.waiting) * 100 // total if total else 0 if broadcast.running else 100


def bar(p: Phrases, broadcast: Broadcast) -> str:
    """ "▓▓▓▓░░░░░░ 45 %"."""
    share = percent(broadcast)
    full = share * CELLS // 100
    return f"{'▓' * full}{'░' * (CELLS - full)} {p.number(share)} %"


def outcome_lines(p: Phrases, broadcast: Broadcast) -> list[str]:
    """How many ended how; together they are all of its audience. At the end, how many of them stopped the news."""
    crowd = broadcast.crowd
    tally = Tally(broadcast.counts)
    found = [*((tally.of(*states), said) for states, said in _ENDS), (broadcast.stopped, _stopped_after)]
    return [said(p, _plural(n, crowd), number(p, n, crowd=crowd)) for n, said in found if n]


Said = Callable[[Phrases, int, str], str]


def _got(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} person got it", "{count} people got it", n, count=count)


def _unclear(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} may have got it", "{count} may have got it", n, count=count)


def _wait(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} waits for it", "{count} wait for it", n, count=count)


def _held(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} waits until it goes on", "{count} wait until it goes on", n, count=count)


def _closed(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} gets it when they come back", "{count} get it when they come back", n, count=count)


def _gone(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} can no longer be reached", "{count} can no longer be reached", n, count=count)


def _refused(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} was refused by the app", "{count} were refused by the app", n, count=count)


def _stopped(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} stopped the news before it came", "{count} stopped the news before it came", n, count=count)


def _left(p: Phrases, n: int, count: str) -> str:
    return p.tn("{count} was not sent it any more", "{count} were not sent it any more", n, count=count)


def _other(p: Phrases, n: int, count: str) -> str:
    return p.tn(
        "{count} had it already, or does not want it", "{count} had it already, or do not want it", n, count=count
    )


def _stopped_after(p: Phrases, n: int, count: str) -> str:
    return p.tn(
        "{count} stopped the news within a day of getting it",
        "{count} stopped the news within a day of getting it",
        n,
        count=count,
    )


# Each state of a delivery is in one line.
_ENDS: Final[tuple[tuple[tuple[str, ...], Said], ...]] = (
    (("sent",), _got),
    (("unclear",), _unclear),
    (("pending", "claimed", "sending"), _wait),
    (("paused",), _held),
    (("closed",), _closed),
    (("gone",), _gone),
    (("refused",), _refused),
    (("stopped",), _stopped),
    (("expired", "cancelled", "withdrawn"), _left),
    (("told", "unconcerned"), _other),
)


def reason(p: Phrases, broadcast: Broadcast) -> str:
    """Why it is paused."""
    t = p.t
    head, _, rest = broadcast.why.partition(" ")
    some, of = (number(p, int(n), crowd=broadcast.crowd) if n.isdigit() else n for n in rest.partition("/")[::2])
    match head:
        case "refused":
            return t("It paused by itself: the app refused {some} of {tried} messages.", some=some, tried=of)
        case "gone":
            return t(
                "It paused by itself: {some} of {tried} people can no longer be reached. That is far more than usual.",
                some=some,
                tried=of,
            )
        case "stopped":
            return t(
                "It paused by itself: {some} of the {sent} people who got it stopped the news. "
                "That is far more than usual.",
                some=some,
                sent=of,
            )
        case "account":
            return t("It paused by itself: the account {name} does not work.", name=rest)
        case "by":
            return t("{name} paused it.", name=rest)
    return broadcast.why
