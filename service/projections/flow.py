"""Keyed sums with retraction: how a change moves money. Pure.

A projection declares *relations* (tables of keyed sums) and pure functions that say what an entity
contributes to them. When an entity changes, what its old state contributed is retracted and what its new
state contributes is inserted; what cancels out is never written. Deltas flow in three short hops, and only
to the keys that they change:

    task ──▶ sums by deal ──▶ deal ──▶ sums by client ──▶ client ──▶ sums by manager, and of the whole board

so that no change costs more because a client has 50 000 deals or a manager 10 000 overdue tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Literal, TypeAlias, TypeVar

from service.projections.facts import DealFacts, Moment, TaskFacts

Key: TypeAlias = tuple[str | int, ...]
Measures: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A table of keyed sums.

    Args:
        name: The table's name.
        key: The columns of its key, after `account`. A column called `day` holds an ordinal, the others text.
        measures: The columns that are summed. A row whose measures are all zero does not exist.
        feeds: The entity whose id is the first column of the key, and which contributes further by these
        sums.
    """

    name: str
    key: tuple[str, ...]
    measures: tuple[str, ...]
    feeds: Literal["deal", "client"] | None = None

    @property
    def zero(self) -> Measures:
        """No count, no amount."""
        return (0,) * len(self.measures)


Contribution: TypeAlias = tuple[Relation, Key, Measures]
Cells: TypeAlias = Mapping[Key, Measures]
"""The rows of one relation about one entity, keyed by what follows the entity's id in the key."""


@dataclass(frozen=True, slots=True)
class EntitySums:
    """An entity in the middle of the flow: its id, and the sums that other entities made about it."""

    id: str
    sums: Mapping[Relation, Cells]

    def sum(self, relation: Relation) -> Measures:
        """The one row of a relation whose key is the entity's id alone."""
        return self.sums[relation].get((), relation.zero)

    def rows(self, relation: Relation) -> Cells:
        """The rows of a relation by the rest of their key."""
        return self.sums[relation]


@dataclass(frozen=True, slots=True)
class Projection:
    """What one projection adds to the flow: its tables, and what tasks, deals and clients contribute to
    them."""

    name: str
    relations: tuple[Relation, ...]
    from_task: Callable[[TaskFacts, Moment], Iterable[Contribution]] | None = None
    from_deal: Callable[[DealFacts, EntitySums], Iterable[Contribution]] | None = None
    from_client: Callable[[EntitySums], Iterable[Contribution]] | None = None


T = TypeVar("T")


@dataclass(slots=True)
class Deltas:
    """What is to be added to the relations: relation → key → measures."""

    of: dict[Relation, dict[Key, Measures]] = field(default_factory=lambda: defaultdict(dict))

    def put(self, contributions: Iterable[Contribution], sign: Literal[1, -1]) -> None:
        """Insert contributions (+1), or retract them (-1)."""
        for relation, key, measures in contributions:
            cells = self.of[relation]
            signed = measures if sign == 1 else tuple(-each for each in measures)
            held = cells.get(key)
            total = signed if held is None else tuple(map(add, held, signed))
            if any(total):
                cells[key] = total
            elif held is not None:
                del cells[key]

    def touched(self, entity: Literal["deal", "client"]) -> set[str]:
        """Ids of the deals or clients about which some sum changes."""
        return {
            str(key[0]) for relation, cells in self.of.items() if relation.feeds == entity for key in cells
        }


class Flow:
    """The projections put together: what each kind of entity contributes, and which sums feed it."""

    def __init__(self, projections: Iterable[Projection]) -> None:
        everything = tuple(projections)
        self.relations = tuple(relation for each in everything for relation in each.relations)
        self.feeding: Mapping[str, tuple[Relation, ...]] = {
            entity: tuple(each for each in self.relations if each.feeds == entity)
            for entity in ("deal", "client")
        }
        self._from_task = tuple(each.from_task for each in everything if each.from_task is not None)
        self._from_deal = tuple(each.from_deal for each in everything if each.from_deal is not None)
        self._from_client = tuple(each.from_client for each in everything if each.from_client is not None)

    def task(self, task: TaskFacts | None, moment: Moment) -> list[Contribution]:
        """What a task contributes at a moment; a task that is not there contributes nothing."""
        if task is None:
            return []
        return [each for contribute in self._from_task for each in contribute(task, moment)]

    def deal(self, deal: DealFacts, node: EntitySums) -> list[Contribution]:
        """What a deal contributes, given the sums of its tasks."""
        return [each for contribute in self._from_deal for each in contribute(deal, node)]

    def client(self, node: EntitySums) -> list[Contribution]:
        """What a client contributes, given the sums of its deals and tasks."""
        return [each for contribute in self._from_client for each in contribute(node)]

    def node(self, entity: Literal["deal", "client"], entity_id: str, cells: CellsByEntity) -> EntitySums:
        """The node of one entity, from cells by relation and entity id."""
        return EntitySums(
            entity_id,
            {relation: cells.get(relation, {}).get(entity_id, {}) for relation in self.feeding[entity]},
        )


CellsByEntity: TypeAlias = Mapping[Relation, Mapping[str, Cells]]
"""Relation → entity id → the rows about that entity."""


def by_entity(cells: Mapping[Key, Measures]) -> dict[str, dict[Key, Measures]]:
    """Regroup the rows of a feeding relation by the entity that they are about."""
    grouped: dict[str, dict[Key, Measures]] = {}
    for key, measures in cells.items():
        grouped.setdefault(str(key[0]), {})[key[1:]] = measures
    return grouped


def added(cells: Mapping[Key, Measures], deltas: Mapping[Key, Measures]) -> dict[Key, Measures]:
    """Rows after deltas; rows that come to nothing are gone."""
    result = dict(cells)
    for key, delta in deltas.items():
        held = result.get(key)
        total = delta if held is None else tuple(map(add, held, delta))
        if any(total):
            result[key] = total
        else:
            result.pop(key, None)
    return result
