"""Opens the socket that a server listens on, and says in one line why it cannot."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Final

from service.http.descriptors import MAX_CONNECTIONS
from service.operator_error import OperatorError

BACKLOG: Final = MAX_CONNECTIONS
"""Connections that may wait until they are accepted: as many as a process may have, or as many as the system
lets wait (`net.core.somaxconn`, mostly 4 096). Those of a crowd beyond that try again after 1, 3 and 7 s."""

_TRIED: Final = 100  # ports above a taken one among which a free one is looked for
_LAST_PORT: Final = 65_535


class CannotListen(OperatorError):
    """The address cannot be listened on; the text says why, and names the next free port."""


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; port 0 stands for any free one.

    Raises:
        CannotListen: The port is taken, or the address is not ours.
    """
    try:
        return _opened(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CannotListen(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None
    free = _next_free(host, port)
    other = "choose another one with --port" if free is None else f"the next free one: --port {free}"
    raise CannotListen(f"port {port} of {host} is taken by another program; {other}")


def _opened(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # What it accepts has this, too. Otherwise the second part of a response, sent on its own, waits until the
    # client confirms the first, 40 ms later: the event loop sets it only on sockets that it opened itself.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setblocking(False)
    return listening


def _next_free(host: str, port: int) -> int | None:
    """The next port above a taken one that is free now."""
    for other in range(port + 1, min(port + _TRIED, _LAST_PORT) + 1):
        with contextlib.suppress(OSError):
            _opened(host, other).close()
            return other
    return None
