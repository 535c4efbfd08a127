"""The documentation tells of every command, setting, channel and kind of source that there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bot.accounts import ACCOUNT_KINDS
from bot.cli import app
from config.settings import KINDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({name for name in app if not name.startswith("-")}))
def test_the_readme_names_every_command(name: str) -> None:
    assert f"serai {name}" in README


@pytest.mark.parametrize("word", [*KINDS, *ACCOUNT_KINDS])
def test_the_readme_names_every_channel_and_kind_of_source(word: str) -> None:
    assert f'"{word}"' in README


def test_what_the_readme_points_at_is_there() -> None:
    paths = re.findall(r"\]\((?!http)([^)]+)\)", README) + re.findall(r"`(tests/[\w/.]+)`", README)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_package_that_is_needed_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.split(r"[\[<>=]", line)[0].lower() for line in project["dependencies"]]
    explained = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert [name for name in needed if name not in explained] == []
