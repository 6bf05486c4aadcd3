"""Telephone numbers in the lists, and in their files: where the account shows them, and on no wall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from service.ledger.read.stepless_rows import OpenDeal, Stepless
from service.live.board.query import BoardQuery, Mode
from service.live.page.lists import list_page, spreadsheet
from service.live.page.lists.clients import client_list
from service.live.page.lists.stepless import stepless_list
from service.live.page.lists.tasks import task_list
from tests.live.boards import NOW, OFFICE, QUERY, client, task, with_clients, worked_example
from tests.live.page.html import links_of
from tests.live.page.listings import cells, deal, refusal_list, refusals

NUMBER: Final = "+79001234567"
KNOWN: Final = replace(client("7", "Иван", 500, task("t1")), phone=NUMBER)
UNKNOWN: Final = client("8", "Ольга", 400, task("t2"))


def _lists(query: BoardQuery, *, shown: bool) -> dict[str, Any]:
    """Each list that has clients to call: one whose number is known, and one whose is not."""
    office = replace(OFFICE, show_phones=shown)
    board = with_clients(worked_example(), KNOWN, UNKNOWN)
    open_deal = OpenDeal("1", None, "7", "Иван", None, None, 500, False, None, None, NUMBER)
    unknown = replace(open_deal, deal_id="2", client_id="8", phone=None)
    stepless = Stepless(5, NOW, 2, 1000, iter((open_deal, unknown)), {}, {})
    lost = refusals(deal(1, "3", phone=NUMBER), deal(2, "3"))
    return {
        "clients": client_list(board, office, query),
        "tasks": task_list(board, office, query),
        "no-next-step": stepless_list(stepless, office, query),
        "deals": refusal_list(lost, query=query, office=office),
    }


@pytest.mark.parametrize("mode", ["desk", "wall"])
@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("name", ["clients", "tasks", "no-next-step", "deals"])
def test_a_list_and_its_file_have_numbers_only_where_they_are_shown(
    name: str, shown: bool, mode: Mode
) -> None:
    office, query = replace(OFFICE, show_phones=shown), QUERY._replace(mode=mode)
    page = list_page.page(_lists(query, shown=shown)[name], office, query)
    header, *rows = cells(spreadsheet.sheet(_lists(query, shown=shown)[name], office, query).content)
    told = [row[header.index("Телефон")] for row in rows] if "Телефон" in header else None
    is_desk = mode == "desk"
    assert [link for link in links_of(page) if link.startswith("tel:")] == [f"tel:{NUMBER}"] * (
        shown and is_desk
    )
    assert told == ([f"'{NUMBER}" if is_desk else "", ""] if shown else None)
    assert ("900" in page) is (shown and is_desk)
