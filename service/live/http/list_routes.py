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
from service.live.board.query import BoardQuery
from service.live.page import list_page, lists, spreadsheet
from service.live.page.lists import ListFilter, RefusalList, TaskList
from service.live.page.spreadsheet import Sheet
from service.live.stream.hub import BoardReader

AT_ONCE: Final = 2
"""Lists that are made at a time; others wait. A year's file takes a while, and boards come first."""

PATIENCE: Final = 60.0
"""Seconds that one may take."""

T = TypeVar("T")


class Lists:
    """The handlers, to be guarded as the board's are. Each raises `QueryError` and `Unavailable`.

    Args:
        headers: Those of everything that shows figures.
    """

    def __init__(
        self, readers: BoardReader, refusals: RefusalReader, clock: Clock, headers: Mapping[str, str]
    ) -> None:
        self._readers = readers
        self._refusals = refusals
        self._clock = clock
        self._headers = headers
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def refusal_page(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page of the refusals behind a figure."""
        asked = lists.parse_filter(request.query_params)

        def page(shown: RefusalList) -> str:
            return list_page.refusal_page(shown, account, query)

        content = await self._in_turn(lambda: self._of_refusals(account, query, asked, page))
        return HTMLResponse(content, headers=self._headers)

    async def refusal_file(self, request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The same refusals, all of them, as a file."""
        asked = lists.parse_filter(request.query_params)

        def sheet(shown: RefusalList) -> Sheet:
            return spreadsheet.refusal_sheet(shown, account, query.language)

        return self._file(await self._in_turn(lambda: self._of_refusals(account, query, asked, sheet)))

    async def task_page(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The page of the overdue tasks on the board."""

        def page() -> str:
            return list_page.task_page(self._tasks(account, query), account, query)

        return HTMLResponse(await self._in_turn(page), headers=self._headers)

    async def task_file(self, _request: Request, account: Account, query: BoardQuery) -> ASGIApp:
        """The same tasks, all of them, as a file."""

        def sheet() -> Sheet:
            return spreadsheet.task_sheet(self._tasks(account, query), account, query.language)

        return self._file(await self._in_turn(sheet))

    async def _in_turn(self, make: Callable[[], T]) -> T:
        async with self._turns:
            return await in_time(make, PATIENCE)

    def _of_refusals(
        self, account: Account, query: BoardQuery, asked: ListFilter, make: Callable[[RefusalList], T]
    ) -> T:
        """What is made of the refusals that are asked for, while they are being read."""
        period = parse_period(query.period, local_day(self._clock.now(), account.zone))
        selection = Selection(period.first, period.last, query.manager, query.pipeline)
        with self._refusals.read(account.id, selection) as found:
            return make(lists.refusal_list(found, asked, selection, account, query))

    def _tasks(self, account: Account, query: BoardQuery) -> TaskList:
        return lists.task_list(self._readers.read(account.id, ()), account, query)

    def _file(self, sheet: Sheet) -> Response:
        headers = {**self._headers, "content-disposition": sheet.disposition}
        return Response(sheet.content, media_type="text/csv", headers=headers)
