"""The reasons of an account's recent refusals, and what was classified by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection

from service.calendar import local_day
from service.config import Account
from service.ledger.read import board_rows, classified_rows
from service.ledger.read.board import LossRow, Selection
from service.ledger.read.classified_rows import Classified
from service.model import Day, Instant
from service.reasons import Kind

DAYS: Final = 365
"""Local days whose refusals count as recent, today included."""

PAGE: Final = 50
"""Verdicts of a page."""


class Reasons(NamedTuple):
    """See the module.

    Args:
        losses: The recent refusals, by reason.
        by_hand: The kind of each reason that was classified by hand, for `Account.with_hand`.
        verdicts: A page of them, newest first.
        skip: The next page is that after so many; None: there is none.
    """

    losses: tuple[LossRow, ...]
    by_hand: Mapping[str, Kind]
    verdicts: tuple[Classified, ...]
    skip: int | None


def reasons(connection: Connection, account: Account, now: Instant, skip: int) -> Reasons:
    """The reasons; `skip` newer verdicts are left out."""
    today = local_day(now, account.zone)
    verdicts = classified_rows.listed(connection, account.id, skip, PAGE + 1)
    return Reasons(
        board_rows.losses(connection, account.id, Selection(Day(today - DAYS + 1), today)),
        classified_rows.kinds(connection, account.id),
        verdicts[:PAGE],
        skip + PAGE if len(verdicts) > PAGE else None,
    )
