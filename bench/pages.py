"""The time from the POST that closes a task to the marked row in the DOM of open pages, in real Chromium."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from standardwebhooks import Webhook

from bench.office import SECRET, VIEWER
from bench.rows import Row
from bench.service import lossboard
from scripts.browser import system_browser

PAGES: Final = (1, 20)
CLOSINGS: Final = 50
PAUSE_SECONDS: Final = 0.5
"""Seconds between two closings: a person's pace, and time for the row to leave."""

WATCH: Final = """() => {
  window.marked = {};
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      if (!target.matches(".client.leaving.done")) continue;
      window.marked[target.dataset.client] ??= performance.timeOrigin + performance.now();
    }
  }).observe(document.getElementById("list"), { subtree: true, attributeFilter: ["class"] });
}"""


ROWS: Final = {
    number: Row(
        f"a task closed, to the row on {number} open page{'s' if number > 1 else ''}, ms",
        None,
        f"From the POST to the marked row in the DOM, in real Chromium, over {CLOSINGS} closings; all pages "
        "share this machine's cores, and paint.",
    )
    for number in PAGES
}


def run() -> Iterator[Row]:
    """Measure each number of pages."""
    with (
        tempfile.TemporaryDirectory() as folder,
        lossboard(Path(folder)) as port,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=system_browser(), args=["--no-sandbox"])
        crm = _Crm(port)
        for number, row in ROWS.items():
            waits = _measure(browser, crm, port, number)
            p50, p99 = statistics.median(waits), waits[len(waits) * 99 // 100]
            yield row.measured(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms", [p50])
        browser.close()


def _measure(browser: Browser, crm: _Crm, port: int, number: int) -> list[float]:
    """Milliseconds from each POST to the mark on each page, in order."""
    names = [f"{number}-{index}" for index in range(CLOSINGS)]
    for name in names:
        crm.deal(name)
        crm.task(name, completed=False)
    pages = [_opened(browser.new_page(viewport={"width": 1280, "height": 720}), port) for _ in range(number)]
    began: dict[str, float] = {}
    for name in names:
        began[name] = time.time() * 1000
        crm.task(name, completed=True)
        time.sleep(PAUSE_SECONDS)
    for page in pages:
        page.wait_for_function("(number) => Object.keys(window.marked).length >= number", arg=CLOSINGS)
    seen = [page.evaluate("() => window.marked") for page in pages]
    for page in pages:
        page.close()
    return sorted(marked[name] - at for marked in seen for name, at in began.items())


def _opened(page: Page, port: int) -> Page:
    page.goto(f"http://127.0.0.1:{port}/boards/office?mode=wall&token={VIEWER}")
    page.locator("html[data-state=live]").wait_for()
    page.evaluate(WATCH)
    return page


class _Crm:
    """Posts signed webhooks over one connection."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        self._sent = 0

    def deal(self, name: str) -> None:
        client = {"id": name, "name": f"Client {name}"}
        self._post("deal.changed", {"id": name, "amount": "5184.00", "client": client})

    def task(self, name: str, *, completed: bool) -> None:
        due = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        self._post("task.changed", {"id": name, "deal_id": name, "due_at": due, "completed": completed})

    def _post(self, kind: str, data: dict[str, Any]) -> None:
        self._sent += 1
        now = datetime.now(UTC)
        body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data})
        headers = {
            "content-type": "application/json",
            "webhook-id": f"p{self._sent}",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign(f"p{self._sent}", now, body),
        }
        self._client.post("/webhooks/office", content=body, headers=headers).raise_for_status()
