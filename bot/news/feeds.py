"""RSS, Atom, RDF and JSON Feed: from bytes to items in plain text.

feedparser reads the XML, whatever state it is in; nh3 takes the markup out; what a link, a name and a date of an item
are is decided here.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import struct_time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import feedparser
import nh3
import regex

from bot.news.nesting import tangled
from bot.news.text import clean, listed, name_from, one_line

DEEPEST = 256  # tags inside tags in an item: an HTML parser's time grows with the square of it
DEEPEST_XML = 2_000
LONGEST_HTML = 1_000_000  # characters of one item
LONGEST_LINK = 2_000
LONGEST_ID = 500
LAST_CHARACTER = 0x10FFFF


class Unreadable(ValueError):
    """Nothing can be read from these bytes. The message says what to do about it, to whoever runs the hub."""


@dataclass(frozen=True)
class SetAside:
    """Something in a document that is no news, or could not be read; the rest of the document was."""

    where: str
    why: str


@dataclass(frozen=True)
class Item:
    """An item of a document, in plain text."""

    where: str
    guid: str
    title: str
    text: str
    link: str
    published: datetime | None
    about: tuple[str, ...] = ()  # names of countries that the source itself gives
    countries: tuple[str, ...] = ()  # ISO 3166 alpha-2: what the source says it is about, in place of what we read
    language: str | None = None  # BCP 47, when the source says it

    @property
    def identity(self) -> str:
        if self.guid or self.link:
            return self.guid or self.link
        date = self.published.isoformat() if self.published else ""
        return name_from(self.title or self.text, date)


def read_xml(raw: bytes, url: str = "", content_type: str = "") -> tuple[list[Item], list[SetAside]]:
    """The items of an RSS, Atom or RDF feed."""
    if depth(_without_cdata(raw).decode("latin-1")) > DEEPEST_XML:
        raise Unreadable("The feed has tags nested thousands deep. No real feed does: check the address of the source.")
    headers = {"content-type": content_type} if content_type else {}
    try:
        # A file object: feedparser takes bytes that look like a path for one, and opens it.
        feed = feedparser.parse(
            io.BytesIO(_parsable(raw)), response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
    except Exception as error:  # it was written for honest feeds
        raise Unreadable("The feed is too broken to read. Open its address in a browser and check it.") from error
    version = str(feed.get("version") or "")
    if not feed.entries and not (version and feed.feed):
        raise Unreadable("This is not a feed, or a broken one without items. Check the address of the source.")
    base = url or str(feed.feed.get("link", ""))
    plain_types = version.startswith("atom")
    return _gather(feed.entries, lambda entry, where: _xml_item(entry, where, base, plain_types))


# A feed declares no entities of its own; who does so means to have a small document become a large one.
_DECLARATIONS = re.compile(
    rb"\A((?>(?:<\?(?>.*?\?>)\s*|<!--(?>.*?-->)\s*)*)<!DOCTYPE[^\[>]*)\[.*?\]\s*>", re.DOTALL | re.IGNORECASE
)
_REFERENCES = re.compile(rb"(?:&#(?:\d+|[xX][0-9a-fA-F]+);)+")
_REFERENCE = re.compile(rb"&#([xX]?)0*([0-9a-fA-F]*);")


def _parsable(raw: bytes) -> bytes:
    return _REFERENCES.sub(_characters, _DECLARATIONS.sub(rb"\1>", raw))


def _characters(run: re.Match[bytes]) -> bytes:
    """References to what is no character make a parser give up. Emoji are found written as two halves."""
    pairs = _REFERENCE.findall(run[0])
    numbers = [int(digits or b"0", 16 if x else 10) if len(digits) < 8 else LAST_CHARACTER + 1 for x, digits in pairs]
    if all(number < 0xD800 or 0xDFFF < number <= LAST_CHARACTER for number in numbers):
        return run[0]
    units = [chr(number).encode("utf-16-le", "surrogatepass") for number in numbers if number <= LAST_CHARACTER]
    return "".join(f"&#{ord(c)};" for c in b"".join(units).decode("utf-16-le", "ignore")).encode()


def read_json(text: str, url: str = "") -> tuple[list[Item], list[SetAside]]:
    """The items of a JSON Feed, version 1 or 1.1."""
    try:
        # Not strict: half an emoji or a raw line break in one item must not cost the others.
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable("This is not valid JSON. Check the address of the source.") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise Unreadable("This JSON is not a JSON Feed: it has no list of items. Check the address of the source.")
    base = url or _string(feed.get("home_page_url"))
    return _gather(items, lambda item, where: _json_item(item, where, base))


def _gather(entries: list[Any], read: Callable[[Any, str], Item]) -> tuple[list[Item], list[SetAside]]:
    items: list[Item] = []
    aside: list[SetAside] = []
    for number, entry in enumerate(entries, 1):
        where = f"item {number}"
        try:
            item = read(entry, where)
        except _Unfit as error:
            aside.append(SetAside(where, str(error)))
            continue
        if item.title or item.text:
            items.append(item)
        else:
            aside.append(SetAside(where, "It has neither a title nor a text."))
    return _named_apart(items, aside), aside


def _named_apart(items: list[Item], aside: list[SetAside]) -> list[Item]:
    """Without what names nothing: an id or a link that several items of the feed share. Exact repeats are set aside."""
    for field in ("guid", "link"):
        # A shared link stays as the link of items that have an id of their own.
        shared = Counter(getattr(item, field) for item in items if field == "guid" or not item.guid)
        if field == "guid":
            items = [replace(item, guid="") if shared[item.guid] > 1 else item for item in items]
        else:
            items = [
                replace(item, guid=replace(item, link="").identity) if not item.guid and shared[item.link] > 1 else item
                for item in items
            ]
    seen: set[str] = set()
    kept = []
    for item in items:
        if item.identity in seen:
            aside.append(SetAside(item.where, "The feed has the same item twice."))
        else:
            seen.add(item.identity)
            kept.append(item)
    return kept


# --- One item ------------------------------------------------------------------------------------------------------


class _Unfit(ValueError):
    """An item that cannot be read; the feed goes on."""


# ReliefWeb begins a text with what it is about, and ends a title with the languages it comes in.
_TAGS = regex.compile(r'^\s*(?:<div class="tag [\w-]+">[^<]*</div>\s*)+')
_TAG_COUNTRY = regex.compile(r'<div class="tag country">(?:\s*Countr(?:y|ies):)?([^<]*)</div>')
IN_LANGUAGES = regex.compile(r"\s*\[[A-Z]{2}(?:/[A-Z]{2})*\]$")


def _xml_item(entry: Mapping[str, Any], where: str, base: str, plain_types: bool) -> Item:
    def text(detail: Mapping[str, Any]) -> str:
        value = _string(detail.get("value"))
        return clean(value) if plain_types and detail.get("type") == "text/plain" else plain(value)

    about: list[str] = []
    bodies = []
    for detail in (*entry.get("content", ()), entry.get("summary_detail") or {"value": entry.get("summary")}):
        value = _string(detail.get("value"))
        if tags := _TAGS.match(value):
            about += [name for found in _TAG_COUNTRY.findall(tags.group()) for name in html.unescape(found).split(",")]
            value = value[tags.end() :]
        bodies.append(text({**detail, "value": value}))
    title = text(entry.get("title_detail") or {"value": entry.get("title")})
    link = _string(entry.get("link"))
    if entry.get("guidislink") and link == entry.get("id") and not link.startswith(("http://", "https://")):
        link = ""  # a guid that feedparser took for a link
    return Item(
        where=where,
        guid=_name(entry.get("id")),
        title=IN_LANGUAGES.sub("", one_line(title)),
        text=max(bodies, key=len),
        link=absolute(link, base),
        # A plain dict: feedparser's own answers a question for one date with the other.
        published=_moment(entry.get("published_parsed") or dict(entry).get("updated_parsed")),
        about=tuple(name.strip() for name in about),
    )


def _json_item(item: Any, where: str, base: str) -> Item:
    if not isinstance(item, dict):
        raise _Unfit("It is not an object.")
    text = clean(_string(item.get("content_text"))) or plain(_string(item.get("content_html")))
    return Item(
        where=where,
        guid=_name(item.get("id")),
        title=one_line(plain(_string(item.get("title")))),
        text=text or clean(_string(item.get("summary"))),
        link=absolute(_string(item.get("url")) or _string(item.get("external_url")), base),
        published=_date(_string(item.get("date_published")) or _string(item.get("date_modified"))),
    )


def _string(value: Any) -> str:
    """Whole characters; half a pair of surrogates cannot be parsed, kept or sent."""
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) else ""


def _name(value: Any) -> str:
    """An item's own id, as short text. JSON feeds are found with numbers for ids."""
    name = one_line(clean(str(value))) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return name if len(name) <= LONGEST_ID else name_from(name)


def _moment(parsed: struct_time | None) -> datetime | None:
    try:
        return datetime(*parsed[:6], tzinfo=UTC) if parsed else None
    except (ValueError, OverflowError, TypeError):
        return None


def _date(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# --- Links ---------------------------------------------------------------------------------------------------------

_TRACKING = regex.compile(
    r"utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|_hs\w+|fbclid|gclid|gclsrc|dclid|wbraid|gbraid|msclkid|yclid|twclid|ttclid|igshid|igsh|"
    r"mc_cid|mc_eid|mkt_tok|vero_id|wickedid|oly_anon_id|oly_enc_id|_openstat|cmpid|xtor",
    regex.IGNORECASE,
)


def absolute(link: str, base: str) -> str:
    """An http(s) address without what only tracks readers, or nothing."""
    link = _IN_URL.sub("", link)
    try:
        parts = urlsplit(urljoin(base, link) if link else "")
        # An address with a name before the @ is made to mislead.
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.port == 0:
            return ""
        query = parts.query
        if any(_TRACKING.fullmatch(key) for key, _ in parse_qsl(query, keep_blank_values=True)):
            query = urlencode([p for p in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(p[0])])
        address = urlunsplit(parts._replace(query=query))
    except ValueError:
        return ""
    return address if len(address) <= LONGEST_LINK else ""


_IN_URL = regex.compile(r"[\s\p{Cc}\p{Cs}\p{Cf}]+")

# --- HTML to plain text --------------------------------------------------------------------------------------------

_TAG = regex.compile(r"<(/?)([A-Za-z][^\s/<>]*)([^<>]*)>")
# Tags that stand alone, or that the next of their kind closes.
_FLAT = listed(
    """area base br col embed hr img input link meta param source track wbr p li dt dd option optgroup tr td th thead
    tbody tfoot colgroup rp rt"""
)
_MARKUP = regex.compile(r"<[A-Za-z/!?]")
_LINE = regex.compile(r"<(?:br|hr)\b[^<>]*>|</?(?:div|tr|dt|dd|ul|ol|dl|table|figure|figcaption|pre)\b[^<>]*>", regex.I)
_PARAGRAPH = regex.compile(
    r"</?(?:p|h[1-6]|blockquote|section|article|header|footer|aside|main|address)\b[^<>]*>", regex.IGNORECASE
)
_BULLET = regex.compile(r"<li\b[^<>]*>", regex.IGNORECASE)
_CELL = regex.compile(r"</t[dh]\b[^<>]*>", regex.IGNORECASE)
_SILENT = {"script", "style", "noscript", "template", "iframe", "object", "svg", "math", "head", "select", "textarea"}


def plain(markup: str) -> str:
    """HTML as plain text with its line breaks; entities come out once, so "&amp;lt;" is read as "&lt;"."""
    if not _MARKUP.search(markup):
        return clean(html.unescape(markup))
    if len(markup) > LONGEST_HTML:
        raise _Unfit("Its text is too long.")
    if depth(markup) > DEEPEST or tangled(markup):
        raise _Unfit("Its HTML is nested too deeply.")
    markup = " ".join(markup.split())
    for pattern, mark in ((_LINE, "\n"), (_PARAGRAPH, "\n\n"), (_BULLET, "\n- "), (_CELL, " ")):
        markup = pattern.sub(mark + r"\g<0>", markup)
    return clean(html.unescape(nh3.clean(markup, tags=set(), clean_content_tags=_SILENT)))


def depth(markup: str) -> int:
    """How deep the tags of a text are nested, without parsing it."""
    deepest = now = 0
    for tag in _TAG.finditer(markup):
        closing, name, rest = tag.groups()
        name = name.lower()
        if name in _FLAT or rest.endswith("/"):
            continue
        if not closing:
            now += 1
            deepest = max(deepest, now)
        elif name in ("item", "entry"):
            now = min(now - 1, 3)  # what an item left open is no matter to the next
        else:
            now = max(0, now - 1)
    return deepest


def _without_cdata(raw: bytes) -> bytes:
    return b"".join(_outside_cdata(raw))


def _outside_cdata(raw: bytes) -> Iterator[bytes]:
    at = 0
    while (start := raw.find(b"<![CDATA[", at)) >= 0:
        yield raw[at:start]
        end = raw.find(b"]]>", start)
        if end < 0:
            return
        at = end + 3
    yield raw[at:]
