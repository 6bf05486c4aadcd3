"""The clients that were saved today, each with the tasks that saved it (SPEC section 3.10)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, or_, select

from service.calendar import day_start, shifted
from service.config import Account
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import STATE, TASKS
from service.ledger.read import board_rows
from service.ledger.read.account_reader import AccountReader
from service.ledger.read.deal_rows import SLACK
from service.ledger.write import heads, state
from service.model import Day, Instant, Value
from service.projections.facts import DealFacts, TaskFacts, deal_facts, task_facts
from service.projections.merge import Record
from service.projections.saved import SAVING_PHASES

PAGE: Final = 1_000
"""Tasks that one statement returns at most."""

_CLIENTS: Final = STATE["client"]


@dataclass(frozen=True, slots=True)
class DoneTask:
    """A task that was completed late, today. `deal` is the name of its deal; `url` leads to the deal, or else
    to the task."""

    text: str | None
    deal_id: str | None
    deal: str | None
    manager_id: str | None
    pipeline_id: str | None
    done_at: Instant
    url: str | None


@dataclass(frozen=True, slots=True)
class SavedRow:
    """A client that was saved today: `amount` was at stake, or was won; `tasks`, first done first.

    `client_id` is `deal:<deal id>` for a deal with no client.
    """

    client_id: str
    client: str | None
    amount: int
    tasks: tuple[DoneTask, ...]


@dataclass(frozen=True, slots=True)
class SavedRows:
    """The clients that were saved today, at one sequence number.

    Args:
        as_of: The moment that they are true for; it says which day is today.
        manager_names: By id, the managers whose names are known; `pipeline_names` likewise.
    """

    seq: int
    as_of: Instant
    clients: tuple[SavedRow, ...]
    manager_names: Mapping[str, str]
    pipeline_names: Mapping[str, str]


_NAMES: Final = select(_CLIENTS.c.id, _CLIENTS.c.name).where(
    _CLIENTS.c.account == bindparam("account"), in_list(_CLIENTS.c.id, "ids")
)


def _done(account: Account, today: Day, last: tuple[Instant, str] | None) -> Select[*tuple[Any, ...]]:
    """The next `PAGE` tasks that were completed about today, after the last one."""
    done_at = TASKS.c.done_at
    chosen: list[ColumnElement[bool]] = [
        TASKS.c.account == account.id,
        done_at >= day_start(today, account.zone) - SLACK,
        done_at < day_start(shifted(today, 1), account.zone) + SLACK,
    ]
    if last is not None:
        moment, task_id = last
        chosen += [done_at >= moment, or_(done_at > moment, TASKS.c.id > task_id)]
    columns = *state.columns("task"), done_at
    return select(*columns).where(*chosen).order_by(done_at, TASKS.c.id).limit(PAGE)


def _late_tasks(
    connection: Connection, account: Account, today: Day
) -> Iterator[Sequence[tuple[TaskFacts, Record]]]:
    """The tasks that were completed late, today, in the order of that, page by page."""
    rules, last = heads.rules_of(account), None
    while True:
        rows = connection.execute(_done(account, today, last)).all()
        records = ((str(row.id), state.record("task", row)) for row in rows)
        facts = ((task_facts(task_id, record, rules), record) for task_id, record in records)
        yield [(task, record) for task, record in facts if task and task.late and task.done_day == today]
        if len(rows) < PAGE:
            return
        last = rows[-1].done_at, rows[-1].id


def _saving(
    connection: Connection, account: Account, today: Day, saved: Collection[str]
) -> dict[str, list[DoneTask]]:
    """By the clients that were saved, the tasks that saved them."""
    rules = heads.rules_of(account)
    tasks: dict[str, list[DoneTask]] = {client_id: [] for client_id in saved}
    for page in _late_tasks(connection, account, today):
        deals = state.load(connection, account.id, "deal", {task.deal_id for task, _ in page if task.deal_id})
        for task, record in page:
            deal = None if task.deal_id is None else deal_facts(task.deal_id, deals.get(task.deal_id), rules)
            client_id = task.client_id if deal is None else deal.client_id
            if client_id in tasks and (deal is None or deal.phase in SAVING_PHASES):
                known = deals.get(task.deal_id or "")
                tasks[client_id].append(_done_task(task, record, known, deal))
    return tasks


def _done_task(task: TaskFacts, record: Record, known: Record | None, deal: DealFacts | None) -> DoneTask:
    of_deal = {} if known is None else known.values
    url = of_deal.get("url") or record.values.get("url")
    return DoneTask(
        text=_text(record.values.get("text")),
        deal_id=task.deal_id,
        deal=_text(of_deal.get("name")),
        manager_id=task.manager_id or None,
        pipeline_id=None if deal is None else deal.pipeline_id or None,
        done_at=task.done_at or Instant(0),
        url=_text(url),
    )


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) and value else None


class SavedReader(AccountReader):
    """Reads the clients that were saved today."""

    def read(self, account_id: str) -> SavedRows:
        """Those of an account.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            connection, account, _ = begun
            head = begun.head()
            saved = board_rows.saved(connection, account.id)
            tasks = _saving(connection, account, heads.rules_of(account).day(head.as_of), saved)
            named = connection.execute(_NAMES, {"account": account.id, "ids": list(saved)})
            names: dict[str, str | None] = {row.id: row.name for row in named}
            return SavedRows(
                seq=head.seq,
                as_of=head.as_of,
                clients=tuple(
                    SavedRow(client_id, names.get(client_id), amount, tuple(tasks[client_id]))
                    for client_id, amount in saved.items()
                ),
                manager_names=board_rows.manager_names(connection, account),
                pipeline_names=board_rows.pipeline_names(connection, account.id),
            )
