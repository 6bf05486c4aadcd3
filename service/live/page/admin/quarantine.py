"""The page of the quarantine."""

from __future__ import annotations

from service.calendar import iso
from service.config import Account
from service.ledger.read.admin.held import HeldPage
from service.live.page.admin.shown import Shown, rendered


def quarantine_page(
    page: HeldPage, retried: int | None, account: Account, shown: Shown, *, is_held: bool
) -> str:
    """A page of the quarantine.

    Args:
        retried: The number of the delivery that was tried again just now.
        is_held: Whether that one is still there.
    """
    rows = [(held, iso(held.rejections[0].received_at, account.zone)) for held in page.rows]
    return rendered(
        "quarantine.html",
        shown,
        account,
        here="quarantine",
        rows=rows,
        after=page.after,
        retried=retried,
        is_held=is_held,
    )
