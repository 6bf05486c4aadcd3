"""One batch through the flow: from changed tasks and deals to what is to be added to every relation. Pure.

Whoever calls brings the rows (the ledger from the database, a recomputation from nothing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from service.projections.at_risk import DEAL_TASKS
from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import Cells, Deltas, Flow, Key, Measures, Relation, added, by_entity

Pair: TypeAlias = tuple[DealFacts | None, DealFacts]
"""A deal before and after the batch; None before: it has not contributed anything yet."""

DealsOf: TypeAlias = Callable[[set[str]], Mapping[str, Pair]]
CellsOf: TypeAlias = Callable[[Relation, set[str]], Mapping[Key, Measures]]


@dataclass(slots=True)
class Propagated:
    """What to add to the relations, and the clients whose rows on the board may look different now."""

    deltas: Deltas = field(default_factory=Deltas)
    shown_clients: set[str] = field(default_factory=set)


def propagate(
    flow: Flow,
    tasks: Iterable[tuple[TaskFacts | None, TaskFacts | None]],
    changed_deals: set[str],
    moments: tuple[Moment, Moment],
    deals_of: DealsOf,
    cells_of: CellsOf,
) -> Propagated:
    """Retract what was and insert what is, hop by hop.

    Args:
        tasks: Each changed task before and after the batch.
        changed_deals: Ids of the deals whose own state changed.
        moments: The moment that the tables are true at, and the one that they will be.
        deals_of: Gives deals by id (any id: a deal that nobody told of is an unknown one).
        cells_of: Gives a feeding relation's rows about some entities, as they are in the tables.
    """
    result = Propagated()
    deltas, before, after = result.deltas, *moments
    deals = set(changed_deals)
    for old, new in tasks:
        deltas.put(flow.task(old, before), -1)
        deltas.put(flow.task(new, after), +1)
        for task, moment in ((old, before), (new, after)):
            if task is None:
                continue
            if task.deal_id is not None:
                deals.add(task.deal_id)
            elif task.client_id is not None and task.overdue(moment.now):
                result.shown_clients.add(task.client_id)
    _deals(flow, deals, deals_of, cells_of, result)
    _clients(flow, cells_of, result)
    return result


def _deals(flow: Flow, ids: set[str], deals_of: DealsOf, cells_of: CellsOf, result: Propagated) -> None:
    old_cells, new_cells = _cells(flow, "deal", ids, cells_of, result.deltas)
    for deal_id, (old, new) in deals_of(ids).items():
        for deal, cells, sign in ((old, old_cells, -1), (new, new_cells, +1)):
            if deal is None:
                continue
            node = flow.node("deal", deal_id, cells)
            result.deltas.put(flow.deal(deal, node), 1 if sign > 0 else -1)
            if node.sum(DEAL_TASKS)[1]:
                result.shown_clients.add(deal.client_id)


def _clients(flow: Flow, cells_of: CellsOf, result: Propagated) -> None:
    ids = result.deltas.touched("client")
    old_cells, new_cells = _cells(flow, "client", ids, cells_of, result.deltas)
    for client_id in ids:
        result.deltas.put(flow.client(flow.node("client", client_id, old_cells)), -1)
        result.deltas.put(flow.client(flow.node("client", client_id, new_cells)), +1)


_NodeCells: TypeAlias = dict[Relation, dict[str, Cells]]


def _cells(
    flow: Flow, entity: Literal["deal", "client"], ids: set[str], cells_of: CellsOf, deltas: Deltas
) -> tuple[_NodeCells, _NodeCells]:
    """The feeding relations' rows about some entities, as they are and as they will be."""
    old: _NodeCells = {}
    new: _NodeCells = {}
    for relation in flow.feeding[entity]:
        cells = cells_of(relation, ids) if ids else {}
        old[relation] = dict(by_entity(cells))
        new[relation] = dict(by_entity(added(cells, deltas.of.get(relation, {}))))
    return old, new
