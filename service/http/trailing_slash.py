"""Takes an address with a trailing slash like the one without it (SPEC section 5).

Raw ASGI, around the routes. Starlette would redirect to an absolute address, which repeats the query and may
name another scheme than the sender's; and no CRM follows a redirect.
"""

from __future__ import annotations

from typing import Any, Final

from service.problems import Message, Receive, Send

_READING: Final = frozenset({"GET", "HEAD"})


class TrailingSlash:
    """Around an ASGI application.

    A browser is sent to the address without the slash, because the links of a page are relative to it. The
    address that it gets is relative, so that it keeps what a proxy has put before the path. Any other request
    is served at once. Its `raw_path` stays as it was sent, because a CRM may have signed it.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"] if scope["type"] == "http" else ""
        if len(path) > 1 and path.endswith("/"):
            if scope["method"] in _READING:
                await _redirect(scope, send)
                return
            scope = {**scope, "path": path.removesuffix("/")}
        await self._app(scope, receive, send)


async def _redirect(scope: Message, send: Send) -> None:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    name = raw_path.partition(b"?")[0].removesuffix(b"/").rpartition(b"/")[2]
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    headers = [
        (b"location", b"../" + name + query),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
