"""The ranges of days whose refusals a board shows: its period, the previous one, and the parts of both that
the chart compares. Pure."""

from __future__ import annotations

from typing import NamedTuple

from service.calendar import Period, buckets, parse_period, previous, previous_whole
from service.ledger.read.board import Selection
from service.live.board.query import BoardQuery
from service.model import Day


class SeriesRange(NamedTuple):
    """One column of the chart: some days of the period, and the same days of the previous period.

    Args:
        previous: None where the previous period is shorter and has no such days.
    """

    current: Selection
    previous: Selection | None


class Ranges(NamedTuple):
    """The refusals that a board needs.

    Args:
        previous: The previous period up to the same day (SPEC section 2.6).
        series: In the order of time; together they are the whole period.
    """

    period: Period
    current: Selection
    previous: Selection
    series: tuple[SeriesRange, ...]

    @property
    def selections(self) -> list[Selection]:
        """All selections, each once, for the ledger's reader."""
        series = [selection for point in self.series for selection in point if selection is not None]
        return list(dict.fromkeys([self.current, self.previous, *series]))


def ranges(query: BoardQuery, today: Day) -> Ranges:
    """The ranges of a query's board on a day.

    Raises:
        PeriodError: The query's period cannot be read.
    """
    period = parse_period(query.period, today)

    def selection(days: tuple[Day, Day]) -> Selection:
        return Selection(*days, query.manager, query.pipeline)

    before = [selection(days) for days in buckets(*previous_whole(period))]
    now = [selection(days) for days in buckets(period.first, period.last)]
    series = tuple(
        SeriesRange(days, before[index] if index < len(before) else None) for index, days in enumerate(now)
    )
    whole = selection((period.first, period.last))
    return Ranges(period, whole, selection(previous(period, today)), series)
