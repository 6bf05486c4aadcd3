"""What each commit made stale on open boards: the names of rows, not their contents.

A reader re-reads just these rows. An invalidation may name too much, but never too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, select

from service.ledger.database.statements.bulk import inserting
from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import INVALIDATIONS
from service.ledger.write import heads
from service.model import Day, Entity
from service.projections.at_risk import MANAGER_STAKES
from service.projections.facts import Moment
from service.projections.habits import HABITS
from service.projections.losses import LOSSES
from service.projections.propagate import Flowed

KEPT: Final = 1_000
"""Commits of an account whose invalidations are kept, at least. A reader that is further behind reads the
whole board."""

MANY: Final = 500
"""Clients that one invalidation names at most. With more, everything is stale."""


FILLER_BYTES: Final = 64 * 1024
"""The room that `fill` takes: that of a large webhook."""

_FILLER: Final = -1

_ENCODER: Final = msgspec.json.Encoder()


class Invalidation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a commit made stale.

    Args:
        clients: Clients whose rows may differ.
        days: Days on which losses changed, as ordinals.
        managers: Some manager's figures or name may differ.
        reasons: Some reason's name changed, or its kind by hand.
        pipelines: Some pipeline's name changed.
        everything: All of the board may differ (another day, a rebuild, too many clients).
        silent: Some of it is no news and is not announced.
    """

    clients: tuple[str, ...] = ()
    days: tuple[int, ...] = ()
    managers: bool = False
    reasons: bool = False
    pipelines: bool = False
    everything: bool = False
    silent: bool = False

    def __bool__(self) -> bool:
        return self != NOTHING


NOTHING: Final = Invalidation()


def invalidation_of(
    flowed: Flowed,
    changed_ids: Mapping[Entity, AbstractSet[str]],
    moments: tuple[Moment, Moment],
    *,
    silent: bool,
) -> Invalidation:
    """What a batch made stale, by its sums and by the names that it changed. `silent` if there is any."""
    clients = flowed.clients | changed_ids.get("client", frozenset())
    deltas = flowed.deltas
    invalidation = Invalidation(
        clients=tuple(sorted(clients)) if len(clients) <= MANY else (),
        days=tuple(sorted({int(key[0]) for key in deltas.get(LOSSES, ())})),
        managers=MANAGER_STAKES in deltas or HABITS in deltas or bool(changed_ids.get("manager")),
        reasons=bool(changed_ids.get("reason")),
        pipelines=bool(changed_ids.get("pipeline")),
        everything=moments[0].today != moments[1].today or len(clients) > MANY,
    )
    return msgspec.structs.replace(invalidation, silent=True) if silent and invalidation else invalidation


def union(invalidations: Iterable[Invalidation]) -> Invalidation:
    """What several commits made stale together."""
    parts = list(invalidations)
    return Invalidation(
        clients=tuple(sorted({client_id for part in parts for client_id in part.clients})),
        days=tuple(sorted({day for part in parts for day in part.days})),
        managers=any(part.managers for part in parts),
        reasons=any(part.reasons for part in parts),
        pipelines=any(part.pipelines for part in parts),
        everything=any(part.everything for part in parts),
        silent=any(part.silent for part in parts),
    )


_DECODER: Final = msgspec.json.Decoder(Invalidation)

_STORE = inserting(INVALIDATIONS)
_DROP = delete(INVALIDATIONS).where(
    INVALIDATIONS.c.account == bindparam("account"), INVALIDATIONS.c.seq <= bindparam("upto")
)
_READ: Final = Prepared(
    select(INVALIDATIONS.c.stale).where(
        INVALIDATIONS.c.account == bindparam("account"),
        INVALIDATIONS.c.seq > bindparam("after"),
        INVALIDATIONS.c.seq <= bindparam("upto"),
    )
)


def store(connection: Connection, account: str, seq: int, invalidation: Invalidation) -> None:
    """Store the invalidation of a commit. Every `KEPT` commits, drop those that are older than `KEPT`."""
    store_all(connection, [(account, seq, invalidation)])


def store_all(connection: Connection, made: Iterable[tuple[str, int, Invalidation]]) -> None:
    """The same for commits of several accounts: of each its account, its number and its invalidation."""
    rows = [(account, seq, _ENCODER.encode(stale).decode()) for account, seq, stale in made]
    _STORE.run(connection, rows)
    for account, seq, _ in rows:
        if seq % KEPT == 0:
            connection.execute(_DROP, {"account": account, "upto": seq - KEPT})


def read(connection: Connection, account: str, after: int, upto: int) -> list[Invalidation]:
    """The invalidations of the commits after one sequence number, up to another. Where some were dropped,
    everything is stale."""
    rows = _READ.rows(connection, {"account": account, "after": after, "upto": upto})
    if len(rows) != upto - after:
        return [Invalidation(everything=True)]
    return [_DECODER.decode(stale) for (stale,) in rows]


def fill(connection: Connection, account: str) -> None:
    """Store a row that means nothing and takes some room. No reader asks for its number."""
    _STORE.run(connection, [(account, _FILLER, " " * FILLER_BYTES)])


def empty(connection: Connection, account: str) -> None:
    """Delete what `fill` stored."""
    connection.execute(_DROP, {"account": account, "upto": _FILLER})


def refresh(
    connection: Connection,
    account: str,
    known_from: Day | None = None,
    stale: Invalidation = NOTHING,
) -> int:
    """Make a commit that changes no projection, so that open boards read again what stands beside the
    figures. Returns its number.

    Args:
        known_from: The losses are known from that day on (`Head.known_from`).
        stale: What else they read again.
    """
    head = heads.prepared(connection, account, lock=True).knowing_from(known_from)
    heads.store(connection, head._replace(seq=head.seq + 1))
    store(connection, account, head.seq + 1, stale)
    return head.seq + 1
