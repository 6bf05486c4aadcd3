"""State in the database: records are loaded and saved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Column, Connection, Select, bindparam, select

from service.ledger.database.engine import Upsert
from service.ledger.database.statements.bulk import Bulk, Lookup, Wanted, inserting, updating
from service.ledger.database.statements.code_points import code_points
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import INDEXED, STATE
from service.model import FIELDS, Entity, Instant, Value
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
    return load_all(connection, entity, {account: ids}).get(account, {})


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


class Saved(NamedTuple):
    """A record that is stored over another one of the same entity.

    Args:
        stored: The one that there is. SQLite rewrites an index entry whenever a statement sets one of its
            columns, also to the same value; so a record whose indexed values stay the same does not set them.
    """

    account: str
    id: str
    record: Record
    stored: Record | None


def save(connection: Connection, entity: Entity, records: Iterable[Saved]) -> None:
    """Store records of one entity, each over the stored one. One that is the same is left as it is: late
    webhooks, of which there are many after a CRM was down, change nothing."""
    inserted, updated = [], []
    upsert, update = _upsert(entity), _update(entity)
    for account, entity_id, record, stored in sorted(records):
        if record == stored:
            continue
        values = _values(entity, record)
        values["account"], values["id"] = account, entity_id
        indexed = INDEXED[entity]
        if stored is not None and _indexed(entity, stored) == {name: values[name] for name in indexed}:
            updated.append(update.row(values))
        else:
            inserted.append(upsert.row(values))
    upsert.run(connection, inserted)
    update.run(connection, updated)


def _indexed(entity: Entity, record: Record) -> dict[str, Value]:
    """A record's values in the columns that an index has."""
    derived = DERIVED.get(entity, {})
    return {
        name: derived[name](record) if name in derived else record.values.get(name)
        for name in INDEXED[entity]
    }


_UNSET: Final[Mapping[Entity, Mapping[str, None]]] = {
    entity: dict.fromkeys(fields) for entity, fields in FIELDS.items()
}


def _values(entity: Entity, record: Record) -> dict[str, Value]:
    values: dict[str, Value] = {**_UNSET[entity], **record.values}
    for name, derive in DERIVED.get(entity, {}).items():
        values[name] = derive(record)
    values["deleted"], values["stamps"] = record.deleted, stamps_text(record)
    return values


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
