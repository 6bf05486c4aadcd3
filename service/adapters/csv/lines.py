"""A CSV file as lines of cells: its encoding, and where each line begins. Pure and total: an error is
reported for the line in which the unreadable part begins.

CRMs and Excel save UTF-8 with or without a mark, UTF-16 with one, or windows-1251; cells between `;`, `,` or
tabs; and perhaps a first line `sep=;`.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DELIMITERS: Final = (";", ",", "\t")

LONGEST_LINE: Final = 2**20
"""Characters of one line, including the line breaks inside its cells."""

_REPLACED: Final = "\ufffd"


class Unreadable(ValueError):
    """The file as a whole cannot be read. The text is for a person."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Args:
        number: Of the line in the file, from 1.
        cells: Trimmed; none if the line cannot be read.
        wrong: Why it cannot be read.
    """

    number: int
    cells: tuple[str, ...]
    wrong: str = ""


def encoding_of(body: bytes) -> str:
    """The encoding of a file. Raises `Unreadable` for one that is not known here."""
    if body.startswith(codecs.BOM_UTF8):
        return _sound(body, "utf-8-sig")
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _sound(body, "utf-16")
    try:
        return _sound(body, "utf-8")
    except Unreadable:
        read = body.decode("utf-8", "replace")
        damaged = read.count(_REPLACED)
        sound = len(read) - len(read.encode("ascii", "ignore")) - damaged
        if sound > damaged:
            raise
        return _sound(body, "cp1251")


def _sound(body: bytes, encoding: str) -> str:
    try:
        body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line} cannot be read as {encoding}: save the file as UTF-8") from None
    return encoding


def lines(body: bytes, encoding: str, delimiter: str) -> Iterator[Line]:
    """The lines of a file that are not empty."""
    counted = _Counted(io.TextIOWrapper(io.BytesIO(body), encoding, errors="replace", newline=""))
    reader = csv.reader(counted, delimiter=delimiter, strict=True)
    while True:
        number = counted.number + 1
        counted.length = 0
        try:
            cells = tuple(map(str.strip, next(reader)))
        except StopIteration:
            return
        except (csv.Error, ValueError) as error:
            yield Line(number, (), _explained(str(error)))
            continue
        if any(cells) and not (number == 1 and _says_delimiter(cells)):
            yield Line(number, cells)


class _Counted:
    """The raw lines of a text. Counts them, and the characters since the last line of cells began."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.number = 0
        self.length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.number += 1
        self.length += len(line)
        if self.length > LONGEST_LINE:
            raise ValueError(f"it is longer than {LONGEST_LINE} characters: is a quote not closed?")
        return line


def _explained(error: str) -> str:
    """The parser's error in words for a person."""
    if "end of data" in error:
        return "a quote is opened here and never closed"
    if "expected after" in error:
        return "a quote inside a cell must be doubled"
    if "limit" in error:
        return f"a cell is longer than {csv.field_size_limit()} characters: is a quote not closed?"
    return error


def _says_delimiter(cells: tuple[str, ...]) -> bool:
    """Whether the first line is Excel's hint about the delimiter, which is no line of the table."""
    return cells[0][:4].lower() == "sep=" and len("".join(cells)) <= 5
