"""The methods of Bitrix24's REST API that read deals, tasks and names.

Source: bitrix24/b24restdocs, the page of every method, with its errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from service.demo.crms.bitrix24.query import (
    ACTIVITIES,
    CRM,
    CRM_ITEMS,
    HISTORY,
    TASKS,
    Answer,
    CallError,
    Json,
    Object,
    Params,
    listed,
)
from service.demo.crms.bitrix24.records import COMPANY, CONTACT, DEAL, LEAD, Renderer
from service.demo.crms.php import values

Method: TypeAlias = Callable[[Params], Answer]

_NAMES: Final = {"REAL_STATUS": "status", "STATUS": "subStatus"}
"""The names in answers of two fields that requests call otherwise."""


class Api:
    """The methods by name."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        self.methods: Mapping[str, Method] = {
            "crm.item.list": self._items,
            "crm.category.list": self._categories,
            "crm.stagehistory.list": self._history,
            "crm.status.list": lambda params: _answer(
                listed(params, self.renderer.stages.statuses(), CRM, "ID")
            ),
            "crm.activity.list": self._activities,
            "user.get": self._users,
            "tasks.task.list": self._tasks,
        }

    def _records(self, entity_type_id: int | None) -> list[Object]:
        if entity_type_id == DEAL:
            return self.renderer.deals()
        if entity_type_id == LEAD:
            return self.renderer.leads()
        if entity_type_id in (CONTACT, COMPANY):
            return self.renderer.clients(company=entity_type_id == COMPANY)
        raise CallError("NOT_FOUND", "Smart process not found")

    def _items(self, params: Params) -> Answer:
        entity_type_id = params.whole("entityTypeId")
        rows, total, onwards = listed(params, self._records(entity_type_id), CRM_ITEMS, "id")
        selected = {str(name) for name in values(params.get("select"))}
        if not selected or "*" in selected:
            rows = [{**row, "entityTypeId": entity_type_id} for row in rows]
        return Answer({"items": [*rows]}, total, onwards)

    def _history(self, params: Params) -> Answer:
        entity_type_id = params.whole("entityTypeId")
        if entity_type_id not in (LEAD, DEAL):
            text = f"Entity type '{entity_type_id}' is not supported"
            raise CallError("ENTITY_TYPE_NOT_SUPPORTED", text)
        history = self.renderer.stages.history(leads=entity_type_id == LEAD)
        rows, total, onwards = listed(params, history, HISTORY, "ID")
        return Answer({"items": [*rows]}, total, onwards)

    def _categories(self, params: Params) -> Answer:
        self._records(params.whole("entityTypeId"))
        categories = self.renderer.stages.categories()
        return Answer({"categories": categories}, len(categories))

    def _activities(self, params: Params) -> Answer:
        return _answer(listed(params, self.renderer.activities(), ACTIVITIES, "ID"))

    def _users(self, params: Params) -> Answer:
        """Also takes the filter's fields as parameters, as in the method's own examples."""
        beside = {name: params.get(name) for name in ("ID", "ACTIVE", "NAME", "LAST_NAME", "USER_TYPE")}
        given = {name: value for name, value in beside.items() if value is not None}
        wanted = {**params.mapping("filter"), **given}
        users = [{**user, "ACTIVE": "Y"} for user in self.renderer.users()]
        active = wanted.pop("ACTIVE", "Y")
        if str(active).lower() in ("n", "false", "0", ""):
            return Answer([], 0)
        start = params.get("start")
        asked = Params({"filter": wanted, **({} if start is None else {"start": start})})
        rows, total, onwards = listed(asked, users, CRM, "ID")
        return Answer([{**row, "ACTIVE": True} for row in rows], total, onwards)

    def _tasks(self, params: Params) -> Answer:
        rows, total, onwards = listed(_selecting(params), self.renderer.tasks(), TASKS, "ID", ["UF_CRM_TASK"])
        return Answer({"tasks": [self._camel(row) for row in rows]}, total, onwards)

    def _camel(self, row: Object) -> Object:
        """A task in an answer: names in camelCase, with the responsible person and the group."""
        task: Object = {_NAMES.get(name, _camel(name)): value for name, value in row.items()}
        if "RESPONSIBLE_ID" in row:
            user_id = str(row["RESPONSIBLE_ID"])
            task["responsible"] = {
                "id": user_id,
                "name": self.renderer.office.managers[int(user_id)],
                "link": f"/company/personal/user/{user_id}/",
                "icon": "/bitrix/images/tasks/default_avatar.png",
                "workPosition": "",
            }
        if "GROUP_ID" in row:
            task["group"] = []
        return task


def _answer(page: tuple[list[Object], int | None, int | None]) -> Answer:
    rows, total, onwards = page
    result: list[Json] = [*rows]
    return Answer(result, total, onwards)


def _selecting(params: Params) -> Params:
    """The parameters; one that selects a task's status, by any name, selects both statuses."""
    selected = [str(name) for name in values(params.get("select"))]
    if {"STATUS", "REAL_STATUS", "subStatus"} & set(selected):
        selected += ["STATUS", "REAL_STATUS"]
    given = {name: params.get(name) for name in ("filter", "order", "start")}
    return Params({**{name: value for name, value in given.items() if value is not None}, "select": selected})


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name.lower())
