"""The fenced blocks of the documents, and which test runs the commands in each.

A block that no row of `ELSEWHERE` names is run by `tests/e2e/test_documents.py`. In a Russian document the
blocks have the commands of its English twin, and so its tests.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SHELLS: Final = frozenset({"console", "sh", "bash", "zsh", "fish"})
LANGUAGES: Final = SHELLS | {"text", "json", "toml", "csv", "diff", "python"}
_FENCED: Final = re.compile(r"^( *)(?:```|~~~)(.*)\n((?:.*\n)*?)\1(?:```|~~~)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Args:
        language: What stands behind the fence that opens it.
        text: What is in it, without the indentation of a list.
        fenced: All of it, as it stands in the document.
    """

    document: str
    language: str
    text: str
    fenced: str

    def commands(self) -> tuple[str, ...]:
        """Its commands: of a console what stands behind `$ `, without comments; else the whole script."""
        if self.language != "console":
            return (self.text,)
        shown = re.findall(r"^\$ (.*)$", self.text, re.MULTILINE)
        return tuple(re.sub(r"\s+# .*", "", command) for command in shown)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Blocks that a test of their own runs.

    Args:
        begins: How the block begins; empty for every block of the document.
        tests: Those tests, as `file::name`.
        reason: Why they do the same instead of following the document; empty if they read it.
    """

    document: str
    begins: str
    tests: tuple[str, ...]
    reason: str = ""

    def has(self, block: Block) -> bool:
        """Whether this row names a block."""
        commands = block.commands()
        return block.document == self.document and (commands[0] if commands else "").startswith(self.begins)


_INSTALL: Final = "docs/how-to/install.md"
_CONTAINERS: Final = (
    "tests/deploy/installed.py::test_the_image_that_the_dockerfile_builds_serves_read_only_and_without_rights",
    "tests/deploy/test_container.py::test_compose_files_are_what_the_specification_says",
    "tests/deploy/test_container.py::test_the_image_keeps_its_data_where_compose_has_its_volume",
)
_NO_DOCKER: Final = (
    "there is no Docker: buildah builds the image, and the files are checked against their schema"
)

ELSEWHERE: Final = (
    Elsewhere(
        "README.md",
        "make demo",
        (
            "tests/test_blocks.py::test_make_takes_every_line",
            "tests/e2e/test_demo.py::test_each_crm_leads_to_the_worked_examples",
        ),
        "make would look for what it has set up; make test is the suite itself",
    ),
    Elsewhere("docs/api.md", "", ("tests/interface/test_api_document.py::test_each_example_works",)),
    Elsewhere(
        "docs/how-to/adding-a-crm.md",
        ".venv/bin/python -m pytest tests/adapters/test_contract.py -k acme",
        (
            "tests/test_adding_a_crm.py::test_the_contract_tests_hold_for_the_new_kind",
            "tests/test_adding_a_crm.py::test_the_new_file_is_typed_and_in_the_style",
        ),
    ),
    Elsewhere(
        "docs/how-to/adding-a-figure.md",
        "make check test",
        (
            "tests/test_adding_a_figure.py::test_the_files_are_typed_and_in_the_style",
            "tests/test_adding_a_figure.py::test_the_suite_holds_for_it",
        ),
    ),
    Elsewhere(
        _INSTALL,
        "useradd",
        ("tests/deploy/installed.py::test_who_follows_the_installation_has_a_service",),
    ),
    Elsewhere(
        _INSTALL,
        "runuser",
        ("tests/deploy/installed.py::test_who_follows_the_installation_has_a_service",),
    ),
    Elsewhere(
        _INSTALL,
        "cp deploy/systemd",
        ("tests/deploy/installed.py::test_who_follows_the_installation_has_a_service",),
    ),
    Elsewhere(_INSTALL, "cp lossboard.example.toml", _CONTAINERS, _NO_DOCKER),
    Elsewhere(_INSTALL, "docker compose -f", _CONTAINERS, _NO_DOCKER),
    Elsewhere(
        "docs/how-to/upkeep.md",
        "",
        (
            "tests/deploy/upkeep.py::test_an_office_is_upgraded_rolled_back_and_restored_by_the_document",
            "tests/deploy/upkeep.py::test_an_office_moves_to_another_machine_by_the_document",
        ),
    ),
    Elsewhere(
        "docs/tutorial/first-board.md",
        "",
        ("tests/e2e/test_tutorial.py::test_each_step_does_what_the_tutorial_says",),
    ),
)


def documents() -> list[str]:
    """Every document, as a path in the repository."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def blocks(document: str, text: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a document, or of another text in its place."""
    shown = (ROOT / document).read_text(encoding="utf-8") if text is None else text
    for found in _FENCED.finditer(shown):
        yield Block(document, found[2].strip(), textwrap.dedent(found[3]), found[0])


def run_here(document: str, text: str | None = None) -> list[Block]:
    """The blocks with commands that no other test runs."""
    return [
        block
        for block in blocks(document, text)
        if block.language in SHELLS and not any(row.has(block) for row in ELSEWHERE)
    ]


def twin(document: str) -> str:
    """The English document that a Russian one says in Russian; any other is its own."""
    return document.replace(".ru.md", ".md")
