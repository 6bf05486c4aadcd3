"""One Pipedrive object, as changes and needs: a deal, a lead, an activity, a person, an organisation, a user
or a pipeline. Pure.

Webhooks and the API send objects in the same form. An object is read field by field; a field that was not
sent or cannot be read is left unset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import UNSET

from service.adapters.fields import loss_reason, money, optional_text, phone_number
from service.adapters.parsed import Parsed
from service.adapters.pipedrive.values import (
    LEAD,
    ORGANIZATION,
    Link,
    Node,
    Object,
    due_moment,
    flag,
    identifier_of,
    lead_id_of,
    link_of,
    moment,
)
from service.config import Account
from service.model import Change, Entity, Instant, Need, Status, Value, merger_id
from service.money import round_amount

_Links: TypeAlias = Mapping[Entity, Link | None]
"""The links of an object, by entity; None for one that was not sent or cannot be read."""

_STATUSES: Final[Mapping[str, Status]] = {"open": "open", "won": "won", "lost": "lost"}
_CLOSING_TIMES: Final[Mapping[Status, str]] = {"won": "won_time", "lost": "lost_time"}


@dataclass(frozen=True, slots=True)
class Item:
    """One object.

    Args:
        kind: Pipedrive's name of its kind.
        id: Pipedrive's id.
        sent: Its JSON, as it came.
        version: When it was last changed.
        origin: The origin of its page, such as `https://office.pipedrive.com`; None where it is not known.
    """

    kind: str
    id: str
    sent: Object
    version: Instant
    account: Account
    origin: str | None


def parse_item(item: Item) -> Parsed:
    """The changes and needs in an object; nothing for a kind that the board does not use."""
    if item.kind not in ENTITIES:
        return Parsed()
    return _PARSERS.get(item.kind, _named)(item)


def deletion(kind: str, item_id: str, version: Instant) -> Parsed:
    """The deletion of an object. Users and pipelines keep their names, because deals still link to them."""
    entity = ENTITIES.get(kind)
    if entity not in ("deal", "task", "client"):
        return Parsed()
    return Parsed((Change(entity, board_id(kind, item_id), version, deleted=True),))


def merger(kind: str, merged: str, kept: str, version: Instant) -> Parsed:
    """One object was merged into another one of its kind: it is deleted, and whatever is related to it goes
    to the other. That one is needed, because it fills its empty fields from the first."""
    entity = ENTITIES.get(kind)
    if entity not in ("deal", "client"):
        return Parsed()
    into = {"into_id": board_id(kind, kept)}
    change = Change("merger", merger_id(entity, board_id(kind, merged)), version, into)
    return deletion(kind, merged, version) + Parsed((change,), (Need(entity, board_id(kind, kept)),))


def board_id(kind: str, item_id: str) -> str:
    """The id on the board of an object of some kind."""
    return _PREFIXES.get(kind, "") + item_id


def _deal(item: Item) -> Parsed:
    sent = item.sent
    status = _STATUSES.get(str(sent.get("status")))
    # An archived deal keeps its status and stays in reports, but nobody works on it any more.
    if _is_deleted(sent) or (status == "open" and flag(sent.get("is_archived"))):
        return deletion(item.kind, item.id, item.version)
    amounts = sent.get("value", UNSET), sent.get("currency", UNSET)
    fields: dict[str, Value] = {"known": True, **money(*amounts, item.account.currency, round_amount)}
    named: tuple[Change, ...] = ()
    if isinstance(title := sent.get("title"), str):
        fields["name"] = optional_text(title)
    if status is not None:
        fields["status"] = status
        _set_closed(fields, status, sent)
    if "lost_reason" in sent and (isinstance(reason := sent["lost_reason"], str) or reason is None):
        reason_fields, named = loss_reason(reason, item.version)
        fields |= reason_fields
    if item.origin:
        fields["url"] = f"{item.origin}/deal/{item.id}"
    pipeline = link_of(sent, "pipeline_id")
    links: _Links = {"client": _client(sent), "manager": _owner(sent), "pipeline": pipeline}
    fields |= _link_fields(links)
    changes = (Change("deal", item.id, item.version, fields), *named, *_names(links, item.version))
    return Parsed(changes) + _converted(item)


def _converted(item: Item) -> Parsed:
    """What a deal says of the lead that it was converted from: the lead is deleted, and what is related to it
    goes to the deal. Only the API says so."""
    lead_id = lead_id_of(item.sent.get("source_lead_id"))
    if lead_id is None:
        return Parsed()
    change = Change("merger", merger_id("deal", LEAD + lead_id), item.version, {"into_id": item.id})
    return Parsed((change,)) + deletion("lead", lead_id, item.version)


def _lead(item: Item) -> Parsed:
    """A lead is an open deal until it is archived, deleted, or converted, which deletes it too."""
    sent = item.sent
    if _is_deleted(sent) or flag(sent.get("is_archived")):
        return deletion(item.kind, item.id, item.version)
    fields: dict[str, Value] = {"known": True, "status": "open"}
    if "value" in sent:
        worth = sent["value"] if isinstance(sent["value"], dict) else {}
        fields |= money(worth.get("amount"), worth.get("currency"), item.account.currency, round_amount)
    if isinstance(title := sent.get("title"), str):
        fields["name"] = optional_text(title)
    if item.origin:
        fields["url"] = f"{item.origin}/leads/inbox/{item.id}"
    links: _Links = {"client": _client(sent), "manager": _owner(sent)}
    fields |= _link_fields(links)
    change = Change("deal", board_id(item.kind, item.id), item.version, fields)
    return Parsed((change, *_names(links, item.version)))


def _activity(item: Item) -> Parsed:
    sent = item.sent
    deal, client = _deal_of(sent), _client(sent)
    if _is_deleted(sent) or flag(sent.get("active_flag")) is False:
        return deletion(item.kind, item.id, item.version)
    fields: dict[str, Value] = {}
    if isinstance(subject := sent.get("subject"), str):
        fields["text"] = optional_text(subject)
    done = flag(sent.get("done"))
    if done is not None:
        fields["completed"] = done
        _set_completed(fields, done, sent)
    if "due_date" in sent:
        due_at = due_moment(sent["due_date"], sent.get("due_time"), item.account.zone)
        if due_at is not UNSET:
            fields["due_at"] = due_at
    if item.origin and deal is not None:
        path = _path(deal, client)
        fields["url"] = f"{item.origin}{path}" if path else None
    if deal is not None:
        fields["deal_id"] = deal.id
    is_on_deal = deal is not None and deal.id is not None
    # On its deal it is on no client of its own.
    links: _Links = {"manager": _owner(sent), "client": Link(None) if is_on_deal else client}
    fields |= _link_fields(links)
    return Parsed((Change("task", item.id, item.version, fields), *_names(links, item.version)))


def _deal_of(sent: Object) -> Link | None:
    """The link to the deal, else to the lead; None where the object says neither."""
    deal = link_of(sent, "deal_id")
    lead_id = lead_id_of(sent.get("lead_id"))
    return Link(LEAD + lead_id) if lead_id and (deal is None or deal.id is None) else deal


def _named(item: Item) -> Parsed:
    entity, name = ENTITIES[item.kind], item.sent.get("name")
    if entity == "client" and (_is_deleted(item.sent) or flag(item.sent.get("active_flag")) is False):
        return deletion(item.kind, item.id, item.version)
    told: dict[str, Value] = {"name": optional_text(name)} if isinstance(name, str) else {}
    if item.kind == "person":
        told |= _phone(item.sent)
    return Parsed((Change(entity, board_id(item.kind, item.id), item.version, told),) if told else ())


def _phone(sent: Object) -> dict[str, Value]:
    """A person's telephone number, if sent: of `phones` (v2) or `phone` (v1) the primary, else the first."""
    numbers = sent.get("phones", sent.get("phone", UNSET))
    if numbers is UNSET:
        return {}
    listed = [one for one in numbers if isinstance(one, dict)] if isinstance(numbers, list) else []
    listed.sort(key=lambda one: flag(one.get("primary")) is not True)
    return {"phone": phone_number(*(one.get("value") for one in listed))}


def _is_deleted(sent: Object) -> bool:
    """Whether the object is deleted, by `is_deleted` (v2), `deleted` (v1) or a deal's status."""
    return bool(flag(sent.get("is_deleted")) or flag(sent.get("deleted")) or sent.get("status") == "deleted")


def _set_closed(fields: dict[str, Value], status: Status, sent: Object) -> None:
    if status == "open":
        fields["closed_at"] = None
        return
    closed_at = moment(sent.get(_CLOSING_TIMES[status])) or moment(sent.get("close_time"))
    if closed_at is not None:
        fields["closed_at"] = closed_at


def _set_completed(fields: dict[str, Value], done: bool, sent: Object) -> None:
    if not done:
        fields["completed_at"] = None
    elif (completed_at := moment(sent.get("marked_as_done_time"))) is not None:
        fields["completed_at"] = completed_at


def _client(sent: Object) -> Link | None:
    """The link to the person, else to the organisation; None where the object has neither."""
    person = link_of(sent, "person_id", "person_name")
    organization = link_of(sent, "organization_id" if "organization_id" in sent else "org_id", "org_name")
    if person is not None and person.id is not None:
        return person
    if organization is not None and organization.id is not None:
        return Link(ORGANIZATION + organization.id, organization.name)
    return Link(None) if person is not None and organization is not None else None


def _owner(sent: Object) -> Link | None:
    """The link to the manager, which v1 calls the user."""
    return link_of(sent, "owner_id" if "owner_id" in sent else "user_id", "owner_name")


def _link_fields(links: _Links) -> dict[str, Value]:
    """The fields that link to entities."""
    return {f"{entity}_id": link.id for entity, link in links.items() if link is not None}


def _names(links: _Links, version: Instant) -> tuple[Change, ...]:
    """The changes that name the linked entities whose names were sent."""
    return tuple(
        Change(entity, link.id, version, {"name": link.name})
        for entity, link in links.items()
        if link is not None and link.id is not None and link.name is not None
    )


def _path(deal: Link, client: Link | None) -> str | None:
    """The path of an activity's page, which is that of its deal, else of its client."""
    if deal.id is not None and deal.id.startswith(LEAD):
        return f"/leads/inbox/{deal.id.removeprefix(LEAD)}"
    if deal.id is not None:
        return f"/deal/{deal.id}"
    if client is None or client.id is None:
        return None
    if client.id.startswith(ORGANIZATION):
        return f"/organization/{client.id.removeprefix(ORGANIZATION)}"
    return f"/person/{client.id}"


_PARSERS: Final[Mapping[str, Callable[[Item], Parsed]]] = {
    "deal": _deal,
    "lead": _lead,
    "activity": _activity,
}
"""The kinds of which more than the name is read."""

ENTITIES: Final[Mapping[str, Entity]] = {
    "deal": "deal",
    "lead": "deal",
    "activity": "task",
    "person": "client",
    "organization": "client",
    "user": "manager",
    "pipeline": "pipeline",
}
"""The kinds of object that are read, and the entity that each one is on the board."""


_PREFIXES: Final[Mapping[str, str]] = {"organization": ORGANIZATION, "lead": LEAD}


def id_of(kind: str, value: Node) -> str | None:
    """The id of an object of some kind; None for what is none."""
    return lead_id_of(value) if kind == "lead" else identifier_of(value)


def origin_of(account: Account) -> str | None:
    """The origin of the account's pages, which is that of its API; None without an API."""
    url = account.api.url if account.api else None
    return f"https://{urlsplit(url).netloc}" if url else None
