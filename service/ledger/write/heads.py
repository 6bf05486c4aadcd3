"""The head row of an account: its sequence number, its moment, and the lock that serialises its commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, or_, select, update

from service.calendar import next_midnight
from service.config import Account, zone_version
from service.ledger.database import schema
from service.ledger.database.engine import insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.statements.bulk import updating
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import HEADS, TASKS
from service.model import SECOND, Day, Instant, Micros, later
from service.operator_error import OperatorError, Unknown
from service.projections import FINGERPRINT, REVISION
from service.projections.facts import Rules

CLOCK_SKEW: Final = Micros(60 * SECOND)
"""A clock that is up to so far behind the board's moment belongs to another node, and the board keeps its
moment. A clock that is further behind was set back, and the board follows it. So does it follow the clock of
a process that has seen its own clock go back by so much."""


class OtherRules(OperatorError):
    """Other rules computed an account's figures than this process has: another node has a newer configuration
    or a newer version. Deltas by the old rules would make the figures wrong, so this process leaves the
    account alone until it has the same rules."""


class Head(NamedTuple):
    """A row of `tables.HEADS`, which says what the columns mean."""

    account: str
    seq: int
    deliveries: int
    as_of: Instant
    next_tick_at: Instant
    last_delivery_at: Instant | None
    pruned: int
    revision: int
    rules_fingerprint: str
    known_from: Day | None
    quarantined: int
    looked_at: Instant | None
    has_mergers: bool

    def knowing_from(self, day: Day | None) -> Head:
        """The head of which the losses are known from a day on, if they were not known that far back."""
        if day is None or (self.known_from is not None and self.known_from <= day):
            return self
        return self._replace(known_from=day)


def rules_of(account: Account) -> Rules:
    """The part of an account's configuration that the projections depend on."""
    return Rules(account.zone, account.currency, account.rates, asks=account.api is not None)


def fingerprint_of(account: Account) -> str:
    """The rules by which this process computes an account's projections: the relations, and the part of its
    configuration that they depend on. When the rules change, the projections are rebuilt from state."""
    rates = ",".join(f"{currency}={rate}" for currency, rate in sorted(account.rates.items()))
    asks = "asks" if account.api is not None else ""
    return f"{account.timezone}|{zone_version()}|{account.currency}|{rates}|{asks}|{FINGERPRINT}"


_SELECT = select(*HEADS.c)
_HEAD = Prepared(_SELECT.where(HEADS.c.account == bindparam("account")))
_HEADS = _SELECT.where(in_list(HEADS.c.account, "accounts"))
_LOCKED = _SELECT.order_by(HEADS.c.account).with_for_update()
_LOCKED_HEAD = Prepared(_LOCKED.where(HEADS.c.account == bindparam("account")))
_LOCKED_HEADS = Prepared(_LOCKED.where(in_list(HEADS.c.account, "accounts")))
_FREE_HEAD = (
    select(HEADS.c.account).where(HEADS.c.account == bindparam("account")).with_for_update(skip_locked=True)
)
_DUE = select(HEADS.c.account).where(
    in_list(HEADS.c.account, "accounts"),
    or_(HEADS.c.next_tick_at <= bindparam("now"), HEADS.c.as_of > bindparam("latest")),
)


def head(connection: Connection, account: str) -> Head | None:
    """The head row of an account; None if there is none."""
    rows = _HEAD.rows(connection, {"account": account})
    return Head(*rows[0]) if rows else None


def read_all(connection: Connection, accounts: Collection[str]) -> dict[str, Head]:
    """The head rows of those accounts that have one, by account."""
    return {row[0]: Head(*row) for row in connection.execute(_HEADS, {"accounts": accounts})}


def locked(connection: Connection, accounts: Collection[str]) -> dict[str, Head]:
    """The head rows of some accounts that the service has prepared, by account. They are locked in one order,
    and other nodes commit to none of the accounts until this transaction ends.

    Raises:
        Unknown: An account has no head row.
    """
    if len(accounts) == 1:
        rows = _LOCKED_HEAD.rows(connection, {"account": next(iter(accounts))})
    else:
        rows = _LOCKED_HEADS.rows(connection, {"accounts": accounts})
    found = {row[0]: Head(*row) for row in rows}
    for account in accounts:
        if account not in found:
            raise _no_board(account)
    return found


def lock_if_free(connection: Connection, account: str) -> bool:
    """Lock a head row unless another transaction holds its lock; returns whether it is locked now."""
    return connection.execute(_FREE_HEAD, {"account": account}).one_or_none() is not None


def has_rules(stored: Head, account: Account) -> bool:
    """Whether the rules of this process computed an account's figures."""
    return stored.rules_fingerprint == fingerprint_of(account)


def check_rules(stored: Head, account: Account) -> None:
    """Raise `OtherRules` unless the rules of this process computed an account's figures."""
    if not has_rules(stored, account):
        raise OtherRules(
            f"other rules computed account {account.id} ({stored.rules_fingerprint}): reload this node"
        )


def check_not_newer(connection: Connection, stored: Head, account: Account) -> None:
    """Raise `OtherRules` if a newer version of the service computed an account's figures, because an old
    version that restarts during an upgrade must not compute them its own way again. A newer version has a
    higher revision, or has migrated the database for relations that this version does not know."""
    if stored.revision > REVISION or (not has_rules(stored, account) and schema.is_newer(connection)):
        raise OtherRules(f"a newer version of the service computed account {account.id}: upgrade this node")


def prepared(connection: Connection, account: str, *, lock: bool = False) -> Head:
    """The head row of an account that the service has prepared; `lock` keeps other nodes from committing to
    the account until this transaction ends.

    Raises:
        Unknown: The account has no head row.
    """
    if lock:
        return locked(connection, [account])[account]
    row = head(connection, account)
    if row is None:
        raise _no_board(account)
    return row


def _no_board(account: str) -> Unknown:
    return Unknown(f"account {account} has no board yet: lossboard serve makes it")


_STORE = updating(HEADS, [column for column in HEADS.c if not column.primary_key])


def store(connection: Connection, *changed: Head) -> None:
    """Write head rows whose locks the transaction holds."""
    _STORE.run(connection, changed)


def touch(connection: Connection, accounts: Iterable[str]) -> str | None:
    """Write the head row of one of some accounts as it is, and return the account; None if other transactions
    hold them all."""
    free = next((one for one in sorted(accounts) if lock_if_free(connection, one)), None)
    if free is not None:
        connection.execute(update(HEADS).where(HEADS.c.account == free).values(seq=HEADS.c.seq))
    return free


def ensure(connection: Connection, account: Account, now: Instant) -> None:
    """Insert the head row of an account that has none."""
    statement = insert_into(connection.dialect.name, HEADS).values(
        account=account.id,
        seq=0,
        deliveries=0,
        as_of=now,
        next_tick_at=next_midnight(now, account.zone),
        last_delivery_at=None,
        pruned=0,
        revision=REVISION,
        rules_fingerprint=fingerprint_of(account),
        known_from=None,
        quarantined=0,
        looked_at=None,
        has_mergers=False,
    )
    connection.execute(statement.on_conflict_do_nothing())


def moment_after(as_of: Instant, now: Instant, skew: Micros = CLOCK_SKEW) -> Instant:
    """The board's next moment, given its last one and the clock. It goes back only if the clock was set back,
    which a clock that is behind by `skew` at most was not."""
    return max(as_of, now) if as_of - now <= skew else now


def due_accounts(
    connection: Connection,
    accounts: Collection[str],
    now: Instant,
    limit: int | None = None,
    skew: Micros = CLOCK_SKEW,
) -> list[str]:
    """Those of some accounts whose boards time alone has changed by now, `limit` at most: what is due, and
    those that are ahead because the clock was set back."""
    parameters = {"accounts": accounts, "now": now, "latest": later(now, skew)}
    return list(connection.execute(_DUE.limit(limit), parameters).scalars())


_BOUNDS = select(func.min(HEADS.c.next_tick_at), func.max(HEADS.c.as_of)).where(
    in_list(HEADS.c.account, "accounts")
)


def bounds(connection: Connection, accounts: Collection[str]) -> tuple[Instant, Instant] | None:
    """The next moment at which time alone changes some board, and the latest that some board is true at; None
    without accounts."""
    next_tick_at, as_of = connection.execute(_BOUNDS, {"accounts": accounts}).one()
    return None if as_of is None else (next_tick_at, as_of)


def looks(connection: Connection) -> dict[str, Instant | None]:
    """Every account that the database has, also one that is no longer configured, and when retention last
    looked at it."""
    rows = connection.execute(select(HEADS.c.account, HEADS.c.looked_at))
    return dict(tuple(row) for row in rows)


_LOOKED = (
    update(HEADS).where(in_list(HEADS.c.account, "accounts")).values({HEADS.c.looked_at: bindparam("now")})
)


def look(connection: Connection, accounts: Collection[str], now: Instant) -> None:
    """Note that retention looks at some accounts now."""
    connection.execute(_LOOKED, {"accounts": accounts, "now": now})


def sequence_numbers(connection: Connection, accounts: Collection[str]) -> dict[str, int]:
    """The sequence numbers of some accounts, by account."""
    statement = select(HEADS.c.account, HEADS.c.seq).where(in_list(HEADS.c.account, "accounts"))
    rows = connection.execute(statement, {"accounts": accounts})
    return dict(tuple(row) for row in rows)


_NEXT_DUE = select(func.min(TASKS.c.open_due_at)).where(
    TASKS.c.account == bindparam("account"), TASKS.c.open_due_at > bindparam("now")
)


def next_tick(connection: Connection, account: Account, now: Instant) -> Instant:
    """The account's next due time or local midnight after `now`, whichever is first."""
    midnight = next_midnight(now, account.zone)
    due = connection.execute(_NEXT_DUE, {"account": account.id, "now": now}).scalar()
    return midnight if due is None else min(midnight, due)
