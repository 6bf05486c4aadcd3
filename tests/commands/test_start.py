"""A command imports what it needs, and no more: imports are most of its start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import pytest

from scripts import manual
from service.commands.cli import DEFERRED
from service.commands.lazy import Deferred
from service.ledger.database.errors import Moved
from tests.e2e.running import CONFIG, ROOT, environment

HEAVY: Final = frozenset(
    "alembic asyncio babel httpx jinja2 msgspec prometheus_client psycopg pysqlite3 segno sqlalchemy "
    "sse_starlette starlette uvicorn".split()
)
IN_DATABASE: Final = frozenset({"asyncio", "msgspec", "psycopg", "pysqlite3", "sqlalchemy"})

PROGRAM: Final = """
import sys
from service.commands.cli import main
main(sys.argv[1:], standalone_mode=False)
print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def imported(folder: Path, *arguments: str, url: str | None = None) -> frozenset[str]:
    """The heavy libraries that a command imports."""
    program = [sys.executable, "-c", PROGRAM, *arguments]
    env = environment(url)
    done = subprocess.run(program, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return frozenset(done.stderr.split()) & HEAVY


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_what_says_what_there_is_imports_no_library_but_clicks(tmp_path: Path, option: str) -> None:
    assert imported(tmp_path, option) == frozenset()


def test_a_command_on_the_database_imports_nothing_of_the_web(
    tmp_path: Path, sqlite_ledgers: Callable[[], str]
) -> None:
    (tmp_path / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    assert imported(tmp_path, "quarantine", "list", url=sqlite_ledgers()) <= IN_DATABASE


def test_no_command_logs_the_addresses_that_it_calls(tmp_path: Path) -> None:
    program = f"{PROGRAM}\nimport logging\nassert not logging.getLogger('httpx').isEnabledFor(logging.INFO)"
    (tmp_path / "lossboard.toml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-c", program, "migrate"]
    subprocess.run(command, cwd=tmp_path, env=environment(None), check=True, capture_output=True)


@pytest.mark.parametrize("deferred", DEFERRED, ids=lambda deferred: deferred.name)
def test_the_list_of_commands_says_what_each_says_of_itself(deferred: Deferred) -> None:
    summary, command = str(deferred.help).removesuffix("."), deferred.load()
    assert command.name == deferred.name
    assert " ".join(str(command.help).split()).startswith(summary)


def test_the_manual_page_says_what_the_commands_say() -> None:
    for deferred in DEFERRED:  # whichever context asks a command for its help option first
        command = deferred.load()
        command.get_help_option(click.Context(command))
    assert manual.PAGE.read_text(encoding="utf-8") == manual.text(), "run: make manual"
    documented = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    for code in (0, 1, 2, Moved.exit_code):
        assert f"| {code} |" in documented
        assert f".TP\n{code}\n" in manual.END
