"""Tells the operator that a proxy seems to stand before the service which the configuration does not name."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any

from service.problems import Message, Receive, Send

_log = logging.getLogger(__name__)


class UnnamedProxy:
    """Around an ASGI application that trusts no proxy. Once is enough, and a stranger can cause no more."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._told = False

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if not self._told and b"x-forwarded-for" in [name for name, _ in scope.get("headers", ())]:
            self._told = True
            _log.warning(
                "a request came with X-Forwarded-For, which is not believed: if a proxy stands before the "
                "service, name it in trusted_proxies, or all its clients count as one"
            )
        served: Awaitable[None] = self._app(scope, receive, send)
        return served
