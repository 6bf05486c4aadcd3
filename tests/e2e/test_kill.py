"""SIGKILL during a burst: every acknowledged delivery is stored and applied once, and the figures are
right."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx

from service.ledger.database.engine import open_engine
from service.ledger.write import log
from tests.e2e.running import Service, iso, lossboard, running, signed, soon, start, until

ROUNDS = 3
SENDERS = 8
VICTIMS = 60


async def _burst(url: str, began: int, acknowledged: set[int], killed: asyncio.Event) -> int:
    """Post lost deals of 1.00 each from several senders until the service is dead; returns the number of
    tries."""
    number = began

    async def sender(client: httpx.AsyncClient) -> None:
        nonlocal number
        while not killed.is_set():
            number += 1
            mine = number
            data = {"id": f"d{mine}", "status": "lost", "amount": "1.00", "reason": "Выбрал других"}
            body = json.dumps({"type": "deal.changed", "timestamp": iso(soon(0)), "data": data})
            try:
                answer = await client.post(
                    f"{url}/webhooks/office", content=body, headers=signed(f"m{mine}", body)
                )
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                acknowledged.add(mine)

    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        await asyncio.gather(*(sender(client) for _ in range(SENDERS)))
    return number


async def _burst_until_killed(service: Service, began: int, acknowledged: set[int], enough: int) -> int:
    """The burst, with SIGKILL as soon as that many deliveries are acknowledged."""
    killed = asyncio.Event()

    async def executioner() -> None:
        while len(acknowledged) < enough:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(service.kill)
        killed.set()

    tried, _ = await asyncio.gather(_burst(service.url, began, acknowledged, killed), executioner())
    return tried


def test_what_was_acknowledged_survives_kill_9_and_is_applied_once(tmp_path: Path, ledger_url: str) -> None:
    acknowledged: set[int] = set()
    tried = 0
    for _ in range(ROUNDS):
        service = start(tmp_path, url=ledger_url)
        enough = len(acknowledged) + VICTIMS
        tried = asyncio.run(_burst_until_killed(service, tried, acknowledged, enough))
    with running(tmp_path, url=ledger_url) as service:
        losses = service.snapshot()["losses"]["controllable"]
        assert len(acknowledged) >= ROUNDS * VICTIMS
        assert len(acknowledged) <= losses["count"] <= tried
        assert losses["amount"] == f"{losses['count']}.00"
        assert service.stop() == 0
    engine = open_engine(ledger_url, "reader")
    with engine.begin() as connection:
        stored = [delivery.key for delivery in log.everything(connection, "office")]
    engine.dispose()
    assert len(stored) == len(set(stored)) == losses["count"]
    assert {f"m{number}" for number in acknowledged} <= set(stored)
    verified = lossboard(tmp_path, "verify", url=ledger_url)
    assert verified.returncode == 0, verified.stdout
    assert "office: projections and state: 0 differences" in verified.stdout


def test_a_second_service_on_the_same_file_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        second = lossboard(tmp_path, "serve", "--port", "0")
        assert second.returncode == 1
        assert "another process serves" in second.stderr
        assert service.process.poll() is None
        until(lambda: service.client.get(f"{service.url}/readyz").status_code == 200)
