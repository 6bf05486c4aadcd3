"""A simulated HubSpot: the CRM API of a private app, by its dated and its numbered addresses, and the app's
webhooks.

Sources: HubSpot's OpenAPI of CRM v3 objects, owners, pipelines and v4 associations; its guides "Search the
CRM", "API usage guidelines" and "Error handling". Where HubSpot passes over a parameter that it does not
know, this one refuses it: a client that misspells one should hear of it. Properties that do not exist are
passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count, islice
from typing import Any, ClassVar, Final, Literal, TypeAlias
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.crm import AccountTable, SimulatedCRM, Webhook
from service.demo.crms.hubspot.records import (
    LABELS,
    AnyType,
    Json,
    is_archived,
    iso,
    linked,
    links_of,
    owner_json,
    pipeline_json,
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
from service.demo.crms.hubspot.search import found, page
from service.demo.crms.hubspot.webhooks import PORTAL, Posts, packed, signature_v1, signature_v3
from service.demo.crms.limits import DailyBudget, Window
from service.demo.office import Event, Office, OfficeRecord

DATED: Final = "2026-09"
"""The version of the API whose addresses are answered besides those of v3, and v4 for associations."""

_READ: Final = frozenset({"properties", "associations", "archived"})
_POLICIES: Final = {"SECONDLY": "secondly", "TEN_SECONDLY_ROLLING": "ten_secondly_rolling", "DAILY": "daily"}
_CATEGORIES: Final = {400: "VALIDATION_ERROR", 401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES"}
_UNKNOWN_TOKEN: Final = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
    "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)

_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class HubSpot(SimulatedCRM):
    """The simulated CRM.

    Args:
        token: The private app's access token.
        webhook_secret: The app's client secret.
        signature: Which signature webhooks carry; may be changed at any time.
        generic: See `Posts`.
        limit: Requests in any ten seconds. Searches are not among them: they have five a second.
        daily: Requests a day.
        index_lag: Seconds in which a search does not find yet what was made or changed.

    Attributes:
        address: The address that webhooks are posted to, which HubSpot signs.
        posts: Makes the webhooks.
    """

    kind: ClassVar[str] = "hubspot"
    retries: ClassVar[Sequence[float]] = (60, 300, 900, 1800, 3600, 7200, 10800, 14400, 18000, 21600)

    def __init__(
        self,
        office: Office,
        *,
        token: str = "pat-eu1-simulated",
        webhook_secret: str = "hubspot-client-secret",
        signature: Literal["v1", "v3"] = "v3",
        generic: bool = False,
        limit: int = 100,
        daily: int = 250_000,
        index_lag: int = 0,
    ) -> None:
        self._calls, self._searches, self._daily = Window(limit, 10.0), Window(5), DailyBudget(daily)
        super().__init__(office, self._calls)
        self.token = token
        self.webhook_secret = webhook_secret
        self.address = ""
        self.signature = signature
        self.index_lag = index_lag
        self.posts = Posts(office, generic)
        self._numbers = count(1)

    def account(self, api_url: str | None = None) -> AccountTable:
        """See `SimulatedCRM`."""
        return {
            "crm": self.kind,
            "webhook_secret": self.webhook_secret,
            "api": {"url": api_url or "https://api.hubapi.com", "token": self.token},
            self.kind: {"account": str(PORTAL)},
        }

    def connect(self, address: str) -> None:
        """See `SimulatedCRM`. HubSpot posts to https only, so it signs no other address."""
        self.address = re.sub("^http:", "https:", address)

    def webhooks(self, event: Event) -> list[Webhook]:
        """See `SimulatedCRM`."""
        webhook = self.posts.webhook(event)
        return [] if webhook is None else [webhook]

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """See `SimulatedCRM`."""
        body = packed({**each, "attemptNumber": attempt} for each in json.loads(webhook.body))
        if self.signature == "v1":
            signed = signature_v1(self.webhook_secret, body)
            proof = {"x-hubspot-signature": signed, "x-hubspot-signature-version": "v1"}
        else:
            now = str(int(self.office.now() * 1000))
            signed = signature_v3(self.webhook_secret, "POST", self.address, body, now)
            proof = {"x-hubspot-signature-v3": signed, "x-hubspot-request-timestamp": now}
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
        return None if known else self._error(401, _UNKNOWN_TOKEN)

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
        numbered = self._routes(
            "/crm/v3/objects", "/crm/v4/associations", "/crm/v3/pipelines", "/crm/v3/owners"
        )
        parts = ("objects", "associations", "pipelines", "owners")
        return [*numbered, *self._routes(*(f"/crm/{part}/{DATED}" for part in parts))]

    def _routes(self, objects: str, links: str, pipelines: str, owners: str) -> list[Route]:
        objects, pairs, batch = f"{objects}/{{type}}", f"{links}/{{type}}/{{to}}", "batch/read"
        pipelines = f"{pipelines}/deals"
        return [
            Route(f"{objects}/search", self._answer(self._search), methods=["POST"]),
            Route(f"{objects}/{batch}", self._answer(self._batch_read, "archived"), methods=["POST"]),
            Route(objects, self._answer(self._list, "limit", "after", *_READ)),
            Route(f"{objects}/{{id}}", self._answer(self._read, "idProperty", *_READ)),
            Route(f"{pairs}/{batch}", self._answer(self._links), methods=["POST"]),
            Route(pipelines, self._answer(self._pipelines)),
            Route(f"{pipelines}/{{id}}", self._answer(self._pipelines)),
            Route(owners, self._answer(self._owners, "limit", "after", "archived")),
            Route(f"{owners}/{{id}}", self._answer(self._owner, "idProperty", "archived")),
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
        kind, after, limit = (
            type_in(request),
            number_in(request, "after", 0),
            number_in(request, "limit", 10, 100),
        )
        rest = (each for each in kind.records(self.office).values() if each.id > after)
        those = list(
            islice((each for each in rest if is_archived(each) == wants_archived(request)), limit + 1)
        )
        results = [self._with_links(kind, each, request) for each in those[:limit]]
        return self._page(request, {"results": results}, results[-1]["id"] if len(those) > limit else None)

    async def _read(self, request: Request) -> Response:
        kind = type_in(request)
        by_id(request.query_params.get("idProperty"))
        record = self._records(kind, wants_archived(request)).get(request.path_params["id"])
        return self._one(request, None if record is None else self._with_links(kind, record, request))

    async def _batch_read(self, request: Request) -> Response:
        kind, body = type_in(request), await body_of(request)
        by_id(body.get("idProperty"))
        ids, records, names = (
            inputs_in(body, 100),
            self._records(kind, wants_archived(request)),
            body.get("properties"),
        )
        results = [kind.as_json(records[each], names or [], PORTAL) for each in ids if each in records]
        missing = [each for each in ids if each not in records]
        message = f"Could not get some {kind.singular.upper()} objects, they may be deleted or not exist."
        error = _not_found(f"{message} Check that ids are valid.", {"ids": missing})
        return self._batch(request, results, [error] if missing else [])

    async def _search(self, request: Request) -> Response:
        kind, body = type_in(request), await body_of(request)
        start, limit = page(body)
        indexed = self.office.now() - self.index_lag
        records = kind.records(self.office).values()
        those = found(
            kind, [each for each in records if each.updated_at <= indexed and not is_archived(each)], body
        )
        names = body.get("properties") or []
        results = [kind.as_json(each, names, PORTAL) for each in those[start : start + limit]]
        after = str(start + limit) if len(those) > start + limit else None
        return self._page(request, {"total": len(those), "results": results}, after)

    async def _links(self, request: Request) -> Response:
        kind, to, ids = type_in(request), type_in(request, "to"), inputs_in(await body_of(request), 1000)
        records, results, errors = self._records(kind, archived=False), list[Json](), list[Json]()
        kinds = [
            {"category": "HUBSPOT_DEFINED", "typeId": number, "label": label}
            for number, label in LABELS.get((kind.singular, to.singular), ())
        ]
        for each in ids:
            end = linked(self.office, records[each], to) if each in records else None
            if end is None:
                told = _not_found(
                    f"No {to.singular} is associated with {kind.singular} {each}.",
                    {
                        "fromObjectId": [each],
                        "fromObjectType": [kind.singular],
                        "toObjectType": [to.singular],
                    },
                )
                errors.append({**told, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
            else:
                results.append({"from": {"id": each}, "to": [{"toObjectId": end, "associationTypes": kinds}]})
        return self._batch(request, results, errors)

    async def _pipelines(self, request: Request) -> Response:
        named = enumerate(self.office.pipelines.items())
        told = {str(id): pipeline_json(id, name, order) for order, (id, name) in named}
        if "id" in request.path_params:
            return self._one(request, told.get(request.path_params["id"]))
        return self._json(request, {"results": list(told.values())})

    async def _owners(self, request: Request) -> Response:
        after, limit = number_in(request, "after", 0), number_in(request, "limit", 100, 500)
        rest = [id for id in sorted(self.office.managers) if id > after and not wants_archived(request)]
        results = [owner_json(id, self.office.managers[id]) for id in rest[:limit]]
        return self._page(request, {"results": results}, results[-1]["id"] if len(rest) > limit else None)

    async def _owner(self, request: Request) -> Response:
        by = request.query_params.get("idProperty", "id")
        told = [
            owner_json(id, name) for id, name in self.office.managers.items() if not wants_archived(request)
        ]
        return self._one(request, {str(each.get(by)): each for each in told}.get(request.path_params["id"]))

    def _records(self, kind: AnyType, archived: bool) -> dict[str, Any]:
        return {
            str(each.id): each for each in kind.records(self.office).values() if is_archived(each) == archived
        }

    def _with_links(self, kind: AnyType, record: OfficeRecord, request: Request) -> Json:
        asked = request.query_params
        told = kind.as_json(record, names_in(asked.get("properties")), PORTAL)
        links = links_of(self.office, kind, record, names_in(asked.get("associations")))
        return {**told, "associations": links} if links else told

    def _one(self, request: Request, told: Json | None) -> Response:
        return self._error(404, "resource not found") if told is None else self._json(request, told)

    def _page(self, request: Request, told: Json, after: object) -> Response:
        link = f"{request.url.path}?after={after}"
        return self._json(
            request, told if after is None else {**told, "paging": {"next": {"after": after, "link": link}}}
        )

    def _batch(self, request: Request, results: list[Json], errors: list[Json]) -> Response:
        now = iso(int(self.office.now()))
        told: Json = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        return self._json(request, {**told, "numErrors": len(errors), "errors": errors} if errors else told)

    def _json(self, request: Request, told: Json) -> Response:
        """An answer; it tells the limits, except to a search."""
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
        return JSONResponse(told, 207 if "errors" in told else 200, headers)

    def _limited(self, policy: str) -> Response:
        told = self._problem(f"You have reached your {_POLICIES[policy]} limit.")
        told |= {"errorType": "RATE_LIMIT", "policyName": policy, "requestId": told["correlationId"]}
        return JSONResponse(told, 429)

    def _error(self, status: int, message: str) -> Response:
        told = self._problem(message)
        told["category"] = "OBJECT_NOT_FOUND" if status == 404 else _CATEGORIES.get(status, "INTERNAL_ERROR")
        return JSONResponse(told, status, {"retry-after": "60"} if status == 477 else {})

    def _problem(self, message: str) -> Json:
        return {"status": "error", "message": message, "correlationId": str(UUID(int=next(self._numbers)))}


def _not_found(message: str, context: Mapping[str, object]) -> Json:
    return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": context}
