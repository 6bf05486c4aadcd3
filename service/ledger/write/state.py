"""State in the database: records are loaded and saved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import Column, Connection, Select, bindparam, select

from service.ledger.database.engine import Upsert
from service.ledger.database.statements.bulk import Bulk, Lookup, Row, Wanted, inserting, updating
from service.ledger.database.statements.code_points import code_points
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import INDEXED, STATE
from service.model import FIELDS, Entity, Instant
from service.projections.facts import DERIVED
from service.projections.merge import Place, Record, Run, Stamp


class _Stamps(msgspec.Struct, array_like=True, omit_defaults=True):
    """The stored form of a record's stamps: the fields by stamp, then the run and its places."""

    fields: list[tuple[Instant, int, list[str]]]
    run: tuple[Stamp, ...] = ()
    after: Stamp | None = None
    places: list[tuple[Stamp, Place]] = []


_DECODER: Final = msgspec.json.Decoder(_Stamps)
_ENCODER: Final = msgspec.json.Encoder()
_NO_RUN: Final = Run(())


@cache
def _by_ids(entity: Entity) -> Lookup:
    table = STATE[entity]
    return Lookup(
        lambda of: select(*columns(entity), table.c.account).where(*of(table.c.id, "ids")),
    )


@cache
def columns(entity: Entity) -> tuple[Column[Any], ...]:
    """The columns that a statement must select first for `record` to read its rows; the first is the id."""
    table = STATE[entity]
    return (table.c.id, table.c.stamps, table.c.deleted, *(table.c[name] for name in FIELDS[entity]))


@cache
def _after(entity: Entity) -> Select[*tuple[Any, ...]]:
    table = STATE[entity]
    return (
        select(*columns(entity))
        .where(table.c.account == bindparam("account"), table.c.id > bindparam("after"))
        .order_by(table.c.id)
        .limit(bindparam("limit"))
    )


def load(connection: Connection, account: str, entity: Entity, ids: Collection[str]) -> dict[str, Record]:
    """The records of some entities, by id. Those that are not known are left out."""
    return load_all(connection, entity, {account: ids} if ids else {}).get(account, {})


def load_all(connection: Connection, entity: Entity, wanted: Wanted) -> dict[str, dict[str, Record]]:
    """The records of some entities of some accounts, by account and id."""
    found: dict[str, dict[str, Record]] = {}
    for row in _by_ids(entity).rows(connection, ids=wanted):
        found.setdefault(row[-1], {})[row[0]] = record(entity, row)
    return found


def pages(
    connection: Connection, account: str, entity: Entity, size: int = 2_000
) -> Iterator[dict[str, Record]]:
    """All records of an account in the order of their ids, up to `size` at a time."""
    after = ""
    while True:
        rows = connection.execute(_after(entity), {"account": account, "after": after, "limit": size}).all()
        if not rows:
            return
        yield {str(row[0]): record(entity, row) for row in rows}
        after = str(rows[-1][0])


def in_order(connection: Connection, account: str, entity: Entity) -> Iterator[tuple[tuple[str], Record]]:
    """All records of an account with their keys, in the order of the ids; see `code_points`."""
    for page in _in_order(entity).pages(connection, {"account": account}):
        for row in page:
            yield (row[0],), record(entity, row)


@cache
def _in_order(entity: Entity) -> Prepared:
    table = STATE[entity]
    every = select(*columns(entity)).where(table.c.account == bindparam("account"))
    return Prepared(every.order_by(code_points(table.c.id)))


def record(entity: Entity, row: Sequence[Any]) -> Record:
    """Read the record from a row that begins with `columns`."""
    stamps = _DECODER.decode(row[1])
    kept: dict[str, Stamp] = {}
    for version, number, names in stamps.fields:
        kept.update(dict.fromkeys(names, (version, number)))
    values = {name: row[index] for index, name in enumerate(FIELDS[entity], start=3) if name in kept}
    run = Run(stamps.run, stamps.after) if stamps.run else None
    return Record(values=values, stamps=kept, deleted=row[2], run=run, places=dict(stamps.places))


@cache
def _upsert(entity: Entity) -> Bulk:
    return inserting(STATE[entity], _replacing)


def _replacing(statement: Upsert) -> Upsert:
    kept = {
        column.name: statement.excluded[column.name]
        for column in statement.table.columns
        if not column.primary_key
    }
    return statement.on_conflict_do_update(index_elements=["account", "id"], set_=kept)


@cache
def _update(entity: Entity) -> Bulk:
    table = STATE[entity]
    fixed = {"account", "id", *INDEXED[entity]}
    return updating(table, [column for column in table.columns if column.name not in fixed])


Changed: TypeAlias = tuple[str, Mapping[str, Record], Mapping[str, Record]]
"""Records of an account that are stored, by id, and those that there are."""


def save(connection: Connection, entity: Entity, changed: Iterable[Changed]) -> None:
    """Store records of one entity, each over the one that there is. One that is the same is left as it is:
    late webhooks, of which there are many after a CRM was down, change nothing.

    SQLite rewrites an index entry whenever a statement sets one of its columns, also to the same value; so a
    record whose indexed values stay the same does not set them.
    """
    inserted, updated = [], []
    indexed = _indexed(entity)
    for account, records, stored in sorted(changed, key=itemgetter(0)):
        for entity_id, record in sorted(records.items()):
            before = stored.get(entity_id)
            if record == before:
                continue
            values = _values(entity, record)
            row = (account, entity_id, *values, stamps_text(record), record.deleted)
            if before is None or (indexed and indexed(values) != indexed(_values(entity, before))):
                inserted.append(row)
            else:
                updated.append(row)
    _upsert(entity).run(connection, inserted)
    _update(entity).run(connection, updated)


@cache
def _indexed(entity: Entity) -> Callable[[Row], object] | None:
    """Picks from `_values` those that an index contains; None if there is no index."""
    names = [*FIELDS[entity], *DERIVED.get(entity, ())]
    places = [names.index(name) for name in INDEXED[entity]]
    return itemgetter(*places) if places else None


def _values(entity: Entity, record: Record) -> Row:
    """A record's values, and those that follow from them, in the order of the table's columns."""
    derived = [derive(record) for derive in DERIVED.get(entity, {}).values()]
    return (*map(record.values.get, FIELDS[entity]), *derived)


def stamps_text(record: Record) -> str:
    """The stored form of a record's stamps."""
    stamps, run = record.stamps, record.run or _NO_RUN
    stored = _Stamps(_by_stamp(stamps), run.stamps, run.after, sorted(record.places.items()))
    return _ENCODER.encode(stored).decode()


def _by_stamp(stamps: Mapping[str, Stamp]) -> list[tuple[Instant, int, list[str]]]:
    """The fields by stamp: by one, where the CRM sends all fields at once."""
    every = list(stamps.values())
    if every and every.count(every[0]) == len(every):
        return [(*every[0], list(stamps))]
    fields: dict[Stamp, list[str]] = {}
    for name, stamp in stamps.items():
        fields.setdefault(stamp, []).append(name)
    return [(version, number, names) for (version, number), names in fields.items()]
