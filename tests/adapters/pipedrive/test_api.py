"""Pipedrive's API: the calls, and what its answers come to. Bodies have the form that its documents show."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.api import (
    ANSWERED,
    ASKED,
    JUNK,
    RESOURCE,
    Answer,
    Api,
    Call,
    Stage,
    Subscribing,
    Verdict,
    busy,
    refused,
)
from service.adapters.pipedrive.api import BUDGET_SECONDS, PipedriveApi
from service.config import Account, Secret
from service.config import Api as ApiOptions
from service.model import SECOND, Change, Decoded, Instant, Need, later
from tests.adapters.posts import NOW, account, post, utc

API = PipedriveApi()
TOKEN = "659c-token"
OFFICE = replace(
    account("pipedrive", "crm:pa:ss", "crm:old"), api=ApiOptions(Secret(TOKEN), "https://zerno.pipedrive.com")
)
CHANGED = "2026-11-22T10:00:00Z"
CHANGED_AT = utc("2026-11-22 10:00:00")
DEAL: dict[str, Any] = json.loads("""{
    "id": 1, "title": "Кофе", "owner_id": 3, "person_id": 7, "org_id": null, "pipeline_id": 2, "stage_id": 4,
    "value": 200.5, "currency": "RUB", "status": "open", "probability": null, "lost_reason": null,
    "add_time": "2026-11-20T10:00:00Z", "update_time": "2026-11-22T10:00:00Z", "stage_change_time": null,
    "close_time": null, "won_time": null, "lost_time": null, "is_deleted": false, "is_archived": false,
    "visible_to": 3, "custom_fields": {}
}""")
ACTIVITY: dict[str, Any] = json.loads("""{
    "id": 1, "subject": "позвонить", "type": "call", "owner_id": 3, "is_deleted": false, "deal_id": 5,
    "lead_id": null, "person_id": 7, "org_id": null, "due_date": "2026-11-23", "due_time": "15:00:00",
    "duration": "01:00:00", "done": false, "marked_as_done_time": null,
    "add_time": "2026-11-20T10:00:00Z", "update_time": "2026-11-22T10:00:00Z"
}""")
WEBHOOK: dict[str, Any] = json.loads("""{
    "id": 1, "company_id": 7300411, "owner_id": 3, "user_id": 3, "is_active": 1, "type": "general",
    "add_time": "2026-09-27 14:30:00", "remove_time": null, "http_auth_user": "crm", "version": "2.0",
    "last_delivery_time": "2026-11-23 09:35:00", "last_http_status": 200
}""")


def deal(deal_id: int = 1, **sent: Any) -> dict[str, Any]:
    return {**DEAL, "id": deal_id, **sent}


def activity(activity_id: int = 1, **sent: Any) -> dict[str, Any]:
    return {**ACTIVITY, "id": activity_id, **sent}


def listing(*items: Any, cursor: str | None = None, **more: Any) -> bytes:
    body = {"success": True, "data": list(items), "additional_data": {"next_cursor": cursor}, **more}
    return json.dumps(body).encode()


def decoded(resource: str, body: bytes, *asked: str, asked_at: Instant = NOW) -> Decoded:
    headers = {RESOURCE: resource, ASKED: " ".join(asked)}
    return API.decode(post(body, headers, received_at=asked_at), OFFICE)


def vendor_dated(result: Decoded) -> list[Change]:
    """The changes with the vendor's times; each of them is in the answer again with the time of asking."""
    assert result.rejections == ()
    changes = [change for change in result.changes if change.version != NOW]
    again = [msgspec.structs.replace(change, version=NOW) for change in changes]
    assert [change for change in result.changes if change.version == NOW] == again
    return changes


def ask(entity: Any, *ids: str) -> Call:
    call = API.ask([Need(entity, id) for id in ids], OFFICE)
    assert call is not None
    return call


def follow(call: Call | None, body: bytes) -> Call | None:
    assert call is not None
    return API.following(call, Answer(200, {}, body))


def by_ids(resource: str, path: str, ids: str, *asked: str) -> Call:
    more = (("include_fields", "source_lead_id"),) if resource.endswith("deals") else ()
    return Call(resource, path, (("ids", ids), *more, ("limit", "500")), asked=asked)


def test_it_is_an_api_that_can_be_asked_and_subscribed_to() -> None:
    api: Api = API
    subscribing: Subscribing = API
    assert api.url is None
    assert subscribing.webhooks(OFFICE) == Call("webhooks", "/api/v1/webhooks")


def test_the_token_is_in_a_header_and_nowhere_else() -> None:
    assert API.headers(OFFICE) == {"x-api-token": TOKEN}
    assert API.prefix(OFFICE) == ""
    assert TOKEN not in repr(API.backfill(OFFICE, NOW))


def test_the_pace_stays_below_the_smallest_plans_limit() -> None:
    assert API.pace.burst + 2 * API.pace.per_second <= 20, "calls in 2 seconds"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (ask("deal", "1", "2"), by_ids("deals", "/api/v2/deals", "1,2", "1", "2")),
        (ask("task", "3"), by_ids("activities", "/api/v2/activities", "3", "3")),
        (ask("client", "7"), by_ids("persons", "/api/v2/persons", "7", "7")),
        (
            ask("client", "org:7", "org:8"),
            by_ids("organizations", "/api/v2/organizations", "7,8", "org:7", "org:8"),
        ),
        (ask("manager", "3"), Call("users", "/api/v1/users")),
        (ask("pipeline", "2"), Call("pipelines", "/api/v2/pipelines", (("sort_by", "id"), ("limit", "500")))),
    ],
)
def test_needs_are_asked_for_by_id_or_all_at_once(call: Call, expected: Call) -> None:
    assert call == expected


def test_organizations_are_asked_for_after_the_persons() -> None:
    persons = ask("client", "7", "org:7", "8")
    assert persons == by_ids("persons", "/api/v2/persons", "7,8", "7", "org:7", "8")
    organizations = follow(persons, listing({"id": 7, "name": "x"}, cursor="c1"))
    assert organizations == by_ids("organizations", "/api/v2/organizations", "7", "org:7")
    assert follow(organizations, listing()) is None
    assert follow(ask("client", "7"), listing()) is None


def test_a_deal_that_is_missing_is_looked_for_in_the_archive() -> None:
    deals = ask("deal", "1", "2", "3")
    archived = follow(deals, listing(deal(2), cursor="c1"))
    assert archived == by_ids("archived_deals", "/api/v2/deals/archived", "1,3", "1", "3")
    assert follow(archived, listing()) is None
    whole, odd = listing(deal(1), deal(2), deal(3)), listing(deal(1), {"title": "x"})
    for body in (whole, odd):
        assert follow(deals, body) is None


def lead(number: int, **sent: Any) -> dict[str, Any]:
    times = {"add_time": "2026-11-01T09:00:00.000Z", "update_time": CHANGED}
    value = {"amount": 10, "currency": "RUB"}
    return {"id": lead_id(number), "title": f"Lead {number}", "value": value, "person_id": 7, **times, **sent}


def lead_id(number: int) -> str:
    return f"3f2504e0-4f89-11d3-9a0c-{number:012d}"


def of_leads(*numbers: int) -> tuple[str, ...]:
    return tuple(f"lead:{lead_id(number)}" for number in numbers)


def leads_page(*leads: Any, start: int = 0, more: Any = False) -> bytes:
    page = {"start": start, "limit": 500, "more_items_in_collection": more}
    return json.dumps(
        {"success": True, "data": list(leads), "additional_data": {"pagination": page}}
    ).encode()


def leads_call(start: int, *asked: str) -> Call:
    return Call("leads", "/api/v1/leads", (("start", str(start)), ("limit", "500")), asked=asked)


def test_a_lead_is_looked_for_in_the_list_of_leads_page_by_page() -> None:
    first = ask("deal", *of_leads(1, 2, 3))
    assert first == leads_call(0, *of_leads(1, 2, 3))
    second = follow(first, leads_page(lead(2), more=True))
    assert second == leads_call(450, *of_leads(1, 2, 3))
    assert follow(second, leads_page(lead(3), start=450)) is None


def test_leads_are_looked_for_after_deals() -> None:
    deals = ask("deal", "1", *of_leads(1), "2")
    assert deals == by_ids("deals", "/api/v2/deals", "1,2", "1", *of_leads(1), "2")
    archived = follow(deals, listing(deal(2)))
    assert archived == by_ids("archived_deals", "/api/v2/deals/archived", "1", "1", *of_leads(1))
    assert follow(deals, listing(deal(1), deal(2))) == leads_call(0, *of_leads(1))
    assert follow(archived, listing()) == leads_call(0, *of_leads(1))


def test_a_lead_that_was_asked_for_and_is_left_out_is_gone() -> None:
    asked = of_leads(1, 2)
    last = decoded("leads", leads_page(lead(1)), *asked)
    assert [(change.id, change.deleted) for change in last.changes if change.deleted] == [(asked[1], True)]
    assert decoded("leads", leads_page(lead(1), {"title": "x"}), *asked).changes[-1].deleted is False
    assert decoded("archived_deals", listing(), *asked).changes == ()


@pytest.mark.parametrize(
    "body",
    [
        leads_page(lead(1), start=450),
        leads_page(lead(1), more=None),
        leads_page(lead(1), more="false"),
        leads_page(more=True),
        listing(lead(1)),
    ],
)
def test_a_page_of_leads_that_does_not_lead_on_is_junk(body: bytes) -> None:
    assert API.verdict(leads_call(0), Answer(200, {}, body)) == JUNK
    assert API.verdict(leads_call(0), Answer(200, {}, leads_page())) == ANSWERED
    plain = (
        b'{"success": true, "data": [], "additional_data": {"start": 0, "more_items_in_collection": false}}'
    )
    assert API.verdict(leads_call(0), Answer(200, {}, plain)) == ANSWERED


def test_a_deal_tells_which_lead_it_was_converted_from() -> None:
    (lead_of_it,) = of_leads(1)
    _, into, gone = vendor_dated(decoded("deals", listing(deal(5, source_lead_id=lead_id(1)))))
    assert into == Change("merger", f"deal {lead_of_it}", CHANGED_AT, {"into_id": "5"})
    assert gone == Change("deal", lead_of_it, CHANGED_AT, deleted=True)
    assert len(vendor_dated(decoded("deals", listing(deal(5, source_lead_id=None))))) == 1


def test_reasons_are_not_asked_for() -> None:
    assert API.ask([Need("reason", "дорого")], OFFICE) is None


def addresses(stages: Any) -> list[str]:
    return [f"{stage.first.path}?{urlencode(stage.first.query, safe=',:')}" for stage in stages]


FROM = "include_fields=source_lead_id"
LOST = "updated_since=2025-10-19T10:00:00Z"
DONE = "updated_since=2026-10-23T10:00:00Z"
SWEEP = [
    f"/api/v2/deals?status=open&{FROM}&sort_by=id&limit=500",
    "/api/v1/leads?start=0&limit=500",
    f"/api/v2/deals?status=lost&{LOST}&{FROM}&sort_by=id&limit=500",
    f"/api/v2/deals/archived?status=lost&{LOST}&{FROM}&sort_by=id&limit=500",
    "/api/v2/activities?done=false&sort_by=id&limit=500",
    f"/api/v2/activities?done=true&{DONE}&sort_by=id&limit=500",
]


def test_a_sweep_lists_all_that_counts() -> None:
    assert addresses(API.sweep(OFFICE, NOW)) == SWEEP


def test_a_backfill_begins_with_the_names() -> None:
    assert addresses(API.backfill(OFFICE, NOW)) == [
        "/api/v1/users?",
        "/api/v2/pipelines?sort_by=id&limit=500",
        *SWEEP,
    ]


def test_changes_include_deleted_and_archived_deals_and_names() -> None:
    since = "updated_since=2026-11-23T10:00:00Z"
    assert addresses(API.changes(OFFICE, NOW)) == [
        "/api/v1/users?",
        f"/api/v2/deals?status=open,won,lost,deleted&{since}&{FROM}&sort_by=id&limit=500",
        f"/api/v2/deals/archived?{since}&{FROM}&sort_by=id&limit=500",
        "/api/v1/leads?start=0&limit=500",
        f"/api/v2/activities?{since}&sort_by=id&limit=500",
        f"/api/v2/persons?{since}&sort_by=id&limit=500",
        f"/api/v2/organizations?{since}&sort_by=id&limit=500",
    ]


@pytest.mark.parametrize(
    "stages", [API.backfill(OFFICE, NOW), API.changes(OFFICE, NOW), API.sweep(OFFICE, NOW)]
)
def test_the_stages_have_different_names_and_resources_that_are_read(stages: list[Stage]) -> None:
    assert len({stage.name for stage in stages}) == len(stages)
    for stage in stages:
        assert decoded(stage.first.resource, listing()).rejections == ()


def test_the_next_page_is_asked_for_by_its_cursor() -> None:
    first = API.sweep(OFFICE, NOW)[0].first
    second = follow(first, listing(deal(), cursor="c1"))
    assert second == replace(first, query=(*first.query, ("cursor", "c1")))
    third = follow(second, listing(deal(), cursor="c2"))
    assert third == replace(first, query=(*first.query, ("cursor", "c2")))


LIST = Call("deals", "/api/v2/deals", (("status", "open"), ("cursor", "used")))
BY_IDS = Call("deals", "/api/v2/deals", (("ids", "1,2"),), asked=("1", "2"))
USERS = Call("users", "/api/v1/users")
WEBHOOKS = Call("webhooks", "/api/v1/webhooks")
NOTHING: Any = {"success": True, "data": None}


@pytest.mark.parametrize(
    "body",
    [
        listing(deal(), cursor=None),
        listing(deal(), additional_data=None),
        listing(),
        b'{"success": true, "data": [{"id": 1}]}',
    ],
)
def test_a_list_without_another_cursor_ends(body: bytes) -> None:
    assert API.verdict(LIST, Answer(200, {}, body)) == ANSWERED
    assert follow(LIST, body) is None


def test_an_empty_page_with_a_cursor_goes_on() -> None:
    assert follow(LIST, listing(cursor="c2")) == replace(LIST, query=(("status", "open"), ("cursor", "c2")))


JUNK_FOR_ALL = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>",
    b'{"success": true, "da',
    b'{"success": true}',
    b'{"success": false, "error": "x", "data": null, "additional_data": null}',
    b'{"success": false, "data": []}',
    b'{"success": "true", "data": []}',
    b'{"success": true, "data": {}}',
    b'{"success": true, "data": "deals"}',
]


@pytest.mark.parametrize("call", [LIST, BY_IDS, USERS, WEBHOOKS], ids=["list", "ids", "users", "webhooks"])
@pytest.mark.parametrize("body", JUNK_FOR_ALL)
def test_a_body_of_another_form_is_junk(call: Call, body: bytes) -> None:
    assert API.verdict(call, Answer(200, {}, body)) == JUNK


@pytest.mark.parametrize("cursor", ["", "used", 5, ["c2"], {"c": 2}])
def test_a_cursor_that_does_not_lead_on_is_junk(cursor: Any) -> None:
    assert API.verdict(LIST, Answer(200, {}, listing(deal(), cursor=cursor))) == JUNK


def test_only_the_list_of_webhooks_may_be_null_for_none() -> None:
    body = msgspec.json.encode(NOTHING)
    assert API.verdict(WEBHOOKS, Answer(200, {}, body)) == ANSWERED
    for call in (LIST, BY_IDS, USERS):
        assert API.verdict(call, Answer(200, {}, body)) == JUNK
    assert API.verdict(USERS, Answer(200, {}, b'{"success": true, "data": []}')) == JUNK


def test_an_answer_with_what_nobody_asked_for_is_junk() -> None:
    assert API.verdict(BY_IDS, Answer(200, {}, listing(deal(2)))) == ANSWERED
    assert API.verdict(BY_IDS, Answer(200, {}, listing(deal(2), deal(3)))) == JUNK
    firms = Call("organizations", "/api/v2/organizations", asked=("org:1", "7"))
    assert API.verdict(firms, Answer(200, {}, listing({"id": 1}))) == ANSWERED
    assert API.verdict(firms, Answer(200, {}, listing({"id": 7}))) == JUNK


def test_a_webhook_that_was_added_is_one_object() -> None:
    added = replace(WEBHOOKS, body=b"{}")
    assert API.verdict(added, Answer(201, {}, b'{"success": true, "data": {"id": 1}}')) == ANSWERED
    assert API.verdict(added, Answer(201, {}, b'{"success": true, "data": []}')) == JUNK


DAY_IS_SPENT = {
    "x-daily-ratelimit-token-remaining": "0",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "2",
}


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(200), JUNK),
        (Answer(201, {}, listing()), ANSWERED),
        (Answer(401, {}, b'{"success": false}'), refused("api_token")),
        (Answer(402, {}, b'{"success": false}'), refused("api_unpaid")),
        (Answer(403, {}, b'{"success": false}'), refused("api_forbidden")),
        (Answer(403, {}, b"\n<!DOCTYPE html>Cloudflare"), busy(BUDGET_SECONDS)),
        (Answer(403, {"retry-after": "30"}, b"<html>"), busy(30.0)),
        (Answer(404), refused("api_not_found")),
        (Answer(429), busy()),
        (Answer(429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2"}), busy(2.0)),
        (Answer(429, {"x-ratelimit-remaining": "19", "x-ratelimit-reset": "2"}), busy(BUDGET_SECONDS)),
        (Answer(429, {"retry-after": "7", "x-ratelimit-remaining": "19"}), busy(7.0)),
        (Answer(429, DAY_IS_SPENT), busy(BUDGET_SECONDS)),
        (Answer(429, {**DAY_IS_SPENT, "retry-after": "2"}), busy(BUDGET_SECONDS)),
        (Answer(429, {**DAY_IS_SPENT, "retry-after": "5000"}), busy(5000.0)),
        (Answer(429, {**DAY_IS_SPENT, "x-daily-ratelimit-token-remaining": "12"}), busy(2.0)),
        *((Answer(status), refused("api_rejected")) for status in (400, 405, 413, 414, 415, 422)),
        *((Answer(status), refused("api_moved")) for status in (301, 302, 307, 308)),
        (Answer(410), refused("api_not_found")),
        (Answer(404, {}, b'{"success": false, "error": "x"}'), refused("api_not_found")),
        (Answer(500), busy()),
        (Answer(503, {"retry-after": "5"}), busy(5.0)),
    ],
)
def test_what_a_status_means(answer: Answer, verdict: Verdict) -> None:
    assert API.verdict(Call("deals", "/api/v2/deals"), answer) == verdict


def test_a_deal_is_dated_by_its_change_and_again_by_the_asking() -> None:
    result = decoded("deals", listing(deal()))
    (change,) = vendor_dated(result)
    assert change == Change(
        "deal",
        "1",
        CHANGED_AT,
        {
            "known": True,
            "name": "Кофе",
            "status": "open",
            "closed_at": None,
            "amount": 20050,
            "currency": "RUB",
            "reason_id": None,
            "client_id": "7",
            "manager_id": "3",
            "pipeline_id": "2",
            "url": "https://zerno.pipedrive.com/deal/1",
        },
    )
    assert result.needs == ()


def test_a_lost_deal_names_its_reason() -> None:
    lost = deal(status="lost", lost_reason="Дорого", lost_time="2026-11-22T09:59:59Z")
    change, reason = vendor_dated(decoded("deals", listing(lost)))
    assert change.fields["reason_id"] == "дорого"
    assert change.fields["closed_at"] == utc("2026-11-22 09:59:59")
    assert reason == Change("reason", "дорого", CHANGED_AT, {"name": "Дорого"})


@pytest.mark.parametrize("sent", [{"is_deleted": True}, {"status": "deleted"}, {"is_archived": True}])
def test_deleted_deals_and_archived_open_ones_are_deleted(sent: dict[str, Any]) -> None:
    assert vendor_dated(decoded("deals", listing(deal(**sent)))) == [
        Change("deal", "1", CHANGED_AT, deleted=True)
    ]


def test_an_archived_lost_deal_still_counts() -> None:
    (change,) = vendor_dated(decoded("deals", listing(deal(is_archived=True, status="lost"))))
    assert change.fields["status"] == "lost"


def test_an_activity_is_due_in_utc_and_links_to_its_deal() -> None:
    result = decoded("activities", listing(activity()))
    (change,) = vendor_dated(result)
    assert change.fields["due_at"] == utc("2026-11-23 15:00:00")
    assert change.fields["url"] == "https://zerno.pipedrive.com/deal/5"


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        ("persons", Change("client", "9", CHANGED_AT, {"name": "Анна"})),
        ("organizations", Change("client", "org:9", CHANGED_AT, {"name": "Анна"})),
        ("pipelines", Change("pipeline", "9", CHANGED_AT, {"name": "Анна"})),
    ],
)
def test_names_are_dated_as_the_vendor_dates_them(resource: str, change: Change) -> None:
    body = listing({"id": 9, "name": "Анна", "update_time": CHANGED})
    assert vendor_dated(decoded(resource, body)) == [change]


def test_names_of_users_are_dated_by_the_asking() -> None:
    user = {"id": 9, "name": "Анна", "modified": "2026-11-22 10:00:00", "active_flag": False}
    result = decoded("users", listing(user, additional_data={"pagination": {"start": 0}}), "9")
    assert result.changes == (Change("manager", "9", NOW, {"name": "Анна"}),)


def test_a_deal_that_was_never_changed_is_dated_by_its_creation() -> None:
    (change,) = vendor_dated(decoded("deals", listing(deal(update_time=None))))
    assert change.version == utc("2026-11-20 10:00:00")


@pytest.mark.parametrize(("resource", "entity"), [("archived_deals", "deal"), ("activities", "task")])
def test_an_object_that_was_asked_for_and_is_left_out_is_deleted(resource: str, entity: Any) -> None:
    deletion = Change(entity, "2", NOW, deleted=True)
    sent = {"archived_deals": deal, "activities": activity}[resource](1)
    result = decoded(resource, listing(sent), "1", "2", "no-id")
    assert [change for change in result.changes if change.deleted] == [deletion]
    assert decoded(resource, listing(), "2").changes == (deletion,)


def test_a_deal_is_deleted_only_if_the_archive_does_not_have_it_either() -> None:
    assert decoded("deals", listing(), "2").changes == ()
    archived = decoded("archived_deals", listing(deal(2, is_archived=True, status="lost")), "2")
    assert [change.deleted for change in archived.changes] == [False, False]


@pytest.mark.parametrize("resource", ["persons", "organizations", "users", "pipelines"])
def test_a_name_that_is_left_out_changes_nothing(resource: str) -> None:
    assert decoded(resource, listing(), "2").changes == ()


NO_ANSWERS = [b"<html>", b"[]", b'{"data": []}', b'{"success": false, "data": []}', b'{"success": true}']


@pytest.mark.parametrize("body", [b"", *NO_ANSWERS])
def test_a_body_that_is_no_answer_is_rejected_and_deletes_nothing(body: bytes) -> None:
    for resource in ("deals", "archived_deals", "activities"):
        result = decoded(resource, body, "1")
        assert (result.changes, [rejection.part for rejection in result.rejections]) == ((), [0])


@pytest.mark.parametrize("sent", [{"title": "x"}, {"id": "x"}, 5, None])
def test_beside_an_object_without_an_id_nothing_is_deleted(sent: Any) -> None:
    result = decoded("archived_deals", listing(deal(1, status="won"), sent), "1", "2")
    assert {(change.id, change.deleted) for change in result.changes} == {("1", False)}
    assert [rejection.part for rejection in result.rejections] == [1]


def test_an_object_that_is_rejected_is_not_deleted() -> None:
    result = decoded("archived_deals", listing(deal(1, update_time="2027-01-01T00:00:00Z")), "1")
    assert result.changes == ()
    assert ["future" in rejection.error for rejection in result.rejections] == [True]


def test_a_resource_that_is_not_known_is_rejected() -> None:
    assert decoded("notes", listing()).rejections[0].error == "answers about 'notes' are not read"


def test_an_equal_answer_to_another_call_is_a_delivery_of_its_own() -> None:
    body = listing(deal())
    assert decoded("deals", body).key == decoded("deals", body).key
    others = [
        decoded("deals", body, asked_at=later(NOW, SECOND)).key,
        decoded("deals", body, "1").key,
        decoded("activities", body).key,
    ]
    assert len({decoded("deals", body).key, *others}) == 4


WORDS = st.sampled_from([*DEAL, *ACTIVITY, "success", "data", "additional_data", "name", "lost", "error"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS | st.just(CHANGED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)
ITEMS = st.dictionaries(WORDS, VALUES, max_size=8).map(lambda item: {"id": 1, **item})


@given(
    resource=st.sampled_from(["deals", "activities", "persons", "organizations", "users", "pipelines", ""]),
    body=st.binary() | st.lists(ITEMS | VALUES, max_size=4).map(lambda items: listing(*items)),
    asked=st.text(max_size=20),
)
def test_no_answer_raises(resource: str, body: bytes, asked: str) -> None:
    result = decoded(resource, body, asked)
    assert result == decoded(resource, body, asked)
    for change in result.changes:
        assert change.version <= NOW + 86_400 * SECOND
    call = Call(resource, "/", asked=tuple(asked.split()))
    if API.verdict(call, Answer(200, {}, body)) == ANSWERED:
        follow(call, body)
    API.is_off(Answer(200, {}, body), "https://board.example/webhooks/office")


ADDRESS = "https://board.example/webhooks/office"


def webhook(kind: str, action: str = "*", /, **sent: Any) -> dict[str, Any]:
    return {**WEBHOOK, "event_object": kind, "event_action": action, "subscription_url": ADDRESS, **sent}


@pytest.mark.parametrize(
    ("webhooks", "off"),
    [
        ([webhook("*")], False),
        ([webhook("deal"), webhook("activity")], False),
        ([webhook("*", action) for action in ("create", "change", "delete")], False),
        ([webhook("deal"), webhook("activity"), webhook("note", is_active=0)], True),
        ([webhook("deal"), webhook("activity", is_active=0)], True),
        ([webhook("*", is_active=False)], True),
        ([webhook("deal")], True),
        ([webhook("*", "create")], True),
        ([webhook("*", subscription_url="https://other.example/")], None),
        ([5, None], None),
        ([], None),
    ],
)
def test_webhooks_are_off_if_one_is_not_active_or_deals_or_activities_have_none(
    webhooks: list[Any], off: bool | None
) -> None:
    assert API.is_off(Answer(200, {}, listing(*webhooks)), ADDRESS) is off


def test_an_unreadable_answer_says_nothing_about_webhooks() -> None:
    assert API.is_off(Answer(200, {}, b"<html>"), ADDRESS) is None


def subscribed(office: Account) -> list[dict[str, Any]]:
    calls = API.subscribe(office, ADDRESS)
    assert {(call.path, call.method) for call in calls} == {("/api/v1/webhooks", None)}
    return [json.loads(call.body) for call in calls]


def test_every_kind_of_object_that_is_read_is_subscribed_to() -> None:
    bodies = subscribed(OFFICE)
    kinds = ["deal", "lead", "activity", "person", "organization", "user", "pipeline"]
    assert [body["event_object"] for body in bodies] == kinds
    assert bodies[0] == {
        "subscription_url": ADDRESS,
        "event_action": "*",
        "event_object": "deal",
        "version": "2.0",
        "name": "Lossboard: deal",
        "http_auth_user": "crm",
        "http_auth_password": "pa:ss",
    }


def test_webhooks_that_were_just_registered_are_on() -> None:
    registered = [webhook(body["event_object"], body["event_action"]) for body in subscribed(OFFICE)]
    assert API.is_off(Answer(200, {}, listing(*registered)), ADDRESS) is False
