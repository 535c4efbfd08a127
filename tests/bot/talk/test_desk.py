"""Editors by chat: what waits comes to them, the first press wins, and what they correct is what people get."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.delivery.compose import decode
from bot.news import intake
from bot.news.intake import WAITS
from bot.news.read import Reader
from bot.talk import notices
from channels.contract import Message, Said
from channels.wording import plain
from config.messages import languages
from storage import accounts, dispatches, people, planning, schema, sources, staff
from storage.database import Connection
from storage.deliveries import MESSAGE
from storage.dispatches import Stored
from tests.bot.talk.conftest import NOW, Talk, kept
from tests.bot.talk.test_binding import at_work, hire

TEXT = "The centre in Erbil opens at eight in the morning. It is shut on Fridays. Nobody has to pay for anything there."
SUMMARY = "The centre in Erbil opens at eight in the morning."


async def held(talk: Talk, text: str = TEXT, **given: Any) -> int:
    """A dispatch that waits."""
    given = {"summary": SUMMARY, "countries": ["IQ"], "topics": ["return-reintegration"]} | given
    number: int = await talk.db.write(kept, given.pop("title", ""), text, status="held", **given)
    await talk.db.write(dispatches.move, number, "held", given.get("why", WAITS), only_from=["held"])
    return number


async def stored(talk: Talk, number: int) -> Stored:
    found = await talk.db.read(dispatches.get, number)
    assert found
    return found


async def editor(talk: Talk, name: str = "Leila", chat: str = "2001", role: str = "editor") -> Talk:
    return await at_work(talk.elsewhere(chat), name, role)


async def given(talk: Talk) -> list[str]:
    """Give what is due, and return the accounts that it goes out on."""
    if not await talk.db.read(notices.due):
        return []
    accounts_: set[str] = await talk.db.write(notices.give, talk.keys, talk.conversation.begin, talk.now)
    return sorted(accounts_)


async def sent_to(talk: Talk) -> list[Message]:
    """The notices that are queued for this person."""
    person = await talk.person()

    def query(conn: Connection) -> list[Message]:
        mine = schema.deliveries.select().where(schema.deliveries.c.recipient_id == person.id)
        return [
            decode(talk.keys.unseal(MESSAGE, row.record, row.sealed))
            for row in conn.execute(mine.order_by(schema.deliveries.c.id))
        ]

    found: list[Message] = await talk.db.read(query)
    return found


async def deeds(talk: Talk) -> list[tuple[str, str, str]]:
    notes = await talk.db.read(staff.notes)
    return [(n.who, n.deed, n.about) for n in reversed(notes) if n.about.startswith("dispatch")]


async def planned(talk: Talk) -> int:
    return len(await talk.db.read(planning.to_plan))


# ── Cards that come by themselves ────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_comes_to_every_editor_once(talk: Talk) -> None:
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002", "admin")
    partner, person = await editor(talk, "Parwana", "2003", "partner"), talk.elsewhere("2004")
    number = await held(talk)
    assert await given(talk) == ["main"]
    assert await given(talk) == []
    for who in (leila, omar):
        (card,) = await sent_to(who)
        assert plain(card).startswith(f"News {number} waits for an editor\n\n{SUMMARY}")
        assert [choice.label for choice in card.choices] == [
            "Approve",
            "Hold",
            "Edit summary",
            "Correct countries, topics",
            "Read all of it",
        ]
    assert [await sent_to(who) for who in (partner, person)] == [[], []]


async def test_a_card_says_what_an_editor_has_to_know(talk: Talk) -> None:
    leila = await editor(talk)
    number = await held(talk, title="Opening hours", places=[{"name": "Erbil", "country": "IQ"}])
    await given(talk)
    (card,) = await sent_to(leila)
    assert plain(card) == (
        f"News {number} waits for an editor\n\n"
        f"Opening hours\n{SUMMARY}\nErbil, Iraq · 23 Nov 2026\nSource: Silk Routes (https://news.example.org/1)\n\n"
        "Countries: Iraq\nTopics: Return and reintegration\n\n"
        "Why it waits: its source is not trusted."
    )


async def test_of_very_much_five_come_as_cards_and_the_rest_as_a_line(talk: Talk) -> None:
    leila = await editor(talk)
    numbers = [await held(talk, f"Claim {n}. {TEXT}", fingerprint=bytes([n])) for n in range(12)]
    await given(talk)
    *cards, rest = await sent_to(leila)
    assert [card.title for card in cards] == [f"News {number} waits for an editor" for number in numbers[:5]]
    assert plain(rest).startswith("And 7 more wait for an editor.")
    assert [choice.say for choice in rest.choices] == ["/waiting"]


async def test_what_waits_is_kept_for_the_first_editor_who_can_be_reached(talk: Talk) -> None:
    number = await held(talk)
    assert await given(talk) == []
    lost = await editor(talk, "Omar", "2002")
    person = await lost.person()
    await talk.db.write(lambda conn: conn.execute(schema.addresses.update().values(state="gone")))
    assert await given(talk) == []
    assert await sent_to(lost) == []
    leila = await editor(talk)
    assert await given(talk) == ["main"]
    assert [card.title for card in await sent_to(leila)] == [f"News {number} waits for an editor"]
    assert person.id != (await leila.person()).id


async def test_a_card_comes_in_the_language_of_the_editor_else_in_english(talk: Talk) -> None:
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002")
    await omar.say(f"/language {languages()[-1]}")
    await held(talk)
    await given(talk)
    assert [(await sent_to(who))[0].language for who in (leila, omar)] == ["en", languages()[-1]]


# ── The first press wins ─────────────────────────────────────────────────────────────────────────────────────────────


async def shown(talk: Talk, number: int) -> Talk:
    """The card on their screen."""
    await talk.say(f"/show {number}")
    return talk


async def test_the_first_press_wins_and_the_second_is_told_who_and_when(talk: Talk) -> None:
    number = await held(talk)
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002")
    await shown(leila, number)
    await shown(omar, number)

    (after,) = await leila.press("Approve")
    assert after.replaces == "77"
    assert plain(after).startswith(
        f"News {number} is in the news\n\nApproved by Leila, 24 Nov 2026, 15:00.\n\n"
        f"It goes to the people whom it concerns.\n\nTo take it out of the news again: /withdraw {number}\n\n{SUMMARY}"
    )
    assert await planned(talk) == 1

    (second,) = await omar.press("Hold")
    assert second.replaces == "77"
    assert plain(second).startswith(f"News {number} is in the news\n\nApproved by Leila, 24 Nov 2026, 15:00.")
    assert second.choices == ()
    assert (await stored(talk, number)).status == "ready"
    assert await deeds(talk) == [("Leila", "approved", f"dispatch {number}")]


async def test_held_stays_out_and_whoever_comes_next_sees_it_before_they_decide(talk: Talk) -> None:
    number = await held(talk)
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002")
    await shown(leila, number)
    await shown(omar, number)
    await leila.press("Hold")
    assert leila.heard.startswith(f"News {number} is held\n\nHeld by Leila")
    assert "Held by Leila, 24 Nov 2026, 15:00. It stays out of the news until somebody approves it." in leila.heard

    (second,) = await omar.press("Approve")  # on a card that does not say so
    assert "Held by Leila" in plain(second)
    assert (await stored(talk, number)).status == "held"
    await omar.press("Approve")
    assert "Approved by Omar" in omar.heard
    assert (await stored(talk, number)).status == "ready"


async def test_what_is_held_can_be_withdrawn_for_good(talk: Talk) -> None:
    number = await held(talk)
    leila = await shown(await editor(talk), number)
    await leila.press("Hold")
    await leila.press("Withdraw")
    assert leila.heard.startswith(f"News {number} is withdrawn\n\nWithdrawn by Leila, 24 Nov 2026, 15:00.")
    await leila.say(f"/approve {number}")
    assert "Withdrawn by Leila" in leila.heard
    assert (await stored(talk, number)).status == "withdrawn"
    assert [deed for _, deed, _ in await deeds(talk)] == ["held", "withdrew"]


@pytest.mark.parametrize(("line", "status"), [("/hold", "held"), ("/withdraw", "withdrawn")])
async def test_what_is_in_the_news_is_taken_out_by_a_typed_command(talk: Talk, line: str, status: str) -> None:
    number = await talk.db.write(kept, "Out already", TEXT)
    leila = await editor(talk)
    await leila.say(f"{line} {number}")
    assert "by Leila, 24 Nov 2026, 15:00." in leila.heard
    assert (await stored(talk, number)).status == status
    assert await given(talk) == []  # no card about what an editor has just done


async def test_a_card_that_says_something_else_by_now_is_shown_anew(talk: Talk) -> None:
    number = await held(talk)
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002")
    await shown(omar, number)
    await leila.say(f"/summary {number} The centre is shut.")
    (again,) = await omar.press("Approve")
    assert "It changed since you saw it. Please look again.\n\nThe centre is shut." in plain(again)
    assert (await stored(talk, number)).status == "held"
    await omar.press("Approve")
    assert (await stored(talk, number)).status == "ready"


async def test_what_is_too_old_is_approved_for_reading_only(talk: Talk) -> None:
    number = await held(talk)
    await talk.db.write(lambda conn: conn.execute(schema.dispatches.update().values(push=False)))
    leila = await editor(talk)
    await leila.say(f"/approve {number}")
    assert "It is too old to be sent to anybody. People find it with /news." in leila.heard
    assert await planned(talk) == 0


async def test_what_the_operator_decided_at_the_shell_is_told_too(talk: Talk) -> None:
    number = await held(talk)
    leila = await shown(await editor(talk), number)
    await talk.db.write(notices.approve, talk.keys, talk.conversation.begin, staff.SHELL, number, NOW, NOW - NOW)
    await leila.press("Approve")
    assert "Approved by the operator, 24 Nov 2026, 15:00." in leila.heard


@pytest.mark.parametrize("line", ["/approve", "/hold 4711", "/withdraw x", "/summary 99 new", "/correct ٣"])
async def test_a_number_that_is_none_is_told(talk: Talk, line: str) -> None:
    leila = await editor(talk)
    await leila.say(line)
    assert leila.heard.startswith("I know no news of that number.")


# ── What waits, in a list ────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_waits_is_listed_five_at_a_time(talk: Talk) -> None:
    leila = await editor(talk)
    await leila.say("/waiting")
    assert leila.heard.startswith("Nothing waits for an editor.")
    numbers = [await held(talk, f"Claim {n}. {TEXT}", fingerprint=bytes([n])) for n in range(7)]
    await leila.say("/waiting")
    assert leila.heard.startswith("7 pieces of news wait for an editor.")
    assert leila.buttons == [*(f"Look at {number}" for number in numbers[:5]), "Next"]
    (page,) = await leila.press("Next")
    assert page.replaces == "77"
    assert leila.buttons == [f"Look at {number}" for number in numbers[5:]]
    await leila.press(f"Look at {numbers[6]}")
    assert leila.heard.startswith(f"News {numbers[6]} waits for an editor")


async def test_all_of_a_dispatch_is_read_before_it_is_decided(talk: Talk) -> None:
    leila = await shown(await editor(talk), await held(talk))
    await leila.press("Read all of it")
    assert TEXT in leila.heard
    await leila.press("Back to the card")
    assert "Approve" in leila.buttons


# ── Summaries ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_next_message_is_the_summary(talk: Talk) -> None:
    number = await held(talk)
    leila = await shown(await editor(talk), number)
    await leila.press("Edit summary")
    assert leila.heard.startswith(
        f"The summary of news {number}\n\nWrite the summary now, in one message of 300 characters at the most.\n\n"
        f"It is now:\n\n{SUMMARY}"
    )
    await leila.say("News from Erbil:\nthe centre opens  at eight.")
    assert leila.heard.startswith(f"News {number} waits for an editor\n\nThe summary is changed.\n\nNews from Erbil:")
    found = await stored(talk, number)
    assert (found.summary, found.text) == ("News from Erbil: the centre opens at eight.", TEXT)
    await leila.press("Approve")
    assert (await stored(talk, number)).status == "ready"
    assert [deed for _, deed, _ in await deeds(talk)] == ["summarised", "approved"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("x" * 301, "That has 301 characters. Please make it shorter."),
        ("…!?", "There is no word in that."),
    ],
)
async def test_a_summary_that_does_not_fit_is_asked_for_again(talk: Talk, words: str, told: str) -> None:
    number = await held(talk)
    leila = await editor(talk)
    await leila.say(f"/summary {number}")
    await leila.say(words)
    assert told in leila.heard
    assert (await stored(talk, number)).summary == SUMMARY
    await leila.say("ک" * 300)
    assert (await stored(talk, number)).summary == "ک" * 300


@pytest.mark.parametrize("way_out", ["Cancel", "/news", "/waiting", "the button"])
async def test_who_does_something_else_writes_no_summary(talk: Talk, way_out: str) -> None:
    number = await held(talk)
    leila = await editor(talk)
    await leila.say(f"/summary {number}")
    if way_out == "the button":
        await leila.press("Leave it as it is")
    else:
        await leila.say(way_out)
    await leila.say("Iraq")
    assert (await stored(talk, number)).summary == SUMMARY


async def test_a_summary_of_what_was_decided_meanwhile_changes_nothing(talk: Talk) -> None:
    number = await held(talk)
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002")
    await leila.say(f"/summary {number}")
    await omar.say(f"/approve {number}")
    await leila.say("Something else.")
    assert "Approved by Omar" in leila.heard
    assert (await stored(talk, number)).summary == SUMMARY
    assert (await leila.person()).step == ""


async def test_stop_is_stop_also_for_who_is_writing_a_summary(talk: Talk) -> None:
    number = await held(talk)
    leila = await editor(talk)
    await leila.subscribed()
    await leila.say(f"/summary {number}")
    await leila.say("stop")
    assert not (await leila.person()).subscribed
    assert (await stored(talk, number)).summary == SUMMARY


# ── Countries and topics ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_countries_and_topics_are_corrected_by_taps(talk: Talk) -> None:
    number = await held(talk)
    leila = await shown(await editor(talk), number)
    (page,) = await leila.press("Correct countries, topics")
    assert page.replaces == "77"
    await leila.press("✓ Iraq")
    await leila.press("Pakistan")
    assert (await stored(talk, number)).countries == ("PK",)
    await leila.press("Topics")
    await leila.press("✓ Return and reintegration")
    found = await stored(talk, number)
    assert (found.countries, found.topics) == (("PK",), ())
    await leila.press("Done")
    assert "Countries: Pakistan\nTopics: none, so only for those with all topics" in leila.heard
    assert [deed for _, deed, _ in await deeds(talk)] == ["corrected"] * 3


@pytest.mark.parametrize(
    ("line", "countries"),
    [("+tr", ("IQ", "TR")), ("Turkey", ("IQ", "TR")), ("-iq", ()), ("+me", ("IQ", "ME")), ("nowhere", ("IQ",))],
)
async def test_a_country_is_named_in_a_line(talk: Talk, line: str, countries: tuple[str, ...]) -> None:
    number = await held(talk)
    leila = await editor(talk)
    await leila.say(f"/correct {number} {line}")
    assert (await stored(talk, number)).countries == countries


async def test_what_is_in_the_news_is_not_corrected_here(talk: Talk) -> None:
    number = await talk.db.write(kept, "Out already", TEXT, countries=["IQ"])
    leila = await editor(talk)
    await leila.say(f"/correct {number} -iq")
    await leila.say(f"/summary {number} Other words.")
    found = await stored(talk, number)
    assert (found.countries, found.summary) == (("IQ",), TEXT)


# ── Handing in ───────────────────────────────────────────────────────────────────────────────────────────────────────

NEWS = "Lahore, Pakistan: The office gives new forms for work visas to everyone who asks for one, on each Monday."


async def test_a_partner_hands_in_and_hears_when_it_is_approved(talk: Talk) -> None:
    leila, parwana = await editor(talk), await editor(talk, "Parwana", "2003", "partner")
    await parwana.say(f"/handin {NEWS}")
    assert parwana.heard == "Thank you. An editor looks at it."
    await given(talk)
    (card,) = await sent_to(leila)
    assert "Why it waits: Parwana handed it in." in plain(card)
    assert "Countries: Pakistan\nTopics: " in plain(card)
    assert "Visas" in plain(card)
    (waits,) = await talk.db.read(dispatches.waiting)
    assert (waits.source, waits.why, waits.push) == ("Staff", "handed in by Parwana", True)

    await leila.line(card.choices[0].say)
    (thanks,) = await sent_to(parwana)
    assert plain(thanks).startswith("Your news is approved: The office gives new forms")
    assert await planned(talk) == 1
    assert [deed for _, deed, _ in await deeds(talk)] == ["handed in", "approved"]


async def test_the_words_may_come_in_the_next_message(talk: Talk) -> None:
    parwana = await editor(talk, "Parwana", "2003", "partner")
    await parwana.say("/handin")
    assert "Send the news now, in one message." in parwana.heard
    await parwana.say(f"{NEWS}\n\nA second paragraph belongs to it.")
    (waits,) = await talk.db.read(dispatches.waiting)
    assert waits.text.endswith("on each Monday.\nA second paragraph belongs to it.")

    await parwana.say("/handin")
    await parwana.say("cancel")
    assert parwana.heard == "All right, nothing was handed in."
    await parwana.say("/handin")
    await parwana.press("Cancel")
    await parwana.say("Kabul, Afghanistan: This is for nobody.")
    assert len(await talk.db.read(dispatches.waiting)) == 1


@pytest.mark.parametrize("role", ["editor", "partner"])
async def test_a_post_that_is_passed_on_is_handed_in(talk: Talk, role: str) -> None:
    who = await editor(talk, "Parwana", "2003", role)
    if role == "editor":  # who otherwise begins a broadcast with it
        await who.say("/handin")
    await who.update(Said(id="9", address="2003", at=NOW, text=NEWS, forwarded=True))
    assert who.heard == "Thank you. An editor looks at it."
    assert (await who.person()).step == ""


async def test_the_same_words_twice_are_one_dispatch(talk: Talk) -> None:
    leila, parwana = await editor(talk), await editor(talk, "Parwana", "2003", "partner")
    said = ["Thank you. We have it already, and an editor looks at it.", "Thank you. It is in our news already."]
    await parwana.say(f"/handin {NEWS}")
    await leila.say(f"/handin {NEWS.upper()}")
    assert leila.heard == said[0]
    (waits,) = await talk.db.read(dispatches.waiting)
    await leila.say(f"/approve {waits.id}")
    await parwana.say(f"/handin {NEWS}\n")
    assert parwana.heard == said[1]
    await leila.say(f"/withdraw {waits.id}")
    await parwana.say(f"/handin {NEWS}")
    assert parwana.heard == "Thank you. We had it already, and decided not to send it."
    assert [(who, deed) for who, deed, _ in await deeds(talk) if deed == "handed in"] == [("Parwana", "handed in")]


async def test_another_wording_changes_nothing_that_an_editor_approved(talk: Talk) -> None:
    leila, parwana = await editor(talk), await editor(talk, "Parwana", "2003", "partner")
    await parwana.say(f"/handin {NEWS}")
    (first,) = await talk.db.read(dispatches.waiting)
    await leila.say(f"/approve {first.id}")
    await parwana.say(f"/handin {NEWS.replace('Monday', 'Monday, for money')}")
    (second,) = await talk.db.read(dispatches.waiting)
    assert (await stored(talk, first.id)).text == first.text
    assert second.id != first.id


@pytest.mark.parametrize("words", ["hi", "🙂", "\u200b x"])
async def test_what_is_no_news_is_not_taken(talk: Talk, words: str) -> None:
    parwana = await editor(talk, "Parwana", "2003", "partner")
    await parwana.say(f"/handin {words}")
    assert parwana.heard == "That is too short to be news. Please send all of it, with its place."
    assert await talk.db.read(dispatches.waiting) == []


async def test_nothing_is_handed_in_while_the_source_of_the_staff_is_off(talk: Talk) -> None:
    parwana = await editor(talk, "Parwana", "2003", "partner")
    await talk.db.write(lambda conn: sources.switch(conn, sources.of_staff(conn).name, "off", NOW))
    await parwana.say(f"/handin {NEWS}")
    assert parwana.heard == "Nothing can be handed in at the moment."


# ── Why somebody was told ────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_editor_asks_why_somebody_was_not_told(talk: Talk) -> None:
    number = await held(talk)
    leila = await editor(talk)
    person = await (await talk.subscribed()).person()
    await leila.say(f"/why {person.pseudonym.removeprefix('p-').upper()} {number}")
    assert leila.heard.startswith(f"held: dispatch {number} waits for an editor")
    assert (await talk.db.read(staff.notes))[0].why == person.pseudonym
    await leila.say(f"/why p-nobody22 {number}")
    assert leila.heard == "I know nobody called p-nobody22."
    await leila.say(f"/why {person.pseudonym} 4711")
    assert leila.heard.startswith("I know no news of that number.")


async def test_others_ask_why_of_themselves_only(talk: Talk) -> None:
    number = await talk.db.write(kept, "News", TEXT, countries=["IQ"])
    leila = await editor(talk)
    parwana = await editor(talk, "Parwana", "2003", "partner")
    person = await (await talk.subscribed()).person()
    for who in (talk, parwana):
        await who.say(f"/why {person.pseudonym} {number}")
        assert person.pseudonym not in who.heard
        assert "no longer here" in who.heard
    await talk.say(f"/why {number}")
    assert "You get this because" in talk.heard
    await leila.subscribed()
    await leila.say(f"/why {number}")
    assert "You get this because" in leila.heard


# ── Alarms ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_admins_are_told_once_of_a_source_that_was_given_up(talk: Talk) -> None:
    def give_up(conn: Connection) -> None:
        source = sources.put(conn, sources.Wanted("iom", "feed", "https://a.example/", 60), "added")
        for _ in range(20):
            sources.failed(conn, source.id, NOW, NOW, "The server answers 404.", off=True)

    await talk.db.write(give_up)
    assert await given(talk) == []
    leila, omar = await editor(talk), await editor(talk, "Omar", "2002", "admin")
    assert await given(talk) == ["main"]
    assert await given(talk) == []
    (alarm,) = await sent_to(omar)
    assert plain(alarm) == (
        "The source “iom” is off\n\n"
        "It failed 20 times in a row, and is not asked any more: The server answers 404.\n\n"
        "When it is mended, type where the hub runs: serai source on iom"
    )
    assert await sent_to(leila) == []


async def test_admins_are_told_of_a_broken_account_on_another_one_where_they_have_it(talk: Talk) -> None:
    omar = await editor(talk, "Omar", "2002", "admin")
    person = await omar.person()

    def second(conn: Connection) -> None:
        other = people.meet(conn, talk.keys, "test", "other", "1", NOW)
        conn.execute(schema.addresses.update().where(schema.addresses.c.id == other.id).values(person_id=person.id))
        accounts.put(conn, "main", "telegram")
        accounts.broken(conn, "main", "the token is dead", NOW)

    await talk.db.write(second)
    assert await given(talk) == ["other"]
    assert await given(talk) == []


async def test_who_was_hired_and_has_no_chat_yet_is_written_to_nowhere(talk: Talk) -> None:
    await hire(talk)
    await held(talk)
    assert await given(talk) == []


async def test_what_a_trusted_source_has_too_need_not_wait(talk: Talk) -> None:
    parwana = await editor(talk, "Parwana", "2003", "partner")
    await parwana.say(f"/handin {NEWS}")

    def brings(conn: Connection) -> None:
        source = sources.put(conn, sources.Wanted("iom", "feed", "https://a.example/", 60, trusted=True), "added")
        (item,) = Reader.load().read(NEWS.encode(), "dateline").dispatches
        plan = intake.Plan((), first=False, flood=False)
        intake.keep(conn, source, plan, [intake.Deed(intake.Listed.of(item))], None, NOW, timedelta(days=3))

    await talk.db.write(brings)
    assert await talk.db.read(dispatches.waiting) == []
    assert await planned(talk) == 1
