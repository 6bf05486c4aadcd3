"""Reads a request's body within limits of size and time, because an ASGI server sets neither.

uvicorn has no deadline for a body: a client that sends one byte a second would hold a connection forever.
"""

from __future__ import annotations

import asyncio
from typing import Final

from service.problems import Receive

MAX_BODY: Final = 1024 * 1024
"""Bytes in the largest accepted body."""


class TooLarge(Exception):
    """The body is larger than `MAX_BODY`; its rest was not read."""


class TooSlow(Exception):
    """The body was not complete in time; its rest was not read."""


class Disconnected(Exception):
    """The client disconnected before the body was complete, so nobody waits for a response."""


async def read_body(receive: Receive, declared: str, seconds: float) -> bytes:
    """Read the whole body.

    Args:
        declared: The Content-Length or an empty string. If it is too large, nothing is read.
        seconds: The time limit for the whole body.

    Raises:
        TooLarge, TooSlow, Disconnected: See there.
    """
    if declared.isascii() and declared.isdigit() and (len(declared) > 9 or int(declared) > MAX_BODY):
        raise TooLarge
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive)
    except TimeoutError:
        raise TooSlow from None


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise TooLarge
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
