"""Brings the tables to the version that this program needs (``serai db upgrade``)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = re.compile(r'^(revision|down_revision)\b.*= "(\w+)"', re.MULTILINE)


def config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["connection"] = connection
    return settings


def versions(connection: Connection) -> tuple[str | None, str]:
    """(the database's version, the one that this program needs); None for an empty database."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None, _head()
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version")), _head()


def _head() -> str:
    """Without Alembic, which takes a quarter of a second to load: each command asks."""
    names: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in (MIGRATIONS / "versions").glob("*.py"):
        for what, name in _REVISION.findall(file.read_text("utf-8")):
            names[what].add(name)
    (head,) = names["revision"] - names["down_revision"]
    return head


def upgrade(connection: Connection, to: str = "head") -> None:
    from alembic import command

    if connection.dialect.name == "postgresql":  # two processes that start at once
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('serai upgrade'))"))
    command.upgrade(config(connection), to)


def downgrade(connection: Connection, to: str) -> None:
    from alembic import command

    command.downgrade(config(connection), to)
