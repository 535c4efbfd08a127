"""A partner's group: who runs it chooses what comes there, anybody may read, and otherwise we are silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from bot.talk.conversation import Conversation
from bot.talk.group import READ, RUN, Standing, needs_standing
from channels.contract import AnyUpdate, Attached, Message, Pressed, Said, Started
from config.messages import languages
from storage import people, schema
from storage.database import Database
from storage.keys import KeyStore
from storage.people import Person
from tests.bot.talk.conftest import NOW, Talk, kept

LINK = "https://t.me/serai_bot"
ADMIN, MEMBER, UNKNOWN = Standing(True, LINK), Standing(False, LINK), Standing(None, LINK)
NAME = "@serai_bot"


@dataclass
class Group(Talk):
    """A group, in which admins speak unless it is said otherwise."""

    name: str = "-1001"
    standing: Standing = ADMIN

    async def say(self, text: str, who: Standing = ADMIN) -> list[Message]:
        self.standing = who
        return await self.update(Said(**self._where(), written="5", text=text))

    async def start(self, payload: str = "", who: Standing = ADMIN) -> list[Message]:
        self.standing = who
        return await self.update(Started(**self._where(), written="5", payload=payload))

    async def added(self) -> list[Message]:
        self.standing = MEMBER
        return await self.update(Started(**self._where()))

    async def press(self, label: str, on: str = "77", who: Standing = ADMIN) -> list[Message]:
        self.standing = who
        return await self.update(Pressed(**self._where(), say=self.button(label).say, on=on))

    def _where(self) -> dict[str, Any]:
        return {"id": self._id(), "address": self.name, "at": self.now, "group": True, "by": "7"}

    def _meet(self, conn: Any) -> int:
        return people.meet(conn, self.keys, "test", "main", self.name, self.now, group=True).person_id

    def _answer(self, conn: Any, update: AnyUpdate) -> list[Message]:
        person = people.lock(conn, self._meet(conn))
        return self.conversation.answer(conn, person, update, limits=self.limits, now=self.now, standing=self.standing)


@pytest.fixture
def group(sqlite: Database, keys: KeyStore, conversation: Conversation) -> Group:
    return Group(sqlite, keys, conversation)


def chose(person: Person) -> tuple[bool, frozenset[str], frozenset[str]]:
    return person.subscribed, person.countries, person.topics


# ── Running it ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_takes_us_in_gets_one_short_message_that_says_how(group: Group) -> None:
    await group.added()
    assert len(group.replies) == 1
    assert "/subscribe Iraq" in group.heard
    assert group.buttons == ["Start"]


async def test_a_group_is_subscribed_in_a_line_and_asked_for_its_language(group: Group) -> None:
    await group.say(f"/subscribe{NAME} iraq jobs")
    assert chose(await group.person())[:2] == (True, frozenset({"IQ"}))
    assert "Iraq" in group.heard
    assert "Who runs this group can stop it" in group.heard
    assert "STOP" not in group.heard
    assert "English" in group.buttons
    await group.press("English")
    assert (await group.person()).language == "en"
    assert "We now write to you in English" in group.heard


async def test_a_group_is_subscribed_by_taps_without_a_consent(group: Group) -> None:
    await group.start("iraq")
    assert group.buttons == [choice for choice in group.buttons if len(group.buttons) == len(languages())]
    await group.press("English")
    assert "✓ Iraq" in group.buttons
    await group.press("Next")
    await group.press("All topics")
    person = await group.person()
    assert (person.subscribed, person.countries, person.all_topics) == (True, frozenset({"IQ"}), True)


async def test_each_button_in_a_group_is_for_who_runs_it(group: Group) -> None:
    for line in ("/start", "/subscribe iraq", "/countries", "/topics", "/unsubscribe pakistan", "/stop", "/start"):
        await group.say(line) if line != "/start" else await group.start()
        for message in group.replies:
            for choice in message.choices:
                assert choice.say.split()[0].removeprefix("/") in RUN, choice


async def test_a_press_of_a_member_changes_nothing_and_is_not_spoken_of(group: Group) -> None:
    await group.say("/subscribe iraq")
    assert await group.press("Stop", who=MEMBER) == []
    assert await group.press("Stop", who=UNKNOWN) == []
    assert (await group.person()).subscribed
    await group.press("Stop")
    assert not (await group.person()).subscribed


@pytest.mark.parametrize("line", ["/subscribe iraq", "/countries +iq", "/language fa-AF", "/stop", f"stop {NAME}"])
async def test_a_member_may_not_change_it_and_hears_so_in_one_line(group: Group, line: str) -> None:
    await group.say("/subscribe pakistan")
    before = await group.person()
    [told] = await group.say(line, MEMBER)
    assert told.paragraphs[0][0].text == "Only an admin of this group can change that."
    assert await group.person() == before
    [told] = await group.say(line, UNKNOWN)
    assert "try again in a while" in told.paragraphs[0][0].text
    assert await group.person() == before


async def test_stop_by_word_is_for_who_runs_it_too(group: Group) -> None:
    await group.say("/subscribe iraq")
    await group.say("توقف")  # an answer to a message of ours
    assert not (await group.person()).subscribed


async def test_a_group_can_be_deleted_by_who_runs_it(group: Group) -> None:
    await group.say("/subscribe iraq")
    await group.say("/delete", MEMBER)
    assert "Only an admin" in group.heard
    await group.say("/delete")
    await group.press("Delete everything about me")
    assert not (await group.person()).subscribed
    assert (await group.person()).countries == frozenset()


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_anybody_may_read_and_nothing_leads_further(group: Group) -> None:
    for number in range(7):
        await group.db.write(kept, f"Roads of Basra {number}", f"Water rises, {number}.", countries=["IQ"])
    await group.say(f"/news{NAME} iraq", MEMBER)
    assert "Roads of Basra" in group.heard
    assert group.buttons == []
    await group.say("/mine", MEMBER)
    await group.say("/about", MEMBER)
    assert "Silk Routes" in group.heard


async def test_what_there_is_to_read_is_told_where_a_person_has_buttons(group: Group) -> None:
    await group.db.write(kept, "Roads of Basra", "Water rises.", countries=["IQ"])
    await group.say("/news pakistan", MEMBER)
    assert "There is news about these countries:\n\nIraq" in group.heard
    await group.say("/contacts", MEMBER)
    assert "Iraq" in group.heard
    assert group.buttons == []


@pytest.mark.parametrize("line", ["/ask", "/export", "/why 1", "/fewer 1", "/privacy", "/hide", "/staff 123456"])
async def test_what_is_personal_is_for_a_chat_of_two(group: Group, line: str) -> None:
    await group.say(line, MEMBER)
    assert LINK in group.heard
    assert group.buttons == []


async def test_where_our_name_is_not_known_there_is_no_link(group: Group) -> None:
    await group.say("/ask", Standing())
    assert "write to me alone." in group.heard


# ── Silence ──────────────────────────────────────────────────────────────────────────────────────────────────────────

SILENT = [
    "/ban somebody",  # another bot's command
    "/approve 1",  # a command of the staff
    "what a sad story",  # among themselves, under a message of ours
    "my brother went to Iraq and we have no word of him",
    "help",
    "menu",
]


@pytest.mark.parametrize("text", SILENT)
async def test_what_members_say_under_our_messages_is_theirs(group: Group, text: str) -> None:
    assert await group.say(text, MEMBER) == []
    assert await group.say(text, ADMIN) == []


async def test_who_calls_us_by_name_is_answered(group: Group) -> None:
    await group.say(f"{NAME} hello", MEMBER)
    assert "/news Iraq" in group.heard
    await group.say(f"help {NAME}", MEMBER)
    assert LINK in group.heard


async def test_a_country_named_in_an_answer_to_us_is_read_about(group: Group) -> None:
    await group.db.write(kept, "Roads of Basra", "Water rises.", countries=["IQ"])
    await group.say("Iraq?", MEMBER)
    assert "Roads of Basra" in group.heard


async def test_a_misspelt_command_is_guessed(group: Group) -> None:
    await group.say(f"/subscribee{NAME} iraq", MEMBER)
    assert "/subscribe" in group.heard


async def test_files_and_a_second_greeting_are_passed_over(group: Group) -> None:
    await group.say("/subscribe iraq")
    assert await group.added() == []
    assert await group.update(Attached(id="x", address=group.name, at=NOW, group=True, kind="image")) == []


# ── Whom it matters to know ──────────────────────────────────────────────────────────────────────────────────────────

WHERE: dict[str, Any] = {"id": "1", "address": "-1", "at": NOW, "group": True, "by": "7"}
MATTERS: list[tuple[str, AnyUpdate, bool]] = [
    ("choosing", Said(**WHERE, text=f"/subscribe{NAME} iraq"), True),
    ("stopping by word", Said(**WHERE, text="stop"), True),
    ("starting", Started(**WHERE, written="5"), True),
    ("a press", Pressed(**WHERE, say="/news"), True),
    ("reading", Said(**WHERE, text="/news"), False),
    ("talking", Said(**WHERE, text="what a story"), False),
    ("another bot's command", Said(**WHERE, text="/ban"), False),
    ("taking us in", Started(**WHERE), False),
]


@pytest.mark.parametrize(("update", "expected"), [row[1:] for row in MATTERS], ids=[row[0] for row in MATTERS])
def test_the_platform_is_asked_who_somebody_is_only_where_it_matters(update: AnyUpdate, expected: bool) -> None:
    assert needs_standing(update) is expected


def test_what_is_read_and_what_is_changed_are_apart() -> None:
    assert not READ & RUN


async def test_when_news_comes_is_for_who_runs_it(group: Group) -> None:
    await group.say("/subscribe iraq")
    await group.say("/when daily", MEMBER)
    assert "Only an admin" in group.heard
    await group.say("/when daily")
    await group.say("/quiet off")
    await group.say("/regional on")
    assert (await group.person()).regional
    row = await group.db.read(
        lambda conn: conn.execute(sa.select(schema.people).where(schema.people.c.kind == "group")).one()
    )
    assert (row.frequency.split()[0], row.quiet) == ("daily", "off")
