"""A network between a browser and the service, which can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Relay:
    """Forwards connections to the service until it is cut; then it refuses them."""

    def __init__(self, url: str) -> None:
        self._there = _port(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._whole = True
        self._passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for the browser."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def passed(self) -> int:
        """The number of connections forwarded since the last cut."""
        return self._passed

    def cut(self) -> None:
        """Close every connection and refuse new ones."""
        self._whole = False
        self._passed = 0
        for connection in list(self._open):
            _shut(connection)

    def mend(self, url: str | None = None) -> None:
        """Forward connections again, to another address if the service has moved."""
        if url is not None:
            self._there = _port(url)
        self._whole = True

    def close(self) -> None:
        """Close everything."""
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self._whole:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._there))
            self._open |= {near, far}
            self._passed += 1
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(65_536):
                sink.sendall(part)
        for connection in (source, sink):  # the thread of the other direction then ends, too
            _shut(connection)
        self._open.discard(source)
        source.close()


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relayed(url: str) -> Iterator[Relay]:
    """A relay to a service, closed afterwards."""
    relay = Relay(url)
    try:
        yield relay
    finally:
        relay.close()
