"""The run through each CRM's API: how far it is, which process does it, how much it repaired.

One process at a time uses an account's API: it holds the account's lease, and renews it while it works. A run
is stored with the place that it has reached, so that another process can take it over there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Column, Connection, bindparam, or_, select, update

from service.ledger.database.engine import insert_into
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import SYNCS
from service.ledger.write import invalidations, troubles
from service.ledger.write.heads import CLOCK_SKEW
from service.ledger.write.troubles import API_CODES
from service.model import SECOND, Day, Instant, Micros, later

LEASE: Final = Micros(60 * SECOND)
"""How long a lease lasts unless it is renewed. When the process dies, the account's API is not used for so
long."""


class SyncPage(msgspec.Struct, frozen=True, array_like=True):
    """A stored call. It has no token: every call gets one when it is sent."""

    resource: str
    path: str
    query: list[tuple[str, str]]
    body: str
    left: list[tuple[str, str]] = []


class SyncRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """One run through a CRM's API.

    Args:
        kind: `backfill` brings an account up to now; `reconcile` repairs what webhooks lost since the last
            run.
        began_at: When the run is complete, state is the CRM's as of then.
        since: A reconciliation reads what changed after this moment.
        stage: How many stages are done.
        stages: How many there are; 0 until that is known.
        page: Where the present stage goes on; None at its beginning.
        entities: Deals and tasks read so far, shown to people.
        repaired: Deals and tasks that the run repaired.
    """

    kind: Literal["backfill", "reconcile"]
    began_at: Instant
    since: Instant = Instant(0)
    stage: int = 0
    stages: int = 0
    page: SyncPage | None = None
    entities: int = 0
    repaired: int = 0


@dataclass(frozen=True, slots=True)
class Sync:
    """An account's row. `run` is the present run; state is the CRM's as of `synced_at`."""

    run: SyncRun | None
    synced_at: Instant | None
    repaired: int


_RUN = SYNCS.c.run
_ROWS = select(SYNCS.c.account, _RUN, SYNCS.c.synced_at, SYNCS.c.repaired)
_OF_ACCOUNT = _ROWS.where(SYNCS.c.account == bindparam("account"))
_OF_ACCOUNTS = _ROWS.where(in_list(SYNCS.c.account, "accounts"))
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(SyncRun)

NEVER: Final = Sync(None, None, 0)
"""Of an account that was never synced."""


def _ensure(connection: Connection, account: str) -> None:
    row = insert_into(connection.dialect.name, SYNCS).values(
        account=account, holder="", held_until=0, repaired=0
    )
    connection.execute(row.on_conflict_do_nothing())


def take(connection: Connection, account: str, holder: str, now: Instant) -> Sync | None:
    """Take or renew the lease of an account. Returns None while another process holds it. A lease that lasts
    longer than any was given by a clock that has been set back since, and counts no more."""
    _ensure(connection, account)
    is_over = or_(SYNCS.c.held_until <= now, SYNCS.c.held_until > later(now, Micros(LEASE + CLOCK_SKEW)))
    taken = connection.execute(
        update(SYNCS)
        .where(SYNCS.c.account == account, or_(SYNCS.c.holder == holder, is_over))
        .values(holder=holder, held_until=now + LEASE)
    )
    return read(connection, account) if taken.rowcount else None


def release(connection: Connection, account: str, holder: str) -> None:
    """Give the lease back, so that another process can take it at once."""
    connection.execute(
        update(SYNCS).where(SYNCS.c.account == account, SYNCS.c.holder == holder).values(held_until=0)
    )


def read(connection: Connection, account: str) -> Sync:
    """An account's row, or that of an account that was never synced."""
    row = connection.execute(_OF_ACCOUNT, {"account": account}).one_or_none()
    return NEVER if row is None else _sync(*row[1:])


def read_all(connection: Connection, accounts: Collection[str]) -> dict[str, Sync]:
    """The rows of accounts, by account; those that were never synced have none."""
    rows = connection.execute(_OF_ACCOUNTS, {"accounts": accounts})
    return {account: _sync(*columns) for account, *columns in rows}


def _sync(run: str | None, synced_at: Instant | None, repaired: int) -> Sync:
    return Sync(None if run is None else _DECODER.decode(run), synced_at, repaired)


def begin(connection: Connection, account: str, run: SyncRun) -> SyncRun:
    """Begin a run. If one of the same kind or a backfill is under way, return that one instead."""
    _ensure(connection, account)
    present = read(connection, account).run
    if present is not None and present.kind in (run.kind, "backfill"):
        return present
    connection.execute(update(SYNCS).where(SYNCS.c.account == account).values(_values(run)))
    return run


def begin_again(connection: Connection, account: str, now: Instant) -> None:
    """Begin a backfill on a person's request. Forget the troubles with the API, because the person may have
    mended them."""
    begin(connection, account, SyncRun("backfill", now))
    troubles.clear(connection, account, API_CODES)


def _values(run: SyncRun) -> dict[Column[Any], str]:
    return {_RUN: _ENCODER.encode(run).decode()}


def advance(connection: Connection, account: str, holder: str, run: SyncRun) -> None:
    """Store the place that a run has reached, unless the lease was lost meanwhile."""
    mine = SYNCS.c.account == account, SYNCS.c.holder == holder
    connection.execute(update(SYNCS).where(*mine).values(_values(run)))


def finish(
    connection: Connection, account: str, holder: str, run: SyncRun, known_from: Day | None = None
) -> bool:
    """Note that a run is complete, and report what a reconciliation repaired. Returns False, and does
    nothing, if the lease was lost meanwhile.

    Args:
        known_from: The first day of which a backfill read all losses.
    """
    mine = SYNCS.c.account == account, SYNCS.c.holder == holder
    values = {_RUN: None, SYNCS.c.synced_at: run.began_at}
    done = bool(connection.execute(update(SYNCS).where(*mine).values(values)).rowcount)
    if done and run.kind == "reconcile":
        _report(connection, account, run.repaired)
    if done and known_from is not None:
        invalidations.refresh(connection, account, known_from)
    return done


def _report(connection: Connection, account: str, repaired: int) -> None:
    """Store what a reconciliation repaired, and make open boards read it."""
    changed = connection.execute(
        update(SYNCS)
        .where(SYNCS.c.account == account, SYNCS.c.repaired != repaired)
        .values(repaired=repaired)
    )
    if changed.rowcount:
        invalidations.refresh(connection, account)
