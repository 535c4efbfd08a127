"""From the bytes that a source gave to dispatches: what they say, where, about which countries, in which language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import regex

from bot.news.concerned import Concern, Mark, concern
from bot.news.dateline import SHORTEST, Dateline, read_dateline
from bot.news.dispatch import Dispatch
from bot.news.events import read_event
from bot.news.feeds import Item, SetAside, Unreadable, read_json, read_xml
from bot.news.language import Languages
from bot.news.pages import GUESSED, guessed, read_page
from bot.news.phones import has_phone
from bot.news.places import Gazetteer
from bot.news.reliefweb import read_answer
from bot.news.summary import summarise
from bot.news.text import clean, name_from
from bot.news.topics import Because, Topics

__all__ = ["Reader", "Reading", "SetAside", "Unreadable"]

LARGEST = 10 * 1024 * 1024  # bytes of a document
LONGEST = 100_000  # characters of a dispatch: more is a book

Kind = Literal["feed", "dateline", "page", "reliefweb"]


@dataclass(frozen=True)
class Reading:
    dispatches: tuple[Dispatch, ...]
    set_aside: tuple[SetAside, ...] = ()
    remark: str = ""  # what falls short in the whole of it


@dataclass(frozen=True)
class Why:
    """Which words of a dispatch decided, and for what."""

    countries: tuple[Mark, ...]
    topics: tuple[Because, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "countries": [{"words": m.words, "country": m.country, "role": m.role.value} for m in self.countries],
            "topics": [{"topic": because.topic, "words": list(because.words)} for because in self.topics],
        }


@dataclass(frozen=True)
class Reader:
    """Reads documents. Built once by ``load``; keeps nothing between two documents, so safe in threads."""

    gazetteer: Gazetteer
    topics: Topics
    languages: Languages

    @classmethod
    def load(cls) -> Reader:
        return cls(Gazetteer.load(), Topics.load(), Languages())

    def read(
        self,
        raw: bytes,
        kind: str | None = None,
        *,
        url: str = "",
        content_type: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> Reading:
        """The dispatches in a document that came from ``url``.

        ``kind`` is "feed", "dateline", "page" or "reliefweb"; left out, the bytes tell. ``options`` are those of the
        source: for a page a preset or selectors. Raises ``Unreadable`` when there is nothing to be read; what is wrong
        with a single item sets that item aside.
        """
        if len(raw) > LARGEST:
            raise Unreadable(f"The document is larger than {LARGEST // 1024**2} MB. Choose a source with fewer items.")
        text = decode(raw, content_type)
        if not text.strip():
            if kind == "dateline":  # a text file that nobody has written to yet
                return Reading(())
            raise Unreadable("The document is empty. Check the address of the source.")
        remark = ""
        match kind or _kind(text):
            case "feed" if text.lstrip("\ufeff \r\n\t").startswith(("{", "[")):
                items, aside = read_json(text.lstrip("\ufeff \r\n\t"), url)
            case "feed":
                items, aside = read_xml(_mended(raw, content_type), url, content_type)
            case "dateline":
                items, aside = _paragraphs(text)
            case "page":
                if _is_binary(text):
                    raise Unreadable("This is not a web page but a file of another kind. Check the address.")
                items, aside = read_page(_page(raw, content_type), url, options)
                remark = GUESSED if guessed(options) else ""
            case "reliefweb":
                items, aside = read_answer(text.lstrip("\ufeff \r\n\t"), url)
            case other:
                raise Unreadable(
                    f'There is no kind of source called "{other}". Use "feed", "dateline", "page" or "reliefweb".'
                )
        return self._reading(items, aside, remark)

    def why(self, dispatch: Dispatch) -> Why:
        """What in this dispatch made it one about its countries and topics. What its source said of it is not here."""
        dateline = Dateline(dispatch.places, dispatch.dateline_country, dispatch.text)
        return Why(
            self._concern(dispatch.title, dispatch.text, dateline).marks,
            self.topics.explained(dispatch.text, dispatch.title),
        )

    def _reading(self, items: list[Item], aside: list[SetAside], remark: str) -> Reading:
        dispatches: list[Dispatch] = []
        for item in items:
            dateline = read_dateline(item.text, self.gazetteer) or Dateline((), None, item.text)
            if len(item.text) + len(item.title) > LONGEST:
                aside.append(SetAside(item.where, f"It is longer than {LONGEST} characters."))
            elif item.title or dateline.body:
                dispatches.append(self._dispatch(item, dateline))
            else:
                aside.append(SetAside(item.where, "It has a dateline and no text."))
        return Reading(tuple(dispatches), tuple(aside), remark)

    def _dispatch(self, item: Item, dateline: Dateline) -> Dispatch:
        text = dateline.body
        everything = f"{item.title}\n{text}" if item.title else text
        return Dispatch(
            identity=item.identity,
            title=item.title,
            text=text,
            link=item.link,
            places=dateline.places,
            dateline_country=dateline.country,
            countries=item.countries or self._concerned(item, dateline),
            topics=self.topics.of(text, item.title),
            language=item.language or self.languages.of(everything),
            published=item.published,
            summary=summarise(text or item.title),
            event=read_event(everything, item.published.date() if item.published else None),
            phones=has_phone(everything),
        )

    def _concerned(self, item: Item, dateline: Dateline) -> tuple[str, ...]:
        concerned = set(self._concern(item.title, dateline.body, dateline).countries)
        for name in item.about:
            concerned.update(place.country for place in self.gazetteer.called(name.split("(")[0])[:1])
        return tuple(sorted(concerned))

    def _concern(self, title: str, text: str, dateline: Dateline) -> Concern:
        where = {place.country for place in dateline.places} | {dateline.country}
        return concern(self.gazetteer, text, [country for country in where if country], title)


_WIDE = (b"\xff\xfe", b"\xfe\xff")
_CHARSET = regex.compile(r"charset=[\"']?([\w.:-]+)", regex.IGNORECASE)
_ENCODING = regex.compile(rb"^<\?xml[^>]*encoding=[\"']([\w.:-]+)", regex.IGNORECASE)
_HIGH_RUN = regex.compile(rb"[\xc0-\xff]{3,}")
_FEED = regex.compile(r"<(?:\w+:)?(?:rss|feed|rdf|channel)\b", regex.IGNORECASE)
_PAGE = regex.compile(r"<(?:!doctype\s+html|html|head|body)\b", regex.IGNORECASE)
_BLANK = regex.compile(r"\n\s*\n")


def decode(raw: bytes, content_type: str = "") -> str:
    """Bytes as text: by their byte order mark, as UTF-8, as the header says, else by the look of the bytes."""
    if raw[:2] in _WIDE:
        return raw.decode("utf-16", "replace")
    declared = found.group(1) if (found := _CHARSET.search(content_type)) else "utf-8"
    for charset in ("utf-8-sig", declared):
        try:
            return raw.decode(charset)
        except (UnicodeError, LookupError):
            continue
    return raw.decode(_charset_by_look(raw), "replace")


def _page(raw: bytes, content_type: str) -> str:
    """A page says itself what it is in, where the server does not."""
    says = _CHARSET.search(content_type)
    return decode(raw, content_type if says else raw[:2048].decode("latin-1"))


def _mended(raw: bytes, content_type: str) -> bytes:
    """XML as it claims to be: what says it is UTF-8, or says nothing, and is not, is made so."""
    if raw[:2] in _WIDE:
        return raw
    raw = raw.lstrip(b" \r\n\t").removeprefix(b"\xef\xbb\xbf").lstrip(b" \r\n\t")
    claim = _ENCODING.search(raw[:200])
    claims = [
        *(c.group(1) for c in [_CHARSET.search(content_type)] if c),
        *([claim.group(1).decode()] if claim else []),
    ]
    if any(name.lower() not in ("utf-8", "utf8", "us-ascii", "ascii") for name in claims):
        return raw
    try:
        raw.decode("utf-8")
    except UnicodeError:
        return raw.decode(_charset_by_look(raw), "replace").encode("utf-8")
    return raw


def _charset_by_look(raw: bytes) -> str:
    """Which old Windows charset bytes are in. Accented letters stand alone in Western words; other alphabets fill them.

    Of those, small Cyrillic letters lie in the upper quarter, while Arabic ones lie on both sides of its edge.
    """
    runs = _HIGH_RUN.findall(raw[:100_000])
    if not runs:
        return "cp1252"
    high = b"".join(runs)
    return "cp1251" if sum(byte >= 0xE0 for byte in high) > 0.75 * len(high) else "cp1256"


def _kind(text: str) -> Kind:
    head = text[:8192].lstrip("\ufeff \r\n\t")
    if head.startswith(("{", "[")):
        answer = ('"data"' in head and '"fields"' in head) or '"https://api.reliefweb.int' in head
        return "reliefweb" if answer else "feed"
    feed, page = _FEED.search(head), _PAGE.search(head)
    if head.startswith("<") or feed:
        return "page" if page and not (feed and feed.start() < page.start()) else "feed"
    return "dateline"


def _paragraphs(text: str) -> tuple[list[Item], list[SetAside]]:
    """The paragraphs of a plain text, parted by blank lines."""
    if _is_binary(text):
        raise Unreadable("This is not a text but a file of another kind. Check the address of the source.")
    items: list[Item] = []
    aside: list[SetAside] = []
    seen: set[str] = set()
    for where, paragraph in _numbered(text):
        item = Item(where, guid=name_from(paragraph), title="", text=paragraph, link="", published=None)
        if item.guid in seen:
            aside.append(SetAside(where, "The text has the same paragraph twice."))
        elif len(paragraph) < SHORTEST and ":" not in paragraph:
            aside.append(SetAside(where, f"It is shorter than {SHORTEST} characters and has no dateline."))
        else:
            seen.add(item.guid)
            items.append(item)
    return items, aside


def _numbered(text: str) -> Iterator[tuple[str, str]]:
    for number, paragraph in enumerate(filter(None, _BLANK.split(clean(text))), 1):
        yield f"paragraph {number}", paragraph


def _is_binary(text: str) -> bool:
    head = text[:8192]
    controls = sum(unicodedata.category(c) == "Cc" and c not in "\n\r\t\f\v\x85" for c in head)
    return "\x00" in head or controls > len(head) // 50 or head.startswith("%PDF")
