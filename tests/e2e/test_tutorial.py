"""Who follows the tutorial gets from an empty folder to the figures that it names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.ports import free_ports
from tests.walked import steps, walked

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial"


@pytest.mark.parametrize("page", ["first-board.md", "first-board.ru.md"])
def test_each_step_does_what_the_tutorial_says(page: str, tmp_path: Path) -> None:
    [script] = re.findall(r"```python\n(.*?)```", (TUTORIAL / "first-board.md").read_text("utf-8"), re.DOTALL)
    [port] = map(str, free_ports(1))
    (tmp_path / "send.py").write_text(script.replace("8000", port), encoding="utf-8")
    document = (TUTORIAL / page).read_text(encoding="utf-8").replace("8000", port)
    with walked(document, tmp_path):
        token = tomllib.loads((tmp_path / "lossboard.toml").read_text("utf-8"))["accounts"][0]["viewer_token"]
        address = f"http://127.0.0.1:{port}/boards/office/snapshot"
        board = httpx.get(address, headers={"authorization": f"Bearer {token}"}).json()
    assert board["losses"]["controllable"]["amount"] == "45000.00"
    saved = board["at_risk"]["saved_today"]
    assert (saved["clients"], saved["amount"]) == (1, "5184.00")


def test_the_commands_are_the_same_in_both_languages() -> None:
    english, russian = (
        [step.command.split()[:2] for step in steps((TUTORIAL / name).read_text(encoding="utf-8"))]
        for name in ("first-board.md", "first-board.ru.md")
    )
    assert english == russian
    assert len(english) == 9
