"""A simulated HubSpot: the CRM API of a private app, and the app's webhooks.

Sources: HubSpot's OpenAPI of CRM v3 objects, owners, pipelines and v4 associations; its guides "Search the
CRM", "API usage guidelines" and "Error handling". HubSpot ignores a parameter that it does not know;
this one refuses it, so that a misspelt one is noticed. Properties that do not exist are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import count, islice
from typing import Any, ClassVar, Final, Literal, TypeAlias
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.crm import AccountTable, SimulatedCRM, Webhook
from service.demo.crms.hubspot.definitions import owner_json, pipeline_json, property_json
from service.demo.crms.hubspot.merges import Merges
from service.demo.crms.hubspot.problems import CATEGORIES, UNKNOWN_TOKEN, not_found
from service.demo.crms.hubspot.records import (
    LABELS,
    PORTAL,
    AnyType,
    Json,
    is_archived,
    iso,
    linked,
    links_of,
    type_of,
)
from service.demo.crms.hubspot.requests import (
    Invalid,
    body_of,
    by_id,
    inputs_in,
    names_in,
    number_in,
    only_known,
    type_in,
    wants_archived,
)
from service.demo.crms.hubspot.search import matching, page
from service.demo.crms.hubspot.webhooks import Posts, packed, proof_of
from service.demo.crms.limits import DailyBudget, Window
from service.demo.office import Client, Deal, Event, Office

VERSION: Final = "2026-09"
"""The version of the API that is served."""

_READ: Final = frozenset({"properties", "associations", "archived"})
_POLICIES: Final = {"SECONDLY": "secondly", "TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "DAILY": "daily"}
_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class HubSpot(SimulatedCRM):
    """The simulated CRM.

    Args:
        token: The private app's access token.
        webhook_secret: The app's client secret.
        limit: Requests in any ten seconds. Searches are not among them: they have five a second.
        daily: Requests a day.
        index_lag: Seconds in which a search does not find yet what was made or changed.
        portal: The id of the portal that posts.
        signature: The version of the signature that webhooks carry.

    Attributes:
        address: The address that webhooks are posted to, which HubSpot signs.
        posts: Makes the webhooks.
        merges: Which records were merged.
    """

    kind: ClassVar[str] = "hubspot"
    retries: ClassVar[Sequence[float]] = (60, 300, 900, 1800, 3600, 7200, 10800, 14400, 18000, 21600)

    def __init__(
        self,
        office: Office,
        *,
        token: str = "pat-eu1-simulated",
        webhook_secret: str = "hubspot-client-secret",
        limit: int = 100,
        daily: int = 250_000,
        index_lag: int = 0,
        portal: int = PORTAL,
        signature: Literal["v1", "v3"] = "v3",
    ) -> None:
        self._calls, self._searches, self._daily = Window(limit, 10.0), Window(5), DailyBudget(daily)
        super().__init__(office, self._calls)
        self.token = token
        self.webhook_secret = webhook_secret
        self.address = ""
        self.index_lag = index_lag
        self.signature = signature
        self.posts = Posts(office, portal)
        self.merges = Merges(office)
        self._numbers = count(1)

    def account(self, api_url: str | None = None) -> AccountTable:
        """See `SimulatedCRM`."""
        return {
            "crm": self.kind,
            "webhook_secret": self.webhook_secret,
            "api": {"url": api_url or "https://api.hubapi.com", "token": self.token},
            self.kind: {"account": str(self.posts.portal)},
        }

    def connect(self, address: str) -> None:
        """See `SimulatedCRM`. HubSpot posts to https only, so it signs no other address."""
        self.address = re.sub("^http:", "https:", address)

    def webhooks(self, event: Event) -> list[Webhook]:
        """See `SimulatedCRM`."""
        webhook = self.posts.webhook(event)
        return [] if webhook is None else [webhook]

    def merge(self, primary: Deal | Client, other: Deal | Client) -> Webhook:
        """Merge two open deals, or two clients of one type; returns what the CRM posts about it."""
        return self.posts.merged(type_of(primary), self.merges.merge(primary, other))

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """See `SimulatedCRM`."""
        body = packed({**event, "attemptNumber": attempt} for event in json.loads(webhook.body))
        proof = proof_of(self.signature, self.webhook_secret, self.address, body, self.office.now())
        return Webhook(webhook.events, {**webhook.headers, **proof}, webhook.query, body)

    def hindrance(self, request: Request) -> Response | None:
        """See `SimulatedCRM`."""
        self.limiter = self._searches if request.url.path.endswith("/search") else self._calls
        hindered = super().hindrance(request)
        if hindered is None and not self._daily.spend(self.office.now()):
            return self._limited("DAILY")
        return hindered

    def refusal(self, request: Request) -> Response | None:
        """See `SimulatedCRM`."""
        known = request.headers.get("authorization") == f"Bearer {self.token}"
        return None if known else self._error(401, UNKNOWN_TOKEN)

    def too_many(self) -> Response:
        """See `SimulatedCRM`."""
        return self._limited("SECONDLY" if self.limiter is self._searches else "TEN_SECONDLY_ROLLING")

    def failure(self, status: int) -> Response:
        """See `SimulatedCRM`."""
        return (
            self.too_many() if status == 429 else self._error(status, "There was a problem with the request.")
        )

    def routes(self) -> list[Route]:
        """See `SimulatedCRM`."""
        objects = f"/crm/objects/{VERSION}/{{type}}"
        pairs = f"/crm/associations/{VERSION}/{{type}}/{{to}}"
        return [
            Route(f"{objects}/search", self._answer(self._search), methods=["POST"]),
            Route(f"{objects}/batch/read", self._answer(self._batch_read, "archived"), methods=["POST"]),
            Route(objects, self._answer(self._list, "limit", "after", *_READ)),
            Route(f"{pairs}/batch/read", self._answer(self._links), methods=["POST"]),
            Route(f"/crm/pipelines/{VERSION}/deals", self._answer(self._pipelines)),
            Route(f"/crm/properties/{VERSION}/deals/{{name}}", self._answer(self._property)),
            Route(f"/crm/owners/{VERSION}", self._answer(self._owners, "limit", "after", "archived")),
        ]

    def _answer(self, endpoint: _Endpoint, *known: str) -> _Endpoint:
        async def answering(request: Request) -> Response:
            try:
                only_known(request, known)
                return await endpoint(request)
            except Invalid as error:
                return self._error(400, str(error))

        return answering

    async def _list(self, request: Request) -> Response:
        kind, archived = type_in(request), wants_archived(request)
        after, limit = number_in(request, "after", 0), number_in(request, "limit", 10, 100)
        records = kind.records(self.office).values()
        rest = (record for record in records if record.id > after and is_archived(record) == archived)
        those = list(islice(rest, limit + 1))
        names, linked_to = (
            names_in(request.query_params.get(name)) for name in ("properties", "associations")
        )
        results = [
            self.merges.as_json(kind, record, names) | links_of(self.office, kind, record, linked_to)
            for record in those[:limit]
        ]
        return self._page(request, {"results": results}, results[-1]["id"] if len(those) > limit else None)

    async def _batch_read(self, request: Request) -> Response:
        kind, body = type_in(request), await body_of(request)
        by_id(body.get("idProperty"))
        ids, names = inputs_in(body, 100), body.get("properties") or []
        records = self._records(kind, wants_archived(request))
        current = {id: self.merges.current(kind, id) for id in ids}
        found = dict.fromkeys(id for id in current.values() if id in records)
        results = [self.merges.as_json(kind, records[id], names) for id in found]
        missing = [id for id in ids if current[id] not in records]
        message = f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist."
        error = not_found(f"{message} Check that ids are valid.", {"ids": missing})
        return self._batch(results, [error] if missing else [])

    async def _search(self, request: Request) -> Response:
        kind, body = type_in(request), await body_of(request)
        start, limit = page(body)
        indexed = self.office.now() - self.index_lag
        records = kind.records(self.office).values()
        searchable = [
            record for record in records if record.updated_at <= indexed and not is_archived(record)
        ]
        those = matching(kind, searchable, body)
        names = body.get("properties") or []
        results = [self.merges.as_json(kind, record, names) for record in those[start : start + limit]]
        after = str(start + limit) if len(those) > start + limit else None
        return self._page(request, {"total": len(those), "results": results}, after)

    async def _links(self, request: Request) -> Response:
        kind, to, ids = type_in(request), type_in(request, "to"), inputs_in(await body_of(request), 1000)
        records, results, errors = self._records(kind, archived=False), list[Json](), list[Json]()
        kinds = [
            {"category": "HUBSPOT_DEFINED", "typeId": number, "label": label}
            for number, label in LABELS.get((kind.singular, to.singular), ())
        ]
        for id in ids:
            end = linked(self.office, records[id], to) if id in records else None
            if end is None:
                context = {
                    "fromObjectId": [id],
                    "fromObjectType": [kind.singular],
                    "toObjectType": [to.singular],
                }
                error = not_found(f"No {to.singular} is associated with {kind.singular} {id}.", context)
                errors.append({**error, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
            else:
                results.append({"from": {"id": id}, "to": [{"toObjectId": end, "associationTypes": kinds}]})
        return self._batch(results, errors)

    async def _pipelines(self, request: Request) -> Response:
        named = enumerate(self.office.pipelines.items())
        return self._json({"results": [pipeline_json(id, name, order) for order, (id, name) in named]})

    async def _property(self, request: Request) -> Response:
        name = request.path_params["name"]
        definition = property_json(name, self.office.reasons.values())
        return self._json(definition) if definition else self._error(404, f"Property {name} does not exist")

    async def _owners(self, request: Request) -> Response:
        after, limit = number_in(request, "after", 0), number_in(request, "limit", 100, 500)
        rest = [id for id in sorted(self.office.managers) if id > after and not wants_archived(request)]
        results = [owner_json(id, self.office.managers[id]) for id in rest[:limit]]
        return self._page(request, {"results": results}, results[-1]["id"] if len(rest) > limit else None)

    def _records(self, kind: AnyType, archived: bool) -> dict[str, Any]:
        return {
            str(record.id): record
            for record in kind.records(self.office).values()
            if is_archived(record) == archived
        }

    def _page(self, request: Request, answer: Json, after: object) -> Response:
        if after is None:
            return self._json(answer)
        following = {"after": after, "link": f"{request.url.path}?after={after}"}
        return self._json({**answer, "paging": {"next": following}})

    def _batch(self, results: list[Json], errors: list[Json]) -> Response:
        now = iso(int(self.office.now()))
        answer: Json = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        return self._json({**answer, "numErrors": len(errors), "errors": errors} if errors else answer)

    def _json(self, answer: Json) -> Response:
        """An answer; its headers give the limits, except for a search."""
        limits = {
            "daily": self._daily.budget,
            "daily-remaining": self._daily.left(self.office.now()),
            "interval-milliseconds": int(self._calls.seconds * 1000),
            "max": self._calls.limit,
            "remaining": self._calls.limit - len(self._calls.taken),
        }
        searching = self.limiter is self._searches
        headers = (
            {} if searching else {f"x-hubspot-ratelimit-{name}": str(limit) for name, limit in limits.items()}
        )
        return JSONResponse(answer, 207 if "errors" in answer else 200, headers)

    def _limited(self, policy: str) -> Response:
        problem = self._problem(f"You have reached your {_POLICIES[policy]} limit.")
        problem |= {"errorType": "RATE_LIMIT", "policyName": policy, "requestId": problem["correlationId"]}
        return JSONResponse(problem, 429)

    def _error(self, status: int, message: str) -> Response:
        problem = {**self._problem(message), "category": CATEGORIES.get(status, "INTERNAL_ERROR")}
        return JSONResponse(problem, status, {"retry-after": "60"} if status == 477 else {})

    def _problem(self, message: str) -> Json:
        return {"status": "error", "message": message, "correlationId": str(UUID(int=next(self._numbers)))}
