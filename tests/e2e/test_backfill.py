"""A backfill of a large office that is killed twice with SIGKILL: it resumes where it stopped, and the result
is the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, func, select, update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.ledger.database.engine import open_engine
from service.ledger.database.tables import DEALS, STATE, SYNCS
from service.ledger.write import syncs
from service.ledger.write.syncs import SyncRun
from tests.e2e.running import lossboard, until
from tests.e2e.sockets import served

DEALS_THERE: Final = 30_000
PAGE: Final = 250
NOW: Final = int(time.time())

CONFIG: Final = """
[[accounts]]
id = "office"
title = "amoCRM"
crm = "amocrm"
webhook_secret = "long-and-quite-random"
timezone = "Europe/Moscow"
currency = "RUB"

[accounts.api]
url = "{url}"
token = "token"
per_second = 1000
"""


def lead(number: int) -> dict[str, object]:
    """A lead as the API returns it: a third of them is lost, a third won."""
    status = (143, 142, 7)[number % 3]
    return {
        "id": number,
        "name": f"Deal {number}",
        "price": number,
        "responsible_user_id": 1 + number % 5,
        "status_id": status,
        "pipeline_id": 3,
        "loss_reason_id": 1 + number % 4 if status == 143 else None,
        "created_at": NOW - 9_000_000,
        "updated_at": NOW - number,
        "closed_at": None if status == 7 else NOW - number,
        "is_deleted": False,
        "_embedded": {"contacts": [{"id": 5, "is_main": True}]},
    }


def listing(request: Request) -> Response:
    """Any list of the API: leads by page, one contact, and nothing else."""
    name = request.url.path.rpartition("/")[2]
    if name == "contacts":
        return hal({"_embedded": {"contacts": [{"id": 5, "name": "Walk-in", "updated_at": NOW}]}})
    page = int(request.query_params.get("page", "1"))
    numbers = range((page - 1) * PAGE + 1, min(page * PAGE, DEALS_THERE) + 1)
    if name != "leads" or not numbers:
        return Response(status_code=204)
    following = request.url.include_query_params(page=page + 1)
    links = {"next": {"href": str(following)}} if numbers[-1] < DEALS_THERE else {}
    return hal({"_links": links, "_embedded": {"leads": [lead(number) for number in numbers]}})


def hal(document: object) -> Response:
    return Response(json.dumps(document), media_type="application/hal+json")


VENDOR: Final = Starlette(routes=[Route("/api/v4/{path:path}", listing)])


def progress(engine: Engine, entities: int = 0) -> SyncRun | None:
    """The running backfill, once it has read that many deals; None before."""
    with engine.begin() as connection:
        run = syncs.read(connection, "office").run
    return run if run is not None and run.entities >= entities else None


def let_the_lease_run_out(folder: Path) -> None:
    """Expire the dead process's lease, which would otherwise last a minute (tests/sync/test_lease.py)."""
    engine = open_engine(f"sqlite:///{folder}/lossboard.db", "writer")
    with engine.begin() as connection:
        connection.execute(update(SYNCS).where(SYNCS.c.account == "office").values(held_until=0))
    engine.dispose()


def test_a_backfill_that_is_killed_resumes_where_it_stopped(tmp_path: Path) -> None:
    with served(VENDOR) as url:
        (tmp_path / "lossboard.toml").write_text(CONFIG.format(url=url), encoding="utf-8")
        assert lossboard(tmp_path, "migrate").returncode == 0
        engine = open_engine(f"sqlite:///{tmp_path}/lossboard.db", "reader")
        began = set()
        for entities in (DEALS_THERE // 3, 2 * DEALS_THERE // 3):
            process = subprocess.Popen([sys.executable, "-m", "service", "sync", "office"], cwd=tmp_path)
            began.add(until(partial(progress, engine, entities), 120).began_at)
            process.send_signal(signal.SIGKILL)
            process.wait(30)
            let_the_lease_run_out(tmp_path)
        assert len(began) == 1  # it is one backfill
        left = progress(engine)
        assert left is not None
        assert left.page is not None
        done = lossboard(tmp_path, "sync", "office")
        assert (done.returncode, done.stdout) == (0, "office: complete\n"), done.stderr
    assert progress(engine) is None
    verified = lossboard(tmp_path, "verify")
    assert verified.returncode == 0, verified.stdout
    with engine.begin() as connection:
        rows = connection.execute(
            select(DEALS.c.status, func.count(), func.sum(DEALS.c.amount)).group_by(DEALS.c.status)
        )
        numbers = {status: range(first, DEALS_THERE + 1, 3) for status, first in FIRST.items()}
        assert {row[0]: tuple(row[1:]) for row in rows} == {
            status: (len(those), sum(those) * 100) for status, those in numbers.items()
        }
        clients = STATE["client"]
        assert connection.execute(select(clients.c.name)).scalars().all() == ["Walk-in"]
    engine.dispose()


FIRST: Final = {"lost": 3, "won": 1, "open": 2}
"""The first number of a lead with each status."""
