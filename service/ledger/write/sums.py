"""The projections in the database: rows of keyed sums out, deltas in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from sqlalchemy import Connection, Delete, Select, bindparam, delete, select

from service.ledger.database.engine import Upsert, insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import SUMS
from service.projections.flow import Deltas, Key, Measures, Relation


@cache
def _about(relation: Relation) -> Select[*tuple[Any, ...]]:
    table = SUMS[relation]
    return select(*(table.c[name] for name in (*relation.key, *relation.measures))).where(
        table.c.account == bindparam("account"),
        in_list(table.c[relation.key[0]], "ids"),
    )


@cache
def _zero_row(relation: Relation) -> Delete:
    table = SUMS[relation]
    return delete(table).where(
        table.c.account == bindparam("_account"),
        *(table.c[name] == bindparam(f"_{name}") for name in relation.key),
        *(table.c[name] == 0 for name in relation.measures),
    )


def cells(
    connection: Connection, account: str, relation: Relation, ids: Collection[str]
) -> dict[Key, Measures]:
    """The rows of a relation about some entities."""
    width = len(relation.key)
    found = connection.execute(_about(relation), {"account": account, "ids": ids})
    return {tuple(row[:width]): tuple(row[width:]) for row in found}


def rows(connection: Connection, account: str, relation: Relation) -> Iterator[tuple[Key, Measures]]:
    """Every row of a relation."""
    table, width = SUMS[relation], len(relation.key)
    columns = (table.c[name] for name in (*relation.key, *relation.measures))
    for row in connection.execute(select(*columns).where(table.c.account == account)):
        yield tuple(row[:width]), tuple(row[width:])


@cache
def _addition(dialect: str, relation: Relation) -> Upsert:
    table = SUMS[relation]
    statement = insert_into(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=["account", *relation.key],
        set_={name: table.c[name] + statement.excluded[name] for name in relation.measures},
    )


def add(connection: Connection, account: str, deltas: Deltas) -> None:
    """Add deltas to the relations; rows that come to nothing are deleted."""
    for relation, changes in deltas.items():
        columns = (*relation.key, *relation.measures)
        ordered = sorted(changes.items())
        connection.execute(
            _addition(connection.dialect.name, relation),
            [
                {"account": account, **dict(zip(columns, (*key, *measures), strict=True))}
                for key, measures in ordered
            ],
        )
        # Each relation has a count, so a row can only come to nothing when something was taken from it.
        shrunk = [_zero_key(account, relation, key) for key, measures in ordered if min(measures) < 0]
        if shrunk:
            connection.execute(_zero_row(relation), shrunk)


def _zero_key(account: str, relation: Relation, key: Key) -> dict[str, object]:
    return {"_account": account, **{f"_{name}": part for name, part in zip(relation.key, key, strict=True)}}


def clear(connection: Connection, account: str) -> None:
    """Delete every row of every relation of an account."""
    for table in SUMS.values():
        connection.execute(delete(table).where(table.c.account == account))
