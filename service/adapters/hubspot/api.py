"""What HubSpot's API is asked (`service.adapters.api`); what the answers say is read in `hubspot_answers`.

Source: developers.hubspot.com/docs/api-reference (CRM objects, search, associations, owners, pipelines) and
.../docs/developer-tooling/platform/usage-guidelines. Reading by id is true at once, but names no links, so
that the links are asked for after it; searching lags behind by moments, so what it finds is asked for whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from service.adapters.api import (
    LOSSES_DAYS,
    TASKS_DAYS,
    Answer,
    Call,
    Pace,
    Stage,
    Verdict,
    standing,
)
from service.adapters.hubspot.answers import decode
from service.adapters.hubspot.pages import Page, page_of, policy
from service.adapters.hubspot.properties import TASK_PROPERTIES, deal_properties
from service.adapters.hubspot.records import LINKED, companies_of, numbers
from service.config import Account
from service.model import SECOND, Decoded, Instant, Need, Request

VERSION: Final = "2026-09"
"""The API's version, by its date. The vendor supports each for 18 months; the numbered ones end in 2027."""

SEARCHED: Final = 200
"""Records in the largest page of a search; a search ends after 10 000, so each page is one of its own."""

LISTED: Final = 100
"""Records in the largest page of a list."""

_DAY: Final = 86_400 * SECOND
_MODIFIED: Final = "hs_lastmodifieddate"
_ID: Final = "hs_object_id"
_WAITS: Final[Mapping[str, float]] = {"SECONDLY": 1, "TEN_SECONDLY_ROLLING": 10, "DAILY": 3600}
"""Seconds to wait, by the policy of which there was too much. The day ends at the office's midnight."""

_LOCKED: Final = 2.0

_CONTACT: Final = ("firstname", "lastname", "email")
_COMPANY: Final = ("name", "domain")

_Filter = dict[str, str]


class HubSpotApi:
    """HubSpot's API, with the token of an app or a service key."""

    url = "https://api.hubapi.com"
    pace = Pace(per_second=4, burst=1)  # searches are the scarcest: 5 a second, of all apps together
    batch = 100

    def prefix(self, account: Account) -> str:  # noqa: ARG002  # the token is in a header
        """See `Api`."""
        return ""

    def headers(self, account: Account) -> Mapping[str, str]:
        """See `Api`."""
        return {} if account.api is None else {"authorization": f"Bearer {account.api.token.value}"}

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. Owners and pipelines are listed whole: they are few."""
        ids = tuple(need.id for need in needs[: self.batch])
        entity = needs[0].entity if needs else "reason"
        if entity == "deal":
            return _read("deals", ids, deal_properties(account))
        if entity == "task":
            return _read("tasks", ids, TASK_PROPERTIES)
        if entity == "client":
            return _contacts(ids) or _companies(ids)
        if entity == "manager":
            return replace(_OWNERS, asked=ids)
        return replace(_PIPELINES, asked=ids) if entity == "pipeline" else None

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:  # noqa: ARG002  # all, whenever
        """See `Api`. All deals and tasks, since only a list has the links in it: what a search finds takes
        three calls more for each hundred."""
        return (
            Stage("managers", _OWNERS),
            Stage("pipelines", _PIPELINES),
            Stage("deals", _list("deals", _of_deals(account))),
            Stage("tasks", _list("tasks", (*TASK_PROPERTIES, _MODIFIED))),
        )

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`; and the names of clients, which webhooks say in parts. Of what was deleted there is a
        list, without a way to ask for a part of it."""
        changed = [[_filter(_MODIFIED, "GTE", _milliseconds(since))]]
        contacts = [[_filter("lastmodifieddate", "GTE", _milliseconds(since))]]
        return (
            Stage("contacts", _search("search:contacts", contacts, _CONTACT)),
            Stage("companies", _search("search:companies", changed, _COMPANY)),
            Stage("deals", _search("search:deals", changed, _of_deals(account))),
            Stage("tasks", _search("search:tasks", changed, (*TASK_PROPERTIES, _MODIFIED))),
            Stage("deleted deals", _deleted("deals")),
            Stage("deleted tasks", _deleted("tasks")),
        )

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:  # noqa: ARG002  # no field of theirs
        """See `Api`."""
        return (
            Stage("deals", _search("roll:deals", _counting_deals(now), (_MODIFIED,))),
            Stage("tasks", _search("roll:tasks", _counting_tasks(now), (_MODIFIED,))),
        )

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`: the next page, or the links of what was read."""
        follow = _FOLLOWING.get(call.resource.partition(":")[0])
        if follow is None or answer.status not in (200, 207):
            return None
        return follow(call, page_of(answer.body, call.resource))

    def verdict(self, answer: Answer) -> tuple[Verdict, float | None]:
        """See `Api`. Nothing is asked for by an address of its own, so that a 404 is no word on a record: it
        says that this version of the API is no more."""
        if answer.status == 207:
            return "answered", None
        if answer.status in (400, 404, 410):
            return "refused", None
        verdict, wait = standing(answer.status, answer.headers)
        if wait is None and answer.status == 429:
            wait = _WAITS.get(policy(answer.body), _WAITS["TEN_SECONDLY_ROLLING"])
        if wait is None and answer.status == 423:
            wait = _LOCKED
        return verdict, wait

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Api`."""
        return decode(request, account)


def _body(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _batch(resource: str, objects: str, ids: Sequence[str], properties: Sequence[str]) -> Call:
    body = _body({"properties": properties, "inputs": [{"id": each} for each in ids]})
    return Call(resource, f"/crm/objects/{VERSION}/{objects}/batch/read", body=body)


def _read(objects: str, ids: Sequence[str], properties: Sequence[str]) -> Call | None:
    records = tuple(numbers(ids))
    if not records:
        return None
    call = _batch(f"read:{objects}", objects, records, (*properties, _MODIFIED))
    return replace(call, asked=records)


def _contacts(clients: tuple[str, ...]) -> Call | None:
    records = numbers(clients)
    call = _batch("names:contacts", "contacts", records, _CONTACT)
    return replace(call, asked=clients) if records else None


def _companies(clients: tuple[str, ...]) -> Call | None:
    records = companies_of(clients)
    call = _batch("names:companies", "companies", records, _COMPANY)
    return replace(call, asked=clients) if records else None


def _links(objects: str, linked: str, ids: tuple[str, ...]) -> Call:
    body = _body({"inputs": [{"id": each} for each in ids]})
    path = f"/crm/associations/{VERSION}/{objects}/{linked}/batch/read"
    return Call(f"links:{objects}:{linked}", path, body=body, asked=ids)


def _filter(name: str, operator: str, value: str) -> _Filter:
    return {"propertyName": name, "operator": operator, "value": value}


def _milliseconds(moment: Instant) -> str:
    return str(moment * 1000 // SECOND)


def _counting_deals(now: Instant) -> list[list[_Filter]]:
    since = _milliseconds(now - LOSSES_DAYS * _DAY)
    lost = [_filter("hs_is_closed", "EQ", "true"), _filter("hs_is_closed_won", "EQ", "false")]
    return [[_filter("hs_is_closed", "EQ", "false")], [*lost, _filter("closedate", "GTE", since)]]


def _counting_tasks(now: Instant) -> list[list[_Filter]]:
    since = _milliseconds(now - TASKS_DAYS * _DAY)
    return [[_filter("hs_task_status", "NEQ", "COMPLETED")], [_filter("hs_timestamp", "GTE", since)]]


def _of_deals(account: Account) -> tuple[str, ...]:
    return (*deal_properties(account), _MODIFIED)


def _search(
    resource: str, groups: Sequence[Sequence[_Filter]], properties: Sequence[str], after: str = "0"
) -> Call:
    """The records that match any of the groups of filters, from the first id after one on."""
    objects = resource.partition(":")[2]
    content = {
        "filterGroups": [{"filters": [*group, _filter(_ID, "GT", after)]} for group in groups],
        "sorts": [{"propertyName": _ID, "direction": "ASCENDING"}],
        "properties": properties,
        "limit": SEARCHED,
    }
    return Call(resource, f"/crm/objects/{VERSION}/{objects}/search", body=_body(content))


def _list(objects: str, properties: Sequence[str]) -> Call:
    """All records, with what they are linked to."""
    query = (
        ("archived", "false"),
        ("limit", str(LISTED)),
        ("properties", ",".join(properties)),
        ("associations", ",".join(LINKED[objects])),
    )
    return Call(f"list:{objects}", f"/crm/objects/{VERSION}/{objects}", query)


def _deleted(objects: str) -> Call:
    query = (("archived", "true"), ("limit", str(LISTED)), ("properties", _ID))
    return Call(f"archived:{objects}", f"/crm/objects/{VERSION}/{objects}", query)


_OWNERS: Final = Call("owners", f"/crm/owners/{VERSION}", (("archived", "false"), ("limit", str(LISTED))))
_PIPELINES: Final = Call("pipelines", f"/crm/pipelines/{VERSION}/deals")


def _after_read(call: Call, page: Page) -> Call | None:
    objects = call.resource.partition(":")[2]
    asked = tuple(each for each in call.asked if each in page.ids)
    return _links(objects, LINKED[objects][0], asked) if asked else None


def _after_links(call: Call, page: Page) -> Call | None:
    """Those that have no link to this are looked for at the next."""
    _, objects, linked = call.resource.split(":")
    rest = tuple(each for each in call.asked if each not in page.ids)
    kinds: tuple[str, ...] = LINKED[objects]
    further = kinds[kinds.index(linked) + 1 :]
    return _links(objects, further[0], rest) if rest and further and page.is_complete else None


def _after_search(call: Call, page: Page) -> Call | None:
    """From the largest id on; a page that brings no larger one is the last, whatever it says."""
    asked = json.loads(call.body)
    groups = [group["filters"] for group in asked["filterGroups"]]
    last = max(map(int, page.ids), default=0)
    if page.after is None or last <= int(groups[0][-1]["value"]):
        return None
    return _search(call.resource, [each[:-1] for each in groups], asked["properties"], str(last))


def _after_list(call: Call, page: Page) -> Call | None:
    query = dict(call.query)
    if page.after is None or not _is_further(page.after, query.get("after")):
        return None
    return replace(call, query=tuple((query | {"after": page.after}).items()))


def _is_further(after: str, before: str | None) -> bool:
    """Whether a cursor leads on. Cursors are numbers as a rule, and grow."""
    if before is None:
        return True
    if after.isdecimal() and before.isdecimal():
        return int(after) > int(before)
    return after != before


def _after_owners(call: Call, page: Page) -> Call | None:
    """After those who are there, those who left: their deals stayed."""
    further = _after_list(call, page)
    if further is None and dict(call.query)["archived"] == "false":
        return replace(call, query=(("archived", "true"), ("limit", str(LISTED))))
    return further


def _after_names(call: Call, page: Page) -> Call | None:  # noqa: ARG001  # the clients are in the call
    return _companies(call.asked) if call.resource == "names:contacts" else None


_FOLLOWING: Final[Mapping[str, Callable[[Call, Page], Call | None]]] = {
    "read": _after_read,
    "links": _after_links,
    "search": _after_search,
    "roll": _after_search,
    "list": _after_list,
    "archived": _after_list,
    "owners": _after_owners,
    "names": _after_names,
}
