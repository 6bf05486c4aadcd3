"""Posts invented events as an account's CRM would, and takes them back.

They go the whole way: HTTP, the vendor's form, the account's secret, the ledger, the board. A header marks
them, so that they prove nothing about the CRM itself: the board goes on waiting for its first event.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx
import msgspec

from service.clock import Clock
from service.commands.connecting.account_crm import crm_of
from service.commands.connecting.incoming import line_of
from service.config import Account, Config
from service.demo.crms.crm import SimulatedCRM, Webhook
from service.demo.office import Deal, Event, Office, OfficeClock, Task
from service.ledger.upkeep import attach
from service.ledger.write import log
from service.operator_error import OperatorError
from service.webhooks.endpoint import TEST_HEADER

NAME: Final = "Lossboard test"
OVERDUE_SECONDS: Final = 3600
"""How long the invented task is overdue."""

_TIMEOUT_SECONDS: Final = 10.0
_AGE_SECONDS: Final = 10
"""So much earlier than they are posted the events happened, so that what is deleted is older."""

_FIRST_ID: Final = 1_500_000_000
"""Ids of what is invented begin here, at random: a CRM has no such id, or has it in years."""

_WRONG: Final = {
    401: "the service has another secret, or another account of the CRM, for this account",
    404: "the service knows no such account: it runs with another configuration",
    415: "something on the way changes the content type",
    429: "too many requests from this address were not authentic: wait a minute",
    503: "the service cannot store anything at the moment: see its log",
}


class TestFailed(OperatorError):
    """The way does not work; the text says where it ends."""


class Step(NamedTuple):
    """One invented event.

    Args:
        name: How it is called.
        do: Lets the office do it.
        takes_back: Whether it undoes an earlier one.
    """

    name: str
    do: Callable[[], Event]
    takes_back: bool = False


@dataclass(frozen=True, slots=True)
class _Way:
    """From here to the ledger."""

    http: httpx.Client
    address: str
    config: Config
    account: Account

    def post(self, webhook: Webhook) -> str:
        """Post a webhook. Returns what it gave.

        Raises:
            TestFailed: It was not stored.
        """
        headers = {**webhook.headers, TEST_HEADER: "1"}
        try:
            answer = self.http.post(
                self.address, params=dict(webhook.query), headers=headers, content=webhook.body
            )
        except httpx.TransportError as error:
            raise TestFailed(
                f"nothing answers at {self.address} ({type(error).__name__}): start lossboard serve, or say "
                "with --url where it is"
            ) from None
        if answer.status_code != 200:
            meaning = _WRONG.get(answer.status_code, "see the log of the service")
            raise TestFailed(f"{self.address} answered {answer.status_code}: {meaning}")
        return self._effect(msgspec.json.decode(answer.content, type=_Answer))

    def _effect(self, answer: _Answer) -> str:
        """What a delivery did, as `lossboard tail` says it."""
        if answer.status == "quarantined":
            raise TestFailed(f"delivery {answer.delivery} is in quarantine: {answer.errors}")
        stored = attach.read(self.config.database_url, log.one, self.account.id, answer.delivery)
        if stored is None:
            raise TestFailed(
                f"{self.address} took it, but it is not in the database of this configuration: the service "
                "runs with another one"
            )
        return f"stored: {line_of(self.config.database_url, stored, self.account)}"


class _Answer(msgspec.Struct):
    """What the service answers to a webhook that it has stored."""

    status: str
    delivery: int
    errors: list[dict[str, Any]]


def send(config: Config, account: Account, url: str, clock: Clock) -> Iterator[str]:
    """Post the events; yields a line for each step.

    Args:
        url: Where the service is reached, with the root path if something before it wants that.

    Raises:
        TestFailed: A webhook was not stored. What was stored before has been taken back.
    """
    office, steps = _story(clock)
    crm = crm_of(account, office)
    address = f"{url}/webhooks/{account.id}"
    crm.connect(account.webhook_address if account.public_url else address)
    with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
        way = _Way(http, address, config, account)
        for number, step in enumerate(steps, start=1):
            try:
                effects = _posted(way, crm, step)
            except TestFailed:
                if number > 1:
                    _take_back(way, crm, steps[number:])
                raise
            yield f"{number}. {step.name}: {effects}"
    yield "The way works. Nothing of the test is left on the board, which goes on waiting for the CRM."


def _posted(way: _Way, crm: SimulatedCRM, step: Step) -> str:
    effects = [way.post(crm.outgoing(webhook, 0)) for webhook in crm.webhooks(step.do())]
    return "; ".join(effects) or f"{crm.kind} posts nothing about it"


def _take_back(way: _Way, crm: SimulatedCRM, steps: Sequence[Step]) -> None:
    """Delete what may have been stored, as far as that is possible."""
    for step in steps:
        if step.takes_back:
            with contextlib.suppress(TestFailed):
                _posted(way, crm, step)


def _story(clock: Clock) -> tuple[Office, Sequence[Step]]:
    """A deal with an overdue task comes, and goes."""
    any_id = _FIRST_ID + secrets.randbelow(_FIRST_ID // 4)
    office_clock = OfficeClock(clock)
    office = Office(office_clock, managers={any_id: NAME}, pipelines={any_id: NAME}, reasons={})
    came_at = int(office_clock()) - _AGE_SECONDS
    deal = Deal(any_id, NAME, "open", None, 100, None, any_id, any_id, None, came_at, came_at)
    due_at = came_at - OVERDUE_SECONDS
    task = Task(any_id, NAME, any_id, None, any_id, due_at, False, None, came_at, came_at)

    office.deals[any_id], office.tasks[any_id] = deal, task
    return office, (
        Step("a deal comes", lambda: Event("added", None, deal, came_at)),
        Step("it gets an overdue task", lambda: Event("added", None, task, came_at)),
        Step("the task is deleted", lambda: office.delete_task(any_id), takes_back=True),
        Step("the deal is deleted", lambda: office.delete_deal(any_id), takes_back=True),
    )
