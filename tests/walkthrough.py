"""Documents that show whole files and patches of code, followed in a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]


def blocks(document: str, language: str) -> dict[str, str]:
    """The document's code of a language, by the path that stands before each block."""
    found = re.findall(rf"^`([\w./]+)`\n\n```{language}\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)
    return dict(found)


def patched(text: str, patch: str) -> str:
    """A text after a patch, whose hunks are separated by `@@` lines and must each fit in one place."""
    for hunk in re.split(r"^@@\n", patch, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, hunk
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Copy:
    """A copy of some of the repository, in which a document was followed."""

    folder: Path
    original: dict[str, bytes]

    def changed(self) -> set[str]:
        """The files that are not as they were, or were not there."""
        now = _files(self.folder)
        return {
            path for path in now.keys() | self.original.keys() if now.get(path) != self.original.get(path)
        }

    def run(self, *arguments: str, **variables: str) -> str:
        """What a Python program prints, which runs in the copy to a good end and leaves nothing there."""
        environment = {
            **os.environ,
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder.with_name("hypothesis")),
            "MYPY_CACHE_DIR": str(self.folder.with_name("mypy")),
            "PYTHONPATH": str(self.folder),
            "PYTHONPYCACHEPREFIX": str(self.folder.with_name("bytecode")),
            "RUFF_NO_CACHE": "true",
            **variables,
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def followed(document: str, folder: Path, copied: Sequence[str], languages: Sequence[str] = ()) -> Copy:
    """Copy files and folders, without what tools left there, and do what a document shows: write its Python
    files and those of more `languages`, and apply its patches."""
    for name in copied:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copyfile(ROOT / name, target)
    original = _files(folder)
    written = {path: text for kind in ("python", *languages) for path, text in blocks(document, kind).items()}
    for path, patch in blocks(document, "diff").items():
        written[path] = patched(original[path].decode(), patch)
    for path, text in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return Copy(folder, original)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
