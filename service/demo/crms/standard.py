"""A simulated CRM of kind `standard`: JSON events, signed by the Standard Webhooks scheme; it has no API.

Source: this service's own format (docs/how-to/connect/standard.md) and the Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service.demo.crms.crm import AccountTable, SimulatedCRM, Webhook
from service.demo.crms.limits import Window
from service.demo.office import Client, Deal, Event, Office, Second, Task

Object: TypeAlias = dict[str, object]

_PREFIX: Final = "whsec_"


class Standard(SimulatedCRM):
    """The simulated CRM.

    Args:
        webhook_secret: `whsec_` and the signing key in base64.
    """

    kind: ClassVar[str] = "standard"

    def __init__(self, office: Office, *, webhook_secret: str) -> None:
        super().__init__(office, Window(0))
        self.webhook_secret = webhook_secret
        self._posted = 0

    def account(self, api_url: str | None = None) -> AccountTable:
        """See `SimulatedCRM`."""
        del api_url
        return {"crm": self.kind, "webhook_secret": self.webhook_secret}

    def webhooks(self, event: Event) -> list[Webhook]:
        """See `SimulatedCRM`. A client has no events of its own: its deals' events carry its name."""
        if isinstance(event.after, Client):
            if event.kind == "added":
                return []
            deals = [deal for deal in self.office.deals.values() if deal.client_id == event.id]
            return [self._webhook(event, self._deal_event(deal, event)) for deal in deals]
        return [self._webhook(event, self._event(event.after, event))]

    def outgoing(self, webhook: Webhook, attempt: int) -> Webhook:
        """See `SimulatedCRM`. The id stays the same over all attempts; the signature covers it and the
        time."""
        timestamp = str(int(self.office.now()))
        signed = f"{webhook.headers['webhook-id']}.{timestamp}.".encode() + webhook.body
        key = base64.b64decode(self.webhook_secret.removeprefix(_PREFIX))
        signature = f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"
        proof = {"webhook-timestamp": timestamp, "webhook-signature": signature}
        return Webhook(webhook.events, {**webhook.headers, **proof}, webhook.query, webhook.body)

    def routes(self) -> list[Route]:
        """See `SimulatedCRM`."""
        return []

    def refusal(self, request: Request) -> Response | None:
        """See `SimulatedCRM`."""
        return self.failure(404)

    def too_many(self) -> Response:
        """See `SimulatedCRM`."""
        return self.failure(429)

    def failure(self, status: int) -> Response:
        """See `SimulatedCRM`."""
        return PlainTextResponse("this CRM has no API", status)

    def _webhook(self, event: Event, document: Object) -> Webhook:
        self._posted += 1
        headers = {"content-type": "application/json", "webhook-id": f"msg_{self._posted:012d}"}
        return Webhook((event,), headers, {}, json.dumps(document, ensure_ascii=False).encode())

    def _event(self, record: Deal | Task, event: Event) -> Object:
        if record.deleted:
            return {
                "type": f"{event.entity}.deleted",
                "timestamp": _iso(event.at),
                "data": {"id": str(record.id)},
            }
        return (
            self._deal_event(record, event) if isinstance(record, Deal) else self._task_event(record, event)
        )

    def _deal_event(self, deal: Deal, event: Event) -> Object:
        client = None if deal.client_id is None else self.office.clients[deal.client_id]
        data: Object = {
            "id": str(deal.id),
            "name": deal.name,
            "status": deal.status,
            "reason": deal.reason,
            "amount": f"{deal.amount // 100}.{deal.amount % 100:02d}",
            "currency": "RUB",
            "closed_at": _iso(deal.closed_at),
            "url": f"https://crm.example/deals/{deal.id}",
            "client": client and {"id": str(client.id), "name": client.name, "phone": client.phone},
            "manager": _named(self.office.managers, deal.manager_id),
            "pipeline": _named(self.office.pipelines, deal.pipeline_id),
        }
        return {"type": "deal.changed", "timestamp": _iso(event.at), "data": data}

    def _task_event(self, task: Task, event: Event) -> Object:
        data: Object = {
            "id": str(task.id),
            "deal_id": None if task.deal_id is None else str(task.deal_id),
            "client_id": None if task.client_id is None else str(task.client_id),
            "text": task.text,
            "due_at": _iso(task.due_at),
            "completed": task.completed,
            "completed_at": _iso(task.completed_at),
            "manager": _named(self.office.managers, task.manager_id),
        }
        return {"type": "task.changed", "timestamp": _iso(event.at), "data": data}


def _named(named: Mapping[int, str], id: int) -> Object:
    return {"id": str(id), "name": named[id]}


def _iso(moment: Second | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
