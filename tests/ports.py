"""Ports for servers that cannot take one by themselves."""

from __future__ import annotations

import contextlib
import socket


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [listening.getsockname()[1] for listening in sockets]
