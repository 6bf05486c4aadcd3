"""The documents agree with the code: links, commands, settings, routes, metrics, tests."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

import click
import msgspec
import pytest

from scripts.configuration_reference import tables
from service.commands import cli
from service.live.stream.hub import HEARTBEAT_SECONDS
from service.metrics import Metrics
from service.metrics.series import Standings
from tests.walked import steps

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
ADDRESS: Final = re.compile(r"[a-z]+:")


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for link in LINK.findall(text(document)):
        if ADDRESS.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_the_same_in_both_languages() -> None:
    def commands(document: str) -> list[str]:
        return re.findall(r"(?:`|\$ )((?:make|lossboard) [\w-]+)", text(document).split("## Run it")[0])

    assert commands("README.ru.md") == commands("README.md")
    assert "127 613 ₽" in text("README.ru.md")


def test_every_command_line_is_one_that_the_program_takes() -> None:
    lines = [step.command for document in DOCUMENTS for step in steps(text(document))]
    given = [line for command in lines for line in re.findall(r"(?:^|/)lossboard ([a-z].*)", command)]
    spans = [span for document in DOCUMENTS for span in re.findall(r"`lossboard ([^`|]+)`", text(document))]
    assert min(len(given), len(spans)) >= 10
    for line in given + spans:
        command: click.Command = cli.main
        context, words = click.Context(command), shlex.split(line, comments=True)
        while isinstance(command, click.Group) and words:
            _, found, words = command.resolve_command(context, words)
            assert found is not None
            command, context = found, click.Context(found, context)
        command.make_parser(context).parse_args(words)


def test_the_comparison_and_contributing_name_only_what_there_is() -> None:
    named = re.findall(r"`lossboard ([\w-]+)", text("docs/explanation/comparison.md"))
    assert len(named) >= 5
    assert set(named) <= cli.main.commands.keys()
    files = re.findall(r"`([\w.-]+/[\w./-]*)`", text("CONTRIBUTING.md"))
    assert len(files) >= 5
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_readme_has_every_command() -> None:
    listed = re.findall(r"^\| `lossboard ([\w-]+)", text("README.md"), re.MULTILINE)
    assert sorted(listed) == sorted(cli.main.commands)
    loaded = {command.name: command.load() for command in cli.DEFERRED}
    groups = {name: command for name, command in loaded.items() if isinstance(command, click.Group)}
    assert groups.keys() == {"quarantine", "screens"}
    for name, group in groups.items():
        for part in group.commands:
            assert re.search(rf"lossboard {name} [^`]*\b{part}\b", text("README.md")), f"{name} {part}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documented_commands_exist(document: str) -> None:
    for name in re.findall(r"`lossboard ([a-z-]+)", text(document)):
        assert name in cli.main.commands


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documented_make_targets_exist(document: str) -> None:
    targets = re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE)
    for name in re.findall(r"(?:`|\$ )make ([a-z]+)", text(document)):
        assert name in targets


def test_the_example_has_every_setting() -> None:
    example = text("lossboard.example.toml")
    for name in [field.encode_name for table in tables().values() for field in msgspec.structs.fields(table)]:
        assert re.search(rf"^(# )?({name} =|\[+(accounts\.)?{name}\]+)", example, re.MULTILINE), name


@pytest.mark.parametrize("document", ["docs/how-to/operations.md", "docs/how-to/operations.ru.md"])
def test_the_operations_manual_has_every_metric_and_no_other(document: str) -> None:
    exposed = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in Metrics().families(Standings())
        if not metric.name.startswith("process_")
    }
    documented = set(re.findall(r"`(lossboard_\w+)", text(document)))
    assert documented == exposed


def test_every_route_is_documented() -> None:
    documents = " ".join(text(document) for document in DOCUMENTS)
    files = set(ROOT.glob("service/**/*.py")) - set(ROOT.glob("service/demo/**/*.py"))
    code = " ".join(path.read_text(encoding="utf-8") for path in files)
    paths = [path for path in re.findall(r'\bRoute\("([^"]+)"', code) if not path.startswith("/static/")]
    assert len(paths) >= 7
    for path in paths:
        assert path.partition("{account}")[0] in documents, path
        assert path.rpartition("/")[2].strip("{}") in documents, path


def test_the_tests_that_prove_the_invariants_are_there() -> None:
    invariants = text("ARCHITECTURE.md").partition("## Invariants")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (I\d+) \|.*\| ([^|]+) \|$", invariants, re.MULTILINE)
    assert [number for number, _ in rows] == [f"I{number + 1}" for number in range(len(rows))]
    for _, proof in rows:
        for path in re.findall(r"`([\w/]*test_\w+\.py)`", proof):
            assert any(test.as_posix().endswith(path) for test in ROOT.glob("tests/**/*.py")), path


def test_the_layout_names_what_is_there() -> None:
    layout = text("ARCHITECTURE.md").partition("## Layout")[2].partition("\n## ")[0]
    for path in re.findall(r"`(service/[\w/]+(?:\.py)?)`?", layout):
        assert (ROOT / path).exists() or path == "service/migrations/", path
    packages = {path.parent.name for path in ROOT.glob("service/*/__init__.py")}
    modules = {path.name for path in ROOT.glob("service/*.py")} - {"__init__.py", "__main__.py"}
    for name in packages | modules:
        assert name in layout, name


def test_the_live_protocol_gives_the_right_heartbeat() -> None:
    assert f"every {HEARTBEAT_SECONDS:g} seconds" in text("docs/reference/live-protocol.md")


def test_each_version_begins_with_what_it_asks_of_the_operator() -> None:
    versions = text("CHANGELOG.md").split("\n## ")[1:]
    assert versions
    for version in versions:
        first = version.partition("\n### ")[2]
        assert re.match(r"To do\n\n- ", first), version.partition("\n")[0]
