"""The page on a phone."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from playwright.sync_api import Browser

from service.ledger.read.board import Late, ManagerRow
from service.live.page import render
from tests.browser import box, fits_in_width, violations
from tests.live.boards import OFFICE, QUERY, board, client, task, with_clients, worked_example
from tests.live.page.layout import Counts, look
from tests.live.screens import opened

LONG_NAMES: Final = (
    "Александра Константинопольская",
    "ООО «Северо-Западная торгово-закупочная компания», Ольга",
)
TAP: Final = 44
"""The least size that a finger hits, in pixels."""

SCROLLED_SIDEWAYS: Final = """[...document.querySelectorAll("main *")]
  .filter((one) => one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1)
  .filter((one) => getComputedStyle(one).overflowX !== "visible")
  .map((one) => one.outerHTML.slice(0, 80))"""


def test_a_phone_has_the_call_list_first_and_nothing_to_scroll_sideways(browser: Browser) -> None:
    lates = [ManagerRow(name, 12, 12345678900, Late(15, 259_200), Late(119, 28_020)) for name in LONG_NAMES]
    who = [replace(client(name, name, 12345678900, task(name)), phone="+79001234567") for name in LONG_NAMES]
    read = replace(with_clients(worked_example(), *who), managers=tuple(lates))
    office = replace(OFFICE, show_phones=True)
    with opened(browser, viewport={"width": 390, "height": 844}, bypass_csp=True) as screen:
        screen.play("snapshot", render.html_snapshot(board(read, office), QUERY))
        screen.page.clock.run_for(5_000)  # until what has changed is not highlighted any more
        screen.page.clock.resume()
        tops = [box(screen.page.locator(part))["y"] for part in ("#list", "#risk-figures", "#losses-figures")]
        assert tops == sorted(tops)
        for width in (390, 320):
            assert fits_in_width(screen.page, (width, 844))
            assert screen.page.evaluate(SCROLLED_SIDEWAYS) == []
        for number in screen.page.locator("#list .phone").all():
            assert min(box(number)["width"], box(number)["height"]) >= TAP
        cell = screen.page.locator("#managers td").first
        heading = cell.evaluate("(cell) => getComputedStyle(cell, '::before').content")
        assert heading == '"Просрочено сейчас"'
        assert violations(screen.page) == []
        counts = Counts()
        for size in ((320, 844), (390, 844), (720, 900), (830, 900), (1150, 800), (1345, 900)):
            assert fits_in_width(screen.page, size)
            look(screen.page, f"{size}", counts, wall=False)
        assert "\n".join(counts.problems) == ""
