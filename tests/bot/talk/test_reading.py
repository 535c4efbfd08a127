"""Reading news when one likes, and words that are no command."""

from __future__ import annotations

import pytest

from tests.bot.talk.conftest import Talk, kept


@pytest.fixture
async def library(talk: Talk) -> Talk:
    """A little news of each sort."""
    rows = [
        ("Fair in Erbil", "A jobs fair opens for returnees.", ["IQ"], ["labour-migration"], 1),
        ("Help for returnees", "Grants for those who come home.", ["IQ"], ["return-reintegration"], 2),
        ("Passports in Kabul", "The office opens again.", ["AF"], ["visas-pathways"], 3),
        ("Scholarships", "Apply by March.", ["PK"], ["education-scholarships"], 4),
        ("An old workshop", "It was held in Dhaka.", ["BD"], [], 200),
    ]
    for title, text, countries, topics, days in rows:
        await talk.db.write(kept, title, text, countries=countries, topics=topics, days=days)
    return talk


FOUND = [
    ("all", "/news", "Fair in Erbil", None),
    ("a country", "/news Iraq", "Fair in Erbil", "Passports"),
    ("without a slash", "news Iraq", "Fair in Erbil", "Passports"),
    ("in capitals", "NEWS IRAQ", "Fair in Erbil", "Passports"),
    ("with the bot's name", "/news@TestHubBot iraq", "Fair in Erbil", "Passports"),
    ("alone", "Iraq", "Fair in Erbil", "Passports"),
    ("a flag", "🇮🇶", "Fair in Erbil", "Passports"),
    ("a city", "Kabul", "Passports", "Erbil"),
    ("another script", "Ирак", "Fair in Erbil", "Passports"),
    ("news in Persian", "اخبار عراق", "Fair in Erbil", "Passports"),
    ("a question", "What is happening in Iraq these days?", "Fair in Erbil", "Passports"),
    ("misspelt", "pakistn", "Scholarships", "Erbil"),
    ("a topic", "scholarships", "Scholarships", "Erbil"),
    ("a country and a topic", "news iraq jobs", "Fair in Erbil", "Help for returnees"),
    ("two countries", "/news iraq afghanistan", "Passports in Kabul", "Scholarships"),
    ("words", "/news grants", "Help for returnees", "Erbil"),
    ("the beginning of a word", "/news grant", "Help for returnees", "Erbil"),
    ("a country and a word", "news iraq grants", "Help for returnees", "Erbil"),
    ("free words", "office opens", "Passports in Kabul", "Scholarships"),
    ("isolates and no-break spaces", "⁨news⁩\u00a0Iraq", "Fair in Erbil", "Passports"),
    ("a slash of another script", "／news iraq", "Fair in Erbil", "Passports"),
    ("a code", "/news iq", "Fair in Erbil", "Passports"),
]


@pytest.mark.parametrize(("label", "typed", "there", "not_there"), FOUND, ids=[row[0] for row in FOUND])
async def test_reading(library: Talk, label: str, typed: str, there: str, not_there: str | None) -> None:
    await library.say(typed)
    assert there in library.heard
    assert not_there is None or not_there not in library.heard


@pytest.mark.parametrize(
    "words", ["can you help me", "please help", "urgent", "Помогите пожалуйста", "ساعدوني من فضلكم"]
)
async def test_who_asks_for_help_is_offered_a_person_and_no_list_of_news(talk: Talk, words: str) -> None:
    await talk.db.write(kept, "We help", "This service can help you with a visa. Please ask. ساعدوني Помогите")
    await talk.say(words)
    assert talk.buttons[0] == "Ask a counsellor"


async def test_an_entry_has_title_place_date_summary_and_link(talk: Talk) -> None:
    await talk.db.write(
        kept,
        "Jobs fair",
        "All are welcome.",
        places=[{"name": "Erbil", "country": "IQ"}],
        link="https://example.org/fair",
    )
    await talk.say("/news")
    source = "Source: Silk Routes (https://example.org/fair)"
    assert f"Jobs fair\nAll are welcome.\nErbil, Iraq · 23 Nov 2026\n{source}" in talk.heard


async def test_old_news_is_marked_as_old(library: Talk) -> None:
    await library.say("news bangladesh")
    assert "Older than 30 days:" in library.heard
    assert "8 May 2026" in library.heard


async def test_five_at_a_time_and_new_news_moves_nothing(talk: Talk) -> None:
    for n in range(12):
        await talk.db.write(kept, f"Piece {n}.", f"It is piece {n}.", countries=["IQ"], days=n)
    await talk.say("/news iraq")
    assert talk.heard.count("It is piece") == 5
    more = talk.button("More")
    await talk.db.write(kept, "Brand new.", "Just now.", countries=["IQ"], days=0)
    (reply,) = await talk.line(more.say)
    assert reply.replaces == "", "what was read stays"
    assert [f"Piece {n}." in talk.heard for n in range(12)] == [5 <= n < 10 for n in range(12)]
    await talk.press("More")
    assert "Piece 11." in talk.heard
    assert "More" not in talk.buttons


async def test_more_keeps_the_words_that_were_searched_for(talk: Talk) -> None:
    word, other = "পুনর্বাসনকেন্দ্রসমূহ", "প্রত্যাবর্তনকারীদের"
    for n in range(7):
        await talk.db.write(kept, f"{n}.", f"{word} {other} {n}", days=n)
    await talk.db.write(kept, "Other", "Nothing of that.", days=8)
    await talk.say(f"/news {word} {other}")
    assert len(talk.button("More").say.encode()) <= 64
    await talk.press("More")
    assert f"{other} 6" in talk.heard
    assert "Nothing of that" not in talk.heard


@pytest.mark.parametrize("line", ["/news after 99999", "/news iq after 2", "/news xyzzy after 2"])
async def test_after_the_last_there_is_nothing_more(library: Talk, line: str) -> None:
    await library.say(line)
    assert "That was all." in library.heard


async def test_nothing_found_shows_where_there_is_news(library: Talk) -> None:
    await library.say("news Turkey")
    assert "no news about this yet: Türkiye" in library.heard
    assert library.buttons[:3] == ["Iraq", "Afghanistan", "Pakistan"]
    assert "All news" in library.buttons


async def test_when_the_words_are_not_found_the_country_still_is(library: Talk) -> None:
    await library.say("news iraq dragons")
    assert "no news with “dragons”" in library.heard
    assert "Fair in Erbil" in library.heard


async def test_a_word_that_names_a_topic_is_also_looked_up(talk: Talk) -> None:
    await talk.db.write(kept, "Help in Erbil", "A centre opens.", countries=["IQ"])
    await talk.say("news centre iraq")
    assert "Help in Erbil" in talk.heard
    await talk.say("news iraq visas")
    assert "no news about this yet: Iraq · Visas" in talk.heard
    assert talk.buttons[0] == "Iraq"


async def test_an_empty_house_says_so(talk: Talk) -> None:
    await talk.say("/news")
    assert "There is no news yet." in talk.heard


async def test_who_gets_no_news_is_offered_to_get_it(library: Talk) -> None:
    await library.say("/language en")
    await library.say("/agree")
    await library.say("news iraq")
    (reply,) = await library.press("Get news about Iraq")
    assert reply.replaces == "", "what was read stays"
    assert (await library.person()).countries == {"IQ"}
    await library.say("news iraq")
    assert "Get news about Iraq" not in library.buttons


async def test_held_and_withdrawn_news_is_not_shown(talk: Talk) -> None:
    await talk.db.write(kept, "Held", "Not yet.", status="held")
    await talk.db.write(kept, "Gone", "No more.", status="withdrawn")
    await talk.say("/news")
    assert "Held" not in talk.heard
    assert "Gone" not in talk.heard


STORIES = [
    "they beat us in the camp",
    "They beat us in the camp in Iraq",
    "my brother was arrested at the border yesterday",
    "I am afraid, my husband is lost",
    "our smuggler took all the money for the jobs",
    "برادرم را در ایران گرفتند",
]


@pytest.mark.parametrize("story", STORIES)
async def test_a_story_is_answered_with_a_person_and_not_with_a_list(library: Talk, story: str) -> None:
    await library.say(story)
    assert library.buttons[0] == "Ask a counsellor"
    assert "Silk Routes" not in library.heard


async def test_what_is_not_understood_has_two_guesses_and_a_person(library: Talk) -> None:
    await library.say("sbscribe")
    assert "did not understand" in library.heard
    assert library.buttons == ["/subscribe", "News", "Ask a counsellor"]
    await library.say("qwertz uiop")
    assert library.buttons[0] == "Ask a counsellor", "the second time in a row the person comes first"
    await library.say("iraq")
    await library.say("qwertz uiop")
    assert library.buttons[-1] == "Ask a counsellor"
