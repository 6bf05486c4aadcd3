"""Requests that schemathesis makes from the description of the HTTP interface, sound ones and others, to a
service with an invented office.

Each response has a status, a type, headers and a body that the description declares, and nothing that it does
not. What the description allows is not refused as unreadable; what it forbids is refused.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx
import hypothesis
import requests
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from service.interface.openapi import OPERATIONS
from service.interface.operations import Operation
from service.interface.webhooks import TAKE
from service.live.stream import hub
from tests.databases import SqliteFiles
from tests.interface.calls import HOST, call
from tests.interface.conformance import CHECKS, PLACES, described
from tests.interface.office import ADMIN, METRICS, Office, office

EXAMPLES: Final = 60
"""Requests of each operation that are sound, and again of those that are not."""

UNTOLD: Final = re.compile(
    "from and to are both needed|ends before it begins|day is out of range|is outside the years|^rotate|"
    "the body must have a reason|the content type must be|currency is a code|over 4096 bytes"
)
"""What makes a request unreadable that a schema cannot say."""

SENT: Final = ("method", "url", "headers", "cookies", "params", "data", "json")


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """See the module."""
    with tempfile.TemporaryDirectory() as folder:
        return play(SqliteFiles(Path(folder)).migrated(), seed, max(1, round(EXAMPLES * scale)))


def play(
    database_url: str, seed: int, examples: int, operations: Sequence[Operation] = OPERATIONS
) -> dict[str, int | float | str]:
    """Make so many requests of each operation and kind."""
    # A stream that goes on from the newest event says nothing before the next heartbeat.
    with patch.object(hub, "HEARTBEAT_SECONDS", 0.1), asyncio.Runner() as runner:
        stack = AsyncExitStack()
        opened = runner.run(stack.enter_async_context(office(database_url)))
        player = _Player(runner, opened, seed, examples)
        try:
            for operation, mode in itertools.product(operations, GenerationMode):
                if mode.is_positive or _can_be_wrong(operation):
                    player.play(operation, mode)
        finally:
            runner.run(stack.aclose())
    return {"requests": player.seen.total(), **{name: player.seen[name] for name in sorted(player.seen)}}


def _can_be_wrong(operation: Operation) -> bool:
    """Whether there is anything in a request that the description can forbid."""
    return bool(operation.body) or any(one.place == "query" for one in operation.parameters)


@dataclass
class _Player:
    runner: asyncio.Runner
    opened: Office
    seed: int
    examples: int
    seen: Counter[str] = field(default_factory=Counter)

    def play(self, operation: Operation, mode: GenerationMode) -> None:
        """Make the requests of an operation."""
        places = PLACES | ({"account": "invented"} if operation.path.endswith("happening") else {})

        @hypothesis.seed(self.seed)
        @settings(
            max_examples=self.examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(described(operation).as_strategy(generation_mode=mode, path_parameters=places))
        def asked(case: Case[Any]) -> None:
            response = self.runner.run(_response(self.opened, operation, case))
            self.seen[f"{mode.value} {response.status_code}"] += 1
            case.validate_response(response, checks=CHECKS)
            if mode.is_negative and not _is_let_pass(operation, case):
                case.validate_response(response, checks=[negative_data_rejection])
            if mode.is_positive and response.status_code in {400, 414, 415}:
                assert UNTOLD.search(response.json()["detail"]), (operation.id, case.query, response.text)

        asked()


def _is_let_pass(operation: Operation, case: Case[Any]) -> bool:
    """Whether what the description forbids is taken: an authentic webhook goes to quarantine, an empty
    parameter counts as left out, and a form has no way to say an empty list."""
    unsaid = isinstance(case.body, dict) and any(value in ([], {}) for value in case.body.values())
    return operation is TAKE or unsaid or "" in (case.query or {}).values()


async def _response(opened: Office, operation: Operation, case: Case[Any]) -> httpx.Response:
    sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
    request = requests.Request(**{name: sent[name] for name in SENT if name in sent}).prepare()
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    assert isinstance(body, bytes)
    own = {name: str(value) for name, value in request.headers.items()}
    headers = {**own, **_proof(opened, operation, body)}
    return await call(opened.app, operation.method.upper(), str(request.path_url), headers, body)


def _proof(opened: Office, operation: Operation, body: bytes) -> dict[str, str]:
    """The headers that prove who asks."""
    if operation is TAKE:
        sent = opened.signed(body)
        del sent["content-type"]
        return sent
    if operation.path == "/metrics":
        return opened.proof(METRICS)
    if operation.tag == "admin":
        return {**opened.proof(ADMIN), "origin": "http://127.0.0.1"}
    return opened.proof(opened.editor) if operation.proofs else dict(HOST)
