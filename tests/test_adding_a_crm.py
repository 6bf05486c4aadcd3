"""A CRM is added by what docs/adding-a-crm.md shows, and nothing more: the page is followed in a copy of the
repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = (ROOT / "docs" / "adding-a-crm.md").read_text(encoding="utf-8")
COPIED: Final = ("alembic", "pyproject.toml", "service", "tests/adapters")
SAMPLES: Final = "tests/adapters/acme/samples/"
Run: TypeAlias = Callable[..., str]

SERVE: Final = """
import asyncio, os, pathlib, sys, httpx
from service.commands import operations
from service.app import create_app
from service.config_file import load
from service.ledger.database import schema
from service.ledger.database.database import Database
from tests.adapters.posts import NOW

class StoppedClock:
    def now(self):
        return NOW

    async def wait(self, seconds, wake):
        await wake.wait()

config, clock = load(pathlib.Path(sys.argv[1]), os.environ), StoppedClock()
schema.migrate(config.database_url)
database = Database(config.database_url)
operations.prepare(database, config, clock)
database.close()
app = create_app(config, clock).app

async def main():
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        for path in sys.argv[2:]:
            for token in ("a guess", "hush"):
                headers = {"content-type": "application/json", "x-acme-token": token}
                body = pathlib.Path(path).read_bytes()
                answer = await client.post("/webhooks/office", content=body, headers=headers)
                print(answer.text)
        print((await client.get("/boards/office/snapshot?period=month")).text)

asyncio.run(main())
"""


def shown(language: str) -> dict[str, str]:
    """The page's files of a language, by the path that stands before each."""
    return dict(re.findall(rf"^`([\w./]+)`\n\n```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))


def patched(text: str, patch: str) -> str:
    """A text with the one line that a patch adds."""
    lines = patch.splitlines(keepends=True)
    context = "".join(line[1:] for line in lines if line.startswith(" "))
    (added,) = (line[1:] for line in lines if line.startswith("+"))
    assert text.count(context) == 1
    return text.replace(context, context + added)


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, by its path from there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the service and its contract tests are made of, without what tools left there."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        if target.suffix:
            shutil.copyfile(ROOT / name, target)
        else:
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


@pytest.fixture(scope="module")
def original(copy: Path) -> dict[str, bytes]:
    """What the copy held at first."""
    return files(copy)


@pytest.fixture(scope="module")
def followed(copy: Path, original: dict[str, bytes]) -> Path:
    """The copy, in which the page was followed."""
    written = shown("python") | shown("json")
    for path, patch in shown("diff").items():
        written[path] = patched(original[path].decode(), patch)
    for path, text in written.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text(text, encoding="utf-8")
    return copy


@pytest.fixture
def run(followed: Path, tmp_path: Path) -> Run:
    """Runs a Python program in the copy, where it leaves nothing, to a good end; gives what it printed."""
    environment = {
        **os.environ,
        "ACME_SECRET": "hush",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "hypothesis"),
        "MYPY_CACHE_DIR": str(tmp_path / "mypy"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(followed),
        "RUFF_NO_CACHE": "true",
    }

    def runs(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=followed,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return runs


def test_the_contract_tests_hold_for_the_new_kind(run: Run) -> None:
    contract = "tests/adapters/test_contract.py"
    output = run(*f"-m pytest {contract} -q -k acme -p no:cacheprovider --hypothesis-profile=ci".split())
    assert re.search(r"\d\d passed, \d+ deselected", output), output


def test_the_new_file_is_typed_and_in_the_style(run: Run) -> None:
    (path,) = shown("python")
    run("-m", "mypy", "--strict", path)
    run("-m", "ruff", "check", path)
    run("-m", "ruff", "format", "--check", path)


def test_what_the_crm_sends_is_on_its_board(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "lossboard.toml"
    (account,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    config.write_text(f'database_url = "sqlite:///{tmp_path}/lossboard.db"\n{account}', encoding="utf-8")
    *answers, board = map(json.loads, run("-c", SERVE, str(config), *shown("json")).splitlines())
    assert [answer["status"] for answer in answers] == [401, "applied"] * 2
    assert [answer["errors"] for answer in answers[1::2]] == [[], []]
    (reason,) = board["losses"]["reasons"]
    assert (reason["reason"], reason["count"], reason["amount"]) == ("Выбрал других", 1, "5184.00")


def test_nothing_else_had_to_be_changed(followed: Path, original: dict[str, bytes]) -> None:
    now = files(followed)
    changed = {path for path in now.keys() | original.keys() if now.get(path) != original.get(path)}
    samples = {path for path in changed if path.startswith(SAMPLES)}
    assert changed - samples == {"service/adapters/acme.py", "service/adapters/__init__.py"}
    assert samples == shown("json").keys() != set()
