"""The items of amoCRM's webhooks about an event of the office.

Source: amocrm.ru/developers/content/crm_platform/webhooks-format,
developers.kommo.com/docs/webhooks-general, and captured deliveries of 2023 to 2025. A lead's webhook has
neither its loss reason nor its contact, unless a custom field carries the reason. Every value is a string.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from service.demo.crms.amocrm.records import (
    ELEMENTS,
    PHONE_FIELD,
    due,
    linked,
    roubles,
    status_id,
)
from service.demo.office import Client, Deal, Event, Office, Second, Task

Fields: TypeAlias = dict[str, str]

REASON_FIELD_ID: Final = 640_113
"""The custom field that carries the loss reason."""


@dataclass(frozen=True)
class Item:
    """One item of a webhook: `leads[update][0]` with its fields.

    Args:
        setting: The subscription that it belongs to, such as `update_lead`.
    """

    setting: str
    entity: str
    action: str
    fields: Fields


def items(
    office: Office,
    event: Event,
    account_id: int,
    short: bool = False,
    unsorted: bool = False,
    reason_field: str | None = None,
) -> Iterator[Item]:
    """The items about an event; each is posted in a webhook of its own.

    Args:
        short: The webhook is one on a pipeline's stages: it has only ids, and only of leads that are added,
            moved or deleted.
        unsorted: A new lead is posted as an incoming lead that was accepted.
        reason_field: The lead's custom field that carries the loss reason.
    """
    match event.after:
        case Deal() as deal:
            before = event.before
            assert before is None or isinstance(before, Deal)
            if before is None and unsorted:
                yield _accepted(deal)
            elif short:
                yield from _short_lead_items(event, before, deal)
            else:
                yield from _lead_items(event, before, deal, _lead(deal, account_id, reason_field))
        case Task() as task:
            before_task = event.before
            assert before_task is None or isinstance(before_task, Task)
            yield _task_item(office, event, before_task, task, account_id)
        case Client() as client:
            yield _client_item(office, event, client, account_id)


def _lead_items(event: Event, before: Deal | None, deal: Deal, lead: Fields) -> Iterator[Item]:
    if before is None:
        yield Item("add_lead", "leads", "add", lead)
    elif event.kind == "deleted":
        yield Item("delete_lead", "leads", "delete", _staged(deal))
    elif event.kind == "restored":
        yield Item("restore_lead", "leads", "restore", lead)
    else:
        yield Item("update_lead", "leads", "update", lead)
        if status_id(before) != status_id(deal) or before.pipeline_id != deal.pipeline_id:
            moved = {**lead, "old_status_id": str(status_id(before))}
            yield Item("status_lead", "leads", "status", moved)
        if before.manager_id != deal.manager_id:
            handed = {**lead, "old_responsible_user_id": str(before.manager_id)}
            yield Item("responsible_lead", "leads", "responsible", handed)


def _short_lead_items(event: Event, before: Deal | None, deal: Deal) -> Iterator[Item]:
    if before is None:
        yield Item("add_lead", "leads", "add", _staged(deal))
    elif event.kind == "deleted":
        yield Item("delete_lead", "leads", "delete", _staged(deal))
    elif status_id(before) != status_id(deal) or before.pipeline_id != deal.pipeline_id:
        old = {"old_status_id": str(status_id(before)), "old_pipeline_id": str(before.pipeline_id)}
        yield Item("status_lead", "leads", "status", {**_staged(deal), **old})


def _accepted(deal: Deal) -> Item:
    """The item about an incoming lead that was accepted, as public receivers of it show: no lead is in it
    but its id."""
    fields = {"action": "accept", "uid": f"{deal.id:x}", "accept_result/leads/0": str(deal.id)}
    return Item("delete_unsorted", "unsorted", "delete", fields)


def _staged(deal: Deal) -> Fields:
    return {"id": str(deal.id), "status_id": str(status_id(deal)), "pipeline_id": str(deal.pipeline_id)}


def _lead(deal: Deal, account_id: int, reason_field: str | None) -> Fields:
    reason: Fields = {}
    if reason_field is not None and deal.reason is not None:
        field = "custom_fields/0"
        reason = {f"{field}/id": str(REASON_FIELD_ID), f"{field}/name": reason_field}
        reason[f"{field}/values/0/value"] = deal.reason
    return {
        "id": str(deal.id),
        "name": deal.name,
        "status_id": str(status_id(deal)),
        "price": str(roubles(deal)),
        "responsible_user_id": str(deal.manager_id),
        "last_modified": str(deal.updated_at),
        "modified_user_id": str(deal.manager_id),
        "created_user_id": str(deal.manager_id),
        "date_create": str(deal.created_at),
        "pipeline_id": str(deal.pipeline_id),
        "account_id": str(account_id),
        "created_at": str(deal.created_at),
        "updated_at": str(deal.updated_at),
        **reason,
    }


def _task_item(office: Office, event: Event, before: Task | None, task: Task, account_id: int) -> Item:
    if event.kind == "deleted":
        return Item("delete_task", "task", "delete", {"id": str(task.id)})
    entity_type, entity_id = linked(office, task)
    fields = {
        "id": str(task.id),
        "element_id": str(entity_id),
        "element_type": ELEMENTS[entity_type] if entity_type else "0",
        "task_type": "1",
        "date_create": _naive(task.created_at),
        "text": task.text,
        "status": "1" if task.completed else "0",
        "account_id": str(account_id),
        "created_user_id": str(task.manager_id),
        "last_modified": _naive(task.updated_at),
        "responsible_user_id": str(task.manager_id),
        "complete_till": _naive(due(task)),
        "created_at": str(task.created_at),
        "updated_at": str(task.updated_at),
        "complete_before": str(due(task)),
    }
    if before is None:
        return Item("add_task", "task", "add", fields)
    fields |= {"action_close": "1" if event.kind == "completed" else "0", "old_text": before.text}
    if before.manager_id != task.manager_id:
        fields["old_responsible_user_id"] = str(before.manager_id)
    return Item("update_task", "task", "update", fields)


def _client_item(office: Office, event: Event, client: Client, account_id: int) -> Item:
    """The item about a contact or a company, with the leads that it is linked to."""
    action = "add" if event.kind == "added" else "update"
    leads = [deal.id for deal in office.deals.values() if deal.client_id == client.id and not deal.deleted]
    manager_id = str(next(iter(office.managers)))
    fields = {
        "id": str(client.id),
        "name": client.name,
        "responsible_user_id": manager_id,
        "date_create": str(client.created_at),
        "last_modified": str(client.updated_at),
        "created_user_id": manager_id,
        "modified_user_id": manager_id,
        **({} if client.company else {"company_name": "", "linked_company_id": ""}),
        "account_id": str(account_id),
        **{f"linked_leads_id/{lead}/ID": str(lead) for lead in leads},
        **_phones(client),
        "type": "company" if client.company else "contact",
        "created_at": str(client.created_at),
        "updated_at": str(client.updated_at),
    }
    return Item(f"{action}_{fields['type']}", "contacts", action, fields)


def _phones(client: Client) -> Mapping[str, str]:
    """The field for telephone numbers; it is left out where it has no value."""
    if client.phone is None:
        return {}
    field = "custom_fields/0"
    named = {f"{field}/id": str(PHONE_FIELD), f"{field}/name": "Телефон", f"{field}/code": "PHONE"}
    return {**named, f"{field}/values/0/value": client.phone, f"{field}/values/0/enum": "1"}


def _naive(moment: Second) -> str:
    """A moment in UTC, without its zone."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
