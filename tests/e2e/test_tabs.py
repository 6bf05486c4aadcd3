"""Seven tabs of one browser over HTTP/1.1, which opens six connections to a host: all of them are live."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.running import admit, iso, running, soon

ANNA = {"id": "3", "name": "Анна"}
VIEWS = ("", "?period=week", "?manager=3", "?sort=count", "?lang=en", "?mode=wall&rotate=all,pipeline:1", "")


def test_seven_tabs_of_one_browser_are_live(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path) as service, browser.new_context() as context:
        admit(context)
        tabs = [context.new_page() for _ in VIEWS]
        for tab, view in zip(tabs, VIEWS, strict=True):
            tab.goto(f"{service.url}/boards/office{view}")
        for tab in tabs:
            expect(tab.locator("html")).to_have_attribute("data-state", "live")
        service.deal("1", amount="5184.00", manager=ANNA)
        service.task("t1", deal_id="1", due_at=iso(soon(-60)), completed=False, manager=ANNA)
        for tab in tabs:
            expect(tab.locator("#list .client")).to_have_count(1)
