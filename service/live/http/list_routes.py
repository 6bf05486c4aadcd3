"""The lists behind a board's figures: a page and a CSV file of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

from service.calendar import local_day, parse_period
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import in_time
from service.ledger.read.board import Selection
from service.ledger.read.deal_rows import RefusalReader
from service.ledger.read.reader import BoardReader
from service.live.board.query import BoardQuery
from service.live.page import list_page, lists, spreadsheet
from service.live.page.lists import RefusalList, TaskList
from service.live.page.spreadsheet import Sheet

AT_ONCE: Final = 2
"""Lists that are made at a time; others wait. A year's file takes a while, and boards come first."""

PATIENCE_SECONDS: Final = 60.0
"""For one list."""

T = TypeVar("T")


class Lists:
    """The handlers of lists, to be guarded as the board's are. They raise `QueryError` and `Unavailable`.

    Args:
        headers: Those of every response that shows figures.
    """

    def __init__(
        self, reader: BoardReader, refusals: RefusalReader, clock: Clock, headers: Mapping[str, str]
    ) -> None:
        self._reader = reader
        self._reader_of_refusals = refusals
        self._clock = clock
        self._headers = headers
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def refusal_page(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page of the refusals behind a figure."""
        return self._page(await self._refusals(request, account, query, list_page.refusal_page))

    async def refusal_file(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """All these refusals as a file."""
        return self._file(await self._refusals(request, account, query, spreadsheet.refusal_sheet))

    async def task_page(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page of the overdue tasks on the board."""
        return self._page(await self._tasks(account, query, list_page.task_page))

    async def task_file(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """All these tasks as a file."""
        return self._file(await self._tasks(account, query, spreadsheet.task_sheet))

    async def _refusals(
        self,
        request: Request,
        account: Account,
        query: BoardQuery,
        make: Callable[[RefusalList, Account, BoardQuery], T],
    ) -> T:
        """What `make` makes of the refusals that a request asks for, while they are being read."""
        chosen = lists.parse_filter(request.query_params)
        period = parse_period(query.period, local_day(self._clock.now(), account.zone))
        selection = Selection(period.first, period.last, query.manager, query.pipeline)

        def read() -> T:
            with self._reader_of_refusals.read(account.id, selection) as refusals:
                listing = lists.refusal_list(refusals, chosen, selection, account, query)
                return make(listing, account, query)

        return await self._in_turn(read)

    async def _tasks(
        self, account: Account, query: BoardQuery, make: Callable[[TaskList, Account, BoardQuery], T]
    ) -> T:
        """What `make` makes of the overdue tasks."""

        def read() -> T:
            rows = self._reader.read(account.id, ())
            return make(lists.task_list(rows, account, query), account, query)

        return await self._in_turn(read)

    async def _in_turn(self, read: Callable[[], T]) -> T:
        async with self._turns:
            return await in_time(read, PATIENCE_SECONDS)

    def _page(self, content: str) -> Response:
        return HTMLResponse(content, headers=self._headers)

    def _file(self, sheet: Sheet) -> Response:
        headers = {**self._headers, "content-disposition": sheet.disposition}
        return Response(sheet.content, media_type="text/csv", headers=headers)
