"""Who may see the admin page: a client with the `admin_token` of the configuration.

A browser gives the token once, in a form or a link; a cookie replaces it. The cookie holds a digest keyed by
the token, so a new token ends every cookie, and a board's cookie is never one of these.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from service.brake import Brake
from service.config import Secret, is_one_of
from service.live.http.access import Refusal, bearer_token, cookie_of
from service.live.http.refusals import refused
from service.live.http.same_view import has_slash
from service.live.page.admin.feeds import sign_in_page
from service.live.text.i18n import preferred_language
from service.problems import Problem

COOKIE: Final = "lossboard-admin"
"""No account's cookie has this name: theirs begin with `lossboard_`."""

COOKIE_DAYS: Final = 30
"""How long a browser keeps it."""

_CLOSED: Final = Problem(404, "the configuration has no admin_token")


class Admission:
    """Decides about each request.

    Args:
        token_now: The token that is configured now; None: nobody is let in.
    """

    def __init__(self, token_now: Callable[[], Secret | None], brake: Brake) -> None:
        self._token_now = token_now
        self._brake = brake

    def refusal(self, request: Request) -> ASGIApp | None:
        """None when the request may see the page; else the response. A browser without a proof gets a form
        for the token, and one with a right link the same address without the token."""
        token = self._token_now()
        if token is None:
            return _CLOSED
        given = request.query_params.get("token")
        if given is not None and is_one_of(given, [token.value]):
            return _entered(request, token, _same(request))
        bearer, cookie = bearer_token(request.headers), cookie_of(request.headers.get("cookie", ""), COOKIE)
        if bearer is not None and is_one_of(bearer, [token.value]):
            return None
        if cookie is not None and is_one_of(cookie, [cookie_value(token.value)]):
            return None
        has_none = given is None and bearer is None and cookie is None
        return self._refused(request, "no_token" if has_none else "wrong_token")

    def signed(self, request: Request, given: str) -> ASGIApp:
        """The response to a token that was put into the form; an empty one signs out."""
        token = self._token_now()
        if token is None:
            return _CLOSED
        if not given:
            return _led_in(request, "", 0, "admin")
        if is_one_of(given, [token.value]):
            return _entered(request, token, "admin")
        return self._refused(request, "wrong_token")

    def _refused(self, request: Request, refusal: Refusal) -> ASGIApp:
        problem = refused(self._brake, request, "", refusal, "admin_token")
        if problem.status != 401 or "text/html" not in request.headers.get("accept", ""):
            return problem
        language = preferred_language(request.headers.get("accept-language", ""))
        page = sign_in_page(language, request.scope["root_path"], is_wrong=refusal == "wrong_token")
        return HTMLResponse(page, 401, {"www-authenticate": "Bearer"})


def _same(request: Request) -> str:
    """The address of a request without the token and a trailing slash, relative to it."""
    name = request.scope["path"].rpartition("/")[2]
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{'../' if has_slash(request) else ''}{name}{query}"


def _entered(request: Request, token: Secret, location: str) -> Response:
    return _led_in(request, cookie_value(token.value), COOKIE_DAYS * 86_400, location)


def _led_in(request: Request, cookie: str, seconds: int, location: str) -> Response:
    """Lead a browser on with a cookie that it keeps for so long.

    Lax, as a board's (`access.set_cookie`): what changes something asks for more than a cookie.
    """
    path = f"{request.scope['root_path']}/admin"
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    kept = f"{COOKIE}={cookie}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    return Response(status_code=303, headers={"location": location, "set-cookie": kept})


def cookie_value(token: str) -> str:
    """The value of the cookie that replaces a token."""
    return hmac.new(token.encode("utf-8", "replace"), b"administrator", hashlib.sha256).hexdigest()
