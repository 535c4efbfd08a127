"""A browser as large as a small telephone, and a whole hub with its page open in it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright, expect

from bot.hub import Hub
from tests.hubs import running, settings

CHROMIUM = Path(os.environ.get("SERAI_TEST_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = ViewportSize(width=320, height=568)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    if not os.environ.get("CI") and not CHROMIUM.exists():  # noqa: ASYNC240
        pytest.skip(f"needs a browser: apt-get install chromium, or set SERAI_TEST_CHROMIUM (no {CHROMIUM})")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Whatever the browser complains of (the content security policy most of all) fails the test."""
    context = await browser.new_context(viewport=PHONE, reduced_motion="reduce")
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    await context.close()
    unexpected = [text for text in complaints if not re.search(r"status of 4\d\d|net::ERR_|status of 503", text)]
    assert unexpected == []


@pytest.fixture
async def hub(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Hub]:
    async with running(settings(sqlite_url), tmp_path / "keys") as hub:
        yield hub


@pytest.fixture
async def page(context: BrowserContext, hub: Hub) -> Page:
    """English was chosen in it."""
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{hub.web.port}")
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("log")).to_contain_text("Welcome to Test hub")
    return page


async def type_and_send(page: Page, text: str) -> None:
    await page.get_by_label("Write a message").fill(text)
    await page.keyboard.press("Enter")
