"""``serai why`` and ``serai news show``, as staff type them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import accounts, deliveries, dispatches, people, planning
from storage.database import Connection
from storage.keys import KeyStore
from storage.lock import HubLock
from tests.databases import apart, opened
from tests.shell import Shell, environment
from tests.storage.scene import a_dispatch, claim_and_mark, drive, someone

NOW = datetime.now(UTC)


@pytest.fixture
def serai(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Shell(folder, capsys, monkeypatch)


@dataclass
class Kept:
    """One dispatch that one was told, one waits for, and one does not follow."""

    serai: Shell
    dispatch: int
    told: str
    waits: str
    elsewhere: str


@pytest.fixture
def kept(serai: Shell, database_url: str, keys: KeyStore) -> Kept:
    serai.export(SERAI_DATABASE_URL=database_url)
    early = NOW - timedelta(hours=1)

    def fill(conn: Connection) -> tuple[int, list[str]]:
        accounts.put(conn, "main", "telegram")
        choices: list[dict[str, Any]] = [{}, {}, {"countries": ["PK"]}]
        who = [someone(conn, keys, str(n), since=early, **choice) for n, choice in enumerate(choices)]
        dispatch_id = a_dispatch(conn, countries=["IQ"], topics=["jobs"], words="The long text of it.", at=NOW)
        broadcast_id = planning.broadcast_dispatch(conn, dispatch_id, NOW, NOW + timedelta(days=3))
        assert broadcast_id
        while planning.plan_chunk(conn, broadcast_id, NOW) is not None:
            pass
        marked = claim_and_mark(conn, keys, drive(conn), NOW)
        deliveries.part_sent(conn, marked, 1, "42", NOW, done=True)
        return dispatch_id, [people.get(conn, address.person_id).pseudonym for address in who]

    async def go() -> tuple[int, list[str]]:
        async with opened(database_url) as db:
            return await db.write(fill)

    dispatch_id, names = apart(go())
    return Kept(serai, dispatch_id, *names)


def test_one_line_says_why(kept: Kept) -> None:
    number = str(kept.dispatch)
    told = kept.serai("why", kept.told, number)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"told: {NOW.astimezone():%d %b %Y %H:%M}")
    assert told.out.endswith("on telegram (main): sent, the platform took it.\n")
    waits = kept.serai("why", kept.waits, number)
    assert waits.out.startswith("waiting: pending since ")
    assert waits.out.count("\n") == 1
    elsewhere = kept.serai("why", kept.elsewhere, number)
    assert elsewhere.out == "not concerned: does not follow Iraq (follows Pakistan).\n"


def test_the_same_in_json(kept: Kept) -> None:
    found = kept.serai("why", kept.waits, str(kept.dispatch), "--json").json
    assert (found["verdict"], found["state"], found["rules"]) == ("waiting", "pending", ["pending"])
    assert (found["person"], found["dispatch"], found["account"]) == (kept.waits, kept.dispatch, "main")
    assert found["since"].endswith("Z")
    assert found["sentence"].startswith("waiting: ")


def test_a_pseudonym_may_be_typed_as_it_was_read_out(kept: Kept) -> None:
    number = str(kept.dispatch)
    for typed in (kept.told.upper(), kept.told.removeprefix("p-"), f" {kept.told} "):
        assert kept.serai("why", typed, number) == kept.serai("why", kept.told, number)


def test_whether_a_hub_runs_is_part_of_why_it_waits(kept: Kept, serai: Shell, database_url: str) -> None:
    number = str(kept.dispatch)
    if database_url.startswith("sqlite"):
        assert "no hub is running" in serai("why", kept.waits, number).out
        with HubLock(Path(database_url.removeprefix("sqlite:///")).parent / "serai.lock"):
            assert "no hub is running" not in serai("why", kept.waits, number).out
        return
    assert "no hub is running" not in serai("why", kept.waits, number).out  # `drive` holds the lease of the account

    async def leave() -> None:
        async with opened(database_url) as db:
            await db.write(lambda conn: conn.exec_driver_sql("UPDATE leases SET expires_at = 0"))

    apart(leave())
    assert "no hub is running" in serai("why", kept.waits, number).out


def test_who_or_what_is_not_there_is_told_in_a_sentence(kept: Kept) -> None:
    for words, told in [
        (["p-nobody22", str(kept.dispatch)], "There is no p-nobody22 here: never was, or was erased.\n"),
        ([kept.told, "4711"], "There is no dispatch 4711. `serai news` shows the numbers.\n"),
    ]:
        ran = kept.serai("why", *words)
        assert (ran.code, ran.out, ran.err) == (2, "", told)


def test_a_dispatch_is_shown_whole_with_counts_that_add_up(kept: Kept) -> None:
    number = str(kept.dispatch)
    shown = kept.serai("news", "show", number)
    assert (shown.code, shown.err) == (0, "")
    assert "The long text of it." in shown.out
    assert "countries     IQ" in shown.out
    assert "to 2 = 1 pending + 1 sent" in shown.out
    found = kept.serai("news", "show", number, "--json").json
    assert (found["id"], found["text"], found["status"]) == (kept.dispatch, "The long text of it.", "ready")
    (broadcast,) = found["broadcasts"]
    assert broadcast["counts"] == {"pending": 1, "sent": 1}
    assert broadcast["audience"] == sum(broadcast["counts"].values())
    assert broadcast["state"] == "sending"


def test_a_dispatch_without_a_broadcast_is_shown_too(serai: Shell, database_url: str) -> None:
    serai.export(SERAI_DATABASE_URL=database_url)

    def fill(conn: Connection) -> int:
        dispatch_id = a_dispatch(conn, words="Nobody has checked this.", status="held")
        dispatches.move(conn, dispatch_id, "held", "waits for an editor", only_from=["held"])
        return dispatch_id

    async def go() -> int:
        async with opened(database_url) as db:
            return await db.write(fill)

    number = str(apart(go()))
    shown = serai("news", "show", number).out
    assert "held (waits for an editor)" in shown
    assert "No broadcast was made of it." in shown
    assert serai("news", "show", number, "--json").json["broadcasts"] == []
    gone = serai("news", "show", "4711")
    assert (gone.code, gone.out) == (2, "")
    assert gone.err.startswith("There is no dispatch 4711.")


@pytest.mark.parametrize("typed", ["why p-7k3f9q2m 12", "news show 12"])
def test_in_the_wrong_folder_nothing_is_made(serai: Shell, typed: str) -> None:
    ran = serai(*typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("There is no database here (var/serai.db).")
    assert list(serai.folder.iterdir()) == []


def test_why_loads_nothing_of_the_hub(sqlite_url: str, tmp_path: Path) -> None:
    """It is to answer at once, and nearly all of its time is loading."""
    heavy = ["bot.hub", "bot.news.places", "starlette", "feedparser", "uvicorn", "apscheduler", "numpy"]
    heavy += ["telegram", "httpx", "alembic", "asyncpg", "sqlalchemy.orm", "cryptography", "structlog", "rapidfuzz"]
    look = (
        "import json, sys; from bot.cli import main\n"
        "sys.argv = ['serai', 'why', 'p-nobody22', '1']\n"
        "import bot.cli; bot.cli._says_what_to_do = lambda error: True\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", look],
        env=environment(
            SERAI_DATABASE_URL=sqlite_url, SERAI_ACCOUNTS__MAIN__CHANNEL="telegram", SERAI_ACCOUNTS__MAIN__TOKEN="1:a"
        ),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.stderr == "There is no p-nobody22 here: never was, or was erased.\n"
    assert json.loads(ran.stdout) == []
