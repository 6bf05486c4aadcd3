"""The simulated Bitrix24, held against the vendor's documents and the bodies that were captured."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from service.demo.crms.bitrix24.crm import Bitrix24
from service.demo.crms.bitrix24.webhooks import EVENTS
from service.demo.crms.php import Node, flat
from service.demo.office import Event, Office
from tests.demo.clock import START, StillClock
from tests.demo.random_history import HABITS, random_history

NOW: Final = int(START)
PIPELINES: Final = {0: "Общая", 12: "Повторные"}


class Scene:
    """An office, its vendor, and a client of the API."""

    def __init__(self, **kinds: Any) -> None:
        self.clock = StillClock()
        self.office = Office(self.clock, pipelines=PIPELINES)
        self.vendor = Bitrix24(self.office, **kinds)
        self.rest_url = str(self.vendor.settings()["rest_url"])

    def live(self, seed: int, steps: int) -> list[Event]:
        events = []
        for event in random_history(self.office, Random(seed), steps, HABITS["bitrix24"]):
            events.append(event)
            self.clock.advance(90)
        return events

    def ask(self, ask: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            transport = httpx.ASGITransport(app=self.vendor.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.rest_url) as client:
                return await ask(client)

        return asyncio.run(run())

    def post(self, method: str, /, **params: Any) -> httpx.Response:
        self.clock.advance(1)
        answer = self.ask(lambda client: client.post(f"{method}.json", json=params))
        assert isinstance(answer, httpx.Response)
        return answer

    def call(self, method: str, /, **params: Any) -> Any:
        """A call's `result`."""
        answer = self.post(method, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def deals(self, **params: Any) -> list[int]:
        """The ids of the deals that are found."""
        found = self.call("crm.item.list", entityTypeId=2, select=["id"], **params)["items"]
        assert all(set(each) == {"id"} for each in found)
        return [each["id"] for each in found]

    def tasks(self, **params: Any) -> list[str]:
        """The ids of the tasks that are found."""
        return [each["id"] for each in self.call("tasks.task.list", select=["ID"], **params)["tasks"]]


def populated(**kinds: Any) -> Scene:
    """A client with a lost deal and one with an open one, three tasks, and a company."""
    scene = Scene(**kinds)
    office = scene.office
    person, firm = office.add_client("Иван Петров").id, office.add_client("ООО «Зерно»", company=True).id
    lost = office.add_deal("Абонемент", 518_450, person, 31, 0).id
    opened = office.add_deal("Поставка", 10_000, firm, 32, 12).id
    office.add_task("позвонить", 31, NOW + 600, deal_id=opened)
    office.add_task("спросить", 32, None, client_id=firm)
    office.add_task("для себя", 32, NOW + 30)
    scene.clock.advance(60)
    office.lose(lost, "Дорого")
    return scene


@pytest.fixture
def scene() -> Scene:
    """The populated office."""
    return populated()


def test_a_deal_has_the_documented_fields_and_types(scene: Scene) -> None:
    item = scene.call("crm.item.get", entityTypeId=2, id=70001)["item"]
    told = {name: item[name] for name in item if name not in ("createdBy", "updatedBy", "lastActivityBy")}
    assert told == {
        "id": 70001,
        "createdTime": "2026-11-23T11:00:00+03:00",
        "updatedTime": "2026-11-23T11:01:00+03:00",
        "assignedById": 31,
        "opened": "Y",
        "companyId": 0,
        "contactId": 5001,
        "stageId": "UC_R00206",
        "stageSemanticId": "F",
        "categoryId": 0,
        "title": "Абонемент",
        "typeId": "SALE",
        "opportunity": 5184.5,
        "isManualOpportunity": "Y",
        "taxValue": 0,
        "currencyId": "RUB",
        "probability": None,
        "begindate": "2026-11-23T03:00:00+03:00",
        "closedate": "2026-11-23T03:00:00+03:00",
        "closed": "Y",
        "isNew": "N",
        "isRecurring": "N",
        "movedBy": 31,
        "movedTime": "2026-11-23T11:01:00+03:00",
        "previousStageId": "EXECUTING",
        "lastActivityTime": "2026-11-23T11:01:00+03:00",
        "leadId": 0,
        "sourceId": "CALL",
        "comments": "",
        "observers": [],
        "contactIds": [5001],
        "entityTypeId": 2,
    }
    other = scene.call("crm.item.get", entityTypeId="2", id="70002")["item"]
    assert (other["stageId"], other["companyId"], other["contactIds"]) == ("C12:EXECUTING", 5002, [])
    assert (other["closed"], other["closedate"][:10], other["opportunity"]) == ("N", "2026-11-30", 100)


def test_the_older_methods_tell_the_same_in_upper_case_and_text(scene: Scene) -> None:
    deal = scene.call("crm.deal.get", id=70001)
    chosen = (
        "ID",
        "OPPORTUNITY",
        "STAGE_SEMANTIC_ID",
        "CATEGORY_ID",
        "COMPANY_ID",
        "CONTACT_ID",
        "DATE_MODIFY",
    )
    assert [deal[name] for name in chosen] == [
        *("70001", "5184.50", "F", "0", None, "5001"),
        "2026-11-23T11:01:00+03:00",
    ]
    found = scene.call("crm.deal.list", filter={"STAGE_SEMANTIC_ID": "F"}, select=["ID", "TITLE"])
    assert found == [{"ID": "70001", "TITLE": "Абонемент"}]
    assert scene.call("crm.contact.get", id=5001)["LAST_NAME"] == "Петров"
    companies = scene.call("crm.company.list", filter={"@ID": [5002]}, select=["TITLE"])
    assert companies == [{"ID": "5002", "TITLE": "ООО «Зерно»"}]
    missing = scene.post("crm.deal.get", id=1)
    assert (missing.status_code, missing.json()) == (400, {"error": "", "error_description": "Not found"})


def test_stages_are_the_reasons_of_each_pipeline(scene: Scene) -> None:
    stages = scene.call("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE_12"}, order={"SORT": "ASC"})
    lost = {each["STATUS_ID"]: each["NAME"] for each in stages if each["SEMANTICS"] == "F"}
    assert set(lost.values()) == {"Сделка провалена", *scene.office.reasons.values()}
    assert all(code.startswith("C12:") for code in lost)
    general = scene.call("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE"})
    assert {each["CATEGORY_ID"] for each in general} == {None}
    assert set(general[0]) == {
        *("ID", "ENTITY_ID", "STATUS_ID", "NAME", "NAME_INIT", "SORT", "SYSTEM", "CATEGORY_ID", "COLOR"),
        *("SEMANTICS", "EXTRA"),
    }
    categories = scene.call("crm.category.list", entityTypeId=2)["categories"]
    assert [(each["id"], each["name"], each["isDefault"]) for each in categories] == [
        (0, "Общая", "Y"),
        (12, "Повторные", "N"),
    ]


def test_another_reason_moves_the_deal_and_not_the_day_it_closed(scene: Scene) -> None:
    scene.clock.advance(2 * 86_400)
    scene.office.edit_deal(70001, reason="Дубль")
    item = scene.call("crm.item.get", entityTypeId=2, id=70001)["item"]
    assert (item["stageId"], item["movedTime"][:10]) == ("UC_R00205", "2026-11-25")
    assert item["closedate"] == "2026-11-23T03:00:00+03:00"


def test_users_are_looked_up(scene: Scene) -> None:
    found = scene.call("user.get", ID=31)
    assert [(each["ID"], each["NAME"], each["LAST_NAME"], each["ACTIVE"]) for each in found] == [
        ("31", "Анна", "Орлова", True)
    ]
    assert len(scene.call("user.get", FILTER={"ACTIVE": True})) == 3
    assert len(scene.call("user.get", filter={"@ID": [31, 33]})) == 2


def test_tasks_are_asked_for_in_upper_case_and_told_in_camel_case(scene: Scene) -> None:
    fields = [
        "ID",
        "TITLE",
        "DEADLINE",
        "RESPONSIBLE_ID",
        "STATUS",
        "CHANGED_DATE",
        "CLOSED_DATE",
        "UF_CRM_TASK",
    ]
    scene.clock.advance(600)
    scene.office.complete(900_001)
    task = scene.call("tasks.task.get", taskId=900_001, select=fields)["task"]
    assert {name: value for name, value in task.items() if name != "responsible"} == {
        "id": "900001",
        "title": "позвонить",
        "deadline": "2026-11-23T11:10:00+03:00",
        "responsibleId": "31",
        "status": "5",
        "subStatus": "5",
        "changedDate": "2026-11-23T11:11:00+03:00",
        "closedDate": "2026-11-23T11:11:00+03:00",
        "ufCrmTask": ["D_70002"],
    }
    assert task["responsible"]["name"] == "Анна Орлова"
    company, own = (
        scene.call("tasks.task.get", taskId=each, select=fields)["task"] for each in (900_002, 900_003)
    )
    assert (company["ufCrmTask"], company["deadline"]) == (["CO_5002"], None)
    assert (own["ufCrmTask"], own["status"], own["subStatus"]) == (False, "2", "-1")
    assert "ufCrmTask" not in scene.call("tasks.task.get", taskId=900_001)["task"]
    assert scene.call("tasks.task.get", taskId=1) == []


def test_filters_choose(scene: Scene) -> None:
    assert scene.deals(filter={">=updatedTime": "2026-11-23T11:00:30+03:00"}) == [70001]
    assert scene.deals(filter={">=updatedTime": "2026-11-23T08:00:30Z"}) == [70001]
    assert scene.deals(filter={"<updatedTime": "2026-11-23T11:00:30"}) == [70002]
    assert scene.deals(filter={"stageSemanticId": "P"}) == [70002]
    assert scene.deals(filter={"@id": [70001, 5], "!stageSemanticId": ["P"]}) == [70001]
    assert scene.deals(filter={">id": 70001}) == [70002]
    assert scene.deals(filter={"categoryId": 0}) == [70001]
    assert scene.deals(filter={"0": {"logic": "OR", "0": {"id": 70001}, "1": {"id": 70002}}}) == [
        70001,
        70002,
    ]
    assert scene.deals(order={"id": "DESC"}) == [70002, 70001]
    assert scene.tasks() == ["900003", "900002", "900001"]
    assert scene.tasks(filter={"UF_CRM_TASK": "D_70002"}) == ["900001"]
    assert scene.tasks(filter={"STATUS": -1}) == ["900003"]
    assert scene.tasks(filter={"!REAL_STATUS": 5, ">DEADLINE": "2026-11-23T11:05:00+03:00"}) == ["900001"]
    assert scene.tasks(filter={">=CHANGED_DATE": "2026-11-23T11:00:01+03:00"}) == []
    assert scene.tasks(order={"ID": "asc"}, filter={"ID": [900_001, 900_003]}) == ["900001", "900003"]


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        (
            "crm.item.list",
            {"entityTypeId": 2, "filter": {">=UPDATED_TIME": "2026-11-23"}},
            "INVALID_ARG_VALUE",
        ),
        ("crm.item.list", {"entityTypeId": 2, "order": {"updated": "ASC"}}, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 2, "order": {"id": "asc"}}, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 99}, "NOT_FOUND"),
        ("crm.item.list", {}, "NOT_FOUND"),
        ("crm.item.get", {"entityTypeId": 2, "id": 1}, "NOT_FOUND"),
        ("crm.deal.list", {"filter": {"stageId": "NEW"}}, ""),
        ("tasks.task.list", {"order": {"NAME": "asc"}}, "0"),
        ("tasks.task.list", {"filter": {">=UPDATED": "2026-11-23"}}, "100"),
        ("tasks.task.get", {}, "100"),
    ],
)
def test_what_the_documents_do_not_know_is_refused(
    scene: Scene, method: str, params: dict[str, Any], error: str
) -> None:
    answer = scene.post(method, **params)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert set(answer.json()) == {"error", "error_description"}


def test_parameters_come_as_json_as_a_form_and_in_the_address(scene: Scene) -> None:
    params: dict[str, Node] = {"entityTypeId": 2, "filter": {"@id": [70001]}, "select": ["id"], "start": -1}
    query = urlencode(list(flat(params)))
    by_get = scene.ask(lambda client: client.get(f"crm.item.list.json?{query}"))
    by_form = scene.ask(
        lambda client: client.post(
            "crm.item.list", content=query, headers={"content-type": "application/x-www-form-urlencoded"}
        )
    )
    by_json = scene.post("crm.item.list", **params)
    for answer in (by_get, by_form, by_json):
        assert answer.json()["result"] == {"items": [{"id": 70001}]}


def test_pages_of_fifty_with_their_total() -> None:
    scene = Scene()
    for n in range(120):
        scene.office.add_deal(f"d{n}", 100, None, 31, 0)
    pages = [scene.post("crm.item.list", entityTypeId=2, start=start).json() for start in (0, 50, 100)]
    assert [len(page["result"]["items"]) for page in pages] == [50, 50, 20]
    assert [page.get("next") for page in pages] == [50, 100, None]
    assert {page["total"] for page in pages} == {120}
    assert {"start", "finish", "duration", "processing", "date_start", "date_finish", "operating"} <= set(
        pages[0]["time"]
    )
    uncounted = scene.post("crm.item.list", entityTypeId=2, start=-1).json()
    assert (uncounted["total"], "next" in uncounted, len(uncounted["result"]["items"])) == (0, False, 50)


def by_id(scene: Scene, between: Callable[[], object]) -> Iterator[int]:
    """The deals' ids, as the vendor advises to walk much data: by id, without counting."""
    last = 0
    while True:
        page = scene.deals(order={"id": "ASC"}, filter={">id": last}, start=-1)
        yield from page
        if len(page) < 50:
            return
        last = page[-1]
        between()


def test_a_walk_by_id_finds_everything_once_while_deals_are_added_changed_and_deleted() -> None:
    scene = Scene()
    for n in range(230):
        scene.office.add_deal(f"d{n}", 100, None, 31, 0)
    there = list(scene.office.deals)
    first = iter(there)

    def busy() -> None:
        scene.office.add_deal("new", 100, None, 31, 0)
        scene.office.delete_deal(next(first))
        scene.office.edit_deal(there[100], amount=scene.office.deals[there[100]].amount + 1)

    ids = list(by_id(scene, busy))
    assert len(ids) == len(set(ids))
    assert set(there) <= set(ids)


def test_pages_by_offset_slide_when_deals_are_deleted() -> None:
    scene = Scene()
    for n in range(60):
        scene.office.add_deal(f"d{n}", 100, None, 31, 0)
    first = scene.deals(start=0)
    scene.office.delete_deal(first[0])
    assert 70051 not in first + scene.deals(start=50)


def test_what_is_deleted_is_nowhere(scene: Scene) -> None:
    scene.office.delete_deal(70001)
    scene.office.delete_task(900_001)
    assert scene.deals() == [70002]
    assert scene.post("crm.item.get", entityTypeId=2, id=70001).json()["error"] == "NOT_FOUND"
    assert scene.tasks() == ["900003", "900002"]
    assert scene.call("crm.activity.list", filter={"OWNER_TYPE_ID": 2}) == []


def test_activities_mirror_tasks(scene: Scene) -> None:
    found = scene.call("crm.activity.list", order={"ID": "ASC"})
    assert [(each["OWNER_TYPE_ID"], each["OWNER_ID"], each["ASSOCIATED_ENTITY_ID"]) for each in found] == [
        ("2", "70002", "900001"),
        ("4", "5002", "900002"),
    ]
    assert {each["PROVIDER_ID"] for each in found} == {"CRM_TASKS_TASK"}


def test_or_are_to_dos_that_are_no_tasks() -> None:
    scene = populated(todos=True)
    assert scene.tasks() == ["900003"]
    found = scene.call("crm.activity.list", filter={"PROVIDER_ID": "CRM_TODO", "COMPLETED": "N"})
    assert [(each["ID"], each["SUBJECT"], each["RESPONSIBLE_ID"]) for each in found] == [
        ("900001", "позвонить", "31"),
        ("900002", "спросить", "32"),
    ]
    assert scene.call("crm.activity.get", id=900_001)["DEADLINE"] == "2026-11-23T11:10:00+03:00"
    scene.office.complete(900_001)
    assert scene.call("crm.activity.get", id=900_001)["COMPLETED"] == "Y"


def test_a_batch_is_one_request_of_many_calls(scene: Scene) -> None:
    def commands(count: int) -> dict[str, str]:
        return {f"c{n}": f"crm.item.get?entityTypeId=2&id={70001 + n % 2}" for n in range(count)}

    result = scene.call("batch", halt=0, cmd=commands(49) | {"bad": "crm.deal.get?id=1"})
    assert len(result["result"]) == 49
    assert result["result"]["c1"]["item"]["id"] == 70002
    assert result["result_error"] == {"bad": {"error": "", "error_description": "Not found"}}
    assert (result["result_total"], result["result_next"]) == ([], [])
    assert scene.post("batch", cmd=commands(51)).json()["error"] == "ERROR_BATCH_LENGTH_EXCEEDED"
    listed = scene.call(
        "batch", cmd=["user.get", f"crm.item.list?{urlencode({'entityTypeId': 2, 'select[]': 'id'})}"]
    )
    assert listed["result"][1] == {"items": [{"id": 70001}, {"id": 70002}]}
    assert listed["result_total"] == [3, 2]
    halted = scene.call("batch", halt=1, cmd={"bad": "no.such", "good": "user.get"})
    assert halted["result"] == []
    assert halted["result_error"]["bad"]["error"] == "ERROR_METHOD_NOT_FOUND"
    assert scene.vendor.requests["POST /rest/31/b24webhookcode0001/batch.json"] == 4


def test_only_the_code_opens_the_api(scene: Scene) -> None:
    scene.rest_url = "https://zerno.bitrix24.ru/rest/31/another/"
    answer = scene.post("user.get")
    assert (answer.status_code, answer.json()["error"]) == (401, "INVALID_CREDENTIALS")
    scene.rest_url = "https://zerno.bitrix24.ru/rest/"
    assert scene.post("user.get").json()["error"] == "NO_AUTH_FOUND"
    assert scene.post("user.get", auth="x").json()["error"] == "expired_token"


def test_an_unknown_method_is_not_found(scene: Scene) -> None:
    answer = scene.post("crm.deals.list")
    assert (answer.status_code, answer.json()["error"]) == (404, "ERROR_METHOD_NOT_FOUND")


def test_a_burst_of_fifty_and_then_two_a_second(scene: Scene) -> None:
    async def burst(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.post("user.get") for _ in range(52)]

    answers = scene.ask(burst)
    assert [each.status_code for each in answers] == [200] * 50 + [503] * 2
    assert answers[-1].json()["error"] == "QUERY_LIMIT_EXCEEDED"
    scene.clock.advance(1)
    assert [each.status_code for each in scene.ask(burst)][:3] == [200, 200, 503]


def test_a_method_that_takes_too_long_is_blocked_and_only_that_one(scene: Scene) -> None:
    scene.vendor.cost = 100.0
    answers = [scene.post("crm.item.list", entityTypeId=2) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[-1].json()["error"] == "OPERATION_TIME_LIMIT"
    resets_at = answers[4].json()["time"]["operating_reset_at"]
    assert scene.post("user.get").status_code == 200
    scene.clock.moment = float(resets_at)
    assert scene.post("crm.item.list", entityTypeId=2).status_code == 200


def test_handlers_are_registered_by_an_application_only(scene: Scene) -> None:
    mine = {"event": "onCrmDealUpdate", "handler": "https://board.example/webhooks/office?token=t"}
    refused = scene.post("event.bind", **mine)
    assert (refused.status_code, refused.json()["error"]) == (403, "WRONG_AUTH_TYPE")
    scene = populated(access_token="b24accesstoken", events=())
    scene.rest_url = "https://zerno.bitrix24.ru/rest/"
    assert scene.call("event.bind", **mine, auth="b24accesstoken") is True
    bound = scene.call("event.get", auth="b24accesstoken")
    assert [(each["event"], each["handler"]) for each in bound] == [("ONCRMDEALUPDATE", mine["handler"])]
    wrong = scene.post("event.bind", event="ONDEAL", handler="https://x.example", auth="b24accesstoken")
    assert wrong.json()["error"] == "ERROR_EVENT_NOT_FOUND"
    posted = scene.vendor.webhooks(scene.office.win(70002))
    assert [webhook.query for webhook in posted] == [{"token": "t"}]
    fields = dict(parse_qsl(posted[0].body.decode()))
    assert (fields["event"], fields["auth[access_token]"]) == ("ONCRMDEALUPDATE", "b24accesstoken")


PORTAL: Final = {
    f"auth[{name}]"
    for name in ("domain", "client_endpoint", "server_endpoint", "member_id", "application_token")
}
TOKENS: Final = {
    f"auth[{name}]" for name in ("access_token", "expires_in", "scope", "status", "refresh_token")
}
HEAD: Final = {"event", "ts", *PORTAL, *TOKENS}
IDS: Final = {"data[FIELDS_BEFORE][ID]", "data[FIELDS_AFTER][ID]"}
ACCESS: Final = {"data[IS_ACCESSIBLE_BEFORE]", "data[IS_ACCESSIBLE_AFTER]"}
DOCUMENTED: Final = {
    "ONCRMDEALADD": HEAD | {"data[FIELDS][ID]"},
    "ONCRMDEALUPDATE": HEAD | {"data[FIELDS][ID]"},
    "ONCRMDEALDELETE": HEAD | {"data[FIELDS][ID]"},
    "ONTASKADD": HEAD | {"data[FIELDS_BEFORE]", "data[FIELDS_AFTER][ID]", *ACCESS},
    "ONTASKUPDATE": HEAD | IDS | ACCESS,
    "ONTASKDELETE": HEAD | {"data[FIELDS_BEFORE][ID]", "data[FIELDS_AFTER]", *ACCESS},
    "ONCRMACTIVITYADD": HEAD | {"data[FIELDS][ID]"},
    "ONCRMACTIVITYUPDATE": HEAD | {"data[FIELDS][ID]"},
    "ONCRMACTIVITYDELETE": HEAD | {"data[FIELDS][ID]"},
    "ONCRMCONTACTADD": HEAD | {"data[FIELDS][ID]"},
    "ONCRMCONTACTUPDATE": HEAD | {"data[FIELDS][ID]"},
    "ONCRMCOMPANYADD": HEAD | {"data[FIELDS][ID]"},
    "ONCRMCOMPANYUPDATE": HEAD | {"data[FIELDS][ID]"},
}
"""The fields of each event to an application, as its page in the documents has them."""


def captured() -> dict[str, set[str]]:
    """The fields of each event that was captured, or else of those that the documents have."""
    named = os.environ.get("LOSSBOARD_CAPTURES")
    if not named:
        return DOCUMENTED
    bodies = [path.read_text() for path in sorted((Path(named) / "bitrix24").glob("*.txt"))]
    pairs = [dict(parse_qsl(body, keep_blank_values=True)) for body in bodies]
    return {each["event"].upper(): set(each) for each in pairs if "COMMENT" not in each["event"]}


def test_bodies_have_just_the_fields_of_those_that_were_captured() -> None:
    scene = Scene(access_token="b24accesstoken", events=())
    scene.vendor.handlers = [(event, "https://board.example/") for event in EVENTS]
    made: dict[str, set[str]] = {}
    for event in scene.live(1, 1200):
        for webhook in scene.vendor.webhooks(event):
            fields = dict(parse_qsl(webhook.body.decode(), keep_blank_values=True))
            made[fields["event"].upper()] = set(fields)
    assert set(made) == set(DOCUMENTED)
    known = captured()
    optional = TOKENS | {"event_handler_id"}  # without them to an outgoing webhook; not on every page
    for event_name, names in known.items():
        assert made[event_name] - optional == names - optional


def test_an_outgoing_webhook_is_told_without_tokens(scene: Scene) -> None:
    event = scene.office.reschedule(900_001, NOW + 900)
    task, activity = (dict(parse_qsl(each.body.decode())) for each in scene.vendor.webhooks(event))
    assert (task["event"], activity["event"]) == ("ONTASKUPDATE", "onCrmActivityUpdate")
    assert activity["data[FIELDS][ID]"] == "1900001"
    assert set(task) == {"event", "event_handler_id", "ts"} | PORTAL | IDS | ACCESS
    added = scene.office.add_task("x", 31, None)
    [told] = (dict(parse_qsl(each.body.decode())) for each in scene.vendor.webhooks(added))
    assert (told["data[FIELDS_BEFORE]"], told["data[IS_ACCESSIBLE_BEFORE]"]) == ("undefined", "N")


def test_a_delivery_is_dated_when_it_is_posted(scene: Scene) -> None:
    [webhook] = scene.vendor.webhooks(scene.office.win(70002))
    scene.clock.advance(900)
    sent = dict(parse_qsl(scene.vendor.outgoing(webhook, 0).body.decode()))
    assert sent["ts"] == str(int(scene.clock()))
    assert sent["data[FIELDS][ID]"] == "70002"
    assert scene.vendor.retries == ()


def test_errors_on_demand_have_the_vendors_form(scene: Scene) -> None:
    for status, error in (
        (429, "OPERATION_TIME_LIMIT"),
        (503, "QUERY_LIMIT_EXCEEDED"),
        (500, "INTERNAL_SERVER_ERROR"),
    ):
        scene.vendor.fail_next(1, status)
        answer = scene.post("user.get")
        assert (answer.status_code, answer.json()["error"]) == (status, error)
    scene.vendor.down = True
    assert scene.post("user.get").status_code == 502


@pytest.mark.parametrize("todos", [False, True])
def test_the_api_tells_the_truth_after_a_long_history(todos: bool) -> None:
    scene = Scene(todos=todos)
    scene.live(7, 1500)
    stages = {each["STATUS_ID"]: each["NAME"] for each in scene.vendor.books.statuses()}
    found: dict[int, Any] = {}
    while page := scene.call(
        "crm.item.list", entityTypeId=2, order={"id": "ASC"}, filter={">id": max(found, default=0)}, start=-1
    )["items"]:
        found |= {each["id"]: each for each in page}
    true = {each.id: each for each in scene.office.deals.values() if not each.deleted}
    assert set(found) == set(true)
    for deal in true.values():
        item = found[deal.id]
        assert round(item["opportunity"] * 100) == deal.amount
        assert {"P": "open", "S": "won", "F": "lost"}[item["stageSemanticId"]] == deal.status
        assert deal.reason in (None, stages[item["stageId"]])
        assert (item["contactId"] or item["companyId"] or None) == deal.client_id
    open_tasks = {t.id for t in scene.office.tasks.values() if not t.deleted and not t.completed}
    told: set[int] = set()
    start: int | None = 0
    while start is not None:
        answer = scene.post("tasks.task.list", filter={"!REAL_STATUS": 5}, select=["ID"], start=start).json()
        told |= {int(each["id"]) for each in answer["result"]["tasks"]}
        start = answer.get("next")
    if todos:
        start = 0
        while start is not None:
            wanted = {"COMPLETED": "N", "PROVIDER_ID": "CRM_TODO"}
            answer = scene.post("crm.activity.list", filter=wanted, select=["ID"], start=start).json()
            told |= {int(each["ID"]) for each in answer["result"]}
            start = answer.get("next")
    assert told == open_tasks
