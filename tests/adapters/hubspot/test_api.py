"""HubSpot's API: what is asked, in which order, and what the answers say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.api import ASKED, LOSSES_DAYS, RESOURCE, TASKS_DAYS, Answer, Call
from service.adapters.hubspot.answers import READERS
from service.adapters.hubspot.api import SEARCH_PAGE, HubSpotApi
from service.config import Account
from service.model import Change, Decoded, Entity, Instant, Need, Request, Value
from tests.adapters.hubspot.posts import PORTAL, office
from tests.adapters.posts import NOW, utc
from tests.adapters.test_contract import assert_sound, json_bodies

API = HubSpotApi()
OFFICE = office(api=True, account=str(PORTAL))
CHANGED = "2026-11-22T10:00:00.500Z"
VERSION = utc("2026-11-22 10:00:00.5")
PAGE = f"https://app.hubspot.com/contacts/{PORTAL}/record"
DAY_MS = 86_400_000

DEAL: dict[str, str | None] = {
    "dealname": "Абонемент",
    "amount": "5184.00",
    "deal_currency_code": None,
    "dealstage": "15504",
    "pipeline": "default",
    "closedate": "2026-12-01T00:00:00Z",
    "hubspot_owner_id": "61001",
    "hs_is_closed": "false",
    "hs_is_closed_won": "false",
    "hs_is_closed_lost": "false",
    "closed_lost_reason": None,
    "hs_lastmodifieddate": CHANGED,
    "hs_object_id": "42",
}
LOST: dict[str, str | None] = {
    "hs_is_closed": "true",
    "hs_is_closed_lost": "true",
    "closedate": "2026-11-20T10:00:00Z",
    "closed_lost_reason": "Выбрал других",
}
TASK: dict[str, str | None] = {
    "hs_task_subject": "позвонить",
    "hs_task_status": "NOT_STARTED",
    "hs_task_completion_date": None,
    "hs_timestamp": "2026-11-22T12:00:00Z",
    "hubspot_owner_id": "61001",
    "hs_lastmodifieddate": CHANGED,
}


def record(key: str, properties: Mapping[str, str | None], **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "properties": properties,
        "createdAt": "2026-11-01T10:00:00Z",
        "updatedAt": CHANGED,
        "archived": False,
        **more,
    }


def page(*results: dict[str, Any], after: str | None = None, **more: Any) -> bytes:
    paging = {} if after is None else {"paging": {"next": {"after": after, "link": "?"}}}
    return json.dumps({"results": results, **paging, **more}).encode()


def batch(*results: dict[str, Any], errors: list[dict[str, Any]] | None = None) -> bytes:
    """A batch answer as documents show it."""
    more: dict[str, Any] = {} if errors is None else {"errors": errors, "numErrors": len(errors)}
    times: dict[str, Any] = {"startedAt": CHANGED, "completedAt": CHANGED}
    return page(*results, status="COMPLETE", **times, **more)


def not_there(*ids: str) -> list[dict[str, Any]]:
    return [{"status": "error", "category": "OBJECT_NOT_FOUND", "message": "-", "context": {"ids": ids}}]


def links(origin: str, *targets: str | int, primary: str | int | None = None) -> dict[str, Any]:
    """A record's links, as documents show them."""

    def types(target: str | int) -> list[dict[str, Any]]:
        label = "Primary" if target == primary else None
        return [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": label}]

    return {
        "from": {"id": origin},
        "to": [{"toObjectId": target, "associationTypes": types(target)} for target in targets],
    }


def answered(body: bytes, status: int = 200) -> Answer:
    return Answer(status, {}, body)


def said(resource: str, body: bytes, *asked: str, account: Account = OFFICE, at: Instant = NOW) -> Decoded:
    headers = {RESOURCE: resource, ASKED: " ".join(asked)}
    return API.decode(Request("GET", "", {}, headers, body, at), account)


def fields(decoded: Decoded) -> dict[str, Value]:
    """The first change's fields, of an answer that is wholly sound."""
    assert decoded.rejections == ()
    return dict(decoded.changes[0].fields)


def content(call: Call | None) -> Any:
    assert call is not None
    return json.loads(call.body)


def needs(entity: Entity, *ids: str) -> list[Need]:
    return [Need(entity, key) for key in ids]


def test_the_token_is_in_a_header_and_nowhere_else() -> None:
    assert API.headers(OFFICE) == {"authorization": "Bearer pat-na1-secret"}
    assert API.headers(office()) == {}
    assert API.prefix(OFFICE) == ""
    calls = [stage.first for stage in (*API.backfill(OFFICE, NOW), *API.changes(OFFICE, NOW))]
    assert "pat-na1-secret" not in repr([*calls, API.ask(needs("deal", "1"), OFFICE)])


def test_deals_are_asked_for_whole_a_hundred_at_once() -> None:
    call = API.ask(needs("deal", *map(str, range(1, 150))), OFFICE)
    assert call is not None
    assert call.path == "/crm/objects/2026-09/deals/batch/read"
    assert call.asked == tuple(map(str, range(1, 101)))
    assert content(call)["inputs"] == [{"id": each} for each in call.asked]
    assert {"dealname", "hs_is_closed_lost", "closed_lost_reason", "hs_lastmodifieddate"} <= set(
        content(call)["properties"]
    )


def test_the_reasons_own_property_is_asked_for() -> None:
    call = API.ask(needs("deal", "1"), office(api=True, reason_field="lost_because"))
    assert "lost_because" in content(call)["properties"]
    assert "closed_lost_reason" not in content(call)["properties"]


def test_what_is_no_record_is_not_asked_for() -> None:
    call = API.ask(needs("task", "1", "x", "", "../2"), OFFICE)
    assert call is not None
    assert call.asked == ("1",)
    assert API.ask(needs("deal", "x"), OFFICE) is None
    assert API.ask(needs("client", "x", "company-x"), OFFICE) is None
    assert API.ask(needs("reason", "x"), OFFICE) is None
    assert API.ask([], OFFICE) is None


def test_after_deals_come_their_contacts_and_for_the_rest_companies() -> None:
    read = API.ask(needs("deal", "1", "2", "3", "4"), OFFICE)
    assert read is not None
    deals = batch(*(record(key, DEAL) for key in "123"), errors=not_there("4"))
    contacts = API.following(read, answered(deals, 207))
    assert contacts is not None
    assert contacts.path == "/crm/associations/2026-09/deals/contacts/batch/read"
    assert content(contacts) == {"inputs": [{"id": "1"}, {"id": "2"}, {"id": "3"}]}
    companies = API.following(contacts, answered(batch(links("2", 70), errors=not_there("1", "3")), 207))
    assert companies is not None
    assert companies.path == "/crm/associations/2026-09/deals/companies/batch/read"
    assert companies.asked == ("1", "3")
    assert API.following(companies, answered(batch(links("1", 80), errors=not_there("3")), 207)) is None


def test_a_tasks_deal_is_looked_for_before_its_client() -> None:
    read = API.ask(needs("task", "1", "2"), OFFICE)
    paths = []
    call = read and API.following(read, answered(batch(record("1", TASK), record("2", TASK))))
    while call is not None:
        paths.append((call.path, call.asked))
        call = API.following(call, answered(batch(links("1", 5)) if len(paths) == 1 else batch()))
    assert paths == [
        ("/crm/associations/2026-09/tasks/deals/batch/read", ("1", "2")),
        ("/crm/associations/2026-09/tasks/contacts/batch/read", ("2",)),
        ("/crm/associations/2026-09/tasks/companies/batch/read", ("2",)),
    ]


def test_nothing_follows_what_was_not_answered_or_not_wholly() -> None:
    read = API.ask(needs("deal", "1"), OFFICE)
    assert read is not None
    assert API.following(read, answered(batch(record("1", DEAL)), 500)) is None
    assert API.following(read, answered(batch(errors=not_there("1")), 207)) is None
    contacts = API.following(read, answered(batch(record("1", DEAL))))
    assert contacts is not None
    failed = [{"status": "error", "category": "INTERNAL_ERROR"}]
    for body in (b"", b"{}", batch(errors=failed), page(status="PENDING"), batch({"odd": 1})):
        assert API.following(contacts, answered(body, 207)) is None


def test_contacts_and_companies_are_asked_for_one_after_the_other() -> None:
    clients = ("7", "company-7", "8")
    contacts = API.ask(needs("client", *clients), OFFICE)
    assert contacts is not None
    assert (contacts.path, contacts.asked) == ("/crm/objects/2026-09/contacts/batch/read", clients)
    assert content(contacts)["inputs"] == [{"id": "7"}, {"id": "8"}]
    companies = API.following(contacts, answered(batch()))
    assert companies is not None
    assert companies.path == "/crm/objects/2026-09/companies/batch/read"
    assert content(companies)["inputs"] == [{"id": "7"}]
    assert API.following(companies, answered(batch())) is None
    alone = API.ask(needs("client", "company-7"), OFFICE)
    assert alone is not None
    assert alone.resource == "names:companies"
    only = API.ask(needs("client", "7"), OFFICE)
    assert only is not None
    assert API.following(only, answered(batch())) is None


def test_owners_are_listed_and_then_those_who_left() -> None:
    call = API.ask(needs("manager", "61001"), OFFICE)
    assert call is not None
    assert (call.path, call.asked) == ("/crm/owners/2026-09", ("61001",))
    second = API.following(call, answered(page(after="100")))
    assert second is not None
    assert dict(second.query) == {"archived": "false", "limit": "100", "after": "100"}
    left = API.following(second, answered(page()))
    assert left is not None
    assert dict(left.query) == {"archived": "true", "limit": "100"}
    assert left.asked == ("61001",)
    assert API.following(left, answered(page())) is None


def test_a_list_ends_when_a_cursor_does_not_lead_on() -> None:
    listed = next(stage.first for stage in API.changes(OFFICE, NOW) if stage.name == "deleted deals")
    second = API.following(listed, answered(page(after="200")))
    assert second is not None
    for after in ("200", "199", "0", ""):
        assert API.following(second, answered(page(after=after))) is None
    third = API.following(second, answered(page(after="201")))
    assert third is not None
    opaque = API.following(third, answered(page(after="NTI1Cg==")))
    assert opaque is not None
    assert API.following(opaque, answered(page(after="NTI1Cg=="))) is None


def test_pipelines_come_in_one_answer() -> None:
    call = API.ask(needs("pipeline", "default"), OFFICE)
    assert call is not None
    assert call.path == "/crm/pipelines/2026-09/deals"
    assert API.following(call, answered(page(after="1"))) is None


def test_a_backfill_lists_all_with_their_links() -> None:
    managers, pipelines, deals, tasks = API.backfill(OFFICE, NOW)
    assert [managers.name, pipelines.name] == ["managers", "pipelines"]
    for stage, links in ((deals, "contacts,companies"), (tasks, "deals,contacts,companies")):
        assert stage.first.path == f"/crm/objects/2026-09/{stage.name}"
        query = dict(stage.first.query)
        assert (query["archived"], query["limit"], query["associations"]) == ("false", "100", links)
        assert "hs_lastmodifieddate" in query["properties"].split(",")
        second = API.following(stage.first, answered(page(after="200")))
        assert second is not None
        assert dict(second.query) == query | {"after": "200"}
        assert API.following(second, answered(page())) is None


def test_a_sweep_searches_for_what_counts_and_asks_no_more_than_its_time() -> None:
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
    second = API.following(first, answered(page(record("900", DEAL), record("1000", DEAL), after="200")))
    assert second is not None
    assert (second.resource, second.path) == (first.resource, first.path)
    groups = [group["filters"] for group in content(second)["filterGroups"]]
    assert [group[-1]["value"] for group in groups] == ["1000", "1000"]
    assert [group[:-1] for group in groups] == [
        group["filters"][:-1] for group in content(first)["filterGroups"]
    ]
    assert content(second)["properties"] == content(first)["properties"]
    assert API.following(second, answered(page(record("1001", DEAL)))) is None
    for absurd in (page(record("1000", DEAL), after="400"), page(after="400"), b"[]", b"{"):
        assert API.following(second, answered(absurd)) is None


def test_what_a_status_means() -> None:
    def verdict(status: int, body: bytes = b"", **headers: str) -> tuple[str, float | None]:
        return API.verdict(
            Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        )

    assert verdict(200) == verdict(207) == ("answered", None)
    for status in (400, 401, 403, 404, 410):
        assert verdict(status) == ("refused", None)
    for name, wait in (("TEN_SECONDLY_ROLLING", 10), ("SECONDLY", 1), ("DAILY", 3600), ("NEW", 10)):
        body = json.dumps({"status": "error", "errorType": "RATE_LIMIT", "policyName": name}).encode()
        assert verdict(429, body) == ("later", wait)
    assert verdict(429, b"<html>") == ("later", 10)
    assert verdict(429, retry_after="7") == ("later", 7)
    assert verdict(423) == ("later", 2)
    assert verdict(477, retry_after="60") == ("later", 60)
    for status in (500, 502, 503, 504, 524):
        assert verdict(status) == ("later", None)


def test_an_open_deal() -> None:
    result = said("read:deals", batch(record("42", DEAL)), "42")
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
    assert result.changes == (wanted, replace(wanted, version=NOW))
    assert result.needs == (Need("manager", "61001"), Need("pipeline", "default"))
    assert "url" not in fields(said("read:deals", batch(record("42", DEAL)), account=office()))


def test_a_lost_deal() -> None:
    result = said("read:deals", batch(record("42", DEAL | LOST)), "42")
    lost = fields(result)
    assert (lost["status"], lost["closed_at"]) == ("lost", utc("2026-11-20 10:00:00"))
    assert lost["reason_id"] == "выбрал других"
    assert Change("reason", "выбрал других", VERSION, {"name": "Выбрал других"}) in result.changes
    without = fields(said("read:deals", batch(record("42", DEAL | LOST | {"closed_lost_reason": None}))))
    assert without["reason_id"] is None
    unsaid = {name: value for name, value in DEAL.items() if name != "closed_lost_reason"}
    assert "reason_id" not in fields(
        said(
            "read:deals",
            batch(record("42", unsaid | LOST | {})),
            account=(office(reason_field="lost_because")),
        )
    )


def test_a_deal_that_was_closed_ahead_of_its_date_was_closed_on_it() -> None:
    ahead = DEAL | LOST | {"closedate": "2027-01-15T00:00:00Z"}
    assert fields(said("read:deals", batch(record("42", ahead))))["closed_at"] == utc("2027-01-15")


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ({"hs_is_closed": "true", "hs_is_closed_won": "true", "hs_is_closed_lost": "false"}, "won"),
        ({"hs_is_closed": "true", "hs_is_closed_won": "false", "hs_is_closed_lost": None}, "lost"),
        ({"hs_is_closed": None, "hs_is_closed_won": "false", "hs_is_closed_lost": "false"}, "open"),
        ({"hs_is_closed": "false", "hs_is_closed_won": None, "hs_is_closed_lost": None}, "open"),
        ({"hs_is_closed": None, "hs_is_closed_won": None, "hs_is_closed_lost": None}, None),
    ],
)
def test_the_flags_of_a_deal_say_its_status(flags: dict[str, str | None], status: str | None) -> None:
    assert fields(said("read:deals", batch(record("42", DEAL | flags)))).get("status") == status


def test_a_deals_money_is_in_its_own_currency() -> None:
    def money(**sent: str | None) -> tuple[Value, Value]:
        told = fields(said("read:deals", batch(record("42", DEAL | sent))))
        return told["currency"], told["amount"]

    assert money(amount="5184", deal_currency_code="JPY") == ("JPY", 5184)
    assert money(amount="5184.125", deal_currency_code="KWD") == ("KWD", 5_184_125)
    assert money(amount="", deal_currency_code=None) == (None, None)


def test_tasks() -> None:
    result = said("read:tasks", batch(record("7", TASK)), "7")
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
    assert result.needs == (Need("manager", "61001"),)
    done: dict[str, str | None] = {
        "hs_task_status": "COMPLETED",
        "hs_task_completion_date": "2026-11-22T13:00:00Z",
    }
    completed = fields(said("read:tasks", batch(record("7", TASK | done))))
    assert (completed["completed"], completed["completed_at"]) == (True, utc("2026-11-22 13:00:00"))
    undated = fields(said("read:tasks", batch(record("7", TASK | done | {"hs_task_completion_date": None}))))
    assert undated["completed"] is True
    assert "completed_at" not in undated
    hoped = TASK | {"hs_task_completion_date": "2026-11-22T12:00:00Z"}
    assert fields(said("read:tasks", batch(record("7", hoped))))["completed_at"] is None


@pytest.mark.parametrize(("resource", "entity"), [("read:deals", "deal"), ("read:tasks", "task")])
def test_what_was_asked_for_and_is_not_there_is_gone(resource: str, entity: Entity) -> None:
    gone = Change(entity, "9", NOW, deleted=True)
    for body in (batch(record("42", DEAL | TASK), errors=not_there("9")), batch(record("42", DEAL | TASK))):
        assert said(resource, body, "42", "9").changes[-1] == gone
    failed = [{"status": "error", "category": "INTERNAL_ERROR"}]
    for doubtful in (batch(errors=failed), page(status="CANCELED"), batch({"id": None}), b"{}", b""):
        assert not any(change.deleted for change in said(resource, doubtful, "42", "9").changes)


def test_what_a_search_finds_is_asked_for_whole_and_not_held_to_be_so_still() -> None:
    result = said("search:deals", page(record("42", DEAL)))
    assert [change.version for change in result.changes] == [VERSION]
    assert Need("deal", "42") in result.needs
    assert said("search:deals", page(record("42", DEAL)), at=NOW + 1).key == result.key
    assert said("search:tasks", page(record("42", DEAL | TASK))).key != result.key


def ends(**linked: list[tuple[int, str]]) -> dict[str, Any]:
    """A record's links as a list has them."""
    return {
        "associations": {
            name: {"results": [{"id": str(key), "type": kind} for key, kind in found]}
            for name, found in linked.items()
        }
    }


def test_a_list_has_the_links_too() -> None:
    def client(**linked: list[tuple[int, str]]) -> tuple[Value, tuple[Need, ...]]:
        result = said("list:deals", page(record("42", DEAL, **ends(**linked))))
        assert {change.version for change in result.changes} == {VERSION, NOW}
        assert len({repr(change.fields) for change in result.changes}) == 1
        return fields(result)["client_id"], tuple(need for need in result.needs if need.entity == "client")

    companies = [(7, "deal_to_company_unlabeled"), (80, "deal_to_company"), (80, "deal_to_company_unlabeled")]
    both = client(contacts=[(80, "deal_to_contact"), (9, "deal_to_contact")], companies=companies)
    assert both == ("9", (Need("client", "9"),))
    assert client(companies=companies) == ("company-80", (Need("client", "company-80"),))
    assert client() == (None, ())
    on_deal = ends(deals=[(42, "task_to_deal")], contacts=[(9, "task_to_contact")])
    task = said("list:tasks", page(record("7", TASK, **on_deal)))
    assert (fields(task)["deal_id"], fields(task)["client_id"]) == ("42", None)
    itself = said("list:tasks", page(record("7", TASK, **ends(contacts=[(9, "task_to_contact")]))))
    assert (fields(itself)["deal_id"], fields(itself)["client_id"]) == (None, "9")
    assert Need("task", "7") not in task.needs


def test_tasks_that_were_done_with_long_ago_are_left_out_of_a_list() -> None:
    def listed(due: str | None, completed: str | None, status: str = "COMPLETED") -> bool:
        times = {"hs_timestamp": due, "hs_task_completion_date": completed, "hs_task_status": status}
        return bool(said("list:tasks", page(record("7", TASK | times))).changes)

    long_ago, lately = "2026-10-01T00:00:00Z", "2026-11-20T00:00:00Z"
    assert not listed(long_ago, long_ago)
    assert not listed(None, None)
    assert listed(long_ago, lately)
    assert listed(lately, long_ago)
    assert listed(long_ago, None, "NOT_STARTED")


def test_a_sweep_names_every_record() -> None:
    listed = page(*(record(key, {"hs_lastmodifieddate": CHANGED}) for key in ("1", "2")))
    assert said("sweep:deals", listed).changes == tuple(
        Change("deal", key, VERSION, {"known": True}) for key in ("1", "2")
    )
    assert said("sweep:tasks", listed).changes == tuple(Change("task", key, VERSION) for key in ("1", "2"))
    assert said("sweep:deals", listed).needs == ()


def test_a_deleted_record_was_deleted_when_it_was_archived() -> None:
    archived = record("42", {}, archived=True, archivedAt="2026-11-22T11:00:00Z")
    for resource in ("archived:deals", "search:deals"):
        assert said(resource, page(archived)).changes == (
            Change("deal", "42", utc("2026-11-22 11:00:00"), deleted=True),
        )
        assert said(resource, page(archived)).needs == ()


def test_a_deals_client_is_its_first_contact_or_its_primary_company() -> None:
    result = said("links:deals:contacts", batch(links("42", "80", 9)), "42", "43")
    assert result.changes == (Change("deal", "42", NOW, {"known": True, "client_id": "9"}),)
    assert result.needs == (Need("client", "9"),)
    company = batch(links("42", 70, "80", primary="80"))
    result = said("links:deals:companies", company, "42", "43")
    assert result.changes == (
        Change("deal", "42", NOW, {"known": True, "client_id": "company-80"}),
        Change("deal", "43", NOW, {"known": True, "client_id": None}),
    )
    assert result.needs == (Need("client", "company-80"),)


def test_a_task_is_on_a_deal_or_on_the_client_itself() -> None:
    on_deal = said("links:tasks:deals", batch(links("7", 42)), "7", "8")
    assert on_deal.changes == (Change("task", "7", NOW, {"deal_id": "42", "client_id": None}),)
    assert on_deal.needs == (Need("deal", "42"),)
    on_contact = said("links:tasks:contacts", batch(links("7", 5)), "7", "8")
    assert on_contact.changes == (Change("task", "7", NOW, {"deal_id": None, "client_id": "5"}),)
    nowhere = said("links:tasks:companies", batch(errors=not_there("7")), "7")
    assert nowhere.changes == (Change("task", "7", NOW, {"deal_id": None, "client_id": None}),)
    failed = batch(errors=[{"status": "error", "category": "INTERNAL_ERROR"}])
    assert said("links:tasks:companies", failed, "7").changes == ()


def test_names() -> None:
    def name(resource: str, *results: dict[str, Any]) -> list[tuple[Entity, str, Value]]:
        told = said(resource, page(*results), "1")
        assert {change.version for change in told.changes} <= {NOW}
        return [(change.entity, change.id, change.fields["name"]) for change in told.changes]

    contact = {"firstname": "Иван", "lastname": "Петров", "email": "ivan@example.com"}
    assert name("names:contacts", record("1", contact)) == [("client", "1", "Иван Петров")]
    assert name("names:contacts", record("1", contact | {"lastname": None})) == [("client", "1", "Иван")]
    unnamed = {"firstname": "", "lastname": None, "email": "ivan@example.com"}
    assert name("names:contacts", record("1", unnamed)) == [("client", "1", "ivan@example.com")]
    assert name("names:contacts", record("1", {})) == []
    company = {"name": None, "domain": "example.com"}
    assert name("names:companies", record("1", company)) == [("client", "company-1", "example.com")]
    owners = (
        {"id": "61001", "firstName": "Анна", "lastName": "К"},
        {"id": 61002, "email": "oleg@example.com"},
    )
    assert name("owners", *owners) == [
        ("manager", "61001", "Анна К"),
        ("manager", "61002", "oleg@example.com"),
    ]
    pipelines = {"id": "default", "label": "Продажи", "stages": [{"id": "closedlost"}]}
    assert name("pipelines", pipelines) == [("pipeline", "default", "Продажи")]


def test_a_name_that_a_search_finds_is_as_old_as_its_record() -> None:
    company = said("search:companies", page(record("1", {"name": "Ромашка"})))
    assert company.changes == (Change("client", "company-1", VERSION, {"name": "Ромашка"}),)
    assert company.needs == ()
    contact = page(record("1", {"firstname": "Иван", "lastmodifieddate": CHANGED}))
    assert said("search:contacts", contact).changes == (Change("client", "1", VERSION, {"name": "Иван"}),)
    assert said("search:contacts", contact, at=NOW + 1).key == said("search:contacts", contact).key


def test_a_bad_result_does_not_spoil_its_neighbours() -> None:
    bad = record("9", DEAL | {"amount": "many"})
    body = batch(record("x", DEAL), bad, {"id": "3"}, record("4", DEAL))
    result = said("read:deals", body, "4", "9")
    assert {change.id for change in result.changes if change.entity == "deal"} == {"9", "4"}
    assert [(told.part, told.error.partition(":")[0]) for told in result.rejections] == [
        (0, "the record's id is missing or is not a number"),
        (1, "amount"),
        (2, "the record does not say when it was changed"),
    ]


def test_an_answer_that_is_none_is_a_rejection() -> None:
    for resource, body in (("read:deals", b"<html>"), ("owners", b"[]"), ("", b"{}"), ("read:x", batch())):
        result = said(resource, body, "1")
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
answers = results.map(lambda each: json.dumps({"results": each, "status": "COMPLETE"}).encode()) | json_bodies


@given(
    resource=st.sampled_from([*READERS, "x"]),
    body=answers | st.binary(),
    asked=st.lists(st.text(max_size=5)),
)
def test_no_answer_raises_and_every_change_is_sound(resource: str, body: bytes, asked: list[str]) -> None:
    result = said(resource, body, "1", *asked)
    for change in result.changes:
        assert_sound(change)
    assert said(resource, body, "1", *asked) == result
    call = Call(resource, "/", (("archived", "false"),), API.sweep(OFFICE, NOW)[0].first.body, ("1", "2"))
    following = API.following(call, answered(body))
    assert following is None or following != call
