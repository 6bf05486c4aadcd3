"""Lists as CSV files that a spreadsheet opens without an import dialog and without running a formula. Pure.

Russian spreadsheets separate cells by semicolons, English ones by commas. Both recognise UTF-8 only by a byte
order mark.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import quote

from service.config import Account, Language
from service.live.board.query import BoardQuery
from service.live.page.lists import OverdueTask, Refusal, RefusalList, TaskList
from service.live.page.trouble_list import TroubleList, TroubleRow
from service.live.page.unpriced_list import UnpricedList, UnpricedRow
from service.live.text.formats import NO_BREAK
from service.live.text.i18n import translations_of

Cell: TypeAlias = str | Decimal | None
"""Text, an amount of money, or an empty cell."""

Row = TypeVar("Row")

_Columns: TypeAlias = Sequence[tuple[str, Callable[[Row], Cell]]]
"""The columns of a file: each heading, and the function that makes the cell of a row."""

_SEPARATORS: Final[dict[Language, str]] = {"ru": ";", "en": ","}
_POINTS: Final[dict[Language, str]] = {"ru": ",", "en": "."}
"""The decimal separators. A spreadsheet reads a number with the wrong one as text, or as a date."""

_FORMULA: Final = frozenset("=+-@\u2212\t\r\n")
"""The characters that begin a formula (U+2212 is the minus sign), or that spreadsheets skip before one."""

_INVISIBLE: Final = frozenset({"Cc", "Cf"})
"""Unicode's categories of characters without a picture. Spaces are skipped too."""

_NOT_IN_FILE_NAMES: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_NAME_LENGTH: Final = 120


class Sheet(NamedTuple):
    """A CSV file.

    Args:
        disposition: The Content-Disposition header.
    """

    content: bytes
    disposition: str


def refusal_sheet(listing: RefusalList, account: Account, query: BoardQuery) -> Sheet:
    """The file with all refusals of a list."""
    translations = translations_of(query.language)
    _ = translations.gettext
    columns: _Columns[Refusal] = [
        (_("Lost on"), lambda row: row.day),
        (_("Client"), lambda row: row.client),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Reason"), lambda row: row.reason),
        (_("Kind"), lambda row: translations.kind(row.kind)),
        (_("Manager"), lambda row: row.manager),
        (_("Pipeline"), lambda row: row.pipeline),
        (_("Amount"), lambda row: Decimal(row.amount)),
        (_("Currency"), lambda _row: account.currency),
        (_("Link"), lambda row: row.url),
    ]
    days = (listing.first, listing.last)
    kind = translations.kind(listing.kind) if listing.kind else None
    criteria = (kind, listing.reason, listing.manager, listing.pipeline)
    plain = "-".join(("refusals", account.id, *days))
    name = (_("Lost deals"), account.title, *criteria, *days)
    return _sheet(columns, listing.rows, query.language, plain, name)


def task_sheet(listing: TaskList, account: Account, query: BoardQuery) -> Sheet:
    """The file with all tasks of a list."""
    _ = translations_of(query.language).gettext
    columns: _Columns[OverdueTask] = [
        (_("Client"), lambda row: row.client),
        (_("Task"), lambda row: row.text),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Manager"), lambda row: row.manager),
        (_("Due"), lambda row: _minute(row.due_at)),
        (_("Overdue by"), lambda row: row.overdue.replace(NO_BREAK, " ")),
        (_("Amount"), lambda row: None if row.amount is None else Decimal(row.amount)),
        (_("Currency"), lambda row: None if row.amount is None else account.currency),
        (_("Link"), lambda row: row.url),
    ]
    day = listing.as_of[:10]
    name = (_("Overdue tasks"), account.title, listing.manager, listing.pipeline, day)
    return _sheet(columns, listing.rows, query.language, f"overdue-tasks-{account.id}-{day}", name)


def unpriced_sheet(listing: UnpricedList, account: Account, query: BoardQuery) -> Sheet:
    """The file with all deals that count with amount 0."""
    _ = translations_of(query.language).gettext
    columns: _Columns[UnpricedRow] = [
        (_("Client"), lambda row: row.client),
        (_("Deal"), lambda row: row.deal),
        (_("Deal number"), lambda row: row.deal_id),
        (_("Status"), lambda row: _("lost") if row.lost else _("open")),
        (_("Manager"), lambda row: row.manager),
        (_("Amount"), lambda row: None if row.amount is None else Decimal(row.amount)),
        (_("Currency"), lambda row: row.currency),
        (_("Link"), lambda row: row.url),
    ]
    day = listing.as_of[:10]
    name = (_("Deals that count as 0"), account.title, listing.currency, day)
    return _sheet(columns, listing.rows, query.language, f"unpriced-{account.id}-{day}", name)


def trouble_sheet(listing: TroubleList, account: Account, query: BoardQuery) -> Sheet:
    """The file with all that is wrong."""
    _ = translations_of(query.language).gettext
    columns: _Columns[TroubleRow] = [
        (_("Problem"), lambda row: row.what),
        (_("About"), lambda row: row.about),
        (_("Times"), lambda row: Decimal(row.count)),
        (_("Since"), lambda row: _minute(row.since)),
        (_("Last"), lambda row: _minute(row.last_at)),
        (_("Delivery"), lambda row: None if row.delivery is None else Decimal(row.delivery)),
    ]
    day = listing.as_of[:10]
    name = (_("What is wrong"), account.title, day)
    return _sheet(columns, listing.rows, query.language, f"troubles-{account.id}-{day}", name)


def _minute(at: str | None) -> str | None:
    """A moment as spreadsheets read it."""
    return None if at is None else at[:16].replace("T", " ")


def _sheet(
    columns: _Columns[Row], rows: Iterable[Row], language: Language, plain: str, name: Sequence[str | None]
) -> Sheet:
    """The file with all rows of a list.

    Args:
        plain: The file's name in ASCII, without its ending.
        name: The parts of its name in the reader's language.
    """
    return Sheet(_content(columns, rows, language), _disposition(plain, name))


def _content(columns: _Columns[Row], rows: Iterable[Row], language: Language) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=_SEPARATORS[language], lineterminator="\r\n")
    writer.writerow(heading for heading, _ in columns)
    writer.writerows([_text(cell(row), language) for _, cell in columns] for row in rows)
    return file.getvalue().encode("utf-8-sig")


def _text(cell: Cell, language: Language) -> str:
    if isinstance(cell, Decimal):
        return f"{cell:f}".replace(".", _POINTS[language])
    return harmless(cell or "")


def harmless(text: str) -> str:
    """Text that a spreadsheet does not run: a text that could be a formula gets an apostrophe before it.

    A text could be one if its first visible character begins a formula, as it stands or in the form that
    Unicode's NFKC gives it: spreadsheets with an East Asian keyboard take `＝` for `=`.
    """
    for character in text:
        if unicodedata.normalize("NFKC", character)[0] in _FORMULA:
            return f"'{text}"
        if not character.isspace() and unicodedata.category(character) not in _INVISIBLE:
            break
    return text


def _disposition(plain: str, parts: Sequence[str | None]) -> str:
    """A Content-Disposition header with an ASCII file name, and a Unicode one made of `parts`."""
    full = " ".join(_NOT_IN_FILE_NAMES.sub(" ", " – ".join(part for part in parts if part)).split())
    return f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(full[:_NAME_LENGTH], safe='')}.csv"
