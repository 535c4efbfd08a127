"""The web chat in Dari: right to left, in a browser that asks for it, on a small phone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from bot.hub import Hub
from tests.bot.talk.conftest import kept
from tests.browser.conftest import PHONE

TITLE = "From Monday on, the centre in Erbil, Iraq, opens at 8"
# Where a text stands on the screen: the rectangle of its first occurrence inside an element.
RECTANGLE = """(element, text) => {
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const at = node.data.indexOf(text);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + text.length);
    const { left, right } = range.getBoundingClientRect();
    return { left, right };
  }
}"""

# What reaches over the screen's edge, or is wider than its own room.
OVER = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const { left, right, width } = element.getBoundingClientRect();
  const tight = element.matches(".bubble, button") && element.scrollWidth > element.clientWidth + 1;
  return width > 1 && (left < -0.5 || right > innerWidth + 0.5 || tight);
}).map((element) => element.outerHTML.slice(0, 80))"""


@pytest.fixture
async def page(browser: Browser, hub: Hub) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=PHONE, locale="fa-AF", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{hub.web.port}")
    await page.get_by_role("button", name="دری").click()
    await expect(page.get_by_role("log")).to_contain_text("نام شما را نمی‌پرسیم")
    yield page
    await context.close()


async def rectangle(page: Page, text: str) -> dict[str, float]:
    found: dict[str, float] = await page.get_by_role("log").evaluate(RECTANGLE, text)
    return found


async def write(page: Page, text: str) -> None:
    await page.get_by_label("پیام بنویسید").fill(text)
    await page.keyboard.press("Enter")


async def test_the_page_is_in_dari_and_right_to_left(page: Page) -> None:
    for where in ("html", "#chat", ".line.ours >> nth=-1"):
        assert await page.locator(where).evaluate("e => [e.lang || 'fa-AF', e.dir]") == ["fa-AF", "rtl"]
    await expect(page.get_by_role("button", name="خروج فوری")).to_be_visible()
    await expect(page.get_by_label("پیام بنویسید")).to_be_visible()


async def test_ours_stands_on_the_right_and_theirs_on_the_left(page: Page) -> None:
    await write(page, "/later")
    await expect(page.get_by_role("log")).to_contain_text("/news")
    stroke, word = await rectangle(page, "/later"), await rectangle(page, "later")
    assert stroke["left"] < word["left"]
    theirs = await page.locator(".line.theirs .bubble").last.bounding_box()
    ours = await page.locator(".line.ours .bubble").first.bounding_box()
    send = await page.locator(".send").bounding_box()
    assert theirs
    assert ours
    assert send
    assert PHONE["width"] - (ours["x"] + ours["width"]) < 20
    assert theirs["x"] < 20
    assert send["x"] < 20


async def test_nothing_reaches_over_the_edge(page: Page) -> None:
    for label in ("موافق هستم", "عراق", "بعدی", "همهٔ موضوع‌ها"):
        await page.get_by_role("button", name=label, exact=True).click()
        await expect(page.locator("[aria-busy=true]")).to_have_count(0)
        assert await page.evaluate(OVER) == []
    await expect(page.get_by_role("log")).to_contain_text("همهٔ خبرهای ما در بارهٔ عراق به شما می‌آید.")


async def test_only_the_conversation_scrolls_and_leaving_quickly_stays_in_reach(page: Page) -> None:
    for count in range(1, 4):
        await write(page, "/help")
        await expect(page.get_by_text("اینجا چه کرده می‌توانید")).to_have_count(count)
    assert await page.evaluate("document.scrollingElement.scrollHeight") == PHONE["height"]
    await expect(page.get_by_role("button", name="خروج فوری")).to_be_in_viewport()


async def test_news_in_english_is_read_in_its_own_direction(page: Page, hub: Hub) -> None:
    where = [{"name": "Mosul", "country": "IQ"}]
    await hub.db.write(kept, TITLE, "Call +964 750 123 4567, or come.", countries=("IQ",), places=where, days=0)
    await write(page, "خبرها")
    await expect(page.get_by_role("log")).to_contain_text(TITLE)
    title, rest = await rectangle(page, "From"), await rectangle(page, "Monday")
    assert title["left"] < rest["left"]
    plus, number = await rectangle(page, "+"), await rectangle(page, "964")
    assert plus["right"] <= number["left"] + 1
    town, country = await rectangle(page, "Mosul"), await rectangle(page, "عراق ·")
    assert country["right"] <= town["left"] + 1
    label, source = await rectangle(page, "منبع"), await rectangle(page, "Silk")
    assert source["right"] <= label["left"] + 1
    link = page.get_by_role("log").get_by_role("link")
    await expect(link).to_have_attribute("href", "https://news.example.org/1")


async def test_a_command_is_read_with_its_stroke_in_front(page: Page) -> None:
    await page.get_by_role("button", name="حالا نه").click()
    await expect(page.get_by_role("log")).to_contain_text("/news")
    stroke, word = await rectangle(page, "/"), await rectangle(page, "news")
    assert stroke["right"] <= word["left"] + 1


async def test_the_page_around_follows_the_language_that_was_chosen(browser: Browser, hub: Hub) -> None:
    context = await browser.new_context(viewport=PHONE, locale="en-GB", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{hub.web.port}")
    await expect(page.get_by_role("button", name="Leave quickly")).to_be_visible()
    await page.get_by_label("Write a message").fill("half a wo")
    await page.get_by_role("button", name="دری").click()
    await expect(page.get_by_role("button", name="خروج فوری")).to_be_visible()
    assert await page.locator("html").evaluate("e => [e.lang, e.dir]") == ["fa-AF", "rtl"]
    await expect(page.get_by_label("پیام بنویسید")).to_have_value("half a wo")
    await page.reload()
    await expect(page.get_by_role("button", name="نگه داشتن جای من")).to_be_visible()
    await page.get_by_role("button", name="زبان", exact=True).click()
    await page.get_by_role("button", name="English").last.click()
    await expect(page.get_by_role("button", name="Leave quickly")).to_be_visible()
    assert await page.locator("html").evaluate("e => [e.lang, e.dir]") == ["en", "ltr"]
    await context.close()
