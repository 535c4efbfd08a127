"""Every table, once. SQLite and PostgreSQL alike; what only one of them has is in the migrations.

Clear: ids, states, times, and what INSERT … SELECT must see (language, zone, topics, countries). Sealed, with the
person's own key: addresses, words, outgoing replies. A sealed column sits beside its ``record`` (the random id that it
is bound to) and its ``key_id``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept as whole milliseconds since 1970 so that both databases compare and index it alike."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // timedelta(milliseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(milliseconds=value)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return self


# SQLite gives rowids, and so the fastest inserts, to INTEGER keys only.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


# Whoever still holds the id of a row that was erased must not meet somebody else behind it: SQLite by itself gives the
# last ids again.
NEVER_AGAIN: dict[str, Any] = {"sqlite_autoincrement": True}


def table(name: str, *columns: Any, **options: Any) -> sa.Table:
    return sa.Table(name, metadata, *columns, **options)


def column(name: str, kind: Any, *rest: Any, **options: Any) -> sa.Column[Any]:
    options.setdefault("nullable", False)
    return sa.Column(name, kind, *rest, **options)


def reference(name: str, to: str, **options: Any) -> sa.Column[Any]:
    return column(name, Id, sa.ForeignKey(to, ondelete="CASCADE"), **options)


def partial_index(name: str, *columns: sa.Column[Any], where: sa.ColumnElement[bool]) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


# ── News ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

sources = table(
    "sources",
    column("id", Id, primary_key=True),
    column("name", sa.Text, unique=True),
    column("kind", sa.Text),
    column("url", sa.Text),
    column("every_seconds", sa.Float),
    column("trusted", sa.Boolean),
    column("allow_private", sa.Boolean),
    column("options", sa.JSON),  # what its kind needs besides the address: selectors, an appname …
    column("origin", sa.Text),  # 'file': from the settings; 'added': by `serai source add`
    column("state", sa.Text, server_default="on"),  # on | off | dropped (no longer in the settings)
    column("why", sa.Text, server_default=""),
    column("etag", sa.Text, server_default=""),
    column("last_modified", sa.Text, server_default=""),
    column("failures", sa.Integer, server_default="0"),
    column("next_at", Moment, nullable=True),
    column("fetched_at", Moment, nullable=True),
    column("succeeded_at", Moment, nullable=True),
    column("first_fetched_at", Moment, nullable=True),  # what came then is stored, never pushed
    column("alarmed_at", Moment, nullable=True),  # when an admin was told that it was given up
)

dispatches = table(
    "dispatches",
    column("id", Id, primary_key=True),
    reference("source_id", "sources.id"),
    column("title", sa.Text),
    column("text", sa.Text),
    column("summary", sa.Text),
    column("link", sa.Text),
    column("language", sa.Text, nullable=True),
    column("places", sa.JSON),
    column("dateline_country", sa.Text, nullable=True),
    column("published", Moment, nullable=True),
    column("first_seen", Moment),
    column("changed_at", Moment),
    column("sort_at", Moment),  # published, else first seen; never in the future
    column("fingerprint", sa.LargeBinary),  # of the folded words: the same text from a second source is the same news
    column("status", sa.Text),  # held | ready | withdrawn
    column("why", sa.Text, server_default=""),  # why it is held
    column("push", sa.Boolean),  # false: first fetch, or too old when it came
    column("valid_until", Moment, nullable=True),
    column("shown_at", Moment, nullable=True),  # when editors were shown that it waits for one of them
    sa.Index("ix_dispatches_recent", "status", "sort_at"),
    sa.Index("ix_dispatches_fingerprint", "fingerprint"),
)

identities = table(
    "identities",
    reference("source_id", "sources.id", primary_key=True),
    column("identity", sa.Text, primary_key=True),
    reference("dispatch_id", "dispatches.id", index=True),
    column("text_hash", sa.LargeBinary),  # as last seen; another one means an edit
    column("seen_at", Moment),
)

dispatch_countries = table(
    "dispatch_countries",
    reference("dispatch_id", "dispatches.id", primary_key=True),
    column("country", sa.Text, primary_key=True),
    sa.Index("ix_dispatch_countries_country", "country", "dispatch_id"),
)

dispatch_topics = table(
    "dispatch_topics",
    reference("dispatch_id", "dispatches.id", primary_key=True),
    column("topic", sa.Text, primary_key=True),
    sa.Index("ix_dispatch_topics_topic", "topic", "dispatch_id"),
)

# ── People ───────────────────────────────────────────────────────────────────────────────────────────────────────────

people = table(
    "people",
    column("id", Id, primary_key=True),
    column("pseudonym", sa.Text, unique=True),
    # person | group: both are recipients, in one space of ids. leaving: whom a last message must still reach
    column("kind", sa.Text, server_default="person"),
    column("key_id", sa.Text),
    column("language", sa.Text, nullable=True),  # chosen, never guessed
    column("zone", sa.Text, nullable=True),
    column("created_at", Moment),
    column("seen_at", Moment),
    column("agreed_at", Moment, nullable=True),
    column("agreed_to", sa.Text, nullable=True),  # the version of the words that were agreed to
    column("subscribed", sa.Boolean, server_default=sa.false()),
    column("since", Moment, nullable=True),
    column("stopped_at", Moment, nullable=True),
    column("all_topics", sa.Boolean, server_default=sa.false()),
    column("all_countries", sa.Boolean, server_default=sa.false()),
    column("regional", sa.Boolean, server_default=sa.false()),
    column("frequency", sa.Text, server_default="now"),  # now | daily | weekly, with a local time ("daily 18:30")
    column("quiet", sa.Text, nullable=True),  # HH:MM-HH:MM | off; null: the house's
    column("pushed_on", sa.Text, nullable=True),  # the local date of their last push, and how many there were on it
    column("pushes", sa.SmallInteger, server_default="0"),
    column("digest_at", Moment, nullable=True),
    column("step", sa.Text, server_default=""),  # what the conversation waits for
    column("offered", sa.JSON, nullable=True),  # the lines that the last choices stand for, where choices are numbered
    **NEVER_AGAIN,
)

partial_index("ix_people_leaving", people.c.id, where=people.c.kind == "leaving")

person_topics = table(
    "person_topics",
    reference("person_id", "people.id", primary_key=True),
    column("topic", sa.Text, primary_key=True),
    sa.Index("ix_person_topics_topic", "topic", "person_id"),
)

person_countries = table(
    "person_countries",
    reference("person_id", "people.id", primary_key=True),
    column("country", sa.Text, primary_key=True),
    sa.Index("ix_person_countries_country", "country", "person_id"),
)

addresses = table(
    "addresses",
    column("id", Id, primary_key=True),
    reference("person_id", "people.id", index=True),
    column("channel", sa.Text),
    column("account", sa.Text),
    column("lookup", sa.LargeBinary),  # keyed hash: finds, does not hide
    column("record", sa.Text),
    column("sealed", sa.LargeBinary),
    column("key_id", sa.Text),
    column("state", sa.Text, server_default="open"),  # open | gone
    column("why", sa.Text, server_default=""),
    column("window_until", Moment, nullable=True),
    column("heard_at", Moment, nullable=True),  # the platform's time of the last word, press or start
    column("left_at", Moment, nullable=True),  # the platform's time of the last block
    column("created_at", Moment),
    sa.UniqueConstraint("account", "lookup"),
    **NEVER_AGAIN,
)

# Stop, delete, withdraw: the will of people, replayed before a restored database opens a door (reliability.md, S1).
wills = table(
    "wills",
    column("id", Id, primary_key=True),
    column("pseudonym", sa.Text),
    column("deed", sa.Text),
    column("at", Moment),
)

# Keys that must be destroyed: written in the commit that erases, gone when no file holds the key any more.
doomed_keys = table("doomed_keys", column("key_id", sa.Text, primary_key=True), column("at", Moment))

# The one-time link to a copy of what is kept about a person; a later one takes its place.
exports = table(
    "exports",
    column("hash", sa.LargeBinary, primary_key=True),
    reference("person_id", "people.id", unique=True),
    column("made_at", Moment),
)

questions = table(
    "questions",
    column("id", Id, primary_key=True),
    reference("person_id", "people.id", index=True),
    column("record", sa.Text),
    column("sealed", sa.LargeBinary),
    column("key_id", sa.Text),
    column("language", sa.Text, nullable=True),
    column("asked_at", Moment),
    column("state", sa.Text, server_default="waiting"),
    **NEVER_AGAIN,
)

# ── Words in ─────────────────────────────────────────────────────────────────────────────────────────────────────────

updates = table(
    "updates",
    column("id", Id, primary_key=True),
    column("account", sa.Text),
    reference("address_id", "addresses.id"),
    column("kind", sa.Text),
    column("record", sa.Text),
    column("sealed", sa.LargeBinary),
    column("key_id", sa.Text),
    column("at", Moment),  # the platform's time
    column("received_at", Moment),
    column("state", sa.Text, server_default="new"),  # new | handled | failed
    column("attempts", sa.Integer, server_default="0"),
    column("handled_at", Moment, nullable=True),
    **NEVER_AGAIN,
)
partial_index("ix_updates_new", updates.c.id, where=updates.c.state == "new")
# With the state: whoever wrote thousands of words must not make the search for the next one slow.
sa.Index("ix_updates_address", updates.c.address_id, updates.c.state, updates.c.id)

# Keyed hashes of (account, the platform's id), kept eight days, for Meta repeats a webhook for seven (K1).
seen_updates = table(
    "seen_updates", column("hash", sa.LargeBinary, primary_key=True), column("seen_at", Moment, index=True)
)

# ── News out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

broadcasts = table(
    "broadcasts",
    column("id", Id, primary_key=True),
    column("kind", sa.Text),  # dispatch | staff | correction (of what was sent: in its place where the channel can)
    reference("dispatch_id", "dispatches.id", nullable=True),
    column("corrects", Id, nullable=True),  # the broadcast that this one corrects or takes back
    column("content", sa.JSON, nullable=True),  # by language: what staff wrote; it is public, so it is not sealed
    column("purpose", sa.Text, server_default="news"),
    column("audience", sa.JSON, nullable=True),
    column("urgent", sa.Boolean, server_default=sa.false()),
    column("reason", sa.Text, server_default=""),  # why it is urgent
    column("approved_by", sa.Text, server_default=""),  # the second of the two people that an urgent one needs
    column("state", sa.Text),  # draft | planning | trial | sending | paused | cancelled | withdrawn | done
    column("why", sa.Text, server_default=""),  # why it is paused
    column("size", sa.Integer, server_default="0"),  # of its audience, counted when it was confirmed
    column("trial", sa.Integer, server_default="0"),  # so many go first; 0: no trial, or it is over
    column("ended_at", Moment, nullable=True),
    # Notes while it runs; at the end, how many are in each state, and how many stopped after it.
    column("outcome", sa.JSON, nullable=True),
    column("cursor", Id, server_default="0"),  # the last person planned; moves with its chunk (C3)
    column("created_at", Moment),
    column("valid_until", Moment, nullable=True),
    column("planned_at", Moment, nullable=True),
    column("created_by", sa.Text, server_default=""),
)
sa.Index(
    "uq_broadcasts_one_for_each_dispatch",
    broadcasts.c.dispatch_id,
    unique=True,
    sqlite_where=broadcasts.c.kind == "dispatch",
    postgresql_where=broadcasts.c.kind == "dispatch",
)

deliveries = table(
    "deliveries",
    column("id", Id, primary_key=True),
    reference("broadcast_id", "broadcasts.id", nullable=True),  # none: a reply
    reference("recipient_id", "people.id", index=True),
    column("account", sa.Text),
    reference("address_id", "addresses.id", nullable=True),  # news: chosen at sending
    reference("update_id", "updates.id", nullable=True),  # the update that a reply answers
    column("lead_id", Id, nullable=True),  # it goes out inside the message of this delivery, to the same person
    column("purpose", sa.Text),
    column("priority", sa.SmallInteger),  # 0: a reply
    column("record", sa.Text, nullable=True),
    column("sealed", sa.LargeBinary, nullable=True),  # the reply
    column("key_id", sa.Text, nullable=True),
    column("state", sa.Text, server_default="pending"),
    column("due_at", Moment),
    column("valid_until", Moment, nullable=True),
    column("window_until", Moment, nullable=True),
    column("epoch", sa.BigInteger, nullable=True),
    column("attempt", sa.Integer, server_default="0"),  # how often it was marked 'sending'
    column("resent", sa.Boolean, server_default=sa.false()),  # after an unclear end; once at most
    column("plain", sa.Boolean, server_default=sa.false()),  # its markup was refused
    column("anew", sa.Boolean, server_default=sa.false()),  # the message that it replaces can't be edited
    column("part", sa.Integer, server_default="0"),  # the part reached: so many are out
    column("ids", sa.JSON, nullable=True),  # the platform's ids of the parts
    column("why", sa.Text, server_default=""),
    column("created_at", Moment),
    column("marked_at", Moment, nullable=True),
    column("done_at", Moment, nullable=True),
    sa.UniqueConstraint("broadcast_id", "recipient_id"),
    **NEVER_AGAIN,
)
partial_index(
    "ix_deliveries_pending",
    deliveries.c.account,
    deliveries.c.priority,
    deliveries.c.due_at,
    deliveries.c.id,
    where=deliveries.c.state == "pending",
)
partial_index(
    "ix_deliveries_under_way",
    deliveries.c.account,
    deliveries.c.state,
    where=deliveries.c.state.in_(["claimed", "sending"]),
)
# What waits for a person: it goes out together, and moves when they change when they want to hear.
partial_index("ix_deliveries_waiting", deliveries.c.recipient_id, where=deliveries.c.state == "pending")
partial_index("ix_deliveries_closed", deliveries.c.recipient_id, where=deliveries.c.state == "closed")
# What ends is found by its age; what refers to an update or an address is found when that is forgotten.
for _column in (deliveries.c.done_at, deliveries.c.update_id, deliveries.c.address_id, deliveries.c.lead_id):
    partial_index(f"ix_deliveries_{_column.name}", _column, where=_column.is_not(None))

told = table(
    "told",
    reference("recipient_id", "people.id", primary_key=True),
    reference("dispatch_id", "dispatches.id", primary_key=True),
    reference("broadcast_id", "broadcasts.id"),
    column("at", Moment),
)

# A picture of a broadcast, under the hash of its bytes.
pictures = table(
    "pictures",
    column("name", sa.Text, primary_key=True),
    column("mime", sa.Text),
    column("data", sa.LargeBinary),
    column("made_at", Moment),
)

# ── Staff ────────────────────────────────────────────────────────────────────────────────────────────────────────────

staff = table(
    "staff",
    column("id", Id, primary_key=True),
    column("name", sa.Text, unique=True),
    column("role", sa.Text),  # editor | counsellor | supervisor | admin | partner
    # The chat that they work from; erasing oneself as a person leaves the member of staff.
    column("person_id", Id, sa.ForeignKey("people.id", ondelete="SET NULL"), nullable=True, unique=True),
    column("code", sa.LargeBinary, nullable=True, unique=True),  # keyed hash; of one use
    column("code_until", Moment, nullable=True),
    column("state", sa.Text, server_default="on"),  # on | off
    column("created_at", Moment),
    column("bound_at", Moment, nullable=True),
    **NEVER_AGAIN,
)

# Who of the staff did what, and why. No words of people.
audit = table(
    "audit",
    column("id", Id, primary_key=True),
    column("at", Moment),
    column("who", sa.Text),  # a name of the staff, or "shell"
    column("deed", sa.Text),
    column("about", sa.Text, server_default=""),  # like "broadcast 12"
    column("why", sa.Text, server_default=""),
    **NEVER_AGAIN,
)

# ── The house ────────────────────────────────────────────────────────────────────────────────────────────────────────

leases = table(
    "leases",
    column("name", sa.Text, primary_key=True),  # 'schedule', 'account:main'
    column("holder", sa.Text),
    column("epoch", sa.BigInteger),
    column("expires_at", sa.BigInteger),  # milliseconds of the database's clock
)

accounts = table(
    "accounts",
    column("name", sa.Text, primary_key=True),
    column("channel", sa.Text),
    column("held_until", Moment, nullable=True),  # a 429 outlives the process
    column("broken", sa.Text, server_default=""),
    column("broken_at", Moment, nullable=True),
    column("alarmed_at", Moment, nullable=True),  # when an admin was told
)

# ── Web chat ─────────────────────────────────────────────────────────────────────────────────────────────────────────

chat_sittings = table(
    "chat_sittings",
    column("token", sa.LargeBinary, primary_key=True),  # keyed hash of what the tab holds
    reference("address_id", "addresses.id", index=True),
    column("opened_at", Moment),
    column("acted_at", Moment),  # the person's last act
    column("listened_at", Moment),  # the tab's last sign of life
    column("ended_at", Moment, nullable=True),
)

chat_lines = table(
    "chat_lines",
    column("id", Id, primary_key=True),
    reference("address_id", "addresses.id"),
    column("ours", sa.Boolean),
    column("record", sa.Text),
    column("sealed", sa.LargeBinary),
    column("key_id", sa.Text),
    column("changed", Id),  # grows with each change, so that a tab can ask for what is new
    column("at", Moment),
    sa.Index("ix_chat_lines_address", "address_id", "changed"),
    **NEVER_AGAIN,
)

chat_receipts = table(
    "chat_receipts",
    column("hash", sa.LargeBinary, primary_key=True),
    reference("address_id", "addresses.id", unique=True),
    column("made_at", Moment),
)
