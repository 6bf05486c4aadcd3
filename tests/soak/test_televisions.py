"""The newest Chromium on one screen (`make soak` drives those of old televisions too, on each)."""

from __future__ import annotations

from tests.soak import televisions


def test_a_browser_without_playwright_shows_a_live_board_and_lacks_nothing_that_the_page_uses() -> None:
    assert televisions.run(seed=5, scale=0.1) == {"screens of each browser": 1}
