"""The line between 'never sent' and 'it may have arrived'."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from channels import exchange
from channels.contract import Later, Outcome, Refused, Unclear

FAULTS: list[tuple[str, BaseException | None, type[Outcome]]] = [
    ("nobody listens", httpx.ConnectError("x"), Later),
    ("connecting took too long", httpx.ConnectTimeout("x"), Later),
    ("all connections were busy", httpx.PoolTimeout("x"), Later),
    ("the proxy refused", httpx.ProxyError("x"), Later),
    ("not an http address", httpx.UnsupportedProtocol("x"), Later),
    ("not an address", httpx.InvalidURL("x"), Later),
    ("no answer in time", httpx.ReadTimeout("x"), Unclear),
    ("half written", httpx.WriteTimeout("x"), Unclear),
    ("cut while writing", httpx.WriteError("x"), Unclear),
    ("cut while reading", httpx.ReadError("x"), Unclear),
    ("closed without an answer", httpx.RemoteProtocolError("x"), Unclear),
    ("sent round in circles", httpx.TooManyRedirects("x"), Unclear),
    ("garbled", httpx.DecodingError("x"), Unclear),
    ("unknown", None, Unclear),
]


@pytest.mark.parametrize(("fault", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_only_a_request_that_never_left_may_be_sent_again(fault: BaseException | None, expected: type[Outcome]) -> None:
    assert isinstance(exchange.from_fault(fault), expected)


def test_a_fault_is_named_without_its_words() -> None:
    outcome = exchange.from_fault(httpx.ReadTimeout("https://api.example/bot123:secret/sendMessage"))
    assert outcome == Unclear("ReadTimeout")


STATUSES: list[tuple[int, Outcome | None]] = [
    (200, None),
    (302, Later(60, "account", "status 302, but not from the platform")),
    (400, None),
    (401, None),
    (403, None),
    (404, None),
    (408, Unclear("status 408")),
    (409, None),
    (413, Refused("status 413")),
    (429, Later(7, "account", "status 429")),
    (500, Unclear("status 500")),
    (502, Unclear("status 502")),
    (504, Unclear("status 504")),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES, ids=[str(row[0]) for row in STATUSES])
def test_a_status_means_the_same_on_every_platform(status: int, expected: Outcome | None) -> None:
    assert exchange.from_status(status, "7") == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7", 7.0),
        (7, 7.0),
        ("0.5", 0.5),
        (None, 5.0),
        ("soon", 5.0),
        ("-3", 5.0),
        ("nan", 5.0),
        ("9999999", 86400.0),
        ("Tue, 24 Nov 2026 10:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 5.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(written: str | float | None, expected: float) -> None:
    assert exchange.seconds(written, now=datetime(2026, 11, 24, 10, tzinfo=UTC)) == expected


def test_a_date_without_a_clock_is_the_usual_wait() -> None:
    assert exchange.seconds("Tue, 24 Nov 2026 10:00:30 GMT") == exchange.AGAIN
