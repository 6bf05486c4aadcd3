"""The lists behind a board's figures: a page and a CSV file of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple, Self, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.calendar import local_day, parse_period
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.read.board import Selection
from service.ledger.read.classified_rows import ClassifiedReader
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.read.reader import BoardReader
from service.ledger.read.trouble_rows import TroubleReader
from service.ledger.read.unpriced_rows import UnpricedReader
from service.live.board.query import BoardQuery
from service.live.http.encoding import CSV, HTML, Body, encoded, takes_gzip
from service.live.page import lists
from service.live.page.lists import RefusalList, TaskList
from service.live.page.reason_list import HandList, hand_list
from service.live.page.spreadsheet import Sheet
from service.live.page.trouble_list import TroubleList, trouble_list
from service.live.page.unpriced_list import UnpricedList, parse_currency, unpriced_list
from service.live.stream.turns import Turns

AT_ONCE: Final = 2
"""Lists that are made at a time, each of another account; others wait. A year's file takes a while, and
boards come first."""

WAITING: Final = 20
"""Lists of one account that may wait."""

PATIENCE_SECONDS: Final = 60.0
"""For one list."""

Handler: TypeAlias = Callable[[Request, Account, BoardQuery], Awaitable[ASGIApp]]
"""Responds to a request that may see the account's board."""


class Readers(NamedTuple):
    """What reads the rows of boards and lists."""

    boards: BoardReader
    refusals: RefusalReader
    troubles: TroubleReader
    unpriced: UnpricedReader
    classified: ClassifiedReader

    @classmethod
    def of(cls, database: Database, accounts: Mapping[str, Account], clock: Clock) -> Self:
        """The readers of a database."""
        made = database, accounts, clock
        return cls(
            BoardReader(*made),
            RefusalReader(*made),
            TroubleReader(*made),
            UnpricedReader(*made),
            ClassifiedReader(*made),
        )


async def made(
    turns: Turns, request: Request, query: BoardQuery, make: Callable[[bool], Body], seconds: float
) -> Response:
    """What a request asks for, once it is the account's turn. Requests for the same address share it if they
    see the same there (two screens may not) and take the same encoding.

    Args:
        make: Makes it, compressed or not.

    Raises:
        Crowded: Too many of the account wait.
        Unavailable: The database does not answer.
    """
    gzip = takes_gzip(request.headers)
    asked = request.scope["path"], request.scope["query_string"], query, gzip
    try:
        body = await turns.run(query.account, asked, partial(make, gzip), seconds, request.state.screen)
    except TimeoutError:
        raise Unavailable("the database does not answer") from None
    return Response(body.content, headers=body.headers)


class Lists:
    """The handlers of lists, to be guarded as the board's are. They raise `QueryError`, `Crowded` and
    `Unavailable`.

    Attributes:
        turns: The threads in which lists are made.
    """

    def __init__(self, readers: Readers, clock: Clock) -> None:
        self._readers = readers
        self._clock = clock
        self.turns = Turns("lossboard-lists", AT_ONCE, WAITING)

    def refusals(self, make: Callable[[RefusalList, Account, BoardQuery], str | Sheet]) -> Handler:
        """The handler of the page or file that `make` makes of the refusals behind a figure."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> Response:
            criteria = lists.parse_filter(request.query_params)
            period = parse_period(query.period, local_day(self._clock.now(), account.zone))
            selection = Selection(period.first, period.last, query.manager, query.pipeline)

            def read() -> str | Sheet:
                with self._readers.refusals.read(account.id, selection) as refusals:
                    listing = lists.refusal_list(refusals, criteria, selection, account, query)
                    return make(listing, account, query)

            return await self._response(request, query, read)

        return respond

    def tasks(self, make: Callable[[TaskList, Account, BoardQuery], str | Sheet]) -> Handler:
        """The handler of the page or file that `make` makes of the overdue tasks on the board."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> Response:
            def read() -> str | Sheet:
                rows = self._readers.boards.read(account.id, ())
                return make(lists.task_list(rows, account, query), account, query)

            return await self._response(request, query, read)

        return respond

    def unpriced(self, make: Callable[[UnpricedList, Account, BoardQuery], str | Sheet]) -> Handler:
        """The handler of the page or file that `make` makes of the deals that count with amount 0."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> Response:
            currency = parse_currency(request.query_params)

            def read() -> str | Sheet:
                with self._readers.unpriced.read(account.id, currency) as deals:
                    return make(unpriced_list(deals, currency, account, query), account, query)

            return await self._response(request, query, read)

        return respond

    def troubles(self, make: Callable[[TroubleList, Account, BoardQuery], str | Sheet]) -> Handler:
        """The handler of the page or file that `make` makes of what is wrong with the account."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> Response:
            def read() -> str | Sheet:
                rows = self._readers.troubles.read(account.id)
                return make(trouble_list(rows, account, query.language), account, query)

            return await self._response(request, query, read)

        return respond

    def reasons(self, make: Callable[[HandList, Account, BoardQuery], str]) -> Handler:
        """The handler of the page that `make` makes of the reasons that were classified by hand."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> Response:
            def read() -> str:
                return make(hand_list(self._readers.classified.read(account.id), account), account, query)

            return await self._response(request, query, read)

        return respond

    async def _response(
        self, request: Request, query: BoardQuery, read: Callable[[], str | Sheet]
    ) -> Response:
        def make(gzip: bool) -> Body:
            content = read()
            if isinstance(content, str):
                return encoded(content, HTML, gzip=gzip)
            body = encoded(content.content, CSV, gzip=gzip)
            return Body(body.content, {**body.headers, "content-disposition": content.disposition})

        return await made(self.turns, request, query, make, PATIENCE_SECONDS)
