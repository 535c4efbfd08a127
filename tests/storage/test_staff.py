"""Who works here: a code of one use binds a chat, and what they did is written down."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from storage import accounts, dispatches, people, schema, sources, staff
from storage.database import Database, PostgreSQL
from storage.keys import KeyStore
from storage.people import Address
from storage.staff import CODE, Member, Taken
from tests.storage.scene import NOW, a_dispatch, after, count, second_address, someone


def hired(conn: Connection, keys: KeyStore, name: str = "Leila", role: str = "editor", chat: str = "1") -> Address:
    """Somebody of the staff, at work in a chat."""
    address = someone(conn, keys, chat)
    staff.bind(conn, staff.add(conn, name, role, NOW), address.person_id, NOW)
    return address


# ── Codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_code_binds_one_chat_once(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[str, Member | None, Member | None, Member | None]:
        here, there = someone(conn, keys, "1"), someone(conn, keys, "2")
        code = staff.add(conn, "Leila", "editor", NOW)
        first = staff.bind(conn, code, here.person_id, after(60))
        again = staff.bind(conn, code, there.person_id, after(61))
        return code, first, again, staff.of_person(conn, here.person_id)

    code, first, again, member = await db.write(live)
    assert re.fullmatch(r"([2-9a-z]{4}-){3}[2-9a-z]{4}", code)
    assert (again, first) == (None, member)
    assert member
    assert (member.name, member.role, member.bound_at, member.code_until) == ("Leila", "editor", after(60), None)


@pytest.mark.parametrize(
    "typed", [str.upper, lambda code: f"  {code.replace('-', ' ')} ", lambda c: c.replace("-", "")]
)
async def test_a_code_may_be_typed_in_capitals_or_without_its_hyphens(db: Database, keys: KeyStore, typed: Any) -> None:
    def live(conn: Connection) -> Member | None:
        code = staff.add(conn, "Leila", "editor", NOW)
        return staff.bind(conn, typed(code), someone(conn, keys).person_id, NOW)

    assert await db.write(live)


async def test_a_code_is_of_no_use_after_two_days_nor_once_a_new_one_was_made(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> list[bool]:
        person = someone(conn, keys).person_id
        first = staff.add(conn, "Leila", "editor", NOW)
        late = staff.bind(conn, first, person, NOW + CODE)
        second = staff.new_code(conn, "Leila", after(60))
        assert second
        return [bool(late), *(bool(staff.bind(conn, code, person, after(61))) for code in (first, "", second))]

    assert await db.write(live) == [False, False, False, True]


async def test_no_code_is_kept_in_the_clear(db: Database) -> None:
    code = await db.write(staff.add, "Leila", "editor", NOW)
    row = await db.read(lambda conn: conn.execute(schema.staff.select()).one())
    assert code.encode() not in row.code
    assert len(row.code) == 32


async def test_a_name_is_one_members(db: Database) -> None:
    await db.write(staff.add, "Leila", "editor", NOW)
    with pytest.raises(Taken):
        await db.write(staff.add, "Leila", "admin", NOW)
    assert [member.role for member in await db.read(staff.members)] == ["editor"]


async def test_of_two_chats_that_send_one_code_at_once_one_is_bound(postgresql: PostgreSQL, keys: KeyStore) -> None:
    def two(conn: Connection) -> tuple[str, list[int]]:
        code = staff.add(conn, "Leila", "editor", NOW)
        return code, [someone(conn, keys, name).person_id for name in ("1", "2")]

    code, chats = await postgresql.write(two)
    bound = await asyncio.gather(*(postgresql.write(staff.bind, code, chat, NOW) for chat in chats))
    assert sorted(member is None for member in bound) == [False, True]


# ── Chats ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_lost_telephone_is_out_as_soon_as_there_is_a_new_code(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> tuple[Member | None, str | None]:
        address = hired(conn, keys)
        unknown = staff.new_code(conn, "Nobody", NOW)
        staff.new_code(conn, "Leila", after(60))
        return staff.of_person(conn, address.person_id), unknown

    assert await db.write(live) == (None, None)


async def test_who_leaves_is_out_and_may_come_back_with_a_new_code(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> list[object]:
        address = hired(conn, keys)
        waiting = staff.add(conn, "Omar", "admin", NOW)
        gone = [staff.switch_off(conn, name, NOW) for name in ("Leila", "Omar", "Nobody")]
        nobody = staff.of_person(conn, address.person_id), staff.bind(conn, waiting, address.person_id, NOW)
        code = staff.new_code(conn, "Leila", NOW)
        assert code
        back = staff.bind(conn, code, address.person_id, NOW)
        return [gone, nobody, back and back.name]

    assert await db.write(live) == [[True, True, False], (None, None), "Leila"]


async def test_a_chat_is_of_one_member_the_last_whose_code_came_from_it(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> list[tuple[str, bool]]:
        address = hired(conn, keys, "Leila")
        staff.bind(conn, staff.add(conn, "Omar", "admin", NOW), address.person_id, NOW)
        return [(member.name, member.person_id is not None) for member in staff.members(conn)]

    assert await db.write(live) == [("Leila", False), ("Omar", True)]


async def test_erasing_oneself_as_a_person_ends_the_work_from_this_chat_and_not_the_member(
    db: Database, keys: KeyStore
) -> None:
    def live(conn: Connection) -> list[int | None]:
        address = hired(conn, keys)
        people.erase(conn, address.person_id, NOW)
        return [member.person_id for member in staff.members(conn)]

    assert await db.write(live) == [None]


async def test_staff_who_never_agreed_to_anything_are_not_forgotten_as_guests(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> int:
        hired(conn, keys)
        someone(conn, keys, "a guest", subscribed=False)
        return people.forget(conn, NOW + timedelta(days=30), timedelta(days=90))

    assert await db.write(live) == 1
    assert [member.person_id is None for member in await db.read(staff.members)] == [False]


# ── Roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────

MAY = {
    "editor": {"editor", "partner"},
    "admin": {"admin", "editor", "partner"},
    "counsellor": {"counsellor"},
    "supervisor": {"supervisor", "counsellor"},
    "partner": {"partner"},
}


@pytest.mark.parametrize("role", staff.ROLES)
async def test_what_a_role_includes(db: Database, keys: KeyStore, role: str) -> None:
    def live(conn: Connection) -> set[str]:
        hired(conn, keys, role=role)
        return {wanted for wanted in staff.ROLES if staff.bound(conn, wanted)}

    assert await db.write(live) == MAY[role]


# ── Where they are written to ────────────────────────────────────────────────────────────────────────────────────────


async def test_staff_are_written_to_where_they_were_heard_last_and_around_an_account_that_is_broken(
    db: Database, keys: KeyStore
) -> None:
    def live(conn: Connection) -> list[str | None]:
        first = hired(conn, keys)
        second = second_address(conn, keys, first, "2", account="other", heard_at=after(60))
        (member,) = staff.members(conn)

        def at(rather_not: str = "") -> str | None:
            address = staff.address(conn, member, rather_not=rather_not)
            return address and address.account

        found = [at(), at("other"), at("main")]
        people.lost(conn, second.id, "blocked")
        found += [at(), at("main")]
        people.lost(conn, first.id, "blocked")
        return [*found, at()]

    assert await db.write(live) == ["other", "main", "other", "main", "main", None]


# ── What they did ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_staff_did_is_listed_the_latest_first(db: Database, keys: KeyStore) -> None:
    def live(conn: Connection) -> None:
        hired(conn, keys)
        (member,) = staff.members(conn)
        staff.note(conn, after(5), "Leila", "approve", "dispatch 12", "a reason")
        staff.unbind(conn, member, after(6))

    await db.write(live)
    notes = await db.read(staff.notes)
    assert [(note.who, note.deed, note.about) for note in notes] == [
        ("Leila", "left the chat", ""),
        ("Leila", "approve", "dispatch 12"),
        ("Leila", "bound a chat", ""),
        ("shell", "added to the staff", "Leila"),
    ]
    assert len(await db.read(staff.notes, 2)) == 2
    last = await db.read(staff.last, "dispatch 12", ["approve", "hold"])
    assert last
    assert (last.who, last.at, last.why) == ("Leila", after(5), "a reason")
    assert await db.read(staff.last, "dispatch 1", ["approve"]) is None


# ── What waits for them ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_is_shown_once(db: Database) -> None:
    def live(conn: Connection) -> list[int]:
        ids = [a_dispatch(conn, status="held") for _ in range(7)]
        a_dispatch(conn)
        found, total = dispatches.unshown(conn, 5)
        assert ([one.id for one in found], total) == (ids[:5], 7)
        dispatches.shown(conn, NOW)
        return [
            dispatches.unshown(conn, 5)[1],
            dispatches.how_many_wait(conn),
            dispatches.how_many_wait(conn, after=ids[4]),
        ]

    assert await db.write(live) == [0, 7, 2]
    assert not await db.read(dispatches.any_unshown)


async def test_only_what_waits_is_corrected(db: Database) -> None:
    def live(conn: Connection) -> list[Any]:
        held, ready = a_dispatch(conn, status="held", countries=["IQ"], topics=["a"]), a_dispatch(conn)
        done = [dispatches.correct(conn, number, NOW, summary="New.") for number in (held, ready, 999)]
        dispatches.correct(conn, held, NOW, countries=["PK", "AF"])
        first = dispatches.get(conn, held)
        dispatches.correct(conn, held, NOW, topics=[])
        second = dispatches.get(conn, held)
        assert first
        assert second
        return [done, first.summary, first.countries, first.topics, second.countries, second.topics]

    assert await db.write(live) == [[True, False, False], "New.", ("AF", "PK"), ("a",), ("AF", "PK"), ()]


# ── Sources and accounts that they are told of ───────────────────────────────────────────────────────────────────────


async def test_the_source_of_the_staff_is_one_and_is_never_asked(db: Database) -> None:
    def live(conn: Connection) -> list[str]:
        sources.put(conn, sources.Wanted("Staff", "feed", "https://a.example/", 60), "file")
        first, second = sources.of_staff(conn), sources.of_staff(conn)
        assert first == second
        sources.settle(conn, [])
        return [first.name, *(source.name for source in sources.watched(conn))]

    assert await db.write(live) == ["Staff 2"]
    assert [source.name for source in await db.read(sources.all_of_them)] == ["Staff 2"]


async def test_a_source_that_was_given_up_is_told_once_and_again_when_it_is_given_up_again(db: Database) -> None:
    def told(conn: Connection, now: int) -> bool:
        found = sources.given_up(conn)
        for source in found:
            sources.alarmed(conn, source.id, after(now))
        return bool(found)

    def live(conn: Connection) -> list[bool]:
        source = sources.put(conn, sources.Wanted("a", "feed", "https://a.example/", 60), "added")
        found = [told(conn, 0)]
        sources.failed(conn, source.id, after(1), after(2), "404")
        found.append(told(conn, 1))
        sources.failed(conn, source.id, after(2), after(3), "404", off=True)
        found += [told(conn, 3), told(conn, 4)]
        sources.switch(conn, "a", "off", after(5))
        found.append(told(conn, 5))
        sources.switch(conn, "a", "on", after(6))
        sources.failed(conn, source.id, after(7), after(8), "404", off=True)
        return [*found, told(conn, 9)]

    assert await db.write(live) == [False, False, True, False, False, True]


async def test_an_account_that_broke_is_told_once_each_time(db: Database) -> None:
    def told(conn: Connection, now: int) -> bool:
        found = accounts.newly_broken(conn)
        for account in found:
            accounts.alarmed(conn, account.name, after(now))
        return bool(found)

    def live(conn: Connection) -> list[bool]:
        accounts.put(conn, "main", "telegram")
        found = [told(conn, 0)]
        accounts.broken(conn, "main", "the token is dead", after(1))
        found += [told(conn, 2), told(conn, 3)]
        accounts.broken(conn, "main", "", None)
        found.append(told(conn, 4))
        accounts.broken(conn, "main", "again", after(5))
        return [*found, told(conn, 6)]

    assert await db.write(live) == [False, True, False, False, True]
    assert await db.read(count, schema.accounts) == 1
