"""The office's records in the form of Bitrix24's REST API.

Source: bitrix24/b24restdocs: crm/universal/object-fields.md and crm-item-get.md, crm/deals/crm-deal-get.md,
crm/status/crm-status-list.md, crm/universal/category/crm-category-list.md, tasks/fields.md and
tasks-task-get.md, crm/timeline/activities/activity-base/crm-activity-list.md, user/user-get.md.

A lost deal's reason is its stage: every reason is a stage in every pipeline, and a deal lost without a reason
is in the portal's own one. `closedate` is the day on which a deal closed; while the deal is open, it is the
expected day.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from service.demo.crms.bitrix24.query import PORTAL, Json, Object, iso
from service.demo.office import Client, Deal, Event, Office, Second, Task

DAY: Final = 86_400
DEAL, CONTACT, COMPANY = 2, 3, 4
"""Types of CRM entities."""

MIRRORED: Final = 1_000_000
"""The difference between the id of a mirroring activity and its task's."""

_BEGIN: Final = {"P": "process", "S": "success", "F": "failure"}


class Renderer:
    """Renders records. It must exist before the first event, because it remembers when deals changed stages.

    Args:
        todos: Whether a task on a deal or a client is a to-do of the CRM instead of a task of the portal.
    """

    def __init__(self, office: Office, todos: bool) -> None:
        self.office = office
        self.todos = todos
        self._moved: dict[int, tuple[Second, str]] = {}
        self._rendered: dict[int, tuple[Deal, Object]] = {}
        office.listeners.append(self._watch)

    def _watch(self, event: Event) -> None:
        if isinstance(event.after, Deal) and isinstance(event.before, Deal):
            before = self.stage(event.before)
            if before != self.stage(event.after):
                self._moved[event.id] = event.at, before

    def stage(self, deal: Deal) -> str:
        """A deal's stage."""
        prefix = f"C{deal.pipeline_id}:" if deal.pipeline_id else ""
        reason_id = self.office.reason_id(deal.reason)
        if deal.status == "lost":
            return f"{prefix}LOSE" if reason_id is None else f"{prefix}UC_R{reason_id:05d}"
        return prefix + {"won": "WON", "open": "EXECUTING"}[deal.status]

    def statuses(self) -> list[Object]:
        """The stages of all pipelines, in the form of `crm.status.list`."""
        statuses: list[Object] = []
        for pipeline_id in self.office.pipelines:
            stages = [
                ("NEW", "Новая", "P"),
                ("EXECUTING", "В работе", "P"),
                ("WON", "Сделка успешна", "S"),
                ("LOSE", "Сделка провалена", "F"),
                *((f"UC_R{reason_id:05d}", name, "F") for reason_id, name in self.office.reasons.items()),
            ]
            for n, (code, name, semantics) in enumerate(stages, start=1):
                statuses.append(self._status(pipeline_id, 100 * pipeline_id + n, code, name, semantics, n))
        return statuses

    @staticmethod
    def _status(pipeline_id: int, id: int, code: str, name: str, semantics: str, n: int) -> Object:
        system = code in ("NEW", "WON", "LOSE")
        extra = "apology" if semantics == "F" and not system else _BEGIN[semantics]
        return {
            "ID": str(1000 + id),
            "ENTITY_ID": f"DEAL_STAGE_{pipeline_id}" if pipeline_id else "DEAL_STAGE",
            "STATUS_ID": f"C{pipeline_id}:{code}" if pipeline_id else code,
            "NAME": name,
            "NAME_INIT": name if system else "",
            "SORT": str(10 * n),
            "SYSTEM": "Y" if system else "N",
            "CATEGORY_ID": str(pipeline_id) if pipeline_id else None,
            "COLOR": "#39A8EF",
            "SEMANTICS": None if semantics == "P" else semantics,
            "EXTRA": {"SEMANTICS": extra, "COLOR": "#39A8EF"},
        }

    def categories(self) -> list[Json]:
        """The pipelines; the one with id 0 is the portal's default."""
        return [
            {
                "id": pipeline_id,
                "name": name,
                "sort": 200,
                "entityTypeId": DEAL,
                "isDefault": "N" if pipeline_id else "Y",
                **({"originId": "", "originatorId": ""} if pipeline_id else {}),
            }
            for pipeline_id, name in self.office.pipelines.items()
        ]

    def deals(self) -> list[Object]:
        """The deals that are not deleted, in the form of `crm.item.*`."""
        return [self.deal(deal) for deal in self.office.deals.values() if not deal.deleted]

    def deal(self, deal: Deal) -> Object:
        """A deal. It is rendered again only after a change."""
        known = self._rendered.get(deal.id)
        if known is None or known[0] is not deal:
            known = self._rendered[deal.id] = deal, self._deal(deal)
        return known[1]

    def _deal(self, deal: Deal) -> Object:
        client = None if deal.client_id is None else self.office.clients[deal.client_id]
        contact_id = client.id if client and not client.company else 0
        moved_at, previous = self._moved.get(deal.id, (deal.created_at, ""))
        return {
            "id": deal.id,
            "createdTime": iso(deal.created_at),
            "updatedTime": iso(deal.updated_at),
            "createdBy": deal.manager_id,
            "updatedBy": deal.manager_id,
            "assignedById": deal.manager_id,
            "opened": "Y",
            "companyId": client.id if client and client.company else 0,
            "contactId": contact_id,
            "stageId": self.stage(deal),
            "stageSemanticId": {"open": "P", "won": "S", "lost": "F"}[deal.status],
            "categoryId": deal.pipeline_id,
            "title": deal.name,
            "typeId": "SALE",
            "opportunity": _number(deal.amount),
            "isManualOpportunity": "Y",
            "taxValue": 0,
            "currencyId": "RUB",
            "probability": None,
            "begindate": _date(deal.created_at),
            "closedate": _date(deal.created_at + 7 * DAY if deal.closed_at is None else deal.closed_at),
            "closed": "N" if deal.status == "open" else "Y",
            "isNew": "N",
            "isRecurring": "N",
            "movedBy": deal.manager_id,
            "movedTime": iso(moved_at),
            "previousStageId": previous,
            "lastActivityBy": deal.manager_id,
            "lastActivityTime": iso(deal.updated_at),
            "leadId": 0,
            "sourceId": "CALL",
            "comments": "",
            "observers": [],
            "contactIds": [contact_id] if contact_id else [],
        }

    def clients(self, company: bool) -> list[Object]:
        """The contacts or the companies, in the form of `crm.item.*`."""
        return [self.client(client) for client in self.office.clients.values() if client.company == company]

    def client(self, client: Client) -> Object:
        """A contact, or a company."""
        first, _, last = client.name.partition(" ")
        person: Object = {"name": first, "secondName": None, "lastName": last, "companyId": 0}
        manager_id = next(iter(self.office.managers))
        return {
            "id": client.id,
            "createdTime": iso(client.created_at),
            "updatedTime": iso(client.updated_at),
            "createdBy": manager_id,
            "updatedBy": manager_id,
            "assignedById": manager_id,
            "opened": "Y",
            **({"title": client.name, "isMyCompany": "N"} if client.company else person),
        }

    def users(self) -> list[Object]:
        """The managers."""
        return [
            {
                "ID": str(user_id),
                "ACTIVE": True,
                "NAME": name.partition(" ")[0],
                "LAST_NAME": name.partition(" ")[2],
                "SECOND_NAME": "",
                "EMAIL": f"user{user_id}@example.com",
                "IS_ONLINE": "N",
                "WORK_POSITION": "",
                "UF_DEPARTMENT": [1],
                "USER_TYPE": "employee",
            }
            for user_id, name in self.office.managers.items()
        ]

    def is_todo(self, task: Task) -> bool:
        """Whether a task is a to-do of the CRM."""
        return self.todos and (task.deal_id is not None or task.client_id is not None)

    def tasks(self) -> list[Object]:
        """The portal's tasks that are not deleted, with the upper-case names of requests."""
        return [self.task(t) for t in self.office.tasks.values() if not t.deleted and not self.is_todo(t)]

    def task(self, task: Task) -> Object:
        """A task of the portal. Answers call REAL_STATUS `status`, and STATUS `subStatus`."""
        owner = self.owner(task)
        overdue = task.due_at is not None and not task.completed and task.due_at <= self.office.now()
        status = "5" if task.completed else "2"
        return {
            "ID": str(task.id),
            "PARENT_ID": None,
            "TITLE": task.text,
            "DESCRIPTION": "",
            "MARK": None,
            "PRIORITY": "1",
            "REAL_STATUS": status,
            "STATUS": "-1" if overdue else status,
            "GROUP_ID": "0",
            "CREATED_BY": str(task.manager_id),
            "CREATED_DATE": iso(task.created_at),
            "RESPONSIBLE_ID": str(task.manager_id),
            "CHANGED_BY": str(task.manager_id),
            "CHANGED_DATE": iso(task.updated_at),
            "CLOSED_BY": str(task.manager_id) if task.completed else None,
            "CLOSED_DATE": iso(task.completed_at),
            "ACTIVITY_DATE": iso(task.updated_at),
            "DEADLINE": iso(task.due_at),
            "UF_CRM_TASK": [f"{({DEAL: 'D', CONTACT: 'C', COMPANY: 'CO'})[owner[0]]}_{owner[1]}"]
            if owner
            else False,
        }

    def owner(self, task: Task) -> tuple[int, int] | None:
        """The type and the id of the CRM entity that a task is on."""
        if task.deal_id is not None:
            return DEAL, task.deal_id
        if task.client_id is None:
            return None
        return COMPANY if self.office.clients[task.client_id].company else CONTACT, task.client_id

    def activities(self) -> list[Object]:
        """The CRM's activities: to-dos, or mirrors of the portal's tasks on deals and clients."""
        return [
            self.activity(task, owner)
            for task in self.office.tasks.values()
            if not task.deleted and (owner := self.owner(task))
        ]

    def activity(self, task: Task, owner: tuple[int, int]) -> Object:
        """An activity."""
        todo = self.is_todo(task)
        return {
            "ID": str(self.activity_id(task)),
            "OWNER_ID": str(owner[1]),
            "OWNER_TYPE_ID": str(owner[0]),
            "TYPE_ID": "6",
            "PROVIDER_ID": "CRM_TODO" if todo else "CRM_TASKS_TASK",
            "PROVIDER_TYPE_ID": "TODO" if todo else "TASK",
            "PROVIDER_GROUP_ID": None,
            "ASSOCIATED_ENTITY_ID": "0" if todo else str(task.id),
            "SUBJECT": task.text,
            "CREATED": iso(task.created_at),
            "LAST_UPDATED": iso(task.updated_at),
            "START_TIME": iso(task.created_at),
            "END_TIME": iso(task.due_at),
            "DEADLINE": iso(task.due_at),
            "COMPLETED": "Y" if task.completed else "N",
            "STATUS": "2" if task.completed else "1",
            "RESPONSIBLE_ID": str(task.manager_id),
            "PRIORITY": "2",
            "DESCRIPTION": "",
            "DESCRIPTION_TYPE": "1",
            "DIRECTION": "0",
            "AUTHOR_ID": str(task.manager_id),
            "EDITOR_ID": str(task.manager_id),
        }

    def activity_id(self, task: Task) -> int:
        """The id of a to-do, or of the activity that mirrors a task."""
        return task.id if self.is_todo(task) else task.id + MIRRORED


def _number(minor: int) -> int | float:
    """An amount in JSON: an integer where it is whole."""
    whole, rest = divmod(minor, 100)
    return minor / 100 if rest else whole


def _date(second: Second) -> str:
    """A day as the portal writes it: midnight of UTC in the portal's zone."""
    day = datetime.fromtimestamp(second, UTC).astimezone(PORTAL).date()
    return f"{day.isoformat()}T03:00:00+03:00"
