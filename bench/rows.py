"""What a benchmark gives: rows of one table, each with the goal that it is judged by."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal


class NotRun(Exception):
    """A row cannot be measured on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a row's figure is to keep.

    Args:
        unit: Of the figure; for a ratio, what it is a ratio to.
        beyond: The figure that would be better still.
    """

    sign: Literal["≥", "≤"]
    bound: float
    unit: str
    beyond: float | None = None

    def __str__(self) -> str:
        further = "" if self.beyond is None else f"; beyond: {number(self.beyond)}"
        return f"{self.sign} {number(self.bound)} {self.unit}{further}"

    def reached(self, figure: float) -> bool:
        """Whether a figure keeps the bound."""
        return figure >= self.bound if self.sign == "≥" else figure <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    Args:
        how: What is measured against what, in one or two sentences.
        value: The plain figures of both sides, as text; empty until it is measured.
        ratio: The figure that the goal judges: the median of the rounds.
        spread: The smallest and the largest figure of a round.
        missing: Why it could not be measured; empty if it was.
    """

    name: str
    goal: Goal | None
    how: str
    value: str = ""
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    missing: str = ""

    def measured(self, value: str, figures: Sequence[float]) -> Row:
        """The row with what came out: a figure of each round."""
        spread = (min(figures), max(figures))
        return replace(self, value=value, ratio=statistics.median(figures), spread=spread)

    def without(self, reason: str) -> Row:
        """The row that could not be measured."""
        return replace(self, missing=reason)

    @property
    def verdict(self) -> str:
        """What became of the goal, in a word; empty where there is none."""
        if self.goal is None or self.ratio is None:
            return ""
        return "reached" if self.goal.reached(self.ratio) else "missed"

    def __str__(self) -> str:
        if self.missing:
            return f"{self.name}: not run: {self.missing}"
        if self.ratio is None or self.spread is None:
            return f"{self.name}: not run"
        low, high = map(number, self.spread)
        goal = "" if self.goal is None else f"goal {self.goal}: {self.verdict}"
        parts = (f"{self.name}: {number(self.ratio)} ({low} to {high})", self.value, goal)
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark: the rows that it measures, and the function that measures them.

    Args:
        quick: It takes less than a minute or so, and is part of `quick`.
        usual: It is part of a run that names no benchmark.
    """

    name: str
    rows: tuple[Row, ...]
    run: Callable[[], Iterable[Row]]
    quick: bool = True
    usual: bool = True


def in_turns(rounds: int, **measures: Callable[[int], float]) -> dict[str, list[float]]:
    """Figures of several measures, of each round one. Each round begins with another measure, so that none
    always follows the same one.

    Args:
        measures: Called with the number of the round.
    """
    figures: dict[str, list[float]] = {name: [] for name in measures}
    names = list(measures)
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            figures[name].append(measures[name](turn))
    return figures


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Our figure to theirs, round by round."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def number(value: float) -> str:
    """A figure as text, with three significant digits or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 0.1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def median(figures: Sequence[float]) -> str:
    """The median of some figures as text."""
    return number(statistics.median(figures))
