"""Keyed sums with retraction: how a change moves money. Pure.

A projection declares *relations* (tables of keyed sums) and pure functions that say what an entity
contributes to them. When an entity changes, its old contributions are retracted and its new ones are
inserted; what cancels out is never written. Deltas flow in three hops, and only to the keys that they change:

    task ──▶ sums by deal ──▶ deal ──▶ sums by client ──▶ client ──▶ sums by manager, and of the whole board

So no change costs more because a client has 50 000 deals or a manager 10 000 overdue tasks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec

from service.projections.facts import DealFacts, Moment, TaskFacts

Key: TypeAlias = tuple[str | int, ...]
Measures: TypeAlias = tuple[int, ...]
Middle: TypeAlias = Literal["deal", "client"]
"""An entity in the middle of the flow: it contributes by the sums that other entities made about it."""


@dataclass(frozen=True, eq=False)
class Relation:
    """A table of keyed sums.

    Args:
        name: The table's name.
        key: The columns of its key, after `account`. A column called `day` holds an ordinal, the others text.
        measures: The columns that are summed: of money (`…amount`), of time (`…_us`, `…_s`), and counts.
            A row that has no count above zero has no sums either, and does not exist.
        feeds: The entity that the sums are about and that contributes further by them. Its id is the first
            column of the key.
        counts: The indexes of the measures that count: only with one of them can a row come to nothing.
        zero: The measures of a row that does not exist.
        plus: Adds one row's measures to another's.
        minus: Subtracts the second row's measures from the first one's.
    """

    name: str
    key: tuple[str, ...]
    measures: tuple[str, ...]
    feeds: Middle | None = None
    counts: tuple[int, ...] = field(init=False, repr=False)
    zero: Measures = field(init=False, repr=False)
    plus: Callable[[Measures, Measures], Measures] = field(init=False, repr=False)
    minus: Callable[[Measures, Measures], Measures] = field(init=False, repr=False)

    @property
    def is_total(self) -> bool:
        """Whether it has one row for an account: a figure of the whole board."""
        return not self.key

    def __post_init__(self) -> None:
        width, sums = len(self.measures), ("amount", "_us", "_s")
        derived = {
            "counts": tuple(index for index, name in enumerate(self.measures) if not name.endswith(sums)),
            "zero": (0,) * width,
            "plus": _arithmetic("+", width),
            "minus": _arithmetic("-", width),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)  # as attributes that a lookup finds at once


def _arithmetic(sign: str, width: int) -> Callable[[Measures, Measures], Measures]:
    """Made from its text, as named tuples are: a loop over so few numbers takes three times as long."""
    terms = "".join(f"a[{index}] {sign} b[{index}], " for index in range(width))
    made: Callable[[Measures, Measures], Measures] = eval(f"lambda a, b: ({terms})")  # noqa: S307 - no input
    return made


Contribution: TypeAlias = tuple[Relation, Key, Measures]
Cells: TypeAlias = Mapping[Key, Measures]
"""Rows of a relation, or what is added to them: key → measures."""

Deltas: TypeAlias = Mapping[Relation, Cells]
"""What is added to each relation."""

NO_CELLS: Final[Cells] = {}

About: TypeAlias = Mapping[Relation, Cells]
"""The rows about one entity, of the relations that feed it. One that has none may be left out."""

NOTHING: Final[About] = {}


class EntitySums(msgspec.Struct, frozen=True, gc=False):
    """The sums about one entity in the middle of the flow."""

    id: str
    about: About

    def row(self, relation: Relation) -> Measures:
        """The one row of a relation whose key is the entity's id alone."""
        rows = self.about.get(relation)
        return rows[self.id,] if rows else relation.zero

    def rows(self, relation: Relation) -> Cells:
        """The rows of a relation, by their key."""
        return self.about.get(relation, NO_CELLS)


@dataclass(frozen=True, slots=True)
class Projection:
    """What one projection adds to the flow: its tables, and what tasks, deals, clients and the ids of deleted
    clients contribute to them."""

    name: str
    relations: tuple[Relation, ...]
    from_task: Callable[[TaskFacts, Moment], Iterable[Contribution]] | None = None
    from_deal: Callable[[DealFacts, EntitySums], Iterable[Contribution]] | None = None
    from_client: Callable[[EntitySums], Iterable[Contribution]] | None = None
    from_gone: Callable[[str], Iterable[Contribution]] | None = None


class Flow:
    """All projections together: what each kind of entity contributes, and which relations feed it."""

    def __init__(self, projections: Iterable[Projection]) -> None:
        everything = tuple(projections)
        self.relations = tuple(relation for projection in everything for relation in projection.relations)
        self.totals = tuple(relation for relation in self.relations if relation.is_total)
        self.feeding: Mapping[Middle, tuple[Relation, ...]] = {
            "deal": tuple(relation for relation in self.relations if relation.feeds == "deal"),
            "client": tuple(relation for relation in self.relations if relation.feeds == "client"),
        }
        self._from_task = tuple(one.from_task for one in everything if one.from_task is not None)
        self._from_deal = tuple(one.from_deal for one in everything if one.from_deal is not None)
        self._from_gone = tuple(one.from_gone for one in everything if one.from_gone is not None)
        self._from_client = tuple(one.from_client for one in everything if one.from_client is not None)

    def task(self, task: TaskFacts | None, moment: Moment) -> list[Contribution]:
        """What a task contributes at a moment: nothing if there is no such task."""
        parts: list[Contribution] = []
        if task is not None:
            for contribute in self._from_task:
                parts += contribute(task, moment)
        return parts

    def gone(self, client_id: str) -> list[Contribution]:
        """What a client contributes that was deleted."""
        return [part for contribute in self._from_gone for part in contribute(client_id)]

    def deal(self, deal: DealFacts, sums: EntitySums) -> list[Contribution]:
        """What a deal contributes, given the sums of its tasks."""
        parts: list[Contribution] = []
        for contribute in self._from_deal:
            parts += contribute(deal, sums)
        return parts

    def client(self, sums: EntitySums) -> list[Contribution]:
        """What a client contributes, given the sums of its deals and tasks."""
        parts: list[Contribution] = []
        for contribute in self._from_client:
            parts += contribute(sums)
        return parts


def fingerprint(relations: Iterable[Relation], revision: int) -> str:
    """A digest of what relations there are, and of the revision of the rules that fill them."""
    described = sorted((one.name, one.key, one.measures, one.feeds or "") for one in relations)
    return hashlib.sha256(repr((revision, described)).encode()).hexdigest()[:16]
