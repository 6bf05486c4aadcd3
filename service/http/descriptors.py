"""How many connections and screens the operating system's limit of file descriptors allows."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass
from typing import Final

RESERVED: Final = 192
"""Descriptors for the database, calls to CRMs' APIs, files, and connections that wait to be closed."""

MAX_CONNECTIONS: Final = 10_000
"""Connections of one process, however many descriptors there are, because each costs memory too."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of one process: its connections, and how many of them may be event streams."""

    connections: int
    streams: int


def raise_limit() -> int:
    """Raise the soft limit of this process and of its workers to the hard one; returns what it is then.

    Service managers and shells set it to 1024 for the sake of programs that use `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + RESERVED if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    with contextlib.suppress(ValueError, OSError):  # a system may have a lower limit that it does not name
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def shares(limit: int) -> Shares:
    """Divide a limit of descriptors. A quarter of the connections is kept from screens, for webhooks."""
    connections = min(MAX_CONNECTIONS, limit - min(RESERVED, limit // 2))
    return Shares(connections, connections - connections // 4)
