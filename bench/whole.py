"""A whole account at once: what `rebuild --from-log` and then `verify` take for a million deals."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert

from bench.load import told
from bench.office import ACCOUNT, NOW, SECRET, VIEWER
from bench.rows import Row, number
from bench.service import ACCOUNT as CONFIGURED
from bench.service import ROOT, python
from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import DELIVERIES
from service.ledger.write import heads
from service.model import SECOND

DEALS: Final = 1_000_000
AT_ONCE: Final = 10_000

_HOW: Final = (
    f"SQLite, a log of {number(DEALS)} webhooks, each about a deal of its own: the largest resident memory "
    "of the command."
)
REBUILD: Final = Row(f"memory of rebuild --from-log, {number(DEALS)} deals, MiB", None, _HOW)
VERIFY: Final = Row(f"memory of verify, {number(DEALS)} deals, MiB", None, _HOW)
ROWS: Final = (REBUILD, VERIFY)


def run() -> Iterator[Row]:
    """Rebuild, and verify what that gave."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = CONFIGURED.format(account=ACCOUNT.id, secret=SECRET, viewer=VIEWER)
        (folder / "lossboard.toml").write_text(table, encoding="utf-8")
        url = f"sqlite:///{folder}/lossboard.db"
        schema.migrate(url)
        engine = open_engine(url, "writer")
        with engine.begin() as connection:
            heads.ensure(connection, ACCOUNT, NOW)
            _fill(connection)
        engine.dispose()
        for row, command in ((REBUILD, ("rebuild", "--from-log")), (VERIFY, ("verify",))):
            began = time.perf_counter()
            memory = _peak(folder, url, command)
            yield row.measured(f"{time.perf_counter() - began:.0f} s", [memory])


def _fill(connection: Connection) -> None:
    """Fill the log, as if nothing of it were applied yet."""
    for first in range(1, DEALS + 1, AT_ONCE):
        connection.execute(insert(DELIVERIES), [_row(one) for one in range(first, first + AT_ONCE)])
    heads.store(connection, heads.prepared(connection, ACCOUNT.id)._replace(deliveries=DEALS))


def _row(one: int) -> Mapping[str, object]:
    return {
        "account": ACCOUNT.id,
        "number": one,
        "key": f"m{one}",
        "content": "",
        "received_at": NOW,
        "headers": f'{{"webhook-id":"m{one}"}}',
        "body": told(one, "d", datetime.fromtimestamp(NOW / SECOND, UTC)).encode(),
        "changed": "{}",
        "source": "webhook",
        "applied": True,
    }


def _peak(folder: Path, url: str, command: tuple[str, ...]) -> float:
    """The largest resident memory of a command, in MiB.

    Raises:
        RuntimeError: It failed; `verify` also if it found a difference.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LOSSBOARD_DATABASE_URL": url}
    with (folder / "printed").open("w+") as printed:
        whole = [python(ROOT), "-m", "service", *command]
        process = subprocess.Popen(whole, cwd=folder, env=environment, stdout=printed, stderr=printed)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError((folder / "printed").read_text()[-2_000:])
    return used.ru_maxrss / 1024
