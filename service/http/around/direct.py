"""Leads the busiest routes past the layers of the framework.

Middleware that wraps every message, and a regular expression for each route, cost a webhook more than to
authenticate it. What holds for every address stands before both ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from service.problems import Message, Receive, Send


class Direct:
    """Around the ASGI application that has the routes.

    Args:
        endpoints: ASGI callables by path, whose one parameter is its last part: `/webhooks/{account}`. They
            respond to each method, and to a defect of their own.
        root_path: As `Config.root_path`; requests come with it (`Address`).
    """

    def __init__(self, app: Any, endpoints: Mapping[str, Any], root_path: str = "") -> None:
        self._app = app
        self._endpoints = {}
        for path, endpoint in endpoints.items():
            before, _, parameter = path.removesuffix("}").rpartition("/{")
            self._endpoints[root_path + before] = parameter, endpoint

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            before, _, last = scope["path"].rpartition("/")
            if last and (found := self._endpoints.get(before)) is not None:
                parameter, app = found
                scope["path_params"] = {parameter: last}
        served: Awaitable[None] = app(scope, receive, send)
        return served
