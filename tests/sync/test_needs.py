"""Needs are fetched: at once, after an outage, and never settled by an answer that is older than the need."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.api import Call
from service.config import Account
from service.model import SECOND, Need
from service.sync.needs import LONGEST_WAIT, NAMELESS_WAIT, backoff
from tests.sync.connected import Connected
from tests.sync.small_office import DEAR, add_deal, asked, calls, read, reasons, troubles, want, wanted

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
PENDING = "Причина уточняется"
NOBODY = Need("manager", "99")


@pytest.fixture
def deals() -> int:
    return 0


async def lost(service: Connected, *named: str | None) -> None:
    """Lose a new deal for each reason, and post its webhooks."""
    for reason in named:
        await service.postman.tell(add_deal(service.vendor.office))
        await service.postman.tell(service.vendor.office.lose(max(service.vendor.office.deals), reason))


async def outlast(service: Connected, seconds: float) -> list[float]:
    """Work through an outage; returns the seconds of each pause between calls."""
    service.vendor.down = True
    ends, rests = service.clock.now() + round(seconds * SECOND), []
    while service.clock.now() < ends:
        await service.sync.turn()
        rest = service.sync._back_off_until - service.clock.monotonic()
        if rest > 0:
            rests.append(rest)
            service.clock.still.advance(rest)
    service.vendor.down = False
    return rests


async def test_a_reason_is_pending_until_the_api_has_given_it(service: Connected) -> None:
    await service.work()
    await lost(service, DEAR, None)
    assert await reasons(service) == [PENDING]
    assert (await service.board())["losses"]["unclassified"]["count"] == 2
    await service.work()
    assert await reasons(service) == sorted([DEAR, "Причина не указана"])
    assert await wanted(service) == []
    assert await service.board() == service.truth()


async def test_many_needs_are_one_call(service: Connected) -> None:
    await service.work()
    await lost(service, *[DEAR] * 30)
    before = asked(service, "leads")
    await service.work()
    assert asked(service, "leads") == before + 1
    assert await reasons(service) == [DEAR]


@pytest.mark.parametrize("deals", [2])
async def test_an_answer_is_news_as_a_webhook_is(service: Connected) -> None:
    before = await read(service)
    await service.work()
    assert (await read(service, before)).silent  # a backfill
    await lost(service, DEAR)
    between = await read(service)
    await service.work()
    answered = await read(service, between)
    assert answered.seq > between.seq
    assert not answered.silent


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [backoff(tries) for tries in range(60)]
    assert [wait // SECOND for wait in waits[:10]] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert set(waits[10:]) == {LONGEST_WAIT} == {900 * SECOND}


async def test_an_outage_of_a_day_costs_a_hundred_calls_and_loses_nothing(service: Connected) -> None:
    await service.work()
    await lost(service, DEAR, DEAR)
    before = calls(service)
    rests = await outlast(service, DAY_SECONDS)
    assert [round(rest) for rest in rests[:10]] == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert max(rests) <= 900
    assert 90 <= calls(service) - before <= 110
    assert await reasons(service) == [PENDING]
    service.clock.still.advance(2 * 900)  # what is left of the longest wait
    await service.work()
    assert await reasons(service) == [DEAR]
    assert await wanted(service, DAY_SECONDS) == []
    assert await service.board() == service.truth()


async def test_a_clock_that_is_set_back_prolongs_no_wait(service: Connected) -> None:
    """Neither of a need that failed, nor of the account's lease, nor until the next run."""
    await service.work()
    await lost(service, DEAR)
    service.vendor.fail_next(3, 503)
    for _ in range(3):
        await service.sync.turn()
    service.clock.set_back = 12 * 3600
    await service.sync.turn()
    service.clock.still.advance(60)
    await service.work()
    assert await reasons(service) == [DEAR]
    assert (await service.state()).synced_at <= service.clock.now()  # type: ignore[operator]
    assert await service.board() == service.truth()
    other = service.another()
    service.clock.set_back = 24 * 3600
    assert await other.turn() == 0, "a lease of the future holds"


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_a_call_that_failed_is_made_again(service: Connected, status: int) -> None:
    await service.work()
    await lost(service, DEAR)
    service.vendor.fail_next(3, status)
    await service.work()
    assert service.metrics.calls.count("later") == 3
    service.clock.still.advance(60)
    await service.work()
    assert await reasons(service) == [DEAR]


async def test_the_vendors_own_wait_is_kept(service: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    await service.work()
    await lost(service, DEAR)
    busy = Response(status_code=503, headers={"retry-after": "1234"})
    monkeypatch.setattr(service.vendor, "hindrance", lambda _request: busy)
    await service.sync.turn()
    monkeypatch.undo()
    assert service.sync._back_off_until - service.clock.monotonic() == pytest.approx(1234, abs=1)
    assert await wanted(service, 1230) == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "api_token"), (402, "api_unpaid"), (403, "api_forbidden"), (404, "api_not_found")],
)
async def test_the_board_says_that_the_api_refuses_until_it_answers_again(
    service: Connected, status: int, code: str
) -> None:
    await service.work()
    await lost(service, DEAR)
    service.vendor.fail_next(2, status)
    before = calls(service)
    await service.sync.turn()
    assert await troubles(service) == [code]
    for _ in range(39):  # a quarter of a minute each: the API is left alone for ten minutes
        await service.sync.turn()
    assert calls(service) == before + 1
    assert await troubles(service) == [code]
    service.clock.still.advance(1200)
    await service.work()
    assert await troubles(service) == []
    assert await reasons(service) == [DEAR]


async def test_a_need_that_is_wanted_again_during_its_fetch_is_fetched_again(service: Connected) -> None:
    await service.work()
    await lost(service, None)
    fetcher = service.sync._fetcher
    due = await fetcher.due()
    assert [wanted.need.entity for wanted in due] == ["deal"]
    (deal_id,) = service.vendor.office.deals
    await service.postman.tell(service.vendor.office.edit_deal(deal_id, amount=100))
    await fetcher.fetch(due)
    service.clock.still.advance(10)
    (left,) = [row for row in await wanted(service) if row.need.entity == "deal"]
    assert left.need == Need("deal", str(deal_id))
    assert left.wanted_by > due[0].wanted_by
    await service.work()
    assert await wanted(service, DAY_SECONDS) == []


async def test_a_name_that_the_crm_does_not_have_is_asked_for_again_after_a_day(service: Connected) -> None:
    await service.work()
    before = asked(service, "users")
    await want(service, NOBODY)
    await service.work()
    assert asked(service, "users") == before + 1
    for _ in range(23):
        service.clock.still.advance(HOUR_SECONDS)
        assert await service.sync._fetcher.due() == []
    service.clock.still.advance(HOUR_SECONDS)
    assert [wanted.need for wanted in await service.sync._fetcher.due()] == [NOBODY]
    service.vendor.office.managers[99] = "Пётр"  # type: ignore[index]  # a dict, in truth
    await service.work()
    assert await wanted(service, 2 * DAY_SECONDS) == []


async def test_what_the_api_cannot_tell_is_not_asked_for_again_and_again(service: Connected) -> None:
    class Silent(AmoCRMApi):
        def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
            return None

    await service.work()
    await want(service, NOBODY)
    service.sync._crm.api = Silent()
    before = calls(service)
    await service.sync.turn()
    assert calls(service) == before
    assert await wanted(service, NAMELESS_WAIT / SECOND - 10) == []
    assert [due.need for due in await wanted(service, NAMELESS_WAIT / SECOND + 10)] == [NOBODY]


async def test_an_answer_that_is_not_understood_settles_nothing(
    service: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hindrance(_request: Request) -> Response:
        return HTMLResponse("<html>Maintenance</html>")

    await service.work()
    await lost(service, DEAR)
    monkeypatch.setattr(service.vendor, "hindrance", hindrance)
    await service.sync.turn()
    assert await service.quarantined() == []
    assert await wanted(service) == []
    assert await wanted(service, 5) != []
    monkeypatch.undo()
    service.clock.still.advance(5)
    await service.work()
    assert await reasons(service) == [DEAR]


async def test_the_same_answer_again_settles_the_need_that_came_after_it(service: Connected) -> None:
    await service.work()
    await want(service, NOBODY)
    service.vendor.office.managers[99] = "Пётр"  # type: ignore[index]  # a dict, in truth
    fetcher = service.sync._fetcher
    due = await fetcher.due()
    first = await fetcher.answers([NOBODY], "answer")
    assert first is not None
    again = await fetcher.answers([NOBODY], "answer", due)
    assert again is not None
    assert [answer.outcome.status for answer in (*first.answers, *again.answers)] == ["applied", "duplicate"]
    assert await wanted(service, DAY_SECONDS) == []
