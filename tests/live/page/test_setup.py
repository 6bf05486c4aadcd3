"""The page of an account that has never heard from its CRM: what to do, what was refused, what came first."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import msgspec
import pytest

from service.adapters import ADAPTERS
from service.ledger.read.board import Arrived
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery, Mode
from service.live.board.snapshot import Snapshot
from service.live.page import render
from service.model import SECOND, Trouble, earlier
from tests.live.boards import MONTH, NOW, OFFICE, QUERY, board, board_rows, worked_example
from tests.live.page.html import Elements, text

SECRET = OFFICE.webhook_secrets[0].value
REFUSED = (
    Trouble("requests_refused", "signature", 3, earlier(NOW, 600 * SECOND), earlier(NOW, 300 * SECOND)),
    Trouble("requests_refused", "token", 1, earlier(NOW, 60 * SECOND), earlier(NOW, 60 * SECOND)),
)


def unheard(crm: str, query: BoardQuery = QUERY, *troubles: Trouble, url: str | None = None) -> Snapshot:
    office = replace(OFFICE, crm=crm, options=ADAPTERS[crm].options(), public_url=url)
    rows = replace(board_rows(), heard=False, last_delivery_at=None, troubles=troubles)
    return build_snapshot(rows, office, query, MONTH)


def shown(snapshot: Snapshot, query: BoardQuery = QUERY) -> str:
    return render.fragments(snapshot, query)["setup"]


@pytest.mark.parametrize("crm", sorted(ADAPTERS))
@pytest.mark.parametrize("language", ["ru", "en"])
def test_each_crm_is_connected_by_numbered_steps_in_the_language_of_the_page(
    crm: str, language: Literal["ru", "en"]
) -> None:
    query = QUERY._replace(language=language)
    html = shown(unheard(crm, query, url="https://board.example"), query)
    address = {"amocrm": "?token=&lt;webhook_secret&gt;"}.get(crm, "")
    assert f"<code>https://board.example/webhooks/office{address}</code>" in html
    assert 3 <= len(Elements(html).of("li")) <= 8
    assert {"ru": "Ждём первое событие", "en": "Waiting for the first event"}[language] in text(html)
    assert "webhook_secret" in html
    assert SECRET not in html
    assert "public_url" not in html


def test_without_a_public_address_the_page_says_what_is_missing() -> None:
    assert "public_url в настройках, он не указан" in text(shown(unheard("standard")))


def test_the_last_refused_attempt_is_told_with_what_to_do_and_no_warning_repeats_it() -> None:
    snapshot = unheard("amocrm", QUERY, *REFUSED)
    told = text(shown(snapshot))
    assert "Последняя попытка отклонена в 09:59: неверный токен. Сравните секрет в CRM с" in told
    assert text(render.fragments(snapshot, QUERY)["warnings"]) == ""
    assert "отклонена" not in shown(unheard("amocrm"))


def test_nobody_connects_a_crm_at_a_wall() -> None:
    wall = QUERY._replace(mode="wall")
    html = shown(unheard("bitrix24", wall, *REFUSED), wall)
    assert Elements(html).of("li") == []
    assert "Последняя попытка отклонена в 09:59" in text(html)


@pytest.mark.parametrize(
    ("arrived", "came"),
    [
        (Arrived(1, 0, 1), "1 сделка, 1 клиент"),
        (Arrived(0, 2, 0), "2 задачи"),
        (Arrived(1200, 21, 5), "1 200 сделок, 21 задача, 5 клиентов"),
        (Arrived(0, 0, 0), "событие без сделки, задачи и клиента"),
    ],
)
def test_the_first_delivery_is_said_by_what_it_brought(arrived: Arrived, came: str) -> None:
    patch = render.html_patch(unheard("standard"), board(worked_example()), QUERY, frozenset(), arrived)
    assert str(patch["came"]).replace("\u00a0", " ") == came
    assert "came" not in render.html_patch(board(worked_example()), board(worked_example()), QUERY)


def test_a_program_is_told_how_to_connect_until_something_comes() -> None:
    told = msgspec.to_builtins(unheard("pipedrive").setup)
    assert (told["crm"], told["address"], len(told["steps"])) == ("pipedrive", "/webhooks/office", 5)
    assert board(worked_example()).setup is None


@pytest.mark.parametrize("mode", ["desk", "wall"])
def test_an_account_that_knows_nothing_is_never_all_caught_up(mode: Mode) -> None:
    query = QUERY._replace(mode=mode)
    fragments = render.fragments(unheard("standard", query), query)
    assert {text(fragments[name]) for name in ("risk-figures", "rest", "managers", "gaps")} == {""}
