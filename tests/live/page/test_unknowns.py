"""What the board does not know has a picture of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from service.ledger.read.board import Arrived, BoardRows
from service.live.board.query import Mode
from service.live.board.snapshot import Snapshot
from service.live.page import render
from service.model import SECOND, Day, Trouble, earlier
from tests.browser import fits_in_width, violations
from tests.live.boards import EXAMPLE, MONTH, NOW, QUERY, board, board_rows, losses, worked_example
from tests.live.page.html import Elements, text
from tests.live.page.test_wall import CUT, FITS, crowd
from tests.live.screens import Screen, later, opened

SEVENTH = Day(date(2026, 11, 7).toordinal())
UNPAID = tuple(Trouble("api_unpaid", subject, 3, earlier(NOW, SECOND), NOW) for subject in ("leads", "tasks"))
TOLD = (*UNPAID, Trouble("requests_refused", "token", 3, NOW, NOW), Trouble("webhook_off", "", 1, NOW, NOW))


def fragments(shown: Snapshot, mode: Mode = "desk") -> Mapping[str, str]:
    return render.fragments(shown, QUERY._replace(mode=mode))


def unclassified(read: BoardRows, amount: int = 9_930_000) -> BoardRows:
    more = losses(*EXAMPLE, ("Дорого", 12, amount))
    return replace(read, losses={**read.losses, MONTH.current: more, MONTH.series[5].current: more})


def test_a_comparison_with_days_that_nobody_knows_is_not_made() -> None:
    shown = board(replace(worked_example(), known_from=SEVENTH))
    figures = text(fragments(shown)["losses-figures"])
    assert "с 7 ноября" in figures
    assert figures.count("не с чем сравнить: данные с 7 ноября") == 1
    assert not {"▲", "▼", "="} & set(figures)
    assert "прошлый период" not in text(fragments(shown)["losses-days"])
    assert 'class="line"' not in fragments(shown)["losses-days"]


def test_a_comparison_with_days_that_are_known_is_made() -> None:
    known = replace(worked_example(), known_from=MONTH.previous.first)
    figures = text(fragments(board(known))["losses-figures"])
    assert figures.count("▲") == 3
    assert "не с чем сравнить" not in figures
    assert "с 1 октября" not in figures
    assert "прошлый период" in text(fragments(board(known))["losses-days"])


def test_a_day_so_far_says_why_it_is_not_compared() -> None:
    shown = board(replace(worked_example(), known_from=MONTH.previous.first))
    before = msgspec.structs.replace(shown.losses.previous, complete=False)
    today = msgspec.structs.replace(shown, losses=msgspec.structs.replace(shown.losses, previous=before))
    assert "не сравниваем: день не окончен" in text(fragments(today)["losses-figures"])


def test_a_period_that_ended_before_the_first_known_day_has_no_figures() -> None:
    shown = board(replace(worked_example(), known_from=Day(MONTH.period.last + 1)))
    seen = fragments(shown)
    assert text(seen["losses-figures"]) == "За этот период данных нет: они есть с 1 декабря"
    for name in ("losses-days", "losses-reasons"):
        assert text(seen[name]) == ""
    assert "data-value" in seen["risk-figures"]


def sizes(html: str) -> dict[str, str]:
    """The size class of each large figure."""
    found: dict[str, str] = {}
    kind = ""
    for _, attributes in Elements(html).all:
        kind = attributes.get("data-figure") or kind
        if (attributes.get("class") or "").startswith("value "):
            found[kind] = (attributes["class"] or "").removeprefix("value ")
    return found


def test_what_is_unclassified_stands_beside_the_headline_as_large() -> None:
    shown = fragments(board(unclassified(worked_example())))
    assert list(sizes(shown["losses-figures"])) == ["controllable", "unclassified", "objective", "total"]
    assert "99 300 ₽" in text(shown["losses-figures"])
    assert "не разобрано" in text(shown["losses-days"])
    assert 'rect class="open"' in shown["losses-days"]
    large = sizes(fragments(board(unclassified(worked_example(), 9_930_000_000)))["losses-figures"])
    assert large["controllable"] == large["unclassified"] == "m"


def test_without_anything_unclassified_the_headline_stands_alone() -> None:
    shown = fragments(board(worked_example()))
    assert list(sizes(shown["losses-figures"])) == ["controllable", "objective", "total"]
    assert "не разобрано" not in text(shown["losses-days"])


def test_an_office_that_has_classified_nothing_does_not_read_that_nothing_is_its_fault() -> None:
    read = board_rows(refusals=losses(("Дорого", 3, 30_000)))
    figures = text(fragments(board(read), "wall")["losses-figures"])
    assert figures.startswith("Управляемые вина отдела 0 ₽ ")
    assert "Не разобрано причины нет в списках 300 ₽" in figures


def test_trouble_with_several_parts_of_an_api_is_told_once_since_the_first() -> None:
    shown = board(
        replace(
            worked_example(),
            troubles=(UNPAID[1], msgspec.structs.replace(UNPAID[0], since=earlier(NOW, 3600 * SECOND))),
        )
    )
    assert len(shown.warnings) == 2
    assert text(fragments(shown)["warnings"]) == (
        "⚠ CRM не оплачена: данные на 09:00. Оплатите её или тариф с API. Подробнее"
    )


def test_a_wall_tells_two_warnings_and_counts_the_others() -> None:
    shown = board(replace(worked_example(), troubles=TOLD, quarantined=2))
    told = text(fragments(shown, "wall")["warnings"])
    assert told.count("⚠") == 2
    assert told.endswith("ещё 2 предупреждения")
    assert text(fragments(shown)["warnings"]).count("⚠") == 4


def changed(old: Snapshot, new: Snapshot) -> dict[str, str]:
    """The fragments that a patch replaces."""
    change: dict[str, Any] = render.html_patch(old, new, QUERY)
    fresh: dict[str, str] = change["set"]
    return fresh


def full(read: BoardRows) -> Snapshot:
    return msgspec.structs.replace(board(read), storing=False)


def test_that_nothing_can_be_stored_is_a_patch() -> None:
    read = worked_example()
    told, untold = changed(board(read), full(read)), changed(full(read), board(read))
    assert list(told) == list(untold) == ["full"]
    assert "Последнее сохранено: 09:59" in text(told["full"])
    assert text(untold["full"]) == ""
    assert "Последнее сохранено: ещё ничего" in text(
        fragments(full(replace(read, last_delivery_at=None)))["full"]
    )


@pytest.mark.parametrize("mode", ["desk", "wall"])
def test_that_nothing_can_be_stored_is_as_plain_as_a_lost_connection(browser: Browser, mode: Mode) -> None:
    query = QUERY._replace(mode=mode)
    with opened(browser, query, viewport={"width": 1920, "height": 1080}, bypass_csp=True) as screen:
        screen.open(worked_example())
        bar, state = screen.page.locator("#full"), screen.page.locator("#connection")
        expect(bar).to_be_hidden()
        expect(state).to_have_text("На связи")
        read = worked_example()
        screen.play("patch", render.html_patch(board(read), full(read), query))
        expect(bar).to_be_visible()
        expect(bar).to_contain_text("Последнее сохранено: 09:59")
        expect(state).to_have_text("Данные не сохраняются")
        assert "grayscale" in screen.page.locator("main").evaluate("(main) => getComputedStyle(main).filter")
        screen.page.clock.resume()  # axe uses timers
        assert violations(screen.page) == []
        screen.play("patch", render.html_patch(full(read), board(read), query))
        expect(bar).to_be_hidden()
        expect(state).to_have_text("На связи")


@pytest.mark.parametrize("mode", ["desk", "wall"])
def test_an_account_without_figures_shows_where_to_post_until_the_first_webhook(
    browser: Browser, mode: Mode
) -> None:
    query = QUERY._replace(mode=mode)
    with opened(browser, query, viewport={"width": 1920, "height": 1080}, bypass_csp=True) as screen:
        screen.open(replace(board_rows(), heard=False, last_delivery_at=None))
        page = screen.page
        expect(page.locator("#setup .address")).to_have_text("http://127.0.0.1:9/webhooks/office")
        expect(page.locator(".card:visible")).to_have_count(1)
        page.clock.run_for(13_000)  # until the rows of the page before have left
        expect(page.locator("[data-value]")).to_have_count(0)
        assert page.evaluate(FITS) is True
        page.clock.resume()  # axe uses timers
        assert violations(page) == []
        if mode == "desk":
            page.locator("#setup .copy").click()
            expect(page.locator("#setup .copy")).to_have_text("Скопировано")
        screen.change(later(worked_example(), 2, arrived=Arrived(1, 3, 1)))
        expect(page.locator(".came")).to_contain_text("Первое событие пришло1 сделка, 3 задачи, 1 клиент")
        expect(page.locator("#setup")).to_be_hidden()
        expect(page.locator("[data-figure=total] .value")).to_have_text("412\u00a0560\u00a0₽")
        expect(page.locator("#list .client h4")).to_have_text("Иван Петров")
        page.clock.fast_forward(6_000)
        expect(page.locator(".came")).to_have_count(0)


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080), (1024, 768), (1080, 1920)], ids=str)
def test_a_wall_with_warnings_and_unclassified_refusals_shows_everything_in_one_screen(
    browser: Browser, size: tuple[int, int]
) -> None:
    wall = QUERY._replace(mode="wall")
    with opened(browser, wall, viewport={"width": size[0], "height": size[1]}) as screen:
        for number in (1, 12):
            read = replace(crowd(number, number), troubles=TOLD, quarantined=2, known_from=SEVENTH)
            screen.open(unclassified(read))
            assert screen.page.evaluate(FITS) is True
            assert screen.page.evaluate(CUT) == []
            assert len(headline_sizes(screen)) == 1


def headline_sizes(screen: Screen) -> set[str]:
    """The font sizes of the headline and of what is unclassified."""
    script = "(values) => values.map((value) => getComputedStyle(value).fontSize)"
    return set(screen.page.locator(".losses .figure:nth-child(-n+2) .value").evaluate_all(script))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_page_with_warnings_and_unclassified_refusals_fits_and_is_accessible(
    browser: Browser, scheme: str
) -> None:
    query = QUERY._replace(theme="light" if scheme == "light" else "dark")
    with opened(browser, query, bypass_csp=True) as screen:
        screen.open(unclassified(replace(worked_example(), troubles=TOLD, quarantined=2)))
        page = screen.page
        page.clock.run_for(5_000)
        for width in (320, 390, 1920, 1366):
            assert fits_in_width(page, (width, 844)), width
            assert len(headline_sizes(screen)) == 1
        link = page.locator("[data-code=quarantine] a")
        expect(link).to_have_attribute(
            "href",
            "office/troubles?period=month&sort=amount&lang=ru"
            + ("&theme=light" if scheme == "light" else "&theme=dark"),
        )
        page.clock.resume()  # axe uses timers
        assert violations(page) == []
        assert fits_in_width(page, (320, 844))
        assert violations(page) == []
