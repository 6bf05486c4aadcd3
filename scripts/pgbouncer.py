"""Makes sure that there is a PgBouncer for the tests; if the system has none, it installs Debian's.

It uses the network only if there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

ENVIRONMENT = "LOSSBOARD_PGBOUNCER"
"""The environment variable that can name another executable."""

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

COMMANDS = (
    ("apt-get", "update", "-q"),
    ("apt-get", "install", "-y", "-q", "--no-install-recommends", "pgbouncer"),
)


def pgbouncer() -> str | None:
    """The path of the configured PgBouncer, or of the system's; None if there is none."""
    return shutil.which(os.environ.get(ENVIRONMENT, "pgbouncer"), path=PLACES)


def _install() -> None:
    for command in COMMANDS:
        print("+", " ".join(command), flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(command, check=False, timeout=600, env=environment)


def main() -> int:
    """Install PgBouncer if needed; the exit code is 0 if there is one now."""
    if not pgbouncer() and os.geteuid() == 0 and shutil.which("apt-get"):
        print("No PgBouncer is installed: installing one for the tests.", flush=True)
        _install()
    if pgbouncer():
        return 0
    print(f"No PgBouncer: install it, or give its path with {ENVIRONMENT}=PATH.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
