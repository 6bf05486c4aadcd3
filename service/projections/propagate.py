"""One batch through the flow: from changed tasks and deals to what is added to every relation. Pure.

The caller brings the rows: the ledger loads them from the database, a recomputation starts from none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias

import msgspec

from service.projections.at_risk import CLIENT_MANAGERS, DEAL_MANAGERS
from service.projections.facts import DealFacts, Moment, TaskFacts
from service.projections.flow import (
    NOTHING,
    About,
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

LoadAbout: TypeAlias = Callable[[Middle, AbstractSet[str]], Mapping[str, About]]
"""Loads the rows about some entities, by id, as they are before the batch. There may be some about others."""


class Flowed(msgspec.Struct, frozen=True):
    """What a batch does to the projections.

    Args:
        deltas: What is added to each relation.
        deals: Every deal that took part, as it is after the batch: the changed ones, and those of the changed
            tasks.
        clients: The clients whose rows on the board may differ: those about which a sum changes, and those
            at risk that a changed deal or task is about.
        about: The rows about the entities of whose rows one changes, as they are after the batch.
    """

    deltas: Deltas
    deals: Mapping[str, DealFacts]
    clients: frozenset[str]
    about: Mapping[Middle, Mapping[str, About]]


def propagate(
    flow: Flow,
    tasks: Collection[TaskPair],
    changed_deals: Mapping[str, DealPair],
    gone: Mapping[str, GonePair],
    moments: tuple[Moment, Moment],
    load_deals: LoadDeals,
    load_about: LoadAbout,
) -> Flowed:
    """Retract what changed entities contributed, and insert what they contribute now, hop by hop.

    Args:
        tasks: The changed tasks, and those that the clock changed.
        changed_deals: By id.
        gone: By client, for those that changed.
        moments: The moment that the relations are true at, and the one that they will be true at.
        load_deals: For the deals of changed tasks that did not change themselves.
    """
    tally = _Tally()
    _move_tasks(flow, tally, tasks, gone, moments)
    deals = {**changed_deals, **_unchanged(tasks, changed_deals, load_deals)}
    of_deals = tally.deltas("deal")
    about_deals = _move_deals(flow, tally, deals, load_about("deal", deals.keys()), of_deals)
    of_clients = tally.deltas("client")
    about_clients = _move_clients(flow, tally, load_about, of_clients)

    at_risk = {str(client_id) for client_id, _ in tally.cells[CLIENT_MANAGERS]}
    return Flowed(
        {**of_deals, **of_clients, **tally.deltas(None)},
        {deal_id: new_deal for deal_id, (_, new_deal) in deals.items()},
        frozenset(about_clients.keys() | at_risk),
        {"deal": about_deals, "client": about_clients},
    )


def _move_tasks(
    flow: Flow,
    tally: _Tally,
    tasks: Iterable[TaskPair],
    gone: Mapping[str, GonePair],
    moments: tuple[Moment, Moment],
) -> None:
    """The first hop: what tasks contribute, and clients that were deleted."""
    before, after = moments
    for old_task, new_task in tasks:
        tally.swap(flow.task(old_task, before), flow.task(new_task, after))
    for client_id, (was_gone, is_gone) in gone.items():
        if was_gone != is_gone:
            mark = flow.gone(client_id)
            tally.swap(mark if was_gone else [], mark if is_gone else [])


def _move_deals(
    flow: Flow, tally: _Tally, deals: Mapping[str, DealPair], before: Mapping[str, About], deltas: Deltas
) -> Mapping[str, About]:
    """The second hop: what deals contribute by themselves and by the sums of their tasks. Returns the rows
    about those of which one changes."""
    after = _after(before, deltas)
    for deal_id, (old_deal, new_deal) in deals.items():
        about = before.get(deal_id, NOTHING)
        new_about = after.get(deal_id, about)
        if new_about is about and old_deal == new_deal and not about.get(DEAL_MANAGERS):
            continue  # it contributes the same, and puts no client at risk
        contributed = [] if old_deal is None else flow.deal(old_deal, EntitySums(deal_id, about))
        tally.swap(contributed, flow.deal(new_deal, EntitySums(deal_id, new_about)))
    return after


def _move_clients(flow: Flow, tally: _Tally, load_about: LoadAbout, deltas: Deltas) -> Mapping[str, About]:
    """The third hop: what clients contribute by the sums of their deals and tasks. Returns the rows about
    those of which one changes."""
    before = load_about("client", {str(key[0]) for cells in deltas.values() for key in cells})
    after = _after(before, deltas)
    for client_id, about in after.items():
        old = EntitySums(client_id, before.get(client_id, NOTHING))
        tally.swap(flow.client(old), flow.client(EntitySums(client_id, about)))
    return after


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

    def deltas(self, feeds: Middle | None) -> Deltas:
        """The sums that are not zero, of the relations that feed an entity, or of those that feed none."""
        deltas: dict[Relation, Cells] = {}
        for relation, cells in self.cells.items():
            if relation.feeds == feeds:
                nonzero = {key: measures for key, measures in cells.items() if any(measures)}
                if nonzero:
                    deltas[relation] = nonzero
        return deltas


def _unchanged(
    tasks: Iterable[TaskPair], changed_deals: Mapping[str, DealPair], load_deals: LoadDeals
) -> dict[str, DealPair]:
    """The deals that tasks are or were on, and that did not change themselves."""
    missing = {
        task.deal_id
        for pair in tasks
        for task in pair
        if task is not None and task.deal_id is not None and task.deal_id not in changed_deals
    }
    return {deal_id: (deal, deal) for deal_id, deal in load_deals(missing).items()} if missing else {}


def _after(before: Mapping[str, About], deltas: Deltas) -> Mapping[str, About]:
    """The rows about the entities of whose rows one changes, without those that come to nothing."""
    after: dict[str, dict[Relation, dict[Key, Measures]]] = {}
    for relation, cells in deltas.items():
        for key, measures in cells.items():
            entity_id = str(key[0])
            if (about := after.get(entity_id)) is None:
                known = before.get(entity_id, NOTHING)
                about = after[entity_id] = {one: dict(rows) for one, rows in known.items()}
            rows = about.setdefault(relation, {})
            total = relation.plus(rows.get(key, relation.zero), measures)
            if any(total):
                rows[key] = total
            else:
                del rows[key]
    return after
