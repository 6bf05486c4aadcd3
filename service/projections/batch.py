"""One batch of changes merged into state, as a value: what state was, what it is, what changed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from service.model import Change, Entity, Value
from service.projections.facts import Rules, deal_facts, is_gone, task_facts
from service.projections.merge import Record, merge
from service.projections.propagate import DealPair, GonePair, TaskPair

Records: TypeAlias = Mapping[Entity, Mapping[str, Record]]
"""Entity → id → record; entities that are not known are left out."""

Changed: TypeAlias = Mapping[str, Mapping[str, tuple[Value, Value]]]
"""What a delivery changed: "deal 42" → field → (old, new)."""


@dataclass(frozen=True, slots=True)
class Merged:
    """State after a batch.

    Args:
        records: The records of every entity that a change is about.
        tasks: The tasks among these, and those that the clock changed, before and after.
        deals: The deals among these, before and after, by id.
        gone: By client: whether it was gone before, and is now; see `facts.is_gone`.
        changed: What each delivery changed, by its number.
        changed_ids: The entities that have another value than before. Most webhooks repeat names that are
            known.
    """

    records: Records
    tasks: Collection[TaskPair]
    deals: Mapping[str, DealPair]
    gone: Mapping[str, GonePair]
    changed: Mapping[int, Changed]
    changed_ids: Mapping[Entity, AbstractSet[str]]


def merge_batch(stored: Records, changes: Iterable[tuple[int, Change]], rules: Rules) -> Merged:
    """Merge changes, each with its delivery's number, into copies of the stored records.

    Args:
        stored: The records of the entities that the changes are about, and of the tasks that the clock
            changed.
    """
    records: dict[Entity, dict[str, Record]] = {}
    changed: dict[int, dict[str, dict[str, tuple[Value, Value]]]] = {}
    changed_ids: dict[Entity, set[str]] = {}
    for number, change in changes:
        merged = records.setdefault(change.entity, {})
        if change.id not in merged:
            known = stored.get(change.entity, {}).get(change.id)
            merged[change.id] = Record() if known is None else known.copy()
        if values := merge(merged[change.id], change, number):
            changed_ids.setdefault(change.entity, set()).add(change.id)
            changed.setdefault(number, {}).setdefault(f"{change.entity} {change.id}", {}).update(values)

    old_tasks, old_deals, old_clients = (stored.get(entity, {}) for entity in ("task", "deal", "client"))
    new_tasks, new_deals = {**old_tasks, **records.get("task", {})}, records.get("deal", {})
    return Merged(
        records,
        [
            (task_facts(task_id, old_tasks.get(task_id), rules), task_facts(task_id, record, rules))
            for task_id, record in new_tasks.items()
        ],
        {
            deal_id: (deal_facts(deal_id, old_deals.get(deal_id), rules), deal_facts(deal_id, record, rules))
            for deal_id, record in new_deals.items()
        },
        {
            client_id: (is_gone(old_clients.get(client_id)), is_gone(record))
            for client_id, record in records.get("client", {}).items()
        },
        changed,
        changed_ids,
    )
