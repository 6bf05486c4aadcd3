"""A running service with all that an answer can show: an office whose CRM has posted, one that has never been
heard from, and an invented one."""

from __future__ import annotations

import base64
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.applications import Starlette

from service.app import Service, create_app
from service.calendar import iso
from service.clock import Clock, SystemClock
from service.commands import operations
from service.commands.screens import add_screen
from service.config import Config, zone
from service.config_file import parse
from service.ledger.database.database import Database
from service.model import SECOND, Instant, later
from tests.adapters.posts import KEY
from tests.interface.calls import HOST, call
from tests.live.boards import NOW

VIEWER: Final = "the-token-of-the-viewers"
METRICS: Final = "the-token-of-the-metrics"
ADMIN: Final = "the-token-of-the-admin"
TOLD: Final = {"now": ["A client calls."], "events": [{"at": "10:00", "text": "A deal is lost."}]}
_HOUR: Final = 3600 * SECOND


def moment(ago: int, now: Instant = NOW) -> str:
    """A moment so many hours before now, in ISO 8601."""
    return iso(Instant(now - ago * _HOUR), zone("Europe/Moscow"))


ANNA: Final = {"id": "3", "name": "Анна"}
IVAN: Final = {"id": "7", "name": "Иван Петров", "phone": "+7 900 123-45-67"}
PIPELINE: Final = {"id": "1", "name": "Продажи"}
_DEAL: Final[dict[str, Any]] = {"client": IVAN, "manager": ANNA, "pipeline": PIPELINE}


def events(now: Instant) -> list[dict[str, object]]:
    """Refusals of every kind, clients at risk, one that was saved, unknown money, and a bad event."""
    sent: list[tuple[str, dict[str, Any]]] = [
        ("deal.changed", {"id": "1", "status": "lost", "reason": "Дорого", "amount": "300.00", **_DEAL}),
        ("deal.changed", {"id": "2", "status": "lost", "reason": "Выбрал других", "amount": 200.5, **_DEAL}),
        ("deal.changed", {"id": "3", "status": "lost", "amount": "10", "manager": ANNA}),
        ("deal.changed", {"id": "42", "name": "Абонемент", "status": "open", "amount": "5184.00", **_DEAL}),
        ("deal.changed", {"id": "43", "status": "open", "amount": "70", "currency": "USD"}),
        ("deal.changed", {"id": "44", "status": "open", "amount": None}),
        ("task.changed", {"id": "t1", "deal_id": "42", "due_at": moment(26, now), "manager": ANNA}),
        ("task.changed", {"id": "t2", "deal_id": "43", "text": "отправить счёт", "due_at": moment(4, now)}),
        ("task.changed", {"id": "t3", "deal_id": "44", "due_at": moment(6, now), "completed": True}),
        ("deal.deleted", {"id": ""}),
    ]
    return [{"type": type_, "timestamp": moment(1, now), "data": data} for type_, data in sent]


_ids = itertools.count(1)


class OfficeClock(SystemClock):
    """Begins at the same moment each time, and goes on from there."""

    def __init__(self) -> None:
        self._began = self.monotonic()

    def now(self) -> Instant:
        return later(NOW, round((self.monotonic() - self._began) * SECOND))


@dataclass
class Office:
    """The service.

    Args:
        editor: The token of an editor's screen.
    """

    service: Service
    config: Config
    clock: Clock
    editor: str

    @property
    def app(self) -> Starlette:
        return self.service.app

    def proof(self, token: str = VIEWER) -> dict[str, str]:
        """The headers of a request with a token."""
        return {**HOST, "authorization": f"Bearer {token}"}

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of a webhook, of an id that no other has. The library signs texts alone."""
        begin = f"msg-{next(_ids)}", str(self.clock.now() // SECOND)
        key = base64.b64decode(KEY.removeprefix("whsec_"))
        made = hmac.digest(key, ".".join(begin).encode() + b"." + body, "sha256")
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        own = dict(zip(names, (*begin, f"v1,{base64.b64encode(made).decode()}"), strict=True))
        return {**HOST, "content-type": "application/json", **own}

    async def post(self, body: str) -> Any:
        """Post a webhook."""
        return (
            await call(self.app, "POST", "/webhooks/office", self.signed(body.encode()), body.encode())
        ).json()


@asynccontextmanager
async def office(database_url: str, clock: Clock | None = None, **keys: object) -> AsyncIterator[Office]:
    """The running service.

    Args:
        keys: More keys of the configuration.
    """
    clock = clock or OfficeClock()
    common = {"crm": "standard", "timezone": "Europe/Moscow", "currency": "RUB", "webhook_secret": KEY}
    own = {"viewer_token": VIEWER, "show_phones": True, "limits": {"clients": 1, "amount": "1000.00"}}
    named = {name: {"id": name, "title": name, **common} for name in ("office", "unheard", "invented")}
    accounts = [{**named["office"], **own}, {**named["unheard"], "viewer_token": VIEWER}, named["invented"]]
    raw = {
        "database_url": database_url,
        "metrics_token": METRICS,
        "admin_token": ADMIN,
        "accounts": accounts,
        **keys,
    }
    config = parse({name: value for name, value in raw.items() if value is not None}, {})
    first, second, third = config.accounts
    config = replace(config, accounts=(first, second, replace(third, invented=True)))
    with closing(Database(database_url)) as database:
        operations.prepare(database, config, clock)
    add_screen(config, first, "tv", clock)
    editor = add_screen(config, first, "desk", clock, "", "editor").token
    service = create_app(config, clock, tell=lambda _language: TOLD)
    async with service.app.router.lifespan_context(service.app):
        running = Office(service, config, clock, editor)
        answer = await running.post(json.dumps(events(clock.now())))
        assert (answer["status"], len(answer["errors"])) == ("quarantined", 1)
        yield running
