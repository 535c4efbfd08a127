"""``serai check``: what works, what does not, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from bot import checks
from bot.checks import Line, check
from channels import telegram
from config.settings import Account, Contact, Opening, Organisation, Settings, Source, Web
from storage import accounts, health, schema, sources
from storage.database import Connection
from storage.keys import KeyStore
from storage.lock import HubLock
from storage.sources import Wanted
from tests.databases import opened
from tests.hubs import running, settings, source
from tests.providers.sources import Sources, answer, feed
from tests.providers.telegram import TelegramStandIn
from tests.shell import Shell
from tests.storage.scene import a_dispatch, planned, someone

NOW = datetime.now(UTC)
RSS = (
    b'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><item><guid isPermaLink="false">1</guid>'
    b"<title>Visas for Pakistan</title><description>The office in Lahore gives new forms for work visas.</description>"
    b"</item></channel></rss>"
)
FILLED = Organisation(
    name="Centre",
    funder="A fund",
    contact="centre@example.org",
    zone="Asia/Kabul",
    hours=(Opening((0,), time(9), time(17)),),
)
CONTACT = Contact(country="PK", text="A street", checked=date.today())


@pytest.fixture
def serai(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    shell = Shell(folder, capsys, monkeypatch)
    shell.export(SERAI_WEB__PORT="0")
    return shell


@pytest.fixture
def bot() -> Iterator[TelegramStandIn]:
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not beside the data."""
    return tmp_path_factory.mktemp("apart") / "keys"


@pytest.fixture
def wanted(database_url: str, key_folder: Path) -> Settings:
    """Settings with nothing to complain of, on a database with all tables."""
    return settings(database_url, keys=key_folder, organisation=FILLED, contacts=(CONTACT,))


async def written(url: str, deed: Callable[..., Any], *args: Any) -> Any:
    async with opened(url) as db:
        return await db.write(deed, *args)


def about(lines: list[Line], name: str) -> list[tuple[str, str]]:
    return [(line.state, line.what) for line in lines if line.about == name]


def only(lines: list[Line], name: str) -> Line:
    (line,) = [line for line in lines if line.about == name]
    return line


# ── At the shell ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_in_an_empty_folder_nothing_is_at_fault_and_nothing_is_made(serai: Shell) -> None:
    ran = serai("check")
    assert (ran.code, ran.err) == (0, "")
    assert "warning  database    there is none yet (var/serai.db)\n" in ran.out
    assert "→ `serai run` makes it.\n" in ran.out
    assert ran.out.endswith("to look at, 0 at fault.\n")
    assert list(serai.folder.iterdir()) == []
    found = serai("check", "--json").json
    assert {tuple(line) for line in found} == {("about", "state", "what", "todo")}
    assert {line["state"] for line in found} == {"ok", "warning"}
    assert all(line["todo"] for line in found if line["state"] != "ok")


def test_each_setting_that_cannot_be_used_is_a_fault(serai: Shell) -> None:
    (serai.folder / "serai.toml").write_text('[web]\nprot = 1\nport = "x"\n')
    serai.export(SERAI_DELIVERY__DAILY_CAP="many", SERAI_WEB__PORT="")
    ran = serai("check", "--json")
    assert ran.code == 1
    assert [line["state"] for line in ran.json] == ["fault"] * 3
    assert [line["what"].split(":")[0] for line in ran.json] == ["web.prot", "web.port", "delivery.daily_cap"]


def test_a_fault_ends_it_with_1_and_the_token_is_nowhere(serai: Shell, bot: TelegramStandIn) -> None:
    serai.export(
        SERAI_ACCOUNTS__MAIN__CHANNEL="telegram",
        SERAI_ACCOUNTS__MAIN__TOKEN=bot.token,
        SERAI_ACCOUNTS__MAIN__BASE_URL=bot.base_url,
    )
    good = serai("check")
    assert good.code == 0
    assert "ok       account main  the bot is @serai_test_bot\n" in good.out
    bot.revoke()
    revoked = serai("check")
    assert revoked.code == 1
    assert "→ Get the token from @BotFather (/mybots), and set accounts.main.token to it.\n" in revoked.out
    secret = bot.token.partition(":")[2]
    for ran in (good, revoked, serai("check", "--json")):
        assert secret not in ran.out + ran.err


def test_a_database_that_cannot_be_had_is_a_fault_beside_the_others(serai: Shell) -> None:
    (serai.folder / "garbage.db").write_text("This is a letter, and was never a database. " * 100)
    for url, told in [
        ("sqlite:///garbage.db", "not a database"),
        ("postgresql://nobody:secret@127.0.0.1:9/none", "does not answer"),
    ]:
        serai.export(SERAI_DATABASE_URL=url)
        ran = serai("check", "--json")
        assert ran.code == 1
        (line,) = [line for line in ran.json if line["about"] == "database"]
        assert line["state"] == "fault"
        assert told in line["what"]
        assert line["todo"]
        assert [line for line in ran.json if line["about"] == "web"]
        assert "secret" not in ran.out


def test_tables_of_another_version_are_told_and_left_as_they_are(serai: Shell) -> None:
    (serai.folder / "var").mkdir()
    (serai.folder / "var" / "serai.db").touch()
    found = {line["what"]: line for line in serai("check", "--json").json}
    (told,) = [what for what in found if what.startswith("it is empty, and this program needs version")]
    assert found[told]["todo"] == "The next `serai run` does it."
    assert (serai.folder / "var" / "serai.db").read_bytes() == b""


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_where_all_is_well_only_what_is_worth_knowing_is_told(wanted: Settings) -> None:
    lines = await check(wanted)
    assert [line for line in lines if line.state == "fault"] == []
    hints = {line.about for line in lines if line.state == "warning"} - {"texts"}
    assert hints <= {"hub", "keys", "sources", "database"}  # nothing runs yet; and the SQLite may be an old one


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"organisation": structs.replace(FILLED, name=Organisation().name)}, "the name is still that of the sample"),
        ({"organisation": structs.replace(FILLED, funder="")}, "nobody is named who pays for this hub"),
        ({"organisation": structs.replace(FILLED, contact="")}, "no way is named to reach the organisation"),
        ({"organisation": structs.replace(FILLED, zone="UTC")}, "the office's clock is UTC"),
        ({"organisation": structs.replace(FILLED, hours=())}, "the office is never open"),
        ({"contacts": ()}, "no contacts are listed"),
        ({"contacts": (structs.replace(CONTACT, checked=date(2024, 1, 1)),)}, "more than a month ago: PK"),
    ],
)
async def test_a_setting_that_people_will_miss_is_a_hint(
    wanted: Settings, database_url: str, more: dict[str, Any], told: str
) -> None:
    hints = [line for line in await check(structs.replace(wanted, **more)) if line.about == "settings"]
    assert [told in line.what for line in hints if line.state == "warning"] == [True]
    assert "fault" not in {line.state for line in hints}


async def test_a_hub_that_nobody_can_reach_is_a_fault(wanted: Settings) -> None:
    lines = await check(structs.replace(wanted, web=Web(port=0, chat=False, public_url="http://127.0.0.1")))
    assert ("fault", "nobody can reach this hub: it has no account, and no web chat") in about(lines, "settings")


# ── Database and keys ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_old_sqlite_is_worth_knowing_and_a_mended_one_is_not(tmp_path: Path) -> None:
    def told(version: tuple[int, ...]) -> list[str]:
        return [line.state for line in checks._of_sqlite(health.Engine(version, "wal"), tmp_path / "serai.db")]

    assert told((3, 51, 2)) == ["warning", "ok"]
    assert told((3, 51, 3)) == ["ok"]


async def test_clocks_that_are_apart_are_told(wanted: Settings) -> None:
    agree = only(await check(wanted), "clock")
    assert agree.state == "ok"
    apart_ = only(await check(wanted, lambda: datetime.now(UTC) + timedelta(seconds=30)), "clock")
    assert (apart_.state, apart_.what) == ("warning", "this machine and the database are 30 seconds apart")


@dataclass(frozen=True)
class Keys:
    label: str
    spoil: Callable[[Path], object]
    state: str
    told: str


def another(folder: Path) -> None:
    folder.rename(folder.with_name("ours"))
    KeyStore.open(folder).close()


KEYS = [
    Keys("ours", lambda folder: None, "ok", "they open what the database holds"),
    Keys("another hub's", another, "fault", "they open nothing that the database holds"),
    Keys("gone", lambda folder: folder.rename(folder.with_name("lost")), "fault", "the keys of one person are missing"),
    Keys("open to others", lambda folder: folder.chmod(0o755), "fault", "Others on this machine can open"),
    Keys("without the secret", lambda folder: (folder / "secret.key").unlink(), "fault", "secret"),
]


@pytest.mark.parametrize("row", KEYS, ids=[row.label for row in KEYS])
async def test_keys_are_tried_on_what_is_sealed(wanted: Settings, database_url: str, row: Keys) -> None:
    keys = KeyStore.open(wanted.keys)
    await written(database_url, lambda conn: someone(conn, keys))
    keys.close()
    row.spoil(wanted.keys)
    found = [line for line in await check(wanted) if line.about == "keys"][-1]
    assert found.state == row.state
    assert row.told in found.what
    assert found.todo or found.state == "ok"
    wanted.keys.chmod(0o700) if wanted.keys.exists() else None


@pytest.mark.parametrize(
    ("database", "keys"), [("data/serai.db", "data"), ("data/serai.db", "data/keys"), ("a.db", "k")]
)
def test_keys_that_lie_with_the_data_are_a_fault(serai: Shell, database: str, keys: str) -> None:
    serai.export(SERAI_DATABASE_URL=f"sqlite:///{database}", SERAI_KEYS=keys)
    ran = serai("check", "--json")
    assert ran.code == 1
    (found,) = [line for line in ran.json if line["state"] == "fault"]
    assert found["what"].startswith("keys and data lie in one folder")


# ── Sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Feed:
    label: str
    page: Any
    state: str
    told: str
    todo: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    asked: bool = True


SWITCHED_OFF = {"state": "off", "why": "switched off"}
FAILED = {"state": "off", "why": "It has trouble of its own (HTTP 503). We will try again.", "failures": 20}
HINDERED = {"state": "off", "why": "it has no appname"}
ASKED = {"why": "It is busy", "next_at": NOW + timedelta(hours=2)}
READ = {"succeeded_at": NOW - timedelta(minutes=20)}
FEEDS = [
    Feed("read", feed(RSS), "ok", "1 read; no hub has read it yet"),
    Feed("read before", feed(RSS), "ok", "1 read; last success ", before=READ),
    Feed("not there", answer(404), "fault", "There is nothing", before=READ),
    Feed("no feed", answer(body=b"<!doctype html><p>news", content_type="text/html"), "fault", "", before=READ),
    Feed("busy", answer(429, retry_after="60"), "warning", "it asks to be left alone for 60 seconds"),
    Feed("switched off", feed(RSS), "ok", "switched off", before=SWITCHED_OFF, asked=False),
    Feed("off, and well", feed(RSS), "fault", "off after 20 failures", "It can be read now; then", before=FAILED),
    Feed("off, and not well", answer(503), "fault", "off after 20 failures", "`serai source on", before=FAILED),
    Feed("off for want of something", feed(RSS), "warning", "off: it has no appname", before=HINDERED, asked=False),
    Feed("asked to be left alone", feed(RSS), "warning", "left alone until", before=ASKED, asked=False),
]


@pytest.mark.parametrize("row", FEEDS, ids=[row.label for row in FEEDS])
async def test_each_source_is_asked_under_its_own_rules(wanted: Settings, database_url: str, row: Feed) -> None:
    async with Sources() as web:
        web.pages["/feed"] = row.page

        def put(conn: Connection) -> None:
            source = sources.put(conn, Wanted("iom", "feed", web.url("/feed"), 900, allow_private=True), "added")
            before = {"why": ""} | row.before
            conn.execute(schema.sources.update().where(schema.sources.c.id == source.id).values(**before))

        await written(database_url, put)
        found = only(await check(wanted), "source iom")
        assert (found.state, bool(web.asked)) == (row.state, row.asked)
        assert row.told in found.what
        assert row.todo in found.todo
        assert found.todo or found.state == "ok"


async def test_a_private_address_is_refused_unless_the_source_allows_it(wanted: Settings, database_url: str) -> None:
    async with Sources() as web:
        web.pages["/feed"] = feed(RSS)
        await written(database_url, sources.put, Wanted("iom", "feed", web.url("/feed"), 900), "added")
        found = only(await check(wanted), "source iom")
        assert (found.state, web.asked) == ("fault", [])


async def test_a_source_that_lacks_something_is_off_and_says_what(wanted: Settings) -> None:
    named = structs.replace(wanted, sources=(Source(name="rw", kind="reliefweb"),))
    found = only(await check(named), "source rw")
    assert found.state == "warning"
    assert found.what.startswith("off: ")
    assert found.todo


async def test_a_source_of_the_settings_is_tried_before_the_first_run(wanted: Settings, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("Erbil, Iraq: The centre in Erbil now opens at eight in the morning.\n")
    named = structs.replace(wanted, sources=(source("mine", "dateline", str(tmp_path / "news.txt")),))
    assert only(await check(named), "source mine").what == "1 read; the next `serai run` watches it"


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bot:
    label: str
    prepare: Callable[[TelegramStandIn], object]
    expected: list[tuple[str, str]]
    mode: str = "polling"
    public_url: str = "https://hub.example.org"


def nothing(bot: TelegramStandIn) -> None: ...


def hook(url: str) -> Callable[[TelegramStandIn], None]:
    return lambda bot: bot.webhook.update(url=url)


ME = ("ok", "the bot is @serai_test_bot")
BOTS = [
    Bot("polling", nothing, [ME, ("ok", "updates come by polling")]),
    Bot("revoked", TelegramStandIn.revoke, [("fault", "Telegram does not know this token (401 Unauthorized)")]),
    Bot("unreachable", TelegramStandIn.down, [("fault", "Telegram cannot be reached (ConnectError)")]),
    Bot(
        "polling, but a webhook",
        hook("https://elsewhere.example/secret-path"),
        [ME, ("fault", "a webhook leads to elsewhere.example, and while it does, polling is answered with 409")],
    ),
    Bot(
        "webhook",
        hook("https://hub.example.org/hooks/main"),
        [ME, ("ok", "the webhook leads to hub.example.org")],
        mode="webhook",
    ),
    Bot("webhook not set", nothing, [ME, ("fault", "no webhook is set")], mode="webhook"),
    Bot(
        "webhook of another",
        hook("https://elsewhere.example/secret-path"),
        [ME, ("fault", "the webhook leads to elsewhere.example, not to this hub")],
        mode="webhook",
    ),
    Bot(
        "webhook without https",
        hook("http://hub.example.org/hooks/main"),
        [ME, ("ok", "the webhook leads to hub.example.org"), ("fault", "a webhook needs an address with https")],
        mode="webhook",
        public_url="http://hub.example.org",
    ),
]


def on(bot: TelegramStandIn, wanted: Settings, mode: str = "polling", name: str = "main") -> dict[str, Account]:
    secret = "hook-secret-of-ours" if mode == "webhook" else ""
    own = telegram.Settings(token=bot.token, base_url=bot.base_url, mode=mode, webhook_secret=secret)  # type: ignore[arg-type]
    return wanted.accounts | {name: Account(name=name, channel="telegram", settings=own)}


@pytest.mark.parametrize("row", BOTS, ids=[row.label for row in BOTS])
async def test_each_account_is_asked_whether_it_works(
    wanted: Settings, bot: TelegramStandIn, capsys: pytest.CaptureFixture[str], row: Bot
) -> None:
    row.prepare(bot)
    web = Web(port=0, public_url=row.public_url)
    lines = await check(structs.replace(wanted, web=web, accounts=on(bot, wanted, row.mode)))
    assert about(lines, "account main") == row.expected
    assert all(line.todo for line in lines if line.state != "ok")
    assert bot.violations == []
    assert "getUpdates" not in bot.methods()
    shown = repr(lines) + "".join(capsys.readouterr())
    for secret in (bot.token.partition(":")[2], "secret-path", "hook-secret-of-ours"):
        assert secret not in shown
    bot.up() if row.label == "unreachable" else None


async def test_updates_that_nobody_fetches_are_told(wanted: Settings, bot: TelegramStandIn) -> None:
    for number in range(101):
        bot.say(42, f"word {number}")
    lines = await check(structs.replace(wanted, accounts=on(bot, wanted)))
    assert ("warning", "101 updates wait to be fetched") in about(lines, "account main")


async def test_two_accounts_with_one_token_are_a_fault(wanted: Settings, bot: TelegramStandIn) -> None:
    twice = on(bot, wanted) | on(bot, wanted, name="second")
    lines = await check(structs.replace(wanted, accounts=twice))
    assert about(lines, "accounts") == [("fault", "main and second have one and the same token")]


async def test_what_the_hub_met_at_an_account_is_told(
    wanted: Settings, bot: TelegramStandIn, database_url: str
) -> None:
    def fill(conn: Connection) -> None:
        accounts.put(conn, "main", "telegram")
        accounts.hold(conn, "main", NOW + timedelta(hours=1))

    await written(database_url, fill)
    both = structs.replace(wanted, accounts=on(bot, wanted))
    held = about(await check(both), "account main")[-1]
    assert held[0] == "warning"
    assert held[1].startswith("the platform asked us to wait until")
    await written(database_url, accounts.broken, "main", "401 Unauthorized", NOW)
    broken = about(await check(both), "account main")[-1]
    assert broken[0] == "fault"
    assert broken[1].endswith(": 401 Unauthorized")


async def test_messages_for_an_account_that_is_no_more_are_a_fault(wanted: Settings, database_url: str) -> None:
    keys = KeyStore.open(wanted.keys)

    def fill(conn: Connection) -> None:
        accounts.put(conn, "old", "telegram")
        someone(conn, keys, account="old")
        planned(conn, a_dispatch(conn))

    await written(database_url, fill)
    keys.close()
    lines = await check(wanted)
    assert about(lines, "account old") == [("fault", "messages wait for it, and it is not in the settings")]


# ── Web and hub ──────────────────────────────────────────────────────────────────────────────────────────────────────


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_port_is_free_or_taken(wanted: Settings) -> None:
    port = free_port()
    free = await check(structs.replace(wanted, web=Web(port=port, public_url=f"http://127.0.0.1:{port}")))
    assert about(free, "web") == [("ok", f"port {port} on 127.0.0.1 is free")]
    async with Sources() as other:
        web = Web(port=other.port, public_url="http://127.0.0.1")
        taken = only(await check(structs.replace(wanted, web=web)), "web")
        assert (taken.state, taken.what) == ("fault", f"port {web.port} on 127.0.0.1 is taken by another program")


@pytest.mark.parametrize(
    ("url", "state"),
    [("http://hub.example.org", "warning"), ("http://localhost:8080", ""), ("https://hub.example.org", "")],
)
async def test_pages_that_others_reach_without_https_are_told(wanted: Settings, url: str, state: str) -> None:
    lines = await check(structs.replace(wanted, web=Web(port=0, public_url=url)))
    told = [line.state for line in lines if line.about == "web" and "without https" in line.what]
    assert told == ([state] if state else [])


def test_who_holds_the_data_and_does_not_answer_is_a_fault(serai: Shell) -> None:
    serai("source", "add", "iom", "feed", "https://127.0.0.1/rss.xml")
    with HubLock(serai.folder / "var" / "serai.lock"):
        ran = serai("check", "--json")
    assert ran.code == 1
    (found,) = [line for line in ran.json if line["about"] == "hub"]
    assert (found["state"], f"process {os.getpid()}" in found["what"]) == ("fault", True)
    assert str(os.getpid()) in found["todo"]


async def test_a_hub_at_work_is_well_and_is_not_disturbed(
    bot: TelegramStandIn, sqlite_url: str, key_folder: Path
) -> None:
    port = free_port()
    web = Web(port=port, public_url=f"http://127.0.0.1:{port}")
    at_work = settings(sqlite_url, keys=key_folder, web=web, telegram_at=bot)
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    with HubLock(folder / "serai.lock"):
        async with running(at_work, key_folder, control=folder / "serai.sock"):
            await asyncio.to_thread(bot.wait_called, "getUpdates")
            lines = await check(at_work)
    assert [line for line in lines if line.state == "fault"] == []
    assert about(lines, "web") == [("ok", f"the hub answers at port {port} on 127.0.0.1")]
    assert only(lines, "hub").what.startswith("it runs: process ")
    assert (bot.conflicts, bot.violations) == (0, [])


async def test_a_check_that_breaks_off_is_a_line_and_says_no_words(
    wanted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> list[Line]:
        raise RuntimeError("https://api.example/bot123:secret")

    monkeypatch.setattr(checks, "_web", broken)
    found = only(await check(wanted), "web")
    assert (found.state, found.what) == ("fault", "the check broke off (RuntimeError)")
