"""The database is away for a while: senders get 503 at once, screens get no heartbeats, and everything
resumes by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.databases import Postgres, own_postgres
from tests.e2e.running import Event, Service, events, iso, running, signed, soon, until

BEGAN = soon(0)

PROMPT_SECONDS = 6.0
"""Seconds in which a refusal must come on a busy machine. A hang takes longer."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with own_postgres() as started:
        yield started


def refused(service: Service, key: str) -> httpx.Response | None:
    answer = post(service, key)
    return answer if answer.status_code == 503 else None


def post(service: Service, key: str) -> httpx.Response:
    data = {"id": key, "status": "lost", "amount": "1.00", "reason": "Выбрал других"}
    body = json.dumps({"type": "deal.changed", "timestamp": iso(BEGAN), "data": data})
    return service.client.post(f"{service.url}/webhooks/office", content=body, headers=signed(key, body))


def next_board(stream: Iterator[Event]) -> Event:
    while (event := next(stream)).name == "heartbeat":
        pass
    return event


def test_webhooks_are_refused_at_once_and_everything_comes_back_by_itself(
    tmp_path: Path, server: Postgres
) -> None:
    with running(tmp_path, url=server.databases.migrated()) as service:
        with events(f"{service.url}/boards/office/events") as stream:
            assert next_board(stream).name == "snapshot"
            assert post(service, "a").json()["status"] == "applied"
            assert next_board(stream).id == "1"
            server.kill()
            began = time.monotonic()
            answer = refused(service, "b")
            assert answer is not None
            assert answer.headers["retry-after"].isdecimal()
            for path in ("/readyz", "/boards/office/snapshot", "/boards/office"):
                shown = service.client.get(f"{service.url}{path}")
                assert shown.status_code == 503, path
                assert shown.headers["retry-after"].isdecimal()
            assert service.client.get(f"{service.url}/healthz").status_code == 200
            assert time.monotonic() - began < PROMPT_SECONDS
            assert next_board(stream).data["set"]["storing"] is False
            server.start()
            until(lambda: post(service, "b").status_code == 200)
            until(lambda: service.client.get(f"{service.url}/readyz").status_code == 200)
            while (event := next_board(stream)).id != "2":
                assert event.data["set"]["storing"] is True
            assert post(service, "a").json()["status"] == "duplicate"
            assert service.snapshot()["losses"]["controllable"]["count"] == 2
        assert service.stop() == 0
    assert event.name in ("patch", "snapshot")
