"""The page behind the link of /export: opening it uses nothing up, its button downloads, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from bot.web.chat import Theirs
from bot.web.languages import Speech
from bot.web.server import Web, app
from config.messages import phrases
from storage import chats, exports, people
from storage.database import Connection
from tests.bot.web.little_hub import ACCOUNT, LittleHub

WORDS = "من می‌خواهم به خانه برگردم"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[LittleHub]:
    async with LittleHub(tmp_path).running() as hub:
        yield hub


@pytest.fixture
async def http(hub: LittleHub) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=hub.url, trust_env=False) as http:
        yield http


@pytest.fixture
async def link(hub: LittleHub) -> str:
    """Of somebody who sits in the web chat, and asked something."""
    sitting = await hub.db.write(chats.open_sitting, hub.keys, "tab", ACCOUNT, hub.now())

    def wrote(conn: Connection) -> int:
        address = people.address(conn, sitting.address_id)
        person = people.get(conn, address.person_id)
        body = msgspec.json.encode(Theirs(WORDS))
        chats.add_line(conn, hub.keys, address, body, hub.now(), ours=False)
        chats.add_line(conn, hub.keys, address, b'{"html":"<p>Hello</p>"}', hub.now(), ours=True)
        people.keep_question(conn, hub.keys, person, WORDS, hub.now())
        return address.person_id

    person_id = await hub.db.write(wrote)
    return f"/export/{await hub.db.write(exports.link, hub.keys, person_id, hub.now())}"


async def test_the_button_downloads_a_file(http: httpx.AsyncClient, link: str) -> None:
    answer = await http.post(link)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert [line["words"] for line in found["web_chat"]] == [WORDS]
    assert [question["words"] for question in found["questions"]] == [WORDS]
    assert [address["channel"] for address in found["addresses"]] == ["webchat"]
    assert WORDS in answer.text, "people read it as it is"
    assert json.loads(answer.text) == found


async def test_looking_at_the_link_uses_nothing_up_and_shows_nothing(http: httpx.AsyncClient, link: str) -> None:
    for look in (http.get, http.head, http.get, http.head):
        answer = await look(link)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert WORDS not in answer.text
    page = (await http.get(link, headers={"User-Agent": "TelegramBot (like TwitterBot)"})).text
    assert '<form method="post"' in page
    assert 'content="noindex"' in page
    assert "<script" not in page
    assert (await http.post(link)).status_code == 200


async def test_it_works_once(http: httpx.AsyncClient, link: str) -> None:
    assert (await http.post(link)).status_code == 200
    for again in (await http.post(link), await http.get(link), await http.head(link)):
        assert again.status_code == 404
    assert "Send /export in the chat to get a new one." in (await http.get(link)).text


async def test_two_presses_at_once_give_one_file(http: httpx.AsyncClient, link: str) -> None:
    answers = await asyncio.gather(*(http.post(link) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]


async def test_after_a_quarter_of_an_hour_it_works_no_more(hub: LittleHub, http: httpx.AsyncClient, link: str) -> None:
    hub.ahead += timedelta(minutes=14)
    assert (await http.get(link)).status_code == 200
    hub.ahead += timedelta(minutes=1)
    assert (await http.get(link)).status_code == 404
    assert (await http.post(link)).status_code == 404


GUESSES = ["x", "A" * 43, "%00", "%ff%fe", "a" * 5000, "%F0%9F%98%80"]


@pytest.mark.parametrize("guess", GUESSES)
async def test_a_guess_gets_the_same_page_as_a_used_link(http: httpx.AsyncClient, link: str, guess: str) -> None:
    await http.post(link)
    used, guessed = await http.get(link), await http.get(f"/export/{guess}")
    assert (guessed.status_code, guessed.text) == (used.status_code, used.text)
    assert (await http.post(f"/export/{guess}")).status_code == 404


@pytest.mark.parametrize("path", ["/export", "/export/", "/export/a/b"])
async def test_there_is_nothing_beside_it(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_does_nothing(http: httpx.AsyncClient, link: str, method: str) -> None:
    assert (await http.request(method, link)).status_code == 405
    assert (await http.post(link)).status_code == 200


ELSEWHERE = [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://example.org"}, {"Origin": "null"}]


@pytest.mark.parametrize("headers", ELSEWHERE)
async def test_only_its_own_page_may_press_the_button(
    http: httpx.AsyncClient, link: str, headers: dict[str, str]
) -> None:
    assert (await http.post(link, headers=headers)).status_code == 403
    assert (await http.post(link)).status_code == 200


async def test_the_page_lets_an_old_browser_say_where_it_is(http: httpx.AsyncClient, link: str) -> None:
    """No referrer at all would make the origin of a form "null", which is refused."""
    assert '<meta name="referrer" content="strict-origin">' in (await http.get(link)).text


async def test_without_a_web_chat_the_link_works_too(hub: LittleHub, link: str) -> None:
    pages = app(
        db=hub.db,
        keys=hub.keys,
        clock=hub.now,
        channels={},
        take=hub.take,
        bell=hub.bell,
        chat=None,
        house=hub.house,
        speech=Speech(phrases, ["en"]),
    )
    web = Web(pages, hub.bell)
    await web.start("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{web.port}", trust_env=False) as http:
            assert (await http.get("/")).status_code == 404
            assert (await http.post(link)).status_code == 200
    finally:
        await web.stop()
