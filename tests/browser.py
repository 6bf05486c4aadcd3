"""A real headless Chromium: the system's where there is one, else Playwright's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

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
def launched(*more: str) -> Iterator[Browser]:
    """A browser.

    Args:
        more: Further command-line arguments.

    Raises:
        FileNotFoundError: There is none.
    """
    with sync_playwright() as playwright:
        path = system_browser() or playwright.chromium.executable_path
        if not Path(path).exists():
            raise FileNotFoundError(f"there is no Chromium at {path}: python scripts/browser.py installs one")
        # Playwright's own goes by no path: without one it picks its build for headless use.
        browser = playwright.chromium.launch(executable_path=system_browser(), args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()
