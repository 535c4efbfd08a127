"""What staff are told without having asked: cards of what waits, thanks for what was handed in, and alarms.

Each notice is queued in the transaction that writes down that it was given, so that it is given once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from bot.delivery.compose import encode
from bot.news import editing
from bot.news.summary import summarise
from bot.talk.dates import dated, timed
from bot.talk.proof import proof
from bot.talk.turn import Turn
from channels.contract import Choice, Message, Purpose, paragraph
from config.messages import Phrases
from storage import accounts, deliveries, dispatches, people, sources, staff
from storage.database import Connection
from storage.keys import KeyStore
from storage.people import Address, Person
from storage.staff import Member

CARDS: Final = 5  # at once; more of them are a list
HEAD: Final = 80  # characters of first words
OF_USE: Final = timedelta(days=7)

Beginning = Callable[[Connection, Person, datetime], Turn]
Speak = Callable[[str | None], Phrases]


def due(conn: Connection) -> bool:
    """Whether there is a notice to give, and somebody to give it to."""
    if dispatches.any_unshown(conn) and _anybody(conn, "editor"):
        return True
    return bool(sources.given_up(conn) or accounts.newly_broken(conn)) and _anybody(conn, "admin")


def _anybody(conn: Connection, role: str) -> bool:
    return any(staff.address(conn, member) for member in staff.bound(conn, role))


def give(conn: Connection, keys: KeyStore, begin: Beginning, now: datetime) -> set[str]:
    """Queue what is due; the accounts that it goes out on. ``begin`` makes the turn that a notice is worded in."""
    desks = list(_reached(conn, keys, begin, now, "editor"))
    woken = _cards(conn, desks, now) if desks else set()
    return woken | _alarms(conn, keys, begin, now)


class _Desk:
    """Somebody of the staff who can be written to."""

    def __init__(self, keys: KeyStore, turn: Turn, address: Address) -> None:
        self.turn = turn
        self._keys = keys
        self._address = address

    def write(self, message: Message) -> str:
        """Returns the account that it goes out on."""
        queue(self.turn.conn, self._keys, self._address, message, self.turn.now)
        return self._address.account


def _reached(
    conn: Connection, keys: KeyStore, begin: Beginning, now: datetime, role: str, rather_not: str = ""
) -> Iterator[_Desk]:
    for member in staff.bound(conn, role):
        if (address := staff.address(conn, member, rather_not=rather_not)) is not None:
            yield _Desk(keys, begin(conn, people.get(conn, address.person_id), now), address)


def queue(conn: Connection, keys: KeyStore, address: Address, message: Message, now: datetime) -> None:
    deliveries.reply(
        conn,
        keys,
        address=address,
        message=encode(message),
        purpose=str(message.purpose),
        now=now,
        valid_for=OF_USE,
    )


# ── What waits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _cards(conn: Connection, desks: Iterable[_Desk], now: datetime) -> set[str]:
    found, count = dispatches.unshown(conn, CARDS)
    if not found:
        return set()
    dispatches.shown(conn, now)
    return {
        one.write(message) for one in desks for message in (*_each(one.turn, found), *_rest(one.turn, count - CARDS))
    }


def _each(turn: Turn, found: Iterable[dispatches.Stored]) -> Iterator[Message]:
    return (proof(turn, stored) for stored in found)


def _rest(turn: Turn, more: int) -> Iterator[Message]:
    if more > 0:
        said = turn.p.tn("And {n} more waits for an editor.", "And {n} more wait for an editor.", more)
        yield turn.reply(said, choices=[Choice(turn.p.t("What waits"), "/waiting")])


# ── What was handed in ───────────────────────────────────────────────────────────────────────────────────────────────


def approve(
    conn: Connection, keys: KeyStore, speak: Speak, who: str, dispatch_id: int, now: datetime, valid_for: timedelta
) -> bool:
    """``editing.approve``, and a word to the partner who handed it in."""
    if not editing.approve(conn, who, dispatch_id, now, valid_for):
        return False
    handed_in = editing.handed_in(conn, dispatch_id)
    member = staff.called(conn, handed_in.who) if handed_in and handed_in.who != who else None
    if member and (address := _at(conn, member)):
        queue(conn, keys, address, _thanks(conn, speak(staff.language(conn, member)), dispatch_id), now)
    return True


def _at(conn: Connection, member: Member) -> Address | None:
    return staff.address(conn, member) if member.person_id is not None and member.state == "on" else None


def _thanks(conn: Connection, p: Phrases, dispatch_id: int) -> Message:
    stored = dispatches.get(conn, dispatch_id)
    assert stored is not None  # noqa: S101
    said = p.t("Your news is approved: {beginning}", beginning=summarise(stored.title or stored.summary, HEAD))
    return Message((paragraph(said),), language=p.language, rtl=p.rtl, purpose=Purpose.service)


# ── What broke ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _alarms(conn: Connection, keys: KeyStore, begin: Beginning, now: datetime) -> set[str]:
    woken: set[str] = set()
    for source in sources.given_up(conn):
        for admin in _reached(conn, keys, begin, now, "admin"):
            woken.add(admin.write(_given_up(admin.turn, source)))
            sources.alarmed(conn, source.id, now)
    for account in accounts.newly_broken(conn):
        for admin in _reached(conn, keys, begin, now, "admin", rather_not=account.name):
            woken.add(admin.write(_broken(admin.turn, account)))
            accounts.alarmed(conn, account.name, now)
    return woken


def _given_up(turn: Turn, source: sources.Source) -> Message:
    t = turn.p.t
    return turn.reply(
        turn.p.tn(
            "It failed, and is not asked any more: {why}",
            "It failed {n} times in a row, and is not asked any more: {why}",
            source.failures,
            why=source.why,
        ),
        t("When it is mended, type where the hub runs: {line}", line=f"serai source on {source.name}"),
        title=t("The source “{name}” is off", name=source.name),
    )


def _broken(turn: Turn, account: accounts.AccountState) -> Message:
    t = turn.p.t
    since = turn.hours.local(account.broken_at or turn.now)
    date, time = dated(turn.p, since.date()), timed(turn.p, since)
    return turn.reply(
        t("Since {date}, {time}: {why}", date=date, time=time, why=account.broken),
        t("Nothing goes out through it; what is for it waits. To see what to do, type where the hub runs: serai check"),
        title=t("The account “{name}” does not work", name=account.name),
    )
