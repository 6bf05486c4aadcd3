"""Lists of made-up refusals and overdue tasks, their pages and their files."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from service.config import Account, Language
from service.ledger.read.board import BoardRows, LossRow
from service.ledger.read.deal_rows import LostDeal, Refusals
from service.ledger.read.trouble_rows import TroubleRows
from service.ledger.read.unpriced_rows import Unpriced, UnpricedDeal
from service.ledger.write.log import Quarantined
from service.live.board.query import BoardQuery
from service.live.page.lists import list_page, spreadsheet, tasks
from service.live.page.lists import refusals as refusal_lists
from service.live.page.lists.listing import Listing
from service.live.page.lists.refusals import ListFilter, RefusalList
from service.live.page.lists.table import ALL as EVERY
from service.live.page.lists.table import Row, View
from service.live.page.lists.troubles import trouble_list
from service.live.page.lists.unpriced import unpriced_list
from service.model import SECOND, Day, Trouble, earlier
from tests.live.boards import MONTH, NOW, OFFICE, QUERY

TODAY: Final = Day(date(2026, 11, 23).toordinal())
ALL: Final = ListFilter()
NAMES: Final = (
    *(None, "Причина не указана", "No reason given", "Выбрал других", " выбрал ДРУГИХ ", "Дорого", "Спам"),
)
"""The names of reasons; the id of each is its index, and None stands for no reason."""


def deal(number: int, reason_id: str | None = None, amount: int = 100, **fields: object) -> LostDeal:
    """A deal that was lost today."""
    row = LostDeal(
        deal_id=str(number),
        name=f"Сделка {number}",
        client_id="7",
        client="Иван Петров",
        reason_id=reason_id,
        manager_id="3",
        pipeline_id="1",
        amount=amount,
        unconverted=None,
        day=TODAY,
        url=f"https://crm.example/{number}",
    )
    return replace(row, **fields)  # type: ignore[arg-type]  # the fields of a deal


def refusals(*deals: LostDeal, names: Sequence[str | None] = NAMES) -> Refusals:
    """A read of deals whose reasons have these names."""
    sums = []
    for index, name in enumerate(names):
        reason_id = None if name is None else str(index)
        if amounts := [row.amount for row in deals if row.reason_id == reason_id]:
            sums.append(LossRow(reason_id, name, len(amounts), sum(amounts)))

    def with_reasons(reason_ids: Collection[str | None]) -> Iterator[LostDeal]:
        return (row for row in deals if row.reason_id in reason_ids)

    return Refusals(5, NOW, tuple(sums), {"3": "Анна"}, {"1": "Продажи"}, 0, with_reasons)


def refusal_list(
    read: Refusals,
    criteria: ListFilter = ALL,
    query: BoardQuery = QUERY,
    office: Account = OFFICE,
    view: View = EVERY,
) -> RefusalList:
    return refusal_lists.refusal_list(read, criteria, MONTH.current, office, query, view)


def refusal_page(
    read: Refusals, criteria: ListFilter = ALL, query: BoardQuery = QUERY, view: View = EVERY
) -> str:
    return list_page.page(refusal_list(read, criteria, query, view=view), OFFICE, query)


def refusal_sheet(
    read: Refusals, language: Language = "ru", office: Account = OFFICE, view: View = EVERY
) -> spreadsheet.Sheet:
    query = QUERY._replace(language=language)
    return spreadsheet.sheet(refusal_list(read, query=query, office=office, view=view), office, query)


def task_page(rows: BoardRows, query: BoardQuery = QUERY, view: View = EVERY) -> str:
    return list_page.page(tasks.task_list(rows, OFFICE, query, view), OFFICE, query)


def rows_of(listing: Listing[Row]) -> list[Row]:
    """All rows of a list, in its order."""
    return list(listing.rows.lines(lambda row: row))


TROUBLES: Final = TroubleRows(
    seq=5,
    as_of=NOW,
    troubles=(
        Trouble("api_unpaid", "leads", 12, earlier(NOW, 3600 * SECOND), NOW),
        Trouble("requests_refused", "token", 3, earlier(NOW, 60 * SECOND), NOW),
    ),
    quarantined=(Quarantined("office", 17, 2, NOW, "undecodable", "=1+1 <b>не JSON</b>"),),
    repaired=2,
    synced_at=NOW,
)
"""A CRM that is not paid for, refused requests, a delivery in quarantine, and two changes put right."""


def trouble_page(read: TroubleRows = TROUBLES, query: BoardQuery = QUERY) -> str:
    return list_page.page(trouble_list(read, OFFICE, query), OFFICE, query)


def trouble_sheet(read: TroubleRows = TROUBLES, language: Language = "ru") -> spreadsheet.Sheet:
    query = QUERY._replace(language=language)
    return spreadsheet.sheet(trouble_list(read, OFFICE, query), OFFICE, query)


def unpriced_deal(number: int, amount: int | None = None, currency: str | None = None) -> UnpricedDeal:
    """An open deal that counts with amount 0."""
    url = f"https://crm.example/{number}"
    return UnpricedDeal(
        str(number), f"Сделка {number}", "7", "Иван Петров", "3", False, amount, currency, url
    )


def unpriced(*deals: UnpricedDeal) -> Unpriced:
    """A read of deals that count with amount 0."""
    return Unpriced(5, NOW, len(deals), iter(deals), {"3": "Анна"})


def unpriced_page(*deals: UnpricedDeal, query: BoardQuery = QUERY) -> str:
    return list_page.page(unpriced_list(unpriced(*deals), None, OFFICE, query), OFFICE, query)


def unpriced_sheet(*deals: UnpricedDeal, language: Language = "ru") -> spreadsheet.Sheet:
    query = QUERY._replace(language=language)
    return spreadsheet.sheet(unpriced_list(unpriced(*deals), None, OFFICE, query), OFFICE, query)


def task_sheet(rows: BoardRows, language: Language = "ru") -> spreadsheet.Sheet:
    query = QUERY._replace(language=language)
    return spreadsheet.sheet(tasks.task_list(rows, OFFICE, query), OFFICE, query)


def cells(content: bytes, delimiter: str = ";") -> list[list[str]]:
    """The cells of a CSV file, which must begin with a byte order mark."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter))
