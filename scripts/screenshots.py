"""Takes the pictures of docs/screenshots: the demo, a busy office, its lists, a lost service."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, ViewportSize

from scripts.still import REPEATABLE, SCHEMES, Scheme, Size, shoot, still_demo
from tests.browser import launched
from tests.e2e.busy import busy_day
from tests.e2e.running import Service, admit, running

FOLDER: Final = Path("docs/screenshots")
DESK, LAPTOP, PHONE = (1920, 1080), (1366, 768), (390, 844)
FOUR_K, UPRIGHT = (3840, 2160), (1080, 1920)

HIGHLIGHT_SECONDS: Final = 5.0
"""Seconds after which no change is highlighted any more."""

DEADLINE: Final = 60_000
"""Milliseconds in which the page must show what a picture is about."""


def _picture(name: str, size: Size, scheme: Scheme) -> Path:
    return FOLDER / f"{name}-{size[0]}x{size[1]}{'' if scheme == 'dark' else '-light'}.png"


def _pictures_of_the_demo(browser: Browser) -> None:
    with still_demo() as board:
        for size in (DESK, LAPTOP, PHONE):
            for scheme in SCHEMES:
                shoot(browser, board, _picture("board", size, scheme), size, scheme, whole_page=False)
        quiet = _picture("wall-quiet", DESK, "dark")
        shoot(browser, f"{board}?mode=wall", quiet, DESK, "dark", whole_page=False)


def _open(browser: Browser, address: str, size: Size, scheme: Scheme) -> Page:
    """A page of a running service at rest."""
    page = browser.new_page(viewport=ViewportSize(width=size[0], height=size[1]), color_scheme=scheme)
    admit(page.context)
    page.goto(address)
    if page.locator("script").count():
        page.locator("html[data-state=live]").wait_for(timeout=DEADLINE)
        time.sleep(HIGHLIGHT_SECONDS)
    return page


def _save(page: Page, name: str, size: Size, scheme: Scheme = "dark") -> None:
    page.screenshot(path=_picture(name, size, scheme))
    page.close()


def _pictures_of_a_busy_office(browser: Browser) -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        busy_day(service)
        board = f"{service.url}/boards/office"
        views: list[tuple[str, str, Size, Scheme]] = [
            *(("wall", "?mode=wall", size, "dark") for size in (DESK, FOUR_K, LAPTOP, UPRIGHT)),
            ("wall", "?mode=wall&theme=light", DESK, "light"),
            ("wall-english", "?mode=wall&theme=light&lang=en", DESK, "light"),
            *(("busy", "", size, "dark") for size in (DESK, FOUR_K)),
            ("busy-english", "?lang=en", LAPTOP, "light"),
            ("busy-english", "?lang=en", PHONE, "dark"),
            *((name, f"/{name}", size, "light") for name in ("deals", "tasks") for size in (LAPTOP, PHONE)),
        ]
        for name, path, size, scheme in views:
            _save(_open(browser, f"{board}{path}", size, scheme), name, size, scheme)
        _picture_of_finished_work(browser, service, f"{board}?mode=wall")
        lost = _open(browser, f"{board}?mode=wall", DESK, "dark")
        assert service.stop() == 0
        lost.locator("html[data-state=lost]").wait_for(timeout=DEADLINE)
        _save(lost, "wall-lost", DESK)


def _picture_of_finished_work(browser: Browser, service: Service, wall: str) -> None:
    """A client whose tasks were just done: its row is struck through and its amount flies."""
    page = _open(browser, wall, DESK, "dark")
    tasks = page.locator("#list .client").nth(1).locator("[data-task]")
    for task_id in tasks.evaluate_all("(rows) => rows.map((row) => row.dataset.task)"):
        service.task(task_id, completed=True)
    page.locator(".client.leaving.done").wait_for(timeout=DEADLINE)
    time.sleep(0.3)  # until the amount is on its way
    _save(page, "wall-closing", DESK)


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with launched(*REPEATABLE) as browser:
        _pictures_of_the_demo(browser)
        _pictures_of_a_busy_office(browser)
    print(f"{FOLDER}: {len(list(FOLDER.glob('*.png')))} pictures")


if __name__ == "__main__":
    main()
