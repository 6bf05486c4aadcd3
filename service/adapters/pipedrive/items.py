"""One Pipedrive object, as changes and needs: a deal, an activity, a person, an organisation, a user or a
pipeline. Pure.

Webhooks and the API send objects in the same form. An object is read field by field; a field that was not
sent or cannot be read is left unset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import UNSET

from service.adapters.fields import loss_reason, optional_text
from service.adapters.pipedrive.values import (
    ORGANIZATION,
    Link,
    Object,
    amount_of,
    currency_of,
    due_moment,
    flag,
    identifier_of,
    link_of,
    moment,
)
from service.config import Account
from service.model import Change, Entity, Instant, Need, Status, Value

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


def parse_item(item: Item) -> Iterator[Change | Need]:
    """The changes and needs in an object; nothing for a kind that the board does not use."""
    reader = _READERS.get(item.kind)
    return reader(item) if reader else iter(())


def deletion(
    kind: str, item_id: str, version: Instant, merged_to: str | None = None
) -> Iterator[Change | Need]:
    """The deletion of an object. If it was merged into another one, that one is needed.

    Users and pipelines keep their names, because deals still link to them. A merged client keeps its name
    until Pipedrive has linked its deals to the other client.
    """
    deleted = _need(kind, item_id)
    if deleted is None:
        return
    if deleted.entity in ("deal", "task") or (deleted.entity == "client" and merged_to is None):
        yield Change(deleted.entity, deleted.id, version, deleted=True)
    if merged_to is not None and (target := _need(kind, merged_to)) is not None:
        yield target


def _need(kind: str, item_id: str) -> Need | None:
    """An object by the board's entity and id; None for a kind that the board does not use."""
    entity = ENTITIES.get(kind)
    if entity is None:
        return None
    return Need(entity, ORGANIZATION + item_id if kind == "organization" else item_id)


def _deal(item: Item) -> Iterator[Change | Need]:
    sent = item.sent
    status = _status(sent)
    # An archived deal keeps its status and stays in reports, but nobody works on it any more.
    if _is_deleted(sent) or (status == "open" and flag(sent.get("is_archived"))):
        yield Change("deal", item.id, item.version, deleted=True)
        return
    fields: dict[str, Value] = {"known": True, **_money(sent, item.account.currency)}
    parsed: list[Change | Need] = []
    if isinstance(title := sent.get("title"), str):
        fields["name"] = optional_text(title)
    if status is not None:
        fields["status"] = status
        _set_closed(fields, status, sent)
    if "lost_reason" in sent and (isinstance(reason := sent["lost_reason"], str) or reason is None):
        reason_fields, named = loss_reason(reason, item.version)
        fields |= reason_fields
        parsed += named
    if item.origin:
        fields["url"] = f"{item.origin}/deal/{item.id}"
    _set_link(fields, parsed, "client", _client(sent), item.version)
    _set_link(fields, parsed, "manager", _owner(sent), item.version)
    _set_link(fields, parsed, "pipeline", link_of(sent, "pipeline_id"), item.version)
    yield Change("deal", item.id, item.version, fields)
    yield from parsed


def _activity(item: Item) -> Iterator[Change | Need]:
    sent = item.sent
    deal, client = link_of(sent, "deal_id"), _client(sent)
    if _is_deleted(sent) or flag(sent.get("active_flag")) is False:
        yield Change("task", item.id, item.version, deleted=True)
        return
    fields: dict[str, Value] = {}
    parsed: list[Change | Need] = []
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
    _set_link(fields, parsed, "manager", _owner(sent), item.version)
    if deal is not None and deal.id is not None:
        fields["deal_id"], fields["client_id"] = deal.id, None
    else:
        if deal is not None:
            fields["deal_id"] = None
        _set_link(fields, parsed, "client", client, item.version)
    if item.origin and deal is not None:
        path = _path(deal, client)
        fields["url"] = f"{item.origin}{path}" if path else None
    yield Change("task", item.id, item.version, fields)
    yield from parsed


def _named(item: Item) -> Iterator[Change | Need]:
    named = _need(item.kind, item.id)
    if named is None:
        return
    if named.entity == "client" and (_is_deleted(item.sent) or flag(item.sent.get("active_flag")) is False):
        yield Change("client", named.id, item.version, deleted=True)
    elif isinstance(name := item.sent.get("name"), str):
        yield Change(named.entity, named.id, item.version, {"name": optional_text(name)})


def _is_deleted(sent: Object) -> bool:
    """Whether the object is deleted, by `is_deleted` (v2), `deleted` (v1) or a deal's status."""
    return bool(flag(sent.get("is_deleted")) or flag(sent.get("deleted")) or sent.get("status") == "deleted")


def _status(sent: Object) -> Status | None:
    status = sent.get("status")
    return _STATUSES.get(status) if isinstance(status, str) else None


def _money(sent: Object, account_currency: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    currency = currency_of(sent.get("currency"))
    if currency is not None:
        fields["currency"] = currency
    if "value" in sent:
        amount = amount_of(sent["value"], currency or account_currency)
        if amount is not None or sent["value"] is None:
            fields["amount"] = amount
    return fields


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
    organization = link_of(sent, "org_id", "org_name")
    if person is not None and person.id is not None:
        return person
    if organization is not None and organization.id is not None:
        return Link(ORGANIZATION + organization.id, organization.name)
    return Link(None) if person is not None and organization is not None else None


def _owner(sent: Object) -> Link | None:
    """The link to the manager, which v1 calls the user."""
    return link_of(sent, "owner_id" if "owner_id" in sent else "user_id", "owner_name")


def _set_link(
    fields: dict[str, Value], parsed: list[Change | Need], entity: Entity, link: Link | None, version: Instant
) -> None:
    """Set the field that links to an entity, and add the entity's name, or the need of it."""
    if link is None:
        return
    fields[f"{entity}_id"] = link.id
    if link.id is None:
        return
    if link.name is None:
        parsed.append(Need(entity, link.id))
    else:
        parsed.append(Change(entity, link.id, version, {"name": link.name}))


def _path(deal: Link, client: Link | None) -> str | None:
    """The path of an activity's page, which is that of its deal, else of its client."""
    if deal.id is not None:
        return f"/deal/{deal.id}"
    if client is None or client.id is None:
        return None
    if client.id.startswith(ORGANIZATION):
        return f"/organization/{client.id.removeprefix(ORGANIZATION)}"
    return f"/person/{client.id}"


_Reader: TypeAlias = Callable[[Item], Iterator[Change | Need]]
_READERS: Final[Mapping[str, _Reader]] = {
    "deal": _deal,
    "activity": _activity,
    "person": _named,
    "organization": _named,
    "user": _named,
    "pipeline": _named,
}
ENTITIES: Final[Mapping[str, Entity]] = {
    "deal": "deal",
    "activity": "task",
    "person": "client",
    "organization": "client",
    "user": "manager",
    "pipeline": "pipeline",
}
"""The kinds of object that are read, and the entity that each one is on the board."""


def id_in(sent: Object) -> str | None:
    """The id of the object itself."""
    return identifier_of(sent.get("id"))


def origin_of(account: Account) -> str | None:
    """The origin of the account's pages, which is that of its API; None without an API."""
    url = account.api.url if account.api else None
    return f"https://{urlsplit(url).netloc}" if url else None
