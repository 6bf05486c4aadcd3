"""One account's part of a batch, in one transaction: append, merge, propagate, bump the sequence, note what
was touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from service.calendar import day_start
from service.config import Account
from service.ledger.database.outcome import Outcome
from service.ledger.database.tables import TASKS
from service.ledger.write import heads, invalidations, log, needs, state, sums
from service.ledger.write.heads import Head
from service.model import Change, Delivery, Entity, Instant, Need, Source, Value
from service.projections import FLOW
from service.projections.facts import DealFacts, Moment, Rules, TaskFacts, deal_facts, task_facts
from service.projections.flow import Cells, Relation
from service.projections.merge import Record, merge
from service.projections.propagate import DealPair, propagate

SILENT: Final[frozenset[Source]] = frozenset({"sync", "import"})
"""What came so is state, not news: screens show it, and announce nothing."""

Merged = dict[int, dict[str, dict[str, tuple[Value, Value]]]]
"""What each delivery changed: number → "deal 42" → field → (old, new)."""


@dataclass(slots=True)
class Batch:
    """State before and after a batch of one account. `numbered` pairs each new delivery with its number;
    `changed` has the ids of what has another value than before: most webhooks repeat names that are known.
    `indexed` has what indexes knew of the entities that were stored."""

    connection: Connection
    account: Account
    moments: tuple[Moment, Moment]
    numbered: list[tuple[int, Delivery]] = field(default_factory=list)
    rules: Rules = field(init=False)
    records: dict[Entity, dict[str, Record]] = field(default_factory=dict)
    tasks: dict[str, tuple[TaskFacts | None, TaskFacts | None]] = field(default_factory=dict)
    deals: dict[str, DealPair] = field(default_factory=dict)
    involved: Mapping[str, DealFacts] = field(default_factory=dict)
    changed: dict[Entity, set[str]] = field(default_factory=dict)
    indexed: dict[Entity, dict[str, state.Indexed]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rules = heads.rules_of(self.account)


def apply(
    connection: Connection, account: Account, deliveries: Sequence[Delivery], now: Instant
) -> tuple[list[Outcome], Head]:
    """Apply deliveries to one account, and everything that fell due by `now`.

    Returns:
        What became of each delivery, in their order, and the head that the account now has. Nothing lasts
        before the caller's commit.

    Raises:
        LookupError: The account has no head row: the service did not prepare it.
        OtherRules: See there; nothing was written.
    """
    held = heads.prepared(connection, account.id, lock=True)
    heads.check_rules(held, account)
    moment = heads.moment_after(held.as_of, now)
    fresh, outcomes = _sorted_out(connection, held, deliveries)
    head = held
    heard = [item.received_at for item in deliveries if item.source == "webhook"]
    if heard:
        head = replace(head, last_delivery_at=max(heard))
    merged: Merged = {}
    if fresh or _ticks(held, moment):
        batch = Batch(connection, account, _moments(account, held, moment), fresh)
        head, merged = _advance(batch, replace(head, deliveries=head.deliveries + len(fresh)))
        log.append(connection, [(number, delivery, merged.get(number, {})) for number, delivery in fresh])
        if account.api is not None and fresh:
            needs.note(connection, account.id, _wanted(batch), now)
    for delivery in deliveries:
        needs.settle(connection, account.id, delivery.settles)
    if head != held:
        heads.store(connection, head)
    return [
        replace(outcome, seq=head.seq, changed=frozenset(merged.get(outcome.number, ())))
        for outcome in outcomes
    ], head


def _wanted(batch: Batch) -> dict[Need, int]:
    """What new deliveries leave out, each with the number of the newest one that does: what their adapter
    says, and the deals of which only a task or a link has spoken."""
    newest = batch.numbered[-1][0]
    wanted = {Need("deal", each): newest for each, deal in batch.involved.items() if deal.phase == "unknown"}
    return wanted | {need: number for number, each in batch.numbered for need in each.decoded.needs}


def reapply(connection: Connection, account: Account, number: int, delivery: Delivery, now: Instant) -> Head:
    """Apply a stored delivery again, as it is decoded today; what still cannot be decoded stays in
    quarantine.

    It keeps its number, so that whatever came after it still wins over it.

    Raises:
        LookupError: The account has no head row.
        OtherRules: See there; nothing was written.
    """
    held = heads.prepared(connection, account.id, lock=True)
    heads.check_rules(held, account)
    moment = heads.moment_after(held.as_of, now)
    batch = Batch(connection, account, _moments(account, held, moment), [(number, delivery)])
    head, _ = _advance(batch, held)
    log.hold(connection, account.id, number, delivery.decoded.rejections)
    heads.store(connection, head)
    return head


def _ticks(head: Head, moment: Instant) -> bool:
    """Whether the clock alone changes the board between its moment and this one."""
    return moment >= head.next_tick_at or moment < head.as_of


def _moments(account: Account, head: Head, moment: Instant) -> tuple[Moment, Moment]:
    rules = heads.rules_of(account)
    return Moment(head.as_of, rules.day(head.as_of)), Moment(moment, rules.day(moment))


def _sorted_out(
    connection: Connection, head: Head, deliveries: Sequence[Delivery]
) -> tuple[list[tuple[int, Delivery]], list[Outcome]]:
    """New deliveries with their numbers, and the outcome of all of them."""
    if not deliveries:
        return [], []
    numbers = log.known_keys(connection, head.account, {each.decoded.key for each in deliveries})
    fresh: list[tuple[int, Delivery]] = []
    outcomes: list[Outcome] = []
    for delivery in deliveries:
        number = numbers.get(delivery.decoded.key)
        if number is not None:
            outcomes.append(Outcome("duplicate", number, 0))
            continue
        number = head.deliveries + len(fresh) + 1
        numbers[delivery.decoded.key] = number
        fresh.append((number, delivery))
        outcomes.append(Outcome("quarantined" if delivery.decoded.rejections else "applied", number, 0))
    return fresh, outcomes


def _advance(batch: Batch, head: Head) -> tuple[Head, Merged]:
    """Write what the batch changes; the head that it leads to, and what each delivery changed."""
    now = batch.moments[1].now
    ticking = _ticks(head, now)
    changes = [(number, change) for number, delivery in batch.numbered for change in delivery.decoded.changes]
    merged = _merge(batch, changes, _ticked_tasks(batch) if ticking else set())
    touched = _settle(batch)
    if ticking:
        next_tick_at = heads.next_tick(batch.connection, batch.account, now)
    else:
        next_tick_at = min([head.next_tick_at, *_due_times(batch, now)])
    seq = head.seq
    if batch.numbered or touched:
        seq += 1
        invalidations.store(batch.connection, batch.account.id, seq, touched)
    return replace(head, seq=seq, as_of=now, next_tick_at=next_tick_at), merged


def _merge(batch: Batch, changes: Sequence[tuple[int, Change]], ticked: set[str]) -> Merged:
    """Merge changes into state; afterwards `batch` holds tasks and deals before and after.

    Args:
        changes: Each with its delivery's number.
        ticked: Tasks that nobody changed, but that look different at the batch's second moment.

    Returns:
        What each delivery changed: number → "deal 42" → field → (old, new).
    """
    ids: dict[Entity, set[str]] = {"task": set(ticked)} if ticked else {}
    for _, change in changes:
        ids.setdefault(change.entity, set()).add(change.id)
    for entity, wanted in ids.items():
        loaded = state.load(batch.connection, batch.account.id, entity, wanted)
        batch.indexed[entity] = {each: state.indexed(entity, record) for each, record in loaded.items()}
        batch.records[entity] = {each: loaded.get(each) or Record() for each in wanted}
    tasks, deals = batch.records.get("task", {}), batch.records.get("deal", {})
    old_tasks = {each: task_facts(each, record, batch.rules) for each, record in tasks.items()}
    old_deals = {each: deal_facts(each, record, batch.rules) for each, record in deals.items()}
    merged: Merged = {}
    for number, change in changes:
        changed = merge(batch.records[change.entity][change.id], change, number)
        if changed:
            batch.changed.setdefault(change.entity, set()).add(change.id)
            entry = merged.setdefault(number, {}).setdefault(f"{change.entity} {change.id}", {})
            entry.update(changed)
    batch.tasks = {each: (old_tasks[each], task_facts(each, tasks[each], batch.rules)) for each in tasks}
    batch.deals = {each: (old_deals[each], deal_facts(each, deals[each], batch.rules)) for each in deals}
    for each in ticked - {change.id for _, change in changes if change.entity == "task"}:
        del tasks[each]  # its own state is as it was
    return merged


def _settle(batch: Batch) -> invalidations.Invalidation:
    """Propagate what the batch changed, store state and projections, and say what of the board was
    touched."""
    connection, account_id = batch.connection, batch.account.id

    def load_deals(ids: AbstractSet[str]) -> Mapping[str, DealFacts]:
        loaded = state.load(connection, account_id, "deal", ids)
        return {each: deal_facts(each, loaded.get(each), batch.rules) for each in ids}

    def cells_of(relation: Relation, ids: AbstractSet[str]) -> Cells:
        return sums.cells(connection, account_id, relation, ids)

    flowed = propagate(FLOW, batch.tasks.values(), batch.deals, batch.moments, load_deals, cells_of)
    batch.involved = flowed.deals
    for entity, records in batch.records.items():
        state.save(connection, account_id, entity, records, batch.indexed[entity])
    sums.add(connection, account_id, flowed.deltas)
    touched = invalidations.invalidation_of(flowed, batch.changed, batch.moments)
    touched.silent = bool(touched) and any(each.source in SILENT for _, each in batch.numbered)
    return touched


def _ticked_tasks(batch: Batch) -> set[str]:
    """Tasks that look different at the second moment by the clock alone: due since, or completed on a day
    that ended."""
    before, after = batch.moments
    low, high = sorted((before.now, after.now))
    windows: list[ColumnElement[bool]] = [and_(TASKS.c.open_due_at > low, TASKS.c.open_due_at <= high)]
    if before.today != after.today:
        for day in (before.today, after.today):
            start, end = day_start(day, batch.rules.zone), day_start(day + 1, batch.rules.zone)
            windows.append(and_(TASKS.c.done_at >= start, TASKS.c.done_at < end))
    found = select(TASKS.c.id).where(TASKS.c.account == batch.account.id, or_(*windows))
    return set(batch.connection.execute(found).scalars())


def _due_times(batch: Batch, now: Instant) -> list[Instant]:
    """Due times still to come of the tasks that the batch changed."""
    return [
        new.open_due_at
        for _, new in batch.tasks.values()
        if new is not None and new.open_due_at is not None and new.open_due_at > now
    ]
