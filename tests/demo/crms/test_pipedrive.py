"""The simulated Pipedrive, held against Pipedrive's documents."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from service.demo.crms.crm import Webhook
from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.office import Event, Office
from tests.demo.clock import START, StillClock
from tests.demo.postman import Postman
from tests.demo.random_history import random_history

DAY: Final = 86_400
META: Final = frozenset(
    {
        "action",
        "attempt",
        "change_source",
        "company_id",
        "correlation_id",
        "entity",
        "entity_id",
        "host",
        "id",
        "is_bulk_edit",
        "permitted_user_ids",
        "timestamp",
        "type",
        "user_id",
        "version",
        "webhook_id",
        "webhook_owner_id",
    }
)
OWN_SAMPLES: Final[dict[str, dict[str, Any]]] = {
    "create.deal": {
        "add_time": "2026-11-23T08:00:00Z",
        "channel": None,
        "channel_id": None,
        "close_time": None,
        "creator_user_id": 1,
        "currency": "EUR",
        "custom_fields": {},
        "expected_close_date": None,
        "first_won_time": None,
        "id": 8,
        "label_ids": [],
        "lost_reason": None,
        "lost_time": None,
        "org_id": None,
        "origin": "ManuallyCreated",
        "origin_id": None,
        "owner_id": 1,
        "person_id": None,
        "pipeline_id": 1,
        "probability": None,
        "stage_change_time": None,
        "stage_id": 2,
        "status": "open",
        "title": "A deal",
        "update_time": None,
        "value": 100,
        "visible_to": "3",
        "won_time": None,
    },
    "create.activity": {
        "active_flag": True,
        "add_time": "2026-11-23T08:00:00Z",
        "busy_flag": None,
        "custom_fields": {},
        "deal_id": 10,
        "done": False,
        "due_date": "2026-11-23",
        "due_time": None,
        "duration": None,
        "id": 2,
        "lead_id": None,
        "location": None,
        "org_id": None,
        "owner_id": 1,
        "person_id": 10,
        "public_description": "",
        "subject": "Call",
        "type": "call",
        "update_time": "2026-11-23T08:00:00Z",
        "update_user_id": None,
    },
}
"""The data of bodies of the shapes that were captured."""


class Caller:
    """A client of the API, the vendor, and its office."""

    def __init__(self, **arguments: Any) -> None:
        self.clock = StillClock()
        self.office = Office(self.clock)
        self.vendor = Pipedrive(self.office, **arguments)

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> httpx.Response:
        settings = self.vendor.settings()
        headers = {"x-api-token": str(settings["token"] if token is None else token)}

        async def calling() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.vendor.app)
            async with httpx.AsyncClient(transport=transport, base_url=str(settings["base_url"])) as client:
                return await client.request(method, path, json=body, headers=headers)

        return asyncio.run(calling())

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["success"] is True
        return told["data"]

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """Each page of a list, by the cursors that it gives."""
        cursor: str | None = ""
        while cursor is not None:
            answer = self.call("GET", f"{path}&cursor={cursor}" if cursor else path)
            assert answer.status_code == 200, answer.text
            yield answer.json()["data"]
            cursor = answer.json()["additional_data"]["next_cursor"]

    def body(self, event: Event) -> Any:
        """The only body that is posted about an event."""
        (webhook,) = self.vendor.webhooks(event)
        return json.loads(self.vendor.outgoing(webhook, 0).body)


@pytest.fixture
def pipedrive() -> Caller:
    return Caller()


def populated() -> Caller:
    """An office with a history of some hundreds of deeds."""
    caller = Caller(limit=10_000, budget=10**6)
    for _ in random_history(caller.office, Random(4), 400):
        caller.clock.advance(60)
    return caller


def test_a_deal_has_what_the_documents_show(pipedrive: Caller) -> None:
    client = pipedrive.office.add_client("Иван Петров 7").id
    deal = pipedrive.office.add_deal("Абонемент", 518_450, client, 32, 11).id
    pipedrive.clock.advance(3600)
    pipedrive.office.lose(deal, "Выбрал других")
    told = pipedrive.get(f"/api/v2/deals/{deal}")
    wanted = {
        "id": deal,
        "title": "Абонемент",
        "owner_id": 32,
        "value": 5184.5,
        "currency": "RUB",
        "person_id": client,
        "org_id": None,
        "pipeline_id": 11,
        "stage_id": 111,
        "status": "lost",
        "lost_reason": "Выбрал других",
        "add_time": "2026-11-23T08:00:00Z",
        "update_time": "2026-11-23T09:00:00Z",
        "lost_time": "2026-11-23T09:00:00Z",
        "close_time": "2026-11-23T09:00:00Z",
        "won_time": None,
        "is_deleted": False,
        "is_archived": False,
    }
    assert {name: told[name] for name in wanted} == wanted


def test_an_activity_has_its_due_time_apart_and_the_client_of_its_deal(pipedrive: Caller) -> None:
    client = pipedrive.office.add_client("ООО", company=True).id
    deal = pipedrive.office.add_deal("x", 0, client, 31, 11).id
    task = pipedrive.office.add_task("позвонить", 32, int(START) + 7, deal_id=deal).id
    pipedrive.clock.advance(60)
    pipedrive.office.complete(task)
    told = pipedrive.get(f"/api/v2/activities/{task}")
    wanted = {
        "id": task,
        "subject": "позвонить",
        "owner_id": 32,
        "deal_id": deal,
        "person_id": None,
        "org_id": client,
        "due_date": "2026-11-23",
        "due_time": "08:00:07",
        "done": True,
        "marked_as_done_time": "2026-11-23T08:01:00Z",
        "is_deleted": False,
    }
    assert {name: told[name] for name in wanted} == wanted
    undated = pipedrive.get(f"/api/v2/activities/{pipedrive.office.add_task('y', 31, None).id}")
    assert (undated["due_date"], undated["due_time"]) == (None, None)


@pytest.mark.parametrize("order", ["id", "update_time", "add_time"])
@pytest.mark.parametrize("way", ["asc", "desc"])
def test_pages_of_a_list_hold_every_record_once_and_in_order(order: str, way: str) -> None:
    caller = populated()
    pages = list(caller.pages(f"/api/v2/deals?limit=7&sort_by={order}&sort_direction={way}"))
    got = [each for page in pages for each in page]
    keys = [(each[order], each["id"]) for each in got]
    assert keys == sorted(keys, reverse=way == "desc")
    assert {each["id"] for each in got} == {
        each.id for each in caller.office.deals.values() if not each.deleted
    }
    assert len(keys) == len(set(keys)) > 21
    assert [len(page) for page in pages[:-1]] == [7] * (len(pages) - 1)


def test_a_cursor_names_the_first_item_of_the_next_page_and_survives_changes(pipedrive: Caller) -> None:
    ids = [pipedrive.office.add_deal("x", 0, None, 31, 11).id for _ in range(4)]
    answer = pipedrive.call("GET", "/api/v2/deals?limit=2").json()
    pipedrive.office.delete_deal(ids[0])
    cursor = answer["additional_data"]["next_cursor"]
    assert json.loads(base64.urlsafe_b64decode(cursor + "==="))["id"] == ids[2]
    assert [each["id"] for each in pipedrive.get(f"/api/v2/deals?limit=2&cursor={cursor}")] == ids[2:]


def test_a_page_has_a_hundred_items_unless_asked(pipedrive: Caller) -> None:
    for _ in range(101):
        pipedrive.office.add_deal("x", 0, None, 31, 11)
    assert [len(page) for page in pipedrive.pages("/api/v2/deals?sort_by=id")] == [100, 1]
    assert [len(page) for page in pipedrive.pages("/api/v2/deals?limit=500")] == [101]


def test_filters_of_deals(pipedrive: Caller) -> None:
    office = pipedrive.office
    person, firm = office.add_client("Иван").id, office.add_client("ООО", company=True).id
    opened = office.add_deal("a", 0, person, 31, 11).id
    lost = office.add_deal("b", 0, firm, 32, 12).id
    gone = office.add_deal("c", 0, None, 32, 11).id
    pipedrive.clock.advance(60)
    office.lose(lost, None)
    office.delete_deal(gone)
    found = {
        query: [each["id"] for each in pipedrive.get(f"/api/v2/deals?{query}")]
        for query in (
            "limit=9",
            "status=lost",
            "status=open,lost",
            "status=deleted",
            f"ids={lost},{gone},1",
            "owner_id=31",
            f"person_id={person}",
            f"org_id={firm}",
            "pipeline_id=12",
            "stage_id=111",
        )
    }
    assert list(found.values()) == [
        [opened, lost],
        [lost],
        [opened, lost],
        [gone],
        [lost],
        [opened],
        [opened],
        [lost],
        [lost],
        [opened],
    ]
    pipedrive.clock.advance(30 * DAY)
    assert pipedrive.get("/api/v2/deals?status=deleted") == []
    assert pipedrive.call("GET", f"/api/v2/deals/{gone}").status_code == 404


def test_filters_of_activities(pipedrive: Caller) -> None:
    office = pipedrive.office
    person = office.add_client("Иван").id
    deal = office.add_deal("a", 0, None, 31, 11).id
    first, second = (
        office.add_task("x", 31, None, deal_id=deal).id,
        office.add_task("y", 32, None, client_id=person).id,
    )
    office.complete(second)
    for query, wanted in (
        ("done=false", first),
        ("done=true", second),
        (f"deal_id={deal}", first),
        (f"person_id={person}", second),
        ("owner_id=32", second),
    ):
        assert [each["id"] for each in pipedrive.get(f"/api/v2/activities?{query}")] == [wanted], query
    office.delete_task(first)
    assert [each["id"] for each in pipedrive.get("/api/v2/activities?sort_by=due_date")] == [second]
    assert pipedrive.get(f"/api/v2/activities/{first}")["is_deleted"] is True


def test_what_was_updated_since_is_inclusive_and_until_is_not(pipedrive: Caller) -> None:
    ids = []
    for _ in range(3):
        ids.append(pipedrive.office.add_deal("x", 0, None, 31, 11).id)
        pipedrive.clock.advance(60)
    since, until = "2026-11-23T08:01:00Z", quote("2026-11-23T11:02:00+03:00")
    found = pipedrive.get(f"/api/v2/deals?updated_since={since}&updated_until={until}&sort_by=update_time")
    assert [each["id"] for each in found] == [ids[1]]


@pytest.mark.parametrize(
    "query",
    [
        "limit=501",
        "limit=0",
        "cursor=xyz",
        "sort_by=title",
        "sort_direction=up",
        "updated_since=2026-11-23T08:01:00.000Z",
        "updated_since=2026-11-23",
        "status=closed",
        "statuses=lost",
        "owner_id=me",
        "include_fields=everything",
        "ids=" + ",".join(str(each) for each in range(101)),
    ],
)
def test_a_parameter_that_is_not_valid_is_refused(pipedrive: Caller, query: str) -> None:
    answer = pipedrive.call("GET", f"/api/v2/deals?{query}")
    assert answer.status_code == 400
    assert (answer.json()["success"], answer.json()["code"]) == (False, "ERR_SCHEMA_VALIDATION_FAILED")


def test_a_cursor_belongs_to_its_order(pipedrive: Caller) -> None:
    for _ in range(2):
        pipedrive.office.add_deal("x", 0, None, 31, 11)
    cursor = pipedrive.call("GET", "/api/v2/deals?limit=1").json()["additional_data"]["next_cursor"]
    assert pipedrive.call("GET", f"/api/v2/deals?sort_by=update_time&cursor={cursor}").status_code == 400


def test_persons_organizations_pipelines_stages_and_users(pipedrive: Caller) -> None:
    person, firm = pipedrive.office.add_client("Иван Петров").id, pipedrive.office.add_client("ООО", True).id
    assert [(each["id"], each["name"]) for each in pipedrive.get("/api/v2/persons")] == [
        (person, "Иван Петров")
    ]
    assert [each["id"] for each in pipedrive.get(f"/api/v2/organizations?ids={firm},{person}")] == [firm]
    assert pipedrive.get(f"/api/v2/persons/{person}")["last_name"] == "Петров"
    assert [(each["id"], each["name"]) for each in pipedrive.get("/api/v2/pipelines")] == [
        (11, "Продажи"),
        (12, "Повторные продажи"),
    ]
    assert [each["pipeline_id"] for each in pipedrive.get("/api/v2/stages?sort_by=order_nr")] == [11, 12]
    assert [each["id"] for each in pipedrive.get("/api/v2/stages?pipeline_id=12")] == [121]
    users = pipedrive.get("/api/v1/users")
    assert [(each["id"], each["name"]) for each in users[:1]] == [(31, "Анна Орлова")]
    assert pipedrive.get("/api/v1/users/33") == users[2]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/api/v2/deals/1", "Deal not found"),
        ("/api/v2/activities/1", "Activity not found"),
        ("/api/v2/boats", "Resource not found"),
        ("/api/v1/users/1", "User not found"),
    ],
)
def test_what_there_is_not_is_404(pipedrive: Caller, path: str, error: str) -> None:
    answer = pipedrive.call("GET", path)
    assert (answer.status_code, answer.json()["success"], answer.json()["error"]) == (404, False, error)


def test_a_wrong_token_is_refused(pipedrive: Caller) -> None:
    answer = pipedrive.call("GET", "/api/v2/deals", token="other")
    assert (answer.status_code, answer.json()) == (
        401,
        {
            "success": False,
            "error": "unauthorized access",
            "errorCode": 401,
            "error_info": "Please check developers.pipedrive.com",
        },
    )


def test_errors_on_demand_are_of_the_vendors_form(pipedrive: Caller) -> None:
    pipedrive.vendor.fail_next(1, 503)
    assert pipedrive.call("GET", "/api/v2/deals").json()["errorCode"] == 503
    pipedrive.vendor.fail_next(1, 403)
    blocked = pipedrive.call("GET", "/api/v2/deals")
    assert (blocked.status_code, blocked.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "Cloudflare" in blocked.text


def test_two_seconds_have_a_limit_and_the_headers_tell_it() -> None:
    caller = Caller(limit=3)
    answers = []
    for _ in range(4):
        answers.append(caller.call("GET", "/api/v2/pipelines"))
        caller.clock.advance(0.25)
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert [each.headers["x-ratelimit-remaining"] for each in answers] == ["2", "1", "0", "0"]
    assert {each.headers["x-ratelimit-limit"] for each in answers} == {"3"}
    assert answers[-1].json()["success"] is False
    assert int(answers[-1].headers["x-ratelimit-reset"]) == 1
    caller.clock.advance(1)
    assert caller.call("GET", "/api/v2/pipelines").status_code == 200


def test_the_days_tokens_are_spent_by_what_each_request_costs_until_midnight() -> None:
    caller = Caller(budget=10 + 1 + 20 + 2 + 5)
    deal = caller.office.add_deal("x", 0, None, 31, 11).id
    paths = [f"/api/v2/deals/{deal}", "/api/v2/deals", "/api/v1/users", "/api/v1/users/31", "/api/v2/stages"]
    assert [caller.call("GET", path).status_code for path in paths] == [200] * 5
    refused = caller.call("GET", paths[0])
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"] != "0") == (429, True)
    caller.clock.advance(16 * 3600 - 1)
    assert caller.call("GET", paths[0]).status_code == 429
    caller.clock.advance(1)
    assert caller.call("GET", paths[0]).status_code == 200


def test_webhooks_are_registered_listed_and_deleted() -> None:
    caller = Caller(subscribed=False)
    deal = caller.office.add_deal("x", 0, None, 31, 11)
    assert caller.vendor.webhooks(deal) == []
    asked = {
        "subscription_url": "https://board.example/webhooks/office?a=1",
        "event_action": "*",
        "event_object": "deal",
        "name": "board",
        "version": "2.0",
        "http_auth_user": "u",
        "http_auth_password": "p",
    }
    made = caller.call("POST", "/api/v1/webhooks", asked)
    assert (made.status_code, made.json()["status"]) == (201, "ok")
    assert {name: made.json()["data"][name] for name in asked} == asked
    assert caller.get("/api/v1/webhooks") == [made.json()["data"]]
    (webhook,) = caller.vendor.webhooks(deal)
    assert webhook.query == {"a": "1"}
    assert webhook.headers["authorization"] == "Basic dTpw"
    assert caller.vendor.webhooks(caller.office.add_task("y", 31, None)) == []
    path = f"/api/v1/webhooks/{made.json()['data']['id']}"
    assert [caller.call("DELETE", path).status_code for _ in range(2)] == [200, 404]
    assert caller.vendor.webhooks(deal) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_action": "updated"},
        {"event_object": "deals"},
        {"version": "3.0"},
        {"subscription_url": "board.example"},
        {"name": None},
        {"nmae": "x"},
    ],
)
def test_a_webhook_that_the_documents_do_not_know_is_refused(
    pipedrive: Caller, wrong: dict[str, str | None]
) -> None:
    asked = {"subscription_url": "https://b.example", "event_action": "*", "event_object": "*", "name": "x"}
    body = {name: value for name, value in {**asked, **wrong}.items() if value is not None}
    assert pipedrive.call("POST", "/api/v1/webhooks", body).status_code == 400


def test_a_user_has_forty_webhooks_at_most(pipedrive: Caller) -> None:
    for _ in range(39):
        pipedrive.vendor.subscribe("https://b.example")
    asked = {"subscription_url": "https://b.example", "event_action": "*", "event_object": "*", "name": "x"}
    assert pipedrive.call("POST", "/api/v1/webhooks", asked).status_code == 422


def test_a_creation_a_change_and_a_deletion(pipedrive: Caller) -> None:
    made = pipedrive.body(pipedrive.office.add_deal("Séance", 10_000, None, 31, 11))
    assert made["previous"] is None
    assert (made["data"]["value"], made["data"]["update_time"]) == (100, None)
    deal = made["data"]["id"]
    pipedrive.clock.advance(60)
    lost = pipedrive.body(pipedrive.office.lose(deal, "Дорого"))
    then = "2026-11-23T08:01:00Z"
    assert {name: lost["data"][name] for name in lost["previous"]} == {
        "status": "lost",
        "lost_reason": "Дорого",
        "lost_time": then,
        "close_time": then,
        "update_time": then,
    }
    assert lost["previous"]["status"] == "open"
    gone = pipedrive.body(pipedrive.office.delete_deal(deal))
    assert (gone["data"], gone["previous"]["status"]) == (None, "lost")
    back = pipedrive.body(pipedrive.office.restore_deal(deal))
    assert (back["meta"]["action"], back["data"]["status"], back["previous"]) == (
        "change",
        "lost",
        {"status": "deleted"},
    )
    assert [each["meta"]["action"] for each in (made, lost, gone)] == ["create", "change", "delete"]


def test_the_meta_block(pipedrive: Caller) -> None:
    meta = pipedrive.body(pipedrive.office.add_deal("x", 0, None, 31, 11))["meta"]
    assert set(meta) == META
    wanted = {
        "action": "create",
        "entity": "deal",
        "entity_id": "70001",
        "timestamp": "2026-11-23T08:00:00.000Z",
        "version": "2.0",
        "attempt": 1,
        "webhook_id": str(next(iter(pipedrive.vendor.hooks))),
        "change_source": "app",
        "is_bulk_edit": False,
        "host": "zerno.pipedrive.com",
    }
    assert {name: meta[name] for name in wanted} == wanted


def test_all_webhooks_that_tell_of_an_event_have_its_id(pipedrive: Caller) -> None:
    pipedrive.vendor.subscribe("https://b.example", action="create")
    told = [
        [json.loads(one.body)["meta"] for one in pipedrive.vendor.webhooks(event)]
        for event in (pipedrive.office.add_client("Иван"), pipedrive.office.add_client("Пётр"))
    ]
    assert [len({meta["id"] for meta in each}) for each in told] == [1, 1]
    assert told[0][0]["id"] != told[1][0]["id"]
    assert [len({meta["webhook_id"] for meta in each}) for each in told] == [2, 2]


def test_an_activitys_due_time_has_a_zone_in_webhooks(pipedrive: Caller) -> None:
    made = pipedrive.body(pipedrive.office.add_task("x", 31, int(START) + 60))
    assert made["data"]["due_time"] == {"timezone_id": None, "value": "08:01"}
    moved = pipedrive.body(pipedrive.office.reschedule(made["data"]["id"], int(START) + DAY + 61))
    assert (moved["data"]["due_date"], moved["data"]["due_time"]["value"]) == ("2026-11-24", "08:01:01")
    assert set(moved["previous"]) == {"due_date", "due_time"}
    undated = pipedrive.body(pipedrive.office.reschedule(made["data"]["id"], None))["data"]
    assert (undated["due_date"], undated["due_time"]) == (None, {"timezone_id": None, "value": ""})
    done = pipedrive.body(pipedrive.office.complete(made["data"]["id"]))
    assert (done["data"]["done"], done["previous"]) == (True, {"done": False})


def test_clients_are_persons_and_organizations(pipedrive: Caller) -> None:
    person = pipedrive.body(pipedrive.office.add_client("Иван Петров"))
    firm = pipedrive.body(pipedrive.office.add_client("ООО", company=True))
    assert [each["meta"]["entity"] for each in (person, firm)] == ["person", "organization"]
    renamed = pipedrive.body(pipedrive.office.rename_client(person["data"]["id"], "Иван Сидоров"))
    assert renamed["previous"] == {"name": "Иван Петров", "last_name": "Петров"}


def test_version_1_has_both_states_in_full_and_naive_times() -> None:
    caller = Caller(subscribed=False)
    caller.vendor.subscribe("https://b.example", version="1.0")
    client = caller.office.add_client("Иван Петров").id
    deal = caller.office.add_deal("Séance", 10_050, client, 32, 11).id
    lost = caller.body(caller.office.lose(deal, "Дорого"))
    assert set(lost) == {"v", "matches_filters", "meta", "current", "previous", "event", "retry"}
    assert (lost["v"], lost["event"], lost["retry"]) == (1, "updated.deal", 0)
    assert (lost["meta"]["action"], lost["meta"]["object"], lost["meta"]["timestamp"]) == (
        "updated",
        "deal",
        int(START),
    )
    now = lost["current"]
    assert (now["status"], now["lost_reason"], now["lost_time"]) == ("lost", "Дорого", "2026-11-23 08:00:00")
    assert (now["user_id"], now["owner_name"], now["person_name"], now["value"]) == (
        32,
        "Борис Ким",
        "Иван Петров",
        100.5,
    )
    assert set(lost["previous"]) == set(now)
    assert lost["previous"]["status"] == "open"
    gone = caller.body(caller.office.delete_deal(deal))
    assert (gone["event"], gone["current"], gone["previous"]["deleted"]) == ("deleted.deal", None, False)
    (webhook,) = caller.vendor.webhooks(caller.office.add_task("x", 31, int(START), deal_id=deal))
    again = json.loads(caller.vendor.outgoing(webhook, 2).body)
    assert (again["retry"], again["current"]["due_time"], again["current"]["person_id"]) == (
        2,
        "08:00",
        client,
    )


def refusing(caller: Caller, deeds: int, every: float, status: int = 500) -> tuple[Postman, list[int]]:
    """A postman whose deliveries were refused, and the attempt of each."""
    attempts: list[int] = []

    async def refuse(webhook: Webhook) -> int:
        attempts.append(json.loads(webhook.body)["meta"]["attempt"])
        return status

    postman = Postman(caller.vendor, refuse, Random(1))

    async def run() -> None:
        for _ in range(deeds):
            await postman.tell(caller.office.add_client("Иван"))
            caller.clock.advance(every)
        for _ in range(200):
            caller.clock.advance(1)
            await postman.retry()

    asyncio.run(run())
    return postman, attempts


def test_a_refused_delivery_is_tried_three_times_more_and_only_its_first_attempt_counts(
    pipedrive: Caller,
) -> None:
    postman, attempts = refusing(pipedrive, deeds=3, every=0)
    assert attempts == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert (postman.waiting, len(postman.lost)) == (0, 3)
    assert not pipedrive.vendor.disabled


def test_ten_first_failures_ban_a_webhook_for_half_an_hour_and_what_happens_is_lost(
    pipedrive: Caller,
) -> None:
    postman, attempts = refusing(pipedrive, deeds=12, every=0)
    assert attempts == [1] * 10
    assert (pipedrive.vendor.disabled, len(postman.lost)) == (True, 12)
    pipedrive.clock.advance(1800 - 200)
    assert not pipedrive.vendor.disabled
    assert pipedrive.get("/api/v1/webhooks")[0]["is_active"] == 1


def test_a_banned_webhook_does_not_silence_another(pipedrive: Caller) -> None:
    pipedrive.vendor.disable_webhook()
    assert pipedrive.vendor.disabled
    other = pipedrive.vendor.subscribe("https://b.example")
    assert not pipedrive.vendor.disabled
    told = [
        json.loads(one.body)["meta"] for one in pipedrive.vendor.webhooks(pipedrive.office.add_client("Иван"))
    ]
    assert [each["webhook_id"] for each in told] == [str(other.told["id"])]


def test_three_days_without_a_success_delete_a_webhook(pipedrive: Caller) -> None:
    postman, _ = refusing(pipedrive, deeds=8, every=DAY / 2)
    assert pipedrive.vendor.disabled
    told = pipedrive.get("/api/v1/webhooks")[0]
    assert (told["is_active"], told["last_http_status"], told["remove_time"] is None) == (0, 500, False)
    assert len(postman.lost) == 8


def test_bodies_have_just_the_fields_of_captured_ones(pipedrive: Caller) -> None:
    office = pipedrive.office
    deal, task = office.add_deal("x", 1, None, 31, 11), office.add_task("y", 31, None)
    told = {
        "create.deal": pipedrive.body(deal)["data"],
        "create.activity": pipedrive.body(task)["data"],
        "change.deal": pipedrive.body(office.edit_deal(deal.id, amount=2))["data"],
        "delete.deal": pipedrive.body(office.delete_deal(deal.id))["previous"],
        "delete.activity": pipedrive.body(office.delete_task(task.id))["previous"],
    }
    for name, sample in samples().items():
        unsent = {"update_user_id"} if name == "delete.activity" else set()
        assert set(told[name]) - unsent == set(sample) - unsent, name
        for key in set(sample) - unsent:
            if sample[key] is not None and told[name][key] is not None and key != "value":
                assert type(told[name][key]) is type(sample[key]), (name, key)


def samples() -> dict[str, dict[str, Any]]:
    """The data of captured bodies by their events, where a folder of captures is given; else our own."""
    named = os.environ.get("LOSSBOARD_CAPTURES")
    if not named:
        return OWN_SAMPLES
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((Path(named) / "pipedrive").glob("*.txt")):
        body = json.loads(path.read_bytes())
        assert set(body["meta"]) | {"permitted_user_ids"} == META
        if body["meta"]["entity"] in ("deal", "activity"):
            found[f"{body['meta']['action']}.{body['meta']['entity']}"] = body["data"] or body["previous"]
    assert {"create.deal", "change.deal", "delete.deal", "create.activity"} <= set(found)
    return found
