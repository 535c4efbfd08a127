"""A picture in the web chat, and /hide, in a real browser against a whole hub."""

from __future__ import annotations

import struct
import zlib

import sqlalchemy as sa
from playwright.async_api import Page, expect

from bot.hub import WEB_CHAT, Hub
from channels.contract import Attachment, Message, paragraph
from storage import pictures, schema
from storage.people import ADDRESS
from tests.browser.conftest import type_and_send


def png(width: int, height: int) -> bytes:
    """A picture all of one green."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x0b\x5d\x57" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def address(hub: Hub) -> str:
    row = await hub.db.read(lambda conn: conn.execute(sa.select(schema.addresses)).one())
    return hub.keys.unseal(ADDRESS, row.record, row.sealed).decode()


async def show(hub: Hub, data: bytes) -> None:
    """What staff wrote to many, as it arrives."""
    name = await hub.db.write(pictures.keep, data, "image/png", hub.clock.now())
    attachment = Attachment("image", "", "A map of the centres", data=data, mime="image/png", name=name)
    message = Message((paragraph("All our centres on one map."),), attachments=(attachment,))
    channel = hub.channels[WEB_CHAT]
    for part in channel.fit(message):
        await channel.send(await address(hub), part)


async def test_a_picture_is_seen_described_and_not_wider_than_the_page(page: Page, hub: Hub) -> None:
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if line.type == "error" else None)
    await show(hub, png(2000, 500))
    picture = page.get_by_role("img", name="A map of the centres")
    await page.get_by_role("button", name="New message").click()
    await expect(picture).to_be_in_viewport()
    assert await picture.evaluate("(it) => it.complete && it.naturalWidth") == 2000
    box, log = await picture.bounding_box(), await page.locator("#scroll").bounding_box()
    assert box
    assert log
    assert box["width"] <= log["width"]
    assert abs(box["width"] / box["height"] - 4) < 0.1
    await expect(page.get_by_text("All our centres on one map.")).to_be_in_viewport()
    assert refused == []


async def test_who_reads_the_end_sees_all_of_a_picture_once_it_is_here(page: Page, hub: Hub) -> None:
    await type_and_send(page, "hello")
    await expect(page.get_by_text("Hello!")).to_be_in_viewport()
    await show(hub, png(400, 300))
    await expect(page.get_by_text("All our centres on one map.")).to_be_in_viewport(ratio=1)
    assert await page.locator("#newest").is_hidden()


async def test_a_picture_that_is_no_longer_there_is_its_words(page: Page, hub: Hub) -> None:
    await page.route("**/chat/picture/*", lambda route: route.abort())
    await show(hub, png(10, 10))
    await expect(page.get_by_alt_text("A map of the centres")).to_be_attached()
    await expect(page.get_by_text("All our centres on one map.")).to_be_visible()


async def test_hiding_leaves_one_word_on_the_page_and_nothing_else_after_a_reload(page: Page, hub: Hub) -> None:
    await type_and_send(page, "/ask my secret")
    await expect(page.get_by_role("log")).to_contain_text("my secret")
    await show(hub, png(10, 10))
    await type_and_send(page, "/hide")
    log = page.get_by_role("log")
    await expect(log).to_have_text("Done.", use_inner_text=True)
    await expect(page.locator("#log > li")).to_have_count(1)
    await page.reload()
    await expect(log).to_have_text("Done.", use_inner_text=True)
    await expect(page.locator("#log > li")).to_have_count(1)
    lines = await hub.db.read(lambda conn: conn.execute(sa.select(schema.chat_lines)).all())
    assert len(lines) == 2  # the word, and what told the page to forget
    await type_and_send(page, "hello")
    await expect(log).to_contain_text("Hello!")


async def test_what_comes_after_hiding_is_shown(page: Page) -> None:
    for _ in range(2):
        await type_and_send(page, "/hide")
        await expect(page.locator("#log > li")).to_have_count(1)
        await type_and_send(page, "/help")
        await expect(page.get_by_role("log")).to_contain_text("What you can do here")
