"""Makes sure that the programs, libraries and fonts are there that tests need; what the system does not
have, it installs from Debian.

It uses the network only if something is missing.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNPACKED: Final = (
    Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache") / "lossboard" / "programs"
)
"""Where packages are unpacked that would start a server if they were installed."""

PLACES: Final = os.pathsep.join(
    (
        os.environ.get("PATH", ""),
        "/usr/sbin",
        "/usr/local/sbin",
        str(UNPACKED / "usr" / "sbin"),
        str(UNPACKED / "usr" / "bin"),
        str(Path(sys.executable).parent),
    )
)
LIBRARIES: Final = ("/usr/lib/fiu", "/usr/local/lib/fiu", "/usr/lib64/fiu")


def _variable(name: str) -> str:
    return f"LOSSBOARD_{name.upper().replace('-', '_')}"


def program(name: str) -> str | None:
    """The path of a program: the one that LOSSBOARD_<NAME> in the environment names, or the system's; None if
    there is none."""
    return shutil.which(os.environ.get(_variable(name), name), path=PLACES)


def fault_library() -> str | None:
    """The path of libfiu's library that stands before the system's calls; None if there is none."""
    named = os.environ.get("LOSSBOARD_FIU")
    paths = [named] if named else [f"{folder}/fiu_posix_preload.so" for folder in LIBRARIES]
    return next((path for path in paths if Path(path).exists() and _loads("libfiu.so.0")), None)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


TRUETYPE: Final = "/usr/share/fonts/truetype"
FONTS: Final = {
    "DejaVu": (f"{TRUETYPE}/dejavu/DejaVuSans.ttf", f"{TRUETYPE}/dejavu/DejaVuSans-Bold.ttf"),
    "Noto": (f"{TRUETYPE}/noto/NotoSans-Regular.ttf", f"{TRUETYPE}/noto/NotoSans-Bold.ttf"),
    "Roboto": tuple(
        f"{TRUETYPE}/roboto/unhinted/RobotoTTF/Roboto-{weight}.ttf" for weight in ("Regular", "Bold")
    ),
}
"""The regular and the bold font of each family in which the page's layout is measured."""


def font(family: str) -> str | None:
    """The path of a family's regular font; None if a font of it is not there."""
    return FONTS[family][0] if all(Path(path).exists() for path in FONTS[family]) else None


@dataclass(frozen=True, slots=True)
class Needed:
    """Something that tests need, how it is found, and Debian's package that has it, which is installed or
    unpacked into `UNPACKED`."""

    name: str
    find: Callable[[], str | None]
    package: str
    is_unpacked: bool = False


NEEDED: Final = (
    Needed("PgBouncer", lambda: program("pgbouncer"), "pgbouncer"),
    Needed("strace", lambda: program("strace"), "strace"),
    Needed("nginx", lambda: program("nginx"), "nginx", is_unpacked=True),
    Needed("promtool", lambda: program("promtool"), "prometheus", is_unpacked=True),
    Needed("openssl", lambda: program("openssl"), "openssl"),
    Needed("systemd-analyze", lambda: program("systemd-analyze"), "systemd"),
    Needed("libfiu", fault_library, "libfiu0"),
    Needed("DejaVu", lambda: font("DejaVu"), "fonts-dejavu-core"),
    Needed("Noto", lambda: font("Noto"), "fonts-noto-core"),
    Needed("Roboto", lambda: font("Roboto"), "fonts-roboto-unhinted"),
)


def _missing() -> list[Needed]:
    return [needed for needed in NEEDED if not needed.find()]


def install(packages: list[str]) -> None:
    """Install packages of Debian, as far as they can be."""
    _run("apt-get", "update", "-q")
    if packages:
        _run("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)


def unpack(packages: list[str]) -> None:
    """Unpack packages of Debian into `UNPACKED`, as far as they can be."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for package in packages:
            _run("apt-get", "download", "-q", package, folder=folder)
        for path in Path(folder).glob("*.deb"):
            _run("dpkg", "-x", str(path), str(UNPACKED))


def _run(*command: str, folder: str | None = None) -> None:
    print("+", " ".join(command), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=False, timeout=600, env=environment, cwd=folder)


def main() -> int:
    """Install what is missing; the exit code is 0 if everything is there now."""
    missing = _missing()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing for the tests: {', '.join(needed.name for needed in missing)}", flush=True)
        install([needed.package for needed in missing if not needed.is_unpacked])
        unpack([needed.package for needed in missing if needed.is_unpacked])
    for needed in _missing():
        variable = "LOSSBOARD_FIU" if needed.find is fault_library else _variable(needed.name)
        how = "" if needed.name in FONTS else f", or give its path with {variable}=PATH"
        print(f"No {needed.name}: install it{how}.", file=sys.stderr)
    return 1 if _missing() else 0


if __name__ == "__main__":
    sys.exit(main())
