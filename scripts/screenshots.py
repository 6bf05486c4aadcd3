"""Makes docs/screenshots: the demo's first screen in a real browser, in several sizes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from scripts.browser import system_browser

FOLDER = Path("docs/screenshots")
SIZES = ((1920, 1080), (1366, 768), (390, 844))
SECONDS = 60


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+/boards/demo", line):
            return found[0]
    raise RuntimeError("the demo did not start")


def main() -> None:
    """Start the demo, wait for its figures, and take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "service", "demo", "--still", "--port", "0"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = _address(demo)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=system_browser(), args=["--no-sandbox", "--disable-background-networking"]
            )
            for width, height in SIZES:
                for scheme in ("dark", "light"):
                    page = browser.new_page(
                        viewport={"width": width, "height": height},
                        color_scheme="dark" if scheme == "dark" else "light",
                    )
                    page.goto(address)
                    page.get_by_text("5 184").first.wait_for(timeout=SECONDS * 1000)
                    page.get_by_text(re.compile("412.560")).first.wait_for(timeout=SECONDS * 1000)
                    time.sleep(1.5)  # for the motion of the first figures to end
                    suffix = "" if scheme == "dark" else "-light"
                    page.screenshot(path=FOLDER / f"board-{width}x{height}{suffix}.png")
                    page.close()
            browser.close()
    finally:
        demo.terminate()
        demo.wait(SECONDS)
    print(f"{FOLDER}: {len(list(FOLDER.glob('*.png')))} pictures")


if __name__ == "__main__":
    main()
