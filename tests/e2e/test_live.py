"""From a webhook or the clock alone to an open stream and a real browser's page, by the real clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.running import Event, Service, admit, events, iso, running, soon, until
from tests.live.patches import apply_patch

MILLISECOND: Final = timedelta(milliseconds=1)
"""The precision that a moment loses on the wire."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("live")) as started:
        yield started


def _until(stream: Iterator[Event], board: dict[str, Any], tasks: int) -> dict[str, Any]:
    """Follow a stream, by the reference reducer, until the board shows that many overdue tasks."""
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
    with events(f"{service.url}/boards/office/events") as stream:
        board = _until(stream, {}, 0)
        due = soon(2)
        service.deal("42", name="Абонемент", amount="5184.00", client={"id": "7", "name": "Иван Петров"})
        service.task("t1", deal_id="42", text="позвонить", due_at=iso(due), completed=False)
        until(lambda: datetime.now(UTC) >= due + timedelta(seconds=1))
        service.deal("43", name="Другой", amount="1.00")  # a webhook a second later comes second
        late = service.snapshot()["seq"]
        board = _until(stream, board, 1)
        assert datetime.fromisoformat(board["as_of"]) >= due - MILLISECOND
        assert board["seq"] < late
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
    page = browser.new_page()
    admit(page.context)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(f"{service.url}/boards/office")
    page.evaluate("window.kept = true")
    row = page.get_by_role("heading", name="Мария Седова")
    expect(row).to_have_count(0)
    service.deal("60", name="Договор", amount="777.00", client={"id": "9", "name": "Мария Седова"})
    service.task("t6", deal_id="60", text="отправить счёт", due_at=iso(soon(2)), completed=False)
    seq = service.snapshot()["seq"]
    expect(row.first).to_be_visible()
    assert int(page.locator("html").get_attribute("data-seq") or 0) > seq  # the clock's doing, no webhook's
    expect(page.get_by_text("отправить счёт").first).to_be_visible()
    service.task("t6", completed=True)
    expect(row).to_have_count(0)
    assert page.evaluate("window.kept") is True
    assert problems == []
    page.close()
