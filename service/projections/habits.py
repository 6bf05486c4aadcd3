"""How often a manager's tasks go overdue, and for how long, by the day they were due (SPEC section 3.8).
Pure.

The time that an open task has been overdue grows by itself, so it is not stored. The number of such tasks and
the sum of their due times are stored, and the mean follows from these at any moment.
"""

from __future__ import annotations

from typing import Final

from service.model import DAY, SECOND, Day, Instant, Micros
from service.projections.facts import Moment, TaskFacts
from service.projections.flow import Contribution, Projection, Relation

HABITS = Relation("habits", ("day", "manager_id"), ("late_tasks", "late_s", "overdue_tasks", "overdue_us"))
"""The tasks due on a day: those completed late, and by how many whole seconds in all (in microseconds, a few
thousand tasks that a CRM says were completed a century late would overflow the sum); those still open past
their due time, and the sum of their due times in microseconds after `day_origin`."""

_EPOCH_DAY: Final = 719_163  # date(1970, 1, 1).toordinal()


def day_origin(day: Day) -> Instant:
    """The moment from which due times of a day are counted: its midnight in UTC. It keeps the sums small."""
    return Instant((day - _EPOCH_DAY) * DAY)


def overdue_time(day: Day, tasks: int, due_us: int, now: Instant) -> Micros:
    """How long a day's open tasks have been overdue in all, in microseconds."""
    return Micros(tasks * (now - day_origin(day)) - due_us)


def from_task(task: TaskFacts, moment: Moment) -> list[Contribution]:
    """A task counts on its due day while it is overdue, and after it was completed late."""
    if task.due_day is None or task.due_at is None:
        return []
    key = task.due_day, task.manager_id
    if task.late and task.done_at is not None:
        return [(HABITS, key, (1, (task.done_at - task.due_at) // SECOND, 0, 0))]
    if task.overdue(moment.now):
        return [(HABITS, key, (0, 0, 1, task.due_at - day_origin(task.due_day)))]
    return []


PROJECTION = Projection("habits", (HABITS,), from_task=from_task)
