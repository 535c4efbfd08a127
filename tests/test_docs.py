"""The documentation tells of every command, setting, channel, kind of source and role that there is, each on its page;
and what it points at is there."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App
from msgspec import Struct, structs

from bot.accounts import ACCOUNT_KINDS
from bot.cli import app, broadcast
from bot.hub import WEB_CHAT
from bot.talk.audience import SIDES
from bot.talk.commands import COMMANDS, STAFF_COMMANDS
from config.settings import HANDED_IN, KINDS, PRESETS, Contact, Settings, Source, load
from storage.staff import ROLES

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
EXAMPLE = "config/serai.example.toml"


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


README, PEOPLE, STAFF = page("README.md"), page("docs/people.md"), page("docs/staff.md")
OPERATORS = page("docs/operators.md")


def rows(text: str) -> set[str]:
    """What stands, as code, at the beginning of a table's row."""
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_people_find_every_command_in_its_row_and_no_other() -> None:
    assert rows(PEOPLE) & {f"/{name}" for name in STAFF_COMMANDS} == set()
    typed = {row for row in rows(PEOPLE) if row.startswith("/") and " " not in row}
    assert typed == {f"/{name}" for name in COMMANDS}


def test_staff_find_every_command_of_theirs_in_its_row_with_who_may() -> None:
    for name, (role, _) in STAFF_COMMANDS.items():
        assert f"| `/{name}` | {role} |" in STAFF
    assert {row for row in rows(STAFF) if row.startswith("/")} == {f"/{name}" for name in STAFF_COMMANDS}


def commands(shell: App, *before: str) -> Iterator[str]:
    for name in shell:
        if not name.startswith("-"):
            yield " ".join([*before, name])
            yield from commands(shell[name], *before, name)


SHELL = sorted(commands(app, "serai"))


def test_there_are_commands_at_the_shell() -> None:
    assert {"serai run", "serai broadcast withdraw", "serai staff add"} <= set(SHELL)


@pytest.mark.parametrize("name", [name for name in SHELL if name.count(" ") == 1])
def test_the_readme_names_every_command(name: str) -> None:
    assert re.search(rf"^    {name}\b", README, re.MULTILINE)


@pytest.mark.parametrize("name", SHELL)
def test_the_pages_name_every_command_whole(name: str) -> None:
    assert re.search(rf"{name}\b", OPERATORS + STAFF)


def told() -> list[str]:
    """What the pages tell to type: the first word after ``serai``, and the second where it is no option or argument."""
    typed = re.compile(r"(?:^    |`|=\S+ )serai (?!serai)([a-z]+)(?: ([a-z]+)\b(?![-.]))?", re.MULTILINE)
    found = typed.findall("\n".join([README, OPERATORS, STAFF]))
    return sorted({" ".join(filter(None, words)) for words in found})


@pytest.mark.parametrize("line", told())
def test_a_command_that_a_page_tells_to_type_is_there(line: str) -> None:
    first, *second = line.split()
    assert first in app
    if names := {name for name in app[first] if not name.startswith("-")}:
        assert not second or second[0] in names or line == "news iraq"  # words may follow that one


@pytest.mark.parametrize("option", [name for name in broadcast.send.__annotations__ if name not in ("return", "texts")])
def test_staff_find_every_option_of_a_broadcast(option: str) -> None:
    assert option == "text" or f"--{option}" in STAFF


def test_staff_find_every_side_of_an_audience() -> None:
    assert [side for side in SIDES if f"*{side.capitalize()}*" not in STAFF] == []


@pytest.mark.parametrize("role", ROLES)
def test_staff_find_every_role(role: str) -> None:
    assert role in rows(STAFF)


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def settings(kind: type[Struct], *before: str) -> Iterator[str]:
    for field in structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from settings(field.type, *before, field.name)
        else:
            yield ".".join([*before, field.name])


def test_operators_find_every_setting_in_its_row_and_no_other() -> None:
    ours = set(settings(Settings))
    accounts = {field.name for kind in ACCOUNT_KINDS.values() for field in dataclasses.fields(kind)}
    assert rows(OPERATORS) == ours | accounts | {"channel"}


def test_every_setting_of_the_example_is_one_and_none_is_missing() -> None:
    example = tomllib.loads(page(EXAMPLE))
    told = {
        f"{level}.{name}" if isinstance(table, dict) else level
        for level, table in example.items()
        for name in (table if isinstance(table, dict) else [""])
    }
    assert told == {name for name in settings(Settings) if not _is_a_table_of_its_own(name)}


def _is_a_table_of_its_own(name: str) -> bool:
    return name in ("contacts", "sources", "accounts")


@pytest.mark.parametrize("channel", ACCOUNT_KINDS)
def test_the_example_shows_what_an_account_can_have(channel: str) -> None:
    names = ["channel", *(field.name for field in dataclasses.fields(ACCOUNT_KINDS[channel]))]
    assert [name for name in names if not re.search(rf"^# +{name} = ", page(EXAMPLE), re.MULTILINE)] == []


@pytest.mark.parametrize("kind", [Source, Contact])
def test_operators_find_what_a_source_and_a_contact_have(kind: type[Struct]) -> None:
    names = [field.name for field in structs.fields(kind)]
    assert [name for name in names if not re.search(rf"`{name}\b|^    {name} = ", OPERATORS, re.MULTILINE)] == []
    assert [name for name in names if not re.search(rf"^# {name} = ", page(EXAMPLE), re.MULTILINE)] == []


def test_what_the_pages_and_the_example_show_can_be_used(tmp_path: Path) -> None:
    blocks = [found.replace("\n    ", "\n").strip() for found in re.findall(r"(?:\n    .*|\n)+", OPERATORS)]
    tables = [block for block in blocks if block.startswith("[[")]
    assert len(tables) == 2  # the contact, and the sources
    example = re.sub(r"^# (?:  )?(?=\[|[a-z_]+ = )", "", page(EXAMPLE), flags=re.MULTILINE)
    for text in ("\n".join(tables), example):
        (tmp_path / "serai.toml").write_text(text, encoding="utf-8")
        token = {"SERAI_ACCOUNTS__MAIN__TOKEN": "1:x"} if text == example else {}
        found = load(token, account_kinds=ACCOUNT_KINDS, cwd=tmp_path)
        assert {source.kind for source in found.sources} == set(KINDS)
        assert found.contacts


# ── Channels and kinds of source ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", [*KINDS, *ACCOUNT_KINDS])
def test_the_readme_names_every_channel_and_kind_of_source(word: str) -> None:
    assert f'"{word}"' in README


@pytest.mark.parametrize("word", [*KINDS, *HANDED_IN, *ACCOUNT_KINDS, WEB_CHAT, *PRESETS])
def test_operators_find_every_channel_and_kind_of_source(word: str) -> None:
    assert re.search(rf"`{word}`|\"{word}\"", OPERATORS)


# ── What the pages point at ──────────────────────────────────────────────────────────────────────────────────────────

ROOMS = r"(?:bot|channels|storage|config|tests|docs)"


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_points_at_is_there(name: str) -> None:
    text, here = page(name), (ROOT / name).parent
    links = [here / path for path in re.findall(r"\]\((?!http)([^)#]+)\)", text)]
    named = [ROOT / path for path in re.findall(rf"\b({ROOMS}/[\w/.-]*\w/?)", text)]
    assert sorted(str(path) for path in {*links, *named} if not path.exists()) == []


def test_every_package_that_is_needed_is_explained() -> None:
    project = tomllib.loads(page("pyproject.toml"))
    lists = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    needed = {re.split(r"[\[<>=]", line)[0].lower() for each in lists for line in each} - {"setuptools"}
    explained = page("docs/dependencies.md").lower()
    assert sorted(name for name in needed if name not in explained) == []


def test_the_licence_has_its_reason() -> None:
    assert re.search(r"Licence: Apache 2\.0, so that ", README)
