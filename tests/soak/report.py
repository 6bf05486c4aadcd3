"""RELIABILITY.json: what each experiment counted in its last run; table: docs/explanation/reliability.md.

An experiment that fails leaves the file, so that no older success stands for it. Results of another machine
or of other versions leave it too, when the first one is measured again.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
import psutil

from scripts import checkout
from service.ledger.database.sqlite import driver
from tests.soak.experiments import EXPERIMENTS

ROOT: Final = Path(__file__).resolve().parents[2]
FILE: Final = ROOT / "RELIABILITY.json"
DOCUMENT: Final = ROOT / "docs" / "explanation" / "reliability.md"

BEGIN: Final = "<!-- the table: written by make soak -->\n"
END: Final = "<!-- the end of the table -->\n"

Counts: TypeAlias = Mapping[str, int | float | str]

LIBRARIES: Final = ("uvicorn", "starlette", "sqlalchemy", "psycopg", "sse-starlette", "pysqlite3")


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it ran."""

    architecture: str
    system: str
    cores: int
    memory_gib: int


class Ran(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One experiment's run. With a scale of 1 it had its full length."""

    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
    commit: Annotated[str, msgspec.Meta(min_length=7)]
    seed: int
    scale: Annotated[float, msgspec.Meta(gt=0, le=1)]
    seconds: int
    counts: Annotated[dict[str, int | float | str], msgspec.Meta(min_length=1)]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    machine: Machine
    versions: dict[str, str]
    experiments: dict[str, Ran]


def read(path: Path = FILE) -> Report:
    """The file's content, checked.

    Raises:
        msgspec.ValidationError: It has another form.
    """
    return msgspec.json.decode(path.read_bytes(), type=Report)


def merged(before: Report | None, here: Report) -> Report:
    """The results from before, which those from here replace, in the order of `EXPERIMENTS`."""
    if before is None or (before.machine, before.versions) != (here.machine, here.versions):
        return here
    ran = {**before.experiments, **here.experiments}
    return Report(here.machine, here.versions, {name: ran[name] for name in EXPERIMENTS if name in ran})


def without(report: Report, name: str) -> Report:
    """A report in which an experiment has no result."""
    left = {kept: ran for kept, ran in report.experiments.items() if kept != name}
    return Report(report.machine, report.versions, left)


def write(report: Report, path: Path = FILE, document: Path = DOCUMENT) -> None:
    """Write the file, and its table into the document."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(before + BEGIN + table(report) + END + after, encoding="utf-8")


def table(report: Report) -> str:
    """The report as Markdown."""
    machine, versions = report.machine, report.versions
    where = f"{machine.architecture}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}"
    what = ", ".join(f"{name} {version}" for name, version in versions.items())
    rows = "".join(
        f"| {name} | {_length(ran.scale)} | {_figures(ran.counts)} | {ran.seconds} s | {ran.seed} "
        f"| {ran.date}, {ran.commit} |\n"
        for name, ran in report.experiments.items()
    )
    head = "| experiment | length | counted | took | seed | when, commit |\n" + "| --- " * 6 + "|\n"
    return f"\n{where}; {what}.\n\n{head}{rows}\n"


def _length(scale: float) -> str:
    return "full" if scale == 1 else f"{scale:g} of the full length"


def _figures(counts: Counts) -> str:
    return ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in counts.items()
    )


def machine() -> Machine:
    """This machine."""
    memory = round(psutil.virtual_memory().total / 2**30)
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return Machine(platform.machine(), system, os.cpu_count() or 1, memory)


def versions() -> dict[str, str]:
    """The versions that results depend on."""
    return {
        "python": platform.python_version(),
        "sqlite": driver.sqlite_version,
        "postgresql": _postgresql(),
        **{name: metadata.version(name) for name in LIBRARIES},
    }


def _postgresql() -> str:
    from tests import databases  # looks for a folder for its lock when it is imported

    return databases.postgresql_version()


def commit() -> str:
    """The checkout's commit; see there."""
    return checkout.commit([FILE, DOCUMENT])
