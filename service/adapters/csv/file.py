"""A CSV file of deals or tasks, for a start without an API token: what its lines say. Pure, and total.

A file is a delivery like any other, stored raw and decoded again whenever a webhook would be. Its facts are
dated by its own column of the last change: a moment before that, so that a webhook of the same change stands,
and never later than the import. Without such a column they are older than any other. So a file fills in what
nobody has told, and wins over no webhook that came after it was exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from service.adapters.csv import values
from service.adapters.csv.columns import Columns, Kind, columns_of
from service.adapters.csv.lines import DELIMITERS, Line, Unreadable, encoding_of, lines
from service.adapters.fields import (
    digest,
    identifier,
    loss_reason,
    one_line,
    optional_identifier,
    optional_text,
    printable,
    refuse_future,
    web_address,
)
from service.calendar import parse_instant
from service.config import Account, zone
from service.model import ID_LENGTH, Change, Decoded, Entity, Instant, Rejection, Request, Value
from service.money import parse_amount
from service.reasons import reason_key

_T = TypeVar("_T")

TIMEZONE: Final = "timezone"
"""The header under which a stored file keeps the zone that its times are in."""

OLDEST: Final = parse_instant("2000-01-01T00:00:00Z")
"""The version of what a file does not date."""

MOST_BAD: Final = 100
"""Bad lines that are told; the others are counted."""

TOLD_EVERY: Final = 1_000
"""Lines between two words of progress."""

Progress = Callable[[int], None]
"""Told how many lines of the file are read."""


@dataclass(frozen=True, slots=True)
class Bad:
    """What is wrong with a line.

    Args:
        number: The line's in the file, from 1; 0 for the file as a whole.
        column: As the file calls it; empty for the line as a whole.
    """

    number: int
    column: str
    what: str

    def __str__(self) -> str:
        where = f"line {self.number}, {self.column}" if self.column else f"line {self.number}"
        return f"{where}: {self.what}" if self.number else self.what


@dataclass(slots=True)
class Read:
    """What a file says.

    Args:
        entities: Deals or tasks, as `kind` says.
        bad: The first `MOST_BAD` bad lines, of `bad_lines`.
        ignored: Columns that are not known here.
        taken_as_open: Statuses that are not known here, in the order in which they come.
    """

    kind: Kind = "deal"
    entities: int = 0
    changes: list[Change] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    bad_lines: int = 0
    ignored: tuple[str, ...] = ()
    taken_as_open: dict[str, None] = field(default_factory=dict)

    def refuse(self, bad: Bad) -> None:
        """Count a bad line."""
        self.bad_lines += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(bad)


def decode(request: Request, account: Account) -> Decoded:
    """What a stored file says, as `Adapter.decode` has it; each bad line is a rejection."""
    found = read(request, account)
    rejections = tuple(Rejection(each.number, one_line(ValueError(str(each)))) for each in found.bad)
    return Decoded(key_of(request.body), tuple(found.changes), rejections)


def key_of(body: bytes) -> str:
    """The delivery's key: the same file again is known as a repeat."""
    return digest(body)


def read(request: Request, account: Account, progress: Progress = lambda _lines: None) -> Read:
    """Read a file: its body, `received_at` (when it was imported) and the header `TIMEZONE`."""
    found = Read()
    try:
        columns, following = _opened(request.body)
        columns.require()
    except Unreadable as error:
        found.refuse(Bad(0, "", str(error)))
        return found
    found.kind, found.ignored = columns.kind, tuple(map(printable, columns.ignored))
    table = _Table(columns, account, zone(request.headers[TIMEZONE]), request.received_at, found)
    for line in following:
        table.add(line)
        if line.number % TOLD_EVERY == 0:
            progress(line.number)
    found.changes.extend(table.named.values())
    return found


def _opened(body: bytes) -> tuple[Columns, Iterator[Line]]:
    """The columns of a file, by the delimiter that makes most sense of its first line, and the other lines.

    Raises:
        Unreadable: There is no first line.
    """
    encoding = encoding_of(body)
    tried = [
        (following, next(following, None))
        for following in (lines(body, encoding, each) for each in DELIMITERS)
    ]
    found = [(columns_of(first.cells), following) for following, first in tried if first and first.cells]
    if not found:
        first = tried[0][1]
        raise Unreadable(str(Bad(first.number, "", first.wrong)) if first else "the file is empty")
    return max(found, key=lambda each: (len(each[0].places), len(each[0].names)))


class _Wrong(ValueError):
    """What is wrong with a cell; `column` is one of `Columns.places`, or none."""

    def __init__(self, column: str, what: str) -> None:
        super().__init__(what)
        self.column = column


class _Row:
    """The cells of a line, by column."""

    def __init__(self, columns: Columns, line: Line) -> None:
        self._places = columns.places
        self._cells = line.cells

    def has(self, *columns: str) -> bool:
        """Whether the file has one of some columns."""
        return any(column in self._places for column in columns)

    def text(self, column: str) -> str:
        """A column's cell; of several, the first with something in it. Empty without the column."""
        return next((text for place in self._places.get(column, ()) if (text := self._cells[place])), "")


class _Table:
    """Takes lines, and makes changes of them.

    Args:
        found: Takes what the lines say, and what is wrong with them.
    """

    def __init__(
        self, columns: Columns, account: Account, in_zone: ZoneInfo, imported_at: Instant, found: Read
    ) -> None:
        self._columns = columns
        self._account = account
        self._zone = in_zone
        self._imported_at = imported_at
        self._found = found
        self._numbers: dict[str, int] = {}
        self.named: dict[tuple[Entity, str], Change] = {}
        """What names clients, managers, reasons and pipelines: each once, by its newest line."""

    def add(self, line: Line) -> None:
        """Take one line."""
        try:
            self._found.changes.append(self._change(line))
            self._found.entities += 1
        except _Wrong as wrong:
            places = self._columns.places.get(wrong.column)
            column = printable(self._columns.names[places[0]]) if places else ""
            self._found.refuse(Bad(line.number, column, str(wrong)))

    def _change(self, line: Line) -> Change:
        width = len(self._columns.names)
        cells = line.cells
        while len(cells) > width and not cells[-1]:
            cells = cells[:-1]
        if line.wrong or len(cells) != width:
            raise _Wrong("", line.wrong or f"it has {len(cells)} cells, and the first line {width}")
        row = _Row(self._columns, line)
        each = _of("id", lambda: identifier(values.refuse_rounded(row.text("id"))))
        if (earlier := self._numbers.setdefault(each, line.number)) != line.number:
            raise _Wrong("id", f"it is that of line {earlier}, too")
        version = self._version(row)
        return Change(
            self._columns.kind,
            each,
            version,
            self._deal(row, version) if self._columns.kind == "deal" else self._task(row, version),
        )

    def _version(self, row: _Row) -> Instant:
        changed = self._moment(row, "changed")
        if changed is None:
            return OLDEST
        return _of("changed", lambda: min(refuse_future(changed, self._imported_at), self._imported_at) - 1)

    def _deal(self, row: _Row, version: Instant) -> dict[str, Value]:
        status, known = _of("status", lambda: values.status(row.text("status")))
        if not known:
            self._found.taken_as_open.setdefault(printable(row.text("status")))
        fields: dict[str, Value] = {"known": True, "status": status, **self._money(row)}
        if row.has("name"):
            fields["name"] = optional_text(row.text("name"))
        if row.has("url"):
            fields["url"] = web_address(row.text("url"))
        if (
            row.has("closed_at") and status != "open"
        ):  # of an open deal some exports have the day it is hoped for
            fields["closed_at"] = self._moment(row, "closed_at")
        if status == "lost":
            if fields.get("closed_at") is None and version == OLDEST:
                raise _Wrong("closed_at", "a lost deal needs the day on which it was closed")
            if row.has("reason"):
                reason, named = loss_reason(row.text("reason"), version)
                fields |= reason
                self._name(*named)
        self._link(row, fields, "client", version)
        self._link(row, fields, "manager", version)
        self._link(row, fields, "pipeline", version)
        return fields

    def _task(self, row: _Row, version: Instant) -> dict[str, Value]:
        fields: dict[str, Value] = {"due_at": self._moment(row, "due_at", ends=True)}
        if row.has("text"):
            fields["text"] = optional_text(row.text("text"))
        if row.has("deal_id"):
            fields["deal_id"] = _of(
                "deal_id", lambda: optional_identifier(values.refuse_rounded(row.text("deal_id")))
            )
        if row.has("url"):
            fields["url"] = web_address(row.text("url"))
        completed_at = self._moment(row, "completed_at")
        if row.has("completed"):
            completed, known = values.completed(row.text("completed"))
            if not known:
                self._found.taken_as_open.setdefault(printable(row.text("completed")))
            fields["completed"] = completed
        elif row.has("completed_at"):
            fields["completed"] = completed_at is not None
        if row.has("completed_at"):
            fields["completed_at"] = completed_at
        self._link(row, fields, "client", version)
        self._link(row, fields, "manager", version)
        return fields

    def _money(self, row: _Row) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        if row.has("currency"):
            written = row.text("currency")
            fields["currency"] = _of("currency", lambda: values.currency(written)) if written else None
        if not row.text("amount"):
            return {**fields, "amount": None}
        number, sign = _of("amount", lambda: values.amount(row.text("amount")))
        if sign is not None:
            if fields.get("currency") not in (None, sign):
                raise _Wrong("amount", "its currency is not that of the line")
            fields["currency"] = sign
        currency = str(fields.get("currency") or self._account.currency)
        return {**fields, "amount": _of("amount", lambda: parse_amount(number, currency))}

    def _moment(self, row: _Row, column: str, *, ends: bool = False) -> Instant | None:
        return _of(column, lambda: values.moment(row.text(column), self._zone, ends=ends))

    def _link(
        self,
        row: _Row,
        fields: dict[str, Value],
        entity: Literal["client", "manager", "pipeline"],
        version: Instant,
    ) -> None:
        """Set the field that links to a client, manager or pipeline, by its id or else by its name."""
        column = f"{entity}_id"
        if not row.has(entity, column):
            return
        name = optional_text(row.text(entity))
        linked = _of(column, lambda: optional_identifier(values.refuse_rounded(row.text(column))))
        if linked is None and name is not None and (key := reason_key(name)):
            linked = f"name:{key}"[:ID_LENGTH]
        fields[column] = linked
        if linked is not None and name is not None:
            self._name(Change(entity, linked, version, {"name": name}))

    def _name(self, *changes: Change) -> None:
        for change in changes:
            held = self.named.get((change.entity, change.id))
            if held is None or held.version <= change.version:
                self.named[change.entity, change.id] = change


def _of(column: str, read_cell: Callable[[], _T]) -> _T:
    """What reading a cell gives. Raises `_Wrong` where that raises `ValueError`."""
    try:
        return read_cell()
    except ValueError as error:
        raise _Wrong(column, str(error)) from None
