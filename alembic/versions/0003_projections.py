"""The projections: tables of keyed sums. New tables only: nothing reads them yet; they are filled from state
at the next start."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
oldest = "0001"

SUMS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("losses", ("day", "reason_id", "manager_id", "pipeline_id"), ("count", "amount")),
    ("loss_days", ("day", "reason_id"), ("count", "amount")),
    ("deal_tasks", ("deal_id",), ("open_tasks", "overdue_tasks")),
    ("deal_managers", ("deal_id", "manager_id"), ("overdue_tasks",)),
    (
        "client_deals",
        ("client_id",),
        ("open_deals", "open_amount", "late_amount", "deal_tasks", "own_tasks"),
    ),
    ("client_managers", ("client_id", "manager_id"), ("late_amount", "deal_tasks", "own_tasks")),
    ("deals_at_risk", ("client_id", "deal_id"), ("tasks", "amount")),
    ("stakes", ("client_id",), ("tasks", "amount", "open_amount")),
    ("manager_stakes", ("manager_id",), ("tasks", "amount")),
    ("at_risk", (), ("clients", "amount", "tasks")),
    ("habits", ("day", "manager_id"), ("late_tasks", "late_us", "overdue_tasks", "overdue_us")),
    ("no_next_step", (), ("deals", "amount")),
    ("deal_saves", ("deal_id",), ("tasks",)),
    ("client_saves", ("client_id",), ("deals", "open_amount", "won_amount", "own_tasks")),
    ("saved_clients", ("client_id",), ("clients", "amount")),
    ("saved_today", (), ("clients", "amount")),
    ("unconverted", ("currency",), ("deals",)),
)
"""Name, key after the account, and measures of each."""


def upgrade() -> None:
    """Make them."""
    for name, key, measures in SUMS:
        op.create_table(
            name,
            sa.Column("account", sa.Text(), nullable=False),
            *(sa.Column(part, sa.Integer() if part == "day" else sa.Text(), nullable=False) for part in key),
            *(sa.Column(measure, sa.BigInteger(), nullable=False) for measure in measures),
            sa.PrimaryKeyConstraint("account", *key, name=f"{name}_pkey"),
            sqlite_with_rowid=False,
        )


def downgrade() -> None:
    """Drop them."""
    for name, _, _ in reversed(SUMS):
        op.drop_table(name)
