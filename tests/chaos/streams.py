"""Simulated screens: they follow the live protocol over raw sockets, move to another node when theirs fails,
and keep the board that results from the events."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.running import VIEWER
from tests.live.patches import apply_patch

SILENCE_SECONDS: Final = 16.0
"""After this time without an event the stream is lost, whatever the socket says: three heartbeats."""

RETRY_SECONDS: Final = (0.2, 1.0)
"""The wait before the next attempt."""


@dataclass
class Screen:
    """One screen; `follow` runs until cancelled."""

    account: str
    ports: Sequence[int]
    dice: random.Random
    board: dict[str, Any] = field(default_factory=dict)
    seen: int | None = None
    streams: int = 0
    events: int = 0
    backwards: list[tuple[int, int]] = field(default_factory=list)

    async def follow(self) -> None:
        """Keep the board up to date from any node that serves it."""
        while True:
            try:
                async for name, seq, data in self._events(self.dice.choice(self.ports)):
                    self._take(name, seq, data)
            except (OSError, EOFError, TimeoutError):
                pass
            await asyncio.sleep(self.dice.uniform(*RETRY_SECONDS))

    def _take(self, name: str, seq: int | None, data: dict[str, Any]) -> None:
        self.events += 1
        if name == "heartbeat" and self.board:
            # A repeated webhook changes only these two times.
            self.board |= {moment: data[moment] for moment in ("as_of", "last_delivery_at")}
        if seq is None:
            return
        if self.seen is not None and seq < self.seen:
            self.backwards.append((self.seen, seq))
        self.seen = seq
        self.board = data if name == "snapshot" else apply_patch(self.board, data)

    async def _events(self, port: int) -> AsyncIterator[tuple[str, int | None, dict[str, Any]]]:
        async with asyncio.timeout(SILENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        try:
            last = "" if self.seen is None else f"Last-Event-ID: {self.seen}\r\n"
            writer.write(
                f"GET /boards/{self.account}/events HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {VIEWER}\r\n{last}\r\n".encode()
            )
            async with asyncio.timeout(SILENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                return
            self.streams += 1
            received = b""
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    received += await _chunk(reader)
                *whole, received = received.split(b"\n\n")
                for event in whole:
                    if b"data: " in event:
                        yield _parsed(event.decode())
        finally:
            writer.close()


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    if size == 0:
        raise EOFError
    return (await reader.readexactly(size + 2))[:-2]


def _parsed(text: str) -> tuple[str, int | None, dict[str, Any]]:
    fields = dict(line.split(": ", 1) for line in text.split("\n"))
    seq = int(fields["id"]) if "id" in fields else None
    return fields["event"], seq, json.loads(fields["data"])
