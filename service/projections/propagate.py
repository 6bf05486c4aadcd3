"""One batch through the flow: from changed tasks and deals to what is added to every relation. Pure.

The caller brings the rows: the ledger loads them from the database, a recomputation starts from none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, TypeAlias

from service.projections.at_risk import CLIENT_MANAGERS
from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import (
    NO_CELLS,
    Cells,
    Contribution,
    Deltas,
    EntitySums,
    Flow,
    Key,
    Measures,
    Relation,
    Sums,
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
        if was_gone != is_gone:
            mark = flow.gone(client_id)
            tally.swap(mark if was_gone else [], mark if is_gone else [])

    deals = {**changed_deals, **_unchanged(tasks, changed_deals, load_deals)}
    _move_deals(flow, tally, deals, load_cells)
    clients, old, new = _sums(tally, flow.feeding["client"], load_cells)
    for client_id in clients:
        tally.swap(flow.client(EntitySums(client_id, old)), flow.client(EntitySums(client_id, new)))

    at_risk = {str(client_id) for client_id, _ in tally.cells[CLIENT_MANAGERS]}
    facts = {deal_id: new_deal for deal_id, (_, new_deal) in deals.items()}
    return Flowed(tally.deltas(flow.relations), facts, clients | at_risk)


def _move_deals(flow: Flow, tally: _Tally, deals: Mapping[str, DealPair], load_cells: LoadCells) -> None:
    """The second hop: what deals contribute by themselves and by the sums of their tasks."""
    moved, old, new = _sums(tally, flow.feeding["deal"], load_cells, deals.keys())
    for deal_id, (old_deal, new_deal) in deals.items():
        contributed = [] if old_deal is None else flow.deal(old_deal, EntitySums(deal_id, old))
        is_same = old_deal == new_deal and deal_id not in moved
        contributes = contributed if is_same else flow.deal(new_deal, EntitySums(deal_id, new))
        tally.swap(contributed, contributes)


class _Tally:
    """Adds contributions up: relation → key → sum. What cancels out is kept as zeros, because they show that
    an entity with this key took part."""

    def __init__(self) -> None:
        self.cells: defaultdict[Relation, dict[Key, Measures]] = defaultdict(dict)

    def swap(self, old: list[Contribution], new: list[Contribution]) -> None:
        """Retract contributions, and insert others."""
        if old == new:
            for relation, key, _ in old:
                self.cells[relation].setdefault(key, relation.zero)
            return
        for relation, key, measures in new:
            cells = self.cells[relation]
            known = cells.get(key)
            cells[key] = measures if known is None else relation.plus(known, measures)
        for relation, key, measures in old:
            cells = self.cells[relation]
            cells[key] = relation.minus(cells.get(key, relation.zero), measures)

    def deltas(self, relations: Iterable[Relation]) -> Deltas:
        """The sums of some relations that are not zero."""
        deltas = {}
        for relation in relations:
            if relation in self.cells and (cells := _nonzero(self.cells[relation])):
                deltas[relation] = cells
        return deltas


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
    tally: _Tally,
    feeding: Collection[Relation],
    load_cells: LoadCells,
    others: AbstractSet[str] = frozenset(),
) -> tuple[frozenset[str], Sums, Sums]:
    """The entities about which something is added to the relations that feed them; and the rows about them
    and about some others, before the batch and after it."""
    added = tally.deltas(feeding)
    moved = frozenset(str(key[0]) for cells in added.values() for key in cells)
    ids = moved | others
    old, new = Sums(), Sums()
    for relation in feeding if ids else ():
        cells, more = load_cells(relation, ids), added.get(relation, NO_CELLS)
        if len(relation.key) == 1:
            old.single[relation], new.single[relation] = cells, _sum(relation, cells, more)
        else:
            rows = old.several[relation] = _by_entity(cells)
            changed = _by_entity(more).items()
            new.several[relation] = {
                **rows,
                **{id: _sum(relation, rows.get(id, NO_CELLS), deltas) for id, deltas in changed},
            }
    return moved, old, new


def _by_entity(cells: Mapping[Any, Measures]) -> dict[str, dict[Key, Measures]]:
    """Rows by the entity that they are about, and by the rest of their key."""
    rows: defaultdict[str, dict[Key, Measures]] = defaultdict(dict)
    for key, measures in cells.items():
        rows[key[0]][key[1:]] = measures
    return rows


def _sum(relation: Relation, cells: Cells, deltas: Cells) -> Cells:
    """Rows after deltas, without those that come to nothing."""
    if not deltas:
        return cells
    total = dict(cells)
    for key, measures in deltas.items():
        known = total.get(key)
        total[key] = measures if known is None else relation.plus(known, measures)
        if not any(total[key]):
            del total[key]
    return total
