"""Simulated CRMs: they post deliveries, and retry on any node until one responds with 200."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.e2e.running import iso, signed, soon

TRIES: Final = 8
RETRY_SECONDS: Final = (0.1, 0.5)
"""The wait before a retry; real CRMs wait longer."""

RESPONSE_SECONDS: Final = 25.0
"""How long a sender waits for a response: the node may be frozen or dead."""


@dataclass
class Sent:
    """What was sent, by account: the keys of all deliveries, and of those that were acknowledged."""

    tried: dict[str, set[str]] = field(default_factory=dict)
    acknowledged: dict[str, set[str]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def count(self, which: dict[str, set[str]]) -> int:
        """The number of deliveries of all accounts."""
        return sum(map(len, which.values()))


class Sender:
    """One connection of a CRM. `run` goes on until `stopped` is set.

    Args:
        tries: How often it posts a delivery that is not acknowledged.
    """

    def __init__(
        self,
        name: str,
        accounts: Sequence[str],
        urls: Sequence[str],
        sent: Sent,
        dice: random.Random,
        tries: int = TRIES,
    ) -> None:
        self._name = name
        self._accounts = accounts
        self._urls = urls
        self._sent = sent
        self._dice = dice
        self._tries = tries

    async def run(self, stopped: asyncio.Event, pause: float) -> None:
        """Post one event after another, each until it is acknowledged or all tries have failed."""
        number = 0
        async with httpx.AsyncClient(timeout=RESPONSE_SECONDS, trust_env=False) as client:
            while not stopped.is_set():
                number += 1
                account = self._dice.choice(self._accounts)
                key, body = self._event(number)
                self._sent.tried.setdefault(account, set()).add(key)
                twice = 2 if self._dice.random() < 0.05 else 1  # impatient CRMs do so
                posts = (self._post(client, account, key, body) for _ in range(twice))
                if any(await asyncio.gather(*posts)):
                    self._sent.acknowledged.setdefault(account, set()).add(key)
                await asyncio.sleep(pause)

    def _event(self, number: int) -> tuple[str, str]:
        """A new lost deal of 1.00, or a task on a lost deal that is overdue in a moment."""
        if self._dice.random() < 0.15:
            key = f"t-{self._name}-{number}"
            of = f"d-{self._name}-{self._dice.randrange(1, number + 1)}"
            due = iso(soon(self._dice.uniform(0.5, 4)))
            data: dict[str, Any] = {"id": key, "deal_id": of, "text": "call", "due_at": due}
            kind = "task.changed"
        else:
            key = f"d-{self._name}-{number}"
            data = {"id": key, "status": "lost", "amount": "1.00", "reason": f"Reason {number % 5}"}
            kind = "deal.changed"
        return key, json.dumps({"type": kind, "timestamp": iso(soon(0)), "data": data})

    async def _post(self, client: httpx.AsyncClient, account: str, key: str, body: str) -> bool:
        """Post until it is acknowledged; returns whether it was."""
        loop = asyncio.get_running_loop()
        for _ in range(self._tries):
            url = f"{self._dice.choice(self._urls)}/webhooks/{account}"
            began = loop.time()
            try:
                answer = await client.post(url, content=body, headers=signed(key, body))
            except httpx.HTTPError as error:
                self._sent.answers[type(error).__name__] += 1
            else:
                self._sent.slowest = max(self._sent.slowest, loop.time() - began)
                self._sent.answers[str(answer.status_code)] += 1
                if answer.status_code == 200:
                    return True
                if answer.status_code != 503 or not answer.headers.get("retry-after", "").isdecimal():
                    self._sent.wrong.append(f"{answer.status_code}: {answer.text}")
            await asyncio.sleep(self._dice.uniform(*RETRY_SECONDS))
        return False
