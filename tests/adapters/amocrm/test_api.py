"""The calls of amoCRM's API and its answers, in the form of the vendor's documents."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from service.adapters.amocrm.api import AmoCRMApi
from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.api import ANSWERED, ASKED, JUNK, RESOURCE, Answer, Call, Verdict, busy, refused
from service.config import Api, Secret
from service.model import DAY, SECOND, Change, Decoded, Instant, Need, Request, Value
from tests.adapters.posts import account, utc

API = AmoCRMApi()
NOW = utc("2026-11-23 10:00:00.5")
THEN = utc("2026-11-20 08:00:00")
OFFICE = replace(account("amocrm"), api=Api(Secret("t0k3n"), "https://zerno.amocrm.ru"))
ADDRESS = "https://board.example/webhooks/office"

LEAD: dict[str, Any] = {
    "id": 42,
    "name": "Абонемент",
    "price": 5184,
    "responsible_user_id": 3,
    "status_id": 143,
    "pipeline_id": 9,
    "loss_reason_id": 17,
    "closed_at": THEN // SECOND,
    "updated_at": THEN // SECOND,
    "is_deleted": False,
    "custom_fields_values": [
        {"field_id": 77, "field_name": "Причина", "values": [{"value": "Выбрал других", "enum_id": 1}]}
    ],
    "_embedded": {
        "loss_reason": [{"id": 17, "name": "Дорого"}],
        "contacts": [{"id": 6, "is_main": False}, {"id": 7, "is_main": True}],
        "companies": [{"id": 8}],
    },
}
TASK: dict[str, Any] = {
    "id": 5,
    "entity_id": 42,
    "entity_type": "leads",
    "is_completed": False,
    "text": "позвонить",
    "complete_till": THEN // SECOND,
    "responsible_user_id": 3,
    "updated_at": THEN // SECOND,
}


def embedded(name: str, *items: object, following: str | None = None) -> bytes:
    links = {"next": {"href": following}} if following else {}
    return json.dumps({"_links": links, "_embedded": {name: items}}).encode()


def decode(resource: str, *items: object, asked: str = "", office: Any = OFFICE) -> Decoded:
    headers = {RESOURCE: resource, **({ASKED: asked} if asked else {})}
    return API.decode(Request("GET", "", {}, headers, embedded(resource, *items), NOW), office)


def one(resource: str, item: object, office: Any = OFFICE) -> Change:
    """The first change of an item that is read without a rejection."""
    decoded = decode(resource, item, office=office)
    assert decoded.rejections == ()
    return decoded.changes[0]


def query(call: Call) -> dict[str, list[str]]:
    return parse_qs("&".join(f"{name}={value}" for name, value in call.query))


def test_a_lead_is_dated_by_the_vendor_and_again_by_the_time_of_asking() -> None:
    decoded = decode("leads", LEAD)
    fields: dict[str, Value] = {
        "known": True,
        "name": "Абонемент",
        "manager_id": "3",
        "pipeline_id": "9",
        "client_id": "7",
        "closed_at": THEN,
        "status": "lost",
        "amount": 518400,
        "reason_id": "17",
        "url": "https://zerno.amocrm.ru/leads/detail/42",
    }
    deals = [change for change in decoded.changes if change.entity == "deal"]
    assert deals == [Change("deal", "42", THEN, fields), Change("deal", "42", NOW, fields)]
    assert Change("reason", "17", NOW, {"name": "Дорого"}) in decoded.changes
    assert decoded.needs == ()


@pytest.mark.parametrize(
    ("contacts", "companies", "client"),
    [
        ([{"id": 6}, {"id": 7, "is_main": True}], [], "7"),
        ([{"id": 6}, {"id": 7}], [{"id": 8}], "6"),
        ([], [{"id": 8}], "8"),
        ([], [], None),
        (None, "x", None),
    ],
)
def test_a_leads_client_is_its_main_contact_else_its_company(
    contacts: object, companies: object, client: str | None
) -> None:
    lead = one("leads", {**LEAD, "_embedded": {"contacts": contacts, "companies": companies}})
    assert lead.fields["client_id"] == client


def test_a_lead_that_is_open_has_no_reason_and_no_day() -> None:
    lead = one("leads", {**LEAD, "status_id": 5, "loss_reason_id": None, "closed_at": None}).fields
    assert (lead["status"], lead["reason_id"], lead["closed_at"]) == ("open", None, None)


def test_the_reason_is_the_configured_fields_where_there_is_one() -> None:
    office = replace(OFFICE, options=AmoCRMOptions(reason_field=" причина "))
    decoded = decode("leads", LEAD, office=office)
    assert decoded.changes[0].fields["reason_id"] == "выбрал других"
    assert Change("reason", "выбрал других", THEN, {"name": "Выбрал других"}) in decoded.changes
    unset = {**LEAD, "custom_fields_values": None}
    assert one("leads", unset, office).fields["reason_id"] == "дорого"  # as `loss_reason_id` says
    unnamed = {**unset, "_embedded": {}}
    assert one("leads", unnamed, office).fields["reason_id"] == "17"
    assert one("leads", {**unnamed, "loss_reason_id": None}, office).fields["reason_id"] is None
    by_id = replace(OFFICE, options=AmoCRMOptions(reason_field="77"))
    assert one("leads", LEAD, by_id).fields["reason_id"] == "выбрал других"


def test_the_reason_field_is_looked_for_among_the_fields_of_leads() -> None:
    assert API.field(OFFICE) is None
    fields = Answer(
        200, {}, embedded("custom_fields", {"id": 76, "name": "Источник"}, {"id": 77, "name": "Причина"})
    )
    for wanted, there in ((" причина", True), ("77", True), ("Причина отказа", False), ("7", False)):
        office = replace(OFFICE, options=AmoCRMOptions(reason_field=wanted))
        call = API.field(office)
        assert call is not None
        assert call.path == "/api/v4/leads/custom_fields"
        assert API.is_recognised(call, fields)
        assert API.has_field(fields, office) == there
        assert not API.has_field(Answer(204), office)


def test_a_deleted_lead_is_deleted() -> None:
    changes = decode("leads", {"id": 42, "is_deleted": True, "updated_at": THEN // SECOND}).changes
    assert changes == (Change("deal", "42", THEN, deleted=True), Change("deal", "42", NOW, deleted=True))


def test_leads_and_tasks_that_were_asked_for_and_are_absent_were_deleted() -> None:
    changes = decode("leads", LEAD, asked="42 43").changes
    assert [change for change in changes if change.deleted] == [Change("deal", "43", NOW, deleted=True)]
    assert decode("tasks", asked="5").changes == (Change("task", "5", NOW, deleted=True),)
    assert decode("contacts", asked="7").changes == ()
    nothing = Request("GET", "", {}, {RESOURCE: "leads", ASKED: "1"}, b"", NOW)
    assert API.decode(nothing, OFFICE).changes == (Change("deal", "1", NOW, deleted=True),)


def test_an_answer_that_is_not_understood_deletes_nothing() -> None:
    decoded = decode("leads", {"id": "x"}, asked="42")
    assert decoded.changes == ()
    assert decoded.rejections[0].error == "the id is missing or is not a number"


@pytest.mark.parametrize(
    ("kind", "deal_id", "client_id"),
    [("leads", "42", None), ("contacts", None, "42"), ("companies", None, "42"), ("customers", None, None)],
)
def test_a_task_is_on_a_lead_or_on_the_client_itself(
    kind: str, deal_id: str | None, client_id: str | None
) -> None:
    fields = dict(one("tasks", {**TASK, "entity_type": kind}).fields)
    url = None if kind == "customers" else f"https://zerno.amocrm.ru/{kind}/detail/42"
    assert fields.pop("url", None) == url
    assert fields == {
        "text": "позвонить",
        "deal_id": deal_id,
        "client_id": client_id,
        "manager_id": "3",
        "due_at": THEN,
        "completed": False,
        "completed_at": None,
    }


def test_a_name_is_dated_by_the_time_of_asking() -> None:
    for resource, entity in (("users", "manager"), ("loss_reasons", "reason"), ("pipelines", "pipeline")):
        change = one(resource, {"id": 3, "name": " Анна "})
        assert (change.entity, change.id, change.version) == (entity, "3", NOW)
        assert change.fields == {"name": "Анна"}
    contact = {"id": 7, "name": "Иван", "updated_at": THEN // SECOND}
    assert one("contacts", contact) == Change("client", "7", THEN, {"name": "Иван"})
    assert one("companies", contact) == Change("client", "7", THEN, {"name": "Иван"})


def test_the_list_of_events_says_what_was_completed_and_merged() -> None:
    completed = {"type": "task_completed", "entity_id": 5, "created_at": THEN // SECOND}
    done = {"completed": True, "completed_at": THEN}
    assert decode("events", completed).changes == (Change("task", "5", THEN, done),)
    merged = {"type": "entity_merged", "entity_id": 42, "entity_type": "lead", "created_at": THEN // SECOND}
    said = decode("events", merged, {**merged, "entity_type": "contact"})
    assert (said.changes, said.needs) == ((), (Need("deal", "42"),))
    other = decode("events", {"type": "nps_rate_added", "entity_id": 1}, {"type": None})
    assert (other.changes, other.needs, other.rejections) == ((), (), ())


def test_a_restored_contact_is_asked_for_and_its_name_wins_over_the_deletion() -> None:
    for kind in ("contact", "company"):
        event = {"type": f"{kind}_restored", "entity_id": 7, "created_at": THEN // SECOND}
        assert (decode("events", event).changes, decode("events", event).needs) == (
            (),
            (Need("client", "7"),),
        )
    contact = {"id": 7, "name": "Иван", "updated_at": THEN // SECOND}
    assert [named.version for named in decode("contacts", contact).changes] == [THEN, NOW]


def test_a_contacts_leads_are_asked_for() -> None:
    contact = {"id": 7, "name": "Иван", "_embedded": {"leads": [{"id": 42}, {"id": 43}]}}
    assert decode("contacts", contact).needs == (Need("deal", "42"), Need("deal", "43"))


def test_the_list_of_events_says_what_was_deleted() -> None:
    kinds = {
        "lead_deleted": "deal",
        "task_deleted": "task",
        "contact_deleted": "client",
        "company_deleted": "client",
    }
    for kind, entity in kinds.items():
        event = {"id": "01h", "type": kind, "entity_id": 42, "created_at": THEN // SECOND}
        decoded = decode("events", event)
        assert decoded.rejections == ()
        assert [
            (deleted.entity, deleted.id, deleted.version, deleted.deleted) for deleted in decoded.changes
        ] == [(entity, "42", THEN, True)]


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"price": None}, "amount", 0),
        ({"price": 10**12}, "amount", 10**14),
        ({"price_with_minor_units": 5184.5}, "amount", 518450),
        ({"price_with_minor_units": None}, "amount", 518400),
        ({"updated_at": 10**12}, "amount", 518400),
        ({"name": None}, "name", None),
        ({"closed_at": True}, "closed_at", None),
        ({"responsible_user_id": 0}, "manager_id", None),
        ({"responsible_user_id": "x"}, "manager_id", None),
    ],
)
def test_odd_values_are_none_or_left_out(changed: dict[str, object], field: str, value: object) -> None:
    assert one("leads", {**LEAD, **changed}).fields[field] == value


def test_a_lead_that_changed_meanwhile_is_dated_once_and_one_of_tomorrow_is_rejected() -> None:
    meanwhile = NOW // SECOND + 60
    decoded = decode("leads", {**LEAD, "updated_at": meanwhile})
    assert [deal.version for deal in decoded.changes if deal.entity == "deal"] == [meanwhile * SECOND]
    assert "future" in decode("leads", {**LEAD, "updated_at": meanwhile + 2 * 86_400}).rejections[0].error


@pytest.mark.parametrize("price", [10**20, "x", -(10**16)])
def test_a_price_that_is_none_is_an_unknown_amount(price: object) -> None:
    decoded = decode("leads", {**LEAD, "price": price}, {**LEAD, "id": 43})
    assert decoded.rejections == ()
    amounts = {deal.id: deal.fields["amount"] for deal in decoded.changes if deal.entity == "deal"}
    assert amounts == {"42": None, "43": 518400}


@pytest.mark.parametrize("body", [b"[", b"\xff", b"[" * 100_000, b'{"_embedded": 1}', b"<html>"])
def test_hostile_answers_say_nothing(body: bytes) -> None:
    decoded = API.decode(Request("GET", "", {}, {RESOURCE: "leads", ASKED: ""}, body, NOW), OFFICE)
    assert decoded.changes == ()


def test_what_is_needed_is_asked_for_by_ids() -> None:
    deals = API.ask([Need("deal", "1"), Need("deal", "2")], OFFICE)
    assert deals is not None
    assert (deals.path, deals.asked) == ("/api/v4/leads", ("1", "2"))
    assert query(deals)["filter[id][]"] == ["1", "2"]
    assert query(deals)["with"] == ["loss_reason,contacts"]
    tasks = API.ask([Need("task", "5")], OFFICE)
    assert tasks is not None
    assert (tasks.path, tasks.asked) == ("/api/v4/tasks", ("5",))
    for entity, path in (
        ("manager", "/api/v4/users"),
        ("reason", "/api/v4/leads/loss_reasons"),
        ("pipeline", "/api/v4/leads/pipelines"),
    ):
        whole = API.ask([Need(entity, "5")], OFFICE)  # type: ignore[arg-type]
        assert whole is not None
        assert (whole.path, whole.asked) == (path, ())


def test_a_client_that_is_no_contact_is_asked_for_among_the_companies() -> None:
    contacts = API.ask([Need("client", "7"), Need("client", "8")], OFFICE)
    assert contacts is not None
    companies = API.following(contacts, Answer(200, {}, embedded("contacts", {"id": 7})))
    assert companies is not None
    assert (companies.path, companies.asked) == ("/api/v4/companies", ("8",))
    assert query(companies)["filter[id][]"] == ["8"]
    assert API.following(contacts, Answer(200, {}, embedded("contacts", {"id": 7}, {"id": 8}))) is None
    none = API.following(contacts, Answer(204))
    assert none is not None
    assert none.asked == ("7", "8")


def test_pages_follow_the_vendors_link_and_no_other() -> None:
    call = Call("leads", "/api/v4/leads", (("limit", "250"),))

    def following(link: str, *items: object) -> Call | None:
        return API.following(call, Answer(200, {}, embedded("leads", *items, following=link)))

    page = following("https://zerno.amocrm.ru/api/v4/leads?limit=250&page=2", LEAD)
    assert page == Call("leads", "/api/v4/leads", (("limit", "250"), ("page", "2")))
    assert page is not None
    beyond = Answer(200, {}, embedded("leads", LEAD, following="https://zerno.amocrm.ru/api/v4/leads?page=3"))
    assert API.following(page, beyond) == Call("leads", "/api/v4/leads", (("limit", "250"), ("page", "3")))
    assert API.following(call, Answer(204)) is None


def recognised(call: Call, body: bytes, status: int = 200) -> bool:
    return API.is_recognised(call, Answer(status, {}, body))


LEADS = Call("leads", "/api/v4/leads")


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/other?page=2",
        "https://zerno.amocrm.ru/api/v4/leads?limit=250",
        "https://zerno.amocrm.ru/api/v4/leads?page=1",
        "https://zerno.amocrm.ru/api/v4/leads?page=x",
        "https://[::1",
    ],
)
def test_a_page_whose_link_leads_elsewhere_is_not_understood(link: str) -> None:
    assert recognised(LEADS, embedded("leads", LEAD))
    assert not recognised(LEADS, embedded("leads", LEAD, following=link))


def test_a_page_without_entries_leads_nowhere() -> None:
    onwards = "https://zerno.amocrm.ru/api/v4/leads?page=2"
    assert recognised(LEADS, embedded("leads"))
    assert recognised(LEADS, embedded("leads", LEAD, following=onwards))
    assert not recognised(LEADS, embedded("leads", following=onwards))


JUNK_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html></html>",
    b'{"title":"Internal error","status":500}',
    b'{"_links":{},"_embedded":{}}',
    b'{"_embedded":{"leads":null}}',
    b'{"_embedded":{"leads":[7]}}',
    b'{"_embedded":{"tasks":[]}}',
    b'{"_embedded":{"leads":[{"id":1}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", JUNK_BODIES)
def test_what_has_not_the_documented_form_is_not_understood(body: bytes) -> None:
    assert not recognised(LEADS, body)
    assert not recognised(replace(LEADS, asked=("1",)), body)
    assert not recognised(API.subscribe(OFFICE, ADDRESS)[0], body)


def test_by_ids_only_the_ids_that_were_asked_for_may_be_listed() -> None:
    asked = replace(LEADS, asked=("1", "2"))
    assert recognised(asked, embedded("leads", {"id": 2}))
    assert recognised(asked, b"", status=204)
    assert not recognised(asked, embedded("leads"))
    assert not recognised(asked, embedded("leads", {"id": 2}, {"id": 3}))
    assert not recognised(asked, embedded("leads", {"id": 2}, {"name": "x"}))


def test_only_the_documented_statuses_are_answers() -> None:
    assert not recognised(LEADS, embedded("leads", LEAD), status=206)
    subscribing = API.subscribe(OFFICE, ADDRESS)[0]
    assert recognised(subscribing, json.dumps({"id": 1, "destination": ADDRESS}).encode(), status=201)
    assert not recognised(subscribing, b"", status=204)


def test_leads_by_stage_follow_from_the_pipelines() -> None:
    def pipeline(pipeline_id: int, *stages: int) -> dict[str, object]:
        return {"id": pipeline_id, "_embedded": {"statuses": [{"id": stage} for stage in stages]}}

    first = next(stage.first for stage in API.backfill(OFFICE, NOW) if stage.name == "pipelines")
    page = embedded("pipelines", pipeline(9, 142, 143, 31, 32), pipeline(8, *range(200, 250), 142, 143))
    leads = API.following(first, Answer(200, {}, page))
    assert leads is not None
    assert (leads.resource, leads.path) == ("leads", "/api/v4/leads")
    named = query(leads)
    assert named["with"] == ["loss_reason,contacts"]
    assert named["filter[updated_at][to]"] == [str((NOW - 400 * DAY) // SECOND)]
    onwards = "https://zerno.amocrm.ru/api/v4/leads?page=2"
    second = API.following(leads, Answer(200, {}, embedded("leads", LEAD, following=onwards)))
    assert second == replace(leads, query=(*leads.query, ("page", "2")))
    rest = API.following(second, Answer(200, {}, embedded("leads", LEAD)))
    assert rest is not None
    assert "page" not in query(rest)
    assert API.following(rest, Answer(204)) is None
    stages = [
        value
        for call in (leads, rest)
        for name, value in call.query
        if name.startswith("filter[statuses]") and name.endswith("[status_id]")
    ]
    assert stages == ["31", "32", *map(str, range(200, 250))]
    whole = API.ask([Need("pipeline", "9")], OFFICE)
    assert whole is not None
    assert API.following(whole, Answer(200, {}, page)) is None


@pytest.mark.parametrize(
    ("status", "headers", "verdict"),
    [
        (200, {}, JUNK),
        (204, {}, ANSWERED),
        (401, {}, refused("api_token")),
        (402, {}, refused("api_unpaid")),
        (403, {}, refused("api_forbidden")),
        (404, {}, refused("api_not_found")),
        (429, {}, busy()),
        (429, {"retry-after": "7"}, busy(7.0)),
        (503, {"retry-after": "soon"}, busy()),
        (302, {}, refused("api_moved")),
    ],
)
def test_statuses_mean_what_the_vendor_means(status: int, headers: dict[str, str], verdict: Verdict) -> None:
    assert API.verdict(Call("leads", "/api/v4/leads"), Answer(status, headers)) == verdict


def test_the_webhook_is_off_when_the_vendor_has_disabled_it() -> None:
    def hook(destination: str, *, disabled: bool) -> dict[str, object]:
        return {"id": 1, "destination": destination, "disabled": disabled, "settings": []}

    def is_off(*hooks: object) -> bool | None:
        return API.is_off(Answer(200, {}, embedded("webhooks", *hooks)), ADDRESS)

    assert is_off(hook(f"{ADDRESS}?token=x", disabled=True)) is True
    assert is_off(hook(f"{ADDRESS}?token=x", disabled=False)) is False
    assert (
        is_off(hook(f"{ADDRESS}?token=old", disabled=True), hook(f"{ADDRESS}?token=x", disabled=False))
        is False
    )
    assert is_off(hook(f"{ADDRESS}2?token=x", disabled=False)) is None
    assert API.is_off(Answer(204), ADDRESS) is None


def test_subscribing_registers_the_address_with_its_secret_for_every_event_that_is_read() -> None:
    (call,) = API.subscribe(OFFICE, ADDRESS)
    sent = json.loads(call.body)
    assert sent["destination"] == f"{ADDRESS}?token={OFFICE.webhook_secrets[0].value}"
    assert {"add_lead", "status_lead", "restore_lead", "delete_task", "update_contact", "add_company"} <= set(
        sent["settings"]
    )
    assert "t0k3n" not in repr(call)
    assert API.headers(OFFICE) == {"authorization": "Bearer t0k3n"}


def test_a_backfill_goes_far_enough_back() -> None:
    def since(call: Call) -> Instant:
        return Instant(int(query(call)["filter[updated_at][from]"][0]) * SECOND)

    stages = {stage.name: stage.first for stage in API.backfill(OFFICE, NOW)}
    assert since(stages["leads"]) <= NOW - 400 * DAY
    assert since(stages["completed tasks"]) <= NOW - 31 * DAY
    assert query(stages["leads"])["order[id]"] == ["asc"]
    changed = {stage.name: stage.first for stage in API.changes(OFFICE, THEN)}
    assert {since(changed[name]) for name in ("leads", "tasks", "contacts", "companies")} == {THEN}
    assert query(changed["events"])["filter[created_at][from]"] == [str(THEN // SECOND)]
    swept = [stage.first.resource for stage in API.sweep(OFFICE, NOW)]
    assert swept == ["pipelines", "leads", "tasks", "tasks"]
