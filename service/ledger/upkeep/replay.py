"""State from the log: each delivery is decoded again with today's adapters, and merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import Connection, delete

from service.config import Account
from service.ledger.database.tables import STATE
from service.ledger.read.decoding import DecodePages, LogPruned, Said
from service.ledger.write import heads, log
from service.ledger.write import state as states
from service.ledger.write.log import Stored
from service.model import FIELDS, Entity
from service.projections.merge import Record, merge
from service.projections.mergers import LINKS, redirect, successors

MANY: Final = 50_000
"""Records that a rebuild keeps in memory at most, some 100 MB. Most accounts have fewer, so each record is
written once, and none is read again."""

AT_ONCE: Final = 500
"""Deliveries that are read at a time."""

Progress = Callable[[int], None]
"""Called with the number of records or deliveries that were processed since the last call."""

LogState = dict[Entity, dict[str, Record]]


def rebuild_state(connection: Connection, account: Account, decode: DecodePages, progress: Progress) -> None:
    """Merge state again from the log, and write it. The caller rebuilds the projections afterwards.

    Nobody commits to the account meanwhile.

    Raises:
        LogPruned: See there; the transaction must be rolled back.
    """
    head = heads.prepared(connection, account.id, lock=True)
    for table in STATE.values():
        connection.execute(delete(table).where(table.c.account == account.id))
    has_mergers = fill(connection, connection, account, decode, progress)
    heads.store(connection, head._replace(has_mergers=has_mergers))


def fill(
    source: Connection, target: Connection, account: Account, decode: DecodePages, progress: Progress
) -> bool:
    """Merge the log into empty state. Returns whether there is any merger.

    Args:
        source: Where the log is.
        target: Where state is.

    Raises:
        LogPruned: See there.
    """
    kept, is_stored = _empty(), False
    for changes in _changes(source, account, decode, progress):
        if is_stored:
            _load(target, account.id, kept, changes)
        _merge(kept, changes)
        if sum(map(len, kept.values())) >= MANY:
            _store(target, account.id, kept)
            kept, is_stored = _empty(), True
    _store(target, account.id, kept)
    return _redirect(target, account.id)


def _empty() -> LogState:
    return {entity: {} for entity in FIELDS}


def _changes(
    connection: Connection, account: Account, decode: DecodePages, progress: Progress
) -> Iterator[Said]:
    """The changes in the log, page by page. What could not be applied is not in state, until it is
    retried."""

    def applied() -> Iterator[list[Stored]]:
        for page in log.replayed(connection, account.id, AT_ONCE):
            for delivery in page:
                if delivery.body is None:
                    raise LogPruned(f"the body of delivery {delivery.number} was dropped after its time")
            yield [delivery for delivery in page if delivery.applied]
            progress(len(page))

    return decode(applied())


def _merge(state: LogState, changes: Said) -> None:
    for number, change in changes:
        records = state[change.entity]
        record = records.get(change.id)
        if record is None:
            record = records[change.id] = Record()
        merge(record, change, number)


def _load(connection: Connection, account: str, kept: LogState, changes: Said) -> None:
    """Read the records that changes are about and that are not in memory."""
    for entity, records in kept.items():
        ids = {change.id for _, change in changes if change.entity == entity} - records.keys()
        records.update(states.load(connection, account, entity, ids))


def _store(connection: Connection, account: str, kept: LogState) -> None:
    for entity, records in kept.items():
        states.save(connection, entity, [(account, records, {})])


def _redirect(connection: Connection, account: str) -> bool:
    """Lead every stored link to what is left of a merger. Returns whether there is any."""
    into: dict[str, str] = {}
    has_mergers = False
    for page in states.pages(connection, account, "merger"):
        into |= successors(page)
        has_mergers = True
    for entity in LINKS if into else ():
        for page in states.pages(connection, account, entity):
            led = {entity_id: record.copy() for entity_id, record in page.items()}
            redirect(entity, led.values(), into)
            states.save(connection, entity, [(account, led, page)])
    return has_mergers
