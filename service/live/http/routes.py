"""The routes of a board: page, snapshot, event stream, lists, and the page's own files (SPEC section 5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Final, NamedTuple

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
from service.live.board.query import BoardQuery, QueryError, check_parameters, parse_query
from service.live.board.ranges import ranges
from service.live.board.snapshot import Snapshot
from service.live.http import access
from service.live.http.channels import Channel, sequence_number, shared_stream, view_of, views_of
from service.live.http.classifying import Classifying
from service.live.http.files.encoding import HTML, JSON, Body, encoded, takes_gzip
from service.live.http.files.manifest import manifest
from service.live.http.files.static_files import static_route
from service.live.http.happening import Tell, happening_route
from service.live.http.index import index_route
from service.live.http.list_routes import Handler, Lists, Readers, made
from service.live.http.refusals import refused
from service.live.http.same_view import has_slash, kept, same_view
from service.live.http.screen_links import NEW_SECONDS, NamedScreens
from service.live.page import render
from service.live.page.help import help_page
from service.live.page.rotation import first_stop
from service.live.stream.frames import Ring
from service.live.stream.hub import Hub
from service.live.stream.open_stream import OpenStream
from service.live.stream.places import VIEWS, Limit
from service.live.stream.response import EventStream, StreamEndpoint
from service.live.stream.subscriber import Subscriber
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
                query = self._query(request.query_params, account, by)
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
        decision = await self._decide(request, account, token)
        if isinstance(decision, Problem):
            return decision
        granted, request.state.by = decision
        request.state.screen = granted.screen
        if token is None and not has_slash(request):
            return None
        return same_view(request, account, granted.cookie)

    async def _decide(
        self, request: Request, account: Account, token: str | None
    ) -> tuple[access.Granted, KnownScreen] | Problem:
        """Whether a request may see a board, and what its screen gets."""
        given = access.Credentials(request.headers, token)
        known = await self._screens.known(account.id)
        decision = access.decide(account, given, known)
        if decision == "wrong_token":
            known = await self._screens.known(account.id, NEW_SECONDS)
            decision = access.decide(account, given, known)
        if not isinstance(decision, access.Granted):
            return refused(self._brake, request, account.id, decision)
        return decision, known[decision.screen] if decision.screen else KnownScreen()

    def _query(self, parameters: Mapping[str, str], account: Account, by: KnownScreen) -> BoardQuery:
        query = parse_query(parameters, account, self._today(account), by.view)
        return query._replace(editor=by.role == "editor" and query.mode == "desk")

    def _today(self, account: Account) -> Day:
        return local_day(self._clock.now(), account.zone)

    def _read(self, account: Account, query: BoardQuery) -> Snapshot:
        days = ranges(query, self._today(account))
        rows = self._reader.read(account.id, days.selections)
        return build_snapshot(rows, account, query, days, storing=self._hub.is_storing())

    def page(self, render: Callable[[Snapshot, Account, BoardQuery], str]) -> Handler:
        """The handler of a page with the figures in it."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> ASGIApp:
            shown = first_stop(query)

            def make(gzip: bool) -> Body:
                return encoded(render(self._read(account, shown), account, shown), HTML, gzip=gzip)

            return await made(self.turns, request, query, make, DEADLINE_SECONDS)

        return respond

    async def snapshot(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The board as JSON."""

        def make(gzip: bool) -> Body:
            return encoded(msgspec.json.encode(self._read(account, query)), JSON, gzip=gzip)

        return await made(self.turns, request, query, make, DEADLINE_SECONDS)

    async def events(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The event stream."""
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
        check_parameters([("Last-Event-ID", last_id or "")])
        channel = Channel(account, query, request.state.screen, sequence_number(last_id))
        full = self._hub.places.full(query, channel.screen)
        if full is not None:
            return _FULL[full]
        place = self._hub.places.taken(query, channel.screen)
        wire = Wire(gzip=takes_gzip(request.headers))
        return EventStream(lambda stream: self._show(stream, channel), [place], wire)

    async def shared(self, request: Request) -> ASGIApp:
        """The event streams of several boards through one connection, for the tabs of a browser: those that
        the request may see. See `channels`."""
        try:
            asked = [await self._channel(request, view) for view in views_of(request.query_params)]
        except QueryError as error:
            return Problem(400, str(error))
        except Unavailable:
            return AWAY
        return shared_stream(
            asked, self._hub.places, _FULL, self._show, Wire(gzip=takes_gzip(request.headers))
        )

    async def _channel(self, request: Request, view: str) -> Channel | Problem:
        """The stream of a view, if the request may see it.

        Raises:
            Unavailable: The named screens cannot be read.
        """
        account_id, parameters = view_of(view)
        account = self._accounts.get(account_id)
        if account is None:
            return Problem(404, "there is no such account")
        decision = await self._decide(request, account, None)
        if isinstance(decision, Problem):
            return decision
        granted, by = decision
        try:
            check_parameters(parameters.items())
            query = self._query(parameters, account, by)
        except (PeriodError, QueryError) as error:
            return Problem(400, str(error))
        return Channel(account, query, granted.screen, sequence_number(parameters.get("last_event_id")))

    def _show(self, stream: OpenStream, channel: Channel, number: int | None = None) -> None:
        """Subscribe a stream to a channel until it ends, or until the channel's screen is revoked."""
        account, query, screen, last_seq = channel
        if self._accounts.get(account.id) is not account:  # a reload came between: the screen asks again
            Subscriber(stream, number, Ring[Snapshot](), set(), None).end()
            return
        subscriber = self._hub.subscribe(stream, query, last_seq, number, screen)
        if screen is not None:
            self._screens.attend(query.account, screen, subscriber)


class Routed(NamedTuple):
    """The routes of all boards. `stop` ends the tasks and threads that their requests have begun."""

    routes: list[Route]
    stop: Callable[[], Coroutine[None, None, None]]


def routes(
    hub: Hub,
    readers: Readers,
    accounts: Mapping[str, Account],
    screens: NamedScreens,
    brake: Brake,
    clock: Clock,
    classifier: Classifier,
    tell: Tell | None = None,
) -> Routed:
    """The routes of all boards.

    Args:
        tell: What happens in an invented office.
    """
    boards = Boards(hub, readers.boards, accounts, screens, brake, clock)
    lists = Lists(readers, clock)
    reasons = Classifying(classifier, kept).beside(lists.reasons())

    async def stop() -> None:
        await screens.stop()
        for turns in (boards.turns, lists.turns):
            turns.stop()

    every = [
        index_route(accounts, screens, brake, AWAY),
        Route("/boards/{account}", boards.guarded(boards.page(render.page))),
        Route("/boards/{account}/help", boards.guarded(boards.page(help_page))),
        Route("/boards/{account}/snapshot", boards.guarded(boards.snapshot)),
        Route("/boards/{account}/events", StreamEndpoint(boards.guarded(boards.events)), methods=["GET"]),
        Route("/boards/{account}/manifest.webmanifest", boards.guarded(manifest)),
        *lists.routes(boards.guarded),
        Route("/boards/{account}/reasons", boards.guarded(reasons), methods=["GET", "POST"]),
        Route("/events", boards.shared),
        static_route(),
        *([] if tell is None else [happening_route(accounts, tell)]),
    ]
    return Routed(every, stop)
