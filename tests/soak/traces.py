"""What a process wrote to its database files, in order, and when it answered: read from strace's output.

An operation *began* and *ended* at lines of the trace. Between the two another thread may have run. A write
is sure to be on the disk once a sync of its file has ended that began after the write ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

OPTIONS: Final = (
    "--daemonize",  # the traced process is the one that was started, and gets the signals
    "--seccomp-bpf",
    "--follow-forks",
    "--decode-fds=path",
    "--strings-in-hex=all",
    "--string-limit=1000000",
    "--trace=write,writev,sendto,sendmsg,pwrite64,ftruncate,fdatasync,fsync,unlink",
    "--quiet=attach",
)

_CALL: Final = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESUMED: Final = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_DESCRIPTOR: Final = re.compile(r"^(?:\w+=)?\d+<([^>]*)>")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_UNFINISHED: Final = "<unfinished ...>"
_ACKNOWLEDGED: Final = re.compile(rb'"delivery":(\d+)')


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written at an offset of a file; with `data` None, the file was cut or extended to the offset."""

    file: int
    offset: int
    data: bytes | None
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A sync of a file; `file` is None for one of the folder."""

    file: int | None
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of the folder that from then on leads to a file, or to none."""

    name: str
    file: int | None
    began: int


@dataclass
class Trace:
    """Everything that matters to a power cut.

    Attributes:
        acknowledged: The line at which the answer to each delivery began, by the delivery's number.
    """

    writes: list[Write] = field(default_factory=list)
    syncs: list[Sync] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    acknowledged: dict[int, int] = field(default_factory=dict)
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: str
    result: str
    began: int
    ended: int


def read(path: Path, database: Path) -> Trace:
    """Read the trace of a process that served an SQLite file."""
    trace = Trace()
    reader = _Reader(database, trace)
    with path.open(encoding="ascii") as lines:
        for call in _calls(lines, trace):
            reader.take(call)
    return trace


def _calls(lines: Iterator[str], trace: Trace) -> Iterator[_Call]:
    """The system calls, in the order in which they ended."""
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        trace.lines = number + 1
        if match := _RESUMED.match(line):
            thread, name, rest = match.groups()
            began, arguments = begun.pop(thread)
            yield _Call(name, arguments, rest.rpartition(" = ")[2].strip(), began, number)
        elif match := _CALL.match(line):
            thread, name, rest = match.groups()
            if rest.endswith(_UNFINISHED):
                begun[thread] = number, rest.removesuffix(_UNFINISHED)
            else:
                arguments, _, result = rest.rpartition(" = ")
                yield _Call(name, arguments, result.strip(), number, number)


class _Reader:
    """Sorts the calls. A file is a number, because a name may lead to another file later."""

    def __init__(self, database: Path, trace: Trace) -> None:
        self._folder = str(database.parent)
        self._names = {str(database), f"{database}-wal", f"{database}-journal"}
        self._trace = trace
        self._files: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        self._made = 0

    def take(self, call: _Call) -> None:
        """Note one call."""
        if call.result.startswith("-1"):
            return
        if call.name == "unlink":
            self._unlink(call)
            return
        match = _DESCRIPTOR.match(call.arguments)
        where = _unhexed(match[1]).decode() if match else ""
        if where.startswith("socket:"):
            self._answer(call, where)
        elif call.name in {"fsync", "fdatasync"}:
            if where == self._folder:
                self._trace.syncs.append(Sync(None, call.began, call.ended))
            elif where in self._names:
                self._trace.syncs.append(Sync(self._file(where, call), call.began, call.ended))
        elif where in self._names:
            self._write(call, self._file(where, call))

    def _write(self, call: _Call, file: int) -> None:
        offset = int(call.arguments.rstrip(" )").rpartition(", ")[2])
        data = None
        if call.name != "ftruncate":
            assert call.name == "pwrite64", f"{call.name} is not understood"
            data = _texts(call.arguments)
            assert len(data) == int(call.result), "a write is in the trace in part"
        self._trace.writes.append(Write(file, offset, data, call.began, call.ended))

    def _file(self, path: str, call: _Call) -> int:
        if path not in self._files:
            self._made += 1
            self._files[path] = self._made
            self._trace.entries.append(Entry(Path(path).name, self._made, call.began))
        return self._files[path]

    def _unlink(self, call: _Call) -> None:
        path = _texts(call.arguments).decode()
        if self._files.pop(path, None) is not None:
            self._trace.entries.append(Entry(Path(path).name, None, call.began))

    def _answer(self, call: _Call, socket: str) -> None:
        """A sender may believe an answer from its first line on."""
        data = _texts(call.arguments)
        if b"HTTP/1.1 " in data:
            self._answers[socket] = call.began
        for number in _ACKNOWLEDGED.findall(data):
            self._trace.acknowledged.setdefault(int(number), self._answers[socket])


def _texts(arguments: str) -> bytes:
    return b"".join(_unhexed(text) for text in _TEXT.findall(arguments))


def _unhexed(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
