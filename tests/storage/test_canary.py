"""Marked words and a marked address go in, are handled and answered; no file of the database may hold them (K1, K3)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import Connection

from storage import chats, deliveries, people, updates
from storage.database import Database, SQLite
from storage.keys import KeyStore
from storage.updates import Incoming
from tests.storage.scene import NOW, claim_and_mark, drive

WORDS = "canary-words-7f3a: আমি বাড়ি ফিরতে চাই"
ADDRESS = "+9647701234567890"
CHAT = "canary-chat-51d0"
MARKS = (WORDS, ADDRESS, CHAT, "canary-words-7f3a", "আমি বাড়ি")


def disguises(mark: str) -> Iterator[bytes]:
    """The mark in the forms that it may be written in."""
    yield mark.encode()
    yield mark.encode("utf-16-le")
    yield mark.encode("utf-16-be")
    yield json.dumps(mark).strip('"').encode()
    yield mark.encode().hex().encode()
    for shift in range(3):  # wherever it begins inside of something longer; the uncertain ends cut off
        encoded = base64.b64encode(b"\x00" * shift + mark.encode())
        yield encoded[4:-4]


def found_in(files: list[Path]) -> list[str]:
    return [
        f"{mark!r} in {file.name}"
        for file in files
        for mark in MARKS
        for disguise in disguises(mark)
        if disguise in file.read_bytes()
    ]


def live(conn: Connection, keys: KeyStore, *, handled: bool) -> None:
    incoming = Incoming("canary", ADDRESS, "Said", NOW, json.dumps({"text": WORDS}).encode())
    updates.receive(conn, keys, "whatsapp", "main", [incoming], NOW)
    if not handled:
        return
    waiting = updates.next_waiting(conn, keys)
    assert waiting
    assert WORDS in json.loads(waiting.body)["text"]
    address = people.address(conn, waiting.address_id)
    people.heard(conn, address.id, NOW)
    people.keep_question(conn, keys, people.get(conn, address.person_id), WORDS, NOW)
    deliveries.reply(
        conn, keys, address=address, message=WORDS.encode(), purpose="reply", now=NOW, update_id=waiting.id
    )
    updates.handled(conn, waiting.id, NOW)
    marked = claim_and_mark(conn, keys, drive(conn))
    assert marked.address == ADDRESS
    deliveries.part_sent(conn, marked, 1, "1", NOW, done=True)
    sitting = chats.open_sitting(conn, keys, "t", "web", NOW)
    chats.add_line(conn, keys, people.address(conn, sitting.address_id), CHAT.encode(), NOW, ours=False)


def files_of(path: Path) -> list[Path]:
    return sorted(path.parent.glob(path.name + "*"))


async def test_the_scan_itself_finds_what_is_in_the_clear(tmp_path: Path) -> None:
    for number, disguise in enumerate(disguises(WORDS)):
        file = tmp_path / str(number)
        file.write_bytes(b"\x00before" + disguise + b"after\x00")
        assert found_in([file]), number


async def test_no_file_of_the_database_holds_words_or_addresses(sqlite: SQLite, keys: KeyStore, tmp_path: Path) -> None:
    database = tmp_path / "serai.db"
    for handled in (False, True):
        await sqlite.write(live, keys, handled=handled)
        files = files_of(database)
        assert {file.name for file in files} >= {"serai.db", "serai.db-wal", "serai.db-shm"}
        assert found_in(files) == []
    await sqlite.close()  # the log goes into the file
    assert found_in(files_of(database)) == []


async def test_no_row_holds_words_or_addresses(db: Database, keys: KeyStore, tmp_path: Path) -> None:
    """Either database, seen through its tables: everything, as it would be dumped."""

    def dump(conn: Connection) -> str:
        from storage.schema import metadata

        rows = [str(row) for table in metadata.sorted_tables for row in conn.execute(table.select())]
        return "\n".join(rows)

    await db.write(live, keys, handled=True)
    file = tmp_path / "dump"
    file.write_text(await db.read(dump))
    assert re.search("p-[2-9a-z]{8}", file.read_text())
    assert found_in([file]) == []
