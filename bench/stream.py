"""The projection core in memory: changes a second on one core, with no database, log or HTTP.

An office works for some minutes: deals and tasks are made, edited, handed over, lost, won, reopened and
completed, tasks fall due, and time passes with every batch. State and sums are dictionaries. At the end the
sums must equal those that a recomputation gives. It imports nothing that
an older checkout does not have, because it runs there, too.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from operator import add
from typing import Any, Final

from bench.office import ACCOUNT, HOUR, NOW
from service.model import SECOND, Change, Entity, Instant, Value, later
from service.projections import FLOW
from service.projections.batch import merge_batch
from service.projections.facts import DealFacts, Moment, Rules, deal_facts, is_gone, task_facts
from service.projections.flow import Cells, Key, Measures, Relation
from service.projections.merge import Record
from service.projections.propagate import propagate

WEBHOOKS: Final = 20_000
DEALS: Final = 5_000
"""Deals that there are before the clock starts."""

BATCH: Final = 64
TOGETHER: Final = f"deals and tasks, {BATCH} webhooks a batch"
NAMED: Final = f"with the names that webhooks repeat, {BATCH} webhooks a batch"
ALONE: Final = "deals and tasks, one webhook a batch"

RULES: Final = Rules(ACCOUNT.zone, ACCOUNT.currency, ACCOUNT.rates)


class Stream:
    """What an office does, as webhooks tell it: each carries the whole deal or task, as CRMs send them.

    Args:
        names: Whether a deal's webhook also names its client, manager and reason, which makes four changes.
    """

    def __init__(self, *, names: bool) -> None:
        self._names = names
        self._random = random.Random(14)
        self._version = itertools.count(NOW - HOUR)
        self._deals: list[dict[str, Value]] = []
        self._tasks: list[dict[str, Value]] = []

    def founding(self) -> Iterator[list[Change]]:
        """The webhooks of new deals."""
        for _ in range(DEALS):
            yield self._deal(self._new_deal())

    def webhook(self) -> list[Change]:
        """The next webhook: two of three are about a deal."""
        chance = self._random.random()
        if chance < 0.1:
            return self._deal(self._new_deal())
        if chance < 0.66:
            number = self._random.randrange(len(self._deals))
            self._work_on(self._deals[number])
            return self._deal(number)
        return self._task(chance)

    def _new_deal(self) -> int:
        number = len(self._deals)
        deal: dict[str, Value] = {"known": True, "name": f"Deal {number}", "status": "open"}
        people = {"client_id": f"c{number * 3 // 4}", "manager_id": f"m{number % 20}", "pipeline_id": "p1"}
        self._deals.append({**deal, "amount": 100_00 + number, "currency": "RUB", **people})
        return number

    def _work_on(self, deal: dict[str, Value]) -> None:
        """Re-price it, hand it over, lose it, win it or reopen it."""
        match self._random.randrange(6):
            case 0 | 1:
                deal["amount"] = self._random.randrange(1_000_000)
            case 2:
                deal["manager_id"] = f"m{self._random.randrange(20)}"
            case 3:
                deal |= {"status": "lost", "reason_id": f"r{self._random.randrange(8)}"}
            case 4:
                deal |= {"status": "won", "reason_id": None}
            case _:
                deal |= {"status": "open", "reason_id": None}

    def _deal(self, number: int) -> list[Change]:
        deal, version = self._deals[number], Instant(next(self._version))
        links: tuple[tuple[Entity, str], ...] = (
            ("client", "client_id"),
            ("manager", "manager_id"),
            ("reason", "reason_id"),
        )
        linked = [(entity, deal.get(name)) for entity, name in links] if self._names else []
        return [
            Change("deal", f"d{number}", version, dict(deal)),
            *(Change(entity, str(id), version, {"name": f"Name {id}"}) for entity, id in linked if id),
        ]

    def _task(self, chance: float) -> list[Change]:
        """A task is set, completed, or put off."""
        if chance < 0.8 or not self._tasks:
            deal = self._random.randrange(len(self._deals))
            due_at = later(NOW, self._random.randrange(-HOUR, HOUR))
            link = {"deal_id": f"d{deal}", "manager_id": f"m{deal % 20}"}
            self._tasks.append({**link, "text": "Call", "due_at": due_at, "completed": False})
            number = len(self._tasks) - 1
        else:
            number = self._random.randrange(len(self._tasks))
            self._tasks[number] |= {"completed": True} if chance < 0.92 else {"due_at": NOW + 2 * HOUR}
        return [Change("task", f"t{number}", Instant(next(self._version)), dict(self._tasks[number]))]


class Board:
    """State and sums in dictionaries, and the moment that they hold at."""

    def __init__(self) -> None:
        self.now = NOW
        self._records: defaultdict[Entity, dict[str, Record]] = defaultdict(dict)
        self._sums: dict[Relation, dict[Key, Measures]] = {relation: {} for relation in FLOW.relations}
        self._keys: defaultdict[Relation, defaultdict[str, set[Key]]] = defaultdict(lambda: defaultdict(set))
        """For an older checkout: the keys of the relations with longer keys, by the entity they are about."""

        self._about: defaultdict[str, dict[str, Mapping[Relation, Cells]]] = defaultdict(dict)
        """The rows about each deal and client."""

        self._due: list[tuple[Instant, str]] = []

    def apply(self, changes: list[tuple[int, Change]]) -> None:
        """Merge changes, and add what follows from them, and from a second that passed, to the sums."""
        before, self.now = self.now, later(self.now, SECOND)
        stored: dict[Entity, dict[str, Record]] = {"task": self._fallen_due()}
        for _, change in changes:
            if (record := self._records[change.entity].get(change.id)) is not None:
                stored.setdefault(change.entity, {})[change.id] = record
        merged = merge_batch(stored, changes, RULES)
        moments = (_moment(before), _moment(self.now))
        flowed = propagate(FLOW, merged.tasks, merged.deals, merged.gone, moments, self._deals, self._load)
        for entity, records in merged.records.items():
            self._records[entity].update(records)
        for kind, about in getattr(flowed, "about", {}).items():
            self._about[kind].update(about)
        for _, task in merged.tasks:
            if task is not None and task.open_due_at is not None and task.open_due_at > self.now:
                heapq.heappush(self._due, (task.open_due_at, task.id))
        for relation, deltas in flowed.deltas.items():
            self._add(relation, deltas)

    def _fallen_due(self) -> dict[str, Record]:
        tasks = self._records["task"]
        fallen = {}
        while self._due and self._due[0][0] <= self.now:
            task_id = heapq.heappop(self._due)[1]
            fallen[task_id] = tasks[task_id]
        return fallen

    def _deals(self, ids: AbstractSet[str]) -> Mapping[str, DealFacts]:
        deals = self._records["deal"]
        return {deal_id: deal_facts(deal_id, deals.get(deal_id), RULES) for deal_id in ids}

    def _load(self, asked: Any, ids: AbstractSet[str]) -> Any:
        """The rows about deals or about clients. An older checkout asks for those of one relation."""
        return self._about[asked] if isinstance(asked, str) else self._cells(asked, ids)

    def _cells(self, relation: Relation, ids: AbstractSet[str]) -> Cells:
        rows = self._sums[relation]
        if len(relation.key) == 1:
            return {key: rows[key] for key in zip(ids) if key in rows}
        keys = self._keys[relation]
        return {key: rows[key] for id in ids if id in keys for key in keys[id]}

    def _add(self, relation: Relation, deltas: Cells) -> None:
        rows, plus = self._sums[relation], getattr(relation, "plus", _plus)
        for key, measures in deltas.items():
            known = rows.get(key)
            total = measures if known is None else plus(known, measures)
            if any(total):
                rows[key] = total
            else:
                del rows[key]
            if relation.feeds and len(key) > 1 and not self._about:
                (set.add if any(total) else set.remove)(self._keys[relation][str(key[0])], key)

    def sums(self) -> dict[Relation, dict[Key, Measures]]:
        """Every row of every relation that has any."""
        return {relation: cells for relation, cells in self._sums.items() if cells}

    def recomputed(self) -> Mapping[Relation, Cells]:
        """The same, from state alone."""
        tasks = [(None, task_facts(id, record, RULES)) for id, record in self._records["task"].items()]
        deals = {id: (None, deal_facts(id, record, RULES)) for id, record in self._records["deal"].items()}
        gone = {id: (False, is_gone(record)) for id, record in self._records["client"].items()}
        moments = (_moment(self.now), _moment(self.now))
        return propagate(FLOW, tasks, deals, gone, moments, self._deals, lambda _relation, _ids: {}).deltas


def _plus(row: Measures, deltas: Measures) -> Measures:
    """As `Relation.plus`, for a checkout that has none."""
    return tuple(map(add, row, deltas))


def _moment(now: Instant) -> Moment:
    return Moment(now, RULES.day(now))


def measure(*, names: bool, batch: int) -> float:
    """Changes a second of CPU time, all of it on one core."""
    stream, board, numbers = Stream(names=names), Board(), itertools.count(1)
    board.apply([(next(numbers), change) for changes in stream.founding() for change in changes])
    batches = []
    for _ in range(WEBHOOKS // batch):
        webhooks = [(next(numbers), stream.webhook()) for _ in range(batch)]
        batches.append([(number, change) for number, changes in webhooks for change in changes])
    began = time.process_time()
    for changes in batches:
        board.apply(changes)
    seconds = time.process_time() - began
    if board.sums() != board.recomputed():
        raise RuntimeError("the sums are not those that state gives")
    return sum(map(len, batches)) / seconds


def once() -> dict[str, float]:
    """One round: changes a second by what is measured."""
    return {
        TOGETHER: measure(names=False, batch=BATCH),
        NAMED: measure(names=True, batch=BATCH),
        ALONE: measure(names=False, batch=1),
    }


if __name__ == "__main__":
    print(json.dumps(once()))
