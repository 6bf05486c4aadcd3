"""`GET /`: where the boards are that the browser may see, and a place to paste a link. It names no other
account."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from service.brake import Brake
from service.config import Account
from service.ledger.database.errors import Unavailable
from service.live.board.query import QueryError, check_parameters
from service.live.http import access
from service.live.http.pasted_links import open_pasted
from service.live.http.refusals import refused
from service.live.http.screen_links import NamedScreens
from service.live.page.plain_page import index_page
from service.live.text.i18n import preferred_language
from service.problems import Problem


def index_route(accounts: Mapping[str, Account], screens: NamedScreens, brake: Brake, away: Problem) -> Route:
    """The route.

    Args:
        away: The response while the named screens cannot be read.
    """

    async def respond(request: Request) -> ASGIApp:
        pasted = request.query_params.get("link")
        try:
            check_parameters(request.query_params.multi_items())
            if pasted is not None:
                return await open_pasted(request, pasted, accounts, screens, brake)
            return await listed(request)
        except QueryError as error:
            return Problem(400, str(error))
        except Unavailable:
            return away

    async def listed(request: Request) -> ASGIApp:
        cookies = {"cookie": request.headers.get("cookie", "")}
        names = {cookie.partition("=")[0].strip() for cookie in cookies["cookie"].split(";")}
        boards = []
        for account in accounts.values():
            if not account.invented and access.cookie_name(account) not in names:
                continue
            known = await screens.known(account.id)
            decision = access.decide(account, access.Credentials(cookies, None), known)
            if isinstance(decision, access.Granted):
                boards.append(account)
            elif (problem := refused(brake, request, account.id, decision)).status == 429:
                return problem
        language = preferred_language(request.headers.get("accept-language", ""))
        return HTMLResponse(index_page(boards, language, request.scope["root_path"]))

    return Route("/", respond)
