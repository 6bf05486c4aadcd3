"""One object in an answer of Bitrix24's API, as changes: a deal, an activity, a task, or a name.
Pure.

Source: apidocs.bitrix24.com (crm.item.list, crm.activity.list, tasks.task.list, crm.status.list,
crm.category.list, crm.deal.userfield.list, user.get). An object is read field by field. A field that cannot
be read is left unset; only an object that is dated too far in the future is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET, UnsetType

from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import (
    COMPANY,
    CONTACT,
    Json,
    bindings,
    code,
    due_time,
    full_name,
    is_none,
    linked,
    moment,
    number,
    text,
)
from service.adapters.fields import if_sent, loss_reason, money, refuse_future, sent_fields
from service.adapters.parsed import Parsed
from service.config import Account
from service.model import Change, Entity, Instant, Status, Value
from service.money import round_amount

_STATUSES: Final[Mapping[str, Status]] = {"P": "open", "S": "won", "F": "lost"}
_OWNER_TYPES: Final[Mapping[str, str]] = {"1": "lead", "2": "deal", "3": "contact", "4": "company"}
"""The owner of an activity by its `OWNER_TYPE_ID`, as it stands in the address of the owner's page."""
_CLIENT_PREFIXES: Final[Mapping[str, str]] = {"3": CONTACT, "4": COMPANY}
_COMPLETED: Final[Mapping[str, bool]] = {"Y": True, "N": False}
_DONE: Final = frozenset({"4", "5"})
"""The values of a task's `status` that count as completed: awaiting control (the manager's part is done), and
completed."""


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
    status = _STATUSES.get(str(sent.get("stageSemanticId")), UNSET)
    reason_id, named = _reason(item, status, version)
    fields = sent_fields(
        known=True,
        name=text(sent.get("title", UNSET)),
        status=status,
        # Not `closedate`, a day that people set, and in an open deal the day on which they hope to close it.
        closed_at=if_sent(status, lambda status: None if status == "open" else moment(sent.get("movedTime"))),
        **money(
            sent.get("opportunity", UNSET),
            sent.get("currencyId", UNSET),
            item.account.currency,
            round_amount,
        ),
        manager_id=linked(sent.get("assignedById", UNSET)),
        pipeline_id=number(sent.get("categoryId")),  # 0 is a pipeline: the first
        client_id=_client_of_deal(sent),
        reason_id=reason_id,
        url=item.url(f"crm/deal/details/{item.id}"),
    )
    change = Change("deal", item.id, version, fields)
    return Parsed((change, *named), is_dated=is_dated)


def activity(item: Item) -> Parsed:
    """An activity of `crm.activity.list`; nothing for one that only shows a task in a timeline, because the
    task itself is read."""
    sent = item.sent
    if str(sent.get("TYPE_ID")) == "3" or str(sent.get("PROVIDER_ID")).startswith("CRM_TASKS_TASK"):
        return Parsed()
    version, is_dated = item.version("LAST_UPDATED")
    owner_type, owner = str(sent.get("OWNER_TYPE_ID")), linked(sent.get("OWNER_ID", UNSET))
    prefix, page = _CLIENT_PREFIXES.get(owner_type), _OWNER_TYPES.get(owner_type)
    fields = sent_fields(
        text=text(sent.get("SUBJECT", UNSET)),
        completed=_COMPLETED.get(str(sent.get("COMPLETED")), UNSET),
        manager_id=linked(sent.get("RESPONSIBLE_ID", UNSET)),
        due_at=None if _is_record(sent) else due_time(sent.get("DEADLINE", UNSET)),
        deal_id=if_sent(owner, lambda owner: owner if owner_type == "2" else None),
        client_id=if_sent(owner, lambda owner: prefix + owner if prefix and owner else None),
        url=item.url(f"crm/{page}/details/{owner}") if page and owner else UNSET,
    )
    return Parsed((Change("task", item.id, version, fields),), is_dated=is_dated)


def task(item: Item) -> Parsed:
    """A task of `tasks.task.list`."""
    version, is_dated = item.version("changedDate")
    sent = item.sent
    status, manager = number(sent.get("status")), linked(sent.get("responsibleId", UNSET))
    deal_id, client_id = bindings(sent["ufCrmTask"]) if "ufCrmTask" in sent else (UNSET, UNSET)
    fields = sent_fields(
        text=text(sent.get("title", UNSET)),
        manager_id=manager,
        due_at=due_time(sent.get("deadline", UNSET)),
        completed=if_sent(status, lambda status: status in _DONE),
        completed_at=if_sent(
            status, lambda status: moment(sent.get("closedDate")) if status in _DONE else None
        ),
        deal_id=deal_id,
        client_id=client_id,
        url=item.url(f"company/personal/user/{manager}/tasks/task/view/{item.id}") if manager else UNSET,
    )
    return Parsed((Change("task", item.id, version, fields),), is_dated=is_dated)


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


def _client_of_deal(sent: Json) -> str | None | UnsetType:
    """The deal's client: its contact; without one, its company."""
    contact_id, company_id = (linked(sent.get(name, UNSET)) for name in ("contactId", "companyId"))
    if contact_id:
        return CONTACT + contact_id
    if company_id and contact_id is None:
        return COMPANY + company_id
    return None if contact_id is None and company_id is None else UNSET


def _reason(
    item: Item, status: Status | UnsetType, version: Instant
) -> tuple[Value | UnsetType, tuple[Change, ...]]:
    """Why a deal was lost: the value of the configured field, or without such a field the deal's stage.

    A text in the field is the reason's name; a number is an entry of the field's list.

    Returns:
        The reason's id, and the change that names the reason where its name was sent.
    """
    reason_field = Bitrix24Options.of(item.account).reason_field
    if reason_field is None:
        stage_id = code(item.sent.get("stageId"))
        return if_sent(status, lambda status: stage_id if status == "lost" else None), ()
    value = item.sent.get(reason_field, UNSET)
    if isinstance(value, list):  # a field that takes several values
        value = next((entry for entry in value if not is_none(entry)), None)
    entry_id = linked(value)
    if entry_id is not UNSET or not isinstance(value, str):
        return entry_id, ()
    fields, named = loss_reason(value, version)
    return fields["reason_id"], named


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
