"""The postman: what arrives, in which order, and what the vendor's rules make of a refusal."""

from __future__ import annotations

import asyncio
from random import Random
from typing import ClassVar

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.crm import LeakyBucket, Settings, SimulatedCRM, Webhook, Window
from service.demo.office import Event, Office
from tests.demo.clock import StillClock
from tests.demo.postman import NO_FAULTS, Faults, Postman, through


class PlainVendor(SimulatedCRM):
    """Posts the number of the deal; gives up on the service after three refusals."""

    retries: ClassVar[tuple[float, ...]] = (60.0, 300.0)
    kind = "plain"
    failures = 0

    def routes(self) -> list[Route]:
        return [Route("/deals", lambda _: JSONResponse(list(self.office.deals)))]

    def refusal(self, request: Request) -> Response | None:
        return None if "authorization" in request.headers else Response(status_code=401)

    def too_many(self) -> Response:
        return Response(status_code=429)

    def failure(self, status: int) -> Response:
        return Response(status_code=status)

    def webhooks(self, event: Event) -> list[Webhook]:
        return [Webhook((event,), {"content-type": "text/plain"}, {"token": "t"}, str(event.id).encode())]

    def settings(self) -> Settings:
        return {}

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        return Webhook(
            webhook.events, {**webhook.headers, "attempt": str(attempt)}, webhook.query, webhook.body
        )

    def answered(self, webhook: Webhook, attempt: int, status: int | None) -> None:
        self.failures += status != 200
        self.disabled = self.failures >= 3


class Service:
    """What the service got, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.status = 200

    async def deliver(self, webhook: Webhook) -> int:
        if not self.status:
            raise httpx.ConnectError("nobody is there")
        self.got.append((webhook.body.decode(), webhook.headers["attempt"]))
        return self.status


def story(faults: Faults, deals: int, seed: int = 1) -> tuple[list[int], list[int], Postman]:
    """Deals in the order in which they were made, those that arrived, and the postman."""
    office, service = Office(StillClock()), Service()
    vendor = PlainVendor(office, Window(1))
    postman = Postman(vendor, service.deliver, Random(seed), faults)

    async def run() -> None:
        for _ in range(deals):
            await postman.tell(office.add_deal("x", 0, None, 31, 11))
        await postman.flush()

    asyncio.run(run())
    assert postman.waiting == 0
    return list(office.deals), [int(body) for body, _ in service.got], postman


def test_without_faults_everything_arrives_once_and_in_order() -> None:
    made, arrived, postman = story(NO_FAULTS, 50)
    assert arrived == made
    assert (postman.posted, postman.lost) == (50, [])


def test_faults_are_as_frequent_as_was_asked_for_and_the_lost_are_known() -> None:
    made, arrived, postman = story(Faults(), 2000)
    missing = set(made) - set(arrived)
    assert {("deal", each) for each in missing} == postman.untold
    assert 60 <= len(missing) <= 140
    assert 140 <= len(arrived) - len(set(arrived)) <= 260
    firsts = list(dict.fromkeys(arrived))
    overtaken = sum(max(firsts[:n], default=0) > each for n, each in enumerate(firsts))
    assert 180 <= overtaken <= 420


def test_neighbours_change_places() -> None:
    made, arrived, _ = story(Faults(0.0, 0.0, 0.0, 0.3), 200)
    assert arrived != made
    assert sorted(arrived) == made
    assert all(abs(arrived.index(each) - n) <= 6 for n, each in enumerate(made))


@pytest.mark.parametrize("status", [503, 0])
def test_a_refused_webhook_is_posted_again_as_the_vendor_documents_it_and_then_lost(status: int) -> None:
    clock, service = StillClock(), Service()
    office = Office(clock)
    postman = Postman(PlainVendor(office, Window(1)), service.deliver, Random(1))

    async def run() -> None:
        service.status = status
        deal = office.add_deal("x", 0, None, 31, 11)
        await postman.tell(deal)
        clock.advance(59)
        await postman.retry()
        assert (postman.posted, postman.waiting) == (1, 1)
        clock.advance(1)
        service.status = 200
        await postman.retry()
        assert service.got[-1] == (str(deal.id), "1")
        assert (postman.refused, postman.waiting, postman.lost) == (1, 0, [])

    asyncio.run(run())


def test_a_disabled_webhook_tells_nothing_any_more() -> None:
    clock, service = StillClock(), Service()
    office = Office(clock)
    vendor = PlainVendor(office, Window(1))
    postman = Postman(vendor, service.deliver, Random(1))

    async def run() -> None:
        service.status = 500
        await postman.tell(office.add_deal("x", 0, None, 31, 11))
        for pause in (60, 300):
            clock.advance(pause)
            await postman.retry()
        assert vendor.disabled
        await postman.tell(office.add_deal("y", 0, None, 31, 11))
        assert postman.posted == 3
        assert [webhook.body for webhook in postman.lost] == [str(each).encode() for each in office.deals]

    asyncio.run(run())


def test_a_client_delivers_over_http() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    async def run() -> int:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            deliver = through(client, "http://board.example/webhooks/office")
            return await deliver(Webhook((), {"content-type": "text/plain"}, {"token": "a b"}, b"body"))

    assert asyncio.run(run()) == 204
    assert (seen[0].url.path, dict(seen[0].url.params)) == ("/webhooks/office", {"token": "a b"})
    assert (seen[0].content, seen[0].headers["content-type"]) == (b"body", "text/plain")


def test_the_door_fails_on_demand_and_counts() -> None:
    clock = StillClock()
    vendor = PlainVendor(Office(clock), Window(2))

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app=vendor.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://crm.example") as client:
            found = [(await client.get("/deals")).status_code]
            client.headers["authorization"] = "Bearer x"
            vendor.fail_next(1, 500)
            found += [(await client.get("/deals")).status_code for _ in range(4)]
            vendor.down = True
            found.append((await client.get("/deals")).status_code)
            vendor.down = False
            clock.advance(1)
            return [*found, (await client.get("/deals")).status_code]

    assert asyncio.run(run()) == [401, 500, 200, 200, 429, 502, 200]
    assert vendor.requests == {"GET /deals": 7}
    assert vendor.statuses == {200: 3, 401: 1, 429: 1, 500: 1, 502: 1}


def test_a_leaky_bucket_takes_a_burst_and_then_what_drains() -> None:
    bucket = LeakyBucket(50, 2.0)
    assert [bucket.take(100.0) for _ in range(51)] == [True] * 50 + [False]
    assert [bucket.take(101.0) for _ in range(3)] == [True, True, False]
    assert bucket.take(1000.0)
