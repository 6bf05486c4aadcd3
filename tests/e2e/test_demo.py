"""The demo: the worked examples of the spec, to the rouble, in each simulated CRM; then a living office."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.running import DEADLINE_SECONDS, Service, events, running, until

CRMS = ("amocrm", "bitrix24", "hubspot", "pipedrive", "standard")


def shows_the_worked_examples(board: dict[str, Any]) -> bool:
    losses, at_risk = board["losses"], board["at_risk"]
    return (
        losses["total"] == {"count": 170, "amount": "412560.00"}
        and losses["controllable"] == {"count": 61, "amount": "127613.00"}
        and losses["objective"] == {"count": 109, "amount": "284947.00"}
        and losses["reasons"][0]
        == {
            "reason": "Не отвечает более 3-х раз",
            "kind": "controllable",
            "count": 60,
            "amount": "111197.00",
        }
        and (losses["previous"]["total"]["amount"], losses["previous"]["controllable"]["count"])
        == ("401430.00", 75)
        and losses["previous"]["complete"]
        and (at_risk["clients"], at_risk["amount"], at_risk["tasks"]) == (1, "5184.00", 3)
        and (at_risk["list"][0]["client"], at_risk["list"][0]["tasks"][0]["manager"])
        == ("Иван Петров", "Анна Белова")
        and at_risk["no_next_step"]["deals"] == 3
        and sorted(manager["late_30d"]["tasks"] for manager in at_risk["managers"]) == [1, 3, 5, 12]
    )


def complete(service: Service) -> dict[str, Any]:
    """The board, once it shows the worked examples."""
    return until(
        lambda: board if shows_the_worked_examples(board := service.snapshot("demo")) else None,
        2 * DEADLINE_SECONDS,
    )


@pytest.mark.parametrize("crm", CRMS)
def test_each_crm_leads_to_the_worked_examples(crm: str, tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--crm", crm, "--still") as service:
        assert complete(service)["warnings"] == []
        assert service.stop() == 0


def test_the_first_screen_is_the_worked_example(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, "demo", "--still") as service:
        complete(service)
        page = browser.new_page()
        page.goto(f"{service.url}/boards/demo")
        for figure in ("412\N{NO-BREAK SPACE}560", "127\N{NO-BREAK SPACE}613", "5\N{NO-BREAK SPACE}184"):
            expect(page.get_by_text(figure).first).to_be_visible()
        page.get_by_role("button", name="Что происходит?").click()
        expect(page.locator("#happening .now")).to_contain_text("Офис замер на примере из справки")
        expect(page.locator("#happening .nothing")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#happening")).to_be_hidden()
        page.close()
        assert service.stop() == 0


def test_life_goes_on_and_the_stream_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--examples", "3") as service:
        complete(service)
        with events(f"{service.url}/boards/demo/events") as stream:
            assert next(stream).name == "snapshot"
            changed = (event for event in stream if event.name == "patch" and event.data["set"])
            assert next(changed).id is not None
        told = service.client.get(f"{service.url}/boards/demo/happening", params={"lang": "en"}).json()
        assert "Every 6 to 15 seconds" in told["now"][1]
        assert service.client.get(f"{service.url}/boards/nobody/happening").status_code == 404
        assert service.stop() == 0
