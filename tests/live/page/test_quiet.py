"""Nobody is at risk: praised where that is known, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from service.ledger.read.board import BoardRows
from service.live.board.build import build_snapshot
from service.live.board.ranges import ranges
from service.live.page import render
from service.model import SECOND, Trouble, TroubleCode, later
from tests.browser import box, fits_in_width, resize, violations
from tests.live.boards import (
    MONTH,
    NOW,
    OFFICE,
    QUERY,
    board,
    saved_today,
    with_clients,
    worked_example,
)
from tests.live.page.html import text
from tests.live.screens import opened

HOUR = 3600 * SECOND
CALM = with_clients(worked_example(), next_due_at=later(NOW, 5 * HOUR))


def rest(read: BoardRows) -> str:
    return text(render.fragments(board(read), QUERY)["rest"])


def test_the_quiet_state_says_who_was_saved_and_until_when_nothing_is_due() -> None:
    assert rest(CALM) == (
        "Все клиенты на связи Спасено сегодня: 2 клиента, 31 400 ₽ До 15:00 ничего не просрочится"
    )
    tomorrow = replace(CALM, next_due_at=later(NOW, 24 * HOUR), totals=saved_today(CALM, 0, 0))
    assert rest(tomorrow) == "Все клиенты на связи До 24 нояб., 10:00 ничего не просрочится"
    assert rest(replace(CALM, next_due_at=None, totals=saved_today(CALM, 0, 0))) == "Все клиенты на связи"
    assert rest(replace(worked_example(), next_due_at=later(NOW, HOUR))) == ""


def test_a_board_of_one_manager_claims_nothing_of_the_office() -> None:
    query = QUERY._replace(manager="3")
    days = ranges(query, MONTH.period.first)
    read = replace(CALM, losses=dict.fromkeys(days.selections, ()))
    shown = render.fragments(build_snapshot(read, OFFICE, query, days), query)["rest"]
    assert text(shown) == "Все клиенты на связи"
    assert board(CALM).at_risk.next_due_at == "2026-11-23T15:00:00.123+03:00"


@pytest.mark.parametrize("code", ["api_token", "api_unreachable", "webhook_off"])
def test_what_may_hide_an_overdue_task_is_no_reason_to_praise(code: TroubleCode) -> None:
    doubtful = replace(CALM, troubles=(Trouble(code, "tasks", 1, NOW, NOW),))
    for read in (doubtful, replace(CALM, quarantined=1)):
        assert rest(read) == "Просрочек не видно Но известно не всё: посмотрите предупреждения."
        assert "<svg" not in render.fragments(board(read), QUERY)["rest"]
    strangers = replace(CALM, troubles=(Trouble("requests_refused", "token", 1, NOW, NOW),))
    assert rest(strangers).startswith("Все клиенты на связи Спасено")


def test_the_quiet_state_stands_in_the_middle_and_is_accessible(browser: Browser) -> None:
    with opened(browser, QUERY._replace(theme="light"), bypass_csp=True) as screen:
        screen.open(CALM)
        page = screen.page
        page.clock.run_for(5_000)
        page.clock.resume()  # axe uses timers
        assert violations(page) == []
        for width, height in ((1920, 1080), (1440, 900), (390, 844)):
            resize(page, (width, height))
            quiet, card, tick = (box(page.locator(name)) for name in (".quiet", ".risk", ".well"))
            middle = card["x"] + card["width"] / 2
            assert abs(tick["x"] + tick["width"] / 2 - middle) < 2, width
            above, below = tick["y"] - quiet["y"], box(page.locator(".calm").last)
            space = quiet["y"] + quiet["height"] - below["y"] - below["height"]
            assert abs(above - space) < 12, (width, above, space)
            assert fits_in_width(page, (width, height))
