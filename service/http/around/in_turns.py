"""Lets the requests of a crowd begin by turns, so that the event loop has time for others."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from service.problems import Message, Receive, Send

AT_ONCE: Final = 8
"""Requests that begin in one turn of the event loop: they take it for a few milliseconds."""


class InTurns:
    """Around an ASGI application: thousands of screens that come back at once, as after a restart, wait for
    their turns in the order in which they came. What does not go through it (webhooks) has its own."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._begun = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await self._turn()
        await self._app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._begun < AT_ONCE:
            if not self._begun:
                loop.call_soon(self._begin_next)
            self._begun += 1
            return
        waiting = loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _begin_next(self) -> None:
        """Let the next ones begin in the next turn."""
        self._begun = 0
        while self._waiting and self._begun < AT_ONCE:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._begin_next)
