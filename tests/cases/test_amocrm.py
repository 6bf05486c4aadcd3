"""Real-world cases of amoCRM and Kommo, each with its right value: bodies of ours, and those of the folder
of cases where there is one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import pytest

from service.model import SECOND, Instant
from tests.cases.amocrm_vendor import PIPELINE, Object, Vendor, html, lead, problem, task
from tests.cases.desk import CASES, NOW, Desk, configured, desk, refusing

TOKEN: Final = "a-token-of-sixteen"
API: Final = {"url": "https://zerno.amocrm.ru", "token": "t"}
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
THEN: Final = NOW // SECOND - 3600
DAY: Final = 86_400

Ledgers = Callable[[], str]


@dataclass(frozen=True)
class Bodies:
    """A folder of bodies."""

    folder: Path

    def hook(self, name: str) -> bytes:
        """The body of a webhook."""
        return (self.folder / f"{name}.txt").read_bytes()

    def field(self, name: str, path: str) -> str:
        """The value of the first field of a webhook whose name ends so."""
        fields = parse_qsl(self.hook(name).decode())
        return next(value for key, value in fields if key.endswith(path))

    def lead(self, name: str) -> dict[str, Any]:
        """The lead in an answer."""
        answer = json.loads((self.folder / f"{name}.json").read_bytes())
        return answer["_embedded"]["leads"][0]  # type: ignore[no-any-return]


SOURCES = [
    pytest.param(Bodies(folder), id=name)
    for name, folder in (("own", Path(__file__).parent / "amocrm"), ("cases", CASES / "amocrm"))
    if folder.is_dir()
]
bodies_of_every_source = pytest.mark.parametrize("bodies", SOURCES)


async def post(at: Desk, *bodies: bytes) -> None:
    """Post webhooks, one after the other."""
    for body in bodies:
        assert (await at.post(body, FORM, f"token={TOKEN}")).json()["status"] == "applied"


async def posted(ledgers: Ledgers, *bodies: bytes, period: str = "month", **keys: object) -> dict[str, Any]:
    """The board after webhooks alone."""
    async with desk(ledgers, configured("amocrm", webhook_secret=TOKEN, **keys)) as at:
        await post(at, *bodies)
        return await at.snapshot(period)


async def answered(ledgers: Ledgers, vendor: Vendor, **options: object) -> dict[str, Any]:
    """The board after the backfill."""
    account = configured("amocrm", webhook_secret=TOKEN, api=API, amocrm=options)
    async with desk(ledgers, account, vendor) as at:
        await at.ask()
        return await at.snapshot()


def lost(board: dict[str, Any], kind: str = "total") -> tuple[int, str]:
    """Count and amount of the refusals."""
    return board["losses"][kind]["count"], board["losses"][kind]["amount"]


def at_risk(board: dict[str, Any]) -> tuple[int, str, int]:
    """Clients, amount at stake, overdue tasks."""
    risk = board["at_risk"]
    return risk["clients"], risk["amount"], risk["tasks"]


def reasons(board: dict[str, Any]) -> list[tuple[str, str, int]]:
    """The reasons' names, kinds and counts."""
    return [(row["reason"], row["kind"], row["count"]) for row in board["losses"]["reasons"]]


def codes(board: dict[str, Any]) -> set[str]:
    """What the board warns of."""
    return {warning["code"] for warning in board["warnings"]}


@bodies_of_every_source
@pytest.mark.parametrize("order", list(permutations(("company-1-add", "company-2-lead", "company-3-task"))))
async def test_a_lead_without_a_contact_is_its_companys(
    bodies: Bodies, order: Sequence[str], sqlite_ledgers: Ledgers
) -> None:
    board = await posted(sqlite_ledgers, *map(bodies.hook, order))
    assert at_risk(board) == (1, "700.00", 1)
    (client,) = board["at_risk"]["list"]
    assert client["client_id"] == bodies.field("company-3-task", "[element_id]")
    assert client["client"] == bodies.field("company-1-add", "[name]")


@bodies_of_every_source
@pytest.mark.parametrize("order", list(permutations(("lost-1", "lost-2-edited", "lost-3-archive-pipeline"))))
async def test_a_lost_lead_that_is_edited_or_archived_keeps_its_day(
    bodies: Bodies, order: Sequence[str], sqlite_ledgers: Ledgers
) -> None:
    account = configured("amocrm", webhook_secret=TOKEN)
    async with desk(sqlite_ledgers, account) as at:
        await post(at, *map(bodies.hook, order))
        assert lost(await at.snapshot("2026-11-16..2026-11-16")) == (1, "1000.00")
        assert lost(await at.snapshot("2026-11-17..2026-11-26")) == (0, "0.00")


@bodies_of_every_source
@pytest.mark.parametrize("name", ["reason-nonbreaking", "reason-en-dash", "reason-zero-width"])
async def test_reasons_that_look_alike_are_the_same(
    bodies: Bodies, name: str, sqlite_ledgers: Ledgers
) -> None:
    options = {"reason_field": "Причина отказа"}
    board = await posted(sqlite_ledgers, bodies.hook(name), amocrm=options)
    assert lost(board, "controllable") == (1, "1000.00")


@bodies_of_every_source
async def test_links_lead_to_the_configured_address_while_the_api_is_away(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    api = {**API, "url": "https://zerno.kommo.com"}
    account = configured("amocrm", webhook_secret=TOKEN, api=api)
    async with desk(sqlite_ledgers, account, refusing) as at:
        await post(at, bodies.hook("kommo-1-short"), bodies.hook("kommo-2-task"))
        assert at.sync is not None
        await at.sync.turn()
        (client,) = (await at.snapshot())["at_risk"]["list"]
        lead_id = bodies.field("kommo-1-short", "[0][id]")
        assert [row["url"] for row in client["tasks"]] == [f"https://zerno.kommo.com/leads/detail/{lead_id}"]


@bodies_of_every_source
async def test_an_incoming_lead_that_was_accepted_is_asked_for(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    lead_id = bodies.field("unsorted-accept", "[accept_result][leads][0]")
    vendor = Vendor({"leads": [lead(int(lead_id), THEN)]})
    account = configured("amocrm", webhook_secret=TOKEN, api=API)
    async with desk(sqlite_ledgers, account, vendor) as at:
        await post(at, bodies.hook("unsorted-accept"))
        assert at.sync is not None
        await at.sync.turn()
        assert at.asked[0].url.params["filter[id][]"] == lead_id
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 1


@bodies_of_every_source
async def test_without_the_reason_field_the_leads_own_reason_counts(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    one = bodies.lead("leads-reason-field-misspelt")
    leads: list[Object] = [{**one, "id": one["id"] + number} for number in range(25)]
    board = await answered(sqlite_ledgers, Vendor({"leads": leads}), reason_field="Причина отказа")
    assert reasons(board) == [("Выбрал других", "controllable", 25)]


async def test_a_reason_field_that_does_not_exist_is_told_until_it_does(sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor({"custom_fields": [{"id": number, "name": f"Поле {number}"} for number in range(1, 6)]})
    options = {"reason_field": "Причина отказа"}
    account = configured("amocrm", webhook_secret=TOKEN, api=API, amocrm=options)
    async with desk(sqlite_ledgers, account, vendor) as at:
        await at.ask()
        told = [warning for warning in (await at.snapshot())["warnings"] if warning["code"] == "reason_field"]
        assert [warning["subject"] for warning in told] == ["Причина отказа"]
        vendor.lists["custom_fields"].append({"id": 6, "name": "причина  отказа"})
        at.clock.moment = Instant(at.clock.moment + 2 * DAY * SECOND)
        await at.ask()
        assert "reason_field" not in codes(await at.snapshot())


@bodies_of_every_source
async def test_of_several_chosen_reasons_the_first_counts(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor({"leads": [bodies.lead("leads-reason-field-multiselect")]})
    board = await answered(sqlite_ledgers, vendor, reason_field="77")
    assert reasons(board) == [("Дорого", "unclassified", 1)]


@bodies_of_every_source
async def test_a_lost_lead_has_its_reason_and_its_main_contact(
    bodies: Bodies, sqlite_ledgers: Ledgers
) -> None:
    one = bodies.lead("leads-lost-with-reason")
    (main,) = (contact["id"] for contact in one["_embedded"]["contacts"] if contact["is_main"])
    board = await answered(sqlite_ledgers, Vendor({"leads": [one]}))
    assert reasons(board) == [("Выбрал других", "controllable", 1)]
    late = {**one, "status_id": 31, "closed_at": None}
    tasks = [task(1, THEN, entity_type="leads", entity_id=one["id"])]
    risk = (await answered(sqlite_ledgers, Vendor({"leads": [late], "tasks": tasks})))["at_risk"]
    assert [row["client_id"] for row in risk["list"]] == [str(main)]


@bodies_of_every_source
async def test_a_lead_of_a_company_alone_is_the_companys(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    one = {**bodies.lead("leads-company-only"), "status_id": 31, "closed_at": None}
    tasks = [task(1, THEN, entity_type="leads", entity_id=one["id"])]
    (company,) = one["_embedded"]["companies"]
    board = await answered(sqlite_ledgers, Vendor({"leads": [one], "tasks": tasks}))
    assert [row["client_id"] for row in board["at_risk"]["list"]] == [str(company["id"])]


JUNK: Final = {
    "null": lambda: httpx.Response(200, content=b"null"),
    "empty": lambda: httpx.Response(200),
    "a list": lambda: httpx.Response(200, content=b"[]"),
    "an error": lambda: httpx.Response(200, content=problem(500).content),
    "no list": lambda: httpx.Response(200, json={"_links": {}, "_embedded": {}}),
    "an empty list": lambda: httpx.Response(200, json={"_embedded": {"leads": []}}),
    "other leads": lambda: httpx.Response(200, json={"_embedded": {"leads": [lead(3, THEN)]}}),
    "no objects": lambda: httpx.Response(200, json={"_embedded": {"leads": [None]}}),
    "html": html,
}


@pytest.mark.parametrize("junk", JUNK)
async def test_no_lead_is_deleted_by_an_answer_that_is_not_understood(
    junk: str, sqlite_ledgers: Ledgers
) -> None:
    vendor = Vendor({"leads": [lead(1, THEN), lead(2, THEN)], "pipelines": [PIPELINE]})
    account = configured("amocrm", webhook_secret=TOKEN, api=API)
    async with desk(sqlite_ledgers, account, vendor) as at:
        await at.ask()
        vendor.instead["leads"] = [JUNK[junk]()]
        await post(at, b"leads[update][0][id]=1&leads[update][0][status_id]=31")
        before = len(at.asked)
        assert at.sync is not None
        await at.sync.turn()
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 2
        vendor.lists["leads"][0] = lead(1, THEN, price=900)
        await at.ask()
        again = [call.url.params.get("filter[id][]") for call in at.asked[before:]]
        assert again == ["1", "1"]
        assert (await at.snapshot())["at_risk"]["no_next_step"] == {"deals": 2, "amount": "1000.00"}


async def test_204_alone_says_that_a_lead_is_gone(sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor({"leads": [lead(1, THEN), lead(2, THEN)]})
    account = configured("amocrm", webhook_secret=TOKEN, api=API)
    async with desk(sqlite_ledgers, account, vendor) as at:
        await at.ask()
        vendor.lists["leads"] = []
        await post(at, f"leads[update][0][id]=1&leads[update][0][updated_at]={THEN}".encode())
        await at.ask()
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 1


async def test_a_page_that_is_not_understood_is_asked_for_again(sqlite_ledgers: Ledgers) -> None:
    vendor = Vendor({"leads": [lead(number, THEN) for number in range(1, 5)]})
    first = vendor(httpx.Request("GET", "https://zerno.amocrm.ru/api/v4/leads"))
    vendor.instead["leads"] = [first, html()]
    board = await answered(sqlite_ledgers, vendor)
    assert board["at_risk"]["no_next_step"]["deals"] == 4


REFUSALS: Final = {
    301: "api_moved",
    400: "api_rejected",
    401: "api_token",
    402: "api_unpaid",
    403: "api_forbidden",
}


@pytest.mark.parametrize("resource", ["", "tasks"])
@pytest.mark.parametrize("status", REFUSALS)
async def test_a_refusal_is_told_and_no_run_is_complete(
    status: int, resource: str, sqlite_ledgers: Ledgers
) -> None:
    vendor = Vendor({"leads": [lead(1, THEN)]}, always={resource: problem(status)})
    account = configured("amocrm", webhook_secret=TOKEN, api=API)
    async with desk(sqlite_ledgers, account, vendor) as at:
        assert at.sync is not None
        for _ in range(12):
            await at.sync.turn()
        assert REFUSALS[status] in codes(await at.snapshot())
        assert (await at.state()).synced_at is None
        vendor.always = {}
        await at.ask()
        assert not set(REFUSALS.values()) & codes(await at.snapshot())
        assert (await at.state()).synced_at is not None


async def test_open_leads_are_read_however_old_they_are(sqlite_ledgers: Ledgers) -> None:
    leads = [lead(1, THEN - 10 * DAY), lead(2, THEN - 500 * DAY), lead(3, THEN - 600 * DAY, status_id=143)]
    stages = [{"id": stage} for stage in (*range(1000, 1090), 31, 142, 143)]  # more than one call can name
    pipelines = [PIPELINE, {"id": 5, "name": "B2B", "_embedded": {"statuses": stages}}]
    leads.append(lead(4, THEN - 450 * DAY, pipeline_id=5, status_id=1089))
    vendor = Vendor({"leads": leads, "pipelines": pipelines})
    account = configured("amocrm", webhook_secret=TOKEN, api=API)
    async with desk(sqlite_ledgers, account, vendor) as at:
        await at.ask()
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 3
        assert max(len(str(call.url)) for call in at.asked) < 8_000
        before = len(at.asked)
        await at.reconcile()
        by_id = [call for call in at.asked[before:] if "filter[id][]" in call.url.params]
        assert by_id == []
        assert (await at.snapshot())["at_risk"]["no_next_step"]["deals"] == 3


async def test_a_task_on_a_customer_puts_nobody_at_risk(sqlite_ledgers: Ledgers) -> None:
    tasks = [task(1, THEN, entity_type="customers", entity_id=9)]
    assert at_risk(await answered(sqlite_ledgers, Vendor({"tasks": tasks}))) == (0, "0.00", 0)


async def test_the_list_of_events_says_when_a_task_was_completed(sqlite_ledgers: Ledgers) -> None:
    due, done, edited = THEN - 2 * DAY, THEN - 2 * DAY + 7200, THEN
    own = task(1, due, entity_type="leads", entity_id=1, is_completed=True, updated_at=edited)
    event = {"id": "01", "type": "task_completed", "entity_id": 1, "entity_type": "task", "created_at": done}
    vendor = Vendor({"leads": [lead(1, THEN)], "tasks": [own], "events": [event]})
    risk = (await answered(sqlite_ledgers, vendor))["at_risk"]
    (manager,) = risk["managers"]
    assert manager["late_7d"] == {"tasks": 1, "mean_s": 7200}
    assert risk["saved_today"]["clients"] == 0


async def test_a_task_that_was_reopened_and_completed_again_has_the_later_time(
    sqlite_ledgers: Ledgers,
) -> None:
    due, done = THEN - 2 * DAY, THEN - 2 * DAY + 7200
    own = task(1, due, entity_type="leads", entity_id=1, is_completed=True, updated_at=done)
    event = {"id": "01", "type": "task_completed", "entity_id": 1, "entity_type": "task", "created_at": done}
    vendor = Vendor({"leads": [lead(1, THEN)], "tasks": [own], "events": [event]})
    account = configured("amocrm", webhook_secret=TOKEN, api=API)
    async with desk(sqlite_ledgers, account, vendor) as at:
        await at.ask()
        for status, when in ((0, THEN), (1, THEN + 60)):
            fields = {"id": 1, "status": status, "updated_at": when}
            pairs = [f"task[update][0][{name}]={value}" for name, value in fields.items()]
            await post(at, "&".join(pairs).encode())
        assert (await at.snapshot())["at_risk"]["saved_today"]["clients"] == 1


@bodies_of_every_source
async def test_a_deleted_contact_is_nobody_to_call(bodies: Bodies, sqlite_ledgers: Ledgers) -> None:
    before = await posted(sqlite_ledgers, bodies.hook("contact-1-add"), bodies.hook("contact-2-task"))
    contact = bodies.field("contact-2-task", "[element_id]")
    assert [row["client_id"] for row in before["at_risk"]["list"]] == [contact]
    hooks = [bodies.hook(name) for name in ("contact-1-add", "contact-2-task", "contact-3-delete")]
    for order in permutations(hooks):
        board = await posted(sqlite_ledgers, *order)
        assert (at_risk(board), len(board["at_risk"]["list"])) == ((0, "0.00", 0), 0)
