"""`python -m tests.soak.failing SEED SCALE`, with libfiu's library preloaded: the service in this process,
while its n-th call of the system fails, for each n until a run makes fewer calls.

A process of its own, because the library stands before every call that it makes. Prints the counts as JSON.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import logging
import os
import shutil
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import httpx

from service.app import create_app
from service.clock import SystemClock
from service.commands import operations
from service.config import Config
from service.config_file import load
from service.ledger.database import engine, schema
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.upkeep import soundness
from tests.chaos.checker import check
from tests.e2e.running import BEARER, CONFIG, iso, signed, soon

ACCOUNT: Final = "office"
BOARD: Final = f"/boards/{ACCOUNT}/snapshot"
DEADLINE_SECONDS: Final = 20.0

POINTS: Final = (
    "posix/io/oc/open",
    "posix/io/rw/pread",
    "posix/io/rw/pwrite",
    "posix/io/rw/ftruncate",
    "posix/io/sync/fsync",
    "posix/io/dir/unlink",
)
"""What SQLite does with its files, by libfiu's names. Not `mmap`, which Python takes its memory with, too;
and not `fcntl` for its locks, which has nothing to do with a disk."""

Phase: TypeAlias = Literal["migrating", "serving", "stopping"]
"""When the fault is over: before the first start, while the service runs, or only after it has stopped."""

LATER_CALLS: Final = 50_000
"""More than a run makes."""

NO_BUFFER: Final = 2
"""`_IONBF` of C."""

PHASES: Final[tuple[Phase, ...]] = ("migrating", "serving", "stopping")
FEW: Final = 20
"""With a longer step from call to call not every way is taken."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The n-th call fails; with `lasting`, every later one too."""

    phase: Phase
    error: int
    nth: int
    lasting: bool

    def __str__(self) -> str:
        more = " and each later one" if self.lasting else ""
        return f"{self.phase}, call {self.nth}{more}: {errno.errorcode[self.error]}"


class Calls:
    """The calls that this process makes.

    libfiu asks a function for each call whether it fails. One in Python would need the interpreter's lock,
    which another thread may hold while it waits for a lock of SQLite. So it is C's `getchar`, and standard
    input is a script: a zero for each call that works, anything else, or the end, for one that fails.
    """

    def __init__(self) -> None:
        self._fiu, self._c = ctypes.CDLL("libfiu.so.0"), ctypes.CDLL("libc.so.6")
        self._input = ctypes.c_void_p.in_dll(self._c, "stdin")
        self._c.setvbuf(self._input, None, NO_BUFFER, 0)
        self._fiu.fiu_init(0)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[Callable[[], bool]]:
        """Fail as told within the block. Yields a function that says whether so many calls were made."""
        with tempfile.TemporaryFile() as script:
            script.write(bytes(fault.nth - 1) + (b"" if fault.lasting else b"\1" + bytes(LATER_CALLS)))
            script.flush()
            os.dup2(script.fileno(), 0)
        self._c.rewind(self._input)
        for point in POINTS:
            failed = self._fiu.fiu_enable_external(
                point.encode(), 1, ctypes.c_void_p(fault.error), 0, self._c.getchar
            )
            assert failed == 0, point
        try:
            yield lambda: bool(self._c.feof(self._input) or self._c.ftell(self._input) >= fault.nth)
        finally:
            for point in POINTS:
                self._fiu.fiu_disable(point.encode())


@dataclass
class Sent:
    """What a run posted."""

    began: str = field(default_factory=lambda: iso(soon(0)))
    tried: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    last: list[str] = field(default_factory=list)


class Bench:
    """Where the runs take place."""

    def __init__(self, folder: Path) -> None:
        (folder / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
        self._folder = folder
        self._config = load(folder / "lossboard.toml", {})
        self._calls = Calls()
        self._prepared = folder / "prepared.db"
        self._prepare(self._at(self._prepared))

    def _at(self, path: Path) -> Config:
        return replace(self._config, database_url=f"sqlite:///{path}")

    def _prepare(self, config: Config) -> None:
        schema.migrate(config.database_url)
        with closing(Database(config.database_url)) as database:
            operations.prepare(database, config, SystemClock())

    def run(self, fault: Fault) -> tuple[bool, Counter[str]]:
        """One run. Returns whether it met the fault, and counts."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            config = self._at(Path(name, "lossboard.db"))
            sent = Sent()
            if fault.phase == "migrating":
                with self._calls.failing(fault) as reached:
                    self._try_to_migrate(config)
                    met = bool(reached())
                self._prepare(config)
            else:
                shutil.copyfile(self._prepared, Path(name, "lossboard.db"))
                met = asyncio.run(self._serve(config, fault, sent))
            asyncio.run(self._serve_well(config, sent))
            account = config.account(ACCOUNT)
            problems = check(config, account, sent.tried, sent.acknowledged).problems
        assert not problems, f"{fault}: {problems}"
        assert sent.answers.keys() <= {200, 503}, f"{fault}: {sent.answers}"
        return met, Counter({f"answers {status}": times for status, times in sent.answers.items()})

    def _try_to_migrate(self, config: Config) -> None:
        try:
            self._prepare(config)
        except (Unavailable, OSError):  # the latter where a migration cannot be read
            return

    async def _serve(self, config: Config, fault: Fault, sent: Sent) -> bool:
        """Serve while the fault lasts. When it is over before the service stops, everything must be taken
        again by itself."""
        service = create_app(config, SystemClock())
        lifespan = service.app.router.lifespan_context(service.app)
        with self._calls.failing(fault) as reached:
            await lifespan.__aenter__()
            async with _client(service.app) as client:
                await asyncio.gather(*(_post(client, sent, f"m{number}") for number in range(2)))
                await client.get(BOARD, headers=BEARER)
                await _post(client, sent, "m2")
                await client.get("/readyz")
            if fault.phase == "stopping":
                await lifespan.__aexit__(None, None, None)
            met = bool(reached())
        if fault.phase == "serving":
            async with _client(service.app) as client:
                recovered = await _post_all(client, sent)
            await lifespan.__aexit__(None, None, None)
            assert recovered, f"{fault}: nothing is as before: {sent}"
        return met

    async def _serve_well(self, config: Config, sent: Sent) -> None:
        """Start again, as nothing fails: everything is taken."""
        service = create_app(config, SystemClock())
        async with service.app.router.lifespan_context(service.app), _client(service.app) as client:
            sent.tried.add("last")
            assert await _post_all(client, sent), f"a new start does not help: {sent}"


def _client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=DEADLINE_SECONDS)


async def _post_all(client: httpx.AsyncClient, sent: Sent) -> bool:
    """Post what is not acknowledged, until it is, the service is ready, and it shows the board. Returns
    whether all of that happened in time."""
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        for key in sorted(sent.tried - sent.acknowledged):
            await _post(client, sent, key)
        answers = [await client.get(path, headers=BEARER) for path in ("/readyz", BOARD)]
        sent.last = [f"{answer.status_code} {answer.text[:200]}" for answer in answers]
        if sent.tried == sent.acknowledged and all(answer.status_code == 200 for answer in answers):
            return True
        await asyncio.sleep(0.05)
    return False


async def _post(client: httpx.AsyncClient, sent: Sent, key: str) -> bool:
    data = {"id": f"d-{key}", "status": "lost", "amount": "1.00", "reason": "Выбрал других"}
    body = json.dumps({"type": "deal.changed", "timestamp": sent.began, "data": data})
    sent.tried.add(key)
    answer = await client.post(f"/webhooks/{ACCOUNT}", content=body, headers=signed(key, body))
    sent.answers[answer.status_code] += 1
    if answer.status_code == 200:
        sent.acknowledged.add(key)
    return answer.status_code == 200


def fail_calls(seed: int, scale: float) -> dict[str, int | float | str]:
    """Fail each call in every way; with a smaller scale only every few calls, and in some ways."""
    step = max(1, round(1 / scale))
    ways = [
        Fault(phase, error, 1 + seed % step, lasting)
        for phase in PHASES
        for error in (errno.EIO, errno.ENOSPC)
        for lasting in (False, True)
    ]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="failing") as name:
        bench = Bench(Path(name))
        bench.run(Fault("serving", errno.EIO, LATER_CALLS, lasting=False))  # loads what is loaded late
        for fault in ways[:: 1 if step < FEW else 3]:
            slow = step >= FEW and fault.phase == "migrating"
            counts += _enumerated(bench, fault, 4 * step if slow else step)
    return dict(sorted(counts.items()))


def _enumerated(bench: Bench, fault: Fault, step: int) -> Counter[str]:
    """Let the first call fail, the second, and so on, until a run makes fewer."""
    counts: Counter[str] = Counter()
    met = True
    while met:
        met, more = bench.run(fault)
        counts += more
        counts[f"{fault.phase}: calls that failed"] += met
        fault = replace(fault, nth=fault.nth + step)
    return counts


if __name__ == "__main__":
    logging.disable()
    # So that a short run has a checkpoint.
    engine.CHECKPOINT_PAGES = 20  # type: ignore[misc]
    # A file that could not be read is looked through again sooner.
    soundness.AGAIN_SECONDS = 0.1  # type: ignore[misc]
    # No call leaves this process, and to read all certificates takes longer than a run.
    ssl.create_default_context = lambda *_, **__: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    sys.stdout.write(json.dumps(fail_calls(int(sys.argv[1]), float(sys.argv[2]))))
