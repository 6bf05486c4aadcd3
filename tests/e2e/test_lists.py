"""The lists behind the figures, over HTTP: for every filter they add up to the snapshot."""

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
        post_deals_and_tasks(started)
        yield started


def post_deals_and_tasks(service: Service) -> None:
    """Refusals of two managers for several reasons, and overdue tasks."""

    def lose(deal_id: str, reason: str | None, amount: str, **more: Any) -> None:
        lost = {"status": "lost", "reason": reason, "closed_at": iso(datetime.now(UTC)), "manager": ANNA}
        service.deal(deal_id, amount=amount, name=f"Сделка {deal_id}", **{**lost, **more})

    pipeline = {"id": "1", "name": "Продажи"}
    lose("1", "Выбрал других", "100.50", url="https://crm.example/deals/1", pipeline=pipeline)
    lose("2", "выбрал  ДРУГИХ", "20.25", client={"id": "7", "name": HOSTILE})
    lose("3", None, "3.00", manager=BORIS)
    lose("4", "Спам", "1000000.00")
    lose("5", "Нет у нас услуги", "40.00", manager=None)
    lose("6", "Выбрал других", "7.00")
    service.deal("6", status="open")
    service.deal("8", amount="500.00", name="Открытая", manager=ANNA)
    service.task("t1", deal_id="8", text="позвонить", due_at=iso(soon(-7200)), manager=ANNA)
    service.task("t2", deal_id="8", text="написать", due_at=iso(soon(-60)), manager=BORIS)
    service.task("t3", deal_id="8", text="никому", due_at=iso(soon(-60)), manager=None)


def listing(service: Service, path: str, **query: str) -> str:
    answer = service.client.get(f"{service.url}/boards/office/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def values(html: str) -> list[str]:
    """The figures at the top of a page."""
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
    ],
)
def test_the_sums_of_a_list_are_the_figures_of_the_board(service: Service, query: dict[str, str]) -> None:
    losses = service.snapshot(**query)["losses"]
    page = listing(service, "deals", **query)
    assert values(page) == [losses["total"]["amount"], str(losses["total"]["count"])]
    assert page.count('<th scope="row">') == losses["total"]["count"]
    for kind in ("controllable", "objective", "unclassified"):
        total = losses[kind]
        assert values(listing(service, "deals", kind=kind, **query)) == [total["amount"], str(total["count"])]
    for bar in losses["reasons"]:
        of_bar = {**query, "reason": bar["reason"], "kind": bar["kind"]}
        assert values(listing(service, "deals", **of_bar)) == [bar["amount"], str(bar["count"])]
        file = rows(listing(service, "deals.csv", **of_bar))
        assert len(file) == bar["count"]
        assert sum(round(float(row["Сумма"].replace(",", ".")) * 100) for row in file) == round(
            float(bar["amount"]) * 100
        )


def test_the_page_of_a_reason_shows_its_deals_and_no_others(service: Service) -> None:
    page = listing(service, "deals", reason="ВЫБРАЛ других")
    assert "Сделка 1" in page
    assert "Сделка 2" in page
    assert "https://crm.example/deals/1" in page
    for other in ("Сделка 3", "Сделка 4", "Сделка 5", "Сделка 6", "<script>"):
        assert other not in page
    without = rows(listing(service, "deals.csv", reason="No reason given"))
    assert [row["Причина"] for row in without] == ["Причина не указана"]


@pytest.mark.parametrize("manager", [None, "3", "4", "-"])
def test_the_tasks_are_those_that_the_board_calls_overdue(service: Service, manager: str | None) -> None:
    query = {} if manager is None else {"manager": manager}
    card = service.snapshot(**query)["at_risk"]
    page = listing(service, "tasks", **query)
    assert values(page) == [card["amount"], str(card["clients"]), str(card["tasks"])]
    on_board = [task["text"] for client in card["list"] for task in client["tasks"]]
    file = rows(listing(service, "tasks.csv", lang="en", **query), ",")
    assert sorted(row["Task"] for row in file) == sorted(on_board)
    assert on_board != []


def test_the_sums_of_the_other_figures_are_those_of_the_board(service: Service) -> None:
    card = service.snapshot()["at_risk"]
    clients, gaps = listing(service, "clients"), card["no_next_step"]
    assert values(clients) == [card["amount"], str(card["clients"])]
    assert values(listing(service, "no-next-step")) == [gaps["amount"], str(gaps["deals"])]
    assert gaps["deals"] == len(rows(listing(service, "no-next-step.csv"))) > 0
    assert "Сегодня ещё никого не спасли" in listing(service, "saved")
    assert "За этот период данных нет" in listing(service, "deals", period="2001-01-01..2001-01-31")


def test_a_file_is_sent_as_a_download_without_formulas(service: Service) -> None:
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


@pytest.mark.parametrize(
    "path", [f"{name}{end}" for name in ("deals", "clients", "unpriced", "troubles") for end in ("", ".csv")]
)
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
    wrong += [(f"office/{path}?order=colour", 400), (f"office/{path}?client={'x' * 201}", 400)]
    if path.startswith("deals"):
        wrong += [(f"office/{path}?kind=excluded", 400), (f"office/{path}?reason={'x' * 501}", 400)]
    if path.startswith("unpriced"):
        wrong.append((f"office/{path}?currency=dollars", 400))
    for address, status in wrong:
        answer = get(f"{service.url}/boards/{address}")
        assert answer.status_code == status, address
        assert answer.headers["content-type"] == "application/problem+json"
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


def test_the_links_of_a_page_keep_its_query(service: Service) -> None:
    address = f"{service.url}/boards/office/deals?period=year&manager=3&lang=en"
    page = service.client.get(address)
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    own = [link.replace("&amp;", "&") for link in links if not link.startswith("https:")]
    assert len(own) > 10
    for link in own:
        answer = service.client.get(str(page.url.join(link)))
        assert answer.status_code == 200, link
    (back,) = (link for link in own if link.startswith("../office?"))
    back = service.client.get(str(page.url.join(back)))
    assert 'aria-current="true">Year' in back.text
    assert '<option value="3" selected>' in back.text


def test_the_board_links_to_its_lists(service: Service) -> None:
    board = service.client.get(f"{service.url}/boards/office?period=year&pipeline=1&lang=en")
    links = re.findall(r'href="(office/(?:[a-z-]+)\?[^"]+)"', board.text)
    assert {link.partition("?")[0] for link in links} >= {"office/deals", "office/clients", "office/tasks"}
    for link in links:
        answer = service.client.get(str(board.url.join(link.replace("&amp;", "&"))))
        assert answer.status_code == 200, link
        assert '<main class="listing">' in answer.text
        assert '<html lang="en"' in answer.text
