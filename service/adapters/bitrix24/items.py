"""What one object in an answer of Bitrix24's API says: a deal, an activity, a task, or a name. Pure.

Source: the vendor's documents (apidocs.bitrix24.com: crm.item.list, crm.activity.list, tasks.task.list,
crm.status.list, crm.category.list, crm.deal.userfield.list, user.get). An object is read field by field: what
cannot be read is left unset, and only one that is dated too far in the future is refused.
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
_OWNERS: Final[Mapping[str, str]] = {"1": "lead", "2": "deal", "3": "contact", "4": "company"}
"""The page of an activity's owner, by its `OWNER_TYPE_ID`."""
_CLIENTS: Final[Mapping[str, str]] = {"3": CONTACT, "4": COMPANY}
_DONE: Final = frozenset({"4", "5"})
"""A task's `status`: awaiting control, completed. In the former the manager has done his part."""
_LINKS: Final[tuple[Literal["manager", "client", "pipeline", "reason"], ...]] = (
    "manager",
    "client",
    "pipeline",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Told:
    """What an object says.

    Args:
        changes: The one about the object, and those that name what it links to.
        needs: The names of what it links to.
        dated: Whether the changes carry the vendor's own time.
    """

    changes: tuple[Change, ...] = ()
    needs: tuple[Need, ...] = ()
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """An object in an answer.

    Args:
        id: The board's id of it.
        asked_at: When the API was asked.
    """

    sent: Json
    id: str
    account: Account
    asked_at: Instant

    def version(self, name: str) -> tuple[Instant, bool]:
        """When it changed, if the field says so, else when it was asked for; and whether the field says so.

        Raises:
            ValueError: It is dated too far in the future.
        """
        changed_at = moment(self.sent.get(name))
        if changed_at is UNSET:
            return self.asked_at, False
        return refuse_future(changed_at, self.asked_at), True

    def page(self, path: str) -> str | UnsetType:
        """The address of one of the portal's pages, which are where its API is."""
        origin = self.account.api.url if self.account.api else None
        return f"{origin}/{path}/" if origin else UNSET


def deal(row: Row) -> Told:
    """A deal of `crm.item.list`."""
    version, dated = row.version("updatedTime")
    sent = row.sent
    fields: dict[str, Value] = {"known": True}
    _set(fields, "name", text(sent.get("title", UNSET)))
    status = _STATUSES.get(str(sent.get("stageSemanticId")))
    if status is not None:
        fields["status"] = status
        # Not `closedate`: a day that people set, and in an open deal the one that they hope for.
        _set(fields, "closed_at", None if status == "open" else moment(sent.get("movedTime")))
    paid_in = currency(sent.get("currencyId"))
    _set(fields, "currency", paid_in)
    _set(fields, "amount", amount(sent.get("opportunity", UNSET), paid_in or row.account.currency))
    _set(fields, "manager_id", linked(sent.get("assignedById", UNSET)))
    _set(fields, "pipeline_id", number(sent.get("categoryId")))  # 0 is a pipeline: the first
    _set(fields, "client_id", _client_of_deal(sent))
    named = _set_reason(fields, row, version)
    _set(fields, "url", row.page(f"crm/deal/details/{row.id}"))
    return Told((Change("deal", row.id, version, fields), *named), _wanted(fields, named), dated)


def activity(row: Row) -> Told:
    """An activity of `crm.activity.list`; nothing for one that shows a task in a timeline: the task is told
    itself."""
    sent = row.sent
    if str(sent.get("TYPE_ID")) == "3" or str(sent.get("PROVIDER_ID")).startswith("CRM_TASKS_TASK"):
        return Told()
    version, dated = row.version("LAST_UPDATED")
    fields: dict[str, Value] = {}
    _set(fields, "text", text(sent.get("SUBJECT", UNSET)))
    if (completed := sent.get("COMPLETED")) in ("Y", "N"):
        fields["completed"] = completed == "Y"
    _set(fields, "manager_id", linked(sent.get("RESPONSIBLE_ID", UNSET)))
    _set(fields, "due_at", None if _is_record(sent) else due_time(sent.get("DEADLINE", UNSET)))
    kind, owner = str(sent.get("OWNER_TYPE_ID")), linked(sent.get("OWNER_ID", UNSET))
    if owner is not UNSET:
        fields["deal_id"] = owner if kind == "2" else None
        fields["client_id"] = _CLIENTS[kind] + owner if kind in _CLIENTS and owner else None
        if kind in _OWNERS and owner:
            _set(fields, "url", row.page(f"crm/{_OWNERS[kind]}/details/{owner}"))
    return Told((Change("task", row.id, version, fields),), _wanted(fields), dated)


def task(row: Row) -> Told:
    """A task of `tasks.task.list`."""
    version, dated = row.version("changedDate")
    sent = row.sent
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
        _set(fields, "url", row.page(f"company/personal/user/{manager}/tasks/task/view/{row.id}"))
    return Told((Change("task", row.id, version, fields),), _wanted(fields), dated)


def contact(row: Row) -> Told:
    """A contact of `crm.item.list`."""
    return _named(row, "client", full_name(row.sent.get("name"), row.sent.get("lastName")), "updatedTime")


def company(row: Row) -> Told:
    """A company of `crm.item.list`."""
    return _named(row, "client", full_name(row.sent.get("title")), "updatedTime")


def user(row: Row) -> Told:
    """A user of `user.get`."""
    return _named(row, "manager", full_name(row.sent.get("NAME"), row.sent.get("LAST_NAME")))


def pipeline(row: Row) -> Told:
    """A pipeline of `crm.category.list`."""
    return _named(row, "pipeline", full_name(row.sent.get("name")))


def stage(row: Row) -> Told:
    """A stage of `crm.status.list`: a reason, if deals are lost there. The method lists the entries of every
    list of the CRM."""
    of_deals = str(row.sent.get("ENTITY_ID")).startswith("DEAL_STAGE")
    if not of_deals or row.sent.get("SEMANTICS") != "F":
        return Told()
    return _named(row, "reason", full_name(row.sent.get("NAME")))


def choices(row: Row) -> Told:
    """A field of `crm.deal.userfield.list`: the reasons among which it lets people choose."""
    listed = row.sent.get("LIST")
    named = [
        Change("reason", choice_id, row.asked_at, {"name": name})
        for choice in (listed if isinstance(listed, list) else ())
        if isinstance(choice, dict)
        and (choice_id := number(choice.get("ID"))) is not UNSET
        and (name := full_name(choice.get("VALUE")))
    ]
    return Told(tuple(named), dated=False)


def _named(row: Row, entity: Entity, name: str | None, dated_by: str = "") -> Told:
    version, dated = row.version(dated_by)
    return Told((Change(entity, row.id, version, {"name": name}),) if name else (), dated=dated)


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


def _set_reason(fields: dict[str, Value], row: Row, version: Instant) -> tuple[Change, ...]:
    """Set why the deal was lost: what the configured field says, or without one the stage that it is in.

    A field's text is the reason's name; a number is an entry of the field's list.

    Returns:
        The change that names the reason, where the name was sent.
    """
    wanted = Bitrix24Options.of(row.account).reason_field
    if wanted is None:
        status = fields.get("status", UNSET)
        if status is not UNSET:
            _set(fields, "reason_id", code(row.sent.get("stageId")) if status == "lost" else None)
        return ()
    value = row.sent.get(wanted, UNSET)
    if isinstance(value, list):  # a field that takes several
        value = next((each for each in value if not is_none(each)), None)
    chosen = linked(value)
    if chosen is not UNSET:
        fields["reason_id"] = chosen
    elif isinstance(value, str):
        reason, named = loss_reason(value, version)
        fields.update(reason)
        return named
    return ()


def _is_record(sent: Json) -> bool:
    """Whether an activity is no promise, but what a channel logged: a call that was made, mail, a message.

    Such a one is "due" when it happened, so each would have been overdue from birth. Who moves its due time
    makes a promise of it.
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
    """The names of what the fields link to, but those that are named already."""
    return tuple(_links(fields, {(change.entity, change.id) for change in named}))


def _links(fields: Mapping[str, Value], named: set[tuple[Entity, str]]) -> Iterator[Need]:
    for entity in _LINKS:
        linked_id = fields.get(f"{entity}_id")
        if isinstance(linked_id, str) and (entity, linked_id) not in named:
            yield Need(entity, linked_id)
