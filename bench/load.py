"""Posts webhooks over a number of connections, as fast as the service responds, from a separate process.

Everything is signed and rendered before the clock starts, so that a webhook costs the process two system
calls and little more; `Posted.busy` shows how near it was to its own limit.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import select
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

from standardwebhooks import Webhook

from bench.office import SECRET

_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Posted(NamedTuple):
    """What a run of the load came to.

    Args:
        rate: Webhooks a second that were answered with 200.
        busy: The share of the time that the posting process was on a core.
    """

    rate: float
    busy: float


def request(number: int, prefix: str, account: str = "office") -> bytes:
    """A signed webhook about one deal."""
    now = datetime.now(UTC)
    return signed(f"{prefix}{number}", now, told(number, prefix, now), account)


def told(number: int, prefix: str, at: datetime) -> str:
    """The body of a webhook about one deal."""
    data = {
        "id": f"{prefix}{number}",
        "name": f"Deal {number}",
        "status": ("open", "lost", "won")[number % 3],
        "reason": f"Reason {number % 8}",
        "amount": f"{number % 100_000}.00",
        "client": {"id": f"{number % 5000}", "name": "Client"},
        "manager": {"id": f"{number % 20}", "name": "Manager"},
    }
    return json.dumps({"type": "deal.changed", "timestamp": at.isoformat(), "data": data})


def signed(name: str, at: datetime, body: str, account: str = "office") -> bytes:
    """A webhook with an id, signed as of a moment."""
    head = (
        f"POST /webhooks/{account} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"webhook-id: {name}\r\nwebhook-timestamp: {int(at.timestamp())}\r\n"
        f"webhook-signature: {Webhook(SECRET).sign(name, at, body)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def rate(
    port: int, number: int, connections: int, prefix: str, accounts: Sequence[str] = ("office",)
) -> float:
    """The rate of webhooks answered with 200, in webhooks a second, posted to the accounts in turns."""
    return post(port, number, connections, prefix, accounts).rate


def post(
    port: int, number: int, connections: int, prefix: str, accounts: Sequence[str] = ("office",)
) -> Posted:
    """Post webhooks to the accounts in turns."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_load, args=(theirs, port, number, connections, prefix, accounts))
    child.start()
    theirs.close()
    try:
        posted: Posted = ours.recv()
    except EOFError:
        raise RuntimeError("the process that posts webhooks failed") from None
    child.join()
    return posted


def _load(
    answer: Connection, port: int, number: int, connections: int, prefix: str, accounts: Sequence[str]
) -> None:
    requests = iter([request(index, prefix, accounts[index % len(accounts)]) for index in range(number)])
    opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(min(connections, number))]
    for one in opened:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began, spent = time.perf_counter(), time.process_time()
    _post_all({one.fileno(): one for one in opened}, requests)
    seconds = time.perf_counter() - began
    answer.send(Posted(number / seconds, (time.process_time() - spent) / seconds))


def _post_all(opened: dict[int, socket.socket], requests: Iterator[bytes]) -> None:
    """Post the requests over the connections, and wait for every answer."""
    poll = select.epoll()
    for descriptor, connection in opened.items():
        poll.register(descriptor, select.EPOLLIN)
        connection.sendall(next(requests))
    received = dict.fromkeys(opened, b"")
    waiting = len(opened)
    while waiting:
        for descriptor, _ in poll.poll():
            connection = opened[descriptor]
            received[descriptor] += connection.recv(65536)
            if body_of(received[descriptor]) is None:
                continue
            received[descriptor] = b""
            if following := next(requests, None):
                connection.sendall(following)
            else:
                poll.unregister(descriptor)
                connection.close()
                waiting -= 1


def body_of(received: bytes) -> bytes | None:
    """The body of a response, which must be 200; None if it has not come whole."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        if not received:
            raise RuntimeError("the service closed a connection")
        return None
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(received[:200])
    return body if len(body) >= int(length[1]) else None


def answered(opened: socket.socket) -> bytes:
    """The body of the next response, which must be 200; its head and body may arrive separately."""
    received = b""
    while True:
        received += opened.recv(65536)
        body = body_of(received)
        if body is not None:
            return body
