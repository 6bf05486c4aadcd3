"""A short storm over three nodes (`make soak` runs a long one), and a test of its checker."""

from __future__ import annotations

from tests.chaos.checker import set_problems
from tests.chaos.storm import Plan, report, run


def test_nothing_is_lost_or_applied_twice_and_every_screen_is_right_after_a_storm() -> None:
    plan = Plan(seed=20261125, node_kills=2, node_freezes=1, database_kills=1)
    result = run(plan)
    assert result.problems == [], report(result)
    assert result.strokes == {
        "kill a node": 2,
        "freeze a node": 1,
        "stop a node": 1,
        "kill a worker": 1,
        "kill the database": 1,
    }
    assert result.acknowledged > 50
    assert result.events > plan.screens
    assert result.streams > plan.screens, "no screen had to move to another node"
    assert result.slowest < 20, "a sender was left waiting"


def test_the_checker_finds_what_is_lost_doubled_or_invented() -> None:
    assert list(set_problems({"a", "b", "c"}, {"a"}, ["a", "b"])) == []
    assert list(set_problems({"a", "b"}, {"a", "b"}, ["a"])) == ["1 acknowledged deliveries are lost: ['b']"]
    assert list(set_problems({"a"}, set(), ["a", "a"])) == ["1 deliveries were applied twice: ['a']"]
    assert list(set_problems({"a"}, set(), ["a", "z"])) == ["1 deliveries were never sent: ['z']"]
