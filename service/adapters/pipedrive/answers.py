"""The answers of Pipedrive's API, as changes. Pure.

Sources: the OpenAPI documents of developers.pipedrive.com/docs/api/v2 and v1. An answer is `{success, data}`;
the objects in `data` have the same form as in webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from msgspec import UNSET

from service.adapters.api import ASKED, RESOURCE, Call, absent_ids, as_of
from service.adapters.fields import digest, refuse_future
from service.adapters.parsed import Parsed, parse_body, rejected
from service.adapters.pipedrive.items import Item, board_id, id_in, origin_of, parse_item
from service.adapters.pipedrive.values import Node, Object, identifier_of, moment, parse
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


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. The time of asking is part of the key: an answer that repeats an earlier one says that it is
    still true."""
    resource, asked = request.headers.get(RESOURCE, ""), request.headers.get(ASKED, "")
    key = digest(request.body, f"{resource} {asked} {request.received_at}")
    kind = _KINDS.get(resource)
    if kind is None:
        return rejected(ValueError(f"answers about {resource!r} are not read")).decoded(key)
    parsed = parse_body(
        lambda: listed(request.body), lambda sent: parse_item(_item(kind, sent, request.received_at, account))
    )
    parsed += _deletions(resource, request)
    return replace(parsed, changes=tuple(as_of(parsed.changes, request.received_at))).decoded(key)


def is_recognised(call: Call, body: bytes) -> bool:
    """Whether the body of a 2xx is of the documented form for a call.

    That is `{success: true, data}`, with a list in `data` that holds nothing but what was asked for, and with
    a cursor to another page or null (v2). The list of webhooks may be null for none (v1), and what was added
    is one object. Whoever calls is a user, so there is no list without users.
    """
    try:
        answer = _successful(body)
    except ValueError:
        return False
    data = answer.get("data", UNSET)
    if call.resource == "webhooks":
        return isinstance(data, dict) if call.body else data is None or isinstance(data, list)
    if not isinstance(data, list) or (call.resource == "users" and not data):
        return False
    kind = _KINDS.get(call.resource, "")
    present = {board_id(kind, id) for id in ids_of(data) if id is not None}
    cursor = _cursor(answer)
    leads_on = isinstance(cursor, str) and cursor != "" and ("cursor", cursor) not in call.query
    return (cursor is None or leads_on) and (not call.asked or present <= set(call.asked))


def next_cursor(body: bytes) -> str | None:
    """The cursor to the next page in a recognised answer; None on the last page."""
    cursor = _cursor(_successful(body))
    return cursor if isinstance(cursor, str) else None


def _cursor(answer: Object) -> Node:
    additional = answer.get("additional_data")
    return additional.get("next_cursor") if isinstance(additional, dict) else additional


def listed(body: bytes) -> list[Node]:
    """The objects in an answer; v1 sends null for none. Raises `ValueError` when the body is no answer."""
    answer = _successful(body)
    data = answer.get("data", UNSET)
    if data is None:
        return []
    if not isinstance(data, list):
        raise ValueError("the API did not answer: there is no list in data")
    return data


def _successful(body: bytes) -> Object:
    answer = parse(body)
    if answer.get("success") is not True:
        raise ValueError(f"the API did not answer: {answer.get('error', 'it does not say success')}")
    return answer


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


def _deletions(resource: str, request: Request) -> Parsed:
    """The deals or activities that were asked for and are left out."""
    entity = _LAST_RESOURCES.get(resource)
    if entity is None:
        return Parsed()
    try:
        present = ids_of(listed(request.body))
    except ValueError:
        return Parsed()
    absent = [id for id in absent_ids(request, present) if identifier_of(id) is not None]
    return Parsed(tuple(Change(entity, id, request.received_at, deleted=True) for id in absent))
