"""Deals without a next step and clients saved today, on both databases: those that the figures count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.read import saved_rows, stepless_rows
from service.ledger.read.board import Known
from service.ledger.read.saved_rows import SavedReader, SavedRows
from service.ledger.read.stepless_rows import OpenDeal, SteplessReader
from service.model import Change, Value, earlier, later
from tests import oracle
from tests.histories import MINUTE, at, numbered
from tests.ledger.drawn import live_through
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")


def stepless(
    ledger: Ledger, manager: str | None = None, pipeline: str | None = None
) -> tuple[tuple[int, int], list[OpenDeal]]:
    reader = SteplessReader(ledger.database, {ledger.account.id: ledger.account}, ledger.clock)
    with reader.read(ledger.account.id, manager, pipeline) as read:
        return (read.count, read.amount), list(read.deals)


def saved(ledger: Ledger) -> SavedRows:
    return SavedReader(ledger.database, {ledger.account.id: ledger.account}, ledger.clock).read("office")


def deal(deal_id: str, **fields: Value) -> Change:
    return Change("deal", deal_id, NOW, {"known": True, "status": "open", **fields})


def task(task_id: str, **fields: Value) -> Change:
    return Change("task", task_id, NOW, {"completed": False, **fields})


def done(task_id: str, **fields: Value) -> Change:
    late = {"completed": True, "due_at": earlier(NOW, 60 * MINUTE), "completed_at": earlier(NOW, MINUTE)}
    return task(task_id, **{**late, **fields})


@settings(max_examples=12)
@given(data=st.data())
def test_the_rows_add_up_to_the_figures_whatever_happened(both: Ledger, data: st.DataObject) -> None:
    scene, history = live_through(both, data)
    truth = oracle.truth_of(numbered(history), scene.now, both.account)
    with_task = {task.deal_id for task in truth.tasks.values() if task.completed_at is None}
    figure, deals = stepless(both)
    assert {row.deal_id: row.amount for row in deals} == {
        row.id: row.amount for row in truth.deals.values() if row.status == "open" and row.id not in with_task
    }
    assert figure == (len(deals), sum(row.amount for row in deals))
    assert figure == tuple(both.read().totals["no_next_step"].values())
    rows = saved(both).clients
    assert {row.client_id: row.amount for row in rows} == oracle.saved(truth)
    saving = [task for task in truth.tasks.values() if oracle.is_saving(truth, task)]
    for row in rows:
        mine = [task for task in saving if oracle.client_of_task(truth, task) == row.client_id]
        assert sorted((work.text or "", work.done_at) for work in row.tasks) == sorted(
            (task.text or "", task.completed_at) for task in mine
        )


def test_a_deal_without_a_next_step_is_listed_with_what_is_known_of_it(
    both: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepless_rows, "PAGE", 2)
    both.configure(replace(OFFICE, rates={}))
    both.restart(NOW)
    both.say(
        deal(
            "1",
            amount=500,
            name="Абонемент",
            client_id="7",
            manager_id="3",
            pipeline_id="p",
            url="https://c/1",
        ),
        deal("2", amount=100, currency="USD"),
        deal("3"),
        deal("4", amount=9),
        deal("5", status="won"),
        deal("6", status="lost"),
        *(deal(f"7{number}", amount=1, manager_id="4") for number in range(4)),
        task("t1", deal_id="4"),
        done("t2", deal_id="3"),
        Change("client", "7", NOW, {"name": "Иван", "phone": "+79001234567"}),
        Change("deal", "8", NOW, deleted=True),
    )
    figure, deals = stepless(both)
    assert figure == (7, 504)
    assert deals[:3] == [
        OpenDeal("1", "Абонемент", "7", "Иван", "3", "p", 500, False, None, "https://c/1", "+79001234567"),
        OpenDeal("2", None, "deal:2", None, None, None, 0, False, "USD", None),
        OpenDeal("3", None, "deal:3", None, None, None, 0, True, None, None),
    ]
    assert [row.deal_id for row in stepless(both, "4")[1]] == ["70", "71", "72", "73"]
    assert [row.deal_id for row in stepless(both, "", "")[1]] == ["2", "3"]
    assert [row.deal_id for row in stepless(both, None, "p")[1]] == ["1"]


def test_a_saved_client_is_listed_with_who_did_what(both: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_rows, "PAGE", 2)
    both.restart(NOW)
    both.say(
        deal("1", amount=500, name="Абонемент", client_id="7", pipeline_id="p", url="https://c/1"),
        deal("2", amount=70, name="Без клиента"),
        deal("3", amount=9, client_id="8"),
        Change("client", "7", NOW, {"name": "Иван"}),
        done("t1", deal_id="1", text="позвонить", manager_id="3", completed_at=earlier(NOW, 5 * MINUTE)),
        done("t2", deal_id="1", text="написать", manager_id="4"),
        done("t3", client_id="7", text="сам", url="https://c/t3", completed_at=earlier(NOW, 9 * MINUTE)),
        done("t4", deal_id="2", due_at=later(NOW, MINUTE)),  # in time
        done("t5", deal_id="2", text="спасти"),
        done(
            "t6",
            deal_id="3",
            completed_at=earlier(NOW, 30 * 60 * MINUTE),
            due_at=earlier(NOW, 40 * 60 * MINUTE),
        ),
    )
    first, second = sorted(saved(both).clients, key=lambda row: -row.amount)
    assert (first.client_id, first.client, first.amount) == ("7", "Иван", 500)
    assert [(row.text, row.deal, row.manager_id, row.pipeline_id, row.url) for row in first.tasks] == [
        ("сам", None, None, None, "https://c/t3"),
        ("позвонить", "Абонемент", "3", "p", "https://c/1"),
        ("написать", "Абонемент", "4", "p", "https://c/1"),
    ]
    assert (second.client_id, second.client, second.amount) == ("deal:2", None, 70)
    assert [(row.text, row.deal) for row in second.tasks] == [("спасти", "Без клиента")]
    both.tick(later(NOW, 13 * 60 * MINUTE))  # tomorrow
    assert saved(both).clients == ()


def test_an_account_knows_something_from_its_first_delivery_on(both: Ledger) -> None:
    both.restart(NOW)
    assert both.reader.known("office").heard is False
    both.say(deal("1"))
    assert both.reader.known("office") == Known(True, both.head.known_from)
