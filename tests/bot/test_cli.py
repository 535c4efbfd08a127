"""Every command but ``run``, as a newcomer types it."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cyclopts import App

from bot.cli import app, data
from storage import dispatches, people, sources
from storage.database import Connection, Database
from storage.keys import KeyStore
from storage.lock import HubLock
from storage.sources import Wanted
from tests.databases import apart, opened
from tests.shell import SERAI, Shell, environment

NOW = datetime.now(UTC)
SEEDS = Path(__file__).parents[2].parent / "shared" / "seeds" / "dispatches.txt"
DATELINE = "Erbil, Iraq: The centre in Erbil now opens at eight in the morning, so that people can come before work.\n"
RSS = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><item>
<guid isPermaLink="false">item-1</guid><title>Visas for Pakistan</title><link>https://example.org/1</link>
<pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate>
<description>The office in Lahore gives new forms for work visas to everyone who asks for one.</description>
</item></channel></rss>"""
ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title><entry>
<id>urn:item-1</id><title>Visas for Pakistan</title><link href="https://example.org/1"/>
<updated>2026-11-02T10:00:00Z</updated>
<summary>The office in Lahore gives new forms for work visas to everyone who asks for one.</summary>
</entry></feed>"""
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "News",
        "items": [
            {
                "id": "item-1",
                "title": "Visas for Pakistan",
                "url": "https://example.org/1",
                "date_published": "2026-11-02T10:00:00Z",
                "content_text": "The office in Lahore gives new forms for work visas to everyone who asks for one.",
            }
        ],
    }
).encode()
DISPATCH = [
    "identity",
    "title",
    "text",
    "link",
    "places",
    "dateline_country",
    "countries",
    "topics",
    "language",
    "published",
    "summary",
    "regional",
    "event",
    "phones",
]
BOXES = re.compile("[\x1b\u2500-\u257f]")


@pytest.fixture
def serai(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    folder = tmp_path / "folder"
    folder.mkdir()
    return Shell(folder, capsys, monkeypatch)


# ── Help and mistakes ────────────────────────────────────────────────────────────────────────────────────────────────


def commands(of: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in of:
        if not name.startswith("-"):
            yield from commands(of[name], (*path, name))


@pytest.mark.parametrize("path", list(commands(app)), ids=" ".join)
def test_each_command_has_help_that_fits_a_screen_and_an_example_that_works(
    serai: Shell, path: tuple[str, ...]
) -> None:
    shown = serai(*path, "--help")
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert not BOXES.search(shown.out)
    assert shown.out.startswith(" ".join(["Usage: serai", *path]))
    if not path:
        return
    example = re.search(r"^Example: (.*)$", shown.out, re.MULTILINE)
    assert example
    words = [word for word in shlex.split(example[1]) if not word.startswith("SERAI_")]
    assert words[: len(path) + 1] == ["serai", *path]
    app.parse_args(words[1:], exit_on_error=False, print_error=False)


def test_serai_alone_shows_its_help(serai: Shell) -> None:
    assert serai() == serai("--help")


def test_help_loads_nothing_heavy() -> None:
    heavy = ["sqlalchemy", "telegram", "starlette", "httpx", "feedparser", "numpy", "babel", "msgspec", "structlog"]
    look = f"import sys, bot.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", look], env=environment(), text=True) == "[]\n"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("nwes", 'Did you mean "news"?'),
        ("source lst", 'Did you mean "list"?'),
        ("read", "PLACE"),
        ("read --json", "PLACE"),
        ("read --knd feed x", "--knd"),
        ("read a b", "b"),
        ("read x --knd feed", "--kind"),
        ("read x --kind rss", '"feed", "dateline"'),
        ("news --limit many", "--limit"),
        ("news --limit 0", "--limit"),
        ("news approve", "ID"),
        ("news approve one", "ID"),
        ("news approve 99999999999999999999", "ID"),
        ("source add iom", "KIND"),
        ("country", "Say what somebody typed"),
    ],
)
def test_what_is_typed_wrong_is_told_in_a_line_or_two(serai: Shell, typed: str, told: str) -> None:
    ran = serai(*typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert not BOXES.search(ran.err)
    assert list(serai.folder.iterdir()) == []


# ── Read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def web(body: bytes) -> Iterator[str]:
    """The address of a page on loopback."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/feed"
        server.shutdown()


@pytest.mark.parametrize("body", [RSS, ATOM, JSON_FEED], ids=["RSS", "Atom", "JSON Feed"])
def test_a_feed_is_read_from_a_file_from_standard_input_and_from_an_address(serai: Shell, body: bytes) -> None:
    (serai.folder / "feed").write_bytes(body)
    with web(body) as url:
        fetched = serai("read", url, "--json")
    for ran in (serai("read", "feed", "--json"), serai("read", "-", "--json", stdin=body), fetched):
        assert (ran.code, ran.err) == (0, "")
        (dispatch,) = ran.json
        assert list(dispatch) == DISPATCH
        assert dispatch["identity"] in ("item-1", "urn:item-1")
        assert dispatch["link"] == "https://example.org/1"
        assert dispatch["published"] == "2026-11-02T10:00:00Z"
        assert dispatch["countries"] == ["PK"]


def test_the_eleven_real_dispatches_are_read(serai: Shell) -> None:
    if not SEEDS.exists():
        pytest.skip(f"needs the eleven real dispatches, which are not in this clone: {SEEDS.name}")
    found = serai("read", str(SEEDS), "--json").json
    assert len(found) == 11
    assert all(list(dispatch) == DISPATCH for dispatch in found)
    assert len({dispatch["identity"] for dispatch in found}) == 11
    assert "11 read." in serai("read", str(SEEDS), "--kind", "dateline").out


def test_what_is_read_is_shown_to_a_person_and_what_is_set_aside_is_told_beside_it(serai: Shell) -> None:
    ran = serai("read", "-", stdin=f"{DATELINE}\n{DATELINE}".encode())
    assert "dateline_country  IQ" in ran.out
    assert "1 read, 1 set aside." in ran.out
    assert "set aside: paragraph 2" in ran.err
    assert list(serai.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "stdin", "told"),
    [
        (["nowhere.xml"], b"", "nowhere.xml: No such file"),
        (["."], b"", ".: Is a directory"),
        (["a\0b"], b"", "no name of a file"),
        (["-"], b"", "empty"),
        (["-"], b" \n\n ", "empty"),
        (["-", "--kind", "page"], b"", "empty"),
        (["-", "--kind", "page", "--item", "li[["], b"<ul><li>x</ul>", "item is not a CSS selector"),
        (["-", "--kind", "page", "--title", "h3"], b"<ul><li>x</ul>", "selector for each item"),
        (["-", "--kind", "reliefweb", "--json"], RSS, "not valid JSON"),
        (["-"], b"<!doctype html><html><body>news</body></html>", "web page"),
        (["-"], b"%PDF-1.7 \x00\x01\x02", ""),
        (["-", "--json"], b"{not json", ""),
        (["-"], b"x" * (10 * 1024 * 1024 + 1), "larger than"),
        (["http://127.0.0.1:9/feed"], b"", "http://127.0.0.1:9/feed: "),
        (["http://"], b"", "http://"),
        (["ftp://example.org/feed"], b"", "No such file"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(serai: Shell, words: list[str], stdin: bytes, told: str) -> None:
    ran = serai("read", *words, stdin=stdin)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "Traceback" not in ran.err


PAGE = b"""<!doctype html><main><div class="n"><h3><a href="https://example.org/1?utm_source=x">Visas</a></h3>
<span>07 June 2024</span><p>Words about visas.</p></div></main>"""


@pytest.mark.parametrize(
    "how", [["--kind", "page", "--item", ".n"], ["--item", ".n", "--title", "h3", "--text", "p"], []]
)
def test_a_page_is_read(serai: Shell, how: list[str]) -> None:
    ran = serai("read", "-", "--json", *how, stdin=PAGE)
    (dispatch,) = ran.json
    assert (dispatch["title"], dispatch["text"]) == ("Visas", "Words about visas.")
    assert dispatch["identity"] == dispatch["link"] == "https://example.org/1"
    assert dispatch["published"] == "2024-06-07T00:00:00Z"
    assert ("was guessed" in ran.err) == (not how)


def test_a_saved_answer_of_reliefweb_is_read(serai: Shell) -> None:
    answer = b'{"data": [{"id": "7", "fields": {"title": "Visas [EN/AR]", "country": [{"iso3": "irq"}]}}]}'
    for how in ([], ["--kind", "reliefweb"]):
        (dispatch,) = serai("read", "-", "--json", *how, stdin=answer).json
        assert (dispatch["identity"], dispatch["title"]) == ("reliefweb:7", "Visas")
        assert dispatch["countries"] == ["IQ"]


def test_what_others_wrote_cannot_steer_the_terminal(serai: Shell) -> None:
    words = "Erbil, Iraq: \x1b]0;owned\x07\x1b[31mThe centre in Erbil now opens at eight in the morning, \x9b2J today."
    ran = serai("read", "-", stdin=(words + DATELINE * 9).encode())
    assert "The centre in Erbil" in ran.out
    assert not re.search("[\x1b\x07\x9b]", ran.out + ran.err)


# ── Country ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "country"),
    [
        (["Pakistan"], "PK"),
        (["news", "from", "Kabul"], "AF"),
        (["news from Kabul?"], "AF"),
        (["هەولێر"], "IQ"),
        (["🇮🇶"], "IQ"),
        ([""], None),
        (["-5"], None),
        (["--", "--json"], None),
        (["hello", "there"], None),
        (["\udcff\udcfe"], None),
    ],
)
def test_a_country_is_told_for_whatever_a_person_types(serai: Shell, words: list[str], country: str | None) -> None:
    ran = serai("country", "--json", *words)
    assert ran.code == 0
    assert ran.json["country"] == country
    spoken = serai("country", *words)
    assert (spoken.code, spoken.err) == (0, "")
    assert spoken.out.startswith(country or "no country")


def test_each_line_of_standard_input_is_answered_whatever_bytes_it_holds(serai: Shell) -> None:
    ran = serai("country", "-", "--json", stdin=b"Iraq\r\n\n\xff\xfe\x80\nLahore")
    assert [json.loads(line)["country"] for line in ran.out.splitlines()] == ["IQ", None, None, "PK"]


def interruptible() -> None:
    """In a child: Ctrl-C is heard, also where whoever started these tests lets them ignore it (a shell's "&")."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_each_line_is_answered_before_the_next_one_and_ctrl_c_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [*SERAI, "country", "-", "--json"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    assert process.stdin
    assert process.stdout
    for typed, country in (("Iraq", "IQ"), ("", None), ("Lahore", "PK")):
        process.stdin.write(typed + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["country"] == country
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130  # before its standard input is closed, which would end it as well
    assert process.communicate() == ("", "")


def test_who_has_read_enough_is_no_error() -> None:
    typed = " ".join(map(shlex.quote, [*SERAI, "country", "-", "--json"]))
    line = f"set -o pipefail; seq 3000 | sed s/.*/Iraq/ | {typed} | head -1"
    ran = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True)
    assert json.loads(ran.stdout)["country"] == "IQ"
    assert (ran.stderr, ran.returncode) == ("", 0)


def on_a_terminal(*words: str, cwd: Path, **variables: str) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*SERAI, *words], cwd=cwd, env=environment(TERM="xterm-256color", **variables), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # how Linux tells that nobody is at the other end
    os.close(ours)
    process.wait()
    return shown.decode()


def test_a_terminal_gets_colours_unless_it_asks_for_none(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(DATELINE)
    assert "\x1b[" in on_a_terminal("read", "news.txt", cwd=tmp_path)
    assert "\x1b[" not in on_a_terminal("read", "news.txt", cwd=tmp_path, NO_COLOR="1")


# ── News and sources, without a hub ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Kept:
    """A database with three dispatches, of which one waits, and two sources."""

    serai: Shell
    url: str
    ids: dict[str, int] = field(default_factory=dict)

    def write(self, deed: Callable[..., Any], *args: Any) -> Any:
        async def go() -> Any:
            async with opened(self.url) as db:
                return await db.write(deed, *args)

        return apart(go())


def a_dispatch(conn: Connection, source_id: int, text: str, country: str, status: str, age: int) -> int:
    values = {
        "title": "",
        "text": text,
        "summary": text,
        "link": "",
        "language": "en",
        "places": [{"name": "Erbil", "country": country}],
        "dateline_country": country,
        "published": None,
        "sort_at": NOW - timedelta(hours=age),
        "fingerprint": text.encode(),
        "status": status,
        "why": "waits for an editor" if status == "held" else "",
        "push": True,
        "valid_until": None,
    }
    return dispatches.add(
        conn, source_id=source_id, values=values, countries=[country], topics=[], words=text.casefold(), now=NOW
    )


@pytest.fixture
def kept(serai: Shell, database_url: str) -> Kept:
    serai.export(SERAI_DATABASE_URL=database_url)
    kept = Kept(serai, database_url)

    def fill(conn: Connection) -> None:
        sources.put(conn, Wanted("from the file", "feed", "https://example.org/file.xml", 900), "file")
        source = sources.put(conn, Wanted("iom", "feed", "https://example.org/rss.xml", 1800), "added")
        kept.ids["old"] = a_dispatch(conn, source.id, "An old course for tailors.", "IQ", "ready", 30)
        kept.ids["new"] = a_dispatch(conn, source.id, "A new course for bakers.", "PK", "ready", 1)
        kept.ids["held"] = a_dispatch(conn, source.id, "A claim that nobody has checked.", "IQ", "held", 2)

    kept.write(fill)
    return kept


def test_news_is_shown_newest_first_with_its_number(kept: Kept) -> None:
    found = kept.serai("news", "--json").json
    assert [dispatch["id"] for dispatch in found] == [kept.ids["new"], kept.ids["old"]]
    assert found[0]["countries"] == ["PK"]
    assert found[0]["places"] == [{"name": "Erbil", "country": "PK"}]
    assert found[0]["published"] is None
    assert found[0]["first_seen"].endswith("Z")
    shown = kept.serai("news").out
    assert shown.startswith(f"{kept.ids['new']}  ")
    assert shown.index("bakers") < shown.index("tailors")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["iraq"], ["old"]),
        (["news", "from", "Lahore"], ["new"]),
        (["course"], ["new", "old"]),
        (["course", "--limit", "1"], ["new"]),
        (["Iraq", "bakers"], []),
        (["nothing of the kind"], []),
        (["'; DROP TABLE dispatches; --"], []),
    ],
)
def test_news_is_found_by_country_and_words(kept: Kept, words: list[str], names: list[str]) -> None:
    ran = kept.serai("news", "--json", *words)
    assert ran.code == 0
    assert [dispatch["id"] for dispatch in ran.json] == [kept.ids[name] for name in names]


def test_a_misspelt_country_is_asked_back(kept: Kept) -> None:
    ran = kept.serai("news", "Tajikstan")
    assert ran.code == 0
    assert "Tajikistan" in ran.err or "No such news" not in ran.out


def test_an_editor_decides_once(kept: Kept) -> None:
    held = str(kept.ids["held"])
    assert [dispatch["why"] for dispatch in kept.serai("news", "waiting", "--json").json] == ["waits for an editor"]
    assert "nobody has checked" in kept.serai("news", "waiting").out
    approved = kept.serai("news", "approve", held)
    assert (approved.code, approved.out) == (0, f"Dispatch {held} is approved.\n")
    assert kept.serai("news", "waiting").out == "Nothing waits.\n"
    assert int(held) in [dispatch["id"] for dispatch in kept.serai("news", "--json").json]

    for typed, told in [
        (["approve", held], f"Dispatch {held} is in the news already.\n"),
        (["approve", "4711"], "There is no dispatch 4711. `serai news` and `serai news waiting` show the numbers.\n"),
    ]:
        again = kept.serai("news", *typed)
        assert (again.code, again.out, again.err) == (2, "", told)

    assert kept.serai("news", "hold", held, "--why", "a number is wrong").code == 0
    assert kept.serai("news", "waiting", "--json").json[0]["why"] == "a number is wrong"
    assert kept.serai("news", "hold", held).err == f"Dispatch {held} waits for an editor already.\n"
    assert kept.serai("news", "withdraw", held).code == 0
    for deed in ("approve", "hold", "withdraw"):
        gone = kept.serai("news", deed, held)
        assert (gone.code, gone.err) == (2, f"Dispatch {held} was withdrawn already.\n")


def test_a_source_is_added_changed_and_switched(kept: Kept) -> None:
    added = kept.serai("source", "add", "news", "feed", "https://example.org/news.xml", "--every", "30m")
    assert added.code == 0
    assert added.out.startswith("news is added: https://example.org/news.xml, every 30m.\nWhat comes from it waits")
    changed = kept.serai("source", "add", "news", "feed", "https://example.org/news.xml", "--every", "2h", "--trusted")
    assert changed.out.startswith("news is changed: https://example.org/news.xml, every 2h.\n")
    assert "waits" not in changed.out
    assert kept.serai("source", "off", "news").out == "news is off.\n"
    listed = {source["name"]: source for source in kept.serai("source", "list", "--json").json}
    assert set(listed) == {"from the file", "iom", "news"}
    assert listed["news"]["every_seconds"] == 7200
    assert (listed["news"]["state"], listed["news"]["why"], listed["news"]["trusted"]) == ("off", "switched off", True)
    assert "feed, every 2h, trusted; off: switched off" in kept.serai("source", "list").out
    assert kept.serai("source", "on", "news").out == "news is on.\n"
    for deed in ("on", "off"):
        ran = kept.serai("source", deed, "nobody")
        assert (ran.code, ran.err) == (2, "There is no source 'nobody'. `serai source list` shows all.\n")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["new", "feed", "news.xml"], "source.url"),
        (["new", "feed", "file:///etc/passwd"], "source.url"),
        (["new", "feed", "https://user:secret@example.org/"], "source.url"),
        (["new", "page", "https://example.org/"], "source.item"),
        (["new", "page", "https://example.org/", "--item", "li[["], "source.item"),
        (["new", "page", "https://example.org/", "--preset", "icmpd", "--appname", "secret"], "source.appname"),
        (["new", "feed", "https://example.org/", "--item", "li"], "source.item"),
        (["new", "reliefweb", "--countries", "AF,XX"], "source.countries"),
        (["new", "reliefweb", "--every", "1m"], "source.every"),
        (["new", "feed"], "source.url"),
        (["new", "feed", "https://example.org/", "--every", "often"], "source.every"),
        (["new", "feed", "https://example.org/", "--every", "0s"], "source.every"),
        (["", "feed", "https://example.org/"], "source.name"),
        (["from the file", "feed", "https://example.org/other.xml"], "is a source of the settings already"),
    ],
)
def test_a_source_that_cannot_be_is_not_added(kept: Kept, typed: list[str], told: str) -> None:
    before = kept.serai("source", "list", "--json").json
    ran = kept.serai("source", "add", *typed)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "secret" not in ran.err
    assert kept.serai("source", "list", "--json").json == before


def test_a_page_is_added_with_its_selectors(kept: Kept) -> None:
    added = kept.serai("source", "add", "news", "page", "https://example.org/news", "--item", "li", "--date", ".d")
    assert (added.code, added.err) == (0, "")
    assert kept.write(sources.by_name, "news").options == {"item": "li", "date": ".d"}


def test_reliefweb_is_off_until_it_has_an_appname(kept: Kept) -> None:
    added = kept.serai("source", "add", "rw", "reliefweb", "--countries", "af,pk")
    assert added.out.startswith("rw is added: https://api.reliefweb.int/v2/reports, every 15m.\nIt is off: reliefweb:")
    listed = {source["name"]: source for source in kept.serai("source", "list", "--json").json}
    assert listed["rw"]["state"] == "off"
    assert listed["rw"]["why"].startswith("reliefweb: needs an approved appname; see https://")
    assert "off: reliefweb: needs an approved appname" in kept.serai("source", "list").out

    changed = kept.serai("source", "add", "rw", "reliefweb", "--countries", "af,pk", "--appname", "serai-news-Xy12")
    assert "It is off" not in changed.out
    listed = {source["name"]: source for source in kept.serai("source", "list", "--json").json}
    assert (listed["rw"]["state"], listed["rw"]["why"]) == ("on", "")
    assert kept.write(sources.by_name, "rw").options == {"appname": "serai-news-Xy12", "countries": ["AF", "PK"]}
    tried = kept.serai("source", "try", "https://api.reliefweb.int/v2/reports", "--kind", "reliefweb")
    assert (tried.code, tried.out) == (2, "")
    assert "needs an approved appname" in tried.err


def test_questions_are_shown_without_being_touched(kept: Kept) -> None:
    assert kept.serai("questions").out == "No question waits.\n"
    assert not (kept.serai.folder / "keys").exists()
    keys = KeyStore.open(kept.serai.folder / "keys")

    def ask(conn: Connection) -> None:
        address = people.meet(conn, keys, "telegram", "main", "42", NOW)
        person = people.get(conn, address.person_id)
        people.keep_question(conn, keys, person, "May I work \x1b[31mthere?", NOW)

    kept.write(ask)
    (question,) = kept.serai("questions", "--json").json
    assert question["words"] == "May I work \x1b[31mthere?"
    assert question["person"].startswith("p-")
    assert question["asked_at"].endswith("Z")
    shown = kept.serai("questions").out
    assert "May I work" in shown
    assert "\x1b" not in shown

    keys.close()
    (kept.serai.folder / "keys").rename(kept.serai.folder / "elsewhere")
    lost = kept.serai("questions")
    assert (lost.code, lost.out) == (2, "")
    assert str(kept.serai.folder / "keys") in lost.err
    assert not (kept.serai.folder / "keys").exists()


# ── Where there is nothing, or not what is needed ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("typed", ["news", "news waiting", "source list", "questions"])
def test_in_an_empty_folder_there_is_nothing_and_nothing_is_made(serai: Shell, typed: str) -> None:
    ran = serai(*typed.split(), "--json")
    assert (ran.code, ran.json) == (0, [])
    assert "`serai run` makes it" in ran.err
    assert list(serai.folder.iterdir()) == []


@pytest.mark.parametrize("typed", ["news approve 1", "news hold 1", "news withdraw 1", "source on x", "source off x"])
def test_what_is_changed_in_the_wrong_folder_makes_nothing_there(serai: Shell, typed: str) -> None:
    ran = serai(*typed.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("There is no database here (var/serai.db).")
    assert list(serai.folder.iterdir()) == []


def test_a_source_can_be_added_before_the_first_run(serai: Shell) -> None:
    ran = serai("source", "add", "iom", "feed", "https://example.org/rss.xml")
    assert ran.code == 0
    assert "`serai run` watches it" in ran.out
    assert [source["name"] for source in serai("source", "list", "--json").json] == ["iom"]


def test_sources_of_the_settings_are_listed_before_the_first_run_and_keep_their_names(serai: Shell) -> None:
    (serai.folder / "serai.toml").write_text(
        '[[sources]]\nname = "mine"\nkind = "feed"\nurl = "https://example.org/"\nevery = "15m"\n'
    )
    (source,) = serai("source", "list", "--json").json
    assert (source["name"], source["state"]) == ("mine", "new")
    assert "mine" in serai("source", "list").out
    taken = serai("source", "add", "mine", "feed", "https://example.org/other.xml")
    assert (taken.code, taken.out) == (2, "")


def test_an_address_is_tried_under_the_rules_of_a_source(serai: Shell) -> None:
    with web(RSS) as url:
        refused = serai("source", "try", url, "--json")
        allowed = serai("source", "try", url, "--allow-private", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert "private" in refused.err
    assert [dispatch["identity"] for dispatch in allowed.json] == ["item-1"]


def test_bad_settings_are_told_line_by_line(serai: Shell) -> None:
    (serai.folder / "serai.toml").write_text('[web]\nprot = 1\nport = "x"\n')
    serai.export(SERAI_DELIVERY__DAILY_CAP="many")
    for typed in ("news", "source list", "questions", "db upgrade", "news approve 1", "run"):
        ran = serai(*typed.split())
        assert (ran.code, ran.out) == (2, "")
        assert [line.split(":")[0] for line in ran.err.splitlines()] == ["web.prot", "web.port", "delivery.daily_cap"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:///garbage.db", "not a database"),
        ("sqlite:////proc/none/serai.db", "/proc/none"),
        ("postgresql://nobody@127.0.0.1:9/none", "does not answer"),
    ],
)
def test_a_database_that_cannot_be_had_is_told_in_a_sentence(serai: Shell, url: str, told: str) -> None:
    (serai.folder / "garbage.db").write_text("This is a letter, and was never a database. " * 100)
    serai.export(SERAI_DATABASE_URL=url, SERAI_WEB__PORT="0")
    for typed in ("db upgrade", "news approve 1", "run"):
        ran = serai(*typed.split())
        assert (ran.code, ran.out) == (2, "")
        assert told in ran.err
        assert len(ran.err.splitlines()) == 1


def test_the_database_is_brought_up_to_date(serai: Shell) -> None:
    assert "(it was empty)" in serai("db", "upgrade").out
    assert re.fullmatch(r"The database is at version \w+\.\n", serai("db", "upgrade").out)


# ── Beside whoever writes ────────────────────────────────────────────────────────────────────────────────────────────


def of_the_database(folder: Path) -> dict[str, bytes]:
    files = (folder / "serai.db", folder / "serai.db-wal")
    return {file.name: file.read_bytes() if file.exists() else b"" for file in files}


READING = ("news", "news waiting", "source list", "questions")


def test_commands_that_only_read_leave_the_log_of_a_hub_that_was_killed(serai: Shell) -> None:
    serai("source", "add", "iom", "feed", "https://example.org/rss.xml")
    killed = (
        "import os, sqlite3; c = sqlite3.connect('var/serai.db', isolation_level=None);"
        "c.execute('PRAGMA wal_autocheckpoint=0'); c.execute(\"UPDATE sources SET why = 'by the killed'\");"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed], cwd=serai.folder)
    before = of_the_database(serai.folder / "var")
    assert before["serai.db-wal"]
    for typed in READING:
        assert serai(*typed.split(), "--json").code == 0
    assert of_the_database(serai.folder / "var") == before
    assert serai("source", "list", "--json").json[0]["why"] == "by the killed"


def test_while_somebody_holds_the_data_nothing_is_written_and_no_table_is_changed(
    serai: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "TRIES", 1)
    monkeypatch.setattr("storage.lock.TRIES", 1)
    serai("source", "add", "iom", "feed", "https://example.org/rss.xml")
    with HubLock(serai.folder / "var" / "serai.lock"):
        before = of_the_database(serai.folder / "var")
        for typed in ("source off iom", "db upgrade", "run"):
            ran = serai(*typed.split())
            assert (ran.code, ran.out) == (2, "")
            assert f"process {os.getpid()}" in ran.err
        assert serai("source", "list", "--json").json[0]["state"] == "on"
        assert of_the_database(serai.folder / "var") == before


def test_tables_of_another_version_are_brought_up_to_date_only_when_no_hub_runs(
    serai: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.lock.TRIES", 1)
    (serai.folder / "var").mkdir()
    (serai.folder / "var" / "serai.db").touch()
    with HubLock(serai.folder / "var" / "serai.lock"):
        ran = serai("news")
        assert (ran.code, ran.out) == (2, "")
        assert (serai.folder / "var" / "serai.db").read_bytes() == b""
    assert serai("news", "--json").json == []


async def test_a_database_opened_for_reading_only_refuses_to_write(sqlite_url: str) -> None:
    db = Database.open(sqlite_url, read_only=True)
    try:
        with pytest.raises(Exception, match="readonly"):
            await db.write(sources.put, Wanted("iom", "feed", "https://example.org/", 900), "added")
    finally:
        await db.close()
