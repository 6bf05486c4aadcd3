"""Whose word is taken for who calls, and over what."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from service.http.server import Server

PROXY = "10.0.0.2"
TRUSTED = (PROXY, "fd00::/8")


async def caller(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the service holds for the caller's address and scheme."""
    request = Request(scope)
    assert request.client is not None
    await PlainTextResponse(f"{request.client.host} {scope['scheme']}")(scope, receive, send)


def served(trusted: tuple[str, ...]) -> Any:
    """What the server calls for each request, with `caller` behind it."""
    server = Server(caller, "127.0.0.1", 0, lambda: None, lambda _url: None, trusted_proxies=trusted)
    server.config.load()
    return server.config.loaded_app


async def told(
    trusted: tuple[str, ...], peer: str, *forwarded: str, scheme: str | None = None, app: Any = None
) -> str:
    headers = [("x-forwarded-for", value) for value in forwarded]
    headers += [("x-forwarded-proto", scheme)] if scheme is not None else []
    transport = httpx.ASGITransport(app or served(trusted), client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://board.example") as client:
        return (await client.get("/", headers=headers)).text


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.3", "203.0.113.9"])
@pytest.mark.parametrize("environment", [None, "*"])
async def test_nobody_is_believed_who_is_not_named(
    peer: str, environment: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", environment)
    for trusted in ((), TRUSTED):
        assert await told(trusted, peer, "198.51.100.7", scheme="https") == f"{peer} http"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (("198.51.100.7",), "198.51.100.7"),
        (("198.51.100.7:4711",), "198.51.100.7"),
        (("2001:db8::7",), "2001:db8::7"),
        (("[2001:db8::7]:4711",), "2001:db8::7"),
        # What stands before the last address that no trusted proxy wrote may be the client's invention.
        (("127.0.0.1, 198.51.100.7",), "198.51.100.7"),
        (("127.0.0.1", "198.51.100.7"), "198.51.100.7"),
        ((f"127.0.0.1, 198.51.100.7, {PROXY}, fd00::5",), "198.51.100.7"),
        (("198.51.100.7, ",), PROXY),
        ((), PROXY),
        (("",), PROXY),
        (("unknown",), "unknown"),  # the brake has one budget for all who are no address
    ],
)
@pytest.mark.parametrize("peer", [PROXY, "fd00::1"])
async def test_a_trusted_proxy_says_who_calls(peer: str, forwarded: tuple[str, ...], client: str) -> None:
    expected = client if client != PROXY else peer
    assert await told(TRUSTED, peer, *forwarded, scheme="https") == f"{expected} https"


@pytest.mark.parametrize("scheme", ["", "ftp", "https, http", "https\t\t,", "javascript"])
async def test_a_scheme_that_is_none_of_ours_is_not_believed(scheme: str) -> None:
    assert await told(TRUSTED, PROXY, "198.51.100.7", scheme=scheme) == "198.51.100.7 http"


@pytest.mark.parametrize(("trusted", "lines"), [((), 1), (TRUSTED, 0)])
async def test_the_operator_is_told_once_of_a_proxy_that_nobody_named(
    trusted: tuple[str, ...], lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = served(trusted)
    await told(trusted, PROXY, app=app)
    assert caplog.messages == []
    for number in range(5):
        await told(trusted, PROXY, f"198.51.100.{number}", app=app)
    assert len([text for text in caplog.messages if "trusted_proxies" in text]) == lines
