"""The list of the reasons that were classified by hand: what, by whom, when. Pure."""

from __future__ import annotations

from typing import NamedTuple

from service import calendar
from service.config import Account
from service.ledger.read.classified_rows import AllClassified
from service.reasons import Kind


class HandReason(NamedTuple):
    """A reason that was classified by hand.

    Args:
        screen: The name of the screen that it was classified from.
        at: When: ISO, local.
        listed: The kind that the configuration lists it with, which wins; None: in no list.
    """

    reason: str
    kind: Kind
    screen: str
    at: str
    listed: Kind | None


class HandList(NamedTuple):
    """What was classified by hand, newest first.

    Args:
        as_of: The moment that it is true for: ISO, local.
    """

    seq: int
    as_of: str
    rows: list[HandReason]


def hand_list(read: AllClassified, account: Account) -> HandList:
    """What an account has classified by hand."""
    listed = account.reasons.kinds
    rows = [
        HandReason(row.reason, row.kind, row.screen, calendar.iso(row.at, account.zone), listed.get(row.key))
        for row in read.rows
    ]
    return HandList(read.seq, calendar.iso(read.as_of, account.zone), rows)
