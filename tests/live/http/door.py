"""The service with two accounts, and everything that somebody may try to open it with."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import httpx
from starlette.applications import Starlette

from service.app import create_app
from service.commands import operations
from service.commands import screens as screen_commands
from service.commands.reloading.links import with_links
from service.config import Account, Config, Secret
from service.config_file import parse
from service.ledger.database.database import Database
from service.ledger.database.tables import Role
from service.live.http.access import cookie_value
from service.live.http.admin import admission
from service.live.http.admin.admission import COOKIE
from tests.clocks import StandingClock
from tests.live.boards import NOW

Rule: TypeAlias = Literal["everybody", "board", "shared", "metrics", "admin", "webhook"]
Proof: TypeAlias = Literal[
    "nothing",
    "wrong",
    "right",
    "a screen's",
    "an editor's",
    "a revoked screen's",
    "another account's",
    "an earlier start's",
]

WEBHOOK: Final = "the-token-of-the-webhook"
METRICS: Final = "the-token-of-the-metrics"
ADMIN: Final = "the-token-of-the-admin"


def account(name: str, **keys: object) -> dict[str, object]:
    own = {"id": name, "title": name, "crm": "amocrm", "webhook_secret": f"{WEBHOOK}-{name}"}
    return {**own, "timezone": "Europe/Moscow", "currency": "RUB", **keys}


@dataclass
class Door:
    """The service, and everything that somebody may try to open it with."""

    app: Starlette
    tokens: Mapping[Proof, str]
    clock: StandingClock
    client: Callable[[], httpx.AsyncClient]
    add_screen: Callable[..., str]

    def proved(self, rule: Rule, proof: Proof) -> Iterator[dict[str, dict[str, str]]]:
        """The ways in which a request can carry a proof: parameters of httpx."""
        token = self.tokens[proof]
        if proof == "nothing":
            yield {}
            return
        if rule == "webhook":
            yield {"params": {"token": {"right": f"{WEBHOOK}-office"}.get(proof, token)}}
            return
        if rule in {"metrics", "admin"}:
            token = {"metrics": METRICS, "admin": ADMIN}[rule] if proof == "right" else token
        yield {"headers": {"authorization": f"Bearer {token}"}}
        if rule == "admin":
            yield {"headers": {"cookie": f"{COOKIE}={admission.cookie_value(token)}"}}
        elif rule != "metrics":
            yield {"headers": {"cookie": f"lossboard_office={cookie_value('office', token)}"}}
        if rule not in {"metrics", "shared"}:
            yield {"params": {"token": token}}


@asynccontextmanager
async def door(database_url: str, **keys: object) -> AsyncIterator[Door]:
    """The running service.

    Args:
        keys: More keys of the configuration.
    """
    raw = {
        "database_url": database_url,
        "metrics_token": METRICS,
        "admin_token": ADMIN,
        "accounts": [account("office"), account("other", viewer_token="the-viewer-of-the-other")],
        **keys,
    }
    config = parse({key: value for key, value in raw.items() if value is not None}, {})
    clock = StandingClock(NOW)
    with closing(Database(config.database_url)) as database:
        operations.prepare(database, config, clock)

    def add_screen(name: str, view: str = "", role: Role = "viewer") -> str:
        return screen_commands.add_screen(config, config.accounts[0], name, clock, view, role).token

    screens = {name: add_screen(name) for name in ("tv", "old")}
    screen_commands.revoke_screen(config, config.accounts[0], "old")
    linked, earlier = with_links(config), with_links(config)
    tokens: dict[Proof, str] = {
        "nothing": "",
        "wrong": "a-guess-of-some-length",
        "right": viewer(linked.config),
        "a screen's": screens["tv"],
        "an editor's": add_screen("desk", role="editor"),
        "a revoked screen's": screens["old"],
        "another account's": "the-viewer-of-the-other",
        "an earlier start's": viewer(earlier.config),
    }
    app = create_app(linked.config, clock).app
    ports = itertools.count(1)

    def client() -> httpx.AsyncClient:
        """A client with an address of its own, whose failures are nobody else's."""
        number = next(ports)
        address = f"10.1.{number // 250}.{number % 250}"
        transport = httpx.ASGITransport(app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async with app.router.lifespan_context(app):
        yield Door(app, tokens, clock, client, add_screen)


def viewer(config: Config) -> str:
    office: Account = config.accounts[0]
    assert isinstance(office.viewer_token, Secret)
    return office.viewer_token.value
