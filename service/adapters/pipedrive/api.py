"""The calls to Pipedrive's API. Pure; `answers` reads what it answers.

Sources: the OpenAPI documents of developers.pipedrive.com/docs/api/v2 (deals, activities, persons,
organisations, pipelines) and v1 (users, webhooks); pipedrive.readme.io/docs/core-api-concepts-rate-limiting.
Lists are sorted by id and paged by a cursor that holds the last id, so that no object is skipped when others
change meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import msgspec

from service.adapters.api import (
    LOSSES_DAYS,
    TASKS_DAYS,
    Answer,
    Api,
    Call,
    Pace,
    Stage,
    Verdict,
    busy,
    seconds,
)
from service.adapters.pipedrive import answers
from service.adapters.pipedrive.items import ENTITIES
from service.adapters.pipedrive.values import LEAD, ORGANIZATION, Node, Object
from service.config import Account
from service.model import DAY, SECOND, Instant, Need, earlier

PAGE: Final = "500"
"""Entries on a page, at most."""

LEADS_STEP: Final = 450
"""Leads from the beginning of one page to that of the next."""

BUDGET_SECONDS: Final = 900.0
"""The wait when the day's tokens are used up, or when Cloudflare blocks us. The tokens come back at midnight,
in a time zone that Pipedrive does not name."""

_SOURCE: Final = (("include_fields", "source_lead_id"),)
_MORE_FIELDS: Final = {"deals": _SOURCE, "archived_deals": _SOURCE}
"""What a list must be told to include: the lead from which a deal was converted."""

_USERS: Final = Call("users", "/api/v1/users")
_WEBHOOKS: Final = Call("webhooks", "/api/v1/webhooks")
_REQUIRED: Final = ("deal", "activity")
"""The kinds of object whose webhooks the board cannot do without."""

_ALL_ACTIONS: Final = 3
"""The number of actions that a webhook can report, without the mergers of v1."""


class PipedriveApi(Api):
    """Pipedrive's API v2, and v1 for what v2 does not have."""

    # Half of the smallest plan's limit for one token: 20 calls in 2 seconds.
    pace = Pace(per_second=5.0, burst=10)

    def headers(self, account: Account) -> Mapping[str, str]:
        """See `Api`. The token should be an administrator's, because it sees what its user sees."""
        return {"x-api-token": account.api.token.value} if account.api else {}

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. Users and pipelines are few, so all of them are listed. Organisations and archived deals
        are asked for by `following`."""
        entity, asked = needs[0].entity, tuple(need.id for need in needs)
        match entity:
            case "deal":
                deals = [deal_id for deal_id in asked if not deal_id.startswith(LEAD)]
                return _by_ids("deals", deals, asked) if deals else _leads(asked)
            case "task":
                return _by_ids("activities", asked, asked)
            case "client":
                persons = [client_id for client_id in asked if not client_id.startswith(ORGANIZATION)]
                return _by_ids("persons", persons, asked) if persons else _organizations(asked)
            case "manager":
                return _USERS
            case "pipeline":
                return _stage("pipelines", "pipelines").first
            case "reason" | "merger":
                return None

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`. Clients are not listed: a need asks for each one that a deal or an activity links to."""
        return [Stage("users", _USERS), _stage("pipelines", "pipelines"), *self.sweep(account, now)]

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`. The API lists deals that were deleted within 30 days, but no deleted activities."""
        updated = _utc(since)
        return [
            Stage("users", _USERS),
            _stage("deals", "deals", status="open,won,lost,deleted", updated_since=updated),
            _stage("archived deals", "archived_deals", updated_since=updated),
            Stage("leads", _leads(())),
            *(
                _stage(name, name, updated_since=updated)
                for name in ("activities", "persons", "organizations")
            ),
        ]

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`. API v2 cannot select fields, nor filter by when a deal was lost or an activity was done.
        But what was lost or done since a day was also changed since."""
        lost, done = _utc(earlier(now, LOSSES_DAYS * DAY)), _utc(earlier(now, TASKS_DAYS * DAY))
        return [
            _stage("open deals", "deals", status="open"),
            Stage("leads", _leads(())),
            _stage("lost deals", "deals", status="lost", updated_since=lost),
            _stage("archived lost deals", "archived_deals", status="lost", updated_since=lost),
            _stage("open activities", "activities", done="false"),
            _stage("done activities", "activities", done="true", updated_since=done),
        ]

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`. A list goes on at the cursor in the answer.

        Objects that are asked for by id fit on one page. A deal that is missing from it may be archived, and
        after persons come the organisations that were asked for with them.
        """
        if call.resource == "leads":
            return _more_leads(call, answer)
        if call.asked:
            return _rest_of(call, answers.listed(answer.body))
        cursor = answers.next_cursor(answer.body)
        if cursor is None:
            return None
        query = tuple(pair for pair in call.query if pair[0] != "cursor")
        return replace(call, query=(*query, ("cursor", cursor)))

    def verdict(self, call: Call, answer: Answer) -> Verdict:
        """See `Api`. A 403 with an HTML page comes from Cloudflare, after calls that ignored a 429."""
        if answer.status == 403 and answer.body.lstrip()[:1] == b"<":
            return busy(seconds(answer.headers.get("retry-after")) or BUDGET_SECONDS)
        if answer.status == 429:
            return busy(_wait_seconds(answer.headers))
        return super().verdict(call, answer)

    def is_recognised(self, call: Call, answer: Answer) -> bool:
        """See `Api`."""
        return answers.is_recognised(call, answer.body)

    decode = staticmethod(answers.decode)

    def webhooks(self, account: Account) -> Call:
        """See `Subscribing`."""
        return _WEBHOOKS

    def is_off(self, answer: Answer, address: str) -> bool | None:
        """See `Subscribing`. Each kind of object has its own webhook. They are off if one is not active, or
        if the one of deals or activities is missing, because Pipedrive deletes a webhook after three days
        without success. None when there are none, or the answer cannot be read."""
        try:
            objects = answers.listed(answer.body)
        except ValueError:
            return None
        own = [sent for sent in objects if isinstance(sent, dict) and sent.get("subscription_url") == address]
        if not own:
            return None
        active = [webhook for webhook in own if webhook.get("is_active") in (1, True, None)]
        return len(active) < len(own) or not all(_covers(active, kind) for kind in _REQUIRED)

    def subscribe(self, account: Account, address: str) -> Sequence[Call]:
        """See `Subscribing`. The bodies contain the user and password that Pipedrive will send."""
        user, _, password = account.webhook_secrets[0].value.partition(":")
        registered = {"subscription_url": address, "event_action": "*", "version": "2.0"}
        secret = {"http_auth_user": user, "http_auth_password": password}
        return [
            replace(
                _WEBHOOKS,
                body=msgspec.json.encode(
                    {**registered, **secret, "event_object": kind, "name": f"Lossboard: {kind}"}
                ),
            )
            for kind in ENTITIES
        ]


def _path(resource: str) -> str:
    return "/api/v2/deals/archived" if resource == "archived_deals" else f"/api/v2/{resource}"


def _stage(name: str, resource: str, **query: str) -> Stage:
    pairs = (*query.items(), *_MORE_FIELDS.get(resource, ()), ("sort_by", "id"), ("limit", PAGE))
    return Stage(name, Call(resource, _path(resource), pairs))


def _by_ids(resource: str, ids: Iterable[str], asked: tuple[str, ...]) -> Call:
    more = _MORE_FIELDS.get(resource, ())
    return Call(resource, _path(resource), (("ids", ",".join(ids)), *more, ("limit", PAGE)), asked=asked)


def _organizations(asked: Iterable[str]) -> Call | None:
    """The call for those clients that are organisations; None without any."""
    client_ids = tuple(client_id for client_id in asked if client_id.startswith(ORGANIZATION))
    if not client_ids:
        return None
    return _by_ids("organizations", (id.removeprefix(ORGANIZATION) for id in client_ids), client_ids)


def _leads(asked: tuple[str, ...], start: int = 0) -> Call:
    """The call for a page of the leads that are not archived, which is the only list of them. A lead that is
    asked for is looked for on each page."""
    return Call("leads", "/api/v1/leads", (("start", str(start)), ("limit", PAGE)), asked=asked)


def _more_leads(call: Call, answer: Answer) -> Call | None:
    """The call for the next page of leads. It overlaps with this one, because a lead that is deleted
    meanwhile moves all later ones up."""
    if not answers.more_leads(answer.body):
        return None
    return _leads(call.asked, int(dict(call.query)["start"]) + LEADS_STEP)


def _rest_of(call: Call, objects: list[Node]) -> Call | None:
    """The call for those objects that were asked for by id and can be in another list."""
    if call.resource == "persons":
        return _organizations(call.asked)
    present = answers.ids_in(call.resource, objects)
    if call.resource not in ("deals", "archived_deals") or None in present:
        return None
    missing = tuple(deal_id for deal_id in call.asked if deal_id not in present)
    leads = tuple(deal_id for deal_id in missing if deal_id.startswith(LEAD))
    deals = [deal_id for deal_id in missing if deal_id not in leads]
    if deals and call.resource == "deals":
        return _by_ids("archived_deals", deals, missing)
    return _leads(leads) if leads else None


def _utc(instant: Instant) -> str:
    """A time in RFC 3339, in whole seconds."""
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _wait_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait after a 429; None where its headers name none.

    The day's tokens are used up if `x-daily-ratelimit-token-remaining` is 0: the vendor sends that header and
    does not document it. So they are if calls are left in the window of 2 seconds. Asking again then only
    brings the block by Cloudflare nearer.
    """
    retry_after = seconds(headers.get("retry-after"))
    if headers.get("x-daily-ratelimit-token-remaining") == "0":
        return max(BUDGET_SECONDS, retry_after or 0)
    if retry_after is not None:
        return retry_after
    if headers.get("x-ratelimit-remaining", "0") != "0":
        return BUDGET_SECONDS
    return seconds(headers.get("x-ratelimit-reset"))


def _covers(webhooks: list[Object], kind: str) -> bool:
    """Whether the webhooks report every action on a kind of object."""
    actions = {
        action
        for webhook in webhooks
        if webhook.get("event_object") in (kind, "*")
        and isinstance(action := webhook.get("event_action"), str)
    }
    return "*" in actions or len(actions) >= _ALL_ACTIONS
