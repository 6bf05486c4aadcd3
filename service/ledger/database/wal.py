"""What the write-ahead log of an SQLite database lacks, as far as its format tells
(https://www.sqlite.org/fileformat2.html#walformat).

A log is read up to its last whole commit, and SQLite says nothing of what it passes over. Each frame carries
the salts of its log, so frames behind a damaged place are still known to belong to it. The log's index, which
survives a kill but no power cut, knows how many pages were committed.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from service.ledger.database.errors import Corrupt, Moved
from service.ledger.database.sqlite import driver

_HEADER: Final = struct.Struct(">4sIII8s8s")
_FRAME: Final = struct.Struct(">II8s8s")
_ORDER: Final = {b"\x37\x7f\x06\x82": "<", b"\x37\x7f\x06\x83": ">"}
"""The order of bytes that checksums are computed in, by the log's first bytes."""

_INDEX: Final = struct.Struct("=IIIBBHII8s8s8s")
"""The head of the log's index, which is there twice: version, -, change, -, -, page size, frames, pages,
checksum, salts, checksum."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log as it lies there, before SQLite opens it.

    Args:
        commits: For each frame of this log, in their order, whether a commit ends with it.
        committed: Frames that were committed, by the log's index; None where that does not tell.
        is_headless: There are frames, and nothing tells which of them count.
    """

    commits: tuple[bool, ...] = ()
    committed: int | None = None
    is_headless: bool = False

    def lacks(self, readable: int) -> list[str]:
        """What is missing, one line for each kind of it.

        Args:
            readable: The frames that SQLite reads.
        """
        lines: list[str] = []
        behind = sum(self.commits[readable:])
        if self.is_headless:
            lines.append("its head is damaged, so nothing of it can be read")
        if behind == 1:
            lines.append("its last commit is damaged; it was acknowledged, unless the power failed during it")
        elif behind:
            lines.append(f"{behind} commits behind a damaged place cannot be read")
        if self.committed is not None and self.committed > readable:
            lines.append(f"{self.committed - readable} pages that were committed are missing at its end")
        return lines


def lacking(database: Path) -> list[str]:
    """What the log of a database lacks that no process has open; opens it, which ends the log.

    Raises:
        Corrupt: The database cannot be read at all.
        Moved: There is a log without its database.
    """
    log = look_at(database)
    if not database.exists():
        if log != LogFile():
            raise Moved(
                f"{database} is missing, and its log {database}-wal is there: put the file back beside its"
                " log, or remove the log to begin again"
            )
        return []
    return [f"the log of {database}: {line}" for line in log.lacks(_readable_frames(database))]


def look_at(database: Path) -> LogFile:
    """Read the log of a database that no process has open."""
    wal, index = Path(f"{database.resolve()}-wal"), Path(f"{database.resolve()}-shm")
    try:
        with wal.open("rb") as file:
            return _read(file, wal.stat().st_size, index)
    except FileNotFoundError:
        return LogFile()


def _readable_frames(database: Path) -> int:
    """The frames of the log that SQLite reads.

    Raises:
        Corrupt: The database cannot be read at all.
    """
    with contextlib.closing(driver.connect(str(database), isolation_level=None)) as connection:
        try:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchall()  # opens the log
            _, frames, _ = connection.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
        except driver.DatabaseError as error:
            raise Corrupt(f"the database is damaged: {error}") from error
    return max(0, int(frames))


def _read(file: IO[bytes], size: int, index: Path) -> LogFile:
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return LogFile()
    magic, _, page_size, _, salts, checksum = _HEADER.unpack(head)
    if magic not in _ORDER or checksum != _checksum(head[:-8], _ORDER[magic]):
        return LogFile(is_headless=any(head))
    frame_size = _FRAME.size + page_size
    frames = (size - _HEADER.size) // frame_size
    return LogFile(tuple(_commits(file, frames, frame_size, salts)), _committed(index, salts))


def _checksum(data: bytes, order: str) -> bytes:
    first = second = 0
    for even, odd in struct.iter_unpack(f"{order}II", data):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.pack(">II", first, second)


def _commits(file: IO[bytes], frames: int, frame_size: int, salts: bytes) -> Iterator[bool]:
    """Whether a commit ends with each frame that has the log's salts. Others are left of an older log."""
    for number in range(frames):
        file.seek(_HEADER.size + number * frame_size)
        _, pages, own, _ = _FRAME.unpack(file.read(_FRAME.size))
        if own == salts:
            yield pages > 0


def _committed(index: Path, salts: bytes) -> int | None:
    try:
        with index.open("rb") as file:
            first, second = file.read(_INDEX.size), file.read(_INDEX.size)
    except FileNotFoundError:
        return None
    if first != second or len(first) < _INDEX.size:
        return None
    _, _, _, is_made, _, _, frames, _, _, own, _ = _INDEX.unpack(first)
    return frames if is_made and own == salts else None
