"""Screens as the tests' own: they follow the live protocol over raw sockets, move to another node whenever
theirs is gone, and keep the board that follows from what they were sent."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from service.live.board.patch import apply_patch

SILENCE: Final = 16.0
"""Seconds without an event after which the stream is lost, whatever the socket says: three heartbeats."""

PAUSE: Final = (0.2, 1.0)
"""Seconds before the next attempt."""


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
        """Show the board, wherever that can be had."""
        while True:
            try:
                async for name, seq, data in self._events(self.dice.choice(self.ports)):
                    self._take(name, seq, data)
            except (OSError, EOFError, TimeoutError):
                pass
            await asyncio.sleep(self.dice.uniform(*PAUSE))

    def _take(self, name: str, seq: int | None, data: dict[str, Any]) -> None:
        self.events += 1
        if name == "heartbeat" and self.board:
            # A webhook that came once more is heard of, and changes nothing else.
            self.board |= {moment: data[moment] for moment in ("as_of", "last_delivery_at")}
        if seq is None:
            return
        if self.seen is not None and seq < self.seen:
            self.backwards.append((self.seen, seq))
        self.seen = seq
        self.board = data if name == "snapshot" else apply_patch(self.board, data)

    async def _events(self, port: int) -> AsyncIterator[tuple[str, int | None, dict[str, Any]]]:
        async with asyncio.timeout(SILENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        try:
            last = "" if self.seen is None else f"Last-Event-ID: {self.seen}\r\n"
            writer.write(
                f"GET /boards/{self.account}/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n".encode()
            )
            async with asyncio.timeout(SILENCE):
                head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                return
            self.streams += 1
            received = b""
            while True:
                async with asyncio.timeout(SILENCE):
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
