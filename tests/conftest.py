"""Fixtures of all tests: databases of both kinds, and a browser. Every statement that the service executes is
checked (`sharding`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, event

from tests.browser import launched
from tests.databases import PostgresDatabases, SqliteFiles, postgres_server
from tests.sharding import SERVICE, Seen

settings.register_profile(
    "lossboard",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "unshrunk", settings.get_profile("lossboard"), phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("lossboard")
expect.set_options(timeout=30_000)  # milliseconds, which a busy machine may need

SEEN: Final = Seen()
SERVICE_FILE: Final = f"{SERVICE}/ledger/made_by_a_test.py"

WAITING: Final = ("tests/e2e/", "tests/chaos/", "tests/test_adding_")
"""How the names of files begin whose tests mostly wait: for servers, browsers, timers."""

WAITED: Final = 0.75
"""The part of a run over which such files are spread."""


@event.listens_for(Engine, "before_cursor_execute")
def _look_at(_c: object, _u: object, statement: str, *_rest: object) -> None:
    SEEN.note(statement)


def pytest_configure(config: pytest.Config) -> None:
    """Import schemathesis as a library, which it is here: as a plugin it would be compiled each time."""
    config.pluginmanager.rewrite_hook._must_rewrite.discard("schemathesis")  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores, because tests wait for servers and browsers."""
    return 1 + (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what another process of the same run has seen."""
    SEEN.offending.update(getattr(node, "workeroutput", {}).get("offending", {}))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that mostly wait among those that compute, so that cores have work at every moment.
    Begin with the longest, which is the last by name, so that no process is left alone with it."""
    files = list(dict.fromkeys(item.path for item in items))
    waits = {item.path: item.nodeid.startswith(WAITING) for item in items}
    places: dict[Path, float] = {}
    for kind, part in ((True, WAITED), (False, 1.0)):
        same = [path for path in reversed(files) if waits[path] is kind]
        places |= {path: part * index / len(same) for index, path in enumerate(same)}
    items.sort(key=lambda item: places[item.path])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for statement, caller in SEEN.offending.items():
        terminalreporter.write_line(f"not restricted to an account: {caller}\n{statement}\n", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    getattr(session.config, "workeroutput", {})["offending"] = SEEN.offending
    if SEEN.offending:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Coroutine tests run on asyncio, which is what the service runs on."""
    return "asyncio"


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> SqliteFiles:
    return SqliteFiles(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    with postgres_server() as uri:
        yield PostgresDatabases(uri)


@pytest.fixture(scope="session")
def sqlite_ledgers(sqlite_files: SqliteFiles) -> Callable[[], str]:
    """Makes URLs of fresh, migrated SQLite databases."""
    return sqlite_files.migrated


@pytest.fixture(scope="session")
def postgres_ledgers(postgres_databases: PostgresDatabases) -> Callable[[], str]:
    """Makes URLs of fresh, migrated PostgreSQL databases."""
    return postgres_databases.migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> SqliteFiles | PostgresDatabases:
    name = "sqlite_files" if request.param == "sqlite" else "postgres_databases"
    made = request.getfixturevalue(name)
    assert isinstance(made, SqliteFiles | PostgresDatabases)
    return made


@pytest.fixture
def database_url(databases: SqliteFiles | PostgresDatabases) -> Iterator[str]:
    """An empty database of each kind."""
    url = databases.empty()
    yield url
    databases.drop(url)


@pytest.fixture
def ledger_url(databases: SqliteFiles | PostgresDatabases) -> Iterator[str]:
    """A migrated database of each kind."""
    url = databases.migrated()
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")  # while Playwright runs, no test in this thread can start an event loop
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started
