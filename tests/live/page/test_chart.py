"""The chart of the losses: its columns have the amounts of the figures above it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendar import parse_period
from service.live.board.build import build_snapshot
from service.live.board.ranges import ranges
from service.live.board.snapshot import SeriesPoint
from service.live.page.chart import chart
from service.model import Day
from tests.live.boards import MONTH, OFFICE, QUERY, board_rows, losses


def part(
    amount: str, controllable: str = "0.00", previous: str | None = "0.00", unclassified: str = "0.00"
) -> SeriesPoint:
    return SeriesPoint("2026-11-01", "2026-11-01", 1, amount, controllable, previous, unclassified)


def test_columns_are_as_high_as_their_money() -> None:
    drawn = chart(
        [part("100.00", "25.00"), part("50.00", previous="200.00"), part("0.00", previous=None)], True, "ru"
    )
    assert drawn is not None
    assert [column.height for column in drawn.columns] == ["50.00", "25.00", "0.00"]
    assert [column.controllable for column in drawn.columns] == ["12.50", "0.00", "0.00"]
    assert drawn.most == "200.00"
    assert drawn.line == "M0.00 100.00H33.33V0.00H66.67"


@pytest.mark.parametrize("parts", [[], [part("0.00")] * 2, [part("-5.00", previous=None)] * 2])
def test_without_money_there_is_no_chart(parts: list[SeriesPoint]) -> None:
    assert chart(parts, True, "ru") is None


def test_one_day_has_no_chart() -> None:
    assert chart([part("100.00")], True, "ru") is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=45))
def test_every_column_is_inside_the_chart(amounts: list[tuple[int, int]]) -> None:
    drawn = chart(
        [part(f"{now}.00", f"{now // 2}.00", f"{before}.00") for now, before in amounts], True, "en"
    )
    for column in drawn.columns if drawn else ():
        assert 0 <= Decimal(column.controllable) <= Decimal(column.height) <= 100
        assert Decimal(column.x) + Decimal(column.width) <= 100


def test_each_point_has_the_amount_of_the_same_days_in_the_previous_period() -> None:
    now, before = MONTH.series[4]
    assert before is not None
    read = board_rows()
    sums = {
        **read.losses,
        now: losses(("Выбрал других", 2, 300), ("Дорого", 1, 200), ("Спам", 9, 900)),
        before: losses(("Дорого", 1, 700)),
    }
    shown = build_snapshot(replace(read, losses=sums), OFFICE, QUERY, MONTH).losses.series[4]
    assert shown == SeriesPoint("2026-11-05", "2026-11-05", 3, "5.00", "3.00", "7.00", "2.00")


@pytest.mark.parametrize(
    "key", ["today", "week", "month", "quarter", "year", "2026-01-31..2026-02-03", "2024-02-29..2026-05-05"]
)
def test_the_points_are_the_whole_period(key: str) -> None:
    today = Day(MONTH.current.first + 22)
    wanted = ranges(QUERY._replace(period=key, manager="3"), today)
    days = [day for point in wanted.series for day in range(point.current.first, point.current.last + 1)]
    period = parse_period(key, today)
    assert days == list(range(period.first, period.last + 1))
    assert {selection.manager_id for selection in wanted.selections} == {"3"}
