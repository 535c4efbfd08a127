"""One hub per data directory, and the kernel frees the lock of a dead one (L5)."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import lock
from storage.lock import Held, Holder, HubLock, held_by

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

HOLD = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from storage.lock import HubLock
with HubLock(Path(sys.argv[1]), lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PAUSE", 0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "serai.lock"


def hub(path: Path) -> HubLock:
    return HubLock(path, lambda: SINCE)


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_hub_is_told_who_runs_and_since_when(path: Path) -> None:
    with another_process(path) as process:
        with pytest.raises(Held) as refused, hub(path):
            pass
        assert refused.value.holder == Holder(process.pid, SINCE) == held_by(path)
        assert f"process {process.pid}, since 2026-01-02 03:04:05 UTC" in str(refused.value)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_hub_is_free(path: Path, end: signal.Signals) -> None:
    with another_process(path) as process:
        process.send_signal(end)
        process.wait()
        assert held_by(path) is None
        with hub(path):
            assert held_by(path) == Holder(os.getpid(), SINCE)


def test_a_paused_hub_still_holds_it(path: Path) -> None:
    with another_process(path) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(Held):
            hub(path).acquire()


def test_a_child_that_outlives_the_hub_does_not_hold_it(path: Path) -> None:
    with hub(path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with hub(path):
        child.communicate()


def test_one_hub_follows_another(path: Path) -> None:
    assert held_by(path) is None
    for _ in range(2):
        with hub(path):
            assert held_by(path) == Holder(os.getpid(), SINCE)
            with pytest.raises(Held):
                hub(path).acquire()
        assert held_by(path) is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_hub_that_fails_frees_it(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hub(path):
        _ = 1 / 0
    assert held_by(path) is None


def test_releasing_twice_frees_nobody_elses(path: Path) -> None:
    first = hub(path)
    first.acquire()
    first.release()
    with hub(path):
        first.release()
        assert held_by(path) == Holder(os.getpid(), SINCE)


def test_many_who_look_do_not_keep_a_hub_from_starting(path: Path) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.0005):
            held_by(path)

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(100):
            with hub(path):
                assert held_by(path) == Holder(os.getpid(), SINCE)
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()


@pytest.mark.parametrize("content", [b"", b"\xff\x00 nonsense", b'{"pid": "me"}', b"[]"])
def test_a_lock_that_is_not_signed_is_held_all_the_same(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    file = os.open(path, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    assert held_by(path) == Holder(0, None)
    with pytest.raises(Held, match="another process"):
        hub(path).acquire()
    os.close(file)
