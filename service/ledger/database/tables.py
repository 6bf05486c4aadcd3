"""Every table. Each primary key starts with `account`, so that the schema can be sharded by it.

State tables follow `model.FIELDS`, projection tables follow the relations of `projections`. The migrations in
`alembic/` spell them out, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import (
    CheckConstraint,
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
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from service.calendar import EARLIEST, LATEST
from service.ledger.database.ddl import KEYED, STRICT, Flag, Number, sums_columns
from service.model import AMOUNT_LIMIT, FIELDS, Entity, Source, Status, TroubleCode
from service.projections import FLOW
from service.projections.facts import DERIVED
from service.projections.flow import Relation
from service.reasons import LISTED_KINDS

METADATA: Final = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


Role: TypeAlias = Literal["viewer", "editor"]
"""What the holder of a named screen's link may do: see the board, or classify reasons, too."""


def _is_one_of(column: str, values: Iterable[str]) -> str:
    # SQLite fills a table of its own with a list of more than two for each statement that it checks.
    return " OR ".join(f"{column} = {value!r}" for value in values)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    return CheckConstraint(_is_one_of(column, values), name=column)


def _at_least(column: str, least: int) -> CheckConstraint:
    return CheckConstraint(f"{column} >= {least}", name=column)


def _table(
    name: str, *parts: SchemaItem, key: Sequence[str] = (), options: Mapping[str, Any] = KEYED
) -> Table:
    """A table whose primary key is the account and the columns of `key`."""
    account, primary_key = Column("account", Text, nullable=False), PrimaryKeyConstraint("account", *key)
    return Table(name, METADATA, account, *parts, primary_key, **options)


HEADS: Final = _table(
    "heads",
    Column("seq", Number, nullable=False, comment="number of the last commit"),
    Column("deliveries", Number, nullable=False, comment="number of the newest delivery"),
    Column("as_of", Number, nullable=False, comment="the moment that the projections are true at"),
    Column("next_tick_at", Number, nullable=False, comment="before it, time alone changes nothing"),
    Column("last_delivery_at", Number, comment="when the last webhook came"),
    Column("pruned", Number, nullable=False, comment="bodies up to this delivery are dropped"),
    Column("revision", Integer, nullable=False, comment="of the projections' code that computed them"),
    Column("rules_fingerprint", Text, nullable=False, comment="the rules that they were computed by"),
    Column("known_from", Integer, comment="the first day of which the losses are complete"),
    Column("quarantined", Number, nullable=False, comment="deliveries in quarantine"),
    Column("looked_at", Number, comment="when retention last looked, by the service's clock"),
    Column(
        "has_mergers",
        Flag(create_constraint=True, name="has_mergers"),
        nullable=False,
        comment="whether state has mergers",
    ),
    _at_least("seq", 0),
    _at_least("deliveries", 0),
    CheckConstraint("pruned BETWEEN 0 AND deliveries", name="pruned"),
    _at_least("revision", 1),
    CheckConstraint("quarantined BETWEEN 0 AND deliveries", name="quarantined"),
)
"""One row for each account; its lock serialises the account's commits."""

_APPLIED: Final = "whether state has what can be decoded of it"

DELIVERIES: Final = _table(
    "deliveries",
    Column("number", Number, nullable=False, comment="gapless, in the order of storing"),
    Column("key", Text, nullable=False, comment="the webhook's id, or a digest of the body"),
    Column("content", Text, nullable=False, comment="a digest of what the id stands for, or empty"),
    Column("conflicts_with", Number, comment="number of the delivery whose id came again with another body"),
    Column("received_at", Number, nullable=False),
    Column("headers", Text, nullable=False, comment="JSON; those that decoding needs"),
    Column("body", LargeBinary, comment="raw; null once pruned"),
    Column("changed", Text, nullable=False, comment="JSON; what it changed, for people"),
    Column("source", Text, nullable=False, comment="how it came"),
    Column("applied", Flag(create_constraint=True, name="applied"), nullable=False, comment=_APPLIED),
    UniqueConstraint("account", "key"),
    _at_least("number", 1),
    _one_of("source", get_args(Source)),
    key=("number",),
    options=STRICT,
)
"""The log: every delivery, once."""

QUARANTINE: Final = _table(
    "quarantine",
    Column("number", Number, nullable=False, comment="of the delivery"),
    Column("part", Integer, nullable=False, comment="index of the event in its body, from 0"),
    Column("place", Integer, nullable=False, comment="among the rejections of the part, from 0"),
    Column("error", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="a traceback, or empty"),
    _at_least("part", 0),
    _at_least("place", 0),
    key=("number", "part", "place"),
)
"""Deliveries, or parts of one, that could not be decoded or applied."""

INVALIDATIONS: Final = _table(
    "invalidations",
    Column("seq", Number, nullable=False, comment="number of the commit"),
    Column("stale", Text, nullable=False, comment="JSON; the parts of the board that it made stale"),
    key=("seq",),
)
"""What each recent commit made stale on the board."""

SCREENS: Final = _table(
    "screens",
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, comment="of the link's token"),
    Column("view", Text, nullable=False, comment="parameters that its requests have by default"),
    Column("added_at", Number, nullable=False),
    Column("seen_at", Number, comment="when it was last seen open"),
    Column("role", Text, nullable=False, comment="what the holder of its link may do"),
    UniqueConstraint("account", "digest"),
    _one_of("role", get_args(Role)),
    key=("name",),
)
"""Named screens: who may see the account's board by a link of its own."""

CLASSIFIED: Final = _table(
    "classified",
    Column("key", Text, nullable=False, comment="the reason's name or id, as names are compared"),
    Column("reason", Text, nullable=False, comment="as the board showed it"),
    Column("kind", Text, nullable=False),
    Column("screen", Text, nullable=False, comment="name of the screen that it was classified from"),
    Column("classified_at", Number, nullable=False),
    _one_of("kind", LISTED_KINDS),
    key=("key",),
)
"""Reasons that were classified by hand. No projection depends on it."""

NEEDS: Final = _table(
    "needs",
    Column("entity", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("wanted_by", Number, nullable=False, comment="number of the newest delivery that wants it"),
    Column("tries", Integer, nullable=False, comment="calls of the API that failed so far"),
    Column("ask_at", Number, nullable=False, comment="the next call is not made before"),
    _one_of("entity", FIELDS),
    _at_least("tries", 0),
    key=("entity", "id"),
)
"""What the CRM's API is to be asked for."""

Index("needs_ask", NEEDS.c.account, NEEDS.c.ask_at)

SYNCS: Final = _table(
    "syncs",
    Column("holder", Text, nullable=False, comment="the process that calls the account's API"),
    Column("held_until", Number, nullable=False, comment="when another process may take over"),
    Column("run", Text, comment="JSON; the run under way, and how far it has come"),
    Column("synced_at", Number, comment="state agrees with the CRM up to then"),
    Column(
        "repaired", Integer, nullable=False, comment="deals and tasks that the last reconciliation changed"
    ),
    _at_least("repaired", 0),
)
"""One row for each account whose CRM's API is asked."""

TROUBLES: Final = _table(
    "troubles",
    Column("code", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="what it is about, or empty"),
    Column("count", Number, nullable=False, comment="how often it happened"),
    Column("since", Number, nullable=False, comment="when it happened first"),
    Column("last_at", Number, nullable=False, comment="when it happened last"),
    _one_of("code", get_args(TroubleCode)),
    _at_least("count", 1),
    key=("code", "subject"),
)
"""What is wrong between the CRM and the service, until it is over."""

_CONDITIONS: Final[Mapping[str, str]] = {
    "status": _is_one_of("status", get_args(Status)),
    "amount": f"amount BETWEEN {-AMOUNT_LIMIT} AND {AMOUNT_LIMIT}",
    "currency": "length(currency) = 3",
    "phone": "length(phone) BETWEEN 5 AND 16",
    **{name: f"{name} BETWEEN {EARLIEST} AND {LATEST}" for name in ("closed_at", "due_at", "completed_at")},
}
"""What holds for the values of some fields of state. Adapters let nothing else through."""


def _field_type(
    name: str, kind: type[str | int | bool]
) -> TypeEngine[str] | TypeEngine[int] | TypeEngine[bool]:
    if kind is bool:
        return Flag(create_constraint=True, name=name)
    return Number if kind is int else Text()


def _state_table(entity: Entity) -> Table:
    fields = FIELDS[entity]
    return _table(
        f"{entity}s",
        Column("id", Text, nullable=False),
        *(Column(name, _field_type(name, kind)) for name, kind in fields.items()),
        *(Column(name, Number) for name in DERIVED.get(entity, ())),
        Column("stamps", Text, nullable=False, comment="JSON; the version of each field's value"),
        Column("deleted", Number, comment="the version of the newest delete"),
        *(CheckConstraint(holds, name=name) for name, holds in _CONDITIONS.items() if name in fields),
        key=("id",),
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
"""The columns of state that an index contains. The indexes' predicates name no other columns."""


SUMS: Final[Mapping[Relation, Table]] = {
    relation: _table(relation.name, *sums_columns(relation.key, relation.measures), key=relation.key)
    for relation in FLOW.relations
}
"""The projections."""
