"""The one way to a source: reads a web address, or a file that the settings name, but nothing inside our own network.

The guard decides on the address that is dialled, not on how the host is written: a name is resolved once, each answer
is checked, and the connection goes to a checked address and nowhere else. Each redirect is checked in the same way.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import stat
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import SOCK_STREAM
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

# ── What became of it ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fresh:
    """Something to read. ``etag`` and ``last_modified`` are for the next fetch; ``url`` is where it was found."""

    body: bytes = field(repr=False)
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    url: str = field(default="", repr=False)  # a feed's address may hold a key


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The same as last time."""


@dataclass(frozen=True, slots=True)
class Busy:
    """It asks us to come back in ``after`` seconds; a day at the most."""

    after: float
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """``why`` tells the staff what happened and what to do. ``gone``: there is nothing at this address any more.
    ``hopeless``: asking again is of no use before somebody changed something."""

    why: str
    gone: bool = False
    hopeless: bool = False


Fetched: TypeAlias = Fresh | Unchanged | Busy | Failed


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a source, where its address alone does not say it. With a ``body`` it is a POST.

    ``refusal`` reads what an answer of 400 and more says of why; None leaves the judgement to us. ``hindrance`` is why
    it cannot be asked at all as it is set up.
    """

    url: str = field(repr=False)  # may hold a key
    body: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    refusal: Callable[[int, bytes], Failed | None] | None = None
    hindrance: Failed | None = None


# ── Which addresses are ours to dial ─────────────────────────────────────────────────────────────────────────────────

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def _networks(*names: str) -> tuple[Network, ...]:
    return tuple(ip_network(name) for name in names)


PRIVATE = _networks("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7")

# W5: is_global holds loopback in 6to4 and NAT64 for public. So IPv6 is an allow-list, and of it the embedded forms go.
GLOBAL_IPV6 = ip_network("2000::/3")
RESERVED = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",  # link-local, and where most clouds keep their credentials
    "192.0.0.0/24",
    "192.0.2.0/24",  # documentation, with 198.51.100 and 203.0.113
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",  # 6to4 relays
    "192.175.48.0/24",
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "2001::/23",  # Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "3ffe::/16",
    "3fff::/20",  # documentation
)
# The doors of a cloud's own machinery, in private and public ranges: closed even where private addresses are not.
CLOUD = _networks("168.63.129.16", "100.100.100.200", "fd00:ec2::/32", "fd20:ce::254")


def reachable(address: str, *, allow_private: bool = False) -> bool:
    """May a source live at this address? ``allow_private`` adds private networks and loopback, nothing else."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if _within(ip, CLOUD):
        return False
    if _within(ip, PRIVATE):
        return allow_private
    if isinstance(ip, IPv6Address):
        # ISATAP hides an IPv4 address in the lower half.
        isatap = (int(ip) >> 32) & 0xFDFFFFFF == 0x00005EFE
        return ip in GLOBAL_IPV6 and not isatap and not _within(ip, RESERVED)
    return not _within(ip, RESERVED)


def _within(ip: Address, networks: tuple[Network, ...]) -> bool:
    return any(ip in network for network in networks)


# ── Fetching ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

WEB_PORTS = frozenset({80, 443})
ADDRESSES_TRIED = 4
DAY = 86_400.0
A_WHILE = 900.0  # when a busy source names no time
LONGEST_VALIDATOR = 1_000
LONGEST_REFUSAL = 64 * 1024  # bytes of an answer that says no


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, in the order in which the system would try them."""
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))


class Fetcher:
    """One per hub. Keeps nothing between two fetches: no cookies, no connection, no word of the environment's proxies.

    ``resolve`` and ``network`` (what opens a connection to a checked address) are there for tests, ``tls`` for a
    certificate authority of one's own.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        resolve: Resolve = system_resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
        max_bytes: int = 10_000_000,
        total_seconds: float = 30,
        connect_seconds: float = 10,
        redirects: int = 5,
        user_agent: str = "Serai",
    ) -> None:
        self._clock = clock
        self._resolve = resolve
        self._network = network or httpcore.AnyIOBackend()
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._max_bytes = max_bytes
        self._total_seconds = total_seconds
        self._connect_seconds = connect_seconds
        self._redirects = redirects
        self._user_agent = user_agent

    async def fetch(
        self,
        request: str | Request,
        *,
        etag: str = "",
        last_modified: str = "",
        allow_private: bool = False,
        local_files: bool = False,
    ) -> Fetched:
        """Read what is at an address, or what answers a request, unless it is as it was at ``etag`` and
        ``last_modified``.

        ``allow_private`` lets the host that is named (and no host that it redirects to) be in a private network and on
        any port. ``local_files`` lets the address be a path. Never raises for what a source can do.
        """
        request = Request(request) if isinstance(request, str) else request
        if request.hindrance:
            return request.hindrance
        url = request.url.strip()
        try:
            async with asyncio.timeout(self._total_seconds):
                if _is_file(url):
                    if not local_files:
                        return Failed("A file can be a source only when the settings file names it.")
                    return await asyncio.to_thread(_read_file, url, etag, self._max_bytes)
                validators = _validators(etag, last_modified) if request.body is None else {}
                return await self._follow(url, request, validators, allow_private)
        except TimeoutError:
            return Failed(
                f"It took longer than {self._total_seconds:g} seconds, so we gave up. "
                "We will try again; if this goes on, ask the publisher."
            )

    async def close(self) -> None:
        """Nothing is left open after a fetch; this is here so that the hub can stop all its parts alike."""

    async def _follow(
        self, start: str, request: Request, validators: Mapping[str, str], allow_private: bool
    ) -> Fetched:
        url = _parsed(httpx.URL, start)
        if url is None:
            return NOT_AN_ADDRESS
        own_host = url.host if allow_private else None
        seen: set[str] = set()
        while len(seen) <= self._redirects:
            seen.add(str(url))
            answer = await self._request(url, request, validators, allow_private=url.host == own_host)
            if not isinstance(answer, _Elsewhere):
                return answer
            if request.body is not None:
                return Failed(
                    "It sends our question on to another address. Ask the publisher for that one, and enter it."
                )
            target = _parsed(url.join, answer.location)
            if target is None:
                return Failed("It sends us to what is not a web address. Ask the publisher for the new address.")
            if (url.scheme, target.scheme) == ("https", "http"):
                return Failed(
                    "It sends us from https to http, where anyone on the way could change the news. "
                    "Ask the publisher for an https address."
                )
            if str(target) in seen:
                return Failed("It sends us round in a circle. Ask the publisher for the right address.")
            url = target
        return Failed(
            f"It sends us on more than {self._redirects} times. "
            "Open the address in a browser and enter the one where it ends up."
        )

    async def _request(
        self, url: httpx.URL, request: Request, validators: Mapping[str, str], *, allow_private: bool
    ) -> Fetched | _Elsewhere:
        """One request, to an address that was checked just now."""
        if refusal := _refusal(url, allow_private):
            return refusal
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            answers = await self._resolve(url.host, port)
        except (OSError, UnicodeError):
            return Failed(f"The name {url.host} was not found. Check how it is spelled, and our own connection.")
        # A name may have bad answers beside good ones (a network with DNS64 adds its own): only the good are used.
        addresses = [address for address in answers if reachable(address, allow_private=allow_private)]
        if not addresses:
            return Failed(
                f"{url.host} is in a private or reserved network, so it was not fetched. "
                "If this server is yours, enter its own address and set allow_private for the source."
            )
        headers = {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": self._user_agent,
            "Accept-Encoding": "gzip",
            "Accept": "*/*",
            **validators,
        }
        if request.body is not None:
            headers |= {"Content-Type": request.content_type, "Content-Length": str(len(request.body))}
        wire = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        pinned = _Pinned(self._network, addresses[:ADDRESSES_TRIED], self._connect_seconds)
        try:
            async with (
                httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=pinned) as pool,
                pool.stream(
                    "GET" if request.body is None else "POST",
                    wire,
                    headers=_encoded(headers),
                    content=request.body,
                    extensions={"timeout": {"connect": self._connect_seconds}},  # the rest is the total's business
                ) as response,
            ):
                return await self._judge(url, response, request, conditional=bool(validators))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            return _not_connected(url.host, error)
        except httpcore.LocalProtocolError:
            return NOT_AN_ADDRESS
        except (httpcore.NetworkError, httpcore.RemoteProtocolError, OSError, zlib.error):
            return Failed("The connection broke off, or the answer made no sense. We will try again.")

    async def _judge(
        self, url: httpx.URL, response: httpcore.Response, request: Request, *, conditional: bool
    ) -> Fetched | _Elsewhere:
        headers = _Headers(response.headers)
        if request.refusal and response.status >= 400:
            said = await self._read(url, response, headers, LONGEST_REFUSAL)
            if refusal := request.refusal(response.status, said.body if isinstance(said, Fresh) else b""):
                return refusal
        match response.status:
            case 200 | 203:
                return await self._read(url, response, headers, self._max_bytes)
            case 304 if conditional:
                return Unchanged()
            case 301 | 302 | 303 | 307 | 308 if headers["location"]:
                return _Elsewhere(headers["location"])
            case 429 | 503 as status:
                return Busy(self._wait(headers["retry-after"]), f"It is busy (HTTP {status}) and asks us to wait.")
            case 404 | 410 as status:
                return Failed(
                    f"There is nothing at this address any more (HTTP {status}). "
                    "Look for the new one on the publisher's site.",
                    gone=True,
                )
            case 401 | 403 | 407 | 451 as status:
                return Failed(f"It does not let us in (HTTP {status}). Ask the publisher whether we may read it.")
            case status if status >= 500:
                return Failed(f"It has trouble of its own (HTTP {status}). We will try again.")
            case status:
                return Failed(f"It gave an answer that we cannot use (HTTP {status}). Check the address in a browser.")

    async def _read(
        self, url: httpx.URL, response: httpcore.Response, headers: _Headers, max_bytes: int
    ) -> Fresh | Failed:
        too_large = Failed(
            f"It is larger than {max_bytes:,} bytes, so it was not read. Ask the publisher for a shorter feed."
        )
        length = headers["content-length"]
        if length.isascii() and length.isdigit() and int(length) > max_bytes:
            return too_large
        encoding = headers["content-encoding"].strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            return Failed("It came packed in a way that we did not ask for. Ask the publisher to send it plain.")
        unpack = zlib.decompressobj(wbits=31) if encoding.endswith("gzip") else None
        body = bytearray()
        async for chunk in response.aiter_stream():
            await asyncio.sleep(0)  # a source that sends a byte at a time must not keep the loop to itself
            # Unpacked only as far as there is room: 64 kB on the wire can be 64 MB in memory.
            body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
            if len(body) > max_bytes:
                return too_large
            if unpack and unpack.eof:
                break
        if unpack and not unpack.eof:
            return Failed("The answer broke off before its end. We will try again.")
        return Fresh(
            body=bytes(body),
            content_type=headers["content-type"],
            etag=_storable(headers["etag"]),
            last_modified=_storable(headers["last-modified"]),
            url=str(url),
        )

    def _wait(self, retry_after: str) -> float:
        retry_after = retry_after.strip()
        if retry_after.isascii() and retry_after.isdigit():
            return min(float(retry_after), DAY)
        try:
            until = parsedate_to_datetime(retry_after)
        except (ValueError, TypeError, OverflowError):
            return A_WHILE
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return min(max((until - self._clock()).total_seconds(), 0.0), DAY)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Dials the checked addresses, whatever the name says by now. The name stays in Host and in the TLS handshake."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, addresses: Sequence[str], seconds: float) -> None:
        self._network = network
        self._addresses = addresses
        self._share = seconds / len(addresses)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in self._addresses:
            try:
                return await self._network.connect_tcp(address, port, self._share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    location: str


class _Headers(dict[str, str]):
    """Lower-case names to text; the first of a name counts, a missing one is empty."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__()
        for name, value in pairs:
            self.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def __missing__(self, name: str) -> str:
        return ""


NOT_AN_ADDRESS = Failed("This is not a web address that we can read. Check how it is spelled.")


def _parsed(parse: Callable[[str], httpx.URL], text: str) -> httpx.URL | None:
    try:
        return parse(text).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        return None


def _refusal(url: httpx.URL, allow_private: bool) -> Failed | None:
    """What the address alone tells against it."""
    if url.scheme not in ("http", "https"):
        return Failed("Only http and https addresses can be read. Check the address of the source.")
    if url.userinfo:
        return Failed("There is a user name or a password in the address. Such addresses are not read; take it out.")
    if not url.host or (url.port or 0) > 65_535:
        return NOT_AN_ADDRESS
    if not allow_private and url.port is not None and url.port not in WEB_PORTS:
        return Failed(
            f"The address names port {url.port}; only 80 and 443 are allowed. "
            "If this server is yours, set allow_private for the source."
        )
    return None


def _not_connected(host: str, error: Exception) -> Failed:
    if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in error.args):
        return Failed(f"The certificate of {host} is not valid, so it was not read. Tell the publisher.")
    return Failed(f"{host} cannot be reached. We will try again; check the address if this goes on.")


def _validators(etag: str, last_modified: str) -> dict[str, str]:
    wanted = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in wanted.items() if value}


def _storable(validator: str) -> str:
    return validator if len(validator) <= LONGEST_VALIDATOR else ""


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers.items()]


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_file(url: str) -> bool:
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", url, re.IGNORECASE)
    return scheme is None or scheme[1].lower() == "file"


def _read_file(url: str, etag: str, max_bytes: int) -> Fetched:
    path = url
    if url.lower().startswith("file:"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            return Failed("A file address must name a file on this machine: file:///path/to/file.")
        path = unquote(parts.path)
    try:
        # Without O_NONBLOCK a named pipe would hold the thread until somebody writes into it.
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                return Failed(f"{path} is not an ordinary file. Name a text file or a feed.")
            now = f"{about.st_mtime_ns}-{about.st_size}"
            if now == etag:
                return Unchanged()
            body = file.read(max_bytes + 1)
    except FileNotFoundError:
        return Failed(f"There is no file {path}. Check the path in the settings file.", gone=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name is not valid"
        return Failed(f"The file {path} cannot be read: {reason}. Check the path and who may read it.")
    if len(body) > max_bytes:
        return Failed(f"The file {path} is larger than {max_bytes:,} bytes, so it was not read. Make it shorter.")
    return Fresh(body=body, etag=now, url=path)
