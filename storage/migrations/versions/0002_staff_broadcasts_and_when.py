"""Staff, what they send to many, and when each person wants to hear from us."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.schema import Moment

revision = "0002"
down_revision = "0001"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# No column here refers to another table: SQLite adds those only by making the table anew.
COLUMNS: dict[str, list[sa.Column[object]]] = {
    "people": [
        sa.Column("pushed_on", sa.Text(), nullable=True),
        sa.Column("pushes", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("digest_at", Moment(), nullable=True),
    ],
    "broadcasts": [
        sa.Column("corrects", Id, nullable=True),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("approved_by", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trial", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
    ],
    "dispatches": [sa.Column("shown_at", Moment(), nullable=True)],
    "sources": [sa.Column("alarmed_at", Moment(), nullable=True)],
    "accounts": [sa.Column("alarmed_at", Moment(), nullable=True)],
    "deliveries": [sa.Column("lead_id", Id, nullable=True)],
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column._copy())
    waits, led = sa.text("state = 'pending'"), sa.text("lead_id IS NOT NULL")
    op.create_index("ix_deliveries_waiting", "deliveries", ["recipient_id"], sqlite_where=waits, postgresql_where=waits)
    op.create_index("ix_deliveries_lead_id", "deliveries", ["lead_id"], sqlite_where=led, postgresql_where=led)
    op.create_table(
        "pictures",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pictures")),
    )
    op.create_table(
        "staff",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("person_id", Id, nullable=True),
        sa.Column("code", sa.LargeBinary(), nullable=True),
        sa.Column("code_until", Moment(), nullable=True),
        sa.Column("state", sa.Text(), server_default="on", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("bound_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_staff_person_id_people"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("name", name=op.f("uq_staff_name")),
        sa.UniqueConstraint("person_id", name=op.f("uq_staff_person_id")),
        sa.UniqueConstraint("code", name=op.f("uq_staff_code")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("staff")
    op.drop_table("pictures")
    op.drop_index("ix_deliveries_lead_id", "deliveries")
    op.drop_index("ix_deliveries_waiting", "deliveries")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
