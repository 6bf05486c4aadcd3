"""The chart of the losses by day: the sizes, positions and labels of its columns. Pure.

Sizes and positions are in percent of the chart, from its top left corner. The template makes SVG of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from msgspec import structs

from service.config import Language
from service.live.board.snapshot import SeriesPoint
from service.live.text import formats

GAP: Final = Decimal("0.24")
"""The share of a column's place that stays empty."""


@dataclass(frozen=True, slots=True)
class Column:
    """The column of one day, week or month.

    Args:
        x: The left edge.
        height: The height of all refusals.
        controllable: The height of the controllable refusals, at the bottom of the column.
        unclassified: The height of the unclassified refusals together with those below them.
        previous: The height of the same days of the previous period; None if it has no such days.
        days: The days as text.
    """

    point: SeriesPoint
    x: str
    width: str
    height: str
    controllable: str
    unclassified: str
    previous: str | None
    days: str

    @property
    def empty(self) -> bool:
        """Whether there are no refusals in these days, now and in the previous period."""
        return not self.point.count and not Decimal(self.point.previous or 0)


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart. Its full height stands for the amount `most`."""

    columns: tuple[Column, ...]
    most: str

    @property
    def has_unclassified(self) -> bool:
        """Whether any column has unclassified refusals."""
        return any(Decimal(column.point.unclassified) for column in self.columns)

    @property
    def line(self) -> str:
        """The previous period as the path of an SVG element, with one step for each column."""
        steps: list[str] = []
        place = Decimal(100) / len(self.columns)
        for index, column in enumerate(self.columns):
            if column.previous is None:
                break
            y = Decimal(100) - Decimal(column.previous)
            move = f"M{place * index:.2f} {y:.2f}" if index == 0 else f"V{y:.2f}"
            steps.append(f"{move}H{place * (index + 1):.2f}")
        return "".join(steps)


def chart(series: Iterable[SeriesPoint], compared: bool, language: Language) -> Chart | None:
    """The chart of a series; None if all its amounts are 0, or if it is one day, which the figures tell.

    Args:
        compared: Whether the previous period is known; else the chart leaves it out.
    """
    points = [point if compared else structs.replace(point, previous=None) for point in series]
    amounts = [Decimal(amount) for point in points for amount in (point.amount, point.previous or 0)]
    most = max(amounts, default=Decimal(0))
    if most <= 0 or len(points) == 1:
        return None
    place = Decimal(100) / len(points)

    def height(*amounts: str) -> str:
        return f"{max(Decimal(0), sum(map(Decimal, amounts), Decimal(0))) / most * 100:.2f}"

    columns = tuple(
        Column(
            point=point,
            x=f"{place * (index + GAP / 2):.2f}",
            width=f"{place * (1 - GAP):.2f}",
            height=height(point.amount),
            controllable=height(point.controllable),
            unclassified=height(point.controllable, point.unclassified),
            previous=None if point.previous is None else height(point.previous),
            days=formats.days(point.from_, point.to, language),
        )
        for index, point in enumerate(points)
    )
    return Chart(columns, f"{most:f}")
