"""The board of one manager or one pipeline, and the wall that masks its clients."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ledger.read.board import BoardRows, ClientRow
from service.live.board.at_risk import at_risk
from service.live.board.build import build_snapshot
from service.live.board.query import Mode
from service.live.board.snapshot import AtRisk
from service.live.page import render
from service.live.page.template_globals import element_id
from tests import histories, oracle
from tests.live.boards import MONTH, OFFICE, QUERY, board_rows, client, task, with_clients, worked_example
from tests.live.page.html import links_of, text

ROWS = (
    client("7", "Иван Петров", 900, task("a", 3, manager_id="3", deal_id="1", amount=400, pipeline_id="p")),
    replace(
        client(
            "8",
            "Мария",
            700,
            task("b", 2, manager_id="4", deal_id="2", amount=300),
            task("c", 1, manager_id="3", deal_id="2", amount=300),
            task("d", 1, manager_id="3", deal_id=None, amount=0),
        ),
        open_amount=700,
    ),
)


def card(
    read: BoardRows, manager: str | None = None, pipeline: str | None = None, mode: Mode = "desk"
) -> AtRisk:
    office = replace(OFFICE, mask_clients=True)
    return at_risk(read, office, QUERY._replace(manager=manager, pipeline=pipeline, mode=mode))


@pytest.mark.parametrize(
    ("manager", "pipeline", "clients", "amount", "tasks"),
    [
        (None, None, ["7", "8"], "16.00", 4),
        ("3", None, ["8", "7"], "11.00", 3),
        ("4", None, ["8"], "3.00", 1),
        ("", None, [], "0.00", 0),
        (None, "p", ["7"], "4.00", 1),
        ("3", "", ["8"], "7.00", 2),
        ("4", "p", [], "0.00", 0),
    ],
)
def test_a_filter_keeps_the_clients_with_tasks_of_its_manager_and_pipeline(
    manager: str | None, pipeline: str | None, clients: list[str], amount: str, tasks: int
) -> None:
    shown = card(board_rows(ROWS), manager, pipeline)
    filtered = manager is not None or pipeline is not None
    assert [row.client_id for row in shown.list] == clients
    assert (shown.clients, shown.amount, shown.tasks) == (len(clients), amount, tasks)
    assert (shown.no_next_step is None) is filtered
    assert (shown.saved_today is None) is filtered


def test_the_board_of_a_manager_has_no_other_manager_and_that_of_a_pipeline_none() -> None:
    read = worked_example()
    (row,) = read.managers
    read = replace(read, managers=(row, replace(row, manager_id="4")))
    assert [row.manager_id for row in card(read, "4").managers] == ["4"]
    assert card(read, pipeline="p").managers == ()


@given(st.data())
def test_a_managers_board_has_the_figures_of_the_managers_table(data: st.DataObject) -> None:
    scene = data.draw(st.sampled_from(histories.SCENES))
    history = data.draw(histories.histories(scene))
    read = oracle.board(histories.numbered(history), scene.now, scene.office, ())
    office = replace(OFFICE, currency=scene.office.currency)
    for row in read.managers:
        shown = at_risk(read, office, QUERY._replace(manager=row.manager_id or ""))
        (mine,) = shown.managers
        assert (shown.tasks, shown.amount) == (mine.tasks, mine.amount)


def test_a_wall_masks_clients_and_the_names_of_their_deals() -> None:
    nameless = ClientRow(
        "deal:42", "Иван Петров, абонемент", 100, (task("x", deal_id="42", deal="Иван Петров"),)
    )
    shown = card(board_rows([*ROWS, nameless]), mode="wall")
    assert [row.client for row in shown.list] == ["Иван П.", "Мария", "42"]
    assert {task_row.deal for row in shown.list for task_row in row.tasks} == {"1", "2", None, "42"}
    assert card(board_rows([*ROWS, nameless])).list[0].client == "Иван Петров"


@pytest.mark.parametrize(
    ("shown", "mode"), [(True, "desk"), (True, "wall"), (False, "desk"), (False, "wall")]
)
def test_a_telephone_number_is_told_where_the_account_shows_it_and_on_no_wall(
    shown: bool, mode: Mode
) -> None:
    office, query = replace(OFFICE, show_phones=shown), QUERY._replace(mode=mode)
    called, unknown = (
        replace(row, phone=phone) for row, phone in zip(ROWS, ("+79001234567", None), strict=True)
    )
    snapshot = build_snapshot(with_clients(worked_example(), called, unknown), office, query, MONTH)
    told = [row.get("phone", "absent") for row in msgspec.to_builtins(snapshot)["at_risk"]["list"]]
    page = render.page(snapshot, office, query)
    if shown and mode == "desk":
        assert told == ["+79001234567", None]
        assert [link for link in links_of(page) if link.startswith("tel:")] == ["tel:+79001234567"]
        assert "Позвонить: Иван Петров, +7 900 123‑45‑67" in text(page)
    else:
        assert told == ["absent", "absent"]
        assert "tel:" not in page
        assert "900" not in page


def test_a_number_that_changes_changes_its_row() -> None:
    office = replace(OFFICE, show_phones=True)
    before, after = (
        build_snapshot(with_clients(worked_example(), replace(ROWS[0], phone=phone)), office, QUERY, MONTH)
        for phone in (None, "+79001234567")
    )
    changed = render.html_patch(before, after, QUERY)["set"]
    assert isinstance(changed, dict)
    assert list(changed) == [element_id("7")]
