"""The web chat over real HTTP: rules W2 and W6, and nothing acknowledged that is not kept."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from bot.web.chat import Bell, ChatSettings, poster
from channels.contract import Attachment, Choice, Closed, Message, Pressed, Said, Started, paragraph
from channels.webchat import WebChat
from storage import pictures, schema
from tests.bot.web.little_hub import ACCOUNT, LittleHub, sent

PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
SOON = 10  # seconds within which something must happen; it usually takes milliseconds


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[LittleHub]:
    async with LittleHub(tmp_path).running() as hub:
        yield hub


@pytest.fixture
async def http(hub: LittleHub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=hub.url, trust_env=False) as http:
        yield http


class Tab:
    """What the page does, without a page."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.token = token
        self.after = 0

    @classmethod
    async def open(cls, http: httpx.AsyncClient, start: str = "") -> Tab:
        answer = await http.post("/chat/sit", json={"start": start})
        assert answer.status_code == 200
        return cls(http, answer.json()["token"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"/chat/{path}", json=body, headers=self.headers)

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(f"/chat/{path}", params={"after": self.after}, headers=self.headers)

    async def lines(self) -> list[dict[str, Any]]:
        answer = await self.get("lines")
        assert answer.status_code == 200
        lines: list[dict[str, Any]] = answer.json()["lines"]
        self.after = max([self.after, *(line["change"] for line in lines)])
        return lines

    async def until(self, words: str) -> list[dict[str, Any]]:
        """Reads until ``words`` are there."""
        async with asyncio.timeout(SOON):
            while True:
                lines = await self.lines()
                if any(words in line["html"] for line in lines):
                    return lines
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
        query = {"after": self.after}
        async with self.http.stream("GET", "/chat/stream", params=query, headers=self.headers, timeout=SOON) as answer:
            assert answer.status_code == 200
            yield events(answer)


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    event = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        if line.startswith("data:"):
            data = line.removeprefix("data:").strip()
            yield event, json.loads(data) if data else None


async def heard(stream: AsyncIterator[tuple[str, Any]], words: str) -> None:
    async for _, lines in stream:
        if any(words in line["html"] for line in lines or ()):
            return
    raise AssertionError(f"the stream ended without {words!r}")


# ── Said and pressed ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_sitting_begins_by_itself_and_the_hub_answers(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http, "iraq_return-reintegration")
    (hello,) = await tab.until("Welcome")
    assert [update.payload for update in hub.heard(Started)] == ["iraq_return-reintegration"]
    assert 'data-say="/language fa"' in hello["html"]
    assert (hello["lang"], hello["dir"]) == ("en", "ltr")


async def test_a_word_is_a_line_and_an_update_before_it_is_acknowledged(
    hub: LittleHub, http: httpx.AsyncClient
) -> None:
    tab = await Tab.open(http)
    hub.silent = True
    answer = await tab.post("say", text="  Iraq <b>\0 ")
    assert answer.status_code == 204
    (said,) = hub.heard(Said)
    assert (said.text, said.address) == ("Iraq <b>", hub.address)
    line = (await tab.until("Iraq"))[-1]
    assert not line["ours"]
    assert "Iraq &lt;b&gt;" in line["html"]


async def test_a_word_sent_again_after_a_lost_answer_is_one_word(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    hub.silent = True
    hub.broken = True
    assert (await tab.post("say", text="Help", id="abcdefgh1")).status_code == 503
    hub.broken = False
    for _ in range(2):
        assert (await tab.post("say", text="Help", id="abcdefgh1")).status_code == 204
    assert len({update.id for update in hub.heard(Said)}) == 1
    assert [line["html"].count("Help") for line in await tab.until("Help") if not line["ours"]] == [1]


async def test_two_people_may_choose_the_same_id(hub: LittleHub, http: httpx.AsyncClient) -> None:
    for _ in range(2):
        tab = await Tab.open(http)
        await tab.post("say", text="Help", id="abcdefgh1")
    assert len({update.id for update in hub.heard(Said)}) == 2


async def test_a_press_reaches_the_hub_and_shows_what_was_chosen(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    (hello,) = await tab.until("Welcome")
    assert (await tab.post("press", say="/more", on=str(hello["id"]), label="Say more")).status_code == 204
    (press,) = hub.heard(Pressed)
    assert (press.say, press.on) == ("/more", str(hello["id"]))
    (chosen,) = [line for line in await tab.until("Say more") if not line["ours"]]
    assert chosen["on"] == str(hello["id"])


async def test_a_line_replaced_keeps_its_id(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    (hello,) = await tab.until("Welcome")
    again = Message((paragraph("Changed."),), replaces=str(hello["id"]))
    assert sent(await hub.say(hub.address, again)) == str(hello["id"])
    (line,) = await tab.lines()
    assert line["id"] == hello["id"]
    assert "Changed." in line["html"]


async def test_nobody_replaces_a_line_of_another_conversation(hub: LittleHub, http: httpx.AsyncClient) -> None:
    first = await Tab.open(http)
    (hello,) = await first.until("Welcome")
    await Tab.open(http)
    theirs = Message((paragraph("Changed."),), replaces=str(hello["id"]))
    assert sent(await hub.say(hub.address, theirs)) != str(hello["id"])
    assert await first.lines() == []


@dataclass
class Refusal:
    label: str
    path: str
    body: Any
    status: int = 400


REFUSED = [
    Refusal("nothing said", "say", {"text": "  "}),
    Refusal("too much said", "say", {"text": "x" * 4001}),
    Refusal("not even JSON", "say", "{"),
    Refusal("no text", "say", {"word": "x"}),
    Refusal("half a character", "say", r'{"text": "\ud800"}'),
    Refusal("nothing pressed", "press", {"say": ""}),
    Refusal("longer than any button says", "press", {"say": "é" * 33}),
    Refusal("more than a chat takes", "say", {"text": "x" * 70_000}, 413),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.label)
async def test_what_is_no_word_and_no_press_is_refused(hub: LittleHub, http: httpx.AsyncClient, case: Refusal) -> None:
    tab = await Tab.open(http)
    body = case.body if isinstance(case.body, str) else json.dumps(case.body)
    answer = await http.post(f"/chat/{case.path}", content=body, headers=tab.headers)
    assert answer.status_code == case.status
    assert hub.heard(Said) == hub.heard(Pressed) == []


async def test_who_writes_without_end_is_slowed_down(tmp_path: Path) -> None:
    settings = ChatSettings(ACCOUNT, words=3)
    async with LittleHub(tmp_path, settings).running() as hub, httpx.AsyncClient(base_url=hub.url) as http:
        tab = await Tab.open(http)
        assert [(await tab.post("say", text="x")).status_code for _ in range(4)] == [204, 204, 204, 429]
        hub.ahead += timedelta(minutes=1)
        assert (await tab.post("say", text="x")).status_code == 204


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_news_comes_down_the_open_stream(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    async with tab.stream() as stream:
        await heard(stream, "Welcome")
        await hub.say(hub.address, Message((paragraph("The border is open."),)))
        await heard(stream, "The border is open.")


async def test_the_stream_finds_what_another_process_wrote(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    elsewhere = WebChat(ACCOUNT, poster(hub.db, hub.keys, hub.now, Bell(), hub.settings))
    async with tab.stream() as stream:
        await heard(stream, "Welcome")
        await elsewhere.send(hub.address, elsewhere.fit(Message((paragraph("From elsewhere."),)))[0])
        await heard(stream, "From elsewhere.")


async def test_one_sitting_holds_five_streams_at_most(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    async with AsyncExitStack() as open_ones:
        streams = [await open_ones.enter_async_context(tab.stream()) for _ in range(5)]
        for stream in streams:
            await heard(stream, "Welcome")
        assert (await tab.get("stream")).status_code == 429
    async with asyncio.timeout(SOON):
        while hub.bell.listening(hub.address):  # noqa: ASYNC110 (the server notices by and by)
            await asyncio.sleep(0.02)
    async with tab.stream() as stream:
        await heard(stream, "Welcome")


# ── The sitting ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["say", "press", "stay", "receipt", "lines", "stream"])
async def test_without_an_open_sitting_nothing_is_told(hub: LittleHub, http: httpx.AsyncClient, path: str) -> None:
    body = {"text": "x", "say": "/x"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        answer = (
            await http.get(f"/chat/{path}", headers=headers)
            if path in ("lines", "stream")
            else await http.post(f"/chat/{path}", json=body, headers=headers)
        )
        assert answer.status_code == 401


async def test_only_acts_keep_a_sitting_open(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    async with tab.stream() as stream:
        await heard(stream, "Welcome")
        hub.ahead += timedelta(minutes=14)
        assert (await tab.post("stay")).status_code == 204
        hub.ahead += timedelta(minutes=14)
        await tab.lines()
        hub.ahead += timedelta(minutes=2)
        assert [event async for event, _ in stream][-1] == "ended"
    assert (await tab.get("lines")).status_code == 401
    assert (await tab.post("say", text="x")).status_code == 401


async def test_a_tab_that_gives_no_sign_of_life_is_closed_until_it_does(
    hub: LittleHub, http: httpx.AsyncClient
) -> None:
    tab = await Tab.open(http)
    await tab.until("Welcome")
    assert hub.back == []
    hub.ahead += timedelta(seconds=60)
    news = Message((paragraph("News."),))
    assert await hub.say(hub.address, news) == Closed()
    await tab.lines()
    assert len(hub.back) == 1  # what was closed may come now
    sent(await hub.say(hub.address, news))
    await tab.until("News.")
    assert len(hub.back) == 1


async def test_leaving_ends_the_sitting_and_clears_the_machine(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    answer = await tab.post("end")
    assert answer.headers["clear-site-data"] == '"*"'
    assert (await tab.get("lines")).status_code == 401
    assert await hub.say(hub.address, Message((paragraph("News."),))) == Closed()


async def test_one_client_opens_only_so_many_sittings(hub: LittleHub, http: httpx.AsyncClient) -> None:
    answers = [(await http.post("/chat/sit", json={})).status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]
    hub.ahead += timedelta(minutes=10)
    assert (await http.post("/chat/sit", json={})).status_code == 200


async def test_behind_a_proxy_on_this_machine_each_client_has_a_budget_of_its_own(tmp_path: Path) -> None:
    settings = ChatSettings(ACCOUNT, sittings=1)
    async with LittleHub(tmp_path, settings).running() as hub, httpx.AsyncClient(base_url=hub.url) as http:
        cases = [("2001:db8::1", 200), ("2001:db8::2", 429), ("2001:db8:0:1::1", 200), ("192.0.2.1", 200)]
        for address, status in cases:
            answer = await http.post("/chat/sit", json={}, headers={"X-Forwarded-For": address})
            assert (address, answer.status_code) == (address, status)


# ── The receipt ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def receipt_of(tab: Tab) -> str:
    digits: str = (await tab.post("receipt")).json()["receipt"]
    assert re.fullmatch(r"[1-9]\d{3}( \d{4}){3}", digits)
    return digits


@pytest.mark.parametrize(
    "typed",
    [lambda digits: digits, lambda digits: digits.replace(" ", "-"), lambda digits: digits.translate(PERSIAN_DIGITS)],
    ids=["as shown", "with hyphens", "in Persian digits"],
)
async def test_the_receipt_leads_back_and_the_old_tab_ends(hub: LittleHub, http: httpx.AsyncClient, typed: Any) -> None:
    old, new = await Tab.open(http), await Tab.open(http)
    await new.post("say", text="of the other conversation")
    await old.post("say", text="of the old conversation")
    answer = await http.post("/chat/return", json={"receipt": typed(await receipt_of(old))}, headers=new.headers)
    back = Tab(http, answer.json()["token"])
    assert "of the other conversation" not in str(await back.until("of the old conversation"))
    assert [(await tab.get("lines")).status_code for tab in (old, new)] == [401, 401]
    assert len(hub.back) == 1


async def test_a_wrong_receipt_and_no_receipt_get_the_same_answer(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    outdated = await receipt_of(tab)
    await receipt_of(tab)
    answers = [
        await http.post("/chat/return", json={"receipt": typed})
        for typed in (outdated, "1234 5678 9012 3456", "12", "", "no digits")
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, "Not Found")}
    assert (await tab.get("lines")).status_code == 200


@pytest.mark.parametrize("settings", [ChatSettings(ACCOUNT, returns=2), ChatSettings(ACCOUNT, all_returns=2)])
async def test_receipts_cannot_be_tried_without_end(tmp_path: Path, settings: ChatSettings) -> None:
    async with LittleHub(tmp_path, settings).running() as hub, httpx.AsyncClient(base_url=hub.url) as http:
        answers = [(await http.post("/chat/return", json={"receipt": "1"})).status_code for _ in range(3)]
        assert answers == [404, 404, 429]


async def test_who_was_erased_has_no_way_back(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    receipt = await receipt_of(tab)
    ((key_id,),) = await hub.db.read(lambda conn: conn.exec_driver_sql("SELECT key_id FROM addresses").all())
    await asyncio.to_thread(hub.keys.destroy, key_id)
    assert (await tab.get("lines")).status_code == 401
    assert (await http.post("/chat/return", json={"receipt": receipt})).status_code == 404


# ── Nothing left behind ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_no_cookie_and_no_word_in_the_clear(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    receipt = await receipt_of(tab)
    await tab.post("say", text="a word that nobody else may read")
    await hub.say(hub.address, Message((paragraph("an answer for one"),), choices=(Choice("a button", "/press-it"),)))
    await tab.until("an answer for one")
    assert len(http.cookies) == 0
    written = b"".join(file.read_bytes() for file in hub.path.glob("hub.db*"))
    for secret in ("nobody else may read", "an answer for one", "a button", tab.token, hub.address, "127.0.0.1"):
        assert secret.encode() not in written
    for digits in (receipt, receipt.replace(" ", "")):
        assert digits.encode() not in written


# ── Pictures, and what vanishes ──────────────────────────────────────────────────────────────────────────────────────

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


async def test_a_picture_comes_from_here_and_by_its_hash_alone(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    name = await hub.db.write(pictures.keep, PNG, "image/png", hub.now())
    attachment = Attachment("image", "", 'The "map"', data=PNG, mime="image/png", name=name)
    await hub.say(hub.address, Message((paragraph("Where we are"),), attachments=(attachment,)))
    [line] = [line for line in await tab.until("Where we are") if "Where we are" in line["html"]]
    assert f'<img src="/chat/picture/{name}" alt="The &#34;map&#34;">' in line["html"]
    answer = await http.get(f"/chat/picture/{name}")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_only_pictures_come_from_here(hub: LittleHub, http: httpx.AsyncClient) -> None:
    script = await hub.db.write(pictures.keep, b"<svg onload=alert(1)>", "image/svg+xml", hub.now())
    for name in (script, "0" * 64, "0" * 63, "..%2f..%2fetc%2fpasswd"):
        assert (await http.get(f"/chat/picture/{name}")).status_code == 404


async def test_what_is_hidden_vanishes_from_the_page_and_from_the_table(
    hub: LittleHub, http: httpx.AsyncClient
) -> None:
    tab = await Tab.open(http)
    await tab.post("say", text="my secret", id="word-0001")
    await tab.until("You said: my secret")
    tab.after = 0
    lines = await tab.lines()
    ids = tuple(str(line["id"]) for line in lines)
    await hub.say(hub.address, Message((), removes=ids))
    await hub.say(hub.address, Message((paragraph("Done."),)))
    found = await tab.until("Done.")
    assert [line.get("removes") for line in found if "removes" in line] == [list(ids)]
    tab.after = 0
    assert "secret" not in json.dumps(await tab.lines())


async def test_it_vanishes_from_the_table_though_the_tab_was_closed(hub: LittleHub, http: httpx.AsyncClient) -> None:
    tab = await Tab.open(http)
    await tab.post("say", text="my secret", id="word-0001")
    await tab.until("You said: my secret")
    tab.after = 0
    lines = await tab.lines()
    await tab.post("end")
    await hub.say(hub.address, Message((), removes=tuple(str(line["id"]) for line in lines)))
    rows = await hub.db.read(lambda conn: conn.execute(sa.select(schema.chat_lines.c.id)).all())
    assert not {str(row.id) for row in rows} & {str(line["id"]) for line in lines}
