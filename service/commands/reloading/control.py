"""Where `lossboard reload` finds the processes that serve a configuration file, and hears what became of it.

Each listens at an abstract Unix socket (Linux alone has them) that is named after the file. The kernel tells
whose it is, so that nothing is left behind that could name another process later. A caller connects, sends
SIGHUP to the process that listens, which only the same user and root may, and reads the outcome.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from service.operator_error import OperatorError

PROCESSES: Final = 8
"""Processes of one machine that are found by the same file."""

ANSWER_SECONDS: Final = 600.0
"""How long a caller waits for the outcome: figures may have to be recomputed."""

_PEER: Final = struct.Struct("3i")  # pid, uid, gid
_DONE: Final = b"done: "
_FAILED: Final = b"failed: "


class NotReloaded(OperatorError):
    """The configuration that is served is still the old one, or nobody serves it."""


def _name(file: Path, number: int) -> str:
    digest = hashlib.sha256(os.fsencode(file.resolve())).hexdigest()
    return f"\0lossboard-{digest}-{number}"


class ControlSocket:
    """The side of the process that serves. `close` it.

    Args:
        file: The configuration file; None: nobody finds the process by it.
    """

    def __init__(self, file: Path | None) -> None:
        self._listening = None if file is None or sys.platform != "linux" else _listen(file)

    def waiting(self) -> list[socket.socket]:
        """The callers that wait for an outcome."""
        callers: list[socket.socket] = []
        if self._listening is not None:
            with contextlib.suppress(OSError):
                while len(callers) < PROCESSES:
                    callers.append(self._listening.accept()[0])
        return callers

    def close(self) -> None:
        """Be found no longer."""
        if self._listening is not None:
            self._listening.close()


def _listen(file: Path) -> socket.socket | None:
    for number in range(PROCESSES):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(_name(file, number))
        except OSError:  # another process has the name
            listening.close()
            continue
        listening.listen()
        listening.setblocking(False)
        return listening
    return None


def answer(callers: Sequence[socket.socket], outcome: str, *, done: bool) -> None:
    """Tell callers what became of it, and hang up. What a caller does not take is not waited for."""
    for caller in callers:
        with caller, contextlib.suppress(OSError):
            caller.setblocking(False)
            caller.send((_DONE if done else _FAILED) + outcome.encode())


def ask(file: Path) -> Iterator[tuple[int, str]]:
    """Ask each process that serves a configuration file to read it again. Yields the process's id, and what
    it changed.

    Raises:
        NotReloaded: There is none, or it changed nothing because of an error.
    """
    asked = [caller for number in range(PROCESSES) if (caller := _connected(file, number)) is not None]
    if not asked:
        hint = "" if sys.platform == "linux" else "; only Linux can tell: send SIGHUP to the process instead"
        raise NotReloaded(f"no process of this machine serves {file}{hint}")
    with contextlib.ExitStack() as stack:
        for caller in asked:
            stack.enter_context(caller)
        processes = [_hung_up(caller) for caller in asked]
        for caller, process in zip(asked, processes, strict=True):
            yield process, _outcome(caller, process)


def _connected(file: Path, number: int) -> socket.socket | None:
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.settimeout(ANSWER_SECONDS)
    try:
        caller.connect(_name(file, number))
    except OSError:
        caller.close()
        return None
    return caller


def _hung_up(caller: socket.socket) -> int:
    """Send SIGHUP to the process at the other end; returns its id."""
    process: int = _PEER.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
    try:
        os.kill(process, signal.SIGHUP)
    except PermissionError:
        raise NotReloaded(f"process {process} is another user's: run this as that user, or as root") from None
    except ProcessLookupError:
        raise NotReloaded(f"process {process} has ended") from None
    return process


def _outcome(caller: socket.socket, process: int) -> str:
    try:
        told = b"".join(iter(lambda: caller.recv(4096), b""))
    except OSError:
        told = b""
    if told.startswith(_DONE):
        return told.removeprefix(_DONE).decode(errors="replace")
    why = told.removeprefix(_FAILED).decode(errors="replace")
    raise NotReloaded(why or f"process {process} has not said what became of it: see its log")
