"""The boards that a wall shows in turns."""

from __future__ import annotations

from service.live.board.rotation import Stop, parse_rotation


def test_a_rotation_has_boards_pipelines_and_managers_each_with_its_time() -> None:
    assert parse_rotation("") == ()
    assert parse_rotation("all@60, pipeline:1,manager:-,office-2/manager:%D0%90%2C%2F,office-2/all@5") == (
        Stop(None, (), 60),
        Stop(None, (("pipeline", "1"),), None),
        Stop(None, (("manager", ""),), None),
        Stop("office-2", (("manager", "А,/"),), None),
        Stop("office-2", (), 5),
    )
