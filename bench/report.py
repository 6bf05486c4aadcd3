"""PERFORMANCE.json: what each row came to in its last run; and its tables in performance.md and scale.md of
docs/explanation, whose other text is written by hand and kept.

Results of another machine, or of other versions, are dropped when the first row is measured again. A
row that could not be measured says why, so that no older figure stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

import msgspec

from bench import scale_tables
from bench.rows import Row, number
from bench.service import ROOT
from scripts import checkout
from tests.soak.report import Machine, machine, versions

FILE: Final = ROOT / "PERFORMANCE.json"
DOCUMENT: Final = ROOT / "docs" / "explanation" / "performance.md"
SCALE: Final = ROOT / "docs" / "explanation" / "scale.md"

BEGIN: Final = "<!-- {part}: written by make bench -->\n"
END: Final = "<!-- the end of {part} -->\n"

LIBRARIES: Final = ("msgspec", "uvloop", "httptools")


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of a row: its figure, or why there is none."""

    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    commit: Annotated[str, msgspec.Meta(min_length=7)]
    value: str = ""
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    missing: str = ""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    machine: Machine
    versions: dict[str, str]
    results: dict[str, Result]


def read(path: Path = FILE) -> Report | None:
    """The file's content, checked; None if there is no file.

    Raises:
        msgspec.ValidationError: It has another form.
    """
    return msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else None


def here() -> Report:
    """A report of this machine without a result."""
    return Report(machine(), versions() | {name: metadata.version(name) for name in LIBRARIES}, {})


def result(row: Row, commit: str) -> Result:
    """What came of a row, as of today."""
    today = datetime.now(UTC).date().isoformat()
    return Result(today, commit, row.value, row.ratio, row.spread, row.missing)


def merged(before: Report | None, new: Report, rows: Sequence[Row]) -> Report:
    """The results from before, which the new ones replace, in the order of the rows. What is no row any more
    is dropped."""
    kept: Mapping[str, Result] = {}
    if before is not None and (before.machine, before.versions) == (new.machine, new.versions):
        kept = before.results
    both = {**kept, **new.results}
    return Report(new.machine, new.versions, {row.name: both[row.name] for row in rows if row.name in both})


def write(report: Report, rows: Sequence[Row], folder: Path = ROOT) -> None:
    """Write the file, and its tables into the documents."""
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (folder / FILE.relative_to(ROOT)).write_bytes(encoded + b"\n")
    for document, parts in documents(report, rows).items():
        path = folder / document.relative_to(ROOT)
        text = path.read_text(encoding="utf-8")
        for part, written in parts.items():
            text = replaced(text, part, written)
        path.write_text(text, encoding="utf-8")


def documents(report: Report, rows: Sequence[Row]) -> dict[Path, dict[str, str]]:
    """What each document quotes, by the part's name."""
    figures = {name: result.ratio for name, result in report.results.items() if result.ratio is not None}
    performance = {
        "the machine": _machine(report),
        "the results": _table(report, [row for row in rows if row.goal is not None]),
        "other figures": _table(report, [row for row in rows if row.goal is None]),
        "the rows": _told(rows),
    }
    return {DOCUMENT: performance, SCALE: {"the machine": _machine(report), **scale_tables.parts(figures)}}


def replaced(text: str, part: str, written: str) -> str:
    """A document in which what stands between a part's marks is replaced; all else is kept.

    Raises:
        ValueError: It does not have the marks.
    """
    begin, end = BEGIN.format(part=part), END.format(part=part)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the document has no marks of {part}")
    return before + begin + written + end + after


def _machine(report: Report) -> str:
    place = report.machine
    where = f"{place.architecture}, {place.cores} cores, {place.memory_gib} GiB, {place.system}"
    what = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    return f"\n{where}; {what}.\n\n"


def _table(report: Report, rows: Iterable[Row]) -> str:
    head = "| what | goal | figure | spread | measured | when, commit |\n" + "| --- " * 6 + "|\n"
    lines = "".join(_line(row, report.results.get(row.name)) for row in rows)
    return f"\n{head}{lines}\n"


def _line(row: Row, result: Result | None) -> str:
    goal = "–" if row.goal is None else str(row.goal)
    if result is None:
        return f"| {row.name} | {goal} | not run | – | – | – |\n"
    when = f"{result.date}, {result.commit}"
    if result.ratio is None or result.spread is None:
        return f"| {row.name} | {goal} | not run | – | {result.missing} | {when} |\n"
    figure = number(result.ratio)
    if row.goal is not None:
        figure = f"**{figure}**" if row.goal.reached(result.ratio) else f"{figure}, missed"
    low, high = map(number, result.spread)
    return f"| {row.name} | {goal} | {figure} | {low} to {high} | {result.value} | {when} |\n"


def _told(rows: Iterable[Row]) -> str:
    """How the rows are measured; those that are measured alike, together."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row.how, []).append(row.name)
    return "\n" + "".join(f"- {how} ({'; '.join(named)})\n" for how, named in names.items()) + "\n"


def commit() -> str:
    """The checkout's commit; see there."""
    return checkout.commit([FILE, DOCUMENT, SCALE])
