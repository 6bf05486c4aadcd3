"""The calls to Bitrix24's API: REST methods called through an incoming webhook, whose code is part of every
address. Pure; `lists` has their parameters, and `answers` reads what it answers.

Source: apidocs.bitrix24.com: limits, and the page of each method.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from service.adapters.api import (
    ANSWERED,
    GONE,
    JUNK,
    LOSSES_DAYS,
    TASKS_DAYS,
    Answer,
    Api,
    Call,
    Pace,
    Stage,
    Verdict,
    by_status,
    seconds,
)
from service.adapters.bitrix24 import answers, items, lists
from service.adapters.bitrix24.answers import BATCH, RESOURCES, AnswerBody
from service.adapters.bitrix24.deals import has_past
from service.adapters.bitrix24.errors import verdict_of
from service.adapters.bitrix24.lists import LISTS, PAGE, list_params
from service.adapters.bitrix24.options import Bitrix24Options
from service.adapters.bitrix24.values import LEAD, Json, number
from service.calendar import iso
from service.config import Account, zone
from service.model import DAY, Instant, Need, earlier

_NEVER_DUE: Final = "2100-01-01T00:00:00+00:00"
"""Leaves out activities without a due time: they are due in 9999."""

_MOVES: Final[Mapping[str, str]] = {"deals": "moves", "leads": "lead_moves"}
"""By resource, that of its objects' histories of stages."""

_BY_ID: Final[Mapping[str, tuple[str, ...]]] = {
    "deal": ("deals", "leads"),
    "task": ("activities", "tasks"),
    "client": ("contacts", "companies"),
}


class Bitrix24Api(Api):
    """See `Api`. It is not `Subscribing`, because only an application may call `event.bind`: a person makes
    the webhook."""

    pace = Pace(per_second=2, burst=25)
    """Bitrix24 counts the calls from one address to a portal. The count falls by two a second, and calls are
    blocked at 50: half of that is left to other programs."""
    batch = PAGE

    def prefix(self, account: Account) -> str:
        """See `Api`: the token is the `<user>/<code>` of the incoming webhook."""
        return f"/rest/{account.api.token.value.strip('/')}" if account.api else ""

    def headers(self, account: Account) -> Mapping[str, str]:
        """See `Api`. None are needed: the address holds the token."""
        return {}

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. One `batch` asks for what several methods list: deals and leads, activities and tasks,
        contacts and companies."""
        entity, ids = needs[0].entity, tuple(need.id for need in needs)
        match entity:
            case "manager":
                return lists.call("users", {"filter": {"ID": list(ids)}}, ids)
            case "pipeline":
                return _pipelines(ids)
            case "reason":
                return _reasons(account, ids)
        return lists.by_ids(_BY_ID.get(entity, ()), ids, account)

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
            _stage("changed leads", "leads", account, {">=updatedTime": then}),
            _stage("changed activities", "activities", account, {">=LAST_UPDATED": then}),
            _stage("changed tasks", "tasks", account, {">=CHANGED_DATE": then}),
        ]

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return _counting(account, now, sweep=True)

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`. A call by keyset goes on from its last id, any other at the offset that the answer
        names. Lost deals and leads that were asked for are followed by the histories of their stages, a field
        by the entries of its directory."""
        body = answers.read_body(answer.body, call.resource)
        if body is None:
            return None
        if call.resource == "choices":
            return _entries(body, call.asked)
        if call.asked and call.resource not in _MOVES.values():
            return _moves("moves", _with_past(body))
        params = json.loads(call.body)
        if params.get("start") != -1:
            return None if body.next is None else lists.call(call.resource, {**params, "start": body.next})
        last = _last_of_full_page(call.resource, body.results.get(call.resource))
        if last is not None:
            filter = {**params["filter"], ">" + LISTS[call.resource].id: last}
            return lists.call(call.resource, {**params, "filter": filter}, call.asked)
        return _moves("lead_moves", call.asked) if call.resource == "moves" else None

    def verdict(self, call: Call, answer: Answer) -> Verdict:
        """See `Api`. Errors are named in the body, whatever the status; those of a `batch` come with 200."""
        body = answers.read_body(answer.body, call.resource)
        if body is None:
            # The body is not from the API, so a 2xx says nothing about an object.
            return JUNK if answer.status < 300 else by_status(answer)
        errors = [error for error in body.errors if not error.says_none]
        if errors:
            wait = body.wait_seconds or seconds(answer.headers.get("retry-after"))
            return verdict_of(errors, answer.status, wait)
        if body.errors and call.resource != BATCH:
            return GONE
        if answer.status != 200:
            return by_status(answer) if answer.status >= 300 else JUNK
        return ANSWERED if self.is_recognised(call, answer) else JUNK

    def is_recognised(self, call: Call, answer: Answer) -> bool:
        """See `Api`. Each method that was called has its list in the answer. A page by keyset has only
        objects behind the one before, and a page by offset names a later one."""
        body = answers.read_body(answer.body, call.resource)
        if body is None:
            return False
        params = json.loads(call.body)
        called = params["cmd"] if call.resource == BATCH else [call.resource]
        none = {error.resource for error in body.errors if error.says_none}
        try:
            listed = {
                name: answers.listed(RESOURCES[name], body.results.get(name))
                for name in called
                if name not in none
            }
        except ValueError:
            return False
        if call.resource not in LISTS:
            return body.next is None or body.next > params.get("start", 0)
        after = params["filter"].get(">" + LISTS[call.resource].id, -1)
        ids = [_vendor_id(call.resource, sent) for sent in listed.get(call.resource, ())]
        return all(id is not None and id > after for id in ids)

    def field(self, account: Account) -> Call | None:
        """See `Api`: `crm.deal.userfield.list` has the fields that people made, by their codes."""
        has_field = Bitrix24Options.of(account).reason_field is not None
        return lists.call("choices", _of_field(account)) if has_field else None

    def has_field(self, answer: Answer, account: Account) -> bool:
        """See `Api`."""
        body = answers.read_body(answer.body, "choices")
        reason_field = Bitrix24Options.of(account).reason_field
        listed = answers.objects(RESOURCES["choices"], body.results.get("choices")) if body else []
        return any(isinstance(sent, dict) and sent.get("FIELD_NAME") == reason_field for sent in listed)

    decode = staticmethod(answers.decode)


def _stage(name: str, resource: str, account: Account, filter: Json, sweep: bool = False) -> Stage:
    return Stage(name, lists.call(resource, list_params(resource, account, filter, sweep)))


def _names(account: Account) -> list[Stage]:
    stages = [
        Stage("managers", lists.call("users", {"sort": "ID", "order": "ASC", "start": 0})),
        Stage("reasons", lists.call("stages", {})),
        Stage("pipelines", _pipelines()),
    ]
    if Bitrix24Options.of(account).reason_field is not None:
        stages.insert(2, Stage("entries of the reason field", lists.call("choices", _of_field(account))))
    return stages


def _of_field(account: Account) -> Json:
    return {"filter": {"FIELD_NAME": Bitrix24Options.of(account).reason_field}}


def _reasons(account: Account, ids: tuple[str, ...]) -> Call:
    """The call for the names of reasons: the entries of the configured field, or stages. A lead's reason is
    always its status, which is listed with the stages."""
    params: dict[str, Json] = {}
    has_field = Bitrix24Options.of(account).reason_field is not None
    if has_field and not all(id.startswith(LEAD) for id in ids):
        params["choices"] = _of_field(account)
    if not has_field or any(id.startswith(LEAD) for id in ids):
        params["stages"] = {}
    if len(params) == 1:
        return lists.call(*next(iter(params.items())), ids)
    return lists.batch(params, ids)


def _entries(body: AnswerBody, asked: tuple[str, ...]) -> Call | None:
    """The call for the entries of the directory to which the configured field refers, if it does."""
    fields = answers.objects(RESOURCES["choices"], body.results.get("choices"))
    name = next((name for field in fields if (name := items.directory(field))), None)
    return None if name is None else lists.call("entries", {"filter": {"ENTITY_ID": name}}, asked)


def _pipelines(asked: tuple[str, ...] = ()) -> Call:
    return lists.call("pipelines", {"entityTypeId": 2}, asked)


def _counting(account: Account, now: Instant, sweep: bool = False) -> list[Stage]:
    """The deals, leads and tasks that count on the board."""
    lost, due = _time(earlier(now, LOSSES_DAYS * DAY)), _time(earlier(now, TASKS_DAYS * DAY))
    due_lately = {"COMPLETED": "Y", ">=DEADLINE": due, "<DEADLINE": _NEVER_DUE}
    return [
        _stage("open deals", "deals", account, {"=stageSemanticId": "P"}, sweep),
        _stage("lost deals", "deals", account, {"=stageSemanticId": "F", ">=movedTime": lost}, sweep),
        _stage("open leads", "leads", account, {"=stageSemanticId": "P"}, sweep),
        _stage("lost leads", "leads", account, {"=stageSemanticId": "F", ">=movedTime": lost}, sweep),
        _stage("open activities", "activities", account, {"COMPLETED": "N"}, sweep),
        _stage("completed activities", "activities", account, due_lately, sweep),
        _stage("open tasks", "tasks", account, {"!REAL_STATUS": 5}, sweep),
        _stage("completed tasks", "tasks", account, {"REAL_STATUS": 5, ">=DEADLINE": due}, sweep),
    ]


def _with_past(body: AnswerBody) -> tuple[str, ...]:
    """The board's ids of those deals and leads in an answer whose past must be asked for."""
    return tuple(
        entity_id
        for name in _MOVES
        if name in body.results
        for sent in answers.objects(RESOURCES[name], body.results[name])
        if isinstance(sent, dict) and has_past(sent) and (entity_id := RESOURCES[name].entity_id(sent))
    )


def _moves(resource: str, ids: tuple[str, ...]) -> Call | None:
    """The call for the histories of stages of those of some deals and leads that the resource has; of leads
    after those of deals."""
    vendor_ids = [RESOURCES[resource].vendor_id(id) for id in ids if RESOURCES[resource].has(id)]
    if vendor_ids:
        return lists.call(resource, lists.by_owners(resource, vendor_ids), ids)
    return _moves("lead_moves", ids) if resource == "moves" else None


def _last_of_full_page(resource: str, result: object) -> int | None:
    """The vendor's id of the last object on a full page; None for a page that is not full, which is the
    last."""
    objects = answers.objects(RESOURCES[resource], result)
    return _vendor_id(resource, objects[-1]) if len(objects) >= PAGE else None


def _vendor_id(resource: str, sent: object) -> int | None:
    """The id by which a list is ordered."""
    vendor_id = number(sent.get(RESOURCES[resource].id)) if isinstance(sent, dict) else None
    return int(vendor_id) if isinstance(vendor_id, str) else None


def _time(moment: Instant) -> str:
    """A time in the form that a filter takes: UTC, whole seconds."""
    return iso(moment, zone("UTC"))[:19] + "+00:00"
