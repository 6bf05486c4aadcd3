"""The answers of amoCRM's and Kommo's API, as changes. Pure.

Sources: www.amocrm.ru/developers/content/crm_platform (leads-api, tasks-api, contacts-api, events-and-notes)
and developers.kommo.com/reference. Unlike the webhooks, the API sends JSON with numbers, and everything about
a lead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import UNSET

from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.amocrm.values import PHONE, completion, stage_status
from service.adapters.api import RESOURCE, absent_ids, as_of
from service.adapters.fields import digest, loss_reason, money, optional_text, phone_number, refuse_future
from service.adapters.parsed import Parsed, parse_body
from service.calendar import is_plausible
from service.config import Account
from service.model import SECOND, Change, Decoded, Entity, Instant, Need, Request, Value
from service.reasons import reason_key

_WHOLE: Final[Mapping[str, Literal["deal", "task"]]] = {"leads": "deal", "tasks": "task"}
"""Resources in which an id that was asked for and is absent was deleted."""

Object: TypeAlias = Mapping[str, Any]  # the vendor's JSON, so every value is checked where it is read


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. Each item stands alone. The time of asking is part of the key, because names carry no time
    of the vendor's: the same list may come again and mean something new."""
    resource = request.headers.get(RESOURCE, "")
    reader = _READERS.get(resource)

    def parse(item: Object) -> Parsed:
        said = tuple(reader(item, request.received_at, account)) if reader else ()
        changes = tuple(part for part in said if isinstance(part, Change))
        return Parsed(changes, tuple(part for part in said if isinstance(part, Need)))

    parsed = parse_body(lambda: items(document(request.body)), parse)
    entity = _WHOLE.get(resource)
    if entity is not None and not parsed.rejections:
        present = {change.id for change in parsed.changes if change.entity == entity}
        absent, asked_at = absent_ids(request, present), request.received_at
        parsed += Parsed(tuple(Change(entity, absent_id, asked_at, deleted=True) for absent_id in absent))
    return parsed.decoded(digest(request.body, f"{resource} {request.received_at}"))


def document(body: bytes) -> Object:
    """An answer's JSON object; an empty one for an empty body. Raises `ValueError`."""
    if not body.strip():
        return {}
    try:
        return object_(json.loads(body, parse_float=str))
    except RecursionError:
        raise ValueError("the answer is nested too deep") from None


def object_(value: object) -> Object:
    """A JSON object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def items(answer: Object) -> Iterator[Object]:
    """The objects in an answer's lists, whatever the lists are called."""
    for embedded in object_(answer.get("_embedded")).values():
        yield from _list_of(embedded)


def _id(value: object) -> str:
    """An item's own id. Raises `ValueError` without one."""
    item_id = optional_id(value)
    if item_id is None:
        raise ValueError("the id is missing or is not a number")
    return item_id


def optional_id(value: object) -> str | None:
    """An id, which is a number; None for anything else, and for 0."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**20:
        return str(value)
    return value if isinstance(value, str) and value.isascii() and value.isdigit() and value != "0" else None


def _moment(value: object) -> Instant | None:
    """A moment from unix seconds; None unless it is plausible."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    moment = Instant(value * SECOND)
    return moment if is_plausible(moment) else None


def _changed_at(item: Object, asked_at: Instant) -> Instant:
    """When the vendor says that an item last changed; else when it was asked for."""
    changed_at = _moment(item.get("updated_at"))
    return asked_at if changed_at is None else refuse_future(changed_at, asked_at)


def _lead(item: Object, asked_at: Instant, account: Account) -> Iterator[Change]:
    deal_id, version = _id(item.get("id")), _changed_at(item, asked_at)
    if item.get("is_deleted") is True:
        yield from as_of([Change("deal", deal_id, version, deleted=True)], asked_at)
        return
    embedded = object_(item.get("_embedded"))
    exact = item.get("price_with_minor_units")  # `price` is cut off to whole units of the currency
    price = item.get("price", UNSET) if exact is None else exact
    fields: dict[str, Value] = {
        "known": True,
        "name": _text(item.get("name")),
        "manager_id": optional_id(item.get("responsible_user_id")),
        "pipeline_id": optional_id(item.get("pipeline_id")),
        "client_id": _main_contact(embedded),
        "closed_at": _moment(item.get("closed_at")),
        **money(0 if price is None else price, UNSET, account.currency),
    }
    status = stage_status(str(item.get("status_id")))
    if status is not None:
        fields["status"] = status
    reason, named = _reason(item, AmoCRMOptions.of(account).reason_field, version, asked_at)
    fields |= reason
    if account.api is not None and account.api.url:
        fields["url"] = f"{account.api.url}/leads/detail/{deal_id}"
    yield from as_of([Change("deal", deal_id, version, fields)], asked_at)
    yield from named


def _reason(
    item: Object, reason_field: str | None, version: Instant, asked_at: Instant
) -> tuple[dict[str, Value], Sequence[Change]]:
    """Why a lead was lost: what its `reason_field` says, or else its `loss_reason_id`.

    A field without a value is not sent, and neither is one that the account does not have.
    """
    reason_id = optional_id(item.get("loss_reason_id"))
    reasons = _list_of(object_(item.get("_embedded")).get("loss_reason"))
    if reason_field is None:
        named = (change for reason in reasons for change in _named("reason", reason, asked_at))
        return {"reason_id": reason_id}, list(named)
    names = [_chosen(item, reason_field), *(_text(reason.get("name")) for reason in reasons)]
    name = next((name for name in names if name), None)
    return ({"reason_id": reason_id}, ()) if name is None else loss_reason(name, version)


def _chosen(item: Object, wanted: str) -> str | None:
    """The value of the lead's custom field with a name or id: of several, the first. What a person chose is
    sent by its label; `values.custom_value` reads it in webhooks."""
    for custom_field in _list_of(item.get("custom_fields_values")):
        if is_field(custom_field.get("field_id"), custom_field.get("field_name"), wanted):
            for value in _list_of(custom_field.get("values")):
                if label := _text(value.get("value")):
                    return label
    return None


def is_field(field_id: object, name: object, wanted: str) -> bool:
    """Whether a custom field is the one with a name or id."""
    return str(field_id) == wanted or reason_key(str(name)) == reason_key(wanted)


def _task(item: Object, asked_at: Instant, account: Account) -> Iterator[Change]:
    task_id, version = _id(item.get("id")), _changed_at(item, asked_at)
    kind, element = item.get("entity_type"), optional_id(item.get("entity_id"))
    fields: dict[str, Value] = {
        "text": _text(item.get("text")),
        "deal_id": element if kind == "leads" else None,
        "client_id": element if kind in ("contacts", "companies") else None,
        "manager_id": optional_id(item.get("responsible_user_id")),
        "due_at": _moment(item.get("complete_till")),
    }
    if isinstance(completed := item.get("is_completed"), bool):
        fields |= completion(completed)
    if account.api is not None and account.api.url and kind in ("leads", "contacts", "companies") and element:
        fields["url"] = f"{account.api.url}/{kind}/detail/{element}"
    yield from as_of([Change("task", task_id, version, fields)], asked_at)


def _client(item: Object, asked_at: Instant, _account: Account) -> Iterator[Change | Need]:
    """A contact or a company. After a merge or another change of its links, its leads say whose they are."""
    fields: dict[str, Value] = {"name": _text(item.get("name"))}
    if "custom_fields_values" in item:
        fields["phone"] = _phone(item)
    yield from as_of([Change("client", _id(item.get("id")), _changed_at(item, asked_at), fields)], asked_at)
    for lead in _list_of(object_(item.get("_embedded")).get("leads")):
        yield Need("deal", _id(lead.get("id")))


def _phone(item: Object) -> str | None:
    """The first number in the field of telephones, which has this code in every account (contacts-api)."""
    fields = [one for one in _list_of(item.get("custom_fields_values")) if one.get("field_code") == PHONE]
    return phone_number(*(value.get("value") for one in fields for value in _list_of(one.get("values"))))


EVENTS: Final[Mapping[str, Entity]] = {
    "lead_deleted": "deal",
    "task_deleted": "task",
    "contact_deleted": "client",
    "company_deleted": "client",
    "contact_restored": "client",
    "company_restored": "client",
    "task_completed": "task",
    "entity_merged": "deal",
}
"""The types of events that are read, and what each is about."""


def _event(item: Object, asked_at: Instant, _account: Account) -> Iterator[Change | Need]:
    """An entry of the list of events. A lead that was restored since is in the other lists."""
    kind = str(item.get("type"))
    if kind not in EVENTS:
        return
    entity, entity_id = EVENTS[kind], _id(item.get("entity_id"))
    happened_at = refuse_future(_moment(item.get("created_at")) or asked_at, asked_at)
    if kind == "task_completed":
        yield Change(entity, entity_id, happened_at, {"completed": True, "completed_at": happened_at})
    elif kind.endswith("_deleted"):
        yield Change(entity, entity_id, happened_at, deleted=True)
    elif kind.endswith("_restored") or item.get("entity_type") == "lead":
        yield Need(entity, entity_id)


def _named(entity: Entity, item: Object, version: Instant) -> Iterator[Change]:
    """The name of something. Where the vendor gives it no time, the time of asking dates it."""
    yield Change(entity, _id(item.get("id")), version, {"name": _text(item.get("name"))})


def _text(value: object) -> str | None:
    return optional_text(value) if isinstance(value, str) else None


def _list_of(value: object) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _main_contact(embedded: Object) -> str | None:
    """A lead's client: its main contact, else its first contact, else its company."""
    contacts = _list_of(embedded.get("contacts"))
    chosen = [contact for contact in contacts if contact.get("is_main") is True] or contacts
    chosen = chosen or _list_of(embedded.get("companies"))
    return optional_id(chosen[0].get("id")) if chosen else None


_Reader: TypeAlias = Callable[[Object, Instant, Account], Iterator[Change | Need]]


def _names_of(entity: Entity) -> _Reader:
    return lambda item, asked_at, _account: _named(entity, item, asked_at)


_READERS: Final[Mapping[str, _Reader]] = {
    "leads": _lead,
    "tasks": _task,
    "contacts": _client,
    "companies": _client,
    "events": _event,
    "users": _names_of("manager"),
    "loss_reasons": _names_of("reason"),
    "pipelines": _names_of("pipeline"),
}
