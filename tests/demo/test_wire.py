"""The bodies look as amoCRM's do, and the service's own adapter reads back what the office meant."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from urllib.parse import unquote_plus

import pytest

from service.adapters import ADAPTERS
from service.config_file import parse
from service.demo import wire
from service.demo.records import LOST_STAGE, TALKS_STAGE, WON_STAGE, Contact, Lead, Task
from service.demo.run import settings
from service.demo.wire import Webhook
from service.model import SECOND, Change, Instant, Request, Value
from tests.demo.replay import fields_of

AT = 1_795_417_200
(ACCOUNT,) = parse(settings("sqlite:///demo.db", "secret"), {}).accounts
ANNA = 8_800_101
LEAD = Lead(42, "Абонемент & занятия = 100%", 5_184, ANNA, created_at=AT - 60, updated_at=AT)
LOST = Lead(42, "Абонемент", 5_184, ANNA, AT - 60, AT, LOST_STAGE, "Не отвечает более 3-х раз")
WON = Lead(42, "Абонемент", 5_184, ANNA, AT - 60, AT, WON_STAGE)
TASK = Task(77, 42, "позвонить", ANNA, due_at=AT + 3600, created_at=AT - 60, updated_at=AT)
DONE = Task(77, 42, "позвонить", ANNA, AT + 3600, AT - 60, AT, completed=True)
CONTACT = Contact(7, "Иван Петров", 42, ANNA, created_at=AT - 60, updated_at=AT)

EVERY_KIND = [
    wire.lead_added(LEAD),
    wire.lead_updated(LEAD),
    wire.lead_moved(LOST, TALKS_STAGE),
    wire.contact_added(CONTACT),
    wire.task_added(TASK),
    wire.task_updated(DONE),
]


def decoded(webhook: Webhook) -> dict[tuple[str, str], Change]:
    request = Request(
        method="POST",
        path="/webhooks/demo",
        query={"token": "secret"},
        headers={name.lower(): value for name, value in webhook.headers.items()},
        body=webhook.body,
        received_at=Instant((AT + 5) * SECOND),
    )
    adapter = ADAPTERS["amocrm"]
    adapter.authenticate(request, ACCOUNT)
    result = adapter.decode(request, ACCOUNT)
    assert result.rejections == ()
    return {(change.entity, change.id): change for change in result.changes}


def fields(webhook: Webhook, entity: str, id: str) -> dict[str, Value]:
    change = decoded(webhook)[(entity, id)]
    assert change.version == AT * SECOND
    return dict(change.fields)


def test_the_account_comes_first_and_names_the_simulated_office() -> None:
    for webhook in EVERY_KIND:
        names = list(fields_of(webhook))
        assert names[:3] == ["account[subdomain]", "account[id]", "account[_links][self]"]
        assert fields_of(webhook)["account[subdomain]"] == wire.SUBDOMAIN


def test_names_are_bracketed_and_encoded() -> None:
    body = wire.lead_moved(LOST, TALKS_STAGE).body.decode("ascii")
    assert "[" not in body
    assert "&leads[status][0][id]=42&" in unquote_plus(body)
    assert "leads[status][0][old_status_id]=48213004" in unquote_plus(body)
    assert "leads[status][0][custom_fields][0][name]=Причина отказа&" in unquote_plus(body)
    assert "contacts[add][0][linked_leads_id][42][ID]=42&" in unquote_plus(EVERY_KIND[3].body.decode("ascii"))


def test_webhooks_leave_out_what_amocrm_leaves_out() -> None:
    for webhook in EVERY_KIND:
        for name in fields_of(webhook):
            assert not any(word in name for word in ("loss_reason", "closed_at", "contacts][", "user_name"))


def test_a_task_says_its_due_time_twice_and_both_agree() -> None:
    said = fields_of(wire.task_added(TASK))
    naive = datetime.fromisoformat(said["task[add][0][complete_till]"])
    assert int(naive.replace(tzinfo=UTC).timestamp()) == int(said["task[add][0][complete_before]"])


def test_a_retry_carries_the_same_request_id_and_another_webhook_another() -> None:
    ids = [webhook.headers["X-Amocrm-Requestid"] for webhook in EVERY_KIND]
    assert ids == [Webhook(webhook.body).headers["X-Amocrm-Requestid"] for webhook in EVERY_KIND]
    assert len(set(ids)) == len(ids)
    assert all(str(uuid.UUID(id)) == id for id in ids)


@pytest.mark.parametrize("webhook", [wire.lead_added(LEAD), wire.lead_updated(LEAD)])
def test_the_adapter_reads_back_an_open_lead(webhook: Webhook) -> None:
    deal = fields(webhook, "deal", "42")
    assert deal["name"] == LEAD.name
    assert deal["amount"] == 518_400
    assert deal["manager_id"] == str(ANNA)
    assert deal.get("status", "open") == "open"
    assert deal["known"] is True


def test_the_adapter_reads_back_a_refusal_with_its_reason() -> None:
    changes = decoded(wire.lead_moved(LOST, TALKS_STAGE))
    deal = changes[("deal", "42")]
    assert deal.fields["status"] == "lost"
    reason_id = deal.fields["reason_id"]
    assert isinstance(reason_id, str)
    reason = changes[("reason", reason_id)].fields["name"]
    assert isinstance(reason, str)
    assert ACCOUNT.reasons.kind_of(reason_id, reason) == "controllable"


def test_the_adapter_reads_back_a_won_lead() -> None:
    assert fields(wire.lead_moved(WON, TALKS_STAGE), "deal", "42")["status"] == "won"


def test_the_adapter_reads_back_the_client_of_a_lead() -> None:
    assert fields(wire.contact_added(CONTACT), "client", "7")["name"] == "Иван Петров"
    link = fields(wire.contact_added(CONTACT), "deal", "42")
    assert link["client_id"] == "7"
    assert "known" not in link


def test_the_adapter_reads_back_a_task_and_its_completion() -> None:
    task = fields(wire.task_added(TASK), "task", "77")
    assert (task["text"], task["deal_id"], task["due_at"]) == ("позвонить", "42", TASK.due_at * SECOND)
    assert task.get("completed", False) is False
    assert fields(wire.task_updated(DONE), "task", "77")["completed"] is True
    assert fields(wire.task_updated(TASK), "task", "77")["completed"] is False
