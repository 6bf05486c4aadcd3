"""Rules about the code that no linter checks: sizes, names, who reads the time, what no file may contain.

ruff checks docstrings and unused code, mypy checks types, import-linter checks the direction of imports.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
MODULE_LINES: Final = 300
FUNCTION_LINES: Final = 40
FOLDER_MODULES: Final = 14

CLOCK: Final = "service/clock.py"
TIMES_OF_DAY: Final = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.localtime",
        "time.gmtime",
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "date.today",
    }
)
MINIFIED: Final = 500
"""Characters in a line that is longer than anybody types."""

VAGUE_NAMES: Final = frozenset({"base", "common", "helpers", "manager", "misc", "utils"})
SKIPPING: Final = frozenset({"skip", "skipif", "skipIf", "xfail", "importorskip"})
REGISTRIES: Final = re.compile(
    "|".join(
        re.escape(".".join(parts)) for parts in (("pypi", "org"), ("registry", "npmjs"), ("deb", "debian"))
    )
    + "|python"
    + "hosted",
    re.IGNORECASE,
)
ONE_MACHINE: Final = re.compile(r"(?<![\w.])/(?:ro" + r"ot|wo" + r"rk)/\w")
IMPORTED: Final = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""")

MADE_HERE: Final = frozenset(
    {".git", ".venv", ".venv-peers", ".hypothesis", "__pycache__", "build", "dist", "node_modules"}
)


def _files(*suffixes: str, under: str = "") -> Iterator[str]:
    """The project's own files below a folder, by their paths from the root; not those that tools create."""
    for folder, folders, names in os.walk(ROOT / under):
        folders[:] = sorted(name for name in folders if name not in MADE_HERE and not name.endswith("_cache"))
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(ROOT).as_posix()
            if path.endswith(suffixes):
                yield path


SERVICE: Final = list(_files(".py", under="service"))
TESTS: Final = list(_files(".py", under="tests"))
PYTHON: Final = list(_files(".py"))
SCRIPTS: Final = list(_files(".js", ".mjs"))
PAGE: Final = list(_files(".js", ".mjs", ".css", ".svg", under="service/live/static"))
CODE: Final = (".py", ".js", ".html", ".css", ".mako", "Makefile", ".ci/run")
WORDS: Final = (".md", ".txt", ".in", ".toml", ".ini", ".json", ".po", ".gitignore", ".dockerignore")
DEPLOYED: Final = ("Dockerfile", ".yaml", ".conf", ".service", ".timer", ".sysusers", "Caddyfile", ".caddy")
TEXTS: Final = list(_files(*CODE, *WORDS, *DEPLOYED))


def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _tree(path: str) -> ast.Module:
    return ast.parse(_text(path), path)


def _long_functions(tree: ast.Module) -> list[str]:
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
    ]


def _loop_variables(tree: ast.Module) -> set[str]:
    """The names that loops and comprehensions bind."""
    targets = [
        node.target for node in ast.walk(tree) if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
    ]
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def _dotted(node: ast.expr) -> str:
    """The last two names of an expression such as `datetime.datetime.now`: `datetime.now`."""
    return ".".join(ast.unparse(node).split(".")[-2:])


def _reads_of_the_time(tree: ast.Module) -> list[str]:
    """The functions for the time of day that a module names or imports."""
    named = [
        _dotted(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and _dotted(node) in TIMES_OF_DAY
    ]
    imported = [
        f"{node.module}.{name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if f"{node.module}.{name.name}" in TIMES_OF_DAY
    ]
    return named + imported


def _skips(tree: ast.Module) -> set[str]:
    """The names by which a module of tests skips a test or expects it to fail."""
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & SKIPPING


def test_modules_functions_and_folders_are_small_enough_to_read_at_once() -> None:
    lines = {path: len(_text(path).splitlines()) for path in SERVICE}
    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}
    assert {path: matches for path in SERVICE if (matches := _long_functions(_tree(path)))} == {}
    folders = Counter(Path(path).parent.as_posix() for path in SERVICE if not path.endswith("__init__.py"))
    assert {folder: count for folder, count in folders.items() if count > FOLDER_MODULES} == {}


def test_a_loop_names_what_it_goes_through() -> None:
    assert [path for path in PYTHON if "each" in _loop_variables(_tree(path))] == []
    assert _loop_variables(ast.parse("[each for _, each in pairs]")) == {"_", "each"}


def test_a_function_that_is_too_long_is_found() -> None:
    body = "\n".join("    pass" for _ in range(FUNCTION_LINES))
    assert _long_functions(ast.parse(f"async def long():\n{body}")) == ["long"]


def test_only_the_clock_reads_the_time_of_day() -> None:
    readers = {path: matches for path in SERVICE if (matches := _reads_of_the_time(_tree(path)))}
    assert readers == {CLOCK: ["time.time_ns"]}


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.time()",
        "import time\nread = time.time_ns",
        "from time import time_ns",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import date\ndate.today()",
    ],
)
def test_a_read_of_the_time_of_day_is_found_however_it_is_spelt(source: str) -> None:
    assert _reads_of_the_time(ast.parse(source)) != []


def test_modules_are_named_after_what_they_own() -> None:
    assert [path for path in (*SERVICE, *TESTS) if VAGUE_NAMES & set(Path(path).with_suffix("").parts)] == []


def test_the_folder_of_migrations_is_no_package_that_would_hide_alembic() -> None:
    assert (ROOT / "alembic" / "env.py").exists()
    assert not (ROOT / "alembic" / "__init__.py").exists()


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    assert {path: matches for path in TESTS if (matches := _skips(_tree(path)))} == {}
    assert _skips(ast.parse("@pytest.mark.skipif(True)\ndef test(): ...")) == {"skipif"}


def test_no_file_names_a_package_registry() -> None:
    assert {path: matches for path in TEXTS if (matches := REGISTRIES.findall(_text(path)))} == {}
    assert REGISTRIES.search("https://" + "files.python" + "hosted.org")


def test_no_file_names_a_folder_of_the_machine_that_it_was_written_on() -> None:
    assert {path: matches for path in TEXTS if (matches := ONE_MACHINE.findall(_text(path)))} == {}
    assert ONE_MACHINE.search("see " + "/work" + "/main")


@pytest.mark.parametrize("path", [path for path in TEXTS if re.fullmatch(r"requirements.*\.txt", path)])
def test_every_requirement_is_pinned_with_its_hashes(path: str) -> None:
    lines = _text(path).replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert pins != []
    assert [pin for pin in pins if not re.match(r"[\w.-]+==\S+\s.*--hash=sha256:", pin)] == []


def _listed(path: str) -> set[str]:
    return {line for line in _text(path).splitlines() if line and line[0] not in "#-"}


def test_the_requirements_are_those_of_the_distribution_and_what_builds_it() -> None:
    project = tomllib.loads(_text("pyproject.toml"))
    assert _listed("requirements.in") == {*project["project"]["dependencies"]}
    assert _listed("requirements-build.in") == {*project["build-system"]["requires"], "editables"}


def test_scripts_stand_where_the_page_is_served_from_and_import_only_their_neighbours() -> None:
    assert [path for path in SCRIPTS if not path.startswith(("service/live/static/", "tests/"))] == []
    imported = {path: IMPORTED.findall(_text(path)) for path in SCRIPTS}
    assert [name for names in imported.values() for name in names if not name.startswith(("./", "../"))] == []


def test_what_the_page_loads_was_typed_and_not_minified() -> None:
    longest = {path: max(map(len, _text(path).splitlines()), default=0) for path in PAGE}
    assert {path: length for path, length in longest.items() if length > MINIFIED} == {}
