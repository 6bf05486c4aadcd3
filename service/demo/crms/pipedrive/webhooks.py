"""Pipedrive's webhooks about an event, in version 2.0 and in the older 1.0.

Sources: Pipedrive's guide for webhooks v2 and its migration guide, whose examples were captured; for v1,
captured deliveries. A body of v2 has the object in `data`, and in `previous` only the old values of
what changed; a body of v1 has both in full. Moments are RFC 3339 in v2 and naive UTC in v1.
"""

from __future__ import annotations

import json
from typing import Final, Literal, TypeAlias
from uuid import UUID

from service.demo.crms.pipedrive.records import (
    ADMIN,
    Json,
    activity_json,
    client_json,
    client_of,
    deal_json,
    due_date,
    due_time,
    major,
    organization_of,
    person_of,
    rfc3339,
    stage_of,
    status_of,
)
from service.demo.office import Client, Deal, Event, Office, OfficeRecord, Task

COMPANY: Final = 8_087_566
HOST: Final = "zerno.pipedrive.com"

Action: TypeAlias = Literal["create", "change", "delete"]

_ONLY_IN_API: Final = frozenset(
    {
        "acv",
        "archive_time",
        "arr",
        "busy",
        "conference_meeting_client",
        "conference_meeting_id",
        "conference_meeting_url",
        "is_archived",
        "is_deleted",
        "marked_as_done_time",
        "mrr",
        "note",
        "participants",
        "priority",
        "project_id",
    }
)
_OLD_ACTIONS: Final = {"create": "added", "change": "updated", "delete": "deleted"}


def action_of(event: Event) -> Action:
    """Pipedrive's name of an event. A deleted deal that is restored has changed."""
    return "create" if event.before is None else "delete" if event.kind == "deleted" else "change"


def object_of(record: OfficeRecord) -> str:
    """Pipedrive's name of a record's type."""
    if isinstance(record, Client):
        return "organization" if record.company else "person"
    return "deal" if isinstance(record, Deal) else "activity"


def body_v2(
    office: Office, event: Event, hook: int, number: int, millis: int, company: int = COMPANY
) -> Json:
    """A body of version 2.0. The number is the event's, the same in all webhooks about it.

    Args:
        millis: When it happened, in milliseconds since 1970.
    """
    action, entity = action_of(event), object_of(event.after)
    old = None if event.before is None else data(office, event.before, first=False)
    new = data(office, event.after, first=event.before is None)
    if action == "change" and old is not None:
        old = {name: value for name, value in old.items() if new[name] != value}
    return {
        "data": None if action == "delete" else new,
        "previous": old,
        "meta": {
            "action": action,
            "company_id": str(company),
            "correlation_id": str(UUID(int=2**100 + number)),
            "entity_id": str(event.id),
            "entity": entity,
            "id": str(UUID(int=2**101 + number)),
            "is_bulk_edit": False,
            "timestamp": f"{rfc3339(millis // 1000)}".replace("Z", f".{millis % 1000:03d}Z"),
            "type": "general",
            "user_id": str(ADMIN),
            "version": "2.0",
            "webhook_id": str(hook),
            "webhook_owner_id": str(ADMIN),
            "change_source": "app",
            "permitted_user_ids": [str(user_id) for user_id in office.managers],
            "attempt": 1,
            "host": HOST,
        },
    }


def data(office: Office, record: OfficeRecord, first: bool) -> Json:
    """An object in a body of v2. A new deal has no `update_time` yet."""
    if isinstance(record, Client):
        return _posted(client_json(record))
    if isinstance(record, Deal):
        deal = _posted(deal_json(office, record))
        deal |= {"first_won_time": deal["won_time"], "visible_to": "3"}
        return {**deal, "update_time": None} if first else deal
    activity = _posted(activity_json(office, record))
    del activity["creator_user_id"]
    activity |= {"active_flag": not record.deleted, "busy_flag": None, "update_user_id": None}
    return {**activity, "custom_fields": {}, "public_description": "", "due_time": _zoned(record, first)}


def _posted(record: Json) -> Json:
    return {name: value for name, value in record.items() if name not in _ONLY_IN_API}


def _zoned(task: Task, first: bool) -> Json | None:
    """A due time. Without one, a new activity has null, and a changed one an empty object."""
    time = due_time(task)
    if time is None:
        return None if first else {"timezone_id": None, "value": ""}
    return {"timezone_id": None, "value": time.removesuffix(":00")}


def body_v1(office: Office, event: Event, hook: int, millis: int) -> Json:
    """A body of version 1.0; see `body_v2`."""
    action, entity = _OLD_ACTIONS[action_of(event)], object_of(event.after)
    matches: Json = {"current": []}
    meta = {
        "v": 1,
        "action": action,
        "object": entity,
        "id": event.id,
        "company_id": COMPANY,
        "user_id": ADMIN,
        "host": HOST,
        "timestamp": millis // 1000,
        "timestamp_micro": millis * 1000,
        "permitted_user_ids": list(office.managers),
        "trans_pending": False,
        "is_bulk_update": False,
        "pipedrive_service_name": False,
        "change_source": "app",
        "matches_filters": matches,
        "webhook_id": str(hook),
    }
    return {
        "v": 1,
        "matches_filters": matches,
        "meta": meta,
        "current": None if action == "deleted" else data_v1(office, event.after),
        "previous": None if event.before is None else data_v1(office, event.before),
        "event": f"{action}.{entity}",
        "retry": 0,
    }


def data_v1(office: Office, record: OfficeRecord) -> Json:
    """An object in a body of v1, without the fields that a board has no use for."""
    times = {"add_time": _naive(record.created_at), "update_time": _naive(record.updated_at)}
    if isinstance(record, Client):
        return {"id": record.id, "name": record.name, "owner_id": ADMIN, "active_flag": True, **times}
    client_id = record.client_id if isinstance(record, Deal) else client_of(office, record)
    common: Json = {
        "id": record.id,
        "company_id": COMPANY,
        "user_id": record.manager_id,
        "owner_name": office.managers[record.manager_id],
        "person_id": person_of(office, client_id),
        "org_id": organization_of(office, client_id),
        "person_name": _name(office, person_of(office, client_id)),
        "org_name": _name(office, organization_of(office, client_id)),
        **times,
    }
    return {**common, **(_task_v1(record) if isinstance(record, Task) else _deal_v1(record))}


def _task_v1(task: Task) -> Json:
    return {
        "subject": task.text,
        "type": "call",
        "done": task.completed,
        "due_date": due_date(task),
        "due_time": (due_time(task) or "").removesuffix(":00"),
        "duration": "",
        "deal_id": task.deal_id,
        "marked_as_done_time": _naive(task.completed_at) or "",
        "active_flag": not task.deleted,
    }


def _deal_v1(deal: Deal) -> Json:
    return {
        "creator_user_id": ADMIN,
        "title": deal.name,
        "value": major(deal.amount),
        "currency": "RUB",
        "stage_id": stage_of(deal.pipeline_id),
        "pipeline_id": deal.pipeline_id,
        "status": status_of(deal),
        "lost_reason": deal.reason,
        "active": deal.status == "open" and not deal.deleted,
        "deleted": deal.deleted,
        "close_time": _naive(deal.closed_at),
        "won_time": _naive(deal.closed_at) if deal.status == "won" else None,
        "lost_time": _naive(deal.closed_at) if deal.status == "lost" else None,
        "stage_change_time": None,
        "expected_close_date": None,
        "visible_to": "3",
    }


def packed(body: Json) -> bytes:
    """A body as bytes."""
    return json.dumps(body, ensure_ascii=False).encode()


def _naive(moment: int | None) -> str | None:
    text = rfc3339(moment)
    return None if text is None else text.replace("T", " ").removesuffix("Z")


def _name(office: Office, client_id: int | None) -> str | None:
    return None if client_id is None else office.clients[client_id].name
