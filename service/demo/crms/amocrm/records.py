"""The office's records in the form of amoCRM's API v4.

Source: amocrm.ru/developers/content/crm_platform: leads-api, leads_pipelines, tasks-api, contacts-api,
companies-api, users-api; developers.kommo.com/reference.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, TypeAlias

from service.demo.office import Client, Deal, Event, Office, Second, Task

Json: TypeAlias = "str | int | float | bool | None | list[Json] | dict[str, Json]"
Object: TypeAlias = dict[str, Json]

WON: Final = 142
LOST: Final = 143
"""The two stages that every pipeline has."""

PHONE_FIELD: Final = 590_001  # of contacts, for telephone numbers; each account has another
ELEMENTS: Final = {"contacts": "1", "leads": "2", "companies": "3"}
_PATHS: Final = {"lead": "leads", "task": "tasks", "contact": "contacts", "company": "companies"}


@dataclass(frozen=True)
class Entry:
    """An entry of the log of events; its values before and after are lists of at most one change."""

    type: str
    entity_type: str
    entity_id: int
    created_by: int
    created_at: Second
    before: Object | None = None
    after: Object | None = None


class Renderer:
    """Renders records. It must exist before the first event, because it remembers the tasks of each deal.

    Args:
        origin: The account's address, such as `https://zerno.amocrm.ru`.
        account_id: The account's id.
    """

    def __init__(self, office: Office, origin: str, account_id: int) -> None:
        self.office = office
        self.origin = origin
        self.account_id = account_id
        self._tasks: dict[int, list[int]] = {}
        office.listeners.append(self._watch)

    def _watch(self, event: Event) -> None:
        if isinstance(event.after, Task) and event.before is None and event.after.deal_id is not None:
            self._tasks.setdefault(event.after.deal_id, []).append(event.id)

    def links(self, path: str) -> Object:
        """The `_links` of a resource at a path below `/api/v4`."""
        return {"self": {"href": f"{self.origin}/api/v4/{path}"}}

    def lead(self, deal: Deal, include: Collection[str]) -> Object:
        """A lead, with the parts that `with` names."""
        if deal.deleted:
            return {
                "id": deal.id,
                "updated_by": deal.manager_id,
                "updated_at": deal.updated_at,
                "is_deleted": True,
                "_links": self.links(f"leads/{deal.id}"),
            }
        tasks = [
            task.due_at
            for task in map(self.office.tasks.__getitem__, self._tasks.get(deal.id, ()))
            if task.due_at and not task.completed and not task.deleted
        ]
        return {
            "id": deal.id,
            "name": deal.name,
            "price": roubles(deal),
            "responsible_user_id": deal.manager_id,
            "group_id": 0,
            "status_id": status_id(deal),
            "pipeline_id": deal.pipeline_id,
            "loss_reason_id": self.office.reason_id(deal.reason),
            "source_id": None,
            "created_by": deal.manager_id,
            "updated_by": deal.manager_id,
            "created_at": deal.created_at,
            "updated_at": deal.updated_at,
            "closed_at": deal.closed_at,
            "closest_task_at": min(tasks, default=None),
            "is_deleted": False,
            "custom_fields_values": None,
            "score": None,
            "account_id": self.account_id,
            "_links": self.links(f"leads/{deal.id}"),
            "_embedded": self._embedded(deal, include),
        }

    def _embedded(self, deal: Deal, include: Collection[str]) -> Object:
        client = None if deal.client_id is None else self.office.clients[deal.client_id]
        embedded: Object = {"tags": [], "companies": []}
        if client and client.company:
            embedded["companies"] = [{"id": client.id, "_links": self.links(f"companies/{client.id}")}]
        if "contacts" in include:
            person = client and not client.company
            embedded["contacts"] = (
                [{"id": client.id, "is_main": True, "_links": self.links(f"contacts/{client.id}")}]
                if client and person
                else []
            )
        reason_id = self.office.reason_id(deal.reason)
        if "loss_reason" in include:
            embedded["loss_reason"] = [] if reason_id is None else [self.loss_reason(reason_id)]
        return embedded

    def loss_reason(self, reason_id: int) -> Object:
        """A loss reason."""
        return {
            "id": reason_id,
            "name": self.office.reasons[reason_id],
            "sort": 100_000,
            "created_at": 1_582_117_280,
            "updated_at": 1_582_117_280,
            "_links": self.links(f"leads/loss_reasons/{reason_id}"),
        }

    def pipeline(self, pipeline_id: int) -> Object:
        """A pipeline with its stages, including the two closing ones."""
        stages = [
            (open_stage(pipeline_id) - 1, "Неразобранное", 10, 1),
            (open_stage(pipeline_id), "Переговоры", 20, 0),
            (WON, "Успешно реализовано", 10_000, 0),
            (LOST, "Закрыто и не реализовано", 11_000, 0),
        ]
        path = f"leads/pipelines/{pipeline_id}"
        statuses: list[Json] = [
            {
                "id": stage,
                "name": name,
                "sort": sort,
                "is_editable": stage not in (WON, LOST) and not kind,
                "pipeline_id": pipeline_id,
                "color": "#d5d8db",
                "type": kind,
                "account_id": self.account_id,
                "_links": self.links(f"{path}/statuses/{stage}"),
            }
            for stage, name, sort, kind in stages
        ]
        return {
            "id": pipeline_id,
            "name": self.office.pipelines[pipeline_id],
            "sort": list(self.office.pipelines).index(pipeline_id) + 1,
            "is_main": pipeline_id == next(iter(self.office.pipelines)),
            "is_unsorted_on": True,
            "is_archive": False,
            "account_id": self.account_id,
            "_links": self.links(path),
            "_embedded": {"statuses": statuses},
        }

    def user(self, manager_id: int) -> Object:
        """A user, with the rights that every user has."""
        return {
            "id": manager_id,
            "name": self.office.managers[manager_id],
            "email": f"user{manager_id}@example.com",
            "lang": "ru",
            "rights": {
                "is_admin": False,
                "is_free": False,
                "is_active": True,
                "group_id": None,
                "role_id": None,
            },
            "_links": self.links(f"users/{manager_id}"),
        }

    def client(self, client: Client, include: Collection[str]) -> Object:
        """A contact, or a company, with the parts that `with` names."""
        path = f"{entity_of(client)}/{client.id}"
        person: Object = {} if client.company else {"first_name": client.name, "last_name": ""}
        embedded: Object = {"tags": []} if client.company else {"tags": [], "companies": []}
        if "leads" in include:
            deals = self.office.deals.values()
            leads = [deal.id for deal in deals if deal.client_id == client.id and not deal.deleted]
            embedded["leads"] = [{"id": lead, "_links": self.links(f"leads/{lead}")} for lead in leads]
        return {
            "id": client.id,
            "name": client.name,
            **person,
            "responsible_user_id": next(iter(self.office.managers)),
            "group_id": 0,
            "created_by": 0,
            "updated_by": 0,
            "created_at": client.created_at,
            "updated_at": client.updated_at,
            "closest_task_at": None,
            "is_deleted": False,
            **({} if client.company else {"is_unsorted": False}),
            "custom_fields_values": client.phone and [_phones(client.phone)],
            "account_id": self.account_id,
            "_links": self.links(path),
            "_embedded": embedded,
        }

    def task(self, task: Task) -> Object:
        """A task."""
        entity_type, entity_id = linked(self.office, task)
        return {
            "id": task.id,
            "created_by": task.manager_id,
            "updated_by": task.manager_id,
            "created_at": task.created_at,
            "updated_at": task.updated_at,
            "responsible_user_id": task.manager_id,
            "group_id": 0,
            "entity_id": entity_id,
            "entity_type": entity_type,
            "duration": 0,
            "is_completed": task.completed,
            "task_type_id": 1,
            "text": task.text,
            "result": [],
            "complete_till": due(task),
            "account_id": self.account_id,
            "_links": self.links(f"tasks/{task.id}"),
        }

    def event(self, number: int, entry: Entry) -> Object:
        """An entry of the log of events, by its number."""
        path = _PATHS[entry.entity_type]
        entity: Object = {"id": entry.entity_id, "_links": self.links(f"{path}/{entry.entity_id}")}
        return {
            "id": event_id(number),
            "type": entry.type,
            "entity_id": entry.entity_id,
            "entity_type": entry.entity_type,
            "created_by": entry.created_by,
            "created_at": entry.created_at,
            "value_after": [] if entry.after is None else [entry.after],
            "value_before": [] if entry.before is None else [entry.before],
            "account_id": self.account_id,
            "_links": self.links(f"events/{event_id(number)}"),
            "_embedded": {"entity": entity},
        }


def event_id(number: int) -> str:
    """The id of an entry of the log; ids sort in the order of the entries."""
    return f"01{number:024d}"


def open_stage(pipeline_id: int) -> int:
    """The stage of a pipeline's open leads."""
    return 60_000_002 + 10 * pipeline_id


def status_id(deal: Deal) -> int:
    """The stage that a lead is in."""
    return {"won": WON, "lost": LOST}.get(deal.status, open_stage(deal.pipeline_id))


def roubles(deal: Deal) -> int:
    """A lead's price, which the API gives as an integer."""
    price, kopecks = divmod(deal.amount, 100)
    assert not kopecks, "amoCRM keeps prices in whole roubles"
    return price


def due(task: Task) -> int:
    """A task's due time; amoCRM has no task without one."""
    assert task.due_at is not None, "amoCRM has no task without a due time"
    return task.due_at


def _phones(number: str) -> Json:
    """The field that every account has for telephone numbers."""
    field: Object = {"field_id": PHONE_FIELD, "field_name": "Телефон", "field_code": "PHONE"}
    return {**field, "field_type": "multitext", "values": [{"value": number, "enum_code": "WORK"}]}


def entity_of(client: Client) -> str:
    """The list that a client belongs to."""
    return "companies" if client.company else "contacts"


def linked(office: Office, task: Task) -> tuple[str | None, int]:
    """The type and the id of the entity that a task is on; None and 0 where it is on none."""
    if task.deal_id is not None:
        return "leads", task.deal_id
    if task.client_id is not None:
        return entity_of(office.clients[task.client_id]), task.client_id
    return None, 0
