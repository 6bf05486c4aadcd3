"""docs/api.md is written from the code, and each of its examples works."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from typing import Final

import pytest
from click.testing import CliRunner
from starlette.types import Receive, Scope, Send

from scripts.api_reference import DOCUMENT, document
from service.clock import SystemClock
from service.commands.cli import main
from service.interface.asyncapi import asyncapi
from service.interface.openapi import openapi
from service.live.stream import hub
from tests.adapters.posts import KEY
from tests.http.served import served
from tests.interface.office import METRICS, VIEWER, Office, office

EXAMPLES: Final = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
ANSWERS: Final = (
    '"status":"applied"',
    '"account":"office"',
    "event: snapshot",
    "event: snapshot",
    '"kind":"controllable"',
    "\ufeff",
    "ready",
    "lossboard_",
    '"openapi":"3.1.0"',
)
"""What each example shows, in the order of the document."""


def test_the_document_is_what_the_code_says() -> None:
    assert DOCUMENT.read_text("utf-8") == document(), "make reference"


@pytest.mark.parametrize(("options", "described"), [([], openapi()), (["--streams"], asyncapi())])
def test_the_command_prints_what_the_service_has(options: list[str], described: object) -> None:
    printed = CliRunner().invoke(main, ["openapi", *options])
    assert json.loads(printed.output) == json.loads(json.dumps(described))


async def run(script: str, opened: Office, board: str) -> str:
    """What an example prints, in a shell that ends at the first error."""
    tokens = {"TOKEN": VIEWER, "EDITOR_TOKEN": opened.editor, "METRICS_TOKEN": METRICS, "OFFICE_SECRET": KEY}
    shell = await asyncio.create_subprocess_exec(
        "bash",
        "-euc",
        script,
        env={**os.environ, **tokens, "BOARD": board},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        shown, errors = await shell.communicate()
    assert shell.returncode == 0, (script, shown, errors)
    return shown.decode()


async def test_each_example_works(sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.2)  # curl notices at the next event that nobody reads
    async with office(sqlite_ledgers(), SystemClock()) as opened:

        async def running(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":  # it has started
                await opened.app(scope, receive, send)

        async with served(running) as (_, port):
            shown = [await run(script, opened, f"http://127.0.0.1:{port}") for script in EXAMPLES]
    assert len(shown) == len(ANSWERS)
    for text, answer in zip(shown, ANSWERS, strict=True):
        assert answer in text
