"""The office's records in the form of Bitrix24's REST API.

Source: bitrix24/b24restdocs: crm/universal/object-fields.md and crm-item-get.md, crm/deals/crm-deal-get.md,
crm/status/crm-status-list.md, crm/universal/category/crm-category-list.md, tasks/fields.md and
tasks-task-get.md, crm/timeline/activities/activity-base/crm-activity-list.md, user/user-get.md.

`closedate` is the day on which a deal closed; while the deal is open, it is the expected day. In the classic
mode of the CRM some of the office's deals are leads (crm/leads/index.md). A template of recurring deals is
among the deals, marked as such. An activity is bound to several records, and its owner is one of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from service.demo.crms.bitrix24.query import PORTAL, Object, iso
from service.demo.crms.bitrix24.stages import SEMANTICS, Stages
from service.demo.office import Client, Deal, Office, Second, Task

DAY: Final = 86_400
LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
"""Types of CRM entities."""

_ABBREVIATED: Final = {LEAD: "L", DEAL: "D", CONTACT: "C", COMPANY: "CO"}

MIRRORED: Final = 1_000_000
"""The difference between the id of a mirroring activity and its task's."""


class Renderer:
    """Renders records.

    Args:
        todos: Whether a task on a deal or a client is a to-do of the CRM instead of a task of the portal.
        classic: Whether the CRM has leads.
    """

    def __init__(self, office: Office, todos: bool, classic: bool) -> None:
        self.office = office
        self.todos = todos
        self.stages = Stages(office, self.is_lead)
        self._classic = classic
        self._rendered: dict[int, tuple[Deal, Object]] = {}

    def is_lead(self, deal: Deal) -> bool:
        """Whether a deal of the office is a lead here."""
        return self._classic and deal.id % 5 == 0

    def leads(self) -> list[Object]:
        """The leads that are not deleted, in the form of `crm.item.*`."""
        return [self.deal(d) for d in self.office.deals.values() if not d.deleted and self.is_lead(d)]

    def deals(self) -> list[Object]:
        """The deals that are not deleted, in the form of `crm.item.*`; the first is a template."""
        deals = [d for d in self.office.deals.values() if not d.deleted and not self.is_lead(d)]
        template = [{**self.deal(deals[0]), "id": 7, "isRecurring": "Y"}] if deals else []
        return [*template, *(self.deal(deal) for deal in deals)]

    def deal(self, deal: Deal) -> Object:
        """A deal or a lead. It is rendered again only after a change."""
        known = self._rendered.get(deal.id)
        if known is None or known[0] is not deal:
            known = self._rendered[deal.id] = (
                deal,
                self._lead(deal) if self.is_lead(deal) else self._deal(deal),
            )
        return known[1]

    def _lead(self, deal: Deal) -> Object:
        return {
            **self._of_both(deal),
            "dateClosed": iso(deal.closed_at),
            "isConvert": "Y" if deal.status == "won" else "N",
            "statusDescription": "",
            "sourceDescription": None,
            "name": deal.name.partition(" ")[0],
            "lastName": None,
        }

    def _deal(self, deal: Deal) -> Object:
        return {
            **self._of_both(deal),
            "categoryId": deal.pipeline_id,
            "typeId": "SALE",
            "taxValue": 0,
            "probability": None,
            "begindate": _date(deal.created_at),
            "closedate": _date(deal.created_at + 7 * DAY if deal.closed_at is None else deal.closed_at),
            "closed": "N" if deal.status == "open" else "Y",
            "isNew": "N",
            "isRecurring": "N",
            "previousStageId": self.stages.previous(deal),
            "leadId": 0,
        }

    def _of_both(self, deal: Deal) -> Object:
        client = None if deal.client_id is None else self.office.clients[deal.client_id]
        contact_id = client.id if client and not client.company else 0
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
            "stageId": self.stages.stage(deal),
            "stageSemanticId": SEMANTICS[deal.status],
            "title": deal.name,
            "opportunity": _number(deal.amount),
            "isManualOpportunity": "Y",
            "currencyId": "RUB",
            "movedBy": deal.manager_id,
            "movedTime": iso(self.stages.moved_at(deal)),
            "lastActivityBy": deal.manager_id,
            "lastActivityTime": iso(deal.updated_at),
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
            "fm": [{"id": client.id, "typeId": "PHONE", "valueType": "WORK", "value": client.phone}]
            if client.phone
            else [],
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
        bindings = self.bindings(task)
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
            "UF_CRM_TASK": [f"{_ABBREVIATED[kind]}_{id}" for kind, id in bindings] or False,
        }

    def bindings(self, task: Task) -> list[tuple[int, int]]:
        """The types and ids of the CRM's records that a task is on: a deal's client comes before the deal."""
        client_id, deals = task.client_id, list[tuple[int, int]]()
        if task.deal_id is not None:
            deal = self.office.deals[task.deal_id]
            client_id, deals = deal.client_id, [(LEAD if self.is_lead(deal) else DEAL, deal.id)]
        if client_id is None:
            return deals
        return [(COMPANY if self.office.clients[client_id].company else CONTACT, client_id), *deals]

    def activities(self) -> list[Object]:
        """The CRM's activities: to-dos, or mirrors of the portal's tasks on deals and clients."""
        return [
            self.activity(task, bindings)
            for task in self.office.tasks.values()
            if not task.deleted and (bindings := self.bindings(task))
        ]

    def activity(self, task: Task, bindings: list[tuple[int, int]]) -> Object:
        """An activity. Any of the records to which it is bound may be its owner."""
        todo = self.is_todo(task)
        kind, owner_id = bindings[task.id % len(bindings)]
        return {
            "ID": str(self.activity_id(task)),
            "OWNER_ID": str(owner_id),
            "OWNER_TYPE_ID": str(kind),
            "BINDINGS": [{"OWNER_TYPE_ID": str(kind), "OWNER_ID": str(id)} for kind, id in bindings],
            "TYPE_ID": "6",
            "PROVIDER_ID": "CRM_TODO" if todo else "CRM_TASKS_TASK",
            "PROVIDER_TYPE_ID": "TODO" if todo else "TASK",
            "PROVIDER_GROUP_ID": None,
            "ASSOCIATED_ENTITY_ID": "0" if todo else str(task.id),
            "ORIGIN_ID": None,
            "IS_INCOMING_CHANNEL": "N",
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
