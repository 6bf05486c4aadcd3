"""Calls of an ASGI application without a server: whatever a request says, and streams that do not end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from starlette.types import ASGIApp

EVENTS: Final = 1
"""Events of a stream after which the client goes."""

HOST: Final[Mapping[str, str]] = {"host": "127.0.0.1"}


async def call(
    app: ASGIApp,
    method: str,
    address: str,
    headers: Mapping[str, str] = HOST,
    body: bytes = b"",
    *,
    client: str = "10.0.0.1",
    hanging: bool = False,
    events: int = EVENTS,
) -> httpx.Response:
    """The response.

    Args:
        address: The path and the query, escaped.
        client: The client's address.
        hanging: The rest of the body never comes.
        events: Of a stream so many are read.
    """
    url = urlsplit(address)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": httpx.URL(address).path,
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("utf-8")) for name, value in headers.items()],
        "client": (client, 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    waiting = [{"type": "http.request", "body": body, "more_body": hanging}]
    begun: list[MutableMapping[str, Any]] = []
    content = bytearray()
    enough = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        if waiting:
            return waiting.pop()
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        content.extend(message.get("body", b""))
        if not message.get("more_body") or content.count(b"event: ") >= events:
            enough.set()

    try:
        await asyncio.wait_for(app(scope, receive, send), 20)
    except RuntimeError:  # the server logs a defect, whose response is sent before
        if not begun:
            raise
    (start,) = begun
    own = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    request = httpx.Request(method, f"http://127.0.0.1{address}")
    answer = httpx.Response(start["status"], headers=own, content=bytes(content), request=request)
    answer.elapsed = timedelta(0)  # schemathesis asks
    return answer
