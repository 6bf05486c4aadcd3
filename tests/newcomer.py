"""`python -m tests.newcomer [CRM …]`: from an empty folder to the first figure on the board.

A person goes that way: a terminal runs `lossboard init`, whose questions are answered as they are asked; the
simulated CRM gets the address and the secret that are printed, as a person would paste them; then a deal is
lost in it. Prints the steps, the questions and the seconds.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import click
import httpx
import uvicorn

from service.clock import SystemClock
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.crms.crm import SimulatedCRM
from service.demo.office import Office, OfficeClock
from service.demo.run import CRMS
from tests.e2e.running import PROGRAM, environment, until
from tests.ports import free_ports

DEADLINE_SECONDS: Final = 90.0
_MADE_BY_THE_CRM: Final = {"bitrix24": "b24-application-token-0001", "hubspot": "hubspot-client-secret-0001"}


@dataclass
class Terminal:
    """A program on a terminal, and a person before it."""

    folder: Path
    arguments: tuple[str, ...]
    seen: str = ""
    questions: int = 0
    _read: int = 0
    _descriptor: int = field(init=False)
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._descriptor, inner = pty.openpty()
        self.process = subprocess.Popen(
            [*PROGRAM, *self.arguments],
            cwd=self.folder,
            env={**environment(None), "LANG": "en_US.UTF-8"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)

    def until(self, pattern: str) -> re.Match[str]:
        """Read until the program has printed something new."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := re.compile(pattern).search(self.seen, self._read)):
            assert time.monotonic() < deadline, f"{pattern!r} did not come:\n{self.seen}"
            if select.select([self._descriptor], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self._descriptor, 65536).decode("utf-8", "replace")
                except OSError:  # the program has ended
                    assert re.compile(pattern).search(self.seen, self._read), self.seen
        self._read = found.end()
        return found

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and answer it."""
        self.until(question)
        self.questions += 1
        os.write(self._descriptor, f"{text}\n".encode())

    def close(self) -> None:
        """Stop the program as a person does, by Ctrl+C."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, b"\x03")
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._descriptor)


@dataclass(frozen=True)
class Played:
    """What it took: the questions, the seconds, and what the person did outside the terminal."""

    crm: str
    questions: int
    seconds: float
    steps: tuple[str, ...]


@contextlib.contextmanager
def served(crm: SimulatedCRM) -> Iterator[str]:
    """The CRM's API on a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(crm.app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def play(kind: str, folder: Path) -> Played:
    """Go the way with one kind of CRM. Fails where a person would not get on."""
    began = time.monotonic()
    [port] = free_ports(1)
    office = Office(OfficeClock(SystemClock()))
    crm = AmoCRM(office) if kind == "amocrm" else CRMS[kind](office, _MADE_BY_THE_CRM.get(kind, "0" * 24))
    with contextlib.ExitStack() as stack:
        api_url = stack.enter_context(served(crm))
        elsewhere = ("--api-url", api_url) if kind == "hubspot" else ()  # whose API has one address for all
        terminal = stack.enter_context(
            contextlib.closing(Terminal(folder, ("init", "--port", str(port), *elsewhere)))
        )
        address, secret = _configure(terminal, kind, port, crm, api_url)
        url, query = address.partition("?")[0], dict(parse_qsl(urlsplit(address).query))
        steps = ["lossboard init", "paste the address into the CRM"]
        if secret or kind in _MADE_BY_THE_CRM:
            steps.append("paste the secret")
        if hasattr(crm, "webhook_secret"):
            crm.webhook_secret = secret or query.get("token", _MADE_BY_THE_CRM.get(kind, ""))
        crm.connect(url)
        url = url.replace("https:", "http:")
        terminal.until("Waiting for the first event")
        _lose_a_deal(crm, url)
        terminal.until(r"office/\d+ 20\d\d-")
        terminal.until("The CRM is connected")
        steps.append("lose a deal in the CRM")
        viewer = tomllib.loads((folder / "lossboard.toml").read_text())["accounts"][0]["viewer_token"]
        until(lambda: _losses(port, viewer)["count"] == 1)
    return Played(kind, terminal.questions, time.monotonic() - began, tuple(steps))


def _configure(
    terminal: Terminal, kind: str, port: int, crm: SimulatedCRM, api_url: str
) -> tuple[str, str | None]:
    """Answer the questions. Returns the address for the CRM, and the secret where it is a thing apart."""
    table = crm.account(api_url)
    api = table.get("api")
    terminal.answer(r"Your CRM .*: ", kind)
    for question in ("Language", "heading", "Time zone", "Currency"):
        terminal.answer(f"{question}.*: ", "")
    scheme = "https" if kind == "hubspot" else "http"  # HubSpot signs https alone; no proxy stands here
    terminal.answer("Address at which the CRM.*: ", f"{scheme}://127.0.0.1:{port}")
    if isinstance(api, Mapping):
        if kind != "hubspot":
            terminal.answer("Address of your account.*: ", str(api["url"]))
        terminal.answer("Token of its API.*: ", str(api["token"]))
    address = terminal.until(r"The address: (\S+)")[1]
    secret = None
    if kind in _MADE_BY_THE_CRM:
        secret = _MADE_BY_THE_CRM[kind]
        terminal.answer("The secret that the CRM shows.*: ", secret)
    elif kind != "amocrm":
        secret = terminal.until(r"webhook_secret: (\S+)")[1]
    terminal.answer("Serve now.*: ", "")
    return address, secret


def _lose_a_deal(crm: SimulatedCRM, url: str) -> None:
    """What a manager does in the CRM, and what the CRM posts about it."""
    office = crm.office
    client = office.add_client("Иван Петров")
    manager, pipeline = next(iter(office.managers)), next(iter(office.pipelines))
    deal = office.add_deal("Абонемент", 518_400, client.id, manager, pipeline)
    lost = office.lose(deal.id, "Выбрал других")
    with httpx.Client(trust_env=False) as http:
        for event in (deal, lost):
            for webhook in (crm.outgoing(made, 0) for made in crm.webhooks(event)):
                answer = http.post(
                    url,
                    params=dict(webhook.query),
                    headers=dict(webhook.headers),
                    content=webhook.body,
                )
                assert answer.status_code == 200, answer.text


def _losses(port: int, viewer: str) -> dict[str, object]:
    """The money lost, as the board says."""
    url = f"http://127.0.0.1:{port}/boards/office/snapshot"
    answer = httpx.get(url, headers={"authorization": f"Bearer {viewer}"}, trust_env=False)
    losses: dict[str, object] = answer.json()["losses"]["total"]
    return losses


def main(kinds: list[str]) -> None:
    """Go the way with each kind, and print what it took."""
    for kind in kinds or list(CRMS):
        with tempfile.TemporaryDirectory() as folder:
            played = play(kind, Path(folder))
        click.echo(f"{kind}: {played.questions} questions, {played.seconds:.1f} s: {'; '.join(played.steps)}")


if __name__ == "__main__":
    main(sys.argv[1:])
