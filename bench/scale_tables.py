"""The tables of docs/explanation/scale.md, made from the results: costs, processes, and what offices need.

A figure that was not measured is a dash, and so is what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan
from typing import Final, NamedTuple, TypeAlias

from bench import cost, growth, nodes, sizing
from bench.rows import Row, number

Figures: TypeAlias = Mapping[str, float]
"""What was measured, by the row's name."""

OFFICES: Final = (100, 10_000, 100_000)
SCREENS: Final = 10
BUSIEST_HOUR: Final = 500 / 5 / 3600
"""Webhooks a second of an office in its busiest hour: a fifth of a day's 500."""

HEARTBEATS: Final = 1 / 5
"""Frames a second to a screen while nothing changes."""

GROUP: Final = 5_000
"""Accounts of a group of nodes, of which each has two."""

MONTH: Final = 30 * 500
"""Webhooks of an office in 30 days."""

A_DAY: Final = (100, 1_000, 10_000)
"""New deals a day."""

YEAR: Final = 365

_MANY: Final = sizing.WEBHOOK["64 accounts, 64 at a time"]
_NODE, _DATABASE, _LOG, _TABLES = _MANY.values()


def parts(figures: Figures) -> dict[str, str]:
    """What the document quotes, by the part's name."""
    return {
        "the costs": _table(
            ["", "a node's CPU", "the database's CPU", "log (WAL)", "tables"], _costs(figures)
        ),
        "the sizes": _table(["", "ratio of largest to smallest"], _sizes(figures)),
        "the growth": _table(["", *(f"{number(deals)} deals a day" for deals in A_DAY)], _growth(figures)),
        "the processes": _table(["to one process", "2 processes", "4 processes"], _processes(figures)),
        "the offices": _table(
            ["", *(f"{number(offices)} offices" for offices in OFFICES)], _offices(figures)
        ),
    }


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n" + "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in rows) + "\n"


def _shown(figures: Figures, row: Row, unit: str = "") -> str:
    figure = figures.get(row.name)
    return "–" if figure is None else f"{number(figure)}{unit}"


def _costs(figures: Figures) -> list[list[str]]:
    webhooks = [
        [
            f"a webhook, {kind}",
            *(_shown(figures, row, unit) for row, unit in zip(rows.values(), _UNITS, strict=True)),
        ]
        for kind, rows in sizing.WEBHOOK.items()
    ]
    board = [_shown(figures, row, " ms") for row in (sizing.BOARD, sizing.BOARD_DATABASE)]
    idle = [_shown(figures, row, " ms") for row in (sizing.IDLE, sizing.IDLE_DATABASE)]
    return [
        *webhooks,
        ["a frame to a screen", _shown(figures, sizing.FRAME, " µs"), "–", "–", "–"],
        ["a watched board without changes, each second", *board, "–", "–"],
        [f"{number(sizing.MANY)} accounts without changes, each second", *idle, "–", "–"],
        ["memory: a screen", _shown(figures, sizing.MEMORY, " KiB"), "–", "–", "–"],
        ["memory: an account", _shown(figures, sizing.ACCOUNT, " KiB"), "–", "–", "–"],
        ["memory: a node with one account", _shown(figures, sizing.NODE, " MiB"), "–", "–", "–"],
    ]


_UNITS: Final = (" ms", " ms", " bytes", " bytes")


def _sizes(figures: Figures) -> list[list[str]]:
    rows = [row for row in (*cost.ROWS, *cost.LARGE_ROWS) if row.goal is not None]
    return [[row.name, _shown(figures, row)] for row in rows]


def _processes(figures: Figures) -> list[list[str]]:
    kinds = {
        "webhooks a second, 64 accounts": nodes.ACROSS,
        "webhooks a second, one account": nodes.WITHIN,
        f"time of a frame to all of {nodes.SCREENS} screens": nodes.FRAMES,
    }
    return [[kind, *(_shown(figures, row) for row in rows.values())] for kind, rows in kinds.items()]


class _Need(NamedTuple):
    """A line of what offices need.

    Args:
        amount: For a number of offices, from the figures.
    """

    what: str
    amount: Callable[[Figures, int], float]
    unit: str = ""


def _growth(figures: Figures) -> list[list[str]]:
    """Bytes on the disk by the number of deals a day."""
    body, kept, deal = (figures.get(row.name, nan) for row in growth.ROWS)
    lines = {
        "bodies within retention, GB": growth.KEEP_DAYS * growth.CHANGES * body,
        "the rest of the log, GB a year": YEAR * growth.CHANGES * kept,
        "deals, clients and figures, GB a year": YEAR * deal,
        "together after a year, GB": growth.KEEP_DAYS * growth.CHANGES * body
        + YEAR * (growth.CHANGES * kept + deal),
    }
    return [
        [what, *("–" if isnan(of_one) else number(of_one * deals / 1e9) for deals in A_DAY)]
        for what, of_one in lines.items()
    ]


def _webhook_cores(figures: Figures, offices: int) -> float:
    return figures[_NODE.name] / 1e3 * BUSIEST_HOUR * offices


def _board_cores(figures: Figures, offices: int) -> float:
    return figures[sizing.BOARD.name] / 1e3 * offices


def _frame_cores(figures: Figures, offices: int) -> float:
    return figures[sizing.FRAME.name] / 1e6 * SCREENS * (HEARTBEATS + BUSIEST_HOUR) * offices


def _account_cores(figures: Figures, offices: int) -> float:
    groups = -(-offices // GROUP)
    return figures[sizing.IDLE.name] / 1e3 * 2 * min(offices, GROUP) / sizing.MANY * groups


def _database_cores(figures: Figures, offices: int) -> float:
    webhooks = figures[_DATABASE.name] * BUSIEST_HOUR
    return (webhooks + figures[sizing.BOARD_DATABASE.name]) / 1e3 * offices


_NEEDS: Final = (
    _Need("webhooks a second, busiest hour", lambda _, offices: BUSIEST_HOUR * offices),
    _Need("nodes' cores: webhooks", _webhook_cores),
    _Need("… watched boards", _board_cores),
    _Need("… frames", _frame_cores),
    _Need("… accounts without changes", _account_cores),
    _Need(
        "nodes' memory for screens",
        lambda figures, offices: figures[sizing.MEMORY.name] / 2**20 * SCREENS * offices,
        " GiB",
    ),
    _Need("the database's cores", _database_cores),
    _Need(
        "log, busiest hour",
        lambda figures, offices: figures[_LOG.name] / 1e6 * BUSIEST_HOUR * offices,
        " MB/s",
    ),
    _Need(
        "bodies and log rows of 30 days",
        lambda figures, offices: figures[_TABLES.name] / 1e9 * MONTH * offices,
        " GB",
    ),
)


def _offices(figures: Figures) -> list[list[str]]:
    return [[need.what, *(_needed(need, figures, offices) for offices in OFFICES)] for need in _NEEDS]


def _needed(need: _Need, figures: Figures, offices: int) -> str:
    try:
        return f"{number(need.amount(figures, offices))}{need.unit}"
    except KeyError:
        return "–"
