"""Takes pictures of `demo --still` under a stopped clock, and compares two folders of them byte by byte.

Two runs over the same code give the same pictures, so a change that must not alter the page can prove it:

    python -m scripts.still take before --tree ../checkout-of-the-old-commit
    python -m scripts.still take after
    python -m scripts.still compare before after
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from playwright.sync_api import Browser, ViewportSize

from tests.browser import launched

MOMENT: Final = datetime.fromisoformat("2026-11-23T15:30:00+03:00")
"""When every clock stands: a Monday afternoon late in a month, so that the chart has many columns."""

STOPPED: Final = f"""
import runpy
import sys
from service.clock import SystemClock
SystemClock.now = lambda self: {int(MOMENT.timestamp()) * 1_000_000}
sys.argv = ["lossboard", "demo", "--still", "--port", "0"]
runpy.run_module("service", run_name="__main__")
"""
"""The demo with the service's clock stopped; waits still take their time."""

REPEATABLE: Final = (
    "--disable-partial-raster",  # what changed is not drawn into what stays
    "--num-raster-threads=1",
    "--disable-threaded-animation",
    "--disable-threaded-scrolling",
    "--disable-checker-imaging",
    "--run-all-compositor-stages-before-draw",
    "--disable-new-content-rendering-timeout",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
)
"""Chromium's arguments that make two drawings of one page equal to the last bit."""

Scheme: TypeAlias = Literal["dark", "light"]
Size: TypeAlias = tuple[int, int]
SIZES: Final[dict[str, Size]] = {"desk": (1920, 1080), "phone": (390, 844)}
SCHEMES: Final[tuple[Scheme, ...]] = ("dark", "light")
LANGUAGES: Final = ("ru", "en")

DEADLINE_SECONDS: Final = 120.0
"""Seconds that the demo has to start, and then to post its story."""

REST_SECONDS: Final = 2.0
"""Seconds that the complete board must stay unchanged before the first picture."""

HIGHLIGHTED: Final = 5_000
"""Milliseconds of the page's clock after which no change is highlighted any more."""


@contextmanager
def still_demo(tree: Path | None = None) -> Iterator[str]:
    """The address of a demo's board, complete and at rest.

    Args:
        tree: The root of another checkout, which has its own `.venv`; this one's by default.
    """
    python = sys.executable if tree is None else str(tree.resolve() / ".venv/bin/python")
    command = [python, "-c", STOPPED]
    demo = subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        board = _address(demo)
        _wait_until_complete(board)
        yield board
    finally:
        demo.terminate()
        demo.communicate(timeout=DEADLINE_SECONDS)


def _address(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    output = []
    for line in demo.stdout:
        output.append(line)
        if match := re.search(r"http://\S+/boards/demo", line):
            return match[0]
    raise RuntimeError("the demo did not start:\n" + "".join(output))


def _wait_until_complete(board: str) -> None:
    """Wait until the board shows the whole story and has stayed so for a while.

    Raises:
        TimeoutError: It did not.
    """
    end = time.monotonic() + DEADLINE_SECONDS
    snapshot: dict[str, Any] = {}
    since = time.monotonic()
    while not snapshot or not _complete(snapshot) or time.monotonic() < since + REST_SECONDS:
        if time.monotonic() > end:
            raise TimeoutError("the demo did not come to rest")
        time.sleep(0.1)
        with urllib.request.urlopen(f"{board}/snapshot") as answer:
            newest = json.load(answer)
        if newest != snapshot:
            snapshot, since = newest, time.monotonic()


def _complete(snapshot: dict[str, Any]) -> bool:
    """Whether the board shows all of the story (service/demo/story.py)."""
    losses, risk = snapshot["losses"], snapshot["at_risk"]
    late = sum(manager["late_30d"]["tasks"] for manager in risk["managers"])
    figures = (losses["total"]["amount"], risk["tasks"], risk["no_next_step"]["deals"], late)
    return figures == ("412560.00", 3, 3, 18 + 3)


def take(folder: Path, tree: Path | None = None) -> None:
    """Take every picture of a tree's demo into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with still_demo(tree) as board, launched(*REPEATABLE) as browser:
        for size, scheme, language in itertools.product(SIZES, SCHEMES, LANGUAGES):
            for name, path in (("board", ""), ("deals", "/deals"), ("tasks", "/tasks")):
                picture = folder / f"{name}-{size}-{scheme}-{language}.png"
                shoot(browser, f"{board}{path}?lang={language}", picture, SIZES[size], scheme)
        for scheme, language in itertools.product(SCHEMES, LANGUAGES):
            picture = folder / f"wall-{scheme}-{language}.png"
            wall = f"{board}?mode=wall&theme={scheme}&lang={language}"
            shoot(browser, wall, picture, SIZES["desk"], scheme, whole_page=False)
        shoot(browser, f"{board}?lang=en", folder / "keys.png", SIZES["desk"], "dark", press="?")
        with urllib.request.urlopen(f"{board}/snapshot") as answer:
            manager_id = json.load(answer)["at_risk"]["managers"][0]["manager_id"]
        manager = f"{board}?manager={manager_id}&sort=count"
        shoot(browser, manager, folder / "manager.png", SIZES["desk"], "light")


def shoot(
    browser: Browser,
    address: str,
    picture: Path,
    size: Size,
    scheme: Scheme,
    *,
    press: str | None = None,
    whole_page: bool = True,
) -> None:
    """Take one picture, of the whole page or of what the screen shows.

    Args:
        press: A key to press before.
    """
    viewport = ViewportSize(width=size[0], height=size[1])
    with browser.new_context(viewport=viewport, color_scheme=scheme) as context:
        page = context.new_page()
        page.clock.install(time=MOMENT - timedelta(minutes=1))  # it runs until it is paused
        page.clock.pause_at(MOMENT)
        page.goto(address)
        if page.locator("script").count():
            page.locator("html[data-state=live]").wait_for()
            page.clock.run_for(HIGHLIGHTED)
        if press:
            page.keyboard.press(press)
        page.evaluate("document.fonts.ready")
        page.screenshot(path=picture, full_page=whole_page, animations="disabled")


def differing(before: Path, after: Path) -> list[str]:
    """The names of the pictures that are not the same in two folders, or in one of them only."""
    names = {path.name for folder in (before, after) for path in folder.glob("*.png")}
    return sorted(name for name in names if _bytes(before / name) != _bytes(after / name))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def main() -> int:
    """Exit code 1 if a comparison finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    taking = commands.add_parser("take", help="take the pictures")
    taking.add_argument("folder", type=Path)
    taking.add_argument("--tree", type=Path, help="another checkout with its own .venv")
    comparing = commands.add_parser("compare", help="name the pictures that differ")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "take":
        take(arguments.folder, arguments.tree)
        print(f"{arguments.folder}: {len(list(arguments.folder.glob('*.png')))} pictures")
        return 0
    names = differing(arguments.before, arguments.after)
    print("\n".join(names) if names else "The pictures are the same.")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
