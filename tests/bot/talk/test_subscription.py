"""Following by words, leaving by words, and knowing why."""

from __future__ import annotations

import pytest

from tests.bot.talk.conftest import Talk, kept

ADDED = [
    # label, lines, countries, topics (None: all of that side)
    ("a country: all topics about it", ["/subscribe Iraq"], {"IQ"}, None),
    ("a topic: from all countries", ["/subscribe jobs"], None, {"labour-migration"}),
    ("both at once", ["/subscribe iraq jobs"], {"IQ"}, {"labour-migration"}),
    ("all", ["/subscribe all"], None, None),
    ("all, in Persian", ["/subscribe همه"], None, None),
    ("two countries", ["/subscribe Iraq and Pakistan"], {"IQ", "PK"}, None),
    ("codes in a row", ["/subscribe af pk jobs"], {"AF", "PK"}, {"labour-migration"}),
    ("a flag", ["/subscribe 🇮🇶"], {"IQ"}, None),
    ("another script", ["/subscribe عراق"], {"IQ"}, None),
    ("one more country", ["/subscribe iraq jobs", "/subscribe pakistan"], {"IQ", "PK"}, {"labour-migration"}),
    ("one more topic", ["/subscribe iraq jobs", "/subscribe women"], {"IQ"}, {"labour-migration", "women-gender"}),
    ("what is included widens nothing", ["/subscribe iraq", "/subscribe jobs"], {"IQ"}, None),
    ("all after one", ["/subscribe iraq jobs", "/subscribe all"], None, None),
    ("all topics", ["/subscribe iraq jobs", "/subscribe all topics"], {"IQ"}, None),
    ("without a slash", ["subscribe to Iraq please"], {"IQ"}, None),
    ("a label", ["/subscribe Return and reintegration"], None, {"return-reintegration"}),
    ("Italy's button", ["/subscribe +it"], {"IT"}, None),
    ("one left out of all", ["/subscribe iraq", "/topics -women-gender"], {"IQ"}, ...),
    ("leaving one of two", ["/subscribe iraq pakistan", "/unsubscribe iraq"], {"PK"}, None),
    ("a tap on one narrows all", ["/subscribe all", "/countries +iq"], {"IQ"}, None),
]


@pytest.mark.parametrize(("label", "lines", "countries", "topics"), ADDED, ids=[row[0] for row in ADDED])
async def test_subscribing(
    talk: Talk, label: str, lines: list[str], countries: set[str] | None, topics: object
) -> None:
    await talk.subscribed(lines[0])
    for line in lines[1:]:
        await talk.say(line)
    person = await talk.person()
    assert person.subscribed
    assert (person.countries, person.all_countries) == (countries or set(), countries is None)
    if topics is ...:
        assert len(person.topics) == 13
    else:
        assert (person.topics, person.all_topics) == (topics or set(), topics is None)


async def test_words_that_name_nothing_are_said_and_likely_ones_offered(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.say("/subscribe pakistn dragons")
    assert "I know no country or topic called “pakistn” and “dragons”." in talk.heard
    assert (await talk.person()).countries == {"IQ"}
    await talk.press("Pakistan")
    assert (await talk.person()).countries == {"IQ", "PK"}


async def test_what_was_understood_is_done_and_the_rest_is_said(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq dragons")
    assert "You get all our news about Iraq." in talk.heard
    assert "“dragons”" in talk.heard


async def test_having_it_already_offers_to_have_only_that(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.say("/subscribe jobs")
    assert "You have that already." in talk.heard
    await talk.press("Only this topic")
    assert (await talk.person()).topics == {"labour-migration"}


LAST = [
    ("the last country", "/subscribe iraq", "/unsubscribe iraq", "no other country than Iraq", "All countries"),
    ("the last topic", "/subscribe jobs", "/unsubscribe jobs", "no other topic than Work abroad", "All topics"),
    ("the last country by a tap", "/subscribe iraq", "/countries -iq", "no other country than Iraq", "All countries"),
    ("the last topic by a tap", "/subscribe jobs", "/topics -labour-migration", "no other topic", "All topics"),
]


@pytest.mark.parametrize(("label", "line", "leave", "said", "all_"), LAST, ids=[row[0] for row in LAST])
async def test_taking_away_the_last_asks_all_or_stop(
    talk: Talk, label: str, line: str, leave: str, said: str, all_: str
) -> None:
    await talk.subscribed(line)
    before = await talk.person()
    await talk.say(leave)
    assert said in talk.heard
    after = await talk.person()
    assert (after.countries, after.topics, after.subscribed) == (before.countries, before.topics, True)
    assert {"Keep it", all_, "Stop the news"} == set(talk.buttons)
    await talk.press(all_)
    person = await talk.person()
    assert person.all_countries
    assert person.all_topics


async def test_the_answer_may_also_be_stop(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.say("/unsubscribe iraq")
    await talk.press("Stop the news")
    assert not (await talk.person()).subscribed


async def test_one_of_all_countries_cannot_be_left_out_and_that_is_said(talk: Talk) -> None:
    await talk.subscribed("/subscribe all")
    await talk.say("/unsubscribe iraq")
    assert "no single one can be left out" in talk.heard
    assert (await talk.person()).all_countries


async def test_one_topic_can_be_left_out_of_all(talk: Talk) -> None:
    await talk.subscribed("/subscribe all")
    await talk.say("/unsubscribe women")
    assert "on all topics but this: Women and gender." in talk.heard


async def test_leaving_what_one_does_not_follow_is_said(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.say("/unsubscribe pakistan")
    assert "You do not follow Pakistan." in talk.heard


@pytest.mark.parametrize("line", ["/stop", "stop", "STOP!", "/unsubscribe", "/unsubscribe all", "unsubscribe"])
async def test_stop_is_at_once_and_asks_nothing(talk: Talk, line: str) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.say(line)
    assert not (await talk.person()).subscribed
    assert "no more news comes from us" in talk.heard
    assert "/start" in talk.heard


async def test_mine_says_what_comes_and_how_to_change_it(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq women")
    await talk.say("mine")
    assert "You get news about Iraq, on this: Women and gender." in talk.heard
    assert "asked for it" in talk.heard
    assert "Language: English." in talk.heard
    assert "We write to you soon after there is something new." in talk.heard
    assert talk.buttons == ["Countries", "Topics", "How often", "Language", "Stop"]
    person = await talk.person()
    assert person.pseudonym not in talk.heard


async def test_mine_of_somebody_without_news_shows_the_way_in(talk: Talk) -> None:
    await talk.say("/mine")
    assert "You get no news" in talk.heard
    assert "Start" in talk.buttons


async def test_lists_before_agreeing_say_what_there_is(talk: Talk) -> None:
    await talk.db.write(kept, "A", "One.", countries=["TJ"])
    await talk.say("/topics")
    assert "Women and gender" in talk.buttons
    assert talk.button("Women and gender").say == "/news women-gender"
    await talk.say("/countries")
    assert talk.buttons == ["Tajikistan", "Start"]


async def test_more_countries_stay_shown_while_they_are_ticked(talk: Talk) -> None:
    await talk.say("/language en")
    await talk.say("/agree")
    await talk.press("More countries")
    await talk.press("Türkiye")
    assert "✓ Türkiye" in talk.buttons
    assert "Kazakhstan" in talk.buttons


async def test_a_country_is_added_by_its_name(talk: Talk) -> None:
    await talk.say("/language en")
    await talk.say("/agree")
    await talk.say("/countries Sri Lanka")
    assert "✓ Sri Lanka" in talk.buttons


async def test_several_are_dropped_in_one_line(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq pakistan afghanistan")
    await talk.say("/countries -iq -pk")
    assert (await talk.person()).countries == {"AF"}


# ── Why, and fewer ───────────────────────────────────────────────────────────────────────────────────────────────────

RULES = [
    ("/subscribe iraq", "because you follow Iraq and all topics"),
    ("/subscribe jobs", "because you follow Work abroad, recruitment and skills in all countries"),
    ("/subscribe iraq jobs", "because you follow Iraq and Work abroad, recruitment and skills"),
    ("/subscribe all", "because you follow all countries and all topics"),
    ("/subscribe pakistan", "does not match what you follow now"),
]


@pytest.mark.parametrize(("line", "said"), RULES, ids=[row[0] for row in RULES])
async def test_why_names_the_rule(talk: Talk, line: str, said: str) -> None:
    news = await talk.db.write(kept, "A fair", "A fair opens.", countries=["IQ"], topics=["labour-migration"])
    await talk.subscribed(line)
    await talk.say(f"/why {news}")
    assert said in talk.heard


async def test_fewer_offers_to_leave_out_the_topic_or_the_country(talk: Talk) -> None:
    news = await talk.db.write(kept, "A fair", "A fair opens.", countries=["IQ"], topics=["labour-migration"])
    await talk.subscribed("/subscribe iraq pakistan")
    await talk.line(f"/fewer {news}")
    assert "Leave out: Work abroad, recruitment and skills" in talk.buttons
    assert "Leave out: Iraq" in talk.buttons
    await talk.press("Leave out: Iraq")
    assert (await talk.person()).countries == {"PK"}


async def test_fewer_offers_one_message_a_day_and_to_who_has_that_one_a_week(talk: Talk) -> None:
    news = await talk.db.write(kept, "A fair", "A fair opens.", countries=["IQ"])
    await talk.subscribed("/subscribe iraq")
    await talk.line(f"/fewer {news}")
    await talk.press("All in one message, once a day")
    assert (await talk.person()).frequency == "daily"
    await talk.line(f"/fewer {news}")
    await talk.press("All in one message, once a week")
    assert (await talk.person()).frequency == "weekly"
    await talk.line(f"/fewer {news}")
    assert not any("one message" in label for label in talk.buttons)


@pytest.mark.parametrize("line", ["/why", "/why x", "/why 999", "/why ٣", "/fewer -1", "/fewer 99999999999999999999"])
async def test_news_that_is_not_there_is_said(talk: Talk, line: str) -> None:
    await talk.subscribed()
    await talk.say(line)
    assert "no longer here" in talk.heard


async def test_held_and_withdrawn_news_is_not_explained(talk: Talk) -> None:
    news = await talk.db.write(kept, "Secret", "Not yet.", status="held")
    await talk.say(f"/why {news}")
    assert "no longer here" in talk.heard
