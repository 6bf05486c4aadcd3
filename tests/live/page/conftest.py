"""Pages whose stream the test plays: a desk and a wall."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.live.boards import QUERY
from tests.live.screens import Screen, opened


@pytest.fixture
def screen(browser: Browser) -> Iterator[Screen]:
    """A desk on which no frame has arrived."""
    with opened(browser) as desk:
        yield desk


@pytest.fixture
def wall(browser: Browser) -> Iterator[Screen]:
    """A wall of 1920 by 1080 pixels on which no frame has arrived."""
    with opened(browser, QUERY._replace(mode="wall"), viewport={"width": 1920, "height": 1080}) as shown:
        yield shown
