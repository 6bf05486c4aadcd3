"""What the CRM's API is to be asked for, how far going through it has come, and how each delivery came. Two
new tables, and a column with a default: a version that does not know them goes on as before, and every
delivery that it stores is a webhook's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
oldest = "0001"


def upgrade() -> None:
    """Make them."""
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.add_column(
            sa.Column("source", sa.Text(), nullable=False, server_default="webhook", comment="how it came")
        )
    op.create_table(
        "needs",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("wanted_by", sa.BigInteger(), nullable=False, comment="the newest delivery that wants it"),
        sa.Column("tries", sa.Integer(), nullable=False, comment="how often the API was asked in vain"),
        sa.Column("ask_at", sa.BigInteger(), nullable=False, comment="not before it is the API asked"),
        sa.PrimaryKeyConstraint("account", "entity", "id", name="needs_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_index("needs_ask", "needs", ["account", "ask_at"])
    op.create_table(
        "syncs",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False, comment="which process works the account's API"),
        sa.Column("held_until", sa.BigInteger(), nullable=False, comment="when others may take it over"),
        sa.Column("pass", sa.Text(), comment="JSON; what is being gone through, and how far it has come"),
        sa.Column("synced_at", sa.BigInteger(), comment="state is the CRM's up to then"),
        sa.Column("missed", sa.Integer(), nullable=False, comment="what the last reconciliation mended"),
        sa.Column("trouble", sa.Text(), nullable=False, comment="what somebody must see to, or empty"),
        sa.PrimaryKeyConstraint("account", name="syncs_pkey"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("syncs")
    op.drop_index("needs_ask", "needs")
    op.drop_table("needs")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.drop_column("source")
