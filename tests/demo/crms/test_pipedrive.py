"""Rules of the simulated Pipedrive that no history proves, from the vendor's documents and captures."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.office import Event
from service.demo.postman import Postman
from tests.demo.clock import START
from tests.demo.crms.simulated import Simulated, captures

DAY = 86_400
WEBHOOKS = "/api/v1/webhooks"


def names_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


META = names_in(
    "action attempt change_source company_id correlation_id entity entity_id host id is_bulk_edit "
    "permitted_user_ids timestamp type user_id version webhook_id webhook_owner_id"
)
DOCUMENTED = {
    "create.deal": names_in(
        "add_time channel channel_id close_time creator_user_id currency custom_fields "
        "expected_close_date first_won_time id label_ids lost_reason lost_time org_id origin origin_id "
        "owner_id person_id pipeline_id probability stage_change_time stage_id status title update_time "
        "value visible_to won_time"
    ),
    "create.activity": names_in(
        "active_flag add_time busy_flag custom_fields deal_id done due_date due_time duration id lead_id "
        "location org_id owner_id person_id public_description subject type update_time update_user_id"
    ),
}
"""The fields of `data` in webhooks of v2."""


def simulated(**options: Any) -> Simulated[Pipedrive]:
    return Simulated(lambda office: Pipedrive(office, **options), lambda crm: {"x-api-token": crm.token})


@pytest.fixture
def pipedrive() -> Simulated[Pipedrive]:
    return simulated()


def body(pipedrive: Simulated[Pipedrive], event: Event) -> Any:
    """The only body that is posted about an event."""
    (webhook,) = pipedrive.crm.webhooks(event)
    return json.loads(pipedrive.crm.outgoing(webhook, 0).body)


async def test_an_activity_has_its_due_time_apart_and_the_client_of_its_deal(
    pipedrive: Simulated[Pipedrive],
) -> None:
    client = pipedrive.office.add_client("Иван Петров").id
    deal = pipedrive.office.add_deal("x", 0, client, 31, 11).id
    pipedrive.office.add_task("позвонить", 32, int(START) + 61, deal_id=deal)
    (activity,) = (await pipedrive.get("/api/v2/activities"))["data"]
    names = ("subject", "owner_id", "deal_id", "person_id", "due_date", "due_time", "done")
    assert [activity[name] for name in names] == [
        *("позвонить", 32, deal, client, "2026-11-23", "08:01:01", False)
    ]
    assert activity["participants"] == [{"person_id": client, "primary": True}]


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
        "ids=" + ",".join(str(id) for id in range(101)),
    ],
)
async def test_what_the_documents_do_not_know_is_refused(query: str, pipedrive: Simulated[Pipedrive]) -> None:
    for path in ("deals", "deals/archived"):
        answer = await pipedrive.call(f"/api/v2/{path}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "ERR_SCHEMA_VALIDATION_FAILED")


async def test_a_cursor_marks_the_first_item_of_the_next_page_and_belongs_to_its_order(
    pipedrive: Simulated[Pipedrive],
) -> None:
    ids = [pipedrive.office.add_deal("x", 0, None, 31, 11).id for _ in range(3)]
    cursor = (await pipedrive.get("/api/v2/deals?limit=1"))["additional_data"]["next_cursor"]
    pipedrive.office.delete_deal(ids[0])
    page = await pipedrive.get(f"/api/v2/deals?cursor={cursor}")
    assert [deal["id"] for deal in page["data"]] == ids[1:]
    assert page["additional_data"]["next_cursor"] is None
    assert (await pipedrive.call(f"/api/v2/deals?sort_by=update_time&cursor={cursor}")).status_code == 400


async def test_two_seconds_have_a_limit_and_the_headers_give_it() -> None:
    pipedrive = simulated(limit=3)
    answers = [await pipedrive.call("/api/v2/pipelines") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    pipedrive.clock.advance(2)
    assert (await pipedrive.call("/api/v2/pipelines")).status_code == 200


async def test_the_days_tokens_are_spent_by_what_each_request_costs_until_midnight() -> None:
    pipedrive = simulated(budget=10 + 20 + 5)
    for path, left in (("/api/v2/deals", 25), ("/api/v1/users", 5), ("/api/v2/pipelines", 0)):
        answer = await pipedrive.call(path)
        assert (answer.status_code, answer.headers["x-daily-ratelimit-token-remaining"]) == (200, str(left))
    spent = await pipedrive.call("/api/v2/pipelines")
    assert (spent.status_code, spent.headers["x-daily-ratelimit-token-remaining"]) == (429, "0")
    pipedrive.clock.advance(16 * 3600)
    assert (await pipedrive.call("/api/v2/pipelines")).status_code == 200


async def test_leads_are_listed_by_their_places(pipedrive: Simulated[Pipedrive]) -> None:
    pipedrive.crm.leads = {str(number): {"id": str(number)} for number in range(5)}
    answer = (await pipedrive.call("/api/v1/leads?start=2&limit=2")).json()
    assert [lead["id"] for lead in answer["data"]] == ["2", "3"]
    page = {"start": 2, "limit": 2, "more_items_in_collection": True}
    assert answer["additional_data"] == {"pagination": page}
    last = (await pipedrive.call("/api/v1/leads?start=4")).json()
    assert last["additional_data"]["pagination"]["more_items_in_collection"] is False
    assert (await pipedrive.call("/api/v1/leads?updated_since=x")).status_code == 400


async def test_webhooks_are_registered_listed_and_deleted(pipedrive: Simulated[Pipedrive]) -> None:
    pipedrive.crm.hooks.clear()
    deal = pipedrive.office.add_deal("x", 0, None, 31, 11)
    asked = {
        "subscription_url": "https://board.example/webhooks/office?a=1",
        "event_action": "*",
        "event_object": "deal",
        "name": "board",
        "version": "2.0",
        "http_auth_user": "u",
        "http_auth_password": "p",
    }
    added = await pipedrive.call(WEBHOOKS, asked)
    assert (added.status_code, {name: added.json()["data"][name] for name in asked}) == (201, asked)
    assert (await pipedrive.get(WEBHOOKS))["data"] == [added.json()["data"]]
    (webhook,) = pipedrive.crm.webhooks(deal)
    assert (webhook.query, webhook.headers["authorization"]) == ({"a": "1"}, "Basic dTpw")
    assert pipedrive.crm.webhooks(pipedrive.office.add_task("y", 31, None)) == []
    path = f"{WEBHOOKS}/{added.json()['data']['id']}"
    assert [(await pipedrive.call(path, method="DELETE")).status_code for _ in range(2)] == [200, 404]
    wrongs: list[dict[str, str]] = [
        *({"event_action": "updated"}, {"event_object": "deals"}, {"version": "3.0"}),
        *({"subscription_url": "board.example"}, {"nmae": "x"}),
    ]
    for wrong in wrongs:
        assert (await pipedrive.call(WEBHOOKS, asked | wrong)).status_code == 400


def test_a_change_has_what_was_otherwise_and_a_deletion_has_no_data(pipedrive: Simulated[Pipedrive]) -> None:
    added = body(pipedrive, pipedrive.office.add_deal("Séance", 10_000, None, 31, 11))
    assert (added["previous"], added["data"]["value"], added["data"]["update_time"]) == (None, 100, None)
    assert set(added["meta"]) == META
    deal = added["data"]["id"]
    pipedrive.clock.advance(60)
    lost = body(pipedrive, pipedrive.office.lose(deal, "Дорого"))
    moment = "2026-11-23T08:01:00Z"
    assert {name: lost["data"][name] for name in lost["previous"]} == {
        "status": "lost",
        "lost_reason": "Дорого",
        "lost_time": moment,
        "close_time": moment,
        "update_time": moment,
    }
    gone = body(pipedrive, pipedrive.office.delete_deal(deal))
    assert (gone["data"], gone["previous"]["status"]) == (None, "lost")
    restored = body(pipedrive, pipedrive.office.restore_deal(deal))
    assert (restored["meta"]["action"], restored["previous"]) == ("change", {"status": "deleted"})


def test_an_activitys_due_time_is_an_object_in_webhooks(pipedrive: Simulated[Pipedrive]) -> None:
    added = body(pipedrive, pipedrive.office.add_task("x", 31, int(START) + 60))
    assert added["data"]["due_time"] == {"timezone_id": None, "value": "08:01"}
    undated = body(pipedrive, pipedrive.office.reschedule(added["data"]["id"], None))["data"]
    assert (undated["due_date"], undated["due_time"]) == (None, {"timezone_id": None, "value": ""})


def test_version_1_has_both_states_in_full_and_naive_times(pipedrive: Simulated[Pipedrive]) -> None:
    pipedrive.crm.hooks.clear()
    pipedrive.crm.connect("https://b.example", version="1.0")
    deal = pipedrive.office.add_deal("Séance", 10_050, None, 32, 11).id
    lost = body(pipedrive, pipedrive.office.lose(deal, "Дорого"))
    assert set(lost) == {"v", "matches_filters", "meta", "current", "previous", "event", "retry"}
    assert (lost["v"], lost["event"], lost["meta"]["timestamp"]) == (1, "updated.deal", int(START))
    names = ("status", "lost_reason", "lost_time", "value", "owner_name")
    assert [lost["current"][name] for name in names] == [
        *("lost", "Дорого", "2026-11-23 08:00:00", 100.5, "Борис Громов")
    ]
    assert set(lost["previous"]) == set(lost["current"])


async def refused(pipedrive: Simulated[Pipedrive], events: int, every: float) -> tuple[Postman, list[int]]:
    """A postman whose webhooks were refused, and the attempt of each."""
    attempts: list[int] = []

    async def refuse(webhook: Any) -> httpx.Response:
        attempts.append(json.loads(webhook.body)["meta"]["attempt"])
        return httpx.Response(500)

    postman = Postman(pipedrive.crm, refuse)
    for _ in range(events):
        await postman.tell(pipedrive.office.add_client("Иван"))
        pipedrive.clock.advance(every)
    for _ in range(200):
        pipedrive.clock.advance(1)
        await postman.retry()
    return postman, attempts


async def test_a_refused_webhook_has_three_more_attempts_and_only_the_first_counts(
    pipedrive: Simulated[Pipedrive],
) -> None:
    postman, attempts = await refused(pipedrive, events=3, every=0)
    assert attempts == [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3
    assert (len(postman.lost), pipedrive.crm.disabled) == (3, False)


async def test_ten_first_failures_ban_a_webhook_for_half_an_hour_and_no_other_one(
    pipedrive: Simulated[Pipedrive],
) -> None:
    postman, attempts = await refused(pipedrive, events=12, every=0)
    assert (attempts, pipedrive.crm.disabled, len(postman.lost)) == ([1] * 10, True, 12)
    other = pipedrive.crm.subscribe("https://b.example")
    webhooks = pipedrive.crm.webhooks(pipedrive.office.add_client("Иван"))
    assert [json.loads(webhook.body)["meta"]["webhook_id"] for webhook in webhooks] == [
        str(other.fields["id"])
    ]
    pipedrive.crm.hooks.popitem()
    pipedrive.clock.advance(1800)
    assert not pipedrive.crm.disabled


async def test_three_days_without_a_success_delete_a_webhook(pipedrive: Simulated[Pipedrive]) -> None:
    await refused(pipedrive, events=8, every=DAY / 2)
    assert pipedrive.crm.disabled
    (hook,) = (await pipedrive.get(WEBHOOKS))["data"]
    assert (hook["is_active"], hook["last_http_status"]) == (0, 500)


def test_bodies_have_just_the_fields_of_captured_and_documented_ones(pipedrive: Simulated[Pipedrive]) -> None:
    office = pipedrive.office
    deal, task = office.add_deal("x", 1, None, 31, 11), office.add_task("y", 31, None)
    made = {
        "create.deal": body(pipedrive, deal)["data"],
        "create.activity": body(pipedrive, task)["data"],
        "change.deal": body(pipedrive, office.edit_deal(deal.id, amount=2))["data"],
        "delete.deal": body(pipedrive, office.delete_deal(deal.id))["previous"],
        "delete.activity": body(pipedrive, office.delete_task(task.id))["previous"],
    }
    for name, fields in DOCUMENTED.items():
        assert set(made[name]) == fields
    for captured in map(json.loads, captures("pipedrive")):
        assert set(captured["meta"]) | {"permitted_user_ids"} == META
        name = f"{captured['meta']['action']}.{captured['meta']['entity']}"
        if name in made:
            unsent = {"update_user_id"} if name == "delete.activity" else set()
            assert set(made[name]) - unsent == set(captured["data"] or captured["previous"]) - unsent
