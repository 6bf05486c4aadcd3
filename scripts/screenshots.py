"""Makes docs/screenshots in a real browser: the demo's first screen, a busy day, lists, a lost service."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.browser import system_browser
from tests.e2e.busy import busy_day
from tests.e2e.running import running

FOLDER = Path("docs/screenshots")
SIZES = ((1920, 1080), (1366, 768), (390, 844))
WALLS = ((1920, 1080), (3840, 2160), (1366, 768), (1080, 1920))
SECONDS = 60


@contextmanager
def _demo() -> Iterator[str]:
    """The demo, quiet after the worked examples; the address of its board."""
    command = [sys.executable, "-m", "service", "demo", "--still", "--port", "0"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if match := re.search(r"http://\S+/boards/demo", line):
                yield match[0]
                return
        raise RuntimeError("the demo did not start")
    finally:
        demo.terminate()
        demo.wait(SECONDS)


def _page(browser: Browser, size: tuple[int, int], scheme: str, address: str) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.goto(address)
    if "?mode" in address or address.rpartition("/")[2] in ("demo", "office"):
        page.locator("html[data-state=live]").wait_for(timeout=SECONDS * 1000)
        time.sleep(5)  # for what is pointed out to be plain again
    return page


def _shoot(page: Page, name: str, size: tuple[int, int], scheme: str = "dark") -> None:
    suffix = "" if scheme == "dark" else "-light"
    page.screenshot(path=FOLDER / f"{name}-{size[0]}x{size[1]}{suffix}.png")
    page.close()


def _pictures_of_the_demo(browser: Browser) -> None:
    with _demo() as address:
        first = _page(browser, SIZES[0], "dark", address)
        first.get_by_text(re.compile("412.560")).first.wait_for(timeout=SECONDS * 1000)
        first.locator("[data-figure=tasks] [data-value='3']").wait_for(timeout=SECONDS * 1000)
        first.close()
        for size in SIZES:
            for scheme in ("dark", "light"):
                _shoot(_page(browser, size, scheme, address), "board", size, scheme)
        _shoot(_page(browser, WALLS[0], "dark", f"{address}?mode=wall"), "wall-quiet", WALLS[0])


def _pictures_of_a_busy_day(browser: Browser) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        busy_day(service)
        board = f"{service.url}/boards/office"
        for size in WALLS:
            _shoot(_page(browser, size, "dark", f"{board}?mode=wall"), "wall", size)
        _shoot(_page(browser, WALLS[0], "light", f"{board}?mode=wall&theme=light"), "wall", WALLS[0], "light")
        english = f"{board}?mode=wall&theme=light&lang=en"
        _shoot(_page(browser, WALLS[0], "light", english), "wall-english", WALLS[0], "light")
        _shoot(_page(browser, SIZES[0], "dark", board), "busy", SIZES[0])
        _shoot(_page(browser, WALLS[1], "dark", board), "busy", WALLS[1])
        _shoot(_page(browser, SIZES[1], "light", f"{board}?lang=en"), "busy-english", SIZES[1], "light")
        _shoot(_page(browser, SIZES[2], "dark", f"{board}?lang=en"), "busy-english", SIZES[2])
        for name in ("deals", "tasks"):
            for size in SIZES[1:]:
                _shoot(_page(browser, size, "light", f"{board}/{name}"), name, size, "light")
        closing = _page(browser, WALLS[0], "dark", f"{board}?mode=wall")
        client = closing.locator("#list .client").nth(1)
        for task in client.locator("[data-task]").evaluate_all(
            "(rows) => rows.map((row) => row.dataset.task)"
        ):
            service.task(task, completed=True)
        closing.locator(".client.leaving.done").wait_for(timeout=SECONDS * 1000)
        time.sleep(0.3)  # the amount is on its way
        _shoot(closing, "wall-closing", WALLS[0])
        lost = _page(browser, WALLS[0], "dark", f"{board}?mode=wall")
        assert service.stop() == 0
        lost.locator("html[data-state=lost]").wait_for(timeout=SECONDS * 1000)
        _shoot(lost, "wall-lost", WALLS[0])


def main() -> None:
    """Take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=system_browser(), args=["--no-sandbox", "--disable-background-networking"]
        )
        _pictures_of_the_demo(browser)
        _pictures_of_a_busy_day(browser)
        browser.close()
    print(f"{FOLDER}: {len(list(FOLDER.glob('*.png')))} pictures")


if __name__ == "__main__":
    main()
