"""A copy of what is kept about somebody: for them alone, by a link that works once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import exports, people, schema
from storage.database import Database, PostgreSQL
from storage.exports import Kept
from storage.keys import KeyStore
from storage.people import Address
from tests.storage.scene import NOW, after, count, someone
from tests.storage.test_canary import ADDRESS, CHAT, WORDS
from tests.storage.test_erasing import lived

SECOND = f"{ADDRESS}-2"


async def linked(db: Database, keys: KeyStore, name: str = ADDRESS) -> tuple[Address, str]:
    theirs = await db.write(lived, keys, name)
    return theirs, await db.write(exports.link, keys, theirs.person_id, NOW)


async def test_it_holds_all_of_them_and_nothing_of_others(db: Database, keys: KeyStore) -> None:
    await db.write(lived, keys, "somebody else", "PK")
    _, token = await linked(db, keys)
    found = await db.write(exports.take, keys, token, after(60))
    assert found
    assert [(a["channel"], a["address"]) for a in found["addresses"]] == [("telegram", ADDRESS), ("telegram", SECOND)]
    assert [question["words"] for question in found["questions"]] == [WORDS]
    assert [(news["news"], news["at"]) for news in found["news_told"]] == [("Title", "2026-03-01T12:00:00+00:00")]
    assert [line.body.decode() for line in found.pop("web_chat")] == [f"{CHAT} {WORDS}"]
    assert found["subscription"]["subscribed"]
    assert found["subscription"]["countries"] == ["IQ"]
    assert found["subscription"]["topics"] == ["visas-pathways"]
    assert found["consent"] == {"agreed_at": "2026-03-01T12:00:00+00:00", "version": "1"}
    assert found["settings"]["frequency"] == "now"
    assert "somebody else" not in json.dumps(found)


async def test_how_much_is_kept(db: Database, keys: KeyStore) -> None:
    await db.write(lived, keys, "somebody else", "PK")
    theirs, _ = await linked(db, keys)
    assert await db.read(exports.kept, theirs.person_id) == Kept(2, 1, 1, questions=1, news=1, lines=1)
    new = await db.write(people.meet, keys, "telegram", "main", "new", NOW)
    assert await db.read(exports.kept, new.person_id) == Kept(1, 0, 0, 0, 0, 0)


async def test_a_link_works_once(db: Database, keys: KeyStore) -> None:
    _, token = await linked(db, keys)
    for _ in range(3):
        assert await db.read(exports.works, keys, token, NOW), "looking uses nothing up"
    assert await db.write(exports.take, keys, token, NOW)
    assert not await db.read(exports.works, keys, token, NOW)
    assert await db.write(exports.take, keys, token, NOW) is None


async def test_of_two_who_open_it_at_once_one_has_it(postgresql: PostgreSQL, keys: KeyStore) -> None:
    _, token = await linked(postgresql, keys)
    taken = await asyncio.gather(*(postgresql.write(exports.take, keys, token, NOW) for _ in range(5)))
    assert sum(found is not None for found in taken) == 1


async def test_a_second_link_takes_the_place_of_the_first(db: Database, keys: KeyStore) -> None:
    theirs, first = await linked(db, keys)
    second = await db.write(exports.link, keys, theirs.person_id, after(1))
    assert not await db.read(exports.works, keys, first, after(1))
    assert await db.read(exports.works, keys, second, after(1))


async def test_it_works_for_a_quarter_of_an_hour(db: Database, keys: KeyStore) -> None:
    _, token = await linked(db, keys)
    assert await db.read(exports.works, keys, token, after(minutes=14, seconds=59))
    assert not await db.read(exports.works, keys, token, after(minutes=15))
    assert await db.write(exports.take, keys, token, after(minutes=15)) is None
    await db.write(exports.forget, after(minutes=15))
    assert await db.read(count, schema.exports) == 0


@pytest.mark.parametrize("guess", ["", "x", "A" * 43, "ü" * 40, "\ud800"])
async def test_a_guess_finds_nothing(db: Database, keys: KeyStore, guess: str) -> None:
    await linked(db, keys)
    assert await db.write(exports.take, keys, guess, NOW) is None


async def test_the_link_itself_is_not_kept(db: Database, keys: KeyStore) -> None:
    _, token = await linked(db, keys)

    def rows(conn: Connection) -> list[Any]:
        return list(conn.execute(sa.select(schema.exports)).all())

    ((hashed, _, _),) = await db.read(rows)
    assert token.encode() not in bytes(hashed)
    assert len(bytes(hashed)) == 32


async def test_an_erasure_ends_the_link(db: Database, keys: KeyStore) -> None:
    theirs, token = await linked(db, keys)
    await db.write(people.erase, theirs.person_id, NOW)
    assert await db.write(exports.take, keys, token, NOW) is None


async def test_one_damaged_row_keeps_nothing_else_from_them(db: Database, keys: KeyStore) -> None:
    theirs, token = await linked(db, keys)
    damaged = schema.questions.update().where(schema.questions.c.person_id == theirs.person_id).values(record="other")
    await db.write(lambda conn: conn.execute(damaged).rowcount)
    found = await db.write(exports.take, keys, token, NOW)
    assert found
    assert found["questions"][0]["words"] is None
    assert found["addresses"][0]["address"] == ADDRESS


async def test_somebody_who_only_looked_has_a_copy_too(db: Database, keys: KeyStore) -> None:
    theirs = await db.write(someone, keys, "9", subscribed=False)
    token = await db.write(exports.link, keys, theirs.person_id, NOW)
    found = await db.write(exports.take, keys, token, NOW)
    assert found
    assert not found["subscription"]["subscribed"]
    assert found["subscription"]["since"] is None
    assert found["questions"] == found["news_told"] == []
