"""One batch through the flow: from changed tasks and deals to what is added to every relation. Pure.

The caller brings the rows: the ledger loads them from the database, a recomputation starts from none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import add, sub
from typing import TypeAlias

from service.projections.at_risk import CLIENT_MANAGERS
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

GonePair: TypeAlias = tuple[bool, bool]
"""Whether a client was gone before the batch, and whether it is after it."""

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
        clients: The clients whose rows on the board may differ: those about which a sum changes, and those
            at risk that a changed deal or task is about.
    """

    deltas: Deltas
    deals: Mapping[str, DealFacts]
    clients: frozenset[str]


def propagate(
    flow: Flow,
    tasks: Collection[TaskPair],
    changed_deals: Mapping[str, DealPair],
    gone: Mapping[str, GonePair],
    moments: tuple[Moment, Moment],
    load_deals: LoadDeals,
    load_cells: LoadCells,
) -> Flowed:
    """Retract what changed entities contributed, and insert what they contribute now, hop by hop.

    Args:
        tasks: The changed tasks, and those that the clock changed.
        changed_deals: By id.
        gone: By client, for those that changed.
        moments: The moment that the relations are true at, and the one that they will be true at.
        load_deals: For the deals of changed tasks that did not change themselves.
    """
    before, after = moments
    tally = _Tally()
    for old_task, new_task in tasks:
        tally.swap(flow.task(old_task, before), flow.task(new_task, after))

    for client_id, (was_gone, is_gone) in gone.items():
        mark = flow.gone(client_id)
        tally.swap(mark if was_gone else (), mark if is_gone else ())

    deals = {**changed_deals, **_unchanged(tasks, changed_deals, load_deals)}
    deal_sums = _sums(flow, "deal", deals.keys(), load_cells, tally.cells)
    for deal_id, (old_deal, new_deal) in deals.items():
        old_sums, new_sums = deal_sums[deal_id]
        contributed = () if old_deal is None else flow.deal(old_deal, old_sums)
        tally.swap(contributed, flow.deal(new_deal, new_sums))

    clients = tally.about("client")
    for old_sums, new_sums in _sums(flow, "client", clients, load_cells, tally.cells).values():
        tally.swap(flow.client(old_sums), flow.client(new_sums))

    at_risk = {str(client_id) for client_id, _ in tally.cells.get(CLIENT_MANAGERS, ())}
    return Flowed(tally.deltas(), {deal_id: new for deal_id, (_, new) in deals.items()}, clients | at_risk)


class _Tally:
    """Adds contributions up: relation → key → sum. What cancels out is kept as zeros, because they show that
    an entity with this key took part."""

    def __init__(self) -> None:
        self.cells: defaultdict[Relation, dict[Key, Measures]] = defaultdict(dict)

    def put(self, sign: Callable[[int, int], int], contributions: Iterable[Contribution]) -> None:
        """Insert contributions (`add`), or retract them (`sub`)."""
        for relation, key, measures in contributions:
            cells = self.cells[relation]
            cells[key] = tuple(map(sign, cells.get(key, relation.zero), measures))

    def swap(self, old: Iterable[Contribution], new: Iterable[Contribution]) -> None:
        """Retract contributions, and insert others."""
        self.put(sub, old)
        self.put(add, new)

    def deltas(self) -> Deltas:
        """The sums that are not zero."""
        deltas = {relation: _nonzero(cells) for relation, cells in self.cells.items()}
        return {relation: cells for relation, cells in deltas.items() if cells}

    def about(self, entity: Middle) -> frozenset[str]:
        """Ids of the entities about which some sum changes."""
        return frozenset(
            str(key[0])
            for relation, cells in self.cells.items()
            if relation.feeds == entity
            for key, measures in cells.items()
            if any(measures)
        )


def _nonzero(cells: Cells) -> dict[Key, Measures]:
    return {key: measures for key, measures in cells.items() if any(measures)}


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
    old: dict[Relation, Mapping[str, Cells]] = {}
    new: dict[Relation, Mapping[str, Cells]] = {}
    for relation in flow.feeding[entity]:
        rows = old[relation] = _by_entity(load_cells(relation, ids)) if ids else {}
        changed = _by_entity(deltas.get(relation, {}))
        new[relation] = {**rows, **{key: _sum(rows.get(key, {}), cells) for key, cells in changed.items()}}
    return {entity_id: (EntitySums(entity_id, old), EntitySums(entity_id, new)) for entity_id in ids}


def _by_entity(cells: Cells) -> dict[str, Cells]:
    """The rows of a feeding relation by the entity that they are about, keyed by the rest of their key."""
    grouped: defaultdict[str, dict[Key, Measures]] = defaultdict(dict)
    for key, measures in cells.items():
        grouped[str(key[0])][key[1:]] = measures
    return dict(grouped)


def _sum(cells: Cells, deltas: Cells) -> Cells:
    """Rows after deltas, without those that come to nothing."""
    added = {
        key: tuple(map(add, cells[key], measures)) if key in cells else measures
        for key, measures in deltas.items()
    }
    return _nonzero({**cells, **added})
