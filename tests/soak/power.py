"""Power cuts: the service runs on SQLite under strace, and what its disk may hold after a cut at any moment
is built from the trace, opened and checked."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.programs import program
from service.clock import SystemClock
from service.commands import operations
from service.config_file import load
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.database.engine import open_engine
from service.ledger.write import log
from tests.chaos.checker import check
from tests.chaos.senders import Sender, Sent
from tests.e2e.running import Service, running, until
from tests.soak import images, traces
from tests.soak.images import DAMAGES
from tests.soak.traces import Trace

ACCOUNT: Final = "office"
SENDERS: Final = 4
FILE: Final = "lossboard.db"

SMALL_LOG: Final = """
from service.commands import cli
from service.ledger.database import engine
engine.CHECKPOINT_PAGES = 100
cli.main()
"""
"""The service, with a write-ahead log that is full after a few commits: a short run has checkpoints, too."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run of the service.

    Attributes:
        keys: Of the deliveries, by number, as they were stored in the end.
    """

    folder: Path
    trace: Trace
    sent: Sent
    keys: Mapping[int, str]

    def acknowledged(self, at: int) -> set[str]:
        """The keys of the deliveries whose answers had begun before a line of the trace."""
        return {self.keys[number] for number, line in self.trace.acknowledged.items() if line < at}


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Cut the power of a few runs at many moments."""
    dice = random.Random(seed)
    runs, number, deliveries = (max(1, round(full * scale)) for full in (5, 500, 1_500))
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="power") as name:
        for turn in range(runs):
            folder = Path(name, str(turn))
            folder.mkdir()
            recorded = record(folder, deliveries // runs, random.Random(dice.random()))
            counts["acknowledged deliveries"] += len(recorded.sent.acknowledged[ACCOUNT])
            counts["syncs"] += len(recorded.trace.syncs)
            for image in range(number // runs):
                counts += _cut(recorded, _moment(recorded.trace, image, dice), dice)
    return {"runs": runs, **dict(sorted(counts.items()))}


def record(folder: Path, deliveries: int, dice: random.Random) -> Recorded:
    """Serve under strace until that many deliveries are acknowledged; then stop in order."""
    output = folder / "trace"
    strace = program("strace")
    assert strace is not None, "there is no strace: python scripts/programs.py installs it"
    traced = (strace, *traces.OPTIONS, f"--output={output}", sys.executable, "-c", SMALL_LOG)
    with running(folder, program=traced) as service:
        sent = asyncio.run(_burst(service, deliveries, dice))
        pid = service.process.pid
        assert service.stop() == 0, "".join(service.lines)
    until(lambda: _is_over(output, pid))
    trace = traces.read(output, folder / FILE)
    engine = open_engine(f"sqlite:///{folder / FILE}", "reader")
    with engine.begin() as connection:
        keys = {stored.number: stored.key for stored in log.everything(connection, ACCOUNT)}
    engine.dispose()
    recorded = Recorded(folder, trace, sent, keys)
    assert recorded.acknowledged(trace.lines) == sent.acknowledged[ACCOUNT], "answers are not in the trace"
    return recorded


def _is_over(output: Path, pid: int) -> bool:
    """Whether strace has written the process's end, which is later than the process is gone."""
    return re.search(rf"^{pid} +\+\+\+ exited", output.read_text(encoding="ascii"), re.MULTILINE) is not None


async def _burst(service: Service, deliveries: int, dice: random.Random) -> Sent:
    sent, stopped = Sent(), asyncio.Event()
    senders = [
        Sender(str(number), [ACCOUNT], [service.url], sent, random.Random(dice.random()))
        for number in range(SENDERS)
    ]
    sending = [asyncio.create_task(sender.run(stopped, 0)) for sender in senders]
    while sent.count(sent.acknowledged) < deliveries:
        await asyncio.sleep(0.01)
    stopped.set()
    await asyncio.gather(*sending)
    return sent


def _moment(trace: Trace, image: int, dice: random.Random) -> int:
    """The line of a trace at which the power is cut: every other time a write has just begun, and else an
    answer, or anything."""
    if image % 2 == 0:
        return 1 + dice.choice(trace.writes).began
    return dice.choice((dice.randrange(trace.lines), 1 + dice.choice(list(trace.acknowledged.values()))))


def _cut(recorded: Recorded, at: int, dice: random.Random) -> Counter[str]:
    """Cut the power once, and check what is left."""
    trace = recorded.trace
    kind = dice.choice(list(DAMAGES))
    files = images.image(trace, at, DAMAGES[kind], dice)
    with tempfile.TemporaryDirectory(dir=recorded.folder) as name:
        for file, content in files.items():
            Path(name, file).write_bytes(content)
        if dice.random() < 0.5:  # the log's index, which nobody syncs
            Path(name, f"{FILE}-shm").write_bytes(dice.randbytes(32_768))
        problems = _problems(recorded, Path(name), at)
    assert not problems, f"{kind} at line {at} of {trace.lines}: {problems}"
    unsynced = len(images.pending(trace, at))
    return Counter({"images": 1, kind: 1, "images with unsynced writes": int(unsynced > 0)})


def _problems(recorded: Recorded, folder: Path, at: int) -> list[str]:
    """Open the database as the service does at its start, and compare it with what was acknowledged."""
    url = f"sqlite:///{folder / FILE}"
    config = load(recorded.folder / "lossboard.toml", {**os.environ, "LOSSBOARD_DATABASE_URL": url})
    operations.lacking(config)
    schema.migrate(url)
    with closing(Database(url)) as database:
        operations.prepare(database, config, SystemClock())
        with database.reading() as connection:
            integrity = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    account = config.account(ACCOUNT)
    checked = check(config, account, recorded.sent.tried[ACCOUNT], recorded.acknowledged(at))
    return [*checked.problems, *([] if integrity == "ok" else [f"integrity_check: {integrity}"])]
