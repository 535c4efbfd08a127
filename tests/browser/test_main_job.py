"""What a newcomer does with a fresh clone: start the hub, subscribe in the web chat, see the sample speak."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from pathlib import Path

from playwright.async_api import expect

from tests import shell
from tests.browser.conftest import PHONE, chromium

TAPS = ("English", "I agree", "Iraq", "Next", "All topics")


async def test_five_taps_subscribe_and_the_sample_source_is_heard_without_a_reload(tmp_path: Path) -> None:
    with shell.hub(tmp_path) as hub:
        said = hub.until(">> var/sample.txt")
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        speak = next(line for line in said.splitlines() if "printf" in line)
        assert address
        async with chromium() as browser:
            page = await browser.new_page(viewport=PHONE)
            loads: list[str] = []
            page.on("framenavigated", lambda frame: loads.append(frame.url))
            await page.goto(address[0])
            for label in TAPS:
                await page.get_by_role("button", name=label, exact=True).click()
            await expect(page.get_by_text("You get all our news about Iraq.")).to_be_visible()
            await expect(page.get_by_text("From Monday on", exact=False)).to_have_count(0)
            await asyncio.to_thread(subprocess.run, ["bash", "-c", speak], cwd=tmp_path, check=True)
            arrived = page.get_by_text("the centre in Erbil opens at eight")
            await expect(arrived).to_be_visible(timeout=20_000)
            await expect(arrived).to_have_count(1)
            await expect(page.get_by_role("button", name="Why do I get this?")).to_be_visible()
            assert len(loads) <= 2  # the page itself, and its address tidied: no reload
        assert hub.end(signal.SIGINT, within=5) == 0
