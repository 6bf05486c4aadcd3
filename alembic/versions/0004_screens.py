"""Named screens. A new table only: a version that does not know it goes on as before, and shows boards to
whoever it did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
oldest = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "screens",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="of the link's token"),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), comment="when it was last known to be open"),
        sa.PrimaryKeyConstraint("account", "name", name="screens_pkey"),
        sa.UniqueConstraint("account", "digest", name="screens_account_digest_key"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("screens")
