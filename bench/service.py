"""The services that the benches load: Lossboard itself, and a bare route to compare it with."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.office import SECRET

CONFIG: Final = f"""
[[accounts]]
id = "office"
title = "Office"
crm = "standard"
webhook_secret = "{SECRET}"
timezone = "Europe/Moscow"
currency = "RUB"
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
"""Reads the body and answers 200; stores nothing, checks nothing."""


@contextlib.contextmanager
def lossboard(folder: Path) -> Iterator[int]:
    """Lossboard on an SQLite file; its port."""
    (folder / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    with _started([sys.executable, "-m", "service", "serve", "--port", "0"], folder) as port:
        yield port


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[int]:
    """The bare route; its port."""
    with _started([sys.executable, "-c", BARE], folder) as port:
        yield port


@contextlib.contextmanager
def _started(command: list[str], folder: Path) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
            break
    else:
        raise RuntimeError("the service did not start")
    try:
        yield int(found[1])
    finally:
        process.terminate()
        process.communicate()
