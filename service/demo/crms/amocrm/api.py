"""The lists of amoCRM's API v4.

Source: amocrm.ru/developers/content/crm_platform (leads-api, leads_pipelines, tasks-api, contacts-api,
companies-api, custom-fields, users-api, events-and-notes, filters-api).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.amocrm.query import CLIENTS, EVENTS, LEADS, PLAIN, TASKS, USERS, BadRequest, Query
from service.demo.crms.amocrm.records import (
    Entry,
    Json,
    Object,
    Renderer,
    due,
    entity_of,
    event_id,
    linked,
    status_id,
)
from service.demo.crms.php import Node, values
from service.demo.office import Client, Deal, Office, Task

HAL: Final = "application/hal+json"
PROBLEM: Final = "application/problem+json"

_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    404: "Not Found",
    429: "Too Many Requests",
}
_T = TypeVar("_T")


def problem(status: int, detail: str = "") -> Response:
    """An error in the vendor's form."""
    title = _TITLES.get(status, "Internal Server Error")
    body = {
        "title": title,
        "type": f"https://httpstatus.es/{status}",
        "status": status,
        "detail": detail or title,
    }
    return JSONResponse(body, status, media_type=PROBLEM)


class Api:
    """Answers the API's requests.

    Args:
        log: The log of events, oldest first; the CRM appends to it.
        merged: The clients that were merged into others.
        fields: The leads' custom fields by id.
    """

    def __init__(
        self, renderer: Renderer, log: list[Entry], merged: Container[int], fields: Mapping[int, str]
    ) -> None:
        self.renderer = renderer
        self.office: Office = renderer.office
        self.log = log
        self._merged = merged
        self._fields = fields

    def routes(self) -> list[Route]:
        """The routes below `/api/v4` that read."""
        answers: dict[str, Callable[[Request], Response]] = {
            "leads": self._leads,
            "leads/loss_reasons": self._reasons,
            "leads/pipelines": self._pipelines,
            "leads/custom_fields": self._custom_fields,
            "users": self._users,
            "contacts": lambda request: self._clients(request, "contacts"),
            "companies": lambda request: self._clients(request, "companies"),
            "tasks": self._tasks,
            "events": self._events,
        }
        return [Route(f"/api/v4/{path}", _safely(answer)) for path, answer in answers.items()]

    def _leads(self, request: Request) -> Response:
        query = Query(request, LEADS)
        stages = {
            (_part(stage, "pipeline_id"), _part(stage, "status_id"))
            for stage in values(query.filters.get("statuses"))
        }
        chosen = query.chosen(
            (
                deal
                for deal in self.office.deals.values()
                if deal.deleted == ("only_deleted" in query.include)
                and (not stages or (str(deal.pipeline_id), str(status_id(deal))) in stages)
            ),
            {
                "id": lambda deal: deal.id,
                "name": lambda deal: deal.name,
                "pipeline_id": lambda deal: deal.pipeline_id,
                "responsible_user_id": lambda deal: deal.manager_id,
            },
            {
                "created_at": lambda deal: deal.created_at,
                "updated_at": lambda deal: deal.updated_at,
                "closed_at": lambda deal: deal.closed_at,
            },
        )
        return self._page(query, "leads", chosen, lambda deal: self.renderer.lead(deal, query.include))

    def _tasks(self, request: Request) -> Response:
        query = Query(request, TASKS)
        if "entity_id" in query.filters and "entity_type" not in query.filters:
            raise BadRequest("filter[entity_id] needs filter[entity_type]")
        chosen = query.chosen(
            (task for task in self.office.tasks.values() if not task.deleted),
            {
                "id": lambda task: task.id,
                "responsible_user_id": lambda task: task.manager_id,
                "is_completed": lambda task: int(task.completed),
                "task_type": lambda _: 1,
                "entity_type": lambda task: linked(self.office, task)[0],
                "entity_id": lambda task: linked(self.office, task)[1],
            },
            {"updated_at": lambda task: task.updated_at},
        )
        return self._page(query, "tasks", chosen, self.renderer.task)

    def _clients(self, request: Request, name: str) -> Response:
        query = Query(request, CLIENTS)
        chosen = query.chosen(
            (
                client
                for client in self.office.clients.values()
                if entity_of(client) == name and client.id not in self._merged
            ),
            {
                "id": lambda client: client.id,
                "name": lambda client: client.name,
                "responsible_user_id": lambda _: next(iter(self.office.managers)),
            },
            {
                "created_at": lambda client: client.created_at,
                "updated_at": lambda client: client.updated_at,
            },
        )
        return self._page(query, name, chosen, lambda client: self.renderer.client(client, query.include))

    def _events(self, request: Request) -> Response:
        """The log of events, newest first."""
        query = Query(request, EVENTS)
        chosen = query.chosen(
            enumerate(self.log, start=1),
            {
                "id": lambda numbered: event_id(numbered[0]),
                "created_by": lambda numbered: numbered[1].created_by,
                "entity": lambda numbered: numbered[1].entity_type,
                "entity_id": lambda numbered: numbered[1].entity_id,
                "type": lambda numbered: numbered[1].type,
            },
            {"created_at": lambda numbered: numbered[1].created_at},
        )
        return self._page(query, "events", chosen[::-1], lambda numbered: self.renderer.event(*numbered))

    def _reasons(self, request: Request) -> Response:
        query = Query(request, PLAIN)
        return self._counted(query, "loss_reasons", self.office.reasons, self.renderer.loss_reason)

    def _pipelines(self, request: Request) -> Response:
        query = Query(request, PLAIN)
        return self._counted(query, "pipelines", self.office.pipelines, self.renderer.pipeline)

    def _custom_fields(self, request: Request) -> Response:
        query = Query(request, PLAIN)
        return self._counted(query, "custom_fields", self._fields, self._custom_field)

    def _custom_field(self, field_id: int) -> Object:
        return {
            "id": field_id,
            "name": self._fields[field_id],
            "code": None,
            "sort": 500,
            "type": "select",
            "entity_type": "leads",
            "_links": self.renderer.links(f"leads/custom_fields/{field_id}"),
        }

    def _users(self, request: Request) -> Response:
        return self._counted(Query(request, USERS), "users", self.office.managers, self.renderer.user)

    def _page(
        self, query: Query, name: str, chosen: list[_T], render: Callable[[_T], Object], total: bool = False
    ) -> Response:
        """One page of a list, by id unless ordered otherwise; 204 where the page is empty."""
        by, backwards = query.order
        if by != "id":
            chosen.sort(key=lambda record: _key(record, by))
        if backwards:
            chosen.reverse()
        start = (query.page - 1) * query.limit
        members: list[Json] = [render(record) for record in chosen[start : start + query.limit]]
        if not members:
            return Response(status_code=204)
        links: Object = {"self": {"href": _address(self.renderer.origin, query.request, query.page)}}
        if start + query.limit < len(chosen):
            links["next"] = {"href": _address(self.renderer.origin, query.request, query.page + 1)}
        body: Object = {"_total_items": len(chosen)} if total else {}
        body |= {"_page": query.page, "_links": links, "_embedded": {name: members}}
        return JSONResponse(body, media_type=HAL)

    def _counted(
        self, query: Query, name: str, ids: Iterable[int], render: Callable[[int], Object]
    ) -> Response:
        return self._page(query, name, list(ids), render, total=True)


def _key(record: object, name: str) -> int:
    """The value of the field that a list is ordered by."""
    assert isinstance(record, Deal | Task | Client)
    if isinstance(record, Task) and name == "complete_till":
        return due(record)
    value = getattr(record, name)
    assert isinstance(value, int)
    return value


def _part(stage: Node, name: str) -> Node:
    if not isinstance(stage, Mapping) or set(stage) != {"pipeline_id", "status_id"}:
        raise BadRequest(f"filter[statuses]: {stage}")
    return stage[name]


def _address(origin: str, request: Request, page: int) -> str:
    """A page's address: the request's own with another page number."""
    return origin + str(request.url.include_query_params(page=page)).removeprefix(str(request.base_url)[:-1])


def _safely(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def safe(request: Request) -> Response:
        try:
            return answer(request)
        except BadRequest as error:
            return problem(400, str(error))

    return safe
