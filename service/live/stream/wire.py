"""How a connection takes frames: as they are, or in a gzip stream; as chunks, or not; with the number of a
channel, or without.

A frame is compressed once, for all connections: as a deflate block that refers to nothing before it and ends
at a whole byte (a full flush). So the blocks of any frames make a gzip stream, in any order, after one
header; and what one frame says tells nothing of the size of another (no BREACH). The stream has no trailer,
because its connection ends it.
"""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple

GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952: deflate, no name, no time, an unknown system."""

LEVEL: Final = 5
"""Of zlib: a page of 100 kB takes about a millisecond."""

WORTH: Final = 256
"""Bytes of the smallest frame that is worth compressing."""

_STORED: Final = 0xFFFF
"""Bytes of the largest block that is stored as it is."""


class Frame(bytes):
    """An event.

    Attributes:
        block: The same as a block of a gzip stream.
        made: The same for each wire without channels that has taken it, for all connections.
    """

    block: bytes
    made: dict[Wire, bytes]

    @classmethod
    def of(cls, event: bytes) -> Frame:
        """The frame of an event."""
        frame = cls(event)
        frame.block = _compressed(event) if len(event) >= WORTH else _stored(event)
        frame.made = {}
        return frame


class Wire(NamedTuple):
    """See the module.

    Args:
        gzip: Whether the connection takes a gzip stream.
        channel: Of several streams of one connection, the number of this one; None: it has one.
        chunked: Whether each frame is a chunk (RFC 9112, section 7.1), because nobody else makes one of it.
    """

    gzip: bool = False
    channel: int | None = None
    chunked: bool = False

    @property
    def head(self) -> bytes:
        """What the stream begins with."""
        return self._chunk(GZIP_HEADER) if self.gzip else b""

    def __call__(self, frame: bytes) -> bytes:
        """A frame as the connection takes it. The number of a channel is the first line of its data."""
        if self.channel is None and isinstance(frame, Frame):
            made = frame.made.get(self)
            if made is None:
                made = frame.made[self] = self._chunk(frame.block if self.gzip else bytes(frame))
            return made
        label = b"" if self.channel is None else b"data: %d\n" % self.channel
        if not self.gzip:
            return self._chunk(label + frame)
        return self._chunk(_stored(label) + (frame.block if isinstance(frame, Frame) else _stored(frame)))

    def _chunk(self, content: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(content), content) if self.chunked else content


def _compressed(content: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)


def _stored(content: bytes) -> bytes:
    """Blocks that hold bytes as they are (RFC 1951, section 3.2.4)."""
    parts = [content[start : start + _STORED] for start in range(0, len(content), _STORED)]
    return b"".join(
        b"\0" + len(part).to_bytes(2, "little") + (len(part) ^ _STORED).to_bytes(2, "little") + part
        for part in parts
    )
