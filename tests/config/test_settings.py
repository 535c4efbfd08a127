"""What the settings say, and what they say when something is wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import settings as module
from config.settings import Account, BadSettings, Opening, Quiet, Settings, Source, load

EXAMPLE = Path(module.__file__).with_name("serai.example.toml")


@dataclass(frozen=True, slots=True)
class Pigeon:
    """What an adapter declares."""

    token: str = field(repr=False)
    loft: str
    mode: Literal["polling", "webhook"] = "polling"
    rates: float = 30.0
    at_night: bool = False
    flock: int = 1
    pin: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.flock < 1:
            raise ValueError("a flock has one pigeon or more")


@dataclass(frozen=True)
class Drum:
    beat_file: str = ""


KINDS: dict[str, type] = {"pigeon": Pigeon, "drum": Drum}


def read(folder: Path, file: str | None = None, environment: dict[str, str] | None = None) -> Settings:
    if file is not None:
        (folder / "serai.toml").write_text(file, encoding="utf-8")
    return load(environment or {}, account_kinds=KINDS, cwd=folder)


@dataclass(frozen=True)
class Good:
    label: str
    expected: dict[str, Any]
    file: str = ""
    environment: dict[str, str] = field(default_factory=dict)


SOURCE = '[[sources]]\nname = "UNHCR"\nkind = "feed"\n'
PAGE = '[[sources]]\nname = "A"\nkind = "page"\nurl = "https://a.example/"\n'
RELIEFWEB = '[[sources]]\nname = "A"\nkind = "reliefweb"\n'
PIGEON = '[accounts.main]\nchannel = "pigeon"\ntoken = "s3cret"\nloft = "Herat"\n'

GOOD = [
    Good("a value of the file", file="[web]\nport = 9000", expected={"web.port": 9000}),
    Good(
        "a variable takes the place of the file",
        file="[web]\nport = 9000",
        environment={"SERAI_WEB__PORT": "9001"},
        expected={"web.port": 9001, "web.public_url": "http://127.0.0.1:9001"},
    ),
    Good("at the top level", environment={"SERAI_LOG": "json"}, expected={"log": "json"}),
    Good("spaces around a variable", environment={"SERAI_WEB__PORT": " 81 "}, expected={"web.port": 81}),
    Good("an empty variable is not set", file='log = "json"', environment={"SERAI_LOG": ""}, expected={"log": "json"}),
    Good("other programs' variables", environment={"HOME": "/", "SERAIL": "x"}, expected={"log": "text"}),
    Good("false", environment={"SERAI_WEB__CHAT": "False"}, expected={"web.chat": False}),
    Good("no", environment={"SERAI_WEB__CHAT": "no"}, expected={"web.chat": False}),
    Good("nought", environment={"SERAI_WEB__CHAT": "0"}, expected={"web.chat": False}),
    Good("yes", file="[web]\nchat = false", environment={"SERAI_WEB__CHAT": "YES"}, expected={"web.chat": True}),
    Good("one", file="[web]\nchat = false", environment={"SERAI_WEB__CHAT": "1"}, expected={"web.chat": True}),
    Good(
        "a public address without its last slash",
        environment={"SERAI_WEB__PUBLIC_URL": "https://hub.example/"},
        expected={"web.public_url": "https://hub.example"},
    ),
    Good("an IPv6 host", file='[web]\nhost = "::1"', expected={"web.public_url": "http://[::1]:8080"}),
    Good("seconds", file='[web]\nchat_idle = "30s"', expected={"web.chat_idle": timedelta(seconds=30)}),
    Good("hours", file='[delivery]\nvalid_for = "2h"', expected={"delivery.valid_for": timedelta(hours=2)}),
    Good("days", file='[delivery]\nvalid_for = "1d"', expected={"delivery.valid_for": timedelta(days=1)}),
    Good("no wait at all", file='[delivery]\ngroup_wait = "0s"', expected={"delivery.group_wait": timedelta()}),
    Good(
        "quiet hours",
        environment={"SERAI_DELIVERY__QUIET_HOURS": "22:30-7:00"},
        expected={"delivery.quiet_hours": Quiet(time(22, 30), time(7))},
    ),
    Good("never quiet", file='[delivery]\nquiet_hours = "off"', expected={"delivery.quiet_hours": None}),
    Good("a zone", file='[organisation]\nzone = "Asia/Kabul"', expected={"organisation.zone": "Asia/Kabul"}),
    Good(
        "hours of an office",
        file='[organisation]\nhours = "Sat-Wed 08:00-15:30; Thu,Fri 08:00-12:00;"',
        expected={
            "organisation.hours": (
                Opening((0, 1, 2, 5, 6), time(8), time(15, 30)),
                Opening((3, 4), time(8), time(12)),
            )
        },
    ),
    Good("an office that is never open", file='[organisation]\nhours = ""', expected={"organisation.hours": ()}),
    Good(
        "a source",
        file=SOURCE + 'url = "https://unhcr.example/rss?key=1"\nevery = "1h"\ntrusted = true',
        expected={
            "sources": (
                Source(
                    name="UNHCR",
                    kind="feed",
                    url="https://unhcr.example/rss?key=1",
                    every=timedelta(hours=1),
                    trusted=True,
                ),
            )
        },
    ),
    Good(
        "a source in a file",
        file='[[sources]]\nname = "Ours"\nkind = "dateline"\nurl = "var/our news.txt"',
        expected={"sources": (Source(name="Ours", kind="dateline", url="var/our news.txt"),)},
    ),
    Good(
        "a page with a preset, and a selector that goes before it",
        file=PAGE + 'preset = "icmpd"\nitem = "ul > li"',
        expected={
            "sources": (Source(name="A", kind="page", url="https://a.example/", preset="icmpd", item="ul > li"),)
        },
    ),
    Good(
        "ReliefWeb, whose address is known",
        file=RELIEFWEB + 'appname = "a"\ncountries = ["pk", "AF", "PK"]',
        expected={"sources": (Source(name="A", kind="reliefweb", appname="a", countries=("PK", "AF")),)},
    ),
    Good(
        "ReliefWeb without an appname: it stays off, the others go on",
        file=RELIEFWEB + 'appname = ""',
        expected={"sources": (Source(name="A", kind="reliefweb"),)},
    ),
    Good(
        "a contact, its date in either of TOML's ways",
        file='[[contacts]]\ncountry = "pk"\ntext = "A desk"\nchecked = 2026-01-31\n'
        '[[contacts]]\ncountry = "TJ"\ntext = """\nTwo\nlines"""\nchecked = "2026-02-01"',
        expected={
            "contacts": (
                module.Contact(country="PK", text="A desk", checked=date(2026, 1, 31)),
                module.Contact(country="TJ", text="Two\nlines", checked=date(2026, 2, 1)),
            )
        },
    ),
    Good(
        "an account in the file",
        file=PIGEON + "rates = 2\nat_night = true",
        expected={
            "accounts": {
                "main": Account(
                    name="main",
                    channel="pigeon",
                    settings=Pigeon(token="s3cret", loft="Herat", rates=2.0, at_night=True),
                )
            }
        },
    ),
    Good(
        "an account in the environment",
        environment={
            "SERAI_ACCOUNTS__IRAQ_1__CHANNEL": "pigeon",
            "SERAI_ACCOUNTS__IRAQ_1__TOKEN": "123",
            "SERAI_ACCOUNTS__IRAQ_1__LOFT": "Erbil",
            "SERAI_ACCOUNTS__IRAQ_1__RATES": "0.5",
            "SERAI_ACCOUNTS__IRAQ_1__AT_NIGHT": "yes",
            "SERAI_ACCOUNTS__IRAQ_1__FLOCK": "7",
        },
        expected={
            "accounts": {
                "iraq_1": Account(
                    name="iraq_1",
                    channel="pigeon",
                    settings=Pigeon(token="123", loft="Erbil", rates=0.5, at_night=True, flock=7),
                )
            }
        },
    ),
    Good(
        "an account in both",
        file=PIGEON,
        environment={"SERAI_ACCOUNTS__MAIN__TOKEN": "other", "SERAI_ACCOUNTS__SIDE__CHANNEL": "drum"},
        expected={
            "accounts": {
                "main": Account(name="main", channel="pigeon", settings=Pigeon(token="other", loft="Herat")),
                "side": Account(name="side", channel="drum", settings=Drum()),
            }
        },
    ),
    Good(
        "a setting that ends like the name of a secret file",
        environment={"SERAI_ACCOUNTS__A__CHANNEL": "drum", "SERAI_ACCOUNTS__A__BEAT_FILE": "beat.mid"},
        expected={"accounts": {"a": Account(name="a", channel="drum", settings=Drum(beat_file="beat.mid"))}},
    ),
    Good("a mark of the byte order", file='\ufefflog = "json"', expected={"log": "json"}),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.label)
def test_a_setting_is_read(case: Good, tmp_path: Path) -> None:
    settings = read(tmp_path, case.file, case.environment)

    for key, expected in case.expected.items():
        value: Any = settings
        for name in key.split("."):
            value = getattr(value, name)
        assert value == expected, key


@dataclass(frozen=True)
class Bad:
    label: str
    expected: str  # the whole message
    file: str = ""
    environment: dict[str, str] = field(default_factory=dict)


A_SOURCE_URL = "an address that begins with https:// or http://, or a path"
OFFICE = 'days and times such as "Mon-Fri 09:00-17:00; Sat 10:00-13:00"'
DURATION = 'a time of 1s or more, such as "30s", "15m", "2h" or "1d"'
MAIN = "SERAI_ACCOUNTS__MAIN__"

BAD = [
    Bad(
        "not TOML",
        "serai.toml: is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 5)",
        "log text",
    ),
    Bad(
        "a word for a number",
        'web.port: found "eighty", wanted a whole number from 0 to 65535 (serai.toml)',
        '[web]\nport = "eighty"',
    ),
    Bad(
        "a number in quotes is a text in a file",
        'web.port: found "80", wanted a whole number from 0 to 65535 (serai.toml)',
        '[web]\nport = "80"',
    ),
    Bad(
        "a word for a number, in a variable",
        'web.port: found "eighty", wanted a whole number from 0 to 65535 (SERAI_WEB__PORT)',
        environment={"SERAI_WEB__PORT": "eighty"},
    ),
    Bad(
        "a port too high",
        "web.port: found 70000, wanted a whole number from 0 to 65535 (serai.toml)",
        "[web]\nport = 70000",
    ),
    Bad(
        "a switch for a number",
        "web.port: found true, wanted a whole number from 0 to 65535 (serai.toml)",
        "[web]\nport = true",
    ),
    Bad(
        "neither yes nor no",
        'web.chat: found "maybe", wanted true or false (SERAI_WEB__CHAT)',
        environment={"SERAI_WEB__CHAT": "maybe"},
    ),
    Bad("a value for a table", 'web: found "x", wanted a table (serai.toml)', 'web = "x"'),
    Bad("a table for a value", 'log: found a table, wanted one of "text", "json" (serai.toml)', "[log]\nx = 1"),
    Bad("one of two", 'log: found "xml", wanted one of "text", "json" (SERAI_LOG)', environment={"SERAI_LOG": "xml"}),
    Bad(
        "an unknown setting",
        "web.prot: there is no such setting, did you mean web.port? (serai.toml)",
        "[web]\nprot = 80",
    ),
    Bad(
        "a setting outside its table",
        "port: there is no such setting, did you mean web.port? (serai.toml)",
        "port = 80",
    ),
    Bad("an unknown table", "weather: there is no such setting (serai.toml)", "[weather]\nport = 80"),
    Bad(
        "a variable with one underscore too few",
        "SERAI_WEB_PORT: there is no such setting, did you mean SERAI_WEB__PORT?",
        environment={"SERAI_WEB_PORT": "80"},
    ),
    Bad(
        "an unknown variable",
        "SERAI_TELEGRAM_TOKEN: there is no such setting",
        environment={"SERAI_TELEGRAM_TOKEN": "s3cret"},
    ),
    Bad(
        "a source in a variable",
        "SERAI_SOURCES__0__URL: sources can be set only in the settings file",
        environment={"SERAI_SOURCES__0__URL": "/etc/passwd"},
    ),
    Bad(
        "a duration without a unit",
        f'web.chat_idle: found "15", wanted {DURATION} (serai.toml)',
        '[web]\nchat_idle = "15"',
    ),
    Bad("a number for a duration", f"web.chat_idle: found 15, wanted {DURATION} (serai.toml)", "[web]\nchat_idle = 15"),
    Bad("no duration at all", f'web.chat_idle: found "0s", wanted {DURATION} (serai.toml)', '[web]\nchat_idle = "0s"'),
    Bad(
        "quiet hours without an end",
        'delivery.quiet_hours: found "21:00", wanted "21:00-08:00" or "off" (serai.toml)',
        '[delivery]\nquiet_hours = "21:00"',
    ),
    Bad(
        "quiet hours of no length",
        'delivery.quiet_hours: found "08:00-08:00", wanted "21:00-08:00" or "off" (serai.toml)',
        '[delivery]\nquiet_hours = "08:00-08:00"',
    ),
    Bad(
        "quiet hours of another clock",
        'delivery.quiet_hours: found "25:00-08:00", wanted "21:00-08:00" or "off" (serai.toml)',
        '[delivery]\nquiet_hours = "25:00-08:00"',
    ),
    Bad(
        "a negative cap",
        "delivery.daily_cap: found -1, wanted a whole number from 0 to 1000 (serai.toml)",
        "[delivery]\ndaily_cap = -1",
    ),
    Bad(
        "an unknown zone",
        'organisation.zone: found "Asia/Herat", wanted a time zone such as "Asia/Kabul" or "UTC" (serai.toml)',
        '[organisation]\nzone = "Asia/Herat"',
    ),
    Bad(
        "a folder of zones",
        'organisation.zone: found "Asia", wanted a time zone such as "Asia/Kabul" or "UTC" (serai.toml)',
        '[organisation]\nzone = "Asia"',
    ),
    Bad(
        "a zone that leads elsewhere",
        'organisation.zone: found "../../etc/passwd", wanted a time zone such as "Asia/Kabul" or "UTC" (serai.toml)',
        '[organisation]\nzone = "../../etc/passwd"',
    ),
    Bad(
        "an unknown day",
        f'organisation.hours: found "Mo 9:00-17:00", wanted {OFFICE} (serai.toml)',
        '[organisation]\nhours = "Mo 9:00-17:00"',
    ),
    Bad(
        "hours without a day",
        f'organisation.hours: found "9:00-17:00", wanted {OFFICE} (serai.toml)',
        '[organisation]\nhours = "9:00-17:00"',
    ),
    Bad(
        "hours that end before they begin",
        f'organisation.hours: found "Mon 17:00-09:00", wanted {OFFICE} (serai.toml)',
        '[organisation]\nhours = "Mon 17:00-09:00"',
    ),
    Bad(
        "an unknown country",
        'contacts[#1].country: found "XX", wanted a country of two letters such as "PK", or "" for all (serai.toml)',
        '[[contacts]]\ncountry = "XX"\ntext = "x"\nchecked = 2026-01-31',
    ),
    Bad(
        "a union for a country",
        'contacts[#1].country: found "EU", wanted a country of two letters such as "PK", or "" for all (serai.toml)',
        '[[contacts]]\ncountry = "EU"\ntext = "x"\nchecked = 2026-01-31',
    ),
    Bad(
        "a day that is not in the calendar",
        'contacts[#2].checked: found "2026-02-30", wanted a date such as "2026-01-31" (serai.toml)',
        '[[contacts]]\ncountry = "PK"\ntext = "x"\nchecked = 2026-01-31\n'
        '[[contacts]]\ncountry = "PK"\ntext = "x"\nchecked = "2026-02-30"',
    ),
    Bad(
        "a time with a date",
        'contacts[#1].checked: found 2026-01-31 10:00:00, wanted a date such as "2026-01-31" (serai.toml)',
        '[[contacts]]\ncountry = "PK"\ntext = "x"\nchecked = 2026-01-31T10:00:00',
    ),
    Bad(
        "one table for many",
        "contacts: found a table, wanted one [[contacts]] for each (serai.toml)",
        '[contacts]\ncountry = "PK"',
    ),
    Bad(
        "a source that lacks its address", f"sources[UNHCR].url: is missing, wanted {A_SOURCE_URL} (serai.toml)", SOURCE
    ),
    Bad(
        "a source without a name",
        "sources[#1].name: is missing, wanted a line of text in quotes (serai.toml)",
        '[[sources]]\nkind = "feed"\nurl = "a.xml"',
    ),
    Bad(
        "two sources of one name",
        'sources: two have the name "UNHCR" (serai.toml)',
        SOURCE + 'url = "a.xml"\n' + SOURCE + 'url = "b.xml"',
    ),
    *(
        Bad(
            f"a {kind} is not of the settings",
            f'sources[A].kind: found "{kind}", but that one is made by what staff hand in, and not in the settings; '
            'there are "feed", "dateline", "page" and "reliefweb" (serai.toml)',
            f'[[sources]]\nname = "A"\nkind = "{kind}"\nurl = "a"',
        )
        for kind in ("staff",)
    ),
    Bad(
        "an unknown kind",
        'sources[A].kind: found "rss", wanted "feed", "dateline", "page" or "reliefweb" (serai.toml)',
        '[[sources]]\nname = "A"\nkind = "rss"\nurl = "a"',
    ),
    Bad(
        "a page without selectors",
        'sources[A].item: is missing, wanted a CSS selector such as "article h3" for each item, or a preset '
        "(serai.toml)",
        PAGE,
    ),
    Bad(
        "a selector that is none",
        'sources[A].date: found "li[[", wanted a CSS selector such as "article h3" (serai.toml)',
        PAGE + 'item = "li"\ndate = "li[["',
    ),
    Bad(
        "an unknown preset",
        'sources[A].preset: found "bbc", wanted "icmpd" or "budapest-process" (serai.toml)',
        PAGE + 'preset = "bbc"',
    ),
    Bad(
        "what is of another kind",
        'sources[A].query: is only for the kind "reliefweb" (serai.toml)',
        PAGE + 'item = "li"\nquery = "x"',
    ),
    Bad(
        "ReliefWeb about no country",
        'sources[A].countries: found a list, wanted countries of two letters, such as ["AF", "PK"] (serai.toml)',
        RELIEFWEB + 'countries = ["AF", "XX"]',
    ),
    Bad(
        "ReliefWeb about a word",
        'sources[A].countries: found "AF", wanted countries of two letters, such as ["AF", "PK"] (serai.toml)',
        RELIEFWEB + 'countries = "AF"',
    ),
    Bad(
        "ReliefWeb too often",
        "sources[A].every: is too often, wanted 2m or more: ReliefWeb takes 1,000 questions a day (serai.toml)",
        RELIEFWEB + 'every = "1m"',
    ),
    Bad(
        "an appname that is none",
        'sources[A].appname: found "(not shown)", wanted a text in quotes (serai.toml)',
        RELIEFWEB + "appname = 7",
    ),
    Bad(
        "another protocol",
        f'sources[UNHCR].url: found "ftp://a/b?…", wanted {A_SOURCE_URL} (serai.toml)',
        SOURCE + 'url = "ftp://a/b?key=s3cret"',
    ),
    Bad(
        "an address without https",
        f'sources[UNHCR].url: found "www.a.example", wanted {A_SOURCE_URL} (serai.toml)',
        SOURCE + 'url = "www.a.example"',
    ),
    Bad(
        "a password in an address",
        'sources[UNHCR].url: found "https://…@a.example/", '
        "but an address with a user name or a password in it is not read (serai.toml)",
        SOURCE + 'url = "https://me:s3cret@a.example/"',
    ),
    Bad(
        "too often",
        f'sources[UNHCR].every: found "0s", wanted {DURATION} (serai.toml)',
        SOURCE + 'url = "a"\nevery = "0s"',
    ),
    Bad(
        "an unknown setting of a source",
        "sources[UNHCR].evry: there is no such setting, did you mean sources[UNHCR].every? (serai.toml)",
        SOURCE + 'url = "a"\nevry = "1h"',
    ),
    Bad(
        "a page address that is none",
        'web.public_url: found "hub.example", wanted an address such as "https://hub.example.org" (serai.toml)',
        '[web]\npublic_url = "hub.example"',
    ),
    Bad(
        "an unknown database",
        'database_url: found "(not shown)", wanted "sqlite:///path/to/file.db" or '
        '"postgresql://user:password@host/name" (SERAI_DATABASE_URL)',
        environment={"SERAI_DATABASE_URL": "mysql://me:s3cret@host/serai"},
    ),
    Bad(
        "a number for a secret",
        'secret_key: found "(not shown)", wanted a text in quotes (serai.toml)',
        "secret_key = 31337",
    ),
    Bad(
        "keys in the data",
        'keys: found "var/keys", wanted a folder outside var/, so that nobody who copies the data has the keys '
        "(serai.toml)",
        'keys = "var/keys"',
    ),
    Bad(
        "keys in the data, by a detour",
        'keys: found "a/../var", wanted a folder outside var/, so that nobody who copies the data has the keys '
        "(SERAI_KEYS)",
        environment={"SERAI_KEYS": "a/../var"},
    ),
    Bad(
        "an unknown channel",
        'accounts.main.channel: found "owl", wanted one of "drum", "pigeon" (serai.toml)',
        '[accounts.main]\nchannel = "owl"',
    ),
    Bad(
        "an account without a channel",
        f'accounts.main.channel: is missing, wanted one of "drum", "pigeon" (serai.toml or {MAIN}CHANNEL)',
        environment={f"{MAIN}TOKEN": "s3cret"},
    ),
    Bad(
        "half an account: all that is missing is named",
        f"accounts.main: a pigeon account also needs token ({MAIN}TOKEN) and loft ({MAIN}LOFT) "
        "(serai.toml or the variables)",
        '[accounts.main]\nchannel = "pigeon"',
        environment={f"{MAIN}TOKEN": ""},
    ),
    Bad(
        "an empty token is a missing one",
        f"accounts.main: a pigeon account also needs token ({MAIN}TOKEN) (serai.toml or the variables)",
        PIGEON.replace("s3cret", ""),
    ),
    Bad(
        "an unknown setting of an account",
        "accounts.main.tokn: a pigeon account has no such setting, did you mean token? (serai.toml)",
        PIGEON + 'tokn = "s3cret"',
    ),
    Bad(
        "a setting of another channel",
        f"accounts.main.beat_file: a pigeon account has no such setting ({MAIN}BEAT_FILE)",
        PIGEON,
        environment={f"{MAIN}BEAT_FILE": "x"},
    ),
    Bad(
        "an unknown variable of an account",
        f"{MAIN}TOKN: there is no such setting, did you mean {MAIN}TOKEN?",
        environment={f"{MAIN}TOKN": "s3cret"},
    ),
    Bad(
        "a variable of a wrong type",
        f'accounts.main.rates: found "many", wanted a number ({MAIN}RATES)',
        PIGEON,
        environment={f"{MAIN}RATES": "many"},
    ),
    Bad(
        "a value out of a few",
        'accounts.main.mode: found "carrier", wanted one of "polling", "webhook" (serai.toml)',
        PIGEON + 'mode = "carrier"',
    ),
    Bad(
        "a secret of a wrong type is not shown",
        f'accounts.main.pin: found "(not shown)", wanted a whole number ({MAIN}PIN)',
        PIGEON,
        environment={f"{MAIN}PIN": "s3cret"},
    ),
    Bad(
        "what the adapter itself does not like",
        "accounts.main: a flock has one pigeon or more (serai.toml or the variables)",
        PIGEON + "flock = 0",
    ),
    Bad(
        "an account in capitals",
        'accounts: found "Main", wanted a name in lower case such as "main" or "iraq_1" (serai.toml)',
        PIGEON.replace("main", "Main"),
    ),
    Bad(
        "all at once, one in each line",
        "SERAI_WBE__PORT: there is no such setting, did you mean SERAI_WEB__PORT?\n"
        'log: found "xml", wanted one of "text", "json" (serai.toml)\n'
        "web.port: found -1, wanted a whole number from 0 to 65535 (serai.toml)\n"
        f"accounts.main: a pigeon account also needs token ({MAIN}TOKEN) and loft ({MAIN}LOFT) "
        "(serai.toml or the variables)",
        'log = "xml"\n[web]\nport = -1\n[accounts.main]\nchannel = "pigeon"',
        environment={"SERAI_WBE__PORT": "80"},
    ),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.label)
def test_a_fault_is_named_with_its_place_and_without_secrets(case: Bad, tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        read(tmp_path, case.file, case.environment)

    assert str(caught.value) == case.expected
    assert "s3cret" not in str(caught.value)


def test_who_has_no_use_for_accounts_passes_them_over(tmp_path: Path) -> None:
    (tmp_path / "serai.toml").write_text('[accounts.main]\nchannel = "carrier-pigeon"\n\n[web]\nport = 8081\n')
    environment = {"SERAI_ACCOUNTS__MAIN__TOKEN": "s3cret", "SERAI_WEB__HOST": "127.0.0.2"}
    settings = load(environment, account_kinds=None, cwd=tmp_path)
    assert (settings.accounts, settings.web.port, settings.web.host) == ({}, 8081, "127.0.0.2")


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path)

    assert settings.database_url == "sqlite:///var/serai.db"
    assert settings.keys == Path("keys")
    assert settings.web.public_url == "http://127.0.0.1:8080"
    assert settings.delivery.daily_cap == 3
    assert settings.delivery.quiet_hours == Quiet(time(21), time(8))
    assert settings.accounts == {}


def test_a_named_file_takes_the_place_of_the_one_that_lies_there(tmp_path: Path) -> None:
    (tmp_path / "serai.toml").write_text("[web]\nport = 1", encoding="utf-8")
    (tmp_path / "other.toml").write_text("[web]\nport = 2", encoding="utf-8")

    assert read(tmp_path, environment={"SERAI_CONFIG": "other.toml"}).web.port == 2
    assert read(tmp_path, environment={"SERAI_CONFIG": str(tmp_path / "other.toml")}).web.port == 2
    with pytest.raises(BadSettings, match=r"^SERAI_CONFIG: there is no file missing\.toml$"):
        read(tmp_path, environment={"SERAI_CONFIG": "missing.toml"})


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'log = "caf\xe9"')

    for name, fault in (
        (".", r"\.: cannot be read: Is a directory"),
        ("latin.toml", "cannot be read: it is not UTF-8"),
    ):
        with pytest.raises(BadSettings, match=fault):
            read(tmp_path, environment={"SERAI_CONFIG": name})


def test_a_secret_can_lie_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("  s3cret\n", encoding="utf-8")
    variables = {
        "SERAI_SECRET_KEY_FILE": "secret",
        "SERAI_ACCOUNTS__MAIN__TOKEN_FILE": str(tmp_path / "secret"),
        "SERAI_ACCOUNTS__MAIN__LOFT": "Herat",
        "SERAI_ACCOUNTS__MAIN__CHANNEL": "pigeon",
    }

    settings = read(tmp_path, environment=variables)

    assert settings.secret_key == "s3cret"
    assert settings.accounts["main"].settings.token == "s3cret"


@pytest.mark.parametrize(
    ("label", "variables", "fault"),
    [
        (
            "both",
            {"SERAI_SECRET_KEY": "a", "SERAI_SECRET_KEY_FILE": "secret"},
            "secret_key: both SERAI_SECRET_KEY and SERAI_SECRET_KEY_FILE are set, set one of them",
        ),
        (
            "not there",
            {"SERAI_SECRET_KEY_FILE": "missing"},
            'SERAI_SECRET_KEY_FILE: the file "missing" cannot be read: No such file or directory',
        ),
        ("empty", {"SERAI_SECRET_KEY_FILE": "empty"}, 'SERAI_SECRET_KEY_FILE: the file "empty" is empty'),
        ("no text", {"SERAI_LOG_FILE": "bytes"}, 'SERAI_LOG_FILE: the file "bytes" cannot be read: it is not UTF-8'),
        (
            "a wrong value",
            {"SERAI_WEB__PORT_FILE": "secret"},
            'web.port: found "s3cret", wanted a whole number from 0 to 65535 (SERAI_WEB__PORT_FILE)',
        ),
    ],
)
def test_a_fault_of_a_secret_file_is_named(label: str, variables: dict[str, str], fault: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret", encoding="utf-8")
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")

    with pytest.raises(BadSettings) as caught:
        read(tmp_path, environment=variables)

    assert caught.value.faults == (fault,)


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    file = f'database_url = "postgresql://me:s3cret@host/serai"\nsecret_key = "s3cret"\n{SOURCE}'
    settings = read(tmp_path, file + 'url = "https://a.example/rss?key=s3cret"\n' + PIGEON)

    assert settings.accounts["main"].settings.token == "s3cret"
    assert "s3cret" not in repr(settings)
    assert "https://a.example/rss?…" in repr(settings)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading(text: str) -> None:
    for key in module.VARIABLES:
        name = "SERAI_" + "__".join(key).upper()
        with suppress(BadSettings):
            load({name: text}, account_kinds=KINDS, cwd=Path("/nonexistent"))


# ── The example ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_says_what_holds_without_it(tmp_path: Path) -> None:
    assert read(tmp_path, EXAMPLE.read_text(encoding="utf-8")) == load({}, account_kinds=KINDS, cwd=tmp_path / "none")


def test_the_example_names_every_setting(tmp_path: Path) -> None:
    example = EXAMPLE.read_text(encoding="utf-8")
    kinds = (Settings, module.Web, module.Delivery, module.Organisation, module.Contact, Source)

    for kind in kinds:
        for name in kind.__struct_fields__:
            assert re.search(rf"^(# )?(\[+)?{name}\b", example, re.MULTILINE), f"{kind.__name__}.{name}"


def test_what_the_example_has_commented_out_can_be_used(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Telegram:
        token: str

    example = EXAMPLE.read_text(encoding="utf-8")
    used = re.sub(r"^# (?=\[|[a-z_]+ = )", "", example, flags=re.MULTILINE)
    (tmp_path / "serai.toml").write_text(used, encoding="utf-8")

    settings = load({f"{MAIN}TOKEN": "1:x"}, account_kinds={"telegram": Telegram}, cwd=tmp_path)

    assert len(settings.sources) == example.count("# [[sources]]")
    assert settings.contacts[0].country == "PK"
    assert settings.accounts["main"].channel == "telegram"
