"""One account's part of a batch, in one transaction: load, merge, propagate, store.

Each step takes values and returns values. The caller commits: nothing lasts before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from msgspec import structs
from sqlalchemy import Connection

from service.config import Account
from service.ledger.write import heads, invalidations, log, needs, state, sums
from service.ledger.write.heads import Head
from service.ledger.write.invalidations import invalidation_of
from service.ledger.write.load import AccountBatch, account_batch, load, load_deals, load_redirection
from service.ledger.write.log import Known
from service.ledger.write.outcome import Outcome, Status
from service.model import FIELDS, Delivery, Instant, Micros, Source
from service.projections import FLOW, stripped
from service.projections.batch import Changed, Merged, merge_batch
from service.projections.propagate import Flowed, propagate

SILENT: Final[frozenset[Source]] = frozenset({"sync", "import", "forget"})
"""Sources whose deliveries are state and no news: boards show what they change and announce nothing."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a batch led to: the account's new head, its new state, and what flowed into the projections."""

    head: Head
    merged: Merged
    flowed: Flowed


def apply(
    connection: Connection,
    account: Account,
    deliveries: Sequence[Delivery],
    now: Instant,
    skew: Micros = heads.CLOCK_SKEW,
) -> tuple[list[Outcome], Head]:
    """Apply deliveries to one account, and everything that fell due by `now`; `skew` as in
    `heads.moment_after`.

    Returns:
        What became of each delivery, in their order, and the account's new head.

    Raises:
        Unknown: The account has no head row: the service did not prepare it.
        OtherRules: Other rules computed the account's figures; nothing was written.
    """
    stored = heads.prepared(connection, account.id, lock=True)
    heads.check_rules(stored, account)
    outcomes, fresh = _numbered(connection, stored, deliveries)
    batch = account_batch(account, stored, now, fresh, skew)
    head = _heard(stored, deliveries)
    changed: Mapping[int, Changed] = {}
    if fresh or batch.ticks:
        advanced = _advance(connection, batch, replace(head, deliveries=head.deliveries + len(fresh)))
        head, changed = _head_after(advanced, batch), advanced.merged.changed
        log.append(connection, _logged(fresh, advanced.merged))
        if account.api is not None and fresh:
            left_out = needs.left_out(fresh, advanced.merged, advanced.flowed.deals)
            moved = needs.of_deleted_clients(connection, account.id, fresh)
            needs.note(connection, account.id, moved | left_out, now)
    for delivery in deliveries:
        needs.settle(connection, account.id, delivery.settles)
    if head != stored:
        heads.store(connection, head)
    return [
        replace(outcome, seq=head.seq, changed=frozenset(changed.get(outcome.number, ())))
        for outcome in outcomes
    ], head


def reapply(connection: Connection, account: Account, number: int, delivery: Delivery, now: Instant) -> Head:
    """Apply a stored delivery again, as today's adapter decodes it. What it rejects stays in quarantine.

    It keeps its number, so that later deliveries still win over it.

    Raises:
        Unknown: The account has no head row.
        OtherRules: Other rules computed the account's figures; nothing was written.
    """
    stored = heads.prepared(connection, account.id, lock=True)
    heads.check_rules(stored, account)
    batch = account_batch(account, stored, now, [(number, delivery)])
    head = _advance(connection, batch, stored).head
    log.hold(connection, account.id, number, delivery.decoded.rejections)
    head = replace(head, quarantined=log.quarantine_size(connection, account.id))
    heads.store(connection, head)
    return head


def release(connection: Connection, account_id: str, number: int) -> int:
    """Take a delivery out of quarantine without applying it; returns how many rejections there were.

    Raises:
        Unknown: The account has no head row.
    """
    head = heads.prepared(connection, account_id, lock=True)
    released = log.release(connection, account_id, number)
    heads.store(connection, replace(head, quarantined=log.quarantine_size(connection, account_id)))
    invalidations.refresh(connection, account_id)
    return released


def _numbered(
    connection: Connection, head: Head, deliveries: Sequence[Delivery]
) -> tuple[list[Outcome], list[tuple[int, Delivery]]]:
    """The outcome of each delivery, and the new ones among them with their numbers."""
    if not deliveries:
        return [], []
    stored = _known(connection, head.account, deliveries)
    outcomes: list[Outcome] = []
    fresh: list[tuple[int, Delivery]] = []
    for sent in deliveries:
        delivery = _distinct(sent, stored)
        if (before := stored.get(delivery.decoded.key)) is not None:
            outcomes.append(Outcome("duplicate", before.number, 0))
            continue
        number = head.deliveries + len(fresh) + 1
        stored[delivery.decoded.key] = Known(number, delivery.decoded.content)
        fresh.append((number, delivery))
        status: Status = "quarantined" if delivery.decoded.rejections else "applied"
        outcomes.append(Outcome(status, number, 0, conflicts_with=delivery.conflicts_with))
    return outcomes, fresh


def _known(connection: Connection, account_id: str, deliveries: Sequence[Delivery]) -> dict[str, Known]:
    """What is stored under the deliveries' keys, and under those that they get in a conflict."""
    keys = {delivery.decoded.key for delivery in deliveries}
    stored = log.known(connection, account_id, keys)
    distinct = {_distinct(delivery, stored).decoded.key for delivery in deliveries} - keys
    return stored | log.known(connection, account_id, distinct) if distinct else stored


def _distinct(delivery: Delivery, stored: Mapping[str, Known]) -> Delivery:
    """The delivery. If its id was given to another content before (SPEC section 4), it is marked and gets a
    key of its own, which no id can be, because none has a line break in it."""
    decoded = delivery.decoded
    before = stored.get(decoded.key)
    if before is None or before.content == decoded.content:
        return delivery
    own = structs.replace(decoded, key=f"{decoded.key}\n{decoded.content}")
    return replace(delivery, decoded=own, conflicts_with=before.number)


def _logged(fresh: Sequence[tuple[int, Delivery]], merged: Merged) -> Iterator[tuple[int, Delivery, Changed]]:
    """New deliveries as the log keeps them, with what each changed. What a stripped one changed may hold the
    text that it was stripped of."""
    for number, delivery in fresh:
        kept = stripped.as_kept(delivery, merged.records)
        yield number, kept, {} if kept.source == "forget" else merged.changed.get(number, {})


def _heard(head: Head, deliveries: Sequence[Delivery]) -> Head:
    """The head after hearing from the CRM: by webhooks alone, also by repeated ones."""
    heard = [delivery.received_at for delivery in deliveries if delivery.source == "webhook"]
    return replace(head, last_delivery_at=max(heard)) if heard else head


def _head_after(advanced: Advanced, batch: AccountBatch) -> Head:
    """The head after new deliveries: how many are in quarantine, and from which day on the losses are known
    (SPEC section 2.6): from the first webhook, or from where an import begins."""
    head = advanced.head
    for _, delivery in batch.numbered:
        if delivery.source == "webhook":
            head = head.knowing_from(batch.rules.day(delivery.received_at))
    if any(delivery.source == "import" for _, delivery in batch.numbered):
        lost_days = [deal.lost_day for _, deal in advanced.merged.deals.values() if deal.lost_day is not None]
        head = head.knowing_from(min(lost_days, default=None))
    rejected = sum(1 for _, delivery in batch.numbered if delivery.decoded.rejections)
    return replace(head, quarantined=head.quarantined + rejected)


def _advance(connection: Connection, batch: AccountBatch, head: Head) -> Advanced:
    """Write what a batch changes."""
    account_id = batch.account.id
    loaded = load(connection, batch)
    redirection = load_redirection(connection, batch, loaded)
    stored = {entity: {**redirection.records.get(entity, {}), **loaded.get(entity, {})} for entity in FIELDS}
    merged = merge_batch(stored, batch.changes, batch.rules, redirection)
    flowed = propagate(
        FLOW,
        merged.tasks,
        merged.deals,
        merged.gone,
        batch.moments,
        partial(load_deals, connection, batch),
        partial(sums.cells, connection, account_id),
    )
    for entity, records in merged.records.items():
        state.save(connection, account_id, entity, records, stored[entity])
    sums.add(connection, account_id, flowed.deltas)
    head = replace(head, as_of=batch.moments[1].now, next_tick_at=_next_tick(connection, batch, head, merged))
    silent = any(delivery.source in SILENT for _, delivery in batch.numbered)
    invalidation = invalidation_of(flowed, merged.changed_ids, batch.moments, silent=silent)
    if batch.numbered or invalidation:
        head = replace(head, seq=head.seq + 1)
        invalidations.store(connection, account_id, head.seq, invalidation)
    return Advanced(head, merged, flowed)


def _next_tick(connection: Connection, batch: AccountBatch, head: Head, merged: Merged) -> Instant:
    """The next moment at which the clock alone changes the board."""
    now = batch.moments[1].now
    if batch.ticks:
        return heads.next_tick(connection, batch.account, now)
    due_times = [task.open_due_at for _, task in merged.tasks if task is not None and task.open_due_at]
    return min([head.next_tick_at, *(due_at for due_at in due_times if due_at > now)])
