"""From the webhook, and from the clock alone, to an open stream and a real browser's page, by the real
clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from service.live.difference import apply_patch
from tests.e2e.running import Event, Service, events, iso, running, soon


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("live")) as started:
        yield started


def _until(stream: Iterator[Event], board: dict[str, Any], tasks: int) -> dict[str, Any]:
    """Follow a stream, by the reference reducer, until the board shows so many overdue tasks."""
    for event in stream:
        if event.name == "snapshot":
            board = event.data
        elif event.name == "patch":
            board = apply_patch(board, event.data)
        if board and board["at_risk"]["tasks"] == tasks:
            return board
    raise AssertionError("the stream ended")


def test_a_due_time_that_passes_is_on_the_stream_within_a_second_and_a_closed_task_leaves(
    service: Service,
) -> None:
    due = soon(2)
    service.deal("42", name="Абонемент", amount="5184.00", client={"id": "7", "name": "Иван Петров"})
    service.task("t1", deal_id="42", text="позвонить", due_at=iso(due), completed=False)
    with events(f"{service.url}/boards/office/events") as stream:
        board = _until(stream, {}, 0)
        board = _until(stream, board, 1)
        assert (datetime.now(UTC) - due).total_seconds() < 1
        assert board["at_risk"]["amount"] == "5184.00"
        assert board["at_risk"]["list"][0]["tasks"][0]["text"] == "позвонить"
        service.task("t1", completed=True)
        board = _until(stream, board, 0)
        assert board["at_risk"]["saved_today"] == {
            "clients": 1,
            "amount": "5184.00",
            "list": [{"client_id": "7", "amount": "5184.00"}],
        }
        whole = service.snapshot()
        assert {key: board[key] for key in ("seq", "losses", "at_risk")} == {
            key: whole[key] for key in ("seq", "losses", "at_risk")
        }


def test_a_stream_resumes_by_patches_or_gets_a_snapshot(service: Service) -> None:
    address = f"{service.url}/boards/office/events"
    with events(address) as stream:
        first = next(stream)
        service.deal("50", amount="1.00")
        followed = next(event for event in stream if event.name == "patch")
        service.deal("50", amount="2.00")
        with events(address, last_event_id=str(followed.id)) as resumed:
            assert next(resumed).name == "patch"
    for garbage in ("999999", "-1", "x", "1e3", ""):
        with events(address, last_event_id=garbage) as other:
            assert next(other).name == "snapshot"
    assert first.name == "snapshot"


def test_the_page_shows_a_task_falling_due_and_leaving_without_a_reload(
    service: Service, browser: Browser
) -> None:
    service.deal("60", name="Договор", amount="777.00", client={"id": "9", "name": "Мария Седова"})
    service.task("t6", deal_id="60", text="отправить счёт", due_at=iso(soon(3)), completed=False)
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(f"{service.url}/boards/office")
    page.evaluate("window.kept = true")
    row = page.get_by_role("heading", name="Мария Седова")
    expect(row).to_have_count(0)
    expect(row.first).to_be_visible(timeout=10_000)
    expect(page.get_by_text("отправить счёт").first).to_be_visible()
    service.task("t6", completed=True)
    expect(row).to_have_count(0, timeout=10_000)
    assert page.evaluate("window.kept") is True
    assert problems == []
    page.close()
