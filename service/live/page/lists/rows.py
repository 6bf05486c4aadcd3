"""The rows of a list in the order that was asked for, counted as they pass. Pure.

A page keeps only the rows that it shows, however many there are. A file keeps each row as the line that it
becomes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import Generic, TypeAlias, TypeVar

from service.config import Language
from service.live.board.snapshot import Total
from service.live.page.lists.table import Order, Row, Table, View
from service.live.text.alphabet import collated, folded

Line = TypeVar("Line")
_Key: TypeAlias = tuple[bool, str | int | Decimal]


class Rows(Generic[Row]):
    """The rows of a list; consume them once, before the read that they come from ends.

    Args:
        rows: As the read gives them.
        known: Their number and amount, if the ledger keeps them; else they are counted.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        table: Table[Row],
        view: View,
        language: Language,
        known: Total | None = None,
    ) -> None:
        self._table, self._language = table, language
        order = view.order or table.order
        self._order = None if table.arrives and order == table.order else order
        self._known = known
        self._count, self._amount = 0, Decimal(0)
        found = rows if view.client is None else (row for row in rows if table.client(row) == view.client)
        if view.search is not None:
            found = self._found(found, folded(view.search))
        self._rows = iter(found) if known is not None else self._counted(found)

    def _found(self, rows: Iterable[Row], wanted: str) -> Iterator[Row]:
        """The rows with a text in them."""
        for row in rows:
            if any(text and wanted in folded(text) for text in self._table.texts(row)):
                yield row

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self._count += 1
            self._amount += Decimal(self._table.amount(row) or 0)
            yield row

    @property
    def total(self) -> Total:
        """The number of the rows and their amount. Where the ledger does not keep these, they are known when
        the rows have been consumed."""
        return self._known or Total(self._count, f"{self._amount:f}")

    def first(self, number: int) -> list[Row]:
        """The first rows."""
        if self._order is not None:
            choose = heapq.nlargest if self._order.descending else heapq.nsmallest
            return choose(number, self._rows, key=self._key(self._order))
        rows = list(islice(self._rows, number))
        if self._known is None:
            for _ in self._rows:
                pass
        return rows

    def lines(self, line: Callable[[Row], Line]) -> Iterator[Line]:
        """What `line` makes of each row."""
        if self._order is None:
            yield from map(line, self._rows)
            return
        key = self._key(self._order)
        pairs = [(key(row), line(row)) for row in self._rows]
        pairs.sort(key=itemgetter(0), reverse=self._order.descending)
        yield from (made for _, made in pairs)

    def _key(self, order: Order) -> Callable[[Row], _Key]:
        """What rows are ordered by. Rows with equal keys keep the order in which they come."""
        (value,) = (column.value for column in self._table.columns if column.name == order.column)

        def key(row: Row) -> _Key:
            given = value(row)
            if given is None:
                return not order.descending, 0
            return order.descending, collated(given, self._language) if isinstance(given, str) else given

        return key
