"""HTTP error responses: `application/problem+json` (RFC 9457), as plain ASGI messages.

It needs no framework, so that raw ASGI callables and Starlette routes can both use it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec

Message: TypeAlias = MutableMapping[str, Any]
"""An ASGI message or scope, typed as Starlette types it."""

Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Headers as ASGI has them; names in lower case."""

CONTENT_TYPE: Final = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error response. An ASGI callable, so it can be sent directly or returned from a Starlette route.

    Its type is "about:blank": the HTTP status names the problem, and `detail` explains this case (RFC 9457,
    section 4.2.1). The client sees `detail`, so it must not contain secrets.
    """

    status: int
    detail: str
    headers: RawHeaders = ()

    def body(self) -> bytes:
        """The JSON document."""
        title = HTTPStatus(self.status).phrase
        members = {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        return msgspec.json.encode(members)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's three
        """Send it as the response to the request in `scope`."""
        body = self.body()
        headers = [
            (b"content-type", CONTENT_TYPE),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


DEFECT: Final = Problem(500, "the service has failed here; its log says how")
"""The response to a request in whose handling an exception was raised that nothing expects."""
