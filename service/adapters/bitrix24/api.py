"""The calls to Bitrix24's API: REST methods called through an incoming webhook, whose code is part of every
address. Pure; `answers` reads what it answers.

Source: apidocs.bitrix24.com: limits, retrieving large volumes of data, batch, and the page of each method.
Long lists are read by keyset (`>id`, `start: -1`), as the vendor advises, because a list that is read by
offset skips entries when others leave it meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from service.adapters.api import (
    ANSWERED,
    JUNK,
    LOSSES_DAYS,
    TASKS_DAYS,
    Answer,
    Api,
    Call,
    Pace,
    Stage,
    Verdict,
    busy,
    by_status,
    refused,
    seconds,
)
from service.adapters.bitrix24 import answers
from service.adapters.bitrix24.answers import BATCH, RESOURCES
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import Json, number
from service.calendar import iso
from service.config import Account, zone
from service.model import DAY, Instant, Need, earlier

_PAGE: Final = 50
"""Entries on a full page of every method. The size cannot be chosen."""

_TRANSIENT: Final = frozenset(
    {"QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"}
)
"""Errors that pass by themselves. A person must repair the others: rights, scopes, the tariff."""

_NEVER_DUE: Final = "2100-01-01T00:00:00+00:00"
"""Leaves out activities without a due time: they are due in 9999."""


@dataclass(frozen=True, slots=True)
class _List:
    """A method that lists by keyset.

    Args:
        id: The id's name in a filter.
        any_of: The name in a filter that takes several ids.
        fields: The fields that are read, separated by spaces.
        sweep_fields: The fewest fields that identify an object.
        fixed: Parameters of every call.
    """

    method: str
    id: str
    any_of: str
    fields: str
    sweep_fields: str = ""
    fixed: Json = field(default_factory=dict)


_LISTS: Final[Mapping[str, _List]] = {
    "deals": _List(
        "crm.item.list",
        "id",
        "@id",
        "id title stageId stageSemanticId movedTime categoryId opportunity currencyId assignedById contactId"
        " companyId updatedTime",
        "id",
        {"entityTypeId": 2},
    ),
    "activities": _List(
        "crm.activity.list",
        "ID",
        "@ID",
        "ID TYPE_ID PROVIDER_ID ORIGIN_ID IS_INCOMING_CHANNEL OWNER_TYPE_ID OWNER_ID SUBJECT DEADLINE"
        " COMPLETED RESPONSIBLE_ID CREATED LAST_UPDATED",
        "ID TYPE_ID PROVIDER_ID",
    ),
    "tasks": _List(
        "tasks.task.list",
        "ID",
        "ID",
        "ID TITLE DEADLINE STATUS CLOSED_DATE RESPONSIBLE_ID CHANGED_DATE UF_CRM_TASK",
        "ID",
    ),
    "contacts": _List(
        "crm.item.list", "id", "@id", "id name lastName updatedTime", fixed={"entityTypeId": 3}
    ),
    "companies": _List("crm.item.list", "id", "@id", "id title updatedTime", fixed={"entityTypeId": 4}),
}

_METHODS: Final[Mapping[str, str]] = {
    "users": "user.get",
    "pipelines": "crm.category.list",
    "stages": "crm.status.list",
    "choices": "crm.deal.userfield.list",
    BATCH: "batch",
    **{resource: listing.method for resource, listing in _LISTS.items()},
}


class Bitrix24Api(Api):
    """See `Api`. It is not `Subscribing`, because only an application may call `event.bind`: a person makes
    the webhook."""

    pace = Pace(per_second=2, burst=25)
    """Bitrix24 counts the calls from one address to a portal. The count falls by two a second, and calls are
    blocked at 50: half of that is left to other programs."""
    batch = _PAGE

    def prefix(self, account: Account) -> str:
        """See `Api`: the token is the `<user>/<code>` of the incoming webhook."""
        return f"/rest/{account.api.token.value.strip('/')}" if account.api else ""

    def headers(self, account: Account) -> Mapping[str, str]:
        """See `Api`. None are needed: the address holds the token."""
        return {}

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. One `batch` asks for activities and tasks, or for contacts and companies."""
        entity, ids = needs[0].entity, tuple(need.id for need in needs)
        match entity:
            case "deal":
                return _call("deals", _list_params("deals", account, {"@id": list(ids)}), ids)
            case "manager":
                return _call("users", {"filter": {"ID": list(ids)}}, ids)
            case "pipeline":
                return _pipelines(ids)
            case "reason":
                return _reasons(account, ids)
        resources = ("activities", "tasks") if entity == "task" else ("contacts", "companies")
        commands = dict(_commands(resources, ids, account))
        return _call(BATCH, {"halt": 0, "cmd": commands}, ids) if commands else None

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return [*_names(account), *_counting(account, now)]

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`. Names too: of contacts and companies those that changed; of stages, pipelines and
        managers all, because Bitrix24 does not say when they changed."""
        then = _time(since)
        return [
            *_names(account),
            _stage("changed contacts", "contacts", account, {">=updatedTime": then}),
            _stage("changed companies", "companies", account, {">=updatedTime": then}),
            _stage("changed deals", "deals", account, {">=updatedTime": then}),
            _stage("changed activities", "activities", account, {">=LAST_UPDATED": then}),
            _stage("changed tasks", "tasks", account, {">=CHANGED_DATE": then}),
        ]

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return _counting(account, now, sweep=True)

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`. A call by keyset goes on from its last id, any other at the offset that the answer
        names."""
        body = answers.read_body(answer.body, call.resource)
        if body is None or call.asked or call.resource not in body.results:
            return None
        params = json.loads(call.body)
        if params.get("start") != -1:
            further = body.next is not None and body.next > params.get("start", 0)
            return _call(call.resource, {**params, "start": body.next}) if further else None
        after = ">" + _LISTS[call.resource].id
        last = _last_of_full_page(call.resource, body.results[call.resource])
        if last is None or last <= params["filter"].get(after, 0):
            return None
        return _call(call.resource, {**params, "filter": {**params["filter"], after: last}})

    def verdict(self, call: Call, answer: Answer) -> Verdict:
        """See `Api`. Errors are in the body; those of a `batch` come with the status 200."""
        body = answers.read_body(answer.body, call.resource)
        if body is None:
            # The body is not from the API, so a 2xx says nothing about an object.
            return JUNK if answer.status < 300 else by_status(answer)
        if answer.status == 200 and not body.errors:
            return ANSWERED if self.is_recognised(call, answer) else JUNK
        if answer.status == 429 or answer.status >= 500 or _TRANSIENT.intersection(body.errors):
            return busy(body.wait_seconds or seconds(answer.headers.get("retry-after")))
        return refused("api_rejected") if answer.status < 300 else by_status(answer)

    def is_recognised(self, call: Call, answer: Answer) -> bool:
        """See `Api`."""
        body = answers.read_body(answer.body, call.resource)
        return body is not None and all(result is not None for result in body.results.values())

    decode = staticmethod(answers.decode)


def _call(resource: str, params: Json, asked: tuple[str, ...] = ()) -> Call:
    body = json.dumps(params, ensure_ascii=False, separators=(",", ":")).encode()
    return Call(resource, f"/{_METHODS[resource]}.json", body=body, asked=asked)


def _list_params(resource: str, account: Account, filter: Json, sweep: bool = False) -> Json:
    """The parameters of a list's first page."""
    listing = _LISTS[resource]
    fields = (listing.sweep_fields if sweep else listing.fields).split()
    params = {**listing.fixed, "filter": filter, "order": {listing.id: "ASC"}, "select": fields, "start": -1}
    reason_field = Bitrix24Options.of(account).reason_field
    if resource == "deals" and reason_field is not None and not sweep:
        fields.append(reason_field)
        params["useOriginalUfNames"] = "Y"
    return params


def _stage(name: str, resource: str, account: Account, filter: Json, sweep: bool = False) -> Stage:
    return Stage(name, _call(resource, _list_params(resource, account, filter, sweep)))


def _names(account: Account) -> list[Stage]:
    return [
        Stage("managers", _call("users", {"sort": "ID", "order": "ASC", "start": 0})),
        Stage("reasons", _reasons(account)),
        Stage("pipelines", _pipelines()),
    ]


def _reasons(account: Account, asked: tuple[str, ...] = ()) -> Call:
    """The call for the entries of the configured field; without such a field, for the stages."""
    reason_field = Bitrix24Options.of(account).reason_field
    if reason_field is None:
        return _call("stages", {}, asked)
    return _call("choices", {"filter": {"FIELD_NAME": reason_field}}, asked)


def _pipelines(asked: tuple[str, ...] = ()) -> Call:
    return _call("pipelines", {"entityTypeId": 2}, asked)


def _counting(account: Account, now: Instant, sweep: bool = False) -> list[Stage]:
    """The deals and tasks that count on the board."""
    lost, due = _time(earlier(now, LOSSES_DAYS * DAY)), _time(earlier(now, TASKS_DAYS * DAY))
    due_lately = {"COMPLETED": "Y", ">=DEADLINE": due, "<DEADLINE": _NEVER_DUE}
    return [
        _stage("open deals", "deals", account, {"=stageSemanticId": "P"}, sweep),
        _stage("lost deals", "deals", account, {"=stageSemanticId": "F", ">=movedTime": lost}, sweep),
        _stage("open activities", "activities", account, {"COMPLETED": "N"}, sweep),
        _stage("completed activities", "activities", account, due_lately, sweep),
        _stage("open tasks", "tasks", account, {"!REAL_STATUS": 5}, sweep),
        _stage("completed tasks", "tasks", account, {"REAL_STATUS": 5, ">=DEADLINE": due}, sweep),
    ]


def _commands(resources: Sequence[str], ids: Sequence[str], account: Account) -> Iterator[tuple[str, str]]:
    """The methods of a `batch`: for each resource that has some of the ids, the one that lists them."""
    for name in resources:
        vendor_ids = [RESOURCES[name].vendor_id(id) for id in ids if RESOURCES[name].has(id)]
        if vendor_ids:
            params = _list_params(name, account, {_LISTS[name].any_of: vendor_ids})
            yield name, f"{_METHODS[name]}?{urlencode(list(_flat(params)))}"


def _flat(params: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Parameters in the form in which PHP reads them from a query: `filter[ID][0]=42`."""
    if isinstance(params, Mapping | list):
        for name, value in params.items() if isinstance(params, Mapping) else enumerate(params):
            yield from _flat(value, f"{path}[{name}]" if path else str(name))
    else:
        yield path, str(params)


def _last_of_full_page(resource: str, result: object) -> int | None:
    """The vendor's id of the last object on a full page; None for a page that is not full, which is the
    last."""
    try:
        objects = answers.listed(RESOURCES[resource], result)
    except ValueError:
        return None
    last = objects[-1] if len(objects) >= _PAGE else None
    last_id = number(last.get(RESOURCES[resource].id)) if isinstance(last, dict) else None
    return int(last_id) if isinstance(last_id, str) else None


def _time(moment: Instant) -> str:
    """A time in the form that a filter takes: UTC, whole seconds."""
    return iso(moment, zone("UTC"))[:19] + "+00:00"
