"""Commands as a person types them: in this process where only the answer matters, else as a process of their own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.cli import main
from bot.news.places import Gazetteer
from bot.news.read import Reader

SERAI = [sys.executable, "-m", "bot.cli"]
CHECKOUT = Path(__file__).parents[1]


# Both only read, so that commands in one process may share them.
_gazetteer, _reader = cache(Gazetteer.load), cache(Reader.load)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Ours without what may be set for a hub of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SERAI_", "FORCE_COLOR"))}
    return ours | {"PYTHONPATH": os.pathsep.join([*filter(None, [ours.get("PYTHONPATH")]), str(CHECKOUT)])} | more


class Shell:
    """Somebody at a shell, in a folder of their own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(Gazetteer, "load", _gazetteer)
        monkeypatch.setattr(Reader, "load", _reader)
        monkeypatch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("SERAI_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("COLUMNS", "80")

    def export(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *words: str, stdin: bytes = b"") -> Ran:
        """``serai WORDS``, in this process."""
        self._monkeypatch.setattr(sys, "argv", ["serai", *words])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        self._capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            structlog.reset_defaults()  # it was told to write to a stream that ends here
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)


@contextmanager
def hub(folder: Path, **variables: str) -> Iterator[Running]:
    """``serai run`` in a process of its own, ended at the end."""
    with (folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(
            [*SERAI, "run"],
            cwd=folder,
            env=environment(**{"SERAI_WEB__PORT": "0"} | variables),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    running = Running(process)
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


class Running:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.said = ""

    def until(self, words: str) -> str:
        """All that it said until a line with these words."""
        assert self._process.stdout
        while words not in self.said:
            line = self._process.stdout.readline()
            assert line, f"it ended with {self._process.wait()} after saying:\n{self.said}"
            self.said += line
        return self.said

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self, name: signal.Signals, within: float) -> int:
        """Its exit status."""
        self._process.send_signal(name)
        out, _ = self._process.communicate(timeout=within)
        self.said += out
        return self._process.returncode


def eventually(what: Any, seconds: float = 30.0) -> Any:
    """Wait until ``what()`` is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
    return found
