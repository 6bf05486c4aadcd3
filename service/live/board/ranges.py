"""The ranges of days whose refusals a board shows: its period, the previous one, and the parts of both that
the chart compares. Pure."""

from __future__ import annotations

from functools import lru_cache
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
        selections: All of these, each once, for the ledger's reader.
    """

    period: Period
    current: Selection
    previous: Selection
    series: tuple[SeriesRange, ...]
    selections: tuple[Selection, ...]


def ranges(query: BoardQuery, today: Day) -> Ranges:
    """The ranges of a query's board on a day.

    Raises:
        PeriodError: The query's period cannot be read.
    """
    return _ranges(query.period, query.manager, query.pipeline, today)


@lru_cache(maxsize=256)  # of a board that is watched, each read asks for the same ones
def _ranges(name: str, manager: str | None, pipeline: str | None, today: Day) -> Ranges:
    period = parse_period(name, today)

    def selection(days: tuple[Day, Day]) -> Selection:
        return Selection(*days, manager, pipeline)

    before = [selection(days) for days in buckets(*previous_whole(period))]
    now = [selection(days) for days in buckets(period.first, period.last)]
    series = tuple(
        SeriesRange(days, before[index] if index < len(before) else None) for index, days in enumerate(now)
    )
    current, before_today = selection((period.first, period.last)), selection(previous(period, today))
    of_series = [one for point in series for one in point if one is not None]
    selections = tuple(dict.fromkeys([current, before_today, *of_series]))
    return Ranges(period, current, before_today, series, selections)
