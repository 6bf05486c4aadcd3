"""State: what is known of each deal, task, client, manager, reason and pipeline. New tables only: nothing
reads them yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
oldest = "0001"

NAMED = ("clients", "managers", "reasons", "pipelines")


def _state(name: str, *columns: sa.Column[str] | sa.Column[int] | sa.Column[bool]) -> None:
    op.create_table(
        name,
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        *columns,
        sa.Column("stamps", sa.Text(), nullable=False, comment="JSON; the version of each field's value"),
        sa.Column("deleted", sa.BigInteger(), comment="the version of the newest delete"),
        sa.PrimaryKeyConstraint("account", "id", name=f"{name}_pkey"),
        sqlite_with_rowid=False,
    )


def upgrade() -> None:
    """Make the state tables, and what tasks are indexed by."""
    _state(
        "deals",
        sa.Column("known", sa.Boolean()),
        sa.Column("name", sa.Text()),
        sa.Column("status", sa.Text()),
        sa.Column("reason_id", sa.Text()),
        sa.Column("amount", sa.BigInteger()),
        sa.Column("currency", sa.Text()),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("url", sa.Text()),
        sa.Column("client_id", sa.Text()),
        sa.Column("manager_id", sa.Text()),
        sa.Column("pipeline_id", sa.Text()),
        sa.Column("lost_at", sa.BigInteger()),
    )
    _state(
        "tasks",
        sa.Column("text", sa.Text()),
        sa.Column("deal_id", sa.Text()),
        sa.Column("client_id", sa.Text()),
        sa.Column("manager_id", sa.Text()),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("completed", sa.Boolean()),
        sa.Column("completed_at", sa.BigInteger()),
        sa.Column("url", sa.Text()),
        sa.Column("done_at", sa.BigInteger()),
        sa.Column("open_due_at", sa.BigInteger()),
    )
    for name in NAMED:
        _state(name, sa.Column("name", sa.Text()))
    for name, column, where in (
        ("tasks_due", "open_due_at", "open_due_at IS NOT NULL"),
        ("tasks_done", "done_at", "done_at IS NOT NULL"),
        ("tasks_deal", "deal_id", "open_due_at IS NOT NULL AND deal_id IS NOT NULL"),
        ("tasks_client", "client_id", "open_due_at IS NOT NULL AND client_id IS NOT NULL"),
    ):
        partial = sa.text(where)
        op.create_index(name, "tasks", ["account", column], sqlite_where=partial, postgresql_where=partial)


def downgrade() -> None:
    """Drop them."""
    for table in (*reversed(NAMED), "tasks", "deals"):
        op.drop_table(table)
