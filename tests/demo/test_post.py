"""Posting survives what a CRM's sender must survive, and says plainly when a delivery is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.demo.post import CONNECTIONS, DeliveryError, Poster
from service.demo.run import play
from service.demo.wire import Webhook
from service.model import SECOND, Instant, later
from tests.demo.replay import Replay

APPLIED = (200, "", '{"status": "applied"}')


class SteppingClock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.at: Instant = Instant(1_795_417_200 * SECOND)
        self.waits: list[float] = []

    def now(self) -> Instant:
        return self.at

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        self.waits.append(seconds)
        self.at = later(self.at, 0 if wake.is_set() else int(seconds * SECOND))
        await asyncio.sleep(0)


@dataclass
class Service:
    """A stand-in; `answer` says what the nth request (from 1) gets: code, Retry-After, body."""

    answer: Callable[[int], tuple[int, str, str]] = lambda _: APPLIED
    hang_up_after: int = 10**9
    url: str = ""
    targets: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    callers: set[tuple[str, int]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def listening(service: Service) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with service.lock:
                service.bodies.append(body)
                service.targets.append(self.path)
                service.ids.append(self.headers["X-Amocrm-Requestid"])
                service.callers.add(self.client_address)
                number = len(service.bodies)
            code, retry_after, text = service.answer(number)
            self.send_response(code)
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())
            self.close_connection = number >= service.hang_up_after

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def webhooks(count: int) -> list[Webhook]:
    return [Webhook(f"account[id]={number}".encode()) for number in range(count)]


def post(service: Service, count: int, clock: SteppingClock) -> int:
    async def run() -> int:
        posted = 0

        def note(steps: int) -> None:
            nonlocal posted
            posted += steps

        async with Poster(service.url, "to ken&", clock, asyncio.Event()) as poster:
            await poster.post(webhooks(count), note)
        return posted

    return asyncio.run(run())


def test_every_webhook_arrives_once_over_a_handful_of_connections() -> None:
    with listening(Service()) as service:
        assert post(service, 50, SteppingClock()) == 50
    assert sorted(service.bodies) == sorted(webhook.body for webhook in webhooks(50))
    assert len(service.callers) <= CONNECTIONS
    assert set(service.targets) == {"/webhooks/demo?token=to%20ken%26"}


def test_a_duplicate_counts_as_delivered() -> None:
    with listening(Service(lambda _: (200, "", '{"status": "duplicate"}'))) as service:
        assert post(service, 3, SteppingClock()) == 3


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_service_is_asked_again_when_it_says(code: int) -> None:
    clock = SteppingClock()
    with listening(Service(lambda number: APPLIED if number > 2 else (code, "7", "busy"))) as service:
        assert post(service, 1, clock) == 1
    assert len(service.bodies) == 3
    assert len(set(service.bodies)) == len(set(service.ids)) == 1
    assert clock.waits == [7.0, 7.0]


def test_a_connection_that_went_stale_is_opened_anew() -> None:
    with listening(Service(hang_up_after=1)) as service:
        assert post(service, 20, SteppingClock()) == 20
    assert sorted(set(service.bodies)) == sorted(webhook.body for webhook in webhooks(20))


@pytest.mark.parametrize(
    "answer",
    [(401, "", "who are you"), (200, "", '{"status": "quarantined"}'), (200, "", "[]"), (200, "", "hello")],
)
def test_a_refused_delivery_is_an_error_that_shows_the_answer(answer: tuple[int, str, str]) -> None:
    with listening(Service(lambda _: answer)) as service, pytest.raises(DeliveryError) as refused:
        post(service, 1, SteppingClock())
    assert f"{answer[0]} {answer[2]}" in str(refused.value)
    assert len(service.bodies) == 1


def test_a_service_that_stays_busy_or_away_is_an_error_after_some_attempts() -> None:
    clock = SteppingClock()
    with listening(Service(lambda _: (503, "", "busy"))) as service:
        with pytest.raises(DeliveryError, match="busy"):
            post(service, 1, clock)
        assert 3 <= len(service.bodies) <= 10
    with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
        post(service, 1, clock)
    assert sum(clock.waits) >= 20


def test_a_still_demo_posts_the_worked_example_and_returns() -> None:
    clock = SteppingClock()
    with listening(Service()) as service:
        asyncio.run(play(service.url, "token", clock, still=True, stop=asyncio.Event()))
    replay = Replay()
    replay.take(Webhook(body) for body in service.bodies)
    assert len(replay.overdue(clock.now() // SECOND)) == 3
    assert clock.waits == []


def test_life_goes_on_after_the_worked_example_until_it_is_stopped() -> None:
    clock = SteppingClock()

    async def run(url: str, stop: asyncio.Event) -> None:
        async with asyncio.timeout(30):
            life = asyncio.create_task(play(url, "token", clock, still=False, stop=stop))
            while len(clock.waits) < 20:
                await asyncio.sleep(0)
            stop.set()
            await life

    with listening(Service()) as service:
        asyncio.run(run(service.url, asyncio.Event()))
    replay = Replay()
    replay.take(Webhook(body) for body in service.bodies)
    assert any(int(version) > 1_795_417_200 for _, _, version in replay.versions)


def test_nothing_is_posted_once_stopped() -> None:
    async def run(url: str) -> None:
        stop = asyncio.Event()
        stop.set()
        await play(url, "token", SteppingClock(), still=False, stop=stop)

    with listening(Service()) as service:
        asyncio.run(run(service.url))
    assert service.bodies == []
