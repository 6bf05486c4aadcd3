"""Open deals without a next step, one by one (SPEC section 3.9).

No table has them: most deals of an office are closed, and a row for each open one would be written with each
delivery. So a read goes through the account's deals by their key, page by page, in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select

from service.config import Account
from service.ledger.database.tables import DEALS, STATE, SUMS
from service.ledger.read import board_rows
from service.ledger.read.account_reader import AccountReader
from service.ledger.write import heads, state
from service.model import Instant
from service.projections.at_risk import DEAL_TASKS
from service.projections.facts import NOBODY, deal_facts
from service.projections.next_step import NO_NEXT_STEP

PAGE: Final = 1_000
"""Deals that one statement returns at most."""

_CLIENTS: Final = STATE["client"]
_TASKS: Final = SUMS[DEAL_TASKS]
_FIGURE: Final = SUMS[NO_NEXT_STEP]


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """An open deal, as it counts.

    Args:
        client_id: `deal:<id>` for a deal that has no client.
        amount: In minor units of the account's currency; 0 if it is not known (`unknown`), or if there is no
            rate for the deal's currency (`unconverted`).
    """

    deal_id: str
    name: str | None
    client_id: str
    client: str | None
    manager_id: str | None
    pipeline_id: str | None
    amount: int
    unknown: bool
    unconverted: str | None
    url: str | None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Stepless:
    """The open deals without a next step at one sequence number.

    Args:
        as_of: The moment that they are true for.
        count: The number of those of the whole account; `amount` likewise, in minor units.
        deals: By id; read page by page, as long as the transaction lasts.
        manager_names: By id, the managers whose names are known; `pipeline_names` likewise.
    """

    seq: int
    as_of: Instant
    count: int
    amount: int
    deals: Iterator[OpenDeal]
    manager_names: Mapping[str, str]
    pipeline_names: Mapping[str, str]


def _statement(
    account: str, manager_id: str | None, pipeline_id: str | None, after: str | None
) -> Select[*tuple[Any, ...]]:
    """The next `PAGE` deals after an id."""
    chosen = [
        DEALS.c.account == account,
        DEALS.c.known.is_(True),
        or_(DEALS.c.status.is_(None), DEALS.c.status == "open"),
        func.coalesce(_TASKS.c.open_tasks, 0) == 0,
    ]
    for column, wanted in ((DEALS.c.manager_id, manager_id), (DEALS.c.pipeline_id, pipeline_id)):
        if wanted is not None:
            chosen.append(func.coalesce(column, NOBODY) == wanted)
    if after is not None:
        chosen.append(DEALS.c.id > after)
    its_tasks = and_(_TASKS.c.account == DEALS.c.account, _TASKS.c.deal_id == DEALS.c.id)
    its_client = and_(_CLIENTS.c.account == DEALS.c.account, _CLIENTS.c.id == DEALS.c.client_id)
    return (
        select(*state.columns("deal"), _CLIENTS.c.name.label("client"), _CLIENTS.c.phone)
        .select_from(DEALS.outerjoin(_TASKS, its_tasks).outerjoin(_CLIENTS, its_client))
        .where(*chosen)
        .order_by(DEALS.c.id)
        .limit(PAGE)
    )


def _deals(
    connection: Connection, account: Account, manager_id: str | None, pipeline_id: str | None
) -> Iterator[OpenDeal]:
    rules, after = heads.rules_of(account), None
    while True:
        rows = connection.execute(_statement(account.id, manager_id, pipeline_id, after)).all()
        for row in rows:
            deal = deal_facts(row.id, state.record("deal", row), rules)
            if deal.phase == "open":
                yield OpenDeal(
                    deal_id=deal.id,
                    name=row.name,
                    client_id=deal.client_id,
                    client=row.client or row.client_id or None,
                    manager_id=deal.manager_id or None,
                    pipeline_id=deal.pipeline_id or None,
                    amount=deal.amount,
                    unknown=deal.amount_unknown,
                    unconverted=deal.unconverted,
                    url=row.url,
                    phone=row.phone,
                )
        if len(rows) < PAGE:
            return
        after = rows[-1].id


class SteplessReader(AccountReader):
    """Reads the open deals without a next step."""

    @contextmanager
    def read(
        self, account_id: str, manager_id: str | None = None, pipeline_id: str | None = None
    ) -> Iterator[Stepless]:
        """Those of an account. Read `deals` inside the block.

        Args:
            manager_id: Only this manager's; empty for nobody's; `pipeline_id` likewise.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            connection, account, _ = begun
            seq, as_of = begun.position()
            figure = select(_FIGURE.c.deals, _FIGURE.c.amount).where(_FIGURE.c.account == account.id)
            count, amount = connection.execute(figure).one_or_none() or (0, 0)
            yield Stepless(
                seq=seq,
                as_of=as_of,
                count=count,
                amount=amount,
                deals=_deals(connection, account, manager_id, pipeline_id),
                manager_names=board_rows.manager_names(connection, account),
                pipeline_names=board_rows.pipeline_names(connection, account.id),
            )
