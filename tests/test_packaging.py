"""The wheel contains everything that the service needs without a checkout: code, migrations, the page's
files."""

from __future__ import annotations

import email.parser
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import pytest

from service.ledger.database import schema

ROOT: Final = Path(__file__).resolve().parents[1]

MIGRATE: Final = """
from service.ledger.database import schema
print(schema.migrations())
schema.migrate("sqlite:///wheel.db")
"""


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _sources(folder: Path) -> set[str]:
    return {name for name in _files(folder) if "__pycache__/" not in name}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel of this checkout."""
    made = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    [wheel] = made.glob("lossboard-*.whl")
    folder = tmp_path_factory.mktemp("unpacked")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_has_every_file_of_the_package_and_the_migrations(unpacked: Path) -> None:
    migrations = {f"migrations/{name}" for name in _sources(ROOT / "alembic")}
    assert "migrations/env.py" in migrations
    assert _files(unpacked / "service") == _sources(ROOT / "service") | migrations


@pytest.mark.parametrize(
    ("folder", "suffix"),
    [("templates", ".html"), ("static", ".css"), ("static", ".js"), ("catalogue", "")],
)
def test_the_wheel_has_what_the_page_is_made_of(unpacked: Path, folder: str, suffix: str) -> None:
    assert any(name.endswith(suffix) for name in _files(unpacked / "service" / "live" / folder))


def test_the_wheel_has_nothing_but_the_package_its_examples_and_its_description(unpacked: Path) -> None:
    ends = sorted(path.name.rpartition(".")[2] for path in unpacked.iterdir())
    assert ends == ["data", "dist-info", "service"]


def test_the_wheel_has_the_examples_that_an_operator_copies(unpacked: Path) -> None:
    [shared] = unpacked.glob("*.data/data/share/lossboard")
    assert _files(shared) == {"lossboard.example.toml"} | _files(ROOT / "deploy")


def test_the_wheel_says_all_that_an_index_shows(unpacked: Path) -> None:
    [path] = unpacked.glob("*.dist-info/METADATA")
    metadata = email.parser.Parser().parsestr(path.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["License-Expression"] == "MIT"
    assert (path.parent / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert metadata["Requires-Python"] == project["requires-python"]
    assert metadata["Keywords"].split(",") == sorted(project["keywords"])
    assert metadata["Description-Content-Type"] == "text/markdown"
    oldest = f"Programming Language :: Python :: {project['requires-python'].removeprefix('>=')}"
    assert oldest in metadata.get_all("Classifier", [])


def test_the_description_leads_nowhere_that_an_index_has_not(unpacked: Path) -> None:
    [path] = unpacked.glob("*.dist-info/METADATA")
    description = path.read_text(encoding="utf-8").partition("\n\n")[2]
    assert description.startswith("# Lossboard")
    links = re.findall(r"\]\(([^)]*)\)", description)
    assert [link for link in links if not link.startswith("https://")] == []
    assert "operations (deployment, backups" in description


def test_the_wheel_migrates_a_database_with_the_migrations_that_it_carries(
    unpacked: Path, tmp_path: Path
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", MIGRATE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(unpacked / "service" / "migrations") != str(schema.migrations())
    assert (tmp_path / "wheel.db").exists()
