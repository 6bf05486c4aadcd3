"""Leads the busiest routes past the layers of the framework.

Middleware that wraps every message, and a regular expression for each route, cost a webhook more than to
authenticate it, and a screen that comes back more than to let it in. What holds for every address stands
before both ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from service.problems import Message, Receive, Send


class Direct:
    """Around the ASGI application that has the routes.

    Args:
        endpoints: ASGI callables by path, whose one parameter is its second part: `/webhooks/{account}`,
            `/boards/{account}/events`. They respond to each method.
        root_path: As `Config.root_path`; requests come with it (`Address`).
    """

    def __init__(self, app: Any, endpoints: Mapping[str, Any], root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path
        self._endpoints = {}
        for path, endpoint in endpoints.items():
            _, place, parameter, *rest = path.split("/")
            self._endpoints[place, *rest] = parameter[1:-1], endpoint

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            parts = scope["path"].removeprefix(self._root_path).split("/")
            found = self._endpoints.get((parts[1], *parts[3:])) if len(parts) > 2 else None
            if found is not None and parts[2] and not parts[0]:
                parameter, app = found
                scope["path_params"] = {parameter: parts[2]}
        served: Awaitable[None] = app(scope, receive, send)
        return served
