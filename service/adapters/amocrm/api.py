"""The calls of amoCRM's and Kommo's API, v4.

Sources: www.amocrm.ru/developers/content/crm_platform (leads-api, leads_pipelines, custom-fields,
filters-api, tasks-api, contacts-api, companies-api, users-api, events-and-notes, webhooks-api) and
developers.kommo.com. A list without entries is a 204 without a body; `_links.next` is the address of the next
page. Above seven requests a second the API answers 429, and then 403 to every request
(content/api/recommendations).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

from service.adapters.amocrm import answers
from service.adapters.amocrm.answers import Object, document, items, object_, optional_id
from service.adapters.amocrm.options import AmoCRMOptions
from service.adapters.amocrm.values import LOST, WON
from service.adapters.api import LOSSES_DAYS, TASKS_DAYS, Answer, Api, Call, Pace, Stage
from service.adapters.fields import UNDECODABLE
from service.config import Account
from service.model import DAY, SECOND, Entity, Instant, Need, earlier

Query: TypeAlias = tuple[tuple[str, str], ...]

_PAGE: Final = (("limit", "250"),)
_WITH: Final = (("with", "loss_reason,contacts"),)
_LEADS: Final = (("with", "leads"),)
_PLURALS: Final[Mapping[Entity, str]] = {
    "deal": "leads",
    "task": "tasks",
    "client": "contacts",
    "manager": "users",
    "reason": "loss_reasons",
    "pipeline": "pipelines",
}
_EVENTS: Final = [
    *(f"{action}_lead" for action in ("add", "update", "delete", "restore", "status", "responsible")),
    *(f"{action}_task" for action in ("add", "update", "delete", "responsible")),
    *(
        f"{action}_{entity}"
        for entity in ("contact", "company")
        for action in ("add", "update", "delete", "restore")
    ),
    "delete_unsorted",
]
"""The codes (webhooks-api) of the events that the adapter reads."""

_STAGE: Final = "filter[statuses]"
"""Begins the parameters that name a stage and its pipeline (filters-api)."""

_STAGES_AT_ONCE: Final = 40
"""Stages that one call names. They take 4 KiB of its address; servers commonly take addresses of 8 KiB."""


class AmoCRMApi(Api):
    """amoCRM and Kommo, v4, with the long-lived token of a private integration."""

    pace = Pace(per_second=6, burst=1)  # the burst and what refills within a second: at most seven

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. Users, reasons and pipelines are few, so all of them are listed."""
        entity, ids = needs[0].entity, tuple(need.id for need in needs)
        if entity in ("deal", "task", "client"):
            return _by_ids(_PLURALS[entity], ids, *(_WITH if entity == "deal" else ()))
        return _whole(_PLURALS[entity])

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return [
            *(Stage(name, _whole(name)) for name in ("users", "loss_reasons")),
            *_leads(now, *_WITH),
            *_tasks(now),
            Stage("completions", _events(earlier(now, TASKS_DAYS * DAY), "task_completed")),
        ]

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return [
            Stage("users", _whole("users")),
            Stage("leads", _list("leads", *_WITH, _since(since))),
            Stage("tasks", _list("tasks", _since(since))),
            Stage("events", _events(since, *answers.EVENTS)),
            # Last, because the leads of clients are asked for: what a list says counts as repaired by it.
            *(Stage(name, _list(name, *_LEADS, _since(since))) for name in ("contacts", "companies")),
        ]

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return [*_leads(now), *_tasks(now)]

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`. Of the vendor's link to the next page, the page's number is taken.

        Contacts and companies are listed apart, but count their ids together: a client that is no contact is
        asked for among the companies. Leads by stage follow from the list of pipelines; see `_leads`.
        """
        page = document(answer.body)
        if call.resource == "contacts" and call.asked:
            contacts = {optional_id(item.get("id")) for item in items(page)}
            left = tuple(client_id for client_id in call.asked if client_id not in contacts)
            return _by_ids("companies", left) if left else None
        if call.left and call.resource == "pipelines":
            call = replace(call, left=(*call.left, *_open_stages(page, len(call.left))))
        number = _next_number(call, page)
        if number is not None:
            query = tuple(part for part in call.query if part[0] != "page")
            return replace(call, query=(*query, ("page", str(number))))
        return _next_stages(call.left)

    def is_recognised(self, call: Call, answer: Answer) -> bool:
        """See `Api`. Entries are in `_embedded` under the name of their resource; 204 alone says that there
        are none. By ids only these may be listed, and at least one: a vendor that ignored the ids would list
        others."""
        if answer.status == 204 and not call.body:
            return not answer.body.strip()
        try:
            page = document(answer.body)
            number = _next_number(call, page)
        except UNDECODABLE:
            return False
        if call.body:
            return isinstance(page.get("destination"), str)
        entries = object_(page.get("_embedded")).get(call.resource)
        if answer.status != 200 or not isinstance(entries, list):
            return False
        if not all(isinstance(entry, dict) for entry in entries):
            return False
        if call.asked:
            return bool(entries) and {optional_id(entry.get("id")) for entry in entries} <= {*call.asked}
        return bool(entries) or number is None

    def field(self, account: Account) -> Call | None:
        """See `Api`. The leads' fields are listed (custom-fields): one has a name, which is not unique, or an
        id."""
        return None if AmoCRMOptions.of(account).reason_field is None else _whole("custom_fields")

    def has_field(self, answer: Answer, account: Account) -> bool:
        """See `Api`."""
        wanted = AmoCRMOptions.of(account).reason_field or ""
        return any(
            answers.is_field(item.get("id"), item.get("name"), wanted)
            for item in items(document(answer.body))
        )

    def webhooks(self, account: Account) -> Call:
        """See `Subscribing`."""
        return Call("webhooks", _path("webhooks"))

    def is_off(self, answer: Answer, address: str) -> bool | None:
        """See `Subscribing`. The vendor sets `disabled` after a hundred bad answers within two hours."""
        states = [
            bool(webhook.get("disabled"))
            for webhook in items(document(answer.body))
            if str(webhook.get("destination", "")).partition("?")[0] == address
        ]
        return all(states) if states else None

    def subscribe(self, account: Account, address: str) -> Sequence[Call]:
        """See `Subscribing`. The secret is part of the address, because the vendor signs nothing."""
        destination = f"{address}?token={account.webhook_secrets[0].value}"
        body = json.dumps({"destination": destination, "settings": _EVENTS}).encode()
        return [Call("webhooks", _path("webhooks"), body=body)]

    decode = staticmethod(answers.decode)


def _path(resource: str) -> str:
    of_leads = ("loss_reasons", "pipelines", "custom_fields")
    return f"/api/v4/{'leads/' if resource in of_leads else ''}{resource}"


def _whole(resource: str, left: Query = ()) -> Call:
    return Call(resource, _path(resource), _PAGE, left=left)


def _list(resource: str, *chosen: tuple[str, str]) -> Call:
    """A list in the order of the ids, so that a change meanwhile moves no item to another page."""
    return Call(resource, _path(resource), (*_PAGE, ("order[id]", "asc"), *chosen))


def _by_ids(resource: str, ids: tuple[str, ...], *more: tuple[str, str]) -> Call:
    chosen = (("filter[id][]", entity_id) for entity_id in ids)
    return Call(resource, _path(resource), (*more, *_PAGE, *chosen), asked=ids)


def _events(since: Instant, *types: str) -> Call:
    created = ("filter[created_at][from]", str(since // SECOND))
    return Call("events", _path("events"), (("limit", "100"), ("filter[type]", ",".join(types)), created))


def _since(moment: Instant) -> tuple[str, str]:
    return "filter[updated_at][from]", str(moment // SECOND)


def _leads(now: Instant, *more: tuple[str, str]) -> Iterator[Stage]:
    """Open leads that have not changed for `LOSSES_DAYS`, and all leads that have.

    The API has no filter for open leads, but one for stages: the first call lists the pipelines with their
    stages, and the next ones the old leads of these. A lead that changes meanwhile is among the others, which
    are read later.
    """
    since = earlier(now, LOSSES_DAYS * DAY)
    old = ("filter[updated_at][to]", str(since // SECOND))
    yield Stage("pipelines", _whole("pipelines", left=_list("leads", *more, old).query))
    yield Stage("leads", _list("leads", *more, _since(since)))


def _open_stages(page: Object, first: int) -> Iterator[tuple[str, str]]:
    """The parameters that name the pipelines' stages, without the two that close a lead.

    Args:
        first: The number of the first stage.
    """
    number = first
    for pipeline in items(page):
        for stage in items(pipeline):
            stage_id, pipeline_id = optional_id(stage.get("id")), optional_id(pipeline.get("id"))
            if stage_id and pipeline_id and stage_id not in (WON, LOST):
                yield f"{_STAGE}[{number}][pipeline_id]", pipeline_id
                yield f"{_STAGE}[{number}][status_id]", stage_id
                number += 1


def _next_stages(left: Query) -> Call | None:
    """The call for the leads of the next stages; None where no stage is left."""
    stages = [part for part in left if part[0].startswith(_STAGE)]
    if not stages:
        return None
    query = tuple(part for part in left if not part[0].startswith(_STAGE))
    later = stages[2 * _STAGES_AT_ONCE :]
    call = Call("leads", _path("leads"), (*query, *stages[: 2 * _STAGES_AT_ONCE]))
    return replace(call, left=(*query, *later)) if later else call


def _next_number(call: Call, page: Object) -> int | None:
    """The number of the next page; None on the last one. Raises `ValueError` for a link that leads to
    another list, or not onwards."""
    link = object_(page.get("_links")).get("next")
    if link is None:
        return None
    parts = urlsplit(str(object_(link).get("href")))
    number = int(parse_qs(parts.query).get("page", [""])[0])
    if parts.path != call.path or number <= int(dict(call.query).get("page", "1")):
        raise ValueError("the link to the next page leads elsewhere")
    return number


def _tasks(now: Instant) -> Iterator[Stage]:
    yield Stage("open tasks", _list("tasks", ("filter[is_completed]", "0")))
    done = _since(earlier(now, TASKS_DAYS * DAY))
    yield Stage("completed tasks", _list("tasks", ("filter[is_completed]", "1"), done))
