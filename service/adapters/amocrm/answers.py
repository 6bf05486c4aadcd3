"""What the answers of amoCRM's and Kommo's API say, as changes. Pure.

Source: developers.kommo.com/reference (leads, tasks, contacts, events). Unlike its webhooks, the API speaks
JSON with numbers, and tells everything of a lead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.amocrm.values import YEAR_2000, YEAR_2100, stage_status
from service.adapters.api import ASKED, RESOURCE, as_of
from service.adapters.fields import digest, loss_reason, one_line, optional_text, refuse_future
from service.config import Account
from service.model import SECOND, Change, Decoded, Entity, Instant, Need, Rejection, Request, Value
from service.money import parse_amount
from service.reasons import reason_key

_WHOLE: Final[Mapping[str, Literal["deal", "task"]]] = {"leads": "deal", "tasks": "task"}
"""Resources of which an id that was asked for and is not there is gone."""

Object: TypeAlias = Mapping[str, Any]  # JSON of somebody else: every read of it checks


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. Each item stands alone."""
    changes: list[Change] = []
    rejections: list[Rejection] = []
    reader = _READERS.get(request.headers.get(RESOURCE, ""))
    try:
        found = document(request.body)
    except ValueError as error:
        return Decoded(_key(request), (), (Rejection(0, one_line(error)),))
    there: set[str | None] = set()
    for part, item in enumerate(items(found)):
        try:
            changes += reader(item, request.received_at, account) if reader else ()
            there.add(optional_id(item.get("id")))
        except ValueError as error:
            rejections.append(Rejection(part, one_line(error)))
    entity = _WHOLE.get(request.headers.get(RESOURCE, ""))
    if entity is not None and not rejections:
        gone = [each for each in request.headers.get(ASKED, "").split() if each not in there]
        changes += [Change(entity, each, request.received_at, deleted=True) for each in gone]
    return Decoded(_key(request), tuple(changes), tuple(rejections), tuple(_needs(changes)))


def _key(request: Request) -> str:
    """Names have no time of the vendor's: the same list may come again and mean something new."""
    occasion = f"{request.headers.get(RESOURCE)} {request.received_at}"
    return digest(request.body, occasion)


def document(body: bytes) -> Object:
    """The JSON of an answer; of an empty one, nothing. Raises `ValueError`."""
    if not body.strip():
        return {}
    try:
        return object_(json.loads(body, parse_float=str))
    except RecursionError:
        raise ValueError("the answer is nested too deep") from None


def object_(value: object) -> Object:
    """A JSON object; in the place of anything else, an empty one."""
    return value if isinstance(value, dict) else {}


def items(found: Object) -> Iterator[Object]:
    """What a list holds, whatever it is called; each an object."""
    for held in object_(found.get("_embedded")).values():
        if isinstance(held, list):
            yield from (each for each in held if isinstance(each, dict))


def _id(value: object) -> str:
    """Raises `ValueError`: every item has one."""
    found = optional_id(value)
    if found is None:
        raise ValueError("the id is missing or is not a number")
    return found


def optional_id(value: object) -> str | None:
    """An id, which is a number; None for anything else, and for 0."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**20:
        return str(value)
    return value if isinstance(value, str) and value.isascii() and value.isdigit() and value != "0" else None


def _moment(value: object) -> Instant | None:
    """A moment from unix seconds; None unless it is one of this century."""
    is_moment = (
        isinstance(value, int) and not isinstance(value, bool) and YEAR_2000 <= value * SECOND < YEAR_2100
    )
    return value * SECOND if is_moment and isinstance(value, int) else None


def _changed_at(item: Object, asked_at: Instant) -> Instant:
    """When the vendor says that it changed."""
    changed_at = _moment(item.get("updated_at"))
    return asked_at if changed_at is None else refuse_future(changed_at, asked_at)


def _lead(item: Object, asked_at: Instant, account: Account) -> Iterator[Change]:
    deal_id, version = _id(item.get("id")), _changed_at(item, asked_at)
    if item.get("is_deleted") is True:
        yield from as_of([Change("deal", deal_id, version, deleted=True)], asked_at)
        return
    embedded = object_(item.get("_embedded"))
    fields: dict[str, Value] = {
        "known": True,
        "name": _text(item.get("name")),
        "manager_id": optional_id(item.get("responsible_user_id")),
        "pipeline_id": optional_id(item.get("pipeline_id")),
        "client_id": _main_contact(embedded),
        "closed_at": _moment(item.get("closed_at")),
    }
    status = stage_status(str(item.get("status_id")))
    if status is not None:
        fields["status"] = status
    price = item.get("price")
    if price is None or (isinstance(price, int | str) and not isinstance(price, bool)):
        fields["amount"] = parse_amount(price or 0, account.currency)
    reason_id = optional_id(item.get("loss_reason_id"))
    named: list[Change] = []
    reason_field = AmoCRMOptions.of(account).reason_field
    if reason_field is None:
        fields["reason_id"] = reason_id
        named = [
            change
            for each in _list_of(embedded.get("loss_reason"))
            for change in _named("reason", each, asked_at)
        ]
    else:
        reason, named = _reason_of_field(item, reason_field, version)
        fields |= reason
    if account.api is not None and account.api.url:
        fields["url"] = f"{account.api.url}/leads/detail/{deal_id}"
    yield from as_of([Change("deal", deal_id, version, fields)], asked_at)
    yield from named


def _reason_of_field(item: Object, wanted: str, version: Instant) -> tuple[dict[str, Value], list[Change]]:
    """The reason that a lead's own field carries; the webhooks are read so too."""
    for held in _list_of(item.get("custom_fields_values")):
        names = {str(held.get("field_id")), reason_key(str(held.get("field_name")))}
        if not names & {wanted, reason_key(wanted)}:
            continue
        for value in _list_of(held.get("values")):
            if isinstance(text := value.get("value"), str) and text.strip():
                fields, named = loss_reason(text, version)
                return fields, list(named)
    return {"reason_id": None}, []


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
        fields["completed"] = completed
    if account.api is not None and account.api.url and kind in ("leads", "contacts", "companies") and element:
        fields["url"] = f"{account.api.url}/{kind}/detail/{element}"
    yield from as_of([Change("task", task_id, version, fields)], asked_at)


def _contact(item: Object, asked_at: Instant, account: Account) -> Iterator[Change]:
    del account
    yield Change(
        "client", _id(item.get("id")), _changed_at(item, asked_at), {"name": _text(item.get("name"))}
    )


def _deletion(item: Object, asked_at: Instant, account: Account) -> Iterator[Change]:
    """An event (events-api). What was deleted and restored since is in the other lists."""
    del account
    entities: Mapping[object, Literal["deal", "task"]] = {"lead_deleted": "deal", "task_deleted": "task"}
    entity = entities.get(item.get("type"))
    if entity is not None:
        version = refuse_future(_moment(item.get("created_at")) or asked_at, asked_at)
        yield Change(entity, _id(item.get("entity_id")), version, deleted=True)


def _named(entity: Entity, item: Object, asked_at: Instant) -> Iterator[Change]:
    """A name. The vendor gives it no time, so it is the present one."""
    yield Change(entity, _id(item.get("id")), asked_at, {"name": _text(item.get("name"))})


def _text(value: object) -> str | None:
    return optional_text(value) if isinstance(value, str) else None


def _list_of(value: object) -> list[Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _main_contact(embedded: Object) -> str | None:
    """A lead's client: its main contact, else its first one, else its company."""
    contacts = _list_of(embedded.get("contacts"))
    chosen = [each for each in contacts if each.get("is_main") is True] or contacts
    chosen = chosen or _list_of(embedded.get("companies"))
    return optional_id(chosen[0].get("id")) if chosen else None


def _needs(changes: Sequence[Change]) -> set[Need]:
    """The names of what deals and tasks link to."""
    linked: Mapping[str, Entity] = {
        "client_id": "client",
        "manager_id": "manager",
        "reason_id": "reason",
        "pipeline_id": "pipeline",
    }
    return {
        Need(linked[name], value)
        for each in changes
        for name, value in each.fields.items()
        if name in linked and isinstance(value, str)
    }


_Reader: TypeAlias = Callable[[Object, Instant, Account], Iterator[Change]]


def _names_of(entity: Entity) -> _Reader:
    return lambda item, asked_at, _account: _named(entity, item, asked_at)


_READERS: Final[Mapping[str, _Reader]] = {
    "leads": _lead,
    "tasks": _task,
    "contacts": _contact,
    "companies": _contact,
    "events": _deletion,
    "users": _names_of("manager"),
    "loss_reasons": _names_of("reason"),
    "pipelines": _names_of("pipeline"),
}
