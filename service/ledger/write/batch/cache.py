"""The rows that an account's last transactions read and wrote, kept for the next ones.

They are what the database has exactly while the account's head, read under its lock, is the one that this
process wrote: whatever changes state or sums raises `seq`. A transaction takes an account's rows out of the
cache, and they come back after its commit. So nothing is left of a transaction that failed, or whose commit
may have failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from service.ledger.write.heads import Head
from service.ledger.write.sums import About
from service.model import FIELDS, Entity
from service.projections.flow import Cells, Deltas, Key, Relation
from service.projections.merge import Record

ROWS: Final = 16_384
"""Rows that are kept at most, of all accounts together: some 30 MB."""

STAMPS: Final = 8
"""So many stamps of a record's run take the room of a row."""


def _by_entity() -> dict[Entity, dict[str, Record | None]]:
    return {entity: {} for entity in FIELDS}


@dataclass(slots=True)
class AccountRows:
    """Rows of an account, as they were before a transaction.

    Args:
        records: By entity and id; None where there is none.
        about: By feeding relation and the id of the entity that they are about; empty where there are none.
        size: An upper bound of their number: rows that were read or stored.
    """

    records: dict[Entity, dict[str, Record | None]] = field(default_factory=_by_entity)
    about: dict[Relation, dict[str, Cells]] = field(default_factory=dict)
    size: int = 0

    def know(self, relations: Iterable[Relation], ids: Collection[str], found: About) -> None:
        """Take over the rows of some relations about some entities that were read."""
        for relation in relations:
            rows, about = found.get(relation, {}), self.about.setdefault(relation, {})
            about.update((entity_id, rows.get(entity_id, {})) for entity_id in ids)
            self.size += len(ids)

    def store(self, records: Mapping[Entity, Mapping[str, Record]], deltas: Deltas) -> None:
        """Take over what a transaction stores."""
        for entity, changed in records.items():
            self.records[entity].update(changed)
            for record in changed.values():
                self.size += 1 if record.run is None else 1 + len(record.run.stamps) // STAMPS
        for relation, about in self.about.items():
            for key, measures in deltas.get(relation, {}).items():
                if (rows := about.get(str(key[0]))) is not None:
                    self.size += 1
                    added = relation.plus(rows.get(key, relation.zero), measures)
                    about[str(key[0])] = {**rows, key: added} if any(added) else _without(rows, key)


def _without(rows: Cells, key: Key) -> Cells:
    return {other: measures for other, measures in rows.items() if other != key}


class Cache:
    """The rows of accounts; used from one thread.

    Args:
        most: Rows at most. Accounts that were idle for longest are dropped first.
    """

    def __init__(self, most: int = ROWS) -> None:
        self._most = most
        self._size = 0
        self._accounts: dict[str, tuple[Head, AccountRows]] = {}

    def take(self, head: Head) -> AccountRows:
        """Take out the rows of an account, given its head, whose lock the transaction holds."""
        kept = self._accounts.pop(head.account, None)
        if kept is None:
            return AccountRows()
        self._size -= kept[1].size
        return kept[1] if kept[0] == head else AccountRows()

    def keep(self, head: Head, rows: AccountRows) -> None:
        """Keep the rows of an account, given the head that was committed with them."""
        self._accounts[head.account] = head, rows
        self._size += rows.size
        while self._size > self._most:
            idle = next(iter(self._accounts))
            self._size -= self._accounts.pop(idle)[1].size
