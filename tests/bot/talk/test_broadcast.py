"""What editors send to many, by chat: the draft, whom it is for, the test, the second person, the reins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from bot.delivery.brake import Brake
from bot.delivery.compose import decode
from bot.talk.announce import announcement
from bot.talk.cards import Cards
from channels import telegram
from channels.contract import Attached, Message, Said
from channels.wording import plain
from config.messages import phrases
from storage import broadcasts, people, pictures, planning, schema, staff
from storage.broadcasts import Broadcast
from storage.database import Connection
from storage.deliveries import MESSAGE
from storage.rhythms import AT_ONCE
from storage.staff import Note
from tests.bot.delivery.test_brake import Clock
from tests.bot.talk.conftest import NOW, Talk
from tests.bot.talk.test_binding import at_work
from tests.providers.telegram import TOKEN
from tests.storage import scene
from tests.storage.test_broadcasts import end, there

PNG = b"\x89PNG\r\n\x1a\n and so on"
ENGLISH = "The centre in Erbil is closed from Monday on. Please come to the one in Baghdad."
DARI = "مرکز اربیل از روز دوشنبه بسته است. لطفاً به مرکز بغداد بیایید که باز است."


class Account(telegram.Telegram):
    """A bot whose pictures lie here."""

    def __init__(self) -> None:
        super().__init__("main", telegram.Settings(token=TOKEN))
        self.kept: dict[str, bytes] = {}

    async def fetch(self, file: str) -> bytes | None:
        return self.kept.get(file)


@dataclass
class Newsroom:
    """An editor's chat, and what the hub does beside it: counting, showing, the brake."""

    talk: Talk
    account: Account = field(default_factory=Account)
    clock: Clock = field(default_factory=Clock)
    _ids: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.clock.now = lambda: NOW + timedelta(seconds=self.clock.ahead)  # type: ignore[method-assign]
        self.begin()

    def begin(self) -> None:
        """As after a restart."""
        self.cards = Cards(
            db=self.talk.db,
            keys=self.talk.keys,
            clock=self.clock,
            channels={"main": self.account},
            begin=self.talk.conversation.begin,
            timing=AT_ONCE,
            queued=lambda: None,
        )
        self.brake = Brake(db=self.talk.db, clock=self.clock, told=self.cards.told, went_on=lambda: None)

    async def look(self, talk: Talk | None = None) -> list[Message]:
        """What comes by itself to this chat, and arrives."""
        self.clock.ahead += 100
        await self.brake.look()
        await self.cards.look()
        talk = talk or self.talk
        person = await talk.person()
        found: list[Message] = await talk.db.write(self._arrived, person.id)
        talk.replies = found or talk.replies
        return found

    def _arrived(self, conn: Connection, person_id: int) -> list[Message]:
        mine = schema.deliveries.c.recipient_id == person_id
        rows = conn.execute(
            schema.deliveries.select()
            .where(mine, schema.deliveries.c.broadcast_id.is_(None), schema.deliveries.c.state == "pending")
            .order_by(schema.deliveries.c.id)
        ).all()
        found = [decode(self.talk.keys.unseal(MESSAGE, row.record, row.sealed)) for row in rows]
        for row, message in zip(rows, found, strict=True):
            arrived = schema.deliveries.update().where(schema.deliveries.c.id == row.id)
            platform_id = message.replaces or f"m{row.id}"
            conn.execute(arrived.values(state="sent", ids=[platform_id], sealed=None, record=None))
        return found

    async def crowd(self, n: int, **values: Any) -> None:
        def deed(conn: Connection) -> None:
            for _ in range(n):
                address = scene.someone(conn, self.talk.keys, f"c{next(self._ids)}", since=NOW - timedelta(hours=1))
                people.change(conn, address.person_id, **values)

        await self.talk.db.write(deed)

    async def draft(self, text: str = ENGLISH) -> Broadcast:
        await self.talk.say(f"/broadcast {text}")
        await self.look()
        return await self.newest()

    async def newest(self) -> Broadcast:
        (found,) = await self.talk.db.read(broadcasts.latest, 1)
        return found

    async def there(self, broadcast_id: int) -> Broadcast:
        return await self.talk.db.read(there, broadcast_id)

    async def plan(self, broadcast_id: int) -> None:
        while await self.talk.db.write(planning.plan_chunk, broadcast_id, self.clock.now()) is not None:
            pass

    async def sent(self, n: int) -> Broadcast:
        """A broadcast of which all rows wait."""
        await self.crowd(n)
        draft = await self.draft()
        await self.talk.press("Send …")
        await self.talk.press("Yes, send it")
        await self.plan(draft.id)
        await self.talk.db.write(broadcasts.widen, draft.id)
        await self.plan(draft.id)
        return await self.there(draft.id)

    async def audit(self) -> list[Note]:
        return [note for note in await self.talk.db.read(staff.notes) if note.about.startswith("broadcast")]


@pytest.fixture
async def room(talk: Talk) -> Newsroom:
    return Newsroom(await at_work(talk, "Amira", "editor"))


async def another(room: Newsroom, name: str = "Bahar", role: str = "editor") -> Talk:
    return await at_work(room.talk.elsewhere(f"of {name}"), name, role)


def heard(messages: Sequence[Message]) -> str:
    return "\n\n".join(plain(message) for message in messages)


def labels(message: Message) -> list[str]:
    return [choice.label for choice in message.choices]


# ── Who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", ["/broadcast Hello to all of you", "/broadcasts", "/draft 1"])
async def test_to_everybody_else_it_is_no_command(talk: Talk, line: str) -> None:
    await talk.subscribed()
    replies = await talk.say(line)
    assert "no command" in heard(replies) or "What you can do here" in heard(replies)
    assert await talk.db.read(broadcasts.latest) == []


async def test_a_counsellor_and_a_partner_send_nothing_to_many(room: Newsroom) -> None:
    for name, role in (("Cyrus", "counsellor"), ("Dila", "partner")):
        await (await another(room, name, role)).say("/broadcast Hello to all of you")
    assert await room.talk.db.read(broadcasts.latest) == []


# ── The draft ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_text_becomes_a_draft_with_a_preview_at_once_and_a_card_once_the_people_are_counted(
    room: Newsroom,
) -> None:
    await room.crowd(3)
    await room.crowd(2, language="fa-AF")
    (preview,) = await room.talk.say(f"/broadcast The centre is closed\n\n{ENGLISH}")
    assert (preview.title, plain(preview)) == ("The centre is closed", f"The centre is closed\n\n{ENGLISH}")
    (card,) = await room.look()
    assert "everybody who gets our news" in plain(card)
    assert "5 people: 5 on Telegram." in plain(card)
    assert "English 3, دری 2." in plain(card)
    assert labels(card) == [
        *("Countries", "Topics", "Languages", "Channels", "Text, or other language"),
        *("Test to me", "Urgent …", "Drop it", "Send …"),
    ]
    assert await room.look() == []


async def test_without_a_text_it_asks_for_one(room: Newsroom) -> None:
    assert "Send me the text now" in heard(await room.talk.say("/broadcast"))
    (preview,) = await room.talk.say(ENGLISH)
    assert plain(preview) == ENGLISH
    assert "Draft" in heard(await room.look())
    assert (await room.newest()).texts == {"en": {"title": "", "text": ENGLISH}}


async def test_what_is_typed_is_the_text_whatever_words_it_begins_with(room: Newsroom) -> None:
    await room.talk.say("/broadcast")
    await room.talk.say("News: the centre in Erbil is closed.")
    assert (await room.newest()).texts["en"]["text"] == "News: the centre in Erbil is closed."


async def test_a_forwarded_post_is_a_draft(room: Newsroom) -> None:
    update = Said(id="f1", address=room.talk.name, at=NOW, text=ENGLISH, forwarded=True)
    assert plain((await room.talk.update(update))[0]) == ENGLISH
    assert (await room.newest()).texts["en"]["text"] == ENGLISH


async def test_what_others_forward_is_no_draft(room: Newsroom, talk: Talk) -> None:
    person = await room.talk.elsewhere("9").subscribed()
    await person.update(Said(id="f1", address="9", at=NOW, text=ENGLISH, forwarded=True))
    assert await talk.db.read(broadcasts.latest) == []


async def test_it_knows_in_which_language_a_text_is(room: Newsroom) -> None:
    (preview,) = await room.talk.say(f"/broadcast {DARI}")
    assert (preview.language, preview.rtl) == ("fa-AF", True)
    assert list((await room.newest()).texts) == ["fa-AF"]


async def test_another_language_is_a_text_more(room: Newsroom) -> None:
    await room.draft()
    await room.talk.press("Text, or other language")
    await room.talk.press("دری")
    (preview,) = await room.talk.say(DARI)
    assert preview.language == "fa-AF"
    (card,) = await room.look()
    assert "The text is in English and دری." in plain(card)
    assert set((await room.newest()).texts) == {"en", "fa-AF"}
    await room.talk.press("Text, or other language")
    await room.talk.press("✓ دری")
    await room.talk.press("Take this text out")
    assert set((await room.newest()).texts) == {"en"}


async def test_a_forwarded_translation_is_the_text_that_was_asked_for(room: Newsroom) -> None:
    draft = await room.draft()
    await room.talk.line(f"/draft {draft.id} text fa-AF")
    await room.talk.update(Said(id="f1", address=room.talk.name, at=NOW, text=DARI, forwarded=True))
    assert set((await room.newest()).texts) == {"en", "fa-AF"}


async def test_countries_are_toggles_and_the_people_are_counted_anew(room: Newsroom) -> None:
    await room.crowd(2)
    await room.crowd(1, all_countries=False)
    draft = await room.draft()
    (page,) = await room.talk.press("Countries")
    assert page.replaces == "77"
    (page,) = await room.talk.press("Iraq")
    assert "✓ Iraq" in labels(page)
    assert "people who follow Iraq" in plain(page)
    await room.talk.press("Afghanistan")
    await room.talk.press("✓ Iraq")
    (waiting,) = await room.talk.press("Done")
    assert "Counting the people" in plain(waiting)
    (card,) = await room.look()
    assert "2 people" in plain(card)
    assert card.replaces == "77"
    assert (await room.there(draft.id)).audience == {"countries": ["AF"]}
    await room.talk.press("✓ Countries")
    await room.talk.press("No matter which")
    assert (await room.there(draft.id)).audience == {"countries": []}


@pytest.mark.parametrize(
    ("typed", "side", "names"),
    [
        ("countries Turkey", "countries", ["TR"]),
        ("countries +me", "countries", ["ME"]),
        ("topics +visas-pathways", "topics", ["visas-pathways"]),
        ("languages +fa-af", "languages", ["fa-AF"]),
        ("countries nowhere", "countries", []),
        ("channels +pigeon", "channels", []),
    ],
)
async def test_each_side_is_chosen_by_a_line_as_well(room: Newsroom, typed: str, side: str, names: list[str]) -> None:
    draft = await room.draft()
    await room.talk.say(f"/draft {draft.id} {typed}")
    assert (await room.there(draft.id)).audience == {side: names}


async def test_a_test_goes_to_nobody_but_the_editor(room: Newsroom) -> None:
    await room.crowd(3)
    draft = await room.draft()
    await room.talk.line(f"/draft {draft.id} text fa-AF")
    await room.talk.say(DARI)
    await room.look()
    tests = await room.talk.press("Test to me")
    assert [plain(message) for message in tests] == [ENGLISH, DARI]
    assert "Draft" in heard(await room.look())
    assert (await room.there(draft.id)).state == "draft"


async def test_a_draft_that_is_dropped_is_gone(room: Newsroom) -> None:
    draft = await room.draft()
    assert "Nobody got it" in heard(await room.talk.press("Drop it"))
    assert (await room.there(draft.id)).state == "cancelled"
    assert await room.talk.db.read(broadcasts.latest) == []


async def test_every_button_is_a_line_of_at_most_64_bytes(room: Newsroom) -> None:
    draft = await room.draft()
    for page in ("", "countries", "topics", "languages", "channels", "text", "urgent", "send"):
        for message in await room.talk.say(f"/draft {draft.id} {page}"):
            assert all(len(choice.say.encode()) <= 64 for choice in message.choices)


# ── Pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def pictured(room: Newsroom, caption: str = "", file: str = "f1") -> list[Message]:
    return await room.talk.update(
        Attached(id=f"p{next(room._ids)}", address=room.talk.name, at=NOW, kind="image", text=caption, file=file)
    )


async def test_a_picture_is_fetched_kept_and_shown(room: Newsroom) -> None:
    room.account.kept["f1"] = PNG
    assert "One moment" in heard(await pictured(room, ENGLISH))
    preview, card = await room.look()
    assert preview.attachments[0].data == PNG
    assert "Please describe the picture" in plain(card)
    await room.talk.press("Describe the picture")
    await room.talk.say("The door of the centre")
    draft = await room.newest()
    assert draft.content["picture"]["alt"] == "The door of the centre"
    kept = await room.talk.db.read(pictures.get, draft.content["picture"]["name"])
    assert kept
    assert (kept.data, kept.mime) == (PNG, "image/png")


async def test_a_picture_alone_waits_for_its_text(room: Newsroom) -> None:
    room.account.kept["f1"] = PNG
    await pictured(room)
    (card,) = await room.look()
    assert "There is no text yet" in plain(card)
    assert "It has no text yet" in heard(await room.talk.press("Send …"))


@pytest.mark.parametrize("data", [None, b"%PDF-1.7", b"GIF89a", PNG + b" " * 5 * 1024 * 1024])
async def test_what_is_no_picture_that_we_send_is_not_taken(room: Newsroom, data: bytes | None) -> None:
    if data:
        room.account.kept["f1"] = data
    await pictured(room, ENGLISH)
    *_, card = await room.look()
    assert "I could not get that picture" in plain(card)
    assert "picture" not in (await room.newest()).content


async def test_a_picture_for_the_draft_that_waits_for_words_goes_with_it(room: Newsroom) -> None:
    room.account.kept["f1"] = PNG
    await room.talk.say("/broadcast")
    await pictured(room, ENGLISH)
    await room.look()
    draft = await room.newest()
    assert set(draft.content) == {"en", "picture"}
    assert len(await room.talk.db.read(broadcasts.latest)) == 1


# ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_sending_asks_once_with_the_number_and_shows_how_it_goes_in_the_same_place(room: Newsroom) -> None:
    await room.crowd(3)
    draft = await room.draft()
    (question,) = await room.talk.press("Send …")
    assert plain(question) == "Send this to 3 people?"
    assert labels(question) == ["Back", "Yes, send it"]
    (card,) = await room.talk.press("Yes, send it")
    assert "beginning" in plain(card)
    sent = await room.there(draft.id)
    assert (sent.state, sent.size, sent.trial) == ("planning", 3, 1)
    assert [(note.who, note.deed) for note in await room.audit()] == [("Amira", "sent")]


async def test_pressed_twice_it_is_sent_once(room: Newsroom) -> None:
    await room.crowd(3)
    draft = await room.draft()
    await room.talk.press("Send …")
    say = room.talk.button("Yes, send it").say
    await room.talk.line(say)
    (card,) = await room.talk.line(say)
    assert "beginning" in plain(card)
    assert len(await room.audit()) == 1
    assert (await room.there(draft.id)).state == "planning"


async def test_nobody_is_not_written_to(room: Newsroom) -> None:
    await room.draft()
    assert "Nobody would get it" in heard(await room.talk.press("Send …"))


async def test_few_out_of_many_are_not_singled_out(room: Newsroom) -> None:
    await room.crowd(100)
    await room.crowd(9, language="fa-AF")
    draft = await room.draft()
    assert "English 100, دری fewer than 10." in room.talk.heard
    await room.talk.line(f"/draft {draft.id} languages +fa-af")
    await room.talk.line(f"/draft {draft.id}")
    (card,) = await room.look()
    assert "fewer than 10 people" in plain(card)
    assert "9" not in plain(card)
    refusal = heard(await room.talk.press("Send …"))
    assert "So few could be told apart" in refusal
    assert "So few could be told apart" in heard(await room.talk.line(f"/draft {draft.id} yes"))
    assert (await room.there(draft.id)).state == "draft"


async def test_a_count_of_other_people_than_those_chosen_now_is_not_shown(room: Newsroom) -> None:
    await room.crowd(3)
    await room.talk.say(f"/broadcast {ENGLISH}")
    seen = await room.newest()
    await room.talk.say(f"/draft {seen.id} languages +fa-af")  # while they were counted
    await room.cards._work_at(seen)
    assert (await room.newest()).reach is None
    assert "Nobody: there is no one like that" in heard(await room.look())


async def test_it_is_not_sent_before_its_people_are_counted(room: Newsroom) -> None:
    await room.crowd(3)
    await room.talk.say(f"/broadcast {ENGLISH}")
    draft = await room.newest()
    assert "still being counted" in heard(await room.talk.line(f"/draft {draft.id} yes"))
    assert (await room.there(draft.id)).state == "draft"


# ── Urgent ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def made_urgent(room: Newsroom) -> Broadcast:
    await room.crowd(3)
    draft = await room.draft()
    await room.talk.press("Urgent …")
    await room.talk.say("Shelling near the centre")
    await room.look()
    return await room.there(draft.id)


async def test_what_is_urgent_needs_a_reason_and_a_second_editor(room: Newsroom) -> None:
    bahar = await another(room)
    draft = await made_urgent(room)
    assert (draft.urgent, draft.reason) == (True, "Shelling near the centre")
    await room.talk.press("Send …")
    (card,) = await room.talk.press("Ask for the second yes")
    assert "I asked Bahar" in plain(card)
    assert (await room.there(draft.id)).state == "draft"
    preview, question = await room.look(bahar)
    assert plain(preview) == ENGLISH
    assert "Amira wants to send this now" in plain(question)
    assert "Shelling near the centre" in plain(question)
    await bahar.press("Yes, send it")
    sent = await room.there(draft.id)
    assert (sent.state, sent.approved_by) == ("planning", "Bahar")
    assert [(note.who, note.deed, note.why) for note in await room.audit()] == [
        ("Bahar", "approved", "Shelling near the centre"),
        ("Amira", "made urgent", "Shelling near the centre"),
    ]


async def test_nobody_is_their_own_second_person(room: Newsroom) -> None:
    await another(room)
    draft = await made_urgent(room)
    await room.talk.press("Send …")
    await room.talk.press("Ask for the second yes")
    assert "somebody else than you" in heard(await room.talk.line(f"/draft {draft.id} second yes"))
    assert (await room.there(draft.id)).state == "draft"


async def test_a_no_sends_nothing(room: Newsroom) -> None:
    bahar = await another(room)
    draft = await made_urgent(room)
    await room.talk.press("Send …")
    await room.talk.press("Ask for the second yes")
    await room.look(bahar)
    yes = bahar.button("Yes, send it").say
    await bahar.press("No, do not send it")
    assert "It was changed since" in heard(await bahar.line(yes))
    assert (await room.there(draft.id)).state == "draft"


async def test_a_yes_is_to_what_was_read(room: Newsroom) -> None:
    bahar = await another(room)
    draft = await made_urgent(room)
    await room.talk.press("Send …")
    await room.talk.press("Ask for the second yes")
    await room.look(bahar)
    await room.talk.line(f"/draft {draft.id} text en")
    await room.talk.say("Something else altogether.")
    assert "It was changed since" in heard(await bahar.press("Yes, send it"))
    assert (await room.there(draft.id)).state == "draft"


async def test_without_a_second_editor_it_says_so(room: Newsroom) -> None:
    await made_urgent(room)
    assert "There is no second editor" in heard(await room.talk.press("Send …"))


# ── Reins ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_progress_is_one_message_that_changes_and_ends_as_the_report(room: Newsroom) -> None:
    sent = await room.sent(10)
    await room.talk.db.write(end, sent.id, "sent", 5)
    (card,) = await room.look()
    assert card.replaces == "77"
    assert "▓▓▓▓▓░░░░░ 50 %" in plain(card)
    assert "5 people got it" in plain(card)
    assert "5 wait for it" in plain(card)
    assert labels(card) == ["Pause", "Cancel …", "Withdraw …"]
    await room.talk.db.write(end, sent.id, "gone", 1)
    await room.talk.db.write(end, sent.id, "sent", 4)
    report, word = await room.look()
    assert report.replaces == "77"
    assert "100 %" in plain(report)
    assert "9 people got it" in plain(report)
    assert "1 can no longer be reached" in plain(report)
    assert labels(report) == ["Correct …", "Withdraw …"]
    assert "is over. 9 people got it." in plain(word)


async def edits_waiting(room: Newsroom) -> int:
    queued = schema.deliveries.c.broadcast_id.is_(None) & (schema.deliveries.c.state == "pending")
    return len(await room.talk.db.read(lambda c: c.execute(schema.deliveries.select().where(queued)).all()))


async def test_it_is_edited_every_few_seconds_at_most(room: Newsroom) -> None:
    sent = await room.sent(10)
    await room.look()
    for _ in range(2):
        room.clock.ahead += 1
        await room.talk.db.write(end, sent.id, "sent", 1)
        await room.brake.look()
        await room.cards.look()
    assert await edits_waiting(room) == 0
    room.clock.ahead += 10
    await room.cards.look()
    assert await edits_waiting(room) == 1


async def test_no_edit_overtakes_one_that_is_on_its_way(room: Newsroom) -> None:
    sent = await room.sent(10)
    for _ in range(5):
        room.clock.ahead += 100
        await room.talk.db.write(end, sent.id, "sent", 1)
        await room.brake.look()
        await room.cards.look()
    assert await edits_waiting(room) == 1


async def test_after_a_restart_the_report_still_comes_to_where_the_progress_was(room: Newsroom) -> None:
    sent = await room.sent(3)
    await room.look()
    room.begin()
    await room.talk.db.write(end, sent.id, "sent", 3)
    report, _ = await room.look()
    assert report.replaces == "77"
    assert "3 people got it" in plain(report)


async def test_pause_go_on_and_cancel_are_pressed_under_it(room: Newsroom) -> None:
    sent = await room.sent(4)
    await room.look()
    (card,) = await room.talk.press("Pause")
    assert "paused" in card.title
    assert "Amira paused it." in plain(card)
    await room.look()
    assert "4 wait until it goes on" in room.talk.heard
    (card,) = await room.talk.press("Go on")
    assert "sending" in card.title
    (question,) = await room.talk.press("Cancel …")
    assert labels(question) == ["No, leave it", "Yes, cancel it"]
    assert (await room.there(sent.id)).state == "sending"
    await room.talk.press("Yes, cancel it")
    assert "4 were not sent it any more" in heard(await room.look())
    assert (await room.there(sent.id)).state == "cancelled"
    assert [note.deed for note in await room.audit()] == ["cancelled", "resumed", "paused", "sent"]


async def test_an_old_button_does_nothing_twice(room: Newsroom) -> None:
    await room.sent(2)
    await room.look()
    say = room.talk.button("Pause").say
    await room.talk.line(say)
    assert "cannot be done any more" in heard(await room.talk.line(say))


async def test_when_it_stops_by_itself_who_sent_it_is_told_in_a_message_of_its_own_with_the_reins(
    room: Newsroom,
) -> None:
    bahar = await another(room)
    sent = await room.sent(20)
    await room.talk.db.write(end, sent.id, "refused", 6)
    card, alarm = await room.look()
    assert (card.replaces, alarm.replaces) == ("77", "")
    assert "the app refused 6 of 6 messages" in plain(alarm)
    assert labels(alarm) == ["Go on", "Cancel …", "Withdraw …"]
    (card,) = await room.look()  # the rows followed: shown in the message that told of it
    assert "14 wait until it goes on" in plain(card)
    assert card.replaces.startswith("m")
    await room.talk.press("Go on")
    assert (await room.there(sent.id)).state == "sending"
    assert await room.look(bahar) == []


async def test_news_that_stops_by_itself_is_told_to_all_editors(room: Newsroom) -> None:
    bahar = await another(room)
    await room.crowd(10)

    def deed(conn: Connection) -> None:
        made = scene.a_dispatch(conn, at=NOW)
        planning.broadcast_dispatch(conn, made, NOW, None)
        (broadcast_id,) = planning.to_plan(conn)
        while planning.plan_chunk(conn, broadcast_id, NOW) is not None:
            pass
        end(conn, broadcast_id, "refused", 6)

    await room.talk.db.write(deed)
    assert "“Title”" in heard(await room.look())
    person = await bahar.person()
    assert "“Title”" in heard(await room.talk.db.write(room._arrived, person.id))


async def test_the_list_shows_the_latest_first_each_with_its_state(room: Newsroom) -> None:
    sent = await room.sent(2)
    draft = await room.draft("Something else for all of you to read.")
    (listed,) = await room.talk.say("/broadcasts")
    words = plain(listed)
    assert words.index(f"{draft.id} · ") < words.index(f"{sent.id} · ")
    assert "draft" in words
    assert "sending" in words
    assert "“The centre in Erbil is closed" in words
    (shown,) = await room.talk.press(f"Look at {draft.id}")
    assert f"Draft {draft.id}" in plain(shown)


@pytest.mark.parametrize("line", ["/broadcasts 99", "/broadcasts x", "/draft 99", "/draft", "/broadcasts -1"])
async def test_a_number_that_there_is_not_is_answered_kindly(room: Newsroom, line: str) -> None:
    assert "I know no broadcast of that number." in heard(await room.talk.say(line))


# ── Correcting, taking back ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_correction_goes_to_those_who_got_it(room: Newsroom) -> None:
    sent = await room.sent(4)
    got = await room.talk.db.write(end, sent.id, "sent", 2)
    await room.talk.db.write(end, sent.id, "gone", 2)
    await room.look()
    await room.talk.press("Correct …")
    (preview,) = await room.talk.say("The centre in Erbil is open after all.")
    assert plain(preview) == (
        "The centre in Erbil is open after all.\n\nThis is corrected. It replaces what we sent before."
    )
    (card,) = await room.look()
    assert f"Correction of broadcast {sent.id}" in plain(card)
    assert "Countries" not in labels(card)
    await room.talk.press("Send …")
    await room.talk.press("Yes, send it")
    correction = await room.newest()
    await room.plan(correction.id)
    assert await room.talk.db.read(scene.recipients, correction.id) == sorted(got)
    assert (await room.there(sent.id)).texts["en"]["text"] == ENGLISH


async def test_a_correction_in_one_language_says_which_ones_are_as_they_were(room: Newsroom) -> None:
    await room.crowd(2)
    draft = await room.draft()
    await room.talk.line(f"/draft {draft.id} text fa-AF")
    await room.talk.say(DARI)
    await room.look()
    await room.talk.press("Send …")
    await room.talk.press("Yes, send it")
    await room.plan(draft.id)
    await room.talk.db.write(broadcasts.widen, draft.id)
    await room.plan(draft.id)
    await room.talk.db.write(end, draft.id, "sent", 2)
    await room.look()
    await room.talk.press("Correct …")
    await room.talk.press("✓ English")
    await room.talk.say("The centre in Erbil is open after all.")
    assert "Still as it was: دری." in heard(await room.look())


async def test_what_is_withdrawn_is_replaced_by_a_word_that_it_was(room: Newsroom) -> None:
    sent = await room.sent(4)
    await room.talk.db.write(end, sent.id, "sent", 3)
    await room.look()
    (question,) = await room.talk.press("Withdraw …")
    assert "3 people got it" in plain(question)
    await room.talk.press("Yes, withdraw it")
    await room.look()
    (correction,) = await room.talk.db.read(planning.to_plan)
    await room.plan(correction)
    assert len(await room.talk.db.read(scene.recipients, correction)) == 3
    ended = await room.there(sent.id)
    assert (ended.state, ended.counts) == ("withdrawn", {"sent": 3, "withdrawn": 1})
    said = announcement((await room.there(correction)).content, phrases("en"), None)
    assert said.title == "This message was withdrawn."
    assert ENGLISH not in plain(said)
