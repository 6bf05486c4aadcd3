"""BoardRows a request's body within a size and a time. An ASGI server caps neither.

uvicorn has no deadline for a body, so a client that sends one byte a second would hold a connection for good.
"""

from __future__ import annotations

import asyncio
from typing import Final

from service.problems import Receive

MAX_BODY: Final = 1024 * 1024
"""Bytes in the largest body that is taken (SPEC section 4)."""


class TooLarge(Exception):
    """The body is larger than `MAX_BODY`. The rest of it was not read."""


class TooSlow(Exception):
    """The body was not complete in time. The rest of it was not read."""


class Disconnected(Exception):
    """The client left before the body was complete; there is nobody to answer."""


async def read_body(receive: Receive, declared: str, seconds: float) -> bytes:
    """The whole body.

    Args:
        declared: The Content-Length, if any: a body that says that it is too large is not read at all.
        seconds: How long reading may take in all, however steadily the bytes drip.

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
