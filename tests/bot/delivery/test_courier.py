"""What becomes of a message, told as stories with a real courier, a real database and a strict stand-in."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import pytest

from channels.contract import (
    Closed,
    Later,
    Limits,
    Message,
    Outcome,
    Part,
    Purpose,
    Received,
    Request,
    Sent,
)
from channels.webchat import WebChat
from storage import deliveries, dispatches, people, schema
from storage.database import Database, PostgreSQL
from storage.keys import KeyStore
from tests.bot.delivery.office import Office, bot_account, until
from tests.providers.telegram import TelegramStandIn
from tests.storage.scene import drive

FAST = 1000.0  # messages a second, where the pace is not what a story is about


@pytest.fixture
def bot() -> Iterator[TelegramStandIn]:
    with TelegramStandIn(rate=FAST, chat_burst=20) as stand_in:
        yield stand_in
        assert stand_in.violations == []
        assert stand_in.provoked_429 == 0


@pytest.fixture
def office(db: Database, keys: KeyStore, bot: TelegramStandIn) -> Office:
    return Office(db, keys, bot_account(bot))


def texts(bot: TelegramStandIn, chat: int) -> list[str]:
    return [message.text for message in bot.to(chat)]


# ── Sent ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_news_reaches_everyone_once_and_what_the_platform_calls_it_is_kept(
    office: Office, bot: TelegramStandIn
) -> None:
    await office.people(*range(1, 21))
    async with office.driving():
        broadcast_id = await office.news("Something new")
        rows = await office.ends("sent")
    assert Counter(int(message.chat_id) for message in bot.sent) == Counter(range(1, 21))
    assert {row.ids[0] for row in rows} == {str(message.message_id) for message in bot.sent}
    assert await office.db.read(deliveries.counts, broadcast_id) == {"sent": 20}


async def test_whoever_is_told_by_one_broadcast_is_not_told_by_another(office: Office, bot: TelegramStandIn) -> None:
    await office.people(1, 2, 3)
    async with office.driving():
        dispatch_id = await office.dispatch()
        await office.broadcast(dispatch_id)
        again = await office.broadcast(dispatch_id, kind="staff")
        await office.ends("sent", "sent", "sent", "told", "told", "told")
    assert len(bot.sent) == 3
    assert await office.db.read(deliveries.counts, again) == {"told": 3}


async def test_a_stop_between_claim_and_mark_is_obeyed(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)

    async def stops() -> None:
        await office.db.write(people.stop, address.person_id, office.clock.now())

    office.between.before["mark_sending"] = stops
    async with office.driving():
        await office.news()
        await office.ends("stopped")
    assert bot.sent == []


async def test_what_is_withdrawn_between_claim_and_mark_is_not_sent(office: Office, bot: TelegramStandIn) -> None:
    await office.person(1)
    dispatch_id = await office.dispatch()

    async def withdrawn() -> None:
        await office.db.write(dispatches.move, dispatch_id, "withdrawn", "wrong", only_from=["ready"])

    office.between.before["mark_sending"] = withdrawn
    async with office.driving():
        await office.broadcast(dispatch_id)
        await office.ends("withdrawn")
    assert bot.sent == []


# ── Later ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_429_holds_the_whole_account_also_after_a_restart(office: Office, bot: TelegramStandIn) -> None:
    await office.people(*range(1, 41))
    until_then = time.monotonic() + 4
    bot.throttle(4)
    async with office.driving():
        await office.news()
        await until(lambda: bot.held_429)
        await asyncio.sleep(0.5)
    refused = bot.held_429
    assert refused <= office.channel.limits.at_once
    assert await office.account("held_until")
    async with office.driving():
        rows = await office.ends("sent")
    assert bot.held_429 == refused
    assert min(message.at for message in bot.sent) >= until_then
    assert len(bot.sent) == 40
    assert not any(row.resent for row in rows)


async def test_what_waits_for_its_turn_when_a_hold_begins_can_still_be_stopped(
    office: Office, bot: TelegramStandIn
) -> None:
    """A row marked before a long hold would go out after it, whatever the person said meanwhile (promise 5)."""
    office.channel.limits = replace(office.channel.limits, per_second=5)
    everyone = await office.people(*range(1, 30))
    bot.throttle(2)
    async with office.driving():
        await office.news()
        await until(lambda: bot.held_429)
        for address in everyone:
            await office.db.write(people.stop, address.person_id, office.clock.now())
        await office.ends("stopped")
    assert bot.sent == []
    assert bot.held_429 == 1


async def test_replies_to_one_person_keep_their_order_across_a_later(office: Office, bot: TelegramStandIn) -> None:
    office.channel.limits = replace(office.channel.limits, per_address=20)
    address = await office.person(1)
    bot.answers(1, 429, "Too Many Requests: retry after 1", retry_after=1)
    async with office.driving():
        for number in range(3):
            await office.reply(address, f"answer {number}")
        await until(lambda: "sendMessage" in bot.methods())
        bot.allow(1)
        await office.reply(address, "answer 3")
        await office.ends("sent")
    assert texts(bot, 1) == [f"answer {number}" for number in range(4)]


async def test_what_never_left_us_goes_out_when_the_platform_is_back(office: Office, bot: TelegramStandIn) -> None:
    await office.people(1, 2, 3)
    async with office.driving():
        bot.down()
        await office.news()
        await until(lambda: office.account("held_until"))
        bot.up()
        office.clock.forward(5)
        rows = await office.ends("sent")
    assert len(bot.sent) == 3
    assert not any(row.resent for row in rows)


# ── Unclear ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def skip_the_wait(office: Office) -> None:
    """Until a row waits to be sent once more; then it is time."""
    await until(office.waits_to_be_resent)
    office.clock.forward(6)


async def test_news_whose_answer_was_lost_is_resent_once(office: Office, bot: TelegramStandIn) -> None:
    await office.person(1)
    bot.drop_after_accepting(1)
    async with office.driving():
        await office.news("Twice")
        await skip_the_wait(office)
        [row] = await office.ends("sent")
    assert texts(bot, 1) == ["Title\n\nTwice"] * 2
    assert row.resent


async def test_news_whose_answer_was_lost_twice_ends_unclear(office: Office, bot: TelegramStandIn) -> None:
    await office.person(1)
    bot.drop_after_accepting(2)
    async with office.driving():
        await office.news()
        await skip_the_wait(office)
        await office.ends("unclear")
        office.clock.forward(60)
        await asyncio.sleep(1.5)
    assert len(bot.sent) == 2


async def test_a_counsellors_words_are_never_resent(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)
    bot.drop_after_accepting(1)
    async with office.driving():
        await office.reply(address, "between us", purpose=Purpose.counselling)
        await office.ends("unclear")
        office.clock.forward(60)
        await asyncio.sleep(1.5)
    assert len(bot.sent) == 1


async def test_a_gateways_page_may_hide_a_refusal_so_news_is_sent_once_more(
    office: Office, bot: TelegramStandIn
) -> None:
    await office.person(1)
    bot.bad_gateway(1)
    async with office.driving():
        await office.news()
        await skip_the_wait(office)
        await office.ends("sent")
    assert len(bot.sent) == 1


# ── Gone and moved ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_more_goes_to_whoever_blocked_us(office: Office, bot: TelegramStandIn) -> None:
    address, _ = await office.people(1, 2)
    bot.block(1)
    async with office.driving():
        first = await office.news("first")
        await office.ends("gone", "sent", broadcast_id=first)
        assert (await office.address(address.id)).state == "gone"
        second = await office.news("second")
        await office.ends("sent", broadcast_id=second)
        await office.reply(address, "an answer")
        await office.ends("gone", "sent", "sent", "gone")
    assert [call.parameters["chat_id"] for call in bot.calls if "chat_id" in call.parameters].count(1) == 1
    assert len(texts(bot, 2)) == 2


async def test_news_for_whoever_left_one_account_goes_to_another_of_theirs(
    db: Database, keys: KeyStore, bot: TelegramStandIn
) -> None:
    with TelegramStandIn(rate=FAST) as other:
        main, second = Office(db, keys, bot_account(bot)), Office(db, keys, bot_account(other, "second"))
        address = await main.person(1)
        await second.also_here(address, 2)
        bot.block(1)
        async with main.driving(), second.driving():
            await main.news("Wherever you are")
            [row] = await main.ends("sent")
        assert row.account == "second"
        assert texts(other, 2) == ["Title\n\nWherever you are"]
        assert bot.sent == []


async def test_what_was_for_a_group_follows_it_to_its_new_name(office: Office, bot: TelegramStandIn) -> None:
    await office.person(-5, group=True)
    bot.migrate(-5, -1005)
    async with office.driving():
        await office.news("first")
        await office.ends("sent")
        await office.news("second")
        await office.ends("sent", "sent")
    assert texts(bot, -1005) == ["Title\n\nfirst", "Title\n\nsecond"]
    assert [call.parameters["chat_id"] for call in bot.calls if "chat_id" in call.parameters] == [-5, -1005, -1005]


async def test_a_reply_follows_its_group_too(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(-5, group=True)
    bot.migrate(-5, -1005)
    async with office.driving():
        await office.reply(address, "first")
        await office.reply(address, "second")
        await office.ends("sent")
    assert texts(bot, -1005) == ["first", "second"]


# ── Refused, closed, broken ──────────────────────────────────────────────────────────────────────────────────────────


async def test_when_the_markup_is_refused_the_words_go_without_it(office: Office, bot: TelegramStandIn) -> None:
    await office.person(1)
    bot.refuse_html()
    async with office.driving():
        await office.news("Plain words")
        await office.ends("sent")
    [message] = bot.sent
    assert message.parse_mode == ""
    assert "Plain words" in message.text


async def test_when_the_plain_words_are_refused_too_it_ends_there(office: Office, bot: TelegramStandIn) -> None:
    await office.people(1, 2)
    bot.answers(1, 400, "Bad Request: can't parse entities: whatever it is")
    async with office.driving():
        await office.news()
        await office.ends("refused", "sent")
    assert bot.methods().count("sendMessage") == 3


async def test_what_cannot_be_edited_any_more_is_sent_as_new_once(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)
    async with office.driving():
        await office.reply(address, "instead of what is gone", replaces="99")
        await office.ends("sent")
    assert texts(bot, 1) == ["instead of what is gone"]
    assert [m for m in bot.methods() if "essage" in m and m != "getMe"] == ["editMessageText", "sendMessage"]


async def test_what_a_closed_tab_missed_waits_until_it_is_of_no_more_use(db: Database, keys: KeyStore) -> None:
    shown: list[bytes] = []
    tab = {"open": False}

    async def post(address: str, body: bytes, replaces: str, removes: Sequence[str]) -> str | None:
        if not tab["open"]:
            return None
        shown.append(body)
        return str(len(shown))

    office = Office(db, keys, WebChat("webchat", post))
    address = await office.person("tab")
    async with office.driving():
        await office.news("of use", valid_for=3600)
        await office.news("of no use by then", valid_for=60)
        await office.ends("closed", "closed")
        tab["open"] = True
        office.clock.forward(120)
        await db.write(deliveries.reopen, address.person_id, office.clock.now())
        office.courier.wake()
        await office.ends("sent", "closed")
        await db.write(deliveries.forget, office.clock.now())
        await office.ends("sent", "expired")
    assert len(shown) == 1
    assert b"of use" in shown[0]


async def _works(office: Office) -> bool:
    return not await office.account("broken")


async def test_a_dead_token_holds_the_queue_and_loses_nothing(office: Office, bot: TelegramStandIn) -> None:
    await office.people(*range(1, 31))
    alive, bot.token = bot.token, "987654321:another-token-altogether-00000000"
    async with office.driving():
        await office.news()
        assert "401" in await until(lambda: office.account("broken"))
        await asyncio.sleep(0.5)
        assert {row.state for row in await office.rows()} <= {"pending", "claimed"}
        bot.token = alive
        office.clock.forward(61)
        rows = await office.ends("sent")
        await until(partial(_works, office))
    assert len(bot.sent) == 30
    assert not any(row.resent for row in rows)


# ── Several parts ────────────────────────────────────────────────────────────────────────────────────────────────────

LONG = " ".join(f"word{number}" for number in range(900))  # two messages of Telegram's


async def test_a_message_in_two_parts_goes_on_at_the_part_that_failed(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)
    async with office.driving():
        await office.reply(address, LONG)
        await until(lambda: len(bot.sent) == 1)
        bot.bad_gateway(1)
        await skip_the_wait(office)
        [row] = await office.ends("sent")
    first, second = texts(bot, 1)
    assert first.startswith("word0 ")
    assert second.endswith("word899")
    assert row.part == 2
    assert row.ids == [str(message.message_id) for message in bot.sent]


async def test_a_message_in_two_parts_goes_on_after_a_restart(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)
    async with office.driving():
        await office.reply(address, LONG)
        await until(lambda: len(bot.sent) == 1)
    assert len(bot.sent) == 1
    async with office.driving():
        [row] = await office.ends("sent")
    assert len(bot.sent) == 2
    assert not row.resent


async def test_while_long_messages_pause_between_their_parts_others_go_on(office: Office, bot: TelegramStandIn) -> None:
    """Each gets the second part a second after the first; meanwhile no place is taken."""
    await office.people(*range(1, 25))
    async with office.driving():
        await office.news(LONG)
        await office.ends("sent")
    firsts = [message.at for message in bot.sent if "word0 " in message.text]
    seconds = [message.at for message in bot.sent if "word899" in message.text]
    assert len(firsts) == len(seconds) == 24
    assert sum(at < min(seconds) for at in firsts) > office.channel.limits.at_once
    assert bot.busiest(1.0, 1) == 1


async def test_text_that_became_shorter_than_what_is_out_ends_as_sent(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)
    delivery_id = await office.reply(address, "one part")
    row = schema.deliveries.c.id == delivery_id
    await office.db.write(lambda conn: conn.execute(schema.deliveries.update().where(row).values(part=2)))
    async with office.driving():
        await office.ends("sent")
    assert bot.sent == []


# ── The pace ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_overtakes_a_broadcast_under_way(db: Database, keys: KeyStore) -> None:
    with TelegramStandIn(rate=150) as bot:
        office = Office(db, keys, bot_account(bot))
        everyone = await office.people(*range(1, 301))
        async with office.driving():
            await office.news()
            await until(lambda: len(bot.sent) >= 40)
            before = len(bot.sent)
            await office.reply(everyone[299], "at once")
            await until(lambda: any(m.text == "at once" for m in bot.sent))
            place = [message.text for message in bot.sent].index("at once")
            await office.ends("sent")
        assert place - before <= 2 * office.channel.limits.at_once
        assert len(bot.sent) == 301
        assert bot.provoked_429 == 0


async def test_the_platforms_limits_are_kept_and_used(db: Database, keys: KeyStore) -> None:
    with TelegramStandIn(rate=30, chat_burst=1, chat_window=0.95) as bot:
        office = Office(db, keys, bot_account(bot))
        everyone = await office.people(*range(1, 76))
        async with office.driving():
            await office.news()
            for number in range(3):
                await office.reply(everyone[0], f"answer {number}")
            await office.ends("sent")
        assert len(bot.sent) == 78
        assert bot.provoked_429 == 0
        assert bot.busiest() <= 30
        assert bot.busiest(chat_id=1) == 1


async def test_a_group_gets_twenty_in_a_minute_and_keeps_nobody_else_waiting(db: Database, keys: KeyStore) -> None:
    with TelegramStandIn(rate=FAST, chat_burst=1000) as bot:
        channel = bot_account(bot)
        channel.limits = replace(channel.limits, per_address=100)
        office = Office(db, keys, channel)
        group, person = await office.person(-7, group=True), await office.person(1)
        async with office.driving():
            for number in range(30):
                await office.reply(group, f"to all {number}")
            await until(lambda: len(bot.to(-7)) == 20)
            for number in range(30):
                await office.reply(person, f"to you {number}")
            await until(lambda: len(bot.to(1)) == 30)
            await asyncio.sleep(1.5)
        assert texts(bot, -7) == [f"to all {number}" for number in range(20)]
        assert bot.provoked_429 == 0
        states = Counter(row.state for row in await office.rows())
        assert states == {"sent": 50, "pending": 10}


# ── What Telegram never answers ──────────────────────────────────────────────────────────────────────────────────────


class Line:
    """A platform that answers as it is told; the last answer stands for all that come after it."""

    kind: ClassVar[str] = "line"
    polls = False

    def __init__(self, *answers: Outcome | Exception, limits: Limits | None = None) -> None:
        self.account = "main"
        self.limits = limits or Limits(per_second=500, per_address=500)
        self.asked: list[str] = []
        self._answers = list(answers)

    def fit(self, message: Message) -> tuple[Part, ...]:
        words = message.paragraphs[0][0].text
        return (Part(text=words, plain=words, replaces=message.replaces),)

    async def send(self, address: str, part: Part) -> Outcome:
        self.asked.append(part.text)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def receive(self, request: Request) -> Received:
        raise NotImplementedError

    async def poll(self) -> tuple[()]:
        return ()

    async def acknowledge(self, pressed: object) -> None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...


async def test_a_limit_of_one_address_keeps_its_order_and_lets_others_go(db: Database, keys: KeyStore) -> None:
    line = Line(Later(3, "address"), Sent("1"))
    office = Office(db, keys, line)
    one, other = await office.people("one", "other")
    async with office.driving():
        await office.reply(one, "first")
        await until(lambda: line.asked)
        await office.reply(one, "second")
        await office.reply(other, "elsewhere")
        await until(lambda: "elsewhere" in line.asked)
        assert line.asked == ["first", "elsewhere"]
        office.clock.forward(2)
        await office.reply(one, "third")
        await asyncio.sleep(0.2)
        assert line.asked == ["first", "elsewhere"]
        office.clock.forward(2)
        await office.ends("sent")
    assert line.asked == ["first", "elsewhere", "first", "second", "third"]


async def test_an_adapter_that_raises_counts_as_an_answer_that_was_lost(db: Database, keys: KeyStore) -> None:
    line = Line(RuntimeError("a bug"), RuntimeError("a bug"), Sent("1"))
    office = Office(db, keys, line)
    address = await office.person("one")
    async with office.driving():
        await office.reply(address, "unlucky")
        await skip_the_wait(office)
        await office.ends("unclear")
        await office.reply(address, "lucky")
        await office.ends("unclear", "sent")
    assert line.asked == ["unlucky", "unlucky", "lucky"]


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_an_account_of_few_requests_at_once_sends_news_too(db: Database, keys: KeyStore, at_once: int) -> None:
    line = Line(Sent("1"), limits=Limits(per_second=500, at_once=at_once))
    office = Office(db, keys, line)
    await office.people("a", "b", "c")
    async with office.driving():
        await office.news()
        await office.ends("sent")


async def test_closed_words_of_whoever_comes_back_go_out_in_their_order(db: Database, keys: KeyStore) -> None:
    line = Line(Closed(), Closed(), Sent("1"))
    office = Office(db, keys, line)
    address = await office.person("one")
    async with office.driving():
        await office.reply(address, "first")
        await office.reply(address, "second")
        await office.ends("closed", "closed")
        await db.write(deliveries.reopen, address.person_id, office.clock.now())
        office.courier.wake()
        await office.ends("sent", "sent")
    assert line.asked[2:] == ["first", "second"]


# ── Whose account it is ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_lost_the_lease_sends_nothing_more(
    postgresql: PostgreSQL, keys: KeyStore, bot: TelegramStandIn
) -> None:
    office = Office(postgresql, keys, bot_account(bot))
    address = await office.person(1)
    async with office.driving() as courier:
        await until(lambda: courier.driving)
        await postgresql.write(drive, holder="elsewhere")
        await office.reply(address, "not by us")
        await until(lambda: not courier.driving)
        await asyncio.sleep(1.5)
        assert not courier.driving
        assert bot.sent == []


async def test_a_session_notices_that_its_lease_is_gone_though_there_is_nothing_to_do(office: Office) -> None:
    async with office.driving() as courier:
        await until(lambda: courier.driving)
        before = courier.epoch
        await office.db.write(drive)
        # Its next renewal fails, and a new session begins, whose holder is the same.
        await until(lambda: courier.driving and courier.epoch > before)


async def test_no_send_begins_when_the_lease_is_about_to_run_out(office: Office, bot: TelegramStandIn) -> None:
    address = await office.person(1)
    hangs = asyncio.Event()

    async def hang() -> None:
        hangs.set()
        await asyncio.sleep(60)

    async with office.driving() as courier:
        office.between.before["renew"] = hang
        await asyncio.wait_for(hangs.wait(), 10)
        before = courier.epoch
        office.clock.forward(5)  # of eight seconds, two are gone already
        await office.reply(address, "under a new lease")
        [row] = await office.ends("sent")
    assert row.epoch > before
    assert not row.resent
    assert texts(bot, 1) == ["under a new lease"]


async def test_a_slow_composer_keeps_nobody_elses_answer(office: Office, bot: TelegramStandIn) -> None:
    await office.person(1)
    goes_on = asyncio.Event()
    office.between.before["get"] = goes_on.wait
    async with office.driving():
        await office.news()
        await until(lambda: "get" not in office.between.before)  # the news is being worded
        await office.reply(await office.person(2), "quick")
        await until(lambda: "quick" in texts(bot, 2))
        goes_on.set()
        await office.ends("sent")
    assert len(bot.to(1)) == 1
