"""Why somebody was told a dispatch, or was not, in one line: ``serai why``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bot.cli import data
from bot.cli.news import Id
from bot.cli.terminal import Json, Stop, iso, say, say_json

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.reasons import News, Reason, Subject


def why(
    person: Annotated[str, Parameter(name="PERSON", help="A pseudonym, such as p-7k3f9q2m.")],
    dispatch_id: Annotated[Id, Parameter(name="DISPATCH", help="Its number in `serai news`.")],
    /,
    *,
    as_json: Json = False,
) -> None:
    """Tell why somebody was told a dispatch, or was not.

    Example: serai why p-7k3f9q2m 12
    """
    from storage import reasons

    settings = data.settings_for_looking()
    data.must_be_there(settings)
    now = datetime.now(UTC)
    try:
        reason = data.read(
            settings, lambda conn: reasons.why(conn, pseudonym(person), dispatch_id, now), otherwise=None
        )
    except reasons.Unknown as unknown:
        if unknown.what == "person":
            raise Stop(f"There is no {pseudonym(person)} here: never was, or was erased.") from None
        raise Stop(f"There is no dispatch {dispatch_id}. `serai news` shows the numbers.") from None
    assert reason  # noqa: S101 (the database is there)
    running = _running(settings) if reason.driven is None else reason.driven
    if as_json:
        say_json(as_table(reason, now, running=running))
    else:
        say(sentence(reason, now, running=running))


def pseudonym(typed: str) -> str:
    """As it was read out or copied: with or without the p-, in any case."""
    name = typed.strip().casefold()
    return name if name.startswith("p-") else f"p-{name}"


def _running(settings: Settings) -> bool:
    """Whether a hub runs on this SQLite file."""
    from storage.lock import held_by

    var = data.folder(settings)
    return var is None or held_by(var / "serai.lock") is not None


# ── In words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def sentence(reason: Reason, now: datetime, *, running: bool = True) -> str:
    """One line for staff. ``running``: some process drives the account that it waits for."""
    match reason.verdict:
        case "told":
            words = _told(reason)
        case "waiting":
            words = _waiting(reason, now, running)
        case _:
            words = "; ".join(_rule(rule, reason) for rule in reason.rules)
    return f"{reason.verdict}: {words}."


def _told(reason: Reason) -> str:
    broadcast = f" by broadcast {reason.broadcast.id}" if reason.broadcast else ""
    delivery = reason.delivery
    if delivery is None:
        return f"{_time(reason.since)}{broadcast}; how it went is no longer kept"
    state = "the platform took it" if delivery.state == "sent" else f"perhaps, for no answer came ({delivery.why})"
    return f"{_time(reason.since)}{broadcast}, {_where(reason)}: {delivery.state}, {state}"


def _waiting(reason: Reason, now: datetime, running: bool) -> str:
    since, broadcast = _time(reason.since), reason.broadcast
    delivery = reason.delivery
    if delivery is None:
        number = f"broadcast {broadcast.id}" if broadcast else "its broadcast"
        return f"{number} is being planned since {since}, and has not come to them yet"
    head = f"{delivery.state} since {since}, {_where(reason)}, by broadcast {delivery.broadcast_id}"
    if delivery.state == "sending":
        return f"{head}: on the wire, attempt {delivery.attempt}"
    return ": ".join([head, "; ".join(_causes(reason, now, running))])


def _causes(reason: Reason, now: datetime, running: bool) -> list[str]:
    """What it waits for; at its turn in the queue, if nothing else."""
    delivery, account = reason.delivery, reason.account
    assert delivery is not None  # noqa: S101
    causes = []
    if not running:
        causes.append("no hub is running (`serai run`)")
    if account and account.broken:
        causes.append(f"the account is broken since {_time(account.broken_at)} ({account.broken})")
    if account and account.held_until and account.held_until > now:
        causes.append(f"the account is held until {_time(account.held_until)}")
    if delivery.due_at > now:
        after = f", after attempt {delivery.attempt}" if delivery.attempt else ""
        said = f" ({delivery.why})" if delivery.why else ""
        causes.append(f"not before {_time(delivery.due_at)}{after}{said}")
    elif delivery.why:
        causes.append(f"again after attempt {delivery.attempt} ({delivery.why})")
    if delivery.state == "claimed":
        causes.append("the next to go")
    elif reason.ahead:
        causes.append(f"behind {reason.ahead:,} others, at the rate of the account")
    return causes or ["the next to go"]


def _rule(rule: str, reason: Reason) -> str:
    """What one rule says of these two."""
    person, news, delivery = reason.person, reason.dispatch, reason.delivery
    since = f" since {_time(reason.since)}" if reason.since else ""
    said = f" ({delivery.why})" if delivery and delivery.why else ""
    match rule:
        case "editor":
            return f"dispatch {news.id} waits for an editor, first seen {_time(news.first_seen)} ({news.why})"
        case "closed":
            until = delivery.valid_until if delivery else None
            end = f", until {_time(until)} at the latest" if until else ""
            return f"the chat of theirs is shut{since}, {_where(reason)}; it goes out when they come back{end}"
        case "first fetch":
            return f"dispatch {news.id} came with the first look at {news.source}{since}: such news is never pushed"
        case "too old":
            return f"dispatch {news.id} was published {_time(news.published)}, too long before it was seen{since}"
        case "not pushed":
            return f"dispatch {news.id} came as old news{since}: such news is never pushed"
        case "no broadcast":
            return f"no broadcast was made of dispatch {news.id}"
        case "never subscribed":
            return "is not subscribed, and never was"
        case "stopped":
            if person.subscribed:
                return f"had stopped when it was their turn, {_time(reason.since)}; is subscribed again"
            return f"is not subscribed since {_time(person.stopped_at)}"
        case "subscribed later":
            made = f" at {_time(reason.broadcast.created_at)}" if reason.broadcast else ""
            return f"subscribed at {_time(person.since)}, after the broadcast was made{made}"
        case "country" | "regional" | "topic":
            return _not_followed(rule, person, news)
        case "address gone" | "gone":
            return f"cannot be reached{_lost(person)}"
        case "no address":
            return "has no address"
        case "chosen since":
            then = "when it was their turn" if delivery else "when it was planned"
            return f"chose other news {then}, {_time(reason.since)}; by their choices of now it would concern them"
        case "expired":
            return f"was of no use any more before it could be sent, {_time(reason.since)}"
        case "paused":
            return "the broadcast is paused; it goes on when somebody of the staff says so"
        case "cancelled":
            return "the broadcast was cancelled"
        case "withdrawn":
            return f"dispatch {news.id} was withdrawn or held{since}" + (f" ({news.why})" if news.why else "")
        case "refused":
            return f"the platform refused it{since}, {_where(reason)}{said}"
        case "forgotten":
            return f"they were not told, and why is no longer kept: it was planned {_time(reason.since)}"
        case other:
            return f"{other}{since}{said}"


def _not_followed(rule: str, person: Subject, news: News) -> str:
    if rule == "country":
        theirs = _countries(person.countries) or "no country"
        return f"does not follow {_countries(news.countries, 'or')} (follows {theirs})"
    if rule == "regional":
        return f"dispatch {news.id} is about no country, and they have regional news off"
    theirs = ", ".join(person.topics) or "no topic"
    if not news.topics:
        return f"dispatch {news.id} has no topic, so it is for who follows all topics (follows {theirs})"
    country = person.all_countries or set(person.countries) & set(news.countries)
    follows = "follows the country but not" if country else "does not follow"
    return f"{follows} {' or '.join(news.topics)} (follows {theirs})"


def _countries(codes: tuple[str, ...], last: str = "and") -> str:
    from babel import Locale

    names = [Locale("en").territories.get(code, code) for code in codes]
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _lost(person: Subject) -> str:
    if person.lost is None:
        return ""
    account, why = person.lost
    since = f" since {_time(person.lost_at)}" if person.lost_at else ""
    return f" on {account}{since}" + (f" ({why})" if why else "")


def _where(reason: Reason) -> str:
    delivery = reason.delivery
    return f"on {delivery.channel or 'no channel'} ({delivery.account})" if delivery else "nowhere"


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone():%d %b %Y %H:%M:%S}" if moment else "a time that is not kept"


# ── In JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def as_table(reason: Reason, now: datetime, *, running: bool = True) -> dict[str, Any]:
    delivery, broadcast, account = reason.delivery, reason.broadcast, reason.account
    return {
        "person": reason.person.pseudonym,
        "dispatch": reason.dispatch.id,
        "verdict": reason.verdict,
        "rules": list(reason.rules),
        "since": iso(reason.since),
        "sentence": sentence(reason, now, running=running),
        "broadcast": broadcast.id if broadcast else None,
        "broadcast_made_at": iso(broadcast.created_at) if broadcast else None,
        "channel": delivery.channel if delivery else None,
        "account": delivery.account if delivery else None,
        "state": delivery.state if delivery else None,
        "why": delivery.why if delivery else "",
        "attempt": delivery.attempt if delivery else 0,
        "due_at": iso(delivery.due_at) if delivery else None,
        "valid_until": iso(delivery.valid_until) if delivery else None,
        "held_until": iso(account.held_until) if account else None,
        "ahead": reason.ahead,
        "running": running,
    }
