"""What an invented office (the demo) does right now, for the visitors of its board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from service.config import Account, Language
from service.problems import Problem

Tell: TypeAlias = Callable[[Language], object]
"""What happens in the office, in a language; as JSON has it."""


def happening_route(accounts: Mapping[str, Account], tell: Tell) -> Route:
    """The route."""

    async def respond(request: Request) -> ASGIApp:
        account = accounts.get(request.path_params["account"])
        if account is None or not account.invented:
            return Problem(404, "there is no such office")
        language = request.query_params.get("lang") or account.language
        if language not in get_args(Language):
            return Problem(400, f"lang must be {' or '.join(get_args(Language))}")
        return JSONResponse(tell(language))  # type: ignore[arg-type]  # one of the languages

    return Route("/boards/{account}/happening", respond)
