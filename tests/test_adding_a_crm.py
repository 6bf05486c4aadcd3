"""A CRM is added by what docs/how-to/adding-a-crm.md shows, and nothing more: the page is followed in a copy
of the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.walkthrough import ROOT, Copy, blocks, followed

PAGE: Final = (ROOT / "docs" / "how-to" / "adding-a-crm.md").read_text(encoding="utf-8")
COPIED: Final = ("alembic", "pyproject.toml", "service", "tests/adapters")
SAMPLES: Final = "tests/adapters/acme/samples/"

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

    def monotonic(self):
        return 0.0

    async def wait(self, seconds, wake):
        await wake.wait()

config, clock = load(pathlib.Path(sys.argv[1]), os.environ), StoppedClock()
schema.migrate(config.database_url)
database = Database(config.database_url)
operations.prepare(database, config, clock)
database.close()
app = create_app(config, clock).app

async def main():
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://board.example") as client,
    ):
        for path in sys.argv[2:]:
            for token in ("a guess", "hush-and-tell-nobody"):
                headers = {"content-type": "application/json", "x-acme-token": token}
                body = pathlib.Path(path).read_bytes()
                answer = await client.post("/webhooks/office", content=body, headers=headers)
                print(answer.text)
        proof = {"authorization": f"Bearer {config.accounts[0].viewer_token.value}"}
        print((await client.get("/boards/office/snapshot?period=month", headers=proof)).text)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return followed(PAGE, tmp_path_factory.mktemp("copy") / "repository", COPIED, ("json",))


def test_the_contract_tests_hold_for_the_new_kind(copy: Copy) -> None:
    contract = "tests/adapters/test_contract.py"
    output = copy.run(*f"-m pytest {contract} -q -k acme -p no:cacheprovider --hypothesis-profile=ci".split())
    assert re.search(r"\d\d passed, \d+ deselected", output), output


def test_the_new_file_is_typed_and_in_the_style(copy: Copy) -> None:
    (path,) = blocks(PAGE, "python")
    copy.run("-m", "mypy", "--strict", path)
    copy.run("-m", "ruff", "check", path)
    copy.run("-m", "ruff", "format", "--check", path)


def test_what_the_crm_sends_is_on_its_board(copy: Copy, tmp_path: Path) -> None:
    config = tmp_path / "lossboard.toml"
    (account,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    account += 'viewer_token = "viewer-token-of-the-new-crm"\n'
    config.write_text(f'database_url = "sqlite:///{tmp_path}/lossboard.db"\n{account}', encoding="utf-8")
    printed = copy.run("-c", SERVE, str(config), *blocks(PAGE, "json"), ACME_SECRET="hush-and-tell-nobody")
    *answers, board = map(json.loads, printed.splitlines())
    assert [answer["status"] for answer in answers] == [401, "applied"] * 2
    assert [answer["errors"] for answer in answers[1::2]] == [[], []]
    (reason,) = board["losses"]["reasons"]
    assert (reason["reason"], reason["count"], reason["amount"]) == ("Выбрал других", 1, "5184.00")


def test_nothing_else_had_to_be_changed(copy: Copy) -> None:
    samples = {path for path in copy.changed() if path.startswith(SAMPLES)}
    assert copy.changed() - samples == {"service/adapters/acme.py", "service/adapters/__init__.py"}
    assert samples == blocks(PAGE, "json").keys() != set()
