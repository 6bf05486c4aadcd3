"""What each commit touched on the board: names of rows, not their contents. A reader re-reads just these.

A patch is a hint of where to look, and the rows are the truth, so it may name too much, but never too little.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from service.ledger.database.tables import INVALIDATIONS
from service.model import Entity
from service.projections.at_risk import MANAGER_STAKES
from service.projections.facts import Moment
from service.projections.habits import HABITS
from service.projections.losses import LOSSES
from service.projections.propagate import Flowed

KEPT: Final = 1_000
"""Commits of an account whose patches are kept, at the least; a reader further behind reads the whole
board."""

MANY: Final = 500
"""More clients than this in one patch: the whole board."""


class Invalidation(msgspec.Struct, omit_defaults=True):
    """What a commit touched.

    Args:
        clients: Clients at risk whose rows may differ.
        days: Days on which losses changed, as ordinals.
        managers: The managers' figures or names may differ.
        reasons: Some reason's name changed.
        pipelines: Some pipeline's name changed.
        everything: All of the board may differ (another day, a rebuild, too much to name).
        silent: Some of it is no news, so that nothing is announced.
    """

    clients: list[str] = []
    days: list[int] = []
    managers: bool = False
    reasons: bool = False
    pipelines: bool = False
    everything: bool = False
    silent: bool = False

    def __bool__(self) -> bool:
        return self != Invalidation()


def invalidation_of(
    flowed: Flowed,
    changed: Mapping[Entity, AbstractSet[str]],
    moments: tuple[Moment, Moment],
) -> Invalidation:
    """What a batch changed on the board: by its sums, and by the names that it changed."""
    clients = flowed.clients | changed.get("client", set())
    of = flowed.deltas
    return Invalidation(
        clients=sorted(clients) if len(clients) <= MANY else [],
        days=sorted({int(key[0]) for key in of.get(LOSSES, ())}),
        managers=bool(of.get(MANAGER_STAKES) or of.get(HABITS) or changed.get("manager")),
        reasons=bool(changed.get("reason")),
        pipelines=bool(changed.get("pipeline")),
        everything=moments[0].today != moments[1].today or len(clients) > MANY,
    )


_STORE = insert(INVALIDATIONS)


def store(connection: Connection, account: str, seq: int, touched: Invalidation) -> None:
    """Keep the patch of a commit, and drop old ones now and then."""
    connection.execute(
        _STORE, {"account": account, "seq": seq, "touched": msgspec.json.encode(touched).decode()}
    )
    if seq % KEPT == 0:
        connection.execute(
            delete(INVALIDATIONS).where(INVALIDATIONS.c.account == account, INVALIDATIONS.c.seq <= seq - KEPT)
        )


def between(connection: Connection, account: str, after: int, upto: int) -> Invalidation:
    """What the commits after one sequence number, up to another, touched together."""
    rows: Collection[str] = list(
        connection.execute(
            select(INVALIDATIONS.c.touched).where(
                INVALIDATIONS.c.account == account, INVALIDATIONS.c.seq > after, INVALIDATIONS.c.seq <= upto
            )
        ).scalars()
    )
    if len(rows) != upto - after:
        return Invalidation(everything=True)
    each = [msgspec.json.decode(row, type=Invalidation) for row in rows]
    return Invalidation(
        clients=sorted({client for one in each for client in one.clients}),
        days=sorted({day for one in each for day in one.days}),
        managers=any(one.managers for one in each),
        reasons=any(one.reasons for one in each),
        pipelines=any(one.pipelines for one in each),
        everything=any(one.everything for one in each),
        silent=any(one.silent for one in each),
    )
