"""Sound and flash, for those who ask for it: from what amount, never at night, never twice in a moment."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.live.boards import QUERY, client, task, with_clients
from tests.live.screens import Screen, opened

RECORD = """
window.notes = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) {
  window.notes.push(Math.round(this.frequency.value));
  return start.call(this, at);
};
null;
"""
LOST, SAVED = [659, 523], [523, 659, 784]


def arrive(screen: Screen, client_id: str, roubles: int) -> list[str]:
    """Let a client arrive; the names of those whose rows pulse at once."""
    row = client(client_id, f"Клиент {client_id}", roubles * 100, task(client_id, 1, deal_id=client_id))
    shown = with_clients(screen.shown, *screen.shown.clients.values(), row, seq=screen.shown.seq + 1)
    names: list[str] = screen.change(
        shown, "[...document.querySelectorAll('#list .pulse')].map((row) => row.dataset.name)"
    )
    return names


def heard(screen: Screen) -> list[int]:
    notes: list[int] = screen.page.evaluate("window.notes.splice(0)")
    return notes


def test_a_screen_that_asks_for_nothing_is_silent_and_calm(screen: Screen) -> None:
    screen.page.evaluate(RECORD)
    assert arrive(screen, "11", 10**6) == []
    assert heard(screen) == []
    assert screen.page.locator("#sound").count() == 0


@pytest.mark.parametrize("mode", ["desk", "wall"])
def test_a_large_new_client_is_heard_and_seen_but_not_at_night(browser: Browser, mode: str) -> None:
    query = QUERY._replace(mode=mode, sound="100000", flash="200000", quiet="20:00-08:00")  # type: ignore[arg-type]
    with opened(browser, query) as screen:
        page = screen.page
        page.evaluate(RECORD)
        screen.open(screen.shown)
        arrive(screen, "10", 10**6)
        assert heard(screen) == []  # the browser allows no sound before somebody presses something
        page.clock.run_for(5_000)
        button = page.locator("#sound")
        expect(button).to_have_text("Включить звук")
        if mode == "wall":
            page.keyboard.press("Enter")  # it has the focus: a remote control has one key for it
            expect(button).to_be_hidden()
        else:
            button.click()
            expect(button).to_have_text("Выключить звук")
        assert (arrive(screen, "11", 99_999), heard(screen)) == ([], [])
        assert (arrive(screen, "12", 100_000), heard(screen)) == ([], LOST)
        assert (arrive(screen, "13", 200_000), heard(screen)) == (["Клиент 13"], [])  # once in three seconds
        page.clock.run_for(5_000)
        assert page.locator(".pulse").count() == 0
        screen.beat(10 * 3600)  # 20:00
        assert (arrive(screen, "14", 10**6), heard(screen)) == ([], [])
        screen.beat(22 * 3600)  # 08:00
        assert (arrive(screen, "15", 10**6), heard(screen)) == (["Клиент 15"], LOST)
