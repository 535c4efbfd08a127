"""What staff write to many, as a person gets it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.delivery.compose import Composer
from bot.hub import Words
from bot.news.places import Gazetteer
from bot.talk.announce import announcement, kind_of, text_in
from channels import telegram
from channels.contract import Choice
from channels.wording import plain
from config.messages import phrases
from storage import broadcasts
from storage.database import Database
from storage.deliveries import Marked
from tests.bot.delivery.office import speak
from tests.providers.telegram import TOKEN
from tests.storage.scene import NOW

PNG = b"\x89PNG\r\n\x1a\n and so on"

BOTH = {"fa-AF": {"title": "", "text": "سلام"}, "en": {"title": "", "text": "Hello"}}
SPOKEN = [
    ("fa-AF", BOTH, "fa-AF", True, "سلام"),
    ("en", BOTH, "en", False, "Hello"),
    ("ru", BOTH, "en", False, "Hello"),
    ("ru", {"fa-AF": BOTH["fa-AF"], "picture": {"name": "x", "alt": ""}}, "fa-AF", True, "سلام"),
    ("en", {"picture": {"name": "x", "alt": ""}, "uz": {"title": "", "text": "Salom"}}, "uz", False, "Salom"),
]


@pytest.mark.parametrize(("language", "content", "said_in", "rtl", "words"), SPOKEN)
def test_a_person_gets_their_language_else_english_else_the_first(
    language: str, content: dict[str, Any], said_in: str, rtl: bool, words: str
) -> None:
    said = announcement(content, phrases(language), None)
    # A catalogue that is not there yet speaks English.
    if phrases(language).language == language or language == "ru":
        assert (said.language, said.rtl, plain(said).strip("\u200f")) == (said_in, rtl, words)


@pytest.mark.parametrize(
    ("words", "title", "text"),
    [
        ("A title\n\nAnd the text.", "A title", "And the text."),
        ("One line.", "", "One line."),
        ("A sentence.\n\nAnother one.", "", "A sentence.\n\nAnother one."),
        ("Two\nlines\n\nAnd more.", "", "Two\nlines\n\nAnd more."),
        (f"{'long ' * 20}\n\nAnd more.", "", f"{('long ' * 20).strip()}\n\nAnd more."),
        ("یک سطر۔\n\nدوسرا", "", "یک سطر۔\n\nدوسرا"),
    ],
)
def test_a_short_first_line_is_the_title(words: str, title: str, text: str) -> None:
    assert text_in(words) == {"title": title, "text": text}


def test_a_person_can_see_what_they_get_and_so_how_to_stop_it() -> None:
    assert announcement(BOTH, phrases("en"), None).choices == (Choice("What I get", "/mine"),)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (PNG, "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_pictures_are_known_by_their_first_bytes(data: bytes, kind: str | None) -> None:
    assert kind_of(data) == kind


@pytest.mark.parametrize(("group", "buttons"), [(False, ["What I get"]), (True, [])])
async def test_the_button_is_one_persons_and_not_for_all_of_a_group(
    sqlite: Database, gazetteer: Gazetteer, group: bool, buttons: list[str]
) -> None:
    channel = telegram.Telegram("main", telegram.Settings(token=TOKEN))
    composer = Composer(sqlite, channel, Words(gazetteer), speak)
    draft_id = await sqlite.write(broadcasts.draft, "Amira", NOW, BOTH)
    given: dict[str, Any] = dict.fromkeys(Marked.__dataclass_fields__)
    given |= {"group": group, "language": "en", "kind": "staff", "broadcast_id": draft_id, "dispatch_ids": ()}
    (part,) = await composer.parts(Marked(**given))
    assert [choice.label for choice in part.choices] == buttons
