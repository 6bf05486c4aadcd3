"""State in the database: records in, records out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, Row, Select, bindparam, select

from service.ledger.engine import Upsert, insert_into
from service.ledger.tables import STATE
from service.model import FIELDS, Entity, Instant
from service.projections.merge import Record, Run, Stamp
from service.projections.views import done_moment, lost_moment

CHUNK: Final = 500
"""Ids asked for by one statement."""


class _Stamps(msgspec.Struct, array_like=True, omit_defaults=True):
    """How the stamps of a record are kept: fields grouped by their stamp, then the run."""

    fields: list[tuple[Instant, int, list[str]]]
    run: list[Stamp] = []
    after: Stamp | None = None


_DECODER: Final = msgspec.json.Decoder(_Stamps)
_ENCODER: Final = msgspec.json.Encoder()


def chunks(ids: Collection[str]) -> Iterator[list[str]]:
    """Ids in lists that one statement can take, in a fixed order."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


@cache
def _by_ids(entity: Entity) -> Select[*tuple[Any, ...]]:
    table = STATE[entity]
    return select(*columns(entity)).where(
        table.c.account == bindparam("account"), table.c.id.in_(bindparam("ids", expanding=True))
    )


@cache
def columns(entity: Entity) -> tuple[Column[Any], ...]:
    """What a statement selects first, for `record` to read its rows; the first of all is the id."""
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
    """The records of some entities; those of which nothing is known are left out."""
    records: dict[str, Record] = {}
    for chunk in chunks(ids):
        for row in connection.execute(_by_ids(entity), {"account": account, "ids": chunk}):
            records[str(row[0])] = record(entity, row)
    return records


def pages(
    connection: Connection, account: str, entity: Entity, size: int = 2_000
) -> Iterator[dict[str, Record]]:
    """All records of an account, by id, some at a time."""
    after = ""
    while True:
        rows = connection.execute(_after(entity), {"account": account, "after": after, "limit": size}).all()
        if not rows:
            return
        yield {str(row[0]): record(entity, row) for row in rows}
        after = str(rows[-1][0])


def record(entity: Entity, row: Row[*tuple[Any, ...]]) -> Record:
    """The record in a row that begins with `columns`."""
    stamps = _DECODER.decode(row[1])
    kept: dict[str, Stamp] = {}
    for version, number, names in stamps.fields:
        kept.update(dict.fromkeys(names, (version, number)))
    values = {name: row[index] for index, name in enumerate(FIELDS[entity], start=3) if name in kept}
    run = Run(stamps.run, stamps.after) if stamps.run else None
    return Record(values=values, stamps=kept, deleted=row[2], run=run)


@cache
def _upsert(dialect: str, entity: Entity) -> Upsert:
    table = STATE[entity]
    statement = insert_into(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=["account", "id"],
        set_={each.name: statement.excluded[each.name] for each in table.columns if not each.primary_key},
    )


def save(connection: Connection, account: str, entity: Entity, records: Mapping[str, Record]) -> None:
    """Store records, over what was stored of the same entities."""
    if records:
        rows = [_row(account, entity, each, record) for each, record in sorted(records.items())]
        connection.execute(_upsert(connection.dialect.name, entity), rows)


def _row(account: str, entity: Entity, entity_id: str, record: Record) -> dict[str, object]:
    row: dict[str, object] = {"account": account, "id": entity_id, "deleted": record.deleted}
    for name in FIELDS[entity]:
        row[name] = record.values.get(name)
    if entity == "deal":
        row["lost_at"] = lost_moment(record)
    elif entity == "task":
        row["done_at"] = done_moment(record)
    row["stamps"] = stamps_text(record)
    return row


def stamps_text(record: Record) -> str:
    """The stamps of a record as they are stored."""
    grouped: dict[Stamp, list[str]] = {}
    for name, stamp in record.stamps.items():
        grouped.setdefault(stamp, []).append(name)
    fields = [(version, number, sorted(names)) for (version, number), names in sorted(grouped.items())]
    stored = _Stamps(fields, record.run.stamps, record.run.after) if record.run else _Stamps(fields)
    return _ENCODER.encode(stored).decode()
