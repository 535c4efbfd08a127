"""Shell commands ask the running hub; nothing that a client does stops it."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot import control
from bot.control import ControlServer, NotRunning, Refused, ask, serve


class Deeds:
    """What a hub could be asked to do."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def echo(self, words: str, *, times: int = 1, until: date | None = None, tags: list[str] = []) -> Any:  # noqa: B006
        return {"words": words * times, "until": until, "tags": tags}

    async def anything(self, it=None) -> Any:  # type: ignore[no-untyped-def]
        return it

    async def decline(self) -> None:
        raise Refused("That dispatch was withdrawn.")

    async def fail(self) -> None:
        raise LookupError("bot12345:TOKEN")

    async def untellable(self) -> Any:
        return object()

    async def much(self) -> str:
        return "x" * control.LONGEST

    async def slow(self) -> str:
        self.begun.set()
        await self.may_end.wait()
        self.ended.set()
        return "at last"

    def named(self) -> dict[str, control.Deed]:
        names = ("echo", "anything", "decline", "fail", "untellable", "much", "slow")
        return {name: getattr(self, name) for name in names} | {"hi": functools.partial(self.echo, words="hi")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "serai.sock"


@pytest.fixture
async def deeds() -> Deeds:
    return Deeds()


@pytest.fixture
async def server(path: Path, deeds: Deeds) -> AsyncIterator[ControlServer]:
    server = await serve(path, deeds.named())
    yield server
    deeds.may_end.set()
    await server.close()


async def raw(path: Path, sent: bytes) -> bytes:
    """What a client hears that sends just this."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(sent)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


async def flood(writer: asyncio.StreamWriter) -> None:
    for _ in range(100):
        writer.write(b"x" * 1_000_000)
        await writer.drain()


# ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("deed", "arguments", "expected"),
    [
        pytest.param(
            "echo",
            {"words": "سلام\n👩‍👩‍👧"},
            {"words": "سلام\n👩‍👩‍👧", "until": None, "tags": []},
            id="other scripts, lines",
        ),
        pytest.param("echo", {"words": "a", "times": 3}, {"words": "aaa", "until": None, "tags": []}, id="a number"),
        pytest.param(
            "echo",
            {"words": "", "until": date(2026, 1, 2), "tags": ["x"]},
            {"words": "", "until": "2026-01-02", "tags": ["x"]},
            id="a date goes as text",
        ),
        pytest.param("anything", {}, None, id="nothing"),
        pytest.param("anything", {"it": {"a": [1, 2.5, None]}}, {"a": [1, 2.5, None]}, id="anything"),
        pytest.param("anything", {"it": datetime(2026, 1, 2, tzinfo=UTC)}, "2026-01-02T00:00:00Z", id="a time"),
        pytest.param("hi", {}, {"words": "hi", "until": None, "tags": []}, id="a deed with an argument set before"),
    ],
)
async def test_the_hub_answers(
    server: ControlServer, path: Path, deed: str, arguments: dict[str, Any], expected: Any
) -> None:
    assert await ask(path, deed, **arguments) == expected


@pytest.mark.parametrize(
    ("deed", "arguments", "why"),
    [
        pytest.param("dance", {}, "knows no deed 'dance'. It knows: anything, decline, echo", id="unknown deed"),
        pytest.param("echo", {}, "echo: Object missing required field `words`", id="an argument is missing"),
        pytest.param("echo", {"words": "a", "loud": True}, "unknown field `loud`", id="an argument too many"),
        pytest.param("echo", {"words": 5}, r"Expected `str`, got `int` - at `\$.words`", id="of another kind"),
        pytest.param("echo", {"words": "a", "until": "soon"}, "echo: Invalid", id="no date"),
        pytest.param("decline", {}, "^That dispatch was withdrawn.$", id="the deed says why"),
        pytest.param("fail", {}, "fail failed in the hub: LookupError", id="a bug in the deed"),
        pytest.param("untellable", {}, "untellable failed in the hub: TypeError", id="an answer that is no JSON"),
        pytest.param("much", {}, "longer than a megabyte", id="too long an answer"),
        pytest.param("echo", {"words": "x" * control.LONGEST}, "too much at once", id="too long a question"),
    ],
)
async def test_what_the_hub_does_not_do_it_explains(
    server: ControlServer, path: Path, deed: str, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        await ask(path, deed, **arguments)
    assert await ask(path, "anything", it=1) == 1


async def test_a_line_of_nearly_a_megabyte_goes_both_ways(server: ControlServer, path: Path) -> None:
    words = "x" * (control.LONGEST - 200)
    assert await ask(path, "anything", it=words) == words


async def test_the_log_has_the_deed_and_neither_its_words_nor_its_errors(server: ControlServer, path: Path) -> None:
    with capture_logs() as logs:
        await ask(path, "echo", words="secret words")
        with pytest.raises(Refused, match="TOKEN"):
            await ask(path, "fail")
    assert [(line["event"], line["deed"]) for line in logs] == [("control.done", "echo"), ("control.failed", "fail")]
    assert "secret words" not in str(logs)
    assert "TOKEN" not in str(logs)


# ── Nobody there ─────────────────────────────────────────────────────────────────────────────────────────────────────

LISTEN = """
import asyncio, sys
from pathlib import Path
from bot.control import serve
async def hub():
    await serve(Path(sys.argv[1]), {})
    print("listening", flush=True)
    await asyncio.sleep(600)
asyncio.run(hub())
"""


async def test_without_a_hub_it_says_so(path: Path) -> None:
    with pytest.raises(NotRunning):
        await ask(path, "anything")


async def test_a_closed_hub_is_not_running_and_leaves_no_socket(path: Path) -> None:
    server = await serve(path, {})
    await server.close()
    await server.close()
    assert names(path.parent) == []
    with pytest.raises(NotRunning):
        await ask(path, "anything")


async def test_the_socket_of_a_killed_hub_is_taken_over(path: Path, deeds: Deeds) -> None:
    command = [sys.executable, "-c", LISTEN, str(path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as hub:  # noqa: ASYNC220
        assert hub.stdout
        assert hub.stdout.readline() == "listening\n"
        with pytest.raises(Refused, match="already listening"):
            await serve(path, {})
        hub.kill()
    assert names(path.parent) == [path.name]
    with pytest.raises(NotRunning):
        await ask(path, "anything")
    server = await serve(path, deeds.named())
    assert await ask(path, "anything", it=1) == 1
    await server.close()


def test_what_is_no_socket_is_never_removed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("dear notes")
    with pytest.raises(Refused, match="in the way"):
        asyncio.run(serve(path, {}))
    assert path.read_text() == "dear notes"


async def test_only_its_owner_can_open_the_socket_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        server = await serve(path, {})
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    await server.close()


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_waits_too_long_is_told_and_the_deed_is_carried_through(
    server: ControlServer, deeds: Deeds, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(control, "PATIENCE", 0.05)
        with pytest.raises(Refused, match="may still do it"):
            await ask(path, "slow")
    deeds.may_end.set()
    await server.close()
    assert deeds.ended.is_set()


async def test_a_deed_under_way_ends_before_the_hub_does(server: ControlServer, deeds: Deeds, path: Path) -> None:
    asking = asyncio.create_task(ask(path, "slow"))
    await deeds.begun.wait()
    closing = asyncio.create_task(server.close())
    await asyncio.sleep(0)
    deeds.may_end.set()
    await closing
    assert await asking == "at last"


async def test_a_deed_that_never_ends_does_not_keep_the_hub_from_stopping(
    server: ControlServer, deeds: Deeds, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "GRACE", 0.05)
    asking = asyncio.create_task(ask(path, "slow"))
    await deeds.begun.wait()
    await server.close()
    with pytest.raises(Refused, match="went away"):
        await asking


async def test_one_slow_deed_keeps_nobody_else_waiting(server: ControlServer, deeds: Deeds, path: Path) -> None:
    slow = [asyncio.create_task(ask(path, "slow")) for _ in range(5)]
    assert await asyncio.gather(*(ask(path, "anything", it=n) for n in range(50))) == list(range(50))
    deeds.may_end.set()
    assert await asyncio.gather(*slow) == ["at last"] * 5


async def test_a_client_that_says_nothing_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.05)
    server = await serve(path, {})
    reader, writer = await asyncio.open_unix_connection(path)
    assert await reader.read() == b""
    writer.close()
    await server.close()


# ── Bad clients ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        pytest.param(b"", b"", id="hangs up"),
        pytest.param(b'{"deed":"anything"', b"", id="hangs up half way"),
        pytest.param(b"\n", b"not in the form", id="an empty line"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", b"not in the form", id="a browser"),
        pytest.param(b"\xff\xfe\n", b"not in the form", id="no text"),
        pytest.param(b"[]\n", b"not in the form", id="another shape"),
        pytest.param(b'{"deed":7,"arguments":{}}\n', b"not in the form", id="a deed without a name"),
        pytest.param(b'{"deed":"anything","arguments":[]}\n', b"not in the form", id="arguments in a list"),
        pytest.param(b'{"deed":"anything","arguments":{},"as":"root"}\n', b"not in the form", id="more than was asked"),
        pytest.param(b'{"deed":"\xc3","arguments":{}}\n', b"not in the form", id="a torn letter"),
        pytest.param(
            b'{"deed":"anything","arguments":{"it":' + b"[" * 100_000 + b"]" * 100_000 + b"}}\n",
            b"refused",
            id="a deep nest",
        ),
        pytest.param(b'{"deed":"anything"}\n', b'{"type":"done","answer":null}\n', id="no arguments at all"),
    ],
)
async def test_a_bad_client_is_answered_and_stops_nothing(
    server: ControlServer, path: Path, sent: bytes, heard: bytes
) -> None:
    answer = await raw(path, sent)
    assert heard in answer
    assert answer.count(b"\n") == bool(heard)
    assert await ask(path, "anything", it=1) == 1


async def test_a_flood_without_an_end_stops_nothing(server: ControlServer, path: Path) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    with pytest.raises(ConnectionError):
        await flood(writer)
    writer.close()
    assert await ask(path, "anything", it=1) == 1


async def test_a_client_that_goes_before_its_answer_stops_nothing(
    server: ControlServer, deeds: Deeds, path: Path
) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"deed":"slow"}\n')
    await writer.drain()
    writer.close()
    await deeds.begun.wait()
    deeds.may_end.set()
    assert await ask(path, "anything", it=1) == 1
    await deeds.ended.wait()


@given(lines=st.lists(st.binary(max_size=200).map(lambda line: line.replace(b"\n", b"")), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_no_bytes_at_all_stop_the_hub(lines: list[bytes]) -> None:
    async def story(path: Path) -> None:
        deeds = Deeds()
        server = await serve(path, deeds.named())
        for line in lines:
            assert b"not in the form" in await raw(path, line + b"\n")
        assert await ask(path, "anything", it=1) == 1
        await server.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder) / "s"))


async def test_a_hub_that_dies_before_it_answers_leaves_it_open_whether_it_was_done(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        asking = asyncio.create_task(ask(path, "anything"))
        caller, _ = await asyncio.get_running_loop().sock_accept(listener)
        caller.close()
        with pytest.raises(Refused, match="Look whether it was done"):
            await asking


def test_a_deed_whose_arguments_have_no_names_is_a_bug_found_at_the_start(path: Path) -> None:
    async def anything(*these: int) -> None: ...

    with pytest.raises(TypeError, match="by name"):
        asyncio.run(serve(path, {"anything": anything}))


# ── Long paths ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short place for temporary files that is this test's alone."""
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return tmp_path / "مسیر-دراز" / ("x" * 120) / "var" / "serai.sock"


async def test_a_path_too_long_for_a_socket_has_a_short_name_that_both_sides_know(
    long: Path, deeds: Deeds, temporary: Path
) -> None:
    with pytest.raises(NotRunning):
        await ask(long, "anything")
    server = await serve(long, deeds.named())
    other = await serve(long.with_name("other.sock"), {})
    assert await ask(long, "anything", it=1) == 1
    folder = temporary / f"serai-{os.getuid()}"
    assert mode(folder) == 0o700
    assert [mode(folder / name) for name in names(folder)] == [0o600, 0o600]
    await server.close()
    await other.close()
    assert names(folder) == []


@pytest.mark.parametrize("trap", ["open to others", "a link", "a file"])
async def test_a_short_name_is_not_taken_from_somebody_elses_folder(
    long: Path, temporary: Path, tmp_path: Path, trap: str
) -> None:
    folder = temporary / f"serai-{os.getuid()}"
    if trap == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "a link":
        folder.symlink_to(tmp_path)
    else:
        folder.touch()
    for attempt in (lambda: serve(long, {}), lambda: ask(long, "anything")):
        with pytest.raises(Refused, match="not a directory of yours alone"):
            await attempt()


@pytest.mark.parametrize("length", [102, 103, 104, 105, 107, 108, 109])
async def test_at_every_length_around_the_limit_it_works(tmp_path: Path, temporary: Path, length: int) -> None:
    path = tmp_path / ("x" * (length - len(os.fsencode(tmp_path)) - 1))
    server = await serve(path, Deeds().named())
    assert await ask(path, "anything", it=1) == 1
    await server.close()
