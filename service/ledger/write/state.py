"""State in the database: records are loaded and saved."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, Column, Connection, Select, bindparam, select, update

from service.ledger.database.engine import insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.prepared import Prepared
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
def _by_ids(entity: Entity) -> Prepared:
    table = STATE[entity]
    of_ids = table.c.account == bindparam("account"), in_list(table.c.id, "ids")
    return Prepared(select(*columns(entity)).where(*of_ids))


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
    if not ids:
        return {}
    rows = _by_ids(entity).rows(connection, {"account": account, "ids": ids})
    return {str(row[0]): record(entity, row) for row in rows}


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


def record(entity: Entity, row: Sequence[Any]) -> Record:
    """Read the record from a row that begins with `columns`."""
    stamps = _DECODER.decode(row[1])
    kept: dict[str, Stamp] = {}
    for version, number, names in stamps.fields:
        kept.update(dict.fromkeys(names, (version, number)))
    values = {name: row[index] for index, name in enumerate(FIELDS[entity], start=3) if name in kept}
    run = Run(stamps.run, stamps.after) if stamps.run else None
    return Record(values=values, stamps=kept, deleted=row[2], run=run, places=dict(stamps.places))


@lru_cache(maxsize=64)
def _upsert(dialect: str, entity: Entity) -> Prepared:
    table = STATE[entity]
    statement = insert_into(dialect, table)
    kept = statement.on_conflict_do_update(
        index_elements=["account", "id"],
        set_={
            column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key
        },
    )
    return Prepared(kept)


@cache
def _update(entity: Entity) -> Prepared:
    table = STATE[entity]
    fixed = {"account", "id", *INDEXED[entity]}
    set_: dict[str, BindParameter[Any]] = {
        column.name: bindparam(column.name) for column in table.columns if column.name not in fixed
    }
    of_id = table.c.account == bindparam("_account"), table.c.id == bindparam("_id")
    return Prepared(update(table).where(*of_id).values(set_))


def save(
    connection: Connection,
    account: str,
    entity: Entity,
    records: Mapping[str, Record],
    stored: Mapping[str, Record],
) -> None:
    """Store records, over the stored ones of the same entities.

    Args:
        stored: Those that there are. SQLite rewrites an index entry whenever a statement sets one of its
            columns, also to the same value; so a record whose indexed values stay the same does not set them.
    """
    inserted, updated = [], []
    for entity_id, record in sorted(records.items()):
        values = _values(entity, record)
        known = stored.get(entity_id)
        if known is not None and _indexed(entity, known) == {name: values[name] for name in INDEXED[entity]}:
            rest = {name: value for name, value in values.items() if name not in INDEXED[entity]}
            updated.append({"_account": account, "_id": entity_id, **rest})
        else:
            inserted.append({"account": account, "id": entity_id, **values})
    if inserted:
        _upsert(connection.dialect.name, entity).run(connection, inserted)
    if updated:
        _update(entity).run(connection, updated)


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
