"""One object in an answer of Bitrix24's API, as changes and needs: a deal, an activity, a task, or a name.
Pure.

Source: apidocs.bitrix24.com (crm.item.list, crm.activity.list, tasks.task.list, crm.status.list,
crm.category.list, crm.deal.userfield.list, user.get). An object is read field by field. A field that cannot
be read is left unset; only an object that is dated too far in the future is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import UNSET, UnsetType

from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import (
    COMPANY,
    CONTACT,
    Json,
    amount,
    bindings,
    code,
    currency,
    due_time,
    full_name,
    is_none,
    linked,
    moment,
    number,
    text,
)
from service.adapters.fields import loss_reason, refuse_future
from service.config import Account
from service.model import Change, Entity, Instant, Need, Status, Value

_STATUSES: Final[Mapping[str, Status]] = {"P": "open", "S": "won", "F": "lost"}
_OWNER_TYPES: Final[Mapping[str, str]] = {"1": "lead", "2": "deal", "3": "contact", "4": "company"}
"""The owner of an activity by its `OWNER_TYPE_ID`, as it stands in the address of the owner's page."""
_CLIENT_PREFIXES: Final[Mapping[str, str]] = {"3": CONTACT, "4": COMPANY}
_DONE: Final = frozenset({"4", "5"})
"""The values of a task's `status` that count as completed: awaiting control (the manager's part is done), and
completed."""
_LINKS: Final[tuple[Literal["manager", "client", "pipeline", "reason"], ...]] = (
    "manager",
    "client",
    "pipeline",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The changes and needs in one object.

    Args:
        changes: That of the object itself, and those that name linked entities.
        needs: The linked entities whose names are not in the object.
        is_dated: Whether the changes carry the vendor's own time, not the time of asking.
    """

    changes: tuple[Change, ...] = ()
    needs: tuple[Need, ...] = ()
    is_dated: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """One object in an answer.

    Args:
        sent: Its JSON, as it came.
        id: Its id on the board.
        asked_at: When the API was asked.
    """

    sent: Json
    id: str
    account: Account
    asked_at: Instant

    def version(self, name: str) -> tuple[Instant, bool]:
        """When the object last changed, by the named field, and True; without a readable time there, when the
        API was asked, and False.

        Raises:
            ValueError: It is dated too far in the future.
        """
        changed_at = moment(self.sent.get(name))
        if changed_at is UNSET:
            return self.asked_at, False
        return refuse_future(changed_at, self.asked_at), True

    def url(self, path: str) -> str | UnsetType:
        """The address of a page of the portal, which has the same origin as its API."""
        origin = self.account.api.url if self.account.api else None
        return f"{origin}/{path}/" if origin else UNSET


def deal(item: Item) -> Parsed:
    """A deal of `crm.item.list`."""
    version, is_dated = item.version("updatedTime")
    sent = item.sent
    fields: dict[str, Value] = {"known": True}
    _set(fields, "name", text(sent.get("title", UNSET)))
    status = _STATUSES.get(str(sent.get("stageSemanticId")))
    if status is not None:
        fields["status"] = status
        # Not `closedate`: a day that people set, and in an open deal the one that they hope for.
        _set(fields, "closed_at", None if status == "open" else moment(sent.get("movedTime")))
    paid_in = currency(sent.get("currencyId"))
    _set(fields, "currency", paid_in)
    _set(fields, "amount", amount(sent.get("opportunity", UNSET), paid_in or item.account.currency))
    _set(fields, "manager_id", linked(sent.get("assignedById", UNSET)))
    _set(fields, "pipeline_id", number(sent.get("categoryId")))  # 0 is a pipeline: the first
    _set(fields, "client_id", _client_of_deal(sent))
    named = _set_reason(fields, item, version)
    _set(fields, "url", item.url(f"crm/deal/details/{item.id}"))
    return Parsed((Change("deal", item.id, version, fields), *named), _wanted(fields, named), is_dated)


def activity(item: Item) -> Parsed:
    """An activity of `crm.activity.list`; nothing for one that only shows a task in a timeline, because the
    task itself is read."""
    sent = item.sent
    if str(sent.get("TYPE_ID")) == "3" or str(sent.get("PROVIDER_ID")).startswith("CRM_TASKS_TASK"):
        return Parsed()
    version, is_dated = item.version("LAST_UPDATED")
    fields: dict[str, Value] = {}
    _set(fields, "text", text(sent.get("SUBJECT", UNSET)))
    if (completed := sent.get("COMPLETED")) in ("Y", "N"):
        fields["completed"] = completed == "Y"
    _set(fields, "manager_id", linked(sent.get("RESPONSIBLE_ID", UNSET)))
    _set(fields, "due_at", None if _is_record(sent) else due_time(sent.get("DEADLINE", UNSET)))
    kind, owner = str(sent.get("OWNER_TYPE_ID")), linked(sent.get("OWNER_ID", UNSET))
    if owner is not UNSET:
        fields["deal_id"] = owner if kind == "2" else None
        fields["client_id"] = _CLIENT_PREFIXES[kind] + owner if kind in _CLIENT_PREFIXES and owner else None
        if kind in _OWNER_TYPES and owner:
            _set(fields, "url", item.url(f"crm/{_OWNER_TYPES[kind]}/details/{owner}"))
    return Parsed((Change("task", item.id, version, fields),), _wanted(fields), is_dated)


def task(item: Item) -> Parsed:
    """A task of `tasks.task.list`."""
    version, is_dated = item.version("changedDate")
    sent = item.sent
    fields: dict[str, Value] = {}
    _set(fields, "text", text(sent.get("title", UNSET)))
    _set(fields, "manager_id", linked(sent.get("responsibleId", UNSET)))
    _set(fields, "due_at", due_time(sent.get("deadline", UNSET)))
    status = number(sent.get("status"))
    if status is not UNSET:
        fields["completed"] = status in _DONE
        _set(fields, "completed_at", moment(sent.get("closedDate")) if status in _DONE else None)
    if "ufCrmTask" in sent:
        fields["deal_id"], fields["client_id"] = bindings(sent["ufCrmTask"])
    manager = fields.get("manager_id")
    if manager:
        _set(fields, "url", item.url(f"company/personal/user/{manager}/tasks/task/view/{item.id}"))
    return Parsed((Change("task", item.id, version, fields),), _wanted(fields), is_dated)


def contact(item: Item) -> Parsed:
    """A contact of `crm.item.list`."""
    return _named(item, "client", full_name(item.sent.get("name"), item.sent.get("lastName")), "updatedTime")


def company(item: Item) -> Parsed:
    """A company of `crm.item.list`."""
    return _named(item, "client", full_name(item.sent.get("title")), "updatedTime")


def user(item: Item) -> Parsed:
    """A user of `user.get`."""
    return _named(item, "manager", full_name(item.sent.get("NAME"), item.sent.get("LAST_NAME")))


def pipeline(item: Item) -> Parsed:
    """A pipeline of `crm.category.list`."""
    return _named(item, "pipeline", full_name(item.sent.get("name")))


def stage(item: Item) -> Parsed:
    """A stage of `crm.status.list`: a reason, if deals are lost there. The method also lists the entries of
    all other lists of the CRM."""
    of_deals = str(item.sent.get("ENTITY_ID")).startswith("DEAL_STAGE")
    if not of_deals or item.sent.get("SEMANTICS") != "F":
        return Parsed()
    return _named(item, "reason", full_name(item.sent.get("NAME")))


def choices(item: Item) -> Parsed:
    """A field of `crm.deal.userfield.list`: each entry of its list is a reason."""
    entries = item.sent.get("LIST")
    named = [
        Change("reason", choice_id, item.asked_at, {"name": name})
        for choice in (entries if isinstance(entries, list) else ())
        if isinstance(choice, dict)
        and (choice_id := number(choice.get("ID"))) is not UNSET
        and (name := full_name(choice.get("VALUE")))
    ]
    return Parsed(tuple(named), is_dated=False)


def _named(item: Item, entity: Entity, name: str | None, dated_by: str = "") -> Parsed:
    version, is_dated = item.version(dated_by)
    return Parsed((Change(entity, item.id, version, {"name": name}),) if name else (), is_dated=is_dated)


def _set(fields: dict[str, Value], name: str, value: Value | UnsetType) -> None:
    if value is not UNSET:
        fields[name] = value


def _client_of_deal(sent: Json) -> str | None | UnsetType:
    """The deal's client: its contact; without one, its company."""
    contact_id, company_id = (linked(sent.get(name, UNSET)) for name in ("contactId", "companyId"))
    if contact_id:
        return CONTACT + contact_id
    if company_id and contact_id is None:
        return COMPANY + company_id
    return None if contact_id is None and company_id is None else UNSET


def _set_reason(fields: dict[str, Value], item: Item, version: Instant) -> tuple[Change, ...]:
    """Set the loss reason: the value of the configured field, or without such a field the deal's stage.

    A text in the field is the reason's name; a number is an entry of the field's list.

    Returns:
        The change that names the reason, where its name was sent.
    """
    reason_field = Bitrix24Options.of(item.account).reason_field
    if reason_field is None:
        status = fields.get("status", UNSET)
        if status is not UNSET:
            _set(fields, "reason_id", code(item.sent.get("stageId")) if status == "lost" else None)
        return ()
    value = item.sent.get(reason_field, UNSET)
    if isinstance(value, list):  # a field that takes several values
        value = next((entry for entry in value if not is_none(entry)), None)
    entry_id = linked(value)
    if entry_id is not UNSET:
        fields["reason_id"] = entry_id
    elif isinstance(value, str):
        reason, named = loss_reason(value, version)
        fields.update(reason)
        return named
    return ()


def _is_record(sent: Json) -> bool:
    """Whether an activity is not a promise but a record of a past call, mail or message.

    A channel logs such an activity as due at the moment it happened, so it would be overdue from the start. A
    person who moves its due time makes it a promise.
    """
    kind = str(sent.get("TYPE_ID"))
    logged = (
        sent.get("IS_INCOMING_CHANNEL") == "Y"
        or not is_none(sent.get("ORIGIN_ID"))  # telephony's id of the call
        or kind == "4"  # mail
        or (kind == "6" and sent.get("PROVIDER_ID") != "CRM_TODO")  # neither call, nor meeting, nor to-do
    )
    created_at, due_at = moment(sent.get("CREATED")), moment(sent.get("DEADLINE"))
    return logged and created_at is not UNSET and due_at is not UNSET and due_at <= created_at


def _wanted(fields: Mapping[str, Value], named: tuple[Change, ...] = ()) -> tuple[Need, ...]:
    """The linked entities whose names are needed: all but those that `named` names."""
    return tuple(_links(fields, {(change.entity, change.id) for change in named}))


def _links(fields: Mapping[str, Value], named: set[tuple[Entity, str]]) -> Iterator[Need]:
    for entity in _LINKS:
        linked_id = fields.get(f"{entity}_id")
        if isinstance(linked_id, str) and (entity, linked_id) not in named:
            yield Need(entity, linked_id)
