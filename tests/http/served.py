"""An application behind the service's own server, in the test's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive, Scope, Send

from service.http.server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    """An application whose response is complete at once."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"hi"})


@asynccontextmanager
async def served(
    app: object, connections: int = 100, closed: list[str] | None = None, seconds: float = 20
) -> AsyncIterator[tuple[Server, int]]:
    """A server and its port, for so many seconds at most; notes why it closed connections."""
    causes = [] if closed is None else closed
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Server(app, "127.0.0.1", 0, lambda: None, address.set_result, connections, causes.append)  # type: ignore[arg-type]
    async with asyncio.timeout(seconds):
        serving = asyncio.create_task(server.serve())
        yield server, int((await address).rpartition(":")[2])
        server.stop()
        await serving
