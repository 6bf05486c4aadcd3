"""The page that explains each figure in the users' own words, with the office's figures as the example."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from service.config import Account
from service.live.board.query import BoardQuery
from service.live.board.snapshot import BoardWarning, Reason, Snapshot
from service.live.page.environment import template
from service.live.page.lists.list_page import STATIC
from service.live.page.render import filtered_by
from service.live.text.i18n import same_reason
from service.reasons import LISTED_KINDS, Kind, reason_key

_ALMOST_ALL: Final = Decimal("0.8")
"""The share of the avoidable losses from which on one reason is almost all of them."""

_UNANSWERED: Final = frozenset(map(reason_key, ("Не отвечает более 3-х раз", "No response")))
"""The reasons by which a client was lost because nobody got through to it."""

_DOUBTS: Final = ("amount_unknown", "unconverted")
"""The warnings that some amounts count as 0."""


class Main(NamedTuple):
    """The reason that cost the most of what was avoidable.

    Args:
        share: `all`, `most` (almost all), or `part`.
        unanswered: Whether it says that clients were not answered, or did not answer.
    """

    reason: Reason
    share: str
    unanswered: bool


def help_page(snapshot: Snapshot, account: Account, query: BoardQuery) -> str:
    """The page. An office that has no figures sees the example of the users' own text, named as one."""
    unheard = any(warning.code == "never_heard" for warning in snapshot.warnings)
    unseen = snapshot.known_from is not None and snapshot.period.to < snapshot.known_from
    return template(query.language, "help.html").render(
        snapshot=snapshot,
        account=account,
        query=query,
        losses=None if unheard or unseen else snapshot.losses,
        risk=None if unheard else snapshot.at_risk,
        reasons={kind: _reasons(snapshot, account, query, kind) for kind in LISTED_KINDS},
        main=main_reason(snapshot),
        filtered_by=filtered_by(snapshot, query),
        doubts=_doubts(snapshot),
        static=STATIC,
    )


def main_reason(snapshot: Snapshot) -> Main | None:
    """What the example tells of; None if nothing avoidable was lost, or only amounts that are not known."""
    whole = Decimal(snapshot.losses.controllable.amount)
    first = next((reason for reason in snapshot.losses.reasons if reason.kind == "controllable"), None)
    if first is None or whole <= 0 or Decimal(first.amount) <= 0:
        return None
    share = Decimal(first.amount) / whole
    words = "all" if share == 1 else "most" if share >= _ALMOST_ALL else "part"
    return Main(first, words, reason_key(first.reason) in _UNANSWERED)


def _reasons(snapshot: Snapshot, account: Account, query: BoardQuery, kind: Kind) -> tuple[str, ...]:
    """The reasons of a kind: those that the configuration lists, and those of the period that were classified
    by hand."""
    listed = account.reasons.listed(kind)
    known = set(map(reason_key, listed))
    seen = (reason.reason for reason in snapshot.losses.reasons if reason.kind == kind)
    by_hand = (name for name in seen if reason_key(name) not in known)
    return tuple(same_reason(name, query.language) for name in (*listed, *by_hand))


def _doubts(snapshot: Snapshot) -> tuple[BoardWarning, ...]:
    return tuple(warning for warning in snapshot.warnings if warning.code in _DOUBTS)
