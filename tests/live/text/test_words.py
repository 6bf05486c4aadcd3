"""The words of the board: those of the users' own text in Russian, those of sales offices in English."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from service.config import Language
from service.ledger.read.board import Late, ManagerRow
from service.live.page import render
from service.reasons import DEFAULT_REASONS
from tests.live.boards import QUERY, account, board, board_rows, losses, worked_example
from tests.live.page.html import text

RUSSIAN = (
    "Где теряются деньги",
    "Отказы целевых лидов",
    "Потенциально потерянная выручка",
    "Управляемые вина отдела",
    "Не разобрано",
    "Кому срочно позвонить",
    "4, в среднем 7 ч 47 мин",
    "Обновлено 10:00:00 · Последнее событие из CRM: 09:59",
    "Без следующего шага",
    "Спасено сегодня",
)
ENGLISH = (
    "Where we lose money",
    "Lost qualified deals",
    "Revenue at risk",
    "Avoidable our fault",
    "Not avoidable",
    "Unclassified",
    "Call now",
    "4, on average 7 h 47 min",
    "Updated 10:00:00 · Last event from the CRM: 09:59",
    "No next step",
    "Saved today",
)


def page(language: Language, wall: bool = False, calm: bool = False) -> str:
    habit = ManagerRow("3", 0, 0, Late(0, 0), Late(4, 7 * 3600 + 47 * 60))
    read = replace(worked_example(), managers=(habit,))
    reasons = losses(("Дорого", 3, 30_000), ("Выбрал других", 1, 100), ("Больше не звонить", 1, 100))
    read = replace(read, losses=dict.fromkeys(read.losses, reasons))
    if calm:
        read = board_rows()
    query = QUERY._replace(language=language, mode="wall" if wall else "desk")
    return text(render.page(board(read), account(), query)).replace(" ,", ",")


@pytest.mark.parametrize(("language", "words"), [("ru", RUSSIAN), ("en", ENGLISH)])
def test_the_board_says_the_words_of_its_users(language: Language, words: tuple[str, ...]) -> None:
    shown = page(language)
    assert [word for word in words if word not in shown] == []
    assert ("Режим ТВ" if language == "ru" else "TV mode") in shown
    assert ("Все клиенты на связи" if language == "ru" else "All caught up") in page(language, calm=True)


@pytest.mark.parametrize("language", get_args(Language))
def test_an_account_has_the_default_reasons_of_its_language(language: Language) -> None:
    names = {"ru": ("Не отвечает более 3-х раз", "Спам"), "en": ("No response", "Spam")}[language]
    kinds = [DEFAULT_REASONS[language].kind_of(None, name) for name in names]
    assert kinds == ["controllable", "excluded"]
