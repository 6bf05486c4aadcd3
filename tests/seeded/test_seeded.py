"""The suite catches the bugs that are seeded here: a sample of them, for `make soak` checks them all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.seeded.bugs import Bug, apply, bugs, check, copy_project

ROOT: Final = Path(__file__).resolve().parents[2]
BUGS: Final = {bug.name: bug for bug in bugs()}
SAMPLE: Final = ("flow-retracts-nothing", "merge-older-version-wins")


def test_every_bug_says_what_it_breaks_and_which_tests_catch_it() -> None:
    assert [bug.name for bug in BUGS.values() if not bug.sentence or not bug.caught_by] == []
    assert len(BUGS) >= 40


def test_the_tests_that_catch_a_bug_are_there() -> None:
    def is_there(test: str) -> bool:
        path, _, name = test.partition("::")
        return f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")

    assert [
        test for bug in BUGS.values() for test in bug.caught_by if "::" in test and not is_there(test)
    ] == []


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copy_project(folder)
    return folder


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_every_bug_fits_the_code(bug: Bug, copied: Path) -> None:
    apply(bug, copied, only_check=True)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_bug_turns_the_suite_red(name: str, tmp_path: Path) -> None:
    verdict = check(BUGS[name], tmp_path)
    assert verdict.caught, verdict.output
