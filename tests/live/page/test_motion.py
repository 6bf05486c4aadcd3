"""What the page animates, highlights and announces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.live.boards import EXAMPLE, MONTH, client, losses, saved_today, task, with_clients, worked_example
from tests.live.screens import Screen, later, names, opened, with_another, without_clients

DONE = frozenset({"t1", "t2", "t3"})
FLYING = "[...document.querySelectorAll('.flying')].map((amount) => amount.textContent)"
GLIDING = "[...document.querySelectorAll('#list > *')].flatMap((row) => row.getAnimations()).length"
FIGURES_SHOWN = """() => {
  window.shown = new Set();
  const look = () => {
    for (const { textContent } of document.querySelectorAll(".figure .value")) window.shown.add(textContent);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
}"""
"""Collects every text that a figure ever has."""
STAKE = "document.querySelector('[data-figure=stake] .value').textContent"


@pytest.fixture
def screen(screen: Screen) -> Screen:
    """A desk that shows the worked example."""
    screen.open(worked_example())
    return screen


def style(element: Locator, name: str) -> Any:
    return element.evaluate("(element, name) => getComputedStyle(element)[name]", name)


def saved(seq: int, amount: int = 518_400) -> Any:
    """The board after all tasks were done."""
    empty = without_clients(worked_example(), seq)
    return replace(empty, closed=DONE, saved={"7": amount}, totals=saved_today(empty, 3, 3_140_000 + amount))


def test_a_task_that_was_done_is_struck_through_and_credited_and_its_money_is_saved(screen: Screen) -> None:
    assert screen.change(saved(2), FLYING) == ["5\u00a0184\u00a0₽"]
    row = screen.page.locator("#list .client")
    expect(row).to_have_class("client leaving done")
    assert "line-through" in style(row.locator("h4"), "textDecoration")
    expect(row.locator(".credit")).to_have_text("✓ Анна")
    expect(screen.page.locator("#rest")).to_contain_text("Все клиенты на связи")
    screen.page.clock.run_for(3_000)
    expect(row).to_have_count(0)
    expect(screen.page.locator(".saved .value")).to_have_text("36\u00a0584\u00a0₽")
    expect(screen.page.locator(".flying")).to_have_count(0)


def test_a_client_that_left_for_another_reason_is_not_credited_to_anybody(screen: Screen) -> None:
    assert screen.change(without_clients(worked_example(), 2), FLYING) == []
    row = screen.page.locator("#list .client")
    expect(row).to_have_class("client leaving")
    assert "line-through" not in style(row.locator("h4"), "textDecoration")
    expect(row.locator(".credit")).to_have_count(0)
    screen.page.clock.run_for(3_000)
    expect(row).to_have_count(0)


def test_one_task_of_several_is_struck_through_in_its_clients_row(screen: Screen) -> None:
    address = "https://crm.example/42"
    one, two, three = task("t1", 28, url=address), task("t2", 3), task("t3", 0.4)
    screen.change(with_clients(worked_example(), client("7", "Иван Петров", 518_400, one, two, three)))
    row = client("7", "Иван Петров", 518_400, two, three)
    screen.change(with_clients(worked_example(), row, seq=2, closed=frozenset({"t1"})))
    struck = screen.page.locator("[data-task=t1]")
    expect(struck).to_have_class("task leaving done")
    expect(struck.locator(".credit")).to_have_text("✓ Анна")
    expect(struck).to_have_attribute("aria-hidden", "true")
    expect(struck.locator("a")).to_have_count(1)
    expect(struck.locator("[href]")).to_have_count(0)  # neither keyboards nor pointers reach what is over
    screen.page.clock.run_for(3_000)
    expect(screen.page.locator("[data-task]")).to_have_count(2)


def test_a_figure_shows_no_value_that_never_was(screen: Screen) -> None:
    """Not even on its way from one value to the next."""
    screen.page.evaluate(FIGURES_SHOWN)
    screen.change(with_another(worked_example(), 2))
    for _ in range(10):
        screen.page.clock.run_for(100)
    screen.change(with_another(worked_example(), 3, 2 * 10**6))
    screen.page.clock.run_for(1_000)
    shown = screen.page.evaluate("[...window.shown]")
    assert {text for text in shown if "\u20bd" in text} == {
        *("127\u00a0613\u00a0₽", "284\u00a0947\u00a0₽", "412\u00a0560\u00a0₽"),
        *("5\u00a0184\u00a0₽", "15\u00a0184\u00a0₽", "25\u00a0184\u00a0₽"),
    }
    assert {text for text in shown if "\u20bd" not in text} == {"1", "2", "3", "4"}


def test_nothing_moves_for_users_who_prefer_reduced_motion(browser: Browser) -> None:
    with opened(browser, reduced_motion="reduce") as screen:
        screen.open(worked_example())
        look = f"[{STAKE}, document.getAnimations().length]"
        assert screen.change(with_another(worked_example(), 2), look) == ["15\u00a0184\u00a0₽", 0]
        assert screen.change(saved(3), FLYING) == []
        expect(screen.page.locator("#list .credit")).to_have_count(1)


def test_rows_glide_to_their_new_places_and_only_if_they_have_one(screen: Screen) -> None:
    assert screen.change(later(worked_example(), 2, totals=saved_today(worked_example(), 3, 1)), GLIDING) == 0
    assert screen.change(with_another(worked_example(), 3), GLIDING) >= 1
    assert names(screen.page) == ["Ольга", "Иван Петров"]


def test_in_a_storm_of_changes_nothing_moves(screen: Screen) -> None:
    stakes = [screen.change(with_another(worked_example(), seq, seq * 10**6), STAKE) for seq in range(2, 8)]
    assert stakes[-1] == "75\u00a0184\u00a0₽"
    assert screen.change(saved(8), FLYING) == []
    expect(screen.page.locator("#list .credit")).to_have_count(1)  # the credit is shown all the same
    screen.page.clock.run_for(4_000)
    screen.change(with_another(worked_example(), 9))
    assert len(screen.change(replace(saved(10), closed=DONE), FLYING)) == 1


def test_a_loss_lands_in_its_reason(screen: Screen) -> None:
    first, *others = EXAMPLE
    more = losses((first[0], first[1] + 1, first[2] + 100_000), *others)
    before = worked_example()
    screen.change(later(before, 2, losses={**before.losses, MONTH.current: more}))
    highlighted = screen.page.locator("#losses-reasons .highlight")
    expect(highlighted).to_have_count(1)
    expect(highlighted).to_have_attribute("data-reason", first[0])
    expect(screen.page.locator("#losses-figures .controllable .value")).to_have_class("value l highlight")
    screen.page.clock.run_for(5_000)
    expect(screen.page.locator(".highlight")).to_have_count(0)


def test_changes_are_announced_at_most_once_in_ten_seconds(screen: Screen) -> None:
    message = screen.page.locator("#announcements")
    expect(message).to_have_text("")
    screen.change(with_another(worked_example(), 2))
    screen.page.clock.run_for(100)
    expect(message).to_have_text("Новая просрочка: Ольга")
    screen.change(saved(3))
    screen.change(replace(with_another(worked_example(), 4), closed=frozenset()))
    screen.page.clock.run_for(5_000)
    expect(message).to_have_text("Новая просрочка: Ольга")
    screen.page.clock.run_for(6_000)
    expect(message).to_have_text("Спасено: Иван Петров. Новые просрочки, 2 клиента: Ольга, Иван Петров")


def test_the_first_snapshot_after_a_switch_is_not_highlighted(browser: Browser) -> None:
    with opened(browser) as screen:
        screen.page.evaluate("document.body.dataset.loading = ''")
        screen.open(with_another(worked_example(), 2))
        screen.page.clock.run_for(1_000)
        expect(screen.page.locator(".highlight")).to_have_count(0)
        expect(screen.page.locator("#announcements")).to_have_text("")


def test_a_silent_patch_is_shown_but_neither_animated_nor_announced(screen: Screen) -> None:
    gone = replace(saved(2), silent=True)
    assert screen.change(gone, FLYING) == []
    expect(screen.page.locator("#list .client")).to_have_count(0)  # at once: nothing is struck through
    expect(screen.page.locator(".saved .value")).to_have_text("36\u00a0584\u00a0₽")
    screen.change(replace(with_another(gone, 3), silent=True))
    expect(screen.page.locator("#list .client")).to_have_count(1)
    expect(screen.page.locator(".highlight")).to_have_count(0)
    screen.page.clock.run_for(20_000)
    expect(screen.page.locator("#announcements")).to_have_text("")
