"""Refusals one by one: the lost deals behind the sums of a board's losses (SPEC section 2).

A read is one transaction, so the deals and the sums belong to one sequence number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select

from service.calendar import day_start, shifted
from service.config import Account
from service.ledger.database.tables import DEALS, STATE
from service.ledger.read import board_rows, classified_rows
from service.ledger.read.account_reader import AccountReader
from service.ledger.read.board import LossRow, Selection
from service.ledger.write import heads, state
from service.model import SECOND, Day, Instant
from service.projections.facts import NOBODY, PENDING, Rules, deal_facts
from service.reasons import Kind

PAGE: Final = 1_000
"""Deals that one statement returns at most."""

NAMED_REASONS: Final = 500
"""Reasons that a statement names at most. With more, it returns the deals of all reasons."""

SLACK: Final = 3 * 3600 * SECOND
"""Where clocks go back over midnight, some moments of a day come after the start of the next day."""

_CLIENTS: Final = STATE["client"]


@dataclass(frozen=True, slots=True)
class LostDeal:
    """A lost deal, as it counts.

    Args:
        amount: In minor units of the account's currency; 0 if there is no rate for the deal's currency.
        unconverted: The deal's currency if there is no rate for it and the amount is not 0.
        day: The local day (an ordinal) on which it was lost.
    """

    deal_id: str
    name: str | None
    client_id: str | None
    client: str | None
    reason_id: str | None
    manager_id: str | None
    pipeline_id: str | None
    amount: int
    unconverted: str | None
    day: Day
    url: str | None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals of a selection at one sequence number.

    Args:
        as_of: The moment that they are true for.
        by_reason: Their sums, as the board has them.
        manager_names: By id, the managers whose names are known; `pipeline_names` likewise.
        reasons_wanted: Reasons whose names the CRM's API is still asked for.
        deals: Yields the deals with one of some reasons (None: without a reason), newest first. It reads them
            page by page, as long as the transaction lasts.
        by_hand: The reasons that were classified by hand, as `ReasonTable.with_hand` takes them.
    """

    seq: int
    as_of: Instant
    by_reason: tuple[LossRow, ...]
    manager_names: Mapping[str, str]
    pipeline_names: Mapping[str, str]
    reasons_wanted: int
    deals: Callable[[Collection[str | None]], Iterator[LostDeal]]
    by_hand: Mapping[str, Kind] = field(default_factory=dict)


def _deals(
    connection: Connection, account: Account, selection: Selection, reason_ids: Collection[str | None]
) -> Iterator[LostDeal]:
    wanted = {reason_id or NOBODY for reason_id in reason_ids}
    rules = heads.rules_of(account)
    last: tuple[Instant, str] | None = None
    while wanted:
        rows = connection.execute(_statement(account, selection, wanted, last)).all()
        for row in rows:
            deal = _lost_deal(row, rules)
            if selection.first <= deal.day <= selection.last and (deal.reason_id or NOBODY) in wanted:
                yield deal
        if len(rows) < PAGE:
            return
        last = rows[-1].lost_at, rows[-1].id


def _lost_deal(row: Row[*tuple[Any, ...]], rules: Rules) -> LostDeal:
    view = deal_facts(row.id, state.record("deal", row), rules)
    return LostDeal(
        deal_id=view.id,
        name=row.name,
        client_id=row.client_id or None,
        client=row.client,
        reason_id=view.reason_id or None,
        manager_id=view.manager_id or None,
        pipeline_id=view.pipeline_id or None,
        amount=view.amount,
        unconverted=view.unconverted,
        day=rules.day(row.lost_at),
        url=row.url,
        phone=row.phone,
    )


def _statement(
    account: Account, selection: Selection, reason_ids: Collection[str], last: tuple[Instant, str] | None
) -> Select[*tuple[Any, ...]]:
    """The next `PAGE` deals after the last one, perhaps with some that the selection excludes."""
    lost_at = DEALS.c.lost_at
    chosen: list[ColumnElement[bool]] = [
        DEALS.c.account == account.id,
        lost_at >= day_start(selection.first, account.zone) - SLACK,
        lost_at < day_start(shifted(selection.last, 1), account.zone) + SLACK,
    ]
    for column, wanted in (
        (DEALS.c.manager_id, selection.manager_id),
        (DEALS.c.pipeline_id, selection.pipeline_id),
    ):
        if wanted is not None:
            chosen.append(func.coalesce(column, NOBODY) == wanted)
    if len(reason_ids) <= NAMED_REASONS:
        # A reason that the CRM has not sent yet is null, too; the record tells the two apart.
        stored = {NOBODY if reason_id == PENDING else reason_id for reason_id in reason_ids}
        chosen.append(func.coalesce(DEALS.c.reason_id, NOBODY).in_(sorted(stored)))
    if last is not None:
        moment, deal_id = last
        chosen += [lost_at <= moment, or_(lost_at < moment, DEALS.c.id < deal_id)]
    of_deal = and_(_CLIENTS.c.account == account.id, _CLIENTS.c.id == DEALS.c.client_id)
    return (
        select(*state.columns("deal"), lost_at, _CLIENTS.c.name.label("client"), _CLIENTS.c.phone)
        .select_from(DEALS.outerjoin(_CLIENTS, of_deal))
        .where(*chosen)
        .order_by(lost_at.desc(), DEALS.c.id.desc())
        .limit(PAGE)
    )


class RefusalReader(AccountReader):
    """Reads lists of refusals."""

    @contextmanager
    def read(self, account_id: str, selection: Selection) -> Iterator[Refusals]:
        """The refusals of an account. Read `deals` inside the block.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            connection, account, _ = begun
            seq, as_of = begun.position()
            yield Refusals(
                seq=seq,
                as_of=as_of,
                by_reason=board_rows.losses(connection, account.id, selection),
                manager_names=board_rows.manager_names(connection, account),
                pipeline_names=board_rows.pipeline_names(connection, account.id),
                reasons_wanted=board_rows.reasons_wanted(connection, account.id),
                by_hand=classified_rows.kinds(connection, account.id),
                deals=partial(_deals, connection, account, selection),
            )
