"""The services under load: Lossboard, and a bare route to compare it with."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.office import SECRET, VIEWER

ACCOUNT: Final = """
[[accounts]]
id = "{account}"
title = "Office"
crm = "standard"
webhook_secret = "{secret}"
timezone = "Europe/Moscow"
currency = "RUB"
viewer_token = "{viewer}"
"""

BARE: Final = """
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

async def take(request: Request) -> Response:
    await request.body()
    return Response()

uvicorn.run(Starlette(routes=[Route("/webhooks/office", take, methods=["POST"])]), port=0, access_log=False)
"""
"""Reads the body and responds with 200; it stores and checks nothing."""


ROOT: Final = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def lossboard(folder: Path, checkout: Path = ROOT) -> Iterator[int]:
    """Lossboard on an SQLite file, from this checkout or another one; its port."""
    with node(folder, f"sqlite:///{folder}/lossboard.db", checkout=checkout) as (port, _):
        yield port


def python(checkout: Path) -> str:
    """The interpreter of a checkout: the one in its `.venv`, else this one's."""
    own = checkout / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


@contextlib.contextmanager
def node(
    folder: Path, url: str, *arguments: str, accounts: Sequence[str] = ("office",), checkout: Path = ROOT
) -> Iterator[tuple[int, int]]:
    """Lossboard on a database, with more arguments of `serve`; its port and process id."""
    tables = (ACCOUNT.format(account=account, secret=SECRET, viewer=VIEWER) for account in accounts)
    (folder / "lossboard.toml").write_text("".join(tables), encoding="utf-8")
    command = [python(checkout), "-m", "service", "serve", "--port", "0", *arguments]
    with _started(command, folder, url, checkout) as started:
        yield started


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[int]:
    """The bare route; its port."""
    with _started([sys.executable, "-c", BARE], folder) as (port, _):
        yield port


@contextlib.contextmanager
def _started(
    command: list[str], folder: Path, url: str = "", checkout: Path = ROOT
) -> Iterator[tuple[int, int]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "PYTHONUNBUFFERED": "1",
        "LOSSBOARD_DATABASE_URL": url,
    }
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            break
    else:
        raise RuntimeError("the service did not start")
    try:
        threading.Thread(target=process.stdout.read, daemon=True).start()  # or its output would fill the pipe
        yield int(match[1]), process.pid
    finally:
        process.terminate()
        process.wait()
