"""ReliefWeb's API, version 2: what is asked, what is answered, and what its refusals mean.

Written from its documentation; no answer of version 2 was seen. So any field may be missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
import regex
from babel.core import get_global

from bot.news.dates import read_date
from bot.news.feeds import IN_LANGUAGES, Item, SetAside, Unreadable, absolute, plain
from bot.news.fetch import Failed, Request
from bot.news.places import REGION
from bot.news.text import clean, one_line

ADDRESS = "https://api.reliefweb.int/v2/reports"
HELP = "https://apidoc.reliefweb.int/parameters#appname"
LIMIT = 50  # reports in an answer; a look every few minutes never misses so many
OWN = 3  # countries: of a report about more, the text says which it is really about

NO_APPNAME = Failed(f"reliefweb: needs an approved appname; see {HELP}, then set appname", hopeless=True)
UNKNOWN_APPNAME = Failed(f"ReliefWeb has not approved this appname. See {HELP}, then set appname.", hopeless=True)

FIELDS = (
    "title",
    "body",
    "url_alias",
    "date.created",
    "date.original",
    "date.changed",
    "primary_country.iso3",
    "country.iso3",
    "source.shortname",
    "theme.name",
    "format.name",
    "language.code",
    "headline.summary",
)

# ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def request(url: str, options: Mapping[str, Any]) -> Request:
    """The newest reports about the countries of ``options``; about our region when they name none."""
    appname = str(options.get("appname") or "").strip()
    if not appname:
        return Request(url, hindrance=NO_APPNAME)
    wanted = [iso3 for code in options.get("countries") or sorted(REGION) if (iso3 := _iso3(code))]
    question: dict[str, Any] = {
        "preset": "latest",
        "limit": LIMIT,
        "offset": 0,
        "sort": ["date.created:desc"],
        "filter": {
            "operator": "AND",
            "conditions": [{"field": "country.iso3", "value": wanted, "operator": "OR"}],
        },
        "fields": {"include": list(FIELDS)},
    }
    if words := str(options.get("query") or "").strip():
        question["query"] = {"value": words, "operator": "AND"}
    version = found[1] if (found := re.search(r"/v([0-9]{1,2})(?:/|$)", urlsplit(url).path)) else "2"
    return Request(
        _with_appname(url, appname), body=json.dumps(question).encode(), refusal=partial(refusal, version=version)
    )


def _with_appname(url: str, appname: str) -> str:
    parts = urlsplit(url)
    others = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "appname"]
    return urlunsplit(parts._replace(query=urlencode([("appname", appname), *others])))


def refusal(status: int, body: bytes, *, version: str = "2") -> Failed | None:
    """What the API means by an answer that is none; None where its status says it all."""
    match status:
        case 403 if b"AccessDenied" in body or b"appname" in body:
            return UNKNOWN_APPNAME
        case 410:
            return Failed(
                f"ReliefWeb has switched off version {version} of its API (HTTP 410). "
                "See https://apidoc.reliefweb.int for the one that is on, and give its address.",
                gone=True,
            )
        case 400:
            return Failed("ReliefWeb does not understand the question (HTTP 400). Check query and countries.")
        case _:
            return None


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_answer(text: str, url: str = "") -> tuple[list[Item], list[SetAside]]:
    """The reports of an answer. An empty page has none, whatever its counts say."""
    try:
        answer = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("This is not valid JSON, so it is no answer of ReliefWeb. Check the address.") from error
    records = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(records, list):
        said = " It says that it was refused." if isinstance(answer, dict) and "error" in answer else ""
        raise Unreadable(f"This is no answer of the ReliefWeb API: it has no list of reports.{said}")
    items: dict[str, Item] = {}
    aside: list[SetAside] = []
    for number, record in enumerate(records, 1):
        where = f"report {number}"
        fields = record.get("fields") if isinstance(record, dict) else None
        if not isinstance(fields, dict):
            aside.append(SetAside(where, "It has no fields."))
            continue
        try:
            item = _item(where, record, fields)
        except ValueError:
            aside.append(SetAside(where, "Its text is too long or nested too deeply."))
            continue
        if not item.title and not item.text:
            aside.append(SetAside(where, "It has neither a title nor a text."))
        elif item.identity in items:
            aside.append(SetAside(where, "The answer has the same report twice."))
        else:
            items[item.identity] = item
    return list(items.values()), aside


def _item(where: str, record: Mapping[str, Any], fields: Mapping[str, Any]) -> Item:
    number = _number(record.get("id")) or _number(fields.get("id"))
    dates, headline = _table(fields.get("date")), _table(fields.get("headline"))
    return Item(
        where=where,
        guid=f"reliefweb:{number}" if number else "",
        title=IN_LANGUAGES.sub("", one_line(plain(_string(fields.get("title"))))),
        text=from_markdown(_string(fields.get("body"))) or from_markdown(_string(headline.get("summary"))),
        link=absolute(_string(fields.get("url_alias")) or _string(fields.get("url")), "https://reliefweb.int/"),
        published=read_date(_string(dates.get("original"))) or read_date(_string(dates.get("created"))),
        countries=_countries(fields),
        language=_language(fields.get("language")),
    )


def _number(value: Any) -> str:
    """The outer id is a string, the inner one a number."""
    number = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return number if re.fullmatch(r"[0-9A-Za-z_-]{1,40}", number) else ""


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    """One, several or none: the API gives a list of what there is one of, and the other way round."""
    return [_table(one) for one in (value if isinstance(value, list) else [value])]


def _countries(fields: Mapping[str, Any]) -> tuple[str, ...]:
    named = (*_tables(fields.get("primary_country")), *_tables(fields.get("country")))
    codes = {code for one in named if (code := _alpha2().get(_string(one.get("iso3")).upper()))}
    return tuple(sorted(codes)) if len(codes) <= OWN else ()


def _language(value: Any) -> str | None:
    """Its language, if it is in one. "ot" is ReliefWeb's word for another."""
    codes = {_string(one.get("code")).lower() for one in _tables(value)} - {""}
    code = codes.pop() if len(codes) == 1 else ""
    return code if re.fullmatch("[a-z]{2,3}", code) and code != "ot" else None


_FORMER = frozenset({"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"})


@cache
def _alpha2() -> Mapping[str, str]:
    """ISO 3166 alpha-3 to alpha-2, as CLDR has it among its aliases."""
    aliases: Mapping[str, Sequence[str]] = get_global("territory_aliases")
    return {
        code: others[0]
        for code, others in aliases.items()
        if len(code) == 3 and code.isalpha() and len(others) == 1 and code not in _FORMER
    }


def _iso3(alpha2: object) -> str:
    found = (three for three, two in _alpha2().items() if isinstance(alpha2, str) and two == alpha2.upper())
    return next(found, "").lower()


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_IMAGE = regex.compile(r"!\[[^\[\]\n]{0,500}\]\([^()\n]{0,2000}\)")
_LINK = regex.compile(
    r"\[([^\[\]\n]{0,500})\](?:\([^()\n]{0,2000}(?:\([^()\n]{0,500}\)[^()\n]{0,500})?\)|\[[^\[\]\n]{0,100}\])"
)
_DEFINITION = regex.compile(r"^ {0,3}\[[^\[\]\n]{1,100}\]:\s*\S.*$", regex.MULTILINE)
_ADDRESS = regex.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>", regex.IGNORECASE)
_RULE = regex.compile(r"^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,}|=+|-+) *$", regex.MULTILINE)
_HEADING = regex.compile(r"^ {0,3}#{1,6} +(.*?)(?: +#+)? *$", regex.MULTILINE)
_QUOTE = regex.compile(r"^ {0,3}(?:> ?)+", regex.MULTILINE)
_BULLET = regex.compile(r"^ *[*+-] +(?=\S)", regex.MULTILINE)
_STRONG = regex.compile(r"(\*\*\*?|___?)(?=\S)([^*_\n]{1,2000}?)(?<=\S)\1")
_EMPHASIS = regex.compile(r"(?<![\w*_\\])([*_])(?=[^\s*_])([^*_\n]{1,2000}?)(?<=[^\s*_\\])\1(?![\w*_])")
_CODE = regex.compile(r"(`{1,3})([^`\n]{0,500})\1")
_ESCAPED = regex.compile(r"\\([\\`*_{}\[\]()#+.!>~|-])")
_NEW_LINE = regex.compile(r"^(?:- |[0-9]{1,3}[.)] )")


def from_markdown(text: str) -> str:
    """Markdown as plain text: the words of links and headings, "- " for what is listed, no marks."""
    text = clean(text)
    for pattern, plainly in (
        (_IMAGE, ""),
        (_LINK, r"\1"),
        (_DEFINITION, ""),
        (_ADDRESS, r"\1"),
        (_QUOTE, ""),
        (_RULE, "\n"),
        (_HEADING, r"\n\n\1\n\n"),
        (_BULLET, "- "),
        (_CODE, r"\2"),
        (_STRONG, r"\2"),
        (_EMPHASIS, r"\2"),
        (_STRONG, r"\2"),
        (_ESCAPED, r"\1"),
    ):
        text = pattern.sub(plainly, text)
    return plain("<p>".join(_joined(paragraph) for paragraph in regex.split(r"\n\s*\n", text)))


def _joined(paragraph: str) -> str:
    """A line goes on in the next one, unless that begins an entry of a list."""
    joined = ""
    for line in filter(None, map(str.strip, paragraph.split("\n"))):
        joined += ("<br>" if _NEW_LINE.match(line) else " ") + line if joined else line
    return joined
