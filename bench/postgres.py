"""What a webhook costs a node on PostgreSQL: CPU time, of one account and of 64, to the commit before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from bench.before import before
from bench.load import rate
from bench.nodes import ACCOUNTS
from bench.rows import Goal, Row, in_turns, median, ratios
from bench.service import ROOT, node
from tests.databases import own_postgres

ROUNDS: Final = 5
CONNECTIONS: Final = 64
WEBHOOKS: Final = 1_500
OFFICES: Final = ("office", *ACCOUNTS)

_HOW: Final = (
    "CPU time of a node on PostgreSQL (fsync on) for a signed webhook, 64 at a time; to the commit before, "
    "in turns on one server"
)
ROWS: Final = {
    ("office",): Row(
        "PostgreSQL, a node's core for a webhook of one account, to before",
        Goal("≤", 0.5, "× before"),
        f"{_HOW}.",
    ),
    ACCOUNTS: Row(
        "PostgreSQL, a node's core for a webhook of 64 accounts, to before",
        Goal("≤", 0.35, "× before"),
        f"{_HOW}, each of another account than the one before it.",
    ),
}


def run() -> Iterator[Row]:
    """Measure both checkouts in turns, each with a database of its own."""
    with (
        own_postgres("max_connections = 200\n") as server,
        tempfile.TemporaryDirectory() as name,
        ExitStack() as stack,
    ):
        nodes = {}
        for kind, checkout in (("ours", ROOT), ("before", before())):
            folder = Path(name) / kind
            folder.mkdir()
            url = server.databases.empty()
            nodes[kind] = stack.enter_context(node(folder, url, accounts=OFFICES, checkout=checkout))
        for accounts, row in ROWS.items():
            measures = {
                kind: partial(_milliseconds, port, pid, accounts) for kind, (port, pid) in nodes.items()
            }
            for measure in measures.values():
                measure(-1)  # opens its connections
            costs = in_turns(ROUNDS, **measures)
            value = f"{median(costs['ours'])} ms, before {median(costs['before'])} ms"
            yield row.measured(value, ratios(costs["ours"], costs["before"]))


def _milliseconds(port: int, pid: int, accounts: Sequence[str], turn: int) -> float:
    """A node's CPU time for a webhook, in milliseconds."""
    process = psutil.Process(pid)
    began = process.cpu_times()
    rate(port, WEBHOOKS, CONNECTIONS, f"{len(accounts)}-{turn}-", accounts)
    ended = process.cpu_times()
    spent: float = ended.user + ended.system - began.user - began.system
    return spent / WEBHOOKS * 1e3
