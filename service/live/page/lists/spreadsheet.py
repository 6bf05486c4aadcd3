"""Lists as CSV files that a spreadsheet opens without an import dialog and without running a formula. Pure.

Russian spreadsheets separate cells by semicolons, English ones by commas. Both recognise UTF-8 only by a byte
order mark.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple
from urllib.parse import quote

from service.config import Account, Language
from service.live.board.query import BoardQuery
from service.live.page.lists.listing import Listing
from service.live.page.lists.table import Cell, Row

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


def sheet(listing: Listing[Row], account: Account, query: BoardQuery) -> Sheet:
    """The file with all rows of a list, in its order."""
    return Sheet(_content(listing, account, query.language), _disposition(listing))


def _content(listing: Listing[Row], account: Account, language: Language) -> bytes:
    columns = listing.table.cells(account, language)
    write = csv.writer(_Echo(), delimiter=_SEPARATORS[language], lineterminator="\r\n").writerow

    def line(texts: Iterable[str]) -> bytes:
        written: object = write(texts)
        return str(written).encode()

    header = line(heading for heading, _ in columns)
    rows = listing.rows.lines(lambda row: line(_text(cell(row), language) for _, cell in columns))
    return b"".join((codecs.BOM_UTF8, header, *rows))


class _Echo:
    """Makes a CSV writer return each line."""

    def write(self, line: str) -> str:
        return line


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


def _disposition(listing: Listing[Row]) -> str:
    """A Content-Disposition header with the file's name in ASCII, and in Unicode."""
    full = " – ".join(part for part in listing.named if part)
    full = quote(" ".join(_NOT_IN_FILE_NAMES.sub(" ", full).split())[:_NAME_LENGTH], safe="")
    return f"attachment; filename=\"{listing.file_name}.csv\"; filename*=UTF-8''{full}.csv"
