"""The socket that the service listens on."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from service.http.descriptors import MAX_CONNECTIONS
from service.http.listening import listen


def test_what_it_accepts_sends_without_delay() -> None:
    with listen("127.0.0.1", 0) as listening:
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_crowd_of_as_many_as_may_be_served_waits_until_it_is_accepted() -> None:
    """As far as the system lets it: those beyond come back seconds later."""
    most = int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii"))
    with listen("127.0.0.1", 0) as listening:
        told = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    (queue,) = struct.unpack_from("=28xI", told)  # `tcpi_sacked`: of a listening socket its longest queue
    assert queue == min(MAX_CONNECTIONS, most)
