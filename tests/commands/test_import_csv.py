"""Files that are imported: what is said of those that cannot be, and the documents' own example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.calendar import parse_instant
from service.commands.crm import import_csv
from service.commands.crm.import_csv import ImportFailed
from tests.ledger.offices import OFFICE, FixedClock

CLOCK = FixedClock(parse_instant("2026-11-25T10:00:00+03:00"))
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "import.md"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"id;status;amount\n" + b"1;open;x\n" * 150, "and 50 more bad lines"),
        (b"id;status;amount\n", "there is no line after the first"),
        (b"a;b\n1;2\n", "there is no column for"),
        (b"x" * (import_csv.MAX_FILE + 1), "larger than 64 MiB"),
    ],
)
def test_what_cannot_be_imported_is_said_in_words(body: bytes, said: str) -> None:
    with pytest.raises(ImportFailed, match=said):
        import_csv.read(body, OFFICE, CLOCK, lambda _lines: None)


def test_progress_is_told_by_lines() -> None:
    progress: list[int] = []
    body = b"id;status;amount\n" + b"".join(b"%d;open;1\n" % number for number in range(2_500))
    import_csv.read(body, OFFICE, CLOCK, progress.append)
    assert progress == [1_000, 2_000]


def test_the_documents_example_can_be_imported() -> None:
    examples = re.findall(r"```csv\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    read = [import_csv.read(example.encode(), OFFICE, CLOCK, lambda _lines: None)[1] for example in examples]
    assert [(file.kind, file.entities, file.ignored) for file in read] == [
        ("deal", 2, ("Теги",)),
        ("task", 1, ()),
    ]
