"""ReliefWeb's API: what is asked, what is read, and what becomes of a refusal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.news import reliefweb
from bot.news.feeds import Unreadable
from bot.news.fetch import Busy, Failed, Fetched, Fetcher, Fresh
from bot.news.kinds import request_for, wanted
from bot.news.read import Reader
from bot.news.text import listed
from config.settings import one_source
from tests.providers.reliefweb import ReliefWeb, report
from tests.providers.sources import Sources

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
APPNAME = "serai-news-Xy12"


@pytest.fixture
async def web() -> AsyncIterator[Sources]:
    async with Sources() as server:
        yield server


async def ask(web: Sources, path: str = "/v2/reports", **options: Any) -> Fetched:
    request = request_for("reliefweb", web.url(path), {"appname": APPNAME, **options})
    return await Fetcher(clock=lambda: NOW).fetch(request, allow_private=True, etag='"x"')


def answer(*records: Any, **more: Any) -> bytes:
    return json.dumps({"time": 1, "totalCount": 4, "count": 10, **more, "data": list(records)}).encode()


def record(number: str = "7", /, **fields: Any) -> dict[str, Any]:
    return {"id": number, "score": 1, "fields": fields}


# ── Asked and answered ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_newest_reports_are_asked_for_and_read(web: Sources, reader: Reader) -> None:
    abroad = report(3, country=[{"iso3": "lbn"}], primary_country={"iso3": "lbn"})
    api = ReliefWeb([report(1), report(2, title="Iraq: Returns, May 2026 [EN/AR]"), abroad])
    web.pages["/v2/reports"] = api.play
    found = await ask(web, countries=["IQ", "PK"], query="return")
    assert isinstance(found, Fresh)
    dispatches = reader.read(found.body, "reliefweb", url=found.url).dispatches
    assert [dispatch.as_json() for dispatch in dispatches] == [
        {
            "identity": "reliefweb:2",
            "title": "Iraq: Returns, May 2026",
            "text": "What report 2 says about those who return.",
            "link": "https://reliefweb.int/report/iraq/report-2",
            "places": [],
            "dateline_country": None,
            "countries": ["IQ"],
            "topics": ["return-reintegration"],
            "language": "en",
            "published": "2026-11-20T00:00:00Z",
            "summary": "What report 2 says about those who return.",
            "regional": False,
            "event": None,
            "phones": False,
        },
        dispatches[1].as_json(),
    ]
    (question,) = api.questions
    assert question["limit"] == 50
    assert question["sort"] == ["date.created:desc"]
    assert question["filter"]["conditions"][0]["value"] == ["irq", "pak"]
    assert question["query"] == {"value": "return", "operator": "AND"}


async def test_without_countries_it_is_asked_about_all_that_we_follow(web: Sources) -> None:
    api = ReliefWeb()
    web.pages["/v2/reports"] = api.play
    assert isinstance(await ask(web), Fresh)
    (question,) = api.questions
    expected = {"afg", "pak", "irq", "bgd", "tjk", "kgz", "uzb", "kaz", "tkm", "lka", "irn"}
    assert set(question["filter"]["conditions"][0]["value"]) == expected
    assert "query" not in question


async def test_an_appname_that_is_not_approved_is_told_so_and_never_asked_again(web: Sources) -> None:
    api = ReliefWeb()
    web.pages["/v2/reports"] = api.play
    found = await ask(web, appname="somebody-else")
    assert isinstance(found, Failed)
    assert found.hopeless
    assert "not approved this appname" in found.why
    assert "somebody-else" not in found.why


async def test_an_old_version_says_which_one_it_is(web: Sources) -> None:
    web.pages["/v1/reports"] = ReliefWeb().play
    found = await ask(web, "/v1/reports")
    assert isinstance(found, Failed)
    assert (found.gone, found.hopeless) == (True, False)
    assert "version 1" in found.why


async def test_what_it_does_not_understand_is_our_question(web: Sources) -> None:
    web.pages["/v2/reports"] = ReliefWeb().play
    request = request_for("reliefweb", web.url("/v2/reports"), {"appname": APPNAME})
    body = request.body or b""
    for wrong in (body.replace(b"url_alias", b"url_ailas"), body.replace(b'"limit": 50', b'"limit": 1001'), b"{}x"):
        found = await Fetcher(clock=lambda: NOW).fetch(
            type(request)(request.url, body=wrong, refusal=request.refusal), allow_private=True
        )
        assert isinstance(found, Failed)
        assert "HTTP 400" in found.why


async def test_more_than_a_thousand_calls_a_day_have_to_wait(web: Sources) -> None:
    api = ReliefWeb(calls=1000)
    web.pages["/v2/reports"] = api.play
    assert isinstance(await ask(web), Busy)
    api.new_day()
    assert isinstance(await ask(web), Fresh)


@pytest.mark.parametrize("appname", [None, "", "  "])
async def test_without_an_appname_nothing_is_asked(web: Sources, appname: str | None) -> None:
    found = await ask(web, appname=appname)
    assert isinstance(found, Failed)
    assert found.hopeless
    assert found.why.startswith("reliefweb: needs an approved appname; see https://")
    assert web.asked == []


def test_a_source_without_an_appname_is_kept_off_and_says_why() -> None:
    off = wanted(one_source({"name": "rw", "kind": "reliefweb"}))
    assert off.hindrance == reliefweb.NO_APPNAME.why
    assert off.url == "https://api.reliefweb.int/v2/reports"
    on = wanted(one_source({"name": "rw", "kind": "reliefweb", "appname": APPNAME, "countries": ["pk"]}))
    assert (on.hindrance, on.options) == ("", {"appname": APPNAME, "countries": ["PK"]})


def test_the_appname_goes_into_the_address_beside_what_is_there() -> None:
    request = request_for("reliefweb", "https://api.reliefweb.int/v2/reports?appname=old&slim=1", {"appname": "a b+c"})
    assert request.url == "https://api.reliefweb.int/v2/reports?appname=a+b%2Bc&slim=1"
    assert "a+b" not in repr(request)


def test_a_saved_answer_is_a_file_like_any_other() -> None:
    request = request_for("reliefweb", "answer.json", {})
    assert (request.url, request.body, request.hindrance) == ("answer.json", None, None)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_saved_answer_is_known_by_its_bytes(reader: Reader) -> None:
    for raw in (answer(record(title="News")), answer(href="https://api.reliefweb.int/v2/reports")):
        assert len(reader.read(raw).dispatches) == raw.count(b"News")


ISO3 = [
    ("one country", {"primary_country": {"iso3": "afg"}}, "About Iraq.", ("AF",)),
    ("two and the primary one", {"primary_country": {"iso3": "tjk"}, "country": [{"iso3": "kgz"}]}, "", ("KG", "TJ")),
    ("capitals", {"country": [{"iso3": "PAK"}]}, "", ("PK",)),
    ("the world is no country", {"country": [{"iso3": "wld"}]}, "About Iraq.", ("IQ",)),
    ("more than three", {"country": [{"iso3": c} for c in ("afg", "pak", "irn", "irq")]}, "About Iraq.", ("IQ",)),
    ("none", {}, "About Iraq.", ("IQ",)),
    ("nonsense", {"country": "irq", "primary_country": [7, None, {"iso3": 5}]}, "About Iraq.", ("IQ",)),
]


@pytest.mark.parametrize(("fields", "body", "expected"), [row[1:] for row in ISO3], ids=[row[0] for row in ISO3])
def test_the_countries_are_those_of_the_record_where_they_are_few(
    reader: Reader, fields: dict[str, Any], body: str, expected: tuple[str, ...]
) -> None:
    [dispatch] = reader.read(answer(record(title="x", body=body, **fields))).dispatches
    assert dispatch.countries == expected


MISSING = [
    ("only a title", record(title="A"), ("reliefweb:7", "A", "", "", None)),
    ("only a body", record(body="B"), ("reliefweb:7", "", "B", "", None)),
    ("only a summary", record(headline={"summary": "S"}), ("reliefweb:7", "", "S", "", None)),
    ("the inner id", {"fields": {"id": 12, "title": "A"}}, ("reliefweb:12", "A", "", "", None)),
    (
        "created for original",
        record(title="A", date={"created": "2026-11-21T10:00:00+04:30"}),
        ("reliefweb:7", "A", "", "", datetime(2026, 11, 21, 5, 30, tzinfo=UTC)),
    ),
    ("a date that is none", record(title="A", date={"original": "soon"}), ("reliefweb:7", "A", "", "", None)),
    ("a date of another form", record(title="A", date="2026"), ("reliefweb:7", "A", "", "", None)),
    (
        "the node's address",
        record(title="A", url="https://reliefweb.int/node/7"),
        ("reliefweb:7", "A", "", "https://reliefweb.int/node/7", None),
    ),
    ("a script for a link", record(title="A", url_alias="javascript:alert(1)"), ("reliefweb:7", "A", "", "", None)),
]


@pytest.mark.parametrize(("raw", "expected"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
def test_any_field_may_be_missing(raw: dict[str, Any], expected: tuple[Any, ...]) -> None:
    [item], aside = reliefweb.read_answer(answer(raw).decode())
    assert (item.identity, item.title, item.text, item.link, item.published) == expected
    assert aside == []


def test_the_same_report_twice_is_read_once_and_what_is_no_report_is_set_aside() -> None:
    raw = answer(record("1", title="A"), record("1", title="A"), record("2"), "x", {"id": "3"}, record("4", title="B"))
    items, aside = reliefweb.read_answer(raw.decode())
    assert [item.identity for item in items] == ["reliefweb:1", "reliefweb:4"]
    assert [entry.where for entry in aside] == ["report 2", "report 3", "report 4", "report 5"]


def test_an_empty_page_is_the_end_whatever_its_counts_say(reader: Reader) -> None:
    assert reader.read(answer(href="https://api.reliefweb.int/")).dispatches == ()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ([{"code": "fr"}], "fr"),
        ({"code": "AR"}, "ar"),
        ([{"code": "en"}, {"code": "fr"}], "en"),
        ([{"code": "ot"}], "en"),
        (None, "en"),
        ("en", "en"),
    ],
)
def test_the_language_is_the_records_own_where_it_has_one(reader: Reader, language: Any, expected: str) -> None:
    words = "Many families went back to their homes in the north this year."
    [dispatch] = reader.read(answer(record(title="x", body=words, language=language))).dispatches
    assert dispatch.language == expected


MARKDOWN = [
    ("plain", "One.\n\nTwo.", "One.\n\nTwo."),
    ("a line goes on", "One\ntwo.", "One two."),
    (
        "links",
        'See [the report](https://x.example/a_(b) "t") and <https://x.example/>.',
        "See the report and https://x.example/.",
    ),
    ("by reference", "See [this][1].\n\n[1]: https://x.example/", "See this."),
    ("pictures", "A ![logo](https://x.example/l.png)B", "A B"),
    ("headings", "# One #\nText\n\nTwo\n---\nMore", "One\n\nText\n\nTwo\n\nMore"),
    ("emphasis", "**Bold**, *slanted*, __bold__, ***both***, **a *b* c**", "Bold, slanted, bold, both, a b c"),
    ("no emphasis", "2*3*4 and snake_case_word and 5 * 6 * 7", "2*3*4 and snake_case_word and 5 * 6 * 7"),
    ("lists", "Bring:\n\n* one\n* two\n+ three\n1. four", "Bring:\n\n- one\n- two\n- three\n1. four"),
    ("quotes", "> said\n> she", "said she"),
    ("escapes", r"1\. not a list, \*not bold\*", "1. not a list, *not bold*"),
    ("HTML inside", "A<br>B &amp; <script>x()</script><b>C</b>", "A\nB & C"),
    ("code", "`serai` and ``x``", "serai and x"),
    ("right to left", "**کابل**: مرکز [باز](https://x.example) شد", "کابل: مرکز باز شد"),
]


@pytest.mark.parametrize(("markdown", "text"), [row[1:] for row in MARKDOWN], ids=[row[0] for row in MARKDOWN])
def test_markdown_becomes_plain_text(markdown: str, text: str) -> None:
    assert reliefweb.from_markdown(markdown) == text


UNREADABLE = [
    ("no JSON", "{", "not valid JSON"),
    ("nested without end", '{"data":' + "[" * 100_000, "not valid JSON"),
    ("a list", "[1]", "no list of reports"),
    ("without data", "{}", "no list of reports"),
    ("data of another form", '{"data": {"a": 1}}', "no list of reports"),
    ("a refusal", '{"status": 403, "error": {"type": "AccessDeniedHttpException"}}', "refused"),
]


@pytest.mark.parametrize(("raw", "says"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_what_is_no_answer_says_so(reader: Reader, raw: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        reader.read(raw.encode(), "reliefweb")


def test_html_nested_without_end_sets_one_report_aside() -> None:
    raw = answer(record("1", title="A", body="<div>" * 100_000), record("2", title="B"))
    items, aside = reliefweb.read_answer(raw.decode())
    assert ([item.title for item in items], [entry.where for entry in aside]) == (["B"], ["report 1"])


WORDS = """id fields data title body date original country iso3 primary_country language code url_alias url headline
summary afg en 2026-11-20 **a** [b](c) # <p> <div> &lt;"""
NAMES = st.sampled_from(sorted(listed(WORDS)))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(records=st.lists(JSON | st.fixed_dictionaries({"id": JSON, "fields": st.dictionaries(NAMES, JSON)}), max_size=5))
def test_any_json_is_read_or_unreadable(reader: Reader, records: list[Any]) -> None:
    reading = reader.read(json.dumps({"data": records}).encode(), "reliefweb")
    identities = [dispatch.identity for dispatch in reading.dispatches]
    assert len(set(identities)) == len(identities)


MARKS = [*sorted(listed(r"* _ ** __ [ ] ( ) ` # > - + \ ! | < & 1. http://x a")), " ", "\n"]


@settings(max_examples=200, deadline=None)
@given(markdown=st.lists(st.sampled_from(MARKS)).map("".join))
def test_any_markdown_becomes_text(markdown: str) -> None:
    reliefweb.from_markdown(markdown)


@pytest.mark.parametrize("piece", ["[", "[a](", "**", "* ", "_a", "`", "# ", "> ", "![", "\\", "<", "&", "[a][", "- "])
def test_marks_without_end_take_no_time(piece: str) -> None:
    assert isinstance(reliefweb.from_markdown(piece * (100_000 // len(piece))), str)
