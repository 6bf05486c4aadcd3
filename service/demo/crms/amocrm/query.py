"""The parameters of the lists of amoCRM's API v4.

Source: amocrm.ru/developers/content/crm_platform (filters-api, leads-api, tasks-api, contacts-api, users-api,
events-and-notes). The vendor ignores a parameter that it does not know; this one refuses it, so that a
misspelt filter is noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from starlette.requests import Request

from service.demo.crms.amocrm.records import Json
from service.demo.crms.php import Node, nested, values
from service.demo.office import Second

_T = TypeVar("_T")
_EVER: Final = 2**40


class BadRequest(Exception):
    """The request has a parameter or a value that the documents do not know."""


@dataclass(frozen=True)
class Listing:
    """The parameters that a list takes; with `commas`, a filter may hold several values in one text."""

    name: str
    filters: frozenset[str]
    orders: frozenset[str] = frozenset({"id"})
    includes: frozenset[str] = frozenset()
    largest: int = 250
    commas: bool = False


@dataclass
class Query:
    """A request's parameters, checked. Raises `BadRequest` for one that the list does not take."""

    request: Request
    spec: Listing
    filters: Mapping[str, Node] = field(init=False)
    page: int = field(init=False)
    limit: int = field(init=False)
    include: frozenset[str] = field(init=False)
    order: tuple[str, bool] = field(init=False)

    def __post_init__(self) -> None:
        tree = nested(self.request.url.query)
        filters, order = tree.get("filter", {}), tree.get("order", {})
        if set(tree) - {"filter", "order", "page", "limit", "with"}:
            raise BadRequest(f"parameters: {sorted(tree)}")
        if isinstance(filters, str) or set(filters) - self.spec.filters:
            raise BadRequest(f"filter: {filters}")
        self.filters = filters
        self.page, self.limit = (_whole(tree.get("page", "1")), _whole(tree.get("limit", "50")))
        if not 1 <= self.limit <= self.spec.largest or self.page < 1:
            raise BadRequest(f"limit: {self.limit}")
        named = tree.get("with", "")
        self.include = frozenset(str(named).split(",")) - {""}
        if self.include - self.spec.includes:
            raise BadRequest(f"with: {named}")
        if isinstance(order, str) or len(order) > 1 or set(order) - self.spec.orders:
            raise BadRequest(f"order: {order}")
        by, way = next(iter(order.items()), ("id", "asc"))
        if way not in ("asc", "desc"):
            raise BadRequest(f"order: {order}")
        self.order = (by, way == "desc")

    def chosen(
        self,
        records: Iterable[_T],
        values_of: Mapping[str, Callable[[_T], Json]],
        times_of: Mapping[str, Callable[[_T], Second | None]],
    ) -> list[_T]:
        """The records that the filters let through.

        Args:
            values_of: The fields whose value must be one of the filter's.
            times_of: The fields that must lie in the filter's range, or after its moment.
        """
        chosen = list(records)
        for name, read in values_of.items():
            if name in self.filters:
                wanted = self._values(name)
                chosen = [record for record in chosen if str(read(record)) in wanted]
        for name, when in times_of.items():
            if name in self.filters:
                low, high = self._range(name)
                chosen = [
                    record for record in chosen if (at := when(record)) is not None and low <= at <= high
                ]
        return chosen

    def _values(self, name: str) -> set[str]:
        given = {str(value) for value in values(self.filters[name])}
        return {part for value in given for part in value.split(",")} if self.spec.commas else given

    def _range(self, name: str) -> tuple[Second, Second]:
        """The first and the last moment of a filter."""
        wanted = self.filters[name]
        if not isinstance(wanted, Mapping):
            return _whole(wanted) + 1, _EVER
        if set(wanted) - {"from", "to"}:
            raise BadRequest(f"filter[{name}]: {wanted}")
        return _whole(wanted.get("from", "0")), _whole(wanted.get("to", str(_EVER)))


def _whole(text: Node) -> int:
    if not isinstance(text, str) or not text.isdecimal():
        raise BadRequest(f"not a number: {text}")
    return int(text)


LEADS: Final = Listing(
    "leads",
    frozenset(
        {
            "id",
            "name",
            "statuses",
            "pipeline_id",
            "responsible_user_id",
            "created_at",
            "updated_at",
            "closed_at",
        }
    ),
    frozenset({"created_at", "updated_at", "id"}),
    frozenset({"contacts", "loss_reason", "only_deleted", "catalog_elements", "source_id"}),
)
TASKS: Final = Listing(
    "tasks",
    frozenset(
        {"id", "responsible_user_id", "is_completed", "task_type", "entity_type", "entity_id", "updated_at"}
    ),
    frozenset({"created_at", "complete_till", "id"}),
)
CLIENTS: Final = Listing(
    "",
    frozenset({"id", "name", "responsible_user_id", "created_at", "updated_at"}),
    frozenset({"updated_at", "id"}),
    frozenset({"leads", "contacts", "customers", "catalog_elements"}),
)
EVENTS: Final = Listing(
    "events",
    frozenset({"id", "created_at", "created_by", "entity", "entity_id", "type"}),
    largest=100,
    commas=True,
)
USERS: Final = Listing("users", frozenset(), includes=frozenset({"role", "group", "uuid", "amojo_id"}))
PLAIN: Final = Listing("", frozenset())
"""Loss reasons and pipelines."""
