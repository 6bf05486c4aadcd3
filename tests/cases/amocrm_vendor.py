"""A fake amoCRM at the desk: a few leads, tasks and events, and answers that a case has instead."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from service.demo.crms.php import nested, values

Object = Mapping[str, Any]

PIPELINE: Object = {
    "id": 4,
    "name": "Продажи",
    "_embedded": {"statuses": [{"id": status_id} for status_id in (30, 31, 142, 143)]},
}


def lead(lead_id: int, updated_at: int, **changed: object) -> Object:
    """An open lead as the API gives it."""
    own: Object = {
        "id": lead_id,
        "name": f"Сделка {lead_id}",
        "price": 100,
        "responsible_user_id": 7,
        "status_id": 31,
        "pipeline_id": 4,
        "loss_reason_id": None,
        "created_at": updated_at,
        "updated_at": updated_at,
        "closed_at": None,
        "is_deleted": False,
        "custom_fields_values": None,
        "_embedded": {"tags": [], "companies": [], "contacts": []},
    }
    return {**own, **changed}


def task(task_id: int, due_at: int, **changed: object) -> Object:
    """An open task as the API gives it; without more, it is on nothing."""
    own: Object = {
        "id": task_id,
        "responsible_user_id": 7,
        "entity_id": 0,
        "entity_type": None,
        "is_completed": False,
        "text": f"Задача {task_id}",
        "complete_till": due_at,
        "created_at": due_at,
        "updated_at": due_at,
    }
    return {**own, **changed}


@dataclass
class Vendor:
    """Answers the calls of the sync.

    Args:
        lists: By resource; one that is left out has no entries. All have short pages.
        instead: By resource, the answers that come first, one after the other.
        always: By resource, the answer to every call; "" stands for all resources.
    """

    lists: dict[str, list[Object]] = field(default_factory=dict)
    instead: dict[str, list[httpx.Response]] = field(default_factory=dict)
    always: dict[str, httpx.Response] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The answer to a call."""
        resource = request.url.path.rpartition("/")[2]
        always = self.always.get(resource) or self.always.get("")
        if always is not None:
            return always
        if self.instead.get(resource):
            return self.instead[resource].pop(0)
        query = nested(request.url.query.decode())
        filters = query.get("filter", {})
        assert isinstance(filters, dict)
        chosen = list(_chosen(self.lists.get(resource, []), filters))
        start = 2 * (int(str(query.get("page", "1"))) - 1)
        if not chosen[start:]:
            return httpx.Response(204)
        links: dict[str, Object] = {"self": {"href": str(request.url)}}
        if chosen[start + 2 :]:
            links["next"] = {"href": str(request.url.copy_set_param("page", str(start // 2 + 2)))}
        page = {"_links": links, "_embedded": {resource: chosen[start : start + 2]}}
        return httpx.Response(200, json=page)


def _chosen(entries: Iterable[Object], filters: Mapping[str, Any]) -> Iterator[Object]:
    stages = {(stage["pipeline_id"], stage["status_id"]) for stage in values(filters.get("statuses"))}  # type: ignore[index,call-overload]
    changed = filters.get("updated_at", {})
    for entry in entries:
        if "id" in filters and str(entry["id"]) not in values(filters["id"]):
            continue
        if stages and (str(entry["pipeline_id"]), str(entry["status_id"])) not in stages:
            continue
        if "is_completed" in filters and bool(int(filters["is_completed"])) != entry["is_completed"]:
            continue
        if "type" in filters and entry["type"] not in filters["type"].split(","):
            continue
        if changed and not (
            int(changed.get("from", 0)) <= entry["updated_at"] <= int(changed.get("to", 2**40))
        ):
            continue
        yield entry


def html() -> httpx.Response:
    """What a proxy answers in the vendor's place."""
    return httpx.Response(200, html="<html><body>Please wait</body></html>")


def problem(status: int) -> httpx.Response:
    """An error in the vendor's form."""
    body = {"title": "Error", "type": f"https://httpstatus.es/{status}", "status": status, "detail": "x"}
    return httpx.Response(status, content=json.dumps(body).encode())
