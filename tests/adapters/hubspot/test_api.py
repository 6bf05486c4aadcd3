"""HubSpot's API: the calls, their order, and what the answers come to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.api import (
    ASKED,
    GONE,
    JUNK,
    LOSSES_DAYS,
    RESOURCE,
    TASKS_DAYS,
    Answer,
    Call,
    Verdict,
    busy,
    refused,
)
from service.adapters.hubspot.answers import READERS
from service.adapters.hubspot.api import SEARCH_PAGE, HubSpotApi
from service.config import Account
from service.model import Change, Decoded, Entity, Instant, Need, Request, TroubleCode, Value, later
from service.projections.merge import Record, merge
from tests.adapters.hubspot.posts import PORTAL, office
from tests.adapters.posts import NOW, utc
from tests.adapters.test_contract import assert_sound, json_bodies

API = HubSpotApi()
OFFICE = office(api=True, account=str(PORTAL))
BY_CHOICE = office(api=True, account=str(PORTAL), reason_field="lost_because")
CHANGED = "2026-11-22T10:00:00.500Z"
VERSION = utc("2026-11-22 10:00:00.5")
PAGE = f"https://app.hubspot.com/contacts/{PORTAL}/record"
DAY_MS = 86_400_000  # milliseconds

DEAL: dict[str, str | None] = json.loads("""{
    "dealname": "Абонемент", "amount": "5184.00", "deal_currency_code": null, "dealstage": "15504",
    "pipeline": "default", "closedate": "2026-12-01T00:00:00Z", "hubspot_owner_id": "61001",
    "hs_is_closed": "false", "hs_is_closed_won": "false", "hs_is_closed_lost": "false",
    "closed_lost_reason": null, "hs_object_id": "42", "hs_lastmodifieddate": "2026-11-22T10:00:00.500Z"
}""")
LOST: dict[str, str | None] = json.loads("""{
    "hs_is_closed": "true", "hs_is_closed_lost": "true", "closedate": "2026-11-20T10:00:00Z",
    "closed_lost_reason": "Выбрал других"
}""")
TASK: dict[str, str | None] = json.loads("""{
    "hs_task_subject": "позвонить", "hs_task_status": "NOT_STARTED", "hs_task_completion_date": null,
    "hs_timestamp": "2026-11-22T12:00:00Z", "hubspot_owner_id": "61001",
    "hs_lastmodifieddate": "2026-11-22T10:00:00.500Z"
}""")


def record(id: str, properties: Mapping[str, str | None], **more: Any) -> dict[str, Any]:
    times = {"createdAt": "2026-11-01T10:00:00Z", "updatedAt": CHANGED}
    return {"id": id, "properties": properties, **times, "archived": False, **more}


def page(*results: dict[str, Any], after: str | None = None, **more: Any) -> bytes:
    paging = {} if after is None else {"paging": {"next": {"after": after, "link": "?"}}}
    return json.dumps({"results": results, **paging, **more}).encode()


def batch(*results: dict[str, Any], errors: list[dict[str, Any]] | None = None) -> bytes:
    """An answer to a batch, as the documents show it."""
    more: dict[str, Any] = {} if errors is None else {"errors": errors, "numErrors": len(errors)}
    return page(*results, status="COMPLETE", startedAt=CHANGED, completedAt=CHANGED, **more)


def not_there(*ids: str) -> list[dict[str, Any]]:
    return [{"status": "error", "category": "OBJECT_NOT_FOUND", "message": "-", "context": {"ids": ids}}]


FAILED = [{"status": "error", "category": "INTERNAL_ERROR"}]


def links(origin: str, *targets: str | int, primary: str | int | None = None) -> dict[str, Any]:
    """A record's links, as the documents show them."""
    types = {target: {"typeId": 3, "label": "Primary" if target == primary else None} for target in targets}
    to = [{"toObjectId": target, "associationTypes": [type]} for target, type in types.items()]
    return {"from": {"id": origin}, "to": to}


def decoded(resource: str, body: bytes, *asked: str, account: Account = OFFICE, at: Instant = NOW) -> Decoded:
    headers = {RESOURCE: resource, ASKED: " ".join(asked)}
    return API.decode(Request("GET", "", {}, headers, body, at), account)


def fields(result: Decoded) -> dict[str, Value]:
    """The fields of the first change in an answer without rejections."""
    assert result.rejections == ()
    return dict(result.changes[0].fields)


def deal(account: Account = OFFICE, /, **properties: str | None) -> dict[str, Value]:
    return fields(decoded("read:deals", batch(record("42", DEAL | properties)), account=account))


def task(**properties: str | None) -> dict[str, Value]:
    return fields(decoded("read:tasks", batch(record("7", TASK | properties))))


def ask(entity: Entity, *ids: str, account: Account = OFFICE) -> Call:
    call = API.ask([Need(entity, id) for id in ids], account)
    assert call is not None
    return call


def follow(call: Call, body: bytes, status: int = 200) -> Call:
    following = API.following(call, Answer(status, {}, body))
    assert following is not None
    return following


def recognised(call: Call, body: bytes) -> bool:
    return API.is_recognised(call, Answer(200, {}, body))


def is_last(call: Call, body: bytes, status: int = 200) -> bool:
    return API.following(call, Answer(status, {}, body)) is None


def content(call: Call) -> Any:
    return json.loads(call.body)


def test_the_token_is_in_a_header_and_nowhere_else() -> None:
    assert API.headers(OFFICE) == {"authorization": "Bearer pat-na1-secret"}
    assert API.headers(office()) == {}
    assert API.prefix(OFFICE) == ""
    calls = [stage.first for stage in (*API.backfill(OFFICE, NOW), *API.changes(OFFICE, NOW))]
    assert "pat-na1-secret" not in repr([*calls, ask("deal", "1")])


def test_deals_are_asked_for_whole_a_hundred_at_once() -> None:
    call = ask("deal", *map(str, range(1, 150)))
    assert call.path == "/crm/objects/2026-09/deals/batch/read"
    assert call.asked == tuple(map(str, range(1, 101)))
    assert content(call)["inputs"] == [{"id": id} for id in call.asked]
    read = {"dealname", "hs_is_closed_lost", "closed_lost_reason", "hs_lastmodifieddate"}
    assert read <= set(content(call)["properties"])


def test_the_configured_reason_property_is_asked_for() -> None:
    properties = content(ask("deal", "1", account=office(api=True, reason_field="lost_because")))[
        "properties"
    ]
    assert "lost_because" in properties
    assert "closed_lost_reason" not in properties


def test_an_id_that_is_no_record_is_not_asked_for() -> None:
    assert ask("task", "1", "x", "", "../2").asked == ("1",)
    assert API.ask([], OFFICE) is None
    for need in (Need("deal", "x"), Need("client", "x"), Need("client", "company-x")):
        assert API.ask([need], OFFICE) is None


def test_after_deals_come_their_contacts_and_for_the_rest_companies() -> None:
    deals = batch(*(record(id, DEAL) for id in "123"), errors=not_there("4"))
    contacts = follow(ask("deal", "1", "2", "3", "4"), deals, 207)
    assert contacts.path == "/crm/associations/2026-09/deals/contacts/batch/read"
    assert content(contacts) == {"inputs": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}
    companies = follow(contacts, batch(links("2", 70), errors=not_there("1", "3")), 207)
    assert companies.path == "/crm/associations/2026-09/deals/companies/batch/read"
    assert companies.asked == ("1", "3")
    assert is_last(companies, batch(links("1", 80), errors=not_there("3")), 207)


def test_a_tasks_deal_is_looked_for_before_its_client() -> None:
    deals = follow(ask("task", "1", "2"), batch(record("1", TASK), record("2", TASK)))
    contacts = follow(deals, batch(links("1", 5)))
    companies = follow(contacts, batch())
    assert [(call.path, call.asked) for call in (deals, contacts, companies)] == [
        ("/crm/associations/2026-09/tasks/deals/batch/read", ("1", "2")),
        ("/crm/associations/2026-09/tasks/contacts/batch/read", ("2",)),
        ("/crm/associations/2026-09/tasks/companies/batch/read", ("2",)),
    ]
    assert is_last(companies, batch())


def test_nothing_follows_where_there_is_nothing_more_to_ask() -> None:
    read = ask("deal", "1")
    assert is_last(read, batch(errors=not_there("1")), 207)
    contacts = follow(read, batch(record("1", DEAL)))
    assert is_last(contacts, batch(links("1", 7)))
    assert is_last(contacts, batch({"odd": 1}))


def test_companies_are_asked_for_after_contacts() -> None:
    clients = ("7", "company-7", "8")
    contacts = ask("client", *clients)
    assert (contacts.path, contacts.asked) == ("/crm/objects/2026-09/contacts/batch/read", clients)
    assert content(contacts)["inputs"] == [{"id": "7"}, {"id": "8"}]
    companies = follow(contacts, batch())
    assert companies.path == "/crm/objects/2026-09/companies/batch/read"
    assert content(companies)["inputs"] == [{"id": "7"}]
    assert is_last(companies, batch())
    assert ask("client", "company-7").resource == "names:companies"
    assert is_last(ask("client", "7"), batch())


def test_owners_are_listed_and_then_those_who_left() -> None:
    call = ask("manager", "61001")
    assert (call.path, call.asked) == ("/crm/owners/2026-09", ("61001",))
    second = follow(call, page(after="100"))
    assert dict(second.query) == {"archived": "false", "limit": "100", "after": "100"}
    left = follow(second, page())
    assert (dict(left.query), left.asked) == ({"archived": "true", "limit": "100"}, ("61001",))
    assert is_last(left, page())


def test_a_list_is_recognised_only_if_its_cursor_leads_on() -> None:
    deleted = next(stage.first for stage in API.changes(OFFICE, NOW) if stage.name == "deleted deals")
    second = follow(deleted, page(after="200"))
    assert not any(recognised(second, page(after=after)) for after in ("200", "199", "0"))
    assert is_last(second, page(after=""))
    opaque = follow(follow(second, page(after="201")), page(after="NTI1Cg=="))
    assert not recognised(opaque, page(after="NTI1Cg=="))
    assert recognised(opaque, page(after="NTI2Cg=="))


def test_pipelines_come_in_one_answer() -> None:
    call = ask("pipeline", "default")
    assert call.path == "/crm/pipelines/2026-09/deals"
    assert is_last(call, page(after="1"))


def test_a_backfill_lists_all_with_their_links() -> None:
    managers, pipelines, deals, tasks = API.backfill(OFFICE, NOW)
    assert [managers.name, pipelines.name] == ["managers", "pipelines"]
    for stage, links in ((deals, "contacts,companies"), (tasks, "deals,contacts,companies")):
        assert stage.first.path == f"/crm/objects/2026-09/{stage.name}"
        query = dict(stage.first.query)
        assert (query["archived"], query["limit"], query["associations"]) == ("false", "100", links)
        assert "hs_lastmodifieddate" in query["properties"].split(",")
        second = follow(stage.first, page(after="200"))
        assert dict(second.query) == query | {"after": "200"}
        assert is_last(second, page())


def test_a_sweep_searches_for_the_ids_and_times_of_all_that_counts() -> None:
    deals, tasks = API.sweep(OFFICE, NOW)
    now_ms = NOW // 1000
    assert deals.first.path == "/crm/objects/2026-09/deals/search"
    asked = content(deals.first)
    first_id = {"propertyName": "hs_object_id", "operator": "GT", "value": "0"}
    assert [group["filters"] for group in asked["filterGroups"]] == [
        [{"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"}, first_id],
        [
            {"propertyName": "hs_is_closed", "operator": "EQ", "value": "true"},
            {"propertyName": "hs_is_closed_won", "operator": "EQ", "value": "false"},
            {"propertyName": "closedate", "operator": "GTE", "value": str(now_ms - LOSSES_DAYS * DAY_MS)},
            first_id,
        ],
    ]
    assert asked["sorts"] == [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]
    assert asked["limit"] == SEARCH_PAGE
    assert asked["properties"] == content(tasks.first)["properties"] == ["hs_lastmodifieddate"]
    assert [group["filters"][0] for group in content(tasks.first)["filterGroups"]] == [
        {"propertyName": "hs_task_status", "operator": "NEQ", "value": "COMPLETED"},
        {"propertyName": "hs_timestamp", "operator": "GTE", "value": str(now_ms - TASKS_DAYS * DAY_MS)},
    ]


def test_changes_are_searched_by_their_time_and_deletions_listed() -> None:
    *searches, gone_deals, gone_tasks = API.changes(OFFICE, utc("2026-11-23 09:00:00.25"))
    assert [stage.name for stage in searches] == ["contacts", "companies", "deals", "tasks"]
    for stage in searches:
        (group,) = content(stage.first)["filterGroups"]
        assert group["filters"][0] == {
            "propertyName": "lastmodifieddate" if stage.name == "contacts" else "hs_lastmodifieddate",
            "operator": "GTE",
            "value": str(utc("2026-11-23 09:00:00.25") // 1000),
        }
    assert gone_deals.first.path == "/crm/objects/2026-09/deals"
    assert dict(gone_deals.first.query)["archived"] == "true"
    assert gone_tasks.first.path == "/crm/objects/2026-09/tasks"


def test_a_search_goes_on_from_the_largest_id_and_keeps_its_filters() -> None:
    first = API.sweep(OFFICE, NOW)[0].first
    second = follow(first, page(record("900", DEAL), record("1000", DEAL), after="200"))
    assert (second.resource, second.path) == (first.resource, first.path)
    groups = [group["filters"] for group in content(second)["filterGroups"]]
    assert [group[-1]["value"] for group in groups] == ["1000", "1000"]
    kept = [group["filters"][:-1] for group in content(first)["filterGroups"]]
    assert [group[:-1] for group in groups] == kept
    assert content(second)["properties"] == content(first)["properties"]
    assert is_last(second, page(record("1001", DEAL)))
    absurd = (page(record("1000", DEAL), after="400"), page(after="400"), page(record("7", DEAL)))
    assert not any(recognised(second, body) for body in absurd)


def problem(category: str, **more: str) -> bytes:
    """An error, as the documents show it."""
    error = {"status": "error", "message": "-", "correlationId": "-", "category": category}
    return json.dumps(error | more).encode()


def verdict(call: Call, status: int, body: bytes = b"", **headers: str) -> Verdict:
    return API.verdict(
        call, Answer(status, {name.replace("_", "-"): headers[name] for name in headers}, body)
    )


def test_what_a_status_means() -> None:
    call = ask("deal", "42")
    whole = batch(record("42", DEAL))
    assert verdict(call, 200, whole).meaning == verdict(call, 207, whole).meaning == "answered"
    for status in (201, 202, 204):
        assert verdict(call, status, whole) == JUNK
    for status, trouble in ((301, "api_moved"), (400, "api_rejected"), (402, "api_unpaid")):
        assert verdict(call, status) == refused(trouble)  # type: ignore[arg-type]
    for status in (404, 410):
        assert verdict(call, status, problem("OBJECT_NOT_FOUND")) == refused("api_not_found")
    for name, wait in (("TEN_SECONDLY_ROLLING", 10), ("SECONDLY", 1), ("DAILY", 3600), ("NEW", 10)):
        limited = problem("RATE_LIMITS", errorType="RATE_LIMIT", policyName=name)
        assert verdict(call, 429, limited) == busy(wait)
    assert verdict(call, 429, b"<html>") == busy(10)
    assert verdict(call, 429, retry_after="7") == busy(7)
    assert verdict(call, 423) == busy(2)
    assert verdict(call, 477, retry_after="60").retry_seconds == 60
    for status in (500, 502, 503, 504, 524):
        assert verdict(call, status) == busy()


@pytest.mark.parametrize("status", [200, 207, 400, 401, 403, 500])
@pytest.mark.parametrize(
    ("category", "trouble"),
    [
        ("INVALID_AUTHENTICATION", "api_token"),
        ("EXPIRED_AUTHENTICATION", "api_token"),
        ("REVOKED_AUTHENTICATION", "api_token"),
        ("MISSING_SCOPES", "api_forbidden"),
        ("USER_DOES_NOT_HAVE_PERMISSIONS", "api_forbidden"),
        ("BANNED", "api_forbidden"),
    ],
)
def test_the_category_of_an_error_counts_whatever_the_status(
    category: str, trouble: TroubleCode, status: int
) -> None:
    call = ask("deal", "42")
    assert verdict(call, status, problem(category)) == refused(trouble)
    of_a_part = batch(errors=[{"status": "error", "category": category}])
    assert verdict(call, status, of_a_part) == refused(trouble)


CALLS: Sequence[Call] = [
    *(stage.first for stage in API.backfill(BY_CHOICE, NOW)),
    *(stage.first for stage in API.changes(BY_CHOICE, NOW)),
    *(stage.first for stage in API.sweep(BY_CHOICE, NOW)),
    ask("deal", "42"),
    ask("task", "42"),
    ask("client", "42"),
    ask("client", "company-42"),
    follow(ask("deal", "42"), batch(record("42", DEAL))),
]


@pytest.mark.parametrize(
    "call", {call.resource: call for call in CALLS}.values(), ids=lambda call: call.resource
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html></html>",
        b'{"results": null}',
        b'{"status": "COMPLETE"}',
        b'{"results": [{"id": "42"',
        problem("VALIDATION_ERROR"),
        page(status="PENDING"),
        batch(errors=FAILED),
    ],
)
def test_junk_is_no_answer_to_any_call(call: Call, body: bytes) -> None:
    assert verdict(call, 200, body) == JUNK


def test_an_answer_by_ids_says_something_of_one_of_them() -> None:
    call = ask("deal", "42", "43")
    assert not recognised(call, batch())
    assert not recognised(call, batch(record("7", DEAL)))
    assert not recognised(call, batch(errors=not_there("7")))
    assert recognised(call, batch(errors=not_there("43")))
    assert recognised(call, batch(record("7", DEAL | {"hs_merged_object_ids": "9;43"})))


def test_a_record_of_which_an_answer_says_nothing_stays_needed() -> None:
    result = decoded("read:deals", batch(record("42", DEAL), errors=not_there("44")), "42", "43", "44")
    assert [(change.id, change.deleted) for change in result.changes[-1:]] == [("44", True)]
    assert [rejection.error for rejection in result.rejections] == ["the answer says nothing of deal 43"]


@pytest.mark.parametrize("resource", ["read:deals", "list:deals"])
def test_a_record_that_was_merged_into_another_is_gone(resource: str) -> None:
    merged = record("42", DEAL | {"hs_merged_object_ids": "43;44;x"})
    result = decoded(resource, batch(merged), "42", "43")
    mergers = tuple(Change("merger", f"deal {id}", NOW, {"into_id": "42"}) for id in ("43", "44"))
    gone = tuple(Change("deal", id, NOW, deleted=True) for id in ("43", "44"))
    assert result.changes[-4:] == (*mergers, *gone)
    assert sum(change.deleted for change in result.changes) == 2
    assert result.rejections == ()


def test_a_client_that_was_merged_into_another_is_gone() -> None:
    for resource in ("names:contacts", "search:contacts"):
        sent = {"firstname": "Иван", "hs_merged_object_ids": "43", "lastmodifieddate": CHANGED}
        result = decoded(resource, page(record("42", sent)))
        merger = Change("merger", "client 43", NOW, {"into_id": "42"})
        assert result.changes[1:] == (merger, Change("client", "43", NOW, deleted=True))
    company = decoded("names:companies", page(record("42", {"name": "x", "hs_merged_object_ids": "43"})))
    assert company.changes[1].id == "client company-43"


CHOICE = json.dumps(
    {
        "name": "lost_because",
        "label": "Why",
        "type": "enumeration",
        "fieldType": "checkbox",
        "options": [
            {"label": "Выбрал других", "value": "chose other", "hidden": False},
            {"label": "Да", "value": "true", "hidden": True},
            {"label": "", "value": "empty"},
        ],
    }
).encode()
TEXT = b'{"name": "lost_because", "label": "Why", "type": "string", "fieldType": "text", "options": []}'


def test_reasons_are_asked_for_by_the_definition_of_their_property() -> None:
    account = BY_CHOICE
    call = ask("reason", "chose other;true", account=account)
    assert (call.path, call.body) == ("/crm/properties/2026-09/deals/lost_because", b"")
    assert recognised(call, CHOICE)
    assert is_last(call, CHOICE)
    (stage,) = (stage for stage in API.changes(account, NOW) if stage.name == "reasons")
    assert stage.first.path == call.path
    assert verdict(call, 404, problem("OBJECT_NOT_FOUND")) == GONE
    assert verdict(call, 404, b"<html>") == refused("api_not_found")
    assert API.field(account) == replace(call, asked=())
    assert API.has_field(Answer(200, {}, CHOICE), account)
    assert decoded("reasons", b"").rejections == ()
    assert "reasons" in [stage.name for stage in API.backfill(account, NOW)]


def test_hubspots_own_property_is_a_text_and_not_asked_about() -> None:
    assert API.ask([Need("reason", "x")], OFFICE) is None
    assert API.field(OFFICE) is None
    assert "reasons" not in [stage.name for stage in API.changes(OFFICE, NOW)]


def test_a_choice_is_called_by_its_label_and_several_by_the_first() -> None:
    def called(definition: bytes, *asked: str) -> dict[str, Value]:
        call = ask("reason", *asked, account=BY_CHOICE) if asked else API.backfill(BY_CHOICE, NOW)[2].first
        result = decoded("reasons", definition, *call.asked)
        assert result.rejections == ()
        assert {(change.entity, change.version) for change in result.changes} == {("reason", NOW)}
        return {change.id: change.fields["name"] for change in result.changes}

    assert called(CHOICE) == {"chose other": "Выбрал других", "true": "Да", "empty": "empty"}
    named = called(CHOICE, "chose other", "true;chose other", ";chose other", "old;true", "dropped")
    assert named["chose other"] == named[";chose other"] == "Выбрал других"
    assert named["true;chose other"] == named["old;true"] == "Да"
    assert named["dropped"] == "dropped"
    assert called(TEXT, "Дорого; далеко") == {"Дорого; далеко": "Дорого; далеко"}


def test_an_open_deal() -> None:
    result = decoded("read:deals", batch(record("42", DEAL)), "42")
    wanted = Change(
        "deal",
        "42",
        VERSION,
        {
            "known": True,
            "name": "Абонемент",
            "currency": None,
            "amount": 518400,
            "status": "open",
            "closed_at": None,
            "manager_id": "61001",
            "pipeline_id": "default",
            "reason_id": None,
            "url": f"{PAGE}/0-3/42",
        },
    )
    assert result.changes == (wanted, msgspec.structs.replace(wanted, version=NOW))
    assert result.needs == ()
    assert "url" not in deal(office())


def test_a_lost_deal() -> None:
    result = decoded("read:deals", batch(record("42", DEAL | LOST)), "42")
    lost = fields(result)
    assert (lost["status"], lost["closed_at"]) == ("lost", utc("2026-11-20 10:00:00"))
    assert lost["reason_id"] == "Выбрал других"
    assert Change("reason", "Выбрал других", VERSION, {"name": "Выбрал других"}) in result.changes
    assert deal(**LOST | {"closed_lost_reason": None})["reason_id"] is None
    assert "reason_id" not in deal(office(reason_field="lost_because"), **LOST)


def test_a_deal_is_lost_since_it_entered_its_stage() -> None:
    def entering(stage_at: str | None) -> Decoded:
        sent = DEAL | LOST | {"hs_v2_date_entered_current_stage": stage_at}
        return decoded("read:deals", batch(record("42", sent)), "42")

    def since(stage_at: str | None) -> Instant | None:
        state = Record()
        for change in entering(stage_at).changes:
            merge(state, change, 1)
        return state.since

    assert since("2026-11-05T10:00:00Z") == utc("2026-11-05 10:00:00")
    assert since(None) == since("2026-11-22T12:00:00Z") == VERSION
    (unread,) = entering("soon").rejections
    assert unread.error.startswith("hs_v2_date_entered_current_stage: ")
    assert (
        len(
            decoded(
                "read:deals", batch(record("42", DEAL | LOST | {"hs_v2_date_entered_current_stage": "soon"}))
            ).rejections
        )
        == 1
    )


@pytest.mark.parametrize(
    ("closed", "won", "lost", "status"),
    [
        ("true", "true", "false", "won"),
        ("true", "false", None, "lost"),
        (None, "false", "false", "open"),
        ("false", None, None, "open"),
        (None, None, None, None),
    ],
)
def test_the_flags_of_a_deal_say_its_status(
    closed: str | None, won: str | None, lost: str | None, status: str | None
) -> None:
    sent = deal(hs_is_closed=closed, hs_is_closed_won=won, hs_is_closed_lost=lost)
    assert sent.get("status") == status


def test_a_deals_money_is_in_its_own_currency() -> None:
    def money(**sent: str | None) -> tuple[Value, Value]:
        return deal(**sent)["currency"], deal(**sent)["amount"]

    assert money(amount="5184", deal_currency_code="JPY") == ("JPY", 5184)
    assert money(amount="5184.125", deal_currency_code="KWD") == ("KWD", 5_184_125)
    assert money(amount="", deal_currency_code=None) == (None, None)


def test_tasks() -> None:
    result = decoded("read:tasks", batch(record("7", TASK)), "7")
    assert result.changes[0] == Change(
        "task",
        "7",
        VERSION,
        {
            "text": "позвонить",
            "completed": False,
            "completed_at": None,
            "due_at": utc("2026-11-22 12:00:00"),
            "manager_id": "61001",
            "url": f"{PAGE}/0-27/7",
        },
    )
    assert result.needs == ()
    done = task(hs_task_status="COMPLETED", hs_task_completion_date="2026-11-22T13:00:00Z")
    assert (done["completed"], done["completed_at"]) == (True, utc("2026-11-22 13:00:00"))
    undated = task(hs_task_status="COMPLETED")
    assert undated["completed"] is True
    assert "completed_at" not in undated
    assert task(hs_task_completion_date="2026-11-22T12:00:00Z")["completed_at"] is None


@pytest.mark.parametrize(("resource", "entity"), [("read:deals", "deal"), ("read:tasks", "task")])
def test_a_record_that_was_asked_for_and_is_left_out_is_deleted(resource: str, entity: Entity) -> None:
    deletion = Change(entity, "9", NOW, deleted=True)
    missing = batch(record("42", DEAL | TASK), errors=not_there("9"))
    assert decoded(resource, missing, "42", "9").changes[-1] == deletion
    left_out = batch(record("42", DEAL | TASK))
    for doubtful in (
        left_out,
        batch(errors=FAILED),
        page(status="CANCELED"),
        batch({"id": None}),
        b"{}",
        b"",
    ):
        assert not any(change.deleted for change in decoded(resource, doubtful, "42", "9").changes)


def test_a_record_from_a_search_is_asked_for_whole_and_dated_by_its_last_change() -> None:
    result = decoded("search:deals", page(record("42", DEAL)))
    assert [change.version for change in result.changes] == [VERSION]
    assert Need("deal", "42") in result.needs
    assert decoded("search:deals", page(record("42", DEAL)), at=later(NOW, 1)).key == result.key
    assert decoded("search:tasks", page(record("42", DEAL | TASK))).key != result.key


def ends(**linked: list[tuple[int, str]]) -> dict[str, Any]:
    """A record's links, as a list has them."""
    results = {name: [{"id": str(id), "type": type} for id, type in ids] for name, ids in linked.items()}
    return {"associations": {name: {"results": results[name]} for name in results}}


def test_a_list_has_the_links_too() -> None:
    def client(**linked: list[tuple[int, str]]) -> Value:
        result = decoded("list:deals", page(record("42", DEAL, **ends(**linked))))
        assert {change.version for change in result.changes} == {VERSION, NOW}
        assert len({repr(change.fields) for change in result.changes}) == 1
        return fields(result)["client_id"]

    companies = [(7, "deal_to_company_unlabeled"), (80, "deal_to_company"), (80, "deal_to_company_unlabeled")]
    both = client(contacts=[(80, "deal_to_contact"), (9, "deal_to_contact")], companies=companies)
    assert both == "9"
    assert client(companies=companies) == "company-80"
    assert client() is None
    on_deal = ends(deals=[(42, "task_to_deal")], contacts=[(9, "task_to_contact")])
    result = decoded("list:tasks", page(record("7", TASK, **on_deal)))
    assert (fields(result)["deal_id"], fields(result)["client_id"]) == ("42", None)
    assert result.needs == ()
    on_client = fields(
        decoded("list:tasks", page(record("7", TASK, **ends(contacts=[(9, "task_to_contact")]))))
    )
    assert (on_client["deal_id"], on_client["client_id"]) == (None, "9")


def test_tasks_completed_long_ago_are_left_out_of_a_list() -> None:
    def listed(due: str | None, completed: str | None, status: str = "COMPLETED") -> bool:
        times = {"hs_timestamp": due, "hs_task_completion_date": completed, "hs_task_status": status}
        return bool(decoded("list:tasks", page(record("7", TASK | times))).changes)

    long_ago, lately = "2026-10-01T00:00:00Z", "2026-11-20T00:00:00Z"
    assert not listed(long_ago, long_ago)
    assert not listed(None, None)
    assert listed(long_ago, lately)
    assert listed(lately, long_ago)
    assert listed(long_ago, None, "NOT_STARTED")


def test_a_sweep_has_every_record() -> None:
    listed = page(*(record(id, {"hs_lastmodifieddate": CHANGED}) for id in "12"))
    deals = tuple(Change("deal", id, VERSION, {"known": True}) for id in "12")
    assert decoded("sweep:deals", listed).changes == deals
    assert decoded("sweep:tasks", listed).changes == tuple(Change("task", id, VERSION) for id in "12")
    assert decoded("sweep:deals", listed).needs == ()


def test_a_deleted_record_was_deleted_when_it_was_archived() -> None:
    archived = record("42", {}, archived=True, archivedAt="2026-11-22T11:00:00Z")
    for resource in ("archived:deals", "search:deals"):
        result = decoded(resource, page(archived))
        assert result.changes == (Change("deal", "42", utc("2026-11-22 11:00:00"), deleted=True),)
        assert result.needs == ()


def test_a_deals_client_is_its_first_contact_or_its_primary_company() -> None:
    result = decoded("links:deals:contacts", batch(links("42", "80", 9)), "42", "43")
    assert result.changes == (Change("deal", "42", NOW, {"known": True, "client_id": "9"}),)
    company = batch(links("42", 70, "80", primary="80"))
    result = decoded("links:deals:companies", company, "42", "43")
    assert result.changes == (
        Change("deal", "42", NOW, {"known": True, "client_id": "company-80"}),
        Change("deal", "43", NOW, {"known": True, "client_id": None}),
    )


def test_a_task_is_on_a_deal_or_on_the_client_itself() -> None:
    on_deal = decoded("links:tasks:deals", batch(links("7", 42)), "7", "8")
    assert on_deal.changes == (Change("task", "7", NOW, {"deal_id": "42", "client_id": None}),)
    on_contact = decoded("links:tasks:contacts", batch(links("7", 5)), "7", "8")
    assert on_contact.changes == (Change("task", "7", NOW, {"deal_id": None, "client_id": "5"}),)
    nowhere = decoded("links:tasks:companies", batch(errors=not_there("7")), "7")
    assert nowhere.changes == (Change("task", "7", NOW, {"deal_id": None, "client_id": None}),)
    assert decoded("links:tasks:companies", batch(errors=FAILED), "7").changes == ()


def test_names() -> None:
    def name(resource: str, *results: dict[str, Any]) -> list[tuple[Entity, str, Value]]:
        result = decoded(resource, page(*results), "1")
        assert {change.version for change in result.changes} <= {NOW}
        return [(change.entity, change.id, change.fields["name"]) for change in result.changes]

    contact = {"firstname": "Иван", "lastname": "Петров", "email": "ivan@example.com"}
    assert name("names:contacts", record("1", contact)) == [("client", "1", "Иван Петров")]
    assert name("names:contacts", record("1", contact | {"lastname": None})) == [("client", "1", "Иван")]
    unnamed = {"firstname": "", "lastname": None, "email": "ivan@example.com"}
    assert name("names:contacts", record("1", unnamed)) == [("client", "1", "ivan@example.com")]
    assert name("names:contacts", record("1", {})) == []
    company = {"name": None, "domain": "example.com"}
    assert name("names:companies", record("1", company)) == [("client", "company-1", "example.com")]
    anna = {"id": "61001", "firstName": "Анна", "lastName": "К"}
    oleg = {"id": 61002, "email": "oleg@example.com"}
    managers = [("manager", "61001", "Анна К"), ("manager", "61002", "oleg@example.com")]
    assert name("owners", anna, oleg) == managers
    pipelines = {"id": "default", "label": "Продажи", "stages": [{"id": "closedlost"}]}
    assert name("pipelines", pipelines) == [("pipeline", "default", "Продажи")]


def test_a_name_from_a_search_is_dated_by_its_record() -> None:
    company = decoded("search:companies", page(record("1", {"name": "Ромашка"})))
    assert company.changes == (Change("client", "company-1", VERSION, {"name": "Ромашка"}),)
    assert company.needs == ()
    contact = page(record("1", {"firstname": "Иван", "lastmodifieddate": CHANGED}))
    assert decoded("search:contacts", contact).changes == (Change("client", "1", VERSION, {"name": "Иван"}),)
    assert (
        decoded("search:contacts", contact, at=later(NOW, 1)).key == decoded("search:contacts", contact).key
    )


def test_a_bad_result_costs_its_neighbours_nothing() -> None:
    bad = record("9", DEAL | {"amount": "many"})
    body = batch(record("x", DEAL), bad, {"id": "3"}, record("4", DEAL))
    result = decoded("read:deals", body, "4", "9")
    assert {change.id for change in result.changes if change.entity == "deal"} == {"9", "4"}
    assert [(rejection.part, rejection.error.partition(":")[0]) for rejection in result.rejections] == [
        (0, "the record's id is missing or is not a number"),
        (1, "amount"),
        (2, "the record does not say when it was changed"),
    ]


def test_a_body_that_is_no_answer_is_one_rejection() -> None:
    for resource, body in (("read:deals", b"<html>"), ("owners", b"[]"), ("", b"{}"), ("read:x", batch())):
        result = decoded(resource, body, "1")
        assert result.changes == ()
        assert len(result.rejections) == 1


results: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["1", 2, "x", None]),
            "from": st.sampled_from([{"id": "1"}, {}, None]),
            "to": st.sampled_from([[], [{"toObjectId": 5}], [{}], None]),
            "updatedAt": st.sampled_from([CHANGED, "9999-12-31T23:59:59Z", "", "soon"]),
            "archived": st.booleans(),
            "properties": st.dictionaries(
                st.sampled_from(sorted(DEAL | TASK)),
                st.sampled_from(["true", "false", "1E99", CHANGED, "closedlost", "COMPLETED", "-5.5"])
                | st.none()
                | st.text(max_size=300),
            ),
        },
    ),
    max_size=3,
)
answers = results.map(lambda sent: json.dumps({"results": sent, "status": "COMPLETE"}).encode()) | json_bodies


@given(
    resource=st.sampled_from([*READERS, "x"]),
    body=answers | st.binary(),
    asked=st.lists(st.text(max_size=5)),
)
def test_no_answer_raises_and_every_change_is_sound(resource: str, body: bytes, asked: list[str]) -> None:
    result = decoded(resource, body, "1", *asked)
    for change in result.changes:
        assert_sound(change)
    assert decoded(resource, body, "1", *asked) == result
    call = Call(resource, "/", (("archived", "false"),), API.sweep(OFFICE, NOW)[0].first.body, ("1", "2"))
    if API.is_recognised(call, Answer(200, {}, body)):
        assert API.following(call, Answer(200, {}, body)) != call
