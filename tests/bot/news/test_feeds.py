from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from bot.news.feeds import absolute, depth, plain, read_json, read_xml


def rss(*items: str, head: str = "") -> bytes:
    body = f"<channel><title>News</title>{''.join(items)}</channel>"
    return f'<?xml version="1.0"?>{head}<rss version="2.0">{body}</rss>'.encode()


def item(title: str = "", text: str = "", guid: str = "", link: str = "", date: str = "") -> str:
    parts = {"title": title, "description": text, "guid": guid, "link": link, "pubDate": date}
    return f"<item>{''.join(f'<{tag}>{value}</{tag}>' for tag, value in parts.items() if value)}</item>"


PLAIN = [
    ("no markup keeps its lines", "one\ntwo", "one\ntwo"),
    ("entities come out once", "<p>A &amp;lt;b&amp;gt; &amp; C</p>", "A &lt;b&gt; & C"),
    ("without tags too", "Tom &amp; Jerry &#8217; &nbsp;x", "Tom & Jerry ’ x"),
    ("breaks and paragraphs", "a<br>b<br/>c<p>d</p>e", "a\nb\nc\n\nd\n\ne"),
    ("source lines are spaces", "<p>one\n  two</p>\n<p>three</p>", "one two\n\nthree"),
    ("lists", "Bring:<ul><li>one</li><li>two</li></ul>", "Bring:\n\n- one\n- two"),
    ("scripts and styles go", "<style>p{}</style>a<script>evil()</script>b<!-- c -->", "ab"),
    ("a smaller-than sign", "5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
    ("links keep their words", 'see <a href="https://x.example">here</a>', "see here"),
    ("broken markup", "<p>a <b>b <i>c</p> d", "a b c\n\nd"),
    ("controls", "<p>a\x07b\u202ec</p>", "abc"),
    ("right to left", "<p dir=rtl>سلام می\u200cروم</p>", "سلام می\u200cروم"),
]


@pytest.mark.parametrize(("markup", "text"), [row[1:] for row in PLAIN], ids=[row[0] for row in PLAIN])
def test_html_becomes_plain_text(markup: str, text: str) -> None:
    assert plain(markup) == text


LINKS = [
    ("https://x.example/a?utm_source=b&id=2&fbclid=3#top", "https://x.example/a?id=2#top"),
    ("https://x.example/a?utm_source=b", "https://x.example/a"),
    ("https://x.example/a?q=a+b&x=%D8%A8", "https://x.example/a?q=a+b&x=%D8%A8"),
    ("/news/1", "https://base.example/news/1"),
    ("//cdn.example/a", "https://cdn.example/a"),
    ("HTTP://X.example/", "http://X.example/"),
    (" https://x.example/a\n/b ", "https://x.example/a/b"),
    ("javascript:alert(1)", ""),
    ("mailto:a@x.example", ""),
    ("https://user:word@x.example/", ""),
    ("https://[half", ""),
    ("https://x.example:99999/", ""),
    ("https://x.example/" + "a" * 3000, ""),
    ("", ""),
]


@pytest.mark.parametrize(("link", "expected"), LINKS)
def test_links_are_absolute_and_do_not_track(link: str, expected: str) -> None:
    assert absolute(link, "https://base.example/feed.xml") == expected


def test_an_rss_item_is_read() -> None:
    raw = rss(item("T &amp;amp; J", "&lt;p&gt;One&lt;/p&gt;", "g1", "/n/1", "Mon, 07 Oct 2024 10:00:00 +0430"))
    [found], aside = read_xml(raw, "https://x.example/feed")
    assert (found.title, found.text, found.identity) == ("T & J", "One", "g1")
    assert (found.link, found.published) == ("https://x.example/n/1", datetime(2024, 10, 7, 5, 30, tzinfo=UTC))
    assert aside == []


def test_an_atom_entry_is_read_with_its_plain_title_as_it_stands() -> None:
    raw = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry><id>urn:1</id>
      <title type="text">a &amp;amp; b &lt;i&gt;</title><link rel="self" href="/s"/><link href="/a"/>
      <summary>Short</summary>
      <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Longer <b>text</b></p></div></content>
      <updated>2024-01-02T03:04:05Z</updated></entry></feed>"""
    [found], _ = read_xml(raw, "https://x.example/feed")
    assert (found.title, found.text, found.link) == ("a &amp; b <i>", "Longer text", "https://x.example/a")
    assert found.published == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_rdf_item_is_named_by_its_about() -> None:
    raw = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
      <channel rdf:about="https://x.example/"><title>x</title></channel>
      <item rdf:about="https://x.example/1"><title>T</title><link>https://x.example/one</link></item></rdf:RDF>"""
    [found], _ = read_xml(raw)
    assert (found.identity, found.link) == ("https://x.example/1", "https://x.example/one")


def test_the_names_of_items_fall_back_to_link_and_to_title_with_date() -> None:
    raw = rss(
        item("A", "one", guid="same", link="https://x.example/a"),
        item("B", "two", guid="same", link="https://x.example/b"),
        item("C", "three", guid="same", date="Mon, 07 Oct 2024 10:00:00 GMT"),
        item("C", "three", guid="same", date="Tue, 08 Oct 2024 10:00:00 GMT"),
        item("C", "three again", guid="same", date="Tue, 08 Oct 2024 10:00:00 GMT"),
        item("D", "four", link="https://x.example/home"),
        item("E", "five", link="https://x.example/home"),
        item("F", "six", guid="own", link="https://x.example/home"),
    )
    found, aside = read_xml(raw)
    names = [entry.identity for entry in found]
    assert names[:2] == ["https://x.example/a", "https://x.example/b"]
    assert all(name.startswith("sha256:") for name in names[2:6])
    assert len(set(names)) == len(names) == 7
    assert (found[-1].identity, found[-1].link) == ("own", "https://x.example/home")
    assert [(entry.where, entry.why) for entry in aside] == [("item 5", "The feed has the same item twice.")]


def test_the_name_of_an_item_does_not_hang_on_its_neighbours() -> None:
    alone, _ = read_xml(rss(item("C", "three")))
    among, _ = read_xml(rss(item("A", "one", guid="g"), item("C", "three")))
    assert alone[0].identity == among[1].identity


def test_a_guid_that_is_no_address_is_no_link() -> None:
    [found], _ = read_xml(rss(item("A", "one", guid="abc")), "https://x.example/feed")
    assert (found.identity, found.link) == ("abc", "")


def test_an_item_without_words_is_set_aside_and_one_without_title_is_not() -> None:
    found, aside = read_xml(rss(item(guid="1"), item(text="words"), item(title="title"), item("&lt;b&gt;&lt;/b&gt;")))
    assert [(entry.title, entry.text) for entry in found] == [("", "words"), ("title", "")]
    assert [entry.where for entry in aside] == ["item 1", "item 4"]


def test_what_reliefweb_writes_around_a_text_is_taken_off_and_its_countries_are_kept() -> None:
    countries = "Countries: Iraq, Iran (Islamic Republic of)"
    head = f'<div class="tag country">{countries}</div><div class="tag source">Sources: A</div>'
    [found], _ = read_xml(rss(item("A report [EN/AR]", f"<![CDATA[{head}<p>The text.</p>]]>")))
    assert (found.title, found.text) == ("A report", "The text.")
    assert found.about == ("Iraq", "Iran (Islamic Republic of)")


DATES = [
    ("Mon, 07 Oct 2999 10:00:00 GMT", datetime(2999, 10, 7, 10, tzinfo=UTC)),
    ("Mon, 07 Oct 99999 10:00:00 GMT", None),
    ("soon", None),
    ("", None),
]


@pytest.mark.parametrize(("written", "expected"), DATES)
def test_a_date_is_the_sources_own_or_none(written: str, expected: datetime | None) -> None:
    [found], _ = read_xml(rss(item("A", "one", date=written)))
    assert found.published == expected


def test_a_json_feed_is_read() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "News",
        "items": [
            {"id": 7, "url": "/a", "title": "T &amp; J", "content_html": "<p>Hi<br>there</p>", "summary": "no"},
            {"id": "b", "content_text": "5 < 6", "date_published": "2024-05-01T10:00:00+04:30"},
            {"external_url": "https://x.example/c", "summary": "only this", "date_modified": "2024-05-01T10:00:00"},
            {"id": "d"},
            "e",
        ],
    }
    found, aside = read_json(msgspec.json.encode(feed).decode(), "https://x.example/feed.json")
    assert [(e.identity, e.title, e.text, e.link) for e in found] == [
        ("7", "T & J", "Hi\nthere", "https://x.example/a"),
        ("b", "", "5 < 6", ""),
        ("https://x.example/c", "", "only this", "https://x.example/c"),
    ]
    assert [e.published for e in found] == [
        None,
        datetime(2024, 5, 1, 5, 30, tzinfo=UTC),
        datetime(2024, 5, 1, 10, tzinfo=UTC),
    ]
    assert [e.where for e in aside] == ["item 4", "item 5"]


def test_depth_is_counted_without_what_closes_itself() -> None:
    assert depth("<p>a<p>b<br><li>c<div><b>d</b></div>") == 2
    assert depth("<rss>" + "<item><b></item>" * 1000 + "</rss>") < 10
    assert depth("</b>" * 10 + "<i>") == 1
