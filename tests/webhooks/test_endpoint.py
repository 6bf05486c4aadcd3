"""What the webhook endpoint answers."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from service.adapters.standard.adapter import StandardAdapter
from service.brake import Brake
from service.ledger.database.errors import Unavailable
from service.ledger.write.outcome import Outcome, Overloaded
from service.model import Decoded, earlier
from service.webhooks.body import MAX_BODY
from service.webhooks.endpoint import MAX_ERRORS, WebhookEndpoint
from service.webhooks.receiver import LARGE
from tests.adapters.posts import NOW, TOKEN, signed
from tests.webhooks.wire import (
    ACCOUNTS,
    FORM,
    LEAD,
    Counted,
    FakeWriter,
    Service,
    StoppedClock,
    Wire,
    assert_problem,
    chunks,
)

GONE = '{"type":"deal.deleted","timestamp":"2026-11-23T09:00:00Z","data":{"id":"42"}}'
TASK = '{"id": "t1"}'
BAD = '{"type":"deal.deleted","timestamp":"2026-11-23T09:00:00Z","data":{"id":""}}'


def test_a_committed_delivery_is_answered_200_with_its_numbers() -> None:
    service = Service()
    answer = service.post(GONE)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.json() == {"status": "applied", "delivery": 7, "seq": 12, "errors": []}
    assert service.counted.results == [("office", "applied")]


def test_the_writer_gets_the_raw_body_and_only_the_headers_that_decoding_needs() -> None:
    service = Service()
    service.post(GONE, authorization="Bearer x", user_agent="crm")
    (delivery,) = service.writer.deliveries
    assert (delivery.account, delivery.received_at, delivery.body) == ("office", NOW, GONE.encode())
    assert delivery.headers == {"webhook-id": "msg_1"}
    assert [change.id for change in delivery.decoded.changes] == ["42"]


def test_every_answer_has_the_delivery_s_id_and_so_does_the_log(caplog: pytest.LogCaptureFixture) -> None:
    service = Service(FakeWriter(Outcome("applied", 7, 12)))
    with caplog.at_level(logging.DEBUG, "service"):
        answers = [
            service.post(GONE),
            service.post(GONE, webhook_signature="v1,x"),
            service.post("x" * 2**21),
        ]
        answers += [service.call(Wire([]), "nobody").answer(), service.call(Wire([]), method="HEAD").answer()]
    ids = [answer.headers["lossboard-delivery"] for answer in answers]
    assert ids[0] == "office/7"
    assert len(set(ids)) == len(ids)
    assert all(name.startswith("refused-") for name in ids[1:])
    told = [vars(record).get("delivery") for record in caplog.records if record.name.startswith("service")]
    assert told == [ids[0], ids[1], *ids[1:]]  # a failed proof is told besides
    assert {vars(record).get("account") for record in caplog.records if "refused-" in record.message} == {
        "office",
        None,
    }


@pytest.mark.parametrize("status", ["duplicate", "quarantined"])
def test_a_duplicate_and_a_quarantined_delivery_are_answered_200_too(status: Any) -> None:
    service = Service(FakeWriter(Outcome(status, 3, 4)))
    assert service.post(GONE).json() == {"status": status, "delivery": 3, "seq": 4, "errors": []}
    assert service.counted.results == [("office", status)]


def test_what_was_not_decoded_is_told_in_the_answer() -> None:
    service = Service(FakeWriter(Outcome("quarantined", 3, 4)))
    assert service.post(f"[{GONE},{BAD}]").json()["errors"] == [{"part": 1, "error": "an id is empty"}]


def test_the_answer_tells_a_bounded_number_of_errors() -> None:
    service = Service()
    errors = service.post(f"[{','.join([BAD] * (MAX_ERRORS + 1))}]").json()["errors"]
    assert [error["part"] for error in errors] == list(range(MAX_ERRORS))
    assert len(service.writer.deliveries[0].decoded.rejections) == MAX_ERRORS + 1


def test_an_authentic_body_that_is_no_json_is_stored() -> None:
    service = Service(FakeWriter(Outcome("quarantined", 1, 1)))
    answer = service.post("deal=lost")
    assert (answer.status, len(answer.json()["errors"])) == (200, 1)
    assert service.writer.deliveries[0].body == b"deal=lost"


def test_an_amocrm_lead_is_taken_with_the_token_in_the_address() -> None:
    service = Service()
    assert service.post_lead().status == 200
    (delivery,) = service.writer.deliveries
    assert delivery.decoded.changes[0].id == "5000102"
    assert service.counted.results == [("amo", "applied")]


def test_of_a_repeated_parameter_the_first_counts() -> None:
    assert Service().post_lead(f"token={TOKEN}&token=x").status == 200
    assert_problem(Service().post_lead(f"token=x&token={TOKEN}"), 401)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_answered_405(method: str) -> None:
    service = Service()
    answer = service.call(Wire([]), method=method).answer()
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert service.counted.results == [("office", "wrong_method")]


def test_head_is_answered_without_a_body() -> None:
    answer = Service().call(Wire([]), method="HEAD").answer()
    assert (answer.status, answer.body) == (405, b"")


def test_an_unknown_account_is_answered_404_and_is_no_label_of_a_metric() -> None:
    service = Service()
    assert_problem(service.call(Wire([]), "nobody").answer(), 404)
    assert service.counted.results == [("", "no_account")]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", FORM, "application/jsonx", "application/problem+json", "application/cloudevents+avro"],
)
def test_another_content_type_is_answered_415(content_type: str) -> None:
    service = Service()
    answer = service.call(Wire([]), headers={"content-type": content_type}).answer()
    assert_problem(answer, 415)
    assert "application/json" in answer.json()["detail"]
    assert service.counted.results == [("office", "wrong_type")]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        " application/json ;",
        "application/cloudevents+json; charset=UTF-8",
        "application/cloudevents-batch+json",
    ],
)
def test_parameters_of_the_content_type_are_tolerated(content_type: str) -> None:
    assert Service().post(GONE, content_type=content_type).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_answered_415(encoding: str) -> None:
    service = Service()
    assert_problem(service.post(GONE, content_encoding=encoding), 415)
    assert not service.writer.deliveries
    assert Service().post(GONE, content_encoding="identity").status == 200


JSON = {"content-type": "application/json", **signed("")}


@pytest.mark.parametrize("length", [str(MAX_BODY + 1), "9" * 5000])
def test_a_body_that_says_it_is_too_large_is_not_read(length: str) -> None:
    service = Service()
    wire = service.call(Wire(chunks(b"x")), headers={**JSON, "content-length": length})
    assert_problem(wire.answer(), 413)
    assert wire.answer().headers["connection"] == "close"
    assert wire.read == 0
    assert service.counted.results == [("office", "too_large")]


def test_reading_stops_at_the_largest_size() -> None:
    half = b"x" * (MAX_BODY // 2)
    wire = Service().call(
        Wire(chunks(half, half, b"x", half, half)), headers={**JSON, "content-length": "-1"}
    )
    assert_problem(wire.answer(), 413)
    assert wire.read == 3


def test_a_body_of_exactly_the_largest_size_is_taken_in_chunks() -> None:
    service = Service()
    body = GONE + " " * (MAX_BODY - len(GONE))
    parts = [body[start : start + 300_000].encode() for start in range(0, MAX_BODY, 300_000)]
    headers = {**JSON, **signed(body), "content-length": str(MAX_BODY)}
    assert service.call(Wire(chunks(*parts)), headers=headers).answer().status == 200
    assert len(service.writer.deliveries[0].body) == MAX_BODY


def test_a_large_body_is_decoded_like_a_small_one() -> None:
    service = Service()
    body = f"[{','.join([GONE] * 900)}]"
    assert len(body) > LARGE
    assert service.post(body).status == 200
    assert len(service.writer.deliveries[0].decoded.changes) == 900


def test_a_body_that_came_with_its_head_is_proven_like_any_other_and_waits_for_nothing() -> None:
    service = Service()
    for body, status in ((GONE, 200), (GONE + " ", 401)):
        wire = service.call(Wire([]), headers={**JSON, **signed(GONE)}, arrived=body.encode())
        assert wire.answer().status == status
    assert [delivery.body for delivery in service.writer.deliveries] == [GONE.encode()]
    assert service.refused == [("office", "signature")]


def test_a_body_that_is_too_slow_is_answered_408() -> None:
    service = Service(body_seconds=0)
    wire = service.call(Wire(chunks(b"x", complete=False), then_hang=True), headers=JSON)
    assert_problem(wire.answer(), 408)
    assert wire.answer().headers["connection"] == "close"
    assert service.counted.results == [("office", "too_slow")]


def test_a_client_that_leaves_is_not_answered_and_nothing_is_stored() -> None:
    service = Service()
    messages = [*chunks(GONE.encode(), complete=False), {"type": "http.disconnect"}]
    wire = service.call(Wire(messages), headers={**JSON, **signed(GONE)})
    assert wire.sent == []
    assert not service.writer.deliveries
    assert service.counted.results == [("office", "disconnected")]


def test_whatever_is_wrong_with_a_request_the_answer_is_the_same() -> None:
    service = Service()
    stale = signed(GONE, at=earlier(NOW, 301 * 1_000_000))
    answers = [
        service.post(GONE, webhook_signature="v1,AAAA"),
        service.post(GONE, **{name.replace("-", "_"): value for name, value in stale.items()}),
        service.post(GONE, webhook_id=""),
        service.post_lead("token=wrong"),
        service.post_lead(""),
    ]
    for answer in answers:
        assert_problem(answer, 401)
        del answer.headers["lossboard-delivery"]
        assert answer == answers[0]
    assert "www-authenticate" in answers[0].headers
    assert not service.writer.deliveries
    assert service.counted.results == [
        ("office", "not_authentic_signature"),
        ("office", "not_authentic_stale"),
        ("office", "not_authentic_headers"),
        ("amo", "not_authentic_token"),
        ("amo", "not_authentic_token"),
    ]
    causes = [cause for _, cause in service.refused]
    assert causes == ["signature", "stale", "headers", "token", "token"]


def test_a_full_queue_is_answered_503_with_the_writers_own_patience() -> None:
    service = Service(FakeWriter(refusal=Overloaded(3)))
    answer = service.post(GONE)
    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "3"
    assert service.counted.results == [("office", "overloaded")]


def test_a_database_that_is_away_is_answered_503() -> None:
    service = Service(FakeWriter(Unavailable()))
    answer = service.post(GONE)
    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert service.counted.results == [("office", "unavailable")]


@pytest.fixture
def defective(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: StandardAdapter, request: object, account: object) -> Decoded:
        raise ZeroDivisionError("a client's name")

    monkeypatch.setattr(StandardAdapter, "decode", fail)


@pytest.mark.usefixtures("defective")
def test_a_defect_of_an_adapter_quarantines_the_delivery_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service(FakeWriter(Outcome("quarantined", 1, 1)))
    answer = service.post(GONE)
    assert answer.status == 200
    (rejection,) = service.writer.deliveries[0].decoded.rejections
    assert "ZeroDivisionError" in rejection.detail
    assert service.writer.deliveries[0].body == GONE.encode()
    assert "ZeroDivisionError" in caplog.text
    assert "a client's name" not in caplog.text + answer.body.decode()


def test_a_defect_of_the_service_is_answered_500_and_left_to_the_server_to_log() -> None:
    service, wire = Service(FakeWriter(RuntimeError("a client's name"))), Wire(chunks(GONE.encode()))
    with pytest.raises(RuntimeError):
        service.call(wire, headers={**JSON, **signed(GONE)})
    assert_problem(wire.answer(), 500)
    assert b"name" not in wire.answer().body


def test_nothing_secret_is_logged_or_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = Service()
    answers = [
        service.post_lead(),
        service.post_lead(f"token={TOKEN}x"),
        service.post(GONE),
        service.post("x"),
    ]
    output = caplog.text + "".join(f"{answer.headers}{answer.body!r}" for answer in answers)
    for secret in (TOKEN, signed(GONE)["webhook-signature"], "Абонемент"):
        assert secret not in output
    assert TOKEN not in repr(service.writer.deliveries)


async def test_it_can_be_mounted_as_a_starlette_route() -> None:
    app = Starlette(routes=[Route("/webhooks/{account}", Service().endpoint)])
    headers, transport = {"content-type": FORM}, httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://board", headers=headers) as client:
        applied = await client.post(f"/webhooks/amo?token={TOKEN}", content=LEAD)
        assert (applied.status_code, applied.json()["status"]) == (200, "applied")
        assert (await client.put("/webhooks/amo", content=LEAD)).status_code == 405
        assert (await client.post("/webhooks/nobody", content=LEAD)).status_code == 404


def test_an_account_of_a_kind_without_an_adapter_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.webhooks.decoding.ADAPTERS", {})
    with pytest.raises(KeyError, match="standard"):
        WebhookEndpoint(ACCOUNTS, FakeWriter(), StoppedClock(), Counted(), Brake(StoppedClock()))
