"""``serai staff`` and ``serai news add``, as an operator types them; and who did what, written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import staff
from storage.keys import KeyStore
from tests.databases import apart, opened
from tests.shell import Shell, hub
from tests.storage.scene import someone

CODE = re.compile(r"^    /staff ((?:[2-9a-z]{4}-){3}[2-9a-z]{4})$", re.MULTILINE)
LETTER = "Erbil, Iraq: The centre opens at eight in the morning from the first of December, every day but Friday."


@pytest.fixture
def serai(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Shell(folder, capsys, monkeypatch)


@dataclass
class Kept:
    """A hub's data, without a hub."""

    serai: Shell
    url: str

    def __call__(self, *words: str, stdin: bytes = b"") -> Any:
        return self.serai(*words, stdin=stdin)

    def code(self, *words: str) -> str:
        found = CODE.search(self(*words).out)
        assert found
        return found[1]

    def bind(self, code: str, chat: str = "1") -> bool:
        """Whether the code was taken."""

        async def go() -> bool:
            async with opened(self.url) as db:
                now = datetime.now(UTC)
                address = await db.write(someone, self._keys, chat)
                return await db.write(staff.bind, code, address.person_id, now) is not None

        with self._opened_keys():
            return bool(apart(go()))

    @contextmanager
    def _opened_keys(self) -> Iterator[None]:
        self._keys = KeyStore.open(self.serai.folder / "keys")
        try:
            yield
        finally:
            self._keys.close()


@pytest.fixture
def kept(serai: Shell, database_url: str) -> Kept:
    serai.export(SERAI_DATABASE_URL=database_url)
    return Kept(serai, database_url)


# ── Who works here ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_code_is_printed_once_with_what_to_do_with_it_and_where(kept: Kept) -> None:
    kept.serai.export(SERAI_ACCOUNTS__MAIN__CHANNEL="telegram", SERAI_ACCOUNTS__MAIN__TOKEN="1:a")
    added = kept("staff", "add", "Leila", "--role", "editor")
    assert added.code == 0
    assert CODE.search(added.out)
    lines = added.out.splitlines()
    assert lines[0] == "Leila is an editor now."
    assert "They send this line to the hub from their own chat, within two days. It works once." in lines
    assert lines[-2:] == ["  telegram: the account main", "  web chat: http://127.0.0.1:8080"]
    assert len(lines) < 24
    found = CODE.search(added.out)
    assert found
    assert found[1] not in kept("staff", "list").out + kept("staff", "list", "--json").out + kept("staff", "log").out
    assert kept.bind(found[1])
    assert not kept.bind(found[1], "2")


def test_staff_are_listed_with_their_role_their_chat_or_their_code(kept: Kept) -> None:
    assert kept("staff", "list").out == "Nobody yet. `serai staff add NAME --role editor` adds somebody.\n"
    kept.bind(kept.code("staff", "add", "Leila Karimi", "--role", "editor"))
    kept.code("staff", "add", "Omar", "--role", "admin")
    kept.code("staff", "add", "Parwana", "--role", "partner")
    kept("staff", "off", "Parwana")
    first, second, third = kept("staff", "list").out.splitlines()
    assert first.startswith("Leila Karimi  editor      at work since ")
    assert second.startswith("Omar          admin       a code waits until ")
    assert third == "Parwana       partner     works here no more"
    listed = kept("staff", "list", "--json").json
    assert [(m["name"], m["role"], m["state"], m["bound"]) for m in listed] == [
        ("Leila Karimi", "editor", "on", True),
        ("Omar", "admin", "on", False),
        ("Parwana", "partner", "off", False),
    ]
    assert [bool(member["code_until"]) for member in listed] == [False, True, False]


def test_a_lost_telephone_is_out_and_a_new_code_lets_them_in(kept: Kept) -> None:
    first = kept.code("staff", "add", "Leila", "--role", "editor")
    kept.bind(first)
    second = kept.code("staff", "code", "Leila")
    assert "a code waits" in kept("staff", "list").out
    assert not kept.bind(first, "2")
    assert kept.bind(second, "2")


def test_who_leaves_is_off_at_once(kept: Kept) -> None:
    code = kept.code("staff", "add", "Leila", "--role", "editor")
    assert kept("staff", "off", "Leila").out == "Leila works here no more. `serai staff code` lets them in again.\n"
    assert not kept.bind(code)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["add", "Leila", "--role", "boss"], '"editor", "counsellor"'),
        (["add", "Leila"], "--role"),
        (["add", "", "--role", "editor"], "A name is one line of 40 characters at the most, such as Leila."),
        (["add", "a\nb", "--role", "editor"], "A name is one line"),
        (["add", "x" * 41, "--role", "editor"], "A name is one line"),
        (["add", "Shell", "--role", "editor"], "Please take another name."),
        (["add", "Omar", "--role", "editor"], "There is somebody called Omar already."),
        (["code", "Nobody"], "Nobody here is called Nobody. `serai staff list` shows all."),
        (["off", "Nobody"], "Nobody here is called Nobody. `serai staff list` shows all."),
    ],
)
def test_what_cannot_be_is_told_in_a_line_or_two(kept: Kept, typed: list[str], told: str) -> None:
    kept("staff", "add", "Omar", "--role", "admin")
    ran = kept("staff", *typed)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert len(ran.err.splitlines()) <= 3


@pytest.mark.parametrize("typed", ["staff list", "staff log"])
def test_in_an_empty_folder_there_is_nobody_and_nothing_is_made(serai: Shell, typed: str) -> None:
    ran = serai(*typed.split(), "--json")
    assert (ran.code, ran.json) == (0, [])
    assert list(serai.folder.iterdir()) == []


@pytest.mark.parametrize("typed", ["staff add Leila --role editor", "staff code Leila", "staff off x", "news add -"])
def test_what_is_changed_in_the_wrong_folder_makes_nothing_there(serai: Shell, typed: str) -> None:
    ran = serai(*typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("There is no database here (var/serai.db).")
    assert list(serai.folder.iterdir()) == []


# ── Handing in, deciding, and what is written down of it ─────────────────────────────────────────────────────────────


def test_a_text_is_handed_in_once_and_decided_at_the_shell(kept: Kept) -> None:
    (kept.serai.folder / "letter.txt").write_text(f"{LETTER}\n\nBring your papers.\n", encoding="utf-8")
    handed_in = kept("news", "add", "letter.txt")
    assert handed_in.code == 0
    (waits,) = kept("news", "waiting", "--json").json
    number = str(waits["id"])
    assert handed_in.out == f"Dispatch {number} waits for an editor: `serai news approve {number}` lets it go out.\n"
    assert (waits["source"], waits["countries"], waits["status"], waits["why"]) == (
        "Staff",
        ["IQ"],
        "held",
        "handed in by shell",
    )
    assert waits["text"].endswith("\nBring your papers.")
    again = kept("news", "add", stdin=f"{LETTER}\nBring your papers.".encode())
    assert again.out == f"The same words are here already: dispatch {number}, held.\n"

    kept("news", "approve", number)
    kept("news", "hold", number, "--why", "a number in it is wrong")
    kept("news", "withdraw", number)
    assert kept("news", "approve", number).code == 2
    logged = kept("staff", "log", "--json").json
    assert [(entry["who"], entry["deed"], entry["about"], entry["why"]) for entry in logged] == [
        ("shell", "withdrew", f"dispatch {number}", "withdrawn by an editor"),
        ("shell", "held", f"dispatch {number}", "a number in it is wrong"),
        ("shell", "approved", f"dispatch {number}", ""),
        ("shell", "handed in", f"dispatch {number}", ""),
    ]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(logged[0]["at"])) < timedelta(minutes=5)
    shown = kept("staff", "log", "--limit", "1").out
    assert shown.endswith(f"  shell  withdrew dispatch {number}  (withdrawn by an editor)\n")


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        (b"", "There is no text in it."),
        (b" \n\n", "There is no text in it."),
        (b"hi", "It is shorter than 40 characters and has no dateline."),
        (b"\x7fELF\x00\x01\x02" * 50, "This is not a text but a file of another kind."),
        (b"Erbil, Iraq: " + b"word " * 30_000, "It is longer than 100000 characters."),
    ],
)
def test_what_is_no_news_is_not_taken(kept: Kept, stdin: bytes, told: str) -> None:
    ran = kept("news", "add", stdin=stdin)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert kept("news", "waiting").out == "Nothing waits.\n"


def test_a_file_that_is_not_there_is_told(kept: Kept) -> None:
    ran = kept("news", "add", "nothing.txt")
    assert (ran.code, ran.out) == (2, "")
    assert "nothing.txt" in ran.err


def test_the_source_of_the_staff_is_listed_and_is_nothing_to_be_asked(kept: Kept) -> None:
    kept("news", "add", stdin=LETTER.encode())
    assert kept("source", "list").out == "Staff\n  what staff and partners hand in; on\n"
    kept("source", "off", "Staff")
    ran = kept("news", "add", stdin=LETTER.replace("Erbil", "Mosul").encode())
    assert (ran.code, ran.err) == (2, "Nothing can be handed in at the moment.\n")


# ── While a hub runs ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hub_that_runs_does_it(serai: Shell) -> None:
    (serai.folder / "serai.toml").write_text("sources = []\n")
    with hub(serai.folder) as running:
        running.until("Serai is running")
        serai.export(SERAI_WEB__PORT="0")
        added = serai("staff", "add", "Leila", "--role", "editor")
        assert CODE.search(added.out), added.err
        assert serai("staff", "add", "Leila", "--role", "editor").err.startswith(
            "There is somebody called Leila already."
        )
        assert CODE.search(serai("staff", "code", "Leila").out)
        assert serai("staff", "code", "Nobody").code == 2
        assert serai("staff", "off", "Leila").code == 0
        assert serai("news", "add", stdin=b"hi").err == "It is shorter than 40 characters and has no dateline.\n"
        handed_in = serai("news", "add", stdin=LETTER.encode())
        assert "waits for an editor" in handed_in.out, handed_in.err
        assert serai("news", "add", stdin=LETTER.encode()).out.startswith("The same words are here already")
        (waits,) = serai("news", "waiting", "--json").json
        assert serai("news", "approve", str(waits["id"])).code == 0
        assert serai("news", "withdraw", str(waits["id"])).code == 0
        logged = serai("staff", "log", "--json").json
    assert [entry["deed"] for entry in reversed(logged)] == [
        "added to the staff",
        "gave a new code to",
        "took off the staff",
        "handed in",
        "approved",
        "withdrew",
    ]
