"""The routes of a board: the page, the snapshot, the event stream, and the page's own files (SPEC section
5)."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from typing import Final, TypeAlias
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
from service.ledger.read.deal_rows import RefusalReader
from service.live.board import build
from service.live.board.query import BoardQuery, QueryError, parse_query
from service.live.board.ranges import ranges
from service.live.board.snapshot import Snapshot
from service.live.http import access
from service.live.http.list_routes import Lists
from service.live.http.screen_links import NamedScreens
from service.live.page import render
from service.live.stream.hub import BoardReader, Hub, TooManyStreams
from service.live.stream.response import EventStream
from service.live.stream.subscriber import StreamSend
from service.problems import Problem

RETRY: Final = ((b"retry-after", b"5"),)
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
"""Headers of everything that shows figures."""

_REFUSALS: Final[Mapping[access.Refusal, Problem]] = {
    "no_token": Problem(
        401, "the board is shown to whoever has its link", ((b"www-authenticate", b"Bearer"),)
    ),
    "wrong_token": Problem(401, "the link is not valid any more", ((b"www-authenticate", b"Bearer"),)),
    "not_loopback": Problem(
        403, "without a viewer_token or a named screen the board is shown on the service's own machine only"
    ),
}


class _Refused(Exception):
    """The request gets a problem for an answer."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


Handler: TypeAlias = Callable[[Request, Account, BoardQuery], Awaitable[ASGIApp]]


class Boards:
    """The handlers. `readers` reads for requests, apart from the hub's own reading."""

    def __init__(
        self,
        hub: Hub,
        readers: BoardReader,
        accounts: Mapping[str, Account],
        screens: NamedScreens,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._readers = readers
        self._accounts = accounts
        self._screens = screens
        self._clock = clock

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler behind the checks that all have in common: account, access, parameters."""

        async def checked(request: Request) -> ASGIApp:
            account = self._accounts.get(request.path_params["account"])
            if account is None:
                return Problem(404, "there is no such account")
            try:
                welcome = _admit(request, account, await self._screens.digests(account.id))
                return welcome or await handler(request, account, self._view(request, account))
            except _Refused as refused:
                return refused.problem
            except QueryError as error:
                return Problem(400, str(error))
            except Unavailable:
                return AWAY

        return checked  # type: ignore[return-value]  # Starlette awaits whatever ASGI app comes back

    def _view(self, request: Request, account: Account) -> BoardQuery:
        try:
            return parse_query(request.query_params, account, self._today(account))
        except (PeriodError, QueryError) as error:
            raise _Refused(Problem(400, str(error))) from None

    def _today(self, account: Account) -> int:
        return local_day(self._clock.now(), account.zone)

    async def _read(self, account: Account, query: BoardQuery) -> Snapshot:
        shown = ranges(query, self._today(account))
        reading = await in_time(lambda: self._readers.read(account.id, shown.selections))
        return build.build_snapshot(reading, account, query, shown)

    async def page(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page, with the figures in it."""
        shown = await self._read(account, query)
        return HTMLResponse(render.page(shown, account, query), headers=SECURITY)

    async def snapshot(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The board as JSON."""
        shown = await self._read(account, query)
        return Response(msgspec.json.encode(shown), media_type="application/json", headers=SECURITY)

    async def events(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The event stream."""
        try:
            self._hub.admit()
        except TooManyStreams as error:
            raise _Refused(Problem(503, str(error), RETRY)) from None
        last_seq = _sequence_number(
            request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        )
        screen: str | None = request.state.screen

        async def show(send: StreamSend) -> None:
            stream = self._hub.stream(query, last_seq, send)
            await (stream if screen is None else self._screens.attend(account.id, screen, stream))

        return EventStream(show, SECURITY)


def _admit(request: Request, account: Account, screens: Collection[str]) -> Response | None:
    """Nothing when the request may see the board (its `state.screen` is the named screen's that it comes
    from); a redirect that leaves the token behind; or `_Refused`."""
    client = request.client.host if request.client else None
    asking = access.Credentials(client, request.headers, request.query_params.get("token"))
    answer = access.answer(account, asking, screens)
    if not isinstance(answer, access.Granted):
        raise _Refused(_REFUSALS[answer])
    request.state.screen = answer.screen
    if answer.cookie is None:
        return None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
    address = request.scope["path"] + (f"?{urlencode(kept)}" if kept else "")
    welcome = RedirectResponse(address, status_code=303, headers=SECURITY)
    secure = request.scope["scheme"] == "https"
    welcome.headers.append("set-cookie", access.set_cookie(account, answer.cookie, secure=secure))
    return welcome


def _sequence_number(text: str | None) -> int | None:
    """What a Last-Event-ID says, if it says anything; garbage gets a snapshot, like no id at all."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        return None
    return int(text)


@cache
def _file(name: str) -> tuple[bytes, str] | None:
    """A file of the page and the digest of its content; None if there is none of that name."""
    if name not in {each.name for each in render.STATIC.iterdir() if each.is_file()}:
        return None
    content = (render.STATIC / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


async def _static(request: Request) -> ASGIApp:
    """A file of the page. Browsers keep it, and ask each time whether it changed: all belong to one
    version."""
    found = _file(request.path_params["name"])
    if found is None:
        return Problem(404, "there is no such file")
    content, digest = found
    tag = f'"{digest}"'
    headers = {**SECURITY, "cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = mimetypes.guess_type(request.path_params["name"])[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers=headers)


def routes(
    hub: Hub,
    readers: BoardReader,
    refusals: RefusalReader,
    accounts: Mapping[str, Account],
    screens: NamedScreens,
    clock: Clock,
) -> list[Route]:
    """The routes of all boards."""
    boards = Boards(hub, readers, accounts, screens, clock)
    lists = Lists(readers, refusals, clock, SECURITY)
    return [
        Route("/boards/{account}", boards.guarded(boards.page)),
        Route("/boards/{account}/snapshot", boards.guarded(boards.snapshot)),
        Route("/boards/{account}/events", boards.guarded(boards.events)),
        Route("/boards/{account}/deals", boards.guarded(lists.refusal_page)),
        Route("/boards/{account}/deals.csv", boards.guarded(lists.refusal_file)),
        Route("/boards/{account}/tasks", boards.guarded(lists.task_page)),
        Route("/boards/{account}/tasks.csv", boards.guarded(lists.task_file)),
        Route("/static/{name}", _static),
    ]
