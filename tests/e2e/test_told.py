"""What a running service tells of itself on the board: refused requests, and a disk without room."""

from __future__ import annotations

import json
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from typing import Any

import httpx

from tests.e2e.running import Service, events, iso, running, signed, soon, until


def post(service: Service, key: str, **headers: str) -> httpx.Response:
    data = {"id": key, "status": "lost", "reason": "Выбрал других", "amount": "1.00"}
    body = json.dumps({"type": "deal.changed", "timestamp": iso(soon(0)), "data": data})
    sent = {**signed(key, body), **headers}
    return service.client.post(f"{service.url}/webhooks/office", content=body, headers=sent)


def warnings(service: Service) -> dict[str, Any]:
    return {warning["code"]: warning for warning in service.snapshot()["warnings"]}


def is_ready(service: Service) -> bool:
    return service.client.get(f"{service.url}/readyz").status_code == 200


def test_refused_requests_are_told_with_their_number_and_cause(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        assert warnings(service).keys() == {"never_heard"}
        for key in ("a", "b", "c"):
            forged = post(service, key, **{"webhook-signature": "v1,AAAA"})
            assert forged.status_code == 401
        until(lambda: "requests_refused" in warnings(service))
        until(lambda: warnings(service)["requests_refused"]["count"] == 3)
        told = warnings(service)["requests_refused"]
        assert told["subject"] == "signature"
        assert told["since"] <= told["last_at"]
        assert post(service, "d").status_code == 200
        assert warnings(service).keys() == {"requests_refused"}


def test_a_disk_without_room_is_told_on_open_screens_until_there_is_room(tmp_path: Path) -> None:
    """No file of the service may grow, or be written at all, as on a full disk."""
    with running(tmp_path) as service, events(f"{service.url}/boards/office/events") as stream:
        assert post(service, "a").status_code == 200
        board = next(stream)
        while board.data["seq"] != 1:
            board = next(stream)
        assert service.snapshot()["storing"] is True
        prlimit(service.process.pid, RLIMIT_FSIZE, (0, RLIM_INFINITY))
        refused = post(service, "b")
        assert refused.status_code == 503
        assert refused.headers["retry-after"].isdecimal()
        told = next(event for event in stream if event.data.get("set", {}).get("storing") is False)
        assert told.id == "1"
        assert service.snapshot()["storing"] is False
        assert not is_ready(service)
        assert next(event for event in stream if event.name == "heartbeat").data["storing"] is False
        prlimit(service.process.pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
        next(event for event in stream if event.data.get("set", {}).get("storing") is True)
        assert is_ready(service)
        assert post(service, "b").status_code == 200
        assert service.snapshot()["losses"]["total"]["count"] == 2
        assert warnings(service) == {}
