"""A web page that lists news: which part of it is an item, and what in it is title, link, date and text.

An operator names the parts by CSS selectors, or takes a preset. Without either they are guessed, by the links in
headings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import regex
from babel import Locale
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from bot.news.dates import read_date
from bot.news.feeds import Item, SetAside, Unreadable, absolute, plain
from bot.news.nesting import tangled
from bot.news.text import clean, fold, listed, name_from, one_line, words

LARGEST = 4_000_000  # characters of a page
MOST = 2_000  # items of a page
LONGEST_TITLE = 300
LONGEST_SELECTOR = 500

GUESSED = (
    "Nobody said where the news is on this page, so it was guessed by its headings and links; texts and dates may be "
    "wrong or lacking. Take a preset, or name the parts by selectors: item, title, link, date, text."
)


@dataclass(frozen=True)
class Layout:
    """Where the parts of a list are. Of several selectors the first that finds something counts.

    ``around`` are links of which each belongs to an item of its own, for where ``item`` finds nothing. ``labels`` are
    lines beside the news that say nothing; with ``countries`` a line of names of countries says what an item is about.
    """

    item: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    date: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    around: str = ""
    labels: frozenset[str] = frozenset()
    countries: bool = False


_HEADINGS = ("h1, h2, h3, h4, h5, h6",)
_HEADING_LINKS = "h1 a[href], h2 a[href], h3 a[href], h4 a[href], a[href]:has(h1, h2, h3, h4)"
_GUESS = Layout(item=("article:has(a[href])", "main li:has(h2, h3, h4)"), around=_HEADING_LINKS)
# Where a guess must not look.
_BESIDE = "nav, [role=navigation], body > header, body > footer, body > aside"

# Written from a description of the two sites and never tried on them: hence the many candidates.
PRESETS: Mapping[str, Layout] = {
    # A Joomla list of teasers without dates, at /news-events/news/<id>-<slug>.
    "budapest-process": Layout(
        item=(
            "[itemprop=blogPost]",
            ".blog-items .blog-item, .com-content-category-blog__item",
            ".items-row .item, .items-leading > div, .blog .item",
            "table.category tr:has(a[href*='/news-events/news/'])",
            "article:has(a[href*='/news-events/news/'])",
            "li:has(> a[href*='/news-events/news/'])",
        ),
        title=(".item-title, .page-header h2, [itemprop=headline], [itemprop=name]", *_HEADINGS),
        link=("a[href*='/news-events/news/']", "[itemprop=url]", ".item-title a[href], h2 a[href], h3 a[href]"),
        around="a[href*='/news-events/news/']",
    ),
    # A list at /news: a kind, a title, a date as "07 June 2024" or "Released 08.12.2021", often a line of countries.
    "icmpd": Layout(
        item=(
            ".news-list .news-item, .news-list > li, .news-list > div, .news-overview .item",
            ".search-results .result, .search-results > li, .search-result",
            ".news-teaser, .teaser--news, .card--news",
            "article:has(a[href*='/news/'])",
            "li:has(> a[href*='/news/'])",
        ),
        title=("[class*=title]:not([class*=sub])", *_HEADINGS),
        link=("a[href*='/news/']",),
        around="a[href*='/news/']",
        labels=listed("in-focus press-release project-news news-item news event publication"),
        countries=True,
    ),
}
KEYS = ("item", "title", "link", "date", "text")


def read_page(text: str, url: str = "", options: Mapping[str, Any] | None = None) -> tuple[list[Item], list[SetAside]]:
    """The items that a page lists. ``options`` are a ``preset`` and selectors; a selector goes before the preset's."""
    layout = layout_of(options or {})
    if len(text) > LARGEST:
        raise Unreadable(f"The web page is longer than {LARGEST:,} characters. Choose a shorter list of news.")
    markup = "".join(_without_silent(text))
    if tangled(markup):
        raise Unreadable("The web page has tags nested thousands deep. No real page does: check its address.")
    tree = LexborHTMLParser(markup.encode("utf-8", "replace").decode())
    base = absolute(_attribute(tree.css_first("base[href]"), "href"), url) or url
    nodes = _items(tree, layout)
    if not nodes:
        raise Unreadable(_nothing(layout))
    items: list[Item] = []
    aside: list[SetAside] = []
    for number, node in enumerate(nodes[:MOST], 1):
        where = f"item {number}"
        try:
            item = _Teaser(node, layout, url, base).item(where)
        except _Unfit as unfit:
            aside.append(SetAside(where, str(unfit)))
        except ValueError:
            aside.append(SetAside(where, "Its HTML is too long or nested too deeply."))
        else:
            items.append(item)
    if len(nodes) > MOST:
        aside.append(SetAside(f"item {MOST + 1}", f"The page lists more than {MOST} items; the rest was not read."))
    return list(_named_apart(items, aside)), aside


def layout_of(options: Mapping[str, Any]) -> Layout:
    """What to look for, by an operator's word; the guess where there is none."""
    preset, named = options.get("preset"), {key: options[key] for key in KEYS if options.get(key)}
    if preset and preset not in PRESETS:
        raise Unreadable(f'There is no preset "{preset}". There are {" and ".join(sorted(PRESETS))}.')
    if guessed(options):
        return _GUESS
    for key, selector in named.items():
        if not is_selector(selector):
            raise Unreadable(f'What was given for {key} is not a CSS selector, such as "article h3".')
    if not preset and "item" not in named:
        raise Unreadable("The selector for each item is lacking. Give item, beside those for its parts.")
    layout = PRESETS[preset] if preset else Layout()
    if "item" in named:
        layout = replace(layout, around="")
    chosen: dict[str, Any] = {key: (selector,) for key, selector in named.items()}
    return replace(layout, **chosen)


def guessed(options: Mapping[str, Any] | None) -> bool:
    """Whether nobody said where the news is on the page."""
    return not any((options or {}).get(key) for key in ("preset", *KEYS))


def is_selector(selector: object) -> bool:
    if not isinstance(selector, str) or not selector.strip() or len(selector) > LONGEST_SELECTOR:
        return False
    try:
        LexborHTMLParser("<p>").css(selector)
    except (SelectolaxError, ValueError):
        return False
    return True


def _nothing(layout: Layout) -> str:
    if layout == _GUESS:
        return (
            "No news was found on this web page. Name the parts by selectors (item, title, link, date, text), "
            "or give the address of its feed."
        )
    return "Nothing on this web page is an item by the selectors that were given. Perhaps the site looks otherwise now."


# ── Before parsing ───────────────────────────────────────────────────────────────────────────────────────────────────

_SILENT = regex.compile(r"<!--|<(script|style|noscript|template|svg|math|iframe|object|select|textarea)\b", regex.I)


def _without_silent(markup: str) -> Iterator[str]:
    """The parts that people see: no scripts, styles, comments."""
    at = 0
    while found := _SILENT.search(markup, at):
        yield markup[at : found.start()]
        closing = rf"</{found[1]}\s*>" if found[1] else "-->"
        end = regex.compile(closing, regex.IGNORECASE).search(markup, found.end())
        if end is None:
            return
        at = end.end()
    yield markup[at:]


# ── Which nodes are items ────────────────────────────────────────────────────────────────────────────────────────────


def _items(tree: LexborHTMLParser, layout: Layout) -> list[LexborNode]:
    single: list[LexborNode] = []
    for selector in layout.item:
        nodes = _outermost(tree.css(selector))
        # One alone may be what is around the list.
        if len(nodes) > 1 or (nodes and not layout.around):
            return nodes
        single = single or nodes
    if not layout.around:
        return single
    for beside in tree.css(_BESIDE):
        beside.decompose()
    return _blocks(tree.css(layout.around)) or single


def _outermost(nodes: Sequence[LexborNode]) -> list[LexborNode]:
    kept: list[LexborNode] = []
    known: set[int] = set()
    for node in nodes[: MOST + 1]:
        up = node.parent
        while up is not None and up.mem_id not in known:
            up = up.parent
        if up is None:
            known.add(node.mem_id)
            kept.append(node)
    return kept


def _blocks(links: Sequence[LexborNode]) -> list[LexborNode]:
    """Around each link the largest block that no other link is in."""
    links = links[: MOST + 1]
    under: defaultdict[int, set[str]] = defaultdict(set)
    for link in links:
        up: LexborNode | None = link
        while up is not None and len(under[up.mem_id]) < 2:
            under[up.mem_id].add(_attribute(link, "href"))
            up = up.parent
    blocks: dict[str, LexborNode] = {}
    for link in links:
        if _attribute(link, "href") not in blocks:
            block = link
            while (up := block.parent) and up.tag not in ("body", "main", "html") and len(under[up.mem_id]) == 1:
                block = up
            blocks[_attribute(link, "href")] = block
    return _outermost(list(blocks.values()))


# ── One item ─────────────────────────────────────────────────────────────────────────────────────────────────────────

T = TypeVar("T")


class _Unfit(ValueError):
    """An item that is no news; the page goes on."""


_PLACEHOLDER = regex.compile(
    r"(?:[0-9]+[\s_-]*)?(?:x+y+z+|x{3,}|test(?:[\s_-]*[0-9]*)?|untitled|lorem ipsum\b.*)", regex.IGNORECASE
)
_MORE = r"(?:read|learn) more|continue reading"
_MORE_LINE = regex.compile(rf"\W*(?:(?:{_MORE})\b.{{0,250}}|(?:find out |see |show )?more|details)\W*", regex.I)
_MORE_AFTER = regex.compile(rf"\s*[\[(]?\b(?:{_MORE})\b[\s\])»›→>.…]*$", regex.IGNORECASE)
_CUT = regex.compile(r"\s*[\[(]?(?:…|\.{3})[\])]?$")
_LISTED = regex.compile(r"\s*[,;/|]\s*|\s+and\s+")


@dataclass(frozen=True)
class _Teaser:
    node: LexborNode
    layout: Layout
    url: str
    base: str

    def item(self, where: str) -> Item:
        title = self._title()
        published, written = self._date()
        lines: list[str] = []
        about: list[str] = []
        for line in self._text().split("\n"):
            line = _once(_MORE_AFTER.sub("", line))
            bare = line.removeprefix("- ")
            if self._says_nothing(bare, title, written) or (not self.layout.date and read_date(bare)):
                continue
            if self.layout.countries and (names := _countries(bare)):
                about += names
            else:
                lines.append(line)
        text = clean("\n".join(_each_once(lines)))
        if not title:
            title, text = self._link_first(text)
        if _PLACEHOLDER.fullmatch(title):
            if not text or _PLACEHOLDER.fullmatch(text):
                raise _Unfit("It looks like a placeholder.")
            title = ""
        if not title and not text:
            raise _Unfit("It has neither a title nor a text.")
        return Item(where, "", title, text, self._link(), published, tuple(about))

    def _title(self) -> str:
        title = _once(one_line(self._first(self.layout.title or _HEADINGS, _words) or ""))
        return title if len(title) <= LONGEST_TITLE else ""

    def _link(self) -> str:
        chosen = self.layout.link or (_HEADING_LINKS, "a[href]")
        return self._first((*chosen, "a[href]"), self._address) or self._address(self.node.parent) or ""

    def _address(self, node: LexborNode | None) -> str:
        if node is None:
            return ""
        inner = node if node.tag == "a" else node.css_first("a[href]")
        link = absolute(_attribute(node, "href") or _attribute(inner, "href"), self.base)
        # "#" and the like name the list itself.
        return "" if link.rstrip("/#") in (self.base.rstrip("/"), self.url.rstrip("/")) else link

    def _date(self) -> tuple[datetime | None, str]:
        """The date, and how it is written: that line is no part of the text."""

        def read(node: LexborNode) -> tuple[datetime | None, str] | None:
            written = one_line(_words(node))
            date = read_date(_attribute(node, "datetime")) or read_date(written)
            return (date, written) if date else None

        if found := self._first(self.layout.date or ("time",), read):
            return found
        lines = [] if self.layout.date else _words(self.node).split("\n")
        return next(((date, line) for line in lines if (date := read_date(line.removeprefix("- ")))), (None, ""))

    def _text(self) -> str:
        if not self.layout.text:
            return _words(self.node)
        nodes = (node for selector in self.layout.text for node in _outermost(self.node.css(selector)))
        return "\n\n".join(_words(node) for node in nodes)

    def _says_nothing(self, line: str, title: str, date: str) -> bool:
        same = fold(line)
        label = "-".join(word.folded for word in words(line))
        return bool(same and same in (fold(title), fold(date))) or (
            label in self.layout.labels or _MORE_LINE.fullmatch(line) is not None
        )

    def _link_first(self, text: str) -> tuple[str, str]:
        """Where no heading is: the words of the link that the text begins with, and the rest."""
        link = self.node.css_first("a[href]")
        words_of_it = one_line(_words(link)) if link else ""
        if not 8 <= len(words_of_it) <= LONGEST_TITLE // 2 or not one_line(text).startswith(words_of_it):
            return "", text
        rest = text.split(words_of_it, 1)[1] if words_of_it in text else ""
        return words_of_it, clean(rest.lstrip(" :–—-"))

    def _first(self, selectors: Sequence[str], read: Callable[[LexborNode], T | None]) -> T | None:
        """What the first that says something says."""
        for selector in selectors:
            for node in self.node.css(selector)[:20]:
                if found := read(node):
                    return found
        return None


def _words(node: LexborNode) -> str:
    """What is inside: an <li> itself is no list."""
    return plain(node.inner_html or "")


def _attribute(node: LexborNode | None, name: str) -> str:
    return (node.attributes.get(name) or "") if node is not None else ""


def _once(line: str) -> str:
    """A line that says everything twice, said once."""
    half = len(line) // 2
    first, second = line[:half].rstrip(), line[half:].lstrip()
    return first if len(first) >= 20 and fold(first) == fold(second) else line


def _each_once(lines: Sequence[str]) -> Iterator[str]:
    """Without what another line says as well, or says in full."""
    whole = [fold(line) for line in lines]
    seen: set[str] = set()
    for line, folded in zip(lines, whole, strict=True):
        cut = _CUT.sub("", folded)
        shortened = cut != folded and len(cut) >= 20
        if folded in seen or (shortened and any(len(o) > len(folded) and o.startswith(cut) for o in whole[:50])):
            continue
        if folded:
            seen.add(folded)
        yield line


@cache
def _names_of_countries() -> frozenset[str]:
    return frozenset(fold(name) for code, name in Locale("en").territories.items() if code.isalpha())


def _countries(line: str) -> list[str]:
    """The names, if the line has nothing else."""
    names = [name for name in _LISTED.split(line.strip()) if name] if len(line) <= 200 else []
    return names if all(fold(name) in _names_of_countries() for name in names) else []


# ── All items ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _named_apart(items: list[Item], aside: list[SetAside]) -> Iterator[Item]:
    """Each item once, the fuller of two. A link that items of different titles share names none of them."""
    titles: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        titles[item.link].add(fold(item.title))
    best: dict[str, Item] = {}
    for item in items:
        if item.link and len(titles[item.link] - {""}) > 1:
            date = item.published.isoformat() if item.published else ""
            item = replace(item, guid=name_from(item.title or item.text, date))
        other = best.get(item.identity)
        if other is not None:
            lesser = min(item, other, key=lambda one: len(one.text))
            aside.append(SetAside(lesser.where, "The page has the same item twice."))
            item = other if lesser is item else item
        best[item.identity] = item
    yield from best.values()
