"""The calls to HubSpot's API. Pure; `answers` reads what it answers.

Source: developers.hubspot.com/docs/api-reference (CRM objects, search, associations, owners, pipelines) and
.../docs/developer-tooling/platform/usage-guidelines. A record read by id is up to date but has no links, so
the links are asked for next. A search lags behind by moments, so each record that it finds is read by id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from service.adapters.api import LOSSES_DAYS, TASKS_DAYS, Answer, Api, Call, Pace, Stage
from service.adapters.hubspot import answers
from service.adapters.hubspot.options import HubSpotOptions
from service.adapters.hubspot.pages import SyncPage, page_of
from service.adapters.hubspot.properties import (
    COMPUTED_PROPERTIES,
    MERGED,
    PHONES,
    TASK_PROPERTIES,
    deal_properties,
)
from service.adapters.hubspot.reasons import asked_reasons
from service.adapters.hubspot.records import LINK_TARGETS, company_ids, record_ids
from service.adapters.hubspot.verdicts import is_recognised, last_asked, verdict_of
from service.config import Account
from service.model import DAY, SECOND, Instant, Need, earlier

VERSION: Final = "2026-09"
"""The API's version, by its date. The vendor supports each for 18 months; the numbered ones end in 2027."""

SEARCH_PAGE: Final = 200
"""Records on the largest page of a search. A search ends after 10 000 records, so each page is a search of
its own, from the last id on."""

LIST_PAGE: Final = 100
"""Records on the largest page of a list."""

_MODIFIED: Final = "hs_lastmodifieddate"
_ID: Final = "hs_object_id"
_CONTACT: Final = ("firstname", "lastname", "email", *PHONES, MERGED)
_COMPANY: Final = ("name", "domain", "phone", MERGED)

_Filter = dict[str, str]


class HubSpotApi(Api):
    """HubSpot's API, with the token of an app or a service key."""

    url = "https://api.hubapi.com"
    pace = Pace(per_second=4, burst=1)  # searches have the lowest limit: 5 a second for all apps together

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. Owners, pipelines and reasons are few, so all of them are listed."""
        ids = tuple(need.id for need in needs[: self.batch])
        match needs[0].entity if needs else None:
            case "deal":
                return _read("deals", ids, _of_deals(account))
            case "task":
                return _read("tasks", ids, _OF_TASKS)
            case "client":
                return _contacts(ids) or _companies(ids)
            case "manager":
                return replace(_OWNERS, asked=ids)
            case "pipeline":
                return replace(_PIPELINES, asked=ids)
            case "reason":
                asking = _reasons(account)
                return asking and replace(asking, asked=asked_reasons(ids))
            case _:
                return None

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`. All deals and tasks are listed, because only a list has the links in it: the records of
        a search would take three more calls for each hundred."""
        return (
            Stage("managers", _OWNERS),
            Stage("pipelines", _PIPELINES),
            *_reason_stage(account),
            Stage("deals", _list("deals", _of_deals(account))),
            Stage("tasks", _list("tasks", _OF_TASKS)),
        )

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`. The names of clients too, because a webhook has only a part of a name, and the labels of
        the reasons. Deleted records can only be listed all at once."""
        changed = [[_filter(_MODIFIED, "GTE", _milliseconds(since))]]
        contacts = [[_filter("lastmodifieddate", "GTE", _milliseconds(since))]]
        return (
            Stage("contacts", _search("search:contacts", contacts, _CONTACT)),
            Stage("companies", _search("search:companies", changed, _COMPANY)),
            *_reason_stage(account),
            Stage("deals", _search("search:deals", changed, _of_deals(account))),
            Stage("tasks", _search("search:tasks", changed, _OF_TASKS)),
            Stage("deleted deals", _deleted("deals")),
            Stage("deleted tasks", _deleted("tasks")),
        )

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`."""
        return (
            Stage("deals", _search("sweep:deals", _counting_deals(now), (_MODIFIED,))),
            Stage("tasks", _search("sweep:tasks", _counting_tasks(now), (_MODIFIED,))),
        )

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`: the next page, or the links of the records that were read."""
        follow = _FOLLOWING.get(call.resource.partition(":")[0])
        return None if follow is None else follow(call, page_of(answer.body, call.resource))

    def field(self, account: Account) -> Call | None:
        """See `Api`."""
        return _reasons(account)

    verdict = staticmethod(verdict_of)
    is_recognised = staticmethod(is_recognised)
    decode = staticmethod(answers.decode)


def _body(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _batch(
    verb: str, objects: str, ids: Sequence[str], properties: Sequence[str], asked: tuple[str, ...]
) -> Call | None:
    """The call that reads records by their ids; None without ids."""
    if not ids:
        return None
    body = _body({"properties": properties, "inputs": [{"id": id} for id in ids]})
    return Call(f"{verb}:{objects}", f"/crm/objects/{VERSION}/{objects}/batch/read", body=body, asked=asked)


def _read(objects: str, ids: Sequence[str], properties: Sequence[str]) -> Call | None:
    records = tuple(record_ids(ids))
    return _batch("read", objects, records, properties, records)


def _contacts(clients: tuple[str, ...]) -> Call | None:
    return _batch("names", "contacts", record_ids(clients), _CONTACT, clients)


def _companies(clients: tuple[str, ...]) -> Call | None:
    return _batch("names", "companies", company_ids(clients), _COMPANY, clients)


def _links(objects: str, target: str, ids: tuple[str, ...]) -> Call:
    body = _body({"inputs": [{"id": id} for id in ids]})
    path = f"/crm/associations/{VERSION}/{objects}/{target}/batch/read"
    return Call(f"links:{objects}:{target}", path, body=body, asked=ids)


def _filter(name: str, operator: str, value: str) -> _Filter:
    return {"propertyName": name, "operator": operator, "value": value}


def _milliseconds(moment: Instant) -> str:
    return str(moment * 1000 // SECOND)


def _counting_deals(now: Instant) -> list[list[_Filter]]:
    since = _milliseconds(earlier(now, LOSSES_DAYS * DAY))
    lost = [_filter("hs_is_closed", "EQ", "true"), _filter("hs_is_closed_won", "EQ", "false")]
    return [[_filter("hs_is_closed", "EQ", "false")], [*lost, _filter("closedate", "GTE", since)]]


def _counting_tasks(now: Instant) -> list[list[_Filter]]:
    since = _milliseconds(earlier(now, TASKS_DAYS * DAY))
    return [[_filter("hs_task_status", "NEQ", "COMPLETED")], [_filter("hs_timestamp", "GTE", since)]]


def _of_deals(account: Account) -> tuple[str, ...]:
    return (*deal_properties(account), *COMPUTED_PROPERTIES, _MODIFIED)


_OF_TASKS: Final = (*TASK_PROPERTIES, _MODIFIED)


def _search(
    resource: str, groups: Sequence[Sequence[_Filter]], properties: Sequence[str], after: str = "0"
) -> Call:
    """The search for records that match all filters of any group and have an id greater than `after`."""
    objects = resource.partition(":")[2]
    content = {
        "filterGroups": [{"filters": [*group, _filter(_ID, "GT", after)]} for group in groups],
        "sorts": [{"propertyName": _ID, "direction": "ASCENDING"}],
        "properties": properties,
        "limit": SEARCH_PAGE,
    }
    return Call(resource, f"/crm/objects/{VERSION}/{objects}/search", body=_body(content))


def _list(objects: str, properties: Sequence[str]) -> Call:
    """The list of all records, with their links."""
    query = (
        ("archived", "false"),
        ("limit", str(LIST_PAGE)),
        ("properties", ",".join(properties)),
        ("associations", ",".join(LINK_TARGETS[objects])),
    )
    return Call(f"list:{objects}", f"/crm/objects/{VERSION}/{objects}", query)


def _deleted(objects: str) -> Call:
    query = (("archived", "true"), ("limit", str(LIST_PAGE)), ("properties", _ID))
    return Call(f"archived:{objects}", f"/crm/objects/{VERSION}/{objects}", query)


_OWNERS: Final = Call("owners", f"/crm/owners/{VERSION}", (("archived", "false"), ("limit", str(LIST_PAGE))))
_PIPELINES: Final = Call("pipelines", f"/crm/pipelines/{VERSION}/deals")


def _reasons(account: Account) -> Call | None:
    """The call for the definition of the office's own property that holds the loss reason."""
    options = HubSpotOptions.of(account)
    if not options.names_reason_field:
        return None
    return Call("reasons", f"/crm/properties/{VERSION}/deals/{quote(options.reason_field, safe='')}")


def _reason_stage(account: Account) -> Iterator[Stage]:
    if (call := _reasons(account)) is not None:
        yield Stage("reasons", call)


def _after_read(call: Call, page: SyncPage) -> Call | None:
    objects = call.resource.partition(":")[2]
    existing = tuple(record for record in call.asked if record in page.ids)
    return _links(objects, LINK_TARGETS[objects][0], existing) if existing else None


def _after_links(call: Call, page: SyncPage) -> Call | None:
    """The links to the next object type, for the records that have none to this one."""
    _, objects, target = call.resource.split(":")
    unlinked = tuple(record for record in call.asked if record not in page.ids)
    targets: tuple[str, ...] = LINK_TARGETS[objects]
    further = targets[targets.index(target) + 1 :]
    return _links(objects, further[0], unlinked) if unlinked and further and page.is_complete else None


def _after_search(call: Call, page: SyncPage) -> Call | None:
    """The search from the largest id on."""
    if page.after is None:
        return None
    search = json.loads(call.body)
    groups = [group["filters"][:-1] for group in search["filterGroups"]]
    last = max(map(int, page.ids), default=last_asked(call))
    return _search(call.resource, groups, search["properties"], str(last))


def _after_list(call: Call, page: SyncPage) -> Call | None:
    if page.after is None:
        return None
    return replace(call, query=tuple((dict(call.query) | {"after": page.after}).items()))


def _after_owners(call: Call, page: SyncPage) -> Call | None:
    """After the current owners come those who left, because their deals stayed."""
    further = _after_list(call, page)
    if further is None and dict(call.query)["archived"] == "false":
        return replace(call, query=(("archived", "true"), ("limit", str(LIST_PAGE))))
    return further


def _after_names(call: Call, page: SyncPage) -> Call | None:  # noqa: ARG001  # the call has the client ids
    return _companies(call.asked) if call.resource == "names:contacts" else None


_FOLLOWING: Final[Mapping[str, Callable[[Call, SyncPage], Call | None]]] = {
    "read": _after_read,
    "links": _after_links,
    "search": _after_search,
    "sweep": _after_search,
    "list": _after_list,
    "archived": _after_list,
    "owners": _after_owners,
    "names": _after_names,
}
