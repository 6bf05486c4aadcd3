"""Several nodes on one PostgreSQL, while processes are killed, frozen and restarted: see `tests/chaos`."""

from __future__ import annotations

from tests.chaos.storm import Plan, report
from tests.chaos.storm import run as run_plan


def plan(seed: int, scale: float) -> Plan:
    """A storm of that length; the sizes of what it rages over grow with it."""

    def part(full: int, least: int = 1) -> int:
        return max(least, round(full * scale))

    return Plan(
        seed=seed,
        accounts=part(200, 12),
        screens=part(300, 24),
        senders=part(16, 6),
        node_kills=part(50),
        node_freezes=part(10),
        node_stops=part(10),
        worker_kills=part(10),
        database_kills=part(10),
        database_freezes=part(5),
    )


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """A storm and what came of it."""
    planned = plan(seed, scale)
    result = run_plan(planned)
    assert not result.problems, report(result)
    return {
        "accounts": planned.accounts,
        "screens": planned.screens,
        "senders": planned.senders,
        **dict(sorted(result.strokes.items())),
        "deliveries tried": result.tried,
        "acknowledged": result.acknowledged,
        "in the log": result.applied,
        "streams opened": result.streams,
        "events on screens": result.events,
        "slowest answer, s": round(result.slowest, 1),
        "slowest stop, s": round(result.slowest_stop, 1),
        "problems": len(result.problems),
    }
