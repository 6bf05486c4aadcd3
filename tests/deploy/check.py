"""Runs beside the service under systemd, in the machine that `machine` boots, and writes what it finds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.request import urlopen

FOUND: dict[str, object] = {}


def systemctl(*arguments: str) -> str:
    """What systemd answers."""
    return subprocess.run(
        ["systemctl", *arguments], capture_output=True, text=True, check=False
    ).stdout.strip()


def shown(name: str) -> str:
    """A property of the service's unit."""
    return systemctl("show", "--value", f"--property={name}", "lossboard")


def ready() -> str:
    """What the service answers."""
    with urlopen("http://127.0.0.1:8000/readyz", timeout=30) as answer:
        return str(answer.read().decode())


FOUND["active"], FOUND["status"], FOUND["ready"] = (
    systemctl("is-active", "lossboard"),
    shown("StatusText"),
    ready(),
)
process = int(shown("MainPID"))
status = dict(
    line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":\t" in line
)
FOUND["rights"] = [status[name] for name in ("CapEff", "NoNewPrivs", "Seccomp")]
systemctl("start", "lossboard-backup")
FOUND["backups"] = [oct(path.stat().st_mode & 0o777) for path in Path("/var/lib/lossboard-backups").iterdir()]
os.kill(process, signal.SIGSTOP)  # it hangs
end = time.monotonic() + 120
while time.monotonic() < end and (
    shown("MainPID") in {"0", str(process)} or systemctl("is-active", "lossboard") != "active"
):
    time.sleep(0.3)
FOUND["restarts"], FOUND["ready again"] = shown("NRestarts"), ready()
systemctl("stop", "lossboard")
FOUND["stopped"] = [shown("Result"), shown("ExecMainStatus")]
Path("/result.json").write_text(json.dumps(FOUND))
