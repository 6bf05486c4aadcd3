"""The headers of every response, be it a page, an error or a file: what a browser may do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final

from service.problems import Message, Receive, Send

SECURITY: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types lossboard"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with less, the Origin of a page's own form would be null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
"""Each is sent unless the response has one of that name."""

_RAW: Final = [(name.encode(), value.encode()) for name, value in SECURITY.items()]


class SecurityHeaders:
    """Around an ASGI application: adds `SECURITY` to its responses."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                names = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _RAW if name not in names]
                message = {**message, "headers": headers}
            return send(message)  # no coroutine of its own for each frame of a stream

        await self._app(scope, receive, send_with_headers)
