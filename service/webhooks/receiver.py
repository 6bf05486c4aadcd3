"""Takes one request of a known account: reads, authenticates and decodes it.

What is not proven costs as little as can be. What the head of a request can prove is checked before its body
is read, the bytes of all bodies under way are bounded, and a body is decoded only when it is authentic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from msgspec.structs import replace

from service.brake import source_of
from service.clock import Clock
from service.model import Decoded, Request
from service.problems import Message, RawHeaders, Receive
from service.webhooks.body import arrived, read_body
from service.webhooks.budget import Budget
from service.webhooks.decoding import Sender, decode

LARGE: Final = 64 * 1024
"""Bytes above which a body is decoded in a thread, because decoding it would delay other requests."""

_HEADER_BYTES: Final = 256
"""What a header holds besides its name and value."""


class Receiver:
    """See the module.

    Args:
        seconds: The time limit for a whole body.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._budget = Budget()

    async def receive(
        self, scope: Message, receive: Receive, headers: Mapping[str, str], sender: Sender
    ) -> tuple[Request, Decoded]:
        """The request as which it is stored, and what that says.

        Args:
            headers: Names in lower case.

        Raises:
            NotAuthentic, TooLarge, TooSlow, OverBudget, Disconnected: See there. Nothing of it is kept.
        """
        account, adapter, _ = sender
        whole = arrived(scope, LARGE)
        if whole is not None:  # nothing of it is ever under way
            request = self._request(scope, headers, whole)
            adapter.authenticate(request, account)
            return decode(request, sender)
        head = self._request(scope, headers, b"")
        is_proven = adapter.admit(head, account, head.received_at)
        source = None if is_proven else source_of(client_of(scope))
        with self._budget.hold(account.id, source, _size(scope["headers"])) as held:
            body = await read_body(receive, headers.get("content-length", ""), self._seconds, held)
            request = replace(head, body=body, received_at=self._clock.now())
            if not is_proven:
                adapter.authenticate(request, account)
            if len(body) <= LARGE:
                return _decoded(request, sender, is_proven)
            held.prove()
            return await asyncio.to_thread(_decoded, request, sender, is_proven)

    def _request(self, scope: Message, headers: Mapping[str, str], body: bytes) -> Request:
        query_string = scope["query_string"].decode("latin-1")
        query = _query(query_string) if query_string else {}
        root_path: str = scope.get("root_path", "")
        path = _path(scope).removeprefix(root_path)
        now = self._clock.now()
        return Request(scope["method"], path, query, headers, body, now, query_string, root_path)


def _size(headers: RawHeaders) -> int:
    """The bytes that headers hold. There are two copies, as they were sent and as texts."""
    return sum(_HEADER_BYTES + 2 * (len(name) + len(value)) for name, value in headers)


def client_of(scope: Message) -> str:
    """The client's address; empty if the server knows none."""
    return scope["client"][0] if scope.get("client") else ""


def _path(scope: Message) -> str:
    raw_path: bytes | None = scope.get("raw_path")
    return raw_path.partition(b"?")[0].decode("latin-1") if raw_path else scope["path"]


def _query(query_string: str) -> Mapping[str, str]:
    """The parameters; of a repeated one, the first value."""
    return dict(reversed(parse_qsl(query_string, keep_blank_values=True)))


def _decoded(request: Request, sender: Sender, is_proven: bool) -> tuple[Request, Decoded]:
    """See `decode`. Of a request that its head has proved, what else it must say is checked here, off the
    event loop if it is large."""
    if is_proven:
        sender.adapter.authenticate(request, sender.account)
    return decode(request, sender)
