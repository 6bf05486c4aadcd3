"""A simulated amoCRM (Kommo): its API v4 and its webhooks.

Source: amocrm.ru/developers/content/crm_platform (webhooks-api, webhooks-format) and
developers.kommo.com (docs/limitations, docs/webhooks-general).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.amocrm.api import HAL, Api, problem
from service.demo.crms.amocrm.event_log import entries
from service.demo.crms.amocrm.records import Entry, Json, Object, Renderer
from service.demo.crms.amocrm.webhooks import REASON_FIELD_ID, Item, items
from service.demo.crms.crm import AccountTable, SimulatedCRM, Webhook
from service.demo.crms.limits import Window
from service.demo.crms.php import form
from service.demo.office import Client, Deal, Event, Office, Second

HOUR: Final = 3600
INVALID: Final = 100
"""Webhooks in two hours that may be answered other than 2xx; one more disables the webhook."""

ABUSE: Final = 50
"""Requests refused with 429 in a minute that block the client; the vendor gives no number."""

SETTINGS: Final = tuple(
    f"{action}_{entity}"
    for entity, actions in {
        "lead": ("add", "update", "status", "responsible", "delete", "restore"),
        "task": ("add", "update", "responsible", "delete"),
        "contact": ("add", "update", "responsible", "delete", "restore"),
        "company": ("add", "update", "responsible", "delete", "restore"),
        "unsorted": ("add", "update", "delete"),
    }.items()
    for action in actions
)
"""The events to subscribe to, of those that this office has."""


@dataclass
class Hook:
    """A registered webhook."""

    id: int
    destination: str
    settings: list[str]
    created_at: Second
    updated_at: Second


class AmoCRM(SimulatedCRM):
    """The simulated CRM.

    Args:
        office: Its amounts are whole roubles, and every task has a due time.
        token: The long-lived token of the API.
        webhook_secret: Part of the address that webhooks are posted to.
        limit: Requests in a second.
        short: Leads are posted in the SHORT form; may be changed at any time.
        unsorted: New leads come in through «Неразобранное» and are posted as they are accepted.
        reason_field: The lead's custom field that carries the loss reason to a board without an API token,
            whose configuration has the managers' names; None: the board asks the API.
    """

    kind: ClassVar[str] = "amocrm"
    retries: ClassVar[Sequence[float]] = (300.0, 900.0, 900.0, 3600.0)  # the documents' table is lost

    def __init__(
        self,
        office: Office,
        *,
        token: str = "amo-long-lived-token",
        webhook_secret: str = "amo-webhook-secret",
        subdomain: str = "zerno",
        account_id: int = 20518844,
        limit: int = 7,
        short: bool = False,
        unsorted: bool = False,
        reason_field: str | None = None,
    ) -> None:
        super().__init__(office, Window(limit))
        self.token = token
        self.webhook_secret = webhook_secret
        self.subdomain = subdomain
        self.account_id = account_id
        self.origin = f"https://{subdomain}.amocrm.ru"
        self.short = short
        self.unsorted = unsorted
        self.reason_field = reason_field
        self.renderer = Renderer(office, self.origin, account_id)
        self.hooks: dict[str, Hook] = {}
        self.log: list[Entry] = []
        self.merged: set[int] = set()
        self._invalid: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._blocked = False
        self._posted = 0
        office.listeners.append(lambda event: self.log.extend(entries(event)))

    def account(self, api_url: str | None = None) -> AccountTable:
        """See `SimulatedCRM`."""
        account = {"crm": self.kind, "webhook_secret": self.webhook_secret}
        if self.reason_field is None:
            api = {"url": api_url or self.origin, "token": self.token}
            return {**account, "api": api, self.kind: {"account": str(self.account_id)}}
        users = {str(user_id): name for user_id, name in self.office.managers.items()}
        options = {"account": str(self.account_id), "reason_field": self.reason_field, "users": users}
        return {**account, self.kind: options}

    def connect(self, address: str) -> None:
        """See `SimulatedCRM`. The address carries the secret, because the vendor signs nothing."""
        self.subscribe(f"{address}?{urlencode({'token': self.webhook_secret})}", SETTINGS)

    def subscribe(self, destination: str, settings: Iterable[str]) -> Hook:
        """Register a webhook, or renew the one with this address. Renewing enables it again."""
        now = int(self.office.now())
        hook = self.hooks.setdefault(destination, Hook(839_656 + len(self.hooks), destination, [], now, now))
        hook.settings, hook.updated_at = list(settings), now
        self.disabled = False
        self._invalid.clear()
        return hook

    def webhooks(self, event: Event) -> list[Webhook]:
        """See `SimulatedCRM`. One request for each item, to each address that subscribed to it."""
        return [
            self._webhook(event, item, hook)
            for item in items(
                self.office, event, self.account_id, self.short, self.unsorted, self.reason_field
            )
            for hook in self.hooks.values()
            if item.setting in hook.settings
        ]

    def _webhook(self, event: Event, item: Item, hook: Hook) -> Webhook:
        self._posted += 1
        account = {"subdomain": self.subdomain, "id": str(self.account_id)}
        fields = [(f"account[{name}]", value) for name, value in account.items()]
        fields += [] if self.short else [("account[_links][self]", self.origin)]
        path = f"{item.entity}[{item.action}][0]"
        fields += [
            (path + "".join(f"[{part}]" for part in name.split("/")), v) for name, v in item.fields.items()
        ]
        headers = {
            "user-agent": "amoCRM-Webhooks/3.0",
            "content-type": "application/x-www-form-urlencoded",
            "accept-encoding": "gzip",
            "x-amocrm-requestid": str(UUID(int=self._posted)),
        }
        return Webhook((event,), headers, dict(parse_qsl(urlsplit(hook.destination).query)), form(fields))

    def answered(self, webhook: Webhook, attempt: int, status: int | None) -> None:
        """See `SimulatedCRM`. More than 100 invalid answers in two hours disable the webhook."""
        if status is not None and 200 <= status < 300:
            return
        now = self.office.now()
        self._invalid.append(now)
        while self._invalid[0] <= now - 2 * HOUR:
            self._invalid.popleft()
        self.disabled = self.disabled or len(self._invalid) > INVALID

    def refusal(self, request: Request) -> Response | None:
        """See `SimulatedCRM`."""
        if self._blocked:
            return _forbidden()
        return None if request.headers.get("authorization") == f"Bearer {self.token}" else self.failure(401)

    def too_many(self) -> Response:
        """See `SimulatedCRM`. A client that goes on asking is blocked."""
        now = self.office.now()
        self._refused.append(now)
        while self._refused[0] <= now - 60:
            self._refused.popleft()
        self._blocked = len(self._refused) >= ABUSE
        return self.failure(429)

    def unblock(self) -> None:
        """Unblock the client, as the vendor's support does."""
        self._blocked = False
        self._refused.clear()

    def failure(self, status: int) -> Response:
        """See `SimulatedCRM`. An account that moved redirects; who is blocked gets a page of the proxy's."""
        if 300 <= status < 400:
            return Response(status_code=status, headers={"location": "https://moved.amocrm.ru/api/v4/leads"})
        return _forbidden() if status == 403 else problem(status)

    def routes(self) -> list[Route]:
        """See `SimulatedCRM`."""
        hooks = Route("/api/v4/webhooks", self._hooks, methods=["GET", "POST", "DELETE"])
        fields = {REASON_FIELD_ID: self.reason_field} if self.reason_field else {640_001: "Источник"}
        return [*Api(self.renderer, self.log, self.merged, fields).routes(), hooks]

    def merge(self, left: Deal | Client, other: Deal | Client) -> None:
        """Merge a lead or a client into another: what was linked to it is linked to the one that is left, and
        it is in no list. The log has an entry; the documents name no webhook, and none is posted."""
        if isinstance(left, Deal):
            self.office.delete_deal(other.id)
        else:
            self.merged.add(other.id)
            for deal in [deal for deal in self.office.deals.values() if deal.client_id == other.id]:
                self.office.edit_deal(deal.id, client_id=left.id)
        link, now = "deal_id" if isinstance(left, Deal) else "client_id", int(self.office.now())
        moved: dict[str, Any] = {link: left.id, "updated_at": now}
        for task in [task for task in self.office.tasks.values() if getattr(task, link) == other.id]:
            self.office.tasks[task.id] = replace(task, **moved)
        kind = "lead" if isinstance(left, Deal) else "company" if left.company else "contact"
        self.log.append(Entry("entity_merged", kind, left.id, 0, now))

    async def _hooks(self, request: Request) -> Response:
        """List, register or renew, and delete webhooks."""
        if request.method == "GET":
            return self._list_hooks(request.query_params.get("filter[destination]"))
        try:
            asked = json.loads(await request.body())
            destination = asked["destination"]
            settings = asked["settings"] if request.method == "POST" else []
        except (ValueError, KeyError, TypeError):
            return problem(400)
        if request.method == "DELETE":
            return Response(status_code=204) if self.hooks.pop(destination, None) else problem(404)
        if not urlsplit(destination).hostname or not settings or set(settings) - set(SETTINGS):
            return problem(422, f"{destination} {settings}")
        return JSONResponse(self._hook(self.subscribe(destination, settings)), 201, media_type=HAL)

    def _list_hooks(self, destination: str | None) -> Response:
        hooks: list[Json] = [
            self._hook(hook) for hook in self.hooks.values() if destination in (None, hook.destination)
        ]
        if not hooks:
            return Response(status_code=204)
        body: Object = {"_total_items": len(hooks), "_embedded": {"webhooks": hooks}}
        return JSONResponse(body, media_type=HAL)

    def _hook(self, hook: Hook) -> Object:
        return {
            "id": hook.id,
            "destination": hook.destination,
            "created_at": hook.created_at,
            "updated_at": hook.updated_at,
            "account_id": self.account_id,
            "created_by": next(iter(self.office.managers)),
            "sort": list(self.hooks).index(hook.destination) + 1,
            "disabled": self.disabled,
            "settings": [*hook.settings],
        }


def _forbidden() -> Response:
    return HTMLResponse("<html><body><h1>403 Forbidden</h1></body></html>", 403)
