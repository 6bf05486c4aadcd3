"""Reads a request's body within limits of size and time, because an ASGI server sets neither.

uvicorn has no deadline for a body: a client that sends one byte a second would hold a connection forever.
"""

from __future__ import annotations

import asyncio
from typing import Final

from service.problems import Message, Receive
from service.webhooks.budget import Held, OverBudget

MAX_BODY: Final = 1024 * 1024
"""Bytes in the largest accepted body."""


ARRIVED: Final = "lossboard.arrived"
"""The extension of ASGI by which the server gives a body that is complete: its `body` takes one of so many
bytes at most, and returns None if there is none. Other servers do not have it."""


class TooLarge(Exception):
    """The body is larger than `MAX_BODY`; its rest was not read."""


class TooSlow(Exception):
    """The body was not complete in time; its rest was not read."""


class Disconnected(Exception):
    """The client disconnected before the body was complete, so nobody waits for a response."""


def arrived(scope: Message, most: int) -> bytes | None:
    """The body, if all of it has come with the head, as that of almost every webhook has, and it is not over
    so many bytes."""
    extension = scope.get("extensions", {}).get(ARRIVED)
    body: bytes | None = None if extension is None else extension["body"](most)
    return body


async def read_body(receive: Receive, declared: str, seconds: float, held: Held) -> bytes:
    """Read the whole body.

    Args:
        declared: The Content-Length or an empty string. If it is too large, nothing is read.
        seconds: The time limit for the whole body.
        held: Grows by the declared size at once, or by what comes where no size is declared.

    Raises:
        TooLarge, TooSlow, Disconnected, OverBudget: See there.
    """
    is_declared = declared.isascii() and declared.isdigit()
    if is_declared:
        if len(declared) > 9 or int(declared) > MAX_BODY:
            raise TooLarge
        held.grow(int(declared))
    try:
        async with asyncio.timeout(seconds) as deadline:
            held.give_way = lambda: None if deadline.expired() else deadline.reschedule(0)
            return await _read(receive, held, is_declared=is_declared)
    except TimeoutError:
        raise (OverBudget if held.is_displaced else TooSlow) from None


async def _read(receive: Receive, held: Held, *, is_declared: bool) -> bytes:
    # One buffer, because a body that comes byte by byte would cost fifty times its size in pieces.
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) + len(chunk) > MAX_BODY:
            raise TooLarge
        if not is_declared:
            held.grow(len(chunk))
        if not more and not body:
            return chunk
        body += chunk
    return bytes(body)
