"""Pipedrive's records: deals, activities, clients, pipelines, stages and users, in the form of its API.

Sources: Pipedrive's OpenAPI of v2 (deals, activities, persons, organizations, pipelines, stages) and of v1
(users). Amounts are numbers of whole units, ids are numbers, moments are RFC 3339 in UTC; an activity's due
time and its date are two fields, in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, TypeAlias

from service.demo.office import Client, Deal, Office, Second, Task

Json: TypeAlias = dict[str, object]

ADMIN: Final = 31
"""The user whose token the API takes, and who owns the webhooks."""

_LONG_AGO: Final = 1_704_787_200


def rfc3339(moment: Second | None) -> str | None:
    """A moment in v2."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def major(amount: int) -> int | float:
    """Minor units as Pipedrive's number of major units."""
    return amount // 100 if amount % 100 == 0 else amount / 100


def person_of(office: Office, client_id: int | None) -> int | None:
    """The client, if it is a person."""
    return client_id if client_id is not None and not office.clients[client_id].company else None


def organization_of(office: Office, client_id: int | None) -> int | None:
    """The client, if it is an organization."""
    return client_id if client_id is not None and office.clients[client_id].company else None


def client_of(office: Office, task: Task) -> int | None:
    """The client that an activity is linked to: an activity on a deal has the deal's."""
    return task.client_id if task.deal_id is None else office.deals[task.deal_id].client_id


def stage_of(pipeline_id: int) -> int:
    """The stage in which a pipeline's deals are. A lost deal stays in its stage."""
    return pipeline_id * 10 + 1


def status_of(deal: Deal) -> str:
    """A deal's status; a deleted one's is `deleted`."""
    return "deleted" if deal.deleted else deal.status


def deal_json(office: Office, deal: Deal) -> Json:
    """A deal."""
    return {
        "id": deal.id,
        "title": deal.name,
        "creator_user_id": ADMIN,
        "owner_id": deal.manager_id,
        "value": major(deal.amount),
        "person_id": person_of(office, deal.client_id),
        "org_id": organization_of(office, deal.client_id),
        "stage_id": stage_of(deal.pipeline_id),
        "pipeline_id": deal.pipeline_id,
        "currency": "RUB",
        "archive_time": None,
        "add_time": rfc3339(deal.created_at),
        "update_time": rfc3339(deal.updated_at),
        "stage_change_time": None,
        "status": status_of(deal),
        "is_archived": False,
        "is_deleted": deal.deleted,
        "probability": None,
        "lost_reason": deal.reason,
        "visible_to": 3,
        "close_time": rfc3339(deal.closed_at),
        "won_time": rfc3339(deal.closed_at) if deal.status == "won" else None,
        "lost_time": rfc3339(deal.closed_at) if deal.status == "lost" else None,
        "expected_close_date": None,
        "label_ids": [],
        "origin": "ManuallyCreated",
        "origin_id": None,
        "channel": None,
        "channel_id": None,
        "arr": None,
        "mrr": None,
        "acv": None,
        "custom_fields": {},
    }


def due_date(task: Task) -> str | None:
    """The day on which an activity is due, in UTC."""
    due = rfc3339(task.due_at)
    return None if due is None else due[:10]


def due_time(task: Task) -> str | None:
    """The time of that day, in UTC."""
    due = rfc3339(task.due_at)
    return None if due is None else due[11:19]


def activity_json(office: Office, task: Task) -> Json:
    """An activity."""
    client_id = client_of(office, task)
    person_id = person_of(office, client_id)
    return {
        "id": task.id,
        "subject": task.text,
        "type": "call",
        "owner_id": task.manager_id,
        "creator_user_id": ADMIN,
        "is_deleted": task.deleted,
        "add_time": rfc3339(task.created_at),
        "update_time": rfc3339(task.updated_at),
        "deal_id": task.deal_id,
        "lead_id": None,
        "person_id": person_id,
        "org_id": organization_of(office, client_id),
        "project_id": None,
        "due_date": due_date(task),
        "due_time": due_time(task),
        "duration": None,
        "busy": False,
        "done": task.completed,
        "marked_as_done_time": rfc3339(task.completed_at),
        "location": None,
        "participants": [] if person_id is None else [{"person_id": person_id, "primary": True}],
        "conference_meeting_client": None,
        "conference_meeting_url": None,
        "conference_meeting_id": None,
        "public_description": None,
        "priority": None,
        "note": None,
    }


def client_json(client: Client) -> Json:
    """A person, or an organization."""
    record: Json = {
        "id": client.id,
        "name": client.name,
        "owner_id": ADMIN,
        "add_time": rfc3339(client.created_at),
        "update_time": rfc3339(client.updated_at),
        "is_deleted": False,
        "visible_to": 3,
        "label_ids": [],
        "custom_fields": {},
    }
    if client.company:
        return {**record, "address": None}
    first, _, last = client.name.partition(" ")
    names = {"first_name": first, "last_name": last or None}
    phones = [{"label": "work", "primary": True, "value": client.phone}]
    return {**record, **names, "org_id": None, "emails": [], "phones": phones, "picture_id": None}


def pipeline_json(id: int, name: str, order: int) -> Json:
    """A pipeline."""
    pipeline = {
        "id": id,
        "name": name,
        "order_nr": order,
        "is_deleted": False,
        "is_deal_probability_enabled": False,
    }
    return {**pipeline, "add_time": rfc3339(_LONG_AGO), "update_time": None}


def stage_json(pipeline_id: int) -> Json:
    """A pipeline's stage."""
    stage: Json = {"id": stage_of(pipeline_id), "order_nr": 1, "name": "В работе", "pipeline_id": pipeline_id}
    stage |= {
        "is_deleted": False,
        "deal_probability": 100,
        "is_deal_rot_enabled": False,
        "days_to_rotten": None,
    }
    return {**stage, "add_time": rfc3339(_LONG_AGO), "update_time": None}


def user_json(id: int, name: str) -> Json:
    """A user in v1: moments have neither zone nor `T`."""
    return {
        "id": id,
        "name": name,
        "default_currency": "RUB",
        "locale": "ru_RU",
        "lang": 1,
        "email": f"m{id}@office.example",
        "phone": None,
        "activated": True,
        "last_login": "2026-11-23 07:30:00",
        "created": "2024-01-09 08:00:00",
        "modified": "2024-01-09 08:00:00",
        "has_created_company": id == ADMIN,
        "access": [
            {
                "app": "sales",
                "admin": id == ADMIN,
                "permission_set_id": "c0ffee00-0000-4000-8000-000000000000",
            }
        ],
        "active_flag": True,
        "timezone_name": "Europe/Moscow",
        "timezone_offset": "+03:00",
        "role_id": 1,
        "icon_url": None,
        "is_you": id == ADMIN,
        "is_deleted": False,
    }
