"""The rows that an account's last transactions read and wrote, kept for the next ones.

They are what the database has exactly while the account's head, read under its lock, is the one that this
process wrote: whatever changes state or sums raises `seq`. A transaction takes an account's rows out of the
cache, and they come back after its commit. So nothing is left of a transaction that failed, or whose commit
may have failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from service.ledger.write.heads import Head
from service.model import FIELDS, Entity
from service.projections import FLOW
from service.projections.flow import About, Middle
from service.projections.merge import Record
from service.projections.propagate import Flowed

ROWS: Final = 32_768
"""Rows that are kept at most, of all accounts together: some 9 MB of deals with short names."""

STAMPS: Final = 8
"""So many stamps of a record's run take the room of a row."""


def _by_entity() -> dict[Entity, dict[str, Record | None]]:
    return {entity: {} for entity in FIELDS}


def _by_feeding() -> dict[Middle, dict[str, About]]:
    return {entity: {} for entity in FLOW.feeding}


@dataclass(slots=True)
class AccountRows:
    """Rows of an account, as they were before a transaction.

    Args:
        records: By entity and id; None where there is none.
        about: The sums about entities, by entity and id.
        size: An upper bound of their number: rows that were read or stored.
    """

    records: dict[Entity, dict[str, Record | None]] = field(default_factory=_by_entity)
    about: dict[Middle, dict[str, About]] = field(default_factory=_by_feeding)
    size: int = 0

    def store(self, records: Mapping[Entity, Mapping[str, Record]], flowed: Flowed) -> None:
        """Take over what a transaction stores."""
        for entity, changed in records.items():
            self.records[entity].update(changed)
            for record in changed.values():
                self.size += 1 if record.run is None else 1 + len(record.run.stamps) // STAMPS
        for feeds, about in flowed.about.items():
            self.about[feeds].update(about)
        self.size += sum(len(cells) for relation, cells in flowed.deltas.items() if relation.feeds)


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
