"""Posts webhooks over a number of connections, as fast as the service responds, from a separate process."""

from __future__ import annotations

import json
import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from standardwebhooks import Webhook

from bench.office import SECRET


def request(number: int, prefix: str, account: str = "office") -> bytes:
    """A signed webhook about one deal."""
    now = datetime.now(UTC)
    data = {
        "id": f"{prefix}{number}",
        "name": f"Deal {number}",
        "status": ("open", "lost", "won")[number % 3],
        "reason": f"Reason {number % 8}",
        "amount": f"{number % 100_000}.00",
        "client": {"id": f"{number % 5000}", "name": "Client"},
        "manager": {"id": f"{number % 20}", "name": "Manager"},
    }
    body = json.dumps({"type": "deal.changed", "timestamp": now.isoformat(), "data": data})
    name = f"{prefix}{number}"
    signature = Webhook(SECRET).sign(name, now, body)
    head = (
        f"POST /webhooks/{account} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"webhook-id: {name}\r\nwebhook-timestamp: {int(now.timestamp())}\r\n"
        f"webhook-signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def rate(
    port: int, number: int, connections: int, prefix: str, accounts: Sequence[str] = ("office",)
) -> float:
    """The rate of webhooks answered with 200, in webhooks a second, posted to the accounts in turns."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_load, args=(theirs, port, number, connections, prefix, accounts))
    child.start()
    theirs.close()
    try:
        seconds: float = ours.recv()
    except EOFError:
        raise RuntimeError("the process that posts webhooks failed") from None
    child.join()
    return seconds


def _load(
    answer: Connection, port: int, number: int, connections: int, prefix: str, accounts: Sequence[str]
) -> None:
    requests = iter([request(index, prefix, accounts[index % len(accounts)]) for index in range(number)])
    selector = selectors.DefaultSelector()
    began = time.perf_counter()
    for _ in range(connections):
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(opened, selectors.EVENT_READ)
        opened.sendall(next(requests))
    done = 0
    while selector.get_map():
        for key, _ in selector.select():
            done += _next(selector, key.fileobj, requests)
    answer.send(done / (time.perf_counter() - began))


def _next(selector: selectors.BaseSelector, opened: object, requests: Iterator[bytes]) -> int:
    assert isinstance(opened, socket.socket)
    answered(opened)
    following = next(requests, None)
    if following is None:
        selector.unregister(opened)
        opened.close()
    else:
        opened.sendall(following)
    return 1


def answered(opened: socket.socket) -> bytes:
    """The body of a response, which must be 200; its head and body may arrive separately."""
    received = b""
    while True:
        received += opened.recv(65536)
        head, separator, body = received.partition(b"\r\n\r\n")
        if separator:
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(received[:200])
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(body) >= length:
                return body
