"""Who follows a page of the documents gets what it shows: its commands run beside an office that is served.

`tests/blocks.py` says which blocks another test runs; all others run here.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.blocks import blocks, run_here
from tests.e2e.running import CONFIG, Service, running
from tests.walked import installed, walked

ACCOUNTS: Final = "docs/how-to/accounts.md"
COMMANDS: Final = "docs/reference/commands.md"
EDITED: Final = CONFIG.replace("Отдел продаж", "Другой отдел")
_ASKED: Final = "{source}; COMP_WORDS='lossboard scr' _LOSSBOARD_COMPLETE="
COMPLETED: Final = {
    "bash": "{line}\nCOMP_WORDS=(lossboard scr) COMP_CWORD=1; _lossboard_completion lossboard; "
    "echo ${{COMPREPLY[@]}}",
    "zsh": _ASKED + "zsh_complete COMP_CWORD=1 lossboard",
    "fish": _ASKED + "fish_complete COMP_CWORD=scr lossboard",
}
"""What completes `lossboard scr`. For a shell that is not here: what prints its script, and what that
asks."""


def branch() -> str:
    """The second account of the page about accounts, with a secret that there is."""
    (shown,) = [block.text for block in blocks(ACCOUNTS) if block.language == "toml"]
    account = shown[shown.rindex("[[accounts]]") :]
    return re.sub(r'"file:[^"]*"', '"crm:a-secret-of-sixteen-characters"', account)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the reader of a page has before its first command.

    Args:
        replaced: What is another on this machine; `FOLDER` is that of the office.
        saved: The names of the files that the page's CSV blocks show.
        configurations: What the configuration is before each `lossboard reload`.
    """

    replaced: dict[str, str] = field(default_factory=dict)
    saved: Sequence[str] = ()
    configurations: Sequence[str] = ()


PREPARED: Final[dict[str, Prepared]] = {
    ACCOUNTS: Prepared(
        replaced={"process 4711": "process …", "41 deliveries": "0 deliveries"},
        configurations=(EDITED + branch(), EDITED),
    ),
    "docs/how-to/import.md": Prepared(saved=("deals.csv", "tasks.csv")),
    "docs/how-to/operations.md": Prepared(replaced={"/backups/": "FOLDER/", "63504384": "…"}),
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("office")) as service:
        yield service


@pytest.mark.parametrize("document", PREPARED)
def test_each_command_does_what_the_document_shows(document: str, office: Service) -> None:
    prepared, folder, shown = PREPARED[document], office.folder, list(run_here(document))
    text = "\n".join(f"```console\n{block.text}```\n" for block in shown if block.language == "console")
    for here, there in prepared.replaced.items():
        text = text.replace(here, there)
    files = [block.text for block in blocks(document) if block.language == "csv"]
    for name, content in zip(prepared.saved, files, strict=True):
        (folder / name).write_text(content, encoding="utf-8")
    configurations = iter(prepared.configurations)

    def edit(command: str) -> None:
        if command == "lossboard reload":
            (folder / "lossboard.toml").write_text(next(configurations), encoding="utf-8")

    with walked(text.replace("FOLDER", str(folder)), folder, edit):
        assert list(configurations) == []


@pytest.mark.parametrize("shell", COMPLETED)
def test_the_line_for_a_shell_completes_commands(shell: str, tmp_path: Path) -> None:
    (line,) = [block.text for block in run_here(COMMANDS) if block.language == shell]
    (source,) = re.findall(r"_LOSSBOARD_COMPLETE=\w+_source lossboard", line)
    command = COMPLETED[shell].format(line=line, source=source)
    told = subprocess.check_output(["bash", "-c", command], cwd=tmp_path, env=installed(), text=True)
    assert re.search(r"\bscreens\b", told), told
