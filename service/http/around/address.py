"""What a request is addressed to, settled before the routes see it: one Host, one token, the path inside the
service, and no trailing slash (SPEC section 5).

Raw ASGI, around the routes. No redirect is made here: Starlette's would be absolute, would believe the Host
header and repeat the query, and no CRM follows one.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from service.problems import Message, Problem, Receive, Send

MAX_QUERY: Final = 4 * 1024
"""Bytes of the longest query string: the longest text of a board, escaped, and what is beside it."""

MAX_PARAMETERS: Final = 64
"""Parameters of an address. To parse thousands takes longer than a stranger may hold the event loop."""

_TOO_LONG: Final = Problem(
    414,
    f"the query string is over {MAX_QUERY} bytes or {MAX_PARAMETERS} parameters",
    ((b"connection", b"close"),),
)
_NO_HOST: Final = Problem(400, "the request must have one Host header")
_TOKENS: Final = Problem(400, "the address must have one token at most")


class Address:
    """Around an ASGI application.

    The service is served under its root path, whether or not the proxy before it takes that off. A trailing
    slash is taken off, too. `path` and `root_path` are then those of ASGI; `raw_path` stays as it was sent.

    Args:
        root_path: As `Config.root_path`.
    """

    def __init__(self, app: Any, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            if (problem := _problem(scope)) is not None:
                return problem(scope, receive, send)
            path = inside(scope["path"], self._root_path)
            path = path.removesuffix("/") if len(path) > 1 else path
            scope = {**scope, "path": self._root_path + path, "root_path": self._root_path}
        served: Awaitable[None] = app(scope, receive, send)
        return served


def inside(path: str, root_path: str) -> str:
    """The path inside the service of one that may begin with the root path."""
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        return path.removeprefix(root_path) or "/"
    return path


def _problem(scope: Message) -> Problem | None:
    """What is wrong with the address of a request, if anything is: two readers of one that is ambiguous (a
    proxy and the service) must not come to two answers."""
    hosts = [name for name, _ in scope["headers"]].count(b"host")
    if hosts > 1 or (hosts == 0 and scope["http_version"] != "1.0"):
        return _NO_HOST
    if not scope["query_string"]:
        return None
    if len(scope["query_string"]) > MAX_QUERY or scope["query_string"].count(b"&") >= MAX_PARAMETERS:
        return _TOO_LONG
    names = [part.partition(b"=")[0] for part in scope["query_string"].split(b"&")]
    if sum(name == b"token" or (b"%" in name and unquote_to_bytes(name) == b"token") for name in names) > 1:
        return _TOKENS
    return None
