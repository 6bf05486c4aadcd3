"""A real headless Chromium for tests: the system's, or else the one that Playwright downloaded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FloatRect, Locator, Page, ViewportSize, sync_playwright

from scripts.browser import system_browser

ARGUMENTS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def launched(*more: str, **environment: str) -> Iterator[Browser]:
    """A browser that closes at the end.

    Args:
        more: Further command-line arguments.
        environment: Further variables of its environment.

    Raises:
        FileNotFoundError: No Chromium is installed.
    """
    with sync_playwright() as playwright:
        path = system_browser() or playwright.chromium.executable_path
        if not Path(path).exists():
            raise FileNotFoundError(f"there is no Chromium at {path}: python scripts/browser.py installs one")
        # Without a path Playwright chooses its own build for headless use.
        browser = playwright.chromium.launch(
            executable_path=system_browser(), args=[*ARGUMENTS, *more], env={**os.environ, **environment}
        )
        try:
            yield browser
        finally:
            browser.close()


FRAME: Final = """() => new Promise((drawn) => {
  new IntersectionObserver((_, observer) => { observer.disconnect(); drawn(); }).observe(document.body);
})"""
"""Until the page has been drawn, after its events of a new size: the one sign of it that follows no clock."""


def resize(page: Page, size: tuple[int, int]) -> None:
    """Give the page's window a size, and let the page lay itself out."""
    page.set_viewport_size(ViewportSize(width=size[0], height=size[1]))
    page.evaluate(FRAME)


def fits_in_width(page: Page, size: tuple[int, int]) -> bool:
    """Whether the page needs no scrolling sideways once its window has this size."""
    resize(page, size)
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def violations(page: Page) -> list[str]:
    """The accessibility rules that a page breaks, each with the element that breaks it."""
    rules = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:120]}" for rule in rules for node in rule["nodes"]]


def box(element: Locator) -> FloatRect:
    """The place of a visible element in the viewport."""
    place = element.bounding_box()
    assert place is not None
    return place
