"""Bitrix24's API: the calls, and what its answers come to. Bodies have the form that its documents show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.api import (
    ANSWERED,
    ASKED,
    GONE,
    JUNK,
    RESOURCE,
    Answer,
    Call,
    Verdict,
    as_of,
    busy,
    refused,
)
from service.adapters.bitrix24 import lists
from service.adapters.bitrix24.answers import RESOURCES
from service.adapters.bitrix24.api import Bitrix24Api
from service.adapters.bitrix24.options import Bitrix24Options
from service.config import Account, Api, Secret
from service.model import ID_LENGTH, SECOND, Change, Decoded, Instant, Need, TroubleCode, Value, later
from service.money import NO_CURRENCY
from tests.adapters.posts import NOW, account, post, utc
from tests.adapters.test_contract import assert_sound

API = Bitrix24Api()
CODE: Final = "1/p4ssw0rdofthewebhook"
PORTAL: Final = "https://zerno.bitrix24.ru"
OFFICE = replace(account("bitrix24"), api=Api(Secret(CODE), PORTAL))
BY_FIELD = replace(OFFICE, options=Bitrix24Options(reason_field="UF_CRM_1720"))
TIME: Final = {"finish": 1795428000.25, "operating_reset_at": 1795428600, "operating": 0.67}
DEALS = Call("deals", "/crm.item.list.json")
DEAL: Final[dict[str, Any]] = json.loads("""{
    "id": 5101, "title": "Кофе, 2 кг", "stageId": "C5:UC_3XH2", "stageSemanticId": "F", "categoryId": 5,
    "createdTime": "2026-11-10T09:00:00+03:00", "isRecurring": "N",
    "movedTime": "2026-11-22T18:30:00+03:00", "updatedTime": "2026-11-23T10:15:00+03:00",
    "opportunity": 5184.5, "currencyId": "RUB", "assignedById": 31, "contactId": 71, "companyId": 9
}""")
LEAD: Final[dict[str, Any]] = {
    **{name: value for name, value in DEAL.items() if name not in ("categoryId", "isRecurring")},
    "id": 4107,
    "stageId": "JUNK",
}
ACTIVITY: Final[dict[str, Any]] = json.loads("""{
    "BINDINGS": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "5101"}],
    "ID": "3301", "TYPE_ID": "6", "PROVIDER_ID": "CRM_TODO", "ORIGIN_ID": null, "IS_INCOMING_CHANNEL": "N",
    "OWNER_TYPE_ID": "2", "OWNER_ID": "5101", "SUBJECT": "Позвонить", "COMPLETED": "N",
    "RESPONSIBLE_ID": "31", "DEADLINE": "2026-11-23T12:00:00+03:00",
    "CREATED": "2026-11-20T09:00:00+03:00", "LAST_UPDATED": "2026-11-21T09:00:00+03:00"
}""")
TASK: Final[dict[str, Any]] = json.loads("""{
    "id": "901", "title": "Отправить договор", "status": "2", "responsibleId": "31",
    "deadline": "2026-11-24T19:00:00+03:00", "closedDate": null, "changedDate": "2026-11-22T11:00:00+03:00",
    "ufCrmTask": ["C_71", "D_5101"],
    "responsible": {"id": "31", "name": "Анна Орлова", "link": "/company/personal/user/31/"}
}""")


def answer(result: object, **more: object) -> bytes:
    return json.dumps({"result": result, **more, "time": TIME}).encode()


def error(code: str, description: str = "") -> bytes:
    return json.dumps({"error": code, "error_description": description}).encode()


def decode(resource: str, body: bytes, *asked: str, office: Account = OFFICE, at: Instant = NOW) -> Decoded:
    headers = {RESOURCE: resource, ASKED: " ".join(asked)}
    return API.decode(post(body, headers, received_at=at), office)


def leads(*sent: Mapping[str, Any], asked: tuple[str, ...] = ()) -> Decoded:
    return decode("leads", answer({"items": list(sent)}), *asked)


def deals(*sent: Mapping[str, Any], asked: tuple[str, ...] = (), office: Account = OFFICE) -> Decoded:
    return decode("deals", answer({"items": list(sent)}, total=len(sent)), *asked, office=office)


def fields(result: Decoded) -> dict[str, Value]:
    """The fields of the first change in an answer without rejections."""
    assert result.rejections == ()
    return dict(result.changes[0].fields)


def deal(office: Account = OFFICE, /, **sent: Any) -> dict[str, Value]:
    return fields(deals({**DEAL, **sent}, office=office))


def activity(**sent: Any) -> dict[str, Value]:
    return fields(decode("activities", answer([{**ACTIVITY, **sent}])))


def task(**sent: Any) -> dict[str, Value]:
    return fields(decode("tasks", answer({"tasks": [{**TASK, **sent}]})))


def ask(*needs: Need, office: Account = OFFICE) -> Call:
    call = API.ask(needs, office)
    assert call is not None
    return call


def params(call: Call | None) -> Any:
    assert call is not None
    return json.loads(call.body)


# Calls


def test_the_webhooks_code_is_in_the_prefix_and_nowhere_else() -> None:
    assert API.prefix(OFFICE) == f"/rest/{CODE}"
    assert API.prefix(replace(OFFICE, api=Api(Secret(f"/{CODE}/"), "https://x"))) == f"/rest/{CODE}"
    calls = [stage.first for stage in (*API.backfill(OFFICE, NOW), *API.changes(OFFICE, NOW))]
    assert "p4ssw0rd" not in f"{calls}{API.headers(OFFICE)}"


def test_deals_are_asked_for_together() -> None:
    call = ask(Need("deal", "5101"), Need("deal", "5102"))
    assert (call.resource, call.path, call.asked) == ("deals", "/crm.item.list.json", ("5101", "5102"))
    assert (params(call)["entityTypeId"], params(call)["filter"]) == (2, {"@id": ["5101", "5102"]})
    assert set(DEAL) == set(params(call)["select"])


def test_leads_are_asked_for_apart_and_with_deals_in_one_call() -> None:
    call = ask(Need("deal", "lead:4107"))
    assert (call.resource, call.asked, params(call)["entityTypeId"]) == ("leads", ("lead:4107",), 1)
    assert (params(call)["filter"], set(params(call)["select"])) == ({"@id": ["4107"]}, set(LEAD))
    asked = commands(Need("deal", "5101"), Need("deal", "lead:4107"))
    assert {name: query["filter[@id][0]"] for name, (_, query) in asked.items()} == {
        "deals": "5101",
        "leads": "4107",
    }


def test_the_reasons_field_is_asked_for_by_its_own_name() -> None:
    asked = params(ask(Need("deal", "5101"), office=BY_FIELD))
    assert (asked["select"][-1], asked["useOriginalUfNames"]) == ("UF_CRM_1720", "Y")


def commands(*needs: Need) -> dict[str, tuple[str, dict[str, str]]]:
    """The methods of a `batch`, with their parameters."""
    call = ask(*needs)
    assert (call.resource, call.path) == ("batch", "/batch.json")
    assert call.asked == tuple(need.id for need in needs)
    parts = {name: command.partition("?") for name, command in params(call)["cmd"].items()}
    return {name: (method, dict(parse_qsl(query))) for name, (method, _, query) in parts.items()}


def test_activities_and_tasks_are_asked_for_in_one_call() -> None:
    asked = commands(Need("task", "a3301"), Need("task", "901"), Need("task", "a3302"))
    method, query = asked["activities"]
    assert (method, query["filter[@ID][0]"], query["filter[@ID][1]"]) == ("crm.activity.list", "3301", "3302")
    method, query = asked["tasks"]
    assert (method, query["filter[ID][0]"]) == ("tasks.task.list", "901")
    assert "UF_CRM_TASK" in query.values()
    assert ask(Need("task", "901")).resource == "tasks"


def test_contacts_and_companies_are_asked_for_in_one_call() -> None:
    asked = commands(Need("client", "C_71"), Need("client", "CO_9"))
    for resource, type_id, contact in (("contacts", "3", "71"), ("companies", "4", "9")):
        method, query = asked[resource]
        assert (method, query["entityTypeId"], query["filter[@id][0]"]) == ("crm.item.list", type_id, contact)


@pytest.mark.parametrize("id", ["client 71", "task b1", "task a", "client C_x", "deal lead:x", "deal lead:"])
def test_an_id_that_is_not_the_vendors_is_not_asked_for(id: Any) -> None:
    assert API.ask([Need(*id.split())], OFFICE) is None


FIELD_FILTER = {"filter": {"FIELD_NAME": "UF_CRM_1720"}}


@pytest.mark.parametrize(
    ("need", "office", "path", "sent"),
    [
        (Need("manager", "31"), OFFICE, "/user.get.json", {"filter": {"ID": ["31"]}}),
        (Need("pipeline", "0"), OFFICE, "/crm.category.list.json", {"entityTypeId": 2}),
        (Need("reason", "C5:LOSE"), OFFICE, "/crm.status.list.json", {}),
        (Need("reason", "lead:JUNK"), BY_FIELD, "/crm.status.list.json", {}),
        (Need("reason", "3157"), BY_FIELD, "/crm.deal.userfield.list.json", FIELD_FILTER),
    ],
)
def test_names_are_asked_for_where_they_are_listed(
    need: Need, office: Account, path: str, sent: dict[str, Any]
) -> None:
    call = ask(need, office=office)
    assert (call.path, params(call), call.asked) == (path, sent, (need.id,))


def test_a_backfill_lists_names_and_all_that_counts() -> None:
    stages = API.backfill(OFFICE, NOW)
    asked = {stage.name: (stage.first.resource, params(stage.first).get("filter")) for stage in stages}
    assert list(asked)[:3] == ["managers", "reasons", "pipelines"]
    month_ago, never = "2026-10-23T10:00:00+00:00", "2100-01-01T00:00:00+00:00"
    due = {"COMPLETED": "Y", ">=DEADLINE": month_ago, "<DEADLINE": never}
    assert list(asked.items())[3:] == [
        ("open deals", ("deals", {"=stageSemanticId": "P"})),
        ("lost deals", ("deals", {"=stageSemanticId": "F", ">=movedTime": "2025-10-19T10:00:00+00:00"})),
        ("open leads", ("leads", {"=stageSemanticId": "P"})),
        ("lost leads", ("leads", {"=stageSemanticId": "F", ">=movedTime": "2025-10-19T10:00:00+00:00"})),
        ("open activities", ("activities", {"COMPLETED": "N"})),
        ("completed activities", ("activities", due)),
        ("open tasks", ("tasks", {"!REAL_STATUS": 5})),
        ("completed tasks", ("tasks", {"REAL_STATUS": 5, ">=DEADLINE": month_ago})),
    ]
    assert len(asked) == len(stages)
    assert {params(stage.first)["start"] for stage in stages[3:]} == {-1}


def test_changes_are_asked_for_by_their_time_and_names_each_time() -> None:
    asked = [(stage.first.resource, params(stage.first).get("filter")) for stage in API.changes(OFFICE, NOW)]
    since = "2026-11-23T10:00:00+00:00"
    assert [resource for resource, _ in asked[:3]] == ["users", "stages", "pipelines"]
    assert asked[3:] == [
        ("contacts", {">=updatedTime": since}),
        ("companies", {">=updatedTime": since}),
        ("deals", {">=updatedTime": since}),
        ("leads", {">=updatedTime": since}),
        ("activities", {">=LAST_UPDATED": since}),
        ("tasks", {">=CHANGED_DATE": since}),
    ]


def test_a_sweep_lists_the_same_with_the_fewest_fields() -> None:
    swept, listed = API.sweep(BY_FIELD, NOW), API.backfill(BY_FIELD, NOW)[4:]
    assert [stage.name for stage in swept] == [stage.name for stage in listed]
    for stage, whole in zip(swept, listed, strict=True):
        assert params(stage.first)["filter"] == params(whole.first)["filter"]
        assert len(params(stage.first)["select"]) <= 3
    bare = {key: ACTIVITY[key] for key in ("ID", "TYPE_ID", "PROVIDER_ID")}
    answers = {"deals": {"items": [{"id": 5101}]}, "activities": [bare], "tasks": {"tasks": [{"id": "901"}]}}
    ids = [change.id for name, result in answers.items() for change in decode(name, answer(result)).changes]
    assert ids == ["5101", "a3301", "901"]


# Pages


def page(ids: range) -> Answer:
    return Answer(200, {}, answer({"items": [{"id": id} for id in ids]}))


def open_deals() -> Call:
    return API.backfill(OFFICE, NOW)[3].first


def test_a_full_page_is_followed_from_its_last_id() -> None:
    second = API.following(open_deals(), page(range(1, 51)))
    assert params(second) == {**params(open_deals()), "filter": {"=stageSemanticId": "P", ">id": 50}}
    assert second is not None
    third = API.following(second, page(range(51, 101)))
    assert params(third)["filter"] == {"=stageSemanticId": "P", ">id": 100}


def test_every_list_goes_on_by_its_own_id() -> None:
    stages = {stage.first.resource: stage.first for stage in API.changes(OFFICE, NOW)}
    activities = Answer(200, {}, answer([{"ID": str(id)} for id in range(1, 51)]))
    assert params(API.following(stages["activities"], activities))["filter"][">ID"] == 50
    tasks = Answer(200, {}, answer({"tasks": [{"id": str(id)} for id in range(1, 51)]}))
    assert params(API.following(stages["tasks"], tasks))["filter"][">ID"] == 50


@pytest.mark.parametrize("last", [range(1, 50), range(0)])
def test_a_page_that_is_not_full_is_the_last(last: range) -> None:
    assert API.following(open_deals(), page(last)) is None


def managers() -> Call:
    return API.backfill(OFFICE, NOW)[0].first


def test_managers_are_followed_at_the_offset_in_the_answer() -> None:
    second = API.following(managers(), Answer(200, {}, answer([{"ID": "1"}], next=50)))
    assert params(second) == {"sort": "ID", "order": "ASC", "start": 50}
    assert second is not None
    for following in ("100", None, True):
        assert API.following(second, Answer(200, {}, answer([{"ID": "1"}], next=following))) is None


NEW: Final = {**DEAL, "movedTime": DEAL["createdTime"]}
OPEN: Final = {**DEAL, "id": 5102, "stageSemanticId": "P"}


def test_what_was_asked_for_has_one_page_unless_it_has_a_past() -> None:
    deals = ask(*(Need("deal", str(id)) for id in range(1, 51)))
    assert API.following(deals, page(range(1, 51))) is None
    assert API.following(deals, Answer(200, {}, answer({"items": [NEW, OPEN]}))) is None
    tasks = Answer(200, {}, answer({"result": {"tasks": {"tasks": [TASK]}}}))
    assert API.following(ask(Need("task", "901")), tasks) is None


def test_lost_deals_and_leads_are_followed_by_the_histories_of_their_stages() -> None:
    both = ask(Need("deal", "5101"), Need("deal", "5102"), Need("deal", "lead:4107"))
    parts = {"deals": {"items": [DEAL, OPEN]}, "leads": {"items": [LEAD]}}
    moves = API.following(both, Answer(200, {}, answer({"result": parts, "result_error": []})))
    assert moves is not None
    assert (moves.path, params(moves)["entityTypeId"]) == ("/crm.stagehistory.list.json", 2)
    assert params(moves)["filter"] == {"@OWNER_ID": ["5101"]}
    full = Answer(200, {}, answer({"items": [{"ID": n, "OWNER_ID": 5101} for n in range(1, 51)]}))
    second = API.following(moves, full)
    assert second is not None
    assert params(second)["filter"] == {"@OWNER_ID": ["5101"], ">ID": 50}
    of_leads = API.following(second, Answer(200, {}, answer({"items": []})))
    assert of_leads is not None
    assert (params(of_leads)["entityTypeId"], params(of_leads)["filter"]) == (1, {"@OWNER_ID": ["4107"]})
    assert API.following(of_leads, Answer(200, {}, answer({"items": []}))) is None


# Verdicts


def verdict(call: Call, status: int, body: bytes) -> Verdict:
    return API.verdict(call, Answer(status, {}, body))


NAMED: Final[Mapping[str, TroubleCode | None]] = {
    "QUERY_LIMIT_EXCEEDED": None,
    "OPERATION_TIME_LIMIT": None,
    "INTERNAL_SERVER_ERROR": None,
    "ERROR_UNEXPECTED_ANSWER": None,
    "NO_AUTH_FOUND": "api_token",
    "INVALID_CREDENTIALS": "api_token",
    "expired_token": "api_token",
    "invalid_token": "api_token",
    "insufficient_scope": "api_forbidden",
    "ACCESS_DENIED": "api_forbidden",
    "user_access_error": "api_forbidden",
    "OVERLOAD_LIMIT": "api_forbidden",
    "PAYMENT_REQUIRED": "api_unpaid",
    "ERROR_METHOD_NOT_FOUND": "api_not_found",
    "METHOD_NOT_FOUND": "api_not_found",
    "PORTAL_DELETED": "api_not_found",
}
"""What a person must mend, by the vendor's error; None: it passes by itself."""


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("code", NAMED)
def test_a_named_error_means_the_same_whatever_the_status(code: str, status: int) -> None:
    alone = verdict(open_deals(), status, error(code))
    parts = {"result": [], "result_error": {"tasks": {"error": code, "error_description": ""}}}
    in_a_batch = verdict(ask(Need("task", "a1"), Need("task", "1")), 200, answer(parts))
    trouble = NAMED[code]
    expected = busy() if trouble is None else refused(trouble)
    assert (alone, replace(in_a_batch, retry_seconds=None)) == (expected, expected)


@pytest.mark.parametrize(
    "text", ["REST is available only by subscription", "REST API is available only on commercial plans"]
)
def test_a_tariff_without_the_api_is_unpaid(text: str) -> None:
    assert verdict(open_deals(), 401, error("ACCESS_DENIED", text)) == refused("api_unpaid")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, answer({"items": []}), ANSWERED),
        (404, b"<html>No such portal</html>", refused("api_not_found")),
        (301, b"", refused("api_moved")),
        (401, b"", refused("api_token")),
        (402, b"<html>", refused("api_unpaid")),
        (502, b"<html>", busy()),
        (400, error("", "Access denied."), refused("api_rejected")),
        (200, error("SOMETHING_NEW"), refused("api_rejected")),
        (500, error("SOMETHING_NEW"), busy()),
        (503, answer({"items": []}), busy()),
        (400, answer({"items": []}), refused("api_rejected")),
        (204, answer({"items": []}), JUNK),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, expected: Verdict) -> None:
    assert verdict(open_deals(), status, body) == expected


ODD: Final[tuple[Any, ...]] = (None, [], {}, {"items": None}, {"items": {}}, {"result": {}}, "", 5)
UNRECOGNISED: Final = (
    *(b"", b"null", b"[]", b"{}", b'{"result":', b"<html>Closed for maintenance</html>", b"5"),
    *(answer(result) for result in ODD),
    b'{"time":{}}',
)


CALLS: Final = {
    call.resource: call
    for call in (
        *(stage.first for stage in (*API.backfill(BY_FIELD, NOW), *API.changes(BY_FIELD, NOW))),
        lists.by_ids(("activities", "tasks"), ("a1", "1"), OFFICE),
        lists.call("entries", {"filter": {"ENTITY_ID": "REFUSALS"}}),
        lists.call("moves", lists.by_owners("moves", ["1"]), ("1",)),
        lists.call("lead_moves", lists.by_owners("lead_moves", ["1"]), ("lead:1",)),
    )
    if call is not None
}


def test_every_call_is_here() -> None:
    assert CALLS.keys() == {*RESOURCES, "batch"}


@pytest.mark.parametrize("body", UNRECOGNISED)
@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.resource)
def test_an_answer_of_another_form_proves_nothing(call: Call, body: bytes) -> None:
    empty_list = RESOURCES.get(call.resource, RESOURCES["deals"]).key is None and body == answer([])
    assert verdict(call, 200, body) == (ANSWERED if empty_list else JUNK)


def test_a_batch_must_have_the_result_of_each_method() -> None:
    both = ask(Need("task", "a1"), Need("task", "1"))
    parts: dict[str, Any] = {"activities": [], "tasks": {"tasks": []}}
    assert verdict(both, 200, answer({"result": parts, "result_error": []})) == ANSWERED
    for missing in parts:
        left = {name: part for name, part in parts.items() if name != missing}
        for wrong in (left, {**left, missing: None}, {**left, missing: {"items": []}}):
            assert verdict(both, 200, answer({"result": wrong, "result_error": []})) == JUNK
    assert verdict(both, 200, answer([])) == JUNK


@pytest.mark.parametrize("sent", [{"id": "x"}, {"title": "x"}, None, 5, {"id": 50}, {"id": 7}])
def test_a_page_by_keyset_has_only_objects_behind_the_one_before(sent: Any) -> None:
    second = API.following(open_deals(), page(range(1, 51)))
    assert second is not None
    assert verdict(second, 200, answer({"items": [{"id": 51}, sent]})) == JUNK
    assert verdict(second, 200, answer({"items": [{"id": 51}, {"id": 60}]})) == ANSWERED


def test_a_page_by_offset_names_a_later_one() -> None:
    second = API.following(managers(), Answer(200, {}, answer([{"ID": "1"}], next=50)))
    assert second is not None
    assert verdict(second, 200, answer([{"ID": "51"}], next=50)) == JUNK
    assert verdict(second, 200, answer([{"ID": "51"}], next=100)) == ANSWERED


def test_a_portal_without_leads_or_histories_says_so() -> None:
    assert verdict(ask(Need("deal", "lead:1")), 400, error("NOT_FOUND", "Smart process not found")) == GONE
    assert decode("leads", b"", "lead:1").changes == (Change("deal", "lead:1", NOW, deleted=True),)
    both = ask(Need("deal", "1"), Need("deal", "lead:1"))
    parts = {"result": {"deals": {"items": [DEAL]}}, "result_error": {"leads": {"error": "NOT_FOUND"}}}
    assert verdict(both, 200, answer(parts)) == ANSWERED
    assert verdict(open_deals(), 400, error("NOT_FOUND", "Smart process not found")) == refused(
        "api_rejected"
    )
    moves = API.following(ask(Need("deal", "5101")), Answer(200, {}, answer({"items": [DEAL]})))
    assert moves is not None
    assert verdict(moves, 404, error("ERROR_METHOD_NOT_FOUND")) == GONE
    empty = decode("moves", b"", "5101")
    assert (empty.changes, empty.rejections) == ((), ())


def test_a_blocked_method_is_asked_again_when_the_vendor_says() -> None:
    def wait(**time: object) -> float | None:
        body = json.dumps({"error": "OPERATION_TIME_LIMIT", "time": {**TIME, **time}}).encode()
        return API.verdict(open_deals(), Answer(429, {"retry-after": "7"}, body)).retry_seconds

    assert (wait(), wait(operating_reset_at="1795428060")) == (600, 60)
    odd: list[object] = [1795428000, 1895428600, "soon", None, {}, "NaN", "Infinity"]
    assert [wait(operating_reset_at=reset) for reset in odd] == [7] * len(odd)
    limited = Answer(503, {"retry-after": "3"}, error("QUERY_LIMIT_EXCEEDED"))
    assert API.verdict(open_deals(), limited) == busy(3)


# The field that holds the reason


def test_whether_the_reasons_field_exists() -> None:
    assert API.field(OFFICE) is None
    call = API.field(BY_FIELD)
    assert params(call) == FIELD_FILTER
    for listed, exists in (([{"ID": "1", "FIELD_NAME": "UF_CRM_1720"}], True), ([], False), ([5], False)):
        assert API.has_field(Answer(200, {}, answer(listed)), BY_FIELD) is exists


# Deals


def test_a_deal_has_all_that_the_board_shows() -> None:
    result = deals(DEAL)
    lost = Change(
        "deal",
        "5101",
        utc("2026-11-23 07:15:00"),
        {
            "known": True,
            "name": "Кофе, 2 кг",
            "status": "lost",
            "currency": "RUB",
            "amount": 518450,
            "manager_id": "31",
            "pipeline_id": "5",
            "client_id": "C_71",
            "stage_id": "C5:UC_3XH2",
            "url": f"{PORTAL}/crm/deal/details/5101/",
        },
    )
    place: dict[str, Value] = {"status": "lost", "pipeline_id": "5", "stage_id": "C5:UC_3XH2"}
    moved = Change("deal", "5101", utc("2026-11-22 15:30:00"), place)
    assert result.changes == (*as_of([lost], NOW), moved)
    assert result.needs == (Need("reason", "C5:UC_3XH2"), Need("deal", "5101"))


def test_only_a_lost_deal_on_a_list_that_has_been_moved_is_asked_for_its_past() -> None:
    name = Need("reason", "C5:UC_3XH2")
    assert deals(DEAL, asked=("5101",)).needs == deals(NEW).needs == (name,)
    assert deals(OPEN).needs == ()
    assert leads(LEAD).needs == (Need("reason", "lead:JUNK"), Need("deal", "lead:4107"))


@pytest.mark.parametrize(("semantics", "status"), [("P", "open"), ("S", "won")])
def test_a_deal_is_in_its_stage_since_it_was_moved_there(semantics: str, status: str) -> None:
    *_, moved = deals({**DEAL, "stageSemanticId": semantics, "stageId": "C5:OTHER"}).changes
    place: dict[str, Value] = {"status": status, "pipeline_id": "5", "stage_id": "C5:OTHER"}
    assert moved == Change("deal", "5101", utc("2026-11-22 15:30:00"), place)


def test_a_lead_is_a_deal_without_a_pipeline() -> None:
    result = leads(LEAD)
    assert {change.id for change in result.changes} == {"lead:4107"}
    sent = fields(result)
    assert (sent["status"], sent["stage_id"], sent["amount"]) == ("lost", "lead:JUNK", 518450)
    assert sent["url"] == f"{PORTAL}/crm/lead/details/4107/"
    assert "pipeline_id" not in sent
    converted = leads({**LEAD, "stageSemanticId": "S", "stageId": "CONVERTED"})
    assert fields(converted)["status"] == "won"


def test_a_template_of_recurring_deals_is_no_deal() -> None:
    template = {**DEAL, "isRecurring": "Y"}
    assert deals(template).changes == ()
    assert deals(template, asked=("5101",)).changes == (Change("deal", "5101", NOW, deleted=True),)


def move(semantics: str, stage: str, **more: Any) -> dict[str, Any]:
    entry = {"ID": 35, "TYPE_ID": 3, "OWNER_ID": 5101, "CREATED_TIME": "2026-11-20T10:00:00+03:00"}
    return {**entry, "CATEGORY_ID": 0, "STAGE_SEMANTIC_ID": semantics, "STAGE_ID": stage, **more}


def test_a_history_of_stages_dates_each_of_them() -> None:
    result = decode("moves", answer({"items": [move("F", "LOSE"), move("P", "NEW")]}), "5101")
    at, names = utc("2026-11-20 07:00:00"), ("status", "pipeline_id", "stage_id")
    assert result.changes == tuple(
        Change("deal", "5101", at, dict(zip(names, place, strict=True)))
        for place in (("lost", "0", "LOSE"), ("open", "0", "NEW"))
    )
    assert result.needs == (Need("reason", "LOSE"),)
    by_field = decode("moves", answer({"items": [move("F", "LOSE")]}), office=BY_FIELD)
    assert fields(by_field) == {"status": "lost", "pipeline_id": "0"}
    of_lead = {"STATUS_SEMANTIC_ID": "F", "STATUS_ID": "JUNK"}
    lead = decode("lead_moves", answer({"items": [{**move("", ""), **of_lead}]}), "lead:5101")
    assert lead.changes == (Change("deal", "lead:5101", at, {"status": "lost", "stage_id": "lead:JUNK"}),)


@pytest.mark.parametrize(
    "sent", [{"CREATED_TIME": "yesterday"}, {"STAGE_SEMANTIC_ID": None}, {"OWNER_ID": 0.5}]
)
def test_an_entry_of_a_history_without_a_time_or_a_stage_is_rejected(sent: dict[str, Any]) -> None:
    result = decode("moves", answer({"items": [{**move("F", "LOSE"), **sent}]}))
    assert (result.changes, len(result.rejections)) == ((), 1)


def test_a_field_that_was_not_sent_or_cannot_be_read_is_unset() -> None:
    assert fields(deals({"id": 5101}, office=replace(OFFICE, api=None))) == {"known": True}
    odd: dict[str, Any] = {key: {"a": [1]} for key in DEAL}
    money = {"amount": None, "currency": NO_CURRENCY}
    url = f"{PORTAL}/crm/deal/details/5101/"
    assert fields(deals({**odd, "id": "5101"})) == {"known": True, "url": url, **money}


@pytest.mark.parametrize(
    ("contact", "company", "client"),
    [
        (71, 9, "C_71"),
        (0, 9, "CO_9"),
        (None, "9", "CO_9"),
        ("71", None, "C_71"),
        (0, 0, None),
        (None, None, None),
    ],
)
def test_a_deals_client_is_its_contact_or_else_its_company(
    contact: Any, company: Any, client: str | None
) -> None:
    assert deal(contactId=contact, companyId=company)["client_id"] == client


def test_a_company_is_not_taken_for_the_client_if_the_contact_was_not_sent() -> None:
    assert "client_id" not in fields(deals({key: value for key, value in DEAL.items() if key != "contactId"}))


def test_0_is_the_first_pipeline_and_no_manager() -> None:
    sent = deal(categoryId=0, assignedById=0)
    assert (sent["pipeline_id"], sent["manager_id"]) == ("0", None)


@pytest.mark.parametrize(
    ("opportunity", "minor"),
    [
        *(("19000", 1_900_000), ("5184.5", 518_450), ('"5184.50"', 518_450), ("0", 0), ("null", None)),
        *(("1234.5599999999999", 123_456), ("0.1", 10), ("1.9e4", 1_900_000), ("-12.34", -1_234)),
        *((odd, None) for odd in ("true", "1e400", "NaN", "Infinity", '"a lot"', "[1]", "9" * 30)),
    ],
)
def test_money_is_read_from_the_text_that_was_sent(opportunity: str, minor: int | None) -> None:
    body = json.dumps({"result": {"items": [{**DEAL, "opportunity": "@"}]}}).replace('"@"', opportunity)
    assert fields(decode("deals", body.encode()))["amount"] == minor


def test_money_is_in_its_own_currency() -> None:
    sent = deal(currencyId="JPY", opportunity=5184)
    assert (sent["currency"], sent["amount"]) == ("JPY", 5184)


@pytest.mark.parametrize(
    "value", [3157, [3157, 3159], ["", None, "3157"], pytest.param("3157", id="as text")]
)
def test_a_reason_that_is_chosen_from_a_list_is_named_by_the_list(value: Any) -> None:
    result = deals({**DEAL, "UF_CRM_1720": value}, office=BY_FIELD)
    assert fields(result)["reason_id"] == "3157"
    assert {change.entity for change in result.changes} == {"deal"}


def test_a_reason_that_is_written_names_itself() -> None:
    result = deals({**DEAL, "UF_CRM_1720": "  Выбрал  других "}, office=BY_FIELD)
    assert fields(result)["reason_id"] == "выбрал других"
    named = {(change.id, change.fields["name"]) for change in result.changes if change.entity == "reason"}
    assert named == {("выбрал других", "Выбрал  других")}


def test_a_reason_whose_field_is_empty_is_none_and_one_whose_field_was_not_sent_is_unset() -> None:
    for value in ("", None, False, [], 0, "0", " ", [""]):
        assert deal(BY_FIELD, UF_CRM_1720=value)["reason_id"] is None
    assert "reason_id" not in deal(BY_FIELD)
    assert "reason_id" not in deal(BY_FIELD, UF_CRM_1720={"id": 5})


def test_a_deal_without_the_time_of_its_change_is_dated_by_the_asking() -> None:
    for updated in (None, "", "23.11.2026 10:15:00", "2026-11-23T10:15:00"):
        result = deals({**DEAL, "updatedTime": updated})
        assert [change.version for change in result.changes] == [NOW, utc("2026-11-22 15:30:00")]


def test_a_deal_from_the_future_is_rejected_and_not_deleted() -> None:
    future = {**DEAL, "updatedTime": "2026-11-25T10:15:00+03:00"}
    result = deals(future, {**DEAL, "id": 5102}, asked=("5101", "5102"))
    assert [rejection.error[:6] for rejection in result.rejections] == ["deals:"]
    assert {change.id for change in result.changes} == {"5102"}


def test_a_deal_that_was_asked_for_and_is_left_out_is_deleted() -> None:
    result = deals(DEAL, asked=("5100", "5101", "5102"))
    deletions = [change for change in result.changes if change.deleted]
    assert deletions == [Change("deal", id, NOW, deleted=True) for id in ("5100", "5102")]
    none = decode("deals", answer({"items": []}), "5101")
    assert [change.deleted for change in none.changes] == [True]


@pytest.mark.parametrize("sent", [{}, {"id": "x"}, 5, None, {"id": True}, {"id": -5}])
def test_beside_an_entry_without_an_id_nothing_is_deleted(sent: Any) -> None:
    result = decode("deals", answer({"items": [sent, DEAL]}), "5101", "5102")
    assert len(result.rejections) == 1
    assert {(change.id, change.deleted) for change in result.changes} == {("5101", False)}


# Tasks


def test_an_activity_on_a_deal() -> None:
    result = decode("activities", answer([ACTIVITY]))
    change = Change(
        "task",
        "a3301",
        utc("2026-11-21 06:00:00"),
        {
            "text": "Позвонить",
            "completed": False,
            "manager_id": "31",
            "due_at": utc("2026-11-23 09:00:00"),
            "deal_id": "5101",
            "client_id": None,
            "url": f"{PORTAL}/crm/deal/details/5101/",
        },
    )
    assert result.changes == tuple(as_of([change], NOW))
    assert result.needs == ()


@pytest.mark.parametrize(
    ("owner_type", "deal_id", "client", "page_of"),
    [
        *(("2", "5101", None, "deal"), ("1", "lead:5101", None, "lead")),
        *(("3", None, "C_5101", "contact"), ("4", None, "CO_5101", "company")),
        *(("31", None, None, None), ("1036", None, None, None)),
    ],
)
def test_the_record_that_an_activity_is_on(
    owner_type: str, deal_id: str | None, client: str | None, page_of: str | None
) -> None:
    sent = activity(OWNER_TYPE_ID=owner_type, BINDINGS=[])
    assert (sent["deal_id"], sent["client_id"]) == (deal_id, client)
    assert sent.get("url") == (f"{PORTAL}/crm/{page_of}/details/5101/" if page_of else None)


@pytest.mark.parametrize(
    ("bound", "deal_id", "client"),
    [
        ([("1", "4"), ("2", "7"), ("2", "8")], "7", None),
        ([("3", "5"), ("1", "4")], "lead:4", None),
        ([("4", "9"), ("3", "5")], None, "C_5"),
        ([("1036", "3"), ("4", "9")], None, "CO_9"),
        ([("2", "0"), ("2", "x"), ("1036", "3")], None, None),
    ],
)
def test_of_several_bindings_the_deal_counts_and_else_the_lead(
    bound: list[tuple[str, str]], deal_id: str | None, client: str | None
) -> None:
    bindings: list[Any] = [{"OWNER_TYPE_ID": kind, "OWNER_ID": id} for kind, id in bound]
    for owner in bindings:
        sent = activity(**owner, BINDINGS=[5, *bindings])
        if owner != {"OWNER_TYPE_ID": "2", "OWNER_ID": "8"}:
            assert (sent["deal_id"], sent["client_id"]) == (deal_id, client)


def test_an_activity_is_completed_when_it_says_so() -> None:
    assert activity(COMPLETED="Y")["completed"] is True
    assert "completed" not in activity(COMPLETED="?")


def test_an_activity_may_never_be_due_and_an_unreadable_due_time_is_unset() -> None:
    for deadline in (None, "", "9999-12-31T00:00:00+03:00", "9999-01-01T00:00:00+00:00"):
        assert activity(DEADLINE=deadline)["due_at"] is None
    for deadline in ("tomorrow", "2026-11-23T12:00:00"):
        assert "due_at" not in activity(DEADLINE=deadline)


@pytest.mark.parametrize("sent", [{"TYPE_ID": "3"}, {"PROVIDER_ID": "CRM_TASKS_TASK"}, {"TYPE_ID": 3}])
def test_an_activity_that_shows_a_task_has_no_effect(sent: dict[str, Any]) -> None:
    result = decode("activities", answer([{**ACTIVITY, **sent}]), "a3301")
    assert (result.changes, result.rejections, result.needs) == ((), (), ())


@pytest.mark.parametrize(
    "sent",
    [
        {"TYPE_ID": "2", "PROVIDER_ID": "VOXIMPLANT_CALL", "ORIGIN_ID": "VI_8f3c"},
        {"TYPE_ID": "4", "PROVIDER_ID": "CRM_EMAIL"},
        {"TYPE_ID": "6", "PROVIDER_ID": "CRM_SMS"},
        {"TYPE_ID": "2", "IS_INCOMING_CHANNEL": "Y"},
    ],
)
def test_an_activity_that_a_channel_logged_is_due_only_if_somebody_moves_its_due_time(
    sent: dict[str, str],
) -> None:
    logged = {**sent, "CREATED": "2026-11-23T12:00:01+03:00"}
    assert activity(**logged)["due_at"] is None
    assert activity(**logged, DEADLINE="2026-11-23T15:00:00+03:00")["due_at"] == utc("2026-11-23 12:00:00")


@pytest.mark.parametrize("sent", [{}, {"TYPE_ID": "2", "PROVIDER_ID": "VOXIMPLANT_CALL"}, {"TYPE_ID": "1"}])
def test_an_activity_that_a_person_planned_is_due_even_if_planned_too_late(sent: dict[str, str]) -> None:
    assert activity(**sent, CREATED="2026-11-23T12:10:00+03:00")["due_at"] == utc("2026-11-23 09:00:00")


def test_a_task_on_a_deal() -> None:
    result = decode("tasks", answer({"tasks": [TASK]}))
    change = Change(
        "task",
        "901",
        utc("2026-11-22 08:00:00"),
        {
            "text": "Отправить договор",
            "manager_id": "31",
            "due_at": utc("2026-11-24 16:00:00"),
            "completed": False,
            "completed_at": None,
            "deal_id": "5101",
            "client_id": None,
            "url": f"{PORTAL}/company/personal/user/31/tasks/task/view/901/",
        },
    )
    assert result.changes == tuple(as_of([change], NOW))
    assert result.needs == ()
    assert task(deadline=None)["due_at"] is None


@pytest.mark.parametrize(
    ("bound", "deal_id", "client_id"),
    [
        (["D_5101"], "5101", None),
        (["CO_9", "C_71"], None, "C_71"),
        (["CO_9"], None, "CO_9"),
        (["L_4", "D_5102", "D_5103"], "5102", None),
        (["C_7", "L_4", "L_5"], "lead:4", None),
        (["SI_8", "T40c_3", "D_x", 5, "C_", "L_0"], None, None),
        ([], None, None),
        (False, None, None),
        (None, None, None),
        ("", None, None),
    ],
)
def test_what_a_task_is_bound_to(bound: Any, deal_id: str | None, client_id: str | None) -> None:
    sent = task(ufCrmTask=bound)
    assert (sent["deal_id"], sent["client_id"]) == (deal_id, client_id)


@pytest.mark.parametrize(("status", "done"), [*((s, True) for s in "45"), *((s, False) for s in "12367")])
def test_a_task_is_done_when_it_is_completed_or_awaits_control(status: str, done: bool) -> None:
    sent = task(status=status, closedDate="2026-11-22T10:59:00+03:00")
    assert (sent["completed"], sent["completed_at"]) == (done, utc("2026-11-22 07:59:00") if done else None)
    assert ("completed_at" in task(status=status)) is not done


# Names


def names(resource: str, body: bytes, office: Account = OFFICE) -> dict[tuple[str, str], Value]:
    result = decode(resource, body, office=office)
    assert result.rejections == ()
    return {(change.entity, change.id): change.fields["name"] for change in result.changes}


def test_names_of_managers_and_pipelines() -> None:
    people = json.loads("""[
        {"ID": "31", "NAME": "Анна", "LAST_NAME": "Орлова"}, {"ID": 32, "NAME": "Борис", "LAST_NAME": ""},
        {"ID": "33", "NAME": "", "LAST_NAME": null}
    ]""")
    managers = {("manager", "31"): "Анна Орлова", ("manager", "32"): "Борис"}
    assert names("users", answer(people)) == managers
    categories = [{"id": 5, "name": "Опт"}, {"id": 0, "name": "Общая"}]
    pipelines = {("pipeline", "5"): "Опт", ("pipeline", "0"): "Общая"}
    assert names("pipelines", answer({"categories": categories})) == pipelines


def test_names_of_clients_are_dated_by_the_vendor() -> None:
    people = [{"id": 71, "name": "Иван", "lastName": "Петров", "updatedTime": "2026-11-20T10:00:00+03:00"}]
    parts = {"contacts": {"items": people}, "companies": {"items": [{"id": 9, "title": "ООО «Зерно»"}]}}
    result = decode("batch", answer({"result": parts, "result_error": []}), "C_71", "CO_9", "C_72")
    assert result.changes == (
        Change("client", "C_71", utc("2026-11-20 07:00:00"), {"name": "Иван Петров"}),
        Change("client", "CO_9", NOW, {"name": "ООО «Зерно»"}),
    )


def test_the_stages_where_deals_are_lost_and_leads_fail_are_reasons() -> None:
    entries = [
        ("STATUS", "JUNK", "Некачественный лид", "F"),
        ("SOURCE", "CALL", "Звонок", None),
        ("DEAL_STAGE", "NEW", "Новая", None),
        ("DEAL_STAGE", "WON", "Сделка успешна", "S"),
        ("DEAL_STAGE", "LOSE", "Выбрал других", "F"),
        ("DEAL_STAGE_5", "C5:APOLOGY", "Дорого", "F"),
    ]
    columns = ("ENTITY_ID", "STATUS_ID", "NAME", "SEMANTICS")
    listed = [{"ID": "101", **dict(zip(columns, entry, strict=True))} for entry in entries]
    of_leads = {("reason", "lead:JUNK"): "Некачественный лид"}
    reasons = {("reason", "LOSE"): "Выбрал других", ("reason", "C5:APOLOGY"): "Дорого"}
    assert names("stages", answer(listed)) == {**reasons, **of_leads}
    assert names("stages", answer(listed), BY_FIELD) == of_leads


def test_the_entries_of_the_configured_field_are_reasons() -> None:
    entries = [{"ID": "3157", "VALUE": "Дорого"}, {"ID": "3159", "VALUE": "Дубль"}, {"ID": "x"}, 5]
    listed = [{"ID": "6799", "FIELD_NAME": "UF_CRM_1720", "USER_TYPE_ID": "enumeration", "LIST": entries}]
    reasons = {("reason", "3157"): "Дорого", ("reason", "3159"): "Дубль"}
    assert names("choices", answer(listed), BY_FIELD) == reasons
    assert names("choices", answer([{"ID": "6800", "USER_TYPE_ID": "string"}]), BY_FIELD) == {}


def test_the_entries_of_a_directory_are_reasons_by_their_codes() -> None:
    field = {
        "ID": "5815",
        "FIELD_NAME": "UF_CRM_1720",
        "USER_TYPE_ID": "crm_status",
        "SETTINGS": {"ENTITY_TYPE": "REFUSALS"},
    }
    by_name = API.following(CALLS["choices"], Answer(200, {}, answer([field])))
    assert by_name is not None
    assert (by_name.path, params(by_name)) == (
        "/crm.status.list.json",
        {"filter": {"ENTITY_ID": "REFUSALS"}},
    )
    for other in ({**field, "USER_TYPE_ID": "enumeration"}, {**field, "SETTINGS": []}, 5):
        assert API.following(CALLS["choices"], Answer(200, {}, answer([other]))) is None
    entries = answer([{"ID": "9", "STATUS_ID": "UC_A1", "ENTITY_ID": "REFUSALS", "NAME": "Дорого"}])
    assert names("entries", entries, BY_FIELD) == {("reason", "uc_a1"): "Дорого"}
    [named] = [
        c for c in deals({**DEAL, "UF_CRM_1720": "UC_A1"}, office=BY_FIELD).changes if c.entity == "reason"
    ]
    [entry] = decode("entries", entries, office=BY_FIELD).changes
    assert (named.id, named.fields["name"]) == (entry.id, "UC_A1")
    assert named.version < entry.version


# The answer as a whole


def test_a_batch_says_what_its_parts_say() -> None:
    parts = {"activities": [ACTIVITY], "tasks": {"tasks": [TASK]}}
    result = decode("batch", answer({"result": parts, "result_error": []}), "a3301", "a3302", "901", "902")
    deleted = {change.id: change.deleted for change in result.changes}
    assert deleted == {"a3301": False, "a3302": True, "901": False, "902": True}


def test_nothing_is_deleted_by_a_part_of_a_batch_that_failed() -> None:
    parts = {"result": {"activities": []}, "result_error": {"tasks": {"error": "insufficient_scope"}}}
    result = decode("batch", answer(parts), "a3301", "901")
    assert [(change.id, change.deleted) for change in result.changes] == [("a3301", True)]


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        *(
            ("deals", body)
            for body in (b"<html>", b"[" * 100_000, b"{}", answer({"tasks": []}), answer(None))
        ),
        ("deals", error("ACCESS_DENIED", "secret words")),
        ("activities", answer({})),
        ("batch", answer({"result": {"else": []}})),
        ("batch", answer([])),
        ("unheard of", answer([])),
        ("", answer([])),
    ],
)
def test_an_answer_that_says_nothing_is_one_rejection(resource: str, body: bytes) -> None:
    result = decode(resource, body, "5101", "a1")
    assert (result.changes, result.needs) == ((), ())
    assert len(result.rejections) == 1


def test_an_equal_answer_is_a_repeat_unless_it_has_no_times_of_its_own() -> None:
    asked_later = later(NOW, SECOND)
    body = answer({"items": [DEAL]})
    assert decode("deals", body).key == decode("deals", body, at=asked_later).key
    assert decode("deals", body).key != decode("contacts", body).key
    for undated in (answer({"items": [{"id": 5101}]}), answer({"items": []})):
        assert decode("deals", undated, "5101").key != decode("deals", undated, "5101", at=asked_later).key
    people = answer([{"ID": "31", "NAME": "Анна"}])
    assert decode("users", people).key != decode("users", people, at=asked_later).key


OTHER_NAMES = ["UF_CRM_1720", "NAME", "LAST_NAME", "ENTITY_ID", "STATUS_ID", "SEMANTICS", "LIST"]
WORDS = ["F", "2", "Y", "D_1", "2026-11-23T10:00:00Z", "LOSE", "DEAL_STAGE", "9999-01-01T00:00:00Z"]
atoms = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
)
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=6
)
objects = st.dictionaries(st.sampled_from([*DEAL, *ACTIVITY, *TASK, *OTHER_NAMES]), values, max_size=12).map(
    lambda sent: {"id": 7, "ID": "7", "STATUS_ID": "LOSE", **sent}
)
listings = st.lists(objects | values, max_size=4)
results = listings | st.dictionaries(st.sampled_from(["items", "tasks", "categories"]), listings) | values
whole = st.dictionaries(st.sampled_from(["result", "error", "next", "time"]), results, max_size=4)
batches = st.dictionaries(st.sampled_from(sorted(RESOURCES)), results, max_size=3).map(
    lambda parts: {"result": {"result": parts}}
)
bodies = (whole | batches | results.map(lambda result: {"result": result})).map(
    lambda body: json.dumps(body).encode()
)


@given(
    resource=st.sampled_from([*RESOURCES, "batch"]) | st.text(),
    body=bodies | st.binary(),
    asked=st.sampled_from(["", "7 8", "a7 a8 x", "C_7"]),
    office=st.sampled_from([OFFICE, BY_FIELD]),
)
def test_no_answer_raises_and_every_change_is_sound(
    resource: str, body: bytes, asked: str, office: Account
) -> None:
    result = API.decode(post(body, {RESOURCE: resource, ASKED: asked}), office)
    assert 0 < len(result.key) <= ID_LENGTH
    for change in result.changes:
        assert_sound(change)
        assert change.version <= NOW or not change.deleted
    assert all(0 < len(need.id) <= ID_LENGTH for need in result.needs)
    for rejection in result.rejections:
        assert rejection.error.splitlines() == [rejection.error]
    for call in CALLS.values():
        if API.verdict(call, Answer(200, {}, body)) == ANSWERED:
            API.following(call, Answer(200, {}, body))
    API.has_field(Answer(200, {}, body), office)
