"""What we wrote vanishes, and nothing that is left tells of what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from channels.contract import Message, Said
from storage import deliveries, people, schema
from tests.bot.talk.conftest import Talk

DAYS = timedelta(hours=48)


@pytest.fixture
def talk(talk: Talk) -> Talk:
    return replace(talk, limits=replace(talk.limits, removes=DAYS))


async def sent(talk: Talk, name: str, ago: timedelta) -> None:
    """A message of ours, as the courier leaves it."""

    def deed(conn: Any) -> None:
        here = people.find(conn, talk.keys, "test", "main", talk.name)
        assert here
        made = deliveries.reply(conn, talk.keys, address=here, message=b"{}", purpose="reply", now=talk.now)
        this_one = schema.deliveries.c.id == made
        values = {"state": "sent", "ids": [name], "marked_at": talk.now - ago}
        conn.execute(schema.deliveries.update().where(this_one).values(**values))

    await talk.db.write(deed)


async def hide(talk: Talk) -> list[Message]:
    return await talk.update(Said(id="h", address=talk.name, at=talk.now, text="/hide", written="99"))


async def test_what_we_wrote_and_the_command_vanish_and_one_word_is_left(talk: Talk) -> None:
    await talk.say("/language en")
    await sent(talk, "10", timedelta(hours=49))
    await sent(talk, "11", timedelta(hours=47))
    await sent(talk, "12", timedelta(0))
    gone, _ = await hide(talk)
    assert gone == Message((), removes=("11", "12", "99"), language="en")
    assert (talk.heard.strip(), talk.buttons) == ("Done.", [])


async def test_an_answer_that_did_not_leave_yet_is_taken_back(talk: Talk) -> None:
    await talk.say("/language en")

    def waiting(conn: Any) -> int:
        here = people.find(conn, talk.keys, "test", "main", talk.name)
        assert here
        return deliveries.reply(conn, talk.keys, address=here, message=b"{}", purpose="reply", now=talk.now)

    row = await talk.db.write(waiting)
    await hide(talk)
    state = await talk.db.read(
        lambda conn: conn.scalar(sa.select(schema.deliveries.c.state).where(schema.deliveries.c.id == row))
    )
    assert state == "cancelled"


async def test_where_there_is_nothing_the_word_alone_is_said(talk: Talk) -> None:
    await talk.say("hide")
    assert talk.heard == "Done."


async def test_where_the_app_does_not_let_us_they_hear_how_to_do_it_themselves(talk: Talk) -> None:
    elsewhere = talk.elsewhere("2002", removes=timedelta(0))
    await elsewhere.say("/language en")
    await hide(elsewhere)
    assert "cannot take back" in elsewhere.heard
    assert "delete this chat yourself" in elsewhere.heard


async def test_it_can_be_found(talk: Talk) -> None:
    await talk.say("/help")
    assert "/hide" in talk.heard
    await talk.say("/privacy")
    assert "/hide" in talk.heard
