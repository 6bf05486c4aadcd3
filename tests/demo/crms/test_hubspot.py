"""The simulated HubSpot, held against HubSpot's documents."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import pytest

from service.demo.crms.crm import Webhook
from service.demo.crms.hubspot.crm import HubSpot
from service.demo.crms.hubspot.webhooks import batched, signature_v1, signature_v3
from service.demo.office import Event, Office
from tests.demo.clock import START, StillClock
from tests.demo.postman import Postman
from tests.demo.random_history import random_history

DOCUMENTED_SECRET: Final = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
OWN_SAMPLES: Final = {
    "deal.propertyChange": {
        "objectId": 7001,
        "propertyName": "dealstage",
        "propertyValue": "closedlost",
        "changeSource": "CRM_UI",
        "eventId": 1,
        "subscriptionId": 2,
        "portalId": 3,
        "appId": 4,
        "occurredAt": 1_795_420_800_000,
        "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0,
    },
    "contact.creation": {
        "objectId": 51,
        "changeSource": "CRM_UI",
        "eventId": 1,
        "subscriptionId": 2,
        "portalId": 3,
        "appId": 4,
        "occurredAt": 1_795_420_800_000,
        "subscriptionType": "contact.creation",
        "attemptNumber": 0,
        "changeFlag": "NEW",
    },
}
"""Of the shapes that were captured and that the documents show."""


class Caller:
    """A client of the API, the vendor, and its office."""

    def __init__(self, **arguments: Any) -> None:
        self.clock = StillClock()
        self.office = Office(self.clock)
        self.vendor = HubSpot(self.office, **arguments)

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> httpx.Response:
        settings = self.vendor.settings()
        headers = {"authorization": f"Bearer {settings['token'] if token is None else token}"}

        async def calling() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.vendor.app)
            async with httpx.AsyncClient(transport=transport, base_url=str(settings["base_url"])) as client:
                return await client.request(method, path, json=body, headers=headers)

        return asyncio.run(calling())

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object, status: int = 200) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """Each page of a list, by the cursors that it gives."""
        told = self.get(path)
        yield told["results"]
        while "paging" in told:
            told = self.get(f"{path}&after={told['paging']['next']['after']}")
            yield told["results"]

    def events(self, event: Event) -> list[dict[str, Any]]:
        """What is told of an event, by the names of the subscriptions and properties."""
        told = [each for one in self.vendor.webhooks(event) for each in json.loads(one.body)]
        return sorted(told, key=lambda each: (each["subscriptionType"], each.get("propertyName", "")))


@pytest.fixture
def hubspot() -> Caller:
    return Caller()


def populated(**arguments: Any) -> Caller:
    """An office with a history of some hundreds of deeds."""
    caller = Caller(limit=10_000, **arguments)
    for _ in random_history(caller.office, Random(4), 400):
        caller.clock.advance(60)
    return caller


def error(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert {"status", "message", "correlationId", "category"} <= set(told)
    assert told["status"] == "error"
    return answer.status_code, told["category"]


def test_a_deal_has_what_the_documents_show_and_every_value_is_text(hubspot: Caller) -> None:
    client = hubspot.office.add_client("Иван Петров 7").id
    deal = hubspot.office.add_deal("Абонемент", 518_450, client, 31, 11).id
    hubspot.clock.advance(3600)
    hubspot.office.lose(deal, "Выбрал других")
    names = (
        "dealname,amount,dealstage,closedate,closed_lost_reason,hubspot_owner_id,pipeline,no_such_property"
    )
    told = hubspot.get(f"/crm/v3/objects/deals/{deal}?properties={names}&associations=contacts,companies")
    assert told == {
        "id": str(deal),
        "properties": {
            "dealname": "Абонемент",
            "amount": "5184.5",
            "dealstage": "1199",
            "closedate": "2026-11-23T09:00:00Z",
            "closed_lost_reason": "Выбрал других",
            "hubspot_owner_id": "31",
            "pipeline": "11",
            "createdate": "2026-11-23T08:00:00Z",
            "hs_lastmodifieddate": "2026-11-23T09:00:00Z",
            "hs_object_id": str(deal),
        },
        "createdAt": "2026-11-23T08:00:00Z",
        "updatedAt": "2026-11-23T09:00:00Z",
        "archived": False,
        "url": f"https://app.hubspot.com/contacts/62515/record/0-3/{deal}",
        "associations": {"contacts": {"results": [{"id": str(client), "type": "deal_to_contact"}]}},
    }


def test_what_has_no_value_is_null_and_the_default_properties_come_unasked(hubspot: Caller) -> None:
    deal = hubspot.office.add_deal("Séance", 0, None, 31, 11).id
    assert (
        hubspot.get(f"/crm/v3/objects/0-3/{deal}?properties=closed_lost_reason")["properties"][
            "closed_lost_reason"
        ]
        is None
    )
    assert set(hubspot.get(f"/crm/v3/objects/deal/{deal}")["properties"]) == {
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    }


def test_an_open_deal_has_the_day_on_which_it_is_expected_to_close(hubspot: Caller) -> None:
    deal = hubspot.office.add_deal("Séance", 0, None, 31, 11).id
    told = hubspot.get(f"/crm/v3/objects/deals/{deal}?properties=closedate,hs_is_closed")["properties"]
    assert (told["closedate"], told["hs_is_closed"]) == ("2026-12-23T08:00:00Z", "false")


def test_a_task_has_its_due_time_its_state_and_its_deal(hubspot: Caller) -> None:
    deal = hubspot.office.add_deal("Séance", 0, None, 31, 11).id
    task = hubspot.office.add_task("позвонить", 32, int(START) + 60, deal_id=deal).id
    hubspot.office.complete(task)
    names = "hs_task_subject,hs_task_status,hs_timestamp,hubspot_owner_id,hs_task_completion_date"
    told = hubspot.get(f"/crm/v3/objects/tasks/{task}?properties={names}&associations=deals,contacts")
    assert told["properties"] == {
        "hs_task_subject": "позвонить",
        "hs_task_status": "COMPLETED",
        "hs_timestamp": "2026-11-23T08:01:00Z",
        "hubspot_owner_id": "32",
        "hs_task_completion_date": "2026-11-23T08:00:00Z",
        "hs_createdate": "2026-11-23T08:00:00Z",
        "hs_lastmodifieddate": "2026-11-23T08:00:00Z",
        "hs_object_id": str(task),
    }
    assert told["associations"] == {"deals": {"results": [{"id": str(deal), "type": "task_to_deal"}]}}


@pytest.mark.parametrize(("kind", "archived"), [("deals", "false"), ("deals", "true"), ("tasks", "false")])
def test_pages_of_a_list_hold_every_record_once(kind: str, archived: str) -> None:
    caller = populated()
    pages = list(caller.pages(f"/crm/v3/objects/{kind}?limit=7&archived={archived}"))
    kept = caller.office.deals if kind == "deals" else caller.office.tasks
    wanted = [str(each.id) for each in kept.values() if each.deleted == (archived == "true")]
    assert [each["id"] for page in pages for each in page] == wanted
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)
    assert all(each["archived"] == (archived == "true") for page in pages for each in page)
    assert all(("archivedAt" in each) == each["archived"] for page in pages for each in page)


def test_a_page_has_ten_records_unless_asked_and_a_hundred_at_most() -> None:
    caller = populated()
    assert len(caller.get("/crm/v3/objects/tasks")["results"]) == 10
    assert error(caller.call("GET", "/crm/v3/objects/tasks?limit=101")) == (400, "VALIDATION_ERROR")
    assert error(caller.call("GET", "/crm/v3/objects/tasks?after=x")) == (400, "VALIDATION_ERROR")


def test_contacts_and_companies_are_apart_and_their_names_are_told_as_theirs(hubspot: Caller) -> None:
    person, firm = hubspot.office.add_client("Пётр О'Нил 4").id, hubspot.office.add_client("ООО", True).id
    contacts = hubspot.get("/crm/v3/objects/contacts?properties=firstname,lastname,email")["results"]
    companies = hubspot.get("/crm/v3/objects/companies")["results"]
    assert [
        (each["id"], each["properties"]["firstname"], each["properties"]["lastname"]) for each in contacts
    ] == [(str(person), "Пётр", "О'Нил 4")]
    assert [(each["id"], each["properties"]["name"]) for each in companies] == [(str(firm), "ООО")]
    deal = hubspot.office.add_deal("x", 0, firm, 31, 11).id
    links = hubspot.get(f"/crm/v3/objects/deals/{deal}?associations=companies")["associations"]["companies"]
    assert [each["type"] for each in links["results"]] == ["deal_to_company", "deal_to_company_unlabeled"]


def test_a_deleted_record_is_found_among_the_archived_only(hubspot: Caller) -> None:
    deal = hubspot.office.add_deal("x", 0, None, 31, 11).id
    hubspot.office.delete_deal(deal)
    assert error(hubspot.call("GET", f"/crm/v3/objects/deals/{deal}")) == (404, "OBJECT_NOT_FOUND")
    assert hubspot.get(f"/crm/v3/objects/deals/{deal}?archived=true")["archived"] is True
    hubspot.office.restore_deal(deal)
    assert hubspot.get(f"/crm/v3/objects/deals/{deal}")["archived"] is False


@pytest.mark.parametrize(
    ("path", "status", "category"),
    [
        ("/crm/v3/objects/deals/1", 404, "OBJECT_NOT_FOUND"),
        ("/crm/v3/objects/boats", 400, "VALIDATION_ERROR"),
        ("/crm/v3/objects/deals/1?idProperty=dealname", 400, "VALIDATION_ERROR"),
        ("/crm/v3/objects/deals?propertes=amount", 400, "VALIDATION_ERROR"),
        ("/crm/v3/pipelines/deals/99", 404, "OBJECT_NOT_FOUND"),
        ("/crm/v3/owners/99", 404, "OBJECT_NOT_FOUND"),
    ],
)
def test_errors_are_told_as_documented(hubspot: Caller, path: str, status: int, category: str) -> None:
    assert error(hubspot.call("GET", path)) == (status, category)


def test_a_wrong_token_is_refused(hubspot: Caller) -> None:
    assert error(hubspot.call("GET", "/crm/v3/owners", token="pat-other")) == (401, "INVALID_AUTHENTICATION")


def test_errors_on_demand_are_of_the_vendors_form_and_an_outage_is_not(hubspot: Caller) -> None:
    hubspot.vendor.fail_next(1, 500)
    assert error(hubspot.call("GET", "/crm/v3/owners"))[0] == 500
    hubspot.vendor.fail_next(1, 477)
    assert hubspot.call("GET", "/crm/v3/owners").headers["retry-after"] == "60"
    hubspot.vendor.down = True
    answer = hubspot.call("GET", "/crm/v3/owners")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")


def test_ten_seconds_and_days_have_their_limits_and_the_headers_tell_them() -> None:
    caller = Caller(limit=3, daily=5)
    headers = caller.call("GET", "/crm/v3/owners").headers
    told = {
        name: headers[f"x-hubspot-ratelimit-{name}"] for name in ("max", "remaining", "interval-milliseconds")
    }
    assert told == {"max": "3", "remaining": "2", "interval-milliseconds": "10000"}
    assert [caller.call("GET", "/crm/v3/owners").status_code for _ in range(3)] == [200, 200, 429]
    refused = caller.call("GET", "/crm/v3/owners").json()
    assert refused["policyName"] == "TEN_SECONDLY_ROLLING"
    assert (refused["errorType"], refused["message"]) == (
        "RATE_LIMIT",
        "You have reached your ten_secondly_rolling limit.",
    )
    caller.clock.advance(10)
    assert [caller.call("GET", "/crm/v3/owners").status_code for _ in range(3)] == [200, 200, 429]
    caller.clock.advance(10)
    assert caller.call("GET", "/crm/v3/owners").json()["policyName"] == "DAILY"
    caller.clock.advance(86_400)
    assert caller.call("GET", "/crm/v3/owners").status_code == 200


def test_searches_have_a_limit_of_their_own_and_tell_no_limits() -> None:
    caller = Caller(limit=1)
    answers = [caller.call("POST", "/crm/v3/objects/deals/search", {}) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert not [name for name in answers[0].headers if "ratelimit" in name]
    assert caller.call("GET", "/crm/v3/owners").status_code == 200


def test_a_search_pages_through_what_changed_since_a_moment() -> None:
    caller = populated()
    since = int(START) + 6000
    body = {
        "filterGroups": [
            {
                "filters": [
                    {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": str(since * 1000)}
                ]
            }
        ],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["dealname"],
        "limit": 9,
    }
    got: list[str] = []
    after: str | None = "0"
    while after is not None:
        caller.clock.advance(1)
        told = caller.post("/crm/v3/objects/deals/search", {**body, "after": after})
        got += [each["id"] for each in told["results"]]
        after = told.get("paging", {}).get("next", {}).get("after")
    deals = caller.office.deals.values()
    wanted = [str(each.id) for each in deals if each.updated_at >= since and not each.deleted]
    assert got == wanted
    assert told["total"] == len(wanted) > 9
    assert set(told["results"][0]["properties"]) == {
        "dealname",
        "createdate",
        "hs_lastmodifieddate",
        "hs_object_id",
    }


@pytest.mark.parametrize(
    ("operator", "more", "amounts"),
    [
        ("EQ", {"value": "20"}, ["20"]),
        ("NEQ", {"value": "20"}, ["3", "100"]),
        ("GT", {"value": "3"}, ["20", "100"]),
        ("LTE", {"value": "20"}, ["3", "20"]),
        ("BETWEEN", {"value": "10", "highValue": "100"}, ["20", "100"]),
        ("IN", {"values": ["3", "100"]}, ["3", "100"]),
        ("NOT_IN", {"values": ["3", "100"]}, ["20"]),
        ("HAS_PROPERTY", {}, ["3", "20", "100"]),
        ("NOT_HAS_PROPERTY", {}, []),
    ],
)
def test_the_operators_of_a_search(
    hubspot: Caller, operator: str, more: dict[str, object], amounts: list[str]
) -> None:
    for amount in (300, 2000, 10_000):
        hubspot.office.add_deal("x", amount, None, 31, 11)
    filters = [{"propertyName": "amount", "operator": operator, **more}]
    told = hubspot.post("/crm/v3/objects/deals/search", {"filterGroups": [{"filters": filters}]})
    assert [each["properties"]["amount"] for each in told["results"]] == amounts


def test_filters_of_a_group_must_all_hold_and_one_group_is_enough(hubspot: Caller) -> None:
    for amount, pipeline in ((300, 11), (2000, 11), (2000, 12), (900, 12)):
        hubspot.office.add_deal("x", amount, None, 31, pipeline)
    large = {"propertyName": "amount", "operator": "GTE", "value": "20"}
    first = {"propertyName": "pipeline", "operator": "EQ", "value": "11"}
    groups = [
        {"filters": [large, first]},
        {"filters": [{"propertyName": "amount", "operator": "EQ", "value": "9"}]},
    ]
    body = {"filterGroups": groups, "sorts": [{"propertyName": "amount", "direction": "DESCENDING"}]}
    told = hubspot.post("/crm/v3/objects/deals/search", body)
    assert [each["properties"]["amount"] for each in told["results"]] == ["20", "9"]


ONE: Final = {"propertyName": "amount", "operator": "EQ", "value": "1"}


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "10000"},
        {"after": "9801", "limit": 200},
        {"filterGroups": [{"filters": [ONE]}] * 6},
        {"filterGroups": [{"filters": [ONE] * 7}]},
        {"filterGroups": [{"filters": [ONE] * 5}] * 4},
        {"filterGroups": [{"filters": [{**ONE, "operator": "LIKE"}]}]},
        {"filterGroups": [{"filters": [{**ONE, "propertyName": "amuont"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "IN", "value": "1"}]}]},
        {"sorts": ["amount", "dealname"]},
        [],
    ],
)
def test_a_search_beyond_the_limits_is_refused(hubspot: Caller, body: object) -> None:
    assert error(hubspot.call("POST", "/crm/v3/objects/deals/search", body)) == (400, "VALIDATION_ERROR")


def test_a_search_ends_at_ten_thousand_results_and_says_how_many_there_are(hubspot: Caller) -> None:
    for number in range(10_001):
        hubspot.office.add_deal("x", number, None, 31, 11)
    told = hubspot.post("/crm/v3/objects/deals/search", {"after": "9800", "limit": 200})
    assert (told["total"], len(told["results"]), told["paging"]["next"]["after"]) == (10_001, 200, "10000")


def test_a_search_finds_neither_what_is_archived_nor_what_was_just_changed() -> None:
    caller = Caller(index_lag=5)
    first, second = (caller.office.add_deal("x", 0, None, 31, 11).id for _ in range(2))
    assert caller.post("/crm/v3/objects/deals/search", {})["total"] == 0
    caller.clock.advance(5)
    caller.office.delete_deal(first)
    caller.clock.advance(5)
    assert [each["id"] for each in caller.post("/crm/v3/objects/deals/search", {})["results"]] == [
        str(second)
    ]


def test_a_batch_read_gives_what_there_is_and_names_what_there_is_not(hubspot: Caller) -> None:
    deal = hubspot.office.add_deal("Séance", 100, None, 31, 11).id
    body = {"inputs": [{"id": str(deal)}], "properties": ["dealname"], "propertiesWithHistory": []}
    told = hubspot.post("/crm/v3/objects/deals/batch/read", body)
    assert set(told) == {"status", "results", "startedAt", "completedAt"}
    assert told["results"][0]["properties"]["dealname"] == "Séance"
    partly = hubspot.post(
        "/crm/v3/objects/deals/batch/read", {**body, "inputs": [{"id": "1"}, {"id": deal}]}, 207
    )
    assert [each["id"] for each in partly["results"]] == [str(deal)]
    assert (partly["numErrors"], partly["errors"][0]["context"]) == (1, {"ids": ["1"]})
    many = {**body, "inputs": [{"id": str(each)} for each in range(101)]}
    assert error(hubspot.call("POST", "/crm/v3/objects/deals/batch/read", many))[0] == 400


def test_associations_are_read_in_batches_and_what_has_none_is_an_error_of_207(hubspot: Caller) -> None:
    person, firm = hubspot.office.add_client("Иван").id, hubspot.office.add_client("ООО", company=True).id
    ones = [hubspot.office.add_deal("x", 0, client, 31, 11).id for client in (person, firm, None)]
    task = hubspot.office.add_task("y", 31, None, deal_id=ones[0]).id
    told = hubspot.post(
        "/crm/v4/associations/deals/contacts/batch/read",
        {"inputs": [{"id": str(each)} for each in ones]},
        207,
    )
    assert told["results"] == [
        {
            "from": {"id": str(ones[0])},
            "to": [
                {
                    "toObjectId": person,
                    "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}],
                }
            ],
        }
    ]
    assert [each["context"]["fromObjectId"] for each in told["errors"]] == [[str(each)] for each in ones[1:]]
    assert {each["subCategory"] for each in told["errors"]} == {"crm.associations.NO_ASSOCIATIONS_FOUND"}
    path = "/crm/v4/associations/tasks/deals/batch/read"
    assert hubspot.post(path, {"inputs": [{"id": task}]})["results"][0]["to"][0]["toObjectId"] == ones[0]


def test_only_the_metadata_say_which_stage_is_lost(hubspot: Caller) -> None:
    pipelines = hubspot.get("/crm/v3/pipelines/deals")["results"]
    assert [(each["id"], each["label"]) for each in pipelines] == [
        ("11", "Продажи"),
        ("12", "Повторные продажи"),
    ]
    stages = {each["id"]: each["metadata"] for pipeline in pipelines for each in pipeline["stages"]}
    lost = {id for id, of in stages.items() if of == {"isClosed": "true", "probability": "0.0"}}
    assert lost == {"1199", "1299"}
    assert {"isClosed": "false", "probability": "0.0"} in stages.values()
    assert hubspot.get("/crm/v3/pipelines/deals/12") == pipelines[1]


def test_owners_are_paged_and_their_ids_are_not_their_users(hubspot: Caller) -> None:
    pages = list(hubspot.pages("/crm/v3/owners?limit=2"))
    assert [[each["id"] for each in page] for page in pages] == [["31", "32"], ["33"]]
    assert (pages[0][0]["firstName"], pages[0][0]["lastName"]) == ("Анна", "Орлова")
    user = pages[0][0]["userId"]
    assert hubspot.get(f"/crm/v3/owners/{user}?idProperty=userId")["id"] == "31"


def test_the_documented_signatures() -> None:
    v3 = signature_v3(
        DOCUMENTED_SECRET,
        "POST",
        "https://www.example.com/webhook_uri",
        b"{'example_field':'example_value'}",
        "1693657560000",
    )
    assert v3 == "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
    body = (
        b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
        b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
        b'"changeFlag":"NEW","appId":54321}]'
    )
    expected = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    assert signature_v1(DOCUMENTED_SECRET, body) == expected


def test_an_addresss_escapes_are_decoded_before_it_is_signed() -> None:
    plain = signature_v3("s", "POST", "https://a.example/x?to=a@b.example,c", b"", "1")
    assert signature_v3("s", "POST", "https://a.example/x?to=a%40b.example%2Cc", b"", "1") == plain


def test_a_delivery_is_signed_when_it_leaves_and_counts_its_attempts() -> None:
    caller = Caller(public_url="https://board.example/webhooks/office?x=1")
    webhook = caller.vendor.webhooks(caller.office.add_deal("Séance & co", 100, None, 31, 11))[0]
    caller.clock.advance(300)
    sent = caller.vendor.outgoing(webhook, 3)
    assert {each["attemptNumber"] for each in json.loads(sent.body)} == {3}
    stamp = sent.headers["x-hubspot-request-timestamp"]
    assert stamp == str(int(START + 300) * 1000)
    secret, url = str(caller.vendor.settings()["webhook_secret"]), caller.vendor.public_url
    assert sent.headers["x-hubspot-signature-v3"] == signature_v3(secret, "POST", url, sent.body, stamp)
    caller.vendor.signature = "v1"
    sent = caller.vendor.outgoing(webhook, 0)
    assert sent.headers["x-hubspot-signature"] == signature_v1(secret, sent.body)
    assert sent.headers["x-hubspot-signature-version"] == "v1"
    assert "x-hubspot-signature-v3" not in sent.headers


def test_a_loss_is_told_as_one_event_for_each_changed_property(hubspot: Caller) -> None:
    deal = hubspot.office.add_deal("x", 100, None, 31, 11).id
    hubspot.clock.advance(60)
    told = hubspot.events(hubspot.office.lose(deal, "Дорого"))
    assert [(each["propertyName"], each["propertyValue"]) for each in told] == [
        ("closed_lost_reason", "Дорого"),
        ("closedate", str(int(START + 60) * 1000)),
        ("dealstage", "1199"),
    ]
    assert {each["occurredAt"] for each in told} == {int(START + 60) * 1000}
    reopened = {
        each["propertyName"]: each["propertyValue"] for each in hubspot.events(hubspot.office.reopen(deal))
    }
    assert reopened["closed_lost_reason"] == ""
    assert reopened["dealstage"] == "1101"


def test_a_creation_comes_with_what_was_set_and_not_always_first(hubspot: Caller) -> None:
    firsts = set()
    for _ in range(20):
        told = json.loads(hubspot.vendor.webhooks(hubspot.office.add_deal("x", 100, None, 31, 11))[0].body)
        assert sorted(each.get("propertyName", each["subscriptionType"]) for each in told) == [
            "amount",
            "closedate",
            "deal.creation",
            "dealname",
            "dealstage",
            "hubspot_owner_id",
            "pipeline",
        ]
        firsts.add(told[0]["subscriptionType"])
    assert firsts == {"deal.creation", "deal.propertyChange"}


def test_deletion_restoration_and_what_a_deal_is_associated_with(hubspot: Caller) -> None:
    person, firm = hubspot.office.add_client("Иван").id, hubspot.office.add_client("ООО", company=True).id
    deal = hubspot.office.add_deal("x", 100, person, 31, 11).id
    moved = hubspot.events(hubspot.office.edit_deal(deal, client_id=firm))
    names = ("associationType", "fromObjectId", "toObjectId", "associationRemoved")
    assert {tuple(each[name] for name in names) for each in moved} == {
        ("DEAL_TO_CONTACT", deal, person, True),
        ("DEAL_TO_COMPANY", deal, firm, False),
    }
    assert [each["subscriptionType"] for each in hubspot.events(hubspot.office.delete_deal(deal))] == [
        "deal.deletion"
    ]
    assert [each["subscriptionType"] for each in hubspot.events(hubspot.office.restore_deal(deal))] == [
        "deal.restore"
    ]


def test_tasks_have_generic_events_only_and_deals_have_them_where_so_subscribed() -> None:
    caller = Caller(generic=True)
    deal = caller.office.add_deal("x", 100, None, 31, 11)
    task = caller.office.add_task("y", 31, int(START), deal_id=deal.id)
    for event, type_id in ((deal, "0-3"), (task, "0-27")):
        told = caller.events(event)
        assert {each["subscriptionType"].split(".")[0] for each in told} == {"object"}
        kinds = {each.get("objectTypeId", each.get("fromObjectTypeId")) for each in told}
        assert kinds == {type_id}
    link = next(
        each for each in caller.events(task) if each["subscriptionType"] == "object.associationChange"
    )
    assert (link["toObjectTypeId"], link["toObjectId"], link["associationTypeId"]) == ("0-3", deal.id, 216)
    assert {each["subscriptionType"] for each in Caller().events(task)} == {
        "object.creation",
        "object.propertyChange",
        "object.associationChange",
    }


def test_what_nobody_subscribed_to_is_not_told(hubspot: Caller) -> None:
    client = hubspot.office.add_client("Иван Петров").id
    event = hubspot.office.rename_client(client, "Иван Сидоров")
    assert [(each["propertyName"], each["propertyValue"]) for each in hubspot.events(event)] == [
        ("lastname", "Сидоров")
    ]
    assert hubspot.vendor.webhooks(hubspot.office.rename_client(client, "Иван Сидоров")) == []


def test_events_of_many_changes_are_batched_below_a_hundred(hubspot: Caller) -> None:
    webhooks = [
        one
        for _ in range(40)
        for one in hubspot.vendor.webhooks(hubspot.office.add_deal("x", 100, None, 31, 11))
    ]
    batches = batched(webhooks)
    sizes = [len(json.loads(one.body)) for one in batches]
    assert sizes == [99, 99, 40 * 7 - 2 * 99]
    assert {event for one in batches for event in one.events} == {
        event for one in webhooks for event in one.events
    }


def test_event_ids_can_be_the_same_for_all(hubspot: Caller) -> None:
    hubspot.vendor.posts.one_event_id = True
    told = [each for _ in range(3) for each in hubspot.events(hubspot.office.add_deal("x", 1, None, 31, 11))]
    assert {each["eventId"] for each in told} == {100}


def test_a_refused_delivery_is_tried_ten_times_within_a_day(hubspot: Caller) -> None:
    attempts: list[int] = []

    async def refuse(webhook: Webhook) -> int:
        attempts.append(json.loads(webhook.body)[0]["attemptNumber"])
        return 500

    async def run() -> None:
        postman = Postman(hubspot.vendor, refuse, Random(1))
        await postman.tell(hubspot.office.add_client("Иван"))
        for _ in range(24 * 60):
            hubspot.clock.advance(60)
            await postman.retry()
        assert (postman.waiting, len(postman.lost)) == (0, 1)

    asyncio.run(run())
    assert attempts == list(range(11))


def test_bodies_have_just_the_fields_of_captured_ones(hubspot: Caller) -> None:
    told = hubspot.events(hubspot.office.add_client("Иван")) + hubspot.events(
        hubspot.office.add_deal("x", 1, None, 31, 11)
    )
    by_name = {each["subscriptionType"]: each for each in told}
    for name, sample in samples().items():
        assert set(by_name[name]) == set(sample), name
        kinds = {key: type(value) for key, value in by_name[name].items()}
        assert kinds == {key: type(value) for key, value in sample.items()}, name


def samples() -> dict[str, dict[str, Any]]:
    """Captured events by their names, where a folder of captures is given; else our own."""
    named = os.environ.get("LOSSBOARD_CAPTURES")
    if not named:
        return OWN_SAMPLES
    bodies = [json.loads(path.read_bytes()) for path in sorted((Path(named) / "hubspot").glob("*.txt"))]
    found = {each["subscriptionType"]: each for body in bodies for each in body if "subscriptionType" in each}
    assert {"deal.propertyChange", "contact.creation"} <= set(found)
    return found
