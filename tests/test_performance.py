"""docs/explanation/performance.md has the rows of the benchmarks; what writes it keeps the rest."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from bench import registry, report, scale_tables, sizing
from bench.report import Report, Result
from bench.rows import Goal, Row, in_turns
from bench.service import ROOT
from tests.soak.report import Machine

HERE = Machine("x86_64", "Linux 6", 2, 16)
ROW = Row("ingest", Goal("≥", 0.25, "of the bare route"), "How it is measured.")
OTHER = Row("start", Goal("≤", 2, "s"), "How it is measured.")
RAN = Result("2026-11-27", "0123456789ab", "800/s", 0.3, (0.2, 0.4))


def test_the_document_has_the_row_of_each_benchmark_and_no_other() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8").partition("## What is measured")[0]
    rows = re.findall(r"^\| ([^-|][^|]+) \| (?!goal)", text, re.MULTILINE)
    assert sorted(rows) == sorted(row.name for row in registry.rows())
    assert len(set(rows)) == len(rows)


def test_the_documents_quote_the_file() -> None:
    stored = report.read()
    assert stored is not None
    for document, parts in report.documents(stored, registry.rows()).items():
        text = document.read_text(encoding="utf-8")
        for part, written in parts.items():
            assert report.replaced(text, part, written) == text


def test_what_is_written_by_hand_is_kept(tmp_path: Path) -> None:
    empty = Report(HERE, {}, {})
    for path, parts in report.documents(empty, [ROW, OTHER]).items():
        document = tmp_path / path.relative_to(ROOT)
        document.parent.mkdir(parents=True, exist_ok=True)
        marked = (report.BEGIN.format(part=part) + "old\n" + report.END.format(part=part) for part in parts)
        document.write_text("before\n" + "between\n".join(marked) + "after\n")
    report.write(Report(HERE, {}, {"ingest": RAN}), [ROW, OTHER], tmp_path)
    text = (tmp_path / "docs" / "explanation" / "performance.md").read_text()
    assert "| ingest | ≥ 0.25 of the bare route | **0.30** | 0.20 to 0.40 | 800/s | 2026-11-27," in text
    assert "| start | ≤ 2.00 s | not run |" in text
    for document in tmp_path.glob("docs/**/*.md"):
        assert "old" not in document.read_text()
        assert {"before", "between", "after"} <= set(document.read_text().splitlines())


def test_a_document_without_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="no marks"):
        report.replaced("by hand", "the results", "table")


def test_a_row_that_was_not_run_says_why_and_no_older_figure_stands_for_it() -> None:
    before = Report(HERE, {}, {"ingest": RAN, "abolished": RAN})
    missing = report.result(ROW.without("no such commit"), "0123456789ab")
    merged = report.merged(before, Report(HERE, {}, {"ingest": missing}), [ROW, OTHER])
    assert list(merged.results) == ["ingest"]
    assert (
        "| not run | – | no such commit |" in report.documents(merged, [ROW])[report.DOCUMENT]["the results"]
    )


def test_results_of_other_versions_are_dropped() -> None:
    before = Report(HERE, {"sqlite": "3.53"}, {"ingest": RAN})
    assert report.merged(before, Report(HERE, {"sqlite": "3.54"}, {}), [ROW]).results == {}


def test_a_row_has_the_median_of_its_rounds_and_a_missed_goal_shows() -> None:
    row = ROW.measured("800/s", [0.1, 0.4, 0.2])
    assert (row.ratio, row.spread, row.verdict) == (0.2, (0.1, 0.4), "missed")
    measured = Report(HERE, {}, {"ingest": report.result(row, "0123456789ab")})
    table = report.documents(measured, [ROW])[report.DOCUMENT]["the results"]
    assert "| 0.20, missed | 0.10 to 0.40 |" in table


def test_measures_take_turns_at_being_first() -> None:
    calls: list[str] = []

    def measure(name: str, turn: int) -> float:
        calls.append(name)
        return turn

    figures = in_turns(2, ours=partial(measure, "ours"), theirs=partial(measure, "theirs"))
    assert calls == ["ours", "theirs", "theirs", "ours"]
    assert figures == {"ours": [0, 1], "theirs": [0, 1]}


def test_what_offices_need_follows_from_the_costs() -> None:
    figures = {row.name: 1.0 for row in sizing.ROWS}
    tables = scale_tables.parts(figures)
    assert "| nodes' cores: webhooks | 0.00278 | 0.28 | 2.78 |" in tables["the offices"]
    assert "| … watched boards | 0.10 | 10.0 | 100 |" in tables["the offices"]
    assert "| a webhook, one account, 64 at a time | 1.00 ms | 1.00 ms |" in tables["the costs"]
    del figures[sizing.BOARD.name]
    assert "| … watched boards | – | – | – |" in scale_tables.parts(figures)["the offices"]


def test_names_choose_benchmarks() -> None:
    assert [bench.name for bench in registry.chosen(["ingest"])] == ["ingest"]
    assert all(bench.quick for bench in registry.chosen(["quick"]))
    assert "scale" not in [bench.name for bench in registry.chosen([])]
    with pytest.raises(KeyError):
        registry.chosen(["nothing"])
