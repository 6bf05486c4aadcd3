"""The ledger: the log, state, projections, named screens, and what is asked of the CRM's API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.ledger.database.ddl import KEYED, STRICT, Flag, Number, create_sums

revision = "0001"
down_revision = None
oldest = "0001"
safe_because = "It is the first: no node runs before it."

NAMED = ("managers", "reasons", "pipelines")

SUMS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("losses", ("day", "reason_id", "manager_id", "pipeline_id"), ("count", "amount")),
    ("loss_days", ("day", "reason_id"), ("count", "amount")),
    ("deal_tasks", ("deal_id",), ("open_tasks", "overdue_tasks")),
    ("deal_managers", ("deal_id", "manager_id"), ("overdue_tasks",)),
    (
        "client_deals",
        ("client_id",),
        ("open_deals", "open_amount", "late_amount", "deal_tasks", "own_tasks", "gone"),
    ),
    ("client_managers", ("client_id", "manager_id"), ("late_amount", "deal_tasks", "own_tasks")),
    ("deals_at_risk", ("client_id", "deal_id"), ("tasks", "amount")),
    ("stakes", ("client_id",), ("tasks", "amount", "open_amount")),
    ("manager_stakes", ("manager_id",), ("tasks", "amount")),
    ("at_risk", (), ("clients", "amount", "tasks")),
    ("habits", ("day", "manager_id"), ("late_tasks", "late_s", "overdue_tasks", "overdue_us")),
    ("no_next_step", (), ("deals", "amount")),
    ("deal_saves", ("deal_id",), ("tasks",)),
    ("client_saves", ("client_id",), ("deals", "open_amount", "won_amount", "own_tasks")),
    ("saved_clients", ("client_id",), ("clients", "amount")),
    ("saved_today", (), ("clients", "amount")),
    ("unconverted", ("currency",), ("deals",)),
    ("amount_unknown", (), ("deals",)),
    ("unpriced", ("currency", "deal_id"), ("deals",)),
)
"""Name, key after the account, and measures of each projection's tables."""


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=name)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    return _check(column, " OR ".join(f"{column} = '{value}'" for value in values))


def _moment(column: str) -> sa.CheckConstraint:
    """The years 2000 to 2100, in microseconds since 1970."""
    return _check(column, f"{column} BETWEEN 946684800000000 AND 4133980799999999")


def _heads() -> None:
    op.create_table(
        "heads",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("seq", Number, nullable=False, comment="number of the last commit"),
        sa.Column("deliveries", Number, nullable=False, comment="number of the newest delivery"),
        sa.Column("as_of", Number, nullable=False, comment="the moment that the projections are true at"),
        sa.Column("next_tick_at", Number, nullable=False, comment="before it, time alone changes nothing"),
        sa.Column("last_delivery_at", Number, comment="when the last webhook came"),
        sa.Column("pruned", Number, nullable=False, comment="bodies up to this delivery are dropped"),
        sa.Column(
            "revision", sa.Integer, nullable=False, comment="of the projections' code that computed them"
        ),
        sa.Column(
            "rules_fingerprint", sa.Text, nullable=False, comment="the rules that they were computed by"
        ),
        sa.Column("known_from", sa.Integer, comment="the first day of which the losses are complete"),
        sa.Column("quarantined", Number, nullable=False, comment="deliveries in quarantine"),
        sa.Column("looked_at", Number, comment="when retention last looked, by the service's clock"),
        sa.Column(
            "has_mergers",
            Flag(create_constraint=True, name="has_mergers"),
            nullable=False,
            comment="whether state has mergers",
        ),
        sa.PrimaryKeyConstraint("account", name="heads_pkey"),
        _check("seq", "seq >= 0"),
        _check("deliveries", "deliveries >= 0"),
        _check("pruned", "pruned BETWEEN 0 AND deliveries"),
        _check("revision", "revision >= 1"),
        _check("quarantined", "quarantined BETWEEN 0 AND deliveries"),
        **KEYED,
    )


def _log() -> None:
    op.create_table(
        "deliveries",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("number", Number, nullable=False, comment="gapless, in the order of storing"),
        sa.Column("key", sa.Text, nullable=False, comment="the webhook's id, or a digest of the body"),
        sa.Column("content", sa.Text, nullable=False, comment="a digest of what the id stands for, or empty"),
        sa.Column(
            "conflicts_with",
            Number,
            comment="number of the delivery whose id came again with another body",
        ),
        sa.Column("received_at", Number, nullable=False),
        sa.Column("headers", sa.Text, nullable=False, comment="JSON; those that decoding needs"),
        sa.Column("body", sa.LargeBinary, comment="raw; null once pruned"),
        sa.Column("changed", sa.Text, nullable=False, comment="JSON; what it changed, for people"),
        sa.Column("source", sa.Text, nullable=False, comment="how it came"),
        sa.Column(
            "applied",
            Flag(create_constraint=True, name="applied"),
            nullable=False,
            comment="whether state has what can be decoded of it",
        ),
        sa.PrimaryKeyConstraint("account", "number", name="deliveries_pkey"),
        sa.UniqueConstraint("account", "key", name="deliveries_account_key_key"),
        _check("number", "number >= 1"),
        _one_of("source", "webhook", "test", "answer", "sync", "import", "forget"),
        **STRICT,
    )
    op.create_table(
        "quarantine",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("number", Number, nullable=False, comment="of the delivery"),
        sa.Column("part", sa.Integer, nullable=False, comment="index of the event in its body, from 0"),
        sa.Column("place", sa.Integer, nullable=False, comment="among the rejections of the part, from 0"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, comment="a traceback, or empty"),
        sa.PrimaryKeyConstraint("account", "number", "part", "place", name="quarantine_pkey"),
        _check("part", "part >= 0"),
        _check("place", "place >= 0"),
        **KEYED,
    )
    op.create_table(
        "invalidations",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("seq", Number, nullable=False, comment="number of the commit"),
        sa.Column(
            "stale", sa.Text, nullable=False, comment="JSON; the parts of the board that it made stale"
        ),
        sa.PrimaryKeyConstraint("account", "seq", name="invalidations_pkey"),
        **KEYED,
    )


def _screens() -> None:
    op.create_table(
        "screens",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, comment="of the link's token"),
        sa.Column("view", sa.Text, nullable=False, comment="parameters that its requests have by default"),
        sa.Column("added_at", Number, nullable=False),
        sa.Column("seen_at", Number, comment="when it was last seen open"),
        sa.Column("role", sa.Text, nullable=False, comment="what the holder of its link may do"),
        sa.PrimaryKeyConstraint("account", "name", name="screens_pkey"),
        sa.UniqueConstraint("account", "digest", name="screens_account_digest_key"),
        _one_of("role", "viewer", "editor"),
        **KEYED,
    )


def _classified() -> None:
    op.create_table(
        "classified",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, comment="the reason's name or id, as names are compared"),
        sa.Column("reason", sa.Text, nullable=False, comment="as the board showed it"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column(
            "screen", sa.Text, nullable=False, comment="name of the screen that it was classified from"
        ),
        sa.Column("classified_at", Number, nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name="classified_pkey"),
        _one_of("kind", "controllable", "objective", "excluded"),
        **KEYED,
    )


def _sync() -> None:
    op.create_table(
        "needs",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("wanted_by", Number, nullable=False, comment="number of the newest delivery that wants it"),
        sa.Column("tries", sa.Integer, nullable=False, comment="calls of the API that failed so far"),
        sa.Column("ask_at", Number, nullable=False, comment="the next call is not made before"),
        sa.PrimaryKeyConstraint("account", "entity", "id", name="needs_pkey"),
        _one_of("entity", "deal", "task", "client", "manager", "reason", "pipeline", "merger"),
        _check("tries", "tries >= 0"),
        **KEYED,
    )
    op.create_index("needs_ask", "needs", ["account", "ask_at"])
    op.create_table(
        "syncs",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False, comment="the process that calls the account's API"),
        sa.Column("held_until", Number, nullable=False, comment="when another process may take over"),
        sa.Column("run", sa.Text, comment="JSON; the run under way, and how far it has come"),
        sa.Column("synced_at", Number, comment="state agrees with the CRM up to then"),
        sa.Column(
            "repaired",
            sa.Integer,
            nullable=False,
            comment="deals and tasks that the last reconciliation changed",
        ),
        sa.PrimaryKeyConstraint("account", name="syncs_pkey"),
        _check("repaired", "repaired >= 0"),
        **KEYED,
    )
    op.create_table(
        "troubles",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, comment="what it is about, or empty"),
        sa.Column("count", Number, nullable=False, comment="how often it happened"),
        sa.Column("since", Number, nullable=False, comment="when it happened first"),
        sa.Column("last_at", Number, nullable=False, comment="when it happened last"),
        sa.PrimaryKeyConstraint("account", "code", "subject", name="troubles_pkey"),
        _one_of(
            "code",
            "api_token",
            "api_forbidden",
            "api_unpaid",
            "api_moved",
            "api_not_found",
            "api_rejected",
            "api_unreachable",
            "api_junk",
            "webhook_off",
            "reason_field",
            "requests_refused",
        ),
        _check("count", "count >= 1"),
        **KEYED,
    )


def _state(name: str, *parts: sa.Column[str] | sa.Column[int] | sa.Column[bool] | sa.CheckConstraint) -> None:
    op.create_table(
        name,
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        *parts,
        sa.Column("stamps", sa.Text, nullable=False, comment="JSON; the version of each field's value"),
        sa.Column("deleted", Number, comment="the version of the newest delete"),
        sa.PrimaryKeyConstraint("account", "id", name=f"{name}_pkey"),
        **KEYED,
    )


def _deals_and_tasks() -> None:
    _state(
        "deals",
        sa.Column("known", Flag(create_constraint=True, name="known")),
        sa.Column("name", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("reason_id", sa.Text),
        sa.Column("stage_id", sa.Text),
        sa.Column("amount", Number),
        sa.Column("currency", sa.Text),
        sa.Column("closed_at", Number),
        sa.Column("url", sa.Text),
        sa.Column("client_id", sa.Text),
        sa.Column("manager_id", sa.Text),
        sa.Column("pipeline_id", sa.Text),
        sa.Column("lost_at", Number),
        _one_of("status", "open", "won", "lost"),
        _check("amount", "amount BETWEEN -100000000000000 AND 100000000000000"),
        _check("currency", "length(currency) = 3"),
        _moment("closed_at"),
    )
    _state(
        "tasks",
        sa.Column("text", sa.Text),
        sa.Column("deal_id", sa.Text),
        sa.Column("client_id", sa.Text),
        sa.Column("manager_id", sa.Text),
        sa.Column("due_at", Number),
        sa.Column("completed", Flag(create_constraint=True, name="completed")),
        sa.Column("completed_at", Number),
        sa.Column("url", sa.Text),
        sa.Column("done_at", Number),
        sa.Column("open_due_at", Number),
        _moment("due_at"),
        _moment("completed_at"),
    )
    _state(
        "clients",
        sa.Column("name", sa.Text),
        sa.Column("phone", sa.Text),
        _check("phone", "length(phone) BETWEEN 5 AND 16"),
    )
    for name, table, column, where in (
        ("deals_lost", "deals", "lost_at", "lost_at IS NOT NULL"),
        ("tasks_due", "tasks", "open_due_at", "open_due_at IS NOT NULL"),
        ("tasks_done", "tasks", "done_at", "done_at IS NOT NULL"),
        ("tasks_deal", "tasks", "deal_id", "open_due_at IS NOT NULL AND deal_id IS NOT NULL"),
        ("tasks_client", "tasks", "client_id", "open_due_at IS NOT NULL AND client_id IS NOT NULL"),
    ):
        partial = sa.text(where)
        op.create_index(name, table, ["account", column], sqlite_where=partial, postgresql_where=partial)


def upgrade() -> None:
    """Create every table."""
    _heads()
    _log()
    _screens()
    _classified()
    _sync()
    _deals_and_tasks()
    for name in NAMED:
        _state(name, sa.Column("name", sa.Text))
    _state("mergers", sa.Column("into_id", sa.Text))
    for name, key, measures in SUMS:
        create_sums(op, name, key, measures)


def downgrade() -> None:
    """Drop them."""
    sums = (name for name, _, _ in SUMS)
    beside = ("troubles", "syncs", "needs", "classified", "screens")
    log = ("invalidations", "quarantine", "deliveries", "heads")
    for table in (*sums, *NAMED, "mergers", "clients", "tasks", "deals", *beside, *log):
        op.drop_table(table)
