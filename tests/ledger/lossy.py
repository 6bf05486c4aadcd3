"""A network between the service and PostgreSQL that can lose the answer to a COMMIT, or everything."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class LossyNetwork:
    """Passes connections on to PostgreSQL's socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.lose_commits = 0
        """So many answers to COMMITs get lost, and their connections with them."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._listening.getsockname()[1]
        return port

    def close(self) -> None:
        """Close all connections."""
        self._listening.close()
        for opened in self._open:
            _shut(opened)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._path)
            self._open += [near, far]
            silent = threading.Event()
            threading.Thread(target=self._ask, args=(near, far, silent), daemon=True).start()
            threading.Thread(target=self._answer, args=(far, near, silent), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while part := near.recv(65_536):
                if b"COMMIT\0" in part and self.lose_commits:
                    self.lose_commits -= 1
                    silent.set()
                far.sendall(part)
        _shut(far)

    def _answer(self, far: socket.socket, near: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while part := far.recv(65_536):
                if silent.is_set():  # the server has committed, and the client never learns of it
                    break
                near.sendall(part)
        for side in (near, far):
            _shut(side)
            side.close()


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def lossy(path: str) -> Iterator[LossyNetwork]:
    """A network, closed afterwards."""
    network = LossyNetwork(path)
    try:
        yield network
    finally:
        network.close()
