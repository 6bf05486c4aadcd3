"""Errors as pages, for a person with a browser (SPEC section 5); programs get them as JSON."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any, Final

import msgspec

from service.live.http.pasted_links import BOARD
from service.live.page.plain_page import ErrorShown, error_page
from service.live.text.i18n import preferred_language
from service.problems import CONTENT_TYPE, Message, Receive, Send

WALL_SECONDS: Final = 60
"""After how long a wall whose error says nothing of that tries again: nobody stands before it to do so."""

WALL: Final = re.compile(rb"(?:^|&)mode=wall(?:&|$)")
"""In the query string of a wall's address."""

_REPLACED: Final = frozenset({b"content-type", b"content-length"})


class ErrorPages:
    """Around an ASGI application: a `Problem` in response to a browser's GET, or to a form,
    becomes a page in its language.

    Args:
        root_path: As `Config.root_path`.
    """

    def __init__(self, app: Any, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""
        if self._is_from_a_person(scope):
            return self._with_pages(scope, receive, send)
        served: Awaitable[None] = self._app(scope, receive, send)
        return served

    async def _with_pages(self, scope: Message, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def send_page(message: Message) -> None:
            if (b"content-type", CONTENT_TYPE) in message.get("headers", ()):
                held.append(message)
                return
            if held:  # a problem has one body
                for part in self._page(scope, held.pop(), message["body"]):
                    await send(part)
                return
            await send(message)

        await self._app(scope, receive, send_page)

    def _is_from_a_person(self, scope: Message) -> bool:
        """Whether it is a browser's GET, or a form of a board. A webhook gets JSON, whatever it accepts."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
            return False
        path: str = scope["path"].removeprefix(self._root_path)
        is_asked = scope["method"] == "GET" or path.startswith(("/boards/", "/admin"))
        return is_asked and b"text/html" in _header(scope, b"accept")

    def _page(self, scope: Message, start: Message, body: bytes) -> tuple[Message, Message]:
        problem: dict[str, Any] = msgspec.json.decode(body)
        language = preferred_language(_header(scope, b"accept-language").decode("latin-1"))
        retry = dict(start["headers"]).get(b"retry-after")
        wall = WALL.search(scope["query_string"]) is not None
        named = BOARD.search(scope["path"])
        page = error_page(
            ErrorShown(
                problem["status"],
                problem["detail"],
                int(retry) if retry is not None else WALL_SECONDS if wall else None,
                named[1] if named else None,
                wall=wall,
            ),
            language,
            self._root_path,
        ).encode()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(page)),
            *((name, value) for name, value in start["headers"] if name not in _REPLACED),
        ]
        return {**start, "headers": headers}, {"type": "http.response.body", "body": page}


def _header(scope: Message, wanted: bytes) -> bytes:
    """A header of a request; empty if it has none of that name."""
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value)
    return b""
