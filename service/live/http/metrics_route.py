"""`GET /metrics`: for a client that has the metrics token of the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.brake import Brake
from service.config import Secret, is_one_of
from service.live.http.access import bearer_token
from service.live.http.refusals import refused
from service.metrics import CONTENT_TYPE, Metrics
from service.metrics.series import Standings
from service.problems import Problem


def metrics_route(
    metrics: Metrics,
    token_now: Callable[[], Secret | None],
    brake: Brake,
    standings: Callable[[], Awaitable[Standings]],
) -> Route:
    """The route. Without a token in the configuration there is nothing at its address."""

    async def respond(request: Request) -> ASGIApp:
        token = token_now()
        if token is None:
            return Problem(404, "the configuration has no metrics_token")
        given = bearer_token(request.headers)
        if given is None:
            return refused(brake, request, "", "no_token")
        if not is_one_of(given, [token.value]):
            return refused(brake, request, "", "wrong_token", "metrics_token")
        text = await asyncio.to_thread(metrics.text, await standings())
        return Response(text, media_type=CONTENT_TYPE)

    return Route("/metrics", respond)
