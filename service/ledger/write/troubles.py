"""What is wrong between the CRM and the service: stored when it happens, deleted when it is over.

Each write makes open boards read it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, get_args

from sqlalchemy import Connection, bindparam, delete, not_, select

from service.ledger.database.engine import insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import TROUBLES
from service.ledger.write import invalidations
from service.model import Instant, Trouble, TroubleCode

API_CODES: Final[frozenset[TroubleCode]] = frozenset(
    code for code in get_args(TroubleCode) if code.startswith("api_")
)
"""The troubles with the CRM's API. A subject has at most one of them."""

_COLUMNS: Final = (
    TROUBLES.c.code,
    TROUBLES.c.subject,
    TROUBLES.c.count,
    TROUBLES.c.since,
    TROUBLES.c.last_at,
)
_TROUBLES: Final = Prepared(
    select(*_COLUMNS)
    .where(TROUBLES.c.account == bindparam("account"))
    .order_by(TROUBLES.c.code, TROUBLES.c.subject)
)


def read(connection: Connection, account: str) -> tuple[Trouble, ...]:
    """An account's troubles, by code and subject."""
    rows = _TROUBLES.rows(connection, {"account": account})
    return tuple(Trouble(*row) for row in rows)


_OF_ACCOUNTS = (
    select(TROUBLES.c.account, *_COLUMNS)
    .where(in_list(TROUBLES.c.account, "accounts"))
    .order_by(TROUBLES.c.account, TROUBLES.c.code, TROUBLES.c.subject)
)


def read_all(connection: Connection, accounts: Collection[str]) -> dict[str, list[Trouble]]:
    """The troubles of accounts by account, each as `read` gives them."""
    told: dict[str, list[Trouble]] = {account: [] for account in accounts}
    for account, *columns in connection.execute(_OF_ACCOUNTS, {"accounts": accounts}):
        told[account].append(Trouble(*columns))
    return told


def tell(
    connection: Connection,
    account: str,
    code: TroubleCode,
    subject: str,
    at: Instant,
    times: int = 1,
    since: Instant | None = None,
) -> None:
    """Store that something went wrong, `times` more often than was stored. A trouble with the API takes
    the place of another one with the same subject.

    Args:
        since: When it began, if that was earlier.
    """
    if code in API_CODES:
        others = TROUBLES.c.code.in_(sorted(API_CODES - {code})), TROUBLES.c.subject == subject
        connection.execute(delete(TROUBLES).where(TROUBLES.c.account == account, *others))
    statement = insert_into(connection.dialect.name, TROUBLES).values(
        account=account, code=code, subject=subject, count=times, since=since or at, last_at=at
    )
    excluded = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "code", "subject"],
            set_={"count": TROUBLES.c.count + excluded.count, "last_at": excluded.last_at},
        )
    )
    invalidations.refresh(connection, account)


def state(connection: Connection, account: str, code: TroubleCode, subject: str | None, at: Instant) -> bool:
    """Store that there is one trouble of a code, with this subject; None: that there is none. What is stored
    already stays as it is. Returns whether there was one or is one now."""
    told = {trouble.subject for trouble in read(connection, account) if trouble.code == code}
    if told - {subject}:
        clear(connection, account, [code])
    if subject is not None and subject not in told:
        tell(connection, account, code, subject, at)
    return bool(told) or subject is not None


def clear(
    connection: Connection,
    account: str,
    codes: Collection[TroubleCode],
    subject: str | None = None,
    spared: tuple[Instant, Instant] | None = None,
) -> bool:
    """Delete troubles that are over. Returns whether there were any.

    Args:
        subject: Only those of this subject.
        spared: Not those that came last within these two moments.
    """
    over = [TROUBLES.c.account == account, TROUBLES.c.code.in_(sorted(codes))]
    if subject is not None:
        over.append(TROUBLES.c.subject == subject)
    if spared is not None:
        over.append(not_(TROUBLES.c.last_at.between(*spared)))
    gone = bool(connection.execute(delete(TROUBLES).where(*over)).rowcount)
    if gone:
        invalidations.refresh(connection, account)
    return gone
