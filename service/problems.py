"""Error answers over HTTP: `application/problem+json` (RFC 9457), as plain ASGI messages.

Needs no framework, so that a raw ASGI callable and a Starlette route (which awaits whatever its handler
returns as a response) can both use it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec

Message: TypeAlias = MutableMapping[str, Any]
"""An ASGI message or scope, as the ASGI specification (and Starlette) types it."""

Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Header names in lower case, and their values, as ASGI has them."""

CONTENT_TYPE: Final = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One error answer. An ASGI callable, so it can be sent, or returned from a Starlette route.

    Its type is "about:blank": the problem is what its HTTP status says, and `detail` says it for this case
    (RFC 9457 section 4.2.1). The detail must never hold what the client must not see, such as a secret.
    """

    status: int
    detail: str
    headers: RawHeaders = ()

    def body(self) -> bytes:
        """The JSON document."""
        return msgspec.json.encode(
            {
                "type": "about:blank",
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
            }
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's three
        """Send it as the answer to the request in `scope`."""
        body = self.body()
        headers = [
            (b"content-type", CONTENT_TYPE),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
