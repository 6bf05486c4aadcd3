"""A million deals: what it costs to keep the board true after a webhook, to what it costs to compute it
again.

The queries are those of a business intelligence tool: they group the tables of state, with every index
that the service has. Their results must be those of the board.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, Final, TypeAlias

from sqlalchemy import text

from bench.cost import Office
from bench.filled import filled
from bench.office import ACCOUNT, NOW
from bench.rows import Goal, Row, in_turns, median, ratios
from service.calendar import day_start, local_day, parse_period, previous, shifted
from service.clock import SystemClock
from service.ledger.database.database import Database
from service.ledger.read.board import Selection
from service.ledger.read.reader import BoardReader
from service.ledger.write.committer import Committer
from service.ledger.write.outcome import Outcome
from service.model import Instant

DEALS: Final = 1_000_000
ROUNDS: Final = 5
COMMITS: Final = 20

_HOW: Final = (
    "GROUP BY queries over the tables of state (refusals by reason of this month and the one before, clients "
    "at risk, open deals without a next step), to a webhook in the service's writer, and the read of what it "
    "made stale; SQLite, wall time, results equal."
)
ROWS: Final = {
    1: Row("the snapshot by SQL, a million deals, to a webhook", Goal("≥", 1_000, "× a webhook"), _HOW),
    64: Row("the snapshot by SQL, a million deals, to a webhook of 64 a commit", None, _HOW),
}
"""By webhooks a commit."""

_LOSSES: Final = text(
    "SELECT reason_id, count(*), sum(amount) FROM deals "
    "WHERE account = :account AND known AND status = 'lost' AND lost_at >= :first AND lost_at < :end "
    "GROUP BY reason_id"
)
_OPEN: Final = "d.account = :account AND d.known AND (d.status = 'open' OR d.status IS NULL)"
_OVERDUE: Final = "t.account = :account AND t.open_due_at <= :now"
_OWN: Final = f"SELECT t.client_id FROM tasks AS t WHERE {_OVERDUE} AND t.deal_id IS NULL"
_AT_RISK: Final = text(
    "SELECT client_id, sum(tasks), sum(amount) FROM ("
    f"SELECT d.client_id, count(*) AS tasks, iif(d.client_id IN ({_OWN}), 0, d.amount) AS amount "
    f"FROM tasks AS t JOIN deals AS d ON d.account = t.account AND d.id = t.deal_id "
    f"WHERE {_OVERDUE} AND {_OPEN} GROUP BY d.id "
    f"UNION ALL SELECT t.client_id, count(*), 0 FROM tasks AS t "
    f"WHERE {_OVERDUE} AND t.deal_id IS NULL GROUP BY t.client_id "
    f"UNION ALL SELECT d.client_id, 0, sum(d.amount) FROM deals AS d "
    f"WHERE {_OPEN} AND d.client_id IN ({_OWN}) GROUP BY d.client_id"
    ") GROUP BY client_id"
)
_STEPLESS: Final = text(
    f"SELECT count(*), sum(d.amount) FROM deals AS d WHERE {_OPEN} AND d.id NOT IN ("
    "SELECT t.deal_id FROM tasks AS t WHERE t.account = :account AND t.deal_id IS NOT NULL "
    "AND t.done_at IS NULL AND t.deleted IS NULL)"
)


class _Stopped(SystemClock):
    """A clock that stands at the office's time."""

    def now(self) -> Instant:
        """That time."""
        return NOW


def run() -> Iterator[Row]:
    """Measure a recomputation and webhooks in turns."""
    ledger = filled(DEALS)
    with closing(Database(ledger.url)) as database, closing(Office(ledger)) as office:
        board = _Board(database, office)
        measures = {str(batch): partial(board.webhooks, batch) for batch in ROWS}
        spent = in_turns(ROUNDS, sql=board.recompute, **measures)
    for batch, row in ROWS.items():
        value = f"SQL {median(spent['sql'])} ms, a webhook {median(spent[str(batch)])} ms"
        yield row.measured(value, ratios(spent["sql"], spent[str(batch)]))


_Pair: TypeAlias = tuple[int, int]
_Figures: TypeAlias = tuple[list[dict[str, _Pair]], dict[str, _Pair], _Pair]
"""Refusals by reason of each selection, clients at risk, deals without a next step."""


class _Board:
    """A board that is kept true by webhooks, and the same by SQL."""

    def __init__(self, database: Database, office: Office) -> None:
        self._database = database
        self._office = office
        self._committer = Committer(database, {ACCOUNT.id: ACCOUNT}, _Stopped())
        self._reader = BoardReader(database, {ACCOUNT.id: ACCOUNT}, _Stopped())
        today = local_day(NOW, ACCOUNT.zone)
        period = parse_period("month", today)
        self._selections = [Selection(period.first, period.last), Selection(*previous(period, today))]
        self._deals = office.deals(any_at_all=False)
        self._rows = self._reader.read(ACCOUNT.id, self._selections)

    def webhooks(self, batch: int, _turn: int) -> float:
        """Milliseconds for a webhook, so many a commit, with the read after it."""
        work = [[self._office.webhook(self._deals) for _ in range(batch)] for _ in range(COMMITS)]
        began = time.perf_counter()
        for deliveries in work:
            told, _ = self._committer.commit([self._office.delivery(changes) for changes in deliveries])
            if not all(isinstance(one, Outcome) and one.status == "applied" for one in told):
                raise RuntimeError("a webhook was not applied")
            self._rows = self._reader.read(ACCOUNT.id, self._selections, self._rows)
        return (time.perf_counter() - began) / COMMITS / batch * 1000

    def recompute(self, _turn: int) -> float:
        """Milliseconds for the same figures by SQL, which must be those of the board."""
        began = time.perf_counter()
        recomputed = self._recomputed()
        seconds = time.perf_counter() - began
        if recomputed != self._shown():
            raise RuntimeError("SQL gives other figures than the board shows")
        return seconds * 1000

    def _recomputed(self) -> _Figures:
        with self._database.reading() as connection:
            parameters = {"account": ACCOUNT.id, "now": NOW}
            losses = [
                _by_key(connection.execute(_LOSSES, {"account": ACCOUNT.id, **self._bounds(selection)}))
                for selection in self._selections
            ]
            at_risk = _by_key(connection.execute(_AT_RISK, parameters))
            deals, amount = connection.execute(_STEPLESS, parameters).one()
        return losses, at_risk, (deals, amount)

    def _bounds(self, selection: Selection) -> dict[str, int]:
        """The moments between which the selection's deals were lost."""
        first, end = selection.first, shifted(selection.last, 1)
        return {"first": day_start(first, ACCOUNT.zone), "end": day_start(end, ACCOUNT.zone)}

    def _shown(self) -> _Figures:
        losses = [
            {str(row.reason_id): (row.count, row.amount) for row in self._rows.losses[selection]}
            for selection in self._selections
        ]
        at_risk = {key: (len(row.tasks), row.amount) for key, row in self._rows.clients.items()}
        stepless = self._rows.totals["no_next_step"]
        return losses, at_risk, (stepless["deals"], stepless["amount"])


def _by_key(rows: Iterable[Sequence[Any]]) -> dict[str, _Pair]:
    return {str(key): (count, amount) for key, count, amount in rows}
