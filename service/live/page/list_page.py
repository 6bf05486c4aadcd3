"""The page of a list, complete without JavaScript: it has none."""

from __future__ import annotations

from itertools import islice
from typing import Final

from service.config import Account
from service.live.board.query import BoardQuery
from service.live.page.environment import template
from service.live.page.lists import RefusalList, TaskList
from service.live.text.i18n import translations_of

SHOWN: Final = 500
"""Rows that a page shows; the file has them all."""

STATIC: Final = "../../static"
"""Where `render.STATIC` is served, as seen from the page's address."""


def refusal_page(shown: RefusalList, account: Account, query: BoardQuery) -> str:
    """The page of a list of refusals."""
    translations = translations_of(query.language)
    rows = list(islice(shown.rows, SHOWN))
    return template(query.language, "deals.html").render(
        shown=shown,
        rows=rows,
        more=shown.total.count - len(rows),
        kind=translations.kind(shown.kind) if shown.kind else None,
        file="deals.csv",
        parameters=query.urlencoded(reason=shown.reason, kind=shown.kind),
        account=account,
        query=query,
        static=STATIC,
    )


def task_page(shown: TaskList, account: Account, query: BoardQuery) -> str:
    """The page of a list of overdue tasks."""
    return template(query.language, "tasks.html").render(
        shown=shown,
        rows=shown.rows[:SHOWN],
        more=max(0, len(shown.rows) - SHOWN),
        file="tasks.csv",
        parameters=query.urlencoded(),
        account=account,
        query=query,
        static=STATIC,
    )
