"""What the board must show, restated from the spec in the most obvious way: each rule loops over everything.

It shares only the words (`service.model`) and the shape of the answer (`service.ledger.read.board`) with the
service, so that the two can be compared. It is quadratic, and only small histories are given to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import groupby
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from service.ledger.read.board import BoardRows, ClientRow, Late, LossRow, ManagerRow, Selection, TaskRow
from service.model import SECOND, Change, Entity, Instant, Value

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

DIGITS: Final[Mapping[str, int]] = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "KWD": 3, "BHD": 3}
"""Digits of the minor unit where they are not two (ISO 4217); as many as the tests need."""


class Terms(Protocol):
    """What the figures depend on in an account's configuration; `service.config.Account` has it all."""

    @property
    def id(self) -> str: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def currency(self) -> str: ...
    @property
    def rates(self) -> Mapping[str, Decimal]: ...


@dataclass(frozen=True, slots=True)
class Deal:
    """A known deal that is not deleted.

    Args:
        amount: In minor units of the account's currency; 0 without a rate, or if it is unknown.
        amount_unknown: It was never sent or cannot be read, or its currency is none.
        unconverted: The currency that there is no rate for, unless the amount is 0 anyway.
        closed_at: What the CRM gives, else when the deal was made lost; None without both.
    """

    id: str
    name: str | None
    status: str
    reason_id: str | None
    amount: int
    amount_unknown: bool
    unconverted: str | None
    closed_at: Instant | None
    url: str | None
    client_id: str | None
    manager_id: str | None
    pipeline_id: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A task that is not deleted; `completed_at` is None while it is open."""

    id: str
    text: str | None
    deal_id: str | None
    client_id: str | None
    manager_id: str | None
    due_at: Instant | None
    completed_at: Instant | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that is known at a moment. A deal that is neither in `deals` nor in `deleted` is unknown."""

    now: Instant
    zone: ZoneInfo
    deals: Mapping[str, Deal]
    deleted: frozenset[str]
    tasks: Mapping[str, Task]
    gone_clients: frozenset[str]
    client_names: Mapping[str, str]
    phones: Mapping[str, str]
    manager_names: Mapping[str, str]
    reason_names: Mapping[str, str]
    pipeline_names: Mapping[str, str]


def board(
    history: Sequence[tuple[int, Change]], now: Instant, account: Terms, selections: Sequence[Selection]
) -> BoardRows:
    """The board that `history` amounts to at `now`.

    Args:
        history: (delivery number, change), in any order; changes of one delivery in their body's order.
        now: The moment that the figures are true for.
        account: Whose board it is.
        selections: The losses that are wanted.

    Returns:
        A reading with `seq` 0 and `last_delivery_at` None, which are not a matter of figures.
    """
    truth = truth_of(history, now, account)
    clients = clients_at_risk(truth)
    return BoardRows(
        account=account.id,
        seq=0,
        as_of=now,
        last_delivery_at=None,
        totals={
            "at_risk": {
                "clients": len(clients),
                "amount": sum(row.amount for row in clients.values()),
                "tasks": sum(len(row.tasks) for row in clients.values()),
            },
            "no_next_step": no_next_step(truth),
            "saved_today": saved_today(truth),
            "amount_unknown": amount_unknown(truth),
        },
        saved=saved(truth),
        closed=frozenset(),
        unconverted=unconverted(truth),
        clients=clients,
        managers=managers(truth),
        manager_names=truth.manager_names,
        pipeline_names=truth.pipeline_names,
        losses={selection: losses(truth, selection) for selection in selections},
    )


# --- State (SPEC sections 1 and 4) ---


def living(history: Sequence[tuple[int, Change]], entity: Entity) -> dict[str, list[Change]]:
    """By id, the changes that no delete makes void, the one that wins last. A deleted entity has none."""
    by_id: dict[str, list[Change]] = {}
    for key in {change.id for _, change in history if change.entity == entity}:
        own = [(n, change) for n, change in history if change.entity == entity and change.id == key]
        deletes = [change.version for _, change in own if change.deleted]
        # A delete wins over every change of an earlier or equal version.
        valid = [(n, c) for n, c in own if not c.deleted and all(c.version > delete for delete in deletes)]
        by_id[key] = [change for _, change in sorted(valid, key=lambda pair: (pair[1].version, pair[0]))]
    return by_id


def value(changes: Iterable[Change], field: str) -> Value:
    """The field's value with the highest (version, delivery number); None if it is unset, too."""
    last: Value = None
    for change in changes:
        if field in change.fields:
            last = change.fields[field]
    return last


def text(changes: Iterable[Change], field: str) -> str | None:
    """`value` of a field of text."""
    last = value(changes, field)
    assert last is None or isinstance(last, str)
    return last


def number(changes: Iterable[Change], field: str) -> int | None:
    """`value` of a field of an integer."""
    last = value(changes, field)
    assert last is None or isinstance(last, int)
    return last


def moment(changes: Iterable[Change], field: str) -> Instant | None:
    """`value` of a field of a moment."""
    microseconds = number(changes, field)
    return None if microseconds is None else Instant(microseconds)


def became(changes: Iterable[Change], field: str, wanted: Value) -> Instant | None:
    """The version of the change that made the field `wanted`: the first since it last had another value."""
    moment: Instant | None = None
    for change in changes:
        if field in change.fields:
            if change.fields[field] != wanted:
                moment = None
            elif moment is None:
                moment = change.version
    return moment


def truth_of(history: Sequence[tuple[int, Change]], now: Instant, account: Terms) -> Truth:
    """The state that a history amounts to, at a moment."""
    deals = living(history, "deal")
    merged = {one.id: str(one.fields["into_id"]) for _, one in history if one.entity == "merger"}

    def gone(deal_id: str) -> bool:
        return any(one.deleted for _, one in history if one.entity == "deal" and one.id == deal_id)

    return Truth(
        now=now,
        zone=account.zone,
        deals={
            key: deal_of(key, own, account, merged)
            for key, own in deals.items()
            if value(own, "known") is True
        },
        deleted=frozenset(key for key, own in deals.items() if value(own, "known") is not True and gone(key)),
        tasks={
            key: task
            for key, own in living(history, "task").items()
            if is_bound(task := task_of(key, own, merged))
        },
        gone_clients=frozenset(
            one.id
            for _, one in history
            if one.entity == "client" and one.deleted and not names(history, "client").get(one.id)
        ),
        client_names=names(history, "client"),
        phones=names(history, "client", "phone"),
        manager_names=names(history, "manager"),
        reason_names=names(history, "reason"),
        pipeline_names=names(history, "pipeline"),
    )


def left_of(kind: str, linked: str | None, merged: Mapping[str, str]) -> str | None:
    """What is left of a deal or a client that may have been merged, and so on."""
    while f"{kind} {linked}" in merged:
        linked = merged[f"{kind} {linked}"]
    return linked


def deal_of(deal_id: str, changes: Sequence[Change], account: Terms, merged: Mapping[str, str]) -> Deal:
    """The deal that its changes amount to."""
    closed_at, made_lost = moment(changes, "closed_at"), became(changes, "status", "lost")
    # 2.1: where the CRM gives no moment of closing, it is that of the change that made the deal lost. 2.5: a
    # closing day later than the day of that change is not believed.
    if made_lost is not None and (
        closed_at is None or local_day(closed_at, account.zone) > local_day(made_lost, account.zone)
    ):
        closed_at = made_lost
    # 2.8: what was never sent, or has no currency, is unknown, and 0 in the sums.
    currency = text(changes, "currency") or account.currency
    sent = None if currency == "XXX" else number(changes, "amount")
    # And so is what is too large to be summed up: more than 100 thousand million roubles.
    if sent is not None and abs(in_currency_of(account, sent, currency) or 0) > 10**13:
        sent = None
    amount = sent or 0
    converted = in_currency_of(account, amount, currency)
    return Deal(
        id=deal_id,
        name=text(changes, "name"),
        status=text(changes, "status") or "open",
        reason_id=text(changes, "reason_id"),
        amount=0 if converted is None else converted,
        amount_unknown=sent is None,
        unconverted=currency if converted is None and amount != 0 else None,
        closed_at=closed_at,
        url=text(changes, "url"),
        client_id=left_of("client", text(changes, "client_id"), merged),
        manager_id=text(changes, "manager_id"),
        pipeline_id=text(changes, "pipeline_id"),
    )


def task_of(task_id: str, changes: Sequence[Change], merged: Mapping[str, str]) -> Task:
    """The task that its changes amount to."""
    completed_at = None
    if value(changes, "completed") is True:
        # 3.8: `completed_at` is what the CRM gives, else the version of the change that completed the task.
        given = moment(changes, "completed_at")
        completed_at = given if given is not None else became(changes, "completed", True)
    return Task(
        id=task_id,
        text=text(changes, "text"),
        deal_id=left_of("deal", text(changes, "deal_id"), merged),
        client_id=left_of("client", text(changes, "client_id"), merged),
        manager_id=text(changes, "manager_id"),
        due_at=moment(changes, "due_at"),
        completed_at=completed_at,
        url=text(changes, "url"),
    )


def is_bound(task: Task) -> bool:
    """3.2: a task that is on no record of the CRM is not on the board."""
    return task.deal_id is not None or task.client_id is not None


def names(history: Sequence[tuple[int, Change]], entity: Entity, field: str = "name") -> dict[str, str]:
    """The name of everything of a kind that has one, or another of its texts."""
    texts = {key: text(changes, field) for key, changes in living(history, entity).items()}
    return {key: name for key, name in texts.items() if name is not None}


def in_currency_of(account: Terms, amount: int, currency: str) -> int | None:
    """Minor units of the account's currency, rounded half to even once; None without a rate."""
    if currency == account.currency:
        return amount
    if currency not in account.rates:
        return None
    with localcontext(prec=100):
        major = Decimal(amount).scaleb(-DIGITS.get(currency, 2)) * account.rates[currency]
        return int(major.scaleb(DIGITS.get(account.currency, 2)).to_integral_value(ROUND_HALF_EVEN))


def local_day(moment: Instant, zone: ZoneInfo) -> int:
    """The local date, as an ordinal."""
    return (EPOCH + timedelta(microseconds=moment)).astimezone(zone).date().toordinal()


# --- Losses (SPEC section 2) ---


def losses(truth: Truth, selection: Selection) -> tuple[LossRow, ...]:
    """2.1: the selected deals that were lost, by reason. Reasons of every kind: kinds are a matter of
    reading."""
    lost = [deal for deal in truth.deals.values() if deal.status == "lost" and is_selected(deal, selection)]
    closed = [deal for deal in lost if selection.first <= closing_day(truth, deal) <= selection.last]
    rows = []
    for reason_id in {deal.reason_id for deal in closed}:
        amounts = [deal.amount for deal in closed if deal.reason_id == reason_id]
        reason = None if reason_id is None else truth.reason_names.get(reason_id)
        rows.append(LossRow(reason_id, reason, len(amounts), sum(amounts)))
    return tuple(rows)


def is_selected(deal: Deal, selection: Selection) -> bool:
    """It is the manager's, and in the pipeline, that are asked for; an empty id asks for those without."""
    return selection.manager_id in (None, deal.manager_id or "") and selection.pipeline_id in (
        None,
        deal.pipeline_id or "",
    )


def closing_day(truth: Truth, deal: Deal) -> int:
    """2.1: the local day on which a lost deal was closed."""
    assert deal.closed_at is not None
    return local_day(deal.closed_at, truth.zone)


def unconverted(truth: Truth) -> dict[str, int]:
    """4, money: open or lost deals that count with amount 0 without a rate, by currency."""
    deals = [deal for deal in truth.deals.values() if deal.status in ("open", "lost")]
    return dict(Counter(deal.unconverted for deal in deals if deal.unconverted is not None))


def amount_unknown(truth: Truth) -> dict[str, int]:
    """2.8: how many open or lost deals have no amount that is known."""
    deals = [deal for deal in truth.deals.values() if deal.status in ("open", "lost") and deal.amount_unknown]
    return {"deals": len(deals)}


# --- At risk (SPEC section 3) ---


def is_overdue(truth: Truth, task: Task) -> bool:
    """3.1: it is open, and now is its due time or later."""
    return task.completed_at is None and task.due_at is not None and truth.now >= task.due_at


def is_open(truth: Truth, deal_id: str) -> bool:
    """The deal is known, not deleted, and neither won nor lost."""
    return deal_id in truth.deals and truth.deals[deal_id].status == "open"


def is_unknown(truth: Truth, deal_id: str) -> bool:
    """Nothing was heard about the deal itself (since a delete, if a link to it is newer than that)."""
    return deal_id not in truth.deals and deal_id not in truth.deleted


def puts_at_risk(truth: Truth, task: Task) -> bool:
    """3.2: it is overdue on an open deal, on a deal not known yet, or on the client itself, if that one is
    still there."""
    if not is_overdue(truth, task):
        return False
    if task.deal_id is not None:
        return is_open(truth, task.deal_id) or is_unknown(truth, task.deal_id)
    return task.client_id is not None and task.client_id not in truth.gone_clients


def client_of_deal(truth: Truth, deal_id: str) -> str:
    """3.2, 3.3: a deal with no client, or not known yet, is its own client."""
    client_id = truth.deals[deal_id].client_id if deal_id in truth.deals else None
    return f"deal:{deal_id}" if client_id is None else client_id


def client_of_task(truth: Truth, task: Task) -> str | None:
    """The client whom a task is about: its deal's, or its own if it is on no deal."""
    return task.client_id if task.deal_id is None else client_of_deal(truth, task.deal_id)


def risky(truth: Truth) -> list[Task]:
    """The tasks that put a client at risk."""
    return [task for task in truth.tasks.values() if puts_at_risk(truth, task)]


def stake(truth: Truth, tasks: Sequence[Task]) -> int:
    """3.3: what these tasks put at stake, or saved.

    The deals that have such a task, and, with such a task on a client itself, all of the client's open deals;
    each deal once. `puts_at_risk` and `is_saving` decide on which deals a task counts.
    """
    deals = {task.deal_id for task in tasks}
    clients = {task.client_id for task in tasks if task.deal_id is None}
    total = 0
    for deal in truth.deals.values():
        if deal.id in deals or (deal.client_id in clients and deal.status == "open"):
            total += deal.amount
    return total


def clients_at_risk(truth: Truth) -> dict[str, ClientRow]:
    """3.2, 3.3, 3.5: each client at risk with its stake and its tasks, longest overdue first."""
    rows = {}
    for client_id in {client_of_task(truth, task) for task in risky(truth)}:
        assert client_id is not None
        tasks = [task for task in risky(truth) if client_of_task(truth, task) == client_id]
        listed = sorted((task_row(truth, task) for task in tasks), key=lambda row: (row.due_at, row.task_id))
        rows[client_id] = ClientRow(
            client_id,
            client_name(truth, client_id, tasks[0]),
            stake(truth, tasks),
            tuple(listed),
            sum(deal.amount for deal in open_deals(truth, client_id)),
            truth.phones.get(client_id),
        )
    return rows


def open_deals(truth: Truth, client_id: str) -> list[Deal]:
    """The open deals of a client."""
    mine = [deal for deal in truth.deals.values() if client_of_deal(truth, deal.id) == client_id]
    return [deal for deal in mine if deal.status == "open"]


def client_name(truth: Truth, client_id: str, task: Task) -> str | None:
    """The client's name; of a deal that is its own client, the deal's; None while it is not known."""
    if task.deal_id is not None and client_id == f"deal:{task.deal_id}":
        return truth.deals[task.deal_id].name if task.deal_id in truth.deals else None
    return truth.client_names.get(client_id)


def task_row(truth: Truth, task: Task) -> TaskRow:
    """3.5: a row of «Кому срочно позвонить»."""
    deal = None if task.deal_id is None else truth.deals.get(task.deal_id)
    assert task.due_at is not None
    return TaskRow(
        task_id=task.id,
        text=task.text,
        deal_id=task.deal_id,
        deal=deal.name if deal else None,
        manager_id=task.manager_id,
        due_at=task.due_at,
        amount=deal.amount if deal else 0,
        url=(deal.url if deal else None) or task.url,
        pipeline_id=deal.pipeline_id if deal else None,
    )


def managers(truth: Truth) -> tuple[ManagerRow, ...]:
    """3.8: everyone with overdue tasks now or with a habit in the last 30 days."""
    rows = []
    for manager_id in {task.manager_id for task in truth.tasks.values()}:
        tasks = [task for task in risky(truth) if task.manager_id == manager_id]
        week, month = (late(truth, manager_id, days) for days in (7, 30))
        if tasks or month.tasks:
            rows.append(ManagerRow(manager_id, len(tasks), stake(truth, tasks), week, month))
    return tuple(rows)


def late(truth: Truth, manager_id: str | None, days: int) -> Late:
    """3.8: of a manager's tasks due within the last `days` days, today included, those that went overdue."""
    today = local_day(truth.now, truth.zone)
    spans = []
    for task in truth.tasks.values():
        if task.manager_id != manager_id or task.due_at is None:
            continue
        if not today - days < local_day(task.due_at, truth.zone) <= today:
            continue
        if is_overdue(truth, task):
            spans.append(truth.now - task.due_at)
        elif task.completed_at is not None and task.completed_at > task.due_at:
            spans.append((task.completed_at - task.due_at) // SECOND * SECOND)  # counted in whole seconds
    return Late(len(spans), sum(spans) // (len(spans) * SECOND)) if spans else Late()


def no_next_step(truth: Truth) -> dict[str, int]:
    """3.9: open deals that no open task is linked to."""
    with_task = {task.deal_id for task in truth.tasks.values() if task.completed_at is None}
    amounts = [d.amount for d in truth.deals.values() if d.status == "open" and d.id not in with_task]
    return {"deals": len(amounts), "amount": sum(amounts)}


def saved_today(truth: Truth) -> dict[str, int]:
    """3.10: clients with a task completed today after its due time and with no overdue task left now."""
    by_client = saved(truth)
    return {"clients": len(by_client), "amount": sum(by_client.values())}


def saved(truth: Truth) -> dict[str, int]:
    """3.10: those clients, and the amount of each."""
    at_risk = clients_at_risk(truth)
    saving: dict[str, list[Task]] = {}
    for task in truth.tasks.values():
        client_id = client_of_task(truth, task)
        if is_saving(truth, task) and client_id is not None and client_id not in at_risk:
            saving.setdefault(client_id, []).append(task)
    return {client_id: stake(truth, tasks) for client_id, tasks in saving.items()}


def is_saving(truth: Truth, task: Task) -> bool:
    """3.10: it was completed today, after its due time, and there was somebody to save."""
    if task.completed_at is None or task.due_at is None or task.completed_at <= task.due_at:
        return False
    if local_day(task.completed_at, truth.zone) != local_day(truth.now, truth.zone):
        return False
    if task.deal_id is None:
        return task.client_id is not None and task.client_id not in truth.gone_clients
    won = task.deal_id in truth.deals and truth.deals[task.deal_id].status == "won"
    return won or is_open(truth, task.deal_id) or is_unknown(truth, task.deal_id)


# --- Comparing ---


def comparable(reading: BoardRows) -> dict[str, object]:
    """A reading so put that two of them are equal when they show the same figures.

    Rows are sorted (but tasks of a client keep their promised order, save for equal due times); rows that say
    nothing are dropped, and so are `seq`, `as_of` and `last_delivery_at`.
    """
    idle = (0, 0, Late(), Late())
    shown = [m for m in reading.managers if (m.tasks, m.amount, m.late_7d, m.late_30d) != idle]
    return {
        "account": reading.account,
        "totals": {name: dict(measures) for name, measures in reading.totals.items()},
        "unconverted": {currency: count for currency, count in reading.unconverted.items() if count},
        "clients": {key: _client(row) for key, row in reading.clients.items() if row.tasks or row.amount},
        "managers": [asdict(row) for row in sorted(shown, key=lambda row: _nulls_first(row.manager_id))],
        "manager_names": dict(reading.manager_names),
        "pipeline_names": dict(reading.pipeline_names),
        "saved": dict(reading.saved),
        "losses": {days: listed for days, rows in reading.losses.items() if (listed := _losses(rows))},
    }


def _client(row: ClientRow) -> dict[str, object]:
    tasks: list[dict[str, object]] = []
    for _, equal in groupby(row.tasks, key=lambda task: task.due_at):
        tasks += [asdict(task) for task in sorted(equal, key=lambda task: task.task_id)]
    return {
        "client_id": row.client_id,
        "client": row.client,
        "phone": row.phone,
        "amount": row.amount,
        "tasks": tasks,
        "open": row.open_amount,
    }


def _losses(rows: Iterable[LossRow]) -> list[dict[str, object]]:
    shown = [row for row in rows if row.count or row.amount]
    return [asdict(row) for row in sorted(shown, key=lambda row: _nulls_first(row.reason_id))]


def _nulls_first(key: str | None) -> tuple[bool, str]:
    return (key is not None, key or "")
