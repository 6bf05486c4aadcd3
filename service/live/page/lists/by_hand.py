"""The list of the reasons that were classified by hand: what, by whom, when. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from service import calendar
from service.config import Account, Language
from service.ledger.read.classified_rows import AllClassified
from service.live.board.query import BoardQuery
from service.live.page.lists.listing import Listing
from service.live.page.lists.rows import Rows
from service.live.page.lists.table import ALL, Cells, Column, Order, Table, View, minute_cell
from service.live.text.i18n import translations_of
from service.reasons import Kind


class HandReason(NamedTuple):
    """A reason that was classified by hand.

    Args:
        screen: The name of the screen that it was classified from.
        at: When: ISO, local.
        listed: The kind that the configuration lists it with, which wins; None: in no list.
    """

    reason: str
    kind: Kind
    screen: str
    at: str
    listed: Kind | None


def _cells(_account: Account, language: Language) -> Cells[HandReason]:
    translations = translations_of(language)
    _ = translations.gettext
    return (
        (_("Reason"), lambda row: row.reason),
        (_("Kind"), lambda row: translations.kind(row.listed or row.kind)),
        (_("Who"), lambda row: row.screen),
        (_("When"), lambda row: minute_cell(row.at)),
    )


TABLE: Final[Table[HandReason]] = Table(
    name="reasons",
    columns=(
        Column("reason", "Reason", lambda row: row.reason),
        Column("kind", "Kind", lambda row: row.listed or row.kind),
        Column("screen", "Who", lambda row: row.screen),
        Column("at", "When", lambda row: row.at, is_number=True),
    ),
    order=Order("at", descending=True),
    arrives=True,
    amount=lambda _row: None,
    client=lambda _row: None,
    texts=lambda row: (row.reason, row.screen),
    cells=_cells,
)


def hand_list(
    read: AllClassified, account: Account, query: BoardQuery, view: View = ALL
) -> Listing[HandReason]:
    """What an account has classified by hand, newest first."""
    listed, as_of = account.reasons.kinds, calendar.iso(read.as_of, account.zone)
    rows = [
        HandReason(row.reason, row.kind, row.screen, calendar.iso(row.at, account.zone), listed.get(row.key))
        for row in read.rows
    ]
    title = translations_of(query.language).gettext("Classified reasons")
    return Listing(
        table=TABLE,
        seq=read.seq,
        as_of=as_of,
        rows=Rows(rows, TABLE, view, query.language),
        view=view,
        file_name=f"reasons-{account.id}-{as_of[:10]}",
        named=(title, account.title, as_of[:10]),
    )
