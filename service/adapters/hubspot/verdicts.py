"""What an answer of HubSpot's API means. Pure.

An answer counts only in the form that the vendor documents for its question: the OpenAPI descriptions of CRM
objects, associations, owners, pipelines and properties. An error has a `category`, which says more than its
status (guide "Error handling"): a refused token has been seen with 403 as well as with 401.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from service.adapters.api import (
    ANSWERED,
    GONE,
    JUNK,
    Answer,
    Call,
    Verdict,
    busy,
    by_status,
    refused,
    seconds,
)
from service.adapters.fields import UNDECODABLE
from service.adapters.hubspot.pages import RESULTS, SyncPage, page_of
from service.adapters.hubspot.reasons import is_property
from service.model import TroubleCode

_WAIT_SECONDS: Final[Mapping[str, float]] = {"SECONDLY": 1, "TEN_SECONDLY_ROLLING": 10, "DAILY": 3600}
"""The wait after a 429, by the limit that was exceeded. The daily one is reset at the office's midnight."""

_LOCKED_SECONDS: Final = 2.0
"""The wait after a 423: HubSpot's documents say to wait two seconds."""

_MIGRATING: Final = 477
"""The account is being moved between data centres; the answer says when to call again."""

_REFUSALS: Final[Mapping[str, TroubleCode]] = {
    "INVALID_AUTHENTICATION": "api_token",
    "EXPIRED_AUTHENTICATION": "api_token",
    "REVOKED_AUTHENTICATION": "api_token",
    "MISSING_SCOPES": "api_forbidden",
    "USER_DOES_NOT_HAVE_PERMISSIONS": "api_forbidden",
    "BANNED": "api_forbidden",
}
"""The categories of errors that a person must mend, whatever the status."""


class _Problem(msgspec.Struct, rename="camel"):
    """An error; all of its fields are optional."""

    status: str = ""
    category: str = ""
    policy_name: str = ""
    errors: list[_Problem] = []


_PROBLEM = msgspec.json.Decoder(_Problem)


def verdict_of(call: Call, answer: Answer) -> Verdict:
    """See `Api.verdict`. No call has a record's id in its path, so a 404 never means that a record is gone:
    it means that there is no such property, or that HubSpot has withdrawn this version of the API."""
    problem = _problem(answer.body)
    for named in (problem, *problem.errors):
        if named.category in _REFUSALS:
            return refused(_REFUSALS[named.category])
    if answer.status in (200, 207):
        return ANSWERED if is_recognised(call, answer) else JUNK
    if 200 <= answer.status < 300:
        return JUNK
    if answer.status == 404 and call.resource == "reasons" and (problem.status or not answer.body):
        return GONE
    waits = {
        429: _WAIT_SECONDS.get(problem.policy_name, _WAIT_SECONDS["TEN_SECONDLY_ROLLING"]),
        423: _LOCKED_SECONDS,
        _MIGRATING: None,
    }
    if answer.status in waits:
        told = seconds(answer.headers.get("retry-after"))
        return busy(waits[answer.status] if told is None else told)
    return by_status(answer)


def is_recognised(call: Call, answer: Answer) -> bool:
    """See `Api`. A page is one only if it leads on, and an answer by ids only if it says something about
    one of them."""
    if call.resource == "reasons":
        return is_property(answer.body)
    try:
        frame = RESULTS.decode(answer.body)
    except UNDECODABLE:
        return False
    if not frame.is_complete:
        return False
    page = page_of(answer.body, call.resource)
    verb = call.resource.partition(":")[0]
    if verb == "read":
        return not (page.ids | page.gone | page.merged).isdisjoint(call.asked)
    if verb in ("search", "sweep"):
        return _leads_on(page, last_asked(call))
    return page.after is None or is_further(page.after, dict(call.query).get("after"))


def last_asked(call: Call) -> int:
    """The id behind which a search begins."""
    groups = json.loads(call.body)["filterGroups"]
    return int(groups[0]["filters"][-1]["value"])


def is_further(after: str, before: str | None) -> bool:
    """Whether a cursor leads to another page. A cursor is usually a number that grows."""
    if before is None:
        return True
    if after.isdecimal() and before.isdecimal():
        return int(after) > int(before)
    return after != before


def _leads_on(page: SyncPage, last: int) -> bool:
    """Whether a search's records are behind the last one, as it asked; there must be some if there are
    more."""
    return all(int(id) > last for id in page.ids) and (page.after is None or bool(page.ids))


def _problem(body: bytes) -> _Problem:
    try:
        return _PROBLEM.decode(body)
    except UNDECODABLE:
        return _Problem()
