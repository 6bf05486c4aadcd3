"""The chart of the losses by day: where its columns stand, and what they say. Pure.

Measures are in percent of the chart, from its top left; the template makes them SVG.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from service.config import Language
from service.live.board.snapshot import SeriesPoint
from service.live.text import formats

GAP: Final = Decimal("0.24")
"""Of a column's place, what is left free."""


@dataclass(frozen=True, slots=True)
class Column:
    """One day, week or month.

    Args:
        x: Where it begins.
        width: How wide it is.
        height: That of all refusals.
        controllable: That of the controllable ones, which stand at the bottom.
        previous: How high the same days of the period before are; None where it has none.
        days: The days in words.
    """

    part: SeriesPoint
    x: str
    width: str
    height: str
    controllable: str
    previous: str | None
    days: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing to say of it."""
        return not self.part.count and not Decimal(self.part.previous or 0)


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart; `most` is the amount that its height stands for."""

    columns: tuple[Column, ...]
    most: str

    @property
    def line(self) -> str:
        """The period before as the path of an SVG: a step for each column."""
        steps: list[str] = []
        place = Decimal(100) / len(self.columns)
        for index, column in enumerate(self.columns):
            if column.previous is None:
                break
            y = Decimal(100) - Decimal(column.previous)
            move = f"M{place * index:.2f} {y:.2f}" if index == 0 else f"V{y:.2f}"
            steps.append(f"{move}H{place * (index + 1):.2f}")
        return "".join(steps)


def chart(series: Iterable[SeriesPoint], language: Language) -> Chart | None:
    """The chart of a series; None when no part of it, now or before, has anything."""
    parts = tuple(series)
    amounts = [Decimal(each) for part in parts for each in (part.amount, part.previous) if each is not None]
    most = max(amounts, default=Decimal(0))
    if most <= 0:
        return None
    place = Decimal(100) / len(parts)

    def height(amount: str) -> str:
        return f"{max(Decimal(0), Decimal(amount)) / most * 100:.2f}"

    columns = tuple(
        Column(
            part=part,
            x=f"{place * (index + GAP / 2):.2f}",
            width=f"{place * (1 - GAP):.2f}",
            height=height(part.amount),
            controllable=height(part.controllable),
            previous=None if part.previous is None else height(part.previous),
            days=formats.days(part.from_, part.to, language),
        )
        for index, part in enumerate(parts)
    )
    return Chart(columns, f"{most:f}")
