"""The projections in the database: rows of keyed sums are read, deltas are added."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select

from service.ledger.database.engine import insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.prepared import Prepared
from service.ledger.database.tables import SUMS
from service.projections.flow import Cells, Deltas, Key, Measures, Relation


@cache
def _every(relation: Relation) -> Select[*tuple[Any, ...]]:
    table = SUMS[relation]
    columns = (table.c[name] for name in (*relation.key, *relation.measures))
    return select(*columns).where(table.c.account == bindparam("account"))


@cache
def _about(relation: Relation) -> Prepared:
    """Selects the rows about some entities: the first column of the key is the entity's id."""
    return Prepared(_every(relation).where(in_list(SUMS[relation].c[relation.key[0]], "ids")))


def cells(connection: Connection, account: str, relation: Relation, ids: Collection[str]) -> Cells:
    """The rows of a relation about some entities."""
    width = len(relation.key)
    rows = _about(relation).rows(connection, {"account": account, "ids": ids})
    return {row[:width]: row[width:] for row in rows}


def rows(connection: Connection, account: str, relation: Relation) -> Iterator[tuple[Key, Measures]]:
    """Every row of a relation."""
    width = len(relation.key)
    for row in connection.execute(_every(relation), {"account": account}):
        yield tuple(row[:width]), tuple(row[width:])


@lru_cache(maxsize=256)
def _addition(dialect: str, relation: Relation) -> Prepared:
    """Adds to a row, or inserts it."""
    table = SUMS[relation]
    statement = insert_into(dialect, table)
    added = {name: table.c[name] + statement.excluded[name] for name in relation.measures}
    return Prepared(statement.on_conflict_do_update(index_elements=["account", *relation.key], set_=added))


@cache
def _removal(relation: Relation) -> Prepared:
    """Deletes a row if all its measures are zero."""
    table = SUMS[relation]
    return Prepared(
        delete(table).where(
            table.c.account == bindparam("_account"),
            *(table.c[name] == bindparam(f"_{name}") for name in relation.key),
            *(table.c[name] == 0 for name in relation.measures),
        )
    )


def add(connection: Connection, account: str, deltas: Deltas) -> None:
    """Add deltas to the relations, and delete the rows that come to nothing."""
    for relation, changes in deltas.items():
        columns = (*relation.key, *relation.measures)
        ordered = sorted(changes.items())
        _addition(connection.dialect.name, relation).run(
            connection,
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
            _removal(relation).run(connection, emptied)


def clear(connection: Connection, account: str) -> None:
    """Delete every row of every relation of an account."""
    for table in SUMS.values():
        connection.execute(delete(table).where(table.c.account == account))
