"""A simulated Pipedrive: its API v2, v1 where v2 has none, and its webhooks.

Sources: Pipedrive's OpenAPI of v1 and v2, its pages "Rate limiting", "Pagination", "HTTP status codes" and
"Responses", and its guide for webhooks v2; for the texts of errors, captured answers. Pipedrive ignores a
parameter that it does not know; this one refuses it, so that a misspelt one is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from typing import ClassVar, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.crm import AccountTable, SimulatedCRM, Webhook
from service.demo.crms.limits import DailyBudget, Window
from service.demo.crms.pipedrive.hooks import BAN, MOST_HOOKS, Hook, requested
from service.demo.crms.pipedrive.lists import COLLECTIONS, DEALS, Invalid, leads_page
from service.demo.crms.pipedrive.records import Json, user_json
from service.demo.crms.pipedrive.webhooks import COMPANY, HOST, action_of, body_v1, body_v2, object_of, packed
from service.demo.office import Event, Office

_INFO: Final = "Please check developers.pipedrive.com"
_ERRORS: Final = {401: "unauthorized access", 403: "Scope and URL mismatch", 429: "Rate limit exceeded"}
_CLOUDFLARE: Final = (
    "<html><head><title>Access denied</title></head><body>This error is produced by Cloudflare.</body></html>"
)


_Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Pipedrive(SimulatedCRM):
    """The simulated CRM.

    Args:
        token: The API token.
        webhook_secret: `user:password` of the webhooks.
        limit: Requests in any two seconds.
        budget: Tokens a day: 30 000 by the seats and the plan.
        company: The company's id in webhooks of version 2.

    Attributes:
        hooks: The registered webhooks by their ids.
        leads: Its leads that are not archived, by their ids oldest first; an office has none.
    """

    kind: ClassVar[str] = "pipedrive"
    retries: ClassVar[Sequence[float]] = (3.0, 30.0, 150.0)

    def __init__(
        self,
        office: Office,
        *,
        token: str = "pipedrive-api-token",
        webhook_secret: str = "pipedrive:webhook-secret-of-the-office",
        limit: int = 20,
        budget: int = 30_000,
        company: int = COMPANY,
    ) -> None:
        self.company = company
        self.token = token
        self.webhook_secret = webhook_secret
        self.hooks: dict[int, Hook] = {}
        self.leads: dict[str, Json] = {}
        self.budget = DailyBudget(budget)
        self._burst = Window(limit, 2.0)
        self._numbers = count(1)
        self._last_posted = 0
        super().__init__(office, self._burst)

    @property
    def disabled(self) -> bool:
        """Whether no webhook posts, because all are banned or deleted by the vendor."""
        now = self.office.now()
        return self._off or (bool(self.hooks) and not any(hook.posts(now) for hook in self.hooks.values()))

    @disabled.setter
    def disabled(self, off: bool) -> None:
        self._off = off

    def disable_webhook(self) -> None:
        """Ban all webhooks, from now on."""
        for hook in self.hooks.values():
            hook.banned_until = self.office.now() + BAN

    def account(self, api_url: str | None = None) -> AccountTable:
        """See `SimulatedCRM`."""
        return {
            "crm": self.kind,
            "webhook_secret": self.webhook_secret,
            "api": {"url": api_url or f"https://{HOST}", "token": self.token},
            self.kind: {"account": str(self.company)},
        }

    def connect(self, address: str, version: str = "2.0") -> None:
        """See `SimulatedCRM`."""
        user, _, password = self.webhook_secret.partition(":")
        self.subscribe(address, version=version, user=user, password=password)

    def subscribe(
        self,
        url: str,
        action: str = "*",
        entity: str = "*",
        version: str = "2.0",
        user: str | None = None,
        password: str | None = None,
        name: str = "board",
    ) -> Hook:
        """Register a webhook."""
        id = 4_710_826 + next(self._numbers)
        self.hooks[id] = hook = Hook.made(
            id, url, action, entity, version, user, password, name, self.office.now()
        )
        return hook

    def webhooks(self, event: Event) -> list[Webhook]:
        """See `SimulatedCRM`. Every registered webhook with a subscription to the event posts once.

        While a webhook is banned, its events are lost.
        """
        number, now = next(self._numbers), self.office.now()
        # Events of one second differ in the milliseconds only, which `update_time` does not have.
        self._last_posted = millis = max(event.at * 1000, self._last_posted + 1)
        action, entity = action_of(event), object_of(event.after)
        made = []
        for id, hook in self.hooks.items():
            if hook.is_subscribed_to(action, entity) and (self.disabled or hook.posts(now)):
                old = hook.fields["version"] == "1.0"
                body = (
                    body_v1(self.office, event, id, millis)
                    if old
                    else body_v2(self.office, event, id, number, millis, self.company)
                )
                made.append(Webhook((event,), hook.headers, hook.query, packed(body)))
        return made

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """See `SimulatedCRM`."""
        body = json.loads(webhook.body)
        if "retry" in body:
            body["retry"] = attempt
        else:
            body["meta"]["attempt"] = attempt + 1
        return Webhook(webhook.events, webhook.headers, webhook.query, packed(body))

    def answered(self, webhook: Webhook, attempt: int, status: int | None) -> None:
        """See `SimulatedCRM` and `Hook`."""
        hook = self.hooks.get(int(json.loads(webhook.body)["meta"]["webhook_id"]))
        if hook is not None:
            hook.answered(attempt, status, self.office.now())

    def hindrance(self, request: Request) -> Response | None:
        """See `SimulatedCRM`."""
        hindered = super().hindrance(request)
        if hindered is None and not self.budget.spend(self.office.now(), _cost(request)):
            return self.too_many()
        return hindered

    def refusal(self, request: Request) -> Response | None:
        """See `SimulatedCRM`."""
        return None if request.headers.get("x-api-token") == self.token else self.failure(401)

    def too_many(self) -> Response:
        """See `SimulatedCRM`. The documents tell the two limits apart by the headers only."""
        return self.failure(429)

    def failure(self, status: int) -> Response:
        """See `SimulatedCRM`. 403 is the page for a client that goes on after 429."""
        if status == 403:
            return HTMLResponse(_CLOUDFLARE, 403)
        error = _ERRORS.get(status, "Requested service is not available")
        return self._json(
            {"success": False, "error": error, "errorCode": status, "error_info": _INFO}, status
        )

    def routes(self) -> list[Route]:
        """See `SimulatedCRM`."""
        hooks = "/api/v1/webhooks"
        return [
            Route("/api/v2/{list}", self._answer(self._list)),
            Route("/api/v2/deals/archived", self._answer(self._archived_deals)),
            Route("/api/v1/users", self._answer(self._users)),
            Route("/api/v1/leads", self._answer(self._leads)),
            Route(hooks, self._answer(self._hooks)),
            Route(hooks, self._answer(self._add_hook), methods=["POST"]),
            Route(f"{hooks}/{{id:int}}", self._answer(self._delete_hook), methods=["DELETE"]),
        ]

    def _answer(self, endpoint: _Endpoint) -> _Endpoint:
        async def answering(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Invalid as error:
                return self._refused(400, f"Validation failed: {error}", "ERR_SCHEMA_VALIDATION_FAILED")

        return answering

    async def _list(self, request: Request) -> Response:
        collection = COLLECTIONS.get(request.path_params["list"])
        if collection is None:
            return self._refused(404, "Resource not found", "ERR_NOT_FOUND")
        return self._json(collection.page(self.office, dict(request.query_params)))

    async def _archived_deals(self, request: Request) -> Response:
        """This office archives no deals."""
        DEALS.page(self.office, dict(request.query_params))  # refuses what the list does not take
        return self._json({"success": True, "data": [], "additional_data": {"next_cursor": None}})

    async def _users(self, request: Request) -> Response:
        users = [user_json(id, name) for id, name in self.office.managers.items()]
        return self._json({"success": True, "data": users})

    async def _leads(self, request: Request) -> Response:
        return self._json(leads_page(list(self.leads.values()), dict(request.query_params)))

    async def _hooks(self, request: Request) -> Response:
        hooks = [hook.fields for hook in self.hooks.values()]
        return self._json({"success": True, "status": "ok", "data": hooks})

    async def _add_hook(self, request: Request) -> Response:
        asked = requested(await request.body())
        if len(self.hooks) >= MOST_HOOKS:
            return self._json({"status": "error", "success": False, "error": "Webhooks limit reached"}, 422)
        hook = self.subscribe(
            asked["subscription_url"],
            asked["event_action"],
            asked["event_object"],
            asked.get("version", "2.0"),
            asked.get("http_auth_user"),
            asked.get("http_auth_password"),
            asked["name"],
        )
        return self._json({"success": True, "status": "ok", "data": hook.fields}, 201)

    async def _delete_hook(self, request: Request) -> Response:
        if self.hooks.pop(request.path_params["id"], None) is None:
            return self._refused(404, "Webhook not found")
        return self._json({"success": True, "status": "ok"})

    def _refused(self, status: int, error: str, code: str | None = None) -> Response:
        """An error: with a code in v2, with a text only in v1."""
        more: Json = (
            {"error_info": _INFO, "data": None, "additional_data": None} if code is None else {"code": code}
        )
        return self._json({"success": False, "error": error, **more}, status)

    def _json(self, answer: Mapping[str, object], status: int = 200) -> Response:
        """An answer with its limits in the headers. The day's are not documented; public clients record
        them."""
        taken, now = self._burst.taken, self.office.now()
        reset = int(taken[0] + self._burst.seconds - now) if taken else int(self._burst.seconds)
        limits = {
            "x-ratelimit-limit": self._burst.limit,
            "x-ratelimit-remaining": self._burst.limit - len(taken),
            "x-ratelimit-reset": max(0, reset),
            "x-daily-ratelimit-token-limit": self.budget.budget,
            "x-daily-ratelimit-token-remaining": self.budget.left(now),
        }
        return JSONResponse(answer, status, {name: str(value) for name, value in limits.items()})


def _cost(request: Request) -> int:
    """The tokens that a request costs: v2 is cheaper than v1, one record cheaper than a list."""
    version, name, *one = request.url.path.removeprefix("/api/").split("/")
    if request.method != "GET":
        return 6 if request.method == "DELETE" else 10
    if version == "v2":
        return 1 if one or name not in COLLECTIONS else COLLECTIONS[name].cost
    return 2 if one else 20
