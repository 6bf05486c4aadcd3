"""The calls of amoCRM's and Kommo's API, v4.

Sources: developers.kommo.com/reference and www.amocrm.ru/developers (leads-api, tasks-api, contacts, events,
webhooks-api, limitations). An empty list is a 204 without a body; `_links.next` is the address of the next
page. Above seven requests a second the API answers 429, and then 403 to an address that goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from service.adapters.amocrm import answers
from service.adapters.amocrm.answers import document, items, object_, optional_id
from service.adapters.api import LOSSES_DAYS, TASKS_DAYS, Answer, Api, Call, Pace, Stage
from service.config import Account
from service.model import DAY, SECOND, Entity, Instant, Need, earlier

_PAGE: Final = (("limit", "250"),)
_WITH: Final = (("with", "loss_reason,contacts"),)
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
    *(f"{action}_{entity}" for entity in ("contact", "company") for action in ("add", "update", "delete")),
]
"""The codes (webhooks-api) of the events that the adapter reads."""


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
            *(Stage(name, _whole(name)) for name in ("users", "loss_reasons", "pipelines")),
            _leads(now, *_WITH),
            *_tasks(now),
        ]

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`."""
        created = ("filter[created_at][from]", str(since // SECOND))
        types = ("filter[type]", "lead_deleted,task_deleted")
        return [
            Stage("users", _whole("users")),
            Stage("leads", _list("leads", *_WITH, _since(since))),
            Stage("tasks", _list("tasks", _since(since))),
            Stage("contacts", _list("contacts", _since(since))),
            Stage("deletions", Call("events", _path("events"), (("limit", "100"), types, created))),
        ]

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return [_leads(now), *_tasks(now)]

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`. The vendor gives the next page's address; a page without items is the last.

        Contacts and companies are listed apart, but count their ids together: a client that is no contact is
        asked for among the companies.
        """
        try:
            page = document(answer.body)
        except ValueError:
            return None
        if call.resource == "contacts" and call.asked:
            contacts = {optional_id(item.get("id")) for item in items(page)}
            left = tuple(client_id for client_id in call.asked if client_id not in contacts)
            return _by_ids("companies", left) if left else None
        link = object_(object_(page.get("_links")).get("next")).get("href")
        if not isinstance(link, str) or not any(items(page)):
            return None
        parts = urlsplit(link)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        following = Call(call.resource, parts.path, query, asked=call.asked)
        return None if parts.path != call.path or following == call else following

    def is_recognised(self, call: Call, answer: Answer) -> bool:
        """See `Api`. A list that has entries is in `_embedded` under the name of its resource; 204 alone says
        that there are none."""
        if answer.status == 204:
            return True
        try:
            page = document(answer.body)
        except ValueError:
            return False
        return isinstance(object_(page.get("_embedded")).get(call.resource), list)

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
    return f"/api/v4/{'leads/' if resource in ('loss_reasons', 'pipelines') else ''}{resource}"


def _whole(resource: str) -> Call:
    return Call(resource, _path(resource), _PAGE)


def _list(resource: str, *chosen: tuple[str, str]) -> Call:
    """A list in the order of the ids, so that a change meanwhile moves no item to another page."""
    return Call(resource, _path(resource), (*_PAGE, ("order[id]", "asc"), *chosen))


def _by_ids(resource: str, ids: tuple[str, ...], *more: tuple[str, str]) -> Call:
    chosen = (("filter[id][]", entity_id) for entity_id in ids)
    return Call(resource, _path(resource), (*more, *_PAGE, *chosen), asked=ids)


def _since(moment: Instant) -> tuple[str, str]:
    return "filter[updated_at][from]", str(moment // SECOND)


def _leads(now: Instant, *more: tuple[str, str]) -> Stage:
    """Leads that changed within `LOSSES_DAYS`, because the API has no filter for open ones. An older lead is
    asked for because of its open task, if it has one."""
    return Stage("leads", _list("leads", *more, _since(earlier(now, LOSSES_DAYS * DAY))))


def _tasks(now: Instant) -> Iterator[Stage]:
    yield Stage("open tasks", _list("tasks", ("filter[is_completed]", "0")))
    done = _since(earlier(now, TASKS_DAYS * DAY))
    yield Stage("completed tasks", _list("tasks", ("filter[is_completed]", "1"), done))
