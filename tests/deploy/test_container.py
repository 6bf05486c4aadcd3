"""The container's files: their linters find nothing, and they agree with the service. (`make soak` builds the
image and runs it.)"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

from scripts.programs import program
from service.http.supervisor import STOP_SECONDS

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: Final = sorted(ROOT.glob("compose*.yaml"))
HEALTH: Final = json.loads(re.findall(r"CMD (\[.*\])", DOCKERFILE)[0])
"""The command of HEALTHCHECK."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_linter_finds_nothing_in_the_dockerfile(tmp_path: Path) -> None:
    hadolint = program("hadolint")
    assert hadolint is not None
    found = run(hadolint, "--failure-threshold", "style", str(ROOT / "Dockerfile"))
    assert (found.returncode, found.stdout) == (0, "")
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp\n", encoding="utf-8")
    assert run(hadolint, str(tmp_path / "Dockerfile")).returncode != 0


def test_compose_files_are_what_the_specification_says(tmp_path: Path) -> None:
    assert [path.name for path in COMPOSE] == ["compose.postgres.yaml", "compose.yaml"]
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    (tmp_path / "wrong.yaml").write_text(
        "services: {lossboard: {read_only: perhaps, port: 1}}", encoding="utf-8"
    )
    found = run(*check, *map(str, COMPOSE), str(tmp_path / "wrong.yaml"))
    assert found.returncode != 0
    assert set(re.findall(r"(\S+\.yaml)::", found.stdout)) == {str(tmp_path / "wrong.yaml")}


def service_of(path: Path) -> dict[str, Any]:
    """What a compose file says of the service."""
    found: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["services"]["lossboard"]
    return found


def test_the_container_may_do_little_more_than_it_must() -> None:
    service = service_of(ROOT / "compose.yaml")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert int(service["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0


def test_the_image_keeps_its_data_where_compose_has_its_volume() -> None:
    (folder,) = re.findall(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE)
    volumes = [volume.split(":") for volume in service_of(ROOT / "compose.yaml")["volumes"]]
    assert [place for name, place, *_ in volumes if name == "data"] == [folder]
    assert f"WORKDIR {folder}\n" in DOCKERFILE


@pytest.mark.parametrize("line", [line for line in DOCKERFILE.splitlines() if line.startswith("COPY ")])
def test_what_the_image_is_made_of_is_sent_to_the_builder(line: str) -> None:
    sent = [
        kept[1:]
        for kept in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if kept[:1] == "!"
    ]
    assert [pattern for pattern in sent if not list(ROOT.glob(pattern))] == []
    for name in [] if "--from" in line else line.split()[1:-1]:
        assert name == "." or any(Path(name).match(pattern) for pattern in sent), name
