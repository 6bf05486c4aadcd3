"""A few power cuts (`make soak` makes hundreds), and tests of what builds the images."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from tests.soak import images, power, traces
from tests.soak.images import DAMAGES
from tests.soak.traces import Entry, Sync, Trace, Write

SEED: Final = 7


def hexed(text: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text)


DB, WAL = hexed(b"/db"), hexed(b"/db-wal")
SOCKET = hexed(b"socket:[1]")
STRACE: Final = rf"""
1 pwrite64(3<{DB}>, "\x61\x62", 2, 4) = 2
1 fsync(3<{DB}> <unfinished ...>
2 pwrite64(3<{DB}>, "\x63", 1, 0) = 1
2 ftruncate(4<{WAL}>, 32) = 0
1 <... fsync resumed>) = 0
1 sendto(9<{SOCKET}>, "{hexed(b"HTTP/1.1 2")}", 10, 0, NULL, 0) = 10
1 sendto(9<{SOCKET}>, "{hexed(b'"delivery":7')}", 1, 0) = 1
1 fsync(5<{hexed(b"/")}>) = -1 EIO (Input/output error)
1 fsync(5<{hexed(b"/")}>) = 0
1 unlink("{WAL}") = 0
1 +++ exited with 0 +++
"""


def test_what_was_acknowledged_survives_power_cuts() -> None:
    counts = power.run(SEED, 0.02)
    assert counts["images"] == 10
    assert int(counts["images with unsynced writes"]) >= 5
    assert int(counts["acknowledged deliveries"]) >= 30


def test_a_trace_says_what_was_written_when_and_what_was_answered(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text(STRACE.lstrip())
    trace = traces.read(tmp_path / "trace", Path("/db"))
    assert trace.writes == [
        Write(1, 4, b"ab", 0, 0),
        Write(1, 0, b"c", 2, 2),
        Write(2, 32, None, 3, 3),
    ]
    assert trace.syncs == [Sync(1, 1, 4), Sync(None, 8, 8)]
    assert trace.entries == [Entry("db", 1, 0), Entry("db-wal", 2, 3), Entry("db-wal", None, 9)]
    assert trace.acknowledged == {7: 5}


def trace_of(*writes: Write, synced: int | None = None) -> Trace:
    """A trace of one file, which a sync finished at line 90 that began at `synced`."""
    syncs = [Sync(None, 1, 2), *([Sync(1, synced, 90)] if synced is not None else [])]
    return Trace([*writes], syncs, [Entry("db", 1, 0)], {}, 100)


def test_only_what_a_finished_sync_began_after_is_sure_to_be_there() -> None:
    trace = trace_of(Write(1, 0, b"a", 3, 3), Write(1, 1, b"b", 4, 6), Write(1, 2, b"c", 7, 7), synced=5)
    dice = random.Random(SEED)
    assert images.image(trace, 100, images.lost, dice) == {"db": b"a"}
    assert images.image(trace, 90, images.lost, dice) == {"db": b""}
    assert images.pending(trace, 100) == trace.writes[1:]


def test_each_damage_keeps_what_is_synced_and_invents_nothing() -> None:
    whole = bytes(range(1, 256)) * 20
    trace = trace_of(Write(1, 0, b"\1" * 99, 3, 3), Write(1, 99, whole, 6, 6), synced=5)
    dice = random.Random(SEED)
    for name, damage in DAMAGES.items():
        seen = set()
        for _ in range(50):
            content = images.image(trace, 100, damage, dice)["db"]
            assert content[:99] == b"\1" * 99
            assert all(have in {0, wrote} for have, wrote in zip(content[99:], whole, strict=False))
            seen.add(content)
        assert len(seen) > (name != "lost"), name


def test_a_name_that_the_folder_was_not_synced_with_may_be_missing() -> None:
    trace = Trace([], [Sync(None, 5, 6)], [Entry("db", 1, 0), Entry("db-wal", 2, 8)], {}, 100)
    seen = {tuple(images.image(trace, 100, images.lost, random.Random(seed))) for seed in range(20)}
    assert seen == {("db",), ("db", "db-wal")}
