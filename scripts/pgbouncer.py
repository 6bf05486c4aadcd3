"""Makes sure that there is a PgBouncer for the tests: the system's, else Debian's, which it installs.

No network is used when there is one already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

ENVIRONMENT = "LOSSBOARD_PGBOUNCER"
"""Names another executable."""

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

COMMANDS = (
    ("apt-get", "update", "-q"),
    ("apt-get", "install", "-y", "-q", "--no-install-recommends", "pgbouncer"),
)


def pgbouncer() -> str | None:
    """The path of the PgBouncer that was named, else of one that is installed on the system."""
    return shutil.which(os.environ.get(ENVIRONMENT, "pgbouncer"), path=PLACES)


def _install() -> None:
    for command in COMMANDS:
        print("+", " ".join(command), flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, check=False, timeout=600, env=environment)


def main() -> int:
    """Exit code 0 when there is one."""
    if not pgbouncer() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("No PgBouncer is installed: installing one for the tests.", flush=True)
        _install()
    if pgbouncer():
        return 0
    print(f"No PgBouncer: install one, or name one with {ENVIRONMENT}=PATH.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
