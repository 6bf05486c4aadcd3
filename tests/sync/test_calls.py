"""Calls: the meaning of each status, faults of the network, the pace; and that no secret is ever logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Final

import httpx
import pytest

from service.adapters import ADAPTERS
from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.api import ANSWERED, JUNK, Answer, Call, Meaning, Verdict, busy, refused
from service.config import Account, Api, Secret
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.office import Office
from service.ledger.write.syncs import LEASE
from service.model import SECOND
from service.sync import client as client_module
from service.sync.client import CallResult, Client
from tests.demo.clock import START, StillClock
from tests.sync.connected import WaitingClock, connected
from tests.sync.crms import CRMS

LEADS: Final = Call("leads", "/api/v4/leads", (("filter[id][]", "1"), ("filter[id][]", "2")))
SECRET: Final = "9f2c-very-secret-8a1b"


@dataclass
class Calling:
    """An account's client, and what it sends."""

    answer: Callable[[httpx.Request], httpx.Response]
    api: Api = field(default_factory=lambda: Api(Secret(SECRET), "https://zerno.amocrm.example"))
    sent: list[httpx.Request] = field(default_factory=list)
    meanings: list[Meaning] = field(default_factory=list)
    clock: StillClock = field(default_factory=StillClock)

    async def send(self, *calls: Call) -> list[CallResult]:
        """Send calls, one after another."""

        def received(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            return self.answer(request)

        async with httpx.AsyncClient(transport=httpx.MockTransport(received)) as http:
            clock = WaitingClock(self.clock)
            client = Client(self.account, AmoCRMApi(), http, clock, self.meanings.append)
            return [await client.send(call) for call in calls]

    @property
    def account(self) -> Account:
        """The account whose API is called."""
        return replace(CRMS["amocrm"].account(AmoCRM(Office(self.clock))), api=self.api)


@pytest.mark.parametrize(
    ("status", "retry_after", "verdict"),
    [
        (200, None, JUNK),
        (204, None, ANSWERED),
        (400, None, refused("api_rejected")),
        (401, None, refused("api_token")),
        (402, None, refused("api_unpaid")),
        (403, None, refused("api_forbidden")),
        (404, None, refused("api_not_found")),
        (405, None, refused("api_rejected")),
        (409, None, busy()),
        (410, None, refused("api_not_found")),
        (422, None, refused("api_rejected")),
        (429, None, busy()),
        (477, None, refused("api_rejected")),
        (477, "60", busy(60.0)),
        (429, "7", busy(7.0)),
        (503, "120", busy(120.0)),
        (503, "Wed, 25 Nov 2026 10:00:00 GMT", busy()),
        (500, None, busy()),
        (302, None, refused("api_moved")),
    ],
)
async def test_what_a_status_means(status: int, retry_after: str | None, verdict: Verdict) -> None:
    headers = {"retry-after": retry_after} if retry_after else {}
    body = b"" if status == 204 else b"{}"  # a list without entries has no body
    calling = Calling(lambda _request: httpx.Response(status, headers=headers, content=body))
    (result,) = await calling.send(LEADS)
    assert (result.verdict, result.answer.status) == (verdict, status)
    assert calling.meanings == [verdict.meaning]


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.DecodingError]
)
async def test_a_vendor_that_is_out_of_reach_is_called_later(error: type[httpx.RequestError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise error("broken", request=request)

    (result,) = await Calling(broken).send(LEADS)
    assert (result.verdict, result.answer) == (busy(), Answer(0))


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_ANSWER", 1_000)
    body = b'{"_embedded":{"leads":[]}}'.ljust(1_000)
    (whole,) = await Calling(lambda _request: httpx.Response(200, content=body)).send(LEADS)
    (larger,) = await Calling(lambda _request: httpx.Response(200, content=body + b" ")).send(LEADS)
    assert (whole.verdict, whole.answer.body) == (ANSWERED, body)
    assert (larger.verdict, larger.answer.body) == (busy(), b"")


class Drip(httpx.AsyncByteStream):
    """A body that comes byte by byte and never ends."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0)


async def test_an_answer_that_only_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ANSWER_SECONDS", 0.05)
    (result,) = await Calling(lambda _request: httpx.Response(200, stream=Drip())).send(LEADS)
    assert (result.verdict, result.answer) == (busy(), Answer(0))


def test_a_whole_answer_takes_less_than_a_lease() -> None:
    assert client_module.TIMEOUT_SECONDS < client_module.ANSWER_SECONDS < LEASE / SECOND


async def test_a_call_proves_that_it_is_us_and_goes_nowhere_else() -> None:
    elsewhere = {"location": "https://evil.example/"}
    calling = Calling(lambda _request: httpx.Response(302, headers=elsewhere))
    await calling.send(
        LEADS, Call("webhooks", "/api/v4/webhooks", body=b"{}"), replace(LEADS, method="DELETE")
    )
    first, second, third = calling.sent
    assert first.url.path == "/api/v4/leads"
    assert first.url.params.get_list("filter[id][]") == ["1", "2"]
    assert first.headers["authorization"] == f"Bearer {SECRET}"
    assert [request.method for request in calling.sent] == ["GET", "POST", "DELETE"]
    assert (second.content, second.headers["content-type"]) == (b"{}", "application/json")
    assert "content-type" not in first.headers
    assert {request.url.host for request in calling.sent} == {"zerno.amocrm.example"}
    assert third.content == b""


async def test_calls_keep_the_vendors_pace_or_the_one_that_it_grants_this_account() -> None:
    vendors = Calling(lambda _request: httpx.Response(204))
    await vendors.send(*[LEADS] * 13)  # six a second: no second has more than the seven that are allowed
    assert vendors.clock() - START == pytest.approx(2, abs=0.01)
    own = Calling(lambda _request: httpx.Response(204))
    own.api = replace(own.api, per_second=0.5)
    await own.send(*[LEADS] * 3)  # and no larger burst
    assert own.clock() - START == pytest.approx(4, abs=0.01)


async def test_after_a_call_that_came_too_fast_there_is_no_burst() -> None:
    calling = Calling(lambda _request: httpx.Response(429))
    await calling.send(LEADS, LEADS, LEADS)
    assert calling.clock() - START == pytest.approx(2 / 6, abs=0.01)


@pytest.mark.parametrize("kind", CRMS)
async def test_no_secret_is_ever_logged(
    kind: str, sqlite_ledgers: Callable[[], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock = StillClock()
    vendor = CRMS[kind].vendor(Office(clock))
    account = CRMS[kind].account(vendor)
    assert account.api is not None
    secrets = [account.api.token.value, *(secret.value for secret in account.webhook_secrets)]
    async with connected(vendor, account, clock, sqlite_ledgers) as service:
        for status in (503, 429, 401, 404, None):
            if status is not None:
                vendor.fail_next(1, status)
            await service.sync.turn()
            clock.advance(3600)
        vendor.down = True
        await service.sync.turn()
        vendor.down = False
        await service.work()
    assert "the CRM answers" in caplog.text
    for secret in secrets:
        assert secret not in caplog.text


async def test_no_secret_is_logged_by_what_sends_the_calls(caplog: pytest.LogCaptureFixture) -> None:
    """Over a real socket, with all log lines of httpx and httpcore. Bitrix24 has its token in the path."""
    caplog.set_level(logging.DEBUG)
    paths: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        paths.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        if len(paths) == 1:
            writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        writer.close()  # the second call is not answered at all

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    api = ADAPTERS["bitrix24"].api
    assert api is not None
    account = Calling(lambda _request: httpx.Response(204)).account
    account = replace(account, api=Api(Secret(f"1/{SECRET}"), f"http://127.0.0.1:{port}"))
    async with server, httpx.AsyncClient(trust_env=False) as http:
        client = Client(account, api, http, WaitingClock(StillClock()), lambda _meaning: None)
        verdicts = [(await client.send(Call("deals", "/crm.item.list"))).verdict for _ in range(2)]
    assert verdicts == [busy(), busy()]
    assert all(SECRET.encode() in path for path in paths)
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert SECRET not in caplog.text
