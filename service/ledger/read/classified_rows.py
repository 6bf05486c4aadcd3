"""The reasons that were classified by hand, read from the database."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import CLASSIFIED
from service.ledger.read.account_reader import AccountReader
from service.model import Instant
from service.reasons import Kind


class Classified(NamedTuple):
    """A reason that was classified by hand.

    Args:
        key: `reason_key` of its name, or of the CRM's id.
        reason: The name, or id, as the board showed it.
        screen: The name of the screen that it was classified from.
    """

    key: str
    reason: str
    kind: Kind
    screen: str
    at: Instant


class AllClassified(NamedTuple):
    """What an account has classified by hand, newest first, at one sequence number.

    Args:
        as_of: The moment that it was read at.
    """

    seq: int
    as_of: Instant
    rows: tuple[Classified, ...]


_KINDS: Final = Prepared(
    select(CLASSIFIED.c.key, CLASSIFIED.c.kind).where(CLASSIFIED.c.account == bindparam("account"))
)


def kinds(connection: Connection, account: str) -> dict[str, Kind]:
    """The kind of each reason that was classified by hand, for `ReasonTable.with_hand`."""
    return dict(_KINDS.rows(connection, {"account": account}))


def listed(
    connection: Connection, account: str, skip: int = 0, limit: int | None = None
) -> tuple[Classified, ...]:
    """What was classified by hand, newest first; or `limit` of it at most, after the first `skip`."""
    columns = [column for column in CLASSIFIED.c if column.name != "account"]
    newest_first = CLASSIFIED.c.classified_at.desc(), CLASSIFIED.c.key
    statement = select(*columns).where(CLASSIFIED.c.account == account).order_by(*newest_first)
    statement = statement.offset(skip).limit(limit) if limit is not None else statement
    return tuple(Classified(*row) for row in connection.execute(statement))


class ClassifiedReader(AccountReader):
    """Reads what was classified by hand."""

    def read(self, account_id: str) -> AllClassified:
        """All of an account.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            return AllClassified(*begun.position(), listed(begun.connection, account_id))
