"""Brings the tables to the version that this program needs (``serai db upgrade``)."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection


def config(connection: Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    settings.attributes["connection"] = connection
    return settings


def versions(connection: Connection) -> tuple[str | None, str]:
    """(the database's version, the one that this program needs); None for an empty database."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None  # noqa: S101
    return MigrationContext.configure(connection).get_current_revision(), head


def upgrade(connection: Connection, to: str = "head") -> None:
    if connection.dialect.name == "postgresql":  # two processes that start at once
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('serai upgrade'))"))
    command.upgrade(config(connection), to)


def downgrade(connection: Connection, to: str) -> None:
    command.downgrade(config(connection), to)
