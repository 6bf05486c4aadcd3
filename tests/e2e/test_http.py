"""The service over HTTP: refusals, headers, shutdown."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.running import (
    BEARER,
    CONFIG,
    DEADLINE_SECONDS,
    Service,
    events,
    iso,
    running,
    signed,
    soon,
    until,
)

VIEWER = "a-token-that-is-hard-to-guess"
GUARDED = f"""
[[accounts]]
id = "guarded"
title = "Guarded"
crm = "amocrm"
webhook_secret = "long-and-quite-random"
timezone = "Europe/Moscow"
currency = "RUB"
language = "en"
viewer_token = "{VIEWER}"
"""
STREAMS = 200
PROOF = f"Authorization: {BEARER['authorization']}\r\n\r\n".encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("http"), config=CONFIG + GUARDED) as started:
        yield started


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/boards/nowhere", 404),
        ("/boards/nowhere/events", 404),
        ("/boards/office?period=decade", 400),
        ("/boards/office/snapshot?period=2026-02-30..2026-03-01", 400),
        ("/boards/office/snapshot?sort=name", 400),
        ("/boards/office/events?lang=fr", 400),
        ("/boards/guarded", 401),
        ("/boards/guarded/snapshot?token=wrong", 401),
        ("/static/nothing.js", 404),
        ("/static/..%2fboard.py", 404),
    ],
)
def test_what_is_wrong_is_said_in_a_problem(service: Service, path: str, status: int) -> None:
    answer = service.client.get(service.url + path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_link_with_the_token_sets_a_cookie_and_leaves_the_address(service: Service) -> None:
    with httpx.Client(trust_env=False) as browser:
        answer = browser.get(f"{service.url}/boards/guarded", params={"period": "week", "token": VIEWER})
        assert answer.status_code == 303
        assert answer.headers["location"] == "guarded?period=week"
        page = browser.get(f"{service.url}/boards/{answer.headers['location']}")
        assert page.status_code == 200
        assert VIEWER not in page.text
        assert browser.get(f"{service.url}/boards/guarded/snapshot").status_code == 200


def test_pages_carry_the_security_headers(service: Service) -> None:
    for path in ("/boards/office", "/boards/office/snapshot", "/static/board.js"):
        headers = service.client.get(service.url + path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert service.client.get(f"{service.url}/boards/office").headers["cache-control"] == "no-store"


def test_files_of_the_page_are_revalidated_and_not_sent_again(service: Service) -> None:
    first = service.client.get(f"{service.url}/static/board.css")
    assert first.headers["content-type"].startswith("text/css")
    again = service.client.get(
        f"{service.url}/static/board.css", headers={"if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_head_of_a_stream_is_answered_without_one(service: Service) -> None:
    answer = service.client.head(f"{service.url}/boards/office/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"


def test_health_readiness_and_metrics(service: Service) -> None:
    assert service.client.get(f"{service.url}/healthz").text == "ok"
    assert service.client.get(f"{service.url}/readyz").text == "ready"
    service.deal("m1", amount="5.00")
    text = service.client.get(f"{service.url}/metrics").text
    assert 'lossboard_webhooks_total{account="office",result="applied"}' in text
    assert "lossboard_queue_depth 0" in text


def test_webhooks_that_are_refused_leave_no_trace(service: Service) -> None:
    before = service.snapshot()["seq"]
    address = f"{service.url}/webhooks/office"
    json_type, large = {"content-type": "application/json"}, "x" * (2**20 + 1)
    refused = [
        (service.client.post(address, content=b"{}", headers=json_type), 401),
        (service.client.post(address, content=b"{}"), 415),
        (service.client.post(address, content=large, headers=signed("large", large)), 413),
        (service.client.post(f"{service.url}/webhooks/nowhere", content=b"{}", headers=json_type), 404),
        (service.client.get(address), 405),
    ]
    for answer, status in refused:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    assert service.snapshot()["seq"] == before


def test_an_authentic_body_that_cannot_be_read_is_kept_and_answered_200(service: Service) -> None:
    answer = service.post({"type": "deal.changed", "data": {"id": "q1", "status": "sold"}})
    assert answer.status_code == 200
    assert answer.json()["status"] == "quarantined"
    assert "sold" in json.dumps(answer.json()["errors"])


def test_a_repeat_is_a_duplicate(service: Service) -> None:
    event = {"type": "deal.changed", "timestamp": iso(soon(0)), "data": {"id": "r1", "amount": "5.00"}}
    first, second = service.post(event, "same").json(), service.post(event, "same").json()
    assert (first["status"], second["status"]) == ("applied", "duplicate")
    assert first["delivery"] == second["delivery"]


def _socket(service: Service) -> socket.socket:
    parts = urlsplit(service.url)
    assert parts.port is not None
    return socket.create_connection(("127.0.0.1", parts.port), timeout=DEADLINE_SECONDS)


def test_a_head_that_never_ends_is_cut_off(service: Service) -> None:
    with _socket(service) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        began = time.monotonic()
        try:
            while time.monotonic() - began < DEADLINE_SECONDS:
                slow.sendall(b"X-A: b\r\n")
                time.sleep(0.2)
        except OSError:
            pass
        else:
            raise AssertionError("the connection is still open")
    assert service.client.get(f"{service.url}/healthz").text == "ok"


def test_a_stream_that_is_not_read_holds_up_nobody(service: Service) -> None:
    with _socket(service) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /boards/office/events?form=html HTTP/1.1\r\nHost: localhost\r\n" + PROOF)
        with events(f"{service.url}/boards/office/events") as stream:
            assert next(stream).name == "snapshot"
            for number in range(50):
                service.deal("slow", name="x" * 400, amount=f"{number}.00")
            last = service.snapshot()["seq"]
            assert next(event for event in stream if event.data.get("seq") == last).name == "patch"


def test_sigterm_ends_many_streams_cleanly_and_quickly(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        streams = [_socket(service) for _ in range(STREAMS)]
        for stream in streams:
            stream.sendall(b"GET /boards/office/events HTTP/1.1\r\nHost: localhost\r\n" + PROOF)
        until(lambda: f"lossboard_screens {STREAMS}" in _metrics(service))
        assert service.stop() == 0
        for stream in streams:
            ending = b""
            while part := stream.recv(65536):
                ending = (ending + part)[-5:]
            assert ending == b"0\r\n\r\n"
            stream.close()
        noise = [line for line in service.lines if "ERROR" in line or "Traceback" in line]
        assert noise == []


def _metrics(service: Service) -> str:
    return service.client.get(f"{service.url}/metrics").text.replace(".0", "")


def test_cloud_events_are_taken_in_structured_and_in_batch_mode(service: Service) -> None:
    address = f"{service.url}/webhooks/office"

    def event(deal: str) -> dict[str, object]:
        attributes = {
            "specversion": "1.0",
            "id": deal,
            "source": "/crm/офис",
            "type": "ru.zerno.deal.changed",
        }
        return attributes | {"time": iso(soon(0)), "data": {"id": deal, "amount": "1.00"}}

    for mode, content in (("", event("ce-1")), ("-batch", [event("ce-2"), event("ce-3")])):
        body = json.dumps(content)
        headers = {"content-type": f"application/cloudevents{mode}+json; charset=UTF-8"}
        answer = service.client.post(address, content=body, headers=headers | signed(f"msg_ce{mode}", body))
        assert (answer.status_code, answer.json()["status"], answer.json()["errors"]) == (200, "applied", [])
