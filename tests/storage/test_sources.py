"""What an operator states about sources, and how each was when it was last asked."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from storage import accounts, sources
from storage.database import Database
from storage.sources import Source, Wanted
from tests.storage.scene import NOW, after


def wanted(name: str, url: str = "https://a.example/feed", every: float = 60) -> Wanted:
    return Wanted(name, "feed", url, every)


def names(found: list[Source]) -> list[str]:
    return [source.name for source in found]


async def test_sources_that_leave_the_settings_are_dropped_and_come_back_with_them(db: Database) -> None:
    assert names(await db.write(sources.settle, [wanted("a"), wanted("b")])) == ["a", "b"]
    first = await db.read(sources.by_name, "a")
    assert first
    await db.write(sources.fetched, first.id, NOW, after(60), etag="e")

    assert names(await db.write(sources.settle, [wanted("b")])) == ["b"]
    dropped = await db.read(sources.by_name, "a")
    assert dropped
    assert (dropped.state, names(await db.read(sources.all_of_them))) == ("dropped", ["b"])
    assert not await db.write(sources.switch, "a", "on", NOW)

    assert names(await db.write(sources.settle, [wanted("a"), wanted("b")])) == ["a", "b"]
    restored = await db.read(sources.by_name, "a")
    assert restored
    assert (restored.id, restored.state, restored.why) == (first.id, "on", "")
    # It is the source that it was: what it showed before is not new.
    assert (restored.etag, restored.first_fetched_at) == ("e", NOW)


async def test_sources_added_by_command_stay_when_the_settings_are_read(db: Database) -> None:
    await db.write(sources.put, wanted("added"), "added")
    assert names(await db.write(sources.settle, [])) == ["added"]


async def test_another_url_starts_a_source_afresh(db: Database) -> None:
    def live(conn: Connection) -> Source:
        source = sources.put(conn, wanted("a"), "file")
        sources.fetched(conn, source.id, NOW, after(60), etag="e", last_modified="m")
        sources.failed(conn, source.id, NOW, after(600), "404", off=True)
        return sources.put(conn, wanted("a", "https://b.example/feed"), "file")

    source = await db.write(live)
    assert (source.etag, source.last_modified, source.failures) == ("", "", 0)
    assert (source.first_fetched_at, source.next_at, source.state, source.why) == (None, None, "on", "")


async def test_other_options_start_it_afresh_as_well(db: Database) -> None:
    def live(conn: Connection) -> list[Source]:
        steps = []
        for options in ({"item": "li"}, {"item": "li"}, {"item": "article"}):
            steps.append(sources.put(conn, Wanted("a", "page", "https://a.example/", 60, options=options), "file"))
            sources.fetched(conn, steps[0].id, NOW, after(60), etag="e")
        return steps

    first, same, other = await db.write(live)
    assert first.options == {"item": "li"}
    assert (same.etag, same.first_fetched_at) == ("e", NOW)
    assert (other.options, other.etag, other.first_fetched_at) == ({"item": "article"}, "", None)


async def test_a_source_that_cannot_be_watched_is_off_until_it_can(db: Database) -> None:
    def lacking(why: str, **options: str) -> Wanted:
        return Wanted("a", "reliefweb", "https://a.example/", 60, options=options, hindrance=why)

    for _ in range(2):  # a restart changes nothing
        source = await db.write(sources.put, lacking("needs a name"), "file")
        assert (source.state, source.why) == ("off", "needs a name")
    assert await db.read(sources.watched) == []
    assert names(await db.read(sources.all_of_them)) == ["a"]
    source = await db.write(sources.put, lacking("", appname="x"), "file")
    assert (source.state, source.why) == ("on", "")
    await db.write(sources.switch, "a", "off", NOW)
    source = await db.write(sources.put, lacking("", appname="x"), "file")
    assert (source.state, source.why) == ("off", "switched off")  # by a person's word


async def test_another_interval_does_not(db: Database) -> None:
    def live(conn: Connection) -> Source:
        source = sources.put(conn, wanted("a"), "file")
        sources.fetched(conn, source.id, NOW, after(60), etag="e")
        return sources.put(conn, wanted("a", every=5), "file")

    source = await db.write(live)
    assert (source.every_seconds, source.etag, source.first_fetched_at) == (5, "e", NOW)


async def test_a_source_remembers_how_it_was(db: Database) -> None:
    source = await db.write(sources.put, wanted("a"), "file")
    await db.write(sources.failed, source.id, NOW, after(60), "timeout")
    await db.write(sources.failed, source.id, after(60), after(180), "timeout")
    failing = await db.read(sources.get, source.id)
    assert failing
    assert (failing.failures, failing.why, failing.next_at, failing.succeeded_at) == (2, "timeout", after(180), None)

    await db.write(sources.fetched, source.id, after(180), after(240), etag="e", last_modified="m")
    await db.write(sources.fetched, source.id, after(240), after(300))  # not modified: no headers came
    well = await db.read(sources.get, source.id)
    assert well
    assert (well.failures, well.why, well.etag, well.last_modified) == (0, "", "e", "m")
    assert (well.first_fetched_at, well.succeeded_at) == (after(180), after(240))

    await db.write(sources.postponed, source.id, after(900), "asked to wait")
    waiting = await db.read(sources.get, source.id)
    assert waiting
    assert (waiting.failures, waiting.why, waiting.next_at) == (0, "asked to wait", after(900))


async def test_a_full_answer_without_validators_clears_the_old_ones(db: Database) -> None:
    source = await db.write(sources.put, wanted("a"), "file")
    await db.write(sources.fetched, source.id, NOW, after(60), etag="e", last_modified="m")
    await db.write(sources.fetched, source.id, after(60), after(120), etag="", last_modified="n")
    well = await db.read(sources.get, source.id)
    assert well
    assert (well.etag, well.last_modified) == ("", "n")


async def test_a_source_is_switched_off_and_on_by_a_persons_word(db: Database) -> None:
    await db.write(sources.put, wanted("a"), "file")
    assert await db.write(sources.switch, "a", "off", NOW)
    assert await db.read(sources.watched) == []
    assert names(await db.read(sources.all_of_them)) == ["a"]
    assert await db.write(sources.switch, "a", "on", NOW)
    assert names(await db.read(sources.watched)) == ["a"]
    assert not await db.write(sources.switch, "unknown", "on", NOW)


# ── Accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_account_remembers_its_hold_and_its_fault_between_sessions(db: Database) -> None:
    assert (await db.write(accounts.put, "main", "telegram")).held_until is None
    await db.write(accounts.hold, "main", after(60))
    await db.write(accounts.hold, "main", after(5))  # of several answers at once the longest counts
    await db.write(accounts.broken, "main", "bad token", NOW)
    state = await db.write(accounts.put, "main", "telegram")
    assert (state.held_until, state.broken, state.broken_at) == (after(60), "bad token", NOW)
    await db.write(accounts.broken, "main", "", None)
    assert [(a.name, a.broken) for a in await db.read(accounts.all_of_them)] == [("main", "")]
