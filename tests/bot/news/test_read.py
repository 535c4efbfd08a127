from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.news.dispatch import Place
from bot.news.read import LARGEST, Reader, Unreadable, decode

LONG = "This paragraph has no dateline, and is quite long enough to be news."


def feed(body: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{body}</channel></rss>'.encode()


def test_a_dateline_text_becomes_dispatches(reader: Reader) -> None:
    raw = (
        "\ufeffBaghdad and Erbil, Iraq:\u00a0Returnees can get help with reintegration.\u00a0\r\n"
        f"\r\n\u00a0\r\nPage 2\r\n\r\n{LONG}"
    ).encode()
    reading = reader.read(raw)
    first, second = reading.dispatches
    assert first.title == ""
    assert first.text == first.summary == "Returnees can get help with reintegration."
    assert first.places == (Place("Baghdad", "IQ"), Place("Erbil", "IQ"))
    assert (first.dateline_country, first.countries, first.topics) == ("IQ", ("IQ",), ("return-reintegration",))
    assert first.language == "en"
    assert (second.text, second.places, second.countries) == (LONG, (), ())
    assert [entry.where for entry in reading.set_aside] == ["paragraph 2"]


def test_the_name_of_a_paragraph_does_not_hang_on_spaces_capitals_or_neighbours(reader: Reader) -> None:
    [one] = reader.read(b"Kabul, Afghanistan: The centre opened.").dispatches
    [_, two] = reader.read(f"{LONG}\n\nKABUL,\u00a0 Afghanistan:\nThe centre opened.".encode()).dispatches
    assert one.identity == two.identity
    assert len(one.identity) == len("sha256:") + 32


def test_a_paragraph_that_is_there_twice_is_read_once(reader: Reader) -> None:
    reading = reader.read(f"{LONG}\n\n{LONG.upper()}".encode())
    assert len(reading.dispatches) == len(reading.set_aside) == 1


def test_a_feed_item_may_begin_with_a_dateline(reader: Reader) -> None:
    raw = feed("<item><title>News</title><description>Vienna, Austria: Visas for Afghans.</description></item>")
    [dispatch] = reader.read(raw).dispatches
    assert (dispatch.text, dispatch.dateline_country, dispatch.countries) == ("Visas for Afghans.", "AT", ("AF",))


def test_countries_that_reliefweb_names_count(reader: Reader) -> None:
    head = '&lt;div class="tag country"&gt;Countries: Iraq, Iran (Islamic Republic of), World&lt;/div&gt;'
    [dispatch] = reader.read(
        feed(f"<item><title>Report</title><description>{head}Text</description></item>")
    ).dispatches
    assert dispatch.countries == ("IQ", "IR")


def test_an_item_without_text_is_summed_up_by_its_title(reader: Reader) -> None:
    [dispatch] = reader.read(feed("<item><title>Border in Osh opens</title></item>")).dispatches
    assert (dispatch.text, dispatch.summary, dispatch.countries) == ("", "Border in Osh opens", ("KG",))


def test_a_dispatch_can_be_written_as_json(reader: Reader) -> None:
    [dispatch] = reader.read(b"Kabul, Afghanistan: The families who came back wait for reintegration aid.").dispatches
    assert dispatch.as_json() == {
        "identity": dispatch.identity,
        "title": "",
        "text": "The families who came back wait for reintegration aid.",
        "link": "",
        "places": [{"name": "Kabul", "country": "AF"}],
        "dateline_country": "AF",
        "countries": ["AF"],
        "topics": ["return-reintegration"],
        "language": "en",
        "published": None,
        "summary": "The families who came back wait for reintegration aid.",
        "regional": False,
        "event": None,
        "phones": False,
    }


def test_it_says_which_words_decided(reader: Reader) -> None:
    [dispatch] = reader.read(
        b"Kabul, Afghanistan: Paid for by Norway, the course helps people with reintegration."
    ).dispatches
    why = reader.why(dispatch).as_json()
    assert why["countries"] == [{"words": "Norway", "country": "NO", "role": "gives money"}]
    assert "reintegration" in str(why["topics"])


def test_a_dispatch_says_when_it_takes_place_and_whether_it_holds_a_telephone_number(reader: Reader) -> None:
    [dispatch] = reader.read(
        b"Kabul: On 10 - 14th January 2022 counsellors answered at +93 70 000 1122 in Kabul."
    ).dispatches
    assert dispatch.as_json()["event"] == {"from": "2022-01-10", "to": "2022-01-14"}
    assert dispatch.phones


def test_a_day_without_a_year_is_near_the_day_of_publication(reader: Reader) -> None:
    body = "<description>The fair opens on 3 January in Osh, with free advice for all.</description>"
    raw = feed(f"<item><title>Fair</title>{body}<pubDate>Tue, 28 Dec 2021 10:00:00 GMT</pubDate></item>")
    [dispatch] = reader.read(raw).dispatches
    assert dispatch.as_json()["event"] == {"from": "2022-01-03", "to": "2022-01-03"}


def test_what_concerns_no_country_is_regional(reader: Reader) -> None:
    [dispatch] = reader.read(
        b"Vienna, Austria: Experts across the Silk Routes region met to speak about money sent home."
    ).dispatches
    assert (dispatch.countries, dispatch.regional) == ((), True)


KINDS = [
    ("RSS", feed("<item><title>A</title></item>")),
    ("with spaces before it", b"\n\n  " + feed("<item><title>A</title></item>")),
    ("with a byte order mark", b"\xef\xbb\xbf" + feed("<item><title>A</title></item>")),
    (
        "UTF-16",
        feed("<item><title>A</title></item>").decode().replace("?>", ' encoding="utf-16"?>', 1).encode("utf-16"),
    ),
    ("without a declaration", b"<rss version='0.91'><channel><item><title>A</title></item></channel></rss>"),
    ("Atom", b'<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry><title>A</title></entry></feed>'),
    ("JSON Feed", b'{"version":"https://jsonfeed.org/version/1","items":[{"id":"1","title":"A"}]}'),
    ("broken XML", b"<rss version='2.0'><channel><item><title>A</title><description>B & C"),
]


@pytest.mark.parametrize("raw", [row[1] for row in KINDS], ids=[row[0] for row in KINDS])
def test_a_feed_is_known_by_its_bytes(reader: Reader, raw: bytes) -> None:
    assert [dispatch.title for dispatch in reader.read(raw).dispatches] == ["A"]


def test_a_text_file_that_nobody_has_written_to_yet_holds_no_news(reader: Reader) -> None:
    assert reader.read(b"\n", "dateline").dispatches == ()


UNREADABLE = [
    ("nothing", b"", None, "empty"),
    ("only spaces", b" \n\xc2\xa0", None, "empty"),
    ("a picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", None, "another kind"),
    ("a PDF", b"%PDF-1.7 " + b"x" * 100, None, "another kind"),
    ("too large", b"a" * (LARGEST + 1), None, "larger than 10 MB"),
    ("JSON of another kind", b'{"a": 1}', None, "not a JSON Feed"),
    ("a JSON list", b"[1, 2]", None, "not a JSON Feed"),
    ("a web page", b"<!DOCTYPE html><html><head></head><body>x</body></html>", None, "web page"),
    ("a page, by order", b"x", "page", "web page"),
    ("a picture for a page", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "page", "another kind"),
    ("ReliefWeb, by order", b"{}", "reliefweb", "ReliefWeb"),
    ("a refusal of ReliefWeb", b'{"status": 403, "error": {}, "href": "https://api.reliefweb.int/"}', None, "refused"),
    ("an unknown kind", b"x", "pdf", "no kind"),
    ("text for a feed", b"Just some words.", "feed", "not a feed"),
    ("XML that is no feed", b"<?xml version='1.0'?><note>x</note>", None, "not a feed"),
]


@pytest.mark.parametrize(("raw", "kind", "says"), [row[1:] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_what_cannot_be_read_says_why(reader: Reader, raw: bytes, kind: str | None, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        reader.read(raw, kind)
    assert str(caught.value).endswith(".")


def test_a_feed_without_items_is_read_as_empty(reader: Reader) -> None:
    assert reader.read(feed("")).dispatches == ()


def test_text_that_looks_like_a_path_opens_no_file(reader: Reader, tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_bytes(feed("<item><title>secret</title></item>"))
    with pytest.raises(Unreadable):
        reader.read(os.fsencode(secret), "feed")
    assert not reader.read(os.fsencode(secret)).dispatches or "secret</title>" not in str(
        reader.read(os.fsencode(secret))
    )


CHARSETS = [
    ("Arabic", "cp1256", "", "خبر جديد من العراق عن عودة المهاجرين"),
    ("Cyrillic", "cp1251", "", "Новости о миграции из Таджикистана"),
    ("Western", "cp1252", "", "Une loi à Genève a été très bien reçue"),
    ("by the header", "iso-8859-9", "text/plain; charset=iso-8859-9", "İşçiler için yeni bir yasa çıktı"),
]


@pytest.mark.parametrize(("charset", "header", "text"), [row[1:] for row in CHARSETS], ids=[row[0] for row in CHARSETS])
def test_old_charsets_are_read(reader: Reader, charset: str, header: str, text: str) -> None:
    assert decode(text.encode(charset), header) == text


PIECES = """
<rss version='2.0'><channel>|<item>|</item>|<title>|</title>|<![CDATA[|]]>|&lt;p&gt;|&amp;|<guid>1</guid>|<!--|<br|&#0;
<link>/a</link>|<pubDate>Mon, 31 Feb 2024 25:61:61</pubDate>|{|"items":[|}|]|Kabul, Afghanistan: |&#xD800;|<!DOCTYPE
<!ENTITY x 'y'>|<feed xmlns='http://www.w3.org/2005/Atom'>|funded by Denmark |کابل، |"id":1,|<?xml encoding='utf-16'?>
www.|http://[|.|: |… """
PIECE = st.sampled_from([*PIECES.replace("\n", "|").split("|"), "\n\n", "\0"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    raw=st.binary(max_size=300)
    | st.lists(PIECE.map(str.encode) | st.binary(max_size=8), max_size=40).map(b"".join)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
@pytest.mark.parametrize("kind", [None, "feed", "dateline", "page", "reliefweb"])
def test_any_bytes_are_read_or_unreadable(reader: Reader, raw: bytes, kind: str | None) -> None:
    try:
        reading = reader.read(raw, kind, url="https://x.example/")
    except Unreadable:
        return
    identities = [dispatch.identity for dispatch in reading.dispatches]
    assert len(set(identities)) == len(identities)
    for dispatch in reading.dispatches:
        assert dispatch.title or dispatch.text
        assert len(dispatch.summary) <= 300
        dispatch.as_json()


EXPECTED = ["PK", "IQ", "BD", "BD", "BD", "", "IQ", "IQ", "IQ", "IQ", "AF"]
TOPICS = {
    2: {"return-reintegration"},
    4: {"women-gender", "labour-migration"},
    7: {"border-management"},
    10: {"services-contacts", "safe-migration"},
}


def test_the_seeds_are_read_as_people_read_them(reader: Reader, shared: Path) -> None:
    reading = reader.read((shared / "seeds" / "dispatches.txt").read_bytes())
    assert reading.set_aside == ()
    assert [" ".join(dispatch.countries) for dispatch in reading.dispatches] == EXPECTED
    for index, slugs in TOPICS.items():
        assert slugs <= set(reading.dispatches[index].topics)
    for dispatch in reading.dispatches:
        assert dispatch.topics
        assert "asylum-refugees" not in dispatch.topics
        assert dispatch.language == "en"
        assert dispatch.places
        assert dispatch.dateline_country
        assert 50 < len(dispatch.summary) <= 300
        assert not dispatch.summary.endswith(":")


def test_the_feeds_that_no_one_here_wrote_are_read_without_a_crash(reader: Reader, shared: Path) -> None:
    read = 0
    with tarfile.open(shared / "feeds" / "feedparser-tests.tar.gz") as archive:
        files = [file.read() for member in archive if member.isfile() and (file := archive.extractfile(member))]
    for raw in files:
        for kind in (None, "feed"):
            try:
                read += len(reader.read(raw, kind).dispatches)
            except Unreadable:
                continue
    assert len(files) > 2000
    assert read > 900
