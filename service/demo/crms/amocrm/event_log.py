"""amoCRM's log of events: its entries about an event of the office.

Source: amocrm.ru/developers/content/crm_platform/events-and-notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from service.demo.crms.amocrm.records import Entry, Object, due, entity_of, roubles, status_id
from service.demo.office import Client, Deal, Event, Task


def entries(event: Event) -> Iterator[Entry]:
    """The log's entries for an event. A loss reason, a client's link and a task's reopening leave none."""
    match event.after:
        case Deal() as deal:
            before = event.before
            assert before is None or isinstance(before, Deal)
            for kind, old, new in _lead_entries(event, before, deal):
                yield Entry(kind, "lead", deal.id, deal.manager_id, event.at, old, new)
        case Task() as task:
            before_task = event.before
            assert before_task is None or isinstance(before_task, Task)
            for kind, old, new in _task_entries(event, before_task, task):
                yield Entry(kind, "task", task.id, task.manager_id, event.at, old, new)
        case Client() as client:
            entity = entity_of(client).replace("ies", "y").removesuffix("s")
            noted: Object = {"note": {"id": client.id}}
            if event.kind == "added":
                yield Entry(f"{entity}_added", entity, client.id, 0, event.at, None, noted)
            else:
                old, new = _names(event.before, client)
                yield Entry("name_field_changed", entity, client.id, 0, event.at, old, new)


_Change: TypeAlias = tuple[str, Object | None, Object | None]


def _lead_entries(event: Event, before: Deal | None, deal: Deal) -> Iterator[_Change]:
    if before is None:
        yield "lead_added", None, {"note": {"id": deal.id}}
    elif event.kind in ("deleted", "restored"):
        yield f"lead_{event.kind}", None, None
    else:
        if status_id(before) != status_id(deal) or before.pipeline_id != deal.pipeline_id:
            yield "lead_status_changed", _stage(before), _stage(deal)
        if before.amount != deal.amount:
            yield "sale_field_changed", _sale(before), _sale(deal)
        if before.name != deal.name:
            yield "name_field_changed", *_names(before, deal)
        if before.manager_id != deal.manager_id:
            yield "entity_responsible_changed", _user(before), _user(deal)


def _task_entries(event: Event, before: Task | None, task: Task) -> Iterator[_Change]:
    if event.kind in ("added", "deleted", "completed"):
        yield f"task_{event.kind}", None, None
    elif before is not None and before.text != task.text:
        yield "task_text_changed", {"task": {"text": before.text}}, {"task": {"text": task.text}}
    elif before is not None and before.due_at != task.due_at:
        yield "task_deadline_changed", _deadline(before), _deadline(task)
    elif before is not None and before.manager_id != task.manager_id:
        yield "entity_responsible_changed", _user(before), _user(task)


def _stage(deal: Deal) -> Object:
    return {"lead_status": {"id": status_id(deal), "pipeline_id": deal.pipeline_id}}


def _sale(deal: Deal) -> Object:
    return {"sale_field_value": {"sale": roubles(deal)}}


def _names(before: Deal | Task | Client | None, after: Deal | Client) -> tuple[Object, Object]:
    assert isinstance(before, Deal | Client)
    return {"name_field_value": {"name": before.name}}, {"name_field_value": {"name": after.name}}


def _user(record: Deal | Task) -> Object:
    return {"responsible_user": {"id": record.manager_id}}


def _deadline(task: Task) -> Object:
    return {"task_deadline": {"timestamp": due(task)}}
