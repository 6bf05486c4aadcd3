"""`kill -9` before every statement of a migration, and before its commit, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, event, inspect

from service.clock import SystemClock
from service.commands import operations
from service.config import Config
from service.config_file import load
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.database.engine import is_sqlite
from service.ledger.database.tables import METADATA
from tests.chaos.checker import check
from tests.databases import SqliteFiles, own_postgres
from tests.e2e.running import CONFIG

LOCKED: Final = 3
"""By its third statement a migration holds the lock that keeps other nodes from migrating."""


def run(seed: int, scale: float) -> dict[str, int | float | str]:
    """Kill the migration on both databases: before every statement, or with a smaller scale every few."""
    step = max(1, round(1 / scale))
    first = random.Random(seed).randrange(step)
    with tempfile.TemporaryDirectory(prefix="migrations") as name, own_postgres() as server:
        folder = Path(name)
        return {
            "SQLite: kills": kill_each(SqliteFiles(folder).empty, folder, first, step),
            "PostgreSQL: kills": kill_each(server.databases.empty, folder, first, step),
        }


def kill_each(new: Callable[[], str], folder: Path, first: int, step: int) -> int:
    """Kill a migration before each statement from the first on; returns how often.

    Args:
        new: Makes the URL of an empty database.
    """
    (folder / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    kills = Counter[str]()
    while _killed(url := new(), first + kills.total() * step):
        kills["kills"] += 1
        _recover(load(folder / "lossboard.toml", {**os.environ, "LOSSBOARD_DATABASE_URL": url}))
    return kills.total()


def _killed(url: str, statements: int) -> bool:
    """Migrate in a process that is killed after that many statements; False if it finished. On PostgreSQL a
    second node begins to migrate once the first one holds the lock."""
    reading, writing = os.pipe()
    victim = _forked(lambda: _migrate_and_die(url, statements, writing))
    os.close(writing)
    os.read(reading, 1)  # or its end, where the victim dies sooner
    os.close(reading)
    rivals = [] if is_sqlite(url) else [_forked(lambda: schema.migrate(url))]
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in (victim, *rivals)]
    assert set(ends[1:]) <= {0}, "a node could not migrate, because another was killed"
    assert ends[0] in {0, -signal.SIGKILL}
    return ends[0] != 0


def _forked(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def _migrate_and_die(url: str, statements: int, writing: int) -> None:
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == LOCKED:
            os.write(writing, b".")
        if seen > statements:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, count)
    schema.migrate(url)


def _recover(config: Config) -> None:
    """Start on what is left: nothing or everything, never a part."""
    with closing(Database(config.database_url)) as database:
        with database.reading() as connection:
            tables = set(inspect(connection).get_table_names())
        assert tables <= {"alembic_version"} or tables >= set(METADATA.tables), tables
        schema.migrate(config.database_url)
        with database.reading() as connection:
            schema.check(connection)
        operations.prepare(database, config, SystemClock())
    for account in config.accounts:
        problems = check(config, account, set(), set()).problems
        assert not problems, problems
