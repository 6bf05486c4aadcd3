"""The admin page: who gets it, what it shows and does, and that no other site's page can."""

from __future__ import annotations

import itertools
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urljoin

import httpx
import pytest
from jinja2 import Template

from service.config import Language, Secret
from service.ledger.database.errors import Unavailable
from service.ledger.read.admin import deliveries, held
from service.ledger.read.admin.reader import AdminReader
from service.ledger.write import troubles
from service.live.page.admin import shown
from service.live.page.environment import template
from service.live.stream.hub import Hub
from service.model import Decoded, Delivery, Rejection
from tests.interface.office import ADMIN, METRICS, VIEWER, Office, office
from tests.ledger.offices import Ledger
from tests.live.boards import NOW
from tests.live.page.html import Elements, text

OWN: Final = {"origin": "http://board"}
ENGLISH: Final = {"accept": "text/html", "accept-language": "en"}
PAGES: Final = (
    "/admin",
    *(f"/admin/office{path}" for path in ("", "/deliveries", "/quarantine", "/reasons")),
)
BODY: Final = (
    b'{"type":"deal.changed","timestamp":"2026-11-23T06:00:00Z","data":{"id":"77","status":"lost",'
    b'"reason":"\\u0414\\u043e\\u0440\\u043e\\u0433\\u043e","amount":"50"}}'
)
"""A deal that was lost, which is in quarantine as delivery 1."""


@dataclass
class Admin:
    """The running service, and a browser that is signed in."""

    office: Office
    browser: httpx.AsyncClient

    def stranger(self, address: str = "10.9.0.1") -> httpx.AsyncClient:
        return client(self.office, address)

    async def see(self, path: str) -> str:
        answer = await self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return text(answer.text)

    async def do(self, path: str, **fields: str) -> httpx.Response:
        return await self.browser.post(path, data=fields, headers=OWN)


def client(opened: Office, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(opened.app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://board", headers=ENGLISH)


@asynccontextmanager
async def admin(url: str) -> AsyncIterator[Admin]:
    ledger = Ledger(url, NOW)
    rejected = Decoded(
        "k", rejections=(Rejection(0, "it could not be applied: OverflowError", "a traceback"),)
    )
    ledger.deliver(Delivery("office", NOW, {}, BODY, rejected, applied=False))
    with ledger.database.writing() as connection:
        troubles.tell(connection, "office", "requests_refused", "headers", NOW, times=7)
        troubles.tell(connection, "office", "webhook_off", "", NOW)
    ledger.database.close()
    async with office(url) as opened, client(opened, "10.9.0.2") as browser:
        entered = await browser.post("/admin", data={"token": ADMIN}, headers=OWN)
        assert (entered.status_code, entered.headers["location"]) == (303, "admin")
        yield Admin(opened, browser)


@pytest.fixture
async def opened(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[Admin]:
    async with admin(sqlite_ledgers()) as running:
        yield running


async def test_an_operator_sees_each_feed_and_what_came_and_retries_what_failed(ledger_url: str) -> None:
    async with admin(ledger_url) as opened:
        (row,) = [row for row in (await opened.browser.get("/admin")).text.split("<tr>") if '/office"' in row]
        assert text(row).startswith("office standard 10:00")
        assert "nothing yet" in await opened.see("/admin/unheard")
        shown = await opened.see("/admin/office/deliveries")
        assert "name – → Абонемент" in shown
        assert "amount – → 70.00 USD" in shown
        assert "not applied: in quarantine" in shown
        assert "a traceback" in await opened.see("/admin/office/deliveries?number=1")
        before = await opened.see("/admin/office/quarantine")
        assert "OverflowError" in before
        answer = await opened.do("/admin/office/quarantine", do="retry", number="1")
        assert answer.status_code == 303
        after = await opened.see(urljoin("/admin/office/quarantine", answer.headers["location"]))
        assert "Delivery 1 is not in quarantine any more" in after
        assert "OverflowError" not in after
        assert "deal 77: status – → lost" not in after
        snapshot = await opened.browser.get(
            "/boards/office/snapshot", headers={"authorization": f"Bearer {VIEWER}"}
        )
        assert "Дорого" in snapshot.text
        await opened.do("/admin/office/quarantine", do="retry", number="2")
        still = await opened.see("/admin/office/quarantine?retried=2")
        assert "Delivery 2 still cannot be used" in still
        await opened.do("/admin/office/quarantine", do="drop", number="2")
        assert "Nothing is in quarantine" in await opened.see("/admin/office/quarantine")


async def test_open_boards_are_told_of_a_retry_and_of_a_drop_at_once(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Mapping[str, int]] = []
    monkeypatch.setattr(Hub, "on_seq", lambda _hub, seqs: told.append(seqs))
    async with admin(sqlite_ledgers()) as opened:
        for do in ("retry", "drop"):
            told.clear()
            await opened.do("/admin/office/quarantine", do=do, number="1")
            assert [list(seqs) for seqs in told] == [["office"]]


async def test_the_health_of_a_feed_says_what_was_refused_and_what_to_do(opened: Admin) -> None:
    shown = await opened.see("/admin/office")
    assert "no signature ×7" in shown
    assert "The CRM has switched off its webhook" in shown
    assert "Have the CRM send the secret or the signature" in shown


async def test_a_reload_changes_the_token_and_the_accounts_of_an_open_page(opened: Admin) -> None:
    service, config = opened.office.service, opened.office.config
    renamed = replace(config.accounts[0], title="The new name", currency="EUR")
    await service.reload(replace(config, accounts=(renamed, *config.accounts[2:])))
    shown = await opened.see("/admin")
    assert ("The new name" in shown, "unheard" in shown, "outdated" in shown) == (True, False, False)
    assert (await opened.browser.get("/admin/unheard")).status_code == 404
    await service.reload(replace(config, admin_token=Secret("another-token-of-the-admin")))
    assert (await opened.browser.get("/admin")).status_code == 401
    await opened.do("/admin", token="another-token-of-the-admin")
    assert "unheard" in await opened.see("/admin")
    await service.reload(replace(config, admin_token=None))
    assert (await opened.browser.get("/admin")).status_code == 404


async def test_a_delivery_that_its_adapter_cannot_read_is_shown_and_stays(
    opened: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: object) -> Decoded:
        raise RecursionError

    monkeypatch.setattr("service.ledger.read.admin.deliveries.decode", failing)
    monkeypatch.setattr("service.ledger.upkeep.by_hand.quarantine.decode", failing)
    assert "not applied" in await opened.see("/admin/office/deliveries")
    assert (await opened.do("/admin/office/quarantine", do="retry", number="1")).status_code == 303
    assert "Delivery 1 still cannot be used" in await opened.see("/admin/office/quarantine?retried=1")


async def test_a_reason_is_classified_and_that_is_taken_back(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with admin(ledger_url) as opened:
        before = await opened.see("/admin/office/reasons")
        assert "Дорого ×1 · ₽300" in before
        assert "Выбрал других" in before[before.index("In the configuration") :]
        answer = await opened.do(
            "/admin/office/reasons", reason="дорого", kind="controllable", back="reasons"
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "reasons")
        after = await opened.see("/admin/office/reasons")
        assert "Every reason has its kind" not in after  # a deal without a reason stays
        assert "дорого Avoidable · admin, 10:00" in after[after.index("By hand") :]
        await opened.do("/admin/office/reasons", reason="Переехал", kind="excluded")
        monkeypatch.setattr("service.ledger.read.admin.reasons.PAGE", 1)
        newest, earlier = [await opened.see(f"/admin/office/reasons?skip={skip}") for skip in (0, 1)]
        assert ("Переехал" in newest, "дорого" in newest, "Earlier verdicts" in newest) == (True, False, True)
        assert ("Переехал" in earlier, "дорого" in earlier, "Earlier verdicts" in earlier) == (
            False,
            True,
            False,
        )
        await opened.do("/admin/office/reasons", reason="Переехал", kind="unclassified")
        await opened.do("/admin/office/reasons", reason="Дорого", kind="unclassified")
        assert "Nothing is classified by hand" in await opened.see("/admin/office/reasons")
        listed = await opened.do("/admin/office/reasons", reason="Выбрал других", kind="objective")
        assert listed.status_code == 409


async def test_a_screen_is_added_with_a_link_that_is_shown_once_and_revoked(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with admin(ledger_url) as opened:
        new = {"name": "Цех № 2", "view": "mode=wall", "role": "editor"}
        page = (await opened.do("/admin/office/screens", do="add", **new)).text
        (link,) = [a["href"] for a in Elements(page).of("a") if "token=" in (a["href"] or "")]
        assert link is not None
        assert link.startswith("http://board/boards/office?token=")
        async with opened.stranger() as screen:
            entered = await screen.get(link)
            assert entered.status_code == 303
            board = await screen.get(urljoin(link, entered.headers["location"]))
            assert (board.status_code, 'data-mode="wall"' in board.text) == (200, True)
            shown = await opened.see("/admin/office/screens")
            assert "Цех № 2 sees the board, and classifies reasons mode=wall" in shown
            assert link.partition("=")[2] not in (await opened.browser.get("/admin/office/screens")).text
            taken = await opened.do("/admin/office/screens", do="add", name="Цех № 2")
            assert (taken.status_code, "already has a screen" in text(taken.text)) == (409, True)
            monkeypatch.setattr("service.live.http.admin.screens.PAGE", 1)
            assert "More screens" in await opened.see("/admin/office/screens")
            assert "More screens" not in await opened.see("/admin/office/screens?after=tv")
            revoked = await opened.do("/admin/office/screens", do="revoke", name="Цех № 2")
            assert (revoked.status_code, revoked.headers["location"]) == (303, "screens")
            assert "Цех" not in await opened.see("/admin/office/screens")
        assert (await opened.do("/admin/office/screens", do="revoke", name="nobody")).status_code == 404


async def test_the_link_of_a_screen_begins_where_the_configuration_says(opened: Admin) -> None:
    service, config = opened.office.service, opened.office.config
    account = replace(config.accounts[0], public_url="https://crm.example/board")
    await service.reload(replace(config, accounts=(account, *config.accounts[1:])))
    added = await opened.do("/admin/office/screens", do="add", name="hall", view="mode=wall")
    assert "https://crm.example/board/boards/office?token=" in added.text


async def test_a_whole_page_is_tried_again_at_once(opened: Admin) -> None:
    await opened.do("/admin/office/quarantine", do="retry_page", number="1")
    shown = await opened.see("/admin/office/quarantine")
    assert ("OverflowError" in shown, "Try delivery 2 again" in shown) == (False, False)
    assert "part of the body" in shown or "Part" in shown


async def test_only_the_token_opens_it_and_it_is_never_in_a_page_or_an_address(opened: Admin) -> None:
    for path in PAGES:
        async with opened.stranger() as stranger:
            for headers in ({}, {"authorization": f"Bearer {VIEWER}"}, {"cookie": "lossboard-admin=x"}):
                answer = await stranger.get(path, headers=headers)
                assert (answer.status_code, "office" in answer.text) == (401, False)
                assert 'type="password"' in answer.text
            program = await stranger.get(path, headers={"accept": "*/*"})
            assert program.headers["content-type"] == "application/problem+json"
            for proof in ({"authorization": f"Bearer {ADMIN}"}, {}):
                link = await stranger.get(path, params={} if proof else {"token": ADMIN}, headers=proof)
                assert link.status_code == (200 if proof else 303)
                assert ADMIN not in str(link.headers) + link.text
        assert ADMIN not in (await opened.browser.get(path)).text
    link = await opened.stranger().get(f"/admin/office/deliveries/?upto=1&token={ADMIN}")
    assert link.headers["location"] == "../deliveries?upto=1"
    (cookie,) = [cookie for cookie in opened.browser.cookies.jar if cookie.name == "lossboard-admin"]
    assert (cookie.path, cookie.has_nonstandard_attr("HttpOnly")) == ("/admin", True)
    await opened.do("/admin", token="")
    assert (await opened.browser.get("/admin")).status_code == 401


async def test_under_a_root_path_the_page_and_its_cookie_stay_there(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async with office(sqlite_ledgers(), root_path="/crm") as below, client(below, "10.9.0.5") as browser:
        entered = await browser.post("/crm/admin", data={"token": ADMIN}, headers=OWN)
        assert "Path=/crm/admin;" in entered.headers["set-cookie"]
        for path in ("/crm/admin", "/crm/admin/office", "/crm/admin/office/quarantine"):
            page = Elements((await browser.get(path)).text)
            links = [a["href"] for a in page.of("a")] + [form["action"] for form in page.of("form")]
            assert links
            assert all(link and link.startswith("/crm/admin") for link in links), path


async def test_no_page_is_rendered_where_webhooks_are_taken(
    opened: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def noting(language: Language, name: str) -> Template:
        threads.append(threading.current_thread())
        return template(language, name)

    monkeypatch.setattr(shown, "template", noting)
    for path in PAGES:
        await opened.see(path)
    assert len(threads) == len(PAGES)
    assert threading.current_thread() not in threads


async def test_a_guesser_of_the_token_is_braked(opened: Admin) -> None:
    async with opened.stranger("10.9.0.3") as stranger:
        for _ in range(20):
            wrong = await stranger.post("/admin", data={"token": "a-guess"}, headers=OWN)
            assert (wrong.status_code, "This token is wrong." in text(wrong.text)) == (401, True)
        assert (await stranger.post("/admin", data={"token": "a-guess"}, headers=OWN)).status_code == 429
        right = await stranger.post("/admin", data={"token": ADMIN}, headers=OWN)
        assert right.status_code == 303
        headers = {"authorization": f"Bearer {METRICS}"}
        shown = await stranger.get("/metrics", headers=headers)
        assert 'lossboard_failed_proofs_total{account="",braked="no",cause="admin_token"} 20.0' in shown.text
        await stranger.get("/metrics", headers={"authorization": "Bearer x"})
        shown = await stranger.get("/metrics", headers=headers)
        assert (
            'lossboard_failed_proofs_total{account="",braked="yes",cause="metrics_token"} 1.0' in shown.text
        )


async def test_without_a_token_in_the_configuration_there_is_no_admin_page(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async with office(sqlite_ledgers(), admin_token=None) as closed, client(closed, "10.9.0.4") as stranger:
        for path in PAGES:
            answer = await stranger.get(path, headers={"authorization": "Bearer "})
            assert answer.status_code == 404
        for path in ("/admin", PAGES[-1]):
            answer = await stranger.post(path, data={"token": ""}, headers=OWN)
            assert answer.status_code == 404


FOREIGN: Final[tuple[dict[str, str], ...]] = (
    {},
    {"origin": "null"},
    {"origin": "http://evil.example"},
    {"origin": "http://board", "sec-fetch-site": "cross-site"},
    {"origin": "http://board", "sec-fetch-site": "same-site"},
)


async def test_another_sites_page_changes_nothing(opened: Admin) -> None:
    forms: tuple[tuple[str, dict[str, str]], ...] = (
        ("/admin/office/quarantine", {"do": "drop", "number": "1"}),
        ("/admin/office/reasons", {"reason": "Дорого", "kind": "excluded"}),
        ("/admin/office/screens", {"do": "add", "name": "evil"}),
        ("/admin", {"token": ""}),
    )
    for foreign, (path, fields) in itertools.product(FOREIGN, forms):
        answer = await opened.browser.post(path, data=fields, headers=foreign)
        assert answer.status_code == 403, (foreign, path)
    assert "OverflowError" in await opened.see("/admin/office/quarantine")
    assert "Nothing is classified by hand" in await opened.see("/admin/office/reasons")
    assert "evil" not in await opened.see("/admin/office/screens")


async def test_a_page_has_so_many_rows_and_leads_on(opened: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "PAGE", 1)
    newest = await opened.browser.get("/admin/office/deliveries")
    (link,) = [a["href"] for a in Elements(newest.text).of("a") if "upto" in (a["href"] or "")]
    assert link == "?upto=1"
    assert "not applied" in await opened.see("/admin/office/deliveries?upto=1")
    monkeypatch.setattr(held, "PAGE", 1)
    first = await opened.see("/admin/office/quarantine")
    assert ("OverflowError" in first, "Later deliveries" in first) == (True, True)
    second = await opened.see("/admin/office/quarantine?after=1")
    assert ("OverflowError" in second, "Later deliveries" in second) == (False, False)
    monkeypatch.setattr("service.ledger.read.admin.reader.ACCOUNTS", 2)
    assert "More accounts" in await opened.see("/admin")
    assert "unheard" in await opened.see("/admin?after=office")


async def test_what_cannot_be_read_or_done_is_said(opened: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, status in (
        ("/admin/nobody", 404),
        ("/admin/nobody/deliveries", 404),
        ("/admin/office/nothing", 404),
        ("/admin/office/deliveries?number=99", 404),
        ("/admin/office/deliveries?number=x", 400),
        ("/admin/office/deliveries?upto=%00", 400),
    ):
        answer = await opened.browser.get(path)
        assert (answer.status_code, "text/html" in answer.headers["content-type"]) == (status, True), path
    assert (await opened.do("/admin/office/quarantine", do="retry", number="99")).status_code == 404
    assert (await opened.do("/admin/office/quarantine", do="drop")).status_code == 400
    assert (await opened.do("/admin/office/quarantine", text="x" * 20_000)).status_code == 413
    json = await opened.browser.post("/admin/office/quarantine", json={}, headers=OWN)
    assert json.status_code == 415

    def away(*_arguments: object) -> None:
        raise Unavailable

    monkeypatch.setattr(AdminReader, "accounts", away)
    assert (await opened.browser.get("/admin")).status_code == 503
