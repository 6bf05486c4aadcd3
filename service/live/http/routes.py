"""The routes of a board: page, snapshot, event stream, lists, and the page's own files (SPEC section 5)."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.calendar import PeriodError, local_day
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import in_time
from service.ledger.database.errors import Unavailable
from service.ledger.read.reader import BoardReader
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery, QueryError, check_parameters, parse_query
from service.live.board.ranges import ranges
from service.live.board.snapshot import Snapshot
from service.live.http import access
from service.live.http.list_routes import Handler, Lists, Readers
from service.live.http.screen_links import NamedScreens
from service.live.page import list_page, render, spreadsheet
from service.live.stream.hub import Hub
from service.live.stream.response import EventStream
from service.live.stream.subscriber import StreamSend
from service.model import Day
from service.problems import Problem

RETRY: Final = ((b"retry-after", b"5"),)
"""Seconds until the client may try again."""

AWAY: Final = Problem(503, "the database is away", RETRY)

SECURITY: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types lossboard"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
"""Headers of every response that shows figures."""

_BEARER: Final = ((b"www-authenticate", b"Bearer"),)
_REFUSALS: Final[Mapping[access.Refusal, Problem]] = {
    "no_token": Problem(401, "open the board by its link: the request has no token", _BEARER),
    "wrong_token": Problem(401, "the token is wrong or was revoked", _BEARER),
}


class Boards:
    """The handlers of boards. `reader` reads for requests; the hub reads for streams."""

    def __init__(
        self,
        hub: Hub,
        reader: BoardReader,
        accounts: Mapping[str, Account],
        screens: NamedScreens,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._reader = reader
        self._accounts = accounts
        self._screens = screens
        self._clock = clock

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler behind the checks of the account, the access and the parameters."""

        async def checked(request: Request) -> ASGIApp:
            account = self._accounts.get(request.path_params["account"])
            if account is None:
                return Problem(404, "there is no such account")
            try:
                instead = _admit(request, account, await self._screens.digests(account.id))
                if instead is not None:
                    return instead
                check_parameters(request.query_params.multi_items())
                query = parse_query(request.query_params, account, self._today(account))
                return await handler(request, account, query)
            except (PeriodError, QueryError) as error:
                return Problem(400, str(error))
            except Unavailable:
                return AWAY

        return checked  # type: ignore[return-value]  # Starlette awaits any ASGI app that comes back

    def _today(self, account: Account) -> Day:
        return local_day(self._clock.now(), account.zone)

    async def _read(self, account: Account, query: BoardQuery) -> Snapshot:
        days = ranges(query, self._today(account))
        rows = await in_time(lambda: self._reader.read(account.id, days.selections))
        return build_snapshot(rows, account, query, days, storing=self._hub.is_storing())

    async def page(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page, with the figures in it."""
        board = await self._read(account, query)
        return HTMLResponse(render.page(board, account, query), headers=SECURITY)

    async def snapshot(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The board as JSON."""
        board = await self._read(account, query)
        return Response(msgspec.json.encode(board), media_type="application/json", headers=SECURITY)

    async def events(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The event stream."""
        if self._hub.is_full:
            return Problem(503, f"{self._hub.max_streams} streams are open", RETRY)
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        check_parameters([("Last-Event-ID", last_id or "")])
        screen: str | None = request.state.screen

        async def stream(send: StreamSend) -> None:
            streaming = self._hub.stream(query, _sequence_number(last_id), send)
            await (streaming if screen is None else self._screens.attend(account.id, screen, streaming))

        return EventStream(stream, SECURITY)


def _admit(request: Request, account: Account, screens: Collection[str]) -> ASGIApp | None:
    """None when the request may see the board; else the response: a redirect that moves the token from the
    address into a cookie, or a problem. Sets `request.state.screen` to the digest of the named screen, if it
    is one."""
    token = request.query_params.get("token")
    decision = access.decide(account, access.Credentials(request.headers, token), screens)
    if not isinstance(decision, access.Granted):
        return _REFUSALS[decision]
    request.state.screen = decision.screen
    if decision.cookie is None:
        return None
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    address = request.scope["path"] + (f"?{urlencode(parameters)}" if parameters else "")
    redirect = RedirectResponse(address, status_code=303, headers=SECURITY)
    secure = request.scope["scheme"] == "https"
    redirect.headers.append("set-cookie", access.set_cookie(account, decision.cookie, secure=secure))
    return redirect


def _sequence_number(text: str | None) -> int | None:
    """The sequence number of a Last-Event-ID; None (which gets a snapshot) if there is none in it."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        return None
    return int(text)


@cache
def _file(name: str) -> tuple[bytes, str] | None:
    """A file of the page and a digest of its content; None if there is no such file."""
    if name not in {path.name for path in render.STATIC.iterdir() if path.is_file()}:
        return None
    content = (render.STATIC / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


async def _static(request: Request) -> ASGIApp:
    """A file of the page. Browsers keep it and ask each time whether it changed, so that all files are always
    of one version."""
    name = request.path_params["name"]
    file = _file(name)
    if file is None:
        return Problem(404, "there is no such file")
    content, digest = file
    tag = f'"{digest}"'
    headers = {**SECURITY, "cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(content, media_type=media_type, headers=headers)


def routes(
    hub: Hub,
    readers: Readers,
    accounts: Mapping[str, Account],
    screens: NamedScreens,
    clock: Clock,
) -> list[Route]:
    """The routes of all boards."""
    boards = Boards(hub, readers.boards, accounts, screens, clock)
    lists = Lists(readers, clock, SECURITY)
    return [
        Route("/boards/{account}", boards.guarded(boards.page)),
        Route("/boards/{account}/snapshot", boards.guarded(boards.snapshot)),
        Route("/boards/{account}/events", boards.guarded(boards.events)),
        Route("/boards/{account}/deals", boards.guarded(lists.refusals(list_page.refusal_page))),
        Route("/boards/{account}/deals.csv", boards.guarded(lists.refusals(spreadsheet.refusal_sheet))),
        Route("/boards/{account}/tasks", boards.guarded(lists.tasks(list_page.task_page))),
        Route("/boards/{account}/tasks.csv", boards.guarded(lists.tasks(spreadsheet.task_sheet))),
        Route("/boards/{account}/unpriced", boards.guarded(lists.unpriced(list_page.unpriced_page))),
        Route("/boards/{account}/unpriced.csv", boards.guarded(lists.unpriced(spreadsheet.unpriced_sheet))),
        Route("/boards/{account}/troubles", boards.guarded(lists.troubles(list_page.trouble_page))),
        Route("/boards/{account}/troubles.csv", boards.guarded(lists.troubles(spreadsheet.trouble_sheet))),
        Route("/static/{name}", _static),
    ]
