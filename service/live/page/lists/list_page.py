"""The pages of the lists. They have no JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

from service.config import Account
from service.live.board.query import BoardQuery
from service.live.board.snapshot import KINDS
from service.live.page.environment import template
from service.live.page.lists.listing import Listing
from service.live.page.lists.refusals import RefusalList
from service.live.page.lists.table import Order
from service.live.text.formats import long_day
from service.live.text.i18n import translations_of

ROWS_SHOWN: Final = 500
"""The number of rows that a page shows; the CSV file has all of them."""

STATIC: Final = "../../static"
"""Where `render.STATIC` is served, relative to the page's address."""

_IN_THE_FORM: Final = ("q", "kind", "reason")
"""The parameters that the form of a list gives, and with a scope its two; it keeps all others."""


class Head(NamedTuple):
    """The head of a column.

    Args:
        address: Of the list in the order of the column; in the other direction if it has that order already.
        order: The direction of the rows by this column; None if they are in the order of another.
    """

    text: str
    address: str
    order: Literal["ascending", "descending"] | None
    is_number: bool


def page(listing: Listing[Any], account: Account, query: BoardQuery) -> str:
    """The page of a list: its first rows, and the number of the others."""
    own = {**listing.view.parameters(), **listing.parameters}

    def address(**changes: str | None) -> str:
        return query.urlencoded(**{**own, **changes})

    scope = ("manager", "pipeline") if listing.scope else ()
    narrowed = [value for name, value in own.items() if name not in ("order", "desc")]
    rows = listing.rows.first(ROWS_SHOWN)
    total = listing.total
    return template(query.language, f"{listing.table.name}.html").render(
        listing=listing,
        rows=rows,
        total=total,
        more=max(0, total.count - ROWS_SHOWN),
        heads=list(_heads(listing, query, address)),
        address=address,
        parameters=address(),
        kept=parse_qsl(address(**dict.fromkeys((*_IN_THE_FORM, *scope)))),
        chosen=any(narrowed) or (bool(scope) and query.is_filtered),
        kinds=KINDS,
        unknown=_unknown(listing, query),
        account=account,
        query=query,
        static=STATIC,
    )


def _unknown(listing: Listing[Any], query: BoardQuery) -> str | None:
    """Why an empty list says nothing; None if it says that there is nothing."""
    gettext = translations_of(query.language).gettext
    if not listing.known.heard:
        return gettext(
            "Nothing has come from the CRM yet, so there are no figures. "
            "The board fills by itself the moment something does."
        )
    first = listing.known_from
    if isinstance(listing, RefusalList) and first is not None and listing.last < first:
        day = long_day(first, listing.last, query.language)
        return gettext("No data for this period: the data begins on %(day)s", day=day)
    return None


def _heads(listing: Listing[Any], query: BoardQuery, address: Callable[..., str]) -> Iterator[Head]:
    translate, usual = translations_of(query.language).gettext, listing.table.order
    now = listing.view.order or usual
    for column in listing.table.columns:
        mine = now if now is not None and now.column == column.name else None
        then = Order(column.name, column.is_number if mine is None else not mine.descending)
        asked = (None, None) if then == usual else (then.column, "1" if then.descending else None)
        yield Head(
            translate(column.heading),
            address(order=asked[0], desc=asked[1]),
            None if mine is None else "descending" if mine.descending else "ascending",
            column.is_number,
        )
