"""What the fetcher brings home from a source, and where it never goes."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import ssl
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bot.news.fetch import Busy, Failed, Fetched, Fetcher, Fresh, Request, Unchanged, reachable
from tests.providers.sources import (
    Sources,
    answer,
    bomb,
    cut,
    cut_chunks,
    endless,
    feed,
    head,
    raw,
    redirect,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PUBLIC = "93.184.216.34"
TLS = httpx.create_ssl_context(trust_env=False)  # 30 ms to make, so only once
NEWS = b"<rss><title>\xd8\xae\xd8\xa8\xd8\xb1\xd9\x87\xd8\xa7</title></rss>"


@dataclass
class Names:
    """A resolver with a book of its own; a list of lists answers differently each time. Unknown names are not found."""

    book: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host in self.book:
            answers = self.book[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        # Numbers in whatever spelling are read by the C library, as it would when it connects; no question leaves here.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(sockaddr[0]) for *_, sockaddr in found]


class Internet(httpcore.AsyncNetworkBackend):
    """The internet on loopback: whatever is dialled, a server of ours answers. The guard is on in full before it."""

    def __init__(self, servers: dict[tuple[str, int], int]) -> None:
        self.servers = servers
        self.dialled: list[tuple[str, int]] = []
        self._wire = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        if (host, port) not in self.servers:
            raise httpcore.ConnectError("no route")
        return await self._wire.connect_tcp("127.0.0.1", self.servers[host, port], *rest, **named)


CONNECTS: list[object] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and CONNECTS is not None:
        CONNECTS.append(arguments[1])


sys.addaudithook(_listen)


@pytest.fixture
def connects() -> Iterator[list[object]]:
    """Each connection that the interpreter opens, told by the interpreter itself."""
    global CONNECTS
    CONNECTS = []
    yield CONNECTS
    CONNECTS = None


@pytest.fixture
async def web() -> AsyncIterator[Sources]:
    async with Sources() as server:
        yield server


def fetcher(**settings: Any) -> Fetcher:
    return Fetcher(**{"clock": lambda: NOW, "resolve": Names(), "tls": TLS, **settings})


async def own(web: Sources, path: str = "/feed", *, fetching: Fetcher | None = None, **conditions: Any) -> Fetched:
    """Fetch from a server of ours, where private addresses are allowed."""
    return await (fetching or fetcher()).fetch(web.url(path), allow_private=True, **conditions)


# ── Where it never goes ──────────────────────────────────────────────────────────────────────────────────────────────


def _words(table: str) -> list[str]:
    return table.split()


IPV4 = _words("""
    0.0.0.0 0.0.0.1 0.1.2.3 0.255.255.255 10.0.0.0 10.0.0.1 10.1.2.3 10.255.255.255
    100.64.0.0 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.0 127.0.0.1 127.0.1.1 127.1.1.1 127.255.255.255
    168.63.129.16 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 172.16.0.0 172.16.0.1 172.17.0.1
    172.31.255.255 192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.192 192.0.2.0 192.0.2.1 192.0.2.255 192.31.196.1 192.52.193.1
    192.88.99.0 192.88.99.1 192.168.0.0 192.168.0.1 192.168.1.1 192.168.255.255 192.175.48.1
    198.18.0.0 198.18.0.1 198.19.255.255 198.51.100.0 198.51.100.7 203.0.113.0 203.0.113.9
    224.0.0.1 224.0.0.251 232.1.1.1 239.255.255.250 240.0.0.1 250.1.2.3 255.255.255.254 255.255.255.255
""")
OTHER_SPELLINGS = _words("""
    2130706433 017700000001 0x7f000001 0x7F000001 0x7f.0.0.1 0x7f.1 0x7f.0x0.0x0.0x1 0177.0.0.1 0177.1 00177.0.0.01
    0177.0.0.0x1 127.1 127.0.1 127.0x1 127.0.0.01 127.0.0.0x1 127.65535 127.16777215 0x7f.16777215 0 0x0 00 0.0 0.0.0
    0300.0250.0.1 0xc0a80001 3232235521 192.168.1 192.11010305 0xa9fea9fe 0xa9.0xfe.0xa9.0xfe 2852039166
    0251.0376.0251.0376
    0251.254.169.254 169.254.43518 169.16689662 167772161 012.0.0.1 10.1 0xa.1 0x0a000001 2886729729 0xac.16.0.1
    172.1048577
    4294967295 0xffffffff 3758096385 1681915904 0x64400001
""")
IPV6 = _words("""
    :: ::1 0:0:0:0:0:0:0:1 0000:0000:0000:0000:0000:0000:0000:0001 ::0001 ::127.0.0.1 ::7f00:1 ::10.0.0.1 ::c0a8:1
    ::169.254.169.254 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:7f00:1 ::FFFF:7F00:1 0:0:0:0:0:ffff:127.0.0.1 ::ffff:0.0.0.0
    ::ffff:10.0.0.1 ::ffff:192.168.0.1 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::ffff:100.64.0.1 ::ffff:8.8.8.8
    ::ffff:0:127.0.0.1 ::ffff:0:7f00:1 64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe
    64:ff9b::192.168.1.1 64:ff9b::8.8.8.8 64:ff9b:1::127.0.0.1 64:ff9b:1::7f00:1 64:ff9b:1:ffff::10.0.0.1
    2002:7f00:1:: 2002:7f00:0001::1 2002:0a00:0001:: 2002:c0a8:0001:: 2002:a9fe:a9fe:: 2002:0808:0808::
    2001:: 2001::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:0:7f00:1:0:0:80ff:fffe 2001:0:a9fe:a9fe:: 2001:1::1
    2001:2:: 2001:2::1 2001:10::1 2001:20::1 2001:db8:: 2001:db8::1 2001:db8:ffff::1 3fff::1 3ffe::1 100::1 100::7f00:1
    100:0:0:1::1
    5f00::1 4000::1 8000::1 fc00::1 fd00::1 fd00:ec2::254 fd12:3456:789a::1 fd20:ce::254 fdff:ffff::1 fe80::1
    fe80::a9fe:a9fe fe90::1 febf::1 fec0::1 feff::1 ff00::1 ff01::1 ff02::1 ff02::fb ff05::2 ff0e::1 ffff::1
    2a00:1450::5efe:7f00:1 2a00:1450::200:5efe:10.0.0.1
""")
SPELLED = [*IPV4, *OTHER_SPELLINGS, *(f"[{host}]" for host in IPV6)]


def test_the_table_of_forbidden_hosts_is_as_long_as_promised() -> None:
    assert len(set(SPELLED)) >= 150


@pytest.mark.parametrize("host", SPELLED)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_private_or_reserved_host_is_not_dialled_however_it_is_spelled(
    scheme: str, host: str, connects: list[object]
) -> None:
    fetched = await fetcher().fetch(f"{scheme}://{host}/feed")

    assert isinstance(fetched, Failed)
    leading_zeros = re.fullmatch(r"(\d+\.){3}\d+", host) and re.search(r"\b0\d", host)
    assert ("not a web address" if leading_zeros else "private or reserved network") in fetched.why
    assert connects == []


@pytest.mark.parametrize("address", [*IPV4, *IPV6])
async def test_a_name_that_leads_to_such_an_address_is_not_dialled(address: str, connects: list[object]) -> None:
    names = Names({"news.example": [[address]]})

    fetched = await fetcher(resolve=names).fetch("http://news.example/feed")

    assert isinstance(fetched, Failed)
    assert "news.example is in a private or reserved network" in fetched.why
    assert connects == []


@pytest.mark.parametrize("address", [*IPV4, *IPV6])
async def test_a_redirect_to_such_an_address_is_not_dialled(address: str) -> None:
    async with Sources() as web:
        host = f"[{address}]" if ":" in address else address
        web.pages["/feed"] = redirect(f"http://{host}/secret")
        internet = Internet({(PUBLIC, 80): web.port})

        fetched = await fetcher(network=internet).fetch(f"http://{PUBLIC}/feed")

    assert isinstance(fetched, Failed)
    assert "private or reserved network" in fetched.why
    assert internet.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    ("label", "url", "why"),
    [
        ("another port", f"http://{PUBLIC}:8080/", "port 8080"),
        ("the port of a database", f"http://{PUBLIC}:5432/", "port 5432"),
        ("port nought", f"http://{PUBLIC}:0/", "port 0"),
        ("a port that wraps round to 80", f"http://{PUBLIC}:65616/", "not a web address"),
        ("ftp", f"ftp://{PUBLIC}/feed", "Only http and https"),
        ("gopher", f"gopher://{PUBLIC}:80/_GET", "Only http and https"),
        ("javascript", "javascript:alert(1)", "Only http and https"),
        ("data", "data:text/plain,hello", "Only http and https"),
        ("a unix socket", "unix:/var/run/docker.sock", "Only http and https"),
        ("a user name", f"http://me@{PUBLIC}/", "user name or a password"),
        ("a password", f"http://me:word@{PUBLIC}/", "user name or a password"),
        ("a host that hides behind a user name", f"http://news.example@{PUBLIC}/", "user name or a password"),
        ("a backslash before the true host", f"http://news.example\\@{PUBLIC}/", "user name or a password"),
        ("no host", "http:///feed", "not a web address"),
        ("no host but a port", "http://:80/feed", "not a web address"),
        ("an open bracket", "http://[::1/feed", "not a web address"),
        ("a line break", "http://news.example/\r\nX: y", "not a web address"),
        ("a zero byte", "http://news.example\x00/", "not a web address"),
        ("digits in circles", "http://①②⑦.⓪.⓪.①/", "not a web address"),
        ("an escaped dot", "http://127%2e0.0.1/", "was not found"),
        ("an unknown name", "http://nowhere.example/", "nowhere.example was not found"),
        ("a label longer than names allow", f"http://{'a' * 70}.example/", "was not found"),
        ("a path", "/etc/passwd", "only when the settings file names it"),
        ("a path upwards", "../keys/person.key", "only when the settings file names it"),
        ("a file address", "file:///etc/passwd", "only when the settings file names it"),
        ("a file address in capitals", "FILE:///etc/passwd", "only when the settings file names it"),
        ("nothing", "", "only when the settings file names it"),
    ],
)
async def test_an_address_of_another_kind_is_refused_before_anything_is_dialled(
    label: str, url: str, why: str, connects: list[object]
) -> None:
    fetched = await fetcher().fetch(url)

    assert isinstance(fetched, Failed)
    assert why in fetched.why
    assert connects == []


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2a00::1"]
)
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert reachable(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "::1", "fd12::1"]
)
def test_a_private_address_may_be_dialled_only_where_the_settings_say_so(address: str) -> None:
    assert reachable(address, allow_private=True)
    assert not reachable(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "fe80::1",
        "224.0.0.1",
        "::",
        "::ffff:127.0.0.1",
    ],
)
def test_the_machinery_of_a_cloud_is_not_dialled_even_then(address: str) -> None:
    assert not reachable(address, allow_private=True)


@given(st.ip_addresses())
def test_what_is_dialled_is_never_less_public_than_the_standard_library_thinks(address: Any) -> None:
    if reachable(str(address)):
        assert ip_address(address).is_global


async def test_only_the_good_ones_among_many_addresses_are_dialled() -> None:
    async with Sources() as web:
        web.pages["/feed"] = feed(NEWS)
        internet = Internet({(PUBLIC, 80): web.port})
        names = Names({"news.example": [["127.0.0.1", "64:ff9b::5db8:d822", "192.168.0.7", PUBLIC]]})

        fetched = await fetcher(network=internet, resolve=names).fetch("http://news.example/feed")

    assert isinstance(fetched, Fresh)
    assert internet.dialled == [(PUBLIC, 80)]


async def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    async with Sources() as web:
        web.pages["/feed"] = feed(NEWS)
        internet = Internet({(PUBLIC, 80): web.port})
        names = Names({"news.example": [["2606:4700::1", PUBLIC]]})

        fetched = await fetcher(network=internet, resolve=names).fetch("http://news.example/feed")

    assert isinstance(fetched, Fresh)
    assert internet.dialled == [("2606:4700::1", 80), (PUBLIC, 80)]


async def test_a_name_that_changes_its_mind_after_the_check_gains_nothing() -> None:
    async with Sources() as web:
        web.pages["/feed"] = feed(NEWS)
        internet = Internet({(PUBLIC, 80): web.port})
        names = Names({"news.example": [[PUBLIC], ["127.0.0.1"]]})

        fetched = await fetcher(network=internet, resolve=names).fetch("http://news.example/feed")

    assert isinstance(fetched, Fresh)
    assert internet.dialled == [(PUBLIC, 80)]
    assert names.asked == ["news.example"]
    assert web.asked[0].headers["host"] == "news.example"


async def test_a_name_that_changes_its_mind_before_a_redirect_is_checked_again() -> None:
    async with Sources() as web:
        web.pages["/feed"] = redirect("/secret")
        internet = Internet({(PUBLIC, 80): web.port})
        names = Names({"news.example": [[PUBLIC], ["127.0.0.1"]]})

        fetched = await fetcher(network=internet, resolve=names).fetch("http://news.example/feed")

    assert isinstance(fetched, Failed)
    assert "private or reserved" in fetched.why
    assert internet.dialled == [(PUBLIC, 80)]


async def test_the_wire_itself_goes_to_the_checked_address(connects: list[object]) -> None:
    async with Sources(host="0.0.0.0") as web:  # noqa: S104 (so that each address of loopback is served)
        web.pages["/feed"] = feed(NEWS)
        names = Names({"hub.example": [["127.0.0.7"], ["127.0.0.8"]]})

        fetched = await fetcher(resolve=names).fetch(web.url("/feed", "hub.example"), allow_private=True)

        assert isinstance(fetched, Fresh)
        assert [asked.at for asked in web.asked] == ["127.0.0.7"]
        assert connects == [("127.0.0.7", web.port)]


async def test_a_private_source_that_points_to_another_private_host_is_not_followed() -> None:
    async with Sources(host="0.0.0.0") as web:  # noqa: S104
        web.pages["/feed"] = redirect(web.url("/secret", "127.0.0.9"))

        fetched = await fetcher().fetch(web.url("/feed", "127.0.0.7"), allow_private=True)

        assert isinstance(fetched, Failed)
        assert "allow_private" in fetched.why
        assert [asked.at for asked in web.asked] == ["127.0.0.7"]


async def test_a_private_source_may_point_to_another_page_and_port_of_its_own(web: Sources) -> None:
    async with Sources() as other:
        other.pages["/news"] = feed(NEWS)
        web.pages["/feed"] = redirect(other.url("/news"))

        fetched = await own(web)

        assert isinstance(fetched, Fresh)
        assert fetched.url == other.url("/news")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
async def test_the_environments_proxy_is_ignored(web: Sources, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sources() as proxy:
        monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.delenv("NO_PROXY", raising=False)
        web.pages["/feed"] = feed(NEWS)

        assert isinstance(await own(web), Fresh)
        assert proxy.asked == []


async def test_cookies_are_not_kept(web: Sources) -> None:
    fetching = fetcher()
    web.pages["/feed"] = answer(302, location="/next", set_cookie="visitor=7; Path=/")
    web.pages["/next"] = answer(body=NEWS, set_cookie="visitor=8")

    for _ in range(2):
        assert isinstance(await own(web, fetching=fetching), Fresh)
    assert all("cookie" not in asked.headers for asked in web.asked)


# ── Over TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's side of a certificate that names ``name``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(made - timedelta(days=1))
        .not_valid_after(made + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_the_name_stays_in_the_handshake_while_the_address_is_pinned(tmp_path: Path) -> None:
    server, client = _certificate(tmp_path, "news.example")
    async with Sources(tls=server) as web:
        web.pages["/feed"] = feed(NEWS)
        internet = Internet({(PUBLIC, 443): web.port})
        names = Names({"news.example": [[PUBLIC]]})

        fetched = await fetcher(network=internet, resolve=names, tls=client).fetch("https://news.example/feed")

    assert isinstance(fetched, Fresh)
    assert web.asked[0].sni == "news.example"
    assert web.asked[0].headers["host"] == "news.example"
    assert internet.dialled == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    ("label", "ours"), [("a certificate for another name", True), ("a certificate that nobody we trust signed", False)]
)
async def test_a_certificate_must_be_valid(label: str, ours: bool, tmp_path: Path) -> None:
    server, client = _certificate(tmp_path, "other.example" if ours else "news.example")
    async with Sources(tls=server) as web:
        internet = Internet({(PUBLIC, 443): web.port})
        names = Names({"news.example": [[PUBLIC]]})
        trusting = {"tls": client if ours else None}

        fetched = await fetcher(network=internet, resolve=names, **trusting).fetch("https://news.example/feed")

    assert fetched == Failed("The certificate of news.example is not valid, so it was not read. Tell the publisher.")
    assert web.asked == []


async def test_a_redirect_from_https_to_http_is_not_followed(tmp_path: Path) -> None:
    server, client = _certificate(tmp_path, "news.example")
    async with Sources(tls=server) as web:
        web.pages["/feed"] = redirect("http://news.example/feed")
        internet = Internet({(PUBLIC, 443): web.port, (PUBLIC, 80): web.port})
        names = Names({"news.example": [[PUBLIC]]})

        fetched = await fetcher(network=internet, resolve=names, tls=client).fetch("https://news.example/feed")

    assert isinstance(fetched, Failed)
    assert "from https to http" in fetched.why
    assert internet.dialled == [(PUBLIC, 443)]


# ── What it brings home ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_feed_comes_home_unpacked_and_is_not_read_again_until_it_changes(web: Sources) -> None:
    web.pages["/feed"] = feed(NEWS, "application/rss+xml; charset=windows-1256")

    first = await own(web)
    assert isinstance(first, Fresh)
    assert first.body == NEWS
    assert first.content_type == "application/rss+xml; charset=windows-1256", (
        "right or wrong, it is the reader's to judge"
    )
    assert first.url == web.url("/feed")

    assert await own(web, etag=first.etag, last_modified=first.last_modified) == Unchanged()

    web.pages["/feed"] = feed(NEWS + b"<!-- more -->")
    assert isinstance(await own(web, etag=first.etag), Fresh)


async def test_both_validators_are_sent_as_they_came(web: Sources) -> None:
    web.pages["/feed"] = answer(body=NEWS, etag='W/"caf\xe9"', last_modified="Mon, 23 Nov 2026 10:00:00 GMT")
    first = await own(web)
    assert isinstance(first, Fresh)

    await own(web, etag=first.etag, last_modified=first.last_modified)

    assert web.asked[1].headers["if-none-match"] == 'W/"caf\xe9"'
    assert web.asked[1].headers["if-modified-since"] == "Mon, 23 Nov 2026 10:00:00 GMT"
    assert "if-none-match" not in web.asked[0].headers


async def test_the_hub_says_who_it_is(web: Sources) -> None:
    await own(web, fetching=fetcher(user_agent="Serai/1 (+https://hub.example)"))

    assert web.asked[0].headers["user-agent"] == "Serai/1 (+https://hub.example)"


GONE = "There is nothing at this address any more (HTTP {}). Look for the new one on the publisher's site."
BUSY = "It is busy (HTTP {}) and asks us to wait."
BROKE = Failed("The connection broke off, or the answer made no sense. We will try again.")
TOO_LARGE = Failed("It is larger than 1,000 bytes, so it was not read. Ask the publisher for a shorter feed.")
PACKED = Failed("It came packed in a way that we did not ask for. Ask the publisher to send it plain.")
CLOSES = head(200, {"Content-Type": "text/plain"})

ANSWERS = [
    ("no longer there", answer(404), Failed(GONE.format(404), gone=True)),
    ("gone for good", answer(410), Failed(GONE.format(410), gone=True)),
    ("not for us", answer(403), Failed("It does not let us in (HTTP 403). Ask the publisher whether we may read it.")),
    ("a fault of theirs", answer(500), Failed("It has trouble of its own (HTTP 500). We will try again.")),
    ("a bad gateway", answer(502), Failed("It has trouble of its own (HTTP 502). We will try again.")),
    (
        "nothing to read",
        answer(204),
        Failed("It gave an answer that we cannot use (HTTP 204). Check the address in a browser."),
    ),
    (
        "unchanged, although nobody asked",
        raw(head(304, {})),
        Failed("It gave an answer that we cannot use (HTTP 304). Check the address in a browser."),
    ),
    (
        "a redirect to nowhere",
        answer(302),
        Failed("It gave an answer that we cannot use (HTTP 302). Check the address in a browser."),
    ),
    ("busy, in seconds", answer(429, retry_after="120"), Busy(120.0, BUSY.format(429))),
    ("busy, until a date", answer(503, retry_after="Tue, 24 Nov 2026 09:10:00 GMT"), Busy(600.0, BUSY.format(503))),
    (
        "busy, until a date long past",
        answer(503, retry_after="Sun, 06 Nov 1994 08:49:37 GMT"),
        Busy(0, BUSY.format(503)),
    ),
    ("busy for a month", answer(429, retry_after="2592000"), Busy(86_400.0, BUSY.format(429))),
    (
        "busy until next year",
        answer(503, retry_after="Fri, 01 Jan 2027 00:00:00 GMT"),
        Busy(86_400.0, BUSY.format(503)),
    ),
    ("busy, without a time", answer(429), Busy(900.0, BUSY.format(429))),
    ("busy, with a word for a time", answer(503, retry_after="soon"), Busy(900.0, BUSY.format(503))),
    ("busy, with a minus", answer(429, retry_after="-5"), Busy(900.0, BUSY.format(429))),
    ("too large, and says so", answer(body=b"x" * 1_001), TOO_LARGE),
    (
        "too large, and says so before it sends a byte",
        endless(b"", start=head(200, {"Content-Length": "1001"}), seconds=60),
        TOO_LARGE,
    ),
    ("too large, and does not say so", raw(CLOSES, b"x" * 1_001), TOO_LARGE),
    ("too large without an end", endless(b"x" * 500), TOO_LARGE),
    ("a bomb of a thousand times its size", bomb(50), TOO_LARGE),
    ("a bomb in a bomb", answer(body=b"x", content_encoding="gzip, gzip"), PACKED),
    ("packed by brotli", answer(body=b"x", content_encoding="br"), PACKED),
    ("gzip that is none", answer(body=b"not packed", content_encoding="gzip"), BROKE),
    (
        "gzip that breaks off",
        answer(body=bytes.fromhex("1f8b0800000000000003"), content_encoding="gzip"),
        Failed("The answer broke off before its end. We will try again."),
    ),
    ("hangs up in the middle", cut(NEWS), BROKE),
    ("hangs up between two chunks", cut_chunks(NEWS), BROKE),
    ("hangs up without a word", raw(), BROKE),
    ("no HTTP at all", raw(b"220 mail.example ESMTP\r\n"), BROKE),
    ("headers without an end", endless(b"X: y\r\n", start=b"HTTP/1.1 200 OK\r\n"), BROKE),
    ("two lengths", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), BROKE),
    ("a length of many digits", raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n"), BROKE),
]


@pytest.mark.parametrize(("label", "page", "expected"), ANSWERS, ids=[row[0] for row in ANSWERS])
async def test_an_answer_that_brings_no_news_is_named(label: str, page: Any, expected: Fetched, web: Sources) -> None:
    web.pages["/feed"] = page

    assert await own(web, fetching=fetcher(max_bytes=1_000)) == expected


async def test_a_body_of_just_the_allowed_size_is_read(web: Sources) -> None:
    web.pages["/plain"] = answer(body=b"x" * 1_000)
    web.pages["/packed"] = feed(b"x" * 1_000)

    for path in ("/plain", "/packed"):
        fetched = await own(web, path, fetching=fetcher(max_bytes=1_000))
        assert isinstance(fetched, Fresh)
        assert fetched.body == b"x" * 1_000


async def test_a_bomb_is_not_unpacked_in_memory(web: Sources) -> None:
    web.pages["/feed"] = bomb(50)
    fetching = fetcher(max_bytes=1_000_000)
    tracemalloc.start()
    try:
        fetched = await own(web, fetching=fetching)
        assert isinstance(fetched, Failed)
        assert "larger than 1,000,000 bytes" in fetched.why
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


async def test_a_source_without_a_length_or_a_type_is_read(web: Sources) -> None:
    web.pages["/feed"] = raw(b"HTTP/1.0 200 OK\r\n\r\n", NEWS)

    assert await own(web) == Fresh(body=NEWS, url=web.url("/feed"))


async def test_a_resolver_that_hangs_is_cut_off() -> None:
    async def hang(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    fetched = await fetcher(resolve=hang, total_seconds=0.1).fetch("http://news.example/")

    assert isinstance(fetched, Failed)
    assert "took longer" in fetched.why


async def test_a_server_that_is_not_there_is_named() -> None:
    async with Sources() as web:
        url = web.url("/feed")

    fetched = await fetcher().fetch(url, allow_private=True)

    assert fetched == Failed("127.0.0.1 cannot be reached. We will try again; check the address if this goes on.")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_to_where_the_news_is(status: int, web: Sources) -> None:
    web.pages["/feed"] = redirect("next/?page=1#top", status)
    web.pages["/next/"] = feed(NEWS)

    fetched = await own(web)

    assert isinstance(fetched, Fresh)
    assert fetched.url == web.url("/next/?page=1")


async def test_a_path_of_redirects_without_an_end_ends_after_five(web: Sources) -> None:
    web.pages |= {f"/{n}": redirect(f"/{n + 1}") for n in range(20)}

    fetched = await own(web, "/0")

    assert isinstance(fetched, Failed)
    assert fetched.why.startswith("It sends us on more than 5 times.")
    assert len(web.asked) == 6


@pytest.mark.parametrize(
    ("label", "to", "why"),
    [
        ("a file", "file:///etc/passwd", "Only http and https"),
        ("another protocol", "gopher://127.0.0.1/", "Only http and https"),
        ("a user name", "http://me@127.0.0.1/", "user name or a password"),
        ("a broken address", "http://[::1", "not a web address"),
    ],
)
async def test_a_redirect_to_what_is_no_source_is_refused(label: str, to: str, why: str, web: Sources) -> None:
    web.pages["/feed"] = redirect(to)

    fetched = await own(web)

    assert isinstance(fetched, Failed)
    assert why in fetched.why


@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 429 No\r\nRetry-After: "]))
def test_no_answer_makes_it_raise(noise: bytes, start: bytes) -> None:
    async def story() -> Fetched:
        async with Sources() as web:
            web.pages["/feed"] = raw(start + noise)
            return await own(web, fetching=FETCHER)

    assert isinstance(asyncio.run(story()), Fresh | Unchanged | Busy | Failed)


FETCHER = fetcher(total_seconds=5)


@given(st.text(max_size=60))
def test_no_address_makes_it_raise(url: str) -> None:
    assert isinstance(asyncio.run(FETCHER.fetch("http://" + url)), Failed)


async def test_neither_the_log_nor_a_repr_nor_a_reason_holds_a_key_or_a_word(
    web: Sources, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fetching = fetcher()
    web.pages |= {"/good": answer(body=b"a word of news"), "/bad": cut(b"a word of news"), "/gone": answer(404)}

    fetched = [await own(web, f"{path}?key=s3cret", fetching=fetching) for path in ("/good", "/bad", "/gone")]
    fetched.append(await fetching.fetch("http://me:s3cret@news.example/?key=s3cret"))

    told = caplog.text + repr(fetched)
    assert "s3cret" not in told
    assert "a word of news" not in told


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    file = tmp_path / "news of today.txt"
    file.write_bytes(NEWS)
    fetching = fetcher()

    first = await fetching.fetch(str(file), local_files=True)
    assert isinstance(first, Fresh)
    assert first.body == NEWS
    assert first.etag == f"{file.stat().st_mtime_ns}-{len(NEWS)}"
    assert await fetching.fetch(str(file), etag=first.etag, local_files=True) == Unchanged()
    assert await fetching.fetch(file.as_uri(), etag=first.etag, local_files=True) == Unchanged()

    with file.open("ab") as more:
        more.write(b"\n")
    assert isinstance(await fetching.fetch(str(file), etag=first.etag, local_files=True), Fresh)


async def test_a_path_may_be_relative_to_where_the_hub_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.txt").write_bytes(NEWS)

    assert isinstance(await fetcher().fetch("news.txt", local_files=True), Fresh)


@pytest.mark.parametrize(
    ("label", "name", "why"),
    [
        ("too large", "large.txt", "is larger than 1,000 bytes"),
        ("a folder", "", "cannot be read: Is a directory"),
        ("a pipe that nobody writes to", "pipe", "is not an ordinary file"),
        ("not there", "missing.txt", "There is no file"),
        ("a name with a zero byte", "a\0b", "its name is not valid"),
    ],
)
async def test_what_is_no_file_of_news_is_named(label: str, name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"x" * 1_001)
    os.mkfifo(tmp_path / "pipe")

    fetched = await fetcher(max_bytes=1_000).fetch(f"{tmp_path}/{name}", local_files=True)

    assert isinstance(fetched, Failed)
    assert why in fetched.why


async def test_a_file_on_another_machine_is_refused() -> None:
    fetched = await fetcher().fetch("file://fileserver/news.txt", local_files=True)

    assert fetched == Failed("A file address must name a file on this machine: file:///path/to/file.")


# ── A question in place of an address ────────────────────────────────────────────────────────────────────────────────

QUESTION = b'{"limit": 50}'


async def test_a_question_is_posted_without_conditions(web: Sources) -> None:
    web.pages["/api"] = answer(body=NEWS, etag='"e"')
    request = Request(web.url("/api?appname=x"), body=QUESTION)
    found = await fetcher().fetch(request, allow_private=True, etag='"e"', last_modified="x")
    assert isinstance(found, Fresh)
    (asked,) = web.asked
    assert (asked.method, asked.body, asked.target) == ("POST", QUESTION, "/api?appname=x")
    assert asked.headers["content-type"] == "application/json"
    assert {"if-none-match", "if-modified-since"} & asked.headers.keys() == set()
    assert "appname" not in repr(request) + repr(found)


async def test_a_question_goes_nowhere_that_an_address_may_not_go(web: Sources, connects: list[object]) -> None:
    for url in (web.url("/api"), "http://169.254.169.254/", "ftp://example.org/", "file:///etc/passwd"):
        assert isinstance(await fetcher().fetch(Request(url, body=QUESTION)), Failed)
    assert connects == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_question_is_not_sent_on(web: Sources, status: int) -> None:
    web.pages["/api"] = redirect(web.url("/elsewhere"), status)
    found = await fetcher().fetch(Request(web.url("/api"), body=QUESTION), allow_private=True)
    assert isinstance(found, Failed)
    assert "another address" in found.why
    assert [asked.path for asked in web.asked] == ["/api"]


async def test_a_refusal_is_read_by_who_understands_it(web: Sources) -> None:
    def refusal(status: int, body: bytes) -> Failed | None:
        return Failed(f"{status} {body.decode()}", hopeless=True) if status == 403 else None

    request = Request(web.url("/api"), body=QUESTION, refusal=refusal)
    web.pages["/api"] = answer(403, b"not you")
    assert await fetcher().fetch(request, allow_private=True) == Failed("403 not you", hopeless=True)
    web.pages["/api"] = answer(429, b"x", retry_after="7")
    assert await fetcher().fetch(request, allow_private=True) == Busy(7, "It is busy (HTTP 429) and asks us to wait.")
    web.pages["/api"] = answer(403, b"x" * 100_000)  # more than anybody needs to say no
    assert await fetcher().fetch(request, allow_private=True) == Failed("403 ", hopeless=True)


async def test_what_cannot_be_asked_is_not(web: Sources) -> None:
    hindrance = Failed("It lacks a name.", hopeless=True)
    assert await fetcher().fetch(Request(web.url("/api"), hindrance=hindrance), allow_private=True) == hindrance
    assert web.asked == []
