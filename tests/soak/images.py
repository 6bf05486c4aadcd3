"""What a disk may hold after a power cut at some line of a trace.

Everything that a sync had finished by then is there. Of what was written since, anything may be there or not:
a file system writes pages back in any order, a disk reorders sectors, and the last one may be half written.
Names in the folder follow the order of their changes, as a journal keeps them, and any number of the newest
changes may be missing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tests.soak.traces import Trace, Write

SECTOR: Final = 512

Damage = Callable[[Sequence[Write], random.Random], Iterator[Write]]
"""What is left of the writes that no sync had finished."""


def lost(_pending: Sequence[Write], _dice: random.Random) -> Iterator[Write]:
    """Nothing."""
    yield from ()


def dropped(pending: Sequence[Write], dice: random.Random) -> Iterator[Write]:
    """Some of them."""
    share = dice.random()
    yield from (write for write in pending if dice.random() < share)


def reordered(pending: Sequence[Write], dice: random.Random) -> Iterator[Write]:
    """Later ones, but no earlier ones."""
    yield from pending[dice.randrange(len(pending) + 1) :]


def torn(pending: Sequence[Write], dice: random.Random) -> Iterator[Write]:
    """Some sectors of each, and of one sector only the beginning."""
    for write in pending:
        if write.data is None:
            yield write
            continue
        for start in range(0, len(write.data), SECTOR):
            if dice.random() < 0.5:
                sector = write.data[start : start + SECTOR]
                end = dice.randrange(1, len(sector) + 1) if dice.random() < 0.1 else len(sector)
                yield replace(write, offset=write.offset + start, data=sector[:end])


def zeroed(pending: Sequence[Write], dice: random.Random) -> Iterator[Write]:
    """The lengths of the files, but of the data only some: what was never written reads as zeros."""
    for write in pending:
        if write.data is not None:
            yield (
                write
                if dice.random() < 0.3
                else replace(write, offset=write.offset + len(write.data), data=b"")
            )


DAMAGES: Final[Mapping[str, Damage]] = {
    damage.__name__: damage for damage in (lost, dropped, reordered, torn, zeroed)
}


def pending(trace: Trace, at: int) -> list[Write]:
    """The writes that had begun, and that no sync had finished."""
    synced = _synced(trace, at)
    return [write for write in trace.writes if write.began < at and write.ended >= synced.get(write.file, -1)]


def image(trace: Trace, at: int, damage: Damage, dice: random.Random) -> dict[str, bytes]:
    """The database's files after a power cut before that line."""
    synced = _synced(trace, at)
    files: dict[int, bytearray] = {}
    for write in trace.writes:
        if write.ended < synced.get(write.file, -1):
            _apply(files, write)
    for write in damage(pending(trace, at), dice):
        _apply(files, write)
    return {name: bytes(files.get(file, b"")) for name, file in _names(trace, at, dice).items()}


def _synced(trace: Trace, at: int) -> dict[int | None, int]:
    """When the last sync of each file began, of those that had ended."""
    return {
        sync.file: sync.began for sync in sorted(trace.syncs, key=lambda sync: sync.began) if sync.ended < at
    }


def _names(trace: Trace, at: int, dice: random.Random) -> dict[str, int]:
    synced = _synced(trace, at).get(None, -1)
    changes = [entry for entry in trace.entries if entry.began < at]
    durable = sum(entry.began < synced for entry in changes)
    names: dict[str, int] = {}
    for entry in changes[: dice.randint(durable, len(changes))]:
        if entry.file is None:
            names.pop(entry.name)
        else:
            names[entry.name] = entry.file
    return names


def _apply(files: dict[int, bytearray], write: Write) -> None:
    content = files.setdefault(write.file, bytearray())
    if write.data is None:
        del content[write.offset :]
        content.extend(bytes(write.offset - len(content)))
        return
    if write.offset > len(content):
        content.extend(bytes(write.offset - len(content)))
    content[write.offset : write.offset + len(write.data)] = write.data
