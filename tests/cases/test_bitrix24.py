"""Bitrix24's real-world cases, over HTTP and with a fake portal: each ends in its right value."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.cases.bitrix24_portal import FORM, Bodies, Ledgers, Portal, account, hook, sources
from tests.cases.desk import Desk, desk

DAY = "2026-11-16..2026-11-16"
SOURCES = pytest.mark.parametrize(
    "bodies", sources(), ids=lambda bodies: "shared" if "shared" in bodies.folder.parts else "own"
)


async def lost(at: Desk, period: str = "month") -> tuple[int, str, list[tuple[str, str]]]:
    """The refusals of a period: count, amount, and each reason with its kind."""
    losses = (await at.snapshot(period))["losses"]
    reasons = [(row["reason"], row["kind"]) for row in losses["reasons"]]
    return losses["total"]["count"], losses["total"]["amount"], reasons


async def at_risk(at: Desk) -> tuple[int, str, int]:
    """Clients, amount and tasks at risk."""
    risk = (await at.snapshot())["at_risk"]
    return risk["clients"], risk["amount"], risk["tasks"]


def of_deal(bodies: Bodies, name: str, id: int, **changed: Any) -> Any:
    """The answer with one deal or lead, made from the first of another answer."""
    body = copy.deepcopy(bodies[name])
    body["result"]["items"] = [{**body["result"]["items"][0], "id": id, **changed}]
    return body


@SOURCES
@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ("lost-2-archive-pipeline.json", ("Выбрал других", "controllable")),
        ("lost-2-other-stage.json", ("Не подходит график", "objective")),
    ],
)
async def test_a_move_between_lost_stages_is_no_new_loss(
    bodies: Bodies, second: str, reason: tuple[str, str], sqlite_ledgers: Ledgers
) -> None:
    portal = Portal({"crm.status.list": bodies["stages.json"]})
    async with desk(sqlite_ledgers, account(), portal) as at:
        for ts, name in enumerate(("lost-1.json", second)):
            portal.by_id["crm.item.list 2"] = bodies[name]
            await at.post(hook("ONCRMDEALUPDATE", bodies.deal, ts), FORM)
            await at.ask()
        assert await lost(at) == await lost(at, DAY) == (1, "1000.00", [reason])
        assert (await lost(at, "today"))[0] == 0


@SOURCES
async def test_a_lead_is_a_deal_and_a_converted_one_is_no_loss(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    portal = Portal({"crm.item.list 1": bodies["leads.json"], "crm.status.list": bodies["stages.json"]})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await lost(at) == (1, "300.00", [("Выбрал других", "controllable")])
        assert (await at.snapshot())["at_risk"]["no_next_step"] == {"deals": 1, "amount": "700.00"}
        assert await at.quarantined() == []


@SOURCES
async def test_an_activity_on_a_lead_puts_it_at_risk(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    portal = Portal(
        {"crm.activity.list": bodies["activity-on-lead.json"], "crm.item.list 1": bodies["leads.json"]}
    )
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await at_risk(at) == (1, "700.00", 1)
        (client,) = (await at.snapshot())["at_risk"]["list"]
        (task,) = client["tasks"]
        assert task["deal_id"] == f"lead:{bodies.lead}"
        assert task["url"] == f"https://zerno.bitrix24.ru/crm/lead/details/{bodies.lead}/"


@SOURCES
async def test_an_activity_on_a_lead_and_a_deal_is_on_the_deal(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    deal = of_deal(bodies, "leads.json", bodies.open_deal, categoryId=0, stageId="NEW", contactId=9)
    portal = Portal(
        {
            "crm.activity.list": bodies["activity-on-lead-bound-to-deal.json"],
            "crm.item.list 2": deal,
            "crm.item.list 3": {"result": {"items": [{"id": 9, "name": "Ира", "lastName": "Лис"}]}},
        }
    )
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await at_risk(at) == (1, "700.00", 1)
        board = (await at.snapshot())["at_risk"]
        assert board["no_next_step"]["deals"] == 0
        assert board["list"][0]["client"] == "Ира Лис"
        assert board["list"][0]["tasks"][0]["deal_id"] == str(bodies.open_deal)


@SOURCES
async def test_a_task_on_a_lead_alone_puts_it_at_risk(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    leads = of_deal(bodies, "leads.json", bodies.task_lead)
    portal = Portal({"tasks.task.list": bodies["task-lead-only.json"], "crm.item.list 1": leads})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await at_risk(at) == (1, "700.00", 1)
        board = (await at.snapshot())["at_risk"]
        assert board["list"][0]["tasks"][0]["deal_id"] == f"lead:{bodies.task_lead}"


@SOURCES
async def test_a_lead_is_asked_for_after_its_webhook(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    portal = Portal({"crm.item.list 1": bodies["leads.json"]})
    async with desk(sqlite_ledgers, account(), portal) as at:
        assert (await at.post(bodies.raw("lead-update.txt"), FORM)).json()["status"] == "applied"
        await at.ask()
        first = next(portal.questions("crm.item.list"))
        assert (first["entityTypeId"], first["filter"]) == (1, {"@id": [str(bodies.lead)]})


@SOURCES
@pytest.mark.parametrize("name", ["task-unbound-false.json", "task-control-4.json"])
async def test_a_chore_of_the_company_and_a_task_that_awaits_control_are_not_at_risk(
    name: str, bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    portal = Portal({"tasks.task.list": bodies[name]})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await at_risk(at) == (0, "0.00", 0)
        assert (await at.snapshot())["at_risk"]["managers"] == ()


@SOURCES
async def test_of_five_hundred_people_only_those_with_a_late_promise_are_listed(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    chore = bodies["task-unbound-false.json"]["result"]["tasks"][0]
    promise = {**chore, "id": "9", "ufCrmTask": [f"D_{bodies.open_deal}"], "responsibleId": "8"}
    chores = [{**chore, "id": str(n), "responsibleId": str(n), "title": "Сдать отчёт"} for n in (11, 12)]
    deal = of_deal(bodies, "leads.json", bodies.open_deal, categoryId=0)
    portal = Portal({"tasks.task.list": {"result": {"tasks": [*chores, promise]}}, "crm.item.list 2": deal})
    portal.lists["user.get"] = {"result": [{"ID": str(n), "NAME": f"И{n}"} for n in range(1, 501)]}
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        managers = (await at.snapshot())["at_risk"]["managers"]
        assert [row["manager_id"] for row in managers] == ["8"]
        assert await at_risk(at) == (1, "700.00", 1)


@SOURCES
async def test_what_is_on_a_smart_process_puts_nobody_at_risk(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    activity = bodies["activity-on-lead.json"]
    activity["result"][0] |= {"OWNER_TYPE_ID": "1036", "OWNER_ID": "3"}
    task = bodies["task-lead-only.json"]
    task["result"]["tasks"][0]["ufCrmTask"] = ["T40c_3"]
    portal = Portal({"crm.activity.list": activity, "tasks.task.list": task})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await at_risk(at) == (0, "0.00", 0)
        assert (await at.snapshot())["at_risk"]["managers"] == ()


@SOURCES
async def test_a_call_that_telephony_logged_is_never_due(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    deal = of_deal(bodies, "leads.json", bodies.open_deal, categoryId=0)
    portal = Portal({"crm.activity.list": bodies["activity-call-done.json"], "crm.item.list 2": deal})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await at_risk(at) == (0, "0.00", 0)
        assert (await at.snapshot())["at_risk"]["managers"] == ()


@SOURCES
async def test_a_deal_with_no_contact_is_its_companys(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    portal = Portal({"crm.item.list 2": bodies["deal-null-links.json"]})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert await lost(at) == (1, "1234.10", [("LOSE", "unclassified")])
        named = {id for params in portal.questions("crm.item.list") for id in wanted(params, "4")}
        assert named == {bodies.company.removeprefix("CO_")}


def wanted(params: Any, type_id: str) -> list[str]:
    """The ids of one type of record that a question asks for."""
    ids = params["filter"].get("@id", {}) if str(params["entityTypeId"]) == type_id else {}
    return list(ids.values() if isinstance(ids, dict) else ids)


REFUSALS = [
    ({"error": "expired_token"}, "api_token"),
    ({"error": "INVALID_CREDENTIALS"}, "api_token"),
    ({"error": "insufficient_scope"}, "api_forbidden"),
    ({"error": "ACCESS_DENIED", "error_description": "REST is available only by subscription"}, "api_unpaid"),
    ({"error": "PAYMENT_REQUIRED"}, "api_unpaid"),
    ({"error": "ERROR_METHOD_NOT_FOUND"}, "api_not_found"),
    ({"error": "PORTAL_DELETED"}, "api_not_found"),
]


@pytest.mark.parametrize("status", [200, 401, 403, 500])
@pytest.mark.parametrize(("error", "code"), REFUSALS, ids=lambda value: str(value)[:40])
async def test_an_error_that_somebody_must_mend_is_told_whatever_its_status(
    error: dict[str, str], code: str, status: int, sqlite_ledgers: Ledgers
) -> None:
    def refusing(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=error)

    async with desk(sqlite_ledgers, account(), refusing) as at:
        assert at.sync is not None
        for _ in range(3):
            await at.sync.turn()
        codes = [warning["code"] for warning in (await at.snapshot())["warnings"]]
        assert code in codes
        assert (await at.state()).synced_at is None


@SOURCES
@pytest.mark.parametrize(
    "junk",
    [
        *(b"null", b"", b"[]", b"{}", b"<html>", b'{"result":null}', b'{"result":[]}', b'{"result":{}}'),
        *(b'{"result":{"items":null}}', b'{"error":"INTERNAL_SERVER_ERROR"}', b'{"result":{"items":['),
    ],
)
async def test_an_answer_that_is_no_list_deletes_nothing_and_is_asked_for_again(
    junk: bytes, bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    portal = Portal({"crm.item.list 2": of_deal(bodies, "leads.json", bodies.open_deal, categoryId=0)})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        portal.answers["crm.item.list"] = [httpx.Response(200, content=junk)]
        await at.post(hook("ONCRMDEALUPDATE", bodies.open_deal), FORM)
        before = len(portal.asked)
        await at.ask()
        assert not portal.answers["crm.item.list"]
        assert len(portal.asked) - before >= 2
        assert (await at.snapshot())["at_risk"]["no_next_step"] == {"deals": 1, "amount": "700.00"}
        await at.reconcile()
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 1


@SOURCES
async def test_a_deal_that_an_empty_list_leaves_out_is_gone(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    portal = Portal({"crm.item.list 2": of_deal(bodies, "leads.json", bodies.open_deal, categoryId=0)})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        portal.by_id["crm.item.list 2"] = {"result": {"items": []}, "total": 0}
        await at.post(hook("ONCRMDEALUPDATE", bodies.open_deal), FORM)
        await at.ask()
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 0


@SOURCES
async def test_what_a_merged_contact_had_open_is_asked_for_again(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    activity = bodies["activity-on-lead.json"]
    activity["result"][0] |= {"OWNER_TYPE_ID": "3", "OWNER_ID": "5"}
    moved = copy.deepcopy(activity)
    moved["result"][0]["OWNER_ID"] = "6"
    people = [{"id": 5, "name": "Ира"}, {"id": 6, "name": "Ирина"}]
    portal = Portal({"crm.activity.list": activity, "crm.item.list 3": {"result": {"items": people}}})
    async with desk(sqlite_ledgers, account(), portal) as at:
        await at.ask()
        assert [row["client_id"] for row in (await at.snapshot())["at_risk"]["list"]] == ["C_5"]
        assert (await at.post(hook("ONCRMCONTACTDELETE", 5), FORM)).json()["status"] == "applied"
        assert await at_risk(at) == (0, "0.00", 0)
        portal.lists["crm.activity.list"] = moved
        await at.ask()
        assert [row["client_id"] for row in (await at.snapshot())["at_risk"]["list"]] == ["C_6"]


FIELD = "UF_CRM_1717"
LABELS = [
    ({"USER_TYPE_ID": "enumeration", "LIST": [{"ID": "31", "VALUE": "Выбрал других"}]}, ["31"]),
    ({"USER_TYPE_ID": "crm_status", "SETTINGS": {"ENTITY_TYPE": "REFUSALS"}}, "UC_K7"),
    ({"USER_TYPE_ID": "string"}, ["", "Выбрал других", "Не подходит график"]),
]


@SOURCES
@pytest.mark.parametrize(("kind", "value"), LABELS, ids=lambda value: str(value)[:30])
async def test_a_reason_is_shown_as_people_see_it_in_each_kind_of_field(
    kind: dict[str, Any], value: Any, bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    lost_deal = of_deal(bodies, "lost-1.json", bodies.deal, **{FIELD: value})
    entry = {"ID": "8", "ENTITY_ID": "REFUSALS", "STATUS_ID": "UC_K7", "NAME": "Выбрал других"}
    portal = Portal(
        {
            "crm.item.list 2": lost_deal,
            "crm.deal.userfield.list": {"result": [{"ID": "1", "FIELD_NAME": FIELD, **kind}]},
            "crm.status.list": {"result": [entry]},
        }
    )
    async with desk(sqlite_ledgers, account(reason_field=FIELD), portal) as at:
        await at.ask()
        assert await lost(at) == (1, "1000.00", [("Выбрал других", "controllable")])
        lost_deal["result"]["items"][0]["updatedTime"] = "2026-11-26T17:00:00+03:00"
        await at.post(hook("ONCRMDEALUPDATE", bodies.deal), FORM)
        await at.ask()
        assert await lost(at) == (1, "1000.00", [("Выбрал других", "controllable")])
        assert [w for w in (await at.snapshot())["warnings"] if w["code"] == "reason_field"] == []


async def test_a_field_that_does_not_exist_is_told(sqlite_ledgers: Ledgers) -> None:
    async with desk(sqlite_ledgers, account(reason_field=FIELD), Portal()) as at:
        await at.ask()
        told = [w for w in (await at.snapshot())["warnings"] if w["code"] == "reason_field"]
        assert len(told) == 1
        assert FIELD in told[0]["text"]
