"""The routes of a board: page, snapshot, event stream, lists, and the page's own files (SPEC section 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.brake import Brake
from service.calendar import PeriodError, local_day
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import DEADLINE_SECONDS
from service.ledger.database.errors import Unavailable
from service.ledger.read.reader import BoardReader
from service.ledger.upkeep.classify import Classifier
from service.ledger.upkeep.screens import KnownScreen
from service.live.board.build import build_snapshot
from service.live.board.query import KEPT, BoardQuery, QueryError, check_parameters, parse_query
from service.live.board.ranges import ranges
from service.live.board.snapshot import Snapshot
from service.live.http import access
from service.live.http.classifying import Classifying
from service.live.http.encoding import HTML, JSON, Body, encoded, takes_gzip
from service.live.http.happening import Tell, happening_route
from service.live.http.index import index_route
from service.live.http.list_routes import Handler, Lists, Readers, made
from service.live.http.refusals import refused
from service.live.http.screen_links import NEW_SECONDS, NamedScreens
from service.live.http.static_files import static_route
from service.live.page import render
from service.live.stream.hub import Hub
from service.live.stream.places import VIEWS, Limit
from service.live.stream.response import EventStream
from service.live.stream.subscriber import StreamSend
from service.live.stream.turns import Crowded, Turns
from service.live.stream.wire import Wire
from service.model import Day
from service.problems import Problem

RETRY: Final = ((b"retry-after", b"5"),)
"""Seconds until the client may try again."""

AWAY: Final = Problem(503, "the database is away", RETRY)

AT_ONCE: Final = 2
"""Pages and snapshots that are made at a time, each of another account."""

WAITING: Final = 100
"""Pages and snapshots of one account that may wait; those of the same address count once."""

_CROWDED: Final = Problem(429, "too many pages and lists of this account are being made", RETRY)
_FULL: Final[Mapping[Limit, Problem]] = {
    "process": Problem(503, "as many streams are open as may be", RETRY),
    "account": Problem(429, "as many streams of this account are open as may be", RETRY),
    "screen": Problem(429, "as many streams are open with this token as may be", RETRY),
    "account_views": Problem(429, f"{VIEWS} different boards of this account are open", RETRY),
    "screen_views": Problem(429, "too many different boards are open with this token", RETRY),
}

VIEW: Final = KEPT | frozenset(
    "from to form kind reason pending days currency client q order desc last_event_id".split()
)
"""The parameters that say which view an address is of. A redirect keeps these, and no others."""


class Boards:
    """The handlers of boards. `reader` reads for requests; the hub reads for streams.

    Attributes:
        turns: The threads in which pages and snapshots are made.
    """

    def __init__(
        self,
        hub: Hub,
        reader: BoardReader,
        accounts: Mapping[str, Account],
        screens: NamedScreens,
        brake: Brake,
        clock: Clock,
    ) -> None:
        self._hub = hub
        self._reader = reader
        self._accounts = accounts
        self._screens = screens
        self._brake = brake
        self._clock = clock
        self.turns = Turns("lossboard-pages", AT_ONCE, WAITING)

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler behind the checks of the account, the access and the parameters."""

        async def checked(request: Request) -> ASGIApp:
            account = self._accounts.get(request.path_params["account"])
            if account is None:
                return Problem(404, "there is no such account")
            try:
                instead = await self._admit(request, account)
                if instead is not None:
                    return instead
                check_parameters(request.query_params.multi_items())
                by: KnownScreen = request.state.by
                query = parse_query(request.query_params, account, self._today(account), by.view)
                query = query._replace(editor=by.role == "editor" and query.mode == "desk")
                return await handler(request, account, query)
            except (PeriodError, QueryError) as error:
                return Problem(400, str(error))
            except Crowded:
                return _CROWDED
            except Unavailable:
                return AWAY

        return checked  # type: ignore[return-value]  # Starlette awaits any ASGI app that comes back

    async def _admit(self, request: Request, account: Account) -> ASGIApp | None:
        """None when the request may see the board at its address; else the response. Sets
        `request.state.screen` to the digest of the named screen, if it is one, and `request.state.by` to what
        that screen gets."""
        token = request.query_params.get("token")
        given = access.Credentials(request.headers, token)
        known = await self._screens.known(account.id)
        decision = access.decide(account, given, known)
        if decision == "wrong_token":
            known = await self._screens.known(account.id, NEW_SECONDS)
            decision = access.decide(account, given, known)
        if not isinstance(decision, access.Granted):
            return refused(self._brake, request, account.id, decision)
        request.state.screen = decision.screen
        request.state.by = known[decision.screen] if decision.screen else KnownScreen()
        if token is None and not _has_slash(request):
            return None
        return _same_view(request, account, decision.cookie)

    def _today(self, account: Account) -> Day:
        return local_day(self._clock.now(), account.zone)

    def _read(self, account: Account, query: BoardQuery) -> Snapshot:
        days = ranges(query, self._today(account))
        rows = self._reader.read(account.id, days.selections)
        return build_snapshot(rows, account, query, days, storing=self._hub.is_storing())

    async def page(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page, with the figures in it."""

        def make(gzip: bool) -> Body:
            return encoded(render.page(self._read(account, query), account, query), HTML, gzip=gzip)

        return await made(self.turns, request, query, make, DEADLINE_SECONDS)

    async def snapshot(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The board as JSON."""

        def make(gzip: bool) -> Body:
            return encoded(msgspec.json.encode(self._read(account, query)), JSON, gzip=gzip)

        return await made(self.turns, request, query, make, DEADLINE_SECONDS)

    async def events(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The event stream."""
        screen: str | None = request.state.screen
        full = self._hub.places.full(query, screen)
        if full is not None:
            return _FULL[full]
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        check_parameters([("Last-Event-ID", last_id or "")])

        wire = Wire(gzip=takes_gzip(request.headers))

        async def stream(send: StreamSend) -> None:
            streaming = self._hub.stream(query, _sequence_number(last_id), send, wire)
            await (streaming if screen is None else self._screens.attend(account.id, screen, streaming))

        return EventStream(stream, self._hub.places.taken(query, screen), wire)


def _same_view(request: Request, account: Account, cookie: str | None) -> Response:
    """Sends a browser to the same view at the address that it may keep: without a token, which `cookie`
    replaces, and without a trailing slash, because the links of a page are relative to it.

    The address is relative, and made of what we know by name: it repeats no query string, believes no Host
    header, and keeps what a proxy has put before the path.
    """
    name = request.scope["path"].rpartition("/")[2]
    address = f"{'../' if _has_slash(request) else ''}{name}{_kept(request)}"
    response = Response(status_code=303, headers={"location": address})
    if cookie is not None:
        secure = request.scope["scheme"] == "https"
        response.headers.append("set-cookie", access.set_cookie(account, cookie, secure=secure))
    return response


def _kept(request: Request) -> str:
    """What a redirect repeats of a request's query, with the question mark; empty if there is nothing."""
    parameters = [(name, value) for name, value in request.query_params.multi_items() if name in VIEW]
    return f"?{urlencode(parameters)}" if parameters else ""


def _has_slash(request: Request) -> bool:
    """Whether the address ends with a slash, which is not in the path any more."""
    raw_path: bytes = request.scope["raw_path"]
    return raw_path.endswith(b"/")


def _sequence_number(text: str | None) -> int | None:
    """The sequence number of a Last-Event-ID; None (which gets a snapshot) if there is none in it."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 18:
        return None
    return int(text)


def routes(
    hub: Hub,
    readers: Readers,
    accounts: Mapping[str, Account],
    screens: NamedScreens,
    brake: Brake,
    clock: Clock,
    classifier: Classifier,
    tell: Tell | None = None,
) -> list[Route]:
    """The routes of all boards.

    Args:
        tell: What happens in an invented office.
    """
    boards = Boards(hub, readers.boards, accounts, screens, brake, clock)
    lists = Lists(readers, clock)
    reasons = Classifying(classifier, _kept).beside(lists.reasons())
    return [
        index_route(accounts, screens, brake, AWAY),
        Route("/boards/{account}", boards.guarded(boards.page)),
        Route("/boards/{account}/snapshot", boards.guarded(boards.snapshot)),
        Route("/boards/{account}/events", boards.guarded(boards.events)),
        *lists.routes(boards.guarded),
        Route("/boards/{account}/reasons", boards.guarded(reasons), methods=["GET", "POST"]),
        static_route(),
        *([] if tell is None else [happening_route(accounts, tell)]),
    ]
