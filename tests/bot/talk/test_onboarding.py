"""From the first word to the first news, as a person walks it."""

from __future__ import annotations

import pytest

from storage.database import Database
from storage.keys import KeyStore
from tests.bot.talk.conftest import Conversation, Talk, kept


async def test_five_taps_lead_from_start_to_news(talk: Talk) -> None:
    await talk.start()
    assert "choose your language" in talk.heard
    assert talk.buttons == ["English", "دری"]

    await talk.press("English")
    assert "Test Hub is run by the Silk Routes office." in talk.heard
    assert "paid for by the Fund" in talk.heard
    assert "free" in talk.heard
    assert "kept for 30 days" in talk.heard
    assert "Only the staff of Test Hub can read" in talk.heard
    assert "company that runs this app" in talk.heard
    assert talk.buttons == ["I agree", "Not now", "Language"]

    await talk.press("I agree")
    assert talk.buttons[:3] == ["Afghanistan", "Bangladesh", "Iraq"]

    await talk.press("Iraq")
    assert "✓ Iraq" in talk.buttons

    await talk.press("Next")
    assert "Women and gender" in talk.buttons

    await talk.press("All topics")
    assert "You get all our news about Iraq." in talk.heard
    assert "soon after there is something new" in talk.heard
    assert "send STOP" in talk.heard

    person = await talk.person()
    assert (person.subscribed, person.all_topics, person.countries) == (True, True, {"IQ"})


async def test_each_step_takes_the_place_of_the_one_before(talk: Talk) -> None:
    assert (await talk.start())[0].replaces == ""
    for label in ("English", "I agree", "Iraq", "Next", "Women and gender", "Done"):
        (reply,) = await talk.press(label, on="41")
        assert reply.replaces == "41", label


async def test_nothing_is_replaced_where_the_platform_cannot(talk: Talk) -> None:
    sms = talk.elsewhere("2002", edits=False)
    await sms.start()
    assert (await sms.press("English"))[0].replaces == ""


async def test_toggles_stay_where_they_are_and_can_be_taken_back(talk: Talk) -> None:
    await talk.start()
    await talk.press("English")
    await talk.press("I agree")
    before = talk.buttons
    await talk.press("Iraq")
    assert [label.removeprefix("✓ ") for label in talk.buttons] == before
    await talk.press("✓ Iraq")
    assert talk.buttons == before
    assert not (await talk.person()).countries


async def test_a_press_twice_is_a_press_once(talk: Talk) -> None:
    await talk.start()
    await talk.press("English")
    await talk.line("/agree")
    await talk.line("/agree")
    first = await talk.line("/countries +iq")
    assert await talk.line("/countries +iq") == first
    assert (await talk.person()).countries == {"IQ"}


async def test_nothing_chosen_is_not_everything(talk: Talk) -> None:
    await talk.start()
    await talk.press("English")
    await talk.press("I agree")
    await talk.press("Next")
    assert "choose a country first" in talk.heard
    await talk.press("Iraq")
    await talk.press("Next")
    await talk.press("Done")
    assert "choose a topic first" in talk.heard
    assert not (await talk.person()).subscribed


async def test_topics_before_countries_ask_for_a_country(talk: Talk) -> None:
    await talk.say("/language en")
    await talk.say("/agree")
    await talk.say("/topics all")
    assert "choose a country first" in talk.heard
    await talk.press("All countries")
    await talk.press("Next")
    await talk.press("Done")
    assert "every country and on every topic" in talk.heard


async def test_not_now_keeps_nothing_and_the_news_can_still_be_read(talk: Talk) -> None:
    await talk.db.write(kept, "Help in Erbil", "A centre opens.", countries=["IQ"])
    await talk.start()
    await talk.press("English")
    await talk.press("Not now")
    assert talk.buttons == ["News", "Help"]
    await talk.press("News")
    assert "Help in Erbil" in talk.heard
    person = await talk.person()
    assert not person.agreed
    assert not person.subscribed


async def test_before_agreeing_only_the_language_is_kept(talk: Talk) -> None:
    await talk.start("iraq_return-reintegration")
    person = await talk.person()
    assert (person.language, person.step, person.countries, person.topics) == (None, "", frozenset(), frozenset())
    await talk.press("English")
    person = await talk.person()
    assert (person.language, person.step, person.countries, person.topics) == ("en", "", frozenset(), frozenset())


@pytest.mark.parametrize(("word", "agreed"), [("yes", True), ("Да!", True), ("no", False), ("نه", False)])
async def test_yes_and_no_answer_the_question_by_words(talk: Talk, word: str, agreed: bool) -> None:
    await talk.start("iraq")
    await talk.press("English")
    await talk.say(word)
    person = await talk.person()
    assert (person.agreed, person.countries) == (agreed, {"IQ"} if agreed else set())


# ── Links ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_link_ticks_what_it_names_once_they_agree(talk: Talk) -> None:
    await talk.start("iraq_return-reintegration")
    await talk.press("English")
    assert "I agree" in talk.buttons
    await talk.press("I agree")
    assert "✓ Iraq" in talk.buttons
    await talk.press("Next")
    assert "✓ Return and reintegration" in talk.buttons
    assert not (await talk.person()).subscribed
    await talk.press("Done")
    assert (await talk.person()).topics == {"return-reintegration"}


PAYLOADS = [
    ("a country", "iraq", {"IQ"}, set()),
    ("a code", "pk", {"PK"}, set()),
    ("a country of two words", "sri-lanka", {"LK"}, set()),
    ("two countries and a topic", "iraq_pakistan_women-gender", {"IQ", "PK"}, {"women-gender"}),
    ("unknown words", "iraq_dragons_%00", {"IQ"}, set()),
    ("nothing known", "x_y_z", set(), set()),
    ("capitals", "IRAQ_Women-Gender", {"IQ"}, {"women-gender"}),
    ("too long", "iraq_" + "women-gender_" * 50, {"IQ"}, {"women-gender"}),
]


@pytest.mark.parametrize(("label", "payload", "countries", "topics"), PAYLOADS, ids=[row[0] for row in PAYLOADS])
async def test_a_link_names(talk: Talk, label: str, payload: str, countries: set[str], topics: set[str]) -> None:
    await talk.start(payload)
    await talk.press("English")
    await talk.press("I agree")
    person = await talk.person()
    assert (person.countries, person.topics) == (countries, topics)


async def test_a_link_asks_somebody_known_and_changes_nothing_before_the_tap(talk: Talk) -> None:
    await talk.subscribed("/subscribe pakistan jobs")
    before = await talk.person()
    await talk.start("iraq")
    assert "Do you want news about this? Iraq" in talk.heard
    after = await talk.person()
    assert (after.countries, after.topics) == (before.countries, before.topics)
    await talk.press("Yes, send me that")
    assert (await talk.person()).countries == {"PK", "IQ"}


async def test_an_old_agree_button_of_a_link_adds_nothing_to_a_subscription(talk: Talk) -> None:
    await talk.subscribed("/subscribe pakistan")
    await talk.line("/agree iq")
    assert (await talk.person()).countries == {"PK"}


async def test_the_typed_start_takes_the_same_payload(talk: Talk) -> None:
    await talk.say("/start iraq")
    await talk.press("English")
    await talk.press("I agree")
    assert "✓ Iraq" in talk.buttons


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_subscribed_is_welcomed_back(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.start()
    assert "Welcome back." in talk.heard
    assert "You get all our news about Iraq." in talk.heard


async def test_who_stopped_finds_their_choices_again_and_gets_nothing_until_done(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq women")
    await talk.say("stop")
    await talk.start()
    assert "✓ Iraq" in talk.buttons
    assert not (await talk.person()).subscribed
    await talk.press("Next")
    await talk.press("Done")
    assert (await talk.person()).subscribed


async def test_a_hello_from_somebody_new_is_a_start(talk: Talk) -> None:
    for hello in ("hi", "Hello!", "سلام", "привет", "Assalamu alaikum"):
        somebody = talk.elsewhere(hello)
        await somebody.say(hello)
        assert "choose your language" in somebody.heard, hello


async def test_a_hello_from_somebody_known_is_a_hello(talk: Talk) -> None:
    await talk.subscribed()
    await talk.say("hello")
    assert talk.heard.startswith("Hello!")


# ── A wish before agreeing ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_wish_waits_for_the_yes_and_is_carried_out_then(talk: Talk) -> None:
    await talk.say("/subscribe Iraq, return help")
    assert "I agree" in talk.buttons
    person = await talk.person()
    assert person.step == "subscribe iq return-reintegration", "our codes, not their words"
    assert not person.subscribed
    await talk.press("I agree")
    assert "You get news about Iraq, on this: Return and reintegration." in talk.heard
    person = await talk.person()
    assert (person.subscribed, person.step) == (True, "")


async def test_reading_what_is_kept_does_not_lose_the_wish(talk: Talk) -> None:
    await talk.say("/subscribe iraq")
    await talk.say("/privacy")
    await talk.say("/agree")
    assert (await talk.person()).countries == {"IQ"}


async def test_not_now_forgets_the_wish(talk: Talk) -> None:
    await talk.say("/subscribe iraq")
    await talk.press("Not now")
    await talk.say("/agree")
    assert not (await talk.person()).subscribed


async def test_a_tick_before_agreeing_asks_first(talk: Talk) -> None:
    await talk.line("/countries +iq")
    assert "I agree" in talk.buttons
    assert not (await talk.person()).countries
    await talk.press("I agree")
    assert (await talk.person()).countries == {"IQ"}


# ── Languages ────────────────────────────────────────────────────────────────────────────────────────────────────────

SPOKEN = [("a code", "en"), ("its name", "English"), ("in Persian", "انگلیسی"), ("in Russian", "английский")]


@pytest.mark.parametrize(("label", "name"), SPOKEN, ids=[row[0] for row in SPOKEN])
async def test_a_language_is_known_by_any_name(talk: Talk, label: str, name: str) -> None:
    await talk.say(f"/language {name}")
    assert (await talk.person()).language == "en"


async def test_a_language_without_a_catalogue_is_not_pretended(talk: Talk) -> None:
    await talk.say("/language Pashto")
    assert "I do not speak پښتو yet." in talk.heard
    assert (await talk.person()).language is None
    await talk.say("/language klingon")
    assert "do not know that language" in talk.heard


# ── Channels ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_without_buttons_numbers_lead_all_the_way(talk: Talk) -> None:
    sms = talk.elsewhere("+964", choices=0, edits=False)
    await sms.say("start")
    for number in ("1", "١", "3", "10", "۱۶"):  # English, I agree, Iraq, Next, All topics
        await sms.say(number)
    assert "You get all our news about Iraq." in sms.heard
    assert (await sms.person()).subscribed


async def test_with_three_buttons_the_rest_are_numbered_lines(talk: Talk) -> None:
    small = talk.elsewhere("3", choices=3)
    await small.say("/language en")
    await small.say("/agree")
    assert small.buttons == ["More countries", "All countries", "Next"]
    assert "3. Iraq" in small.heard
    await small.say("3")
    assert "3. ✓ Iraq" in small.heard
    await small.press("Next")
    assert small.buttons == ["Back", "All topics", "Done"]
    await small.say("২")
    assert "2. ✓ Work abroad, recruitment and skills" in small.heard
    await small.press("Done")
    assert "on this: Work abroad" in small.heard


async def test_a_sitting_says_how_news_reaches_an_open_page(talk: Talk) -> None:
    page = talk.elsewhere("page", sitting=True)
    await page.start()
    await page.press("English")
    assert "company that runs this app" not in page.heard
    await page.press("I agree")
    await page.press("Iraq")
    await page.press("Next")
    await page.press("All topics")
    assert "while this page is open" in page.heard
    assert "“Keep my place”" in page.heard


async def test_the_story_is_the_same_on_both_databases(
    db: Database, keys: KeyStore, conversation: Conversation
) -> None:
    talk = Talk(db, keys, conversation)
    await db.write(kept, "Help in Erbil", "A centre opens.", countries=["IQ"])
    await talk.start()
    for label in ("English", "I agree", "Iraq", "Next", "All topics", "What I get"):
        await talk.press(label)
    await talk.say("news centre iraq")
    assert "Help in Erbil" in talk.heard
    await talk.say("/ask what now?")
    await talk.say("stop")
    assert not (await talk.person()).subscribed
