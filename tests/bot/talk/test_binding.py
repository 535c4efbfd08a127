"""A code binds a chat to somebody of the staff; who has none learns nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from channels.contract import Message, Said
from channels.wording import plain
from storage import staff
from tests.bot.talk.conftest import NOW, Talk, kept

UNKNOWN = "I do not know this code. It works once, and for two days. Please ask for a new one."


async def hire(talk: Talk, name: str = "Leila", role: str = "editor") -> str:
    code: str = await talk.db.write(staff.add, name, role, NOW)
    return code


async def at_work(talk: Talk, name: str = "Leila", role: str = "editor") -> Talk:
    await talk.say(f"/staff {await hire(talk, name, role)}")
    return talk


async def roles(talk: Talk) -> list[str]:
    person = await talk.person()
    member = await talk.db.read(staff.of_person, person.id)
    return [member.name, member.role] if member else []


async def test_a_code_binds_the_chat_before_any_language_or_consent(talk: Talk) -> None:
    await talk.say(f"/staff {await hire(talk)}")
    assert "Welcome, Leila. From now on you work from this chat: you are an editor here." in talk.heard
    assert await roles(talk) == ["Leila", "editor"]
    person = await talk.person()
    assert (person.language, person.agreed, person.subscribed) == (None, False, False)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda code: code[:-1] + "?",
        lambda code: code[:-1],
        lambda code: "Leila",
        lambda code: "0000-0000-0000-0000",
        lambda code: "x" * 3000,
        lambda code: "؟؟؟",
    ],
)
async def test_a_wrong_code_is_told_in_one_kind_sentence_whatever_it_is(
    talk: Talk, spoil: Callable[[str], str]
) -> None:
    await talk.say(f"/staff {spoil(await hire(talk))}")
    assert talk.heard.startswith(UNKNOWN)
    assert await roles(talk) == []


async def test_a_code_that_was_used_or_is_too_old_is_a_wrong_one(talk: Talk) -> None:
    code = await hire(talk)
    await talk.say(f"/staff {code}")
    other = talk.elsewhere("1002")
    await other.say(f"/staff {code}")
    assert other.heard.startswith(UNKNOWN)
    old = await hire(talk, "Omar")
    other.now = NOW + timedelta(days=2)
    await other.say(f"/staff {old}")
    assert other.heard.startswith(UNKNOWN)


async def test_no_group_is_ever_bound(talk: Talk) -> None:
    code = await hire(talk)
    replies = await talk.update(Said(id="g", address="-100", at=NOW, text=f"/staff {code}", group=True))
    assert "Welcome" not in "".join(map(plain, replies))
    assert (await talk.db.read(staff.members))[0].person_id is None


async def test_the_message_with_the_code_vanishes_where_the_channel_can(talk: Talk) -> None:
    able = talk.elsewhere("1002", removes=timedelta(hours=48))
    said = Said(id="1", address="1002", at=NOW, text=f"/staff {await hire(talk)}", written="5001")
    welcome, removal = await able.update(said)
    assert (plain(welcome) != "", removal) == (True, Message((), removes=("5001",)))
    unable = talk.elsewhere("1003")
    said = Said(id="2", address="1003", at=NOW, text=f"/staff {await hire(talk, 'Omar')}", written="5002")
    assert [message.removes for message in await unable.update(said)] == [()]


async def test_staff_see_who_they_are_and_what_they_may_do(talk: Talk) -> None:
    await at_work(talk)
    await talk.say("/staff")
    assert talk.heard.startswith(
        "Leila\n\nYou are an editor here, since 24 Nov 2026.\n\n/waiting – what waits for an editor"
    )
    for command in ("show", "approve", "hold", "withdraw", "summary", "correct", "handin", "staff out"):
        assert f"/{command} – " in talk.heard
    assert talk.buttons == ["What waits", "Hand in news", "Help"]


async def test_a_partner_may_hand_in_and_nothing_else(talk: Talk) -> None:
    await at_work(talk, role="partner")
    await talk.say("/staff")
    assert "/handin" in talk.heard
    assert "/approve" not in talk.heard
    assert talk.buttons == ["Hand in news", "Help"]
    for command in ("/waiting", "/approve 1", "/show 1", "/summary 1", "/withdraw 1"):
        await talk.say(command)
        assert "waits" not in talk.heard


@pytest.mark.parametrize("line", ["/staff", "staff", "/staff out"])
async def test_others_are_asked_for_a_code_and_offered_a_person(talk: Talk, line: str) -> None:
    await talk.say(line)
    assert talk.heard.startswith("This is for the people who work here.")
    assert talk.buttons == ["Ask a counsellor", "Help"]


@pytest.mark.parametrize("line", ["/waiting", "/approve 1", "/hold 1", "/withdraw 1", "/show 1", "/handin Iraq: news"])
async def test_what_is_for_staff_is_no_command_for_others(talk: Talk, line: str) -> None:
    await talk.db.write(kept, "A claim that nobody has checked", status="held")
    await talk.say(line)
    assert "What you can do here" in talk.heard or "There is no command" in talk.heard
    assert "claim" not in talk.heard


async def test_staff_have_all_that_a_person_has(talk: Talk) -> None:
    await at_work(talk)
    await talk.subscribed()
    assert "You get all our news" in talk.heard
    await talk.say("/ask")
    await talk.say("Where do I find a lawyer?")
    assert "Your question is with our counsellors" in talk.heard
    await talk.say("STOP")
    assert not (await talk.person()).subscribed
    assert await roles(talk) == ["Leila", "editor"]


async def test_out_unbinds_and_takes_a_new_code_to_come_back(talk: Talk) -> None:
    await at_work(talk)
    await talk.say("/staff out")
    assert "you do not work from this chat any more" in talk.heard
    assert await roles(talk) == []
    await talk.say("/waiting")
    assert "waits for an editor" not in talk.heard


async def test_who_binds_is_told_how_much_waits(talk: Talk) -> None:
    await talk.db.write(kept, "A claim", status="held")
    await talk.say(f"/staff {await hire(talk)}")
    assert "1 piece of news waits for an editor." in talk.heard
    assert talk.buttons == ["What waits", "What I can do"]
    counsellor = talk.elsewhere("1002")
    await counsellor.say(f"/staff {await hire(talk, 'Omar', 'counsellor')}")
    assert "waits" not in counsellor.heard


async def test_deleting_oneself_ends_the_work_from_this_chat(talk: Talk) -> None:
    await at_work(talk)
    await talk.say("/delete")
    await talk.say("/delete yes")
    assert [member.person_id for member in await talk.db.read(staff.members)] == [None]
