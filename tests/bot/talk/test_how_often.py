"""/when, /quiet and /regional; and the clock that somebody lives by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.delivery.when import When
from bot.news.places import Gazetteer
from bot.news.topics import Topics
from bot.talk.conversation import Conversation
from config.settings import Delivery
from storage import planning, schema
from storage.database import Database
from storage.keys import KeyStore
from tests.bot.talk.conftest import HOUSE, NOW, Talk, kept

Hub = Callable[..., Talk]


@pytest.fixture
def hub(sqlite: Database, keys: KeyStore, gazetteer: Gazetteer, taxonomy: Topics) -> Hub:
    """Somebody who talks to a house with other settings."""

    def talk(**delivery: Any) -> Talk:
        house = replace(HOUSE, delivery=Delivery(**delivery))
        return Talk(sqlite, keys, Conversation(house=house, gazetteer=gazetteer, topics=taxonomy, keys=keys))

    return talk


ANSWERS = [
    # label, lines after "/subscribe afghanistan", what is said
    (
        "at first",
        ["/when"],
        [
            "We write to you soon after there is something new.",
            "At most 3 messages with news come in a day; the rest comes together at 20:00 (Kabul time).",
            "No news comes from 21:00 to 08:00 (Kabul time). Only an urgent warning may come then.",
        ],
    ),
    ("daily", ["/when daily"], ["What is new comes together once a day, at 08:00 (Kabul time)."]),
    ("at a time", ["/when daily at 6:30 pm"], ["once a day, at 18:30 (Kabul time)"]),
    ("weekly", ["/when weekly"], ["once a week, on Monday at 08:00 (Kabul time)"]),
    ("weekly at a time", ["/when weekly 9"], ["on Monday at 09:00 (Kabul time)"]),
    ("and back", ["/when daily", "/when now"], ["We write to you soon"]),
    (
        "at night",
        ["/when daily 22:00"],
        ["at 08:00 (Kabul time)", "You wanted 22:00. That is in your quiet hours, so it comes when they end."],
    ),
    (
        "a week's at night",
        ["/when weekly 05:30"],
        ["on Monday at 08:00 (Kabul time)", "You wanted 05:30. That is in your quiet hours"],
    ),
    ("at night, without quiet hours", ["/quiet off", "/when daily 22:00"], ["once a day, at 22:00 (Kabul time)"]),
    (
        "quiet hours that move a digest",
        ["/when daily 7", "/quiet 22-9"],
        ["No news comes from 22:00 to 09:00 (Kabul time).", "at 09:00 (Kabul time)", "You wanted 07:00."],
    ),
    ("quiet hours", ["/quiet 10pm-7am"], ["from 22:00 to 07:00 (Kabul time)", "the rest comes together at 21:00"]),
    ("quiet hours by day", ["/quiet 13-15"], ["from 13:00 to 15:00", "the rest comes together at 20:00"]),
    ("never quiet", ["/quiet off"], ["News may come at any hour, also at night."]),
    ("quiet again", ["/quiet off", "/quiet on"], ["from 21:00 to 08:00"]),
    ("the page of quiet hours", ["/quiet"], ["from 21:00 to 08:00", "/quiet 22:00-07:00"]),
    ("the region, at first", ["/regional"], ["no news about the whole region, only about the countries"]),
    ("the region", ["/regional on"], ["You also get news about the whole region"]),
    ("no longer the region", ["/regional on", "/regional off"], ["no news about the whole region"]),
    ("by its other name", ["how often"], ["We write to you soon"]),
    ("by its other name with a slash", ["/frequency weekly"], ["once a week"]),
    ("in what one gets", ["/when daily 18:30", "/regional on", "/mine"], ["at 18:30", "about the whole region"]),
]


@pytest.mark.parametrize(("label", "lines", "said"), ANSWERS, ids=[row[0] for row in ANSWERS])
async def test_each_answer_says_what_happens_from_now_on(
    talk: Talk, label: str, lines: list[str], said: list[str]
) -> None:
    await talk.subscribed("/subscribe afghanistan")
    for line in lines:
        await talk.say(line)
    for sentence in said:
        assert sentence in talk.heard


KEPT = [
    ("/when daily", "frequency", "daily"),
    ("/when daily 18.30", "frequency", "daily 18:30"),
    ("/when weekly ۷", "frequency", "weekly 07:00"),
    ("/when 18:30", "frequency", "daily 18:30"),
    ("/quiet 22-7", "quiet", "22:00-07:00"),
    ("/quiet off", "quiet", "off"),
    ("/quiet on", "quiet", None),
    ("/regional on", "regional", True),
    ("/regional yes", "regional", True),
]


@pytest.mark.parametrize(("line", "name", "value"), KEPT, ids=[row[0] for row in KEPT])
async def test_what_is_chosen_is_kept(talk: Talk, line: str, name: str, value: object) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.say(line)
    assert getattr(await talk.person(), name) == value


async def test_buttons_choose_and_show_what_is_chosen(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    await talk.press("How often")
    assert talk.buttons == ["✓ At once", "Once a day", "Once a week", "Quiet hours", "What I get"]
    await talk.press("Once a week")
    assert talk.buttons[:3] == ["At once", "Once a day", "✓ Once a week"]
    assert talk.replies[-1].replaces == "77"  # in the place of the old page
    await talk.press("Quiet hours")
    assert talk.buttons[:4] == ["✓ 21:00–08:00", "22:00–07:00", "23:00–06:00", "No quiet hours"]
    await talk.press("No quiet hours")
    assert talk.buttons[:4] == ["21:00–08:00", "22:00–07:00", "23:00–06:00", "✓ No quiet hours"]
    await talk.press("21:00–08:00")
    assert (await talk.person()).quiet is None
    await talk.say("/regional")
    await talk.press("News about the whole region")
    assert (await talk.person()).regional
    await talk.press("✓ News about the whole region")
    assert not (await talk.person()).regional


@pytest.mark.parametrize(
    "line", ["/when sometimes", "/when daily 25:00", "/quiet late", "/quiet 22", "/regional maybe"]
)
async def test_what_cannot_be_read_changes_nothing_and_gets_an_example(talk: Talk, line: str) -> None:
    await talk.subscribed("/subscribe iraq")
    for chosen in ("/when daily 9", "/quiet 22-7", "/regional on"):
        await talk.say(chosen)
    before = await talk.person()
    await talk.say(line)
    assert "I did not understand that, and nothing changed. Send for example: /" in talk.heard
    after = await talk.person()
    assert (after.frequency, after.quiet, after.regional) == (before.frequency, before.quiet, before.regional)


@pytest.mark.parametrize("line", ["/when daily", "/quiet off", "/regional on", "/when", "/quiet", "/regional"])
async def test_who_gets_no_news_is_shown_the_way_to_it_and_nothing_is_kept(talk: Talk, line: str) -> None:
    await talk.say(line)
    assert "You get no news from us now." in talk.heard
    assert "Start" in talk.buttons
    person = await talk.person()
    assert (person.frequency, person.quiet, person.regional) == ("now", None, False)
    await talk.subscribed("/subscribe iraq")
    await talk.say("/stop")
    await talk.say(line)
    assert "You get no news from us now." in talk.heard


async def test_web_chat_needs_no_quiet_hours(talk: Talk) -> None:
    guest = talk.elsewhere("2002", night=False, sitting=True)
    await guest.subscribed("/subscribe iraq")
    await guest.say("/quiet 22-7")
    assert "You need no quiet hours here" in guest.heard
    assert (await guest.person()).quiet is None
    await guest.say("/when daily 23:00")
    assert "at 23:00 (Baghdad time)" in guest.heard
    assert "Quiet hours" not in guest.buttons


async def test_who_has_all_countries_has_the_region_too(talk: Talk) -> None:
    await talk.subscribed("/subscribe all")
    await talk.say("/regional off")
    assert "news from every country, and so news about the whole region, too" in talk.heard
    assert talk.buttons == ["Countries", "What I get"]


async def test_a_house_may_allow_one_message_a_day(hub: Hub) -> None:
    talk = await hub(daily_cap=1, quiet_hours=None).subscribed("/subscribe iraq")
    await talk.say("/when")
    assert "At most 1 message with news comes in a day; the rest comes together at 20:00" in talk.heard
    assert "News may come at any hour" in talk.heard
    await talk.say("/quiet on")
    assert "No news comes from 21:00 to 08:00" in talk.heard


async def test_a_house_that_pushes_nothing_says_when_its_digest_comes(hub: Hub) -> None:
    talk = await hub(daily_cap=0).subscribed("/subscribe iraq")
    await talk.say("/when")
    assert "What is new comes together once a day, at 20:00 (Baghdad time)." in talk.heard


@pytest.mark.parametrize("room", [3, 0])
async def test_where_there_are_few_buttons_a_number_chooses(talk: Talk, room: int) -> None:
    phone = talk.elsewhere("3003", choices=room)
    await phone.subscribed("/subscribe iraq")
    await phone.say("/when")
    await phone.say("2")
    assert (await phone.person()).frequency == "daily"


async def test_every_button_s_line_is_short_enough(talk: Talk) -> None:
    await talk.subscribed("/subscribe iraq")
    for line in ("/when", "/quiet", "/regional"):
        await talk.say(line)
        assert all(len(choice.say.encode()) <= 64 for message in talk.replies for choice in message.choices)


# ── The clock ────────────────────────────────────────────────────────────────────────────────────────────────────────

ZONES = [
    # label, lines, zone
    ("the first country", ["/subscribe afghanistan"], "Asia/Kabul"),
    ("the first of several, as they named them", ["/subscribe pakistan iraq"], "Asia/Karachi"),
    ("one more changes nothing", ["/subscribe pakistan", "/countries +iq"], "Asia/Karachi"),
    ("the first is dropped", ["/subscribe pakistan", "/countries +iq", "/unsubscribe pakistan"], "Asia/Baghdad"),
    ("another is dropped", ["/subscribe pakistan", "/countries +iq", "/countries -iq"], "Asia/Karachi"),
    ("all countries", ["/subscribe all"], None),
    ("all, and then one", ["/subscribe all", "/countries +bd"], "Asia/Dhaka"),
    ("one, and then all: they are where they were", ["/subscribe iraq", "/countries all"], "Asia/Baghdad"),
    (
        "one, all, and another",
        ["/subscribe iraq", "/countries all", "/countries +pk"],
        "Asia/Karachi",
    ),
    ("a topic names no place", ["/subscribe jobs"], None),
]


@pytest.mark.parametrize(("label", "lines", "zone"), ZONES, ids=[row[0] for row in ZONES])
async def test_they_live_by_the_clock_of_the_first_country(
    talk: Talk, label: str, lines: list[str], zone: str | None
) -> None:
    await talk.subscribed(lines[0])
    for line in lines[1:]:
        await talk.say(line)
    assert (await talk.person()).zone == zone


async def test_what_a_link_ticked_gives_them_a_clock_when_news_begins(talk: Talk) -> None:
    await talk.say("/language en")
    await talk.start("tajikistan")
    await talk.press("I agree")
    await talk.press("Next")
    await talk.press("All topics")
    person = await talk.person()
    assert person.subscribed
    assert person.zone == "Asia/Dushanbe"


async def test_without_a_country_it_is_the_house_s_clock(talk: Talk) -> None:
    await talk.subscribed("/subscribe all")
    await talk.say("/when daily")
    assert "at 08:00 (Baghdad time)" in talk.heard


# ── What waits ───────────────────────────────────────────────────────────────────────────────────────────────────────

RULES = When("Asia/Baghdad", Delivery().quiet_hours, timedelta(minutes=10), 3)
CHANGES = ["/when daily", "/when weekly", "/quiet off", "/quiet 22-7", "/unsubscribe iraq"]


async def waiting(talk: Talk) -> datetime:
    """One piece of news waits for the night to end; when it is due."""
    found: datetime = await talk.db.read(_due)
    return found


def _due(conn: Any) -> Any:
    return conn.scalar(sa.select(schema.deliveries.c.due_at))


def plan(conn: Any, dispatch_id: int, now: datetime) -> None:
    broadcast_id = planning.broadcast_dispatch(conn, dispatch_id, now, None)
    assert broadcast_id is not None
    while planning.plan_chunk(conn, broadcast_id, now, timing=RULES) is not None:
        pass


@pytest.mark.parametrize("line", CHANGES)
async def test_a_change_has_what_waits_looked_at_anew(talk: Talk, line: str) -> None:
    await talk.subscribed("/subscribe iraq pakistan")
    news = await talk.db.write(kept, "A fair", "A fair opens.", countries=["IQ", "PK"])
    talk.now = NOW + timedelta(hours=8)  # 23:00 in Baghdad
    await talk.db.write(plan, news, talk.now)
    assert await waiting(talk) == datetime(2026, 11, 25, 5, tzinfo=UTC)
    for same in ("/when now", "/quiet on", "/regional on", "/when", "/quiet"):
        await talk.say(same)  # nothing changes by these
    assert await waiting(talk) == datetime(2026, 11, 25, 5, tzinfo=UTC)
    await talk.say(line)
    assert await waiting(talk) == talk.now
