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
        self._root_path = f"{root_path}/"
        self._endpoints = {}
        for path, endpoint in endpoints.items():
            place, parameter, rest = _parts(path.removeprefix("/"))
            self._endpoints[place, rest] = parameter[1:-1], endpoint

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            place, value, rest = _parts(scope["path"].removeprefix(self._root_path))
            if value and (found := self._endpoints.get((place, rest))) is not None:
                parameter, app = found
                scope["path_params"] = {parameter: value}
        served: Awaitable[None] = app(scope, receive, send)
        return served


def _parts(path: str) -> tuple[str, str, str]:
    """The first and the second part of a path without its slash, and what follows them."""
    place, _, behind = path.partition("/")
    value, _, rest = behind.partition("/")
    return place, value, rest
