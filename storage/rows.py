"""The few words of SQL that need care: what the dialects spell apart, and what an index must recognise."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def insert(conn: Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT."""
    # The other database's dialect takes a tenth of a second to load.
    if conn.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def locked(conn: Connection, query: sa.Select[Any], *tables: sa.Table) -> sa.Select[Any]:
    """FOR UPDATE SKIP LOCKED; on SQLite there is one writer, and nothing to lock."""
    return query.with_for_update(skip_locked=True, of=tables) if conn.dialect.name == "postgresql" else query


def stands(column: sa.Column[Any], *words: str) -> sa.ColumnElement[bool]:
    """``column`` is one of ``words`` (our own, never anyone else's), spelled out in the statement.

    A partial index is used where its own condition is seen to hold, and behind a parameter it is not seen.
    """
    literals: list[sa.ColumnElement[Any]] = [sa.literal_column(f"'{word}'") for word in words]
    return column == literals[0] if len(literals) == 1 else column.in_(literals)
