"""The answers of Pipedrive's API, as changes. Pure.

Sources: the OpenAPI documents of developers.pipedrive.com/docs/api/v2 and v1. An answer is `{success, data}`;
the objects in `data` have the same form as in webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from service.adapters.api import ASKED, RESOURCE, absent_ids, as_of
from service.adapters.fields import digest, refuse_future
from service.adapters.parsed import Parsed, parse_body, rejected
from service.adapters.pipedrive.items import Item, id_in, origin_of, parse_item
from service.adapters.pipedrive.values import Node, identifier_of, moment, parse
from service.config import Account
from service.model import Change, Decoded, Entity, Instant, Request

_KINDS: Final[Mapping[str, str]] = {
    "deals": "deal",
    "archived_deals": "deal",
    "activities": "activity",
    "persons": "person",
    "organizations": "organization",
    "users": "user",
    "pipelines": "pipeline",
}
"""The kind of object that each resource lists."""

_LAST_RESOURCES: Final[Mapping[str, Entity]] = {"archived_deals": "deal", "activities": "task"}
"""The last resource in which a deal or an activity is looked for: one that is missing here was deleted."""

_EMPTY: Final = b'{"success": true, "data": []}'


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. The time of asking is part of the key: an answer that repeats an earlier one says that it is
    still true."""
    resource, asked = request.headers.get(RESOURCE, ""), request.headers.get(ASKED, "")
    key = digest(request.body, f"{resource} {asked} {request.received_at}")
    kind = _KINDS.get(resource)
    if kind is None:
        return rejected(ValueError(f"answers about {resource!r} are not read")).decoded(key)
    # A 404 is stored with an empty body: the vendor has no archive, so no deal is in it.
    body = request.body or (_EMPTY if resource == "archived_deals" else b"")
    parsed = parse_body(
        lambda: listed(body), lambda sent: parse_item(_item(kind, sent, request.received_at, account))
    )
    parsed += _deletions(resource, body, request)
    return replace(parsed, changes=tuple(as_of(parsed.changes, request.received_at))).decoded(key)


def listed(body: bytes) -> list[Node]:
    """The objects in an answer; v1 sends null for none. Raises `ValueError` when the body is no answer."""
    answer = parse(body)
    if answer.get("success") is not True or "data" not in answer:
        raise ValueError(f"the API did not answer: {answer.get('error', 'there is no data')}")
    data = answer["data"]
    if data is None:
        return []
    return data if isinstance(data, list) else [data]


def _item(kind: str, sent: Node, asked_at: Instant, account: Account) -> Item:
    item_id = id_in(sent) if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or item_id is None:
        raise ValueError(f"{kind}: the id is missing or is not a number")
    changed_at = moment(sent.get("update_time")) or moment(sent.get("add_time"))
    version = asked_at if changed_at is None or kind == "user" else refuse_future(changed_at, asked_at)
    return Item(kind, item_id, sent, version, account, origin_of(account))


def ids_of(objects: list[Node]) -> set[str | None]:
    """The ids of the objects. None is among them if an object has no id: it could be any."""
    return {id_in(sent) if isinstance(sent, dict) else None for sent in objects}


def _deletions(resource: str, body: bytes, request: Request) -> Parsed:
    """The deals or activities that were asked for and are left out."""
    entity = _LAST_RESOURCES.get(resource)
    if entity is None:
        return Parsed()
    try:
        present = ids_of(listed(body))
    except ValueError:
        return Parsed()
    absent = [id for id in absent_ids(request, present) if identifier_of(id) is not None]
    return Parsed(tuple(Change(entity, id, request.received_at, deleted=True) for id in absent))
