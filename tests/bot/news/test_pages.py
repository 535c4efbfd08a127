"""Lists of news on web pages: presets, selectors, and what can be guessed. All pages here are made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bot.news import nesting
from bot.news.dates import read_date
from bot.news.feeds import Item, Unreadable, plain
from bot.news.nesting import tangled
from bot.news.pages import GUESSED, KEYS, PRESETS, read_page
from bot.news.read import LARGEST, Reader
from bot.news.text import listed
from config import settings as module

URL = "https://www.example.org/news?page=1"
DARI = "کابل، افغانستان: مرکز منابع مهاجران دوباره باز شد و به همه مردم رایگان کمک می\u200cکند."
MANY = " ".join(f"word{n}" for n in range(60))
DAY = datetime(2024, 6, 7, tzinfo=UTC)


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>News</title>{head}</head><body>{body}</body></html>"


def items(body: str, head: str = "", url: str = URL, **options: str) -> list[Item]:
    return read_page(page(body, head), url, options)[0]


def one(body: str, **options: str) -> Item:
    [found] = items(body, **{"item": "li", **options})
    return found


# ── The two presets ──────────────────────────────────────────────────────────────────────────────────────────────────

JOOMLA = f"""
<header><nav><ul><li><a href="/news-events/news/1-home">News</a></li></ul></nav></header>
<div class="blog" itemscope itemtype="https://schema.org/Blog"><div class="blog-items">
<div class="blog-item" itemprop="blogPost"><div class="item-content"><div class="page-header">
 <h2 itemprop="headline"><a href="/news-events/news/466-dushanbe?utm_source=x" itemprop="url">
 News of a centre</a></h2>
 </div><p>Dushanbe, Tajikistan:&nbsp;People who come home can get help with papers.</p>
 <p class="readmore"><a href="/news-events/news/466-dushanbe">Read more: News of a centre</a></p></div></div>
<div class="blog-item" itemprop="blogPost"><div class="item-content"><div class="page-header">
 <h2 itemprop="headline"><a href="/news-events/news/225-xyz" itemprop="url">225-xyz</a></h2></div></div></div>
<div class="blog-item" itemprop="blogPost"><div class="item-content"><div class="page-header">
 <h2 itemprop="headline"><a href="/centre-opens" itemprop="url">News of a centre</a></h2></div>
 <p dir="rtl">{DARI}</p></div></div>
</div></div>"""


def test_the_budapest_process_list_is_read(reader: Reader) -> None:
    url = "https://www.budapestprocess.org/news-events/news?start=30"
    reading = reader.read(page(JOOMLA).encode(), "page", url=url, options={"preset": "budapest-process"})
    first, second = reading.dispatches
    assert (first.title, first.text) == ("News of a centre", "People who come home can get help with papers.")
    assert first.identity == first.link == "https://www.budapestprocess.org/news-events/news/466-dushanbe"
    assert (first.dateline_country, first.countries, first.published) == ("TJ", ("TJ",), None)
    assert (second.title, second.link) == ("News of a centre", "https://www.budapestprocess.org/centre-opens")
    assert (second.dateline_country, second.countries, second.language) == ("AF", ("AF",), "fa")
    assert [(aside.where, aside.why) for aside in reading.set_aside] == [("item 2", "It looks like a placeholder.")]
    assert reading.remark == ""


ICMPD = f"""
<nav><a href="/news/">News</a><a href="/news/archive">Archive</a></nav>
<div class="x1">
 <div class="x2"><span>Project News</span><h3><a href="news/peshawar">Centre opens in Peshawar &amp; Lahore</a></h3>
  <span class="x3">07 June 2024</span><div>Pakistan, Iran</div><p>A new centre opened its doors for families.</p>
  <p class="small">A new centre opened its doors for families.</p><a href="/news/peshawar">Read more</a></div>
 <div class="x2"><span>In Focus</span><h3><a href="/news/dari">خبر تازه</a></h3><span>Released 08.12.2021</span>
  <p dir="rtl">{DARI}</p></div>
</div><a href="/news?page=2">2</a>"""


def test_the_icmpd_list_is_read(reader: Reader) -> None:
    raw = page(ICMPD, '<base href="https://www.icmpd.org/">').encode()
    reading = reader.read(raw, "page", url="https://www.icmpd.org/news?page=1", options={"preset": "icmpd"})
    first, second = reading.dispatches
    assert (first.title, first.text) == (
        "Centre opens in Peshawar & Lahore",
        "A new centre opened its doors for families.",
    )
    assert (first.identity, first.published) == ("https://www.icmpd.org/news/peshawar", DAY)
    assert first.countries == ("IR", "PK")
    assert (second.title, second.published) == ("خبر تازه", datetime(2021, 12, 8, tzinfo=UTC))
    assert (second.countries, second.dateline_country) == (("AF",), "AF")


CARDS = """<ul class="news-list">
<li><div class="card__kind">Press Release</div><h4 class="card__title"><a href="/news/a">A talk on visas</a></h4>
<time datetime="2024-06-07">7.6.24</time><div class="card__country">Iraq</div><p>Short words about visas.</p></li>
<li><h4 class="card__title"><a href="/news/b">B</a></h4></li></ul>"""


def test_the_icmpd_list_is_read_in_another_dress() -> None:
    first, second = items(CARDS, preset="icmpd")
    assert (first.title, first.text, first.about) == ("A talk on visas", "Short words about visas.", ("Iraq",))
    assert first.published == DAY
    assert (second.title, second.text, second.link) == ("B", "", "https://www.example.org/news/b")


def test_a_selector_goes_before_the_presets() -> None:
    [found] = items('<div class="mine"><h2>Title</h2><i>Other</i></div>', preset="icmpd", item=".mine", title="i")
    assert found.title == "Other"


def test_the_settings_know_the_presets_and_the_selectors() -> None:
    assert set(module.PRESETS) == PRESETS.keys()
    assert module.OPTIONS["page"] == ("preset", *KEYS)


# ── Selectors ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_parts_are_where_the_selectors_say() -> None:
    body = """<div class="n"><a class="l" href="/1?fbclid=x&amp;id=2">go</a><b>Title</b><i>June 7, 2024</i>
        <u>T1</u><u>T2</u><p>not this</p></div>"""
    [found] = items(body, item=".n", title="b", link=".l", date="i", text="u")
    assert (found.title, found.text, found.published) == ("Title", "T1\n\nT2", DAY)
    assert found.identity == found.link == "https://www.example.org/1?id=2"


ITEMS = [
    (
        "a heading, its link and the rest",
        '<li><h3><a href="/a">T</a></h3><p>One.</p><p>Two.</p></li>',
        "T",
        "One.\n\nTwo.",
    ),
    (
        "the link that it begins with",
        '<li><a href="/a">A longer title</a>: what it says</li>',
        "A longer title",
        "what it says",
    ),
    ("a link inside is no title", '<li>As we said <a href="/a">the last time</a></li>', "", "As we said the last time"),
    ("scripts and styles", '<li><h3>T</h3><script>x("<p>")</script><style>p{}</style>a<!-- <p>c --></li>', "T", "a"),
    ("a heading that is the news itself", f"<li><h3>{MANY}</h3></li>", "", MANY),
    ("entities come out once", "<li><h3>T &amp;amp; J</h3>&lt;b&gt; &#8217;</li>", "T &amp; J", "<b> ’"),
    (
        "a teaser printed twice",
        "<li><p>One and the same words.</p><p>One and  the same words.</p></li>",
        "",
        "One and the same words.",
    ),
    ("twice in one line", "<li><h3>A title that is there A title that is there</h3></li>", "A title that is there", ""),
    (
        "cut off, and whole",
        "<li><p>It begins with these words …</p><p>It begins with these words and ends.</p></li>",
        "",
        "It begins with these words and ends.",
    ),
    ("the title again", "<li><h3>T</h3><p>T</p><p>Text.</p></li>", "T", "Text."),
    (
        "read more",
        '<li><h3>T</h3><p>Text. <a href="/a">Read more »</a></p><a href="/a">Continue reading</a></li>',
        "T",
        "Text.",
    ),
    (
        "a sentence that begins so",
        "<li>Details of the visa were published.</li>",
        "",
        "Details of the visa were published.",
    ),
    ("right to left", f"<li dir=rtl><h3>خبر</h3><p>{DARI}</p></li>", "خبر", DARI),
    ("a placeholder before a text", "<li><h3>225-xyz</h3><p>Some real words.</p></li>", "", "Some real words."),
]


@pytest.mark.parametrize(("body", "title", "text"), [row[1:] for row in ITEMS], ids=[row[0] for row in ITEMS])
def test_without_selectors_the_parts_of_an_item_are_guessed(body: str, title: str, text: str) -> None:
    found = one(body)
    assert (found.title, found.text) == (title, text)


DATES = [
    ("07 June 2024", DAY),
    ("7th of June, 2024", DAY),
    ("Friday, 7 Jun 2024", DAY),
    ("June 7, 2024", DAY),
    ("Released 07.06.2024", DAY),
    ("Published on: 07. 06. 2024", DAY),
    ("2024-06-07", DAY),
    ("2024-06-07T04:30:00+04:30", DAY),
    ("07 June 2024, 10:30", DAY),
    ("03/11/2021", None),
    ("10 – 14th January 2022", None),
    ("20-24 November 2021", None),
    ("31 June 2024", None),
    ("Over the course of 2021", None),
    ("2021", None),
    ("0001-01-01T00:00:00+14:00", None),
    ("۷ ژوئن ۲۰۲۴", None),
    ("soon", None),
    ("", None),
]


@pytest.mark.parametrize(("written", "expected"), DATES)
def test_a_date_is_read_or_it_is_none(written: str, expected: datetime | None) -> None:
    assert read_date(written) == expected
    assert one(f"<li><h3>T</h3><time>{written}</time></li>").published == expected


def test_a_line_that_is_a_date_is_the_date_and_no_text() -> None:
    found = one("<li><h3>T</h3><div>07 June 2024</div><p>It ends on 9 June 2024.</p></li>")
    assert (found.text, found.published) == ("It ends on 9 June 2024.", DAY)


LINKS = [
    ("/a", "https://www.example.org/a"),
    ("a?utm_source=x&amp;b=1", "https://www.example.org/a?b=1"),
    ("//cdn.example.org/a", "https://cdn.example.org/a"),
    ("javascript:alert(1)", ""),
    ("mailto:a@example.org", ""),
    ("data:text/html,x", ""),
    ("#", ""),
    ("", ""),
    ("/news?page=1", ""),
    ("http://[", ""),
]


@pytest.mark.parametrize(("href", "link"), LINKS)
def test_links_are_absolute_web_addresses(href: str, link: str) -> None:
    assert one(f'<li><h3>T</h3><a href="{href}">x</a></li>').link == link


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("https://other.example/news/", "https://other.example/news/a"),
        ("/deep/er/", "https://www.example.org/deep/er/a"),
        ("javascript:x", "https://www.example.org/a"),
    ],
)
def test_a_base_counts_for_relative_links(base: str, link: str) -> None:
    [found] = items('<ul><li><h3>T</h3><a href="a">x</a></li></ul>', f'<base href="{base}">', item="li")
    assert found.link == link


def test_an_item_may_be_a_link_itself_or_lie_in_one() -> None:
    assert one('<a class="c" href="/a"><h3>T</h3><p>Text</p></a>', item=".c").link == "https://www.example.org/a"
    assert one('<a href="/a"><article><h3>T</h3></article></a>', item="article").link == "https://www.example.org/a"


def test_what_is_there_twice_is_read_once_and_in_full() -> None:
    body = '<li><a href="/a"><h3>T</h3></a></li><li><h3>T</h3><a href="/a">x</a><p>Text.</p></li><li></li>'
    found, aside = read_page(page(f"<ul>{body}</ul>"), URL, {"item": "li"})
    assert [(item.title, item.text) for item in found] == [("T", "x\n\nText.")]
    assert [(entry.where, entry.why) for entry in aside] == [
        ("item 3", "It has neither a title nor a text."),
        ("item 1", "The page has the same item twice."),
    ]


def test_items_that_share_a_link_or_have_none_are_named_by_title_and_date() -> None:
    body = "".join(
        f'<li><h3>{t}</h3><time>{d}</time><a href="{h}">x</a></li>'
        for t, d, h in (
            ("A", "", "/all"),
            ("B", "", "/all"),
            ("C", "07 June 2024", "#"),
            ("C", "08 June 2024", "#"),
            ("C", "08 June 2024", ""),
        )
    )
    found, aside = read_page(page(f"<ul>{body}</ul>"), URL, {"item": "li"})
    names = [item.identity for item in found]
    assert len(set(names)) == len(names) == 4
    assert all(name.startswith("sha256:") for name in names)
    assert len(aside) == 1


def test_items_inside_items_are_not_read_again() -> None:
    [found] = items("<ul><li>One<ul><li>two</li></ul></li></ul>", item="li")
    assert found.text == "One\n\n- two"


# ── Without selectors ────────────────────────────────────────────────────────────────────────────────────────────────

GUESSES = [
    (
        "articles",
        "<main>"
        + "".join(f'<article><h2><a href="/{n}">News {n}</a></h2><p>Text</p></article>' for n in "ab")
        + "</main>",
    ),
    (
        "headings with links",
        "<main>"
        + "".join(f'<div><div><h3><a href="/{n}">News {n}</a></h3></div><p>Text</p></div>' for n in "ab")
        + "</main>",
    ),
    (
        "a list",
        "<main><ul>"
        + "".join(f'<li><h4>News {n}</h4><p>Text</p><a href="/{n}">More</a></li>' for n in "ab")
        + "</ul></main>",
    ),
    (
        "one article around all",
        "<article>"
        + "".join(f'<section><h2><a href="/{n}">News {n}</a></h2><p>Text</p></section>' for n in "ab")
        + "</article>",
    ),
    ("cards", "".join(f'<a href="/{n}"><h3>News {n}</h3><p>Text</p></a>' for n in "ab")),
]


@pytest.mark.parametrize("body", [row[1] for row in GUESSES], ids=[row[0] for row in GUESSES])
def test_where_the_news_is_can_be_guessed(reader: Reader, body: str) -> None:
    beside = '<header><h1><a href="/">Home</a></h1></header><nav><h2><a href="/menu">Menu</a></h2></nav>'
    reading = reader.read(page(beside + body + "<footer><h3><a href=/f>Imprint</a></h3></footer>").encode(), url=URL)
    assert [(d.title, d.text, d.link) for d in reading.dispatches] == [
        ("News a", "Text", "https://www.example.org/a"),
        ("News b", "Text", "https://www.example.org/b"),
    ]
    assert reading.remark == GUESSED


# ── What cannot be read ──────────────────────────────────────────────────────────────────────────────────────────────

UNREADABLE: list[tuple[str, str, dict[str, Any], str]] = [
    ("no news", "<p>Hello</p>", {}, "No news was found on this web page"),
    ("no items", "<p>Hello</p>", {"item": "li"}, "by the selectors"),
    ("nothing of the preset", "<p>Hello</p>", {"preset": "icmpd"}, "by the selectors"),
    ("an unknown preset", "<p>Hello</p>", {"preset": "bbc"}, "no preset"),
    ("a selector that is none", "<li>x</li>", {"item": "li[["}, "item is not a CSS selector"),
    ("a part's selector that is none", "<p>x</p>", {"item": "li", "date": "::"}, "date is not a CSS selector"),
    ("a selector of another type", "<li>x</li>", {"item": 7}, "item is not a CSS selector"),
    ("parts without an item", "<li>x</li>", {"title": "h3"}, "selector for each item"),
    ("too long", "x" * 4_000_001, {"item": "li"}, "longer than"),
    ("nested 100,000 deep", "<div>" * 100_000, {"item": "li"}, "nested"),
    ("… with a slash", "<div/>" * 100_000, {"item": "li"}, "nested"),
    ("… with signs in attributes", '<div a="<">' * 100_000, {"item": "li"}, "nested"),
    ("… and closed by others", "<div></p>" * 100_000, {"item": "li"}, "nested"),
    ("a bomb of 15 kB", "<p>" + "".join(f"<b id={n}>" for n in range(300)) + "<p>x" * 3_000, {"item": "li"}, "nested"),
]


@pytest.mark.parametrize(
    ("body", "options", "says"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE]
)
def test_what_cannot_be_read_says_why(body: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        read_page(page(body), URL, options)
    assert str(caught.value).endswith(".")


def test_twelve_megabytes_are_too_much(reader: Reader) -> None:
    with pytest.raises(Unreadable, match="larger than"):
        reader.read(page("<li>x</li>" * 1_200_000).encode()[: LARGEST + 2_000_000], "page", options={"item": "li"})


def test_an_item_nested_too_deeply_does_not_take_the_others_with_it() -> None:
    body = f"<ul><li>{'<div>' * 300}x{'</div>' * 300}</li><li>Good</li></ul>"
    found, aside = read_page(page(body), URL, {"item": "li"})
    assert ([item.text for item in found], [entry.where for entry in aside]) == (["Good"], ["item 1"])


def test_a_page_of_very_many_items_is_read_up_to_a_limit() -> None:
    found, aside = read_page(
        page(f"<ul>{'<li><a href=/%d>x</a></li>' * 5_000}</ul>" % tuple(range(5_000))), URL, {"item": "li"}
    )
    assert len(found) == 2_000
    assert "more than 2000" in aside[-1].why


def test_scripts_without_end_take_no_time() -> None:
    for piece in ("<script>", "<!--", "<style>", "<select>", "<li><script></scrip>"):
        with pytest.raises(Unreadable):
            read_page(page(piece * 200_000), URL, {"item": "li.none"})


def test_a_page_says_itself_which_charset_it_is_in(reader: Reader) -> None:
    text = "В Душанбе открылся новый центр для всех, кто вернулся домой."
    raw = page(f"<ul><li>{text}</li></ul>", '<meta charset="koi8-r">').encode("koi8-r")
    [dispatch] = reader.read(raw, "page", options={"item": "li"}).dispatches
    assert dispatch.text == text


# ── Nesting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "markup",
    [
        "<div><p>one<p>two<ul><li>a<li>b</ul></div>" * 1_000,
        "<div><b>bold<i>both</b></i></div>" * 1_000,
        "<table><tr><td>x<td>y<tr><td>z</table>" * 300,
        "<p>a<br>b<img src=x>" * 5_000,
        "<a href=/x>x<a href=/y>y" * 1_000,
        "5 < 6 and a<b",
    ],
)
def test_pages_as_people_write_them_are_not_tangled(markup: str) -> None:
    assert not tangled(markup)


def test_a_feed_item_that_would_fill_the_memory_is_not_parsed() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        plain("<p>" + "".join(f"<b id={n}>" for n in range(3_000)) + "</p><p>x" * 100_000)


TAGS = sorted(listed("p div b a i ul li td table tr select option object svg math button h1 template dd rt pre form"))
PARTS = st.sampled_from(TAGS).flatmap(
    lambda tag: st.sampled_from([f"<{tag}>", f"<{tag} x=#>", f"<{tag}/>", f"</{tag}>", "x"])
)


def depth_and_size(markup: str) -> tuple[int, int]:
    deepest = size = 0
    waiting = [(LexborHTMLParser(markup).root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if node is not None and node.is_element_node:
            deepest, size = max(deepest, depth), size + 1
            waiting += [(child, depth + 1) for child in node.iter(include_text=False)]
    return deepest, size


@settings(max_examples=300, deadline=None)
@given(unit=st.lists(PARTS, min_size=1, max_size=12), before=st.lists(PARTS, max_size=4))
def test_no_tree_is_much_larger_than_was_foretold(unit: list[str], before: list[str]) -> None:
    markup = "".join(before) + "".join("".join(unit).replace("#", str(n)) for n in range(30))
    reading = nesting.read(markup)
    deepest, size = depth_and_size(markup)
    assert deepest <= 3 * reading.deepest + 8
    assert size <= 3 * reading.elements + 8


# ── Anything at all ──────────────────────────────────────────────────────────────────────────────────────────────────

PIECES = """<main>|<article>|</article>|<h2>|</h2>|<a href="/a">|<a href='http://['>|</a>|<li>|</li>|
<time>07 June 2024</time>|<time datetime=x>|<base href="//x">|<script>|</script>|<!--|-->|&amp;|&#xD800;|&#0;|
Kabul, Afghanistan: |Read more|<p>|<svg>|
225-xyz|<table><tr><td>|</table>|<b id=1>|\u202e|خبر|…|<|>|"|\x00"""
PIECE = st.sampled_from(PIECES.replace("\n", "").split("|"))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "preset": st.sampled_from(["icmpd", "budapest-process", "", "x"]),
        **{
            key: st.sampled_from(["li", "article", "h2 a", "*", "li[[", "", "a, p"]) | st.text(max_size=5)
            for key in KEYS
        },
    },
)


@settings(max_examples=400, deadline=None)
@given(
    raw=st.binary(max_size=200)
    | st.lists(PIECE | st.text(max_size=5), max_size=40).map(lambda parts: "".join(parts).encode("utf-8", "replace")),
    options=OPTIONS,
)
def test_any_page_is_read_or_unreadable(reader: Reader, raw: bytes, options: dict[str, Any]) -> None:
    try:
        reading = reader.read(raw, "page", url=URL, options=options)
    except Unreadable:
        return
    identities = [dispatch.identity for dispatch in reading.dispatches]
    assert len(set(identities)) == len(identities)
    for dispatch in reading.dispatches:
        assert dispatch.title or dispatch.text
        assert dispatch.link == "" or dispatch.link.startswith(("http://", "https://"))
        dispatch.as_json()
