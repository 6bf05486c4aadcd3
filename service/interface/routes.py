"""`GET /openapi.json`, `GET /asyncapi.json`: for everybody, because they tell what the repository tells.

What makes them is imported by the first request, because it imports every CRM's adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.live.http.files.encoding import JSON, Body, encoded, takes_gzip


def interface_routes(root_path: str) -> list[Route]:
    """The routes.

    Args:
        root_path: As `Config.root_path`.
    """
    return [_route("openapi", root_path), _route("asyncapi", root_path)]


def _route(name: Literal["openapi", "asyncapi"], root_path: str) -> Route:
    """The route of the document that the module and the function of a name make."""

    @cache
    def body(*, gzip: bool) -> Body:
        make: Callable[[str], dict[str, Any]] = getattr(import_module(f"{__package__}.{name}"), name)
        return encoded(msgspec.json.encode(make(root_path)), JSON, gzip=gzip)

    async def respond(request: Request) -> Response:
        # In a thread, because the first time takes longer than the event loop may be held.
        made = await asyncio.to_thread(body, gzip=takes_gzip(request.headers))
        return Response(made.content, headers=made.headers)

    return Route(f"/{name}.json", respond)
