"""Redirects to the same view at another address: what they repeat of a request, and what they never do."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service.config import Account
from service.live.board.query import KEPT
from service.live.http import access

VIEW: Final = KEPT | frozenset(
    "from to form kind reason pending days currency client q order desc last_event_id".split()
)
"""The parameters that say which view an address is of. A redirect keeps these, and no others."""


def same_view(request: Request, account: Account, cookie: str | None) -> Response:
    """Sends a browser to the same view at the address that it may keep: without a token, which `cookie`
    replaces, and without a trailing slash, because the links of a page are relative to it.

    The address is relative, and made of what we know by name: it repeats no query string, believes no Host
    header, and keeps what a proxy has put before the path.
    """
    name = request.scope["path"].rpartition("/")[2]
    address = f"{'../' if has_slash(request) else ''}{name}{kept(request)}"
    response = Response(status_code=303, headers={"location": address})
    if cookie is not None:
        secure = request.scope["scheme"] == "https"
        response.headers.append("set-cookie", access.set_cookie(account, cookie, secure=secure))
    return response


def kept(request: Request) -> str:
    """What a redirect repeats of a request's query, with the question mark; empty if there is nothing."""
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name in VIEW]
    return f"?{urlencode(parameters)}" if parameters else ""


def has_slash(request: Request) -> bool:
    """Whether the address ends with a slash, which is not in the path any more."""
    raw_path: bytes = request.scope["raw_path"]
    return raw_path.endswith(b"/")
