"""The socket that the service listens on."""

from __future__ import annotations

import socket

from service.http.listening import listen


def test_what_it_accepts_sends_without_delay() -> None:
    with listen("127.0.0.1", 0) as listening:
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
