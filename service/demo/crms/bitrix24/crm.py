"""A simulated Bitrix24: its REST API by an incoming webhook, and the events that it posts.

Source: bitrix24/b24restdocs: limits.md, _includes/system-errors.md, how-to-call-rest-api/batch.md,
events/index.md. An event carries an id and no more, and is posted once. There is no list of what was
deleted.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Mapping
from typing import ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.demo.crms.bitrix24.methods import Api
from service.demo.crms.bitrix24.query import Answer, CallError, Json, Object, Params, iso
from service.demo.crms.bitrix24.records import Renderer
from service.demo.crms.bitrix24.webhooks import EVENTS, notices, sender
from service.demo.crms.crm import AccountTable, SimulatedCRM, Webhook
from service.demo.crms.limits import LeakyBucket
from service.demo.crms.php import Node, flat, form, nested
from service.demo.office import Deal, Event, Office

WINDOW: Final = 600.0
OPERATING: Final = 480.0
"""Seconds that one method may take in ten minutes."""

BATCH: Final = 50
_PATH: Final = re.compile(r"/rest/(?:(?P<user>\d+)/(?P<code>[^/]+)/)?(?P<method>[\w.]+?)(?:\.json)?/?")


class Bitrix24(SimulatedCRM):
    """The simulated CRM.

    Args:
        office: Its pipeline with id 0, if there is one, is the portal's default.
        code: The secret in the incoming webhook's address.
        application_token: Proves that an event is the portal's.
        todos: Whether a task on a deal or a client is a to-do of the CRM instead of a task of the portal.
        classic: Whether the CRM works in its classic mode, with leads.
        cost: Seconds of the portal's time that a call counts for; may be changed at any time.
    """

    kind: ClassVar[str] = "bitrix24"

    def __init__(
        self,
        office: Office,
        *,
        domain: str = "zerno.bitrix24.ru",
        user_id: int = 31,
        code: str = "b24webhookcode0001",
        application_token: str = "b24applicationtoken000000000001",
        todos: bool = False,
        classic: bool = True,
        cost: float = 0.02,
    ) -> None:
        super().__init__(office, LeakyBucket(50, 2.0))
        self.domain = domain
        self.user_id = user_id
        self.code = code
        self.application_token = application_token
        self.cost = cost
        self.renderer = Renderer(office, todos, classic)
        self.api = Api(self.renderer)
        self.calls: Counter[str] = Counter()
        self._spent: dict[str, deque[tuple[float, float]]] = {}

    def account(self, api_url: str | None = None) -> AccountTable:
        """See `SimulatedCRM`. The API's token is the secret part of the incoming webhook's address."""
        return {
            "crm": self.kind,
            "webhook_secret": self.application_token,
            "api": {"url": api_url or f"https://{self.domain}", "token": f"{self.user_id}/{self.code}"},
            self.kind: {"domain": self.domain},
        }

    def routes(self) -> list[Route]:
        """See `SimulatedCRM`."""
        return [Route("/rest/{path:path}", self._answer, methods=["GET", "POST"])]

    def refusal(self, request: Request) -> Response | None:
        """See `SimulatedCRM`. The proof is the secret in the incoming webhook's address."""
        match = _PATH.fullmatch(request.url.path)
        if match is None or match["code"] is None:
            return _error(CallError("NO_AUTH_FOUND", "Wrong authorization data", 401))
        known = (match["user"], match["code"]) == (str(self.user_id), self.code)
        return None if known else _error(CallError("INVALID_CREDENTIALS", "Invalid request credentials", 401))

    def too_many(self) -> Response:
        """See `SimulatedCRM`."""
        return _error(CallError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503))

    def failure(self, status: int) -> Response:
        """See `SimulatedCRM`."""
        if status == 429:
            return _error(_OUT_OF_TIME)
        if status == 503:
            return self.too_many()
        code, text = _FAILURES.get(status, ("INTERNAL_SERVER_ERROR", "Internal server error"))
        return _error(CallError(code, text, status))

    async def _answer(self, request: Request) -> Response:
        tree = await _parameters(request)
        try:
            return JSONResponse(self._answered_call(request.url.path, Params(tree)))
        except CallError as error:
            return _error(error)

    def _answered_call(self, path: str, params: Params) -> Object:
        """The answer to a request; raises `CallError`."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise CallError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        method = match["method"].lower()
        if method == "batch":
            return {"result": self._batch(params), "time": self._time(method)}
        answer = self._call(method, params)
        body: Object = {"result": answer.result}
        if answer.next is not None:
            body["next"] = answer.next
        if answer.total is not None:
            body["total"] = answer.total
        return {**body, "time": self._time(method)}

    def _call(self, method: str, params: Params) -> Answer:
        self.calls[method] += 1
        if method == "batch":
            raise CallError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
        handler = self.api.methods.get(method)
        if handler is None:
            raise CallError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        if self._operating(method) > OPERATING:
            raise _OUT_OF_TIME
        self._spent[method].append((self.office.now(), self.cost))
        return handler(params)

    def _operating(self, method: str) -> float:
        """Seconds that a method took in the last ten minutes."""
        spent = self._spent.setdefault(method, deque())
        while spent and spent[0][0] <= self.office.now() - WINDOW:
            spent.popleft()
        return sum(seconds for _, seconds in spent)

    def _batch(self, params: Params) -> Object:
        """Up to 50 calls in one request. References to another call's result are not simulated."""
        commands = params.get("cmd")
        named = (
            {str(n): command for n, command in enumerate(commands)}
            if isinstance(commands, list)
            else commands
        )
        if not isinstance(named, Mapping) or not named:
            raise CallError("ERROR_BATCH_LENGTH_EXCEEDED", "No commands")
        if len(named) > BATCH:
            raise CallError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
        parts: dict[str, Object] = {"result": {}, "result_error": {}, "result_total": {}, "result_next": {}}
        times: Object = {}
        halt = str(params.get("halt") or "0").lower() in ("1", "true", "y")
        for name, command in named.items():
            method, _, query = str(command).partition("?")
            method = method.lower()
            try:
                answer = self._call(method, Params(nested(query)))
            except CallError as error:
                parts["result_error"][name] = {"error": error.code, "error_description": error.text}
                if halt:
                    break
                continue
            parts["result"][name] = answer.result
            times[name] = self._time(method)
            if answer.total is not None:
                parts["result_total"][name] = answer.total
            if answer.next is not None:
                parts["result_next"][name] = answer.next
        return {name: _array(part) for name, part in {**parts, "result_time": times}.items()}

    def _time(self, method: str) -> Object:
        now = self.office.now()
        spent = self._spent.get(method)
        return {
            "start": now,
            "finish": now + self.cost,
            "duration": self.cost,
            "processing": self.cost,
            "date_start": iso(int(now)),
            "date_finish": iso(int(now)),
            "operating_reset_at": int((spent[0][0] if spent else now) + WINDOW),
            "operating": self._operating(method) if spent else 0,
        }

    def is_lead(self, deal: Deal) -> bool:
        """See `SimulatedCRM`."""
        return self.renderer.is_lead(deal)

    def webhooks(self, event: Event) -> list[Webhook]:
        """See `SimulatedCRM`. The outgoing webhook has all events."""
        return [self._webhook(event, name, data) for name, data in notices(self.renderer, event)]

    def _webhook(self, event: Event, name: str, data: Node) -> Webhook:
        tree: Node = {
            "event": name,
            "event_handler_id": str(400 + EVENTS.index(name.upper())),
            "data": data,
            "ts": str(int(self.office.now())),
            "auth": sender(self.domain, self.application_token),
        }
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": "Bitrix24 Webhook Engine",
        }
        return Webhook((event,), headers, {}, form(flat(tree)))

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """See `SimulatedCRM`. `ts` is the time of posting, not of the event."""
        del attempt
        sent = re.sub(rb"&ts=\d+&", b"&ts=%d&" % int(self.office.now()), webhook.body)
        return Webhook(webhook.events, webhook.headers, webhook.query, sent)


_FAILURES: Final = {
    400: ("", "Failed to get list. General error."),
    401: ("expired_token", "The access token provided has expired"),
    403: ("PORTAL_DELETED", "Portal was deleted"),
    404: ("ERROR_METHOD_NOT_FOUND", "Method not found!"),
}
"""Errors of the documents, by the status that they have."""

_OUT_OF_TIME: Final = CallError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit", 429)


def _error(error: CallError) -> Response:
    return JSONResponse({"error": error.code, "error_description": error.text}, error.status)


async def _parameters(request: Request) -> Mapping[str, Node]:
    """The parameters of the query and of the body, which is JSON or a form."""
    tree: dict[str, Node] = dict(nested(request.url.query))
    body = await request.body()
    if not body:
        return tree
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            given = json.loads(body)
        except ValueError:
            given = {}
        return {**tree, **given} if isinstance(given, dict) else tree
    return {**tree, **nested(body.decode())}


def _array(members: Mapping[str, Json]) -> Json:
    """An array as PHP writes it: a list where the keys are 0, 1, 2…, or where there are none."""
    return [*members.values()] if list(members) == [str(n) for n in range(len(members))] else {**members}
