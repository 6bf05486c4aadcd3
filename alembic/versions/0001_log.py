"""The log: heads, deliveries, quarantine, patches. The first revision: nothing runs beside it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
oldest = "0001"


def upgrade() -> None:
    """Make the tables of the log."""
    op.create_table(
        "heads",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="counts the commits"),
        sa.Column("deliveries", sa.BigInteger(), nullable=False, comment="the newest delivery's number"),
        sa.Column(
            "as_of", sa.BigInteger(), nullable=False, comment="the moment that the projections are true at"
        ),
        sa.Column(
            "next_tick_at", sa.BigInteger(), nullable=False, comment="no board changes by itself before it"
        ),
        sa.Column("last_delivery_at", sa.BigInteger(), comment="when the CRM was last heard from"),
        sa.Column(
            "pruned", sa.BigInteger(), nullable=False, comment="bodies are gone up to this delivery's number"
        ),
        sa.Column("shape", sa.Text(), nullable=False, comment="what the projections were computed with"),
        sa.PrimaryKeyConstraint("account", name="heads_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="gapless, in the order of storing"),
        sa.Column("key", sa.Text(), nullable=False, comment="the webhook's id, or a digest of the body"),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False, comment="JSON; those that decoding needs"),
        sa.Column("body", sa.LargeBinary(), comment="raw; null once pruned"),
        sa.Column("changed", sa.Text(), nullable=False, comment="JSON; what it changed, for people"),
        sa.PrimaryKeyConstraint("account", "number", name="deliveries_pkey"),
        sa.UniqueConstraint("account", "key", name="deliveries_account_key_key"),
    )
    op.create_table(
        "quarantine",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="the delivery's"),
        sa.Column("part", sa.Integer(), nullable=False, comment="which event of its body, from 0"),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False, comment="a traceback, or empty"),
        sa.PrimaryKeyConstraint("account", "number", "part", name="quarantine_pkey"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "patches",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column(
            "touched", sa.Text(), nullable=False, comment="JSON; which rows of the board may look different"
        ),
        sa.PrimaryKeyConstraint("account", "seq", name="patches_pkey"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("patches", "quarantine", "deliveries", "heads"):
        op.drop_table(table)
