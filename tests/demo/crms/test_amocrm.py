"""The simulated amoCRM, held against the vendor's documents and the bodies that were captured."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from service.demo.crms.amocrm.crm import ABUSE, INVALID, SETTINGS, AmoCRM
from service.demo.crms.crm import Webhook
from service.demo.office import Event, Office
from tests.adapters.amocrm import captures
from tests.demo.clock import START, StillClock
from tests.demo.postman import Postman
from tests.demo.random_history import HABITS, random_history

NOW = int(START)


class Scene:
    """An office, its vendor, and a client of the API."""

    def __init__(self, **kinds: Any) -> None:
        self.clock = StillClock()
        self.office = Office(self.clock)
        self.vendor = AmoCRM(self.office, **kinds)
        self.token = self.vendor.token

    def live(self, seed: int, steps: int, pause: float = 90.0) -> list[Event]:
        events = []
        for event in random_history(self.office, Random(seed), steps, HABITS["amocrm"]):
            events.append(event)
            self.clock.advance(pause)
        return events

    def ask(self, ask: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            transport = httpx.ASGITransport(app=self.vendor.app)
            headers = {"authorization": f"Bearer {self.token}"}
            async with httpx.AsyncClient(
                transport=transport, base_url=f"{self.vendor.settings()['base_url']}/api/v4", headers=headers
            ) as client:
                return await ask(client)

        return asyncio.run(run())

    def get(self, path: str, **params: Any) -> httpx.Response:
        self.clock.advance(1)
        answer = self.ask(lambda client: client.get(path, params=params or None))
        assert isinstance(answer, httpx.Response)
        return answer

    def found(self, path: str, **params: Any) -> list[Any]:
        """The members of a list; none for 204."""
        answer = self.get(path, **params)
        if answer.status_code == 204:
            assert answer.content == b""
            return []
        assert answer.status_code == 200, answer.text
        return list(answer.json()["_embedded"][path.rsplit("/", 1)[-1]])

    def ids(self, path: str, **params: Any) -> list[int]:
        return [each["id"] for each in self.found(path, **params)]


@pytest.fixture
def scene() -> Scene:
    """A client with a lost lead and one with an open one, two tasks, and a company."""
    scene = Scene()
    office = scene.office
    person, firm = office.add_client("Иван").id, office.add_client("ООО «Зерно»", company=True).id
    lost = office.add_deal("Абонемент", 518_400, person, 31, 11).id
    opened = office.add_deal("Поставка", 100, firm, 32, 12).id
    office.add_task("позвонить", 31, NOW + 600, deal_id=opened)
    office.add_task("спросить", 32, NOW + 700, client_id=firm)
    scene.clock.advance(60)
    office.lose(lost, "Дорого")
    return scene


def test_a_lead_has_the_documented_fields(scene: Scene) -> None:
    lost, opened = scene.office.deals
    lead = scene.found("leads", **{"with": "loss_reason,contacts", "filter[id][]": lost})[0]
    assert lead == {
        "id": lost,
        "name": "Абонемент",
        "price": 5184,
        "responsible_user_id": 31,
        "group_id": 0,
        "status_id": 143,
        "pipeline_id": 11,
        "loss_reason_id": 206,
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
        "_links": {"self": {"href": f"https://zerno.amocrm.ru/api/v4/leads/{lost}"}},
        "_embedded": {
            "tags": [],
            "companies": [],
            "contacts": [
                {
                    "id": 5001,
                    "is_main": True,
                    "_links": {"self": {"href": "https://zerno.amocrm.ru/api/v4/contacts/5001"}},
                }
            ],
            "loss_reason": [
                {
                    "id": 206,
                    "name": "Дорого",
                    "sort": 100000,
                    "created_at": 1582117280,
                    "updated_at": 1582117280,
                    "_links": {"self": {"href": "https://zerno.amocrm.ru/api/v4/leads/loss_reasons/206"}},
                }
            ],
        },
    }
    bare = scene.get(f"leads/{opened}").json()
    assert set(bare["_embedded"]) == {"tags", "companies"}
    assert [company["id"] for company in bare["_embedded"]["companies"]] == [5002]
    assert (bare["closed_at"], bare["loss_reason_id"], bare["closest_task_at"]) == (None, None, NOW + 600)


def test_a_task_has_the_documented_fields(scene: Scene) -> None:
    on_lead, on_company = scene.found("tasks", **{"order[id]": "asc"})
    assert on_lead == {
        "id": 900_001,
        "created_by": 31,
        "updated_by": 31,
        "created_at": NOW,
        "updated_at": NOW,
        "responsible_user_id": 31,
        "group_id": 0,
        "entity_id": 70002,
        "entity_type": "leads",
        "duration": 0,
        "is_completed": False,
        "task_type_id": 1,
        "text": "позвонить",
        "result": [],
        "complete_till": NOW + 600,
        "account_id": 20518844,
        "_links": {"self": {"href": "https://zerno.amocrm.ru/api/v4/tasks/900001"}},
    }
    assert (on_company["entity_type"], on_company["entity_id"]) == ("companies", 5002)
    assert scene.get("tasks/900001").json() == on_lead


def test_names_are_looked_up(scene: Scene) -> None:
    assert [each["name"] for each in scene.found("users")] == list(scene.office.managers.values())
    assert [each["name"] for each in scene.found("leads/loss_reasons")] == list(scene.office.reasons.values())
    pipelines = scene.found("leads/pipelines")
    assert [each["name"] for each in pipelines] == list(scene.office.pipelines.values())
    assert {142, 143} < {stage["id"] for stage in pipelines[1]["_embedded"]["statuses"]}
    assert scene.found("contacts", **{"filter[id][]": [5001, 5002]})[0]["name"] == "Иван"
    assert scene.get("companies/5002").json()["name"] == "ООО «Зерно»"
    assert scene.get("contacts/5002").status_code == 204


def test_filters_choose(scene: Scene) -> None:
    lost, opened = scene.office.deals
    assert scene.ids("leads", **{"filter[updated_at][from]": NOW + 1}) == [lost]
    assert scene.ids("leads", **{"filter[updated_at][to]": NOW}) == [opened]
    assert scene.ids("leads", **{"filter[closed_at][from]": NOW, "filter[closed_at][to]": NOW + 60}) == [lost]
    stage = {"filter[statuses][0][pipeline_id]": 11, "filter[statuses][0][status_id]": 143}
    assert scene.ids("leads", **stage) == [lost]
    assert scene.ids("leads", **(stage | {"filter[statuses][0][pipeline_id]": 12})) == []
    assert scene.ids("leads", **{"order[updated_at]": "desc"}) == [lost, opened]
    assert scene.ids("tasks", **{"filter[is_completed]": 1}) == []
    assert scene.ids("tasks", **{"filter[entity_type]": "leads", "filter[entity_id][]": opened}) == [900_001]
    assert scene.ids("tasks", **{"filter[updated_at]": NOW}) == []
    assert scene.ids("tasks", **{"order[complete_till]": "desc"}) == [900_002, 900_001]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("leads", {"filter[udpated_at][from]": "1"}),
        ("leads", {"filter[closed_at][since]": "1"}),
        ("leads", {"order[closed_at]": "asc"}),
        ("leads", {"limit": "251"}),
        ("leads", {"with": "reason"}),
        ("leads", {"since": "1"}),
        ("tasks", {"order[updated_at]": "asc"}),
        ("tasks", {"filter[entity_id]": "1"}),
        ("events", {"limit": "101"}),
    ],
)
def test_what_the_documents_do_not_know_is_refused(scene: Scene, path: str, params: dict[str, str]) -> None:
    answer = scene.get(path, **params)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_deleted_lead_is_only_among_the_deleted(scene: Scene) -> None:
    lost, opened = scene.office.deals
    scene.office.delete_deal(lost)
    scene.office.delete_task(900_001)
    assert scene.ids("leads") == [opened]
    assert scene.get(f"leads/{lost}").status_code == 204
    deleted = scene.found("leads", **{"with": "only_deleted"})
    assert [(each["id"], each["is_deleted"], "name" in each) for each in deleted] == [(lost, True, False)]
    assert scene.get("tasks/900001").status_code == 204
    events = scene.found("events", **{"filter[type]": "lead_deleted,task_deleted"})
    assert [(each["type"], each["entity_type"], each["entity_id"]) for each in events] == [
        ("task_deleted", "task", 900_001),
        ("lead_deleted", "lead", lost),
    ]
    assert set(events[0]) == {
        *(
            "id",
            "type",
            "entity_id",
            "entity_type",
            "created_by",
            "created_at",
            "value_after",
            "value_before",
        ),
        *("account_id", "_links", "_embedded"),
    }
    assert (events[0]["value_after"], events[0]["value_before"]) == ([], [])


def test_the_log_of_events_tells_what_changed(scene: Scene) -> None:
    lost, opened = scene.office.deals
    moved = scene.found("events", **{"filter[type][]": "lead_status_changed"})
    assert [each["value_after"] for each in moved] == [[{"lead_status": {"id": 143, "pipeline_id": 11}}]]
    scene.office.edit_deal(opened, amount=700)
    scene.office.reschedule(900_001, NOW + 900)
    since = {"filter[created_at][from]": int(scene.clock())}
    assert [each["type"] for each in scene.found("events", **since)] == [
        "task_deadline_changed",
        "sale_field_changed",
    ]
    assert (
        scene.found("events", **{"filter[entity]": "lead", "filter[entity_id][]": lost, "limit": 1}) == moved
    )


def walked(scene: Scene, path: str, between: Callable[[], object], **params: Any) -> list[int]:
    """The ids of a list, page by page as `_links.next` leads."""

    async def walk(client: httpx.AsyncClient) -> list[int]:
        ids: list[int] = []
        answer = await client.get(path, params=params)
        while answer.status_code == 200:
            page = answer.json()
            ids += [each["id"] for each in page["_embedded"][path]]
            onwards = page["_links"].get("next")
            if onwards is None:
                break
            between()
            scene.clock.advance(1)
            answer = await client.get(onwards["href"])
        return ids

    found = scene.ask(walk)
    assert isinstance(found, list)
    return found


def test_pages_walk_everything_once_by_id_while_leads_are_added_and_changed() -> None:
    scene = Scene()
    for n in range(95):
        scene.office.add_deal(f"d{n}", 100, None, 31, 11)
    there = list(scene.office.deals)

    def busy() -> None:
        scene.office.add_deal("new", 100, None, 31, 11)
        scene.office.edit_deal(there[0], amount=scene.office.deals[there[0]].amount + 100)

    ids = walked(scene, "leads", busy, limit=10, **{"order[id]": "asc"})
    assert len(ids) == len(set(ids))
    assert set(there) <= set(ids)


def test_pages_by_time_of_change_slide_as_the_vendors_do() -> None:
    scene = Scene()
    for n in range(30):
        scene.office.add_deal(f"d{n}", 100, None, 31, 11)
        scene.clock.advance(1)
    there = list(scene.office.deals)
    touched = iter(there)
    ids = walked(
        scene,
        "leads",
        lambda: scene.office.edit_deal(next(touched), amount=200),
        limit=10,
        **{"order[updated_at]": "asc"},
    )
    assert there[10] not in ids


def test_links_of_pages_keep_the_query() -> None:
    scene = Scene()
    for _ in range(4):
        scene.office.add_deal("x", 100, None, 31, 11)
    body = scene.get("leads", limit=2, **{"filter[pipeline_id]": 11}).json()
    assert body["_page"] == 1
    address = urlsplit(body["_links"]["next"]["href"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://zerno.amocrm.ru/api/v4/leads"
    assert dict(parse_qsl(address.query)) == {"limit": "2", "filter[pipeline_id]": "11", "page": "2"}
    last = scene.get("leads", limit=2, page=2).json()
    assert "next" not in last["_links"]
    assert scene.get("leads", limit=2, page=3).status_code == 204


def test_only_the_token_opens_the_api(scene: Scene) -> None:
    scene.token = "another"
    answer = scene.get("leads")
    assert (answer.status_code, answer.json()["status"]) == (401, 401)


def test_seven_requests_a_second_and_no_more_and_the_deaf_are_blocked(scene: Scene) -> None:
    async def burst(client: httpx.AsyncClient) -> list[int]:
        return [(await client.get("users")).status_code for _ in range(7 + ABUSE + 1)]

    scene.clock.advance(5)
    assert scene.ask(burst) == [200] * 7 + [429] * ABUSE + [403]
    assert scene.get("users").status_code == 403
    scene.vendor.unblock()
    assert scene.get("users").status_code == 200


def test_webhooks_are_registered_renewed_and_taken_away(scene: Scene) -> None:
    there = scene.found("webhooks")[0]
    assert there["destination"] == "https://board.example/webhooks/office?token=amo-webhook-secret"
    assert (there["disabled"], set(there["settings"])) == (False, set(SETTINGS))
    mine = {"destination": "https://mine.example/hook?token=t", "settings": ["add_lead"]}
    made = scene.ask(lambda client: client.post("webhooks", json=mine))
    assert (made.status_code, made.json()["settings"], made.json()["sort"]) == (201, ["add_lead"], 2)
    posted = scene.vendor.webhooks(scene.office.add_deal("x", 100, None, 31, 11))
    assert [webhook.query["token"] for webhook in posted] == ["amo-webhook-secret", "t"]
    gone = scene.ask(
        lambda client: client.request("DELETE", "webhooks", json={"destination": there["destination"]})
    )
    assert (gone.status_code, gone.content) == (204, b"")
    assert [each["destination"] for each in scene.found("webhooks")] == [mine["destination"]]
    again = scene.ask(
        lambda client: client.request("DELETE", "webhooks", json={"destination": "https://x.example"})
    )
    assert again.status_code == 404
    wrong = scene.ask(lambda client: client.post("webhooks", json=mine | {"settings": ["lead_added"]}))
    assert wrong.status_code == 422


def test_more_than_a_hundred_invalid_answers_in_two_hours_disable_the_webhook(scene: Scene) -> None:
    webhook = scene.vendor.webhooks(scene.office.add_deal("x", 100, None, 31, 11))[0]
    for _ in range(INVALID):
        scene.vendor.answered(webhook, 0, 500)
    scene.vendor.answered(webhook, 0, 200)
    assert not scene.vendor.disabled
    scene.clock.advance(7200)
    scene.vendor.answered(webhook, 0, None)
    assert not scene.vendor.disabled
    for _ in range(INVALID):
        scene.vendor.answered(webhook, 0, 500)
    assert scene.vendor.disabled
    assert scene.found("webhooks")[0]["disabled"] is True
    hook = scene.found("webhooks")[0]
    scene.ask(lambda client: client.post("webhooks", json=hook))
    assert scene.found("webhooks")[0]["disabled"] is False


def test_a_service_that_is_away_is_tried_again_and_in_the_end_told_nothing_more(scene: Scene) -> None:
    async def away(_: Webhook) -> int:
        return 503

    async def run() -> None:
        postman = Postman(scene.vendor, away, Random(1))
        await postman.tell(scene.office.edit_deal(70002, amount=200))
        for pause in (300, 900, 900, 3600):
            scene.clock.advance(pause)
            await postman.retry()
        assert (postman.posted, len(postman.lost)) == (5, 1)
        for _ in range(INVALID):
            await postman.tell(scene.office.edit_deal(70002, amount=300))
        assert scene.vendor.disabled
        posted = postman.posted
        await postman.tell(scene.office.edit_deal(70002, amount=400))
        assert postman.posted == posted

    asyncio.run(run())


Shape = tuple[str, str, frozenset[str]]


def shape(body: bytes) -> Shape | None:
    """A body's entity, action and fields, without the account, tags, custom fields and ids in names."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True)
    found: set[str] = set()
    entity = action = ""
    for key, _ in pairs:
        match = re.fullmatch(r"(leads|task|contacts)\[(\w+)\]\[0\]\[(\w+)\](.*)", key)
        if match and match[3] not in ("custom_fields", "tags"):
            entity, action = match[1], match[2]
            found.add(match[3])
    return (entity, action, frozenset(found)) if found else None


def _shapes(events: Iterable[Event], scene: Scene) -> set[Shape]:
    shapes = {shape(webhook.body) for event in events for webhook in scene.vendor.webhooks(event)}
    return {each for each in shapes if each is not None}


def test_bodies_have_just_the_fields_of_those_that_were_captured() -> None:
    known = {each for each in map(shape, captures.bodies().values()) if each is not None}
    dated = {"created_at", "updated_at"}  # not in captures of 2016, in all of 2025
    known |= {
        (entity, action, fields | dated)
        for entity, action, fields in known
        if entity == "leads" and "price" in fields
    }
    made: set[Shape] = set()
    for short in (False, True):
        scene = Scene(short=short)
        made |= _shapes(scene.live(1, 1200), scene)
    made = {
        (entity, action, fields - {"old_responsible_user_id"} if entity == "task" else fields)
        for entity, action, fields in made
        if entity != "contacts"
    }
    assert {(entity, action) for entity, action, _ in made} == {
        *(("leads", each) for each in ("add", "update", "status", "responsible", "delete", "restore")),
        *(("task", each) for each in ("add", "update", "delete")),
    }
    assert made - known == set()


def test_one_change_is_told_by_several_webhooks(scene: Scene) -> None:
    event = scene.office.edit_deal(70002, manager_id=33, pipeline_id=11)
    bodies = [dict(parse_qsl(webhook.body.decode())) for webhook in scene.vendor.webhooks(event)]
    actions = [next(key for key in body if key.startswith("leads")).split("[")[1] for body in bodies]
    assert actions == ["update]", "status]", "responsible]"]
    assert bodies[2]["leads[responsible][0][old_responsible_user_id]"] == "32"
    assert bodies[0]["account[id]"] == "20518844"
    headers = scene.vendor.webhooks(event)[0].headers
    assert (headers["user-agent"], headers["content-type"]) == (
        "amoCRM-Webhooks/3.0",
        "application/x-www-form-urlencoded",
    )


def test_times_without_a_zone_are_utc(scene: Scene) -> None:
    event = scene.office.reschedule(900_001, 1_759_438_740)
    body = dict(parse_qsl(scene.vendor.webhooks(event)[0].body.decode()))
    assert body["task[update][0][complete_till]"] == "2025-10-02 20:59:00"
    assert body["task[update][0][complete_before]"] == "1759438740"


def test_a_contact_tells_its_leads(scene: Scene) -> None:
    body = dict(parse_qsl(scene.vendor.webhooks(scene.office.rename_client(5001, "Пётр"))[0].body.decode()))
    assert body["contacts[update][0][linked_leads_id][70001][ID]"] == "70001"
    assert (body["contacts[update][0][name]"], body["contacts[update][0][type]"]) == ("Пётр", "contact")


def test_the_api_tells_the_truth_after_a_long_history() -> None:
    scene = Scene()
    scene.live(7, 1500)
    leads: dict[int, Any] = {}
    ids = walked(
        scene, "leads", lambda: None, limit=250, **{"with": "loss_reason,contacts", "order[id]": "asc"}
    )
    for page in range(1, len(ids) // 250 + 2):
        for lead in scene.found("leads", page=page, limit=250, **{"with": "loss_reason,contacts"}):
            leads[lead["id"]] = lead
    true = {each.id: each for each in scene.office.deals.values() if not each.deleted}
    assert sorted(leads) == sorted(true) == sorted(ids)
    for deal in true.values():
        lead = leads[deal.id]
        assert lead["price"] * 100 == deal.amount
        assert lead["closed_at"] == deal.closed_at
        names = [each["name"] for each in lead["_embedded"]["loss_reason"]]
        assert names == ([deal.reason] if deal.reason else [])
        linked = [each["id"] for kind in ("contacts", "companies") for each in lead["_embedded"][kind]]
        assert linked == ([deal.client_id] if deal.client_id else [])
