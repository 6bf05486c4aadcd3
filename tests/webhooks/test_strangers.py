"""What strangers may cost: no body is read that the head disproves, and bodies and guesses have budgets."""

from __future__ import annotations

import asyncio
import base64
import logging
import tracemalloc
from collections.abc import Coroutine
from typing import Any, ClassVar, Final

import pytest

from service.adapters.standard.signature import MAX_SIGNATURES
from service.brake import BURST
from service.model import SECOND, earlier
from service.webhooks.body import MAX_BODY
from service.webhooks.budget import ADDRESS_BYTES, STRANGER_BYTES
from tests.adapters.hubspot.posts import signed as hubspot_signed
from tests.adapters.posts import NOW, TOKEN, signed
from tests.webhooks.wire import FORM, LEAD, Answer, Service, Wire, assert_problem, chunks

MIB: Final = 2**20
LATE: Final = earlier(NOW, 301 * SECOND)
FORMED: Final = f"v1,{'A' * 43}="
GONE: Final = '{"type":"deal.deleted","timestamp":"2026-11-23T09:00:00Z","data":{"id":"42"}}'
JSON: Final = {"content-type": "application/json"}


def basic(credentials: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


DISPROVED: Final[dict[str, tuple[str, dict[str, str], str, str]]] = {
    "standard, nothing": ("office", {}, "", "headers"),
    "standard, stale": ("office", signed("", at=LATE), "", "stale"),
    "standard, no signature": ("office", {**signed(""), "webhook-signature": "v1,AAAA"}, "", "signature"),
    "standard, too many": (
        "office",
        {**signed(""), "webhook-signature": " ".join([FORMED] * (MAX_SIGNATURES + 1))},
        "",
        "signature",
    ),
    "amocrm": ("amo", {}, "token=a-guess", "token"),
    "hubspot, nothing": ("hub", {}, "", "headers"),
    "hubspot, stale": ("hub", hubspot_signed(b"", at=LATE), "", "stale"),
    "hubspot, no signature": (
        "hub",
        {**hubspot_signed(b""), "x-hubspot-signature-v3": "AAAA"},
        "",
        "signature",
    ),
    "hubspot v1": ("hub1", {"x-hubspot-signature": "abc"}, "", "signature"),
    "pipedrive, nothing": ("pipe", {}, "", "headers"),
    "pipedrive": ("pipe", basic("crm:a-guess"), "", "token"),
}


@pytest.mark.parametrize("name", DISPROVED)
def test_a_request_that_its_head_disproves_is_refused_before_its_body_is_read(name: str) -> None:
    account_id, headers, query, cause = DISPROVED[name]
    service = Service()
    content_type = FORM if account_id == "amo" else "application/json"
    wire = service.call(
        Wire(chunks(b"x", complete=False), then_hang=True),
        account_id,
        headers={"content-type": content_type, **headers},
        query=query,
    )
    assert_problem(wire.answer(), 401)
    assert wire.answer().headers["connection"] == "close"
    assert wire.read == 0
    assert service.refused == [(account_id, cause)]


def unfinished(size: int = MAX_BODY - 1, piece: int = MIB) -> Wire:
    """A body whose last byte never comes."""
    pieces = [bytes(piece)] * (size // piece) + [bytes(size % piece)]
    return Wire(chunks(*pieces, complete=False), then_hang=True)


class Crowd:
    """Requests that are served at once."""

    def __init__(self) -> None:
        self.service = Service()
        self.wires: list[Wire] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def send(self, wire: Wire, *arguments: Any, **named: Any) -> Wire:
        """Begin a request, and let everything go on as far as it can."""
        self.wires.append(wire)
        self._tasks.append(asyncio.create_task(self.service.serve(wire, *arguments, **named)))
        for _ in range(5):
            await asyncio.sleep(0)
        return wire

    async def strangers(self, number: int, account_id: str = "office", declared: bool = True) -> None:
        """Unfinished bodies of which nobody can know yet whether they are authentic."""
        headers = {**JSON, **signed("")} | ({"content-length": str(MAX_BODY)} if declared else {})
        for _ in range(number):
            await self.send(unfinished(piece=MIB // 4), account_id, headers=headers)

    def refused(self) -> list[Answer]:
        """What those got that are over."""
        return [wire.answer() for wire in self.wires if wire.sent]

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_strangers_hold_a_bounded_number_of_bytes_and_an_honest_webhook_is_answered_meanwhile() -> None:
    async def scenario() -> None:
        crowd = Crowd()
        tracemalloc.start()
        await crowd.strangers(80)
        await crowd.strangers(80, declared=False)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * ADDRESS_BYTES
        refusals = crowd.refused()
        assert len(refusals) > 160 - ADDRESS_BYTES // (MIB - 1)
        for refusal in refusals:
            assert_problem(refusal, 503)
            assert refusal.headers["retry-after"]
            assert refusal.headers["connection"] == "close"
        signed_one = await crowd.send(Wire(chunks(GONE.encode())), headers={**JSON, **signed(GONE)})
        assert signed_one.answer().status == 200
        lead = Wire(chunks(LEAD))
        await crowd.send(lead, "amo", headers={"content-type": FORM}, query=f"token={TOKEN}")
        assert lead.answer().status == 200
        await crowd.leave()
        assert crowd.service.endpoint._receiver._budget.size == 0

    run(scenario())


@pytest.mark.parametrize("declared", [True, False])
def test_strangers_of_one_account_displace_nobody_of_another(declared: bool) -> None:
    async def scenario() -> None:
        crowd = Crowd()
        slow = Wire(chunks(GONE.encode(), complete=False), then_hang=True)
        await crowd.send(slow, "quiet", headers={**JSON, **signed(GONE), "content-length": "500"})
        await crowd.strangers(2 * STRANGER_BYTES // MIB, declared=declared)
        assert crowd.refused()
        assert not slow.sent
        await crowd.leave()

    run(scenario())


def test_a_body_whose_sender_is_proven_by_its_head_is_no_strangers() -> None:
    async def scenario() -> None:
        crowd = Crowd()
        proven = unfinished()
        headers = {"content-type": FORM, "content-length": str(MAX_BODY)}
        await crowd.send(proven, "amo", headers=headers, query=f"token={TOKEN}")
        await crowd.strangers(2 * STRANGER_BYTES // MIB)
        assert not proven.sent
        await crowd.leave()

    run(scenario())


class Piece(bytes):
    """A piece of a body, which counts how many of them are kept."""

    kept: ClassVar[set[int]] = set()

    def __init__(self, *_: object) -> None:
        self.kept.add(id(self))

    def __del__(self) -> None:
        self.kept.discard(id(self))


def test_the_pieces_of_a_body_are_not_kept_because_small_ones_weigh_more_than_they_hold() -> None:
    async def scenario() -> None:
        crowd = Crowd()
        pieces = ({"type": "http.request", "body": Piece(b"x"), "more_body": True} for _ in range(1_000))
        await crowd.send(Wire(pieces, then_hang=True), headers={**JSON, **signed("")})
        assert crowd.wires[0].read == 1_000
        assert len(Piece.kept) <= 1
        await crowd.leave()

    run(scenario())


def test_who_guesses_is_told_to_wait_and_nobody_else_is() -> None:
    service = Service()
    guesses = [service.post_lead(f"token=guess-{number}") for number in range(BURST + 3)]
    assert [answer.status for answer in guesses] == [401] * BURST + [429] * 3
    assert_problem(guesses[-1], 429)
    assert int(guesses[-1].headers["retry-after"]) > 0
    assert guesses[-1].headers["connection"] == "close"
    assert service.counted.results[-1] == ("amo", "braked")
    assert service.failed[BURST - 1 :] == [("amo", "token", False)] + [("amo", "token", True)] * 3
    assert service.post_lead("token=a-guess", client="203.0.113.9").status == 401
    assert service.post_lead().status == 200
    assert service.post(GONE, webhook_signature=FORMED).status == 429
    assert service.post(GONE).status == 200


def test_a_right_proof_is_never_charged() -> None:
    service = Service()
    for _ in range(2 * BURST):
        assert service.post_lead().status == 200
        assert service.post(GONE).status == 200
    assert service.failed == []
    assert service.post_lead("token=a-guess").status == 401


def test_the_log_names_account_and_cause_once_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    with caplog.at_level(logging.DEBUG):
        answers = [service.post_lead("token=nearly-the-secret") for _ in range(50)]
    assert [record.getMessage() for record in caplog.records if record.name == "service.brake"] == [
        f"amo: a request from 127.0.0.1 is not authentic: token ({answers[0].headers['lossboard-delivery']})"
    ]
    assert "nearly" not in caplog.text
