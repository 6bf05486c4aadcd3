"""Rows of made-up offices, the boards that are built from them, and a reader that gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from hypothesis import strategies as st

from service.calendar import parse_instant
from service.config import Account, Language, Secret, zone
from service.ledger.read.board import (
    BoardRows,
    ClientRow,
    Known,
    Late,
    LossRow,
    ManagerRow,
    Selection,
    TaskRow,
)
from service.ledger.read.reader import BoardReader
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery
from service.live.board.ranges import ranges
from service.live.board.snapshot import Snapshot, Sort
from service.model import SECOND, Day, Instant, earlier
from service.projections import FLOW
from service.reasons import reason_key

NOW: Final[Instant] = parse_instant("2026-11-23T10:00:00.123+03:00")
QUERY: Final = BoardQuery("office", "month", "amount", "json", "ru")
MONTH: Final = ranges(QUERY, Day(date(2026, 11, 23).toordinal()))
OFFICE: Final = Account(
    id="office",
    title="Отдел продаж",
    crm="standard",
    webhook_secrets=(Secret("whsec_" + "A" * 32),),
    zone=zone("Europe/Moscow"),
    currency="RUB",
    language="ru",
)

EXAMPLE: Final = (
    ("Не отвечает более 3-х раз", 60, 11119700),
    ("Выбрал других", 1, 1641600),
    ("Хочет, но не сейчас", 48, 14200000),
    ("Нет у нас услуги", 21, 6120000),
    ("Целевой, но нет потребности", 19, 4074700),
    ("Не подходит график", 13, 3000000),
    ("Больше не звонить", 8, 1100000),
    ("Спам", 40, 0),
)
"""The refusals of the worked example, and spam, which does not count."""


def account(language: Language = "ru", currency: str = "RUB") -> Account:
    return replace(OFFICE, language=language, currency=currency)


def losses(*rows: tuple[str | None, int, int]) -> tuple[LossRow, ...]:
    """Refusals by the reason's name (or none), with count and minor units."""
    return tuple(LossRow(name and reason_key(name), name, count, amount) for name, count, amount in rows)


def task(task_id: str, hours: float = 1, **given: object) -> TaskRow:
    """A task that is so many hours overdue."""
    row = TaskRow(
        task_id, "позвонить", "42", "Абонемент", "3", earlier(NOW, int(hours * 3600) * SECOND), 518400, None
    )
    return replace(row, **given)  # type: ignore[arg-type]  # the fields of a task


def client(client_id: str, name: str | None, amount: int, *tasks: TaskRow) -> ClientRow:
    return ClientRow(client_id, name, amount, tasks)


NO_TOTALS: Final[Mapping[str, Mapping[str, int]]] = {
    relation.name: dict.fromkeys(relation.measures, 0) for relation in FLOW.totals
}
"""The totals of an account without deals."""


def at_risk_totals(clients: Sequence[ClientRow]) -> dict[str, int]:
    """The measures of the relation `at_risk` for some clients at risk."""
    return {
        "clients": len(clients),
        "amount": sum(row.amount for row in clients),
        "tasks": sum(len(row.tasks) for row in clients),
    }


def board_rows(
    clients: Sequence[ClientRow] = (),
    refusals: tuple[LossRow, ...] = (),
    *,
    managers: tuple[ManagerRow, ...] = (),
    before: tuple[LossRow, ...] = (),
    unconverted: Mapping[str, int] | None = None,
    seq: int = 1,
) -> BoardRows:
    return BoardRows(
        account="office",
        seq=seq,
        as_of=NOW,
        last_delivery_at=earlier(NOW, 40 * SECOND),
        totals={
            **NO_TOTALS,
            "at_risk": at_risk_totals(clients),
            "no_next_step": {"deals": 14, "amount": 38650000},
            "saved_today": {"clients": 2, "amount": 3140000},
        },
        saved={"7": 2000000, "8": 1140000},
        closed=frozenset(),
        unconverted=unconverted or {},
        clients={row.client_id: row for row in clients},
        managers=managers,
        manager_names={"3": "Анна"},
        pipeline_names={"1": "Продажи"},
        known_from=Day(date(2025, 1, 1).toordinal()),
        losses={
            **dict.fromkeys(MONTH.selections, ()),
            MONTH.current: refusals,
            MONTH.series[-8].current: refusals,
            MONTH.previous: before,
        },
    )


def with_clients(read: BoardRows, *clients: ClientRow, **changes: object) -> BoardRows:
    """A board with other clients at risk, and what follows from them."""
    totals = {**read.totals, "at_risk": at_risk_totals(clients)}
    rows = {row.client_id: row for row in clients}
    return replace(read, **{"clients": rows, "totals": totals, **changes})  # type: ignore[arg-type]  # the fields


def saved_today(read: BoardRows, clients: int, amount: int) -> dict[str, Mapping[str, int]]:
    """The totals of a board that has saved so many clients."""
    return {**read.totals, "saved_today": {"clients": clients, "amount": amount}}


class StubReader(BoardReader):
    """A reader whose board the test sets. No range of days has refusals."""

    def __init__(self) -> None:
        self.board = board_rows()
        self.reads = 0
        self.error: Exception | None = None

    def read(
        self, account_id: str, selections: Sequence[Selection], since: BoardRows | None = None
    ) -> BoardRows:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return replace(self.board, account=account_id, losses=dict.fromkeys(selections, ()))

    def known(self, account_id: str) -> Known:
        return Known(self.board.heard, self.board.known_from)


def board(read: BoardRows, office: Account = OFFICE, sort: Sort = "amount") -> Snapshot:
    return build_snapshot(read, office, QUERY._replace(sort=sort), MONTH)


def board_of(query: BoardQuery) -> Snapshot:
    """The worked example's board of another query, in whose period nothing was lost."""
    days = ranges(query, Day(date(2026, 11, 23).toordinal()))
    read = replace(worked_example(), losses=dict.fromkeys(days.selections, ()))
    return build_snapshot(read, OFFICE, query, days)


def worked_example() -> BoardRows:
    """412 560 ₽ on 170 refusals; one client, three tasks on one deal of 5 184 ₽ (SPEC 2.7 and 3.11)."""
    row = client("7", "Иван Петров", 518400, task("t1", 28), task("t2", 3), task("t3", 0.4))
    habits = (ManagerRow("3", 3, 518400, Late(5, 7200), Late(9, 5400)),)
    return board_rows([row], losses(*EXAMPLE), managers=habits)


IDS: Final = st.text(st.sampled_from("ab:/1é"), min_size=1, max_size=3)
AMOUNTS: Final = st.integers(-500, 10**9)
TASKS: Final = st.builds(
    TaskRow,
    task_id=IDS,
    text=st.none() | IDS,
    deal_id=st.none() | IDS,
    deal=st.none() | IDS,
    manager_id=st.none() | IDS,
    due_at=st.integers(0, 3).map(lambda hours: NOW - hours * 3600 * SECOND),
    amount=AMOUNTS,
    url=st.none() | st.sampled_from(["https://crm.example/1", "javascript:alert(1)"]),
)
CLIENTS: Final = st.lists(
    st.builds(
        ClientRow,
        client_id=IDS,
        client=st.none() | IDS,
        amount=st.integers(0, 3),
        tasks=st.lists(TASKS, min_size=1, max_size=3).map(tuple),
    ),
    max_size=5,
    unique_by=lambda row: row.client_id,
)
LATES: Final = st.builds(Late, tasks=st.integers(0, 3), mean_s=st.integers(0, 10**6))
MANAGERS: Final = st.lists(
    st.builds(
        ManagerRow,
        manager_id=st.none() | IDS,
        tasks=st.integers(0, 2),
        amount=AMOUNTS,
        late_7d=LATES,
        late_30d=LATES,
    ),
    max_size=4,
    unique_by=lambda row: row.manager_id,
).map(tuple)
REFUSALS: Final = st.lists(
    st.tuples(
        st.sampled_from([None, "Спам", "Дорого", "дорого ", *(name for name, _, _ in EXAMPLE)]),
        st.integers(1, 5),
        AMOUNTS,
    ),
    max_size=6,
    unique_by=lambda row: row[0],
).map(lambda rows: losses(*rows))
BOARD_ROWS: Final = st.builds(
    board_rows,
    CLIENTS,
    REFUSALS,
    managers=MANAGERS,
    before=REFUSALS,
    unconverted=st.dictionaries(st.sampled_from(["USD", "EUR"]), st.integers(0, 3)),
    seq=st.integers(1, 9),
)
