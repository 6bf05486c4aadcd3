"""The projections in the database: rows of keyed sums are read, deltas are added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import repeat
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    literal_column,
    select,
    union_all,
)

from service.ledger.database.engine import Upsert
from service.ledger.database.statements.bulk import Bulk, Lookup, Of, Row, Wanted, deleting, inserting
from service.ledger.database.statements.code_points import code_points
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import SUMS
from service.projections import FLOW
from service.projections.flow import About, Deltas, Key, Measures, Middle, Relation

_FEEDING: Final = tuple(relation for relation in FLOW.relations if relation.feeds is not None)
_KEY: Final = max(len(relation.key) for relation in _FEEDING)
_MEASURES: Final = max(len(relation.measures) for relation in _FEEDING)


def _rows_about(index: int, of: Of) -> Select[*tuple[Any, ...]]:
    """The rows of a feeding relation in the form that all of them have."""
    relation = _FEEDING[index]
    table = SUMS[relation]
    columns = ((name, table.c[name]) for name in relation.key)
    key: list[ColumnElement[Any]] = [cast(one, Text) if name == "day" else one for name, one in columns]
    key += repeat(literal_column("''"), _KEY - len(key))
    measures: list[ColumnElement[Any]] = [table.c[name] for name in relation.measures]
    measures += repeat(literal_column("0"), _MEASURES - len(measures))
    about = of(table.c[relation.key[0]], str(relation.feeds))
    return select(table.c.account, literal_column(str(index)), *key, *measures).where(*about)


_ABOUT: Final = Lookup(lambda of: union_all(*(_rows_about(index, of) for index in range(len(_FEEDING)))))


def about(
    connection: Connection, wanted: Mapping[Middle, Wanted]
) -> Mapping[str, Mapping[Middle, Mapping[str, About]]]:
    """The rows about some entities of some accounts, by account, entity and its id; one statement for all of
    them."""
    texts = {str(entity): wanted.get(entity, {}) for entity in FLOW.feeding}
    found: dict[str, dict[Middle, dict[str, dict[Relation, dict[Key, Measures]]]]] = {}
    for account, index, *columns in _ABOUT.rows(connection, **texts):
        relation = _FEEDING[index]
        assert relation.feeds is not None
        key = _key(relation, columns)
        own = found.setdefault(account, {}).setdefault(relation.feeds, {}).setdefault(str(key[0]), {})
        own.setdefault(relation, {})[key] = tuple(columns[_KEY : _KEY + len(relation.measures)])
    return found


def _key(relation: Relation, columns: list[Any]) -> Key:
    key = columns[: len(relation.key)]
    return tuple(int(part) if name == "day" else part for name, part in zip(relation.key, key, strict=True))


@cache
def _every(relation: Relation) -> Select[*tuple[Any, ...]]:
    table = SUMS[relation]
    columns = (table.c[name] for name in (*relation.key, *relation.measures))
    return select(*columns).where(table.c.account == bindparam("account"))


def rows(connection: Connection, account: str, relation: Relation) -> Iterator[tuple[Key, Measures]]:
    """Every row of a relation, in the order of the keys; see `code_points`."""
    width = len(relation.key)
    for page in _in_order(relation).pages(connection, {"account": account}):
        for row in page:
            yield row[:width], row[width:]


@cache
def _in_order(relation: Relation) -> Prepared:
    key = (code_points(SUMS[relation].c[name]) for name in relation.key)
    return Prepared(_every(relation).order_by(*key))


@cache
def _listed(relation: Relation) -> Prepared:
    return Prepared(_every(relation))


def listed(connection: Connection, account: str, relation: Relation) -> list[tuple[Key, Measures]]:
    """The same of a relation that has few rows, for readers that come often."""
    width = len(relation.key)
    found = _listed(relation).rows(connection, {"account": account})
    return [(row[:width], row[width:]) for row in found]


@cache
def _addition(relation: Relation) -> Bulk:
    """Adds to rows, or inserts them."""
    table = SUMS[relation]

    def adding(statement: Upsert) -> Upsert:
        added = {name: table.c[name] + statement.excluded[name] for name in relation.measures}
        return statement.on_conflict_do_update(index_elements=["account", *relation.key], set_=added)

    return inserting(table, adding)


@cache
def _removal(relation: Relation) -> Bulk:
    """Deletes rows whose measures are all zero."""
    table = SUMS[relation]
    return deleting(table, *(table.c[name] == literal_column("0") for name in relation.measures))


def add(connection: Connection, deltas: Mapping[str, Deltas]) -> None:
    """Add deltas to the relations of some accounts, and delete the rows that come to nothing."""
    added: defaultdict[Relation, list[Row]] = defaultdict(list)
    emptied: defaultdict[Relation, list[Row]] = defaultdict(list)
    for account, of_account in deltas.items():
        for relation, cells in of_account.items():
            counts = relation.counts
            for key, measures in cells.items():
                added[relation].append((account, *key, *measures))
                if any(measures[index] < 0 for index in counts):
                    emptied[relation].append((account, *key))
    for relation, changed in added.items():
        _addition(relation).run(connection, sorted(changed))
    for relation, keys in emptied.items():
        _removal(relation).run(connection, sorted(keys))


def clear(connection: Connection, account: str) -> None:
    """Delete every row of every relation of an account."""
    for table in SUMS.values():
        connection.execute(delete(table).where(table.c.account == account))
