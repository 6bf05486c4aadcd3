"""An index of lost deals, by the moment at which they were lost. A version that does not know it goes on as
before: no column changes, and the database keeps the index by itself. While it is being made, whoever writes
deals waits, and webhooks with them: a second or so for each million deals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
oldest = "0001"


def upgrade() -> None:
    """Make it."""
    partial = sa.text("lost_at IS NOT NULL")
    op.create_index(
        "deals_lost", "deals", ["account", "lost_at"], sqlite_where=partial, postgresql_where=partial
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("deals_lost", "deals")
