"""How far going through each CRM's API has come, who does it, and what the board says of it.

One process at a time works an account's API: it holds the account's lease, and renews it while it works. A
pass that is under way is stored with the place that it has come to, so that whoever takes over goes on there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Column, Connection, or_, select, update

from service.ledger.database.engine import insert_into
from service.ledger.database.tables import SYNCS
from service.ledger.write import heads, invalidations
from service.ledger.write.invalidations import Invalidation
from service.model import SECOND, Instant, SyncProblem

LEASE: Final = 60 * SECOND
"""How long a lease lasts that is not renewed: so long an account's API rests when its process dies."""


class SyncPage(msgspec.Struct, frozen=True, array_like=True):
    """A call, as it is stored. It names no token, which every call gets as it is sent."""

    resource: str
    path: str
    query: list[tuple[str, str]]
    body: str


class SyncRun(msgspec.Struct, frozen=True, omit_defaults=True):
    """Going through a CRM's API once.

    Args:
        kind: `backfill` brings an account up to now; `reconcile` mends what webhooks lost since the last
            pass.
        began_at: State is the CRM's up to then, once the pass is complete.
        since: From when on a reconciliation looks.
        stage: How many stages are done.
        stages: How many there are; 0 before it is known.
        page: Where the present stage goes on; None at its beginning.
        entities: Deals and tasks read so far, for people.
        repaired: Deals and tasks that it mended.
    """

    kind: Literal["backfill", "reconcile"]
    began_at: Instant
    since: Instant = 0
    stage: int = 0
    stages: int = 0
    page: SyncPage | None = None
    entities: int = 0
    repaired: int = 0


@dataclass(frozen=True, slots=True)
class Sync:
    """An account's row. `run` is the run under way; `synced_at` says up to when state is the CRM's."""

    run: SyncRun | None
    synced_at: Instant | None
    repaired: int
    problem: SyncProblem


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What the board says of it."""

    repaired: int = 0
    problem: SyncProblem = ""


_RUN = SYNCS.c.run
_ENCODER: Final = msgspec.json.Encoder()


def _ensure(connection: Connection, account: str) -> None:
    row = insert_into(connection.dialect.name, SYNCS).values(
        account=account, holder="", held_until=0, repaired=0, problem=""
    )
    connection.execute(row.on_conflict_do_nothing())


def take(connection: Connection, account: str, holder: str, now: Instant) -> Sync | None:
    """Take the lease of an account, or renew it; None while another process holds it."""
    _ensure(connection, account)
    taken = connection.execute(
        update(SYNCS)
        .where(SYNCS.c.account == account, or_(SYNCS.c.holder == holder, SYNCS.c.held_until <= now))
        .values(holder=holder, held_until=now + LEASE)
    )
    return read(connection, account) if taken.rowcount else None


def release(connection: Connection, account: str, holder: str) -> None:
    """Let another process have the lease at once."""
    connection.execute(
        update(SYNCS).where(SYNCS.c.account == account, SYNCS.c.holder == holder).values(held_until=0)
    )


def read(connection: Connection, account: str) -> Sync:
    """How far an account has come."""
    columns = _RUN, SYNCS.c.synced_at, SYNCS.c.repaired, SYNCS.c.problem
    row = connection.execute(select(*columns).where(SYNCS.c.account == account)).one_or_none()
    if row is None:
        return Sync(None, None, 0, "")
    run = None if row[0] is None else msgspec.json.decode(row[0], type=SyncRun)
    return Sync(run, row.synced_at, row.repaired, row.problem)


def begin(connection: Connection, account: str, run: SyncRun) -> SyncRun:
    """Begin a pass, unless one of the same kind, or a backfill, is under way: then that one goes on."""
    _ensure(connection, account)
    held = read(connection, account).run
    if held is not None and held.kind in (run.kind, "backfill"):
        return held
    connection.execute(update(SYNCS).where(SYNCS.c.account == account).values(_values(run)))
    return run


def begin_again(connection: Connection, account: str, now: Instant) -> None:
    """Begin a backfill by hand, and forget that the token was refused: it may be another one by now."""
    begin(connection, account, SyncRun("backfill", now))
    if read(connection, account).problem == "api_refused":
        tell(connection, account, "")


def _values(run: SyncRun) -> dict[Column[Any], str]:
    return {_RUN: _ENCODER.encode(run).decode()}


def advance(connection: Connection, account: str, holder: str, run: SyncRun) -> None:
    """Store where a pass has come to, unless the lease was lost meanwhile."""
    mine = SYNCS.c.account == account, SYNCS.c.holder == holder
    connection.execute(update(SYNCS).where(*mine).values(_values(run)))


def finish(connection: Connection, account: str, holder: str, run: SyncRun) -> bool:
    """A pass is complete: the board says what it mended. Nothing, and False, if the lease was lost."""
    mine = SYNCS.c.account == account, SYNCS.c.holder == holder
    values = {_RUN: None, SYNCS.c.synced_at: run.began_at}
    done = bool(connection.execute(update(SYNCS).where(*mine).values(values)).rowcount)
    if done and run.kind == "reconcile":
        _show(connection, account, SyncReport(run.repaired, read(connection, account).problem))
    return done


def tell(connection: Connection, account: str, problem: SyncProblem) -> None:
    """What somebody must see to; empty once it is seen to."""
    _show(connection, account, SyncReport(read(connection, account).repaired, problem))


def _show(connection: Connection, account: str, new: SyncReport) -> None:
    """Store what the board says, and have open boards read it."""
    head = heads.prepared(connection, account, lock=True)
    changed = connection.execute(
        update(SYNCS)
        .where(
            SYNCS.c.account == account, or_(SYNCS.c.repaired != new.repaired, SYNCS.c.problem != new.problem)
        )
        .values(repaired=new.repaired, problem=new.problem)
    )
    if changed.rowcount:
        heads.bump(connection, head)
        invalidations.store(connection, account, head.seq + 1, Invalidation())
