"""What one connection may take of time and memory."""

from __future__ import annotations

from typing import Final

HEAD_SECONDS: Final = 10.0
"""The time limit for a request's head: from the opening of the connection, or, on a kept-alive connection,
from the head's first byte."""

WRITE_SECONDS: Final = 20.0
"""How long a full connection may accept no bytes before it is aborted, as of a screen that lost its power."""

LEAVE_SECONDS: Final = 1.0
"""The same at shutdown, because somebody waits for the process to end."""

LINGER_SECONDS: Final = 5.0
"""How long a client may go on sending a request that was answered before its end. A connection that is closed
with bytes unread is reset, and the client loses the answer."""

MAX_LINGER: Final = 2 * 1024 * 1024
"""Bytes that are read, and thrown away, in that time."""

MAX_HEAD: Final = 16 * 1024
"""Bytes before a body, and again of all that frames it: sizes and extensions of chunks, and trailers. The end
of the request before may add as much."""

READ_SIZE: Final = 64 * 1024
"""Bytes that are read from a connection at once. asyncio reads 256 KiB, of every connection that has them,
before the application sees the first of them and can refuse it."""

MAX_FIELDS: Final = 100
"""Header fields of a request, and again trailers."""

MAX_UNREAD: Final = 128 * 1024
"""As much of an unread answer counts as held, because a stranger gets no larger one."""

MAX_PIPELINED: Final = 8
"""Requests that may wait for the answer to the one before."""

MAX_IGNORED: Final = 64 * 1024
"""Bytes that the client of a stream may send after its request. A browser sends none."""
