"""All that may come in and is no good, by the door that it comes to, and the exact answer of each.

Nothing is lost by it and the rest goes on: behind each bad document of a source comes a good one, which is taken in,
and after each bad message a good one, which is answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.news.intake import listed
from bot.news.read import Reader
from bot.talk.inbox import Inbox
from storage.database import Database, PostgreSQL
from storage.keys import KeyStore
from tests.databases import opened
from tests.doors import NAME, SENT_AT, ChatDoor, SourceDoor, Taken, WebDoor
from tests.providers.sources import Answer, Sources, answer, bomb, cut, endless, feed, head, raw, redirect
from tests.shell import Shell


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader.load()


# ── Documents ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Document:
    label: str
    page: Answer
    becomes: Taken
    kind: str = "feed"


def rss(*items: str, before: str = '<?xml version="1.0"?>') -> Answer:
    return xml(f'{before}<rss version="2.0"><channel><title>News</title>{"".join(items)}</channel></rss>'.encode())


def xml(body: bytes, content_type: str = "text/xml") -> Answer:
    return feed(body, content_type)


def text(body: str) -> Answer:
    return feed(body.encode("utf-8", "surrogatepass"), "text/plain")


def item(title: str, words: str = "", **more: str) -> str:
    parts = {"title": title, "description": words, **more}
    return f"<item>{''.join(f'<{name}>{value}</{name}>' for name, value in parts.items() if value)}</item>"


def refused(complaint: str) -> Taken:
    return Taken(complaint=complaint)


BILLION = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a0 "lol">{BILLION}]>'
PASSWORDS = '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY p SYSTEM "file:///etc/passwd">]>'
NOT_A_FEED = refused("This is not a feed, or a broken one without items. Check the address of the source.")
NOT_A_TEXT = refused("This is not a text but a file of another kind. Check the address of the source.")
NOT_JSON = refused("This is not valid JSON. Check the address of the source.")
WORDLESS = "It has neither a title nor a text."

DOCUMENTS = [
    # What is broken
    Document("nothing", xml(b""), refused("The document is empty. Check the address of the source.")),
    Document("the start of a feed", xml(b"<?xml version='1.0'?><rss"), NOT_A_FEED),
    Document(
        "a feed that breaks off",
        xml(b"<rss version='2.0'><channel><item><title>Whole</title></item><item><title>Half"),
        Taken(("Whole",), aside=(f"item 2: {WORDLESS}",)),
    ),
    Document(
        "XML with bare ampersands and tags left open",
        rss(item("Bed & breakfast", "A <b>b <i>c"), item("Beside")),
        Taken(("Bed & breakfast: A b c", "Beside")),
    ),
    Document("a page that says maintenance", xml(b"<!DOCTYPE html><html><body>Maintenance</body></html>"), NOT_A_FEED),
    Document("a picture", xml(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), NOT_A_FEED),
    Document("a PDF", text("%PDF-1.7 " + "x" * 100), NOT_A_TEXT, "dateline"),
    Document("JSON that breaks off", xml(b'{"items":[{"title":"A"'), NOT_JSON),
    Document(
        "JSON of odd values",
        xml(b'{"items":[1,null,{"id":{}},{"id":true,"title":"Told"},{"title":["x"]}]}'),
        Taken(
            ("Told",),
            aside=(
                "item 1: It is not an object.",
                "item 2: It is not an object.",
                f"item 3: {WORDLESS}",
                f"item 5: {WORDLESS}",
            ),
        ),
    ),
    # What is too much
    Document(
        "HTML nested 100,000 deep in one item",
        rss(item("Deep", "&lt;div&gt;" * 100_000 + "x"), item("Beside the deep one")),
        Taken(("Beside the deep one",), aside=("item 1: Its HTML is nested too deeply.",)),
    ),
    Document(
        "the same unescaped",
        rss(item("Deep", f"<![CDATA[{'<div>' * 100_000}]]>"), item("Beside the unescaped")),
        Taken(("Beside the unescaped",), aside=("item 1: Its HTML is nested too deeply.",)),
    ),
    Document(
        "XML nested 100,000 deep",
        rss("<item>" + "<a>" * 100_000 + "</a>" * 100_000 + "</item>"),
        refused("The feed has tags nested thousands deep. No real feed does: check the address of the source."),
    ),
    Document(
        "a page nested 100,000 deep",
        feed(b"<html><body>" + b"<div>" * 100_000 + b"x", "text/html"),
        refused("The web page has tags nested thousands deep. No real page does: check its address."),
        "page",
    ),
    Document("JSON nested 100,000 deep", xml(b'{"items":' + b"[" * 100_000), NOT_JSON),
    Document(
        "a book among the news",
        text(f"{'word ' * 30_000}\n\nKabul, Afghanistan: Beside a book there is a short text."),
        Taken(("Beside a book there is a short text.",), aside=("paragraph 1: It is longer than 100000 characters.",)),
        "dateline",
    ),
    Document(
        "an entity bomb",
        rss(item("Laughs", "&a9;"), item("Beside the laughs"), before=LAUGHS),
        Taken(("Beside the laughs", "Laughs: &a9;")),
    ),
    Document(
        "an entity that reads a file of ours",
        rss(item("Passwords", "&p;"), before=PASSWORDS),
        Taken(("Passwords: &p;",)),
    ),
    # What looks like a path is never opened
    Document("a path", xml(b"/etc/passwd"), NOT_A_FEED),
    Document("an address", xml(b"http://127.0.0.1/secret"), NOT_A_FEED),
    Document(
        "a path for a text",
        text("config/samples/dispatches.txt"),
        Taken(aside=("paragraph 1: It is shorter than 40 characters and has no dateline.",)),
        "dateline",
    ),
    # Letters
    Document(
        "Arabic of an old Windows that says it is UTF-8",
        xml(
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><item>'
            "<title>خبر جديد من العراق</title></item></channel></rss>".encode("cp1256")
        ),
        Taken(("خبر جديد من العراق",)),
    ),
    Document(
        "a charset that there is not",
        xml(
            '<?xml version="1.0" encoding="klingon"?><rss version="2.0"><channel><item>'
            "<title>Où aller à Genève</title></item></channel></rss>".encode(),
            "text/xml; charset=klingon",
        ),
        Taken(("Où aller à Genève",)),
    ),
    Document(
        "references to what is no character, and an emoji in two halves",
        rss(item("Half &#xD800; no &#x110000; &#99999999999;", "Smile &#55357;&#56832;"), item("Beside the halves")),
        Taken(("Beside the halves", "Half no: Smile 😀")),
    ),
    Document(
        "half an emoji, a line break and controls in JSON",
        xml(
            b'{"items":[{"id":"\\u0000a","title":"Nul\\u0000l\\u0007","content_text":"Cut \\ud83d\n off",'
            b'"url":"https://a.example/\\u0000"}, {"title":"Beside the half","content_html":"<b>x \\ud800</b>"}]}'
        ),
        Taken(("Beside the half: x", "Null: Cut\noff")),
    ),
    Document(
        "controls and marks of direction",
        text("Kabul, Afghanistan: The\x07 centre\u202e opened its\u200b doors to everyone."),
        Taken(("The centre opened its doors to everyone.",)),
        "dateline",
    ),
    Document("a text with a NUL", text("Kabul, Afghanistan: The centre\0 opened its doors."), NOT_A_TEXT, "dateline"),
    # Items
    Document(
        "HTML in titles, scripts in texts",
        rss(
            item(
                "&lt;b&gt;Visas&lt;/b&gt; &amp;amp; work&lt;script&gt;alert(1)&lt;/script&gt;",
                "<![CDATA[<p onclick=x>One</p><img src=x onerror=alert(1)>]]>",
            )
        ),
        Taken(("Visas & work: One",)),
    ),
    Document("no link, no date, no title", rss(item("", "Nothing but words.")), Taken(("Nothing but words.",))),
    Document(
        "a guid that is repeated",
        rss(item("One of two", guid="1"), item("Two of two", guid="1"), item("Two of two", guid="1")),
        Taken(("One of two", "Two of two"), aside=("item 3: The feed has the same item twice.",)),
    ),
    Document(
        "links that mislead, dates that were never",
        rss(
            item("A script", link="javascript:alert(1)", pubDate="Mon, 31 Feb 2024 25:61:61"),
            item("A bank", link="https://bank.example@evil.example/", pubDate="Fri, 31 Dec 9999 23:59:59 GMT"),
        ),
        Taken(("A bank", "A script")),
    ),
]


@pytest.fixture
async def sources(db: Database, reader: Reader) -> AsyncIterator[SourceDoor]:
    async with Sources() as web:
        yield SourceDoor(db, web, reader)


async def test_a_bad_document_is_named_and_what_is_good_of_it_is_taken_in(sources: SourceDoor) -> None:
    became = {row.label: await sources.brings(row.page, row.kind) for row in DOCUMENTS}
    assert became == {row.label: row.becomes for row in DOCUMENTS}
    links = await sources.links()
    assert [link for link in links if "script" in link or "@" in link or "\0" in link] == []


def test_ten_thousand_items_are_all_taken_in(reader: Reader) -> None:
    """Each once; they are kept a few at a time (``test_intake``)."""
    items = "".join(item(f"News {n}", guid=str(n)) for n in range(10_000))
    reading = reader.read(f'<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'.encode())
    assert [each.item.title for each in listed(reading)] == [f"News {n}" for n in range(10_000)]
    assert reading.set_aside == ()


# ── Servers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Server:
    label: str
    page: Answer
    says: str
    elsewhere: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def hurry(self) -> bool:
        return self.says == TOO_SLOW


TOO_LARGE = "It is larger than 10,000,000 bytes, so it was not read. Ask the publisher for a shorter feed."
TOO_SLOW = "It took longer than 0.5 seconds, so we gave up. We will try again; if this goes on, ask the publisher."
BROKE = "The connection broke off, or the answer made no sense. We will try again."
OK = b"HTTP/1.1 200 OK\r\n"

SERVERS = [
    Server("50 MB, and says so", endless(b"", head(200, {"Content-Length": "50000000"}), seconds=60), TOO_LARGE),
    Server("50 MB, and does not say so", raw(head(200, {}), *[b" " * 1_000_000] * 50), TOO_LARGE),
    Server("50 MB in 50 kB", bomb(50), TOO_LARGE),
    Server(
        "a redirect loop",
        redirect("/round"),
        "It sends us round in a circle. Ask the publisher for the right address.",
        {"round": redirect("/again"), "again": redirect("/round")},
    ),
    Server(
        "redirects without an end",
        redirect("/step1"),
        "It sends us on more than 5 times. Open the address in a browser and enter the one where it ends up.",
        {f"step{n}": redirect(f"/step{n + 1}") for n in range(1, 9)},
    ),
    Server(
        "a redirect to where a cloud keeps its keys",
        redirect("http://169.254.169.254/latest/"),
        "169.254.169.254 is in a private or reserved network, so it was not fetched. "
        "If this server is yours, enter its own address and set allow_private for the source.",
    ),
    Server(
        "a redirect to a file",
        redirect("file:///etc/passwd"),
        "Only http and https addresses can be read. Check the address of the source.",
    ),
    Server("a byte now and then", endless(b"x", seconds=0.02), TOO_SLOW),
    Server("a header now and then", endless(b"X: y\r\n", OK, seconds=0.02), TOO_SLOW),
    Server(
        "provisional answers without an end",
        endless(b"HTTP/1.1 102 Wait\r\n\r\n", b"HTTP/1.1 102 Wait\r\n\r\n"),
        TOO_SLOW,
    ),
    Server("a byte in each chunk", endless(b"1\r\nx\r\n", head(200, {"Transfer-Encoding": "chunked"})), TOO_SLOW),
    Server("no end of the first line", endless(b"", b"HTTP/1.1", seconds=60), TOO_SLOW),
    Server("another protocol", raw(b"220 mail.example ESMTP\r\n"), BROKE),
    Server("hangs up at once", raw(), BROKE),
    Server("hangs up in the middle", cut(b"<rss>"), BROKE),
    Server(
        "packed as nobody asked",
        answer(body=b"x", content_encoding="br"),
        "It came packed in a way that we did not ask for. Ask the publisher to send it plain.",
    ),
    Server("busy for a day", answer(429, retry_after="86400"), "It is busy (HTTP 429) and asks us to wait."),
]


async def test_a_bad_server_is_named_in_the_row_of_its_source_and_asked_again(sources: SourceDoor) -> None:
    became = {row.label: await sources.brings(row.page, hurry=row.hurry, elsewhere=row.elsewhere) for row in SERVERS}
    assert became == {row.label: refused(row.says) for row in SERVERS}


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Setting:
    label: str
    file: str | bytes
    says: str
    variables: Mapping[str, str] = field(default_factory=dict)


SETTINGS = [
    Setting(
        "a word for a number",
        '[web]\nport = "eighty"',
        'web.port: found "eighty", wanted a whole number from 0 to 65535 (serai.toml)',
    ),
    Setting(
        "a slip of the hand",
        "[web]\nprot = 80",
        "web.prot: there is no such setting, did you mean web.port? (serai.toml)",
    ),
    Setting(
        "a slip in a variable",
        "",
        "SERAI_WEB__PROT: there is no such setting, did you mean SERAI_WEB__PORT?",
        {"SERAI_WEB__PROT": "80"},
    ),
    Setting(
        "no TOML",
        "[web\nport = 80",
        "serai.toml: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 5)",
    ),
    Setting("no text", b"\xff\xfe\0", "serai.toml: cannot be read: it is not UTF-8"),
    Setting(
        "a database that we cannot use, with its password",
        "",
        'database_url: found "(not shown)", wanted "sqlite:///path/to/file.db" or '
        '"postgresql://user:password@host/name" (SERAI_DATABASE_URL)',
        {"SERAI_DATABASE_URL": "mysql://me:s3cret@db.example/x"},
    ),
    Setting(
        "half an account",
        '[accounts.main]\nchannel = "telegram"',
        "accounts.main: a telegram account also needs token (SERAI_ACCOUNTS__MAIN__TOKEN) "
        "(serai.toml or the variables)",
    ),
    Setting(
        "a password in an address, and a time of no unit",
        '[[sources]]\nname = "a"\nkind = "feed"\nurl = "https://me:s3cret@a.example/"\nevery = "1 parsec"',
        'sources[a].url: found "https://…@a.example/", but an address with a user name or a password in it is not '
        "read (serai.toml)\n"
        'sources[a].every: found "1 parsec", wanted a time of 1s or more, such as "30s", "15m", "2h" or "1d" '
        "(serai.toml)",
    ),
    Setting(
        "a place that is not on the map",
        '[organisation]\nzone = "Mars/Olympus"',
        'organisation.zone: found "Mars/Olympus", wanted a time zone such as "Asia/Kabul" or "UTC" (serai.toml)',
    ),
]


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.label)
def test_bad_settings_end_a_command_with_what_to_mend(
    row: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serai = Shell(tmp_path, capsys, monkeypatch)
    (tmp_path / "serai.toml").write_bytes(row.file if isinstance(row.file, bytes) else row.file.encode())
    with monkeypatch.context() as bad:
        for name, value in row.variables.items():
            bad.setenv(name, value)
        ran = serai("source", "list")
    assert (ran.code, ran.out, ran.err) == (2, "", f"{row.says}\n")

    (tmp_path / "serai.toml").write_text("[web]\nport = 8081\n")
    assert serai("source", "list").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["serai.toml"]


# ── Chats ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Chat:
    """``says``: the first line of each answer."""

    label: str
    content: Mapping[str, Any]
    says: tuple[str, ...]


HELP = ("What you can do here",)
LOST = ("I did not understand that: I am only a program. A counsellor is a person, and can help.",)
ONLY_TEXT = ("I can only read text. What you sent was not kept. Please write it in words.",)
TOO_LONG = ("That is too long for me, sorry. Please write at most 4000 characters, or send it in parts.",)
NO_LONGER = ("That piece of news is no longer here.",)
HERE = {"latitude": 36.191113, "longitude": 44.009167}
NEVER_KEPT = ("964750", NAME, "36.19", "44.009", "VCARD", "Our house", "Street 5")
KEPT_UNTIL_ANSWERED = ("passport", "AgAC", "AwAC")  # sealed, for it may be a stop word, or a picture of the staff's

CHATS = [
    Chat("a command that there is not", {"text": "/xyzzy"}, HELP),
    Chat(
        "a misspelt command", {"text": "/subscibe iraq"}, ("There is no command /subscibe. Did you mean /subscribe?",)
    ),
    Chat("a slash", {"text": "/"}, LOST),
    Chat("a message of 10 kB", {"text": "слово " * 850}, TOO_LONG),
    Chat("a message of 10 kB in one word", {"text": "x" * 10_000}, TOO_LONG),
    Chat(
        "a contact",
        {"contact": {"phone_number": "+9647501234567", "first_name": NAME, "user_id": 5, "vcard": "BEGIN:VCARD"}},
        ONLY_TEXT,
    ),
    Chat("a location", {"location": HERE}, ONLY_TEXT),
    Chat(
        "a place with its name",
        {"venue": {"location": HERE, "title": "Our house", "address": "Street 5"}, "location": HERE},
        ONLY_TEXT,
    ),
    Chat(
        "a picture with words under it",
        {"photo": [{"file_id": "AgAC", "width": 9, "height": 9}], "caption": "My passport"},
        ONLY_TEXT,
    ),
    Chat("a voice message", {"voice": {"file_id": "AwAC", "duration": 3}}, ONLY_TEXT),
    Chat("something that came after our time", {"hologram": {}}, ()),
    Chat("no words", {"text": ""}, ()),
    Chat("controls and marks of direction alone", {"text": "\0\x07\u202e\u2066"}, LOST),
    Chat("a command with them in it", {"text": "/he\u202el\u200bp\x07"}, HELP),
    Chat("a word of many accents", {"text": "h" + "\u0301" * 3_000}, LOST),
    Chat("a number of 300 digits", {"text": "9" * 300}, LOST),
    Chat("words for a database", {"text": "'; DROP TABLE people; --"}, LOST),
    Chat("words for a template", {"text": "{name} %s {0} ${x}"}, LOST),
    Chat("news that never was", {"text": "/why 99999999999999999999"}, NO_LONGER),
    Chat("a page that never was", {"text": "/news after 99999999999999999999"}, ("I found no news with these words.",)),
    Chat("a link with other words in it", {"text": "/start iraq';--_zz"}, ("Please choose your language.",)),
]


@pytest.fixture
def chats(db: Database, keys: KeyStore, reader: Reader) -> ChatDoor:
    return ChatDoor(db, keys, reader.gazetteer, reader.topics, reader)


async def all_of(inbox: Inbox) -> None:
    while await inbox.handle_one():
        pass


def firsts(answers: list[str]) -> tuple[str, ...]:
    return tuple(each.partition("\n")[0] for each in answers)


async def test_a_bad_message_is_answered_kindly_and_the_next_one_as_ever(chats: ChatDoor) -> None:
    heard, next_heard = {}, {}
    for who, row in enumerate(CHATS, 100):
        heard[row.label] = firsts(await chats.answers(who, chats.message(who, **row.content)))
        next_heard[row.label] = firsts(await chats.answers(who, chats.message(who, text="/mine")))
    assert heard == {row.label: row.says for row in CHATS}
    assert set(next_heard.values()) == {("You get no news from us now. You can still read it with /news.",)}


async def test_what_people_share_beside_words_is_kept_nowhere(chats: ChatDoor) -> None:
    for who, row in enumerate(CHATS, 100):
        if row.says == ONLY_TEXT:
            await chats.inbox.take("main", chats.message(who, **row.content).updates)
    waiting = await chats.unsealed()
    assert waiting.count('"kind"') == len([row for row in CHATS if row.says == ONLY_TEXT])
    assert [word for word in NEVER_KEPT if word in waiting + await chats.kept()] == []
    assert [word for word in KEPT_UNTIL_ANSWERED if word in await chats.kept()] == []
    await all_of(chats.inbox)
    for personal in (*NEVER_KEPT, *KEPT_UNTIL_ANSWERED):
        assert personal not in await chats.kept() + await chats.unsealed()


# ── Presses ──────────────────────────────────────────────────────────────────────────────────────────────────────────

AGREED = ("/language en", "/agree")
COUNTRIES = "Which countries do you want news about? Choose one or more."


@dataclass(frozen=True)
class Press:
    label: str
    line: str
    says: tuple[str, ...]
    follows: frozenset[str] = frozenset()  # countries, afterwards


TWICE = [
    Press("I agree", "/agree", (COUNTRIES, COUNTRIES)),
    Press("a country", "/countries +iq", (COUNTRIES, COUNTRIES), frozenset({"IQ"})),
    Press("a country that was not chosen", "/countries -iq", (COUNTRIES, COUNTRIES)),
    Press("all, and who has it is told so", "/subscribe all", ("All set", "You have that already.")),
    Press("help", "/help", HELP * 2),
]

OLD = [
    Press("a country on a list of long ago", "/countries +iq", (COUNTRIES,), frozenset({"IQ"})),
    Press("I agree, which they did", "/agree", (COUNTRIES,)),
    Press("why of news that is gone", "/why 5", NO_LONGER),
    Press("fewer of news that is gone", "/fewer 5", NO_LONGER),
    Press("more, after news that is gone", "/news after 5", ("That was all.",)),
    Press("a button of an older program", "/gone 5", HELP),
    Press("a button of nobody's", "\0\0", LOST),
]


async def following(chats: ChatDoor, who: int) -> frozenset[str]:
    return frozenset((await chats.person(who)).countries)


async def test_two_presses_at_once_do_it_once_and_show_the_same_page(chats: ChatDoor) -> None:
    heard, follows = {}, {}
    for who, row in enumerate(TWICE, 100):
        await chats.answers(who, *(chats.press(who, line) for line in AGREED))
        heard[row.label] = firsts(await chats.answers(who, *(chats.press(who, row.line) for _ in range(2))))
        follows[row.label] = await following(chats, who)
        assert await chats.answers(who, chats.message(who, text="/help"))
    assert heard == {row.label: row.says for row in TWICE}
    assert follows == {row.label: row.follows for row in TWICE}


async def test_it_is_so_when_two_processes_handle_them(
    postgresql: PostgreSQL, postgresql_url: str, keys: KeyStore, reader: Reader
) -> None:
    chats = ChatDoor(postgresql, keys, reader.gazetteer, reader.topics, reader)
    for who, row in enumerate(TWICE, 100):
        await chats.answers(who, *(chats.press(who, line) for line in AGREED))
        before = len(await chats.said_to(who))
        async with opened(postgresql_url) as other:
            both = (chats.inbox, chats.another(other))
            pressed = [chats.press(who, row.line) for _ in both]
            await asyncio.gather(*(inbox.take("main", p.updates) for inbox, p in zip(both, pressed, strict=True)))
            await asyncio.gather(*map(all_of, both))
        assert firsts((await chats.said_to(who))[before:]) == row.says, row.label
        assert await following(chats, who) == row.follows, row.label


async def test_a_press_on_a_message_of_a_month_ago_works_or_says_kindly_what_to_do(chats: ChatDoor) -> None:
    heard, follows = {}, {}
    for who, row in enumerate(OLD, 100):
        await chats.answers(who, *(chats.press(who, line) for line in AGREED))
        chats.clock.time += timedelta(days=31)
        # Telegram shows of an old message nothing but its number.
        heard[row.label] = firsts(await chats.answers(who, chats.press(who, row.line, date=0)))
        follows[row.label] = await following(chats, who)
    assert heard == {row.label: row.says for row in OLD}
    assert follows == {row.label: row.follows for row in OLD}


# ── Web hooks ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Hook:
    label: str
    body: bytes
    status: int
    kept: tuple[str, ...] = ()
    how: Mapping[str, Any] = field(default_factory=dict)


SAID = {"message_id": 1, "date": SENT_AT, "chat": {"id": 5, "type": "private"}, "text": "salam"}


def update(number: int, **content: Any) -> bytes:
    return json.dumps({"update_id": number, **content}).encode()


def said(**frame: Any) -> bytes:
    return update(7, message=SAID | frame)


HOOKS = [
    Hook("without the secret", said(), 401, how={"secret": None}),
    Hook("with another secret", said(), 401, how={"secret": "guess"}),
    Hook("for an account that there is not", said(), 404, how={"path": "/hooks/nobody"}),
    Hook("for a path", said(), 404, how={"path": "/hooks/..%2f..%2fetc%2fpasswd"}),
    Hook("by GET", b"", 400, how={"method": "GET"}),
    Hook("by PUT", said(), 405, how={"method": "PUT"}),
    Hook("nothing", b"", 400),
    Hook("a form", b"update_id=7", 400),
    Hook("a web page", b"<html></html>", 400),
    Hook("NUL bytes", bytes(100), 400),
    Hook("a list", b"[]", 400),
    Hook("without its number", b"{}", 400),
    Hook("with a word for its number", b'{"update_id":true}', 400),
    Hook("not in UTF-8", b'{"update_id":7,"message":{"text":"\xff"}}', 400),
    Hook("nested 100,000 deep", b"[" * 100_000, 400),
    Hook("nested 100,000 deep in the message", b'{"update_id":7,"message":' + b'{"a":' * 100_000, 400),
    Hook("over a megabyte", said(text="x" * 1024**2), 413),
    # What would come again and again if it were refused is taken, and left alone.
    Hook("of a kind that we did not ask for", update(7, poll={}), 200),
    Hook("without a chat", update(7, message={"text": "x"}), 200),
    Hook("from a chat without a number", said(chat={"id": "abc", "type": "private"}), 200),
    Hook("from a year that no calendar has", said(date=10**20), 200),
    Hook("a list for a message", update(7, message=[1]), 200),
    Hook("a press of no button", update(7, callback_query={"id": "1", "from": {"id": 5}}), 200),
    Hook("as it should be", said(), 200, ("7",)),
]


async def test_a_web_hook_answers_what_is_no_update_and_takes_the_next_one(sqlite: Database, keys: KeyStore) -> None:
    answered = {}
    async with WebDoor(sqlite, keys) as web:
        for row in HOOKS:
            web.kept.clear()
            status = await web.status(row.body, **row.how)
            answered[row.label] = (status, tuple(web.kept))
            web.kept.clear()
            assert (await web.status(update(8, message=SAID)), web.kept) == (200, ["8"]), f"after {row.label}"
    assert answered == {row.label: (row.status, row.kept) for row in HOOKS}
