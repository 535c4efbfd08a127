"""The page of the web chat in a real browser, against the real server."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from bot.web.chat import ChatSettings
from channels.contract import Choice, Closed, Message, Pressed, Said, Span, Started, paragraph
from tests.bot.web.little_hub import ACCOUNT, LittleHub, sent
from tests.browser.conftest import PHONE, type_and_send

NEWS = Message(
    (
        paragraph("Nasiriyah, Iraq · 24 November"),
        paragraph("The centre opens again on Sunday. " * 5),
        paragraph(Span("https://example.org/" + "averylongaddress" * 12, link="https://example.org/")),
        paragraph("دفتر ناصریه روز یکشنبه باز می‌شود."),
    ),
    title="The return centre in Nasiriyah opens again",
    choices=(Choice("Why do I get this?", "/why 1"), Choice("Fewer like this", "/fewer 1")),
)
PERSIAN = Message(
    (paragraph("سلام! اخبار عراق را می‌خواهید؟"),), language="fa", rtl=True, choices=(Choice("بله", "/yes"),)
)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[LittleHub]:
    async with LittleHub(tmp_path).running() as hub:
        yield hub


@pytest.fixture
async def page(context: BrowserContext, hub: LittleHub) -> Page:
    page = await context.new_page()
    await page.goto(hub.url)
    await expect(page.get_by_role("button", name="English")).to_be_visible()
    return page


async def test_it_opens_answers_and_takes_a_word(hub: LittleHub, page: Page) -> None:
    await expect(page.get_by_role("log")).to_contain_text("Welcome. This is news for people on the move.")
    await type_and_send(page, "سلام <b>x</b>")
    await expect(page.get_by_text("You said: سلام <b>x</b>")).to_be_visible()
    assert [said.text for said in hub.heard(Said)] == ["سلام <b>x</b>"]
    await expect(page.locator(".line.theirs")).to_have_count(1)
    await expect(page.locator(".sending")).to_have_count(0)


async def test_a_toggle_changes_in_place_and_keeps_the_focus(hub: LittleHub, page: Page) -> None:
    await page.get_by_role("button", name="English").click()
    iraq = page.get_by_role("button", name="Iraq")
    await iraq.focus()
    await page.keyboard.press("Enter")
    await expect(iraq).to_have_text("✓ Iraq")
    await expect(iraq).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(iraq).to_have_text("Iraq")
    await expect(iraq).to_be_focused()
    assert [press.say for press in hub.heard(Pressed)] == ["/language en", "/countries +Iraq", "/countries -Iraq"]
    await expect(page.locator(".line.ours")).to_have_count(2)
    await expect(page.locator(".line.theirs")).to_have_count(0)  # the message itself shows what was chosen
    await page.get_by_role("button", name="Next").click()
    await expect(page.locator(".line.theirs .bubble")).to_have_text("You: Next")  # here another message answered


async def test_news_arrives_without_a_reload(hub: LittleHub, page: Page) -> None:
    await hub.say(hub.address, NEWS)
    await expect(page.get_by_text("The return centre in Nasiriyah opens again")).to_be_visible()
    link = page.get_by_role("link")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(link).to_have_attribute("target", "_blank")


async def test_who_reads_above_is_not_torn_away(hub: LittleHub, page: Page) -> None:
    for _ in range(3):
        await hub.say(hub.address, NEWS)
    await expect(page.locator(".line.ours")).to_have_count(4)
    scroll = page.locator("#scroll")
    await scroll.evaluate("box => { box.scrollTop = 0 }")
    await hub.say(hub.address, Message((paragraph("The newest."),)))
    await expect(page.get_by_role("button", name="New message")).to_be_visible()
    assert await scroll.evaluate("box => box.scrollTop") == 0
    await page.get_by_role("button", name="New message").click()
    await expect(page.get_by_text("The newest.")).to_be_in_viewport()
    await expect(page.get_by_role("button", name="New message")).to_be_hidden()


async def test_a_reload_keeps_the_conversation_and_a_new_tab_does_not_have_it(
    hub: LittleHub, page: Page, context: BrowserContext
) -> None:
    await type_and_send(page, "only mine")
    await expect(page.get_by_text("You said: only mine")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("You said: only mine")).to_be_visible()
    assert len(hub.heard(Started)) == 1
    other = await context.new_page()
    await other.goto(hub.url)
    await expect(other.get_by_text("Welcome.")).to_be_visible()
    await expect(other.get_by_text("only mine")).to_have_count(0)
    assert await context.cookies() == []
    assert await other.evaluate("localStorage.length") == 0


async def test_a_deep_link_reaches_the_hub_and_leaves_the_address_bar(
    hub: LittleHub, page: Page, context: BrowserContext
) -> None:
    other = await context.new_page()
    await other.goto(f"{hub.url}/?start=iraq_return-reintegration")
    await expect(other.get_by_text("Welcome.")).to_be_visible()
    assert hub.heard(Started)[-1].payload == "iraq_return-reintegration"
    assert other.url == f"{hub.url}/"


async def test_when_all_of_it_is_new_its_beginning_is_shown(hub: LittleHub, page: Page) -> None:
    def screen(question: str, name: str, replaces: str = "") -> Message:
        choices = tuple(Choice(f"{name} {number}", f"/{name} {number}", wide=True) for number in range(20))
        return Message((paragraph(question),), choices=choices, replaces=replaces)

    line = sent(await hub.say(hub.address, screen("Which countries?", "Country")))
    last = page.get_by_role("button", name="Country 19")
    await last.focus()
    await expect(page.get_by_text("Which countries?")).not_to_be_in_viewport()
    await hub.say(hub.address, screen("Which topics?", "Topic", line))
    await expect(page.get_by_text("Which topics?")).to_be_in_viewport()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Topic 0")).to_be_focused()


# ── Leaving and coming back ──────────────────────────────────────────────────────────────────────────────────────────


async def test_leaving_quickly_leaves_nothing(hub: LittleHub, page: Page) -> None:
    entries = await page.evaluate("history.length")
    await page.get_by_role("button", name="Leave quickly").click()
    await page.wait_for_url("**/blank")
    assert await page.inner_text("body") == ""
    assert await page.evaluate("[history.length, sessionStorage.length]") == [entries, 0]
    await page.go_back()
    assert await page.get_by_text("Welcome.").count() == 0
    # The end of the sitting travels by itself, after the page is gone.
    for _ in range(100):
        if await hub.say(hub.address, NEWS) == Closed():
            break
        await page.wait_for_timeout(50)
    else:
        raise AssertionError("the sitting is still open")


async def test_the_receipt_leads_back_from_another_device(hub: LittleHub, page: Page, browser: Browser) -> None:
    await type_and_send(page, "from the first device")
    await expect(page.get_by_text("You said: from the first device")).to_be_visible()
    await page.get_by_role("button", name="Keep my place").click()
    await page.get_by_role("button", name="Get my number").click()
    digits = page.locator("output.digits")
    await expect(digits).to_have_text(re.compile(r"\d{4} \d{4} \d{4} \d{4}"))
    receipt = await digits.inner_text()
    await page.get_by_role("button", name="Close").click()
    await expect(digits).to_be_empty()
    assert receipt not in await page.content()

    elsewhere = await browser.new_context(viewport=PHONE)
    second = await elsewhere.new_page()
    await second.goto(hub.url)
    await second.get_by_role("button", name="Keep my place").click()
    await second.get_by_role("button", name="I have a number already").click()
    field = second.get_by_label("Your number of 16 digits")
    await field.fill("1111 2222 3333 4444")
    await second.keyboard.press("Enter")
    await expect(second.get_by_role("alert").filter(visible=True)).to_have_text(
        "We do not know this number. Please look at each digit and try again."
    )
    await field.fill(receipt)
    await second.get_by_role("button", name="Come back").click()
    await expect(second.get_by_text("You said: from the first device")).to_be_visible()
    await expect(second.get_by_text("Welcome back.")).to_be_visible()
    await expect(page.get_by_role("heading", name="This conversation has ended")).to_be_visible()
    await hub.say(hub.heard(Said)[0].address, NEWS)
    await expect(second.get_by_text("The return centre in Nasiriyah")).to_be_visible()
    await elsewhere.close()


async def test_a_quiet_sitting_ends_kindly(hub: LittleHub, page: Page) -> None:
    hub.ahead += timedelta(minutes=16)
    await expect(page.get_by_role("heading", name="This conversation has ended")).to_be_visible()
    await expect(page.get_by_text("Welcome.")).to_have_count(0)
    await expect(page.get_by_role("button", name="I have a number")).to_be_visible()
    await page.get_by_role("button", name="Start again").click()
    await expect(page.get_by_text("Welcome.")).to_be_visible()
    assert len({started.address for started in hub.heard(Started)}) == 2


async def test_before_it_ends_it_asks(tmp_path: Path, context: BrowserContext) -> None:
    settings = ChatSettings(ACCOUNT, idle=timedelta(seconds=6))
    async with LittleHub(tmp_path / "short", settings).running() as hub:
        page = await context.new_page()
        await page.goto(hub.url)
        await page.get_by_role("button", name="I am still here").click()
        await expect(page.get_by_role("heading", name="Are you still there?")).to_be_hidden()
        await expect(page.get_by_role("button", name="I am still here")).to_be_visible(timeout=10_000)  # and once more
        await expect(page.get_by_text("Welcome.")).to_be_visible()
        await page.close()


# ── A bad line ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_where_no_stream_comes_through_it_asks_again_and_again(hub: LittleHub, context: BrowserContext) -> None:
    async def refuse(route: Route) -> None:
        await route.abort()

    await context.route("**/chat/stream*", refuse)
    page = await context.new_page()
    await page.goto(hub.url)
    await expect(page.get_by_text("Welcome.")).to_be_visible(timeout=10_000)
    await expect(page.get_by_role("status")).to_be_hidden()
    await type_and_send(page, "by polling")
    await expect(page.get_by_text("You said: by polling")).to_be_visible()
    await hub.say(hub.address, NEWS)
    await expect(page.get_by_text("The return centre in Nasiriyah")).to_be_visible()
    await expect(page.locator(".line.theirs")).to_have_count(1)


async def test_a_lost_connection_is_told_and_mended(hub: LittleHub, page: Page) -> None:
    port = hub.web.port
    await hub.web.stop()
    await expect(page.get_by_role("status")).to_have_text("The connection is lost. Trying again …")
    await type_and_send(page, "into the dark")
    await expect(page.get_by_text("Not sent.")).to_be_visible()
    await hub.serve(port)
    await expect(page.get_by_role("status")).to_be_hidden(timeout=20_000)
    await page.get_by_role("button", name="Send again").click()
    await expect(page.get_by_text("You said: into the dark")).to_be_visible(timeout=10_000)
    await expect(page.locator(".line.theirs")).to_have_count(1)
    await hub.say(hub.address, NEWS)
    await expect(page.get_by_text("The return centre in Nasiriyah")).to_be_visible(timeout=10_000)


async def test_without_javascript_it_says_so_kindly(hub: LittleHub, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(hub.url)
    await expect(page.get_by_role("heading", name="This chat needs JavaScript")).to_be_visible()
    await expect(page.locator("noscript bdi")).to_have_text("help@example.org")
    await expect(page.get_by_role("button")).to_have_count(0)
    await expect(page.get_by_label("Write a message")).to_be_hidden()
    await context.close()


# ── For everybody ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
async def test_nothing_is_wider_than_the_screen(hub: LittleHub, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 640})
    await page.get_by_role("button", name="English").click()
    await hub.say(hub.address, NEWS)
    await type_and_send(page, "w" * 300)
    await hub.say(hub.address, PERSIAN)
    await expect(page.get_by_role("button", name="بله")).to_be_visible()
    for opened in ("Keep my place", "Get my number"):
        await page.get_by_role("button", name=opened).click()
    await expect(page.locator("output.digits")).to_be_visible()
    wide = await page.evaluate(
        """() => [...document.querySelectorAll("html, body, #scroll, dialog[open], .bubble, .choice")]
            .filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.outerHTML)"""
    )
    assert wide == []


async def test_everything_to_tap_is_large_enough(hub: LittleHub, page: Page) -> None:
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("button", name="Next")).to_be_visible()
    sizes = await page.evaluate(
        """() => [...document.querySelectorAll("button, textarea")].filter((element) => element.offsetParent)
            .map((element) => [element.textContent.trim(), element.offsetWidth, element.offsetHeight])"""
    )
    assert len(sizes) > 10
    assert [size for size in sizes if min(size[1:]) < 44] == []


async def test_a_persian_line_runs_from_right_to_left(hub: LittleHub, page: Page) -> None:
    await page.get_by_role("button", name="فارسی").click()
    line = page.locator(".line.ours").last
    await expect(line).to_contain_text("سلام")
    await expect(line).to_have_attribute("lang", "fa")
    assert await line.evaluate("line => getComputedStyle(line).direction") == "rtl"
    bubble = await line.locator(".bubble").bounding_box()
    assert bubble is not None
    assert bubble["x"] + bubble["width"] > PHONE["width"] - 20  # ours now begins at the right
    assert await page.locator("main").get_attribute("dir") == "rtl"


async def test_the_keyboard_is_enough(hub: LittleHub, page: Page) -> None:
    seen = []
    for _ in range(9):
        await page.keyboard.press("Tab")
        name, outline = await page.evaluate(
            """() => {
                const it = document.activeElement, own = ["BUTTON", "A"].includes(it.tagName) && it.textContent.trim();
                return [own || it.id || it.tagName, getComputedStyle(it).outlineStyle];
            }"""
        )
        seen.append(name)
        assert name == "BODY" or outline != "none"
    for name in ("Keep my place", "Leave quickly", "English", "word", "Send"):
        assert name in seen
    await page.get_by_role("button", name="Keep my place").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Keep my place")).to_be_focused()


async def test_a_message_that_is_replaced_twice_ends_as_the_last(hub: LittleHub, page: Page) -> None:
    first = sent(await hub.say(hub.address, NEWS))
    for words in ("Second.", "Third."):
        await hub.say(hub.address, Message((paragraph(words),), replaces=first))
    line = page.locator(f"#line-{first}")
    await expect(line).to_have_text("Third.")
    await expect(line.locator("button")).to_have_count(0)
