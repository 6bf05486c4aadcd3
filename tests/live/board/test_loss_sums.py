"""What is taken over from one read to the next, and what is added up again."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from service.ledger.read.board import BoardRows, LossRow, Selection
from service.live.board.loss_sums import LossSums
from service.model import Day
from tests.live.boards import OFFICE, board_rows

YESTERDAY, TODAY = (Selection(Day(day), Day(day)) for day in (1, 2))
LOST: Final = (LossRow("r1", "Выбрал других", 1, 100), LossRow("r2", "Новая причина", 1, 50))


def read(**losses: tuple[LossRow, ...]) -> BoardRows:
    return replace(board_rows([]), losses={YESTERDAY: losses["yesterday"], TODAY: losses["today"]})


def test_only_selections_whose_rows_were_read_again_are_added_up_again() -> None:
    before = LossSums.of(OFFICE, read(yesterday=LOST, today=()))
    kept = before[YESTERDAY]
    assert before[TODAY].totals["total"].count == 0
    sums = LossSums.of(OFFICE, read(yesterday=LOST, today=LOST[:1]), before)
    assert sums[YESTERDAY] is kept
    assert sums[TODAY].totals["total"].count == 1
    assert sums[TODAY] == LossSums.of(OFFICE, sums.rows)[TODAY]


def test_selections_that_are_not_wanted_any_more_are_not_kept() -> None:
    before = LossSums.of(OFFICE, read(yesterday=LOST, today=LOST))
    assert before[YESTERDAY] == before[TODAY]
    rows = replace(before.rows, losses={TODAY: LOST})
    assert LossSums.of(OFFICE, rows, before).known.keys() == {TODAY}


def test_a_reason_that_was_classified_by_hand_moves_the_sums_of_all_days() -> None:
    before = LossSums.of(OFFICE, read(yesterday=LOST, today=LOST))
    assert before[YESTERDAY].totals["unclassified"].amount == "0.50"
    rows = replace(before.rows, by_hand={"новая причина": "objective"})
    sums = LossSums.of(OFFICE, rows, before)
    assert sums[YESTERDAY].totals["unclassified"].count == 0
    assert sums[YESTERDAY].totals["objective"].amount == "0.50"
