"""A network that fails: it cuts connections after some bytes, or swallows what comes after them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

SILENCE_SECONDS: Final = 1.0
"""How long a connection that swallows everything stays open."""

Dial: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass
class Network:
    """Passes connections on, and fails them while `failing`.

    Args:
        dial: Connects to the other side.
        most: Bytes that pass in one direction before it fails, at most.
    """

    dial: Dial
    dice: random.Random
    most: int
    failing: bool = True
    cuts: int = 0
    silences: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            far_reader, far_writer = await self.dial()
        except OSError:
            writer.close()
            return
        ways = [self._pass(reader, far_writer), self._pass(far_reader, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        self._tasks.update(tasks)
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
            self._tasks.discard(task)
        for opened in (writer, far_writer):
            opened.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass bytes on until the connection ends or fails."""
        left = self.dice.randrange(self.most)
        with contextlib.suppress(OSError):
            while part := await reader.read(65_536):
                if self.failing and len(part) > left:
                    writer.write(part[:left])
                    await self._fail(writer)
                    return
                left -= len(part)
                writer.write(part)
                await writer.drain()

    async def _fail(self, writer: asyncio.StreamWriter) -> None:
        if self.dice.random() < 0.2:
            self.silences += 1
            await asyncio.sleep(SILENCE_SECONDS)
            return
        self.cuts += 1
        if self.dice.random() < 0.5:
            writer.transport.abort()

    async def end(self) -> None:
        """Drop what is still open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def failing(dial: Dial, dice: random.Random, most: int) -> AsyncIterator[tuple[Network, int]]:
    """A network, and the port on which it is reached."""
    network = Network(dial, dice, most)
    server = await asyncio.start_server(network.accept, "127.0.0.1", 0)
    try:
        yield network, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await network.end()
