"""Bitrix24's API: what it is asked, and what its answers say. The bodies are shaped as the vendor's documents
show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.api import ASKED, RESOURCE, Answer, Call, as_of
from service.adapters.bitrix24.answers import RESOURCES
from service.adapters.bitrix24.api import Bitrix24Api
from service.adapters.bitrix24.options import Bitrix24Options
from service.config import Account, Api, Secret
from service.model import ID_LENGTH, SECOND, Change, Decoded, Instant, Need, Value
from tests.adapters.posts import NOW, account, post, utc
from tests.adapters.test_contract import assert_sound

API = Bitrix24Api()
CODE: Final = "1/p4ssw0rdofthewebhook"
OFFICE = replace(account("bitrix24"), api=Api(Secret(CODE), "https://zerno.bitrix24.ru"))
BY_FIELD = replace(OFFICE, options=Bitrix24Options(reason_field="UF_CRM_1720"))
TIME: Final = {
    "start": 1795427999.1,
    "finish": 1795428000.25,
    "date_start": "2026-11-23T12:59:59+03:00",
    "date_finish": "2026-11-23T13:00:00+03:00",
    "operating_reset_at": 1795428600,
    "operating": 0.67,
}
DEAL: Final[dict[str, Any]] = {
    "id": 5101,
    "title": "Кофе, 2 кг",
    "stageId": "C5:UC_3XH2",
    "stageSemanticId": "F",
    "movedTime": "2026-11-22T18:30:00+03:00",
    "categoryId": 5,
    "opportunity": 5184.5,
    "currencyId": "RUB",
    "assignedById": 31,
    "contactId": 71,
    "companyId": 9,
    "updatedTime": "2026-11-23T10:15:00+03:00",
}
ACTIVITY: Final[dict[str, Any]] = {
    "ID": "3301",
    "TYPE_ID": "6",
    "PROVIDER_ID": "CRM_TODO",
    "ORIGIN_ID": None,
    "IS_INCOMING_CHANNEL": "N",
    "OWNER_TYPE_ID": "2",
    "OWNER_ID": "5101",
    "SUBJECT": "Позвонить",
    "DEADLINE": "2026-11-23T12:00:00+03:00",
    "COMPLETED": "N",
    "RESPONSIBLE_ID": "31",
    "CREATED": "2026-11-20T09:00:00+03:00",
    "LAST_UPDATED": "2026-11-21T09:00:00+03:00",
}
TASK: Final[dict[str, Any]] = {
    "id": "901",
    "title": "Отправить договор",
    "deadline": "2026-11-24T19:00:00+03:00",
    "status": "2",
    "closedDate": None,
    "responsibleId": "31",
    "changedDate": "2026-11-22T11:00:00+03:00",
    "ufCrmTask": ["C_71", "D_5101"],
    "responsible": {"id": "31", "name": "Анна Орлова", "link": "/company/personal/user/31/"},
}


def answer(result: object, **more: object) -> bytes:
    return json.dumps({"result": result, **more, "time": TIME}).encode()


def decode(
    resource: str,
    body: bytes,
    *asked: str,
    office: Account = OFFICE,
    at: Instant = NOW,
) -> Decoded:
    headers = {RESOURCE: resource, **({ASKED: " ".join(asked)} if asked else {})}
    return API.decode(post(body, headers, received_at=at), office)


def deals(*sent: Mapping[str, Any], asked: tuple[str, ...] = (), office: Account = OFFICE) -> Decoded:
    return decode("deals", answer({"items": list(sent)}, total=len(sent)), *asked, office=office)


def fields(result: Decoded) -> dict[str, Value]:
    """The fields of the first change in an answer that is sound."""
    assert result.rejections == ()
    return dict(result.changes[0].fields)


def deal(office: Account = OFFICE, /, **sent: Any) -> dict[str, Value]:
    return fields(deals({**DEAL, **sent}, office=office))


def activity(**sent: Any) -> dict[str, Value]:
    return fields(decode("activities", answer([{**ACTIVITY, **sent}])))


def task(**sent: Any) -> dict[str, Value]:
    return fields(decode("tasks", answer({"tasks": [{**TASK, **sent}]})))


def params(call: Call | None) -> Any:
    assert call is not None
    return json.loads(call.body)


# What is asked


def test_the_webhooks_code_is_in_the_prefix_and_nowhere_else() -> None:
    assert API.prefix(OFFICE) == f"/rest/{CODE}"
    assert API.prefix(replace(OFFICE, api=Api(Secret(f"/{CODE}/"), "https://x"))) == f"/rest/{CODE}"
    calls = [stage.first for stage in (*API.backfill(OFFICE, NOW), *API.changes(OFFICE, NOW))]
    assert "p4ssw0rd" not in f"{calls}{API.headers(OFFICE)}"


def test_deals_are_asked_for_together() -> None:
    call = API.ask([Need("deal", "5101"), Need("deal", "5102")], OFFICE)
    assert call is not None
    assert (call.resource, call.path, call.asked) == ("deals", "/crm.item.list.json", ("5101", "5102"))
    asked = params(call)
    assert asked["entityTypeId"] == 2
    assert asked["filter"] == {"@id": ["5101", "5102"]}
    assert set(DEAL) == set(asked["select"])


def test_the_reasons_field_is_asked_for_by_its_own_name() -> None:
    asked = params(API.ask([Need("deal", "5101")], BY_FIELD))
    assert asked["select"][-1] == "UF_CRM_1720"
    assert asked["useOriginalUfNames"] == "Y"


def commands(*needs: Need) -> dict[str, tuple[str, dict[str, str]]]:
    """The methods of a `batch`, each with its parameters."""
    call = API.ask(needs, OFFICE)
    assert call is not None
    assert (call.resource, call.path) == ("batch", "/batch.json")
    assert call.asked == tuple(need.id for need in needs)
    found = {name: command.partition("?") for name, command in params(call)["cmd"].items()}
    return {name: (method, dict(parse_qsl(query))) for name, (method, _, query) in found.items()}


def test_activities_and_tasks_are_asked_for_in_one_call() -> None:
    asked = commands(Need("task", "a3301"), Need("task", "901"), Need("task", "a3302"))
    method, query = asked["activities"]
    assert method == "crm.activity.list"
    assert (query["filter[@ID][0]"], query["filter[@ID][1]"]) == ("3301", "3302")
    method, query = asked["tasks"]
    assert method == "tasks.task.list"
    assert query["filter[ID][0]"] == "901"
    assert "UF_CRM_TASK" in query.values()
    assert commands(Need("task", "901")).keys() == {"tasks"}


def test_contacts_and_companies_are_asked_for_in_one_call() -> None:
    asked = commands(Need("client", "C_71"), Need("client", "CO_9"))
    assert asked["contacts"][0] == asked["companies"][0] == "crm.item.list"
    assert (asked["contacts"][1]["entityTypeId"], asked["contacts"][1]["filter[@id][0]"]) == ("3", "71")
    assert (asked["companies"][1]["entityTypeId"], asked["companies"][1]["filter[@id][0]"]) == ("4", "9")


@pytest.mark.parametrize(
    "need", [Need("client", "71"), Need("task", "b1"), Need("task", "a"), Need("client", "C_x")]
)
def test_what_has_no_id_of_the_vendors_is_not_asked_for(need: Need) -> None:
    assert API.ask([need], OFFICE) is None


@pytest.mark.parametrize(
    ("need", "office", "path", "sent"),
    [
        (Need("manager", "31"), OFFICE, "/user.get.json", {"filter": {"ID": ["31"]}}),
        (Need("pipeline", "0"), OFFICE, "/crm.category.list.json", {"entityTypeId": 2}),
        (Need("reason", "C5:LOSE"), OFFICE, "/crm.status.list.json", {}),
        (
            Need("reason", "3157"),
            BY_FIELD,
            "/crm.deal.userfield.list.json",
            {"filter": {"FIELD_NAME": "UF_CRM_1720"}},
        ),
    ],
)
def test_names_are_asked_for_where_they_are_listed(
    need: Need, office: Account, path: str, sent: dict[str, Any]
) -> None:
    call = API.ask([need], office)
    assert call is not None
    assert (call.path, params(call), call.asked) == (path, sent, (need.id,))


def test_a_backfill_goes_through_names_and_all_that_counts() -> None:
    stages = API.backfill(OFFICE, NOW)
    asked = {stage.name: (stage.first.resource, params(stage.first).get("filter")) for stage in stages}
    assert len(asked) == len(stages)
    assert list(asked)[:3] == ["managers", "reasons", "pipelines"]
    assert asked["open deals"] == ("deals", {"=stageSemanticId": "P"})
    lost = {"=stageSemanticId": "F", ">=movedTime": "2025-10-19T10:00:00+00:00"}
    assert asked["lost deals"] == ("deals", lost)
    assert asked["open activities"] == ("activities", {"COMPLETED": "N"})
    due = {
        "COMPLETED": "Y",
        ">=DEADLINE": "2026-10-23T10:00:00+00:00",
        "<DEADLINE": "2100-01-01T00:00:00+00:00",
    }
    assert asked["completed activities"] == ("activities", due)
    assert asked["open tasks"] == ("tasks", {"!REAL_STATUS": 5})
    assert asked["completed tasks"] == (
        "tasks",
        {"REAL_STATUS": 5, ">=DEADLINE": "2026-10-23T10:00:00+00:00"},
    )
    for stage in stages[3:]:
        assert params(stage.first)["start"] == -1


def test_changes_are_asked_for_by_when_they_were_made_and_names_each_time() -> None:
    asked = [(stage.first.resource, params(stage.first).get("filter")) for stage in API.changes(OFFICE, NOW)]
    then = "2026-11-23T10:00:00+00:00"
    assert [resource for resource, _ in asked[:3]] == ["users", "stages", "pipelines"]
    assert asked[3:] == [
        ("contacts", {">=updatedTime": then}),
        ("companies", {">=updatedTime": then}),
        ("deals", {">=updatedTime": then}),
        ("activities", {">=LAST_UPDATED": then}),
        ("tasks", {">=CHANGED_DATE": then}),
    ]


def test_a_sweep_lists_the_same_with_as_few_fields_as_can_be() -> None:
    called = API.sweep(BY_FIELD, NOW)
    counted = API.backfill(BY_FIELD, NOW)[3:]
    assert [stage.name for stage in called] == [stage.name for stage in counted]
    for stage, whole in zip(called, counted, strict=True):
        assert params(stage.first)["filter"] == params(whole.first)["filter"]
        assert len(params(stage.first)["select"]) <= 3
    assert [each.id for each in deals({"id": 5101}).changes] == ["5101"]
    bare = {key: ACTIVITY[key] for key in ("ID", "TYPE_ID", "PROVIDER_ID")}
    assert [each.id for each in decode("activities", answer([bare])).changes] == ["a3301"]
    assert [each.id for each in decode("tasks", answer({"tasks": [{"id": "901"}]})).changes] == ["901"]


# Going on


def page(*ids: int) -> Answer:
    return Answer(200, {}, answer({"items": [{"id": each} for each in ids]}))


def test_a_full_page_is_followed_from_its_last_id() -> None:
    first = API.backfill(OFFICE, NOW)[3].first
    second = API.following(first, page(*range(1, 51)))
    assert params(second) == {**params(first), "filter": {"=stageSemanticId": "P", ">id": 50}}
    assert second is not None
    third = API.following(second, page(*range(51, 101)))
    assert params(third)["filter"] == {"=stageSemanticId": "P", ">id": 100}


def test_every_list_goes_on_by_its_own_id() -> None:
    stages = {stage.first.resource: stage.first for stage in API.changes(OFFICE, NOW)}
    numbers = range(1, 51)
    activities = Answer(200, {}, answer([{"ID": str(each)} for each in numbers]))
    assert params(API.following(stages["activities"], activities))["filter"][">ID"] == 50
    tasks = Answer(200, {}, answer({"tasks": [{"id": str(each)} for each in numbers]}))
    assert params(API.following(stages["tasks"], tasks))["filter"][">ID"] == 50


def test_the_last_page_is_the_one_that_is_not_full() -> None:
    first = API.backfill(OFFICE, NOW)[3].first
    assert API.following(first, page(*range(1, 50))) is None
    assert API.following(first, page()) is None
    assert API.following(first, Answer(200, {}, answer([]))) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        answer(None),
        answer({"items": 5}),
        answer({"items": [5] * 50}),
        answer({"items": [{"id": "x"}] * 50}),
        b'{"error":"QUERY_LIMIT_EXCEEDED"}',
    ],
)
def test_an_absurd_page_is_the_last(body: bytes) -> None:
    assert API.following(API.backfill(OFFICE, NOW)[3].first, Answer(200, {}, body)) is None


def test_a_page_that_comes_again_ends_the_list() -> None:
    second = API.following(API.backfill(OFFICE, NOW)[3].first, page(*range(1, 51)))
    assert second is not None
    assert API.following(second, page(*range(1, 51))) is None


def test_managers_are_followed_where_the_answer_says_that_there_are_more() -> None:
    first = API.backfill(OFFICE, NOW)[0].first
    second = API.following(first, Answer(200, {}, answer([{"ID": "1"}], next=50)))
    assert params(second) == {"sort": "ID", "order": "ASC", "start": 50}
    assert second is not None
    for following in (50, 0, "100", None, True):
        assert API.following(second, Answer(200, {}, answer([{"ID": "1"}], next=following))) is None


def test_an_answer_to_needs_has_one_page() -> None:
    call = API.ask([Need("deal", str(each)) for each in range(1, 51)], OFFICE)
    assert call is not None
    assert API.following(call, page(*range(1, 51))) is None
    call = API.ask([Need("task", "901")], OFFICE)
    assert call is not None
    assert API.following(call, Answer(200, {}, answer({"result": {"tasks": {"tasks": [TASK]}}}))) is None


def error(code: str, description: str = "") -> bytes:
    return json.dumps({"error": code, "error_description": description}).encode()


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, answer({"items": []}), "answered"),
        (200, answer([]), "answered"),
        (200, answer({"result": {"tasks": {"tasks": []}}, "result_error": []}), "answered"),
        (200, b"<html>Closed for maintenance</html>", "later"),
        (200, b"[]", "later"),
        (404, b"<html>No such portal</html>", "later"),
        (502, b"<html>", "later"),
        (503, error("QUERY_LIMIT_EXCEEDED", "Too many requests"), "later"),
        (429, error("OPERATION_TIME_LIMIT"), "later"),
        (500, error("INTERNAL_SERVER_ERROR"), "later"),
        (200, error("QUERY_LIMIT_EXCEEDED"), "later"),
        (401, error("INVALID_CREDENTIALS"), "refused"),
        (401, error("insufficient_scope"), "refused"),
        (401, b"", "refused"),
        (403, error("PORTAL_DELETED"), "refused"),
        (404, error("ERROR_METHOD_NOT_FOUND"), "refused"),
        (400, error("", "Access denied."), "refused"),
        (200, error("ACCESS_DENIED"), "refused"),
        (200, answer({"result": [], "result_error": {"tasks": {"error": "insufficient_scope"}}}), "refused"),
        (200, answer({"result": [], "result_error": {"tasks": {"error": "OPERATION_TIME_LIMIT"}}}), "later"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, meaning: str) -> None:
    assert API.verdict(Answer(status, {}, body))[0] == meaning


def limited(**time: object) -> float | None:
    body = json.dumps({"error": "OPERATION_TIME_LIMIT", "time": {**TIME, **time}}).encode()
    return API.verdict(Answer(429, {"retry-after": "7"}, body))[1]


def test_a_method_that_is_blocked_is_asked_again_when_the_vendor_says() -> None:
    assert limited() == 600
    assert limited(operating_reset_at="1795428060") == 60
    odd: list[object] = [1795428000, 1895428600, "soon", None, {}, "NaN", "Infinity"]
    assert [limited(operating_reset_at=each) for each in odd] == [7] * len(odd)
    assert API.verdict(Answer(503, {}, error("QUERY_LIMIT_EXCEEDED"))) == ("later", None)
    assert API.verdict(Answer(503, {"retry-after": "3"}, error("QUERY_LIMIT_EXCEEDED"))) == ("later", 3)


# Deals


def test_a_deal_says_all_that_the_board_shows() -> None:
    result = deals(DEAL)
    lost = Change(
        "deal",
        "5101",
        utc("2026-11-23 07:15:00"),
        {
            "known": True,
            "name": "Кофе, 2 кг",
            "status": "lost",
            "closed_at": utc("2026-11-22 15:30:00"),
            "currency": "RUB",
            "amount": 518450,
            "manager_id": "31",
            "pipeline_id": "5",
            "client_id": "C_71",
            "reason_id": "C5:UC_3XH2",
            "url": "https://zerno.bitrix24.ru/crm/deal/details/5101/",
        },
    )
    assert result.changes == tuple(as_of([lost], NOW))
    assert result.needs == (
        Need("manager", "31"),
        Need("client", "C_71"),
        Need("pipeline", "5"),
        Need("reason", "C5:UC_3XH2"),
    )


def test_a_deal_that_is_open_has_no_closing_and_no_reason() -> None:
    said = deal(stageSemanticId="P", stageId="C5:NEW")
    assert (said["status"], said["closed_at"], said["reason_id"]) == ("open", None, None)


def test_a_deal_that_is_won_is_closed_when_it_moved() -> None:
    said = deal(stageSemanticId="S", stageId="C5:WON")
    assert (said["status"], said["closed_at"]) == ("won", utc("2026-11-22 15:30:00"))
    assert said["reason_id"] is None


def test_what_was_not_sent_is_unset() -> None:
    bare = replace(OFFICE, api=None)
    assert fields(deals({"id": 5101}, office=bare)) == {"known": True}


def test_what_cannot_be_read_is_unset() -> None:
    odd: dict[str, Any] = {key: {"a": [1]} for key in DEAL}
    said = fields(deals({**odd, "id": "5101"}))
    assert said == {"known": True, "url": "https://zerno.bitrix24.ru/crm/deal/details/5101/"}


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


def test_without_word_of_the_contact_the_company_is_not_taken_for_the_client() -> None:
    sent = {key: value for key, value in DEAL.items() if key != "contactId"}
    assert "client_id" not in fields(deals(sent))


def test_the_first_pipeline_has_the_number_0_and_nobody_has() -> None:
    said = deal(categoryId=0, assignedById=0)
    assert (said["pipeline_id"], said["manager_id"]) == ("0", None)


@pytest.mark.parametrize(
    ("opportunity", "minor"),
    [
        ("19000", 1_900_000),
        ("5184.5", 518_450),
        ('"5184.50"', 518_450),
        ("0", 0),
        ("null", None),
        ("1234.5599999999999", 123_456),
        ("0.1", 10),
        ("1.9e4", 1_900_000),
        ("-12.34", -1_234),
    ],
)
def test_money_is_read_from_the_text_that_was_sent(opportunity: str, minor: int | None) -> None:
    body = json.dumps({"result": {"items": [{**DEAL, "opportunity": "@"}]}}).replace('"@"', opportunity)
    assert fields(decode("deals", body.encode()))["amount"] == minor


@pytest.mark.parametrize("opportunity", ["true", "1e400", "NaN", "Infinity", '"a lot"', "[1]", "9" * 30])
def test_money_that_is_none_is_unset(opportunity: str) -> None:
    body = json.dumps({"result": {"items": [{**DEAL, "opportunity": "@"}]}}).replace('"@"', opportunity)
    assert "amount" not in fields(decode("deals", body.encode()))


def test_money_is_in_its_own_currency() -> None:
    said = deal(currencyId="JPY", opportunity=5184)
    assert (said["currency"], said["amount"]) == ("JPY", 5184)


@pytest.mark.parametrize(
    "value", [3157, [3157, 3159], ["", None, "3157"], pytest.param("3157", id="as text")]
)
def test_a_reason_that_is_chosen_from_a_list_is_named_by_the_list(value: Any) -> None:
    result = deals({**DEAL, "UF_CRM_1720": value}, office=BY_FIELD)
    assert fields(result)["reason_id"] == "3157"
    assert Need("reason", "3157") in result.needs


def test_a_reason_that_is_written_names_itself() -> None:
    result = deals({**DEAL, "UF_CRM_1720": "  Выбрал  других "}, office=BY_FIELD)
    assert fields(result)["reason_id"] == "выбрал других"
    named = [change for change in result.changes if change.entity == "reason"]
    assert {change.id: change.fields["name"] for change in named} == {"выбрал других": "Выбрал  других"}
    assert "reason" not in {need.entity for need in result.needs}


def test_a_reason_that_is_left_empty_is_none() -> None:
    for value in ("", None, False, [], 0, "0", " ", [""]):
        assert deal(BY_FIELD, UF_CRM_1720=value)["reason_id"] is None


def test_a_reason_whose_field_was_not_sent_is_unset() -> None:
    assert "reason_id" not in deal(BY_FIELD)
    assert "reason_id" not in deal(BY_FIELD, UF_CRM_1720={"id": 5})


def test_a_deal_without_the_time_of_its_change_is_as_it_was_when_asked_for() -> None:
    for updated in (None, "", "23.11.2026 10:15:00", "2026-11-23T10:15:00"):
        result = deals({**DEAL, "updatedTime": updated})
        assert [change.version for change in result.changes] == [NOW]


def test_a_deal_from_the_future_is_rejected_and_not_taken_for_gone() -> None:
    result = deals(
        {**DEAL, "updatedTime": "2026-11-25T10:15:00+03:00"}, {**DEAL, "id": 5102}, asked=("5101", "5102")
    )
    assert [rejection.error[:6] for rejection in result.rejections] == ["deals:"]
    assert {change.id for change in result.changes} == {"5102"}


def test_what_was_asked_for_and_is_not_there_is_gone() -> None:
    result = deals(DEAL, asked=("5100", "5101", "5102"))
    gone = [change for change in result.changes if change.deleted]
    assert gone == [Change("deal", each, NOW, deleted=True) for each in ("5100", "5102")]
    for empty in (answer({"items": []}), answer([])):
        assert [change.deleted for change in decode("deals", empty, "5101").changes] == [True]


@pytest.mark.parametrize("sent", [{}, {"id": "x"}, 5, None, {"id": True}, {"id": -5}])
def test_beside_an_entry_without_an_id_nothing_is_taken_for_gone(sent: Any) -> None:
    result = decode("deals", answer({"items": [sent, DEAL]}), "5101", "5102")
    assert len(result.rejections) == 1
    assert {change.id for change in result.changes} == {"5101"}
    assert not any(change.deleted for change in result.changes)


# Tasks


def test_an_activity_on_a_deal() -> None:
    result = decode("activities", answer([ACTIVITY]))
    said = Change(
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
            "url": "https://zerno.bitrix24.ru/crm/deal/details/5101/",
        },
    )
    assert result.changes == tuple(as_of([said], NOW))
    assert result.needs == (Need("manager", "31"),)


@pytest.mark.parametrize(
    ("kind", "client", "page_of"),
    [("3", "C_5101", "contact"), ("4", "CO_5101", "company"), ("1", None, "lead"), ("31", None, None)],
)
def test_an_activity_on_a_client_or_on_what_the_board_does_not_show(
    kind: str, client: str | None, page_of: str | None
) -> None:
    said = activity(OWNER_TYPE_ID=kind)
    assert (said["deal_id"], said["client_id"]) == (None, client)
    url = f"https://zerno.bitrix24.ru/crm/{page_of}/details/5101/" if page_of else None
    assert said.get("url") == url


def test_an_activity_is_completed_when_it_says_so() -> None:
    assert activity(COMPLETED="Y")["completed"] is True
    assert "completed" not in activity(COMPLETED="?")


@pytest.mark.parametrize("deadline", [None, "", "9999-12-31T00:00:00+03:00", "9999-01-01T00:00:00+00:00"])
def test_an_activity_may_be_due_never(deadline: str | None) -> None:
    assert activity(DEADLINE=deadline)["due_at"] is None


def test_a_due_time_that_cannot_be_read_is_unset() -> None:
    assert "due_at" not in activity(DEADLINE="tomorrow")
    assert "due_at" not in activity(DEADLINE="2026-11-23T12:00:00")


@pytest.mark.parametrize("sent", [{"TYPE_ID": "3"}, {"PROVIDER_ID": "CRM_TASKS_TASK"}, {"TYPE_ID": 3}])
def test_an_activity_that_shows_a_task_is_left_to_the_task(sent: dict[str, Any]) -> None:
    result = decode("activities", answer([{**ACTIVITY, **sent}]), "a3301")
    assert (result.changes, result.rejections, result.needs) == ((), (), ())


RECORDS: Final[tuple[dict[str, str], ...]] = (
    {"TYPE_ID": "2", "PROVIDER_ID": "VOXIMPLANT_CALL", "ORIGIN_ID": "VI_8f3c"},
    {"TYPE_ID": "4", "PROVIDER_ID": "CRM_EMAIL"},
    {"TYPE_ID": "6", "PROVIDER_ID": "CRM_SMS"},
    {"TYPE_ID": "2", "IS_INCOMING_CHANNEL": "Y"},
)


@pytest.mark.parametrize("sent", RECORDS)
def test_what_a_channel_logged_is_due_never_unless_somebody_gives_it_a_due_time(sent: dict[str, str]) -> None:
    logged = {**sent, "CREATED": "2026-11-23T12:00:01+03:00"}
    assert activity(**logged)["due_at"] is None
    assert activity(**logged, DEADLINE="2026-11-23T15:00:00+03:00")["due_at"] == utc("2026-11-23 12:00:00")


@pytest.mark.parametrize("sent", [{}, {"TYPE_ID": "2", "PROVIDER_ID": "VOXIMPLANT_CALL"}, {"TYPE_ID": "1"}])
def test_what_a_person_planned_is_due_even_if_planned_too_late(sent: dict[str, str]) -> None:
    assert activity(**sent, CREATED="2026-11-23T12:10:00+03:00")["due_at"] == utc("2026-11-23 09:00:00")


def test_a_task_on_a_deal() -> None:
    result = decode("tasks", answer({"tasks": [TASK]}))
    said = Change(
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
            "url": "https://zerno.bitrix24.ru/company/personal/user/31/tasks/task/view/901/",
        },
    )
    assert result.changes == tuple(as_of([said], NOW))
    assert result.needs == (Need("manager", "31"),)


@pytest.mark.parametrize(
    ("bound", "on"),
    [
        (["D_5101"], ("5101", None)),
        (["CO_9", "C_71"], (None, "C_71")),
        (["CO_9"], (None, "CO_9")),
        (["L_4", "D_5102", "D_5103"], ("5102", None)),
        (["L_4", "SI_8", "T82_1", "D_x", 5, "C_"], (None, None)),
        ([], (None, None)),
        (False, (None, None)),
        (None, (None, None)),
        ("", (None, None)),
    ],
)
def test_what_a_task_is_bound_to(bound: Any, on: tuple[str | None, str | None]) -> None:
    said = task(ufCrmTask=bound)
    assert (said["deal_id"], said["client_id"]) == on


@pytest.mark.parametrize("status", ["4", "5"])
def test_a_task_is_done_when_completed_and_when_it_awaits_control(status: Any) -> None:
    said = task(status=status, closedDate="2026-11-22T10:59:00+03:00")
    assert (said["completed"], said["completed_at"]) == (True, utc("2026-11-22 07:59:00"))
    assert "completed_at" not in task(status=status)


@pytest.mark.parametrize("status", ["1", "2", "3", "6", "7"])
def test_a_task_in_any_other_status_is_open(status: str) -> None:
    said = task(status=status, closedDate="2026-11-22T10:59:00+03:00")
    assert (said["completed"], said["completed_at"]) == (False, None)


def test_a_task_without_a_due_time() -> None:
    assert task(deadline=None)["due_at"] is None


# Names


def names(resource: str, body: bytes, office: Account = OFFICE) -> dict[tuple[str, str], Value]:
    result = decode(resource, body, office=office)
    assert result.rejections == ()
    return {(change.entity, change.id): change.fields["name"] for change in result.changes}


def test_names_of_managers_and_pipelines() -> None:
    people = [
        {"ID": "31", "NAME": "Анна", "LAST_NAME": "Орлова"},
        {"ID": 32, "NAME": "Борис", "LAST_NAME": ""},
    ]
    assert names("users", answer([*people, {"ID": "33", "NAME": "", "LAST_NAME": None}])) == {
        ("manager", "31"): "Анна Орлова",
        ("manager", "32"): "Борис",
    }
    listed = [{"id": 5, "name": "Опт"}, {"id": 0, "name": "Общая"}]
    assert names("pipelines", answer({"categories": listed})) == {
        ("pipeline", "5"): "Опт",
        ("pipeline", "0"): "Общая",
    }


def test_names_of_clients_are_dated_by_the_vendor() -> None:
    people = [{"id": 71, "name": "Иван", "lastName": "Петров", "updatedTime": "2026-11-20T10:00:00+03:00"}]
    firms = [{"id": 9, "title": "ООО «Зерно»"}]
    parts = {"contacts": {"items": people}, "companies": {"items": firms}}
    result = decode("batch", answer({"result": parts, "result_error": []}), "C_71", "CO_9", "C_72")
    assert result.changes == (
        Change("client", "C_71", utc("2026-11-20 07:00:00"), {"name": "Иван Петров"}),
        Change("client", "CO_9", NOW, {"name": "ООО «Зерно»"}),
    )


def stage(entity: str, status: str, name: str, semantics: str | None) -> dict[str, Any]:
    return {"ID": "101", "ENTITY_ID": entity, "STATUS_ID": status, "NAME": name, "SEMANTICS": semantics}


def test_the_stages_where_deals_are_lost_are_reasons() -> None:
    listed = [
        stage("STATUS", "JUNK", "Некачественный лид", "F"),
        stage("SOURCE", "CALL", "Звонок", None),
        stage("DEAL_STAGE", "NEW", "Новая", None),
        stage("DEAL_STAGE", "WON", "Сделка успешна", "S"),
        stage("DEAL_STAGE", "LOSE", "Выбрал других", "F"),
        stage("DEAL_STAGE_5", "C5:APOLOGY", "Дорого", "F"),
    ]
    assert names("stages", answer(listed)) == {
        ("reason", "LOSE"): "Выбрал других",
        ("reason", "C5:APOLOGY"): "Дорого",
    }


def test_the_entries_of_the_configured_field_are_reasons() -> None:
    entries = [{"ID": "3157", "VALUE": "Дорого"}, {"ID": "3159", "VALUE": "Дубль"}, {"ID": "x"}, 5]
    listed = [{"ID": "6799", "FIELD_NAME": "UF_CRM_1720", "USER_TYPE_ID": "enumeration", "LIST": entries}]
    found = names("choices", answer(listed), BY_FIELD)
    assert found == {("reason", "3157"): "Дорого", ("reason", "3159"): "Дубль"}
    assert names("choices", answer([{"ID": "6800", "USER_TYPE_ID": "string"}]), BY_FIELD) == {}


# The answer as a whole


def test_a_batch_says_what_its_parts_say() -> None:
    parts = {"activities": [ACTIVITY], "tasks": {"tasks": [TASK]}}
    result = decode("batch", answer({"result": parts, "result_error": []}), "a3301", "a3302", "901", "902")
    assert {(change.id, change.deleted) for change in result.changes} == {
        ("a3301", False),
        ("a3302", True),
        ("901", False),
        ("902", True),
    }


def test_of_what_a_part_of_a_batch_failed_to_say_nothing_is_gone() -> None:
    parts = {"result": {"activities": []}, "result_error": {"tasks": {"error": "insufficient_scope"}}}
    result = decode("batch", answer(parts), "a3301", "901")
    assert [(change.id, change.deleted) for change in result.changes] == [("a3301", True)]


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("deals", b"<html>"),
        ("deals", b"[" * 100_000),
        ("deals", b"{}"),
        ("deals", error("ACCESS_DENIED", "secret words")),
        ("deals", answer({"tasks": []})),
        ("deals", answer(None)),
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


def test_an_answer_is_itself_whenever_it_is_asked_for_unless_it_has_no_times() -> None:
    later = NOW + SECOND
    body = answer({"items": [DEAL]})
    assert decode("deals", body).key == decode("deals", body, at=later).key
    assert decode("deals", body).key != decode("contacts", body).key
    for undated in (answer({"items": [{"id": 5101}]}), answer({"items": []})):
        assert decode("deals", undated, "5101").key != decode("deals", undated, "5101", at=later).key
    people = answer([{"ID": "31", "NAME": "Анна"}])
    assert decode("users", people).key != decode("users", people, at=later).key


NAMES: Final = sorted(
    {
        *DEAL,
        *ACTIVITY,
        *TASK,
        "UF_CRM_1720",
        "NAME",
        "LAST_NAME",
        "ENTITY_ID",
        "STATUS_ID",
        "SEMANTICS",
        "LIST",
    }
)
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["F", "2", "Y", "D_1", "2026-11-23T10:00:00Z", "LOSE", "DEAL_STAGE", "9999-01-01T00:00:00Z"]
    )
)
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=6
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=12).map(
    lambda sent: {"id": 7, "ID": "7", "STATUS_ID": "LOSE", **sent}
)
lists = st.lists(objects | values, max_size=4)
results = lists | st.dictionaries(st.sampled_from(["items", "tasks", "categories"]), lists) | values
whole = st.dictionaries(st.sampled_from(["result", "error", "next", "time"]), results, max_size=4)
batches = st.dictionaries(st.sampled_from(sorted(RESOURCES)), results, max_size=3).map(
    lambda parts: {"result": {"result": parts}}
)
bodies = (whole | batches | results.map(lambda result: {"result": result})).map(
    lambda each: json.dumps(each).encode()
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
    for need in result.needs:
        assert 0 < len(need.id) <= ID_LENGTH
    for rejection in result.rejections:
        assert rejection.error.splitlines() == [rejection.error]
    API.verdict(Answer(200, {}, body))
    for started in (API.backfill(office, NOW), API.sweep(office, NOW)):
        for each in started:
            API.following(replace(each.first, resource=each.first.resource), Answer(200, {}, body))
