"""A real PgBouncer in transaction mode, in front of a PostgreSQL server."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from scripts.programs import program

SETTINGS = """
[databases]
* = host={host} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_login_retry = 1
"""
"""Two connections to the server for all: they change hands all the time. A server that was away is looked for
every second."""


@contextlib.contextmanager
def pooled(url: str) -> Iterator[str]:
    """The URL of a database that leads through a pooler."""
    direct = make_url(url)
    host = str(direct.query["host"])  # a folder that is its owner's only; and as root it does not run
    pooler = program("pgbouncer")
    assert pooler is not None, "there is no PgBouncer: python scripts/programs.py installs one"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pooler") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "pgbouncer.ini").write_text(SETTINGS.format(host=host, port=port))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [pooler, folder / "pgbouncer.ini"], user=Path(host).owner(), stdout=log, stderr=log
            )
        try:
            _wait(port, process, folder / "log")
            through = direct.set(host="127.0.0.1", port=port).difference_update_query(["host"])
            yield through.render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
