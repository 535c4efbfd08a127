"""Whether all that a hub stands on works, and what to do where it does not: settings, database, keys, sources,
accounts, web. Reads and asks; changes nothing, and disturbs no hub that runs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
from babel.messages.pofile import read_po

from bot import control
from bot.accounts import adapter
from bot.hub import WEB_CHAT
from bot.news.fetch import Busy, Failed, Fetcher, Fresh, Unchanged
from bot.news.kinds import request_for, wanted
from bot.news.read import Reader, Unreadable
from channels.contract import Finding
from config import messages
from config.settings import Account, Organisation, Settings, Web
from storage import accounts as accounts_
from storage import health, leases, people, sources
from storage.accounts import AccountState
from storage.database import BadDatabase, Database, sqlite_path
from storage.keys import BadKeys, KeyGone, KeyStore, Tampered
from storage.lock import Holder, held_by
from storage.sources import Source, Wanted
from storage.upgrade import versions

State = Literal["ok", "warning", "fault"]

PATIENCE = 10.0  # seconds for each question to somebody else
MENDED = (3, 51, 3)  # SQLite before it can corrupt a file (C5)
OLDEST_POSTGRESQL = 13
ROOM, LITTLE_ROOM = 1024**3, 100 * 1024**2  # bytes of disk
LONGEST_LOG = 256 * 1024**2  # bytes of a WAL: somebody reads for so long that it cannot be emptied
DRIFT = timedelta(seconds=2)
CONTACT_STALE = timedelta(days=31)
# Where the hub's people are; Almaty went over to +5 in March 2024, so it tells whether the data is of this age.
ZONES = ("Asia/Kabul", "Asia/Kathmandu", "Asia/Tashkent", "Asia/Almaty")
ALMATY_SINCE = datetime(2024, 6, 1, tzinfo=UTC)
EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """What one look found. ``todo`` is for a person; it is there unless all is well."""

    about: str
    state: State
    what: str
    todo: str = ""


@dataclass(frozen=True)
class Kept:
    """What the database knows; nothing where there is none, or none of our version."""

    people: int = 0
    sources: Sequence[Source] = ()
    accounts: Sequence[AccountState] = ()
    addresses: Sequence[tuple[str, bytes]] = ()
    waiting: frozenset[str] = frozenset()  # accounts with something to be sent
    leases: dict[str, str] = field(default_factory=dict)
    readable: bool = False


Now = Callable[[], datetime]


async def check(settings: Settings, now: Now = lambda: datetime.now(UTC)) -> list[Line]:
    """All lines, in the order in which a person would mend things."""
    path = sqlite_path(settings.database_url) if settings.database_url.startswith("sqlite") else None
    hub = _Hub.at(path.parent) if path else _Hub()
    try:
        found, kept = await _database(settings, path, now)
    except Exception as error:
        found, kept = [_broke_off("database", error)], Kept()
    groups = await asyncio.gather(
        _guarded("hub", _running(hub, kept)),
        _guarded("keys", _keys(settings, path, kept)),
        _guarded("sources", _sources(settings, kept, hub, now())),
        _guarded("accounts", _accounts(settings, kept, now)),
        _guarded("web", _web(settings, hub)),
        _guarded("texts", asyncio.to_thread(_texts)),
    )
    of_settings = [*_settings(settings, now()), *_zones(settings.organisation)]
    return [*of_settings, *found, *(line for group in groups for line in group)]


def _line(about: str, ok: bool | None, what: str, todo: str = "") -> Line:
    return Line(about, "warning" if ok is None else "ok" if ok else "fault", what, todo)


async def _guarded(about: str, work: Awaitable[list[Line]]) -> list[Line]:
    """A check that breaks off is a line beside the others."""
    try:
        return await work
    except Exception as error:
        return [_broke_off(about, error)]


def _broke_off(about: str, error: Exception) -> Line:
    """By its kind only: its words may hold a token."""
    return _line(about, False, f"the check broke off ({type(error).__name__})", "Tell the developers.")


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _settings(settings: Settings, now: datetime) -> list[Line]:
    lines = [_line("settings", True, "every value can be used")]
    hints = [*_of_organisation(settings.organisation), *_of_contacts(settings, now)]
    if not settings.accounts and not settings.web.chat:
        todo = "Set an account, as serai.example.toml shows, or web.chat = true."
        lines.append(_line("settings", False, "nobody can reach this hub: it has no account, and no web chat", todo))
    return lines + [_line("settings", None, what, todo) for what, todo in hints]


def _of_organisation(house: Organisation) -> Iterable[tuple[str, str]]:
    if house.name == Organisation().name:
        yield "the name is still that of the sample", "Set organisation.name: people see it before they agree."
    if not house.funder:
        yield "nobody is named who pays for this hub", "Set organisation.funder: people ask."
    if not house.contact:
        yield "no way is named to reach the organisation", "Set organisation.contact."
    if house.zone == "UTC":
        yield "the office's clock is UTC", 'Set organisation.zone, such as "Asia/Kabul", if the office is elsewhere.'
    if not house.hours:
        yield "the office is never open, so nobody is promised an answer", "Set organisation.hours."


def _of_contacts(settings: Settings, now: datetime) -> Iterable[tuple[str, str]]:
    stale = sorted({contact.country for contact in settings.contacts if now.date() - contact.checked > CONTACT_STALE})
    if not settings.contacts:
        yield "no contacts are listed for people in need", "Add [[contacts]] to the settings, one for each country."
    if stale:
        yield (
            f"contacts were last checked more than a month ago: {', '.join(stale)}",
            "Call them, and set the day as `checked`.",
        )


def _zones(house: Organisation) -> list[Line]:
    try:
        for name in {house.zone, *ZONES}:
            ZoneInfo(name)
        offset = ZoneInfo("Asia/Almaty").utcoffset(ALMATY_SINCE)
    except (KeyError, OSError):
        return [_line("time zones", False, "the data of time zones is missing", "Install the package tzdata.")]
    if offset != timedelta(hours=5):
        todo = "Bring the system's tzdata, or the package tzdata, up to date."
        return [_line("time zones", None, "the data of time zones is older than March 2024", todo)]
    return [_line("time zones", True, "known, and of this age")]


def _texts() -> list[Line]:
    """Whether each language has every sentence."""
    known = messages.collect()
    lines = [_line("texts", True, "en is complete")]
    for code in messages.languages():
        if code == "en":  # the sentences themselves
            continue
        with (messages.HERE / code / "serai.po").open("rb") as file:
            catalogue = read_po(file, locale=code.replace("-", "_"))
        lacks = sum(not fault.startswith("still has") for fault in messages.missing(catalogue, known))
        if lacks:
            what = f"{code}: {lacks} sentences are not translated, and shown in English"
            lines.append(_line("texts", None, what, "Translate them in config/locales, or tell the developers."))
        else:
            lines.append(_line("texts", True, f"{code} is complete"))
    return lines


# ── Database ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _database(settings: Settings, path: Path | None, now: Now) -> tuple[list[Line], Kept]:
    room = [_room(path)] if path else []
    if path and not os.path.exists(path):  # noqa: ASYNC240 (it is on this machine)
        return [*room, _line("database", None, f"there is none yet ({path})", "`serai run` makes it.")], Kept()
    try:
        db = Database.open(settings.database_url, read_only=True)
    except BadDatabase as bad:
        return [*room, _told("database", str(bad))], Kept()
    try:
        async with asyncio.timeout(PATIENCE):
            await db.reach()
            found, kept = await _opened(settings, db, path, now)
            return [*room, *found], kept
    except BadDatabase as bad:
        return [*room, _told("database", str(bad))], Kept()
    except TimeoutError:
        todo = "Is it overloaded, or does a long transaction hold it? Look at SERAI_DATABASE_URL."
        return [*room, _line("database", False, f"it gave no answer in {PATIENCE:g} seconds", todo)], Kept()
    finally:
        await db.close()


async def _opened(settings: Settings, db: Database, path: Path | None, now: Now) -> tuple[list[Line], Kept]:
    engine = await db.read(health.engine)
    lines = _of_sqlite(engine, path) if path else _of_postgresql(engine)
    lines.append(await _clock(db, now))
    current, needed = await db.read(versions)
    if current != needed:
        was = f"its tables are of version {current}" if current else "it is empty"
        ok, todo = (None, "The next `serai run` does it.") if path else (False, "Run `serai db upgrade`.")
        return [*lines, _line("database", ok, f"{was}, and this program needs version {needed}", todo)], Kept()
    lines.insert(0, _line("database", True, f"{db.dialect} answers, its tables are of version {current}"))
    listed = {*settings.accounts, *([WEB_CHAT] if settings.web.chat else [])}
    known = await db.read(accounts_.all_of_them)
    others = [state.name for state in known if state.name not in listed]
    return lines, Kept(
        people=await db.read(people.count),
        sources=await db.read(sources.all_of_them),
        accounts=known,
        addresses=await db.read(health.sealed_addresses),
        waiting=frozenset([name for name in others if await db.read(health.waits_on, name)]),
        leases=await db.read(health.held_leases) if path is None else {},
        readable=True,
    )


def _of_sqlite(engine: health.Engine, path: Path) -> list[Line]:
    version = ".".join(map(str, engine.version))
    lines = []
    if engine.version < MENDED:
        what = f"SQLite {version} can damage a file that two programs write to (mended in 3.51.3)"
        todo = (
            "Let no other program open the file, and keep backups; use a newer SQLite when there is one, or PostgreSQL."
        )
        lines.append(_line("database", None, what, todo))
    if engine.journal != "wal":
        what = f"its log is kept as {engine.journal}, not as wal"
        lines.append(_line("database", None, what, "The next `serai run` sets it; a network drive cannot."))
    if not engine.secure_delete:
        what = "what is erased is not overwritten (secure_delete)"
        lines.append(_line("database", False, what, "Use another build of SQLite, or PostgreSQL."))
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        what = f"its log has grown to {log.stat().st_size // 1024**2} MB"
        lines.append(
            _line("database", None, what, "End the program that reads the file all the time, or restart the hub.")
        )
    if engine.journal == "wal" and engine.secure_delete:
        lines.append(_line("database", True, "writes ahead (WAL), and overwrites what is erased (secure_delete)"))
    return lines


def _of_postgresql(engine: health.Engine) -> list[Line]:
    lines = []
    if engine.version[0] < OLDEST_POSTGRESQL:
        what = f"PostgreSQL {engine.version[0]} is older than {OLDEST_POSTGRESQL}"
        lines.append(_line("database", False, what, "Use a newer one."))
    if not engine.durable:
        what = "what is committed may be lost (fsync or synchronous_commit is off)"
        lines.append(_line("database", False, what, "Set both on: else people are told twice, or never."))
    return lines


async def _clock(db: Database, now: Now) -> Line:
    before = now()
    theirs = datetime.fromtimestamp(await db.read(leases.database_time) / 1000, UTC)
    after = now()
    if before - DRIFT <= theirs <= after + DRIFT:
        return _line("clock", True, "this machine and the database agree")
    apart = abs((theirs - after).total_seconds())
    todo = "Let both follow a time server (chrony, systemd-timesyncd)."
    return _line("clock", None, f"this machine and the database are {apart:.0f} seconds apart", todo)


def _room(path: Path) -> Line:
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    free = shutil.disk_usage(folder).free
    what = f"{free / 1024**3:.1f} GB are free in {folder}"
    if free >= ROOM:
        return _line("disk", True, what)
    todo = "Make room: when the disk is full nothing is sent, and what people write is not taken in."
    return _line("disk", False if free < LITTLE_ROOM else None, what, todo)


def _told(about: str, sentences: str) -> Line:
    return _line(about, False, *_parted(sentences))


# ── The hub itself ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Hub:
    """The hub of this folder, on SQLite. ``holder`` is None when none runs, or where no file tells."""

    folder: Path | None = None
    holder: Holder | None = None

    @classmethod
    def at(cls, folder: Path) -> _Hub:
        return cls(folder, held_by(folder / "serai.lock"))


async def _running(hub: _Hub, kept: Kept) -> list[Line]:
    if hub.folder is None:
        if not kept.readable:
            return []
        leader = kept.leases.get("schedule")
        if not leader:
            return [_line("hub", None, "no hub runs on this database", "`serai run` starts one.")]
        return [_line("hub", True, f"{leader.rpartition(':')[0]} leads the schedule")]
    if hub.holder is None:
        return [_line("hub", None, "no hub runs here", "`serai run` starts it.")]
    try:
        async with asyncio.timeout(PATIENCE):
            await control.ask(hub.folder / "serai.sock", "ping")
    except (control.NotRunning, control.Refused, TimeoutError):
        todo = f"If it has just started, wait; else end process {hub.holder.pid} and `serai run` again."
        return [_line("hub", False, f"{hub.holder} holds the data, and does not answer", todo)]
    return [_line("hub", True, f"it runs: {hub.holder}")]


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _keys(settings: Settings, path: Path | None, kept: Kept) -> list[Line]:
    folder = settings.keys.absolute()
    lines = _apart(folder, path) if path else []
    if not (folder / "people.db").exists():
        if kept.people:
            todo = "Put your copy of them there, or set `keys` to where they are: without them nobody can be reached."
            whose = "one person" if kept.people == 1 else f"{kept.people} people"
            return [*lines, _line("keys", False, f"the keys of {whose} are missing in {folder}", todo)]
        return [*lines, _line("keys", None, f"there are none yet in {folder}", "`serai run` makes them.")]
    try:
        store = await asyncio.to_thread(lambda: KeyStore.open(settings.keys, secret=settings.secret_key))
    except BadKeys as bad:
        return [*lines, _told("keys", str(bad))]
    try:
        lines.append(_line("keys", True, f"they are in {folder}, and only you can open them"))
        return [*lines, *await asyncio.to_thread(_fit, store, kept)]
    finally:
        store.close()


def _apart(keys: Path, database: Path) -> list[Line]:
    """K2: whoever copies one folder must not have both."""
    keys, data = keys.resolve(), database.resolve().parent
    if keys == data or keys.is_relative_to(data) or data.is_relative_to(keys):
        what = f"keys and data lie in one folder ({data if keys.is_relative_to(data) else keys})"
        todo = "Move one of them, and set `keys` or `database_url`: who copies that folder can read everything."
        return [_line("keys", False, what, todo)]
    return []


def _fit(store: KeyStore, kept: Kept) -> list[Line]:
    """Whether these are the keys of this database. A single one may be gone: its person was erased just now."""
    opened = 0
    for record, sealed in kept.addresses:
        try:
            store.unseal(people.ADDRESS, record, sealed)
        except (KeyGone, Tampered):
            continue
        opened += 1
    if opened:
        return [_line("keys", True, "they open what the database holds")]
    if kept.addresses:
        todo = "These are another hub's, or an old copy. Put back the right ones: with these nobody can be reached."
        return [_line("keys", False, "they open nothing that the database holds", todo)]
    return []


# ── Sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _sources(settings: Settings, kept: Kept, hub: _Hub, now: datetime) -> list[Line]:
    known = {source.name for source in kept.sources}
    new = [wanted(source) for source in settings.sources if source.name not in known]
    if not known and not new:
        return [_line("sources", None, "there is none yet", "`serai source add NAME KIND URL` adds one.")]
    reader = await asyncio.to_thread(Reader.load)
    fetcher = Fetcher(clock=lambda: datetime.now(UTC), total_seconds=PATIENCE, connect_seconds=PATIENCE / 2)
    try:
        asked = [
            *(_guarded(_name(source), _source(source, fetcher, reader, hub, now)) for source in kept.sources),
            *(_guarded(_name(source), _new_source(source, fetcher, reader)) for source in new),
        ]
        return [line for lines in await asyncio.gather(*asked) for line in lines]
    finally:
        await fetcher.close()


def _name(source: Source | Wanted) -> str:
    return f"source {source.name}"


async def _source(source: Source, fetcher: Fetcher, reader: Reader, hub: _Hub, now: datetime) -> list[Line]:
    about, again = _name(source), f"`serai source on {source.name}`"
    if source.kind == "staff":
        return [_line(about, True, "written by staff: there is nothing to ask")]
    if source.state == "off" and not source.failures:
        if source.why == "switched off":
            return [_line(about, True, "switched off")]
        why, todo = _parted(source.why)
        return [_line(about, None, f"off: {why}", f"{todo.rstrip('.') or 'Mend it'}; then {again}.")]
    if source.state == "on" and not source.failures and source.why and source.next_at and source.next_at > now:
        todo = "Nothing, if this is rare; else ask it less often (`every`)."
        return [_line(about, None, f"it asked to be left alone until {_time(source.next_at)}: {source.why}", todo)]
    found = await _look(source, fetcher, reader, local_files=source.origin == "file")
    last = f"last success {_time(source.succeeded_at)}" if source.succeeded_at else "no hub has read it yet"
    if source.state == "off":
        what = f"off after {source.failures} failures: {_parted(source.why)[0]}"
        now_ = "It can be read now" if found.ok else found.todo.rstrip(".") or "Mend it"
        return [_line(about, False, what, f"{now_}; then {again}.")]
    overdue = timedelta(seconds=max(4 * source.every_seconds, 3600))
    if hub.holder and found.ok and max(source.succeeded_at or EVER, hub.holder.since or now) < now - overdue:
        todo = "Look into the log of the hub, or start it anew."
        return [_line(about, False, f"it can be read, and yet the hub has not: {last}", todo)]
    return [_line(about, found.ok, f"{found.what}; {last}", found.todo)]


async def _new_source(source: Wanted, fetcher: Fetcher, reader: Reader) -> list[Line]:
    if source.hindrance:
        why, todo = _parted(source.hindrance)
        return [_line(_name(source), None, f"off: {why}", todo or "Set what it lacks, in the settings.")]
    found = await _look(source, fetcher, reader, local_files=True)
    return [_line(_name(source), found.ok, f"{found.what}; the next `serai run` watches it", found.todo)]


async def _look(source: Source | Wanted, fetcher: Fetcher, reader: Reader, *, local_files: bool) -> Finding:
    """As the hub looks at it, but all of it is new and nothing is kept."""
    request = request_for(source.kind, source.url, source.options)
    answer = await fetcher.fetch(request, allow_private=source.allow_private, local_files=local_files)
    match answer:
        case Failed(why):
            return Finding(False, *_parted(why))
        case Busy(after, why):
            return Finding(None, f"it asks to be left alone for {after:.0f} seconds ({why})", "Ask it less often.")
        case Unchanged():
            return Finding(True, "it answers")
        case Fresh():
            pass
    try:
        reading = await asyncio.to_thread(
            reader.read,
            answer.body,
            source.kind,
            url=answer.url,
            content_type=answer.content_type,
            options=source.options,
        )
    except Unreadable as unreadable:
        return Finding(False, *_parted(str(unreadable)))
    aside = f", {len(reading.set_aside)} set aside" if reading.set_aside else ""
    return Finding(None if reading.remark else True, f"{len(reading.dispatches)} read{aside}", reading.remark)


def _parted(sentences: str) -> tuple[str, str]:
    """What is wrong, and what to do, out of a fault that is told in sentences."""
    what, _, todo = " ".join(sentences.split()).partition(". ")
    return what.rstrip("."), todo


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _accounts(settings: Settings, kept: Kept, now: Now) -> list[Line]:
    states = {state.name: state for state in kept.accounts}
    asked = [
        _guarded(f"account {account.name}", _account(account, settings, states.get(account.name), kept, now))
        for account in settings.accounts.values()
    ]
    lines = [line for group in await asyncio.gather(*asked) for line in group]
    return [*_used_twice(settings.accounts.values()), *lines, *_left_behind(kept)]


async def _account(
    account: Account, settings: Settings, state: AccountState | None, kept: Kept, now: Now
) -> list[Line]:
    about = f"account {account.name}"
    channel = adapter(account, public_url=settings.web.public_url, clock=now)
    try:
        async with asyncio.timeout(PATIENCE + 1):
            found = await channel.check()
    except TimeoutError:
        found = [Finding(False, f"{account.channel} gave no answer in {PATIENCE:g} seconds", "Look at the network.")]
    finally:
        await channel.close()
    lines = [_line(about, finding.ok, finding.what, finding.todo) for finding in found]
    if not channel.polls:
        lines += _for_webhook(about, settings.web)
    if state and state.broken:
        since = f" since {_time(state.broken_at)}" if state.broken_at else ""
        todo = "Mend what is said above, and start the hub anew; what waits is not lost, and goes out then."
        lines.append(_line(about, False, f"the hub could not send{since}: {state.broken}", todo))
    elif state and state.held_until and state.held_until > now():
        lines.append(_line(about, None, f"the platform asked us to wait until {_time(state.held_until)}", "Nothing."))
    if kept.leases.get("schedule") and f"account:{account.name}" not in kept.leases:
        todo = "Look into the logs of the hubs: the account must be in the settings of one of them."
        lines.append(_line(about, False, "hubs run on this database, and none of them drives it", todo))
    return lines


def _for_webhook(about: str, web: Web) -> list[Line]:
    if urlsplit(web.public_url).scheme == "https":
        return []
    todo = 'Set web.public_url to the https address of this hub, or mode = "polling".'
    return [_line(about, False, "a webhook needs an address with https", todo)]


def _used_twice(accounts: Iterable[Account]) -> list[Line]:
    """Two that listen for one bot take its updates away from each other (409)."""
    tokens = [(account.channel, getattr(account.settings, "token", None), account.name) for account in accounts]
    count = Counter(token[:2] for token in tokens if token[1])
    names = [name for channel, token, name in tokens if count[channel, token] > 1]
    if not names:
        return []
    what = f"{' and '.join(names)} have one and the same token"
    return [_line("accounts", False, what, "Take all but one of them out of the settings.")]


def _left_behind(kept: Kept) -> list[Line]:
    todo = "Put it back into the settings; or withdraw what waits (`serai news withdraw ID`)."
    return [
        _line(f"account {name}", False, "messages wait for it, and it is not in the settings", todo)
        for name in sorted(kept.waiting)
    ]


# ── Web ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _web(settings: Settings, hub: _Hub) -> list[Line]:
    web = settings.web
    lines = _of_public_url(web)
    if not web.port:
        return [*lines, _line("web", True, "any free port is taken")]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)  # noqa: S104
    where = f"port {web.port} on {web.host}"
    other = "Stop that program, or choose another port: web.port, or SERAI_WEB__PORT."
    answered = await _health(f"http://{f'[{host}]' if ':' in host else host}:{web.port}")
    running = hub.holder is not None or hub.folder is None
    if answered == "ok" and running:
        lines.append(_line("web", True, f"the hub answers at {where}"))
        return [*lines, *await _from_outside(web)]
    if answered == "ok":
        lines.append(_line("web", False, f"{where} is taken by another hub", other))
    elif answered is not None:
        lines.append(_line("web", False, f"{where} is taken by another program", other))
    elif hub.holder:
        lines.append(
            _line("web", False, f"the hub does not answer at {where}", "Was the port changed since it started?")
        )
    elif why := _not_free(web):
        lines.append(_line("web", False, f"{where} cannot be opened ({why})", "Choose another: web.host, web.port."))
    else:
        lines.append(_line("web", True, f"{where} is free"))
    return lines


def _of_public_url(web: Web) -> list[Line]:
    parts = urlsplit(web.public_url)
    if parts.scheme == "https" or _is_here(parts.hostname or ""):
        return []
    todo = "Put a web server with HTTPS before it, and set web.public_url to that address."
    return [_line("web", None, "people reach the pages without https: what they write can be read on the way", todo)]


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _from_outside(web: Web) -> list[Line]:
    host = urlsplit(web.public_url).hostname or ""
    if _is_here(host):
        return []
    if await _health(web.public_url) == "ok":
        return [_line("web", True, f"{host} leads to it")]
    todo = "Open it in a browser: look at its name server, its certificate, and the web server before the hub."
    return [_line("web", None, f"{host} (web.public_url) does not lead to it, as far as this machine can see", todo)]


async def _health(root: str) -> str | None:
    """What is said there: "ok" by a hub, something else by somebody else, None when nobody listens."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            return (await client.get(f"{root}/health")).text[:20]
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return type(error).__name__


def _not_free(web: Web) -> str:
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%d %b %Y %H:%M}"
