"""`python -m tests.seeded [NAME …]`: put each seeded bug into a copy, and show that the suite goes red.

First the named tests run on a copy without a bug: they must be green, or their red would prove nothing.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tests.seeded.bugs import Bug, Verdict, bugs, check, copy_project, run_tests

AT_ONCE = 2


def main(names: list[str]) -> int:
    """Check the named bugs, or all; the exit code is 0 when each is caught, 2 when there is no such bug."""
    known = {bug.name: bug for bug in bugs()}
    if unknown := sorted(set(names) - known.keys()):
        click.echo(f"no bug is called {', '.join(unknown)}; the bugs are {', '.join(known)}", err=True)
        return 2
    chosen = [known[name] for name in names] if names else list(known.values())
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        control = _control(chosen, Path(folder))
        if control:
            click.echo(f"the tests fail without a bug:\n{control}")
            return 1
        verdicts = list(pool.map(lambda bug: _reported(check(bug, Path(folder))), chosen))
    caught = [verdict for verdict in verdicts if verdict.caught]
    click.echo(f"caught {len(caught)} of {len(verdicts)}")
    return int(len(caught) < len(verdicts))


def _control(chosen: list[Bug], folder: Path) -> str:
    """What the named tests print on a sound copy; empty when they are green."""
    copied = folder / "sound"
    copied.mkdir()
    copy_project(copied)
    done = run_tests(copied, sorted({test for bug in chosen for test in bug.caught_by}))
    return done.stdout + done.stderr if done.returncode else ""


def _reported(verdict: Verdict) -> Verdict:
    click.echo(f"{'caught' if verdict.caught else 'MISSED'}  {verdict.bug.name}: {verdict.bug.sentence}")
    if not verdict.caught:
        click.echo(verdict.output)
    return verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
