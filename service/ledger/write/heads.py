"""The head row of an account: its sequence number, its moment, and the lock that serialises its commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from service.calendar import next_midnight
from service.config import Account, zone_version
from service.ledger.database.engine import insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import HEADS, TASKS
from service.model import SECOND, Instant
from service.projections import FINGERPRINT, REVISION
from service.projections.facts import Rules

HELD_BACK: Final = 60 * SECOND
"""A clock that is this little behind the board's moment is taken for another node's, and the moment is kept;
one that is further behind was set back, and the board follows it."""


class OtherRules(Exception):
    """An account's figures are computed by other rules than this process has: another node was configured
    anew, or is of a newer version. To add by the old rules to what was computed by the new ones would spoil
    them, so this process leaves the account alone until it is restarted."""


@dataclass(frozen=True, slots=True)
class Head:
    """See `tables.HEADS`."""

    account: str
    seq: int
    deliveries: int
    as_of: Instant
    next_tick_at: Instant
    last_delivery_at: Instant | None
    pruned: int
    revision: int
    rules_fingerprint: str


def rules_of(account: Account) -> Rules:
    """What of an account's configuration the projections depend on."""
    return Rules(account.zone, account.currency, account.rates, asks=account.api is not None)


def fingerprint_of(account: Account) -> str:
    """The rules that this process computes an account's projections by: the relations, and what of its
    configuration they depend on. When the rules change, the projections are rebuilt from state."""
    rates = ",".join(f"{currency}={rate}" for currency, rate in sorted(account.rates.items()))
    asks = "asks" if account.api is not None else ""
    return f"{account.timezone}|{zone_version()}|{account.currency}|{rates}|{asks}|{FINGERPRINT}"


_HEAD = select(*HEADS.c).where(HEADS.c.account == bindparam("account"))
_LOCKED_HEAD = _HEAD.with_for_update()
_FREE_HEAD = (
    select(HEADS.c.account).where(HEADS.c.account == bindparam("account")).with_for_update(skip_locked=True)
)
_DUE = select(HEADS.c.account).where(
    in_list(HEADS.c.account, "accounts"), HEADS.c.next_tick_at <= bindparam("now")
)


def head(connection: Connection, account: str, *, lock: bool = False) -> Head | None:
    """The head row; `lock` keeps other nodes from committing to the account until this transaction ends."""
    row = connection.execute(_LOCKED_HEAD if lock else _HEAD, {"account": account}).one_or_none()
    return None if row is None else Head(*row)


def lock_if_free(connection: Connection, account: str) -> bool:
    """Take the lock of a head row unless another transaction holds it; whether it was taken."""
    return connection.execute(_FREE_HEAD, {"account": account}).one_or_none() is not None


def has_rules(held: Head, account: Account) -> bool:
    """Whether an account's figures are computed by the rules of this process."""
    return held.rules_fingerprint == fingerprint_of(account)


def check_rules(held: Head, account: Account) -> None:
    """Raise `OtherRules` unless an account's figures are computed by the rules of this process."""
    if not has_rules(held, account):
        raise OtherRules(
            f"account {account.id} is computed by other rules ({held.rules_fingerprint}): restart this node"
        )


def check_revision(held: Head) -> None:
    """Raise `OtherRules` if an account's figures were computed by a newer version of the service: an old one
    that is started once more during an upgrade must not take them back."""
    if held.revision > REVISION:
        raise OtherRules(f"account {held.account} is computed by a newer version of the service")


def prepared(connection: Connection, account: str, *, lock: bool = False) -> Head:
    """The head row of an account that the service has prepared; `lock` as above.

    Raises:
        LookupError: It has not.
    """
    found = head(connection, account, lock=lock)
    if found is None:
        raise LookupError(f"account {account} has no head row")
    return found


_STORE = (
    update(HEADS)
    .where(HEADS.c.account == bindparam("the_account"))
    .values({column: bindparam(column.name) for column in HEADS.c if not column.primary_key})
)


def store(connection: Connection, changed: Head) -> None:
    """Write a head row, which the transaction holds the lock of."""
    values = {column.name: getattr(changed, column.name) for column in HEADS.c if not column.primary_key}
    connection.execute(_STORE, {"the_account": changed.account, **values})


def bump(connection: Connection, held: Head) -> None:
    """Count the sequence up: open boards read anew what the patch of the new number names."""
    connection.execute(update(HEADS).where(HEADS.c.account == held.account).values(seq=held.seq + 1))


def ensure(connection: Connection, account: Account, now: Instant) -> None:
    """Make the head row of a new account."""
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
    )
    connection.execute(statement.on_conflict_do_nothing())


def moment_after(as_of: Instant, now: Instant) -> Instant:
    """The board's next moment, given its last one and the clock: it goes back only when the clock was set
    back."""
    return max(as_of, now) if as_of - now <= HELD_BACK else now


def due_accounts(
    connection: Connection, accounts: Collection[str], now: Instant, limit: int | None = None
) -> list[str]:
    """Some of those accounts whose boards change by the clock alone, now."""
    given = {"accounts": accounts, "now": now}
    return list(connection.execute(_DUE.limit(limit), given).scalars())


_EARLIEST = select(func.min(HEADS.c.next_tick_at)).where(in_list(HEADS.c.account, "accounts"))


def earliest_tick(connection: Connection, accounts: Collection[str]) -> Instant | None:
    """The next moment at which some board changes by the clock alone; None without accounts."""
    return connection.execute(_EARLIEST, {"accounts": accounts}).scalar()


_SEQUENCE_NUMBERS = select(HEADS.c.account, HEADS.c.seq).where(in_list(HEADS.c.account, "accounts"))


def sequence_numbers(connection: Connection, accounts: Collection[str]) -> dict[str, int]:
    """Where the boards of some accounts are."""
    found = connection.execute(_SEQUENCE_NUMBERS, {"accounts": accounts})
    return dict(tuple(row) for row in found)


_NEXT_DUE = select(func.min(TASKS.c.open_due_at)).where(
    TASKS.c.account == bindparam("account"), TASKS.c.open_due_at > bindparam("now")
)


def next_tick(connection: Connection, account: Account, now: Instant) -> Instant:
    """The account's next due time or local midnight after `now`, whichever is first."""
    midnight = next_midnight(now, account.zone)
    due = connection.execute(_NEXT_DUE, {"account": account.id, "now": now}).scalar()
    return midnight if due is None else min(midnight, due)
