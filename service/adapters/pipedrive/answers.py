"""The answers of Pipedrive's API, as changes. Pure.

Sources: the OpenAPI documents of developers.pipedrive.com/docs/api/v2 and v1. An answer is `{success, data}`;
the objects in `data` have the same form as in webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from service.adapters.api import ASKED, RESOURCE, Call, absent_ids, as_of
from service.adapters.fields import digest, refuse_future
from service.adapters.parsed import Parsed, parse_body, rejected
from service.adapters.pipedrive.items import Item, board_id, id_of, origin_of, parse_item
from service.adapters.pipedrive.values import LEAD, Node, Object, moment, parse
from service.config import Account
from service.model import Change, Decoded, Entity, Instant, Request

_KINDS: Final[Mapping[str, str]] = {
    "deals": "deal",
    "archived_deals": "deal",
    "leads": "lead",
    "activities": "activity",
    "persons": "person",
    "organizations": "organization",
    "users": "user",
    "pipelines": "pipeline",
}
"""The kind of object that each resource lists."""

_LAST_RESOURCES: Final[Mapping[str, Entity]] = {
    "archived_deals": "deal",
    "leads": "deal",
    "activities": "task",
}
"""The last resource in which a deal, a lead or an activity is looked for: one that is missing here was
deleted."""


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
    changes = tuple(as_of(parsed.changes, request.received_at))
    return msgspec.structs.replace(parsed, changes=changes).decoded(key)


def is_recognised(call: Call, body: bytes) -> bool:
    """Whether the body of a 2xx is of the documented form for a call.

    That is `{success: true, data}`, with a list in `data` that holds nothing but what was asked for, and with
    a cursor to another page or null (v2). The list of webhooks may be null for none (v1), and what was added
    is one object. The owner of the token is a user, so an empty list of users is junk.
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
    if call.resource == "leads":
        return _is_page_of_leads(call, answer, data)
    cursor = _cursor(answer)
    leads_on = isinstance(cursor, str) and cursor != "" and ("cursor", cursor) not in call.query
    present = ids_in(call.resource, data) - {None}
    return (cursor is None or leads_on) and (not call.asked or present <= set(call.asked))


def next_cursor(body: bytes) -> str | None:
    """The cursor to the next page in a recognised answer; None on the last page."""
    cursor = _cursor(_successful(body))
    return cursor if isinstance(cursor, str) else None


def _cursor(answer: Object) -> Node:
    additional = answer.get("additional_data")
    return additional.get("next_cursor") if isinstance(additional, dict) else additional


def _is_page_of_leads(call: Call, answer: Object, leads: list[Node]) -> bool:
    """Whether an answer is the page of leads that was asked for, and says whether there are more."""
    page = _pagination(answer)
    start, more = page.get("start"), page.get("more_items_in_collection")
    return isinstance(more, bool) and ("start", str(start)) in call.query and (bool(leads) or not more)


def more_leads(body: bytes) -> bool:
    """Whether there are more leads than on the pages so far."""
    return _pagination(_successful(body)).get("more_items_in_collection") is True


def _pagination(answer: Object) -> Object:
    """Where a page of v1 is in its list: `pagination` of `additional_data`, or that itself."""
    additional = answer.get("additional_data")
    page = additional.get("pagination", additional) if isinstance(additional, dict) else None
    return page if isinstance(page, dict) else {}


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
    item_id = id_of(kind, sent.get("id")) if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or item_id is None:
        raise ValueError(f"{kind}: the id is missing or is not a number")
    changed_at = moment(sent.get("update_time")) or moment(sent.get("add_time"))
    version = asked_at if changed_at is None or kind == "user" else refuse_future(changed_at, asked_at)
    return Item(kind, item_id, sent, version, account, origin_of(account))


def ids_in(resource: str, objects: list[Node]) -> set[str | None]:
    """The ids on the board of a resource's objects. None is among them if an object has no id: it could be
    any."""
    kind = _KINDS.get(resource, "")
    ids = {id_of(kind, sent.get("id")) if isinstance(sent, dict) else None for sent in objects}
    return {None if id is None else board_id(kind, id) for id in ids}


def _deletions(resource: str, request: Request) -> Parsed:
    """The deals, leads or activities that were asked for and are left out."""
    entity = _LAST_RESOURCES.get(resource)
    if entity is None:
        return Parsed()
    try:
        present = ids_in(resource, listed(request.body))
    except ValueError:
        return Parsed()
    kind = _KINDS[resource]
    absent = [
        id
        for id in absent_ids(request, present)
        if board_id(kind, id_of(kind, id.removeprefix(LEAD)) or "") == id
    ]
    return Parsed(tuple(Change(entity, id, request.received_at, deleted=True) for id in absent))
