"""No statement that runs often reads through a whole table: a million rows must cost what a hundred do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage import deliveries, dispatches, exports, people, planning, updates
from storage.database import SQLite
from storage.keys import KeyStore
from tests.storage.scene import (
    NOW,
    a_broadcast,
    a_dispatch,
    a_source,
    after,
    claim_and_mark,
    drive,
    mark,
    planned,
    said,
    someone,
)

LARGE = {"deliveries", "people", "addresses", "updates", "seen_updates", "told", "person_topics", "person_countries"}
TO_PLAN = 2  # the broadcast that waits to be planned

# Indexes over the few rows that wait for something.
FEW = ("ix_people_leaving", "ix_updates_new", "ix_deliveries_closed", "ix_deliveries_under_way")


@contextmanager
def statements(conn: Connection) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        seen.append((statement, parameters))

    sa.event.listen(conn, "before_cursor_execute", note)
    yield seen
    sa.event.remove(conn, "before_cursor_execute", note)


def scans(conn: Connection, statement: str, parameters: Any) -> list[str]:
    """The large tables that a statement reads through from end to end, without an index or through all of one."""
    if statement.split(maxsplit=1)[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        return []
    steps = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    details = [str(step[3]) for step in steps]
    return [
        detail
        for detail in details
        if detail.startswith("SCAN") and detail.split()[1] in LARGE and not any(few in detail for few in FEW)
    ]


DEEDS: list[tuple[str, Callable[[Connection, KeyStore], object]]] = [
    ("receive", lambda conn, keys: updates.receive(conn, keys, "telegram", "main", [said("n", "1")], NOW)),
    ("next_waiting", lambda conn, keys: updates.next_waiting(conn, keys)),
    ("claim", lambda conn, keys: deliveries.claim(conn, "main", 1, NOW, 60)),
    ("claim replies", lambda conn, keys: deliveries.claim(conn, "main", 1, NOW, 60, replies_only=True)),
    ("mark", lambda conn, keys: claim_and_mark(conn, keys, drive(conn))),
    ("reap", lambda conn, keys: deliveries.reap(conn, "main", 10**15, NOW, NOW)),
    ("reopen", lambda conn, keys: deliveries.reopen(conn, 1, NOW)),
    ("address_waits", lambda conn, keys: deliveries.address_waits(conn, 1, NOW)),
    ("plan_chunk", lambda conn, keys: planning.plan_chunk(conn, TO_PLAN, NOW)),
    ("forget deliveries", lambda conn, keys: deliveries.forget(conn, after(days=40))),
    ("counts", lambda conn, keys: deliveries.counts(conn, 1)),
    ("meet", lambda conn, keys: people.meet(conn, keys, "telegram", "main", "new", NOW)),
    ("rename", lambda conn, keys: people.rename(conn, keys, 1, "2")),
    ("stop", lambda conn, keys: people.stop(conn, 1, NOW)),
    ("erase", lambda conn, keys: people.erase(conn, 1, NOW)),
    ("any_parted", lambda conn, keys: people.any_parted(conn, NOW)),
    ("forget_parted", lambda conn, keys: people.forget_parted(conn, NOW)),
    ("kept", lambda conn, keys: exports.kept(conn, 1)),
    ("export", lambda conn, keys: exports.take(conn, keys, exports.link(conn, keys, 1, NOW), NOW)),
    ("vanished", lambda conn, keys: dispatches.vanished(conn, a_source(conn), [], NOW)),
]


@pytest.mark.parametrize(("label", "deed"), DEEDS, ids=[label for label, _ in DEEDS])
async def test_it_reads_no_large_table_through(
    sqlite: SQLite, keys: KeyStore, label: str, deed: Callable[[Connection, KeyStore], object]
) -> None:
    def live(conn: Connection) -> dict[str, list[str]]:
        for n in range(20):
            someone(conn, keys, str(n), topics=["visas"], countries=["IQ"])
        planned(conn, a_dispatch(conn, topics=["visas"], countries=["IQ"]))
        epoch = drive(conn)
        for state in ("sent", "closed"):
            (claimed,) = deliveries.claim(conn, "main", epoch, NOW, 1)
            marked = mark(conn, keys, claimed.id, epoch)
            assert marked
            deliveries.finish(conn, marked, epoch, state, "", NOW)
        assert a_broadcast(conn, a_dispatch(conn)) == TO_PLAN
        with statements(conn) as seen:
            deed(conn, keys)
        return {statement: found for statement, values in seen if (found := scans(conn, statement, values))}

    assert await sqlite.write(live) == {}
