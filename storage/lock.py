"""One hub per data directory: a lock that the kernel frees when its holder dies, however it dies.

On SQLite it stands for the lease (L5): no clock has a say in it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec

TRIES = 20
PAUSE = 0.05  # a second in all: for a hub that is just stopping, and for somebody who looks who holds it


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs the hub. ``pid`` is 0 in the moment between taking the lock and signing it."""

    pid: int
    since: datetime | None

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        return f"process {self.pid}" + (f", since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else "")


class Held(Exception):
    """Another hub runs on this data. ``holder`` says which."""

    def __init__(self, path: Path, holder: Holder) -> None:
        super().__init__(f"A hub is already running here ({holder}). Stop it first. Its lock is {path}.")
        self.holder = holder


def _system_time() -> datetime:
    return datetime.now(UTC)


class HubLock:
    """``with HubLock(path): …`` or raise ``Held``. The file stays; only the kernel's lock on it counts.

    ``now`` is what the holder signs with, for people to read; nothing is decided by it.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = _system_time) -> None:
        self._path = path
        self._now = now
        self._file = -1

    def acquire(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _taken(file, fcntl.LOCK_EX, TRIES):
                raise Held(self._path, _signed(file))
            _sign(file, Holder(os.getpid(), self._now()))
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def release(self) -> None:
        """Let the next one in. Releasing what is not held is no error."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)  # which frees the lock
            self._file = -1

    def __enter__(self) -> HubLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def held_by(path: Path) -> Holder | None:
    """Who holds the lock at ``path``; nobody when it is free or was never made."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that two who look do not take each other for the hub.
        return None if _taken(file, fcntl.LOCK_SH, tries=1) else _signed(file)
    finally:
        os.close(file)


def _taken(file: int, how: int, tries: int, sleep: Callable[[float], None] = time.sleep) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                sleep(PAUSE)
        else:
            return True
    return False


def _sign(file: int, holder: Holder) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, msgspec.json.encode(holder) + b"\n", 0)


def _signed(file: int) -> Holder:
    try:
        return msgspec.json.decode(os.pread(file, 1024, 0), type=Holder)
    except msgspec.DecodeError:
        return Holder(0, None)
