"""Boards for the live tests, a clock that stands, and a reader that gives what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from service.config import Account, Secret, zone
from service.ledger.read.board import BoardRows, ClientRow, LossRow, Selection, TaskRow
from service.model import SECOND, Day, Instant, earlier, later
from tests.live.boards import NO_TOTALS, at_risk_totals

NOW = Instant(1_795_417_200 * SECOND)  # 2026-11-23T10:00:00+03:00

OFFICE = Account(
    id="office",
    title="Отдел продаж",
    crm="standard",
    webhook_secrets=(Secret("whsec_" + "A" * 32),),
    zone=zone("Europe/Moscow"),
    currency="RUB",
    language="ru",
)


def client(name: str, amount: int = 518_400, tasks: int = 1) -> ClientRow:
    """A client at risk, with overdue tasks."""
    rows = tuple(
        TaskRow(
            f"{name}-{n}", "позвонить", f"d-{name}", "Абонемент", "3", earlier(NOW, 60 * SECOND), amount, None
        )
        for n in range(tasks)
    )
    return ClientRow(name, f"Клиент {name}", amount, rows)


def reading(seq: int, *clients: ClientRow, as_of: Instant = NOW, lost: int = 0) -> BoardRows:
    """A board with some clients at risk and some refusals."""
    return BoardRows(
        account="office",
        seq=seq,
        as_of=as_of,
        last_delivery_at=NOW,
        totals={**NO_TOTALS, "at_risk": at_risk_totals(clients)},
        saved={},
        closed=frozenset(),
        unconverted={},
        clients={row.client_id: row for row in clients},
        managers=(),
        manager_names={"3": "Анна"},
        pipeline_names={"1": "Продажи"},
        losses={
            Selection(Day(0), Day(0)): (LossRow("r", "Выбрал других", lost, lost * 100),) if lost else ()
        },
    )


class Books:
    """A reader whose board is set by the test; any range of days has the same losses."""

    def __init__(self) -> None:
        self.board = reading(1)
        self.reads = 0
        self.broken: Exception | None = None

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        (losses,) = self.board.losses.values()
        return replace(self.board, account=account_id, losses=dict.fromkeys(selections, losses))


class StandingClock:
    """Stands until it is advanced; waits end when their time has come, or they are woken."""

    def __init__(self) -> None:
        self.moment = NOW
        self._sleepers: list[tuple[Instant, asyncio.Event]] = []

    def now(self) -> Instant:
        return self.moment

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        if wake.is_set() or seconds <= 0:
            await asyncio.sleep(0)
            return
        due = asyncio.Event()
        self._sleepers.append((later(self.moment, int(seconds * SECOND)), due))
        waits = [asyncio.create_task(event.wait()) for event in (due, wake)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    @property
    def sleeping(self) -> bool:
        """Whether somebody waits for a later moment."""
        return bool(self._sleepers)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.moment = later(self.moment, int(seconds * SECOND))
        for at, due in self._sleepers:
            if at <= self.moment:
                due.set()
        self._sleepers = [(at, due) for at, due in self._sleepers if at > self.moment]
