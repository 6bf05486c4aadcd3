"""Rules of the simulated HubSpot that no history proves, from the vendor's documents and captured bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.demo.crms.hubspot.crm import HubSpot
from service.demo.crms.hubspot.records import choice_of
from service.demo.crms.hubspot.webhooks import signature_v3
from service.demo.office import Event
from tests.demo.clock import START
from tests.demo.crms.simulated import ADDRESS, Simulated, captures

DEALS = "/crm/objects/2026-09/deals"
OWNERS = "/crm/owners/2026-09"
BASIC = {
    "attemptNumber": int,
    "appId": int,
    "changeSource": str,
    "eventId": int,
    "objectId": int,
    "occurredAt": int,
    "portalId": int,
    "subscriptionId": int,
    "subscriptionType": str,
}
DOCUMENTED = {
    "deal.propertyChange": BASIC | {"propertyName": str, "propertyValue": str},
    "contact.creation": BASIC | {"changeFlag": str},
}
"""The fields of these events, and their types."""


def simulated(**options: Any) -> Simulated[HubSpot]:
    return Simulated(
        lambda office: HubSpot(office, **options), lambda crm: {"authorization": f"Bearer {crm.token}"}
    )


@pytest.fixture
def hubspot() -> Simulated[HubSpot]:
    return simulated()


def posted(hubspot: Simulated[HubSpot], event: Event) -> list[dict[str, Any]]:
    """The events that are posted, by the names of their subscriptions and properties."""
    events = [body for webhook in hubspot.crm.webhooks(event) for body in json.loads(webhook.body)]
    return sorted(events, key=lambda body: (body["subscriptionType"], body.get("propertyName", "")))


async def test_every_value_of_a_record_is_text_and_a_moment_is_iso_8601(hubspot: Simulated[HubSpot]) -> None:
    deal = hubspot.office.add_deal("Séance", 518_450, None, 31, 11).id
    hubspot.office.lose(deal, "Дорого")
    names = "dealname,amount,dealstage,closedate,closed_lost_reason,hubspot_owner_id,no_such_property"
    (record,) = (await hubspot.get(f"{DEALS}?properties={names}"))["results"]
    assert record["properties"] == {
        "dealname": "Séance",
        "amount": "5184.5",
        "dealstage": "1199",
        "closedate": "2026-11-23T08:00:00Z",
        "closed_lost_reason": "Дорого",
        "hubspot_owner_id": "31",
        "createdate": "2026-11-23T08:00:00Z",
        "hs_lastmodifieddate": "2026-11-23T08:00:00Z",
        "hs_object_id": str(deal),
    }
    assert (record["id"], record["archived"]) == (str(deal), False)


async def test_only_the_metadata_say_which_stage_is_lost(hubspot: Simulated[HubSpot]) -> None:
    pipeline = (await hubspot.get("/crm/pipelines/2026-09/deals"))["results"][1]
    stages = {stage["id"]: stage["metadata"] for stage in pipeline["stages"]}
    assert stages == {
        "1201": {"isClosed": "false", "probability": "0.0"},
        "1298": {"isClosed": "true", "probability": "1.0"},
        "1299": {"isClosed": "true", "probability": "0.0"},
    }


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "9900", "limit": 200},
        {"after": "x"},
        {"sorts": [{"propertyName": "amount"}, {"propertyName": "dealname"}]},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "nmae", "operator": "HAS_PROPERTY"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "amount", "operator": "GT"}]}]},
    ],
)
async def test_a_search_beyond_the_documented_limits_is_refused(
    body: dict[str, Any], hubspot: Simulated[HubSpot]
) -> None:
    answer = await hubspot.call(f"{DEALS}/search", body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


async def test_a_search_sees_neither_what_is_archived_nor_what_was_just_changed() -> None:
    hubspot = simulated(index_lag=5)
    first, second = (hubspot.office.add_deal("x", 0, None, 31, 11).id for _ in range(2))
    assert (await hubspot.get(f"{DEALS}/search", {}))["total"] == 0
    hubspot.office.delete_deal(first)
    hubspot.clock.advance(5)
    results = (await hubspot.get(f"{DEALS}/search", {}))["results"]
    assert [record["id"] for record in results] == [str(second)]


async def test_a_batch_names_what_is_missing_with_status_207(hubspot: Simulated[HubSpot]) -> None:
    deal = hubspot.office.add_deal("Séance", 100, None, 31, 11).id
    body = {"inputs": [{"id": "1"}, {"id": deal}], "properties": ["dealname"]}
    answer = await hubspot.call(f"{DEALS}/batch/read", body)
    assert answer.status_code == 207
    assert [record["id"] for record in answer.json()["results"]] == [str(deal)]
    assert (answer.json()["numErrors"], answer.json()["errors"][0]["context"]) == (1, {"ids": ["1"]})
    links = await hubspot.call("/crm/associations/2026-09/deals/contacts/batch/read", body)
    assert (links.status_code, links.json()["numErrors"]) == (207, 2)
    assert links.json()["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


async def test_a_merge_makes_a_record_to_which_the_old_ids_lead(hubspot: Simulated[HubSpot]) -> None:
    office = hubspot.office
    first, second = (office.add_client(name) for name in ("Иван", "Ваня"))
    one = office.add_deal("Séance", 100, first.id, 31, 11)
    two = office.add_deal("Сеанс", 200, second.id, 31, 11)
    task = office.add_task("y", 31, int(START), deal_id=two.id).id
    webhook = hubspot.crm.merge(office.deals[one.id], office.deals[two.id])
    (event,) = json.loads(webhook.body)
    new = event["newObjectId"]
    names = ("subscriptionType", "objectId", "primaryObjectId", "mergedObjectIds")
    assert [event[name] for name in names] == ["deal.merge", new, one.id, [two.id]]
    body = {"inputs": [{"id": two.id}, {"id": one.id}], "properties": ["hs_merged_object_ids"]}
    (record,) = (await hubspot.get(f"{DEALS}/batch/read", body))["results"]
    assert (record["id"], record["properties"]["hs_merged_object_ids"]) == (str(new), f"{one.id};{two.id}")
    (listed,) = (await hubspot.get(f"{DEALS}?properties=hs_merged_object_ids"))["results"]
    assert listed["id"] == str(new)
    assert (await hubspot.get(f"{DEALS}?archived=true"))["results"] == []
    assert office.tasks[task].deal_id == new
    webhook = hubspot.crm.merge(office.clients[first.id], office.clients[second.id])
    (event,) = json.loads(webhook.body)
    assert event["subscriptionType"] == "contact.merge"
    assert office.deals[new].client_id == event["newObjectId"]


async def test_the_definition_of_a_choice_has_its_labels(hubspot: Simulated[HubSpot]) -> None:
    path = "/crm/properties/2026-09/deals"
    choice = await hubspot.get(f"{path}/lost_reason")
    assert (choice["type"], choice["fieldType"]) == ("enumeration", "checkbox")
    labels = {option["value"]: option["label"] for option in choice["options"]}
    assert set(labels.values()) == set(hubspot.office.reasons.values())
    text = await hubspot.get(f"{path}/closed_lost_reason")
    assert (text["type"], text["options"]) == ("string", [])
    missing = await hubspot.call(f"{path}/no_such_property")
    assert (missing.status_code, missing.json()["category"]) == (404, "OBJECT_NOT_FOUND")


async def test_ten_seconds_and_days_have_limits_and_searches_have_their_own() -> None:
    hubspot = simulated(limit=3, daily=12)
    headers = (await hubspot.call(OWNERS)).headers
    names = ("max", "remaining", "interval-milliseconds")
    assert [headers[f"x-hubspot-ratelimit-{name}"] for name in names] == ["3", "2", "10000"]
    answers = [await hubspot.call(OWNERS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    searches = [await hubspot.call(f"{DEALS}/search", {}) for _ in range(6)]
    assert [answer.status_code for answer in searches] == [200] * 5 + [429]
    assert searches[-1].json()["policyName"] == "SECONDLY"
    assert not [name for name in searches[0].headers if "ratelimit" in name]
    for _ in range(2):
        hubspot.clock.advance(10)
        last = [await hubspot.call(OWNERS) for _ in range(3)][-1]
    assert last.json()["policyName"] == "DAILY"
    hubspot.clock.advance(86_400)
    assert (await hubspot.call(OWNERS)).status_code == 200


async def test_a_wrong_token_and_an_unknown_parameter_are_refused(hubspot: Simulated[HubSpot]) -> None:
    wrong = await hubspot.call(OWNERS, headers={"authorization": "Bearer pat-other"})
    assert (wrong.status_code, wrong.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert (await hubspot.call(f"{OWNERS}?lmit=1")).status_code == 400


def test_the_documented_signature() -> None:
    signature = signature_v3(
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        "POST",
        "https://www.example.com/webhook_uri",
        b"{'example_field':'example_value'}",
        "1693657560000",
    )
    assert signature == "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
    plain = signature_v3("s", "POST", "https://a.example/x?to=a@b.example,c", b"", "1")
    assert signature_v3("s", "POST", "https://a.example/x?to=a%40b.example%2Cc", b"", "1") == plain


def test_a_webhook_is_signed_when_it_leaves_and_counts_its_attempts(hubspot: Simulated[HubSpot]) -> None:
    hubspot.crm.connect("http://127.0.0.1:8000/webhooks/demo")
    (webhook,) = hubspot.crm.webhooks(hubspot.office.add_deal("Séance & co", 100, None, 31, 11))
    hubspot.clock.advance(300)
    sent = hubspot.crm.outgoing(webhook, 3)
    assert {event["attemptNumber"] for event in json.loads(sent.body)} == {3}
    stamp = str(int(START + 300) * 1000)
    address = "https://127.0.0.1:8000/webhooks/demo"
    signature = signature_v3(hubspot.crm.webhook_secret, "POST", address, sent.body, stamp)
    assert sent.headers["x-hubspot-request-timestamp"] == stamp
    assert sent.headers["x-hubspot-signature-v3"] == signature
    assert ADDRESS.startswith("https:")


def test_a_change_is_posted_as_one_event_for_each_property(hubspot: Simulated[HubSpot]) -> None:
    deal = hubspot.office.add_deal("x", 100, None, 31, 11).id
    hubspot.clock.advance(60)
    events = posted(hubspot, hubspot.office.lose(deal, "Дорого"))
    moment = int(START + 60) * 1000
    assert [(event["propertyName"], event["propertyValue"], event["occurredAt"]) for event in events] == [
        ("closed_lost_reason", "Дорого", moment),
        ("closedate", str(moment), moment),
        ("dealstage", "1199", moment),
        ("lost_reason", choice_of("Дорого"), moment),
    ]


def test_a_creation_is_posted_with_what_was_set_and_not_always_first(hubspot: Simulated[HubSpot]) -> None:
    firsts = set()
    for _ in range(20):
        (webhook,) = hubspot.crm.webhooks(hubspot.office.add_deal("x", 100, None, 31, 11))
        firsts.add(json.loads(webhook.body)[0]["subscriptionType"])
    assert firsts == {"deal.creation", "deal.propertyChange"}


def test_an_association_is_posted_for_either_end_that_changed(hubspot: Simulated[HubSpot]) -> None:
    person, firm = hubspot.office.add_client("Иван").id, hubspot.office.add_client("ООО", company=True).id
    deal = hubspot.office.add_deal("x", 100, person, 31, 11).id
    events = posted(hubspot, hubspot.office.edit_deal(deal, client_id=firm))
    names = ("associationType", "fromObjectId", "toObjectId", "associationRemoved")
    assert {tuple(event[name] for name in names) for event in events} == {
        ("DEAL_TO_CONTACT", deal, person, True),
        ("DEAL_TO_COMPANY", deal, firm, False),
    }
    task = posted(hubspot, hubspot.office.add_task("y", 31, int(START), deal_id=deal))
    assert {event["subscriptionType"].split(".")[0] for event in task} == {"object"}
    assert hubspot.crm.webhooks(hubspot.office.rename_client(person, "Иван")) == []


def test_bodies_have_just_the_fields_of_captured_and_documented_ones(hubspot: Simulated[HubSpot]) -> None:
    office = hubspot.office
    events = posted(hubspot, office.add_client("Иван")) + posted(
        hubspot, office.add_deal("x", 1, None, 31, 11)
    )
    made = {
        event["subscriptionType"]: {name: type(value) for name, value in event.items()} for event in events
    }
    for name, fields in DOCUMENTED.items():
        assert made[name] == fields
    for body in captures("hubspot"):
        for event in json.loads(body):
            if "subscriptionType" in event and event["subscriptionType"] in made:
                own = {name: type(value) for name, value in event.items()}
                assert made[event["subscriptionType"]] == own
