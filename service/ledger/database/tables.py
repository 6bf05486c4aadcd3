"""Every table. Each primary key starts with `account`, so that the schema can be sharded by it.

State tables follow `model.FIELDS`, projection tables follow the relations of `projections`; the migrations
in `alembic/` spell them out, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from service.model import FIELDS, Entity
from service.projections import FLOW
from service.projections.facts import DERIVED
from service.projections.flow import Relation

METADATA: Final = MetaData(
    naming_convention={"pk": "%(table_name)s_pkey", "uq": "%(table_name)s_%(column_0_N_name)s_key"}
)

HEADS: Final = Table(
    "heads",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="counts the commits"),
    Column("deliveries", BigInteger, nullable=False, comment="the newest delivery's number"),
    Column("as_of", BigInteger, nullable=False, comment="the moment that the projections are true at"),
    Column("next_tick_at", BigInteger, nullable=False, comment="no board changes by itself before it"),
    Column("last_delivery_at", BigInteger, comment="when the CRM was last heard from"),
    Column("pruned", BigInteger, nullable=False, comment="bodies are gone up to this delivery's number"),
    Column("shape", Text, nullable=False, comment="what the projections were computed with"),
    sqlite_with_rowid=False,
)
"""One row for each account; its lock serialises the account's commits."""

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("account", Text, nullable=False),
    Column("number", BigInteger, nullable=False, comment="gapless, in the order of storing"),
    Column("key", Text, nullable=False, comment="the webhook's id, or a digest of the body"),
    Column("received_at", BigInteger, nullable=False),
    Column("headers", Text, nullable=False, comment="JSON; those that decoding needs"),
    Column("body", LargeBinary, comment="raw; null once pruned"),
    Column("changed", Text, nullable=False, comment="JSON; what it changed, for people"),
    Column("source", Text, nullable=False, server_default="webhook", comment="how it came"),
    PrimaryKeyConstraint("account", "number"),
    UniqueConstraint("account", "key"),
)
"""The log: every delivery, once."""

QUARANTINE: Final = Table(
    "quarantine",
    METADATA,
    Column("account", Text, nullable=False),
    Column("number", BigInteger, nullable=False, comment="the delivery's"),
    Column("part", Integer, nullable=False, comment="which event of its body, from 0"),
    Column("error", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="a traceback, or empty"),
    PrimaryKeyConstraint("account", "number", "part"),
    sqlite_with_rowid=False,
)
"""Deliveries, or parts of one, that could not be decoded or applied."""

INVALIDATIONS: Final = Table(
    "patches",
    METADATA,
    Column("account", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("touched", Text, nullable=False, comment="JSON; which rows of the board may look different"),
    PrimaryKeyConstraint("account", "seq"),
    sqlite_with_rowid=False,
)
"""What each recent commit touched on the board."""

SCREENS: Final = Table(
    "screens",
    METADATA,
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, comment="of the link's token"),
    Column("added_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, comment="when it was last known to be open"),
    PrimaryKeyConstraint("account", "name"),
    UniqueConstraint("account", "digest"),
    sqlite_with_rowid=False,
)
"""Named screens: who may see the account's board by a link of its own."""

NEEDS: Final = Table(
    "needs",
    METADATA,
    Column("account", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("wanted_by", BigInteger, nullable=False, comment="the newest delivery that wants it"),
    Column("tries", Integer, nullable=False, comment="how often the API was asked in vain"),
    Column("ask_at", BigInteger, nullable=False, comment="not before it is the API asked"),
    PrimaryKeyConstraint("account", "entity", "id"),
    sqlite_with_rowid=False,
)
"""What the CRM's API is to be asked for."""

Index("needs_ask", NEEDS.c.account, NEEDS.c.ask_at)

SYNCS: Final = Table(
    "syncs",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("holder", Text, nullable=False, comment="which process works the account's API"),
    Column("held_until", BigInteger, nullable=False, comment="when others may take it over"),
    Column("pass", Text, comment="JSON; what is being gone through, and how far it has come"),
    Column("synced_at", BigInteger, comment="state is the CRM's up to then"),
    Column("missed", Integer, nullable=False, comment="what the last reconciliation mended"),
    Column("trouble", Text, nullable=False, comment="what somebody must see to, or empty"),
    sqlite_with_rowid=False,
)
"""One row for each account whose CRM's API is asked."""

_TYPES: Final = {str: Text, int: BigInteger, bool: Boolean}


def _state_table(entity: Entity) -> Table:
    return Table(
        f"{entity}s",
        METADATA,
        Column("account", Text, nullable=False),
        Column("id", Text, nullable=False),
        *(Column(name, _TYPES[kind]) for name, kind in FIELDS[entity].items()),
        *(Column(name, BigInteger) for name in DERIVED.get(entity, ())),
        Column("stamps", Text, nullable=False, comment="JSON; the version of each field's value"),
        Column("deleted", BigInteger, comment="the version of the newest delete"),
        PrimaryKeyConstraint("account", "id"),
        sqlite_with_rowid=False,
    )


STATE: Final[Mapping[Entity, Table]] = {entity: _state_table(entity) for entity in FIELDS}
"""State: what is known now about each entity."""

TASKS: Final = STATE["task"]
DEALS: Final = STATE["deal"]

_OPEN_DUE = TASKS.c.open_due_at.is_not(None)
for _name, _column, _where in (
    ("tasks_due", TASKS.c.open_due_at, _OPEN_DUE),
    ("tasks_done", TASKS.c.done_at, TASKS.c.done_at.is_not(None)),
    ("tasks_deal", TASKS.c.deal_id, _OPEN_DUE & TASKS.c.deal_id.is_not(None)),
    ("tasks_client", TASKS.c.client_id, _OPEN_DUE & TASKS.c.client_id.is_not(None)),
):
    Index(_name, TASKS.c.account, _column, sqlite_where=_where, postgresql_where=_where)

_LOST = DEALS.c.lost_at.is_not(None)
Index("deals_lost", DEALS.c.account, DEALS.c.lost_at, sqlite_where=_LOST, postgresql_where=_LOST)

INDEXED: Final[Mapping[Entity, tuple[str, ...]]] = {
    entity: tuple(sorted({column.name for index in table.indexes for column in index.columns} - {"account"}))
    for entity, table in STATE.items()
}
"""The columns of state that an index has; a predicate of one speaks of no others."""


def _relation_table(relation: Relation) -> Table:
    return Table(
        relation.name,
        METADATA,
        Column("account", Text, nullable=False),
        *(Column(name, Integer if name == "day" else Text, nullable=False) for name in relation.key),
        *(Column(name, BigInteger, nullable=False) for name in relation.measures),
        PrimaryKeyConstraint("account", *relation.key),
        sqlite_with_rowid=False,
    )


SUMS: Final[Mapping[Relation, Table]] = {each: _relation_table(each) for each in FLOW.relations}
"""The projections."""
