"""Addresses with a trailing slash."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.app import create_app
from service.config import Config
from service.http.trailing_slash import TrailingSlash
from tests.cases.desk import PassingClock, configured

FORM = {"content-type": "application/x-www-form-urlencoded"}
PATHS = ("/", "/boards/{account}", "/boards/{account}/deals.csv")


async def answer(request: Request) -> PlainTextResponse:
    raw_path = request.scope["raw_path"].partition(b"?")[0].decode()
    return PlainTextResponse(f"{request.method} {request.scope['path']} {raw_path} {request.url.query}")


@pytest.fixture
async def client() -> httpx.AsyncClient:
    routes = [Route(path, answer, methods=["GET", "POST", "PUT"]) for path in PATHS]
    app = Starlette(routes=routes, middleware=[Middleware(TrailingSlash)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://board.example")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_writes_is_served_at_once_and_keeps_the_path_as_it_was_sent(
    client: httpx.AsyncClient, method: str
) -> None:
    got = await client.request(method, "/boards/of%66ice/?token=1&a=%20")
    assert (got.status_code, got.text) == (200, f"{method} /boards/office /boards/of%66ice/ token=1&a=%20")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/boards/office/", "../office"),
        ("/boards/office/?period=month&token=a%20b", "../office?period=month&token=a%20b"),
        ("/boards/office/deals.csv/?x", "../deals.csv?x"),
        ("/boards/of%3Ffice/", "../of%3Ffice"),
    ],
)
async def test_a_browser_is_sent_to_the_address_without_the_slash(
    client: httpx.AsyncClient, path: str, location: str
) -> None:
    got = await client.get(path)
    assert (got.status_code, got.headers["location"], got.content) == (307, location, b"")
    followed = await client.get(path, follow_redirects=True)
    without_slash, _, query = path.partition("?")
    target = without_slash.removesuffix("/") + (f"?{query}" if query else "")
    assert (followed.status_code, followed.url.raw_path.decode()) == (200, target)


async def test_other_addresses_are_left_alone(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).text == "GET / / "
    assert (await client.get("/boards/office")).text == "GET /boards/office /boards/office "


async def test_the_service_takes_a_trailing_slash_at_every_address(sqlite_ledgers: Callable[[], str]) -> None:
    account = configured("amocrm", webhook_secret="a-token-of-sixteen")
    service = create_app(Config(sqlite_ledgers(), (account,)), PassingClock())
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://board.example") as client:
        assert (await client.post("/webhooks/office/?token=wrong", headers=FORM)).status_code == 401
        for path in ("/boards/office/", "/boards/office/snapshot/", "/boards/office/deals/", "/healthz/"):
            got = await client.get(path, follow_redirects=True)
            assert (got.url.path, got.status_code != 404) == (path.removesuffix("/"), True)
