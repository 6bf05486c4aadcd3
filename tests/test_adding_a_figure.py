"""A figure is added by what docs/how-to/adding-a-figure.md shows, and nothing more.

The page is followed in a copy of the repository, and a database with deals is upgraded to the copy's version.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.databases import PostgresDatabases, SqliteFiles
from tests.e2e.running import Service, running
from tests.walkthrough import ROOT, Copy, followed

PAGE: Final = (ROOT / "docs" / "how-to" / "adding-a-figure.md").read_text(encoding="utf-8")
FILES_AT_MOST: Final = 8
COPIED: Final = ("alembic", "lossboard.example.toml", "pyproject.toml", "scripts", "service", "tests")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return followed(PAGE, tmp_path_factory.mktemp("copy") / "repository", COPIED, ("po", "html"))


def test_few_files_are_touched(copy: Copy, record_property: Any) -> None:
    record_property("files", len(copy.changed()))
    assert len(copy.changed()) <= FILES_AT_MOST


def test_the_files_are_typed_and_in_the_style(copy: Copy) -> None:
    paths = sorted(path for path in copy.changed() if path.endswith(".py"))
    copy.run("-m", "mypy", "--strict", *paths)
    copy.run("-m", "ruff", "check", *paths)
    copy.run("-m", "ruff", "format", "--check", *paths)


def test_the_suite_holds_for_it(copy: Copy) -> None:
    """The board equals the oracle, the migration makes the tables, and the page's other tests pass."""
    tests = (
        "tests/ledger/write/test_board_equals_oracle.py::test_every_step_on_sqlite_equals_the_oracle",
        "tests/ledger/database/test_schema.py",
        "tests/live/page/test_render.py::test_each_fragment_is_one_element_with_its_id",
    )
    copy.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not postgresql", *tests)


def test_a_database_with_deals_shows_the_right_figure_right_after_the_upgrade(
    copy: Copy, databases: SqliteFiles | PostgresDatabases, tmp_path: Path, record_property: Any
) -> None:
    url = databases.empty()
    with running(tmp_path, url=url) as before:
        before.deal("1", name="Rollers", status="won", amount="5184.00")
        before.deal("2", name="Skates", status="open", amount="100.00")
        assert "won" not in before.snapshot()["at_risk"]
        assert before.stop() == 0
    began = time.monotonic()
    with running(tmp_path, url=url, root=copy.folder) as after:
        assert _won(after) == {"deals": 1, "amount": "5184.00"}
        record_property("seconds_to_the_right_figure", round(time.monotonic() - began, 1))
        after.deal("1", amount="84.00")
        after.deal("2", status="won")
        assert _won(after) == {"deals": 2, "amount": "184.00"}
        after.tell({"type": "deal.deleted", "data": {"id": "1"}})
        assert _won(after) == {"deals": 1, "amount": "100.00"}
        pages = {language: _page(after, language) for language in ("ru", "en")}
    assert "Выиграно" in pages["ru"]
    assert "Won" in pages["en"]
    assert all('data-figure="won"' in page for page in pages.values())
    databases.drop(url)


def _won(service: Service) -> Any:
    return service.snapshot()["at_risk"]["won"]


def _page(service: Service, language: str) -> str:
    answer = service.client.get(f"{service.url}/boards/office", params={"lang": language})
    assert answer.status_code == 200, answer.text
    return answer.text
