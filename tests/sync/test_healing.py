"""Healing: a run passes no page that is not understood, and a reconciliation repairs the board in both
directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from service.ledger.write import needs, state
from service.model import Change, Decoded, Delivery
from tests.sync.connected import Connected
from tests.sync.small_office import add_deal, asked, read, troubles

DAY_SECONDS = 24 * 3600
Answering = Callable[[Request], Response | None]


@pytest.fixture
def deals() -> int:
    return 5


@pytest.fixture(autouse=True)
def pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.adapters.amocrm.api._PAGE", (("limit", "2"),))


def answering(service: Connected, monkeypatch: pytest.MonkeyPatch, answer: Answering) -> None:
    """Let the CRM give an answer of its own; None: the proper one."""
    hindrance = service.vendor.hindrance
    monkeypatch.setattr(service.vendor, "hindrance", lambda request: answer(request) or hindrance(request))


def is_later_page_of_leads(request: Request) -> bool:
    return request.url.path.endswith("/leads") and request.query_params.get("page", "1") != "1"


async def turns(service: Connected, number: int) -> None:
    for _ in range(number):
        await service.sync.turn()


async def test_a_run_waits_at_a_page_that_is_not_understood_and_says_so(
    service: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        answering(
            service, patch, lambda request: HTMLResponse("<p>") if is_later_page_of_leads(request) else None
        )
        await turns(service, 30)
        assert (await service.state()).synced_at is None
        assert await troubles(service) == ["api_junk"]
    await service.work()
    assert await service.board() == service.truth()
    assert await troubles(service) == []
    assert (await service.state()).synced_at is not None


def to_itself(request: Request) -> dict[str, Any]:
    """A page of amoCRM that leads to itself."""
    lead = {"id": 70001, "name": "x", "status_id": 1, "updated_at": 1, "price": 1}
    return {"_links": {"next": {"href": str(request.url)}}, "_embedded": {"leads": [lead]}}


async def test_a_page_that_leads_to_itself_completes_nothing(
    service: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        answering(
            service,
            patch,
            lambda request: JSONResponse(to_itself(request)) if is_later_page_of_leads(request) else None,
        )
        await turns(service, 30)
        assert (await service.state()).synced_at is None
        assert await troubles(service) == ["api_junk"]
    await service.work()
    assert await service.board() == service.truth()


async def test_what_a_list_has_and_the_board_lacks_is_asked_for_in_batches(service: Connected) -> None:
    """Deals and tasks that changed before the last run, so that no list of changes has them."""
    await service.work()
    office = service.vendor.office
    for _ in range(2):
        deal = add_deal(office).id
        office.add_task("позвонить", 31, int(service.clock.still()), deal_id=deal)
    service.clock.still.advance(10 * DAY_SECONDS)
    await service.database.write(lambda connection: _set_synced(connection, service))
    before = asked(service, "leads")
    assert await service.reconcile() == 4
    assert await service.board() == service.truth()
    assert (await read(service)).repaired == 4
    assert asked(service, "leads") < before + 20
    assert await service.reconcile() == 0


def _set_synced(connection: Any, service: Connected) -> None:
    from sqlalchemy import update

    from service.ledger.database.tables import SYNCS

    connection.execute(update(SYNCS).values(synced_at=service.clock.now()))


async def test_a_deal_that_the_board_holds_as_deleted_and_a_list_has_comes_back(service: Connected) -> None:
    await service.work()
    gone = Change("deal", "70001", service.clock.now(), {}, deleted=True)
    delivery = Delivery("office", service.clock.now(), {}, b"", Decoded("a junk answer", (gone,)))
    await service.sync._crm._writer.submit(delivery)
    assert await service.board() != service.truth()
    service.clock.still.advance(DAY_SECONDS)
    assert await service.reconcile() == 1
    assert await service.board() == service.truth()


async def test_lists_that_leave_out_too_much_are_told_until_they_have_it(
    service: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.sync.runs.FEW", 1)
    await service.work()
    hidden = {id: service.vendor.office.deals.pop(id) for id in list(service.vendor.office.deals)[:4]}
    service.clock.still.advance(DAY_SECONDS)
    assert await service.reconcile() == 0
    (trouble,) = (await read(service)).troubles
    assert (trouble.code, trouble.subject) == ("api_forbidden", "lists")
    service.clock.still.advance(DAY_SECONDS)
    assert await service.reconcile() == 0
    assert await troubles(service) == ["api_forbidden"]
    service.vendor.office.deals.update(hidden)
    service.clock.still.advance(DAY_SECONDS)
    await service.reconcile()
    assert await troubles(service) == []
    assert await service.board() == service.truth()


async def test_while_needs_fail_a_run_goes_on(service: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of contacts are refused for ever; the deals are not kept back by it."""
    answering(
        service,
        monkeypatch,
        lambda request: Response(status_code=403) if request.url.path.endswith("/contacts") else None,
    )
    for _ in range(60):
        await service.sync.turn()
        service.clock.still.advance(700)
    assert (await service.state()).synced_at is not None
    assert set(await troubles(service)) == {"api_forbidden"}
    held = await service.database.read(lambda connection: state.load(connection, "office", "deal", ["70005"]))
    assert "70005" in held
    assert await service.database.read(lambda connection: needs.count(connection, "office")) > 0
