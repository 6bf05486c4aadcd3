"""The headers of every response, be it a page, an error or a file: what a browser may do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Any, Final

from service.problems import Message, RawHeaders, Receive, Send

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


class SecurityHeaders:
    """Around an ASGI application: adds `SECURITY` to its responses."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                lacking = _lacking(tuple([name.lower() for name, _ in headers]))
                message = {**message, "headers": [*headers, *lacking]}
            return send(message)  # no coroutine of its own for each frame of a stream

        served: Awaitable[None] = self._app(scope, receive, send_with_headers)
        return served


@lru_cache(maxsize=256)  # the names come from the code, in a few combinations
def _lacking(names: tuple[bytes, ...]) -> RawHeaders:
    """What is added to a response with headers of these names."""
    raw = ((name.encode(), value.encode()) for name, value in SECURITY.items())
    return tuple((name, value) for name, value in raw if name not in names)
