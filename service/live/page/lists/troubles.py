"""The list of what is wrong with an account: the troubles with its CRM, and what is in quarantine. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from service import calendar
from service.config import Account, Language
from service.ledger.read.trouble_rows import TroubleRows
from service.live.board.query import BoardQuery
from service.live.page.lists.listing import Listing
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Table, View, minute_cell
from service.live.text.i18n import translations_of
from service.live.text.warnings import Warned, cause_text, warning_text
from service.model import Instant, Trouble


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """One thing that is wrong.

    Args:
        what: In words, with what to do.
        about: What of the CRM it is about, or why a delivery could not be read; empty where `what` says all.
        since: When it began or came: ISO, local; `last_at` likewise when it was last.
        delivery: The number of the delivery in quarantine.
    """

    what: str
    about: str
    count: int
    since: str | None
    last_at: str | None
    delivery: int | None = None


def _cells(_account: Account, language: Language) -> Cells[TroubleRow]:
    _ = translations_of(language).gettext
    return (
        (_("Problem"), lambda row: row.what),
        (_("About"), lambda row: row.about),
        (_("Times"), lambda row: Decimal(row.count)),
        (_("Since"), lambda row: minute_cell(row.since)),
        (_("Last"), lambda row: minute_cell(row.last_at)),
        (_("Delivery"), lambda row: None if row.delivery is None else Decimal(row.delivery)),
    )


TABLE: Final[Table[TroubleRow]] = Table(
    name="troubles",
    columns=(
        Column("what", "Problem", lambda row: row.what),
        Column("about", "About", lambda row: row.about or None),
        Column("count", "Times", lambda row: row.count, is_number=True),
        Column("since", "Since", lambda row: row.since, is_number=True),
        Column("last", "Last", lambda row: row.last_at, is_number=True),
        Column("delivery", "Delivery", lambda row: row.delivery, is_number=True),
    ),
    order=None,
    arrives=True,
    amount=lambda _row: None,
    client=lambda _row: None,
    texts=lambda row: (row.what, row.about),
    cells=_cells,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleList(Listing[TroubleRow]):
    """What is wrong. `quarantined`: how many rows are deliveries in quarantine."""

    quarantined: int


def trouble_list(read: TroubleRows, account: Account, query: BoardQuery, view: View = ALL) -> TroubleList:
    """What is wrong, in the language of a query."""
    as_of, language = calendar.iso(read.as_of, account.zone), query.language
    rows = [_trouble(trouble, as_of[:10], account, language) for trouble in read.troubles]
    if read.repaired:
        text = warning_text(Warned("missed", read.repaired), as_of[:10], language)
        rows.append(TroubleRow(text, "", read.repaired, _iso(read.synced_at, account), None))
    rows += _quarantined(read, account, language)
    day, title = as_of[:10], translations_of(language).gettext("What is wrong")
    return TroubleList(
        table=TABLE,
        seq=read.seq,
        as_of=as_of,
        rows=Rows(rows, TABLE, view, language),
        view=view,
        file_name=f"troubles-{account.id}-{day}",
        named=(title, account.title, day),
        quarantined=len(read.quarantined),
    )


def _trouble(trouble: Trouble, day: str, account: Account, language: Language) -> TroubleRow:
    since, last_at = _iso(trouble.since, account), _iso(trouble.last_at, account)
    warned = Warned(trouble.code, trouble.count, since, last_at, trouble.subject)
    about = trouble.subject
    if trouble.code == "requests_refused":
        about = cause_text(trouble.subject, language)
    return TroubleRow(warning_text(warned, day, language), about, trouble.count, since, last_at)


def _quarantined(read: TroubleRows, account: Account, language: Language) -> Iterator[TroubleRow]:
    what = translations_of(language).gettext("Unreadable, so not in the figures")
    for part in read.quarantined:
        received_at = _iso(part.received_at, account)
        yield TroubleRow(what, f"{part.error}: {part.detail}", 1, received_at, received_at, part.number)


def _iso(moment: Instant | None, account: Account) -> str | None:
    return None if moment is None else calendar.iso(moment, account.zone)
