"""Pipedrive's API: what it is asked, and what the answers say. Pure.

Sources: the OpenAPI documents of developers.pipedrive.com/docs/api/v2 (deals, activities, persons,
organisations, pipelines) and v1 (users, webhooks); pipedrive.readme.io/docs/core-api-concepts-rate-limiting.
Lists are sorted by id and paged by a cursor that holds the last one, so that no row is skipped when others
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
    Call,
    Pace,
    Stage,
    Verdict,
    seconds,
    standing,
)
from service.adapters.pipedrive import answers
from service.adapters.pipedrive.items import ENTITIES
from service.adapters.pipedrive.values import ORGANIZATION, Node, Object, parse
from service.config import Account
from service.model import SECOND, Decoded, Instant, Need, Request

PAGE: Final = "500"
"""Entries on a page, at most."""

BUDGET_SECONDS: Final = 900.0
"""How long to let an API be that was asked too much: the day's tokens are used up, which midnight mends at a
place that the vendor does not name, or Cloudflare has shut the door."""

_DAY: Final = 24 * 60 * 60 * SECOND
_USERS: Final = Call("users", "/api/v1/users")
_WEBHOOKS: Final = Call("webhooks", "/api/v1/webhooks")
_MOVING: Final = ("deal", "activity")
"""What the board cannot do without."""

_EVERY_ACTION: Final = 3
"""Actions that there are, beside v1's mergers."""


class PipedriveApi:
    """Pipedrive API v2, and v1 where there is no other."""

    url = None
    # Half of what the smallest plan allows one token: 20 in 2 seconds.
    pace = Pace(per_second=5.0, burst=10)
    batch = 100

    def prefix(self, account: Account) -> str:
        """See `Api`: none, the token is in a header."""
        del account
        return ""

    def headers(self, account: Account) -> Mapping[str, str]:
        """See `Api`: a user's token, who should be an administrator, for it sees what that user sees."""
        return {"x-api-token": account.api.token.value} if account.api else {}

    def ask(self, needs: Sequence[Need], account: Account) -> Call | None:
        """See `Api`. Users and pipelines are few, and come all at once; see `following` for clients and
        deals."""
        del account
        entity, asked = needs[0].entity, tuple(need.id for need in needs)
        match entity:
            case "deal":
                return _by_ids("deals", asked, asked)
            case "task":
                return _by_ids("activities", asked, asked)
            case "client":
                persons = [each for each in asked if not each.startswith(ORGANIZATION)]
                return _by_ids("persons", persons, asked) if persons else _organizations(asked)
            case "manager":
                return _USERS
            case "pipeline":
                return _stage("pipelines", "pipelines").first
            case "reason":
                return None

    def backfill(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`. Clients are asked for by need: only those that a deal or an activity has."""
        return [Stage("users", _USERS), _stage("pipelines", "pipelines"), *self.sweep(account, now)]

    def changes(self, account: Account, since: Instant) -> Sequence[Stage]:
        """See `Api`. The API tells of deals that were deleted within 30 days, and of no deleted activity."""
        del account
        updated = _utc(since)
        return [
            Stage("users", _USERS),
            _stage("deals", "deals", status="open,won,lost,deleted", updated_since=updated),
            _stage("archived deals", "archived_deals", updated_since=updated),
            *(
                _stage(name, name, updated_since=updated)
                for name in ("activities", "persons", "organizations")
            ),
        ]

    def sweep(self, account: Account, now: Instant) -> Sequence[Stage]:
        """See `Api`. API v2 neither selects fields nor filters by the day of losing or of being done; but
        what was lost or done since a day, was changed since."""
        del account
        lost, done = _utc(now - LOSSES_DAYS * _DAY), _utc(now - TASKS_DAYS * _DAY)
        return [
            _stage("open deals", "deals", status="open"),
            _stage("lost deals", "deals", status="lost", updated_since=lost),
            _stage("archived lost deals", "archived_deals", status="lost", updated_since=lost),
            _stage("open activities", "activities", done="false"),
            _stage("done activities", "activities", done="true", updated_since=done),
        ]

    def following(self, call: Call, answer: Answer) -> Call | None:
        """See `Api`. The vendor's cursor names the next page of a list; one that was just used does not, nor
        one after an empty page.

        What is asked for by its ids fits a page. But a deal that is not among the others may be archived, and
        after persons it is the turn of the organisations that were asked for with them.
        """
        try:
            sent, items = parse(answer.body), answers.listed(answer.body)
        except ValueError:
            return None
        if call.asked:
            return _asked_next(call, items)
        additional = sent.get("additional_data")
        cursor = additional.get("next_cursor") if isinstance(additional, dict) else None
        if not isinstance(cursor, str) or not cursor or not items or ("cursor", cursor) in call.query:
            return None
        query = tuple(pair for pair in call.query if pair[0] != "cursor")
        return replace(call, query=(*query, ("cursor", cursor)))

    def verdict(self, answer: Answer) -> tuple[Verdict, float | None]:
        """See `Api`. 429 with calls left in the window of 2 seconds means that the day's tokens are used up.
        403 with an HTML page is Cloudflare's, for asking on after 429; 402, that the account is not paid
        for."""
        if answer.status == 402:
            return "refused", None
        if answer.status == 403 and answer.body.lstrip()[:1] == b"<":
            return "later", seconds(answer.headers.get("retry-after")) or BUDGET_SECONDS
        if answer.status == 429:
            return "later", _pause(answer.headers)
        return standing(answer.status, answer.headers)

    def decode(self, request: Request, account: Account) -> Decoded:
        """See `Api`."""
        return answers.decode(request, account)

    def webhooks(self, account: Account) -> Call:
        """See `Subscribing`."""
        del account
        return _WEBHOOKS

    def is_off(self, answer: Answer, address: str) -> bool | None:
        """See `Subscribing`. Each kind of object has a webhook of its own; off is one that is not active, and
        that of deals or activities which is missing: after three days without success the vendor deletes
        one. None when there is none, or the answer cannot be read."""
        try:
            items = answers.listed(answer.body)
        except ValueError:
            return None
        ours = [each for each in items if isinstance(each, dict) and each.get("subscription_url") == address]
        if not ours:
            return None
        active = [each for each in ours if each.get("is_active") in (1, True, None)]
        return len(active) < len(ours) or not all(_covers(active, kind) for kind in _MOVING)

    def subscribe(self, account: Account, address: str) -> Sequence[Call]:
        """See `Subscribing`. The bodies hold the user and password that the vendor is to send."""
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
    pairs = (*query.items(), ("sort_by", "id"), ("limit", PAGE))
    return Stage(name, Call(resource, _path(resource), pairs))


def _by_ids(resource: str, ids: Iterable[str], asked: tuple[str, ...]) -> Call:
    return Call(resource, _path(resource), (("ids", ",".join(ids)), ("limit", PAGE)), asked=asked)


def _organizations(asked: Iterable[str]) -> Call | None:
    """Asks for those that are organisations, if there are any."""
    wanted = tuple(each for each in asked if each.startswith(ORGANIZATION))
    return (
        _by_ids("organizations", (each.removeprefix(ORGANIZATION) for each in wanted), wanted)
        if wanted
        else None
    )


def _asked_next(call: Call, items: list[Node]) -> Call | None:
    if call.resource == "persons":
        return _organizations(call.asked)
    present = answers.ids_of(items)
    if call.resource != "deals" or None in present:
        return None
    left = tuple(each for each in call.asked if each not in present)
    return _by_ids("archived_deals", left, left) if left else None


def _utc(moment_at: Instant) -> str:
    """RFC 3339, to the second."""
    return datetime.fromtimestamp(moment_at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pause(headers: Mapping[str, str]) -> float | None:
    """Seconds after which to ask again."""
    told = seconds(headers.get("retry-after"))
    if told is not None:
        return told
    if headers.get("x-ratelimit-remaining", "0") != "0":
        return BUDGET_SECONDS
    return seconds(headers.get("x-ratelimit-reset"))


def _covers(webhooks: list[Object], kind: str) -> bool:
    """Whether the webhooks tell of everything that happens to a kind of object."""
    actions = {
        action
        for each in webhooks
        if each.get("event_object") in (kind, "*") and isinstance(action := each.get("event_action"), str)
    }
    return "*" in actions or len(actions) >= _EVERY_ACTION
