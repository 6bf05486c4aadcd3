"""RELIABILITY.json has its form, and docs/explanation/reliability.md quotes it and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.soak import report
from tests.soak.experiments import EXPERIMENTS
from tests.soak.report import Machine, Ran, Report

HERE = Machine("x86_64", "Linux 6", 2, 16)
RAN = Ran("2026-11-27", "0123456789ab", 1, 1.0, 12, {"kills": 1_300, "memory, MB": 2.5})


def reported(**experiments: Ran) -> Report:
    return Report(HERE, {"sqlite": "3.53"}, experiments)


def test_every_experiment_has_its_module_and_every_module_with_a_run_is_one() -> None:
    modules = Path(__file__).parent.glob("*.py")
    assert {path.stem for path in modules if "\ndef run(seed: int, scale: float)" in path.read_text()} == set(
        EXPERIMENTS
    )


def test_the_file_is_of_its_form_and_knows_its_experiments() -> None:
    assert report.read().experiments.keys() <= set(EXPERIMENTS)


def test_the_document_has_the_files_figures_and_no_other() -> None:
    before, table, after = re.split(
        f"{re.escape(report.BEGIN)}|{re.escape(report.END)}", report.DOCUMENT.read_text(encoding="utf-8")
    )
    assert table == report.table(report.read())
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "", before + after)
    assert re.findall(r".*\d.*", prose) == []


def test_the_document_says_what_each_experiment_does() -> None:
    told = re.findall(r"^\*\*(\w+)\.\*\*", report.DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert report.read().experiments.keys() <= set(told)


@pytest.mark.parametrize(
    ("field", "value"), [("scale", 0.0), ("scale", 2.0), ("date", "today"), ("commit", ""), ("counts", {})]
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    document = msgspec.to_builtins(reported(kills=RAN))
    document["experiments"]["kills"][field] = value
    path = tmp_path / "RELIABILITY.json"
    path.write_bytes(msgspec.json.encode(document))
    with pytest.raises(msgspec.ValidationError):
        report.read(path)


def test_what_is_written_is_read_again_and_stands_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n")
    report.write(reported(kills=RAN), tmp_path / "file", document)
    assert report.read(tmp_path / "file") == reported(kills=RAN)
    text = document.read_text()
    assert "| kills | full | kills 1,300, memory, MB 2.5 | 12 s | 1 | 2026-11-27, 0123456789ab |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_a_result_replaces_its_own_and_none_of_another_machine_is_kept() -> None:
    again = Ran("2026-11-28", "0123456789ab", 1, 0.1, 12, {"kills": 3})
    before = reported(storm=RAN, kills=RAN, abolished=RAN)
    both = report.merged(before, reported(kills=again))
    assert both == reported(kills=again, storm=RAN)
    assert list(both.experiments) == ["kills", "storm"]
    before = reported(kills=RAN, storm=RAN)
    assert report.without(before, "kills") == reported(storm=RAN)
    other = Report(HERE, {"sqlite": "3.54"}, {"kills": RAN})
    assert report.merged(before, other) == other
    assert "0.1 of the full length" in report.table(reported(kills=again))
