"""The settings: read once at the start, out of a file and then the environment, and handed down from there.

``./serai.toml`` (or the file that ``SERAI_CONFIG`` names) comes first. Then ``SERAI_WEB__PORT`` takes the place of
``port`` in ``[web]``, and ``SERAI_WEB__PORT_FILE`` names a file that holds the value. All faults are told at once.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from babel import Locale
from msgspec import Meta, Struct, structs

PREFIX = "SERAI_"
DATA = "var"  # what the hub writes; keys must not lie in there (K2)


class BadSettings(ValueError):
    """One line for each thing that is wrong. No line holds the value of a secret."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


# ── The forms that a value can have ──────────────────────────────────────────────────────────────────────────────────


class _Unfit(ValueError):
    """A value that needs a sentence of its own, in place of 'wanted …'."""


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:59] + "…", ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list) else str(value)


def _bare(value: object) -> object:
    return value


def _hidden(value: object) -> object:
    return "(not shown)" if value else value


def _without_keys(value: object) -> object:
    """An address without what may be a password or a key in it."""
    if not isinstance(value, str):
        return value
    return re.sub(r"//[^/?#]*@", "//…@", re.sub(r"[?#].*", "?…", value, flags=re.DOTALL))


@dataclasses.dataclass(frozen=True)
class Form:
    """What a value must look like (``wanted``), how it is read, and what of it may be shown (``veil``)."""

    wanted: str
    read: Callable[[Any], Any] | None = None  # raises ValueError; without it msgspec reads
    veil: Callable[[object], object] = _bare
    takes: tuple[type, ...] = (str,)  # what ``read`` may be given


def _duration(shortest: timedelta) -> Callable[[str], timedelta]:
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def read(text: str) -> timedelta:
        match = re.fullmatch(r"([0-9]{1,6}) ?([smhd])", text)
        length = timedelta(**{units[match[2]]: int(match[1])}) if match else None
        if length is None or length < shortest:
            raise ValueError
        return length

    return read


def _time(text: str) -> time:
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text.strip())
    if match is None:
        raise ValueError
    return time(int(match[1]), int(match[2]))


class Quiet(Struct, frozen=True):
    """Local times between which nothing is sent; ``start`` may be later than ``end``, for the night lies between."""

    start: time
    end: time


def _quiet(text: str) -> Quiet | None:
    if text.strip().lower() == "off":
        return None
    start, end = map(_time, text.split("-"))
    if start == end:
        raise ValueError
    return Quiet(start, end)


class Opening(Struct, frozen=True):
    """The office is open on these days (Monday is 0), from ``opens`` until before ``closes``, local time."""

    days: tuple[int, ...]
    opens: time
    closes: time


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.strip().lower().partition("-")
        start, end = DAYS.index(first.strip()), DAYS.index((last or first).strip())
        yield from ((start + n) % 7 for n in range((end - start) % 7 + 1))  # Sat-Wed goes over the end of the week


def openings(text: str) -> tuple[Opening, ...]:
    found = []
    for part in filter(None, map(str.strip, text.split(";"))):
        days, times = part.rsplit(maxsplit=1)
        opens, closes = map(_time, times.split("-"))
        if opens >= closes:
            raise ValueError
        found.append(Opening(tuple(sorted(set(_days(days)))), opens, closes))
    return tuple(found)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError):  # "Asia" is a folder
        raise ValueError from None


@lru_cache
def _countries() -> frozenset[str]:
    # What CLDR lists beside the countries: unions, outlying islands under reserved codes, and codes for tests.
    others = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
    listed = map(str, Locale("en").territories)
    return frozenset(code for code in listed if len(code) == 2 and code.isalpha()) - others


def _country(code: str) -> str:
    if code.upper() not in _countries():
        raise ValueError
    return code.upper()


def _date(found: object) -> date:
    if type(found) is date:  # TOML has dates of its own
        return found
    if not isinstance(found, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
        raise ValueError
    return date.fromisoformat(found)


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError
    return text.strip()


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text.strip()


def _folder(path: str) -> Path:
    return Path(_line(path))


def _database(url: str) -> str:
    if not re.match(r"(sqlite:///|postgresql://).", url):
        raise ValueError
    return url


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc):
        raise ValueError
    if parts.query or parts.fragment:
        raise ValueError
    return url.rstrip("/")


def _source_url(url: str) -> str:
    if not re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE):
        if url.startswith("www."):
            raise ValueError
        return _line(url)
    parts = urlsplit(url)
    if parts.scheme != "file" and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError
    if "@" in parts.netloc:
        raise _Unfit("an address with a user name or a password in it is not read")
    return _line(url)


def _country_list(codes: list[object]) -> tuple[str, ...]:
    if not all(isinstance(code, str) for code in codes):
        raise ValueError
    return tuple(dict.fromkeys(_country(str(code)) for code in codes))


def _selector(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        LexborHTMLParser("<p>").css(_line(text))
    except SelectolaxError:
        raise ValueError from None
    if len(text) > 500:
        raise ValueError
    return text.strip()


KINDS = ("feed", "dateline", "page", "reliefweb")
HANDED_IN = ("staff",)
PRESETS = ("icmpd", "budapest-process")


def _kind(kind: str) -> str:
    if kind in HANDED_IN:
        raise _Unfit(f"that one is made by what staff hand in, and not in the settings; there are {_either(KINDS)}")
    if kind not in KINDS:
        raise ValueError
    return kind


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise ValueError
    return name


def _either(names: Sequence[str], word: str = "and") -> str:
    *others, last = map(_quoted, names)
    return f"{', '.join(others)} {word} {last}"


TIME = '"30s", "15m", "2h" or "1d"'
Line = Annotated[str, Form("a line of text in quotes", _line)]
Words = Annotated[str, Form("a text in quotes", _words)]
Folder = Annotated[Path, Form("a folder in quotes", _folder)]
Wait = Annotated[timedelta, Form(f"a time such as {TIME}", _duration(timedelta(0)))]
Interval = Annotated[timedelta, Form(f"a time of 1s or more, such as {TIME}", _duration(timedelta(seconds=1)))]
Port = Annotated[int, Meta(ge=0, le=65_535), Form("a whole number from 0 to 65535")]
Times = Annotated[int, Meta(ge=0, le=1_000), Form("a whole number from 0 to 1000")]
KeptDays = Annotated[int, Meta(ge=1, le=3_650), Form("a whole number of days from 1 to 3650")]
Zone = Annotated[str, Form('a time zone such as "Asia/Kabul" or "UTC"', _zone)]
QuietHours = Annotated[Quiet | None, Form('"21:00-08:00" or "off"', _quiet)]
Hours = Annotated[tuple[Opening, ...], Form('days and times such as "Mon-Fri 09:00-17:00; Sat 10:00-13:00"', openings)]
Country = Annotated[str, Form('a country of two letters such as "PK"', _country)]
Countries = Annotated[
    tuple[str, ...], Form('countries of two letters, such as ["AF", "PK"]', _country_list, takes=(list,))
]
CountryOrAll = Annotated[
    str, Form('a country of two letters such as "PK", or "" for all', lambda code: _country(code) if code else "")
]
Day = Annotated[date, Form('a date such as "2026-01-31"', _date, takes=(str, date))]
Database = Annotated[
    str, Form('"sqlite:///path/to/file.db" or "postgresql://user:password@host/name"', _database, _hidden)
]
Secret = Annotated[str, Form("a text in quotes", veil=_hidden)]
PublicUrl = Annotated[str, Form('an address such as "https://hub.example.org"', _public_url, _without_keys)]
SourceUrl = Annotated[
    str, Form("an address that begins with https:// or http://, or a path", _source_url, _without_keys)
]
Kind = Annotated[str, Form(_either(KINDS, "or"), _kind)]
Preset = Annotated[str, Form(_either(PRESETS, "or"), _preset)]
Selector = Annotated[str, Form('a CSS selector such as "article h3"', _selector)]

PLAIN_FORMS: Mapping[object, str] = MappingProxyType(
    {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
)
YES_AND_NO = MappingProxyType({"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False})


# ── The settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Table(Struct, frozen=True, kw_only=True):
    """Shows itself without its secrets."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(field.name, _form(field.type).veil(getattr(self, field.name))) for field in structs.fields(self)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def amiss(self) -> Iterator[tuple[str, str]]:
        """Settings that do not go together: the name of one, and what is wrong with it."""
        return iter(())


class Web(Table, frozen=True, kw_only=True):
    host: Line = "127.0.0.1"
    port: Port = 8080
    public_url: PublicUrl = ""  # http://host:port when nothing is set
    chat: bool = True
    chat_idle: Interval = timedelta(minutes=15)


class Delivery(Table, frozen=True, kw_only=True):
    group_wait: Wait = timedelta(minutes=10)
    daily_cap: Times = 3
    quiet_hours: QuietHours = Quiet(time(21), time(8))
    valid_for: Interval = timedelta(days=3)


class Organisation(Table, frozen=True, kw_only=True):
    name: Line = "Serai (sample)"
    about: str = ""
    funder: str = ""
    contact: str = ""
    zone: Zone = "UTC"
    hours: Hours = (Opening((0, 1, 2, 3, 4), time(9), time(17)),)
    kept_days: KeptDays = 90


class Contact(Table, frozen=True, kw_only=True):
    """Where else to find help. ``country`` is empty for a contact that serves everyone."""

    country: CountryOrAll = ""
    text: Words
    checked: Day


class Source(Table, frozen=True, kw_only=True):
    name: Line
    kind: Kind
    url: SourceUrl = ""  # only ReliefWeb's is known without it
    every: Interval = timedelta(minutes=15)
    trusted: bool = False
    allow_private: bool = False
    preset: Preset = ""
    item: Selector = ""
    title: Selector = ""
    link: Selector = ""
    date: Selector = ""
    text: Selector = ""
    appname: Secret = ""
    countries: Countries = ()
    query: str = ""

    def options(self) -> dict[str, Any]:
        """What its kind needs besides the address, as plain JSON."""
        found = {name: getattr(self, name) for name in OPTIONS.get(self.kind, ())}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value}

    def amiss(self) -> Iterator[tuple[str, str]]:
        for kind, names in OPTIONS.items():
            if kind != self.kind:
                yield from ((name, f"is only for the kind {_quoted(kind)}") for name in names if getattr(self, name))
        if self.url == "" and self.kind != "reliefweb":
            yield "url", f"is missing, wanted {_form(SourceUrl).wanted}"
        if self.kind == "page" and "" == self.preset == self.item:
            yield "item", f"is missing, wanted {_form(Selector).wanted} for each item, or a preset"
        if self.kind == "reliefweb" and self.every is not None and self.every < RELIEFWEB_EVERY:
            yield "every", "is too often, wanted 2m or more: ReliefWeb takes 1,000 questions a day"


OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"page": ("preset", "item", "title", "link", "date", "text"), "reliefweb": ("appname", "countries", "query")}
)
RELIEFWEB_EVERY = timedelta(minutes=2)


class Account(Struct, frozen=True, kw_only=True):
    """One identity on a channel; ``settings`` is what its adapter declared."""

    name: str
    channel: str
    settings: Any


class Settings(Table, frozen=True, kw_only=True):
    database_url: Database = "sqlite:///var/serai.db"
    keys: Folder = Path("keys")
    secret_key: Secret = ""
    log: Literal["text", "json"] = "text"
    web: Web = Web()
    delivery: Delivery = Delivery()
    organisation: Organisation = Organisation()
    contacts: tuple[Contact, ...] = ()
    sources: tuple[Source, ...] = ()
    accounts: dict[str, Account] = {}


def load(environ: Mapping[str, str], *, account_kinds: Mapping[str, type] | None, cwd: Path) -> Settings:
    """The settings, or ``BadSettings`` with all that is wrong.

    ``account_kinds`` maps a channel to the frozen dataclass of its adapter; with None, accounts are passed over, for
    who has no use for them. Relative paths count from ``cwd``.
    """
    name, table = _file(environ, cwd)
    return _Reading(name, table, account_kinds, cwd).settings(environ)


def one_source(table: Mapping[str, Any]) -> Source:
    """A source that is added by command, under the rules of the file, save that it may not be a path there."""
    reading = _Reading("the command", {}, {}, Path())
    source = reading._struct(Source, dict(table), ("source",))
    if source and source.url and not re.match(r"https?:", source.url, re.IGNORECASE):
        reading._faults.append("source.url: a file is a source only in the settings file; give an http(s) address")
    if reading._faults or source is None:
        raise BadSettings(reading._faults)
    return source


def _file(environ: Mapping[str, str], cwd: Path) -> tuple[str, dict[str, Any]]:
    named = environ.get(f"{PREFIX}CONFIG", "")
    name = named or "serai.toml"
    try:
        return name, tomllib.loads(_text(cwd / name))
    except FileNotFoundError:
        if not named:
            return name, {}
        raise BadSettings([f"{PREFIX}CONFIG: there is no file {name}"]) from None
    except OSError as error:
        raise BadSettings([f"{name}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadSettings([f"{name}: cannot be read: it is not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadSettings([f"{name}: is not TOML: {error}"]) from None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig")


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Key = tuple[str, ...]
Kept = TypeVar("Kept", bound=Struct)
ACCOUNT_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")  # no double underscore: it parts the levels in a variable


@dataclasses.dataclass(frozen=True)
class _Found:
    value: Any
    where: str
    text: bool = False  # from the environment, where everything is text


class _Reading:
    """One reading: what was found, and the faults so far."""

    def __init__(self, file: str, table: dict[str, Any], account_kinds: Mapping[str, type] | None, cwd: Path) -> None:
        self._name = file
        self._table = table
        self._account_kinds = account_kinds or {}
        self._without_accounts = account_kinds is None
        self._cwd = cwd
        self._environment: dict[Key, _Found] = {}
        self._faults: list[str] = []

    def settings(self, environ: Mapping[str, str]) -> Settings:
        self._environment = self._variables(environ)
        settings = self._struct(Settings, self._table, ())
        if settings and not self._faults:
            settings = structs.replace(settings, web=_with_public_url(settings.web))
            self._keys_apart_from_data(settings.keys)
        if self._faults or settings is None:
            raise BadSettings(self._faults)
        return settings

    # The environment

    def _variables(self, environ: Mapping[str, str]) -> dict[Key, _Found]:
        variables: dict[Key, _Found] = {}
        for name in sorted(environ):
            # An empty variable is one that was not filled in; compose files are full of them.
            if not name.startswith(PREFIX) or name == f"{PREFIX}CONFIG" or not environ[name].strip():
                continue
            key, in_file = self._key(name)
            if key is None:
                self._faults.append(self._no_such_variable(name))
            elif key in variables:
                self._faults.append(f"{_shown(key)}: both {variables[key].where} and {name} are set, set one of them")
            elif (value := self._content(name, environ[name]) if in_file else environ[name].strip()) is not None:
                variables[key] = _Found(value, name, text=True)
        return variables

    def _key(self, name: str) -> tuple[Key | None, bool]:
        """The setting that a variable is for, and whether it names a file with the value."""
        for ending, in_file in (("", False), ("_FILE", True)):
            if name.endswith(ending):
                key = tuple(name.removeprefix(PREFIX).removesuffix(ending).lower().split("__"))
                if key in VARIABLES or self._is_of_account(key):
                    return key, in_file
        return None, False

    def _is_of_account(self, key: Key) -> bool:
        if len(key) != 3 or key[0] != "accounts" or not _named(key[1]):
            return False
        return self._without_accounts or key[2] in self._account_keys()

    def _account_keys(self) -> set[str]:
        return {"channel"}.union(*(_parameters(kind) for kind in self._account_kinds.values()))

    def _content(self, name: str, file: str) -> str | None:
        try:
            content = _text(self._cwd / file).strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self._faults.append(f"{name}: the file {_quoted(file)} cannot be read: {reason}")
            return None
        if not content:
            self._faults.append(f"{name}: the file {_quoted(file)} is empty")
            return None
        return content

    def _no_such_variable(self, name: str) -> str:
        level, *rest = name.removeprefix(PREFIX).lower().split("__")
        if level in ("sources", "contacts"):
            return f"{name}: {level} can be set only in the settings file"
        choices = list(VARIABLES)
        if level == "accounts" and rest:
            choices = [("accounts", rest[0], key) for key in sorted(self._account_keys())]
        return f"{name}: there is no such setting{_did_you_mean(name, map(_variable, choices))}"

    # Tables and values

    def _struct(self, kind: type[Kept], table: object, key: Key) -> Kept | None:
        """A table of settings; None when it lacks something, which is then among the faults."""
        if not isinstance(table, dict):
            self._fault(key, _Found(table, self._name), Form("a table"))
            return None
        fields = structs.fields(kind)
        self._unknown(key, table, [field.name for field in fields])
        values: dict[str, Any] = {}
        for field in fields:
            here = (*key, field.name)
            found = self._environment.get(here) or (
                _Found(table[field.name], self._name) if field.name in table else None
            )
            if field.name == "accounts":
                values[field.name] = self._accounts(table.get(field.name, {}))
            elif get_origin(field.type) is tuple:
                values[field.name] = self._list(get_args(field.type)[0], table.get(field.name, []), here)
            elif isinstance(field.type, type) and issubclass(field.type, Struct):
                values[field.name] = self._struct(field.type, table.get(field.name, {}), here)
            elif found:
                values[field.name] = self._value(here, found, field.type, _form(field.type))
            elif field.required:
                self._faults.append(f"{_shown(here)}: is missing, wanted {_form(field.type).wanted} ({self._name})")
                values[field.name] = None
        if any(field.required and values[field.name] is None for field in fields):
            return None
        read = kind(**values)
        if isinstance(read, Table):
            self._faults += [f"{_shown((*key, name))}: {fault} ({self._name})" for name, fault in read.amiss()]
        return read

    def _list(self, kind: type[Kept], found: object, key: Key) -> tuple[Kept, ...]:
        if not isinstance(found, list):
            self._fault(key, _Found(found, self._name), Form(f"one [[{_shown(key)}]] for each"))
            return ()
        read: list[Kept] = []
        names: set[str] = set()
        for number, table in enumerate(found, 1):
            name = table.get("name") if isinstance(table, dict) else None
            label = name if isinstance(name, str) and name else f"#{number}"
            if label in names:
                self._faults.append(f"{_shown(key)}: two have the name {_quoted(label)} ({self._name})")
            names.add(label)
            item = self._struct(kind, table, (*key[:-1], f"{key[-1]}[{label}]"))
            if item:
                read.append(item)
        return tuple(read)

    def _value(self, key: Key, found: _Found, kind: Any, form: Form) -> Any:
        """The value in its own type; None, and a fault, when it does not fit."""
        try:
            if form.read:
                if isinstance(found.value, form.takes):
                    return form.read(found.value)
                raise ValueError
            value = found.value
            if found.text and kind is bool:
                value = YES_AND_NO[value.lower()]
            return msgspec.convert(value, kind, strict=not found.text)
        except _Unfit as unfit:
            self._faults.append(f"{_shown(key)}: found {_quoted(form.veil(found.value))}, but {unfit} ({found.where})")
        except (ValueError, KeyError):
            self._fault(key, found, form)
        return None

    def _fault(self, key: Key, found: _Found, form: Form) -> None:
        self._faults.append(
            f"{_shown(key)}: found {_quoted(form.veil(found.value))}, wanted {form.wanted} ({found.where})"
        )

    def _unknown(self, key: Key, table: Iterable[str], known: Sequence[str]) -> None:
        """Names in the file that nothing reads. Their values are not shown: a secret may be among them."""
        for name in table:
            if name not in known:
                elsewhere = [_shown(other) for other in VARIABLES if other[-1] == name]
                wrong = _shown((*key, name))
                guess = _did_you_mean(wrong, (_shown((*key, other)) for other in known), *elsewhere)
                self._faults.append(f"{wrong}: there is no such setting{guess} ({self._name})")

    # Accounts

    def _accounts(self, found: object) -> dict[str, Account]:
        if self._without_accounts:
            return {}
        if not isinstance(found, dict):
            self._fault(("accounts",), _Found(found, self._name), Form("one [accounts.NAME] for each"))
            return {}
        names = [*found, *sorted({key[1] for key in self._environment if key[0] == "accounts"} - found.keys())]
        accounts = {name: self._account(name, found.get(name, {})) for name in names}
        return {name: account for name, account in accounts.items() if account}

    def _account(self, name: str, table: object) -> Account | None:
        key = ("accounts", name)
        if not _named(name):
            wanted = 'a name in lower case such as "main" or "iraq_1"'
            self._faults.append(f"accounts: found {_quoted(name)}, wanted {wanted} ({self._name})")
            return None
        if not isinstance(table, dict):
            self._fault(key, _Found(table, self._name), Form("a table"))
            return None
        found = {field: _Found(value, self._name) for field, value in table.items()}
        found |= {variable[2]: value for variable, value in self._environment.items() if variable[:2] == key}
        channel = found.pop("channel", None)
        known = ", ".join(_quoted(kind) for kind in sorted(self._account_kinds))
        if channel is None:
            variable = _variable((*key, "channel"))
            self._faults.append(
                f"{_shown(key)}.channel: is missing, wanted one of {known} ({self._name} or {variable})"
            )
            return None
        kind = self._account_kinds.get(channel.value) if isinstance(channel.value, str) else None
        if kind is None:
            self._fault((*key, "channel"), channel, Form(f"one of {known}"))
            return None
        settings = self._adapter(kind, found, key, channel.value)
        return settings and Account(name=name, channel=channel.value, settings=settings)

    def _adapter(self, kind: type, found: Mapping[str, _Found], key: Key, channel: str) -> Any:
        """What an adapter declared, filled in. All that a half-configured account lacks is told in one line."""
        parameters, hints = _parameters(kind), get_type_hints(kind)
        before = len(self._faults)
        for name, extra in found.items():
            if name not in parameters:
                guess = _did_you_mean(name, parameters)
                self._faults.append(
                    f"{_shown((*key, name))}: a {channel} account has no such setting{guess} ({extra.where})"
                )
        missing = [name for name in parameters if _required(parameters[name]) and not _filled(found.get(name))]
        if missing:
            names = " and ".join(f"{name} ({_variable((*key, name))})" for name in missing)
            self._faults.append(
                f"{_shown(key)}: a {channel} account also needs {names} ({self._name} or the variables)"
            )
        values: dict[str, Any] = {}
        for name in parameters:
            if name in found and name not in missing:
                form = dataclasses.replace(_form(hints[name]), veil=_bare if parameters[name].repr else _hidden)
                values[name] = self._value((*key, name), found[name], hints[name], form)
        if len(self._faults) > before:
            return None
        try:
            return kind(**values)
        except ValueError as error:  # the adapter's own judgement
            self._faults.append(f"{_shown(key)}: {error} ({self._name} or the variables)")
            return None

    def _keys_apart_from_data(self, keys: Path) -> None:
        data = (self._cwd / DATA).resolve()
        if (self._cwd / keys).resolve().is_relative_to(data):
            where = self._environment.get(("keys",), _Found(None, self._name)).where
            wanted = f"a folder outside {DATA}/, so that nobody who copies the data has the keys"
            self._faults.append(f"keys: found {_quoted(str(keys))}, wanted {wanted} ({where})")


def _with_public_url(web: Web) -> Web:
    host = f"[{web.host}]" if ":" in web.host else web.host
    return structs.replace(web, public_url=web.public_url or f"http://{host}:{web.port}")


def _form(kind: Any) -> Form:
    """The form of a type: its own, or the one that follows from it."""
    if get_origin(kind) is Annotated:
        bare, *notes = get_args(kind)
        return next((note for note in notes if isinstance(note, Form)), None) or _form(bare)
    if get_origin(kind) is Literal:
        return Form("one of " + ", ".join(map(_quoted, get_args(kind))))
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        return Form("a table")
    return Form(PLAIN_FORMS.get(kind) or f"a value of the type {getattr(kind, '__name__', kind)}")


def _parameters(kind: Any) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(kind) if field.init}


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _filled(found: _Found | None) -> bool:
    return found is not None and found.value != ""


def _named(account: str) -> bool:
    return ACCOUNT_NAME.fullmatch(account) is not None


def _shown(key: Key) -> str:
    return ".".join(key)


def _variable(key: Key) -> str:
    return PREFIX + "__".join(key).upper()


def _did_you_mean(word: str, choices: Iterable[str], *others: str) -> str:
    """The choice that is near enough for a slip of the hand, else the first of the others."""
    from rapidfuzz import process  # only when something is wrong: it takes a while to load
    from rapidfuzz.distance import OSA

    slips = max(1, min(3, len(word) // 4))
    near = process.extractOne(word, list(choices), scorer=OSA.distance, score_cutoff=slips)
    guesses = [near[0]] if near else others
    return f", did you mean {guesses[0]}?" if guesses else ""


def _leaves(kind: type[Struct], key: Key = ()) -> Iterator[Key]:
    for field in structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from _leaves(field.type, (*key, field.name))
        elif get_origin(field.type) not in (tuple, dict):
            yield (*key, field.name)


VARIABLES: tuple[Key, ...] = tuple(_leaves(Settings))
