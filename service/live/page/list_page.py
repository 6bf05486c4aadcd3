"""The pages of the lists. They have no JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from service.config import Account
from service.live.board.query import BoardQuery
from service.live.page.environment import template
from service.live.page.lists import RefusalList, TaskList
from service.live.page.reason_list import HandList
from service.live.page.trouble_list import TroubleList
from service.live.page.unpriced_list import UnpricedList

ROWS_SHOWN: Final = 500
"""The number of rows that a page shows; the CSV file has all of them."""

STATIC: Final = "../../static"
"""Where `render.STATIC` is served, relative to the page's address."""


def refusal_page(listing: RefusalList, account: Account, query: BoardQuery) -> str:
    """The page of a list of refusals."""
    rows = list(islice(listing.rows, ROWS_SHOWN))
    parameters = query.urlencoded(
        reason=listing.reason, kind=listing.kind, pending="1" if listing.pending else None
    )
    return _page("deals", listing, rows, listing.total.count, parameters, account, query)


def task_page(listing: TaskList, account: Account, query: BoardQuery) -> str:
    """The page of a list of overdue tasks."""
    return _page("tasks", listing, listing.rows, len(listing.rows), query.urlencoded(), account, query)


def unpriced_page(listing: UnpricedList, account: Account, query: BoardQuery) -> str:
    """The page of the deals that count with amount 0."""
    rows = list(islice(listing.rows, ROWS_SHOWN))
    parameters = query.urlencoded(currency=listing.currency)
    return _page("unpriced", listing, rows, listing.count, parameters, account, query)


def trouble_page(listing: TroubleList, account: Account, query: BoardQuery) -> str:
    """The page of what is wrong."""
    return _page("troubles", listing, listing.rows, len(listing.rows), query.urlencoded(), account, query)


def reason_page(listing: HandList, account: Account, query: BoardQuery) -> str:
    """The page of what was classified by hand."""
    return _page("reasons", listing, listing.rows, len(listing.rows), query.urlencoded(), account, query)


def _page(
    name: str,
    listing: object,
    rows: Sequence[object],
    count: int,
    parameters: str,
    account: Account,
    query: BoardQuery,
) -> str:
    """The page of the list of a name, of which there are `count` rows.

    Args:
        parameters: Of the address of the list's file.
    """
    return template(query.language, f"{name}.html").render(
        listing=listing,
        rows=rows[:ROWS_SHOWN],
        more=max(0, count - ROWS_SHOWN),
        file=f"{name}.csv",
        parameters=parameters,
        account=account,
        query=query,
        static=STATIC,
    )
