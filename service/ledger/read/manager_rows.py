"""The managers of a board: what is overdue now, and the habits of a week and a month (SPEC section 3.8)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, select

from service.ledger.database.statements.prepared import Prepared
from service.ledger.database.tables import SUMS
from service.ledger.read.board import HabitDay, Late, ManagerRow, ManagerSums
from service.ledger.write import sums
from service.model import SECOND, Day, Instant
from service.projections.at_risk import MANAGER_STAKES
from service.projections.habits import HABITS, overdue_time

WEEK: Final = 7
MONTH: Final = 30
"""Days of the two habits, today among them."""

_HABITS = SUMS[HABITS]
_MONTHS_HABITS: Final = Prepared(
    select(*(_HABITS.c[name] for name in HabitDay._fields)).where(
        _HABITS.c.account == bindparam("account"),
        _HABITS.c.day > bindparam("today") - MONTH,
        _HABITS.c.day <= bindparam("today"),
    )
)


def read(connection: Connection, account: str, today: Day) -> ManagerSums:
    """What is stored of the managers for a board of today (an ordinal)."""
    stakes = sums.listed(connection, account, MANAGER_STAKES)
    habits = _MONTHS_HABITS.rows(connection, {"account": account, "today": today})
    return ManagerSums(
        today,
        {str(manager_id): (tasks, amount) for (manager_id,), (tasks, amount) in stakes},
        tuple(HabitDay(*row) for row in habits),
    )


def rows(stored: ManagerSums, as_of: Instant) -> tuple[ManagerRow, ...]:
    """Managers with overdue tasks, or with a habit in the last 30 days. The mean times of tasks that are
    still overdue grow by themselves, with `as_of`."""
    habits: dict[tuple[str, int], tuple[int, int]] = {}
    for habit in stored.habits:
        late = habit.late_tasks + habit.overdue_tasks
        overdue_us = overdue_time(habit.day, habit.overdue_tasks, habit.overdue_us, as_of)
        time = habit.late_s * SECOND + overdue_us
        for days in (WEEK, MONTH):
            if habit.day > stored.today - days:
                tasks, total = habits.get((habit.manager_id, days), (0, 0))
                habits[habit.manager_id, days] = (tasks + late, total + time)
    everyone = sorted(stored.stakes.keys() | {manager_id for manager_id, _ in habits})
    return tuple(
        ManagerRow(
            manager_id or None,
            *stored.stakes.get(manager_id, (0, 0)),
            _late(habits.get((manager_id, WEEK))),
            _late(habits.get((manager_id, MONTH))),
        )
        for manager_id in everyone
    )


def _late(summed: tuple[int, int] | None) -> Late:
    if summed is None or not summed[0]:
        return Late()
    tasks, total = summed
    return Late(tasks, total // (tasks * SECOND))
