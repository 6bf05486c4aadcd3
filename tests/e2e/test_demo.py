"""The demo: the worked examples of the spec, to the rouble, over real webhooks; then an office that lives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.e2e.running import events, running, until


def _is_complete(board: dict[str, Any]) -> bool:
    return bool(board["losses"]["total"]["count"] == 170 and board["at_risk"]["tasks"] == 3)


def test_the_first_screen_is_the_worked_example(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, "demo", "--still") as service:
        board = until(lambda: found if _is_complete(found := service.snapshot("demo")) else None)
        losses, risk = board["losses"], board["at_risk"]
        assert losses["total"] == {"count": 170, "amount": "412560.00"}
        assert losses["controllable"] == {"count": 61, "amount": "127613.00"}
        assert losses["objective"] == {"count": 109, "amount": "284947.00"}
        assert losses["reasons"][0] == {
            "reason": "Не отвечает более 3-х раз",
            "kind": "controllable",
            "count": 60,
            "amount": "111197.00",
        }
        assert (risk["clients"], risk["amount"], risk["tasks"]) == (1, "5184.00", 3)
        page = browser.new_page()
        page.goto(f"{service.url}/boards/demo")
        for figure in ("412\N{NO-BREAK SPACE}560", "127\N{NO-BREAK SPACE}613", "5\N{NO-BREAK SPACE}184"):
            expect(page.get_by_text(figure).first).to_be_visible()
        page.close()
        assert service.stop() == 0


def test_life_goes_on_and_the_stream_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as service:
        until(lambda: _is_complete(service.snapshot("demo")))
        with events(f"{service.url}/boards/demo/events") as stream:
            assert next(stream).name == "snapshot"
            changed = (event for event in stream if event.name == "patch" and event.data["set"])
            assert next(changed).id is not None
        assert service.stop() == 0
