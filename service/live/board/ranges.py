"""Which refusals a board shows: those of its period, of the period before, and of the parts of both that the
chart shows. Pure."""

from __future__ import annotations

from typing import NamedTuple

from service.calendar import Period, buckets, parse_period, previous, previous_whole
from service.ledger.read.board import Selection
from service.live.board.query import BoardQuery


class Part(NamedTuple):
    """One column of the chart: some days of the period, and the same ones of the period before.

    Args:
        before: None where the period before has no such days, for it is shorter.
    """

    now: Selection
    before: Selection | None


class Ranges(NamedTuple):
    """What a board needs of the losses.

    Args:
        before: The same days so far of the period before (SPEC section 2.6).
        parts: In the order of time; together they are the whole period.
    """

    period: Period
    now: Selection
    before: Selection
    parts: tuple[Part, ...]

    @property
    def selections(self) -> list[Selection]:
        """All of them, for the ledger's reader."""
        parts = [each for part in self.parts for each in part if each is not None]
        return list(dict.fromkeys([self.now, self.before, *parts]))


def ranges(query: BoardQuery, today: int) -> Ranges:
    """What the board of a query shows on a day.

    Raises:
        PeriodError: The query's period is none.
    """
    period = parse_period(query.period, today)

    def those(days: tuple[int, int]) -> Selection:
        return Selection(*days, query.manager, query.pipeline)

    before = [those(days) for days in buckets(*previous_whole(period))]
    now = [those(days) for days in buckets(period.first, period.last)]
    parts = tuple(
        Part(days, before[index] if index < len(before) else None) for index, days in enumerate(now)
    )
    return Ranges(period, those((period.first, period.last)), those(previous(period, today)), parts)
