"""``serai run``, as a process of its own, and what is typed beside it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bot.cli.run import address
from config.settings import load
from storage import people
from storage.keys import KeyStore
from storage.lock import HubLock, held_by
from tests import databases
from tests.databases import apart, opened
from tests.providers.telegram import TelegramStandIn
from tests.shell import Shell, eventually, hub

STOPS_WITHIN = 5.0  # seconds, as promised
RUNNING = "Serai is running."


@pytest.fixture
def serai(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Shell(folder, capsys, monkeypatch)


def nothing_is_left_running(folder: Path) -> bool:
    return held_by(folder / "var" / "serai.lock") is None and not (folder / "var" / "serai.sock").exists()


# ── In an empty folder ───────────────────────────────────────────────────────────────────────────────────────────────


def test_in_an_empty_folder_the_hub_runs_and_its_sample_speaks(serai: Shell) -> None:
    with hub(serai.folder) as running:
        said = running.until(">> var/sample.txt")
        assert "Keep a second copy" in said
        assert RUNNING in said
        look = re.search(r"Web chat  (http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)
        assert look
        assert httpx.get(look[1]).status_code == 200
        speak = said.splitlines()[-1].strip()
        assert speak.startswith("printf ")

        eventually(lambda: serai("news", "--json").json)  # what the sample holds at first
        for pause in (1.1, 0):  # run as printed, and a second later again, for somebody who missed it
            subprocess.run(["bash", "-c", speak], cwd=serai.folder, check=True)
            time.sleep(pause)
        eventually(lambda: len(serai("news", "Iraq", "eight", "--json").json) == 2)
        (dispatch, _) = serai("news", "Iraq", "eight", "--json").json
        assert (dispatch["source"], dispatch["status"], dispatch["countries"]) == ("sample", "ready", ["IQ"])

        second = serai("run")
        assert (second.code, second.out) == (2, "")
        assert f"process {running.pid}" in second.err

        assert running.end(signal.SIGINT, STOPS_WITHIN) == 0
        assert "Stopped." in running.said
    assert nothing_is_left_running(serai.folder)
    assert "Traceback" not in (serai.folder / "hub.log").read_text()

    with hub(serai.folder) as running:
        assert "second copy" not in running.until(">> var/sample.txt")
        assert running.end(signal.SIGTERM, STOPS_WITHIN) == 0
    assert nothing_is_left_running(serai.folder)


@pytest.mark.parametrize("named", ["in a file", "by command"])
def test_a_hub_with_a_source_or_settings_of_its_own_has_no_sample(serai: Shell, named: str) -> None:
    if named == "in a file":
        (serai.folder / "serai.toml").write_text('[organisation]\nname = "Ours"\n')
    else:
        assert serai("source", "add", "ours", "feed", "http://127.0.0.1:9/feed").code == 0
    with hub(serai.folder) as running:
        running.until("  Source  ")
        assert running.end(signal.SIGTERM, STOPS_WITHIN) == 0
    assert "sample" not in running.said
    assert not (serai.folder / "var" / "sample.txt").exists()


@pytest.mark.parametrize(
    ("web", "printed"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"PORT": "0"}, "http://127.0.0.1:41234"),
        ({"HOST": "0.0.0.0", "PORT": "0"}, "http://127.0.0.1:41234"),  # noqa: S104
        ({"HOST": "::", "PORT": "0"}, "http://[::1]:41234"),
        ({"HOST": "::1", "PORT": "0"}, "http://[::1]:41234"),
        ({"HOST": "localhost", "PORT": "0"}, "http://localhost:41234"),
        ({"PORT": "0", "PUBLIC_URL": "https://hub.example.org/"}, "https://hub.example.org"),
    ],
)
def test_the_printed_address_is_one_that_a_browser_opens(web: dict[str, str], printed: str) -> None:
    settings = load({f"SERAI_WEB__{name}": web[name] for name in web}, account_kinds={}, cwd=Path("/nowhere"))
    assert address(settings, settings.web.port or 41234) == printed


# ── Commands beside a hub ────────────────────────────────────────────────────────────────────────────────────────────


def of_the_database(folder: Path) -> list[bytes]:
    return [(folder / "var" / name).read_bytes() for name in ("serai.db", "serai.db-wal")]


def test_commands_reach_a_hub_that_runs_and_write_nothing_beside_it(serai: Shell) -> None:
    news = serai.folder / "news.txt"
    news.write_text("Erbil, Iraq: The centre in Erbil now opens at eight, so that people can come before work.")
    (serai.folder / "serai.toml").write_text(
        '[[sources]]\nname = "centre"\nkind = "dateline"\nurl = "news.txt"\nevery = "1s"\n'
    )
    with hub(serai.folder) as running:
        running.until("Source    centre: news.txt, every 1s")
        eventually(lambda: serai("news", "--json").json)
        with news.open("a") as file:
            file.write("\n\nLahore, Pakistan: A claim about new visas that nobody at the centre has checked yet.")
        (waiting,) = eventually(lambda: serai("news", "waiting", "--json").json)
        number = str(waiting["id"])
        assert waiting["why"] == "waits for an editor"
        assert serai("news", "approve", number).out == f"Dispatch {number} is approved.\n"
        again = serai("news", "approve", number)
        assert (again.code, again.err) == (2, f"Dispatch {number} is in the news already.\n")
        assert serai("news", "hold", number, "--why", "wrong").code == 0
        assert serai("news", "waiting", "--json").json[0]["why"] == "wrong"
        assert serai("news", "withdraw", number).code == 0

        added = serai("source", "add", "other", "feed", "http://127.0.0.1:9/feed", "--every", "1h")
        assert (added.code, added.err) == (0, "")
        assert "No hub is running" not in added.out
        assert serai("source", "add", "centre", "feed", "https://example.org/").code == 2
        assert serai("source", "off", "other").code == 0
        assert serai("source", "off", "nobody").code == 2
        states = {source["name"]: source["state"] for source in serai("source", "list", "--json").json}
        assert states == {"centre": "on", "other": "off"}
        held = serai("db", "upgrade")
        assert (held.code, held.out) == (2, "")
        assert f"process {running.pid}" in held.err

        running.freeze()
        try:
            before = of_the_database(serai.folder)
            for typed in ("news", "news Iraq", "news waiting", "source list", "questions"):
                assert serai(*typed.split(), "--json").code == 0
            assert of_the_database(serai.folder) == before
        finally:
            running.thaw()
        assert running.end(signal.SIGINT, STOPS_WITHIN) == 0
    log = (serai.folder / "hub.log").read_text()
    assert "Traceback" not in log
    assert "database" not in log


def test_a_command_waits_for_a_hub_that_is_just_stopping(serai: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the data and does not answer any more."""
    serai("source", "add", "ours", "feed", "http://127.0.0.1:9/feed")
    lock = HubLock(serai.folder / "var" / "serai.lock")
    lock.acquire()
    tried = []
    monkeypatch.setattr("storage.lock.TRIES", 1)
    monkeypatch.setattr("bot.cli.data.lock", lambda settings: tried.append(lock.release()) or HubLock(lock._path))
    assert serai("source", "off", "ours").out == "ours is off.\n"
    assert tried


# ── What stops the start ─────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def a_taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_port_in_use_stops_the_start_and_leaves_nothing_running(serai: Shell) -> None:
    with a_taken_port() as port:
        serai.export(SERAI_WEB__PORT=str(port))
        ran = serai("run")
    assert ran.code == 2
    assert f"Port {port} " in ran.err
    assert "web.port" in ran.err
    assert "SERAI_WEB__PORT" in ran.err
    assert RUNNING not in ran.out
    assert "Keep a second copy" in ran.out  # the next start finds the keys made, and is silent about them
    assert nothing_is_left_running(serai.folder)
    with hub(serai.folder) as running:
        running.until(RUNNING)
        assert running.end(signal.SIGTERM, STOPS_WITHIN) == 0


def test_half_an_account_stops_the_start_with_what_it_lacks(serai: Shell) -> None:
    serai.export(SERAI_ACCOUNTS__MAIN__CHANNEL="telegram")
    ran = serai("run")
    assert (ran.code, ran.out) == (2, "")
    assert "SERAI_ACCOUNTS__MAIN__TOKEN" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert list(serai.folder.iterdir()) == []


def somebody(url: str, keys: KeyStore) -> None:
    async def go() -> None:
        async with opened(url) as db:
            await db.write(people.meet, keys, "telegram", "main", "42", datetime.now(UTC))

    apart(go())


def test_new_keys_are_never_made_for_people_that_are_known(serai: Shell, database_url: str) -> None:
    folder = serai.folder / "keys"
    serai.export(SERAI_DATABASE_URL=database_url, SERAI_WEB__PORT="0")
    keys = KeyStore.open(folder)
    somebody(database_url, keys)
    keys.close()
    folder.rename(serai.folder / "elsewhere")
    for _ in range(2):
        ran = serai("run")
        assert (ran.code, ran.out) == (2, "")
        assert str(folder) in ran.err
        assert "one person" in ran.err
        assert not folder.exists()
    (serai.folder / "elsewhere").rename(folder)
    with hub(serai.folder, SERAI_DATABASE_URL=database_url) as running:
        running.until(RUNNING)
        assert running.end(signal.SIGTERM, STOPS_WITHIN) == 0


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_postgresql_is_upgraded_when_somebody_says_so(serai: Shell) -> None:
    databases.need_postgresql()
    with databases.empty_postgresql() as url:
        serai.export(SERAI_DATABASE_URL=url)
        for typed in ("run", "news", "source list", "news approve 1"):
            ran = serai(*typed.split())
            assert (ran.code, ran.out) == (2, "")
            assert "`serai db upgrade`" in ran.err
        assert serai("db", "upgrade").code == 0
        assert serai("source", "add", "ours", "feed", "http://127.0.0.1:9/feed", "--every", "1h").code == 0
        with hub(serai.folder, SERAI_DATABASE_URL=url) as running:
            running.until("Source    ours")
            assert serai("news", "--json").json == []
            assert serai("source", "off", "ours").code == 0
            assert serai("questions").out == "No question waits.\n"
            assert running.end(signal.SIGINT, STOPS_WITHIN) == 0
        assert {path.name for path in serai.folder.iterdir()} == {"keys", "hub.log"}


# ── Telegram ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def on_telegram(bot: TelegramStandIn) -> dict[str, str]:
    return {
        "SERAI_ACCOUNTS__MAIN__CHANNEL": "telegram",
        "SERAI_ACCOUNTS__MAIN__TOKEN": bot.token,
        "SERAI_ACCOUNTS__MAIN__BASE_URL": bot.base_url,
    }


def test_with_a_token_the_hub_is_on_telegram_as_well(serai: Shell) -> None:
    with TelegramStandIn() as bot, hub(serai.folder, **on_telegram(bot)) as running:
        running.until("Telegram  account main")
        bot.start(42)
        assert bot.wait_sent(1, timeout=30)[0].chat_id == 42
        assert running.end(signal.SIGINT, STOPS_WITHIN) == 0
        assert bot.violations == []
    log = (serai.folder / "hub.log").read_text()
    assert bot.token not in running.said + log
    assert "Traceback" not in log


def test_a_hub_that_waits_for_a_platform_stops_when_told(serai: Shell) -> None:
    with TelegramStandIn() as bot:
        bot.delay(60)
        with hub(serai.folder, **on_telegram(bot)) as running:
            eventually(lambda: (serai.folder / "var" / "serai.sock").exists())
            assert running.end(signal.SIGTERM, STOPS_WITHIN) == 0
    assert nothing_is_left_running(serai.folder)
