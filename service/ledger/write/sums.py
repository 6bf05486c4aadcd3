"""The projections in the database: rows of keyed sums are read, deltas are added."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Delete, Select, bindparam, delete, select

from service.ledger.database.engine import Upsert, insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import SUMS
from service.projections.flow import Cells, Deltas, Key, Measures, Relation


@cache
def _every(relation: Relation) -> Select[*tuple[Any, ...]]:
    table = SUMS[relation]
    columns = (table.c[name] for name in (*relation.key, *relation.measures))
    return select(*columns).where(table.c.account == bindparam("account"))


@cache
def _about(relation: Relation) -> Select[*tuple[Any, ...]]:
    """Selects the rows about some entities: the first column of the key is the entity's id."""
    return _every(relation).where(in_list(SUMS[relation].c[relation.key[0]], "ids"))


def cells(connection: Connection, account: str, relation: Relation, ids: Collection[str]) -> Cells:
    """The rows of a relation about some entities."""
    width = len(relation.key)
    rows = connection.execute(_about(relation), {"account": account, "ids": ids})
    return {tuple(row[:width]): tuple(row[width:]) for row in rows}


def rows(connection: Connection, account: str, relation: Relation) -> Iterator[tuple[Key, Measures]]:
    """Every row of a relation."""
    width = len(relation.key)
    for row in connection.execute(_every(relation), {"account": account}):
        yield tuple(row[:width]), tuple(row[width:])


@lru_cache(maxsize=256)
def _addition(dialect: str, relation: Relation) -> Upsert:
    """Adds to a row, or inserts it."""
    table = SUMS[relation]
    statement = insert_into(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=["account", *relation.key],
        set_={name: table.c[name] + statement.excluded[name] for name in relation.measures},
    )


@cache
def _removal(relation: Relation) -> Delete:
    """Deletes a row if all its measures are zero."""
    table = SUMS[relation]
    return delete(table).where(
        table.c.account == bindparam("_account"),
        *(table.c[name] == bindparam(f"_{name}") for name in relation.key),
        *(table.c[name] == 0 for name in relation.measures),
    )


def add(connection: Connection, account: str, deltas: Deltas) -> None:
    """Add deltas to the relations, and delete the rows that come to nothing."""
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
        counts = relation.counts
        emptied = [
            {"_account": account, **{f"_{name}": part for name, part in zip(relation.key, key, strict=True)}}
            for key, measures in ordered
            if any(measures[index] < 0 for index in counts)
        ]
        if emptied:
            connection.execute(_removal(relation), emptied)


def clear(connection: Connection, account: str) -> None:
    """Delete every row of every relation of an account."""
    for table in SUMS.values():
        connection.execute(delete(table).where(table.c.account == account))
