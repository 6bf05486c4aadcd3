"""One batch of changes merged into state, as a value: what state was, what it is, what changed. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import msgspec

from service.model import Change, Entity, Value
from service.projections.facts import Rules, deal_facts, is_gone, task_facts
from service.projections.merge import Record, merge
from service.projections.mergers import NO_REDIRECTION, Redirection, redirect
from service.projections.propagate import DealPair, GonePair, TaskPair

Records: TypeAlias = Mapping[Entity, Mapping[str, Record]]
"""Entity → id → record; entities that are not known are left out."""

Changed: TypeAlias = Mapping[str, Mapping[str, tuple[Value, Value]]]
"""What a delivery changed: "deal 42" → field → (old, new)."""


class Merged(msgspec.Struct, frozen=True):
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


def merge_batch(
    stored: Records,
    changes: Iterable[tuple[int, Change]],
    rules: Rules,
    redirection: Redirection = NO_REDIRECTION,
) -> Merged:
    """Merge changes, each with its delivery's number, into copies of the stored records.

    Args:
        stored: The records of the entities that the changes are about, of the tasks that the clock changed,
            and of what is redirected.
    """
    records: defaultdict[Entity, dict[str, Record]] = defaultdict(dict)
    changed: defaultdict[int, dict[str, dict[str, tuple[Value, Value]]]] = defaultdict(dict)
    changed_ids: defaultdict[Entity, set[str]] = defaultdict(set)
    for number, change in changes:
        entity, id = change.entity, change.id
        merged = records[entity]
        record = merged.get(id)
        if record is None:
            known = stored.get(entity, {}).get(id)
            record = merged[id] = Record() if known is None else known.copy()
        if values := merge(record, change, number):
            changed_ids[entity].add(id)
            of_delivery, key = changed[number], f"{entity} {id}"
            of_delivery[key] = {**of_delivery[key], **values} if key in of_delivery else values

    _redirect(records, changed_ids, redirection)

    tasks, deals = _task_pairs(stored, records, rules), _deal_pairs(stored, records, rules)
    return Merged(records, tasks, deals, _gone_pairs(stored, records), changed, changed_ids)


def _task_pairs(stored: Records, records: Records, rules: Rules) -> list[TaskPair]:
    old = stored.get("task", {})
    new = {**old, **records.get("task", {})}
    return [(task_facts(id, old.get(id), rules), task_facts(id, record, rules)) for id, record in new.items()]


def _deal_pairs(stored: Records, records: Records, rules: Rules) -> dict[str, DealPair]:
    old, new = stored.get("deal", {}), records.get("deal", {})
    return {
        id: (deal_facts(id, old.get(id), rules), deal_facts(id, record, rules)) for id, record in new.items()
    }


def _gone_pairs(stored: Records, records: Records) -> dict[str, GonePair]:
    old, new = stored.get("client", {}), records.get("client", {})
    return {id: (is_gone(old.get(id)), is_gone(record)) for id, record in new.items()}


def _redirect(
    records: dict[Entity, dict[str, Record]], changed_ids: dict[Entity, set[str]], redirection: Redirection
) -> None:
    """Lead every link to what is left of a merger, in the changed records and in those of the redirection."""
    if redirection is NO_REDIRECTION:
        return
    for entity, linked in redirection.records.items():
        for id in linked.keys() - records.setdefault(entity, {}).keys():
            records[entity][id] = linked[id].copy()
        changed_ids.setdefault(entity, set()).update(linked)
    for entity, merged in records.items():
        redirect(entity, merged.values(), redirection.into)
