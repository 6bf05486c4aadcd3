"""Rules of the simulated amoCRM that no history proves, from the vendor's documents and captured bodies."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from service.demo.crms.amocrm.crm import ABUSE, INVALID, SETTINGS, AmoCRM
from tests.adapters.amocrm import captures
from tests.demo.clock import START
from tests.demo.crms.simulated import ADDRESS, Simulated

NOW = int(START)


def simulated(**options: Any) -> Simulated[AmoCRM]:
    return Simulated(
        lambda office: AmoCRM(office, **options), lambda crm: {"authorization": f"Bearer {crm.token}"}
    )


@pytest.fixture
def amocrm() -> Simulated[AmoCRM]:
    return simulated()


def form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


async def test_a_lead_has_the_documented_fields(amocrm: Simulated[AmoCRM]) -> None:
    client = amocrm.office.add_client("Иван").id
    deal = amocrm.office.add_deal("Абонемент", 518_400, client, 31, 11).id
    amocrm.clock.advance(60)
    amocrm.office.lose(deal, "Дорого")
    page = await amocrm.get("/api/v4/leads?with=loss_reason,contacts")
    (lead,) = page["_embedded"]["leads"]
    embedded = lead.pop("_embedded")
    assert lead == {
        "id": deal,
        "name": "Абонемент",
        "price": 5184,
        "responsible_user_id": 31,
        "group_id": 0,
        "status_id": 143,
        "pipeline_id": 11,
        "loss_reason_id": 210,
        "source_id": None,
        "created_by": 31,
        "updated_by": 31,
        "created_at": NOW,
        "updated_at": NOW + 60,
        "closed_at": NOW + 60,
        "closest_task_at": None,
        "is_deleted": False,
        "custom_fields_values": None,
        "score": None,
        "account_id": 20518844,
        "_links": {"self": {"href": f"https://zerno.amocrm.ru/api/v4/leads/{deal}"}},
    }
    assert [contact["id"] for contact in embedded["contacts"]] == [client]
    assert [reason["name"] for reason in embedded["loss_reason"]] == ["Дорого"]


@pytest.mark.parametrize(
    "path",
    [
        "leads?filter[udpated_at][from]=1",
        "leads?filter[closed_at][since]=1",
        "leads?order[closed_at]=asc",
        "leads?limit=251",
        "leads?with=reason",
        "leads?since=1",
        "tasks?filter[entity_id]=1",
        "events?limit=101",
    ],
)
async def test_what_the_documents_do_not_know_is_refused(path: str, amocrm: Simulated[AmoCRM]) -> None:
    answer = await amocrm.call(f"/api/v4/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_pages_follow_the_links_and_an_empty_one_is_204(amocrm: Simulated[AmoCRM]) -> None:
    for _ in range(3):
        amocrm.office.add_deal("x", 100, None, 31, 11)
    page = await amocrm.get("/api/v4/leads?limit=2&filter[pipeline_id]=11")
    following = urlsplit(page["_links"]["next"]["href"])
    assert dict(parse_qsl(following.query)) == {"limit": "2", "filter[pipeline_id]": "11", "page": "2"}
    assert "next" not in (await amocrm.get(f"{following.path}?{following.query}"))["_links"]
    assert (await amocrm.call("/api/v4/leads?limit=2&page=3")).status_code == 204


async def test_seven_requests_a_second_then_429_and_an_address_that_goes_on_is_blocked() -> None:
    amocrm = simulated()
    statuses = [(await amocrm.call("/api/v4/users")).status_code for _ in range(7 + ABUSE + 1)]
    assert statuses == [200] * 7 + [429] * ABUSE + [403]
    assert (await amocrm.call("/api/v4/users", headers={"authorization": "Bearer x"})).status_code == 403


async def test_webhooks_are_registered_renewed_and_deleted(amocrm: Simulated[AmoCRM]) -> None:
    (own,) = (await amocrm.get("/api/v4/webhooks"))["_embedded"]["webhooks"]
    assert own["destination"] == f"{ADDRESS}?token=amo-webhook-secret"
    assert (own["disabled"], set(own["settings"])) == (False, set(SETTINGS))
    added = {"destination": "https://mine.example/hook?token=t", "settings": ["add_lead"]}
    assert (await amocrm.call("/api/v4/webhooks", added)).status_code == 201
    posted = amocrm.crm.webhooks(amocrm.office.add_deal("x", 100, None, 31, 11))
    assert [webhook.query["token"] for webhook in posted] == ["amo-webhook-secret", "t"]
    gone = {"destination": own["destination"]}
    statuses = [(await amocrm.call("/api/v4/webhooks", gone, "DELETE")).status_code for _ in range(2)]
    assert statuses == [204, 404]
    wrong = await amocrm.call("/api/v4/webhooks", added | {"settings": ["lead_added"]})
    assert wrong.status_code == 422


async def test_more_than_a_hundred_invalid_answers_in_two_hours_disable_the_webhook(
    amocrm: Simulated[AmoCRM],
) -> None:
    webhook = amocrm.crm.webhooks(amocrm.office.add_deal("x", 100, None, 31, 11))[0]
    for _ in range(INVALID):
        amocrm.crm.answered(webhook, 0, 500)
    assert not amocrm.crm.disabled
    amocrm.clock.advance(7200)
    for _ in range(INVALID):
        amocrm.crm.answered(webhook, 0, None)
    assert not amocrm.crm.disabled
    amocrm.crm.answered(webhook, 0, 500)
    assert amocrm.crm.disabled
    (hook,) = (await amocrm.get("/api/v4/webhooks"))["_embedded"]["webhooks"]
    assert hook["disabled"] is True
    await amocrm.call("/api/v4/webhooks", hook)
    assert not amocrm.crm.disabled


Shape = tuple[str, str, frozenset[str]]


def shape(body: bytes) -> Shape | None:
    """A body's entity, action and fields, without the account, tags, custom fields and ids in names."""
    names: set[str] = set()
    entity = action = ""
    for key, _ in parse_qsl(body.decode(), keep_blank_values=True):
        match = re.fullmatch(r"(leads|task|contacts)\[(\w+)\]\[0\]\[(\w+)\](.*)", key)
        if match and match[3] not in ("custom_fields", "tags"):
            entity, action = match[1], match[2]
            names.add(match[3])
    return (entity, action, frozenset(names)) if names else None


def test_bodies_have_just_the_fields_of_captured_ones() -> None:
    known = {captured for captured in map(shape, captures.bodies().values()) if captured is not None}
    dated = {"created_at", "updated_at"}  # not in captures of 2016, in all of 2025
    known |= {(e, action, names | dated) for e, action, names in known if e == "leads" and "price" in names}
    made: set[Shape] = set()
    for short in (False, True):
        amocrm = simulated(short=short, reason_field="Причина отказа")
        for event in amocrm.live(1200):
            made |= {own for webhook in amocrm.crm.webhooks(event) if (own := shape(webhook.body))}
    handed_over = {"old_responsible_user_id"}
    made = {
        (entity, action, names - handed_over if entity == "task" else names)
        for entity, action, names in made
        if entity != "contacts"
    }
    assert {(entity, action) for entity, action, _ in made} == {
        *(("leads", action) for action in ("add", "update", "status", "responsible", "delete", "restore")),
        *(("task", action) for action in ("add", "update", "delete")),
    }
    assert made - known == set()


async def test_a_merged_record_is_in_no_list_and_what_was_its_is_the_others(
    amocrm: Simulated[AmoCRM],
) -> None:
    office = amocrm.office
    left, other = (office.clients[office.add_client(name).id] for name in ("Иван", "Ivan"))
    deal = office.add_deal("x", 100, other.id, 31, 11).id
    task = office.add_task("x", 31, NOW, client_id=other.id).id
    amocrm.crm.merge(left, other)
    (contact,) = (await amocrm.get("/api/v4/contacts?with=leads"))["_embedded"]["contacts"]
    assert (contact["id"], [lead["id"] for lead in contact["_embedded"]["leads"]]) == (left.id, [deal])
    (own,) = (await amocrm.get(f"/api/v4/tasks?filter[id][]={task}"))["_embedded"]["tasks"]
    assert own["entity_id"] == left.id
    (event,) = (await amocrm.get("/api/v4/events?filter[type]=entity_merged"))["_embedded"]["events"]
    assert (event["entity_id"], event["entity_type"]) == (left.id, "contact")
    twin = office.deals[office.add_deal("y", 100, None, 31, 11).id]
    amocrm.crm.merge(office.deals[deal], twin)
    assert (await amocrm.call(f"/api/v4/leads?filter[id][]={twin.id}")).status_code == 204


async def test_refusals_have_the_forms_that_were_seen(amocrm: Simulated[AmoCRM]) -> None:
    answers = []
    for status in (301, 402, 403):
        amocrm.crm.fail_next(1, status)
        answers.append(await amocrm.call("/api/v4/users"))
    assert [answer.status_code for answer in answers] == [301, 402, 403]
    assert "moved" in answers[0].headers["location"]
    assert answers[1].json()["title"] == "Payment Required"
    assert answers[2].headers["content-type"].startswith("text/html")


async def test_the_fields_of_leads_are_listed() -> None:
    for field in (None, "Причина отказа"):
        fields = (await simulated(reason_field=field).get("/api/v4/leads/custom_fields"))["_embedded"]
        assert [own["name"] for own in fields["custom_fields"]] == [field or "Источник"]


def test_a_lead_may_come_in_as_an_incoming_lead() -> None:
    amocrm = simulated(unsorted=True)
    event = amocrm.office.add_deal("x", 100, None, 31, 11)
    (posted,) = [form(webhook.body) for webhook in amocrm.crm.webhooks(event)]
    assert {key: value for key, value in posted.items() if key.startswith("unsorted")} == {
        "unsorted[delete][0][action]": "accept",
        "unsorted[delete][0][uid]": f"{event.id:x}",
        "unsorted[delete][0][accept_result][leads][0]": str(event.id),
    }


def test_one_change_is_posted_by_several_webhooks(amocrm: Simulated[AmoCRM]) -> None:
    deal = amocrm.office.add_deal("x", 100, None, 31, 11).id
    event = amocrm.office.edit_deal(deal, manager_id=33, pipeline_id=12)
    bodies = [form(webhook.body) for webhook in amocrm.crm.webhooks(event)]
    actions = [next(key for key in body if key.startswith("leads")).split("[")[1] for body in bodies]
    assert actions == ["update]", "status]", "responsible]"]
    assert bodies[2]["leads[responsible][0][old_responsible_user_id]"] == "31"
    assert bodies[0]["account[id]"] == "20518844"


def test_due_times_are_posted_twice_in_seconds_and_as_utc_without_a_zone(amocrm: Simulated[AmoCRM]) -> None:
    event = amocrm.office.add_task("x", 31, 1_759_438_740)
    body = form(amocrm.crm.webhooks(event)[0].body)
    assert body["task[add][0][complete_till]"] == "2025-10-02 20:59:00"
    assert body["task[add][0][complete_before]"] == "1759438740"


def test_the_loss_reason_is_in_the_configured_field_and_nowhere_else() -> None:
    for field in (None, "Причина отказа"):
        amocrm = simulated(reason_field=field)
        deal = amocrm.office.add_deal("x", 100, None, 31, 11).id
        body = form(amocrm.crm.webhooks(amocrm.office.lose(deal, "Дорого"))[1].body)
        given = {key: value for key, value in body.items() if value in ("Дорого", field)}
        fields = "leads[status][0][custom_fields][0]"
        assert given == (
            {} if field is None else {f"{fields}[name]": field, f"{fields}[values][0][value]": "Дорого"}
        )
