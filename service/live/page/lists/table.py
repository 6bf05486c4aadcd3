"""A list as a table: its columns, what each is ordered by, and the order that an address asks for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from service.config import Account, Language
from service.live.board.query import QueryError, parse_flag
from service.live.text.i18n import translations_of
from service.model import ID_LENGTH

Row = TypeVar("Row")

Value: TypeAlias = str | int | Decimal | None
"""What a row is ordered by: a text goes by the alphabet, None goes last in either direction."""

Cell: TypeAlias = str | Decimal | None
"""Of a file: text, a number, or an empty cell."""

Cells: TypeAlias = Sequence[tuple[str, Callable[[Row], Cell]]]
"""The columns of a file: each heading, and the function that makes the cell of a row."""


class Called(Protocol):
    """A row about a client with a telephone number; None where it is not known, or not shown."""

    @property
    def phone(self) -> str | None:
        """Digits, perhaps after a plus sign."""


def phone_cells(account: Account, language: Language) -> Cells[Called]:
    """The column of telephone numbers in a file, if the account shows them."""
    heading = translations_of(language).gettext("Phone")
    return ((heading, lambda row: row.phone),) if account.show_phones else ()


def minute_cell(at: str | None) -> Cell:
    """A moment (ISO, local) as spreadsheets read it: `2026-11-23 10:00`."""
    return None if at is None else at[:16].replace("T", " ")


class Order(NamedTuple):
    """The order of a list's rows: by the column of this name."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """A column of a list.

    Args:
        name: In the list's address.
        heading: The message.
        value: What its rows are ordered by.
        is_number: Its cells are aligned at their ends, and its first order is the descending one.
    """

    name: str
    heading: str
    value: Callable[[Row], Value]
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """What a list looks like.

    Args:
        name: Of its address and its template.
        order: Of its rows, unless the address asks for another; None if it is that of no column.
        arrives: Whether a read gives the rows in that order.
        amount: The part of the list's amount that a row is, a decimal string; None: no part.
        client: The id of the client that a row is about.
        texts: The texts of a row that a search looks into.
        cells: The columns of its file.
    """

    name: str
    columns: tuple[Column[Row], ...]
    order: Order | None
    arrives: bool
    amount: Callable[[Row], str | None]
    client: Callable[[Row], str | None]
    texts: Callable[[Row], Iterable[str | None]]
    cells: Callable[[Account, Language], Cells[Row]]


class View(NamedTuple):
    """What the address of a list asks for, whichever list it is.

    Args:
        order: None for the table's own.
        search: Only rows with this text.
        client: Only rows about the client with this id.
    """

    order: Order | None = None
    search: str | None = None
    client: str | None = None

    @property
    def narrows(self) -> bool:
        """Whether the list has only some of the rows that its figure counts."""
        return self.search is not None or self.client is not None

    def parameters(self) -> dict[str, str | None]:
        """The parameters of the address that ask for this."""
        order = self.order
        return {
            "order": order and order.column,
            "desc": "1" if order and order.descending else None,
            "q": self.search,
            "client": self.client,
        }


def parse_view(parameters: Mapping[str, str], columns: Iterable[str]) -> View:
    """What the parameters of an address ask for. An empty value, as a form sends it, asks for nothing.

    Raises:
        QueryError: There is no such column or direction, or the client's id is too long to be any.
    """
    name, client = parameters.get("order", ""), parameters.get("client", "")
    known = tuple(columns)
    if name and name not in known:
        raise QueryError(f"order is {' or '.join(known)}")
    if len(client) > ID_LENGTH:
        raise QueryError(f"client has at most {ID_LENGTH} characters")
    descending = parse_flag(parameters, "desc")
    order = Order(name, descending) if name else None
    return View(order, parameters.get("q", "").strip() or None, client or None)


ALL: Final = View()
"""Every row, in the table's own order."""
