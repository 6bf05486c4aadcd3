"""Posting survives what a CRM's sender must survive, and says plainly when a webhook is refused."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import httpx
import pytest

from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.crms.crm import Webhook
from service.demo.office import Event, Office
from service.demo.postman import DeliveryError, Postman, patiently
from tests.demo.clock import StillClock
from tests.demo.postman import NO_FAULTS, Faults, FaultyPostman
from tests.demo.stepping_clock import SteppingClock

APPLIED = httpx.Response(200, json={"status": "applied"})
WEBHOOK = Webhook((), {}, {}, b"account[id]=1")


class Service:
    """A stand-in; `answer` says what the nth webhook (from 1) gets."""

    def __init__(self, answer: Callable[[int], httpx.Response | Exception] = lambda _: APPLIED) -> None:
        self.answer = answer
        self.webhooks: list[Webhook] = []

    async def __call__(self, webhook: Webhook) -> httpx.Response:
        self.webhooks.append(webhook)
        answer = self.answer(len(self.webhooks))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (httpx.Response(429, headers={"retry-after": "7"}), [7.0, 7.0]),
        (httpx.Response(503), [0.0, 0.2]),
        (httpx.ConnectError("refused"), [0.0, 0.2]),
    ],
)
async def test_a_busy_service_gets_the_webhook_again_when_it_says(
    answer: httpx.Response | Exception, waits: list[float]
) -> None:
    clock, service = SteppingClock(), Service(lambda number: APPLIED if number > 2 else answer)
    assert await patiently(service, clock)(WEBHOOK) is APPLIED
    assert service.webhooks == [WEBHOOK] * 3
    assert clock.waits == waits


async def test_a_duplicate_counts_as_stored() -> None:
    service = Service(lambda _: httpx.Response(200, json={"status": "duplicate"}))
    assert (await patiently(service, SteppingClock())(WEBHOOK)).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, text="who are you"),
        httpx.Response(200, json={"status": "quarantined"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, text="hello"),
    ],
)
async def test_a_refused_webhook_is_an_error_that_shows_the_answer(answer: httpx.Response) -> None:
    service = Service(lambda _: answer)
    with pytest.raises(DeliveryError) as refused:
        await patiently(service, SteppingClock())(WEBHOOK)
    assert f"{answer.status_code} {answer.text}" in str(refused.value)
    assert len(service.webhooks) == 1


async def test_a_service_that_stays_away_is_an_error_after_a_quarter_of_a_minute() -> None:
    clock = SteppingClock()
    with pytest.raises(DeliveryError, match="ConnectError"):
        await patiently(Service(lambda _: httpx.ConnectError("refused")), clock)(WEBHOOK)
    assert 15 <= sum(clock.waits) <= 30


class Deals:
    """New deals of an office, and the postman that posts about them."""

    def __init__(self, service: Service, faults: Faults = NO_FAULTS) -> None:
        self.clock = StillClock()
        self.office = Office(self.clock)
        self.crm = AmoCRM(self.office)
        self.crm.connect("https://board.example/webhooks/office")
        self.postman = FaultyPostman(self.crm, service, Random(1), faults)

    def add(self) -> Event:
        return self.office.add_deal("Абонемент", 100, None, 31, 11)


def deal_ids(service: Service) -> list[int]:
    return [event.id for webhook in service.webhooks for event in webhook.events]


async def test_every_event_is_posted_once() -> None:
    service, counted = Service(), list[int]()
    deals = Deals(service)
    events = [deals.add() for _ in range(20)]
    await Postman(deals.crm, service).tell_all(events, counted.append)
    assert sorted(deal_ids(service)) == [event.id for event in events]
    assert sum(counted) == 20


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.ConnectError("refused")])
async def test_a_refused_webhook_is_posted_again_as_the_vendor_documents_it_and_then_lost(
    answer: httpx.Response | Exception,
) -> None:
    service = Service(lambda _: answer)
    deals = Deals(service)
    await deals.postman.tell(deals.add())
    for attempt, seconds in enumerate(deals.crm.retries, start=2):
        deals.clock.advance(seconds - 1)
        await deals.postman.retry()
        assert len(service.webhooks) == attempt - 1
        deals.clock.advance(1)
        await deals.postman.retry()
        assert len(service.webhooks) == attempt
    assert deals.postman.lost
    assert deals.postman.untold == {("deal", deal_id) for deal_id in deals.office.deals}


async def test_faults_are_as_frequent_as_asked_for_and_what_is_lost_is_known() -> None:
    service = Service()
    deals = Deals(service, Faults())
    events = [deals.add() for _ in range(2_000)]
    for event in events:
        await deals.postman.tell(event)
    await deals.postman.flush()
    arrived, lost = deal_ids(service), len(deals.postman.lost)
    assert {("deal", event.id) for event in events} - deals.postman.untold == {
        ("deal", deal_id) for deal_id in arrived
    }
    assert 60 <= lost <= 140
    assert 140 <= len(arrived) - (2_000 - lost) <= 260
    assert arrived != sorted(arrived)


async def test_a_disabled_webhook_posts_nothing_more() -> None:
    service = Service()
    deals = Deals(service)
    deals.crm.disable_webhook()
    await deals.postman.tell(deals.add())
    assert (service.webhooks, len(deals.postman.lost)) == ([], 1)
