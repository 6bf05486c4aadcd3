"""One line of a CSV file as a change of a deal or a task. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from service.adapters.csv import values
from service.adapters.csv.columns import Columns
from service.adapters.csv.lines import Line
from service.adapters.fields import (
    identifier,
    loss_reason,
    optional_identifier,
    optional_text,
    phone_number,
    refuse_future,
    web_address,
)
from service.config import Account
from service.model import ID_LENGTH, UNDATED, Change, Instant, Value, earlier
from service.money import parse_amount
from service.reasons import reason_key

_T = TypeVar("_T")
_Fields: TypeAlias = dict[str, Value]
_LINKED: Final[tuple[Literal["client", "manager", "pipeline"], ...]] = ("client", "manager", "pipeline")


class WrongCell(ValueError):
    """What is wrong with a cell, or with the whole line.

    Args:
        column: One of `Columns.places`; empty for the whole line.
    """

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


@dataclass(frozen=True, slots=True)
class Context:
    """What the lines of a file have in common.

    Args:
        zone: Of times without an offset.
        imported_at: When the file was imported. No fact is dated later.
    """

    columns: Columns
    account: Account
    zone: ZoneInfo
    imported_at: Instant


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """What a line says.

    Args:
        named: The changes that name what the deal or task links to.
        unknown_status: Its status, if that is not known and so counts as open.
    """

    change: Change
    named: tuple[Change, ...]
    unknown_status: str | None


class Row:
    """The cells of a line, by column. Raises `WrongCell` for a line that has other cells than columns."""

    def __init__(self, columns: Columns, line: Line) -> None:
        width = len(columns.names)
        cells = line.cells
        while len(cells) > width and not cells[-1]:
            cells = cells[:-1]
        if line.wrong or len(cells) != width:
            raise WrongCell("", line.wrong or f"it has {len(cells)} cells, and the first line has {width}")
        self._places = columns.places
        self._cells = cells

    def has(self, *columns: str) -> bool:
        """Whether the file has one of some columns."""
        return any(column in self._places for column in columns)

    def text(self, column: str) -> str:
        """The cell of a column; of several, the first that is not empty. Empty without the column."""
        return next((text for place in self._places.get(column, ()) if (text := self._cells[place])), "")

    def read(self, column: str, read_text: Callable[[str], _T]) -> _T:
        """What `read_text` makes of a column's cell. Raises `WrongCell` where that raises `ValueError`."""
        try:
            return read_text(self.text(column))
        except ValueError as error:
            raise WrongCell(column, str(error)) from None

    def field(self, column: str, read_text: Callable[[str], Value]) -> _Fields:
        """The field of the same name as a column; nothing without the column."""
        return {column: self.read(column, read_text)} if self.has(column) else {}

    def id(self) -> str:
        """The id of the deal or task."""
        return self.read("id", lambda text: identifier(values.refuse_rounded(text)))


def parse_row(entity_id: str, row: Row, context: Context) -> ParsedRow:
    """What a line says. Raises `WrongCell`."""
    version = _version(row, context)
    if context.columns.kind == "deal":
        return _deal(entity_id, row, version, context)
    return _task(entity_id, row, version, context)


def _version(row: Row, context: Context) -> Instant:
    changed_at = _moment(row, "changed", context)
    if changed_at is None:
        return UNDATED
    latest = context.imported_at
    return row.read("changed", lambda _: earlier(min(refuse_future(changed_at, latest), latest), 1))


def _deal(deal_id: str, row: Row, version: Instant, context: Context) -> ParsedRow:
    status, is_known = row.read("status", values.status)
    fields: _Fields = {"known": True, "status": status, **_money(row, context.account.currency)}
    fields |= row.field("name", optional_text) | row.field("url", web_address)
    # Of an open deal some exports have the day that is hoped for.
    if row.has("closed_at") and status != "open":
        fields["closed_at"] = _moment(row, "closed_at", context)
    if status == "lost" and fields.get("closed_at") is None and version == UNDATED:
        raise WrongCell("closed_at", "a lost deal needs the day on which it was closed")
    reason_named: tuple[Change, ...] = ()
    if status == "lost" and row.has("reason"):
        reason, reason_named = loss_reason(row.text("reason"), version)
        fields |= reason
    links, named = _links(row, version)
    change = Change("deal", deal_id, version, fields | links)
    return ParsedRow(change, (*reason_named, *named), None if is_known else row.text("status"))


def _task(task_id: str, row: Row, version: Instant, context: Context) -> ParsedRow:
    fields: _Fields = {"due_at": _moment(row, "due_at", context, ends=True)}
    fields |= row.field("text", optional_text) | row.field("url", web_address)
    fields |= row.field("deal_id", _linked_id)
    completed_at = _moment(row, "completed_at", context)
    is_known = True
    if row.has("completed"):
        fields["completed"], is_known = values.completed(row.text("completed"))
    elif row.has("completed_at"):
        fields["completed"] = completed_at is not None
    if row.has("completed_at"):
        fields["completed_at"] = completed_at
    links, named = _links(row, version)
    change = Change("task", task_id, version, fields | links)
    return ParsedRow(change, named, None if is_known else row.text("completed"))


def _money(row: Row, account_currency: str) -> _Fields:
    fields = row.field("currency", lambda text: values.currency(text) if text else None)
    if not row.text("amount"):
        return {**fields, "amount": None}
    number, sign = row.read("amount", values.amount)
    if sign is not None:
        if fields.get("currency") not in (None, sign):
            raise WrongCell("amount", "its currency is not that of the line")
        fields["currency"] = sign
    currency = str(fields.get("currency") or account_currency)
    return {**fields, "amount": row.read("amount", lambda _: parse_amount(number, currency))}


def _moment(row: Row, column: str, context: Context, *, ends: bool = False) -> Instant | None:
    return row.read(column, lambda text: values.moment(text, context.zone, ends=ends))


def _linked_id(text: str) -> str | None:
    return optional_identifier(values.refuse_rounded(text))


def _links(row: Row, version: Instant) -> tuple[_Fields, tuple[Change, ...]]:
    """The fields that link to a client, manager and pipeline, each by its id or else by its name; and the
    changes that name those."""
    fields: _Fields = {}
    named: list[Change] = []
    for entity in _LINKED:
        column = f"{entity}_id"
        if not row.has(entity, column):
            continue
        name = optional_text(row.text(entity))
        linked_id = row.read(column, _linked_id)
        if linked_id is None and name is not None and (key := reason_key(name)):
            linked_id = f"name:{key}"[:ID_LENGTH]
        fields[column] = linked_id
        told: _Fields = {} if name is None else {"name": name}
        if entity == "client":
            told |= row.field("phone", phone_number)
        if linked_id is not None and told:
            named.append(Change(entity, linked_id, version, told))
    return fields, tuple(named)
