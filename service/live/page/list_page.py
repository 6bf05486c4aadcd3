"""The pages of the lists. They have no JavaScript."""

from __future__ import annotations

from itertools import islice
from typing import Final

from service.config import Account
from service.live.board.query import BoardQuery
from service.live.page.environment import template
from service.live.page.lists import RefusalList, TaskList

ROWS_SHOWN: Final = 500
"""The number of rows that a page shows; the CSV file has all of them."""

STATIC: Final = "../../static"
"""Where `render.STATIC` is served, relative to the page's address."""


def refusal_page(listing: RefusalList, account: Account, query: BoardQuery) -> str:
    """The page of a list of refusals."""
    rows = list(islice(listing.rows, ROWS_SHOWN))
    return template(query.language, "deals.html").render(
        listing=listing,
        rows=rows,
        more=listing.total.count - len(rows),
        file="deals.csv",
        parameters=query.urlencoded(reason=listing.reason, kind=listing.kind),
        account=account,
        query=query,
        static=STATIC,
    )


def task_page(listing: TaskList, account: Account, query: BoardQuery) -> str:
    """The page of a list of overdue tasks."""
    return template(query.language, "tasks.html").render(
        listing=listing,
        rows=listing.rows[:ROWS_SHOWN],
        more=max(0, len(listing.rows) - ROWS_SHOWN),
        file="tasks.csv",
        parameters=query.urlencoded(),
        account=account,
        query=query,
        static=STATIC,
    )
