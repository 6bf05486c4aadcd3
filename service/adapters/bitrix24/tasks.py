"""Activities and tasks in the answers of Bitrix24's API. Pure.

Source: apidocs.bitrix24.com (crm.activity.list, crm.activity.fields, tasks.task.list).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from service.adapters.api import as_of
from service.adapters.bitrix24.items import Item
from service.adapters.bitrix24.values import (
    Bound,
    Json,
    activity_records,
    due_time,
    is_none,
    linked,
    moment,
    number,
    task_records,
    text,
)
from service.adapters.fields import if_sent, sent_fields
from service.adapters.parsed import Parsed
from service.model import Change

_COMPLETED: Final[Mapping[str, bool]] = {"Y": True, "N": False}
_DONE: Final = frozenset({"4", "5"})
"""The values of a task's `status` that count as completed: awaiting control (the manager's part is done), and
completed."""


def activity(item: Item) -> Parsed:
    """An activity of `crm.activity.list`; nothing for one that only shows a task in a timeline, because the
    task itself is read."""
    sent = item.sent
    if str(sent.get("TYPE_ID")) == "3" or str(sent.get("PROVIDER_ID")).startswith("CRM_TASKS_TASK"):
        return Parsed()
    version, is_dated = item.version("LAST_UPDATED")
    bound = Bound.of(activity_records(sent)) if "OWNER_TYPE_ID" in sent or "BINDINGS" in sent else None
    fields = sent_fields(
        text=text(sent.get("SUBJECT", UNSET)),
        completed=_COMPLETED.get(str(sent.get("COMPLETED")), UNSET),
        manager_id=linked(sent.get("RESPONSIBLE_ID", UNSET)),
        due_at=None if _is_record(sent) else due_time(sent.get("DEADLINE", UNSET)),
        deal_id=bound.deal_id if bound else UNSET,
        client_id=bound.client_id if bound else UNSET,
        url=item.url(bound.page) if bound and bound.page else UNSET,
    )
    changes = as_of([Change("task", item.id, version, fields)], item.asked_at)
    return Parsed(tuple(changes), is_dated=is_dated)


def task(item: Item) -> Parsed:
    """A task of `tasks.task.list`."""
    version, is_dated = item.version("changedDate")
    sent = item.sent
    status, manager = number(sent.get("status")), linked(sent.get("responsibleId", UNSET))
    bound = Bound.of(task_records(sent["ufCrmTask"])) if "ufCrmTask" in sent else None
    fields = sent_fields(
        text=text(sent.get("title", UNSET)),
        manager_id=manager,
        due_at=due_time(sent.get("deadline", UNSET)),
        completed=if_sent(status, lambda status: status in _DONE),
        completed_at=if_sent(
            status, lambda status: moment(sent.get("closedDate")) if status in _DONE else None
        ),
        deal_id=bound.deal_id if bound else UNSET,
        client_id=bound.client_id if bound else UNSET,
        url=item.url(f"company/personal/user/{manager}/tasks/task/view/{item.id}") if manager else UNSET,
    )
    changes = as_of([Change("task", item.id, version, fields)], item.asked_at)
    return Parsed(tuple(changes), is_dated=is_dated)


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
