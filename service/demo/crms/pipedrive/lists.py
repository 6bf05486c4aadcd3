"""Pipedrive's lists of v2: their parameters, and their pages by cursors; and that of leads, which v1 has.

Sources: Pipedrive's OpenAPI of v2 and v1, and its page "Pagination": a cursor is a marker of the next page's
first item, 100 items are given unless asked, 500 at most. Pipedrive's own parser takes no fractions of a
second.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from typing import Any, Final, TypeAlias

from service.demo.crms.pipedrive.records import (
    Json,
    activity_json,
    client_json,
    client_of,
    deal_json,
    organization_of,
    person_of,
    pipeline_json,
    stage_json,
    stage_of,
    status_of,
)
from service.demo.office import Office

KEPT: Final = 30 * 86_400
"""Seconds for which the API still has a deleted record."""

_LARGEST: Final = 500
_MOST_IDS: Final = 100
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", re.ASCII)

_BEGINNING: Final = (-(2**63), 0)
"""Before every record."""

_Test: TypeAlias = Callable[[Any], bool]
_Filter: TypeAlias = Callable[[Office, str], _Test]
_Rank: TypeAlias = Callable[[Any], int]


class Invalid(Exception):
    """A request that Pipedrive answers 400 with this message."""


@dataclass(frozen=True)
class Collection:
    """A list of v2.

    Args:
        cost: Tokens of one page.
        records: By id, in the order of ids.
        render: A record in an answer.
        filters: Make every filter's condition from its value.
        ranks: The keys of every order.
        include_fields: Further fields that a request may name; this office has none of them.
        by_ids: Whether a request may name ids.
    """

    cost: int
    records: Callable[[Office], Mapping[int, Any]]
    render: Callable[[Office, Any], Json]
    filters: Mapping[str, _Filter]
    ranks: Mapping[str, _Rank]
    include_fields: frozenset[str] = frozenset()
    by_ids: bool = True

    def page(self, office: Office, asked: Mapping[str, str]) -> Json:
        """A page of an answer.

        Raises:
            Invalid: A parameter is unknown, or its value is not valid.
        """
        known = {"limit", "cursor", "sort_by", "sort_direction", "include_fields", *self.filters}
        if set(asked) - known - ({"ids"} if self.by_ids else set()):
            raise Invalid(f"unknown parameters: {sorted(set(asked) - known)}")
        if set(asked.get("include_fields", "").split(",")) - self.include_fields - {""}:
            raise Invalid(f"include_fields: {asked['include_fields']}")
        limit, by, backwards = self._order(asked)
        rank = self.ranks[by]
        start = _opened(asked["cursor"], by, backwards) if "cursor" in asked else _BEGINNING

        def place(record: Any) -> tuple[int, int]:
            return (-rank(record), -record.id) if backwards else (rank(record), record.id)

        in_order = by == "id" and not backwards
        wanted = self._wanted(office, asked, start[1] if in_order else 0)
        rest = (record for record in wanted if place(record) >= start)
        those = list(islice(rest, limit + 1)) if in_order else nsmallest(limit + 1, rest, key=place)
        next_cursor = _cursor(by, backwards, rank(those[-1]), those[-1].id) if len(those) > limit else None
        data = [self.render(office, record) for record in those[:limit]]
        return {"success": True, "data": data, "additional_data": {"next_cursor": next_cursor}}

    def _wanted(self, office: Office, asked: Mapping[str, str], first: int) -> Iterable[Any]:
        """The records that the filters let through, from the first id on."""
        records = self.records(office)
        if "ids" in asked:
            ids = asked["ids"].split(",")
            if len(ids) > _MOST_IDS or not all(id.isdigit() for id in ids):
                raise Invalid(f"ids: {len(ids)} of {_MOST_IDS} at most, or not all are numbers")
            chosen: Iterable[Any] = [records[id] for id in sorted(set(map(int, ids))) if id in records]
        else:
            ordered = list(records)
            chosen = (records[id] for id in islice(ordered, bisect_left(ordered, first), None))
        if "status" not in asked:
            chosen = (record for record in chosen if not getattr(record, "deleted", False))
        tests = [self.filters[name](office, value) for name, value in asked.items() if name in self.filters]
        return (record for record in chosen if all(test(record) for test in tests))

    def _order(self, asked: Mapping[str, str]) -> tuple[int, str, bool]:
        limit, by, way = (
            asked.get("limit", "100"),
            asked.get("sort_by", "id"),
            asked.get("sort_direction", "asc"),
        )
        if not limit.isdigit() or not 1 <= int(limit) <= _LARGEST:
            raise Invalid(f"limit: {limit} is not between 1 and {_LARGEST}")
        if by not in self.ranks or way not in ("asc", "desc"):
            raise Invalid(f"sort_by: {by}, sort_direction: {way}")
        return int(limit), by, way == "desc"


def leads_page(leads: list[Json], asked: Mapping[str, str]) -> Json:
    """A page of the leads that are not archived, oldest first, by its place in the list.

    Raises:
        Invalid: A parameter is unknown, or its value is not valid.
    """
    start, limit = asked.get("start", "0"), asked.get("limit", "100")
    if set(asked) - {"start", "limit"} or not start.isdigit() or not limit.isdigit():
        raise Invalid(f"parameters: {sorted(asked.items())}")
    first, end = int(start), int(start) + min(int(limit), _LARGEST)
    page = {"start": first, "limit": end - first, "more_items_in_collection": end < len(leads)}
    return {"success": True, "data": leads[first:end], "additional_data": {"pagination": page}}


def _cursor(by: str, backwards: bool, value: int, id: int) -> str:
    marker = {"field": by, "fieldValue": value, "sortDirection": "desc" if backwards else "asc", "id": id}
    return base64.urlsafe_b64encode(json.dumps(marker, separators=(",", ":")).encode()).decode().rstrip("=")


def _opened(cursor: str, by: str, backwards: bool) -> tuple[int, int]:
    try:
        marker = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        start = (int(marker["fieldValue"]), int(marker["id"]))
        same = (marker["field"], marker["sortDirection"]) == (by, "desc" if backwards else "asc")
    except (ValueError, KeyError, TypeError):
        raise Invalid("cursor: it is not valid") from None
    if not same:
        raise Invalid("cursor: it belongs to another order")
    return (-start[0], -start[1]) if backwards else start


def _moment(text: str) -> float:
    if not _MOMENT.fullmatch(text):
        raise Invalid(f"{text} is not a valid datetime")
    return datetime.fromisoformat(text).timestamp()


def _since(office: Office, text: str) -> _Test:
    moment = _moment(text)
    return lambda record: bool(record.updated_at >= moment)


def _until(office: Office, text: str) -> _Test:
    moment = _moment(text)
    return lambda record: bool(record.updated_at < moment)


def _has_status(office: Office, text: str) -> _Test:
    wanted = text.split(",")
    if set(wanted) - {"open", "won", "lost", "deleted"}:
        raise Invalid(f"status: {text}")
    oldest = office.now() - KEPT
    return lambda deal: status_of(deal) in wanted and (not deal.deleted or deal.updated_at > oldest)


def _is_done(office: Office, text: str) -> _Test:
    if text not in ("true", "false", "1", "0"):
        raise Invalid(f"done: {text}")
    return lambda task: bool(task.completed == (text in ("true", "1")))


def _equals(read: Callable[[Office, Any], object]) -> _Filter:
    """Lets through the records whose number equals the filter's."""

    def wanted(office: Office, text: str) -> _Test:
        if not text.isdigit():
            raise Invalid(f"{text} is not a number")
        return lambda record: read(office, record) == int(text)

    return wanted


_UPDATED: Final[Mapping[str, _Filter]] = {"updated_since": _since, "updated_until": _until}
_OWNED: Final[Mapping[str, _Filter]] = {
    **_UPDATED,
    "owner_id": _equals(lambda office, record: record.manager_id),
}
_RANKS: Final[Mapping[str, _Rank]] = {
    "id": lambda record: int(record.id),
    "update_time": lambda record: int(record.updated_at),
    "add_time": lambda record: int(record.created_at),
}

DEALS: Final = Collection(
    cost=10,
    records=lambda office: office.deals,
    render=deal_json,
    filters={
        **_OWNED,
        "person_id": _equals(lambda office, deal: person_of(office, deal.client_id)),
        "org_id": _equals(lambda office, deal: organization_of(office, deal.client_id)),
        "pipeline_id": _equals(lambda office, deal: deal.pipeline_id),
        "stage_id": _equals(lambda office, deal: stage_of(deal.pipeline_id)),
        "status": _has_status,
    },
    ranks=_RANKS,
    include_fields=frozenset({"next_activity_id", "last_activity_id", "first_won_time", "source_lead_id"}),
)

ACTIVITIES: Final = Collection(
    cost=10,
    records=lambda office: office.tasks,
    render=activity_json,
    filters={
        **_OWNED,
        "deal_id": _equals(lambda office, task: task.deal_id),
        "person_id": _equals(lambda office, task: person_of(office, client_of(office, task))),
        "org_id": _equals(lambda office, task: organization_of(office, client_of(office, task))),
        "done": _is_done,
    },
    ranks={**_RANKS, "due_date": lambda task: -1 if task.due_at is None else task.due_at // 86_400},
    include_fields=frozenset({"attendees"}),
)


def _clients(company: bool) -> Collection:
    return Collection(
        cost=10,
        records=lambda office: {
            client.id: client for client in office.clients.values() if client.company == company
        },
        render=lambda office, client: client_json(client),
        filters=_UPDATED,
        ranks=_RANKS,
    )


@dataclass(frozen=True)
class _Place:
    """A pipeline or a stage."""

    id: int
    fields: Json
    updated_at: int = 0
    created_at: int = 0


def _pipelines(office: Office) -> dict[int, _Place]:
    named = enumerate(office.pipelines.items(), start=1)
    return {id: _Place(id, pipeline_json(id, name, order)) for order, (id, name) in named}


def _stages(office: Office) -> dict[int, _Place]:
    return {stage_of(id): _Place(stage_of(id), stage_json(id)) for id in office.pipelines}


COLLECTIONS: Final[Mapping[str, Collection]] = {
    "deals": DEALS,
    "activities": ACTIVITIES,
    "persons": _clients(company=False),
    "organizations": _clients(company=True),
    "pipelines": Collection(5, _pipelines, lambda office, place: place.fields, {}, _RANKS, by_ids=False),
    "stages": Collection(
        5,
        _stages,
        lambda office, place: place.fields,
        {"pipeline_id": _equals(lambda office, place: place.fields["pipeline_id"])},
        {**_RANKS, "order_nr": lambda place: int(place.id)},
        by_ids=False,
    ),
}
"""The lists by their names in addresses."""
