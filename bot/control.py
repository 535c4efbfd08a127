"""How shell commands reach the running hub: one JSON line each way over a socket that only its owner can open.

While a hub runs on SQLite it is the only one that may write, so a command asks it instead::

    server = await serve(path, {"approve": approve})         # in the hub
    title = await ask(path, "approve", dispatch=42)          # at the shell
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import socket
import stat
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import structlog

log = structlog.get_logger()

Deed: TypeAlias = Callable[..., Awaitable[Any]]

LONGEST: Final = 1024 * 1024  # bytes of a line
PATIENCE: Final = 30.0  # seconds for an answer
GRACE: Final = 5.0  # seconds that deeds under way are given when the hub stops
LONGEST_PATH: Final = 103  # bytes; macOS takes 104 with the closing NUL, Linux 108


class NotRunning(Exception):
    """Nobody listens there: no hub runs on this data."""


class Refused(Exception):
    """The hub did not do it. The message says why, in words for the person at the shell."""


class _Question(msgspec.Struct, forbid_unknown_fields=True):
    deed: str
    arguments: dict[str, msgspec.Raw] = {}


class _Done(msgspec.Struct, tag="done"):
    answer: Any


class _Refusal(msgspec.Struct, tag="refused"):
    why: str


# ── In the hub ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def serve(path: Path, deeds: Mapping[str, Deed]) -> ControlServer:
    """Listen at ``path`` and do the named deeds.

    A deed is a coroutine function. Its arguments are checked against its annotations (what msgspec can convert); it may
    raise ``Refused`` to say in plain words why not. Whoever asks may go away: a deed that was begun is carried through.
    """
    server = ControlServer({name: _Call(deed) for name, deed in deeds.items()})
    await server.listen(_place(path, make=True))
    return server


class ControlServer:
    """Made by ``serve``."""

    def __init__(self, calls: Mapping[str, _Call]) -> None:
        self._calls = calls
        self._under_way: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._place: Path | None = None

    async def listen(self, place: Path) -> None:
        listener = _bound(place)
        self._place = place
        self._server = await asyncio.start_unix_server(self._greet, sock=listener, limit=LONGEST)

    async def close(self) -> None:
        """Take no more questions; let deeds under way end within the grace."""
        if self._server is None or self._place is None:
            return
        self._server.close()
        self._place.unlink(missing_ok=True)
        self._server = None
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._attend(reader, writer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question, one answer. Whatever a client does ends here."""
        try:
            async with asyncio.timeout(PATIENCE):
                line = await reader.readuntil()
            writer.write(await self._answer(line))
            async with asyncio.timeout(PATIENCE):
                await writer.drain()
        except asyncio.LimitOverrunError:
            writer.write(_line(_Refusal("The question is too long; a megabyte is the most.")))
        except (asyncio.IncompleteReadError, TimeoutError, OSError):
            pass  # they went away, or never said anything
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> bytes:
        try:
            question = msgspec.json.decode(line, type=_Question)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _line(
                _Refusal("The question is not in the form that the hub understands. Do both have one version?")
            )
        call = self._calls.get(question.deed)
        if call is None:
            return _line(
                _Refusal(f"The hub knows no deed {question.deed!r}. It knows: {', '.join(sorted(self._calls))}.")
            )
        return await _outcome(question.deed, call, question.arguments)


async def _outcome(deed: str, call: _Call, arguments: dict[str, msgspec.Raw]) -> bytes:
    try:
        read = call.read(arguments)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _line(_Refusal(f"{deed}: {error}"))
    try:
        answer = _line(_Done(await call(read)))
    except Refused as refused:
        log.info("control.refused", deed=deed)
        return _line(_Refusal(str(refused)))
    except Exception as error:
        # Words and tokens may be in its text: that goes to the person who asked, never into the log.
        where = traceback.extract_tb(error.__traceback__)[-1]
        log.error("control.failed", deed=deed, error=type(error).__name__, at=f"{where.filename}:{where.lineno}")
        return _line(_Refusal(f"{deed} failed in the hub: {type(error).__name__}: {error}"))
    if len(answer) > LONGEST:
        return _line(_Refusal(f"{deed} was done, but its answer is longer than a megabyte."))
    log.info("control.done", deed=deed)
    return answer


class _Call:
    """A deed, and the struct that its arguments are read into."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed
        self._arguments = msgspec.defstruct(
            "arguments",
            [_field(parameter) for parameter in inspect.signature(deed, eval_str=True).parameters.values()],
            forbid_unknown_fields=True,
            kw_only=True,
        )

    def read(self, arguments: dict[str, msgspec.Raw]) -> msgspec.Struct:
        return msgspec.json.decode(msgspec.json.encode(arguments), type=self._arguments)

    async def __call__(self, read: msgspec.Struct) -> Any:
        return await self._deed(**{name: getattr(read, name) for name in self._arguments.__struct_fields__})


def _field(parameter: inspect.Parameter) -> Any:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise TypeError(f"A deed takes its arguments by name; {parameter} has none.")
    kind = Any if parameter.annotation is parameter.empty else parameter.annotation
    if parameter.default is parameter.empty:
        return parameter.name, kind
    return parameter.name, kind, msgspec.field(default_factory=lambda: parameter.default)


# ── At the shell ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def ask(path: Path, deed: str, /, **arguments: Any) -> Any:
    """What the hub that listens at ``path`` answers, as plain JSON values.

    ``NotRunning`` when there is none, ``Refused`` when it did not do it (or nobody knows whether it did).
    """
    line = msgspec.json.encode({"deed": deed, "arguments": arguments}) + b"\n"
    if len(line) > LONGEST:
        raise Refused("That is too much at once; a megabyte is the most.")
    try:
        async with asyncio.timeout(PATIENCE):
            answer = msgspec.json.decode(await _exchange(_place(path), line), type=_Done | _Refusal)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning("No hub is running here. Start one with: serai run") from None
    except PermissionError:
        raise Refused("The hub belongs to another user of this machine. Ask as that user.") from None
    except TimeoutError:
        raise Refused(
            f"The hub gave no answer in {PATIENCE:g} seconds. It may still do it; look before you ask again."
        ) from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, msgspec.MsgspecError):
        raise Refused("The hub went away before it answered. Look whether it was done before you ask again.") from None
    if isinstance(answer, _Refusal):
        raise Refused(answer.why)
    return answer.answer


async def _exchange(place: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(place, limit=LONGEST)
    try:
        writer.write(line)
        await writer.drain()
        return await reader.readuntil()
    finally:
        writer.close()


def _line(answer: _Done | _Refusal) -> bytes:
    return msgspec.json.encode(answer) + b"\n"


# ── The socket ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _place(path: Path, *, make: bool = False) -> Path:
    """``path`` itself, or where it is too long for a socket a short name for it that both sides work out."""
    path = path.resolve()
    if len(os.fsencode(path)) <= LONGEST_PATH:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        return path
    folder = Path(tempfile.gettempdir()) / f"serai-{os.getuid()}"
    if make:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    _must_be_ours(folder)
    return folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.sock"


def _must_be_ours(folder: Path) -> None:
    """Anybody may make a folder among the temporary files, and listen in it."""
    kept = folder.lstat()
    if not stat.S_ISDIR(kept.st_mode) or kept.st_uid != os.getuid() or kept.st_mode & 0o077:
        raise Refused(f"{folder} is not a directory of yours alone. Remove it, or move the hub to a shorter path.")


def _bound(place: Path) -> socket.socket:
    _clear(place)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(os.fspath(place))
        place.chmod(0o600)  # before anybody can connect: that takes a listen()
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _clear(place: Path) -> None:
    """Remove the socket of a hub that was killed; never a live one's, and never anything else."""
    try:
        if not stat.S_ISSOCK(place.lstat().st_mode):
            raise Refused(f"{place} is in the way of the hub's socket. Move it elsewhere.")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            probe.connect(os.fspath(place))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        place.unlink()
        return
    except BlockingIOError:
        pass  # a long queue is before a live one
    raise Refused(f"A hub is already listening at {place}.")
