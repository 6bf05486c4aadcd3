"""The lists behind the figures, over HTTP: they say what the snapshot says, of whatever is asked for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.running import CONFIG, Service, iso, running, soon
from tests.e2e.test_http import GUARDED, VIEWER

ANNA = {"id": "3", "name": "Анна"}
BORIS = {"id": "4", "name": "Борис"}
HOSTILE = '=HYPERLINK("https://evil.example")<script>alert(1)</script>'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("lists"), config=CONFIG + GUARDED) as started:
        tell(started)
        yield started


def tell(service: Service) -> None:
    """Refusals of two managers for several reasons, and tasks that are overdue."""

    def lost(deal_id: str, reason: str | None, amount: str, **more: Any) -> None:
        given = {"status": "lost", "reason": reason, "closed_at": iso(datetime.now(UTC)), "manager": ANNA}
        service.deal(deal_id, amount=amount, name=f"Сделка {deal_id}", **{**given, **more})

    pipeline = {"id": "1", "name": "Продажи"}
    lost("1", "Выбрал других", "100.50", url="https://crm.example/deals/1", pipeline=pipeline)
    lost("2", "выбрал  ДРУГИХ", "20.25", client={"id": "7", "name": HOSTILE})
    lost("3", None, "3.00", manager=BORIS)
    lost("4", "Спам", "1000000.00")
    lost("5", "Нет у нас услуги", "40.00", manager=None)
    lost("6", "Выбрал других", "7.00")
    service.deal("6", status="open")
    service.deal("8", amount="500.00", name="Открытая", manager=ANNA)
    service.task("t1", deal_id="8", text="позвонить", due_at=iso(soon(-7200)), manager=ANNA)
    service.task("t2", deal_id="8", text="написать", due_at=iso(soon(-60)), manager=BORIS)
    service.task("t3", deal_id="8", text="никому", due_at=iso(soon(-60)), manager=None)


def asked(service: Service, path: str, **query: str) -> str:
    answer = service.client.get(f"{service.url}/boards/office/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def values(html: str) -> list[str]:
    """The figures on top of a page."""
    return re.findall(r'<dd data-value="([^"]+)"', html)


def rows(content: str, delimiter: str = ";") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline=""), delimiter=delimiter))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"manager": "3"},
        {"manager": "-"},
        {"manager": "4", "period": "today"},
        {"pipeline": "1"},
        {"pipeline": "-", "period": "year"},
        {"period": "2001-01-01..2001-01-31"},
    ],
)
def test_what_stands_on_top_is_what_the_board_says(service: Service, query: dict[str, str]) -> None:
    losses = service.snapshot(**query)["losses"]
    page = asked(service, "deals", **query)
    assert values(page) == [losses["total"]["amount"], str(losses["total"]["count"])]
    assert page.count('<th scope="row">') == losses["total"]["count"]
    for kind in ("controllable", "objective", "unclassified"):
        total = losses[kind]
        assert values(asked(service, "deals", kind=kind, **query)) == [total["amount"], str(total["count"])]
    for bar in losses["reasons"]:
        given = {**query, "reason": bar["reason"], "kind": bar["kind"]}
        assert values(asked(service, "deals", **given)) == [bar["amount"], str(bar["count"])]
        listed = rows(asked(service, "deals.csv", **given))
        assert len(listed) == bar["count"]
        assert sum(round(float(row["Сумма"].replace(",", ".")) * 100) for row in listed) == round(
            float(bar["amount"]) * 100
        )


def test_the_page_of_a_reason_shows_its_deals_and_nothing_of_others(service: Service) -> None:
    page = asked(service, "deals", reason="ВЫБРАЛ других")
    assert "Сделка 1" in page
    assert "Сделка 2" in page
    assert "https://crm.example/deals/1" in page
    for other in ("Сделка 3", "Сделка 4", "Сделка 5", "Сделка 6", "<script>"):
        assert other not in page
    without = rows(asked(service, "deals.csv", reason="No reason given"))
    assert [row["Причина"] for row in without] == ["Причина не указана"]


@pytest.mark.parametrize("manager", [None, "3", "4", "-"])
def test_the_tasks_are_those_that_the_board_calls_overdue(service: Service, manager: str | None) -> None:
    query = {} if manager is None else {"manager": manager}
    card = service.snapshot(**query)["at_risk"]
    page = asked(service, "tasks", **query)
    assert values(page) == [card["amount"], str(card["clients"]), str(card["tasks"])]
    on_board = [task["text"] for client in card["list"] for task in client["tasks"]]
    listed = rows(asked(service, "tasks.csv", lang="en", **query), ",")
    assert sorted(row["Task"] for row in listed) == sorted(on_board)
    assert on_board != []


def test_a_file_is_sent_as_one_that_no_spreadsheet_runs(service: Service) -> None:
    answer = service.client.get(f"{service.url}/boards/office/deals.csv?reason=выбрал других")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.match(
        r'attachment; filename="refusals-office-[\d-]+\.csv"; filename\*=UTF-8\'\'%D0%9E',
        answer.headers["content-disposition"],
    )
    assert answer.content.startswith(b"\xef\xbb\xbf")
    newest, oldest = rows(answer.content.decode())
    assert newest["Клиент"] == f"'{HOSTILE}"
    assert (oldest["№ сделки"], oldest["Сумма"]) == ("1", "100,50")
    assert oldest["Ссылка"] == "https://crm.example/deals/1"


@pytest.mark.parametrize("path", ["deals", "deals.csv", "tasks", "tasks.csv"])
def test_lists_are_as_guarded_as_boards_and_carry_the_same_headers(service: Service, path: str) -> None:
    get = service.client.get
    wrong = [
        (f"office/{path}?period=decade", 400),
        (f"office/{path}?lang=fr", 400),
        (f"office/{path}?manager={'x' * 201}", 400),
        (f"nowhere/{path}", 404),
        (f"guarded/{path}", 401),
        (f"guarded/{path}?token=wrong", 401),
    ]
    if path.startswith("deals"):
        wrong += [(f"office/{path}?kind=excluded", 400), (f"office/{path}?reason={'x' * 501}", 400)]
    for address, status in wrong:
        answer = get(f"{service.url}/boards/{address}")
        assert answer.status_code == status, address
        assert answer.headers["content-type"] == "application/problem+json"
    assert get(f"{service.url}/boards/office/{path}", headers={"host": "evil.example"}).status_code == 403
    shown = get(f"{service.url}/boards/guarded/{path}", headers={"authorization": f"Bearer {VIEWER}"})
    board = get(f"{service.url}/boards/office")
    assert shown.status_code == 200
    for name in (
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cache-control",
        "cross-origin-resource-policy",
    ):
        assert shown.headers[name] == board.headers[name]
    assert service.client.head(f"{service.url}/boards/office/{path}").status_code == 200


def test_the_addresses_on_a_page_lead_where_they_say(service: Service) -> None:
    address = f"{service.url}/boards/office/deals?period=year&manager=3&lang=en"
    page = service.client.get(address)
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    own = [link.replace("&amp;", "&") for link in links if not link.startswith("https:")]
    assert len(own) == 6
    for link in own:
        answer = service.client.get(str(page.url.join(link)))
        assert answer.status_code == 200, link
    back = service.client.get(str(page.url.join(own[-2])))
    assert 'aria-current="true">Year' in back.text
    assert '<option value="3" selected>' in back.text


def test_the_board_leads_to_its_lists(service: Service) -> None:
    board = service.client.get(f"{service.url}/boards/office?period=year&pipeline=1&lang=en")
    links = re.findall(r'href="(office/(?:deals|tasks)\?[^"]+)"', board.text)
    assert links != []
    for link in links:
        answer = service.client.get(str(board.url.join(link.replace("&amp;", "&"))))
        assert answer.status_code == 200, link
        assert "<table" in answer.text
        assert '<html lang="en"' in answer.text
