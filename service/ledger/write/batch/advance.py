"""From the batches of a transaction to what they change: load, merge, propagate, store.

Merging and propagating take values and return values, account by account. Each read and each write between
them is one statement for all accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

import msgspec
from sqlalchemy import Connection

from service.ledger.write import heads, invalidations, state, sums
from service.ledger.write.batch import load
from service.ledger.write.batch.load import AccountBatch
from service.ledger.write.heads import Head
from service.ledger.write.invalidations import Invalidation, invalidation_of
from service.ledger.write.state import Changed
from service.model import Entity, Instant, Source
from service.projections import FLOW
from service.projections.batch import Merged, Records, merge_batch
from service.projections.facts import DealFacts
from service.projections.propagate import Flowed, propagate

SILENT: Final[frozenset[Source]] = frozenset({"sync", "import", "forget"})
"""Sources whose deliveries are state and no news: boards show what they change and announce nothing."""


class Advanced(msgspec.Struct, frozen=True):
    """What a batch led to: the account's new head, its new state, and what flowed into the projections."""

    head: Head
    merged: Merged
    flowed: Flowed


class _Merged(msgspec.Struct, frozen=True):
    """A batch, and the account's state before and after it."""

    batch: AccountBatch
    stored: Records
    merged: Merged


def advance(connection: Connection, batches: Sequence[AccountBatch]) -> list[Advanced]:
    """Write what batches change, one of each account, except for the heads."""
    merged = [_merge(connection, *one) for one in zip(batches, load.load(connection, batches), strict=True)]
    flowed = _propagate(connection, merged)
    _store(connection, merged, flowed)
    advanced, stale = [], []
    for one, flow in zip(merged, flowed, strict=True):
        head, invalidation = _head_after(connection, one, flow)
        if invalidation is not None:
            stale.append((head.account, head.seq, invalidation))
        advanced.append(Advanced(head, one.merged, flow))
    invalidations.store_all(connection, stale)
    return advanced


def _merge(connection: Connection, batch: AccountBatch, loaded: Records) -> _Merged:
    redirection = load.load_redirection(connection, batch, loaded)
    linked = redirection.records.items()
    stored = {**loaded, **{entity: {**records, **loaded.get(entity, {})} for entity, records in linked}}
    return _Merged(batch, stored, merge_batch(stored, batch.changes, batch.rules, redirection))


def _propagate(connection: Connection, merged: Sequence[_Merged]) -> list[Flowed]:
    unchanged = load.load_about(connection, [(one.batch, one.merged) for one in merged])
    return [
        propagate(
            FLOW,
            one.merged.tasks,
            one.merged.deals,
            one.merged.gone,
            one.batch.moments,
            partial(_known, deals),
            partial(load.about, connection, one.batch),
        )
        for one, deals in zip(merged, unchanged, strict=True)
    ]


def _known(deals: Mapping[str, DealFacts], _ids: AbstractSet[str]) -> Mapping[str, DealFacts]:
    """The deals that the flow asks for, which are those that were loaded for it."""
    return deals


def _store(connection: Connection, merged: Sequence[_Merged], flowed: Sequence[Flowed]) -> None:
    saved: defaultdict[Entity, list[Changed]] = defaultdict(list)
    for one in merged:
        for entity, records in one.merged.records.items():
            saved[entity].append((one.batch.account.id, records, one.stored[entity]))
    for entity, changed in saved.items():
        state.save(connection, entity, changed)
    deltas = {one.batch.account.id: flow.deltas for one, flow in zip(merged, flowed, strict=True)}
    sums.add(connection, deltas)
    for one, flow in zip(merged, flowed, strict=True):
        one.batch.rows.store(one.merged.records, flow)


def _head_after(connection: Connection, one: _Merged, flowed: Flowed) -> tuple[Head, Invalidation | None]:
    """The account's new head, and what its commit makes stale; None if it is no commit of its own."""
    batch = one.batch
    silent = any(delivery.source in SILENT for _, delivery in batch.numbered)
    invalidation = invalidation_of(flowed, one.merged.changed_ids, batch.moments, silent=silent)
    # Whatever changes a row raises `seq`: caches of other processes are known to be old by it.
    is_commit = bool(batch.numbered or invalidation or flowed.deltas)
    head = batch.head._replace(
        seq=batch.head.seq + is_commit,
        as_of=batch.moments[1].now,
        next_tick_at=_next_tick(connection, batch, one.merged),
        has_mergers=batch.head.has_mergers or bool(one.merged.records.get("merger")),
    )
    return head, invalidation if is_commit else None


def _next_tick(connection: Connection, batch: AccountBatch, merged: Merged) -> Instant:
    """The next moment at which the clock alone changes the board."""
    now = batch.moments[1].now
    if batch.ticks:
        return heads.next_tick(connection, batch.account, now)
    due_times = [task.open_due_at for _, task in merged.tasks if task is not None and task.open_due_at]
    return min([batch.head.next_tick_at, *(due_at for due_at in due_times if due_at > now)])
