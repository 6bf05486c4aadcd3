"""Rules of the simulated Bitrix24 that no history proves, from the vendor's documents and captured bodies."""

from __future__ import annotations

from functools import partial
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
    return Simulated(partial(Bitrix24, classic=False), lambda _: {})


@pytest.fixture
def classic() -> Simulated[Bitrix24]:
    """A portal with leads."""
    return Simulated(Bitrix24, lambda _: {})


async def post(bitrix24: Simulated[Bitrix24], method: str, /, **params: Any) -> Any:
    answer = await bitrix24.call(f"{REST}/{method}.json", params)
    return answer.json()


async def test_a_deal_has_the_documented_fields_and_types(bitrix24: Simulated[Bitrix24]) -> None:
    client = bitrix24.office.add_client("Иван Петров").id
    deal = bitrix24.office.add_deal("Абонемент", 518_450, client, 31, 12).id
    bitrix24.clock.advance(60)
    bitrix24.office.lose(deal, "Дорого")
    template, item = (await post(bitrix24, "crm.item.list", entityTypeId=2))["result"]["items"]
    assert template == {**item, "id": 7, "isRecurring": "Y"}
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
        ("crm.stagehistory.list", {"entityTypeId": 3}, "ENTITY_TYPE_NOT_SUPPORTED"),
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
    assert [len(page["result"]["items"]) for page in pages] == [50, 50, 21]
    assert [(page.get("next"), page["total"]) for page in pages] == [(50, 121), (100, 121), (None, 121)]
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


async def test_a_lead_is_a_record_of_its_own_in_the_classic_mode(classic: Simulated[Bitrix24]) -> None:
    deals = [classic.office.add_deal(f"d{n}", 70_000, None, 31, 12).id for n in range(5)]
    (lead,) = (await post(classic, "crm.item.list", entityTypeId=1))["result"]["items"]
    assert lead["id"] == 70005
    assert (lead["stageId"], lead["stageSemanticId"], lead["opportunity"]) == ("IN_PROCESS", "P", 700)
    assert not lead.keys() & {"categoryId", "previousStageId", "isRecurring"}
    items = (await post(classic, "crm.item.list", entityTypeId=2))["result"]["items"]
    assert {item["id"] for item in items} == {7, *deals} - {70005}
    (webhook,) = classic.crm.webhooks(classic.office.win(70005))
    assert b"event=ONCRMLEADUPDATE" in webhook.body
    (lead,) = (await post(classic, "crm.item.list", entityTypeId=1))["result"]["items"]
    assert (lead["stageId"], lead["stageSemanticId"]) == ("CONVERTED", "S")
    statuses = await post(classic, "crm.status.list", filter={"ENTITY_ID": "STATUS", "SEMANTICS": "F"})
    assert {row["STATUS_ID"] for row in statuses["result"]} >= {"JUNK", "UC_R00210"}


async def test_the_history_has_each_stage_that_a_deal_was_in(classic: Simulated[Bitrix24]) -> None:
    for n in range(5):
        classic.office.add_deal(f"d{n}", 100, None, 31, 12)
    classic.clock.advance(60)
    for deal in (70004, 70005):
        classic.office.lose(deal, "Дорого")
        classic.office.edit_deal(deal, pipeline_id=11)
    moves = await post(classic, "crm.stagehistory.list", entityTypeId=2, filter={"OWNER_ID": 70004})
    assert moves["result"]["items"][1:] == [
        {
            "ID": id,
            "TYPE_ID": kind,
            "OWNER_ID": 70004,
            "CREATED_TIME": "2026-11-23T11:01:00+03:00",
            "CATEGORY_ID": pipeline,
            "STAGE_SEMANTIC_ID": "F",
            "STAGE_ID": f"C{pipeline}:UC_R00210",
        }
        for id, kind, pipeline in ((6, 3, 12), (7, 5, 11))
    ]
    moves = await post(classic, "crm.stagehistory.list", entityTypeId=1)
    assert [item["STATUS_ID"] for item in moves["result"]["items"]] == ["IN_PROCESS", "UC_R00210"]


async def test_an_activity_is_bound_to_the_deal_and_its_client_and_either_owns_it(
    bitrix24: Simulated[Bitrix24],
) -> None:
    client = bitrix24.office.add_client("Иван Петров").id
    deal = bitrix24.office.add_deal("x", 100, client, 31, 11).id
    tasks = [bitrix24.office.add_task("позвонить", 31, None, deal_id=deal).id for _ in range(2)]
    bitrix24.office.add_task("сдать отчёт", 31, None)
    activities = (await post(bitrix24, "crm.activity.list"))["result"]
    bindings = [
        {"OWNER_TYPE_ID": "3", "OWNER_ID": str(client)},
        {"OWNER_TYPE_ID": "2", "OWNER_ID": str(deal)},
    ]
    assert [activity["BINDINGS"] for activity in activities] == [bindings] * len(tasks)
    assert {activity["OWNER_TYPE_ID"] for activity in activities} == {"2", "3"}
    listed = (await post(bitrix24, "tasks.task.list", select=["ID", "UF_CRM_TASK"]))["result"]["tasks"]
    bound = [[f"C_{client}", f"D_{deal}"]] * 2
    assert sorted((task["ufCrmTask"] for task in listed), key=bool) == [False, *bound]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "expired_token"), (403, "PORTAL_DELETED"), (404, "ERROR_METHOD_NOT_FOUND")]
)
async def test_an_error_is_named_as_in_the_documents(
    status: int, code: str, bitrix24: Simulated[Bitrix24]
) -> None:
    bitrix24.crm.fail_next(1, status)
    answer = await bitrix24.call(f"{REST}/user.get")
    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_bodies_have_just_the_fields_of_captured_and_documented_ones(classic: Simulated[Bitrix24]) -> None:
    made: dict[str, set[str]] = {}
    for event in classic.live(1200):
        for webhook in classic.crm.webhooks(event):
            names = dict(parse_qsl(webhook.body.decode(), keep_blank_values=True))
            made[names["event"].upper()] = set(names) - {"event_handler_id"}
    head = {"event", "ts", *PORTAL}
    assert made == {event: names | head for event, names in DOCUMENTED.items() if event in made}
    assert made.keys() >= {
        "ONCRMDEALDELETE",
        "ONCRMLEADUPDATE",
        "ONTASKDELETE",
        "ONCRMACTIVITYUPDATE",
        "ONCRMCOMPANYADD",
    }
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
