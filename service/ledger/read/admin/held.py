"""The quarantine, a page at a time."""

from __future__ import annotations

from itertools import groupby
from typing import Final, NamedTuple

from sqlalchemy import Connection

from service.ledger.write import log
from service.ledger.write.log import Quarantined

PAGE: Final = 50
"""Rejections of a page."""


class Held(NamedTuple):
    """A delivery in quarantine, with its rejections.

    Args:
        is_cut: Whether it has more rejections than a page has room for.
    """

    number: int
    rejections: tuple[Quarantined, ...]
    is_cut: bool


class HeldPage(NamedTuple):
    """Deliveries in quarantine, oldest first.

    Args:
        after: The next page is that after this number; None: there is none.
    """

    rows: tuple[Held, ...]
    after: int | None


def held(connection: Connection, account_id: str, after: int) -> HeldPage:
    """The page of the deliveries after a number. A delivery is on one page alone."""
    rejections = log.quarantined(connection, account_id, after, PAGE + 1)
    rows = [
        Held(number, tuple(parts), is_cut=False)
        for number, parts in groupby(rejections[:PAGE], lambda part: part.number)
    ]
    if len(rejections) <= PAGE:
        return HeldPage(tuple(rows), None)
    last = rows[-1]
    is_cut = rejections[PAGE].number == last.number
    if is_cut and len(rows) > 1:
        return HeldPage(tuple(rows[:-1]), rows[-2].number)
    return HeldPage((*rows[:-1], last._replace(is_cut=is_cut)), last.number)
