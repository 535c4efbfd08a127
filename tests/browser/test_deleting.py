"""Deleting and the copy, in a real browser against a whole hub."""

from __future__ import annotations

import json

from playwright.async_api import Page, Route, expect

from bot.hub import Hub
from tests.browser.conftest import type_and_send


async def delete(page: Page) -> None:
    await type_and_send(page, "/ask my secret")
    await expect(page.get_by_role("log")).to_contain_text("with our counsellors")
    await type_and_send(page, "/delete")
    await page.get_by_role("button", name="Delete everything about me").click()
    await expect(page.get_by_role("log")).to_contain_text("Everything about you is deleted")


async def only_the_confirmation(page: Page) -> None:
    await expect(page.locator("#log > li")).to_have_count(1)
    log = await page.get_by_role("log").inner_text()
    assert "my secret" not in log
    assert "Welcome" not in log
    assert not await page.locator("#typing.on").count()
    await expect(page.locator("#banner")).to_be_hidden()


async def test_the_lines_vanish_and_the_page_goes_on(page: Page) -> None:
    await delete(page)
    await only_the_confirmation(page)
    await type_and_send(page, "hello")
    await expect(page.get_by_role("log")).to_contain_text("Please choose your language.")


async def test_the_lines_vanish_where_no_stream_comes_through(page: Page) -> None:
    async def refuse(route: Route) -> None:
        await route.abort()

    await page.route("**/chat/stream*", refuse)
    await page.reload()
    await expect(page.get_by_role("log")).to_contain_text("Welcome to Test hub")
    await delete(page)
    await only_the_confirmation(page)


async def test_the_copy_is_downloaded_once(page: Page, hub: Hub) -> None:
    await type_and_send(page, "/export")
    link = page.get_by_role("log").get_by_role("link")
    await expect(link).to_be_visible()
    address = str(await link.get_attribute("href")).replace("http://127.0.0.1", f"http://127.0.0.1:{hub.web.port}")
    await page.goto(address)
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Download the copy").click()
    download = await downloading.value
    assert download.suggested_filename == "my-data.json"
    copy = json.loads((await download.path()).read_text())
    assert copy["settings"]["language"] == "en"
    await page.reload()
    await expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
