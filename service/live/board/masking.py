"""Names and telephone numbers on a board: names as they are, or masked on a wall that strangers can see
(`mask_clients`); numbers only where the account shows them (`show_phones`), and on no wall. Pure.

This module alone decides when names are masked, and how, and when numbers are shown.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType

from service.config import Account
from service.live.board.query import BoardQuery

_MANY_DIGITS: Final = re.compile(r"\d(?:\D?\d){4,}")
"""A phone number, a passport number, or another number that is nobody else's business."""


class Names(NamedTuple):
    """How a board writes the names of clients and deals, and whether it has telephone numbers."""

    masked: bool
    phones: bool

    def client(self, name: str) -> str:
        """A client's name."""
        return masked(name) if self.masked else name

    def deal(self, name: str | None) -> str | None:
        """A deal's name; None when masked, because people write clients' names into the names of deals."""
        return None if self.masked else name

    def phone(self, number: str | None) -> str | None | UnsetType:
        """A client's telephone number; UNSET where numbers are not shown."""
        return number if self.phones else UNSET


def names_for(query: BoardQuery, account: Account) -> Names:
    """How the board of a query writes names."""
    is_wall = query.mode == "wall"
    return Names(masked=is_wall and account.mask_clients, phones=account.show_phones and not is_wall)


def masked(name: str) -> str:
    """The first word and the initials of the others (`Иван П.`); of a number the last two digits; of an
    e-mail address the part before the @.
    """
    if _MANY_DIGITS.search(name):
        return "…" + "".join(filter(str.isdigit, name))[-2:]
    if "@" in name:
        return name.partition("@")[0].strip() + "@…"
    first, *others = name.split() or [""]
    return " ".join([first, *(f"{word[0]}." for word in others if word[0].isalnum())])
