"""``serai broadcast …`` as staff type it: the preview, the question, what goes out, and the reins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import broadcasts, people, pictures, planning, staff
from storage.broadcasts import Broadcast
from storage.database import Connection
from storage.keys import KeyStore
from tests.databases import apart, opened
from tests.shell import Ran, Shell, eventually, hub
from tests.storage.scene import someone
from tests.storage.test_broadcasts import end

CLOSED = "The centre in Erbil is closed from Monday on. Please come to the one in Baghdad."
DARI = "مرکز اربیل از روز دوشنبه بسته است."
PNG = b"\x89PNG\r\n\x1a\n and so on"


class Office:
    """A shell, and a hub's data without a hub."""

    def __init__(self, serai: Shell, url: str) -> None:
        self.serai, self.url = serai, url

    def __call__(self, *words: str, answer: str = "") -> Ran:
        return self.serai("broadcast", *words, stdin=answer.encode())

    def do(self, deed: Any, *args: Any) -> Any:
        async def go() -> Any:
            async with opened(self.url) as db:
                return await db.write(deed, *args)

        return apart(go())

    def crowd(self, n: int, name: str = "p", **values: Any) -> None:
        def deed(conn: Connection, keys: KeyStore) -> None:
            since = datetime.now(UTC) - timedelta(hours=1)
            for number in range(n):
                address = someone(conn, keys, f"{name}{number}", since=since)
                people.change(conn, address.person_id, **values)

        keys = KeyStore.open(self.serai.folder / "keys")
        self.do(deed, keys)
        keys.close()

    def editor(self, name: str = "Amira") -> None:
        def deed(conn: Connection, keys: KeyStore) -> None:
            now = datetime.now(UTC)
            address = someone(conn, keys, f"chat of {name}", since=now, subscribed=False)
            staff.bind(conn, staff.add(conn, name, "editor", now), address.person_id, now)

        keys = KeyStore.open(self.serai.folder / "keys")
        self.do(deed, keys)
        keys.close()

    def found(self) -> list[Broadcast]:
        return list(reversed(self.do(broadcasts.latest)))

    def went_out(self, sent: int = 2, **others: int) -> int:
        """A broadcast whose rows ended so, and that is done."""

        def deed(conn: Connection) -> int:
            now = datetime.now(UTC)
            made = broadcasts.draft(conn, staff.SHELL, now, {"en": {"title": "", "text": CLOSED}})
            size = sum([sent, *others.values()])
            broadcasts.confirm(conn, made, now, size=size, valid_until=now + timedelta(days=1))
            for _ in range(2):
                while planning.plan_chunk(conn, made, now) is not None:
                    pass
                broadcasts.widen(conn, made)
            for state, n in {"sent": sent, **others}.items():
                end(conn, made, state, n, at=now)
            broadcasts.finish(conn, made, broadcasts.tally(conn, made), now)
            return made

        self.crowd(sum([sent, *others.values()]))
        return int(self.do(deed))


@pytest.fixture
def serai(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Shell(folder, capsys, monkeypatch)


@pytest.fixture
def office(serai: Shell, database_url: str) -> Office:
    serai.export(SERAI_DATABASE_URL=database_url, SERAI_DELIVERY__QUIET_HOURS="off")
    serai.export(SERAI_DELIVERY__GROUP_WAIT="0s")
    return Office(serai, database_url)


# ── Before ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_preview_says_what_to_how_many_and_a_yes_sends_it(office: Office) -> None:
    office.crowd(3)
    office.crowd(2, "d", language="fa-AF")
    office.crowd(1, "w", frequency="weekly")
    ran = office(f"A title\\n\\n{CLOSED}", "--text", f"fa-AF={DARI}", answer="y\n")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[:6] == ["English", "A title", CLOSED, "", "دری", DARI]
    assert "For everybody who gets the news:" in lines
    assert "  6 people: 6 on Telegram." in lines
    assert "  English 4, دری 2." in lines
    assert any("1 person hears of it at" in line and "one message a week" in line for line in lines)
    assert "Send it to 6 people? [y/N]" in lines
    (made,) = office.found()
    assert (made.state, made.size, made.created_by) == ("planning", 6, "shell")
    assert set(made.texts) == {"en", "fa-AF"}
    notes = office.do(staff.notes)
    assert [(note.who, note.deed, note.about) for note in notes] == [("shell", "sent", f"broadcast {made.id}")]


@pytest.mark.parametrize("answer", ["", "n\n", "\n", "no\n", "yolo\n"])
def test_without_a_yes_nothing_is_sent(office: Office, answer: str) -> None:
    office.crowd(3)
    ran = office(CLOSED, answer=answer)
    assert ran.code == 2
    assert ran.err.startswith("Nothing was done.")
    assert office.found() == []


def test_an_audience_is_chosen_by_names_and_codes(office: Office) -> None:
    office.crowd(3)
    ran = office(CLOSED, "--country", "Iraq", "af", "--topic", "visas-pathways", "--language", "en", "--yes")
    assert (
        "For people who follow Afghanistan or Iraq, who follow the topic visas-pathways, who read English:" in ran.out
    )
    (made,) = office.found()
    assert made.audience == {"countries": ["AF", "IQ"], "topics": ["visas-pathways"], "languages": ["en"]}


REFUSED: list[tuple[str, list[str], str]] = [
    ("an unknown country", ["--country", "Atlantis"], "--country: I know no country Atlantis."),
    ("an unknown topic", ["--topic", "jobs"], "--topic: no topic jobs. There are: "),
    ("an unknown language", ["--language", "xx"], "--language: no language xx. There are: en, fa-AF,"),
    ("an unknown channel", ["--channel", "pigeon"], "--channel: no channel pigeon. There are: telegram,"),
    ("a channel that nobody is on", ["--channel", "viber"], "Nobody would get it, so nothing was sent."),
    ("a text without its language", ["--text", DARI], "--text wants a language and a text"),
    ("a text in no language", ["--text", f"xx={DARI}"], "--text: no language xx."),
    ("two texts in one language", ["--text", "en=Hello"], "There are two texts in en."),
    ("an empty text", ["--text", "fa-AF= "], "There is no text in it."),
    ("urgent without a reason", ["--urgent"], "An urgent broadcast has a reason"),
    ("a reason without urgent", ["--reason", "shelling"], "An urgent broadcast has a reason"),
    ("urgent without an editor", ["--urgent", "--reason", "shelling"], "An urgent broadcast needs an editor's yes"),
    ("a picture that nobody hears", ["--image", "a.png"], "Say what is on the picture"),
    ("a picture that is none", ["--image", "a.txt", "--alt", "a door"], "a.txt is no JPEG, PNG or WebP"),
    ("a picture that is not there", ["--image", "none.png", "--alt", "a door"], "[Errno 2] No such file"),
]


@pytest.mark.parametrize(("label", "words", "says"), REFUSED, ids=[label for label, *_ in REFUSED])
def test_what_cannot_be_sent_is_told_in_a_sentence(office: Office, label: str, words: list[str], says: str) -> None:
    office.crowd(3)
    (office.serai.folder / "a.png").write_bytes(PNG)
    (office.serai.folder / "a.txt").write_text("no picture")
    ran = office(CLOSED, *words, "--yes")
    assert (ran.code, ran.err[: len(says)]) == (2, says)
    assert office.found() == []


def test_few_out_of_many_are_not_written_to(office: Office) -> None:
    office.crowd(100)
    office.crowd(9, "d", language="fa-AF")
    ran = office(CLOSED, "--language", "fa-AF", "--yes")
    assert ran.code == 2
    assert "fewer than 10 people" in ran.out
    assert ran.err.startswith("That is fewer than 10 people.")
    assert office.found() == []


def test_a_picture_goes_with_it(office: Office) -> None:
    office.crowd(3)
    (office.serai.folder / "a.png").write_bytes(PNG)
    assert "With a picture of 0 kB: A door" in office(CLOSED, "--image", "a.png", "--alt", "A door", "--yes").out
    (made,) = office.found()
    assert made.content["picture"]["alt"] == "A door"
    assert office.do(pictures.get, made.content["picture"]["name"]).data == PNG


def test_what_is_urgent_waits_for_an_editor(office: Office) -> None:
    office.crowd(3)
    office.editor()
    ran = office(CLOSED, "--urgent", "--reason", "shelling", "--yes")
    (made,) = office.found()
    assert f"Broadcast {made.id} waits for an editor's yes in chat." in ran.out
    assert (made.state, made.urgent, made.reason, made.todo) == ("draft", True, "shelling", ["ask"])
    assert "It waits for an editor's yes in chat." in office("show", str(made.id)).out


def test_in_a_folder_without_a_hub_it_says_where_to_go(serai: Shell) -> None:
    ran = serai("broadcast", CLOSED, "--yes")
    assert ran.code == 2
    assert "There is no database here" in ran.err


# ── While, and after ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_became_of_it_is_told_in_words_and_in_json(office: Office) -> None:
    made = office.went_out(sent=3, gone=1, refused=1)
    shown = office("show", str(made)).out.splitlines()
    assert shown[0] == f"Broadcast {made}: done"
    assert shown[1].startswith("The centre in Erbil is closed")
    assert shown[2:] == ["  3 people got it", "  1 can no longer be reached", "  1 was refused by the app"]
    told = office("show", str(made), "--json").json
    assert told["counts"] == {"gone": 1, "refused": 1, "sent": 3}
    assert (told["people"], told["state"], told["stopped"]) == (5, "done", 0)
    assert [one["id"] for one in office("list", "--json").json] == [made]
    assert "done" in office("list").out


def test_counts_that_single_out_are_not_in_json_either(office: Office) -> None:
    office.crowd(100)
    office(CLOSED, "--yes")
    (made,) = office.found()

    def deed(conn: Connection) -> None:
        now = datetime.now(UTC)
        while planning.plan_chunk(conn, made.id, now) is not None:
            pass
        broadcasts.widen(conn, made.id)
        while planning.plan_chunk(conn, made.id, now) is not None:
            pass
        end(conn, made.id, "refused", 3)

    office.do(deed)
    assert office("show", str(made.id), "--json").json["counts"] == {"pending": 97, "refused": None}
    assert "  fewer than 10 were refused by the app" in office("show", str(made.id)).out.splitlines()


def test_the_reins(office: Office) -> None:
    office.crowd(3)
    office(CLOSED, "--yes")
    (made,) = office.found()
    number = str(made.id)
    assert office("pause", number).out == f"Broadcast {number} is paused.\n"
    assert "shell paused it." in office("show", number).out
    again = office("pause", number)
    assert (again.code, again.err) == (2, f"Broadcast {number} is paused: it cannot be paused.\n")
    assert office("resume", number).out == f"Broadcast {number} is resumed.\n"
    assert office("cancel", number, answer="n\n").code == 2
    assert office("cancel", number, "--yes").out == f"Broadcast {number} is cancelled.\n"
    assert [note.deed for note in office.do(staff.notes)] == ["cancelled", "resumed", "paused", "sent"]


@pytest.mark.parametrize("words", [["show"], ["pause"], ["withdraw", "--yes"], ["show", "--json"]])
def test_a_number_that_there_is_not(office: Office, words: list[str]) -> None:
    ran = office(words[0], "99", *words[1:])
    assert (ran.code, ran.err) == (2, "There is no broadcast 99. `serai broadcast list` shows the numbers.\n")


def test_a_correction_is_for_those_who_got_it(office: Office) -> None:
    made = office.went_out(sent=2, gone=1)
    ran = office("correct", str(made), "The centre is open after all, on every day of the week.", answer="y\n")
    assert "Correct it for 2 people? [y/N]" in ran.out
    _, correction = office.found()
    assert (correction.kind, correction.corrects, correction.size) == ("correction", made, 2)
    assert correction.content["corrected"] is True


def test_a_correction_is_in_all_languages_of_what_it_corrects(office: Office) -> None:
    office.crowd(3)
    office(CLOSED, "--text", f"fa-AF={DARI}", "--yes")
    (made,) = office.found()
    ran = office("correct", str(made.id), "The centre is open after all, on every day of the week.", "--yes")
    assert (ran.code, "--text fa-AF=…" in ran.err) == (2, True)


def test_what_is_on_its_way_is_not_corrected(office: Office) -> None:
    office.crowd(3)
    office(CLOSED, "--yes")
    (made,) = office.found()
    ran = office("correct", str(made.id), "The centre is open after all, on every day of the week.", "--yes")
    assert (ran.code, ran.err) == (2, f"Broadcast {made.id} cannot be corrected: it is beginning.\n")


# ── Through a hub that runs ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_hub_that_runs_is_asked_and_sends_it(serai: Shell) -> None:
    with hub(serai.folder, SERAI_DELIVERY__QUIET_HOURS="off", SERAI_DELIVERY__GROUP_WAIT="0s") as running:
        running.until("Ctrl-C stops it")
        office = Office(serai, f"sqlite:///{serai.folder / 'var' / 'serai.db'}")
        empty = office(CLOSED, "--yes")
        assert (empty.code, empty.err) == (2, "Nobody would get it, so nothing was sent.\n")
        assert office("list").out == "No broadcast yet.\n"
    office.crowd(3)
    assert "goes out as soon as the hub runs: serai run" in office(CLOSED, "--yes").out
    (serai.folder / "a.png").write_bytes(PNG)
    with hub(serai.folder, SERAI_DELIVERY__QUIET_HOURS="off", SERAI_DELIVERY__GROUP_WAIT="0s") as running:
        running.until("Ctrl-C stops it")
        ran = office(CLOSED, "--image", "a.png", "--alt", "A door", "--yes")
        assert "Broadcast 2 is on its way. See: serai broadcast show 2" in ran.out
        # The three have addresses on an account that is not here: they wait.
        eventually(lambda: office("show", "2", "--json").json["counts"].get("pending") == 1)
        assert office("pause", "2").out == "Broadcast 2 is paused.\n"
        eventually(lambda: office("show", "2", "--json").json["counts"] == {"paused": 1})
        assert office("withdraw", "1", "--yes").out == "Broadcast 1 is withdrawn.\n"
        eventually(lambda: office("show", "1", "--json").json["ended_at"])
