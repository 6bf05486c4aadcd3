"""Each block of commands in a document is run by a test (`tests/blocks.py` says by which)."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from typing import Final

import pytest

from service.config_file import parse
from tests.blocks import (
    ELSEWHERE,
    LANGUAGES,
    ROOT,
    SHELLS,
    Block,
    Elsewhere,
    blocks,
    documents,
    run_here,
    twin,
)
from tests.e2e.test_documents import COMMANDS, COMPLETED, PREPARED

DOCUMENTS: Final = documents()
ENGLISH: Final = [document for document in DOCUMENTS if twin(document) == document]
ALL: Final = [block for document in DOCUMENTS for block in blocks(document)]
READ: Final[dict[str, Callable[[str], object]]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "python": ast.parse,
}
FOLLOWED: Final = {"docs/how-to/adding-a-crm.md"}
"""Whose settings are of a CRM that there is not; `tests/test_adding_a_crm.py` takes them."""
SOAKED: Final = re.findall(r"tests/\S+\.py", (ROOT / "Makefile").read_text(encoding="utf-8"))


def commands(document: str) -> list[str]:
    """The commands of a document, in its order."""
    shown = [
        command for block in blocks(document) if block.language in SHELLS for command in block.commands()
    ]
    return [" ".join(command.split()[:2]) if "tutorial" in document else command for command in shown]


def test_every_block_says_its_language() -> None:
    assert {block.language for block in ALL} <= LANGUAGES
    for document in DOCUMENTS:
        fences = re.findall(r"^ *(?:```|~~~)", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(list(blocks(document))), document


def nobody_runs(document: str, added: str = "") -> list[str]:
    """The blocks of commands that no test runs, of a document with an addition."""
    text = (ROOT / document).read_text(encoding="utf-8") + added
    return [
        block.fenced
        for block in run_here(document, text)
        if not (block.language == "console" and document in PREPARED)
        and not (block.language in COMPLETED and document == COMMANDS)
    ]


@pytest.mark.parametrize("document", ENGLISH)
def test_every_block_of_commands_is_run(document: str) -> None:
    assert nobody_runs(document) == [], (
        "run it in tests/e2e/test_documents.py, or name its test in tests/blocks.py"
    )


@pytest.mark.parametrize(
    ("document", "language"),
    [
        ("docs/how-to/install.md", "console"),  # a row names some of its blocks
        ("docs/reference/demo.md", "console"),  # it has no block
        ("docs/how-to/import.md", "sh"),  # its consoles are run
    ],
)
def test_a_block_that_nobody_runs_is_found(document: str, language: str) -> None:
    added = f"\n- In a list:\n\n  ```{language}\n  $ systemctl mask lossboard\n  ```\n"
    (found,) = nobody_runs(document, added)
    assert "mask" in found


@pytest.mark.parametrize("document", sorted(set(DOCUMENTS) - set(ENGLISH)))
def test_a_twin_has_the_same_commands(document: str) -> None:
    assert commands(document) == commands(twin(document))


@pytest.mark.parametrize("row", ELSEWHERE, ids=lambda row: f"{row.document} {row.begins}")
def test_the_tests_that_run_a_block_are_there(row: Elsewhere) -> None:
    assert any(row.has(block) for block in ALL), "no such block"
    for test in row.tests:
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), test
        assert row.reason or row.document.rpartition("/")[2] in text, f"{path} does not read {row.document}"
        assert re.search(r"/test_\w+\.py", path) or path in SOAKED, f"nothing runs {path}"


@pytest.mark.parametrize("block", [block for block in ALL if block.language in {"console", "sh", "bash"}])
def test_a_shell_can_read_it(block: Block) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script = "\n".join(block.commands())
    read = subprocess.run([bash, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, ""), script


def test_make_takes_every_line() -> None:
    lines = {line for block in ALL for line in block.commands() if line.startswith("make ")}
    assert len(lines) >= 4
    for line in lines:
        dry = subprocess.run(
            ["bash", "-c", line.replace("make", "make --dry-run", 1)],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert dry.returncode == 0, line


def test_what_is_copied_or_named_in_the_checkout_is_there() -> None:
    lines = [line for block in blocks("docs/how-to/install.md") for line in block.commands()]
    named = re.findall(
        r"(?<= )((?:deploy/|compose\.|requirements|lossboard\.example)[\w./*-]*)", "\n".join(lines)
    )
    assert len(named) >= 6
    assert [name for name in named if not list(ROOT.glob(name))] == []


@pytest.mark.parametrize("block", [block for block in ALL if block.language in READ])
def test_what_is_no_command_can_be_read_too(block: Block) -> None:
    fragment = block.language == "json" and block.text.startswith('"')
    READ[block.language](f"{{{block.text}}}" if fragment else block.text)


@pytest.mark.parametrize("document", [document for document in ENGLISH if document not in FOLLOWED])
def test_settings_are_such_as_the_service_takes(document: str) -> None:
    shown = [tomllib.loads(block.text) for block in blocks(document) if block.language == "toml"]
    for settings in shown:
        if isinstance(settings["accounts"], dict):  # tables in the place of the account's above
            settings["accounts"] = [{**shown[0]["accounts"][0], **settings["accounts"]}]
        parse(settings, {}, secrets=False)
