"""The refusals of a board, grouped and added up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from service.config import Account
from service.ledger.read.board import BoardRows, LossRow, Selection
from service.live.board.snapshot import KINDS, Reason, Total
from service.live.text.i18n import translations_of
from service.money import decimal_string
from service.reasons import Kind, reason_key


class _Loss(NamedTuple):
    """The refusals of one kind and reason; `amount` in minor units."""

    kind: Kind
    reason: str
    deals: int
    amount: int
    by_hand: bool = False


def _by_reason(rows: Iterable[LossRow], account: Account) -> list[_Loss]:
    """The refusals that count, by kind and reason. Spellings of the same `reason_key` are one reason."""
    translations = translations_of(account.language)
    losses: dict[tuple[Kind, str], _Loss] = {}
    # In a fixed order, so that of several spellings the board always shows the same one.
    for row in sorted(rows, key=_spelling):
        kind = account.reasons.kind_of(row.reason_id, row.reason)
        if kind == "excluded":
            continue
        reason = translations.reason(row.reason_id, row.reason)
        key = (kind, reason_key(reason))
        loss = losses.get(key, _Loss(kind, reason, 0, 0))
        by_hand = loss.by_hand or account.reasons.is_by_hand(row.reason_id, row.reason)
        losses[key] = _Loss(kind, loss.reason, loss.deals + row.count, loss.amount + row.amount, by_hand)
    return list(losses.values())


class Sums(NamedTuple):
    """The refusals of one selection.

    Args:
        totals: By kind, and of all as `total`.
    """

    reasons: Sequence[_Loss]
    totals: Mapping[str, Total]


@dataclass(frozen=True, slots=True)
class LossSums:
    """The refusals of the selections of a read, each added up when it is asked for first.

    Most days of a board do not change from one read to the next, so that these can be taken over.

    Args:
        known: Those that were added up.
    """

    account: Account
    rows: BoardRows
    known: dict[Selection, Sums] = field(default_factory=dict)

    @classmethod
    def of(cls, account: Account, rows: BoardRows, earlier: LossSums | None = None) -> LossSums:
        """Those of a read.

        Args:
            earlier: Those of an earlier read of the account: what rests on the same rows is taken over.
        """
        sums = cls(account, rows)
        if earlier is not None and earlier.account is account and earlier.rows.by_hand == rows.by_hand:
            before = earlier.rows.losses
            sums.known.update(
                (selection, known)
                for selection, known in earlier.known.items()
                if rows.losses.get(selection) is before[selection]
            )
        return sums

    def __getitem__(self, selection: Selection) -> Sums:
        known = self.known.get(selection)
        if known is None:
            account = self.account.with_hand(self.rows.by_hand)
            reasons = _by_reason(self.rows.losses[selection], account)
            known = self.known[selection] = Sums(reasons, _totals(reasons, account.currency))
        return known


def shown_reasons(losses: Iterable[_Loss], currency: str) -> tuple[Reason, ...]:
    """Reasons as a board shows them, in its order."""
    return tuple(
        Reason(
            loss.reason, loss.kind, loss.deals, decimal_string(loss.amount, currency), by_hand=loss.by_hand
        )
        for loss in sorted(losses, key=_reason_order)
    )


def reasons_of(rows: Iterable[LossRow], account: Account) -> tuple[Reason, ...]:
    """The reasons of some refusals that count, as a board shows them."""
    return shown_reasons(_by_reason(rows, account), account.currency)


def _spelling(row: LossRow) -> tuple[str, str]:
    return row.reason or "", row.reason_id or ""


def _reason_order(loss: _Loss) -> tuple[int, int, int, str]:
    return KINDS.index(loss.kind), -loss.amount, -loss.deals, loss.reason


def _totals(losses: Sequence[_Loss], currency: str) -> dict[str, Total]:
    """The totals of some refusals: by kind, and of all as `total`."""

    def total(*kinds: Kind) -> Total:
        counted = [loss for loss in losses if loss.kind in kinds]
        amount = decimal_string(sum(loss.amount for loss in counted), currency)
        return Total(sum(loss.deals for loss in counted), amount)

    return {**{kind: total(kind) for kind in KINDS}, "total": total(*KINDS)}
