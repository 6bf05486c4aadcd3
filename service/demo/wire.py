"""amoCRM's webhook format: PHP-bracketed form bodies with every value a string, as captured in 2025.

The account block comes first, times are unix seconds, a task's `complete_till` is its `complete_before` in
UTC. What real webhooks leave out is left out here too: managers' names, the closing time, a lead's contact.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import urlencode

from service.demo.records import Contact, Lead, Task

SUBDOMAIN: Final = "lossboard-demo"
"""The simulated CRM's account: deliveries from another one are refused."""

REASON_FIELD: Final = "Причина отказа"
"""The lead's custom field that carries the reason of a refusal."""

_ACCOUNT_ID: Final = 31415926
_PIPELINE_ID: Final = 7310042
_REASON_FIELD_ID: Final = 640113
_TO_LEAD: Final = 2  # `element_type` of a task on a lead
_CALL: Final = 1  # `task_type` of a call or follow-up

_Fields = Mapping[str, str | int]
"""Values by path; `a/0/b` stands for `[a][0][b]`."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One delivery, ready to be posted."""

    body: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        """What amoCRM sends along; the request id stays the same however often the delivery is retried."""
        digest = hashlib.sha256(self.body).digest()
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "amoCRM-Webhooks/3.0",
            "X-Amocrm-Requestid": str(uuid.UUID(bytes=digest[:16], version=4)),
        }


def lead_added(lead: Lead) -> Webhook:
    """`leads[add]`: the lead appeared."""
    return _webhook("leads", "add", _lead(lead))


def lead_updated(lead: Lead) -> Webhook:
    """`leads[update]`: something about the lead changed, its stage did not."""
    return _webhook("leads", "update", _lead(lead))


def lead_moved(lead: Lead, old_stage: int) -> Webhook:
    """`leads[status]`: the lead came from `old_stage` to its present one."""
    return _webhook("leads", "status", {**_lead(lead), "old_status_id": old_stage})


def contact_added(contact: Contact) -> Webhook:
    """`contacts[add]`: the client's name, and which lead is theirs."""
    fields: _Fields = {
        "id": contact.id,
        "name": contact.name,
        "responsible_user_id": contact.manager_id,
        "date_create": contact.created_at,
        "last_modified": contact.updated_at,
        "created_user_id": contact.manager_id,
        "modified_user_id": contact.manager_id,
        "account_id": _ACCOUNT_ID,
        f"linked_leads_id/{contact.lead_id}/ID": contact.lead_id,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "type": "contact",
    }
    return _webhook("contacts", "add", fields)


def task_added(task: Task) -> Webhook:
    """`task[add]`: a manager set a task (the key is singular)."""
    return _webhook("task", "add", _task(task))


def task_updated(task: Task) -> Webhook:
    """`task[update]`: the task was closed or moved; amoCRM has no event of their own for these."""
    closed = int(task.completed)
    return _webhook("task", "update", {**_task(task), "action_close": closed, "old_text": task.text})


def _lead(lead: Lead) -> _Fields:
    fields: dict[str, str | int] = {
        "id": lead.id,
        "name": lead.name,
        "status_id": lead.stage,
        "price": lead.price,
        "responsible_user_id": lead.manager_id,
        "last_modified": lead.updated_at,
        "modified_user_id": lead.manager_id,
        "created_user_id": lead.manager_id,
        "date_create": lead.created_at,
        "pipeline_id": _PIPELINE_ID,
        "account_id": _ACCOUNT_ID,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
    }
    if lead.reason is not None:
        fields["custom_fields/0/id"] = _REASON_FIELD_ID
        fields["custom_fields/0/name"] = REASON_FIELD
        fields["custom_fields/0/values/0/value"] = lead.reason
    return fields


def _task(task: Task) -> _Fields:
    return {
        "id": task.id,
        "element_id": task.lead_id,
        "element_type": _TO_LEAD,
        "task_type": _CALL,
        "date_create": _utc(task.created_at),
        "text": task.text,
        "status": int(task.completed),
        "account_id": _ACCOUNT_ID,
        "created_user_id": task.manager_id,
        "last_modified": _utc(task.updated_at),
        "responsible_user_id": task.manager_id,
        "complete_till": _utc(task.due_at),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "complete_before": task.due_at,
    }


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _webhook(
    entity: Literal["leads", "contacts", "task"], action: Literal["add", "update", "status"], fields: _Fields
) -> Webhook:
    return Webhook(urlencode(list(_pairs(entity, action, fields))).encode("ascii"))


def _pairs(entity: str, action: str, fields: _Fields) -> Iterator[tuple[str, str]]:
    yield "account[subdomain]", SUBDOMAIN
    yield "account[id]", str(_ACCOUNT_ID)
    yield "account[_links][self]", f"https://{SUBDOMAIN}.amocrm.ru"
    for path, value in fields.items():
        brackets = path.replace("/", "][")
        yield f"{entity}[{action}][0][{brackets}]", str(value)
