"""A link to a board that a person pastes into a page, or only its token: it opens what it is good for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.brake import Brake
from service.config import Account
from service.live.board.query import KEPT
from service.live.http import access
from service.live.http.refusals import refused
from service.live.http.screen_links import NEW_SECONDS, NamedScreens

BOARD: Final = re.compile(r"/boards/([a-z0-9-]{1,40})(?=/|$)")
"""The account's id in the path of a board's address."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a person pasted.

    Args:
        board: The account that the link names; None for a token alone.
        view: The parameters of the link that say how to show the board.
    """

    token: str
    board: str | None = None
    view: tuple[tuple[str, str], ...] = ()


def parse_pasted(text: str) -> Pasted:
    """Read a pasted text. What is no link with a token is taken for the token itself."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        parameters = parse_qsl(parts.query, max_num_fields=50)
    except ValueError:
        return Pasted(text)
    token = dict(parameters).get("token")
    if token is None:
        return Pasted(text)
    named = BOARD.search(parts.path)
    view = tuple((name, value) for name, value in parameters if name in KEPT)
    return Pasted(token, named[1] if named else None, view)


async def open_pasted(
    request: Request, text: str, accounts: Mapping[str, Account], screens: NamedScreens, brake: Brake
) -> ASGIApp:
    """Send the browser to the board that the token opens, or where it opens several, to the list of them; the
    response has the cookies in its place. The address is made of what we know by name.

    Raises:
        Unavailable: The named screens are not known.
    """
    pasted = parse_pasted(text)
    named = accounts.get(pasted.board or "")
    opened: list[tuple[Account, str]] = []
    for account in accounts.values() if named is None else [named]:
        known = await screens.known(account.id, NEW_SECONDS)
        decision = access.decide(account, access.Credentials({}, pasted.token), known)
        if isinstance(decision, access.Granted) and decision.cookie is not None:
            opened.append((account, decision.cookie))
    if not opened:
        return refused(brake, request, named.id if named else "", "wrong_token")
    board = f"boards/{opened[0][0].id}" + (f"?{urlencode(pasted.view)}" if pasted.view else "")
    response = Response(status_code=303, headers={"location": board if len(opened) == 1 else "./"})
    secure = request.scope["scheme"] == "https"
    for account, cookie in opened:
        response.headers.append("set-cookie", access.set_cookie(account, cookie, secure=secure))
    return response
