"""One batch through the flow: from changed tasks and deals to what is added to every relation. Pure.

The caller brings the rows: the ledger loads them from the database, a recomputation starts from none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import add, neg
from typing import TypeAlias

from service.projections.at_risk import DEAL_TASKS
from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import (
    Cells,
    Contribution,
    Deltas,
    EntitySums,
    Flow,
    Key,
    Measures,
    Middle,
    Relation,
)

TaskPair: TypeAlias = tuple[TaskFacts | None, TaskFacts | None]
"""A task before and after the batch; None where there is no such task."""

DealPair: TypeAlias = tuple[DealFacts | None, DealFacts]
"""A deal before and after the batch; None before: it has contributed nothing yet."""

LoadDeals: TypeAlias = Callable[[AbstractSet[str]], Mapping[str, DealFacts]]
"""Loads deals by id. A deal of which nothing is known is given, too: as an unknown one."""

LoadCells: TypeAlias = Callable[[Relation, AbstractSet[str]], Cells]
"""Loads the rows of a feeding relation about some entities, as they are before the batch."""


@dataclass(frozen=True, slots=True)
class Flowed:
    """What a batch does to the projections.

    Args:
        deltas: What is added to each relation.
        deals: Every deal that took part, as it is after the batch: the changed ones, and those of the changed
            tasks.
        clients: The clients whose rows on the board may differ.
    """

    deltas: Deltas
    deals: Mapping[str, DealFacts]
    clients: frozenset[str]


def propagate(
    flow: Flow,
    tasks: Collection[TaskPair],
    changed_deals: Mapping[str, DealPair],
    moments: tuple[Moment, Moment],
    load_deals: LoadDeals,
    load_cells: LoadCells,
) -> Flowed:
    """Retract what changed entities contributed, and insert what they contribute now, hop by hop.

    Args:
        tasks: The changed tasks, and those that the clock changed.
        changed_deals: By id.
        moments: The moment that the relations are true at, and the one that they will be true at.
        load_deals: For the deals of changed tasks that did not change themselves.
    """
    before, after = moments
    tally = _Tally()
    for old_task, new_task in tasks:
        tally.retract(flow.task(old_task, before))
        tally.insert(flow.task(new_task, after))

    deals = {**changed_deals, **_unchanged(tasks, changed_deals, load_deals)}
    deal_sums = _sums(flow, "deal", deals.keys(), load_cells, tally.deltas)
    for deal_id, (old_deal, new_deal) in deals.items():
        old_sums, new_sums = deal_sums[deal_id]
        if old_deal is not None:
            tally.retract(flow.deal(old_deal, old_sums))
        tally.insert(flow.deal(new_deal, new_sums))

    clients = tally.about("client")
    for old_sums, new_sums in _sums(flow, "client", clients, load_cells, tally.deltas).values():
        tally.retract(flow.client(old_sums))
        tally.insert(flow.client(new_sums))

    listed = {*_listed_by_tasks(tasks, moments), *_listed_by_deals(deals, deal_sums)}
    deltas = {relation: cells for relation, cells in tally.deltas.items() if cells}
    return Flowed(deltas, {deal_id: new for deal_id, (_, new) in deals.items()}, clients | listed)


class _Tally:
    """Adds contributions up. A key whose contributions cancel out is not in `deltas`."""

    def __init__(self) -> None:
        self.deltas: dict[Relation, dict[Key, Measures]] = {}

    def insert(self, contributions: Iterable[Contribution]) -> None:
        for relation, key, measures in contributions:
            _add(self.deltas.setdefault(relation, {}), key, measures)

    def retract(self, contributions: Iterable[Contribution]) -> None:
        for relation, key, measures in contributions:
            _add(self.deltas.setdefault(relation, {}), key, tuple(map(neg, measures)))

    def about(self, entity: Middle) -> frozenset[str]:
        """Ids of the entities about which some sum changes."""
        return frozenset(
            str(key[0])
            for relation, cells in self.deltas.items()
            if relation.feeds == entity
            for key in cells
        )


def _add(cells: dict[Key, Measures], key: Key, measures: Measures) -> None:
    """Add measures to a row; a row that comes to nothing is removed."""
    present = cells.get(key)
    total = measures if present is None else tuple(map(add, present, measures))
    if any(total):
        cells[key] = total
    elif present is not None:
        del cells[key]


def _unchanged(
    tasks: Iterable[TaskPair], changed_deals: Mapping[str, DealPair], load_deals: LoadDeals
) -> dict[str, DealPair]:
    """The deals that tasks are or were on, and that did not change themselves."""
    linked = {
        task.deal_id for pair in tasks for task in pair if task is not None and task.deal_id is not None
    }
    missing = linked - changed_deals.keys()
    return {deal_id: (deal, deal) for deal_id, deal in load_deals(missing).items()} if missing else {}


def _sums(
    flow: Flow, entity: Middle, ids: AbstractSet[str], load_cells: LoadCells, deltas: Deltas
) -> dict[str, tuple[EntitySums, EntitySums]]:
    """The sums about some entities, as they are before the batch and after it."""
    old: dict[Relation, dict[str, Cells]] = {}
    new: dict[Relation, dict[str, Cells]] = {}
    for relation in flow.feeding[entity]:
        cells = dict(load_cells(relation, ids)) if ids else {}
        old[relation] = _by_entity(cells)
        for key, measures in deltas.get(relation, {}).items():
            _add(cells, key, measures)
        new[relation] = _by_entity(cells)
    return {
        entity_id: (
            EntitySums(entity_id, {relation: cells.get(entity_id, {}) for relation, cells in old.items()}),
            EntitySums(entity_id, {relation: cells.get(entity_id, {}) for relation, cells in new.items()}),
        )
        for entity_id in ids
    }


def _by_entity(cells: Cells) -> dict[str, Cells]:
    """The rows of a feeding relation by the entity that they are about, keyed by the rest of their key."""
    grouped: dict[str, dict[Key, Measures]] = {}
    for key, measures in cells.items():
        grouped.setdefault(str(key[0]), {})[key[1:]] = measures
    return dict(grouped)


def _listed_by_tasks(tasks: Iterable[TaskPair], moments: tuple[Moment, Moment]) -> Iterable[str]:
    """The clients that are or were on the list by a task on the client itself."""
    for pair in tasks:
        for task, moment in zip(pair, moments, strict=True):
            if task is not None and task.client_id is not None and task.overdue(moment.now):
                yield task.client_id


def _listed_by_deals(
    deals: Mapping[str, DealPair], sums: Mapping[str, tuple[EntitySums, EntitySums]]
) -> Iterable[str]:
    """The clients that are or were on the list by a deal with overdue tasks."""
    for deal_id, pair in deals.items():
        for deal, deal_sums in zip(pair, sums[deal_id], strict=True):
            if deal is not None and deal_sums.row(DEAL_TASKS)[1]:
                yield deal.client_id
