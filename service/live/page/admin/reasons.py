"""The page of reasons: what is still to be classified, what was, and what the configuration lists."""

from __future__ import annotations

from typing import Final, NamedTuple

from service.calendar import iso
from service.config import Account
from service.ledger.read.admin.reasons import DAYS, Reasons
from service.live.board.loss_sums import reasons_of
from service.live.page.admin.shown import Shown, rendered
from service.live.text.i18n import same_reason, translations_of
from service.reasons import LISTED_KINDS, Kind

TO_CLASSIFY: Final = 50
"""Unclassified reasons that the page shows, the most expensive ones."""


class Verdict(NamedTuple):
    """A reason that was classified by hand.

    Args:
        screen: The name of the screen that it was classified from.
        at: ISO, local.
        is_listed: Whether the configuration lists it, which wins.
    """

    reason: str
    kind: Kind
    screen: str
    at: str
    is_listed: bool


def reasons_page(reasons: Reasons, account: Account, shown: Shown) -> str:
    """The page."""
    known = reasons_of(reasons.losses, account.with_hand(reasons.by_hand))
    unknown = [reason for reason in known if reason.kind == "unclassified"]
    listed = account.reasons.kinds
    kind_of = translations_of(shown.language).kind
    return rendered(
        "reasons.html",
        shown,
        account,
        here="reasons",
        days=DAYS,
        unknown=[(same_reason(one.reason, shown.language), one) for one in unknown[:TO_CLASSIFY]],
        more=max(0, len(unknown) - TO_CLASSIFY),
        verdicts=[
            Verdict(row.reason, row.kind, row.screen, iso(row.at, account.zone), row.key in listed)
            for row in reasons.verdicts
        ],
        skip=reasons.skip,
        listed=[(kind_of(kind), account.reasons.listed(kind)) for kind in LISTED_KINDS],
    )
