"""A CSV file of deals or tasks, for a start without an API token: everything that its lines say. Pure and
total.

A file is a delivery, stored raw and decoded again whenever a webhook would be. Its facts are dated by its own
column of the last change: a moment before that time, so that a webhook of the same change wins, and never
later than the import. Without such a column they are older than any others. So a file fills in what nothing
else has said, and never wins over a webhook that came after the export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from service.adapters.csv.columns import Columns, Kind, columns_of
from service.adapters.csv.lines import DELIMITERS, Line, Unreadable, encoding_of, lines
from service.adapters.csv.rows import Context, Row, WrongCell, parse_row
from service.adapters.fields import digest, one_line, printable
from service.config import Account, zone
from service.model import Change, Decoded, Entity, Rejection, Request

TIMEZONE: Final = "timezone"
"""The header under which a stored file keeps the zone of its times."""

MOST_BAD: Final = 100
"""Bad lines that are reported; the others are only counted."""

PROGRESS_LINES: Final = 1_000
"""Lines between two calls of `Progress`."""

Progress = Callable[[int], None]
"""Called with the number of lines that are read."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """What is wrong with a line.

    Args:
        number: Of the line in the file, from 1; 0 for the file as a whole.
        column: Its name in the file; empty for the line as a whole.
    """

    number: int
    column: str
    problem: str

    def __str__(self) -> str:
        where = f"line {self.number}, {self.column}" if self.column else f"line {self.number}"
        return f"{where}: {self.problem}" if self.number else self.problem


@dataclass(slots=True)
class ParsedFile:
    """Everything that a file says.

    Args:
        entities: How many deals or tasks it has.
        bad: The first `MOST_BAD` bad lines, of `bad_lines`.
        ignored: The names of its unknown columns.
        taken_as_open: Its unknown statuses, in the order in which they come.
    """

    kind: Kind = "deal"
    entities: int = 0
    changes: list[Change] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    bad_lines: int = 0
    ignored: tuple[str, ...] = ()
    taken_as_open: dict[str, None] = field(default_factory=dict)

    def reject(self, bad: BadLine) -> None:
        """Count a bad line."""
        self.bad_lines += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(bad)


def decode(request: Request, account: Account) -> Decoded:
    """What a stored file says, in the same way as `Adapter.decode`; each bad line is a rejection. The same
    file again is a duplicate, because its digest is the key."""
    parsed = read(request, account)
    rejections = tuple(Rejection(bad.number, one_line(ValueError(str(bad)))) for bad in parsed.bad)
    return Decoded(digest(request.body), tuple(parsed.changes), rejections)


def read(request: Request, account: Account, progress: Progress = lambda _lines: None) -> ParsedFile:
    """Read a file: the body, `received_at` (when it was imported) and the header `TIMEZONE`."""
    parsed = ParsedFile()
    try:
        columns, following = _open(request.body)
        columns.require()
    except Unreadable as error:
        parsed.reject(BadLine(0, "", str(error)))
        return parsed
    parsed.kind, parsed.ignored = columns.kind, tuple(map(printable, columns.ignored))
    table = _Table(Context(columns, account, zone(request.headers[TIMEZONE]), request.received_at), parsed)
    for line in following:
        table.add(line)
        if line.number % PROGRESS_LINES == 0:
            progress(line.number)
    parsed.changes.extend(table.names.values())
    return parsed


def _open(body: bytes) -> tuple[Columns, Iterator[Line]]:
    """The columns of a file, by the delimiter that finds most of them in its first line, and the other lines.

    Raises:
        Unreadable: There is no first line.
    """
    encoding = encoding_of(body)
    attempts = [lines(body, encoding, delimiter) for delimiter in DELIMITERS]
    firsts = [next(following, None) for following in attempts]
    candidates = [
        (columns_of(first.cells), following)
        for first, following in zip(firsts, attempts, strict=True)
        if first and first.cells
    ]
    if not candidates:
        first = firsts[0]
        raise Unreadable(str(BadLine(first.number, "", first.wrong)) if first else "the file is empty")
    return max(candidates, key=lambda candidate: (len(candidate[0].places), len(candidate[0].names)))


class _Table:
    """Collects what the lines say into a `ParsedFile`.

    `names` holds the changes that name clients, managers, reasons and pipelines: each once, by its newest
    line.
    """

    def __init__(self, context: Context, parsed: ParsedFile) -> None:
        self._context = context
        self._parsed = parsed
        self._numbers: dict[str, int] = {}
        self.names: dict[tuple[Entity, str], Change] = {}

    def add(self, line: Line) -> None:
        """Add one line."""
        try:
            row = Row(self._context.columns, line)
            parsed = parse_row(self._new_id(row, line), row, self._context)
        except WrongCell as error:
            self._parsed.reject(BadLine(line.number, self._context.columns.name_of(error.column), str(error)))
            return
        self._parsed.entities += 1
        self._parsed.changes.append(parsed.change)
        if parsed.unknown_status is not None:
            self._parsed.taken_as_open.setdefault(printable(parsed.unknown_status))
        for change in parsed.named:
            known = self.names.get((change.entity, change.id))
            if known is None or known.version <= change.version:
                self.names[change.entity, change.id] = change

    def _new_id(self, row: Row, line: Line) -> str:
        """The id of a line's deal or task. Raises `WrongCell` for one that an earlier line has."""
        entity_id = row.id()
        if (earlier := self._numbers.setdefault(entity_id, line.number)) != line.number:
            raise WrongCell("id", f"line {earlier} has the same id")
        return entity_id
