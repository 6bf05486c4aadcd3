"""`GET /openapi.json`, `GET /asyncapi.json`: for everybody, because they tell what the repository tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.interface.asyncapi import asyncapi
from service.interface.openapi import openapi
from service.live.http.files.encoding import JSON, Body, encoded, takes_gzip


def interface_routes(root_path: str) -> list[Route]:
    """The routes.

    Args:
        root_path: As `Config.root_path`.
    """
    return [
        _route("/openapi.json", partial(openapi, root_path)),
        _route("/asyncapi.json", partial(asyncapi, root_path)),
    ]


def _route(path: str, make: Callable[[], dict[str, Any]]) -> Route:
    @cache
    def body(*, gzip: bool) -> Body:
        return encoded(msgspec.json.encode(make()), JSON, gzip=gzip)

    async def respond(request: Request) -> Response:
        # In a thread, because the first time takes longer than the event loop may be held.
        made = await asyncio.to_thread(body, gzip=takes_gzip(request.headers))
        return Response(made.content, headers=made.headers)

    return Route(path, respond)
