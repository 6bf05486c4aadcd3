"""What the answers of Pipedrive's API say, as changes and needs. Pure.

Sources: the OpenAPI documents of developers.pipedrive.com/docs/api/v2 and v1: `{success, data}`, where `data`
is a list of objects as webhooks send them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from service.adapters.api import ASKED, RESOURCE, as_of
from service.adapters.fields import digest, one_line, refuse_future
from service.adapters.pipedrive.items import Fact, Item, facts_of, gone, id_in, pages_of
from service.adapters.pipedrive.values import Node, identifier_of, moment, parse
from service.config import Account
from service.model import Change, Decoded, Instant, Need, Rejection, Request

KINDS: Final[Mapping[str, str]] = {
    "deals": "deal",
    "archived_deals": "deal",
    "activities": "activity",
    "persons": "person",
    "organizations": "organization",
    "users": "user",
    "pipelines": "pipeline",
}
"""The kind of object that a resource lists."""

_LAST_ASKED: Final[Mapping[str, str]] = {"archived_deals": "deal", "activities": "activity"}
"""Where a deal or an activity is asked for last: one that is not there is gone."""


def decode(request: Request, account: Account) -> Decoded:
    """See `Api`. When it was asked is part of the key: an answer that repeats an earlier one says something
    new, namely that it is so again."""
    resource, asked = request.headers.get(RESOURCE, ""), request.headers.get(ASKED, "")
    key = digest(request.body, f"{resource} {asked} {request.received_at}")
    kind = KINDS.get(resource)
    if kind is None:
        return Decoded(key, (), (Rejection(0, f"answers about {resource!r} are not read"),))
    try:
        # There are no archived deals where the vendor knows of no such thing.
        items = listed(request.body) if request.body or resource != "archived_deals" else []
    except ValueError as error:
        return Decoded(key, (), (Rejection(0, one_line(error)),))
    found: list[Fact] = []
    rejections: list[Rejection] = []
    for part, sent in enumerate(items):
        try:
            found += facts_of(_item(kind, sent, request.received_at, account))
        except ValueError as error:
            rejections.append(Rejection(part, one_line(error)))
    found += _missing(resource, items, asked, request.received_at)
    changes = as_of((fact for fact in found if isinstance(fact, Change)), request.received_at)
    needs = dict.fromkeys(fact for fact in found if isinstance(fact, Need))
    return Decoded(key, tuple(changes), tuple(rejections), tuple(needs))


def listed(body: bytes) -> list[Node]:
    """The objects in an answer; v1 writes null for none. Raises `ValueError` when it is no answer."""
    sent = parse(body)
    if sent.get("success") is not True or "data" not in sent:
        raise ValueError(f"the API did not answer: {sent.get('error', 'there is no data')}")
    data = sent["data"]
    if data is None:
        return []
    return data if isinstance(data, list) else [data]


def _item(kind: str, sent: Node, asked_at: Instant, account: Account) -> Item:
    item_id = id_in(sent) if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or item_id is None:
        raise ValueError(f"{kind}: the id is missing or is not a number")
    changed_at = moment(sent.get("update_time")) or moment(sent.get("add_time"))
    version = asked_at if changed_at is None or kind == "user" else refuse_future(changed_at, asked_at)
    return Item(kind, item_id, sent, version, account, pages_of(account))


def ids_of(items: list[Node]) -> set[str | None]:
    """The ids of the objects; None among them if one has none: it might be any."""
    return {id_in(each) if isinstance(each, dict) else None for each in items}


def _missing(resource: str, items: list[Node], asked: str, asked_at: Instant) -> Iterator[Fact]:
    """The deals or activities that were asked for and are not there."""
    kind, present = _LAST_ASKED.get(resource), ids_of(items)
    if kind is None or None in present:
        return
    for item_id in asked.split():
        if identifier_of(item_id) is not None and item_id not in present:
            yield from gone(kind, item_id, asked_at)
