"""The real service in a process of its own, as an operator starts it, and what CRMs and screens do with
it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
from playwright.sync_api import BrowserContext
from standardwebhooks import Webhook

from service.live.http.access import cookie_value
from tests.e2e import forked

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = (sys.executable, "-m", "service")
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN: Final = "long-and-random-9f2c"
VIEWER: Final = "viewer-token-of-the-tests"
BEARER: Final = {"authorization": f"Bearer {VIEWER}"}
"""The header of a program that sees the boards and the metrics."""
REFUSED: Final = (401, 429)
"""What a wrong proof is answered with; the latter after many of them."""
T = TypeVar("T")

DEADLINE_SECONDS: Final = 30.0
"""The time after which an expected event counts as missing."""

CONFIG: Final = f"""
metrics_token = "{VIEWER}"

[[accounts]]
id = "office"
title = "Отдел продаж"
crm = "standard"
webhook_secret = "{SECRET}"
timezone = "Europe/Moscow"
currency = "RUB"
language = "ru"
viewer_token = "{VIEWER}"

[[accounts]]
id = "amo"
title = "amoCRM"
crm = "amocrm"
webhook_secret = "{TOKEN}"
timezone = "Europe/Moscow"
currency = "RUB"
language = "ru"
viewer_token = "{VIEWER}"

[accounts.amocrm]
reason_field = "Причина отказа"
users = {{"11087123" = "Анна"}}
"""


def iso(moment: datetime) -> str:
    """A moment in ISO 8601."""
    return moment.astimezone(UTC).isoformat()


def browser_of(**headers: str) -> httpx.Client:
    """A client for the service; with `BEARER` it sees the boards."""
    return httpx.Client(headers=headers, timeout=DEADLINE_SECONDS, trust_env=False)


def admit(context: BrowserContext) -> None:
    """Give a browser the cookie with which it sees the office's board."""
    value = cookie_value("office", VIEWER)
    context.add_cookies([{"name": "lossboard_office", "value": value, "domain": "127.0.0.1", "path": "/"}])


def soon(seconds: float) -> datetime:
    """The moment that many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


@dataclass
class Service:
    """A running service."""

    folder: Path
    process: subprocess.Popen[str]
    url: str
    lines: list[str]
    reader: threading.Thread
    client: httpx.Client = field(default_factory=lambda: browser_of(**BEARER))
    sent: int = 0

    def post(self, event: Mapping[str, Any], webhook_id: str | None = None) -> httpx.Response:
        """Post an event in the standard format, signed."""
        self.sent += 1
        body = json.dumps({"timestamp": iso(datetime.now(UTC)), **event})
        name = webhook_id or f"msg_{os.getpid()}_{id(self)}_{self.sent}"
        return self.client.post(f"{self.url}/webhooks/office", content=body, headers=signed(name, body))

    def tell(self, event: Mapping[str, Any]) -> None:
        """Post an event that must be applied."""
        answer = self.post(event)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "applied", answer.text

    def deal(self, deal_id: str, **data: Any) -> None:
        """Post a change of a deal."""
        self.tell({"type": "deal.changed", "data": {"id": deal_id, **data}})

    def task(self, task_id: str, **data: Any) -> None:
        """Post a change of a task."""
        self.tell({"type": "task.changed", "data": {"id": task_id, **data}})

    def snapshot(self, account: str = "office", **query: str) -> dict[str, Any]:
        """The board as JSON."""
        answer = self.client.get(f"{self.url}/boards/{account}/snapshot", params=query)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_SECONDS)
        self.close()

    def close(self) -> None:
        """Close the client and the pipes."""
        self.client.close()
        self.reader.join(DEADLINE_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> int:
        """Stop it as an operator does; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_SECONDS)


def signed(webhook_id: str, body: str) -> dict[str, str]:
    """The headers of a signed webhook."""
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(webhook_id, now, body),
    }


def lossboard(folder: Path, *arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to completion."""
    return forked.run(folder, arguments, environment(url), DEADLINE_SECONDS * 3)


def environment(url: str | None, root: Path = ROOT) -> dict[str, str]:
    """The environment of a process of the service, whose code is below `root`."""
    database = {} if url is None else {"LOSSBOARD_DATABASE_URL": url}
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1", **database}


def start(
    folder: Path,
    *arguments: str,
    url: str | None = None,
    config: str = CONFIG,
    root: Path = ROOT,
    program: Sequence[str] = PROGRAM,
) -> Service:
    """Start `lossboard` with some arguments on a free port, and wait until it accepts requests.

    Args:
        program: Runs it in another way.
    """
    (folder / "lossboard.toml").write_text(config, encoding="utf-8")
    process = subprocess.Popen(
        [*program, *(arguments or ("serve",)), "--port", "0"],
        cwd=folder,
        env=environment(url, root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    assert process.stdout is not None
    output = process.stdout
    reader = threading.Thread(target=lambda: lines.extend(iter(output.readline, "")), daemon=True)
    reader.start()
    service = Service(folder, process, "", lines, reader)
    service.url = until(lambda: _address(lines, process))
    return service


def _address(lines: list[str], process: subprocess.Popen[str]) -> str | None:
    assert process.poll() is None, "".join(lines)
    match = re.search(r"(http://127\.0\.0\.1:\d+)\S*/boards/", "".join(lines))
    return match[1] if match else None


@contextlib.contextmanager
def running(
    folder: Path,
    *arguments: str,
    url: str | None = None,
    config: str = CONFIG,
    root: Path = ROOT,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Service]:
    """A running service, which is stopped at the end in any case; see `start`."""
    service = start(folder, *arguments, url=url, config=config, root=root, program=program)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()
        service.close()


def until(look: Callable[[], T | None], deadline: float = DEADLINE_SECONDS) -> T:
    """Call `look` until it returns something true, and return that; fails after a time."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if result := look():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    name: str
    id: str | None
    data: dict[str, Any]


@contextlib.contextmanager
def events(url: str, **query: str) -> Iterator[Iterator[Event]]:
    """An open event stream."""
    timeout = httpx.Timeout(DEADLINE_SECONDS)
    with httpx.stream("GET", url, params=query, headers=BEARER, timeout=timeout, trust_env=False) as answer:
        assert answer.status_code == 200, answer.read()
        yield _parsed(answer.iter_lines())


def _parsed(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
            fields = {}
