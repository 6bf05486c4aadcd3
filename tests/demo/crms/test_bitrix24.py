"""Rules of the simulated Bitrix24 that no history proves, from the vendor's documents and captured bodies."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from service.demo.crms.bitrix24.crm import Bitrix24
from service.demo.crms.bitrix24.webhooks import EVENTS
from tests.demo.crms.simulated import Simulated, captures

REST = "/rest/31/b24webhookcode0001"
PORTAL = {
    f"auth[{name}]"
    for name in ("domain", "client_endpoint", "server_endpoint", "member_id", "application_token")
}
TOKENS = {f"auth[{name}]" for name in ("access_token", "expires_in", "scope", "status", "refresh_token")}
FIELDS = {"data[FIELDS][ID]"}
BEFORE, AFTER = "data[FIELDS_BEFORE]", "data[FIELDS_AFTER]"
ACCESS = {"data[IS_ACCESSIBLE_BEFORE]", "data[IS_ACCESSIBLE_AFTER]"}
DOCUMENTED = {event: FIELDS for event in EVENTS if "TASK" not in event} | {
    "ONTASKADD": {BEFORE, f"{AFTER}[ID]", *ACCESS},
    "ONTASKUPDATE": {f"{BEFORE}[ID]", f"{AFTER}[ID]", *ACCESS},
    "ONTASKDELETE": {f"{BEFORE}[ID]", AFTER, *ACCESS},
}
"""The fields of each event below `data`, as its page in the documents has them."""


@pytest.fixture
def bitrix24() -> Simulated[Bitrix24]:
    return Simulated(Bitrix24, lambda _: {})


async def post(bitrix24: Simulated[Bitrix24], method: str, /, **params: Any) -> Any:
    answer = await bitrix24.call(f"{REST}/{method}.json", params)
    return answer.json()


async def test_a_deal_has_the_documented_fields_and_types(bitrix24: Simulated[Bitrix24]) -> None:
    client = bitrix24.office.add_client("Иван Петров").id
    deal = bitrix24.office.add_deal("Абонемент", 518_450, client, 31, 12).id
    bitrix24.clock.advance(60)
    bitrix24.office.lose(deal, "Дорого")
    (item,) = (await post(bitrix24, "crm.item.list", entityTypeId=2))["result"]["items"]
    own = {
        "createdBy",
        "updatedBy",
        "lastActivityBy",
        "lastActivityTime",
        "comments",
        "observers",
        "sourceId",
    }
    assert {name: value for name, value in item.items() if name not in own} == {
        "id": deal,
        "createdTime": "2026-11-23T11:00:00+03:00",
        "updatedTime": "2026-11-23T11:01:00+03:00",
        "assignedById": 31,
        "opened": "Y",
        "companyId": 0,
        "contactId": client,
        "stageId": "C12:UC_R00210",
        "stageSemanticId": "F",
        "categoryId": 12,
        "title": "Абонемент",
        "typeId": "SALE",
        "opportunity": 5184.5,
        "isManualOpportunity": "Y",
        "taxValue": 0,
        "currencyId": "RUB",
        "probability": None,
        "begindate": "2026-11-23T03:00:00+03:00",
        "closedate": "2026-11-23T03:00:00+03:00",
        "closed": "Y",
        "isNew": "N",
        "isRecurring": "N",
        "movedBy": 31,
        "movedTime": "2026-11-23T11:01:00+03:00",
        "previousStageId": "C12:EXECUTING",
        "leadId": 0,
        "contactIds": [client],
        "entityTypeId": 2,
    }


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("crm.item.list", {"entityTypeId": 2, "filter": {"stage": "NEW"}}, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 2, "order": {"updated": "ASC"}}, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 2, "order": {"id": "asc"}}, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 99}, "NOT_FOUND"),
        ("tasks.task.list", {"order": {"NAME": "asc"}}, "0"),
        ("tasks.task.list", {"filter": {">=UPDATED": "2026-11-23"}}, "100"),
        ("crm.deals.list", {}, "ERROR_METHOD_NOT_FOUND"),
    ],
)
async def test_what_the_documents_do_not_know_is_refused(
    method: str, params: dict[str, Any], error: str, bitrix24: Simulated[Bitrix24]
) -> None:
    bitrix24.office.add_deal("x", 100, None, 31, 11)
    bitrix24.office.add_task("x", 31, None)
    answer = await post(bitrix24, method, **params)
    assert answer["error"] == error
    assert set(answer) == {"error", "error_description"}


async def test_pages_have_fifty_records_and_a_total_unless_nobody_counts(
    bitrix24: Simulated[Bitrix24],
) -> None:
    for number in range(120):
        bitrix24.office.add_deal(f"d{number}", 100, None, 31, 11)
    pages = [await post(bitrix24, "crm.item.list", entityTypeId=2, start=start) for start in (0, 50, 100)]
    assert [len(page["result"]["items"]) for page in pages] == [50, 50, 20]
    assert [(page.get("next"), page["total"]) for page in pages] == [(50, 120), (100, 120), (None, 120)]
    uncounted = await post(bitrix24, "crm.item.list", entityTypeId=2, start=-1)
    assert (uncounted["total"], "next" in uncounted) == (0, False)


async def test_a_batch_of_at_most_fifty_calls_is_one_request(bitrix24: Simulated[Bitrix24]) -> None:
    deal = bitrix24.office.add_deal("x", 100, None, 31, 11).id
    command = f"crm.item.list?entityTypeId=2&filter[id]={deal}&select[]=id"
    result = (await post(bitrix24, "batch", halt=0, cmd={"good": command, "bad": "no.such"}))["result"]
    assert result["result"] == {"good": {"items": [{"id": deal}]}}
    assert result["result_error"]["bad"]["error"] == "ERROR_METHOD_NOT_FOUND"
    assert (result["result_total"], result["result_next"]) == ({"good": 1}, [])
    too_many = await post(bitrix24, "batch", cmd=[command] * 51)
    assert too_many["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"
    halted = (await post(bitrix24, "batch", halt=1, cmd={"bad": "no.such", "good": command}))["result"]
    assert halted["result"] == []


async def test_only_the_code_opens_the_api(bitrix24: Simulated[Bitrix24]) -> None:
    for path, error in (("31/another/", "INVALID_CREDENTIALS"), ("", "NO_AUTH_FOUND")):
        answer = await bitrix24.call(f"/rest/{path}user.get", {})
        assert (answer.status_code, answer.json()["error"]) == (401, error)


async def test_fifty_requests_at_once_and_then_two_a_second(bitrix24: Simulated[Bitrix24]) -> None:
    statuses = [(await bitrix24.call(f"{REST}/user.get")).status_code for _ in range(51)]
    assert statuses == [200] * 50 + [503]
    bitrix24.clock.advance(1)
    assert [(await bitrix24.call(f"{REST}/user.get")).status_code for _ in range(3)] == [200, 200, 503]


async def test_a_method_that_takes_eight_minutes_of_ten_is_blocked_and_no_other(
    bitrix24: Simulated[Bitrix24],
) -> None:
    bitrix24.crm.cost = 100.0
    answers = [await post(bitrix24, "crm.item.list", entityTypeId=2) for _ in range(6)]
    assert [answer.get("error") for answer in answers] == [None] * 5 + ["OPERATION_TIME_LIMIT"]
    assert "result" in await post(bitrix24, "user.get")
    bitrix24.clock.moment = float(answers[4]["time"]["operating_reset_at"])
    assert "result" in await post(bitrix24, "crm.item.list", entityTypeId=2)


def test_bodies_have_just_the_fields_of_captured_and_documented_ones(bitrix24: Simulated[Bitrix24]) -> None:
    made: dict[str, set[str]] = {}
    for event in bitrix24.live(1200):
        for webhook in bitrix24.crm.webhooks(event):
            names = dict(parse_qsl(webhook.body.decode(), keep_blank_values=True))
            made[names["event"].upper()] = set(names) - {"event_handler_id"}
    head = {"event", "ts", *PORTAL}
    assert made == {event: names | head for event, names in DOCUMENTED.items() if event in made}
    assert made.keys() >= {"ONCRMDEALDELETE", "ONTASKDELETE", "ONCRMACTIVITYUPDATE", "ONCRMCOMPANYADD"}
    for body in captures("bitrix24"):
        names = dict(parse_qsl(body.decode(), keep_blank_values=True))
        event_name = names["event"].upper()
        if "COMMENT" not in event_name:
            assert set(names) - TOKENS - {"event_handler_id"} == made[event_name]


def test_a_webhook_is_dated_when_it_is_posted(bitrix24: Simulated[Bitrix24]) -> None:
    (webhook,) = bitrix24.crm.webhooks(bitrix24.office.add_deal("x", 100, None, 31, 11))
    bitrix24.clock.advance(900)
    names = dict(parse_qsl(bitrix24.crm.outgoing(webhook, 0).body.decode()))
    assert names["ts"] == str(int(bitrix24.clock()))
