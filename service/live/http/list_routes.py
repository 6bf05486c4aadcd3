"""The lists behind a board's figures: a page and a CSV file of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple, Self, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from service.calendar import local_day
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.read.classified_rows import ClassifiedReader
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.read.reader import BoardReader
from service.ledger.read.saved_rows import SavedReader
from service.ledger.read.stepless_rows import SteplessReader
from service.ledger.read.trouble_rows import TroubleReader
from service.ledger.read.unpriced_rows import UnpricedReader
from service.live.board.query import BoardQuery
from service.live.http.files.encoding import CSV, HTML, Body, encoded, takes_gzip
from service.live.page.lists import (
    by_hand,
    clients,
    list_page,
    refusals,
    saved,
    spreadsheet,
    stepless,
    tasks,
    troubles,
    unpriced,
)
from service.live.page.lists.listing import Listing
from service.live.page.lists.spreadsheet import Sheet
from service.live.page.lists.table import Table, View, parse_view
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

Content: TypeAlias = str | Sheet
"""A page or a file."""

Make: TypeAlias = Callable[[Listing[Any], Account, BoardQuery], Content]
Read: TypeAlias = Callable[[Callable[[Listing[Any]], Content]], Content]
"""Reads a list, and gives it to what makes a page or a file of it while the read lasts."""

Listed: TypeAlias = Callable[[Mapping[str, str], Account, BoardQuery, View], Read]
"""The read of the list that the parameters of an address ask for."""


class Readers(NamedTuple):
    """What reads the rows of boards and lists."""

    boards: BoardReader
    refusals: RefusalReader
    stepless: SteplessReader
    saved: SavedReader
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
            SteplessReader(*made),
            SavedReader(*made),
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

    def routes(self, guarded: Callable[[Handler], Callable[[Request], Awaitable[Response]]]) -> list[Route]:
        """The routes of all lists: of each its page and its file. The page of the classified reasons, which
        takes forms too, is routed by who takes them.

        Args:
            guarded: Puts a handler behind the checks of a board.
        """
        makers: tuple[tuple[str, Table[Any], Listed], ...] = (
            ("deals", refusals.TABLE, self._refusals),
            ("clients", clients.TABLE, self._clients),
            ("tasks", tasks.TABLE, self._tasks),
            ("no-next-step", stepless.TABLE, self._stepless),
            ("saved", saved.TABLE, self._saved),
            ("unpriced", unpriced.TABLE, self._unpriced),
            ("troubles", troubles.TABLE, self._troubles),
        )
        lists = [
            Route(f"/boards/{{account}}/{name}{ending}", guarded(self._handler(table, listed, make)))
            for name, table, listed in makers
            for ending, make in (("", list_page.page), (".csv", spreadsheet.sheet))
        ]
        sheet = self._handler(by_hand.TABLE, self._by_hand, spreadsheet.sheet)
        return [*lists, Route("/boards/{account}/reasons.csv", guarded(sheet))]

    def reasons(self) -> Handler:
        """The handler of the page of the reasons that were classified by hand."""
        return self._handler(by_hand.TABLE, self._by_hand, list_page.page)

    def _handler(self, table: Table[Any], listed: Listed, make: Make) -> Handler:
        """The handler of the page or file that `make` makes of a list."""

        async def respond(request: Request, account: Account, query: BoardQuery) -> Response:
            view = parse_view(request.query_params, [column.name for column in table.columns])
            read = listed(request.query_params, account, query, view)

            def body(gzip: bool) -> Body:
                known = self._readers.boards.known(account.id)
                content = read(lambda listing: make(replace(listing, known=known), account, query))
                if isinstance(content, str):
                    return encoded(content, HTML, gzip=gzip)
                file = encoded(content.content, CSV, gzip=gzip)
                return Body(file.content, {**file.headers, "content-disposition": content.disposition})

            return await made(self.turns, request, query, body, PATIENCE_SECONDS)

        return respond

    def _refusals(self, given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        criteria = refusals.parse_filter(given)
        today = local_day(self._clock.now(), account.zone)
        selection = refusals.selection_of(criteria, query, today)

        def read(make: Callable[[Listing[Any]], Content]) -> Content:
            with self._readers.refusals.read(account.id, selection) as rows:
                return make(refusals.refusal_list(rows, criteria, selection, account, query, view))

        return read

    def _stepless(self, _given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        def read(make: Callable[[Listing[Any]], Content]) -> Content:
            with self._readers.stepless.read(account.id, query.manager, query.pipeline) as rows:
                return make(stepless.stepless_list(rows, account, query, view))

        return read

    def _unpriced(self, given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        currency = unpriced.parse_currency(given)

        def read(make: Callable[[Listing[Any]], Content]) -> Content:
            with self._readers.unpriced.read(account.id, currency) as rows:
                return make(unpriced.unpriced_list(rows, currency, account, query, view))

        return read

    def _clients(self, _given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        boards = self._readers.boards
        return lambda make: make(clients.client_list(boards.read(account.id, ()), account, query, view))

    def _tasks(self, _given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        boards = self._readers.boards
        return lambda make: make(tasks.task_list(boards.read(account.id, ()), account, query, view))

    def _saved(self, _given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        reader = self._readers.saved
        return lambda make: make(saved.saved_list(reader.read(account.id), account, query, view))

    def _troubles(self, _given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        reader = self._readers.troubles
        return lambda make: make(troubles.trouble_list(reader.read(account.id), account, query, view))

    def _by_hand(self, _given: Mapping[str, str], account: Account, query: BoardQuery, view: View) -> Read:
        reader = self._readers.classified
        return lambda make: make(by_hand.hand_list(reader.read(account.id), account, query, view))
