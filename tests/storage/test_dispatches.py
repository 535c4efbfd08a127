"""Dispatches are kept once, found again by country, topic and words, and decided by an editor once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from storage import dispatches, schema
from storage.database import Database, SQLite
from storage.dispatches import Identity
from tests.storage.scene import NOW, a_dispatch, a_source, after


def ids(conn: Connection, **about: Any) -> list[int]:
    return [dispatch.id for dispatch in dispatches.recent(conn, **about)]


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = {
    "english": "border crossing at edirne closed until friday",
    "bangla": "বাংলাদেশে প্রত্যাবাসন কর্মসূচি শুরু হয়েছে",
    "arabic": "العودة الطوعية من العراق الي السودان",
    "persian": "مهاجران می\u200cتوانند درخواست دهند",
    "russian": "помощь в возвращении домой",
    "urdu": "افغان مهاجرین کی واپسی",
    "punctuated": 'o\'brien said: "go" (now) or not*; rock&roll | 50% x-ray',
}


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        (["edirne"], {"english"}),
        (["edir"], {"english"}),  # the beginning of a word
        (["dirne"], set()),  # not its middle
        (["border", "friday"], {"english"}),
        (["border", "saturday"], set()),  # each of them
        (["বাংলাদেশে"], {"bangla"}),
        (["বাংলা"], {"bangla"}),
        (["প্রত্যাবাসন"], {"bangla"}),  # with vowel signs and a virama inside
        (["ত্যাবাসন"], set()),
        (["হয়েছে", "কর্ম"], {"bangla"}),
        (["العراق"], {"arabic"}),
        (["العر", "السودان"], {"arabic"}),
        (["توانند"], {"persian"}),
        (["помощь", "дом"], {"russian"}),
        (["واپسی"], {"urdu"}),
        (["brien"], {"punctuated"}),
        (["o'brien"], {"punctuated"}),
        (["x-ray"], {"punctuated"}),
        (["50"], {"punctuated"}),
        (["rock&roll"], {"punctuated"}),
        (["NEAR"], set()),
        (["*"], set()),
        ([""], set()),
        (["edirne", "…"], {"english"}),  # a term without a letter asks for nothing
        (["or"], {"punctuated"}),
    ],
)
async def test_words_find_news_that_has_words_beginning_so(db: Database, terms: list[str], found: set[str]) -> None:
    def live(conn: Connection) -> set[str]:
        names = {a_dispatch(conn, words=words): name for name, words in TEXTS.items()}
        return {names[i] for i in ids(conn, terms=terms)}

    assert await db.write(live) == found


HOSTILE = [
    '"',
    "'",
    '"a',
    "a'b",
    "NEAR(a b)",
    "a NEAR b",
    "*",
    "a*",
    "^a",
    "(((",
    ")",
    "a)b(",
    "\x00",
    "a\x00b",
    "a:b",
    "words:a",
    "{a}",
    "-a",
    "!a",
    "a & !b",
    "a | b",
    "<->",
    "a<2>b",
    "\\",
    "\\'",
    "%",
    "_",
    "a;drop table dispatches",
    "\ud800",
    "\u200d",
    "়",
    "x" * 100_000,
    "a " * 50_000,
]


@pytest.mark.parametrize("term", HOSTILE, ids=ascii)
async def test_no_words_break_a_search(db: Database, term: str) -> None:
    def look(conn: Connection) -> list[int]:
        return ids(conn, terms=[term]) + ids(conn, terms=[term, "news"]) + ids(conn, terms=term.split())

    await db.write(a_dispatch)
    assert isinstance(await db.read(look), list)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=st.lists(st.text(max_size=20), max_size=4))
def test_no_words_at_all_break_a_search(search: Any, terms: list[str]) -> None:
    search(terms)


@pytest.fixture
def search(sqlite_url: str) -> Any:
    """Search without a loop, so that Hypothesis can drive it."""
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as conn:
        a_dispatch(conn)

    def look(terms: list[str]) -> list[int]:
        with engine.connect() as conn:
            return ids(conn, terms=terms)

    yield look
    engine.dispose()


async def test_hostile_words_can_be_kept_and_found(db: Database) -> None:
    def live(conn: Connection) -> None:
        for word in HOSTILE:
            if word not in ("\ud800", "\x00", "a\x00b"):  # are not text for a database; ``clean`` takes them out
                a_dispatch(conn, words=word)
        made = a_dispatch(conn, words="x" * 5_000 + " needle " + "y" * 500_000)
        assert ids(conn, terms=["needle"]) == [made]

    await db.write(live)


async def test_an_edit_changes_what_is_found(db: Database) -> None:
    def live(conn: Connection) -> None:
        made = a_dispatch(conn, words="old words", countries=["IQ"], topics=["visas"])
        dispatches.edit(
            conn, made, values={"title": "Changed"}, countries=["IR"], topics=[], words="new words", now=after(60)
        )
        assert ids(conn, terms=["old"]) == ids(conn, country="IQ") == ids(conn, topic="visas") == []
        assert ids(conn, terms=["new"]) == ids(conn, country="IR") == [made]
        stored = dispatches.get(conn, made)
        assert stored
        assert (stored.title, stored.countries, stored.topics, stored.first_seen) == ("Changed", ("IR",), (), NOW)

    await db.write(live)


# ── Recent ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_recent_news_is_the_newest_first_by_country_and_topic(db: Database) -> None:
    def live(conn: Connection) -> None:
        old = a_dispatch(conn, at=after(days=-2), countries=["IQ", "IR"], topics=["visas"])
        new = a_dispatch(conn, at=NOW, countries=["IQ"])
        middle = a_dispatch(conn, at=after(days=-1), countries=["IR"], topics=["visas"])
        held = a_dispatch(conn, status="held", countries=["IQ"])
        a_dispatch(conn, status="withdrawn", countries=["IQ"])
        assert ids(conn) == [new, middle, old]
        assert ids(conn, country="IQ") == [new, old]
        assert ids(conn, country="IR", topic="visas") == [middle, old]
        assert ids(conn, limit=1) == [new]
        assert [dispatch.id for dispatch in dispatches.waiting(conn)] == [held]
        assert dispatches.countries_with_news(conn, NOW) == ["IQ", "IR"]

    await db.write(live)


async def test_pages_stay_where_they_are_when_news_comes_in_between(db: Database) -> None:
    def live(conn: Connection) -> None:
        same_time = [a_dispatch(conn, at=after(days=-3)) for _ in range(4)]
        older = a_dispatch(conn, at=after(days=-4))
        first = ids(conn, limit=2)
        assert first == same_time[:1:-1]
        newest = a_dispatch(conn, at=NOW)
        late = a_dispatch(conn, at=after(days=-3))  # as old as the others, and comes last
        second = ids(conn, limit=2, after=first[-1])
        assert second == same_time[1::-1]
        assert ids(conn, limit=5, after=second[-1]) == [older]
        assert ids(conn, limit=2) == [newest, late]
        assert ids(conn, after=10_000) == []

    await db.write(live)


# ── Taking in ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_source_knows_its_own_names_only(db: Database) -> None:
    def live(conn: Connection) -> None:
        source_id, other = a_source(conn), a_source(conn, "other")
        made = a_dispatch(conn)
        dispatches.remember(conn, source_id, "guid-1", made, b"1", NOW)
        dispatches.remember(conn, source_id, "guid-1", made, b"2", after(60))
        many = ["guid-1", *(f"unknown {n}" for n in range(1_200))]
        assert dispatches.known(conn, source_id, many) == {"guid-1": Identity(made, b"2")}
        assert dispatches.known(conn, other, many) == {}

    await db.write(live)


async def test_what_a_source_no_longer_lists_under_any_name_has_vanished(db: Database) -> None:
    def live(conn: Connection) -> None:
        source_id = a_source(conn)
        one, two, three, old = (a_dispatch(conn, words=word) for word in ("one", "two", "three", "old"))
        for dispatch_id, names in ((one, "a"), (two, "bB"), (three, "cC")):
            for name in names:
                dispatches.remember(conn, source_id, name, dispatch_id, b"", NOW)
        dispatches.remember(conn, source_id, "o", old, b"", after(days=-100))
        gone = dispatches.vanished(conn, source_id, ["a", "B"], after(days=-90))
        assert [(v.id, v.text) for v in gone] == [(three, "three")]

    await db.write(live)


async def test_the_same_text_is_found_by_its_fingerprint(db: Database) -> None:
    def live(conn: Connection) -> None:
        made = a_dispatch(conn)
        a_dispatch(conn)
        conn.execute(schema.dispatches.update().values(fingerprint=b"same"))
        assert dispatches.by_fingerprint(conn, b"same") == made
        assert dispatches.by_fingerprint(conn, b"other") is None

    await db.write(live)


async def test_the_first_press_of_an_editor_wins(db: Database) -> None:
    dispatch_id = await db.write(lambda conn: a_dispatch(conn, status="held"))
    assert await db.write(dispatches.move, dispatch_id, "ready", "", only_from=["held"])
    assert not await db.write(dispatches.move, dispatch_id, "withdrawn", "", only_from=["held"])
    assert not await db.write(dispatches.move, 404, "ready", "", only_from=["held"])
    stored = await db.read(dispatches.get, dispatch_id)
    assert stored
    assert stored.status == "ready"
    assert await db.read(dispatches.get, 404) is None


async def test_words_are_cut_as_written_and_not_as_sqlite_would(sqlite: SQLite) -> None:
    """The table of words takes vowel signs for letters, whatever version of Unicode this SQLite knows."""

    def tokens(conn: Connection) -> list[str]:
        a_dispatch(conn, words="হয়েছে কর্মসূচি")
        conn.exec_driver_sql("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, dispatch_words, row)")
        return sorted(conn.exec_driver_sql("SELECT term FROM temp.v").scalars())

    assert len(await sqlite.write(tokens)) == 2
